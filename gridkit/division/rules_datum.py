"""Rules that suspect a datum: whether the cells fit better when read as another one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from ..crs import to_datum
from ..messages import message
from .drift import border_drift
from .rules_case import Result, absent, sound

if TYPE_CHECKING:
    from collections.abc import Callable

    from .rules_case import Case, Geometries

__all__ = ["suspect_bd", "suspect_gcj"]

READINGS = {
    "gcj02": (("gcj02", "wgs84"), ("wgs84", "gcj02")),
    "bd09": (("bd09", "wgs84"), ("wgs84", "bd09"), ("bd09", "gcj02"), ("gcj02", "bd09")),
}
"""For each suspicion, what the cells and the district may really be."""

COARSE_M = 2.0
LEAST_MISFIT = 0.005
"""Below this share of the district's area the outlines agree, whatever else fits better."""
BETTER = 0.5
NEAR_M = 10.0
SAMPLE = 2_000
LEAST_GAIN = 0.25
LEAST_DRIFT_M = 150.0

SAME = ("wgs84", "wgs84")


def suspect_gcj(case: Case) -> Result:
    """Suspect that the cells, or the district, are of Gaode or Tencent maps (GCJ-02)."""
    return _suspect(case, "gcj02")


def suspect_bd(case: Case) -> Result:
    """Suspect that the cells, or the district, are of Baidu maps (BD-09)."""
    return _suspect(case, "bd09")


def _suspect(case: Case, datum: str) -> Result:
    if case.district is None:
        return absent(message("division.a_district"))
    for measure in (_outline, _along_streets, _drift):
        readings = _measured(case, measure)
        if readings is None:
            continue
        (cells, district), misfit = min(readings.items(), key=lambda item: item[1])
        if (cells, district) in READINGS[datum]:
            now = readings[SAME]
            detail = message(
                "division.suspect_datum", cells=cells, district=district, now=now, then=misfit
            )
            return Result("warning", detail, message("division.suspect_datum_remedy"))
        return sound()
    return sound()


def _measured(
    case: Case, measure: Callable[[Case], tuple[Any, Callable[[Any], float], float] | None]
) -> dict[tuple[str, str], float] | None:
    """Return the misfit of each reading where one is clearly better than what is said; or None."""
    prepared = measure(case)
    if prepared is None:
        return None
    shape, misfit, enough = prepared
    readings = {SAME: misfit(shape)}
    if readings[SAME] < enough:
        return readings
    degrees = gpd.GeoSeries([shape], crs=case.cells.crs).to_crs(4326).iloc[0]
    for pair in (pair for pairs in READINGS.values() for pair in pairs):
        moved = shapely.transform(degrees, partial(_read_as, pair))
        back = gpd.GeoSeries([moved], crs=4326).to_crs(case.cells.crs).iloc[0]
        readings[pair] = misfit(back)
    return readings if min(readings.values()) < BETTER * readings[SAME] else None


def _read_as(pair: tuple[str, str], points: Geometries) -> Geometries:
    return np.column_stack(to_datum(points[:, 0], points[:, 1], source=pair[0], target=pair[1]))


def _outline(case: Case) -> tuple[Any, Callable[[Any], float], float] | None:
    """Misfit of outlines: what is in the cells or in the district but not in both."""
    assert case.district is not None
    boundary = shapely.simplify(case.district.boundary.geometry.iloc[0], COARSE_M)
    parts = shapely.get_parts(shapely.simplify(case.union, COARSE_M))
    outlines = [shapely.Polygon(part.exterior) for part in parts]
    shape = shapely.MultiPolygon(outlines)
    whole = float(shapely.area(boundary))

    def misfit(moved: Any) -> float:
        sound_ = shapely.buffer(moved, 0.0)
        return float(shapely.area(shapely.symmetric_difference(sound_, boundary))) / whole

    return shape, misfit, LEAST_MISFIT


def _along_streets(case: Case) -> tuple[Any, Callable[[Any], float], float] | None:
    """Misfit of borders: the share of their vertices with no street near."""
    assert case.district is not None
    streets = case.district.streets
    if streets is None or not len(streets):
        return None
    xy = np.unique(shapely.get_coordinates(case.shapes), axis=0)
    points = shapely.multipoints(xy[:: max(len(xy) // SAMPLE, 1)])
    tree = shapely.STRtree(streets.geometry.to_numpy())

    def misfit(moved: Any) -> float:
        each = shapely.get_parts(moved)
        near = np.unique(tree.query(each, predicate="dwithin", distance=NEAR_M)[0])
        return 1.0 - len(near) / len(each)

    return points, misfit, LEAST_GAIN


def _drift(case: Case) -> tuple[Any, Callable[[Any], float], float] | None:
    """Misfit of the shift between coarsely drawn borders: what a reading leaves of it."""
    assert case.district is not None
    layers = [case.district.boundary, case.district.communities]
    drawn = [shapely.boundary(x.geometry.to_numpy()) for x in layers if x is not None]
    district = shapely.union_all(np.concatenate(drawn))
    cells = shapely.union_all(shapely.boundary(case.shapes))
    there, back = border_drift(cells, district), border_drift(district, cells)
    if there is None or back is None:
        return None
    shift = (there[0] - back[0]) / 2
    metres = float(np.hypot(*shift))
    # A shift that only one side sees is none: cells of half a district, say.
    if metres < LEAST_DRIFT_M or np.hypot(*(there[0] + back[0])) > BETTER * metres:
        return None
    middle = shapely.centroid(case.union)

    def misfit(moved: Any) -> float:
        return (
            float(np.hypot(moved.x - middle.x - shift[0], moved.y - middle.y - shift[1])) / metres
        )

    return middle, misfit, 0.0
