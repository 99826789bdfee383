"""Published bulletins of four cities, to the last digit, from case rows built to their counts."""

import numpy as np
import pandas as pd
import pytest

import gridkit as gk

TZ = "Asia/Shanghai"


def built(month, **counts):
    """Make cases so that each count comes out as printed: what falls due is a cohort of its own."""
    n = max(counts.values())
    day, due, late = (pd.Timestamp(f"{month}-{d}", tz=TZ) for d in ("09", "12 12:00", "13"))
    i = np.arange(n)

    def times(moment, rows):
        return pd.Series([moment] * n).where(rows)

    return pd.DataFrame(
        {
            "case_id": [f"C{k}" for k in i],
            "stage": "filed",
            "accepted_at": times(day, i < counts.get("accepted", 0)),
            "filed_at": times(day, i < counts.get("filed", 0)),
            "dispatched_at": times(day, i < counts.get("dispatched", 0)),
            "dispose_due_at": times(due, i < counts.get("should_dispose", 0)),
            "disposed_at": times(due, i < counts.get("disposed_on_time", 0)),
            "close_due_at": times(due, i < counts.get("should_close", 0)),
            "closed_at": times(due, i < counts.get("on_time", 0)).fillna(
                times(late, i < counts.get("closed", 0))
            ),
            "rework_n": (i < counts.get("rework", 0)).astype(int),
            "delay_n": (i < counts.get("delayed", 0)).astype(int),
        }
    )


def printed(cases, period, **options):
    scores = gk.indicators(cases, by=None, period=period, **options).set_index("indicator")
    return {
        name: gk.percent(row["numerator"], row["denominator"])
        for name, row in scores.iterrows()
        if not pd.isna(row["denominator"])
    }


ZHENGZHOU = {
    "filing_rate": "99.34%", "dispatch_rate": "95.94%", "closing_rate": "83.01%",
    "on_time_closing_rate": "77.04%", "rework_rate": "0.53%", "delay_rate": "0.20%",
}  # fmt: skip
ROUTINE = {
    "closing_rate": "56.54%", "on_time_closing_rate": "48.46%", "rework_rate": "1.51%",
    "delay_rate": "0.56%",
}  # fmt: skip


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        (
            (51_571, 51_229, 49_151, 52_434, 43_523, 40_394, 276, 104),
            ZHENGZHOU,
        ),
        ((16_754, 16_570, 14_673, 18_086, 10_225, 8_765, 274, 101), ROUTINE),
    ],
    ids=["all", "routine"],
)
def test_zhengzhou_week_8_to_14_april_2019(counts, wanted):
    names = ("accepted", "filed", "dispatched", "should_close", "closed", "on_time", "rework")
    cases = built("2019-04", **dict(zip((*names, "delayed"), counts, strict=True)))
    rates = printed(cases, "2019-W15")
    assert {name: rates[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("district", "due", "closed", "on_time", "rates"),
    [
        ("金水", 1_935, 1_912, 1_855, ("98.81%", "95.87%")),
        ("管城", 953, 953, 936, ("100.00%", "98.22%")),
        ("二七", 848, 806, 699, ("95.05%", "82.43%")),
        ("郑东", 736, 596, 372, ("80.98%", "50.54%")),
    ],
)
def test_zhengzhous_districts(district, due, closed, on_time, rates):
    cases = built("2019-04", should_close=due, closed=closed, on_time=on_time)
    cases["district"] = district
    scores = gk.indicators(cases, by="district", period="2019-W15").set_index("indicator")
    for name, text in zip(("closing_rate", "on_time_closing_rate"), rates, strict=True):
        assert gk.percent(*scores.loc[name, ["numerator", "denominator"]]) == text


def test_huaians_month_from_the_21st_to_the_20th():
    cases = built(
        "2019-05", accepted=15_832, filed=15_716, should_dispose=14_690, should_close=14_173,
        closed=13_599, disposed_on_time=13_568, on_time=13_117,
    )  # fmt: skip
    may = gk.Period.parse("2019-05", month_start=21)
    assert (may.start.isoformat()[:10], may.end.isoformat()[:10]) == ("2019-04-21", "2019-05-21")
    counts = gk.indicators(cases, by=None, period=may).set_index("indicator")["value"]
    assert counts[["accepted", "filed", "should_dispose", "should_close"]].tolist() == [
        15_832, 15_716, 14_690, 14_173,
    ]  # fmt: skip
    rates = printed(cases, may)
    assert rates["closing_rate"] == "95.95%"
    assert rates["on_time_disposal_rate"] == "92.36%"
    assert rates["on_time_closing_rate"] == "92.55%"
    moved = cases.assign(close_due_at=cases["close_due_at"] + pd.Timedelta(days=10))
    assert printed(moved, may)["closing_rate"] == "无数据"


def test_jiangmen_july_2024():
    """Its closing rate is of the accepted, another one than of those due: both are kept."""
    sources = {"采集": 12_102, "12345": 633, "公众": 9, "微信": 52, "其他": 1_294}
    cases = built("2024-07", accepted=14_090, closed=14_068)
    cases["source"] = np.repeat(list(sources), list(sources.values()))
    june = built("2024-06", accepted=13_729)
    june["source"] = np.repeat(list(sources), [12_120, 696, 7, 44, 862])
    now = gk.indicators(cases, by=[None, "source"], period="2024-07")
    assert printed(cases, "2024-07")["completion_rate"] == "99.84%"
    assert printed(cases, "2024-07")["closing_rate"] == "无数据"
    before = gk.indicators(june, by=[None, "source"], period="2024-06")
    told = gk.compare_periods(now, before)
    told = told[told["indicator"] == "accepted"].set_index("subject")
    assert told["value"].to_dict() == {"all": 14_090, **sources}
    assert told["printed"].to_dict() == {
        "all": "上升 2.63%", "采集": "下降 0.15%", "12345": "下降 9.05%", "公众": "上升 28.57%",
        "微信": "上升 18.18%", "其他": "上升 50.12%",
    }  # fmt: skip


def test_tianmens_most_frequent_problems():
    """December 2016: posters 474, other amenity 147, piles 128 of 996 filed; 971 events."""
    classes = {"E0201": 474, "E0199": 147, "E0136": 128, "其他事件": 222, "C0101": 25}
    cases = built("2016-12", filed=996)
    cases["category"] = np.repeat(list(classes), list(classes.values()))
    cases["kind"] = np.where(cases["category"].str.startswith("C"), "component", "event")
    scores = gk.indicators(cases, by=["category", "kind", None], period="2016-12")
    filed = scores[scores["indicator"] == "filed"].set_index(["subject_kind", "subject"])["value"]
    top = filed["category"].drop("其他事件").sort_values(ascending=False)
    assert top.head(3).to_dict() == {"E0201": 474, "E0199": 147, "E0136": 128}
    total = filed["all", "all"]
    assert gk.percent(filed["kind", "event"], total, 1) == "97.5%"
    assert gk.percent(filed["kind", "component"], total, 1) == "2.5%"
