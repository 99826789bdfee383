"""The district: its boundary and the layers that divide it, all in one CRS in metres."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely

from ..crs import require_metres, same_crs
from ..errors import FileError, GeometryError, SchemaError, raise_all
from ..messages import message
from ..tables import CELLS, COMMUNITIES, first_few
from .columns import code_text, match_columns, rename_columns
from .vector import (
    layer_names,
    read_vector,
    require_shapes,
    shape_problems,
    to_metres,
    warn_of_wgs84,
)

if TYPE_CHECKING:
    import pyproj

    from ..messages import Message

__all__ = ["District", "district_of", "read_cells", "read_district"]

POLYGONS = ("Polygon", "MultiPolygon")
LINES = ("LineString", "MultiLineString")
LAYERS = {"communities": POLYGONS, "streets": LINES, "water": POLYGONS, "buildings": POLYGONS}


@dataclass(frozen=True)
class District:
    """A district and its layers, all in one projected CRS in metres.

    Attributes
    ----------
    name : str
    boundary : GeoDataFrame
        One row: the polygon or multipolygon of the district.
    communities : GeoDataFrame or None
        Polygons with ``community_code``, ``name``, ``street_code``, ``street_name`` (a *street*
        here is the 街道, the level above the community).
    streets : GeoDataFrame or None
        Centre lines of the streets with ``road_class``, ``name`` and ``bridge``.
    water : GeoDataFrame or None
        Polygons with ``kind`` and ``name``.
    buildings : GeoDataFrame or None
        Polygons with ``households``, ``shops`` and ``use``.

    Raises
    ------
    CRSError
        A layer has no CRS, is not in metres, or differs from the boundary's CRS.
    GeometryError
        The boundary is not one polygon, or a shape is missing, invalid or of the wrong kind;
        nothing is repaired silently.
    SchemaError
        Communities without a code, or with repeated ones.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.intake.district import District
    >>> boundary = gpd.GeoDataFrame(geometry=[box(0, 0, 900, 400)], crs=4549)
    >>> District("Seaside", boundary).crs.to_epsg()
    4549
    """

    name: str
    boundary: gpd.GeoDataFrame
    communities: gpd.GeoDataFrame | None = None
    streets: gpd.GeoDataFrame | None = None
    water: gpd.GeoDataFrame | None = None
    buildings: gpd.GeoDataFrame | None = None

    def __post_init__(self) -> None:
        require_metres(self.boundary, what=f"{self.name}: boundary")
        if len(self.boundary) != 1:
            raise GeometryError(
                *message("intake.one_boundary", what=self.name, n=len(self.boundary))
            )
        problems = shape_problems(
            self.boundary.geometry, what=f"{self.name}: boundary", kinds=POLYGONS
        )
        for layer, kinds in LAYERS.items():
            frame: gpd.GeoDataFrame | None = getattr(self, layer)
            if frame is not None:
                what = f"{self.name}: {layer}"
                same_crs(self.boundary, frame, what=what)
                problems += shape_problems(frame.geometry, what=what, kinds=kinds)
        raise_all(GeometryError, problems)
        if self.communities is not None:
            COMMUNITIES.check(self.communities, source=self.name)

    @property
    def crs(self) -> pyproj.CRS:
        """The CRS of every layer: projected, in metres."""
        crs: pyproj.CRS = self.boundary.crs
        return crs


def read_district(
    path: str | Path,
    *,
    streets: str | Path | None = None,
    crs: Any = None,
    datum: str | None = None,
) -> District:
    """Read a district from a map file.

    A GeoPackage has the layers ``boundary`` and, as far as there are any, ``communities``,
    ``streets``, ``water`` and ``buildings``. A file with one layer is taken as communities where
    it has a ``community_code``, and as the boundary otherwise; the boundary is then the union of
    all its rows.

    Parameters
    ----------
    path : path
        GeoPackage, GeoJSON, Shapefile, FlatGeobuf or GeoParquet.
    streets : path, optional
        A file with the street centre lines, in place of a layer of `path`.
    crs : anything pyproj understands, optional
        The projected CRS to work in. By default the boundary's own when that is in metres,
        else the one that `suggest_crs` names.
    datum : {"wgs84", "cgcs2000", "gcj02", "bd09"}, optional
        What the coordinates really are, whatever the file says. It holds for every layer.

    Returns
    -------
    District

    Raises
    ------
    FileError
        A file is missing, unreadable, of unknown format, or lacks the layer ``boundary``.
    CRSError
        A layer has no CRS or one that its coordinates belie, or `crs` is not in metres.
    GeometryError
        A shape is missing, invalid or of the wrong kind; nothing is repaired silently.
    SchemaError
        Communities without a code, or with repeated ones; counts of buildings that are no
        numbers or negative.

    Warns
    -----
    GridkitWarning
        The file says WGS84, lies in China, and no `datum` confirms it.

    Examples
    --------
    >>> import geopandas as gpd, tempfile
    >>> from pathlib import Path
    >>> from shapely.geometry import box
    >>> from gridkit.intake.district import read_district
    >>> path = Path(tempfile.mkdtemp()) / "seaside.fgb"
    >>> gpd.GeoDataFrame(geometry=[box(121.38, 37.52, 121.40, 37.54)], crs=4326).to_file(path)
    >>> district = read_district(path, datum="wgs84")
    >>> district.name, district.crs.to_epsg()
    ('seaside', 4549)
    """
    layers = {name: (path, frame) for name, frame in _layers_of(path).items()}
    if streets is not None:
        layers["streets"] = (streets, read_vector(streets))
    _require_sound(layers)
    main = layers["boundary" if "boundary" in layers else "communities"]
    first = to_metres(main[1], what=str(main[0]), crs=crs, datum=datum)
    if datum is None:
        warn_of_wgs84(main[1], what=str(main[0]))
    ready = {
        name: to_metres(frame, what=f"{file}: {name}", crs=first.crs, datum=datum)
        for name, (file, frame) in layers.items()
    }
    boundary = ready.pop("boundary", first)
    prepared = {name: _PREPARE.get(name, _as_is)(frame) for name, frame in ready.items()}
    if "communities" in prepared:
        COMMUNITIES.check(prepared["communities"], source=str(path))
    return District(
        name=_name_of(boundary, Path(path).stem), boundary=_dissolved(boundary), **prepared
    )


def _layers_of(path: str | Path) -> dict[str, gpd.GeoDataFrame]:
    names = layer_names(path)
    if "boundary" in names:
        return {n: read_vector(path, layer=n) for n in ("boundary", *LAYERS) if n in names}
    if len(names) != 1:
        raise FileError(
            *message(
                "intake.missing_layer", path=path, layer="boundary", found=", ".join(names) or "–"
            )
        )
    only = read_vector(path)
    return {"communities" if "community_code" in only.columns else "boundary": only}


def _require_sound(layers: dict[str, tuple[str | Path, gpd.GeoDataFrame]]) -> None:
    problems: list[Message] = []
    for name, (file, frame) in layers.items():
        what = f"{file}: {name}"
        if frame.empty and name in ("boundary", "communities"):
            problems.append(message("intake.empty_layer", what=what))
        kinds = LAYERS.get(name, POLYGONS)
        problems += shape_problems(frame.geometry, what=what, kinds=kinds)
    raise_all(GeometryError, problems)
    if "buildings" in layers:
        file, buildings = layers["buildings"]
        raise_all(SchemaError, _count_problems(buildings, f"{file}: buildings"))


def _count_problems(buildings: gpd.GeoDataFrame, what: str) -> list[Message]:
    """Return one sentence for each column of counts with something else than numbers from 0."""
    problems = []
    for column in buildings.columns.intersection(["households", "shops"]):
        written = buildings[column]
        read = pd.to_numeric(written, errors="coerce")
        bad = (written.notna() & ~(read.ge(0) & read.lt(float("inf")))).to_numpy(bool)
        if bad.any():
            values, rows = ", ".join(map(str, written[bad][:5])), first_few(bad.nonzero()[0] + 1)
            where = {"column": column, "n": int(bad.sum()), "values": values, "rows": rows}
            problems.append(message("intake.bad_counts", what=what, **where))
    return problems


def _buildings(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    counts = frame.columns.intersection(["households", "shops"])
    return frame.assign(**{c: pd.to_numeric(frame[c]) for c in counts})


def _name_of(boundary: gpd.GeoDataFrame, default: str) -> str:
    if len(boundary) == 1 and "name" in boundary.columns and pd.notna(boundary["name"].iloc[0]):
        return str(boundary["name"].iloc[0])
    return default


def _dissolved(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if len(frame) == 1:
        return frame
    union = shapely.union_all(frame.geometry.to_numpy())
    return gpd.GeoDataFrame(geometry=[union], crs=frame.crs)


def _as_is(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return frame


def _communities(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    codes = frame.columns.intersection(["community_code", "street_code"])
    return frame.assign(**{c: code_text(frame[c]) for c in codes})


def _streets(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if "road_class" not in frame.columns:
        classes = frame["highway"] if "highway" in frame.columns else pd.NA
        frame = frame.assign(road_class=classes)
    if "bridge" not in frame.columns:
        return frame.assign(bridge=False)
    # OpenStreetMap writes yes, viaduct, movable …; a tunnel or no bridge has no or empty text.
    marks = frame["bridge"].astype("str").str.strip().str.lower()
    return frame.assign(bridge=~marks.fillna("").isin(["", "no", "false", "0", "none"]))


_PREPARE = {"buildings": _buildings, "communities": _communities, "streets": _streets}


def read_cells(
    path: str | Path,
    *,
    code: str | None = None,
    layer: str | None = None,
    crs: Any = None,
    datum: str | None = None,
    merge_parts: bool = False,
) -> gpd.GeoDataFrame:
    """Read given cells from a map file.

    Parameters
    ----------
    path : path
        GeoPackage, GeoJSON, Shapefile, FlatGeobuf or GeoParquet.
    code : str, optional
        The column with the cells' codes. By default ``cell_code`` or one of its usual headers,
        such as ``网格编码`` or ``BGCode`` (``standards/cell_columns.toml``).
    layer : str, optional
        Needed where the file has several.
    crs : anything pyproj understands, optional
        The projected CRS to work in. By default the layer's own when that is in metres, else
        the one that `suggest_crs` names.
    datum : {"wgs84", "cgcs2000", "gcj02", "bd09"}, optional
        What the coordinates really are, whatever the file says.
    merge_parts : bool
        Join rows with one code into one cell of several parts; its other columns come from the
        first of them. By default repeated codes are an error.

    Returns
    -------
    GeoDataFrame
        Satisfies the table ``cells``: ``cell_code`` is text, the CRS is in metres, ``level`` is
        ``cell`` where the file has none. All other columns stay as they are.

    Raises
    ------
    FileError
        The file is missing, unreadable, of unknown format, or has several layers.
    SchemaError
        No column with codes, empty or repeated codes, a column of a wrong type.
    GeometryError
        No rows, or a shape is missing, invalid or no polygon; nothing is repaired silently.
    CRSError
        The layer has no CRS or one that its coordinates belie, or `crs` is not in metres.

    Warns
    -----
    GridkitWarning
        The file says WGS84, lies in China, and no `datum` confirms it.

    Examples
    --------
    >>> import geopandas as gpd, tempfile
    >>> from pathlib import Path
    >>> from shapely.geometry import box
    >>> from gridkit.intake.district import read_cells
    >>> path = Path(tempfile.mkdtemp()) / "beats.fgb"
    >>> beats = gpd.GeoDataFrame({"BEAT": ["0111"]}, geometry=[box(0, 0, 900, 900)], crs=4549)
    >>> beats.to_file(path)
    >>> read_cells(path, code="BEAT")["cell_code"].tolist()
    ['0111']
    """
    raw = read_vector(path, layer=layer)
    if raw.empty:
        raise GeometryError(*message("intake.empty_layer", what=str(path)))
    given = None if code is None else {code: "cell_code"}
    headers = [str(c) for c in raw.columns if c != raw.geometry.name]
    mapping = match_columns(headers, kind="cell", table=CELLS, given=given, source=str(path))
    if "cell_code" not in mapping.values():
        raise SchemaError(
            *message("intake.no_cell_code", path=path, found=", ".join(headers) or "–")
        )
    cells = _typed(rename_columns(raw, mapping))
    require_shapes(cells.geometry, what=str(path), kinds=POLYGONS)
    cells = to_metres(
        _one_row_each(cells, str(path), merge_parts), what=str(path), crs=crs, datum=datum
    )
    if datum is None:
        warn_of_wgs84(raw, what=str(path))
    CELLS.check(cells, source=str(path))
    return cells


def _one_row_each(cells: gpd.GeoDataFrame, path: str, merge_parts: bool) -> gpd.GeoDataFrame:
    codes = cells["cell_code"]
    twice = (codes.duplicated(keep=False) & codes.notna()).to_numpy()
    if not twice.any() or codes.isna().any():
        return cells
    if not merge_parts:
        rows, values = first_few(twice.nonzero()[0] + 1), ", ".join(codes[twice].unique()[:5])
        raise SchemaError(*message("intake.repeated_cells", path=path, values=values, rows=rows))
    merged = cells.dissolve("cell_code", as_index=False, sort=False)
    return merged[list(cells.columns)]


def _typed(cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Give each known column its type where all values allow it; `CELLS.check` tells the rest."""
    columns: dict[str, Any] = {"level": "cell"} if "level" not in cells.columns else {}
    for column in CELLS.columns:
        if column.name not in cells.columns or column.kind == "geometry":
            continue
        values = cells[column.name]
        if column.kind == "text":
            columns[column.name] = code_text(values)
            continue
        convert = pd.to_datetime if column.kind == "date" else pd.to_numeric
        typed = convert(values, errors="coerce")
        if typed.notna().sum() == values.notna().sum():
            columns[column.name] = typed
    return cells.assign(**columns)


def district_of(cells: gpd.GeoDataFrame, *, name: str = "") -> District:
    """Return the district that cells cover: its boundary is their union.

    Parameters
    ----------
    cells : GeoDataFrame
        Valid polygons in a projected CRS in metres.
    name : str

    Returns
    -------
    District
        Boundary only. Gaps between the cells stay as holes.

    Raises
    ------
    GeometryError
        No cells, or a shape is missing, invalid or no polygon.
    CRSError
        No CRS, or not in metres.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.intake.district import district_of
    >>> cells = gpd.GeoDataFrame(geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)], crs=4549)
    >>> float(district_of(cells).boundary.area.iloc[0])
    162.0
    """
    what = name or "cells"
    if cells.empty:
        raise GeometryError(*message("intake.empty_layer", what=what))
    require_shapes(cells.geometry, what=what, kinds=POLYGONS)
    union = shapely.union_all(cells.geometry.to_numpy())
    return District(name=name, boundary=gpd.GeoDataFrame(geometry=[union], crs=cells.crs))
