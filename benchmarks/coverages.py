"""Made coverages and points for the benches and proofs of the locator.

A coverage is a bent lattice: its nodes are shaken, and every edge between two nodes is a crooked
line of 3 to 14 vertices which both its cells share to the last bit. So a cell has 16 to 60
vertices, no two cells overlap and no gap is left. The points lie where reports lie: along the
streets, which are the borders, more in some places than in others.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Shapes = NDArray[np.object_]

CRS = 4549
ORIGIN = (500_000.3, 4_150_000.7)
SHAKE = 0.15  # of a cell: how far a node moves
CROOK = 0.3  # slope that a crooked line keeps to; with SHAKE it rules crossings out


@dataclass(frozen=True)
class Coverage:
    """Polygons, and the lines between them: line k is ``xy[start[k]:start[k + 1]]``."""

    shapes: Shapes
    xy: Floats
    start: Ints

    def cells(self, order: Ints | None = None) -> gpd.GeoDataFrame:
        """Return the cells as a table, in the order given."""
        codes = np.array([f"c{k:07d}" for k in range(len(self.shapes))], dtype=object)
        order = np.arange(len(codes)) if order is None else order
        return gpd.GeoDataFrame({"cell_code": codes[order]}, geometry=self.shapes[order], crs=CRS)


def spread(count: Ints) -> tuple[Ints, Ints]:
    """Return each index as often as its count says, and the running number in it."""
    index = np.repeat(np.arange(len(count)), count)
    return index, np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)


def bent_lattice(
    cells: int,
    *,
    seed: int = 0,
    size_m: float = 200.0,
    origin: tuple[float, float] = ORIGIN,
    bends: tuple[int, int] = (3, 14),
) -> Coverage:
    """Return a coverage of so many cells, each about `size_m` wide."""
    rng = np.random.default_rng(seed)
    ny = max(1, int(np.sqrt(cells * 0.8)))
    nx = -(-cells // ny)
    j, i = np.meshgrid(np.arange(nx + 1), np.arange(ny + 1))
    nodes = np.stack([j, i], axis=-1) + rng.uniform(-SHAKE, SHAKE, (ny + 1, nx + 1, 2))
    level = np.stack([nodes[:, :-1], nodes[:, 1:]], axis=2).reshape(-1, 2, 2)
    steep = np.stack([nodes[:-1], nodes[1:]], axis=2).reshape(-1, 2, 2)
    xy, start = crooked(np.concatenate([level, steep]), rng, bends)
    xy = xy * size_m + np.asarray(origin)
    k = np.arange(cells)
    south = (k // nx) * nx + k % nx
    west = len(level) + (k // nx) * (nx + 1) + k % nx
    line = np.stack([south, west + 1, south + nx, west], axis=1)
    return Coverage(polygons_of(xy, start, line), xy, start)


def crooked(ends: Floats, rng: np.random.Generator, bends: tuple[int, int]) -> tuple[Floats, Ints]:
    """Return lines from a to b with a few vertices between, each line the same way round."""
    inner = rng.integers(bends[0], bends[1] + 1, len(ends))
    line, nth = spread(inner + 2)
    last = nth == inner[line] + 1
    t = (nth + rng.uniform(-0.3, 0.3, len(nth))) / (inner[line] + 1)
    t[nth == 0], t[last] = 0.0, 1.0
    aside = CROOK * np.minimum(t, 1 - t) * rng.uniform(-1, 1, len(t))
    a, along = ends[line, 0], (ends[:, 1] - ends[:, 0])[line]
    xy = a + t[:, None] * along + aside[:, None] * along[:, ::-1] * [-1, 1]
    xy[last] = ends[line[last], 1]
    return xy, np.r_[0, np.cumsum(inner + 2)]


def polygons_of(xy: Floats, start: Ints, line: Ints) -> Shapes:
    """Return polygons whose rings go along two lines and back along the other two."""
    side = line.ravel()
    back = np.tile([False, False, True, True], len(line))
    size = np.diff(start)[side] - 1
    part, nth = spread(size)
    at = np.where(back[part], start[side + 1][part] - 1 - nth, start[side][part] + nth)
    ring = part // 4
    first = np.flatnonzero(np.r_[True, ring[1:] != ring[:-1]])
    closing = np.r_[first[1:], len(ring)]
    at, ring = np.insert(at, closing, at[first]), np.insert(ring, closing, ring[first])
    return shapely.polygons(shapely.linearrings(xy[at], indices=ring))


def street_points(
    coverage: Coverage, n: int, *, seed: int = 0, aside_m: float = 8.0, elsewhere: float = 0.2
) -> tuple[Floats, Floats]:
    """Return n points: most near a line, some lines busier than others, a share anywhere."""
    rng = np.random.default_rng(seed)
    xy, start = coverage.xy, coverage.start
    busy = np.cumsum(rng.lognormal(0.0, 1.0, len(start) - 1))
    near = n - int(n * elsewhere)
    line = np.searchsorted(busy, rng.uniform(0, busy[-1], near), side="right")
    a = start[line] + (rng.random(near) * (start[line + 1] - start[line] - 1)).astype(np.int64)
    t = rng.random((near, 1))
    points = xy[a] + t * (xy[a + 1] - xy[a]) + rng.laplace(0, aside_m / np.sqrt(2), (near, 2))
    anywhere = rng.uniform(xy.min(axis=0), xy.max(axis=0), (n - near, 2))
    points = rng.permutation(np.concatenate([points, anywhere]))
    return np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1])


def with_islands_and_parts(coverage: Coverage, *, seed: int = 0, share: float = 0.2) -> Shapes:
    """Return its cells, some holed around an island, some islands cells and some not, some merged.

    An island is a cell of its own, or missing (a hole in the district). Two merged cells make one
    of two parts, which may touch in a corner, share an edge or lie far apart.
    """
    rng = np.random.default_rng(seed)
    shapes = coverage.shapes.copy()
    holed = np.flatnonzero(rng.random(len(shapes)) < share)
    centre = shapely.centroid(shapes[holed])
    room = shapely.distance(centre, shapely.boundary(shapes[holed]))
    inner = shapely.buffer(centre, room * 0.8, quad_segs=2)
    inside = shapely.contains_properly(shapes[holed], inner)
    holed, inner = holed[inside], inner[inside]
    rings = shapely.get_exterior_ring(inner)
    shapes[holed] = [
        shapely.polygons(shapely.get_exterior_ring(shape), [ring])
        for shape, ring in zip(shapes[holed], rings, strict=True)
    ]
    islands = inner[rng.random(len(inner)) < 0.7]
    pairs = rng.permutation(len(shapes))[: 2 * int(len(shapes) * share / 2)].reshape(-1, 2)
    merged = shapely.union_all(np.stack([shapes[pairs[:, 0]], shapes[pairs[:, 1]]]), axis=0)
    rest = np.delete(shapes, pairs.ravel())
    return np.concatenate([rest, islands, merged])


def box_lattice(nx: int, ny: int, size: float, origin: tuple[float, float]) -> Shapes:
    """Return axis-parallel boxes; neighbours share their corners to the last bit."""
    x, y = origin[0] + np.arange(nx + 1) * size, origin[1] + np.arange(ny + 1) * size
    j, i = (a.ravel() for a in np.meshgrid(np.arange(nx), np.arange(ny)))
    return np.asarray(shapely.box(x[j], y[i], x[j + 1], y[i + 1]))
