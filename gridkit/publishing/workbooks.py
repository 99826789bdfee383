"""The monthly workbook: what the bulletin says, as sheets that offices go on working with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..evaluation.ranking import rank
from ..evaluation.rates import INDICATORS, NO_SUBJECT, counted, percent
from ..messages import say
from ..privacy import mask_text
from ..sheets import write_xlsx
from ..tables import CASES
from .facts import GROUPINGS, gather, subject_word
from .standing import LEAST

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from ..errors import Lang
    from ..evaluation.periods import Period
    from ..intake.district import District
    from .facts import Facts

__all__ = ["workbook"]

_LISTED = (
    "case_id",
    "responsible_unit",
    "handler_id",
    "category",
    "text",
    "address",
    "cell_code",
    "reported_at",
    "filed_at",
    "dispose_due_at",
    "first_receiver",
)
_TEXTS = ("text", "address")


def workbook(
    cases: pd.DataFrame,
    path: str | Path,
    *,
    period: Period | str | None = None,
    cells: pd.DataFrame | None = None,
    district: District | None = None,
    lang: Lang = "zh",
    audience: str = "leaders",
    at: datetime | None = None,
) -> dict[str, pd.DataFrame]:
    """Write the figures of a period as one XLSX with a sheet for each table.

    Totals with numerators, denominators and changes; sources, categories, units, streets,
    communities and cells with all counts and rates; the ranks of units; the cases overdue and
    open.

    Parameters
    ----------
    cases : DataFrame
        Satisfies the cases schema.
    path : path
    period, cells, district, lang, audience, at
        As in `bulletin`. For leaders phone numbers in texts are masked; for the public there is no
        sheet of cases.

    Returns
    -------
    dict of sheet name → DataFrame
        What was written. The same input gives the same bytes.

    Raises
    ------
    SchemaError, OptionError
        As in `bulletin`.
    FileError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> cases = pd.DataFrame(
    ...     {
    ...         "case_id": ["1", "2"],
    ...         "stage": ["reported", "reported"],
    ...         "source": ["巡查", "热线"],
    ...         "reported_at": pd.date_range("2025-10-01", periods=2, tz="Asia/Shanghai"),
    ...     }
    ... )
    >>> sheets = gk.workbook(cases, f"{tempfile.mkdtemp()}/月报.xlsx", period="2025-10")
    >>> list(sheets), sheets["来源"]["上报数"].tolist()
    (['总体情况', '来源'], [1, 1])
    """
    facts = gather(
        cases,
        period=period,
        at=at,
        cells=cells,
        district=district,
        lang=lang,
        audience=audience,
    )
    language = facts.lang
    sheets = {say("publishing.bulletin_overview", language): _totals(facts)}
    for kind in GROUPINGS:
        if kind in facts.counts:
            sheets[subject_word(kind, language)] = _grouped(facts, kind)
    ranks = _ranks(facts)
    if ranks is not None:
        sheets[say("publishing.bulletin_standing", language)] = ranks
    late = _late(facts)
    if late is not None:
        sheets[say("publishing.bulletin_overdue", language)] = late
    write_xlsx(path, sheets, lang=language)
    return sheets


def _whole(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def _totals(facts: Facts) -> pd.DataFrame:
    """Return each indicator as printed, with numerator, denominator and changes."""
    lang = facts.lang
    month = say("publishing.bulletin_before", lang), say("publishing.bulletin_mom", lang)
    year = say("publishing.bulletin_year_before", lang), say("publishing.bulletin_yoy", lang)
    earlier = [(facts.before, *month), (facts.year_before, *year)]
    rows = []
    for indicator in INDICATORS:
        if not facts.known(indicator.numerator) or (
            indicator.denominator and not facts.known(indicator.denominator)
        ):
            continue
        above = _whole(facts.whole[indicator.numerator])
        below = _whole(facts.whole[indicator.denominator]) if indicator.denominator else None
        shown = facts.printed(facts.whole, indicator) if indicator.denominator else above
        row: dict[str, Any] = {
            say("publishing.bulletin_indicator", lang): indicator.label(lang),
            say("publishing.bulletin_now", lang): shown,
            say("publishing.word_numerator", lang): above if indicator.denominator else None,
            say("publishing.word_denominator", lang): below,
        }
        for counts, name, change in earlier:
            if counts is not None:
                row[name] = facts.printed(counts, indicator)
                row[change] = facts.change(indicator, counts)
        rows.append(row)
    return pd.DataFrame(rows)


def _grouped(facts: Facts, kind: str) -> pd.DataFrame:
    """Return a grouping: counts as numbers, rates as printed; the most reported first."""
    lang = facts.lang
    counts = facts.counts[kind]
    busy = counts[counts.fillna(0).sum(axis=1) > 0].sort_index()
    if facts.known("reported"):
        busy = busy.sort_values("reported", ascending=False, kind="stable")
    table: dict[str, list[Any]] = {}
    table[subject_word(kind, lang)] = [facts.name(kind, str(s)) for s in busy.index]
    if kind not in ("source", "responsible_unit"):
        table[say("publishing.word_code", lang)] = [str(s) for s in busy.index]
    for indicator in INDICATORS:
        if not facts.known(indicator.numerator):
            continue
        if not indicator.denominator:
            table[indicator.label(lang)] = [_whole(v) for v in busy[indicator.name]]
        elif facts.known(indicator.denominator):
            pairs = zip(busy[indicator.numerator], busy[indicator.denominator], strict=True)
            table[indicator.label(lang)] = [percent(a, b, lang=lang) for a, b in pairs]
    return pd.DataFrame(table)


def _ranks(facts: Facts) -> pd.DataFrame | None:
    if facts.units is None:
        return None
    lang, name = facts.lang, "on_time_closing_rate"
    now = facts.units[facts.units["period"] == facts.units["period"].iloc[-1]]
    own = now[(now["indicator"] == name) & (now["subject"] != NO_SUBJECT)]
    if own["denominator"].isna().all():
        return None
    plain = rank(own, name, min_cases=LEAST)
    fair = rank(own, name, min_cases=LEAST, noise_aware=True)
    label = next(i.label(lang) for i in INDICATORS if i.name == name)
    pairs = zip(plain["numerator"], plain["denominator"], strict=True)
    table = pd.DataFrame(
        {
            say("publishing.bulletin_unit", lang): plain["subject"],
            say("publishing.bulletin_rank", lang): plain["rank"],
            label: [percent(a, b, lang=lang) for a, b in pairs],
            say("publishing.word_numerator", lang): plain["numerator"],
            say("publishing.word_denominator", lang): plain["denominator"],
            say("publishing.word_rank_low", lang): fair["rank_low"],
            say("publishing.word_rank_high", lang): fair["rank_high"],
        }
    )
    order = [say("publishing.bulletin_rank", lang), say("publishing.bulletin_unit", lang)]
    return table.sort_values(order, ignore_index=True)


def _late(facts: Facts) -> pd.DataFrame | None:
    """Return the cases overdue and open, the latest first."""
    rows = counted(facts.cases, "overdue_open", period=facts.period, at=facts.at)
    if rows is None or facts.audience == "public":
        return None
    late = pd.DataFrame(facts.cases[rows]).sort_values(["dispose_due_at", "case_id"])
    late = late[[c for c in _LISTED if c in late.columns]]
    if facts.audience == "leaders":
        late = late.assign(**{c: mask_text(late[c]) for c in _TEXTS if c in late.columns})
    if "category" in late.columns:
        late["category"] = [
            None if pd.isna(c) else facts.name("category", str(c)) for c in late["category"]
        ]
    labels = CASES.labels(facts.lang)
    return late.rename(columns=labels).reset_index(drop=True)
