"""Communities and streets (街道): blocks between main roads, merged until the numbers are right.

Borders follow main roads, the railway and the river: a group never crosses the river, and crosses
the wider road last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from . import words
from .planar import Point, distance, middle, ring_area
from .terrain import CRS, ORIGIN, Plan, turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from .roads import Blocks

__all__ = ["DISTRICT_CODE", "DISTRICT_NAME", "Places", "merged", "name_places"]

# A made district: no such code is in use under Yantai (3706xx).
DISTRICT_CODE = "370699"
DISTRICT_NAME = "临海区"
# How willingly two groups merge across a metre of each kind of border.
_JOINS = {"primary": 0.3, "secondary": 0.8, "tertiary": 1.6, "residential": 2.0, "rail": 0.25}


@dataclass(frozen=True)
class Places:
    """The communities with their polygons, and the community of each block."""

    frame: gpd.GeoDataFrame
    of_block: dict[int, str]


def name_places(
    plan: Plan, blocks: Blocks, households: dict[int, int], rng: np.random.Generator
) -> Places:
    """Merge blocks into communities and streets of like weight, and name and number them."""
    weight: dict[int, float] = {}
    for face in blocks.land:
        root = blocks.superblock[face]
        hectares = ring_area(blocks.ground.ring(face)) / 10_000
        weight[root] = weight.get(root, 0.0) + households.get(face, 0) + 12 * hectares
    borders = _borders(blocks)
    community = _merge(weight, borders, plan.communities)
    street = _merge(weight, borders, len(plan.streets), community)
    members: dict[int, list[int]] = {}
    for face in blocks.land:
        members.setdefault(community[blocks.superblock[face]], []).append(face)
    order = _order(blocks, members, street)
    names = _names(blocks, members, order, rng)
    codes = _codes(plan, blocks, members, order, street)
    geometry = [merged(blocks, members[g]) for g in order]
    frame = gpd.GeoDataFrame(
        {
            "community_code": [codes[g][0] for g in order],
            "name": [names[g] for g in order],
            "street_code": [codes[g][1] for g in order],
            "street_name": [codes[g][2] for g in order],
        },
        geometry=geometry,
        crs=CRS,
    )
    of_block = {f: codes[g][0] for g, faces in members.items() for f in faces}
    return Places(frame, of_block)


def _borders(blocks: Blocks) -> dict[tuple[int, int], float]:
    """Return how willingly two superblocks merge: shared border, weighed by the road along it."""
    ground = blocks.ground
    borders: dict[tuple[int, int], float] = {}
    land = set(blocks.land)
    for u, v, number in ground.edges():
        a, b = ground.sides(u, v)
        if a in land and b in land and blocks.superblock[a] != blocks.superblock[b]:
            pair = sorted((blocks.superblock[a], blocks.superblock[b]))
            length = distance(ground.points[u], ground.points[v])
            key = (pair[0], pair[1])
            borders[key] = borders.get(key, 0.0) + length * _JOINS[ground.lines[number].kind]
    return borders


def _merge(
    weight: dict[int, float],
    borders: dict[tuple[int, int], float],
    into: int,
    start: dict[int, int] | None = None,
) -> dict[int, int]:
    """Merge the lightest group into a light, close neighbour until `into` groups are left."""
    group = dict(start or {s: s for s in weight})
    while len(set(group.values())) > into:
        load: dict[int, float] = {}
        for s, g in group.items():
            load[g] = load.get(g, 0.0) + weight[s]
        joins: dict[int, dict[int, float]] = {g: {} for g in load}
        for (a, b), ease in borders.items():
            g, h = group[a], group[b]
            if g != h:
                joins[g][h] = joins[g].get(h, 0.0) + ease
                joins[h][g] = joins[h].get(g, 0.0) + ease
        if not any(joins.values()):
            # only the river is left between them: one street office on both banks
            joins = {g: {h: 1.0 for h in load if h != g} for g in load}
        light = min((g for g in load if joins[g]), key=lambda g: (round(load[g], 3), g))
        near = joins[light]
        best = max(near, key=_appeal(near, load, light, sum(load.values()) / into))
        group = {s: best if g == light else g for s, g in group.items()}
    return group


def _appeal(
    near: dict[int, float], load: dict[int, float], light: int, fair: float
) -> Callable[[int], tuple[float, int]]:
    """Return how welcome a neighbour is: by the border, until the two exceed a fair share."""

    def appeal(other: int) -> tuple[float, int]:
        excess = max(1.0, (load[light] + load[other]) / fair)
        return round(near[other] / (excess * excess), 6), -other

    return appeal


def _order(blocks: Blocks, members: dict[int, list[int]], street: dict[int, int]) -> list[int]:
    """Return communities by street from west to east, then from west to east inside the street."""
    centre = {g: _centre(blocks, faces)[0] for g, faces in members.items()}
    upper: dict[int, list[float]] = {}
    for g in members:
        upper.setdefault(street[g], []).append(centre[g])
    mean = {s: round(sum(xs) / len(xs), 2) for s, xs in upper.items()}
    return sorted(members, key=lambda g: (mean[street[g]], street[g], round(centre[g], 2), g))


def _codes(
    plan: Plan,
    blocks: Blocks,
    members: dict[int, list[int]],
    order: list[int],
    street: dict[int, int],
) -> dict[int, tuple[str, str, str]]:
    """Return community code, street code and street name of each community.

    A street takes the plan's name that is nearest to it and not yet taken.
    """
    free = {name: turn(where) for name, where in plan.streets}
    named: dict[int, tuple[str, str]] = {}
    numbers: dict[int, int] = {}
    codes: dict[int, tuple[str, str, str]] = {}
    for group in order:
        upper = street[group]
        if upper not in named:
            faces = [f for g in order if street[g] == upper for f in members[g]]
            here = _centre(blocks, faces)
            name = min(free, key=lambda n: distance(free[n], here))
            del free[name]
            named[upper] = (f"{DISTRICT_CODE}{len(named) + 1:03d}", name)
        numbers[upper] = numbers.get(upper, 0) + 1
        code, name = named[upper]
        codes[group] = (f"{code}{numbers[upper]:03d}", code, name)
    return codes


def _centre(blocks: Blocks, faces: list[int]) -> Point:
    """Return the middle of some blocks, weighed by area."""
    total = x = y = 0.0
    for face in faces:
        ring = blocks.ground.ring(face)
        area = ring_area(ring)
        total += area
        here = middle(ring)
        x, y = x + area * here[0], y + area * here[1]
    return x / total, y / total


def _names(
    blocks: Blocks, members: dict[int, list[int]], order: list[int], rng: np.random.Generator
) -> dict[int, str]:
    """Name each community after the longest street inside it; after a wish where there is none."""
    spare = words.names_of(rng, words.COMMUNITY_WORDS, ["社区", "苑社区"], "{word}第{n}{kind}")
    ground = blocks.ground
    of = {f: g for g, faces in members.items() for f in faces}
    inside: dict[int, dict[str, float]] = {g: {} for g in members}
    for u, v, number in ground.edges():
        line = ground.lines[number]
        a, b = ground.sides(u, v)
        if line.kind in ("tertiary", "residential") and line.name and of.get(a) == of.get(b, -1):
            lengths = inside[of[a]]
            word = line.name if line.name.endswith("大街") else line.name.rstrip("路街")
            lengths[word] = lengths.get(word, 0.0) + distance(ground.points[u], ground.points[v])
    names: dict[int, str] = {}
    for g in order:
        free = {
            w: round(m, 2)
            for w, m in inside[g].items()
            if len(w) <= 3 and f"{w}社区" not in names.values()
        }
        named = f"{max(free, key=lambda w: (len(w) == 2, free[w], w))}社区" if free else ""
        while not named or named in names.values():
            named = next(spare)
        names[g] = named
    return names


def merged(blocks: Blocks, faces: list[int]) -> shapely.Geometry:
    """Return the union of blocks, every shared vertex kept, in the working CRS."""
    rings = [np.round(np.array(blocks.ground.ring(f)) + np.array(ORIGIN), 2) for f in faces]
    whole = shapely.coverage_union_all([shapely.Polygon(r) for r in rings])
    return shapely.normalize(whole)
