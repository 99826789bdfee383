import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from shapely.geometry import LineString

from gridkit.division.groups import group_labels
from gridkit.division.rebalancing import rebalance
from gridkit.errors import OptionError, SchemaError

A, B = "370602001001", "370602001002"


def town(make, nx=14, ny=12, into=30, seed=0, share=0.1):
    """Squares in balanced cells, some of which have grown by 1.6 since."""
    rng = np.random.default_rng(seed)
    load = rng.integers(5, 15, nx * ny).astype(float)
    units = make.squares(
        nx, ny, load=load, community_code=[A if i < nx // 2 else B for i in range(nx)] * ny
    )
    labels = group_labels(units, into=into)
    units["cell_code"] = [f"C{g:03d}" for g in labels]
    units["load"] = load * np.where(rng.random(nx * ny) < share, 1.6, 1.0)
    return units


def assert_cells(look, before, after):
    assert set(after["cell_code"]) == set(before["cell_code"])
    near = look.rook(after.geometry.to_numpy())
    for rows in pd.Series(range(len(after))).groupby(after["cell_code"].to_numpy()):
        assert look.in_one_piece(rows[1].tolist(), near)
    assert after.groupby("cell_code")["community_code"].nunique().max() == 1


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**4), most=st.sampled_from([0.0, 0.02, 0.05, 1.0]))
def test_laws(make, look, seed, most):
    units = town(make, seed=seed)
    made = rebalance(units, max_changed=most)
    assert_cells(look, units, made.units)
    assert_frame_equal(made.units.drop(columns="cell_code"), units.drop(columns="cell_code"))
    moved = (made.units["cell_code"] != units["cell_code"]).to_numpy()
    assert made.moved == units.index[moved].tolist()
    assert made.moved_share == pytest.approx(moved.mean())
    assert made.moved_share <= most
    for frame, told in ((units, made.spread_before), (made.units, made.spread_after)):
        load = frame.groupby(["community_code", "cell_code"])["load"].sum()
        off = load / load.groupby("community_code").transform("mean") - 1
        assert told == pytest.approx(np.sqrt((off**2).mean()))
    if most == 0:
        assert made.gain == 0


def test_little_land_gives_most_of_the_gain(make):
    units = town(make, 40, 40, into=320, seed=3, share=0.05)
    made = rebalance(units, max_changed=0.02)
    assert 0 < made.moved_share <= 0.02
    assert made.gain >= 0.5 * made.attainable > 0.005


def test_shape_alone_moves_nothing(make):
    ragged = make.squares(4, 2, cell_code=list("ABBBAAAB"))  # even, though not compact
    made = rebalance(ragged, max_changed=1.0, within=None, compactness=1.0)
    assert made.moved == []
    assert made.gain == made.attainable == 0


def test_order_of_rows_does_not_matter(make, look):
    units = town(make)
    mixed = look.shuffled(units, 5)
    one = rebalance(units, max_changed=0.05).units
    assert_frame_equal(one, rebalance(mixed, max_changed=0.05).units.loc[one.index])


def test_input_is_untouched(make):
    units = town(make)
    before = units.copy()
    rebalance(units)
    assert_frame_equal(units, before)


def test_locks_and_barriers_hold(make):
    units = make.squares(8, 1, load=[1, 1, 9, 1, 1, 1, 1, 1], cell_code=list("AAAABBBB"))
    x = make.place(LineString([(400, -10), (400, 110)]))
    wall = gpd.GeoDataFrame(geometry=[x], crs=units.crs)
    assert rebalance(units, max_changed=0.5, within=None).moved
    assert rebalance(units, max_changed=0.5, within=None, barriers=wall).moved == []
    units["lock"] = [None, None, "x", "x", None, None, None, None]
    units["cell_code"] = list("AAAAABBB")
    units["load"] = [4, 1, 1, 3, 1, 1, 1, 1]
    free = rebalance(units, max_changed=0.5, within=None)
    assert free.units["cell_code"].tolist() == list("AAABBBBB")
    made = rebalance(units, max_changed=0.5, within=None, keep="lock")
    assert made.units["cell_code"].tolist() == list("AABBBBBB")


def test_bad_cells_are_named_together(make):
    units = make.squares(7, 1, cell_code=list("ABACCCD"), lock=list("xyzpqqq"))
    with pytest.raises(SchemaError) as error:
        rebalance(units, within=None, keep="lock")
    told = error.value.en.splitlines()
    assert len(told) == len(error.value.zh.splitlines()) == 3
    assert "1 cell(s) do not hang together" in told[0]
    assert ": A." in told[0]
    assert "share a lock" in told[1]
    assert "hold several locks: A" in told[2]


def test_cells_may_not_cross_communities(make):
    units = make.squares(4, 1, cell_code=list("AAAB"), community_code=[A, A, B, B])
    with pytest.raises(SchemaError, match="A"):
        rebalance(units)


def test_missing_codes(make):
    with pytest.raises(SchemaError, match="cell_code"):
        rebalance(make.squares(3, 1), within=None)
    with pytest.raises(SchemaError, match="rows 1"):
        rebalance(make.squares(3, 1, cell_code=["A", None, "A"]), within=None)


@pytest.mark.parametrize("bad", [-0.1, 1.5, float("nan"), "much"])
def test_bad_shares(make, bad):
    with pytest.raises(OptionError, match=r"max_changed=.*0 to 1"):
        rebalance(make.squares(2, 1, cell_code=["A", "B"]), within=None, max_changed=bad)
