"""Points by the hundred million: Parquet in, Parquet out, in little memory, to be gone on with."""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyproj

from ..crs import to_datum
from ..errors import CRSError, FileError, GridkitError, OptionError, SchemaError
from ..files import require_file
from ..messages import message, require_lang, say
from .locator import FAR_M, Locator, in_parts
from .owner import WAYS, spread
from .parts import Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    import geopandas as gpd
    from numpy.typing import NDArray

    from ..errors import Lang

    Floats = NDArray[np.float64]
    Positions = NDArray[np.int32]
    Move = Callable[[Floats, Floats], tuple[Floats, Floats]]

__all__ = ["StreamResult", "locate_stream"]

_VERSION = 1
_PART_ROWS = 1 << 20
_READ_AHEAD = 1 << 20  # bytes a column, whatever the size of a row group
_PAUSE_S = 1.0  # between two lines of progress
_COUNTED = {
    "inside": "cli.count_inside",
    "border": "cli.count_border",
    "near": "cli.count_near",
    "outside": "cli.count_outside",
    "unlocated": "cli.count_unlocated",
}


@dataclass(frozen=True)
class StreamResult:
    """What came of one pass.

    Attributes
    ----------
    path : Path
        The file written.
    rows : int
        Rows in, which are the rows out.
    counts : dict of str to int
        Rows by ``located_by``, all five ways.
    row_groups : int
        Row groups written.
    resumed_rows : int
        Rows that an interrupted pass had done already.
    seconds : float

    Examples
    --------
    >>> from pathlib import Path
    >>> from gridkit.location.stream import StreamResult
    >>> done = StreamResult(Path("out.parquet"), 2, {"inside": 2}, 1, 0, 0.5)
    >>> done.rows / done.seconds
    4.0
    """

    path: Path
    rows: int
    counts: dict[str, int]
    row_groups: int
    resumed_rows: int
    seconds: float

    def summary(self, lang: Lang = "zh") -> str:
        """Return what was done as a few lines of text."""
        lines = [(say("cli.count_rows_in", lang), self.rows)]
        lines += [(say(_COUNTED[way], lang), n) for way, n in self.counts.items()]
        lines.append((say("location.stream_kept", lang), self.resumed_rows))
        fresh = self.rows - self.resumed_rows
        lines.append((say("location.stream_speed", lang), int(fresh / self.seconds)))
        return "\n".join([str(self.path), *(f"{n:>15,}  {text}" for text, n in lines)])


def locate_stream(
    source: str | Path,
    target: str | Path,
    cells: gpd.GeoDataFrame | Locator,
    *,
    x: str | None = None,
    y: str | None = None,
    id_column: str = "report_id",
    crs: Any = None,
    datum: str | None = None,
    near_m: float = 50.0,
    resume: bool = True,
    progress: TextIO | Callable[[int, int], None] | None = None,
    lang: Lang = "zh",
) -> StreamResult:
    """Locate the points of a Parquet file in bounded memory; the answers are those of `locate`.

    Finished parts wait in the folder ``<target>.parts`` until all are done; only then does the
    target appear. A pass that was stopped, by whatever, goes on after its last finished part
    when it is called again, and ends with the same bytes. Another source, other cells or other
    options make it start over, with a warning.

    Parameters
    ----------
    source : path
        Parquet; of its columns only three are read. Row groups may be of any size.
    target : path
        Parquet; replaced when it is there.
    cells : GeoDataFrame or Locator
    x, y : str, optional
        Columns of numbers. By default ``x`` and ``y``; with `datum` ``longitude`` and
        ``latitude``. A row without both, or with one that is not finite, is ``unlocated``.
    id_column : str
        Becomes ``report_id``, of the same type.
    crs : anything pyproj understands, optional
        Of the coordinates, x being east or longitude. By default that of the cells.
    datum : {"wgs84", "cgcs2000", "gcj02", "bd09"}, optional
        The coordinates are degrees of this datum.
    near_m : float
        As in `locate`.
    resume : bool
        False starts over.
    progress : text stream or callable, optional
        Gets a line a second, or is called with the rows done and all rows after each part.
    lang : {"zh", "en"}
        Language of the lines.

    Returns
    -------
    StreamResult
        The target has ``report_id``, ``cell_code``, ``located_by`` and ``border_m`` for each row
        in the order of the source; the two in the middle are categories.

    Raises
    ------
    FileError
        No such file, no Parquet, pyarrow is not installed, the source is the target or changed
        during the pass, the target cannot be written, or another pass writes it.
    SchemaError
        A column is missing or not of numbers.
    CRSError
        Unknown `crs` or `datum`; values that are not degrees.
    OptionError
        `crs` and `datum` together, a distance that cannot be used, an unknown `lang`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import geopandas as gpd, pandas as pd
    >>> import gridkit as gk
    >>> from gridkit.location.stream import locate_stream
    >>> from shapely import box
    >>> cells = gpd.GeoDataFrame({"cell_code": ["A"]}, geometry=[box(0, 0, 90, 90)], crs=4549)
    >>> folder = Path(tempfile.mkdtemp())
    >>> points = pd.DataFrame({"report_id": [7, 8], "x": [10.0, None], "y": [45.0, 45.0]})
    >>> points.to_parquet(folder / "points.parquet")
    >>> done = locate_stream(folder / "points.parquet", folder / "located.parquet", cells)
    >>> done.rows, done.counts["inside"], done.counts["unlocated"]
    (2, 1, 1)
    >>> pd.read_parquet(done.path)["border_m"].tolist()
    [10.0, nan]
    """
    start = time.perf_counter()
    say_so = _speaker(progress, require_lang(lang))
    if not 0 <= near_m <= FAR_M:
        raise OptionError(*message("location.bad_distance", near_m=near_m, ambiguous_m=0))
    if crs is not None and datum is not None:
        raise OptionError(*message("location.stream_crs_and_datum", crs=crs, datum=datum))
    x, y = x or ("x" if datum is None else "longitude"), y or ("y" if datum is None else "latitude")
    columns = _Columns(id_column, x, y)
    path = _require_target(target, source)
    with _open(source) as parquet:
        columns.require(parquet.schema_arrow, source)
        locator = cells if isinstance(cells, Locator) else Locator(cells)
        move = _mover(locator, crs, datum)
        where = None if crs is None else pyproj.CRS.from_user_input(crs).to_wkt()
        options = [_PART_ROWS, *columns, where, datum, float(near_m)]
        key = _key(source, parquet, locator, options)
        with Parts(Path(f"{path}.parts"), key, ways=len(WAYS), resume=resume) as parts:
            kept = parts.rows
            _pass(_Source(source, parquet, columns, move), locator, near_m, parts, say_so)
            if _key(source, parquet, locator, options) != key:
                raise FileError(*message("location.stream_source_changed", path=source))
            rows = parquet.metadata.num_rows
            if parts.rows != rows:
                raise GridkitError(
                    *message("location.stream_rows_lost", path=source, n=rows, out=parts.rows)
                )
            parts.become(path)
    counts = dict(zip(WAYS, parts.counts.tolist(), strict=True))
    return StreamResult(path, rows, counts, len(parts.ends), kept, time.perf_counter() - start)


class _Columns(NamedTuple):
    """Names of the columns to read."""

    id: str
    x: str
    y: str

    def require(self, schema: Any, source: str | Path) -> None:
        """Raise unless the columns are there, x and y with numbers."""
        import pyarrow.types as kinds

        lacking = [name for name in dict.fromkeys(self) if name not in schema.names]
        if lacking:
            found = ", ".join(schema.names) or "–"
            names = ", ".join(lacking)
            raise SchemaError(
                *message("location.stream_no_column", path=source, columns=names, found=found)
            )
        numeric = (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_null)
        for name in (self.x, self.y):
            kind = schema.field(name).type
            if not any(test(kind) for test in numeric):
                raise SchemaError(
                    *message("location.stream_not_numbers", path=source, column=name, found=kind)
                )


class _Source(NamedTuple):
    path: str | Path
    parquet: Any
    columns: _Columns
    move: Move | None

    def tables(self, done: int) -> Iterator[Any]:
        """Yield tables of one size from row `done` on, the last shorter; of no rows, an empty one.

        The size does not follow the row groups: a file may have one of a hundred million rows.
        """
        import pyarrow as pa

        meta, names = self.parquet.metadata, list(dict.fromkeys(self.columns))
        schema = pa.schema([self.parquet.schema_arrow.field(name) for name in names])
        ends = np.cumsum([meta.row_group(i).num_rows for i in range(meta.num_row_groups)])
        first = int(np.searchsorted(ends, done, side="right"))
        skip = done - (int(ends[first - 1]) if first else 0)
        held: list[Any] = []
        room = _PART_ROWS
        groups = list(range(first, len(ends)))
        for batch in self._batches(groups, names):
            rest = batch.slice(min(skip, len(batch)))
            skip -= len(batch) - len(rest)
            while len(rest) >= room:
                yield pa.Table.from_batches([*held, rest.slice(0, room)], schema).combine_chunks()
                rest, held, room = rest.slice(room), [], _PART_ROWS
            if len(rest):
                held.append(rest)
                room -= len(rest)
        if held or meta.num_rows == 0:
            yield pa.Table.from_batches(held, schema).combine_chunks()

    def _batches(self, groups: list[int], names: list[str]) -> Iterator[Any]:
        import pyarrow as pa

        if not groups:
            return
        try:
            yield from self.parquet.iter_batches(
                _PART_ROWS, row_groups=groups, columns=names, use_threads=False
            )
        except (pa.ArrowException, OSError) as error:
            raise FileError(*message("files.cannot_read", path=self.path, why=error)) from error

    def points(self, table: Any, start: int) -> tuple[Floats, Floats]:
        """Return x and y in the CRS of the cells; what is not known or not finite is not finite."""
        x, y = (_floats(table.column(name)) for name in self.columns[1:])
        if self.move is None:
            return x, y
        try:
            return self.move(x, y)
        except _NotDegrees as far:
            row = far.row
            what = {"path": self.path, "row": start + row + 1, "x": x[row], "y": y[row]}
            raise CRSError(*message("location.stream_not_degrees", **what)) from None


class _NotDegrees(Exception):  # noqa: N818 - caught where the number of the row is known
    def __init__(self, row: int) -> None:
        self.row = row


def _floats(column: Any) -> Floats:
    import pyarrow as pa

    if not pa.types.is_float64(column.type):
        column = column.cast(pa.float64(), safe=False)
    return np.ascontiguousarray(column.to_numpy(), dtype=np.float64)


def _mover(locator: Locator, crs: Any, datum: str | None) -> Move | None:
    """Return what brings coordinates to the CRS of the cells, None where they are in it."""
    if crs is None and datum is None:
        return None
    try:
        start = pyproj.CRS.from_user_input(4326 if crs is None else crs)
    except pyproj.exceptions.CRSError as error:
        raise CRSError(*message("intake.unknown_crs", crs=crs)) from error
    if start.equals(locator.crs, ignore_axis_order=True):
        return None
    if datum is not None:
        to_datum(0.0, 0.0, source=datum)
    transformer = pyproj.Transformer.from_crs(start, locator.crs, always_xy=True)

    def move(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        if start.is_geographic:
            with np.errstate(invalid="ignore"):
                far = ((np.abs(x) > 180) | (np.abs(y) > 90)) & np.isfinite(x) & np.isfinite(y)
            if far.any():
                raise _NotDegrees(int(far.argmax()))
        moved_x, moved_y = np.empty(len(x)), np.empty(len(x))

        def work(part: slice) -> None:
            px, py = x[part], y[part]
            if datum is not None:
                px, py = to_datum(px, py, source=datum, target="wgs84")
            moved_x[part], moved_y[part] = transformer.transform(px, py)

        in_parts(work, len(x), None)
        return moved_x, moved_y

    return move


class _Answers(NamedTuple):
    """Answers for one part: rank of the cell (-1: none), place in `WAYS`, border or NaN."""

    rank: Positions
    way: NDArray[np.int8]
    border_m: Floats


def _find(locator: Locator, x: Floats, y: Floats, near_m: float) -> _Answers:
    there = np.isfinite(x) & np.isfinite(y)
    if not there.all():
        x, y = x[there], y[there]
    found = locator.find_xy(x, y, near_m=near_m, ambiguous_m=0.0)
    return _Answers(
        spread(found.owner, there, -1),
        spread(found.way, there, len(WAYS) - 1),
        spread(found.border_m, there, np.nan),
    )


def _pass(
    source: _Source, locator: Locator, near_m: float, parts: Parts, say_so: Callable[..., None]
) -> None:
    """Read, locate and write: three threads, so that no stage waits for another."""
    import pyarrow as pa

    total = source.parquet.metadata.num_rows
    codes = pa.array(locator.by_rank("cell_code"), pa.string())
    tables = iter(()) if parts.ends and parts.rows == total else source.tables(parts.rows)
    row, written = parts.rows, None
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        ahead = reader.submit(next, tables, None)
        while (table := ahead.result()) is not None:
            ahead = reader.submit(next, tables, None)
            found = _find(locator, *source.points(table, row), near_m)
            row += len(table)
            answers = _answers(table.column(source.columns.id), found, codes)
            if written is not None:
                say_so(written.result(), total)
            written = writer.submit(parts.add, answers, found.way)
    if written is not None:
        say_so(written.result(), total)


def _answers(ids: Any, found: _Answers, codes: Any) -> Any:
    import pyarrow as pa

    rank = pa.array(found.rank, mask=found.rank < 0)
    return pa.table(
        {
            "report_id": ids,
            "cell_code": pa.DictionaryArray.from_arrays(rank, codes),
            "located_by": pa.DictionaryArray.from_arrays(found.way, pa.array(WAYS)),
            "border_m": pa.array(found.border_m, from_pandas=True),
        }
    )


@contextlib.contextmanager
def _open(source: str | Path) -> Iterator[Any]:
    """Open the Parquet file, its row groups to be read piece by piece."""
    file = require_file(source)
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise FileError(*message("intake.needs_pyarrow", path=source)) from error
    try:
        parquet = pq.ParquetFile(file, pre_buffer=False, buffer_size=_READ_AHEAD)
    except pa.ArrowException as error:
        raise FileError(*message("location.stream_not_parquet", path=source, why=error)) from error
    except OSError as error:
        why = error.strerror or error
        raise FileError(*message("files.cannot_read", path=source, why=why)) from error
    with parquet:
        yield parquet


def _require_target(target: str | Path, source: str | Path) -> Path:
    path = Path(target)
    if path.is_dir():
        raise FileError(*message("files.is_folder", path=target))
    if path.exists() and path.samefile(require_file(source)):
        raise FileError(*message("location.stream_same_file", path=target))
    return path


def _key(source: str | Path, parquet: Any, locator: Locator, options: list[Any]) -> dict[str, Any]:
    """Return what must be the same for an interrupted pass to go on."""
    state = Path(source).stat()
    schema = hashlib.blake2b(parquet.schema_arrow.serialize(), digest_size=16).hexdigest()
    return {
        "version": _VERSION,
        "source": [state.st_size, state.st_mtime_ns, parquet.metadata.num_rows, schema],
        "cells": locator.digest,
        "options": options,
    }


def _speaker(
    progress: TextIO | Callable[[int, int], None] | None, lang: Lang
) -> Callable[[int, int], None]:
    """Return what tells of the rows done."""
    if progress is None:
        return lambda _done, _total: None
    if callable(progress):
        return progress
    last = -math.inf

    def speak(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PAUSE_S or done == total:
            last = now
            share = 100 * done // max(total, 1)
            text = say("location.stream_progress", lang, done=done, total=total, share=share)
            progress.write(f"  {text}\n")
            progress.flush()

    return speak
