"""Duty slots (时段) and leave as people write them: read once, then compared as minutes.

A slot begins on some days (every day, workdays, Mondays …) and lasts from one time to another,
past midnight where the second comes first. Words and named shifts are data
(``standards/slots.toml``).
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from .errors import Lang, OptionError, raise_all
from .files import read_standard
from .messages import Message, message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from .calendar import WorkCalendar

__all__ = [
    "ALWAYS",
    "DAY_TYPES",
    "Leave",
    "Slot",
    "covers",
    "day_types",
    "leave_text",
    "overlap",
    "parse_leave",
    "parse_slots",
    "slot_text",
]

Days = Literal["daily", "workdays", "days_off", "weekends", "holidays", "weekdays"]

_WHOLE = 24 * 60
_WEEK = "一二三四五六日"
_WEEK_EN = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ONE_DAY = r"(?:周|星期|礼拜)?[一二三四五六日天1-7]"
_WEEKDAYS = re.compile(rf"(?:周|星期|礼拜)[一二三四五六日天1-7](?:(?:至|到|-|、|,|和)?{_ONE_DAY})*")
_WEEKDAYS_EN = re.compile(
    r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*(?:\s*(?:-|to|,|and)\s*(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*)*"
)
_TIME = r"(\d{1,2})(?::(\d{2})|[点时](?:(\d{1,2})分?|(半))?)"
_HOURS = re.compile(rf"{_TIME}\s*(?:-|至|到|to)\s*(次日|第二天|next day)?\s*{_TIME}")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―~～−〜", "-"))

DAY_TYPES: tuple[tuple[int, bool, bool], ...] = tuple(
    (weekday, worked, holiday)
    for weekday in range(7)
    for worked, holiday in ((True, False), (False, False), (False, True))
    if worked or holiday or weekday > 4
)
"""Every kind of day there is: (weekday from Monday = 0, worked, holiday)."""


@dataclass(frozen=True)
class Slot:
    """A stretch of time that comes back: from `start` to `end` minutes on the days it begins on.

    Attributes
    ----------
    days : {"daily", "workdays", "days_off", "weekends", "holidays", "weekdays"}
        Workdays include swapped weekend days; days off are all others; weekends are Saturdays and
        Sundays that are off; holidays are the days that the calendar names; ``weekdays`` are
        those listed, whatever the calendar says.
    start, end : int
        Minutes after the midnight at which the day begins; `end` is above 1,440 where the slot
        passes midnight. The first minute belongs to the slot, `end` does not.
    weekdays : tuple of int
        Monday = 0; empty unless `days` is ``weekdays``.

    Examples
    --------
    >>> from gridkit.slots import parse_slots
    >>> parse_slots("工作日 22:00-06:00")
    (Slot(days='workdays', start=1320, end=1800, weekdays=()),)
    """

    days: Days
    start: int
    end: int
    weekdays: tuple[int, ...] = ()

    def begins_on(self, weekday: int, *, worked: bool, holiday: bool) -> bool:
        """Return whether the slot begins on a day of this kind (Monday = 0)."""
        return {
            "daily": True,
            "workdays": worked,
            "days_off": not worked,
            "weekends": weekday > 4 and not worked,
            "holidays": holiday,
            "weekdays": weekday in self.weekdays,
        }[self.days]

    def text(self, lang: Lang = "zh") -> str:
        """Return the slot as `parse_slots` reads it."""
        if self.days == "weekdays" and lang == "zh":
            days = "周" + "、".join(_WEEK[d] for d in self.weekdays)
        elif self.days == "weekdays":
            days = ",".join(_WEEK_EN[d] for d in self.weekdays)
        else:
            days = _words().days[self.days][lang]
        end = self.end if self.end <= _WHOLE else self.end - _WHOLE
        hours = f"{self.start // 60:02}:{self.start % 60:02}-{end // 60:02}:{end % 60:02}"
        return hours if self.days == "daily" else f"{days} {hours}"


ALWAYS = Slot("daily", 0, _WHOLE)
"""Day and night, every day: what an empty text means."""


@dataclass(frozen=True)
class Leave:
    """Days away, `first` and `last` included."""

    first: dt.date
    last: dt.date


@dataclass(frozen=True)
class _Words:
    days: dict[str, dict[Lang, str]]
    spelt: dict[str, Days]
    shifts: dict[str, str]


@functools.cache
def _words() -> _Words:
    data = tomllib.loads(read_standard(None, "slots.toml")[0])
    days: dict[str, dict[Lang, str]] = {}
    spelt: dict[str, Days] = {}
    for name, entry in data["days"].items():
        days[name] = {"zh": entry["zh"], "en": entry["en"]}
        spelt |= dict.fromkeys((entry["zh"], entry["en"], *entry["aliases"]), name)
    by_length = sorted(spelt, key=len, reverse=True)
    return _Words(days, {word: spelt[word] for word in by_length}, data["shifts"])


@functools.cache
def parse_slots(text: str | None) -> tuple[Slot, ...]:
    """Read slots: days and hours, several joined by ``;``.

    Understood are day words and their aliases (每天, 工作日, 休息日, 周末, 节假日; daily, workdays,
    days off, weekends, holidays), weekdays (周一至周五, 周一、三、五, Mon-Fri, Mon,Wed), hours
    (``08:00-12:00``, ``8点-12点半``, several joined by ``,`` or ``、``) and the shifts named in
    ``standards/slots.toml`` (早班, 夜班, night shift). Hours without days hold every day, days
    without hours the whole day; an end before the start lies on the next day.

    Parameters
    ----------
    text : str or None
        Nothing means day and night, every day.

    Returns
    -------
    tuple of Slot

    Raises
    ------
    OptionError
        A part that cannot be read, or that covers no minute; all of them at once.

    Examples
    --------
    >>> from gridkit.slots import parse_slots, slot_text
    >>> slot_text(parse_slots("周一至周五 8点-12点，14:00~18:00；周末 早班"))
    '周一、二、三、四、五 08:00-12:00;周一、二、三、四、五 14:00-18:00;周末 06:00-14:00'
    """
    plain = unicodedata.normalize("NFKC", "" if text is None else str(text))
    parts = [p.strip().lower() for p in re.split(r"[;\n]", plain.translate(_DASHES)) if p.strip()]
    if not parts:
        return (ALWAYS,)
    found: list[Slot] = []
    problems: list[Message] = []
    for part in parts:
        slots = _read_part(part)
        if slots is None:
            problems.append(message("slots.unreadable", text=part))
        elif any(slot.start == slot.end for slot in slots):
            problems.append(message("slots.covers_nothing", text=part))
        else:
            found += slots
    raise_all(OptionError, problems)
    return tuple(dict.fromkeys(found))


def _read_part(part: str) -> list[Slot] | None:
    """Return the slots of one part; None when something in it is not understood."""
    days, weekdays, rest = _read_days(part)
    if not rest:
        return [Slot(days, 0, _WHOLE, weekdays)] if rest != part else None
    slots = []
    for piece in (p.strip() for p in re.split(r"[,、和及]", rest)):
        hours = _HOURS.fullmatch(_words().shifts.get(piece, piece))
        span = _span(hours) if hours else None
        if span is None:
            return None
        slots.append(Slot(days, *span, weekdays))
    return slots


def _read_days(part: str) -> tuple[Days, tuple[int, ...], str]:
    """Return the days named at the start of a part, and the rest."""
    for word, days in _words().spelt.items():
        if part.startswith(word):
            return days, (), part[len(word) :].lstrip(" ,:")
    named = _WEEKDAYS.match(part) or _WEEKDAYS_EN.match(part)
    if not named:
        return "daily", (), part
    weekdays = sorted(set(_weekdays(named[0])))
    return "weekdays", tuple(weekdays), part[named.end() :].lstrip(" ,:")


def _weekdays(text: str) -> Iterator[int]:
    for position, name in enumerate(_WEEK_EN):
        text = re.sub(name.lower() + "[a-z]*", str(position + 1), text)
    text = re.sub("周|星期|礼拜", "", text).replace("天", "日")
    for position, name in enumerate(_WEEK):
        text = text.replace(name, str(position + 1))
    for span in re.findall(r"(\d)(?:\s*(?:至|到|-|to)\s*(\d))?", text):
        first, last = int(span[0]) - 1, int(span[1] or span[0]) - 1
        yield from (d % 7 for d in range(first, last + 1 if last >= first else last + 8))


def _span(hours: re.Match[str]) -> tuple[int, int] | None:
    """Return start and end in minutes; None for a time that no clock shows."""
    minutes = []
    for hour, colon, spoken, half in (hours.groups()[:4], hours.groups()[5:]):
        minute = 30 if half else int(colon or spoken or 0)
        if int(hour) > 24 or minute > 59 or (int(hour) == 24 and minute):
            return None
        minutes.append(int(hour) * 60 + minute)
    start, end = minutes
    if start == _WHOLE:
        start = 0
    next_day = end < start or (hours[5] is not None and end <= start)
    return start, end + _WHOLE if next_day else end


def slot_text(slots: Iterable[Slot], lang: Lang = "zh") -> str:
    """Return slots as one text that `parse_slots` reads; nothing for `ALWAYS`."""
    listed = list(slots)
    return "" if listed == [ALWAYS] else ";".join(slot.text(lang) for slot in listed)


def overlap(a: Sequence[Slot], b: Sequence[Slot]) -> bool:
    """Return whether there can be a minute that lies in a slot of `a` and in one of `b`.

    Examples
    --------
    >>> from gridkit.slots import overlap, parse_slots
    >>> overlap(parse_slots("22:00-06:00"), parse_slots("周一 05:00-07:00"))
    True
    >>> overlap(parse_slots("工作日 08:00-18:00"), parse_slots("节假日 08:00-18:00"))
    False
    """
    first, second = _minutes(tuple(a)), _minutes(tuple(b))
    return any(one & other for one, other in zip(first, second, strict=True))


def covers(offered: Sequence[Slot], needed: Sequence[Slot]) -> bool:
    """Return whether every minute of the `needed` slots lies in one that is `offered`.

    Examples
    --------
    >>> from gridkit.slots import covers, parse_slots
    >>> covers(parse_slots("06:00-14:00;14:00-22:00"), parse_slots("工作日 08:00-18:00"))
    True
    """
    first, second = _minutes(tuple(offered)), _minutes(tuple(needed))
    return not any(need & ~have for have, need in zip(first, second, strict=True))


@functools.cache
def _minutes(slots: tuple[Slot, ...]) -> tuple[int, ...]:
    """Return the minutes of a day as bits, for each kind of day behind each kind of day before.

    What began the day before and passes midnight is part of it.
    """
    return tuple(
        _bits(slots, before, -_WHOLE) | _bits(slots, today, 0)
        for before in DAY_TYPES
        for today in DAY_TYPES
        if today[0] == (before[0] + 1) % 7
    )


def _bits(slots: Iterable[Slot], day: tuple[int, bool, bool], shift: int) -> int:
    bits = 0
    for slot in slots:
        start, end = max(slot.start + shift, 0), min(slot.end + shift, _WHOLE)
        if start < end and slot.begins_on(day[0], worked=day[1], holiday=day[2]):
            bits |= (1 << end) - (1 << start)
    return bits


def day_types(days: NDArray[np.datetime64], calendar: WorkCalendar) -> NDArray[np.intp]:
    """Return the kind of each day as its position in `DAY_TYPES`.

    In years that the calendar does not know, Monday to Friday are taken as worked, with the
    calendar's own `GridkitWarning`.

    Examples
    --------
    >>> import numpy as np
    >>> from gridkit.calendar import WorkCalendar
    >>> from gridkit.slots import DAY_TYPES, day_types
    >>> days = np.array(["2025-09-28", "2025-10-01"], "datetime64[D]")
    >>> [DAY_TYPES[i] for i in day_types(days, WorkCalendar.load())]
    [(6, True, False), (2, False, True)]
    """
    weekday = (days.astype(np.int64) + 3) % 7
    worked = calendar.is_workday(days)
    named = np.array(sorted(calendar.holidays), "datetime64[D]")
    holiday = np.isin(days, named) & ~worked
    table = np.full((7, 2, 2), -1)
    for position, (day, on, off) in enumerate(DAY_TYPES):
        table[day, int(on), int(off)] = position
    kinds: NDArray[np.intp] = table[weekday, worked.astype(int), holiday.astype(int)]
    return kinds


_DAY = r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
_LEAVE = re.compile(rf"{_DAY}(?:\s*(?:/|至|到|-|to)\s*{_DAY})?")


@functools.cache
def parse_leave(text: str | None) -> tuple[Leave, ...]:
    """Read days of leave: ``2026-03-01/2026-03-05`` or one day, several joined by ``;``.

    Both ends are days of leave; 至, 到 and ``~`` stand for ``/``, and 2026年3月1日 for a date.

    Raises
    ------
    OptionError
        A part that is no such span, or that ends before it begins; all of them at once.

    Examples
    --------
    >>> from gridkit.slots import leave_text, parse_leave
    >>> leave_text(parse_leave("2026年3月1日至2026年3月5日；2026-05-02"))
    '2026-03-01/2026-03-05;2026-05-02'
    """
    plain = unicodedata.normalize("NFKC", "" if text is None else str(text)).translate(_DASHES)
    found: list[Leave] = []
    problems: list[Message] = []
    for part in (p.strip() for p in re.split(r"[;\n]", plain)):
        if not part:
            continue
        leave = _read_leave(part)
        if leave is None:
            problems.append(message("slots.unreadable_leave", text=part))
        elif leave.last < leave.first:
            problems.append(message("slots.leave_upside", text=part))
        else:
            found.append(leave)
    raise_all(OptionError, problems)
    return tuple(sorted(set(found), key=lambda leave: (leave.first, leave.last)))


def _read_leave(part: str) -> Leave | None:
    match = _LEAVE.fullmatch(part)
    if not match:
        return None
    numbers = [int(n) for n in match.groups() if n]
    try:
        first = dt.date(*numbers[:3])
        return Leave(first, dt.date(*numbers[3:]) if numbers[3:] else first)
    except ValueError:
        return None


def leave_text(leaves: Iterable[Leave]) -> str:
    """Return days of leave as one text that `parse_leave` reads."""
    return ";".join(f"{x.first}" if x.first == x.last else f"{x.first}/{x.last}" for x in leaves)
