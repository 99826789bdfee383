"""Density: against an exact sum, and the laws it must keep."""

# ruff: noqa: PD011 - a Density has values

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.affinity import rotate, translate

from gridkit.errors import CRSError, GeometryError, OptionError, SchemaError
from gridkit.evaluation.heat import densities, density

CRS = 4549
H = 150.0
LAND = shapely.box(0, 0, 3000, 3000)


def points(xy, crs=CRS):
    xy = np.asarray(xy, dtype=float).reshape(-1, 2)
    return gpd.GeoSeries.from_xy(xy[:, 0], xy[:, 1], crs=crs)


def centres(heat):
    ny, nx = heat.values.shape
    x = heat.x0 + (np.arange(nx) + 0.5) * heat.bin_m
    y = heat.y0 + (np.arange(ny) + 0.5) * heat.bin_m
    return np.meshgrid(x, y)


def exact(heat, xy, within=None, h=H):
    """Sum of Gaussians at the bin centres; the kernel mass inside by a fine sum of its own."""
    x, y = centres(heat)
    total = np.zeros_like(x)
    for px, py in xy:
        total += np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * h * h)) / (2 * np.pi * h * h)
    if within is None:
        return total * 1e6
    step = 7.0
    left, low, right, high = within.bounds
    fx, fy = np.arange(left, right, step) + step / 2, np.arange(low, high, step) + step / 2
    inside = shapely.contains_xy(within, *np.meshgrid(fx, fy)).astype(float)

    def kernel(a, b):
        return np.exp(-((a[:, None] - b) ** 2) / (2 * h * h)) * step / (np.sqrt(2 * np.pi) * h)

    return total / (kernel(y[:, 0], fy) @ inside @ kernel(x[0], fx).T) * 1e6


def ragged(seed=0):
    """A district with a bay, a hole and an island."""
    rng = np.random.default_rng(seed)
    turn = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radius = 1300 * (1 + 0.25 * np.sin(3 * turn) + 0.04 * rng.standard_normal(90))
    shell = np.c_[1503.7 + radius * np.cos(turn), 1411.2 + radius * np.sin(turn)]
    hole = [(1400, 1400), (1700, 1400), (1700, 1650), (1400, 1650)]
    island = shapely.box(3400, 300, 3900, 800)
    return shapely.unary_union([shapely.Polygon(shell, [hole]), island])


def test_matches_the_exact_sum_without_a_border():
    xy = np.random.default_rng(1).normal((500_000, 4_150_000), 600, (150, 2))
    heat = density(points(xy))
    truth = exact(heat, xy)
    matters = truth > 0.02 * truth.max()
    assert matters.sum() > 1000
    assert np.abs(heat.values / truth - 1)[matters].max() < 0.02
    assert np.abs(heat.values - truth).max() < 0.01 * truth.max()


def test_matches_the_exact_sum_with_a_ragged_border():
    district = ragged()
    xy = np.random.default_rng(2).uniform((0, 0), (4000, 3000), (600, 2))
    heat = density(points(xy), within=district)
    inside = xy[shapely.intersects_xy(district, xy[:, 0], xy[:, 1])]
    assert heat.n == len(inside) < len(xy)
    known = ~np.isnan(heat.values)
    np.testing.assert_array_equal(known, shapely.contains_xy(district, *centres(heat)))
    truth = exact(heat, inside, district)
    matters = known & (truth > 0.02 * np.nanmax(truth[known]))
    assert np.abs(heat.values / truth - 1)[matters].max() < 0.04


def test_the_integral_is_the_number_of_points():
    xy = np.random.default_rng(3).normal(0, 900, (400, 2))
    free = density(points(xy))
    assert free.values.sum() * free.bin_m**2 / 1e6 == pytest.approx(400, rel=1e-3)
    district = ragged()
    xy = np.random.default_rng(3).uniform((0, 0), (4000, 3000), (60_000, 2))
    bounded = density(points(xy), within=district)
    assert np.nansum(bounded.values) * bounded.bin_m**2 / 1e6 == pytest.approx(bounded.n, rel=0.01)


def test_even_points_give_an_even_density_up_to_the_border():
    side, gap = 3000.0, 10.0
    at = np.arange(gap / 2, side, gap)
    xy = np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2)
    flat = 1e6 / gap**2
    corrected = density(points(xy), within=shapely.box(0, 0, side, side))
    np.testing.assert_allclose(corrected.values, flat, rtol=0.01)
    plain = density(points(xy))
    edge = plain.values[:, np.searchsorted(centres(plain)[0][0], 0)]
    assert edge[len(edge) // 2] == pytest.approx(0.5 * flat, rel=0.1)  # what the correction mends


def test_a_border_between_the_bins_is_as_flat():
    """Bins cut by the border count by their share, wherever the border lies in them."""
    at = np.arange(5.0, 2000, 10)
    xy = np.stack(np.meshgrid(at, at), axis=-1).reshape(-1, 2)
    box = shapely.box(0, 0, 1990, 1990)
    for angle in (0, 17):
        within = rotate(box, angle, origin=(1000, 1000))
        turned = rotate(shapely.MultiPoint(xy), angle, origin=(1000, 1000))
        heat = density(points(shapely.get_coordinates(turned)), within=within)
        inner = heat.values[~np.isnan(heat.values)]
        assert np.abs(inner / 1e4 - 1).max() < 0.03


@pytest.mark.parametrize("shift", [(1000, -2500), (13.7, 8.1)])
def test_moving_everything_moves_the_picture(shift):
    district = ragged()
    xy = np.random.default_rng(4).uniform((0, 0), (4000, 3000), (300, 2))
    here = density(points(xy), within=district)
    there = density(points(xy + shift), within=translate(district, *shift))
    assert (there.x0 - here.x0, there.y0 - here.y0) == pytest.approx(shift, abs=1e-6)
    np.testing.assert_allclose(there.values, here.values, rtol=1e-6, atol=1e-9)


def test_densities_add_up():
    district = ragged()
    xy = np.random.default_rng(5).uniform((500, 500), (2500, 2500), (200, 2))
    parts = [density(points(p), within=district).values for p in (xy[:80], xy[80:])]
    np.testing.assert_allclose(
        density(points(xy), within=district).values, parts[0] + parts[1], atol=1e-9
    )


def test_one_point_peaks_where_it_lies():
    heat = density(points([[500_012.5, 4_150_012.5]]))
    assert heat.n == 1
    x, y = centres(heat)
    peak = np.unravel_index(heat.values.argmax(), heat.values.shape)
    assert np.hypot(x[peak] - 500_012.5, y[peak] - 4_150_012.5) < 20
    assert heat.values.max() == pytest.approx(1e6 / (2 * np.pi * H * H), rel=0.02)


def test_points_outside_are_not_used():
    box = shapely.box(0, 0, 1000, 1000)
    alone = density(points([[500, 500]]), within=box)
    crowd = density(points([[500, 500], [1001, 500], [-5000, 80]]), within=box)
    assert crowd.n == 1
    np.testing.assert_array_equal(crowd.values, alone.values)
    assert density(points([[0, 0], [1000, 400]]), within=box).n == 2  # the border is inside


def test_nothing_to_count():
    box = shapely.box(0, 0, 1000, 500)
    heat = density(points([]), within=box)
    assert heat.n == 0
    assert heat.values.shape == (20, 40)
    assert (heat.values == 0).all()
    assert density(points([])).values.shape == (0, 0)


def test_null_and_empty_points_are_skipped():
    some = gpd.GeoSeries([None, shapely.Point(), shapely.Point(500, 500)], crs=CRS)
    frame = gpd.GeoDataFrame(geometry=some)
    assert density(some, within=shapely.box(0, 0, 1000, 1000)).n == 1
    assert density(frame, within=gpd.GeoSeries([shapely.box(0, 0, 1000, 1000)], crs=CRS)).n == 1


def test_within_may_be_a_table_of_parts():
    halves = [shapely.box(0, 0, 500, 1000), shapely.box(500, 0, 1000, 1000)]
    table = gpd.GeoDataFrame(geometry=halves, crs=CRS)
    xy = np.random.default_rng(6).uniform(0, 1000, (100, 2))
    whole = density(points(xy), within=shapely.box(0, 0, 1000, 1000))
    np.testing.assert_allclose(density(points(xy), within=table).values, whole.values, rtol=1e-9)


def test_the_method_is_said_in_both_languages():
    bounded = density(points([[500, 500]]), within=shapely.box(0, 0, 1000, 1000), bandwidth_m=80)
    assert bounded.method == "gaussian, edge-corrected"
    assert "80 米" in bounded.describe("zh")
    assert "corrected" in bounded.describe("en")
    assert "corrected" not in density(points([[0, 0]])).describe("en")


def test_what_cannot_be_used_is_refused():
    ok, box = points([[1, 1]]), shapely.box(0, 0, 100, 100)
    with pytest.raises(CRSError):
        density(points([[121.4, 37.5]], crs=4326))
    with pytest.raises(CRSError):
        density(points([[1, 1]], crs=None))
    with pytest.raises(CRSError):
        density(ok, within=gpd.GeoSeries([box], crs=4547))
    with pytest.raises(GeometryError, match="1 row"):
        density(gpd.GeoSeries([box, shapely.Point(1, 1)], crs=CRS))
    with pytest.raises(GeometryError):
        density(ok, within=shapely.LineString([(0, 0), (1, 1)]))
    for sizes in ({"bandwidth_m": 40}, {"bin_m": 0}, {"bandwidth_m": np.nan}, {"bin_m": -5}):
        with pytest.raises(OptionError, match="bandwidth"):
            density(ok, **sizes)
    with pytest.raises(OptionError, match="bin_m=1424 with bandwidth_m=2848"):
        density(points([[0, 0], [9e6, 9e6]]))


def test_chunks_do_not_show(monkeypatch):
    within = ragged()
    xy = np.random.default_rng(2).uniform(0, 3000, (80, 2))
    whole = density(points(xy), within=within)
    monkeypatch.setattr("gridkit.evaluation.lattice.CHUNK", 7)
    assert np.allclose(
        density(points(xy), within=within).values, whole.values, rtol=1e-12, equal_nan=True
    )


def test_bins_know_which_points_are_inside():
    hole = shapely.box(1000, 1000, 1500.5, 1710)
    land = ragged().difference(hole).union(shapely.box(2990, 10, 3210, 33))
    xy = np.random.default_rng(3).uniform(-200, 3400, (20_000, 2))
    on_it = shapely.get_coordinates(land)
    xy = np.vstack([xy, np.round(xy / 25) * 25, on_it, (on_it[1:] + on_it[:-1]) / 2])
    inside = shapely.intersects_xy(land, *xy.T)
    assert density(points(xy), within=land).n == inside.sum()
    assert 0 < inside.sum() < len(xy)


@pytest.mark.parametrize("size", [(1e6, 1e6), (4e9, 10.0)])
def test_the_bins_that_are_advised_are_few_enough(size):
    land = shapely.box(0, 0, *size)
    with pytest.raises(OptionError) as caught:
        density(points([[1, 1]]), within=land)
    advised = float(re.search(r"Take bin_m=([\d.e+]+)", caught.value.en)[1])
    assert np.prod(np.ceil(np.array(size) / advised)) <= 40_000_000
    assert np.prod(np.ceil(np.array(size) / (advised / 1.1))) > 40_000_000


def homes(xy, count):
    return gpd.GeoDataFrame({"households": count}, geometry=points(xy).geometry.buffer(3), crs=CRS)


def test_the_density_per_households_is_the_ratio_of_exact_sums():
    rng = np.random.default_rng(4)
    xy, lived = rng.uniform(200, 2800, (400, 2)), rng.uniform(0, 3000, (900, 2))
    count = rng.integers(0, 60, 900)
    heat = density(points(xy), within=shapely.box(0, 0, 3000, 3000), households=homes(lived, count))
    x = heat.x0 + (np.arange(heat.values.shape[1]) + 0.5) * 25
    y = heat.y0 + (np.arange(heat.values.shape[0]) + 0.5) * 25

    def total(at, weight):
        apart = (x[None, :, None] - at[:, 0]) ** 2 + (y[:, None, None] - at[:, 1]) ** 2
        return (np.exp(-apart / (2 * 150.0**2)) * weight).sum(axis=2)

    wanted = 100 * total(xy, 1.0) / total(lived, count)
    assert heat.unit == "per_100_households"
    matters = np.isfinite(heat.values) & (wanted > 0.02 * wanted.max())
    assert matters.sum() > 5_000
    assert np.abs(heat.values / wanted - 1)[matters].max() < 0.04
    assert np.isnan(heat.values).sum() < 30


def test_where_few_live_no_rate_is_said():
    lived = homes([[500, 500], [2500, 2500]], [200, 3])
    heat = density(points([[500, 500], [2500, 2500]]), within=LAND, households=lived)
    assert heat.values[20, 20] == pytest.approx(0.5, rel=0.02)
    assert np.isnan(heat.values[100, 100])
    assert "每百户" in heat.describe()


def test_one_density_for_each_value_and_together_they_are_the_whole():
    rng = np.random.default_rng(6)
    made = points(rng.uniform(0, 3000, (500, 2))).to_frame("geometry")
    made["category"] = rng.choice(["E0405", "E0110", None], 500)
    hours = pd.to_timedelta(rng.integers(0, 24 * 200, 500), unit="h")
    made["reported_at"] = pd.Timestamp("2025-01-01", tz="Asia/Shanghai") + hours
    by = densities(made, "category", within=LAND)
    assert list(by) == ["E0110", "E0405"]
    assert list(densities(made.fillna({"category": ""}), "category", within=LAND)) == list(by)
    told = density(made[made["category"].notna()], within=LAND)
    assert np.allclose(sum(heat.values for heat in by.values()), told.values)
    for facet, parts in {"month": 7, "weekday": 7, "slot": 2, "hour": 24, "day_kind": 3}.items():
        parted = densities(made, facet, within=LAND)
        assert len(parted) == parts
        assert sum(heat.n for heat in parted.values()) == 500
    # 2025-01-01 17:00 UTC is the second of January in Shanghai, and a month later in February
    late = made.iloc[:1].assign(reported_at=pd.Timestamp("2025-01-31 17:00", tz="UTC"))
    assert list(densities(late, "month", within=LAND)) == ["2025-02"]


def test_what_cannot_be_parted_is_refused():
    made = points([[1, 1]]).to_frame("geometry").assign(category="E0405")
    with pytest.raises(OptionError, match="category"):
        densities(made, "categori", within=LAND)
    with pytest.raises(OptionError, match="61"):
        densities(points([[1, 1]] * 61).to_frame("geometry").assign(k=range(61)), "k", within=LAND)
    with pytest.raises(SchemaError, match="households"):
        density(points([[1, 1]]), within=LAND, households=made)
    with pytest.raises(SchemaError):
        density(points([[1, 1]]), within=LAND, households=homes([[1, 1]], [-3]))
