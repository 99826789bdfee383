"""Pauses, traffic lights, estimates and columns of limits, by minutes counted one by one."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from gridkit.calendar import WorkCalendar
from gridkit.casework.clock import WorkClock
from gridkit.casework.limits import Limit, parse_limits
from gridkit.errors import GridkitWarning, OptionError

ZONE = "Asia/Shanghai"
CLOCK = WorkClock()
CLOSING = WorkClock(day_rule="end_of_day")
FIRST = dt.datetime(2025, 9, 15)  # noqa: DTZ001
UNITS = ("urgent_hour", "work_hour", "work_day", "natural_day")


def at(text):
    return pd.Timestamp(text, tz=ZONE)


def running(days=60):
    """A table of minutes: which count on the wall clock, which in the office. Nothing of ours."""
    calendar = WorkCalendar.load()
    minutes = np.zeros(days * 1440, bool)
    for d in range(days):
        day = (FIRST + dt.timedelta(days=d)).date()
        if day in calendar.swapped or (day.weekday() < 5 and day not in calendar.holidays):
            for start, stop in ((480, 720), (840, 1080)):
                minutes[d * 1440 + start : d * 1440 + stop] = True
    return np.ones_like(minutes), minutes


def as_times(minutes):
    moments = [FIRST + dt.timedelta(minutes=int(m)) for m in minutes]
    return pd.Series(pd.DatetimeIndex(moments).as_unit("us").tz_localize(ZONE))


def test_pauses_agree_with_a_scan_of_minutes():
    wall, office = running()
    rng = np.random.default_rng(3)
    n = 1500
    begins = rng.integers(0, 12 * 1440, n)
    since = begins + rng.integers(0, 4 * 1440, n)
    until = since + rng.integers(0, 9 * 1440, n)
    unit = rng.choice(UNITS, n)
    size = {"urgent_hour": 60, "work_hour": 60, "work_day": 480, "natural_day": 1440}
    count = np.where(np.isin(unit, ["urgent_hour", "work_hour"]), rng.integers(1, 40, n), 0)
    count = np.where(count == 0, rng.integers(1, 5, n), count)
    want = []
    for b, s, e, u, c in zip(begins, since, until, unit, count, strict=True):
        runs = wall if u in ("urgent_hour", "natural_day") else office
        need, m = c * size[u], b
        while need and m < s:
            need -= runs[m]
            m += 1
        if need:  # still running when the pause begins: go on at its end
            m = e
            while need:
                need -= runs[m]
                m += 1
        want.append(m)
    limits = [Limit(float(c), u) for c, u in zip(count, unit, strict=True)]
    due = CLOCK.add(as_times(begins), limits)
    pause = [
        pd.Series(
            pd.DatetimeIndex([FIRST + dt.timedelta(minutes=int(m)) for m in t])
        ).dt.tz_localize(ZONE)
        for t in (since, until)
    ]
    moved = CLOCK.pause(due, *pause, limits)
    # A deadline met exactly at the begin of the pause may stand at either end of it.
    edge = (due == pause[0]).to_numpy()
    assert edge.mean() < 0.05
    assert moved[~edge].equals(as_times(want)[~edge])


@pytest.mark.parametrize(
    ("due", "since", "until", "want"),
    [
        ("2025-09-18 18:00", "2025-09-16 09:00", "2025-09-16 20:00", "2025-09-18 18:00"),
        ("2025-09-18 18:00", "2025-09-16 09:00", "2025-09-17 10:00", "2025-09-19 18:00"),
        ("2025-09-30 18:00", "2025-09-29 09:00", "2025-09-30 10:00", "2025-10-09 18:00"),
        ("2025-09-30 18:00", "2025-09-30 09:00", "2025-10-03 10:00", "2025-10-09 18:00"),
        ("2025-09-18 18:00", "2025-09-19 09:00", "2025-09-25 10:00", "2025-09-18 18:00"),
    ],
)
def test_pauses_of_days_until_the_close_of_business(due, since, until, want):
    assert CLOSING.pause(at(due), at(since), at(until), Limit(2, "work_day")) == at(want)


def test_pauses_of_nothing_and_backwards():
    due = pd.Series([at("2025-09-18 18:00"), pd.NaT, at("2025-09-18 18:00")])
    since = pd.Series([pd.NaT, at("2025-09-16 09:00"), at("2025-09-16 09:00")], dtype=due.dtype)
    until = pd.Series([at("2025-09-17 09:00")] * 3)
    moved = CLOCK.pause(due, since, until, Limit(2, "natural_day"))
    assert moved.isna().tolist() == [False, True, False]
    assert moved.iloc[0] == due.iloc[0]
    assert moved.iloc[2] == at("2025-09-19 18:00")
    with pytest.raises(OptionError, match="before it begins"):
        CLOCK.pause(due.iloc[0], until.iloc[0], since.iloc[2], Limit(1, "work_hour"))


def test_two_pauses_are_as_long_as_one():
    limit = Limit(3, "work_day")
    due = CLOCK.add(at("2025-09-16 10:00"), limit)
    one = CLOCK.pause(due, at("2025-09-17 09:00"), at("2025-09-22 09:00"), limit)
    first = CLOCK.pause(due, at("2025-09-17 09:00"), at("2025-09-18 11:00"), limit)
    assert CLOCK.pause(first, at("2025-09-18 11:00"), at("2025-09-22 09:00"), limit) == one


@pytest.mark.parametrize("clock", [CLOCK, CLOSING])
@pytest.mark.parametrize("unit", UNITS)
def test_used_grows_from_nothing_to_one(clock, unit):
    start = at("2025-09-16 10:00")
    limit = Limit(2, unit)
    due = clock.add(start, limit)
    moments = pd.Series(pd.date_range(start, due, periods=40))
    used = clock.used(start, due, moments, limit)
    assert used.is_monotonic_increasing
    assert used.iloc[0] == pytest.approx(0)
    assert used.iloc[-1] == pytest.approx(1)
    assert clock.used(start, due, due + pd.Timedelta(days=9), limit) > 1


def test_lights_change_where_they_should_and_survive_pauses():
    start, limit = at("2025-09-16 08:00"), Limit(10, "work_hour")
    due = CLOCK.add(start, limit)
    change = CLOCK.add(start, Limit(8, "work_hour"))
    # Due at 10:00 of the second day, in the middle of a session.
    times = [change - pd.Timedelta("1s"), change, due, due + pd.Timedelta("1s")]
    lights = [CLOCK.light(start, due, t, limit) for t in times]
    assert lights == ["green", "yellow", "yellow", "red"]
    assert CLOCK.light(start, due, CLOCK.add(due, Limit(1, "work_hour")), limit) == "red"
    since, until = at("2025-09-16 12:00"), at("2025-09-24 14:00")
    moved = CLOCK.pause(due, since, until, limit)
    assert CLOCK.used(start, moved, until, limit) == pytest.approx(0.4)
    assert CLOCK.light(start, moved, until, limit) == "green"


def test_lights_of_a_table_and_of_what_is_missing():
    start = pd.Series([at("2025-09-16 08:00"), pd.NaT, at("2025-09-16 08:00")], index=[7, 8, 9])
    limits = pd.Series([Limit(2, "work_hour"), Limit(2, "work_hour"), None], index=[7, 8, 9])
    due = CLOCK.add(start, limits)
    lights = CLOCK.light(start, due, at("2025-09-16 09:50"), limits)
    assert lights.index.tolist() == [7, 8, 9]
    assert lights.iloc[0] == "yellow"
    assert lights.isna().tolist() == [False, True, True]
    with pytest.raises(OptionError, match="index"):
        CLOCK.light(start, due.set_axis([1, 2, 3]), at("2025-09-16 09:50"), limits)


def test_estimates_in_unknown_years():
    guess = WorkClock(unknown_years="estimate")
    filed = pd.Series([at("2026-12-31 17:00"), at("2025-09-30 17:00"), at("2031-05-02 10:00")])
    due = guess.add(filed, Limit(2, "work_hour"))
    assert due.tolist() == [at("2027-01-01 09:00"), at("2025-10-09 09:00"), at("2031-05-02 12:00")]
    assert guess.estimated(due, filed).tolist() == [True, False, True]
    assert guess.estimated(pd.NaT, at("2025-09-30 17:00")) is False
    with pytest.warns(GridkitWarning, match="2 time"):
        assert CLOCK.add(filed, Limit(2, "work_hour")).isna().tolist() == [True, False, True]
    known = pd.Series(pd.date_range("2025-01-01", "2025-12-01", freq="37h", tz=ZONE))
    assert guess.add(known, Limit(9, "work_hour")).equals(CLOCK.add(known, Limit(9, "work_hour")))
    with pytest.raises(OptionError, match="unknown_years"):
        WorkClock(unknown_years="guess")


def test_columns_of_limits_keep_what_cannot_be_read():
    texts = pd.Series(
        ["4小时", " ", "种植季节15天", None, "1小时停工3天完成", "种植季节15天"],
        index=list("abcdef"),
    )
    parsed = parse_limits(texts)
    assert parsed.limits.dropna().to_dict() == {"a": Limit(4, "work_hour")}
    assert parsed.limits.index.tolist() == list("abcdef")
    assert parsed.unread.to_numpy().tolist() == [["种植季节15天", 2], ["1小时停工3天完成", 1]]
    assert parse_limits(pd.Series([], dtype="str")).unread.empty
