"""Ways in which real grids are broken, made from a sound one by chance; and what must hold after.

Each kind takes a sound grid and a generator of chance and returns the broken table. Nothing here
uses the code that mends.
"""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.affinity import translate
from shapely.geometry import LineString, MultiPolygon, Polygon, box

CRS = 4549
X0, Y0 = 500_000.0, 4_150_000.0
REFUSED = {"swallowed", "lost cell", "one shape, two codes", "not an area", "lonely island"}


def sound_grid(rng, nx=5, ny=4, pitch=100.0):
    """Crooked quadrilaterals with bent borders, an exact coverage on a grid of a centimetre."""
    x, y = np.meshgrid(np.arange(2 * nx + 1) * pitch / 2, np.arange(2 * ny + 1) * pitch / 2)
    knots = np.stack([x, y], axis=-1)
    knots[1:-1, 1:-1] += rng.uniform(-12, 12, (2 * ny - 1, 2 * nx - 1, 2))
    knots = np.round(knots, 2) + [X0, Y0]
    shapes = []
    for j in range(ny):
        for i in range(nx):
            a, b = 2 * i, 2 * j
            ring = [(b, a), (b, a + 1), (b, a + 2), (b + 1, a + 2), (b + 2, a + 2),
                    (b + 2, a + 1), (b + 2, a), (b + 1, a)]  # fmt: skip
            shapes.append(Polygon([knots[k] for k in ring]))
    codes = [f"370602001001{n:03d}" for n in range(1, len(shapes) + 1)]
    return gpd.GeoDataFrame({"cell_code": codes}, geometry=shapes, crs=CRS)


def put(grid, row, shape):
    shapes = grid.geometry.to_numpy().copy()
    shapes[row] = shape
    return grid.set_geometry(gpd.GeoSeries(shapes, index=grid.index, crs=grid.crs))


def some(grid, rng):
    return int(rng.integers(len(grid)))


def inner(rng):
    """Return the row of a cell of the middle of a grid of 5 × 4."""
    return int(rng.choice([6, 7, 8, 11, 12, 13]))


def shifted(grid, rng):
    row = some(grid, rng)
    return put(grid, row, translate(grid.geometry[row], *rng.uniform(-8, 8, 2)))


def swollen(grid, rng):
    row = some(grid, rng)
    return put(grid, row, grid.geometry[row].buffer(rng.uniform(0.02, 10)))


def shrunk(grid, rng):
    row = inner(rng)
    return put(grid, row, grid.geometry[row].buffer(-rng.uniform(0.02, 4)))


def slivers(grid, rng):
    row = inner(rng)
    factor = 1 + rng.uniform(-0.004, 0.004)
    shape = gpd.GeoSeries([grid.geometry[row]]).scale(factor, 1 / factor)[0]
    return put(grid, row, shape)


def jitter(grid, rng):
    def shake(xy):
        moved = xy + rng.normal(0, 0.01, xy.shape)
        return np.vstack([moved[:-1], moved[:1]])

    shapes = [shapely.transform(s, shake) for s in grid.geometry]
    return grid.set_geometry(gpd.GeoSeries(shapes, index=grid.index, crs=grid.crs))


def bow_tie(grid, rng):
    row = some(grid, rng)
    ring = list(grid.geometry[row].exterior.coords)[:-1]
    k = int(rng.integers(len(ring)))
    ring[k], ring[k - 1] = ring[k - 1], ring[k]
    return put(grid, row, Polygon(ring))


def spike(grid, rng):
    row = some(grid, rng)
    ring = list(grid.geometry[row].exterior.coords)[:-1]
    k = int(rng.integers(len(ring)))
    far = np.array(ring[k]) + rng.uniform(-60, 60, 2)
    return put(grid, row, Polygon([*ring[: k + 1], tuple(far), *ring[k:]]))


def copied_row(grid, rng):
    return pd.concat([grid, grid.iloc[[some(grid, rng)]]], ignore_index=True)


def island(grid, rng):
    """Give a cell a piece out of the middle of another, drawn in both."""
    a, b = rng.choice(len(grid), 2, replace=False)
    piece = grid.geometry[b].centroid.buffer(rng.uniform(3, 15), quad_segs=2)
    return put(grid, int(a), MultiPolygon([grid.geometry[a], piece]))


def torn_off(grid, rng):
    """Cut a cell in two by a neighbour that reaches across it."""
    row = inner(rng)
    west, south, east, north = grid.geometry[row].bounds
    x = west + (east - west) * rng.uniform(0.6, 0.8)
    arm = box(x, south - 30, x + 4, north + 30)
    low = row - 5
    grown = shapely.union_all([grid.geometry[low], arm.intersection(grid.geometry[row])])
    cut = grid.geometry[row].difference(arm)
    if cut.geom_type == "Polygon" or grown.geom_type != "Polygon":
        grown = grid.geometry[low]
    return put(put(grid, row, cut), low, grown)


def hole(grid, rng):
    row = some(grid, rng)
    middle = grid.geometry[row].centroid
    return put(grid, row, grid.geometry[row].difference(middle.buffer(rng.uniform(0.1, 15))))


def nested(grid, rng):
    """Draw a small cell over a large one that keeps its land."""
    row = some(grid, rng)
    middle = grid.geometry[row].centroid
    small = gpd.GeoDataFrame(
        {"cell_code": ["370602001001900"]}, geometry=[middle.buffer(rng.uniform(5, 20))], crs=CRS
    )
    return pd.concat([grid, small], ignore_index=True)


def lost_vertices(grid, rng):
    row = inner(rng)
    return put(grid, row, grid.geometry[row].simplify(rng.uniform(1, 12)))


def rounded(grid, rng):
    row = inner(rng)
    return put(grid, row, shapely.transform(grid.geometry[row], np.round))


def vertices_of_its_own(grid, rng):
    row = inner(rng)
    return put(grid, row, grid.geometry[row].segmentize(rng.uniform(3, 40)))


def crack(grid, rng):
    """Pull half the grid away by centimetres: every border is sound but for one crack."""
    gap = rng.uniform(0.02, 0.09)
    east = grid.index[grid.index % 5 >= 3]
    shapes = grid.geometry.to_numpy().copy()
    shapes[east] = [translate(s, gap, 0) for s in shapes[east]]
    return grid.set_geometry(gpd.GeoSeries(shapes, index=grid.index, crs=grid.crs))


def swallowed(grid, rng):
    a, b = rng.choice(len(grid), 2, replace=False)
    over = grid.geometry[a].buffer(-rng.uniform(0.5, 5))
    return put(grid, int(b), over)


def lost_cell(grid, rng):
    return grid.drop(index=inner(rng)).reset_index(drop=True)


def two_codes(grid, rng):
    copy = grid.iloc[[some(grid, rng)]].assign(cell_code="370602001001901")
    return pd.concat([grid, copy], ignore_index=True)


def no_area(grid, rng):
    middle = grid.geometry[0].centroid
    line = LineString([middle, (middle.x + 9, middle.y)])
    choice = [None, Polygon(), line, middle, Polygon([(0, 0), (1, 0), (np.inf, 1)])]
    return put(grid, some(grid, rng), choice[int(rng.integers(len(choice)))])


def lonely(grid, rng):
    row = some(grid, rng)
    away = box(X0 - 900, Y0, X0 - 900 + rng.uniform(5, 50), Y0 + 30)
    return put(grid, row, MultiPolygon([grid.geometry[row], away]))


KINDS = {
    "shifted": shifted, "swollen": swollen, "shrunk": shrunk, "slivers": slivers,
    "jitter": jitter, "bow-tie": bow_tie, "spike": spike, "copied row": copied_row,
    "island": island, "torn off": torn_off, "hole": hole, "nested": nested,
    "lost vertices": lost_vertices, "rounded": rounded, "own vertices": vertices_of_its_own,
    "crack": crack, "swallowed": swallowed, "lost cell": lost_cell,
    "one shape, two codes": two_codes, "not an area": no_area, "lonely island": lonely,
}  # fmt: skip


def faults(broken, mended, changes, boundary):
    """Return what is wrong with a mended grid, by plain shapely."""
    shapes = mended.geometry.to_numpy()
    wrong = []
    if (
        set(mended["cell_code"]) != set(broken["cell_code"])
        or mended["cell_code"].duplicated().any()
    ):
        wrong.append("codes")
    if not (shapely.get_type_id(shapes) == 3).all() or shapely.is_empty(shapes).any():
        wrong.append("not single polygons")
    if not shapely.is_valid(shapes).all():
        wrong.append("invalid")
    if not shapely.coverage_is_valid(shapes, gap_width=0.1):
        wrong.append("no exact coverage")
    union = shapely.union_all(shapes)
    if abs(shapely.area(shapes).sum() - union.area) > 1e-3:
        wrong.append("overlap")
    if boundary is not None and union.symmetric_difference(boundary).buffer(-0.051).area > 0:
        wrong.append("does not tile the district")
    rings = [r for part in shapely.get_parts(union) for r in part.interiors]
    if boundary is None and any(0 < Polygon(r).area <= 2000 for r in rings):
        wrong.append("holes")
    table = changes.set_index("cell_code").loc[mended["cell_code"]]
    if not np.allclose(table["area_after_m2"], shapely.area(shapes), atol=2e-3):
        wrong.append("areas of the report")
    balance = table["area_before_m2"] - table["lost_m2"] + table["gained_m2"]
    if not np.allclose(balance, table["area_after_m2"], atol=5e-3):
        wrong.append("lost and gained")
    if not table["iou"].between(0, 1 + 1e-9).all():
        wrong.append("iou")
    if (table["lost_m2"] > 0.5 * table["area_before_m2"] + 0.01).any():
        wrong.append("swallowed")
    touched = (table["lost_m2"] > 0.01) | (table["gained_m2"] > 0.01)
    if (touched & (table["done"] == "")).any():
        wrong.append("changed without a reason")
    return wrong
