"""Hot spots: cells whose surroundings have more, or less, than chance explains (Getis-Ord Gi*)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..crs import require_metres
from ..division.neighbours import shared_borders
from ..errors import OptionError, SchemaError
from ..messages import message
from ..tables import CELLS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["false_discovery", "gi_star", "hotspots"]

_AT_ONCE = 4_000_000  # drawn values that are held at once
_RARE, _FINER = 0.03, 10
"""Chances up to the first are asked for again, with so many times as many permutations."""


def hotspots(
    cells: gpd.GeoDataFrame,
    values: pd.Series | str,
    *,
    permutations: int = 999,
    level: float = 0.05,
    seed: int = 0,
) -> gpd.GeoDataFrame:
    """Find clusters of cells with high and with low values.

    Gi* compares each cell and its neighbours across common borders with the whole. How often
    chance does as much is counted: the cell keeps its value, its neighbours get values of other
    cells, many times (conditional permutation); both tails count, and the share of false
    discoveries among all cells is held at `level` (Benjamini-Hochberg).

    Parameters
    ----------
    cells : GeoDataFrame
        Table ``cells``, in metres.
    values : Series or str
        A value a cell, in the order of `cells` or by ``cell_code`` as its index; or a column.
        Give a rate or a density: raw counts say where cells are large.
    permutations : int
        99 and more; cells that chance seldom matches get ten times as many.
    level : float
    seed : int

    Returns
    -------
    GeoDataFrame
        ``cell_code``, ``value``, ``z`` (standardised Gi*), ``p`` (two-sided), ``q`` (what the level
        must be for the cell to count), ``kind`` (``hot``, ``cold`` or empty text), ``neighbours``
        and the shapes. Cells without a value are no data: empty, and nobody's neighbours.

    Raises
    ------
    SchemaError
        Cells that do not satisfy their schema, values that are infinite or no numbers, or for
        other cells.
    CRSError
        Not in metres.
    OptionError
        Too few permutations, a level that is not between 0 and 1.

    References
    ----------
    Ord & Getis (1995), Geographical Analysis 27(4); Benjamini & Hochberg (1995), J. R. Stat. Soc. B
    57(1).

    Examples
    --------
    >>> import geopandas as gpd, numpy as np
    >>> import shapely
    >>> import gridkit as gk
    >>> squares = [shapely.box(100 * x, 100 * y, 100 * x + 100, 100 * y + 100)
    ...            for y in range(12) for x in range(12)]
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": [f"C{i:03}" for i in range(144)]}, geometry=squares, crs=4549
    ... )
    >>> x, y = cells.centroid.x, cells.centroid.y
    >>> cells["per_km2"] = 20 + 300 * ((x < 400) & (y < 400)) + np.arange(144) % 7
    >>> found = gk.hotspots(cells, "per_km2")
    >>> sorted(found.loc[found["kind"] == "hot", "cell_code"])[:3]
    ['C001', 'C002', 'C012']
    """
    CELLS.check(cells, source="cells")
    require_metres(cells, what="cells")
    if permutations < 99:
        raise OptionError(*message("evaluation.few_permutations", n=permutations))
    if not 0 < level < 1:
        raise OptionError(*message("evaluation.bad_level", level=level))
    x = _values(cells, values)
    there = np.flatnonzero(~np.isnan(x))
    z, p = (np.full(len(cells), np.nan) for _ in range(2))
    degree = np.zeros(len(cells), np.int64)
    if len(there) > 1 and np.ptp(x[there]) > 0:
        i, j, _ = shared_borders(cells.geometry.to_numpy()[there])
        starts, others = _lists(len(there), np.asarray(i), np.asarray(j))
        degree[there] = np.diff(starts)
        z[there] = gi_star(x[there], starts, others)
        p[there] = _chances(x[there], starts, others, permutations, seed)
    elif len(there):
        z[there], p[there] = 0.0, 1.0
    q = false_discovery(p)
    kind = np.where((q <= level) & (z > 0), "hot", np.where((q <= level) & (z < 0), "cold", ""))
    return gpd.GeoDataFrame(
        {
            "cell_code": cells["cell_code"].to_numpy(),
            "value": x,
            "z": z,
            "p": p,
            "q": q,
            "kind": pd.array(kind, dtype="str"),
            "neighbours": degree,
        },
        geometry=cells.geometry.to_numpy(),
        crs=cells.crs,
    )


def _values(cells: gpd.GeoDataFrame, values: pd.Series | str) -> Floats:
    if isinstance(values, str):
        if values not in cells.columns:
            found = ", ".join(map(str, cells.columns))
            what = {"name": "values", "value": values, "choices": found}
            raise OptionError(*message("options.unknown", **what))
        series = cells[values]
    elif set(values.index) <= set(cells["cell_code"]) and values.index.is_unique:
        series = cells["cell_code"].map(values)
    else:
        series = values
    if len(series) != len(cells):
        raise SchemaError(*message("evaluation.other_cells", n=len(series), cells=len(cells)))
    numbers: Any = pd.to_numeric(series, errors="coerce")
    plain = numbers.to_numpy(np.float64, na_value=np.nan)
    bad = np.isinf(plain) | (np.isnan(plain) & series.notna().to_numpy())
    if bad.any():
        shown = ", ".join(map(str, series[bad].head(5)))
        raise SchemaError(*message("evaluation.no_numbers", values=shown))
    return np.asarray(plain)


def _lists(n: int, i: Ints, j: Ints) -> tuple[Ints, Ints]:
    """Return the neighbours of all cells end to end, and where those of each begin."""
    a, b = np.concatenate([i, j]), np.concatenate([j, i])
    order = np.lexsort((b, a))
    starts = np.concatenate([[0], np.cumsum(np.bincount(a, minlength=n))])
    return starts.astype(np.int64), b[order].astype(np.int64)


def gi_star(x: Floats, starts: Ints, others: Ints) -> Floats:
    """Return the standardised Gi* of each cell, itself among its neighbours.

    Parameters
    ----------
    x : ndarray, shape (n,)
    starts : ndarray of int, shape (n + 1,)
        Neighbours of cell i are ``others[starts[i]:starts[i + 1]]``.
    others : ndarray of int

    Examples
    --------
    >>> import numpy as np
    >>> from gridkit.evaluation.clusters import gi_star
    >>> starts, others = np.array([0, 1, 3, 4]), np.array([1, 0, 2, 1])
    >>> gi_star(np.array([3.0, 3.0, 0.0]), starts, others).round(3).tolist()
    [1.414, 0.0, -0.707]
    """
    n, weight = len(x), np.diff(starts) + 1.0
    around = x + _sums(x[others], starts)
    spread = np.sqrt((x**2).mean() - x.mean() ** 2)
    room = np.sqrt(np.maximum(n * weight - weight**2, 0) / (n - 1))
    scale = spread * room
    z: Floats = np.divide(around - x.mean() * weight, scale, out=np.zeros(n), where=scale > 0)
    return z


def _sums(listed: Floats, starts: Ints) -> Floats:
    """Return the sum of each list; adding up front to back, so that equal lists give equal sums."""
    owner = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return np.bincount(owner, listed, len(starts) - 1).astype(np.float64)


def _chances(x: Floats, starts: Ints, others: Ints, permutations: int, seed: int) -> Floats:
    """Return two-sided pseudo-p-values by conditional permutation; small ones with finer draws."""
    rng = np.random.default_rng(seed)
    every = np.flatnonzero(np.diff(starts) > 0)
    p = np.ones(len(x))
    p[every] = _permuted(x, starts, others, every, permutations, rng)
    # Draws of their own, so that being chosen for them does not make a chance look smaller.
    rare = every[p[every] <= _RARE]
    p[rare] = _permuted(x, starts, others, rare, _FINER * permutations, rng)
    return p


def _permuted(
    x: Floats, starts: Ints, others: Ints, cells: Ints, permutations: int, rng: np.random.Generator
) -> Floats:
    """Return how often chance does as much for some cells, both tails counting.

    The draws are shared: one list of other cells for each permutation, in which the cells from
    the one that is asked for on count one further, as if it were not there.
    """
    degree = np.diff(starts)
    drawn = _draws(rng, permutations, len(x) - 1, int(degree[cells].max(initial=0)))
    own = _sums(x[others], starts)
    tolerance = 1e-9 * max(1.0, float(np.abs(x).max()))
    larger, smaller = np.zeros(len(x)), np.zeros(len(x))
    for k in np.unique(degree[cells]):
        rows = cells[degree[cells] == k]
        ids = drawn[:, :k]
        step = max(1, _AT_ONCE // ids.size)
        for first in range(0, len(rows), step):
            part = rows[first : first + step]
            sums = np.zeros((len(part), permutations))
            for column in ids.T:
                sums += x[column + (column >= part[:, None])]
            larger[part] = (sums >= own[part][:, None] - tolerance).sum(axis=1)
            smaller[part] = (sums <= own[part][:, None] + tolerance).sum(axis=1)
    folded = (np.minimum(larger, smaller)[cells] + 1) / (permutations + 1)
    return np.asarray(np.minimum(2 * folded, 1.0))


def _draws(rng: np.random.Generator, rows: int, n: int, k: int) -> Ints:
    """Return in each row k different numbers below n: drawn anew where two are the same."""
    if 4 * k > n:  # few cells: shuffling all of them is quicker than meeting doubles
        return np.argsort(rng.random((rows, n)), axis=1)[:, :k]
    drawn = rng.integers(0, n, (rows, k))
    while True:
        ordered = np.sort(drawn, axis=1)
        again = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
        if not len(again):
            return drawn
        drawn[again] = rng.integers(0, n, (len(again), k))


def false_discovery(p: Floats) -> Floats:
    """Return Benjamini-Hochberg q-values; empty ones stay empty.

    Examples
    --------
    >>> import numpy as np
    >>> from gridkit.evaluation.clusters import false_discovery
    >>> false_discovery(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    q = np.full(len(p), np.nan)
    there = np.flatnonzero(~np.isnan(p))
    order = there[np.argsort(p[there], kind="stable")]
    n = len(order)
    scaled = p[order] * n / np.arange(1, n + 1)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q
