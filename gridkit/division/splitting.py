"""Cut blocks that are too heavy for one cell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from ..crs import area_m2, same_crs
from ..errors import GeometryError, OptionError, SchemaError, raise_all
from ..messages import Message, message
from ..tables import BLOCKS, first_few
from .cuts import (
    Footprints,
    axis_of,
    cut_along,
    free_place,
    joined_ends,
    place_by_area,
    with_ends,
)
from .ordering import Floats, Geometries, Ints, reading_order, require_areas, weights_of

if TYPE_CHECKING:
    import geopandas as gpd

    from .cuts import Flags

__all__ = ["Split", "split_blocks"]

REASONS = ("kept_whole", "no_way")
HAIR = 1e-6
"""Share of the limit that is not worth a cut."""
MOST_UNEVEN = 0.5
"""Share of what it should have that a part cut by area must have."""


@dataclass(frozen=True)
class Split:
    """What came of splitting.

    Attributes
    ----------
    blocks : GeoDataFrame
        Table ``blocks``: those that needed no cut as they were, but for cut ends of neighbours as
        vertices; in place of a cut one its parts, in reading order, with ``part_of`` naming it
        (null for the others).
    uncut : GeoDataFrame
        Blocks and parts still above the limit: ``block_id``, ``load``, ``reason`` (``kept_whole``,
        or ``no_way``: a building in every way, or a part would be too small), geometry.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import gridkit as gk
    >>> from shapely import box
    >>> block = {"block_id": ["B1"], "load": [300.0]}
    >>> blocks = gpd.GeoDataFrame(block, geometry=[box(0, 0, 300, 100)], crs=4549)
    >>> gk.split_blocks(blocks, max_load=100).blocks[["block_id", "part_of", "load"]]
      block_id part_of   load
    0     B1-1      B1  100.0
    1     B1-2      B1  100.0
    2     B1-3      B1  100.0
    """

    blocks: gpd.GeoDataFrame
    uncut: gpd.GeoDataFrame


def split_blocks(
    blocks: gpd.GeoDataFrame,
    *,
    max_load: float,
    buildings: gpd.GeoDataFrame | None = None,
    by: str | None = None,
    keep_whole: str | None = None,
    min_area_m2: float = 500.0,
) -> Split:
    """Cut blocks above a load into compact parts of like load, between the buildings.

    A block is halved across its longer side, where the loads of the halves are in proportion to
    the parts that each will make, and so on until no part is above `max_load`. A cut never runs
    through a building; where there is no way between them across the longer side, the shorter one
    is tried. Cut ends become vertices of the neighbours, so that blocks which tile go on tiling.

    Parameters
    ----------
    blocks : GeoDataFrame
        Table ``blocks`` with ``load``: single polygons in metres.
    max_load : float
        What a part should not exceed.
    buildings : GeoDataFrame, optional
        Footprints that no cut runs through, in the CRS of `blocks`.
    by : str, optional
        Column of `buildings`, such as ``households``, in proportion to which the load of a block
        lies in it. By default, and in blocks without any of it, load is spread evenly.
    keep_whole : str, optional
        Column of `blocks` that is true for compounds that stay whole.
    min_area_m2 : float, default 500
        No part is smaller.

    Returns
    -------
    Split
        Loads add up to those of `blocks` to the last digits of a double; whole numbers stay whole
        where the load is the sum of `by`.

    Raises
    ------
    OptionError
        `max_load` is not positive, `min_area_m2` negative, `by` without buildings.
    SchemaError
        A column is missing, a load is empty or negative, a ``block_id`` is missing or stands twice.
    GeometryError
        A block is no sound single polygon, or has cut ends that rounding tears apart.
    CRSError
        No CRS in metres, or two.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import gridkit as gk
    >>> from shapely import box
    >>> block = {"block_id": ["B1"], "load": [90.0]}
    >>> blocks = gpd.GeoDataFrame(block, geometry=[box(0, 0, 300, 100)], crs=4549)
    >>> flats = [box(20, 20, 80, 80), box(120, 20, 180, 80), box(200, 20, 280, 80)]
    >>> buildings = gpd.GeoDataFrame({"households": [30, 30, 30]}, geometry=flats, crs=4549)
    >>> split = gk.split_blocks(blocks, max_load=60, buildings=buildings, by="households")
    >>> split.blocks["load"].tolist()
    [60.0, 30.0]
    """
    geoms, load, whole = _given(blocks, max_load, buildings, by, keep_whole, min_area_m2)
    parts = _Parts(geoms, np.arange(len(geoms)), load, whole, _footprints(geoms, buildings, by))
    while len(todo := np.flatnonzero((parts.load > max_load * (1 + HAIR)) & ~parts.stuck)):
        parts = _halved(parts, todo, max_load, min_area_m2)
    return _result(blocks, parts, max_load, whole)


@dataclass(frozen=True)
class _Parts:
    """Areas, the block that each is of, their loads, which are not to be cut, and the buildings."""

    geoms: Geometries
    block: Ints
    load: Floats
    stuck: Flags
    buildings: Footprints


def _given(
    blocks: gpd.GeoDataFrame,
    max_load: float,
    buildings: gpd.GeoDataFrame | None,
    by: str | None,
    keep_whole: str | None,
    min_area_m2: float,
) -> tuple[Geometries, Floats, Flags]:
    """Return shapes, loads and which stay whole; raise for all that is wrong with the options."""
    problems: list[Message] = []
    if not max_load > 0:
        problems.append(message("division.not_positive", name="max_load", value=max_load))
    if not min_area_m2 >= 0:
        problems.append(message("division.negative_option", name="min_area_m2", value=min_area_m2))
    if by is not None and buildings is None:
        problems.append(message("division.by_without_buildings", by=by))
    raise_all(OptionError, problems)
    BLOCKS.check(blocks, source="blocks")
    wanted = [
        ("blocks", blocks, "load"),
        ("blocks", blocks, keep_whole),
        ("buildings", buildings, by),
    ]
    for what, frame, column in wanted:
        if frame is not None and column is not None and column not in frame.columns:
            found = ", ".join(map(str, frame.columns))
            names = {"source": what, "table": what, "columns": column, "found": found}
            raise SchemaError(*message("tables.missing_columns", **names))
    geoms = require_areas(blocks, what="blocks")
    several = np.flatnonzero(shapely.get_num_geometries(geoms) > 1)
    if len(several):
        rows = first_few(several)
        raise GeometryError(*message("division.multipart_blocks", n=len(several), rows=rows))
    if buildings is not None:
        same_crs(blocks, buildings, what="blocks, buildings")
    load = weights_of(blocks, "load")
    whole = np.zeros(len(blocks), dtype=bool)
    if keep_whole is not None:
        whole = blocks[keep_whole].astype("boolean").fillna(value=False).to_numpy(dtype=bool)
    return shapely.get_geometry(geoms, 0), load, whole


def _footprints(
    geoms: Geometries, buildings: gpd.GeoDataFrame | None, by: str | None
) -> Footprints:
    shapes: Geometries = np.zeros(0, dtype=object)
    if buildings is not None and not buildings.empty:
        shapes = require_areas(buildings, what="buildings")
    xy, of = shapely.get_coordinates(shapes, return_index=True)
    centre = shapely.point_on_surface(shapes)
    area = np.full(len(shapes), -1, dtype=np.int64)
    which, where = shapely.STRtree(geoms).query(centre, predicate="intersects")
    area[which[::-1]] = where[::-1]  # on a border: the first
    weight = np.zeros(len(shapes))
    if buildings is not None and by is not None:
        weight = weights_of(buildings, by, empty=0.0)
    return Footprints(xy, of, shapely.get_coordinates(centre), area, weight)


def _halved(parts: _Parts, todo: Ints, max_load: float, min_area_m2: float) -> _Parts:
    """Cut each area of `todo` in two, across its long or else its short side; or mark it stuck."""
    pieces = np.ceil(parts.load[todo] / max_load * (1 - HAIR))
    share = np.floor(pieces / 2) / pieces
    stuck = parts.stuck.copy()
    stuck[todo] = True
    new = replace(parts, stuck=stuck)
    left, ahead = todo, share
    for short in (False, True):
        cut = _cut(new, left, ahead, short=short, min_area_m2=min_area_m2)
        new = cut.applied(new, left)
        left, ahead = left[~cut.done], ahead[~cut.done]
        if not len(left):
            break
    return new


@dataclass(frozen=True)
class _Cut:
    """What cutting some areas gave.

    Attributes
    ----------
    one, rest : ndarrays of Polygon, shape (n,)
    first, whole : ndarrays of float, shape (n,)
        The load goes to `one` as `first` of `whole`.
    done : ndarray of bool, shape (n,)
    moved, row : ndarrays of int
        Buildings that lie in the rest, and in which of the areas they were.
    """

    one: Geometries
    rest: Geometries
    first: Floats
    whole: Floats
    done: Flags
    moved: Ints
    row: Ints

    def applied(self, parts: _Parts, rows: Ints) -> _Parts:
        """Return the parts with the rests behind the others."""
        cut, n = rows[self.done], len(parts.geoms)
        geoms, load, stuck = parts.geoms.copy(), parts.load.copy(), parts.stuck.copy()
        geoms[cut] = self.one[self.done]
        # Multiplied before it is divided: whole numbers stay whole.
        load[cut] = load[cut] * self.first[self.done] / self.whole[self.done]
        stuck[cut] = False
        number = np.full(len(rows), -1)
        number[self.done] = n + np.arange(len(cut))
        there = self.done[self.row]
        area = parts.buildings.area.copy()
        area[self.moved[there]] = number[self.row[there]]
        return _Parts(
            np.concatenate([geoms, self.rest[self.done]]),
            np.concatenate([parts.block, parts.block[cut]]),
            np.concatenate([load, parts.load[cut] - load[cut]]),
            np.concatenate([stuck, np.zeros(len(cut), dtype=bool)]),
            replace(parts.buildings, area=area),
        )


def _cut(parts: _Parts, rows: Ints, share: Floats, *, short: bool, min_area_m2: float) -> _Cut:
    """Try to cut some areas across their long or short side so that the first has its share."""
    areas, n = parts.geoms[rows], len(rows)
    axis = axis_of(areas, short=short)
    weight = parts.buildings.weight
    spans = parts.buildings.spans(rows, axis)
    mine, row = spans[:2]
    total = _sums(row, weight[mine], n)
    wanted, bare = share.copy(), np.flatnonzero(total == 0)
    wanted[bare] = place_by_area(areas[bare], axis.at(bare), share[bare])
    place, found = free_place(n, spans, weight, wanted, total > 0)
    one, rest, done = cut_along(areas, axis, place)
    in_rest = ~shapely.contains_xy(one[row], *parts.buildings.centre[mine].T)
    first = _sums(row[~in_rest], weight[mine[~in_rest]], n)
    done &= found & ((total == 0) | ((first > 0) & (first < total)))
    size = shapely.area(one), shapely.area(areas)
    # A strip beside a large building is no part.
    even = (
        np.minimum(size[0], size[1] - size[0])
        >= MOST_UNEVEN * np.minimum(share, 1 - share) * size[1]
    )
    done &= (total > 0) | even
    done &= np.minimum(size[0], size[1] - size[0]) >= min_area_m2
    first, total = np.where(total > 0, first, size[0]), np.where(total > 0, total, size[1])
    return _Cut(one, rest, first, total, done, mine[in_rest], row[in_rest])


def _sums(row: Ints, weight: Floats, n: int) -> Floats:
    sums: Floats = np.bincount(row, weight, n).astype(np.float64)
    return sums


def _result(blocks: gpd.GeoDataFrame, parts: _Parts, max_load: float, whole: Flags) -> Split:
    """Return the table: parts in place of the blocks that they are of."""
    order = np.lexsort((np.argsort(reading_order(parts.geoms)), parts.block))
    block, load = parts.block[order], parts.load[order]
    count = np.bincount(block, minlength=len(blocks))
    cut = count[block] > 1
    geoms = parts.geoms[order]
    if cut.any():
        geoms[cut], ends = joined_ends(geoms[cut], blocks.geometry.to_numpy())
        geoms = with_ends(geoms, ends)
        torn = np.unique(block[~shapely.is_valid(geoms)])
        if len(torn):
            names = ", ".join(blocks["block_id"].iloc[torn[:5]])
            raise GeometryError(*message("division.not_cut", n=len(torn), blocks=names))
    table = blocks.iloc[block].reset_index(drop=True).set_geometry(geoms, crs=blocks.crs)
    ids = table["block_id"].astype("str")
    nth = np.arange(len(block)) - (np.cumsum(count) - count)[block] + 1
    table["block_id"] = ids.where(~cut, ids + "-" + pd.Series(nth).astype("str"))
    table["load"] = load
    if "area_m2" in table.columns:
        table.loc[cut, "area_m2"] = area_m2(table.geometry[cut])
    table["part_of"] = ids.where(cut)
    heavy = np.flatnonzero(load > max_load * (1 + HAIR))
    uncut = table.loc[heavy, ["block_id", "load", "geometry"]].reset_index(drop=True)
    uncut.insert(2, "reason", np.where(whole[block[heavy]], *REASONS))
    return Split(table, uncut)
