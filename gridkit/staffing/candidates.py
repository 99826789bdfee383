"""Which pairs of area and person are looked at first: those that are cheap at rough prices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from .buckets import bucket_points
from .pricing import UNIT, Arcs, cheap_pairs, whole_costs
from .solving import transport

if TYPE_CHECKING:
    from .buckets import Buckets
    from .needs import Floats, Ints, Need

__all__ = ["arcs_of", "join_arcs", "likely_arcs", "nearest_arcs", "ranks"]

NEAR = 32
MANY = 20_000
"""Beyond so many areas chains of exchanges are longer, and half as many again are near."""
NEAREST = 6
BEST = 40
GROUPS = 250
SLACK = 4


def arcs_of(need: Need, i: Ints, j: Ints) -> Arcs:
    """Return the pairs that are allowed, each once, sorted."""
    key = np.unique(i * len(need.ids) + j)
    i, j = np.divmod(key, len(need.ids))
    allowed = need.refused(i, j) == 0
    i, j = i[allowed], j[allowed]
    return Arcs(i, j, whole_costs(need, i, j))


def join_arcs(need: Need, one: Arcs, other: Arcs) -> Arcs:
    """Return the arcs of both, each once, sorted."""
    m = len(need.ids)
    _, first = np.unique(
        np.concatenate([one.i * m + one.j, other.i * m + other.j]), return_index=True
    )
    return Arcs(*(np.concatenate(pair)[first] for pair in zip(one, other, strict=True)))


def nearest_arcs(need: Need) -> Arcs:
    """Return each area with the people nearest to it, each person with the areas, and holders."""
    n, m = len(need.codes), len(need.ids)
    near = NEAR if n <= MANY else NEAR + NEAR // 2
    few = min(near, m)
    _, j = cKDTree(need.bases).query(need.points, k=[*range(1, few + 1)])
    held = np.flatnonzero(need.holder >= 0)
    found = [
        (np.repeat(np.arange(n), few), j.ravel()),
        (held, need.holder[held]),
        _wanted_areas(need, near),
        *_own_pairs(need),
    ]
    i, j = (np.concatenate(side) for side in zip(*found, strict=True))
    return arcs_of(need, i, j)


def _own_pairs(need: Need) -> list[tuple[Ints, Ints]]:
    """Return each area with the nearest of its own people, group by group."""
    pairs = []
    for g in np.intersect1d(need.area_own, need.person_own):
        if g < 0:
            continue
        i, j = np.flatnonzero(need.area_own == g), np.flatnonzero(need.person_own == g)
        few = min(NEAREST, len(j))
        _, near = cKDTree(need.bases[j]).query(need.points[i], k=[*range(1, few + 1)])
        pairs.append((np.repeat(i, few), j[near.ravel()]))
    return pairs


def likely_arcs(need: Need, areas: Buckets, people: Buckets) -> Arcs:
    """Return pairs that a good assignment is likely to need.

    Nearest people and areas alone do not do: where homes cluster, people have to go far, and a
    few more areas than people on one side of the town shift everybody. So groups of areas and of
    people are matched first; the prices that come of it tell which pairs are worth a look.
    """
    n, m = len(need.codes), len(need.ids)
    near = min(NEAREST, m)
    _, j = cKDTree(need.bases).query(need.points, k=[*range(1, near + 1)])
    held = np.flatnonzero(need.holder >= 0)
    found = [
        (np.repeat(np.arange(n), near), j.ravel()),
        (held, need.holder[held]),
        _wanted_areas(need, NEAREST),
        _worth_a_look(need, areas, people),
    ]
    i, j = (np.concatenate(side) for side in zip(*found, strict=True))
    return arcs_of(need, i, j)


def _wanted_areas(need: Need, some: int) -> tuple[Ints, Ints]:
    """Return for each person the nearest areas, some more than they have places."""
    n = len(need.codes)
    tree = cKDTree(need.points)
    pairs = []
    for most in np.unique(need.capacity):
        j = np.flatnonzero(need.capacity == most)
        near = min(n, some + int(most))
        _, i = tree.query(need.bases[j], k=[*range(1, near + 1)])
        pairs.append((i.ravel(), np.repeat(j, near)))
    i, j = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return i, j


def _worth_a_look(need: Need, areas: Buckets, people: Buckets) -> tuple[Ints, Ints]:
    """Return the pairs that are among the cheapest of their area or person at rough prices."""
    area_price, price, slack = _rough_prices(need)
    arcs, excess, _ = cheap_pairs(need, areas, people, area_price + slack, price)
    by_area = ranks(arcs.i, excess)
    by_person = ranks(arcs.j, excess)
    keep = (by_area < BEST) | (by_person < BEST * need.capacity[arcs.j])
    return arcs.i[keep], arcs.j[keep]


def ranks(group: Ints, value: Ints) -> Ints:
    """Return the rank of each value in its group, from 0."""
    # One key of both sorts ten times as fast as two; values beyond 2**40 (a million km) are alike.
    order = np.argsort((group << 40) + np.minimum(value - value.min(initial=0), 2**40 - 1))
    sizes = np.bincount(group)
    ranks = np.empty(len(group), dtype=np.int64)
    firsts = np.cumsum(sizes) - sizes
    ranks[order] = np.arange(len(group)) - firsts[group[order]]
    return ranks


def _rough_prices(need: Need) -> tuple[Ints, Ints, int]:
    """Return prices of areas and people from matching groups of both, and how rough they are."""
    sides = []
    for points, weight in (
        (need.points, np.ones(len(need.points))),
        (need.bases, need.capacity.astype(np.float64)),
    ):
        groups = bucket_points(points, -(-len(points) // GROUPS))
        middle = groups.sums(points) / groups.size[:, None]
        sides.append((groups, middle, groups.sums(weight).astype(np.int64)))
    (groups, from_middle, supply), (_, to_middle, places) = sides
    cost = _apart(from_middle, to_middle)
    penalty = int(cost.max()) + 1
    flow = transport(cost, supply, places, penalty)
    shadow = _dual(cost, flow, supply, places, penalty)
    price = _lowest(need.bases, from_middle, shadow)
    price = np.minimum(price, 0)
    area_price = _lowest(
        need.points, to_middle, -np.minimum(_lowest(to_middle, from_middle, shadow), 0)
    )
    spread = groups.high - groups.low
    slack = int(np.median(np.hypot(spread[:, 0], spread[:, 1])) * UNIT) // SLACK
    return area_price, price, slack


def _apart(one: Floats, other: Floats) -> Ints:
    apart = one[:, None] - other[None]
    units: Ints = np.rint(np.hypot(apart[..., 0], apart[..., 1]) * UNIT).astype(np.int64)
    return units


def _lowest(points: Floats, middle: Floats, offset: Ints) -> Ints:
    """Return for each point the least distance to a middle plus that middle's offset."""
    parts = np.array_split(points, -(-len(points) * len(middle) // 1_000_000))
    lowest: Ints = np.concatenate([(_apart(part, middle) + offset).min(axis=1) for part in parts])
    return lowest


def _dual(cost: Ints, flow: Ints, supply: Ints, places: Ints, penalty: int) -> Ints:
    """Return what the people's prices follow from: minus the price of each group of areas."""
    price = np.zeros(len(places), dtype=np.int64)
    used = flow > 0
    short = flow.sum(axis=1) < supply
    far = np.iinfo(np.int64).max // 4
    while True:
        shadow: Ints = np.where(used, price - cost, far).min(axis=1)
        shadow = np.where(short, np.minimum(shadow, -penalty), shadow)
        lower = (cost + shadow[:, None]).min(axis=0)
        if (lower >= price).all():
            return shadow
        price = np.minimum(price, lower)
