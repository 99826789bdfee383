"""Periods: every form, every edge."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from gridkit.errors import OptionError
from gridkit.evaluation.periods import Period

SHANGHAI = ZoneInfo("Asia/Shanghai")


def days(text, **options):
    period = Period.parse(text, **options)
    for moment in (period.start, period.end):
        assert (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return period.start.date().isoformat(), period.end.date().isoformat()


@pytest.mark.parametrize(
    ("text", "month_start", "start", "end"),
    [
        ("2025", 1, "2025-01-01", "2026-01-01"),
        ("2025-02", 1, "2025-02-01", "2025-03-01"),
        ("2025-12", 1, "2025-12-01", "2026-01-01"),
        ("2025-Q3", 1, "2025-07-01", "2025-10-01"),
        ("2025-Q4", 1, "2025-10-01", "2026-01-01"),
        ("2025-W40", 1, "2025-09-29", "2025-10-06"),
        ("2025-W01", 1, "2024-12-30", "2025-01-06"),
        ("2020-W53", 1, "2020-12-28", "2021-01-04"),
        ("2025-01-01/2025-02-01", 1, "2025-01-01", "2025-02-01"),
        (" 2025-05 ", 1, "2025-05-01", "2025-06-01"),
        ("2019-05", 21, "2019-04-21", "2019-05-21"),  # Huai'an's month
        ("2025-01", 21, "2024-12-21", "2025-01-21"),
        ("2025-12", 21, "2025-11-21", "2025-12-21"),
        ("2025-03", 28, "2025-02-28", "2025-03-28"),
        ("2025", 21, "2024-12-21", "2025-12-21"),
        ("2025-Q1", 21, "2024-12-21", "2025-03-21"),
        ("2025-W40", 21, "2025-09-29", "2025-10-06"),
    ],
)
def test_every_form(text, month_start, start, end):
    assert days(text, month_start=month_start) == (start, end)
    assert Period.parse(text).name == text.strip()


@pytest.mark.parametrize("month_start", [1, 2, 21, 28])
def test_months_make_quarters_make_years(month_start):
    def ends(text):
        return days(text, month_start=month_start)

    months = [ends(f"2024-{m:02d}") for m in range(1, 13)]
    quarters = [ends(f"2024-Q{q}") for q in range(1, 5)]
    assert all(a[1] == b[0] for a, b in pairwise(months))
    assert quarters == [(months[i][0], months[i + 2][1]) for i in (0, 3, 6, 9)]
    assert ends("2024") == (months[0][0], months[-1][1])


@pytest.mark.parametrize(
    "text",
    [
        "", "2025-13", "2025-00", "2025-1", "25", "2025-W54", "2025-W00", "2025-Q5", "2025-Q0",
        "2025-02-30/2025-03-01", "2025-03-01/2025-02-01", "2025-01-01/2025-01-01", "2025-01-01",
        "十月", "0000", "9999", "２０２５", "2025-10; DROP", "2025-W1",
    ],
)  # fmt: skip
def test_nonsense_is_refused_by_name(text):
    with pytest.raises(OptionError) as caught:
        Period.parse(text)
    assert repr(text) in caught.value.en
    assert repr(text) in caught.value.zh


def test_options_are_checked():
    for day in (0, 29, 31):
        with pytest.raises(OptionError, match="month_start"):
            Period.parse("2025", month_start=day)
    for zone in ("Mars/Olympus", "", "/etc/passwd"):
        with pytest.raises(OptionError, match="time zone"):
            Period.parse("2025", tz=zone)
    with pytest.raises(OptionError):
        Period(datetime(2025, 1, 1), datetime(2025, 2, 1), "naive")  # noqa: DTZ001
    later = datetime(2025, 2, 1, tzinfo=SHANGHAI)
    with pytest.raises(OptionError):
        Period(later, later, "empty")


def test_midnight_is_local():
    assert Period.parse("2025").start.utcoffset() == timedelta(hours=8)
    chicago = Period.parse("2025-03", tz="America/Chicago")
    assert chicago.end - chicago.start == timedelta(days=31)  # wall time
    utc = [t.astimezone(UTC) for t in (chicago.start, chicago.end)]
    assert utc[1] - utc[0] == timedelta(days=31, hours=-1)  # the clocks went forward


@pytest.mark.parametrize(
    ("text", "month_start", "name"),
    [
        ("2025", 1, "2024"),
        ("2025-01", 1, "2024-12"),
        ("2025-03", 1, "2025-02"),
        ("2025-05", 21, "2025-04"),
        ("2025-01", 21, "2024-12"),
        ("2025-Q1", 1, "2024-Q4"),
        ("2025-Q1", 21, "2024-Q4"),
        ("2025-W01", 1, "2024-W52"),
        ("2021-W01", 1, "2020-W53"),
        ("2025-01-08/2025-01-15", 1, "2025-01-01/2025-01-08"),
        ("2025-03-01/2025-04-01", 1, "2025-02-01/2025-03-01"),
    ],
)
def test_the_period_before(text, month_start, name):
    period = Period.parse(text, month_start=month_start)
    before = period.previous()
    assert before.name == name
    assert before.end == period.start
    assert before == Period.parse(name, month_start=month_start)


def test_a_period_of_ones_own_has_a_period_before():
    start = datetime(2025, 1, 1, 8, tzinfo=SHANGHAI)
    shift = Period(start, start + timedelta(hours=8), "early shift")
    assert shift.previous().start == start - timedelta(hours=8)


def test_a_folder_of_zones_is_no_zone():
    with pytest.raises(OptionError, match="'Asia' is not known"):
        Period.parse("2025", tz="Asia")
