"""Cases as whole numbers, packed for a page that counts and filters them itself.

Cases are sorted by cell and by square of 50 m. One part of varints holds the number of squares of
each cell (the last is that of cases in no cell), then for each of them its place as the zigzag
difference to the one before, then how many cases it holds. Three parts of one byte a case follow:
span of time, category × 3 + state, and hour of day with kind of day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..evaluation.heat import TRUNCATE
from ..evaluation.lattice import Lattice, cover_of
from ..evaluation.rates import counted
from ..location.locator import Locator
from ..messages import say
from ..privacy import FEWEST, require_audience, with_second
from ..tables import is_true
from .encode import to_screen, varints, zigzag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..errors import Lang
    from .encode import Block

    Ints = NDArray[np.int64]

__all__ = [
    "CLOSED",
    "OPEN",
    "OVERDUE",
    "Events",
    "Grid",
    "Timeline",
    "events_of",
    "grid_of",
    "land_of",
    "mask_events",
    "pack_events",
    "timeline",
    "without_voided",
]

CLOSED, OPEN, OVERDUE = range(3)
BIN_M = 50.0
MOST_BINS = 1_500_000
MOST_CATEGORIES = 15
MOST_MONTHS = 24
QUARTERS = 4  # of a day


@dataclass(frozen=True, eq=False)
class Grid:
    """Squares over the district that stay where they are from one page to the next.

    Attributes
    ----------
    lattice : Lattice
        With corners at whole multiples of its side.
    share : ndarray, shape (ny, nx)
        Share of each square inside the district.
    to_screen : ndarray, shape (2, 3)
        From column, row and 1 to Web-Mercator metres.
    """

    lattice: Lattice
    share: NDArray[np.float64]
    to_screen: NDArray[np.float64]


def grid_of(area: gpd.GeoSeries) -> Grid:
    """Return the squares over an area, which is in metres."""
    land = area.union_all()
    west, south, east, north = land.bounds
    bin_m = BIN_M
    while (east - west) * (north - south) / bin_m**2 > MOST_BINS:
        bin_m *= 2
    x0, y0 = (float(np.floor(low / bin_m) * bin_m) for low in (west, south))
    nx, ny = (int((high - low) // bin_m) + 1 for high, low in ((east, x0), (north, y0)))
    lattice = Lattice(x0, y0, nx, ny, bin_m)
    shapely.prepare(land)
    column, row = (a.ravel() for a in np.meshgrid(np.linspace(0, nx, 5), np.linspace(0, ny, 5)))
    corners = gpd.GeoSeries.from_xy(x0 + column * bin_m, y0 + row * bin_m, crs=area.crs)
    drawn = shapely.get_coordinates(to_screen(corners).to_numpy())
    fitted, *_ = np.linalg.lstsq(np.c_[column, row, np.ones(len(row))], drawn)
    return Grid(lattice, cover_of(land, lattice).share, np.asarray(fitted.T, np.float64))


def land_of(grid: Grid, bandwidth_m: float) -> bytes:
    """Return for each square the share of its kernel that is land; 0 for squares without land.

    As two planes of bytes, the lower first; 65,535 is all of it.
    """
    from scipy.ndimage import gaussian_filter

    sigma = bandwidth_m / grid.lattice.bin_m
    mass = gaussian_filter(grid.share, sigma, mode="constant", truncate=TRUNCATE)
    whole = np.where(grid.share > 0, np.clip(np.rint(mass * 65_535), 1, 65_535), 0)
    number = whole.astype(np.uint32).ravel()
    return np.stack([number & 255, number >> 8]).astype(np.uint8).tobytes()


@dataclass(frozen=True, eq=False)
class Timeline:
    """Days, weeks or months one after another.

    Attributes
    ----------
    labels : list of str
    step : {"D", "W", "M"}
    place : ndarray of int
        The span of each case; those before the first span count to it.
    older : bool
        Whether there are such.
    """

    labels: list[str]
    step: str
    place: Ints
    older: bool


def timeline(times: pd.Series[Any], at: pd.Timestamp | None, tz: str) -> Timeline:
    """Part times into days (up to 35), weeks (up to 30) or months (the last 24)."""
    known = times.dropna()
    if known.empty or at is None:
        return Timeline([""], "M", np.zeros(len(times), np.int64), older=False)
    local = times.dt.tz_convert(tz).dt.tz_localize(None)
    last = at.tz_convert(tz).tz_localize(None)
    days = (last - local.min()).days
    step, form = ("D", "%m-%d") if days < 35 else ("W", "%m-%d") if days < 210 else ("M", "%Y-%m")
    spans = pd.period_range(local.min(), max(last, local.min()), freq=step)
    kept = spans[-MOST_MONTHS:] if step == "M" else spans
    periods = local.dt.to_period(step)
    place = (periods.astype("int64") - kept[0].ordinal).to_numpy()
    place = np.clip(np.where(times.isna(), 0, place), 0, len(kept) - 1)
    return Timeline(
        [span.start_time.strftime(form) for span in kept], step, place, len(kept) < len(spans)
    )


@dataclass(frozen=True, eq=False)
class Events:
    """Cases as whole numbers, one row each.

    Attributes
    ----------
    cell, square : ndarray of int
        Position of the cell and of the square, row by row from the south-west; -1 for none.
    span, category, state, hour : ndarray of int
        Position in the timeline and among `categories`; CLOSED, OPEN or OVERDUE; quarter of the
        day, plus four on Saturdays and Sundays.
    categories : list of str
        Names, the most frequent first; the last may stand for all others.
    withheld : int
        Cases that the audience may not see.
    """

    cell: Ints
    square: Ints
    span: Ints
    category: Ints
    state: Ints
    hour: Ints
    categories: list[str]
    withheld: int = 0

    def take(self, rows: NDArray[Any]) -> Events:
        """Return some of the cases."""
        columns = ("cell", "square", "span", "category", "state", "hour")
        return replace(self, **{c: getattr(self, c)[rows] for c in columns})


def events_of(
    cases: gpd.GeoDataFrame,
    cells: gpd.GeoDataFrame,
    grid: Grid,
    *,
    at: pd.Timestamp | None,
    spans: Timeline,
    names: dict[str, str],
    lang: Lang,
    tz: str,
) -> Events:
    """Return the cases as whole numbers.

    Parameters
    ----------
    cases : GeoDataFrame
        Table ``cases`` in the CRS of the cells; voided ones are left out by the caller.
    cells : GeoDataFrame
        Cases whose code is not among them, of an earlier edition, belong to the cell they lie in.
    grid : Grid
    at : Timestamp or None
        Time of counting.
    spans : Timeline
        Of the cases.
    names : dict
        Names of categories by code.
    lang, tz : str
    """
    category, categories = _categories(cases, names, lang)
    xy = _points(cases)
    return Events(
        _cells(cases, cells, xy),
        _squares(xy, grid.lattice),
        spans.place,
        category,
        states(cases, at),
        _hours(cases, tz),
        categories,
    )


def states(cases: pd.DataFrame, at: pd.Timestamp | None) -> Ints:
    """Return CLOSED, OPEN or OVERDUE for each case at a time."""
    if at is not None and "closed_at" in cases.columns:
        done = (cases["closed_at"].notna() & (cases["closed_at"] <= at)).to_numpy()
    else:
        done = cases["stage"].eq("closed").to_numpy()
    state = np.where(done, CLOSED, OPEN)
    late = None if at is None else counted(cases, "overdue_open", at=at)
    if late is not None:
        state[late & ~done] = OVERDUE
    return state


def _categories(cases: pd.DataFrame, names: dict[str, str], lang: Lang) -> tuple[Ints, list[str]]:
    unnamed = say("publishing.bulletin_unnamed", lang)
    if "category" not in cases.columns:
        return np.zeros(len(cases), np.int64), [unnamed]
    codes, kinds = pd.factorize(cases["category"])
    found = [*(names.get(str(code), str(code)) for code in kinds), unnamed]
    counts = np.bincount(np.where(codes < 0, len(found) - 1, codes), minlength=len(found))
    order = [k for k in np.argsort(-counts, kind="stable") if counts[k]]
    shown = order if len(order) <= MOST_CATEGORIES else order[: MOST_CATEGORIES - 1]
    place = np.full(len(found), len(shown))
    place[shown] = np.arange(len(shown))
    listed = [found[k] for k in shown] or [unnamed]
    if len(order) > len(shown):
        listed.append(say("publishing.dash_other", lang, n=len(order) - len(shown)))
    return place[codes].astype(np.int64), listed


def _points(cases: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return x, y of each case, NaN where there is no point."""
    geometry = cases.geometry.to_numpy()
    xy = np.full((len(cases), 2), np.nan)
    points = (shapely.get_type_id(geometry) == 0) & ~shapely.is_empty(geometry)
    xy[points] = shapely.get_coordinates(geometry[points])
    return xy


def _cells(cases: pd.DataFrame, cells: gpd.GeoDataFrame, xy: NDArray[np.float64]) -> Ints:
    codes = cases.get("cell_code", pd.Series(None, cases.index, dtype="str")).astype("str")
    positions = pd.Index(cells["cell_code"].astype("str")).get_indexer(codes)
    place = np.where(codes.isna(), -1, positions).astype(np.int64)
    lost = (place < 0) & codes.notna().to_numpy() & np.isfinite(xy[:, 0])
    if lost.any():
        place[lost] = Locator(cells).locate_xy(*np.ascontiguousarray(xy[lost].T))
    return place


def _squares(xy: NDArray[np.float64], lattice: Lattice) -> Ints:
    place = np.floor((xy - (lattice.x0, lattice.y0)) / lattice.bin_m)
    inside = np.asarray((place >= 0) & (place < (lattice.nx, lattice.ny))).all(axis=1)
    column, row = np.where(np.stack([inside, inside], axis=1), place, 0).astype(np.int64).T
    return np.where(inside, row * lattice.nx + column, -1)


def _hours(cases: pd.DataFrame, tz: str) -> Ints:
    if "reported_at" not in cases.columns:
        return np.zeros(len(cases), np.int64)
    local = cases["reported_at"].dt.tz_convert(tz)
    quarter = (local.dt.hour // (24 // QUARTERS)).fillna(0).to_numpy(np.int64)
    weekend = (local.dt.day_of_week >= 5).to_numpy(np.int64)
    return np.asarray(quarter + QUARTERS * weekend)


def mask_events(events: Events, *, audience: str) -> Events:
    """Return the cases that an audience may see.

    The public sees where and when, in squares of 50 m, neither what nor how a case stands nor the
    hour. Cells with fewer than five cases in a span are left out of it; where that is one cell
    alone, so is the next smallest, since the sum of all would else give it away.
    """
    if require_audience(audience) != "public":
        return events
    key = events.span * (events.cell.max(initial=0) + 2) + events.cell + 1
    groups, place, counts = np.unique(key, return_inverse=True, return_counts=True)
    few = counts < FEWEST
    span = groups // (events.cell.max(initial=0) + 2)
    for alone in np.flatnonzero(np.bincount(span[few], minlength=1) == 1):
        rows = span == alone
        few[rows] = with_second(counts[rows], few[rows])
    kept = events.take(~few[place])
    nothing = np.zeros(len(kept.cell), np.int64)
    return replace(
        kept,
        category=nothing,
        state=nothing,
        hour=nothing,
        categories=[],
        withheld=len(events.cell) - len(kept.cell),
    )


def pack_events(block: Block, events: Events, cells: int) -> dict[str, Any]:
    """Put the cases into the block and return how the page finds them."""
    cell = np.where(events.cell < 0, cells, events.cell)
    what = events.category * 3 + events.state
    order = np.lexsort((events.hour, what, events.span, events.square, cell))
    sorted_ = events.take(order)
    cell, square = cell[order], sorted_.square
    first = np.flatnonzero(np.diff(cell, prepend=-1) | np.diff(square, prepend=-2))
    groups = np.bincount(cell[first], minlength=cells + 1)
    sizes = np.diff(first, append=len(cell))
    places = zigzag(np.diff(square[first], prepend=0))
    numbers = np.concatenate([groups, places, sizes]).astype(np.int64)
    planes = (sorted_.span, what[order], sorted_.hour)
    return {
        "n": len(cell),
        "part": block.add(varints(numbers)),
        "planes": [block.add(plane.astype(np.uint8).tobytes()) for plane in planes],
    }


def without_voided(cases: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the cases that count."""
    return cases[~is_true(cases["voided"])] if "voided" in cases.columns else cases
