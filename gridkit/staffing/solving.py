"""Least-cost assignments on given arcs, by the network solvers of OR-Tools."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import maximum_flow

if TYPE_CHECKING:
    from .needs import Ints
    from .pricing import Arcs

__all__ = ["best_on", "best_pairs", "most_filled", "pairs_up", "transport"]


def best_on(arcs: Arcs, capacity: Ints, areas: int, penalty: int) -> Ints:
    """Return the person of each area at least total cost, -1 for nobody, which costs `penalty`.

    Parameters
    ----------
    arcs : Arcs
    capacity : array of int, m
    areas : int
        Number of areas.
    penalty : int
        What an area without anybody costs.
    """
    people, sink = areas + np.arange(len(capacity)), areas + len(capacity)
    everyone = np.arange(areas)
    tail = np.concatenate([arcs.i, people, everyone])
    head = np.concatenate([areas + arcs.j, np.full(len(people) + areas, sink)])
    most = np.concatenate([np.ones_like(arcs.i), capacity, np.ones_like(everyone)])
    cost = np.concatenate([arcs.cost, np.zeros_like(capacity), np.full(areas, penalty)])
    supply = np.concatenate([np.ones_like(everyone), np.zeros_like(capacity), [-areas]])
    flow = _flow(tail, head, most, cost, supply)[: len(arcs.i)] > 0
    chosen = np.full(areas, -1)
    chosen[arcs.i[flow]] = arcs.j[flow]
    return chosen


def most_filled(allowed: csr_array, capacity: Ints) -> tuple[int, Ints]:
    """Return how many areas can be served at once, and by whom each (-1 nobody).

    Parameters
    ----------
    allowed : sparse array, areas × people
        Nonzero where a pair is allowed.
    capacity : array of int
        Places of each person.
    """
    n, m = allowed.shape
    pairs = allowed.tocoo()
    everyone, people = np.arange(n), np.arange(m)
    tail = np.concatenate([np.zeros(n, int), 1 + pairs.row, 1 + n + people])
    head = np.concatenate([1 + everyone, 1 + n + pairs.col, np.full(m, 1 + n + m)])
    room = np.concatenate([np.ones(n), np.ones(len(pairs.row)), capacity]).astype(np.int32)
    size = n + m + 2
    graph = csr_array(coo_array((room, (tail, head)), shape=(size, size)))
    result = maximum_flow(graph, 0, size - 1)
    flow = result.flow.tocoo()
    used = (flow.data > 0) & (flow.row >= 1) & (flow.row <= n) & (flow.col > n)
    served = np.full(n, -1, np.int64)
    served[flow.row[used] - 1] = flow.col[used] - 1 - n
    return int(result.flow_value), served


def pairs_up(arcs: Arcs, n: int) -> bool:
    """Tell whether the arcs can give each of `n` areas one of `n` people."""
    allowed = csr_array(coo_array((np.ones(len(arcs.i), np.int8), (arcs.i, arcs.j)), shape=(n, n)))
    return most_filled(allowed, np.ones(n, np.int64))[0] == n


def best_pairs(arcs: Arcs, n: int) -> Ints:
    """Return the person of each area where all `n` areas and people pair up, at the least cost.

    A linear assignment takes a seventh of the time of the flow, but for ever where some area or
    person is left: it is for arcs that are known to have a complete matching.
    """
    from ortools.graph.python.linear_sum_assignment import SimpleLinearSumAssignment

    solver = SimpleLinearSumAssignment()
    solver.add_arcs_with_cost(arcs.i.astype(np.int32), arcs.j.astype(np.int32), arcs.cost)
    status = solver.solve()
    if status != solver.OPTIMAL:
        raise RuntimeError(f"linear assignment: {status}")
    return np.array([solver.right_mate(i) for i in range(n)])


def transport(cost: Ints, supply: Ints, places: Ints, penalty: int) -> Ints:
    """Return how much goes from each row to each column at least cost; what goes nowhere costs.

    Parameters
    ----------
    cost : array of int, (rows, columns)
    supply, places : array of int
        What rows have and columns take.
    penalty : int
        What one that goes nowhere costs.
    """
    rows, columns = cost.shape
    sink = rows + columns
    ends = [np.repeat(np.arange(rows), columns), rows + np.arange(columns), np.arange(rows)]
    heads = [rows + np.tile(np.arange(columns), rows), np.full(columns, sink), np.full(rows, sink)]
    most = [np.repeat(supply, columns), places, supply]
    costs = [cost.ravel(), np.zeros_like(places), np.full(rows, penalty)]
    nodes = np.concatenate([supply, np.zeros_like(places), [-supply.sum()]])
    tail, head, room, price = (np.concatenate(part) for part in (ends, heads, most, costs))
    flow = _flow(tail, head, room, price, nodes)
    return flow[: cost.size].reshape(cost.shape)


def _flow(tail: Ints, head: Ints, most: Ints, cost: Ints, supply: Ints) -> Ints:
    # Imported here: it takes longer to load than all of gridkit.
    from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

    solver = SimpleMinCostFlow()
    arcs = solver.add_arcs_with_capacity_and_unit_cost(
        tail.astype(np.int32), head.astype(np.int32), most, cost
    )
    solver.set_nodes_supplies(np.arange(len(supply), dtype=np.int32), supply)
    status = solver.solve()
    if status != solver.OPTIMAL:
        raise RuntimeError(f"minimum-cost flow: {status}")
    flows: Ints = solver.flows(arcs)
    return flows
