"""Counts and rates: against loops over rows, published bulletins, and the laws of counting."""

import warnings
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gridkit.errors import GridkitWarning, OptionError, SchemaError
from gridkit.evaluation.definitions import load_indicators
from gridkit.evaluation.periods import Period
from gridkit.evaluation.rates import (
    COUNTS,
    INDICATORS,
    cell_counts,
    counted,
    half_up,
    indicators,
    latest,
    percent,
)
from gridkit.tables import SCORES

TZ = "Asia/Shanghai"
# Cases whose times are in no order at all are told as such, and counted.
pytestmark = pytest.mark.filterwarnings("ignore:.*step before an earlier one")
MORE = [
    "verify_due_at", "verified_at", "check_due_at", "checked_at", "file_due_at", "dispatch_due_at",
]  # fmt: skip
TIMES = [
    "reported_at", "accepted_at", "filed_at", "dispatched_at",
    "dispose_due_at", "disposed_at", "close_due_at", "closed_at",
]  # fmt: skip


def at(text):
    return pd.Timestamp(text, tz=TZ)


def random_cases(seed=0, n=500):
    """Cases whose times are in no order at all, so that every condition is met and missed."""
    rng = np.random.default_rng(seed)
    table = {"case_id": [f"C{i}" for i in range(n)], "stage": "reported"}
    for column in TIMES + MORE:
        hours = rng.integers(0, 24 * 120, n)
        times = pd.Series(at("2025-04-01") + pd.to_timedelta(hours, unit="h"))
        table[column] = times.where(rng.random(n) < 0.8)
    for flag in ("voided", "suspended", "exempt", "missed", "self_handled", "public"):
        table[flag] = rng.random(n) < 0.1
    table["wrong_dispatch"] = rng.random(n) < 0.1
    for number in ("rework_n", "delay_n", "return_n"):
        table[number] = rng.choice([0, 0, 0, 1, 2], n)
    table["cell_code"] = pd.Series(rng.choice(["A", "B", "C"], n)).where(rng.random(n) < 0.9)
    return pd.DataFrame(table)


def by_hand(cases, period, moment):
    """The definitions again, row by row, in plain Python."""
    start, end = (period.start, period.end) if period else (at("1900-01-01"), at("2200-01-01"))
    names = [c.name for c in COUNTS]
    n = dict.fromkeys(names, 0)
    for row in cases.to_dict("records"):
        t = {c: None if pd.isna(row[c]) else row[c] for c in TIMES + MORE}

        def here(c, t=t):
            return t[c] is not None and start <= t[c] < end and t[c] <= moment

        def done(c, t=t):
            return t[c] is not None and t[c] <= moment

        n["reported"] += here("reported_at")
        n["accepted"] += here("accepted_at")
        n["voided"] += here("reported_at") and row["voided"]
        n["filed_with_voided"] += here("filed_at")
        n["valid_reports"] += here("reported_at") and done("filed_at") and not row["voided"]
        for task, due, over in (
            ("verif", "verify_due_at", "verified_at"),
            ("check", "check_due_at", "checked_at"),
        ):
            on_time = here(due) and done(over) and t[over] <= t[due]
            n[{"verif": "should_verify", "check": "should_check"}[task]] += here(due)
            n[{"verif": "verified_on_time", "check": "checked_on_time"}[task]] += on_time
        n["accepted_closed"] += here("accepted_at") and done("closed_at")
        if row["voided"]:
            continue
        n["filed"] += here("filed_at")
        n["dispatched"] += here("dispatched_at")
        n["public_reports"] += here("filed_at") and row["public"]
        for task, due, over in (
            ("file", "file_due_at", "filed_at"),
            ("dispatch", "dispatch_due_at", "dispatched_at"),
        ):
            n[f"should_{task}"] += here(due)
            past = {"file": "filed", "dispatch": "dispatched"}[task]
            n[f"{past}_on_time"] += here(due) and done(over) and t[over] <= t[due]
        right = here("dispatch_due_at") and done("dispatched_at")
        n["dispatched_right"] += right and not row["wrong_dispatch"]
        for flag in ("suspended", "missed", "self_handled"):
            n[flag] += here("filed_at") and row[flag]
        n["returned"] += here("filed_at") and row["return_n"] > 0
        late = t["dispose_due_at"] is not None and t["dispose_due_at"] < moment
        open_ = not done("disposed_at") and not done("closed_at")
        n["overdue_open"] += late and open_ and not row["suspended"]
        if row["suspended"] or row["exempt"]:
            continue
        if here("dispose_due_at"):
            n["should_dispose"] += 1
            n["disposed"] += done("disposed_at")
            on_time = done("disposed_at") and t["disposed_at"] <= t["dispose_due_at"]
            n["disposed_on_time"] += on_time
        if here("close_due_at"):
            n["should_close"] += 1
            n["closed"] += done("closed_at")
            n["closed_on_time"] += done("closed_at") and t["closed_at"] <= t["close_due_at"]
            n["rework"] += row["rework_n"] > 0
            n["delayed"] += row["delay_n"] > 0
    return n


def whole(scores):
    return scores[scores["subject_kind"] == "all"].set_index("indicator")


@pytest.mark.parametrize("text", [None, "2025-05", "2025-W20", "2025", "2025-05-10/2025-05-11"])
@pytest.mark.parametrize("moment", [None, "2025-05-17 12:00", "2025-09-01"])
def test_counts_agree_with_a_loop_over_rows(text, moment):
    cases = random_cases()
    period = Period.parse(text) if text else None
    asked = at(moment) if moment else None
    if asked is not None:
        effective = asked
    elif period:
        effective = pd.Timestamp(period.end)
    else:
        events = [c for c in TIMES if "due" not in c]
        effective = max(cases[c].max() for c in events)
    scores = indicators(cases, by=None, period=period, at=asked)
    wanted = by_hand(cases, period, effective)
    got = whole(scores)
    # What stands in a ratio only is found there.
    counts = {}
    for indicator in load_indicators().indicators:
        counts[indicator.numerator] = got.loc[indicator.name, "numerator"]
        if indicator.denominator:
            counts[indicator.denominator] = got.loc[indicator.name, "denominator"]
    assert counts == wanted
    for indicator in INDICATORS:
        row = whole(scores).loc[indicator.name]
        above = wanted[indicator.numerator]
        if not indicator.denominator:
            assert row["value"] == above
            assert pd.isna(row["denominator"])
            continue
        below = wanted[indicator.denominator]
        assert (row["numerator"], row["denominator"]) == (above, below)
        assert pd.isna(row["value"]) if below == 0 else row["value"] == above / below


@given(seed=st.integers(0, 10_000), n=st.integers(1, 60))
@settings(max_examples=25, deadline=None)
def test_laws_of_counting(seed, n):
    cases = random_cases(seed, n)
    scores = indicators(cases, by=[None, "cell_code"], period="2025-05", at=at("2025-05-25"))
    SCORES.check(scores)
    parts = scores[scores["subject_kind"] == "cell_code"].groupby("indicator")["numerator"].sum()
    total = whole(scores)["numerator"]
    assert (parts == total.reindex(parts.index)).all()  # cells and "-" make the whole
    assert total["closed_on_time"] <= total["closed"] <= total["should_close"]
    assert total["disposed_on_time"] <= total["disposed"] <= total["should_dispose"]
    assert total["rework"] <= total["should_close"]
    assert total["voided"] <= total["reported"]
    shuffled = cases.sample(frac=1, random_state=seed)
    again = indicators(shuffled, by=[None, "cell_code"], period="2025-05", at=at("2025-05-25"))
    pd.testing.assert_frame_equal(again, scores)


def test_months_add_up_to_the_year():
    cases = random_cases(7)
    shown = {i.name for i in load_indicators().indicators}
    flows = [c.name for c in COUNTS if not c.stock and c.name in shown]
    end = at("2026-01-01")

    def count(text, month_start):
        period = Period.parse(text, month_start=month_start)
        return whole(indicators(cases, by=None, period=period, at=end))["numerator"][flows]

    for month_start in (1, 21):
        months = [count(f"2025-{m:02d}", month_start) for m in range(1, 13)]
        assert (sum(months) == count("2025", month_start)).all()


def test_several_periods_are_each_as_alone():
    cases = random_cases(11)
    months = [f"2025-{m:02d}" for m in (4, 5, 6, 7)]
    together = indicators(cases, by=[None, "cell_code"], period=[*months, "2025-W20"])
    alone = [indicators(cases, by=[None, "cell_code"], period=m) for m in [*months, "2025-W20"]]
    pd.testing.assert_frame_equal(together, pd.concat(alone, ignore_index=True))
    with pytest.raises(OptionError, match="No period"):
        indicators(cases, by=None, period=[])


def test_a_city_counts_its_own_way(tmp_path):
    """Another denominator for reworks, in a file; and what is wrong in one is said at once."""
    path = tmp_path / "own.toml"
    path.write_text(
        '[[count]]\nname = "disposed"\nwhen = "disposed_at"\n'
        '[[count]]\nname = "again"\nwhen = "disposed_at"\nflag = "rework_n"\n'
        '[[indicator]]\nname = "again_rate"\nzh = "返工率"\nen = "Again"\n'
        'numerator = "again"\ndenominator = "disposed"\nbetter = "low"\n',
        "utf-8",
    )
    cases = random_cases(2)
    own = indicators(cases, by=None, definitions=load_indicators(path))
    alive = cases[cases["disposed_at"].notna() & ~cases["voided"]]
    alive = alive[alive["disposed_at"] <= cases[[c for c in TIMES if "due" not in c]].max().max()]
    assert own[["numerator", "denominator"]].to_numpy().tolist() == [
        [int((alive["rework_n"] > 0).sum()), len(alive)]
    ]
    path.write_text(
        '[[count]]\nname = "a"\nwhen = "x"\nwehn = 1\n[[indicator]]\nname = "r"\nzh = "r"\n',
        "utf-8",
    )
    with pytest.raises(SchemaError, match=r"wehn[\s\S]*en[\s\S]*numerator"):
        load_indicators(path)
    path.write_text(
        '[[count]]\nname = "a"\nwhen = "x"\n[[count]]\nname = "a"\nwhen = "x"\n[[indicator]]\n'
        'name = "r"\nzh = "r"\nen = "r"\nnumerator = "a"\ndenominator = "b"\nbetter = "up"\n',
        "utf-8",
    )
    with pytest.raises(SchemaError, match=r"a[\s\S]*denominator[\s\S]*better"):
        load_indicators(path)
    with pytest.raises(OptionError, match="Did you mean 'rework_rate'"):
        load_indicators()["rework_rat"]


def test_every_subject_and_only_those_that_occur():
    cases = random_cases(3, 40)
    scores = indicators(cases, by="cell_code")
    assert scores["subject"].drop_duplicates().tolist() == ["-", "A", "B", "C"]
    assert len(scores) == 4 * len(load_indicators().indicators)
    assert scores["subject_kind"].unique().tolist() == ["cell_code"]
    assert scores["period"].unique().tolist() == ["all"]
    dash = cases.assign(cell_code=cases["cell_code"].fillna("-"))
    pd.testing.assert_frame_equal(indicators(dash, by="cell_code"), scores)
    categorical = cases.assign(cell_code=cases["cell_code"].astype("category"))
    pd.testing.assert_frame_equal(indicators(categorical, by="cell_code"), scores)


def one_case(**times):
    row = {"case_id": ["1"], "stage": ["filed"]}
    return pd.DataFrame(row | {k: [at(v)] if isinstance(v, str) else [v] for k, v in times.items()})


def test_the_edges_of_a_period():
    for moment, inside in (
        ("2025-04-20 23:59:59", False),
        ("2025-04-21 00:00", True),
        ("2025-05-20 23:59:59", True),
        ("2025-05-21 00:00", False),
    ):
        month = Period.parse("2025-05", month_start=21)
        scores = indicators(one_case(reported_at=moment), by=None, period=month)
        assert whole(scores)["numerator"]["reported"] == int(inside), moment


def test_should_close_is_a_cohort_of_due_dates_not_of_filing():
    case = one_case(filed_at="2025-04-28", close_due_at="2025-05-02", closed_at="2025-05-02")
    april, may = (whole(indicators(case, by=None, period=f"2025-0{m}")) for m in (4, 5))
    assert (april["numerator"]["filed"], april["numerator"]["should_close"]) == (1, 0)
    assert (may["numerator"]["filed"], may["numerator"]["closed_on_time"]) == (0, 1)
    assert pd.isna(april["value"]["closing_rate"])
    assert may["value"]["closing_rate"] == 1


def test_the_deadline_itself_is_in_time():
    due = "2025-05-02 18:00"
    exactly = one_case(dispose_due_at=due, disposed_at=due)
    late = one_case(dispose_due_at=due, disposed_at="2025-05-02 18:00:01")
    counts = [whole(indicators(c, by=None, period="2025-05"))["numerator"] for c in (exactly, late)]
    assert [c["disposed_on_time"] for c in counts] == [1, 0]
    waiting = one_case(dispose_due_at=due, disposed_at=pd.NaT)
    for moment, overdue in ((due, 0), ("2025-05-02 18:00:01", 1), ("2025-05-02 17:00", 0)):
        scores = whole(indicators(waiting, by=None, at=at(moment)))
        assert scores["numerator"]["overdue_open"] == overdue


def test_overdue_is_a_stock_that_earlier_periods_hand_down():
    case = one_case(dispose_due_at="2025-03-01", disposed_at=pd.NaT)
    for month, overdue in (("2025-02", 0), ("2025-03", 1), ("2025-11", 1)):
        assert (
            whole(indicators(case, by=None, period=month))["numerator"]["overdue_open"] == overdue
        )
    closed = case.assign(closed_at=at("2025-06-01 09:00"))
    assert whole(indicators(closed, by=None, period="2025-05"))["numerator"]["overdue_open"] == 1
    assert whole(indicators(closed, by=None, period="2025-06"))["numerator"]["overdue_open"] == 0


def test_what_is_lacking_is_no_data_never_zero():
    scores = whole(indicators(one_case(reported_at="2025-05-01"), by=None))
    assert scores["numerator"]["reported"] == 1
    others = scores.drop("reported")
    assert others["numerator"].isna().all()
    assert others["value"].isna().all()
    empty = whole(indicators(one_case(reported_at="2025-05-01", filed_at=None), by=None))
    assert empty["numerator"]["filed"] == 0  # the column is there: nothing was filed
    assert pd.isna(empty["numerator"]["closed"])


def test_no_cases_at_all():
    none = random_cases(0, 5).head(0)
    assert indicators(none, by="cell_code").empty
    scores = whole(indicators(none, by=None, period="2025-05"))
    assert (scores["numerator"].dropna() == 0).all()
    assert scores.loc["closing_rate", "value"] is pd.NA or np.isnan(scores["value"]["closing_rate"])
    assert latest(none) is None


def test_inputs_stay_as_they_are_and_bad_ones_are_named():
    cases = random_cases(1, 20)
    before = cases.copy(deep=True)
    indicators(cases, by="cell_code", period="2025-05")
    pd.testing.assert_frame_equal(cases, before)
    with pytest.raises(SchemaError, match="street_code, unit"):
        indicators(cases, by=["street_code", None, "unit"])
    with pytest.raises(SchemaError, match="case_id"):
        indicators(cases.drop(columns="case_id"), by=None)
    with pytest.raises(OptionError, match="2025-13"):
        indicators(cases, by=None, period="2025-13")
    with pytest.raises(OptionError, match="time zone"):
        indicators(cases, by=None, at=pd.Timestamp("2025-05-01"))
    with pytest.raises(OptionError, match="overdue_open"):
        counted(cases, "overdu")


# --- published bulletins ---------------------------------------------------------------------


def stretch(day, flags):
    """Times of one column: `day` where the flag is set."""
    return pd.Series(np.where(flags, at(day).tz_localize(None), np.datetime64("NaT")))


def printed_cases(*, accepted, filed, dispatched, should_close, closed, on_time, rework, month):
    """Case rows built so that each count comes out as printed; most filed cases fell due."""
    n = max(accepted, should_close)
    i = np.arange(n)
    day, due, late = f"{month}-09", f"{month}-12 12:00", f"{month}-13"
    table = {
        "case_id": [f"C{k}" for k in i],
        "stage": "filed",
        "accepted_at": stretch(day, i < accepted),
        "filed_at": stretch(day, i < filed),
        "dispatched_at": stretch(day, i < dispatched),
        "close_due_at": stretch(due, i < should_close),
        "closed_at": stretch(due, i < on_time).fillna(stretch(late, i < closed)),
        "rework_n": (i < rework).astype(int),
    }
    cases = pd.DataFrame(table)
    times = [c for c in table if c.endswith("_at")]
    return cases.assign(**{c: cases[c].dt.tz_localize(TZ) for c in times})


def printed(cases, by=None, **options):
    scores = indicators(cases, by=by, **options)
    text = [percent(a, b) for a, b in zip(scores["numerator"], scores["denominator"], strict=True)]
    return dict(zip(zip(scores["subject"], scores["indicator"], strict=True), text, strict=True))


def test_zhengzhou_week_of_april_2019():
    cases = printed_cases(
        accepted=51_571, filed=51_229, dispatched=49_151, should_close=52_434, closed=43_523,
        on_time=40_394, rework=276, month="2019-04",
    )  # fmt: skip
    rates = printed(cases, period="2019-W15")
    assert rates["all", "filing_rate"] == "99.34%"
    assert rates["all", "dispatch_rate"] == "95.94%"
    assert rates["all", "closing_rate"] == "83.01%"  # of the due: more fell due than were filed
    assert rates["all", "on_time_closing_rate"] == "77.04%"
    assert rates["all", "rework_rate"] == "0.53%"
    fewer = cases.assign(closed_at=cases["closed_at"].where(cases.index != 0))
    assert printed(fewer, period="2019-W15")["all", "closing_rate"] == "83.00%"


def test_tianmen_december_2016():
    """Patrol: 953 filed, 956 due, 902 closed; WeChat: 43, 16, 9; 737 on time; events 94.35 %."""
    filed = ["patrol"] * 953 + ["WeChat"] * 43
    due = ["patrol"] * 956 + ["WeChat"] * 16
    closed = {"patrol": 902, "WeChat": 9}
    day, limit, late = at("2016-12-05"), at("2016-12-20"), at("2016-12-28")
    rows = [{"source": s, "filed_at": day} for s in filed] + [{"source": s} for s in due]
    cases = pd.DataFrame(rows)
    cases["filed_at"] = cases["filed_at"].dt.tz_convert(TZ)
    fell_due = cases.index >= len(filed)
    nth = cases[fell_due].groupby("source").cumcount().reindex(cases.index)
    done = nth < cases["source"].map(closed)
    cases["case_id"] = [f"C{i}" for i in cases.index]
    cases["stage"] = "filed"
    cases["close_due_at"] = pd.Series(limit, cases.index).where(fell_due)
    cases["closed_at"] = pd.Series(late, cases.index).where(done)
    cases.loc[cases.index[done][:737], "closed_at"] = limit
    # 956 events of which 902 closed and 16 components of which 9 closed: the same split
    cases["kind"] = cases["source"].map({"patrol": "event", "WeChat": "component"})

    scores = indicators(cases, by=[None, "source"], period="2016-12").set_index(
        ["subject", "indicator"]
    )["numerator"]
    assert (scores["all", "filed"], scores["all", "should_close"]) == (996, 972)
    assert percent(scores["patrol", "filed"], scores["all", "filed"]) == "95.68%"
    assert percent(scores["WeChat", "filed"], scores["all", "filed"]) == "4.32%"
    rates = printed(cases, [None, "kind"], period="2016-12")
    assert rates["all", "closing_rate"] == "93.72%"
    assert rates["all", "on_time_closing_rate"] == "75.82%"
    assert rates["event", "closing_rate"] == "94.35%"
    assert rates["component", "closing_rate"] == "56.25%"
    assert rates["all", "filing_rate"] == "无数据"  # nothing is known of acceptance


# --- rounding --------------------------------------------------------------------------------


@given(a=st.integers(0, 10**9), b=st.integers(1, 10**6), places=st.integers(0, 4))
@settings(max_examples=200, deadline=None)
def test_half_up_is_exact(a, b, places):
    share = Fraction(100 * a, b)
    unit = Fraction(1, 10**places)
    shown = half_up(a, b, places)
    assert shown is not None
    assert shown.as_tuple().exponent == -places
    assert -unit / 2 < Fraction(shown) - share <= unit / 2  # a tie goes up


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        (1, 800, "0.13%"),  # 0.125: Python's round and binary floats give 0.12
        (3, 800, "0.38%"),
        (1005, 100_000, "1.01%"),  # 1.005 as a float is below it
        (2, 3, "66.67%"),
        (5, 5, "100.00%"),
        (7, 5, "140.00%"),
        (0, 9, "0.00%"),
        (99_995, 100_000, "100.00%"),
        (0, 0, "无数据"),
        (None, 3, "无数据"),
        (pd.NA, 3, "无数据"),
        (3, pd.NA, "无数据"),
    ],
)
def test_percentages_as_printed(a, b, text):
    assert percent(a, b) == text
    if text.endswith("%"):
        exact = Decimal(100 * a) / Decimal(b)
        assert percent(a, b, 1) == f"{exact.quantize(Decimal('0.1'), ROUND_HALF_UP)}%"


def test_no_data_in_english_and_negative_changes():
    assert percent(1, 0, lang="en") == "no data"
    assert half_up(-1, 800) == Decimal("-0.13")  # half away from zero, as printed changes are


# --- cells -----------------------------------------------------------------------------------


def squares(codes, side=500.0):
    boxes = [shapely.box(i * side, 0, (i + 1) * side, side) for i in range(len(codes))]
    boxes = [shapely.affinity.translate(b, 500_000, 4_150_000) for b in boxes]
    return gpd.GeoDataFrame({"cell_code": codes}, geometry=boxes, crs=4549)


def test_every_cell_is_counted_also_the_quiet_ones():
    located = pd.DataFrame({"cell_code": ["B", None, "B", "C", "B"]})
    table = cell_counts(located, squares(["C", "A", "B"]))
    assert table["cell_code"].tolist() == ["C", "A", "B"]
    assert table["n"].tolist() == [1, 0, 3]
    assert table["per_km2"].tolist() == pytest.approx([4, 0, 12], rel=0.01)
    stale = squares(["C", "A", "B"]).assign(area_m2=[None, 0.0, 3e6])
    assert cell_counts(located, stale)["per_km2"].equals(table["per_km2"])


def test_codes_of_another_edition_are_named():
    located = pd.DataFrame({"cell_code": ["A", "Z9", "Z9"]})
    with pytest.warns(GridkitWarning, match="2 report.*Z9"):
        table = cell_counts(located, squares(["A"]))
    assert table["n"].sum() == 1
    with pytest.raises(SchemaError, match="cell_code"):
        cell_counts(pd.DataFrame({"code": ["A"]}), squares(["A"]))
    assert cell_counts(located.head(0), squares(["A"]))["n"].tolist() == [0]


def test_each_grouping_stands_once_and_one_is_needed():
    cases = pd.DataFrame({"case_id": ["1"], "stage": ["filed"], "cell_code": ["a"]})
    twice = indicators(cases, by=["cell_code", "cell_code"])
    SCORES.check(twice)
    assert len(twice) == len(indicators(cases, by="cell_code"))
    with pytest.raises(OptionError, match="nothing to count by"):
        indicators(cases, by=[])


def test_steps_in_the_wrong_order_are_named():
    times = pd.to_datetime(["2025-05-02", "2025-05-01", None]).tz_localize(TZ)
    filed = pd.to_datetime(["2025-05-01"] * 2 + ["2025-05-03"]).tz_localize(TZ)
    cases = pd.DataFrame(
        {"case_id": ["C1", "C2", "C3"], "stage": "x", "filed_at": filed, "disposed_at": times}
    )
    with warnings.catch_warnings(action="error"):
        indicators(cases, by=None)  # equal times are in order
    cases.loc[1, "filed_at"] += pd.Timedelta(minutes=1)
    with pytest.warns(GridkitWarning, match=r"1 case\(s\).*\(C2\)"):
        scores = indicators(cases, by=None).set_index("indicator")
    assert scores.loc["filed", "value"] == 3
