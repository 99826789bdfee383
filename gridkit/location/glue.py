"""Parquet files one behind another become one file: only the footers are read and joined.

A Parquet file finds everything by absolute offsets in its footer (Thrift, compact protocol), so
files of one schema that stand one behind another need only a common footer with moved offsets;
their data is neither copied nor decoded. Layout: https://parquet.apache.org/docs/file-format/.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["footer_of", "join_footers"]

_MAGIC = b"PAR1"
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)

# Numbers of the fields in parquet.thrift.
_ROWS, _ROW_GROUPS = 3, 4
_COLUMNS, _GROUP_OFFSET, _ORDINAL = 1, 5, 7
_CHUNK_META, _CHUNK_OFFSETS = 3, (2, 4, 6)
_META_OFFSETS = (9, 10, 11, 14)

_Struct = dict[int, tuple[int, Any]]  # field → kind and value; a list is (kind, values)


def footer_of(tail: bytes) -> bytes:
    """Return the footer of a Parquet file from its last bytes, which must hold it whole.

    Raises
    ------
    ValueError
        These are not the last bytes of a Parquet file.
    """
    length = int.from_bytes(tail[-8:-4], "little")
    if tail[-4:] != _MAGIC or length > len(tail) - 8:
        raise ValueError("not the end of a Parquet file")
    return tail[-8 - length : -8]


def join_footers(footers: Iterable[tuple[int, bytes]]) -> bytes:
    """Return what must follow the last of several Parquet files to make one of them.

    Parameters
    ----------
    footers : iterable of (int, bytes)
        Where each file starts in the whole, and its footer; one schema for all.

    Returns
    -------
    bytes
        Footer, its length and the closing mark.
    """
    files = [(base, _Reader(footer).struct()) for base, footer in footers]
    whole = dict(files[0][1])
    groups = [_moved_group(g, base) for base, meta in files for g in meta[_ROW_GROUPS][1][1]]
    whole[_ROWS] = (whole[_ROWS][0], sum(meta[_ROWS][1] for _, meta in files))
    whole[_ROW_GROUPS] = (_LIST, (_STRUCT, groups))
    out = bytearray()
    _write_struct(out, whole)
    return bytes(out) + struct.pack("<I", len(out)) + _MAGIC


def _moved_group(group: _Struct, base: int) -> _Struct:
    # Its ordinal serves encryption only and would now be wrong.
    moved = _moved(group, (_GROUP_OFFSET,), base)
    moved.pop(_ORDINAL, None)
    chunks = []
    for chunk in group[_COLUMNS][1][1]:
        there = _moved(chunk, _CHUNK_OFFSETS, base)
        there[_CHUNK_META] = (_STRUCT, _moved(chunk[_CHUNK_META][1], _META_OFFSETS, base))
        chunks.append(there)
    moved[_COLUMNS] = (_LIST, (_STRUCT, chunks))
    return moved


def _moved(fields: _Struct, offsets: tuple[int, ...], base: int) -> _Struct:
    """Return the fields with these offsets moved; 0 stands for none."""
    return {
        field: (kind, value + base if field in offsets and value else value)
        for field, (kind, value) in fields.items()
    }


class _Reader:
    """Reads the compact protocol into plain values."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def struct(self) -> _Struct:
        fields: _Struct = {}
        field = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            field = field + step if step else self._signed()
            truth = kind == _TRUE if kind in (_TRUE, _FALSE) else None
            fields[field] = (kind, self._value(kind) if truth is None else truth)
        return fields

    def _value(self, kind: int) -> Any:
        if kind in _INTEGERS:
            return self._signed()
        if kind in (_TRUE, _FALSE, _BYTE):
            return self._byte()
        if kind == _DOUBLE:
            return self._take(8)
        if kind == _BINARY:
            return self._take(self._unsigned())
        if kind in (_LIST, _SET):
            head = self._byte()
            n, inner = head >> 4, head & 15
            n = self._unsigned() if n == 15 else n
            return inner, [self._value(inner) for _ in range(n)]
        if kind == _STRUCT:
            return self.struct()
        raise ValueError(f"kind {kind} is in no Parquet footer")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _take(self, n: int) -> bytes:
        self._at += n
        return self._data[self._at - n : self._at]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)


def _write_struct(out: bytearray, fields: _Struct) -> None:
    last = 0
    for field in sorted(fields):
        kind, value = fields[field]
        if kind in (_TRUE, _FALSE):
            kind = _TRUE if value else _FALSE
        if 0 < field - last < 16:
            out.append((field - last) << 4 | kind)
        else:
            out.append(kind)
            _write_signed(out, field)
        if kind not in (_TRUE, _FALSE):
            _write_value(out, kind, value)
        last = field
    out.append(0)


def _write_value(out: bytearray, kind: int, value: Any) -> None:
    if kind in _INTEGERS:
        _write_signed(out, value)
    elif kind in (_TRUE, _FALSE, _BYTE):
        out.append(value)
    elif kind == _DOUBLE:
        out += value
    elif kind == _BINARY:
        _write_unsigned(out, len(value))
        out += value
    elif kind == _STRUCT:
        _write_struct(out, value)
    else:
        inner, values = value
        if len(values) < 15:
            out.append(len(values) << 4 | inner)
        else:
            out.append(0xF0 | inner)
            _write_unsigned(out, len(values))
        for each in values:
            _write_value(out, inner, each)


def _write_unsigned(out: bytearray, value: int) -> None:
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def _write_signed(out: bytearray, value: int) -> None:
    _write_unsigned(out, (value << 1) ^ (value >> 63))
