"""What every change of cells has in common: who may change, what the new rows are, what must hold.

A change ends some rows and adds others; nothing is deleted and no code is used again. The new
cells tile exactly what the old ones tiled, on the day of the change and on every day before.
"""

from __future__ import annotations

import difflib
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..crs import area_m2, same_crs
from ..errors import GeometryError, OptionError, SchemaError, raise_all
from ..messages import message
from ..tables import CELLS, LINEAGE
from .cutting import ON_BORDER_M, insert_vertices, new_vertices
from .lineage import cells_at, day_of, days_of, free_codes, lineage_rows, numbering_of
from .neighbours import GRID_M
from .ordering import inner_points, reading_order, require_areas, weights_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..messages import Message
    from .ordering import Floats, Geometries, Ints

__all__ = ["Change", "Edit", "apply_change", "begin_change", "community_of", "listed", "unit_loads"]

LEAST_SHARE = 1e-9
LOADS = ("load", "households")


@dataclass(frozen=True)
class Edit:
    """A change of cells; the tables it was made from are as they were, and are the undo.

    Attributes
    ----------
    cells : GeoDataFrame
        All editions of all cells: the rows given, in their order, those that ended with
        ``valid_to``; then the new rows. ``valid_from`` and ``valid_to`` are days.
    lineage : DataFrame
        The lineage given, then a row for each old and new cell with land in common:
        ``code_from``, ``code_to``, ``at``, ``reason``, ``kind``, ``area_share``, ``load_share``
        (shares of the old cell).

    Examples
    --------
    >>> import dataclasses
    >>> from gridkit.division.changes import Edit
    >>> [field.name for field in dataclasses.fields(Edit)]
    ['cells', 'lineage']
    """

    cells: gpd.GeoDataFrame
    lineage: pd.DataFrame


@dataclass(frozen=True)
class Change:
    """A change before its result is known: who, when, why, and what to share out by."""

    cells: gpd.GeoDataFrame
    old: Ints
    day: pd.Timestamp
    reason: str
    kind: str
    lineage: pd.DataFrame | None
    units: gpd.GeoDataFrame | None
    totals: tuple[str, ...]

    @property
    def shapes(self) -> Geometries:
        """The old cells' shapes."""
        return np.asarray(self.cells.geometry.to_numpy()[self.old])


def begin_change(
    cells: gpd.GeoDataFrame, codes: Sequence[str], kind: str, facts: dict[str, Any]
) -> Change:
    """Return what a change starts from; raise naming every reason why it cannot be made.

    Parameters
    ----------
    cells : GeoDataFrame
    codes : sequence of str
        The cells to change.
    kind : str
    facts : dict
        ``at``, ``reason``, ``lineage``, ``units`` and ``totals`` as the public functions have them.
    """
    CELLS.require_columns(cells, source="cells")
    require_areas(cells, what="cells")
    cells = cells.reset_index(drop=True)
    day = day_of(facts["at"])
    reason = facts["reason"]
    problems: list[Message] = []
    if not isinstance(reason, str) or not reason.strip():
        problems.append(message("division.no_reason", value=reason))
    live = cells_at(cells, day)
    problems += [p for code in codes if (p := _why_not(cells, live, code, day)) is not None]
    problems += [
        message("division.named_twice", code=code)
        for code in dict.fromkeys(codes)
        if codes.count(code) > 1
    ]
    raise_all(OptionError, problems)
    totals = _totals(cells, facts["totals"])
    if (lineage := facts["lineage"]) is not None:
        LINEAGE.check(lineage, source="lineage")
    if (units := facts["units"]) is not None:
        same_crs(cells, units, what="cells, units")
    old = live.index[live["cell_code"].isin(codes)].to_numpy()
    change = Change(cells, old, day, reason, kind, lineage, units, totals)
    _require_exact(change)
    return change


def _totals(cells: gpd.GeoDataFrame, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the columns to share out; raise for one that is missing, but for the usual load."""
    there = cells.columns
    lost = [c for c in wanted if c not in there and c != "load"]
    if lost:
        facts = {"columns": ", ".join(lost), "found": ", ".join(map(str, there))}
        raise SchemaError(*message("division.no_totals", **facts))
    return tuple(c for c in wanted if c in there)


def _why_not(
    cells: gpd.GeoDataFrame, live: gpd.GeoDataFrame, code: str, day: pd.Timestamp
) -> Message | None:
    """Return why a cell cannot be changed on a day, or None."""
    rows = (cells["cell_code"] == code).to_numpy()
    if not rows.any():
        known = [str(c) for c in live["cell_code"]]
        near = difflib.get_close_matches(str(code), known, n=3, cutoff=0.8)
        return message("division.unknown_cell", code=code, near=", ".join(near) or "–")
    end = days_of(cells, "valid_to")[rows].max()
    if pd.notna(end):
        return message("division.ended_cell", code=code, date=end.date())
    start = days_of(cells, "valid_from")[rows].max()
    if pd.notna(start) and start > day:
        return message("division.before_cell", code=code, at=day.date(), date=start.date())
    return None


def _require_exact(change: Change) -> None:
    """Raise unless the cells to change are single polygons that fit their neighbours exactly."""
    single = shapely.get_type_id(change.shapes) == shapely.GeometryType.POLYGON
    codes = change.cells["cell_code"].to_numpy()[change.old]
    if not single.all():
        raise GeometryError(*message("division.not_single", codes=listed(codes[~single])))
    bad = _misfits(change, change.cells, change.old)
    if bad.any():
        raise GeometryError(*message("division.not_exact", codes=listed(codes[bad])))


def _misfits(change: Change, cells: gpd.GeoDataFrame, rows: Ints) -> Any:
    """Tell which rows do not fit the map of the day vertex by vertex."""
    live = cells_at(cells, change.day).index.to_numpy()
    shapes = cells.geometry.to_numpy()
    near = np.unique(shapely.STRtree(shapes[live]).query(shapes[rows])[1])
    around = np.union1d(live[near], rows)
    edges = shapely.coverage_invalid_edges(shapes[around], gap_width=GRID_M)
    return ~shapely.is_empty(edges)[np.searchsorted(around, rows)]


def apply_change(change: Change, pieces: Geometries, *, whole: Geometries | None = None) -> Edit:
    """End the old cells, add the new ones, and keep every map exact.

    Parameters
    ----------
    change : Change
    pieces : ndarray of Polygon, shape (m,)
        The new cells; together they cover the old ones.
    whole : ndarray of Polygon, optional
        What was cut, where that is not the old cells one by one.

    Raises
    ------
    GeometryError
        The pieces do not fit together, which a line along a border can bring about.
    OptionError
        A community has no codes left.
    """
    cells = change.cells
    pieces = pieces[reading_order(pieces)]
    splits = new_vertices(change.shapes if whole is None else whole, pieces)
    pairs, area_share, load_share = _shares(change, pieces)
    rows = _new_rows(change, cells, pieces, pairs, area_share, load_share)
    start, end = days_of(cells, "valid_from"), days_of(cells, "valid_to")
    end.iloc[change.old] = change.day
    shapes = insert_vertices(cells.geometry.to_numpy(), splits)[0]
    earlier = cells.assign(valid_from=start, valid_to=end).set_geometry(shapes, crs=cells.crs)
    table = gpd.GeoDataFrame(pd.concat([earlier, rows], ignore_index=True), crs=cells.crs)
    table = table.set_geometry(cells.geometry.name)
    new = np.arange(len(cells), len(table))
    lost = abs(shapely.area(pieces).sum() - shapely.area(change.shapes).sum())
    if _misfits(change, table, new).any() or lost > ON_BORDER_M * shapely.length(pieces).sum():
        codes = listed(cells["cell_code"].to_numpy()[change.old])
        raise GeometryError(*message("division.lost_fit", codes=codes))
    facts = {"at": change.day, "reason": change.reason, "kind": change.kind}
    old = cells["cell_code"].iloc[change.old].tolist()
    added = lineage_rows(old, rows["cell_code"].tolist(), (area_share, load_share), pairs, **facts)
    if change.lineage is None:
        return Edit(table, added)
    return Edit(table, pd.concat([change.lineage, added], ignore_index=True))


def _shares(change: Change, pieces: Geometries) -> tuple[tuple[Ints, Ints], Floats, Floats]:
    """Return pairs of old and new cells with land in common, and their shares of the old one."""
    i, j = shapely.STRtree(pieces).query(change.shapes, predicate="intersects")
    common = shapely.intersection(change.shapes[i], pieces[j])
    area = shapely.area(common)
    kept = area > LEAST_SHARE * shapely.area(change.shapes)[i]
    i, j, common, area = i[kept], j[kept], common[kept], area[kept]
    area_share = area / np.bincount(i, area)[i]
    load_share = area_share.copy()
    if change.units is not None:
        load = _load_in(change.units, common)
        total = np.bincount(i, load, len(change.old))[i]
        counted = total > 0
        load_share[counted] = load[counted] / total[counted]
    return (i, j), area_share, load_share


def unit_loads(units: gpd.GeoDataFrame | None) -> tuple[Floats, Floats]:
    """Return inner points, shape (m, 2), and loads of units; none where there are no units.

    Raises
    ------
    SchemaError
        No column ``load`` or ``households``, or values that are no weights.
    """
    if units is None:
        return np.zeros((0, 2)), np.zeros(0)
    column = next((c for c in LOADS if c in units.columns), None)
    if column is None:
        found = ", ".join(map(str, units.columns))
        raise SchemaError(*message("division.no_unit_load", wanted=", ".join(LOADS), found=found))
    load = weights_of(units, column, empty=0.0)
    there = ~(units.geometry.isna() | units.geometry.is_empty).to_numpy()
    xy = np.column_stack(inner_points(units.geometry.to_numpy()[there]))
    return xy, load[there]


def _load_in(units: gpd.GeoDataFrame, areas: Geometries) -> Floats:
    """Return the load of the units in each area; one on a border counts once."""
    xy, load = unit_loads(units)
    unit, area = shapely.STRtree(areas).query_nearest(shapely.points(xy), max_distance=GRID_M)
    order = np.lexsort((area, unit))
    first = order[np.diff(unit[order], prepend=-1) != 0]
    return np.asarray(np.bincount(area[first], load[unit[first]], len(areas)), dtype=np.float64)


def _new_rows(
    change: Change,
    cells: gpd.GeoDataFrame,
    pieces: Geometries,
    pairs: tuple[Ints, Ints],
    area_share: Floats,
    load_share: Floats,
) -> gpd.GeoDataFrame:
    """Return the rows of the new cells: like the old cell most of whose land they have."""
    i, j = pairs
    land = area_share * shapely.area(change.shapes)[i]
    names = cells["cell_code"].to_numpy()[change.old]
    order = np.lexsort((names[i], -np.round(land, 3), j))
    main = i[order[np.diff(j[order], prepend=-1) != 0]]
    rows = cells.iloc[change.old[main]].reset_index(drop=True)
    codes = _next_codes(names[main], _used(change))
    columns: dict[str, Any] = {
        "cell_code": pd.Series(codes, dtype="str"),
        "valid_from": pd.Series([change.day] * len(rows), dtype="datetime64[s]"),
        "valid_to": pd.Series([pd.NaT] * len(rows), dtype="datetime64[s]"),
    }
    for total in change.totals:
        held = pd.to_numeric(cells[total].iloc[change.old]).to_numpy(dtype=float, na_value=np.nan)
        columns[total] = np.bincount(j, held[i] * load_share, len(rows))
    rows = rows.assign(**columns).set_geometry(pieces, crs=cells.crs)
    return rows.assign(area_m2=area_m2(rows.geometry)) if "area_m2" in rows.columns else rows


def _used(change: Change) -> set[str]:
    used = set(change.cells["cell_code"])
    if change.lineage is not None:
        used |= set(change.lineage["code_from"]) | set(change.lineage["code_to"])
    return used


def _next_codes(like: Any, used: set[str]) -> list[str]:
    """Return a new code for each cell, of the series of the old code it follows.

    This is the one place that knows how codes go on.
    """
    codes = [""] * len(like)
    problems: list[Message] = []
    numbering = [numbering_of(code) for code in like]
    for own in sorted({n.head: n for n in numbering}.values()):
        rows = [k for k, n in enumerate(numbering) if n.head == own.head]
        found = list(itertools.islice(free_codes(own, used), len(rows)))
        if len(found) < len(rows):
            facts = {"code": own.head, "n": len(rows), "left": len(found), "last": own.last}
            problems.append(message("division.codes_exhausted", **facts))
            continue
        for row, code in zip(rows, found, strict=True):
            codes[row] = code
    raise_all(OptionError, problems)
    return codes


def community_of(cells: gpd.GeoDataFrame) -> pd.Series[str]:
    """Return the community of each cell: its column, else what its code begins with."""
    for column in ("community_code", "parent_code"):
        if column in cells.columns and cells[column].notna().all():
            given: pd.Series[str] = cells[column].astype("str")
            return given
    numbering = map(numbering_of, cells["cell_code"])
    own = [n.head if n.last is not None else "" for n in numbering]
    return pd.Series(own, index=cells.index, dtype="str")


def listed(codes: Any, most: int = 5) -> str:
    """Return codes as text, the first few of them."""
    return ", ".join(map(str, codes[:most])) + (" …" if len(codes) > most else "")
