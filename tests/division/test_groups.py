import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal, assert_series_equal
from shapely.geometry import Polygon, box

from gridkit.division.blocks import street_blocks
from gridkit.division.codes import number_cells
from gridkit.division.groups import group, group_labels
from gridkit.errors import CRSError, GeometryError, OptionError, SchemaError

A, B = "370602001001", "370602001002"


def assert_groups(units, labels, into, look, within=None):
    """Assert the laws: complete, exactly `into`, each in one piece, none across `within`."""
    assert labels.index.equals(units.index)
    assert sorted(labels.unique()) == list(range(into))
    near = look.rook(units.geometry.to_numpy())
    for rows in pd.Series(range(len(units))).groupby(labels.to_numpy()).indices.values():
        assert look.in_one_piece(map(int, rows), near)
    if within:
        assert units.groupby(labels)[within].nunique().max() == 1


@settings(max_examples=25, deadline=None)
@given(data=st.data(), nx=st.integers(1, 7), ny=st.integers(1, 6), seed=st.integers(0, 99))
def test_laws_on_lattices(make, look, data, nx, ny, seed):
    n = nx * ny
    load = data.draw(st.lists(st.integers(0, 50), min_size=n, max_size=n).filter(any))
    into = data.draw(st.integers(1, n))
    units = make.squares(nx, ny, load=load)
    labels = group_labels(units, into=into, within=None, seed=seed)
    assert_groups(units, labels, into, look)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), into=st.integers(4, 30), jitter=st.floats(0, 30))
def test_laws_on_blocks_with_a_river(make, look, seed, into, jitter):
    town = make.town(6, 6, jitter=jitter, seed=seed, river=True)
    blocks = street_blocks(town).blocks
    labels = group_labels(blocks, into=into, seed=seed)
    assert_groups(blocks, labels, into, look, within="community_code")
    cells = group(blocks, into=into, seed=seed)
    look.assert_tiles(cells, look.land(town))
    assert (cells.geom_type == "Polygon").all()
    assert cells["load"].sum() == blocks["load"].sum()
    assert cells["area_m2"].sum() == pytest.approx(blocks["area_m2"].sum())
    assert np.allclose(cells["load"], blocks["load"].groupby(labels.to_numpy()).sum())
    assert cells.columns.tolist() == [
        "community_code", "street_code", "area_m2", "load", "geometry",
    ]  # fmt: skip


def test_equal_squares_divide_evenly(make):
    labels = group_labels(make.squares(10, 10), into=10, within=None)
    assert (labels.value_counts() == 10).all()


def test_uneven_loads_balance(make):
    load = np.random.default_rng(5).integers(5, 20, 400)
    cells = group(make.squares(20, 20, load=load), into=40, within=None)
    assert cells["load"].std() / cells["load"].mean() < 0.08
    assert (4 * np.pi * cells.area / cells.length**2).mean() > 0.5


def test_groups_follow_the_load_of_the_members(make):
    units = make.squares(
        10, 10, load=([9] * 5 + [1] * 5) * 10, community_code=([A] * 5 + [B] * 5) * 10
    )
    labels = group_labels(units, into=10)
    assert labels.groupby(units["community_code"]).nunique().to_dict() == {A: 9, B: 1}


def test_a_member_without_load_gets_one_group(make):
    units = make.squares(4, 1, load=[0, 0, 5, 5], community_code=[A, A, B, B])
    assert group_labels(units, into=3).tolist() == [0, 0, 1, 2]


def test_a_member_never_gets_more_groups_than_units(make):
    units = make.squares(4, 1, load=[100, 1, 1, 1], community_code=[A, B, B, B])
    assert group_labels(units, into=4).tolist() == [0, 1, 2, 3]


def test_labels_run_as_one_reads_a_page(make):
    assert group_labels(make.squares(2, 2), into=4, within=None).tolist() == [2, 3, 0, 1]


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(30)), seed=st.integers(0, 5))
def test_order_of_rows_does_not_matter(make, order, seed):
    load = np.random.default_rng(1).integers(1, 9, 30)
    units = make.squares(6, 5, load=load)
    mixed = units.iloc[list(order)]
    a = group_labels(units, into=7, within=None, seed=seed)
    b = group_labels(mixed, into=7, within=None, seed=seed)
    assert_series_equal(a, b.sort_index())
    assert_frame_equal(
        group(units, into=7, within=None, seed=seed).to_wkb(),
        group(mixed, into=7, within=None, seed=seed).to_wkb(),
    )


def test_seed_and_translation(make):
    load = np.random.default_rng(2).integers(1, 9, 100)
    units = make.squares(10, 10, load=load)
    first = group_labels(units, into=12, within=None, seed=1)
    assert_series_equal(first, group_labels(units, into=12, within=None, seed=1))
    assert any(
        not first.equals(group_labels(units, into=12, within=None, seed=s)) for s in range(2, 6)
    )
    moved = units.set_geometry(units.translate(-4000, 512))
    assert_series_equal(first, group_labels(moved, into=12, within=None, seed=1))


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), east=st.floats(-9000, 9000), north=st.floats(-9000, 9000))
def test_groups_are_the_same_wherever_the_district_lies(make, seed, east, north):
    blocks = street_blocks(make.town(7, 7, jitter=30, seed=seed)).blocks
    moved = blocks.set_geometry(blocks.translate(round(east, 2), round(north, 2)))
    here, there = (group_labels(b, into=12, seed=seed).tolist() for b in (blocks, moved))
    assert len(set(zip(here, there, strict=True))) == 12


def test_other_weights(make):
    units = make.squares(4, 1, load=[1, 1, 1, 1], shops=[6, 2, 2, 2])
    by_shops = group(units, into=2, weight="shops", within=None)
    assert by_shops["shops"].tolist() == [6, 6]
    assert by_shops["load"].tolist() == [1, 3]
    assert group_labels(units, into=2, weight=None, within=None).tolist() == [0, 0, 1, 1]
    units["area_m2"] = units.area
    assert group(units, into=2, weight="area_m2", within=None)["area_m2"].round(-2).tolist() == [
        20_000, 20_000,
    ]  # fmt: skip


def test_cells_into_duty_cells(make, look):
    town = make.town(8, 8, jitter=25, seed=7)
    cells = number_cells(group(street_blocks(town).blocks, into=40))
    duty = group(cells, into=6, within="street_code")
    look.assert_tiles(duty, look.land(town))
    assert len(duty) == 6
    assert "cell_code" not in duty
    assert "level" not in duty
    assert set(duty["street_code"]) == {"370602001"}
    assert duty["load"].std() / duty["load"].mean() < 0.15


def test_columns_with_one_value_in_each_group_are_kept(make):
    units = make.squares(4, 1, community_code=[A, A, B, B], zone="z", name=list("abcd"))
    cells = group(units, into=2)
    assert cells[["community_code", "zone"]].to_numpy().tolist() == [[A, "z"], [B, "z"]]
    assert "name" not in cells


def test_missing_values_are_a_value_of_their_own(make):
    units = make.squares(4, 1, community_code=[A, A, B, B], unit=[None, "u", None, None])
    assert "unit" not in group(units, into=2)
    units["unit"] = [None, None, "u", "u"]
    assert group(units, into=2)["unit"].isna().tolist() == [True, False]


def test_borders_without_common_vertices(make):
    shapes = [box(0, 0, 100, 100), box(100, 0, 200, 50), box(100, 50, 200, 100)]
    units = make.frame([make.place(s) for s in shapes], load=1.0)
    cells = group(units, into=1, within=None)
    assert shapely.equals(cells.geometry.iloc[0], make.place(box(0, 0, 200, 100)))


def test_corner_neighbours_are_not_neighbours(make):
    shapes = [box(0, 0, 100, 100), box(100, 100, 200, 200)]
    units = make.frame([make.place(s) for s in shapes], load=1.0)
    with pytest.raises(OptionError, match="the least is 2"):
        group_labels(units, into=1, within=None)


def test_one_unit(make):
    assert group_labels(make.squares(1, 1), into=1, within=None).tolist() == [0]


def test_least_and_most(make):
    town = make.town(4, 4, river=True)
    blocks = street_blocks(town).blocks
    with pytest.raises(OptionError, match=r"into=3 .*the least is 4"):
        group_labels(blocks, into=3)
    with pytest.raises(OptionError, match=rf"the most {len(blocks)} "):
        group_labels(blocks, into=len(blocks) + 1)
    assert group_labels(blocks, into=4).nunique() == 4
    assert group_labels(blocks, into=len(blocks)).is_unique


@pytest.mark.parametrize("into", [0, -1, 2.5, "3", None])
def test_bad_into(make, into):
    with pytest.raises(OptionError, match="into="):
        group_labels(make.squares(3, 1), into=into, within=None)


@pytest.mark.parametrize("bad", [-1.0, float("nan"), float("inf"), None, "many"])
def test_bad_weights_are_named(make, bad):
    units = make.squares(4, 1, load=pd.Series([1, bad, 1, bad], dtype=object))
    with pytest.raises(SchemaError, match=r"'load'.*2 row.*rows 1, 3") as error:
        group_labels(units, into=2, within=None)
    assert str(bad) in error.value.en


def test_nothing_to_balance(make):
    with pytest.raises(SchemaError, match="weight=None"):
        group_labels(make.squares(3, 1, load=[0, 0, 0]), into=2, within=None)


def test_missing_columns_are_reported_together(make):
    with pytest.raises(SchemaError) as error:
        group_labels(make.squares(3, 1), into=2, weight="homes", within="quarter")
    assert "weight='homes'" in error.value.en
    assert "within='quarter'" in error.value.en


def test_empty_within(make):
    units = make.squares(3, 1, community_code=[A, None, B])
    with pytest.raises(SchemaError, match="rows 1"):
        group_labels(units, into=2)


def test_shapes_must_be_sound_and_in_metres(make):
    bow = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    with pytest.raises(GeometryError, match="rows 0"):
        group_labels(make.frame([bow], load=1.0), into=1, within=None)
    with pytest.raises(CRSError):
        group_labels(make.squares(2, 1).set_crs(4326, allow_override=True), into=1, within=None)
    with pytest.raises(GeometryError, match="no rows"):
        group_labels(make.squares(2, 1).iloc[:0], into=1, within=None)


def test_input_is_untouched(make):
    units = make.squares(4, 1)
    before = units.copy()
    group(units, into=2, within=None)
    assert_frame_equal(units, before)


def test_weights_written_as_text_are_added_up_as_numbers():
    squares = [box(x, 0, x + 100, 100) for x in range(0, 400, 100)]
    units = gpd.GeoDataFrame({"load": ["3", "1", "2", "2"]}, geometry=squares, crs=4549)
    assert group(units, into=2, within=None)["load"].tolist() == [4, 4]
    by_area = group(units.assign(w=1), into=2, weight="w", within=None)
    assert by_area["load"].tolist() == [4, 4]
    with pytest.raises(SchemaError, match=r"'load'.*rows 3"):
        group(units.assign(w=1, load=["3", "1", "2", "lots"]), into=2, weight="w", within=None)
