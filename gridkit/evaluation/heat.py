"""How many reports per square kilometre: a kernel density in metres, honest at the border."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from ..crs import require_metres, same_crs
from ..errors import GeometryError, OptionError
from ..messages import message, say

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyproj import CRS

    from ..errors import Lang

__all__ = ["Density", "density"]

TRUNCATE = 4.0  # bandwidths after which the kernel is cut: 0.03 % of its mass is beyond
SUBSAMPLES = 5  # odd, so that the middle sample of a bin is its centre
MOST_BINS = 40_000_000
STRIP = 4_000_000  # samples of the border that are held at once

Polygons = shapely.Polygon | shapely.MultiPolygon


@dataclass(frozen=True, eq=False)
class Density:
    """Reports per square kilometre on a lattice of square bins.

    Attributes
    ----------
    values : ndarray of float64, shape (ny, nx)
        Density per km² at the centre of each bin; row 0 is the southernmost, column 0 the
        westernmost. NaN where the centre of the bin is outside `within`.
    x0, y0 : float
        Lower-left corner of bin (0, 0), metres.
    bin_m, bandwidth_m : float
        Side of a bin, standard deviation of the kernel, metres.
    crs : pyproj.CRS
    n : int
        Points used.
    method : str
        ``"gaussian, edge-corrected"`` with a border, ``"gaussian"`` without.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import gridkit as gk
    >>> points = gpd.GeoSeries.from_xy([500_000.0], [4_150_000.0], crs=4549)
    >>> heat = gk.density(points, bandwidth_m=100)
    >>> heat.n, heat.values.shape
    (1, (32, 32))
    """

    values: NDArray[np.float64]
    x0: float
    y0: float
    bin_m: float
    bandwidth_m: float
    crs: CRS
    n: int
    method: str

    def describe(self, lang: Lang = "zh") -> str:
        """Return one sentence on the method, to be printed beside the picture.

        Examples
        --------
        >>> import geopandas as gpd
        >>> import gridkit as gk
        >>> gk.density(gpd.GeoSeries([], crs=4549)).describe("en")
        'Kernel density: Gaussian, bandwidth 150 m, bins of 25 m, 0 reports, per km².'
        """
        values = {"bandwidth": self.bandwidth_m, "bin": self.bin_m, "n": self.n}
        if self.method == "gaussian":
            return say("evaluation.density_plain", lang, **values)
        return say("evaluation.density_corrected", lang, **values)


def density(
    points: gpd.GeoSeries | gpd.GeoDataFrame,
    *,
    within: Polygons | gpd.GeoSeries | gpd.GeoDataFrame | None = None,
    bandwidth_m: float = 150.0,
    bin_m: float = 25.0,
) -> Density:
    """Return the kernel density of points, per km².

    Points are shared out to the four nearest bin centres, the bins smoothed with a Gaussian cut
    at four bandwidths. With `within`, the density at each bin is divided by the share of the
    kernel that falls inside: evenly spread points give an even density up to the border, and the
    integral over `within` is n (for points that crowd at the border: nearly).

    Parameters
    ----------
    points : GeoSeries or GeoDataFrame of Point
        In a projected CRS in metres. Null and empty ones are skipped.
    within : polygon, GeoSeries or GeoDataFrame of polygons, optional
        The district, such as ``district.boundary``, in the same CRS. Points outside are not used.
    bandwidth_m : float
        Standard deviation of the kernel, metres; at least two bins.
    bin_m : float
        Side of a bin, metres.

    Returns
    -------
    Density

    Raises
    ------
    CRSError
        No CRS, degrees, or `within` in another CRS.
    GeometryError
        `points` holds something other than points, or `within` has no area.
    OptionError
        A bandwidth or bin that is not positive, a bandwidth under two bins, too many bins.

    Notes
    -----
    Edge correction: P. J. Diggle (1985), *A kernel method for smoothing point process data*,
    in the form that divides at the place of evaluation.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import shapely
    >>> import gridkit as gk
    >>> points = gpd.GeoSeries.from_xy([50.0, 950.0], [500.0, 500.0], crs=4549)
    >>> heat = gk.density(points, within=shapely.box(0, 0, 1000, 1000))
    >>> heat.values.shape, heat.n
    ((40, 40), 2)
    """
    require_metres(points, what="points")
    _require_sizes(bandwidth_m, bin_m)
    area = _area(within, points)
    xy = _coordinates(points, area)
    if area is None and not len(xy):
        return Density(np.zeros((0, 0)), 0.0, 0.0, bin_m, bandwidth_m, points.crs, 0, "gaussian")
    x0, y0, nx, ny = _lattice(xy, area, bandwidth_m, bin_m)
    smooth = _smooth(_binned(xy, x0, y0, nx, ny, bin_m), bandwidth_m / bin_m)
    values = smooth * (1e6 / bin_m**2)
    method = "gaussian"
    if area is not None:
        share, centre = _cover(area, x0, y0, nx, ny, bin_m)
        mass = _smooth(share, bandwidth_m / bin_m)
        values = np.divide(values, mass, out=np.full_like(values, np.nan), where=centre)
        method = "gaussian, edge-corrected"
    return Density(values, x0, y0, bin_m, bandwidth_m, points.crs, len(xy), method)


def _require_sizes(bandwidth_m: float, bin_m: float) -> None:
    if not (0 < bin_m < np.inf and 2 * bin_m <= bandwidth_m < np.inf):
        raise OptionError(*message("evaluation.bandwidth", bandwidth=bandwidth_m, bin=bin_m))


def _area(
    within: Polygons | gpd.GeoSeries | gpd.GeoDataFrame | None, points: Any
) -> Polygons | None:
    """Return `within` as one prepared geometry."""
    if within is None:
        return None
    if isinstance(within, gpd.GeoSeries | gpd.GeoDataFrame):
        same_crs(points, within, what="points and within")
        within = within.geometry.union_all()
    if not within.area > 0:
        raise GeometryError(*message("evaluation.within_empty", kind=within.geom_type))
    shapely.prepare(within)
    return within


def _coordinates(points: Any, area: Polygons | None) -> NDArray[np.float64]:
    """Return x, y of the points that count, shape (n, 2)."""
    geometry = np.asarray(points.geometry, dtype=object)
    there = ~(shapely.is_missing(geometry) | shapely.is_empty(geometry))
    kinds = shapely.get_type_id(geometry[there])
    if (kinds != shapely.GeometryType.POINT).any():
        rows = int((kinds != shapely.GeometryType.POINT).sum())
        raise GeometryError(*message("evaluation.not_points", rows=rows))
    xy: NDArray[np.float64] = shapely.get_coordinates(geometry[there])
    xy = xy[np.isfinite(xy).all(axis=1)]
    if area is None:
        return xy
    return xy[shapely.intersects_xy(area, xy[:, 0], xy[:, 1])]


def _lattice(
    xy: NDArray[np.float64], area: Polygons | None, bandwidth_m: float, bin_m: float
) -> tuple[float, float, int, int]:
    """Return the lower-left corner and the numbers of columns and rows."""
    if area is not None:
        low, high = np.array(area.bounds[:2]), np.array(area.bounds[2:])
    else:
        reach = TRUNCATE * bandwidth_m
        low, high = xy.min(axis=0) - reach, xy.max(axis=0) + reach
    nx, ny = _counts(high - low, bin_m)
    if nx * ny > MOST_BINS:
        coarse = _coarser(high - low, bin_m)
        raise OptionError(
            *message(
                "evaluation.too_many_bins",
                bins=nx * ny,
                bin=bin_m,
                coarse=coarse,
                wide=max(2 * coarse, bandwidth_m),
            )
        )
    return float(low[0]), float(low[1]), nx, ny


def _counts(span: NDArray[np.float64], bin_m: float) -> tuple[int, int]:
    nx, ny = (int(n) for n in np.maximum(np.ceil(span / bin_m - 1e-9), 1))
    return nx, ny


def _coarser(span: NDArray[np.float64], bin_m: float) -> float:
    """Return a side, in whole metres, with which the bins are few enough."""
    while (bins := math.prod(_counts(span, bin_m))) > MOST_BINS:
        bin_m = math.ceil(bin_m * math.sqrt(bins / MOST_BINS))
    return bin_m


def _binned(
    xy: NDArray[np.float64], x0: float, y0: float, nx: int, ny: int, bin_m: float
) -> NDArray[np.float64]:
    """Share each point out to the four bin centres around it, by nearness.

    Counting whole points per bin would shift each by up to half a bin, 10 % of the density on a
    kernel's flank. At the border of the lattice the outer half goes to the border bin.
    """
    place = (xy - (x0, y0)) / bin_m - 0.5
    first = np.floor(place).astype(np.int64)
    part = place - first
    counts = np.zeros(ny * nx)
    for dx in (0, 1):
        for dy in (0, 1):
            column = np.clip(first[:, 0] + dx, 0, nx - 1)
            row = np.clip(first[:, 1] + dy, 0, ny - 1)
            weight = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
            counts += np.bincount(row * nx + column, weight, ny * nx)
    return counts.reshape(ny, nx)


def _smooth(bins: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    smooth: NDArray[np.float64] = gaussian_filter(bins, sigma, mode="constant", truncate=TRUNCATE)
    return smooth


def _cover(
    area: Polygons, x0: float, y0: float, nx: int, ny: int, bin_m: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return for each bin the share of it inside `area`, and whether its centre is.

    Scan lines by the even-odd rule: holes and several parts need no special care.
    """
    share = np.zeros((ny, nx))
    centre = np.zeros((ny, nx), dtype=bool)
    fine_m = bin_m / SUBSAMPLES
    rows = max(STRIP // (nx * SUBSAMPLES), 1)
    for first in range(0, ny, rows):
        strip = slice(first, first + rows)
        middle = np.arange(ny, dtype=np.float64)[strip] + 0.5
        for j in range(SUBSAMPLES):
            y = y0 + middle * bin_m + (j - SUBSAMPLES // 2) * fine_m
            inside = _scan(area, y, x0, nx * SUBSAMPLES, fine_m).reshape(-1, nx, SUBSAMPLES)
            share[strip] += inside.mean(axis=2) / SUBSAMPLES
            if j == SUBSAMPLES // 2:
                centre[strip] = inside[:, :, SUBSAMPLES // 2]
    return share, centre


def _scan(
    area: Polygons, y: NDArray[np.float64], x0: float, n: int, step: float
) -> NDArray[np.bool_]:
    """Return which points of a lattice are inside `area`, shape (len(y), n).

    Each edge flips everything east of where it crosses a line; an odd number of flips is inside.
    """
    rings = shapely.get_rings(shapely.get_parts(area))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    edge = np.flatnonzero(ring[1:] == ring[:-1])
    a, b = xy[edge], xy[edge + 1]
    low = np.searchsorted(y, np.minimum(a[:, 1], b[:, 1]), "left")
    high = np.searchsorted(y, np.maximum(a[:, 1], b[:, 1]), "left")
    which = np.repeat(np.arange(len(edge)), high - low)
    line = np.arange(len(which)) - np.repeat(np.cumsum(high - low) - high, high - low)
    slope = (b[which, 0] - a[which, 0]) / (b[which, 1] - a[which, 1])
    x = a[which, 0] + (y[line] - a[which, 1]) * slope
    column = np.clip(np.ceil((x - x0) / step - 0.5), 0, n).astype(np.int64)
    flips = np.bincount(line * (n + 1) + column, minlength=len(y) * (n + 1))
    odd: NDArray[np.bool_] = np.cumsum(flips.reshape(len(y), n + 1)[:, :n], axis=1) % 2 == 1
    return odd
