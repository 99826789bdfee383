"""Wrong datums and swapped axes in made towns where the five programmes are: found, false alarms.

Run ``python benchmarks/bench_datum.py [--cases 1000]``. A town is an irregular outline with a
turned lattice of streets, jittered and with streets missing; reports lie along the streets with a
few metres of error, some of them inside blocks, some just outside the outline.
"""

from __future__ import annotations

import argparse
import time

import geopandas as gpd
import numpy as np
import shapely

import gridkit as gk

CITIES = {
    "Zhifu": (121.39, 37.54),
    "Zhoutou": (114.27, 30.57),
    "Ejina": (101.06, 41.96),
    "Jiefang": (113.23, 35.24),
    "Baotou": (109.84, 40.66),
}
READINGS = [(d, s) for d in ("wgs84", "gcj02", "bd09") for s in (False, True)]


def town(rng: np.random.Generator, middle: tuple[float, float]) -> gk.District:
    """Return a town 4 to 14 km wide."""
    crs = gk.suggest_crs(middle)
    x, y = (
        gpd.GeoSeries(gpd.points_from_xy(*np.array(middle)[:, None]), crs=4326)
        .to_crs(crs)[0]
        .coords[0]
    )
    radius = rng.uniform(2_000, 7_000)
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = radius * (1 + 0.25 * np.sin(3 * turn + rng.uniform(0, 6)) + rng.normal(0, 0.05, 40))
    outline = shapely.Polygon(np.column_stack([x + ring * np.cos(turn), y + ring * np.sin(turn)]))
    lines = []
    angle, step = rng.uniform(0, np.pi), rng.uniform(120, 350)
    for direction in (angle, angle + np.pi / 2):
        along = np.array([np.cos(direction), np.sin(direction)])
        across = np.array([-along[1], along[0]])
        offset = np.arange(-1.5 * radius, 1.5 * radius, step)
        offset = offset + rng.normal(0, step / 8, offset.size)
        for at in offset[rng.random(offset.size) < 0.85]:
            ends = [(x, y) + across * at + along * s * 1.5 * radius for s in (-1, 1)]
            lines.append(shapely.LineString(ends))
    kept = shapely.intersection(np.array(lines), outline)
    streets = gpd.GeoDataFrame(geometry=kept[~shapely.is_empty(kept)], crs=crs)
    boundary = gpd.GeoDataFrame(geometry=[outline.buffer(0)], crs=crs)
    return gk.District(name="", boundary=boundary, streets=streets)


def reports(rng: np.random.Generator, district: gk.District, n: int) -> np.ndarray:
    """Return degrees (WGS84) of reports in a town."""
    lines = shapely.get_parts(district.streets.geometry.to_numpy())
    picked = lines[rng.choice(len(lines), n, p=shapely.length(lines) / shapely.length(lines).sum())]
    at = shapely.get_coordinates(
        shapely.line_interpolate_point(picked, rng.random(n), normalized=True)
    )
    spread = np.where(rng.random(n) < 0.15, 60.0, 8.0)
    at = at + rng.normal(0, 1, (n, 2)) * spread[:, None]
    points = gpd.GeoSeries(gpd.points_from_xy(*at.T), crs=district.crs).to_crs(4326)
    return shapely.get_coordinates(points.to_numpy())


def as_written(degrees: np.ndarray, datum: str, *, swapped: bool) -> np.ndarray:
    lon, lat = gk.to_datum(*degrees.T, source="wgs84", target=datum)
    return np.column_stack([lat, lon] if swapped else [lon, lat])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1_000)
    cases = parser.parse_args().cases
    for streets in (True, False):
        found = unsure = false = 0
        start = time.process_time()
        for case in range(cases):
            rng = np.random.default_rng(case)
            city = list(CITIES.values())[case % len(CITIES)]
            district = town(rng, city)
            degrees = reports(rng, district, int(rng.integers(200, 1_500)))
            datum, swapped = READINGS[case // len(CITIES) % len(READINGS)]
            said = gk.suggest_datum(
                as_written(degrees, datum, swapped=swapped),
                district,
                None if streets else district.streets.iloc[:0],
            )
            right = (said.datum, said.swapped) == (datum, swapped)
            found += right and said.certain
            false += said.certain and not right
            unsure += not said.certain
        each = (time.process_time() - start) / cases * 1e3
        print(
            f"{'with streets' if streets else 'outline alone':16}{cases:,} cases: right, certain "
            f"{found / cases:.2%}, wrong, certain {false / cases:.2%}, unsure "
            f"{unsure / cases:.2%}; {each:.0f} ms each with the town",
            flush=True,
        )


if __name__ == "__main__":
    main()
