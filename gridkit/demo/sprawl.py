"""A ground plan in the size of a whole district, laid out by rule: `zhifu`.

Rows and columns of main roads stand on a lattice that is bent as a whole: by the coast and the
south border, by slow waves, and by a turn around the old town. Everything that is drawn (borders,
coast, river, roads) passes through the same bend, so nothing crosses that should not. Minor roads
divide each cell of the lattice on their own, so that most of them end in T-junctions. Arithmetic
is plain and the draws come from one fixed stream: the plan is the same on every machine.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from . import words
from .terrain import Plan, Road

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .planar import Point

__all__ = ["Layout", "lay_out"]

# Fixed: another seed of the city redraws its side streets and people, not this ground plan.
_STREAM = 2013
# The river's course and the roads along it, as shares of the width and metres from its middle.
_RIVER_AT = 0.43
_BANK_ROAD_M = 118.0
_COAST_M = (130.0, 420.0)
_BEND_M = ((2_700.0, 300.0), (1_050.0, 70.0))
# The old town, by the river's mouth: where, and how far its streets are turned (tangent).
_OLD = (0.505, 0.875)
_TURN = 0.42
_PAST_M = 45.0


@dataclass(frozen=True)
class Layout:
    """How large a plan is and what is counted in it.

    Attributes
    ----------
    width_m, height_m : float
        About how far the district reaches from west to east and from its south border to the coast.
    columns, rows : int
        How many strips the main roads leave, from west to east and from south to north.
    offices : int
        Street offices (街道).
    communities, households, cells, reports : int
        As in `Plan`.
    """

    width_m: float
    height_m: float
    columns: int
    rows: int
    offices: int
    communities: int
    households: int
    cells: int
    reports: int


class _Bend:
    """The lattice's bend: from shares (east, north) of the district to metres."""

    def __init__(self, layout: Layout, rng: np.random.Generator) -> None:
        self._layout = layout
        self._south = _Waves(rng, 3_000.0)
        self._coast = _Waves(rng, 2_400.0)
        self._fine_coast = _Waves(rng, 800.0)
        self._fields = [(_Waves(rng, step), _Waves(rng, step), most) for step, most in _BEND_M]
        self._middle = self._waved(*_OLD)

    def at(self, x: float, t: float) -> Point:
        """Return the point at a share of the width and of the height."""
        u, v = self._waved(x, t)
        du, dv = u - self._middle[0], v - self._middle[1]
        reach = self._layout.width_m / 10
        fade = 1 + (du * du + dv * dv) / (reach * reach)
        k = _TURN / (fade * fade)
        return u - k * dv - self._layout.width_m * 0.45, v + k * du

    def shore(self, x: float) -> Point:
        """Return the water's edge, north of the coast road (the lattice's last row)."""
        u, v = self.at(x, 1.0)
        low, high = _COAST_M
        out = self._fine_coast.at(x * self._layout.width_m, 0.0)
        bay = self._coast.at(x * self._layout.width_m, 9_000.0)
        return u, v + low + (high - low) * (0.5 + 0.28 * out + 0.22 * bay)

    def _waved(self, x: float, t: float) -> Point:
        layout = self._layout
        u0 = x * layout.width_m
        south = 380 * self._south.at(u0, 0.0)
        north = layout.height_m * (1 + 0.085 * self._coast.at(u0, 0.0))
        v0 = south + t * (north - south)
        u, v = u0, v0
        for east, up, most in self._fields:
            u += most * east.at(u0, v0)
            v += most * up.at(u0, v0)
        return u, v


class _Waves:
    """Smooth noise between -1 and 1: values on a lattice, eased in between."""

    def __init__(self, rng: np.random.Generator, step_m: float) -> None:
        self._step = step_m
        self._values = [[2 * rng.random() - 1 for _ in range(64)] for _ in range(64)]

    def at(self, u: float, v: float) -> float:
        """Return the value at a point in metres."""
        x, y = u / self._step + 8, v / self._step + 8
        i, j = int(x), int(y)
        s, t = _ease(x - i), _ease(y - j)
        low, high = self._values[j % 64], self._values[(j + 1) % 64]
        a = low[i % 64] + s * (low[(i + 1) % 64] - low[i % 64])
        b = high[i % 64] + s * (high[(i + 1) % 64] - high[i % 64])
        return a + t * (b - a)


def _ease(t: float) -> float:
    return t * t * (3 - 2 * t)


@dataclass
class _Draft:
    """The plan while it is drawn."""

    layout: Layout
    bend: _Bend
    rng: np.random.Generator
    names: Iterator[str]
    columns: list[float]
    rows: list[float]
    roads: list[Road] = field(default_factory=list)
    quarters: list[tuple[float, float, str]] = field(default_factory=list)

    def road(
        self, kind: str, name: str, shares: list[tuple[float, float]], *, bridge: bool = False
    ) -> None:
        """Add a road through points given as shares."""
        points = tuple(self.bend.at(x, t) for x, t in shares)
        self.roads.append(Road(kind, name, points, bridge))


def lay_out(layout: Layout) -> Plan:
    """Return the ground plan of a layout; the same layout gives the same plan."""
    rng = np.random.Generator(np.random.PCG64(_STREAM))
    bend = _Bend(layout, rng)
    gap = 2 * _BANK_ROAD_M / layout.width_m
    columns = _columns(layout, gap, rng)
    rows = _spread(layout.rows, rng)
    draft = _Draft(layout, bend, rng, _road_names(rng), columns, rows)
    _main_roads(draft)
    _minor_roads(draft, _Waves(rng, 1_400.0))
    _harbour(draft)
    west = tuple(bend.at(0.0, t) for t in _steps(1.0, 0.0, 9))
    south = tuple(bend.at(x, 0.0) for x in _steps(0.0, 1.0, 19))
    east = tuple(bend.at(1.0, t) for t in _steps(0.0, 1.0, 9))
    first, last = bend.shore(0.0), bend.shore(1.0)
    up = 1 / layout.height_m
    return Plan(
        west=((first[0], first[1] + 60), *west),
        south=south,
        east=(*east, (last[0], last[1] + 60)),
        coast=_coast(draft),
        river=tuple(
            bend.at(_meander(_RIVER_AT, t), t) for t in _steps(-250 * up, 1 + 800 * up, 19)
        ),
        river_name="清泉河",
        river_half_m=(22, 58),
        roads=tuple(draft.roads),
        quarters=tuple(draft.quarters),
        sea_m=1.2 * layout.width_m,
        streets=_offices(draft),
        communities=layout.communities,
        households=layout.households,
        cells=layout.cells,
        reports=layout.reports,
        landmarks=_landmarks(draft),
        holds={"民警": (40, 60), "机关干部": (20, 30), "保洁员": (6, 9), "志愿者": (3, 4)},
        compounds=True,
    )


def _steps(start: float, stop: float, n: int) -> list[float]:
    """Return `n` evenly spaced shares, both ends with them."""
    return [start + (stop - start) * i / (n - 1) for i in range(n)]


def _spread(n: int, rng: np.random.Generator) -> list[float]:
    """Return the borders of `n` strips of unlike width: 0, …, 1."""
    widths = [0.78 + 0.44 * rng.random() for _ in range(n)]
    ends = [0.0, *itertools.accumulate(widths)]
    return [end / ends[-1] for end in ends]


def _columns(layout: Layout, gap: float, rng: np.random.Generator) -> list[float]:
    """Return the borders of the columns: strips on both sides of the river's own."""
    west = max(1, round(layout.columns * _RIVER_AT))
    left, right = _spread(west, rng), _spread(layout.columns - west, rng)
    low, high = _RIVER_AT - gap / 2, _RIVER_AT + gap / 2
    return [low * x for x in left] + [high + (1 - high) * x for x in right]


def _river_column(draft: _Draft) -> int:
    return next(i for i, x in enumerate(draft.columns) if x > _RIVER_AT) - 1


def _meander(x: float, t: float) -> float:
    """Return a share of the width, carried along by the river's windings when it is near."""
    near = max(0.0, 1 - 3 * abs(x - _RIVER_AT))
    sway = 2.2 * t * (1 - t) * (t - 0.35)
    return x + near * 0.14 * sway


def _along(xs: list[float], t: float) -> list[tuple[float, float]]:
    return [(_meander(x, t), t) for x in xs]


def _road_names(rng: np.random.Generator) -> Iterator[str]:
    known = {*words.ROAD_WORDS, *words.LANE_WORDS, *words.MAIN_WORDS}
    pairs = [a + b for a in words.AVENUE_FIRST for b in words.AVENUE_SECOND]
    return words.names_of(rng, [p for p in pairs if p not in known], [""])


def _main_roads(draft: _Draft) -> None:
    """Draw the rows and columns, the coast road, the roads along the river and the railway."""
    layout = draft.layout
    names = iter(words.MAIN_WORDS)
    xs = _steps(-250 / layout.width_m, 1 + 250 / layout.width_m, 5 * layout.columns // 2 + 2)
    for j, t in enumerate(draft.rows[1:], 1):
        coast = j == layout.rows
        kind = "primary" if coast or j % 2 == 0 else "secondary"
        name = "滨海大道" if coast else next(names) + "路"
        draft.road(kind, name, _along(xs, t), bridge=kind == "primary" or j % 4 == 1)
    river = _river_column(draft)
    for i, x in enumerate(draft.columns[1:-1], 1):
        kind, name = "primary" if i % 3 == 0 else "secondary", ""
        if i in (river, river + 1):
            kind, name = "tertiary", "滨河西路" if i == river else "滨河东路"
        past = (700 if kind == "primary" else _PAST_M) / layout.height_m
        ts = _steps(-250 / layout.height_m, 1 + past, 5 * layout.rows // 2 + 2)
        draft.road(kind, name or next(names) + "街", [(_meander(x, t), t) for t in ts])
    rail = draft.rows[(layout.rows + 1) // 2] + 80 / layout.height_m
    start = draft.columns[river + 1] + 0.3 * (1 - draft.columns[river + 1])
    xs = _steps(start, 1 + 250 / layout.width_m, 24)
    draft.road("rail", "临海铁路支线", _along(xs, rail))


def _minor_roads(draft: _Draft, waves: _Waves) -> None:
    """Divide each cell of the lattice by roads of its own, and say what its quarters are."""
    river = _river_column(draft)
    for i, (west, east) in enumerate(itertools.pairwise(draft.columns)):
        for south, north in itertools.pairwise(draft.rows):
            if i == river:
                _quarter(draft, (west + east) / 2, (south + north) / 2, "park")
                continue
            if _zone(draft, waves, (west + east) / 2, (south + north) / 2) == "hill":
                _quarter(draft, (west + east) / 2, (south + north) / 2, "hill")
                continue
            _divide(draft, waves, (west, east), (south, north))


def _divide(
    draft: _Draft, waves: _Waves, across: tuple[float, float], up: tuple[float, float]
) -> None:
    """Run a road through a cell from south to north, and one through each half of it."""
    rng, layout = draft.rng, draft.layout
    (west, east), (south, north) = across, up
    past_x, past_t = _PAST_M / layout.width_m, _PAST_M / layout.height_m
    x = west + (east - west) * (0.38 + 0.24 * rng.random())
    ts = _steps(south - past_t, north + past_t, 4)
    draft.road("tertiary", next(draft.names) + "街", [(_meander(x, t), t) for t in ts])
    left, right = (south + (north - south) * (0.36 + 0.28 * rng.random()) for _ in range(2))
    if abs(left - right) * layout.height_m < 60:
        # nearly in line: one road through both halves, no near miss
        right = left
        xs = _steps(west - past_x, east + past_x, 5)
        draft.road("tertiary", next(draft.names) + "路", _along(xs, left))
    else:
        for low, high, t in ((west, x, left), (x, east, right)):
            xs = _steps(low - past_x, high + past_x, 4)
            draft.road("tertiary", next(draft.names) + "路", _along(xs, t))
    for low, high, t in ((west, x, left), (x, east, right)):
        for below, above in ((south, t), (t, north)):
            here = ((low + high) / 2, (below + above) / 2)
            _quarter(draft, *here, _zone(draft, waves, *here))


def _quarter(draft: _Draft, x: float, t: float, kind: str) -> None:
    draft.quarters.append((*draft.bend.at(_meander(x, t), t), kind))


def _zone(draft: _Draft, waves: _Waves, x: float, t: float) -> str:
    """Return what kind of quarter lies at a place."""
    rough = waves.at(x * draft.layout.width_m, t * draft.layout.height_m)

    def off(x0: float, t0: float, along: float, up: float) -> float:
        """Return how far the place is from another, 1 on an ellipse around that."""
        a, b = (x - x0) / along, (t - t0) / up
        return a * a + b * b

    draw = draft.rng.random()
    outer = t < 0.36 + 0.1 * rough or x < 0.1 or x > 0.93
    rules = (
        (t < 0.12 + 0.13 * rough + (0.05 if x > 0.55 else 0.0), "hill"),
        (off(0.67, 0.43, 0.053, 0.09) < 1, "hill"),
        (off(*_OLD, 0.079, 0.118) < 1 + 0.3 * rough, "old"),
        (off(0.23, 0.9, 0.037, 0.063) < 1, "expo"),
        (0.6 < x < 0.7 and t > 0.92, "port"),
        (0.6 < x < 0.72 and t > 0.84, "works"),
        (x > 0.79 and 0.4 < t < 0.7 + 0.1 * rough, "works"),
        (x < 0.16 and 0.26 < t < 0.48, "works"),
        (draw < 0.035, "park"),
        (draw < 0.085, "site"),
        (outer and draw < 0.62, "village"),
        (x < 0.31 and t > 0.5 + 0.12 * rough, "new"),
        (x > 0.74 and t > 0.72, "new"),
    )
    return next((kind for holds, kind in rules if holds), "estate")


def _harbour(draft: _Draft) -> None:
    """Let the port reach the water; elsewhere the green along the coast does."""
    height = draft.layout.height_m
    for x in _steps(0.61, 0.69, 5):
        draft.quarters.append((*draft.bend.at(x, 1 + 200 / height), "port"))


def _coast(draft: _Draft) -> tuple[tuple[Point, ...], ...]:
    """Return the coast from west to east: curves, and the straight sides of the port's piers."""
    n = max(9, round(draft.layout.width_m / 310))
    shore = [draft.bend.shore(x) for x in _steps(0.0, 1.0, n)]
    shore = [(shore[0][0] - 260, shore[0][1]), *shore, (shore[-1][0] + 260, shore[-1][1])]
    parts: list[tuple[Point, ...]] = []
    for x in _steps(0.648 - 430 / draft.layout.width_m, 0.648 + 430 / draft.layout.width_m, 3):
        u, v = draft.bend.shore(x)
        before = [p for p in shore if p[0] < u - 130]
        shore = [p for p in shore if p[0] > u + 130]
        parts += [
            (*before, (u - 45, v)),
            ((u - 45, v + 30), (u - 45, v + 420)),
            ((u + 45, v + 420), (u + 45, v + 30)),
        ]
        shore.insert(0, (u + 45, v))
    return (*parts, tuple(shore))


def _offices(draft: _Draft) -> tuple[tuple[str, Point], ...]:
    """Return the street offices: a name and a place each, in rows over the whole district."""
    n = draft.layout.offices
    deep = max(1, round((n * draft.layout.height_m / draft.layout.width_m) ** 0.5))
    wide = -(-n // deep)
    places = [((k % wide + 0.5) / wide, (k // wide + 0.5) / deep) for k in range(n)]
    names = [word + "街道" for word in words.OFFICE_WORDS[:n]]
    return tuple((name, draft.bend.at(*place)) for name, place in zip(names, places, strict=True))


def _landmarks(draft: _Draft) -> dict[str, Point]:
    """Return what draws people: a market and two schools for each street office, and more."""
    found = {
        "火车站": draft.bend.at(0.575, 0.66),
        "海港客运站": draft.bend.at(0.62, 0.985),
        "人民医院": draft.bend.at(0.53, 0.74),
        "会展中心": draft.bend.at(0.23, 0.9),
        "滨海夜市": draft.bend.at(0.3, 0.99),
        "老城步行街": draft.bend.at(*_OLD),
    }
    for name, (u, v) in _offices(draft):
        found[f"{name[:2]}农贸市场"] = (u + 90, v - 60)
        found[f"{name[:2]}中心小学"] = (u - 260, v + 130)
        found[f"{name[:2]}中学"] = (u + 310, v + 290)
    return found
