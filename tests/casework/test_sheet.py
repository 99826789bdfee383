"""The ledger sheet: out, filled in by units, back; and as the beginning of another ledger."""

import pandas as pd
import pytest

import gridkit as gk
from gridkit.casework.sheet import LEDGER_SHEET

from .conftest import CRS, at, reports

DUE = at("2025-09-20 12:00")


@pytest.fixture
def at_work(ledger):
    """Six cases: four dispatched to two units, one filed only, one closed."""
    table = reports(6)
    table["filed_at"] = at("2025-09-20 08:00")
    table["dispatched_at"] = pd.Series([at("2025-09-20 08:30")] * 4 + [pd.NaT] * 2)
    table["responsible_unit"] = ["环卫所", "环卫所", "市政所", "市政所", None, None]
    table["disposed_at"] = pd.Series([pd.NaT] * 5 + [at("2025-09-20 12:30")])
    table["closed_at"] = pd.Series([pd.NaT] * 5 + [at("2025-09-20 13:00")])
    table["address"] = "新华路3号，电话13812341234"
    ledger.file(table)
    return ledger


def fill(path, **columns):
    """Fill in a sheet as a person does: header → {row: value}."""
    sheet = pd.read_excel(path, engine="calamine", dtype=object)
    for name, values in columns.items():
        for row, value in values.items():
            sheet.loc[row - 1, name] = value
    sheet.to_excel(path, index=False, engine="xlsxwriter")


def test_the_sheet_has_chinese_headers_and_says_what_is_late(at_work, tmp_path):
    gk.write_ledger_sheet(at_work, tmp_path / "台账.xlsx")
    raw = pd.read_excel(tmp_path / "台账.xlsx", engine="calamine")
    assert raw.columns.tolist() == [c.zh for c in LEDGER_SHEET.columns]
    assert raw["序号"].tolist() == [1, 2, 3, 4, 5, 6]
    assert raw["问题类别"].unique().tolist() == ["店外经营"]
    assert raw["阶段"].tolist() == ["派遣"] * 4 + ["立案", "结案"]
    assert raw["备注"].isna().tolist() == [True] * 5 + [False]
    assert raw["备注"].iloc[-1] == "超期完成"
    english = gk.write_ledger_sheet(at_work, tmp_path / "ledger.xlsx", lang="en")
    assert english["stage"].iloc[-1] == "Closed"
    assert pd.read_excel(tmp_path / "ledger.xlsx", engine="calamine").columns[0] == "row"


def test_audiences_of_the_sheet(at_work, tmp_path):
    inside = gk.write_ledger_sheet(at_work, tmp_path / "a.xlsx")
    leaders = gk.write_ledger_sheet(at_work, tmp_path / "b.xlsx", audience="leaders")
    public = gk.write_ledger_sheet(at_work, tmp_path / "c.xlsx", audience="public")
    assert "13812341234" in inside["address"].iloc[0]
    assert leaders["address"].iloc[0] == "新华路3号，电话138****1234"
    for column in ("text", "address", "longitude", "latitude", "handler_id"):
        assert public[column].isna().all()
    assert b"1381234" not in (tmp_path / "c.xlsx").read_bytes()


def test_some_of_the_cases(at_work, tmp_path):
    cases = at_work.open_cases()
    unit = cases[cases["responsible_unit"].eq("市政所")]
    sheet = gk.write_ledger_sheet(at_work, tmp_path / "市政所.xlsx", cases=unit)
    assert sheet[["row", "case_id"]].to_numpy().tolist() == [[1, "C2"], [2, "C3"]]


def test_what_units_filled_in_comes_back(at_work, tmp_path):
    path = tmp_path / "台账.xlsx"
    gk.write_ledger_sheet(at_work, path)
    done, over = "2025-09-20 09:40", at("2025-09-20 11:00").tz_localize(None).to_pydatetime()
    fill(
        path,
        整改措施={1: "约谈店主", 3: "增派人手"},
        整改结果={1: "已清理"},
        完成时间={1: done, 2: done},
        销号时间={2: over},
    )
    taken = gk.take_ledger_sheet(at_work, path, at=at("2025-09-21 09:00"))
    assert (taken.rows, taken.moved, taken.unchanged, len(taken.refused)) == (6, 3, 3, 0)
    cases = at_work.cases().set_index("case_id")
    assert cases.loc["C0", ["stage", "measure", "result"]].tolist() == [
        "disposed", "约谈店主", "已清理",
    ]  # fmt: skip
    assert cases.loc["C0", "disposed_at"] == at(done)
    assert cases.loc["C1", "closed_at"] == at("2025-09-20 11:00")
    assert cases.loc["C2", ["stage", "measure"]].tolist() == ["dispatched", "增派人手"]
    history = at_work.history("C1")[["action", "actor"]].to_numpy().tolist()
    assert history[1:] == [["dispose", "环卫所"], ["close", "环卫所"]]
    assert at_work.history("C2")["actor"].iloc[-1] == "市政所"
    assert at_work.verify()["severity"].eq("ok").all()
    gk.write_ledger_sheet(at_work, path)
    again = gk.take_ledger_sheet(at_work, path, at=at("2025-09-22 09:00"))
    assert (again.moved, again.unchanged) == (0, 6)


def test_the_same_sheet_twice_does_nothing_twice(at_work, tmp_path):
    path = tmp_path / "台账.xlsx"
    gk.write_ledger_sheet(at_work, path)
    fill(path, 完成时间={1: "2025-09-20 09:40"}, 整改结果={1: "已清理"})
    first = gk.take_ledger_sheet(at_work, path, at=at("2025-09-21 09:00"))
    second = gk.take_ledger_sheet(at_work, path, at=at("2025-09-21 09:00"))
    assert (first.moved, second.moved, len(second.refused)) == (1, 0, 0)


def test_rows_are_refused_each_on_its_own(at_work, tmp_path):
    path = tmp_path / "台账.xlsx"
    gk.write_ledger_sheet(at_work, path)
    at_work.move("C1", "reassign", at=at("2025-09-20 09:00"), actor="班长", handler_id="P9")
    fill(
        path,
        案卷编号={4: "C999"},
        完成时间={
            1: "昨天下午",
            2: "2025-09-20 09:40",
            3: "2025-09-20 09:40",
            5: "2025-09-20 09:40",
            6: "2025-09-20 10:00",
        },
    )
    before = at_work.cases().set_index("case_id")
    taken = gk.take_ledger_sheet(at_work, path, at=at("2025-09-21 09:00"), lang="en")
    assert (taken.rows, taken.moved, taken.unchanged) == (6, 1, 0)
    rules = taken.refused[["row", "rule", "value"]].to_numpy().tolist()
    assert rules == [
        [1, "BAD_TIME", "昨天下午"],
        [2, "CONFLICT", "C1"],
        [4, "NO_CASE", "C999"],
        [5, "NOT_ALLOWED", "C4"],
        [6, "NOT_ALLOWED", "C5"],
    ]
    assert "ledger has" in taken.refused["remedy"].iloc[-1]
    assert "no actor" in taken.refused["remedy"].iloc[3]
    named = gk.take_ledger_sheet(at_work, path, at=at("2025-09-21 09:00"), actor="甲", lang="en")
    assert "not allowed in the stage filed" in named.refused["remedy"].iloc[3]
    after = at_work.cases().set_index("case_id")
    pd.testing.assert_frame_equal(
        pd.DataFrame(before).drop(index="C2"), pd.DataFrame(after).drop(index="C2")
    )


def test_a_sheet_without_case_or_version(at_work):
    with pytest.raises(gk.SchemaError, match="version"):
        gk.take_ledger_sheet(at_work, pd.DataFrame({"案卷编号": ["C1"]}), at=DUE)
    twice = pd.DataFrame({"案卷编号": ["C1", "C1"], "版本": [1, 1]})
    with pytest.raises(gk.SchemaError, match="C1"):
        gk.take_ledger_sheet(at_work, twice, at=DUE)
    with pytest.raises(gk.OptionError, match="zone"):
        gk.take_ledger_sheet(at_work, twice, at=pd.Timestamp("2025-09-20"))


def test_ejina_takes_sheets_too(tmp_path):
    with gk.Ledger(tmp_path / "e.gpkg", crs=CRS, process="ejina") as ledger:
        ledger.file(reports(1))
        now = at("2025-09-20 08:00")
        ledger.move("C0", "feed_back", at=now, actor="格长")
        ledger.move("C0", "coordinate", at=now, actor="片区领导", responsible_unit="城管局")
        sheet = gk.write_ledger_sheet(ledger, tmp_path / "e.xlsx")
        sheet["disposed_at"], sheet["closed_at"] = "2025-09-20 10:00", "2025-09-20 12:00"
        taken = gk.take_ledger_sheet(ledger, sheet, at=now, actor="督查组")
        assert (taken.moved, len(taken.refused)) == (1, 0)
        assert ledger.cases()["stage"].tolist() == ["supervision"]


def test_a_sheet_begins_another_ledger(at_work, tmp_path):
    """Out, in, located, filed: the cases are the same, apart from what a sheet does not carry."""
    path = tmp_path / "台账.xlsx"
    at_work.move("C0", "note", at=at("2025-09-20 09:00"), actor="环卫所", measure="约谈")
    gk.write_ledger_sheet(at_work, path)
    intake = gk.read_reports(path, crs=CRS)
    assert len(intake.quarantined) == 0
    assert "zh_ledger" in intake.findings["detail"].iloc[0]
    with gk.Ledger(tmp_path / "new.gpkg", crs=CRS) as new:
        assert new.file(intake.reports).new == 6
        had, has = at_work.cases(), new.cases()
    same = ["report_id", "category", "text", "address", "responsible_unit"]
    same += ["first_receiver", "measure", "limit", "kind", "case_id"]
    same += ["reported_at", "filed_at", "disposed_at", "closed_at", "dispose_due_at"]
    pd.testing.assert_frame_equal(pd.DataFrame(had[same]), pd.DataFrame(has[same]))
    assert had.distance(has).max() < 0.01
