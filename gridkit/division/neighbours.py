"""Which areas share a border, and how long it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from .ordering import Floats, Geometries, Ints

__all__ = ["GRID_M", "dissolve", "is_exact", "segments", "shared_borders"]

GRID_M = 0.01
"""The grid, in metres, on which lines are noded, and how near a border may be."""

LEAST_BORDER_M = 0.1


def shared_borders(geoms: Geometries, *, exact: bool | None = None) -> tuple[Ints, Ints, Floats]:
    """Return each pair of areas with a common border of positive length (rook neighbours).

    In an exact coverage, whose borders agree vertex by vertex, the common segments are counted.
    Elsewhere the border is what of the one's outline lies within 1 cm of the other, across a gap
    or an overlap too; borders up to 0.1 m do not count there.

    Parameters
    ----------
    geoms : ndarray of Polygon or MultiPolygon, shape (n,)
    exact : bool, optional
        What `is_exact` says of them, where that is known.

    Returns
    -------
    i, j : ndarray of int, shape (m,)
        Positions of the two areas, ``i < j``, sorted.
    length_m : ndarray of float, shape (m,)
        Length of the common border in whole millimetres.
    """
    if len(geoms) and (is_exact(geoms) if exact is None else exact):
        return _shared_segments(geoms)
    i, j = shapely.STRtree(geoms).query(geoms, predicate="dwithin", distance=GRID_M)
    i, j = i[i < j], j[i < j]
    around = shapely.buffer(geoms, GRID_M)
    length = shapely.length(shapely.intersection(shapely.boundary(geoms)[i], around[j]))
    keep = length > LEAST_BORDER_M
    order = np.lexsort((j[keep], i[keep]))
    return i[keep][order], j[keep][order], np.round(length[keep][order], 3)


def is_exact(geoms: Geometries) -> bool:
    """Tell whether neighbours agree vertex by vertex; areas a hair apart do not."""
    return bool(shapely.coverage_is_valid(geoms, gap_width=GRID_M))


def segments(geoms: Geometries) -> tuple[Floats, Floats, Ints]:
    """Return both ends of each segment of all rings, sorted, and the area that it is of."""
    rings, owner = shapely.get_rings(geoms, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    inside = ring[1:] == ring[:-1]
    a, b = xy[:-1][inside], xy[1:][inside]
    owner = owner[ring[:-1][inside]]
    turned = (a[:, 0] > b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] > b[:, 1]))
    a[turned], b[turned] = b[turned], a[turned]
    order = np.lexsort((owner, b[:, 1], b[:, 0], a[:, 1], a[:, 0]))
    return a[order], b[order], owner[order]


def _shared_segments(geoms: Geometries) -> tuple[Ints, Ints, Floats]:
    a, b, owner = segments(geoms)
    twice = ((a[1:] == a[:-1]) & (b[1:] == b[:-1])).all(axis=1)
    i, j = owner[:-1][twice], owner[1:][twice]
    length = np.hypot(*(b - a)[1:][twice].T)
    n = np.int64(len(geoms))
    pair, which = np.unique(i * n + j, return_inverse=True)
    total = np.bincount(which, length, len(pair))
    return pair // n, pair % n, np.round(total, 3)


def dissolve(geoms: Geometries, labels: Ints, *, exact: bool | None = None) -> Geometries:
    """Return the union of the areas of each label, in the order of the labels.

    In an exact coverage no vertex is lost, so that the unions are an exact coverage again. Each
    polygon starts at its lowest vertex, whatever the order of its parts.

    Parameters
    ----------
    geoms : ndarray of Polygon or MultiPolygon, shape (n,)
    labels : ndarray of int, shape (n,)
        0 … k-1, each at least once.
    exact : bool, optional
        What `is_exact` says of the areas, where that is known. Faces of noded lines are exact,
        although a splinter among them looks like a gap.
    """
    if exact is None:
        exact = is_exact(geoms)
    order = np.argsort(labels, kind="stable")
    parts = np.split(geoms[order], np.flatnonzero(np.diff(labels[order])) + 1)
    unions = np.empty(len(parts), dtype=object)
    for k, part in enumerate(parts):
        if len(part) == 1:
            unions[k] = part[0]
        elif exact:
            unions[k] = shapely.coverage_union_all(part)
        else:
            unions[k] = shapely.union_all(part, grid_size=GRID_M)
    return np.asarray(shapely.normalize(unions))
