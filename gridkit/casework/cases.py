"""Located reports become cases: a stage, a first receiver, and the times when they are due."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..calendar import require_instant
from ..errors import GridkitWarning, OptionError
from ..messages import message
from ..rules import load_categories, load_stage_limits
from ..tables import CASES, CELLS, LOCATED, is_true
from .clock import WorkClock
from .limits import parse_limit, parse_limits

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ..rules import Category

__all__ = ["STAGES", "file_cases", "with_areas"]

STAGES = {
    "reported": "reported_at",
    "accepted": "accepted_at",
    "filed": "filed_at",
    "dispatched": "dispatched_at",
    "disposed": "disposed_at",
    "closed": "closed_at",
}
_AREAS = ("duty_code", "community_code", "street_code")
_LOCATED = replace(LOCATED, columns=tuple(c for c in LOCATED.columns if c.kind != "geometry"))


def file_cases(
    located: pd.DataFrame,
    *,
    cells: pd.DataFrame | None = None,
    categories: Mapping[str, Category] | None = None,
    clock: WorkClock | None = None,
    limits: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> pd.DataFrame:
    """Open one case for each located report.

    Nothing is dropped: duplicates, voided reports and those outside every cell are cases too.
    The stage is that of the last life-cycle time that is filled, ``void`` where `voided` is
    true. Disposal is due when the report says so (``dispose_due_at``), else at `filed_at` plus
    the category's limit; closing the stage limit ``close`` later; a case that is not filed yet
    is not due.

    Parameters
    ----------
    located : DataFrame or GeoDataFrame
        Located reports; only `report_id` is needed, life-cycle times are used when there.
    cells : DataFrame, optional
        Gives `duty_code`, `community_code` and `street_code` by `cell_code` where `located`
        lacks these columns.
    categories : dict of Category by code, optional
        The default is `load_categories()`.
    clock : WorkClock, optional
        The default has the usual office hours and the known calendar.
    limits : dict of str, optional
        Limits of stages; the default is `load_stage_limits()`.
    at : datetime, optional
        Life-cycle times after this have not happened yet, and are empty in the result.

    Returns
    -------
    DataFrame or GeoDataFrame
        Satisfies the cases schema; same rows, same order. `case_id` is ``C`` and the
        report_id; `received_by` becomes `first_receiver` where there is none yet. All other
        columns are kept. Without a column `filed_at` there are no due times.

    Raises
    ------
    SchemaError
        `located` or `cells` does not satisfy its schema.
    OptionError
        `at` has no time zone, or the limit for ``close`` is missing or cannot be read.

    Warns
    -----
    GridkitWarning
        Cases whose category is not in the table, or filed ones without any: they have no kind
        and are never due. Limits that cannot be read: they are kept as written, and the cases are
        not due until a person turns them into one.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> located = pd.DataFrame(
    ...     {
    ...         "report_id": ["1", "2"],
    ...         "category": ["E0405", "E0405"],
    ...         "filed_at": pd.to_datetime(["2025-09-30 17:00", None]).tz_localize("Asia/Shanghai"),
    ...     }
    ... )
    >>> cases = gk.file_cases(located)
    >>> cases[["case_id", "kind", "stage"]].to_numpy().tolist()
    [['C1', 'event', 'filed'], ['C2', 'event', 'reported']]
    >>> str(cases["dispose_due_at"][0]), cases["dispose_due_at"].notna().tolist()
    ('2025-09-30 19:00:00+08:00', [True, False])
    """
    _LOCATED.check(located, source="located")
    known = load_categories() if categories is None else categories
    frame = _until(located, at)
    if "first_receiver" not in frame.columns:
        frame = frame.rename(columns={"received_by": "first_receiver"})
    if cells is not None:
        frame = with_areas(frame, cells)
    frame["case_id"] = "C" + frame["report_id"].astype("str")
    frame["stage"] = _stage(frame)
    codes = frame["category"] if "category" in frame.columns else pd.Series(None, frame.index)
    frame["kind"] = codes.map({code: c.kind for code, c in known.items()}).astype("str")
    _warn_unknown(frame, codes)
    written = _written(frame, codes, known)
    if written.notna().any():
        frame["limit"] = written
    if "filed_at" in frame.columns:
        closing = parse_limit(_closing(load_stage_limits() if limits is None else limits))
        disposal = parse_limits(written)
        _warn_unread(disposal.unread)
        work = WorkClock() if clock is None else clock
        due = work.add(frame["filed_at"], disposal.limits)
        if "dispose_due_at" in frame.columns:
            due = frame["dispose_due_at"].fillna(due)
        frame["dispose_due_at"] = due
        frame["close_due_at"] = work.add(due, closing)
    order = [c.name for c in CASES.columns if c.name in frame.columns]
    return frame[order + [c for c in frame.columns if c not in order]]


def _written(
    frame: pd.DataFrame, codes: pd.Series[Any], known: Mapping[str, Category]
) -> pd.Series[Any]:
    """Return the limit of each case as written: its own, or its category's by condition."""
    limits = codes.map({code: c.limit for code, c in known.items() if c.limit}).astype("str")
    if "condition" in frame.columns:
        rules = {(c.code, r.condition): r.limit for c in known.values() for r in c.rules}
        pairs = pd.Series(list(zip(codes, frame["condition"], strict=True)), frame.index)
        limits = pairs.map(rules).astype("str").fillna(limits)
    if "limit" in frame.columns:
        limits = frame["limit"].astype("str").fillna(limits)
    return limits.mask(limits == "")


def _until(located: pd.DataFrame, at: datetime | None) -> pd.DataFrame:
    """Return a copy in which nothing later than `at` has happened; the reporting stays."""
    frame = located.copy()
    if at is None:
        return frame
    now = require_instant(at)
    for column in list(STAGES.values())[1:]:
        if column in frame.columns and frame[column].notna().any():
            frame[column] = frame[column].where(frame[column] <= now)
    return frame


def with_areas(frame: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with the codes above the cell that it lacks, looked up in `cells`."""
    CELLS.check(cells, source="cells")
    if "cell_code" not in frame.columns:
        return frame
    lost = [c for c in _AREAS if c in cells.columns and c not in frame.columns]
    codes = pd.DataFrame(cells[lost]).set_index(cells["cell_code"])
    return frame.assign(**{c: frame["cell_code"].map(codes[c]).astype("str") for c in lost})


def _stage(frame: pd.DataFrame) -> pd.Series[Any]:
    stage = pd.Series("reported", frame.index)
    for name, column in STAGES.items():
        if column in frame.columns:
            stage = stage.mask(frame[column].notna(), name)
    if "voided" in frame.columns:
        stage = stage.mask(is_true(frame["voided"]), "void")
    return stage


def _warn_unknown(frame: pd.DataFrame, codes: pd.Series[Any]) -> None:
    filed = frame["filed_at"].notna() if "filed_at" in frame.columns else False
    lost = frame["kind"].isna() & (codes.notna() | filed)
    if lost.any():
        shown = codes[lost].dropna().astype("str").drop_duplicates().head(5)
        text = message(
            "casework.unknown_category", rows=int(lost.sum()), codes=", ".join(shown) or "–"
        )
        warnings.warn(GridkitWarning(*text), stacklevel=3)


def _closing(limits: Mapping[str, str]) -> str:
    if "close" not in limits:
        found = ", ".join(limits) or "–"
        raise OptionError(*message("casework.no_close_limit", found=found))
    return limits["close"]


def _warn_unread(unread: pd.DataFrame) -> None:
    if len(unread):
        shown = ", ".join(f"{text} ({rows:,})" for text, rows in unread.head(5).to_numpy())
        text = message("casework.unread_limits", n=len(unread), limits=shown)
        warnings.warn(GridkitWarning(*text), stacklevel=3)
