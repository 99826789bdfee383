"""Shortages: conflicts that are real and cannot be smaller, and relaxations that do."""

import itertools

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from gridkit.rules import Role
from gridkit.staffing.needs import Need, Refusal
from gridkit.staffing.shortages import (
    CAPACITY,
    allowed_pairs,
    conflict_of,
    relaxations_of,
)
from gridkit.staffing.solving import most_filled


def make(seed, n=9, m=6, *, cap=None, strict_own=True):
    rng = np.random.default_rng(seed)
    side = 1_000.0
    capacity = rng.integers(1, 3, m)
    flags = [0, 0, 0, Refusal.SLOT, Refusal.LEAVE]
    return Need(
        role=Role("officer", "", "", 9, "", "", "", (), own="street"),
        slot="",
        codes=np.array([f"a{i}" for i in range(n)], object),
        points=rng.uniform(0, side, (n, 2)),
        area_own=rng.integers(0, 2, n),
        ids=np.array([f"p{j}" for j in range(m)], object),
        bases=rng.uniform(0, side, (m, 2)),
        capacity=capacity.astype(np.int64),
        person_own=rng.integers(0, 2, m),
        barred=np.array([int(flags[k]) for k in rng.integers(0, len(flags), m)], np.uint8),
        holder=np.full(n, -1, np.int64),
        max_distance_m=float(rng.uniform(200, 900)) if cap is None else cap,
        own_bonus_m=np.inf if strict_own and rng.random() < 0.5 else 100.0,
        stay_bonus_m=0.0,
    )


def filled_by_hand(ok, capacity):
    """The most areas that can be served, by a dense matching of areas and single places."""
    places = np.repeat(np.arange(ok.shape[1]), capacity)
    if not places.size or not ok.shape[0]:
        return 0
    rows, columns = linear_sum_assignment(ok[:, places].astype(float), maximize=True)
    return int(ok[:, places][rows, columns].sum())


def pairs(need, waived=(), far=None):
    """Which pairs are allowed, straight from the rules."""
    i, j = np.arange(len(need.codes))[:, None], np.arange(len(need.ids))[None, :]
    apart = np.hypot(*np.moveaxis(need.points[i] - need.bases[j], -1, 0))
    ok = np.ones(apart.shape, bool)
    if "DISTANCE" not in waived:
        ok &= apart <= (need.max_distance_m if far is None else far)
    if "OWN" not in waived and np.isinf(need.own_bonus_m):
        ok &= need.area_own[i] == need.person_own[j]
    for name in ("SLOT", "LEAVE"):
        if name not in waived:
            ok &= (need.barred[j] & Refusal[name]) == 0
    return ok


@pytest.mark.parametrize("seed", range(60))
def test_the_most_that_can_be_filled(seed):
    need = make(seed)
    allowed = allowed_pairs(need)
    assert (allowed.toarray() > 0).tolist() == pairs(need).tolist()
    count, served = most_filled(allowed, need.capacity)
    assert count == filled_by_hand(pairs(need), need.capacity) == (served >= 0).sum()
    held = served[served >= 0]
    assert (np.bincount(held, minlength=len(need.ids)) <= need.capacity).all()
    assert all(pairs(need)[i, p] for i, p in enumerate(served) if p >= 0)


@pytest.mark.parametrize("seed", range(60))
def test_a_conflict_comes_out_when_any_one_item_is_taken_away(seed):
    need = make(seed)
    ok = pairs(need)
    conflict = conflict_of(need)
    if filled_by_hand(ok, need.capacity) == len(need.codes):
        assert conflict is None
        return
    areas = [list(need.codes).index(code) for code in conflict.areas]
    people = [list(need.ids).index(person) for person in conflict.people]
    # Nobody else may serve these areas, and these people have one place too few.
    assert set(np.flatnonzero(ok[areas].any(axis=0))) == set(people)
    assert conflict.places == need.capacity[people].sum() == len(areas) - 1
    assert filled_by_hand(ok[areas], need.capacity) == len(areas) - 1
    for gone in areas:
        rest = [a for a in areas if a != gone]
        assert filled_by_hand(ok[rest], need.capacity) == len(rest)
    for person in people:
        more = need.capacity.copy()
        more[person] += 1
        assert filled_by_hand(ok[areas], more) == len(areas)


@pytest.mark.parametrize("seed", range(40))
def test_relaxations_do_and_nothing_less_does(seed):
    need = make(seed)
    n = len(need.codes)
    rules = ["DISTANCE", "OWN", "SLOT", "LEAVE", CAPACITY]

    def fills(given_up, far=None, extra=None):
        room = need.capacity
        if CAPACITY in given_up:
            room = np.full(len(need.ids), n) if extra is None else need.capacity + extra
        waived = [r for r in given_up if r != CAPACITY and not (r == "DISTANCE" and far)]
        return filled_by_hand(pairs(need, waived, far), room) == n

    found = relaxations_of(need)
    for relaxation in found:
        given_up = relaxation.rules
        assert fills(given_up, relaxation.max_distance_m, relaxation.extra_areas)
        for fewer in itertools.combinations(given_up, len(given_up) - 1):
            assert not fills(fewer)
        if relaxation.max_distance_m:
            assert not fills(given_up, relaxation.max_distance_m - 1.001)
        if relaxation.extra_areas:
            less = relaxation.extra_areas - 1
            assert not fills(given_up, relaxation.max_distance_m, less)
        assert relaxation.sentence().zh
    told = {frozenset(r.rules) for r in found}
    for size in range(1, len(rules) + 1):
        for given_up in itertools.combinations(rules, size):
            if fills(given_up):
                assert any(t <= set(given_up) for t in told)


def test_nobody_at_all():
    need = make(1, n=3, m=1, cap=1.0)
    assert conflict_of(need).people == ()
    assert len(conflict_of(need).areas) == 1
