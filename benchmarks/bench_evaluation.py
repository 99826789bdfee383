"""Counting: all indicators of a million cases by cell and month, beside a plain groupby.

python benchmarks/bench_evaluation.py [--rows 1000000] [--cells 7840]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

import gridkit as gk

ZONE = "Asia/Shanghai"
MONTHS = [f"2025-{m:02}" for m in range(1, 13)]


def made(rows: int, cells: int, seed: int = 0) -> pd.DataFrame:
    """Make cases of a year."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2025-01-01", tz=ZONE)
    reported = start + pd.to_timedelta(rng.integers(0, 365 * 1440, rows), unit="min")
    filed = reported + pd.to_timedelta(rng.integers(1, 60, rows), unit="min")
    due = filed + pd.to_timedelta(rng.integers(60, 14_400, rows), unit="min")
    done = filed + pd.to_timedelta(rng.integers(10, 18_000, rows), unit="min")
    return pd.DataFrame(
        {
            "case_id": pd.array([f"C{i}" for i in range(rows)], dtype="str"),
            "stage": "closed",
            "cell_code": pd.array(
                [f"370602{c:09}" for c in rng.integers(0, cells, rows)], dtype="str"
            ),
            "reported_at": reported,
            "accepted_at": filed,
            "filed_at": filed,
            "dispatched_at": filed,
            "dispose_due_at": due,
            "disposed_at": pd.Series(done).where(rng.random(rows) < 0.93),
            "close_due_at": due + pd.Timedelta(days=1),
            "closed_at": pd.Series(done + pd.Timedelta(hours=5)).where(rng.random(rows) < 0.9),
            "rework_n": rng.choice([0, 0, 0, 0, 1], rows),
            "delay_n": rng.choice([0, 0, 0, 0, 1], rows),
            "voided": rng.random(rows) < 0.02,
            "suspended": rng.random(rows) < 0.01,
            "exempt": rng.random(rows) < 0.01,
        }
    )


def plain(cases: pd.DataFrame) -> pd.Series:
    """Count one of the twenty numbers as people do: on-time closings by cell and month."""
    due = cases[~(cases["voided"] | cases["suspended"] | cases["exempt"])]
    due = due[due["closed_at"] <= due["close_due_at"]]
    return due.groupby(["cell_code", due["close_due_at"].dt.strftime("%Y-%m")]).size()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--cells", type=int, default=7_840)
    args = parser.parse_args()
    cases = made(args.rows, args.cells)
    clock = time.perf_counter(), time.process_time()
    scores = gk.indicators(cases, by="cell_code", period=MONTHS)
    wall, used = (
        b - a for a, b in zip(clock, (time.perf_counter(), time.process_time()), strict=True)
    )
    print(f"{len(scores):,} numbers in {wall:.2f} s ({used:.2f} s CPU)")
    start = time.perf_counter()
    one = plain(cases)
    alone = time.perf_counter() - start
    print(
        f"pandas groupby, one count of twenty: {alone:.2f} s; all of ours: {wall / alone:.1f} of it"
    )
    ours = scores[scores["indicator"] == "closed_on_time"]
    ours = ours.set_index(["subject", "period"])["numerator"]
    both = one.reindex(ours.index).fillna(0)
    at_end = cases["closed_at"] < pd.Timestamp("2027-01-01", tz=ZONE)
    month = made(args.rows // 10, args.cells, seed=1)
    month["responsible_unit"] = "单位" + month["cell_code"].str[-2:]
    month["reported_at"] -= (month["reported_at"].dt.month - 5) * pd.Timedelta(days=30)
    start = time.perf_counter()
    page = gk.bulletin(month, period="2025-05").html
    wall = time.perf_counter() - start
    same = page == gk.bulletin(month.copy(), period="2025-05").html
    print(f"bulletin of a month, {len(month):,} cases: {wall:.2f} s; equal on repeat: {same}")
    print(f"the same counts: {bool((both == ours).all())} ({at_end.sum():,} closed)")


if __name__ == "__main__":
    main()
