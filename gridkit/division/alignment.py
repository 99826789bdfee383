"""Do the borders lie on the datum of the streets? Files from Chinese web maps are off by 500 m."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from ..crs import to_datum
from ..errors import GridkitWarning
from ..messages import message

if TYPE_CHECKING:
    from ..intake.district import District
    from .ordering import Floats, Geometries

__all__ = ["warn_of_shift"]

READINGS = (("gcj02", "wgs84"), ("wgs84", "gcj02"), ("bd09", "wgs84"), ("wgs84", "bd09"))
"""What the borders may be, and what the streets are."""

NEAR_M = 10.0
SAMPLES = 3_000
LEAST_SHARE, LEAST_GAIN, LEAST_RATIO = 0.3, 0.15, 1.5
INSIDE, OUTSIDE = 0.995, 0.97


def warn_of_shift(district: District) -> None:
    """Warn where the streets fit the borders much better in another map datum.

    Borders mostly run along streets: the share of points on them with a street within 10 m is
    compared with the share after each of the known shifts. Where streets were cut at the boundary
    the share of them inside it tells the same. A district whose borders follow neither streets nor
    the rim of the street layer gives no evidence, and no warning.

    Parameters
    ----------
    district : District
        With streets.

    Warns
    -----
    GridkitWarning
        Names both datums, the shift in metres at the district's centre, and both shares.
    """
    if district.streets is None:
        return
    middle = shapely.get_coordinates(district.boundary.geometry.centroid)
    lon, lat = _degrees(district, middle)[0]
    if tuple(to_datum(lon, lat)) == (lon, lat):
        return
    rings = district.boundary if district.communities is None else district.communities
    borders = _samples(shapely.boundary(rings.geometry.to_numpy()))
    streets = district.streets.geometry.to_numpy()
    along = _samples(streets)
    tree = shapely.STRtree(streets)
    land = district.boundary.geometry.iloc[0]
    shapely.prepare(land)
    now = _on_streets(borders, tree), float(shapely.contains_xy(land, along).mean())
    for source, target in READINGS:
        moved = _moved(district, borders, source, target)
        on = _on_streets(moved, tree)
        inside = float(shapely.contains_xy(land, _moved(district, along, target, source)).mean())
        follows = on >= max(LEAST_SHARE, now[0] + LEAST_GAIN, LEAST_RATIO * now[0])
        clipped = inside >= INSIDE and now[1] <= OUTSIDE and on >= now[0]
        if follows or clipped:
            metres = float(np.median(np.hypot(*(moved - borders).T)))
            before, after = (now[0], on) if follows else (now[1], inside)
            text = message(
                "division.shifted_on_streets" if follows else "division.shifted_inside",
                name=district.name,
                borders=source,
                streets=target,
                metres=round(metres),
                before=before,
                after=after,
            )
            warnings.warn(GridkitWarning(*text), stacklevel=3)
            return


def _degrees(district: District, xy: Floats) -> Floats:
    points = gpd.GeoSeries(shapely.points(xy), crs=district.crs).to_crs(4326)
    return np.asarray(shapely.get_coordinates(points))


def _moved(district: District, xy: Floats, source: str, target: str) -> Floats:
    """Return points that were taken from a map in `source` where a map in `target` has them."""
    x, y = to_datum(*_degrees(district, xy).T, source=source, target=target)
    points = gpd.GeoSeries(shapely.points(x, y), crs=4326).to_crs(district.crs)
    return np.asarray(shapely.get_coordinates(points))


def _samples(lines: Geometries) -> Floats:
    """Return points at even steps along lines, some `SAMPLES` in all."""
    length = shapely.length(lines)
    step = length.sum() / SAMPLES
    ends = np.cumsum(length)
    at = (np.arange(SAMPLES) + 0.5) * step
    line = np.minimum(np.searchsorted(ends, at), len(lines) - 1)
    points = shapely.line_interpolate_point(lines[line], at - (ends - length)[line])
    return np.asarray(shapely.get_coordinates(points))


def _on_streets(xy: Floats, tree: shapely.STRtree) -> float:
    near = tree.query(shapely.points(xy), predicate="dwithin", distance=NEAR_M)[0]
    return len(np.unique(near)) / len(xy)
