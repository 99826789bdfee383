"""Scores: exact, in the right direction, with weights that add up; five known bugs, one by one."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gridkit as gk


def told(subject="甲", **numbers):
    """Make rows of indicators: a whole number for a count, a pair for a rate."""
    rows = []
    for name, value in numbers.items():
        above, below = value if isinstance(value, tuple) else (value, None)
        rows.append(("responsible_unit", subject, "2025-05", name, above, below))
    columns = ["subject_kind", "subject", "period", "indicator", "numerator", "denominator"]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"numerator": "Int64", "denominator": "Int64"})


GOOD = {
    "filed": 40,
    "closing_rate": (90, 100),
    "on_time_disposal_rate": (80, 100),
    "rework_rate": (5, 100),
}


def value(**numbers):
    return gk.score(told(**numbers))["value"].iloc[0]


def test_the_worked_example():
    scored = gk.score(told(**GOOD)).iloc[0]
    assert (scored["value"], scored["grade"], scored["stars"]) == (89.5, "B", 3)
    parts = gk.score_parts(told(**GOOD)).set_index("indicator")["points"]
    assert parts.to_dict() == {
        "filed": 100, "closing_rate": 90, "on_time_disposal_rate": 80, "rework_rate": 95,
    }  # fmt: skip


# --- five bugs of a published platform ---------------------------------------------------------


def test_1_a_better_rate_never_scores_lower():
    """There, areas were scored by 100 - closing rate."""
    area = {
        "public_report_rate": (1, 10), "filed": 3, "closing_rate": (5, 10),
        "on_time_closing_rate": (5, 10),
    }  # fmt: skip
    before = gk.score(told(**area), "area")["value"].iloc[0]
    for name, better in (
        ("closing_rate", (9, 10)),
        ("on_time_closing_rate", (9, 10)),
        ("public_report_rate", (0, 10)),
        ("filed", 1),
    ):
        assert gk.score(told(**{**area, name: better}), "area")["value"].iloc[0] > before


def test_2_weights_add_up_to_one():
    """There, those of areas added up to 0.7."""
    for profile in gk.load_scoring().profiles.values():
        assert sum(item.weight for item in profile.items) == 1


def test_3_the_filed_score_is_of_filed_cases():
    """There, the number of reworks was fed into it."""
    assert value(**{**GOOD, "filed": 600}) == 89.5 - 0.1 * 60
    assert value(**{**GOOD, "rework": 600}) == 89.5


def test_4_each_rate_counts_under_its_own_weight():
    """There, the acceptor's score used one rate twice."""
    own = {"accepted": 600, "verify_on_time_rate": (1, 1), "check_on_time_rate": (0, 1)}
    assert gk.score(told(**own), "acceptor")["value"].iloc[0] == 0.25 * 75 + 40
    other = {**own, "verify_on_time_rate": (0, 1), "check_on_time_rate": (1, 1)}
    assert gk.score(told(**other), "acceptor")["value"].iloc[0] == 0.25 * 75 + 35


@pytest.mark.parametrize(
    ("points", "grade"),
    [
        (100, "A"),
        (90, "A"),
        (89.999, "B"),
        (75, "B"),
        (74.99, "C"),
        (60, "C"),
        (40, "D"),
        (39, "E"),
    ],
)
def test_5_not_everybody_is_an_a(points, grade):
    """There, 90 <= x <= 100 was always true, as SQL reads it."""
    assert gk.load_scoring().grade(Fraction(str(points))) == grade


def test_and_a_sixth_no_digit_is_lost():
    """There, a ratio of two decimals was multiplied by 100."""
    scored = gk.score(told(**{**GOOD, "closing_rate": (43_523, 52_434)})).iloc[0]
    exact = Fraction(10) + Fraction(30 * 43_523, 52_434) + 24 + Fraction(285, 10)
    assert scored["value"] == float(exact)
    assert scored["printed"] == "87.40"


# --- laws --------------------------------------------------------------------------------------


@given(
    st.integers(0, 2_000),
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 500)), min_size=3, max_size=3),
)
@settings(max_examples=60, deadline=None)
def test_scores_lie_between_0_and_100(filed, pairs):
    rates = [(min(a, b), b) for a, b in pairs]
    names = ["closing_rate", "on_time_disposal_rate", "rework_rate"]
    got = value(filed=filed, **dict(zip(names, rates, strict=True)))
    bands = next((p for top, p in ((50, 100), (100, 90), (200, 75), (500, 60), (1000, 40))
                  if filed <= top), 0)  # fmt: skip
    by_hand = 0.1 * bands + 30 * rates[0][0] / rates[0][1] + 30 * rates[1][0] / rates[1][1]
    by_hand += 30 * (1 - rates[2][0] / rates[2][1])
    assert got == pytest.approx(by_hand)
    assert 0 <= got <= 100


def test_no_data_is_blank_or_shared_out_as_asked():
    table = told(**{**GOOD, "rework_rate": (0, 0)})
    blank = gk.score(table).iloc[0]
    assert np.isnan(blank["value"])
    assert pd.isna(blank["grade"])
    assert blank["missing"] == "rework_rate"
    shared = gk.score(table, missing="share_out").iloc[0]
    assert shared["value"] == pytest.approx((10 + 27 + 24) / 0.7)
    lost = gk.score(told(filed=3)).iloc[0]
    assert lost["missing"] == "closing_rate, on_time_disposal_rate, rework_rate"


def test_from_cases_to_grades():
    due = pd.Timestamp("2025-05-09", tz="Asia/Shanghai")
    cases = pd.DataFrame(
        {
            "case_id": ["1", "2"],
            "stage": "closed",
            "responsible_unit": ["甲", "乙"],
            "filed_at": due,
            "dispose_due_at": due,
            "disposed_at": [due, due + pd.Timedelta(days=1)],
            "close_due_at": due,
            "closed_at": [due, None],
            "rework_n": [0, 0],
        }
    )
    cases["closed_at"] = cases["closed_at"].dt.tz_convert("Asia/Shanghai")
    scored = gk.score(gk.indicators(cases, by="responsible_unit", period="2025-05"))
    assert dict(zip(scored["subject"], scored["value"], strict=True)) == {"甲": 100.0, "乙": 40.0}


def test_what_is_wrong_in_a_file_is_said_at_once(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        """
[[grade]]
code = "B"
from = "60"
zh = "良"
en = "Good"
[[grade]]
code = "A"
from = "90"
zh = "优"
en = "Excellent"
[[profile]]
code = "town"
zh = "镇"
en = "Town"
items = [
  { indicator = "closing_rat", weight = "0.5" },
  { indicator = "filed", weight = "0.1" },
  { indicator = "accepted", weight = "0.1", upto = [["10", "50"], ["5", "20"]] },
]
""",
        "utf-8",
    )
    with pytest.raises(gk.SchemaError) as caught:
        gk.load_scoring(path)
    text = str(caught.value)
    for words in ("Did you mean 'closing_rate'", "has no steps", "out of order", "add up to 0.7",
                  "begin with the best"):  # fmt: skip
        assert words in text
    with pytest.raises(gk.OptionError, match="Did you mean 'department'"):
        gk.score(told(**GOOD), "departement")
    with pytest.raises(gk.OptionError, match="no indicator of the profile"):
        gk.score(told(nothing=1))
