import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely

from gridkit.evaluation.heat import Density, density
from gridkit.publishing.raster import MOST_PIXELS, draw_density, shade

X0, Y0 = 458_000.0, 4_155_000.0  # well west of the zone's meridian: grid north is half a degree off


def field(values, bin_m=25.0):
    crs = pyproj.CRS(4549)
    return Density(values, X0, Y0, bin_m, 150.0, crs, 1, "gaussian")


def bounds_of(crs, width, height):
    area = gpd.GeoSeries([shapely.box(X0, Y0, X0 + width, Y0 + height)], crs=crs)
    return area.segmentize(100).to_crs(3857).total_bounds


def pixel_centres(image):
    height, width = image.values.shape
    x = image.west + (np.arange(width) + 0.5) * (image.east - image.west) / width
    y = image.north - (np.arange(height) + 0.5) * (image.north - image.south) / height
    return np.meshgrid(x, y)


def test_a_tilted_plane_is_drawn_exactly_where_it_lies():
    """Bilinear reproduces a plane: each pixel must hold the plane's value at its own place."""
    row, column = np.mgrid[0:300, 0:400]
    values = 3.0 * (column + 0.5) + 7.0 * (row + 0.5)
    density = field(values)
    image = draw_density(density, bounds_of(density.crs, 10_000, 7_500))
    x, y = pyproj.Transformer.from_crs(3857, density.crs, always_xy=True).transform(
        *pixel_centres(image)
    )
    inside = (x > X0 + 13) & (x < X0 + 9_987) & (y > Y0 + 13) & (y < Y0 + 7_487)
    wanted = 3.0 * (x - X0) / 25 + 7.0 * (y - Y0) / 25
    assert inside.mean() > 0.9
    np.testing.assert_allclose(image.values[inside], wanted[inside], rtol=1e-9)


def test_stretching_between_the_corners_would_be_far_off():
    """The trap itself: how far the corner stretch moves a point of this very grid."""
    to_web = pyproj.Transformer.from_crs(4549, 3857, always_xy=True)
    west, _, _, north = bounds_of(4549, 10_000, 7_500)
    x, y = to_web.transform(X0, Y0 + 7_500)
    assert max(abs(x - west), abs(y - north)) > 50


def test_the_peak_of_a_density_is_over_its_report():
    point = gpd.GeoSeries.from_xy([X0 + 6_210], [Y0 + 1_490], crs=4549)
    area = shapely.box(X0, Y0, X0 + 8_000, Y0 + 3_000)
    image = draw_density(density(point, within=area), bounds_of(4549, 8_000, 3_000))
    peak = np.unravel_index(np.nanargmax(image.values), image.values.shape)
    x, y = (grid[peak] for grid in pixel_centres(image))
    true = point.to_crs(3857).iloc[0]
    pixel = (image.east - image.west) / image.values.shape[1]
    assert abs(x - true.x) <= pixel
    assert abs(y - true.y) <= pixel


def test_the_border_does_not_fade_where_the_page_cuts_the_picture():
    values = np.full((80, 80), np.nan)
    values[20:60, 20:60] = 50.0
    density = field(values)
    image = draw_density(density, bounds_of(density.crs, 2_000, 2_000))
    x, y = pyproj.Transformer.from_crs(3857, 4549, always_xy=True).transform(*pixel_centres(image))
    inside = (np.abs(x - X0 - 1_000) < 500) & (np.abs(y - Y0 - 1_000) < 500)
    assert inside.sum() > 500
    np.testing.assert_allclose(image.values[inside], 50.0)
    far = (np.abs(x - X0 - 1_000) > 700) | (np.abs(y - Y0 - 1_000) > 700)
    assert np.isnan(image.values[far]).all()


def test_a_density_without_any_value_gives_an_empty_picture():
    density = field(np.full((4, 4), np.nan))
    assert np.isnan(draw_density(density, bounds_of(density.crs, 100, 100)).values).all()


def test_a_large_area_gets_larger_pixels():
    density = field(np.ones((10, 10)), bin_m=25)
    image = draw_density(density, bounds_of(density.crs, 60_000, 60_000))
    assert image.values.size < MOST_PIXELS * 1.01


def test_shades_run_along_the_stops():
    values = np.array([np.nan, 0.0, 10.0, 100.0, 1000.0, 5000.0])
    assert list(shade(values, [0, 10, 100, 1000])) == pytest.approx(
        [0, 1, 86, 170, 255, 255], abs=1
    )
