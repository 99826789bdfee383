"""The twin of ``partition.c`` in Python: the same steps and the same labels, more slowly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .zones import LOGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .zones import Zones

__all__ = ["divide"]

_OVER = 50.0
_TWO_CIRCLES = 2.0
_GAMMA, _MIX1, _MIX2 = (
    np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
_CHUNK = 1 << 14


def divide(
    zones: Zones,
    seats: NDArray[np.int64],
    seed: NDArray[np.uint64],
    label: NDArray[np.int32],
    *,
    warm: bool,
) -> None:
    """Divide each zone into ``seats`` groups, 0 …; write them to `label`, or begin with them."""
    labels = label.tolist()
    graph = _Graph(zones)
    for z, k in enumerate(seats.tolist()):
        first, end = int(zones.zone[z]), int(zones.zone[z + 1])
        nodes = list(range(first, end))
        chance = _draws(seed[z])
        least, best = math.inf, None
        for _ in range(int(zones.rounds[z])):
            if not warm:
                _begin(graph, nodes, k, int(zones.trees[z]), labels, chance)
            if not 1 < k < len(nodes):
                break
            search = _Search(graph, nodes, k, float(zones.cap[z]), labels)
            search.anneal(zones, z, chance)
            cost = 0.0
            for each in search.cost:
                cost += each
            if cost < least:
                least, best = cost, labels[first:end]
        if best is not None:
            labels[first:end] = best
    label[:] = labels


def _draws(seed: np.uint64) -> Iterator[int]:
    """Yield splitmix64's numbers (G. L. Steele, D. Lea, C. H. Flood, 2014)."""
    done = 0
    while True:
        count = np.arange(done + 1, done + _CHUNK + 1, dtype=np.uint64)
        z = seed + count * _GAMMA
        z = (z ^ (z >> np.uint64(30))) * _MIX1
        z = (z ^ (z >> np.uint64(27))) * _MIX2
        yield from (z ^ (z >> np.uint64(31))).tolist()
        done += _CHUNK


def _below(r: int, n: int) -> int:
    return (r >> 32) * n >> 32


class _Graph:
    """The zones as lists, which Python handles fastest."""

    def __init__(self, zones: Zones) -> None:
        ends = zones.first[1:-1]
        self.edges = [range(a, b) for a, b in zip(zones.first[:-1], zones.first[1:], strict=True)]
        self.near = zones.near.tolist()
        self.start = zones.start.tolist()
        self.back = zones.back.tolist()
        self.border = zones.border.tolist()
        self.around = [part.tolist() for part in np.split(zones.near, ends)]
        self.weight = zones.weight.tolist()
        self.mass = zones.mass.tolist()
        self.area = zones.area.tolist()
        self.outline = zones.outline.tolist()
        self.stay = zones.stay.tolist()
        self.lock = zones.lock.tolist()
        self.old = zones.old.tolist()
        self.kinds = range(zones.weight.shape[1])
        self.balance = zones.balance


def _begin(
    graph: _Graph, nodes: list[int], k: int, trees: int, labels: list[int], chance: Iterator[int]
) -> None:
    """Divide by recursive bisection."""
    done = 0
    todo = [(nodes, k)]
    while todo:
        part, parts = todo.pop()
        if parts == 1:
            for v in part:
                labels[v] = done
            done += 1
            continue
        side, taken = _bisect(graph, part, parts, trees, chance)
        halves = [
            ([v for v in part if v in side], taken),
            ([v for v in part if v not in side], parts - taken),
        ]
        todo += halves if 2 * taken > parts else halves[::-1]


def _bisect(
    graph: _Graph, nodes: list[int], k: int, trees: int, chance: Iterator[int]
) -> tuple[set[int], int]:
    """Return one side of the best cut found on a few random trees, and its number of groups."""
    inside = set(nodes)
    best, kept, groups = math.inf, inside, 0
    for tree in range(trees):
        order, parent = _grow(graph, nodes, inside, tree % 2 == 0, chance)
        error, top, taken = _best_edge(graph, order, parent, k)
        side = {top}
        for v in order[1:]:
            if parent[v] in side:
                side.add(v)
        length = 0.0
        for v in nodes:
            if v in side:
                for e in graph.edges[v]:
                    u = graph.near[e]
                    if u in inside and u not in side:
                        length += graph.border[e]
        score = 3.0 * error + length / math.sqrt(k)
        if score < best:
            best, kept, groups = score, side, taken
    return kept, groups


def _grow(
    graph: _Graph, nodes: list[int], inside: set[int], compact: bool, chance: Iterator[int]
) -> tuple[list[int], dict[int, int]]:
    """Grow a random tree over `nodes`; return them from the root on, and each one's parent."""
    frontier = [(nodes[_below(next(chance), len(nodes))], -1)]
    parent: dict[int, int] = {}
    order: list[int] = []
    head = 0
    while len(order) < len(nodes):
        wide = len(frontier) - head
        pick = head + _below(next(chance), min(wide, 4) if compact else wide)
        v, above = frontier[pick]
        frontier[pick] = frontier[head]
        head += 1
        if v in parent:
            continue
        parent[v] = above
        order.append(v)
        frontier += [(u, v) for u in graph.around[v] if u in inside and u not in parent]
    return order, parent


def _best_edge(
    graph: _Graph, order: list[int], parent: dict[int, int], k: int
) -> tuple[float, int, int]:
    """Return error, lower end and number of groups below, of the tree's most balanced edge."""
    n, root = len(order), order[0]
    total = {v: graph.mass[v] for v in order}
    count = dict.fromkeys(order, 1)
    locks = {v: graph.lock[v] for v in order}
    for v in reversed(order[1:]):
        above = parent[v]
        total[above] += total[v]
        count[above] += count[v]
        locks[above] += locks[v]
    unit = total[root] / k
    best, top, taken = math.inf, root, 0
    for v in order[1:]:
        share = total[v] / unit if unit > 0 else count[v] * k / n
        least = max(locks[v], 1, k - (n - count[v]))
        most = min(k - max(locks[root] - locks[v], 1), count[v])
        if least > most:
            continue
        m = min(max(int(share + 0.5), least), most)
        error = abs(share - m) / min(m, k - m) + 0.15 * abs(m / k - 0.5)
        if error < best:
            best, top, taken = error, v, m
    return best, top, taken


class _Search:
    """The groups of one zone, and the steps that keep each of them connected."""

    def __init__(
        self, graph: _Graph, nodes: list[int], k: int, cap: float, labels: list[int]
    ) -> None:
        self.graph, self.cap, self.label = graph, cap, labels
        self.load = [[0.0 for _ in graph.kinds] for _ in range(k)]
        self.area, self.outline = [0.0] * k, [0.0] * k
        self.size, self.locked = [0] * k, [0] * k
        self.cut: list[int] = []
        self.place: dict[int, int] = {}
        for v in nodes:
            g = labels[v]
            for q in graph.kinds:
                self.load[g][q] += graph.weight[v][q]
            self.area[g] += graph.area[v]
            self.outline[g] += graph.outline[v]
            self.size[g] += 1
            self.locked[g] += graph.lock[v]
            for e in graph.edges[v]:
                if labels[graph.near[e]] == g:
                    self.outline[g] -= graph.border[e]
                else:
                    self._enter(e)
        self.cost = [
            self._uneven(load) + outline / math.sqrt(area)
            for load, area, outline in zip(self.load, self.area, self.outline, strict=True)
        ]

    def anneal(self, zones: Zones, z: int, chance: Iterator[int]) -> None:
        """Improve the labels by moves and swaps across borders, at falling temperature."""
        graph, label, cut = self.graph, self.label, self.cut
        logs, n_logs = LOGS.tolist(), len(LOGS)
        for stage_heat in zones.heat.tolist():
            heat = stage_heat * float(zones.warmth[z])
            for _ in range(int(zones.steps[z])):
                r, t = next(chance), next(chance)
                if not cut:
                    return
                e = cut[_below(r, len(cut))]
                b, u = graph.start[e], graph.near[e]
                to = label[u]
                most = heat * logs[t % n_logs]
                if self._move(b, to, most):
                    continue
                c = u
                if r & 1:
                    around = graph.around[u]
                    c = around[_below(t, len(around))]
                    if label[c] != to:
                        continue
                self._swap(b, c, most)

    def _uneven(self, load: list[float]) -> float:
        """Return what a load costs; the shape costs outline / sqrt(area), 1 for a circle."""
        uneven = 0.0
        for x in load:
            off = x - 1.0
            uneven += off * off
        cost = self.graph.balance * uneven
        if load[0] > self.cap:
            cost += _OVER * (load[0] - self.cap)
        return cost

    def _enter(self, e: int) -> None:
        self.place[e] = len(self.cut)
        self.cut.append(e)

    def _leave(self, e: int) -> None:
        at = self.place[e]
        last = self.cut.pop()
        if at < len(self.cut):
            self.cut[at] = last
        self.place[last] = at

    def _hand(self, b: int, to: int) -> None:
        graph, label = self.graph, self.label
        here = label[b]
        label[b] = to
        for e in graph.edges[b]:
            other = label[graph.near[e]]
            if other == here:
                self._enter(e)
                self._enter(graph.back[e])
            elif other == to:
                self._leave(e)
                self._leave(graph.back[e])

    def _whole(self, around: int, g: int, start: int) -> bool:
        """Tell whether members of `g` next to `around` hang together, with `start` from 0 on."""
        near, label = self.graph.around, self.label
        missing = {u for u in near[around] if label[u] == g and u != start}
        if start < 0 and missing:
            start = missing.pop()
        if not missing:
            return True
        seen = {around, start}
        queue = [start]
        for v in queue:
            for u in near[v]:
                if label[u] == g and u not in seen:
                    missing.discard(u)
                    if not missing:
                        return True
                    seen.add(u)
                    queue.append(u)
        return False

    def _common(self, b: int, g: int, but: int) -> float:
        graph, label = self.graph, self.label
        length = 0.0
        for e in graph.edges[b]:
            u = graph.near[e]
            if label[u] == g and u != but:
                length += graph.border[e]
        return length

    def _longing(self, b: int, here: int, there: int) -> float:
        old = self.graph.old[b]
        cost: float = self.graph.stay[b] * (float(old != there) - float(old != here))
        return cost

    def _settle(self, g: int, load: list[float], area: float, outline: float, cost: float) -> None:
        self.load[g], self.area[g], self.outline[g], self.cost[g] = load, area, outline, cost

    def _move(self, b: int, to: int, most: float) -> bool:
        """Move node `b` to group `to` when the cost rises by no more than `most`."""
        graph = self.graph
        here, lock = self.label[b], graph.lock[b]
        if self.size[here] == 1 or (lock and self.locked[to]):
            return False
        weight = graph.weight[b]
        give = [x - w for x, w in zip(self.load[here], weight, strict=True)]
        take = [x + w for x, w in zip(self.load[to], weight, strict=True)]
        cost1, cost2 = self._uneven(give), self._uneven(take)
        rise = self._longing(b, here, to) - self.cost[here] - self.cost[to]
        if cost1 + cost2 + _TWO_CIRCLES + rise > most:
            return False
        area1, area2 = self.area[here] - graph.area[b], self.area[to] + graph.area[b]
        inner, outer = self._common(b, here, -1), self._common(b, to, -1)
        outline1 = self.outline[here] - graph.outline[b] + 2.0 * inner
        outline2 = self.outline[to] + graph.outline[b] - 2.0 * outer
        cost1 += outline1 / math.sqrt(area1)
        cost2 += outline2 / math.sqrt(area2)
        if cost1 + cost2 + rise > most or not self._whole(b, here, -1):
            return False
        self._settle(here, give, area1, outline1, cost1)
        self._settle(to, take, area2, outline2, cost2)
        self.size[here] -= 1
        self.size[to] += 1
        self.locked[here] -= lock
        self.locked[to] += lock
        self._hand(b, to)
        return True

    def _swap(self, b: int, c: int, most: float) -> None:
        """Exchange nodes `b` and `c` of two groups on the same terms."""
        graph, label = self.graph, self.label
        here, there = label[b], label[c]
        extra = graph.lock[c] - graph.lock[b]
        if self.locked[here] + extra > 1 or self.locked[there] - extra > 1:
            return
        more = [y - x for x, y in zip(graph.weight[b], graph.weight[c], strict=True)]
        one = [x + d for x, d in zip(self.load[here], more, strict=True)]
        two = [x - d for x, d in zip(self.load[there], more, strict=True)]
        cost1, cost2 = self._uneven(one), self._uneven(two)
        rise = self._longing(b, here, there) + self._longing(c, there, here)
        rise = rise - self.cost[here] - self.cost[there]
        if cost1 + cost2 + _TWO_CIRCLES + rise > most:
            return
        c_here, b_there = self._common(c, here, b), self._common(b, there, c)
        if (c_here == 0.0 and self.size[here] > 1) or (b_there == 0.0 and self.size[there] > 1):
            return
        x = graph.area[c] - graph.area[b]
        area1, area2 = self.area[here] + x, self.area[there] - x
        b_here, c_there = self._common(b, here, -1), self._common(c, there, -1)
        outline1 = (
            self.outline[here] - graph.outline[b] + 2.0 * b_here + graph.outline[c] - 2.0 * c_here
        )
        outline2 = (
            self.outline[there]
            - graph.outline[c]
            + 2.0 * c_there
            + graph.outline[b]
            - 2.0 * b_there
        )
        cost1 += outline1 / math.sqrt(area1)
        cost2 += outline2 / math.sqrt(area2)
        if cost1 + cost2 + rise > most:
            return
        label[b], label[c] = there, here
        sound = self._whole(b, here, c) and self._whole(c, there, b)
        label[b], label[c] = here, there
        if not sound:
            return
        self._settle(here, one, area1, outline1, cost1)
        self._settle(there, two, area2, outline2, cost2)
        self.locked[here] += extra
        self.locked[there] -= extra
        self._hand(b, there)
        self._hand(c, here)
