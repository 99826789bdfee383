"""The ownership rule, exact in floating point.

A point on a border belongs to the cell that contains the point shifted by (ε, ε²) with ε → 0+: a
shared edge belongs to the cell on its east, a horizontal one to the cell on its north. A ray to the
west from the shifted point crosses an edge when the edge's half-open y range holds the point's y
and the point lies right of the edge or on it; an odd number of crossings means inside. Holes and
parts need no special case.

The side of an edge is the sign of a 2 × 2 determinant: computed in doubles with Shewchuk's forward
error bound, and in rational numbers where the bound cannot decide (J. R. Shewchuk, "Adaptive
Precision Floating-Point Arithmetic and Fast Robust Geometric Predicates", 1997).
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["covers_shifted", "upward_edges"]

_BOUND = (3.0 + 16.0 * 2.0**-53) * 2.0**-53
_CHUNK = 2_000_000


def upward_edges(area: shapely.Geometry) -> NDArray[np.float64]:
    """Return the edges of all rings as (n, 4) rows ax, ay, bx, by with ay < by.

    Horizontal edges are left out: the shifted point never lies on them and no ray crosses them.
    """
    rings = [r for part in shapely.get_parts(area) for r in shapely.get_rings(part)]
    if not rings:
        return np.empty((0, 4))
    rows = []
    for ring in rings:
        xy = shapely.get_coordinates(ring)
        rows.append(np.hstack([xy[:-1], xy[1:]]))
    edges: NDArray[np.float64] = np.vstack(rows)
    edges = edges[edges[:, 1] != edges[:, 3]]
    down = edges[:, 1] > edges[:, 3]
    edges[down] = edges[down][:, [2, 3, 0, 1]]
    return edges


def covers_shifted(
    edges: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell which points, shifted by (ε, ε²), lie inside the area with these upward edges.

    Parameters
    ----------
    edges : (n, 4) array from `upward_edges`
    x, y : (m,) arrays

    Returns
    -------
    (m,) bool array
    """
    inside = np.zeros(len(x), dtype=bool)
    step = max(1, _CHUNK // max(1, len(edges)))
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        py = y[part, None]
        point, edge = np.nonzero((edges[:, 1] <= py) & (py < edges[:, 3]))
        crossed = _right_or_on(edges[edge], x[part][point], y[part][point])
        count = np.bincount(point[crossed], minlength=len(inside[part]))
        inside[part] = count % 2 == 1
    return inside


def _right_or_on(
    edges: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell which points lie right of their upward edge, or exactly on it."""
    ax, ay, bx, by = edges.T
    left = (ax - x) * (by - y)
    right = (ay - y) * (bx - x)
    turn = left - right
    answer: NDArray[np.bool_] = turn <= 0
    unsure = np.abs(turn) <= _BOUND * (np.abs(left) + np.abs(right))
    for i in np.flatnonzero(unsure):
        answer[i] = _exact_turn(edges[i], x[i], y[i]) <= 0
    return answer


def _exact_turn(edge: NDArray[np.float64], x: float, y: float) -> Fraction:
    ax, ay, bx, by = (Fraction(float(v)) for v in edge)
    px, py = Fraction(float(x)), Fraction(float(y))
    return (ax - px) * (by - py) - (ay - py) * (bx - px)
