"""The shift between two drawings of the same borders, however coarse."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import LineString, affinity, box

import gridkit as gk
from gridkit.crs import to_datum
from gridkit.division.drift import border_drift


def counties(seed, n=12, size=12_000.0):
    """Rough polygons that tile a square of some 40 km, as lines with a vertex every 300 m."""
    rng = np.random.default_rng(seed)
    points = shapely.multipoints(rng.uniform(0, 3.4 * size, (n, 2)))
    tiles = shapely.get_parts(
        shapely.voronoi_polygons(points, extend_to=box(0, 0, 3.4 * size, 3.4 * size))
    )
    whole = shapely.intersection(tiles, box(0, 0, 3.4 * size, 3.4 * size))

    def wander(xy):
        return xy + 400 * np.column_stack([np.sin(xy[:, 1] / 900), np.cos(xy[:, 0] / 700)])

    return shapely.transform(shapely.segmentize(whole, 300), wander)


def coarse(shapes, seed):
    """The same, a vertex every 2 km, each some 200 m beside its place; shared ones alike."""
    xy = shapely.get_coordinates(shapely.simplify(shapes, 250))
    rng = np.random.default_rng(seed)
    table = {tuple(p): p + rng.normal(0, 200, 2) for p in np.unique(xy.round(3), axis=0)}

    def moved(xy):
        return np.array([table[tuple(p)] for p in xy.round(3)])

    return shapely.make_valid(shapely.transform(shapely.simplify(shapes, 250), moved))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shift", [(480, 90), (-590, 95), (0, 0), (1000, 750)])
def test_the_shift_is_found_through_coarse_drawing(seed, shift):
    fine = counties(seed)
    rough = shapely.union_all(shapely.boundary(coarse(fine, seed)))
    moved = affinity.translate(shapely.union_all(shapely.boundary(fine)), *shift)
    found, left = border_drift(rough, moved)
    assert np.hypot(*(found - shift)) < 90
    assert left < 300


def test_a_shift_along_parallel_borders_cannot_be_told():
    lines = shapely.MultiLineString([LineString([(0, y), (9_000, y)]) for y in (0, 3_000)])
    assert border_drift(lines, affinity.translate(lines, 0, 80)) is None
    assert border_drift(LineString(), lines) is None


def reread(shapes, source, target, crs):
    degrees = gpd.GeoSeries(shapes, crs=crs).to_crs(4326).to_numpy()
    moved = shapely.transform(
        degrees, lambda xy: np.column_stack(to_datum(*xy.T, source=source, target=target))
    )
    return gpd.GeoSeries(moved, crs=4326).to_crs(crs).to_numpy()


def rules_of(cells, outline):
    frame = gpd.GeoDataFrame(
        {"cell_code": [f"C{i:02}" for i in range(len(cells))]}, geometry=cells, crs=4549
    )
    boundary = gpd.GeoDataFrame(geometry=[outline], crs=4549)
    found = gk.check_cells(frame, gk.District("made", boundary)).set_index("rule")
    return found.loc[["CRS_SUSPECT_GCJ", "CRS_SUSPECT_BD"], "severity"].tolist()


@pytest.mark.parametrize("seed", range(3))
def test_another_datum_is_suspected_beside_a_coarse_file(seed):
    fine = affinity_all(counties(seed), 600_000, 4_130_000)
    rough = shapely.union_all(coarse(fine, seed)).buffer(0)
    assert rules_of(fine, rough) == ["ok", "ok"]
    gcj = reread(fine, "wgs84", "gcj02", 4549)
    assert rules_of(gcj, rough) == ["warning", "ok"]
    baidu = reread(fine, "wgs84", "bd09", 4549)
    assert rules_of(baidu, rough) == ["ok", "warning"]


def affinity_all(shapes, dx, dy):
    return shapely.transform(shapes, lambda xy: xy + (dx, dy))


@pytest.mark.parametrize("seed", range(3))
def test_half_a_district_is_not_suspected(seed):
    fine = affinity_all(counties(seed), 600_000, 4_130_000)
    whole = shapely.union_all(fine)
    west = [s for s in fine if s.centroid.x < whole.centroid.x]
    assert rules_of(np.array(west), whole) == ["ok", "ok"]
