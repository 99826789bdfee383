"""Which faces between streets are no land of their own, and where they belong.

The strip between two carriageways, the island of a junction and the splinter where two lines run
almost together are made by drawing streets as lines. They join a neighbour; each is told apart by
shape and by the classes of the lines around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely

from .neighbours import GRID_M, segments

if TYPE_CHECKING:
    import geopandas as gpd

    from .ordering import Floats, Geometries, Ints
    from .streets import Dividers

__all__ = ["Sides", "sides_of", "weak_faces"]

ROUND = 0.93
"""Polsby-Popper index from which a small face is a roundabout: a regular octagon has 0.948."""

ROUNDABOUT_M2 = 5_000.0
JUNCTION_M2 = 20_000.0
MOSTLY = 0.6
CORRIDOR, STRIP = 3.0, 1.5
"""How many times wider land may be and yet be none, between motorways, and where it is long."""
LONG = 28.8
"""Squared perimeter over area from which a face is long: a rectangle of 5 to 1."""


Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sides:
    """Every segment of the borders of an exact coverage.

    Attributes
    ----------
    left, right : ndarray of int, shape (m,)
        The two areas of each segment, ``left < right``; ``left`` is -1 on the outer border.
    length_m : ndarray of float, shape (m,)
    xy : ndarray of float, shape (m, 4)
        Both ends.
    rank : ndarray of int, shape (m,)
        Class of the heaviest dividing line along the segment; -1 where there is none.
    """

    left: Ints
    right: Ints
    length_m: Floats
    xy: Floats
    rank: Ints


def sides_of(faces: gpd.GeoDataFrame, dividers: Dividers) -> Sides:
    """Return the segments of all borders, and the heaviest line along each.

    Parameters
    ----------
    faces : GeoDataFrame
        From `land_faces`. Borders of communities and of water count as lines of the classes
        ``community`` and ``water``, where there are such.
    dividers : Dividers
    """
    geoms = faces.geometry.to_numpy()
    a, b, owner = segments(geoms)
    ends = np.hstack([a, b])
    first = np.ones(len(ends), dtype=bool)
    first[1:] = (ends[1:] != ends[:-1]).any(axis=1)
    start = np.flatnonzero(first)
    twice = np.diff(start, append=len(ends)) == 2
    left = np.where(twice, owner[start], -1)
    right = owner[start + twice]
    ends = ends[start]
    length = np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1])
    rank = _heaviest(ends, dividers)
    code_rank = {b.code: k for k, b in enumerate(dividers.classes)}
    for column, code in (("community_code", "community"), ("kind", "water")):
        if column in faces.columns and code in code_rank:
            value = faces[column].to_numpy()
            differs = (left >= 0) & (value[left] != value[right])
            rank[differs] = np.maximum(rank[differs], code_rank[code])
    return Sides(left, right, length, ends, rank)


def _heaviest(ends: Floats, dividers: Dividers) -> Ints:
    middle = np.asarray(shapely.points((ends[:, :2] + ends[:, 2:]) / 2))
    tree = shapely.STRtree(dividers.lines)
    # A line is moved by less than one step of the grid when it is noded.
    segment, line = tree.query(middle, predicate="dwithin", distance=GRID_M)
    rank = np.full(len(ends), -1, dtype=np.int64)
    np.maximum.at(rank, segment, dividers.rank[line])
    return rank


def weak_faces(
    faces: gpd.GeoDataFrame, sides: Sides, dividers: Dividers, *, min_width_m: float
) -> tuple[npt.NDArray[Any], Bools]:
    """Return the kind of each face, were it to be merged, and whether its shape demands it.

    A face is a strip when it is nowhere wider than `min_width_m` beyond the surfaces of the lines
    around it: half as wide again where it is long, three times as wide where it lies mostly
    between motorways and slip roads. It is an island of a junction when it is round and small, or
    small and mostly between motorways and slip roads. With `min_width_m` 0 no shape demands
    anything.

    Returns
    -------
    kind : ndarray of str, shape (n,)
        ``dual_carriageway``, ``junction`` or ``sliver``.
    weak : ndarray of bool, shape (n,)
    """
    road = np.array([b.width_m for b in dividers.classes] + [0.0])[sides.rank]
    express = np.array([b.express for b in dividers.classes] + [False])[sides.rank]
    geoms, n = faces.geometry.to_numpy(), len(faces)
    area = shapely.area(geoms)
    around = _sum(sides, np.ones(len(road)), n)
    paved = _sum(sides, road, n) / around
    between = _sum(sides, express.astype(float), n) > MOSTLY * around
    long_ = around**2 > LONG * area
    wider = np.select([between, long_], [CORRIDOR, STRIP], 1.0)
    thin = _narrower(geoms, around, wider * min_width_m + paved)
    round_ = (4 * np.pi * area > ROUND * around**2) & (area < ROUNDABOUT_M2)
    island = round_ | (between & (area < JUNCTION_M2))
    onroad = _sum(sides, (road > 0).astype(float), n) > MOSTLY * around
    kinds = ["dual_carriageway", "junction"]
    kind = np.select([onroad & thin & long_, onroad & (island | ~long_)], kinds, "sliver")
    return kind, (thin | island) & (min_width_m > 0)


def _sum(sides: Sides, share: Floats, n: int) -> Floats:
    metres = sides.length_m * share
    both = np.bincount(sides.right, metres, n)
    inner = sides.left >= 0
    return np.asarray(both + np.bincount(sides.left[inner], metres[inner], n))


def _narrower(geoms: Geometries, around: Floats, width: Floats) -> Bools:
    """Tell which faces are nowhere wider than `width`."""
    # A strip of that width has at most half its perimeter times the width as its area.
    thin: Bools = shapely.area(geoms) < width * around / 2
    thin[thin] = shapely.is_empty(shapely.buffer(geoms[thin], -width[thin] / 2))
    return thin
