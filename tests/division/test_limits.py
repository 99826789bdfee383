"""What planners add: caps, locks, barriers, several weights, and what cannot be."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_series_equal
from shapely.geometry import LineString, Point, Polygon, box

from gridkit.division.groups import group, group_labels
from gridkit.errors import CRSError, GeometryError, OptionError, SchemaError

A, B = "370602001001", "370602001002"


def lines(make, *shapes):
    return gpd.GeoDataFrame(geometry=[make.place(LineString(s)) for s in shapes], crs=4549)


def assert_connected(units, labels, look):
    near = look.rook(units.geometry.to_numpy())
    for rows in pd.Series(range(len(units))).groupby(labels.to_numpy()):
        assert look.in_one_piece(rows[1].tolist(), near)


# ---- caps --------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), slack=st.sampled_from([1.0, 1.2, 3.0]))
def test_a_cap_alone_finds_the_number_of_groups(make, look, seed, slack):
    load = np.random.default_rng(seed).integers(1, 20, 36)
    units = make.squares(6, 6, load=load, community_code=[A] * 18 + [B] * 18)
    cap = slack * float(load.max())
    labels = group_labels(units, max_load=cap, seed=seed)
    assert units["load"].groupby(labels.to_numpy()).sum().max() <= cap
    assert_connected(units, labels, look)
    needed = sum(int(np.ceil(half.sum() / cap)) for half in (load[:18], load[18:]))
    assert needed <= labels.nunique() <= 2 * needed + 2


def test_a_cap_with_into_is_kept_where_it_can_be(make):
    load = np.random.default_rng(1).integers(1, 10, 100)
    units = make.squares(10, 10, load=load)
    free = group(units, into=12, within=None, compactness=1.0)
    cap = 1.1 * load.sum() / 12
    assert free["load"].max() > cap
    assert group(units, into=12, within=None, compactness=1.0, max_load=cap)["load"].max() <= cap


def test_a_cap_moves_groups_to_where_they_are_needed(make):
    load, code = [3] * 4 + [2] * 8, [A] * 4 + [B] * 8
    units = make.squares(12, 1, load=load, community_code=code)
    free = group_labels(units, into=8).groupby(units["community_code"]).nunique()
    held = group_labels(units, into=8, max_load=5).groupby(units["community_code"]).nunique()
    assert free.tolist() == [3, 5]
    assert held.tolist() == [4, 4]


def test_units_above_the_cap_are_named(make):
    units = make.squares(4, 1, load=[1, 7, 1, 9])
    with pytest.raises(OptionError, match=r"2 unit.*rows 1, 3.*at least 9"):
        group_labels(units, into=3, max_load=5, within=None)


def test_too_few_groups_for_the_cap(make):
    units = make.squares(6, 1, load=[2] * 6)
    with pytest.raises(OptionError, match=r"into=2 .*the least is 3.*max_load"):
        group_labels(units, into=2, max_load=4, within=None)


def test_a_cap_that_no_division_keeps_is_refused(make):
    units = make.squares(3, 1, load=[2, 4, 2])  # two groups: 6 and 2
    with pytest.raises(OptionError, match=r"max_load=5.*heaviest group has 6"):
        group_labels(units, into=2, max_load=5, within=None)
    assert group_labels(units, max_load=5, within=None).nunique() == 3


def test_target_gives_way_to_the_cap(make):
    units = make.squares(6, 1, load=[2] * 6)
    assert group_labels(units, target=6, within=None).nunique() == 2
    assert group_labels(units, target=6, max_load=4, within=None).nunique() == 3


# ---- locks -------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), into=st.integers(6, 20))
def test_locked_units_stay_together_and_alone(make, look, seed, into):
    rng = np.random.default_rng(seed)
    lock = np.full((7, 8), None, dtype=object)
    for name, place in zip("pqrst", rng.choice(12, 5), strict=True):
        row, col = place // 4 * 2, place % 4 * 2
        lock[row : row + 2, col : col + 1 + int(rng.integers(2))] = name
    units = make.squares(8, 7, load=rng.integers(1, 9, 56), lock=lock.ravel())
    labels = group_labels(units, into=into, within=None, keep="lock", seed=seed)
    assert labels.nunique() == into
    assert_connected(units, labels, look)
    held = units["lock"].notna().to_numpy()
    together = labels[held].groupby(units["lock"][held])
    assert together.nunique().max() == 1
    assert together.first().is_unique


def test_locks_that_do_not_hang_together_are_named(make):
    units = make.squares(5, 1, lock=["a", None, "a", "b", "b"])
    with pytest.raises(OptionError, match=r"lock 'a'.*2 pieces: rows 0 \| 2") as error:
        group_labels(units, into=2, within=None, keep="lock")
    assert "'b'" not in error.value.en
    units["community_code"] = [A, A, A, A, B]
    with pytest.raises(OptionError) as error:
        group_labels(units, into=4, keep="lock")
    assert "lock 'a'" in error.value.en
    assert "lock 'b'" in error.value.en


def test_more_locks_than_groups(make):
    units = make.squares(5, 1, lock=list("abc") + [None, None])
    with pytest.raises(OptionError, match=r"into=2 .*the least is 3"):
        group_labels(units, into=2, within=None, keep="lock")
    assert group_labels(units, into=3, within=None, keep="lock").nunique() == 3
    assert group_labels(units, target=5, within=None, keep="lock").nunique() == 3


def test_a_lock_above_the_cap_is_named(make):
    units = make.squares(4, 1, load=[3, 3, 1, 1], lock=["a", "a", None, None])
    with pytest.raises(OptionError, match=r"rows 0, 1.*at least 6"):
        group_labels(units, max_load=5, within=None, keep="lock")


# ---- barriers ----------------------------------------------------------------------------------


def test_groups_do_not_straddle_a_river(make, look):
    load = np.random.default_rng(2).integers(1, 9, 64)
    units = make.squares(8, 8, load=load)
    river = lines(make, [(330, -50), (300, 10), (300, 790), (330, 850)])
    labels = group_labels(units, into=10, within=None, barriers=river)
    west = units.geometry.centroid.x < make.place(Point(300, 0)).x
    assert west.groupby(labels).nunique().max() == 1
    assert_connected(units, labels, look)
    with pytest.raises(OptionError, match=r"the least is 2.*2 connected piece"):
        group_labels(units, into=1, within=None, barriers=river)


def test_half_of_the_border_closes_it(make):
    units = make.squares(2, 1)
    for length, least in ((40, 1), (60, 2)):
        wall = lines(make, [(100, 0), (100, length)])
        assert group_labels(units, target=1e9, within=None, barriers=wall).nunique() == least
    # Two walls side by side count once, and two parts of one border add up.
    double = lines(make, [(100, 0), (100, 40)], [(100.5, 0), (100.5, 40)])
    assert group_labels(units, target=1e9, within=None, barriers=double).tolist() == [0, 0]
    parts = lines(make, [(100, 0), (100, 30)], [(100, 70), (100, 100)])
    assert group_labels(units, target=1e9, within=None, barriers=parts).nunique() == 2


def test_a_barrier_with_a_bridge_lets_groups_through(make):
    units = make.squares(4, 4)
    river = lines(make, [(200, -10), (200, 310)])
    labels = group_labels(units, into=1, within=None, barriers=river)
    assert (labels == 0).all()


def test_a_barrier_across_a_unit_closes_nothing(make):
    units = make.squares(3, 1)
    across = lines(make, [(150, -10), (150, 110)])
    assert group_labels(units, into=1, within=None, barriers=across).max() == 0


def test_bad_barriers(make):
    units = make.squares(2, 1)
    areas = gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)], crs=4549)
    with pytest.raises(GeometryError, match="rows 0"):
        group_labels(units, into=1, within=None, barriers=areas)
    with pytest.raises(CRSError):
        group_labels(
            units, into=1, within=None, barriers=lines(make, [(0, 0), (1, 1)]).to_crs(4326)
        )
    none = lines(make).set_crs(4549, allow_override=True)
    assert group_labels(units, into=1, within=None, barriers=none).tolist() == [0, 0]


# ---- weights and the knob ----------------------------------------------------------------------


def test_several_weights(make):
    rng = np.random.default_rng(0)
    units = make.squares(16, 16, load=rng.integers(1, 9, 256), shops=rng.integers(0, 9, 256))
    cells = group(units, into=16, within=None, weight=["load", "shops"])
    assert cells.columns.tolist() == ["area_m2", "load", "shops", "geometry"]
    spreads = cells[["load", "shops"]].std() / cells[["load", "shops"]].mean()
    assert spreads.max() < 0.06
    one = group(units, into=16, within=None)
    assert spreads["load"] < 0.06 <= (
        units["shops"].groupby(group_labels(units, into=16, within=None)).sum().std()
        / units["shops"].sum() * 16
    )  # fmt: skip
    assert one["load"].std() / one["load"].mean() < 0.06


def test_one_weight_in_a_list_is_that_weight(make):
    units = make.squares(6, 6, load=np.arange(36))
    assert_series_equal(
        group_labels(units, into=5, within=None, weight=["load"]),
        group_labels(units, into=5, within=None, weight="load"),
    )


def test_too_many_weights(make):
    names = [f"w{n}" for n in range(9)]
    units = make.squares(4, 4, **dict.fromkeys(names, 1.0))
    assert group_labels(units, into=4, within=None, weight=names[:8]).nunique() == 4
    with pytest.raises(OptionError, match="9 columns; at most 8"):
        group_labels(units, into=4, within=None, weight=names)


def test_compactness(make):
    units = make.squares(20, 20, load=np.random.default_rng(4).integers(1, 30, 400))
    even, short = (group(units, into=50, within=None, compactness=c) for c in (0.0, 1.0))
    assert even["load"].std() < 0.5 * short["load"].std()
    assert short.length.sum() < 0.95 * even.length.sum()


def test_a_lake_in_the_middle_and_an_island_in_it(make, look):
    ring = [box(x, y, x + 100, y + 100) for x in (0, 100, 200) for y in (0, 100, 200)]
    ring.pop(4)
    island = Polygon([(120, 120), (180, 120), (180, 180), (120, 180)])
    units = make.frame([make.place(s) for s in [*ring, island]], load=1.0)
    with pytest.raises(OptionError, match="the least is 2"):
        group_labels(units, into=1, within=None)
    cells = group(units, into=3, within=None)
    assert (cells.geom_type == "Polygon").all()
    assert cells["load"].sum() == 9
    assert_connected(units, group_labels(units, into=3, within=None), look)


def test_a_unit_around_others(make, look):
    inner = [box(x, 100, x + 100, 200) for x in (100, 200, 300)]
    outer = box(0, 0, 500, 300).difference(shapely.union_all(inner))
    units = make.frame([make.place(s) for s in [outer, *inner]], load=[4.0, 1.0, 2.0, 1.0])
    labels = group_labels(units, into=2, within=None)
    assert labels.tolist() in ([0, 1, 1, 1], [1, 0, 0, 0])
    assert_connected(units, labels, look)


# ---- all faults at once ------------------------------------------------------------------------


def test_all_faults_of_the_table_and_the_options_are_told_together(make):
    units = make.squares(4, 1, load=[1, -1, None, 1], shops=[0, 0, 0, 0])
    units["community_code"] = [A, None, B, B]
    with pytest.raises(SchemaError) as error:
        group_labels(
            units, into=2.5, target=3, max_load=-1, weight=["load", "shops", "pupils"],
            keep="lock", compactness=2,
        )  # fmt: skip
    told = error.value.en
    for part in (
        "weight='pupils'", "keep='lock'", "rows 1, 2", "'shops' is 0", "'community_code'",
        "into=2.5, target=3", "into=2.5 is no", "max_load=-1", "compactness=2",
    ):  # fmt: skip
        assert part in told
    assert len(told.splitlines()) == len(error.value.zh.splitlines()) == 9


@pytest.mark.parametrize(
    ("name", "value"),
    [("target", 0), ("target", float("nan")), ("max_load", "1"), ("compactness", -0.1)],
)
def test_bad_options(make, name, value):
    options = {"into": 2} if name == "compactness" else {}
    with pytest.raises(OptionError, match=f"{name}="):
        group_labels(make.squares(3, 1), within=None, **options, **{name: value})


def test_members_and_pieces_are_counted_in_the_message(make):
    units = make.squares(6, 1, community_code=[A, A, B, B, A, A])
    with pytest.raises(OptionError, match=r"into=2 .*least is 3.*2 member.*3 connected piece"):
        group_labels(units, into=2)
