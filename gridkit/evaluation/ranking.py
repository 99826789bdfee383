"""Ranks that are fair: within groups, with enough cases, and saying what cannot be told apart."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from ..errors import OptionError, SchemaError
from ..messages import message
from ..schema import first_few
from .definitions import did_you_mean, load_indicators

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .definitions import Definitions

    Floats = NDArray[np.float64]

__all__ = ["beta_prior", "call_in", "cards", "rank", "share_reward", "warn"]

Ties = Literal["min", "max", "dense", "average"]
_DRAWS = 4_000
_MOST = 1e6  # a prior worth more cases than this says that all are alike
_NEEDED = ("subject_kind", "subject", "period", "indicator", "value")


def rank(
    scores: pd.DataFrame,
    indicator: str,
    *,
    within: Mapping[str, str] | pd.Series | None = None,
    min_cases: int = 0,
    better: Literal["high", "low"] | None = None,
    ties: Ties = "min",
    noise_aware: bool = False,
    level: float = 0.9,
    seed: int = 0,
    definitions: Definitions | None = None,
) -> pd.DataFrame:
    """Rank the subjects of each period, 1 the best.

    Parameters
    ----------
    scores : DataFrame
        From `indicators` or `score`.
    indicator : str
        Such as ``on_time_closing_rate`` or ``department_score``.
    within : mapping of subject → group, optional
        Ranks are given within groups: towns among towns, bureaus among bureaus.
    min_cases : int
        Rates of fewer cases are not ranked.
    better : {"high", "low"}, optional
        By default as the indicator is defined; the higher score is better.
    ties : {"min", "max", "dense", "average"}
        Which place equal values share.
    noise_aware : bool
        For rates: rank by what is known of each, not by what chance made of few cases. Rates are
        drawn towards that of their group as far as they rest on few cases (empirical Bayes, a
        beta-binomial model), and the places that each may well have are told.
    level : float
        Of the intervals in this mode.
    seed : int
        Of the draws in this mode.
    definitions : Definitions, optional
        Where the indicator is defined.

    Returns
    -------
    DataFrame
        The rows of the indicator, with ``group``, ``rank`` (empty: not ranked), ``of`` (how many
        are ranked in the group) and ``unranked`` (``no_data``, ``few_cases``, ``alone`` where the
        group has nobody else, otherwise empty text);
        noise-aware also ``shrunk`` (the rate as far as it is known), ``low`` and ``high`` (its
        interval), ``rank_low`` and ``rank_high`` (the places it may well have) and ``p_last`` (how
        likely it is the last of its group).

    Raises
    ------
    OptionError
        An unknown indicator, one of which neither way is better, one that is no rate in
        noise-aware mode, subjects without a group, unknown ties.
    SchemaError
        Not a table of scores.

    References
    ----------
    Goldstein & Spiegelhalter (1996), J. R. Stat. Soc. A 159, on league tables and their
    uncertainty.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> scores = pd.DataFrame(
    ...     {
    ...         "subject_kind": "street", "subject": ["甲", "乙", "丙"], "period": "2025-05",
    ...         "indicator": "closing_rate", "numerator": [90, 2, 170],
    ...         "denominator": [100, 3, 200],
    ...     }
    ... )
    >>> scores["value"] = scores["numerator"] / scores["denominator"]
    >>> gk.rank(scores, "closing_rate")[["subject", "rank", "of"]].to_numpy().tolist()
    [['甲', 1, 3], ['乙', 3, 3], ['丙', 2, 3]]
    >>> fair = gk.rank(scores, "closing_rate", noise_aware=True)
    >>> fair[["subject", "rank_low", "rank_high"]].to_numpy().tolist()
    [['甲', 1, 3], ['乙', 1, 3], ['丙', 1, 3]]
    """
    lost = [c for c in _NEEDED if c not in scores.columns]
    if lost:
        found = ", ".join(map(str, scores.columns))
        where = {"source": "scores", "table": "scores", "columns": ", ".join(lost), "found": found}
        raise SchemaError(*message("tables.missing_columns", **where))
    if ties not in get_args(Ties):
        choices = ", ".join(get_args(Ties))
        raise OptionError(*message("options.unknown", name="ties", value=ties, choices=choices))
    own = scores[scores["indicator"] == indicator].reset_index(drop=True)
    if own.empty:
        raise OptionError(*did_you_mean("indicator", indicator, scores["indicator"].unique()))
    way = better or _better(indicator, definitions)
    table = own.assign(group=_groups(own["subject"], within))
    cases = _cases(table)
    unranked = np.where(
        table["value"].isna(), "no_data", np.where(cases < min_cases, "few_cases", "")
    )
    table = table.assign(unranked=pd.Series(unranked, table.index, dtype="str"))
    ranked = table[table["unranked"] == ""]
    peers = ranked.groupby(["subject_kind", "period", "group"])["subject"].transform("size")
    alone = peers.index[peers == 1]
    table.loc[alone, "unranked"] = "alone"
    ranked = ranked.drop(index=alone)
    if noise_aware:
        table = _with_noise(table, ranked, way, level, seed)
        ranked = table[table["unranked"] == ""]
        value = ranked["shrunk"]
    else:
        value = ranked["value"]
    keys = [ranked[c] for c in ("subject_kind", "period", "group")]
    place = value.groupby(keys).rank(method=ties, ascending=way == "low")
    size = value.groupby(keys).transform("size")
    kind: Any = "float64" if ties == "average" else "Int64"
    return table.assign(
        rank=place.reindex(table.index).astype(kind), of=size.reindex(table.index).astype("Int64")
    )


def _better(indicator: str, definitions: Definitions | None) -> str:
    if indicator.endswith("_score"):
        return "high"
    known = load_indicators() if definitions is None else definitions
    way = known[indicator].better
    if not way:
        raise OptionError(*message("evaluation.which_is_better", indicator=indicator))
    return way


def _groups(subjects: pd.Series, within: Mapping[str, str] | pd.Series | None) -> pd.Series:
    if within is None:
        return pd.Series("", subjects.index, dtype="str")
    groups = subjects.map(dict(within.items())).astype("str")
    if groups.isna().any():
        lost = first_few(subjects[groups.isna()])
        raise OptionError(*message("evaluation.no_group", subjects=lost))
    return groups


def _cases(table: pd.DataFrame) -> Floats:
    """Return how many cases each value rests on: below a rate, or the count itself."""
    lacking = pd.Series(np.nan, table.index)
    below = table["denominator"] if "denominator" in table.columns else lacking
    above = table["numerator"] if "numerator" in table.columns else lacking
    cases = pd.to_numeric(below.fillna(above)).astype("float64")
    return np.asarray(cases.fillna(np.inf), np.float64)


def _with_noise(
    table: pd.DataFrame, ranked: pd.DataFrame, way: str, level: float, seed: int
) -> pd.DataFrame:
    """Add what is known of each rate, and the places that it may have."""
    if "denominator" not in ranked.columns or ranked["denominator"].isna().any():
        raise OptionError(*message("evaluation.no_rate", indicator=table["indicator"].iloc[0]))
    added = pd.DataFrame(
        np.nan,
        table.index,
        ["shrunk", "low", "high", "rank_low", "rank_high", "p_last"],
    )
    rng = np.random.default_rng(seed)
    tail = (1 - level) / 2
    # Sorted, so that the draws do not depend on the order of the rows.
    for _, own in ranked.sort_values("subject").groupby(["subject_kind", "period", "group"]):
        x, n = (own[c].to_numpy(np.float64) for c in ("numerator", "denominator"))
        a, b = beta_prior(x, n)
        above, below = a + x, b + n - x
        draws = rng.beta(above, below, (_DRAWS, len(own)))
        order = draws if way == "low" else -draws
        places = stats.rankdata(order, method="ordinal", axis=1)
        added.loc[own.index, "shrunk"] = above / (above + below)
        added.loc[own.index, "low"] = special.betaincinv(above, below, tail)
        added.loc[own.index, "high"] = special.betaincinv(above, below, 1 - tail)
        added.loc[own.index, "rank_low"] = np.quantile(places, tail, axis=0, method="lower")
        added.loc[own.index, "rank_high"] = np.quantile(places, 1 - tail, axis=0, method="higher")
        added.loc[own.index, "p_last"] = (places == len(own)).mean(axis=0)
    whole = {"rank_low": "Int64", "rank_high": "Int64"}
    return pd.concat([table, added.astype(whole)], axis=1)


def beta_prior(above: Floats, below: Floats) -> tuple[float, float]:
    """Return the beta distribution from which the rates of a group come.

    Parameters
    ----------
    above, below : ndarray
        Numerators and denominators.

    Returns
    -------
    (a, b) : float
        With the pooled rate as mean; how narrow it is has the greatest likelihood of the
        beta-binomial model.

    Examples
    --------
    >>> import numpy as np
    >>> from gridkit.evaluation.ranking import beta_prior
    >>> a, b = beta_prior(np.array([50.0, 90.0]), np.array([100.0, 100.0]))
    >>> f"{a / (a + b):.2f}"
    '0.70'
    """
    there = below > 0
    x, n = above[there], below[there]
    # Half a case on either side keeps the mean off 0 and 1, where no beta distribution has it.
    mean = (x.sum() + 0.5) / (n.sum() + 1)

    def unlikely(logarithm: float) -> float:
        size = np.exp(logarithm)
        a, b = mean * size, (1 - mean) * size
        return -float((special.betaln(a + x, b + n - x) - special.betaln(a, b)).sum())

    if len(x) < 2:
        return mean * 2, (1 - mean) * 2
    best = optimize.minimize_scalar(unlikely, bounds=(np.log(0.5), np.log(_MOST)), method="bounded")
    size = float(np.exp(best.x))
    return mean * size, (1 - mean) * size


def call_in(ranked: pd.DataFrame, *, last_k: int = 2, sure: float | None = None) -> pd.DataFrame:
    """Return who was last k times running and is called in (约谈).

    Parameters
    ----------
    ranked : DataFrame
        From `rank`, of several periods whose names sort by time.
    last_k : int
        How many of the latest periods.
    sure : float, optional
        With noise-aware ranks: called in is who was last with at least this probability in each
        of these periods.

    Returns
    -------
    DataFrame
        ``subject_kind``, ``group``, ``subject``, ``periods`` and ``values``: the periods in which
        it was last, and its values there. Where all share one place nobody is last.

    Raises
    ------
    OptionError
        `last_k` below 1 or more than there are periods; `sure` without noise-aware ranks.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> scores = pd.DataFrame(
    ...     {
    ...         "subject_kind": "street", "subject": ["甲", "乙"] * 2,
    ...         "period": ["2025-05"] * 2 + ["2025-06"] * 2, "indicator": "closing_rate",
    ...         "numerator": [9, 8, 9, 7], "denominator": 10, "value": [0.9, 0.8, 0.9, 0.7],
    ...     }
    ... )
    >>> gk.call_in(gk.rank(scores, "closing_rate"))[["subject", "periods"]].to_numpy().tolist()
    [['乙', '2025-05, 2025-06']]
    """
    periods = sorted(ranked["period"].unique())
    if not 1 <= last_k <= len(periods):
        raise OptionError(*message("evaluation.last_k", last_k=last_k, n=len(periods)))
    if sure is not None and "p_last" not in ranked.columns:
        raise OptionError(*message("evaluation.not_noise_aware"))
    latest = ranked[ranked["period"].isin(periods[-last_k:]) & ranked["rank"].notna()]
    if sure is None:
        worst = latest.groupby(["subject_kind", "period", "group"])["rank"].transform("max")
        last = latest[(latest["rank"] == worst) & (worst > 1)]
    else:
        last = latest[(latest["p_last"] >= sure) & (latest["of"] > 1)]
    last = last.sort_values("period")
    rows = [
        (*key, ", ".join(own["period"]), ", ".join(f"{v:.4f}" for v in own["value"]))
        for key, own in last.groupby(["subject_kind", "group", "subject"])
        if len(own) == last_k
    ]
    columns = ["subject_kind", "group", "subject", "periods", "values"]
    return pd.DataFrame(rows, columns=columns, dtype="str")


def cards(
    scored: pd.DataFrame, *, yellow: float = 75.0, red: float = 60.0, again: int = 2
) -> pd.DataFrame:
    """Hand out yellow and red cards.

    Parameters
    ----------
    scored : DataFrame
        From `score`, of periods whose names sort by time.
    yellow, red : float
        A score below earns the card.
    again : int
        So many yellow cards running make a red one.

    Returns
    -------
    DataFrame
        A row for each card: ``subject_kind``, ``subject``, ``period``, ``value``, ``card`` (yellow,
        red) and ``running``, which yellow card in a row it was.

    Raises
    ------
    OptionError
        `red` above `yellow`, or `again` below 1.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> scored = pd.DataFrame(
    ...     {
    ...         "subject_kind": "town", "subject": "甲",
    ...         "period": ["2025-04", "2025-05", "2025-06"], "value": [70.0, 72.0, 80.0],
    ...     }
    ... )
    >>> gk.cards(scored)[["period", "card"]].to_numpy().tolist()
    [['2025-04', 'yellow'], ['2025-05', 'red']]
    """
    if red > yellow or again < 1:
        raise OptionError(*message("evaluation.bad_cards", yellow=yellow, red=red, again=again))
    rows: list[tuple[Any, ...]] = []
    for (kind, subject), own in scored.sort_values("period").groupby(["subject_kind", "subject"]):
        running = 0
        for period, value in zip(own["period"], own["value"], strict=True):
            if pd.isna(value):
                continue  # no data is no better, and no worse
            running = running + 1 if value < yellow else 0
            if running:
                red_one = value < red or running >= again
                rows.append((kind, subject, period, value, "red" if red_one else "yellow", running))
    columns = ["subject_kind", "subject", "period", "value", "card", "running"]
    return pd.DataFrame(rows, columns=columns)


def warn(parts: pd.DataFrame, *, drop: float = 0.30) -> pd.DataFrame:
    """Return the items that have lost more than a share of their points.

    Parameters
    ----------
    parts : DataFrame
        From `score_parts`.
    drop : float
        Share of the full 100 points, 0-1.

    Returns
    -------
    DataFrame
        The rows of these items, with ``lost``, the share of points lost, the worst first.

    Raises
    ------
    OptionError
        `drop` is not between 0 and 1.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> parts = pd.DataFrame(
    ...     {
    ...         "subject_kind": "unit", "subject": "甲", "period": "2025-05",
    ...         "indicator": ["closing_rate", "rework_rate"], "points": [69, 70],
    ...     }
    ... )
    >>> gk.warn(parts)["indicator"].tolist()
    ['closing_rate']
    """
    if not 0 < drop < 1:
        raise OptionError(*message("evaluation.bad_drop", drop=drop))
    there = parts[parts["points"].notna()]
    lost = np.array([1 - Fraction(p) / 100 for p in there["points"]], object)
    low = np.array([share > Fraction(str(drop)) for share in lost], bool)
    table = there[low].assign(lost=lost[low].astype(np.float64))
    return table.sort_values(["lost", "subject"], ascending=[False, True], ignore_index=True)


def share_reward(fund: Decimal | int | str, merits: pd.Series) -> pd.Series:
    """Share out a fund by merit, to the cent: the shares add up to the fund exactly.

    Parameters
    ----------
    fund : Decimal, int or str
        Yuan, with at most two decimals.
    merits : Series of numbers, indexed by subject
        What the shares are proportional to: a score, 0 for those who get nothing.

    Returns
    -------
    Series of Decimal
        Rounded down to the cent; the cents that are left go to the largest remainders, of equal
        ones to the first in the table.

    Raises
    ------
    OptionError
        A fund below 0 or in parts of a cent, merits that are empty, negative or all 0.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> gk.share_reward("100.00", pd.Series({"甲": 1, "乙": 1, "丙": 1})).astype("str").tolist()
    ['33.34', '33.33', '33.33']
    """
    cents = Fraction(Decimal(str(fund))) * 100
    if cents < 0 or cents.denominator != 1:
        raise OptionError(*message("evaluation.bad_fund", fund=fund))
    if merits.isna().any() or (merits < 0).any() or not (merits > 0).any():
        raise OptionError(*message("evaluation.bad_merits"))
    exact = [Fraction(m) if isinstance(m, int | Fraction) else Fraction(str(m)) for m in merits]
    total = sum(exact)
    whole = [cents * m // total for m in exact]
    rest = [cents * m / total - w for m, w in zip(exact, whole, strict=True)]
    order = sorted(range(len(rest)), key=lambda i: (-rest[i], i))
    for i in order[: int(cents - sum(whole))]:
        whole[i] += 1
    shares = [Decimal(int(w)).scaleb(-2) for w in whole]
    return pd.Series(shares, merits.index, dtype=object)
