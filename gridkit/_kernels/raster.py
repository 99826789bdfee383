"""What both engines start from: the rings of the cells and the bucket raster over them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from ..errors import GeometryError
from ..messages import message

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Raster", "Rings", "raster_over", "rings_of"]

# Vertices are 0 or of a magnitude in this range, so that no exact product under- or overflows.
_LEAST, _MOST = 2.0**-300, 2.0**100


@dataclass(frozen=True)
class Rings:
    """All rings of all cells: ring r is ``xy[start[r]:start[r + 1]]``, closed."""

    xy: NDArray[np.float64]
    start: NDArray[np.int64]
    cell: NDArray[np.int32]
    hole: NDArray[np.uint8]


@dataclass(frozen=True)
class Raster:
    """Buckets of 1/sx by 1/sy metres, both powers of two; bucket (0, 0) starts at (j0, i0)."""

    sx: float
    sy: float
    j0: int
    i0: int
    nx: int
    ny: int


def rings_of(shapes: NDArray[np.object_]) -> Rings:
    """Return the rings of polygons and multipolygons."""
    parts, cell = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    hole = np.r_[False, part[1:] == part[:-1]] if len(part) else np.zeros(0, dtype=bool)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    size = np.abs(xy[xy != 0])
    if len(size) and not (size.min() >= _LEAST and size.max() <= _MOST):
        raise GeometryError(*message("kernels.bad_size", least=size.min(), most=size.max()))
    start = np.zeros(len(rings) + 1, dtype=np.int64)
    np.cumsum(np.bincount(ring, minlength=len(rings)), out=start[1:])
    xy = np.ascontiguousarray(xy) + 0.0  # -0.0 and 0.0 are one place
    return Rings(xy, start, cell[part].astype(np.int32), hole.astype(np.uint8))


def raster_over(xy: NDArray[np.float64], buckets: float) -> Raster:
    """Return a raster of about so many buckets (within a factor 2) over all vertices.

    Buckets are nearly square; a coverage thinner than that gets one bucket across.
    """
    low, high = xy.min(axis=0), xy.max(axis=0)
    # A coverage without extent in one direction still gets buckets of some size.
    width, height = np.maximum(high - low, max(np.abs(xy).max() * 2.0**-40, 1e-60)).tolist()
    side = math.sqrt(width / buckets) * math.sqrt(height)
    wide, tall = (min(max(length / side, 1.0), buckets) for length in (width, height))
    x_bits, y_bits = math.log2(wide / width), math.log2(tall / height)
    sx = 2.0 ** round(x_bits)
    sy = 2.0 ** (round(x_bits + y_bits) - round(x_bits))
    j0, i0 = math.floor(low[0] * sx) - 1, math.floor(low[1] * sy) - 1
    nx, ny = math.floor(high[0] * sx) - j0 + 1, math.floor(high[1] * sy) - i0 + 1
    return Raster(sx, sy, j0, i0, nx, ny)
