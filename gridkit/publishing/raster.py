"""A density on the working grid, redrawn on a Web-Mercator grid that lies true under the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pyproj import Transformer

from .encode import WEB_MERCATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..evaluation.heat import Density

__all__ = ["Image", "draw_density", "look_up", "shade"]

MOST_PIXELS = 400_000
FRINGE = 3  # bins around the area that take the value of the nearest bin inside


@dataclass(frozen=True, eq=False)
class Image:
    """Values on a Web-Mercator grid.

    Attributes
    ----------
    values : ndarray of float64, shape (height, width)
        Row 0 is the northernmost. NaN where nothing is known.
    west, south, east, north : float
        Outer edges, Web-Mercator metres.
    """

    values: NDArray[np.float64]
    west: float
    south: float
    east: float
    north: float


def draw_density(density: Density, bounds: Sequence[float]) -> Image:
    """Resample a density, bilinear, onto square Web-Mercator pixels.

    Stretching the working grid between its corners would shift it: grid north and true north
    differ. Each pixel's centre is taken back to the working CRS and looked up there.

    Parameters
    ----------
    density : Density
        Not empty.
    bounds : four floats
        West, south, east, north in Web-Mercator metres: what to cover.

    Returns
    -------
    Image
        Pixels about as large as the bins, larger where there would be too many.
    """
    west, south, east, north = (float(b) for b in bounds)
    latitude = np.arctan(np.sinh((south + north) / 2 / 6_378_137.0))
    area = (east - west) * (north - south)
    pixel = max(density.bin_m / np.cos(latitude), np.sqrt(area / MOST_PIXELS))
    width, height = (max(int(np.ceil(d / pixel)), 1) for d in (east - west, north - south))
    x = west + (np.arange(width) + 0.5) * pixel
    y = south + (np.arange(height)[::-1] + 0.5) * pixel
    back = Transformer.from_crs(WEB_MERCATOR, density.crs, always_xy=True)
    px, py = back.transform(*np.meshgrid(x, y))
    values = look_up(density, px, py)
    return Image(values, west, south, west + width * pixel, south + height * pixel)


def look_up(
    density: Density, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the density at points, bilinear between bin centres."""
    from scipy.ndimage import distance_transform_edt, map_coordinates

    row = (y - density.y0) / density.bin_m - 0.5
    column = (x - density.x0) / density.bin_m - 0.5
    known = np.pad(np.isfinite(density.values), FRINGE)
    values = np.pad(density.values, FRINGE)
    if not known.any():
        return np.full(x.shape, np.nan)
    # The page cuts the picture at the true border: bins just outside must not pull it to nothing.
    away, nearest = distance_transform_edt(~known, return_indices=True)
    filled = np.where(away <= FRINGE, values[tuple(nearest)], np.nan)
    place = np.stack([row + FRINGE, column + FRINGE])
    drawn: NDArray[np.float64] = map_coordinates(filled, place, order=1, cval=np.nan)
    return drawn


def shade(values: NDArray[np.float64], stops: Sequence[float]) -> bytes:
    """Return values as bytes: 0 for none, 1 to 255 along `stops`, which lie evenly on the legend.

    Parameters
    ----------
    values : ndarray
    stops : sequence of float
        Ascending; from the first (1) to the last (255).
    """
    place = np.interp(values, stops, np.linspace(0, 1, len(stops)))
    return np.where(np.isfinite(values), 1 + np.rint(place * 254), 0).astype(np.uint8).tobytes()
