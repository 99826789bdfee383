"""What a bulletin says, in figures: counted once, looked up by the sections."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..casework.cases import with_areas
from ..crs import area_m2
from ..evaluation.periods import Period
from ..evaluation.rates import INDICATORS, NO_SUBJECT, as_of, half_up, indicators, percent
from ..messages import require_lang, say
from ..privacy import require_audience
from ..rules import load_categories
from ..tables import CASES

if TYPE_CHECKING:
    from datetime import datetime

    from ..errors import Lang
    from ..evaluation.definitions import Indicator
    from ..intake.district import District

__all__ = [
    "GROUPINGS",
    "Facts",
    "change_text",
    "day",
    "gather",
    "names_of",
    "subject_word",
    "wide",
]

GROUPINGS = (
    "source",
    "category",
    "responsible_unit",
    "street_code",
    "community_code",
    "cell_code",
)


@dataclass(frozen=True)
class Facts:
    """Everything the sections of a bulletin need.

    Attributes
    ----------
    cases : DataFrame
    counts : dict of DataFrame
        By grouping (``"all"``, ``"source"`` …): a row a subject, a column a count.
    before, year_before : Series or None
        Counts of the whole in the period before and in that of the year before; None without
        period or data.
    units : DataFrame or None
        Table ``scores`` of the responsible units, in the period before (where it has data) and in
        this one.
    period : Period or None
    at : Timestamp or None
        Time of counting.
    lang, audience : str
    names : dict of str
        Names of streets and communities by code.
    land : dict of DataFrame
        By level: number of cells (``cells``) and ``km2`` by code.
    """

    cases: pd.DataFrame
    counts: dict[str, pd.DataFrame]
    before: pd.Series[Any] | None
    year_before: pd.Series[Any] | None
    units: pd.DataFrame | None
    period: Period | None
    at: pd.Timestamp | None
    lang: Lang
    audience: str
    names: dict[str, str] = field(default_factory=dict)
    land: dict[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def whole(self) -> pd.Series[Any]:
        """Counts of the whole district."""
        return self.counts["all"].iloc[0]

    def known(self, count: str) -> bool:
        """Return whether the table could tell a count at all."""
        return bool(pd.notna(self.whole[count]))

    def rate(self, row: pd.Series[Any], indicator: Indicator) -> str:
        """Return a rate of one subject as printed."""
        return percent(row[indicator.numerator], row[indicator.denominator], lang=self.lang)

    def printed(self, row: pd.Series[Any], indicator: Indicator) -> str:
        """Return a count or a rate of one subject as printed."""
        return self.rate(row, indicator) if indicator.denominator else f"{row[indicator.name]:,}"

    def change(self, indicator: Indicator, old: pd.Series[Any] | None) -> str:
        """Return the change on an earlier period, as `change_text`."""
        return change_text(indicator, self.whole, old, self.lang)

    def name(self, kind: str, subject: str) -> str:
        """Return what a subject is called: a category's or street's name, else the code."""
        if subject == NO_SUBJECT:
            return say("publishing.bulletin_unnamed", self.lang)
        if kind == "category":
            category = load_categories().get(subject)
            return subject if category is None else f"{subject} {category.name(self.lang)}"
        return self.names.get(subject, subject)

    def period_text(self) -> str:
        """Return the days that the bulletin covers."""
        if self.period is None:
            times = self.cases.get("reported_at", pd.Series(dtype=object)).dropna()
            if times.empty:
                return say("publishing.bulletin_all_time", self.lang)
            first, last = times.min(), times.max()
        else:
            first, last = self.period.start, self.period.end - timedelta(microseconds=1)
        days = [day(t, self.lang) for t in (first, last)]
        return days[0] if days[0] == days[1] else f"{days[0]} – {days[1]}"


def change_text(
    indicator: Indicator, now: pd.Series[Any], old: pd.Series[Any] | None, lang: Lang
) -> str:
    """Return the change on an earlier period: percent of a count, points of a rate.

    Points are those between the two printed rates, so that readers find what they see.
    """
    if old is None or pd.isna(old[indicator.numerator]):
        return "–"
    if not indicator.denominator:
        step = half_up(int(now[indicator.name] - old[indicator.name]), int(old[indicator.name]))
    else:
        rates = [
            half_up(int(c[indicator.numerator]), int(c[indicator.denominator])) for c in (now, old)
        ]
        step = None if rates[0] is None or rates[1] is None else rates[0] - rates[1]
    if step is None:
        return "–"
    if step == 0:
        return say("publishing.bulletin_same", lang)
    if indicator.denominator and step > 0:
        return say("publishing.bulletin_points_up", lang, step=step)
    if indicator.denominator:
        return say("publishing.bulletin_points_down", lang, step=-step)
    if step > 0:
        return say("publishing.bulletin_percent_up", lang, step=step)
    return say("publishing.bulletin_percent_down", lang, step=-step)


def subject_word(kind: str, lang: Lang) -> str:
    """Return what the subjects of a grouping are called."""
    return {
        "source": say("publishing.bulletin_source", lang),
        "category": say("publishing.bulletin_category", lang),
        "responsible_unit": say("publishing.bulletin_unit", lang),
        "street_code": say("publishing.bulletin_street", lang),
        "community_code": say("publishing.bulletin_community", lang),
        "cell_code": say("publishing.bulletin_cell", lang),
    }[kind]


def gather(
    cases: pd.DataFrame,
    *,
    period: Period | str | None,
    at: datetime | None,
    cells: pd.DataFrame | None,
    district: District | None,
    lang: str,
    audience: str,
) -> Facts:
    """Check what a bulletin is given, and count what it says; see `bulletin` for the parameters."""
    spoken, seen_by = require_lang(lang), require_audience(audience)
    CASES.check(cases, source="cases")
    if isinstance(period, str):
        period = Period.parse(period)
    if cells is not None:
        cases = with_areas(cases, cells)
    kinds = [c for c in GROUPINGS if c in cases.columns and cases[c].notna().any()]
    scores = indicators(cases, by=[None, *kinds], period=period, at=at)
    before = None if period is None else _counts_of(cases, period.previous())
    return Facts(
        cases,
        {kind: wide(scores, kind) for kind in ("all", *kinds)},
        before,
        None if period is None else _counts_of(cases, period.year_earlier()),
        _units(cases, period, at, with_before=before is not None),
        period,
        as_of(cases, period, at),
        spoken,
        seen_by,
        {} if district is None else names_of(district),
        {} if cells is None else _land(cells),
    )


def wide(scores: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the counts of one grouping: a row a subject, a column a count."""
    plain = {i.name for i in INDICATORS if not i.denominator}
    rows = scores[(scores["subject_kind"] == kind) & scores["indicator"].isin(plain)]
    # pivot_table would drop counts that are empty throughout
    return rows.pivot(index="subject", columns="indicator", values="numerator")  # noqa: PD010


def _units(
    cases: pd.DataFrame, period: Period | None, at: datetime | None, *, with_before: bool
) -> pd.DataFrame | None:
    unit = "responsible_unit"
    if unit not in cases.columns or cases[unit].isna().all():
        return None
    now = indicators(cases, by=unit, period=period, at=at)
    if period is None or not with_before:
        return now
    return pd.concat([indicators(cases, by=unit, period=period.previous()), now])


def _counts_of(cases: pd.DataFrame, period: Period) -> pd.Series[Any] | None:
    """Return the counts of the whole in a period; None where nothing happened in it."""
    counts = wide(indicators(cases, by=None, period=period), "all").iloc[0]
    flows = counts.drop("overdue_open")
    return counts if flows.fillna(0).sum() > 0 else None


def names_of(district: District) -> dict[str, str]:
    """Return the names of communities and streets by their codes."""
    names: dict[str, str] = {}
    if district.communities is not None:
        for code, name in (("community_code", "name"), ("street_code", "street_name")):
            if {code, name} <= set(district.communities.columns):
                pairs = district.communities[[code, name]].dropna().astype("str")
                names |= dict(zip(pairs[code], pairs[name], strict=True))
    return names


def _land(cells: pd.DataFrame) -> dict[str, pd.DataFrame]:
    metres = cells["area_m2"] if "area_m2" in cells.columns else area_m2(cells.geometry)
    measured = pd.DataFrame(cells).assign(km2=pd.Series(metres, cells.index).astype(float) / 1e6)
    return {
        level: measured.groupby(level).agg(cells=("km2", "size"), km2=("km2", "sum"))
        for level in ("street_code", "community_code", "cell_code")
        if level in measured.columns
    }


def day(moment: datetime, lang: Lang, *, clock: bool = False) -> str:
    """Return a date as it is written in one language, with the hour if asked.

    Examples
    --------
    >>> from datetime import datetime
    >>> from gridkit.publishing.facts import day
    >>> day(datetime(2025, 10, 1, 9, 5), "zh", clock=True)
    '2025年10月1日9时5分'
    """
    parts = {"year": moment.year, "month": moment.month, "day": moment.day}
    text = say("publishing.bulletin_day", lang, **parts)
    if not clock:
        return text
    return text + say("publishing.bulletin_clock", lang, hour=moment.hour, minute=moment.minute)
