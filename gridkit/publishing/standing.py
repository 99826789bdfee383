"""How units stand: best and worst, last twice running, what got worse."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..evaluation.ranking import call_in, rank
from ..evaluation.rates import INDICATORS, NO_SUBJECT, half_up, percent
from ..messages import say
from .markup import Markup, grid, tag

if TYPE_CHECKING:
    from .facts import Facts

__all__ = ["called_in", "places", "worse"]

LEAST = 5
"""Units with fewer cases due are not ranked."""
MOST = 5
DROP = 5
"""Percentage points by which a rate has to fall to be listed."""
_RANKED = "on_time_closing_rate"
_WATCHED = ("on_time_closing_rate", "on_time_disposal_rate", "closing_rate")
_LABELS = {i.name: i for i in INDICATORS}


def _units(facts: Facts, periods: int) -> pd.DataFrame | None:
    """Return the rates of units in the last periods, those without a name left out."""
    scores = facts.units
    if scores is None or scores["period"].nunique() < periods:
        return None
    named = scores[scores["subject"] != NO_SUBJECT]
    return named if named["indicator"].eq(_RANKED).any() else None


def _ranked(scores: pd.DataFrame, *, noise_aware: bool = False) -> pd.DataFrame:
    own = scores[scores["indicator"] == _RANKED]
    return rank(own, _RANKED, min_cases=LEAST, noise_aware=noise_aware)


def places(facts: Facts) -> list[Markup]:
    """Return the best and the worst units, with the places that chance leaves open."""
    scores = _units(facts, 1)
    if scores is None:
        return []
    lang, now = facts.lang, scores["period"].iloc[-1]
    table = _ranked(scores[scores["period"] == now])
    fair = _ranked(scores[scores["period"] == now], noise_aware=True)
    table = table.assign(low=fair["rank_low"], high=fair["rank_high"])
    table = table[table["rank"].notna()].sort_values(["rank", "subject"])
    if len(table) < 2:
        return []
    cut = len(table) > 2 * MOST
    shown = pd.concat([table.head(MOST), table.tail(MOST)]) if cut else table
    rows = [
        [
            facts.name("responsible_unit", row["subject"]),
            f"{row['rank']}",
            percent(row["numerator"], row["denominator"], lang=lang),
            f"{row['numerator']:,} / {row['denominator']:,}",
            f"{row['low']}" if row["low"] == row["high"] else f"{row['low']}–{row['high']}",
        ]
        for _, row in shown.iterrows()
    ]
    headers = [
        say("publishing.bulletin_unit", lang),
        say("publishing.bulletin_rank", lang),
        _LABELS[_RANKED].label(lang),
        say("publishing.bulletin_ratio", lang),
        say("publishing.bulletin_places", lang),
    ]
    what = {"least": LEAST, "n": len(table), "shown": len(shown)}
    note = tag("p", say("publishing.bulletin_places_note", lang, **what), class_="note")
    return [grid(headers, rows), note]


def called_in(facts: Facts) -> list[Markup]:
    """Return who was last twice running."""
    scores = _units(facts, 2)
    if scores is None:
        return []
    lang = facts.lang
    last = call_in(_ranked(scores), last_k=2)
    if last.empty:
        return [tag("p", say("publishing.bulletin_nobody_called", lang))]
    names = [facts.name("responsible_unit", subject) for subject in last["subject"]]
    text = ("、" if lang == "zh" else ", ").join(names)
    return [tag("p", say("publishing.bulletin_called", lang, names=text))]


def worse(facts: Facts) -> list[Markup]:
    """Return the rates of units that fell most since the period before."""
    scores = _units(facts, 2)
    if scores is None:
        return []
    lang = facts.lang
    periods = scores["period"].unique()
    keys = ["subject", "indicator"]
    own = scores[scores["indicator"].isin(_WATCHED) & scores["denominator"].ge(LEAST).fillna(False)]
    before, now = (own[own["period"] == p] for p in periods)
    both = now.merge(before[[*keys, "numerator", "denominator"]], on=keys, suffixes=("", "_before"))
    found: list[tuple[Fraction, list[Any]]] = []
    for row in both.to_dict("records"):
        pairs = [(int(row[f"numerator{b}"]), int(row[f"denominator{b}"])) for b in ("", "_before")]
        rates = [Fraction(above, below) for above, below in pairs]
        fall = rates[1] - rates[0]
        if 100 * fall >= DROP:
            points = half_up(fall.numerator, fall.denominator)
            shown = [percent(above, below, lang=lang) for above, below in pairs]
            name = facts.name("responsible_unit", str(row["subject"]))
            told = say("publishing.bulletin_points_down", lang, step=points)
            found.append((fall, [name, _LABELS[str(row["indicator"])].label(lang), *shown, told]))
    if not found:
        return [tag("p", say("publishing.bulletin_none_worse", lang, drop=DROP))]
    found.sort(key=lambda pair: (-pair[0], pair[1][:2]))
    headers = [
        say("publishing.bulletin_unit", lang),
        say("publishing.bulletin_indicator", lang),
        say("publishing.bulletin_now", lang),
        say("publishing.bulletin_before", lang),
        say("publishing.bulletin_mom", lang),
    ]
    table = grid(headers, [row for _, row in found[: 2 * MOST]])
    note = say("publishing.bulletin_worse_note", lang, drop=DROP, least=LEAST)
    return [table, tag("p", note, class_="note")]
