"""The ground plans: outline, coast, river, main roads and the character of each quarter.

Everything stands in a plan's own axes (u east, v north, metres) and is turned a little when it
is drawn, since no real coast runs along the axes of a map sheet. The sea side is drawn by hand:
bays, a headland, and for the larger plan the piers of a port.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .planar import Line, PlanarMap, Point, distance, middle, smooth

if TYPE_CHECKING:
    import numpy as np

__all__ = ["CRS", "ORIGIN", "Plan", "Road", "draw_ground", "offset", "turn"]

CRS = "EPSG:4549"
# Where (u, v) = (0, 0) lies: whole metres east and north in the working CRS.
ORIGIN = (621_100.0, 4_156_300.0)
# cos and sin of the turn as exact fractions: no trigonometry, the same on every machine.
_TURN = (40 / 41, 9 / 41)
# Quarters that reach the water; every other face at the water is the green along it.
_WATERFRONT = ("port", "park")
# The shore beyond the district, going outwards: shares of `sea_m` along it and off it, so that on
# no screen the sea ends in a straight edge beside the district.
_SHORE = ((0.0, 0.005), (0.08, 0.012), (0.25, -0.02), (0.5, 0.015), (0.75, -0.01), (1.0, 0.0))


@dataclass(frozen=True)
class Road:
    """A main road: class, name, control points, and whether it bridges the river."""

    road_class: str
    name: str
    points: tuple[Point, ...]
    bridge: bool = False


@dataclass(frozen=True)
class Plan:
    """A ground plan, and how many people live in it."""

    west: tuple[Point, ...]
    south: tuple[Point, ...]
    east: tuple[Point, ...]
    coast: tuple[tuple[Point, ...], ...]
    river: tuple[Point, ...]
    river_name: str
    river_half_m: tuple[float, float]
    roads: tuple[Road, ...]
    quarters: tuple[tuple[float, float, str], ...]
    sea_m: float
    streets: tuple[tuple[str, Point], ...]
    communities: int
    households: int
    cells: int
    reports: int
    landmarks: dict[str, Point] = field(default_factory=dict)
    # Role → how many cells one person holds, from … to.
    holds: dict[str, tuple[int, int]] = field(
        default_factory=lambda: {
            "民警": (12, 20), "机关干部": (10, 15), "保洁员": (2, 3), "志愿者": (1, 1),
        }
    )  # fmt: skip
    # Whether buildings say which compound they stand in; the samples are without, and stay so.
    compounds: bool = False

    @property
    def per_cell(self) -> int:
        """Households of one cell."""
        return self.households // self.cells


def turn(point: Point) -> Point:
    """Return a plan's point in map axes, still relative to the origin."""
    u, v = point
    c, s = _TURN
    return u * c + v * s, v * c - u * s


def offset(path: list[Point], left_m: tuple[float, float]) -> list[Point]:
    """Return `path` moved to its left, by `left_m` at the start growing to that at the end."""
    moved = []
    last = len(path) - 1
    for i, (x, y) in enumerate(path):
        ax, ay = path[max(i - 1, 0)]
        bx, by = path[min(i + 1, last)]
        dx, dy = bx - ax, by - ay
        length = distance((ax, ay), (bx, by))
        gap = left_m[0] + (left_m[1] - left_m[0]) * i / last
        moved.append((x - dy / length * gap, y + dx / length * gap))
    return moved


def draw_ground(plan: Plan, rng: np.random.Generator) -> PlanarMap:
    """Return the map with sea, river, main roads and quarters; face tags say which is which.

    Tags are ``sea``, ``river``, ``strip`` (the green between water and the road along it) and the
    quarters ``old``, ``new``, ``site``, ``works``, ``port``, ``expo``, ``park``.
    """
    ground = _outline(plan)
    _coast(plan, ground)
    river = [turn(p) for p in smooth(list(plan.river))]
    for side in (1.0, -1.0):
        bank = offset(river, (side * plan.river_half_m[0], side * plan.river_half_m[1]))
        ground.cut(bank, Line("bank"))
    ground.tags[ground.face_at(river[len(river) // 2])] = "river"
    dry = frozenset({"sea"})
    for road in plan.roads:
        path = [turn(p) for p in smooth(_sway(road, rng))]
        wet = frozenset() if road.bridge else frozenset({"river"})
        ground.cut(path, Line(road.road_class, road.name), skip=dry | wet)
    _name_quarters(plan, ground)
    return ground


def _outline(plan: Plan) -> PlanarMap:
    """Return the map's first face: the land's sides and the sea in front of the coast."""
    sides: list[Point] = []
    lines: list[Line] = []
    for points, line in (
        (plan.west, Line("border")),
        (plan.south, Line("border")),
        (plan.east, Line("border")),
    ):
        curve = smooth(list(points))[:-1]
        sides += curve
        lines += [line] * len(curve)
    sea = [plan.east[-1], *_open_sea(plan)]
    return PlanarMap([turn(p) for p in sides + sea], lines + [Line("border")] * len(sea))


def _open_sea(plan: Plan) -> list[Point]:
    """Return the shore beyond the east border, the far sea, the shore back to the west border."""
    top = max(v for part in plan.coast for _, v in part) + plan.sea_m
    east, west = (plan.east[-1][0], plan.coast[-1][-1][1]), (plan.west[0][0], plan.coast[0][0][1])
    right = [(east[0] + a * plan.sea_m, east[1] + b * plan.sea_m) for a, b in _SHORE]
    left = [(west[0] - a * plan.sea_m, west[1] + b * plan.sea_m) for a, b in _SHORE]
    return [*right, (right[-1][0], top), (left[-1][0], top), *left[::-1]]


def _coast(plan: Plan, ground: PlanarMap) -> None:
    """Cut the land from the sea: curved shore, straight quays where a part has only two points."""
    path: list[Point] = []
    for part in plan.coast:
        path += smooth(list(part)) if len(part) > 2 else list(part)
    ground.cut([turn(p) for p in path], Line("coast"))
    top = max(ground.faces, key=lambda f: max(y for _, y in ground.ring(f)))
    ground.tags[top] = "sea"


def _sway(road: Road, rng: np.random.Generator) -> list[Point]:
    """Move the inner control points of a road a little: another seed, another city."""
    inner = [
        (u + (rng.random() - 0.5) * 24, v + (rng.random() - 0.5) * 24) for u, v in road.points[1:-1]
    ]
    return [road.points[0], *inner, road.points[-1]]


def _name_quarters(plan: Plan, ground: PlanarMap) -> None:
    seeds = [(*turn((u, v)), kind) for u, v, kind in plan.quarters]
    for face in ground.faces:
        if not ground.tags[face]:
            x, y = middle(ground.ring(face))
            nearest = min(seeds, key=lambda s: distance((s[0], s[1]), (x, y)))[2]
            green = nearest not in _WATERFRONT and _touches_water(ground, face)
            ground.tags[face] = "strip" if green else nearest


def _touches_water(ground: PlanarMap, face: int) -> bool:
    ring = ground.faces[face]
    return any(
        ground.tags.get(side) in ("sea", "river")
        for u, v in zip(ring, [*ring[1:], ring[0]], strict=True)
        for side in ground.sides(u, v)
    )
