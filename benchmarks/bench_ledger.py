"""The ledger: bulk filing beside pyogrio, single moves with full durability, verifying, reading.

python benchmarks/bench_ledger.py [--rows 200000] [--moves 2000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio

import gridkit as gk

CRS, ZONE = 4549, "Asia/Shanghai"


def located(n: int, seed: int = 0) -> gpd.GeoDataFrame:
    """Make located reports of a year: two thirds closed, the rest under way."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2025-01-02", tz=ZONE)
    reported = start + pd.to_timedelta(rng.integers(0, 340 * 86_400, n), unit="s")
    filed = reported + pd.to_timedelta(rng.integers(60, 3_600, n), unit="s")
    disposed = filed + pd.to_timedelta(rng.integers(600, 300_000, n), unit="s")
    closed = disposed + pd.to_timedelta(rng.integers(60, 80_000, n), unit="s")
    over = rng.random(n) < 0.67
    codes = rng.choice(list(gk.load_categories()), n)
    cell = rng.integers(0, 7_840, n)
    table = {
        "report_id": [f"R{i:08}" for i in range(n)],
        "feed": "made",
        "category": pd.array(codes, dtype="str"),
        "text": pd.array(
            rng.choice(["路灯不亮", "井盖破损，请尽快处理", "占道经营"], n), dtype="str"
        ),
        "source": pd.array(rng.choice(["热线", "巡查上报"], n), dtype="str"),
        "cell_code": [f"370602{c:09}" for c in cell],
        "community_code": [f"370602{c // 50:06}" for c in cell],
        "received_by": pd.array(rng.choice(["区监督指挥中心", "街道"], n), dtype="str"),
        "reported_at": reported,
        "filed_at": filed,
        "disposed_at": pd.Series(disposed).where(over),
        "closed_at": pd.Series(closed).where(over),
    }
    points = gpd.points_from_xy(*(rng.uniform(0, 14_000, (n, 2)) + (620_000, 4_150_000)).T)
    return gpd.GeoDataFrame(table, geometry=points, crs=CRS)


def timed(what: str, work, each: int) -> float:
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    print(f"{what:44}{seconds:8.2f} s{each / seconds:12,.0f} a second", flush=True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--moves", type=int, default=2_000)
    args = parser.parse_args()
    reports = located(args.rows)
    folder = Path(tempfile.mkdtemp())
    ledger = gk.Ledger(folder / "cases.gpkg", crs=CRS)
    ours = timed(
        "file, with moves, digests and spatial index", lambda: ledger.file(reports), args.rows
    )
    bare = timed(
        "pyogrio: the bare table, appended",
        lambda: pyogrio.write_dataframe(reports, folder / "bare.gpkg", layer="cases"),
        args.rows,
    )
    size = (folder / "cases.gpkg").stat().st_size
    print(f"  ratio {ours / bare:.2f}; {size / args.rows:,.0f} bytes a case")
    timed("file again: all known", lambda: ledger.file(reports), args.rows)
    open_ = ledger.open_cases()
    open_ = open_[open_["stage"].eq("filed")].head(args.moves)
    at = pd.Timestamp("2025-12-30 10:00", tz=ZONE)

    def dispatch() -> None:
        for case in open_["case_id"]:
            ledger.move(case, "dispatch", at=at, actor="派遣员", responsible_unit="环卫所")

    timed("single moves, each on the disk", dispatch, len(open_))
    timed("cases()", ledger.cases, args.rows)
    timed("overdue()", lambda: ledger.overdue(at), args.rows)
    timed("as_of()", lambda: ledger.as_of(at - pd.Timedelta(days=90)), args.rows)
    found = []
    timed("verify()", lambda: found.append(ledger.verify()), args.rows)
    print("  ", found[0][["rule", "severity"]].to_numpy().tolist())
    ledger.close()


if __name__ == "__main__":
    main()
