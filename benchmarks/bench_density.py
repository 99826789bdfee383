"""Density of a million points in bins of 25 m, corrected at the border: time and exactness.

python benchmarks/bench_density.py [--points 1000000]

Beside it scipy's gaussian_kde on a sample of the same points: it knows no border and no metres.
"""

from __future__ import annotations

import argparse
import time

import geopandas as gpd
import numpy as np
import shapely
from scipy.stats import gaussian_kde

import gridkit as gk

H = 150.0


def made(n: int, seed: int = 0) -> tuple[gpd.GeoSeries, shapely.Polygon]:
    """Return points in sixty clusters and a ragged district of about 270 km²."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 400)[:-1]
    radius = 9000 * (1 + 0.15 * np.sin(5 * angle) + 0.02 * rng.standard_normal(len(angle)))
    ring = np.c_[620_000 + radius * np.cos(angle), 4_155_000 + radius * np.sin(angle)]
    middle, which = rng.uniform(-6000, 6000, (60, 2)), rng.integers(0, 60, n)
    xy = middle[which] + rng.normal(0, 700, (n, 2)) + [620_000, 4_155_000]
    return gpd.GeoSeries.from_xy(*xy.T, crs=4549), shapely.Polygon(ring)


def exact(xy: np.ndarray, land: shapely.Polygon, places: np.ndarray) -> np.ndarray:
    """Return the sum over all points at places, over the kernel's land by fine squares."""
    inside = xy[shapely.intersects_xy(land, *xy.T)]
    found = []
    for place in places:
        near = inside[np.abs(inside - place).max(axis=1) < 6 * H]
        total = np.exp(-((near - place) ** 2).sum(axis=1) / (2 * H * H)).sum()
        fine = np.arange(-6 * H, 6 * H, 4.0) + 2.0
        x, y = np.meshgrid(place[0] + fine, place[1] + fine)
        weight = np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * H * H)) * 16.0
        land_near = (weight * shapely.contains_xy(land, x, y)).sum()
        found.append(total / land_near * 1e6)
    return np.array(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    asked = parser.parse_args()
    points, land = made(asked.points)
    gk.density(points.iloc[:1000], within=land)  # imports
    times = []
    for _ in range(7):
        start = time.perf_counter()
        heat = gk.density(points, within=land)
        times.append(time.perf_counter() - start)
    print(f"density of {heat.n:,} points, {heat.values.shape} bins: ", end="")
    print(f"best {min(times):.3f} s, median {sorted(times)[3]:.3f} s")
    rng = np.random.default_rng(1)
    rows, columns = np.nonzero(heat.values > 0.02 * np.nanmax(heat.values))
    chosen = rng.choice(len(rows), 300, replace=False)
    rim = np.flatnonzero(np.isnan(np.roll(heat.values, 1, axis=1))[rows, columns])
    chosen = np.r_[chosen, rng.choice(rim, min(100, len(rim)), replace=False)]
    rows, columns = rows[chosen], columns[chosen]
    places = np.c_[heat.x0 + (columns + 0.5) * 25, heat.y0 + (rows + 0.5) * 25]
    truth = exact(shapely.get_coordinates(points.to_numpy()), land, places)
    off = np.abs(heat.values[rows, columns] / truth - 1)
    print(f"from the exact sum, {len(off)} places, 100 at the border: at most {off.max():.2%}")
    sample = shapely.get_coordinates(points.to_numpy())[:2_000].T
    start = time.perf_counter()
    gaussian_kde(sample)(places.T)
    print(f"scipy gaussian_kde of 2,000 points there: {time.perf_counter() - start:.3f} s")


if __name__ == "__main__":
    main()
