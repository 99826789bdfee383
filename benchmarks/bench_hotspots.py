"""Gi* on the cells of a district: cold process, beside esda where it is installed.

python benchmarks/bench_hotspots.py [--cells 7840]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import warnings

import numpy as np
import pandas as pd

import gridkit as gk

COLD = """
import time; start = time.perf_counter()
import geopandas as gpd, gridkit as gk
cells = gpd.read_file({path!r})
read = time.perf_counter(); gk.hotspots(cells, "per_km2")
end = time.perf_counter()
print(f"cold process: {{end - start:.2f}} s with imports and reading, Gi* {{end - read:.2f}} s")
"""


def made(n: int, seed: int = 0):
    """Make a lattice of cells with two clusters of reports per square kilometre."""
    import geopandas as gpd
    import shapely

    wide = int(np.ceil(np.sqrt(n)))
    i, j = np.arange(n) % wide, np.arange(n) // wide
    rng = np.random.default_rng(seed)
    heat = 160 * np.exp(-((i - 20) ** 2 + (j - 30) ** 2) / 60) - 20 * np.exp(
        -((i - 60) ** 2 + (j - 60) ** 2) / 90
    )
    values = rng.gamma(2.0, 20.0, n) + heat
    boxes = shapely.box(100 * i, 100 * j, 100 * i + 100, 100 * j + 100)
    table = {"cell_code": [f"C{k:05}" for k in range(n)], "per_km2": values}
    return gpd.GeoDataFrame(table, geometry=boxes, crs=4549)


def beside_esda(cells, ours: pd.DataFrame) -> None:
    """Compare z and doubled folded p with those of esda, neighbours and permutations the same."""
    try:
        from esda.getisord import G_Local
        from libpysal.weights import W
    except ImportError:
        print("esda is not installed: not compared")
        return
    from gridkit.division.neighbours import shared_borders

    i, j, _ = shared_borders(cells.geometry.to_numpy())
    lists: dict[int, list[int]] = {k: [] for k in range(len(cells))}
    for a, b in zip(i.tolist(), j.tolist(), strict=True):
        lists[a].append(b)
        lists[b].append(a)
    with warnings.catch_warnings(action="ignore"):
        start = time.perf_counter()
        peer = G_Local(
            cells["per_km2"].to_numpy(), W(lists, silence_warnings=True), star=True,
            transform="B", permutations=999, seed=1, n_jobs=1,
        )  # fmt: skip
        seconds = time.perf_counter() - start
    print(f"esda: {seconds:.2f} s")
    z = np.corrcoef(ours["z"], peer.Zs)[0, 1]
    p = np.corrcoef(ours["p"], np.minimum(2 * peer.p_sim, 1))[0, 1]
    print(f"  z correlates {z:.5f}, doubled folded p {p:.5f}")


def main() -> None:
    import tempfile
    from pathlib import Path

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=7_840)
    args = parser.parse_args()
    cells = made(args.cells)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "cells.gpkg")
        cells.to_file(path)
        subprocess.run([sys.executable, "-c", COLD.format(path=path)], check=True)
    start = time.perf_counter()
    ours = gk.hotspots(cells, "per_km2")
    print(f"warm: {time.perf_counter() - start:.2f} s; {ours['kind'].value_counts().to_dict()}")
    beside_esda(cells, ours)
    rng = np.random.default_rng(2)
    runs = 100
    false = sum(
        gk.hotspots(cells, pd.Series(rng.permutation(cells["per_km2"])), seed=i)["kind"]
        .ne("")
        .any()
        for i in range(runs)
    )
    print(f"shuffled: {runs - false} of {runs} runs without a discovery")


if __name__ == "__main__":
    main()
