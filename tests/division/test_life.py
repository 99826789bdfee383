"""A cell's life: every day's map stays an exact tiling, nothing is lost, no code comes back."""

import datetime as dt
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import shapely.ops
from shapely.geometry import LineString, MultiPoint, Polygon, box

import gridkit as gk
from gridkit.division import changes
from gridkit.errors import CRSError, GeometryError, OptionError, SchemaError

A, B = "370602001001", "370602001002"


@pytest.fixture(scope="module")
def town(make):
    """Twelve crooked cells in two communities, with a lake between the rows."""
    blocks = gk.street_blocks(make.town(6, 5, jitter=22, seed=3, river=True)).blocks
    cells = gk.number_cells(gk.group(blocks, into=12, weight="area_m2"))
    return cells.assign(name=[f"n{k}" for k in range(12)], responsible_unit="U1")


@pytest.fixture
def row(make):
    """Four squares in a row, the last in another community."""
    cells = make.squares(4, 1, load=[10.0, 20.0, 30.0, 40.0])
    code = [f"{A}001", f"{A}002", f"{A}003", f"{B}001"]
    return cells.assign(cell_code=code, community_code=[A, A, A, B], valid_from="2025-01-01")


def again(edit, function, *what, at):
    """Change what an earlier change gave."""
    return function(edit.cells, *what, at=at, reason="again", lineage=edit.lineage)


def line(make, *points):
    return make.place(LineString(points))


def assert_exact(cells, whole):
    shapes = cells.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes, gap_width=0.01)
    assert (shapely.get_type_id(shapes) == 3).all()
    assert shapely.is_valid(shapes).all()
    assert shapely.area(shapes).sum() == pytest.approx(whole.area, rel=1e-12)
    assert shapely.union_all(shapes).symmetric_difference(whole).area < 1e-6


def random_edit(edit, rng, day):
    """Split, merge or redraw somewhere; return the new edit and the codes that it changed."""
    live = gk.cells_at(edit.cells, day)
    k = int(rng.integers(len(live)))
    shape, code = live.geometry.iloc[k], live["cell_code"].iloc[k]
    facts = {"at": day, "reason": "test", "lineage": edit.lineage}
    x, y, angle = shape.centroid.x, shape.centroid.y, rng.uniform(0, np.pi)
    reach = 2000 * np.array([np.cos(angle), np.sin(angle)])
    cut = LineString([np.array([x, y]) - reach, np.array([x, y]) + reach])
    kind = rng.choice(["line", "number", "merge", "redraw"])
    if kind == "line":
        return gk.split_cell(edit.cells, code, cut, **facts), [code]
    if kind == "number":
        return gk.split_cell(edit.cells, code, int(rng.integers(2, 5)), **facts), [code]
    same = live["community_code"] == live["community_code"].iloc[k]
    border = shapely.length(shapely.intersection(live.boundary, shape.boundary))
    near = live.loc[same & (border > 1) & (live["cell_code"] != code), "cell_code"]
    if near.empty:
        return edit, []
    pair = [code, near.iloc[int(rng.integers(len(near)))]]
    if kind == "merge":
        return gk.merge_cells(edit.cells, pair, **facts), pair
    both = live[live["cell_code"].isin(pair)].union_all()
    lower = both.intersection(box(x - 9000, y - 9000, x + 9000, y))
    if lower.geom_type != "Polygon" or both.difference(lower).geom_type != "Polygon":
        return edit, []
    return gk.redraw_cells(edit.cells, pair, [lower, both.difference(lower)], **facts), pair


@pytest.mark.parametrize("seed", range(4))
def test_laws_hold_through_a_long_life(town, seed):
    rng = np.random.default_rng(seed)
    whole = town.union_all()
    edit = gk.Edit(town, None)
    load, done, days = town["load"].sum(), [], []
    for step in range(14):
        day = pd.Timestamp("2026-01-01") + pd.Timedelta(days=step // 2)
        before = edit.cells.copy(deep=True)
        codes_before = set(edit.cells["cell_code"])
        after, changed = random_edit(edit, rng, day)
        pd.testing.assert_frame_equal(edit.cells, before)
        new = after.cells.iloc[len(before) :]
        assert not set(new["cell_code"]) & codes_before
        reach = shapely.union_all(before.geometry[before["cell_code"].isin(changed)].to_numpy())
        far = ~before.intersects(reach)
        wkb = after.cells.geometry.iloc[: len(before)].to_wkb()
        assert (wkb[far.to_numpy()] == before.geometry.to_wkb()[far]).all()
        edit = after
        done += changed
        days.append(day)
    assert len(done) > 8
    assert edit.cells["cell_code"].is_unique
    for day in [pd.Timestamp("2025-12-31"), *days]:
        map_of_day = gk.cells_at(edit.cells, day)
        assert_exact(map_of_day, whole)
        assert map_of_day["load"].sum() == pytest.approx(load, rel=1e-12)
        codes = map_of_day["cell_code"]
        assert (codes.str[:12] == map_of_day["community_code"]).all()
    shares = edit.lineage.groupby("code_from")[["area_share", "load_share"]].sum()
    np.testing.assert_allclose(shares, 1.0, rtol=1e-12)
    check_followed(town, edit, days[-1])
    findings = gk.check_cells(gk.cells_at(edit.cells)).set_index("rule")["severity"]
    assert not findings.eq("error").any()


def check_followed(town, edit, day):
    """All land of the first map, followed, is the land of the last, cell by cell."""
    now = gk.cells_at(edit.cells, day).set_index("cell_code").geometry.area
    found = gk.follow(edit.lineage, town["cell_code"], day)
    first = town.set_index("cell_code").geometry.area
    carried = found["code_from"].map(first) * found["area_share"]
    got = carried.groupby(found["code_to"]).sum()
    assert set(got.index) == set(now.index)
    np.testing.assert_allclose(got[now.index], now, rtol=1e-9)
    np.testing.assert_allclose(found.groupby("code_from")["area_share"].sum(), 1.0)


def test_the_order_of_rows_and_a_shift_change_nothing(town, look):
    code = town["cell_code"].iloc[4]
    shape = town.geometry.iloc[4]
    cut = LineString(
        [(shape.bounds[0] - 9, shape.centroid.y), (shape.bounds[2] + 9, shape.centroid.y + 3)]
    )
    facts = {"at": "2026-05-01", "reason": "r"}
    plain = gk.split_cell(town, code, cut, **facts)
    mixed = gk.split_cell(look.shuffled(town), code, cut, **facts)
    key = "cell_code"
    pd.testing.assert_frame_equal(
        plain.cells.sort_values(key, ignore_index=True),
        mixed.cells.sort_values(key, ignore_index=True),
    )
    pd.testing.assert_frame_equal(plain.lineage, mixed.lineage)
    moved = town.set_geometry(town.translate(1024, -512))
    shifted = gk.split_cell(moved, code, shapely.affinity.translate(cut, 1024, -512), **facts)
    back = shifted.cells.translate(-1024, 512)
    assert shapely.hausdorff_distance(back.to_numpy(), plain.cells.geometry.to_numpy()).max() < 1e-6
    assert shifted.cells[key].tolist() == plain.cells[key].tolist()


def test_a_cut_end_is_a_vertex_of_the_neighbour_in_every_edition(row, make):
    first = gk.split_cell(
        row, f"{A}002", line(make, (150, -5), (150, 105)), at="2026-01-01", reason="a"
    )
    cut = line(make, (0, 40), (100, 40))
    second = gk.split_cell(
        first.cells, f"{A}001", cut, at="2026-02-01", reason="b", lineage=first.lineage
    )
    point = np.array([500_100.0, 4_150_040.0])
    holders = [
        code
        for code, shape in zip(second.cells["cell_code"], second.cells.geometry, strict=True)
        if (np.abs(shapely.get_coordinates(shape) - point) < 1e-9).all(axis=1).any()
    ]
    assert sorted(holders) == [f"{A}{k:03d}" for k in (1, 2, 4, 6, 7)]
    for day in ("2025-06-01", "2026-01-01", "2026-02-01"):
        assert_exact(gk.cells_at(second.cells, day), row.union_all())


def test_a_split_shares_load_by_buildings(row, make):
    homes = make.frame(
        [make.place(box(x, 5, x + 2, 7)) for x in (110, 112, 190, 300)], households=[1, 2, 9, 50]
    )
    cut = line(make, (150, 0), (150, 100))
    edit = gk.split_cell(row, f"{A}002", cut, at="2026-01-01", reason="x", units=homes)
    assert edit.lineage["load_share"].tolist() == [0.25, 0.75]
    assert edit.lineage["area_share"].tolist() == pytest.approx([0.5, 0.5])
    assert edit.cells["load"].iloc[-2:].tolist() == [5.0, 15.0]
    nobody = homes.iloc[3:]
    edit = gk.split_cell(row, f"{A}002", cut, at="2026-01-01", reason="x", units=nobody)
    assert edit.lineage["load_share"].tolist() == pytest.approx([0.5, 0.5])


def test_a_number_of_parts_balances_the_load(town, make):
    rng = np.random.default_rng(0)
    shape = town.geometry.iloc[0]
    west, south, east, north = shape.bounds
    xy = rng.uniform([west, south], [east, north], (600, 2))
    points = make.frame(shapely.points(xy), load=rng.integers(1, 4, 600))
    inside = points[points.within(shape)]
    code = town["cell_code"].iloc[0]
    edit = gk.split_cell(town, code, 3, at="2026-01-01", reason="x", units=points)
    load = [inside.loc[inside.within(p), "load"].sum() for p in edit.cells.geometry.iloc[-3:]]
    assert sum(load) == inside["load"].sum()
    assert max(load) - min(load) <= 8
    even = gk.split_cell(town, code, 5, at="2026-01-01", reason="x")
    np.testing.assert_allclose(even.cells.area.iloc[-5:], shape.area / 5, rtol=1e-6)


def test_a_ring_and_the_cell_in_its_hole(make):
    outer, inner = make.place(box(0, 0, 90, 90)), make.place(box(30, 30, 60, 60))
    cells = make.frame([outer.difference(inner), inner], cell_code=["R1", "R2"], load=[8.0, 1.0])
    across = line(make, (-5, 45), (95, 45))
    edit = gk.split_cell(cells, "R1", across, at="2026-01-01", reason="x")
    live = gk.cells_at(edit.cells)
    assert_exact(live, outer)
    assert sorted(live["cell_code"]) == ["R2", "R3", "R4"]
    inner_now = live.set_index("cell_code").geometry["R2"]
    assert shapely.get_num_coordinates(inner_now) == 7
    merged = gk.merge_cells(
        edit.cells, ["R3", "R4"], at="2026-01-02", reason="x", lineage=edit.lineage
    )
    assert_exact(gk.cells_at(merged.cells), outer)
    assert merged.cells["load"].iloc[-1] == 8.0
    closed = gk.merge_cells(cells, ["R1", "R2"], at="2026-01-01", reason="x")
    assert len(shapely.get_rings(closed.cells.geometry.iloc[-1])) == 1
    island = gk.split_cell(
        closed.cells,
        "R3",
        [outer.difference(inner), inner],
        at="2026-01-02",
        reason="x",
        lineage=closed.lineage,
    )
    assert_exact(gk.cells_at(island.cells), outer)


def test_changes_on_one_day_leave_a_chain_but_no_map_of_it(row):
    first = gk.split_cell(row, f"{A}001", 2, at="2026-01-01", reason="a")
    second = gk.merge_cells(
        first.cells, [f"{A}004", f"{A}005"], at="2026-01-01", reason="b", lineage=first.lineage
    )
    assert gk.cells_at(second.cells, "2026-01-01")["cell_code"].tolist() == [
        f"{A}002", f"{A}003", f"{B}001", f"{A}006",
    ]  # fmt: skip
    found = gk.follow(second.lineage, [f"{A}001", f"{A}003", f"{A}001"])
    assert found["code_to"].tolist() == [f"{A}006", f"{A}003"]
    np.testing.assert_allclose(found[["area_share", "load_share"]], 1.0)


def test_a_map_is_half_open(row):
    edit = gk.merge_cells(row, [f"{A}001", f"{A}002"], at="2026-07-01", reason="x")
    assert len(gk.cells_at(edit.cells, "2026-06-30")) == 4
    assert len(gk.cells_at(edit.cells, dt.date(2026, 7, 1))) == 3
    late = dt.datetime(2026, 6, 30, 23, 59, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert len(gk.cells_at(edit.cells, late)) == 4
    assert len(gk.cells_at(row.drop(columns="valid_from"))) == 4
    with pytest.raises(OptionError, match="2024-12-31; the first begins on 2025-01-01"):
        gk.cells_at(edit.cells, "2024-12-31")
    with pytest.raises(SchemaError, match=f"{A}001.*rows 0, 4"):
        gk.cells_at(pd.concat([row, row.iloc[:1]], ignore_index=True), "2026-01-01")
    with pytest.raises(SchemaError, match="rows 2"):
        gk.cells_at(row.assign(valid_to=[None, None, "2024-01-01", None]))
    with pytest.raises(SchemaError, match=r"soon.*rows 1"):
        gk.cells_at(row.assign(valid_to=[None, "soon", None, None]))


def drawn_by_hand(kind, shape, rng):
    """Return a line as hands and computers draw them: across, along, through and beside corners."""
    corners = shapely.get_coordinates(shape)
    low, high = np.array(shape.bounds[:2]) - 30, np.array(shape.bounds[2:]) + 30
    first = int(rng.integers(len(corners) - 4))
    three = corners[rng.choice(len(corners), 3, replace=False)]
    if kind == "tangle":
        return LineString(rng.uniform(low, high, (8, 2)))
    if kind == "several":
        return shapely.MultiLineString([rng.uniform(low, high, (2, 2)) for _ in range(4)])
    if kind == "corners":
        return LineString(three)
    if kind == "beside corners":
        return LineString(three + rng.normal(0, 10.0 ** rng.uniform(-12, 0), (3, 2)))
    if kind == "on the border":
        at = rng.uniform(0, shape.length, 4)
        return LineString([shapely.line_interpolate_point(shape.exterior, x) for x in at])
    return LineString([*corners[first : first + 3], *rng.uniform(low, high, (2, 2))])


@pytest.mark.parametrize(
    "kind",
    ["tangle", "several", "corners", "beside corners", "on the border", "along, then across"],
)
def test_any_line_cuts_exactly_or_not_at_all(town, kind):
    done = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        k = int(rng.integers(len(town)))
        cut = drawn_by_hand(kind, town.geometry.iloc[k], rng)
        code = town["cell_code"].iloc[k]
        try:
            edit = gk.split_cell(town, code, cut, at="2026-01-01", reason="x")
        except GeometryError as error:
            assert "does not cross" in error.en  # noqa: PT017 - the only reason there may be
            continue
        done += 1
        assert_exact(gk.cells_at(edit.cells), town.union_all())
        assert_exact(gk.cells_at(edit.cells, "2025-12-31"), town.union_all())
    assert done >= 4


@pytest.mark.parametrize("noise_m", [0.0, 1e-12, 1e-9, 1e-6, 1e-3, 0.01])
def test_polygons_drawn_by_a_shaky_hand_fit(town, noise_m):
    rng = np.random.default_rng(7)
    codes = town["cell_code"].iloc[:2].tolist()
    both = town.geometry.iloc[:2].union_all()
    x, y = both.centroid.x, both.centroid.y
    border = LineString([(x - 900, y - 200), (x, y), (x + 900, y + 250)])
    parts = [
        Polygon(ring + rng.normal(0, noise_m, ring.shape))
        for part in shapely.ops.split(both, border).geoms
        for ring in [shapely.get_coordinates(part)[:-1]]
    ]
    edit = gk.redraw_cells(town, codes, parts, at="2026-01-01", reason="x")
    live = gk.cells_at(edit.cells)
    assert_exact(live, town.union_all())
    new = live[live["cell_code"].isin(edit.lineage["code_to"])].geometry.to_numpy()
    best = [max(n.intersection(p).area / n.union(p).area for n in new) for p in parts]
    assert min(best) > 1 - 20 * max(noise_m, 1e-9) / 10


def test_a_result_that_does_not_fit_is_refused(town, monkeypatch):
    """Without the vertices in the neighbours the map would be torn: the last look notices."""

    def forgetful(areas, _):
        return areas.copy(), np.zeros(0, dtype=int)

    monkeypatch.setattr(changes, "insert_vertices", forgetful)
    with pytest.raises(GeometryError, match="no longer fit"):
        gk.split_cell(town, town["cell_code"].iloc[0], 2, at="2026-01-01", reason="x")


def test_columns_follow_the_main_cell(town):
    live = town.assign(responsible_unit=[f"U{k}" for k in range(12)])
    code = live["cell_code"].iloc[0]
    edit = gk.split_cell(live, code, 2, at="2026-01-01", reason="x")
    new = edit.cells.iloc[-2:]
    for column in ("name", "responsible_unit", "level", "parent_code", "community_code"):
        assert (new[column] == live[column].iloc[0]).all()
    assert new["area_m2"].sum() == pytest.approx(live["area_m2"].iloc[0], rel=1e-9)
    with pytest.raises(SchemaError, match="no column people, shops"):
        gk.split_cell(live, code, 2, at="2026-01-01", reason="x", totals=("people", "shops"))
    more = gk.split_cell(
        live.assign(shops=7.0), code, 2, at="2026-01-01", reason="x", totals=("load", "shops")
    )
    assert more.cells["shops"].iloc[-2:].sum() == pytest.approx(7.0)


@pytest.mark.parametrize(
    ("code", "n", "new"),
    [
        ("B07", 2, ["B08", "B09"]),
        ("north", 2, ["north-1", "north-2"]),
        ("0111", 1, ["0112"]),
        ("99", 2, ["100", "101"]),
        (f"D{A}001", 2, [f"D{A}002", f"D{A}003"]),
        (f"010101{A}00", 2, [f"010101{A}01", f"010101{A}02"]),
    ],
)
def test_free_codes_go_on(make, code, n, new):
    cells = make.squares(1, 1).assign(cell_code=code)
    edit = gk.split_cell(cells, code, max(n, 2), at="2026-01-01", reason="x")
    assert edit.cells["cell_code"].iloc[1 : 1 + n].tolist() == new


def test_each_kind_of_code_goes_on_by_itself(make):
    """Longer codes with the same beginning, and other communities, do not push the number up."""
    others = [f"{A}001777", f"D{A}900", f"D{B}007", f"010101{A}09", "B9", "BX7"]
    cells = make.squares(4, 2).assign(cell_code=[f"{A}001", "B1", *others])
    for code, new in [(f"{A}001", f"{A}002"), (f"D{B}007", f"D{B}008"), ("B1", "B10")]:
        edit = gk.split_cell(cells, code, 2, at="2026-01-01", reason="x")
        assert edit.cells["cell_code"].iloc[-2] == new


def test_codes_of_the_lineage_and_of_dead_rows_are_never_used(row):
    lineage = pd.DataFrame(
        {"code_from": [f"{A}044"], "code_to": [f"{A}002"], "at": pd.to_datetime(["2025-01-01"]),
         "area_share": 1.0, "load_share": 1.0}
    )  # fmt: skip
    edit = gk.split_cell(row, f"{A}001", 2, at="2026-01-01", reason="x", lineage=lineage)
    assert edit.cells["cell_code"].iloc[-2:].tolist() == [f"{A}045", f"{A}046"]
    assert len(edit.lineage) == 3
    none = gk.split_cell(row, f"{A}001", 2, at="2026-01-01", reason="x", lineage=lineage.iloc[:0])
    assert none.cells["cell_code"].iloc[-2:].tolist() == [f"{A}004", f"{A}005"]
    full = row.assign(cell_code=[f"{A}999", f"{A}002", f"{A}003", f"{B}001"])
    edit = gk.split_cell(full, f"{A}002", 3, at="2026-01-01", reason="x")
    assert edit.cells["cell_code"].iloc[-3:].tolist() == [f"{A}001", f"{A}004", f"{A}005"]


def test_exhausted_codes_are_counted(make):
    cells = make.squares(37, 27).assign(cell_code=[f"{A}{k + 1:03d}" for k in range(999)])
    with pytest.raises(OptionError, match=f"{A} needs 2 new code.*only 0 of 999"):
        gk.split_cell(cells, f"{A}500", 2, at="2026-01-01", reason="x")


def split(parts, code=f"{A}001", at="2026-01-01", **more):
    return lambda cells: gk.split_cell(cells, code, parts, at=at, reason="x", **more)


def merge(*codes, at="2026-01-01", reason="x"):
    return lambda cells: gk.merge_cells(cells, list(codes), at=at, reason=reason)


def bad_calls(make):
    """Return what is done wrong: the call, the error, and words of its message."""
    place = make.place
    square, wedge = place(box(0, 0, 100, 100)), place(Polygon([(0, 0), (50, 100), (100, 0)]))
    across = line(make, (50, -1), (50, 101))
    lines = [across, line(make, (150, -1), (150, 101))]
    shops = make.frame([place(box(1, 1, 2, 2))], people=3)
    eight = dt.datetime(2026, 1, 1, 8)  # noqa: DTZ001 - no zone is the fault
    halves = [place(box(0, 0, 50, 100)), place(box(60, 0, 100, 100))]
    double = [place(box(0, 0, 60, 100)), place(box(50, 0, 110, 100))]
    beside = [square, place(box(100, 0, 100.004, 100))]
    broken = place(Polygon([(0, 0), (100, 100), (100, 0), (0, 100)]))
    two = [f"{A}001", f"{A}002"]
    return {
        "unknown": (split(2, f"{A}02"), OptionError, [f"no cell '{A}02'", f"{A}002"]),
        "early": (split(2, f"{A}002", "2025-01-01"), OptionError, ["begins on 2025-06-01"]),
        "several": (
            merge(f"{A}002", "zz", "zz", at="2025-01-01", reason=" "),
            OptionError,
            ["begins on 2025-06-01", "'zz'", "named twice", "reason=' '"],
        ),
        "naive": (split(2, at=eight), OptionError, ["no zone"]),
        "no day": (split(2, at="soon"), OptionError, ["at='soon'"]),
        "nothing": (split(2, at=None), OptionError, ["at=None"]),
        "short": (
            split(line(make, (20, 20), (20, 80))),
            GeometryError,
            ["does not cross", f"{A}001"],
        ),
        "beside": (split(line(make, (220, -9), (220, 180))), GeometryError, ["does not cross"]),
        "along": (split(line(make, (100, -9), (100, 180))), GeometryError, ["does not cross"]),
        "one": (split(1), OptionError, ["parts=1"]),
        "flag": (split(True), GeometryError, ["not empty"]),
        "empty": (split([]), GeometryError, ["not empty"]),
        "broken": (split([square, broken]), GeometryError, ["these are not: 1"]),
        "points": (split(place(MultiPoint([(1, 1)]))), GeometryError, ["MultiPoint"]),
        "hole": (split(halves), GeometryError, ["1,000.0 m² of the cell uncovered"]),
        "twice": (split(double), GeometryError, ["1,000.0 m² of the cell twice", "m² beyond"]),
        "elsewhere": (split(beside), GeometryError, ["polygons 1"]),
        "pieces": (
            split([wedge, square.difference(wedge)]),
            GeometryError,
            ["polygons 1", "several"],
        ),
        "alone": (merge(f"{A}001"), OptionError, ["two cells"]),
        "apart": (merge(f"{A}001", f"{A}003"), GeometryError, [f"{A}001, {A}003", "2 pieces"]),
        "abroad": (merge(f"{A}003", f"{B}001"), OptionError, [f"{B}001 ({B})"]),
        "three": (
            lambda c: gk.redraw_cells(c, two, lines, at="2026-01-01", reason="x"),
            GeometryError,
            ["3 piece"],
        ),
        "crs": (split(gpd.GeoSeries([across], crs=4547)), CRSError, ["parts"]),
        "degrees": (lambda c: split(2)(c.to_crs(4326)), CRSError, []),
        "units": (split(2, units=shops), SchemaError, ["load, households", "people"]),
        "loose": (
            lambda c: split(2)(c.set_geometry(c.buffer(0.02, join_style="mitre"))),
            GeometryError,
            ["vertex by vertex", f"{A}001"],
        ),
        "multi": (
            lambda c: split(2, f"{A}002")(c.dissolve(by=[1, 0, 1, 0], as_index=False)),
            GeometryError,
            ["one piece", f"{A}002"],
        ),
    }


BAD = [
    "unknown",
    "early",
    "several",
    "naive",
    "nothing",
    "short",
    "beside",
    "along",
    "one",
    "flag",
    "empty",
    "broken",
    "points",
    "hole",
    "twice",
    "elsewhere",
    "pieces",
    "alone",
    "apart",
    "abroad",
    "three",
    "crs",
    "degrees",
    "units",
    "loose",
    "multi",
    "no day",
]


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(row, make, name):
    call, kind, words = bad_calls(make)[name]
    cells = row.assign(valid_from=["2025-01-01", "2025-06-01", None, None])
    if name == "multi":
        cells = row  # dissolving takes the first date of each pair
    with pytest.raises(kind) as caught:
        call(cells)
    for word in words:
        assert word in caught.value.en


def test_a_dead_cell_is_told_how_to_go_on(row):
    edit = gk.split_cell(row, f"{A}001", 2, at="2026-01-01", reason="x")
    with pytest.raises(OptionError, match=r"ends on 2026-01-01.*follow"):
        gk.split_cell(edit.cells, f"{A}001", 2, at="2026-03-01", reason="x", lineage=edit.lineage)


def test_follow_refuses_broken_lineage(row):
    edit = gk.split_cell(row, f"{A}001", 2, at="2026-01-01", reason="x")
    with pytest.raises(SchemaError, match=f"{A}001"):
        gk.follow(edit.lineage.iloc[:1], [f"{A}001"])
    circle = edit.lineage.assign(
        code_from=["p", "q"], code_to=["q", "p"], area_share=1.0, load_share=1.0
    )
    with pytest.raises(SchemaError, match="circle"):
        gk.follow(circle, ["p"])
    with pytest.raises(SchemaError, match="code_to"):
        gk.follow(edit.lineage.drop(columns="code_to"), ["p"])
    assert gk.follow(edit.lineage, []).empty
    assert gk.follow(edit.lineage, [f"{A}001"], "2025-12-31")["code_to"].tolist() == [f"{A}001"]
