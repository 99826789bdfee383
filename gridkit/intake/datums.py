"""Which datum and which order of axes points are in, judged by the district and its streets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..crs import DATUMS, same_crs, to_datum
from ..errors import CRSError, OptionError
from ..messages import message, require_lang, say
from .degrees import degrees_of, project

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..errors import Lang
    from .district import District

    Floats = NDArray[np.float64]

__all__ = ["DatumAdvice", "suggest_datum"]

SAMPLE = 2_000
LEAST = 30
"""With fewer points nothing is said for certain."""
STREET_M = 60.0
"""A point so far from every street speaks against a reading as much as any farther one."""
SURE = 3.3
"""Standard errors between the best two readings: one false alarm in a thousand."""
OUTSIDE = 2.0
"""A point outside counts as much as two that are far from every street."""


@dataclass(frozen=True)
class DatumAdvice:
    """How well each reading of some points fits a district.

    Attributes
    ----------
    datum : str
        Of the reading that fits best.
    swapped : bool
        Whether it takes longitude for latitude.
    certain : bool
        Whether it fits so much better than every other that chance is no explanation.
    table : DataFrame
        A row for each reading, the best first: ``datum``, ``swapped``, ``outside`` (share of
        points outside the district), ``street_m`` (median distance to the nearest street, at
        most 60 m; empty without streets), ``cost``, and ``behind``: by how many standard errors
        the reading is worse than the best.
    points : int
        How many points were judged.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import DatumAdvice
    >>> advice = DatumAdvice("gcj02", False, True, pd.DataFrame(), 200)
    >>> advice.text("en")
    'The points fit the district as gcj02.'
    """

    datum: str
    swapped: bool
    certain: bool
    table: pd.DataFrame
    points: int

    def text(self, lang: Lang = "zh") -> str:
        """Return the advice as a sentence.

        Parameters
        ----------
        lang : {"zh", "en"}
        """
        lang = require_lang(lang)
        if not self.certain:
            return say("intake.datum_unsure", lang, n=self.points)
        if self.swapped:
            return say("intake.datum_swapped", lang, datum=self.datum)
        return say("intake.datum_is", lang, datum=self.datum)


def suggest_datum(
    points: gpd.GeoDataFrame | gpd.GeoSeries | NDArray[np.float64],
    district: District,
    streets: gpd.GeoDataFrame | None = None,
) -> DatumAdvice:
    """Compare the readings of points: WGS84, GCJ-02 and BD-09, each with the axes both ways.

    Nothing is converted: the advice is for `datum` and `swap_axes` of `read_reports`.

    Parameters
    ----------
    points : GeoDataFrame, GeoSeries or array of float, (n, 2)
        Degrees as they stand in the file, longitude (or what it says is) first; with a CRS in
        metres what the file's CRS makes of them.
    district : District
    streets : GeoDataFrame, optional
        Lines in the district's CRS; those of the district by default. Problems are reported on
        streets, which tells readings half a kilometre apart from each other far better than the
        outline alone.

    Returns
    -------
    DatumAdvice
        CGCS2000 is WGS84 to within a metre, and is not told from it.

    Raises
    ------
    CRSError
        Points without CRS, or streets in another than the district's.
    OptionError
        Not a single point, or an array that is not one of pairs.

    Notes
    -----
    A point costs 2 outside the district, and its distance to the nearest street as a share of
    60 m, at most 1. Readings are compared point by point: one is certain when the mean difference
    to every other one is 3.3 standard errors or more, on 30 points at least. At most 2,000
    points, evenly spread over the table, are looked at.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import numpy as np
    >>> import gridkit as gk
    >>> from shapely import box
    >>> square = gpd.GeoDataFrame(geometry=[box(121.35, 37.5, 121.45, 37.58)], crs=4326)
    >>> district = gk.District(name="", boundary=square.to_crs(4549))
    >>> at = np.random.default_rng(0).uniform([121.35, 37.5], [121.45, 37.58], (400, 2))
    >>> lon, lat = gk.to_datum(*at.T, source="wgs84", target="gcj02")
    >>> gk.suggest_datum(np.column_stack([lon, lat]), district).text("en")
    'The points fit the district as gcj02.'
    """
    lon, lat = _degrees(points)
    known = np.flatnonzero(np.isfinite(lon) & np.isfinite(lat) & (np.hypot(lon, lat) > 1e-3))
    if not known.size:
        raise OptionError(*message("intake.no_points"))
    if known.size > SAMPLE:
        known = known[np.linspace(0, known.size - 1, SAMPLE).astype(np.int64)]
    lon, lat = lon[known], lat[known]
    layer = district.streets if streets is None else streets
    if layer is not None and len(layer):
        same_crs(district.boundary, layer, what="streets")
        tree = shapely.STRtree(layer.geometry.to_numpy())
    else:
        tree = None
    shape = district.boundary.geometry.iloc[0]
    shapely.prepare(shape)
    readings, costs = [], []
    for swapped in (False, True):
        x, y = (lat, lon) if swapped else (lon, lat)
        for datum in (d for d in DATUMS if d != "cgcs2000"):
            outside, apart = _judge(x, y, datum, district, shape, tree)
            costs.append(OUTSIDE * outside + (apart / STREET_M if tree is not None else 0.0))
            middle = float(np.median(apart)) if tree is not None else np.nan
            readings.append((datum, swapped, float(outside.mean()), middle))
    return _advice(readings, np.array(costs))


def _degrees(
    points: gpd.GeoDataFrame | gpd.GeoSeries | NDArray[np.float64],
) -> tuple[Floats, Floats]:
    if isinstance(points, gpd.GeoSeries | gpd.GeoDataFrame):
        frame = points.to_frame("geometry") if isinstance(points, gpd.GeoSeries) else points
        if frame.crs is None:
            raise CRSError(*message("intake.missing_crs", what="points"))
        return degrees_of(frame, what="points")
    pairs = np.asarray(points, np.float64)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise OptionError(*message("intake.not_pairs", shape=pairs.shape))
    return pairs[:, 0], pairs[:, 1]


def _judge(
    lon: Floats,
    lat: Floats,
    datum: str,
    district: District,
    shape: shapely.Geometry,
    tree: shapely.STRtree | None,
) -> tuple[Floats, Floats]:
    """Return whether each point is outside (1) and its capped distance to a street, so read."""
    sound = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    x, y = np.where(sound, lon, np.nan), np.where(sound, lat, np.nan)
    x[sound], y[sound] = to_datum(x[sound], y[sound], source=datum, target="wgs84")
    at = project(x, y, district.crs)
    there = ~shapely.is_empty(at)
    outside = np.ones(len(at))
    outside[there] = ~shapely.intersects(shape, at[there])
    apart = np.full(len(at), STREET_M)
    if tree is not None and there.any():
        near, metres = tree.query_nearest(
            at[there], max_distance=STREET_M, return_distance=True, all_matches=False
        )
        rows = np.flatnonzero(there)[near[0]]
        apart[rows] = np.minimum(metres, STREET_M)
    return outside, apart


def _advice(readings: list[tuple[str, bool, float, float]], costs: Floats) -> DatumAdvice:
    """Return the readings in their order, each with its distance from the best."""
    mean = costs.mean(axis=1)
    best = int(np.argmin(mean))
    n = costs.shape[1]
    differences = costs - costs[best]
    error = differences.std(axis=1, ddof=1) / np.sqrt(n) if n > 1 else np.full(len(costs), np.inf)
    behind = np.divide(
        differences.mean(axis=1),
        error,
        # All points differ by the same: the best is better for every one of them.
        out=np.where(differences.mean(axis=1) > 0, np.inf, 0.0),
        where=error > 0,
    )
    table = pd.DataFrame(readings, columns=["datum", "swapped", "outside", "street_m"])
    table["cost"], table["behind"] = mean, behind
    # Outside China some readings are one and the same: they are no rivals.
    others = behind[(differences != 0).any(axis=1)]
    sure = n >= LEAST and bool((others >= SURE).all()) and readings[best][2] < 0.5
    order = np.argsort(mean, kind="stable")
    datum, swapped = readings[best][:2]
    return DatumAdvice(datum, swapped, sure, table.iloc[order].reset_index(drop=True), n)
