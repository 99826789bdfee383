"""Ways along the streets: how far it is from people's bases to areas where one has to walk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from ..crs import require_metres
from ..division.barriers import require_lines
from ..errors import OptionError
from ..messages import message

if TYPE_CHECKING:
    from typing import Any

    import geopandas as gpd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Geometries = NDArray[np.object_]

__all__ = ["Streets", "Trips", "street_graph"]

GRID_M = 0.01
"""Street ends so near to each other are one crossing."""

MOST = 400_000_000
"""Ways kept between crossings, four bytes each."""


class _Ends(NamedTuple):
    """Where points get on a street: its two ends, the way to each, and the street."""

    u: Ints
    v: Ints
    to_u: Floats
    to_v: Floats
    off: Floats
    edge: Ints


@dataclass(frozen=True, eq=False)
class Streets:
    """Streets cut at their crossings.

    Attributes
    ----------
    lines : array of LineString
        Stretches between crossings.
    u, v : array of int
        The crossings at their ends.
    length : array of float
        In metres.
    crossings : int
    """

    lines: Geometries
    u: Ints
    v: Ints
    length: Floats
    crossings: int

    def get_on(self, points: Floats) -> _Ends:
        """Return where points get on the nearest street, straight from where they are."""
        tree = shapely.STRtree(self.lines)
        shapes = shapely.points(points)
        edge: Ints = np.asarray(tree.nearest(shapes), np.int64)
        along = shapely.line_locate_point(self.lines[edge], shapes)
        off = shapely.distance(self.lines[edge], shapes)
        return _Ends(
            self.u[edge], self.v[edge], along, np.maximum(self.length[edge] - along, 0), off, edge
        )

    def trips(self, areas: Floats, people: Floats) -> Trips:
        """Return the ways from areas to people.

        Parameters
        ----------
        areas, people : array of float, (n, 2) and (m, 2)

        Raises
        ------
        OptionError
            More ways than fit into memory.
        """
        start, end = self.get_on(areas), self.get_on(people)
        rows, where = np.unique(np.concatenate([start.u, start.v]), return_inverse=True)
        columns, there = np.unique(np.concatenate([end.u, end.v]), return_inverse=True)
        if rows.size * columns.size > MOST:
            raise OptionError(*message("staffing.too_many_ways", n=rows.size, m=columns.size))
        table = np.empty((rows.size, columns.size), np.float32)
        # Of several streets between two crossings the shortest counts.
        order = np.lexsort((self.length, self.v, self.u))
        u, v, length = self.u[order], self.v[order], self.length[order]
        first = np.append(True, (np.diff(u) != 0) | (np.diff(v) != 0))
        size = self.crossings
        graph = coo_array((length[first], (u[first], v[first])), (size, size)).tocsr()
        step = max(1, 10_000_000 // size)
        for k in range(0, rows.size, step):
            way = dijkstra(graph, directed=False, indices=rows[k : k + step])
            table[k : k + step] = way[:, columns]
        n, m = len(areas), len(people)
        return Trips(
            table,
            start._replace(u=where[:n], v=where[n:]),
            end._replace(u=there[:m], v=there[m:]),
        )


@dataclass(frozen=True, eq=False)
class Trips:
    """Ways from areas to people: to the street, along streets, and from the street.

    Attributes
    ----------
    table : array of float32, (crossings of areas, crossings of people)
        Ways between crossings in metres; infinite where there is none.
    """

    table: NDArray[np.float32]
    areas: _Ends
    people: _Ends

    def metres(self, i: Ints, j: Ints) -> Floats:
        """Return the way from areas `i` to people `j`, arrays that broadcast; inf: there is none.

        Parameters
        ----------
        i, j : array of int
        """
        a, b = self.areas, self.people
        ways = [
            from_a[i] + self.table[end_a[i], end_b[j]] + from_b[j]
            for end_a, from_a in ((a.u, a.to_u), (a.v, a.to_v))
            for end_b, from_b in ((b.u, b.to_u), (b.v, b.to_v))
        ]
        # On one and the same street there is no need to go by its ends.
        same = np.where(a.edge[i] == b.edge[j], np.abs(a.to_u[i] - b.to_u[j]), np.inf)
        shortest: Floats = np.minimum.reduce([*ways, same]) + a.off[i] + b.off[j]
        return shortest

    def longest(self) -> float:
        """Return more than any way that there is."""
        ends = [
            float((side.off + np.maximum(side.to_u, side.to_v)).max(initial=0.0))
            for side in (self.areas, self.people)
        ]
        farthest = np.max(self.table, where=np.isfinite(self.table), initial=0.0)
        return float(farthest) + sum(ends)

    def of(self, people: Ints) -> Trips:
        """Return the ways to some of the people only."""
        kept: list[Any] = [column[people] for column in self.people]
        return replace(self, people=_Ends(*kept))


def street_graph(streets: gpd.GeoDataFrame, *, like: Any) -> Streets:
    """Cut streets at their crossings.

    Streets on the ground cross where their lines do. A row with ``bridge`` passes over what lies
    beneath and meets other streets only at its ends, and where one of them ends on it.

    Parameters
    ----------
    streets : GeoDataFrame
        Lines, with ``bridge`` where some are; projected.
    like : GeoDataFrame
        The areas, whose CRS the streets must have.

    Raises
    ------
    CRSError
        No CRS, degrees, or not that of the areas.
    GeometryError
        A shape is missing, empty or no line.
    OptionError
        There is no street.
    """
    require_metres(streets, what="streets")
    lines = require_lines(streets, like)
    if not len(lines):
        raise OptionError(*message("staffing.no_streets"))
    above = np.zeros(len(lines), bool)
    if "bridge" in streets.columns:
        above = streets["bridge"].astype("boolean").to_numpy(dtype=bool, na_value=False)
    ground = shapely.get_parts(shapely.union_all(lines[~above], grid_size=GRID_M))
    bridges = shapely.get_parts(shapely.set_precision(lines[above], GRID_M))
    bridges = bridges[~shapely.is_empty(bridges)]
    # A bridge may end in the middle of a street, a street on the middle of a bridge.
    ground = shapely.snap(ground, shapely.multipoints(_ends(bridges)), 2 * GRID_M)
    bridges = shapely.snap(bridges, shapely.multipoints(_ends(ground)), 2 * GRID_M)
    return _cut(np.concatenate([ground, bridges]))


def _ends(lines: Geometries) -> Floats:
    ends: Floats = shapely.get_coordinates(
        np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    )
    return ends


def _cut(lines: Geometries) -> Streets:
    """Cut lines at every vertex at which some line ends."""
    xy, line = shapely.get_coordinates(lines, return_index=True)
    cells = np.rint(xy / (2 * GRID_M)).astype(np.int64)
    _, vertex = np.unique(cells, axis=0, return_inverse=True)
    vertex = vertex.reshape(-1)
    outer = np.flatnonzero(np.diff(line, prepend=-1, append=-1))
    first, last = outer[:-1], outer[1:] - 1
    crossing = np.isin(vertex, vertex[np.concatenate([first, last])])
    stops = np.flatnonzero(crossing)
    within = line[stops[:-1]] == line[stops[1:]]
    a, b = stops[:-1][within], stops[1:][within]
    steps = np.hypot(*np.diff(xy, axis=0).T)
    travelled = np.append(0.0, np.cumsum(steps))
    numbers, ends = np.unique(np.concatenate([vertex[a], vertex[b]]), return_inverse=True)
    u, v = ends[: a.size], ends[a.size :]
    sizes = b - a + 1
    owner = np.repeat(np.arange(a.size), sizes)
    place = np.arange(owner.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    pieces = shapely.linestrings(xy[a[owner] + place], indices=owner)
    return Streets(pieces, u, v, travelled[b] - travelled[a], numbers.size)
