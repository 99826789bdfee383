"""The ownership rule in numpy, for millions of points: its own code, nothing of gridkit.

Every cell whose box holds a point is tried. A ray runs west from (x + ε, y + ε²) and its crossings
with all rings of the cell are counted. Whether an edge passes west of the point is told by doubles
where a coarse error bound allows it, and by whole numbers of any length where it does not, or where
the caller asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

OUTSIDE = -1
ROUNDING = 2.0**-53
TOGETHER = 8_000_000  # tests of a point against an edge that are done at once
SQUARES_A_CELL = 4.0


@dataclass
class Tally:
    """How often doubles sufficed, whole numbers decided, and several cells held a point."""

    doubles: int = 0
    whole: int = 0
    several: int = 0


class Oracle:
    """The cells, ready to be asked. Owners are positions among the shapes."""

    def __init__(self, shapes):
        shapes = np.asarray(shapes, dtype=object)
        self.tally = Tally()
        self.box = shapely.bounds(shapes)
        parts, cell = shapely.get_parts(shapes, return_index=True)
        rings, part = shapely.get_rings(parts, return_index=True)
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        same = ring[1:] == ring[:-1]
        a, b = xy[:-1][same], xy[1:][same]
        owner = cell[part[ring[:-1][same]]]
        order = np.argsort(owner, kind="stable")
        up = (a[:, 1] < b[:, 1])[:, None]
        self.low, self.high = np.where(up, a, b)[order], np.where(up, b, a)[order]
        self.size = np.bincount(owner, minlength=len(shapes))
        self.first = np.cumsum(self.size) - self.size
        self._into_squares()

    def _into_squares(self):
        """Note in each square of a plain raster the cells whose boxes meet it."""
        low, high = self.box[:, :2].min(axis=0), self.box[:, 2:].max(axis=0)
        n = max(1, round(np.sqrt(len(self.box) * SQUARES_A_CELL)))
        self.corner, self.n = low, n
        self.side = np.maximum((high - low) / n, np.finfo(float).tiny)
        from_, to = self._square(self.box[:, :2]), self._square(self.box[:, 2:])
        wide = to - from_ + 1
        cell, nth = expand(wide[:, 0] * wide[:, 1])
        j = from_[cell, 0] + nth % wide[cell, 0]
        i = from_[cell, 1] + nth // wide[cell, 0]
        square = i * n + j
        order = np.argsort(square, kind="stable")
        self.listed = cell[order]
        self.held = np.bincount(square, minlength=n * n)
        self.offset = np.cumsum(self.held) - self.held

    def _square(self, xy):
        # The same roundings for boxes and points, each monotone: a point of a box is never lost.
        return np.clip(np.floor((xy - self.corner) / self.side), 0, self.n - 1).astype(np.int64)

    def owners(self, x, y, *, exact=None):
        """Return the owner of each point, the first of several, -1 outside; exact where told."""
        exact = np.zeros(len(x), dtype=bool) if exact is None else exact
        point, cell = self._candidates(x, y)
        inside = np.zeros(len(point), dtype=bool)
        chunk = np.cumsum(self.size[cell]) // TOGETHER
        for part in np.split(np.arange(len(point)), np.flatnonzero(np.diff(chunk)) + 1):
            p, c = point[part], cell[part]
            inside[part] = self._inside(x[p], y[p], c, exact[p])
        owner = np.full(len(x), len(self.size))
        np.minimum.at(owner, point[inside], cell[inside])
        self.tally.several += int((np.bincount(point[inside], minlength=1) > 1).sum())
        return np.where(owner == len(self.size), OUTSIDE, owner)

    def _candidates(self, x, y):
        square = self._square(np.column_stack([x, y])) @ [1, self.n]
        point, nth = expand(self.held[square])
        cell = self.listed[self.offset[square[point]] + nth]
        west, south, east, north = self.box[cell].T
        px, py = x[point], y[point]
        near = (west <= px) & (px <= east) & (south <= py) & (py <= north)
        return point[near], cell[near]

    def _inside(self, x, y, cell, exact):
        pair, nth = expand(self.size[cell])
        edge = self.first[cell[pair]] + nth
        level = (self.low[edge, 1] <= y[pair]) & (y[pair] < self.high[edge, 1])
        pair, edge = pair[level], edge[level]
        west = self._passes_west(self.low[edge], self.high[edge], x[pair], y[pair], exact[pair])
        return np.bincount(pair[west], minlength=len(x)) % 2 == 1

    def _passes_west(self, a, b, x, y, exact):
        """Tell which upward edges pass west of their point or through it."""
        one = (b[:, 0] - a[:, 0]) * (y - a[:, 1])
        two = (b[:, 1] - a[:, 1]) * (x - a[:, 0])
        sure = np.abs(two - one) > 8 * ROUNDING * (np.abs(one) + np.abs(two)) + 1e-290
        west = two > one
        ask = np.flatnonzero(exact | ~sure)
        west[ask] = west_in_whole_numbers(a[ask], b[ask], x[ask], y[ask])
        self.tally.doubles += len(west) - len(ask)
        self.tally.whole += len(ask)
        return west


def west_in_whole_numbers(a, b, x, y):
    """The same without rounding: every double is a whole number of the smallest unit among them."""
    if not len(x):
        return np.zeros(0, dtype=bool)
    ax, ay, bx, by, px, py = whole(np.stack([*a.T, *b.T, x, y]))
    return ((by - ay) * (px - ax) >= (bx - ax) * (py - ay)).astype(bool)


def whole(values):
    """Return doubles as Python integers, all in one unit, which is a power of two."""
    fraction, power = np.frexp(values)
    number = (fraction * 2.0**53).astype(np.int64).astype(object)
    used = power[fraction != 0]
    shift = np.where(fraction != 0, power - (used.min() if len(used) else 0), 0)
    return number << shift.astype(object)


def expand(count):
    """Return each index as often as its count says, and the running number in it."""
    index = np.repeat(np.arange(len(count)), count)
    return index, np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)
