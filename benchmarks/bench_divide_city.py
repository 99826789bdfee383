"""The whole job: from a district in Zhifu's size to numbered, certified cells, in one call.

Run ``python benchmarks/bench_divide_city.py [--seeds 1]``. Load is households; the spread is
against the mean cell of each community. Beside it stand the lower bounds: what the city's
indivisible blocks and the rounding to whole cells in each community leave to nobody. Last, a banner
of 102,400 km² around one town, divided by load.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings

import geopandas as gpd
import numpy as np
import shapely

import gridkit as gk

CELLS = 7_840


def buildings_cut(cells: np.ndarray, buildings: np.ndarray) -> int:
    """Count buildings that lie in two cells, by plain geometry."""
    building, cell = shapely.STRtree(cells).query(buildings, predicate="intersects")
    common = shapely.area(shapely.intersection(buildings[building], cells[cell]))
    return int((np.bincount(building[common > 1.0], minlength=len(buildings)) > 1).sum())


def rounding(cells: np.ndarray, community: np.ndarray, load: np.ndarray) -> float:
    """Return the spread that whole numbers of cells in each community leave, all cells even."""
    total, count = np.bincount(community, load), np.bincount(community)
    even = (total / count)[community]
    return float(even.std() / even.mean()) if len(cells) else 0.0


def banner() -> gk.District:
    """Return the town of `demo` in a land of 320 by 320 km with a few roads and 400 herders."""
    town = gk.make_city("demo").district
    middle = shapely.get_coordinates(town.boundary.centroid.iloc[0])[0]
    half, far = 160_000, 150_000
    roads = []
    for k in range(-far, far + 1, 30_000):
        roads.append(shapely.linestrings(middle + [[-half, k], [half, k + 5_000]]))
        roads.append(shapely.linestrings(middle + [[k, -half], [k - 4_000, half]]))
    edge = shapely.get_coordinates(shapely.get_exterior_ring(town.boundary.geometry.iloc[0]))
    outskirts = shapely.linestrings(edge)
    at = middle + np.random.default_rng(0).uniform(-far, far, (400, 2))
    herders = shapely.box(*at.T, *(at + [20, 12]).T)
    frames = {
        "boundary": {"geometry": [shapely.box(*(middle - half), *(middle + half))]},
        "streets": {"geometry": [*town.streets.geometry, *roads, outskirts]},
        "buildings": {
            "households": [*town.buildings["households"], *[1] * len(herders)],
            "geometry": [*town.buildings.geometry, *herders],
        },
    }
    layers = {name: gpd.GeoDataFrame(columns, crs=town.crs) for name, columns in frames.items()}
    return gk.District("banner", **layers, water=town.water)


def divide_banner() -> bool:
    district = banner()
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # streets that end at the edge of the land
        cells = gk.divide(district, per_cell=300)
    cpu, load = time.process_time() - start, cells["load"]
    exact = shapely.coverage_is_valid(cells.geometry.to_numpy(), gap_width=1.0)
    hectares = cells["area_m2"] / 1e4
    print(
        f"{district.boundary.area.sum() / 1e6:,.0f} km² around one town: {len(cells)} cells of "
        f"{hectares.min():.1f} to {hectares.max():,.0f} ha, CV {load.std() / load.mean():.3f}, "
        f"exact coverage {exact}, {cpu:.2f} s CPU (≤ 10)"
    )
    return bool(cpu <= 10 and exact)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1)
    missed = 0
    for seed in range(parser.parse_args().seeds):
        start = time.process_time()
        district = gk.make_city("zhifu", seed=seed).district
        print(f"seed {seed}: city made in {time.process_time() - start:.1f} s CPU")
        start, wall = time.process_time(), time.perf_counter()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            cells = gk.divide(district, into=CELLS, progress=sys.stdout, lang="en")
        cpu, wall = time.process_time() - start, time.perf_counter() - wall
        shapes, load = cells.geometry.to_numpy(), cells["load"].to_numpy()
        community = np.unique(cells["community_code"], return_inverse=True)[1]
        mean = (np.bincount(community, load) / np.bincount(community))[community]
        off = load[mean > 0] / mean[mean > 0] - 1  # in hills nobody lives
        round_ = 4 * np.pi * shapely.area(shapes) / shapely.length(shapes) ** 2
        homes = district.communities.set_index("community_code").geometry
        outside = shapely.difference(shapes, homes[cells["community_code"]].to_numpy())
        figures = {
            "CPU s (≤ 20)": (cpu, cpu <= 20),
            "CV against the community's mean (≤ 0.055)": (off.std(), off.std() <= 0.055),
            "share within 10 % (≥ 0.93)": (
                (np.abs(off) <= 0.1).mean(),
                (np.abs(off) <= 0.1).mean() >= 0.93,
            ),
            "mean Polsby-Popper": (round_.mean(), True),
            "cells": (len(cells), len(cells) == CELLS),
            "cells in several parts": (
                (shapely.get_num_geometries(shapes) > 1).sum(),
                (shapely.get_num_geometries(shapes) == 1).all(),
            ),
            "cells over 1 m² outside their community": (
                (shapely.area(outside) > 1).sum(),
                (shapely.area(outside) <= 1).all(),
            ),
            "empty cells": (shapely.is_empty(shapes).sum(), not shapely.is_empty(shapes).any()),
        }
        cut = buildings_cut(shapes, district.buildings.geometry.to_numpy())
        figures["buildings cut"] = (cut, cut == 0)
        exact = shapely.coverage_is_valid(shapes, gap_width=1.0)
        figures["exact coverage"] = (exact, exact)
        for name, (value, holds) in figures.items():
            missed += not holds
            print(f"  {name:44s} {float(value):10.4f}  {'' if holds else 'MISSED'}")
        even = rounding(shapes, community, load)
        print(f"  wall {wall:.1f} s; spread from rounding alone {even:.4f}")
        print(f"  cells without any load: {(load == 0).sum()}; told: {len(told)} warning(s)")
        for each in told:
            print("   ", str(each.message).splitlines()[0][:150])
    missed += not divide_banner()
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
