"""Speed of the certificate on a made grid: seconds of CPU, and the slowest rules.

Run ``python benchmarks/bench_check.py [--cells 7840 26000]``. The borders have the detail of about
five blocks a cell; there are about 170 communities, streets and a building on each block.
"""

from __future__ import annotations

import argparse
import time

import geopandas as gpd
import numpy as np
import shapely

from gridkit import District, number_cells
from gridkit.division import checks

CRS = 4549
CELL_M = 147.0


def made(n: int, seed: int = 0) -> tuple[gpd.GeoDataFrame, District]:
    """Return about n cells with crooked borders of eight edges a side, and their district."""
    rng = np.random.default_rng(seed)
    side = round(n**0.5)
    fine = 8
    x, y = np.meshgrid(np.arange(side * fine + 1.0), np.arange(side * fine + 1.0))
    knots = np.stack([x, y], axis=-1) * (CELL_M / fine)
    knots[1:-1, 1:-1] += rng.uniform(-5, 5, (*knots[1:-1, 1:-1].shape[:2], 2))
    knots = np.round(knots, 2) + [600_000.0, 4_150_000.0]
    block = max(side // 13, 1)
    shapes, community = [], []
    for j in range(side):
        for i in range(side):
            a, b, c, d = i * fine, (i + 1) * fine, j * fine, (j + 1) * fine
            ring = np.concatenate(
                [knots[c, a:b], knots[c:d, b], knots[d, b:a:-1], knots[d:c:-1, a]]
            )
            shapes.append(shapely.polygons(ring))
            community.append(min(j // block, 12) * 13 + min(i // block, 12) + 1)
    number = np.array(community)
    codes = [f"370602{k // 20 + 1:03d}{k:03d}" for k in number]
    cells = gpd.GeoDataFrame({"community_code": codes}, geometry=shapes, crs=CRS)
    cells["street_code"] = cells["community_code"].str[:9]
    cells["load"] = rng.uniform(200, 400, len(cells))
    cells = number_cells(cells)
    names, which = np.unique(codes, return_inverse=True)
    areas = np.array([shapely.coverage_union_all(np.array(shapes)[which == k])
                      for k in range(len(names))])  # fmt: skip
    communities = gpd.GeoDataFrame(
        {"community_code": names, "street_code": [c[:9] for c in names]}, geometry=areas, crs=CRS
    )
    homes = shapely.centroid(np.repeat(shapes, 5))
    xy = shapely.get_coordinates(homes) + rng.uniform(-60, 60, (len(homes), 2))
    buildings = gpd.GeoDataFrame(
        geometry=shapely.box(xy[:, 0], xy[:, 1], xy[:, 0] + 12, xy[:, 1] + 9), crs=CRS
    )
    whole = gpd.GeoDataFrame(geometry=[shapely.coverage_union_all(areas)], crs=CRS)
    return cells, District("Made", whole, communities=communities, buildings=buildings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[7840, 26_000])
    for n in parser.parse_args().cells:
        cells, district = made(n)
        begin = time.process_time()
        findings = checks.check_cells(cells, district)
        spent = time.process_time() - begin
        errors = (findings["severity"] == "error").sum()
        print(f"{len(cells):,} cells, {len(district.buildings):,} buildings, "
              f"{shapely.get_num_coordinates(cells.geometry.to_numpy()).sum():,} vertices: "
              f"{spent:.2f} s CPU, {errors} errors")  # fmt: skip
        case = checks._case(cells, district, None, None)
        times = []
        for name, _, rule, _ in checks.RULES:
            begin = time.process_time()
            rule(case)
            times.append((time.process_time() - begin, name))
        print("   ", ", ".join(f"{name} {t:.2f}" for t, name in sorted(times)[:-7:-1]))


if __name__ == "__main__":
    main()
