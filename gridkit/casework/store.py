"""The ledger's file: a GeoPackage that only SQLite writes, all moves in one digest chain."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import sqlite3
import struct
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj

from ..errors import ConflictError, FileError, GridkitWarning
from ..messages import message
from ..tables import CASES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = [
    "COLUMNS",
    "KINDS",
    "MOVE_COLUMNS",
    "NEEDED",
    "Store",
    "blob_of",
    "chained",
    "founded",
    "now_text",
    "point_of",
]

FORMAT, VERSION = "gridkit ledger", 2
APPLICATION_ID, USER_VERSION = 0x47504B47, 10300
_FOUNDING = ("format", "crs", "srs_id", "process")
"""Facts that never change: the chain begins with their digest."""

COLUMNS = tuple(c.name for c in CASES.columns if c.kind != "geometry")
NEEDED = ("feed", "report_id", "case_id", "stage", "version", "moved_at")
"""Columns that every case has."""
KINDS = {c.name: c.kind for c in CASES.columns}
MOVE_COLUMNS = (
    "seq",
    "case_id",
    "version",
    "at",
    "action",
    "stage_from",
    "stage_to",
    "actor",
    "reason",
    "changes",
    "recorded_at",
    "digest",
)
_TYPES = {"text": "TEXT", "time": "DATETIME", "flag": "BOOLEAN", "integer": "INTEGER"}
_NETWORK = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs")
_BUSY_S = 60.0
_CACHE_KB = 65_536
_OWN_NUMBER = 100_000
_POINT = struct.Struct("<2sBBiBIdd")
_PLAIN = ("moves", "quarantine", "ledger")
_TABLES = ("cases", *_PLAIN, "rtree_cases_geom")


def _schema() -> str:
    columns = ",\n  ".join(f'"{c}" {_TYPES[KINDS[c]]}' for c in COLUMNS)
    guard = "SELECT gridkit_ledger()"
    never = "SELECT RAISE(ABORT, 'a ledger only grows')"
    return f"""
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY,
  organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL,
  description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL,
  identifier TEXT UNIQUE, description TEXT DEFAULT '', last_change DATETIME NOT NULL
  DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x DOUBLE, min_y DOUBLE, max_x DOUBLE,
  max_y DOUBLE, srs_id INTEGER REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL,
  m TINYINT NOT NULL, PRIMARY KEY (table_name, column_name));
CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL,
  definition TEXT NOT NULL, scope TEXT NOT NULL, UNIQUE (table_name, column_name, extension_name));
CREATE TABLE cases (fid INTEGER PRIMARY KEY, geom POINT,
  {columns});
CREATE UNIQUE INDEX cases_id ON cases (case_id);
CREATE UNIQUE INDEX cases_report ON cases (feed, report_id);
CREATE TABLE moves (seq INTEGER PRIMARY KEY, case_id TEXT NOT NULL, version INTEGER NOT NULL,
  at DATETIME NOT NULL, action TEXT NOT NULL, stage_from TEXT, stage_to TEXT NOT NULL,
  actor TEXT NOT NULL, reason TEXT NOT NULL, changes TEXT NOT NULL, recorded_at DATETIME NOT NULL,
  digest TEXT NOT NULL);
CREATE UNIQUE INDEX moves_case ON moves (case_id, version);
CREATE TABLE quarantine (fid INTEGER PRIMARY KEY, seq INTEGER NOT NULL, feed TEXT NOT NULL,
  "row" INTEGER NOT NULL, rule TEXT NOT NULL, value TEXT NOT NULL, original TEXT NOT NULL);
CREATE TABLE ledger (item TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE VIRTUAL TABLE rtree_cases_geom USING rtree (id, minx, maxx, miny, maxy);
CREATE TRIGGER cases_no_delete BEFORE DELETE ON cases BEGIN {never}; END;
CREATE TRIGGER moves_no_delete BEFORE DELETE ON moves BEGIN {never}; END;
CREATE TRIGGER moves_no_update BEFORE UPDATE ON moves BEGIN {never}; END;
CREATE TRIGGER quarantine_no_delete BEFORE DELETE ON quarantine BEGIN {never}; END;
CREATE TRIGGER quarantine_no_update BEFORE UPDATE ON quarantine BEGIN {never}; END;
CREATE TRIGGER cases_insert BEFORE INSERT ON cases BEGIN {guard}; END;
CREATE TRIGGER cases_update BEFORE UPDATE ON cases BEGIN {guard}; END;
CREATE TRIGGER moves_insert BEFORE INSERT ON moves BEGIN {guard}; END;
"""


def _add_columns(db: sqlite3.Connection) -> None:
    """Add the columns that cases have by now."""
    have = {row[1] for row in db.execute("PRAGMA table_info(cases)")}
    for name in COLUMNS:
        if name not in have:
            db.execute(f'ALTER TABLE cases ADD COLUMN "{name}" {_TYPES[KINDS[name]]}')


_MIGRATIONS: dict[int, Any] = {1: _add_columns}
"""Version → function of a connection that brings a file to the next one."""


class Store:
    """The embedded store. What a ledger needs of it is its public methods: another may follow.

    Parameters
    ----------
    path : path
    crs : CRS, optional
        Of a new file; its points are in it.
    process : str
        Code of the process of a new file.

    Raises
    ------
    FileError
        The file cannot be opened or made, is no ledger, or of a newer version.
    """

    def __init__(
        self, path: str | Path, crs: pyproj.CRS | None = None, *, process: str = ""
    ) -> None:
        self.path = Path(path)
        new = not self.path.exists() or self.path.stat().st_size == 0
        if new and crs is None:
            raise FileError(*message("casework.new_needs_crs", path=path))
        try:
            self._db = self._connect()
            if new and crs is not None:
                self._create(crs, process)
            self._require_ours()
            self._keep_log()
        except sqlite3.Error as error:
            if hasattr(self, "_db"):
                self._db.close()
            raise FileError(*message("casework.cannot_open", path=path, why=error)) from error
        self.facts = dict(self._db.execute("SELECT item, value FROM ledger"))

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
        # QGIS and GDAL do not have this function, so they can read the file, and not change it.
        db.create_function("gridkit_ledger", 0, lambda: 1)
        db.execute("PRAGMA synchronous=FULL")
        db.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
        db.execute("PRAGMA foreign_keys=ON")
        return db

    def _keep_log(self) -> None:
        """Keep a write-ahead log; after the making, so that the file's head is in the file."""
        remote = _is_remote(self.path)
        if remote:
            text = message("casework.network_drive", path=self.path)
            warnings.warn(GridkitWarning(*text), stacklevel=4)
        wanted = "delete" if remote else "wal"
        got = self._db.execute(f"PRAGMA journal_mode={wanted}").fetchone()[0]
        if got != wanted:
            text = message("casework.no_wal", path=self.path, mode=got)
            warnings.warn(GridkitWarning(*text), stacklevel=4)

    def _create(self, crs: pyproj.CRS, process: str) -> None:
        with self.transaction() as db:
            if db.execute("SELECT 1 FROM sqlite_master WHERE name='ledger'").fetchone():
                return  # another process was first
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={USER_VERSION}")
            for statement in _statements(_schema()):
                db.execute(statement)
            systems = _systems(pyproj.CRS(crs.to_wkt()))  # as it will be read
            number = next(reversed(systems))
            db.executemany(
                "INSERT INTO gpkg_spatial_ref_sys (srs_id, srs_name, organization, "
                "organization_coordsys_id, definition) VALUES (?, ?, ?, ?, ?)",
                [(key, *row) for key, row in systems.items()],
            )
            layers: list[tuple[str, str, int | None]] = [("cases", "features", number)]
            layers += [(table, "attributes", None) for table in _PLAIN]
            db.executemany(
                "INSERT INTO gpkg_contents (table_name, data_type, identifier, srs_id) "
                "VALUES (?1, ?2, ?1, ?3)",
                layers,
            )
            db.execute(
                "INSERT INTO gpkg_geometry_columns VALUES ('cases', 'geom', 'POINT', ?, 0, 0)",
                (number,),
            )
            db.execute(
                "INSERT INTO gpkg_extensions VALUES ('cases', 'geom', 'gpkg_rtree_index', "
                "'http://www.geopackage.org/spec120/#extension_rtree', 'write-only')"
            )
            facts = {
                "format": FORMAT,
                "version": str(VERSION),
                "crs": crs.to_wkt(),
                "srs_id": str(number),
                "process": process,
                "moves": "0",
            }
            facts["head"] = founded(facts)
            db.executemany("INSERT INTO ledger VALUES (?, ?)", facts.items())

    def _require_ours(self) -> None:
        names = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master")}
        if "ledger" not in names:
            raise FileError(*message("casework.not_a_ledger", path=self.path))
        facts = dict(self._db.execute("SELECT item, value FROM ledger"))
        version = facts.get("version", "")
        known = version.isdecimal() and (int(version) >= VERSION or int(version) in _MIGRATIONS)
        if facts.get("format") != FORMAT or not known:
            raise FileError(*message("casework.not_a_ledger", path=self.path))
        if int(version) > VERSION:
            what = {"path": self.path, "version": version, "known": VERSION}
            raise FileError(*message("casework.newer_ledger", **what))
        self._bring_up(int(version))

    def _bring_up(self, version: int) -> None:
        while version < VERSION:
            with self.transaction() as db:
                _MIGRATIONS[version](db)
                version += 1
                db.execute("UPDATE ledger SET value=? WHERE item='version'", (str(version),))

    def close(self) -> None:
        """Close the file; the last one to close it leaves nothing beside it."""
        self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do everything inside or nothing of it; other writers wait."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise FileError(*message("casework.cannot_write", path=self.path, why=error)) from error
        try:
            yield self._db
            self._db.execute("COMMIT")
        except BaseException as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                text = message("casework.cannot_write", path=self.path, why=error)
                raise FileError(*text) from error
            raise

    @property
    def srs_id(self) -> int:
        """Number of the CRS in the file."""
        return int(self.facts["srs_id"])

    @property
    def crs(self) -> pyproj.CRS:
        """The CRS of the points."""
        try:
            return pyproj.CRS(self.facts["crs"])
        except (KeyError, pyproj.exceptions.CRSError) as error:
            raise FileError(*message("casework.cannot_open", path=self.path, why=error)) from error

    def head(self) -> tuple[str, int]:
        """Return the digest of the last move, and the number of moves."""
        rows = dict(
            self._db.execute("SELECT item, value FROM ledger WHERE item IN ('head', 'moves')")
        )
        return rows["head"], int(rows["moves"])

    def taken(self, case_ids: Sequence[str]) -> set[str]:
        """Return which case numbers are used."""
        rows = self._db.execute(
            "SELECT case_id FROM cases WHERE case_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(case_ids)),),
        )
        return {row[0] for row in rows}

    def case(self, case_id: str) -> dict[str, Any] | None:
        """Return one case as stored, with ``fid`` and ``geom``."""
        cursor = self._db.execute("SELECT * FROM cases WHERE case_id=?", (case_id,))
        row = cursor.fetchone()
        if row is None:
            return None
        return dict(zip([d[0] for d in cursor.description], row, strict=True))

    def add_cases(
        self,
        db: sqlite3.Connection,
        names: Sequence[str],
        rows: Sequence[Sequence[Any]],
        x: Any,
        y: Any,
    ) -> None:
        """Add cases, values in the order of `names`; x and y are NaN where there is no point."""
        first = (db.execute("SELECT max(fid) FROM cases").fetchone()[0] or 0) + 1
        marks = ", ".join("?" * (len(names) + 2))
        listed = ", ".join(f'"{c}"' for c in ("fid", "geom", *names))
        blobs = _blobs(x, y, self.srs_id)
        db.executemany(
            f"INSERT INTO cases ({listed}) VALUES ({marks})",  # noqa: S608 - our own names
            ((first + i, blobs[i], *row) for i, row in enumerate(rows)),
        )
        there = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        xs, ys = np.asarray(x)[there].tolist(), np.asarray(y)[there].tolist()
        db.executemany(
            "INSERT INTO rtree_cases_geom VALUES (?, ?, ?, ?, ?)",
            zip((there + first).tolist(), xs, xs, ys, ys, strict=True),
        )

    def change_case(
        self,
        db: sqlite3.Connection,
        case_id: str,
        version: int,
        values: Mapping[str, Any],
        point: tuple[float, float] | None = None,
    ) -> None:
        """Change columns of a case that is still of a version.

        Raises
        ------
        ConflictError
            It is not.
        """
        names = ", ".join(f'"{c}"=?' for c in values)
        done = db.execute(
            f"UPDATE cases SET {names} WHERE case_id=? AND version=?",  # noqa: S608
            (*values.values(), case_id, version),
        ).rowcount
        if done != 1:
            raise ConflictError(*message("casework.conflict", case=case_id, version=version))
        if point is not None:
            fid = db.execute("SELECT fid FROM cases WHERE case_id=?", (case_id,)).fetchone()[0]
            blob = blob_of(*point, self.srs_id)
            db.execute("UPDATE cases SET geom=? WHERE fid=?", (blob, fid))
            db.execute("DELETE FROM rtree_cases_geom WHERE id=?", (fid,))
            box = (fid, point[0], point[0], point[1], point[1])
            db.execute("INSERT INTO rtree_cases_geom VALUES (?, ?, ?, ?, ?)", box)

    def add_moves(self, db: sqlite3.Connection, moves: Iterable[Sequence[Any]]) -> None:
        """Add moves without seq and digest to the chain, and set its head."""
        facts = dict(db.execute("SELECT item, value FROM ledger WHERE item IN ('head', 'moves')"))
        head, seq = facts["head"], int(facts["moves"])
        rows = []
        for move in moves:
            seq += 1
            head = chained(head, (seq, *move))
            rows.append((seq, *move, head))
        marks = ", ".join("?" * len(MOVE_COLUMNS))
        db.executemany(f"INSERT INTO moves VALUES ({marks})", rows)  # noqa: S608
        db.execute("UPDATE ledger SET value=? WHERE item='head'", (head,))
        db.execute("UPDATE ledger SET value=? WHERE item='moves'", (str(seq),))

    def rows(self, sql: str, values: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the names of the columns and the rows of a query of our own."""
        try:
            cursor = self._db.execute(sql, tuple(values))
            return [d[0] for d in cursor.description], cursor.fetchall()
        except sqlite3.DatabaseError as error:
            raise FileError(*message("casework.cannot_open", path=self.path, why=error)) from error

    def damage(self) -> list[str]:
        """Return what SQLite itself finds wrong with the file, and which tables are gone."""
        try:
            said = [row[0] for row in self._db.execute("PRAGMA integrity_check(20)")]
            names = {row[0] for row in self._db.execute("SELECT name FROM sqlite_master")}
        except sqlite3.DatabaseError as error:
            return [str(error)]
        return [s for s in said if s != "ok"] + [f"no table {t}" for t in _TABLES if t not in names]

    def strange_layers(self) -> list[str]:
        """Return what programs that read GeoPackages are told wrongly of the layers."""
        layers = dict(self.rows("SELECT table_name, data_type FROM gpkg_contents")[1])
        wanted = {"cases": "features", **dict.fromkeys(_PLAIN, "attributes")}
        _, geometry = self.rows("SELECT table_name, column_name, srs_id FROM gpkg_geometry_columns")
        names = "srs_id, srs_name, organization, organization_coordsys_id, definition"
        _, listed = self.rows(f"SELECT {names} FROM gpkg_spatial_ref_sys")  # noqa: S608
        said = {row[0]: tuple(row[1:]) for row in listed}
        checks = {
            "gpkg_contents": layers == wanted,
            "gpkg_geometry_columns": geometry == [("cases", "geom", self.srs_id)],
            "gpkg_spatial_ref_sys": said == _systems(self.crs),
        }
        return [table for table, right in checks.items() if not right]

    def copy_to(self, target: Path) -> None:
        """Copy the file as it is now to a new one, whatever others do meanwhile."""
        copy = sqlite3.connect(target)
        try:
            self._db.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            copy.close()


def founded(facts: Mapping[str, str]) -> str:
    """Return the digest before the first move: over what never changes."""
    text = json.dumps([facts.get(item) for item in _FOUNDING], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def chained(before: str, fields: Sequence[Any]) -> str:
    """Return the digest of a move: over the digest before it and all its fields but the digest.

    Each field goes in with its length before it, so that nothing can slip from one to the next.
    """
    seq, case, version, at, action, before_, after, actor, reason, changes, recorded = fields
    before_ = "-" if before_ is None else before_
    text = (
        f"{before}{seq},{version},{at},{recorded},{len(case)}:{case},{len(action)}:{action},"
        f"{len(before_)}:{before_},{len(after)}:{after},{len(actor)}:{actor},"
        f"{len(reason)}:{reason},{len(changes)}:{changes}"
    )
    return hashlib.sha256(text.encode()).hexdigest()


def blob_of(x: float, y: float, srs_id: int) -> bytes:
    """Return a point as a GeoPackage stores it."""
    return _POINT.pack(b"GP", 0, 1, srs_id, 1, 1, x, y)


def point_of(blob: bytes | None) -> tuple[float, float] | None:
    """Return x and y of a stored point."""
    if blob is None or len(blob) != _POINT.size:
        return None
    x, y = struct.unpack_from("<dd", blob, 13)
    return x, y


def _blobs(x: Any, y: Any, srs_id: int) -> list[bytes | None]:
    """Return points as a GeoPackage stores them; None where there is none."""
    kinds = [("m", "S2"), ("v", "u1"), ("f", "u1"), ("s", "<i4"), ("o", "u1"), ("t", "<u4")]
    packed = np.empty(len(x), dtype=[*kinds, ("x", "<f8"), ("y", "<f8")])
    for name, value in zip("mvfsotxy", (b"GP", 0, 1, srs_id, 1, 1, x, y), strict=True):
        packed[name] = value
    raw, size = packed.tobytes(), packed.dtype.itemsize
    there = np.isfinite(x) & np.isfinite(y)
    return [raw[i * size : (i + 1) * size] if ok else None for i, ok in enumerate(there)]


def _systems(crs: pyproj.CRS) -> dict[int, tuple[str, str, int, str]]:
    """Return the CRS of a file by number: the three that every GeoPackage has, and its own."""
    code = crs.to_epsg()
    number = _OWN_NUMBER if code is None else int(code)
    wgs84 = pyproj.CRS(4326).to_wkt("WKT1_GDAL")
    return {
        -1: ("Undefined cartesian SRS", "NONE", -1, "undefined"),
        0: ("Undefined geographic SRS", "NONE", 0, "undefined"),
        4326: ("WGS 84", "EPSG", 4326, wgs84),
        number: (crs.name, "NONE" if code is None else "EPSG", number, crs.to_wkt("WKT1_GDAL")),
    }


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script: each inside one transaction, as no script runs."""
    statement = ""
    for line in script.splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _is_remote(path: Path) -> bool:
    """Tell whether a file lies on a network drive, where write-ahead logs are not safe."""
    place = str(path.absolute())
    if sys.platform == "win32":  # pragma: no cover - not where tests run
        import ctypes

        drive = path.absolute().drive + "\\"
        return place.startswith("\\\\") or ctypes.windll.kernel32.GetDriveTypeW(drive) == 4
    try:
        lines = Path("/proc/mounts").read_text("utf-8").splitlines()
    except OSError:
        return False
    mounts = [line.split()[1:3] for line in lines if len(line.split()) > 2]
    over = [(len(at), kind) for at, kind in mounts if place.startswith(at.rstrip("/") + "/")]
    return bool(over) and max(over)[1] in _NETWORK


def now_text() -> str:
    """Return the time of the machine as the ledger writes times."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
