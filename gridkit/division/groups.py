"""Merge neighbours into balanced, contiguous, compact groups inside a boundary.

One engine, three uses: blocks become cells, cells become duty cells, cells become one person's
beat.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..crs import area_m2
from ..errors import OptionError, SchemaError, raise_all
from ..messages import message
from ..tables import first_few
from .neighbours import dissolve, shared_borders
from .ordering import Floats, Ints, inner_points, reading_order, require_areas, weights_of
from .partition import Graph, divide_graph

if TYPE_CHECKING:
    from .ordering import Geometries

__all__ = ["group", "group_labels"]

KEYS = ("block_id", "cell_code", "level")


def group_labels(
    units: gpd.GeoDataFrame,
    *,
    into: int | None = None,
    target: float | None = None,
    weight: str | None = "load",
    within: str | None = "community_code",
    seed: int = 0,
) -> pd.Series[int]:
    """Tell which group each unit belongs to.

    Groups are contiguous (units share borders of positive length), never cross `within`, and are
    as many as asked. The members of `within`, or each connected piece of one, get groups in
    proportion to their weight by the Sainte-Laguë rule, at least one each. Inside, recursive
    bisection along random spanning trees and annealed moves and swaps of border units balance
    weight against the length of the borders.

    Parameters
    ----------
    units : GeoDataFrame
        Polygons that tile an area: blocks, cells. The order of the rows does not matter.
    into : int, optional
        Number of groups; give this or `target`.
    target : float, optional
        Weight that a group should have, such as 300 households: each connected piece of a member of
        `within` gets its weight divided by `target`, rounded, at least one group.
    weight : str or None, default "load"
        Column to balance, not negative. None: each unit counts 1.
    within : str or None, default "community_code"
        Column whose members no group may cross. None: groups may go anywhere.
    seed : int, default 0
        Chooses among equally good results; the same seed gives the same labels.

    Returns
    -------
    Series of int
        0, 1, …, aligned with the index of `units`; numbered as one reads a page.

    Raises
    ------
    OptionError
        `into` is less than the number of connected pieces, or more than the number of units; the
        message gives the least and the most that is possible. Both or neither of `into` and
        `target`; a `target` that is not positive.
    SchemaError
        A column is missing, weights are empty, negative or all zero, or codes in `within` are
        empty; the rows are named.
    CRSError, GeometryError
        Units are not sound polygons in metres.

    Notes
    -----
    Random-tree bisection follows the idea of recombination in redistricting: D. DeFord, M. Duchin,
    J. Solomon, "Recombination: a family of Markov chains for redistricting" (2021).

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.division.groups import group_labels
    >>> squares = [box(x, 0, x + 100, 100) for x in range(0, 600, 100)]
    >>> units = gpd.GeoDataFrame({"load": [1, 1, 1, 1, 1, 1]}, geometry=squares, crs=4549)
    >>> group_labels(units, into=3, within=None).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    geoms = require_areas(units, what="units")
    load, member = _columns(units, weight, within)
    x, y = inner_points(geoms)
    order = np.lexsort((y, x))
    geoms, load, member = geoms[order], load[order], member[order]
    i, j, length = shared_borders(geoms)
    same = member[i] == member[j]
    i, j, length = i[same], j[same], length[same]
    n = len(geoms)
    links = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    n_zones, zone = connected_components(links, directed=False)
    weights: Floats = np.bincount(zone, load, n_zones).astype(np.float64)
    shares = _shares(weights, np.bincount(zone), into, target)
    found = _divide_zones(zone, shares, load, (i, j, length), seed)
    labels = np.empty(n, dtype=np.int64)
    labels[order] = _numbered(geoms, found)
    return pd.Series(labels, index=units.index, name="group")


def group(
    units: gpd.GeoDataFrame,
    *,
    into: int | None = None,
    target: float | None = None,
    weight: str | None = "load",
    within: str | None = "community_code",
    seed: int = 0,
) -> gpd.GeoDataFrame:
    """Merge units into groups: `group_labels`, then dissolve.

    Parameters
    ----------
    units, into, target, weight, within, seed
        As in `group_labels`.

    Returns
    -------
    GeoDataFrame
        Row i is the group with label i: `weight` and ``load`` summed, ``area_m2`` (ellipsoidal),
        geometry, and the other columns that have one value in each group. ``block_id``,
        ``cell_code`` and ``level`` name units and are dropped.

    Raises
    ------
    OptionError, SchemaError, CRSError, GeometryError
        As `group_labels`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.division.groups import group
    >>> squares = [box(x, 0, x + 100, 100) for x in range(0, 400, 100)]
    >>> units = gpd.GeoDataFrame({"load": [3, 1, 2, 2]}, geometry=squares, crs=4549)
    >>> group(units, into=2, within=None)["load"].tolist()
    [4, 4]
    """
    labels = group_labels(
        units, into=into, target=target, weight=weight, within=within, seed=seed
    ).to_numpy()
    sums = [c for c in dict.fromkeys((weight, "load")) if c is not None and c in units.columns]
    made = [*sums, *KEYS, "area_m2", units.geometry.name]
    first: Ints = np.unique(labels, return_index=True)[1]
    kept = [c for c in units.columns if c not in made and _is_constant(units[c], labels, first)]
    table = pd.DataFrame(units[kept]).iloc[first].reset_index(drop=True)
    shapes = gpd.GeoSeries(dissolve(units.geometry.to_numpy(), labels), crs=units.crs)
    table["area_m2"] = area_m2(shapes)
    for column in sums:
        if column != "area_m2":
            weights_of(units, column, empty=0.0)
            table[column] = pd.to_numeric(units[column]).groupby(labels).sum().to_numpy()
    return gpd.GeoDataFrame(table, geometry=shapes)


def _is_constant(values: pd.Series, labels: Ints, first: Ints) -> bool:
    number = pd.factorize(values)[0]
    return bool((number == number[first][labels]).all())


def _columns(
    units: gpd.GeoDataFrame, weight: str | None, within: str | None
) -> tuple[Floats, Ints]:
    """Return weights and member numbers of all units; raise naming every bad row."""
    problems = [
        message("division.no_column", column=c, name=name, found=", ".join(map(str, units.columns)))
        for name, c in (("weight", weight), ("within", within))
        if c is not None and c not in units.columns
    ]
    raise_all(SchemaError, problems)
    load = np.ones(len(units)) if weight is None else weights_of(units, weight)
    if not load.any() and len(load):
        raise SchemaError(*message("division.zero_weights", column=weight))
    if within is None:
        return load, np.zeros(len(units), dtype=np.int64)
    member, _ = pd.factorize(units[within], sort=True)
    lost = np.flatnonzero(member < 0)
    if len(lost):
        raise SchemaError(
            *message("division.empty_within", column=within, n=len(lost), rows=first_few(lost))
        )
    return load, member


def _shares(weight: Floats, units: Ints, into: int | None, target: float | None) -> list[int]:
    """Return the number of groups of each zone."""
    if (into is None) == (target is None):
        raise OptionError(*message("division.into_or_target", into=into, target=target))
    if target is not None:
        if not target > 0:
            raise OptionError(*message("division.bad_target", value=target))
        wanted: Ints = np.clip(np.rint(weight / target), 1, units).astype(np.int64)
        return [int(k) for k in wanted]
    least, most = len(units), int(units.sum())
    if not isinstance(into, (int, np.integer)) or not least <= into <= most:
        raise OptionError(*message("division.bad_into", value=into, least=least, most=most))
    return _apportion(weight.tolist(), units.tolist(), int(into))


def _apportion(weight: list[float], units: list[int], into: int) -> list[int]:
    """Return the number of groups of each zone: Sainte-Laguë, at least 1, at most its units."""
    seats = [1] * len(weight)
    queue = [(-w / 3, z) for z, w in enumerate(weight) if units[z] > 1]
    heapq.heapify(queue)
    for _ in range(into - len(weight)):
        _, z = queue[0]
        seats[z] += 1
        if seats[z] < units[z]:
            heapq.heapreplace(queue, (-weight[z] / (2 * seats[z] + 1), z))
        else:
            heapq.heappop(queue)
    return seats


def _divide_zones(
    zone: Ints, seats: list[int], load: Floats, borders: tuple[Ints, Ints, Floats], seed: int
) -> Ints:
    """Divide each zone by itself; return labels 0 … sum of seats - 1."""
    n, (i, j, length) = len(zone), borders
    rank = np.empty(n, dtype=np.int64)
    for nodes in _split(np.arange(n), zone):
        rank[nodes] = np.arange(len(nodes))
    both = np.lexsort((np.r_[j, i], np.r_[i, j]))
    start, end, metres = np.r_[i, j][both], np.r_[j, i][both], np.r_[length, length][both]
    near = np.split(rank[end], np.searchsorted(start, np.arange(1, n)))
    border = np.split(metres, np.searchsorted(start, np.arange(1, n)))
    labels = np.empty(n, dtype=np.int64)
    done = 0
    for z, nodes in enumerate(_split(np.arange(n), zone)):
        weight = load[nodes] if load[nodes].any() else np.ones(len(nodes))
        typical = np.median(metres) if len(metres) else 1.0
        unit = typical * np.sqrt(len(nodes) / seats[z])
        graph = Graph(
            [near[v].tolist() for v in nodes],
            [(border[v] / unit).tolist() for v in nodes],
            weight.tolist(),
        )
        rng = np.random.default_rng([seed, z])
        labels[nodes] = np.array(divide_graph(graph, seats[z], rng)) + done
        done += seats[z]
    return labels


def _split(values: Ints, key: Ints) -> list[Ints]:
    """Return `values` by key 0, 1, 2 …, in order."""
    order = np.argsort(key, kind="stable")
    return np.split(values[order], np.flatnonzero(np.diff(key[order])) + 1)


def _numbered(geoms: Geometries, labels: Ints) -> Ints:
    """Renumber groups in reading order."""
    order = reading_order(dissolve(geoms, labels))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[labels]
