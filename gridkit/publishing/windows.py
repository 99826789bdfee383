"""The window of land that a printed map shows: its scale on paper, true north, round lengths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import shapely

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Window", "open_window", "round_length"]

STEPS = (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5)
PROBE_M = 50.0


@dataclass(frozen=True)
class Window:
    """Land in a rectangle of paper.

    Attributes
    ----------
    west, south, east, north : float
        In the metres of the CRS.
    ratio : float
        The scale is 1 to this, on the ground.
    per_mm : float
        Metres of the CRS in a millimetre of paper.
    north_turn : float
        Degrees from up to true north, clockwise, at the middle.
    """

    west: float
    south: float
    east: float
    north: float
    ratio: float
    per_mm: float
    north_turn: float

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north."""
        return self.west, self.south, self.east, self.north

    @property
    def frame(self) -> shapely.Polygon:
        """The window as a shape."""
        return shapely.box(*self.bounds)

    def clip(self, shapes: NDArray[np.object_]) -> NDArray[np.object_]:
        """Return what of shapes is drawn here, as smooth as paper shows it."""
        beyond = 3 * self.per_mm
        edges = np.array(self.bounds) + np.array([-1, -1, 1, 1]) * beyond
        simple = shapely.simplify(shapes, 0.04 * self.per_mm)
        return np.asarray(shapely.clip_by_rect(simple, *edges))


def open_window(
    bounds: Sequence[float],
    crs: pyproj.CRS,
    size_mm: tuple[float, float],
    *,
    margin: float = 0.03,
    enlarge: float = 1.0,
) -> Window:
    """Return the window around land at the largest round scale that shows all of it.

    Parameters
    ----------
    bounds : four floats
        West, south, east, north of the land, metres.
    crs : pyproj.CRS
        In metres.
    size_mm : (width, height)
        Of the map on the sheet.
    margin : float
        Share of the map left free on each side.
    enlarge : float
        How much larger than `size_mm` the sheet is printed.
    """
    west, south, east, north = (float(b) for b in bounds)
    x, y = (west + east) / 2, (south + north) / 2
    stretch, turn = _local(crs, x, y)
    width, height = (side * enlarge for side in size_mm)
    inside = 1 - 2 * margin
    needed = max((east - west) / (width * inside), (north - south) / (height * inside), 0.01)
    ratio = round_up(needed * 1000 / stretch)
    per_mm = ratio / 1000 * stretch
    half = (width * per_mm / 2, height * per_mm / 2)
    per_mm *= enlarge
    return Window(x - half[0], y - half[1], x + half[0], y + half[1], ratio, per_mm, turn)


def round_up(value: float) -> float:
    """Return the next round number: 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 7.5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next((s for s in STEPS if s * power >= value * (1 - 1e-9)), 10) * power)


def round_length(most: float) -> float:
    """Return the greatest of 1, 2, 5 times a power of ten that is not above `most`.

    Examples
    --------
    >>> from gridkit.publishing.windows import round_length
    >>> round_length(730), round_length(200)
    (500.0, 200.0)
    """
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(s for s in (1, 2, 5) if s * power <= most * (1 + 1e-9)) * power)


def _local(crs: pyproj.CRS, x: float, y: float) -> tuple[float, float]:
    """Return metres of the CRS in a metre of ground, and degrees from up to true north."""
    if crs.geodetic_crs is None:
        return 1.0, 0.0
    away = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
    corners = np.array([[0, 0], [PROBE_M, 0], [0, PROBE_M]]) + (x, y)
    lon, lat = away.transform(*corners.T)
    up: Any = away.transform(lon[0], lat[0] + 1e-4, direction="INVERSE")
    if not np.isfinite([*lon, *lat, *up]).all():
        return 1.0, 0.0
    ground = crs.get_geod()
    if ground is None:
        return 1.0, 0.0
    _, _, length = ground.inv(lon[[0, 0]], lat[[0, 0]], lon[1:], lat[1:])
    stretch = float(PROBE_M / np.sqrt(length[0] * length[1]))
    return stretch, float(np.degrees(np.arctan2(up[0] - x, up[1] - y)))
