import dataclasses

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from shapely.geometry import LineString, box

from gridkit.division.blocks import street_blocks
from gridkit.errors import GeometryError, OptionError, SchemaError
from gridkit.intake.district import District
from gridkit.tables import BLOCKS

WEST, EAST = "370602001001", "370602001002"


def shift(district, dx, dy):
    layers = {
        name: frame.set_geometry(frame.translate(dx, dy))
        for name in ("boundary", "communities", "streets", "water", "buildings")
        if (frame := getattr(district, name)) is not None
    }
    return dataclasses.replace(district, **layers)


def test_crossing_streets_make_numbered_blocks(make):
    town = make.district(
        box(0, 0, 300, 200), streets=[[(-5, 100), (305, 100)], [(100, -5), (100, 205)]]
    )
    blocks = street_blocks(town).blocks
    BLOCKS.check(blocks)
    assert blocks["block_id"].tolist() == ["B00001", "B00002", "B00003", "B00004"]
    assert shapely.equals(blocks.geometry.iloc[1], make.place(box(100, 100, 300, 200)))
    assert np.allclose(blocks.area, [10_000, 20_000, 10_000, 20_000])
    assert np.allclose(blocks["load"], blocks["area_m2"] / 10_000)
    assert "community_code" not in blocks


def test_t_junction(make, look):
    streets = [[(0, 100), (300, 100)], [(150, 100), (150, 0)]]
    town = make.district(box(0, 0, 300, 200), streets=streets)
    blocks = street_blocks(town).blocks
    assert len(blocks) == 3
    assert (blocks.geometry.touches(blocks.geometry.iloc[0])).sum() == 2
    look.assert_tiles(blocks, look.land(town))


def test_dangling_ends_and_loose_streets_divide_nothing(make):
    cross = [[(0, 100), (300, 100)]]
    loose = [[(150, 100), (150, 60)], [(20, 20), (40, 40)], [(150, 150), (400, 150)]]
    with_ends = street_blocks(make.district(box(0, 0, 300, 200), streets=cross + loose)).blocks
    without = street_blocks(make.district(box(0, 0, 300, 200), streets=cross)).blocks
    assert len(with_ends) == len(without) == 2
    assert shapely.equals(with_ends.geometry.array, without.geometry.array).all()


def test_a_lollipop_is_a_block_inside_a_block(make, look):
    loop = [(150, 0), (150, 50), (100, 50), (100, 150), (200, 150), (200, 50), (150, 50)]
    town = make.district(box(0, 0, 300, 200), streets=[loop])
    blocks = street_blocks(town).blocks
    assert sorted(blocks.area.round()) == [10_000, 50_000]
    look.assert_tiles(blocks, look.land(town))


def test_one_street_along_the_edge_gives_one_block(make):
    town = make.district(box(0, 0, 300, 200), streets=[[(0, 0), (300, 0)]])
    assert len(street_blocks(town).blocks) == 1


def test_river_lake_and_island(make, look):
    water = [
        box(-10, 90, 310, 110).difference(box(250, 95, 290, 105)),
        box(40, 140, 60, 160),
    ]
    streets = [[(150, -5), (150, 205)]]
    town = make.district(
        box(0, 0, 300, 200), streets=streets, water=water, communities={WEST: box(0, 0, 300, 200)}
    )
    made = street_blocks(town)
    look.assert_tiles(made.blocks, look.land(town))
    assert len(made.blocks) == 5
    assert made.blocks.geometry.interiors.map(len).sum() == 1
    assert made.unhealed["area_m2"].round().tolist() == [400.0]
    island = made.unhealed["block_id"].iloc[0]
    assert made.blocks.set_index("block_id").loc[island, "community_code"] == WEST
    assert made.healed.empty


def test_strip_between_carriageways_joins_the_longer_border(make, look):
    streets = [[(100, 0), (100, 200)], [(102, 0), (102, 200)], [(102, 120), (300, 120)]]
    town = make.district(box(0, 0, 300, 200), streets=streets)
    made = street_blocks(town)
    assert len(made.blocks) == 3
    assert made.healed["area_m2"].round().tolist() == [400.0]
    host = made.blocks.set_index("block_id").geometry[made.healed["block_id"].iloc[0]]
    assert shapely.equals(host, make.place(box(0, 0, 102, 200)))
    look.assert_tiles(made.blocks, look.land(town))
    assert len(street_blocks(town, min_area_m2=0, min_width_m=0).blocks) == 4


@pytest.mark.parametrize("x", [50, 150, 249])
def test_equal_borders_go_to_the_west(make, x):
    streets = [[(x, 0), (x, 200)], [(x + 1, 0), (x + 1, 200)]]
    made = street_blocks(make.district(box(0, 0, 300, 200), streets=streets))
    assert made.blocks.area.round().tolist() == [(x + 1) * 200, (299 - x) * 200]


def test_joined_pieces_add_up_their_borders(make):
    """Two strips join; the block around their feet then has 84 m of border, the others 60 m."""
    feet = [[(0, 45), (100, 45)], [(104, 45), (200, 45)], [(100, 5), (104, 5)]]
    strips = [[(x, 5), (x, 105)] for x in (100, 102, 104)]
    made = street_blocks(make.district(box(0, 0, 200, 105), streets=feet + strips))
    assert len(made.blocks) == 3
    assert len(made.healed["block_id"].drop_duplicates()) == 1
    host = made.blocks.set_index("block_id").geometry[made.healed["block_id"].iloc[0]]
    assert host.contains(make.place(box(10, 10, 20, 20)))


def test_small_pieces_join_each_other_first(make):
    streets = [[(4 * k, 0), (4 * k, 100)] for k in range(1, 6)]
    made = street_blocks(make.district(box(0, 0, 200, 100), streets=streets))
    assert len(made.healed) == 5
    assert (made.blocks["area_m2"] >= 500).all()


def test_slivers_stay_in_their_community(make, look):
    communities = {WEST: box(0, 0, 100, 200), EAST: box(100, 0, 300, 200)}
    streets = [[(98, 0), (98, 200)], [(0, 190), (98, 190)]]
    town = make.district(box(0, 0, 300, 200), streets=streets, communities=communities)
    made = street_blocks(town)
    for code, blocks in made.blocks.groupby("community_code"):
        look.assert_tiles(blocks, make.place(communities[code]))
    assert made.unhealed.empty


def test_a_lone_sliver_community_is_unhealed(make):
    communities = {WEST: box(0, 0, 2, 200), EAST: box(2, 0, 300, 200)}
    town = make.district(
        box(0, 0, 300, 200), streets=[[(0, 100), (300, 100)]], communities=communities
    )
    made = street_blocks(town)
    assert made.healed["area_m2"].tolist() == []
    assert len(made.unhealed) == 1
    assert sorted(made.blocks["community_code"]) == [WEST, EAST, EAST]


def test_buildings_count_once_wherever_they_stand(make):
    buildings = [
        box(40, 40, 60, 60),
        box(90, 40, 110, 60),  # inner point on the street between both blocks
        box(150, 98, 152, 99),  # on the water: the nearest block
        box(400, 0, 420, 20),  # outside the district
    ]
    town = make.district(
        box(0, 0, 200, 100),
        streets=[[(100, 0), (100, 100)]],
        water=[box(0, 90, 200, 100)],
        buildings=buildings,
        households=[1.0, 10.0, 100.0, 1000.0],
    )
    assert street_blocks(town).blocks["load"].tolist() == [11.0, 100.0]


def test_unknown_households_count_nothing(make):
    buildings = [box(40, 40, 60, 60), box(120, 40, 140, 60)]
    streets = [[(100, 0), (100, 100)]]
    shape = box(0, 0, 200, 100)
    some = make.district(shape, streets=streets, buildings=buildings, households=[np.nan, 7])
    assert street_blocks(some).blocks["load"].tolist() == [0.0, 7.0]
    none = make.district(shape, streets=streets, buildings=buildings, households=[0, 0])
    assert np.allclose(street_blocks(none).blocks["load"], 1.0, rtol=0.001)


@settings(max_examples=15, deadline=None)
@given(
    nx=st.integers(3, 7),
    ny=st.integers(3, 6),
    jitter=st.floats(0, 30),
    seed=st.integers(0, 10**6),
    river=st.booleans(),
)
def test_laws_of_blocks(make, look, nx, ny, jitter, seed, river):
    town = make.town(nx, ny, jitter=jitter, seed=seed, river=river)
    made = street_blocks(town)
    blocks = made.blocks
    look.assert_tiles(blocks, look.land(town))
    assert (blocks.geom_type == "Polygon").all()
    for code, community in town.communities.set_index("community_code").geometry.items():
        own = blocks[blocks["community_code"] == code]
        look.assert_tiles(own, community.intersection(look.land(town)))
    assert blocks["load"].sum() == town.buildings["households"].sum()
    assert blocks["block_id"].is_unique
    small = blocks.loc[blocks["area_m2"] < 500, "block_id"]
    assert set(small) == set(made.unhealed["block_id"])


def test_order_of_rows_does_not_matter(make, look):
    town = make.town(6, 5, jitter=30, seed=3, river=True)
    layers = ("communities", "streets", "water", "buildings")
    mixed = dataclasses.replace(
        town, **{name: look.shuffled(getattr(town, name), seed=5) for name in layers}
    )
    assert not mixed.streets.index.equals(town.streets.index)
    for a, b in zip(
        dataclasses.astuple(street_blocks(town, min_area_m2=3000)),
        dataclasses.astuple(street_blocks(mixed, min_area_m2=3000)),
        strict=True,
    ):
        assert_frame_equal(a.drop(columns="geometry"), b.drop(columns="geometry"))
        assert shapely.equals_exact(a.geometry.array, b.geometry.array, 1e-6).all()


def test_translation_moves_the_blocks_and_nothing_else(make):
    town = make.town(6, 5, jitter=30, seed=4, river=True)
    here, there = street_blocks(town).blocks, street_blocks(shift(town, 1200, -3400)).blocks
    kept = ["block_id", "community_code", "load"]
    assert_frame_equal(here[kept], there[kept])
    moved = here.translate(1200, -3400)
    assert shapely.equals_exact(moved.array, there.geometry.array, 0.02, normalize=True).all()


def test_input_is_untouched(make):
    town = make.town(4, 3, jitter=10)
    before = town.streets.to_wkb(), town.communities.to_wkb()
    street_blocks(town)
    assert_frame_equal(before[0], town.streets.to_wkb())
    assert_frame_equal(before[1], town.communities.to_wkb())


def test_no_streets(make):
    shape = box(0, 0, 300, 200)
    with pytest.raises(GeometryError, match="square_cells"):
        street_blocks(make.district(shape))
    with pytest.raises(GeometryError, match="streets"):
        street_blocks(make.district(shape, streets=[]))


def test_streets_elsewhere(make):
    town = make.district(box(0, 0, 300, 200), streets=[[(5000, 0), (5000, 100)]])
    with pytest.raises(GeometryError, match=r"505000.*500000"):
        street_blocks(town)


def test_nothing_but_water(make):
    town = make.district(
        box(0, 0, 300, 200), streets=[[(0, 9), (300, 9)]], water=[box(-1, -1, 301, 201)]
    )
    with pytest.raises(GeometryError, match="water"):
        street_blocks(town)


def test_communities_that_do_not_tile(make):
    streets = [[(0, 100), (300, 100)]]
    shape = box(0, 0, 300, 200)
    short = {WEST: box(0, 0, 100, 200), EAST: box(110, 0, 300, 200)}
    with pytest.raises(GeometryError, match=r"2,000 m².*uncovered in 1 place"):
        street_blocks(make.district(shape, streets=streets, communities=short))
    wide = {WEST: box(0, 0, 120, 200), EAST: box(100, 0, 300, 200)}
    with pytest.raises(GeometryError, match=r"overlap on 4,000 m²"):
        street_blocks(make.district(shape, streets=streets, communities=wide))


def test_hair_between_communities_is_healed(make, look):
    hair = {WEST: box(0, 0, 150, 200), EAST: box(150.04, 0, 300, 200)}
    town = make.district(box(0, 0, 300, 200), streets=[[(0, 100), (300, 100)]], communities=hair)
    made = street_blocks(town)
    look.assert_tiles(made.blocks, look.land(town))
    assert len(made.blocks) == 4
    assert (made.healed["area_m2"] < 10).all()


@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_bad_option(make, value):
    with pytest.raises(OptionError, match="min_area_m2"):
        street_blocks(make.town(3, 3), min_area_m2=value)


def test_results_are_geodataframes_in_the_crs_of_the_district(make):
    made = street_blocks(make.town(3, 3))
    for table in dataclasses.astuple(made):
        assert isinstance(table, gpd.GeoDataFrame)
        assert table.crs.to_epsg() == 4549


def test_heights_are_left_out():
    flat = LineString([(500_100, 4_149_990), (500_100, 4_150_110)])
    across = LineString([(499_990, 4_150_050, 3), (500_310, 4_150_050, 9)])
    land = shapely.force_3d(box(500_000, 4_150_000, 500_300, 4_150_100), 5)
    town = District(
        "Hills",
        gpd.GeoDataFrame(geometry=[land], crs=4549),
        streets=gpd.GeoDataFrame(geometry=[flat, across], crs=4549),
    )
    blocks = street_blocks(town).blocks
    assert len(blocks) == 4
    assert not blocks.has_z.any()


def test_households_that_are_no_numbers_are_named(make):
    shapes = [box(10, 10, 20, 20), box(30, 10, 40, 20)]
    for bad in ("many", -5):
        town = make.district(
            box(0, 0, 300, 100),
            streets=[[(100, -9), (100, 109)]],
            buildings=shapes,
            households=[None, bad],
        )
        with pytest.raises(SchemaError, match=f"'households'.*rows 1 .values {bad}"):
            street_blocks(town)


def test_households_elsewhere_leave_the_area_as_load(make):
    town = make.district(
        box(0, 0, 300, 100),
        streets=[[(100, -9), (100, 109)]],
        buildings=[box(900, 900, 910, 910)],
        households=[7],
    )
    assert street_blocks(town).blocks["load"].round(2).tolist() == [1, 2]
