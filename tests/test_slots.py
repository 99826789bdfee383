"""Slots and leave: what is read, what is refused, and the arithmetic against a scan by minutes."""

import datetime as dt
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridkit.calendar import WorkCalendar
from gridkit.errors import OptionError
from gridkit.slots import (
    ALWAYS,
    DAY_TYPES,
    Leave,
    Slot,
    covers,
    day_types,
    leave_text,
    overlap,
    parse_leave,
    parse_slots,
    slot_text,
)

CALENDAR = WorkCalendar.load()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (None, ""),
        ("  ", ""),
        ("全天", ""),
        ("00:00-24:00", ""),
        ("08:00-12:00", "08:00-12:00"),
        ("8:00—12:00", "08:00-12:00"),
        ("８：００～１２：００", "08:00-12:00"),
        ("8点到12点半", "08:00-12:30"),
        ("8点15分至9点", "08:15-09:00"),
        ("22:00-次日6:00", "22:00-06:00"),
        ("夜班", "22:00-06:00"),
        ("Night shift", "22:00-06:00"),
        ("周末 早班", "周末 06:00-14:00"),
        ("工作日上午、下午", "工作日 08:00-12:00;工作日 14:00-18:00"),
        ("节假日", "节假日 00:00-24:00"),
        ("周一至周三 8:00-9:00", "周一、二、三 08:00-09:00"),
        ("周六至周一 8:00-9:00", "周一、六、日 08:00-09:00"),
        ("星期一、三、五8:00-9:00", "周一、三、五 08:00-09:00"),
        ("周六日 8:00-9:00", "周六、日 08:00-09:00"),
        ("周日,周天 8:00-9:00", "周日 08:00-09:00"),
        ("Mon-Wed, Fri 8:00-9:00", "周一、二、三、五 08:00-09:00"),
        ("workdays 08:00-12:00; days off 10:00-11:00", "工作日 08:00-12:00;休息日 10:00-11:00"),
        ("08:00-12:00;08:00-12:00", "08:00-12:00"),
        ("24:00-06:00", "00:00-06:00"),
    ],
)
def test_what_is_read(text, read):
    slots = parse_slots(text)
    assert slot_text(slots) == read
    for lang in ("zh", "en"):
        assert parse_slots(slot_text(slots, lang)) == slots


@pytest.mark.parametrize(
    "text",
    ["白天", "25:00-26:00", "08:60-09:00", "8-12", "周八 08:00-09:00", "工作日 早", "24:30-03:00"],
)
def test_what_cannot_be_read_is_named(text):
    with pytest.raises(OptionError) as caught:
        parse_slots(f"08:00-09:00;{text}")
    assert text.lower() in caught.value.text("zh")
    assert caught.value.text("zh").count("不是可识别的时段") == 1


def test_a_slot_without_a_minute_is_refused():
    with pytest.raises(OptionError, match="00:00-24:00"):
        parse_slots("08:00-08:00")


def test_every_bad_part_is_named_at_once():
    with pytest.raises(OptionError) as caught:
        parse_slots("白天;黑夜;08:00-08:00")
    assert all(word in caught.value.text("zh") for word in ("白天", "黑夜", "08:00-08:00"))


def slots():
    span = st.tuples(st.integers(0, 47), st.integers(1, 47)).map(
        lambda p: (30 * p[0], 30 * (p[0] + p[1]))
    )
    kinds = st.sampled_from(["daily", "workdays", "days_off", "weekends", "holidays"])
    plain = st.builds(lambda d, s: Slot(d, *s), kinds, span)
    listed = st.builds(
        lambda w, s: Slot("weekdays", *s, tuple(sorted(w))),
        st.sets(st.integers(0, 6), min_size=1),
        span,
    )
    return st.lists(plain | listed, min_size=1, max_size=3)


def scanned(listed, days):
    """Half hours on duty over real days, one by one, straight from the definition."""
    on = set()
    for day in days:
        worked, holiday = WORKED[day], day in CALENDAR.holidays
        for s in listed:
            begins = {
                "daily": True,
                "workdays": worked,
                "days_off": not worked,
                "weekends": day.weekday() >= 5 and not worked,
                "holidays": holiday,
                "weekdays": day.weekday() in s.weekdays,
            }[s.days]
            if begins:
                on |= {(day.toordinal() * 1440 + m) for m in range(s.start, s.end, 30)}
    # What begins before the first day or behind the last is not seen: only whole days count.
    first, behind = days[1].toordinal() * 1440, (days[-1].toordinal() + 1) * 1440
    return {minute for minute in on if first <= minute < behind}


# October 2025: a long holiday, two swapped workdays, ordinary weeks before and behind.
DAYS = [dt.date(2025, 9, 20) + dt.timedelta(n) for n in range(30)]
WORKED = {day: bool(CALENDAR.is_workday(day)) for day in DAYS}


@given(slots(), slots())
@settings(max_examples=80, deadline=None)
def test_overlap_and_cover_against_real_days(a, b):
    first, second = scanned(a, DAYS), scanned(b, DAYS)
    # What happens on real days is possible; what is impossible happens on none.
    if first & second:
        assert overlap(a, b)
    if not first >= second:
        assert not covers(a, b)
    assert overlap(a, b) == overlap(b, a)
    assert covers([*a, *b], b)
    assert covers([ALWAYS], a)


@given(slots(), slots())
@settings(max_examples=30, deadline=None)
def test_overlap_and_cover_against_every_pair_of_days(a, b):
    def on(listed):
        found = set()
        pairs = [
            (x, y) for x, y in itertools.product(DAY_TYPES, DAY_TYPES) if y[0] == (x[0] + 1) % 7
        ]
        for at, pair in enumerate(pairs):
            for offset, (weekday, worked, holiday) in zip((-1440, 0), pair, strict=True):
                for s in listed:
                    if s.begins_on(weekday, worked=worked, holiday=holiday):
                        minutes = range(s.start + offset, s.end + offset, 30)
                        found |= {(at, m) for m in minutes if 0 <= m < 1440}
        return found

    assert overlap(a, b) == bool(on(a) & on(b))
    assert covers(a, b) == (on(a) >= on(b))


def test_kinds_of_days():
    days = np.arange("2023-01-01", "2027-01-01", dtype="datetime64[D]")
    kinds = day_types(days, CALENDAR)
    for day, kind in zip(days.astype(object), kinds, strict=True):
        worked = bool(CALENDAR.is_workday(day))
        holiday = day in CALENDAR.holidays
        assert DAY_TYPES[kind] == (day.weekday(), worked, holiday)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (None, ""),
        ("2026-03-01", "2026-03-01"),
        ("2026/3/1-2026/3/5", "2026-03-01/2026-03-05"),
        ("2026.3.1至2026.3.5；2026年5月2日", "2026-03-01/2026-03-05;2026-05-02"),
        ("2026-05-02;2026-03-01 ~ 2026-03-05", "2026-03-01/2026-03-05;2026-05-02"),
    ],
)
def test_leave_that_is_read(text, read):
    leaves = parse_leave(text)
    assert leave_text(leaves) == read
    assert parse_leave(read) == leaves


def test_leave_of_one_day():
    day = dt.date(2026, 3, 1)
    assert parse_leave("2026-3-1") == (Leave(day, day),)


@pytest.mark.parametrize("text", ["下周", "2026-02-30", "2026-03-05/2026-03-01", "3月1日"])
def test_leave_that_cannot_be_read(text):
    with pytest.raises(OptionError) as caught:
        parse_leave(text)
    assert text in caught.value.text("zh")
