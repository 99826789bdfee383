"""Peers that divide the same graphs, community by community, at their best fair settings.

METIS and KaHIP get whole-number loads and border lengths and are asked for contiguous parts where
they know the word. GerryChain and spopt are slow and get a few small communities.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import random
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

TREE_SHARE = 0.30  # GerryChain accepts groups this far from the mean; with less it finds none


@dataclass(frozen=True)
class Piece:
    """One community: a connected graph to be cut into `k`."""

    xadj: np.ndarray
    near: np.ndarray
    border: np.ndarray
    load: np.ndarray
    xy: np.ndarray
    k: int


@dataclass(frozen=True)
class Peer:
    name: str
    divide: Callable[[Piece], np.ndarray]
    few: bool = False  # too slow for the whole city


def whole(values: np.ndarray, top: float) -> np.ndarray:
    return np.maximum(1, np.rint(values / values.max() * top)).astype(int)


def metis(*, recursive: bool, ufactor: int, **more: int) -> Callable[[Piece], np.ndarray]:
    import pymetis

    def divide(p: Piece) -> np.ndarray:
        given = {} if recursive else {"contig": True}
        options = pymetis.Options(ufactor=ufactor, seed=1, **given, **more)
        graph = pymetis.CSRAdjacency(p.xadj.tolist(), p.near.tolist())
        made = pymetis.part_graph(
            p.k,
            adjacency=graph,
            vweights=whole(p.load, 1000).tolist(),
            eweights=whole(p.border, 1000).tolist(),
            recursive=recursive,
            options=options,
        )
        return np.array(made.vertex_part)

    return divide


def kaffpa(mode: str, imbalance: float) -> Callable[[Piece], np.ndarray]:
    import kahip

    def divide(p: Piece) -> np.ndarray:
        _, labels = kahip.kaffpa(
            whole(p.load, 1000).tolist(),
            p.xadj.tolist(),
            whole(p.border, 1000).tolist(),
            p.near.tolist(),
            p.k,
            imbalance,
            True,
            1,
            getattr(kahip, mode),
        )
        return np.array(labels)

    return divide


def gerrychain() -> Callable[[Piece], np.ndarray]:
    import networkx as nx
    from gerrychain import Graph
    from gerrychain.tree import recursive_tree_part

    def divide(p: Piece) -> np.ndarray:
        plain = nx.Graph()
        for v, load in enumerate(p.load):
            plain.add_node(v, load=float(load))
        for v in range(len(p.load)):
            for u in p.near[p.xadj[v] : p.xadj[v + 1]]:
                plain.add_edge(v, int(u))
        random.seed(1)
        made = recursive_tree_part(
            Graph.from_networkx(plain), range(p.k), p.load.sum() / p.k, "load", TREE_SHARE
        )
        return np.array([made[v] for v in range(len(p.load))])

    return divide


def spopt(name: str) -> Callable[[Piece], np.ndarray]:
    import geopandas as gpd
    import shapely
    from libpysal.weights import W
    from spopt import region

    def divide(p: Piece) -> np.ndarray:
        near = {v: p.near[p.xadj[v] : p.xadj[v + 1]].tolist() for v in range(len(p.load))}
        w = W(near, silence_warnings=True)
        x, y = p.xy.T
        table = gpd.GeoDataFrame({"load": p.load, "x": x, "y": y}, geometry=shapely.points(x, y))
        np.random.seed(1)  # noqa: NPY002 - the peer draws from it
        if name == "MaxPHeuristic":
            model = region.MaxPHeuristic(table, w, ["x", "y"], "load", 0.9 * p.load.sum() / p.k)
        elif name == "Skater":
            model = region.Skater(table, w, ["x", "y"], n_clusters=p.k)
        else:
            model = region.RegionKMeansHeuristic(p.xy, p.k, w, seed=1)
        with contextlib.redirect_stdout(io.StringIO()):
            model.solve()
        return np.unique(np.asarray(model.labels_), return_inverse=True)[1]

    return divide


def found(*, quick: bool) -> Iterator[Peer]:
    """Yield the peers that are installed; name the others."""
    makers: list[tuple[str, str, Callable[[], Callable[[Piece], np.ndarray]], bool]] = [
        ("METIS k-way", "pymetis", lambda: metis(recursive=False, ufactor=100), False),
        (
            "METIS k-way, minconn",
            "pymetis",
            lambda: metis(recursive=False, ufactor=100, minconn=1),
            False,
        ),
        ("METIS recursive", "pymetis", lambda: metis(recursive=True, ufactor=1), False),
        ("KaHIP fast 3 %", "kahip", lambda: kaffpa("FAST", 0.03), False),
        ("KaHIP eco 3 %", "kahip", lambda: kaffpa("ECO", 0.03), False),
        ("KaHIP eco 10 %", "kahip", lambda: kaffpa("ECO", 0.10), False),
        ("GerryChain tree 30 %", "gerrychain", gerrychain, True),
        ("spopt max-p 0.9", "spopt", lambda: spopt("MaxPHeuristic"), True),
        ("spopt Skater", "spopt", lambda: spopt("Skater"), True),
        ("spopt region k-means", "spopt", lambda: spopt("RegionKMeans"), True),
    ]
    for name, package, make, few in makers:
        if quick and few:
            continue
        try:
            importlib.import_module(package)
        except ImportError:
            print(f"  {name}: not installed, left out")
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield Peer(name, make(), few)


def run(peer: Peer, pieces: list[Piece]) -> tuple[list[np.ndarray] | None, float]:
    """Return labels of each piece and the CPU seconds, or None where the peer gives up."""
    labels = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.process_time()
        for piece in pieces:
            try:
                labels.append(peer.divide(piece))
            except (RuntimeError, ValueError, IndexError, KeyError) as error:
                print(f"  {peer.name}: gives up: {type(error).__name__} {str(error)[:80]}")
                return None, time.process_time() - start
        return labels, time.process_time() - start
