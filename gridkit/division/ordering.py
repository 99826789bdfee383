"""Sound areas, and orders that do not depend on how the rows of a table happen to be sorted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ..crs import require_metres
from ..errors import GeometryError, SchemaError
from ..messages import message
from ..tables import first_few

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["ORDERS", "inner_points", "reading_order", "require_areas", "summed", "weights_of"]

BAND_SHARE = 0.6
"""Height of a reading band as a share of the median height of the areas."""

Geometries = npt.NDArray[Any]
Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


def summed(key: Ints, values: Floats, n: int) -> Floats:
    """Return the sum of `values` for each key 0 … n-1, added in their order."""
    return np.bincount(key, values, n).astype(np.float64)


def inner_points(geoms: Geometries) -> tuple[Floats, Floats]:
    """Return x and y, in whole millimetres, of a point inside each area."""
    points = shapely.point_on_surface(geoms)
    return np.round(shapely.get_x(points), 3), np.round(shapely.get_y(points), 3)


def reading_order(geoms: Geometries) -> Ints:
    """Return the positions of areas as one reads a page: west to east, then north to south.

    A band starts at the northernmost area that is in no band yet and holds every area whose
    inner point lies less than 0.6 × the median height of the areas below that one; inside a band
    the order is west to east.

    Parameters
    ----------
    geoms : ndarray of Polygon or MultiPolygon, shape (n,)

    Returns
    -------
    ndarray of int, shape (n,)
        ``geoms[order]`` is in reading order.
    """
    x, y = inner_points(geoms)
    bounds = shapely.bounds(geoms)
    height = BAND_SHARE * float(np.median(bounds[:, 3] - bounds[:, 1])) if len(geoms) else 0.0
    band = np.zeros(len(geoms), dtype=np.int64)
    current, top = -1, np.inf
    for position in np.argsort(-y, kind="stable"):
        if top - y[position] >= height:
            current, top = current + 1, y[position]
        band[position] = current
    return np.lexsort((-y, x, band))


def _strict_order(geoms: Geometries) -> Ints:
    """Return the positions by x of the inner point, then from north to south."""
    x, y = inner_points(geoms)
    return np.lexsort((-y, x))


ORDERS = {"bands": reading_order, "xy": _strict_order}
"""The orders in which `number_cells` can go, by name."""


def require_areas(frame: gpd.GeoDataFrame, *, what: str) -> Geometries:
    """Return the geometries of `frame`; raise unless all are sound polygons in metres.

    Raises
    ------
    CRSError
        No CRS, or one that is not in metres.
    GeometryError
        A shape is missing, empty, invalid or not a polygon; the rows are named.
    """
    require_metres(frame, what=what)
    geoms: Geometries = frame.geometry.to_numpy()
    if not len(geoms):
        raise GeometryError(*message("division.no_areas", what=what))
    kinds = np.isin(shapely.get_type_id(geoms), [3, 6])
    bad = ~kinds | shapely.is_empty(geoms) | ~shapely.is_valid(geoms)
    if bad.any():
        rows = np.flatnonzero(bad)
        raise GeometryError(
            *message("division.bad_shapes", what=what, n=len(rows), rows=first_few(rows))
        )
    return geoms


def weights_of(frame: pd.DataFrame, column: str, *, empty: float = np.nan) -> Floats:
    """Return a column as weights; raise unless all are numbers from 0 on.

    Parameters
    ----------
    frame : DataFrame
    column : str
    empty : float
        What an empty row weighs; by default it is an error.

    Raises
    ------
    SchemaError
        A weight is empty, negative, infinite or no number; the rows are named.
    """
    values = frame[column]
    numbers = pd.to_numeric(values, errors="coerce").mask(values.isna(), empty)
    load: Floats = numbers.to_numpy(dtype=float, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(load) | (load < 0))
    if len(bad):
        shown = ", ".join(map(str, values.iloc[bad[:5]]))
        raise SchemaError(
            *message(
                "division.bad_weights", column=column, n=len(bad), rows=first_few(bad), values=shown
            )
        )
    return load
