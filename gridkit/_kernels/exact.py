"""On which side of an edge a point lies: exact, vectorised.

The sign of a 2 × 2 determinant comes from doubles when Shewchuk's forward error bound allows it and
from rational numbers otherwise (J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic and
Fast Robust Geometric Predicates", 1997).
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["right_or_on", "turn"]

_BOUND = (3.0 + 16.0 * 2.0**-53) * 2.0**-53
_TINY = 1e-300


def turn(ax: Floats, ay: Floats, bx: Floats, by: Floats, x: Floats, y: Floats) -> Floats:
    """Return the exact sign of (a - p) × (b - p): 1 where p lies left of a → b, -1 right, 0 on."""
    with np.errstate(under="ignore"):
        left = (ax - x) * (by - y)
        right = (ay - y) * (bx - x)
        value = left - right
        unsure = np.abs(value) <= _BOUND * (np.abs(left) + np.abs(right)) + _TINY
    sign: Floats = np.sign(value)
    for i in np.flatnonzero(unsure):
        sign[i] = _rational(ax[i], ay[i], bx[i], by[i], x[i], y[i])
    return sign


def right_or_on(
    ax: Floats, ay: Floats, bx: Floats, by: Floats, x: Floats, y: Floats
) -> NDArray[np.bool_]:
    """Tell which points lie right of their upward edge a → b, or exactly on it."""
    answer: NDArray[np.bool_] = turn(ax, ay, bx, by, x, y) <= 0
    return answer


def _rational(*values: float) -> int:
    ax, ay, bx, by, px, py = (Fraction(float(v)) for v in values)
    value = (ax - px) * (by - py) - (ay - py) * (bx - px)
    return (value > 0) - (value < 0)
