"""What became of each problem: accepted, filed, dispatched, disposed, closed, or not.

Only a plausible past: times step through office hours (Monday to Friday, no holidays), so most
problems are disposed of in time, some late, and those of the last days are still open.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..rules import load_categories
from .problems import DAY

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STAGES", "progress"]

STAGES = ("accepted", "filed", "dispatched", "disposed", "closed")
_LIMIT = re.compile(r"(\d+)\s*(紧急工作时|紧急工作日|工作时|工作日|自然日|小时|天)")
# Minutes of the clock each unit runs on, and whether nights and weekends count.
_UNIT = {
    "紧急工作时": (60, True),
    "紧急工作日": (DAY, True),
    "自然日": (DAY, True),
    "工作时": (60, False),
    "小时": (60, False),
    "工作日": (480, False),
    "天": (480, False),
}
_LATE, _REJECTED, _VOID, _STUCK, _REWORK = 0.10, 0.035, 0.03, 0.012, 0.02
_END = 365 * DAY - 60

Minutes = NDArray[np.int64]


def progress(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Add the five stage times (minutes since New Year, -1 = never), ``status`` and ``rework``."""
    n = len(frame)
    reported = frame["minute"].to_numpy(dtype=np.int64)
    limit, clock_round = _limits(frame["code"])
    accepted = reported + 2 + _upto(rng, n, 24)
    filed = accepted + 3 + _upto(rng, n, 35)
    dispatched = filed + 2 + _upto(rng, n, 18)
    late = rng.random(n) < _LATE
    speed = np.where(late, 1.15 + 1.6 * rng.random(n), 0.15 + 0.75 * rng.random(n))
    work = np.maximum((limit * speed).astype(np.int64), 12)
    disposed = np.where(clock_round, dispatched + work, _add_office(dispatched, work))
    closed = disposed + 15 + _upto(rng, n, 280)
    times = np.stack([accepted, filed, dispatched, disposed, closed], axis=1)
    fate = rng.random(n)
    rejected = fate < _REJECTED
    void = (fate >= _REJECTED) & (fate < _REJECTED + _VOID)
    stuck = fate > 1 - _STUCK
    times[rejected] = -1
    times[void, 2:] = -1
    times[stuck, 3:] = -1
    times[times > _END] = -1
    times = np.where(np.minimum.accumulate(times, axis=1) < 0, -1, times)
    done = (times >= 0).sum(axis=1)
    status = np.array(["待受理", "待立案", "待派遣", "处置中", "待核查", "已结案"], dtype=object)[
        done
    ]
    status[rejected] = "不予受理"
    status[void] = "作废"
    rework = (rng.random(n) < _REWORK) & (done >= 4)
    return frame.assign(
        **{stage: times[:, i] for i, stage in enumerate(STAGES)},
        status=status,
        rework=rework.astype(np.int64),
    )


def _upto(rng: np.random.Generator, n: int, most: int) -> Minutes:
    drawn: Minutes = (rng.random(n) * most).astype(np.int64)
    return drawn


def _limits(codes: pd.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return each category's limit in minutes, and whether it runs round the clock."""
    known = {}
    for code in codes.unique():
        match = _LIMIT.search(load_categories()[code].limit)
        number, unit = match.groups() if match else ("1", "工作日")
        known[code] = (float(number) * _UNIT[unit][0], _UNIT[unit][1])
    return (
        np.array([known[c][0] for c in codes]),
        np.array([known[c][1] for c in codes], dtype=bool),
    )


def _add_office(start: Minutes, work: Minutes) -> Minutes:
    """Return the moment after `work` minutes of office hours (08–12, 14–18, Monday to Friday)."""
    # shifted so that day 0 is a Monday: 1 January 2025 was a Wednesday
    day, minute = np.divmod(start + 2 * DAY, DAY)
    week, weekday = np.divmod(day, 7)
    inside = np.clip(minute - 480, 0, 240) + np.clip(minute - 840, 0, 240)
    done = week * 2400 + np.minimum(weekday * 480 + np.where(weekday < 5, inside, 0), 2400)
    days, rest = np.divmod(done + work, 480)
    weeks, weekday = np.divmod(days, 5)
    end: Minutes = (weeks * 7 + weekday - 2) * DAY + np.where(rest < 240, 480, 600) + rest
    return end
