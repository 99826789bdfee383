"""Parquet to Parquet: rows a second, nanoseconds a point and the greatest memory.

    python benchmarks/bench_stream.py --points 100000000

Points lie along the streets of 7,840 irregular cells, in row groups of a million with a column that
nobody asks for. The pass runs in a process of its own, so
that its memory is its own. Then the same locator answers in two worker processes: through dask
where it is installed, else through an executor.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from coverages import Coverage, bent_lattice, street_points

import gridkit as gk
from gridkit.location.stream import locate_stream

if TYPE_CHECKING:
    import geopandas as gpd

CELLS = 7_840
GROUP = 1_000_000


def write_points(path: Path, n: int, city: Coverage) -> None:
    schema = pa.schema({name: pa.float64() for name in ("report_id", "x", "y", "other")})
    schema = schema.set(0, pa.field("report_id", pa.int64()))
    with pq.ParquetWriter(path, schema, compression="snappy", use_dictionary=False) as writer:
        for start in range(0, n, GROUP):
            m = min(GROUP, n - start)
            x, y = street_points(city, m, seed=start)
            columns = [np.arange(start, start + m), x, y, x - y]
            writer.write_table(pa.table(columns, schema=schema))


def peak_mb() -> float:
    """Return the greatest resident memory of this process; on Linux since it began to run."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(s for s in status.read_text().splitlines() if s.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def run(source: Path, target: Path, cells: gpd.GeoDataFrame) -> tuple[Any, ...]:
    locator = gk.Locator(cells)
    before = peak_mb()
    cpu = time.process_time()
    done = locate_stream(source, target, locator, progress=sys.stderr, lang="en")
    return done, time.process_time() - cpu, before, peak_mb(), repr(locator)


def owners(frame: pd.DataFrame, locator: gk.Locator) -> pd.Series:
    return pd.Series(locator.locate_xy(frame["x"], frame["y"], threads=1), frame.index)


def read_owners(path: Path, group: int, locator: gk.Locator) -> int:
    frame = pq.ParquetFile(path).read_row_group(group, columns=["x", "y"]).to_pandas()
    return int((owners(frame, locator) >= 0).sum())


def in_two_processes(source: Path, locator: gk.Locator) -> tuple[str, int]:
    """Return what did it, and how many points have an owner."""
    try:
        import dask
        import dask.dataframe as dd
    except ImportError:
        spawn = multiprocessing.get_context("spawn")
        groups = pq.ParquetFile(source).metadata.num_row_groups
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=spawn) as pool:
            jobs = [pool.submit(read_owners, source, k, locator) for k in range(groups)]
            return "executor", sum(job.result() for job in jobs)
    frame = dd.read_parquet(source, columns=["x", "y"], split_row_groups=True)
    found = frame.map_partitions(owners, locator, meta=(None, "int32"))
    with dask.config.set(scheduler="processes", num_workers=2):
        return "dask", int((found >= 0).sum().compute())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, default=10_000_000)
    n = parser.parse_args().points
    city = bent_lattice(CELLS)
    cells = city.cells()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "points.parquet"), Path(folder, "located.parquet")
        write_points(source, n, city)
        spawn = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
            done, cpu, before, peak, index = pool.submit(run, source, target, cells).result()
        print(index)
        print(done.summary("en"))
        print(f"{done.seconds:15.2f}  s")
        print(f"{done.seconds / n * 1e9:15.1f}  ns a point, wall")
        print(f"{cpu / n * 1e9:15.1f}  ns a point, CPU")
        print(f"{peak:15.0f}  MB at the peak ({before:.0f} with the index, before the pass)")
        print(f"{source.stat().st_size / n:15.1f}  bytes a point in")
        print(f"{target.stat().st_size / n:15.1f}  bytes a point out")
        start = time.perf_counter()
        how, owned = in_two_processes(source, gk.Locator(cells))
        took = time.perf_counter() - start
        print(f"{took / n * 1e9:15.1f}  ns a point, owners only, two processes ({how})")
        assert owned == done.counts["inside"] + done.counts["border"]


if __name__ == "__main__":
    main()
