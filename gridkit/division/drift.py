"""How far two drawings of the same borders lie apart, as one shift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["border_drift"]

_STEP_M = 300.0
_MOST_POINTS = 3_000
_FARTHEST_M = 2_500.0
_ROUNDS = 15


def border_drift(borders: Any, others: Any) -> tuple[Floats, float] | None:
    """Return the shift that brings `borders` onto `others`, and the median distance that is left.

    Parameters
    ----------
    borders, others : geometry
        Lines in metres; either may be far coarser than the other.

    Returns
    -------
    (dx, dy) and float, or None
        None where borders run one way only, so that a shift along them cannot be told.

    Notes
    -----
    Iterated nearest points, each held against the other line square to it, with the weight of the
    inverse distance beyond the median (least absolute deviations): coarse drawing scatters around
    the shift, a wrong datum is the shift.

    Examples
    --------
    >>> from shapely import affinity, box
    >>> from gridkit.division.drift import border_drift
    >>> town = box(0, 0, 9_000, 7_000)
    >>> shift, _ = border_drift(town.boundary, affinity.translate(town, 480, -60).boundary)
    >>> shift.round().tolist()
    [480.0, -60.0]
    """
    points = shapely.get_coordinates(shapely.segmentize(borders, _STEP_M))
    points = points[:: max(len(points) // _MOST_POINTS, 1)]
    lines = _pieces(others)
    if len(points) < 8 or not len(lines):
        return None
    tree = shapely.STRtree(lines)
    shift = np.zeros(2)
    for _ in range(_ROUNDS):
        here = shapely.points(points + shift)
        near = lines[tree.nearest(here)]
        goal = shapely.line_interpolate_point(near, shapely.line_locate_point(near, here))
        way = shapely.get_coordinates(goal) - points - shift
        far = np.hypot(way[:, 0], way[:, 1])
        some = (far > 1e-6) & (far < _FARTHEST_M)
        if some.sum() < 8:
            return shift, float(np.median(far))
        square = way[some] / far[some, None]
        weight = 1.0 / np.maximum(far[some], np.median(far[some]))
        normal = (square * weight[:, None]).T @ square
        if np.linalg.cond(normal) > 50:
            return None
        step = np.linalg.solve(normal, (square * weight[:, None]).T @ far[some])
        shift = shift + step
        if np.hypot(*step) < 0.1:
            break
    return shift, float(np.median(far))


def _pieces(lines: Any) -> Any:
    """Return the straight pieces of lines."""
    xy, line = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
    same = np.flatnonzero(line[1:] == line[:-1])
    return shapely.linestrings(np.stack([xy[same], xy[same + 1]], axis=1))
