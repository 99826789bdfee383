"""Buildings: rows that face south inside each block, and the households behind their windows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import shapely

from .planar import Point, distance, middle, ring_area
from .roads import Blocks, long_axis
from .terrain import CRS, ORIGIN, Plan, turn

__all__ = ["Stock", "build"]


@dataclass(frozen=True)
class Lot:
    """How a block is built over; lengths in metres.

    Attributes
    ----------
    use : str
        residential, shop, office, industrial, school or market.
    length, depth : float
        Of one building.
    gap, row : float
        Between two buildings of a row; from one row to the next.
    setback : float
        Least distance to the middle of the street.
    most : int
        Most buildings on one block.
    shops : int
        Shops in one building: on average for homes, exactly for the rest.
    """

    use: str
    length: float
    depth: float
    gap: float
    row: float
    setback: float
    most: int
    shops: int = 0


LOTS = {
    "houses": Lot("residential", 24, 11, 6, 18, 7.5, 8, 2),
    "old_slabs": Lot("residential", 36, 11, 8, 23, 8.5, 6, 2),
    "slabs": Lot("residential", 50, 14, 12, 32, 12, 6, 1),
    "towers": Lot("residential", 30, 19, 22, 45, 13, 5, 1),
    "school": Lot("school", 50, 14, 16, 40, 14, 4),
    "market": Lot("market", 32, 16, 8, 25, 9, 4, 18),
    "arcade": Lot("shop", 30, 14, 6, 36, 9, 6, 7),
    "office": Lot("office", 38, 26, 26, 56, 13, 3, 4),
    "sheds": Lot("industrial", 68, 32, 20, 54, 15, 6),
    "depots": Lot("industrial", 54, 24, 34, 70, 14, 3),
    "halls": Lot("office", 96, 58, 30, 96, 20, 2, 6),
    "huts": Lot("office", 22, 8, 40, 60, 15, 2),
}
# Quarter → (lot, share) in the order the lots are drawn.
_MIX: dict[str, tuple[tuple[str, float], ...]] = {
    "old": (("school", 0.03), ("arcade", 0.10), ("houses", 0.55), ("old_slabs", 0.32)),
    "new": (
        ("school", 0.03),
        ("office", 0.03),
        ("arcade", 0.03),
        ("towers", 0.38),
        ("slabs", 0.53),
    ),
    "estate": (
        ("school", 0.02),
        ("office", 0.02),
        ("arcade", 0.05),
        ("towers", 0.28),
        ("old_slabs", 0.46),
        ("houses", 0.17),
    ),
    "village": (("school", 0.01), ("arcade", 0.05), ("houses", 0.94)),
    "site": (("huts", 0.6), ("slabs", 0.4)),
    "works": (("office", 0.06), ("sheds", 0.94)),
    "port": (("office", 0.1), ("depots", 0.9)),
    "expo": (("halls", 1.0),),
}
# How a landmark's name ends → its lot.
_LANDMARK_LOTS = {"市场": "market", "小学": "school", "中学": "school"}
# Households on a hectare before the total is fitted; the rest of the quarters house nobody.
_PER_HA = {"old": 125.0, "new": 115.0, "estate": 150.0, "village": 60.0, "site": 45.0}


# Quarters of walled units that see to themselves: one owner, not to be divided among cells.
_OWN_GROUND = ("works", "port", "expo")


@dataclass(frozen=True)
class Stock:
    """All buildings, the block each stands on, and the households of each block."""

    frame: gpd.GeoDataFrame
    block: list[int]
    number: list[int]
    households: dict[int, int]


def build(plan: Plan, blocks: Blocks, rng: np.random.Generator) -> Stock:
    """Build every block over in its quarter's manner and settle the plan's households."""
    landmarks = _landmark_blocks(plan, blocks)
    homes: dict[int, list[int]] = {}
    weight: dict[int, int] = {}
    rows: list[tuple[shapely.Polygon, str, int, int, int]] = []
    for face in blocks.land:
        quarter = blocks.ground.tags[face]
        if quarter not in _MIX:
            continue
        ring = blocks.ground.ring(face)
        kind = _pick(quarter, rng.random())
        lot = LOTS[landmarks.get(face, kind)]
        shapes = _rectangles(ring, lot)
        if not shapes:
            lot = LOTS["houses" if quarter in _PER_HA else "huts"]
            shapes = _rectangles(ring, lot)
        for number, shape in enumerate(_thin(shapes, lot.most), 1):
            if lot.use == "residential":
                homes.setdefault(face, []).append(len(rows))
                shops = int(rng.random() * (2 * lot.shops + 1))
            else:
                shops = lot.shops
            rows.append((shape, lot.use, shops, face, number))
        if face in homes:
            per_ha = _PER_HA[quarter] * (0.75 + 0.5 * rng.random())
            weight[face] = round(ring_area(ring) / 100 * per_ha)
    stock = _stock(rows, _settle(plan.households, homes, weight))
    return _with_compounds(stock, blocks) if plan.compounds else stock


def _landmark_blocks(plan: Plan, blocks: Blocks) -> dict[int, str]:
    """Return the lot of each block that a market or school of the plan takes: the nearest fit."""
    rings = {f: blocks.ground.ring(f) for f in blocks.land if blocks.ground.tags[f] in _PER_HA}
    middles = {f: middle(ring) for f, ring in rings.items()}
    found: dict[int, str] = {}
    for name, point in plan.landmarks.items():
        lot = next((kind for word, kind in _LANDMARK_LOTS.items() if name.endswith(word)), None)
        if lot is None:
            continue
        where = turn(point)
        gap = {f: round(distance(here, where), 3) for f, here in middles.items()}
        near = sorted(gap, key=lambda f: (gap[f], f))
        found[next(f for f in near if f not in found and _rectangles(rings[f], LOTS[lot]))] = lot
    return found


def _pick(quarter: str, draw: float) -> str:
    for kind, share in _MIX[quarter]:
        if draw < share:
            return kind
        draw -= share
    return _MIX[quarter][-1][0]


def _rectangles(ring: list[Point], lot: Lot) -> list[shapely.Polygon]:
    """Return the rows of rectangles of one size that fit into a block, row by row."""
    axis, a0, a1, c0, c1 = _rows_axis(ring, lot)
    inner_a, inner_c = a1 - a0 - 2 * lot.setback, c1 - c0 - 2 * lot.setback
    n = max(1, math.floor((inner_a + lot.gap) / (lot.length + lot.gap)))
    m = max(1, math.floor((inner_c - lot.depth) / lot.row) + 1)
    start = (a0 + a1 - n * lot.length - (n - 1) * lot.gap) / 2
    top = (c0 + c1 - lot.depth - (m - 1) * lot.row) / 2
    corners = []
    for j in range(m):
        for i in range(n):
            a, c = start + i * (lot.length + lot.gap), top + j * lot.row
            box = ((a, c), (a + lot.length, c), (a + lot.length, c + lot.depth), (a, c + lot.depth))
            corners.append([_back(axis, p) for p in box])
    shapes = np.asarray(shapely.polygons(np.array(corners)))
    block = shapely.Polygon(ring)
    # a hair beside a round number, so that no last bit decides
    room = shapely.distance(shapes, block.exterior) > lot.setback - 2.003
    return list(shapes[room & shapely.contains_properly(block, shapes)])


def _rows_axis(ring: list[Point], lot: Lot) -> tuple[Point, float, float, float, float]:
    """Return the box around a block; homes stand in rows from west to east and look south."""
    (dx, dy), a0, a1, c0, c1 = long_axis(ring)
    if lot.use == "residential" and abs(dx) < abs(dy):
        return (-dy, dx), c0, c1, -a1, -a0
    return (dx, dy), a0, a1, c0, c1


def _back(axis: Point, p: Point) -> Point:
    """Return a point of a block's own axes in map axes, to 0.01 m."""
    (dx, dy), (a, c) = axis, p
    return round(dx * a - dy * c, 2), round(dy * a + dx * c, 2)


def _thin(shapes: list[shapely.Polygon], most: int) -> list[shapely.Polygon]:
    """Keep at most `most`, spread evenly over the block."""
    if len(shapes) <= most:
        return shapes
    return [shapes[i * len(shapes) // most] for i in range(most)]


def _settle(total: int, homes: dict[int, list[int]], weight: dict[int, int]) -> dict[int, int]:
    """Share `total` among blocks by weight, in whole households (largest remainders)."""
    whole = sum(weight[f] for f in homes)
    share = {f: weight[f] * total // whole for f in homes}
    rest = total - sum(share.values())
    by_remainder = sorted(homes, key=lambda f: (-(weight[f] * total % whole), f))
    for f in by_remainder[:rest]:
        share[f] += 1
    return share


def _stock(
    rows: list[tuple[shapely.Polygon, str, int, int, int]], households: dict[int, int]
) -> Stock:
    left = dict(households)
    count: dict[int, int] = {}
    for _, use, _, face, _ in rows:
        count[face] = count.get(face, 0) + (use == "residential")
    people = []
    for _, use, _, face, _ in rows:
        here = left[face] // count[face] if use == "residential" else 0
        if use == "residential":
            left[face] -= here
            count[face] -= 1
        people.append(here)
    geometry = shapely.transform(np.array([r[0] for r in rows]), _to_crs)
    frame = gpd.GeoDataFrame(
        {"use": [r[1] for r in rows], "households": people, "shops": [r[2] for r in rows]},
        geometry=geometry,
        crs=CRS,
    )
    return Stock(frame, [r[3] for r in rows], [r[4] for r in rows], households)


def _with_compounds(stock: Stock, blocks: Blocks) -> Stock:
    """Add ``compound`` and ``keep_whole``: works, port, fair and schools run their own ground."""
    tags = blocks.ground.tags
    own = {f for f in stock.block if tags[f] in _OWN_GROUND}
    schools = stock.frame["use"].eq("school").tolist()
    own |= {f for f, school in zip(stock.block, schools, strict=True) if school}
    frame = stock.frame.assign(
        compound=[blocks.compound.get(f, "") for f in stock.block],
        keep_whole=[f in own for f in stock.block],
    )
    columns = [c for c in frame.columns if c != "geometry"]
    return replace(stock, frame=frame[[*columns, "geometry"]])


def _to_crs(xy: np.ndarray) -> np.ndarray:
    moved: np.ndarray = np.round(xy + np.array(ORIGIN), 2)
    return moved
