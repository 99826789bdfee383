"""Table files as they stand: one reader a format, text kept verbatim."""

from __future__ import annotations

import codecs
import csv
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..errors import FileError, SchemaError
from ..messages import message
from .vector import read_layer, require_suffix, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["open_table", "read_table"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def open_table(
    source: str | Path | pd.DataFrame, *, layer: str | None = None
) -> tuple[pd.DataFrame, str]:
    """Return a table with rows counted from 0 and headers that differ, and its name.

    Parameters
    ----------
    source : path, DataFrame or GeoDataFrame
        A frame is copied, not changed.
    layer : str, optional
        The layer or sheet of a file; needed where it has several.

    Raises
    ------
    FileError
        As in `read_table`.
    SchemaError
        `source` is neither a path nor a frame.
    """
    if isinstance(source, str | Path):
        frame, name = read_table(source, layer=layer), Path(source).name
    elif isinstance(source, pd.DataFrame):
        frame, name = source.copy(), type(source).__name__
    else:
        raise SchemaError(*message("intake.not_a_table", kind=type(source).__name__))
    frame = frame.reset_index(drop=True)
    frame.columns = _unique([str(c) for c in frame.columns])
    return frame, name


def read_table(path: str | Path, *, layer: str | None = None) -> pd.DataFrame:
    """Return a table as it stands in the file: same rows, same order, own headers.

    CSV and TSV give text in every column; the encoding is what the byte-order mark says, else
    strict UTF-8, else strict GB18030. The other formats give the types that they store. In a
    sheet the header is the first row with at least two filled cells, so that a title above the
    table does no harm, and empty rows below the table do not count.

    Parameters
    ----------
    path : path
        CSV, TSV, XLSX, XLS, Parquet, GeoParquet, GeoPackage, GeoJSON, Shapefile or FlatGeobuf.
    layer : str, optional
        The layer or sheet; needed where the file has several.

    Returns
    -------
    DataFrame or GeoDataFrame

    Raises
    ------
    FileError
        The file is missing, unreadable, of unknown format or encoding, or has several layers
        or sheets.
    """
    file = require_suffix(path, tuple(_READERS))
    return _READERS[file.suffix.lower()](file, layer)


def _unique(names: list[str]) -> list[str]:
    """Return headers with a number behind the repeated ones: 备注, 备注.1."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        n = seen.get(name, 0)
        seen[name] = n + 1
        result.append(f"{name}.{n}" if n else name)
    return result


def decode(raw: bytes, path: str | Path) -> str:
    """Return text: by byte-order mark, else strict UTF-8, else strict GB18030."""
    marked = [encoding for mark, encoding in _BOMS if raw.startswith(mark)]
    for encoding in marked or ["utf-8", "gb18030"]:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    tried = ", ".join(marked or ["UTF-8", "GB18030"])
    raise FileError(*message("intake.unknown_encoding", path=path, tried=tried))


def _read_text(path: Path, _layer: str | None) -> pd.DataFrame:
    text = decode(path.read_bytes(), path)
    head = text.split("\n", 1)[0]
    separator = max("\t,;", key=head.count)
    try:
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            return pd.read_csv(
                io.StringIO(text),
                sep=separator,
                dtype=str,
                keep_default_na=False,
                index_col=False,
            )
    except pd.errors.EmptyDataError as error:
        raise FileError(*message("intake.empty_sheet", path=path)) from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise _ragged(text, separator, path) or unreadable(path, error) from error


def _ragged(text: str, separator: str, path: Path) -> FileError | None:
    """Return the error that names the first row with more fields than the header."""
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    n = len(next(rows))
    long = next((i for i, row in enumerate(rows, 1) if len(row) > n), None)
    if long is None:
        return None
    return FileError(*message("intake.ragged", path=path, row=long, n=n))


def _read_sheet(path: Path, layer: str | None) -> pd.DataFrame:
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        names = [layer] if layer else book.sheet_names
        sheets = {name: book.get_sheet_by_name(name).to_python() for name in names}
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
    return _table_of(next(iter(filled.values())))


def _table_of(rows: list[list[object]]) -> pd.DataFrame:
    filled = [sum(value != "" for value in row) for row in rows]
    header = next((i for i, n in enumerate(filled) if n > 1), 0)
    last = max(i for i, n in enumerate(filled) if n or i == header)
    names = _unique([str(value) for value in rows[header]])
    frame = pd.DataFrame(rows[header + 1 : last + 1], columns=names, dtype=object)
    frame = frame.mask(frame == "", np.nan)
    return frame.drop(columns=[c for c in names if c.split(".")[0] == "" and frame[c].isna().all()])


def _read_parquet(path: Path, _layer: str | None) -> pd.DataFrame:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise FileError(*message("intake.needs_pyarrow", path=path)) from error
    try:
        with_shapes = b"geo" in (pyarrow.parquet.read_schema(path).metadata or {})
        return gpd.read_parquet(path) if with_shapes else pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _read_map(path: Path, layer: str | None) -> pd.DataFrame:
    return read_layer(path, layer=layer)


_READERS: dict[str, Callable[[Path, str | None], pd.DataFrame]] = {
    ".csv": _read_text,
    ".tsv": _read_text,
    ".txt": _read_text,
    ".xlsx": _read_sheet,
    ".xls": _read_sheet,
    ".parquet": _read_parquet,
    ".gpkg": _read_map,
    ".geojson": _read_map,
    ".json": _read_map,
    ".shp": _read_map,
    ".fgb": _read_map,
}
