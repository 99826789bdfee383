"""Areas that share borders, packed as the lines between them: each line once, not twice.

A part of areas is a row of varints: number of areas, rings of each, lines of each ring, then the
lines of all rings as zigzag differences to the line before (line × 2, plus 1 when it is walked
backwards), number of lines, vertices of each line, then x and y of every vertex as zigzag
differences to the vertex before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .encode import Frame, rings_of, varints, zigzag

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

__all__ = ["pack_areas"]


class _Walk(NamedTuple):
    """All rings in one row: the vertex at each step, and the steps before and after it."""

    vertex: Ints
    before: Ints
    after: Ints
    ring: Ints


def pack_areas(areas: gpd.GeoSeries, frame: Frame) -> bytes:
    """Pack polygons; holes and parts become rings of their area.

    Parameters
    ----------
    areas : GeoSeries
        In Web Mercator. Empty and missing ones keep their place, with no ring.
    frame : Frame

    Returns
    -------
    bytes
        As described at the head of this module.
    """
    numbers, ring, area = rings_of(areas.to_numpy(), frame)
    if not len(numbers):
        return varints(np.array([len(areas), *[0] * len(areas), 0]))
    points, vertex = np.unique(numbers, axis=0, return_inverse=True)
    walk = _walk(vertex.ravel().astype(np.int64), ring.astype(np.int64))
    start = np.flatnonzero(_cuts(walk, len(points)))
    size, line, backwards, first = _lines(walk, start)
    steps, sizes = _steps(walk, start[first], size[first], turned=backwards[first])
    reference = 2 * line + backwards
    head: list[Any] = [
        [len(areas)],
        np.bincount(area, minlength=len(areas)),
        np.bincount(walk.ring[start], minlength=len(area)),
        zigzag(np.diff(reference, prepend=0)),
        [len(first)],
        sizes,
    ]
    deltas = np.diff(points[walk.vertex[steps]], axis=0, prepend=np.zeros((1, 2), np.int64))
    return varints(np.concatenate(head).astype(np.int64)) + varints(zigzag(deltas.ravel()))


def _walk(vertex: Ints, ring: Ints) -> _Walk:
    n = len(vertex)
    new = np.ones(n, dtype=bool)
    new[1:] = ring[1:] != ring[:-1]
    opening = np.flatnonzero(new)
    closing = np.append(opening[1:], n) - 1
    after, before = np.arange(n) + 1, np.arange(n) - 1
    after[closing], before[opening] = opening, closing
    return _Walk(vertex, before, after, ring)


def _cuts(walk: _Walk, points: int) -> NDArray[np.bool_]:
    """Return the steps at which rings are cut: where not all that meet there go on together.

    A ring that is the same all the way round is cut at one vertex, the same for all its areas.
    """
    a, b = walk.vertex[walk.before], walk.vertex[walk.after]
    low, high = np.minimum(a, b), np.maximum(a, b)
    cut = np.zeros(points, dtype=bool)
    for one in (low, high):
        least, most = np.full(points, points), np.full(points, -1)
        np.minimum.at(least, walk.vertex, one)
        np.maximum.at(most, walk.vertex, one)
        cut |= least != most
    whole = np.bincount(walk.ring, weights=cut[walk.vertex]) == 0
    lowest = np.full(len(whole), points)
    np.minimum.at(lowest, walk.ring, walk.vertex)
    cut[lowest[whole]] = True
    return cut[walk.vertex]


def _lines(walk: _Walk, start: Ints) -> tuple[Ints, Ints, NDArray[np.bool_], Ints]:
    """Return for each piece of a ring its number of steps, its line, and whether backwards.

    Last, for each line the piece that shows it. Between two cuts a line is known by its first
    edge; walked backwards it begins with what is then its last.
    """
    ring = walk.ring[start]
    last = np.append(ring[1:] != ring[:-1], True)
    following = np.append(start[1:], 0)
    following[last] = start[np.append(True, last[:-1])]
    length = np.bincount(walk.ring)[ring]
    size = (following - start - 1) % length + 1  # all the way round, where there is one cut only
    many = len(walk.vertex) + 1
    forth = walk.vertex[start] * many + walk.vertex[walk.after[start]]
    back = walk.vertex[following] * many + walk.vertex[walk.before[following]]
    _, first, line = np.unique(np.minimum(forth, back), return_index=True, return_inverse=True)
    order = np.argsort(first)  # lines are numbered as they come: small differences
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return size, place[line], back < forth, first[order]


def _steps(walk: _Walk, start: Ints, size: Ints, *, turned: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return the steps of each line, its last vertex included, and how many they are."""
    count = size + 1
    line = np.repeat(np.arange(len(start)), count)
    nth = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
    nth = np.where(turned[line], size[line] - nth, nth)
    opening = np.searchsorted(walk.ring, walk.ring[start])
    length = np.bincount(walk.ring)[walk.ring[start]]
    return opening[line] + (start[line] - opening[line] + nth) % length[line], count
