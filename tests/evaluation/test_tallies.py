"""Issued, fixed and left: against a plain count, case by case."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

import gridkit as gk

ZONE = ZoneInfo("Asia/Shanghai")


def made(n=400, seed=0):
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2025-04-28 00:00", tz=ZONE)
    given = start + pd.to_timedelta(rng.integers(0, 40 * 1440, n), unit="min")
    done = given + pd.to_timedelta(rng.integers(1, 12 * 1440, n), unit="min")
    due = given + pd.Timedelta(days=5)
    return pd.DataFrame(
        {
            "case_id": [f"C{i}" for i in range(n)],
            "stage": "disposed",
            "dispatched_at": pd.Series(given).where(rng.random(n) < 0.9),
            "disposed_at": pd.Series(done).where(rng.random(n) < 0.8),
            "dispose_due_at": due,
            "voided": rng.random(n) < 0.05,
        }
    )


def name_of(moment, every):
    local = moment.astimezone(ZONE)
    if every == "day":
        return local.strftime("%Y-%m-%d")
    if every == "month":
        return local.strftime("%Y-%m")
    return f"{local.isocalendar().year}-W{local.isocalendar().week:02}"


@pytest.mark.parametrize("every", ["day", "week", "month"])
@pytest.mark.parametrize("at", [None, dt.datetime(2025, 5, 20, 12, tzinfo=ZONE)])
def test_against_a_plain_count(every, at):
    cases = made()
    table = gk.tally(cases, every=every, at=at).set_index("period")
    end = at or max(cases["dispatched_at"].max(), cases["disposed_at"].max())
    issued, fixed, late = {}, {}, {}
    for case in cases.to_dict("records"):
        given, done = case["dispatched_at"], case["disposed_at"]
        if case["voided"] or pd.isna(given) or given > end:
            continue
        period = name_of(given, every)
        issued[period] = issued.get(period, 0) + 1
        if not pd.isna(done) and done <= end:
            period = name_of(done, every)
            fixed[period] = fixed.get(period, 0) + 1
            if done > case["dispose_due_at"]:
                late[period] = late.get(period, 0) + 1
    for column, counts in {"issued": issued, "fixed": fixed, "fixed_late": late}.items():
        assert {p: n for p, n in table[column].items() if n} == counts
    assert table["left"].iloc[-1] == sum(issued.values()) - sum(fixed.values())
    assert (table["left"] >= 0).all()
    assert table.index.is_unique
    assert table["start"].diff().iloc[1:].min() > pd.Timedelta(0)


def test_days_without_anything_and_weeks_over_the_turn_of_the_year():
    day = pd.to_datetime(["2024-12-30 08:00", "2025-01-06 08:00"]).tz_localize(ZONE)
    cases = pd.DataFrame(
        {"case_id": ["1", "2"], "stage": "x", "dispatched_at": day, "disposed_at": day}
    )
    assert gk.tally(cases)["issued"].tolist() == [1, 0, 0, 0, 0, 0, 0, 1]
    assert gk.tally(cases, every="week")["period"].tolist() == ["2025-W01", "2025-W02"]


def test_a_day_is_that_of_the_zone():
    late = pd.to_datetime(["2025-05-19 23:30"]).tz_localize(ZONE)
    cases = pd.DataFrame(
        {"case_id": ["1"], "stage": "x", "dispatched_at": late, "disposed_at": late}
    )
    assert gk.tally(cases)["period"].tolist() == ["2025-05-19"]
    assert gk.tally(cases, tz="Pacific/Auckland")["period"].tolist() == ["2025-05-20"]


def test_empty_and_unknown():
    none = made(0)
    assert gk.tally(none).empty
    assert gk.tally(none, at=dt.datetime(2025, 5, 1, tzinfo=ZONE)).empty
    with pytest.raises(gk.OptionError, match="hour"):
        gk.tally(made(3), every="hour")
    with pytest.raises(gk.OptionError, match="fixed_at"):
        gk.tally(made(3), fixed="fixed_at")
    with pytest.raises(gk.OptionError, match="zone"):
        gk.tally(made(3), at=dt.datetime(2025, 5, 1))  # noqa: DTZ001
