"""A new road re-divides its surroundings, and nothing else."""

from __future__ import annotations

import dataclasses
import heapq
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from ..crs import same_crs
from ..errors import GeometryError, GridkitWarning, OptionError
from ..messages import message
from .changes import apply_change, begin_change, community_of, listed, unit_loads
from .cutting import cut_areas, insert_vertices, join_slivers, new_vertices
from .lineage import cells_at, day_of, days_of
from .neighbours import GRID_M, shared_borders
from .ordering import inner_points

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import geopandas as gpd

    from .changes import Change, Edit
    from .ordering import Floats, Geometries, Ints

__all__ = ["redivide"]

LEAST_M2 = 2_000.0
"""Smallest unit cell of `check_cells`' rule AREA_RANGE."""

LEAST_BORDER_M = 0.1


def redivide(
    cells: gpd.GeoDataFrame,
    roads: gpd.GeoDataFrame | gpd.GeoSeries,
    *,
    at: Any,
    reason: str,
    min_area_m2: float = LEAST_M2,
    min_load: float = 0.0,
    lineage: pd.DataFrame | None = None,
    units: gpd.GeoDataFrame | None = None,
    totals: Sequence[str] = ("load",),
) -> Edit:
    """Let new roads split the cells they cross; what is left too small joins its neighbour.

    A piece below `min_area_m2` or `min_load` joins, smallest first, the piece or cell of its own
    community on the same side of the road with which it has the longest common border; pieces of
    crossed cells are preferred, so that cells off the road stay as they are. Cells that are
    neither crossed nor joined keep code and shape; those on which a road ends at the border get
    that vertex.

    Parameters
    ----------
    cells, at, reason, lineage, units, totals
        As in `split_cell`.
    roads : GeoDataFrame or GeoSeries
        Centre lines.
    min_area_m2 : float, default 2000.0
        Pieces below it join a neighbour.
    min_load : float, default 0.0
        Pieces below it join a neighbour, too; loads go by `units`, else by area.

    Returns
    -------
    Edit

    Raises
    ------
    GeometryError
        The roads cross no cell, or shapes are no lines.
    OptionError, CRSError, SchemaError
        As `split_cell`.

    Warns
    -----
    GridkitWarning
        Cells that stay too small, since nothing on their side of the road can take them.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import LineString, box
    >>> from gridkit.division.redivision import redivide
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["B1", "B2", "B3"]},
    ...     geometry=[box(x, 0, x + 100, 100) for x in (0, 100, 200)],
    ...     crs=4549,
    ... )
    >>> road = gpd.GeoSeries([LineString([(0, 40), (150, 10), (150, 0)])], crs=4549)
    >>> edit = redivide(cells, road, at="2026-07-01", reason="new road")
    >>> edit.lineage[["code_from", "code_to", "area_share"]].round(3).to_numpy().tolist()
    [['B1', 'B4', 0.3], ['B1', 'B5', 0.7], ['B2', 'B4', 0.075], ['B2', 'B6', 0.925]]
    """
    lines = _lines(cells, roads)
    for name, value in (("min_area_m2", min_area_m2), ("min_load", min_load)):
        if not value >= 0:
            raise OptionError(*message("division.negative_option", name=name, value=value))
    facts = {"at": at, "reason": reason, "lineage": lineage, "units": units, "totals": totals}
    cells = cells.reset_index(drop=True)
    crossed = _crossed(cells, lines, at)
    codes = cells["cell_code"].iloc[crossed].tolist()
    change = begin_change(cells, codes, "redivide", facts)
    pieces, owner = join_slivers(*cut_areas(change.shapes, lines))
    least = np.array([min_area_m2, min_load])
    sizes = np.column_stack([shapely.area(pieces), _loads(change, pieces, owner)])
    change, groups = _grouped(change, pieces, owner, (sizes, least), lines)
    edit = apply_change(change, groups)
    made = edit.cells.iloc[len(cells) :]
    load = made["load"] if "load" in made.columns else np.inf
    left = ((made.area < min_area_m2) | (load < min_load)).to_numpy()
    if left.any():
        shown = listed(made.loc[left, "cell_code"].to_numpy())
        warnings.warn(GridkitWarning(*message("division.small_left", codes=shown)), stacklevel=2)
    return edit


def _lines(cells: gpd.GeoDataFrame, roads: gpd.GeoDataFrame | gpd.GeoSeries) -> Geometries:
    same_crs(cells, roads, what="cells, roads")
    lines: Geometries = roads.geometry.to_numpy()
    wrong = ~np.isin(shapely.get_type_id(lines), [1, 5]) | shapely.is_empty(lines)
    if wrong.any() or not len(lines):
        rows = listed(np.flatnonzero(wrong)) or "–"
        raise GeometryError(*message("division.no_roads", rows=rows))
    return lines


def _crossed(cells: gpd.GeoDataFrame, lines: Geometries, at: Any) -> Ints:
    """Return the rows of the day that the roads cut into two pieces or more."""
    live = cells_at(cells, day_of(at))
    shapes = live.geometry.to_numpy()
    near = np.unique(shapely.STRtree(shapes).query(lines, predicate="intersects")[1])
    if len(near):
        owner = join_slivers(*cut_areas(shapes[near], lines))[1]
        near = near[np.bincount(owner, minlength=len(near)) > 1]
    if not len(near):
        raise GeometryError(*message("division.road_crosses_nothing"))
    rows: Ints = live.index.to_numpy()[near]
    return rows


def _loads(change: Change, pieces: Geometries, owner: Ints) -> Floats:
    """Return the load of each piece: by units, else the cell's by area; none known is endless."""
    xy, load = unit_loads(change.units)
    if len(load):
        unit, piece = shapely.STRtree(pieces).query_nearest(
            shapely.points(xy), max_distance=GRID_M, all_matches=False
        )
        return np.asarray(np.bincount(piece, load[unit], len(pieces)), dtype=np.float64)
    if "load" not in change.cells.columns:
        return np.full(len(pieces), np.inf)
    held = pd.to_numeric(change.cells["load"].iloc[change.old]).to_numpy(dtype=float)
    area = shapely.area(pieces)
    return np.asarray(held[owner] * area / np.bincount(owner, area)[owner], dtype=np.float64)


def _grouped(
    change: Change,
    pieces: Geometries,
    owner: Ints,
    sizes: tuple[Floats, Floats],
    lines: Geometries,
) -> tuple[Change, Geometries]:
    """Let small pieces join; return the change with every cell it takes, and the new shapes.

    `sizes` are area and load of each piece, and the least of both.
    """
    hosts = _hosts(change, pieces)
    splits = new_vertices(change.shapes, pieces)
    shapes = change.cells.geometry.to_numpy()[hosts]
    areas = np.concatenate([pieces, insert_vertices(shapes, splits)[0]])
    row = np.concatenate([change.old[owner], hosts])
    enough = np.full((len(hosts), 2), np.inf)
    near = _same_side(areas, row, change, lines)
    root = _joined(areas, np.concatenate([sizes[0], enough]), sizes[1], near)
    touched = np.unique(root[: len(pieces)])
    taken = np.isin(root, touched)
    groups = [shapely.coverage_union_all(areas[root == k]) for k in touched]
    whole = dataclasses.replace(change, old=np.unique(row[taken]))
    return whole, np.asarray(shapely.normalize(np.array(groups, dtype=object)))


def _hosts(change: Change, pieces: Geometries) -> Ints:
    """Return the cells beside the crossed ones that may take a piece: valid, without an end."""
    live = cells_at(change.cells, change.day)
    live = live[days_of(live, "valid_to").isna() & ~live.index.isin(change.old)]
    shapes = live.geometry.to_numpy()
    near = np.unique(shapely.STRtree(shapes).query(pieces, predicate="intersects")[1])
    single = shapely.get_type_id(shapes[near]) == shapely.GeometryType.POLYGON
    rows: Ints = live.index.to_numpy()[near[single]]
    return rows


def _joined(areas: Geometries, size: Floats, least: Floats, near: list[dict[int, float]]) -> Ints:
    """Return for each area the one whose group it is in; the smallest group joins first."""
    x, y = inner_points(areas)
    rank = np.argsort(np.lexsort((y, x)))
    beside = np.isinf(size[:, 0])
    root, size = np.arange(len(areas)), size.copy()
    small = np.flatnonzero((size < least).any(axis=1))
    queue = [(float(size[k, 0]), int(rank[k]), int(k)) for k in small]
    heapq.heapify(queue)
    while queue:
        area, _, k = heapq.heappop(queue)
        if root[k] != k or area != size[k, 0] or not near[k]:
            continue
        links, near[k] = near[k], {}
        host = min(links, key=lambda h: (beside[h], -round(links[h], 3), rank[h]))
        for other, metres in links.items():
            del near[other][k]
            if other != host:
                near[host][other] = near[other][host] = near[host].get(other, 0.0) + metres
        root[root == k] = host
        size[host] += size[k]
        if (size[host] < least).any():
            heapq.heappush(queue, (float(size[host, 0]), int(rank[host]), host))
    return root


def _same_side(
    areas: Geometries, row: Ints, change: Change, lines: Geometries
) -> list[dict[int, float]]:
    """Return for each area its neighbours of one community across borders that are no road."""
    community = community_of(change.cells).to_numpy()[row]
    i, j, _ = shared_borders(areas)
    kept = (row[i] != row[j]) & (community[i] == community[j])
    i, j = i[kept], j[kept]
    border = shapely.intersection(shapely.boundary(areas[i]), shapely.boundary(areas[j]))
    road = shapely.buffer(shapely.union_all(lines), 2 * GRID_M)
    length = shapely.length(shapely.difference(border, road))
    near: list[dict[int, float]] = [{} for _ in areas]
    for a, b, metres in zip(i.tolist(), j.tolist(), length.tolist(), strict=True):
        if metres > LEAST_BORDER_M:
            near[a][b] = near[b][a] = metres
    return near
