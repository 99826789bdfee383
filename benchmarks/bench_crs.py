"""Datum conversion: gridkit beside the textbook loop and whichever peers are installed.

Run ``python benchmarks/bench_crs.py [points]``. Every row converts random points of China; the
scalar peers get a slice of them. Columns: seconds for a million points, and the round trip's
greatest miss in metres.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable

import numpy as np

from gridkit.crs import to_datum

Convert = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def best_of(run: Callable[[], object], times: int = 3) -> float:
    took = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        took.append(time.perf_counter() - start)
    return min(took)


def metres(x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> float:
    east = (x1 - x0) * 111_319.5 * np.cos(np.radians(y0))
    return float(np.hypot(east, (y1 - y0) * 111_319.5).max())


def report(name: str, there: Convert, back: Convert, x: np.ndarray, y: np.ndarray) -> None:
    gx, gy = there(x, y)
    scale = 1_000_000 / x.size
    forward = best_of(lambda: there(x, y)) * scale
    inverse = best_of(lambda: back(gx, gy)) * scale
    miss = metres(x, y, *back(gx, gy))
    print(f"{name:34s} {x.size:9,d} {forward:10.3f} {inverse:10.3f} {miss:12.1e}")


def ours(source: str, target: str) -> Convert:
    return lambda x, y: to_datum(x, y, source=source, target=target)


def scalar(convert: Callable[[float, float], tuple[float, float]]) -> Convert:
    def run(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        out = np.array([convert(a, b) for a, b in zip(x.tolist(), y.tolist(), strict=True)])
        return out[:, 0], out[:, 1]

    return run


def peers() -> dict[str, tuple[Convert, Convert]]:
    found = {}
    for name, there, back, lat_first in (
        ("eviltransform", "wgs2gcj", "gcj2wgs_exact", True),
        ("coord_convert.transform", "wgs2gcj", "gcj2wgs", False),
    ):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        pair = (getattr(module, there), getattr(module, back))
        if lat_first:
            pair = tuple(lambda x, y, f=f: f(y, x)[::-1] for f in pair)
        found[name] = (scalar(pair[0]), scalar(pair[1]))
    return found


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rng = np.random.default_rng(0)
    x, y = rng.uniform(73, 135, n), rng.uniform(3, 54, n)
    print(f"{'':34s} {'points':>9s} {'forward s':>10s} {'inverse s':>10s} {'miss m':>12s}")
    for source, target in (("wgs84", "gcj02"), ("wgs84", "bd09"), ("gcj02", "bd09")):
        name = f"gridkit {source} <-> {target}"
        report(name, ours(source, target), ours(target, source), x, y)
    few = slice(0, min(n, 5000))
    for name, (there, back) in peers().items():
        report(f"{name} wgs84 <-> gcj02", there, back, x[few], y[few])


if __name__ == "__main__":
    main()
