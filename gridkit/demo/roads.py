"""Side streets: each quarter's blocks divided again and again, in that quarter's manner.

The old town gets small, skewed blocks and bent lanes that meet in T-junctions; new quarters get
superblocks with a named street around and unnamed roads inside the compound; works, port and
exhibition ground stay coarse.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import geopandas as gpd
import shapely

from . import words
from .planar import Line, PlanarMap, Point, distance, ring_area
from .terrain import CRS, ORIGIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

__all__ = ["Blocks", "draw_side_streets", "long_axis", "street_frame"]

STREET_CLASSES = ("primary", "secondary", "tertiary", "residential", "rail")


@dataclass(frozen=True)
class Manner:
    """How a quarter is divided.

    Attributes
    ----------
    block_m2 : float
        Blocks smaller than about this are not divided.
    spread, skew : float
        How far a cut may stray from the middle (share of the length) and from the square (tangent).
    bend_m : float
        How far the middle of a cut may bulge.
    street_m2, compound_m2 : float
        A cut through a larger block is a tertiary street; through a smaller one a residential
        street; below `compound_m2` an unnamed road inside a compound.
    """

    block_m2: float
    spread: float
    skew: float
    bend_m: float
    street_m2: float
    compound_m2: float = 0.0


MANNERS = {
    "old": Manner(6_200, 0.17, 0.22, 6.0, 45_000),
    "new": Manner(11_500, 0.09, 0.05, 4.0, 90_000, 36_000),
    "estate": Manner(3_500, 0.14, 0.07, 3.0, 60_000, 26_000),
    "village": Manner(3_400, 0.17, 0.22, 5.0, 90_000, 90_000),
    "hill": Manner(260_000, 0.15, 0.2, 9.0, 0),
    "site": Manner(17_000, 0.12, 0.06, 3.0, 90_000),
    "works": Manner(30_000, 0.12, 0.04, 0.0, 70_000),
    "port": Manner(36_000, 0.15, 0.04, 0.0, 60_000),
    "expo": Manner(52_000, 0.10, 0.04, 5.0, 60_000),
}
_TRIES = 14
_CORNER_M = 20.0
_THIN_M = 17.0


@dataclass
class Blocks:
    """The finished street map.

    Attributes
    ----------
    ground : PlanarMap
    superblock : dict of int to int
        Block → the face between main roads that it was cut from.
    compound : dict of int to str
        Block → name of its compound (小区) or village, where it is part of one.
    """

    ground: PlanarMap
    superblock: dict[int, int]
    compound: dict[int, str] = field(default_factory=dict)

    @property
    def land(self) -> list[int]:
        """The blocks on land."""
        return [f for f in self.ground.faces if self.ground.tags[f] not in ("sea", "river")]


@dataclass
class _Names:
    roads: Iterator[str]
    lanes: Iterator[str]
    compounds: Iterator[str]
    villages: Iterator[str]


def draw_side_streets(ground: PlanarMap, rng: np.random.Generator) -> Blocks:
    """Divide every quarter in its manner, naming the streets as they come."""
    taken = {line.name[:-1] for line in ground.lines}
    free = [w for w in words.ROAD_WORDS if w not in taken]
    names = _Names(
        words.names_of(rng, free, ["", "东", "西", "南", "北"]),
        words.names_of(
            rng, words.LANE_WORDS, ["巷", "里", "胡同", "南巷", "北巷"], "{word}{n}{kind}"
        ),
        words.names_of(rng, words.COMPOUND_WORDS, words.COMPOUND_KINDS, "{word}{kind}{n}期"),
        _village_names(),
    )
    blocks = Blocks(ground, {f: f for f in ground.faces})
    for start in list(ground.faces):
        manner = MANNERS.get(ground.tags[start])
        waiting = [start] if manner else []
        while manner and waiting:
            face = waiting.pop()
            new = _divide(blocks, face, manner, names, rng)
            waiting += [] if new is None else [face, new]
    return blocks


def _village_names() -> Iterator[str]:
    """Yield 王家村, 李家村, …, 王家庄, …, 大王家村, …: drawing lots would move the other names."""
    for size, kind in itertools.product(("", "大", "小", "前", "后"), words.VILLAGE_KINDS):
        yield from (f"{size}{surname}家{kind}" for surname in words.SURNAMES)


def _divide(
    blocks: Blocks, face: int, manner: Manner, names: _Names, rng: np.random.Generator
) -> int | None:
    """Cut one block in two; return the new one, or None where the block is done."""
    ground = blocks.ground
    area = ring_area(ground.ring(face))
    if area < manner.compound_m2 and face not in blocks.compound:
        village = ground.tags[face] == "village"
        blocks.compound[face] = next(names.villages if village else names.compounds)
    if area < manner.block_m2 * (0.85 + 0.75 * rng.random()):
        return None
    chord = _chord(ground, face, manner, rng)
    if chord is None:
        return None
    ends = [_stand(ground, *end) for end in chord]
    a, b = ground.points[ends[0]], ground.points[ends[1]]
    number = ground.add_line(_line(area, a, b, manner, names))
    new = ground.split(face, ends[0], ends[1], _bulge(a, b, manner.bend_m, rng), number)
    blocks.superblock[new] = blocks.superblock[face]
    if face in blocks.compound:
        blocks.compound[new] = blocks.compound[face]
    return new


def _line(area: float, a: Point, b: Point, manner: Manner, names: _Names) -> Line:
    """Class and name of a new street: 路 runs east-west, 街 north-south, 巷 in the old town."""
    if area < manner.compound_m2:
        return Line("residential")
    kind = "路" if abs(a[0] - b[0]) > abs(a[1] - b[1]) else "街"
    if area > manner.street_m2:
        return Line("tertiary", next(names.roads) + kind)
    if manner.skew > 0.1:
        return Line("residential", next(names.lanes))
    return Line("residential", next(names.roads) + kind)


def _bulge(a: Point, b: Point, most_m: float, rng: np.random.Generator) -> list[Point]:
    """Return the inner points of a slightly bent street."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = distance(a, b)
    out = (rng.random() * 2 - 1) * most_m
    if length < 70 or abs(out) < 1:
        return []
    shape = ((0.25, 0.75), (0.5, 1.0), (0.75, 0.75)) if length > 150 else ((0.5, 1.0),)
    return [
        (a[0] + t * dx - dy / length * out * w, a[1] + t * dy + dx / length * out * w)
        for t, w in shape
    ]


def long_axis(ring: list[Point]) -> tuple[Point, float, float, float, float]:
    """Return the direction of the smallest box around a ring, and its extents along and across.

    The box's long side gives the direction: ``((dx, dy), along_min, along_max, across_min,
    across_max)``.
    """
    best: tuple[Point, float, float, float, float] | None = None
    least = math.inf
    for (ax, ay), (bx, by) in zip(ring, [*ring[1:], ring[0]], strict=True):
        length = distance((ax, ay), (bx, by))
        if length < 12:
            continue
        dx, dy = (bx - ax) / length, (by - ay) / length
        along = [x * dx + y * dy for x, y in ring]
        across = [y * dx - x * dy for x, y in ring]
        a0, a1, c0, c1 = min(along), max(along), min(across), max(across)
        area = (a1 - a0) * (c1 - c0)
        if area < least - 1e-6:
            least = area
            long = a1 - a0 >= c1 - c0
            best = ((dx, dy), a0, a1, c0, c1) if long else ((-dy, dx), c0, c1, -a1, -a0)
    return best or ((1.0, 0.0), *_extent(ring, 0), *_extent(ring, 1))


def _extent(ring: list[Point], axis: int) -> tuple[float, float]:
    return min(p[axis] for p in ring), max(p[axis] for p in ring)


_End = tuple[int, int, Point]


def _chord(
    ground: PlanarMap, face: int, manner: Manner, rng: np.random.Generator
) -> tuple[_End, _End] | None:
    """Find a good cut across the long axis: square to its ends, no slivers, no near misses."""
    ring = ground.faces[face]
    points = ground.ring(face)
    (dx, dy), a0, a1, c0, c1 = long_axis(points)
    middle = (c0 + c1) / 2
    for attempt in range(_TRIES):
        stray = manner.spread * (1 + attempt / 6)
        along = a0 + (a1 - a0) * (0.5 + stray * (2 * rng.random() - 1))
        lean = manner.skew * (2 * rng.random() - 1)
        start = (dx * along - dy * middle, dy * along + dx * middle)
        ends = _across(ring, points, start, (-dy + lean * dx, dx + lean * dy))
        ends = ends and tuple(_snap(ground, ring, e) for e in ends)  # type: ignore[assignment]
        if ends and _sound(ground, ring, ends, manner):
            return ends
    return None


def _across(
    ring: list[int], points: list[Point], start: Point, way: Point
) -> tuple[_End, _End] | None:
    """Return both ends of the longest stretch of a straight line inside a ring."""
    hits: list[tuple[float, _End]] = []
    for i, ((ax, ay), (bx, by)) in enumerate(zip(points, [*points[1:], points[0]], strict=True)):
        ex, ey = bx - ax, by - ay
        cross = way[0] * ey - way[1] * ex
        if cross == 0:
            continue
        gx, gy = ax - start[0], ay - start[1]
        s = (gx * way[1] - gy * way[0]) / cross
        if 0 <= s < 1:
            t = (gx * ey - gy * ex) / cross
            hits.append((t, (ring[i], ring[(i + 1) % len(ring)], (ax + s * ex, ay + s * ey))))
    hits.sort(key=lambda h: h[0])
    pairs = [(b[0] - a[0], a[1], b[1]) for a, b in zip(hits[::2], hits[1::2], strict=False)]
    if not pairs:
        return None
    _, first, second = max(pairs, key=lambda p: p[0])
    return first, second


def _snap(ground: PlanarMap, ring: list[int], end: _End) -> _End:
    """Move an end to a junction on the same side when one is near: streets run on across it."""
    u, _v, where = end
    k = ring.index(u)
    near = [ring[(k + i) % len(ring)] for i in (-1, 0, 1, 2)]
    for w in near:
        gap = distance(ground.points[w], where)
        if gap < _CORNER_M and ground.degree[w] > 2 and not _is_corner(ground, ring, w):
            return w, w, ground.points[w]
    return end


def _is_corner(ground: PlanarMap, ring: list[int], vertex: int) -> bool:
    k = ring.index(vertex)
    a, b, c = (ground.points[ring[(k + i) % len(ring)]] for i in (-1, 0, 1))
    d, e = (b[0] - a[0], b[1] - a[1]), (c[0] - b[0], c[1] - b[1])
    turn = d[0] * e[1] - d[1] * e[0]
    return abs(turn) > 0.5 * distance(a, b) * distance(b, c)


def _sound(ground: PlanarMap, ring: list[int], ends: tuple[_End, _End], manner: Manner) -> bool:
    (u, v, a), (p, q, b) = ends
    length = distance(a, b)
    if (
        length < 30
        or {u, v} == {p, q}
        or not (_square(ground, ring, ends[0], b) and _square(ground, ring, ends[1], a))
    ):
        return False
    for w in ring:
        for end in (ends[0], ends[1]):
            gap = distance(ground.points[w], end[2])
            if 0 < gap < _CORNER_M and (ground.degree[w] > 2 or _is_corner(ground, ring, w)):
                return False
    for points in _halves(ground, ring, ends):
        area = ring_area(points)
        around = sum(distance(s, t) for s, t in zip(points, [*points[1:], points[0]], strict=True))
        if area < 0.22 * manner.block_m2 or 2 * area / around < _THIN_M:
            return False
    return True


def _square(ground: PlanarMap, ring: list[int], end: _End, other: Point) -> bool:
    """Say whether a cut meets its side at more than about 50 degrees."""
    u, v, where = end
    if u == v:
        k = ring.index(u)
        u, v = ring[k - 1], ring[(k + 1) % len(ring)]
    a, b = ground.points[u], ground.points[v]
    ex, ey, wx, wy = b[0] - a[0], b[1] - a[1], other[0] - where[0], other[1] - where[1]
    return abs(ex * wy - ey * wx) > 0.76 * distance(a, b) * distance(where, other)


def _halves(ground: PlanarMap, ring: list[int], ends: tuple[_End, _End]) -> list[list[Point]]:
    """Return the two rings that a straight cut would leave."""
    (u, v, a), (p, q, b) = ends
    i, j = ring.index(v), ring.index(p)
    k, m = ring.index(q), ring.index(u)

    def walk(start: int, stop: int) -> list[Point]:
        n = (stop - start) % len(ring)
        return [ground.points[ring[(start + t) % len(ring)]] for t in range(n + 1)]

    return [[a, *walk(i, j), b], [b, *walk(k, m), a]]


def _stand(ground: PlanarMap, u: int, v: int, where: Point) -> int:
    """Return the vertex at the end of a cut, putting it on its edge when it is not one yet."""
    return u if u == v else ground.insert(u, v, where)


def street_frame(ground: PlanarMap) -> gpd.GeoDataFrame:
    """Return the street centre lines: one row for each stretch of one street, bridges apart.

    Rows of one street meet vertex on vertex in every junction. Columns ``road_class``, ``name``
    (empty inside compounds), ``bridge``.
    """
    parts: dict[tuple[int, bool], list[tuple[int, int]]] = {}
    for u, v, number in ground.edges():
        if ground.lines[number].kind in STREET_CLASSES:
            bridge = all(ground.tags.get(f) == "river" for f in ground.sides(u, v))
            parts.setdefault((number, bridge), []).append((u, v))
    rows = []
    for (number, bridge), edges in sorted(parts.items()):
        line = ground.lines[number]
        rows += [
            (line.kind, line.name, bridge, shapely.LineString(_shift(ground, chain)))
            for chain in _chains(edges)
        ]
    columns = ["road_class", "name", "bridge", "geometry"]
    data = dict(zip(columns, zip(*rows, strict=True), strict=True))
    return gpd.GeoDataFrame({k: list(v) for k, v in data.items()}, geometry="geometry", crs=CRS)


def _shift(ground: PlanarMap, vertices: list[int]) -> list[Point]:
    """Return vertices as coordinates of the working CRS."""
    x0, y0 = ORIGIN
    return [
        (round(ground.points[v][0] + x0, 2), round(ground.points[v][1] + y0, 2)) for v in vertices
    ]


def _chains(edges: list[tuple[int, int]]) -> list[list[int]]:
    """Join edges end to end into paths, each from its lower-numbered end."""
    beside: dict[int, list[int]] = {}
    for u, v in edges:
        beside.setdefault(u, []).append(v)
        beside.setdefault(v, []).append(u)
    chains: list[list[int]] = []
    used: set[int] = set()
    for start in sorted(v for v, others in beside.items() if len(others) == 1):
        if start in used:
            continue
        chain = [start, beside[start][0]]
        while len(beside[chain[-1]]) == 2:
            a, b = beside[chain[-1]]
            chain.append(b if a == chain[-2] else a)
        used.update((chain[0], chain[-1]))
        chains.append(chain)
    return chains
