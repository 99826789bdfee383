"""``gridkit ledger``: what people do with a ledger in a terminal."""

import json
from pathlib import Path

import pandas as pd
import pytest

import gridkit as gk
from gridkit.cli import main

SAMPLE = Path(__file__).parents[2] / "data" / "sample_grids" / "small"


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    path = tmp_path_factory.mktemp("cells") / "cells.gpkg"
    district = gk.read_district(SAMPLE / "district.gpkg")
    gk.divide(district, into=12).to_file(path)
    return path


@pytest.fixture
def filed(cells, tmp_path):
    path = tmp_path / "cases.gpkg"
    arguments = ["ledger", "import", str(path), str(SAMPLE / "reports.csv")]
    assert main(["--lang", "en", *arguments, "--cells", str(cells)]) == 1
    return path


def run(*arguments):
    return main(["--lang", "en", "ledger", *map(str, arguments)])


def test_import_says_where_every_row_went(cells, filed, capsys):
    rows = len(pd.read_csv(SAMPLE / "reports.csv"))
    lost = pd.read_excel(filed.with_name("cases_quarantined.xlsx"), engine="calamine")
    with gk.Ledger(filed) as ledger:
        assert len(ledger.cases()) + len(ledger.quarantined()) + len(lost) == rows
        assert ledger.cases()["cell_code"].notna().mean() > 0.9
        head = ledger.head
    capsys.readouterr()
    again = run("import", filed, SAMPLE / "reports.csv", "--cells", cells)
    shown = capsys.readouterr()
    assert again == 1
    assert "0 new cases" in shown.out
    assert head in shown.out
    assert "Filing" in shown.err


def test_move_and_show(filed, capsys):
    with gk.Ledger(filed) as ledger:
        case = ledger.cases().query("stage == 'dispatched'").iloc[0]
        late = len(ledger.overdue(pd.Timestamp("2026-01-10 09:00", tz="Asia/Shanghai")))
    version = str(case["version"])
    start = ["move", filed, case["case_id"], "transfer", "--actor", "派遣员", "--reason", "x"]
    at = ["--at", "2026-01-05 09:00"]
    done = run(*start, *at, "--version", version, "--set", "responsible_unit=环卫所")
    assert done == 0
    assert f"{case['case_id']}: Dispatched, version 2" in capsys.readouterr().out
    assert run("show", filed, case["case_id"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split("\t")[:3] == ["version", "at", "action"]
    assert out[2].split("\t")[:3] == ["2", "2026-01-05 09:00", "transfer"]
    assert run("show", filed, "--late", "--at", "2026-01-10 09:00") == 0
    assert len(capsys.readouterr().out.splitlines()) == late + 1
    assert run("show", filed) == 0
    assert "Dispatched" in capsys.readouterr().out
    assert run("show", filed, "--unit", case["first_receiver"]) == 0


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--version", "7"], "no longer of version 7"),
        (["--at", "gestern"], "is no time"),
        (["--set", "responsible_unit"], "COLUMN=VALUE"),
        (["--set", "missed=maybe"], "give true or false"),
        (["--set", "first_receiver=甲"], "first receiver is set once"),
        (["--actor", " "], "no actor"),
    ],
)
def test_bad_moves_are_one_clear_message(filed, more, words, capsys):
    with gk.Ledger(filed) as ledger:
        before = ledger.head
        case = ledger.cases().query("stage == 'dispatched'")["case_id"].iloc[0]
    start = [
        "move",
        filed,
        case,
        "transfer",
        "--actor",
        "甲",
        "--reason",
        "x",
        "--set",
        "responsible_unit=乙",
    ]
    assert run(*start, *more) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert "Traceback" not in shown.err
    with gk.Ledger(filed) as ledger:
        assert ledger.head == before


def test_export_take_and_verify(filed, tmp_path, capsys):
    copy, sheet, folder = tmp_path / "copy.gpkg", tmp_path / "台账.xlsx", tmp_path / "o311"
    for out in (copy, sheet, folder):
        assert run("export", filed, out) == 0
    with gk.Ledger(filed) as ledger, gk.Ledger(copy) as other:
        assert ledger.head == other.head
        head, rows = ledger.head, len(ledger.cases())
        case = ledger.cases().query("stage == 'dispatched'")["case_id"].iloc[0]
    assert len(json.loads((folder / "requests.json").read_text("utf-8"))) == rows
    table = pd.read_excel(sheet, engine="calamine", dtype=object)
    assert len(table) == rows
    table.loc[table["case_id"] == case, "disposed_at"] = "2026-01-08 10:00"
    table.loc[table["case_id"] != case, "disposed_at"] = table["disposed_at"]
    table.to_excel(sheet, index=False, engine="xlsxwriter")
    assert run("take", filed, sheet, "--actor", "环卫所") == 0
    assert "1 moved on" in capsys.readouterr().out
    assert run("take", filed, sheet, "--actor", "环卫所") == 0
    assert run("verify", filed, "--head", head) == 0
    assert run("verify", filed, "--head", "0" * 64) == 1
    shown = capsys.readouterr()
    assert "error\tCHAIN" in shown.out
    opened = tmp_path / "open.xlsx"
    assert run("export", filed, opened, "--open", "--audience", "public") == 0
    assert len(pd.read_excel(opened, engine="calamine")) < rows


def test_what_cannot_be_done_says_so(filed, cells, tmp_path, capsys):
    assert run("export", filed, tmp_path / "x.docx") == 2
    assert ".gpkg, .xlsx or a folder" in capsys.readouterr().err
    for what in (["verify"], ["show"], ["take", "x.xlsx"]):
        assert run(what[0], tmp_path / "none.gpkg", *what[1:]) == 2
        assert "no such file" in capsys.readouterr().err
    assert not (tmp_path / "none.gpkg").exists()
    assert run("verify", cells) == 2
    assert "no ledger of gridkit" in capsys.readouterr().err
    assert run("show", filed, "--process", "ejina") == 2
    assert "follows the process standard" in capsys.readouterr().err


def test_a_ledger_of_another_process_opens_by_itself(cells, tmp_path, capsys):
    path = tmp_path / "e.gpkg"
    reports = [str(SAMPLE / "reports.csv"), "--cells", str(cells)]
    run("import", path, *reports, "--process", "ejina")
    assert run("show", path) == 0
    assert "Coordination" in capsys.readouterr().out


def test_rank_and_bulletin(filed, tmp_path, capsys):
    page, sheet = tmp_path / "b.html", tmp_path / "r.xlsx"
    month = [str(filed), "--period", "2025-05"]
    assert main(["--lang", "en", "bulletin", *month, "--out", str(page)]) == 0
    assert "2025-05" in page.read_text("utf-8")
    assert main(["bulletin", *month, "--monthly", "--out", str(page)]) == 0
    for name in ("b.docx", "b.xlsx"):
        assert main(["bulletin", *month, "--out", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_bytes()[:2] == b"PK"
    start = ["--lang", "en", "rank", *month]
    assert main([*start, "--last", "2", "--fair", "--min-cases", "3", "--out", str(sheet)]) == 0
    out = capsys.readouterr().out
    assert "to be called in" in out
    with gk.Ledger(filed) as ledger:
        scores = gk.indicators(ledger.cases(), by="responsible_unit", period="2025-05")
    ranked = gk.rank(scores, "on_time_closing_rate", min_cases=3, noise_aware=True)
    best = ranked.set_index("rank").loc[1, "subject"]
    first = next(line for line in out.splitlines() if "\t1\t" in line)
    assert (best if isinstance(best, str) else best.iloc[0]) in first
    assert pd.read_excel(sheet, engine="calamine", sheet_name=0)["subject"].tolist()
    assert main([*start, "--indicator", "department_score", "--by", "street_code"]) == 0
    assert "grade" in capsys.readouterr().out
    assert main([*start, "--indicator", "department_score", "--fair"]) == 2
    assert main([*start, "--indicator", "closing_rat"]) == 2
    assert "Did you mean" in capsys.readouterr().err
    assert main(["rank", str(tmp_path / "none.gpkg"), "--period", "2025-05"]) == 2
