"""XLSX and CSV that offices open safely: Chinese headers, no formula from a reporter's text."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import itertools
import math
import re
import unicodedata
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from .errors import FileError, OptionError, raise_all
from .files import atomic_path
from .messages import message, require_lang, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import pandas as pd

    from .errors import Lang
    from .tables import Table

__all__ = ["write_csv", "write_xlsx"]

# What Excel takes: rows with the header, columns, UTF-16 units in a cell and in a sheet's name.
_ROWS, _COLUMNS, _CELL, _NAME = 1_048_576, 16_384, 32_767, 31
_WHOLE = 10**15  # whole numbers from here on lose digits in Excel

_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Marks that start a formula, full-width and small forms too, behind blanks that a program may trim.
_BLANK = "[\\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]*"
_FORMULA = re.compile(f"[\t\r]|{_BLANK}[-=+@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b]")
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f\x7f]")

_CREATED = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - fixed, so that equal tables give equal bytes
_SAMPLE = 200
_NARROW, _WIDE = 6, 50


class _Column(NamedTuple):
    header: str
    values: list[Any]
    missing: list[bool]
    dates: bool  # every time is midnight without a zone: days, not moments

    def filled(self) -> Iterator[tuple[int, Any]]:
        for row, (value, missing) in enumerate(zip(self.values, self.missing, strict=True)):
            if not missing:
                yield row, value


def write_xlsx(
    path: str | Path,
    sheets: Mapping[str, pd.DataFrame],
    *,
    lang: Lang = "zh",
    tables: Mapping[str, Table] | None = None,
) -> None:
    """Write tables as the sheets of one workbook; equal tables give equal bytes.

    Text stays text whatever it begins with: no formula, no link. Characters that a workbook
    cannot hold become U+FFFD; text beyond 32,767 characters is cut with a visible mark. Times
    with a zone are written as that zone's wall time. Whole numbers of 16 digits and more become
    text. The geometry and the index are left out.

    Parameters
    ----------
    path : path
    sheets : mapping of sheet name to DataFrame
        Names are cut to 31 characters, cleaned and made unique.
    lang : {"zh", "en"}
        Of the headers taken from `tables`.
    tables : mapping of sheet name to Table, optional
        Schemas whose labels become the headers; other columns keep their names.

    Raises
    ------
    FileError
        The file cannot be written, or a table is larger than a sheet.
    OptionError
        No sheet, or a schema for a sheet that is not there.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from gridkit.sheets import write_xlsx
    >>> from gridkit.tables import POSTS
    >>> posts = pd.DataFrame({"area_code": ["370602001001001"], "role": ["=cmd()"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_xlsx(f"{folder}/posts.xlsx", {"岗位": posts}, tables={"岗位": POSTS})
    ...     pd.read_excel(f"{folder}/posts.xlsx", engine="calamine", dtype=str).iloc[0].to_dict()
    {'区域编码': '370602001001001', '角色': '=cmd()'}
    """
    lang = require_lang(lang)
    tables = tables or {}
    if not sheets:
        raise OptionError(*message("sheets.no_sheet", path=path))
    for name in tables:
        if name not in sheets:
            known = ", ".join(map(str, sheets))
            raise OptionError(*message("options.unknown", name="tables", value=name, choices=known))
    raise_all(
        FileError,
        [
            message("sheets.too_large", path=path, sheet=name, rows=f.shape[0], columns=f.shape[1])
            for name, f in sheets.items()
            if f.shape[0] >= _ROWS or f.shape[1] > _COLUMNS
        ],
    )
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with atomic_path(path) as temporary:
        try:
            with xlsxwriter.Workbook(temporary, options) as book:
                book.set_properties({"created": _CREATED})
                for title, (name, frame) in zip(_titles(sheets), sheets.items(), strict=True):
                    columns = _columns(frame, tables.get(name), lang)
                    _fill(book, book.add_worksheet(title), columns, lang)
        except FileCreateError as error:
            raise FileError(*message("files.cannot_write", path=path, why=error)) from error


def write_csv(
    path: str | Path, frame: pd.DataFrame, *, lang: Lang = "zh", table: Table | None = None
) -> None:
    """Write one table as UTF-8 CSV with a byte-order mark, so that Excel reads Chinese.

    Text that a spreadsheet would take for a formula (``= + - @``, also full-width or behind
    blanks, or a leading tab or return) gets an apostrophe in front; numbers do not. Times are
    ISO 8601, with their offset where they have a zone. The geometry and the index are left out.
    Excel shows long digit codes rounded when it opens a CSV; hand people the workbook instead.

    Parameters
    ----------
    path : path
    frame : DataFrame
    lang : {"zh", "en"}
        Of the headers taken from `table`.
    table : Table, optional

    Raises
    ------
    FileError
        The file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pandas as pd
    >>> from gridkit.sheets import write_csv
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "reports.csv")
    ...     write_csv(path, pd.DataFrame({"text": ["＝1+1", "占道经营"], "n": [-1, 2]}))
    ...     path.read_text("utf-8-sig").split()
    ['text,n', "'＝1+1,-1", '占道经营,2']
    """
    columns = _columns(frame, table, require_lang(lang))
    cells = [[""] * len(frame) for _ in columns]
    for texts, column in zip(cells, columns, strict=True):
        for row, value in column.filled():
            texts[row] = _safe(value, column.dates)
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8-sig", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow([_safe(column.header) for column in columns])
        writer.writerows(zip(*cells, strict=True))


def _columns(frame: pd.DataFrame, table: Table | None, lang: Lang) -> list[_Column]:
    labels = table.labels(lang) if table else {}
    columns = []
    for i, name in enumerate(frame.columns):
        values = frame.iloc[:, i]
        if _is_geometry(values):
            continue
        header = labels.get(name, str(name))
        plain = [v.item() if isinstance(v, np.number | np.bool_) else v for v in values.tolist()]
        columns.append(_Column(header, plain, values.isna().tolist(), _are_dates(values)))
    return columns


def _is_geometry(values: pd.Series) -> bool:
    shapes = (isinstance(value, shapely.Geometry) for value in values.dropna().head(_SAMPLE))
    return str(values.dtype) == "geometry" or any(shapes)


def _are_dates(values: pd.Series) -> bool:
    if values.dtype.kind != "M" or hasattr(values.dtype, "tz"):
        return False
    filled = values.dropna()
    return bool((filled == filled.dt.normalize()).all())


def _fill(book: Any, sheet: Any, columns: list[_Column], lang: Lang) -> None:
    head = book.add_format({"bold": True, "bottom": 1})
    styles = {
        True: book.add_format({"num_format": "yyyy-mm-dd"}),
        False: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
    }
    for i, column in enumerate(columns):
        header = _fit(column.header, lang)
        sheet.write_string(0, i, header, head)
        sheet.set_column(i, i, _column_width(header, column))
        for row, value in column.filled():
            _put(sheet, row + 1, i, value, column.dates, styles, lang)
    if columns:
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, len(columns[0].values), len(columns) - 1)
        # Codes are digits kept as text on purpose; Excel need not mark each of them.
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{_ROWS}"})


def _put(
    sheet: Any, row: int, i: int, value: Any, dates: bool, styles: dict[bool, Any], lang: Lang
) -> None:
    if isinstance(value, bool):
        sheet.write_boolean(row, i, value)
    elif isinstance(value, int | float | decimal.Decimal) and _is_exact(value):
        sheet.write_number(row, i, value)
    elif isinstance(value, dt.datetime) and value.year >= 1900:
        sheet.write_datetime(row, i, value.replace(tzinfo=None), styles[dates])
    elif isinstance(value, dt.date) and value.year >= 1900:
        sheet.write_datetime(row, i, value, styles[True])
    else:
        sheet.write_string(row, i, _fit(_plain(value, dates), lang))


def _is_exact(value: float | decimal.Decimal) -> bool:
    return math.isfinite(value) and not (isinstance(value, int) and abs(value) >= _WHOLE)


def _plain(value: Any, dates: bool = False) -> str:
    """Return a value as text that any file can hold."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if dates else value.isoformat()
    return _ILLEGAL.sub("\ufffd", str(value))


def _safe(value: Any, dates: bool = False) -> str:
    """Return a value as text for a CSV cell: never the start of a formula."""
    text = _plain(value, dates)
    is_number = isinstance(value, int | float | decimal.Decimal)
    return f"'{text}" if not is_number and _FORMULA.match(str(value)) else text


def _units(text: str) -> bytes:
    """Return text as Excel counts it: two bytes a unit."""
    return text.encode("utf-16-le", "surrogatepass")


def _cut(text: str, most: int) -> str:
    """Return the longest beginning of at most so many UTF-16 units, no character halved."""
    return _units(text)[: 2 * most].decode("utf-16-le", "ignore")


def _fit(text: str, lang: Lang) -> str:
    plain = _ILLEGAL.sub("\ufffd", text)
    if len(plain) <= _CELL // 2 or len(_units(plain)) <= 2 * _CELL:
        return plain
    mark = say("sheets.truncated", lang)
    return _cut(plain, _CELL - len(mark)) + mark


def _column_width(header: str, column: _Column) -> int:
    sample = itertools.islice(column.filled(), _SAMPLE)
    shown = [_plain(value, column.dates) for _, value in sample]
    widest = max(_width(line) for text in [header, *shown] for line in text[:1000].split("\n"))
    return min(max(widest + 2, _NARROW), _WIDE)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _titles(names: Iterable[Any]) -> list[str]:
    """Return sheet names that Excel takes: cleaned, short enough, different without case."""
    titles: list[str] = []
    taken = {"history", ""}  # Excel keeps the first for itself
    for name in names:
        clean = _FORBIDDEN.sub("_", _ILLEGAL.sub("_", str(name))).strip(" '")
        clean = _cut(clean, _NAME).strip(" '") or "Sheet"
        title, n = clean, 1
        while title.casefold() in taken:
            n += 1
            tail = f" ({n})"
            title = _cut(clean, _NAME - len(tail)) + tail
        taken.add(title.casefold())
        titles.append(title)
    return titles
