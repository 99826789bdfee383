"""Small divisions with a proven optimum: every division into connected groups is tried.

The objective is the engine's own (`gridkit.division.partition.objective`): the sum over groups of
balance × (load / mean - 1)² and of outline / outline of the circle of the same area. It is a sum
over groups: the best pair of groups is found for every union of two, and two such unions, or one
and a group, make three or four. HiGHS confirms the optimum where it is quick.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from made_blocks import made_city
from scipy.optimize import Bounds, LinearConstraint, milp

from gridkit.division.network import Columns, connect
from gridkit.division.partition import Areas, divide_areas, objective


def instances(wanted: int) -> Iterator[tuple[Areas, int]]:
    """Yield communities of 10 to 16 blocks, each to be cut into 2, 3 or 4."""
    seed, made = 100, 0
    while made < wanted:
        blocks = made_city(420, 32, 100, seed=seed, cap=None).blocks
        for _, part in blocks.groupby("community_code"):
            n = len(part)
            if 10 <= n <= 16 and made < wanted:
                none = np.full(n, -1)
                load = part["load"].to_numpy()[:, None]
                columns = Columns(load, np.zeros(n, dtype=np.int64), none, [])
                yield connect(part, columns, None).areas, 2 + made % 3
                made += 1
        seed += 1


def connected_groups(areas: Areas) -> list[int]:
    """Return every connected set of areas as a mask."""
    n = len(areas.zone)
    near = [0] * n
    for a, b in zip(areas.i.tolist(), areas.j.tolist(), strict=True):
        near[a] |= 1 << b
        near[b] |= 1 << a
    seen, stack = set(), [1 << v for v in range(n)]
    while stack:
        mask = stack.pop()
        if mask in seen:
            continue
        seen.add(mask)
        around = 0
        for v in range(n):
            if mask >> v & 1:
                around |= near[v]
        around &= ~mask
        stack += [mask | 1 << v for v in range(n) if around >> v & 1]
    return sorted(seen)


def costs(areas: Areas, k: int, groups: np.ndarray, compactness: float) -> np.ndarray:
    """Return the objective's part of each group; `groups` is (groups, areas) of 0 and 1."""
    inner = groups[:, areas.i] * groups[:, areas.j]
    outline = groups @ areas.outline_m - 2 * inner @ areas.border_m
    land, load = groups @ areas.area_m2, groups @ areas.weight[:, 0]
    mean = areas.weight[:, 0].sum() / k
    # One group alone has no unevenness, so its shape is what the objective says of it.
    balance = objective(
        np.array([[0.0], [2.0]]), np.ones(2), np.zeros(2), compactness=compactness
    ) / 2  # fmt: skip
    return balance * (load / mean - 1) ** 2 + outline / (2 * np.sqrt(np.pi * land))


def least(masks: np.ndarray, cost: np.ndarray, n: int, k: int) -> float:
    """Return the least cost of `k` (2, 3 or 4) disjoint groups that make up all `n` areas."""
    one, two = np.full(1 << n, np.inf), np.full(1 << n, np.inf)
    one[masks] = cost
    for mask, price in zip(masks.tolist(), cost.tolist(), strict=True):
        apart = (masks & mask) == 0
        union = masks[apart] | mask
        two[union] = np.minimum(two[union], price + cost[apart])
    rest = (1 << n) - 1 - np.arange(1 << n)
    if k == 2:
        return float(two[-1])
    return float((one + two[rest]).min() if k == 3 else (two + two[rest]).min())


def by_milp(groups: np.ndarray, cost: np.ndarray, k: int) -> float:
    """Return the same as a set-partitioning problem solved by HiGHS."""
    rows = np.vstack([groups.T, np.ones(len(groups))])
    wanted = np.r_[np.ones(groups.shape[1]), k]
    solved = milp(
        cost,
        constraints=LinearConstraint(rows, wanted, wanted),
        integrality=np.ones(len(cost)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    assert solved.status == 0, solved.message
    return float(solved.fun)


def gap(areas: Areas, k: int, compactness: float = 0.3, *, confirm: bool = False) -> float:
    """Return how far the engine is above the proven optimum, as a share of it."""
    masks = np.array(connected_groups(areas), dtype=np.int64)
    groups = ((masks[:, None] >> np.arange(len(areas.zone))) & 1).astype(float)
    cost = costs(areas, k, groups, compactness)
    best = least(masks, cost, len(areas.zone), k)
    if confirm:
        assert np.isclose(by_milp(groups, cost, k), best)
    labels = divide_areas(areas, np.array([k]), compactness=compactness)
    ours = np.zeros((k, len(labels)))
    ours[labels, np.arange(len(labels))] = 1.0
    return float(costs(areas, k, ours, compactness).sum() / best - 1)
