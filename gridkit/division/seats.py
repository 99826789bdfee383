"""How many groups each zone gets."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

from .ordering import summed

if TYPE_CHECKING:
    from .ordering import Flags, Floats, Ints

__all__ = ["apportion", "least_seats"]

HAIR = 1e-9


def least_seats(weight: Floats, zone: Ints, locked: Flags, cap: float) -> Ints:
    """Return the fewest groups of each zone: one, one for each lock, and enough for the cap.

    Parameters
    ----------
    weight : ndarray of float, shape (n,)
    zone : ndarray of int, shape (n,)
        0, 1, …
    locked : ndarray of bool, shape (n,)
        No group may hold two such units.
    cap : float
        No group may weigh more, so no two units above half of it share one.
    """
    full = np.ceil(summed(zone, weight, int(zone.max()) + 1) / cap * (1 - HAIR))
    halves = np.bincount(zone[weight > cap / 2 * (1 + HAIR)], minlength=len(full))
    locks = np.bincount(zone[locked], minlength=len(full))
    least: Ints = np.maximum(np.maximum(full.astype(np.int64), halves), np.maximum(locks, 1))
    return least


def apportion(weight: Floats, least: Ints, most: Ints, into: int) -> Ints:
    """Return the number of groups of each zone by the Sainte-Laguë rule, within `least` and `most`.

    Parameters
    ----------
    weight : ndarray of float, shape (zones,)
    least, most : ndarray of int, shape (zones,)
    into : int
        From the sum of `least` to the sum of `most`.
    """
    seats, heavy, limit = least.tolist(), weight.tolist(), most.tolist()
    queue = [(-w / (2 * seats[z] + 1), z) for z, w in enumerate(heavy) if seats[z] < limit[z]]
    heapq.heapify(queue)
    for _ in range(into - sum(seats)):
        _, z = queue[0]
        seats[z] += 1
        if seats[z] < limit[z]:
            heapq.heapreplace(queue, (-heavy[z] / (2 * seats[z] + 1), z))
        else:
            heapq.heappop(queue)
    return np.array(seats, dtype=np.int64)
