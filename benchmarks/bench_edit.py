"""How long one edit by hand takes, its new certificate included: 300 cells and 7,840.

Run: python benchmarks/bench_edit.py

CPU seconds, medians of twelve splits and twelve merges. Up to 1,000 cells each edit is followed
by the certificate of the whole map, above by that of its surroundings; ``check`` is the whole.
"""

import itertools
import time

import geopandas as gpd
import numpy as np
import shapely

import gridkit as gk
from gridkit.publishing.editor_view import _picture

SIDE, EDGES = 80.0, 5
X0, Y0 = 531_000.0, 4_155_000.0


def crooked(nx, ny, seed=0):
    """Cells with crooked borders of `EDGES` pieces, 98 or so to a community."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(nx + 1) * SIDE, np.arange(ny + 1) * SIDE)
    knots = np.stack([x, y], axis=-1)
    knots[1:-1, 1:-1] += rng.uniform(-18, 18, (ny - 1, nx - 1, 2))
    knots = np.round(knots + [X0, Y0], 3)
    along = np.linspace(0, 1, EDGES + 1)[:, None]

    def edge(a, b):
        low, high = sorted((tuple(a), tuple(b)))
        points = np.round(np.array(low) * (1 - along) + np.array(high) * along, 3)
        return points if low == tuple(a) else points[::-1]

    shapes, communities = [], []
    for j, i in itertools.product(range(ny), range(nx)):
        ring = [knots[j, i], knots[j, i + 1], knots[j + 1, i + 1], knots[j + 1, i], knots[j, i]]
        shapes.append(
            shapely.Polygon(np.concatenate([edge(a, b)[:-1] for a, b in itertools.pairwise(ring)]))
        )
        communities.append(f"370602{1 + i // 14:03d}{1 + j // 7:03d}")
    load = rng.integers(50, 500, len(shapes)).astype(float)
    table = gpd.GeoDataFrame(
        {"community_code": communities, "load": load}, geometry=shapes, crs=4549
    )
    return gk.number_cells(table)


def district_of(cells):
    parts = cells.dissolve("community_code").reset_index()[["community_code", "geometry"]]
    whole = gpd.GeoDataFrame(geometry=[cells.union_all()], crs=cells.crs)
    return gk.District("Town", whole, communities=parts)


def clocked(times, act):
    start = time.process_time()
    result = act()
    times.append(time.process_time() - start)
    return result


def main():
    print("| cells | open | split + certificate | merge + certificate | undo | draw | check | MB |")
    print("|---|---|---|---|---|---|---|---|")
    for nx, ny in ((20, 15), (98, 80)):
        cells = crooked(nx, ny)
        district = district_of(cells)
        spent = {name: [] for name in ("open", "split", "merge", "undo", "draw", "check")}
        editor = clocked(spent["open"], lambda: gk.edit_cells(cells, district, at="2026-07-01"))  # noqa: B023
        corner = np.array([X0, Y0])
        for code in cells["cell_code"].sample(12, random_state=0):
            made = clocked(spent["split"], lambda: editor.split(code, 2))  # noqa: B023
            clocked(spent["merge"], lambda: editor.merge(made))  # noqa: B023
            clocked(spent["undo"], editor.undo)
            picture = clocked(spent["draw"], lambda: _picture(editor, corner))  # noqa: B023
        clocked(spent["check"], editor.check)
        size = sum(len(part) for part in picture["shapes"].values()) / 1e6
        figures = " | ".join(f"{np.median(times):.3f}" for times in spent.values())
        print(f"| {len(cells):,} | {figures} | {size:.1f} |")


if __name__ == "__main__":
    main()
