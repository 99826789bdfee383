"""Which cell does each report fall in: exactly one owner, also on borders."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from ..crs import require_metres, same_crs
from ..errors import GeometryError, GridkitWarning, OptionError, SchemaError, raise_all
from ..messages import message
from ..tables import CELLS, first_few
from .exact import covers_shifted, upward_edges

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

__all__ = ["locate"]

_BORDER_REACH_M = 25.0
_COLUMNS = (
    "cell_code",
    "duty_code",
    "located_by",
    "border_m",
    "alt_cell_code",
    "distance_m",
    "ambiguous",
)


def locate(
    reports: gpd.GeoDataFrame,
    cells: gpd.GeoDataFrame,
    *,
    near_m: float = 50.0,
    ambiguous_m: float = 1.0,
    prefix: str | None = None,
) -> gpd.GeoDataFrame:
    """Give each report its one responsible cell.

    A point on a shared border belongs to the cell on its east, on a horizontal border to the cell
    on its north, whatever the order of cells and points. A point outside every cell takes the
    nearest cell within `near_m`. Nothing is dropped: a report without coordinates comes back
    ``unlocated``.

    Parameters
    ----------
    reports : GeoDataFrame of points
        In the CRS of `cells`, metres; empty geometry is allowed.
    cells : GeoDataFrame
        Table ``cells``; polygons or multipolygons that do not overlap.
    near_m : float
        How far outside every cell a point may lie and still take the nearest one.
    ambiguous_m : float
        Within this distance of another cell the point is marked ambiguous and names it.
    prefix : str, optional
        Put before the new columns, for tables that have columns of these names already.

    Returns
    -------
    GeoDataFrame
        The same rows in the same order, with ``cell_code``, ``duty_code`` (when the cells have
        one), ``located_by`` (``inside``, ``border``, ``near``, ``outside``, ``unlocated``),
        ``border_m`` (exact up to 25 m, null beyond), ``alt_cell_code``, ``distance_m`` (0 when
        owned, to the nearest cell when near) and ``ambiguous``.

    Raises
    ------
    CRSError
        No CRS, degrees, or two different CRS.
    GeometryError
        A report that is not a point, a coordinate that is not finite, an invalid cell.
    SchemaError
        No cells, repeated or missing cell codes, or a column of a new name is there already.

    Warns
    -----
    GridkitWarning
        Cells overlap under some points; those take the owner with the smallest code.

    Notes
    -----
    Method: half-open ownership by a symbolic shift (ε, ε²) of the point, with exact orientation
    signs (Shewchuk 1997); see :mod:`gridkit.location.exact`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import gridkit as gk
    >>> from shapely import Point, box
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["west", "east"]}, geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)], crs=4549
    ... )
    >>> reports = gpd.GeoDataFrame(
    ...     {"report_id": ["a", "b"]}, geometry=[Point(4, 4), Point(9, 5)], crs=4549
    ... )
    >>> gk.locate(reports, cells)[["report_id", "cell_code", "located_by"]]
      report_id cell_code located_by
    0         a      west     inside
    1         b      east     border
    """
    if near_m < 0 or ambiguous_m < 0:
        raise OptionError(*message("location.negative", near_m=near_m, ambiguous_m=ambiguous_m))
    _check(reports, cells)
    names = {c: f"{prefix or ''}{c}" for c in _COLUMNS if c != "duty_code" or c in cells.columns}
    _check_clash(reports, names)
    points = reports.geometry.array
    has_point = ~(reports.geometry.is_empty | reports.geometry.isna()).to_numpy()
    found = _locate_points(np.asarray(points)[has_point], cells, near_m, ambiguous_m)
    answer = reports.copy()
    for column, name in names.items():
        answer[name] = _spread(found[column], has_point, column)
    return answer


def _check(reports: gpd.GeoDataFrame, cells: gpd.GeoDataFrame) -> None:
    CELLS.check(cells, source="cells")
    require_metres(cells, what="cells")
    require_metres(reports, what="reports")
    same_crs(reports, cells, what="reports, cells")
    if cells.empty:
        raise SchemaError(*message("location.no_cells"))
    kinds = shapely.get_type_id(np.asarray(cells.geometry.array))
    codes = cells["cell_code"].to_numpy()
    shapes = np.isin(kinds, (3, 6))
    broken = ~cells.geometry.is_valid.to_numpy()
    empty = cells.geometry.is_empty.to_numpy()
    problems = []
    for key, bad in (
        ("location.cells_not_polygons", ~shapes),
        ("location.cells_empty", empty),
        ("location.cells_invalid", broken & shapes),
    ):
        if bad.any():
            problems.append(message(key, n=int(bad.sum()), codes=", ".join(codes[bad][:5])))
    points = reports.geometry
    missing = (points.is_empty | points.isna()).to_numpy()
    other = (shapely.get_type_id(np.asarray(points.array)) != 0) & ~missing
    if other.any():
        rows = first_few(np.flatnonzero(other))
        problems.append(message("location.not_points", n=int(other.sum()), rows=rows))
    else:
        there = np.asarray(points.array)[~missing]
        finite = np.isfinite(shapely.get_x(there)) & np.isfinite(shapely.get_y(there))
        wild = ~missing
        wild[~missing] = ~finite
        if wild.any():
            rows = first_few(np.flatnonzero(wild))
            problems.append(message("location.not_finite", n=int(wild.sum()), rows=rows))
    raise_all(GeometryError, problems)


def _check_clash(reports: gpd.GeoDataFrame, names: dict[str, str]) -> None:
    clash = [name for name in names.values() if name in reports.columns]
    if clash:
        raise SchemaError(*message("location.clash", columns=", ".join(clash)))


def _spread(values: NDArray[np.generic], rows: NDArray[np.bool_], column: str) -> pd.Series:
    """Lay the values of the located points over all rows."""
    if column == "ambiguous":
        flags = np.zeros(len(rows), dtype=bool)
        flags[rows] = values
        return flags  # type: ignore[return-value]
    if column in ("border_m", "distance_m"):
        numbers = np.full(len(rows), np.nan)
        numbers[rows] = values
        return numbers  # type: ignore[return-value]
    texts = np.full(len(rows), "unlocated" if column == "located_by" else None, dtype=object)
    texts[rows] = values
    return pd.array(texts, dtype="str")  # type: ignore[return-value]


def _locate_points(
    points: NDArray[np.object_], cells: gpd.GeoDataFrame, near_m: float, ambiguous_m: float
) -> dict[str, NDArray[np.generic]]:
    # Cells in the order of their codes: every tie goes to the smallest code, not the first row.
    order = np.argsort(cells["cell_code"].to_numpy(dtype=object), kind="stable")
    shapes = np.asarray(cells.geometry.array)[order]
    codes = cells["cell_code"].to_numpy(dtype=object)[order]
    owner, on_border = owners(points, shapes, codes)
    inside = owner >= 0
    distance = np.where(inside, 0.0, np.nan)
    near, near_m_found = _nearest(points[~inside], shapes, near_m)
    owner[~inside], distance[~inside] = near, near_m_found
    border = _border_distance(points, shapes)
    runner_up = _runner_up(points, shapes, owner, border, ambiguous_m)
    how = np.where(owner < 0, "outside", np.where(inside, "inside", "near")).astype(object)
    how[inside & on_border] = "border"
    found: dict[str, NDArray[np.generic]] = {
        "cell_code": _pick(codes, owner),
        "located_by": how,
        "border_m": border,
        "alt_cell_code": _pick(codes, runner_up),
        "distance_m": distance,
        "ambiguous": runner_up >= 0,
    }
    if "duty_code" in cells.columns:
        found["duty_code"] = _pick(cells["duty_code"].to_numpy(dtype=object)[order], owner)
    return found


def _pick(codes: NDArray[np.object_], at: NDArray[np.intp]) -> NDArray[np.object_]:
    picked = np.full(len(at), None, dtype=object)
    picked[at >= 0] = codes[at[at >= 0]]
    return picked


def owners(
    points: NDArray[np.object_], shapes: NDArray[np.object_], codes: NDArray[np.object_]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return for each point the position of its owner (-1: none) and whether it is on a border."""
    tree = shapely.STRtree(points)
    cell, point = tree.query(shapes, predicate="intersects")
    _, strict = tree.query(shapes, predicate="contains_properly")
    touched = np.bincount(point, minlength=len(points))
    is_inside = np.zeros(len(points), dtype=bool)
    is_inside[strict] = True
    clear = is_inside & (touched == 1)
    owner = np.full(len(points), -1, dtype=np.intp)
    sure = clear[point]
    owner[point[sure]] = cell[sure]
    contested = ~sure
    _settle(points, shapes, codes, owner, point[contested], cell[contested])
    return owner, (touched > 0) & ~clear


def _settle(
    points: NDArray[np.object_],
    shapes: NDArray[np.object_],
    codes: NDArray[np.object_],
    owner: NDArray[np.intp],
    point: NDArray[np.intp],
    cell: NDArray[np.intp],
) -> None:
    """Apply the half-open rule to the pairs on borders; the smallest code wins an overlap."""
    x, y = shapely.get_x(points), shapely.get_y(points)
    overlaps: dict[tuple[str, str], int] = {}
    order = np.argsort(cell, kind="stable")
    point, cell = point[order], cell[order]
    cuts = np.flatnonzero(cell[1:] != cell[:-1]) + 1
    groups = zip(np.split(cell, cuts), np.split(point, cuts), strict=True)
    for c, p in ((group[0], p) for group, p in groups if len(group)):
        mine = p[covers_shifted(upward_edges(shapes[c]), x[p], y[p])]
        taken = mine[owner[mine] >= 0]
        for other in owner[taken]:
            pair = (str(codes[other]), str(codes[c]))
            overlaps[pair] = overlaps.get(pair, 0) + 1
        free = mine[owner[mine] < 0]
        owner[free] = c
    if overlaps:
        pairs = ", ".join(f"{a}/{b}" for a, b in sorted(overlaps)[:5])
        text = message("location.overlap", n=sum(overlaps.values()), pairs=pairs)
        warnings.warn(GridkitWarning(*text), stacklevel=5)


def _nearest(
    points: NDArray[np.object_], shapes: NDArray[np.object_], near_m: float
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the nearest cell within `near_m` and its distance; -1 and NaN beyond."""
    cell = np.full(len(points), -1, dtype=np.intp)
    distance = np.full(len(points), np.nan)
    if not len(points):
        return cell, distance
    tree = shapely.STRtree(shapes)
    at, candidates = tree.query(points, predicate="dwithin", distance=near_m)
    gap = shapely.distance(points[at], shapes[candidates])
    order = np.lexsort((candidates, gap, at))
    at, candidates, gap = at[order], candidates[order], gap[order]
    first = np.r_[True, at[1:] != at[:-1]] if len(at) else np.zeros(0, dtype=bool)
    cell[at[first]], distance[at[first]] = candidates[first], gap[first]
    return cell, distance


def _border_distance(
    points: NDArray[np.object_], shapes: NDArray[np.object_]
) -> NDArray[np.float64]:
    """Return the distance to the nearest border of any cell, null beyond 25 m."""
    xy, ring = shapely.get_coordinates(shapely.get_rings(shapes), return_index=True)
    within = ring[1:] == ring[:-1]
    pairs = np.stack([xy[:-1][within], xy[1:][within]], axis=1)
    edges: NDArray[np.object_] = np.asarray(shapely.linestrings(pairs))
    tree = shapely.STRtree(edges)
    (point, _), gap = tree.query_nearest(
        points, max_distance=_BORDER_REACH_M, return_distance=True, all_matches=False
    )
    border = np.full(len(points), np.nan)
    border[point] = gap
    return border


def _runner_up(
    points: NDArray[np.object_],
    shapes: NDArray[np.object_],
    owner: NDArray[np.intp],
    border: NDArray[np.float64],
    ambiguous_m: float,
) -> NDArray[np.intp]:
    """Return the nearest other cell within `ambiguous_m` of owned points; -1 for none."""
    second = np.full(len(points), -1, dtype=np.intp)
    close = np.flatnonzero((owner >= 0) & (np.nan_to_num(border, nan=np.inf) <= ambiguous_m))
    if ambiguous_m > _BORDER_REACH_M:
        close = np.flatnonzero(owner >= 0)
    if not len(close):
        return second
    tree = shapely.STRtree(shapes)
    at, cell = tree.query(points[close], predicate="dwithin", distance=ambiguous_m)
    other = cell != owner[close[at]]
    at, cell = at[other], cell[other]
    gap = shapely.distance(points[close[at]], shapes[cell])
    order = np.lexsort((cell, gap, at))
    at, cell = at[order], cell[order]
    first = np.r_[True, at[1:] != at[:-1]] if len(at) else np.zeros(0, dtype=bool)
    second[close[at[first]]] = cell[first]
    return second
