"""Proof of the locator: every answer against an oracle that shares no code with gridkit.

Run ``python benchmarks/prove_locate.py [--quick]``. Made coverages of many kinds (crooked streets,
islands, holes, parts, axis-parallel lattices, checkerboards, slivers, T-junctions, thin and tiny
and huge ones) are asked at the points where an index goes wrong: every vertex and edge midpoint,
their neighbours one and two units in the last place away, the lines between buckets, points level
with vertices, and points along streets. Both engines must have the same index to the last bit and
agree with the oracle, and so must the same cells in another order. The exit status tells.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from unittest import mock

import geopandas as gpd
import numpy as np
import shapely

from gridkit import Locator
from gridkit._kernels import native

HERE = Path(__file__).parent
TWIN_SHARE = 40_000  # points of each case that the numpy twin is asked


def _module(path: Path) -> ModuleType:
    known = sys.modules.get(path.stem)
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


made = _module(HERE / "coverages.py")
oracle_fast = _module(HERE.parent / "tests" / "location" / "oracle_fast.py")


@dataclass(frozen=True)
class Case:
    """A coverage, how many points to ask at most, and the share that goes exact whatever."""

    name: str
    shapes: np.ndarray
    points: int
    seed: int = 0
    exact: float = 0.06


@dataclass(frozen=True)
class Outcome:
    """What one case gave: all three last numbers must be 0."""

    name: str
    cells: int
    points: int
    exact_points: int
    exact_tests: int
    wrong: int
    twin_wrong: int
    order_wrong: int
    same_index: bool
    seconds: float

    @property
    def sound(self) -> bool:
        return self.same_index and not self.wrong + self.twin_wrong + self.order_wrong


def cells_of(shapes: np.ndarray, order: np.ndarray | None = None) -> gpd.GeoDataFrame:
    return made.Coverage(shapes, np.empty((0, 2)), np.zeros(1, int)).cells(order)


def locator_of(cells: gpd.GeoDataFrame, *, twin: bool = False) -> Locator:
    if not twin:
        return Locator(cells)
    with mock.patch("gridkit.location.locator.library", return_value=None):
        return Locator(cells)


# ---- points ------------------------------------------------------------------------------------


def ends_of(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rings = shapely.get_rings(shapely.get_parts(shapes))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    return xy[:-1][same], xy[1:][same]


def nudged(xy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the points moved by up to two units in the last place each way."""
    moved = xy.copy()
    for _ in range(2):
        toward = rng.choice([-np.inf, 0.0, np.inf], xy.shape)
        moved = np.where(toward == 0, moved, np.nextafter(moved, toward))
    return moved


def on_lines(locator: Locator, a: np.ndarray, b: np.ndarray, rng: np.random.Generator, n: int):
    """Return n points on bucket lines: anywhere, where edges cross them, and bucket corners."""
    g = locator._engine.raster
    corner = np.column_stack([rng.choice(g.x, n), rng.choice(g.y, n)])
    free = rng.uniform([g.x[0], g.y[0]], [g.x[-1], g.y[-1]], (n, 2))
    upright = np.column_stack([corner[:, 0], free[:, 1]])
    level = np.column_stack([free[:, 0], corner[:, 1]])
    k = rng.integers(0, len(a), n)
    column = g.x[np.searchsorted(g.x, np.minimum(a[k, 0], b[k, 0]))]
    with np.errstate(all="ignore"):
        rise = a[k, 1] + (column - a[k, 0]) / (b[k, 0] - a[k, 0]) * (b[k, 1] - a[k, 1])
    crossing = np.column_stack([column, rise])
    crossing = crossing[np.isfinite(crossing).all(axis=1)]
    several = np.concatenate([corner, upright, level, crossing, nudged(crossing, rng)])
    return several[rng.permutation(len(several))[:n]]


def points_of(case: Case, locator: Locator) -> np.ndarray:
    """Return the points of a case, the vertices and midpoints first."""
    rng = np.random.default_rng(case.seed)
    a, b = ends_of(case.shapes)
    sharp = np.unique(np.concatenate([a, a + (b - a) / 2]), axis=0)
    if len(sharp) > case.points // 3:
        sharp = sharp[rng.permutation(len(sharp))[: case.points // 3]]
    rest = case.points - len(sharp)
    some = sharp[rng.integers(0, len(sharp), rest // 3)]
    k = rng.integers(0, len(a), rest // 4)
    t, size = rng.random((len(k), 1)), np.abs(b[k] - a[k]).max(axis=1, keepdims=True)
    beside = a[k] + t * (b[k] - a[k]) + rng.laplace(0, 0.1, (len(k), 2)) * size
    low, high = sharp.min(axis=0), sharp.max(axis=0)
    margin = (high - low) * 0.02
    anywhere = rng.uniform(low - margin, high + margin, (rest // 8, 2))
    level = np.column_stack([anywhere[:, 0], some[rng.integers(0, len(some), rest // 8), 1]])
    above = np.column_stack([some[rng.integers(0, len(some), rest // 8), 0], anywhere[:, 1]])
    lines = on_lines(locator, a, b, rng, rest // 8)
    return np.concatenate([sharp, nudged(some, rng), beside, anywhere, level, above, lines])


# ---- one case ----------------------------------------------------------------------------------


def prove(case: Case) -> Outcome:
    start = time.perf_counter()
    rng = np.random.default_rng(case.seed + 1)
    cells = cells_of(case.shapes)
    locator = locator_of(cells)
    x, y = np.ascontiguousarray(points_of(case, locator).T)
    exact = rng.random(len(x)) < case.exact
    oracle = oracle_fast.Oracle(case.shapes)
    truth = oracle.owners(x, y, exact=exact)
    wrong = int((locator.locate_xy(x, y) != truth).sum())
    same_index, twin_wrong = True, 0
    if native.library() is not None:
        twin = locator_of(cells, twin=True)
        same_index = same(locator, twin)
        few = rng.permutation(len(x))[:TWIN_SHARE]
        twin_wrong = int((twin.locate_xy(x[few], y[few]) != truth[few]).sum())
    order, turn = rng.permutation(len(cells)), rng.permutation(len(x))
    other = locator_of(cells_of(case.shapes, order)).locate_xy(x[turn], y[turn])
    # Positions are those of the shuffled table; ties of overlaps go by code in both.
    back = np.where(other < 0, -1, order[other])
    return Outcome(
        name=case.name,
        cells=len(cells),
        points=len(x),
        exact_points=int(exact.sum()),
        exact_tests=oracle.tally.whole,
        wrong=wrong,
        twin_wrong=twin_wrong,
        order_wrong=int((back != truth[turn]).sum()),
        same_index=same_index,
        seconds=time.perf_counter() - start,
    )


def same(one: Locator, two: Locator) -> bool:
    """Tell whether both indices are equal to the last bit."""
    a, b = one._engine, two._engine
    return (
        np.array_equal(a.raster.x, b.raster.x)
        and np.array_equal(a.raster.y, b.raster.y)
        and a.code.tobytes() == b.code.tobytes()
        and a.record.tobytes() == b.record.tobytes()
    )


def moved_wrong(seed: int, cells: int, points: int) -> tuple[int, int]:
    """Return how many points were asked after exact translations, and how many changed owner.

    All coordinates are multiples of 2^-20 m and the moves whole metres, so that nothing rounds.
    """
    rng = np.random.default_rng(seed)
    unit = 2.0**-12
    coverage = made.bent_lattice(cells, seed=seed, size_m=80.0, origin=(0.0, 0.0))
    shapes = shapely.transform(coverage.shapes, lambda xy: np.round(xy / unit) * unit)
    a, b = ends_of(shapes)
    sharp = np.concatenate([a, (a + b) / 2])
    xy = sharp[rng.integers(0, len(sharp), points)]
    xy = xy + rng.integers(-2, 3, xy.shape) * 2.0**-20
    here = locator_of(cells_of(shapes)).locate_xy(xy[:, 0], xy[:, 1])
    wrong, asked = 0, 0
    for move in ((-777.0, -1003.0), (-4_000.0, 3.0), (500_000.0, 4_150_000.0), (2.0**31, -1.0)):
        there = shapely.transform(shapes, lambda p, move=move: p + move)
        owner = locator_of(cells_of(there)).locate_xy(*(xy + move).T)
        wrong += int((owner != here).sum())
        asked += len(xy)
    return asked, wrong


# ---- coverages ---------------------------------------------------------------------------------


def triangles(n: int, seed: int, extent: float, origin: tuple[float, float]) -> np.ndarray:
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, extent, (n, 2)) + origin
    return shapely.get_parts(shapely.delaunay_triangles(shapely.multipoints(xy)))


def checkerboard(n: int, size: float, origin: tuple[float, float]) -> np.ndarray:
    """Return every other box: cells that touch in their corners only, and holes between."""
    boxes = made.box_lattice(n, n, size, origin)
    k = np.arange(len(boxes))
    return boxes[(k // n + k % n) % 2 == 0]


def cut_up(n: int, seed: int, origin: tuple[float, float]) -> np.ndarray:
    """Return boxes made by cutting boxes: T-junctions whose vertex only one side has."""
    rng = np.random.default_rng(seed)
    boxes = [(*origin, origin[0] + 900.7, origin[1] + 700.3)]
    while len(boxes) < n:
        k = int(np.argmax([(b[2] - b[0]) * (b[3] - b[1]) for b in boxes]))
        x0, y0, x1, y1 = boxes.pop(k)
        t = rng.uniform(0.3, 0.7)
        if x1 - x0 > y1 - y0:
            x = x0 + t * (x1 - x0)
            boxes += [(x0, y0, x, y1), (x, y0, x1, y1)]
        else:
            y = y0 + t * (y1 - y0)
            boxes += [(x0, y0, x1, y), (x0, y, x1, y1)]
    return np.asarray(shapely.box(*np.array(boxes).T))


def skew_cut(seed: int, origin: tuple[float, float]) -> np.ndarray:
    """Return a strip over a row of cells whose corners lie on its slanting side but for rounding.

    So there are gaps and overlaps of an ulp, which the first code settles.
    """
    rng = np.random.default_rng(seed)
    o, t = np.asarray(origin), np.sort(np.r_[0, rng.random(30), 1])[:, None]
    a, b = o + np.array([0.1, 100.3]), o + np.array([1000.7, 413.9])
    side, foot = a + t * (b - a), np.column_stack([o[0] + t[:, 0] * 1000, np.full(len(t), o[1])])
    row = [shapely.Polygon([foot[k], foot[k + 1], side[k + 1], side[k]]) for k in range(31)]
    up = np.array([0.0, 200.0])
    strip = shapely.Polygon([a, b, b + up, a + up])
    return np.array([*row, strip], dtype=object)


def one_large(vertices: int, seed: int) -> np.ndarray:
    """Return one cell with so many vertices in a square with a hole for it."""
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, vertices))
    far = 300 + rng.uniform(0, 5, vertices)
    ring = np.column_stack([far * np.cos(angle), far * np.sin(angle)]) + [500_000, 4_150_000]
    inner = shapely.Polygon(ring)
    frame = shapely.box(499_600, 4_149_600, 500_400, 4_150_400)
    return np.array([inner, shapely.Polygon(frame.exterior, [ring])], dtype=object)


def thin(n: int, length: float, width: float, origin: tuple[float, float]) -> np.ndarray:
    """Return n cells in a row with slanting borders: long and narrow as a whole."""
    rng = np.random.default_rng(n)
    lower = np.sort(np.r_[0, rng.random(n - 1), 1]) * length
    upper = np.sort(np.r_[0, rng.random(n - 1), 1]) * length
    quads = np.stack([lower[:-1], lower[1:], upper[1:], upper[:-1]], axis=1)
    height = np.broadcast_to([0.0, 0.0, width, width], quads.shape)
    return np.asarray(shapely.polygons(np.stack([quads, height], axis=-1) + origin))


def cases(size: float, cells: int, seeds: int) -> Iterator[Case]:
    """Yield the cases, their points scaled by `size`."""

    def n(points: float) -> int:
        return max(400, int(points * size))

    far = made.ORIGIN
    for seed in range(seeds):
        coverage = made.bent_lattice(cells, seed=seed)
        yield Case(f"streets, seed {seed}", coverage.shapes, n(700_000), seed)
        small = made.bent_lattice(max(40, cells // 5), seed=seed + 50)
        shapes = made.with_islands_and_parts(small, seed=seed)
        yield Case(f"holes, islands, parts, seed {seed}", shapes, n(350_000), seed)
    hundred = made.bent_lattice(100_000, seed=9, bends=(3, 3))
    yield Case("100,000 cells", hundred.shapes, n(700_000))
    for scale in (0.001, 0.1, 1 / 3, 1.0, 100.0, 128.0):
        for origin in ((0.0, 0.0), (-3 * scale, -2 * scale), far):
            shapes = made.box_lattice(12, 9, scale, origin)
            yield Case(f"lattice of {scale:.3g} m at {origin[0]:.4g}", shapes, n(50_000))
            shapes = checkerboard(8, scale, origin)
            yield Case(f"checkerboard of {scale:.3g} m at {origin[0]:.4g}", shapes, n(25_000))
    for extent, origin in (
        (1000.0, (0.0, 0.0)),
        (1000.0, (-500.0, -500.0)),
        (1000.0, far),
        (1e-3, (4e6, 4e6 + 0.1)),
        (1.0, (1e-9, -1e-9)),
        (1e15, (3.0, 7.0)),
        (2.0**90, (-1.0, 1.0)),
        (2.0**-200, (0.0, 0.0)),
    ):
        shapes = triangles(60, 3, extent, origin)
        yield Case(f"triangles over {extent:.3g} m at {origin[0]:.4g}", shapes, n(60_000))
    yield Case("cut boxes (T-junctions)", cut_up(300, 1, far), n(120_000))
    yield Case("slanting T-junctions", skew_cut(2, far), n(60_000))
    yield Case("one triangle", np.array([shapely.Polygon([(1, 2), (9, 4), (3, 8)])]), n(30_000))
    yield Case("a cell of 5,000 vertices", one_large(5_000, 4), n(20_000), exact=0.02)
    yield Case("1,000 km by 1 m", thin(500, 1e6, 1.0, far), n(100_000))
    yield Case(
        "1 m by 1,000 km",
        shapely.transform(thin(500, 1e6, 1.0, (0.0, 0.0)), lambda xy: xy[:, ::-1] * [1, 1] + far),
        n(100_000),
    )


def run(stream: Iterator[Case], say: Callable[[str], object]) -> list[Outcome]:
    head = ("cells", "points", "exact", "wrong", "twin", "order", "s")
    say(
        f"{'':38s} {head[0]:>8s} {head[1]:>10s} {head[2]:>10s} index "
        + " ".join(f"{h:>6s}" for h in head[3:])
    )
    outcomes = []
    for case in stream:
        o = prove(case)
        outcomes.append(o)
        index = "same" if o.same_index else "DIFFER"
        say(
            f"{o.name:38s} {o.cells:8,d} {o.points:10,d} {o.exact_points:10,d} {index:>5s} "
            f"{o.wrong:6d} {o.twin_wrong:6d} {o.order_wrong:6d} {o.seconds:6.1f}"
        )
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the points")
    quick = parser.parse_args().quick
    engine = "both engines" if native.library() is not None else "the numpy twin alone"
    print(f"proof of {engine}")
    stream = cases(0.05, 800, 1) if quick else cases(1.0, 7_840, 3)
    outcomes = run(stream, print)
    asked, changed = moved_wrong(5, 200 if quick else 2_000, 20_000 if quick else 200_000)
    points, exact = (sum(getattr(o, f) for o in outcomes) for f in ("points", "exact_points"))
    tests = sum(o.exact_tests for o in outcomes)
    wrong = sum(o.wrong + o.twin_wrong + o.order_wrong for o in outcomes)
    print(
        f"\n{points:,} points, {exact:,} of them exact whatever; {tests:,} tests decided in whole "
        f"numbers\ntranslations: {asked:,} points, {changed} changed owner\n"
        f"wrong = {wrong}, indices that differ = {sum(not o.same_index for o in outcomes)}"
    )
    return int(not all(o.sound for o in outcomes) or changed > 0)


if __name__ == "__main__":
    sys.exit(main())
