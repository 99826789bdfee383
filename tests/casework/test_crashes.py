"""Killed writers and contending ones: the short version of benchmarks/prove_ledger.py."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyogrio
import pytest

import gridkit as gk

HERE = Path(__file__).parent


def sibling(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


crash = sibling("crash")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_writers_lose_nothing_and_double_nothing(tmp_path):
    path, mark = tmp_path / "c.gpkg", tmp_path / "mark"
    acknowledged, inside = [], 0
    for seed in range(10):
        survived = crash.kill_once(path, mark, seed, rows=300, longest_s=0.4)
        acknowledged += survived.acknowledged
        inside += survived.inside
        crash.check(path, acknowledged)
    assert inside >= 1
    assert len(acknowledged) > 20


def test_a_power_loss_takes_nothing_that_was_acknowledged(tmp_path):
    survived = crash.lose_power(tmp_path, 0, 60)
    assert 0 < survived < 60  # both ends were met: moves that got through, and such that did not


def test_two_writers_and_a_reader(tmp_path):
    path, moves, cases = tmp_path / "c.gpkg", 150, 5
    with gk.Ledger(path, crs=crash.CRS) as ledger:
        ledger.file(crash.batch(0, cases))
        at = pd.Timestamp("2025-10-08 08:00", tz="Asia/Shanghai")
        for i in range(cases):
            ledger.move(f"C{i}", "accept", at=at, actor="P0")
            ledger.move(f"C{i}", "file", at=at, actor="P0")
    arguments = [sys.executable, str(HERE / "contest.py"), str(path)]
    writers = [
        subprocess.Popen(
            [*arguments, name, str(moves), str(cases)], stdout=subprocess.PIPE, text=True
        )
        for name in ("甲", "乙")
    ]
    looks = 0
    while any(w.poll() is None for w in writers):
        seen = pyogrio.read_dataframe(path, layer="cases")
        assert len(seen) == cases
        looks += 1
    for writer in writers:
        assert int(writer.communicate()[0]) >= 0
    assert [w.returncode for w in writers] == [0, 0]
    with gk.Ledger(path) as ledger:
        assert ledger.verify()["severity"].eq("ok").all()
        # Every move that was acknowledged counts once, and each version was given to one only.
        assert ledger.cases()["version"].sum() == cases * 3 + 2 * moves
        made = ledger.moves()
        assert made[made["action"].eq("reassign")]["actor"].value_counts().to_dict() == {
            "甲": moves,
            "乙": moves,
        }
    assert looks >= 1
