"""Even out cells after their load has changed, moving as little land as possible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..errors import SchemaError, raise_all
from ..messages import message
from ..tables import first_few
from .bounds import spread
from .network import connect, read_columns
from .partition import Stay, divide_areas

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from ..messages import Message
    from .network import Network
    from .ordering import Floats, Ints
    from .partition import Areas

__all__ = ["Rebalanced", "rebalance"]

CHEAP, DEAR = 1e-3, 30.0
"""Between what costs of moving 1 % of the land the right one is sought."""
HALVINGS = 7


@dataclass(frozen=True)
class Rebalanced:
    """What `rebalance` returns.

    Attributes
    ----------
    units : GeoDataFrame
        The same rows with new ``cell_code``.
    moved : list
        Index labels of the units that changed their cell.
    moved_share : float
        Their share of the area.
    spread_before, spread_after : float
        Coefficient of variation of the cells' weight against the mean cell of their piece of land.
    spread_free : float
        The same when any unit may move that neighbours can take.

    Examples
    --------
    >>> from gridkit.division.rebalancing import Rebalanced
    >>> made = Rebalanced(None, [], 0.01, 0.20, 0.10, 0.06)
    >>> round(made.gain, 2), round(made.attainable, 2)
    (0.1, 0.14)
    """

    units: gpd.GeoDataFrame
    moved: list[object]
    moved_share: float
    spread_before: float
    spread_after: float
    spread_free: float

    @property
    def gain(self) -> float:
        """How much the spread has fallen."""
        return self.spread_before - self.spread_after

    @property
    def attainable(self) -> float:
        """How much it could fall if land moved freely."""
        return self.spread_before - self.spread_free


def rebalance(
    units: gpd.GeoDataFrame,
    *,
    weight: str | Sequence[str] | None = "load",
    max_changed: float = 0.02,
    within: str | None = "community_code",
    keep: str | None = None,
    barriers: gpd.GeoDataFrame | None = None,
    compactness: float = 0.3,
    seed: int = 0,
) -> Rebalanced:
    """Move units between neighbouring cells until their weight is even again.

    Cells stay contiguous, keep their codes and never cross `within`. Moving land has a price;
    the lowest price at which no more than `max_changed` of the land moves is sought, so the land
    that moves is where it helps most. Cells that cannot be made more even stay as they are.

    Parameters
    ----------
    units : GeoDataFrame
        The units that cells are made of, such as street blocks, with ``cell_code`` as it stands.
    weight, within, keep, barriers, compactness, seed
        As in `group_labels`; with several weights, the spread told is that of the first.
    max_changed : float, default 0.02
        Largest share of the area that may change its cell, from 0 to 1.

    Returns
    -------
    Rebalanced
        The units with new codes, and what was moved and gained. Cells are made of them by
        dissolving; the spread is given for the first weight.

    Raises
    ------
    OptionError
        `max_changed` or `compactness` is out of range; a lock's units do not hang together.
    SchemaError
        A column is missing or empty, weights are negative or all zero; a cell does not hang
        together inside one member of `within`, or a lock lies in several cells, or a cell holds
        several locks. The codes are named.
    CRSError, GeometryError
        Units are not sound polygons in metres, or barriers not lines in the same CRS.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.division.rebalancing import rebalance
    >>> units = gpd.GeoDataFrame(
    ...     {"cell_code": ["A", "A", "A", "B", "B", "B"], "load": [1, 1, 2, 1, 0, 0]},
    ...     geometry=[box(x, 0, x + 100, 100) for x in range(0, 600, 100)],
    ...     crs=4549,
    ... )
    >>> made = rebalance(units, max_changed=0.2, within=None)
    >>> made.units["cell_code"].tolist()
    ['A', 'A', 'B', 'B', 'B', 'B']
    """
    problems = []
    for name, value in (("max_changed", max_changed), ("compactness", compactness)):
        if not (isinstance(value, (int, float, np.number)) and 0 <= value <= 1):
            problems.append(message("division.no_share", name=name, value=value))
    code = _codes(units)
    columns = read_columns(units, weight, within, keep, problems)
    network = connect(units, columns, barriers)
    old, seats = _old_labels(network, code)
    areas = network.areas
    nearby = _Nearby(areas, seats, old, compactness, seed)
    free = nearby.moved_at(0.0)
    new = nearby.within(max_changed, free)
    names = np.empty(int(seats.sum()), dtype=object)
    names[old[network.area]] = code[network.order]
    fresh = np.empty(len(units), dtype=object)
    fresh[network.order] = names[new[network.area]]
    before, after, best = map(nearby.spread, (old, new, free))
    changed = fresh != code
    table = units.assign(cell_code=pd.array(fresh, dtype="str"))
    moved = units.index[changed].tolist()
    # Chance may find a better division with a price than without one.
    return Rebalanced(table, moved, nearby.share(new), before, after, min(best, after))


def _codes(units: gpd.GeoDataFrame) -> NDArray[Any]:
    if "cell_code" not in units.columns:
        found = ", ".join(map(str, units.columns))
        raise SchemaError(*message("division.no_cell_code", found=found))
    empty = np.flatnonzero(units["cell_code"].isna())
    if len(empty):
        raise SchemaError(
            *message(
                "division.empty_within", column="cell_code", n=len(empty), rows=first_few(empty)
            )
        )
    codes: NDArray[Any] = units["cell_code"].astype(str).to_numpy(dtype=object)
    return codes


def _old_labels(network: Network, code: NDArray[Any]) -> tuple[Ints, Ints]:
    """Return the present cell of each area as `divide_areas` numbers them, and the seats.

    Raises
    ------
    SchemaError
        A cell lies in several pieces, a lock in several cells, or several locks in one.
    """
    areas, cells = network.areas, code[network.order]
    number, names = pd.factorize(cells)
    cell = np.empty(len(areas.zone), dtype=np.int64)
    cell[network.area] = number
    same = cell[areas.i] == cell[areas.j]
    links = coo_array(
        (np.ones(int(same.sum())), (areas.i[same], areas.j[same])), shape=(len(cell), len(cell))
    )
    piece = connected_components(links, directed=False)[1]
    pieces = np.unique(np.stack([cell, piece]), axis=1)[0]
    broken = np.flatnonzero(np.bincount(pieces, minlength=len(names)) > 1)
    split = np.unique(number[number != cell[network.area]])
    crowded = np.flatnonzero(np.bincount(cell, areas.locked, len(names)) > 1)
    problems: list[Message] = []
    for key, which in (
        ("division.broken_cells", broken),
        ("division.split_locks", split),
        ("division.crowded_cells", crowded),
    ):
        if len(which):
            shown = ", ".join(map(str, names[which[:5]]))
            problems.append(message(key, n=len(which), codes=shown))
    raise_all(SchemaError, problems)
    zone = np.empty(len(names), dtype=np.int64)
    zone[cell] = areas.zone
    order = np.argsort(zone, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[cell], np.bincount(zone).astype(np.int64)


@dataclass(frozen=True)
class _Nearby:
    """Divisions near the present one."""

    areas: Areas
    seats: Ints
    old: Ints
    compactness: float
    seed: int

    def moved_at(self, price: float) -> Ints:
        """Return the best division found when moving 1 % of the land costs so much."""
        return divide_areas(
            self.areas,
            self.seats,
            compactness=self.compactness,
            seed=self.seed,
            stay=Stay(self.old, price * float(self.seats.sum())),
        )

    def share(self, labels: Ints) -> float:
        """Return the share of the land that changes its cell."""
        land: Floats = self.areas.area_m2
        return float(land[labels != self.old].sum() / land.sum())

    def spread(self, labels: Ints) -> float:
        """Return the spread of the first weight."""
        return spread(self.areas.weight[:, 0], self.areas.zone, self.seats, labels)

    def within(self, most: float, free: Ints) -> Ints:
        """Return the evenest division found that moves no more than `most`, or the present one."""
        fit = [self.old]
        if self.share(free) <= most:
            fit.append(free)
        else:
            low, high = np.log(CHEAP), np.log(DEAR)
            for _ in range(HALVINGS):
                price = (low + high) / 2
                labels = self.moved_at(float(np.exp(price)))
                if self.share(labels) <= most:
                    fit.append(labels)
                    high = price
                else:
                    low = price
        return min(fit, key=self.spread)
