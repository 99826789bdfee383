"""The life of a cell: it is split, merged with others, or gets another border; never deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from ..crs import same_crs
from ..errors import GeometryError, OptionError, raise_all
from ..messages import message
from .changes import apply_change, begin_change, community_of, listed, unit_loads
from .cutting import are_slivers, cut_areas, cut_evenly, join_slivers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ..messages import Message
    from .changes import Change, Edit
    from .ordering import Geometries

__all__ = ["merge_cells", "redraw_cells", "split_cell"]

KINDS_OF_LINES = (1, 2, 5)
KINDS_OF_AREAS = (3, 6)


def split_cell(
    cells: gpd.GeoDataFrame,
    code: str,
    parts: Any,
    *,
    at: Any,
    reason: str,
    lineage: pd.DataFrame | None = None,
    units: gpd.GeoDataFrame | None = None,
    totals: Sequence[str] = ("load",),
) -> Edit:
    """Split a cell into several.

    The old row ends on the day `at`; new rows begin, with the next codes of the community that
    were never used, in reading order. Where a cut ends on a border, the neighbour gets a vertex
    there, in every edition, so that the map of each day stays an exact coverage.

    Parameters
    ----------
    cells : GeoDataFrame
        All editions of all cells; those of the day are an exact coverage.
    code : str
        The cell to split; valid on the day `at` and without an end.
    parts : int, lines or polygons
        A number of parts of like load, cut straight; or lines across the cell; or polygons that
        tile it. Lines and polygons are shapely geometries, a list of them, or a GeoSeries.
    at : date, datetime or str
        First day of the new cells; a time needs a zone and counts by its day there.
    reason : str
        Stands in the lineage.
    lineage : DataFrame, optional
        Of earlier changes: its codes are not used again, and the new rows follow its rows.
    units : GeoDataFrame, optional
        Buildings or blocks with ``load`` or ``households``: where the load is. Without them it
        goes by area.
    totals : sequence of str, default ("load",)
        Columns that are shared out; all others are copied from the old row.

    Returns
    -------
    Edit

    Raises
    ------
    OptionError
        `code` is unknown, has ended or begins later; `at` is no day; `reason` is empty; the
        community has no codes left.
    GeometryError
        The lines do not cross the cell, the polygons do not tile it, it cannot be cut into that
        many, or the cells of the day are no exact coverage there.
    CRSError, SchemaError
        Cells not in metres, another CRS, or columns that cannot be used.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import LineString, box
    >>> from gridkit.division.life import split_cell
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["370602001001001", "370602001001002"], "load": [300, 200]},
    ...     geometry=[box(0, 0, 100, 100), box(100, 0, 200, 100)],
    ...     crs=4549,
    ... )
    >>> road = LineString([(25, 0), (25, 100)])
    >>> edit = split_cell(cells, "370602001001001", road, at="2026-07-01", reason="new road")
    >>> edit.lineage[["code_to", "load_share"]].to_numpy().tolist()
    [['370602001001003', 0.25], ['370602001001004', 0.75]]
    >>> edit.cells["load"].tolist()
    [300.0, 200.0, 75.0, 225.0]
    """
    facts = {"at": at, "reason": reason, "lineage": lineage, "units": units, "totals": totals}
    change = begin_change(cells, [code], "split", facts)
    if isinstance(parts, int | np.integer) and not isinstance(parts, bool):
        pieces = _even_parts(change, int(parts))
    else:
        pieces = _drawn_parts(change, change.shapes[0], parts)
    if len(pieces) < 2:
        raise GeometryError(*message("division.no_cut", code=code))
    return apply_change(change, pieces)


def merge_cells(
    cells: gpd.GeoDataFrame,
    codes: Sequence[str],
    *,
    at: Any,
    reason: str,
    lineage: pd.DataFrame | None = None,
    totals: Sequence[str] = ("load",),
) -> Edit:
    """Merge neighbouring cells of one community into one.

    Parameters
    ----------
    cells, at, reason, lineage
        As in `split_cell`.
    codes : sequence of str
        Two cells or more that touch.
    totals : sequence of str, default ("load",)
        Columns that add up; all others are copied from the largest of the cells.

    Returns
    -------
    Edit

    Raises
    ------
    OptionError
        Fewer than two codes; a code is unknown, given twice, has ended or begins later; the
        cells lie in several communities; as `split_cell` otherwise.
    GeometryError
        The cells do not touch; as `split_cell` otherwise.
    CRSError, SchemaError
        As `split_cell`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.division.life import merge_cells
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["B1", "B2"], "load": [300, 200]},
    ...     geometry=[box(0, 0, 100, 100), box(100, 0, 200, 100)],
    ...     crs=4549,
    ... )
    >>> edit = merge_cells(cells, ["B1", "B2"], at="2026-07-01", reason="too small")
    >>> edit.cells[["cell_code", "load"]].tail(1).to_numpy().tolist()
    [['B3', 500.0]]
    """
    facts = {"at": at, "reason": reason, "lineage": lineage, "units": None, "totals": totals}
    change = begin_change(cells, _codes(codes), "merge", facts)
    whole = _one_area(change)
    return apply_change(change, np.array([whole], dtype=object))


def redraw_cells(
    cells: gpd.GeoDataFrame,
    codes: Sequence[str],
    borders: Any,
    *,
    at: Any,
    reason: str,
    lineage: pd.DataFrame | None = None,
    units: gpd.GeoDataFrame | None = None,
    totals: Sequence[str] = ("load",),
) -> Edit:
    """Move the borders between neighbouring cells of one community.

    Parameters
    ----------
    cells, at, reason, lineage, units, totals
        As in `split_cell`.
    codes : sequence of str
        Two cells or more that touch.
    borders : lines or polygons
        Lines that cut the cells' common land into as many pieces as there are cells, or
        polygons, one for each, that tile it.

    Returns
    -------
    Edit
        As many new cells as old; each takes the columns of the old cell most of whose land it
        has.

    Raises
    ------
    OptionError
        As `merge_cells`.
    GeometryError
        The cells do not touch, or the borders make more or fewer cells than there were; as
        `split_cell` otherwise.
    CRSError, SchemaError
        As `split_cell`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import LineString, box
    >>> from gridkit.division.life import redraw_cells
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["B1", "B2"]},
    ...     geometry=[box(0, 0, 100, 100), box(100, 0, 200, 100)],
    ...     crs=4549,
    ... )
    >>> line = LineString([(80, 0), (80, 100)])
    >>> edit = redraw_cells(cells, ["B1", "B2"], line, at="2026-07-01", reason="the street moved")
    >>> edit.lineage[["code_from", "code_to", "area_share"]].to_numpy().tolist()
    [['B1', 'B3', 0.8], ['B1', 'B4', 0.2], ['B2', 'B4', 1.0]]
    """
    facts = {"at": at, "reason": reason, "lineage": lineage, "units": units, "totals": totals}
    change = begin_change(cells, _codes(codes), "redraw", facts)
    whole = _one_area(change)
    pieces = _drawn_parts(change, whole, borders)
    if len(pieces) != len(change.old):
        shown = listed(list(codes))
        raise GeometryError(
            *message("division.other_count", codes=shown, n=len(change.old), found=len(pieces))
        )
    return apply_change(change, pieces, whole=np.array([whole], dtype=object))


def _codes(codes: Sequence[str]) -> list[str]:
    given = [codes] if isinstance(codes, str) else list(codes)
    if len(given) < 2:
        raise OptionError(*message("division.too_few_codes", codes=", ".join(map(str, given))))
    return given


def _one_area(change: Change) -> Any:
    """Return the common land of cells that touch inside one community; raise otherwise."""
    rows = change.cells.iloc[change.old]
    own = community_of(change.cells).iloc[change.old]
    if len(own.unique()) > 1:
        pairs = zip(rows["cell_code"], own, strict=True)
        shown = listed([f"{code} ({community})" for code, community in pairs])
        raise OptionError(*message("division.two_communities", cells=shown))
    whole = shapely.coverage_union_all(change.shapes)
    if whole.geom_type != "Polygon":
        codes = listed(rows["cell_code"].to_numpy())
        n = shapely.get_num_geometries(whole)
        raise GeometryError(*message("division.apart", codes=codes, n=n))
    return whole


def _even_parts(change: Change, n: int) -> Geometries:
    code = change.cells["cell_code"].iloc[change.old[0]]
    if n < 2:
        raise OptionError(*message("division.bad_parts", value=n))
    points, load = unit_loads(change.units)
    lines = cut_evenly(change.shapes[0], n, points, load)
    pieces = cut_areas(change.shapes, np.array(lines, dtype=object))[0] if lines else change.shapes
    if len(pieces) != n:
        raise GeometryError(*message("division.cannot_cut", code=code, n=n))
    return pieces


def _drawn_parts(change: Change, whole: Any, drawn: Any) -> Geometries:
    """Return the pieces into which lines or polygons cut an area."""
    shapes = _shapes(change, drawn)
    kinds = shapely.get_type_id(shapes)
    base = np.array([whole], dtype=object)
    if np.isin(kinds, KINDS_OF_LINES).all():
        return join_slivers(*cut_areas(base, shapes))[0]
    if not np.isin(kinds, KINDS_OF_AREAS).all():
        met = ", ".join(sorted({str(s.geom_type) for s in shapes}))
        raise GeometryError(*message("division.lines_or_areas", met=met))
    pieces = join_slivers(*cut_areas(base, shapely.boundary(shapes)))[0]
    piece, part = shapely.STRtree(shapes).query(pieces, predicate="intersects")
    common = shapely.area(shapely.intersection(pieces[piece], shapes[part]))
    inside = common > shapely.area(pieces)[piece] / 2
    piece, part = piece[inside], part[inside]
    _require_tiling(whole, shapes, pieces, np.bincount(piece, minlength=len(pieces)))
    owner = part[np.argsort(piece)]
    if len(np.unique(owner)) < len(shapes):
        empty = listed(np.setdiff1d(np.arange(len(shapes)), owner))
        raise GeometryError(*message("division.empty_parts", parts=empty))
    joined = [shapely.coverage_union_all(pieces[owner == k]) for k in range(len(shapes))]
    apart = [k for k, shape in enumerate(joined) if shape.geom_type != "Polygon"]
    if apart:
        raise GeometryError(*message("division.parts_apart", parts=listed(apart)))
    return np.array(joined, dtype=object)


def _shapes(change: Change, drawn: Any) -> Geometries:
    """Return what was drawn as an array of sound shapes in the CRS of the cells."""
    if isinstance(drawn, gpd.GeoSeries | gpd.GeoDataFrame):
        same_crs(change.cells, drawn, what="cells, parts")
        drawn = drawn.geometry.to_numpy()
    shapes = np.atleast_1d(np.asarray(drawn, dtype=object))
    sound = shapely.is_geometry(shapes)
    sound[sound] = shapely.is_valid(shapes[sound]) & ~shapely.is_empty(shapes[sound])
    if not len(shapes) or not sound.all():
        bad = listed(np.flatnonzero(~sound))
        raise GeometryError(*message("division.bad_parts_drawn", parts=bad or "–"))
    return shapes


def _require_tiling(whole: Any, shapes: Geometries, pieces: Geometries, owners: Any) -> None:
    """Raise naming how much of an area polygons leave out, cover twice, or go beyond."""
    area = shapely.area(pieces)
    outside = shapely.get_parts(shapely.difference(shapely.union_all(shapes), whole))
    faults = {
        "division.parts_uncovered": area[owners == 0].sum(),
        "division.parts_overlap": area[owners > 1].sum(),
        "division.parts_beyond": shapely.area(outside[~are_slivers(outside)]).sum(),
    }
    problems: list[Message] = [
        message(fault, area=round(float(size), 1)) for fault, size in faults.items() if size > 0
    ]
    raise_all(GeometryError, problems)
