"""The engine of prices.c in numpy, to the last unit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["settle"]


def settle(
    first: NDArray[Any],
    person: NDArray[Any],
    more: NDArray[Any],
    holder: NDArray[Any],
    price: NDArray[Any],
) -> None:
    """Lower `price` until nobody could take over an area for less: all arcs at once, in rounds."""
    if not len(person):
        return
    now = np.repeat(holder, np.diff(first))
    order = np.argsort(person, kind="stable")
    person, more, now = person[order], more[order], now[order]
    start = np.flatnonzero(np.diff(person, prepend=-1))
    people = person[start]
    while True:
        lower = np.minimum.reduceat(price[now] + more, start)
        falls = lower < price[people]
        if not falls.any():
            return
        price[people[falls]] = lower[falls]
