"""Cells edited in another program: every change is told, none that breaks a rule is taken over."""

import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from shapely.geometry import LineString, Polygon, box

import gridkit as gk
from gridkit.errors import CRSError, FileError, GeometryError, GridkitWarning

A = "370602001001"
X0, Y0 = 500_000, 4_150_000


def square(k, n=100):
    return box(X0 + k * n, Y0, X0 + (k + 1) * n, Y0 + n)


@pytest.fixture
def cells():
    frame = gpd.GeoDataFrame(
        {"cell_code": [f"{A}{k:03d}" for k in (1, 2, 3)]},
        geometry=[square(k) for k in range(3)],
        crs=4549,
    )
    return frame.assign(
        community_code=A,
        households=[1, 2, 3],
        name=["a", None, "c"],
        valid_from=pd.Timestamp("2025-01-01"),
        checked=pd.Series([True, None, False], dtype="boolean"),
    )


@pytest.fixture
def path(tmp_path, cells):
    gk.to_qgis(cells, tmp_path / "hand.gpkg")
    return tmp_path / "hand.gpkg"


def edit(path, change):
    """Edit the layer through GDAL, as QGIS does."""
    frame = pyogrio.read_dataframe(path, layer="cells")
    pyogrio.write_dataframe(change(frame), path, layer="cells")


def with_shapes(frame, **shapes):
    """Replace the shapes of cells by the last digits of their codes."""
    made = frame.geometry.tolist()
    for name, shape in shapes.items():
        made[int(name[1:]) - 1] = shape
    return frame.set_geometry(gpd.GeoSeries(made, crs=frame.crs))


def moved_border(frame):
    west = Polygon([(X0, Y0), (X0 + 80, Y0), (X0 + 120, Y0 + 100), (X0, Y0 + 100)])
    return with_shapes(frame, c1=west, c2=square(0).union(square(1)).difference(west))


def test_nothing_changed(path, cells):
    back = gk.from_qgis(path, cells)
    assert back.diff.empty
    assert list(back.diff.columns) == [
        "cell_code", "change", "columns", "area_before_m2", "area_after_m2", "iou", "geometry",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(pd.DataFrame(back.cells), pd.DataFrame(cells))
    assert back.cells.crs == cells.crs
    assert not back.findings["severity"].eq("error").any()


def test_the_style_is_where_qgis_looks(path):
    with closing(sqlite3.connect(path)) as database:
        (table, geometry, qml, default) = database.execute(
            "SELECT f_table_name, f_geometry_column, styleQML, useAsDefault FROM layer_styles"
        ).fetchone()
        registered = database.execute(
            "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (table,)
        ).fetchone()
    assert (table, default) == ("cells", 1)
    assert registered == (geometry,)
    root = ET.fromstring(qml)
    assert root.tag == "qgis"
    assert root.find("renderer-v2/symbols/symbol/layer").get("class") == "SimpleFill"
    options = {o.get("name"): o.get("value") for o in root.iterfind(".//Option[@name]")}
    properties = {o.get("k"): o.get("v") for o in root.iterfind(".//prop")}
    assert options == properties
    assert options["style"] == "no"
    assert root.find("labeling/settings/text-style").get("fieldName") == "cell_code"


def test_a_plan_shows_its_newest_map(tmp_path, cells):
    made = gk.split_cell(cells, f"{A}002", 2, at="2026-01-01", reason="x")
    streets = gpd.GeoDataFrame(geometry=[LineString([(X0, Y0), (X0 + 300, Y0)])], crs=4549)
    district = gk.District("D", gk.district_of(cells).boundary, streets=streets)
    plan = gk.Plan(district, made.cells, lineage=made.lineage)
    gk.to_qgis(plan, tmp_path / "p.gpkg")
    layers = set(pyogrio.list_layers(tmp_path / "p.gpkg")[:, 0])
    assert layers == {"cells", "boundary", "streets", "findings", "layer_styles"}
    back = gk.from_qgis(tmp_path / "p.gpkg", plan)
    assert sorted(back.cells["cell_code"].str[-3:]) == ["001", "003", "004", "005"]
    assert back.diff.empty
    with pytest.raises(FileError, match="not a plan"):
        gk.Plan.load(tmp_path / "p.gpkg")


def test_a_moved_border_and_attributes(path, cells):
    edit(path, lambda f: moved_border(f).assign(name=["a", "b", "c"], households=[1, 2, 30], new=1))
    back = gk.from_qgis(path, cells)
    diff = back.diff.set_index("cell_code")
    assert diff["change"].tolist() == ["geometry, attributes"] * 2 + ["attributes"]
    assert diff["columns"].tolist() == ["new", "name, new", "households, new"]
    assert diff["area_before_m2"].tolist() == pytest.approx([1e4] * 3)
    assert diff["area_after_m2"].tolist() == pytest.approx([1e4] * 3)
    # Gained and lost: two triangles of 20 m by 50 m.
    assert diff["iou"].tolist() == pytest.approx([9500 / 10500] * 2 + [1.0])
    assert diff.geometry.area.tolist() == pytest.approx([1000.0, 1000.0, 0.0])
    assert back.cells["households"].dtype == "int64"


def test_hand_drawn_borders_go_on_into_the_history(path, cells):
    edit(path, moved_border)
    back = gk.from_qgis(path, cells)
    codes = back.diff["cell_code"].tolist()
    shapes = back.cells.set_index("cell_code").geometry[codes]
    done = gk.redraw_cells(cells, codes, shapes.tolist(), at="2026-05-01", reason="by hand")
    live = gk.cells_at(done.cells)
    assert shapely.coverage_is_valid(live.geometry.to_numpy(), gap_width=0.01)
    assert live.union_all().symmetric_difference(cells.union_all()).area < 1e-6
    new = live[live["cell_code"].isin(done.lineage["code_to"])]
    gap = new.union_all().symmetric_difference(shapes.union_all())
    assert gap.area < 1e-6


def test_new_and_missing_cells(path, cells):
    def replace(frame):
        parts = [box(X0 + 200, Y0, X0 + 250, Y0 + 100), box(X0 + 250, Y0, X0 + 300, Y0 + 100)]
        new = frame.iloc[[2, 2]].assign(cell_code=[f"{A}004", f"{A}005"], geometry=parts)
        return gpd.GeoDataFrame(pd.concat([frame.iloc[:2], new]), crs=frame.crs)

    edit(path, replace)
    diff = gk.from_qgis(path, cells).diff
    assert diff["change"].tolist() == ["missing", "new", "new"]
    assert diff["cell_code"].str[-1].tolist() == ["3", "4", "5"]
    assert diff["iou"].tolist() == [0.0] * 3
    assert diff["area_after_m2"].tolist() == pytest.approx([0, 5000, 5000])


def strip(west, east):
    return box(X0 + west, Y0, X0 + east, Y0 + 100)


def twice(frame):
    return pd.concat([frame.iloc[:2], frame.iloc[[2, 2]]])


BOW = Polygon(np.array([(200, 0), (300, 100), (300, 0), (200, 100)]) + [X0, Y0])
CODE = f"{A}001"
BROKEN = {
    "gap": (lambda f: with_shapes(f, c1=square(0).buffer(-5)), ["GAP", CODE]),
    "overlap": (lambda f: with_shapes(f, c1=strip(0, 110)), ["OVERLAP", "1,000 m²"]),
    "outside": (lambda f: with_shapes(f, c3=strip(200, 290)), ["GAP", "1,000 m²"]),
    "bow tie": (lambda f: with_shapes(f, c3=BOW), ["INVALID_GEOMETRY", "GAP"]),
    "gone": (lambda f: f.iloc[:2], ["GAP: 1 gap(s), 10,000 m²"]),
    "copied": (twice, ["CODE_UNIQUE", "OVERLAP"]),
    "no code": (lambda f: f.assign(cell_code=[CODE, None, f"{A}003"]), ["CODE_FORMAT: 1 code"]),
    "short code": (lambda f: f.assign(cell_code=[CODE, "2", f"{A}003"]), ["CODE_FORMAT", "(2)"]),
    "abroad": (lambda f: f.assign(community_code="370602001009"), ["CODE_PREFIX"]),
    "no shape": (lambda f: with_shapes(f, c2=None), ["EMPTY", "GAP"]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_a_rule_is_refused_and_named(path, cells, name):
    change, words = BROKEN[name]
    edit(path, change)
    with pytest.raises(GeometryError) as caught:
        gk.from_qgis(path, cells)
    for word in [*words, "hand.gpkg", "nothing was taken over"]:
        assert word in caught.value.en
    with pytest.warns(GridkitWarning, match=words[0].split(":")[0]) as noted:
        back = gk.from_qgis(path, cells, verify=False)
    assert noted[0].filename == __file__
    assert not back.diff.empty
    assert back.findings["severity"].eq("error").any()


def test_a_split_by_hand_keeps_the_larger_part(path, cells):
    """QGIS copies the code to both parts: the one most like the cell stays, the other is new."""

    def split(frame):
        shapes = [box(X0 + 200, Y0, X0 + 230, Y0 + 100), box(X0 + 230, Y0, X0 + 300, Y0 + 100)]
        parts = frame.iloc[[2, 2]].assign(geometry=shapes)
        return gpd.GeoDataFrame(pd.concat([frame.iloc[:2], parts]), crs=frame.crs)

    edit(path, split)
    with pytest.warns(GridkitWarning, match="CODE_UNIQUE"):
        diff = gk.from_qgis(path, cells, verify=False).diff
    assert diff["change"].tolist() == ["geometry", "new"]
    assert diff["area_after_m2"].tolist() == pytest.approx([7000, 3000])


def test_faults_of_before_are_no_fault_of_the_hand(tmp_path, cells):
    gaps = cells.drop(index=1)
    boundary = gk.district_of(cells, name="D")
    with pytest.warns(GridkitWarning, match="GAP"):
        gk.Plan(boundary, gaps).save(tmp_path / "p.gpkg")
    plan = gk.Plan(boundary, gaps)
    gk.to_qgis(plan, tmp_path / "q.gpkg")
    edit(tmp_path / "q.gpkg", lambda f: f.assign(name="x"))
    back = gk.from_qgis(tmp_path / "q.gpkg", plan)
    assert back.diff["columns"].tolist() == ["name", "name"]
    edit(tmp_path / "q.gpkg", lambda f: f.iloc[:1])
    with pytest.raises(GeometryError, match=r"GAP.*20,000 m²"):
        gk.from_qgis(tmp_path / "q.gpkg", plan)


def test_bad_files(path, cells, tmp_path):
    with pytest.raises(FileError, match="no such file"):
        gk.from_qgis(tmp_path / "none.gpkg", cells)
    with pytest.raises(FileError, match="no layer 'grid'"):
        gk.from_qgis(path, cells, layer="grid")
    with pytest.raises(FileError, match="no column 'cell_code'"):
        gk.from_qgis(path, cells, layer="layer_styles")
    (tmp_path / "junk.gpkg").write_bytes(b"SQLite format 3\0" + bytes(5000))
    with pytest.raises(FileError, match=r"junk\.gpkg"):
        gk.from_qgis(tmp_path / "junk.gpkg", cells)
    edit(path, lambda f: f.to_crs(4547))
    with pytest.raises(CRSError, match="before"):
        gk.from_qgis(path, cells)
    with pytest.raises(FileError, match="cannot be written"):
        gk.to_qgis(cells, path / "inside.gpkg")
