"""Rules of each cell's own shape, and figures of size, compactness and load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..crs import area_m2, require_metres, same_crs
from ..errors import CRSError
from ..messages import Message, message
from .rules_case import Result, absent, found, sound

if TYPE_CHECKING:
    from .rules_case import Case

__all__ = [
    "area_in_degrees",
    "area_range",
    "compactness",
    "crs",
    "crs_missing",
    "empty",
    "hole",
    "invalid",
    "load_balance",
    "multipart",
    "not_polygon",
]

LEAST_M2, MOST_M2 = 2_000, 50_000
"""Area of a unit cell: about a hectare, by judgement of practice; no standard's figure."""

POLYGONS = (3, 6)


def crs_missing(case: Case) -> Result:
    """Require that the cells say which coordinate system they are in."""
    if case.cells.crs is not None:
        return sound()
    return _everywhere("division.no_crs")


def area_in_degrees(case: Case) -> Result:
    """Coordinates are lengths, not degrees, whatever the file says."""
    west, south, east, north = shapely.total_bounds(case.given)
    like_degrees = max(-west, east) <= 180 and max(-south, north) <= 90
    declared = case.cells.crs is not None and not case.cells.crs.is_projected
    if declared or like_degrees:
        return _everywhere("division.degrees")
    return sound()


def crs(case: Case) -> Result:
    """Cells and district share one CRS, in metres on the ground."""
    if case.cells.crs is None:
        return absent(message("division.a_crs"))
    try:
        require_metres(case.cells, what="cells")
        if case.district is not None:
            same_crs(case.district.boundary, case.cells, what="cells")
    except CRSError as error:
        return Result("error", Message(error.en, error.zh), message("division.crs_remedy"))
    return Result("ok", message("division.crs_found", crs=case.cells.crs.name))


def _everywhere(rule: str) -> Result:
    return Result("error", message(rule), message("division.crs_remedy"))


def empty(case: Case) -> Result:
    """Each cell has a shape."""
    bad = np.flatnonzero(shapely.is_missing(case.given) | shapely.is_empty(case.given))
    return found(
        case, "error", "division.empty_shapes", "division.empty_shapes_remedy", bad, case.shapes[:0]
    )


def not_polygon(case: Case) -> Result:
    """Each shape is an area."""
    there = ~(shapely.is_missing(case.given) | shapely.is_empty(case.given))
    bad = np.flatnonzero(there & ~np.isin(shapely.get_type_id(case.given), POLYGONS))
    return found(
        case, "error", "division.not_polygons", "division.not_polygons_remedy", bad, case.given[bad]
    )


def invalid(case: Case) -> Result:
    """Which does not cross itself."""
    polygon = np.isin(shapely.get_type_id(case.given), POLYGONS)
    bad = np.flatnonzero(polygon & ~shapely.is_valid(case.given))
    return found(case, "error", "division.invalid_shapes", "division.invalid_shapes_remedy", bad)


def multipart(case: Case) -> Result:
    """And is in one piece."""
    bad = np.flatnonzero(shapely.get_num_geometries(case.shapes) > 1)
    return found(case, "warning", "division.multipart", "division.multipart_remedy", bad)


def hole(case: Case) -> Result:
    """And does not surround others."""
    parts, owner = shapely.get_parts(case.shapes, return_index=True)
    bad = np.unique(owner[shapely.get_num_interior_rings(parts) > 0])
    return found(case, "info", "division.holes", "division.holes_remedy", bad)


def area_range(case: Case) -> Result:
    """Require 2,000–50,000 m² of unit cells; other levels have no range."""
    unit = np.ones(len(case.cells), dtype=bool)
    level = case.column("level")
    if level is not None:
        unit = level.isin(["", "cell"]).to_numpy(dtype=bool)
    unit = unit & ~shapely.is_empty(case.shapes)
    if not unit.any():
        return absent("level = cell")
    area = area_m2(gpd.GeoSeries(case.shapes, crs=case.cells.crs))
    bad = np.flatnonzero(unit & ((area < LEAST_M2) | (area > MOST_M2)))
    figures = {"least": area[unit].min(), "most": area[unit].max()}
    detail = message("division.area_range", n=len(bad), low=LEAST_M2, high=MOST_M2, **figures)
    if not len(bad):
        return Result("ok", detail)
    remedy = message("division.area_range_remedy")
    return Result("warning", detail, remedy, bad, case.shapes[bad])


def compactness(case: Case) -> Result:
    """Polsby-Popper index: 4π × area ÷ perimeter²."""
    length = shapely.length(case.shapes)
    there = length > 0
    if not there.any():
        return absent("geometry")
    index = 4 * np.pi * shapely.area(case.shapes[there]) / length[there] ** 2
    return Result("info", message("division.compactness", mean=index.mean(), least=index.min()))


def load_balance(case: Case) -> Result:
    """Coefficient of variation of the load, and its extremes."""
    if "load" not in case.cells.columns:
        return absent("load")
    load = pd.to_numeric(case.cells["load"], errors="coerce").dropna().to_numpy(dtype=float)
    if not load.sum() > 0:
        return absent("load > 0")
    least, mean, most = float(load.min()), float(load.mean()), float(load.max())
    ratio = f"{most / least:,.1f}" if least > 0 else "∞"
    figures = {"least": least, "mean": mean, "most": most, "ratio": ratio}
    return Result("info", message("division.load_balance", cv=load.std() / mean, **figures))
