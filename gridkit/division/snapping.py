"""Drawn lines drawn to the streets: a hand on a screen means the street that it is near."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely.ops import substring

from ..errors import GeometryError, OptionError
from ..messages import message
from .neighbours import GRID_M

if TYPE_CHECKING:
    from .ordering import Floats, Geometries

__all__ = ["snap_line"]


def snap_line(line: Any, streets: Geometries, areas: Geometries, *, tolerance_m: float) -> Any:
    """Return a drawn line whose vertices lie on streets and whose ends lie on borders.

    A vertex within the tolerance of a street moves onto the nearest one; between two vertices on
    one street the line follows that street. An end moves to where a street meets a border, else to
    the nearest border, else to the nearest street. What is farther away stays as it was drawn.

    Parameters
    ----------
    line : LineString
    streets : ndarray of LineString or MultiLineString
    areas : ndarray of Polygon or MultiPolygon
        Whose borders the ends may lie on.
    tolerance_m : float

    Returns
    -------
    LineString

    Raises
    ------
    GeometryError
        `line` is no sound line, or nothing is left of it: its vertices moved to one place.
    OptionError
        `tolerance_m` is no length above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from shapely.geometry import LineString, box
    >>> from gridkit.division.snapping import snap_line
    >>> street = np.array([LineString([(0, 50), (40, 60), (100, 50)])])
    >>> drawn = LineString([(2, 52), (99, 47)])
    >>> snap_line(drawn, street, np.array([box(0, 0, 100, 100)]), tolerance_m=5).wkt
    'LINESTRING (0 50, 40 60, 100 50)'
    """
    if not 0 < tolerance_m < np.inf:
        raise OptionError(*message("division.bad_tolerance", value=tolerance_m))
    if not (_kind(line) == "LineString" and line.is_valid and not line.is_empty):
        raise GeometryError(*message("division.not_a_line", value=_kind(line)))
    streets = shapely.get_parts(streets)
    xy = shapely.get_coordinates(line)
    street = _onto(xy, streets, tolerance_m)
    borders = _borders(areas, xy[[0, -1]], tolerance_m)
    for end in (0, len(xy) - 1):
        if (place := _end(xy[end], streets, borders, tolerance_m)) is not None:
            xy[end] = place
            met = shapely.STRtree(streets).query_nearest(shapely.Point(place), max_distance=GRID_M)
            street[end] = met if len(met) else [-1]
    return _joined(xy, street, streets)


def _kind(line: Any) -> str:
    return str(line.geom_type) if shapely.is_geometry(line) else type(line).__name__


def _onto(xy: Floats, streets: Geometries, tolerance_m: float) -> list[Any]:
    """Move vertices onto the nearest street, in place; return the streets each one lies on."""
    on: list[Any] = [[-1]] * len(xy)
    if not len(streets):
        return on
    tree = shapely.STRtree(streets)
    for k, point in enumerate(np.asarray(shapely.points(xy))):
        near = tree.query_nearest(point, max_distance=tolerance_m)
        if len(near):
            first = streets[near.min()]
            spot = first.interpolate(first.project(point))
            xy[k] = shapely.get_coordinates(spot)[0]
            on[k] = tree.query(spot, predicate="dwithin", distance=GRID_M)
    return on


def _borders(areas: Geometries, ends: Floats, tolerance_m: float) -> Geometries:
    """Return the outlines of the areas within reach of the ends, as single lines."""
    reach = tolerance_m + GRID_M
    near = shapely.STRtree(areas).query(shapely.points(ends), predicate="dwithin", distance=reach)
    return shapely.get_parts(shapely.boundary(areas[np.unique(near[1])]))


def _end(xy: Floats, streets: Geometries, borders: Geometries, tolerance_m: float) -> Any:
    """Return where an end belongs, or None where no border is near."""
    point = shapely.Point(xy)
    disc = point.buffer(tolerance_m)
    near = borders[shapely.dwithin(borders, point, tolerance_m)]
    if not len(near):
        return None
    outline = shapely.union_all(near)
    met = shapely.intersection(shapely.intersection(streets, disc), outline)
    met = met[shapely.get_dimensions(met) == 0]
    target = shapely.union_all(met) if len(met) else outline
    return shapely.get_coordinates(shapely.shortest_line(point, target))[1]


def _joined(xy: Floats, street: list[Any], streets: Geometries) -> Any:
    """Return the line through the vertices, along a street where two in a row lie on it."""
    parts = [xy[:1]]
    for k in range(1, len(xy)):
        shared = [s for s in np.intersect1d(street[k - 1], street[k]) if s >= 0]
        if shared:
            line = streets[shared[0]]
            ends = [line.project(shapely.Point(p)) for p in (xy[k - 1], xy[k])]
            along = shapely.get_coordinates(substring(line, *ends))
            parts.append(along[1:-1])
        parts.append(xy[k : k + 1])
    path = np.concatenate(parts)
    path = path[np.r_[True, (np.abs(np.diff(path, axis=0)) > 0).any(axis=1)]]
    if len(path) < 2:
        raise GeometryError(*message("division.line_vanishes"))
    return shapely.LineString(path)
