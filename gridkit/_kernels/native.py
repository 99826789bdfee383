"""The compiled engines: the shared library built from the C files here, called through ctypes.

A user without a compiler has no library: :func:`library` is then None, one warning says so, and
the twins in :mod:`gridkit._kernels.plain`, :mod:`gridkit._kernels.plain_partition` and
:mod:`gridkit._kernels.plain_prices` answer the same, more slowly. No Python headers are needed to
build it.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GeometryError, GridkitWarning
from ..messages import message
from .zones import LOGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .raster import Found, Raster, Rings
    from .zones import Zones

__all__ = ["Native", "divide", "library", "settle"]

EDGE = np.dtype(
    [("ax", "f8"), ("ay", "f8"), ("bx", "f8"), ("by", "f8"), ("right", "i4"), ("left", "i4")]
)


class _Problem(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("zone", "first", "near", "start", "back")),
        *((name, ctypes.c_void_p) for name in ("border", "weight", "mass", "area", "outline")),
        *((name, ctypes.c_void_p) for name in ("stay", "lock", "old")),
        ("kinds", ctypes.c_int64),
        ("balance", ctypes.c_double),
        *((name, ctypes.c_void_p) for name in ("cap", "warmth", "steps", "rounds", "trees")),
        *((name, ctypes.c_void_p) for name in ("heat", "logs")),
        ("stages", ctypes.c_int64),
    )


class _Raster(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_double) for name in ("sx", "sy")),
        *((name, ctypes.c_int64) for name in ("j0", "i0", "fx", "fy", "nx", "ny")),
        *((name, ctypes.c_void_p) for name in ("column", "row", "x", "y")),
    )


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the compiled kernels, or None with one warning where there are none.

    ``GRIDKIT_PLAIN=1`` in the environment leaves them out, without a warning.
    """
    if os.environ.get("GRIDKIT_PLAIN") == "1":
        return None
    for path in sorted(Path(__file__).parent.glob("_native*")):
        if path.suffix in (".so", ".pyd", ".dylib", ".dll"):
            try:
                return _declared(ctypes.CDLL(str(path)))
            except (OSError, AttributeError):
                continue  # built for another machine or from an older source: the twin answers
    warnings.warn(GridkitWarning(*message("kernels.not_compiled")), stacklevel=4)
    return None


def _declared(lib: ctypes.CDLL) -> ctypes.CDLL:
    address, number, real = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "gk_edges": (number, [address] * 4 + [number, address]),
        "gk_plan": (number, [address, number, address, address, address]),
        "gk_fill": (ctypes.c_int, [address, number] + [address] * 5),
        "gk_locate": (None, [address] * 3 + [number] + [address] * 3),
        "gk_locate_one": (ctypes.c_int32, [real, real] + [address] * 3),
        "gk_find": (
            None,
            [address] * 2 + [number] + [address] * 4 + [ctypes.c_int] + [address] * 5,
        ),
        "gk_divide": (ctypes.c_int, [address, number, address, address, number, address]),
        "gk_settle": (ctypes.c_int, [number, number] + [address] * 5),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def _struct(raster: Raster) -> _Raster:
    """Return the raster as the library sees it; the arrays must outlive it."""
    g = raster
    fine = len(g.column), len(g.row)
    tables = (_at(a) for a in (g.column, g.row, g.x, g.y))
    return _Raster(g.sx, g.sy, g.j0, g.i0, *fine, g.nx, g.ny, *tables)


def _at(array: NDArray[Any]) -> int:
    return array.ctypes.data


def divide(
    lib: ctypes.CDLL,
    zones: Zones,
    seats: NDArray[np.int64],
    seed: NDArray[np.uint64],
    label: NDArray[np.int32],
    *,
    warm: bool,
) -> None:
    """Divide each zone into ``seats`` groups, 0 …; write them to `label`, or begin with them."""
    given: dict[str, Any] = {f.name: getattr(zones, f.name) for f in dataclasses.fields(zones)}
    given |= {"logs": LOGS, "kinds": zones.weight.shape[1], "stages": len(zones.heat)}
    values = {k: _at(v) if isinstance(v, np.ndarray) else v for k, v in given.items()}
    problem = _Problem(**values)
    where = ctypes.addressof(problem)
    if lib.gk_divide(where, len(seats), _at(seats), _at(seed), warm, _at(label)):
        raise MemoryError


def settle(
    lib: ctypes.CDLL,
    first: NDArray[np.int64],
    person: NDArray[np.int64],
    more: NDArray[np.int64],
    holder: NDArray[np.int64],
    price: NDArray[np.int64],
) -> None:
    """Lower `price` until nobody could take over an area for less than its holder."""
    arrays = map(_at, (first, person, more, holder, price))
    if lib.gk_settle(len(holder), len(price), *arrays):
        raise MemoryError


class Native:
    """The index in one library's memory layout; immutable once made.

    Parameters
    ----------
    lib : ctypes.CDLL
        From `library`.
    raster : Raster
    code : int32 array, (nx * ny,)
    record : int64 array
    """

    name = "compiled"

    def __init__(
        self, lib: ctypes.CDLL, raster: Raster, code: NDArray[np.int32], record: NDArray[np.int64]
    ) -> None:
        self.raster, self.code, self.record = raster, code, record
        self._lib, self._struct = lib, _struct(raster)
        grid = ctypes.addressof(self._struct)
        self._index = (grid, _at(code), _at(record))
        self._one = lib.gk_locate_one

    @staticmethod
    def edges(lib: ctypes.CDLL, rings: Rings) -> NDArray[Any]:
        """Return the upward edges of all rings, twins joined, as a structured array."""
        edges = np.empty(len(rings.xy), dtype=EDGE)
        n = lib.gk_edges(
            _at(rings.xy),
            _at(rings.start),
            _at(rings.cell),
            _at(rings.hole),
            len(rings.cell),
            _at(edges),
        )
        if n < 0:
            raise MemoryError
        return edges[:n]

    @classmethod
    def build(cls, lib: ctypes.CDLL, edges: NDArray[Any], raster: Raster) -> Native:
        """Lay the edges out on the raster."""
        grid = _struct(raster)
        size = raster.nx * raster.ny
        count, corner = np.zeros(size, np.int32), np.zeros(size, np.int64)
        where = ctypes.addressof(grid)
        words = lib.gk_plan(_at(edges), len(edges), where, _at(count), _at(corner))
        if words >= 2**31 - 2:
            raise GeometryError(*message("kernels.too_large", words=words))
        code, record = np.empty(size, np.int32), np.empty(max(words, 1), np.int64)
        failed = lib.gk_fill(
            _at(edges), len(edges), where, _at(count), _at(corner), _at(code), _at(record)
        )
        if failed:
            raise GeometryError(*message("kernels.too_crowded"))
        return cls(lib, raster, code, record)

    def locate(
        self, x: NDArray[np.float64], y: NDArray[np.float64], out: NDArray[np.int32]
    ) -> None:
        """Write the owner's position of each point to `out`: -1 none, -2 several."""
        self._lib.gk_locate(_at(x), _at(y), _at(out), len(x), *self._index)

    def locate_one(self, x: float, y: float) -> int:
        """Return the owner's position of one point: -1 none, -2 several."""
        owner: int = self._one(x, y, *self._index)
        return owner

    def find(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        limits: tuple[float, float, float, float],
        found: Found,
        *,
        given: bool,
    ) -> None:
        """Write everything that is asked of each point to `found`; see `Found`."""
        four = np.array(limits)
        arrays: tuple[NDArray[Any], ...] = found
        self._lib.gk_find(
            _at(x), _at(y), len(x), *self._index, _at(four), int(given), *map(_at, arrays)
        )
