"""Gazetteers: what is joined, what is kept apart, what is refused, and how names are looked up."""

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString, Point, box

import gridkit as gk
from gridkit.errors import CRSError, FileError, GeometryError, GridkitWarning, SchemaError
from gridkit.intake.gazetteer import Gazetteer

CRS = 4549
X, Y = 624_000.0, 4_155_000.0


def table(rows, crs=CRS):
    """Make places of (name, kind, shape, street, number, aliases)."""
    columns = ["name", "kind", "geometry", "street", "number", "aliases"]
    data = {c: [row[i] if i < len(row) else None for row in rows] for i, c in enumerate(columns)}
    return gpd.GeoDataFrame(data, geometry="geometry", crs=crs)


def line(x, length=900.0):
    return LineString([(x, 0), (x + length, 0)])


def test_stretches_of_one_street_are_one_and_far_ones_two():
    rows = [("解放路", "street", line(0)), ("解放路", "street", line(900))]
    assert len(Gazetteer(table(rows)).named("解放路")) == 1
    rows.append(("解放路", "street", line(5000)))
    assert len(Gazetteer(table(rows)).named("解放路")) == 2


@pytest.mark.parametrize("seed", range(3))
def test_order_of_rows_does_not_matter(seed):
    rows = [("解放路", "street", line(k * 900)) for k in range(4)]
    rows += [("解放路", "street", line(9000))]
    rows += [(f"p{n}", "plate", Point(n * 10, 8), "解放路", str(n)) for n in range(1, 60)]
    plain = Gazetteer(table(rows))
    mixed = Gazetteer(table(rows).iloc[np.random.default_rng(seed).permutation(len(rows))])
    shapes = [
        sorted((h.shape.length, len(h.plates)) for h in g.named("解放路")) for g in (plain, mixed)
    ]
    assert shapes[0] == shapes[1] == [(900.0, 0), (3600.0, 59)]


def test_plates_alone_make_their_street():
    rows = [(f"p{n}", "门牌", Point(n * 10, 8), "和平巷", f"{n}号") for n in (1, 2, 3)]
    (host,) = Gazetteer(table(rows)).named("和平巷")
    assert sorted(host.plates) == [(1, ""), (2, ""), (3, "")]
    assert host.kind == "street"


def test_plates_of_a_compound_belong_to_it():
    rows = [
        ("金桂花园", "小区", box(0, 0, 200, 200)),
        ("p", "plate", Point(50, 50), "金桂花园", "7号楼"),
    ]
    (host,) = Gazetteer(table(rows)).named("金桂花园")
    assert (host.kind, list(host.plates)) == ("area", [(7, "")])


def test_aliases_and_former_names():
    gazetteer = Gazetteer(table([("解放路", "street", line(0), None, None, "一马路；老 马路")]))
    assert gazetteer.named("一马路") == gazetteer.named("老马路") == gazetteer.named("解放路") != []


def test_the_longest_name_counts():
    rows = [("解放路", "street", line(0)), ("解放路社区", "community", box(0, 0, 9, 9))]
    assert Gazetteer(table(rows)).longest("解放路社区12号", 0)[0] == "解放路社区"


def test_slips_but_not_other_names():
    rows = [("泰山北街", "street", line(0)), ("新华街", "street", line(9000))]
    gazetteer = Gazetteer(table(rows))
    assert gazetteer.misspelt("秦山北街") == ["泰山北街"]
    assert gazetteer.misspelt("泰山山北街") == ["泰山北街"]
    assert gazetteer.misspelt("泰北街") == ["泰山北街"]
    assert gazetteer.misspelt("泰山南街") == []
    assert gazetteer.misspelt("新华二街") == []
    assert gazetteer.misspelt("大新华街") == []


def test_english_streets_with_and_without_direction():
    rows = [("S SALINA ST", "street", line(0)), ("N SALINA ST", "street", line(9000))]
    gazetteer = Gazetteer(table(rows))
    assert [(h.name, more) for h, more in gazetteer.english_streets("Salina St S")] == [
        ("S SALINA ST", False)
    ]
    assert len(gazetteer.english_streets("SALINA ST")) == 2
    assert [h.name for h in gazetteer.english_prefix("SALINA S")] == ["S SALINA ST", "N SALINA ST"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", "lamp", Point(0, 0))], "lamp"),
        ([("a", "plate", Point(0, 0), None, "3")], "street"),
        ([("a", "plate", Point(0, 0), "解放路", None)], "number"),
        ([("a", "plate", Point(0, 0), "解放路", "无")], "无"),
        ([(None, "street", line(0))], "name"),
    ],
)
def test_bad_rows_are_named(rows, said):
    with pytest.raises(SchemaError, match=said):
        Gazetteer(table([("解放路", "street", line(0)), *rows]))


def test_shapes_and_metres_are_needed():
    with pytest.raises(GeometryError, match="rows 2"):
        Gazetteer(table([("a", "poi", Point(0, 0)), ("b", "poi", Point())]))
    with pytest.raises(CRSError, match="metres"):
        Gazetteer(table([("a", "poi", Point(121, 37))], crs=4326))


def test_a_district_gives_what_it_has():
    district = gk.make_city("small").district
    places = gk.district_places(district)
    kinds = places["kind"].value_counts()
    assert kinds["community"] == len(district.communities)
    assert kinds["street"] == district.streets["name"].ne("").sum()
    assert kinds["office"] == district.communities["street_name"].nunique()
    bare = gk.District("x", district.boundary)
    assert gk.Gazetteer.from_district(bare).summary() == {"district": 1}


def test_buildings_give_compounds_and_plates():
    buildings = gpd.GeoDataFrame(
        {
            "compound": ["金桂花园", "金桂花园", ""],
            "name": [None, None, "图书馆"],
            "addr:street": ["解放路", None, "解放路"],
            "addr:housenumber": ["12", None, "14"],
        },
        geometry=[
            box(X, Y, X + 20, Y + 20),
            box(X + 40, Y, X + 60, Y + 20),
            box(X, Y, X + 9, Y + 9),
        ],
        crs=CRS,
    )
    boundary = gpd.GeoDataFrame(geometry=[box(X - 99, Y - 99, X + 999, Y + 999)], crs=CRS)
    gazetteer = gk.Gazetteer.from_district(gk.District("x", boundary, buildings=buildings))
    assert gazetteer.summary() == {"district": 1, "poi": 1, "area": 1, "plate": 2}
    (street,) = gazetteer.named("解放路")
    assert sorted(street.plates) == [(12, ""), (14, "")]


def test_another_table_needs_the_same_crs():
    district = gk.make_city("small").district
    with pytest.raises(CRSError):
        gk.Gazetteer.from_district(district, table([("a", "poi", Point(0, 0))], crs=4548))


def test_files_with_ranges_and_without_names(tmp_path):
    streets = gpd.GeoDataFrame(
        {"STREET": ["MAIN ST", None], "L_F_ADD": [1, 1], "L_T_ADD": [99, 99]},
        geometry=[LineString([(X, Y), (X + 90, Y)]), LineString([(X, Y), (X, Y + 90)])],
        crs=CRS,
    )
    streets.to_file(tmp_path / "s.fgb")
    places = gk.read_places(tmp_path / "s.fgb", kind="street")
    assert places[["name", "left_from", "left_to"]].to_numpy().tolist() == [["MAIN ST", 1, 99]]
    with pytest.raises(SchemaError, match="name"):
        gk.read_places(tmp_path / "s.fgb")
    streets.iloc[:1].to_file(tmp_path / "named.fgb")
    with pytest.raises(SchemaError, match="kind"):
        gk.read_places(tmp_path / "named.fgb")
    with pytest.raises(FileError):
        gk.read_places(tmp_path / "none.fgb", kind="street")


def test_degrees_in_china_are_warned_of(tmp_path):
    point = gpd.GeoDataFrame({"地名": ["图书馆"]}, geometry=[Point(121.39, 37.54)], crs=4326)
    point.to_file(tmp_path / "p.geojson")
    with pytest.warns(GridkitWarning, match="Gaode"):
        places = gk.read_places(tmp_path / "p.geojson", kind="poi")
    assert places.crs.to_epsg() == 4549
