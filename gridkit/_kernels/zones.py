"""What the engines that divide a graph are given: zones of areas, as arrays, and the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LOGS", "MOST_KINDS", "Zones"]

MOST_KINDS = 8
"""Kinds of weight that ``partition.c`` has room for."""

LOGS = -np.log((np.arange(4096) + 0.5) / 4096)
"""Minus the logarithm of 4,096 even chances: how far a step may climb, in temperatures."""


@dataclass(frozen=True)
class Zones:
    """Connected zones of areas, sorted by zone; every edge stands twice, once each way.

    Attributes
    ----------
    zone : int64 array, (zones + 1,)
        First node of each zone, and the end.
    first : int64 array, (nodes + 1,)
        First edge of each node, and the end.
    near, start, back : int32 array, (edges,)
        Where an edge leads, where it starts, and the same edge the other way round.
    border : float64 array, (edges,)
        Its length, in square roots of the area of the zone's mean group, positive.
    weight : float64 array, (nodes, kinds)
        1 = the zone's mean group.
    mass : float64 array, (nodes,)
        Mean of the weights over the kinds.
    area, outline : float64 array, (nodes,)
        Scaled so that ``outline / sqrt(area)`` of a circle is 1; border is scaled as outline.
    stay : float64 array, (nodes,)
        What it costs that a node is not in its group of `old`.
    lock : int32 array, (nodes,)
        1 for nodes of which no group may hold two.
    old : int32 array, (nodes,)
    balance : float
        What unevenness costs beside shape.
    cap : float64 array, (zones,)
        Most of the first kind of weight in one group; infinite for none.
    warmth : float64 array, (zones,)
        Scale of the temperature.
    steps : int64 array, (zones,)
        Steps in each stage.
    rounds : int64 array, (zones,)
        How often a zone is divided; the best division is kept.
    trees : int64 array, (zones,)
        Random trees tried for each bisection.
    heat : float64 array, (stages,)
    """

    zone: NDArray[np.int64]
    first: NDArray[np.int64]
    near: NDArray[np.int32]
    start: NDArray[np.int32]
    back: NDArray[np.int32]
    border: NDArray[np.float64]
    weight: NDArray[np.float64]
    mass: NDArray[np.float64]
    area: NDArray[np.float64]
    outline: NDArray[np.float64]
    stay: NDArray[np.float64]
    lock: NDArray[np.int32]
    old: NDArray[np.int32]
    balance: float
    cap: NDArray[np.float64]
    warmth: NDArray[np.float64]
    steps: NDArray[np.int64]
    rounds: NDArray[np.int64]
    trees: NDArray[np.int64]
    heat: NDArray[np.float64]
