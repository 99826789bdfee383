"""The span of time that a table, a rate or a bulletin is about."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from ..calendar import require_zone
from ..errors import OptionError
from ..messages import message

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Period"]


@dataclass(frozen=True)
class Period:
    """A span of time: `start` is in it, `end` is not.

    Attributes
    ----------
    start, end : datetime
        With time zone.
    name : str
        As it is printed and stored: ``"2025"``, ``"2025-10"``, ``"2025-Q3"``, ``"2025-W40"`` or
        ``"2025-01-01/2025-02-01"``.

    Examples
    --------
    >>> import gridkit as gk
    >>> gk.Period.parse("2025-W40").start.isoformat()
    '2025-09-29T00:00:00+08:00'
    """

    start: datetime
    end: datetime
    name: str

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None or self.start >= self.end:
            raise OptionError(
                *message("evaluation.period_ends", name=self.name, start=self.start, end=self.end)
            )

    @classmethod
    def parse(cls, text: str, *, tz: str = "Asia/Shanghai", month_start: int = 1) -> Period:
        """Read a year, a quarter, a month, an ISO week or two dates.

        Parameters
        ----------
        text : str
            ``"2025"``, ``"2025-Q3"``, ``"2025-10"``, ``"2025-W40"`` or
            ``"2025-01-01/2025-02-01"``, whose second date is the first day after.
        tz : str
            Time zone of the midnights.
        month_start : int
            First day of the statistics month, 1–28. With 21, the month 2025-05 is 21 April to
            20 May; quarters and years are made of such months.

        Returns
        -------
        Period

        Raises
        ------
        OptionError
            Nothing of the above, no such month, week or day, an end before the start, an
            unknown time zone, or a month that starts on a day which some months lack.

        Examples
        --------
        >>> import gridkit as gk
        >>> may = gk.Period.parse("2025-05", month_start=21)
        >>> may.start.date().isoformat(), may.end.date().isoformat()
        ('2025-04-21', '2025-05-21')
        """
        if not 1 <= month_start <= 28:
            raise OptionError(*message("evaluation.month_start", value=month_start))
        zone = require_zone(tz)
        try:
            start, end = _days(text.strip(), month_start)
        except ValueError as error:
            raise OptionError(*message("evaluation.period", value=text)) from error
        midnight = time(tzinfo=zone)
        return cls(datetime.combine(start, midnight), datetime.combine(end, midnight), text.strip())

    def previous(self) -> Period:
        """Return the period of the same kind that ends where this one starts.

        Examples
        --------
        >>> import gridkit as gk
        >>> gk.Period.parse("2025-01").previous().name
        '2024-12'
        """
        months = (self.end.year - self.start.year) * 12 + self.end.month - self.start.month
        whole = months > 0 and (self.start.day, self.start.time()) == (
            self.end.day,
            self.end.time(),
        )
        if whole and self.start.day <= 28:
            start = _months_later(self.start, -months)
        else:
            start = self.start - (self.end.replace(tzinfo=None) - self.start.replace(tzinfo=None))
        return Period(start, self.start, _name_like(self.name, start, self.start))

    def year_earlier(self) -> Period:
        """Return the same period of the year before: for weeks, the week of the same number.

        Where a year has no week 53, the 52 weeks before are gone back.

        Examples
        --------
        >>> import gridkit as gk
        >>> gk.Period.parse("2025-05").year_earlier().name
        '2024-05'
        >>> gk.Period.parse("2025-W40").year_earlier().start.date().isoformat()
        '2024-09-30'
        """
        week = re.fullmatch(r"(\d{4})-W(\d\d)", self.name)
        if week is not None:
            monday = self.start - timedelta(weeks=52)
            with contextlib.suppress(ValueError):
                day = date.fromisocalendar(int(week[1]) - 1, int(week[2]), 1)
                monday = datetime.combine(day, time(tzinfo=self.start.tzinfo))
            start, end = monday, monday + timedelta(weeks=1)
        else:
            start, end = (_year_earlier(day) for day in (self.start, self.end))
        return Period(start, end, _name_like(self.name, start, end))


def _year_earlier(day: datetime) -> datetime:
    """Return the same day a year before; of 29 February, the 28th."""
    last = 28 if (day.month, day.day) == (2, 29) else day.day
    return day.replace(year=day.year - 1, day=last)


def _months_later(day: datetime, months: int) -> datetime:
    count = day.year * 12 + day.month - 1 + months
    return day.replace(year=count // 12, month=count % 12 + 1)


def _month(year: int, month: int, month_start: int) -> date:
    """Return the first day of the statistics month; month 13 is the January after."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    if month_start == 1:
        return date(year, month, 1)
    return date(year - (month == 1), (month - 2) % 12 + 1, month_start)


def _whole_year(year: str, month_start: int) -> tuple[date, date]:
    return _month(int(year), 1, month_start), _month(int(year) + 1, 1, month_start)


def _quarter(year: str, quarter: str, month_start: int) -> tuple[date, date]:
    first = int(quarter) * 3 - 2
    return _month(int(year), first, month_start), _month(int(year), first + 3, month_start)


def _one_month(year: str, month: str, month_start: int) -> tuple[date, date]:
    date(int(year), int(month), 1)
    return tuple(_month(int(year), int(month) + i, month_start) for i in (0, 1))  # type: ignore[return-value]


def _week(year: str, week: str, _month_start: int) -> tuple[date, date]:
    monday = date.fromisocalendar(int(year), int(week), 1)
    return monday, monday + timedelta(days=7)


def _two_dates(start: str, end: str, _month_start: int) -> tuple[date, date]:
    days = date.fromisoformat(start), date.fromisoformat(end)
    if days[0] >= days[1]:
        raise ValueError(end)
    return days


_DAY = r"\d{4}-\d{2}-\d{2}"
_FORMS: tuple[tuple[str, Callable[..., tuple[date, date]], str], ...] = (
    (r"(\d{4})", _whole_year, "{0:%Y}"),
    (r"(\d{4})-Q([1-4])", _quarter, "{0:%Y}-Q{1}"),
    (r"(\d{4})-(\d{2})", _one_month, "{0:%Y-%m}"),
    (r"(\d{4})-W(\d{2})", _week, "{0:%G-W%V}"),
    (rf"({_DAY})/({_DAY})", _two_dates, "{2:%Y-%m-%d}/{3:%Y-%m-%d}"),
)


def _days(text: str, month_start: int) -> tuple[date, date]:
    for form, read, _ in _FORMS:
        found = re.fullmatch(form, text, re.ASCII)
        if found:
            return read(*found.groups(), month_start)
    raise ValueError(text)


def _name_like(name: str, start: datetime, end: datetime) -> str:
    """Write a span in the form that `name` has; a month is called after its last day."""
    last = end - timedelta(days=1)
    forms = [written for form, _, written in _FORMS if re.fullmatch(form, name, re.ASCII)]
    written = forms[0] if forms else _FORMS[-1][2]
    return written.format(last, (last.month + 2) // 3, start, end)
