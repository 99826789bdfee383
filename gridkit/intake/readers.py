"""Table files as they stand: one reader a format, text kept verbatim."""

from __future__ import annotations

import codecs
import csv
import io
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj

from ..errors import FileError, OptionError, SchemaError
from ..messages import message
from .safety import require_safe, shapefile_of
from .vector import read_layer, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["MORE_FIELDS", "Opened", "open_table", "read_table"]

MORE_FIELDS = "…"
"""Column for what stands in a line of text behind the last column."""

# What readers raise where the description of the columns itself is broken.
_BROKEN = (KeyError, TypeError, IndexError, AttributeError, pyproj.exceptions.ProjError)

_TEXTS = (".csv", ".tsv", ".txt")
_SHEETS = (".xlsx", ".xls")
_LISTS = ("service_requests", "requests")
"""Names under which servers put the list of records."""
_CHOICES = "utf-8, gb18030, big5, utf-16"

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Opened(NamedTuple):
    """A table, its name, which rows have more or fewer fields than the header, and their lines.

    Lines count from 1 as an editor or a spreadsheet does; -1 where a format has none.
    """

    frame: pd.DataFrame
    name: str
    shifted: NDArray[np.bool_]
    lines: NDArray[np.int64]


def open_table(
    source: str | Path | pd.DataFrame, *, layer: str | None = None, encoding: str | None = None
) -> Opened:
    """Return a table with rows counted from 0 and headers that differ, and its name.

    Parameters
    ----------
    source : path, DataFrame or GeoDataFrame
        A frame is copied, not changed.
    layer : str, optional
        The layer or sheet of a file; needed where it has several.
    encoding : str, optional
        Of a text file; by default as in `read_table`.

    Raises
    ------
    FileError
        As in `read_table`; lines with more or fewer fields than the header are kept, and marked.
    SchemaError
        `source` is neither a path nor a frame.
    """
    if isinstance(source, str | Path):
        read = _open(source, layer, encoding)
        name = Path(source).name
    elif isinstance(source, pd.DataFrame):
        read, name = _without_lines(source.copy()), type(source).__name__
    else:
        raise SchemaError(*message("intake.not_a_table", kind=type(source).__name__))
    frame = read.frame.reset_index(drop=True)
    frame.columns = _unique([str(c) for c in frame.columns])
    return Opened(frame, name, read.shifted, read.lines)


def read_table(
    path: str | Path, *, layer: str | None = None, encoding: str | None = None
) -> pd.DataFrame:
    """Return a table as it stands in the file: same rows, same order, own headers.

    CSV and TSV give text in every column; the encoding is what the byte-order mark says, else
    strict UTF-8, else strict GB18030. The other formats give the types that they store. In a
    sheet the header is the first row with at least two filled cells, so that a title above the
    table does no harm, and empty rows below the table do not count.

    Parameters
    ----------
    path : path
        CSV, TSV, XLSX, XLS, Parquet, GeoParquet, GeoPackage, GeoJSON, FlatGeobuf, Shapefile (also
        packed as ZIP, in any folder), or JSON with a list of records, as Open311 servers give it.
    layer : str, optional
        The layer or sheet; needed where the file has several.
    encoding : str, optional
        Of a text file that neither of these encodings reads.

    Returns
    -------
    DataFrame or GeoDataFrame

    Raises
    ------
    FileError
        The file is missing, unreadable, not local, too large, of unknown format or encoding,
        of another format than its ending says, or has several layers or sheets; a line has more
        or fewer fields than the header.
    """
    frame, shifted, _ = _open(path, layer, encoding)
    if shifted.any():
        row = int(np.flatnonzero(shifted)[0]) + 1
        n = len(frame.columns) - (MORE_FIELDS in frame.columns)
        raise FileError(*message("intake.ragged", path=path, row=row, n=n))
    return frame


class _Read(NamedTuple):
    frame: pd.DataFrame
    shifted: NDArray[np.bool_]
    lines: NDArray[np.int64]


def _without_lines(frame: pd.DataFrame) -> _Read:
    return _Read(frame, np.zeros(len(frame), bool), np.full(len(frame), -1, np.int64))


def _open(path: str | Path, layer: str | None, encoding: str | None) -> _Read:
    file = require_safe(path, (*_TEXTS, *_READERS, *_SHEETS))
    kind = file.suffix.lower()
    if kind in _TEXTS:
        return _read_text(file, encoding)
    if kind in _SHEETS:
        return _read_sheet(file, layer)
    return _without_lines(_READERS[kind](file, layer))


def _unique(names: list[str]) -> list[str]:
    """Return headers with a number behind the repeated ones: 备注, 备注.1."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        n = seen.get(name, 0)
        seen[name] = n + 1
        result.append(f"{name}.{n}" if n else name)
    return result


def decode(raw: bytes, path: str | Path, encoding: str | None = None) -> tuple[str, str]:
    """Return text and its encoding: the one given, by mark, else strict UTF-8, else GB18030."""
    marked = [name for mark, name in _BOMS if raw.startswith(mark)]
    if encoding is not None:
        try:
            codecs.lookup(encoding)
        except LookupError as error:
            what = {"name": "encoding", "value": encoding, "choices": _CHOICES}
            raise OptionError(*message("options.unknown", **what)) from error
        marked = [encoding]
    for name in marked or ["utf-8", "gb18030"]:
        try:
            text = raw.decode(name)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text, name
    tried = ", ".join(marked or ["UTF-8", "GB18030"])
    raise FileError(*message("intake.unknown_encoding", path=path, tried=tried))


def _read_text(path: Path, encoding: str | None = None) -> _Read:
    raw = path.read_bytes()
    text, name = decode(raw, path, encoding)
    separator = max("\t,;", key=text.split("\n", 1)[0].count)
    # The parser decodes for itself: text as a whole takes four times the memory of its bytes.
    del text
    try:
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            frame = pd.read_csv(
                io.BytesIO(raw),
                encoding=name,
                sep=separator,
                dtype=str,
                keep_default_na=False,
                index_col=False,
            )
    except pd.errors.EmptyDataError as error:
        raise FileError(*message("intake.empty_sheet", path=path)) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        return _read_ragged(raw.decode(name), separator, path, error)
    # A field that is not there is missing; an empty one is an empty text.
    short = frame.isna().any(axis=1).to_numpy()
    lines = np.arange(2, len(frame) + 2)
    if raw.rstrip().count(b"\n") != len(frame):
        lines = _lines_of(raw.decode(name), separator, len(frame))
    return _Read(frame.fillna(""), short & ~short.all(), lines)


def _numbered(text: str, separator: str) -> tuple[list[list[str]], list[int]]:
    """Return the rows of a text that are not empty, and the line on which each begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows, lines, begins = [], [], 1
    for row in reader:
        if row:
            rows.append(row)
            lines.append(begins)
        begins = reader.line_num + 1
    return rows, lines


def _lines_of(text: str, separator: str, n: int) -> NDArray[np.int64]:
    """Return the lines of a text with empty lines, or fields over several lines."""
    try:
        lines = _numbered(text, separator)[1][1:]
    except csv.Error:
        lines = []
    # The two parsers seldom disagree on what a row is; then no line is better than a wrong one.
    return np.array(lines if len(lines) == n else [-1] * n, np.int64)


def _read_ragged(text: str, separator: str, path: Path, error: Exception) -> _Read:
    """Read lines one by one; what stands behind the last column goes into one more."""
    try:
        rows, lines = _numbered(text, separator)
    except csv.Error:
        raise unreadable(path, error) from error
    n = len(rows[0])
    sizes = np.array([len(row) for row in rows[1:]], np.int64)
    if not (sizes > n).any():
        raise unreadable(path, error) from error
    table = [[*row[:n], *[""] * (n - len(row)), separator.join(row[n:])] for row in rows[1:]]
    frame = pd.DataFrame(table, columns=[*_unique(rows[0]), MORE_FIELDS], dtype="str")
    return _Read(frame, sizes != n, np.array(lines[1:], np.int64))


def _read_records(path: Path, layer: str | None) -> pd.DataFrame:
    """Read a list of records, or the shapes of GeoJSON."""
    with path.open("rb") as opened:
        head = opened.read(1_000).removeprefix(codecs.BOM_UTF8).lstrip()
    named = any(f'"{name}"'.encode() in head for name in _LISTS)
    # A property of a shape may be called so, too.
    if not head.startswith(b"[") and (not named or b'"Feature' in head):
        return read_layer(path, layer=layer)
    try:
        data = json.loads(decode(path.read_bytes(), path)[0])
    except (ValueError, RecursionError) as error:
        raise unreadable(path, error) from error
    if isinstance(data, dict):
        data = next((data[name] for name in _LISTS if name in data), None)
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise FileError(*message("intake.no_records", path=path))
    return pd.DataFrame([{k: _plain(v) for k, v in row.items()} for row in data])


def _plain(value: Any) -> Any:
    """Return a value of a record; what is nested as JSON text."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _read_packed(path: Path, _layer: str | None) -> pd.DataFrame:
    with shapefile_of(path) as file:
        try:
            return read_layer(file)
        except FileError as error:
            # The user knows the packed file, not where it was unpacked to.
            texts = (text.replace(str(file), str(path)) for text in (error.en, error.zh))
            raise FileError(*texts) from error


def _read_sheet(path: Path, layer: str | None) -> _Read:
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        names = [layer] if layer else book.sheet_names
        opened = {name: book.get_sheet_by_name(name) for name in names}
        sheets = {name: sheet.to_python() for name, sheet in opened.items()}
    except python_calamine.WorksheetNotFound as error:
        found = ", ".join(book.sheet_names)
        raise FileError(
            *message("intake.missing_layer", path=path, layer=layer, found=found)
        ) from error
    except (python_calamine.CalamineError, OSError) as error:
        raise unreadable(path, error) from error
    filled: dict[str, list[Any]] = {name: rows for name, rows in sheets.items() if rows}
    if len(filled) > 1:
        raise FileError(*message("intake.several_layers", path=path, found=", ".join(filled)))
    if not filled:
        raise FileError(*message("intake.empty_sheet", path=path))
    name, rows = next(iter(filled.items()))
    # The rows begin with the first one that is used.
    first, _ = opened[name].start or (0, 0)
    return _table_of(rows, first)


def _table_of(rows: list[list[object]], first: int) -> _Read:
    filled = [sum(value != "" for value in row) for row in rows]
    header = next((i for i, n in enumerate(filled) if n > 1), 0)
    last = max(i for i, n in enumerate(filled) if n or i == header)
    names = _unique([str(value) for value in rows[header]])
    frame = pd.DataFrame(rows[header + 1 : last + 1], columns=names, dtype=object)
    frame = frame.mask(frame == "", np.nan)
    bare = [c for c in names if c.split(".")[0] == "" and frame[c].isna().all()]
    lines = np.arange(len(frame)) + first + header + 2
    return _Read(frame.drop(columns=bare), np.zeros(len(frame), bool), lines)


def _read_parquet(path: Path, _layer: str | None) -> pd.DataFrame:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise FileError(*message("intake.needs_pyarrow", path=path)) from error
    try:
        with_shapes = b"geo" in (pyarrow.parquet.read_schema(path).metadata or {})
        frame: pd.DataFrame = gpd.read_parquet(path) if with_shapes else pd.read_parquet(path)
        # Texts come as they are, also where their bytes are none.
        words = pd.DataFrame(frame.select_dtypes("str"))
        pyarrow.Table.from_pandas(words).validate(full=True)
    except (OSError, ValueError, *_BROKEN, pyarrow.ArrowException) as error:
        raise unreadable(path, error) from error
    return frame


def _read_map(path: Path, layer: str | None) -> pd.DataFrame:
    return read_layer(path, layer=layer)


_READERS: dict[str, Callable[[Path, str | None], pd.DataFrame]] = {
    ".parquet": _read_parquet,
    ".gpkg": _read_map,
    ".geojson": _read_records,
    ".json": _read_records,
    ".zip": _read_packed,
    ".shp": _read_map,
    ".fgb": _read_map,
}
