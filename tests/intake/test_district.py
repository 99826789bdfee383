import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from gridkit.crs import to_datum
from gridkit.errors import CRSError, FileError, GeometryError, GridkitWarning, SchemaError
from gridkit.intake.district import District, district_of, read_cells, read_district

CRS = 4549
BOWTIE = Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])


def frame(shapes, crs=CRS, **columns):
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=crs)


def layers(crs=CRS):
    """A district of two communities with all its layers."""
    made = {
        "boundary": frame([box(621000, 4156000, 623000, 4157000)], name=["海滨区"]),
        "communities": frame(
            [box(621000, 4156000, 622000, 4157000), box(622000, 4156000, 623000, 4157000)],
            community_code=["370602001001", "370602001002"],
            name=["东", "西"],
            street_code=["370602001"] * 2,
            street_name=["海滨街道"] * 2,
        ),
        "streets": frame(
            [LineString([(621000, 4156500), (623000, 4156500)])],
            road_class=["primary"], name=["海滨路"], bridge=[True],
        ),
        "water": frame([box(621000, 4156000, 621100, 4156100)], kind=["river"], name=["小河"]),
        "buildings": frame(
            [box(621500, 4156600, 621520, 4156610)], households=[12], shops=[1], use=["residential"]
        ),
    }  # fmt: skip
    return {name: layer.to_crs(crs) for name, layer in made.items()}


def write(folder, made):
    path = folder / "district.gpkg"
    for name, layer in made.items():
        layer.to_file(path, layer=name)
    return path


def test_all_layers_in_one_crs(tmp_path):
    made = layers()
    made["streets"] = made["streets"].to_crs(4326)
    made["water"] = made["water"].to_crs(2263)  # feet
    district = read_district(write(tmp_path, made))
    assert district.name == "海滨区"
    assert district.crs.to_epsg() == CRS
    for name, layer in layers().items():
        found = getattr(district, name)
        assert found.crs == district.crs
        assert found.geometry.iloc[0].hausdorff_distance(layer.geometry.iloc[0]) < 1
    assert district.streets["bridge"].tolist() == [True]
    assert district.buildings["households"].tolist() == [12]


def test_layers_that_are_not_there_are_none(tmp_path):
    district = read_district(write(tmp_path, {"boundary": layers()["boundary"]}))
    assert district.communities is district.streets is district.water is district.buildings is None


@pytest.mark.parametrize("crs", [4326, 4490, 3857, 2263])
def test_what_is_not_metres_becomes_metres(crs, tmp_path):
    district = read_district(write(tmp_path, layers(crs)), datum=None if crs != 4326 else "wgs84")
    assert district.crs.to_epsg() == CRS
    assert district.boundary.area.iloc[0] == pytest.approx(2e6, rel=1e-5)


def test_the_crs_can_be_chosen(tmp_path):
    path = write(tmp_path, layers())
    assert read_district(path, crs=32651).crs.to_epsg() == 32651
    with pytest.raises(CRSError, match="not a plane in metres"):
        read_district(path, crs=4326)
    with pytest.raises(CRSError, match="not a CRS"):
        read_district(path, crs="nonsense")


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_a_datum_moves_every_layer(datum, tmp_path):
    truth = read_district(write(tmp_path, layers()))
    shifted = {}
    for name, layer in layers(4326).items():
        moved = layer.geometry.transform(
            lambda xy: pd.DataFrame(to_datum(xy[:, 0], xy[:, 1], target=datum)).T.to_numpy()
        )
        shifted[name] = layer.set_geometry(moved)
    (tmp_path / "shifted").mkdir()
    path = write(tmp_path / "shifted", shifted)
    found = read_district(path, datum=datum)
    for name in shifted:
        expected = getattr(truth, name).geometry.iloc[0]
        assert getattr(found, name).geometry.iloc[0].hausdorff_distance(expected) < 0.001
    with pytest.warns(GridkitWarning, match="says WGS84 and lies in China"):
        plain = read_district(path)
    assert plain.boundary.geometry.iloc[0].hausdorff_distance(truth.boundary.geometry[0]) > 300
    with pytest.raises(CRSError, match="mars"):
        read_district(path, datum="mars")


@pytest.mark.parametrize("ending", ["geojson", "shp", "fgb", "parquet", "gpkg"])
def test_one_layer_is_the_boundary(ending, tmp_path):
    path = tmp_path / f"haibin.{ending}"
    parts = frame([box(0, 0, 10, 10), box(10, 0, 20, 10)]).to_crs(4326)
    _ = parts.to_parquet(path) if ending == "parquet" else parts.to_file(path)
    district = read_district(path, crs=CRS)
    assert district.name == "haibin"
    assert district.communities is None
    assert district.boundary.geometry.iloc[0].hausdorff_distance(box(0, 0, 20, 10)) < 0.01


def test_one_layer_of_communities_gives_both(tmp_path):
    path = tmp_path / "a.fgb"
    made = layers()["communities"]
    made.assign(community_code=made["community_code"].astype("int64")).to_file(path)
    district = read_district(path)
    assert district.communities["community_code"].str.len().tolist() == [12, 12]
    assert district.boundary.area.iloc[0] == pytest.approx(2e6)


def test_streets_from_their_own_file(tmp_path):
    path, streets = write(tmp_path, layers()), tmp_path / "streets.geojson"
    lines = [LineString([(621000 + i, 4156000), (622000, 4156900)]) for i in range(4)]
    osm = frame(lines, highway=["primary", "service", None, "rail"], bridge=["yes", "no", None, ""])
    osm.to_crs(4326).to_file(streets)
    district = read_district(path, streets=streets)
    assert district.streets["road_class"].fillna("–").tolist() == [
        "primary",
        "service",
        "–",
        "rail",
    ]
    assert district.streets["bridge"].tolist() == [True, False, False, False]
    assert district.streets.crs == district.crs


def test_missing_layer_names_those_there(tmp_path):
    made = layers()
    del made["boundary"]
    with pytest.raises(FileError) as error:
        read_district(write(tmp_path, made))
    assert "'boundary'" in error.value.text("en")
    for name in made:
        assert name in error.value.text("zh")


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        read_district(tmp_path / "a.gpkg")
    with pytest.raises(FileError, match="folder"):
        read_district(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(FileError, match=r"\.gpkg"):
        read_district(tmp_path / "a.txt")


@pytest.mark.parametrize("ending", ["gpkg", "geojson", "shp", "fgb", "parquet"])
def test_garbage(ending, tmp_path):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"\x00garbage\xff" * 99)
    with pytest.raises(FileError, match="cannot be read"):
        read_district(path)


def test_a_table_without_shapes(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(FileError, match=r"a\.parquet"):
        read_district(path)


def test_missing_crs(tmp_path):
    path = tmp_path / "a.shp"
    frame([box(0, 0, 1, 1)]).to_file(path)
    path.with_suffix(".prj").unlink()
    with pytest.raises(CRSError, match=r"a\.shp"):
        read_district(path)


def test_empty_boundary(tmp_path):
    made = layers()
    made["boundary"] = made["boundary"].iloc[:0]
    with pytest.raises(GeometryError, match="boundary: the layer has no rows"):
        read_district(write(tmp_path, made))
    made["boundary"] = frame([Polygon()], name=["x"])
    (tmp_path / "b").mkdir()
    with pytest.raises(GeometryError, match="boundary: 1 row"):
        read_district(write(tmp_path / "b", made))


def test_all_unsound_shapes_are_told_and_none_repaired(tmp_path):
    made = layers()
    made["communities"].geometry = [BOWTIE, made["communities"].geometry[1]]
    made["water"] = frame([Point(0, 0)], kind=["river"], name=["x"])
    made["buildings"] = frame([box(0, 0, 1, 1), None, BOWTIE], households=[1, 2, 3])
    with pytest.raises(GeometryError) as error:
        read_district(write(tmp_path, made))
    text = error.value.text("en")
    assert "communities: 1 invalid shape(s), rows 1: Self-intersection" in text
    assert "water: 1 row(s) are Point, rows 1; needed: Polygon" in text
    assert "buildings: 1 row(s) have no shape, rows 2" in text
    assert "buildings: 1 invalid shape(s), rows 3" in text
    assert len(error.value.text("zh").splitlines()) == 4


def test_repeated_community_codes(tmp_path):
    made = layers()
    made["communities"]["community_code"] = "370602001001"
    with pytest.raises(SchemaError, match="370602001001"):
        read_district(write(tmp_path, made))
    made["communities"]["community_code"] = ["370602001001", None]
    (tmp_path / "b").mkdir()
    with pytest.raises(SchemaError, match="community_code"):
        read_district(write(tmp_path / "b", made))


def test_a_district_refuses_layers_that_do_not_fit():
    made = layers()
    with pytest.raises(CRSError, match="streets"):
        District("x", made["boundary"], streets=made["streets"].to_crs(32651))
    with pytest.raises(CRSError, match="boundary"):
        District("x", made["boundary"].to_crs(4326))
    with pytest.raises(GeometryError, match="2 rows"):
        District("x", made["communities"])
    with pytest.raises(GeometryError, match="needed: Polygon"):
        District("x", made["streets"])


# --- given cells -----------------------------------------------------------------------------


def cells(**columns):
    return frame([box(1000 + i * 10, 0, 1010 + i * 10, 10) for i in range(3)], **columns)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (["0111", "0112", "1"], ["0111", "0112", "1"]),
        ([111.0, 112.0, 5.0], ["111", "112", "5"]),
        ([111, 112, 5], ["111", "112", "5"]),
    ],
)
def test_codes_of_cells_are_text(codes, expected, tmp_path):
    path = tmp_path / "a.gpkg"
    cells(BEAT=codes).to_file(path)
    found = read_cells(path, code="BEAT")
    assert found["cell_code"].tolist() == expected
    assert found["level"].unique().tolist() == ["cell"]


@pytest.mark.parametrize("header", ["cell_code", "网格编码", "BGCode", "单元网格编号", "GRID_ID"])
def test_usual_headers_of_codes(header, tmp_path):
    path = tmp_path / "a.gpkg"
    cells(**{header: ["a", "b", "c"], "网格名称": ["x", "y", "z"], "别的": [1, 2, 3]}).to_file(path)
    found = read_cells(path)
    assert found["cell_code"].tolist() == ["a", "b", "c"]
    assert found["name"].tolist() == ["x", "y", "z"]
    assert found["别的"].tolist() == [1, 2, 3]


def test_cells_are_brought_to_metres(tmp_path):
    path = tmp_path / "a.geojson"
    made = cells(cell_code=["a", "b", "c"], valid_from=["2025-01-01"] * 3)
    made.geometry = made.translate(620000, 4156000)
    made.to_crs(4326).to_file(path)
    found = read_cells(path, datum="wgs84")
    assert found.crs.to_epsg() == CRS
    assert found.area.round(1).tolist() == [100.0] * 3
    assert found["valid_from"].dt.year.tolist() == [2025] * 3


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_cells_from_a_web_map_are_moved_or_warned_of(datum, tmp_path):
    path = tmp_path / "a.geojson"
    made = cells(cell_code=["a", "b", "c"])
    made.geometry = made.translate(620000, 4156000)
    drawn = made.to_crs(4326)
    drawn.geometry = drawn.transform(
        lambda xy: pd.DataFrame(to_datum(xy[:, 0], xy[:, 1], target=datum)).T.to_numpy()
    )
    drawn.to_file(path)
    found = read_cells(path, datum=datum, crs=CRS)
    assert found.hausdorff_distance(made, align=False).max() < 0.02
    with pytest.warns(GridkitWarning, match=r"a\.geojson: the file says WGS84"):
        plain = read_cells(path, crs=CRS)
    assert plain.hausdorff_distance(made, align=False).min() > 200


def test_wgs84_outside_china_is_no_question(tmp_path):
    path = tmp_path / "a.geojson"
    beats = frame([box(-87.7, 41.8, -87.6, 41.9)], crs=4326, cell_code=["0111"])
    beats.to_file(path)
    assert len(read_cells(path)) == 1


@pytest.mark.parametrize(
    ("crs", "labelled", "words"),
    [(4326, CRS, "look like degrees"), (CRS, 4326, "look like metres")],
)
def test_a_crs_that_the_coordinates_belie(crs, labelled, words, tmp_path):
    boundary = layers()["boundary"].to_crs(crs).set_crs(labelled, allow_override=True)
    boundary.to_file(tmp_path / "a.gpkg", layer="boundary")
    with pytest.raises(CRSError, match=rf"a\.gpkg.*{words}"):
        read_district(tmp_path / "a.gpkg")


@pytest.mark.parametrize("households", [["many"], [-5], ["-1"], [float("inf")]])
def test_households_are_numbers_from_0(households, tmp_path):
    made = layers()
    made["buildings"]["households"] = households
    with pytest.raises(SchemaError, match=r"gpkg: buildings: column 'households'.*\(rows 1\)"):
        read_district(write(tmp_path, made))


def test_numbers_written_as_text_are_counts(tmp_path):
    made = layers()
    made["buildings"]["households"] = ["12"]
    assert read_district(write(tmp_path, made)).buildings["households"].tolist() == [12]


def test_repeated_communities_name_the_file(tmp_path):
    made = layers()
    made["communities"]["community_code"] = ["370602001001"] * 2
    with pytest.raises(SchemaError, match=r"district\.gpkg: .*370602001001"):
        read_district(write(tmp_path, made))


def test_no_column_of_codes(tmp_path):
    path = tmp_path / "a.gpkg"
    cells(BEAT=["1", "2", "3"]).to_file(path)
    with pytest.raises(SchemaError, match=r"columns: BEAT\. Name it with code="):
        read_cells(path)
    with pytest.raises(SchemaError, match="no column 'BAET'; the file has: BEAT"):
        read_cells(path, code="BAET")


def test_repeated_codes_are_an_error_unless_parts_are_merged(tmp_path):
    path = tmp_path / "a.gpkg"
    cells(cell_code=["a", "b", "a"], name=["x", "y", "z"]).to_file(path)
    with pytest.raises(SchemaError, match=r"repeat: a \(rows 1, 3\)"):
        read_cells(path)
    found = read_cells(path, merge_parts=True)
    assert found["cell_code"].tolist() == ["a", "b"]
    assert found["name"].tolist() == ["x", "y"]
    assert found.area.tolist() == [200.0, 100.0]


def test_unsound_cells(tmp_path):
    path = tmp_path / "a.gpkg"
    made = cells(cell_code=["a", "b", None])
    made.to_file(path)
    with pytest.raises(SchemaError, match="cell_code"):
        read_cells(path)
    made = cells(cell_code=["a", "b", "c"])
    made.geometry = [BOWTIE, None, LineString([(0, 0), (1, 1)])]
    made.to_file(path)
    with pytest.raises(GeometryError) as error:
        read_cells(path)
    assert len(error.value.text("en").splitlines()) == 3
    made.iloc[:0].to_file(path)
    with pytest.raises(GeometryError, match="no rows"):
        read_cells(path)


def test_the_district_of_cells():
    made = cells(cell_code=["a", "b", "c"])
    district = district_of(made, name="x")
    assert district.boundary.geometry.iloc[0].equals(box(1000, 0, 1030, 10))
    apart = district_of(made.iloc[[0, 2]])
    assert isinstance(apart.boundary.geometry.iloc[0], MultiPolygon)
    with pytest.raises(GeometryError, match="no rows"):
        district_of(made.iloc[:0])
    with pytest.raises(CRSError):
        district_of(made.to_crs(4326))
