"""Hot spots: the statistic by its definition, chances by counting all draws, and false alarms."""

import itertools
import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy import stats

import gridkit as gk
from gridkit.evaluation.clusters import false_discovery


def lattice(nx, ny, values=None):
    squares = [
        shapely.box(100 * i, 100 * j, 100 * i + 100, 100 * j + 100)
        for j in range(ny)
        for i in range(nx)
    ]
    table = {"cell_code": [f"C{k:04}" for k in range(nx * ny)]}
    cells = gpd.GeoDataFrame(table, geometry=squares, crs=4549)
    return cells if values is None else cells.assign(value=values)


def around(nx, ny, k):
    """Neighbours of a square across its sides, itself first."""
    i, j = k % nx, k // nx
    steps = [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]
    return [(j + b) * nx + i + a for a, b in steps if 0 <= i + a < nx and 0 <= j + b < ny]


def test_z_by_its_definition():
    rng = np.random.default_rng(1)
    x = rng.gamma(1.0, 50.0, 42)
    found = gk.hotspots(lattice(7, 6), pd.Series(x))
    mean = sum(x) / 42
    s = math.sqrt(sum(v * v for v in x) / 42 - mean**2)
    for k in range(42):
        near = around(7, 6, k)
        w = len(near)
        z = (sum(x[n] for n in near) - mean * w) / (s * math.sqrt((42 * w - w * w) / 41))
        assert found["z"].iloc[k] == pytest.approx(z)
    assert found["neighbours"].tolist() == [len(around(7, 6, k)) - 1 for k in range(42)]


def test_chances_by_counting_every_draw():
    rng = np.random.default_rng(2)
    x = rng.integers(0, 30, 12).astype(float)
    found = gk.hotspots(lattice(4, 3), pd.Series(x), permutations=9_999)
    for k in range(12):
        near = around(4, 3, k)[1:]
        own = sum(x[n] for n in near)
        rest = np.delete(x, k)
        sums = np.array([sum(c) for c in itertools.combinations(rest, len(near))])
        exact = min(1.0, 2 * min((sums >= own).mean(), (sums <= own).mean()))
        assert found["p"].iloc[k] == pytest.approx(exact, abs=0.03)


def test_a_cluster_is_found_and_nothing_else():
    rng = np.random.default_rng(3)
    x, y = np.arange(400) % 20, np.arange(400) // 20
    inside = (x >= 4) & (x <= 8) & (y >= 5) & (y <= 9)
    low = (x >= 14) & (x <= 18) & (y >= 12) & (y <= 16)
    values = rng.normal(100, 10, 400) + 60 * inside - 60 * low
    found = gk.hotspots(lattice(20, 20), pd.Series(values))
    hot, cold = found["kind"].eq("hot").to_numpy(), found["kind"].eq("cold").to_numpy()
    near = shapely.box(300, 400, 1_000, 1_100)
    assert hot[inside].mean() > 0.8
    assert found.geometry[hot].within(near).all()
    assert cold[low].mean() > 0.8
    assert (found["q"] >= found["p"]).all()


def test_shuffled_values_give_no_discovery():
    rng = np.random.default_rng(4)
    cells, values = lattice(16, 16), rng.gamma(0.8, 40.0, 256)
    runs = [
        gk.hotspots(cells, pd.Series(rng.permutation(values)), seed=i)["kind"].ne("").any()
        for i in range(40)
    ]
    assert sum(runs) <= 4


def test_no_data_islands_and_constants():
    values = np.arange(24.0)
    values[[3, 4]] = np.nan
    found = gk.hotspots(lattice(6, 4), pd.Series(values))
    assert found.loc[[3, 4], ["value", "z", "p", "q"]].isna().all(axis=None)
    assert found.loc[[3, 4], "kind"].eq("").all()
    assert found["neighbours"].iloc[2] == 2  # its eastern one has no data
    island = lattice(3, 3)
    island.loc[8, "geometry"] = shapely.box(9_000, 0, 9_100, 100)
    alone = gk.hotspots(island, pd.Series([*range(8), 900.0]))
    assert (alone["neighbours"].iloc[8], alone["p"].iloc[8]) == (0, 1.0)
    flat = gk.hotspots(lattice(3, 3), pd.Series([5.0] * 9))
    assert (flat["z"].eq(0).all(), flat["kind"].eq("").all()) == (True, True)
    assert gk.hotspots(lattice(3, 3), pd.Series([np.nan] * 9))["z"].isna().all()


def test_values_by_code_by_order_and_by_column():
    rng = np.random.default_rng(5)
    cells = lattice(8, 8, rng.normal(size=64))
    by_column = gk.hotspots(cells, "value")
    by_order = gk.hotspots(cells, cells["value"].set_axis(range(100, 164)))
    shuffled = cells.set_index("cell_code")["value"].sample(frac=1, random_state=1)
    by_code = gk.hotspots(cells, shuffled)
    for other in (by_order, by_code):
        pd.testing.assert_frame_equal(pd.DataFrame(by_column), pd.DataFrame(other))
    missing = gk.hotspots(cells, shuffled.iloc[:60])
    assert missing["value"].isna().sum() == 4


def test_false_discovery_against_scipy():
    p = np.random.default_rng(6).random(200) ** 3
    assert false_discovery(p) == pytest.approx(stats.false_discovery_control(p))
    with_gap = np.append(p, np.nan)
    assert np.isnan(false_discovery(with_gap)[-1])
    assert false_discovery(with_gap)[:-1] == pytest.approx(false_discovery(p))


def test_bad_input():
    cells = lattice(3, 3)
    with pytest.raises(gk.OptionError, match="99 or more"):
        gk.hotspots(cells, pd.Series(range(9)), permutations=9)
    with pytest.raises(gk.OptionError, match="between 0 and 1"):
        gk.hotspots(cells, pd.Series(range(9)), level=5)
    with pytest.raises(gk.OptionError, match="per_km2"):
        gk.hotspots(cells, "per_km2")
    with pytest.raises(gk.SchemaError, match="10 values for 9 cells"):
        gk.hotspots(cells, pd.Series(range(10)))
    for wrong in ([*range(8), np.inf], [*range(8), "many"]):
        with pytest.raises(gk.SchemaError, match="finite"):
            gk.hotspots(cells, pd.Series(wrong))
    with pytest.raises(gk.CRSError):
        gk.hotspots(cells.to_crs(4326), pd.Series(range(9)))
