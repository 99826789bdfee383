"""The made city is a sound district: its land is tiled, its streets stop at the river."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from gridkit.demo.city import City, make_city, write_city
from gridkit.errors import OptionError
from gridkit.intake.district import read_district
from gridkit.rules import load_categories, load_roles

SAMPLES = Path(__file__).parents[2] / "data" / "sample_grids"
LAYERS = ("boundary", "communities", "streets", "water", "buildings")
ENCODING = {"small": "utf-8-sig", "demo": "gb18030"}


def land_of(city: City) -> shapely.Geometry:
    water = city.district.water.geometry.union_all()
    return city.district.boundary.geometry.iloc[0].difference(water)


def same_shapes(a: gpd.GeoSeries, b: gpd.GeoSeries, *, within_m: float = 0.011) -> None:
    """Hold two columns of shapes equal, vertex by vertex."""
    assert shapely.get_type_id(a.array).tolist() == shapely.get_type_id(b.array).tolist()
    first, second = shapely.get_coordinates(a.array), shapely.get_coordinates(b.array)
    assert first.shape == second.shape
    assert np.abs(first - second).max() <= within_m


def same_district(city: City, path: Path) -> None:
    found = read_district(path)
    assert found.crs == city.district.crs
    for layer in LAYERS:
        mine, theirs = getattr(city.district, layer), getattr(found, layer)
        pd.testing.assert_frame_equal(
            pd.DataFrame(mine.drop(columns="geometry")),
            pd.DataFrame(theirs.drop(columns="geometry"))[list(mine.columns.drop("geometry"))],
            check_dtype=False,
        )
        same_shapes(mine.geometry, theirs.geometry)


def read_raw(path: Path, encoding: str) -> pd.DataFrame:
    return pd.read_csv(path, dtype="str", keep_default_na=False, encoding=encoding)


# --- the ground


def test_communities_tile_the_land(city: City) -> None:
    shapes = city.district.communities.geometry
    land = land_of(city)
    assert shapes.is_valid.all()
    assert shapely.coverage_is_valid(shapes.array, gap_width=1.0)
    whole = shapely.coverage_union_all(shapes.array)
    assert whole.symmetric_difference(land).area < 1e-3
    assert sum(shapes.area) == pytest.approx(land.area, abs=1e-3)


def test_communities_are_whole_and_coded(city: City) -> None:
    table = city.district.communities
    assert (table.geom_type == "Polygon").all()
    assert not shapely.get_num_interior_rings(table.geometry.array).any()
    assert table["community_code"].str.fullmatch(r"370699\d{6}").all()
    assert (table["community_code"].str[:9] == table["street_code"]).all()
    assert table["name"].is_unique
    assert table["name"].str.endswith("社区").all()
    assert table.groupby("street_code")["street_name"].nunique().eq(1).all()
    n_streets, low, high = (1, 4, 5) if city.size == "small" else (6, 25, 30)
    assert table["street_code"].nunique() == n_streets
    assert low <= len(table) <= high


def test_water_lies_beside_the_land(city: City) -> None:
    water = city.district.water.set_index("kind").geometry
    boundary = city.district.boundary.geometry.iloc[0]
    assert boundary.contains(water["river"])
    assert boundary.intersection(water["sea"]).area < 1e-3
    assert boundary.intersection(water["sea"]).length > 500
    assert water["sea"].centroid.y > boundary.centroid.y
    # the river parts the district
    assert len(shapely.get_parts(land_of(city))) == 2


def test_streets_cross_the_river_on_bridges_only(city: City) -> None:
    streets = city.district.streets
    river = city.district.water.set_index("kind").geometry["river"]
    wet = streets.geometry.intersection(river.buffer(-0.02)).length
    assert (wet[~streets["bridge"]] < 0.05).all()
    assert (wet[streets["bridge"]] > 15).all()
    assert (streets.geometry[streets["bridge"]].difference(river.buffer(0.02)).length < 0.05).all()
    assert 2 <= streets["bridge"].sum() <= 6


def test_streets_meet_vertex_on_vertex(city: City) -> None:
    streets = city.district.streets.geometry
    ends = shapely.get_coordinates(streets.boundary.array)
    vertices = {tuple(p) for p in shapely.get_coordinates(streets.array).tolist()}
    tree = shapely.STRtree(streets.array)
    points, rows = tree.query(shapely.points(ends), predicate="dwithin", distance=0.05)
    touching = pd.Series(rows).groupby(points).nunique()
    # an end that meets another street meets it in a vertex of that street
    for point in touching.index[touching > 1]:
        others = rows[points == point]
        shared = [tuple(ends[point]) in set(streets.iloc[k].coords) for k in others]
        assert all(shared)
    assert len(vertices) > len(streets)


def test_streets_have_a_hierarchy_and_junctions(city: City) -> None:
    streets = city.district.streets
    classes = set(streets["road_class"])
    assert {"primary", "secondary", "tertiary", "residential"} <= classes
    assert classes <= {"primary", "secondary", "tertiary", "residential", "rail"}
    assert streets.is_valid.all()
    assert streets.is_simple.all()
    named = streets[streets["name"] != ""]
    assert named["name"].str.contains(r"[路街巷里道同线]").all()
    assert {"primary", "secondary", "tertiary"} & set(
        streets.loc[streets["name"] == "", "road_class"]
    ) == set()
    pieces = shapely.node(shapely.union_all(streets.geometry.array))
    ends = pd.Series(
        [
            tuple(p)
            for p in shapely.get_coordinates(shapely.boundary(shapely.get_parts(pieces))).tolist()
        ]
    )
    degree = ends.value_counts()
    # more T-junctions than crossings: no lattice
    assert (degree == 3).sum() > (degree == 4).sum() > 0


def test_main_roads_are_curved(city: City) -> None:
    main = city.district.streets.query("road_class == 'primary' and not bridge")
    length = main.length
    beeline = [
        shapely.Point(g.coords[0]).distance(shapely.Point(g.coords[-1])) for g in main.geometry
    ]
    long = length > 300
    assert (length[long] > np.array(beeline)[long] * 1.0005).any()


def test_buildings_stand_inside_blocks(city: City) -> None:
    buildings, streets = city.district.buildings, city.district.streets
    assert len(buildings) <= 4500
    assert (shapely.get_num_coordinates(buildings.geometry.array) == 5).all()
    tree = shapely.STRtree(streets.geometry.array)
    assert tree.query(buildings.geometry.array, predicate="dwithin", distance=4.0).size == 0
    inside = shapely.STRtree(city.district.communities.geometry.array)
    hits = inside.query(buildings.geometry.array, predicate="covered_by")
    assert sorted(hits[0].tolist()) == list(range(len(buildings)))
    pairs = shapely.STRtree(buildings.geometry.array).query(
        buildings.geometry.array, predicate="intersects"
    )
    assert (pairs[0] == pairs[1]).all()


def test_households_and_uses(city: City) -> None:
    buildings = city.district.buildings
    assert buildings["households"].sum() == 300 * city.cells
    assert (buildings["households"] >= 0).all()
    assert buildings.loc[buildings["use"] != "residential", "households"].eq(0).all()
    known = {"residential", "shop", "office", "industrial", "school", "market"}
    assert set(buildings["use"]) <= known
    assert {"residential", "shop", "office", "school", "market"} <= set(buildings["use"])
    assert buildings.loc[buildings["use"] == "market", "shops"].min() > 0


def test_coordinates_are_whole_centimetres(city: City) -> None:
    for layer in LAYERS:
        xy = shapely.get_coordinates(getattr(city.district, layer).geometry.array)
        assert np.abs(xy * 100 - np.round(xy * 100)).max() < 1e-4
    assert city.district.crs.to_epsg() == 4549


# --- people and units


def test_people_are_consistent(city: City) -> None:
    roster = city.roster
    ids = set(roster["人员编号"])
    assert len(ids) == len(roster)
    assert roster["联系电话"].str.fullmatch(r"1380000\d{4}").all()
    assert roster["联系电话"].is_unique
    assert set(roster["角色"]) == {role.zh for role in load_roles().values()}
    assert set(roster["AB岗"]) <= ids
    assert (roster["AB岗"] != roster["人员编号"]).all()
    role = roster.set_index("人员编号")["角色"]
    assert (role[roster["AB岗"]].to_numpy() == roster["角色"].to_numpy()).all()
    assert set(roster["上级人员"]) - {""} <= ids
    assert (roster["上级人员"] != roster["人员编号"]).all()
    codes = set(city.district.communities["community_code"])
    assert set(roster["社区编码"]) - {""} <= codes


def test_people_are_enough_for_every_cell(city: City) -> None:
    roster = city.roster.assign(most=city.roster["最多负责网格数"].astype(int))
    limits = {"民警": (10, 20), "机关干部": (10, 20), "保洁员": (2, 3), "志愿者": (1, 1)}
    for role, (low, high) in limits.items():
        most = roster.loc[roster["角色"] == role, "most"]
        assert most.between(low, high).all()
        assert most.sum() >= 1.1 * city.cells
    homes = gpd.sjoin(
        city.district.buildings.set_geometry(city.district.buildings.centroid),
        city.district.communities[["community_code", "geometry"]],
    )
    cells = -(-homes.groupby("community_code")["households"].sum() // 300)
    for role in ("保洁员", "志愿者"):
        have = roster[roster["角色"] == role].groupby("社区编码")["most"].sum()
        assert (have.reindex(cells.index, fill_value=0) >= cells).all()


def test_bases_lie_in_the_district(city: City) -> None:
    lonlat = city.roster[["经度", "纬度"]].astype(float)
    bases = gpd.GeoSeries.from_xy(lonlat["经度"], lonlat["纬度"], crs=4490).to_crs(4549)
    boundary = city.district.boundary.geometry.iloc[0]
    assert bases.distance(boundary).max() < 1.0
    # officers share a station, volunteers live apart
    by_role = city.roster.assign(place=bases.to_wkt()).groupby("角色")["place"].nunique()
    assert by_role["民警"] == city.district.communities["street_code"].nunique()
    assert by_role["志愿者"] > by_role["民警"]


def test_units_cover_every_report(city: City) -> None:
    units = city.units
    assert units["unit_code"].is_unique
    assert units["name"].is_unique
    assert set(city.reports["责任单位"]) <= set(units["name"])
    assert set(city.reports["首接单位"]) <= set(units["name"])
    assert set(units["parent_code"]) - {""} <= set(units["unit_code"])
    assert set(units["chief_id"]) - {""} <= set(city.roster["人员编号"])


def test_words_of_the_rules_are_used(city: City) -> None:
    assert set(city.reports["问题类别"]) & set(load_categories())


# --- the same everywhere


def test_same_seed_same_city(small: City) -> None:
    again = make_city("small")
    for name in ("roster", "units", "reports"):
        pd.testing.assert_frame_equal(getattr(small, name), getattr(again, name))
    for layer in LAYERS:
        mine, theirs = getattr(small.district, layer), getattr(again.district, layer)
        assert mine.equals(theirs)
    assert dict(small.dirt) == dict(again.dirt)


def test_another_seed_is_another_city(small: City) -> None:
    other = make_city("small", seed=1)
    assert len(other.district.streets) != len(small.district.streets) or not np.array_equal(
        shapely.get_coordinates(other.district.streets.geometry.array),
        shapely.get_coordinates(small.district.streets.geometry.array),
    )
    assert not other.reports.equals(small.reports)
    assert not other.roster["姓名"].equals(small.roster["姓名"])


def test_unknown_size_is_refused() -> None:
    with pytest.raises(OptionError, match="small, demo"):
        make_city("huge")  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(2, 8))
def test_any_seed_gives_a_sound_district(seed: int) -> None:
    test_communities_tile_the_land(city := make_city("small", seed=seed))
    test_streets_cross_the_river_on_bridges_only(city)
    test_buildings_stand_inside_blocks(city)
    test_households_and_uses(city)


# --- files


def test_written_files_read_back(small: City, tmp_path: Path) -> None:
    district, roster, units, reports = write_city(small, tmp_path / "new")
    same_district(small, district)
    people = pd.read_excel(roster, engine="calamine", dtype="str", keep_default_na=False)
    pd.testing.assert_frame_equal(people, small.roster, check_dtype=False)
    pd.testing.assert_frame_equal(read_raw(units, "utf-8-sig"), small.units, check_dtype=False)
    raw = read_raw(reports, "utf-8-sig")
    pd.testing.assert_frame_equal(raw, small.reports, check_dtype=False)
    assert reports.read_bytes().startswith(b"\xef\xbb\xbf")
    layers = {name for name, _ in pyogrio.list_layers(district)}
    assert layers == set(LAYERS)
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(
        ["district.gpkg", "roster.xlsx", "units.csv", "reports.csv"]
    )


def test_committed_samples_are_what_the_generator_makes(sample: City) -> None:
    folder = SAMPLES / sample.size
    same_district(sample, folder / "district.gpkg")
    people = pd.read_excel(
        folder / "roster.xlsx", engine="calamine", dtype="str", keep_default_na=False
    )
    same_text(people, sample.roster)
    same_text(read_raw(folder / "units.csv", "utf-8-sig"), sample.units)
    same_text(read_raw(folder / "reports.csv", ENCODING[sample.size]), sample.reports)


def same_text(found: pd.DataFrame, made: pd.DataFrame) -> None:
    """Hold tables of text equal; longitudes and latitudes to the last printed digit."""
    assert found.columns.tolist() == made.columns.tolist()
    assert len(found) == len(made)
    for column in made.columns:
        if column in ("经度", "纬度"):
            a, b = (pd.to_numeric(t[column].replace("", "0")) for t in (found, made))
            assert np.abs(a - b).max() < 1.5e-6
        else:
            assert found[column].tolist() == made[column].tolist(), column


def test_samples_are_small() -> None:
    files = [p for p in SAMPLES.rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in files) <= 3_000_000


def test_samples_are_described(sample: City) -> None:
    rows = (SAMPLES / "README.md").read_text("utf-8").splitlines()
    column = {"small": -3, "demo": -2}[sample.size]
    for fault, n in sample.dirt.items():
        if fault != "rows":
            line = next(row for row in rows if row.startswith(f"| `{fault}`"))
            assert line.split("|")[column].strip() == f"{n:,}"
    for start, n in (("| people", len(sample.roster)), ("| reports", len(sample.reports))):
        line = next(row for row in rows if row.startswith(start))
        assert line.split("|")[column].strip() == f"{n:,}"


def test_the_sea_goes_on_beyond_any_screen(sample: City) -> None:
    district = sample.district
    west, south, east, north = district.boundary.total_bounds
    sea = district.water[district.water["kind"] == "sea"].geometry.iloc[0]
    side = max(east - west, north - south)
    left, _, right, top = sea.bounds
    assert left < west - side
    assert right > east + side
    assert top > north + side
    assert sea.intersection(district.boundary.geometry.iloc[0]).area == 0


def test_a_seed_below_zero_is_refused() -> None:
    with pytest.raises(OptionError, match="seed=-1"):
        make_city("small", seed=-1)
