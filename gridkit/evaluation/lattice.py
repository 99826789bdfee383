"""Square bins over a district: which points and how much land lie in each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely

from ..errors import OptionError
from ..messages import message

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Cover", "Lattice", "Polygons", "binned", "cover_of", "lattice_of"]

SUBSAMPLES = 5  # of a bin at the border, each way; odd, so that the middle one is its centre
MOST_BINS = 40_000_000
CHUNK = 262_144  # points that are held at once

Polygons = shapely.Polygon | shapely.MultiPolygon


class Lattice(NamedTuple):
    """Square bins: the lower-left corner, the numbers of columns and rows, the side in metres."""

    x0: float
    y0: float
    nx: int
    ny: int
    bin_m: float


def lattice_of(
    xy: NDArray[np.float64], area: Polygons | None, *, reach_m: float, bin_m: float
) -> Lattice:
    """Return the bins that cover an area, or points and `reach_m` around them."""
    if area is not None:
        low, high = np.array(area.bounds[:2]), np.array(area.bounds[2:])
    else:
        low, high = xy.min(axis=0) - reach_m, xy.max(axis=0) + reach_m
    nx, ny = _counts(high - low, bin_m)
    if nx * ny > MOST_BINS:
        coarse = _coarser(high - low, bin_m)
        raise OptionError(
            *message(
                "evaluation.too_many_bins",
                bins=nx * ny,
                bin=bin_m,
                coarse=coarse,
                wide=2 * coarse,
            )
        )
    return Lattice(float(low[0]), float(low[1]), nx, ny, bin_m)


def _counts(span: NDArray[np.float64], bin_m: float) -> tuple[int, int]:
    nx, ny = (int(n) for n in np.maximum(np.ceil(span / bin_m - 1e-9), 1))
    return nx, ny


def _coarser(span: NDArray[np.float64], bin_m: float) -> float:
    """Return a side, in whole metres, with which the bins are few enough."""
    while (bins := math.prod(_counts(span, bin_m))) > MOST_BINS:
        bin_m = math.ceil(bin_m * math.sqrt(bins / MOST_BINS))
    return bin_m


def binned(
    xy: NDArray[np.float64], lattice: Lattice, weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Share each point out to the four bin centres around it, by nearness.

    Counting whole points per bin would shift each by up to half a bin, 10 % of the density on a
    kernel's flank. At the border of the lattice the outer half goes to the border bin.
    """
    x0, y0, nx, ny, bin_m = lattice
    wide, high = nx + 2, ny + 2  # a rim of one bin takes what lies beyond the outermost centres
    counts = np.zeros(high * wide)
    for first in range(0, len(xy), CHUNK):
        part = xy[first : first + CHUNK] - (x0, y0)
        part /= bin_m
        part += 0.5
        whole = part.astype(np.int64)  # all are positive: cutting is rounding down
        part -= whole
        east, north = part.T
        place = whole[:, 1] * wide + whole[:, 0]
        one = 1.0 if weights is None else weights[first : first + CHUNK]
        both, east, north = one * east * north, one * east, one * north
        counts += np.bincount(place, one - east - north + both, high * wide)
        counts += np.bincount(place + 1, east - both, high * wide)
        counts += np.bincount(place + wide, north - both, high * wide)
        counts += np.bincount(place + wide + 1, both, high * wide)
    bins = counts.reshape(high, wide)
    bins[:, 1] += bins[:, 0]
    bins[:, -2] += bins[:, -1]
    bins[1] += bins[0]
    bins[-2] += bins[-1]
    return bins[1:-1, 1:-1]


@dataclass(frozen=True, eq=False)
class Cover:
    """How an area lies on a lattice.

    Attributes
    ----------
    area : polygon, prepared
    lattice : Lattice
    centre : ndarray of bool, shape (ny, nx)
        Whether the centre of a bin is inside.
    share : ndarray of float, shape (ny, nx)
        Share of each bin that is inside.
    border : ndarray of bool, shape (ny, nx)
        Bins through which the border may run; any other is wholly inside or outside.
    """

    area: Polygons
    lattice: Lattice
    centre: NDArray[np.bool_]
    share: NDArray[np.float64]
    border: NDArray[np.bool_]

    def holds(self, xy: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which points are inside the area or on its border."""
        column, row = _bins_of(xy, self.lattice)
        kind = np.full(np.add(self.centre.shape, 2), 2, np.int8)  # beyond the rim: to be looked at
        kind[1:-1, 1:-1] = np.where(self.border, 2, self.centre)
        found = kind[row + 1, column + 1]
        near = np.flatnonzero(found == 2)
        found[near] = shapely.intersects_xy(self.area, xy[near, 0], xy[near, 1])
        return found.astype(bool)


def cover_of(area: Polygons, lattice: Lattice) -> Cover:
    """Lay an area on a lattice; samples within the bins at its border say how much of them it has.

    Scan lines by the even-odd rule: holes and several parts need no special care.
    """
    x0, y0, nx, ny, bin_m = lattice
    middle: NDArray[np.float64] = y0 + (np.arange(ny, dtype=np.float64) + 0.5) * bin_m
    centre = _scan(area, middle, x0, nx, bin_m)
    border = _crossed(area, lattice)
    share = centre.astype(np.float64)
    row, column = np.nonzero(border)
    step = (np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES
    x = x0 + (column[:, None, None] + step) * bin_m
    y = y0 + (row[:, None, None] + step[:, None]) * bin_m
    inside = shapely.contains_xy(area, *np.broadcast_arrays(x, y))
    share[row, column] = inside.mean(axis=(1, 2))
    return Cover(area, lattice, centre, share, border)


def _crossed(area: Polygons, lattice: Lattice) -> NDArray[np.bool_]:
    """Return the bins through which the border of an area runs.

    Between two vertices no further apart than a bin it stays in the bins that their columns and
    rows span.
    """
    crossed = np.zeros((lattice.ny + 2, lattice.nx + 2), dtype=bool)
    rings = shapely.get_rings(shapely.get_parts(shapely.segmentize(area, lattice.bin_m)))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    column, row = _bins_of(xy, lattice)
    edge = np.flatnonzero(ring[1:] == ring[:-1])
    for x in (column[edge], column[edge + 1]):
        for y in (row[edge], row[edge + 1]):
            crossed[y + 1, x + 1] = True
    return crossed[1:-1, 1:-1]


def _bins_of(
    xy: NDArray[np.float64], lattice: Lattice
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return column and row of each point; one bin beyond the rim for all that lies outside."""
    x0, y0, nx, ny, bin_m = lattice
    place = np.floor((xy - (x0, y0)) / bin_m)
    return (
        np.clip(place[:, 0], -1, nx).astype(np.int64),
        np.clip(place[:, 1], -1, ny).astype(np.int64),
    )


def _scan(
    area: Polygons, y: NDArray[np.float64], x0: float, n: int, step: float
) -> NDArray[np.bool_]:
    """Return which points of a lattice are inside `area`, shape (len(y), n).

    Each edge flips everything east of where it crosses a line; an odd number of flips is inside.
    """
    rings = shapely.get_rings(shapely.get_parts(area))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    edge = np.flatnonzero(ring[1:] == ring[:-1])
    a, b = xy[edge], xy[edge + 1]
    low = np.searchsorted(y, np.minimum(a[:, 1], b[:, 1]), "left")
    high = np.searchsorted(y, np.maximum(a[:, 1], b[:, 1]), "left")
    which = np.repeat(np.arange(len(edge)), high - low)
    line = np.arange(len(which)) - np.repeat(np.cumsum(high - low) - high, high - low)
    slope = (b[which, 0] - a[which, 0]) / (b[which, 1] - a[which, 1])
    x = a[which, 0] + (y[line] - a[which, 1]) * slope
    column = np.clip(np.ceil((x - x0) / step - 0.5), 0, n).astype(np.int64)
    flips = np.bincount(line * (n + 1) + column, minlength=len(y) * (n + 1))
    odd: NDArray[np.bool_] = np.cumsum(flips.reshape(len(y), n + 1)[:, :n], axis=1) % 2 == 1
    return odd
