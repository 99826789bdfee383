"""OpenStreetMap extracts: the layers of a district from its ways and areas."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from ..crs import area_m2
from ..errors import GridkitWarning
from ..messages import message
from .safety import require_safe
from .vector import unreadable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CLASSES", "is_osm", "osm_streets", "read_osm"]

CLASSES = ("highway", "railway", "waterway", "barrier")
"""Tags that say what a line is, strongest first: rails in a street leave it a street."""

UNDER = ("railway", "waterway")
LEAST_WATER_M2 = 500.0
"""Fountains and ponds below this, by themselves, are part of the land around them."""

WATER = {
    "natural": ("water",),
    "waterway": ("riverbank", "dock"),
    "landuse": ("reservoir", "basin"),
}


def is_osm(path: str | Path) -> bool:
    """Tell whether a file's name says that it is an OpenStreetMap extract."""
    return str(path).lower().endswith((".osm", ".osm.pbf"))


def read_osm(path: str | Path) -> dict[str, gpd.GeoDataFrame]:
    """Return the layers ``streets``, ``water`` and ``buildings`` of an extract, as far as met.

    Parameters
    ----------
    path : path
        ``.osm.pbf`` or ``.osm``.

    Raises
    ------
    FileError
        There is no such file, or it cannot be read.

    Warns
    -----
    GridkitWarning
        Areas whose rings do not close, as at the rim of an extract, are left out; areas that
        cross themselves are untangled. Both are counted.
    """
    layers = {"streets": osm_streets(path), **_areas(_read(path, "multipolygons"), str(path))}
    return {name: frame for name, frame in layers.items() if len(frame)}


def osm_streets(path: str | Path) -> gpd.GeoDataFrame:
    """Return the lines of an extract that may divide land: ``road_class``, ``name``, ``bridge``.

    They are all ways with a tag highway, railway, waterway or barrier; ``road_class`` holds its
    value. Railways and watercourses in tunnels divide nothing and are left out.

    Parameters
    ----------
    path : path
        ``.osm.pbf`` or ``.osm``.

    Raises
    ------
    FileError
        There is no such file, or it cannot be read.
    """
    return _streets(_read(path, "lines"))


def _read(path: str | Path, layer: str) -> gpd.GeoDataFrame:
    try:
        # GDAL tells every ring that does not close; they are counted in one warning below.
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
            return pyogrio.read_dataframe(
                require_safe(path, (".osm", ".pbf")), layer=layer, on_invalid="ignore"
            )
    except (
        pyogrio.errors.DataSourceError,
        pyogrio.errors.DataLayerError,
        pyogrio.errors.FeatureError,
    ) as error:
        raise unreadable(path, error) from error


def _streets(lines: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    tags = pd.DataFrame({key: _tag(lines, key) for key in CLASSES})
    under = _tag(lines, "tunnel").notna()
    tags.loc[under, list(UNDER)] = None
    streets = gpd.GeoDataFrame(
        {
            "road_class": tags.bfill(axis=1)[CLASSES[0]],
            "name": lines["name"],
            "bridge": _tag(lines, "bridge"),
        },
        geometry=lines.geometry,
        crs=lines.crs,
    )
    # A way between two nodes on one spot is no line, and every later reader would refuse it.
    real = streets["road_class"].notna() & streets.geometry.is_valid
    return streets[real].reset_index(drop=True)


def _areas(areas: gpd.GeoDataFrame, path: str) -> dict[str, gpd.GeoDataFrame]:
    wet = pd.Series(data=False, index=areas.index)
    for key, values in WATER.items():
        wet |= _tag(areas, key).isin(values)
    built = _tag(areas, "building").notna() & ~wet
    wanted = areas[wet | built]
    polygons = wanted[wanted.geom_type.isin(["Polygon", "MultiPolygon"])]
    shapes = polygons.geometry.to_numpy()
    mended = shapely.make_valid(shapes, method="structure", keep_collapsed=False)
    whole = ~shapely.is_empty(mended)
    lost, tangled = len(wanted) - whole.sum(), (whole & ~shapely.is_valid(shapes)).sum()
    if lost or tangled:
        text = message("intake.osm_areas", path=path, lost=lost, tangled=tangled)
        warnings.warn(GridkitWarning(*text), stacklevel=4)
    sound = polygons.set_geometry(mended, crs=areas.crs)[whole]
    kind = _tag(sound, "water").fillna("water")
    frames = {
        "water": _bodies(sound.assign(kind=kind)[wet[sound.index]]),
        "buildings": sound.assign(use=_tag(sound, "building"))[built[sound.index]],
    }
    columns = {"water": ["kind", "name", "geometry"], "buildings": ["use", "name", "geometry"]}
    return {n: f[columns[n]].reset_index(drop=True) for n, f in frames.items()}


def _bodies(water: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Leave out small waters that touch no other."""
    shapes = water.geometry.to_numpy()
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    joined = np.bincount(one[one != other], minlength=len(shapes)) > 0
    return water[joined | (area_m2(water.geometry) >= LEAST_WATER_M2)]


def _tag(frame: gpd.GeoDataFrame, key: str) -> pd.Series[str]:
    """Return a tag of each row, whether it has a column of its own or stands among the others."""
    others = frame["other_tags"].astype("str").str.extract(f'"{key}"=>"([^"]*)"', expand=False)
    found: pd.Series[str] = frame[key].astype("str") if key in frame.columns else others
    return found.fillna(others)
