"""The monthly analysis: its own sections against the functions that they come from, and by hand."""

import re

import numpy as np
import pandas as pd
import pytest

import gridkit as gk

from .test_workbooks import TZ, made


def section(page, title):
    """Rows of the first table behind a heading, cells as text."""
    body = page.split(title, 1)[1].split("</section>")[0]
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body)
    return [
        [re.sub(r"<[^>]+>", "", c) for c in re.findall(r"<t[dh][^>]*>.*?</t[dh]>", r)] for r in rows
    ]


@pytest.fixture(scope="module")
def cases():
    table = made(600, seed=4)
    rng = np.random.default_rng(1)
    table["dispatched_at"] = table["filed_at"]
    table["campaign"] = pd.Series(rng.choice(["门前三包", "<b>楼院</b>"], 600)).where(
        rng.random(600) < 0.5
    )
    return table


def test_scores_stand_as_scored(cases):
    page = gk.monthly_report(cases, period="2025-05", title="临海区").html
    assert "城市网格化管理月度分析报告" in page
    head, *rows = section(page, "、单位综合评分")
    assert head[-3:] == ["综合得分", "等级", "星级"]
    scores = gk.indicators(cases, by="responsible_unit", period="2025-05")
    scored = gk.score(scores, "department", missing="share_out").set_index("subject")
    assert len(rows) == len(scored) == 3
    for row in rows:
        unit = row[0].replace("&#x27;", "'")
        assert row[-3] == scored.loc[unit, "printed"]
        assert row[-2][0] == scored.loc[unit, "grade"]
        assert len(row[-1].strip("–")) == scored.loc[unit, "stars"]
    points = [float(r[-3]) for r in rows]
    assert points == sorted(points, reverse=True)


def test_campaigns_are_counted_by_hand(cases):
    page = gk.monthly_report(cases, period="2025-05").html
    _, *rows = section(page, "、专项行动进度")
    end = pd.Timestamp("2025-06-01", tz=TZ)
    seen = {re.sub("&lt;b&gt;|&lt;/b&gt;", "", row[0]): row[1:] for row in rows}
    for name, own in cases.groupby("campaign"):
        given = own["dispatched_at"] <= end
        done = given & (own["disposed_at"] <= end)
        told = seen[name.replace("<b>", "").replace("</b>", "")]
        assert [int(told[0]), int(told[1]), int(told[3])] == [
            given.sum(), done.sum(), given.sum() - done.sum(),
        ]  # fmt: skip
    assert "<b>楼院</b>" not in page


def test_the_trend_begins_with_the_first_month_that_has_cases(cases):
    page = gk.monthly_report(cases, period="2025-05").html
    _, *rows = section(page, "、近十二个月")
    assert [row[0] for row in rows] == ["2025-04", "2025-05"]
    month = gk.indicators(cases, by=None, period="2025-04").set_index("indicator")
    assert rows[0][1] == f"{int(month.loc['reported', 'value']):,}"
    above, below = month.loc["closing_rate", ["numerator", "denominator"]]
    assert rows[0][3] == f"{gk.percent(above, below)} ({above}/{below})"


def test_same_bytes_other_months_and_what_is_no_month(cases, tmp_path):
    own = gk.Period.parse("2025-05", month_start=21)
    one = gk.monthly_report(cases, period=own, lang="en")
    assert one.html == gk.monthly_report(cases.copy(), period=own, lang="en").html
    assert "Composite scores of units" in one.html
    assert one.save(tmp_path / "m.docx").stat().st_size > 10_000
    for wrong in ("2025-W20", "2025"):
        with pytest.raises(gk.OptionError, match="is no month"):
            gk.monthly_report(cases, period=wrong)
    bare = pd.DataFrame({"case_id": ["1"], "stage": ["reported"]})
    page = gk.monthly_report(bare, period="2025-05").html
    assert "单位综合评分" not in page
    assert "专项行动进度" not in page
