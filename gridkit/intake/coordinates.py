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
from .datums import suggest_datum
from .degrees import degrees_of, project
from .vector import working_crs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .district import District

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

__all__ = ["FAR_M", "Places", "place"]

FAR_M = 20_000.0  # beyond this distance from the boundary a point is an error, not a neighbour's
_NEAR_ZERO = 1e-3  # degrees, about 100 m around (0, 0) in the Gulf of Guinea
_METRES = 1_000.0  # coordinates beyond this, both of them, are metres or feet in some plane
_POLES = (-60.0, 80.0)  # no city lies beyond these latitudes
_MOST_NORTHERN = 72.0
_STAND_IN = 5  # so many rows on one far point stand for "unknown"
_FAR_FROM_ALL_M = 100_000.0


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
    if district is None:
        far, doubtful = usable & _lonely(lon, lat), usable & _at_a_pole(raw)
    else:
        far = doubtful = usable & ~_near(lon, lat, district)
    astray = doubtful | (read & ~in_range)
    swapped = astray & _near(*_turned(raw, astray), district)
    stand_in = far & ~swapped & _repeated(raw)
    metres = read & ~in_range & (np.abs(raw.lon) > _METRES) & (np.abs(raw.lat) > _METRES)
    addressed = ~blank(frame["address"], words["blank"]) if "address" in frame else False
    masks = {
        "NO_PLACE": nothing & ~np.asarray(addressed, bool),
        "BAD_COORDINATE": raw.unreadable,
        "ZERO_ISLAND": zero,
        "SWAPPED": swapped,
        "METRES": metres,
        "OUT_OF_RANGE": read & ~in_range & ~swapped & ~metres,
        "PLACEHOLDER": stand_in,
        "FAR_OUTSIDE": far & ~swapped & ~stand_in & (district is not None),
        "UNKNOWN_DATUM": in_range & unknown,
    }
    target = _target(lon, lat, district, crs)
    points = project(lon, lat, target)
    findings = _findings(masks, raw.headers, headers)
    findings.append(_address_only(nothing & np.asarray(addressed, bool), raw.headers))
    if district is not None:
        good = usable & ~far
        findings.append(_wrong_datum(raw, datums, good, district))
    return Places(points, target, findings)


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
        "METRES": message("intake.fix_metres"),
        "OUT_OF_RANGE": message("intake.fix_out_of_range"),
        "PLACEHOLDER": message("intake.fix_placeholder"),
        "FAR_OUTSIDE": message("intake.fix_far_outside", km=f"{FAR_M / 1000:g}"),
        "UNKNOWN_DATUM": message("intake.fix_unknown_datum", choices=", ".join(DATUMS)),
    }
    serves = message("intake.serves_place")
    return [
        Finding(rule, "error", mask, where.get(rule, checked), serves, remedies[rule])
        for rule, mask in masks.items()
    ]


def _address_only(rows: Mask, checked: tuple[str, ...]) -> Finding:
    serves, remedy = message("intake.serves_place"), message("intake.fix_address_only")
    return Finding("ADDRESS_ONLY", "info", rows, checked, serves, remedy)


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


def _lonely(lon: Floats, lat: Floats) -> Mask:
    """Tell which positions are far from nearly all others; without a district to judge by."""
    known = np.isfinite(lon)
    if not known.any():
        return known
    x, y = np.median(lon[known]), np.median(lat[known])
    degree = 111_000.0  # metres
    apart = degree * np.hypot((lon - x) * np.cos(np.radians(y)), lat - y)
    most = max(_FAR_FROM_ALL_M, 10 * float(np.median(apart[known])))
    return np.asarray(known & (np.where(known, apart, 0.0) > most))


def _repeated(raw: _Raw) -> Mask:
    """Tell which rows share their position, to the last digit, with at least four others."""
    pairs = pd.DataFrame({"lon": raw.lon, "lat": raw.lat})
    size = pairs.groupby(["lon", "lat"], dropna=True)["lon"].transform("size")
    return (size >= _STAND_IN).to_numpy(bool, na_value=False)


def _at_a_pole(raw: _Raw) -> Mask:
    """Tell which rows lie where nobody lives, and would not with the axes the other way round."""
    beyond = (raw.lat < _POLES[0]) | (raw.lat > _POLES[1])
    return np.asarray(beyond & (np.abs(raw.lon) <= _MOST_NORTHERN))


def _wrong_datum(raw: _Raw, datums: NDArray[np.object_], rows: Mask, district: District) -> Finding:
    """Find rows of one datum that fit the district far better as another."""
    wrong, told = np.zeros(len(rows), bool), []
    for name in DATUMS:
        mine = rows & (datums == name)
        if not mine.any() or not _in_china(raw.lon[mine], raw.lat[mine]):
            continue
        advice = suggest_datum(np.column_stack([raw.lon[mine], raw.lat[mine]]), district)
        plain = "wgs84" if name == "cgcs2000" else name
        if advice.certain and not advice.swapped and advice.datum != plain:
            wrong |= mine
            told.append(f"{name} → {advice.datum}")
    detail = message("intake.datum_fits", n=f"{wrong.sum():,}", told=", ".join(told))
    serves, remedy = message("intake.serves_place"), message("intake.fix_wrong_datum")
    return Finding("WRONG_DATUM", "warning", wrong, raw.headers, serves, remedy, detail)


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
