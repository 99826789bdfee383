"""The finished parts of a long pass: they outlive a kill and become one Parquet file in the end."""

from __future__ import annotations

import json
import os
import warnings
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..errors import FileError, GridkitWarning
from ..messages import message
from .glue import footer_of, join_footers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Parts"]

_TAIL = 1 << 16  # bytes that hold the footer of a part, but for very wide statistics


class Parts:
    """The finished parts: one behind another in a file, with a journal of where each ends.

    A part counts once its line in the journal is whole; what lies behind the last such line or
    the last end is cut off. Each part is a whole Parquet file, so that in the end a common footer
    makes one file of them.
    """

    def __init__(self, folder: Path, key: dict[str, Any], *, ways: int, resume: bool) -> None:
        self.folder, self._ways = folder, ways
        self.ends: list[int] = []
        self.counts = np.zeros(ways, np.int64)
        self._rows, self._journal = folder / "rows", folder / "journal.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not (resume and self._continue(key)):
                self._rows.write_bytes(b"")
                self._journal.write_text(json.dumps(key) + "\n", "utf-8")
            os.truncate(self._rows, self._end)
            self._out: IO[bytes] = self._rows.open("ab")
        except OSError as error:
            raise self._unwritable(error) from error

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()

    @property
    def rows(self) -> int:
        """Rows of all finished parts."""
        return int(self.counts.sum())

    @property
    def _end(self) -> int:
        return self.ends[-1] if self.ends else 0

    def _unwritable(self, error: OSError) -> FileError:
        why = error.strerror or error
        return FileError(*message("files.cannot_write", path=self.folder, why=why))

    def _continue(self, key: dict[str, Any]) -> bool:
        """Take over the parts of an earlier pass; False where there are none that fit."""
        if not (self._journal.exists() and self._rows.exists()):
            return False
        whole = self._journal.read_bytes().rpartition(b"\n")[0]
        try:
            head, *parts = [json.loads(line) for line in whole.split(b"\n")]
        except ValueError:  # the first line was never finished
            return False
        changed = [name for name, value in key.items() if head.get(name) != value]
        if changed:
            what = ", ".join(changed)
            text = message("location.stream_starts_over", folder=self.folder, what=what)
            warnings.warn(GridkitWarning(*text), stacklevel=4)
            return False
        if parts and parts[-1]["end"] > self._rows.stat().st_size:
            return False
        os.truncate(self._journal, len(whole) + 1)
        self.ends = [part["end"] for part in parts]
        self.counts += (
            np.array([part["counts"] for part in parts]).reshape(-1, self._ways).sum(0, int)
        )
        return True

    def add(self, table: Any, way: NDArray[np.int8]) -> int:
        """Write one part, then its line; return the rows done."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        pq.write_table(
            table,
            sink,
            row_group_size=max(len(table), 1),
            compression="snappy",
            use_dictionary=["cell_code", "located_by"],
            # Least and greatest of a category cost as much as all the rest and select nothing.
            write_statistics=["report_id", "border_m"],
        )
        data = sink.getvalue()
        counts = np.bincount(way, minlength=self._ways)
        line = {"end": self._end + data.size, "counts": counts.tolist()}
        try:
            if os.fstat(self._out.fileno()).st_size != self._end:
                raise FileError(*message("location.stream_busy", folder=self.folder))
            _append(self._out, data)
            with self._journal.open("ab") as journal:
                _append(journal, json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise self._unwritable(error) from error
        self.ends.append(line["end"])
        self.counts += counts
        return self.rows

    def become(self, target: Path) -> None:
        """Put the common footer behind the parts and the file in the place of the target."""
        try:
            _append(self._out, join_footers(self._footers()))
            self._out.close()
            self._rows.replace(target)
            self._journal.unlink()
            self.folder.rmdir()
        except OSError as error:
            raise self._unwritable(error) from error

    def _footers(self) -> Iterator[tuple[int, bytes]]:
        with self._rows.open("rb") as rows:
            for base, end in zip([0, *self.ends], self.ends, strict=False):
                rows.seek(max(base, end - _TAIL))
                tail = rows.read(end - rows.tell())
                need = int.from_bytes(tail[-8:-4], "little") + 8
                if need > len(tail):
                    rows.seek(end - need)
                    tail = rows.read(need)
                yield base, footer_of(tail)


def _append(out: IO[bytes], data: Any) -> None:
    out.write(data)
    out.flush()
