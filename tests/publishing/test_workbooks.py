"""The monthly workbook: sheets that say what the cases say."""

import numpy as np
import pandas as pd
import pytest

import gridkit as gk

TZ = "Asia/Shanghai"


def made(n=400, seed=0):
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2025-04-01", tz=TZ)
    reported = start + pd.to_timedelta(rng.integers(0, 60 * 1440, n), unit="min")
    due = reported + pd.Timedelta(days=2)
    done = reported + pd.to_timedelta(rng.integers(60, 6 * 1440, n), unit="min")
    return pd.DataFrame(
        {
            "case_id": [f"C{i}" for i in range(n)],
            "stage": "filed",
            "source": rng.choice(["巡查", "热线"], n),
            "category": rng.choice(["E0405", "E0110"], n),
            "responsible_unit": rng.choice(["甲", "乙", "=cmd()"], n),
            "text": "联系 13812341234",
            "address": "<b>新华路</b>",
            "reported_at": reported,
            "accepted_at": reported,
            "filed_at": reported,
            "dispose_due_at": due,
            "disposed_at": pd.Series(done).where(rng.random(n) < 0.8),
            "close_due_at": due,
            "closed_at": pd.Series(done).where(rng.random(n) < 0.8),
        }
    )


def read(path):
    return pd.read_excel(path, sheet_name=None, engine="calamine")


def test_sheets_say_what_the_cases_say(tmp_path):
    cases = made()
    path = tmp_path / "月报.xlsx"
    gk.workbook(cases, path, period="2025-05")
    sheets = read(path)
    assert list(sheets) == [
        "总体情况", "来源", "问题类别", "责任单位", "单位排名", "超期未处置案卷",
    ]  # fmt: skip
    may = (cases["reported_at"] >= "2025-05-01T00:00+08:00") & (
        cases["reported_at"] < "2025-06-01T00:00+08:00"
    )
    totals = sheets["总体情况"].set_index("指标")
    assert int(totals.loc["上报数", "本期"]) == may.sum()
    scores = gk.indicators(cases, by=None, period="2025-05").set_index("indicator")
    row = totals.loc["按期结案率"]
    wanted = scores.loc["on_time_closing_rate"]
    assert [row["分子"], row["分母"]] == [wanted["numerator"], wanted["denominator"]]
    assert row["本期"] == gk.percent(wanted["numerator"], wanted["denominator"])
    assert row["环比"].endswith("个百分点")
    units = sheets["责任单位"].set_index("责任单位")
    for unit, own in cases[may].groupby("responsible_unit"):
        assert units.loc[unit, "上报数"] == len(own)
    assert sheets["责任单位"]["上报数"].sum() == may.sum()
    assert set(sheets["单位排名"]["名次"]) == {1, 2, 3}
    found = gk.audit_table(sheets["责任单位"], ratios={"按期结案率": ("按期结案数", "应结案数")})
    assert not found["severity"].eq("error").any()


def test_what_each_audience_sees(tmp_path):
    cases = made()
    for audience in ("internal", "leaders", "public"):
        gk.workbook(cases, tmp_path / f"{audience}.xlsx", period="2025-05", audience=audience)
    inside, leaders, public = (
        read(tmp_path / f"{a}.xlsx") for a in ("internal", "leaders", "public")
    )
    assert inside["超期未处置案卷"]["问题描述"].iloc[0] == "联系 13812341234"
    assert leaders["超期未处置案卷"]["问题描述"].iloc[0] == "联系 138****1234"
    assert leaders["超期未处置案卷"]["地址"].iloc[0] == "<b>新华路</b>"
    assert "超期未处置案卷" not in public
    assert b"13812341234" not in (tmp_path / "public.xlsx").read_bytes()


def test_the_same_input_gives_the_same_bytes_and_english_headers(tmp_path):
    cases = made()
    one, two = tmp_path / "1.xlsx", tmp_path / "2.xlsx"
    gk.workbook(cases, one, period="2025-05", lang="en")
    gk.workbook(cases.copy(), two, period="2025-05", lang="en")
    assert one.read_bytes() == two.read_bytes()
    assert list(read(one))[:2] == ["Overview", "Source"]


def test_periods_with_nothing_and_bad_ones(tmp_path):
    sheets = gk.workbook(made(), tmp_path / "x.xlsx", period="2031-01")
    assert int(sheets["总体情况"].set_index("指标").loc["上报数", "本期"]) == 0
    assert sheets["总体情况"].set_index("指标").loc["按期结案率", "本期"] == "无数据"
    gk.workbook(made(0), tmp_path / "y.xlsx", period="2025-05")
    with pytest.raises(gk.OptionError):
        gk.workbook(made(), tmp_path / "z.xlsx", period="May")
    assert not (tmp_path / "z.xlsx").exists()
