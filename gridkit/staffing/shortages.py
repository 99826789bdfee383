"""Why posts stay empty: the conflict in a nutshell, and what would have to give."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.spatial import cKDTree

from ..messages import Message, message
from .needs import Refusal
from .solving import most_filled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .needs import Ints, Need

    Flags = NDArray[np.bool_]

__all__ = ["Conflict", "Relaxation", "conflict_of", "relaxations_of"]

CAPACITY = "CAPACITY"
"""The rule that is no rule of pairs: nobody holds more areas than allowed."""

TRIED = 40
"""Empty areas from which the smallest conflict is looked for."""


@dataclass(frozen=True, eq=False)
class Conflict:
    """Areas that need more people than can serve them; with any one area less it comes out.

    Attributes
    ----------
    areas : tuple of str
        Codes of the areas.
    people : tuple of str
        Everybody who may serve any of them.
    places : int
        How many areas these people may hold together: one less than the areas.
    """

    areas: tuple[str, ...]
    people: tuple[str, ...]
    places: int


@dataclass(frozen=True)
class Relaxation:
    """Rules that, given up together, leave no post empty; with fewer of them some stay empty.

    Attributes
    ----------
    rules : tuple of str
        Names of `Refusal`, or ``CAPACITY``.
    max_distance_m : float or None
        The least distance cap that does, where the cap is among the rules.
    extra_areas : int or None
        How many areas more each person would have to hold at least, where capacity is.
    """

    rules: tuple[str, ...]
    max_distance_m: float | None = None
    extra_areas: int | None = None

    def sentence(self) -> Message:
        """Return what would have to be done, in both languages."""
        parts = [_PARTS[name] for name in self.rules]
        far = "" if self.max_distance_m is None else f"{self.max_distance_m:,.0f}"
        told = [message(key, far=far, n=self.extra_areas or 0) for key in parts]
        return Message("; ".join(m.en for m in told) + ".", "；".join(m.zh for m in told) + "。")


_PARTS = {
    "DISTANCE": "staffing.relax_distance",
    "OWN": "staffing.relax_own",
    "QUALIFICATION": "staffing.relax_qualification",
    "SLOT": "staffing.relax_slot",
    "LEAVE": "staffing.relax_leave",
    "VALIDITY": "staffing.relax_validity",
    "NO_WAY": "staffing.relax_no_way",
    CAPACITY: "staffing.relax_capacity",
}


def allowed_pairs(need: Need, waived: tuple[str, ...] = ()) -> csr_array:
    """Return the pairs that no rule refuses, but for the rules that are `waived`."""
    mask = np.uint8(sum(Refusal[name].value for name in waived))
    n, m = len(need.codes), len(need.ids)
    if np.isfinite(need.max_distance_m) and "DISTANCE" not in waived:
        near = cKDTree(need.points).sparse_distance_matrix(
            cKDTree(need.bases), need.max_distance_m * (1 + 1e-9), output_type="ndarray"
        )
        i, j = near["i"], near["j"]
    else:
        i, j = (side.ravel() for side in np.indices((n, m), dtype=np.int32))
    free = (need.refused(i, j) & ~mask) == 0
    i, j = i[free], j[free]
    return csr_array(coo_array((np.ones(len(i), np.int8), (i, j)), shape=(n, m)))


def _anybody(need: Need, waived: tuple[str, ...]) -> Flags | None:
    """Return who may serve, where everybody who may serves everywhere; else None."""
    if np.isfinite(need.max_distance_m) and "DISTANCE" not in waived:
        return None
    if not np.isfinite(need.own_bonus_m) and "OWN" not in waived:
        return None
    if need.trips is not None and "NO_WAY" not in waived:
        return None
    mask = np.uint8(sum(Refusal[name].value for name in waived))
    able: Flags = (need.barred & ~mask) == 0
    return able


def conflict_of(need: Need) -> Conflict | None:
    """Return the smallest conflict found; None where every area can be served.

    From an empty area one goes to everybody who may serve it, from them to the areas that they
    hold, and so on (alternating paths): those areas have just one more than these people have
    places (P. Hall, "On representatives of subsets", 1935). Any one of them could be the empty
    one, so that without it the others come out.
    """
    able = _anybody(need, ())
    if able is not None:
        places = int(need.capacity[able].sum())
        short = places < len(need.codes)
        codes, ids = tuple(need.codes[: places + 1]), tuple(need.ids[able])
        return Conflict(codes, ids, places) if short else None
    allowed = allowed_pairs(need)
    _, served = most_filled(allowed, need.capacity)
    empty = np.flatnonzero(served < 0)
    best: tuple[set[int], set[int]] | None = None
    holds = _holdings(served, len(need.ids))
    for area in empty[:TRIED].tolist():
        reached = _reach(area, allowed, holds, None if best is None else len(best[0]))
        if reached is not None and (best is None or len(reached[0]) < len(best[0])):
            best = reached
    if best is None:
        return None
    areas, people = sorted(best[0]), sorted(best[1])
    return Conflict(
        tuple(need.codes[areas]), tuple(need.ids[people]), int(need.capacity[people].sum())
    )


def _holdings(served: Ints, people: int) -> list[list[int]]:
    holds: list[list[int]] = [[] for _ in range(people)]
    for area, person in enumerate(served.tolist()):
        if person >= 0:
            holds[person].append(area)
    return holds


def _reach(
    start: int, allowed: csr_array, holds: list[list[int]], most: int | None
) -> tuple[set[int], set[int]] | None:
    """Return the areas and people on alternating paths; None beyond `most` areas."""
    areas, people, waiting = {start}, set[int](), [start]
    while waiting:
        area = waiting.pop()
        for person in allowed.indices[allowed.indptr[area] : allowed.indptr[area + 1]].tolist():
            if person not in people:
                people.add(person)
                new = [a for a in holds[person] if a not in areas]
                areas.update(new)
                waiting += new
        if most is not None and len(areas) >= most:
            return None
    return areas, people


def relaxations_of(need: Need) -> list[Relaxation]:
    """Return every smallest set of rules without which no post stays empty, each re-solved.

    No set that is returned holds another. A distance cap and a capacity come with the least value
    that does, the other rules of the set being given up altogether.
    """
    n = len(need.codes)
    if not n or not len(need.ids):
        return []
    biting = _biting(need)
    found: list[tuple[str, ...]] = []
    for size in range(1, len(biting) + 1):
        for rules in itertools.combinations(biting, size):
            if any(set(other) <= set(rules) for other in found):
                continue
            if _fills(need, rules):
                found.append(rules)
    return [_tuned(need, rules) for rules in found]


def _biting(need: Need) -> list[str]:
    """Return the rules that refuse any pair, and capacity."""
    flags = 0
    for i in np.arange(len(need.codes))[:, None]:
        flags |= int(np.bitwise_or.reduce(need.refused(i, np.arange(len(need.ids)))))
    return [*(rule.name for rule in Refusal if flags & rule.value and rule.name), CAPACITY]


def _fills(need: Need, rules: tuple[str, ...], room: Ints | None = None) -> bool:
    waived = tuple(rule for rule in rules if rule != CAPACITY)
    capacity = need.capacity if room is None else room
    if CAPACITY in rules and room is None:
        capacity = np.full(len(need.ids), len(need.codes), np.int64)
    able = _anybody(need, waived)
    if able is not None:
        return int(capacity[able].sum()) >= len(need.codes)
    return most_filled(allowed_pairs(need, waived), capacity)[0] == len(need.codes)


def _tuned(need: Need, rules: tuple[str, ...]) -> Relaxation:
    """Return the relaxation with the least cap and the least extra areas that do."""
    far = extra = None
    if "DISTANCE" in rules:
        others = tuple(rule for rule in rules if rule != "DISTANCE")
        first = int(np.ceil(need.max_distance_m))

        def reaches(k: int) -> bool:
            return _fills(replace(need, max_distance_m=float(first + k)), others)

        far = float(first + _least(_span(need) - first + 2, reaches))
    if CAPACITY in rules:
        widened = need if far is None else replace(need, max_distance_m=far)
        waived = tuple(rule for rule in rules if rule not in (CAPACITY, "DISTANCE"))

        def suffices(k: int) -> bool:
            return _fills(widened, waived, need.capacity + 1 + k)

        extra = 1 + _least(len(need.codes), suffices)
    return Relaxation(rules, far, extra)


def _span(need: Need) -> int:
    """Return whole metres that no trip exceeds."""
    return int(np.ceil(need.longest()))


def _least(n: int, does: Callable[[int], bool]) -> int:
    """Return the least of 0 … n - 1 that does; the last is known to."""
    low, high = 0, n - 1
    while low < high:
        middle = (low + high) // 2
        if does(middle):
            high = middle
        else:
            low = middle + 1
    return low
