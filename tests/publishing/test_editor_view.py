"""What the map of the editor is told, decoded without gridkit's code, and what its buttons do."""

from importlib import resources

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, box

import gridkit as gk

pytest.importorskip("anywidget", reason="anywidget is not installed (extra notebooks)")

from gridkit.publishing.editor_view import view_of

X0, Y0 = 531_000.0, 4_155_000.0


def square(x, y, side=100):
    return box(X0 + x, Y0 + y, X0 + x + side, Y0 + y + side)


@pytest.fixture
def editor():
    side = [(0, 0), (300, 0), (300, 100), (300, 300), (0, 300)]
    hole = square(100, 100).exterior.coords
    ring = shapely.Polygon(np.array(side) + [X0, Y0], [hole])
    shapes = [ring, square(100, 100), square(300, 0), square(400, 0)]
    cells = gpd.GeoDataFrame(
        {"cell_code": ["A1", "A2", "A3", "A4"], "load": [5.0, np.nan, 7.0, 8.0]},
        geometry=shapes, crs=4549,
    )  # fmt: skip
    whole = gpd.GeoDataFrame(geometry=[cells.union_all()], crs=4549)
    road = [LineString([(X0 + 300, Y0 + 30), (X0 + 500, Y0 + 30)])]
    streets = gpd.GeoDataFrame(geometry=road, crs=4549)
    return gk.edit_cells(
        cells, gk.District("x", whole, streets=streets), at="2026-07-01", lang="en"
    )


@pytest.fixture
def view(editor):
    made = view_of(editor)
    made.sent = []
    made.send = lambda content, buffers=None: made.sent.append(content)
    yield made
    made.close()


def ask(view, do, **more):
    view._handle_custom_msg({"do": do, "reason": "test", **more}, [])
    return view.status["kind"], view.status["text"]


def decoded(packed):
    """Return the paths of each shape as arrays of x and y."""
    paths, sizes = (np.frombuffer(packed[k], "<u4") for k in ("paths", "sizes"))
    xy = np.frombuffer(packed["xy"], "<f4").reshape(-1, 2)
    rings = np.split(xy, np.cumsum(sizes)[:-1]) if len(sizes) else []
    ends = np.cumsum(paths)
    return [rings[end - n : end] for n, end in zip(paths, ends, strict=True)]


def test_shapes_come_to_the_map_with_holes_and_to_the_millimetre(editor, view):
    shapes = decoded(view.picture["shapes"])
    assert [len(rings) for rings in shapes] == [2, 1, 1, 1]
    for rings, cell in zip(shapes, editor.map.geometry, strict=True):
        sent = shapely.Polygon(rings[0], rings[1:])
        moved = shapely.transform(cell, lambda xy: xy - [X0, Y0])
        assert sent.symmetric_difference(moved).area < 1e-3
    assert decoded(view.ground["streets"])[0][0].tolist() == [[300, 30], [500, 30]]
    assert view.picture["loads"] == [5.0, None, 7.0, 8.0]
    assert view.picture["codes"] == ["A1", "A2", "A3", "A4"]


def test_findings_come_worst_first_with_their_places(view):
    findings = view.picture["findings"]
    ranks = ["error", "warning", "info", "not_checked", "ok"]
    order = [ranks.index(f["severity"]) for f in findings]
    assert order == sorted(order)
    places = decoded(view.picture["places"])
    assert len(places) == len(findings)
    area = next(k for k, f in enumerate(findings) if f["rule"] == "AREA_RANGE")
    assert findings[area]["severity"] == "warning"
    assert len(places[area]) == 2  # the ring is too large; its hole is drawn, too


def test_the_buttons_do_what_the_methods_do(editor, view):
    assert ask(view, "select", codes=["A3"]) == ("done", "")
    assert view.selected == ["A3"]
    lines = [[[295, 33], [404, 28]]]
    assert ask(view, "split", lines=lines, snap=True, reach_m=8.0) == ("done", "A3 → A5, A6")
    assert sorted(editor.map.set_index("cell_code").area[["A5", "A6"]]) == [3000, 7000]
    assert editor.lineage["reason"].unique().tolist() == ["test"]
    assert view.picture["undo"]
    assert ask(view, "merge") == ("done", "A5, A6 → A7")
    ask(view, "select", codes=["A7", "A4"])
    short = {"snap": False, "reach_m": 5.0}
    assert ask(view, "border") == ("done", "")
    assert view.sent == [{"border": [[[400, 0], [400, 30], [400, 100]]]}]
    assert ask(view, "redraw", lines=[[[410, 4], [390, 96]]], **short) == (
        "done",
        "A7, A4 → A8, A9",
    )
    assert editor.map.set_index("cell_code").area["A8"] == pytest.approx(10_000, abs=150)
    ask(view, "undo")
    ask(view, "undo")
    assert view.picture["codes"] == editor.map["cell_code"].tolist()
    ask(view, "redo")
    assert "A7" in view.picture["codes"]
    ask(view, "select", codes=["A4"])
    assert ask(view, "split", n=2) == ("done", "A4 → A8, A9")
    assert ask(view, "check")[0] == "done"


def test_what_is_refused_is_said_and_leaves_the_map(editor, view):
    before = view.picture
    ask(view, "select", codes=["A2", "A4"])
    kind, text = ask(view, "merge")
    assert (kind, "do not touch" in text) == ("refused", True)
    assert ask(view, "split", n=2)[0] == "refused"
    assert ask(view, "select", codes=["<b>"])[0] == "refused"
    assert ask(view, "undo") == ("refused", "there is no edit to take back.")
    assert view.picture == before
    assert view.selected == editor.selected == ["A2", "A4"]


def test_the_map_follows_the_methods(editor, view):
    editor.select(["A2"])
    assert view.selected == ["A2"]
    made = editor.split("A3", 2)
    assert set(made) < set(view.picture["codes"])
    assert editor._repr_mimebundle_() == editor._repr_mimebundle_()


def test_the_script_reaches_for_nothing_and_writes_no_html():
    for name in ("editor.js", "editor.css"):
        text = resources.files("gridkit.publishing").joinpath("assets", name).read_text("utf-8")
        for word in ("://", "innerHTML", "insertAdjacent", "import(", "fetch(", "url(", "eval("):
            assert word not in text, (name, word)
