"""Counts and rates of cases: who has how many, and which share was done in time.

Every rate has one fixed numerator and one fixed denominator, both whole numbers. What *should*
be disposed of or closed is counted by due date: a week's closing rate asks what fell due in that
week, not what was filed in it.
"""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..calendar import require_instant
from ..crs import area_m2
from ..errors import GridkitWarning, OptionError, SchemaError
from ..messages import message, say
from ..schema import first_few
from ..tables import CASES, CELLS, is_true
from .definitions import Count, Definitions, Indicator, did_you_mean, load_indicators
from .periods import Period

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import geopandas as gpd
    from numpy.typing import NDArray

    from ..errors import Lang

    Rows = NDArray[np.bool_]

__all__ = [
    "COUNTS",
    "INDICATORS",
    "as_of",
    "cell_counts",
    "counted",
    "half_up",
    "indicators",
    "latest",
    "percent",
]

NEVER = np.iinfo(np.int64).max
NO_SUBJECT = "-"
WHOLE = "all"
TIMES = ("reported_at", "accepted_at", "filed_at", "dispatched_at", "disposed_at", "closed_at")


COUNTS = load_indicators().counts
INDICATORS = tuple(i for i in load_indicators().indicators if i.basic)
"""What every bulletin prints."""


def indicators(
    cases: pd.DataFrame,
    *,
    by: str | Sequence[str | None] | None,
    period: Period | str | Sequence[Period | str] | None = None,
    at: datetime | None = None,
    definitions: Definitions | None = None,
) -> pd.DataFrame:
    """Count cases and work out rates for each subject.

    A case counts where its time falls in the period: reported by `reported_at`, filed by
    `filed_at`, due for closing by `close_due_at`. `closed` are those due for closing that are
    closed, so it never exceeds them; closing_rate = closed / should_close. `overdue_open` is a
    stock: everything overdue and open at `at`, whenever it fell due.

    Voided cases were reported and accepted, and are counted there and under `voided` only.
    Suspended cases are not due; exempt ones are left out of what is due, yet stay visible in
    `overdue_open`. A column that the table lacks makes its counts empty, not zero.

    Parameters
    ----------
    cases : DataFrame
        Satisfies the cases schema.
    by : str, None, or list of these
        Columns whose values are the subjects, each column on its own; None is the whole. Cases
        with no value there come under ``"-"``.
    period : Period or str, or several of them, optional
        A string is read by `Period.parse`. The default is all time up to `at`.
    at : datetime, optional
        Time of counting: what comes later has not happened. The default is each period's end, or
        the last event in the table.
    definitions : Definitions, optional
        What is counted; `load_indicators` by default.

    Returns
    -------
    DataFrame
        Satisfies the scores schema: for each period, subject and indicator `numerator` and
        `denominator` (whole numbers, empty for counts) and `value`, a count or a share 0–1; empty
        where the denominator is 0 or a column is lacking.

    Raises
    ------
    SchemaError
        `cases` does not satisfy its schema or lacks the column `by`.
    OptionError
        A period that cannot be read, or `at` without time zone.

    Warns
    -----
    GridkitWarning
        Cases of which a step lies before an earlier one, such as disposed before filed: they are
        named, and count all the same.

    Notes
    -----
    Numerators and denominators are those with which published bulletins of Tianmen, Zhengzhou
    and Huai'an recompute.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> day = pd.date_range("2025-10-01", periods=3, tz="Asia/Shanghai")
    >>> cases = pd.DataFrame(
    ...     {
    ...         "case_id": ["1", "2", "3"],
    ...         "stage": ["closed", "closed", "filed"],
    ...         "close_due_at": day,
    ...         "closed_at": [day[0], day[2], None],
    ...     }
    ... )
    >>> scores = gk.indicators(cases, by=None, period="2025-10").set_index("indicator")
    >>> scores.loc["on_time_closing_rate", ["numerator", "denominator"]].tolist()
    [1, 3]
    """
    CASES.check(cases, source="cases")
    groupings: list[str | None] = (
        [by] if by is None or isinstance(by, str) else [*dict.fromkeys(by)]
    )
    if not groupings:
        raise OptionError(*message("evaluation.no_grouping"))
    lost = [name for name in groupings if name is not None and name not in cases.columns]
    if lost:
        raise SchemaError(
            *message(
                "evaluation.no_subject",
                columns=", ".join(lost),
                found=", ".join(map(str, cases.columns)),
            )
        )
    spans = _spans(period)
    known = load_indicators() if definitions is None else definitions
    columns = Columns(cases)
    _warn_backwards(cases, columns)
    subjects = [_subjects(cases, column) for column in groupings]
    parts = []
    for span in spans:
        moment = as_of(cases, span, at)
        rows = {c.name: _rows(columns, c, span, moment) for c in known.counts}
        name = WHOLE if span is None else span.name
        for column, (codes, found) in zip(groupings, subjects, strict=True):
            parts.append(_scores(codes, found, column or WHOLE, name, rows, known.indicators))
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def _warn_backwards(cases: pd.DataFrame, columns: Columns) -> None:
    """Name cases of which one step lies before an earlier one: they count, and look too good."""
    steps = [columns.times(c) for c in TIMES if c in columns]
    wrong = np.zeros(len(cases), bool)
    latest_yet = np.full(len(cases), np.iinfo(np.int64).min)
    for times in steps:
        there = times != NEVER
        wrong |= there & (times < latest_yet)
        latest_yet = np.where(there, np.maximum(times, latest_yet), latest_yet)
    if wrong.any():
        shown = first_few(cases.loc[wrong, "case_id"])
        text = message("evaluation.backwards", n=f"{int(wrong.sum()):,}", cases=shown)
        warnings.warn(GridkitWarning(*text), stacklevel=3)


def _spans(period: Period | str | Sequence[Period | str] | None) -> list[Period | None]:
    if period is None or isinstance(period, str | Period):
        listed: list[Period | str | None] = [period]
    else:
        listed = list(period)
    if not listed:
        raise OptionError(*message("evaluation.no_period"))
    return [Period.parse(p) if isinstance(p, str) else p for p in listed]


def counted(
    cases: pd.DataFrame,
    name: str,
    *,
    period: Period | None = None,
    at: datetime | None = None,
) -> Rows | None:
    """Return which cases a count of `COUNTS` counts; None when the table lacks a column for it.

    Parameters
    ----------
    cases : DataFrame
        Satisfies the cases schema.
    name : str
        Such as ``"overdue_open"``.
    period : Period, optional
    at : datetime, optional
        As in `indicators`.

    Returns
    -------
    ndarray of bool, shape (len(cases),), or None

    Raises
    ------
    OptionError
        No such count, or `at` without time zone.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit.evaluation.rates import counted
    >>> times = pd.to_datetime(["2025-10-01", None]).tz_localize("Asia/Shanghai")
    >>> counted(pd.DataFrame({"reported_at": times}), "reported").tolist()
    [True, False]
    """
    found = [count for count in COUNTS if count.name == name]
    if not found:
        raise OptionError(*did_you_mean("count", name, [count.name for count in COUNTS]))
    return _rows(Columns(cases), found[0], period, as_of(cases, period, at))


def latest(cases: pd.DataFrame) -> pd.Timestamp | None:
    """Return the time of the last event in `cases`; due times are no events."""
    last = [cases[c].max() for c in TIMES if c in cases.columns and cases[c].notna().any()]
    return max(last, default=None)


def as_of(cases: pd.DataFrame, period: Period | None, at: datetime | None) -> pd.Timestamp | None:
    """Return the time of counting: `at`, or the period's end, or the last event."""
    if at is None:
        return latest(cases) if period is None else pd.Timestamp(period.end)
    return require_instant(at)


class Columns:
    """The columns of cases as counting wants them, each made once: times as whole numbers.

    Parameters
    ----------
    cases : DataFrame
    """

    def __init__(self, cases: pd.DataFrame) -> None:
        self._cases = cases
        self._made: dict[str, Any] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._cases.columns

    def times(self, name: str) -> NDArray[np.int64]:
        """Return a column of times in microseconds UTC; empty ones lie after all others."""
        if name not in self._made:
            times = self._cases[name]
            micros = np.full(len(times), NEVER)
            there = times.notna().to_numpy()
            if there.any():
                plain = times.dt.tz_convert("UTC").dt.tz_localize(None).dt.as_unit("us")
                micros[there] = plain.to_numpy().view(np.int64)[there]
            self._made[name] = micros
        made: NDArray[np.int64] = self._made[name]
        return made

    def flag(self, name: str) -> Rows:
        """Return where a flag is true or a number above zero."""
        key = f"{name}?"
        if key not in self._made:
            self._made[key] = is_true(self._cases[name])
        made: Rows = self._made[key]
        return made


def _micros(moment: datetime) -> int:
    plain = pd.Timestamp(moment).tz_convert("UTC").tz_localize(None)
    return int(plain.to_datetime64().astype("datetime64[us]").astype(np.int64))


def _rows(
    columns: Columns, count: Count, period: Period | None, at: pd.Timestamp | None
) -> Rows | None:
    """Return which cases count, or None when a column is lacking."""
    needed = [c for c in (count.when, count.done, count.flag) if c]
    if at is None or any(c not in columns for c in needed):
        return None
    now, when = _micros(at), columns.times(count.when)
    rows = when < now if count.stock else when <= now
    if period is not None and not count.stock:
        rows &= (when >= _micros(period.start)) & (when < _micros(period.end))
    if count.done:
        done = columns.times(count.done)
        rows &= (done > now) if count.stock else (done <= now)
        if count.on_time:
            rows &= done <= when
    if count.stock and "closed_at" in columns:
        rows &= columns.times("closed_at") > now
    if count.flag:
        rows &= columns.flag(count.flag)
    for flag in count.leaves_out:
        if flag in columns:
            rows &= ~columns.flag(flag)
    return rows


def _subjects(cases: pd.DataFrame, column: str | None) -> tuple[NDArray[np.intp], list[str]]:
    """Return for each case the position of its subject, and the subjects in order."""
    if column is None:
        return np.zeros(len(cases), dtype=np.intp), [WHOLE]
    codes, found = pd.factorize(cases[column])
    names = [str(value) for value in found]
    if (codes < 0).any():
        names.append(NO_SUBJECT)  # code -1, of the empty ones, is the last position
    subjects, place = np.unique(np.array(names, dtype=object), return_inverse=True)
    return place[codes], subjects.tolist()


def _scores(
    codes: NDArray[np.intp],
    subjects: list[str],
    kind: str,
    period: str,
    rows: dict[str, Rows | None],
    indicators: tuple[Indicator, ...],
) -> pd.DataFrame:
    """Return the long table of one grouping: subject by subject, indicators in their order."""
    n, m = len(subjects), len(indicators)
    counts = {
        name: None if mask is None else np.bincount(codes[mask], minlength=n)
        for name, mask in rows.items()
    }
    above, below = np.zeros((n, m), np.int64), np.zeros((n, m), np.int64)
    known, ratio = np.zeros((n, m), bool), np.zeros((n, m), bool)
    for j, indicator in enumerate(indicators):
        top, bottom = counts[indicator.numerator], counts.get(indicator.denominator)
        known[:, j] = top is not None
        above[:, j] = 0 if top is None else top
        ratio[:, j] = bottom is not None
        below[:, j] = 0 if bottom is None else bottom
    counted = np.array([not i.denominator for i in indicators])[None, :]
    value = np.where(counted & known, above, np.nan)
    fits = known & ratio & (below > 0)
    value[fits] = above[fits] / below[fits]
    names = pd.array([i.name for i in indicators], dtype="str")
    return pd.DataFrame(
        {
            "subject_kind": _repeated(kind, n * m),
            "subject": pd.array(subjects, dtype="str").take(np.repeat(np.arange(n), m)),
            "period": _repeated(period, n * m),
            "indicator": names.take(np.tile(np.arange(m), n)),
            "numerator": pd.arrays.IntegerArray(above.ravel(), ~known.ravel()),
            "denominator": pd.arrays.IntegerArray(below.ravel(), ~ratio.ravel()),
            "value": value.ravel(),
        }
    )


def _repeated(text: str, n: int) -> Any:
    return pd.array([text], dtype="str").take(np.zeros(n, np.intp))


def half_up(numerator: int, denominator: int, places: int = 2) -> Decimal | None:
    """Return 100 · numerator / denominator, rounded half-up; None where the denominator is 0.

    Whole numbers all the way: no binary fraction is ever rounded.

    Examples
    --------
    >>> from gridkit.evaluation.rates import half_up
    >>> half_up(1, 800, places=2), round(100 / 800, 2)
    (Decimal('0.13'), 0.12)
    """
    if not denominator:
        return None
    scaled = (2 * abs(numerator) * 100 * 10**places + denominator) // (2 * denominator)
    return Decimal(scaled if numerator >= 0 else -scaled).scaleb(-places)


def percent(
    numerator: int | None, denominator: int | None, places: int = 2, *, lang: Lang = "zh"
) -> str:
    """Return a rate as bulletins print it, rounded half-up, or 无数据 where there is none.

    Parameters
    ----------
    numerator, denominator : int, or empty (None, NA)
    places : int
        Decimal places.
    lang : {"zh", "en"}
        Language of 无数据 / no data.

    Examples
    --------
    >>> from gridkit.evaluation.rates import percent
    >>> percent(953, 996), percent(0, 0), percent(1, 3, 1)
    ('95.68%', '无数据', '33.3%')
    """
    if numerator is None or denominator is None or pd.isna(numerator) or pd.isna(denominator):
        return say("evaluation.no_data", lang)
    rate = half_up(int(numerator), int(denominator), places)
    return say("evaluation.no_data", lang) if rate is None else f"{rate}%"


def cell_counts(located: pd.DataFrame, cells: gpd.GeoDataFrame) -> pd.DataFrame:
    """Count located reports in each cell, and per square kilometre.

    Parameters
    ----------
    located : DataFrame with ``cell_code``
        Reports outside every cell (no code) are in no count.
    cells : GeoDataFrame
        Satisfies the cells schema; every cell is in the result, in this order.

    Returns
    -------
    DataFrame
        ``cell_code``, ``n`` and ``per_km2`` (n over the ellipsoidal area).

    Raises
    ------
    SchemaError
        `cells` does not satisfy its schema, or `located` has no ``cell_code``.

    Warns
    -----
    GridkitWarning
        Reports carry codes that `cells` does not have: another edition of the cells.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import pandas as pd
    >>> import shapely
    >>> from gridkit.evaluation.rates import cell_counts
    >>> squares = [shapely.box(500_000 + x, 4_150_000, 501_000 + x, 4_151_000) for x in (0, 1000)]
    >>> cells = gpd.GeoDataFrame({"cell_code": ["A", "B"]}, geometry=squares, crs=4549)
    >>> cell_counts(pd.DataFrame({"cell_code": ["B", "B", None]}), cells).round(2)
      cell_code  n  per_km2
    0         A  0      0.0
    1         B  2      2.0
    """
    CELLS.check(cells, source="cells")
    if "cell_code" not in located.columns:
        raise SchemaError(
            *message(
                "evaluation.no_subject",
                columns="cell_code",
                found=", ".join(map(str, located.columns)),
            )
        )
    found = located["cell_code"].value_counts()
    strange = found[~found.index.isin(cells["cell_code"])]
    if len(strange):
        text = message(
            "evaluation.strange_codes", rows=int(strange.sum()), codes=", ".join(strange.index[:5])
        )
        warnings.warn(GridkitWarning(*text), stacklevel=2)
    codes = cells["cell_code"]
    n = found.reindex(codes).fillna(0).to_numpy(np.int64)
    area = area_m2(cells.geometry)
    return pd.DataFrame({"cell_code": codes.to_numpy(), "n": n, "per_km2": n / area * 1e6})
