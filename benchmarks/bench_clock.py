"""A million deadlines in mixed units, against a naive scan of a table of minutes.

python benchmarks/bench_clock.py [--rows 1000000] [--checked 100000]
"""

from __future__ import annotations

import argparse
import datetime as dt
import time

import numpy as np
import pandas as pd

import gridkit as gk
from gridkit.calendar import WorkCalendar

ZONE = "Asia/Shanghai"
FIRST, LAST = dt.date(2023, 6, 1), dt.date(2026, 10, 31)
UNITS = ("urgent_hour", "work_hour", "work_day", "natural_day")
LIMITS = [(2, 0), (2, 1), (4, 1), (1, 2), (3, 2), (5, 2), (15, 2), (7, 3), (0.5, 2), (1.5, 2)]


def minutes() -> np.ndarray:
    """Say for each minute of three years whether it is worked: day by day, session by session."""
    calendar = WorkCalendar.load()
    table = np.zeros(((LAST - FIRST).days + 1) * 1440, bool)
    for d in range(len(table) // 1440):
        day = FIRST + dt.timedelta(days=d)
        if day in calendar.swapped or (day.weekday() < 5 and day not in calendar.holidays):
            for start, stop in ((480, 720), (840, 1080)):
                table[d * 1440 + start : d * 1440 + stop] = True
    return table


def scanned(table: np.ndarray, start: int, value: float, unit: str) -> int:
    """Return the minute at which a limit has run out, by walking along the table."""
    if unit in ("urgent_hour", "natural_day"):
        return start + round(value * (60 if unit == "urgent_hour" else 1440))
    need, minute = round(value * (60 if unit == "work_hour" else 480)), start
    while need:
        need -= int(table[minute])
        minute += 1
    return minute


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--checked", type=int, default=100_000)
    args = parser.parse_args()
    table = minutes()
    rng = np.random.default_rng(0)
    last = len(table) - 60 * 1440
    begin = rng.integers(0, last, args.rows)
    zero = np.datetime64(FIRST, "m")
    filed = pd.Series(pd.DatetimeIndex(zero + begin).tz_localize(ZONE))
    known = [gk.Limit(value, UNITS[u]) for value, u in LIMITS]
    which = rng.integers(0, len(known), args.rows)
    limits = [known[i] for i in which]
    clock = gk.WorkClock()
    clock.add(filed.head(10), limits[:10])
    times = []
    for _ in range(5):
        start = time.process_time()
        due = clock.add(filed, limits)
        times.append(time.process_time() - start)
    print(f"{args.rows:,} deadlines, mixed units: {min(times):.2f} s CPU (of 5: {max(times):.2f})")
    got = (due.dt.tz_localize(None).to_numpy() - zero).astype("timedelta64[m]").astype(np.int64)
    rows = rng.choice(args.rows, min(args.checked, args.rows), replace=False)
    wrong = sum(
        got[i] != scanned(table, int(begin[i]), LIMITS[which[i]][0], UNITS[LIMITS[which[i]][1]])
        for i in rows
    )
    print(
        f"{len(rows):,} scanned minute by minute over {len(table) // 1440:,} days: {wrong} differ"
    )


if __name__ == "__main__":
    main()
