"""Rates of small cells: drawn towards the whole as far as little is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import optimize, special

from ..errors import OptionError, SchemaError
from ..messages import message

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["gamma_prior", "smooth_rates"]

_MOST = 1e9  # a prior that narrow says that all cells are alike


def smooth_rates(
    counts: pd.Series, base: pd.Series, *, per: float = 100.0, level: float = 0.9
) -> pd.DataFrame:
    """Return the rate of each cell, and what is known of it (empirical Bayes).

    A cell with two households and one report has a rate of 50 in 100, and it says nothing. The
    reports of a cell are taken as Poisson counts whose rates come from one gamma distribution, the
    likeliest one; each rate is drawn towards the mean of all as far as its base is small.

    Parameters
    ----------
    counts : Series of whole numbers
        Reports in each cell.
    base : Series of numbers, same index
        Households, residents or square kilometres; cells with none have no rate.
    per : float
        So many of the base, such as 100 households.
    level : float
        Of the interval.

    Returns
    -------
    DataFrame
        With the index of `counts`: ``rate`` (as counted; empty without base), ``smoothed``, ``low``
        and ``high`` (the interval in which the rate lies).

    Raises
    ------
    SchemaError
        Different indexes; counts or bases below 0, infinite or empty.
    OptionError
        `per` is not above 0, a level that is not between 0 and 1, no base at all.

    References
    ----------
    Clayton & Kaldor (1987), Biometrics 43(3).

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> counts = pd.Series([1, 40, 200], ["A", "B", "C"])
    >>> households = pd.Series([2, 400, 1_000], ["A", "B", "C"])
    >>> gk.smooth_rates(counts, households)[["rate", "smoothed"]].round(1)
       rate  smoothed
    A  50.0      18.4
    B  10.0      10.8
    C  20.0      19.9
    """
    if not counts.index.equals(base.index):
        raise SchemaError(*message("evaluation.other_index"))
    if not (per > 0 and 0 < level < 1):
        raise OptionError(*message("evaluation.bad_rate_options", per=per, level=level))
    n, size = (np.asarray(s, np.float64) for s in (counts, base))
    bad = ~(np.isfinite(n) & np.isfinite(size) & (n >= 0) & (size >= 0))
    if bad.any():
        shown = ", ".join(map(str, counts.index[bad][:5]))
        raise SchemaError(*message("evaluation.bad_counts", rows=shown))
    if not (size > 0).any():
        raise OptionError(*message("evaluation.no_base"))
    there = size > 0
    shape, scale = gamma_prior(n[there], size[there])
    table = pd.DataFrame(np.nan, counts.index, ["rate", "smoothed", "low", "high"])
    above, below = shape + n[there], scale + size[there]
    tail = (1 - level) / 2
    table.loc[there, "rate"] = per * n[there] / size[there]
    table.loc[there, "smoothed"] = per * above / below
    table.loc[there, "low"] = per * special.gammaincinv(above, tail) / below
    table.loc[there, "high"] = per * special.gammaincinv(above, 1 - tail) / below
    return table


def gamma_prior(counts: Floats, base: Floats) -> tuple[float, float]:
    """Return shape and rate of the gamma distribution from which the rates of cells come.

    With the pooled rate as mean; how narrow it is has the greatest likelihood.

    Examples
    --------
    >>> import numpy as np
    >>> from gridkit.evaluation.smoothing import gamma_prior
    >>> shape, rate = gamma_prior(np.array([5.0, 50.0]), np.array([100.0, 100.0]))
    >>> f"{shape / rate:.3f}"
    '0.278'
    """
    mean = (counts.sum() + 0.5) / base.sum()  # half a report keeps it off 0

    def unlikely(logarithm: float) -> float:
        shape = float(np.exp(logarithm))
        rate = shape / mean
        terms = (
            special.gammaln(shape + counts)
            - special.gammaln(shape)
            + shape * np.log(rate / (rate + base))
            + counts * np.log(base / (rate + base))
        )
        return -float(terms.sum())

    if len(counts) < 2:
        return 1.0, 1.0 / mean
    best = optimize.minimize_scalar(
        unlikely, bounds=(np.log(1e-3), np.log(_MOST)), method="bounded", options={"xatol": 1e-6}
    )
    shape = float(np.exp(best.x))
    return shape, shape / mean
