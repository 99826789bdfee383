"""Neighbouring points in buckets of about the same size: far pairs are passed over at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .needs import Floats, Ints

__all__ = ["Buckets", "bucket_points", "runs"]


@dataclass(frozen=True, eq=False)
class Buckets:
    """Points in buckets: ``order[start[b]:start[b + 1]]`` are the points of bucket b.

    Attributes
    ----------
    order : array of int, n
    start : array of int, number of buckets + 1
    low, high : array of float, (number of buckets, 2)
        The box around the points of each bucket.
    """

    order: Ints
    start: Ints
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.low)

    @property
    def size(self) -> Ints:
        """Number of points of each bucket."""
        return np.diff(self.start)

    def sums(self, values: Floats) -> Floats:
        """Return the sum of a value of the points, or rows of values, for each bucket."""
        sums: Floats = np.add.reduceat(values[self.order], self.start[:-1], axis=0)
        return sums

    def most(self, values: Floats) -> Floats:
        """Return the greatest value in each bucket."""
        return np.maximum.reduceat(values[self.order], self.start[:-1])


def bucket_points(points: Floats, size: int) -> Buckets:
    """Put points into buckets of at most `size`, halving at the median of the wider side.

    Parameters
    ----------
    points : array of float, (n, 2)
        At least one.
    size : int
    """
    order = np.arange(len(points))
    start = np.array([0, len(points)])
    while np.diff(start).max() > size:
        low, high = _boxes(points, order, start)
        wide = np.argmax(high - low, axis=1)
        bucket = np.repeat(np.arange(len(low)), np.diff(start))
        along = points[order, wide[bucket]]
        order = order[np.lexsort((order, along, bucket))]
        middle = start[:-1] + np.diff(start) // 2
        start = np.unique(np.concatenate([start, middle]))
    return Buckets(order, start, *_boxes(points, order, start))


def _boxes(points: Floats, order: Ints, start: Ints) -> tuple[Floats, Floats]:
    sorted_points = points[order]
    low = np.minimum.reduceat(sorted_points, start[:-1], axis=0)
    return low, np.maximum.reduceat(sorted_points, start[:-1], axis=0)


def runs(starts: Ints, lengths: Ints) -> Ints:
    """Return ``starts[0], starts[0] + 1, …`` for `lengths[0]` numbers, and so on for each run."""
    ends = np.cumsum(lengths)
    shift = np.repeat(starts - (ends - lengths), lengths)
    numbers: Ints = np.arange(len(shift)) + shift
    return numbers
