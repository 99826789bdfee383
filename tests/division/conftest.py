"""Small made districts, and independent looks at a result."""

from collections import deque
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, Polygon, box

from gridkit.intake.district import District

CRS = 4549
X0, Y0 = 500_000.0, 4_150_000.0


def frame(geoms, **columns):
    return gpd.GeoDataFrame(geometry=list(geoms), crs=CRS).assign(**columns)


def place(shape):
    """Move a shape drawn around (0, 0) to where the test district lies."""
    return shapely.transform(shape, lambda xy: xy + np.array([X0, Y0]))


def district(
    boundary, *, streets=None, communities=None, water=None, buildings=None, households=None
):
    """Build a district from shapes drawn around (0, 0)."""
    layers = {}
    if streets is not None:
        layers["streets"] = frame([place(LineString(s)) for s in streets])
    if communities is not None:
        layers["communities"] = frame(
            [place(c) for c in communities.values()],
            community_code=list(communities),
            street_code=[c[:9] for c in communities],
        )
    if water is not None:
        layers["water"] = frame([place(w) for w in water])
    if buildings is not None:
        layers["buildings"] = frame([place(b) for b in buildings], households=households)
    return District("Town", frame([place(boundary)]), **layers)


def town(nx=6, ny=5, *, pitch=100.0, jitter=0.0, seed=0, river=False, halves=True):
    """Build a town of nx × ny blocks; two communities, loose streets, a river between rows."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(nx + 1) * pitch, np.arange(ny + 1) * pitch)
    knots = np.stack([x, y], axis=-1)
    knots[1:-1, 1:-1] += rng.uniform(-jitter, jitter, (ny - 1, nx - 1, 2))
    streets = [knots[row, :] for row in range(1, ny)] + [knots[:, col] for col in range(1, nx)]
    whole = box(0, 0, nx * pitch, ny * pitch)
    communities = None
    if halves:
        middle = [tuple(p) for p in knots[:, nx // 2]]
        west = Polygon([*middle, (0, ny * pitch), (0, 0)])
        east = Polygon([*middle, (nx * pitch, ny * pitch), (nx * pitch, 0)])
        communities = {"370602001001": west, "370602001002": east}
    level = (ny // 2 + 0.5) * pitch
    water = [box(-10, level - 8, nx * pitch + 10, level + 9)] if river else None
    homes = rng.uniform(0.02, 0.98, (8 * nx * ny, 2)) * [nx * pitch, ny * pitch]
    buildings = [box(a, b, a + 6, b + 6) for a, b in homes]
    return district(
        whole,
        streets=streets,
        communities=communities,
        water=water,
        buildings=buildings,
        households=rng.integers(0, 40, len(buildings)),
    )


def squares(nx, ny, *, load=None, size=100.0, **columns):
    """Build nx × ny unit squares with a load each, row by row from the south-west."""
    geoms = [
        place(box(i * size, j * size, (i + 1) * size, (j + 1) * size))
        for j in range(ny)
        for i in range(nx)
    ]
    load = [1.0] * len(geoms) if load is None else load
    return frame(geoms, load=load, **columns)


def rook(geoms):
    """Return neighbours by pairwise intersection: slow, simple, independent."""
    near = {i: set() for i in range(len(geoms))}
    for i in range(len(geoms)):
        common = shapely.intersection(shapely.boundary(geoms[i]), shapely.boundary(geoms))
        for j in np.flatnonzero(shapely.length(common) > 0.05):
            if i != j:
                near[i].add(int(j))
                near[int(j)].add(i)
    return near


def in_one_piece(members, near):
    """Tell whether `members` are connected, by breadth-first search."""
    members = set(members)
    start = next(iter(members))
    seen, queue = {start}, deque([start])
    while queue:
        for j in near[queue.popleft()] & members - seen:
            seen.add(j)
            queue.append(j)
    return seen == members


def land(district):
    shape = district.boundary.geometry.iloc[0]
    if district.water is not None:
        shape = shape.difference(district.water.union_all())
    return shape


def assert_tiles(areas, shape, *, tolerance_m=0.02):
    """Assert that areas tile `shape`: no overlap at all, and no gap wider than the grid."""
    geoms = areas.geometry.to_numpy()
    assert shapely.coverage_is_valid(geoms)
    assert shapely.is_valid(geoms).all()
    difference = shapely.union_all(geoms).symmetric_difference(shape)
    assert difference.buffer(-tolerance_m / 2).is_empty
    assert abs(shapely.area(geoms).sum() - shape.area) < tolerance_m * shape.length


def shuffled(table, seed=0):
    return table.sample(frac=1, random_state=seed)


@pytest.fixture(scope="session")
def make():
    """Give the builders."""
    return SimpleNamespace(frame=frame, place=place, district=district, town=town, squares=squares)


@pytest.fixture(scope="session")
def look():
    """Give the independent oracles."""
    return SimpleNamespace(
        rook=rook,
        in_one_piece=in_one_piece,
        land=land,
        assert_tiles=assert_tiles,
        shuffled=shuffled,
    )
