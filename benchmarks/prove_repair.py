"""Proof of the repair: broken grids of many kinds, each mended with a report or refused.

Run ``python benchmarks/prove_repair.py [--each 500]``. The kinds, and the laws that a mended grid
must keep, are those of ``tests/division/breakage.py``, in plain shapely. Each grid is tried with
and without its district. Counts by kind, the worst IoU of a cell and every broken law are printed;
the exit status tells.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from gridkit import District, GridkitError, repair_cells

PLACE = Path(__file__).parent.parent / "tests" / "division" / "breakage.py"
SPEC = importlib.util.spec_from_file_location("breakage", PLACE)
breakage = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(breakage)


def one(kind: str, seed: int) -> tuple[str, float]:
    """Return what came of one broken grid, and the worst IoU."""
    rng = np.random.default_rng([seed, list(breakage.KINDS).index(kind)])
    sound = breakage.sound_grid(rng)
    broken = breakage.KINDS[kind](sound, rng)
    whole = shapely.union_all(sound.geometry.to_numpy())
    district = None
    if seed % 2:
        district = District("Town", gpd.GeoDataFrame(geometry=[whole], crs=sound.crs))
    try:
        repair = repair_cells(broken, district)
    except GridkitError as error:
        return ("refused" if error.en and error.zh else "refused without a reason"), 1.0
    boundary = whole if district is not None else None
    wrong = breakage.faults(broken, repair.cells, repair.changes, boundary)
    return ", ".join(wrong) or "mended", float(repair.changes["iou"].min())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=500)
    parser.add_argument("--kind", choices=list(breakage.KINDS))
    args = parser.parse_args()
    failed = 0
    print(f"{'kind':<22}{'mended':>8}{'refused':>9}{'wrong':>7}{'worst IoU':>11}{'s':>7}")
    for kind in [args.kind] if args.kind else breakage.KINDS:
        begin = time.process_time()
        results = [one(kind, seed) for seed in range(args.each)]
        ends = [end for end, _ in results]
        wrong = {k: end for k, end in enumerate(ends) if end not in ("mended", "refused")}
        worst = min((iou for end, iou in results if end == "mended"), default=float("nan"))
        spent = time.process_time() - begin
        counts = ends.count("mended"), ends.count("refused"), len(wrong)
        print(f"{kind:<22}{counts[0]:>8}{counts[1]:>9}{counts[2]:>7}{worst:>11.3f}{spent:>7.1f}")
        for seed, end in list(wrong.items())[:3]:
            print(f"    seed {seed}: {end}")
        failed += len(wrong)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
