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

MEETING_M = 0.1
"""How far from a border, along its own direction, a street is seen to have left it."""


def snap_line(line: Any, streets: Geometries, areas: Geometries, *, tolerance_m: float) -> Any:
    """Return a drawn line whose vertices lie on streets and whose ends lie on borders.

    A vertex within the tolerance of a street moves onto it, of several onto the one that the
    vertices beside it are near, too; between two vertices on one street the line follows it. An
    end moves to where a street meets a border, else to the nearest border, else as the other
    vertices do. What is farther away stays as it was drawn.

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
    drawn = shapely.get_coordinates(line)
    xy = drawn.copy()
    street = _onto(xy, streets, tolerance_m)
    borders = _borders(areas, drawn[[0, -1]], tolerance_m)
    for end in (0, len(xy) - 1):
        if (place := _end(drawn[end], streets, borders, tolerance_m)) is not None:
            xy[end] = place
            spot = shapely.Point(place)
            street[end] = np.flatnonzero(shapely.dwithin(streets, spot, GRID_M))
    return _joined(xy, street, streets)


def _kind(line: Any) -> str:
    return str(line.geom_type) if shapely.is_geometry(line) else type(line).__name__


def _onto(xy: Floats, streets: Geometries, tolerance_m: float) -> list[Any]:
    """Move vertices onto streets, in place; return the streets each one lies on.

    Of the streets within reach it is the one that the vertices before and after are near, too;
    of several such the nearest.
    """
    points = np.asarray(shapely.points(xy))
    tree = shapely.STRtree(streets)
    near = [tree.query(p, predicate="dwithin", distance=tolerance_m) for p in points]
    on: list[Any] = [np.zeros(0, dtype=np.int64)] * len(xy)
    for k, reached in enumerate(near):
        if len(reached):
            beside = np.concatenate([near[n] for n in (k - 1, k + 1) if 0 <= n < len(near)])
            shared = (reached[:, None] == beside).sum(axis=1)
            away = shapely.distance(streets[reached], points[k])
            street = streets[reached[np.lexsort((reached, away, -shared))[0]]]
            spot = street.interpolate(street.project(points[k]))
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
    met = _meetings(streets, disc, outline)
    target = shapely.union_all(met) if len(met) else outline
    return shapely.get_coordinates(shapely.shortest_line(point, target))[1]


def _meetings(streets: Geometries, disc: Any, outline: Any) -> Geometries:
    """Return where streets in a disc leave an outline; one that ends within 1 cm of it does, too.

    A street that is the border weaves across it by millimetres; that is no meeting.
    """
    streets = streets[shapely.intersects(streets, disc)]
    crossings = shapely.get_parts(shapely.intersection(streets, outline))
    links = shapely.shortest_line(outline, _ends(streets))
    links = links[shapely.length(links) <= GRID_M]
    met: Geometries = np.concatenate([crossings, np.asarray(shapely.get_point(links, 0))])
    met = met[(shapely.get_dimensions(met) == 0) & shapely.intersects(met, disc)]
    away = shapely.get_parts(shapely.difference(streets, outline.buffer(2 * GRID_M)))
    leaving = shapely.multipoints(_ends(away))
    kept: Geometries = met[shapely.dwithin(met, leaving, MEETING_M)]
    return kept


def _ends(lines: Geometries) -> Geometries:
    return np.asarray(shapely.get_point(np.repeat(lines, 2), np.tile([0, -1], len(lines))))


def _joined(xy: Floats, street: list[Any], streets: Geometries) -> Any:
    """Return the line through the vertices, along a street where two in a row lie on it."""
    parts = [xy[:1]]
    for k in range(1, len(xy)):
        shared = np.intersect1d(street[k - 1], street[k])
        if len(shared):
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
