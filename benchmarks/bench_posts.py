"""Assignments and their proof in Zhifu's size, against a dense solver, OR-Tools alone and greedy.

Run ``python benchmarks/bench_posts.py [--quick]``. Times are CPU seconds of the second run; every
figure of quality is against the bound that the proof gives.
"""

from __future__ import annotations

import argparse
import resource
import time
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

import gridkit as gk
from gridkit.rules import Role

CRS, ZERO = 4549, np.array([500_000.0, 4_150_000.0])
ROLES = ("officer", "cleaner", "cadre", "volunteer")


def role(code: str, most: int = 1, **more: object) -> Role:
    return Role(code, code, code, most, "", "", "", (), **more)


def lattice(n: int) -> tuple[gpd.GeoDataFrame, float]:
    """Return n areas side by side, and the side of the town."""
    side = 14_000 * (n / 7_840) ** 0.5
    columns = int(np.ceil(n**0.5))
    # Whole decimetres, so that neighbours agree vertex by vertex.
    step = round(side / columns, 1)
    at = np.array([(k % columns, k // columns) for k in range(n)])
    low, high = (np.round((at + d) * step, 1) + ZERO for d in (0, 1))
    rng = np.random.default_rng(0)
    frame = {"cell_code": [f"a{i:06}" for i in range(n)], "load": rng.uniform(30, 60, n)}
    return gpd.GeoDataFrame(frame, geometry=shapely.box(*low.T, *high.T), crs=CRS), side


def people(n: int, side: float, code: str, *, seed: int, clusters: int = 0) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(seed)
    at = rng.random((n, 2)) * side
    if clusters:
        middle = rng.random((clusters, 2))[rng.integers(0, clusters, n)] * side
        at = np.clip(middle + rng.normal(0, side / 25, (n, 2)), 0, side)
    frame = {"person_id": [f"{code}{j:06}" for j in range(n)], "role": code}
    return gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(*(at + ZERO).T), crs=CRS)


def timed(work):
    start, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, time.process_time() - start, time.perf_counter() - wall


def row(name: str, cpu: float, wall: float, note: str = "") -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{name:46}{cpu:8.2f}{wall:8.2f}  {peak:6.0f} MB  {note}", flush=True)


def shown(proof: gk.Proof) -> str:
    table = proof.table
    return (
        f"unfilled {table['unfilled'].sum()}, gap {proof.gap:.4%}, "
        f"mean {table['mean_m'].mean():.0f} m, worst {table['worst_m'].max():.0f} m"
    )


def greedy(points: np.ndarray, bases: np.ndarray) -> float:
    """Return the cost when each area in turn takes the nearest person left."""
    tree, free, total = cKDTree(bases), np.ones(len(bases), bool), 0.0
    for point in points:
        k = 16
        while True:
            apart, who = tree.query(point, min(k, len(bases)))
            left = free[who]
            if left.any():
                first = int(np.argmax(left))
                free[who[first]] = False
                total += apart[first]
                break
            k *= 4
    return total


def nearest_alone(points: np.ndarray, bases: np.ndarray, k: int) -> str:
    """Return what OR-Tools makes of the k nearest people of each area alone."""
    from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

    n = len(points)
    apart, who = cKDTree(bases).query(points, k)
    flow = SimpleMinCostFlow()
    i = np.repeat(np.arange(n), k)
    cost = np.rint(apart.ravel() * 100).astype(np.int64)
    pairs = flow.add_arcs_with_capacity_and_unit_cost(
        i.astype(np.int32), (n + who.ravel()).astype(np.int32), np.ones_like(cost), cost
    )
    ends = np.arange(n, dtype=np.int32)
    sink = np.full(n, 2 * n, np.int32)
    ones, none = np.ones(n, np.int64), np.zeros(n, np.int64)
    flow.add_arcs_with_capacity_and_unit_cost(n + ends, sink, ones, none)
    flow.add_arcs_with_capacity_and_unit_cost(ends, sink, ones, np.full(n, 10**7))
    flow.set_nodes_supplies(np.arange(2 * n + 1, dtype=np.int32), np.r_[ones, none, -n])
    flow.solve()
    used = flow.flows(pairs) > 0
    return f"unfilled {n - int(used.sum())}, cost {cost[used].sum() / 100:,.0f} m"


def four_roles(areas: gpd.GeoDataFrame, side: float) -> None:
    n = len(areas)
    staff = [people(n, side, code, seed=k) for k, code in enumerate(ROLES)]
    roster = gpd.GeoDataFrame(pd.concat(staff, ignore_index=True), geometry="geometry", crs=CRS)
    ask = {"rules": {code: role(code) for code in ROLES}}
    posts, cpu, wall = timed(lambda: gk.assign(areas, roster, **ask))
    posts, cpu, wall = timed(lambda: gk.assign(areas, roster, **ask))
    row(f"assign, {n:,} areas x 4 roles", cpu, wall)
    proof, cpu, wall = timed(lambda: gk.prove_posts(posts, areas, roster, **ask))
    worst = proof.table["gap"].max()
    row("  prove_posts, four roles", cpu, wall, f"{shown(proof)}, worst role {worst:.4%}")


def along_streets(areas: gpd.GeoDataFrame, side: float) -> None:
    """Staff one role along a lattice of streets 250 m apart."""
    n = len(areas)
    lines = []
    for at in np.arange(0, side, 250.0):
        lines += [((at, 0), (at, side)), ((0, at), (side, at))]
    streets = gpd.GeoDataFrame(geometry=shapely.linestrings(np.array(lines) + ZERO), crs=areas.crs)
    roster = people(n, side, "cleaner", seed=1)
    ask = {"rules": {"cleaner": role("cleaner")}, "streets": streets}
    posts, cpu, wall = timed(lambda: gk.assign(areas, roster, **ask))
    row(f"assign, one role, along {len(lines)} streets", cpu, wall)
    proof, cpu, wall = timed(lambda: gk.prove_posts(posts, areas, roster, **ask))
    row("  prove_posts", cpu, wall, shown(proof))


def one_role(areas: gpd.GeoDataFrame, side: float, *, peers: bool) -> None:
    n = len(areas)
    ask = {"rules": {"cleaner": role("cleaner")}}
    for name, clusters in (("uniform homes", 0), ("homes in 40 clusters", 40)):
        roster = people(n, side, "cleaner", seed=1, clusters=clusters)
        posts, cpu, wall = timed(lambda r=roster: gk.assign(areas, r, **ask))
        row(f"assign, one role, {name}", cpu, wall)
        proof, cpu, wall = timed(lambda r=roster, p=posts: gk.prove_posts(p, areas, r, **ask))
        row("  prove_posts", cpu, wall, shown(proof))
        points = shapely.get_coordinates(areas.geometry.representative_point().to_numpy())
        bases = shapely.get_coordinates(roster.geometry.to_numpy())
        total, cpu, wall = timed(lambda p=points, b=bases: greedy(p, b))
        row("  peer: greedy", cpu, wall, f"{total / proof.bound - 1:+.1%}")
        told, cpu, wall = timed(lambda p=points, b=bases: nearest_alone(p, b, 32))
        row("  peer: OR-Tools on the 32 nearest", cpu, wall, told)
        if peers and not clusters:
            dense, cpu, wall = timed(
                lambda p=points, b=bases: linear_sum_assignment(
                    np.hypot(*np.moveaxis(p[:, None] - b[None], -1, 0))
                )
            )
            apart = np.hypot(*(points[dense[0]] - bases[dense[1]]).T).sum()
            row("  peer: scipy dense", cpu, wall, f"bound {proof.bound - apart:+.1f} m of it")


def shared_bases(areas: gpd.GeoDataFrame, side: float) -> None:
    roster = people(170, side, "officer", seed=3).assign(max_areas=-(-len(areas) // 170))
    ask = {"rules": {"officer": role("officer", 99)}}
    posts, cpu, wall = timed(lambda: gk.assign(areas, roster, **ask))
    row(f"assign, shared bases {len(areas):,} x 170", cpu, wall)
    proof, cpu, wall = timed(lambda: gk.prove_posts(posts, areas, roster, **ask))
    row("  prove_posts, exact", cpu, wall, shown(proof))


def beats(areas: gpd.GeoDataFrame, side: float) -> None:
    for code, n in (("officer", 300), ("cadre", 2_000)):
        roster = people(n, side, code, seed=4)
        ask = {"rules": {code: role(code, 99, beats=True)}}
        posts, cpu, wall = timed(lambda r=roster, a=ask: gk.assign(areas, r, **a))
        codes = areas.set_index("cell_code")
        who = posts.set_index("area_code")["person_id"]
        load = codes["load"].groupby(who.reindex(codes.index)).sum()
        shapes = gpd.GeoSeries(codes.geometry).groupby(who.reindex(codes.index))
        parts = [shapely.coverage_union_all(g.to_numpy()) for _, g in shapes]
        stray = sum(len(shapely.get_parts(p)) - 1 for p in parts)
        compact = np.mean([4 * np.pi * p.area / p.length**2 for p in parts])
        spread = load.std(ddof=0) / load.mean()
        note = f"CV of load {spread:.3f}, stray {stray}, PP {compact:.2f}"
        row(f"beats, {n:,} {code}s", cpu, wall, f"{note}, worst {posts['distance_m'].max():.0f} m")


def changes(areas: gpd.GeoDataFrame, side: float, seed: int) -> None:
    """Replace 3 % of the people; each bonus gives one of the best trades of distance for change."""
    n = len(areas)
    before = people(n, side, "cleaner", seed=seed)
    gone = np.random.default_rng(seed + 1).random(n) < 0.03
    fresh = people(n, side, "cleaner", seed=seed + 2)
    after = before.copy()
    after.loc[gone, "person_id"] = [f"new{j:06}" for j in np.flatnonzero(gone)]
    after.loc[gone, "geometry"] = fresh.geometry[gone]
    ask = {"rules": {"cleaner": role("cleaner")}}
    posts = gk.assign(areas, before, **ask)
    anew = gk.assign(areas, after, **ask)
    again = gk.compare_posts(posts, anew)
    for bonus in (30.0, 40.0, 50.0):
        stay = {"previous": posts, "stay_bonus_m": bonus}
        kept, cpu, wall = timed(lambda s=stay: gk.assign(areas, after, **s, **ask))
        moved = gk.compare_posts(posts, kept)
        longer = kept["distance_m"].sum() / anew["distance_m"].sum() - 1
        note = f"distance {longer:+.2%}, changes {len(moved) / len(again):.0%} of a re-solve's"
        row(f"3 % of staff change ({seed}), stay bonus {bonus:.0f} m", cpu, wall, note)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="without the dense peer and 100,000")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore", gk.GridkitWarning)
    areas, side = lattice(7_840)
    print(f"{'':46}{'CPU s':>8}{'wall s':>8}  {'peak':>9}")
    four_roles(areas, side)
    one_role(areas, side, peers=not quick)
    shared_bases(areas, side)
    beats(areas, side)
    along_streets(areas, side)
    for seed in (5, 15, 25):
        changes(areas, side, seed)
    if not quick:
        areas, side = lattice(100_000)
        roster = people(100_000, side, "cleaner", seed=8)
        ask = {"rules": {"cleaner": role("cleaner")}}
        posts, cpu, wall = timed(lambda: gk.assign(areas, roster, **ask))
        row(
            "assign, 100,000 areas, one role",
            cpu,
            wall,
            f"unfilled {posts['person_id'].isna().sum()}",
        )


if __name__ == "__main__":
    main()
