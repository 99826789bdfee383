"""Straight cuts through many areas at once, between buildings, that keep a coverage exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import shapely

if TYPE_CHECKING:
    from .ordering import Floats, Geometries, Ints

__all__ = ["Axis", "Footprints", "axis_of", "cut_along", "free_place", "place_by_area", "with_ends"]

WALL_M = 0.5
"""How far a cut stays from a building where there is room."""

JOIN_M = 2e-4
"""Ends of two cuts that are so near are one."""

TOUCH_M, ASIDE = 3e-4, 0.2
"""How far a cut's end lies from an edge that it is on: the edge may have moved by `JOIN_M`.

And no more than so much of its distance to the ends of the edge: else it is on another edge.
"""

CLEAR_M, SHIFT_M, SHIFTS = 0.01, 0.03, 6
"""A cut passes no vertex nearer than that: it is moved aside so far, so often at most."""

STEPS = 12
FARAWAY = 1e9

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Axis:
    """A direction in each area: places along it are metres from `centre`.

    Attributes
    ----------
    centre, along : ndarray of float, shape (n, 2)
        A point of the area; a unit vector.
    half_m : ndarray of float, shape (n,)
        No part of the area is farther from the centre.
    """

    centre: Floats
    along: Floats
    half_m: Floats

    def at(self, rows: Ints) -> Axis:
        """Return the axes of some areas."""
        return Axis(self.centre[rows], self.along[rows], self.half_m[rows])

    def places(self, rows: Ints, xy: Floats) -> Floats:
        """Return where points lie along the axes of their areas."""
        places: Floats = ((xy - self.centre[rows]) * self.along[rows]).sum(axis=1)
        return places


@dataclass(frozen=True)
class Footprints:
    """Buildings: vertices of all, one after the other, and for each its area and weight.

    Attributes
    ----------
    xy : ndarray of float, shape (v, 2)
    of : ndarray of int, shape (v,)
        Building of each vertex, growing.
    centre : ndarray of float, shape (b, 2)
        A point inside each building.
    area, weight : ndarrays, shape (b,)
        Number of the area that holds the building, -1 for none; what it weighs.
    """

    xy: Floats
    of: Ints
    centre: Floats
    area: Ints
    weight: Floats

    def spans(self, rows: Ints, axis: Axis) -> tuple[Ints, Ints, Floats, Floats]:
        """Return the buildings of some areas, the area, and from where to where they reach."""
        number = np.full(int(max(self.area.max(initial=-1), rows.max(initial=-1))) + 2, -1)
        number[rows] = np.arange(len(rows))
        row = number[self.area]
        mine = np.flatnonzero(row >= 0)
        vertices = np.flatnonzero(row[self.of] >= 0)
        place = axis.places(row[self.of[vertices]], self.xy[vertices])
        first = np.flatnonzero(np.diff(self.of[vertices], prepend=-1))
        if not len(first):
            return mine, row[mine], np.zeros(0), np.zeros(0)
        return mine, row[mine], np.minimum.reduceat(place, first), np.maximum.reduceat(place, first)


def axis_of(areas: Geometries, *, short: bool) -> Axis:
    """Return the long or the short axis of the smallest rectangle around each area."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(areas)).reshape(-1, 5, 2)
    sides = corners[:, 1:3] - corners[:, :2]
    length = np.hypot(sides[..., 0], sides[..., 1])
    which = (length[:, 0] < length[:, 1]) != short
    along = sides[np.arange(len(areas)), which.astype(int)]
    along = along / np.hypot(along[:, :1], along[:, 1:])
    # One of the two opposite directions, whatever vertex the rectangle starts at.
    turned = (along[:, 0] < 0) | ((along[:, 0] == 0) & (along[:, 1] < 0))
    along = np.where(turned[:, None], -along, along)
    return Axis(corners[:, :4].mean(axis=1), along, np.hypot(length[:, 0], length[:, 1]))


def place_by_area(areas: Geometries, axis: Axis, share: Floats) -> Floats:
    """Return where along its axis a line leaves so much of each area behind it."""
    size = shapely.area(areas)
    low, high = -axis.half_m, axis.half_m.copy()
    # How much too little lies behind `low`, how much too much behind `high`. False position in the
    # Illinois way: an end that stays twice counts half, so that both close in.
    short, over = share * size, (1 - share) * size
    place, stayed = np.zeros(len(areas)), np.zeros(len(areas))
    for _ in range(STEPS):
        place = low + (high - low) * short / (short + over)
        behind = shapely.area(shapely.intersection(areas, _strip(axis, place)))
        error = behind - share * size
        less = error < 0
        over = np.where(less & (stayed > 0), over / 2, over)
        short = np.where(~less & (stayed < 0), short / 2, short)
        low, short = np.where(less, place, low), np.where(less, -error, short)
        high, over = np.where(less, high, place), np.where(less, over, np.maximum(error, 1e-12))
        stayed = np.where(less, 1, -1)
    return place


def _strip(axis: Axis, place: Floats) -> Geometries:
    """Return rectangles that hold what lies before a place on each axis."""
    across = np.column_stack([-axis.along[:, 1], axis.along[:, 0]])
    ends = np.stack([-axis.half_m - 1, place, place, -axis.half_m - 1], axis=1)
    sides = np.array([-1.0, -1.0, 1.0, 1.0]) * (axis.half_m + 1)[:, None]
    corners = axis.centre[:, None] + ends[..., None] * axis.along[:, None]
    return np.asarray(shapely.polygons(corners + sides[..., None] * across[:, None]))


def free_place(
    n: int,
    spans: tuple[Ints, Ints, Floats, Floats],
    weight: Floats,
    wanted: Floats,
    want_weight: Flags,
) -> tuple[Floats, Flags]:
    """Return where each of n axes crosses no building, as near as can be to what is wanted.

    Parameters
    ----------
    n : int
    spans : tuple
        From `Footprints.spans`.
    weight : ndarray of float, shape (b,)
        Of all buildings.
    wanted : ndarray of float, shape (n,)
        The place; or, where `want_weight`, the share of the weight that lies before it.
    want_weight : ndarray of bool, shape (n,)

    Returns
    -------
    place : ndarray of float, shape (n,)
    found : ndarray of bool, shape (n,)
        Everywhere but where weight is wanted and no gap parts it.
    """
    mine, row, low, high = spans
    order = np.lexsort((low, row))
    row, low, high, heavy = row[order], low[order], high[order], weight[mine[order]]
    # How far buildings reach so far, row by row. In ranks, which are exact whatever the row.
    ranked = np.sort(high)
    rank = np.searchsorted(ranked, high) + row * len(high)
    reach = ranked[np.maximum.accumulate(rank) - row * len(high)]
    sums = np.cumsum(heavy)
    total = np.bincount(row, heavy, n)
    before = sums - (np.cumsum(total) - total)[row]
    last = np.diff(row, append=n) > 0
    first = np.diff(row, prepend=-1) > 0
    # A gap before the first building of a row, one behind each, up to the next or for ever.
    owner = np.concatenate([row[first], row])
    start = np.concatenate([np.full(int(first.sum()), -FARAWAY), reach])
    stop = np.concatenate([low[first], np.where(last, FARAWAY, np.append(low[1:], FARAWAY))])
    share = (
        np.concatenate([np.zeros(int(first.sum())), before])
        / np.where(total > 0, total, 1.0)[owner]
    )
    parts = (share > 0) & (share < 1)
    by_weight = want_weight[owner]
    room = np.minimum((stop - start) / 2, WALL_M)
    clear = np.clip(wanted[owner], start + room, stop - room)
    near = np.where(by_weight, (start + stop) / 2, clear)
    cost = np.abs(np.where(by_weight, share, near) - wanted[owner])
    usable = np.flatnonzero((stop > start) & (parts | ~by_weight))
    best = usable[np.lexsort((near[usable], cost[usable], owner[usable]))]
    best = best[np.diff(owner[best], prepend=-1) > 0]
    place, found = wanted.copy(), ~want_weight
    place[owner[best]], found[owner[best]] = near[best], True
    return place, found


def cut_along(areas: Geometries, axis: Axis, place: Floats) -> tuple[Geometries, Geometries, Flags]:
    """Cut each area in two, across its axis; where a line makes more pieces, all but one stay.

    Returns
    -------
    one, rest : ndarrays of Polygon, shape (n,)
        Together the area, to the vertex; `one` lies before the place where there are two pieces.
    done : ndarray of bool, shape (n,)
        Nothing is cut elsewhere.
    """
    place = _clear_of_vertices(areas, axis, place)
    across = np.column_stack([-axis.along[:, 1], axis.along[:, 0]]) * (axis.half_m + 1)[:, None]
    middle = axis.centre + axis.along * place[:, None]
    lines = shapely.linestrings(np.stack([middle - across, middle + across], axis=1))
    noded = shapely.union(shapely.boundary(areas), lines)
    faces, row = shapely.get_parts(shapely.polygonize(noded[:, None]), return_index=True)
    inner = shapely.get_coordinates(shapely.point_on_surface(faces))
    # A line over a bay or a hole closes a face that is none of the area.
    outside = ~shapely.contains_xy(areas[row], *inner.T)
    faces, row, inner = faces[~outside], row[~outside], inner[~outside]
    behind = axis.places(row, inner) > place[row]
    order = np.lexsort((*inner.T, behind, row))
    faces, row = faces[order], row[order]
    count = np.bincount(row, minlength=len(areas))
    start = np.cumsum(count) - count
    one, rest = areas.copy(), areas.copy()
    two = np.flatnonzero(count == 2)
    one[two], rest[two] = faces[start[two]], faces[start[two] + 1]
    done = count == 2
    for k in np.flatnonzero(count > 2):
        pieces = faces[start[k] : start[k] + count[k]]
        done[k], one[k], rest[k] = _one_off(pieces, areas[k])
    return one, rest, done


def _clear_of_vertices(areas: Geometries, axis: Axis, place: Floats) -> Floats:
    """Move places a few centimetres, now ahead, now back, until the line passes no vertex."""
    xy, row = shapely.get_coordinates(areas, return_index=True)
    vertex = axis.places(row, xy)
    moved = place.copy()
    for k in range(1, SHIFTS + 1):
        close = np.unique(row[np.abs(vertex - moved[row]) < CLEAR_M])
        if not len(close):
            break
        moved[close] = place[close] + (SHIFT_M * ((k + 1) // 2)) * (1 if k % 2 else -1)
    return moved


def _one_off(
    pieces: Geometries, area: shapely.Geometry
) -> tuple[bool, shapely.Geometry, shapely.Geometry]:
    """Take one piece off so that the rest hangs together: the one nearest to half of the area."""
    size = shapely.area(pieces)
    for k in np.argsort(np.abs(size - size.sum() / 2), kind="stable"):
        rest = shapely.coverage_union_all(np.delete(pieces, k))
        if isinstance(rest, shapely.Polygon):
            return True, pieces[k], rest
    return False, area, area


def joined_ends(parts: Geometries, areas: Geometries) -> tuple[Geometries, Floats]:
    """Let cut ends that are one but for rounding be one: those of two cuts that meet in a border.

    Parameters
    ----------
    parts : ndarray of Polygon, shape (n,)
        What areas were cut into.
    areas : ndarray of Polygon

    Returns
    -------
    parts : ndarray of Polygon, shape (n,)
    ends : ndarray of float, shape (m, 2)
        The vertices of the parts that the areas do not have.
    """
    # A complex number a vertex, to compare both coordinates at once.
    old, new = (shapely.get_coordinates(g).view(np.complex128).ravel() for g in (areas, parts))
    ends = np.setdiff1d(new, old)
    if not len(ends):
        return parts, np.zeros((0, 2))
    places = np.asarray(shapely.points(ends.real, ends.imag))
    one, other = shapely.STRtree(places).query(places, predicate="dwithin", distance=JOIN_M)
    first = np.arange(len(ends))
    np.minimum.at(first, one, other)
    while (first[first] != first).any():
        first = first[first]
    at = np.minimum(np.searchsorted(ends, new), len(ends) - 1)
    moved = np.where(ends[at] == new, ends[first[at]], new)
    joined = shapely.set_coordinates(parts.copy(), np.column_stack([moved.real, moved.imag]))
    kept = np.unique(ends[first])
    return joined, np.column_stack([kept.real, kept.imag])


def with_ends(areas: Geometries, points: Floats) -> Geometries:
    """Insert the points that lie on edges as vertices: what cuts of the neighbours need.

    Parameters
    ----------
    areas : ndarray of Polygon, shape (n,)
    points : ndarray of float, shape (m, 2)
    """
    places = np.asarray(shapely.points(points))
    tree = shapely.STRtree(areas)
    touched: Ints = np.unique(tree.query(places, predicate="dwithin", distance=TOUCH_M)[1])
    rings, area = shapely.get_rings(areas[touched], return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    starts = np.flatnonzero(ring[1:] == ring[:-1])
    edges = np.asarray(shapely.linestrings(np.stack([xy[starts], xy[starts + 1]], axis=1)))
    point, edge = shapely.STRtree(edges).query(places, predicate="dwithin", distance=TOUCH_M)
    a, b, p = xy[starts[edge]], xy[starts[edge] + 1], points[point]
    to_end = np.minimum(np.hypot(*(p - a).T), np.hypot(*(p - b).T))
    inner = shapely.distance(edges[edge], places[point]) < ASIDE * to_end
    at, p = starts[edge][inner], p[inner]
    order = np.lexsort((np.hypot(*(p - xy[at]).T), at))
    at, p = at[order] + 1, p[order]
    xy, ring = np.insert(xy, at, p, axis=0), np.insert(ring, at, ring[at])
    mended = areas.copy()
    closed: Geometries = np.asarray(shapely.linearrings(xy, indices=ring))
    mended[touched] = shapely.polygons(closed, indices=area)
    return mended
