"""Editing by hand: undo is exact, the tiling stays exact, what is refused leaves no trace."""

import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import LineString, box

import gridkit as gk
from gridkit.errors import CRSError, GeometryError, GridkitError, OptionError, SchemaError
from gridkit.publishing import editor as editor_module

CRS, DAY = 4549, "2026-07-01"
X0, Y0 = 531_000.0, 4_155_000.0
A, B = "370602001001", "370602001002"
SIDE = 90.0


def at(*points):
    return LineString(np.array(points) + [X0, Y0])


def crooked(nx, ny, seed=0):
    """Make nx × ny crooked cells, the west half in one community, the east half in another."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(nx + 1) * SIDE, np.arange(ny + 1) * SIDE)
    knots = np.stack([x, y], axis=-1)
    knots[1:-1, 1:-1] += rng.uniform(-20, 20, (ny - 1, nx - 1, 2)).round(2)
    knots += [X0, Y0]
    rows, shapes = [], []
    for j in range(ny):
        for i in range(nx):
            ring = [knots[j, i], knots[j, i + 1], knots[j + 1, i + 1], knots[j + 1, i]]
            shapes.append(shapely.Polygon(ring))
            community = A if i < nx // 2 else B
            number = j * (nx // 2) + i % (nx // 2) + 1
            load = float(rng.integers(20, 90))
            rows.append((f"{community}{number:03d}", community, load, f"n{j}-{i}"))
    columns = ["cell_code", "community_code", "load", "name"]
    return gpd.GeoDataFrame(pd.DataFrame(rows, columns=columns), geometry=shapes, crs=CRS)


def district_of(cells, *, streets=None):
    parts = cells.dissolve("community_code").reset_index()[["community_code", "geometry"]]
    whole = gpd.GeoDataFrame(geometry=[cells.union_all()], crs=cells.crs)
    lines = None if streets is None else gpd.GeoDataFrame(geometry=list(streets), crs=cells.crs)
    return gk.District("Town", whole, communities=parts, streets=lines)


@pytest.fixture
def cells():
    return crooked(6, 4)


@pytest.fixture
def editor(cells):
    streets = [at((-10, 45), (300, 45), (300, 300)), at((130, -10), (130, 400))]
    return gk.edit_cells(cells, district_of(cells, streets=streets), at=DAY, lang="en")


def image(editor):
    """Return everything a table is, down to the bytes of the shapes."""
    tables = []
    for table in (editor.cells, editor.lineage, editor.findings):
        flat = pd.DataFrame(table).copy()
        if "geometry" in flat:
            flat["geometry"] = [None if g is None else g.wkb for g in table.geometry]
        tables.append((flat.dtypes.astype(str).to_dict(), flat.to_csv()))
    return tables


def random_edit(editor, rng):
    """Try one edit somewhere, sensible or not; return whether it was made."""
    live = editor.map
    k = int(rng.integers(len(live)))
    code, shape = live["cell_code"].iloc[k], live.geometry.iloc[k]
    x, y = shape.centroid.coords[0]
    reach = 300 * np.array([np.cos(a := rng.uniform(0, np.pi)), np.sin(a)])
    cut = LineString([np.array([x, y]) - reach, np.array([x, y]) + reach])
    other = live["cell_code"][live.touches(shape)].to_numpy()
    kind = rng.choice(["line", "number", "merge", "redraw"])
    try:
        if kind == "line":
            editor.split(code, cut)
        elif kind == "number":
            editor.split(code, int(rng.integers(1, 5)))
        elif kind == "merge":
            editor.merge([code, str(rng.choice(other))])
        else:
            editor.redraw([code, str(rng.choice(other))], cut)
    except GridkitError:
        return False
    return True


def assert_exact(live, whole):
    shapes = live.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes, gap_width=0.01)
    assert (shapely.get_type_id(shapes) == 3).all()
    assert shapely.area(shapes).sum() == pytest.approx(whole.area, rel=1e-12)
    assert shapely.union_all(shapes).symmetric_difference(whole).area < 1e-6
    assert live["cell_code"].is_unique


@pytest.mark.parametrize("seed", range(3))
def test_random_edits_tile_exactly_and_undo_and_redo_return_every_byte(editor, cells, seed):
    rng = np.random.default_rng(seed)
    whole, load = cells.union_all(), cells["load"].sum()
    images = [image(editor)]
    while len(images) < 10:
        before = image(editor)
        if random_edit(editor, rng):
            images.append(image(editor))
            assert_exact(editor.map, whole)
            assert editor.map["load"].sum() == pytest.approx(load)
            assert not (editor.findings["severity"] == "error").any()
        else:
            assert image(editor) == before
    outcomes = editor.log["outcome"]
    assert (outcomes == "done").sum() == 9
    assert set(outcomes) == {"done", "refused"}
    for expected in images[-2::-1]:
        editor.undo()
        assert image(editor) == expected
    assert not editor.can_undo
    for expected in images[1:]:
        editor.redo()
        assert image(editor) == expected
    assert not editor.can_redo


def test_the_tables_given_stay_as_they_were_and_those_returned_are_copies(cells):
    before = cells.to_wkb().to_csv()
    editor = gk.edit_cells(cells, at=DAY)
    editor.split(f"{A}001", 2)
    for table in (editor.cells, editor.map, editor.lineage, editor.findings, editor.log):
        table.iloc[:, 0] = "changed"
    editor.selected.clear()
    assert cells.to_wkb().to_csv() == before
    assert "changed" not in set(editor.cells["cell_code"]) | set(editor.lineage["code_from"])
    assert "changed" not in set(editor.findings["rule"]) | set(editor.log["action"])
    assert len(editor.selected) == 2


def test_every_edit_is_what_the_functions_of_division_make(editor, cells):
    facts = {"at": DAY, "reason": "changed by hand"}
    edit = gk.split_cell(cells, f"{A}001", 3, **facts)
    made = editor.split(f"{A}001", 3)
    assert made == edit.lineage["code_to"].tolist()
    edit = gk.merge_cells(edit.cells, made[:2], lineage=edit.lineage, **facts)
    assert editor.merge(made[:2]) == edit.cells["cell_code"].tail(1).tolist()
    assert editor.cells.to_wkb().to_csv() == edit.cells.to_wkb().to_csv()
    pd.testing.assert_frame_equal(editor.lineage, edit.lineage)
    whole = gk.check_cells(gk.cells_at(edit.cells, DAY), editor.district, lang="en")
    assert editor.findings.to_wkb().equals(whole.to_wkb())


def test_a_new_edit_drops_what_was_undone(editor):
    editor.split(f"{A}001", 2)
    editor.undo()
    assert editor.can_redo
    editor.split(f"{A}002", 2)
    assert not editor.can_redo
    with pytest.raises(OptionError, match="no edit to make again"):
        editor.redo()
    editor.undo()
    with pytest.raises(OptionError, match="no edit to take back"):
        editor.undo()


def test_codes_never_come_back_and_earlier_changes_count(cells):
    first = gk.edit_cells(cells, at="2026-01-01")
    (gone,) = first.merge(first.split(f"{A}001", 2))
    second = gk.edit_cells(first.cells, at=DAY, lineage=first.lineage)
    second.split(gone, 2)
    codes = [*second.lineage["code_from"], *second.lineage["code_to"]]
    assert second.lineage.iloc[: len(first.lineage)].equals(first.lineage)
    assert second.cells["cell_code"].is_unique
    assert set(codes) <= set(second.cells["cell_code"])


def test_the_reason_of_the_moment_stands_in_the_lineage(cells):
    editor = gk.edit_cells(cells, at=DAY)
    editor.split(f"{A}001", 2)
    editor.reason = "新建道路"
    editor.split(f"{A}002", 2)
    assert editor.lineage["reason"].tolist() == ["手工调整"] * 2 + ["新建道路"] * 2
    editor.reason = " "
    with pytest.raises(OptionError, match="reason"):
        editor.split(f"{A}003", 2)


@pytest.mark.parametrize("most", [1_000, 0], ids=["whole", "near"])
def test_an_edit_that_breaks_a_rule_is_refused_and_leaves_no_trace(cells, monkeypatch, most):
    """Codes of a scheme of their own do not tell the community; the certificate does."""
    monkeypatch.setattr(editor_module, "WHOLE_UP_TO", most)
    district = district_of(cells)
    free = cells.drop(columns="community_code").assign(
        cell_code=[f"C{k:02d}" for k in range(len(cells))]
    )
    editor = gk.edit_cells(free, district, at=DAY, lang="en")
    editor.merge(["C00", "C01"])
    before = image(editor)
    with pytest.raises(GeometryError, match="CROSSES_COMMUNITY"):
        editor.merge(["C02", "C03"])
    assert image(editor) == before
    assert editor.log["outcome"].tolist() == ["done", "refused"]
    assert "CROSSES_COMMUNITY" in editor.log["detail"].iloc[1]
    editor.undo()
    assert editor.map["cell_code"].tolist() == free["cell_code"].tolist()


@pytest.mark.parametrize("most", [1_000, 0], ids=["whole", "near"])
def test_what_was_broken_before_may_be_worked_on(cells, monkeypatch, most):
    monkeypatch.setattr(editor_module, "WHOLE_UP_TO", most)
    district = district_of(cells)
    pair = [f"{A}003", f"{B}001"]
    both = cells["cell_code"].isin(pair)
    wide = cells[both].iloc[[0]].set_geometry([cells[both].union_all()], crs=CRS)
    broken = pd.concat([cells[~both], wide], ignore_index=True)
    editor = gk.edit_cells(broken, district, at=DAY, lang="en")
    assert (editor.findings.set_index("rule")["severity"] == "error")["CROSSES_COMMUNITY"]
    made = editor.split(f"{A}003", at((300, -9), (300, 120)))
    assert len(made) == 2
    found = editor.check().set_index("rule").loc["CROSSES_COMMUNITY"]
    assert (found["severity"], found["codes"]) == ("error", ", ".join(sorted(made)))


@pytest.mark.parametrize("seed", range(3))
def test_checking_near_an_edit_decides_as_the_whole_does(monkeypatch, seed):
    """Duty cells two cells wide: merging across them tears some, which only the whole shows."""
    cells = crooked(8, 5)
    column = ((cells.centroid.x - X0) // SIDE).clip(0, 7).astype(int) // 2
    cells = cells.assign(duty_code=[f"D{k}" for k in column])
    district, outcomes, maps = district_of(cells), [], []
    for most in (1_000, 0):
        monkeypatch.setattr(editor_module, "WHOLE_UP_TO", most)
        rng = np.random.default_rng(seed)
        editor = gk.edit_cells(cells, district, at=DAY, lang="en")
        for _ in range(14):
            random_edit(editor, rng)
        assert editor.scope == ("whole" if most else "near")
        outcomes.append(editor.log.to_csv())
        maps.append(editor.map.to_wkb().to_csv())
        whole = gk.check_cells(editor.map, district, lang="en").to_wkb()
        assert editor.check().to_wkb().equals(whole)
        assert editor.scope == "whole"
    assert outcomes[0] == outcomes[1]
    assert maps[0] == maps[1]


def test_selecting_tells_codes_area_and_load(editor, cells):
    told = []
    editor.watch(told.append)
    chosen = editor.select([f"{B}001", f"{A}002", f"{B}001"])
    assert editor.selected == chosen["cell_code"].tolist() == [f"{B}001", f"{A}002"]
    rows = cells.set_index("cell_code").loc[chosen["cell_code"]]
    assert chosen["load"].tolist() == rows["load"].tolist()
    assert chosen["area_m2"].to_numpy() == pytest.approx(rows.area.to_numpy())
    with pytest.raises(OptionError) as caught:
        editor.select(["X1", f"{A}001", "X2"])
    assert "'X1'" in caught.value.text("en")
    assert "'X2'" in caught.value.text("en")
    assert editor.selected == [f"{B}001", f"{A}002"]
    made = editor.split(f"{A}002", 2)
    assert editor.selected == made
    editor.undo()
    assert editor.selected == []
    assert told == ["selection", "tables", "tables"]
    assert editor.select([]).empty


def test_a_border_is_taken_moved_and_given_back(editor):
    pair = [f"{A}001", f"{A}002"]
    border = editor.border(pair)
    shapes = editor.map.set_index("cell_code").geometry
    assert border.length == pytest.approx(
        shapes[pair[0]].boundary.intersection(shapes[pair[1]]).length
    )
    xy = shapely.get_coordinates(border)
    middle = xy[:1] * 0.5 + xy[-1:] * 0.5 + [12.0, 0.0]
    moved = LineString(np.concatenate([xy[:1], middle, xy[-1:]]))
    made = editor.redraw(pair, moved)
    assert len(made) == 2
    assert editor.border(made).symmetric_difference(moved).length < 0.05
    with pytest.raises(GeometryError, match="no border in common"):
        editor.border([made[0], f"{B}003"])
    for wrong in ([made[0]], [made[0], made[0]], [], [*made, f"{B}001"]):
        with pytest.raises(OptionError, match="two neighbours"):
            editor.border(wrong)


def test_a_snapped_line_cuts_along_the_street(editor):
    drawn = at((3, 51), (60, 38), (86, 41))
    made = editor.split(f"{A}001", editor.snap(drawn))
    street = editor.district.streets.geometry.iloc[0]
    border = editor.border(made)
    assert shapely.hausdorff_distance(border, street.intersection(border.envelope.buffer(1))) < 2
    assert shapely.distance(shapely.points(shapely.get_coordinates(border)), street).max() < 0.01
    with pytest.raises(OptionError, match="no streets"):
        gk.edit_cells(editor.cells, at=DAY).snap(drawn)


def test_load_goes_where_the_buildings_are(cells):
    west = gpd.GeoDataFrame(
        {"households": [30, 10]},
        geometry=[box(X0 + x, Y0 + 40, X0 + x + 4, Y0 + 44) for x in (10, 60)], crs=CRS,
    )  # fmt: skip
    base = district_of(cells)
    district = gk.District("Town", base.boundary, base.communities, buildings=west)
    editor = gk.edit_cells(cells, district, at=DAY)
    editor.split(f"{A}001", at((45, -9), (45, 120)))
    assert sorted(editor.lineage["load_share"]) == [0.25, 0.75]
    other = gk.edit_cells(cells, district, at=DAY, units=west.assign(households=[1, 1]))
    other.split(f"{A}001", at((45, -9), (45, 120)))
    assert sorted(other.lineage["load_share"]) == [0.5, 0.5]


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"at": "someday"}, OptionError, "someday"),
        ({"at": "2020-01-01"}, OptionError, "2020-01-01"),
        ({"lang": "fr"}, OptionError, "zh, en"),
        ({"cells": lambda c: c.to_crs(4326)}, CRSError, "cells"),
        ({"cells": lambda c: c.drop(columns="cell_code")}, SchemaError, "cell_code"),
        ({"cells": lambda c: c.iloc[:0]}, GeometryError, "no rows"),
        ({"cells": lambda c: c.set_geometry(c.centroid)}, GeometryError, "polygons"),
        ({"cells": lambda c: c.assign(cell_code="A1")}, SchemaError, "A1"),
        ({"units": lambda c: c[["geometry"]]}, SchemaError, "load"),
        ({"units": lambda c: c.to_crs(4550)}, CRSError, "units"),
        (
            {"district": lambda c: district_of(c.set_crs(4550, allow_override=True))},
            CRSError,
            "cells",
        ),
    ],
)
def test_bad_input_is_refused_when_the_editor_opens(cells, change, kind, words):
    cells = cells.assign(valid_from="2025-01-01")
    made = {k: v(cells) if callable(v) else v for k, v in change.items()}
    table = made.pop("cells", cells)
    with pytest.raises(kind, match=words):
        gk.edit_cells(table, made.pop("district", None), **{"at": DAY, **made})


def test_refusals_speak_the_language_of_the_editor(cells):
    editor = gk.edit_cells(cells, at=DAY)
    with pytest.raises(GeometryError):
        editor.merge([f"{A}001", f"{A}012"])
    assert "网格" in editor.log["detail"].iloc[0]
    assert repr(editor) == "CellEditor(24 cells on 2026-07-01, 0 edits)"


def test_without_the_extra_the_map_says_what_to_install_and_methods_work(editor, monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(OptionError, match=r"gridkit-city\[notebooks\]"):
        editor._repr_mimebundle_()
    assert len(editor.split(f"{A}001", 2)) == 2


def test_without_streets_the_ends_of_a_line_still_reach_the_borders(cells):
    editor = gk.edit_cells(cells, at=DAY)
    short = at((45, 3), (45, 60), (4, 60))
    with pytest.raises(GeometryError, match="border to border"):
        editor.split(f"{A}001", short)
    line = editor.snap(short, tolerance_m=5, streets=False)
    assert shapely.get_coordinates(line)[1:2].tolist() == [[X0 + 45, Y0 + 60]]
    assert len(editor.split(f"{A}001", line)) == 2


@pytest.mark.parametrize("most", [1_000, 0], ids=["whole", "near"])
def test_an_edit_that_tears_a_duty_cell_far_from_it_is_refused(monkeypatch, most):
    """D2 hangs together by its middle cell alone; the larger neighbour would take that one."""
    monkeypatch.setattr(editor_module, "WHOLE_UP_TO", most)
    shapes = [box(X0 + x, Y0, X0 + x + 90, Y0 + 90) for x in (0, 90, 180, 270, 360)]
    shapes += [box(X0 + 180, Y0 + 90, X0 + 270, Y0 + 300)]
    cells = gpd.GeoDataFrame(
        {"cell_code": [f"C{k}" for k in range(6)], "duty_code": ["D2"] * 5 + ["D1"]},
        geometry=shapes, crs=CRS,
    )  # fmt: skip
    editor = gk.edit_cells(cells, at=DAY, lang="en")
    with pytest.raises(GeometryError, match="apart from the rest of their duty cell"):
        editor.merge(["C2", "C5"])
    assert len(editor.merge(["C0", "C1"])) == 1
    assert editor.log["outcome"].tolist() == ["refused", "done"]


@pytest.mark.parametrize("most", [1_000, 0], ids=["whole", "near"])
def test_one_broken_cell_is_no_leave_to_break_others(cells, monkeypatch, most):
    monkeypatch.setattr(editor_module, "WHOLE_UP_TO", most)
    district = district_of(cells)
    free = cells.drop(columns="community_code").assign(cell_code=[f"C{k:02d}" for k in range(24)])
    pair = free["cell_code"].isin(["C02", "C03"])
    wide = free[pair].iloc[[0]].set_geometry([free[pair].union_all()], crs=CRS)
    broken = pd.concat([free[~pair], wide], ignore_index=True)
    editor = gk.edit_cells(broken, district, at=DAY, lang="en")
    assert (editor.findings.set_index("rule")["severity"] == "error")["CROSSES_COMMUNITY"]
    with pytest.raises(GeometryError, match="CROSSES_COMMUNITY"):
        editor.merge(["C08", "C09"])
    assert len(editor.split("C02", 2)) == 2


@pytest.mark.parametrize("most", [1_000, 0], ids=["whole", "near"])
def test_a_duty_cell_joined_out_of_sight_is_known_to_be_whole(monkeypatch, most):
    """Two legs of D2 stand 0.5 m apart, joined at the top; E would take R2 and leave R1 alone."""
    monkeypatch.setattr(editor_module, "WHOLE_UP_TO", most)
    legs = [(a, b, y) for y in (0, 90, 180, 270) for a, b in ((-20, 90), (90.5, 180.5))]
    shapes = [box(X0 + a, Y0 + y, X0 + b, Y0 + y + 90) for a, b, y in legs]
    heights = (0, 90, 180, 270, 360)
    strip = [(90.0, y) for y in heights] + [(90.5, y) for y in heights[::-1]]
    top = [(-20, 360), (90, 360), (90.5, 360), (180.5, 360), (180.5, 450), (-20, 450)]
    shapes += [shapely.Polygon(np.array(ring) + [X0, Y0]) for ring in (strip, top)]
    shapes.append(box(X0 + 180.5, Y0 + 90, X0 + 400, Y0 + 180))
    codes = [f"{side}{k}" for k in range(1, 5) for side in "LR"] + ["M", "T", "E"]
    duty = [{"M": "D1", "E": "D3"}.get(code, "D2") for code in codes]
    cells = gpd.GeoDataFrame({"cell_code": codes, "duty_code": duty}, geometry=shapes, crs=CRS)
    editor = gk.edit_cells(cells, at=DAY, lang="en")
    with pytest.raises(GeometryError, match="apart from the rest of their duty cell"):
        editor.merge(["R2", "E"])
    assert len(editor.merge(["R1", "R2"])) == 1
    assert not (editor.check()["severity"] == "error").any()
