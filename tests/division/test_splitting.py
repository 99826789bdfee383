"""Blocks are cut between buildings into parts of like load, and go on tiling."""

import geopandas as gpd
import geopandas.testing
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Polygon, box

import gridkit as gk
from gridkit.division.cuts import axis_of, place_by_area, with_ends

CRS = 4549
X0, Y0 = 500_000.0, 4_150_000.0


def blocks_of(shapes, load=None, **columns):
    shapes = shapely.transform(np.array(shapes, dtype=object), lambda xy: xy + [X0, Y0])
    load = shapely.area(shapes) / 100 if load is None else load
    ids = [f"B{k:03d}" for k in range(len(shapes))]
    return gpd.GeoDataFrame({"block_id": ids, "load": load, **columns}, geometry=shapes, crs=CRS)


def buildings_of(shapes, **columns):
    shapes = shapely.transform(np.array(shapes, dtype=object), lambda xy: xy + [X0, Y0])
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=CRS)


def town(seed, n=5, crowded=0.6):
    """A lattice of bent quadrangles, and houses of all sizes and directions in them."""
    rng = np.random.default_rng(seed)
    knots = np.stack(np.meshgrid(np.arange(n + 1), np.arange(n + 1)), axis=-1) * 120.0
    knots[1:-1, 1:-1] += rng.uniform(-30, 30, (n - 1, n - 1, 2))
    quads = [
        Polygon([knots[i, j], knots[i, j + 1], knots[i + 1, j + 1], knots[i + 1, j]])
        for i in range(n)
        for j in range(n)
    ]
    houses = []
    for quad in quads:
        for _ in range(12):
            x, y = rng.uniform(*np.array(quad.bounds).reshape(2, 2))
            house = shapely.affinity.rotate(
                box(x, y, x + rng.uniform(6, 40), y + rng.uniform(6, 14)), rng.uniform(0, 180)
            )
            apart = all(h.distance(house) > 2 for h in houses[-12:])
            if quad.buffer(-2).contains(house) and apart and rng.random() < crowded * 1.5:
                houses.append(house)
    households = rng.integers(0, 40, len(houses))
    blocks = blocks_of(quads)
    buildings = buildings_of(houses, households=households)
    which = shapely.STRtree(blocks.geometry.to_numpy()).query(
        shapely.centroid(buildings.geometry.to_numpy()), predicate="within"
    )
    blocks["load"] = np.bincount(which[1], households[which[0]], len(blocks)).astype(float)
    return blocks, buildings


def assert_tiles(split, blocks):
    parts = split.blocks.geometry.to_numpy()
    assert shapely.is_valid(parts).all()
    assert (shapely.get_type_id(parts) == 3).all()
    assert shapely.coverage_is_valid(parts, gap_width=1.0)
    whole = shapely.union_all(blocks.geometry.to_numpy())
    assert shapely.area(shapely.symmetric_difference(shapely.union_all(parts), whole)) < 1e-5
    origin = split.blocks["part_of"].fillna(split.blocks["block_id"])
    for name, part in zip(origin, parts, strict=True):
        home = blocks.loc[blocks["block_id"] == name, "geometry"].iloc[0]
        assert shapely.area(shapely.difference(part, home)) < 1e-5
    loads = split.blocks.groupby(origin)["load"].sum()
    assert np.allclose(loads[blocks["block_id"]], blocks["load"], rtol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_parts_tile_their_block_and_no_building_is_cut(seed):
    blocks, buildings = town(seed)
    split = gk.split_blocks(blocks, max_load=60, buildings=buildings, by="households")
    assert_tiles(split, blocks)
    parts = split.blocks.geometry.to_numpy()
    part, house = shapely.STRtree(buildings.geometry.to_numpy()).query(
        parts, predicate="intersects"
    )
    assert len(np.unique(house)) == len(house) == len(buildings)
    households = buildings["households"].to_numpy()
    assert (
        np.bincount(part, households[house], len(parts)).tolist() == split.blocks["load"].tolist()
    )
    heavy = split.blocks.loc[split.blocks["load"] > 60, "block_id"]
    assert sorted(heavy) == sorted(split.uncut["block_id"])
    assert len(split.blocks) > len(blocks)
    assert split.blocks["block_id"].is_unique
    assert min(shapely.area(parts[split.blocks["part_of"].notna()])) >= 500


def test_a_heavy_part_is_left_only_where_no_straight_way_parts_it():
    """Seen by plain geometry: each line across the sides meets a house, or parts nothing."""
    blocks, buildings = town(3)
    split = gk.split_blocks(
        blocks, max_load=30, buildings=buildings, by="households", min_area_m2=0
    )
    assert len(split.uncut)
    for shape in split.uncut.geometry:
        inside = buildings[buildings.within(shape)]
        for short in (False, True):
            axis = axis_of(np.array([shape]), short=short)
            for place in np.linspace(-axis.half_m[0], axis.half_m[0], 200):
                middle = axis.centre[0] + axis.along[0] * place
                across = np.array([-axis.along[0, 1], axis.along[0, 0]]) * (axis.half_m[0] + 1)
                line = shapely.linestrings([middle - across, middle + across])
                if inside.intersects(line).any():
                    continue
                behind = axis.places(
                    np.zeros(len(inside), dtype=int),
                    shapely.get_coordinates(shapely.centroid(inside.geometry.to_numpy())),
                )
                load = inside["households"].to_numpy()[behind < place].sum()
                assert load in (0, inside["households"].sum())


def test_even_load_is_halved_to_the_last_digit():
    split = gk.split_blocks(blocks_of([box(0, 0, 700, 100)]), max_load=100)
    assert np.allclose(split.blocks["load"], 100)
    assert np.allclose(shapely.area(split.blocks.geometry), 10_000)
    assert split.blocks["block_id"].tolist() == [f"B000-{k}" for k in range(1, 8)]
    assert split.uncut.empty


def test_neighbours_get_the_ends_of_cuts():
    east = Polygon([(300, 0), (310, 0), (310, 200), (300, 200), (300, 100)])
    shapes = [box(0, 0, 300, 100), box(0, 100, 300, 200), east]
    blocks = blocks_of(shapes, load=[300.0, 10.0, 1.0])
    split = gk.split_blocks(blocks, max_load=150)
    assert_tiles(split, blocks)
    north = split.blocks.set_index("block_id").geometry["B001"]
    assert shapely.get_num_coordinates(north) == 6
    assert split.blocks["part_of"].isna().tolist() == [False, False, True, True]


@pytest.mark.parametrize("seed", range(3))
def test_ends_of_cuts_that_meet_but_for_rounding_are_one(seed):
    """Halves of even load are cut at one place of their common border, from both sides."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    far = 1000 + 150 * np.sin(3 * angle + seed) + rng.uniform(0, 40, 60)
    land = Polygon(np.column_stack([far * np.cos(angle), far * np.sin(angle)]) * 1.0123456)
    blocks = blocks_of([land], load=[400.0])
    split = gk.split_blocks(blocks, max_load=1.0)
    assert len(split.blocks) >= 400
    assert_tiles(split, blocks)


def test_concave_blocks_and_blocks_around_others():
    horseshoe = Polygon(
        [(0, 0), (300, 0), (300, 200), (200, 200), (200, 50), (100, 50), (100, 200), (0, 200)]
    )
    core = box(140, 260, 180, 300)
    shell = [(0, 200), (100, 200), (200, 200), (300, 200), (300, 400), (0, 400)]
    ring = Polygon(shell, [core.exterior])
    blocks = blocks_of([horseshoe, ring, core, box(100, 50, 200, 200)])
    split = gk.split_blocks(blocks, max_load=90)
    assert_tiles(split, blocks)
    assert split.blocks["load"].max() <= 90 * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_bays_that_a_cut_runs_across_stay_outside(seed):
    """A comb: a line across its teeth closes faces between them that are not its own."""
    rng = np.random.default_rng(seed)
    teeth = [
        box(100 * k, 0, 100 * k + rng.uniform(20, 60), rng.uniform(150, 600)) for k in range(6)
    ]
    comb = shapely.union_all([box(0, 0, 560, 50), *teeth])
    assert comb.is_valid
    blocks = blocks_of([shapely.affinity.rotate(comb, 30 * seed, origin=(0, 0))])
    split = gk.split_blocks(blocks, max_load=blocks["load"].iloc[0] / 9)
    assert shapely.area(split.blocks.geometry.to_numpy()).sum() == pytest.approx(
        blocks.area.sum(), abs=1e-3
    )
    assert_tiles(split, blocks)


def test_compounds_stay_whole():
    blocks = blocks_of([box(0, 0, 300, 100), box(300, 0, 600, 100)], compound=[True, None])
    split = gk.split_blocks(blocks, max_load=100, keep_whole="compound")
    assert split.blocks["part_of"].isna().tolist() == [True, False, False, False]
    assert split.uncut[["block_id", "reason"]].to_numpy().tolist() == [["B000", "kept_whole"]]


def test_one_building_across_the_block_stops_it():
    blocks = blocks_of([box(0, 0, 200, 100)], load=[50.0])
    wall = buildings_of([box(5, 5, 195, 95)], households=[50])
    split = gk.split_blocks(blocks, max_load=20, buildings=wall, by="households")
    assert split.uncut["reason"].tolist() == ["no_way"]
    assert len(gk.split_blocks(blocks, max_load=20, buildings=wall).blocks) == 1


def test_without_households_a_block_is_cut_by_area_beside_the_houses():
    blocks = blocks_of([box(0, 0, 200, 100)], load=[40.0])
    houses = buildings_of([box(90, 10, 110, 90)], households=[0])
    split = gk.split_blocks(blocks, max_load=23, buildings=houses, by="households")
    widths = [b - a for a, _, b, _ in shapely.bounds(split.blocks.geometry.to_numpy())]
    assert widths == pytest.approx([89.5, 110.5])
    assert np.isclose(split.blocks["load"].sum(), 40)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_order_and_place_do_not_matter(seed):
    blocks, buildings = town(seed, n=3)
    options = {"max_load": 50, "by": "households"}
    one = gk.split_blocks(blocks, buildings=buildings, **options).blocks
    rng = np.random.default_rng(seed)
    b, h = rng.permutation(len(blocks)), rng.permutation(len(buildings))
    two = gk.split_blocks(blocks.iloc[b], buildings=buildings.iloc[h], **options).blocks
    one, two = (f.sort_values("block_id", ignore_index=True) for f in (one, two))
    pd.testing.assert_frame_equal(
        pd.DataFrame(one.drop(columns="geometry")), pd.DataFrame(two.drop(columns="geometry"))
    )
    assert shapely.equals(one.geometry.to_numpy(), two.geometry.to_numpy()).all()


def test_input_is_left_alone():
    blocks, buildings = town(1, n=2)
    before = blocks.copy(), buildings.copy()
    gk.split_blocks(blocks, max_load=30, buildings=buildings, by="households")
    gpd.testing.assert_geodataframe_equal(blocks, before[0])
    gpd.testing.assert_geodataframe_equal(buildings, before[1])


def test_place_by_area_against_sampling():
    shape = Polygon([(0, 0), (100, 0), (100, 30), (20, 30), (20, 90), (0, 90)])
    axis = axis_of(np.array([shape]), short=False)
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 100, (200_000, 2))
    xy = xy[shapely.contains_xy(shape, *xy.T)]
    for share in (0.2, 0.5, 0.8):
        place = place_by_area(np.array([shape]), axis, np.array([share]))
        behind = axis.places(np.zeros(len(xy), dtype=int), xy) < place
        assert behind.mean() == pytest.approx(share, abs=0.01)


def test_ends_go_into_every_ring_they_touch():
    ring = Polygon(box(0, 0, 90, 90).exterior, [box(30, 30, 60, 60).exterior])
    areas = np.array([ring, box(90, 0, 120, 90), box(30, 30, 60, 60)], dtype=object)
    points = np.array([[90.0, 45.0], [90.0, 20.0], [45.0, 30.0], [0.0, 0.0], [500.0, 500.0]])
    mended = with_ends(areas, points)
    assert (shapely.get_num_coordinates(mended) - shapely.get_num_coordinates(areas)).tolist() == [
        3,
        2,
        1,
    ]
    assert shapely.coverage_is_valid(mended)
    assert shapely.equals(mended, areas).all()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"max_load": 0}, gk.OptionError, "max_load=0"),
        ({"max_load": float("nan")}, gk.OptionError, "max_load=nan"),
        ({"max_load": 1, "min_area_m2": -1}, gk.OptionError, "min_area_m2=-1"),
        ({"max_load": -1, "by": "households"}, gk.OptionError, "(?s)max_load=-1.*by='households'"),
        ({"max_load": 1, "keep_whole": "compound"}, gk.SchemaError, "compound"),
    ],
)
def test_bad_options_are_named(options, error, words):
    with pytest.raises(error, match=words):
        gk.split_blocks(blocks_of([box(0, 0, 9, 9)]), **options)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda b: b.assign(load=[1.0, -1.0]), gk.SchemaError, "load"),
        (lambda b: b.assign(load=[1.0, None]), gk.SchemaError, "load"),
        (lambda b: b.drop(columns="load"), gk.SchemaError, "load"),
        (lambda b: b.assign(block_id=["B1", "B1"]), gk.SchemaError, "B1"),
        (lambda b: b.to_crs(4326), gk.CRSError, "metres"),
        (lambda b: b.dissolve().assign(block_id="B", load=1.0), gk.GeometryError, "explode"),
    ],
)
def test_bad_blocks_are_named(change, error, words):
    blocks = blocks_of([box(0, 0, 9, 9), box(30, 0, 39, 9)])
    with pytest.raises(error, match=words):
        gk.split_blocks(change(blocks), max_load=1)


def test_buildings_in_another_crs_or_without_the_column():
    blocks = blocks_of([box(0, 0, 9, 9)])
    houses = buildings_of([box(1, 1, 2, 2)], households=[1])
    with pytest.raises(gk.CRSError, match="blocks, buildings"):
        gk.split_blocks(blocks, max_load=1, buildings=houses.to_crs(4547))
    with pytest.raises(gk.SchemaError, match="people"):
        gk.split_blocks(blocks, max_load=1, buildings=houses, by="people")
