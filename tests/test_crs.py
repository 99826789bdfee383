"""Datums against a plain scalar reading of the formula; CRS choice, areas, refusals."""

import itertools
import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from gridkit.crs import (
    DATUMS,
    _gcj_offset,
    area_m2,
    from_datum,
    require_metres,
    same_crs,
    suggest_crs,
    to_datum,
)
from gridkit.errors import CRSError, OptionError

WEST, SOUTH, EAST, NORTH = 72.004, 0.8293, 137.8347, 55.8271
PAIRS = list(itertools.product(DATUMS, DATUMS))


# The published approximation, one point at a time, straight from the formula.
def scalar_gcj_offset(lon: float, lat: float) -> tuple[float, float]:
    x, y, pi = lon - 105.0, lat - 35.0, math.pi
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north += (20 * math.sin(6 * x * pi) + 20 * math.sin(2 * x * pi)) * 2 / 3
    north += (20 * math.sin(y * pi) + 40 * math.sin(y / 3 * pi)) * 2 / 3
    north += (160 * math.sin(y / 12 * pi) + 320 * math.sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east += (20 * math.sin(6 * x * pi) + 20 * math.sin(2 * x * pi)) * 2 / 3
    east += (20 * math.sin(x * pi) + 40 * math.sin(x / 3 * pi)) * 2 / 3
    east += (150 * math.sin(x / 12 * pi) + 300 * math.sin(x / 30 * pi)) * 2 / 3
    axis, ee = 6378245.0, 0.00669342162296594323
    rad = lat / 180 * pi
    magic = 1 - ee * math.sin(rad) ** 2
    north = north * 180 / ((axis * (1 - ee)) / (magic * math.sqrt(magic)) * pi)
    east = east * 180 / (axis / math.sqrt(magic) * math.cos(rad) * pi)
    return east, north


def scalar_gcj(lon: float, lat: float) -> tuple[float, float]:
    if not (WEST <= lon <= EAST and SOUTH <= lat <= NORTH):
        return lon, lat
    east, north = scalar_gcj_offset(lon, lat)
    return lon + east, lat + north


def scalar_bd(lon: float, lat: float) -> tuple[float, float]:
    wave = math.pi * 3000 / 180
    z = math.sqrt(lon * lon + lat * lat) + 0.00002 * math.sin(lat * wave)
    theta = math.atan2(lat, lon) + 0.000003 * math.cos(lon * wave)
    return z * math.cos(theta) + 0.0065, z * math.sin(theta) + 0.006


def metres(x0, y0, x1, y1):
    """Return distances that stay exact for nanometres, where a geodesic would round."""
    east = (np.asarray(x1) - x0) * 111_319.5 * np.cos(np.radians(y0))
    return np.hypot(east, (np.asarray(y1) - y0) * 111_319.5)


def points(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(WEST, EAST, n), rng.uniform(SOUTH, NORTH, n)


def test_forward_is_the_published_approximation():
    x, y = points(5000)
    gx, gy = to_datum(x, y)
    oracle = np.array([scalar_gcj(*p) for p in zip(x, y, strict=True)])
    # A longitude of 121° is stored to 1.4e-14°, 1.3 nanometres: one such step is allowed.
    assert np.all(np.abs(gx - oracle[:, 0]) <= np.spacing(oracle[:, 0]))
    assert np.all(np.abs(gy - oracle[:, 1]) <= np.spacing(oracle[:, 1]))
    offset = np.array([scalar_gcj_offset(*p) for p in zip(x, y, strict=True)])
    assert metres(*offset.T, *_gcj_offset(x, y)).max() < 1e-10


@pytest.mark.parametrize(("source", "first"), [("wgs84", scalar_gcj), ("gcj02", lambda *p: p)])
def test_bd09_is_the_published_shift_of_gcj02(source, first):
    x, y = points(5000, seed=1)
    if source == "gcj02":  # keep clear of the edge, where an inside GCJ-02 value is a question
        x, y = np.clip(x, WEST + 0.1, EAST - 0.1), np.clip(y, SOUTH + 0.1, NORTH - 0.1)
    bx, by = to_datum(x, y, source=source, target="bd09")
    oracle = np.array([scalar_bd(*first(*p)) for p in zip(x, y, strict=True)])
    assert metres(oracle[:, 0], oracle[:, 1], bx, by).max() < 1e-8


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_round_trip_across_china(source, target):
    x, y = points(1_000_000 if (source, target) == ("wgs84", "gcj02") else 50_000, seed=2)
    there = to_datum(x, y, source="wgs84", target=source)
    out = to_datum(*there, source=source, target=target)
    back = to_datum(*out, source=target, target=source)
    assert metres(*there, *back).max() < 1e-7
    direct = to_datum(x, y, target=target)
    assert metres(*direct, *out).max() < 1e-7


@pytest.mark.parametrize("target", ["gcj02", "bd09"])
def test_points_on_the_edge_of_the_box_come_back(target):
    t = np.linspace(0, 1, 501)
    lon, lat = WEST + t * (EAST - WEST), SOUTH + t * (NORTH - SOUTH)
    for eps in (0.0, 1e-13, 1e-9, 1e-4, 0.004):
        x = np.r_[lon, lon, np.full(501, WEST + eps), np.full(501, EAST - eps)]
        y = np.r_[np.full(501, SOUTH + eps), np.full(501, NORTH - eps), lat, lat]
        x, y = np.clip(x, WEST, EAST), np.clip(y, SOUTH, NORTH)
        out = to_datum(x, y, target=target)
        assert metres(x, y, *out).min() > 50  # inside, so moved
        back = to_datum(*out, source=target, target="wgs84")
        assert metres(x, y, *back).max() < 1e-6
        assert metres(*out, *to_datum(*back, target=target)).max() < 1e-6
        assert np.all((back[0] >= WEST) & (back[0] <= EAST))
        assert np.all((back[1] >= SOUTH) & (back[1] <= NORTH))


def test_just_outside_the_box_nothing_is_added():
    x = np.array([np.nextafter(WEST, 0), np.nextafter(EAST, 200), 100.0, 100.0])
    y = np.array([30.0, 30.0, np.nextafter(SOUTH, 0), np.nextafter(NORTH, 90)])
    for target in DATUMS:
        assert np.array_equal(to_datum(x, y, target=target), (x, y))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_far_outside_china_all_datums_are_the_same(source, target):
    x = np.array([-87.63, 2.35, 151.2, 0.0, -180.0, 180.0, 10.0, 71.9])
    y = np.array([41.88, 48.86, -33.87, 0.0, -90.0, 90.0, 90.0, 30.0])
    assert np.array_equal(to_datum(x, y, source=source, target=target), (x, y))


def test_the_square_root_at_105_east_costs_less_than_a_micrometre():
    steps = np.array([0, 1e-14, 1e-13, 5e-13, 1e-12, 3e-12, 1e-9, 1e-6])
    x = 105.0 + np.r_[-steps[::-1], steps]
    y = np.full(x.size, 35.123)
    for target in ("gcj02", "bd09"):
        back = to_datum(*to_datum(x, y, target=target), source=target, target="wgs84")
        assert metres(x, y, *back).max() < 1e-6


# DOMAIN measured these; the exact points are not given, so a few metres of grace.
@pytest.mark.parametrize(
    ("lon", "lat", "gcj_m", "bearing", "bd_m"),
    [
        (121.39, 37.54, 479.7, 76, 1288),
        (114.27, 30.55, 587.4, 118, 1209),
        (113.24, 35.24, 582.8, 95, 1314),
        (109.85, 40.65, 494.3, 76, 1282),
        (101.06, 41.96, 277.3, 42, 1140),
        (116.41, 39.92, 555.4, None, 1367),
    ],
    ids=["Zhifu", "Zhoutou", "Jiaozuo", "Baotou", "Ejina", "Dongcheng"],
)
def test_shifts_measured_in_six_places(lon, lat, gcj_m, bearing, bd_m):
    geod = pyproj.Geod(ellps="WGS84")
    angle, _, shift = geod.inv(lon, lat, *to_datum(lon, lat))
    assert shift == pytest.approx(gcj_m, abs=8)
    if bearing is not None:
        assert angle % 360 == pytest.approx(bearing, abs=2)
    assert geod.inv(lon, lat, *to_datum(lon, lat, target="bd09"))[2] == pytest.approx(bd_m, abs=12)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (0, 2)])
def test_shape_and_type_are_kept(shape):
    x, y = np.full(shape, 121), np.full(shape, 37)
    out = to_datum(x, y)
    assert all(v.shape == shape and v.dtype == np.float64 for v in out)
    assert np.array_equal(x, np.full(shape, 121))  # input untouched


def test_series_lists_and_readonly_arrays_are_read():
    x = np.array([121.0, 122.0])
    x.setflags(write=False)
    want = to_datum([121.0, 122.0], [37.0, 38.0])
    assert np.array_equal(to_datum(x, pd.Series([37.0, 38.0], index=[7, 3])), want)
    assert np.array_equal(to_datum(x, [37.0, 38.0], target="cgcs2000"), ([121, 122], [37, 38]))


@pytest.mark.parametrize("target", DATUMS)
def test_values_that_are_not_finite_become_nan_and_spare_the_rest(target):
    bad = [np.nan, np.inf, -np.inf, 121.0]
    x, y = to_datum([*bad, 121.0], [37.0, 37.0, 37.0, np.nan, 37.0], target=target)
    assert np.isnan(x[:4]).all()
    assert np.isnan(y[:4]).all()
    assert (x[4], y[4]) == to_datum(121.0, 37.0, target=target)
    back = to_datum(x, y, source=target, target="wgs84")
    assert back[0][4] == pytest.approx(121, abs=1e-12)


def test_the_number_of_points_does_not_change_the_answer():
    x, y = points(20_000, seed=3)
    whole = to_datum(x, y, source="gcj02", target="wgs84")
    each = to_datum(x[:7], y[:7], source="gcj02", target="wgs84")
    assert metres(*each, whole[0][:7], whole[1][:7]).max() < 1e-8


@pytest.mark.parametrize(
    ("x", "y", "shown"),
    [([121.0, 37.5], [37.5, 121.0], "row 1"), ([410_000.0], [4.1e6], "410000.0")],
)
def test_swapped_columns_and_metres_are_refused(x, y, shown):
    with pytest.raises(CRSError, match=shown):
        to_datum(x, y)


def test_unknown_datum_names_the_choices():
    with pytest.raises(CRSError, match="mars") as caught:
        to_datum([1.0], [1.0], source="mars")
    assert all(d in caught.value.text("zh") for d in DATUMS)
    with pytest.raises(CRSError, match="Did you mean 'gcj02'"):
        to_datum([1.0], [1.0], target="GCJ-02")
    with pytest.raises(CRSError, match="wgs84"):
        to_datum([1.0], [1.0], target=None)


def test_words_and_unequal_lengths_are_refused():
    with pytest.raises(CRSError, match="numbers"):
        to_datum(["east"], [37.0])
    with pytest.raises(OptionError, match=r"\(2,\)"):
        to_datum([1.0, 2.0], [1.0])


GEOMETRIES = [
    shapely.Point(121.4, 37.5),
    shapely.LineString([(121.4, 37.5), (121.5, 37.6)]),
    shapely.Polygon(
        shapely.box(121, 37, 122, 38).exterior, [shapely.box(121.4, 37.4, 121.5, 37.5).exterior]
    ),
    shapely.MultiPoint([(121.4, 37.5), (2.35, 48.86)]),
    shapely.GeometryCollection([shapely.Point(121.4, 37.5), shapely.box(121, 37, 122, 38)]),
    shapely.Point(),
    None,
]


def test_from_datum_moves_every_vertex_of_every_type():
    amap = gpd.GeoSeries(GEOMETRIES, index=list("abcdefg"), name="shape")
    out = from_datum(amap, "gcj02")
    assert out.crs.to_epsg() == 4326
    assert list(out.index) == list("abcdefg")
    assert out.geom_type.equals(amap.geom_type)
    assert out.isna().tolist() == [False] * 6 + [True]
    before, after = (shapely.get_coordinates(s.to_numpy()) for s in (amap, out))
    want = to_datum(*before.T, source="gcj02", target="wgs84")
    assert np.array_equal(after.T, want)
    assert np.array_equal(shapely.get_coordinates(amap.to_numpy()), before)  # input untouched


def test_from_datum_keeps_the_table_and_reads_projected_maps():
    wgs = gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(121.4, 37.5)], crs=4326)
    wgs = wgs.rename_geometry("spot")
    gx, gy = to_datum(121.4, 37.5)
    tile = gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(gx, gy)], crs=4326)
    tile = tile.rename_geometry("spot").to_crs(3857)
    out = from_datum(tile, "gcj02")
    assert out.columns.tolist() == ["n", "spot"]
    assert out.crs.to_epsg() == 4326
    assert out.geometry.name == "spot"
    assert shapely.distance(out.geometry.iloc[0], wgs.geometry.iloc[0]) < 1e-9
    with pytest.raises(CRSError, match="mars"):
        from_datum(tile, "mars")
    with pytest.raises(CRSError, match="degrees"):
        from_datum(tile.set_crs(None, allow_override=True), "gcj02")


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [
        (121.39, 37.54, 4549),
        (114.27, 30.55, 4547),
        (113.24, 35.24, 4547),
        (101.06, 41.96, 4543),  # CM 102
        (121.49, 37.5, 4549),
        (121.5, 37.5, 4550),
        (118.5, 30.0, 4549),
        (72.01, 39.0, 4534),
        (137.8, 48.0, 4554),
        (-87.63, 41.88, 32616),
        (151.2, -33.87, 32756),
        (180.0, 10.0, 32601),
    ],
)
def test_suggested_crs(lon, lat, epsg):
    crs = suggest_crs((lon, lat))
    assert crs.to_epsg() == epsg
    require_metres(gpd.GeoSeries(crs=crs), what="suggestion")


def test_suggested_meridian_is_the_nearest_in_the_epsg_register():
    for lon in np.arange(73.5, 136.5, 0.37):
        crs = suggest_crs((lon, 35.0))
        meridian = crs.coordinate_operation.params[1].value
        assert crs.coordinate_operation.params[1].name.startswith("Longitude of natural origin")
        assert abs(lon - meridian) <= 1.5
        assert "CGCS2000 / 3-degree" in crs.name
        assert crs.coordinate_operation.params[3].value == 500_000  # no zone prefix


def test_one_zone_for_a_project_from_its_centroid():
    box = gpd.GeoSeries([shapely.box(121.2, 37.4, 121.56, 37.6), None], crs=4326)
    assert suggest_crs(box).to_epsg() == 4549
    assert suggest_crs(box.to_frame("geometry").to_crs(4549)).to_epsg() == 4549
    assert suggest_crs(box.to_crs(3857)).to_epsg() == 4549


@pytest.mark.parametrize(
    "where",
    [
        gpd.GeoSeries([shapely.Point(121, 37)]),
        gpd.GeoSeries([], crs=4326),
        gpd.GeoSeries([shapely.Point(), None], crs=4326),
        (np.nan, 37.0),
        (37.0, 121.0),
    ],
)
def test_nowhere_has_no_crs(where):
    with pytest.raises(CRSError):
        suggest_crs(where)


def test_area_agrees_with_the_plane_and_with_the_ellipsoid():
    size = 100 * np.arange(1, 6)
    x0, y0 = 500_000, 4_155_000  # on the central meridian the plane's scale is 1
    boxes = gpd.GeoSeries(shapely.box(x0, y0, x0 + size, y0 + size), crs=4549)
    assert area_m2(boxes) == pytest.approx(size.astype(float) ** 2, rel=1e-6)
    far = shapely.box(73, 3, 135, 54)
    geod = pyproj.Geod(ellps="WGS84")
    want = abs(geod.geometry_area_perimeter(far)[0])
    assert area_m2(gpd.GeoSeries([far], crs=4326))[0] == pytest.approx(want, rel=1e-12)


def test_area_of_holes_parts_and_nothing():
    outer, hole = shapely.box(121, 37, 121.01, 37.01), shapely.box(121.002, 37.002, 121.004, 37.004)
    other = shapely.box(121.02, 37, 121.03, 37.01)
    pierced = shapely.Polygon(outer.exterior, [hole.exterior])
    both = shapely.MultiPolygon([pierced, other])
    nested = shapely.GeometryCollection(
        [shapely.GeometryCollection([both]), shapely.LineString([(121, 37), (122, 38)])]
    )
    shapes = [outer, hole, pierced, other, both, nested, shapely.reverse(outer)]
    flat = [shapely.Polygon(), shapely.Point(121, 37), shapely.MultiPolygon(), None]
    series = gpd.GeoSeries([*shapes, *flat], crs=4326, index=range(11, 0, -1))
    a = area_m2(series)
    assert a.dtype == np.float64
    assert a[2] == pytest.approx(a[0] - a[1])
    assert a[4] == pytest.approx(a[2] + a[3])
    assert a[5] == pytest.approx(a[4])
    assert a[6] == pytest.approx(a[0])
    assert a[7:10].tolist() == [0, 0, 0]
    assert np.isnan(a[10])
    geod = pyproj.Geod(ellps="WGS84")
    for shape, value in zip(shapes[:4], a, strict=False):
        positive = shapely.geometry.polygon.orient(shape, 1.0)
        assert value == pytest.approx(geod.geometry_area_perimeter(positive)[0], rel=1e-9)


def test_area_of_an_empty_table_and_without_crs():
    assert area_m2(gpd.GeoSeries([], crs=4549)).shape == (0,)
    assert area_m2(gpd.GeoSeries([shapely.Point()], crs=4549)).tolist() == [0]
    with pytest.raises(CRSError, match="set_crs"):
        area_m2(gpd.GeoSeries([shapely.box(0, 0, 1, 1)]))


LOCAL_METRES = 'LOCAL_CS["city grid",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
BOUND = "+proj=tmerc +lon_0=120 +x_0=500000 +ellps=GRS80 +towgs84=0,0,0 +units=m +type=crs"


@pytest.mark.parametrize("crs", [4549, 32616, LOCAL_METRES, BOUND])
def test_planes_in_metres_pass(crs):
    require_metres(gpd.GeoSeries(crs=crs), what="cells")


@pytest.mark.parametrize(
    ("crs", "shown"),
    [
        (None, "set_crs"),
        (4326, "to_crs"),
        (4490, "to_crs"),
        (4978, "to_crs"),
        (3435, "US survey foot"),
        (3857, "Web Mercator"),
    ],
)
def test_other_units_are_refused_with_the_remedy(crs, shown):
    with pytest.raises(CRSError, match=shown) as caught:
        require_metres(gpd.GeoSeries(crs=crs), what="cells of Zhifu")
    assert caught.value.text("en").startswith("cells of Zhifu")
    assert caught.value.text("zh").startswith("cells of Zhifu")


@pytest.mark.parametrize("frame", [pd.DataFrame({"x": [1]}), gpd.GeoDataFrame({"x": [1]})])
def test_a_table_without_geometry_is_named(frame):
    with pytest.raises(CRSError, match=r"roster: .*without an active geometry"):
        require_metres(frame, what="roster")
    with pytest.raises(CRSError, match="set_geometry"):
        same_crs(gpd.GeoSeries(crs=4549), frame, what="cells and roster")


def test_same_crs():
    a, b = gpd.GeoSeries(crs=4549), gpd.GeoSeries(crs=4547)
    same_crs(a, gpd.GeoSeries(crs=pyproj.CRS.from_epsg(4549).to_wkt()), what="a and b")
    with pytest.raises(CRSError, match=r"CM 120E.*CM 114E"):
        same_crs(a, b, what="reports and cells")
    with pytest.raises(CRSError, match="set_crs"):
        same_crs(a, gpd.GeoSeries(crs=None), what="reports and cells")
