import datetime as dt

import numpy as np
import pandas as pd
import pytest

from gridkit.errors import OptionError
from gridkit.intake.times import parse_times

HALF_PAST_EIGHT = pd.Timestamp("2025-03-01 08:30", tz="Asia/Shanghai")


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-01 08:30:00",
        "2025-03-01 08:30",
        "2025-03-01T08:30:00.000",
        " 2025/3/1 8:30 ",
        "2025/03/01 08:30:00",
        "2025.3.1 8:30",
        "2025-3-1 8:30",
        "2025年3月1日 8时30分",
        "2025年03月01日08时30分00秒",
        "2025年3月1日 8:30",
        "２０２５年３月１日　８：３０",
        "03/01/2025 08:30:00 AM",
        "3/1/2025 8:30",
        "2025-03-01T00:30:00Z",
        "2025-03-01T08:30:00+08:00",
        "2025-03-01 00:30:00+0000",
    ],
)
def test_forms_of_one_moment(text):
    times = parse_times(pd.Series([text]), tz="Asia/Shanghai")
    assert times.local.iloc[0] == HALF_PAST_EIGHT
    assert str(times.local.dt.tz) == "Asia/Shanghai"
    assert not times.bad.any()


@pytest.mark.parametrize(
    ("text", "hour"),
    [("12:05:00 AM", 0), ("12:05:00 PM", 12), ("01:05:00 PM", 13), ("11:05 pm", 23)],
)
def test_twelve_hour_clock(text, hour):
    times = parse_times(pd.Series([f"03/01/2025 {text}"]), tz="Asia/Shanghai")
    assert times.local.iloc[0].hour == hour


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "2025-02-30",
        "2025-13-01",
        "2025-03-01 25:00",
        "2025-03-01 08:61",
        "13/13/2025",
        "03/01/2025 13:00 PM",
        "03/01/2025 00:30 AM",
        "2025",
        "20250301x",
        "45717",
        "=1+1",
        "2025-03-01; DROP",
    ],
)
def test_what_is_no_time_is_bad_and_not_guessed(text):
    times = parse_times(pd.Series([text, "2025-03-01"]), tz="Asia/Shanghai")
    assert times.bad.tolist() == [True, False]
    assert pd.isna(times.local.iloc[0])


def test_nothing_written_is_not_bad():
    values = pd.Series(["", "  ", None, "无", np.nan])
    times = parse_times(values, tz="Asia/Shanghai", blank_words=["无"])
    assert not times.bad.any()
    assert times.local.isna().all()


def test_mixed_cells_of_a_sheet():
    cells = pd.Series(
        [
            dt.datetime(2025, 3, 1, 8, 30),  # noqa: DTZ001
            45717 + 8.5 / 24,
            "2025/3/1 8:30",
            dt.datetime(2025, 3, 1, 0, 30, tzinfo=dt.UTC),
            dt.date(2025, 3, 1),
            3.0,
            True,
            dt.time(8, 30),
            None,
        ],
        dtype=object,
    )
    times = parse_times(cells, tz="Asia/Shanghai")
    assert (times.local[:4] == HALF_PAST_EIGHT).all()
    assert times.local[4] == HALF_PAST_EIGHT.normalize()
    assert times.bad.tolist() == [False] * 5 + [True] * 3 + [False]


def test_typed_columns():
    naive = pd.Series([HALF_PAST_EIGHT.tz_localize(None)])
    aware = pd.Series([HALF_PAST_EIGHT.tz_convert("UTC")])
    for values in (naive, aware):
        times = parse_times(values, tz="Asia/Shanghai")
        assert times.local.iloc[0] == HALF_PAST_EIGHT
        assert times.local.dtype == pd.DatetimeTZDtype("us", "Asia/Shanghai")


def test_hours_that_a_clock_change_repeats_or_skips_are_told():
    values = pd.Series(["2018-11-04 01:30", "2018-03-11 02:30", "2018-07-01 12:00"])
    times = parse_times(values, tz="America/Chicago")
    assert times.unsure.tolist() == [True, True, False]
    assert times.local.notna().all()
    # The earlier reading of the repeated hour is summer time.
    assert times.local[0].utcoffset() == dt.timedelta(hours=-5)


def test_no_rows():
    times = parse_times(pd.Series([], dtype="str"), tz="Asia/Shanghai")
    assert len(times.local) == len(times.bad) == 0


@pytest.mark.parametrize("tz", ["Mars/Olympus", "", "../etc/passwd"])
def test_unknown_zone(tz):
    with pytest.raises(OptionError, match="is not known"):
        parse_times(pd.Series(["2025-03-01"]), tz=tz)


def test_a_column_of_day_numbers_as_text():
    texts = pd.Series(["45717.35417", "45718", None, "2025-03-03 08:30", "45719.5"], dtype="str")
    times = parse_times(texts, tz="Asia/Shanghai")
    written = times.local.dt.strftime("%Y-%m-%d %H:%M").fillna("").tolist()
    assert written == [
        "2025-03-01 08:30",
        "2025-03-02 00:00",
        "",
        "2025-03-03 08:30",
        "2025-03-03 12:00",
    ]
    assert times.serial.tolist() == [True, True, False, False, True]
    assert not times.bad.any()


def test_which_times_name_no_zone():
    texts = pd.Series(["2025-03-01T08:30:00Z", "2025-03-01 08:30", None], dtype="str")
    assert parse_times(texts, tz="Asia/Shanghai").naive.tolist() == [False, True, False]
    stamps = pd.Series(pd.to_datetime(["2025-03-01T08:30:00Z"]))
    assert parse_times(stamps, tz="Asia/Shanghai").naive.tolist() == [False]
