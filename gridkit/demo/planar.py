"""A planar map: faces that share every vertex, cut again and again by lines.

Cutting is the only operation. A new vertex is put on the edge that it touches, in both faces at
once, so that faces never gap or overlap, whatever the rounding: coordinates are kept to 0.01 m.
Arithmetic is plain (no trigonometry, no geometry library), so every machine draws the same map.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = [
    "Line",
    "PlanarMap",
    "Point",
    "distance",
    "middle",
    "ring_area",
    "ring_contains",
    "smooth",
]

Point = tuple[float, float]

_flat = itertools.chain.from_iterable
# A crossing this close to a vertex takes the vertex (m): no tiny edges, no near-miss junctions.
_SNAP_M = 5.0
_CHUNK = 16


class Line(NamedTuple):
    """What an edge of the map is part of: a street, a river bank, the coast, the outer border."""

    kind: str
    name: str = ""


def smooth(points: list[Point], *, step_m: float = 45.0) -> list[Point]:
    """Return points along the Catmull-Rom curve through `points`, about `step_m` apart."""
    padded = [points[0], *points, points[-1]]
    curve: list[Point] = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        n = max(1, round(distance(p1, p2) / step_m))
        for i in range(n):
            t = i / n
            curve.append(
                (_catmull(p0[0], p1[0], p2[0], p3[0], t), _catmull(p0[1], p1[1], p2[1], p3[1], t))
            )
    return [*curve, points[-1]]


def ring_area(points: list[Point]) -> float:
    """Return the signed area of a ring in m², positive counter-clockwise."""
    rolled = [*points[1:], points[0]]
    return 0.5 * sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, rolled, strict=True))


def middle(points: list[Point]) -> Point:
    """Return the mean of some points."""
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def ring_contains(points: list[Point], where: Point) -> bool:
    """Say whether a point lies inside a ring (even-odd rule)."""
    x, y = where
    inside = False
    for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            inside = not inside
    return inside


def distance(a: Point, b: Point) -> float:
    """Return the length between two points."""
    dx, dy = a[0] - b[0], a[1] - b[1]
    return math.sqrt(dx * dx + dy * dy)


def _catmull(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (
        2 * b
        + (c - a) * t
        + (2 * a - 5 * b + 4 * c - d) * t * t
        + (3 * b - a - 3 * c + d) * t * t * t
    )


class PlanarMap:
    """Faces, the lines along their edges, and a tag a face inherits from the face it was cut from.

    Parameters
    ----------
    outline : list of (x, y)
        The first face, counter-clockwise, in metres.
    lines : list of Line
        What each edge of the outline is part of; one line object may repeat.

    Attributes
    ----------
    points : list of (x, y)
        Vertices, rounded to 0.01 m; `degree` counts the edges that meet in each.
    lines : list of Line
    faces : dict of int to list of int
        Rings of vertex numbers, counter-clockwise.
    tags : dict of int to str
    """

    def __init__(self, outline: list[Point], lines: list[Line]) -> None:
        self.points: list[Point] = []
        self.lines: list[Line] = []
        self.faces: dict[int, list[int]] = {}
        self.tags: dict[int, str] = {0: ""}
        self._edges: dict[tuple[int, int], int] = {}
        self._left: dict[tuple[int, int], int] = {}
        self.degree: list[int] = []
        self._beside: list[set[int]] = []
        ring = [self._vertex(p) for p in outline]
        ids: dict[Line, int] = {}
        for line in lines:
            if line not in ids:
                ids[line] = self.add_line(line)
        for u, v, line in zip(ring, [*ring[1:], ring[0]], lines, strict=True):
            self._add_edge(u, v, ids[line])
        self._set_face(0, ring)

    def add_line(self, line: Line) -> int:
        """Register a line and return its number."""
        self.lines.append(line)
        return len(self.lines) - 1

    def ring(self, face: int) -> list[Point]:
        """Return the corner points of a face, counter-clockwise."""
        return [self.points[v] for v in self.faces[face]]

    def edges(self) -> list[tuple[int, int, int]]:
        """Return every edge as (vertex, vertex, line number), in the order they came to be."""
        return [(u, v, line) for (u, v), line in self._edges.items()]

    def line_of(self, u: int, v: int) -> Line:
        """Return the line that an edge is part of."""
        return self.lines[self._edges[_key(u, v)]]

    def sides(self, u: int, v: int) -> tuple[int, int]:
        """Return the faces on both sides of an edge; -1 is outside the map."""
        return self._left.get((u, v), -1), self._left.get((v, u), -1)

    def face_at(self, where: Point) -> int:
        """Return the face that holds a point; -1 outside."""
        return next((f for f in self.faces if ring_contains(self.ring(f), where)), -1)

    def cut(self, path: list[Point], line: Line, *, skip: frozenset[str] = frozenset()) -> None:
        """Cut every face that `path` crosses from side to side.

        Loose ends before the first and after the last crossing are dropped, and so is each stretch
        in a face whose tag is in `skip`.
        """
        number = self.add_line(line)
        for a, b, between in self._stretches(path):
            halfway = _halfway([self.points[a], *between, self.points[b]])
            face = next(
                (
                    f
                    for f in sorted(self._faces_at(a) & self._faces_at(b))
                    if ring_contains(self.ring(f), halfway)
                ),
                -1,
            )
            if face >= 0 and self.tags[face] not in skip and _key(a, b) not in self._edges:
                self.split(face, a, b, between, number)

    def split(self, face: int, a: int, b: int, between: list[Point], number: int) -> int:
        """Split one face along a chord between two of its vertices; return the new face."""
        ring = self.faces[face]
        i, j = ring.index(a), ring.index(b)
        inner = [self._vertex(p) for p in between]
        chord = [a, *inner, b]
        for u, v in itertools.pairwise(chord):
            self._add_edge(u, v, number)
        forth = ring[i : j + 1] if i < j else ring[i:] + ring[: j + 1]
        back = ring[j : i + 1] if j < i else ring[j:] + ring[: i + 1]
        new = len(self.faces)  # faces are never taken away
        self.tags[new] = self.tags[face]
        self._set_face(face, forth + inner[::-1])
        self._set_face(new, back + inner)
        return new

    def insert(self, u: int, v: int, where: Point) -> int:
        """Put a vertex on the edge (u, v), in both faces; return it."""
        w = self._vertex(where)
        number = self._edges.pop(_key(u, v))
        self.degree[u] -= 1
        self.degree[v] -= 1
        self._beside[u].discard(v)
        self._beside[v].discard(u)
        self._add_edge(u, w, number)
        self._add_edge(w, v, number)
        for a, b in ((u, v), (v, u)):
            face = self._left.pop((a, b), -1)
            if face >= 0:
                ring = self.faces[face]
                ring.insert(ring.index(a) + 1, w)
                self._left[(a, w)] = face
                self._left[(w, b)] = face
        return w

    def _vertex(self, where: Point) -> int:
        self.points.append((round(where[0], 2), round(where[1], 2)))
        self.degree.append(0)
        self._beside.append(set())
        return len(self.points) - 1

    def _add_edge(self, u: int, v: int, number: int) -> None:
        self._edges[_key(u, v)] = number
        self.degree[u] += 1
        self.degree[v] += 1
        self._beside[u].add(v)
        self._beside[v].add(u)

    def _set_face(self, face: int, ring: list[int]) -> None:
        self.faces[face] = ring
        for u, v in zip(ring, [*ring[1:], ring[0]], strict=True):
            self._left[(u, v)] = face

    def _faces_at(self, vertex: int) -> set[int]:
        """Return the faces that have a vertex."""
        return {f for w in self._beside[vertex] for f in self.sides(vertex, w)} - {-1}

    def _stretches(self, path: list[Point]) -> list[tuple[int, int, list[Point]]]:
        """Return (vertex, vertex, path points between) for each stretch between two crossings."""
        stops: list[tuple[int, int]] = []
        for segment, u, v, where in self._crossings(path):
            edge = self._edge_at(u, v, where)
            near = min(edge, key=self._from(where))
            if distance(self.points[near], where) > _SNAP_M:
                near = self.insert(*edge, where)
            if not stops or stops[-1][1] != near:
                stops.append((segment, near))
        return [
            (a, b, self._between(path[i + 1 : j + 1], a, b))
            for (i, a), (j, b) in itertools.pairwise(stops)
        ]

    def _between(self, points: list[Point], a: int, b: int) -> list[Point]:
        ends = (self.points[a], self.points[b])
        return [p for p in points if min(distance(p, e) for e in ends) > 2 * _SNAP_M]

    def _from(self, where: Point) -> Callable[[int], float]:
        """Return the function that tells how far a vertex is from a point."""
        return lambda vertex: distance(self.points[vertex], where)

    def _edge_at(self, u: int, v: int, where: Point) -> tuple[int, int]:
        """Return the edge at a point: (u, v), or a piece where this very path has broken it."""
        if _key(u, v) in self._edges:
            return u, v
        return min(self._edges, key=lambda e: _detour(self.points[e[0]], self.points[e[1]], where))

    def _crossings(self, path: list[Point]) -> list[tuple[int, int, int, Point]]:
        """Return (path segment, edge u, edge v, point) for each crossing, in order along `path`."""
        ends = np.fromiter(_flat(self._edges), np.int64, 2 * len(self._edges)).reshape(-1, 2)
        xy = np.fromiter(_flat(self.points), np.float64, 2 * len(self.points)).reshape(-1, 2)
        a, b = xy[ends[:, 0]], xy[ends[:, 1]]
        low, high = np.minimum(a, b), np.maximum(a, b)
        line = np.array(path)
        found: list[tuple[int, float, int]] = []
        # a few segments at a time, against the edges that their box meets
        for first in range(0, len(path) - 1, _CHUNK):
            part = line[first : first + _CHUNK + 1]
            box = (low <= part.max(axis=0)) & (high >= part.min(axis=0))
            near = np.flatnonzero(box.all(axis=1))
            found += [(first + i, t, int(near[k])) for i, t, k in _hits(part, a[near], b[near])]
        out = []
        for i, along, k in sorted(found):
            (px, py), (qx, qy) = path[i], path[i + 1]
            where = (px + along * (qx - px), py + along * (qy - py))
            out.append((i, int(ends[k, 0]), int(ends[k, 1]), where))
        return out


def _hits(
    line: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> list[tuple[int, float, int]]:
    """Return (segment, share of it, edge) for each crossing of a line with the edges a-b."""
    p, q = line[:-1, None], line[1:, None]
    d, e = q - p, (b - a)[None]
    cross = d[..., 0] * e[..., 1] - d[..., 1] * e[..., 0]
    gap = a[None] - p
    safe = np.where(cross == 0, 1.0, cross)
    t = (gap[..., 0] * e[..., 1] - gap[..., 1] * e[..., 0]) / safe
    s = (gap[..., 0] * d[..., 1] - gap[..., 1] * d[..., 0]) / safe
    hit = (cross != 0) & (t >= 0) & (t < 1) & (s >= 0) & (s <= 1)
    return [(int(i), float(t[i, k]), int(k)) for i, k in zip(*hit.nonzero(), strict=True)]


def _key(u: int, v: int) -> tuple[int, int]:
    return (u, v) if u < v else (v, u)


def _halfway(points: list[Point]) -> Point:
    """Return the point half way along a path."""
    lengths = [distance(a, b) for a, b in itertools.pairwise(points)]
    left = sum(lengths) / 2
    for (a, b), length in zip(itertools.pairwise(points), lengths, strict=True):
        if left <= length:
            t = left / length
            return a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])
        left -= length
    return points[-1]


def _detour(a: Point, b: Point, where: Point) -> float:
    """Return how much longer the way from a to b is through a point; 0 on the segment."""
    return distance(a, where) + distance(where, b) - distance(a, b)
