"""Printed tables that do not add up, published bulletins of four cities among them."""

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pandas as pd
import pytest

import gridkit as gk

# Jiangmen, July 2024: collection done against task, by district; and reports by source.
JIANGMEN = pd.DataFrame(
    {
        "县区": ["蓬江", "江海", "新会", "台山", "开平", "鹤山", "恩平", "合计"],
        "完成": ["2,675", "1,468", "2,217", "1,256", "1,441", "1,346", "1,699", "12,120"],
        "任务": ["2,600", "1,400", "2,100", "1,200", "1,400", "1,400", "1,400", "11,500"],
        "完成率": [
            "102.88%", "104.86%", "105.57%", "104.67%", "102.93%", "96.14%", "121.36%", "105.39%",
        ],
    }
)  # fmt: skip
SOURCES = pd.DataFrame(
    {
        "来源": ["采集", "12345", "公众", "微信", "其他", "合计"],
        "七月": [12_102, 633, 9, 52, 1_294, 14_090],
        "六月": [12_120, 696, 7, 44, 862, 13_729],
        "增长": ["-0.15%", "-9.05%", "28.57%", "18.18%", "50.12%", "2.63%"],
    }
)


def rules(found):
    return dict(zip(found["rule"], found["severity"], strict=True))


def test_jiangmens_slip_is_found_and_nothing_else():
    found = gk.audit_table(JIANGMEN, ratios={"完成率": ("完成", "任务")}, lang="en")
    wrong = found[found["severity"] == "error"]
    assert wrong[["rule", "codes"]].to_numpy().tolist() == [["TOTAL", "合计"]]
    assert "12,120" in wrong["detail"].iloc[0]
    assert "12,102" in wrong["detail"].iloc[0]
    assert "two digits exchanged" in wrong["detail"].iloc[0]
    # The printed rate follows from the printed total, which is June's; mended, it is 105.23 %.
    mended = JIANGMEN.replace("12,120", "12,102")
    again = gk.audit_table(mended, ratios={"完成率": ("完成", "任务")}, lang="en")
    wrong = again[again["severity"] == "error"]
    assert wrong[["rule", "codes"]].to_numpy().tolist() == [["RATIO", "合计"]]
    assert "gives 105.23%" in wrong["detail"].iloc[0]


def test_jiangmens_sources_are_as_printed():
    found = gk.audit_table(SOURCES, growth={"增长": ("七月", "六月")})
    assert rules(found) == {
        "TOTAL": "ok", "RATIO": "not_checked", "SHARE": "not_checked", "GROWTH": "ok",
    }  # fmt: skip


def test_fuzhous_quarter_and_shares_of_tianmen():
    quarter = pd.DataFrame({"类": ["部件", "事件"], "件": ["250,061", "48,536"]})
    assert rules(gk.audit_table(quarter, total={"件": "298,597"}))["TOTAL"] == "ok"
    assert rules(gk.audit_table(quarter, total={"件": "298,579"}))["TOTAL"] == "error"
    tianmen = pd.DataFrame(
        {
            "来源": ["巡查", "微信", "合计"],
            "立案": [953, 43, 996],
            "占比": ["95.68%", "4.32%", "100%"],
        }
    )
    assert rules(gk.audit_table(tianmen, shares={"占比": "立案"}))["SHARE"] == "ok"
    wrong = tianmen.replace("95.68%", "95.7%").replace("4.32%", "4.31%")
    found = gk.audit_table(wrong, shares={"占比": "立案"}).query("severity == 'error'")
    assert found["codes"].tolist() == ["微信"]  # 95.7 is right at one decimal


@pytest.mark.parametrize("seed", range(5))
def test_random_tables_against_decimal_arithmetic(seed):
    rng = np.random.default_rng(seed)
    n = 30
    above, below = rng.integers(0, 5_000, n), rng.integers(1, 5_000, n)
    rates = [
        (Decimal(int(a)) * 100 / Decimal(int(b))).quantize(Decimal("0.01"), ROUND_HALF_UP)
        for a, b in zip(above, below, strict=True)
    ]
    off = rng.random(n) < 0.2
    printed = [f"{r + Decimal('0.01') if bad else r}%" for r, bad in zip(rates, off, strict=True)]
    table = pd.DataFrame({"x": [f"S{i}" for i in range(n)], "a": above, "b": below, "r": printed})
    found = gk.audit_table(table, ratios={"r": ("a", "b")})
    wrong = found.query("rule == 'RATIO' and severity == 'error'")["codes"]
    assert wrong.tolist() == table["x"][off].tolist()


def test_what_cannot_be_read_or_divided():
    table = pd.DataFrame(
        {"x": ["甲", "乙", "丙"], "a": ["1", "约5", None], "b": [0, 2, 3], "r": ["50%", "5%", "-"]}
    )
    found = gk.audit_table(table, ratios={"r": ("a", "b")}, lang="en")
    errors = found[found["severity"] == "error"]
    assert errors["rule"].tolist() == ["RATIO", "NOT_A_NUMBER"]
    assert "nothing to divide by" in errors["detail"].iloc[0]
    assert "'约5'" in errors["detail"].iloc[1]


def test_our_own_tables_add_up():
    rng = np.random.default_rng(1)
    due = pd.Timestamp("2025-05-09", tz="Asia/Shanghai")
    late = due + pd.Timedelta(days=2)
    n = 500
    cases = pd.DataFrame(
        {
            "case_id": [f"C{i}" for i in range(n)],
            "stage": "filed",
            "responsible_unit": rng.choice(["甲", "乙", "丙"], n),
            "close_due_at": due,
            "closed_at": pd.Series(np.where(rng.random(n) < 0.5, due, late)).where(
                rng.random(n) < 0.8
            ),
        }
    )
    scores = gk.indicators(cases, by=["responsible_unit", None], period="2025-05")
    count = scores.set_index(["indicator", "subject"])["numerator"]
    rate = scores[scores["indicator"] == "closing_rate"].set_index("subject")
    table = pd.DataFrame({"closed": count["closed"], "should_close": count["should_close"]})
    table["率"] = [
        gk.percent(rate.loc[who, "numerator"], rate.loc[who, "denominator"]) for who in table.index
    ]
    table = table.reset_index()
    found = gk.audit_table(table, ratios={"率": ("closed", "should_close")})
    assert not found["severity"].eq("error").any()
    assert rules(found)["TOTAL"] == "ok"
    table.loc[0, "closed"] += 1
    assert gk.audit_table(table)["severity"].eq("error").any()


def test_columns_that_are_not_there():
    with pytest.raises(gk.SchemaError, match=r"nix[\s\S]*nie"):
        gk.audit_table(SOURCES, total={"nix": 1}, shares={"增长": "nie"})
