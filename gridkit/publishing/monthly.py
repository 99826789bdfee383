"""The monthly analysis (月度分析): a month's bulletin, with scores, campaigns and the year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import OptionError
from ..evaluation.definitions import load_indicators
from ..evaluation.periods import Period
from ..evaluation.rates import INDICATORS, NO_SUBJECT, indicators, percent
from ..evaluation.scoring import load_scoring, score, score_parts
from ..evaluation.tallies import tally
from ..messages import message, say
from .bulletins import Bulletin, compose
from .facts import gather
from .markup import Markup, grid, tag

if TYPE_CHECKING:
    from datetime import datetime

    from ..errors import Lang
    from ..evaluation.scoring import Scoring
    from ..intake.district import District
    from .facts import Facts

__all__ = ["monthly_report"]

_MONTHS = 12
_TREND = ("reported", "filed", "closing_rate", "on_time_closing_rate", "on_time_disposal_rate")
_LABELS = {i.name: i for i in INDICATORS}


def monthly_report(
    cases: pd.DataFrame,
    *,
    period: Period | str,
    cells: pd.DataFrame | None = None,
    district: District | None = None,
    title: str | None = None,
    lang: Lang = "zh",
    audience: str = "leaders",
    at: datetime | None = None,
    profile: str = "department",
    scoring: Scoring | None = None,
) -> Bulletin:
    """Write the analysis of a month.

    All sections of `bulletin`, and the composite scores of units with the points of each item,
    grades and stars; what each campaign has issued and fixed so far; the last twelve months.

    Parameters
    ----------
    cases : DataFrame
        Satisfies the cases schema.
    period : Period or str
        A month, also one that begins on another day (`Period.parse` with ``month_start``).
    cells, district, title, lang, audience, at
        As in `bulletin`.
    profile : str
        Which score units get.
    scoring : Scoring, optional
        `load_scoring` by default.

    Returns
    -------
    Bulletin
        Saved as HTML or DOCX. The same input gives the same bytes.

    Raises
    ------
    SchemaError, OptionError
        As in `bulletin` and `score`; a period that is no month.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> cases = pd.DataFrame(
    ...     {
    ...         "case_id": ["1", "2"],
    ...         "stage": ["dispatched", "disposed"],
    ...         "campaign": ["门前三包", "门前三包"],
    ...         "dispatched_at": pd.date_range("2025-10-01", periods=2, tz="Asia/Shanghai"),
    ...         "disposed_at": pd.to_datetime([None, "2025-10-03T10:00+08:00"]),
    ...     }
    ... )
    >>> "门前三包" in gk.monthly_report(cases, period="2025-10", title="示例区").html
    True
    """
    span = Period.parse(period) if isinstance(period, str) else period
    if not 28 <= (span.end - span.start).days <= 31:
        raise OptionError(*message("publishing.no_month", period=span.name))
    facts = gather(
        cases,
        period=span,
        at=at,
        cells=cells,
        district=district,
        lang=lang,
        audience=audience,
    )
    language = facts.lang
    known = load_scoring() if scoring is None else scoring
    more = [
        (say("publishing.monthly_scores", language), _scores(facts, profile, known)),
        (say("publishing.monthly_campaigns", language), _campaigns(facts)),
        (say("publishing.monthly_trend", language), _trend(facts)),
    ]
    place = title if title is not None else district.name if district is not None else ""
    heading = say("publishing.monthly_heading", language)
    return compose(facts, place=place, heading=heading, more=[m for m in more if m[1]])


def _scores(facts: Facts, profile: str, scoring: Scoring) -> list[Markup]:
    """Return the composite scores of units, the best first, with the points of each item."""
    if facts.units is None:
        return []
    lang = facts.lang
    now = facts.units[facts.units["period"] == facts.units["period"].iloc[-1]]
    now = now[now["subject"] != NO_SUBJECT]
    scored = score(now, profile, scoring=scoring, missing="share_out").dropna(subset="value")
    parts = score_parts(now, profile, scoring=scoring).set_index(["subject", "indicator"])["points"]
    items = [i.indicator for i in scoring.profiles[profile].items]
    labels = {i.name: i.label(lang) for i in load_indicators().indicators}
    grades = {g["code"]: g["zh" if lang == "zh" else "en"] for g in scoring.grades}
    scored = scored.sort_values(["value", "subject"], ascending=[False, True])
    rows = []
    for row in scored.to_dict("records"):
        points = [parts.get((row["subject"], name)) for name in items]
        shown = ["–" if pd.isna(p) else f"{float(p):.1f}" for p in points]
        stars = "★" * int(row["stars"]) or "–"
        told = [row["printed"], f"{row['grade']} {grades[row['grade']]}", stars]
        rows.append([facts.name("responsible_unit", str(row["subject"])), *shown, *told])
    if not rows:
        return []
    headers = [
        say("publishing.bulletin_unit", lang),
        *(labels[name] for name in items),
        say("publishing.monthly_score", lang),
        say("publishing.monthly_grade", lang),
        say("publishing.monthly_stars", lang),
    ]
    way = scoring.profiles[profile]
    weights = ", ".join(f"{labels[i.indicator]} {float(i.weight):.0%}" for i in way.items)
    name = way.zh if lang == "zh" else way.en
    note = say("publishing.monthly_scores_note", lang, profile=name, weights=weights)
    return [grid(headers, rows), tag("p", note, class_="note")]


def _campaigns(facts: Facts) -> list[Markup]:
    """Return what each campaign has issued and fixed up to the time of counting."""
    needed = ("campaign", "dispatched_at", "disposed_at")
    if any(c not in facts.cases.columns or facts.cases[c].isna().all() for c in needed):
        return []
    lang = facts.lang
    rows: list[tuple[int, list[Any]]] = []
    for name, own in facts.cases.groupby("campaign"):
        counts = tally(own, every="month", at=facts.at)
        if counts.empty:
            continue
        last = counts.iloc[-1]
        issued, fixed, left = (int(last[c]) for c in ("issued_total", "fixed_total", "left"))
        share = percent(fixed, issued, lang=lang)
        rows.append((issued, [str(name), f"{issued:,}", f"{fixed:,}", share, f"{left:,}"]))
    if not rows:
        return []
    rows.sort(key=lambda pair: (-pair[0], pair[1]))
    headers = [
        say("publishing.monthly_campaign", lang),
        say("publishing.monthly_issued", lang),
        say("publishing.monthly_fixed", lang),
        say("publishing.monthly_share", lang),
        say("publishing.monthly_left", lang),
    ]
    return [grid(headers, [row for _, row in rows])]


def _with_ratio(above: Any, below: Any, facts: Facts) -> str:
    """Return a rate with its numerator and denominator."""
    rate = percent(above, below, lang=facts.lang)
    return rate if pd.isna(below) or not below else f"{rate} ({above:,}/{below:,})"


def _trend(facts: Facts) -> list[Markup]:
    """Return the last twelve months, those before the first case left out."""
    lang, period = facts.lang, facts.period
    if period is None:
        return []
    spans = [period]
    while len(spans) < _MONTHS:
        spans.insert(0, spans[0].previous())
    scores = indicators(facts.cases, by=None, period=spans)
    wide = {key: own.set_index("indicator") for key, own in scores.groupby("period", sort=False)}
    shown = [_LABELS[n] for n in _TREND if pd.notna(facts.whole[_LABELS[n].numerator])]
    rows: list[list[str]] = []
    for span in spans:
        figures = wide[span.name].loc[[i.name for i in shown]]
        if not rows and figures["numerator"].fillna(0).sum() == 0:
            continue
        texts = [
            _with_ratio(row["numerator"], row["denominator"], facts)
            if i.denominator
            else f"{row['numerator']:,}"
            for i, (_, row) in zip(shown, figures.iterrows(), strict=True)
        ]
        rows.append([span.name, *texts])
    if len(rows) < 2:
        return []
    return [grid([say("publishing.monthly_month", lang), *(i.label(lang) for i in shown)], rows)]
