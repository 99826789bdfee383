"""Mutants of report files of every format: read, or refused with one of our errors.

Run ``python benchmarks/fuzz_intake.py [--files 200000]``.
Work is done in processes of their own, so that a
crash or a hang in some reader is seen and counted, with the seed that makes it again.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import importlib.util
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

EACH = 1_000
SECONDS = 300

_spec = importlib.util.spec_from_file_location(
    "mutations", Path(__file__).parent.parent / "tests" / "intake" / "mutations.py"
)
mutations = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mutations)


def work(name: str, seed: int) -> None:
    """Judge mutants of one format, and print how many ended how."""
    warnings.simplefilter("ignore")
    raw, ends = mutations.sound_files()[name], collections.Counter()
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        for k in range(EACH):
            path.write_bytes(mutations.mutate(raw, rng))
            try:
                ends[mutations.judge(path)] += 1
            except Exception as error:  # noqa: BLE001 - what the run is to find
                ends["escaped"] += 1
                print(
                    f"{name} seed {seed} file {k}: {type(error).__name__}: {error}", file=sys.stderr
                )
    print(*(f"{end}={n}" for end, n in ends.items()))


def run(job: tuple[str, int]) -> tuple[str, dict[str, int]]:
    name, seed = job
    command = [sys.executable, "-X", "faulthandler", __file__, "--work", name, str(seed)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        print(f"{name} seed {seed}: hangs", file=sys.stderr)
        return name, {"hung": EACH}
    if done.stderr and (done.returncode or "seed" in done.stderr):
        print(done.stderr[-600:], file=sys.stderr)
    if done.returncode:
        return name, {"crashed": EACH}
    pairs = (part.split("=") for part in done.stdout.split())
    return name, {end: int(n) for end, n in pairs}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--work", nargs=2, metavar=("NAME", "SEED"))
    args = parser.parse_args()
    if args.work:
        work(args.work[0], int(args.work[1]))
        return
    names = list(mutations.sound_files())
    rounds = -(-args.files // (EACH * len(names)))
    jobs = [(name, seed) for seed in range(rounds) for name in names]
    total: dict[str, collections.Counter[str]] = {n: collections.Counter() for n in names}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, ends in pool.map(run, jobs):
            total[name].update(ends)
    for name, ends in total.items():
        print(f"{name:16}", ", ".join(f"{end} {n:,}" for end, n in sorted(ends.items())))
    everything = sum(total.values(), collections.Counter())
    print("all             ", ", ".join(f"{end} {n:,}" for end, n in sorted(everything.items())))


if __name__ == "__main__":
    main()
