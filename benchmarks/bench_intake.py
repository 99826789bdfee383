"""A million rows of CSV to an audited table, and a workbook of 100,000 rows against pandas.

Run ``python benchmarks/bench_intake.py [--rows 1000000]``. The peer reads the same workbook with
pandas and openpyxl (installed for the benchmark only), without any check.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import gridkit as gk


def ledger(n: int) -> pd.DataFrame:
    """Return reports as a city exports them, one row in a thousand dirty."""
    rng = np.random.default_rng(0)
    minute = rng.integers(0, 500_000, n)
    times = pd.Timestamp("2025-01-01") + pd.to_timedelta(minute, unit="min")
    table = pd.DataFrame(
        {
            "上报编号": [f"S{i:07}" for i in range(n)],
            "上报时间": times.strftime("%Y-%m-%d %H:%M:%S"),
            "问题类别": rng.choice(["店外经营", "暴露垃圾", "道路破损", "井盖破损"], n),
            "问题描述": rng.choice(["路面破损约两米", "垃圾未清，有异味", "占道经营影响通行"], n),
            "地址": rng.choice(["胜利路12号", "解放路与观海街路口", "海港路绿地"], n),
            "经度": rng.uniform(121.36, 121.44, n).round(6).astype(str),
            "纬度": rng.uniform(37.50, 37.57, n).round(6).astype(str),
            "坐标系": "WGS84",
            "责任单位": rng.choice(["城管局", "环卫处", "住建局"], n),
            "结案时间": (times + pd.Timedelta(days=2)).strftime("%Y-%m-%d %H:%M:%S"),
            "状态": "已结案",
        }
    )
    dirty = rng.choice(n, n // 1_000, replace=False)
    table.loc[dirty, "经度"] = "0"
    table.loc[dirty, "纬度"] = "0"
    return table


def timed(work):
    start, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, time.process_time() - start, time.perf_counter() - wall


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    n = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path, sheet = Path(folder) / "reports.csv", Path(folder) / "reports.xlsx"
        table = ledger(n)
        table.to_csv(path, index=False)
        few = min(n, 100_000)
        gk.write_xlsx(sheet, {"reports": table[:few]})
        del table
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        intake, cpu, wall = timed(lambda: gk.read_reports(path))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        counts = f"{len(intake.reports):,} + {len(intake.quarantined):,}"
        print(
            f"CSV, {n:,} rows audited    {cpu:6.1f} s CPU {wall:6.1f} s  {counts}; {peak:,.0f} MB"
        )
        print(f"  (making the file took {before:,.0f} MB)")
        del intake
        read, cpu, wall = timed(lambda: gk.read_reports(sheet))
        print(f"XLSX, {few:,} rows audited {cpu:6.1f} s CPU {wall:6.1f} s  {len(read.reports):,}")
        from gridkit.intake.readers import read_table

        _, ours, wall = timed(lambda: read_table(sheet))
        print(f"XLSX, {few:,} rows read    {ours:6.1f} s CPU {wall:6.1f} s")
        if importlib.util.find_spec("openpyxl") is None:
            print("  peer: openpyxl is not installed")
            return
        _, cpu, wall = timed(lambda: pd.read_excel(sheet, engine="openpyxl"))
        print(f"  peer: pandas, openpyxl   {cpu:6.1f} s CPU {wall:6.1f} s  ratio {cpu / ours:.1f}")


if __name__ == "__main__":
    main()
