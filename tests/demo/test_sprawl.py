"""The district that is laid out by rule, through the same code at a tenth of its size."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridkit.demo import sprawl
from gridkit.demo.city import City, grow, write_city
from gridkit.demo.plans import PLANS, ZHIFU
from gridkit.demo.sprawl import Layout, lay_out
from gridkit.division.blocks import street_blocks
from gridkit.intake.district import read_district

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = ("boundary", "communities", "streets", "water", "buildings")
REDUCED = Layout(
    width_m=3_500,
    height_m=2_400,
    columns=4,
    rows=3,
    offices=2,
    communities=9,
    households=13_500,
    cells=300,
    reports=700,
)


@functools.cache
def reduced(seed: int = 0) -> City:
    return grow("zhifu", lay_out(REDUCED), seed=seed)


@pytest.fixture(scope="module")
def city() -> City:
    return reduced()


# --- the plan


def test_the_plan_is_the_same_each_time() -> None:
    assert lay_out(REDUCED) == lay_out(REDUCED)
    assert PLANS["zhifu"]() == lay_out(ZHIFU)


def test_the_plan_has_zhifus_figures() -> None:
    assert ZHIFU.cells == 7_840
    assert ZHIFU.offices + ZHIFU.communities == 161
    plan = lay_out(ZHIFU)
    assert plan.per_cell * plan.cells == plan.households
    outline = shapely.Polygon([*plan.west, *plan.south[1:], *plan.east[1:], *plan.coast[-1][::-1]])
    assert 165e6 < outline.area < 190e6
    kinds = {kind for _, _, kind in plan.quarters}
    assert kinds == {
        "old", "new", "estate", "village", "hill", "works", "port", "expo", "park", "site",
    }  # fmt: skip


@pytest.mark.parametrize("layout", [REDUCED, ZHIFU], ids=["reduced", "zhifu"])
def test_main_roads_of_one_direction_never_meet(layout: Layout) -> None:
    plan = lay_out(layout)
    roads = {
        road.name: shapely.LineString(road.points)
        for road in plan.roads
        if road.road_class in ("primary", "secondary") or road.name.startswith("滨")
    }
    for last in ("路", "街"):
        lines = [line for name, line in roads.items() if name[-1] == last and name[0] != "滨"]
        a, b = shapely.STRtree(lines).query(lines, predicate="dwithin", distance=150)
        assert (a == b).all()
    river = shapely.LineString(plan.river)
    for name in ("滨河西路", "滨河东路"):
        assert river.distance(roads[name]) > max(plan.river_half_m)


def test_names_of_roads_are_unique() -> None:
    plan = lay_out(ZHIFU)
    names = [road.name for road in plan.roads]
    assert len(set(names)) == len(names)
    assert len({name[:2] for name, _ in plan.streets}) == ZHIFU.offices


def test_noise_stays_between_its_bounds() -> None:
    waves = sprawl._Waves(np.random.Generator(np.random.PCG64(5)), 100.0)
    values = [waves.at(u * 37.0, v * 53.0) for u in range(60) for v in range(40)]
    assert -1 <= min(values) < -0.5 < 0.5 < max(values) <= 1
    steps = [abs(waves.at(u, 70.0) - waves.at(u + 1.0, 70.0)) for u in range(500)]
    assert max(steps) < 0.04


# --- the city on it


def test_communities_tile_the_boundary(city: City) -> None:
    district = city.district
    shapes = district.communities.geometry
    assert len(shapes) == REDUCED.communities
    assert (shapes.geom_type == "Polygon").all()
    assert shapes.is_valid.all()
    assert shapely.coverage_is_valid(shapes.array, gap_width=1.0)
    water = district.water.geometry.union_all()
    land = district.boundary.geometry.iloc[0].difference(water)
    assert shapely.coverage_union_all(shapes.array).symmetric_difference(land).area < 1e-3
    names = district.communities["name"]
    assert names.is_unique
    assert district.communities["street_code"].nunique() == REDUCED.offices


def test_blocks_have_no_slivers(city: City) -> None:
    made = street_blocks(city.district)
    blocks = made.blocks
    assert len(made.unhealed) == 0
    assert len(made.healed) <= len(blocks) / 1000
    assert blocks["area_m2"].min() > 700
    assert blocks["load"].sum() == REDUCED.households
    assert shapely.coverage_is_valid(blocks.geometry.array, gap_width=0.1)
    width = 2 * blocks.area / blocks.length
    assert width.min() > 14
    assert blocks["area_m2"].median() < 5_000


def test_each_building_stands_in_one_community_off_the_streets(city: City) -> None:
    buildings, streets = city.district.buildings, city.district.streets
    inside = shapely.STRtree(city.district.communities.geometry.array)
    hits = inside.query(buildings.geometry.array, predicate="covered_by")
    assert sorted(hits[0].tolist()) == list(range(len(buildings)))
    tree = shapely.STRtree(streets.geometry.array)
    assert tree.query(buildings.geometry.array, predicate="dwithin", distance=4.0).size == 0
    a, b = shapely.STRtree(buildings.geometry.array).query(
        buildings.geometry.array, predicate="intersects"
    )
    assert (a == b).all()


def test_own_ground_is_marked(city: City) -> None:
    buildings = city.district.buildings
    whole = buildings["keep_whole"]
    assert whole.dtype == bool
    assert 0.01 < whole.mean() < 0.3
    assert whole[buildings["use"].isin(["school", "industrial"])].all()
    # a block is kept whole with all that stands on it, or not at all
    blocks = street_blocks(city.district).blocks
    block = gpd.sjoin(buildings.set_geometry(buildings.representative_point()), blocks)
    assert block.groupby("block_id")["keep_whole"].nunique().eq(1).all()
    named = buildings.loc[buildings["compound"] != ""]
    assert named["compound"].nunique() > 30
    assert named["compound"].str.contains("家[村庄疃夼]$").any()
    # the parts of a compound lie together
    spread = named.dissolve("compound").minimum_bounding_radius()
    assert spread.max() < 350


def test_streets_hang_together(city: City) -> None:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    streets = city.district.streets.query("road_class != 'rail'")
    xy, row = shapely.get_coordinates(streets.geometry.array, return_index=True)
    vertex = np.unique(xy.round(2), axis=0, return_inverse=True)[1].ravel()
    n = len(streets) + int(vertex.max()) + 1
    links = coo_array((np.ones(len(row)), (row, len(streets) + vertex)), shape=(n, n))
    label = connected_components(links, directed=False)[1][: len(streets)]
    length = np.bincount(label, streets.length)
    assert length.max() > 0.995 * length.sum()
    assert streets["bridge"].sum() >= 2


def test_street_names_belong_to_one_class_of_road(city: City) -> None:
    named = city.district.streets.query("name != ''")
    assert named.groupby("name")["road_class"].nunique().max() == 1
    assert named["name"].str.contains(r"[路街巷里同线道]$").all()


def test_coordinates_are_whole_centimetres(city: City) -> None:
    for layer in LAYERS:
        xy = shapely.get_coordinates(getattr(city.district, layer).geometry.array)
        assert np.abs(xy * 100 - np.round(xy * 100)).max() < 1e-4


def test_people_are_enough(city: City) -> None:
    most = city.roster["最多负责网格数"].astype(int)
    held = most.groupby(city.roster["角色"]).sum()
    assert (held >= 1.1 * city.cells).all()
    # few hold all: far fewer people than the four posts of each cell
    assert len(city.roster) < city.cells
    assert city.roster["联系电话"].is_unique
    assert set(city.reports["责任单位"]) <= set(city.units["name"])


def test_faults_are_counted(city: City) -> None:
    assert city.dirt["rows"] == len(city.reports)
    assert REDUCED.reports <= len(city.reports) <= 1.1 * REDUCED.reports
    assert (city.reports["经度"].eq("0")).sum() == city.dirt["zero_coordinates"]
    assert city.reports["上报编号"].duplicated().sum() == city.dirt["repeated_id"]


def test_same_seed_same_city(city: City) -> None:
    again = grow("zhifu", lay_out(REDUCED), seed=0)
    for name in ("roster", "units", "reports"):
        pd.testing.assert_frame_equal(getattr(city, name), getattr(again, name))
    for layer in LAYERS:
        assert getattr(city.district, layer).equals(getattr(again.district, layer))


def test_another_seed_draws_other_side_streets_on_the_same_plan(city: City) -> None:
    other = reduced(3)
    test_communities_tile_the_boundary(other)
    test_blocks_have_no_slivers(other)
    mains = [
        set(c.district.streets.query("road_class == 'primary'")["name"]) for c in (city, other)
    ]
    assert mains[0] == mains[1]
    assert len(other.district.streets) != len(city.district.streets)


def test_written_files_read_back(city: City, tmp_path: Path) -> None:
    path = write_city(city, tmp_path)[0]
    found = read_district(path)
    assert len(found.buildings) == len(city.district.buildings)
    assert found.buildings["keep_whole"].tolist() == city.district.buildings["keep_whole"].tolist()
    assert found.communities["name"].tolist() == city.district.communities["name"].tolist()
