"""Beats: where people are fewer than areas, each holds areas that hang together, of equal load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..division.groups import group_labels
from ..division.neighbours import shared_borders
from .needs import NOBODY

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from .needs import Need

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["match_beats"]

REFUSED_M = 1e7
"""What an area counts that the person may not hold: more than any trip."""


def match_beats(need: Need, areas: gpd.GeoDataFrame, *, seed: int = 0) -> Ints:
    """Return the person of each area, -1 nobody: contiguous beats of equal load, well matched.

    The areas of each community, street or unit that has people of its own are divided among
    them; those without people go to the nearest that has. Beats and people are then matched at
    the least total cost. Where somebody held areas before, everybody keeps them who still can;
    what has become free goes to the people without areas, or joins the lightest beat beside it.

    Parameters
    ----------
    need : Need
        Areas and people; at least one person and one area.
    areas : GeoDataFrame
        The areas in the order of ``need.codes``; ``load``, where it is there, is shared evenly.
    seed : int

    Notes
    -----
    Beats are made by `group_labels`. An area on an island joins the nearest beat when there are
    fewer people than islands. Nobody gets more than the capacity: the areas farthest from the
    base stay empty, and so do those that a rule refuses.
    """
    able = np.flatnonzero((need.barred == 0) & (need.capacity > 0))
    chosen = np.full(len(need.codes), NOBODY, np.int64)
    if not able.size or not chosen.size:
        return chosen
    load = _loads(areas)
    i, j, _ = shared_borders(areas.geometry.to_numpy())
    borders = i.astype(np.int64), j.astype(np.int64)
    held = np.where(np.isin(need.holder, able), need.holder, NOBODY)
    territory = _territories(need, able)
    for number in np.unique(territory):
        here = np.flatnonzero(territory == number)
        people = _people_of(need, able, number)
        if (held[here] >= 0).any():
            chosen[here] = _kept(need, areas, load, here, people, held[here], borders, seed)
        else:
            chosen[here] = _fresh(need, areas, load, here, people, borders, seed)
    return _within_rules(need, chosen)


def _loads(areas: gpd.GeoDataFrame) -> Floats:
    """Return the load of each area; each counts 1 where there is none."""
    load = np.ones(len(areas))
    if "load" in areas.columns and float(areas["load"].fillna(0).sum()) > 0:
        load = areas["load"].fillna(0).to_numpy(np.float64)
    return load


def _territories(need: Need, able: Ints) -> Ints:
    """Return the group of each area, -1 throughout where the role knows no own people.

    A group without people is served by the one with people whose areas lie nearest.
    """
    staffed = np.unique(need.person_own[able])
    staffed = staffed[staffed >= 0]
    own = need.area_own.copy()
    if not staffed.size or not np.isin(own, staffed).any():
        return np.full(len(own), NOBODY, np.int64)
    served = np.isin(own, staffed)
    if not served.all() and np.isfinite(need.own_bonus_m):
        from scipy.spatial import KDTree

        middles = {g: need.points[own == g].mean(axis=0) for g in np.unique(own[~served])}
        _, nearest = KDTree(need.points[served]).query(list(middles.values()))
        by = dict(zip(middles, own[served][nearest], strict=True))
        own[~served] = [by[g] for g in own[~served]]
    return np.where(np.isin(own, staffed), own, -2)


def _people_of(need: Need, able: Ints, number: int) -> Ints:
    """Return the people of a territory: its own, or everybody where there are no territories."""
    if number == NOBODY:
        return able
    people: Ints = able[need.person_own[able] == number]
    return people


def _fresh(
    need: Need,
    areas: gpd.GeoDataFrame,
    load: Floats,
    here: Ints,
    people: Ints,
    borders: tuple[Ints, Ints],
    seed: int,
) -> Ints:
    """Return the person of each area of a territory that nobody held before."""
    if not people.size:
        return np.full(here.size, NOBODY, np.int64)
    beat = _grouped(need, areas, load, here, int(people.size), borders, seed)
    count = int(beat.max()) + 1
    cost = np.zeros((count, people.size))
    for b in range(count):
        members = here[beat == b]
        pairs = members[:, None], people[None, :]
        metres = need.cost(*pairs) + REFUSED_M * (need.refused(*pairs) != 0)
        cost[b] = metres.sum(axis=0)
    rows, columns = linear_sum_assignment(cost)
    person = np.full(count, NOBODY, np.int64)
    person[rows] = people[columns]
    return person[beat]


def _grouped(
    need: Need,
    areas: gpd.GeoDataFrame,
    load: Floats,
    here: Ints,
    wanted: int,
    borders: tuple[Ints, Ints],
    seed: int,
) -> Ints:
    """Return beats of the areas `here`, as many as wanted, or one each where areas are fewer."""
    if wanted >= here.size:
        return np.arange(here.size)
    piece = _pieces(here, borders)
    pieces = int(piece.max()) + 1
    # With fewer people than islands, the heaviest islands make the beats and the others join them.
    weight = np.bincount(piece, load[here], minlength=pieces)
    main = np.isin(piece, np.argsort(-weight, kind="stable")[:wanted])
    units = areas.iloc[here[main]].assign(load=np.maximum(load[here[main]], 1e-9))
    labels = np.full(here.size, -1, np.int64)
    labels[main] = group_labels(
        units.reset_index(drop=True), into=min(wanted, int(main.sum())), within=None, seed=seed
    ).to_numpy()
    if not main.all():
        from scipy.spatial import KDTree

        _, nearest = KDTree(need.points[here[main]]).query(need.points[here[~main]])
        labels[~main] = labels[main][nearest]
    return labels


def _pieces(here: Ints, borders: tuple[Ints, Ints]) -> Ints:
    """Return which of the areas hang together."""
    position = np.full(int(max(here.max(), *(b.max(initial=0) for b in borders))) + 1, -1)
    position[here] = np.arange(here.size)
    i, j = position[borders[0]], position[borders[1]]
    inside = (i >= 0) & (j >= 0)
    graph = coo_array((np.ones(int(inside.sum())), (i[inside], j[inside])), (here.size, here.size))
    _, piece = connected_components(graph, directed=False)
    pieces: Ints = piece.astype(np.int64)
    return pieces


def _kept(
    need: Need,
    areas: gpd.GeoDataFrame,
    load: Floats,
    here: Ints,
    people: Ints,
    held: Ints,
    borders: tuple[Ints, Ints],
    seed: int,
) -> Ints:
    """Return the person of each area when most keep what they held."""
    person = held.copy()
    free = np.flatnonzero(person < 0)
    idle = np.setdiff1d(people, person)
    if free.size and idle.size:
        person[free] = _fresh(need, areas, load, here[free], idle, borders, seed)
    position = np.full(len(need.codes), -1)
    position[here] = np.arange(here.size)
    i, j = position[borders[0]], position[borders[1]]
    inside = (i >= 0) & (j >= 0)
    sides = np.r_[i[inside], j[inside]], np.r_[j[inside], i[inside]]
    carried = np.zeros(len(need.ids))
    np.add.at(carried, person[person >= 0], load[here[person >= 0]])
    # Free areas join the lightest beat beside them, the best served first, until none is left.
    while (person < 0).any():
        beside = (person[sides[0]] < 0) & (person[sides[1]] >= 0)
        if not beside.any():
            lost = np.flatnonzero(person < 0)
            apart = need.distance(here[lost][:, None], people[None, :])
            person[lost] = people[np.argmin(apart, axis=1)]
            break
        area, other = sides[0][beside], person[sides[1][beside]]
        best = np.lexsort((area, carried[other]))[0]
        person[area[best]] = other[best]
        carried[other[best]] += load[here[area[best]]]
    return person


def _within_rules(need: Need, chosen: Ints) -> Ints:
    """Empty the posts that a rule refuses, and the farthest of those beyond a capacity."""
    result = chosen.copy()
    filled = np.flatnonzero(result >= 0)
    result[filled[need.refused(filled, result[filled]) != 0]] = NOBODY
    filled = np.flatnonzero(result >= 0)
    order = filled[np.lexsort((need.distance(filled, result[filled]), result[filled]))]
    person = result[order]
    first = np.searchsorted(person, person, "left")
    result[order[np.arange(order.size) - first >= need.capacity[person]]] = NOBODY
    return result
