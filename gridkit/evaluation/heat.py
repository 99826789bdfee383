"""How many reports per square kilometre or household: a kernel density, honest at the border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..calendar import require_zone
from ..crs import require_metres, same_crs
from ..errors import GeometryError, OptionError, SchemaError
from ..messages import message, say
from .definitions import did_you_mean
from .facets import time_facets
from .lattice import Lattice, Polygons, binned, cover_of, lattice_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyproj import CRS

    from ..errors import Lang

__all__ = ["Density", "densities", "density"]

TRUNCATE = 4.0  # bandwidths after which the kernel is cut: 0.03 % of its mass is beyond
FEWEST_HOUSEHOLDS = 10.0  # within the reach of the kernel; with fewer a rate says nothing
MOST_PARTS = 60
_FACETS = ("month", "weekday", "hour", "slot", "day_kind")


@dataclass(frozen=True, eq=False)
class Density:
    """Reports per square kilometre on a lattice of square bins.

    Attributes
    ----------
    values : ndarray of float64, shape (ny, nx)
        Density at the centre of each bin; row 0 is the southernmost, column 0 the westernmost.
        NaN where the centre of the bin is outside `within`, or too few households are near.
    x0, y0 : float
        Lower-left corner of bin (0, 0), metres.
    bin_m, bandwidth_m : float
        Side of a bin, standard deviation of the kernel, metres.
    crs : pyproj.CRS
    n : int
        Points used.
    method : str
        ``"gaussian, edge-corrected"`` with a border, ``"gaussian"`` without, ``"gaussian ratio"``
        per households.
    unit : str
        ``"per_km2"`` or ``"per_100_households"``.

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
    unit: str = "per_km2"

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
        if self.unit != "per_km2":
            return say("evaluation.density_households", lang, **values)
        if self.method == "gaussian":
            return say("evaluation.density_plain", lang, **values)
        return say("evaluation.density_corrected", lang, **values)


def density(
    points: gpd.GeoSeries | gpd.GeoDataFrame,
    *,
    within: Polygons | gpd.GeoSeries | gpd.GeoDataFrame | None = None,
    households: gpd.GeoDataFrame | None = None,
    bandwidth_m: float = 150.0,
    bin_m: float = 25.0,
) -> Density:
    """Return the kernel density of points, per km² or per 100 households.

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
    households : GeoDataFrame, optional
        Buildings with the column ``households``, in the same CRS. The density is then per 100
        households: where more people live, more is reported. Bins with fewer than ten households
        within reach of the kernel have none.
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
        No CRS, degrees, or another layer in another CRS.
    GeometryError
        `points` holds something other than points, or `within` has no area.
    SchemaError
        Buildings without ``households``, or with other things than counts in it.
    OptionError
        A bandwidth or bin that is not positive, a bandwidth under two bins, too many bins.

    Notes
    -----
    Edge correction: P. J. Diggle (1985), *A kernel method for smoothing point process data*,
    in the form that divides at the place of evaluation. Per households: the ratio of two densities
    with one bandwidth, J. E. Kelsall and P. J. Diggle (1995), *Kernel estimation of relative risk*.

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
    estimator = _Estimator(points, within, households, bandwidth_m, bin_m)
    return estimator.of(estimator.points)


def densities(
    points: gpd.GeoDataFrame,
    by: str,
    *,
    within: Polygons | gpd.GeoSeries | gpd.GeoDataFrame | None = None,
    households: gpd.GeoDataFrame | None = None,
    bandwidth_m: float = 150.0,
    bin_m: float = 25.0,
    tz: str = "Asia/Shanghai",
) -> dict[str, Density]:
    """Return one density for each value of a column: by category, month, weekday or time of day.

    Parameters
    ----------
    points : GeoDataFrame of Point
        As in `density`.
    by : str
        A column; or ``month``, ``weekday``, ``hour``, ``slot`` (day and night) or ``day_kind``,
        which are taken from ``reported_at`` where there is no such column.
    within, households, bandwidth_m, bin_m
        As in `density`.
    tz : str
        Zone whose days and hours count.

    Returns
    -------
    dict of str to Density
        All on the same bins, ordered by value. Points without a value are in none.

    Raises
    ------
    OptionError
        No such column, or more than 60 values.
    CRSError, GeometryError, SchemaError
        As in `density`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import shapely
    >>> import gridkit as gk
    >>> points = gpd.GeoDataFrame(
    ...     {"category": ["E0405", "E0110", "E0405"]},
    ...     geometry=gpd.points_from_xy([50, 950, 500], [500, 500, 500]),
    ...     crs=4549,
    ... )
    >>> found = gk.densities(points, "category", within=shapely.box(0, 0, 1000, 1000))
    >>> {value: heat.n for value, heat in found.items()}
    {'E0110': 1, 'E0405': 2}
    """
    values = values_of(points, by, tz)
    estimator = _Estimator(points, within, households, bandwidth_m, bin_m)
    parts = {str(v): points[(values == v).to_numpy()] for v in _ordered(values)}
    return {value: estimator.of(_coordinates(part)) for value, part in parts.items()}


def values_of(points: gpd.GeoDataFrame, by: str, tz: str = "Asia/Shanghai") -> pd.Series[Any]:
    """Return what to part the points by."""
    if by in points.columns:
        column: pd.Series[Any] = points[by]
        return column
    known = list(map(str, points.columns))
    if "reported_at" in points.columns:
        known += _FACETS
        if by == "month":
            local = points["reported_at"].dt.tz_convert(require_zone(tz))
            return pd.Series(local.dt.strftime("%Y-%m"), index=points.index)
        if by in _FACETS:
            facet: pd.Series[Any] = time_facets(points, tz=tz)[by]
            return facet
    raise OptionError(*did_you_mean("by", by, known))


def _ordered(values: pd.Series[Any]) -> list[Any]:
    found = sorted(value for value in values.dropna().unique() if value != "")
    if len(found) > MOST_PARTS:
        what = {"found": len(found), "most": MOST_PARTS}
        raise OptionError(*message("evaluation.too_many_parts", **what))
    return found


class _Estimator:
    """What all densities of the same land have in common: bins, border, households."""

    def __init__(
        self,
        points: Any,
        within: Polygons | gpd.GeoSeries | gpd.GeoDataFrame | None,
        households: gpd.GeoDataFrame | None,
        bandwidth_m: float,
        bin_m: float,
    ) -> None:
        require_metres(points, what="points")
        _require_sizes(bandwidth_m, bin_m)
        self.crs, self.bandwidth_m = points.crs, bandwidth_m
        self.points = _coordinates(points)
        area = _area(within, points)
        if area is None and not len(self.points):
            self.lattice, self.cover = Lattice(0.0, 0.0, 0, 0, bin_m), None
        else:
            reach_m = TRUNCATE * bandwidth_m
            self.lattice = lattice_of(self.points, area, reach_m=reach_m, bin_m=bin_m)
            self.cover = None if area is None else cover_of(area, self.lattice)
        self.unit, self.method = "per_km2", "gaussian"
        self.base, self.known = self._land()
        if households is not None:
            same_crs(points, households, what="points and households")
            self.unit, self.method = "per_100_households", "gaussian ratio"
            self.base, self.known = self._people(households)

    def _land(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return km² within the kernel of each bin, and where a density is to be said."""
        bin_km2 = self.lattice.bin_m**2 / 1e6
        if self.cover is None:
            shape = self.lattice.ny, self.lattice.nx
            return np.full(shape, bin_km2), np.ones(shape, dtype=bool)
        self.method = "gaussian, edge-corrected"
        return self._smooth(self.cover.share) * bin_km2, self.cover.centre

    def _people(
        self, households: gpd.GeoDataFrame
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return hundreds of households within each bin's kernel, and where they are enough."""
        xy, count = _homes(households)
        x0, y0, nx, ny, bin_m = self.lattice
        place = (xy - (x0, y0)) / bin_m
        here = ((place >= 0) & (place < (nx, ny))).all(axis=1)
        smooth = self._smooth(binned(xy[here], self.lattice, count[here]))
        near = smooth * 2 * np.pi * (self.bandwidth_m / bin_m) ** 2
        return smooth / 100, self.known & (near >= FEWEST_HOUSEHOLDS)

    def _smooth(self, bins: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.ndimage import gaussian_filter

        sigma = self.bandwidth_m / self.lattice.bin_m
        smooth: NDArray[np.float64] = gaussian_filter(
            bins, sigma, mode="constant", truncate=TRUNCATE
        )
        return smooth

    def of(self, xy: NDArray[np.float64]) -> Density:
        """Return the density of points."""
        if self.cover is not None:
            xy = xy[self.cover.holds(xy)]
        x0, y0, _, _, bin_m = self.lattice
        smooth = self._smooth(binned(xy, self.lattice))
        values = np.divide(smooth, self.base, out=np.full_like(smooth, np.nan), where=self.known)
        settings = (x0, y0, bin_m, self.bandwidth_m, self.crs, len(xy), self.method, self.unit)
        return Density(values, *settings)


def _homes(
    buildings: gpd.GeoDataFrame,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where people live, shape (n, 2), and how many households do."""
    if "households" not in buildings.columns:
        found = ", ".join(map(str, buildings.columns))
        where = {"source": "households", "table": "buildings", "found": found}
        raise SchemaError(*message("tables.missing_columns", columns="households", **where))
    count = pd.to_numeric(buildings["households"], errors="coerce").to_numpy(float, na_value=np.nan)
    wrong = (count < 0) | np.isinf(count) | (np.isnan(count) & buildings["households"].notna())
    if wrong.any():
        rows = ", ".join(map(str, buildings.index[wrong][:5]))
        raise SchemaError(*message("evaluation.bad_counts", rows=rows))
    places = buildings.geometry.to_numpy()
    lived = (count > 0) & ~(shapely.is_missing(places) | shapely.is_empty(places))
    return shapely.get_coordinates(shapely.point_on_surface(places[lived])), count[lived]


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


def _coordinates(points: Any) -> NDArray[np.float64]:
    """Return x, y of the points that there are, shape (n, 2)."""
    geometry = np.asarray(points.geometry, dtype=object)
    kinds = shapely.get_type_id(geometry)
    others = np.count_nonzero((kinds != shapely.GeometryType.POINT) & (kinds != -1))
    if others:
        raise GeometryError(*message("evaluation.not_points", rows=int(others)))
    xy: NDArray[np.float64] = shapely.get_coordinates(geometry)  # empty ones have none
    if np.isfinite(xy.sum()):
        return xy
    return xy[np.isfinite(xy).all(axis=1)]
