"""The made city in Zhifu's size: how long it takes, how large it is, and whether its laws hold.

Run: ``python benchmarks/bench_city.py [seed ...]``. Times are CPU seconds of this process.
"""

from __future__ import annotations

import gc
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

import gridkit as gk

if TYPE_CHECKING:
    from gridkit.demo.city import City


def laws(city: City, blocks: gk.Blocks) -> dict[str, bool]:
    """Return each law and whether it holds."""
    district = city.district
    shapes = district.communities.geometry.array
    water = district.water.geometry.union_all()
    land = district.boundary.geometry.iloc[0].difference(water)
    buildings = district.buildings.geometry.array
    hits = shapely.STRtree(shapes).query(buildings, predicate="covered_by")
    streets = shapely.STRtree(district.streets.geometry.array)
    near = streets.query(buildings, predicate="dwithin", distance=4.0)
    river = district.water.set_index("kind").geometry["river"]
    dry = district.streets[~district.streets["bridge"]].geometry.array
    wet = shapely.intersection(dry, shapely.buffer(river, -0.02))
    cells = blocks.blocks.geometry.array
    xy = shapely.get_coordinates(district.streets.geometry.array)
    held = city.roster["最多负责网格数"].astype(int).groupby(city.roster["角色"]).sum()
    return {
        "communities tile the land": shapely.coverage_is_valid(shapes, gap_width=1.0)
        and shapely.coverage_union_all(shapes).symmetric_difference(land).area < 1e-3,
        "names of communities are unique": district.communities["name"].is_unique,
        "161 streets and communities": len(shapes) + district.communities["street_code"].nunique()
        == 161,
        "at least 30,000 blocks, an exact coverage": len(cells) >= 30_000
        and shapely.coverage_is_valid(cells, gap_width=0.1),
        "one polygon each, no sliver": bool(
            (shapely.get_type_id(cells) == shapely.GeometryType.POLYGON).all()
            and (blocks.blocks["area_m2"] > 700).all()
            and (2 * shapely.area(cells) / shapely.length(cells) > 14).all()
        ),
        "each building in one community": np.array_equal(
            np.sort(hits[0]), np.arange(len(buildings))
        ),
        "no building on a street": near.size == 0,
        "the river is crossed on bridges only": bool((shapely.length(wet) < 0.05).all()),
        "whole centimetres": bool(np.abs(xy * 100 - np.round(xy * 100)).max() < 1e-4),
        "households are the plan's": blocks.blocks["load"].sum() == city.per_cell * city.cells,
        "people for every cell in each role": bool((held >= 1.1 * city.cells).all()),
    }


def run(seed: int) -> bool:
    """Make, measure and check one city."""
    start = time.process_time()
    city = gk.make_city("zhifu", seed=seed)
    made = time.process_time()
    most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    blocks = gk.street_blocks(city.district)
    cut = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        files = gk.write_city(city, folder)
        size_mb = sum(Path(file).stat().st_size for file in files) / 1e6
    written = time.process_time()
    area = blocks.blocks["area_m2"]
    quantiles = " / ".join(f"{q:,.0f}" for q in area.quantile([0.01, 0.5, 0.99]))
    print(f"seed {seed}")
    print(f"  make_city {made - start:.1f} s, at most {most_mb:,.0f} MB")
    print(f"  street_blocks {cut - made:.1f} s; files {written - cut:.1f} s, {size_mb:.0f} MB")
    print(
        f"  {city.district.boundary.area.sum() / 1e6:.1f} km², {len(blocks.blocks):,} blocks"
        f" ({len(blocks.healed)} healed, {len(blocks.unhealed)} unhealed),"
        f" {len(city.district.communities)} communities"
    )
    print(f"  block area, 1 / 50 / 99 %: {quantiles} m²")
    print(
        f"  {len(city.district.streets):,} streets, {len(city.district.buildings):,} buildings,"
        f" {len(city.roster):,} people, {len(city.reports):,} reports, {city.cells:,} cells"
    )
    found = laws(city, blocks)
    for law, holds in found.items():
        print(f"  {'holds ' if holds else 'BROKEN'} {law}")
    return all(found.values())


def main() -> int:
    """Check the cities of the seeds given; 0 to 2 by default."""
    sound = []
    for seed in [int(arg) for arg in sys.argv[1:]] or [0, 1, 2]:
        sound.append(run(seed))
        gc.collect()
    return 0 if all(sound) else 1


if __name__ == "__main__":
    sys.exit(main())
