"""Where each report is: longitude and latitude read, checked, brought to WGS84 and to metres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from ..crs import DATUMS, suggest_crs, to_datum
from ..errors import CRSError
from ..messages import message
from .audit import Finding
from .columns import blank, header_words, numbers
from .vector import working_crs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .district import District

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

__all__ = ["FAR_M", "Places", "degrees_of", "place", "project"]

FAR_M = 20_000.0  # beyond this distance from the boundary a point is an error, not a neighbour's
_NEAR_ZERO = 1e-3  # degrees, about 100 m around (0, 0) in the Gulf of Guinea


@dataclass(frozen=True)
class Places:
    """Positions of all rows and what is wrong with them.

    Attributes
    ----------
    points : ndarray of Point, one for each row
        In `crs`; empty where there is no usable position.
    crs : pyproj.CRS or None
        None where nothing was asked for and no row has a position to choose one by.
    findings : list of Finding
    """

    points: NDArray[np.object_]
    crs: pyproj.CRS | None
    findings: list[Finding]


@dataclass(frozen=True)
class _Raw:
    """Coordinates as they stand in the file."""

    lon: Floats
    lat: Floats
    nothing: Mask
    unreadable: Mask
    headers: tuple[str, ...]
    trusted: bool


def place(
    frame: pd.DataFrame,
    *,
    headers: dict[str, str],
    source: str,
    datum: str | None,
    district: District | None,
    crs: Any,
) -> Places:
    """Read, check and convert the position of every row.

    Parameters
    ----------
    frame : DataFrame or GeoDataFrame
        With the columns ``longitude``, ``latitude``, ``datum``, ``address`` as far as there are
        any; the geometry of a GeoDataFrame takes the place of the first two.
    headers : dict of column → header in the file
    source : str
        For messages.
    datum, district, crs
        As in `read_reports`.

    Raises
    ------
    CRSError
        Points in China and nothing that says which datum they are in; an unknown datum; a table
        with shapes but no CRS; an unusable `crs`.
    """
    if datum is not None:
        to_datum([], [], source=datum)
    words = header_words("report")["words"]
    raw = _raw_positions(frame, headers, words["blank"], source)
    nothing = raw.nothing
    zero = ~nothing & ~raw.unreadable & (np.hypot(raw.lon, raw.lat) < _NEAR_ZERO)
    read = ~nothing & ~raw.unreadable & ~zero
    in_range = read & (np.abs(raw.lon) <= 180) & (np.abs(raw.lat) <= 90)
    datums, unknown = _datums(frame, raw, in_range, datum, source)
    usable = in_range & ~unknown
    lon, lat = _to_wgs84(raw, datums, usable)
    far = usable & ~_near(lon, lat, district)
    astray = far | (read & ~in_range)
    swapped = astray & _near(*_turned(raw, astray), district)
    addressed = ~blank(frame["address"], words["blank"]) if "address" in frame else False
    masks = {
        "NO_PLACE": nothing & ~np.asarray(addressed, bool),
        "BAD_COORDINATE": raw.unreadable,
        "ZERO_ISLAND": zero,
        "SWAPPED": swapped,
        "OUT_OF_RANGE": read & ~in_range & ~swapped,
        "FAR_OUTSIDE": far & ~swapped,
        "UNKNOWN_DATUM": in_range & unknown,
    }
    target = _target(lon, lat, district, crs)
    points = project(lon, lat, target)
    return Places(points, target, _findings(masks, raw.headers, headers))


def _findings(
    masks: dict[str, Mask], checked: tuple[str, ...], headers: dict[str, str]
) -> list[Finding]:
    where = {
        "NO_PLACE": (*checked, *(headers[c] for c in ("address",) if c in headers)),
        "UNKNOWN_DATUM": tuple(headers[c] for c in ("datum",) if c in headers),
    }
    remedies = {
        "NO_PLACE": message("intake.fix_no_place"),
        "BAD_COORDINATE": message("intake.fix_bad_coordinate"),
        "ZERO_ISLAND": message("intake.fix_zero_island"),
        "SWAPPED": message("intake.fix_swapped"),
        "OUT_OF_RANGE": message("intake.fix_out_of_range"),
        "FAR_OUTSIDE": message("intake.fix_far_outside", km=f"{FAR_M / 1000:g}"),
        "UNKNOWN_DATUM": message("intake.fix_unknown_datum", choices=", ".join(DATUMS)),
    }
    serves = message("intake.serves_place")
    return [
        Finding(rule, "error", mask, where.get(rule, checked), serves, remedies[rule])
        for rule, mask in masks.items()
    ]


def _raw_positions(
    frame: pd.DataFrame, headers: dict[str, str], blank_words: list[str], source: str
) -> _Raw:
    if isinstance(frame, gpd.GeoDataFrame):
        return _from_shapes(frame, source)
    empty = pd.Series(np.nan, index=frame.index)
    lon, lat = frame.get("longitude", empty), frame.get("latitude", empty)
    missing = [blank(v, blank_words).to_numpy(bool) for v in (lon, lat)]
    x, y = (numbers(v) for v in (lon, lat))
    nothing = missing[0] & missing[1]
    unreadable = ~nothing & ~(np.isfinite(x) & np.isfinite(y))
    checked = tuple(headers[c] for c in ("longitude", "latitude") if c in headers)
    return _Raw(x, y, nothing, unreadable, checked, trusted=False)


def _from_shapes(frame: gpd.GeoDataFrame, source: str) -> _Raw:
    """Take points from the geometry; a plane CRS or CGCS2000 is believed, plain degrees are not."""
    x, y = degrees_of(frame, what=source)
    shapes = frame.geometry
    nothing = (shapes.isna() | shapes.is_empty).to_numpy()
    unreadable = ~nothing & ~(np.isfinite(x) & np.isfinite(y))
    trusted = not frame.crs.equals(pyproj.CRS(4326), ignore_axis_order=True)
    return _Raw(x, y, nothing, unreadable, (shapes.name,), trusted)


def degrees_of(frame: gpd.GeoDataFrame, *, what: str) -> tuple[Floats, Floats]:
    """Return longitude and latitude of points; NaN for missing, empty and other shapes."""
    if frame.crs is None:
        raise CRSError(*message("intake.missing_crs", what=what))
    shapes = frame.geometry.to_crs(4326).to_numpy()
    points = (shapely.get_type_id(shapes) == 0) & ~shapely.is_empty(shapes)
    xy = np.full((len(shapes), 2), np.nan)
    xy[points] = shapely.get_coordinates(shapes[points])
    return xy[:, 0], xy[:, 1]


def _datums(
    frame: pd.DataFrame, raw: _Raw, in_range: Mask, datum: str | None, source: str
) -> tuple[NDArray[np.object_], Mask]:
    """Return the datum of each row, and the rows whose datum cannot be told."""
    words = header_words("report")["words"]
    default = datum or ("wgs84" if raw.trusted else None)
    written = frame["datum"] if "datum" in frame else pd.Series(np.nan, index=frame.index)
    silent = blank(written, words["blank"]).to_numpy(bool)
    names = {word: name for name in DATUMS for word in words[name]}
    said = written.astype("str").str.strip().str.lower().map(names)
    asked = in_range & silent
    if default is None and _in_china(raw.lon[asked], raw.lat[asked]):
        if "datum" not in frame:
            raise CRSError(*message("intake.which_datum", source=source, choices=", ".join(DATUMS)))
        return said.to_numpy(object), said.isna().to_numpy()
    filled = said.mask(silent, default or "wgs84")
    return filled.to_numpy(object), filled.isna().to_numpy()


def _in_china(lon: Floats, lat: Floats) -> bool:
    """Tell whether the middle of the points is where the datums differ."""
    if not lon.size:
        return False
    x, y = np.median(lon), np.median(lat)
    return tuple(to_datum(x, y, source="wgs84", target="gcj02")) != (x, y)


def _to_wgs84(raw: _Raw, datums: NDArray[np.object_], usable: Mask) -> tuple[Floats, Floats]:
    lon = np.where(usable, raw.lon, np.nan)
    lat = np.where(usable, raw.lat, np.nan)
    for name in DATUMS:
        rows = usable & (datums == name)
        lon[rows], lat[rows] = to_datum(lon[rows], lat[rows], source=name, target="wgs84")
    return lon, lat


def _turned(raw: _Raw, rows: Mask) -> tuple[Floats, Floats]:
    """Return the positions with the axes swapped, where that gives degrees at all."""
    rows = rows & (np.abs(raw.lat) <= 180) & (np.abs(raw.lon) <= 90)
    return np.where(rows, raw.lat, np.nan), np.where(rows, raw.lon, np.nan)


def _near(lon: Floats, lat: Floats, district: District | None) -> Mask:
    """Tell which positions lie in the district or not far from it; without one, all do."""
    if district is None:
        return np.isfinite(lon)
    shape = district.boundary.geometry.iloc[0]
    shapely.prepare(shape)
    return shapely.dwithin(shape, project(lon, lat, district.crs), FAR_M)


def _target(lon: Floats, lat: Floats, district: District | None, crs: Any) -> pyproj.CRS | None:
    if crs is not None:
        return working_crs(crs)
    if district is not None:
        return district.crs
    known = np.isfinite(lon)
    if not known.any():
        return None
    return suggest_crs((float(np.median(lon[known])), float(np.median(lat[known]))))


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
