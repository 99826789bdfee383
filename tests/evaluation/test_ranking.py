"""Ranks, call-ins, cards, warnings, rewards: laws, and oracles that do not share their code."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

import gridkit as gk
from gridkit.evaluation.ranking import beta_prior


def rates(pairs, period="2025-05", indicator="closing_rate"):
    above, below = zip(*pairs, strict=True)
    return pd.DataFrame(
        {
            "subject_kind": "street",
            "subject": [f"S{i}" for i in range(len(pairs))],
            "period": period,
            "indicator": indicator,
            "numerator": pd.array(above, dtype="Int64"),
            "denominator": pd.array(below, dtype="Int64"),
            "value": [a / b if b else np.nan for a, b in pairs],
        }
    )


PAIRS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=12)


@given(PAIRS, st.integers(0, 20), st.sampled_from(["closing_rate", "rework_rate"]))
@settings(max_examples=60, deadline=None)
def test_ranks_against_a_plain_count(pairs, least, indicator):
    pairs = [(min(a, b), b) for a, b in pairs]
    ranked = gk.rank(rates(pairs, indicator=indicator), indicator, min_cases=least)
    there = [Fraction(a, b) for a, b in pairs if b and b >= least]
    for (a, b), place, why in zip(pairs, ranked["rank"], ranked["unranked"], strict=True):
        if not b:
            assert (pd.isna(place), why) == (True, "no_data")
        elif b < least:
            assert (pd.isna(place), why) == (True, "few_cases")
        elif len(there) == 1:
            assert (pd.isna(place), why) == (True, "alone")
        else:
            mine = Fraction(a, b)
            better = [o for o in there if (o > mine) == (indicator == "closing_rate") and o != mine]
            assert (place, why) == (1 + len(better), "")
    assert ranked["of"].dropna().eq(len(there)).all()


def test_a_group_of_one_is_named_and_never_called_in():
    table = pd.concat([rates([(1, 9), (8, 9), (7, 9)], m) for m in ("2025-05", "2025-06")])
    groups = {"S0": "孤", "S1": "镇", "S2": "镇"}
    for noise_aware in (False, True):
        ranked = gk.rank(table, "closing_rate", within=groups, noise_aware=noise_aware)
        own = ranked[ranked["subject"] == "S0"]
        assert own["unranked"].tolist() == ["alone", "alone"]
        assert own["rank"].isna().all()
        assert gk.call_in(ranked)["subject"].tolist() == ["S2"]
    fair = gk.rank(table, "closing_rate", within=groups, noise_aware=True)
    assert "S0" not in set(gk.call_in(fair, sure=0.01)["subject"])


def test_ties_and_groups():
    table = rates([(1, 2), (2, 4), (9, 10), (1, 10)])
    places = {t: gk.rank(table, "closing_rate", ties=t)["rank"].tolist() for t in
              ("min", "max", "dense", "average")}  # fmt: skip
    assert places == {
        "min": [2, 2, 1, 4], "max": [3, 3, 1, 4], "dense": [2, 2, 1, 3],
        "average": [2.5, 2.5, 1, 4],
    }  # fmt: skip
    groups = {"S0": "镇", "S1": "局", "S2": "镇", "S3": "局"}
    ranked = gk.rank(table, "closing_rate", within=groups)
    assert ranked["rank"].tolist() == [2, 1, 1, 2]
    assert ranked["of"].tolist() == [2, 2, 2, 2]
    with pytest.raises(gk.OptionError, match="S3"):
        gk.rank(table, "closing_rate", within={k: groups[k] for k in ("S0", "S1", "S2")})


def test_what_cannot_be_ranked_says_so():
    table = rates([(1, 2), (2, 4)])
    with pytest.raises(gk.OptionError, match="Did you mean 'closing_rate'"):
        gk.rank(table, "closing_rat")
    with pytest.raises(gk.OptionError, match="neither way is better"):
        gk.rank(table.assign(indicator="filed"), "filed")
    assert gk.rank(table.assign(indicator="filed"), "filed", better="low")["rank"].notna().all()
    counts = table.assign(indicator="overdue_open", denominator=pd.NA)
    with pytest.raises(gk.OptionError, match="is no rate"):
        gk.rank(counts, "overdue_open", noise_aware=True)
    with pytest.raises(gk.OptionError, match="ties"):
        gk.rank(table, "closing_rate", ties="first")
    with pytest.raises(gk.SchemaError, match="value"):
        gk.rank(table.drop(columns="value"), "closing_rate")


# --- noise -------------------------------------------------------------------------------------


def test_the_prior_is_the_likeliest_one():
    """Against scipy's beta-binomial, looked for on a grid."""
    rng = np.random.default_rng(3)
    below = rng.integers(20, 300, 40).astype(float)
    above = stats.betabinom(below.astype(int), 8, 2).rvs(random_state=4).astype(float)
    a, b = beta_prior(above, below)
    mean = (above.sum() + 0.5) / (below.sum() + 1)
    sizes = np.exp(np.linspace(np.log(0.5), np.log(1e6), 4_000))
    likely = [stats.betabinom(below, mean * m, (1 - mean) * m).logpmf(above).sum() for m in sizes]
    assert a + b == pytest.approx(sizes[int(np.argmax(likely))], rel=0.01)
    assert a / (a + b) == pytest.approx(mean)


def test_intervals_and_places_of_two():
    """P(one is better than the other) by numerical integration."""
    table = rates([(40, 50), (30, 50)])
    ranked = gk.rank(table, "closing_rate", noise_aware=True)
    a, b = beta_prior(np.array([40.0, 30.0]), np.array([50.0, 50.0]))
    one, other = stats.beta(a + 40, b + 10), stats.beta(a + 30, b + 20)
    assert ranked["shrunk"].tolist() == pytest.approx([one.mean(), other.mean()])
    assert ranked["low"].tolist() == pytest.approx([one.ppf(0.05), other.ppf(0.05)])
    assert ranked["high"].tolist() == pytest.approx([one.ppf(0.95), other.ppf(0.95)])
    worse, _ = integrate.quad(lambda x: one.pdf(x) * other.sf(x), 0, 1)
    assert ranked["p_last"].tolist() == pytest.approx([worse, 1 - worse], abs=0.03)


def test_few_cases_do_not_make_a_last():
    """Nothing of two closed says little; 700 of 1,000 says much."""
    table = rates([(0, 2), (700, 1_000), *[(950, 1_000)] * 8])
    assert gk.rank(table, "closing_rate")["rank"].tolist()[:2] == [10, 9]
    fair = gk.rank(table, "closing_rate", noise_aware=True)
    assert fair["p_last"].sum() == pytest.approx(1)
    assert fair["p_last"].iloc[1] > 0.3
    assert fair["rank_low"].iloc[1] >= 9
    assert fair["rank_high"].iloc[0] - fair["rank_low"].iloc[0] >= 1
    alike = gk.rank(rates([(90, 100)] * 6), "closing_rate", noise_aware=True)
    assert alike["rank_low"].eq(1).all()
    assert alike["rank_high"].eq(6).all()


def test_the_order_of_rows_changes_nothing():
    table = rates([(3, 9), (5, 8), (2, 30), (0, 0), (9, 9)])
    one = gk.rank(table, "closing_rate", noise_aware=True)
    two = gk.rank(table.sample(frac=1, random_state=2), "closing_rate", noise_aware=True)
    pd.testing.assert_frame_equal(
        one.sort_values("subject", ignore_index=True), two.sort_values("subject", ignore_index=True)
    )


# --- call-ins, cards, warnings ------------------------------------------------------------------


def three_months():
    return pd.concat(
        [
            rates([(9, 10), (5, 10), (7, 10)], "2025-05"),
            rates([(9, 10), (4, 10), (4, 10)], "2025-06"),
            rates([(3, 10), (8, 10), (3, 10)], "2025-07"),
        ]
    )


def test_last_twice_running_is_called_in():
    ranked = gk.rank(three_months(), "closing_rate", ties="max")
    assert gk.call_in(ranked)["subject"].tolist() == ["S2"]  # June shared, July shared
    assert gk.call_in(ranked)["values"].tolist() == ["0.4000, 0.3000"]
    assert gk.call_in(ranked, last_k=3).empty
    may_june = ranked[ranked["period"] < "2025-07"]
    assert gk.call_in(may_june)["subject"].tolist() == ["S1"]
    assert gk.call_in(ranked[ranked["subject"] == "S1"].assign(rank=1, of=1)).empty
    for k in (0, 4):
        with pytest.raises(gk.OptionError, match="from 1 to 3"):
            gk.call_in(ranked, last_k=k)
    with pytest.raises(gk.OptionError, match="noise_aware=True"):
        gk.call_in(ranked, sure=0.5)


def test_called_in_when_it_is_sure():
    months = pd.concat(
        [rates([(0, 2), (700, 1_000), *[(950, 1_000)] * 8], m) for m in ("2025-05", "2025-06")]
    )
    ranked = gk.rank(months, "closing_rate", noise_aware=True, min_cases=5)
    assert gk.call_in(ranked, sure=0.9)["subject"].tolist() == ["S1"]


def test_cards():
    scored = pd.DataFrame(
        {
            "subject_kind": "town",
            "subject": ["甲"] * 4 + ["乙"] * 4,
            "period": ["2025-04", "2025-05", "2025-06", "2025-07"] * 2,
            "value": [74.9, 80, 74, 73, 59, np.nan, 74, 75],
        }
    )
    given_out = gk.cards(scored)
    assert given_out[["subject", "period", "card"]].to_numpy().tolist() == [
        ["乙", "2025-04", "red"],
        ["乙", "2025-06", "red"],  # a month without data does not wash the first one off
        ["甲", "2025-04", "yellow"],
        ["甲", "2025-06", "yellow"],
        ["甲", "2025-07", "red"],
    ]
    with pytest.raises(gk.OptionError, match="red"):
        gk.cards(scored, yellow=50, red=60)


def test_warnings():
    parts = pd.DataFrame(
        {
            "subject_kind": "unit",
            "subject": ["甲", "乙", "丙"],
            "period": "2025-05",
            "indicator": "closing_rate",
            "points": [Fraction(70), Fraction(6999, 100), None],
        }
    )
    warned = gk.warn(parts)
    assert warned["subject"].tolist() == ["乙"]
    assert warned["lost"].tolist() == pytest.approx([0.3001])
    with pytest.raises(gk.OptionError, match="between 0 and 1"):
        gk.warn(parts, drop=30)


# --- reward ------------------------------------------------------------------------------------


@given(
    st.integers(0, 2_000_000_000),
    st.lists(st.integers(0, 1_000), min_size=1, max_size=30).filter(any),
)
@settings(max_examples=60, deadline=None)
def test_the_fund_is_shared_out_to_the_cent(cents, merits):
    fund = Decimal(cents).scaleb(-2)
    shares = gk.share_reward(fund, pd.Series(merits))
    assert sum(shares) == fund
    for share, merit in zip(shares, merits, strict=True):
        exact = Fraction(cents * merit, sum(merits))
        assert abs(Fraction(share) * 100 - exact) < 1
        assert share == 0 or merit > 0


def test_zhifus_fund_and_bad_ones():
    scores = pd.Series({"甲": 91.25, "乙": 88.1, "丙": 0.0})
    shares = gk.share_reward(20_000_000, scores)
    assert sum(shares) == 20_000_000
    assert shares["丙"] == 0
    for fund in ("-1", "0.001"):
        with pytest.raises(gk.OptionError, match="cannot be shared"):
            gk.share_reward(fund, scores)
    for bad in ([-1, 2], [0, 0], [np.nan, 1]):
        with pytest.raises(gk.OptionError, match="Merits"):
            gk.share_reward(1, pd.Series(bad))
