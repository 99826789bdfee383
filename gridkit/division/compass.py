"""The four bounds (四至) of cells: east to …, south to …, west to …, north to …."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import shapely

from ..crs import same_crs
from ..errors import GeometryError, OptionError, SchemaError, raise_all
from ..messages import message, require_lang, say
from ..tables import CELLS, first_few
from .changes import community_of
from .ordering import require_areas

if TYPE_CHECKING:
    import geopandas as gpd

    from ..errors import Lang
    from .ordering import Floats, Geometries, Ints

__all__ = ["four_bounds", "side_names"]

STEP_M = 20.0
"""Borders are looked at in pieces of this length at most."""

PARALLEL = np.cos(np.radians(30))
"""A street bounds a piece of border when it runs within 30° of its direction."""

LEAST_SHARE = 0.25
"""A street names a side when it covers this share of it; below, what covers most does."""

EAST, SOUTH, WEST, NORTH = range(4)
TOWARDS = np.array([[1, 0], [0, -1], [-1, 0], [0, 1]], dtype=float)
STREET, WATER, COMMUNITY, CELL, BOUNDARY = range(5)
UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")


class _Pieces(NamedTuple):
    """Pieces of the cells' outer borders."""

    cell: Ints
    middle: Geometries
    along: Floats
    outward: Floats
    length: Floats


def four_bounds(
    cells: gpd.GeoDataFrame,
    streets: gpd.GeoDataFrame,
    *,
    water: gpd.GeoDataFrame | None = None,
    communities: gpd.GeoDataFrame | None = None,
    tolerance_m: float = 15.0,
    lang: str = "zh",
) -> pd.Series[str]:
    """Say for each cell what bounds it in the east, south, west and north.

    The outer border is looked at in pieces; each belongs to the side it faces most (within 45°)
    and to the nearest named street within `tolerance_m` that runs along it. Where there is none, it
    belongs to water, else to the community, else to the cell on the other side, else to the
    district's boundary. A side is named after the street with most of it, if that is a quarter or
    more, and otherwise after whatever has most. A cell with no border facing a side (a triangle)
    is named there by the borders that face it in part.

    Parameters
    ----------
    cells : GeoDataFrame
        The map of one day.
    streets : GeoDataFrame
        Centre lines with ``name``; nameless ones do not count.
    water : GeoDataFrame, optional
        Polygons, with ``name`` where known.
    communities : GeoDataFrame, optional
        ``community_code`` and ``name``, for cells that end at another community; without it that
        one's code is given.
    tolerance_m : float, default 15.0
        How far a street or water may lie from the border.
    lang : {"zh", "en"}, default "zh"

    Returns
    -------
    Series of str
        Aligned with the index of `cells`; no part of it is ever empty. Names stand in it as they
        are, but control characters and line breaks are spaces: escape them where they are shown.

    Raises
    ------
    SchemaError
        No ``cell_code``, or streets without ``name``.
    GeometryError, CRSError
        Shapes that are not sound polygons in metres, streets that are no lines, different CRS.
    OptionError
        `tolerance_m` is not positive, unknown `lang`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import LineString, box
    >>> from gridkit.division.compass import four_bounds
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["B1", "B2"]}, geometry=[box(0, 0, 90, 90), box(90, 0, 180, 90)], crs=4549
    ... )
    >>> lines = [LineString([(0, 95), (180, 95)]), LineString([(90, 0), (90, 90)])]
    >>> streets = gpd.GeoDataFrame({"name": ["滨海路", "学府街"]}, geometry=lines, crs=4549)
    >>> four_bounds(cells, streets)[0]
    '东至学府街，南至区界，西至区界，北至滨海路'
    >>> print(four_bounds(cells, streets, lang="en")[1])
    east to the district boundary; south to the district boundary; west to 学府街; north to 滨海路
    """
    spoken = require_lang(lang)
    sides = side_names(
        cells, streets, water=water, communities=communities, tolerance_m=tolerance_m, lang=lang
    )
    rows = sides.to_dict("records")
    texts = [say("division.bounds", spoken, **{str(k): v for k, v in row.items()}) for row in rows]
    return pd.Series(texts, index=cells.index, dtype="str", name="four_bounds")


def side_names(
    cells: gpd.GeoDataFrame,
    streets: gpd.GeoDataFrame,
    *,
    water: gpd.GeoDataFrame | None = None,
    communities: gpd.GeoDataFrame | None = None,
    tolerance_m: float = 15.0,
    lang: str = "zh",
) -> pd.DataFrame:
    """Return what `four_bounds` says as the columns ``east``, ``south``, ``west`` and ``north``."""
    spoken = require_lang(lang)
    if not tolerance_m > 0:
        raise OptionError(*message("division.bad_tolerance", value=tolerance_m))
    CELLS.require_columns(cells, source="four_bounds")
    shapes = require_areas(cells, what="cells")
    _require_lines(cells, streets)
    for name, layer in (("water", water), ("communities", communities)):
        if layer is not None:
            same_crs(cells, layer, what=f"cells, {name}")
    pieces = _pieces(shapes)
    kind = np.full(len(pieces.cell), BOUNDARY)
    label = np.full(len(pieces.cell), say("division.bounds_boundary", spoken), dtype=object)
    _name_streets(pieces, streets, tolerance_m, kind, label)
    if water is not None:
        _name_water(pieces, water, tolerance_m, kind, label, spoken)
    _name_neighbours(pieces, cells, communities, tolerance_m, kind, label, spoken)
    named = _sides(pieces, kind, label, len(cells))
    return pd.DataFrame(list(named), cells.index, ["east", "south", "west", "north"])


def _require_lines(cells: gpd.GeoDataFrame, streets: gpd.GeoDataFrame) -> None:
    same_crs(cells, streets, what="cells, streets")
    if "name" not in streets.columns:
        found = ", ".join(map(str, streets.columns))
        raise SchemaError(*message("division.no_street_names", found=found))
    lines = streets.geometry.to_numpy()
    bad = np.flatnonzero(~np.isin(shapely.get_type_id(lines), [-1, 1, 5]))
    problems = [message("division.no_roads", rows=first_few(bad))] if len(bad) else []
    raise_all(GeometryError, problems)


def _pieces(shapes: Geometries) -> _Pieces:
    """Cut the outer rings into straight pieces of 20 m at most."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings = shapely.get_exterior_ring(shapely.orient_polygons(parts))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    inside = np.flatnonzero((ring[1:] == ring[:-1]) & (xy[1:] != xy[:-1]).any(axis=1))
    start, step = xy[inside], xy[inside + 1] - xy[inside]
    length = np.hypot(*step.T)
    n = np.maximum(np.ceil(length / STEP_M), 1).astype(np.int64)
    segment = np.repeat(np.arange(len(n)), n)
    k = np.arange(len(segment)) - np.repeat(np.cumsum(n) - n, n)
    middle = start[segment] + step[segment] * ((k + 0.5) / n[segment])[:, None]
    along = (step / length[:, None])[segment]
    # On a ring that turns left, outside lies to the right.
    outward = np.column_stack([along[:, 1], -along[:, 0]])
    points = np.asarray(shapely.points(middle))
    return _Pieces(owner[ring[inside]][segment], points, along, outward, (length / n)[segment])


def _name_streets(
    pieces: _Pieces, streets: gpd.GeoDataFrame, tolerance_m: float, kind: Ints, label: Any
) -> None:
    """Give each piece the nearest named street that runs along it; equal ones by name."""
    lines, row = shapely.get_parts(streets.geometry.to_numpy(), return_index=True)
    names = _clean(streets["name"])
    xy, line = shapely.get_coordinates(lines, return_index=True)
    named = names[row[line]] != ""
    inside = (line[1:] == line[:-1]) & named[1:] & (xy[1:] != xy[:-1]).any(axis=1)
    ends = np.stack([xy[:-1][inside], xy[1:][inside]], axis=1)
    segments = np.asarray(shapely.linestrings(ends))
    name = names[row[line[:-1][inside]]]
    piece, segment = shapely.STRtree(segments).query(
        pieces.middle, predicate="dwithin", distance=tolerance_m
    )
    step = ends[segment, 1] - ends[segment, 0]
    turn = np.abs((pieces.along[piece] * step).sum(axis=1)) / np.hypot(*step.T)
    piece, segment = piece[turn >= PARALLEL], segment[turn >= PARALLEL]
    distance = np.round(shapely.distance(pieces.middle[piece], segments[segment]), 3)
    _give(piece, distance, name[segment], STREET, kind, label)


def _give(piece: Ints, distance: Floats, name: Any, what: int, kind: Ints, label: Any) -> None:
    """Label each piece by the nearest of its candidates, equal ones by name."""
    order = np.lexsort((np.asarray(name, dtype="U"), distance, piece))
    first = order[np.diff(piece[order], prepend=-1) != 0]
    kind[piece[first]] = what
    label[piece[first]] = name[first]


def _name_water(
    pieces: _Pieces,
    water: gpd.GeoDataFrame,
    tolerance_m: float,
    kind: Ints,
    label: Any,
    lang: Lang,
) -> None:
    names = _clean(water["name"]) if "name" in water.columns else np.full(len(water), "", object)
    names[names == ""] = say("division.bounds_water", lang)
    shapes = water.geometry.to_numpy()
    free = np.flatnonzero(kind == BOUNDARY)
    piece, row = shapely.STRtree(shapes).query(
        pieces.middle[free], predicate="dwithin", distance=tolerance_m
    )
    distance = np.round(shapely.distance(pieces.middle[free[piece]], shapes[row]), 3)
    _give(free[piece], distance, names[row], WATER, kind, label)


def _name_neighbours(
    pieces: _Pieces,
    cells: gpd.GeoDataFrame,
    communities: gpd.GeoDataFrame | None,
    tolerance_m: float,
    kind: Ints,
    label: Any,
    lang: Lang,
) -> None:
    """Label what is left by the nearest other cell: by its community where that is another."""
    shapes = cells.geometry.to_numpy()
    own = community_of(cells).to_numpy()
    codes = _clean(cells["cell_code"])
    free = np.flatnonzero(kind == BOUNDARY)
    piece, row = shapely.STRtree(shapes).query(
        pieces.middle[free], predicate="dwithin", distance=tolerance_m
    )
    piece = free[piece]
    other = pieces.cell[piece] != row
    piece, row = piece[other], row[other]
    distance = np.round(shapely.distance(pieces.middle[piece], shapes[row]), 3)
    cell_names = np.array([say("division.bounds_cell", lang, code=c) for c in codes], dtype=object)
    _give(piece, distance, cell_names[row], CELL, kind, label)
    known = _community_names(communities)
    titles = {
        code: known.get(code) or say("division.bounds_community", lang, code=_clean_text(code))
        for code in dict.fromkeys(own)
    }
    abroad = own[row] != own[pieces.cell[piece]]
    nearest = pd.Series(distance).groupby(piece).transform("min").to_numpy()
    abroad &= distance == nearest
    names = np.array([titles[code] for code in own[row[abroad]]], dtype=object)
    _give(piece[abroad], distance[abroad], names, COMMUNITY, kind, label)


def _community_names(communities: gpd.GeoDataFrame | None) -> dict[str, str]:
    if communities is None or not {"community_code", "name"} <= set(communities.columns):
        return {}
    return dict(zip(communities["community_code"], _clean(communities["name"]), strict=True))


def _clean(names: pd.Series[Any]) -> Any:
    """Return names as plain text in one line, empty where there is none."""
    return np.array([_clean_text(n) for n in names], dtype=object)


def _clean_text(name: Any) -> str:
    return "" if pd.isna(name) else UNPRINTABLE.sub(" ", str(name)).strip()


def _sides(pieces: _Pieces, kind: Ints, label: Any, n: int) -> list[list[str]]:
    """Return what bounds each cell in the east, south, west and north."""
    facing = pieces.outward @ TOWARDS.T
    side = np.argmax(np.round(facing, 9), axis=1)
    table = pd.DataFrame(
        {"cell": pieces.cell, "side": side, "kind": kind, "label": label, "metres": pieces.length}
    )
    chosen: pd.Series[Any] = _chosen(table)
    # A cell with no border facing a side: all its borders count by how far they face it.
    every = pd.MultiIndex.from_product([range(n), range(4)], names=["cell", "side"])
    lost = every[~every.isin(chosen.index)]
    if len(lost):
        parts = [
            table.assign(side=k, metres=table["metres"] * np.clip(facing[:, k], 0, None))
            for k in range(4)
        ]
        partly = pd.concat(parts)
        chosen = pd.concat([chosen, _chosen(partly[partly["metres"] > 0]).loc[lost]])
    rows: list[list[str]] = chosen.loc[every].to_numpy().reshape(n, 4).tolist()
    return rows


def _chosen(table: pd.DataFrame) -> pd.Series[Any]:
    """Return the label of each cell's side: a street with a quarter of it, else the longest."""
    keys = ["cell", "side"]
    sums = table.groupby([*keys, "kind", "label"])[["metres"]].sum().round(3).reset_index()
    whole = sums.groupby(keys)["metres"].transform("sum")
    sums["street"] = (sums["kind"] == STREET) & (sums["metres"] >= LEAST_SHARE * whole)
    order = ["street", "metres", "kind", "label"]
    best = sums.sort_values(order, ascending=[False, False, True, True]).drop_duplicates(keys)
    label: pd.Series[Any] = best.set_index(keys)["label"]
    return label
