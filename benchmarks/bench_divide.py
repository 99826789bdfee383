"""The division engine beside its peers, on the same graphs, in one run.

Run ``python benchmarks/bench_divide.py [--seeds 3] [--quick]``. The city is made: 37,000 blocks in
170 communities, no block above 0.9 of the mean cell, into 7,840 cells. CV is against the
community's mean cell; PP is the mean Polsby-Popper index of the cells; CPU seconds from graph
arrays to labels. Peers divide the same graphs and are left out by name where they are missing.
Beside each peer stands the evenest of our settings that is at least as compact.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from unittest import mock

import divide_peers as peers
import geopandas as gpd
import numpy as np
import shapely
from made_blocks import made_city
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from small_optima import gap, instances

import gridkit as gk
from gridkit.division.bounds import least_spread
from gridkit.division.network import connect, read_columns
from gridkit.division.partition import Areas, divide_areas
from gridkit.division.seats import apportion

BALANCED, COMPACT = 0.3, 0.78
KNOBS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 1.0)
FEW, SMALL = 12, 150  # communities that slow peers get, and how many blocks they have at most
MISSED: list[str] = []


def bar(name: str, *, holds: bool) -> str:
    if not holds:
        MISSED.append(name)
    return f"  {'ok  ' if holds else 'MISS'} {name}"


@dataclass(frozen=True)
class Scene:
    """A made city as areas with a point each, and the seats of each community."""

    areas: Areas
    xy: np.ndarray
    seats: np.ndarray

    def some(self, zones: np.ndarray) -> Scene:
        """Return the communities `zones`, which are sorted."""
        rows = np.flatnonzero(np.isin(self.areas.zone, zones))
        return Scene(self.areas.part(rows), self.xy[rows], self.seats[zones])


@dataclass(frozen=True)
class Score:
    cv: float
    within10: float
    pp: float
    worst_pp: float
    strays: int
    empty: int

    def __str__(self) -> str:
        return (
            f"CV {self.cv:.4f}  within 10 % {self.within10:6.1%}  PP {self.pp:.3f} "
            f"(5 %: {self.worst_pp:.3f})  strays {self.strays}  empty {self.empty}"
        )


def scene_of(blocks: int, communities: int, cells: int, seed: int) -> Scene:
    return scene_from(made_city(blocks, communities, cells, seed=seed).blocks, cells)


def scene_from(blocks: gpd.GeoDataFrame, cells: int) -> Scene:
    network = connect(blocks, read_columns(blocks, "load", "community_code", None, []), None)
    areas = network.areas
    most = np.bincount(areas.zone)
    weight = np.bincount(areas.zone, areas.weight[:, 0])
    xy = shapely.get_coordinates(shapely.centroid(network.geoms))
    return Scene(areas, xy, apportion(weight, np.ones_like(most), most, cells))


def score(scene: Scene, labels: np.ndarray) -> Score:
    a, seats = scene.areas, scene.seats
    k = int(seats.sum())
    mean = np.repeat(np.bincount(a.zone, a.weight[:, 0]) / seats, seats)
    load = np.bincount(labels, a.weight[:, 0], k) / mean
    inner = labels[a.i] == labels[a.j]
    outline = np.bincount(labels, a.outline_m, k)
    outline -= 2 * np.bincount(labels[a.i[inner]], a.border_m[inner], k)
    there = np.bincount(labels, minlength=k) > 0
    pp = 4 * np.pi * np.bincount(labels, a.area_m2, k)[there] / outline[there] ** 2
    links = coo_array((np.ones(inner.sum()), (a.i[inner], a.j[inner])), shape=(len(labels),) * 2)
    pieces = connected_components(links, directed=False)[0]
    return Score(
        float(np.sqrt(np.mean((load - 1) ** 2))),
        float((np.abs(load - 1) <= 0.1).mean()),
        float(pp.mean()),
        float(np.quantile(pp, 0.05)),
        int(pieces - there.sum()),
        int((~there).sum()),
    )


def ours(scene: Scene, compactness: float, seed: int = 0) -> tuple[np.ndarray, float]:
    start = time.process_time()
    labels = divide_areas(scene.areas, scene.seats, compactness=compactness, seed=seed)
    return labels, time.process_time() - start


def pieces_of(scene: Scene) -> list[peers.Piece]:
    a = scene.areas
    found = []
    for z, k in enumerate(scene.seats.tolist()):
        rows = np.flatnonzero(a.zone == z)
        part = a.part(rows)
        start, near = np.r_[part.i, part.j], np.r_[part.j, part.i]
        sort = np.lexsort((near, start))
        xadj = np.searchsorted(start[sort], np.arange(len(rows) + 1))
        border = np.r_[part.border_m, part.border_m][sort]
        load, xy = part.weight[:, 0], scene.xy[rows]
        found.append(peers.Piece(xadj, near[sort], border, load, xy, k))
    return found


def joined(scene: Scene, parts: list[np.ndarray]) -> np.ndarray:
    base = np.concatenate([[0], np.cumsum(scene.seats)[:-1]])
    labels = np.empty(len(scene.areas.zone), dtype=np.int64)
    for z, part in enumerate(parts):
        labels[scene.areas.zone == z] = part + base[z]
    return labels


def engine_table(seeds: int) -> list[Scene]:
    print("\nEngine alone, 37,000 blocks into 7,840")
    scenes, lines = [], {BALANCED: [], COMPACT: []}
    for seed in range(seeds):
        scene = scene_of(37_000, 170, 7_840, seed)
        scenes.append(scene)
        a = scene.areas
        bound = least_spread(a.weight[:, 0], a.zone, scene.seats)
        print(
            f" city {seed}: {len(a.zone)} blocks, {len(scene.seats)} communities; no division is"
            f" below CV {bound.indivisible:.4f} (blocks are not cut); whole numbers per community"
            f" alone spread the means by {bound.rounding:.4f}"
        )
        for knob, found in lines.items():
            labels, took = ours(scene, knob)
            made = score(scene, labels)
            assert made.strays == made.empty == 0
            found.append((made, took))
            print(f"  compactness {knob:<4} {took:5.2f} s  {made}")
    balanced, compact = lines[BALANCED], lines[COMPACT]
    print(bar("≤ 2.5 s", holds=max(t for _, t in balanced) <= 2.5))
    print(bar("CV ≤ 0.065", holds=max(s.cv for s, _ in balanced) <= 0.065))
    print(bar("≥ 91 % within 10 %", holds=min(s.within10 for s, _ in balanced) >= 0.91))
    print(bar("PP ≥ 0.51", holds=min(s.pp for s, _ in balanced) >= 0.51))
    print(bar("stretch: ≤ 1 s", holds=max(t for _, t in balanced) <= 1.0))
    print(bar("stretch: CV ≤ 0.05", holds=max(s.cv for s, _ in balanced) <= 0.05))
    print(bar("compact: CV ≤ 0.13", holds=max(s.cv for s, _ in compact) <= 0.13))
    print(bar("compact: PP ≥ 0.65", holds=min(s.pp for s, _ in compact) >= 0.65))
    print(bar("compact, stretch: PP ≥ 0.68", holds=min(s.pp for s, _ in compact) >= 0.68))
    return scenes


def peer_table(scene: Scene, *, quick: bool) -> None:
    # Small communities of many blocks a cell: quick for the slow ones, and easy.
    size = np.bincount(scene.areas.zone)
    per_cell = np.where(size <= SMALL, size / scene.seats, 0)
    small = scene.some(np.sort(np.argsort(-per_cell, kind="stable")[:FEW]))
    views = {}
    for few, view in ((False, scene), (True, small)):
        runs = [(knob, *ours(view, knob)) for knob in KNOBS]
        mine = [(knob, score(view, labels), took) for knob, labels, took in runs]
        views[few] = (view, pieces_of(view), mine)
    print(f"\nPeers on the same communities (slow ones on {FEW} small ones)")
    for peer in peers.found(quick=quick):
        view, pieces, mine = views[peer.few]
        parts, took = peers.run(peer, pieces)
        if parts is None:
            continue
        if max(int(p.max()) + 1 - c.k for p, c in zip(parts, pieces, strict=True)) > 0:
            parts = [np.minimum(p, c.k - 1) for p, c in zip(parts, pieces, strict=True)]
        theirs = score(view, joined(view, parts))
        print(f" {peer.name}: {took:.2f} s  {theirs}")
        match = [m for m in mine if m[1].pp >= theirs.pp]
        best = min(match, key=lambda m: m[1].cv) if match else max(mine, key=lambda m: m[1].pp)
        print(f"  ours at {best[0]}: {best[2]:.2f} s  {best[1]}")
        even = best[1].cv <= theirs.cv and best[1].pp >= theirs.pp
        print(bar(f"as even at its compactness as {peer.name}", holds=even))
        if peer.name == "METIS recursive":
            ratio = best[2] / took
            print(bar(f"≤ 3 × METIS recursive's time: {ratio:.2f}", holds=ratio <= 3))


def whole_table(seed: int) -> None:
    made = made_city(seed=seed)
    print("\nFrom polygons to labels and cells, 37,000 blocks")
    start = time.process_time()
    gk.group_labels(made.blocks, into=made.k)
    print(f" group_labels {time.process_time() - start:.2f} s")
    start = time.process_time()
    cells = gk.group(made.blocks, into=made.k)
    print(f" group        {time.process_time() - start:.2f} s")
    shapes = cells.geometry.to_numpy()
    pp = (4 * np.pi * shapely.area(shapes) / shapely.length(shapes) ** 2).mean()
    print(f" PP of the dissolved polygons {pp:.3f}")
    assert (shapely.get_type_id(shapes) == 3).all()
    assert shapely.coverage_is_valid(shapes, gap_width=0.01)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def large_city() -> None:
    """In a process of its own: what the largest city takes, in time and memory."""
    made = made_city(125_000, 500, 26_000, seed=0)
    before, start = peak_mb(), time.process_time()
    scene = scene_from(made.blocks, made.k)
    read = time.process_time() - start
    labels, took = ours(scene, BALANCED)
    print(f" graph {read:.2f} s, engine {took:.2f} s; {score(scene, labels)}")
    start = time.process_time()
    gk.group_labels(made.blocks, into=made.k)
    whole = time.process_time() - start
    print(f" group_labels whole {whole:.2f} s")
    print(f" memory: {before:.0f} MB with the city, {peak_mb():.0f} MB at the peak")
    print(bar("125 k blocks: engine ≤ 8 s (stretch 4)", holds=took <= 8))
    print(bar("125 k blocks: group_labels ≤ 8 s", holds=whole <= 8))
    print(bar("125 k blocks: ≤ 400 MB above the city", holds=peak_mb() - before <= 400))


FIRST_CALL = """
import time
start = time.perf_counter()
import geopandas as gpd
from shapely.geometry import box
import gridkit as gk
loaded = time.perf_counter()
squares = [box(x, y, x + 100, y + 100) for x in range(0, 2000, 100) for y in range(0, 2000, 100)]
units = gpd.GeoDataFrame({"load": 1.0}, index=range(400), geometry=squares, crs=4549)
gk.group_labels(units, into=80, within=None)
print(loaded - start, time.perf_counter() - loaded)
"""


def first_call() -> None:
    run = subprocess.run(
        [sys.executable, "-c", FIRST_CALL], check=True, capture_output=True, text=True
    )
    loading, call = map(float, run.stdout.split())
    print(f"\nFirst call, 400 units into 80: {call:.2f} s ({loading:.2f} s to load geopandas)")
    print(bar("first call ≤ 2 s", holds=call <= 2))


def twin_table() -> None:
    scene = scene_of(3_000, 14, 640, 0)
    labels, took = ours(scene, BALANCED)
    with mock.patch("gridkit._kernels.native.library", return_value=None):
        plain, slow = ours(scene, BALANCED)
    assert (plain == labels).all()
    print(f"\nThe twin on 3,000 blocks: the same labels in {slow:.1f} s, compiled {took:.3f} s")


def small_table(wanted: int) -> None:
    gaps = np.array([gap(a, k, confirm=n < 3) for n, (a, k) in enumerate(instances(wanted))])
    print(f"\n{wanted} communities of 10-16 blocks into 2-4, against the proven optimum")
    print(
        f" gap: median {np.median(gaps):.2%}, mean {gaps.mean():.2%}, largest {gaps.max():.2%};"
        f" optimum met in {(gaps < 1e-9).sum()}"
    )
    print(bar("median gap ≤ 3 % (stretch 1 %)", holds=np.median(gaps) <= 0.03))


def rebalance_table(seeds: int) -> None:
    print("\nRebalance after 5 % of the blocks have grown by 1.6 ×")
    for seed in range(seeds):
        made = made_city(seed=seed)
        blocks = made.blocks
        labels = gk.group_labels(blocks, into=made.k)
        rng = np.random.default_rng(seed)
        grown = blocks["load"] * np.where(rng.random(len(blocks)) < 0.05, 1.6, 1.0)
        blocks = blocks.assign(load=grown, cell_code=[f"C{g:05d}" for g in labels])
        start = time.process_time()
        r = gk.rebalance(blocks)
        took = time.process_time() - start
        print(
            f" city {seed}: {took:.1f} s; CV {r.spread_before:.4f} → {r.spread_after:.4f} "
            f"(freely {r.spread_free:.4f}), {r.moved_share:.2%} of the land, "
            f"{len(r.moved)} blocks; {r.gain / r.attainable:.0%} of the attainable gain"
        )
        holds = r.moved_share <= 0.02 and r.gain >= 0.5 * r.attainable
        print(bar(f"city {seed}: ≤ 2 % of the land for ≥ half of the gain", holds=holds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one city, fast peers")
    parser.add_argument("--large", action="store_true", help="the largest city alone")
    given = parser.parse_args()
    if given.large:
        large_city()
    else:
        seeds = 1 if given.quick else given.seeds
        scenes = engine_table(seeds)
        peer_table(scenes[0], quick=given.quick)
        small_table(60)
        first_call()
        twin_table()
        whole_table(0)
        rebalance_table(seeds)
        print("\n125,000 blocks into 26,000", flush=True)
        large = subprocess.run([sys.executable, __file__, "--large"], check=False)
        if large.returncode:
            MISSED.append("the largest city")
    print(f"\n{len(MISSED)} missed: {', '.join(MISSED) or 'none'}")


if __name__ == "__main__":
    main()
