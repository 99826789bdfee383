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
from ..rules import LEAST_WEIGHT, load_barriers
from ..tables import CELLS, COMMUNITIES, first_few
from .columns import code_text, match_columns, rename_columns
from .osm import CLASSES, is_osm, osm_streets, read_osm
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

__all__ = ["District", "district_of", "district_of_streets", "read_cells", "read_district"]

POLYGONS = ("Polygon", "MultiPolygon")
LINES = ("LineString", "MultiLineString")
NODING_M = 0.01
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
    it has a ``community_code``, as the streets where it has lines only, and as the boundary
    otherwise; the boundary is then the union of all its rows. An OpenStreetMap extract gives
    streets, water and buildings. Without boundary and communities the boundary is what the
    streets enclose, as in `district_of_streets`.

    Parameters
    ----------
    path : path
        GeoPackage, GeoJSON, Shapefile, FlatGeobuf, GeoParquet, or OpenStreetMap's ``.osm.pbf``
        or ``.osm``.
    streets : path, optional
        A file with the street centre lines, in place of a layer of `path`; of an OpenStreetMap
        extract the streets only.
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
        The file says WGS84, lies in China, and no `datum` confirms it; OpenStreetMap's is WGS84.
        Areas of an extract that do not close or cross themselves.

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
        lines = osm_streets(streets) if is_osm(streets) else read_vector(streets)
        if lines.empty:
            raise GeometryError(*message("intake.no_lines", what=streets))
        layers["streets"] = (streets, lines)
    _require_sound(layers)
    main = next(layers[n] for n in ("boundary", "communities", "streets") if n in layers)
    first = to_metres(main[1], what=str(main[0]), crs=crs, datum=datum)
    if datum is None and not is_osm(main[0]):
        warn_of_wgs84(main[1], what=str(main[0]))
    ready = {
        name: to_metres(frame, what=f"{file}: {name}", crs=first.crs, datum=datum)
        for name, (file, frame) in layers.items()
    }
    boundary = ready.pop("boundary", first)
    prepared = {name: _PREPARE.get(name, _as_is)(frame) for name, frame in ready.items()}
    if "communities" in prepared:
        COMMUNITIES.check(prepared["communities"], source=str(path))
    name = Path(path).name.split(".")[0]
    if main[1] is layers.get("streets", ("", None))[1]:
        outline = district_of_streets(prepared["streets"], name=name).boundary
        return District(name=name, boundary=outline, **prepared)
    return District(name=_name_of(boundary, name), boundary=_dissolved(boundary), **prepared)


def _layers_of(path: str | Path) -> dict[str, gpd.GeoDataFrame]:
    if is_osm(path):
        layers = read_osm(path)
        if "streets" not in layers:
            raise GeometryError(*message("intake.no_lines", what=path))
        return layers
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
    if len(only) and only.geom_type.isin(LINES).all():
        return {"streets": only}
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
        tags = frame[frame.columns.intersection(list(CLASSES))]
        tags = tags[[c for c in CLASSES if c in tags.columns]]
        classes = tags.bfill(axis=1).iloc[:, 0] if len(tags.columns) else pd.NA
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


def district_of_streets(streets: gpd.GeoDataFrame, *, name: str = "") -> District:
    """Return the district that streets enclose: all land with streets all around it.

    The boundary runs along the outermost streets; paths, fences and the like, which divide no
    land, are none. Of a network in several parts the largest counts; dead ends that lead out of
    it, and streets beyond, stay in the layer and divide nothing.

    Parameters
    ----------
    streets : GeoDataFrame
        Lines in a projected CRS in metres; ``road_class`` as in `street_blocks`.
    name : str

    Returns
    -------
    District
        Boundary and streets.

    Raises
    ------
    GeometryError
        No streets, a shape is missing, invalid or no line, or no land is enclosed.
    CRSError
        No CRS, or not in metres.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import LineString
    >>> from gridkit.intake.district import district_of_streets
    >>> ring = LineString([(0, 0), (900, 0), (900, 400), (0, 400), (0, 0)])
    >>> way_out = LineString([(900, 200), (5000, 200)])
    >>> streets = gpd.GeoDataFrame(geometry=[ring, way_out], crs=4549)
    >>> float(district_of_streets(streets).boundary.area.iloc[0])
    360000.0
    """
    what = name or "streets"
    require_metres(streets, what=what)
    if streets.empty:
        raise GeometryError(*message("intake.no_lines", what=what))
    require_shapes(streets.geometry, what=what, kinds=LINES)
    light = [b for b in load_barriers().values() if b.weight < LEAST_WEIGHT]
    values = {value for barrier in light for value in (barrier.code, *barrier.values)}  # noqa: PD011
    heavy = streets
    if "road_class" in streets.columns:
        heavy = streets[~streets["road_class"].isin(values)]
    lines = shapely.force_2d(heavy.geometry.to_numpy())
    noded = shapely.get_parts(shapely.union_all(lines, grid_size=NODING_M))
    faces = shapely.get_parts(shapely.polygonize(noded))
    if not len(faces):
        raise GeometryError(*message("intake.nothing_enclosed", what=what))
    parts = shapely.get_parts(shapely.coverage_union_all(faces))
    outlines = gpd.GeoSeries(shapely.polygons(shapely.get_exterior_ring(parts)), crs=streets.crs)
    boundary = gpd.GeoDataFrame(geometry=[outlines[outlines.area.argmax()]], crs=streets.crs)
    return District(name=name, boundary=boundary, streets=streets)
