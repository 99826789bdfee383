"""Vector files in, metres out: the only place of the room that opens map files."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pyogrio
import pyproj
import shapely

from ..crs import DATUMS, from_datum, in_metres, require_metres, suggest_crs, to_datum
from ..errors import CRSError, FileError, GeometryError, GridkitWarning, raise_all
from ..messages import message
from ..tables import first_few
from .safety import require_safe

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ..messages import Message

__all__ = [
    "VECTOR_SUFFIXES",
    "layer_names",
    "read_layer",
    "read_vector",
    "require_shapes",
    "shape_problems",
    "to_metres",
    "unreadable",
    "warn_of_wgs84",
    "working_crs",
]

VECTOR_SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".fgb", ".parquet")


def layer_names(path: str | Path) -> list[str]:
    """Return the names of the layers of a vector file, in the order of the file.

    Raises
    ------
    FileError
        There is no such file, its ending is unknown, or it cannot be read.
    """
    file = require_safe(path, VECTOR_SUFFIXES)
    if file.suffix.lower() == ".parquet":
        return [file.stem]
    try:
        return [str(name) for name in pyogrio.list_layers(file)[:, 0]]
    except (pyogrio.errors.DataSourceError, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error


def unreadable(path: str | Path, error: Exception) -> FileError:
    """Return the error for a file that a reader gave up on, with the heart of its reason."""
    # GDAL adds advice for programmers behind a semicolon, and every reader its own full stop.
    why = str(error).split("\n", 1)[0].split("; ", 1)[0].replace(f"'{path}'", "").strip(" .")
    return FileError(*message("intake.unreadable", path=path, why=why))


def read_vector(path: str | Path, *, layer: str | None = None) -> gpd.GeoDataFrame:
    """Return one layer with shapes as it stands in the file; heights are left out.

    Parameters
    ----------
    path : path
        GeoPackage, GeoJSON, Shapefile, FlatGeobuf or GeoParquet.
    layer : str, optional
        Needed where the file has several.

    Raises
    ------
    FileError
        There is no such file or layer, it cannot be read, or it has no shapes.
    """
    file = require_safe(path, VECTOR_SUFFIXES)
    if file.suffix.lower() == ".parquet":
        return _plain(_read_geoparquet(file))
    frame = read_layer(path, layer=layer)
    if not isinstance(frame, gpd.GeoDataFrame):
        raise FileError(*message("intake.no_shapes", path=path))
    return frame


def read_layer(path: str | Path, *, layer: str | None = None) -> pd.DataFrame:
    """Return one layer, with or without shapes, of a file that GDAL reads."""
    names = layer_names(path)
    if layer is None and len(names) > 1:
        raise FileError(*message("intake.several_layers", path=path, found=", ".join(names)))
    if not names or layer not in (None, *names):
        found, wanted = ", ".join(names) or "–", layer or "1"
        raise FileError(*message("intake.missing_layer", path=path, layer=wanted, found=found))
    try:
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):
            frame: pd.DataFrame = pyogrio.read_dataframe(path, layer=layer)
    except (
        pyogrio.errors.DataSourceError,
        pyogrio.errors.DataLayerError,
        pyogrio.errors.FeatureError,
        shapely.errors.GEOSException,
        UnicodeDecodeError,
    ) as error:
        raise unreadable(path, error) from error
    return _plain(frame) if isinstance(frame, gpd.GeoDataFrame) else frame


def _plain(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Call the geometry column ``geometry`` and leave heights out."""
    if frame.geometry.name != "geometry":
        frame = frame.rename_geometry("geometry")
    if not frame.geometry.has_z.any():
        return frame
    return frame.set_geometry(frame.geometry.force_2d())


def _read_geoparquet(file: Path) -> gpd.GeoDataFrame:
    try:
        return gpd.read_parquet(file)
    except ImportError as error:
        raise FileError(*message("intake.needs_pyarrow", path=file)) from error
    except (OSError, ValueError) as error:
        raise unreadable(file, error) from error


def to_metres(
    frame: gpd.GeoDataFrame,
    *,
    what: str,
    crs: Any = None,
    datum: str | None = None,
) -> gpd.GeoDataFrame:
    """Return the layer in a projected CRS in metres.

    Parameters
    ----------
    frame : GeoDataFrame
    what : str
        File and layer, for messages.
    crs : anything pyproj understands, optional
        The CRS wanted. By default the layer's own when that is in metres, else the one
        that `suggest_crs` names.
    datum : {"wgs84", "cgcs2000", "gcj02", "bd09"}, optional
        What the coordinates really are, whatever the file says.

    Raises
    ------
    CRSError
        The layer has no CRS or one that its coordinates belie, `crs` is unknown or not in
        metres, or `datum` is unknown.
    """
    _require_honest(frame, what)
    if datum is not None:
        frame = from_datum(frame, datum)
    if crs is not None:
        return frame.to_crs(working_crs(crs))
    return frame if in_metres(frame.crs) else frame.to_crs(suggest_crs(frame))


def _require_honest(frame: gpd.GeoDataFrame, what: str) -> None:
    """Raise `CRSError` where there is no CRS, or metres are labelled degrees or the reverse."""
    if frame.crs is None:
        raise CRSError(*message("intake.missing_crs", what=what))
    if frame.empty:
        return
    west, south, east, north = frame.total_bounds
    like_degrees = max(-west, east) <= 180 and max(-south, north) <= 90
    ends = {"low": f"({west:g}, {south:g})", "high": f"({east:g}, {north:g})"}
    if frame.crs.is_geographic and not like_degrees:
        raise CRSError(*message("intake.not_really_degrees", what=what, crs=frame.crs.name, **ends))
    if frame.crs.is_projected and like_degrees:
        raise CRSError(*message("intake.not_really_metres", what=what, crs=frame.crs.name, **ends))


def warn_of_wgs84(frame: gpd.GeoDataFrame, *, what: str) -> None:
    """Warn where a layer says WGS84 inside China: files from Chinese web maps say so, too."""
    if not frame.crs.equals(pyproj.CRS(4326), ignore_axis_order=True):
        return
    west, south, east, north = frame.total_bounds
    middle = (west + east) / 2, (south + north) / 2
    if tuple(to_datum(*middle)) != middle:
        text = message("intake.taken_as_wgs84", what=what, choices=", ".join(DATUMS))
        warnings.warn(GridkitWarning(*text), stacklevel=3)


def working_crs(crs: Any) -> pyproj.CRS:
    """Return `crs` when it is known and in metres; raise `CRSError` otherwise."""
    try:
        known = pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise CRSError(*message("intake.unknown_crs", crs=crs)) from error
    require_metres(gpd.GeoSeries(crs=known), what=f"crs={crs}")
    return known


def shape_problems(shapes: gpd.GeoSeries, *, what: str, kinds: tuple[str, ...]) -> list[Message]:
    """Return one sentence for each way in which shapes are missing, of a wrong kind or invalid."""
    missing = (shapes.isna() | shapes.is_empty).to_numpy()
    wrong = ~missing & ~shapes.geom_type.isin(kinds).to_numpy()
    invalid = ~missing & ~wrong & ~shapes.is_valid.to_numpy()
    problems = []
    if missing.any():
        problems.append(message("intake.empty_shapes", what=what, **_where(missing)))
    if wrong.any():
        met = ", ".join(sorted(set(shapes[wrong].geom_type)))
        wanted = ", ".join(kinds)
        problems.append(
            message("intake.wrong_shapes", what=what, met=met, wanted=wanted, **_where(wrong))
        )
    if invalid.any():
        why = shapely.is_valid_reason(shapes.to_numpy()[invalid][0])
        problems.append(message("intake.invalid_shapes", what=what, why=why, **_where(invalid)))
    return problems


def require_shapes(shapes: gpd.GeoSeries, *, what: str, kinds: tuple[str, ...]) -> None:
    """Raise `GeometryError` unless all shapes are there, valid and of the wanted kinds."""
    raise_all(GeometryError, shape_problems(shapes, what=what, kinds=kinds))


def _where(mask: NDArray[np.bool_]) -> dict[str, Any]:
    rows = mask.nonzero()[0]
    return {"n": len(rows), "rows": first_few(rows + 1)}
