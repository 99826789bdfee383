"""The twin of ``coverage.c`` in numpy: the same arrays and the same answers, to the last bit."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GeometryError
from ..messages import message
from .exact import right_or_on, turn
from .native import EDGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .raster import Found, Raster, Rings

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Plain"]

_OUTSIDE, _OVERLAP = -1, -2
_SUM = 0xFFFFFFFFFFFF
_LOW = 0xFFFFFFFF
_MOST_EDGES = 0x7FFF
_CHUNK = 1 << 15  # points whose working arrays stay in a core's cache
_PAIRS = 1 << 17  # buckets looked at together for borders


class Plain:
    """The index in numpy; immutable once made.

    Parameters
    ----------
    raster : Raster
    code : int32 array, (nx * ny,)
    record : int64 array
    """

    name = "numpy"

    def __init__(self, raster: Raster, code: NDArray[np.int32], record: Ints) -> None:
        self.raster, self.code, self.record = raster, code, record
        self._real = record.view(np.float64)

    @staticmethod
    def edges(rings: Rings) -> NDArray[Any]:
        """Return the upward edges of all rings, twins joined, as a structured array."""
        inner = np.ones(len(rings.xy), dtype=bool)
        inner[rings.start[1:] - 1] = False
        at = np.flatnonzero(inner)
        ring = np.repeat(np.arange(len(rings.cell)), np.diff(rings.start) - 1)
        a, b = rings.xy[at], rings.xy[at + 1]
        moved = (a != b).any(axis=1)
        a, b, ring = a[moved], b[moved], ring[moved]
        cell_left = _anticlockwise(a, ring, len(rings.cell)) != rings.hole.astype(bool)
        up = (b[:, 1] > a[:, 1]) | ((b[:, 1] == a[:, 1]) & (b[:, 0] > a[:, 0]))
        left = cell_left[ring] == up
        cell = rings.cell[ring] + 1
        edges = np.empty(len(a), dtype=EDGE)
        low, high = np.where(up[:, None], a, b), np.where(up[:, None], b, a)
        edges["ax"], edges["ay"] = low[:, 0], low[:, 1]
        edges["bx"], edges["by"] = high[:, 0], high[:, 1]
        edges["right"], edges["left"] = np.where(left, 0, cell), np.where(left, cell, 0)
        joined = _join(edges)
        kept: NDArray[Any] = joined[joined["right"] != joined["left"]]
        return kept

    @classmethod
    def build(cls, edges: NDArray[Any], raster: Raster) -> Plain:
        """Lay the edges out on the raster."""
        corner = _corners(edges, raster)
        edge, bucket = _touched(edges, raster)
        count = np.bincount(bucket, minlength=raster.nx * raster.ny)
        if count.max(initial=0) > _MOST_EDGES:
            raise GeometryError(*message("kernels.too_crowded"))
        full = (count > 0) | ((corner != 0) & (corner >> 32 != 1))
        words = np.where(full, 1 + 5 * count, 0)
        offset = np.cumsum(words) - words
        if words.sum() >= 2**31 - 2:
            raise GeometryError(*message("kernels.too_large", words=words.sum()))
        code = np.where(full, -2 - offset, (corner & _LOW) - 1).astype(np.int32)
        record = np.empty(max(int(words.sum()), 1), np.int64)
        order = np.argsort(bucket, kind="stable")
        edge, bucket = edge[order], bucket[order]
        flag, counted = _flags(edges[edge], bucket, raster)
        np.subtract.at(corner, bucket[counted], _step(edges[edge[counted]]))
        record[offset[full]] = (count[full].astype(np.int64) << 48) | (corner[full] & _SUM)
        rank = np.arange(len(bucket)) - (np.cumsum(count) - count)[bucket]
        word, n = offset[bucket] + 1 + rank, count[bucket]
        for k, name in enumerate(("ax", "ay", "bx", "by")):
            record[word + k * n] = edges[name][edge].view(np.int64)
        sides = edges["right"][edge].astype(np.uint64) << np.uint64(33)
        sides |= edges["left"][edge].astype(np.uint64) << np.uint64(2)
        record[word + 4 * n] = (sides | flag.astype(np.uint64)).view(np.int64)
        return cls(raster, code, record)

    def locate(self, x: Floats, y: Floats, out: NDArray[np.int32]) -> None:
        """Write the owner's position of each point to `out`: -1 none, -2 several."""
        for start in range(0, len(x), _CHUNK):
            part = slice(start, start + _CHUNK)
            bucket = self._bucket(x[part], y[part])
            found = self.code[bucket]
            wait = np.flatnonzero(found < _OUTSIDE)
            at = -2 - found[wait].astype(np.int64)
            found[wait] = self._settle(x[part][wait], y[part][wait], at)
            out[part] = found

    def locate_one(self, x: float, y: float) -> int:
        """Return the owner's position of one point: -1 none, -2 several."""
        out = np.empty(1, np.int32)
        self.locate(np.array([x]), np.array([y]), out)
        return int(out[0])

    def _bucket(self, x: Floats, y: Floats) -> Ints:
        g = self.raster
        with np.errstate(all="ignore"):
            j, i = np.floor(x * g.sx), np.floor(y * g.sy)
            # One comparison mends the floor where a tiny coordinate underflows.
            j -= j / g.sx > x
            i -= i / g.sy > y
            j -= g.j0
            i -= g.i0
            ok = (j >= 0) & (j < len(g.column)) & (i >= 0) & (i < len(g.row))
            # Outside, fine column and row 0 stand in: their bucket is empty.
            j *= ok
            i *= ok
        np.nan_to_num(j, copy=False)
        np.nan_to_num(i, copy=False)
        bucket: Ints = g.row[i.astype(np.int64)].astype(np.int64) * g.nx
        bucket += g.column[j.astype(np.int64)]
        return bucket

    def _settle(self, x: Floats, y: Floats, at: Ints) -> NDArray[np.int32]:
        """Sum the steps over the edges of each point's record, the k-th edge of all at a time."""
        # Longest records first: the points that have a k-th edge are then a slice.
        order = np.argsort(-(self.record[at] >> 48), kind="stable")
        at, x, y = at[order], x[order], y[order]
        head = self.record[at]
        total, n = (head << 16) >> 16, head >> 48
        many = np.searchsorted(-n, -np.arange(1, n.max(initial=0) + 1), side="right")
        for k, m in enumerate(many.tolist()):
            word, stride, px, py = at[:m] + (1 + k), n[:m], x[:m], y[:m]
            ax, ay, bx, by = (self._real[word + c * stride] for c in range(4))
            sides = self.record[word + 4 * stride]
            below, above = py < ay, py >= by
            hit = (below & ((sides & 1) == 1)) | (above & ((sides & 2) == 2))
            on = np.flatnonzero(~(below | above))
            hit[on] = right_or_on(ax[on], ay[on], bx[on], by[on], px[on], py[on])
            crossed = np.flatnonzero(hit)
            step = sides[crossed]
            total[crossed] += _packed(_right(step)) - _packed(_left(step))
        owner = np.where(total >> 32 == 1, (total & _LOW) - 1, _OVERLAP)
        answer = np.empty(len(at), np.int32)
        answer[order] = np.where(total == 0, _OUTSIDE, owner)
        return answer

    def find(
        self,
        x: Floats,
        y: Floats,
        limits: tuple[float, float, float, float],
        found: Found,
        *,
        given: bool,
    ) -> None:
        """Write everything that is asked of each point to `found`; see `Found`."""
        reach, near, ambiguous, on = limits
        if not given:
            self.locate(x, y, found.owner)
        owner, border = found.owner, found.border_m
        for part, pairs in self._pairs(x, y, reach):
            border2 = np.full(len(x[part]), np.inf)
            apart2 = self._apart2(x[part][pairs[0]], y[part][pairs[0]], pairs)
            np.minimum.at(border2, pairs[0], apart2)
            border[part] = np.where(border2 <= reach * reach, np.sqrt(border2), np.nan)
        held = owner != _OUTSIDE
        found.way[:] = np.where(held, border <= on, 3)
        found.distance_m[:] = np.where(held, 0.0, np.nan)
        out = np.flatnonzero(~held)
        nearest, gap = self._nearest_cell(x[out], y[out], near, owner[out])
        owner[out], found.distance_m[out] = nearest, gap
        found.way[out[nearest >= 0]] = 2
        found.other[:] = -1
        beside = np.flatnonzero((owner >= 0) & ~(border > ambiguous))
        found.other[beside], _ = self._nearest_cell(x[beside], y[beside], ambiguous, owner[beside])

    def _pairs(self, x: Floats, y: Floats, r: float) -> Iterator[tuple[slice, tuple[Ints, ...]]]:
        """Yield parts of the points, each with pairs of point and edge within r, and maybe beyond.

        A pair is the number of the point in the part, the edge's first word and its stride.
        """
        window = self._window(x, y, r)
        buckets = np.cumsum(window[2] * window[3])
        cuts = np.searchsorted(buckets, np.arange(0, buckets.max(initial=0), _PAIRS), side="right")
        for start, stop in itertools.pairwise([0, *np.unique(cuts[cuts > 0]).tolist(), len(x)]):
            part = slice(start, stop)
            yield part, self._near_edges(tuple(axis[part] for axis in window))

    def _window(self, x: Floats, y: Floats, r: float) -> tuple[Ints, ...]:
        """Return first column and row of the buckets within r of each point, and how many."""
        g = self.raster
        with np.errstate(invalid="ignore"):
            slack = 1e-6 + 1e-15 * (np.abs(x * g.sx) + np.abs(y * g.sy))
            j0 = _part(g.column, (x - r) * g.sx - slack, g.j0)
            j1 = _part(g.column, (x + r) * g.sx + slack, g.j0)
            i0 = _part(g.row, (y - r) * g.sy - slack, g.i0)
            i1 = _part(g.row, (y + r) * g.sy + slack, g.i0)
        # What is not finite has no window.
        wild = ~(np.isfinite(x) & np.isfinite(y))
        return j0, i0, np.where(wild, 0, j1 - j0 + 1), np.where(wild, 0, i1 - i0 + 1)

    def _near_edges(self, window: tuple[Ints, ...]) -> tuple[Ints, ...]:
        """Return pairs of point and edge in the window's buckets: its first word and stride."""
        j0, i0, wide, high = window
        point, nth = _expand(wide * high)
        bucket = (i0[point] + nth // wide[point]) * self.raster.nx + j0[point] + nth % wide[point]
        code = self.code[bucket]
        full = code < _OUTSIDE
        point, at = point[full], -2 - code[full].astype(np.int64)
        n = self.record[at] >> 48
        pair, nth = _expand(n)
        return point[pair], at[pair] + 1 + nth, n[pair]

    def _nearest_cell(
        self, x: Floats, y: Floats, r: float, but: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], Floats]:
        """Return the nearest cell but one within r of each point, and the distance to it."""
        nearest, gap = np.full(len(x), -1, np.int32), np.full(len(x), np.nan)
        for part, pairs in self._pairs(x, y, r):
            point, word, n = pairs
            px, py = x[part][point], y[part][point]
            d2 = self._apart2(px, py, pairs)
            near = np.flatnonzero(d2 <= r * r)
            point, d2, sides = point[near], d2[near], self.record[(word + 4 * n)[near]]
            qx, qy = self._foot(px[near], py[near], word[near], n[near])
            cell = np.concatenate([_right(sides), _left(sides)]) - 1
            point, d2 = np.tile(point, 2), np.tile(d2, 2)
            qx, qy = np.tile(qx, 2), np.tile(qy, 2)
            fit = (cell >= 0) & (cell != but[part][point])
            # Equal distances go east, then north, then to the first cell.
            order = np.lexsort((cell[fit], -qy[fit], -qx[fit], d2[fit], point[fit]))
            first = np.flatnonzero(fit)[order]
            first = first[np.diff(point[first], prepend=-1) > 0]
            nearest[part][point[first]], gap[part][point[first]] = cell[first], np.sqrt(d2[first])
        return nearest, gap

    def _ends(self, word: Ints, n: Ints) -> tuple[Floats, ...]:
        return tuple(self._real[word + c * n] for c in range(4))

    def _apart2(self, px: Floats, py: Floats, pairs: tuple[Ints, ...]) -> Floats:
        """Return squared distances to edges, from how far beyond the ends and aside points are."""
        ax, ay, bx, by = self._ends(*pairs[1:])
        dx, dy, ex, ey = bx - ax, by - ay, px - ax, py - ay
        along, length2, aside = ex * dx + ey * dy, dx * dx + dy * dy, ex * dy - ey * dx
        past = np.abs(along - 0.5 * length2) - 0.5 * length2
        beyond = 0.5 * (past + np.abs(past))
        apart2: Floats = (beyond * beyond + aside * aside) / length2
        return apart2

    def _foot(self, px: Floats, py: Floats, word: Ints, n: Ints) -> tuple[Floats, Floats]:
        """Return the nearest point of each edge."""
        ax, ay, bx, by = self._ends(word, n)
        dx, dy = bx - ax, by - ay
        t = ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy)
        qx = np.where(t <= 0, ax, np.where(t >= 1, bx, ax + t * dx))
        qy = np.where(t <= 0, ay, np.where(t >= 1, by, ay + t * dy))
        return qx, qy


def _right(sides: Ints) -> Ints:
    right: Ints = (sides.view(np.uint64) >> np.uint64(33)).astype(np.int64)
    return right


def _left(sides: Ints) -> Ints:
    return (sides >> 2) & 0x7FFFFFFF


def _packed(v: Ints) -> Ints:
    packed: Ints = v + ((v > 0).astype(np.int64) << 32)
    return packed


def _step(edges: NDArray[Any]) -> Ints:
    return _packed(edges["right"].astype(np.int64)) - _packed(edges["left"].astype(np.int64))


def _expand(count: Ints) -> tuple[Ints, Ints]:
    """Return each index as often as its count says, and the running number in it."""
    index = np.repeat(np.arange(len(count)), count)
    return index, np.arange(len(index)) - np.repeat(np.cumsum(count) - count, count)


def _part(part: NDArray[np.int32], v: Floats, first: int) -> Ints:
    """Return the bucket column (or row) of places in fine columns from zero, or the nearest."""
    fine = np.clip(np.nan_to_num(np.floor(v) - first), 0, len(part) - 1)
    bucket: Ints = part[fine.astype(np.int64)].astype(np.int64)
    return bucket


def _anticlockwise(a: Floats, ring: Ints, n: int) -> NDArray[np.bool_]:
    """Judge each ring at its lowest, then leftmost vertex, where the turn cannot lie."""
    order = np.lexsort((a[:, 0], a[:, 1], ring))
    first = np.searchsorted(ring, np.arange(n))
    last = np.searchsorted(ring, np.arange(n), side="right") - 1
    low = order[first]
    before = np.where(low == first, last, low - 1)
    after = np.where(low == last, first, low + 1)
    sign = turn(*a[before].T, *a[low].T, *a[after].T)
    anticlockwise: NDArray[np.bool_] = sign > 0
    return anticlockwise


def _join(edges: NDArray[Any]) -> NDArray[Any]:
    """Join twin edges: one from each side; the rest stay single. In order of first appearance."""
    order = np.lexsort((edges["by"], edges["bx"], edges["ay"], edges["ax"]))
    sorted_ = edges[order]
    same = np.ones(max(len(edges) - 1, 0), dtype=bool)
    for name in ("ax", "ay", "bx", "by"):
        same &= sorted_[name][1:] == sorted_[name][:-1]
    starts = np.flatnonzero(np.r_[True, ~same]) if len(edges) else np.zeros(0, np.int64)
    sizes = np.diff(np.r_[starts, len(edges)])
    keep = np.ones(len(edges), dtype=bool)
    joined = edges.copy()
    pairs = starts[sizes == 2]
    one, two = order[pairs], order[pairs + 1]
    for name in ("right", "left"):
        fits = (joined[name][one] == 0) & (edges[name][two] != 0)
        joined[name][one[fits]] = edges[name][two[fits]]
        keep[two[fits]] = False
    for start, size in zip(starts[sizes > 2], sizes[sizes > 2], strict=True):
        _join_many(edges, order[start : start + size], joined, keep)
    return joined[keep]


def _join_many(
    edges: NDArray[Any], group: Ints, joined: NDArray[Any], keep: NDArray[np.bool_]
) -> None:
    """Join three and more equal edges one by one, as they come."""
    open_: list[int] = []
    for i in group.tolist():
        name = "right" if edges["right"][i] else "left"
        host = next((k for k in open_ if joined[name][k] == 0), None)
        if host is None:
            open_.append(i)
        else:
            joined[name][host] = edges[name][i]
            keep[i] = False


def _rows(edges: NDArray[Any], g: Raster) -> tuple[Ints, Ints]:
    return _part(g.row, edges["ay"] * g.sy, g.i0), _part(g.row, edges["by"] * g.sy, g.i0)


def _touched(edges: NDArray[Any], g: Raster) -> tuple[Ints, Ints]:
    """Return pairs of edge and bucket that it may touch, by edge, row, column."""
    first, last = _rows(edges, g)
    edge, nth = _expand(last - first + 1)
    i = first[edge] + nth
    from_, to = _columns(edges[edge], i, (last > first)[edge], g)
    pair, nth = _expand(to - from_ + 1)
    return edge[pair], i[pair] * g.nx + from_[pair] + nth


def _columns(edges: NDArray[Any], i: Ints, tall: NDArray[np.bool_], g: Raster) -> tuple[Ints, Ints]:
    u0, u1 = edges["ax"] * g.sx, edges["bx"] * g.sx
    low, high = np.minimum(u0, u1), np.maximum(u0, u1)
    reach = _part(g.column, np.ceil(high) - 1, g.j0)
    v0 = edges["ay"] * g.sy
    rise = np.where(tall, edges["by"] * g.sy - v0, 1.0)
    t0 = np.clip((g.y[i] * g.sy - v0) / rise, 0, 1)
    t1 = np.clip((g.y[i + 1] * g.sy - v0) / rise, 0, 1)
    a, b = u0 + t0 * (u1 - u0), u0 + t1 * (u1 - u0)
    slack = 1e-6 + 1e-15 * (np.abs(u0) + np.abs(u1))
    low = np.where(tall, np.maximum(np.minimum(a, b) - slack, low), low)
    high = np.where(tall, np.minimum(np.maximum(a, b) + slack, high), high)
    to = np.minimum(_part(g.column, high, g.j0), reach)
    return np.minimum(_part(g.column, low, g.j0), to), to


def _corners(edges: NDArray[Any], g: Raster) -> Ints:
    """Sum the steps west of each bucket's lower left corner."""
    # Lines ay <= y < by.
    first, stop = np.searchsorted(g.y[:-1], edges["ay"]), np.searchsorted(g.y[:-1], edges["by"])
    edge, nth = _expand(stop - first)
    i, e = first[edge] + nth, edges[edge]
    y = g.y[i]
    x = e["ax"] + (y - e["ay"]) / (e["by"] - e["ay"]) * (e["bx"] - e["ax"])
    j = _part(g.column, x * g.sx, g.j0)
    ends = (e["ax"], e["ay"], e["bx"], e["by"])
    # The first line that the edge passes on its west, as far as there are lines.
    for back, move, last in ((1, -1, 0), (0, 1, g.nx)):
        moving = np.flatnonzero(j != last)
        while len(moving):
            ax, ay, bx, by = (c[moving] for c in ends)
            right = right_or_on(ax, ay, bx, by, g.x[j[moving] - back], y[moving])
            moving = moving[right if move < 0 else ~right]
            j[moving] += move
            moving = moving[j[moving] != last]
    fits = j < g.nx
    corner = np.zeros((g.ny, g.nx), np.int64)
    np.add.at(corner, (i[fits], j[fits]), _step(e[fits]))
    return np.cumsum(corner, axis=1).ravel()


def _flags(edges: NDArray[Any], bucket: Ints, g: Raster) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the flag of each edge in its bucket, and whether it counts at the corner."""
    x, y = g.x[bucket % g.nx], g.y[bucket // g.nx]
    spans = np.minimum(edges["ax"], edges["bx"]) <= x
    flag = np.where(spans, np.where(edges["bx"] > edges["ax"], 1, 2), 0)
    below, above = y < edges["ay"], y >= edges["by"]
    counted = spans & np.where(below, flag == 1, above & (flag == 2))
    across = np.flatnonzero(spans & ~below & ~above)
    e = edges[across]
    counted[across] = right_or_on(e["ax"], e["ay"], e["bx"], e["by"], x[across], y[across])
    return flag, counted
