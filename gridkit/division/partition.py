"""Divide areas into balanced, compact, connected groups, each zone by itself.

Recursive bisection along random trees begins with exactly as many groups as asked; annealed moves
and swaps of areas at the borders then trade balance against shape. The compiled engine and its
twin give the same labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._kernels import native, plain_partition
from .._kernels.zones import Zones
from .ordering import summed

if TYPE_CHECKING:
    from .ordering import Flags, Floats, Ints

__all__ = ["Areas", "Stay", "divide_areas", "objective"]

TREES, MOST_TREES = 6, 30
"""Random trees for a bisection; more where groups are large and borders few."""
STAGES, COLD_STAGES = 64, 3
HOT, HOTTER = 0.09, 0.4
"""First temperature: `HOT` times the cost of unevenness to the power `HOTTER`."""
COOLING = 1 / 12
"""Last temperature above 0 as a share of the first."""
LUKEWARM = 0.1
"""First temperature as a share of the usual one where a division is there to begin with."""
STEPS_PER_AREA = 130
ROUNDS_FOR, MOST_ROUNDS = 240, 20
"""Zones below so many areas are divided several times, as chance weighs more there."""
USUAL_SIZE = 5.0
"""Areas in a group for which temperature and steps are set; larger groups take less of both."""
HARD, SOFT = 500.0, 0.5
"""What unevenness costs beside shape, at compactness 0 and 1."""
LEAST_BORDER_M = 0.001


@dataclass(frozen=True)
class Areas:
    """Areas in a fixed order, their zones and their common borders.

    Attributes
    ----------
    zone : ndarray of int, shape (n,)
        0, 1, … as `i` and `j` connect them; no border leads from zone to zone.
    weight : ndarray of float, shape (n, kinds)
    area_m2, outline_m : ndarray of float, shape (n,)
    locked : ndarray of bool, shape (n,)
        No group may hold two such areas.
    i, j : ndarray of int, shape (m,)
        Each pair of neighbours once.
    border_m : ndarray of float, shape (m,)
    """

    zone: Ints
    weight: Floats
    area_m2: Floats
    outline_m: Floats
    locked: Flags
    i: Ints
    j: Ints
    border_m: Floats

    def part(self, some: Ints) -> Areas:
        """Return the areas at sorted positions `some`, whole zones, numbered anew."""
        rank = np.full(len(self.zone), -1, dtype=np.int64)
        rank[some] = np.arange(len(some))
        inside = rank[self.i] >= 0
        zone = np.unique(self.zone[some], return_inverse=True)[1]
        return Areas(
            zone,
            self.weight[some],
            self.area_m2[some],
            self.outline_m[some],
            self.locked[some],
            rank[self.i[inside]],
            rank[self.j[inside]],
            self.border_m[inside],
        )


@dataclass(frozen=True)
class Stay:
    """A division to begin with.

    Attributes
    ----------
    labels : ndarray of int, shape (n,)
        As `divide_areas` returns them.
    cost : float
        What it costs that 1 % of the land changes its group, beside shape and unevenness.
    """

    labels: Ints
    cost: float = 0.0


def balance_of(compactness: float) -> float:
    """Return what unevenness costs beside shape."""
    return float(HARD * (SOFT / HARD) ** compactness)


def objective(load: Floats, area_m2: Floats, outline_m: Floats, *, compactness: float) -> float:
    """Return what the engine makes small, from the groups of one zone.

    The sum over groups of ``balance × mean over the kinds of (load / mean - 1)²`` and of
    ``outline / outline of the circle of the same area``.

    Parameters
    ----------
    load : ndarray of float, shape (groups, kinds)
    area_m2, outline_m : ndarray of float, shape (groups,)
    compactness : float
    """
    off = load / load.mean(axis=0) - 1.0
    round_m = 2.0 * np.sqrt(np.pi * area_m2)
    return float(
        balance_of(compactness) * (off**2).mean(axis=1).sum() + (outline_m / round_m).sum()
    )


def divide_areas(
    areas: Areas,
    seats: Ints,
    *,
    compactness: float,
    seed: int = 0,
    cap: float = np.inf,
    stay: Stay | None = None,
) -> Ints:
    """Return the group of each area: those of zone 0 first, each zone's as many as its seats.

    Parameters
    ----------
    areas : Areas
    seats : ndarray of int, shape (zones,)
        At least 1 and the zone's locked areas, at most its areas.
    compactness : float
        0 = balance alone, almost; 1 = shape.
    seed : int
    cap : float
        Most of the first kind of weight in a group, as far as possible.
    stay : Stay, optional
        Begin with this division instead of a new one.
    """
    order = np.argsort(areas.zone, kind="stable")
    base = np.concatenate([[0], np.cumsum(seats)[:-1]]).astype(np.int64)
    zone = areas.zone[order]
    labels = np.zeros(len(order), dtype=np.int32)
    if stay is not None:
        labels = (stay.labels[order] - base[zone]).astype(np.int32)
    zones = _zones(areas, order, seats, balance_of(compactness), cap, stay, labels)
    words = np.random.SeedSequence([seed % 2**63]).generate_state(len(seats), np.uint64)
    seeds = words.astype(np.uint64)
    lib = native.library()
    given = (zones, seats.astype(np.int64), seeds, labels)
    if lib is None:
        plain_partition.divide(*given, warm=stay is not None)
    else:
        native.divide(lib, *given, warm=stay is not None)
    found = np.empty(len(order), dtype=np.int64)
    found[order] = labels + base[zone]
    return found


def _zones(
    areas: Areas,
    order: Ints,
    seats: Ints,
    balance: float,
    cap: float,
    stay: Stay | None,
    old: np.ndarray[tuple[int], np.dtype[np.int32]],
) -> Zones:
    """Lay the areas out by zone, in units of each zone's mean group."""
    n, kinds = areas.weight.shape
    zone = areas.zone[order]
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    i, j = rank[areas.i], rank[areas.j]
    start, near = np.r_[i, j], np.r_[j, i]
    metres = np.maximum(np.r_[areas.border_m, areas.border_m], LEAST_BORDER_M)
    sort = np.lexsort((near, start))
    start, near = start[sort], near[sort]
    land = summed(zone, areas.area_m2[order], len(seats)) / seats
    scale = np.sqrt(land)[zone]
    count = np.bincount(zone, minlength=len(seats))
    weight = np.empty((n, kinds))
    limit = np.full(len(seats), np.inf)
    for kind in range(kinds):
        one = areas.weight[order, kind]
        mean = summed(zone, one, len(seats)) / seats
        # Where there is nothing to balance, areas count alike.
        even = (seats / count)[zone]
        weight[:, kind] = np.divide(one, mean[zone], out=even, where=mean[zone] > 0)
        if kind == 0:
            np.divide(cap, mean, out=limit, where=mean > 0)
    size = np.minimum(1.0, USUAL_SIZE * seats / count)
    hot = HOT * balance**HOTTER * (1.0 if stay is None else LUKEWARM)
    heat = hot * COOLING ** (np.arange(STAGES) / (STAGES - 1))
    heat[-COLD_STAGES:] = 0.0
    share = 100.0 * areas.area_m2[order] / areas.area_m2.sum()
    return Zones(
        zone=np.r_[0, np.cumsum(count)].astype(np.int64),
        first=np.searchsorted(start, np.arange(n + 1)).astype(np.int64),
        near=near.astype(np.int32),
        start=start.astype(np.int32),
        back=np.lexsort((start, near)).astype(np.int32),
        border=metres[sort] / scale[start],
        weight=weight,
        mass=weight.mean(axis=1),
        area=4.0 * np.pi * areas.area_m2[order] / land[zone],
        outline=areas.outline_m[order] / scale,
        stay=share * (0.0 if stay is None else stay.cost),
        lock=areas.locked[order].astype(np.int32),
        old=old.copy(),
        balance=balance / kinds,
        cap=limit,
        warmth=size**0.4,
        steps=np.ceil(STEPS_PER_AREA * count * size**0.25 / STAGES).astype(np.int64),
        rounds=np.clip(ROUNDS_FOR // count, 1, MOST_ROUNDS if stay is None else 1),
        trees=np.minimum(TREES * size**-0.5, MOST_TREES).astype(np.int64),
        heat=heat,
    )
