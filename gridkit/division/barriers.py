"""Which common borders a barrier runs along: a river without a bridge, a railway, a wall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from ..crs import same_crs
from ..errors import GeometryError
from ..messages import message
from ..tables import first_few
from .neighbours import GRID_M

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from .ordering import Geometries, Ints

__all__ = ["BARRIER_M", "BARRIER_SHARE", "barred", "require_lines"]

BARRIER_M = 1.0
"""How near, in metres, a barrier runs to the border that it closes."""

BARRIER_SHARE = 0.5
"""The share of a common border from which on a barrier closes it."""


def require_lines(barriers: gpd.GeoDataFrame, units: gpd.GeoDataFrame) -> Geometries:
    """Return the lines of `barriers`; raise unless all are sound lines in the CRS of `units`.

    Raises
    ------
    CRSError
        Another CRS.
    GeometryError
        A shape is missing, empty or not a line; the rows are named.
    """
    same_crs(units, barriers, what="barriers")
    lines: Geometries = barriers.geometry.to_numpy()
    bad = ~np.isin(shapely.get_type_id(lines), [1, 5]) | shapely.is_empty(lines)
    if bad.any():
        rows = np.flatnonzero(bad)
        raise GeometryError(*message("division.bad_barriers", n=len(rows), rows=first_few(rows)))
    return lines


def barred(geoms: Geometries, i: Ints, j: Ints, lines: Geometries) -> NDArray[np.bool_]:
    """Tell which common borders are closed: half of the border or more lies along a barrier.

    Parameters
    ----------
    geoms : ndarray of Polygon or MultiPolygon, shape (n,)
    i, j : ndarray of int, shape (m,)
        Neighbours, as `shared_borders` returns them.
    lines : ndarray of LineString or MultiLineString

    Returns
    -------
    ndarray of bool, shape (m,)
    """
    closed = np.zeros(len(i), dtype=bool)
    if not len(lines):
        return closed
    close = np.zeros(len(geoms), dtype=bool)
    tree = shapely.STRtree(lines)
    close[tree.query(geoms, predicate="dwithin", distance=BARRIER_M)[0]] = True
    pairs = np.flatnonzero(close[i] & close[j])
    around = shapely.buffer(geoms[j[pairs]], GRID_M)
    common = shapely.intersection(shapely.boundary(geoms[i[pairs]]), around)
    strips = shapely.buffer(lines, BARRIER_M)
    border, strip = shapely.STRtree(strips).query(common, predicate="intersects")
    for each in np.unique(border):
        along = shapely.union_all(strips[strip[border == each]])
        length = shapely.length(shapely.intersection(common[each], along))
        closed[pairs[each]] = length >= BARRIER_SHARE * shapely.length(common[each])
    return closed
