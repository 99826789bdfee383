"""When things happen, and one period beside another."""

import datetime as dt
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gridkit as gk

TZ = "Asia/Shanghai"


def at(text):
    return pd.Timestamp(text, tz=TZ)


def test_kinds_of_days_of_a_golden_week():
    days = {
        "2025-09-28": "workday", "2025-09-30": "workday", "2025-10-01": "holiday",
        "2025-10-04": "holiday", "2025-10-08": "holiday", "2025-10-11": "workday",
        "2025-10-12": "weekend", "2025-10-18": "weekend",
    }  # fmt: skip
    cases = pd.DataFrame({"reported_at": [at(f"{d} 12:00") for d in days]})
    assert gk.time_facets(cases)["day_kind"].tolist() == list(days.values())


def test_against_plain_datetimes():
    rng = np.random.default_rng(0)
    times = at("2025-01-01") + pd.to_timedelta(rng.integers(0, 365 * 1440, 400), unit="min")
    cases = pd.DataFrame({"filed_at": pd.Series(times).where(rng.random(400) < 0.9)})
    cases.index = cases.index[::-1]
    slots = {"早": "06:00-09:00", "晚": "22:00-02:00"}
    seen = gk.time_facets(cases, time="filed_at", slots=slots)
    assert seen.index.equals(cases.index)
    for moment, weekday, hour, slot in zip(
        seen["filed_at"], seen["weekday"], seen["hour"], seen["slot"], strict=True
    ):
        if pd.isna(moment):
            assert pd.isna(weekday)
            assert pd.isna(slot)
            continue
        local = moment.to_pydatetime()
        assert (weekday, hour) == (local.isoweekday(), local.hour)
        clock = local.time()
        wanted = None
        if dt.time(6) <= clock < dt.time(9):
            wanted = "早"
        elif clock >= dt.time(22) or clock < dt.time(2):
            wanted = "晚"
        assert (None if pd.isna(slot) else slot) == wanted


def test_three_sames_are_counted():
    """Ordinary days and holidays, day and night: each counted apart by indicators."""
    cases = pd.DataFrame(
        {
            "case_id": ["1", "2", "3"],
            "stage": "reported",
            "reported_at": [at("2025-09-29 10:00"), at("2025-10-02 10:00"), at("2025-10-02 23:00")],
        }
    )
    scores = gk.indicators(gk.time_facets(cases), by=["day_kind", "slot"])
    told = scores[scores["indicator"] == "reported"].set_index(["subject_kind", "subject"])["value"]
    assert told.to_dict() == {
        ("day_kind", "holiday"): 2, ("day_kind", "workday"): 1,
        ("slot", "day"): 2, ("slot", "night"): 1,
    }  # fmt: skip


def test_bad_facets():
    cases = pd.DataFrame({"reported_at": [at("2025-01-01")]})
    with pytest.raises(gk.OptionError, match="Did you mean 'reported_at'"):
        gk.time_facets(cases, time="reported")
    with pytest.raises(gk.OptionError, match="08:00-18:00"):
        gk.time_facets(cases, slots={"x": "8 to 6"})
    empty = gk.time_facets(cases.iloc[:0])
    assert {"day_kind", "weekday", "hour", "slot"} <= set(empty.columns)


def figures(**numbers):
    rows = [
        ("all", "all", "x", name, *(pair if isinstance(pair, tuple) else (pair, None)))
        for name, pair in numbers.items()
    ]
    columns = ["subject_kind", "subject", "period", "indicator", "numerator", "denominator"]
    table = pd.DataFrame(rows, columns=columns)
    table = table.astype({"numerator": "Int64", "denominator": "Int64"})
    ratio = table["numerator"] / table["denominator"].mask(table["denominator"] == 0)
    return table.assign(value=ratio.fillna(table["numerator"].where(table["denominator"].isna())))


def test_jiangmens_growth_and_points():
    now = figures(a=12_102, b=633, c=9, d=52, e=1_294, f=14_090, rate=(8_304, 10_000))
    before = figures(a=12_120, b=696, c=7, d=44, e=862, f=13_729, rate=(8_300, 10_000))
    printed = gk.compare_periods(now, before).set_index("indicator")["printed"]
    assert printed.tolist() == [
        "下降 0.15%", "下降 9.05%", "上升 28.57%", "上升 18.18%", "上升 50.12%", "上升 2.63%",
        "上升 0.04 个百分点",
    ]  # fmt: skip
    english = gk.compare_periods(now, before, lang="en")
    assert english["printed"].iloc[-1] == "up 0.04 points"
    assert english["change"].iloc[-1] == pytest.approx(0.04)


def test_no_data_is_not_zero():
    now = figures(a=5, b=0, r=(0, 0), s=(1, 2), only=3)
    before = figures(a=0, b=0, r=(1, 2), s=(0, 0))
    assert gk.compare_periods(now, before)["printed"].tolist() == ["无数据"] * 5
    with pytest.raises(gk.SchemaError, match="several"):
        gk.compare_periods(pd.concat([now, now.assign(period="y")]), before)


@given(st.integers(0, 999), st.integers(1, 999), st.integers(0, 999), st.integers(1, 999))
@settings(max_examples=60, deadline=None)
def test_points_are_exact(a, b, c, d):
    change = gk.compare_periods(figures(r=(a, b)), figures(r=(c, d)))["change"].iloc[0]
    assert change == float(100 * (Fraction(a, b) - Fraction(c, d)))


@pytest.mark.parametrize(
    ("text", "start", "end", "name"),
    [
        ("2025-05", "2024-05-01", "2024-06-01", "2024-05"),
        ("2024-02", "2023-02-01", "2023-03-01", "2023-02"),
        ("2025-Q3", "2024-07-01", "2024-10-01", "2024-Q3"),
        ("2025", "2024-01-01", "2025-01-01", "2024"),
        ("2025-W40", "2024-09-30", "2024-10-07", "2024-W40"),
        ("2020-W53", "2019-12-30", "2020-01-06", "2020-W01"),
        ("2024-02-29/2024-03-02", "2023-02-28", "2023-03-02", "2023-02-28/2023-03-02"),
    ],
)
def test_a_year_earlier(text, start, end, name):
    earlier = gk.Period.parse(text).year_earlier()
    assert (earlier.start, earlier.end) == (at(start), at(end))
    assert earlier.name == name
    month = gk.Period.parse("2025-05", month_start=21).year_earlier()
    assert (month.start, month.name) == (at("2024-04-21"), "2024-05")
