"""Deadlines in the units that city rules use: urgent hours, work hours, work days, natural days."""

from __future__ import annotations

import functools
import math
import re
import unicodedata
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np
import pandas as pd

from ..calendar import WorkCalendar, require_zone
from ..errors import GridkitWarning, OptionError
from ..messages import message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Micros = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Limit", "WorkClock", "parse_limit"]

Unit = Literal["urgent_hour", "work_hour", "work_day", "natural_day"]
DayRule = Literal["clock", "end_of_day"]

_WORDS: dict[str, Unit] = {
    "紧急工作时": "urgent_hour",
    "紧急工作小时": "urgent_hour",
    "工作时": "work_hour",
    "工作小时": "work_hour",
    "小时": "work_hour",
    "工作日": "work_day",
    "天": "work_day",
    "日": "work_day",
    "自然日": "natural_day",
    "紧急工作日": "natural_day",
}
_DIGITS = {c: i for i, c in enumerate("一二三四五六七八九", 1)} | {"两": 2}
_ONES = "[一二两三四五六七八九]"
_COUNT = rf"(?P<count>\d+(?:\.\d+)?|半|{_ONES}?十{_ONES}?|{_ONES})"
_LIMIT = re.compile(
    _COUNT + "个?(?P<unit>" + "|".join(sorted(_WORDS, key=len, reverse=True)) + ")(?:以?内)?"
)
_CLOCK_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")

_WORKING: tuple[Unit, ...] = ("work_hour", "work_day")
_MINUTE = 60_000_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR
_LONGEST = 100_000


@dataclass(frozen=True)
class Limit:
    """A time limit: how many of which unit.

    Attributes
    ----------
    value : float
        Above 0, at most 100,000.
    unit : {"urgent_hour", "work_hour", "work_day", "natural_day"}
        紧急工作时 runs day and night, 工作时 in office hours only, 工作日 over working days,
        自然日 is 24 hours each.

    Raises
    ------
    OptionError
        Another unit or a value out of range.

    Examples
    --------
    >>> from gridkit.casework.clock import Limit
    >>> Limit(2, "work_hour")
    Limit(value=2, unit='work_hour')
    """

    value: float
    unit: Unit

    def __post_init__(self) -> None:
        _require("unit", self.unit, get_args(Unit))
        if not 0 < self.value <= _LONGEST:
            raise OptionError(*message("casework.limit_range", value=self.value, most=_LONGEST))


def _require(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        known = ", ".join(choices)
        raise OptionError(*message("options.unknown", name=name, value=value, choices=known))


def parse_limit(text: str) -> Limit:
    """Read a time limit as Chinese rules write it.

    Understood: a number (digits, full-width digits, 一 to 九十九, 两, 半), 个 or nothing, and
    紧急工作时, 工作时 or 小时, 工作日 or 天, 自然日 or 紧急工作日; spaces and a closing 内 are
    allowed. 小时 means office hours and 天 working days, as in the rules that use them.

    Parameters
    ----------
    text : str

    Raises
    ------
    OptionError
        The text is none of these; the message names it.

    Examples
    --------
    >>> from gridkit.casework.clock import parse_limit
    >>> parse_limit("2个工作时")
    Limit(value=2.0, unit='work_hour')
    >>> parse_limit("１５ 天").unit, parse_limit("两紧急工作时").value
    ('work_day', 2.0)
    """
    plain = "".join(unicodedata.normalize("NFKC", str(text)).split())
    found = _LIMIT.fullmatch(plain)
    value = _number(found["count"]) if found else 0.0
    if not found or not value:
        raise OptionError(*message("casework.unknown_limit", text=text))
    return Limit(value, _WORDS[found["unit"]])


def _number(text: str) -> float:
    if text == "半":
        return 0.5
    if "十" in text:
        tens, _, ones = text.partition("十")
        return 10.0 * _DIGITS.get(tens, 1) + _DIGITS.get(ones, 0)
    return float(_DIGITS.get(text, text))


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

    Raises
    ------
    OptionError
        Unreadable hours, unknown day rule or zone.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit.casework.clock import WorkClock, parse_limit
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

    def __post_init__(self) -> None:
        _require("day_rule", self.day_rule, get_args(DayRule))
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
        out = pd.DatetimeIndex(due.view("datetime64[us]"), tz="UTC").tz_convert(times.dt.tz)
        return pd.Series(out, index=times.index) if isinstance(start, pd.Series) else out[0]

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
        known = there & self._known(walls[0]) & self._known(walls[1])
        self._warn(int((there & ~known).sum()))
        worked = self._axis.elapsed(walls[1]) - self._axis.elapsed(walls[0])
        minutes = np.where(known, worked / _MINUTE, np.nan)
        return float(minutes[0]) if table is None else pd.Series(minutes, index=table.index)

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
            known = self._known(wall) & (last < axis.days.size)
            return axis.days[np.minimum(last, axis.days.size - 1)] * _DAY + axis.closes, known
        size = _HOUR if unit == "work_hour" else axis.per_day
        worked = axis.elapsed(wall) + np.rint(values * size).astype(np.int64)
        return axis.moment(worked), self._known(wall) & (worked <= axis.worked[-1])

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
    strange = [x for x in limits if not isinstance(x, Limit) and not pd.isna(x)]
    if strange:
        raise OptionError(*message("casework.no_limit", value=strange[0]))
    pairs = [(x.value, x.unit) if isinstance(x, Limit) else (math.nan, "") for x in limits]
    return np.array([v for v, _ in pairs], float), np.array([u for _, u in pairs], object)
