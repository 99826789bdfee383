"""The map of cases under way: what is listed, in which order, and who sees what."""

import geopandas as gpd
import pandas as pd
import pytest
import shapely

import gridkit as gk
from gridkit.publishing.offline import save_map

HOSTILE = '<img src=x onerror="window.hit=1">{{7*7}}</script> 13812341234'


@pytest.fixture
def cells():
    squares = [shapely.box(x, 4_155_000, x + 100, 4_155_100) for x in (531_000, 531_100, 531_200)]
    table = {"cell_code": ["001", "002", "003"]}
    return gpd.GeoDataFrame(table, geometry=squares, crs=4549)


@pytest.fixture
def running():
    due = pd.Timestamp("2025-05-01 12:00", tz="Asia/Shanghai")
    table = {
        "case_id": ["C1", "C2", "C3", "C4"],
        "category": ["E0405", "E0110", "X9", None],
        "cell_code": ["001", "001", "002", None],
        "responsible_unit": ["环卫所", None, "甲", "乙"],
        "address": ["新华路3号", None, None, None],
        "text": [HOSTILE, None, None, None],
        "due_at": [due, due, due, pd.NaT],
        "used": [0.5, 0.9, 1.3, 4.0],
        "light": ["green", "yellow", "red", "red"],
    }
    points = [shapely.Point(x, 4_155_037) for x in (531_011, 531_061, 531_140)]
    return gpd.GeoDataFrame(table, geometry=[*points, shapely.Point()], crs=4549)


def listed(m):
    return [(i["title"], i["verdict"]) for i in m.block.doc["items"]]


def test_the_most_urgent_first(cells, running):
    m = gk.case_map(running, cells, lang="en")
    assert listed(m) == [
        ("C4", "4.0 × of the limit"),
        ("C3 X9", "130% of the limit"),
        ("C2 Exposed refuse", "90% of the limit"),
        ("C1 Shop overflowing onto the pavement", "50% of the limit"),
    ]
    assert m.block.doc["head"][:3] == ["Overdue 2", "Due soon 1", "In time 1"]
    assert m.block.doc["marks"]["kind"] == [0, 0, 1, 2]
    assert m.block.doc["marks"]["badges"] == ["R", "R", "Y", "G"]


@pytest.mark.parametrize(
    ("audience", "seen"), [("internal", "13812341234"), ("leaders", "138****1234"), ("public", "")]
)
def test_who_sees_what(cells, running, audience, seen):
    m = gk.case_map(running, cells, audience=audience)
    rows = dict(m.block.doc["items"][3]["rows"])
    if audience == "public":
        assert "问题描述" not in rows
        assert "地点" not in rows
    else:
        assert seen in rows["问题描述"]
        assert rows["地点"] == "新华路3号"
    assert rows["责任单位"] == "环卫所"


def test_small_counts_are_not_for_the_public(cells, running):
    many = pd.concat([running, *[running.iloc[[0]].assign(case_id=f"D{i}") for i in range(4)]])
    for audience, shown in (("leaders", ["6", "1", "0"]), ("public", ["6", "< 5", "0"])):
        doc = gk.case_map(many, cells, audience=audience).block.doc
        assert doc["areas"][0]["figures"]["在办"] == shown


def test_public_points_stand_in_the_middle_of_squares(cells, running):
    public = gk.case_map(running, cells, audience="public").block.doc["marks"]
    moved = running.set_geometry(
        [*gpd.points_from_xy([531_025, 531_075, 531_125], [4_155_025] * 3), shapely.Point()],
        crs=4549,
    )
    same = gk.case_map(moved, cells, audience="public").block.doc["marks"]
    assert public["now"] == same["now"]


def test_from_a_ledger(tmp_path, cells):
    at = pd.Timestamp("2025-05-01 09:00", tz="Asia/Shanghai")
    reports = gpd.GeoDataFrame(
        {"report_id": ["1", "2"], "category": "E0405", "cell_code": "001", "reported_at": at,
         "filed_at": at, "dispatched_at": at},
        geometry=gpd.points_from_xy([531_010, 531_020], [4_155_010] * 2), crs=4549,
    )  # fmt: skip
    with gk.Ledger(tmp_path / "c.gpkg", crs=4549) as ledger:
        ledger.file(reports)
        m = gk.case_map(ledger.running(at + pd.Timedelta(hours=3)), cells)
    assert [i["verdict"] for i in m.block.doc["items"]] == ["已用时限 150%"] * 2


def test_nothing_under_way_and_bad_input(cells, running):
    empty = gk.case_map(running.iloc[:0], cells)
    assert empty.block.doc["items"] == []
    with pytest.raises(gk.SchemaError, match="light"):
        gk.case_map(running.drop(columns="light"), cells)
    with pytest.raises(gk.CRSError):
        gk.case_map(running.to_crs(4326), cells)
    with pytest.raises(gk.GeometryError):
        gk.case_map(running, cells.iloc[:0])


@pytest.mark.browser
def test_in_a_browser_a_case_opens_and_nothing_runs(cells, running, tmp_path, visit):
    path = save_map(gk.case_map(running, cells, audience="internal"), tmp_path / "cases.html")
    seen = visit(path).ready()
    seen.page.locator("#gk-items li").nth(3).locator("summary, button").first.click()
    text = seen.page.inner_text("#gk-items")
    assert HOSTILE in " ".join(text.split())
    assert seen.page.evaluate("window.hit") is None
    assert seen.requests == [path.as_uri()]
    assert seen.complaints == []
