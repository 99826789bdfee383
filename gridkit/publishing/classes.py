"""Class breaks computed from what is shown: about as many areas in each, at round values."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Classes", "classify", "heat_stops", "round_to"]

# Shares of the area below each break of a heat map: finer towards the top, where leaders look.
HEAT_SHARES = (0.35, 0.6, 0.78, 0.9, 0.97)


@dataclass(frozen=True, eq=False)
class Classes:
    """Which class each value falls into.

    Attributes
    ----------
    breaks : tuple of float
        Ascending; class 0 ends with the first, class k holds ``breaks[k-1] < value <= breaks[k]``.
    index : ndarray of int, one a value
        The class; -1 where there is no value.
    low, high : float
        Smallest and largest value; NaN when there is none.
    """

    breaks: tuple[float, ...]
    index: NDArray[np.int64]
    low: float
    high: float

    @property
    def n(self) -> int:
        """How many classes there are: 0 when there is no value at all."""
        return 0 if np.isnan(self.low) else len(self.breaks) + 1


def classify(values: ArrayLike, *, n: int = 5, breaks: Sequence[float] | None = None) -> Classes:
    """Sort values into classes of about equal size.

    Breaks are quantiles (mapclassify) rounded to two significant digits; a break that would leave
    a class empty is dropped, so few or repeated values give fewer classes.

    Parameters
    ----------
    values : array of numbers
        NaN and infinite values have no class.
    n : int
        How many classes at most.
    breaks : sequence of float, optional
        Ready breaks, ascending, used as they are.

    Examples
    --------
    >>> from gridkit.publishing.classes import classify
    >>> sorted_in = classify([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    >>> sorted_in.breaks, sorted_in.index.tolist()
    ((2.8, 4.6, 6.4, 8.2), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    """
    numbers = np.asarray(values, dtype=float)
    known = np.isfinite(numbers)
    if not known.any():
        return Classes((), np.full(numbers.shape, -1), np.nan, np.nan)
    if breaks is None:
        import mapclassify  # heavy

        with warnings.catch_warnings():  # of few different values, which give fewer classes here
            warnings.simplefilter("ignore", UserWarning)
            cuts = mapclassify.Quantiles(numbers[known], k=n).bins[:-1]
        breaks = _without_empty(round_to(cuts), np.sort(numbers[known]))
    index = np.where(known, np.searchsorted(np.asarray(breaks), numbers, side="left"), -1)
    low, high = float(numbers[known].min()), float(numbers[known].max())
    return Classes(tuple(float(b) for b in breaks), index.astype(np.int64), low, high)


def _without_empty(breaks: NDArray[np.float64], ordered: NDArray[np.float64]) -> list[float]:
    """Return the breaks with at least one value between each two, and on both sides."""
    kept: list[float] = []
    below = 0
    for cut in np.unique(breaks):
        place = int(np.searchsorted(ordered, cut, side="right"))
        if below < place < len(ordered):
            kept.append(float(cut))
            below = place
    return kept


def heat_stops(values: NDArray[np.float64]) -> list[float]:
    """Return the values at which a heat map's legend is labelled: 0, rounded breaks, the top.

    Empty when nothing is above zero.

    Examples
    --------
    >>> import numpy as np
    >>> from gridkit.publishing.classes import heat_stops
    >>> heat_stops(np.arange(1001.0))
    [0.0, 350.0, 600.0, 780.0, 900.0, 970.0, 1000.0]
    """
    shown = values[np.isfinite(values) & (values > 0)]
    if not shown.size:
        return []
    top = float(round_to(shown.max(), digits=3))
    inner = np.unique(round_to(np.quantile(shown, HEAT_SHARES)))
    return [0.0, *(float(b) for b in inner if b < top), top]


def round_to(values: ArrayLike, *, digits: int = 2) -> NDArray[np.float64]:
    """Return values rounded to so many significant digits."""
    numbers = np.asarray(values, dtype=float)
    rounded = [float(f"{number:.{digits - 1}e}") for number in numbers.ravel()]
    return np.array(rounded).reshape(numbers.shape)
