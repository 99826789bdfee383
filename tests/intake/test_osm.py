"""Extracts are written by the tests: a few nodes and ways in OpenStreetMap's XML."""

import geopandas as gpd
import pytest
from shapely.geometry import LineString, Point, box

import gridkit as gk
from gridkit.errors import FileError
from gridkit.intake.osm import is_osm, read_osm

NODES = {
    "a": (24.900, 60.100), "b": (24.906, 60.100), "c": (24.906, 60.103), "d": (24.900, 60.103),
    "e": (24.903, 60.100), "f": (24.903, 60.103), "g": (24.910, 60.103), "h": (24.901, 60.101),
    "i": (24.902, 60.101), "j": (24.902, 60.102), "k": (24.901, 60.102), "l": (24.9041, 60.1015),
    "m": (24.9042, 60.1015), "n": (24.9042, 60.1016), "o": (24.903, 60.103),
}  # fmt: skip
WAYS = [
    ("abcda", {"highway": "primary", "name": "Ring & <Road>"}),
    ("ef", {"highway": "residential", "railway": "tram", "bridge": "viaduct"}),
    ("cg", {"highway": "secondary"}),
    ("df", {"railway": "subway", "tunnel": "yes"}),
    ("ag", {"waterway": "stream", "tunnel": "culvert"}),
    ("eg", {"highway": "service", "tunnel": "yes"}),
    ("hj", {"highway": "footway"}),
    ("bd", {"power": "line"}),
    ("fo", {"highway": "residential"}),  # two nodes on one spot
    ("hijkh", {"natural": "water", "water": "lake", "name": "Lampi"}),
    ("lmnl", {"natural": "water"}),  # a fountain of 30 m²
    ("lmnl", {"building": "yes"}),
    ("hikjh", {"building": "apartments"}),  # crosses itself
]


def write(folder, ways=WAYS, name="town.osm", *, east=0.0, south=0.0):
    ids = {node: i for i, node in enumerate(NODES, 1)}
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<osm version="0.6">']
    lines += [
        f'<node id="{ids[node]}" version="1" lat="{lat - south}" lon="{lon + east}"/>'
        for node, (lon, lat) in NODES.items()
    ]
    for number, (nodes, tags) in enumerate(ways, 100):
        lines.append(f'<way id="{number}" version="1">')
        lines += [f'<nd ref="{ids[node]}"/>' for node in nodes]
        for key, value in tags.items():
            text = value.replace("&", "&amp;").replace("<", "&lt;")
            lines.append(f'<tag k="{key}" v="{text}"/>')
        lines.append("</way>")
    path = folder / name
    path.write_text("\n".join([*lines, "</osm>"]), encoding="utf-8")
    return path


def test_names_of_extracts():
    assert is_osm("x/Town.OSM.PBF")
    assert is_osm("town.osm")
    assert not is_osm("town.pbf.gpkg")


def test_layers_of_an_extract(tmp_path):
    with pytest.warns(gk.GridkitWarning, match="0 area.* 1 cross themselves"):
        layers = read_osm(write(tmp_path))
    streets = layers["streets"]
    assert streets["road_class"].tolist() == [
        "primary", "residential", "secondary", "service", "footway",
    ]  # fmt: skip
    assert streets["name"].iloc[0] == "Ring & <Road>"
    assert layers["water"][["kind", "name"]].to_numpy().tolist() == [["lake", "Lampi"]]
    assert sorted(layers["buildings"]["use"]) == ["apartments", "yes"]
    assert layers["buildings"].geometry.is_valid.all()
    assert streets.geometry.is_valid.all()


def test_a_district_from_an_extract_alone(tmp_path):
    with pytest.warns(gk.GridkitWarning, match="untangled"):
        district = gk.read_district(write(tmp_path))
    assert district.name == "town"
    assert district.crs.is_projected
    ring = gpd.GeoSeries([box(24.900, 60.100, 24.906, 60.103)], crs=4326).to_crs(district.crs)
    assert district.boundary.geometry.iloc[0].symmetric_difference(ring.iloc[0]).area < 50
    assert district.streets["bridge"].tolist() == [False, True, False, False, False]
    made = gk.street_blocks(district)
    assert len(made.blocks) == 2
    assert made.blocks.geometry.interiors.map(len).sum() == 1


def test_an_extract_in_china_is_wgs84_for_sure(tmp_path):
    """Warnings are errors here, and other files that say WGS84 there get one."""
    ways = [("abcda", {"highway": "primary"}), ("bd", {"highway": "residential"})]
    district = gk.read_district(write(tmp_path, ways, east=96.5, south=22.6))
    assert district.crs.to_epsg() == 4549
    assert len(gk.street_blocks(district).blocks) == 2


def test_streets_of_an_extract_for_a_given_boundary(tmp_path):
    boundary = gpd.GeoDataFrame(geometry=[box(24.898, 60.099, 24.908, 60.104)], crs=4326)
    boundary.to_file(tmp_path / "district.geojson")
    path = write(tmp_path)
    district = gk.read_district(tmp_path / "district.geojson", streets=path)
    assert len(district.streets) == 5
    assert district.water is None
    assert district.streets.crs == district.boundary.crs


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp", "fgb", "parquet"])
def test_a_file_of_lines_is_a_district(tmp_path, suffix):
    ring = [(621000, 4156000), (622000, 4156000), (622000, 4157000), (621000, 4157000)]
    lines = [LineString([*ring, ring[0]]), LineString([(621400, 4156000), (621400, 4157000)])]
    frame = gpd.GeoDataFrame({"highway": ["primary", "residential"]}, geometry=lines, crs=4549)
    path = tmp_path / f"lines.{suffix}"
    frame = frame.to_crs(4326) if suffix == "geojson" else frame
    frame.to_parquet(path) if suffix == "parquet" else frame.to_file(path)
    if suffix == "geojson":
        with pytest.warns(gk.GridkitWarning, match="says WGS84"):
            district = gk.read_district(path)
    else:
        district = gk.read_district(path)
    assert district.boundary.area.iloc[0] == pytest.approx(1e6, rel=1e-5)
    assert sorted(district.streets["road_class"]) == ["primary", "residential"]
    assert len(gk.street_blocks(district).blocks) == 2


def test_an_extract_without_streets(tmp_path):
    with pytest.raises(gk.GeometryError, match="no lines"):
        gk.read_district(write(tmp_path, [("abcda", {"building": "yes"})]))
    boundary = gpd.GeoDataFrame(geometry=[box(24.898, 60.099, 24.908, 60.104)], crs=4326)
    boundary.to_file(tmp_path / "district.geojson")
    with pytest.raises(gk.GeometryError, match="no lines"):
        gk.read_district(tmp_path / "district.geojson", streets=tmp_path / "town.osm")
    with pytest.raises(gk.GeometryError, match="enclose no land"):
        gk.read_district(write(tmp_path, [("abc", {"highway": "primary"})], "open.osm"))


def test_broken_and_missing_extracts(tmp_path):
    broken = tmp_path / "broken.osm.pbf"
    broken.write_bytes(b"no extract at all")
    with pytest.raises(gk.FileError, match=r"broken\.osm\.pbf"):
        gk.read_district(broken)
    with pytest.raises(gk.FileError, match="no such file"):
        gk.read_district(tmp_path / "nowhere.osm.pbf")


def test_streets_that_enclose_land_are_needed():
    loose = gpd.GeoDataFrame(geometry=[LineString([(0, 0), (900, 0)])], crs=4549)
    with pytest.raises(gk.GeometryError, match="enclose no land"):
        gk.district_of_streets(loose)
    with pytest.raises(gk.GeometryError, match="Point"):
        gk.district_of_streets(loose.set_geometry([Point(1, 1)], crs=4549))
    with pytest.raises(gk.GeometryError, match="no lines"):
        gk.district_of_streets(loose.iloc[:0])
    with pytest.raises(gk.CRSError):
        gk.district_of_streets(loose.set_crs(4326, allow_override=True))


def test_paths_are_no_outline():
    ring = box(0, 0, 900, 400).exterior
    detour = LineString([(900, 100), (1000, 100), (1000, 300), (900, 300)])
    streets = gpd.GeoDataFrame(
        {"road_class": ["residential", "footway"]}, geometry=[LineString(ring), detour], crs=4549
    )
    assert gk.district_of_streets(streets).boundary.area.iloc[0] == 360_000
    paved = streets.assign(road_class=["residential", "primary"])
    assert gk.district_of_streets(paved).boundary.area.iloc[0] == 380_000


def test_another_kind_of_file_under_the_name_of_an_extract(tmp_path):
    path = tmp_path / "a.osm"
    path.write_text("<OGRVRTDataSource><!-- <osm> --></OGRVRTDataSource>")
    with pytest.raises(FileError, match="cannot be read"):
        read_osm(path)
    with pytest.raises(FileError, match="only files on this computer"):
        read_osm("/vsicurl/http://localhost/a.osm")
