"""Cases between tables, the store and JSON: times as UTC text in milliseconds, flags as 0 and 1."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..tables import is_true
from .store import COLUMNS, KINDS, NEEDED, point_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyproj

    from .store import Store

__all__ = [
    "as_json",
    "digest_of",
    "encoded",
    "encoded_columns",
    "fold",
    "frame_of",
    "states_of",
    "text_of_time",
]


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def text_of_time(value: Any) -> str | None:
    """Return a time as the ledger writes it; None where there is none."""
    moment = pd.Timestamp(value)
    if pd.isna(moment):
        return None
    return f"{moment.tz_convert('UTC').strftime('%Y-%m-%dT%H:%M:%S.%f')[:-3]}Z"


def encoded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns of a case as the store and JSON keep them."""
    return {name: _encoded(value, KINDS.get(name, "text")) for name, value in values.items()}


def _encoded(value: Any, kind: str) -> Any:
    if kind == "geometry":
        point = shapely.Point(value)
        return [point.x, point.y]
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if kind == "time":
        return text_of_time(value)
    if kind in ("integer", "flag"):
        return int(value)
    return str(value)


def encoded_columns(frame: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the columns of the store that a table of cases fills, one list each."""
    columns: dict[str, list[Any]] = {}
    for name in COLUMNS:
        if name not in frame.columns:
            continue
        values, kind = frame[name], KINDS[name]
        if kind == "time":
            listed: list[Any] = _times(values)
        elif kind == "flag":
            listed = is_true(values).astype(int).tolist()
        elif kind == "integer":
            there = pd.to_numeric(values, errors="coerce")
            listed = [None if pd.isna(v) else int(v) for v in there.tolist()]
        else:
            text = values.astype("str").astype(object)
            listed = text.where(text.notna(), None).tolist()
        if name in NEEDED or any(v is not None for v in listed):
            columns[name] = listed
    return columns


def _times(values: pd.Series) -> list[str | None]:
    if values.isna().all():
        return [None] * len(values)
    plain = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    there = ~np.isnat(plain)
    texts = np.full(len(plain), None, object)
    written = np.datetime_as_string(plain[there].astype("datetime64[ms]"), unit="ms")
    texts[there] = [f"{t}Z" for t in written.tolist()]
    listed: list[str | None] = texts.tolist()
    return listed


def as_json(values: Any) -> str:
    """Return values as JSON in one form."""
    return _JSON(values)


def digest_of(rows: Sequence[Sequence[Any]]) -> str:
    """Return the digest of rows, for the move that counts them."""
    return hashlib.sha256(as_json([list(row) for row in rows]).encode()).hexdigest()


def fold(store: Store, where: str = "", values: Sequence[Any] = ()) -> list[dict[str, Any]]:
    """Return the cases that moves add up to, columns as stored and ``geometry`` as a pair."""
    _, rows = store.rows(
        f"SELECT case_id, action, changes FROM moves {where} ORDER BY seq",  # noqa: S608
        values,
    )
    states: dict[str, dict[str, Any]] = {}
    for case_id, action, changes in rows:
        if action != "quarantine":
            states.setdefault(case_id, {}).update(json.loads(changes))
    return list(states.values())


def states_of(columns: Mapping[str, list[Any]], x: Any, y: Any) -> list[str]:
    """Return each row as `as_json` of what it says, with its point; made column by column."""
    pieces = []
    for name, values in columns.items():
        told = {v: f'"{name}":{_JSON(v)}' for v in set(values) if v is not None}
        pieces.append([told.get(v) for v in values])
    points = [
        f'"geometry":[{a!r},{b!r}]' if a == a else None
        for a, b in zip(x.tolist(), y.tolist(), strict=True)
    ]
    rows = zip(*pieces, points, strict=True)
    return ["{" + ",".join([piece for piece in row if piece is not None]) + "}" for row in rows]


def frame_of(
    states: Sequence[Mapping[str, Any]] | pd.DataFrame, *, crs: pyproj.CRS, tz: str
) -> gpd.GeoDataFrame:
    """Return cases as a table from stored rows: types, zone and points as the schema says.

    Parameters
    ----------
    states : sequence of mapping, or DataFrame
        Columns as stored; ``geom`` is a stored point, ``geometry`` a pair.
    crs : CRS
    tz : str
        Zone of the times.
    """
    raw = states if isinstance(states, pd.DataFrame) else pd.DataFrame(list(states))
    table = {}
    for name in COLUMNS:
        values = raw[name] if name in raw.columns else pd.Series([None] * len(raw), dtype=object)
        table[name] = _typed(values, KINDS[name], tz)
    points = np.full(len(raw), shapely.Point(), object)
    pairs: list[Any] = [None] * len(raw)
    if "geom" in raw.columns:
        pairs = [point_of(b) for b in raw["geom"]]
    elif "geometry" in raw.columns:
        pairs = [p if isinstance(p, list | tuple) else None for p in raw["geometry"]]
    there = np.array([p is not None for p in pairs], bool)
    if there.any():
        points[there] = shapely.points(np.array([p for p in pairs if p is not None], float))
    return gpd.GeoDataFrame(table, geometry=points, crs=crs)


def _typed(values: pd.Series, kind: str, tz: str) -> pd.Series:
    if kind == "time":
        times = pd.to_datetime(values, format="ISO8601", utc=True, errors="coerce")
        return times.dt.as_unit("us").dt.tz_convert(tz)
    if kind == "flag":
        return values.fillna(0).astype(bool) if len(values) else values.astype(bool)
    if kind == "integer":
        return pd.to_numeric(values).astype("Int64")
    return values.astype("str")
