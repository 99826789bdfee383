"""The only place that changes coordinates: datums of Chinese web maps, working CRS, areas.

Longitude comes first everywhere (``x`` is east). WGS84 is what GPS and OpenStreetMap give,
CGCS2000 what Tianditu and the survey use (the same numbers at grid scale), GCJ-02 what Gaode and
Tencent show, BD-09 what Baidu shows. The state publishes neither GCJ-02 nor BD-09; the formulas
here are the approximation that every map library shares.
"""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any, cast

import geopandas as gpd
import numpy as np
import pyproj
import shapely

from .errors import CRSError, OptionError
from .messages import message

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.floating[Any]]
    Pair = tuple[Floats, Floats]
    Offset = Callable[[Floats, Floats], Pair]

__all__ = [
    "DATUMS",
    "area_m2",
    "from_datum",
    "in_metres",
    "require_datum",
    "require_metres",
    "same_crs",
    "suggest_crs",
    "to_datum",
]

DATUMS = ("wgs84", "cgcs2000", "gcj02", "bd09")

# How many offsets lie between WGS84 and the datum: GCJ-02 adds one, BD-09 another on top.
_LAYER = {"wgs84": 0, "cgcs2000": 0, "gcj02": 1, "bd09": 2}

# China's bounding box (west, south, east, north) as the published approximation has it.
_BOX = (72.004, 0.8293, 137.8347, 55.8271)
_REACH = 0.05  # degrees; both offsets together stay below 0.03
_SLACK = 1e-11  # degrees, a micrometre: what an inverse may miss the box's edge by
_STEP = 1e-12  # degrees; the last step shrinks fiftyfold at least, down to rounding
_MOST_STEPS = 40
_CHUNK = 8192  # points whose working arrays stay in a core's cache

# Krasovsky 1940, the ellipsoid of the published formula.
_AXIS_M = 6378245.0
_EE = 0.00669342162296594323
_DEGREE = np.pi / 180
_BD_WAVE = np.pi * 3000 / 180
_BD_X, _BD_Y = 0.0065, 0.006


def to_datum(
    x: ArrayLike, y: ArrayLike, *, source: str = "wgs84", target: str = "gcj02"
) -> tuple[Any, Any]:
    """Convert longitudes and latitudes between the datums of Chinese maps.

    The forward direction is the approximation that all open libraries share; the inverse solves
    it by fixed point, so a round trip misses by nanometres (by up to 1e-6 m within a micrometre of
    105°E, where the formula's square root makes two points share one image).

    Outside China's bounding box the four datums are the same numbers and points come back
    unchanged: map services there use WGS84, Baidu included. Whether a point lies inside is judged
    once, by its WGS84 position. Within some 600 m outside the box (1.4 km for BD-09) a value can
    stand for two places; it is then read as the one inside.

    Parameters
    ----------
    x, y : array-like of float, degrees, one shape
        Longitude and latitude; scalars and empty arrays too. Where either is not finite, both
        come back as NaN.
    source, target : {"wgs84", "cgcs2000", "gcj02", "bd09"}
        CGCS2000 equals WGS84 at grid scale.

    Returns
    -------
    x, y : ndarray of float64, degrees, the shape of the input (a float for a scalar)

    Raises
    ------
    CRSError
        Unknown datum; values that are not numbers, or not degrees (longitude beyond ±180,
        latitude beyond ±90): swapped columns or metres would otherwise pass unseen.
    OptionError
        `x` and `y` differ in shape.

    Examples
    --------
    >>> from gridkit.crs import to_datum
    >>> x, y = to_datum([121.39, 2.35], [37.54, 48.86])
    >>> x.round(5).tolist(), y.round(5).tolist()
    ([121.39527, 2.35], [37.54103, 48.86])
    >>> x, y = to_datum(x, y, source="gcj02", target="wgs84")
    >>> x.round(9).tolist(), y.round(9).tolist()
    ([121.39, 2.35], [37.54, 48.86])
    """
    start, stop = _LAYER[require_datum(source)], _LAYER[require_datum(target)]
    lon, lat = _degrees(x, y)
    shape = lon.shape
    out_x, out_y = lon.ravel().copy(), lat.ravel().copy()
    lost = ~(np.isfinite(out_x) & np.isfinite(out_y))
    out_x[lost] = out_y[lost] = np.nan
    if start != stop:
        for i in range(0, out_x.size, _CHUNK):
            part = slice(i, i + _CHUNK)
            _shift(out_x[part], out_y[part], start, stop)
    return out_x.reshape(shape)[()], out_y.reshape(shape)[()]


def require_datum(name: str) -> str:
    """Return a datum's name when it is known; raise and name the nearest one otherwise."""
    if name in _LAYER:
        return name
    choices = ", ".join(DATUMS)
    close = difflib.get_close_matches(str(name).lower(), DATUMS, n=1)
    if close:
        raise CRSError(*message("crs.close_datum", value=name, close=close[0], choices=choices))
    raise CRSError(*message("crs.unknown_datum", value=name, choices=choices))


def _degrees(x: ArrayLike, y: ArrayLike) -> Pair:
    try:
        lon, lat = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CRSError(*message("crs.not_numbers", why=error)) from error
    if lon.shape != lat.shape:
        raise OptionError(*message("crs.shapes_differ", x=lon.shape, y=lat.shape))
    with np.errstate(invalid="ignore"):
        far = ((np.abs(lon) > 180) | (np.abs(lat) > 90)) & np.isfinite(lon) & np.isfinite(lat)
    if far.any():
        rows = np.flatnonzero(far)
        first = rows[0]
        raise CRSError(
            *message(
                "crs.not_degrees",
                n=rows.size,
                row=int(first),
                x=float(lon.flat[first]),
                y=float(lat.flat[first]),
            )
        )
    return lon, lat


def _in_box(lon: Floats, lat: Floats, slack: float) -> NDArray[np.bool_]:
    west, south, east, north = _BOX
    wide = (lon >= west - slack) & (lon <= east + slack)
    return wide & (lat >= south - slack) & (lat <= north + slack)


def _shift(lon: Floats, lat: Floats, start: int, stop: int) -> None:
    """Move one chunk from one layer of offsets to another, in place."""
    near = np.flatnonzero(_in_box(lon, lat, _REACH))
    x, y = lon[near], lat[near]
    if start < stop:
        inside = _in_box(x, y, 0.0) if start == 0 else _gcj_inside(x, y)
        for offset in _OFFSETS[start:stop]:
            dx, dy = offset(x, y)
            x, y = x + dx, y + dy
    else:
        for offset in reversed(_OFFSETS[stop:start]):
            x, y = _remove(offset, x, y)
        inside = _in_box(x, y, _SLACK) if stop == 0 else _gcj_inside(x, y)
        if stop == 0:
            west, south, east, north = _BOX
            x, y = np.clip(x, west, east), np.clip(y, south, north)
    lon[near[inside]], lat[near[inside]] = x[inside], y[inside]


def _gcj_inside(lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    """Return which GCJ-02 points stand for a place in the box; only near its edge is it solved."""
    inside = _in_box(lon, lat, -_REACH)
    edge = np.flatnonzero(~inside)
    inside[edge] = _in_box(*_remove(_gcj_offset, lon[edge], lat[edge]), _SLACK)
    return inside


def _remove(offset: Offset, lon: Floats, lat: Floats) -> Pair:
    """Find the points whose offset leads to (`lon`, `lat`): a contracting fixed point.

    The first steps come within centimetres, which single precision gives at a fraction of the cost.
    """
    x, y = lon, lat
    for _ in range(3):
        dx, dy = offset(x.astype(np.float32), y.astype(np.float32))
        x, y = lon - dx, lat - dy
    for _ in range(_MOST_STEPS):
        dx, dy = offset(x, y)
        nx, ny = lon - dx, lat - dy
        step = max(np.abs(nx - x).max(initial=0.0), np.abs(ny - y).max(initial=0.0))
        x, y = nx, ny
        if step < _STEP:
            break
    return x, y


def _gcj_offset(lon: Floats, lat: Floats) -> Pair:
    """Return GCJ-02 minus WGS84 in degrees: polynomial and waves in metres, scaled by latitude.

    The slow wave's sine and cosine give the faster ones by doubling and tripling the angle.
    """
    x, y = lon - 105.0, lat - 35.0
    xs12, xs3, xs1, xc1 = _waves(x)
    ys12, ys3, ys1, _ = _waves(y)
    xs2 = 2.0 * xs1 * xc1
    xs6 = xs2 * (3.0 - 4.0 * xs2 * xs2)
    common = 20.0 * (xs6 + xs2)
    root = np.sqrt(np.abs(x))
    east = 300.0 + x + 2.0 * y + 0.1 * (x * (x + y) + root)
    east += (common + 20.0 * xs1 + 40.0 * xs3 + 150.0 * xs12 + 300.0 * np.sin(x * (np.pi / 30))) * (
        2 / 3
    )
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * (y * y + root) + 0.1 * x * y
    north += (
        common + 20.0 * ys1 + 40.0 * ys3 + 160.0 * ys12 + 320.0 * np.sin(y * (np.pi / 30))
    ) * (2 / 3)
    sine = np.sin(lat * _DEGREE)
    square = sine * sine
    m = 1.0 - _EE * square
    s = np.sqrt(m)
    per_metre = s / (_AXIS_M * _DEGREE)
    return east * per_metre / np.sqrt(1.0 - square), north * per_metre * m / (1.0 - _EE)


def _waves(t: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return sin(πt/12), sin(πt/3), sin(πt), cos(πt)."""
    angle = t * (np.pi / 12)
    s12, c = np.sin(angle), np.cos(angle)
    s = 2.0 * s12 * c
    c = 1.0 - 2.0 * s12 * s12
    s3, c3 = 2.0 * s * c, 1.0 - 2.0 * s * s
    return s12, s3, s3 * (3.0 - 4.0 * s3 * s3), c3 * (4.0 * c3 * c3 - 3.0)


def _bd_offset(lon: Floats, lat: Floats) -> Pair:
    """Return BD-09 minus GCJ-02 in degrees.

    The published formula lengthens the radius and turns the angle of (lon, lat) read as polar
    coordinates. The turn is 3e-6 at most, so that its Taylor terms are exact.
    """
    turn = 3e-6 * np.cos(lon * _BD_WAVE)
    stretch = 2e-5 * np.sin(lat * _BD_WAVE) / np.sqrt(lon * lon + lat * lat)
    bend = 0.5 * turn * turn
    across = (1.0 + stretch) * (turn - turn * bend / 3.0)
    along = stretch - (1.0 + stretch) * bend
    return along * lon - across * lat + _BD_X, along * lat + across * lon + _BD_Y


_OFFSETS: tuple[Offset, ...] = (_gcj_offset, _bd_offset)


def from_datum(
    frame: gpd.GeoSeries | gpd.GeoDataFrame, datum: str
) -> gpd.GeoSeries | gpd.GeoDataFrame:
    """Return the table with the vertices of its geometry moved from a map datum to WGS84.

    Parameters
    ----------
    frame : GeoSeries or GeoDataFrame
        Geometry of any type whose coordinates were taken from a map in `datum`. Without a CRS
        they are degrees; with one (such as Web Mercator) they are brought to degrees first.
    datum : {"wgs84", "cgcs2000", "gcj02", "bd09"}

    Returns
    -------
    GeoSeries or GeoDataFrame
        The same rows in EPSG:4326; heights are dropped. ``.to_crs(suggest_crs(…))`` makes them
        metres.

    Raises
    ------
    CRSError
        Unknown datum, or coordinates that are not degrees.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> from gridkit.crs import from_datum
    >>> amap = gpd.GeoSeries([shapely.Point(121.39527, 37.54103)])
    >>> from_datum(amap, "gcj02").to_wkt(rounding_precision=4).tolist()
    ['POINT (121.39 37.54)']
    """
    require_datum(datum)

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        moved = to_datum(points[:, 0], points[:, 1], source=datum, target="wgs84")
        return np.column_stack(moved)

    degrees = frame.geometry if frame.crs is None else frame.geometry.to_crs(4326)
    moved = shapely.transform(degrees.to_numpy(), move)
    if isinstance(frame, gpd.GeoSeries):
        return gpd.GeoSeries(moved, index=frame.index, crs=4326, name=frame.name)
    plain = gpd.GeoSeries(moved, index=frame.index, crs=4326)
    return frame.set_geometry(plain.rename(frame.geometry.name))


def suggest_crs(
    where: tuple[float, float] | gpd.GeoSeries | gpd.GeoDataFrame,
) -> pyproj.CRS:
    """Return the projected CRS in metres to work in, by one point or a table's centroid.

    Inside China's bounding box: CGCS2000 / 3-degree Gauss-Krüger without zone prefix, central
    meridian ``3 * round(longitude / 3)``, EPSG ``4534 + (meridian - 75) / 3``. Elsewhere: WGS84 /
    UTM. A district near a zone's edge keeps the one zone of its centroid; take it once for a
    project and use it for every layer.

    Parameters
    ----------
    where : (longitude, latitude) in degrees, GeoSeries or GeoDataFrame

    Raises
    ------
    CRSError
        The table has no CRS or no geometry, or the point is not degrees.

    Examples
    --------
    >>> from gridkit.crs import suggest_crs
    >>> suggest_crs((121.39, 37.54)).to_epsg(), suggest_crs((-87.63, 41.88)).to_epsg()
    (4549, 32616)
    """
    is_table = isinstance(where, gpd.GeoSeries | gpd.GeoDataFrame)
    lon, lat = _centroid(where) if is_table else where
    x, y = _degrees(lon, lat)
    if not np.isfinite(x + y):
        raise CRSError(*message("crs.nowhere"))
    if _in_box(x, y, 0.0):
        meridian = 3 * math.floor(x / 3 + 0.5)
        return pyproj.CRS.from_epsg(4534 + (min(max(meridian, 75), 135) - 75) // 3)
    zone = int((x + 180) // 6) % 60 + 1
    return pyproj.CRS.from_epsg((32600 if y >= 0 else 32700) + zone)


def _centroid(frame: gpd.GeoSeries | gpd.GeoDataFrame) -> tuple[float, float]:
    if frame.crs is None:
        raise CRSError(*message("crs.missing", what=type(frame).__name__))
    shapes = frame.geometry.dropna().to_numpy()
    middle = shapely.centroid(shapely.geometrycollections(shapes))
    if shapely.is_empty(middle):
        raise CRSError(*message("crs.nowhere"))
    point = gpd.GeoSeries([middle], crs=frame.crs).to_crs(4326).iloc[0]
    return point.x, point.y


def area_m2(geometry: gpd.GeoSeries) -> Floats:
    """Return ellipsoidal areas, the same whatever CRS the shapes are drawn in.

    Vertices go to WGS84 and each ring is measured along geodesics (Karney 2013, through
    `pyproj.Geod`); holes count negative, parts add up.

    Parameters
    ----------
    geometry : GeoSeries with a CRS

    Returns
    -------
    ndarray of float64, m², one for each row
        0 for empty shapes, points and lines; NaN where the geometry is missing.

    Raises
    ------
    CRSError
        The series has no CRS.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> from gridkit.crs import area_m2
    >>> hectare = gpd.GeoSeries([shapely.box(500000, 4155000, 500100, 4155100)], crs=4549)
    >>> area_m2(hectare).round(1).tolist()
    [10000.0]
    """
    if geometry.crs is None:
        raise CRSError(*message("crs.missing", what=geometry.name or "geometry"))
    parts, row = _polygons(geometry.to_crs(4326).to_numpy())
    rings, part = shapely.get_rings(parts, return_index=True)
    outer = np.r_[True, part[1:] != part[:-1]][: part.size]
    points = shapely.get_coordinates(rings)
    ends = np.cumsum(shapely.get_num_coordinates(rings))
    geod = pyproj.Geod(ellps="WGS84")
    sizes = np.fromiter(
        (
            abs(geod.polygon_area_perimeter(ring[:, 0], ring[:, 1])[0])
            for ring in np.split(points, ends[:-1])
        ),
        np.float64,
        rings.size,
    )
    areas = np.zeros(len(geometry))
    np.add.at(areas, row[part], np.where(outer, sizes, -sizes))
    areas[geometry.isna().to_numpy()] = np.nan
    return areas


def _polygons(shapes: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.intp]]:
    """Return every polygon inside `shapes`, however nested, and the position it came from."""
    parts, row = shapely.get_parts(shapes, return_index=True)
    while np.isin(shapely.get_type_id(parts), (6, 7)).any():
        parts, inner = shapely.get_parts(parts, return_index=True)
        row = row[inner]
    flat = shapely.get_type_id(parts) == 3
    return parts[flat], row[flat]


def in_metres(crs: pyproj.CRS) -> bool:
    """Tell whether lengths in `crs` are metres on the ground; in Web Mercator they are not."""
    method = crs.coordinate_operation
    mercator = method is not None and "Pseudo Mercator" in method.method_name
    units = {axis.unit_name for axis in crs.axis_info[:2]}
    angular = crs.is_geographic or crs.is_geocentric
    return units == {"metre"} and not (angular or mercator)


def require_metres(frame: gpd.GeoSeries | gpd.GeoDataFrame, *, what: str) -> None:
    """Raise unless the table's CRS is planar with both axes in metres.

    Parameters
    ----------
    frame : GeoSeries or GeoDataFrame
    what : str
        What the table is, for the message: ``"boundary"``, ``"cells"``.

    Raises
    ------
    CRSError
        No geometry, no CRS, degrees, another unit, or Web Mercator, whose metres are not those
        on the ground (at 37°N they are 20 % short); the message names the remedy.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from gridkit.crs import require_metres
    >>> require_metres(gpd.GeoSeries(crs=4549), what="cells")
    """
    crs = _crs_of(frame, what)
    if in_metres(crs):
        return
    name = crs.to_string() if crs.to_epsg() else crs.name
    if crs.is_geographic or crs.is_geocentric:
        raise CRSError(*message("crs.degrees", what=what, crs=name))
    method = crs.coordinate_operation
    if method and "Pseudo Mercator" in method.method_name:
        raise CRSError(*message("crs.web_mercator", what=what, crs=name))
    unit = "/".join(sorted({axis.unit_name for axis in crs.axis_info[:2]})) or "?"
    raise CRSError(*message("crs.not_metres", what=what, crs=name, unit=unit))


def same_crs(
    a: gpd.GeoSeries | gpd.GeoDataFrame, b: gpd.GeoSeries | gpd.GeoDataFrame, *, what: str
) -> None:
    """Raise unless two tables share one CRS.

    Parameters
    ----------
    a, b : GeoSeries or GeoDataFrame
    what : str
        Which two, for the message: ``"reports and cells"``.

    Raises
    ------
    CRSError
        Either has none, or they differ.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from gridkit.crs import same_crs
    >>> same_crs(gpd.GeoSeries(crs=4549), gpd.GeoSeries(crs=4549), what="reports and cells")
    """
    first, second = _crs_of(a, what), _crs_of(b, what)
    if not first.equals(second, ignore_axis_order=True):
        raise CRSError(*message("crs.differ", what=what, a=first.name, b=second.name))


def _crs_of(frame: gpd.GeoSeries | gpd.GeoDataFrame, what: str) -> pyproj.CRS:
    try:
        crs = frame.crs
    except AttributeError as error:
        kind = type(frame).__name__
        raise CRSError(*message("crs.no_geometry", what=what, kind=kind)) from error
    if crs is None:
        raise CRSError(*message("crs.missing", what=what))
    return cast("pyproj.CRS", crs)
