"""What both engines start from, rings and the raster over them, and what they give."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely

from ..errors import GeometryError
from ..messages import message

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = NDArray[np.int32]

__all__ = ["Found", "Raster", "Rings", "raster_for", "raster_over", "rings_of"]

# Vertices are 0 or of a magnitude in this range, so that no exact product under- or overflows.
_LEAST, _MOST = 2.0**-300, 2.0**100

_SAMPLE = 1 << 17  # vertices that are enough to tell where they lie
_MOST_CROSSINGS = 200  # of edges and buckets, a cell; 50 are usual
_FINE = 4.0  # fine columns a column of buckets, at least
_CROWDED = 0.5  # share of a column of buckets from which fine columns are halved,
_FINEST = 1 << 16  # until there are so many
_BY_VERTICES = 0.75  # share of the lines that follow the vertices; the others are spread evenly


@dataclass(frozen=True)
class Rings:
    """All rings of all cells: ring r is ``xy[start[r]:start[r + 1]]``, closed."""

    xy: NDArray[np.float64]
    start: NDArray[np.int64]
    cell: NDArray[np.int32]
    hole: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Raster:
    """Buckets between lines that lie closer where the vertices do.

    Fine columns are 1/sx wide, a power of two, so that doubles hold their lines exactly; the first
    starts at ``j0 / sx``. Neighbouring ones make a column of buckets; the first and the last are
    empty. Rows likewise.

    Attributes
    ----------
    sx, sy : float
    j0, i0 : int
    column, row : int32 arrays
        Column (row) of buckets of each fine column (row), growing by steps of one.
    """

    sx: float
    sy: float
    j0: int
    i0: int
    column: NDArray[np.int32]
    row: NDArray[np.int32]

    @property
    def nx(self) -> int:
        """Columns of buckets."""
        return int(self.column[-1]) + 1

    @property
    def ny(self) -> int:
        """Rows of buckets."""
        return int(self.row[-1]) + 1

    @cached_property
    def x(self) -> NDArray[np.float64]:
        """The nx + 1 lines between columns."""
        return _lines(self.column, self.j0, self.sx)

    @cached_property
    def y(self) -> NDArray[np.float64]:
        """The ny + 1 lines between rows."""
        return _lines(self.row, self.i0, self.sy)

    @property
    def nbytes(self) -> int:
        """Bytes of the tables."""
        return sum(a.nbytes for a in (self.column, self.row, self.x, self.y))


def _lines(part: NDArray[np.int32], first: int, scale: float) -> NDArray[np.float64]:
    starts = np.flatnonzero(np.diff(part, prepend=np.int32(-1)))
    return np.append(starts + first, len(part) + first) / scale


class Found(NamedTuple):
    """What is known of points; cells are ranks, -1 for none.

    Attributes
    ----------
    owner : int32 array
        The cell that holds the point; outside all cells the nearest one that is near enough. -2:
        several hold it, and nothing else is said.
    way : int8 array
        0 inside, 1 on a border, 2 near a cell, 3 outside.
    border_m : float array
        Distance to the nearest edge, NaN beyond the reach.
    distance_m : float array
        Distance to the owner, NaN without one.
    other : int32 array
        The nearest cell but the owner, where it is near enough.
    """

    owner: NDArray[np.int32]
    way: NDArray[np.int8]
    border_m: NDArray[np.float64]
    distance_m: NDArray[np.float64]
    other: NDArray[np.int32]

    @classmethod
    def empty(cls, n: int) -> Found:
        """Return room for n points."""
        owner, other = np.empty(n, np.int32), np.empty(n, np.int32)
        return cls(owner, np.empty(n, np.int8), np.empty(n), np.empty(n), other)

    def at(self, part: slice) -> Found:
        """Return a part, a view."""
        owner, way, border_m, distance_m, other = self
        return Found(owner[part], way[part], border_m[part], distance_m[part], other[part])


def rings_of(shapes: NDArray[np.object_]) -> Rings:
    """Return the rings of polygons and multipolygons."""
    parts, cell = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    hole = np.r_[False, part[1:] == part[:-1]] if len(part) else np.zeros(0, dtype=bool)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    size = np.abs(xy)
    most, least = size.max(initial=0.0), size.min(initial=np.inf, where=size > 0)
    if most > 0 and not (least >= _LEAST and most <= _MOST):
        raise GeometryError(*message("kernels.bad_size", least=least, most=most))
    start = np.zeros(len(rings) + 1, dtype=np.int64)
    np.cumsum(np.bincount(ring, minlength=len(rings)), out=start[1:])
    xy = np.ascontiguousarray(xy) + 0.0  # -0.0 and 0.0 are one place
    return Rings(xy, start, cell[part].astype(np.int32), hole.astype(np.uint8))


def raster_over(xy: NDArray[np.float64], buckets: float) -> Raster:
    """Return a raster of about so many buckets over all vertices.

    Where vertices are spread evenly, buckets are nearly square and of one size; a town in a desert
    gets most of the lines. A coverage thinner than a bucket gets one across.
    """
    low, high = xy.min(axis=0), xy.max(axis=0)
    # A coverage without extent in one direction still gets buckets of some size.
    extent = np.maximum(high - low, max(np.abs(xy).max() * 2.0**-40, 1e-60))
    width, height = extent.tolist()
    side = math.sqrt(width / buckets) * math.sqrt(height)
    some = xy[:: max(1, len(xy) // _SAMPLE)]
    axes = (
        _axis(some[:, k], float(low[k]), float(high[k]), float(extent[k] / side), buckets)
        for k in (0, 1)
    )
    (sx, j0, column), (sy, i0, row) = axes
    return Raster(sx, sy, j0, i0, column, row)


def raster_for(rings: Rings, edges: NDArray[Any], *, cells: int, buckets: float) -> Raster:
    """Return a raster of so many buckets a cell, or of fewer where edges would cross too many.

    Long slanting edges, as of strips of land, pass through a great many small buckets.
    """
    raster = raster_over(rings.xy, buckets * cells)
    some = edges[:: max(1, len(edges) // _SAMPLE)]
    while buckets > 1 and _crossings(some, raster) * len(edges) > _MOST_CROSSINGS * cells * len(
        some
    ):
        buckets /= 2
        raster = raster_over(rings.xy, buckets * cells)
    return raster


def _crossings(edges: NDArray[Any], g: Raster) -> int:
    """Return how many buckets the edges touch, all together; one that is level or steep at most."""
    total = len(edges)
    for a, b, lines in (("ax", "bx", g.x), ("ay", "by", g.y)):
        ends = np.searchsorted(lines, np.stack([edges[a], edges[b]]))
        total += int(np.abs(ends[1] - ends[0]).sum())
    return total


def _axis(
    v: NDArray[np.float64], low: float, high: float, parts: float, most: float
) -> tuple[float, int, Columns]:
    """Return scale, first fine column and the column of each, for about so many parts."""
    parts = min(max(parts, 1.0), most)
    extent = max(high - low, max(-low, high) * 2.0**-40, 1e-60)
    # Where a coordinate is 2^44 fine columns from zero, a tenth of one is as fine as doubles are.
    last = 44 - math.ceil(math.log2(max(-low, high, extent)))
    coarse = min(math.ceil(math.log2(_FINE * parts / extent)), last)
    places, count = np.unique(v, return_counts=True)
    below = (np.cumsum(count) - count[0]) / max(len(v) - count[0], 1)
    finest = math.floor(math.log2(max(_FINEST, 16 * parts) / extent))
    for bits in range(coarse, max(coarse, min(finest, last)) + 1):
        first, n = math.floor(low * 2.0**bits), math.floor(high * 2.0**bits) + 1
        lines = np.arange(first, n + 1) / 2.0**bits
        # Between two places the vertices of the second count as spread: a lattice has its lines far
        # apart, but a town of boxes is no desert.
        held = np.diff(np.interp(lines, places, below))
        if held.max() * parts <= _CROWDED:
            break
    share = (1 - _BY_VERTICES) / len(held) + _BY_VERTICES * held
    part = np.floor((np.cumsum(share) - share) * parts)
    # Empty columns at both ends, so that every vertex has its bucket's neighbours inside.
    inner = 1 + np.cumsum(np.diff(part, prepend=part[0]) > 0)
    column = np.concatenate([[0], inner, [inner[-1] + 1]]).astype(np.int32)
    return 2.0**bits, first - 1, column
