"""Working days against the holidays everybody remembers, counts of the year, and bad tables."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from gridkit.calendar import WorkCalendar
from gridkit.errors import FileError, GridkitWarning, SchemaError

CALENDAR = WorkCalendar.load()


def days_of(year):
    return np.arange(f"{year}-01-01", f"{year + 1}-01-01", dtype="datetime64[D]")


# The counts that two independent open calendars give.
@pytest.mark.parametrize(("year", "worked"), [(2023, 249), (2024, 251), (2025, 248), (2026, 248)])
def test_working_days_of_each_year(year, worked):
    assert CALENDAR.is_workday(days_of(year)).sum() == worked


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        ("2023-01-28", True),  # Saturday worked for Spring Festival
        ("2023-10-07", True),
        ("2023-12-30", False),
        ("2024-02-09", True),  # New Year's Eve was worked that year
        ("2024-02-18", True),
        ("2024-10-01", False),
        ("2025-01-28", False),
        ("2025-09-28", True),
        ("2025-09-30", True),
        ("2025-10-06", False),
        ("2025-10-08", False),
        ("2025-10-09", True),
        ("2025-10-11", True),
        ("2025-10-12", False),
        ("2026-02-14", True),
        ("2026-02-23", False),
    ],
)
def test_remembered_days(day, worked):
    assert bool(CALENDAR.is_workday(day)) is worked


def test_every_line_of_the_table_breaks_the_week_or_lies_in_a_weekend():
    for day in CALENDAR.swapped:
        assert day.weekday() >= 5
    fixed = {(1, 1), (5, 1), (10, 1), (10, 2), (10, 3)}
    for year in CALENDAR.known_years:
        assert {dt.date(year, m, d) for m, d in fixed} <= CALENDAR.holidays
    assert CALENDAR.known_years == (2023, 2024, 2025, 2026)
    assert "2023-2026" in CALENDAR.name
    assert "国务院" in CALENDAR.source


def test_forms_of_days():
    want = [True, False]
    texts = ["2025-09-28", "2025-10-01"]
    stamps = pd.to_datetime(texts)
    late = pd.Series(stamps + pd.Timedelta("23:59:59")).dt.tz_localize("Asia/Shanghai")
    forms = [texts, stamps, late, stamps.date.tolist(), np.array(texts, "datetime64[s]")]
    for form in forms:
        assert CALENDAR.is_workday(form).tolist() == want
    assert CALENDAR.is_workday([]).shape == (0,)
    grid = np.array([texts, texts], "datetime64[D]")
    assert CALENDAR.is_workday(grid).tolist() == [want, want]


def test_missing_days_are_neither_worked_nor_known():
    days = pd.Series(["2025-09-28", None]).astype("datetime64[ns]")
    assert CALENDAR.is_workday(days).tolist() == [True, False]
    assert CALENDAR.knows(days).tolist() == [True, False]
    assert not CALENDAR.is_workday(pd.NaT)


def test_a_year_that_is_not_known_is_said():
    assert CALENDAR.knows(["2022-12-31", "2023-01-01", "2027-01-01"]).tolist() == [0, 1, 0]
    with pytest.warns(GridkitWarning, match="2027"):
        worked = CALENDAR.is_workday(["2027-01-04", "2027-01-02", "2025-10-01"])
    assert worked.tolist() == [True, False, False]


def test_workdays_are_those_of_the_range():
    days = CALENDAR.workdays("2025-09-27", "2025-10-12")
    assert days.astype(str).tolist() == [
        "2025-09-28",
        "2025-09-29",
        "2025-09-30",
        "2025-10-09",
        "2025-10-10",
        "2025-10-11",
    ]
    assert CALENDAR.workdays("2025-10-01", "2025-10-08").size == 0
    assert CALENDAR.workdays("2025-10-12", "2025-09-27").size == 0
    whole = CALENDAR.workdays("2023-01-01", "2026-12-31")
    assert whole.size == sum(CALENDAR.is_workday(days_of(y)).sum() for y in CALENDAR.known_years)


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "days.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_city_replaces_the_table(tmp_path):
    path = write(
        tmp_path,
        "\ufeff# name: ours\n# source: notice 7\n\nkind,date,name\n"
        'holiday,2030-03-01,"a,\nb"\nworkday , 2030-03-02,\n',
    )
    ours = WorkCalendar.load(path)
    assert (ours.name, ours.source, ours.known_years) == ("ours", "notice 7", (2030,))
    assert ours.is_workday(["2030-03-01", "2030-03-02", "2030-03-04"]).tolist() == [0, 1, 1]
    assert ours == WorkCalendar.load(path)
    assert WorkCalendar.load(write(tmp_path, "date,kind\n2030-01-01,holiday\n")).name == str(path)


def test_all_bad_lines_are_named_at_once(tmp_path):
    path = write(
        tmp_path,
        "date,kind\n2030/01/01,holiday\n2030-02-30,holiday\n2030-01-02,rest\n"
        "2030-01-03,holiday\n2030-01-03,workday\n,\n2030-01-04\n",
    )
    with pytest.raises(SchemaError) as caught:
        WorkCalendar.load(path)
    lines = caught.value.text("en").splitlines()
    assert [line.split("row ")[1][0] for line in lines] == ["1", "2", "3", "5", "6", "7"]
    assert "'rest'" in lines[2]
    assert all(str(path) in line for line in lines)


@pytest.mark.parametrize(
    ("text", "encoding", "error", "shown"),
    [
        ("day,kind\n2030-01-01,holiday\n", "utf-8", SchemaError, "'date'"),
        ("", "utf-8", SchemaError, "'date'"),
        ("date,kind\n", "utf-8", SchemaError, "no year is known"),
        ("date,kind\n2030-01-01,holiday\n2032-01-01,holiday\n", "utf-8", SchemaError, "2031"),
        ("date,kind,name\n2030-01-01,holiday,元旦\n", "gbk", FileError, "UTF-8"),
    ],
)
def test_bad_tables_are_refused(tmp_path, text, encoding, error, shown):
    with pytest.raises(error, match=shown):
        WorkCalendar.load(write(tmp_path, text, encoding))


def test_missing_file_and_contradiction(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        WorkCalendar.load(tmp_path / "none.csv")
    day = frozenset({dt.date(2030, 1, 1)})
    with pytest.raises(SchemaError, match="2030-01-01"):
        WorkCalendar(day, day, "mine")
