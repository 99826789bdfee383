"""The best posts of one need, found on few pairs and certified by prices on all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .buckets import bucket_points
from .candidates import arcs_of, join_arcs, likely_arcs, nearest_arcs, ranks
from .needs import NOBODY
from .pricing import UNIT, Arcs, cheap_pairs, settle, whole_costs
from .solving import best_on, best_pairs, pairs_up

if TYPE_CHECKING:
    from .buckets import Buckets
    from .needs import Floats, Ints, Need
    from .pricing import Cheap

__all__ = ["Optimum", "merge_bases", "optimum", "spread_out"]

BUCKET = 24
KEPT = 30
"""Cheap pairs added for each area and each person in one round."""


@dataclass(frozen=True, eq=False)
class Optimum:
    """Who holds which area, and how good that is.

    Attributes
    ----------
    chosen : array of int, n
        Position of the person of each area, -1 nobody. As many are filled as can be.
    total_m, bound_m : float
        Cost of these posts, and what no posts that fill as many can go below, in metres with the
        bonuses.
    """

    chosen: Ints
    total_m: float
    bound_m: float


def optimum(need: Need, *, gap: float, hint: Ints | None = None) -> Optimum:
    """Return posts that cost at most `gap` (a share) more than the best possible.

    Pairs that are near, then pairs that are cheaper than the prices of the last solution say, are
    solved as a minimum-cost flow until no pair anywhere is cheap, or until the bound that the
    prices give is near enough (column generation; the bound is Lagrange's). An area that stays
    empty costs more than any chain of exchanges could, so a shortage is confirmed with all pairs.

    Parameters
    ----------
    need : Need
    gap : float
        0 for a proof to the digit.
    hint : array of int, n, optional
        Posts to begin with; their pairs are among the first.
    """
    n, m = len(need.codes), len(need.ids)
    nobody = np.full(n, NOBODY, np.int64)
    if not n or not m or not (need.capacity > 0).any():
        return Optimum(nobody, 0.0, 0.0)
    areas, people = bucket_points(need.points, BUCKET), bucket_points(need.bases, BUCKET)
    arcs = nearest_arcs(need)
    if hint is not None:
        held = np.flatnonzero(hint >= 0)
        arcs = join_arcs(need, arcs, arcs_of(need, held, hint[held]))
    longest = _longest(need)
    penalty, largest = 2 * longest, longest * (min(n, m) + 1)
    one_each = n == m and bool((need.capacity == 1).all())
    widened = complete = False
    price = np.zeros(m, np.int64)
    while True:
        complete = complete or (one_each and pairs_up(arcs, n))
        chosen = best_pairs(arcs, n) if complete else best_on(arcs, need.capacity, n, penalty)
        empty = chosen < 0
        if empty.any() and not widened:
            # Nearest pairs are not enough where people cluster: begin with pairs that rough
            # prices of whole quarters name.
            arcs, widened = join_arcs(need, arcs, likely_arcs(need, areas, people)), True
            continue
        # Where everybody holds an area any prices will do to begin with: the last ones are near.
        start = price if complete else np.zeros(m, np.int64)
        area_price, price = settle(arcs, chosen, penalty, start)
        cheap = _cheap(need, areas, people, area_price, price, chosen)
        total = _cost(need, chosen) + penalty * int(empty.sum())
        bound = _bound(cheap, area_price, price, need.capacity)
        done = not len(cheap.excess)
        close = not empty.any() and total - bound <= gap * abs(bound)
        if (done or close) and (not empty.any() or penalty == largest):
            spent = penalty * int(empty.sum())
            return Optimum(chosen, (total - spent) / UNIT, (bound - spent) / UNIT)
        if done:
            penalty = largest
        arcs = join_arcs(need, arcs, _best_of(cheap))


def _longest(need: Need) -> int:
    """Return more than any pair can cost."""
    bonus = need.stay_bonus_m + (need.own_bonus_m if np.isfinite(need.own_bonus_m) else 0.0)
    return int(np.ceil((need.longest() + bonus) * UNIT)) + 1


def _cost(need: Need, chosen: Ints) -> int:
    filled = np.flatnonzero(chosen >= 0)
    return int(whole_costs(need, filled, chosen[filled]).sum())


def _cheap(
    need: Need, areas: Buckets, people: Buckets, area_price: Ints, price: Ints, chosen: Ints
) -> Cheap:
    """Return cheap pairs: the near ones first, and farther ones while there are none.

    As long as areas are empty their prices reach across the town, and nearly every pair is cheap:
    all of them would fill the memory.
    """
    filled = np.flatnonzero(chosen >= 0)
    if filled.size and filled.size < chosen.size:
        reach = int(1.3 * np.quantile(whole_costs(need, filled, chosen[filled]), 0.9)) + 1
        while reach < area_price.max():
            cheap = cheap_pairs(need, areas, people, np.minimum(area_price, reach), price)
            if len(cheap.excess):
                full = cheap.arcs.cost - area_price[cheap.arcs.i] - price[cheap.arcs.j]
                return cheap._replace(excess=full, whole=False)
            reach *= 2
    return cheap_pairs(need, areas, people, area_price, price)


def _bound(cheap: Cheap, area_price: Ints, price: Ints, capacity: Ints) -> int:
    """Return the dual bound: area prices lowered by their cheapest pair are prices for all."""
    if not cheap.whole:
        return np.iinfo(np.int64).min // 2
    lowest = np.zeros(len(area_price), np.int64)
    np.minimum.at(lowest, cheap.arcs.i, cheap.excess)
    return int((area_price + lowest).sum() + (price * capacity).sum())


def _best_of(cheap: Cheap) -> Arcs:
    arcs = cheap.arcs
    keep = (ranks(arcs.i, cheap.excess) < KEPT) | (ranks(arcs.j, cheap.excess) < KEPT)
    return Arcs(arcs.i[keep], arcs.j[keep], arcs.cost[keep])


def merge_bases(need: Need) -> tuple[Need, Ints]:
    """Return the need with people who are alike put together, and which group each is in (-1).

    Alike are people of one base and one own community, street or unit who hold nothing from
    before: a station with thirty officers is one person with thirty times the places. People who
    cannot take any post are left out.
    """
    able = np.flatnonzero((need.barred == 0) & (need.capacity > 0))
    holds = np.isin(np.arange(len(need.ids)), need.holder) & (need.stay_bonus_m > 0)
    alone = np.where(holds, np.arange(len(need.ids)), -1)[able]
    keys: Floats = np.column_stack([need.bases[able], need.person_own[able], alone])
    _, first, number = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    number = number.reshape(-1)
    group = np.full(len(need.ids), -1, np.int64)
    group[able] = number
    lead = able[first]
    places = np.bincount(number, need.capacity[able], minlength=len(first)).astype(np.int64)
    holder = need.holder.copy()
    kept = np.flatnonzero(holder >= 0)
    holder[kept] = np.where(holds[holder[kept]], group[holder[kept]], NOBODY)
    merged = replace(
        need,
        ids=need.ids[lead],
        bases=need.bases[lead],
        capacity=np.minimum(places, len(need.codes)),
        person_own=need.person_own[lead],
        barred=np.zeros(len(lead), np.uint8),
        holder=holder,
        trips=need.trips and need.trips.of(lead),
    )
    return merged, group


def spread_out(need: Need, group: Ints, chosen: Ints) -> Ints:
    """Return the person of each area where `chosen` names groups: evenly, in the order of ids."""
    result = np.full(len(chosen), NOBODY, np.int64)
    # Places in turns: everybody's first, then everybody's second, by group and id.
    able = np.flatnonzero(group >= 0)
    person = np.repeat(able, need.capacity[able])
    turn = np.arange(len(person)) - np.repeat(
        np.cumsum(need.capacity[able]) - need.capacity[able], need.capacity[able]
    )
    person = person[np.lexsort((person, turn, group[person]))]
    first = np.searchsorted(group[person], np.arange(int(group.max(initial=-1)) + 1))
    filled = np.flatnonzero(chosen >= 0)
    filled = filled[np.argsort(chosen[filled], kind="stable")]
    of = chosen[filled]
    nth = np.arange(len(filled)) - np.searchsorted(of, of, "left")
    result[filled] = person[first[of] + nth]
    return result
