"""Prices of areas and places, and the pairs that are cheaper than their prices say.

An assignment is the best of all when areas and places have prices such that no pair anywhere costs
less than its two prices together, and the pairs in use cost just that (duality of the
transportation problem). The prices are a certificate that anyone can check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .._kernels import native, plain_prices
from .buckets import runs

if TYPE_CHECKING:
    from .buckets import Buckets
    from .needs import Floats, Ints, Need

__all__ = ["UNIT", "Arcs", "Cheap", "cheap_pairs", "settle", "whole_costs"]

UNIT = 100
"""Costs are whole numbers of 1/UNIT metres: sums are exact, and bounds can be met to the digit."""

NO_WAY_M = 1e9

PAIRS_AT_ONCE = 2_000_000


class Arcs(NamedTuple):
    """Pairs of area and person that may be used, sorted by area and person, with their costs."""

    i: Ints
    j: Ints
    cost: Ints


class Cheap(NamedTuple):
    """Pairs that cost less than their prices together, by how much; `whole`: all of them."""

    arcs: Arcs
    excess: Ints
    whole: bool = True


def whole_costs(need: Need, i: Ints, j: Ints) -> Ints:
    """Return the costs of pairs as whole numbers of 1/`UNIT` metres."""
    # Where no way leads a rule refuses the pair; its cost is only to be large.
    metres = np.minimum(need.cost(i, j), NO_WAY_M)
    units: Ints = np.rint(metres * UNIT).astype(np.int64)
    return units


def cheap_pairs(
    need: Need, areas: Buckets, people: Buckets, area_price: Ints, price: Ints
) -> Cheap:
    """Return every allowed pair that costs less than the prices of its area and person.

    A pair costs at least its distance, so two buckets whose boxes are farther apart than their
    greatest prices together hold none.

    Parameters
    ----------
    need : Need
    areas, people : Buckets
        Of the need's points and bases.
    area_price : array of int, n
    price : array of int, m
    """
    reach = area_price / UNIT
    worth = price / UNIT
    near = _near_buckets(need, areas, people, areas.most(reach), people.most(worth))
    size = areas.size[near[0]] * people.size[near[1]]
    parts = [
        _cheap_in(need, areas, people, near[:, part], area_price, price)
        for part in np.split(np.arange(len(size)), _cuts(size))
    ]
    arcs = Arcs(*(np.concatenate([getattr(p.arcs, f) for p in parts]) for f in Arcs._fields))
    return Cheap(arcs, np.concatenate([p.excess for p in parts]))


def _near_buckets(
    need: Need, areas: Buckets, people: Buckets, reach: Floats, worth: Floats
) -> Ints:
    """Return the pairs of buckets, as two rows, that may hold a cheap pair."""
    found = []
    step = max(1, PAIRS_AT_ONCE // len(people))
    for first in range(0, len(areas), step):
        rows = slice(first, first + step)
        gap = np.maximum(
            people.low[None] - areas.high[rows, None], areas.low[rows, None] - people.high[None]
        )
        apart = np.hypot(*np.moveaxis(np.maximum(gap, 0.0), -1, 0))
        allowed = np.minimum(reach[rows, None] + worth[None], need.max_distance_m)
        pairs = np.argwhere(apart <= allowed)
        found.append(pairs + [first, 0])
    near: Ints = np.concatenate(found).astype(np.int64).T
    return near


def _cuts(size: Ints) -> Ints:
    """Return where to cut a list of pairs of buckets, for about `PAIRS_AT_ONCE` pairs a part."""
    part = np.cumsum(size) // PAIRS_AT_ONCE
    return np.flatnonzero(np.diff(part)) + 1


def _cheap_in(
    need: Need, areas: Buckets, people: Buckets, near: Ints, area_price: Ints, price: Ints
) -> Cheap:
    """Return the cheap pairs in some pairs of buckets: areas against a bucket first, then pairs."""
    a, b = near
    i = areas.order[runs(areas.start[a], areas.size[a])]
    b = np.repeat(b, areas.size[a])
    gap = np.maximum(people.low[b] - need.points[i], need.points[i] - people.high[b])
    apart = np.hypot(*np.maximum(gap, 0.0).T)
    most = people.most(price / UNIT)
    close = apart <= np.minimum(area_price[i] / UNIT + most[b], need.max_distance_m)
    i, b = i[close], b[close]
    j = people.order[runs(people.start[b], people.size[b])]
    i = np.repeat(i, people.size[b])
    near_enough = need.distance(i, j) * UNIT <= area_price[i] + price[j]
    i, j = i[near_enough], j[near_enough]
    cost = whole_costs(need, i, j)
    excess = cost - area_price[i] - price[j]
    cheap = (excess < 0) & (need.refused(i, j) == 0)
    return Cheap(Arcs(i[cheap], j[cheap], cost[cheap]), excess[cheap])


def settle(arcs: Arcs, chosen: Ints, penalty: int, start: Ints) -> tuple[Ints, Ints]:
    """Return prices of areas and people under which no arc is cheap and those in use cost theirs.

    People's prices fall until nobody could take over an area for less than its cost: shortest
    paths in the residual graph.

    Parameters
    ----------
    arcs : Arcs
        With those in use among them.
    chosen : array of int, n
        The person of each area, the best that the arcs allow; -1 nobody.
    penalty : int
        Price of an area that nobody holds.
    start : array of int, m
        Prices to begin with, none above zero. From zero, people with a place to spare end with
        price zero.
    """
    used = np.full(len(chosen), penalty, dtype=np.int64)
    mine = chosen[arcs.i] == arcs.j
    used[arcs.i[mine]] = arcs.cost[mine]
    # One more who holds what nobody does, at price 0: no arc leads there.
    price = np.append(start, 0).astype(np.int64)
    holder = np.where(chosen < 0, len(start), chosen).astype(np.int64)
    given = (
        np.searchsorted(arcs.i, np.arange(len(chosen) + 1)).astype(np.int64),
        np.ascontiguousarray(arcs.j, dtype=np.int64),
        (arcs.cost - used[arcs.i]).astype(np.int64),
        holder,
        price,
    )
    lib = native.library()
    if lib is None:
        plain_prices.settle(*given)
    else:
        native.settle(lib, *given)
    return used - price[holder], price[:-1]
