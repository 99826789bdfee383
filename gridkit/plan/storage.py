"""Tables in one GeoPackage that come back as they went in, whatever program looked in between.

Any program that reads GeoPackages sees plain layers. What the format cannot say (column types, time
zones, the order of columns, exact times) stands in the layer ``meta``, with the number of
rows and a digest of each layer. Values are read from the database itself, so that no driver rounds
a whole number or moves a time.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
import sqlite3
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely

from ..errors import FileError, SchemaError, raise_all
from ..files import require_file
from ..messages import message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..messages import Message

__all__ = [
    "Stored",
    "open_read_only",
    "read_layer_as_is",
    "read_tables",
    "write_layers",
    "write_tables",
]

FORMAT, VERSION = "gridkit plan", 1
META = "meta"
SYNCHRONOUS = "OGR_SQLITE_SYNCHRONOUS"
HEADER, ENVELOPES = 8, {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}


@dataclass(frozen=True)
class Stored:
    """What a file holds.

    Attributes
    ----------
    tables : dict of str to DataFrame or GeoDataFrame
    facts : dict of str to str
        What was written beside the tables.
    changed : tuple of str
        Layers that are no longer what was written: edited, missing, or with other rows.
    """

    tables: dict[str, pd.DataFrame]
    facts: dict[str, str]
    changed: tuple[str, ...]


def write_tables(
    path: Path, tables: Mapping[str, pd.DataFrame], facts: Mapping[str, str], *, shown: str
) -> None:
    """Write tables to a new GeoPackage with ``meta``, and read them back to be sure.

    Parameters
    ----------
    path : Path
        There is no such file yet.
    tables : mapping of str to DataFrame or GeoDataFrame
        Their index is not kept.
    facts : mapping of str to str
        Written to ``meta``.
    shown : str
        The file's name for messages.

    Raises
    ------
    SchemaError
        Columns that a GeoPackage cannot hold; all are named.
    FileError
        The file cannot be written, or a table came back changed.
    """
    described = write_layers(path, tables, shown=shown)
    items = {"format": FORMAT, "format_version": str(VERSION), **facts}
    with open_read_only(path, shown) as database:
        for name, table in tables.items():
            raw = _raw_layer(database, name)
            _require_same(
                shown, name, table.reset_index(drop=True), _restored(raw, described[name])
            )
            items[f"{name}.rows"] = str(len(table))
            items[f"{name}.digest"] = _digest(raw)
            items[f"{name}.columns"] = json.dumps(described[name], ensure_ascii=False)
    meta = pd.DataFrame({"item": list(items), "value": list(items.values())}, dtype="str")
    write_layers(path, {META: meta}, shown=shown)


def write_layers(
    path: Path, tables: Mapping[str, pd.DataFrame], *, shown: str
) -> dict[str, list[dict[str, Any]]]:
    """Write tables as layers of a GeoPackage; return what tells their columns and types.

    Raises
    ------
    SchemaError
        Columns that a GeoPackage cannot hold; all are named.
    FileError
        The file cannot be written.
    """
    raise_all(SchemaError, [p for name, table in tables.items() for p in _unfit(name, table)])
    described = {name: _described(table) for name, table in tables.items()}
    try:
        with _settled_at_the_end(path):
            for name, table in tables.items():
                _write_layer(path, name, table.reset_index(drop=True), described[name])
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise FileError(*message("files.cannot_write", path=shown, why=error)) from error
    return described


@contextlib.contextmanager
def _settled_at_the_end(path: Path) -> Iterator[None]:
    """Let the disk settle once, not after each of a dozen steps: the file is not in use yet."""
    before = pyogrio.get_gdal_config_option(SYNCHRONOUS)
    pyogrio.set_gdal_config_options({SYNCHRONOUS: "OFF"})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({SYNCHRONOUS: before})
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _unfit(name: str, frame: pd.DataFrame) -> list[Message]:
    """Return one sentence for each reason why a GeoPackage cannot hold a table."""
    problems = []
    names = [str(c).casefold() for c in frame.columns]
    twice = [c for c in frame.columns if names.count(str(c).casefold()) > 1]
    odd = [c for c in frame.columns if not isinstance(c, str) or not c]
    if twice or odd:
        shown = ", ".join(map(repr, [*twice, *odd]))
        problems.append(message("plan.bad_names", layer=name, columns=shown))
        return problems
    active = _geometry_of(frame)
    if active is not None and frame[active].crs is None:
        problems.append(message("plan.no_crs", layer=name))
    for column in frame.columns:
        if column != active and _kind(frame[column]) is None:
            kind = pd.api.types.infer_dtype(frame[column], skipna=True)
            problems.append(
                message(
                    "plan.bad_type",
                    layer=name,
                    column=column,
                    found=f"{frame[column].dtype} ({kind})",
                )
            )
    return problems


def _geometry_of(frame: pd.DataFrame) -> str | None:
    if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
        return None
    return str(frame.active_geometry_name)


def _kind(values: pd.Series[Any]) -> str | None:
    """Return how a column is written: text, number, flag, time, or exact time or day as text."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        labels = dtype.categories
        return "text" if not len(labels) or pd.api.types.infer_dtype(labels) == "string" else None
    if pd.api.types.is_bool_dtype(dtype):
        return "flag"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        stamps = values.dropna()
        whole = (stamps.dt.as_unit("ns").astype("int64") % 1_000_000 == 0).all()
        return "time" if whole else "exact time"
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_complex_dtype(dtype):
        return None if dtype in ("uint64", "UInt64", "float16") else "number"
    if isinstance(dtype, pd.StringDtype) or pd.api.types.is_object_dtype(dtype):
        kind = pd.api.types.infer_dtype(values, skipna=True)
        return {"string": "text", "empty": "text", "date": "day"}.get(kind)
    return None


def _described(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return name, type and way of writing of each column, as plain data."""
    active = _geometry_of(frame)
    columns: list[dict[str, Any]] = []
    for name in frame.columns:
        values = frame[name]
        if name == active:
            crs = values.crs.to_json_dict()
            columns.append({"name": name, "kind": "geometry", "crs": crs})
            continue
        column: dict[str, Any] = {"name": name, "kind": _kind(values), "dtype": str(values.dtype)}
        if isinstance(values.dtype, pd.CategoricalDtype):
            column["categories"] = list(values.dtype.categories)
            column["ordered"] = values.dtype.ordered
        columns.append(column)
    return columns


def _write_layer(path: Path, name: str, frame: pd.DataFrame, columns: list[dict[str, Any]]) -> None:
    ready = frame.copy()
    for column in columns:
        if column["kind"] not in ("geometry", "number", "flag"):
            ready[column["name"]] = _written(frame[column["name"]], column["kind"])
    taken = {c.casefold() for c in frame.columns}
    options = {"FID": next(f for f in _names("fid") if f not in taken)}
    more: dict[str, Any] = {}
    if (active := _geometry_of(frame)) is not None:
        options["GEOMETRY_NAME"] = active
        kinds = np.unique(shapely.get_type_id(frame.geometry.to_numpy()))
        if (kinds >= 0).sum() != 1:
            more = {"geometry_type": "Unknown", "promote_to_multi": False}
    with warnings.catch_warnings():
        # A layer without rows or shapes is no reason to warn: it comes back the same.
        warnings.filterwarnings("ignore", category=UserWarning, module="pyogrio")
        pyogrio.write_dataframe(
            ready, path, layer=name, driver="GPKG", layer_options=options, **more
        )


def _names(stem: str) -> Iterator[str]:
    yield stem
    yield from (f"{stem}_{n}" for n in range(1, 1000))


def _written(values: pd.Series[Any], kind: str) -> Any:
    if kind == "time":
        return values.dt.tz_convert("UTC") if values.dt.tz is not None else values
    if kind == "exact time":
        return pd.Series([None if pd.isna(v) else v.isoformat() for v in values], dtype="str")
    if kind == "day":
        return pd.Series([None if pd.isna(v) else v.isoformat() for v in values], dtype="str")
    return values.astype("str")


@dataclass(frozen=True)
class _Raw:
    """A layer as the database holds it."""

    columns: dict[str, list[Any]]
    geometry: str | None
    crs: pyproj.CRS | None


@contextlib.contextmanager
def open_read_only(path: Path, shown: str) -> Iterator[sqlite3.Connection]:
    """Open a GeoPackage as a database; raise `FileError` where it is damaged or none."""
    try:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
            yield database
    except (sqlite3.DatabaseError, shapely.errors.GEOSException, UnicodeDecodeError) as error:
        raise FileError(*message("plan.damaged", path=shown, why=error)) from error


def _raw_layer(database: sqlite3.Connection, name: str) -> _Raw:
    quoted = _quoted(name)
    info = database.execute(f"PRAGMA table_info({quoted})").fetchall()
    names = [row[1] for row in info if not row[5]]
    key = next((row[1] for row in info if row[5]), "rowid")
    picked = ", ".join(map(_quoted, names))
    query = f"SELECT {picked} FROM {quoted} ORDER BY {_quoted(key)}"  # noqa: S608 - quoted
    rows = database.execute(query).fetchall()
    values = list(map(list, zip(*rows, strict=True))) if rows else [[] for _ in names]
    columns = dict(zip(names, values, strict=True))
    found = database.execute(
        "SELECT column_name, srs_id FROM gpkg_geometry_columns WHERE table_name = ?", (name,)
    ).fetchone()
    if found is None:
        return _Raw(columns, None, None)
    active, srs = found
    columns[active] = list(shapely.from_wkb([_wkb(blob) for blob in columns[active]]))
    return _Raw(columns, active, _crs(database, srs))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _wkb(blob: bytes | None) -> bytes | None:
    """Return the shape in a GeoPackage's value, without its header and envelope."""
    if blob is None:
        return None
    return blob[HEADER + ENVELOPES.get((blob[3] >> 1) & 7, 0) :]


def _crs(database: sqlite3.Connection, srs: int) -> pyproj.CRS | None:
    row = database.execute(
        "SELECT organization, organization_coordsys_id, definition FROM gpkg_spatial_ref_sys"
        " WHERE srs_id = ?",
        (srs,),
    ).fetchone()
    if row is None or row[2] == "undefined":
        return None
    try:
        return pyproj.CRS.from_authority(row[0], row[1])
    except pyproj.exceptions.CRSError:
        return pyproj.CRS.from_user_input(row[2])


def _digest(raw: _Raw) -> str:
    """Return a digest of names, values and shapes, in order."""
    total = hashlib.sha256()
    for name, values in raw.columns.items():
        total.update(json.dumps(name).encode())
        if name == raw.geometry:
            for wkb in shapely.to_wkb(values, byte_order=1):
                total.update(wkb or b"\0")
        else:
            total.update(json.dumps(values, ensure_ascii=True, default=str).encode())
    return total.hexdigest()


def _restored(raw: _Raw, described: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a layer as the table that was written; columns added since come last."""
    ready: dict[str, Any] = {}
    for column in described:
        if column["name"] in raw.columns:
            ready[column["name"]] = _read(raw.columns[column["name"]], column, raw)
    for name in raw.columns:
        if name not in ready:
            fresh = {"kind": "geometry"} if name == raw.geometry else {"kind": "new"}
            ready[name] = _read(raw.columns[name], fresh, raw)
    frame = pd.DataFrame(ready)
    return frame if raw.geometry is None else _shaped(frame, raw.geometry)


def _shaped(frame: pd.DataFrame, geometry: str) -> pd.DataFrame:
    shaped: pd.DataFrame = gpd.GeoDataFrame(frame, geometry=geometry)
    return shaped


def _read(values: list[Any], column: dict[str, Any], raw: _Raw) -> Any:
    kind = column["kind"]
    if kind == "geometry":
        crs = raw.crs
        if "crs" in column:
            written = pyproj.CRS.from_json_dict(column["crs"])
            same = crs is not None and crs.equals(written, ignore_axis_order=True)
            crs = written if same else crs
        return gpd.GeoSeries(values, crs=crs)
    if kind == "new":
        return pd.Series(values)
    if "categories" in column:
        labels = pd.Index(column["categories"], dtype="str")
        return pd.Categorical(values, categories=labels, ordered=column["ordered"])
    if kind == "day":
        days = [None if v is None else dt.date.fromisoformat(v) for v in values]
        return pd.Series(days, dtype="object")
    dtype = pd.api.types.pandas_dtype(column["dtype"])
    if kind in ("time", "exact time"):
        return _times(values, dtype)
    if kind == "flag":
        values = [None if v is None else bool(v) for v in values]
    if None in values and dtype.kind in "iub" and isinstance(dtype, np.dtype):
        # A row drawn by hand has no number yet; numpy's whole numbers know no empty value.
        dtype = pd.BooleanDtype() if kind == "flag" else pd.Int64Dtype()
    return pd.Series(values, dtype=dtype)


def _times(values: list[Any], dtype: Any) -> Any:
    if isinstance(dtype, pd.DatetimeTZDtype):
        read = pd.to_datetime(pd.Series(values, dtype="str"), utc=True, format="ISO8601")
        return read.dt.tz_convert(dtype.tz).dt.as_unit(dtype.unit)
    bare = [None if v is None else v.removesuffix("Z") for v in values]
    return pd.to_datetime(pd.Series(bare, dtype="str"), format="ISO8601").astype(dtype)


def _require_same(shown: str, layer: str, before: pd.DataFrame, after: pd.DataFrame) -> None:
    """Raise naming the columns that the file did not keep."""
    lost = [str(c) for c in before.columns if not _same(before[c], after[c])]
    if lost or list(before.columns) != list(after.columns):
        raise FileError(
            *message("plan.not_kept", path=shown, layer=layer, columns=", ".join(lost) or "–")
        )


def _same(before: pd.Series[Any], after: pd.Series[Any]) -> bool:
    if isinstance(before, gpd.GeoSeries):
        return bool((_wkb_of(before) == _wkb_of(after)).all())
    there = before.notna()
    kept = before[there].tolist() == after[there].tolist() and not after[~there].notna().any()
    return kept and (before.dtype == after.dtype)


def _wkb_of(shapes: gpd.GeoSeries) -> Any:
    wkb = np.asarray(shapely.to_wkb(shapes.to_numpy()), dtype=object)
    wkb[[value is None for value in wkb]] = b""
    return wkb


def read_tables(path: str | Path) -> Stored:
    """Read what `write_tables` wrote.

    Raises
    ------
    FileError
        No such file, no GeoPackage, damaged, written by something else or by a newer gridkit.
    """
    file = require_file(path)
    with open_read_only(file, str(path)) as database:
        broken = database.execute("PRAGMA quick_check").fetchall()
        if broken != [("ok",)]:
            raise sqlite3.DatabaseError(broken[0][0])
        layers = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
        items = dict(database.execute("SELECT item, value FROM meta")) if META in layers else {}
        if items.get("format") != FORMAT:
            raise FileError(*message("plan.foreign", path=path))
        version = items.get("format_version", "")
        if version != str(VERSION):
            raise FileError(*message("plan.other_version", path=path, found=version, own=VERSION))
        names = [item.removesuffix(".digest") for item in items if item.endswith(".digest")]
        tables, changed = {}, []
        for name in names:
            if name not in layers:
                changed.append(name)
                continue
            raw = _raw_layer(database, name)
            if _digest(raw) != items[f"{name}.digest"]:
                changed.append(name)
            try:
                tables[name] = _restored(raw, json.loads(items.get(f"{name}.columns", "")))
            except (ValueError, TypeError, KeyError) as error:
                why = f"{name}: {error}"
                raise FileError(*message("plan.damaged", path=path, why=why)) from error
    facts = {key: value for key, value in items.items() if "." not in key}
    return Stored(tables, facts, tuple(changed))


def read_layer_as_is(path: Path, layer: str, *, like: pd.DataFrame) -> pd.DataFrame:
    """Read one layer of a GeoPackage with the column types of another table.

    Raises
    ------
    FileError
        The file is damaged or none, it has no such layer, or a value does not fit its column.
    """
    with open_read_only(path, str(path)) as database:
        layers = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
        if layer not in layers or "gpkg_geometry_columns" not in layers:
            raise FileError(*message("plan.no_layer", path=path, layer=layer))
        raw = _raw_layer(database, layer)
    try:
        return _restored(raw, _described(like))
    except (ValueError, TypeError, KeyError) as error:
        raise FileError(*message("plan.damaged", path=path, why=f"{layer}: {error}")) from error
