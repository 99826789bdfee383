"""Mend a broken grid into an exact coverage, or refuse and say why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..crs import area_m2, require_metres, same_crs
from ..errors import GeometryError, OptionError, SchemaError, raise_all
from ..messages import Message, message
from ..tables import CELLS, first_few
from .overlay import cover, gaps_between

if TYPE_CHECKING:
    from ..intake.district import District
    from .ordering import Geometries, Ints

__all__ = ["Repair", "repair_cells"]

TOLERANCE_M = 0.1
LEAST_CELL_M2 = 2_000.0
SHOWN = 5


@dataclass(frozen=True)
class Repair:
    """A mended grid and what was done to each cell.

    Attributes
    ----------
    cells : GeoDataFrame
        An exact coverage: single polygons whose neighbours agree vertex by vertex.
    changes : DataFrame
        One row for each cell: ``cell_code``, ``area_before_m2``, ``area_after_m2``, ``lost_m2``,
        ``gained_m2`` (planar), ``iou`` and ``done``, the faults mended: ``self_crossing``,
        ``island``, ``overlap``, ``gap``, ``clipped``, ``border``, ``duplicate``.

    Examples
    --------
    >>> from gridkit.division.repair import Repair
    >>> Repair.__dataclass_fields__.keys()
    dict_keys(['cells', 'changes'])
    """

    cells: gpd.GeoDataFrame
    changes: pd.DataFrame


def repair_cells(
    cells: gpd.GeoDataFrame,
    district: District | None = None,
    *,
    max_loss: float = 0.5,
    max_gap_m2: float = LEAST_CELL_M2,
) -> Repair:
    """Mend overlaps, gaps, slivers, self-crossings, islands, duplicates and uneven borders.

    All borders are noded together on a grid of 1 cm and the faces between them given to cells,
    so that the result is an exact coverage by construction; cells that nothing touches keep their
    vertices. A face in one cell stays there. One in several goes to the cell of which it is the
    larger share, so that small cells are not swallowed; equal ones by code. A piece cut off from
    the larger part of its cell, and a gap, go to the neighbour with the longest common border, of
    the same community where the district says so. Rows that repeat a code and its shape are one.

    Parameters
    ----------
    cells : GeoDataFrame
        Polygons with ``cell_code``, in metres.
    district : District, optional
        Cells are cut at its boundary, and at their own ``community_code`` where both have it;
        land but not water is filled. Without it only enclosed gaps are.
    max_loss : float, default 0.5
        The share (0–1) of its area that a cell may lose.
    max_gap_m2 : float, default 2000
        A larger gap is not filled: it may be a lost cell. Without a district it stays.

    Returns
    -------
    Repair

    Raises
    ------
    GeometryError
        A shape that is no polygon, a cell that would lose more than `max_loss` or vanish, an
        island with no neighbour, a large gap, two codes with one shape: all are named.
    SchemaError
        Codes are missing, or one code has two shapes.
    OptionError
        An option cannot be used.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.division.repair import repair_cells
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["1", "2"]},
    ...     geometry=[box(0, 0, 100, 100), box(95, 0, 200, 100)],
    ...     crs=4549,
    ... )
    >>> repair = repair_cells(cells)
    >>> repair.cells.area.tolist()
    [10000.0, 10000.0]
    >>> repair.changes[["cell_code", "lost_m2", "done"]].values.tolist()
    [['1', 0.0, 'overlap'], ['2', 500.0, 'overlap']]
    """
    _check(cells, district, max_loss, max_gap_m2)
    _require_shapes(cells["cell_code"].to_numpy(dtype=object), cells.geometry.to_numpy())
    kept, twice = _once(cells)
    table = cells.iloc[kept]
    codes = table["cell_code"].to_numpy(dtype=object)
    given: Geometries = table.geometry.to_numpy()
    order = np.argsort(codes, kind="stable")
    before = _valid(given)
    done: list[set[str]] = [set() for _ in codes]
    _note(done, ~shapely.is_valid(given), "self_crossing")
    _note(done, twice, "duplicate")
    areas, own = _homes(table, district)
    clipped = _clipped(before, areas, own, done)
    gaps = _gaps(clipped, district, max_gap_m2)
    result = np.empty(len(codes), dtype=object)
    result[order], notes = cover(clipped[order], gaps, own[order], areas)
    for what, rows in notes.items():
        _note(done, order[rows], what)
    _note(
        done,
        ~shapely.equals_exact(shapely.normalize(result), shapely.normalize(before)) & _unsaid(done),
        "border",
    )
    changes = _changes(codes, before, result, done)
    _require_sound(codes, before, result, changes, max_loss)
    mended = table.set_geometry(gpd.GeoSeries(result, index=table.index, crs=cells.crs))
    if "area_m2" in mended.columns:
        moved = ~shapely.equals_exact(result, given)
        size = mended["area_m2"].to_numpy(dtype=float).copy()
        size[moved] = area_m2(mended.geometry[moved])
        mended["area_m2"] = size
    return Repair(mended, changes)


def _check(
    cells: gpd.GeoDataFrame, district: District | None, max_loss: float, max_gap_m2: float
) -> None:
    CELLS.require_columns(cells, source="repair_cells")
    problems = []
    if not 0 <= max_loss < 1:
        problems.append(message("division.bad_max_loss", value=max_loss))
    if not max_gap_m2 >= 0:
        problems.append(message("division.negative_option", name="max_gap_m2", value=max_gap_m2))
    raise_all(OptionError, problems)
    require_metres(cells, what="cells")
    if district is not None:
        same_crs(district.boundary, cells, what="cells")
    if cells.empty:
        raise GeometryError(*message("division.no_areas", what="cells"))
    empty = cells["cell_code"].astype("str").fillna("").str.strip().eq("").to_numpy(dtype=bool)
    if empty.any():
        rows = first_few(np.flatnonzero(empty))
        raise SchemaError(
            *message("division.empty_within", column="cell_code", n=int(empty.sum()), rows=rows)
        )


def _once(cells: gpd.GeoDataFrame) -> tuple[Ints, Ints]:
    """Return the rows to keep, and which of those had exact copies."""
    codes = cells["cell_code"].to_numpy(dtype=object)
    plain = shapely.to_wkb(shapely.normalize(cells.geometry.to_numpy()))
    table = pd.DataFrame({"code": codes, "shape": plain})
    problems = []
    shapes = table.drop_duplicates()
    several = shapes.loc[shapes["code"].duplicated(), "code"].unique()
    if len(several):
        values = ", ".join(map(str, several[:SHOWN]))
        raise SchemaError(*message("division.one_code_two_shapes", n=len(several), values=values))
    same = shapes[shapes["shape"].notna() & shapes["shape"].duplicated(keep=False)]
    for _, members in same.groupby("shape", sort=False):
        both = ", ".join(sorted(map(str, members["code"])))
        problems.append(message("division.two_codes_one_shape", codes=both))
    raise_all(GeometryError, problems)
    kept = np.flatnonzero(~table["code"].duplicated())
    copied = table["code"].duplicated(keep=False).to_numpy()
    return kept, np.flatnonzero(copied[kept])


def _require_shapes(codes: Geometries, given: Geometries) -> None:
    missing = shapely.is_missing(given) | shapely.is_empty(given)
    polygon = np.isin(shapely.get_type_id(given), [3, 6])
    finite = np.isfinite(shapely.bounds(given)).all(axis=1)
    bad = missing | ~polygon | ~finite
    sound = np.flatnonzero(~bad)
    bad[sound[shapely.area(given[sound]) == 0]] = True
    if bad.any():
        raise GeometryError(
            *message("division.not_mendable", n=int(bad.sum()), codes=first_few(codes[bad]))
        )


def _valid(given: Geometries) -> Geometries:
    shapes: Geometries = shapely.force_2d(given)
    crossed = ~shapely.is_valid(shapes)
    shapes[crossed] = shapely.make_valid(shapes[crossed], method="structure", keep_collapsed=False)
    return shapes


def _note(done: list[set[str]], rows: Any, what: str) -> None:
    for row in np.flatnonzero(rows) if np.asarray(rows).dtype == bool else rows:
        done[row].add(what)


def _unsaid(done: list[set[str]]) -> Any:
    return np.array([not what for what in done], dtype=bool)


def _homes(cells: gpd.GeoDataFrame, district: District | None) -> tuple[Geometries, Ints]:
    """Return the areas that cells may not leave, and the one of each cell (-1: none)."""
    nowhere: Ints = np.full(len(cells), -1, dtype=np.int64)
    if district is None:
        return np.zeros(0, dtype=object), nowhere
    known = district.communities
    if known is None or "community_code" not in cells.columns:
        return district.boundary.geometry.to_numpy(), np.zeros(len(cells), dtype=np.int64)
    own = pd.Index(known["community_code"]).get_indexer(pd.Index(cells["community_code"]))
    if (own < 0).any():
        lost = cells["cell_code"].to_numpy(dtype=object)[own < 0]
        raise GeometryError(*message("division.no_home", n=len(lost), codes=first_few(lost)))
    return known.geometry.to_numpy(), own


def _clipped(shapes: Geometries, areas: Geometries, own: Ints, done: list[set[str]]) -> Geometries:
    if not len(areas):
        return shapes
    around = shapely.buffer(areas, TOLERANCE_M / 2, join_style="mitre")
    shapely.prepare(around)
    out = np.flatnonzero(~shapely.covers(around[own], shapes))
    shapes = shapes.copy()
    shapes[out] = [_areal(s) for s in shapely.intersection(shapes[out], areas[own[out]])]
    _note(done, out, "clipped")
    return shapes


def _areal(shape: Any) -> Any:
    """Return what of a shape is area: one polygon where it is one."""
    parts = [p for p in shapely.get_parts(shape) if p.geom_type == "Polygon"]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _gaps(shapes: Geometries, district: District | None, max_gap_m2: float) -> Geometries:
    land = None
    if district is not None:
        land = district.boundary.geometry.iloc[0]
        if district.water is not None:
            land = shapely.difference(land, shapely.union_all(district.water.geometry.to_numpy()))
    gaps = gaps_between(shapes, land, TOLERANCE_M)
    large = shapely.area(gaps) > max_gap_m2
    if large.any() and district is not None:
        problems = []
        for gap in gaps[large][:SHOWN]:
            point = shapely.point_on_surface(gap)
            where = {"x": round(point.x), "y": round(point.y), "area": round(gap.area)}
            problems.append(message("division.large_gap", **where, most=max_gap_m2))
        raise_all(GeometryError, problems)
    return gaps[~large]


def _changes(
    codes: Geometries, before: Geometries, after: Geometries, done: list[set[str]]
) -> pd.DataFrame:
    same = shapely.equals_exact(shapely.normalize(before), shapely.normalize(after))
    size, now = shapely.area(before), shapely.area(after)
    common = size.copy()
    common[~same] = shapely.area(shapely.intersection(before[~same], after[~same]))
    total = size + now - common
    return pd.DataFrame(
        {
            "cell_code": codes,
            "area_before_m2": size.round(3),
            "area_after_m2": now.round(3),
            "lost_m2": np.maximum(size - common, 0).round(3),
            "gained_m2": np.maximum(now - common, 0).round(3),
            "iou": np.where(total > 0, common / np.where(total > 0, total, 1), 0.0),
            "done": [", ".join(sorted(d)) for d in done],
        }
    ).astype({"cell_code": "str", "done": "str"})


def _require_sound(
    codes: Geometries, before: Geometries, after: Geometries, changes: pd.DataFrame, max_loss: float
) -> None:
    """Refuse what would swallow a cell or is no exact coverage."""
    problems: list[Message] = []
    lost = changes["lost_m2"].to_numpy() > max_loss * shapely.area(before)
    for row in np.flatnonzero(lost | shapely.is_empty(after)):
        share = 100 * changes["lost_m2"].iloc[row] / max(before[row].area, 1e-9)
        problems.append(message("division.swallowed", code=codes[row], share=round(share)))
    parts = shapely.get_num_geometries(after) > 1
    problems += [message("division.lonely_island", code=code) for code in codes[parts]]
    if not problems:
        edges = shapely.coverage_invalid_edges(after, gap_width=TOLERANCE_M)
        odd = ~shapely.is_empty(edges) | ~shapely.is_valid(after)
        if odd.any():
            problems.append(message("division.not_repaired", codes=first_few(codes[odd])))
    raise_all(GeometryError, problems)
