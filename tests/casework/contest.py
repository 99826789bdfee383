"""Two writers that contend for the same cases, and a reader beside them.

Run as a program it is one of the writers: it counts up a case by reassigning it, again and again,
with the version that it has seen, until its moves are done.
"""

from __future__ import annotations

import random
import sys

import pandas as pd

import gridkit as gk


def contend(path: str, name: str, moves: int, cases: int) -> None:
    """Make so many moves that were not refused as stale; print how many were."""
    rng = random.Random(name)
    stale = 0
    with gk.Ledger(path) as ledger:
        at = pd.Timestamp("2025-10-09 08:00", tz="Asia/Shanghai")
        seen: dict[str, int] = {}
        while moves:
            case = f"C{rng.randrange(cases)}"
            if case not in seen:
                seen[case] = int(ledger._store.case(case)["version"])
            try:
                seen[case] = ledger.move(
                    case, "reassign", at=at, actor=name, handler_id=name, version=seen[case]
                )
                moves -= 1
            except gk.ConflictError:
                stale += 1
                del seen[case]
    print(stale, flush=True)


if __name__ == "__main__":
    contend(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
