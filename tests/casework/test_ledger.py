"""The ledger: filed once, moved under guard, read as it was, damage found, others kept out."""

import importlib.util
import itertools
import json
import os
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from shapely import Point, box

import gridkit as gk
from gridkit.casework import store as stores
from gridkit.errors import ConflictError, FileError, MoveError, OptionError, SchemaError

_spec = importlib.util.spec_from_file_location("made", Path(__file__).with_name("conftest.py"))
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)
CRS, at, reports = made.CRS, made.at, made.reports
UNIT = {"responsible_unit": "环卫所"}


def do(ledger, case, *steps):
    """Do steps (action, time, details) with a case; return its last version."""
    for action, when, *details in steps:
        given = details[0] if details else {}
        version = ledger.move(case, action, at=at(when), actor="P1", **given)
    return version


TO_DISPATCH = [
    ("accept", "2025-09-30 09:00"),
    ("file", "2025-09-30 10:00"),
    ("dispatch", "2025-09-30 10:10", UNIT),
]


def same(one, other):
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other))


def sound(ledger):
    """Assert that the file is whole and what its moves add up to."""
    found = ledger.verify()
    assert found["severity"].eq("ok").all(), found[["rule", "detail"]].to_numpy().tolist()
    same(ledger.replay(), ledger.cases())


def test_filing_opens_one_case_a_report(ledger):
    filed = ledger.file(reports(3))
    assert (filed.rows, filed.new, filed.known, filed.quarantined) == (3, 3, 0, 0)
    assert filed.case_ids.tolist() == ["C0", "C1", "C2"]
    cases = ledger.cases()
    assert cases["stage"].eq("reported").all()
    assert cases["limit"].eq("2紧急工作时").all()
    assert cases["first_receiver"].eq("监督中心").all()
    assert cases["version"].tolist() == [1, 1, 1]
    assert cases.geometry.x.tolist() == [620_000, 620_002, 620_004]
    assert str(cases["reported_at"].dt.tz) == "Asia/Shanghai"
    sound(ledger)


def test_filing_again_adds_what_is_new_only(ledger):
    ledger.file(reports(3))
    do(ledger, "C1", *TO_DISPATCH)
    before = ledger.cases()
    again = ledger.file(reports(5))
    assert (again.new, again.known) == (2, 3)
    assert again.case_ids.tolist() == ["C0", "C1", "C2", "C3", "C4"]
    same(ledger.cases().head(3), before)
    assert ledger.file(reports(0)).rows == 0
    sound(ledger)


def test_one_number_in_two_feeds_is_two_cases(ledger):
    ledger.file(reports(2, feed="a"))
    filed = ledger.file(reports(2, feed="b"))
    assert filed.case_ids.tolist() == ["C0@b", "C1@b"]
    assert ledger.file(reports(2, feed="b")).case_ids.tolist() == ["C0@b", "C1@b"]
    assert len(ledger.history("C0@b")) == 1
    sound(ledger)


def test_more_than_one_transaction(ledger, monkeypatch):
    monkeypatch.setattr("gridkit.casework.filing.CHUNK", 7)
    told = []
    table = reports(20).sample(frac=1, random_state=1)
    filed = ledger.file(table, progress=lambda done, rows: told.append((done, rows)))
    assert told == [(7, 20), (14, 20), (20, 20)]
    assert filed.case_ids.index.equals(table.index)
    assert ("C" + table["report_id"]).tolist() == filed.case_ids.tolist()
    sound(ledger)


def test_filing_again_goes_on_where_it_stopped(ledger, monkeypatch):
    """What has a case is neither prepared nor written again."""
    monkeypatch.setattr("gridkit.casework.filing.CHUNK", 7)
    table = reports(20)

    def stop(done, _rows):
        if done == 14:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        ledger.file(table, progress=stop)
    told, prepared = [], []
    plain = ledger._cases_of

    def counted(sound, **options):
        prepared.append(len(sound))
        return plain(sound, **options)

    monkeypatch.setattr(ledger, "_cases_of", counted)
    filed = ledger.file(table, progress=lambda done, rows: told.append((done, rows)))
    assert (filed.new, filed.known, prepared) == (6, 14, [6])
    assert told == [(14, 20), (20, 20)]
    assert ("C" + table["report_id"]).tolist() == filed.case_ids.tolist()
    again = ledger.file(table)
    assert (again.new, again.known, prepared) == (0, 20, [6, 0])
    sound(ledger)


def test_what_cannot_be_filed_is_kept(ledger):
    table = reports(5, report_id=["1", None, "1", "4", "5"])
    table["filed_at"] = at("2025-09-20 10:00")
    table["closed_at"] = [at("2025-09-21")] * 4 + [at("2025-09-19")]
    filed = ledger.file(table)
    assert (filed.new, filed.quarantined) == (2, 3)
    assert filed.case_ids.notna().tolist() == [True, False, False, True, False]
    kept = ledger.quarantined()
    assert kept[["row", "rule"]].to_numpy().tolist() == [
        [2, "NO_ID"],
        [3, "REPEATED_ID"],
        [5, "WRONG_ORDER"],
    ]
    assert json.loads(kept["original"].iloc[0])["text"] == "店外经营，请处理"
    ledger.file(table)
    assert len(ledger.quarantined()) == 3
    sound(ledger)


def test_life_cycle_times_become_stages(ledger):
    table = reports(4)
    table["filed_at"] = [pd.NaT, *[at("2025-09-20 10:00")] * 3]
    table["closed_at"] = [pd.NaT, pd.NaT, at("2025-09-20 16:00"), pd.NaT]
    table["voided"] = [False, False, False, True]
    ledger.file(table)
    assert ledger.cases()["stage"].tolist() == ["reported", "filed", "closed", "void"]
    assert ledger.cases()["dispose_due_at"].notna().tolist() == [False, True, True, True]
    assert ledger.open_cases()["case_id"].tolist() == ["C0", "C1"]
    sound(ledger)


def test_reports_without_a_place_and_of_other_crs(ledger):
    table = reports(2)
    table.geometry = [Point(), None]
    ledger.file(table)
    assert ledger.cases().geometry.is_empty.all()
    sound(ledger)
    with pytest.raises(OptionError, match="to_crs"):
        ledger.file(reports(1, first=7).to_crs(4326))
    with pytest.raises(SchemaError, match="points"):
        ledger.file(reports(1, first=7).set_geometry([box(0, 0, 1, 1)], crs=CRS))
    with pytest.raises(SchemaError, match="report_id"):
        ledger.file(reports(1).drop(columns="report_id"))
    ledger.file(pd.DataFrame(reports(1, first=9).drop(columns="geometry")))
    assert len(ledger.cases()) == 3


def test_moves_are_guarded_and_numbered(ledger):
    ledger.file(reports(1))
    assert do(ledger, "C0", *TO_DISPATCH) == 4
    history = ledger.history("C0")
    assert history["action"].tolist() == ["import", "accept", "file", "dispatch"]
    assert history["stage_from"].fillna("").tolist() == ["", "reported", "accepted", "filed"]
    assert history["version"].tolist() == [1, 2, 3, 4]
    assert history["actor"].tolist() == ["import", "P1", "P1", "P1"]
    before = (ledger.head, ledger.cases())
    for action, error in (("close", "not allowed"), ("transfer", "needs"), ("explode", "explode")):
        with pytest.raises(MoveError, match=error):
            ledger.move("C0", action, at=at("2025-09-30 11:00"), actor="P1")
    with pytest.raises(MoveError, match="actor"):
        ledger.move("C0", "dispose", at=at("2025-09-30 11:00"), actor=" ")
    with pytest.raises(MoveError, match="before the last move"):
        ledger.move("C0", "dispose", at=at("2025-09-30 10:05"), actor="P1")
    with pytest.raises(OptionError, match="C77"):
        ledger.move("C77", "dispose", at=at("2025-09-30 11:00"), actor="P1")
    with pytest.raises(OptionError, match="C77"):
        ledger.history("C77")
    assert before[0] == ledger.head
    same(before[1], ledger.cases())
    sound(ledger)


def test_a_stale_version_is_a_conflict(ledger):
    ledger.file(reports(1))
    ledger.move("C0", "accept", at=at("2025-09-30 09:00"), actor="P1", version=1)
    with pytest.raises(ConflictError, match="version 1"):
        ledger.move("C0", "file", at=at("2025-09-30 09:10"), actor="P2", version=1)
    assert ledger.cases()["stage"].tolist() == ["accepted"]
    sound(ledger)


def test_only_known_actors_where_they_are_known(tmp_path):
    with gk.Ledger(tmp_path / "c.gpkg", crs=CRS, actors=["P1", "环卫所"]) as ledger:
        ledger.file(reports(1))
        ledger.move("C0", "accept", at=at("2025-09-30 09:00"), actor="P1")
        with pytest.raises(MoveError, match="P9"):
            ledger.move("C0", "file", at=at("2025-09-30 09:10"), actor="P9")


def test_the_first_receiver_follows_its_case_until_it_is_closed(ledger):
    ledger.file(reports(2))
    do(ledger, "C0", *TO_DISPATCH)
    do(
        ledger,
        "C0",
        ("transfer", "2025-09-30 11:00", {"responsible_unit": "市政所", "reason": "x"}),
    )
    with pytest.raises(MoveError, match="first receiver"):
        do(ledger, "C0", ("dispose", "2025-09-30 12:00", {"first_receiver": "别人"}))
    ours = ledger.received_by("监督中心")
    assert ours[["case_id", "responsible_unit"]].to_numpy().tolist() == [["C0", "市政所"]]
    do(ledger, "C0", ("dispose", "2025-09-30 12:00"), ("close", "2025-09-30 13:00"))
    assert ledger.received_by("监督中心").empty
    assert ledger.cases()["first_receiver"].eq("监督中心").all()
    sound(ledger)


def test_a_relocated_case_shows_the_new_place_and_keeps_the_old_one(ledger):
    ledger.file(reports(2))
    do(ledger, "C0", *TO_DISPATCH)
    to = {"cell_code": "B7", "geometry": Point(621_000, 4_151_000), "reason": "落格有误"}
    do(ledger, "C0", ("relocate", "2025-10-09 09:00", to))
    case = ledger.cases().iloc[0]
    assert (case["cell_code"], case.geometry.x) == ("B7", 621_000)
    before = ledger.as_of(at("2025-10-01 00:00")).iloc[0]
    assert (before["cell_code"], before.geometry.x) == ("A1", 620_000)
    sound(ledger)


def test_overdue_cases_and_lights(ledger):
    ledger.file(reports(4))
    for case in ("C0", "C1", "C2"):
        do(ledger, case, *TO_DISPATCH)
    do(ledger, "C1", ("dispose", "2025-09-30 11:30"))
    pause = {"reason": "待拆迁", "suspended_until": at("2025-10-10 10:00")}
    do(ledger, "C2", ("suspend", "2025-09-30 11:00", pause))
    # Two urgent hours from 10:00.
    assert ledger.overdue(at("2025-09-30 12:00")).empty
    running = ledger.running(at("2025-09-30 11:45")).set_index("case_id")
    assert running["light"].to_dict() == {"C0": "yellow", "C2": "green"}
    assert running.loc["C2", "used"] == pytest.approx(0.5)
    late = ledger.overdue(at("2025-10-03 12:00"))
    assert late["case_id"].tolist() == ["C0"]
    both = ledger.overdue(at("2025-10-10 11:30"))
    assert both["case_id"].tolist() == ["C0", "C2"]
    assert both["due_at"].tolist() == [at("2025-09-30 12:00"), at("2025-10-10 11:00")]
    with pytest.raises(OptionError, match="zone"):
        ledger.overdue(pd.Timestamp("2025-09-30"))


def test_as_of_is_what_cases_were_then(ledger):
    """Snapshots taken on the way are those that the ledger tells afterwards."""
    ledger.file(reports(3))
    steps = [*TO_DISPATCH, ("dispose", "2025-09-30 15:00"), ("close", "2025-09-30 16:00")]
    taken = {}
    for step in steps:
        for case in ("C0", "C2"):
            do(ledger, case, step)
        taken[step[1]] = ledger.cases()
    for when, snapshot in taken.items():
        same(ledger.as_of(at(when)), snapshot)
    assert ledger.as_of(at("2025-09-15 08:01"))["case_id"].tolist() == ["C0", "C1"]
    assert ledger.as_of(at("2025-09-14 08:01")).empty


def test_as_of_leaves_out_later_times_of_imported_cases(ledger):
    table = reports(1)
    table["filed_at"], table["closed_at"] = at("2025-09-20 10:00"), at("2025-09-25 10:00")
    ledger.file(table)
    stages = [ledger.as_of(at(f"2025-09-{d}"))["stage"].tolist() for d in (16, 21, 26)]
    assert stages == [["reported"], ["filed"], ["closed"]]
    assert ledger.as_of(at("2025-09-21"))["closed_at"].isna().all()


def test_opened_again_it_is_the_same(tmp_path):
    path = tmp_path / "c.gpkg"
    with gk.Ledger(path, crs=CRS) as ledger:
        ledger.file(reports(3))
        do(ledger, "C1", *TO_DISPATCH)
        before, head = ledger.cases(), ledger.head
    assert [p.name for p in tmp_path.iterdir()] == ["c.gpkg"]
    with gk.Ledger(path) as ledger:
        same(ledger.cases(), before)
        assert ledger.head == head
        assert ledger.crs.to_epsg() == CRS
        sound(ledger)


def test_ejinas_process_in_a_ledger(tmp_path):
    path = tmp_path / "c.gpkg"
    with gk.Ledger(path, crs=CRS, process="ejina") as ledger:
        ledger.file(reports(1))
        assert ledger.cases()["stage"].tolist() == ["patrol"]
        do(
            ledger,
            "C0",
            ("feed_back", "2025-09-30 10:00"),
            ("coordinate", "2025-09-30 10:10", UNIT),
        )
        assert ledger.cases()["stage"].tolist() == ["coordination"]
        sound(ledger)
    with pytest.raises(OptionError, match="ejina"):
        gk.Ledger(path, process="standard")
    with gk.Ledger(path) as ledger:
        assert ledger.process.code == "ejina"


def test_a_citys_own_process_is_asked_for_when_its_ledger_is_opened(tmp_path):
    own = tmp_path / "own.toml"
    text = (Path(gk.__file__).parent / "standards" / "process_ejina.toml").read_text("utf-8")
    own.write_text(text.replace('code = "ejina"', 'code = "town"'), "utf-8")
    path = tmp_path / "c.gpkg"
    with gk.Ledger(path, crs=CRS, process=own) as ledger:
        ledger.file(reports(1))
    with pytest.raises(OptionError, match="with the file of that process"):
        gk.Ledger(path)
    with gk.Ledger(path, process=own) as ledger:
        assert ledger.cases()["stage"].tolist() == ["patrol"]


def test_gdal_reads_it_as_layers_and_cannot_change_it(ledger):
    ledger.file(pd.concat([reports(5), reports(1, report_id=[None])]))
    do(ledger, "C1", *TO_DISPATCH)
    path = ledger.path
    layers = {name for name, _ in pyogrio.list_layers(path)}
    assert layers == {"cases", "moves", "quarantine", "ledger"}
    seen = gpd.read_file(path, layer="cases")
    assert seen["case_id"].tolist() == ledger.cases()["case_id"].tolist()
    assert seen.crs.to_epsg() == CRS
    assert seen.geometry.x.tolist() == ledger.cases().geometry.x.tolist()
    assert seen["reported_at"].iloc[0] == at("2025-09-15 08:00")
    corner = gpd.read_file(path, layer="cases", bbox=(620_003, 4_150_000, 620_007, 4_150_009))
    assert corner["case_id"].tolist() == ["C2", "C3"]
    other = sqlite3.connect(path)
    columns = ", ".join(stores.MOVE_COLUMNS[2:])
    for change in (
        "UPDATE cases SET stage='closed'",
        "DELETE FROM cases",
        "UPDATE moves SET actor='x'",
        "DELETE FROM moves",
        f"INSERT INTO moves SELECT 99, 'C9', {columns} FROM moves LIMIT 1",
        "DELETE FROM quarantine",
    ):
        with pytest.raises(sqlite3.Error):
            other.execute(change)
    other.close()
    sound(ledger)


def test_times_survive_other_zones_and_fractions(tmp_path):
    path = tmp_path / "c.gpkg"
    with gk.Ledger(path, crs=CRS, tz="Europe/Berlin") as ledger:
        ledger.file(reports(1, reported_at=[pd.Timestamp("2025-09-15 00:00:00.123456Z")]))
        moment = ledger.cases()["reported_at"].iloc[0]
        assert moment == pd.Timestamp("2025-09-15 00:00:00.123Z")
        assert str(moment.tz) == "Europe/Berlin"


def test_hostile_text_is_kept_as_written(ledger):
    nasty = "'); DROP TABLE cases; --\x1f<script>\n\u202e{{7*7}}\"\\ 🏠"
    ledger.file(reports(1, text=nasty))
    ledger.move("C0", "accept", at=at("2025-09-30 09:00"), actor=nasty)
    assert ledger.cases()["text"].iloc[0] == nasty
    assert ledger.history("C0")["actor"].iloc[-1] == nasty
    sound(ledger)


# --- damage ---


@pytest.fixture
def written(tmp_path):
    """A ledger of forty cases with moves and a quarantine, closed; and its head."""
    path = tmp_path / "c.gpkg"
    with gk.Ledger(path, crs=CRS) as ledger:
        ledger.file(pd.concat([reports(40), reports(1, report_id=[None])]))
        for i in range(0, 40, 3):
            do(ledger, f"C{i}", *TO_DISPATCH)
        head = ledger.head
    return path, head


def tampered(path, *statements):
    """Change a ledger behind its back, triggers out of the way."""
    db = sqlite3.connect(path)
    db.create_function("gridkit_ledger", 0, lambda: 1)
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
        db.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def faults(path, head=None):
    with gk.Ledger(path) as ledger:
        found = ledger.verify(head)
        return set(found.loc[found["severity"] == "error", "rule"])


TAIL = "(SELECT max(seq) FROM moves)"


@pytest.mark.parametrize(
    ("statements", "rules"),
    [
        (["UPDATE cases SET stage='closed' WHERE case_id='C1'"], {"STATE"}),
        (["UPDATE cases SET closed_at='2025-10-01T00:00:00.000Z' WHERE case_id='C0'"], {"STATE"}),
        (["UPDATE cases SET first_receiver='x' WHERE case_id='C0'"], {"STATE"}),
        (["DELETE FROM cases WHERE case_id='C5'"], {"STATE", "SPATIAL_INDEX"}),
        (["UPDATE moves SET actor='P2' WHERE seq=45"], {"CHAIN"}),
        (["UPDATE moves SET at='2025-09-01T00:00:00.000Z' WHERE seq=45"], {"CHAIN"}),
        (["UPDATE moves SET recorded_at='2025-09-01T00:00:00.000Z' WHERE seq=45"], {"CHAIN"}),
        (["DELETE FROM moves WHERE seq=50"], {"CHAIN", "STATE"}),
        ([f"DELETE FROM moves WHERE seq={TAIL}"], {"CHAIN", "STATE"}),
        (
            [
                "DELETE FROM moves WHERE case_id='C1'",
                "DELETE FROM cases WHERE case_id='C1'",
                "DELETE FROM rtree_cases_geom WHERE id=2",
            ],
            {"CHAIN"},
        ),
        (["UPDATE ledger SET value='0' WHERE item='moves'"], {"CHAIN"}),
        (["DELETE FROM rtree_cases_geom WHERE id=3"], {"SPATIAL_INDEX"}),
        (["UPDATE rtree_cases_geom SET minx=0, maxx=1 WHERE id=3"], {"SPATIAL_INDEX"}),
        (["DELETE FROM quarantine"], {"QUARANTINE"}),
        (["UPDATE quarantine SET original='{}'"], {"QUARANTINE"}),
        (["UPDATE ledger SET value='PROJCRS' WHERE item='crs'"], {"CHAIN", "LAYERS"}),
        (["UPDATE gpkg_contents SET data_type='attributes'"], {"LAYERS"}),
        (["UPDATE gpkg_spatial_ref_sys SET definition='x' WHERE srs_id=4549"], {"LAYERS"}),
        (["DROP TABLE moves"], {"FILE", "CHAIN", "STATE", "QUARANTINE"}),
        (["DROP TABLE quarantine"], {"FILE", "QUARANTINE"}),
        (["DROP TABLE rtree_cases_geom"], {"FILE", "SPATIAL_INDEX"}),
    ],
    ids=lambda value: str(value)[:48] if isinstance(value, list) else None,
)
def test_tampering_is_found(written, statements, rules):
    path, head = written
    assert faults(path, head) == set()
    tampered(path, *statements)
    assert rules <= faults(path, head)


def test_an_older_copy_is_found_by_a_head_kept_elsewhere(written, tmp_path):
    path, _ = written
    shutil.copy(path, tmp_path / "old.gpkg")
    with gk.Ledger(path) as ledger:
        do(ledger, "C1", *TO_DISPATCH)
        head = ledger.head
        assert ledger.verify(head)["severity"].eq("ok").all()
    assert faults(tmp_path / "old.gpkg") == set()
    assert faults(tmp_path / "old.gpkg", head) == {"CHAIN"}


def test_flipped_bytes_are_found(written):
    """Bytes of moves and cases, one at a time: found, or the file is refused."""
    path, head = written
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    text = [
        whole.find(word) for word in ("环卫所".encode(), b"accept", "店外经营".encode(), b"E0405")
    ]
    places = [p for p in text if p > 0] + rng.integers(0, len(whole), 25).tolist()
    met = 0
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x04]) + whole[place + 1 :])
        try:
            met += bool(faults(path, head))
        except FileError:
            met += 1
        for beside in path.parent.glob("c.gpkg-*"):
            beside.unlink()
    # Bytes of free pages and of unused room in pages say nothing.
    assert met >= len([p for p in text if p > 0])
    path.write_bytes(whole)
    assert faults(path, head) == set()


def test_a_cut_file_is_refused_or_found(written):
    path, head = written
    whole = path.read_bytes()
    for share in (0.3, 0.6, 0.9, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        try:
            assert faults(path, head)
        except FileError:
            continue


# --- files that are no ledger, or cannot be written ---


def test_files_that_are_no_ledger(tmp_path, written):
    with pytest.raises(FileError, match="crs="):
        gk.Ledger(tmp_path / "none.gpkg")
    assert not (tmp_path / "none.gpkg").exists()
    other = tmp_path / "layer.gpkg"
    reports(2)[["report_id", "geometry"]].to_file(other)
    with pytest.raises(FileError, match="no ledger"):
        gk.Ledger(other)
    text = tmp_path / "text.gpkg"
    text.write_text("no database" * 100)
    with pytest.raises(FileError, match="cannot be opened"):
        gk.Ledger(text)
    path, _ = written
    with pytest.raises(OptionError, match="points in"):
        gk.Ledger(path, crs=4547)


def test_a_newer_version_is_refused_and_an_older_one_brought_up(written, monkeypatch):
    path, _ = written
    tampered(path, "UPDATE ledger SET value='7' WHERE item='version'")
    with pytest.raises(FileError, match="version 7"):
        gk.Ledger(path)
    now = str(stores.VERSION)
    tampered(path, f"UPDATE ledger SET value='{now}' WHERE item='version'")
    monkeypatch.setattr(stores, "VERSION", stores.VERSION + 1)
    step = "INSERT INTO ledger VALUES ('brought_up', 'yes')"
    monkeypatch.setitem(stores._MIGRATIONS, int(now), lambda db: db.execute(step))
    with gk.Ledger(path) as ledger:
        assert ledger._store.facts["version"] == str(int(now) + 1)
        assert ledger._store.facts["brought_up"] == "yes"


NEW_IN_2 = (
    "measure", "result", "appeal", "return_n", "missed", "self_handled", "public", "campaign",
)  # fmt: skip


def test_a_ledger_of_version_1_gets_the_columns_of_today(written):
    path, head = written
    drops = [f'ALTER TABLE cases DROP COLUMN "{c}"' for c in NEW_IN_2]
    tampered(path, *drops, "UPDATE ledger SET value='1' WHERE item='version'")
    with gk.Ledger(path) as ledger:
        assert ledger.head == head
        sound(ledger)
        assert ledger.cases()["campaign"].isna().all()
        more = reports(2, first=100, campaign="门前三包")
        assert ledger.file(more).new == 2
        ledger.move("C0", "note", at=at("2025-10-20 09:00"), actor="P1", measure="约谈")
        assert ledger.cases().set_index("case_id").loc["C0", "measure"] == "约谈"
        sound(ledger)


def test_a_full_disk_keeps_what_was_acknowledged(ledger):
    ledger.file(reports(50))
    before, head = ledger.cases(), ledger.head
    pages = ledger._store._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._store._db.execute(f"PRAGMA max_page_count={pages + 3}")
    with pytest.raises(FileError, match="full"):
        ledger.file(reports(5_000, first=100))
    same(ledger.cases(), before)
    assert ledger.head == head
    ledger._store._db.execute("PRAGMA max_page_count=1000000")
    assert ledger.file(reports(500, first=100)).new == 500
    sound(ledger)


def test_two_ledgers_on_one_file_wait_for_each_other(tmp_path):
    path = tmp_path / "c.gpkg"
    with gk.Ledger(path, crs=CRS) as one, gk.Ledger(path) as other:
        one.file(reports(2))
        assert len(other.cases()) == 2
        other.move("C0", "accept", at=at("2025-09-30 09:00"), actor="P2")
        with pytest.raises(ConflictError):
            one.move("C0", "file", at=at("2025-09-30 10:00"), actor="P1", version=1)
        one.move("C0", "file", at=at("2025-09-30 10:00"), actor="P1", version=2)
        assert other.cases()["stage"].tolist() == ["filed", "reported"]
        sound(one)
        sound(other)


def test_a_copy_for_others(ledger, tmp_path):
    ledger.file(reports(4))
    copy = ledger.export(tmp_path / "for_others.gpkg")
    do(ledger, "C0", *TO_DISPATCH)
    with gk.Ledger(copy) as other:
        assert other.cases()["stage"].eq("reported").all()
        sound(other)
    with pytest.raises(OptionError, match="itself"):
        ledger.export(ledger.path)


def test_network_drives_are_known_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_is_remote", lambda path: True)
    with pytest.warns(gk.GridkitWarning, match="network drive"):
        ledger = gk.Ledger(tmp_path / "c.gpkg", crs=CRS)
    with ledger:
        ledger.file(reports(2))
        assert ledger._store._db.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
        sound(ledger)


def test_cells_and_categories_are_the_citys_own(tmp_path):
    cells = gpd.GeoDataFrame(
        {"cell_code": ["A1"], "community_code": ["370602001001"], "duty_code": ["D1"]},
        geometry=[box(0, 0, 1, 1)],
        crs=CRS,
    )
    rules = (gk.LimitRule("夜间", "2紧急工作时"), gk.LimitRule("白天", "1工作日"))
    own = {"X1": gk.Category("X1", "event", "占道", "x", "", "", "2紧急工作时", "s", "s", rules)}
    with gk.Ledger(tmp_path / "c.gpkg", crs=CRS, categories=own) as ledger:
        ledger.file(reports(2, category="X1", condition=["白天", None]), cells=cells)
        case = ledger.cases().iloc[0]
        assert (case["community_code"], case["duty_code"]) == ("370602001001", "D1")
        assert ledger.cases()["limit"].tolist() == ["1工作日", "2紧急工作时"]
        do(ledger, "C0", ("accept", "2025-09-30 09:00"), ("file", "2025-09-30 10:00"))
        assert ledger.cases()["dispose_due_at"].iloc[0] == at("2025-10-09 10:00")


def test_numbers_and_digests_are_unique(ledger):
    for first in itertools.chain(range(0, 30, 10)):
        ledger.file(reports(10, first=first))
    moves = ledger.moves()
    assert moves["seq"].tolist() == list(range(1, 31))
    assert moves["digest"].is_unique


def _as_nobody(work):
    """Return what some work says when it is done by a user without rights (a child process)."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = "done"
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            work()
        except FileError as error:
            said = str(error)
        except BaseException as error:  # noqa: BLE001 - the parent judges
            said = repr(error)
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_read_only_folder_is_said_and_nothing_is_left_there(written):
    folder = Path(tempfile.mkdtemp())
    shutil.copy(written[0], folder / "cases.gpkg")
    (folder / "cases.gpkg").chmod(0o444)
    folder.chmod(0o555)
    before = sorted(p.name for p in folder.iterdir())
    try:
        new = _as_nobody(lambda: gk.Ledger(folder / "new.gpkg", crs=CRS))
        old = _as_nobody(lambda: gk.Ledger(folder / "cases.gpkg"))
        assert "cannot be opened" in new
        assert "new.gpkg" in new
        assert "cannot be opened" in old
        assert "rights" in old
        assert sorted(p.name for p in folder.iterdir()) == before
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
