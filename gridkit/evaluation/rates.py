"""Counts and rates of cases: who has how many, and which share was done in time.

Every rate has one fixed numerator and one fixed denominator, both whole numbers. What *should*
be disposed of or closed is counted by due date: a week's closing rate asks what fell due in that
week, not what was filed in it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..calendar import require_instant
from ..crs import area_m2
from ..errors import GridkitWarning, OptionError, SchemaError
from ..messages import message, say
from ..tables import CASES, CELLS, is_true
from .periods import Period

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import geopandas as gpd
    from numpy.typing import NDArray

    from ..errors import Lang

    Rows = NDArray[np.bool_]

__all__ = [
    "Count",
    "Indicator",
    "as_of",
    "cell_counts",
    "counted",
    "half_up",
    "indicators",
    "latest",
    "percent",
]

NO_SUBJECT = "-"
WHOLE = "all"
TIMES = ("reported_at", "accepted_at", "filed_at", "dispatched_at", "disposed_at", "closed_at")


@dataclass(frozen=True)
class Count:
    """Which cases an indicator counts.

    Attributes
    ----------
    name : str
    when : str
        Column whose time must lie in the period, and not after the time of counting.
    done : str
        Column whose time must be filled and not after the time of counting; empty: any.
    on_time : bool
        `done` must not be after `when`.
    flag : str
        Column that must be true or above zero; empty: any.
    leaves_out : tuple of str
        Flags whose cases do not count.
    stock : bool
        Counts what stands open at the time of counting, whenever it fell due: `done` and the
        closing must still be to come.
    """

    name: str
    when: str
    done: str = ""
    on_time: bool = False
    flag: str = ""
    leaves_out: tuple[str, ...] = ("voided",)
    stock: bool = False


_OUT = ("voided", "suspended", "exempt")

COUNTS: tuple[Count, ...] = (
    Count("reported", "reported_at", leaves_out=()),
    Count("accepted", "accepted_at", leaves_out=()),
    Count("filed", "filed_at"),
    Count("dispatched", "dispatched_at"),
    Count("should_dispose", "dispose_due_at", leaves_out=_OUT),
    Count("disposed", "dispose_due_at", "disposed_at", leaves_out=_OUT),
    Count("disposed_on_time", "dispose_due_at", "disposed_at", True, leaves_out=_OUT),
    Count("should_close", "close_due_at", leaves_out=_OUT),
    Count("closed", "close_due_at", "closed_at", leaves_out=_OUT),
    Count("closed_on_time", "close_due_at", "closed_at", True, leaves_out=_OUT),
    Count(
        "overdue_open",
        "dispose_due_at",
        "disposed_at",
        leaves_out=("voided", "suspended"),
        stock=True,
    ),
    Count("rework", "close_due_at", flag="rework_n", leaves_out=_OUT),
    Count("voided", "reported_at", flag="voided", leaves_out=()),
)


@dataclass(frozen=True)
class Indicator:
    """A number that a bulletin prints: a count, or the ratio of two.

    Attributes
    ----------
    name, zh, en : str
    numerator : str
        Name of a count.
    denominator : str
        Name of a count; empty where the indicator is the count itself.
    unit : {"cases", "share"}
    """

    name: str
    zh: str
    en: str
    numerator: str
    denominator: str = ""
    unit: Literal["cases", "share"] = "cases"

    def label(self, lang: Lang = "zh") -> str:
        """Return the indicator's name in one language."""
        return self.zh if lang == "zh" else self.en


INDICATORS: tuple[Indicator, ...] = (
    Indicator("reported", "上报数", "Reported", "reported"),
    Indicator("accepted", "受理数", "Accepted", "accepted"),
    Indicator("filed", "立案数", "Filed", "filed"),
    Indicator("dispatched", "派遣数", "Dispatched", "dispatched"),
    Indicator("should_dispose", "应处置数", "Due for disposal", "should_dispose"),
    Indicator("disposed", "处置数", "Disposed", "disposed"),
    Indicator("disposed_on_time", "按期处置数", "Disposed on time", "disposed_on_time"),
    Indicator("should_close", "应结案数", "Due for closing", "should_close"),
    Indicator("closed", "结案数", "Closed", "closed"),
    Indicator("closed_on_time", "按期结案数", "Closed on time", "closed_on_time"),
    Indicator("overdue_open", "超期未处置数", "Overdue and open", "overdue_open"),
    Indicator("rework", "返工数", "Reworked", "rework"),
    Indicator("voided", "作废数", "Voided", "voided"),
    Indicator("filing_rate", "立案率", "Filing rate", "filed", "accepted", "share"),
    Indicator("dispatch_rate", "派遣率", "Dispatch rate", "dispatched", "filed", "share"),
    Indicator("closing_rate", "结案率", "Closing rate", "closed", "should_close", "share"),
    Indicator(
        "on_time_closing_rate",
        "按期结案率",
        "On-time closing rate",
        "closed_on_time",
        "should_close",
        "share",
    ),
    Indicator(
        "on_time_disposal_rate",
        "按期处置率",
        "On-time disposal rate",
        "disposed_on_time",
        "should_dispose",
        "share",
    ),
    Indicator("rework_rate", "返工率", "Rework rate", "rework", "should_close", "share"),
)


def indicators(
    cases: pd.DataFrame,
    *,
    by: str | Sequence[str | None] | None,
    period: Period | str | None = None,
    at: datetime | None = None,
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
    period : Period or str, optional
        A string is read by `Period.parse`. The default is all time up to `at`.
    at : datetime, optional
        Time of counting: what comes later has not happened. The default is the period's end, or
        the last event in the table.

    Returns
    -------
    DataFrame
        Satisfies the scores schema: for each subject and indicator `numerator`, `denominator`
        (whole numbers, empty for counts) and `value`, a count or a share 0–1; empty where the
        denominator is 0 or a column is lacking.

    Raises
    ------
    SchemaError
        `cases` does not satisfy its schema or lacks the column `by`.
    OptionError
        A period that cannot be read, or `at` without time zone.

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
    span = Period.parse(period) if isinstance(period, str) else period
    rows = {c.name: counted(cases, c.name, period=span, at=at) for c in COUNTS}
    name = WHOLE if span is None else span.name
    parts = [
        _scores(*_subjects(cases, column), column or WHOLE, name, rows) for column in groupings
    ]
    return pd.concat(parts, ignore_index=True)


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
        choices = ", ".join(count.name for count in COUNTS)
        raise OptionError(*message("options.unknown", name="name", value=name, choices=choices))
    return _rows(cases, found[0], period, as_of(cases, period, at))


def latest(cases: pd.DataFrame) -> pd.Timestamp | None:
    """Return the time of the last event in `cases`; due times are no events."""
    last = [cases[c].max() for c in TIMES if c in cases.columns and cases[c].notna().any()]
    return max(last, default=None)


def as_of(cases: pd.DataFrame, period: Period | None, at: datetime | None) -> pd.Timestamp | None:
    """Return the time of counting: `at`, or the period's end, or the last event."""
    if at is None:
        return latest(cases) if period is None else pd.Timestamp(period.end)
    return require_instant(at)


def _rows(
    cases: pd.DataFrame, count: Count, period: Period | None, at: pd.Timestamp | None
) -> Rows | None:
    """Return which cases count, or None when a column is lacking."""
    needed = [c for c in (count.when, count.done, count.flag) if c]
    if at is None or any(c not in cases.columns for c in needed):
        return None
    when = _times(cases, count.when)
    rows = np.asarray(when < at if count.stock else when <= at)
    if period is not None and not count.stock:
        rows = rows & np.asarray((when >= period.start) & (when < period.end))
    if count.done:
        done = _times(cases, count.done)
        rows = rows & (np.asarray(done <= at) != count.stock)
        if count.on_time:
            rows = rows & np.asarray(done <= when)
    if count.stock and "closed_at" in cases.columns:
        rows = rows & ~np.asarray(_times(cases, "closed_at") <= at)
    if count.flag:
        rows = rows & is_true(cases[count.flag])
    for flag in count.leaves_out:
        if flag in cases.columns:
            rows = rows & ~is_true(cases[flag])
    return rows


def _times(cases: pd.DataFrame, column: str) -> pd.Series[Any]:
    """Return a column of times; one that is empty throughout may have any type."""
    times = cases[column]
    return pd.to_datetime(times, utc=True) if times.isna().all() else times


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
) -> pd.DataFrame:
    """Return the long table of one grouping: subject by subject, indicators in their order."""
    n = len(subjects)
    counts = {
        name: np.full(n, np.nan) if mask is None else np.bincount(codes[mask], minlength=n)
        for name, mask in rows.items()
    }
    shape = (n, len(INDICATORS))
    numerator, denominator, value = (np.full(shape, np.nan) for _ in range(3))
    for j, indicator in enumerate(INDICATORS):
        numerator[:, j] = value[:, j] = counts[indicator.numerator]
        if indicator.denominator:
            below = denominator[:, j] = counts[indicator.denominator]
            value[:, j] = numerator[:, j] / np.where(below > 0, below, np.nan)
    table = pd.DataFrame(
        {
            "subject_kind": kind,
            "subject": np.repeat(np.array(subjects, dtype=object), len(INDICATORS)),
            "period": period,
            "indicator": [i.name for i in INDICATORS] * n,
            "numerator": pd.array(numerator.ravel()).astype("Int64"),
            "denominator": pd.array(denominator.ravel()).astype("Int64"),
            "value": value.ravel(),
        }
    )
    return table.astype(dict.fromkeys(("subject_kind", "subject", "period", "indicator"), "str"))


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
