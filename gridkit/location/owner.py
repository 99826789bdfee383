"""Which cell does each report fall in: exactly one owner, also on borders."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from ..crs import require_metres, same_crs
from ..errors import GeometryError, OptionError, SchemaError
from ..messages import message
from ..tables import first_few
from .addresses import ADDRESS_COLUMNS, place_addresses
from .locator import FAR_M, Locator

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from .._kernels.raster import Found
    from ..intake.gazetteer import Gazetteer

    Floats = NDArray[np.float64]

__all__ = ["locate"]

_STEP_M = 10.0  # accuracies are rounded up to this where they are compared with borders

WAYS = ("inside", "border", "near", "outside", "unlocated")
_BY_ADDRESS = len(WAYS)  # after all ways of coordinates
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
    cells: gpd.GeoDataFrame | Locator,
    *,
    near_m: float = 50.0,
    ambiguous_m: float = 1.0,
    prefix: str | None = None,
    on_overlap: str = "raise",
    gazetteer: Gazetteer | None = None,
    address_m: float = 150.0,
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
    cells : GeoDataFrame or Locator
        Table ``cells``: polygons or multipolygons that do not overlap; or the index made of them,
        which saves its making at every call.
    near_m : float
        How far outside every cell a point may lie and still take the nearest one.
    ambiguous_m : float
        Within this distance of another cell the point is marked ambiguous and names it.
    prefix : str, optional
        Put before the new columns, for tables that have columns of these names already.
    on_overlap : {"raise", "report"}
        As in `Locator`.
    gazetteer : Gazetteer, optional
        Places reports that have an ``address`` and no coordinates, as `match_addresses` does.
    address_m : float
        Least exact place of an address that still gets a cell, in metres.

    Returns
    -------
    GeoDataFrame
        The same rows in the same order, with ``cell_code``, ``duty_code`` (when the cells have
        one), ``located_by`` (``inside``, ``border``: owned, and on a border to the micrometre,
        ``near``, ``outside``, ``unlocated``), ``border_m`` (exact up to 25 m, null beyond),
        ``alt_cell_code`` (nearest other cell within `ambiguous_m`), ``distance_m`` (0 when owned,
        to the nearest cell when near) and ``ambiguous``. Equal distances go east, then north, then
        to the smallest code.

        With a `gazetteer` reports placed by their address have its point, ``accuracy_m``, and
        ``address`` in ``located_by``; they are ambiguous where another cell lies within the
        accuracy. ``address_rung`` and ``address_match`` say what the address was found by,
        ``address_refused`` why it was not; a refused one stays ``unlocated`` and gets the
        ``community_code`` that it names, whose unit answers for it until the place is known.

    Raises
    ------
    CRSError
        No CRS, degrees, or two different CRS.
    GeometryError
        A report that is not a point, a coordinate that is not finite, cells that are invalid or
        overlap.
    SchemaError
        No cells, repeated or missing cell codes, or a column of a new name is there already; a
        `gazetteer` for reports without a column ``address``.

    Notes
    -----
    Method: half-open ownership by a symbolic shift (ε, ε²) of the point, with exact orientation
    signs; see `Locator`.

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
    if not (0 <= near_m <= FAR_M and 0 <= ambiguous_m <= FAR_M):
        limits = {"near_m": near_m, "ambiguous_m": ambiguous_m}
        raise OptionError(*message("location.bad_distance", **limits))
    locator = cells if isinstance(cells, Locator) else Locator(cells, on_overlap=on_overlap)
    names = {c: f"{prefix or ''}{c}" for c in _COLUMNS if c != "duty_code" or locator.has_duty}
    added = [*names.values(), *(ADDRESS_COLUMNS if gazetteer is not None else ())]
    clash = [name for name in added if name in reports.columns]
    if clash:
        raise SchemaError(*message("location.clash", columns=", ".join(clash)))
    answer, by_address = reports.copy(), np.zeros(len(reports), bool)
    if gazetteer is not None:
        answer, by_address = place_addresses(reports, gazetteer, most_m=address_m)
    x, y, there = _coordinates(answer, locator)
    found = locator.find_xy(x, y, near_m=near_m, ambiguous_m=ambiguous_m)
    if by_address.any():
        _judge_by_accuracy(found, x, y, answer["accuracy_m"][there], by_address[there], locator)
    for column, name in names.items():
        answer[name] = _column(column, found, there, locator)
    return answer


def _judge_by_accuracy(
    found: Found,
    x: Floats,
    y: Floats,
    accuracy_m: pd.Series,
    by_address: NDArray[np.bool_],
    locator: Locator,
) -> None:
    """Mark the owned points of addresses, and the cell beside them within their accuracy."""
    found.way[by_address & (found.owner >= 0)] = _BY_ADDRESS
    reach = np.ceil(accuracy_m.to_numpy(np.float64) / _STEP_M) * _STEP_M
    for metres in np.unique(reach[by_address]):
        rows = by_address & (reach == metres)
        beside = locator.find_xy(x[rows], y[rows], near_m=0.0, ambiguous_m=float(metres))
        found.other[rows] = np.where(found.owner[rows] >= 0, beside.other, -1)


def _coordinates(
    reports: gpd.GeoDataFrame, locator: Locator
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return x and y of the reports that have a point, and which those are."""
    require_metres(reports, what="reports")
    same_crs(reports, locator, what="reports, cells")
    points = np.asarray(reports.geometry.array)
    with contextlib.suppress(shapely.errors.GEOSException):  # an empty point has no x
        x, y = shapely.get_x(points), shapely.get_y(points)
        if np.isfinite(x).all() and np.isfinite(y).all():
            return x, y, np.ones(len(points), dtype=bool)
    other = shapely.get_type_id(points) > 0
    other &= ~shapely.is_empty(points)
    if other.any():
        rows = first_few(np.flatnonzero(other))
        raise GeometryError(*message("location.not_points", n=int(other.sum()), rows=rows))
    xy, row = shapely.get_coordinates(points, return_index=True)
    wild = ~np.isfinite(xy).all(axis=1)
    if wild.any():
        rows = first_few(row[wild])
        raise GeometryError(*message("location.not_finite", n=int(wild.sum()), rows=rows))
    there = np.zeros(len(points), dtype=bool)
    there[row] = True
    return np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(xy[:, 1]), there


def _column(name: str, found: Found, there: NDArray[np.bool_], locator: Locator) -> Any:
    """Return one column over all reports, with and without a point."""
    if name in ("border_m", "distance_m"):
        return spread(getattr(found, name), there, np.nan)
    if name == "ambiguous":
        return spread(found.other >= 0, there, False)
    if name == "located_by":
        return _texts(
            np.array([*WAYS, "address"], dtype=object), spread(found.way, there, len(WAYS) - 1)
        )
    rank = found.other if name == "alt_cell_code" else found.owner
    codes = locator.by_rank("duty_code" if name == "duty_code" else "cell_code")
    return _texts(codes, spread(rank, there, -1))


def spread(values: NDArray[Any], there: NDArray[np.bool_], missing: Any) -> NDArray[Any]:
    """Lay the values of the reports that have a point over all reports."""
    if there.all():
        return values
    whole = np.full(len(there), missing, dtype=values.dtype)
    whole[there] = values
    return whole


def _texts(codes: Any, at: NDArray[Any]) -> Any:
    """Return the text at each position; -1 is null."""
    return pd.array(codes, dtype="str").take(at, allow_fill=True)
