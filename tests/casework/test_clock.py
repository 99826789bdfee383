"""Deadlines: the standard's worked examples, a minute-by-minute scan, and refusals."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridkit.calendar import WorkCalendar
from gridkit.casework.clock import WorkClock
from gridkit.casework.limits import Limit, parse_limit
from gridkit.errors import GridkitWarning, OptionError

ZONE = "Asia/Shanghai"
CLOCK = WorkClock()
CLOSING = WorkClock(day_rule="end_of_day")


def at(text, zone=ZONE):
    return pd.Timestamp(text, tz=zone)


@pytest.mark.parametrize(
    ("filed", "limit", "due"),
    [
        ("2025-09-30 17:00", "2工作时", "2025-10-09 09:00"),
        ("2025-09-30 17:00", "2紧急工作时", "2025-09-30 19:00"),
        ("2025-09-30 16:00", "2工作时", "2025-09-30 18:00"),  # today's end, not tomorrow's start
        ("2025-09-30 10:00", "2工作时", "2025-09-30 12:00"),
        ("2025-09-30 10:00:30", "2工作时", "2025-09-30 14:00:30"),
        ("2025-09-30 12:30", "1工作时", "2025-09-30 15:00"),
        ("2025-10-03 09:00", "1工作时", "2025-10-09 09:00"),
        ("2025-09-28 09:00", "1工作时", "2025-09-28 10:00"),  # a swapped Sunday
        ("2025-09-30 17:00", "1工作日", "2025-10-09 17:00"),
        ("2025-09-30 17:00", "半个工作日", "2025-10-09 11:00"),
        ("2025-09-30 08:00", "1工作日", "2025-09-30 18:00"),
        ("2025-09-30 17:00", "3自然日", "2025-10-03 17:00"),
        ("2026-02-13 17:00", "5工作日", "2026-02-27 17:00"),  # 14, then 24 to 27
        ("2025-06-02 23:59:59", "1工作时", "2025-06-03 09:00"),
        ("2023-01-01 00:00", "1工作时", "2023-01-03 09:00"),
        ("2026-12-31 17:00", "1工作时", "2026-12-31 18:00"),
    ],
)
def test_worked_examples(filed, limit, due):
    assert CLOCK.add(at(filed), parse_limit(limit)) == at(due)


@pytest.mark.parametrize(
    ("filed", "days", "due"),
    [
        ("2025-09-30 17:00", 1, "2025-10-09 18:00"),
        ("2025-09-30 00:00", 1, "2025-10-09 18:00"),
        ("2025-10-03 09:00", 1, "2025-10-09 18:00"),
        ("2025-10-03 09:00", 0.5, "2025-10-09 18:00"),
        ("2025-09-26 09:00", 2, "2025-09-29 18:00"),  # over the swapped Sunday
        ("2025-09-26 19:00", 3, "2025-09-30 18:00"),
    ],
)
def test_close_of_business_of_the_nth_working_day(filed, days, due):
    assert CLOSING.add(at(filed), Limit(days, "work_day")) == at(due)
    hours = Limit(2, "work_hour")  # other units do not change
    assert CLOSING.add(at(filed), hours) == CLOCK.add(at(filed), hours)


# The oracle: a set of office minutes and a walk along them.
def office_minutes(first, last):
    calendar = WorkCalendar.load()
    minutes = set()
    day = first
    while day <= last:
        worked = day in calendar.swapped or (day.weekday() < 5 and day not in calendar.holidays)
        if worked:
            midnight = dt.datetime.combine(day, dt.time())
            for hour in (8, 9, 10, 11, 14, 15, 16, 17):
                minutes.update(midnight + dt.timedelta(hours=hour, minutes=m) for m in range(60))
        day += dt.timedelta(days=1)
    return minutes


def test_deadlines_and_spans_agree_with_a_scan_minute_by_minute():
    office = office_minutes(dt.date(2025, 9, 15), dt.date(2025, 11, 10))
    minute = dt.timedelta(minutes=1)
    rng = np.random.default_rng(0)
    n = 2000
    offsets = rng.integers(0, 28 * 1440, n)
    needs = rng.integers(1, 16 * 60, n)
    start = [dt.datetime(2025, 9, 20) + int(o) * minute for o in offsets]  # noqa: DTZ001
    want = []
    for moment, need in zip(start, needs, strict=True):
        now = moment
        while need:
            need -= now in office  # noqa: PLW2901
            now += minute
        want.append(now)
    filed = pd.Series(pd.DatetimeIndex(start).tz_localize(ZONE))
    limits = [Limit(k / 60, "work_hour") for k in needs]
    due = CLOCK.add(filed, limits)
    assert due.dt.tz_localize(None).tolist() == [pd.Timestamp(w) for w in want]
    assert CLOCK.elapsed(filed, due).tolist() == needs.astype(float).tolist()
    days = CLOCK.add(filed, [Limit(k / 480, "work_day") for k in needs])
    assert days.equals(due)
    later = filed + pd.Timedelta(hours=31)
    walls = filed[:50].dt.tz_localize(None)
    counted = [sum(m + i * minute in office for i in range(31 * 60)) for m in walls]
    assert CLOCK.elapsed(filed, later)[:50].tolist() == counted


@given(
    start=st.datetimes(dt.datetime(2023, 1, 1), dt.datetime(2026, 6, 1)),  # noqa: DTZ001
    parts=st.lists(st.integers(1, 2000), min_size=1, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_a_limit_in_parts_is_the_limit_and_none_ends_early(start, parts):
    filed = pd.Timestamp(start, tz=ZONE)
    step = filed
    for part in parts:
        step = CLOCK.add(step, Limit(part / 60, "work_hour"))
    whole = CLOCK.add(filed, Limit(sum(parts) / 60, "work_hour"))
    assert abs(step - whole) < pd.Timedelta("1ms")
    assert CLOCK.elapsed(filed, whole) == pytest.approx(sum(parts))
    assert CLOCK.elapsed(filed, whole - pd.Timedelta("1s")) < sum(parts)
    assert CLOCK.elapsed(whole, filed) == pytest.approx(-sum(parts))


def test_series_keep_rows_index_zone_and_microseconds():
    filed = pd.Series(
        pd.to_datetime(["2025-09-30 09:00:00.123456Z", None, "2025-09-30 01:00:07.0Z"], utc=True),
        index=["b", "a", "a"],
        name="filed_at",
    )
    before = filed.copy()
    due = CLOCK.add(filed, [Limit(2, "work_hour"), Limit(1, "work_hour"), Limit(1, "urgent_hour")])
    assert due.index.tolist() == ["b", "a", "a"]
    assert str(due.dt.tz) == "UTC"
    assert due.iloc[0] == pd.Timestamp("2025-10-09 01:00:00.123456Z")
    assert due.isna().tolist() == [False, True, False]
    assert due.iloc[2] == pd.Timestamp("2025-09-30 02:00:07Z")
    assert filed.equals(before)
    assert np.isnan(CLOCK.elapsed(filed, due).iloc[1])
    now = CLOCK.elapsed(filed, at("2025-10-09 09:00"))
    assert now.index.equals(filed.index)
    assert now.iloc[0] == pytest.approx(120 - 0.123456 / 60)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_any_resolution_of_time(unit):
    filed = pd.Series(pd.DatetimeIndex(["2025-09-30 17:59:59"]).as_unit(unit).tz_localize(ZONE))
    assert CLOCK.add(filed, Limit(0.5, "work_hour")).iloc[0] == at("2025-10-09 08:29:59")


def test_empty_and_missing():
    none = pd.Series([], dtype=f"datetime64[us, {ZONE}]")
    assert CLOCK.add(none, Limit(1, "work_hour")).empty
    assert CLOCK.add(none, []).empty
    assert CLOCK.elapsed(none, none).empty
    assert CLOCK.add(pd.NaT, Limit(1, "work_hour")) is pd.NaT
    blank = pd.Series([pd.NaT, pd.NaT], index=[4, 5])
    assert CLOCK.add(blank, Limit(1, "work_hour")).isna().tolist() == [True, True]
    filed = pd.Series([at("2025-09-30 17:00")] * 2)
    due = CLOCK.add(filed, pd.Series([None, Limit(2, "work_hour")]))
    assert due.isna().tolist() == [True, False]


def test_into_a_year_that_is_not_known():
    filed = pd.Series([at("2026-12-31 17:00"), at("2026-12-30 17:00"), at("2022-12-30 09:00")])
    with pytest.warns(GridkitWarning, match="2 time") as caught:
        due = CLOCK.add(filed, Limit(2, "work_hour"))
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert due.isna().tolist() == [True, False, True]
    for clock in (CLOCK, CLOSING):
        with pytest.warns(GridkitWarning, match="2023–2026"):
            assert clock.add(at("2026-12-31 09:00"), Limit(2, "work_day")) is pd.NaT
    assert CLOCK.add(filed, Limit(2, "urgent_hour")).notna().all()  # wall clocks need no calendar
    assert CLOCK.add(filed, Limit(2, "natural_day")).iloc[0] == at("2027-01-02 17:00")
    with pytest.warns(GridkitWarning, match="1 time"):
        assert np.isnan(CLOCK.elapsed(at("2026-12-31 09:00"), at("2027-01-04 09:00")))


def test_other_hours_zones_and_calendars():
    shift = WorkClock(hours=(("06:00", "14:00"), ("14:00", "22:00")))
    assert shift.add(at("2025-09-30 13:00"), Limit(2, "work_hour")) == at("2025-09-30 15:00")
    assert shift.add(at("2025-09-30 21:00"), Limit(1, "work_day")) == at("2025-10-09 21:00")
    always = WorkClock(hours=(("00:00", "24:00"),))
    assert always.add(at("2025-09-29 23:00"), Limit(2, "work_hour")) == at("2025-09-30 01:00")
    assert always.add(at("2025-09-29 23:00"), Limit(1, "work_hour")) == at("2025-09-30 00:00")
    mine = WorkClock(WorkCalendar(frozenset({dt.date(2030, 3, 1)}), frozenset()))
    assert mine.add(at("2030-02-28 17:00"), Limit(2, "work_hour")) == at("2030-03-04 09:00")


def test_office_hours_of_another_zone_and_summer_time():
    holidays = frozenset({dt.date(2025, 1, 1)})
    berlin = WorkClock(WorkCalendar(holidays, frozenset()), tz="Europe/Berlin")
    friday = at("2025-03-28 17:00", "Europe/Berlin")
    assert berlin.add(friday, Limit(2, "work_hour")) == at("2025-03-31 09:00", "Europe/Berlin")
    # Wall-clock units are elapsed time, whatever the clocks were set to in between.
    assert berlin.add(friday, Limit(3, "natural_day")) - friday == pd.Timedelta(days=3)
    evening = at("2025-03-29 02:00")  # 19:00 on Friday in Berlin
    due = berlin.add(evening, Limit(1, "work_hour"))
    assert due == at("2025-03-31 09:00", "Europe/Berlin")
    assert str(due.tz) == ZONE


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("2紧急工作时", 2, "urgent_hour"),
        (" 2 个 紧急工作时 ", 2, "urgent_hour"),
        ("４工作时", 4, "work_hour"),
        ("4\u3000工作小时", 4, "work_hour"),
        ("24小时", 24, "work_hour"),
        ("1.5工作日", 1.5, "work_day"),
        ("１．５个工作日", 1.5, "work_day"),
        ("5天", 5, "work_day"),
        ("7日", 7, "work_day"),
        ("15自然日", 15, "natural_day"),
        ("2紧急工作日", 2, "natural_day"),
        ("两个工作日", 2, "work_day"),
        ("十天", 10, "work_day"),
        ("十五工作日", 15, "work_day"),
        ("二十四小时", 24, "work_hour"),
        ("三十个工作日", 30, "work_day"),
        ("半个工作日", 0.5, "work_day"),
        ("2小时内", 2, "work_hour"),
        ("3个工作日以内", 3, "work_day"),
    ],
)
def test_limits_as_written(text, value, unit):
    assert parse_limit(text) == Limit(value, unit)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "工作时",
        "2",
        "2周",
        "种植季节15天",
        "-2工作时",
        "0工作时",
        "1小时停工3天完成",
        "二三天",
        "十十天",
        "1e3天",
        None,
    ],
)
def test_unreadable_limits_are_named(text):
    with pytest.raises(OptionError) as caught:
        parse_limit(text)
    assert repr(text) in caught.value.text("zh")


@pytest.mark.parametrize(
    ("value", "unit"),
    [(0, "work_hour"), (-1, "work_day"), (np.nan, "work_day"), (np.inf, "work_day"), (1, "hour")],
)
def test_limits_out_of_range(value, unit):
    with pytest.raises(OptionError):
        Limit(value, unit)


@pytest.mark.parametrize(
    "options",
    [
        {"hours": ()},
        {"hours": (("12:00", "08:00"),)},
        {"hours": (("08:00", "12:00"), ("11:00", "18:00"))},
        {"hours": (("14:00", "18:00"), ("08:00", "12:00"))},
        {"hours": (("08:00", "08:00"),)},
        {"hours": (("8:00", "12:00"),)},
        {"hours": (("08:00", "24:01"),)},
        {"day_rule": "noon"},
        {"tz": "Mars/Olympus"},
    ],
)
def test_clocks_that_cannot_be(options):
    with pytest.raises(OptionError):
        WorkClock(**options)


def test_refusals_of_add():
    hours = Limit(1, "work_hour")
    naive = pd.Series(pd.to_datetime(["2025-09-30 17:00"]))
    for bad in (naive, naive.iloc[0], dt.datetime(2025, 9, 30)):  # noqa: DTZ001
        with pytest.raises(OptionError, match="tz_localize"):
            CLOCK.add(bad, hours)
        with pytest.raises(OptionError, match="tz_localize"):
            CLOCK.elapsed(bad, at("2025-09-30"))
    filed = pd.Series([at("2025-09-30 17:00")] * 2)
    with pytest.raises(OptionError, match="1 limits for 2"):
        CLOCK.add(filed, [hours])
    with pytest.raises(OptionError, match="indexes"):
        CLOCK.add(filed, pd.Series([hours, hours], index=[1, 0]))
    with pytest.raises(OptionError, match="indexes"):
        CLOCK.elapsed(filed, filed.set_axis([1, 2]))
    for bad in ("2工作时", ["2工作时", hours], 2):
        with pytest.raises(OptionError, match="is not a limit"):
            CLOCK.add(filed, bad)
