"""Rules of codes and of the columns that say where a cell belongs and how long it is in force."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import shapely

from ..messages import message
from .rules_case import Result, absent, found, sound

if TYPE_CHECKING:
    from .rules_case import Bools, Case, Floats, Geometries, Ints

__all__ = [
    "code_format",
    "code_prefix",
    "code_unique",
    "dates",
    "days_of",
    "nesting",
    "seq_gap",
    "seq_order",
    "street_band",
]

LAST_STREET = 599
BAND_SHARE = 0.6
SHOWN = 5

LEVELS = ("duty_code", "community_code", "street_code")


class _Parts(NamedTuple):
    """The codes taken apart: which fit the scheme, the code above, the sequence (-1: none)."""

    fits: Bools
    above: pd.Series[str]
    sequence: Ints


def _parts(case: Case, codes: pd.Series[str] | None = None) -> _Parts | None:
    scheme = case.scheme
    if scheme is None or scheme.pattern is not None:
        return None
    codes = case.codes if codes is None else codes
    fits = codes.str.fullmatch(scheme.regex).to_numpy(dtype=bool)
    cut = len(scheme.head) + sum(n for _, n in scheme.parts[:-1])
    above = codes.str.slice(len(scheme.head), cut)
    tail = pd.to_numeric(codes.str.slice(cut).where(fits), errors="coerce")
    return _Parts(fits, above, tail.fillna(-1).to_numpy(dtype=np.int64))


def code_format(case: Case) -> Result:
    """Each code fits the scheme; without one, none is empty."""
    if case.scheme is None:
        bad = np.flatnonzero(case.codes == "")
        if len(bad):
            return found(case, "error", "division.empty_codes", "division.empty_codes_remedy", bad)
        remedy = message("division.free_codes_remedy")
        return Result("info", message("division.free_codes"), remedy)
    bad = np.flatnonzero(~case.codes.str.fullmatch(case.scheme.regex).to_numpy(dtype=bool))
    name, regex = case.scheme.name, case.scheme.regex
    return found(
        case,
        "error",
        "division.bad_codes",
        "division.bad_codes_remedy",
        bad,
        scheme=name,
        regex=regex,
    )


def code_unique(case: Case) -> Result:
    """No code stands twice among the cells in force."""
    twice = np.flatnonzero(case.codes.duplicated(keep=False) & (case.codes != ""))
    return found(case, "error", "division.repeated_codes", "division.repeated_codes_remedy", twice)


def code_prefix(case: Case) -> Result:
    """Each code begins with the code of the community or other area above."""
    parts = _parts(case)
    stated = [case.column(name) for name in ("parent_code", "community_code")]
    above = [column for column in stated if column is not None]
    if parts is None or not above:
        return absent("parent_code" if not above else message("division.a_scheme"))
    wrong: Bools = np.zeros(len(case.codes), dtype=bool)
    for column in above:
        wrong |= (column != parts.above).to_numpy(dtype=bool)
    return found(
        case,
        "error",
        "division.wrong_prefix",
        "division.wrong_prefix_remedy",
        np.flatnonzero(wrong & parts.fits),
    )


def street_band(case: Case) -> Result:
    """Require street digits that mean something: 001–599 in GB/T 10114."""
    parts = _parts(case)
    if parts is None or case.scheme is None or "street" not in dict(case.scheme.parts):
        return absent(message("division.a_scheme"))
    start = len(case.scheme.head)
    for name, digits in case.scheme.parts:
        if name == "street":
            break
        start += digits
    number = pd.to_numeric(case.codes.str.slice(start, start + digits), errors="coerce")
    outside = ((number < 1) | (number > LAST_STREET)).to_numpy(dtype=bool)
    return found(
        case,
        "warning",
        "division.street_bands",
        "division.street_bands_remedy",
        np.flatnonzero(outside & parts.fits),
    )


def seq_gap(case: Case) -> Result:
    """Require a sequence from 1 without holes in each community, retired cells counted."""
    parts = _parts(case)
    if parts is None:
        return absent(message("division.a_scheme"))
    every = case.every["cell_code"].astype("str").fillna("").str.strip()
    all_parts = _parts(case, every)
    assert all_parts is not None
    known = pd.DataFrame({"above": all_parts.above, "seq": all_parts.sequence})[all_parts.fits]
    numbers = known.drop_duplicates()
    numbers = numbers[numbers["seq"] > 0]
    most = numbers.groupby("above")["seq"].max()
    lost = most - numbers.groupby("above").size()
    lost = lost[lost > 0]
    if not len(lost):
        return sound()
    rows = np.flatnonzero(parts.above.isin(lost.index).to_numpy() & parts.fits)
    where = ", ".join(f"{code} ({n})" for code, n in list(lost.items())[:SHOWN])
    more = " …" if len(lost) > SHOWN else ""
    return found(
        case,
        "warning",
        "division.seq_gaps",
        "division.seq_gaps_remedy",
        rows,
        lost=int(lost.sum()),
        where=where + more,
    )


def seq_order(case: Case) -> Result:
    """Require an order from west to east, then north to south: by bands, or strictly by x."""
    parts = _parts(case)
    if parts is None:
        return absent(message("division.a_scheme"))
    there = np.flatnonzero(parts.fits & ~shapely.is_empty(case.shapes))
    shapes = case.shapes[there]
    points = shapely.point_on_surface(shapes)
    x, y = np.round(shapely.get_x(points), 3), np.round(shapely.get_y(points), 3)
    sequence = parts.sequence[there]
    bad: list[Ints] = []
    for _, rows in pd.Series(range(len(there))).groupby(parts.above.to_numpy(dtype=object)[there]):
        at = rows.to_numpy()[np.argsort(sequence[rows], kind="stable")]
        rank = np.empty(len(at), dtype=np.int64)
        back = []
        for order in (_reading(x[at], y[at], shapes[at]), np.lexsort((-y[at], x[at]))):
            rank[order] = np.arange(len(at))
            back.append(np.flatnonzero(np.diff(rank, prepend=-1) < 0))
        bad.append(there[at[min(back, key=len)]])
    out = np.sort(np.concatenate(bad)) if bad else np.zeros(0, dtype=np.int64)
    return found(case, "warning", "division.seq_disorder", "division.seq_disorder_remedy", out)


def _reading(x: Floats, y: Floats, shapes: Geometries) -> Ints:
    """Return positions in reading order: bands 0.6 × the median height, each from its top."""
    bounds = shapely.bounds(shapes)
    height = BAND_SHARE * np.median(bounds[:, 3] - bounds[:, 1])
    down = np.argsort(-y, kind="stable")
    depth = -y[down]
    band = np.zeros(len(x), dtype=np.int64)
    k = number = 0
    while k < len(down):
        end = max(int(np.searchsorted(depth, depth[k] + height, side="left")), k + 1)
        band[down[k:end]] = number
        k, number = end, number + 1
    return np.lexsort((-y, x, band))


def nesting(case: Case) -> Result:
    """Each duty cell lies in one community, each community in one street; one level a table."""
    columns = {c: column for c in LEVELS if (column := case.column(c)) is not None}
    pairs = [(a, b) for a, b in itertools.pairwise(LEVELS) if {a, b} <= columns.keys()]
    level = case.column("level")
    wrong: Bools = np.zeros(len(case.codes), dtype=bool)
    for lower, upper in pairs:
        several = columns[upper].groupby(columns[lower]).transform("nunique") > 1
        wrong |= (several & (columns[lower] != "")).to_numpy(dtype=bool)
    known = case.district.communities if case.district is not None else None
    stated = known is not None and "street_code" in known.columns and pairs[-1:] == [LEVELS[1:]]
    if known is not None and stated:
        street = known.set_index("community_code")["street_code"].astype("str")
        should = columns["community_code"].map(street)
        wrong |= (should.notna() & (should != columns["street_code"])).to_numpy(dtype=bool)
    if level is not None:
        wrong |= (level != level.mode().iloc[0]).to_numpy(dtype=bool)
    if not pairs and level is None:
        return absent("level, duty_code, community_code, street_code")
    return found(
        case, "error", "division.not_nested", "division.not_nested_remedy", np.flatnonzero(wrong)
    )


def dates(case: Case) -> Result:
    """Require validity that does not end before it begins, and no code in force twice at one time.

    A cell made and replaced on one day begins and ends on it, and was in force at no time.
    """
    every = case.every
    there = [c for c in ("valid_from", "valid_to") if c in every.columns]
    if not there:
        return absent("valid_from, valid_to")
    start, end = (days_of(every, c) for c in ("valid_from", "valid_to"))
    wrong = np.array(start > end, dtype=bool)
    for name, days in (("valid_from", start), ("valid_to", end)):
        if name in there:
            wrong |= (every[name].notna() & days.isna()).to_numpy(dtype=bool)
    codes = every["cell_code"].astype("str").fillna("").str.strip()
    spans = pd.DataFrame({"code": codes.to_numpy(), "start": _seconds(start, -np.inf)})
    spans["end"] = _seconds(end, np.inf)
    spans = spans[spans["code"] != ""].sort_values(["code", "start", "end"], kind="stable")
    before = spans.groupby("code")["end"].cummax().groupby(spans["code"]).shift()
    wrong[spans.index[(spans["start"] < before).to_numpy(dtype=bool)]] = True
    bad = np.flatnonzero(wrong)
    if not len(bad):
        return sound()
    detail = message("division.bad_dates", n=len(bad))
    remedy = message("division.bad_dates_remedy")
    return Result("error", detail, remedy, bad, codes=tuple(codes.iloc[bad]))


def _seconds(days: pd.Series[pd.Timestamp], empty: float) -> Floats:
    seconds = days.to_numpy(dtype="datetime64[s]").astype(np.float64)
    return np.where(days.isna(), empty, seconds)


def days_of(frame: pd.DataFrame, column: str) -> pd.Series[pd.Timestamp]:
    """Return a column of dates, empty where it is absent, empty or no date."""
    values = frame[column] if column in frame.columns else pd.Series(pd.NaT, index=frame.index)
    return pd.to_datetime(values, errors="coerce", utc=True)
