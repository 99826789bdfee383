"""Deadlines in the units that city rules use: urgent hours, work hours, work days, natural days."""

from __future__ import annotations

import functools
import math
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np
import pandas as pd

from ..calendar import WorkCalendar, require_zone
from ..errors import GridkitWarning, OptionError
from ..messages import message
from .limits import Limit, require_choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .limits import Unit

    Micros = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["LIGHTS", "WorkClock"]

DayRule = Literal["clock", "end_of_day"]
UnknownYears = Literal["none", "estimate"]

LIGHTS = ("green", "yellow", "red")
_YELLOW = 0.8

_CLOCK_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")

_WORKING: tuple[Unit, ...] = ("work_hour", "work_day")
# What an estimate reaches: far beyond any case.
_ESTIMATED = np.arange(np.datetime64("1950-01-01"), np.datetime64("2151-01-01"))
_MINUTE = 60_000_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


@dataclass(frozen=True)
class _Axis:
    """Office sessions laid end to end: wall time ↔ working time by two look-ups."""

    starts: Micros  # local microseconds at which each session opens
    worked: Micros  # working time before each session, and the total at the end
    days: Micros  # working days since 1970
    closes: int  # microseconds after midnight at which a day ends
    per_day: int

    def elapsed(self, wall: Micros) -> Micros:
        i = np.maximum(np.searchsorted(self.starts, wall, "right") - 1, 0)
        lengths = np.diff(self.worked)
        return cast("Micros", self.worked[i] + np.clip(wall - self.starts[i], 0, lengths[i]))

    def moment(self, worked: Micros) -> Micros:
        """Return the first wall time at which so much has been worked: the end of a span."""
        i = np.clip(np.searchsorted(self.worked, worked, "left") - 1, 0, self.starts.size - 1)
        return cast("Micros", self.starts[i] + worked - self.worked[i])


@dataclass(frozen=True)
class WorkClock:
    """Counts deadlines in working time: office hours of working days, holidays and swaps heeded.

    A deadline is the end of its span: two work hours from 16:00 are due at 18:00, not at 08:00
    of the next day. Working time is laid on one axis of prefix sums; each answer is a binary
    search there and back.

    Attributes
    ----------
    calendar : WorkCalendar, optional
        Default: mainland China 2023-2026.
    hours : tuple of (from, to) as HH:MM
        Office sessions of a day, in order, not overlapping; "24:00" is midnight.
    day_rule : {"clock", "end_of_day"}
        What n working days mean: n times the day's office hours from the minute on, or the close
        of business of the n-th working day after the day of filing.
    tz : str
        Zone of the office hours.
    unknown_years : {"none", "estimate"}
        Working time in years whose holidays are not known yet gives no deadline; or one that takes
        Monday to Friday as worked, which `estimated` tells.

    Raises
    ------
    OptionError
        Unreadable hours, unknown day rule, choice or zone.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit.casework.clock import WorkClock
    >>> from gridkit.casework.limits import parse_limit
    >>> filed = pd.Timestamp("2025-09-30 17:00", tz="Asia/Shanghai")
    >>> str(WorkClock().add(filed, parse_limit("2工作时")))
    '2025-10-09 09:00:00+08:00'
    >>> str(WorkClock().add(filed, parse_limit("2紧急工作时")))
    '2025-09-30 19:00:00+08:00'
    """

    calendar: WorkCalendar | None = None
    hours: tuple[tuple[str, str], ...] = (("08:00", "12:00"), ("14:00", "18:00"))
    day_rule: DayRule = "clock"
    tz: str = "Asia/Shanghai"
    unknown_years: UnknownYears = "none"

    def __post_init__(self) -> None:
        require_choice("day_rule", self.day_rule, get_args(DayRule))
        require_choice("unknown_years", self.unknown_years, get_args(UnknownYears))
        require_zone(self.tz)
        edges = [edge for session in self._sessions for edge in session]
        empty = any(opens == closes for opens, closes in self._sessions)
        if not edges or empty or edges != sorted(edges):
            raise OptionError(*message("casework.bad_hours", hours=self.hours))

    def add(self, start: Any, limit: Limit | Sequence[Limit] | pd.Series) -> Any:
        """Return when a limit that starts at `start` runs out.

        Parameters
        ----------
        start : Timestamp or Series of times, with zone
        limit : Limit, or for a Series one for each row (a Series has the same index)
            A missing limit or time gives NaT.

        Returns
        -------
        Timestamp or Series
            In the zone of `start`, with its index, exact to the microsecond. NaT where working
            time would have to be counted in a year whose holidays are not known; one
            `GridkitWarning` says how many.

        Raises
        ------
        OptionError
            Time without zone; limits that do not match the rows or are no `Limit`.

        Examples
        --------
        >>> import pandas as pd
        >>> from gridkit.casework.clock import Limit, WorkClock
        >>> filed = pd.Series(pd.to_datetime(["2026-02-13 16:00+08:00", "2026-02-14 17:30+08:00"]))
        >>> WorkClock().add(filed, Limit(4, "work_hour")).dt.strftime("%m-%d %H:%M").tolist()
        ['02-14 10:00', '02-24 11:30']
        """
        times = self._times(start)
        values, units = _split(limit, times)
        instant, wall = _micros(times, "UTC"), _micros(times, self.tz)
        there = (times.notna().to_numpy()) & ~np.isnan(values)
        due = np.full(times.size, np.iinfo(np.int64).min)
        for unit, size in (("urgent_hour", _HOUR), ("natural_day", _DAY)):
            rows = there & (units == unit)
            due[rows] = instant[rows] + np.rint(values[rows] * size).astype(np.int64)
        unknown = 0
        for unit in _WORKING:
            rows = np.flatnonzero(there & (units == unit))
            ends, known = self._working_end(wall[rows], values[rows], unit)
            due[rows[known]] = self._instant(ends[known])
            unknown += int((~known).sum())
        self._warn(unknown)
        return _as_given(due, times, start)

    def elapsed(self, start: Any, end: Any) -> Any:
        """Return the working minutes from `start` to `end`; negative when `end` comes first.

        Parameters
        ----------
        start, end : Timestamp or Series of times, with zone
            Two Series have the same index.

        Returns
        -------
        float or Series of float
            NaN where a time is missing or lies in a year that is not known (with one
            `GridkitWarning`).

        Raises
        ------
        OptionError
            Time without zone, or two Series of unequal index.

        Examples
        --------
        >>> import pandas as pd
        >>> from gridkit.casework.clock import WorkClock
        >>> filed = pd.Timestamp("2025-09-30 17:00", tz="Asia/Shanghai")
        >>> WorkClock().elapsed(filed, filed + pd.Timedelta(days=9))
        480.0
        """
        table = next((t for t in (start, end) if isinstance(t, pd.Series)), None)
        both = isinstance(start, pd.Series) and isinstance(end, pd.Series)
        if both and not start.index.equals(end.index):
            raise OptionError(*message("casework.index_differs"))
        spans = [self._times(t) for t in (start, end)]
        walls = [_micros(t, self.tz) for t in spans]
        there = spans[0].notna().to_numpy() & spans[1].notna().to_numpy()
        known = there & self._counts(walls[0]) & self._counts(walls[1])
        self._warn(int((there & ~known).sum()))
        worked = self._axis.elapsed(walls[1]) - self._axis.elapsed(walls[0])
        minutes = np.where(known, worked / _MINUTE, np.nan)
        return float(minutes[0]) if table is None else pd.Series(minutes, index=table.index)

    def estimated(self, due: Any, start: Any) -> Any:
        """Return whether a deadline, or the time from which it runs, lies in an unknown year.

        Parameters
        ----------
        due, start : Timestamp or Series of times, with zone

        Returns
        -------
        bool or Series of bool
            False for missing times.

        Examples
        --------
        >>> import pandas as pd
        >>> from gridkit.casework.clock import Limit, WorkClock
        >>> clock = WorkClock(unknown_years="estimate")
        >>> filed = pd.Timestamp("2026-12-31 17:00", tz="Asia/Shanghai")
        >>> due = clock.add(filed, Limit(2, "work_hour"))
        >>> str(due), clock.estimated(due, filed)
        ('2027-01-01 09:00:00+08:00', True)
        """
        flags: Any = False
        for when in (due, start):
            times = self._times(when)
            flags = flags | (times.notna().to_numpy() & ~self._known(_micros(times, self.tz)))
        table = next((t for t in (due, start) if isinstance(t, pd.Series)), None)
        return bool(flags[0]) if table is None else pd.Series(flags, index=table.index)

    def pause(self, due: Any, since: Any, until: Any, limit: Any) -> Any:
        """Return a deadline moved on by a pause: what was left when it began is left at its end.

        Parameters
        ----------
        due, since, until : Timestamp or Series of times, with zone
            The deadline, and begin and end of the pause (挂账). Missing ones move nothing.
        limit : Limit, or for Series one for each row
            Its unit says on which clock the rest is counted; n working days until the close of
            business (`day_rule`) are counted in days.

        Returns
        -------
        Timestamp or Series
            As `add`; a deadline that had passed when the pause began stays.

        Raises
        ------
        OptionError
            A pause that ends before it begins; otherwise as in `add`.

        Examples
        --------
        >>> import pandas as pd
        >>> from gridkit.casework.clock import Limit, WorkClock
        >>> due, since, until = (
        ...     pd.Timestamp(f"2025-09-{t}", tz="Asia/Shanghai")
        ...     for t in ("16 17:00", "16 09:00", "18 12:00")
        ... )
        >>> str(WorkClock().pause(due, since, until, Limit(2, "work_day")))
        '2025-09-19 10:00:00+08:00'
        """
        dues, begins, ends = (self._times(t) for t in (due, since, until))
        values, units = _split(limit, dues)
        wall_due, wall_since, wall_until = (_micros(t, self.tz) for t in (dues, begins, ends))
        instant = [_micros(t, "UTC") for t in (dues, begins, ends)]
        there = dues.notna().to_numpy() & begins.notna().to_numpy() & ends.notna().to_numpy()
        there &= ~np.isnan(values)
        if (there & (instant[2] < instant[1])).any():
            raise OptionError(*message("casework.pause_backwards"))
        moved = instant[0].copy()
        running = there & (instant[1] <= instant[0])
        plain = running & ~np.isin(units, _WORKING)
        moved[plain] += instant[2][plain] - instant[1][plain]
        unknown = 0
        for unit in _WORKING:
            rows = np.flatnonzero(running & (units == unit))
            end, known = self._resumed(wall_due[rows], wall_since[rows], wall_until[rows], unit)
            moved[rows[known]] = self._instant(end[known])
            moved[rows[~known]] = np.iinfo(np.int64).min
            unknown += int((~known).sum())
        self._warn(unknown)
        return _as_given(moved, dues, due)

    def used(self, start: Any, due: Any, at: Any, limit: Any) -> Any:
        """Return the share of a limit that is used up: 0 at its start, 1 when it is due.

        It is counted from what is left, so that pauses that moved the deadline do no harm.

        Parameters
        ----------
        start, due, at : Timestamp or Series of times, with zone
            `at` of a paused case is the time at which the pause began.
        limit : Limit, or for Series one for each row

        Returns
        -------
        float or Series of float
            NaN where anything is missing or not known.

        Examples
        --------
        >>> import pandas as pd
        >>> from gridkit.casework.clock import Limit, WorkClock
        >>> start = pd.Timestamp("2025-09-16 08:00", tz="Asia/Shanghai")
        >>> limit = Limit(4, "work_hour")
        >>> WorkClock().used(start, WorkClock().add(start, limit), start.replace(hour=9), limit)
        0.25
        """
        given = (start, due, at)
        index = next((t.index for t in given if isinstance(t, pd.Series)), None)
        rows = 1 if index is None else len(index)
        starts, dues, nows = (self._repeated(t, rows, index) for t in given)
        values, units = _split(limit, dues)
        left = self._span(nows, dues, units)
        whole = np.full(rows, np.nan)
        for unit, minutes in self._minutes.items():
            whole = np.where(units == unit, values * minutes, whole)
        if self.day_rule == "end_of_day":
            days = units == "work_day"
            whole = np.where(days, self._span(starts, dues, units), whole)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = 1.0 - left / whole
        return float(share[0]) if index is None else pd.Series(share, index=index)

    def light(self, start: Any, due: Any, at: Any, limit: Any) -> Any:
        """Return the traffic light of a running limit: green below 80 %, yellow to 100 %, red.

        Parameters
        ----------
        start, due, at, limit
            As in `used`.

        Returns
        -------
        str or Series of str
            Empty where nothing can be said.

        Examples
        --------
        >>> import pandas as pd
        >>> from gridkit.casework.clock import Limit, WorkClock
        >>> start = pd.Timestamp("2025-09-16 08:00", tz="Asia/Shanghai")
        >>> limit, clock = Limit(10, "urgent_hour"), WorkClock()
        >>> due = clock.add(start, limit)
        >>> [clock.light(start, due, start.replace(hour=h), limit) for h in (15, 16, 18, 19)]
        ['green', 'yellow', 'yellow', 'red']
        """
        share = self.used(start, due, at, limit)
        # A deadline is the end of its span, so due itself is not late; doubles keep that exact.
        values = np.atleast_1d(np.round(np.asarray(share, float), 12))
        texts = np.select([values < _YELLOW, values <= 1.0, values > 1.0], LIGHTS, "")
        if not isinstance(share, pd.Series):
            return str(texts[0])
        return pd.Series(texts, index=share.index, dtype="str").mask(share.isna())

    @functools.cached_property
    def _minutes(self) -> dict[Unit, float]:
        """Return how many minutes of its own clock a unit has."""
        day = self._axis.per_day / _MINUTE
        return {"urgent_hour": 60.0, "natural_day": 1440.0, "work_hour": 60.0, "work_day": day}

    def _repeated(self, times: Any, rows: int, index: Any) -> pd.Series:
        if isinstance(times, pd.Series):
            if index is not None and not times.index.equals(index):
                raise OptionError(*message("casework.index_differs"))
            return self._times(times)
        one = self._times(times)
        return pd.Series([one.iloc[0]] * rows, index=index, dtype=one.dtype)

    def _span(self, start: pd.Series, end: pd.Series, units: Any) -> NDArray[np.float64]:
        """Return the minutes between times, each on the clock of its unit; NaN where unknown."""
        there = start.notna().to_numpy() & end.notna().to_numpy()
        instants = [_micros(t, "UTC") for t in (start, end)]
        walls = [_micros(t, self.tz) for t in (start, end)]
        working = np.isin(units, _WORKING)
        known = there & (~working | (self._counts(walls[0]) & self._counts(walls[1])))
        worked = self._axis.elapsed(walls[1]) - self._axis.elapsed(walls[0])
        return np.where(
            known, np.where(working, worked, instants[1] - instants[0]) / _MINUTE, np.nan
        )

    def _resumed(
        self, due: Micros, since: Micros, until: Micros, unit: Unit
    ) -> tuple[Micros, Flags]:
        """Return local deadlines after a pause in working time, and whether they are known."""
        axis = self._axis
        known = self._counts(due) & self._counts(since) & self._counts(until)
        if unit == "work_day" and self.day_rule == "end_of_day":
            day, begin, end = (t // _DAY for t in (due, since, until))
            left = np.searchsorted(axis.days, day, "right") - np.searchsorted(
                axis.days, begin, "right"
            )
            last = np.searchsorted(axis.days, end, "right") - 1 + left
            # Nothing left but the day itself: it ends with the day of resuming, or the next one.
            worked = axis.days[np.clip(last, 0, axis.days.size - 1)] >= end
            last = np.where((left == 0) & ~worked, last + 1, last)
            known &= last < axis.days.size
            return axis.days[np.clip(last, 0, axis.days.size - 1)] * _DAY + axis.closes, known
        left = axis.elapsed(due) - axis.elapsed(since)
        worked_at = axis.elapsed(until) + left
        same = left == 0
        return np.where(same, until, axis.moment(worked_at)), known & (worked_at <= axis.worked[-1])

    def _counts(self, wall: Micros) -> Flags:
        """Return which times lie in years in which working time is counted."""
        return self._known(wall) if self.unknown_years == "none" else self._reached(wall)

    def _reached(self, wall: Micros) -> Flags:
        return np.asarray((wall >= self._axis.starts[0]) & (wall < self._axis.starts[-1]))

    @functools.cached_property
    def _days(self) -> WorkCalendar:
        return self.calendar or WorkCalendar.load()

    @functools.cached_property
    def _sessions(self) -> list[tuple[int, int]]:
        return [(self._clock_time(opens), self._clock_time(closes)) for opens, closes in self.hours]

    def _clock_time(self, text: str) -> int:
        found = _CLOCK_TIME.fullmatch(text)
        minutes = int(found[1]) * 60 + int(found[2]) if found else math.inf
        if minutes > 24 * 60:
            raise OptionError(*message("casework.bad_hours", hours=self.hours))
        return int(minutes) * _MINUTE

    @functools.cached_property
    def _axis(self) -> _Axis:
        years = self._days.known_years
        days = self._days.workdays(f"{years[0]}-01-01", f"{years[-1]}-12-31").astype(np.int64)
        if self.unknown_years == "estimate":
            beyond = _ESTIMATED[np.is_busday(_ESTIMATED) & ~self._days.knows(_ESTIMATED)]
            days = np.sort(np.concatenate([days, beyond.astype(np.int64)]))
        opens, closes = np.array(self._sessions, dtype=np.int64).T
        starts = (days[:, None] * _DAY + opens).ravel()
        worked = np.r_[0, np.cumsum(np.tile(closes - opens, days.size))]
        return _Axis(starts, worked, days, int(closes[-1]), int((closes - opens).sum()))

    def _times(self, values: Any) -> pd.Series:
        times = values if isinstance(values, pd.Series) else pd.Series([pd.Timestamp(values)])
        if times.isna().all():
            missing = pd.DatetimeIndex([pd.NaT] * times.size).as_unit("us").tz_localize(self.tz)
            return pd.Series(missing, index=times.index)
        if not isinstance(times.dtype, pd.DatetimeTZDtype):
            first = times.dropna().iloc[0]
            raise OptionError(*message("casework.naive_time", value=first, tz=self.tz))
        return times

    def _working_end(self, wall: Micros, values: Any, unit: Unit) -> tuple[Micros, Flags]:
        """Return local deadlines in working time, and whether the calendar reaches that far."""
        axis = self._axis
        if unit == "work_day" and self.day_rule == "end_of_day":
            first = np.searchsorted(axis.days, wall // _DAY, "right")
            last = first + np.ceil(values).astype(np.int64) - 1
            known = self._counts(wall) & (last < axis.days.size)
            return axis.days[np.minimum(last, axis.days.size - 1)] * _DAY + axis.closes, known
        size = _HOUR if unit == "work_hour" else axis.per_day
        worked = axis.elapsed(wall) + np.rint(values * size).astype(np.int64)
        return axis.moment(worked), self._counts(wall) & (worked <= axis.worked[-1])

    def _known(self, wall: Micros) -> Flags:
        return self._days.knows(wall.view("datetime64[us]"))

    def _instant(self, wall: Micros) -> Micros:
        """Return local times as instants; one that clocks show twice is taken the first time."""
        local = pd.DatetimeIndex(wall.view("datetime64[us]"))
        first = np.ones(wall.size, dtype=bool)
        times = local.tz_localize(self.tz, ambiguous=first, nonexistent="shift_forward")
        return _micros(pd.Series(times), "UTC")

    def _warn(self, n: int) -> None:
        if n:
            years = self._days.known_years
            text = message(
                "casework.unknown_year", n=n, name=self._days.name, first=years[0], last=years[-1]
            )
            warnings.warn(GridkitWarning(*text), stacklevel=3)


def _as_given(instant: Micros, times: pd.Series, given: Any) -> Any:
    """Return instants in the zone of the times given: a Series for a Series, else one."""
    out = pd.DatetimeIndex(instant.view("datetime64[us]"), tz="UTC").tz_convert(times.dt.tz)
    return pd.Series(out, index=times.index) if isinstance(given, pd.Series) else out[0]


def _micros(times: pd.Series, tz: str) -> Micros:
    """Return the wall time of a zone as microseconds since 1970; missing ones as the least."""
    wall = times.dt.tz_convert(tz).dt.tz_localize(None).dt.as_unit("us")
    return cast("Micros", wall.to_numpy().view(np.int64))


def _split(limit: Any, times: pd.Series) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Return value and unit for each row; NaN where the limit is missing."""
    if isinstance(limit, Limit):
        units = np.full(times.size, limit.unit, dtype=object)
        return np.full(times.size, float(limit.value)), units
    if isinstance(limit, str) or not np.iterable(limit):
        raise OptionError(*message("casework.no_limit", value=limit))
    if isinstance(limit, pd.Series) and not limit.index.equals(times.index):
        raise OptionError(*message("casework.index_differs"))
    limits = list(limit)
    if len(limits) != times.size:
        raise OptionError(*message("casework.limit_count", n=len(limits), rows=times.size))
    # A city has a few hundred limits, and a year a million cases: each object is looked at once.
    once = dict(zip(map(id, limits), limits, strict=True))
    strange = [x for x in once.values() if not isinstance(x, Limit) and not pd.isna(x)]
    if strange:
        raise OptionError(*message("casework.no_limit", value=strange[0]))
    place = {key: i for i, key in enumerate(once)}
    at = np.fromiter(map(place.__getitem__, map(id, limits)), np.int64, len(limits))
    pairs = [(x.value, x.unit) if isinstance(x, Limit) else (math.nan, "") for x in once.values()]
    values, units = np.array([v for v, _ in pairs], float), np.array([u for _, u in pairs], object)
    return (values[at], units[at]) if limits else (values, units)
