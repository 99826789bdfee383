"""Blocks and cells from real streets: is every cell whole, and what had to be healed?

Run ``GRIDKIT_DATA=<folder> python benchmarks/real_division.py [--out <folder>]``. The folder holds
street networks of Salt Lake City, Douala and the centre of Helsinki from OpenStreetMap, which are
not part of gridkit; without it the run says so and ends. With ``--out`` pictures are drawn there.

A line for each town: street lines, faces of those that divide, slivers among them, blocks, what was
healed by kind, what could not be, cells, seconds of CPU. Faults (slivers, gaps, overlaps, cells in
several pieces, invalid or empty) are listed below; the exit code is their number.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

import gridkit as gk

FAULTS = ("GAP", "OVERLAP", "MULTIPART", "INVALID_GEOMETRY", "EMPTY")
SLIVER_M2 = 500
PER_CELL = 4
"""Blocks a cell on average: enough to see groups, and few enough for a quick run."""


@dataclass(frozen=True)
class Town:
    name: str
    file: str
    view_m: float


@dataclass(frozen=True)
class Result:
    district: gk.District
    raw: gk.Blocks
    made: gk.Blocks
    cells: gpd.GeoDataFrame
    findings: gpd.GeoDataFrame
    seconds: dict[str, float]


TOWNS = (
    Town("Salt Lake City", "streets/slc_osm.parquet", 2_000),
    Town("Douala", "streets/douala_osm.parquet", 2_000),
    Town("Helsinki centre", "streets/helsinki_centre.osm.pbf", 900),
)


def divide(district: gk.District) -> Result:
    clock = {"start": time.process_time()}
    # What comes out when nothing is healed: the same lines, noded and polygonized.
    raw = gk.street_blocks(district, min_area_m2=0, min_width_m=0, gap_m=0)
    clock["raw"] = time.process_time()
    made = gk.street_blocks(district)
    clock["blocks"] = time.process_time()
    into = max(len(made.blocks) // PER_CELL, 1)
    heavy = 0.5 * made.blocks["load"].sum() / into
    split = gk.split_blocks(made.blocks, max_load=heavy, buildings=district.buildings)
    clock["split"] = time.process_time()
    cells = gk.group(split.blocks.drop(columns="part_of"), into=into, within=None)
    cells = gk.number_cells(cells, prefix="C", digits=5)
    clock["cells"] = time.process_time()
    findings = gk.check_cells(cells, district, lang="en")
    clock["check"] = time.process_time()
    names = list(clock)
    seconds = {b: clock[b] - clock[a] for a, b in itertools.pairwise(names)}
    return Result(district, raw, made, cells, findings, seconds)


def faults(result: Result) -> list[str]:
    blocks, kept = result.made.blocks, result.made.unhealed["block_id"]
    slivers = blocks[blocks["area_m2"] < SLIVER_M2]
    found = [f"sliver {row.block_id}: {row.area_m2:.0f} m²" for row in slivers.itertuples()]
    found += [f"unhealed {name}" for name in kept]
    if set(blocks.geom_type) != {"Polygon"}:
        found.append("blocks in several pieces")
    if not shapely.coverage_is_valid(blocks.geometry.to_numpy(), gap_width=0.05):
        found.append("blocks do not share their vertices")
    bad = result.findings[result.findings["rule"].isin(FAULTS)]
    bad = bad[bad["severity"].isin(["error", "warning"])]
    return found + [f"{row.rule}: {row.detail}" for row in bad.itertuples()]


def line(town: Town, result: Result) -> str:
    raw, made = result.raw.blocks, result.made
    kinds = made.healed["kind"].value_counts()
    healed = ", ".join(f"{kind} {n}" for kind, n in kinds.items()) or "nothing"
    times = ", ".join(f"{name} {seconds:.1f}" for name, seconds in result.seconds.items())
    return (
        f"{town.name}: {len(result.district.streets):,} lines, {len(raw):,} faces with "
        f"{(raw['area_m2'] < SLIVER_M2).sum()} under {SLIVER_M2} m²; {len(made.blocks):,} blocks "
        f"with {(made.blocks['area_m2'] < SLIVER_M2).sum()}; healed: {healed}; "
        f"unhealed: {len(made.unhealed)}; {len(result.cells):,} cells; CPU s: {times}"
    )


def draw(town: Town, result: Result, folder: Path) -> None:
    """Draw blocks with what was healed in them, and cells, in the densest part of the town."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    middle = shapely.get_coordinates(shapely.centroid(result.made.blocks.geometry.to_numpy()))
    x, y = np.median(middle, axis=0)
    r = town.view_m
    blocks, healed, cells, streets = (
        frame.cx[x - r : x + r, y - r : y + r]
        for frame in (
            result.made.blocks,
            result.made.healed,
            result.cells,
            result.district.streets,
        )
    )
    figure, (left, right) = plt.subplots(1, 2, figsize=(26, 13))
    for axes, areas in ((left, blocks), (right, cells)):
        shades = plt.cm.Pastel2(np.random.default_rng(0).integers(0, 8, len(areas)))
        areas.plot(ax=axes, color=shades, edgecolor="black", linewidth=0.8)
        axes.set(xlim=(x - r, x + r), ylim=(y - r, y + r))
        axes.set_axis_off()
    streets.plot(ax=left, color="grey", linewidth=0.4)
    colours = {"dual_carriageway": "red", "junction": "blue", "sliver": "green"}
    for kind, colour in colours.items():
        part = healed[healed["kind"] == kind]
        if len(part):
            part.plot(ax=left, color=colour, alpha=0.5)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(
        folder / f"{Path(town.file).name.split('.')[0]}.png", dpi=60, bbox_inches="tight"
    )
    plt.close(figure)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, help="folder for pictures")
    out = parser.parse_args().out
    if "GRIDKIT_DATA" not in os.environ:
        print("GRIDKIT_DATA is not set: no real streets here, nothing is measured.")
        return 0
    missed = 0
    for town in TOWNS:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", gk.GridkitWarning)
            result = divide(gk.read_district(Path(os.environ["GRIDKIT_DATA"]) / town.file))
        print(line(town, result))
        for warning in {str(w.message).split("\n")[0] for w in said}:
            print("  warned:", warning)
        found = faults(result)
        missed += len(found)
        for fault in found:
            print("  FAULT", fault)
        if out is not None:
            draw(town, result, out)
    return missed


if __name__ == "__main__":
    sys.exit(main())
