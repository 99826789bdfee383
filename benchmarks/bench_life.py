"""A cell's life and a plan's file at the size of a city; no peer does these, so no ratios.

Run ``python benchmarks/bench_life.py [cells] [folder]``. The made city has crooked cells of about a
hectare in communities of 46, three streets in four named, and one person for each cell. Each row
is CPU seconds, the best of three; the laws are checked beside them, so that speed is of a right
result.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

import gridkit as gk

CRS, PITCH, X0, Y0 = 4549, 100.0, 500_000.0, 4_150_000.0


def city(n: int) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return about `n` cells between crooked streets, and the streets."""
    rng = np.random.default_rng(0)
    nx = 46 * max(1, round(np.sqrt(n) / 46))
    ny = max(1, round(n / nx))
    x, y = np.meshgrid(np.arange(nx + 1) * PITCH + X0, np.arange(ny + 1) * PITCH + Y0)
    knots = np.stack([x, y], axis=-1)
    knots[1:-1, 1:-1] += rng.uniform(-18, 18, (ny - 1, nx - 1, 2))
    lines = [*knots, *knots.transpose(1, 0, 2)]
    corners = np.stack([knots[:-1, :-1], knots[:-1, 1:], knots[1:, 1:], knots[1:, :-1]], axis=2)
    shapes = shapely.polygons(corners.reshape(-1, 4, 2))
    block = np.arange(nx * ny)
    row, column = block // nx, block % nx
    number = row * (nx // 46) + column // 46
    community = [f"370602{1 + k // 900:03d}{1 + k % 900:03d}" for k in number]
    cells = gpd.GeoDataFrame(
        {"community_code": community, "load": rng.integers(100, 500, len(shapes)).astype(float)},
        geometry=shapes,
        crs=CRS,
    )
    names = [None if k % 4 == 3 else f"街{k}" for k in range(len(lines))]
    geometry = [shapely.LineString(line) for line in lines]
    streets = gpd.GeoDataFrame({"name": names}, geometry=geometry, crs=CRS)
    return gk.number_cells(cells), streets


def best(work, times: int = 3):
    """Return the result and the least CPU time."""
    took = []
    for _ in range(times):
        start = time.process_time()
        result = work()
        took.append(time.process_time() - start)
    return result, min(took)


def require_exact(cells: gpd.GeoDataFrame, before: gpd.GeoDataFrame) -> None:
    """Stop unless the newest map is an exact coverage of the same land and load."""
    live = gk.cells_at(cells)
    shapes = live.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes, gap_width=0.01)
    assert abs(shapely.area(shapes).sum() - before.area.sum()) < 1e-3
    assert abs(live["load"].sum() - before["load"].sum()) < 1e-6


def main(n: int, folder: Path) -> None:
    cells, streets = city(n)
    middle = len(cells) // 2
    code, beside = cells["cell_code"].iloc[middle], cells["cell_code"].iloc[middle + 1]
    west, south, east, north = cells.total_bounds
    warnings.simplefilter("ignore", gk.GridkitWarning)
    road = gpd.GeoSeries(
        [shapely.LineString([(west - 9, south + 333), (east + 9, north - 444)])], crs=CRS
    )
    facts = {"at": "2026-07-01", "reason": "benchmark"}
    rows = []
    for name, work in {
        "split one cell in 3": lambda: gk.split_cell(cells, code, 3, **facts),
        "merge two cells": lambda: gk.merge_cells(cells, [code, beside], **facts),
        "a road across the city": lambda: gk.redivide(cells, road, **facts),
    }.items():
        edit, seconds = best(work)
        require_exact(edit.cells, cells)
        rows.append((name, seconds, f"{len(edit.lineage)} lineage rows"))
    texts, seconds = best(lambda: gk.four_bounds(cells, streets))
    assert texts.str.len().min() > 8
    rows.append(("four bounds", seconds, f"{len(texts)} texts"))
    roster = pd.DataFrame({"person_id": [f"p{k}" for k in range(len(cells))], "role": "cleaner"})
    district = gk.district_of(cells, name="Bench")
    plan = gk.Plan(district, edit.cells, roster=roster, lineage=edit.lineage)
    path = folder / "bench.gpkg"
    _, seconds = best(lambda: plan.save(path))
    rows.append(("save the plan", seconds, f"{path.stat().st_size / 1e6:.1f} MB"))
    again, seconds = best(lambda: gk.Plan.load(path))
    assert again.cells.geometry.to_wkb().equals(plan.cells.geometry.to_wkb())
    rows.append(("load and verify", seconds, f"{len(again.cells)} rows of cells"))
    check, seconds = best(plan.certificate)
    rows.append(("  of which the checks", seconds, f"{len(check)} rules"))
    print(f"{len(cells)} cells, {len(streets)} streets; CPU s, best of 3")
    for name, seconds, note in rows:
        print(f"{name:26}{seconds:8.2f}  {note}")


if __name__ == "__main__":
    shelf = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp())
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7_840, shelf)
