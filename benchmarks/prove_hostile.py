"""Hostile text in every field and every sink, in a real browser, with the policy and without it.

python benchmarks/prove_hostile.py [--worlds 264] [--first 0]

A world has another string in each of its fields; as many worlds as strings put every string into
every field. Prints what went wrong, and how much was looked at.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def load():
    path = Path(__file__).parent.parent / "tests/publishing/hostile.py"
    spec = importlib.util.spec_from_file_location("hostile", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["hostile"] = module
    spec.loader.exec_module(module)
    return module


def look(hostile, browser, word, folder: Path) -> tuple[list[str], int]:
    """Return what is wrong in one world, and how many things were opened."""
    faults, opened = hostile.faults_of_files(word, folder), 6
    for path, told in hostile.pages(word, folder).values():
        faults += hostile.faults_of_text(path)
        for page in (path, hostile.without_policy(path)):
            faults += hostile.faults_of_page(browser, page, word, told)
            opened += 1
    return faults, opened


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    hostile = load()
    known = hostile.strings()
    parser.add_argument("--worlds", type=int, default=len(known))
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    start, faults, opened, fields = time.perf_counter(), [], 0, set()
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for k in range(asked.first, asked.first + asked.worlds):
            word = hostile.Words(k, known)
            with tempfile.TemporaryDirectory() as folder:
                found, n = look(hostile, browser, word, Path(folder))
            faults += [f"world {k}: {fault}" for fault in found]
            opened += n
            fields |= set(word.given)
            for fault in found:
                print(f"world {k}: {fault}", flush=True)
            print(f"\rworld {k}", end="", file=sys.stderr, flush=True)
        browser.close()
    print(
        f"{len(known)} strings, {len(fields)} fields, {asked.worlds} worlds, {opened:,} pages and "
        f"files in {time.perf_counter() - start:.0f} s: {len(faults)} faults"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
