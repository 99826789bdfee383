"""The ledger of cases: filed once, moved under guard, never forgotten."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from ..calendar import require_instant, require_zone
from ..errors import ConflictError, MoveError, OptionError
from ..files import atomic_path
from ..messages import message
from ..rules import load_categories, load_stage_limits
from .cases import file_cases
from .clock import WorkClock
from .encoding import as_json, encoded, fold, frame_of, text_of_time
from .filing import LIFE, file_reports
from .limits import parse_limit, parse_limits
from .machine import move_case
from .process import PROFILES, load_process
from .store import COLUMNS, KINDS, MOVE_COLUMNS, Store, now_text
from .verifying import verified

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    import geopandas as gpd
    import pyproj

    from ..rules import Category
    from .filing import Filed
    from .process import Process

__all__ = ["Ledger"]


class Ledger:
    """An embedded ledger of cases in one GeoPackage.

    Everything that happens to a case is a move; all moves stand in one chain of digests, and the
    table of cases is what they add up to. Each transaction is on the disk before it is
    acknowledged; several processes may work at once. QGIS opens the file as layers, and cannot
    change it.

    Parameters
    ----------
    path : path
        Made when there is none and `crs` is given.
    crs : anything pyproj understands, optional
        Of the points, in metres: that of the cells. Needed for a new ledger only.
    process : str or path, optional
        As in `load_process`; a ledger keeps that of its making, ``standard`` by default.
    clock : WorkClock, optional
    categories : mapping of code → Category, optional
    limits : mapping of stage → limit as written, optional
        As in `load_stage_limits`.
    actors : collection of str, optional
        People and units that may move cases; by default anybody who is named.
    tz : str
        Zone of the times that are read.

    Raises
    ------
    FileError
        The file cannot be opened or written, is no ledger, or of a newer version.
    OptionError
        Another process than that of the ledger, or a city's own that is not given; an unknown
        zone.

    Warns
    -----
    GridkitWarning
        On a network drive, where the ledger works without a write-ahead log.

    See Also
    --------
    file_cases : the cases of reports without a ledger.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import geopandas as gpd, pandas as pd
    >>> from shapely import Point
    >>> import gridkit as gk
    >>> at = pd.Timestamp("2025-09-30 16:00", tz="Asia/Shanghai")
    >>> located = gpd.GeoDataFrame(
    ...     {"report_id": ["1"], "category": ["E0405"], "reported_at": [at], "cell_code": ["A"]},
    ...     geometry=[Point(9, 9)],
    ...     crs=4549,
    ... )
    >>> ledger = gk.Ledger(Path(tempfile.mkdtemp()) / "cases.gpkg", crs=4549)
    >>> ledger.file(located).new
    1
    >>> version = ledger.move("C1", "accept", at=at, actor="受理员")
    >>> version = ledger.move("C1", "file", at=at, actor="值班长", version=version)
    >>> ledger.cases()[["case_id", "stage", "version"]].values.tolist()
    [['C1', 'filed', 3]]
    >>> ledger.verify()["severity"].eq("ok").all()
    np.True_
    >>> ledger.close()
    """

    def __init__(
        self,
        path: str | Path,
        *,
        crs: Any = None,
        process: str | Path | None = None,
        clock: WorkClock | None = None,
        categories: Mapping[str, Category] | None = None,
        limits: Mapping[str, str] | None = None,
        actors: Collection[str] | None = None,
        tz: str = "Asia/Shanghai",
    ) -> None:
        import pyproj

        require_zone(tz)
        wanted = None if process is None else load_process(process)
        self._clock = clock or WorkClock()
        self.categories = load_categories() if categories is None else categories
        self._limits = dict(load_stage_limits() if limits is None else limits)
        self._close_limit = parse_limit(self._limits["close"]) if "close" in self._limits else None
        self._actors = None if actors is None else frozenset(actors)
        self._tz = tz
        system = None if crs is None else pyproj.CRS(crs)
        self._store = Store(path, system, process="standard" if wanted is None else wanted.code)
        if system is not None and self._store.crs != system:
            self._store.close()
            have, given = self._store.crs.name, system.name
            raise OptionError(*message("casework.other_crs", have=have, given=given))
        kept = self._store.facts["process"]
        if wanted is None and kept in PROFILES:
            wanted = load_process(kept)
        if wanted is None or wanted.code != kept:
            self._store.close()
            what = {"path": path, "have": kept, "given": "–" if wanted is None else wanted.code}
            raise OptionError(*message("casework.other_process", **what))
        self.process: Process = wanted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    @property
    def path(self) -> Path:
        """Where the ledger lies."""
        return self._store.path

    @property
    def crs(self) -> pyproj.CRS:
        """The CRS of the points."""
        return self._store.crs

    @property
    def head(self) -> str:
        """The digest of the last move: kept elsewhere, it proves later that nothing was undone."""
        return self._store.head()[0]

    def file(
        self,
        located: pd.DataFrame,
        *,
        cells: pd.DataFrame | None = None,
        at: datetime | None = None,
        actor: str = "import",
        progress: Callable[[int, int], None] | None = None,
    ) -> Filed:
        """Open a case for each located report that has none yet.

        A report is known by ``feed`` and ``report_id``: filing a file again adds what is new and
        changes nothing. Life-cycle times of the reports become those of the cases, as in
        `file_cases`. Twenty thousand at a time are written in one transaction; filing that was
        interrupted goes on when the same table is filed again.

        Parameters
        ----------
        located : DataFrame or GeoDataFrame
            Table ``located``, or any table with ``report_id``.
        cells : DataFrame, optional
            As in `file_cases`.
        at : datetime, optional
            As in `file_cases`.
        actor : str
        progress : callable, optional
            Called with the rows done and all rows after each transaction.

        Returns
        -------
        Filed
            Reports without a number, twice in the table, closed before they were filed go to
            the ledger's quarantine.

        Raises
        ------
        SchemaError, OptionError
            As in `file_cases`; points in another CRS.
        FileError
            The file cannot be written.
        """
        self._require_actor(actor, "import")
        cases = partial(self._cases_of, cells=cells, at=at)
        return file_reports(
            self._store, located, cases=cases, at=at, actor=actor, progress=progress
        )

    def _cases_of(
        self, sound: pd.DataFrame, *, cells: pd.DataFrame | None, at: datetime | None
    ) -> pd.DataFrame:
        """Return reports as cases of this ledger's process, with the limits of their categories."""
        cases = file_cases(
            sound,
            cells=cells,
            categories=self.categories,
            clock=self._clock,
            limits=self._limits,
            at=at,
        )
        stage = pd.Series(self.process.start, cases.index)
        for each in self.process.stages.values():
            if each.sets and each.sets in cases.columns:
                stage = stage.mask(cases[each.sets].notna(), each.code)
        if "void" in self.process.stages:
            stage = stage.mask(cases["stage"].eq("void"), "void")
        return cases.assign(stage=stage, version=1)

    def move(
        self,
        case_id: str,
        action: str,
        *,
        at: datetime,
        actor: str,
        reason: str = "",
        version: int | None = None,
        **details: Any,
    ) -> int:
        """Do something with a case; return its new version.

        Parameters
        ----------
        case_id : str
        action : str
            As the process names it: accept, file, dispatch, dispose, close …
        at : datetime with zone
            When it was done.
        actor : str
        reason : str
        version : int, optional
            The version that the decision rests on; another one now is a conflict.
        **details
            Columns that the action gives, such as ``responsible_unit``.

        Raises
        ------
        MoveError
            The process or the state of the case forbids it; nothing has changed.
        ConflictError
            The case is of another version by now.
        OptionError
            There is no such case.
        FileError
            The file cannot be written.
        """
        self._require_actor(actor, action)
        with self._store.transaction() as db:
            stored = self._store.case(case_id)
            if stored is None:
                raise OptionError(*message("casework.no_case", case=case_id))
            seen = int(stored["version"])
            if version is not None and version != seen:
                raise ConflictError(*message("casework.conflict", case=case_id, version=version))
            changes = encoded(
                move_case(
                    _decoded(stored),
                    action,
                    process=self.process,
                    at=at,
                    actor=actor,
                    reason=reason,
                    clock=self._clock,
                    close_limit=self._close_limit,
                    **details,
                )
            )
            self._write(db, stored, action, changes, actor, reason)
        return seen + 1

    def _write(
        self,
        db: Any,
        stored: Mapping[str, Any],
        action: str,
        changes: dict[str, Any],
        actor: str,
        reason: str,
    ) -> None:
        seen = int(stored["version"])
        point = changes.get("geometry")
        values = {k: v for k, v in changes.items() if k != "geometry"}
        self._store.change_case(
            db,
            stored["case_id"],
            seen,
            {**values, "version": seen + 1},
            None if point is None else (point[0], point[1]),
        )
        changes = {**changes, "version": seen + 1}
        self._store.add_moves(
            db,
            [
                (
                    stored["case_id"],
                    seen + 1,
                    changes["moved_at"],
                    action,
                    stored["stage"],
                    changes["stage"],
                    actor,
                    reason,
                    as_json(changes),
                    now_text(),
                )
            ],
        )

    def _require_actor(self, actor: str, action: str) -> None:
        if not actor.strip():
            raise MoveError(*message("casework.no_actor", action=action))
        if self._actors is not None and actor not in self._actors and actor != "import":
            raise MoveError(*message("casework.unknown_actor", actor=actor))

    def cases(self) -> gpd.GeoDataFrame:
        """Return all cases as they are now: table ``cases``, in the order of filing."""
        return self._select("")

    def open_cases(self) -> gpd.GeoDataFrame:
        """Return the cases that are not over."""
        return self._select(f"WHERE stage IN ({self._open_marks})", self._open_stages)

    def received_by(self, unit: str) -> gpd.GeoDataFrame:
        """Return open cases that a unit received first and another one disposes of."""
        return self._select(
            f"WHERE first_receiver=? AND responsible_unit IS NOT NULL AND responsible_unit<>? "
            f"AND stage IN ({self._open_marks})",
            (unit, unit, *self._open_stages),
        )

    @property
    def _open_stages(self) -> tuple[str, ...]:
        return tuple(s.code for s in self.process.stages.values() if s.open)

    @property
    def _open_marks(self) -> str:
        return ", ".join("?" * len(self._open_stages))

    def _select(self, where: str, values: tuple[Any, ...] = ()) -> gpd.GeoDataFrame:
        names, rows = self._store.rows(f"SELECT * FROM cases {where} ORDER BY fid", values)  # noqa: S608
        raw = pd.DataFrame(rows, columns=names, dtype=object)
        return frame_of(raw, crs=self.crs, tz=self._tz)

    def moves(self, case_id: str | None = None) -> pd.DataFrame:
        """Return moves in the order in which the ledger took them down: table ``moves``."""
        where, values = ("", ()) if case_id is None else ("WHERE case_id=?", (case_id,))
        _, rows = self._store.rows(f"SELECT * FROM moves {where} ORDER BY seq", values)  # noqa: S608
        table = pd.DataFrame(rows, columns=list(MOVE_COLUMNS), dtype=object)
        texts = [c for c in MOVE_COLUMNS if c not in ("seq", "version", "at", "recorded_at")]
        for name in ("at", "recorded_at"):
            times = pd.to_datetime(table[name], format="ISO8601", utc=True)
            table[name] = times.dt.as_unit("us").dt.tz_convert(self._tz)
        table[texts] = table[texts].astype("str")
        return table.astype({"seq": "int64", "version": "int64"})

    def history(self, case_id: str) -> pd.DataFrame:
        """Return what happened to one case.

        Raises
        ------
        OptionError
            There is no such case.
        """
        moves = self.moves(case_id)
        if moves.empty:
            raise OptionError(*message("casework.no_case", case=case_id))
        return moves

    def quarantined(self) -> pd.DataFrame:
        """Return reports that were refused: feed, row, rule, number, and the original as JSON."""
        _, rows = self._store.rows(
            'SELECT feed, "row", rule, value, original FROM quarantine ORDER BY fid'
        )
        return pd.DataFrame(rows, columns=["feed", "row", "rule", "value", "original"])

    def overdue(self, at: datetime) -> gpd.GeoDataFrame:
        """Return open cases that are overdue at a time, the latest first.

        Returns
        -------
        GeoDataFrame
            Table ``cases`` with ``due_at``, the deadline with its pause, and ``used``, the share
            of the limit. A suspended case is not overdue before its pause ends.

        Raises
        ------
        OptionError
            A time without zone.
        """
        running = self.running(at)
        late = running[running["light"].eq("red")]
        return late.sort_values(["due_at", "case_id"], ignore_index=True)

    def running(self, at: datetime) -> gpd.GeoDataFrame:
        """Return cases that await disposal, with ``due_at``, ``used`` and ``light`` at a time."""
        now = require_instant(at)
        cases = self.open_cases()
        cases = cases[cases["dispose_due_at"].notna() & cases["disposed_at"].isna()]
        cases = cases.reset_index(drop=True)
        limits = parse_limits(cases["limit"]).limits
        paused = cases["suspended"] & (cases["suspended_at"] <= now)
        end = cases["suspended_until"].where(cases["suspended_until"] < now, now)
        due = cases["dispose_due_at"].copy()
        if paused.any():
            moved = self._clock.pause(
                due[paused], cases["suspended_at"][paused], end[paused], limits[paused]
            )
            due = due.mask(paused, moved.reindex(due.index))
        start = cases["filed_at"].fillna(cases["reported_at"])
        moment = pd.Series([now] * len(cases), dtype=f"datetime64[us, {self._tz}]")
        cases = cases.assign(due_at=due)
        cases["used"] = self._clock.used(start, due, moment, limits)
        cases["light"] = self._clock.light(start, due, moment, limits)
        return cases

    def as_of(self, at: datetime) -> gpd.GeoDataFrame:
        """Return the cases as they were at a time, from the moves up to then.

        Of imported cases the life-cycle times after it are left out.

        Raises
        ------
        OptionError
            A time without zone.
        """
        until = text_of_time(require_instant(at))
        states = fold(self._store, "WHERE at<=? OR action='import'", (until,))
        for state in states:
            for name in LIFE[1:]:
                if state.get(name) is not None and state[name] > until:
                    state[name] = None
            self._restage(state)
        there = [s for s in states if s.get("reported_at") is None or s["reported_at"] <= until]
        return frame_of(there, crs=self.crs, tz=self._tz)

    def _restage(self, state: dict[str, Any]) -> None:
        """Set the stage of an imported case back to that of the times that are left."""
        stage = self.process.stages.get(str(state["stage"]))
        if stage is None or not stage.sets or state.get(stage.sets) is not None:
            return
        reached = [s.code for s in self.process.stages.values() if s.sets and state.get(s.sets)]
        state["stage"] = reached[-1] if reached else self.process.start

    def replay(self) -> gpd.GeoDataFrame:
        """Return the cases that all moves add up to: `cases`, if nobody changed the file."""
        return frame_of(fold(self._store), crs=self.crs, tz=self._tz)

    def verify(self, head: str | None = None) -> pd.DataFrame:
        """Check the whole file: damage, the chain, the cases, the spatial index, the quarantine.

        Parameters
        ----------
        head : str, optional
            An earlier `head`, kept elsewhere: it must be on the chain still.

        Returns
        -------
        DataFrame
            Table ``findings``: a row for each rule, ``ok`` or ``error``.

        Examples
        --------
        See `Ledger`.
        """
        return verified(self._store, head)

    def export(self, path: str | Path) -> Path:
        """Write a copy of the ledger as it is now, for others: the live file is never handed out.

        Raises
        ------
        FileError
            The copy cannot be written.
        """
        target = Path(path)
        if target.absolute() == self.path.absolute():
            raise OptionError(*message("casework.export_onto_itself", path=path))
        with atomic_path(target) as temporary:
            self._store.copy_to(temporary)
        return target


def _decoded(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored case with times as times and flags as flags."""
    case: dict[str, Any] = {}
    for name in COLUMNS:
        value = stored[name]
        if value is not None and KINDS[name] == "time":
            value = pd.Timestamp(value)
        elif KINDS[name] == "flag":
            value = bool(value)
        case[name] = value
    return case
