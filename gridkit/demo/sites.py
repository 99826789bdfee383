"""Where problems arise: on street lines, at junctions, before houses, around hot spots.

Streets are cell borders, so many of these points lie exactly on a border: on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from .planar import Point, distance, ring_area, ring_contains
from .roads import STREET_CLASSES, Blocks
from .terrain import ORIGIN, Plan, turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .buildings import Stock

__all__ = ["Sites", "Spot"]

# Busy streets see more: how much a metre of each class counts.
_BUSY = {"primary": 3.0, "secondary": 2.2, "tertiary": 1.3, "residential": 0.7}
_OLD_TOWN = 2.6


@dataclass(frozen=True)
class Spot:
    """One place: metres in the working CRS, the address as written, and the block's community."""

    x: float
    y: float
    address: str
    block: int


@dataclass(frozen=True)
class _Picker:
    """Draws positions of a list by weight."""

    ends: NDArray[np.float64]

    def draw(self, rng: np.random.Generator) -> int:
        last = len(self.ends) - 1
        return min(int(np.searchsorted(self.ends, rng.random() * self.ends[-1])), last)


def _picker(weights: list[float]) -> _Picker:
    return _Picker(np.cumsum(np.array(weights, dtype=np.float64)))


class Sites:
    """Draws places of each kind on one street map.

    Kinds: ``line`` (on a street's centre line), ``junction``, ``front`` (before a building, by
    households and shops), ``home`` (the same, by households), ``hot`` (around a landmark),
    ``water`` (at the bank), ``green`` (parks and waterside), ``site``, ``works``.
    """

    def __init__(self, plan: Plan, blocks: Blocks, stock: Stock, rng: np.random.Generator) -> None:
        self._blocks = blocks
        self._stock = stock
        self._rng = rng
        self._land = frozenset(blocks.land)
        # Some quarters are simply worse kept than others: a weight for each superblock.
        heat = {
            s: 0.6 + 2.6 * _cubed(rng.random()) for s in sorted(set(blocks.superblock.values()))
        }
        tags = blocks.ground.tags
        self._heat = {
            f: heat[blocks.superblock[f]] * (_OLD_TOWN if tags[f] == "old" else 1.0)
            for f in blocks.land
        }
        self._set_streets()
        self._set_buildings()
        self._set_water_and_blocks()
        self._landmarks = [
            _spot(turn(p), name, blocks.ground.face_at(turn(p)))
            for name, p in plan.landmarks.items()
        ]
        self._hot = _picker([0.4 + rng.random() for _ in self._landmarks])

    def spot(self, kind: str) -> Spot:
        """Draw one place of a kind."""
        if kind == "line":
            return self._on_line()
        if kind == "junction":
            return self._at_junction()
        if kind in ("front", "home"):
            return self._before_building(self._front if kind == "front" else self._home)
        if kind == "hot":
            return self._near_landmark()
        if kind == "water":
            return self._at_bank()
        return self._in_block(kind)

    def near(self, spot: Spot, most_m: float) -> Spot:
        """Draw a place on land within a square of `most_m` around another, with its address."""
        for _ in range(20):
            p = (spot.x + self._wander(most_m), spot.y + self._wander(most_m))
            block = self._block_at((p[0] - ORIGIN[0], p[1] - ORIGIN[1]), spot.block)
            if block >= 0:
                return Spot(*_cm(p), spot.address, block)
        return spot

    def _wander(self, most_m: float) -> float:
        """Draw a shift that is small more often than large."""
        return (self._rng.random() - self._rng.random()) * most_m

    def _set_streets(self) -> None:
        ground = self._blocks.ground
        self._edges = []
        weights = []
        meets: dict[int, list[str]] = {}
        for u, v, number in ground.edges():
            line = ground.lines[number]
            sides = [f for f in ground.sides(u, v) if f in self._land]
            if line.kind not in STREET_CLASSES or line.kind == "rail" or not sides:
                continue
            self._edges.append((u, v, line.name, sides[0]))
            heat = sum(self._heat[f] for f in sides) / len(sides)
            weights.append(distance(ground.points[u], ground.points[v]) * _BUSY[line.kind] * heat)
            for w in (u, v):
                if line.name and line.name not in meets.setdefault(w, []):
                    meets[w].append(line.name)
        self._edge = _picker(weights)
        self._crossings = [(w, a[0], a[1]) for w, a in sorted(meets.items()) if len(a) > 1]
        beside = {w: f for u, v, _, f in self._edges for w in (u, v)}
        self._beside = beside
        self._crossing = _picker([self._heat[beside[w]] for w, _, _ in self._crossings])

    def _set_buildings(self) -> None:
        frame = self._stock.frame
        heat = [self._heat[f] for f in self._stock.block]
        rows = list(zip(frame["households"].tolist(), frame["shops"].tolist(), heat, strict=True))
        self._front = _picker([(0.2 * h + 4 * s + 2) * w for h, s, w in rows])
        self._home = _picker([(h + 0.5) * w for h, _, w in rows])
        self._corners = shapely.get_coordinates(frame.geometry).reshape(-1, 5, 2)
        self._street_of = self._nearest_street()

    def _nearest_street(self) -> dict[int, str]:
        """Return for each block the name of the longest street along it."""
        best: dict[int, tuple[float, str]] = {}
        ground = self._blocks.ground
        for u, v, name, _ in self._edges:
            length = distance(ground.points[u], ground.points[v])
            for f in ground.sides(u, v):
                if name and length > best.get(f, (0.0, ""))[0]:
                    best[f] = (length, name)
        return {f: name for f, (_, name) in best.items()}

    def _set_water_and_blocks(self) -> None:
        ground = self._blocks.ground
        self._banks = [
            (u, v, next(f for f in ground.sides(u, v) if f in self._land), ground.lines[n].kind)
            for u, v, n in ground.edges()
            if ground.lines[n].kind in ("bank", "coast")
            and any(f in self._land for f in ground.sides(u, v))
        ]
        kinds = {"green": ("strip", "park"), "site": ("site",), "works": ("works", "port")}
        self._areas: dict[str, tuple[list[int], _Picker]] = {}
        for kind, tags in kinds.items():
            faces = [f for f in self._blocks.land if ground.tags[f] in tags] or self._blocks.land
            self._areas[kind] = (faces, _picker([ring_area(ground.ring(f)) for f in faces]))

    def _on_line(self) -> Spot:
        rng, ground = self._rng, self._blocks.ground
        u, v, name, block = self._edges[self._edge.draw(rng)]
        a, b, t = ground.points[u], ground.points[v], rng.random()
        where = (a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]))
        address = f"{name}{1 + int(rng.random() * 198)}号" if name else self._compound(block)
        return _spot(where, address, block)

    def _at_junction(self) -> Spot:
        vertex, a, b = self._crossings[self._crossing.draw(self._rng)]
        where = self._blocks.ground.points[vertex]
        return _spot(where, f"{a}与{b}路口", self._beside[vertex])

    def _before_building(self, picker: _Picker) -> Spot:
        rng = self._rng
        k = picker.draw(rng)
        corners = self._corners[k]
        side = int(rng.random() * 4)
        (ax, ay), (bx, by) = corners[side].tolist(), corners[side + 1].tolist()
        t, out = 0.1 + 0.8 * rng.random(), 0.5 + 4 * rng.random()
        length = distance((ax, ay), (bx, by))
        # the corners run clockwise or not: outward is away from the middle
        mx, my = corners[:4, 0].mean(), corners[:4, 1].mean()
        px, py = ax + t * (bx - ax), ay + t * (by - ay)
        nx, ny = (by - ay) / length, -(bx - ax) / length
        sign = 1.0 if (px - mx) * nx + (py - my) * ny > 0 else -1.0
        block = self._stock.block[k]
        address = self._compound(block, self._stock.number[k])
        return Spot(*_cm((px + sign * nx * out, py + sign * ny * out)), address, block)

    def _compound(self, block: int, number: int = 0) -> str:
        """Return an address off the street: the compound's building, or the nearest street."""
        name = self._blocks.compound.get(block)
        if name:
            house = "号" if self._blocks.ground.tags[block] == "village" else "号楼"
            return f"{name}{number}{house}" if number else f"{name}内"
        return f"{self._street_of.get(block, '无名路')}{2 * number + 1}号"

    def _near_landmark(self) -> Spot:
        middle = self._landmarks[self._hot.draw(self._rng)]
        sides = ("东侧", "西侧", "南门", "北门", "门口", "周边")
        there = self.near(middle, 130.0)
        side = sides[int(self._rng.random() * len(sides))]
        return Spot(there.x, there.y, middle.address + side, there.block)

    def _at_bank(self) -> Spot:
        u, v, block, kind = self._banks[int(self._rng.random() * len(self._banks))]
        ground = self._blocks.ground
        a, b, t = ground.points[u], ground.points[v], self._rng.random()
        where = (a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]))
        street = self._street_of.get(block, "")
        return _spot(where, f"{street}{'海边' if kind == 'coast' else '河边'}", block)

    def _in_block(self, kind: str) -> Spot:
        faces, picker = self._areas[kind]
        face = faces[picker.draw(self._rng)]
        ring = self._blocks.ground.ring(face)
        xs, ys = [p[0] for p in ring], [p[1] for p in ring]
        where = ring[0]
        for _ in range(30):
            p = (
                min(xs) + self._rng.random() * (max(xs) - min(xs)),
                min(ys) + self._rng.random() * (max(ys) - min(ys)),
            )
            if self._block_at(p, face) == face:
                where = p
                break
        words = {"green": "绿地", "site": "工地", "works": "厂区"}
        return _spot(where, f"{self._street_of.get(face, '')}{words[kind]}", face)

    def _block_at(self, where: Point, near: int) -> int:
        """Return the land block at a point among `near` and the blocks around it; -1 if none."""
        ground = self._blocks.ground
        ring = ground.faces[near] if near >= 0 else []
        around = {
            f for u, v in zip(ring, [*ring[1:], *ring[:1]], strict=True) for f in ground.sides(u, v)
        }
        for face in [near, *sorted(around - {near})]:
            if face in self._land and ring_contains(ground.ring(face), where):
                return face
        return -1


def _spot(where: Point, address: str, block: int) -> Spot:
    return Spot(*_cm((where[0] + ORIGIN[0], where[1] + ORIGIN[1])), address, block)


def _cm(p: Point) -> Point:
    return round(p[0], 2), round(p[1], 2)


def _cubed(t: float) -> float:
    return t * t * t
