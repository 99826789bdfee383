"""From a table of units to the areas that the engine divides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .._kernels.zones import MOST_KINDS
from ..errors import OptionError, SchemaError, raise_all
from ..messages import Message, message
from ..tables import first_few
from .barriers import barred, require_lines
from .neighbours import is_exact, shared_borders
from .ordering import require_areas, summed, weights_of
from .partition import Areas

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from .ordering import Flags, Floats, Geometries, Ints

__all__ = ["Columns", "Network", "connect", "read_columns"]


OFF_TIES_M2 = 1.7e-5
"""Areas between corners on whole centimetres are multiples of 0.5 cm², which would often lie
halfway between two rounded values; so much off them none does."""


@dataclass(frozen=True)
class Columns:
    """What is read from the table, in the order of its rows.

    Attributes
    ----------
    load : ndarray of float, shape (n, kinds)
    member : ndarray of int, shape (n,)
        Which member of `within` a unit belongs to.
    lock : ndarray of int, shape (n,)
        Which lock, -1 for none.
    locks : list of str
        Their labels.
    """

    load: Floats
    member: Ints
    lock: Ints
    locks: list[str]


@dataclass(frozen=True)
class Network:
    """Units in an order that does not depend on the rows', and the areas they make.

    Attributes
    ----------
    order : ndarray of int, shape (units,)
        Row of each unit.
    geoms : ndarray of Polygon or MultiPolygon, shape (units,)
    exact : bool
        Whether they agree vertex by vertex.
    area : ndarray of int, shape (units,)
        Which area each unit is part of: units with one lock are one area.
    areas : Areas
    members : int
        Members of `within`.
    """

    order: Ints
    geoms: Geometries
    exact: bool
    area: Ints
    areas: Areas
    members: int


def read_columns(
    units: gpd.GeoDataFrame,
    weight: str | Sequence[str] | None,
    within: str | None,
    keep: str | None,
    problems: list[Message],
) -> Columns:
    """Return weights, members and locks of all units; raise naming every fault.

    Raises
    ------
    SchemaError
        A column is missing, weights are empty, negative or all zero, codes in `within` are empty.
        `problems` already found are told in the same error.
    OptionError
        There are only those.
    """
    n, problems = len(units), list(problems)
    kinds = [] if weight is None else [weight] if isinstance(weight, str) else list(weight)
    asked = [*(("weight", c) for c in kinds), ("within", within), ("keep", keep)]
    found = ", ".join(map(str, units.columns))
    faults = [
        message("division.no_column", column=c, name=name, found=found)
        for name, c in asked
        if c is not None and c not in units.columns
    ]
    there = set(units.columns)
    if len(kinds) > MOST_KINDS:
        problems.append(message("division.too_many_weights", n=len(kinds), most=MOST_KINDS))
    loads = [_load(units, c, faults) for c in kinds if c in there] or [np.ones(n)]
    member = np.zeros(n, dtype=np.int64)
    if within in there:
        member = pd.factorize(units[within], sort=True)[0]
        lost = np.flatnonzero(member < 0)
        if len(lost):
            rows = first_few(lost)
            faults.append(message("division.empty_within", column=within, n=len(lost), rows=rows))
    lock, names = np.full(n, -1, dtype=np.int64), []
    if keep in there:
        lock, labels = pd.factorize(units[keep], sort=True)
        names = [str(label) for label in labels]
    raise_all(SchemaError if faults else OptionError, faults + problems)
    return Columns(np.stack(loads, axis=1), member, lock, names)


def _load(units: gpd.GeoDataFrame, column: str, faults: list[Message]) -> Floats:
    """Return one weight; add what is wrong with it to `faults`."""
    try:
        load = weights_of(units, column)
    except SchemaError as error:
        faults.append(Message(error.en, error.zh))
        return np.ones(len(units))
    if not load.any() and len(load):
        faults.append(message("division.zero_weights", column=column))
    return load


def connect(
    units: gpd.GeoDataFrame, columns: Columns, barriers: gpd.GeoDataFrame | None
) -> Network:
    """Return the units as connected areas.

    Raises
    ------
    CRSError, GeometryError
        Units are not sound polygons in metres, barriers not sound lines in the same CRS.
    OptionError
        The units of a lock do not hang together inside one member.
    """
    geoms = require_areas(units, what="units")
    lines = None if barriers is None else require_lines(barriers, units)
    x, y = np.round(shapely.get_coordinates(shapely.centroid(geoms)).T, 3)
    # Areas around one another may share their middle.
    order = np.lexsort((shapely.area(geoms), y, x))
    geoms = geoms[order]
    member, lock = columns.member[order], columns.lock[order]
    exact = is_exact(geoms)
    i, j, metres = shared_borders(geoms, exact=exact)
    linked = member[i] == member[j]
    if lines is not None:
        linked &= ~barred(geoms, i, j, lines)
    i, j, metres = i[linked], j[linked], metres[linked]
    raise_all(OptionError, _broken_locks(order, i, j, lock, columns.locks))
    first = np.arange(len(geoms))
    held = lock >= 0
    if held.any():
        opening = np.unique(lock[held], return_index=True)[1]
        first[held] = np.flatnonzero(held)[opening][lock[held]]
    area = np.unique(first, return_inverse=True)[1]
    areas = _merged(geoms, area, columns.load[order], held, (i, j, metres))
    return Network(order, geoms, exact, area, areas, int(member.max()) + 1)


def _broken_locks(order: Ints, i: Ints, j: Ints, lock: Ints, names: list[str]) -> list[Message]:
    """Name the locks whose units lie in several pieces."""
    same = (lock[i] == lock[j]) & (lock[i] >= 0)
    piece = _components(len(lock), i[same], j[same])
    held = np.flatnonzero(lock >= 0)
    _, opening = np.unique(piece[held], return_index=True)
    pieces = held[opening]
    problems = []
    for number in np.flatnonzero(np.bincount(lock[pieces], minlength=len(names)) > 1):
        parts = piece[pieces[lock[pieces] == number]]
        shown = " | ".join(first_few(np.sort(order[piece == part])) for part in parts)
        problems.append(
            message("division.broken_lock", lock=names[number], n=len(parts), rows=shown)
        )
    return problems


def _merged(
    geoms: Geometries,
    area: Ints,
    load: Floats,
    held: Flags,
    borders: tuple[Ints, Ints, Floats],
) -> Areas:
    """Add units up to areas and their borders to borders of areas."""
    n = int(area.max()) + 1
    i, j, metres = borders
    a, b = np.minimum(area[i], area[j]), np.maximum(area[i], area[j])
    inner = a == b
    # Rounded, so that they are the same wherever the district lies.
    area_m2 = summed(area, np.round(shapely.area(geoms) + OFF_TIES_M2, 1), n)
    outline = summed(area, np.round(shapely.length(geoms), 3), n)
    outline -= 2.0 * summed(a[inner], metres[inner], n)
    pair, which = np.unique(a[~inner] * n + b[~inner], return_inverse=True)
    border = summed(which, metres[~inner], len(pair))
    locked = np.zeros(n, dtype=bool)
    locked[area[held]] = True
    a, b = pair // n, pair % n
    weight = np.stack([summed(area, kind, n) for kind in load.T], axis=1)
    return Areas(_components(n, a, b), weight, area_m2, outline, locked, a, b, border)


def _components(n: int, i: Ints, j: Ints) -> Ints:
    links = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    piece: Ints = connected_components(links, directed=False)[1].astype(np.int64)
    return piece
