"""The ledger survives: killed writers, power losses, contending writers, flipped bytes.

python benchmarks/prove_ledger.py [--kills 200] [--moves 100000] [--losses 3000] [--flips 2000]
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio

import gridkit as gk

HERE = Path(__file__).parent.parent / "tests" / "casework"


def sibling(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


crash = sibling("crash")


def kills(n: int, folder: Path) -> None:
    """Kill writers until n are dead and half of them died inside a transaction."""
    done = inside = 0
    acknowledged: list[str] = []
    path = folder / "0.gpkg"
    while done < n or inside < n // 2:
        if done % 20 == 0:
            path, acknowledged = folder / f"{done}.gpkg", []
        survived = crash.kill_once(path, folder / "mark", done, rows=1_500, longest_s=0.6)
        acknowledged += survived.acknowledged
        cases = crash.check(path, acknowledged)
        done, inside = done + 1, inside + survived.inside
        if done % 20 == 0:
            print(f"  {done} kills, {inside} inside a transaction, {cases:,} cases", flush=True)
    print(f"{done} kills, {inside} inside a transaction: 0 lost, 0 doubled, each opened at once")


def contest(moves: int, folder: Path, cases: int = 40) -> None:
    """Let two writers contend for the same cases while GDAL reads."""
    path = folder / "contest.gpkg"
    with gk.Ledger(path, crs=crash.CRS) as ledger:
        ledger.file(crash.batch(0, cases))
        at = pd.Timestamp("2025-10-08 08:00", tz="Asia/Shanghai")
        for i in range(cases):
            ledger.move(f"C{i}", "accept", at=at, actor="P0")
            ledger.move(f"C{i}", "file", at=at, actor="P0")
    arguments = [sys.executable, str(HERE / "contest.py"), str(path)]
    start = time.perf_counter()
    writers = [
        subprocess.Popen(
            [*arguments, name, str(moves // 2), str(cases)], stdout=subprocess.PIPE, text=True
        )
        for name in ("甲", "乙")
    ]
    looks = 0
    while any(w.poll() is None for w in writers):
        assert len(pyogrio.read_dataframe(path, layer="cases")) == cases
        looks += 1
        time.sleep(0.05)
    stale = [int(w.communicate()[0]) for w in writers]
    seconds = time.perf_counter() - start
    assert [w.returncode for w in writers] == [0, 0]
    with gk.Ledger(path) as ledger:
        assert ledger.verify()["severity"].eq("ok").all()
        lost = cases * 3 + 2 * (moves // 2) - int(ledger.cases()["version"].sum())
    print(
        f"{moves:,} contested moves by two writers in {seconds:.0f} s ({moves / seconds:,.0f} a "
        f"second), {sum(stale):,} refused as stale, {lost} lost; {looks:,} readings, 0 errors"
    )


def flips(n: int, folder: Path) -> None:
    """Flip one bit at a time; bytes that hold something must be missed by nothing."""
    path = folder / "whole.gpkg"
    with gk.Ledger(path, crs=crash.CRS) as ledger:
        ledger.file(crash.batch(0, 300))
        head, before = ledger.head, ledger.cases()
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    copy, found, same = folder / "flipped.gpkg", 0, 0
    for place in rng.integers(0, len(whole), n):
        for beside in folder.glob("flipped*"):
            beside.unlink()
        copy.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            with gk.Ledger(copy) as ledger:
                if not ledger.verify(head)["severity"].eq("ok").all():
                    found += 1
                else:
                    pd.testing.assert_frame_equal(
                        pd.DataFrame(ledger.cases()), pd.DataFrame(before)
                    )
                    same += 1
        except gk.GridkitError:
            found += 1
    print(f"{n:,} flipped bits: {found:,} found, {same:,} in room that holds nothing; 0 unnoticed")


def losses(n: int, folder: Path) -> None:
    """Lose the power within moves and checkpoints."""
    survived = 0
    for seed, k in enumerate(range(0, n, 300)):
        own = folder / f"power{seed}"
        own.mkdir()
        survived += crash.lose_power(own, seed, min(300, n - k))
    print(f"{n:,} power losses (simulated): 0 acknowledged moves lost, {survived:,} under way kept")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--moves", type=int, default=100_000)
    parser.add_argument("--losses", type=int, default=3_000)
    parser.add_argument("--flips", type=int, default=2_000)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        flips(args.flips, folder)
        losses(args.losses, folder)
        contest(args.moves, folder)
        kills(args.kills, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
