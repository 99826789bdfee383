"""Divide a connected graph into balanced, compact, connected groups.

Recursive bisection along random spanning trees gives a start with exactly as many groups as
asked; annealed moves and swaps of border nodes then trade balance against the length of the
borders. Every move keeps every group connected and non-empty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Graph", "divide_graph"]

TREES = 6
STEPS_PER_NODE = 200
BALANCE = 20.0
BORDER = 0.5
HOT, COLD = 0.5, 0.002
CHUNK = 100_000


@dataclass(frozen=True)
class Graph:
    """A connected graph with weights.

    Attributes
    ----------
    near : list of list of int
        Neighbours of each node.
    border : list of list of float
        Length of the border to each of them, 1 = a typical one.
    weight : list of float
        Positive in total.
    """

    near: list[list[int]]
    border: list[list[float]]
    weight: list[float]


def divide_graph(graph: Graph, k: int, rng: np.random.Generator) -> list[int]:
    """Return the group, 0 … k-1, of each node: k connected, non-empty groups of like weight.

    Parameters
    ----------
    graph : Graph
        Connected, with at least `k` nodes.
    k : int
        Number of groups, at least 1.
    rng : numpy Generator
    """
    group = _bisected(graph, k, rng)
    if 1 < k < len(group):
        _anneal(graph, group, k, rng)
    return group


def _bisected(graph: Graph, k: int, rng: np.random.Generator) -> list[int]:
    group = [0] * len(graph.weight)
    done = 0
    todo = [(list(range(len(group))), k)]
    while todo:
        nodes, parts = todo.pop()
        if parts == 1:
            for v in nodes:
                group[v] = done
            done += 1
            continue
        side, taken = _best_cut(graph, nodes, parts, rng)
        todo.append(([v for v in nodes if v in side], taken))
        todo.append(([v for v in nodes if v not in side], parts - taken))
    return group


def _best_cut(
    graph: Graph, nodes: list[int], k: int, rng: np.random.Generator
) -> tuple[set[int], int]:
    """Return one side of the best cut found on a few random trees, and its number of groups."""
    inside = set(nodes)
    best = (math.inf, {nodes[0]}, 1)
    for tree in range(TREES):
        order, parent = _random_tree(graph, nodes, inside, tree % 2 == 0, rng)
        error, top, taken = _best_edge(graph, order, parent, k)
        side = {top}
        for v in order:
            if parent[v] in side:
                side.add(v)
        cut = sum(
            length
            for v in side
            for u, length in zip(graph.near[v], graph.border[v], strict=True)
            if u in inside and u not in side
        )
        best = min(best, (3 * error + cut / math.sqrt(len(nodes)), side, taken), key=_score)
    return best[1], best[2]


def _score(cut: tuple[float, set[int], int]) -> float:
    return cut[0]


def _random_tree(
    graph: Graph, nodes: list[int], inside: set[int], compact: bool, rng: np.random.Generator
) -> tuple[list[int], dict[int, int]]:
    """Grow a random tree over `nodes`; return them from the root on, and each one's parent."""
    chance = iter(rng.random(4 * sum(len(graph.near[v]) for v in nodes) + 4).tolist())
    root = nodes[int(next(chance) * len(nodes))]
    frontier = [(root, -1)]
    parent: dict[int, int] = {}
    order: list[int] = []
    head = 0
    while len(order) < len(nodes):
        width = len(frontier) - head
        pick = head + int(next(chance) * (min(width, 4) if compact else width))
        v, above = frontier[pick]
        frontier[pick] = frontier[head]
        head += 1
        if v in parent:
            continue
        parent[v] = above
        order.append(v)
        frontier += [(u, v) for u in graph.near[v] if u in inside and u not in parent]
    return order, parent


def _best_edge(
    graph: Graph, order: list[int], parent: dict[int, int], k: int
) -> tuple[float, int, int]:
    """Return error, lower end and number of groups below, of the tree's most balanced edge."""
    n = len(order)
    below = {v: graph.weight[v] for v in order}
    count = dict.fromkeys(order, 1)
    for v in reversed(order[1:]):
        below[parent[v]] += below[v]
        count[parent[v]] += count[v]
    unit = below[order[0]] / k
    best = (math.inf, order[-1], 1)
    for v in order[1:]:
        share = below[v] / unit if unit > 0 else count[v] * k / n
        taken = min(max(round(share), 1, k - (n - count[v])), k - 1, count[v])
        error = abs(share - taken) / min(taken, k - taken) + 0.15 * abs(taken / k - 0.5)
        best = min(best, (error, v, taken))
    return best


def _anneal(graph: Graph, group: list[int], k: int, rng: np.random.Generator) -> None:
    """Improve `group` in place by moves and swaps of border nodes."""
    near, weight = graph.near, graph.weight
    n = len(group)
    load = [0.0] * k
    for v, g in enumerate(group):
        load[g] += weight[v]
    mean = sum(load) / k or 1.0
    search = _Search(graph, group, load, mean)
    steps = STEPS_PER_NODE * n
    temperature, cooling = HOT, (COLD / HOT) ** (1 / steps)
    nodes = rng.integers(n, size=steps)
    picks = rng.random((steps, 3))
    for b, (first, second, chance) in _rows(nodes, picks):
        temperature *= cooling
        around = near[b]
        u = around[int(first * len(around))]
        if group[u] == group[b]:
            continue
        most = -temperature * math.log(chance) if chance > 0 else math.inf
        if not search.move(b, group[u], most):
            c = u if second < 0.5 else near[u][int((2 * second - 1) * len(near[u]))]
            if group[c] == group[u]:
                search.swap(b, c, most)


def _rows(
    nodes: NDArray[np.int64], picks: NDArray[np.float64]
) -> Iterator[tuple[int, list[float]]]:
    """Yield node and picks of each step as plain numbers, which Python handles fastest.

    All steps at once would take 200 bytes each.
    """
    for start in range(0, len(nodes), CHUNK):
        part = slice(start, start + CHUNK)
        yield from zip(nodes[part].tolist(), picks[part].tolist(), strict=True)


class _Search:
    """Groups, their loads, and the steps that keep each group connected."""

    def __init__(self, graph: Graph, group: list[int], load: list[float], mean: float) -> None:
        self.near, self.border, self.weight = graph.near, graph.border, graph.weight
        self.group, self.load, self.mean = group, load, mean

    def move(self, b: int, to: int, most: float) -> bool:
        """Move node `b` when the cost rises by no more than `most`."""
        if self._cost(b, to) > most or not self._leaves_whole(b):
            return False
        self._shift(b, to)
        return True

    def swap(self, b: int, c: int, most: float) -> bool:
        """Exchange nodes `b` and `c` of two groups on the same terms."""
        group = self.group
        here, there = group[b], group[c]
        before = self._cost(b, there)
        if not self._leaves_whole(b):
            return False
        self._shift(b, there)
        fits = self._touches(c, here) and before + self._cost(c, here) <= most
        if fits and self._leaves_whole(c):
            self._shift(c, here)
            return True
        self._shift(b, here)
        return False

    def _cost(self, b: int, to: int) -> float:
        group, mean, x = self.group, self.mean, self.weight[b]
        here = group[b]
        cut = 0.0
        for u, length in zip(self.near[b], self.border[b], strict=True):
            if group[u] == here:
                cut += length
            elif group[u] == to:
                cut -= length
        # (a - x - m)² + (b + x - m)² - (a - m)² - (b - m)² = 2x (x + b - a)
        uneven = 2 * x * (x + self.load[to] - self.load[here]) / (mean * mean)
        return BALANCE * uneven + BORDER * cut

    def _shift(self, b: int, to: int) -> None:
        x = self.weight[b]
        self.load[self.group[b]] -= x
        self.load[to] += x
        self.group[b] = to

    def _touches(self, b: int, group: int) -> bool:
        return any(self.group[u] == group for u in self.near[b])

    def _leaves_whole(self, b: int) -> bool:
        """Tell whether the group of `b` stays connected, and not empty, without it."""
        near, group = self.near, self.group
        here = group[b]
        ends = [u for u in near[b] if group[u] == here]
        if len(ends) < 2:
            return len(ends) == 1
        missing = set(ends[1:])
        seen = {b, ends[0]}
        queue = [ends[0]]
        for v in queue:
            for u in near[v]:
                if group[u] == here and u not in seen:
                    missing.discard(u)
                    if not missing:
                        return True
                    seen.add(u)
                    queue.append(u)
        return False
