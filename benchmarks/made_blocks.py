"""A made city of street blocks, cut street by street, with its graph of neighbours.

A square of land is cut by slightly bent streets, always the piece that is largest for its part of
town: first into communities, then into blocks, finer towards the centre. Every end of a street
becomes a corner of the block across, so the blocks are an exact coverage.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely

CRS = 4549
X0, Y0 = 500_000.0, 4_150_000.0
BEND = 0.08  # how far the middle of a street lies off the straight line, at most, as a share
SNAP = 0.12  # a street meets an existing corner when that is this near, as a share of the side


@dataclass(frozen=True)
class Made:
    """Blocks with their load and community; `k` cells are asked of them."""

    blocks: gpd.GeoDataFrame
    k: int


class Cutter:
    """Faces as rings of corner numbers; who lies left of each directed side."""

    def __init__(self, side: float, rng: np.random.Generator) -> None:
        self.rng = rng
        self.chance = iter(())
        self.xy = [(0.0, 0.0), (side, 0.0), (side, side), (0.0, side)]
        self.faces = [[0, 1, 2, 3]]
        self.owner = {(0, 1): 0, (1, 2): 0, (2, 3): 0, (3, 0): 0}

    def draw(self) -> float:
        for value in self.chance:
            return value
        self.chance = iter(self.rng.random(4096).tolist())
        return self.draw()

    def area(self, face: int) -> float:
        ring = [self.xy[v] for v in self.faces[face]]
        return 0.5 * sum(
            a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:] + ring[:1], strict=True)
        )

    def middle(self, face: int) -> tuple[float, float]:
        ring = self.faces[face]
        return (
            sum(self.xy[v][0] for v in ring) / len(ring),
            sum(self.xy[v][1] for v in ring) / len(ring),
        )

    def cut(self, face: int) -> int | None:
        """Cut a face across its longer axis; return the new face, or None where no street fits."""
        points = [self.xy[v] for v in self.faces[face]]
        mx = sum(p[0] for p in points) / len(points)
        my = sum(p[1] for p in points) / len(points)
        sxx = sum((p[0] - mx) ** 2 for p in points)
        syy = sum((p[1] - my) ** 2 for p in points)
        sxy = sum((p[0] - mx) * (p[1] - my) for p in points)
        for _ in range(6):
            angle = 0.5 * math.atan2(2 * sxy, sxx - syy) + 0.5 * (self.draw() - 0.5)
            c, s = math.cos(angle), math.sin(angle)
            along = [(p[0] - mx) * c + (p[1] - my) * s for p in points]
            low, high = min(along), max(along)
            at = low + (high - low) * (0.35 + 0.3 * self.draw())
            ends = self._ends(face, [a - at for a in along])
            if ends is not None:
                return self._split(face, *ends)
        return None

    def _ends(self, face: int, off: list[float]) -> tuple[int, int] | None:
        """Return the corners where a line meets the ring, whose corners lie `off` from it."""
        ring = list(self.faces[face])
        n = len(ring)
        if len(off) != n:  # a street that was given up has left a corner
            return None
        hits = [k for k in range(n) if (off[k] < 0) != (off[(k + 1) % n] < 0)]
        if len(hits) != 2:
            return None
        ends = []
        for k in hits:
            a, b = ring[k], ring[(k + 1) % n]
            t = off[k] / (off[k] - off[(k + 1) % n])
            if t < SNAP or t > 1 - SNAP:
                ends.append(a if t < 0.5 else b)
            else:
                ends.append(self._corner(a, b, t))
        ring = self.faces[face]
        gap = abs(ring.index(ends[0]) - ring.index(ends[1]))
        return None if gap < 2 or len(ring) - gap < 2 else (ends[0], ends[1])

    def _corner(self, a: int, b: int, t: float) -> int:
        (ax, ay), (bx, by) = self.xy[a], self.xy[b]
        v = len(self.xy)
        self.xy.append((round(ax + t * (bx - ax), 2), round(ay + t * (by - ay), 2)))
        for p, q in ((a, b), (b, a)):
            face = self.owner.pop((p, q), None)
            if face is not None:
                ring = self.faces[face]
                ring.insert(ring.index(p) + 1, v)
                self.owner[p, v] = self.owner[v, q] = face
        return v

    def _split(self, face: int, a: int, b: int) -> int:
        ring = self.faces[face]
        turn = ring.index(a)
        ring = ring[turn:] + ring[:turn]
        cut = ring.index(b)
        (ax, ay), (bx, by) = self.xy[a], self.xy[b]
        bend = BEND * (2 * self.draw() - 1)
        m = len(self.xy)
        self.xy.append(
            (
                round((ax + bx) / 2 - bend * (by - ay), 2),
                round((ay + by) / 2 + bend * (bx - ax), 2),
            )
        )
        one, two = [*ring[: cut + 1], m], [*ring[cut:], a, m]
        new = len(self.faces)
        self.faces[face], other = one, two
        self.faces.append(other)
        for number, part in ((face, one), (new, other)):
            for p, q in zip(part, part[1:] + part[:1], strict=True):
                self.owner[p, q] = number
        return new


def made_city(
    blocks: int = 37_000,
    communities: int = 170,
    cells: int = 7_840,
    *,
    seed: int = 0,
    cap: float | None = 0.9,
) -> Made:
    """Make a city; `cap` bounds the load of a block as a share of the mean cell's."""
    rng = np.random.default_rng([7, seed])
    side = 1_000.0 * math.sqrt(cells * 2.2e4 / 1e6)  # about 2.2 ha a cell
    cutter = Cutter(side, rng)
    member = _grow(cutter, communities, lambda _x, _y: 1.0, [0], spread=0.25)
    member = _grow(cutter, blocks, _density(side), member, spread=0.5)
    xy = np.array(cutter.xy) + [X0, Y0]
    geoms = np.array([shapely.Polygon(xy[ring]) for ring in cutter.faces], dtype=object)
    sound = shapely.is_valid(geoms)
    assert sound.all(), f"{(~sound).sum()} blocks cross themselves"
    load = np.sqrt(shapely.area(geoms)) * rng.lognormal(0, 0.6, len(geoms))
    if cap is not None:
        for _ in range(200):
            load = np.minimum(load, cap * load.sum() / cells)
    load = np.maximum(np.round(load / load.mean() * 40, 2), 0.01)
    codes = np.array([f"3706{1 + m // 100:02d}001{1 + m % 100:03d}" for m in member])
    table = gpd.GeoDataFrame({"load": load, "community_code": codes}, geometry=geoms, crs=CRS)
    return Made(table, cells)


def _density(side: float):
    def dense(x: float, y: float) -> float:
        far = math.hypot(x / side - 0.45, y / side - 0.55)
        return 0.5 + 2.0 * math.exp(-6 * far * far)

    return dense


def _grow(cutter: Cutter, goal: int, dense, member: list[int], *, spread: float) -> list[int]:
    """Cut until there are `goal` faces; return the first-level face that each descends from."""
    first = len(cutter.faces) == 1

    def rank(face: int) -> float:
        luck = math.exp(spread * 2 * (cutter.draw() - 0.5))
        return -cutter.area(face) * dense(*cutter.middle(face)) * luck

    queue = [(rank(f), f) for f in range(len(cutter.faces))]
    heapq.heapify(queue)
    member = list(range(len(cutter.faces))) if first else list(range(len(member)))
    while len(cutter.faces) < goal and queue:
        _, face = heapq.heappop(queue)
        new = cutter.cut(face)
        if new is None:
            continue
        member.append(len(member) if first else member[face])
        heapq.heappush(queue, (rank(face), face))
        heapq.heappush(queue, (rank(new), new))
    return member
