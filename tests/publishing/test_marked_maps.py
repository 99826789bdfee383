"""Maps of findings and of changes: what the tables say is what the page says and draws."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridkit.division.checks import check_cells
from gridkit.errors import CRSError, GeometryError, OptionError, SchemaError
from gridkit.intake.reports import read_reports
from gridkit.publishing.audit_maps import audit_map
from gridkit.publishing.compare_maps import compare_map
from gridkit.publishing.finding_maps import findings_map

HOSTILE = '<img src=x onerror="window.hit=1">{{7*7}}</script><script>window.hit=1</script>'


@pytest.fixture
def block_of(read_page):
    def read(m):
        return read_page(m.get_root().render()).block()

    return read


def rings_of(parts, where):
    """Return how many rings each shape of a part has, read by hand."""
    numbers, value, shift = [], 0, 0
    for byte in parts[where["part"]]:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(value)
            value = shift = 0
    return numbers[1 : 1 + numbers[0]]


@pytest.fixture
def broken(city):
    """The city with an overlap, a gap, a cell of two parts, one without shape, a code twice."""
    cells = city.cells.copy()
    shapes = cells.geometry.to_numpy().copy()
    x0, y0, x1, y1 = shapes[5].bounds
    shapes[5] = shapely.box(x0 - 30, y0, x1, y1 - 20)
    x0, y0, x1, y1 = shapes[2].bounds
    shapes[2] = shapely.MultiPolygon(
        [shapely.box(x0, y0, x0 + 100, y1), shapely.box(x0 + 120, y0, x1, y1)]
    )
    shapes[11] = None
    codes = cells["cell_code"].tolist()
    codes[7] = codes[6]
    return cells.set_geometry(gpd.GeoSeries(shapes, crs=cells.crs)).assign(cell_code=codes)


def test_every_finding_with_a_place_is_drawn_there(city, broken, block_of):
    findings = check_cells(broken, city.district)
    doc, parts = block_of(findings_map(broken, findings, district=city.district))
    has_place = ~(findings.geometry.isna() | findings.is_empty)
    drawn = has_place & findings["severity"].isin(["error", "warning", "info"])
    assert drawn.sum() >= 4
    now = doc["marks"]["now"]
    for kind in ("shapes", "middles"):
        rings = np.array(rings_of(parts, now[kind]))
        assert len(rings) == len(findings)
        assert ((rings > 0) == drawn).all()
    places = findings.geometry[drawn]
    many = np.array(rings_of(parts, now["middles"]))[drawn]
    # Lines that touch are one place; areas are as many as they are.
    areas = places.geom_type.isin(["Polygon", "MultiPolygon"]).to_numpy()
    count = places.count_geometries().to_numpy()
    assert many[areas].tolist() == count[areas].tolist()
    assert ((many >= 1) & (many <= count)).all()
    kinds = np.array(doc["marks"]["kind"])
    names = np.array(["error", "warning", "info"])
    assert (names[kinds[kinds >= 0]] == findings["severity"].to_numpy()[kinds >= 0]).all()


def test_the_list_is_the_certificate(city, broken, block_of):
    findings = check_cells(broken, city.district, lang="en")
    doc, _ = block_of(findings_map(broken, findings, lang="en"))
    assert [item["title"] for item in doc["items"]] == findings["rule"].tolist()
    for k, row in enumerate(findings.itertuples()):
        said = dict(doc["items"][k]["rows"])
        assert said["Principle"] == row.principle
        assert said["Found"] == row.detail
        assert said.get("Remedy", "") == row.remedy
        assert said.get("Codes", "") == row.codes
        assert doc["marks"]["badges"][k].endswith(str(k + 1))
        assert ("cell(s)" in doc["items"][k]["verdict"]) == bool(
            row.rows and row.severity in ("error", "warning", "info")
        )
    n = findings["severity"].value_counts()
    assert f"Errors {n['error']}" in doc["head"]
    assert f"Kept {n['ok']}" in doc["head"]
    assert doc["title"] == "Check of the grid"
    area = doc["areas"][0]
    (label, said) = next(iter(area["figures"].items()))
    assert label == "Rules broken"
    assert "CODE_UNIQUE" in said[6]
    assert "CODE_UNIQUE" not in said[0]


def test_rules_not_checked_are_said_and_take_no_place(city, block_of):
    findings = check_cells(city.cells.drop(columns=["load", "community_code"]))
    doc, _ = block_of(findings_map(city.cells, findings))
    absent = findings["severity"].eq("not_checked")
    assert absent.any()
    assert f"未检查 {absent.sum()}" in doc["head"]
    assert [item["verdict"] == "未检查" for item in doc["items"]] == absent.tolist()
    assert all(k == -1 for k, no in zip(doc["marks"]["kind"], absent, strict=True) if no)


def test_points_lines_and_mixed_places_are_drawn_too(city, block_of):
    middle = city.cells.geometry.iloc[0].centroid
    line = shapely.LineString([middle, city.cells.geometry.iloc[5].centroid])
    mixed = shapely.GeometryCollection([middle, city.cells.geometry.iloc[3]])
    findings = gpd.GeoDataFrame(
        {"rule": ["A", "B", "C", "D"], "severity": ["error", "warning", "info", "ok"]},
        geometry=[middle, line, mixed, middle],
        crs=city.cells.crs,
    )
    doc, parts = block_of(findings_map(city.cells, findings))
    assert rings_of(parts, doc["marks"]["now"]["middles"]) == [1, 1, 2, 0]
    assert rings_of(parts, doc["marks"]["now"]["shapes"]) == [1, 1, 2, 0]


def test_long_rows_of_codes_are_cut_and_say_so(city, block_of):
    codes = ", ".join(f"{k:015d}" for k in range(200))
    findings = gpd.GeoDataFrame(
        {"rule": ["R"], "severity": ["error"], "codes": [codes], "rows": [200]},
        geometry=[None], crs=city.cells.crs,
    )  # fmt: skip
    doc, _ = block_of(findings_map(city.cells, findings))
    (said,) = (text for name, text in doc["items"][0]["rows"] if name == "涉及编码")
    assert said.count(",") == 59
    assert "140" in said


@pytest.fixture
def editions(city):
    """The city, and an edition in which a cell was split, two merged, a border moved, one left."""
    before = city.cells
    shapes = dict(zip(before["cell_code"], before.geometry, strict=True))
    codes = list(shapes)
    x0, y0, x1, y1 = shapes.pop(codes[0]).bounds
    shapes["370602001001901"] = shapely.box(x0, y0, x0 + 100, y1)
    shapes["370602001001902"] = shapely.box(x0 + 100, y0, x1, y1)
    shapes["370602001002903"] = shapely.union(shapes.pop(codes[2]), shapes.pop(codes[3]))
    x0, y0, x1, y1 = shapes[codes[4]].bounds
    shapes[codes[4]] = shapely.box(x0, y0, x1 + 60, y1)
    shapes[codes[5]] = shapely.box(x1 + 60, y0, x1 + 250, y1)
    del shapes[codes[11]]
    after = gpd.GeoDataFrame(
        {"cell_code": list(shapes)}, geometry=shapely.reverse(list(shapes.values())), crs=before.crs
    )
    lineage = pd.DataFrame(
        {
            "code_from": [codes[0], codes[0]],
            "code_to": ["370602001001901", "370602001001902"],
            "at": pd.Timestamp("2026-03-01"),
            "reason": "人口增加",
            "kind": "split",
            "area_share": [0.4, 0.6],
            "load_share": [0.25, None],
        }
    )
    return before, after, lineage, codes


def test_counts_items_and_places_agree_with_the_tables(city, editions, block_of):
    before, after, lineage, codes = editions
    doc, parts = block_of(compare_map(before, after, lineage=lineage, district=city.district))
    assert doc["head"] == [
        "网格 12 → 11 个", "拆分 3", "合并 3", "边界调整 2", "撤销 1", "未变 6",
    ]  # fmt: skip
    titles = [item["title"] for item in doc["items"]]
    assert titles == sorted(
        {*codes[:1], *codes[2:6], codes[11], *set(after["cell_code"]) - set(codes)}
    )
    now = rings_of(parts, doc["marks"]["now"]["shapes"])
    old = rings_of(parts, doc["marks"]["old"]["shapes"])
    assert [n > 0 for n in now] == [t in set(after["cell_code"]) for t in titles]
    assert [n > 0 for n in old] == [t in codes for t in titles]
    notes = {item["title"]: item["note"] for item in doc["items"]}
    assert notes[codes[4]] == "面积 6.25 公顷 → 7.75 公顷"
    assert notes[codes[11]] == "面积 6.25 公顷 → –"
    assert [view["label"] for view in doc["views"]] == ["调整前", "调整后"]
    assert [len(doc["areas"][view["areas"]]["codes"]) for view in doc["views"]] == [12, 11]
    assert doc["areas"][0]["figures"]["变动"][:2] == ["拆分", ""]


def test_lineage_says_who_became_whom_and_land_says_the_rest(editions, block_of):
    before, after, lineage, codes = editions
    rows = {
        item["title"]: item["rows"]
        for item in block_of(compare_map(before, after, lineage=lineage))[0]["items"]
    }
    assert rows[codes[0]][0] == [
        "变为", "370602001001901\n面积占 40.0% · 工作量占 25.0% · 2026-03-01 · 人口增加",
    ]  # fmt: skip
    assert rows["370602001001902"] == [
        ["来自", f"{codes[0]}\n面积占 60.0% · 2026-03-01 · 人口增加"]
    ]
    assert rows[codes[2]] == [["变为", "370602001002903\n面积占 100.0%"]]
    assert rows[codes[11]] == []
    alone = block_of(compare_map(before, after))[0]["items"]
    assert {i["title"]: i["rows"] for i in alone}[codes[0]] == [
        ["变为", "370602001001901\n面积占 40.0%"],
        ["变为", "370602001001902\n面积占 60.0%"],
    ]


def test_nothing_changed_is_said_and_lists_nothing(city, block_of):
    doc, _ = block_of(compare_map(city.cells, city.cells.iloc[::-1]))
    assert doc["head"] == ["网格 12 → 12 个", "未变 12"]
    assert doc["items"] == []


def test_a_list_too_long_for_a_phone_is_cut_and_says_so(city, block_of):
    boxes = [
        shapely.box(531_000 + 10 * k, 4_155_000, 531_010 + 10 * k, 4_155_010) for k in range(620)
    ]
    before = gpd.GeoDataFrame(
        {"cell_code": [f"a{k}" for k in range(620)]}, geometry=boxes, crs=city.cells.crs
    )
    doc, parts = block_of(compare_map(before, city.cells))
    assert len(doc["items"]) == 500
    assert "132" in doc["items_rest"]
    assert len(rings_of(parts, doc["marks"]["now"]["shapes"])) == 632


def test_the_bounds_hold_both_editions(city, block_of):
    east = city.cells.assign(cell_code=[f"e{k}" for k in range(12)])
    east = east.set_geometry(east.translate(3000, 0))
    low, _, high, _ = block_of(compare_map(city.cells, east))[0]["bounds"]
    assert high - low > 3900 / np.cos(np.radians(37.5))


def test_nothing_given_is_changed_and_the_page_is_the_same_each_time(city, editions):
    before, after, lineage, _ = editions
    findings = check_cells(before, city.district)
    given = [before, after, lineage, findings]
    copies = [frame.copy() for frame in given]
    pages = {
        (
            compare_map(before, after, lineage=lineage).get_root().render(),
            findings_map(before, findings).get_root().render(),
        )
        for _ in range(2)
    }
    assert len(pages) == 1
    for old, new in zip(copies, given, strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(old), pd.DataFrame(new))


def test_bad_input_is_named(editions):
    before, after, lineage, _ = editions
    findings = check_cells(before)
    with pytest.raises(SchemaError, match="fatal"):
        findings_map(before, findings.assign(severity="fatal"))
    with pytest.raises(SchemaError, match="severity"):
        findings_map(before, findings.drop(columns="severity"))
    with pytest.raises(GeometryError, match="plain table"):
        findings_map(before, pd.DataFrame(findings.drop(columns="geometry")))
    with pytest.raises(CRSError):
        findings_map(before.to_crs(4326), findings)
    with pytest.raises(GeometryError, match="at least one"):
        findings_map(before.set_geometry([None] * 12, crs=before.crs), findings)
    placed = findings.assign(severity="error").set_geometry(
        [before.geometry.iloc[0]] * len(findings)
    )
    with pytest.raises(CRSError, match="findings"):
        findings_map(before, placed.set_crs(4547, allow_override=True))
    with pytest.raises(CRSError, match="before"):
        compare_map(before.to_crs(4547), after)
    with pytest.raises(SchemaError, match="before"):
        compare_map(pd.concat([before, before]), after)
    with pytest.raises(SchemaError, match="code_to"):
        compare_map(before, after, lineage=lineage.drop(columns="code_to"))
    with pytest.raises(GeometryError, match="at least one"):
        compare_map(before, after.iloc[:0])
    with pytest.raises(GeometryError, match="at least one"):
        compare_map(before.iloc[:0], after)
    with pytest.raises(OptionError, match="fr"):
        compare_map(before, after, lang="fr")


def test_the_audit_of_a_file_counts_rows_and_leaves_far_places_out(block_of):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "编号": [f"r{i}" for i in range(30)],
            "经度": rng.uniform(121.38, 121.40, 30),
            "纬度": rng.uniform(37.53, 37.55, 30),
            "上报时间": "2026-03-01 08:00",
            "问题描述": HOSTILE,
        }
    )
    table.loc[3, "上报时间"] = "昨天"
    table.loc[5, ["经度", "纬度"]] = 116.4, 39.9
    table.loc[6, "问题描述"] = "\u202e" + HOSTILE
    intake = read_reports(table, datum="wgs84", lang="en")
    m = audit_map(intake, lang="en")
    said = str(block_of(m))
    assert "row(s)" in said
    assert "cell(s)" not in said
    assert "BAD_TIME" in said
    assert "\u202e" not in said
    assert "window.hit=1" in said
    assert "window.hit=1" not in m.get_root().render()
