"""What a leader wants to know first: how a period went, what got worse, who owes what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..evaluation.periods import Period
from ..evaluation.rates import INDICATORS, NO_SUBJECT, counted, half_up, indicators, percent
from ..messages import say
from ..privacy import FEWEST, mask_counts, with_second
from ..rules import load_categories
from .content import count_text
from .facts import change_text, names_of, subject_word, wide

if TYPE_CHECKING:
    from ..errors import Lang
    from ..evaluation.definitions import Indicator
    from ..intake.district import District
    from ..privacy import Audience

__all__ = ["Glance", "default_period"]

KINDS = ("responsible_unit", "street_code", "community_code")
CARDS = ("filed", "closing_rate", "on_time_closing_rate", "overdue_open")
BETTER_UP = {"closing_rate": 1, "on_time_closing_rate": 1, "overdue_open": -1, "filed": 0}
SURE = 2.0  # standard deviations of a count by chance
MOST = 3
_BY_NAME = {i.name: i for i in INDICATORS}


def default_period(at: pd.Timestamp | None, step: str, tz: str) -> Period | None:
    """Return the last month (or week, where there are only weeks) that has nearly run its course.

    Parameters
    ----------
    at : Timestamp or None
        Time of counting.
    step : {"D", "W", "M"}
        How the cases are parted.
    tz : str
    """
    if at is None:
        return None
    local = at.tz_convert(tz)
    form = "%Y-%m" if step == "M" else "%G-W%V"
    period = Period.parse(local.strftime(form), tz=tz)
    nearly = pd.Timestamp(period.end) - local <= pd.Timedelta(days=2)
    return period if nearly else period.previous()


class Glance:
    """The figures of one period beside those of the period before.

    Parameters
    ----------
    cases : DataFrame
        Table ``cases``.
    district : District or None
        Its communities give names.
    period : Period or None
    at : Timestamp or None
        Time of counting of what is overdue.
    lang : {"zh", "en"}
    audience : {"internal", "leaders", "public"}
    """

    def __init__(
        self,
        cases: pd.DataFrame,
        district: District | None,
        *,
        period: Period | None,
        at: pd.Timestamp | None,
        lang: Lang,
        audience: Audience,
    ) -> None:
        self.lang, self.audience, self.period = lang, audience, period
        self.names = {} if district is None else names_of(district)
        self.categories = load_categories()
        kinds = [c for c in ("category", *KINDS) if c in cases.columns and cases[c].notna().any()]
        spans = [period] if period is None else [period.previous(), period]
        parts = [indicators(cases, by=[None, *kinds], period=s, at=_until(s, at)) for s in spans]
        self.tables = {kind: [wide(part, kind) for part in parts] for kind in ("all", *kinds)}
        self.late = _late(cases, at)

    @property
    def _compared(self) -> bool:
        """Whether anything happened in the period before."""
        first = self.tables["all"][0].iloc[0]
        return self.period is not None and bool(first[["reported", "filed"]].fillna(0).sum() > 0)

    def name(self, kind: str, subject: str) -> str:
        """Return what a subject is called."""
        if subject == NO_SUBJECT:
            return say("publishing.bulletin_unnamed", self.lang)
        if kind == "category":
            known = self.categories.get(subject)
            return subject if known is None else known.name(self.lang)
        return self.names.get(subject, subject)

    def cards(self) -> list[dict[str, str]]:
        """Return the leading figures with their change: label, value, change, tone."""
        now = self.tables["all"][-1].iloc[0]
        old = self.tables["all"][0].iloc[0] if self._compared else None
        found = []
        for name in CARDS:
            indicator = _BY_NAME[name]
            if pd.isna(now[indicator.numerator]):
                continue
            change = "" if old is None else change_text(indicator, now, old, self.lang)
            found.append(
                {
                    "label": indicator.label(self.lang),
                    "value": self._printed(now, name),
                    "change": "" if change == "–" else change,
                    "tone": "" if old is None else _tone(name, now, old),
                }
            )
        return found

    def _printed(self, row: pd.Series[Any], name: str) -> str:
        """Return a figure as the audience may see it."""
        indicator = _BY_NAME[name]
        if not indicator.denominator:
            return self._count(row[name])
        below = row[indicator.denominator]
        if pd.isna(below) or (self.audience == "public" and below < FEWEST):
            return "–"
        return percent(row[indicator.numerator], below, lang=self.lang)

    def _count(self, n: Any) -> str:
        if pd.isna(n):
            return "–"
        return count_text(mask_counts([int(n)], audience=self.audience)[0])

    def worse(self) -> list[dict[str, str]]:
        """Return categories and areas of which more was reported than chance explains."""
        if not self._compared:
            return []
        found = []
        for kind in ("category", "community_code", "street_code"):
            if kind not in self.tables:
                continue
            before, now = (t["reported"].astype(float).fillna(0) for t in self.tables[kind])
            before, now = before.align(now, fill_value=0)
            total = before + now
            enough = (now >= FEWEST) & (before >= (FEWEST if self.audience == "public" else 0))
            risen: pd.Series[Any] = (now - before) / np.sqrt(total.where(total > 0, 1))
            listed: pd.Series[Any] = risen[enough & (risen >= SURE) & (now.index != NO_SUBJECT)]
            found += [(score, kind, str(subject)) for subject, score in listed.items()]
        found.sort(key=lambda one: (-one[0], one[1:]))
        told = []
        for _, kind, subject in found[:MOST]:
            before, now = (self.tables[kind][k]["reported"].get(subject, 0) for k in (0, 1))
            counts = {"now": f"{int(now):,}", "before": f"{int(before):,}"}
            told.append(
                {
                    "name": self.name(kind, subject),
                    "text": say("publishing.dash_worse_line", self.lang, **counts),
                }
            )
        return told

    def owes(self) -> list[dict[str, str]]:
        """Return the units with most cases overdue, and how long the oldest is."""
        told = []
        late = self.late
        if self.audience == "public":  # how late a few cases are may point at one of them
            late = late[late["n"] >= FEWEST]
        for unit, row in late.head(MOST).iterrows():
            days = f"{max(row['days'], 0):.1f}"
            n = self._count(row["n"])
            text = say("publishing.dash_owes_line", self.lang, n=n, days=days)
            told.append({"name": self.name("responsible_unit", str(unit)), "text": text})
        return told

    def ranking(self) -> list[dict[str, Any]]:
        """Return for units, streets and communities a table, the best on-time rate first."""
        found = []
        for kind in KINDS:
            if kind not in self.tables:
                continue
            now = self.tables[kind][-1]
            old = self.tables[kind][0].reindex(now.index) if self._compared else None
            rate = _rate(now, "on_time_closing_rate")
            order = np.lexsort((now.index.to_numpy(str), -rate.fillna(-1).to_numpy()))
            rows = [self._row(kind, now, old, int(k)) for k in order]
            for place, name in enumerate(CARDS) if self.audience == "public" else ():
                if not _BY_NAME[name].denominator:
                    _hide_second(rows, place, now[name].to_numpy(float, na_value=0.0)[order])
            found.append({"kind": kind, "label": subject_word(kind, self.lang), "rows": rows})
        return found

    def _row(
        self, kind: str, now: pd.DataFrame, old: pd.DataFrame | None, k: int
    ) -> dict[str, Any]:
        row, subject = now.iloc[k], str(now.index[k])
        change, tone = "", ""
        if old is not None and not pd.isna(old.iloc[k]["should_close"]):
            hidden = self.audience == "public" and old.iloc[k]["should_close"] < FEWEST
            rate = _BY_NAME["on_time_closing_rate"]
            if not hidden and self._printed(row, rate.name) != "–":
                change = _points(rate, row, old.iloc[k])
                tone = _tone(rate.name, row, old.iloc[k])
        return {
            "name": self.name(kind, subject),
            "code": "" if subject == NO_SUBJECT else subject,
            "cells": [self._printed(row, name) for name in CARDS],
            "change": change,
            "tone": tone,
        }

    def columns(self) -> list[str]:
        """Return the heads of the columns of `ranking`."""
        return [_BY_NAME[name].label(self.lang) for name in CARDS]


def _hide_second(rows: list[dict[str, Any]], place: int, counts: Any) -> None:
    """Withhold a second count of a column where one alone is: the district's would tell it."""
    few = (counts > 0) & (counts < FEWEST)
    for k in np.flatnonzero(with_second(counts, few) & ~few):
        rows[k]["cells"][place] = "–"


def _points(rate: Indicator, now: pd.Series[Any], old: pd.Series[Any]) -> str:
    """Return the points between two printed rates, with their sign."""
    rates = [half_up(int(r[rate.numerator]), int(r[rate.denominator])) for r in (now, old)]
    return "" if rates[0] is None or rates[1] is None else f"{rates[0] - rates[1]:+}"


def _until(span: Period | None, at: pd.Timestamp | None) -> pd.Timestamp | None:
    """Return the time of counting of a period: its end, or now where that is earlier."""
    if span is None or at is None:
        return at
    return min(pd.Timestamp(span.end), at)


def _rate(table: pd.DataFrame, name: str) -> pd.Series[Any]:
    indicator = _BY_NAME[name]
    below = table[indicator.denominator].astype(float)
    return table[indicator.numerator].astype(float) / below.where(below > 0)


def _tone(name: str, now: pd.Series[Any], old: pd.Series[Any]) -> str:
    """Return ``good``, ``bad`` or nothing for a change."""
    indicator, better = _BY_NAME[name], BETTER_UP[name]
    if indicator.denominator:
        now, old = (_rate(pd.DataFrame([row]), name).iloc[0] for row in (now, old))
    else:
        now, old = now[name], old[name]
    if pd.isna(now) or pd.isna(old) or now == old or not better:
        return ""
    return "good" if (now > old) == (better > 0) else "bad"


def _late(cases: pd.DataFrame, at: pd.Timestamp | None) -> pd.DataFrame:
    """Return for each unit how many cases are overdue (``n``) and the days of the oldest."""
    rows = counted(cases, "overdue_open", at=at)
    if at is None or rows is None or not rows.any() or "responsible_unit" not in cases.columns:
        return pd.DataFrame({"n": [], "days": []})
    late = cases[rows]
    units = late["responsible_unit"].astype(object).where(late["responsible_unit"].notna(), "-")
    days = (at - late["dispose_due_at"]).dt.total_seconds() / 86_400
    found = pd.DataFrame({"unit": units, "days": days}).groupby("unit")["days"]
    table = found.agg(n="size", days="max").reset_index()
    table = table.sort_values(["n", "days", "unit"], ascending=[False, False, True])
    return table.set_index("unit")
