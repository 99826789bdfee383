"""Colours for maps: from light to dark without a break, so that colour-blind eyes read them too."""

from __future__ import annotations

import numpy as np

__all__ = ["CHANGE", "DENSITY", "FIGURES", "NO_DATA", "PAPER", "ramp"]

# Anchors, light to dark; lightness falls evenly, so that the order survives without hue.
DENSITY = ("#fff1bf", "#fdcf6a", "#f59a3c", "#db5a2e", "#a5273c", "#571244")
FIGURES = ("#eef4d5", "#bbdfc0", "#78bfb6", "#3f93ad", "#2c6297", "#22336d")
# Fewer to more, through paper: blue and red differ in lightness from it, and from one another.
CHANGE = ("#2a5f9e", "#9cc3e2", "#eeebe2", "#f0a878", "#a11d2f")
NO_DATA = "#d5d5d2"
PAPER = "#f4f1ea"


def ramp(anchors: tuple[str, ...], n: int) -> list[str]:
    """Return `n` colours spread evenly over `anchors`; a single one is taken from the middle.

    Parameters
    ----------
    anchors : tuple of str
        ``#rrggbb``, light to dark.
    n : int
        How many colours, 0 or more.

    Examples
    --------
    >>> from gridkit.publishing.palette import FIGURES, ramp
    >>> ramp(FIGURES, 2)
    ['#eef4d5', '#22336d']
    """
    rgb = np.array([[int(a[k : k + 2], 16) for k in (1, 3, 5)] for a in anchors], dtype=float)
    where = np.linspace(0, 1, n) if n > 1 else np.full(n, 0.5)
    spots = np.linspace(0, 1, len(anchors))
    mixed = np.stack([np.interp(where, spots, channel) for channel in rgb.T], axis=1)
    return ["#{:02x}{:02x}{:02x}".format(*(round(c) for c in row)) for row in mixed]
