"""Points in degrees and points in metres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from ..errors import CRSError
from ..messages import message

if TYPE_CHECKING:
    import pyproj
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["degrees_of", "project"]


def degrees_of(frame: gpd.GeoDataFrame, *, what: str) -> tuple[Floats, Floats]:
    """Return longitude and latitude of points; NaN for missing, empty and other shapes."""
    if frame.crs is None:
        raise CRSError(*message("intake.missing_crs", what=what))
    shapes = frame.geometry.to_crs(4326).to_numpy()
    points = (shapely.get_type_id(shapes) == 0) & ~shapely.is_empty(shapes)
    xy = np.full((len(shapes), 2), np.nan)
    xy[points] = shapely.get_coordinates(shapes[points])
    return xy[:, 0], xy[:, 1]


def project(lon: Floats, lat: Floats, crs: pyproj.CRS | None) -> NDArray[np.object_]:
    """Return points in `crs` for degrees (WGS84).

    Points are empty where a position is missing, beyond the projection, or there is no `crs`.
    """
    points = np.full(lon.shape, shapely.Point(), dtype=object)
    known = np.isfinite(lon).nonzero()[0]
    if crs is None or not known.size:
        return points
    # Through geopandas, which keeps its transformers: making one takes longer than using it.
    degrees = gpd.GeoSeries(gpd.points_from_xy(lon[known], lat[known]), crs=4326)
    there = degrees.to_crs(crs).to_numpy()
    sound = np.isfinite(shapely.get_coordinates(there)).all(axis=1)
    points[known[sound]] = there[sound]
    return points
