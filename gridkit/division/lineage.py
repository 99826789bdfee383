"""Which cell came from which: days, codes that were never used, and cells followed through time."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ..errors import OptionError, SchemaError
from ..messages import message
from ..tables import CELLS, LINEAGE, first_few

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from .ordering import Floats, Ints

__all__ = [
    "Numbering",
    "cells_at",
    "day_of",
    "days_of",
    "follow",
    "free_codes",
    "lineage_rows",
    "numbering_of",
]

STANDARDS = ((re.compile(r"[A-Za-z]?[0-9]{15}"), 3), (re.compile(r"[0-9]{20}"), 2))
"""Codes with a standard, and how many digits at their end are the sequence."""

DIGITS = "0123456789"


def day_of(at: Any, *, name: str = "at") -> pd.Timestamp:
    """Return a day as a time stamp at midnight without a zone.

    Parameters
    ----------
    at : date, datetime or str
        A date, ISO text, or a time with its zone, which counts by the day in that zone.
    name : str
        What the argument is called, for the message.

    Raises
    ------
    OptionError
        No day, or a time of day without a zone: it would be another day elsewhere.
    """
    try:
        stamp = pd.Timestamp(at)
    except (ValueError, TypeError) as error:
        raise OptionError(*message("division.no_such_day", name=name, value=at)) from error
    if pd.isna(stamp):
        raise OptionError(*message("division.no_such_day", name=name, value=at))
    timed = isinstance(at, dt.datetime | str)
    if stamp.tzinfo is None and timed and stamp != stamp.normalize():
        raise OptionError(*message("division.naive_time", name=name, value=at))
    return stamp.tz_localize(None).normalize()


def days_of(cells: pd.DataFrame, column: str) -> pd.Series[Any]:
    """Return a column of days as ``datetime64[s]`` without zone; null throughout where absent.

    Raises
    ------
    SchemaError
        A value is no day; the rows are named.
    """
    if column not in cells.columns:
        return pd.Series(pd.NaT, index=cells.index, dtype="datetime64[s]")
    values = cells[column]
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_localize(None)
    if not pd.api.types.is_datetime64_any_dtype(values):
        read = pd.to_datetime(values, errors="coerce", format="ISO8601")
        bad = (read.isna() & values.notna()).to_numpy()
        if bad.any():
            shown = ", ".join(map(str, values[bad].head(5)))
            where = {"column": column, "values": shown, "rows": first_few(bad.nonzero()[0])}
            raise SchemaError(*message("division.bad_days", **where))
        values = read
    days: pd.Series[Any] = values.dt.normalize().astype("datetime64[s]")
    return days


def cells_at(cells: gpd.GeoDataFrame, date: Any = None) -> gpd.GeoDataFrame:
    """Return the map of one day.

    A cell is valid from ``valid_from`` on and no longer on ``valid_to``; an empty date is open. A
    cell that was made and replaced on one day is in no map.

    Parameters
    ----------
    cells : GeoDataFrame
        All editions of all cells.
    date : date, datetime or str, optional
        A day, or a time with its zone, which counts by the day in that zone. By default the
        newest edition: the day of the last ``valid_from``.

    Returns
    -------
    GeoDataFrame
        The rows valid on that day, in their order, with their index.

    Raises
    ------
    SchemaError
        No ``cell_code``; dates that cannot be read or that end before they begin; two cells of
        that day with one code. All are named.
    OptionError
        `date` is no day, or no cell is valid on it.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.division.lineage import cells_at
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["A1", "A2"], "valid_from": ["2025-01-01", "2026-07-01"],
    ...      "valid_to": ["2026-07-01", None]},
    ...     geometry=[box(0, 0, 90, 90), box(0, 0, 90, 90)], crs=4549,
    ... )
    >>> cells_at(cells, "2026-06-30")["cell_code"].tolist()
    ['A1']
    >>> cells_at(cells)["cell_code"].tolist()
    ['A2']
    """
    CELLS.require_columns(cells, source="cells_at")
    start, end = days_of(cells, "valid_from"), days_of(cells, "valid_to")
    turned = (end < start).to_numpy()
    if turned.any():
        codes, rows = first_few(cells.loc[turned, "cell_code"]), first_few(turned.nonzero()[0])
        raise SchemaError(*message("division.turned_days", codes=codes, rows=rows))
    day = start.max() if date is None else day_of(date, name="date")
    live = _live(start, end, day)
    shown = "–" if pd.isna(day) else day.date()
    if not live.any():
        first = start.min()
        found = "–" if pd.isna(first) else first.date()
        raise OptionError(*message("division.no_cells_then", date=shown, first=found))
    alive = cells[live]
    twice = alive["cell_code"].duplicated(keep=False).to_numpy()
    if twice.any():
        codes = first_few(alive.loc[twice, "cell_code"].drop_duplicates())
        rows = first_few(np.flatnonzero(live)[twice])
        raise SchemaError(*message("division.twice_alive", date=shown, codes=codes, rows=rows))
    return alive


def _live(start: pd.Series[Any], end: pd.Series[Any], day: Any) -> NDArray[np.bool_]:
    if pd.isna(day):
        return end.isna().to_numpy()
    begun = start.isna() | (start <= day)
    return np.asarray(begun & (end.isna() | (end > day)))


class Numbering(NamedTuple):
    """What codes that are numbered together have in common."""

    head: str
    """What they begin with: of codes with a standard, the community's code."""
    width: int
    """Digits of the number that follows."""
    last: int | None
    """Greatest number, or None where a number may get more digits."""


def numbering_of(code: str) -> Numbering:
    """Return how a code is numbered.

    Codes of 15 digits, alone or behind one letter, count to 999 inside their community, those of
    20 digits (CJ/T 349) to 99. Of any other code the number is the digits at its end; one that
    ends in none is followed by ``-1``, ``-2`` …
    """
    for pattern, width in STANDARDS:
        if pattern.fullmatch(code):
            return Numbering(code[:-width], width, 10**width - 1)
    head = code.rstrip(DIGITS)
    return (
        Numbering(f"{code}-", 1, None)
        if head == code
        else Numbering(head, len(code) - len(head), None)
    )


def free_codes(numbering: Numbering, used: Iterable[str]) -> Iterator[str]:
    """Yield the codes that were never used, the next one first.

    The sequence goes on after the highest number ever used; where it ends, at 999, numbers below
    that were never used follow.

    Parameters
    ----------
    numbering : Numbering
        From `numbering_of`.
    used : iterable of str
        Every code that is or was.
    """
    head, width, end = numbering
    ends = (code[len(head) :] for code in used if code.startswith(head))
    taken = {int(e) for e in ends if e and not e.strip(DIGITS) and end in (None, 10 ** len(e) - 1)}
    last = max(taken, default=0)
    numbers: Iterable[int] = itertools.count(last + 1)
    if end is not None:
        skipped = (k for k in range(1, last) if k not in taken)
        numbers = itertools.chain(range(last + 1, end + 1), skipped)
    return (f"{head}{k:0{width}d}" for k in numbers)


def lineage_rows(
    old: Sequence[str],
    new: Sequence[str],
    shares: tuple[Floats, Floats],
    pairs: tuple[Ints, Ints],
    **facts: Any,
) -> pd.DataFrame:
    """Return lineage rows for pairs of positions in `old` and `new`.

    Parameters
    ----------
    old, new : sequence of str
        Codes.
    shares : two arrays of float, shape (m,)
        Of area and of load, from the old cell to the new one.
    pairs : two arrays of int, shape (m,)
        Positions in `old` and `new`.
    **facts
        ``at``, ``reason`` and ``kind``, the same for all rows.
    """
    i, j = pairs
    rows = pd.DataFrame(
        {
            "code_from": pd.Series([old[k] for k in i], dtype="str"),
            "code_to": pd.Series([new[k] for k in j], dtype="str"),
            "at": pd.Series([facts["at"]] * len(i), dtype="datetime64[s]"),
            "reason": pd.Series([facts["reason"]] * len(i), dtype="str"),
            "kind": pd.Series([facts["kind"]] * len(i), dtype="str"),
            "area_share": shares[0],
            "load_share": shares[1],
        }
    )
    return rows.sort_values(["code_from", "code_to"], ignore_index=True)


def follow(lineage: pd.DataFrame, codes: Iterable[str], date: Any = None) -> pd.DataFrame:
    """Tell which cells of a day stand for old codes, such as those that cases carry.

    Parameters
    ----------
    lineage : DataFrame
        From `split_cell`, `merge_cells`, `redraw_cells` or `redivide`.
    codes : iterable of str
        Old codes; repeated ones are followed once.
    date : date, datetime or str, optional
        The day whose map is asked for; by default changes of all days are followed.

    Returns
    -------
    DataFrame
        ``code_from``, ``code_to``, ``area_share`` and ``load_share``: the shares of each old code
        add up to 1. A code that was never replaced stands for itself. Where cells were merged and
        split again the shares are estimates, as if the merged cell were even.

    Raises
    ------
    SchemaError
        The lineage lacks a column, its shares do not add up to 1, or it leads in a circle.
    OptionError
        `date` is no day.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit.division.lineage import follow
    >>> lineage = pd.DataFrame(
    ...     {"code_from": ["A1", "A1", "A2"], "code_to": ["A2", "A3", "A4"],
    ...      "at": pd.to_datetime(["2026-01-01", "2026-01-01", "2026-05-01"]),
    ...      "area_share": [0.5, 0.5, 1.0], "load_share": [0.25, 0.75, 1.0]}
    ... )
    >>> follow(lineage, ["A1"])[["code_to", "load_share"]].to_numpy().tolist()
    [['A3', 0.75], ['A4', 0.25]]
    >>> follow(lineage, ["A1"], "2026-02-01")["code_to"].tolist()
    ['A2', 'A3']
    """
    steps = _steps(lineage, date)
    asked = pd.unique(pd.Series(list(codes), dtype="str"))
    now = pd.DataFrame({"code_from": asked, "code_to": asked, "area_share": 1.0, "load_share": 1.0})
    for _ in range(len(steps) + 1):
        ahead = now.merge(steps, on="code_to", how="left")
        goes = ahead["next"].notna()
        if not goes.any():
            break
        ahead["code_to"] = ahead["next"].where(goes, ahead["code_to"])
        for share in ("area_share", "load_share"):
            ahead[share] *= ahead[f"{share}_next"].fillna(1.0)
        keys = ["code_from", "code_to"]
        now = ahead.groupby(keys, as_index=False, sort=True)[["area_share", "load_share"]].sum()
    else:
        codes_met = first_few(now["code_to"].drop_duplicates())
        raise SchemaError(*message("division.lineage_circle", codes=codes_met))
    return now.sort_values(["code_from", "code_to"], ignore_index=True)


def _steps(lineage: pd.DataFrame, date: Any) -> pd.DataFrame:
    LINEAGE.check(lineage, source="follow")
    rows = lineage
    if date is not None:
        rows = rows[(days_of(rows, "at") <= day_of(date, name="date")).to_numpy()]
    names = {"code_from": "code_to", "code_to": "next"}
    shares = {c: f"{c}_next" for c in ("area_share", "load_share")}
    totals = rows.groupby("code_from")[list(shares)].sum()
    wrong = totals.index[((totals - 1).abs() > 1e-6).any(axis=1)]
    if len(wrong):
        raise SchemaError(*message("division.shares_not_one", codes=first_few(pd.Series(wrong))))
    return rows[["code_from", "code_to", *shares]].rename(columns={**names, **shares})
