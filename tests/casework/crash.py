"""Writers that are killed in the middle, and what must hold afterwards.

Run as a program it is the writer: it files and moves cases for ever, and says on its output what
the ledger has acknowledged. One byte of a shared file tells whether a transaction is open.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
from shapely import Point

import gridkit as gk
from gridkit.casework.store import Store

CRS, TZ = 4549, "Asia/Shanghai"
STEPS = ("accept", "file", "dispatch", "dispose", "close")


def batch(first: int, n: int) -> gpd.GeoDataFrame:
    """Make reports with running numbers."""
    start = pd.Timestamp("2025-09-15 08:00", tz=TZ)
    table = {
        "report_id": [f"{i}" for i in range(first, first + n)],
        "feed": "crash",
        "category": "E0405",
        "text": "店外经营",
        "reported_at": start,
    }
    points = [Point(620_000 + i % 900, 4_150_000 + i // 900) for i in range(first, first + n)]
    return gpd.GeoDataFrame(table, geometry=points, crs=CRS)


def write(path: Path, mark: Path, seed: int, rows: int) -> None:
    """File and move until somebody ends this process."""
    with mark.open("r+b") as file:
        byte = mmap.mmap(file.fileno(), 1)
        plain = Store.transaction

        @contextlib.contextmanager
        def told(self):
            with plain(self) as db:
                byte[0] = 1
                yield db
                byte[0] = 2  # the commit is under way
            byte[0] = 0

        Store.transaction = told
        rng = random.Random(seed)
        with gk.Ledger(path, crs=CRS) as ledger:
            stages = dict.fromkeys(ledger.cases()["case_id"], 0)
            first = len(stages)
            print("ready", flush=True)
            while True:
                if rng.random() < 0.3 or not stages:
                    filed = ledger.file(batch(first, rows))
                    stages |= dict.fromkeys(filed.case_ids, 0)
                    first += rows
                    print(f"filed {first}", flush=True)
                    continue
                case = rng.choice(list(stages))
                allowed = ledger.process.allowed(ledger.history(case)["stage_to"].iloc[-1])
                step = next((s for s in STEPS if s in allowed), None)
                if step is None:
                    del stages[case]
                    continue
                given = {"responsible_unit": "环卫所"} if step == "dispatch" else {}
                now = pd.Timestamp("2025-09-16 08:00", tz=TZ)
                version = ledger.move(case, step, at=now, actor="P1", **given)
                print(f"moved {case} {version}", flush=True)


@dataclass
class Survived:
    """One kill: whether a transaction was open, and what had been acknowledged."""

    inside: bool
    acknowledged: list[str]


def await_open(mark: Path) -> None:
    """Wait until a transaction is open (the writer never stops making them)."""
    with mark.open("rb") as file, mmap.mmap(file.fileno(), 1, access=mmap.ACCESS_READ) as byte:
        until = time.monotonic() + 30
        while byte[0] == 0 and time.monotonic() < until:
            pass


def kill_once(path: Path, mark: Path, seed: int, *, rows: int, longest_s: float) -> Survived:
    """Start a writer, kill it, and return what it had said.

    The moment is random; of every two kills, one waits from there for an open transaction.
    """
    mark.write_bytes(b"\0")
    child = subprocess.Popen(
        [sys.executable, __file__, str(path), str(mark), str(seed), str(rows)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "ready"
    time.sleep(random.Random(seed).random() * longest_s)
    if seed % 2:
        await_open(mark)
    os.kill(child.pid, signal.SIGKILL)
    said = child.stdout.read().splitlines()
    child.wait()
    child.stdout.close()
    return Survived(mark.read_bytes() != b"\0", said)


def check(path: Path, acknowledged: list[str]) -> int:
    """Assert that nothing acknowledged is lost, nothing is doubled, and all open it at once."""
    plain = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    counted = plain.execute("SELECT count(*), count(DISTINCT report_id) FROM cases").fetchone()
    plain.close()
    assert counted[0] == counted[1]
    assert len(pyogrio.read_dataframe(path, layer="cases", columns=["case_id"])) == counted[0]
    with gk.Ledger(path) as ledger:
        found = ledger.verify()
        assert found["severity"].eq("ok").all(), found["detail"].tolist()
        versions = ledger.cases().set_index("case_id")["version"]
        for line in acknowledged:
            kind, *rest = line.split()
            if kind == "filed":
                assert len(versions) >= int(rest[0]), line
            else:
                assert versions[rest[0]] >= int(rest[1]), line
        return len(versions)


SECTOR = 512


def torn(before: bytes, after: bytes, rng: random.Random) -> bytes:
    """Return a file as a power loss may leave it: of each changed sector the old or the new one."""
    out, loss = bytearray(), rng.choice([0, 0.02, 0.4])
    for start in range(0, max(len(before), len(after)), SECTOR):
        old, new = before[start : start + SECTOR], after[start : start + SECTOR]
        lost = old + bytes(max(len(new) - len(old), 0))
        out += lost if old != new and rng.random() < loss else new
    end = len(out) if rng.random() < 0.5 else rng.randint(len(before), max(len(before), len(out)))
    return bytes(out[:end])


def lose_power(folder: Path, seed: int, trials: int) -> int:
    """Lose the power within a move or a checkpoint, many times; assert what must hold.

    What had been acknowledged was on the disk before (its sectors are whole); of what was under
    way, each sector may be the old or the new one, and the end of the file may be missing.
    Returns how many times the move under way survived.
    """
    rng = random.Random(seed)
    path, log = folder / "c.gpkg", folder / "c.gpkg-wal"
    copy = folder / "after.gpkg"
    now = pd.Timestamp("2025-09-16 08:00", tz=TZ)
    survived = 0
    with gk.Ledger(path, crs=CRS) as ledger:
        ledger.file(batch(0, 40))
        for _ in range(trials):
            case = f"C{rng.randrange(40)}"
            head, before = ledger.head, (path.read_bytes(), log.read_bytes())
            at_checkpoint = rng.random() < 0.3
            if at_checkpoint:
                ledger._store._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            else:
                ledger.move(case, "note", at=now, actor="P1", measure=f"{rng.random()}")
            after = (path.read_bytes(), log.read_bytes())
            if not at_checkpoint and before[0] != after[0]:
                continue  # it made room in the log by itself: two things at once
            for beside in folder.glob("after.gpkg*"):
                beside.unlink()
            copy.write_bytes(torn(before[0], after[0], rng))
            Path(f"{copy}-wal").write_bytes(torn(before[1], after[1], rng))
            with gk.Ledger(copy) as again:
                assert again.verify(head)["severity"].eq("ok").all()
                assert again.head in (head, ledger.head)
                survived += again.head == ledger.head and head != ledger.head
    return survived


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
