"""Merge neighbours into balanced, contiguous, compact groups inside a boundary.

One engine, three uses: blocks become cells, cells become duty cells, cells become one person's
beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from ..crs import area_m2
from ..errors import OptionError, raise_all
from ..messages import message
from ..tables import first_few
from .neighbours import dissolve
from .network import connect, read_columns
from .ordering import reading_order, summed, weights_of
from .partition import Areas, divide_areas
from .seats import HAIR, apportion, least_seats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..messages import Message
    from .network import Network
    from .ordering import Flags, Geometries, Ints

__all__ = ["group", "group_labels"]

KEYS = ("block_id", "cell_code", "level")
TRIES = 4
"""Divisions tried for a zone whose groups stay above the cap, before it is given up."""


def group_labels(
    units: gpd.GeoDataFrame,
    *,
    into: int | None = None,
    target: float | None = None,
    max_load: float | None = None,
    weight: str | Sequence[str] | None = "load",
    within: str | None = "community_code",
    keep: str | None = None,
    barriers: gpd.GeoDataFrame | None = None,
    compactness: float = 0.3,
    seed: int = 0,
) -> pd.Series[int]:
    """Tell which group each unit belongs to.

    Groups are contiguous (units share borders of positive length), never cross `within`, and are
    as many as asked. The members of `within`, or each connected piece of one, get groups in
    proportion to their weight by the Sainte-Laguë rule, at least one each. Inside, recursive
    bisection along random trees and annealed moves and swaps of border units balance weight
    against the length of the outlines.

    Parameters
    ----------
    units : GeoDataFrame
        Polygons that tile an area: blocks, cells. The order of the rows does not matter.
    into : int, optional
        Number of groups; give this or `target`, or `max_load` alone.
    target : float, optional
        Weight that a group should have, such as 300 households: each connected piece of a member of
        `within` gets its weight divided by `target`, rounded, at least one group.
    max_load : float, optional
        Weight that no group exceeds. Alone it also sets the number of groups: as few as are
        found to keep it. With several weights it holds for the first.
    weight : str, list of str or None, default "load"
        Column to balance, not negative; several are balanced together, each against its own mean.
        None: each unit counts 1.
    within : str or None, default "community_code"
        Column whose members no group may cross. None: groups may go anywhere.
    keep : str, optional
        Column of locks: units with the same label stay together, and no group holds two labels.
        Empty values are free.
    barriers : GeoDataFrame, optional
        Lines that no group straddles, such as a river without a bridge. A common border is closed
        when half of it or more lies within 1 m of a barrier.
    compactness : float, default 0.3
        From 0 (even weight, whatever the shape) to 1 (short outlines, whatever the weight).
    seed : int, default 0
        Chooses among equally good results; the same seed gives the same labels.

    Returns
    -------
    Series of int
        0, 1, …, aligned with the index of `units`; numbered as one reads a page.

    Raises
    ------
    OptionError
        `into` is less than the number of members, connected pieces, locks and full loads, or more
        than the number of units; the message gives the least and the most that is possible. A
        unit or a lock is heavier than `max_load`, or no division keeps it; a lock's units do not
        hang together; a value is out of range.
    SchemaError
        A column is missing, weights are empty, negative or all zero, or codes in `within` are
        empty; the rows are named.
    CRSError, GeometryError
        Units are not sound polygons in metres, or barriers not lines in the same CRS.

    Notes
    -----
    Random-tree bisection follows the idea of recombination in redistricting: D. DeFord, M. Duchin,
    J. Solomon, "Recombination: a family of Markov chains for redistricting" (2021). The search
    after it is simulated annealing: S. Kirkpatrick, C. D. Gelatt, M. P. Vecchi, "Optimization by
    simulated annealing" (1983).

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
    wish = _Wish(into, target, max_load, compactness, seed)
    return _grouped(units, wish, weight, within, keep, barriers)[0]


def group(
    units: gpd.GeoDataFrame,
    *,
    into: int | None = None,
    target: float | None = None,
    max_load: float | None = None,
    weight: str | Sequence[str] | None = "load",
    within: str | None = "community_code",
    keep: str | None = None,
    barriers: gpd.GeoDataFrame | None = None,
    compactness: float = 0.3,
    seed: int = 0,
) -> gpd.GeoDataFrame:
    """Merge units into groups: `group_labels`, then dissolve.

    Parameters
    ----------
    units, into, target, max_load, weight, within, keep, barriers, compactness, seed
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
    wish = _Wish(into, target, max_load, compactness, seed)
    series, merged = _grouped(units, wish, weight, within, keep, barriers)
    labels = series.to_numpy()
    kinds = [weight] if isinstance(weight, str) else weight or []
    sums = [c for c in dict.fromkeys((*kinds, "load")) if c in units.columns]
    made = [*sums, *KEYS, "area_m2", units.geometry.name]
    first: Ints = np.unique(labels, return_index=True)[1]
    kept = [c for c in units.columns if c not in made and _is_constant(units[c], labels, first)]
    table = pd.DataFrame(units[kept]).iloc[first].reset_index(drop=True)
    shapes = gpd.GeoSeries(merged, crs=units.crs)
    table["area_m2"] = area_m2(shapes)
    for column in sums:
        if column != "area_m2":
            weights_of(units, column, empty=0.0)
            table[column] = pd.to_numeric(units[column]).groupby(labels).sum().to_numpy()
    return gpd.GeoDataFrame(table, geometry=shapes)


def _is_constant(values: pd.Series, labels: Ints, first: Ints) -> bool:
    number = pd.factorize(values)[0]
    return bool((number == number[first][labels]).all())


@dataclass(frozen=True)
class _Wish:
    """What is asked of the groups."""

    into: int | None
    target: float | None
    max_load: float | None
    compactness: float
    seed: int

    @property
    def cap(self) -> float:
        return np.inf if self.max_load is None else self.max_load

    def problems(self) -> list[Message]:
        """Name every value that cannot be used, whatever the units."""
        found = []
        if self.into is not None and self.target is not None:
            found.append(message("division.into_or_target", into=self.into, target=self.target))
        if self.into is None and self.target is None and self.max_load is None:
            found.append(message("division.into_or_target", into=None, target=None))
        whole = isinstance(self.into, (int, np.integer)) and not isinstance(self.into, bool)
        if self.into is not None and not whole:
            found.append(message("division.no_whole_number", value=self.into))
        for name, value in (("target", self.target), ("max_load", self.max_load)):
            if value is not None and not (_is_number(value) and value > 0):
                found.append(message("division.not_positive", name=name, value=value))
        if not (_is_number(self.compactness) and 0 <= self.compactness <= 1):
            found.append(message("division.no_share", name="compactness", value=self.compactness))
        return found


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number)) and bool(np.isfinite(value))


def _grouped(
    units: gpd.GeoDataFrame,
    wish: _Wish,
    weight: str | Sequence[str] | None,
    within: str | None,
    keep: str | None,
    barriers: gpd.GeoDataFrame | None,
) -> tuple[pd.Series[int], Geometries]:
    """Return the group of each row, and the shape of each group."""
    columns = read_columns(units, weight, within, keep, wish.problems())
    network = connect(units, columns, barriers)
    found = _divide(network, wish, within)[network.area]
    shapes = dissolve(network.geoms, found, exact=network.exact)
    reading = reading_order(shapes)
    rank = np.empty(len(reading), dtype=np.int64)
    rank[reading] = np.arange(len(reading))
    labels = np.empty(len(found), dtype=np.int64)
    labels[network.order] = rank[found]
    return pd.Series(labels, index=units.index, name="group"), shapes[reading]


def _divide(network: Network, wish: _Wish, within: str | None) -> Ints:
    """Return the group of each area."""
    areas = network.areas
    raise_all(OptionError, _too_heavy(network, wish.cap))
    seats, most = _seats(network, wish, within)
    labels = divide_areas(areas, seats, compactness=wish.compactness, seed=wish.seed, cap=wish.cap)
    attempt = 0
    while (over := _over(areas, seats, labels, wish.cap)).any():
        attempt += 1
        more = seats
        if wish.into is None:
            # Half of what is too heavy may yet fit elsewhere; a group for each unit always does.
            more = np.minimum(most, seats + (over + 1) // 2)
        elif attempt == TRIES:
            found = float(np.bincount(labels, areas.weight[:, 0]).max())
            said = {"value": wish.max_load, "found": found, "n": int((over > 0).sum())}
            raise OptionError(*message("division.cap_not_kept", **said))
        labels = _again(areas, seats, more, labels, over > 0, wish, attempt)
        seats = more
    return labels


def _too_heavy(network: Network, cap: float) -> list[Message]:
    """Name the units and locks that alone weigh more than the cap."""
    load = network.areas.weight[:, 0]
    heavy = load > cap * (1 + HAIR)
    if not heavy.any():
        return []
    rows = np.sort(network.order[heavy[network.area]])
    return [
        message(
            "division.units_over_cap",
            value=cap,
            n=int(heavy.sum()),
            rows=first_few(rows),
            least=float(load.max()),
        )
    ]


def _seats(network: Network, wish: _Wish, within: str | None) -> tuple[Ints, Ints]:
    """Return the number of groups of each zone, and the most there could be."""
    areas = network.areas
    most = np.bincount(areas.zone)
    zones = len(most)
    first = summed(areas.zone, areas.weight[:, 0], zones)
    least = least_seats(areas.weight[:, 0], areas.zone, areas.locked, wish.cap)
    if wish.target is not None:
        wanted = np.rint(first / wish.target).astype(np.int64)
        return np.clip(wanted, least, most), most
    if wish.into is None:
        return least, most
    if not least.sum() <= wish.into <= most.sum():
        counts = {"members": network.members, "pieces": zones, "locks": int(areas.locked.sum())}
        said = {"value": wish.into, "least": int(least.sum()), "most": int(most.sum())}
        member = within or "-"
        raise OptionError(*message("division.bad_into", **said, **counts, within=member))
    means = areas.weight.sum(axis=0) / areas.weight.sum()
    mixed = summed(areas.zone, (areas.weight / means).sum(axis=1), zones)
    return apportion(mixed, least, most, int(wish.into)), most


def _over(areas: Areas, seats: Ints, labels: Ints, cap: float) -> Ints:
    """Return how many groups of each zone are heavier than the cap."""
    load = summed(labels, areas.weight[:, 0], int(seats.sum()))
    zone = np.repeat(np.arange(len(seats)), seats)
    return np.bincount(zone[load > cap * (1 + HAIR)], minlength=len(seats))


def _again(
    areas: Areas, seats: Ints, more: Ints, labels: Ints, over: Flags, wish: _Wish, attempt: int
) -> Ints:
    """Divide the zones `over` anew into `more` groups; the others keep theirs."""
    base, new = (np.concatenate([[0], np.cumsum(s)[:-1]]) for s in (seats, more))
    result: Ints = labels - base[areas.zone] + new[areas.zone]
    some = np.flatnonzero(over[areas.zone])
    part = areas.part(some)
    zones = np.flatnonzero(over)
    fresh = divide_areas(
        part, more[over], compactness=wish.compactness / 2, seed=wish.seed + attempt, cap=wish.cap
    )
    inside = np.concatenate([[0], np.cumsum(more[over])[:-1]])
    result[some] = fresh - inside[part.zone] + new[zones[part.zone]]
    return result
