"""Changing the cells by hand: a map with tools, and the same tools as plain methods."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import shapely

from ..crs import same_crs
from ..division.changes import Edit, listed, unit_loads
from ..division.checks import check_cells
from ..division.life import merge_cells, redraw_cells, split_cell
from ..division.lineage import cells_at, day_of, lineage_rows
from ..division.ordering import require_areas
from ..division.snapping import snap_line
from ..errors import GeometryError, GridkitError, OptionError, raise_all
from ..intake.district import District
from ..messages import Message, message, require_lang, say
from ..tables import CELLS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import geopandas as gpd

    from ..errors import Lang

__all__ = ["CellEditor", "edit_cells"]

WHOLE_UP_TO = 1_000
"""Cells up to which every edit is followed by the certificate of the whole map."""

NEAR_M = 1.0
"""How near a cell lies to a changed one to be checked with it."""

Scope = Literal["whole", "near"]


@dataclass(frozen=True)
class _State:
    """What undo goes back to: the tables, and what is known of the day's map."""

    cells: gpd.GeoDataFrame
    lineage: pd.DataFrame | None
    map: gpd.GeoDataFrame
    findings: gpd.GeoDataFrame
    scope: Scope


def edit_cells(
    cells: gpd.GeoDataFrame,
    district: District | None = None,
    *,
    at: Any,
    reason: str | None = None,
    lineage: pd.DataFrame | None = None,
    units: gpd.GeoDataFrame | None = None,
    lang: str = "zh",
) -> CellEditor:
    """Open cells to be changed by hand, in JupyterLab or by methods.

    The last line of a notebook cell shows the map: click cells, draw lines, press buttons. It needs
    no network; the extra ``notebooks`` brings what it needs. Every tool is a method, too.

    Every edit goes through `split_cell`, `merge_cells` or `redraw_cells` and is checked by
    `check_cells`. An edit that breaks a rule that its cells kept before is refused, and the tables
    stay as they were. Up to 1,000 cells, the whole map is checked after each edit; above that, the
    changed cells with their neighbours, and the whole on `CellEditor.check`.

    Parameters
    ----------
    cells : GeoDataFrame
        All editions of all cells, as `split_cell` has them.
    district : District, optional
        What the certificate is measured against; its streets are what lines snap to.
    at : date, datetime or str
        First day of the new cells.
    reason : str, optional
        Stands in the lineage; by default that the cells were changed by hand. The attribute
        ``reason`` of the editor can be set before each edit.
    lineage : DataFrame, optional
        Of earlier changes.
    units : GeoDataFrame, optional
        Where the load is, as `split_cell` has it; by default the district's buildings, where they
        have ``load`` or ``households``.
    lang : {"zh", "en"}, default "zh"
        Language of the map, the findings and the log.

    Returns
    -------
    CellEditor
        With ``cells``, ``lineage``, ``findings``, ``log``, ``selected``, and the methods
        ``select``, ``split``, ``merge``, ``redraw``, ``border``, ``snap``, ``undo``, ``redo`` and
        ``check``.

    Raises
    ------
    OptionError
        `at` is no day, or no cell is valid on it; an unknown language; an empty reason.
    CRSError, GeometryError, SchemaError
        Cells that cannot be used, or another CRS.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import gridkit as gk
    >>> from shapely.geometry import LineString, box
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["A1", "A2"]}, geometry=[box(0, 0, 90, 90), box(90, 0, 180, 90)], crs=4549
    ... )
    >>> editor = gk.edit_cells(cells, at="2026-07-01")
    >>> editor.split("A1", LineString([(40, -5), (40, 95)]))
    ['A3', 'A4']
    >>> editor.merge(["A4", "A2"])
    ['A5']
    >>> editor.undo()
    >>> gk.cells_at(editor.cells)["cell_code"].tolist()
    ['A2', 'A3', 'A4']
    """
    spoken = require_lang(lang)
    CELLS.require_columns(cells, source="edit_cells")
    require_areas(cells, what="cells")
    if district is not None:
        same_crs(district.boundary, cells, what="cells")
        if units is None and (buildings := district.buildings) is not None:
            held = {"load", "households"} & set(buildings.columns)
            units = buildings if held else None
    if units is not None:
        same_crs(cells, units, what="units")
        unit_loads(units)
    day = day_of(at)
    live = cells_at(cells, day)
    findings = check_cells(live, district, lang=spoken)
    own = cells.reset_index(drop=True)
    start = _State(own, lineage, live, findings, "whole")
    reason = say("publishing.edit_reason", spoken) if reason is None else reason
    return CellEditor(start, district, day, reason, units, spoken)


class CellEditor:
    """Cells open to be changed; made by `edit_cells`.

    Attributes
    ----------
    reason : str
        Stands in the lineage of the next edits.
    district : District or None
    lang : {"zh", "en"}
    """

    def __init__(
        self,
        start: _State,
        district: District | None,
        day: pd.Timestamp,
        reason: str,
        units: gpd.GeoDataFrame | None,
        lang: Lang,
    ) -> None:
        self.district = district
        self.lang = lang
        self.reason = reason
        self._day = day
        self._units = units
        self._past: list[_State] = []
        self._now = start
        self._future: list[_State] = []
        self._selected: list[str] = []
        self._log: list[dict[str, str]] = []
        self._watchers: list[Callable[[str], None]] = []
        self._view: Any = None

    def __repr__(self) -> str:
        names = (len(self._now.map), self._day.date(), len(self._past))
        return "CellEditor({} cells on {}, {} edits)".format(*names)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Show the map with its tools; one map, however often it is shown."""
        if self._view is None:
            from .editor_view import view_of

            self._view = view_of(self)
        return self._view._repr_mimebundle_(**kwargs)

    @property
    def cells(self) -> gpd.GeoDataFrame:
        """All editions of all cells, as a copy; what `Plan` and `cells_at` take."""
        return self._now.cells.copy()

    @property
    def map(self) -> gpd.GeoDataFrame:
        """The cells valid on the day of the edits, as a copy."""
        return self._now.map.copy()

    @property
    def lineage(self) -> pd.DataFrame:
        """Which cell came from which, earlier changes first."""
        if self._now.lineage is None:
            none, nowhere = np.zeros(0), np.zeros(0, dtype=np.int64)
            facts = {"at": self._day, "reason": "", "kind": ""}
            return lineage_rows([], [], (none, none), (nowhere, nowhere), **facts)
        return self._now.lineage.copy()

    @property
    def findings(self) -> gpd.GeoDataFrame:
        """The newest findings; ``scope`` tells whether of the whole map."""
        return self._now.findings.copy()

    @property
    def scope(self) -> Scope:
        """What ``findings`` looked at: the ``whole`` map, or only ``near`` the last edit."""
        return self._now.scope

    @property
    def log(self) -> pd.DataFrame:
        """Everything that was tried: ``action``, ``codes``, ``made``, ``outcome``, ``detail``."""
        columns = ["action", "codes", "made", "outcome", "detail"]
        return pd.DataFrame(self._log, columns=columns, dtype="str")

    @property
    def selected(self) -> list[str]:
        """Codes of the selected cells."""
        return list(self._selected)

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is an edit to make again."""
        return bool(self._future)

    def select(self, codes: Sequence[str]) -> pd.DataFrame:
        """Select cells of the day; return their codes, area and load.

        Raises
        ------
        OptionError
            No such cell on the day; all unknown codes are named.
        """
        wanted = list(dict.fromkeys(_as_list(codes)))
        self._require_live(wanted)
        self._selected = wanted
        self._tell("selection")
        rows = self._now.map.set_index("cell_code").loc[wanted]
        loads = rows["load"].to_numpy() if "load" in rows.columns else np.nan
        areas = shapely.area(rows.geometry.to_numpy())
        return pd.DataFrame(
            {"cell_code": pd.Series(wanted, dtype="str"), "area_m2": areas, "load": loads}
        )

    def split(self, code: str, parts: Any) -> list[str]:
        """Split a cell by a number, lines or polygons, as `split_cell`; return the new codes."""
        return self._edit("split", [code], lambda facts: self._split(code, parts, facts))

    def _split(self, code: str, parts: Any, facts: dict[str, Any]) -> Edit:
        return split_cell(self._now.cells, code, parts, units=self._units, **facts)

    def merge(self, codes: Sequence[str]) -> list[str]:
        """Merge neighbours into one cell, as `merge_cells`; return its code in a list."""
        given = _as_list(codes)
        return self._edit("merge", given, lambda f: merge_cells(self._now.cells, given, **f))

    def redraw(self, codes: Sequence[str], borders: Any) -> list[str]:
        """Give neighbours other borders, as `redraw_cells`; return the new codes."""
        given = _as_list(codes)
        return self._edit("redraw", given, lambda facts: self._redraw(given, borders, facts))

    def _redraw(self, codes: list[str], borders: Any, facts: dict[str, Any]) -> Edit:
        return redraw_cells(self._now.cells, codes, borders, units=self._units, **facts)

    def border(self, codes: Sequence[str]) -> Any:
        """Return the border between two cells, to be moved and handed to `redraw`.

        Returns
        -------
        LineString or MultiLineString

        Raises
        ------
        OptionError
            Not two cells of the day.
        GeometryError
            They have no border in common.
        """
        pair = _as_list(codes)
        if len(set(pair)) != 2 or len(pair) != 2:
            raise OptionError(*message("publishing.edit_two_cells", codes=listed(pair) or "–"))
        self._require_live(pair)
        rows = self._now.map.set_index("cell_code").geometry.loc[pair]
        common = shapely.intersection(*(shapely.boundary(shape) for shape in rows))
        lines = shapely.get_parts(common)
        lines = lines[shapely.length(lines) > 0]
        if not len(lines):
            raise GeometryError(*message("publishing.edit_no_border", codes=listed(pair)))
        return shapely.normalize(shapely.line_merge(shapely.union_all(lines)))

    def snap(self, line: Any, *, tolerance_m: float = 15.0, streets: bool = True) -> Any:
        """Return a drawn line with its vertices on streets and its ends on borders of cells.

        Parameters
        ----------
        line : LineString
        tolerance_m : float, default 15
            What is farther from any street or border stays as it was drawn.
        streets : bool, default True
            False moves only the ends, onto borders.

        Raises
        ------
        OptionError
            The district has no streets; a tolerance that is no length above 0.
        GeometryError
            No sound line, or nothing is left of it.

        See Also
        --------
        gridkit.division.snapping.snap_line : How.
        """
        lines = np.zeros(0, dtype=object)
        if streets:
            if self.district is None or self.district.streets is None:
                raise OptionError(*message("publishing.edit_no_streets"))
            lines = self.district.streets.geometry.to_numpy()
        areas = self._now.map.geometry.to_numpy()
        return snap_line(line, lines, areas, tolerance_m=tolerance_m)

    def undo(self) -> None:
        """Go back to the tables before the last edit; raise `OptionError` where there is none."""
        if not self._past:
            raise OptionError(*message("publishing.edit_nothing_to_undo"))
        self._step("undo", self._past, self._future)

    def redo(self) -> None:
        """Make the edit again that was undone last; raise `OptionError` where there is none."""
        if not self._future:
            raise OptionError(*message("publishing.edit_nothing_to_redo"))
        self._step("redo", self._future, self._past)

    def _step(self, action: str, source: list[_State], target: list[_State]) -> None:
        target.append(self._now)
        self._now = source.pop()
        known = set(self._now.map["cell_code"])
        self._selected = [code for code in self._selected if code in known]
        self._note(action, [], [], "done")
        self._tell("tables")

    def check(self) -> gpd.GeoDataFrame:
        """Check the whole map anew; return its findings."""
        found = check_cells(self._now.map, self.district, lang=self.lang)
        self._now = dataclasses.replace(self._now, findings=found, scope="whole")
        self._tell("tables")
        return found.copy()

    def watch(self, watcher: Callable[[str], None]) -> None:
        """Have a function called with ``"tables"`` or ``"selection"``, whichever has changed."""
        self._watchers.append(watcher)

    def _tell(self, what: str) -> None:
        for watcher in self._watchers:
            watcher(what)

    def _require_live(self, codes: list[str]) -> None:
        known = set(self._now.map["cell_code"])
        day = self._day.date()
        problems = [
            message("publishing.edit_not_live", code=c, day=day) for c in codes if c not in known
        ]
        raise_all(OptionError, problems)

    def _note(
        self, action: str, codes: list[str], made: list[str], outcome: str, detail: str = ""
    ) -> None:
        row = {"action": action, "codes": ", ".join(map(str, codes)), "made": ", ".join(made)}
        self._log.append({**row, "outcome": outcome, "detail": detail})

    def _edit(
        self, action: str, codes: list[str], make: Callable[[dict[str, Any]], Edit]
    ) -> list[str]:
        """Make an edit, check it, and keep it; or leave everything as it was and say why."""
        try:
            facts = {"at": self._day, "reason": self.reason, "lineage": self._now.lineage}
            after, made = self._certified(make(facts), codes)
        except GridkitError as error:
            self._note(action, codes, [], "refused", error.text(self.lang))
            raise
        self._past.append(self._now)
        self._future.clear()
        self._now = after
        self._selected = made
        self._note(action, codes, made, "done")
        self._tell("tables")
        return list(made)

    def _certified(self, edit: Edit, codes: list[str]) -> tuple[_State, list[str]]:
        """Return the state after an edit; raise where it breaks a rule that its cells kept."""
        before, after = self._now.map, cells_at(edit.cells, self._day)
        added = edit.lineage.iloc[0 if self._now.lineage is None else len(self._now.lineage) :]
        made = list(dict.fromkeys(added["code_to"]))
        if len(after) <= WHOLE_UP_TO:
            scope: Scope = "whole"
            known = self._now.findings
            if self._now.scope == "near":
                known = check_cells(before, self.district, lang=self.lang)
            found = check_cells(after, self.district, lang=self.lang)
        else:
            scope = "near"
            around, land = _around(before, codes, self.district)
            known = check_cells(around, land, lang=self.lang)
            around = after[after["cell_code"].isin([*around["cell_code"], *made])]
            found = check_cells(around, land, lang=self.lang)
        problems = _new_errors(known, found, added)
        raise_all(GeometryError, problems)
        return _State(edit.cells, edit.lineage, after, found, scope), made


def _as_list(codes: Sequence[str]) -> list[str]:
    return [codes] if isinstance(codes, str) else list(codes)


def _around(
    live: gpd.GeoDataFrame, codes: list[str], district: District | None
) -> tuple[gpd.GeoDataFrame, District]:
    """Return cells with their neighbours and duty cells, and their own land to measure against.

    Whether a duty cell hangs together shows only where all of it is there.
    """
    shapes = live.geometry.to_numpy()
    own = shapes[live["cell_code"].isin(codes)]
    near = shapely.STRtree(shapes).query(own, predicate="dwithin", distance=NEAR_M)[1]
    kept = np.isin(np.arange(len(live)), near)
    if "duty_code" in live.columns:
        kept |= live["duty_code"].isin(live.loc[kept, "duty_code"].dropna()).to_numpy()
    around = live[kept]
    union = shapely.union_all(around.geometry.to_numpy())
    boundary = around.iloc[[0]][[around.geometry.name]].set_geometry([union], crs=live.crs)
    communities = None if district is None else district.communities
    if communities is not None:
        met = shapely.STRtree(communities.geometry.to_numpy()).query(union, predicate="intersects")
        communities = communities.iloc[np.sort(met)]
    return around, District("", boundary, communities)


def _new_errors(
    known: gpd.GeoDataFrame, found: gpd.GeoDataFrame, added: pd.DataFrame
) -> list[Message]:
    """Return a sentence for each rule broken by cells whose forebears did not break it.

    `added` is the lineage of the edit: a new cell may go on breaking what an old one broke.
    """
    problems = []
    errors = found[found["severity"] == "error"]
    before = known[known["severity"] == "error"].set_index("rule")["codes"]
    for rule, codes, detail in zip(errors["rule"], errors["codes"], errors["detail"], strict=True):
        if rule in before.index:
            named = _names(before[rule])
            for old, new in zip(added["code_from"], added["code_to"], strict=True):
                named |= _names(new) if _names(old) <= named else set()
            if _names(codes) <= named:
                continue
        problems.append(message("publishing.edit_breaks", rule=rule, detail=detail))
    return problems


def _names(codes: str) -> set[str]:
    return set(codes.split(", "))
