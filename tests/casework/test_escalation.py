"""Overdue cases rise; and what was true of a case beside what is true now."""

import geopandas as gpd
import pandas as pd
import pytest
from shapely import Point, box

import gridkit as gk

from .conftest import at, reports

POSTS = pd.DataFrame(
    [
        ("cell", "A1", "cleaner", "P1"),
        ("cell", "A1", "cadre", "P2"),
        ("cell", "A2", "cleaner", None),
        ("community", "Q", "community_chief", None),
        ("street", "S", "street_chief", "P8"),
        ("district", "D", "chief_leader", "P9"),
    ],
    columns=["level", "area_code", "role", "person_id"],
)
CELLS = pd.DataFrame(
    {"cell_code": ["A1", "A2"], "community_code": "Q", "street_code": "S", "district_code": "D"}
)

COMMUNITIES = pd.DataFrame({"community_code": ["Q"], "street_code": "S", "district_code": "D"})


def told(used, **columns):
    late = pd.DataFrame({"case_id": ["C1"], "due_at": pd.NaT, "used": [used], **columns})
    table = gk.escalations(late, POSTS, areas=[CELLS, COMMUNITIES], lang="en")
    return table[["step", "person_id", "gap"]].astype(object).where(table.notna(), None).to_numpy()


@pytest.mark.parametrize(
    ("used", "cell", "people", "gap"),
    [
        (1.01, "A1", {"P1", "P2"}, ""),
        (1.51, "A1", {"P8"}, "unfilled"),  # the community's chief is not there
        (2.5, "A1", {"P8"}, ""),
        (3.5, "A1", {"P9"}, ""),
        (1.2, "A2", {"P8"}, "unfilled"),
    ],
)
def test_who_is_told(used, cell, people, gap):
    rows = told(used, cell_code=cell)
    assert {row[1] for row in rows} == people
    assert {row[2] for row in rows} == {gap}


def test_what_is_not_overdue_tells_nobody():
    assert len(told(1.0, cell_code="A1")) == 0
    assert len(told(float("nan"), cell_code="A1")) == 0


def test_a_case_without_a_cell_rises_from_its_community_or_says_so():
    assert told(2.5, cell_code=None, community_code="Q").tolist() == [
        ["Tell two levels up", "P9", ""]
    ]
    assert told(2.5, cell_code=None).tolist() == [["Tell two levels up", None, "no_area"]]
    assert told(2.5, cell_code="Z9").tolist() == [["Tell two levels up", None, "no_area"]]


def test_nobody_at_all_and_some_roles():
    late = pd.DataFrame({"case_id": ["C1"], "cell_code": "A1", "used": 1.2})
    empty = gk.escalations(late, POSTS.assign(person_id=None), areas=CELLS)
    assert empty["gap"].tolist() == ["nobody"]
    cadres = gk.escalations(late, POSTS, areas=CELLS, roles=["cadre"])
    assert cadres["person_id"].tolist() == ["P2"]
    with pytest.raises(gk.SchemaError, match="used"):
        gk.escalations(late.drop(columns="used"), POSTS)


def test_a_citys_own_steps(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text('[[step]]\nover = 1\nrises = 2\nzh = "甲"\nen = "A"\n', "utf-8")
    late = pd.DataFrame({"case_id": ["C1"], "cell_code": "A1", "used": 1.2})
    steps = gk.load_escalation(path)
    assert gk.escalations(late, POSTS, areas=CELLS, steps=steps)["step"].tolist() == ["甲"]
    path.write_text(
        '[[step]]\nover = 2\nrises = 2\nzh = "甲"\nen = "A"\n'
        '[[step]]\nover = 1\nrises = 3\nzh = "乙"\nen = "B"\n',
        "utf-8",
    )
    with pytest.raises(gk.SchemaError, match="乙"):
        gk.load_escalation(path)
    path.write_text("[[step]]\nover = 2\n", "utf-8")
    with pytest.raises(gk.SchemaError, match=r"rises[\s\S]*zh[\s\S]*en"):
        gk.load_escalation(path)
    path.write_text("step = ", "utf-8")
    with pytest.raises(gk.FileError, match="TOML"):
        gk.load_escalation(path)


def test_from_the_ledger(ledger):
    table = reports(2, cell_code=["A1", "A2"])
    table["filed_at"] = [at("2025-09-15 09:00"), at("2025-09-15 11:30")]
    table["dispatched_at"] = at("2025-09-15 11:40")
    ledger.file(table)
    late = ledger.overdue(at("2025-09-15 13:45"))  # 4.75 and 2.25 of 2 urgent hours
    rows = gk.escalations(late, POSTS, areas=CELLS)
    got = rows[["case_id", "person_id"]].to_numpy().tolist()
    assert got == [["C0", "P8"], ["C1", "P8"]]


EDITIONS = gpd.GeoDataFrame(
    {
        "cell_code": ["A1", "A2", "A3", "B1"],
        "community_code": "Q",
        "valid_from": pd.to_datetime(["2025-01-01", "2026-07-01", "2026-07-01", "2025-01-01"]),
        "valid_to": pd.to_datetime(["2026-07-01", None, None, None]),
    },
    geometry=[
        box(0, 0, 200, 100), box(0, 0, 100, 100), box(100, 0, 200, 100), box(0, 200, 200, 300),
    ],
    crs=4549,
)  # fmt: skip
LINEAGE = pd.DataFrame(
    {
        "code_from": "A1",
        "code_to": ["A2", "A3"],
        "at": pd.to_datetime("2026-07-01"),
        "area_share": 0.5,
        "load_share": 0.5,
    }
)
NOW = at("2026-10-01 09:00")


def cases(codes, points):
    table = {
        "case_id": [f"C{i}" for i in range(len(codes))],
        "cell_code": codes,
        "reported_at": at("2026-03-01 09:00"),
        "handler_id": "P1",
    }
    return gpd.GeoDataFrame(table, geometry=points, crs=4549)


def test_cells_then_and_now():
    table = cases(
        ["A1", "A1", "B1", None, "A1", "B1", None],
        [Point(50, 50), Point(150, 50), Point(50, 250), Point(50, 250), None, None, None],
    )
    seen = gk.then_and_now(table, EDITIONS, at=NOW, lineage=LINEAGE)
    assert seen["cell_now"].astype(object).where(seen["cell_now"].notna(), None).tolist() == [
        "A2", "A3", "B1", "B1", None, "B1", None,
    ]  # fmt: skip
    assert seen["cell_change"].tolist() == [
        "replaced", "replaced", "same", "found", "unclear", "same", "none",
    ]  # fmt: skip
    assert seen["cell_candidates"].tolist() == [""] * 4 + ["A2, A3", "", ""]
    assert table["cell_code"].tolist()[:2] == ["A1", "A1"]
    before = gk.then_and_now(table, EDITIONS, at=at("2026-06-01 09:00"), lineage=LINEAGE)
    assert before["cell_change"].tolist()[:2] == ["same", "same"]


def test_one_heir_of_a_case_without_a_point():
    merged = LINEAGE.assign(code_from=["A8", "A9"], code_to="A2", area_share=1.0, load_share=1.0)
    seen = gk.then_and_now(cases(["A9"], [None]), EDITIONS, at=NOW, lineage=merged)
    assert seen[["cell_now", "cell_change"]].to_numpy().tolist() == [["A2", "replaced"]]


def test_people_then_and_now():
    history = pd.DataFrame(
        [
            ("cell", "A1", "cleaner", "P1", "2025-01-01", "2026-07-01"),
            ("cell", "A2", "cleaner", "P1", "2026-07-01", None),
            ("cell", "A3", "cleaner", "P2", "2026-07-01", None),
            ("cell", "B1", "cleaner", "P3", "2025-01-01", "2026-05-01"),
            ("cell", "B1", "cleaner", "P4", "2026-05-01", None),
            ("community", "Q", "cadre", "P5", "2025-01-01", None),
        ],
        columns=["level", "area_code", "role", "person_id", "valid_from", "valid_to"],
    )
    days = ["valid_from", "valid_to"]
    history[days] = history[days].apply(pd.to_datetime)
    table = cases(["A1", "A1", "B1"], [Point(50, 50), Point(150, 50), Point(50, 250)])
    seen = gk.then_and_now(table, EDITIONS, at=NOW, posts=history)
    cleaners = seen[seen["role"] == "cleaner"]
    assert cleaners[["person_then", "person_now"]].to_numpy().tolist() == [
        ["P1", "P1"], ["P1", "P2"], ["P3", "P4"],
    ]  # fmt: skip
    assert cleaners["person_changed"].tolist() == [False, True, True]
    cadres = seen[seen["role"] == "cadre"]
    assert set(cadres["person_then"]) == set(cadres["person_now"]) == {"P5"}


def test_a_relocated_report_keeps_where_it_was_thought_to_be(ledger):
    ledger.file(reports(1, cell_code="B1"))
    ledger.move(
        "C0",
        "relocate",
        at=at("2025-09-20 09:00"),
        actor="班长",
        reason="错位",
        cell_code="A1",
        geometry=Point(50, 50),
    )
    assert ledger.as_of(at("2025-09-19 09:00"))["cell_code"].tolist() == ["B1"]
    assert ledger.cases()["cell_code"].tolist() == ["A1"]
    seen = gk.then_and_now(ledger.cases(), EDITIONS, at=NOW)
    assert seen[["cell_code", "cell_now"]].to_numpy().tolist() == [["A1", "A2"]]


def test_then_and_now_says_what_it_needs():
    with pytest.raises(gk.SchemaError, match="cell_code"):
        gk.then_and_now(cases(["A1"], [None]).drop(columns="cell_code"), EDITIONS, at=NOW)
    with pytest.raises(gk.OptionError, match="zone"):
        gk.then_and_now(cases(["A1"], [None]), EDITIONS, at=pd.Timestamp("2026-01-01"))
    assert gk.then_and_now(cases([], []), EDITIONS, at=NOW).empty


def test_where_nobody_stands_above_the_highest_below_is_told():
    late = pd.DataFrame({"case_id": ["C1"], "cell_code": "A1", "used": 9.0})
    posts = POSTS[POSTS["level"].isin(["cell", "community"])]
    rows = gk.escalations(late, posts, areas=[CELLS, COMMUNITIES])
    assert set(rows["person_id"]) == {"P1", "P2"}
    assert set(rows["gap"]) == {"unfilled"}
