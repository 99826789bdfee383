"""The sections of a bulletin, in their order; each turns figures into a few lines of markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..evaluation.rates import INDICATORS, NO_SUBJECT, counted, half_up, percent
from ..messages import say
from ..privacy import mask_text
from .facts import Facts, day, subject_word
from .markup import Markup, bar, columns_chart, grid, tag
from .standing import called_in, places, worse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..evaluation.definitions import Indicator

__all__ = ["sections"]

_BY_NAME = {i.name: i for i in INDICATORS}
_UNIT_COLUMNS = (
    "filed",
    "should_dispose",
    "disposed_on_time",
    "on_time_disposal_rate",
    "should_close",
    "closed",
    "closing_rate",
    "closed_on_time",
    "on_time_closing_rate",
    "rework",
    "overdue_open",
)
_AREA_COLUMNS = (
    "reported",
    "filed",
    "should_close",
    "closed",
    "closing_rate",
    "closed_on_time",
    "on_time_closing_rate",
    "overdue_open",
)

MOST_CLASSES = 10
MOST_AREAS = 20
MOST_OVERDUE = 20


def _known(facts: Facts, indicator: Indicator) -> bool:
    return facts.known(indicator.numerator) and (
        not indicator.denominator or facts.known(indicator.denominator)
    )


def _overview(facts: Facts) -> list[Markup]:
    """Return the answer at a glance, the same in sentences, and every total."""
    lang, whole = facts.lang, facts.whole
    tiles = []
    for name in ("reported", "closing_rate", "on_time_closing_rate", "overdue_open"):
        indicator = _BY_NAME[name]
        if _known(facts, indicator):
            parts = [tag("b", facts.printed(whole, indicator)), tag("small", indicator.label(lang))]
            if indicator.denominator:
                parts.append(tag("small", _ratio(whole, indicator)))
            late = name == "overdue_open" and whole[name] > 0
            tiles.append(tag("div", *parts, class_="tile late" if late else "tile"))
    shown = [i for i in INDICATORS if _known(facts, i)]
    missing = [i.label(lang) for i in INDICATORS if not _known(facts, i)]
    table = _totals(facts, shown)
    notes = []
    if missing:
        names = "、".join(missing) if lang == "zh" else ", ".join(missing)
        text = say("publishing.bulletin_missing", lang, names=names)
        notes.append(tag("p", text, class_="note"))
    undue = _without_deadline(facts)
    if undue:
        filed = f"{int(facts.whole['filed']):,}"
        text = say("publishing.bulletin_no_deadline", lang, n=f"{undue:,}", filed=filed)
        notes.append(tag("p", text, class_="note"))
    lead = tag("p", "".join(_sentences(facts)), class_="lead")
    return [tag("div", *tiles, class_="tiles"), lead, table, *notes]


def _without_deadline(facts: Facts) -> int:
    """Return how many filed cases have no deadline, so that no rate of theirs can be told."""
    if "dispose_due_at" not in facts.cases.columns:
        return 0
    filed = counted(facts.cases, "filed", period=facts.period, at=facts.at)
    return 0 if filed is None else int((filed & facts.cases["dispose_due_at"].isna()).sum())


def _ratio(row: pd.Series[Any], indicator: Indicator) -> str:
    return f"{row[indicator.numerator]:,} / {row[indicator.denominator]:,}"


def _sentences(facts: Facts) -> list[str]:
    lang, whole = facts.lang, facts.whole
    figures = {i.name: facts.printed(whole, i) for i in INDICATORS if _known(facts, i)}
    said = []
    if "reported" in figures:
        said.append(say("publishing.bulletin_said_reported", lang, **figures))
    if "filing_rate" in figures:
        said.append(say("publishing.bulletin_said_filed", lang, **figures))
    if "on_time_disposal_rate" in figures:
        said.append(say("publishing.bulletin_said_disposed", lang, **figures))
    if "on_time_closing_rate" in figures:
        said.append(say("publishing.bulletin_said_closed", lang, **figures))
    if "overdue_open" in figures and facts.at is not None:
        at = day(facts.at, lang, clock=True)
        said.append(say("publishing.bulletin_said_overdue", lang, at=at, **figures))
    return said


def _totals(facts: Facts, shown: Sequence[Indicator]) -> Markup:
    lang = facts.lang
    headers = [
        say("publishing.bulletin_indicator", lang),
        say("publishing.bulletin_now", lang),
        say("publishing.bulletin_ratio", lang),
    ]
    if facts.before is not None:
        headers += [say("publishing.bulletin_before", lang), say("publishing.bulletin_mom", lang)]
    if facts.year_before is not None:
        headers += [
            say("publishing.bulletin_year_before", lang),
            say("publishing.bulletin_yoy", lang),
        ]
    rows = []
    for indicator in shown:
        row = [
            indicator.label(lang),
            facts.printed(facts.whole, indicator),
            _ratio(facts.whole, indicator) if indicator.denominator else "",
        ]
        for old in (facts.before, facts.year_before):
            if old is not None:
                row += [facts.printed(old, indicator), facts.change(indicator, old)]
        rows.append(row)
    return grid(headers, rows)


def _ordered(facts: Facts, kind: str, count: str) -> pd.DataFrame:
    """Return the counts by `kind`, most of `count` first, ties by subject; idle ones left out."""
    counts = facts.counts[kind]
    busy = counts[counts.fillna(0).sum(axis=1) > 0]
    return busy.sort_index().sort_values(count, ascending=False, kind="stable")


def _shares(facts: Facts, kind: str, most: int | None = None) -> list[Markup]:
    """Return the reported cases by `kind` with their shares, the most frequent first."""
    if kind not in facts.counts or not facts.known("reported"):
        return []
    lang, total = facts.lang, int(facts.whole["reported"])
    counts = _ordered(facts, kind, "reported")["reported"]
    counts = counts[counts > 0].astype(int)
    if counts.empty:
        return []
    top = counts.head(most or len(counts))
    rows = [
        [
            facts.name(kind, str(subject)),
            f"{n:,}",
            percent(n, total, lang=lang),
            bar(n, int(top.max())),
        ]
        for subject, n in top.items()
    ]
    rest = len(counts) - len(top)
    if rest:
        n = int(counts.sum() - top.sum())
        name = say("publishing.bulletin_rest", lang, n=rest)
        rows.append([name, f"{n:,}", percent(n, total, lang=lang), ""])
    headers = [
        subject_word(kind, lang),
        _BY_NAME["reported"].label(lang),
        say("publishing.bulletin_share", lang, total=f"{total:,}"),
        "",
    ]
    return [grid(headers, rows, total=_sum(facts, [f"{total:,}", "100.00%", ""]))]


def _sum(facts: Facts, figures: Sequence[str]) -> list[str]:
    return [say("publishing.bulletin_total", facts.lang), *figures]


def _units(facts: Facts) -> list[Markup]:
    if "responsible_unit" not in facts.counts:
        return []
    return _rates(facts, "responsible_unit", _UNIT_COLUMNS, None)


def _areas(facts: Facts) -> list[Markup]:
    """Return the tables of streets and communities; of cells where there are neither."""
    found = [k for k in ("street_code", "community_code") if k in facts.counts]
    if not found and "cell_code" in facts.counts:
        return _rates(facts, "cell_code", _AREA_COLUMNS, MOST_AREAS)
    return [part for kind in found for part in _rates(facts, kind, _AREA_COLUMNS, MOST_AREAS)]


def _rates(facts: Facts, kind: str, columns: Sequence[str], most: int | None) -> list[Markup]:
    """Return the table of a grouping; columns that the cases cannot tell are left out."""
    lang = facts.lang
    shown = [_BY_NAME[c] for c in columns if _known(facts, _BY_NAME[c])]
    if not shown:
        return []
    counts = _ordered(facts, kind, shown[0].numerator)
    land = facts.land.get(kind)
    density = land is not None and kind != "cell_code" and facts.known("reported")
    headers = [subject_word(kind, lang), *(i.label(lang) for i in shown)]
    if density:
        headers += [
            say("publishing.bulletin_cells", lang),
            say("publishing.bulletin_per_km2", lang),
        ]
    rows = []
    for subject, row in counts.head(most or len(counts)).iterrows():
        figures = [facts.printed(row, i) for i in shown]
        if land is not None and density:
            figures += _per_km2(row, land, str(subject)) or ["–", "–"]
        rows.append([facts.name(kind, str(subject)), *figures])
    total = [facts.printed(facts.whole, i) for i in shown] + ["", ""] * density
    parts = [grid(headers, rows, total=_sum(facts, total))]
    if len(counts) > len(rows):
        text = say("publishing.bulletin_cut", lang, shown=len(rows), n=len(counts))
        parts.append(tag("p", text, class_="note"))
    return parts


def _per_km2(row: pd.Series[Any], land: pd.DataFrame, code: str) -> list[str]:
    here = land[land.index == code].to_numpy()
    return [f"{n:,.0f}" for n, _ in here] + [f"{row['reported'] / km2:,.1f}" for _, km2 in here]


def _over_time(facts: Facts) -> list[Markup]:
    """Return a chart of reported cases by day, week or month, after the length of the span."""
    rows = counted(facts.cases, "reported", period=facts.period, at=facts.at)
    if rows is None or not rows.any():
        return []
    times = facts.cases.loc[rows, "reported_at"]
    if facts.period is None:
        first, last = times.min(), times.max()
    else:
        first, last = pd.Timestamp(facts.period.start), pd.Timestamp(facts.period.end)
        last -= pd.Timedelta(1, "s")
    days = (last - first).days
    step, form = ("D", "%d") if days <= 35 else ("W", "%m-%d") if days <= 140 else ("M", "%Y-%m")
    local = times.dt.tz_convert(first.tz).dt.tz_localize(None).dt.to_period(step)
    spans = pd.period_range(first.tz_localize(None), last.tz_localize(None), freq=step)
    values = local.value_counts().reindex(spans, fill_value=0).to_numpy()
    names = {
        "D": say("publishing.bulletin_by_day", facts.lang),
        "W": say("publishing.bulletin_by_week", facts.lang),
        "M": say("publishing.bulletin_by_month", facts.lang),
    }
    labels = [span.start_time.strftime(form) for span in spans]
    chart = columns_chart(labels, [int(v) for v in values], title=names[step])
    return [tag("p", names[step], class_="note"), chart]


def _overdue(facts: Facts) -> list[Markup]:
    """Return the cases that are longest overdue, by unit."""
    rows = counted(facts.cases, "overdue_open", period=facts.period, at=facts.at)
    if rows is None or facts.at is None:
        return []
    lang, late = facts.lang, facts.cases[rows]
    if late.empty:
        return [tag("p", say("publishing.bulletin_none_overdue", lang))]
    if facts.audience == "public":
        return [tag("p", say("publishing.bulletin_no_list", lang, n=f"{len(late):,}"))]
    worst = late.sort_values(["dispose_due_at", "case_id"], kind="stable").head(MOST_OVERDUE)
    units = _column(worst, "responsible_unit")
    worst = worst.assign(unit=units).sort_values("unit", kind="stable")
    headers = [
        subject_word("responsible_unit", lang),
        say("publishing.bulletin_case", lang),
        subject_word("category", lang),
        say("publishing.bulletin_place", lang),
        say("publishing.bulletin_due", lang),
        say("publishing.bulletin_late_days", lang),
    ]
    text = say("publishing.bulletin_overdue_of", lang, shown=len(worst), n=f"{len(late):,}")
    rows_late = _late_rows(facts, worst, facts.at)
    return [tag("p", text, class_="note"), grid(headers, rows_late, words=4)]


def _late_rows(facts: Facts, worst: pd.DataFrame, at: pd.Timestamp) -> list[list[str]]:
    zone = None if facts.period is None else facts.period.start.tzinfo
    due = worst["dispose_due_at"] if zone is None else worst["dispose_due_at"].dt.tz_convert(zone)
    minutes = (at - due).dt.total_seconds() // 60
    columns = (
        worst["unit"].map(lambda unit: facts.name("responsible_unit", unit)),
        worst["case_id"],
        _column(worst, "category").map(lambda code: facts.name("category", code)),
        _place(facts, worst),
        due.dt.strftime("%Y-%m-%d %H:%M"),
        minutes.map(lambda m: str(half_up(int(m), 144_000, 1))),
    )
    return [[str(value) for value in row] for row in zip(*columns, strict=True)]


def _column(frame: pd.DataFrame, name: str) -> pd.Series[Any]:
    """Return a column as text, ``"-"`` where it is empty or absent."""
    if name not in frame.columns:
        return pd.Series(NO_SUBJECT, frame.index)
    return frame[name].astype(object).where(frame[name].notna(), NO_SUBJECT).astype("str")


def _place(facts: Facts, frame: pd.DataFrame) -> pd.Series[Any]:
    """Return the address, or the cell where there is none; phone numbers in it are masked."""
    address, cell = _column(frame, "address"), _column(frame, "cell_code")
    if facts.audience != "internal":
        address = mask_text(address)
    return address.where(address != NO_SUBJECT, cell)


def _notes(facts: Facts) -> list[Markup]:
    """Return how each figure is defined."""
    lang = facts.lang
    rates = [
        say(
            "publishing.bulletin_formula",
            lang,
            rate=i.label(lang),
            above=_BY_NAME[i.numerator].label(lang),
            below=_BY_NAME[i.denominator].label(lang),
        )
        for i in INDICATORS
        if i.denominator
    ]
    lines = [
        ("；" if lang == "zh" else "; ").join(rates) + ("。" if lang == "zh" else "."),
        say("publishing.bulletin_note_due", lang),
        say("publishing.bulletin_note_out", lang),
        say("publishing.bulletin_note_rounding", lang),
    ]
    return [tag("ul", *(tag("li", line) for line in lines))]


def sections(facts: Facts) -> list[tuple[str, list[Markup]]]:
    """Return title and content of each section that the cases can fill."""
    lang = facts.lang
    written = [
        (say("publishing.bulletin_overview", lang), _overview(facts)),
        (say("publishing.bulletin_sources", lang), _shares(facts, "source")),
        (say("publishing.bulletin_classes", lang), _shares(facts, "category", MOST_CLASSES)),
        (say("publishing.bulletin_units", lang), _units(facts)),
        (say("publishing.bulletin_standing", lang), places(facts)),
        (say("publishing.bulletin_call_in", lang), called_in(facts)),
        (say("publishing.bulletin_worse", lang), worse(facts)),
        (say("publishing.bulletin_areas", lang), _areas(facts)),
        (say("publishing.bulletin_over_time", lang), _over_time(facts)),
        (say("publishing.bulletin_overdue", lang), _overdue(facts)),
        (say("publishing.bulletin_definitions", lang), _notes(facts)),
    ]
    return [(title, parts) for title, parts in written if parts]
