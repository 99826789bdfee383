"""Filing: one case a report, the right stage, the right due times, nothing lost."""

import warnings
from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from gridkit.casework.cases import STAGES, file_cases
from gridkit.casework.clock import WorkClock
from gridkit.errors import GridkitWarning, OptionError, SchemaError
from gridkit.rules import Category, LimitRule, load_categories, load_stage_limits
from gridkit.tables import CASES

TZ = "Asia/Shanghai"


def category(code, limit, kind="event"):
    return Category(code, kind, code, code, "", "", limit, "test", "test")


OWN = {
    "fast": category("fast", "2紧急工作时"),
    "hours": category("hours", "2工作时"),
    "day": category("day", "1工作日", "component"),
    "natural": category("natural", "3自然日"),
    "open": category("open", ""),
}


def times(*texts):
    return pd.Series(pd.to_datetime(list(texts))).dt.tz_localize(TZ)


def reports(n=3, **columns):
    return pd.DataFrame({"report_id": [f"R{i}" for i in range(n)], **columns})


def filed(codes, moment="2025-09-30 17:00", **columns):
    return reports(len(codes), category=codes, filed_at=times(*[moment] * len(codes)), **columns)


def filled(series):
    return [None if pd.isna(value) else value for value in series]


def shown(series):
    return [None if pd.isna(t) else f"{t:%Y-%m-%d %H:%M}" for t in series]


def test_due_times_run_on_the_clock_of_the_category():
    cases = file_cases(filed(["fast", "hours", "day", "natural", "open"]), categories=OWN)
    # 1 October to 8 October 2025 is a holiday; 9 October is the next working day
    assert shown(cases["dispose_due_at"]) == [
        "2025-09-30 19:00", "2025-10-09 09:00", "2025-10-09 17:00", "2025-10-03 17:00", None,
    ]  # fmt: skip
    assert shown(cases["close_due_at"]) == [
        "2025-10-01 19:00", "2025-10-10 09:00", "2025-10-10 17:00", "2025-10-04 17:00", None,
    ]  # fmt: skip
    assert cases["kind"].tolist() == ["event", "event", "component", "event", "event"]
    CASES.check(cases)


def test_a_citys_own_clock_and_allowance():
    late = WorkClock(hours=(("09:00", "12:00"), ("13:00", "20:00")))
    cases = file_cases(
        filed(["hours"]), categories=OWN, clock=late, limits={"close": "1紧急工作时"}
    )
    assert shown(cases["dispose_due_at"]) == ["2025-09-30 19:00"]
    assert shown(cases["close_due_at"]) == ["2025-09-30 20:00"]


def test_the_standard_table_files_by_default():
    codes = list(load_categories())
    cases = file_cases(filed(codes, "2025-05-06 09:00"))
    assert cases["dispose_due_at"].notna().all()
    assert (cases["dispose_due_at"] > cases["filed_at"]).all()
    day = pd.Timedelta(load_stage_limits()["close"].removesuffix("紧急工作时") + "h")
    assert (cases["close_due_at"] - cases["dispose_due_at"] == day).all()


def test_without_filing_nothing_is_due():
    waiting = file_cases(filed(["fast", "fast"]).assign(filed_at=times(None, None)), categories=OWN)
    assert waiting["dispose_due_at"].isna().all()
    assert waiting["close_due_at"].isna().all()
    plain = file_cases(reports(category=["fast"] * 3), categories=OWN)
    assert "dispose_due_at" not in plain.columns
    assert plain["stage"].tolist() == ["reported"] * 3


def test_the_stage_is_the_last_time_filled():
    names = list(STAGES)
    rows = [[True] * (i + 1) + [False] * (len(names) - 1 - i) for i in range(len(names))]
    rows.append([True, False, False, False, False, True])  # closed without the steps between
    stamp = times("2025-05-06 09:00")[0]
    table = reports(len(rows))
    for j, column in enumerate(STAGES.values()):
        table[column] = pd.Series([stamp if row[j] else pd.NaT for row in rows])
    with pytest.warns(GridkitWarning):  # filed without a category
        cases = file_cases(table, categories=OWN)
    assert cases["stage"].tolist() == [*names, "closed"]


def test_void_is_void_whatever_else_happened():
    table = filed(["fast"] * 3, voided=[True, False, None])
    assert file_cases(table, categories=OWN)["stage"].tolist() == ["void", "filed", "filed"]


def test_rows_and_columns_are_kept_in_order():
    table = filed(
        ["fast", "day", "fast"],
        text=["<b>", "二", None],
        address=["a", None, "c"],
        located_by=["inside", "outside", "border"],
        received_by=["指挥中心", None, "街道办"],
    ).set_axis([7, 7, 2])
    points = gpd.GeoSeries([shapely.Point(1, 2), None, shapely.Point()], index=[7, 7, 2], crs=4549)
    located = gpd.GeoDataFrame(table, geometry=points)
    before = located.copy(deep=True)
    cases = file_cases(located, categories=OWN)
    pd.testing.assert_frame_equal(pd.DataFrame(located), pd.DataFrame(before))
    assert isinstance(cases, gpd.GeoDataFrame)
    assert cases.crs == located.crs
    assert cases.index.tolist() == [7, 7, 2]
    assert cases["case_id"].tolist() == ["CR0", "CR1", "CR2"]
    assert filled(cases["first_receiver"]) == ["指挥中心", None, "街道办"]
    kept = set(located.columns) - {"received_by"}
    assert kept < set(cases.columns)
    for column in kept - {"geometry"}:
        pd.testing.assert_series_equal(cases[column], located[column])
    schema = [c.name for c in CASES.columns if c.name in cases.columns]
    assert cases.columns[: len(schema)].tolist() == schema


def test_a_repeated_report_is_refused_a_duplicate_problem_is_not():
    twice = filed(["fast", "fast"], text=["坑", "坑"], address=["x", "x"])
    assert len(file_cases(twice, categories=OWN)) == 2
    with pytest.raises(SchemaError, match="R0"):
        file_cases(twice.assign(report_id="R0"), categories=OWN)
    with pytest.raises(SchemaError, match="report_id"):
        file_cases(twice.drop(columns="report_id"), categories=OWN)


def cells(**columns):
    boxes = [shapely.box(i, 0, i + 1, 1) for i in range(2)]
    return gpd.GeoDataFrame({"cell_code": ["A", "B"], **columns}, geometry=boxes, crs=4549)


def test_codes_above_the_cell_come_from_the_cells():
    located = reports(4, cell_code=["B", "A", None, "Z"])
    areas = cells(street_code=["S1", "S2"], community_code=["K1", None], duty_code=["D", "D"])
    cases = file_cases(located, cells=areas)

    assert filled(cases["street_code"]) == ["S2", "S1", None, None]
    assert filled(cases["community_code"]) == [None, "K1", None, None]
    assert filled(cases["duty_code"]) == ["D", "D", None, None]
    own = file_cases(located.assign(street_code="kept"), cells=areas)
    assert own["street_code"].tolist() == ["kept"] * 4
    assert "street_code" not in file_cases(located).columns
    assert "street_code" not in file_cases(reports(), cells=areas).columns
    with pytest.raises(SchemaError, match="A"):
        file_cases(located, cells=areas.assign(cell_code="A"))


def test_unknown_categories_are_counted_once():
    table = filed(["fast", "THEFT", "THEFT", "X", None])
    with pytest.warns(GridkitWarning) as caught:
        cases = file_cases(table, categories=OWN)
    assert len(caught) == 1
    assert str(caught[0].message).startswith("4 case(s)")
    assert "THEFT, X" in str(caught[0].message)
    assert cases["dispose_due_at"].notna().tolist() == [True, False, False, False, False]
    assert cases["kind"].notna().tolist() == [True, False, False, False, False]


def test_reports_that_know_little_are_cases_too():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cases = file_cases(reports(2))
        empty = file_cases(filed(["fast"]).head(0), categories=OWN)
    assert cases["stage"].tolist() == ["reported", "reported"]
    CASES.check(cases)
    CASES.check(empty)
    assert {"stage", "kind", "dispose_due_at"} <= set(empty.columns)


def test_limits_that_cannot_be_read_are_kept_and_listed():
    own = {"X0": category("X0", "种植季节15天"), "X1": category("X1", "2工作时")}
    with pytest.warns(GridkitWarning, match="种植季节15天 \\(2\\)"):
        cases = file_cases(filed(["X0", "X1", "X0"]), categories=own)
    assert cases["limit"].tolist() == ["种植季节15天", "2工作时", "种植季节15天"]
    assert cases["dispose_due_at"].notna().tolist() == [False, True, False]
    with pytest.raises(OptionError, match="soon"):
        file_cases(filed(["X1"]), categories=own, limits={"close": "soon"})


def test_a_case_has_the_limit_of_its_condition_or_its_own():
    rules = (LimitRule("在建", "2工作日"), LimitRule("建成", "15工作日"))
    own = {"X0": replace(category("X0", "2工作日"), rules=rules)}
    table = filed(["X0"] * 4).assign(
        condition=["建成", "在建", "别的", "建成"], limit=[None, None, None, "1工作时"]
    )
    cases = file_cases(table, categories=own)
    assert cases["limit"].tolist() == ["15工作日", "2工作日", "2工作日", "1工作时"]


def test_a_table_of_stages_without_closing_is_named():
    with pytest.raises(OptionError, match="no 'close'; they have: verify"):
        file_cases(filed(["E0405", "E0405"]), limits={"verify": "2工作时"})


def test_a_first_receiver_that_is_there_stays():
    cases = file_cases(filed(["E0405", "E0405"]).assign(received_by="a", first_receiver="b"))
    assert cases["first_receiver"].tolist() == ["b", "b"]
    assert cases["received_by"].tolist() == ["a", "a"]


def test_cells_may_call_their_geometry_as_they_like():
    shapes = [shapely.box(0, 0, 1, 1)]
    cells = gpd.GeoDataFrame(
        {"cell_code": ["1"], "community_code": ["c"]}, geometry=shapes, crs=4549
    ).rename_geometry("shape")
    cases = file_cases(filed(["E0405", "E0405"]).assign(cell_code=["1", None]), cells=cells)
    assert cases["community_code"].fillna("-").tolist() == ["c", "-"]
