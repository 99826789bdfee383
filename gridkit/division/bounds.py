"""How even a division can be at best: what is the city's, and what is the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .ordering import Floats, Ints

__all__ = ["LeastSpread", "least_spread", "spread"]


@dataclass(frozen=True)
class LeastSpread:
    """Spreads that no division with these seats can go below.

    Attributes
    ----------
    indivisible : float
        Coefficient of variation against each zone's mean group, because units are not cut.
    rounding : float
        Coefficient of variation of the zones' mean groups against the mean of all, because each
        zone gets a whole number of groups.
    """

    indivisible: float
    rounding: float


def least_spread(weight: Floats, zone: Ints, seats: Ints) -> LeastSpread:
    """Return lower bounds of the spread of any division of these units.

    A unit heavier than what is left for each group is best alone, and everything lighter could at
    best be spread like water; contiguity only makes it worse.

    Parameters
    ----------
    weight : ndarray of float, shape (n,)
    zone : ndarray of int, shape (n,)
        0, 1, …
    seats : ndarray of int, shape (zones,)

    Examples
    --------
    >>> import numpy as np
    >>> from gridkit.division.bounds import least_spread
    >>> bound = least_spread(np.array([6.0, 1.0, 1.0]), np.zeros(3, dtype=int), np.array([2]))
    >>> round(bound.indivisible, 3)  # groups of 6 and 2, mean 4
    0.5
    """
    order = np.lexsort((-weight, zone))
    heavy = np.split(weight[order], np.cumsum(np.bincount(zone, minlength=len(seats)))[:-1])
    means = np.bincount(zone, weight, len(seats)) / seats
    squares = 0.0
    for units, k, mean in zip(heavy, seats.tolist(), means.tolist(), strict=True):
        left, groups = mean * k, k
        for x in units[: k - 1].tolist():
            if x <= left / groups:
                break
            squares += (x / mean - 1.0) ** 2
            left, groups = left - x, groups - 1
        if mean > 0:
            squares += groups * (left / groups / mean - 1.0) ** 2
    overall = means @ seats / seats.sum()
    off = (means / overall - 1.0) ** 2 @ seats
    return LeastSpread(float(np.sqrt(squares / seats.sum())), float(np.sqrt(off / seats.sum())))


def spread(weight: Floats, zone: Ints, seats: Ints, labels: Ints) -> float:
    """Return the coefficient of variation of the groups' weight against their zone's mean group.

    Parameters
    ----------
    weight, zone, seats
        As in `least_spread`; zones without weight do not count.
    labels : ndarray of int, shape (n,)
        Those of zone 0 first, each zone's as many as its seats.
    """
    means = np.repeat(np.bincount(zone, weight, len(seats)) / seats, seats)
    load = np.bincount(labels, weight, len(means))[means > 0]
    return float(np.sqrt(np.mean((load / means[means > 0] - 1.0) ** 2)))
