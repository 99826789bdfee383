"""Working days: weekdays, holidays and swapped workdays (调休), as data that a city replaces."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import warnings
import zoneinfo
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .errors import GridkitWarning, OptionError, SchemaError, raise_all
from .files import read_standard, split_head
from .messages import Message, message

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Days = NDArray[np.datetime64]
    Flags = NDArray[np.bool_]

__all__ = ["WorkCalendar", "require_instant", "require_zone"]

_KINDS = ("holiday", "workday")
_TABLE = "calendar_cn.csv"


@dataclass(frozen=True)
class WorkCalendar:
    """Which days are worked: Monday to Friday, but for the days that a table names.

    Holidays and swapped workdays are announced a year at a time, so a calendar knows the years
    its table has a line for, and no others.

    Attributes
    ----------
    holidays : frozenset of datetime.date
        Days off, weekend days included or not.
    swapped : frozenset of datetime.date
        Weekend days that are worked in exchange (调休).
    name, source : str
        Of the table, for reports.

    Raises
    ------
    SchemaError
        A day is in both sets, no year is known, or the known years have a gap.

    Examples
    --------
    >>> from gridkit.calendar import WorkCalendar
    >>> calendar = WorkCalendar.load()
    >>> calendar.is_workday(["2025-09-28", "2025-10-01", "2025-10-09"]).tolist()
    [True, False, True]
    """

    holidays: frozenset[dt.date]
    swapped: frozenset[dt.date]
    name: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        problems = []
        both = sorted(self.holidays & self.swapped)
        if both:
            problems.append(message("calendar.both", name=self.name, day=both[0]))
        years = self.known_years
        if not years:
            problems.append(message("calendar.no_days", name=self.name))
        gap = sorted({*range(min(years, default=0), max(years, default=-1))} - {*years})
        if gap:
            problems.append(message("calendar.gap", name=self.name, year=gap[0]))
        raise_all(SchemaError, problems)

    @classmethod
    def load(cls, path: str | Path | None = None) -> WorkCalendar:
        """Read a calendar; without a path, mainland China 2023-2026.

        Parameters
        ----------
        path : path, optional
            A UTF-8 CSV with the columns ``date`` (YYYY-MM-DD), ``kind`` (``holiday`` or
            ``workday``) and, for people, ``name``. Lines ``# name: …`` and ``# source: …`` in its
            head say what it is.

        Raises
        ------
        FileError, SchemaError
            Unreadable file, missing column, or a date or kind that cannot be read; all bad lines
            at once.

        Examples
        --------
        >>> from gridkit.calendar import WorkCalendar
        >>> WorkCalendar.load().known_years
        (2023, 2024, 2025, 2026)
        """
        return _default() if path is None else _parse(*read_standard(path, _TABLE))

    @property
    def known_years(self) -> tuple[int, ...]:
        """The years whose holidays and swaps the table has."""
        return tuple(sorted({day.year for day in self.holidays | self.swapped}))

    def knows(self, days: Any) -> Flags:
        """Return which days lie in known years; a missing day does not.

        Parameters
        ----------
        days : array-like of dates or times
            Times count on the day of their own zone.

        Examples
        --------
        >>> from gridkit.calendar import WorkCalendar
        >>> WorkCalendar.load().knows(["2026-12-31", "2027-01-01"]).tolist()
        [True, False]
        """
        dates = _dates(days)
        years = self.known_years
        first, last = np.datetime64(f"{years[0]}-01-01"), np.datetime64(f"{years[-1]}-12-31")
        return np.asarray((dates >= first) & (dates <= last))

    def is_workday(self, days: Any) -> Flags:
        """Return which days are worked; a missing day is not.

        In years the table does not know, Monday to Friday are taken, with a `GridkitWarning`.

        Parameters
        ----------
        days : array-like of dates or times

        Returns
        -------
        ndarray of bool, of the shape of `days`

        Examples
        --------
        >>> import pandas as pd
        >>> from gridkit.calendar import WorkCalendar
        >>> saturday = pd.Timestamp("2026-02-14 10:00", tz="Asia/Shanghai")
        >>> bool(WorkCalendar.load().is_workday(saturday))
        True
        """
        dates = _dates(days)
        missing = np.isnat(dates)
        strange = np.unique(dates[~self.knows(dates) & ~missing].astype("datetime64[Y]"))
        if strange.size:
            years = ", ".join(strange[:5].astype(str))
            warnings.warn(
                GridkitWarning(*message("calendar.unknown_year", name=self.name, years=years)),
                stacklevel=2,
            )
        off, on = _array(self.holidays), _array(self.swapped)
        weekday = np.is_busday(np.where(missing, np.datetime64(0, "D"), dates))
        return np.asarray(((weekday & ~np.isin(dates, off)) | np.isin(dates, on)) & ~missing)

    def workdays(self, first: Any, last: Any) -> Days:
        """Return the working days from `first` to `last`, both included.

        Returns
        -------
        ndarray of datetime64[D], ascending

        Examples
        --------
        >>> from gridkit.calendar import WorkCalendar
        >>> WorkCalendar.load().workdays("2025-09-30", "2025-10-10").astype(str).tolist()
        ['2025-09-30', '2025-10-09', '2025-10-10']
        """
        start, stop = (np.datetime64(_dates(day).item(), "D") for day in (first, last))
        days: Days = np.arange(start, stop + np.timedelta64(1, "D"))
        worked: Days = days[self.is_workday(days)]
        return worked


def require_zone(tz: str) -> zoneinfo.ZoneInfo:
    """Return the time zone called `tz`; raise `OptionError` when there is none."""
    try:
        return zoneinfo.ZoneInfo(tz)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise OptionError(*message("calendar.unknown_zone", value=tz)) from error


def require_instant(at: dt.datetime) -> pd.Timestamp:
    """Return the time of counting as a Timestamp; raise `OptionError` when it has no zone."""
    moment = pd.Timestamp(at)
    if moment.tzinfo is None:
        raise OptionError(*message("calendar.naive_at", value=at))
    return moment


def _dates(days: Any) -> Days:
    """Return days as datetime64[D] of the shape given; times lose their hour, not their day."""
    if isinstance(days, np.ndarray) and days.dtype.kind == "M":
        return days.astype("datetime64[D]")
    if np.ndim(days) == 0:
        return _dates([days]).reshape(())
    times = pd.DatetimeIndex(days)
    return times.tz_localize(None).to_numpy().astype("datetime64[D]")


def _array(days: frozenset[dt.date]) -> Days:
    return np.array(sorted(days), dtype="datetime64[D]")


@functools.cache
def _default() -> WorkCalendar:
    return _parse(*read_standard(None, _TABLE))


def _parse(text: str, path: str) -> WorkCalendar:
    head, lines = split_head(text)
    reader = csv.DictReader(lines)
    lost = [column for column in ("date", "kind") if column not in (reader.fieldnames or ())]
    raise_all(SchemaError, [message("calendar.no_column", path=path, column=c) for c in lost])
    days: dict[str, set[dt.date]] = {kind: set() for kind in _KINDS}
    problems: list[Message] = []
    for number, row in enumerate(reader, 1):
        date, kind = (row["date"] or "").strip(), (row["kind"] or "").strip()
        where = {"path": path, "row": number}
        try:
            day = dt.date.fromisoformat(date)
        except ValueError:
            problems.append(message("calendar.bad_date", value=date, **where))
            continue
        if kind not in days:
            problems.append(message("calendar.bad_kind", value=kind, **where))
        elif any(day in known for known in days.values()):
            problems.append(message("calendar.repeated", value=date, **where))
        else:
            days[kind].add(day)
    raise_all(SchemaError, problems)
    names = head.get("name", path), head.get("source", path)
    return WorkCalendar(frozenset(days["holiday"]), frozenset(days["workday"]), *names)
