"""The locator beside its peers: the table of costs, its bars, and where it loses.

Run ``python benchmarks/bench_locate.py [--points 10_000_000] [--cells 7840] [--quick]``. Every
round runs every contestant once, one after the other, so that a noisy machine is noisy for all;
the table shows medians of the rounds. Ratios are of CPU time where one thread runs, of wall time
where two do. The bars compare equal numbers of points; the slower peers, and `locate` once more,
get few, where a join of small tables is at its best. Peers that are not installed are named and
left out. Points are ready as arrays or geometries before the clock starts, for each contestant in
the form it takes.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import itertools
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import geopandas as gpd
import numpy as np
import shapely

from gridkit import Locator, locate
from gridkit._kernels import native

SPEC = importlib.util.spec_from_file_location("coverages", Path(__file__).with_name("coverages.py"))
made = importlib.util.module_from_spec(SPEC)
sys.modules["coverages"] = made
SPEC.loader.exec_module(made)

FEW = 300_000  # points that the slower contestants get, the first of all
WITHIN, DEDUPLICATED = "geopandas.sjoin within", "sjoin intersects + drop_duplicates"


@dataclass
class Contestant:
    """One way to find owners: what to run, on how many points, and what it took each round."""

    name: str
    run: Callable[[], object]
    points: int
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def once(self) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.run()
        self.cpu.append((time.process_time() - cpu) / self.points * 1e9)
        self.wall.append((time.perf_counter() - wall) / self.points * 1e9)

    @property
    def ns(self) -> float:
        return float(np.median(self.cpu))

    @property
    def wall_ns(self) -> float:
        return float(np.median(self.wall))


@dataclass(frozen=True)
class Scene:
    """Everything the contestants are given."""

    cells: gpd.GeoDataFrame
    x: np.ndarray
    y: np.ndarray
    locator: Locator
    reports: gpd.GeoDataFrame
    some: gpd.GeoDataFrame

    @property
    def few(self) -> tuple[np.ndarray, np.ndarray]:
        return self.x[: len(self.some)], self.y[: len(self.some)]


def scene_of(cells: int, points: int, few: int = FEW, seed: int = 0) -> Scene:
    coverage = made.bent_lattice(cells, seed=seed)
    x, y = made.street_points(coverage, points, seed=seed)
    table = coverage.cells()
    ids = {"report_id": np.arange(points).astype(str)}
    reports = gpd.GeoDataFrame(ids, geometry=shapely.points(x, y), crs=made.CRS)
    return Scene(table, x, y, Locator(table), reports, reports.iloc[:few])


# ---- contestants -------------------------------------------------------------------------------


def ours(s: Scene) -> Iterator[Contestant]:
    n = len(s.x)
    if s.locator.engine == "compiled":
        out = np.empty(n, np.int32)
        engine = s.locator._engine
        yield Contestant("gridkit kernel", lambda: engine.locate(s.x, s.y, out), n)
        for threads in (1, 2):
            name = f"gridkit locate_xy, {threads} thread" + "s" * (threads > 1)
            yield Contestant(name, lambda t=threads: s.locator.locate_xy(s.x, s.y, threads=t), n)
    twin = Locator.__new__(Locator)
    with mock.patch("gridkit.location.locator.library", return_value=None):
        twin.__setstate__(s.locator.__getstate__())
    run = lambda: twin.locate_xy(s.x, s.y, threads=1)  # noqa: E731
    yield Contestant("gridkit numpy twin, 1 thread", run, n)
    for points in (s.reports, s.some):
        run = lambda p=points: locate(p, s.locator)  # noqa: E731
        yield Contestant(named("gridkit locate(), index ready", points, s), run, len(points))


def named(name: str, points: gpd.GeoDataFrame, s: Scene) -> str:
    return name if len(points) == len(s.x) else f"{name}, few"


def joins(s: Scene) -> Iterator[Contestant]:
    def join(points: gpd.GeoDataFrame, how: str) -> gpd.GeoDataFrame:
        return gpd.sjoin(points, s.cells, predicate=how)

    def deduplicated(points: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        joined = join(points, "intersects")
        return joined[~joined.index.duplicated()]

    for points in (s.reports, s.some):
        n, name = len(points), lambda what, p=points: named(what, p, s)
        yield Contestant(name(WITHIN), lambda p=points: join(p, "within"), n)
        yield Contestant(name(DEDUPLICATED), lambda p=points: deduplicated(p), n)


def binning(s: Scene) -> Iterator[Contestant]:
    """The least that any raster can cost: it names a square and answers nothing."""
    size, wide = 100.0, 10_000

    def floor_divide() -> np.ndarray:
        return (s.y // size).astype(np.int64) * wide + (s.x // size).astype(np.int64)

    def multiply() -> np.ndarray:
        return (s.y * (1 / size)).astype(np.int64) * wide + (s.x * (1 / size)).astype(np.int64)

    yield Contestant("numpy floor-divide binning", floor_divide, len(s.x))
    yield Contestant("numpy multiply-truncate binning", multiply, len(s.x))


def in_threads(work: Callable[[slice], object], n: int, threads: int) -> None:
    cuts = np.linspace(0, n, threads + 1).astype(int)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, [slice(a, b) for a, b in itertools.pairwise(cuts.tolist())]))


def control(rounds: int) -> Iterator[Contestant]:
    """Pure CPU work that touches no memory and holds no lock: what two threads can gain here."""

    def work(part: slice) -> bytes:
        return hashlib.pbkdf2_hmac("sha256", b"gridkit", b"control", part.stop - part.start)

    for threads in (1, 2):
        name = f"control (hashing), {threads} thread" + "s" * (threads > 1)
        yield Contestant(name, lambda t=threads: in_threads(work, rounds, t), rounds)


def shapely_peers(s: Scene) -> Iterator[Contestant]:
    k, shapes, points = len(s.some), s.cells.geometry.array._data, s.some.geometry.array._data
    tree = shapely.STRtree(shapes)
    yield Contestant("STRtree of cells, points ask", lambda: tree.query(points, "within"), k)
    yield Contestant(
        "STRtree of points, cells ask", lambda: shapely.STRtree(points).query(shapes, "contains"), k
    )
    few = max(1, min(k, 4_000_000 // len(shapes)))
    shapely.prepare(shapes)

    def loop() -> list[np.ndarray]:
        return [shapely.contains_xy(shape, s.x[:few], s.y[:few]) for shape in shapes]

    yield Contestant("contains_xy, every cell", loop, few)


def rtree_peer(s: Scene) -> Contestant:
    index = importlib.import_module("rtree.index")
    shapes = s.cells.geometry.to_numpy()
    few = min(len(s.some), 20_000)
    boxes = shapely.bounds(shapes)
    tree = index.Index((k, tuple(box), None) for k, box in enumerate(boxes.tolist()))
    shapely.prepare(shapes)
    places = list(zip(s.x[:few].tolist(), s.y[:few].tolist(), strict=True))

    def run() -> list[int]:
        found = []
        for x, y in places:
            near = tree.intersection((x, y, x, y))
            found.append(next((k for k in near if shapely.intersects_xy(shapes[k], x, y)), -1))
        return found

    return Contestant("rtree + prepared test", run, few)


def maup_peer(s: Scene) -> Contestant:
    maup = importlib.import_module("maup")
    maup.progress.enabled = False
    few = min(len(s.some), 10_000)
    some = s.some.iloc[:few]

    def run() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # points outside every cell
            return maup.assign(some, s.cells)

    return Contestant("maup.assign", run, few)


def duckdb_peer(s: Scene) -> Contestant:
    base = importlib.import_module("duckdb").connect(config={"autoinstall_known_extensions": False})
    base.execute("LOAD spatial")  # fails where the extension was not downloaded beforehand
    base.execute("SET threads = 1")
    for name, frame in (("points", s.some), ("cells", s.cells)):
        plain = frame.drop(columns="geometry").assign(wkb=frame.geometry.to_wkb())
        base.register("given", plain)
        base.execute(
            f"CREATE TABLE {name} AS SELECT * EXCLUDE wkb, ST_GeomFromWKB(wkb) g FROM given"
        )
    sql = "SELECT report_id, cell_code FROM points JOIN cells ON ST_Within(points.g, cells.g)"
    return Contestant("DuckDB spatial", lambda: base.execute(sql).fetchnumpy(), len(s.some))


def sedona_peer(s: Scene) -> Contestant:
    base = importlib.import_module("sedonadb").connect()
    base.create_data_frame(s.some).to_view("points")
    base.create_data_frame(s.cells).to_view("cells")
    sql = (
        "SELECT p.report_id, c.cell_code FROM points p JOIN cells c "
        "ON ST_Within(p.geometry, c.geometry)"
    )
    return Contestant("SedonaDB", lambda: base.sql(sql).to_arrow_table(), len(s.some))


def other_peers(s: Scene) -> Iterator[Contestant]:
    for name, peer in (
        ("rtree", rtree_peer),
        ("maup", maup_peer),
        ("duckdb spatial", duckdb_peer),
        ("sedonadb", sedona_peer),
    ):
        try:
            contestant = peer(s)
            contestant.run()
        except Exception as error:  # noqa: BLE001 - whatever ails a peer, the bench goes on
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            print(f"left out: {name}: {why[:110]}")
            continue
        yield contestant


# ---- measures ----------------------------------------------------------------------------------


def race(contestants: list[Contestant], rounds: int) -> dict[str, Contestant]:
    for _ in range(rounds):
        for c in contestants:
            c.run()  # once unmeasured: memory that lay idle costs as much again at first touch
            c.once()
    return {c.name: c for c in contestants}


def timed(run: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the median seconds of CPU and of wall."""
    one = Contestant("", run, 1)
    for _ in range(rounds):
        one.once()
    return one.ns / 1e9, one.wall_ns / 1e9


def one_point(locator: Locator, x: np.ndarray, y: np.ndarray) -> float:
    """Return the median microseconds of a call for one point, in batches of 50."""
    places = list(zip(x[:20_000].tolist(), y[:20_000].tolist(), strict=True))
    took = []
    for start in range(0, len(places), 50):
        batch = places[start : start + 50]
        begin = time.perf_counter_ns()
        for px, py in batch:
            locator.locate_one(x=px, y=py)
        took.append((time.perf_counter_ns() - begin) / len(batch) / 1000)
    return float(np.median(took))


def tree_built(shapes: np.ndarray) -> None:
    shapely.STRtree(shapes).query(shapes[0])  # the tree is only packed when first asked


def builds(counts: list[int], rounds: int) -> dict[int, tuple[float, float, float]]:
    """Print what indices cost; return for each size CPU seconds, bytes a cell, tree seconds."""
    heads = f"{'CPU s':>8s} {'wall s':>8s} {'bytes/cell':>11s} {'STRtree CPU s':>14s}"
    print(f"\n{'index of':>12s} {heads}")
    found = {}
    for n in counts:
        cells = made.bent_lattice(n, seed=1).cells()
        times = rounds if n <= 10_000 else min(rounds, 3) if n <= 100_000 else 1
        cpu, wall = timed(lambda c=cells: Locator(c), times)
        tree, _ = timed(lambda c=cells: tree_built(c.geometry.to_numpy()), times)
        size = Locator(cells).nbytes / n if n <= 100_000 else float("nan")
        found[n] = cpu, size, tree
        print(f"{n:12,d} {cpu:8.3f} {wall:8.3f} {size:11,.0f} {tree:14.3f}")
    return found


def agreement(s: Scene) -> None:
    """Say where gridkit and a strict join differ: only on borders may they."""
    joined = gpd.sjoin(s.some, s.cells, predicate="within")
    position = s.locator.locate_xy(*s.few)[joined.index.to_numpy()]
    differ = int((position != joined["index_right"].to_numpy()).sum())
    print(
        f"agreement: {len(joined):,} of {len(s.some):,} points lie strictly in a cell by sjoin; "
        f"{differ} of them go elsewhere by gridkit"
    )


@dataclass(frozen=True)
class Bar:
    """One line of the issue's table. `more` says whether more is better."""

    what: str
    value: float
    bar: float
    stretch: float
    more: bool = False

    def __str__(self) -> str:
        reached = [
            self.value >= b if self.more else self.value <= b for b in (self.bar, self.stretch)
        ]
        verdict = "stretch" if reached[1] else "bar" if reached[0] else "MISSED"
        sign = "≥" if self.more else "≤"
        return (
            f"{self.what:58s} {self.value:9.2f} {sign} {self.bar:7.2f} {sign} {self.stretch:7.2f}"
            f"  {verdict}"
        )


def bars(r: dict[str, Contestant], s: Scene) -> Iterator[Bar]:
    sjoin = r[WITHIN]
    if "gridkit kernel" in r:
        one, two = r["gridkit locate_xy, 1 thread"], r["gridkit locate_xy, 2 threads"]
        kernel, floor = r["gridkit kernel"], r["numpy floor-divide binning"]
        yield Bar(
            "compiled kernel, 1 thread: times faster than sjoin", sjoin.ns / kernel.ns, 40, 70, True
        )
        yield Bar("  locate_xy, 1 thread", sjoin.ns / one.ns, 40, 70, True)
        yield Bar("  locate_xy, 2 threads, wall", sjoin.wall_ns / two.wall_ns, 60, 110, True)
        yield Bar("compiled kernel: time of floor-divide binning", kernel.ns / floor.ns, 3, 1.5)
        single = [np.array(r[f"control (hashing), {t}"].wall) for t in ("1 thread", "2 threads")]
        gain = float(np.median(np.array(one.wall) / np.array(two.wall)))
        possible = float(np.median(single[0] / single[1]))
        print(f"two threads gain {gain:.2f} ×, the control {possible:.2f} ×")
        yield Bar("two threads: share of the control's gain", gain / possible, 0.9, 1.0, True)
        yield Bar("one point, Python call, µs", one_point(s.locator, s.x, s.y), 5, 2)
    twin = r["gridkit numpy twin, 1 thread"]
    yield Bar("numpy twin: times faster than sjoin", sjoin.ns / twin.ns, 8, 13, True)
    whole, peer = r["gridkit locate(), index ready"], r[DEDUPLICATED]
    yield Bar(
        "locate() whole: times faster than sjoin + drop_duplicates", peer.ns / whole.ns, 8, 20, True
    )
    yield Bar("  the same, wall", peer.wall_ns / whole.wall_ns, 8, 20, True)


def build_bars(found: dict[int, tuple[float, float, float]]) -> Iterator[Bar]:
    for n, (cpu, size, _) in found.items():
        limit = 0.25 if n <= 10_000 else 4.0 if n <= 100_000 else 30.0
        yield Bar(f"index build, {n:,} cells, CPU s", cpu, limit, limit / 2)
        if np.isfinite(size):
            yield Bar(f"index size, {n:,} cells, kB a cell", size / 1000, 3, 1.5)


def growth(small: Scene, points: int, rounds: int) -> Iterator[Bar]:
    """Cost of a million cells: the index, and a point among them against the small coverage."""
    coverage = made.bent_lattice(1_000_000, seed=2)
    x, y = made.street_points(coverage, points, seed=2)
    cells = coverage.cells()
    del coverage
    start = time.process_time()
    locator = Locator(cells)
    took, size = time.process_time() - start, locator.nbytes / len(cells)
    print(f"\n{locator}")
    yield Bar(f"index build, {len(cells):,} cells, CPU s, once", took, 30, 15)
    yield Bar(f"index size, {len(cells):,} cells, kB a cell", size / 1000, 3, 1.5)
    n = len(x)
    r = race(
        [
            Contestant(
                "few", lambda: small.locator.locate_xy(small.x, small.y, threads=1), len(small.x)
            ),
            Contestant("many", lambda: locator.locate_xy(x, y, threads=1), n),
        ],
        rounds,
    )
    print(
        f"{r['few'].ns:.1f} ns a point among {len(small.cells):,} cells, "
        f"{r['many'].ns:.1f} among a million"
    )
    yield Bar("cost a point, 1 M cells against the few", r["many"].ns / r["few"].ns, 3, 2)


def load() -> str:
    return "load " + " ".join(f"{v:.2f}" for v in os.getloadavg())


def show(r: dict[str, Contestant]) -> None:
    print(f"\n{'':38s} {'points':>10s} {'CPU ns':>10s} {'wall ns':>10s} {'least':>10s}  a point")
    for c in r.values():
        print(f"{c.name:38s} {c.points:10,d} {c.ns:10.1f} {c.wall_ns:10.1f} {min(c.cpu):10.1f}")


def losses(r: dict[str, Contestant], built: tuple[float, float, float]) -> None:
    """Say where the index loses: its making, and from how many points it pays."""
    cpu, _, tree = built
    mine = r.get("gridkit kernel", r["gridkit numpy twin, 1 thread"])
    # Of the peers the cheapest a point, whose time holds the making of its own tree.
    peer = min((r[f"{WITHIN}, few"], r["STRtree of points, cells ask"]), key=lambda c: c.ns)
    even = cpu / (peer.ns - mine.ns) * 1e9
    print(
        f"\nthe index takes {cpu / tree:,.0f} times as long to make as an STRtree "
        f"({cpu:.3f} s against {tree:.4f} s); "
        f"against {peer.name} it pays from {even:,.0f} points on"
    )
    few, joined = r["gridkit locate(), index ready, few"], r[f"{DEDUPLICATED}, few"]
    times = joined.ns / few.ns, joined.wall_ns / few.wall_ns, r[f"{WITHIN}, few"].ns / mine.ns
    print(
        f"with {few.points:,} points only: locate() {times[0]:.1f} times faster than {joined.name} "
        f"by CPU, {times[1]:.1f} by wall; the kernel {times[2]:.0f} times faster than {WITHIN}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--cells", type=int, default=7_840)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no million cells")
    given = parser.parse_args()
    rounds = 3 if given.quick else 5
    print(
        f"{os.cpu_count()} processors, {load()}; shapely {shapely.__version__}, "
        f"geopandas {gpd.__version__}, numpy {np.__version__}"
    )
    s = scene_of(given.cells, given.points)
    print(s.locator)
    agreement(s)
    peers = [*joins(s), *shapely_peers(s), *other_peers(s)]
    contestants = [*ours(s), *binning(s), *control(2_000_000), *peers]
    r = race(contestants, rounds)
    show(r)
    print(load())
    found = builds([given.cells, 100_000], rounds)
    lines = [*bars(r, s), *build_bars(found)]
    losses(r, found[given.cells])
    if not given.quick:
        lines += growth(s, given.points, rounds)
    print(f"\n{'':58s} {'value':>9s} {'bar':>9s} {'stretch':>9s}")
    for line in lines:
        print(line)
    print(load())
    if native.library() is None:
        print("no compiled kernels here: only the twin was measured")


if __name__ == "__main__":
    main()
