"""Whether the ledger is what its moves add up to, and whether they are all there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import FileError
from ..messages import message
from ..tables import FINDINGS, first_few
from .encoding import digest_of, fold
from .store import COLUMNS, MOVE_COLUMNS, chained, founded, point_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .store import Store

__all__ = ["verified"]


def verified(store: Store, head: str | None) -> pd.DataFrame:
    """Return the findings of all rules as the table ``findings``.

    Parameters
    ----------
    store : Store
    head : str or None
        A digest that must be on the chain.
    """
    rules: dict[str, Callable[[], list[str]]] = {
        "FILE": store.damage,
        "CHAIN": lambda: _chain(store, head),
        "STATE": lambda: _state(store),
        "SPATIAL_INDEX": lambda: _index(store),
        "QUARANTINE": lambda: _quarantine(store),
        "LAYERS": store.strange_layers,
    }
    rows = []
    for rule, check in rules.items():
        try:
            faults = check()
        except (FileError, ValueError, KeyError, TypeError) as error:
            faults = [str(error).splitlines()[0]]
        rows.append(
            {
                "rule": rule,
                "severity": "error" if faults else "ok",
                "principle": message("casework.serves_ledger").zh,
                "codes": first_few(faults),
                "rows": len(faults),
                "detail": first_few(faults) if faults else message("casework.no_fault").zh,
                "remedy": message("casework.fix_ledger").zh if faults else "",
            }
        )
    return pd.DataFrame(rows, columns=[c.name for c in FINDINGS.columns if c.kind != "geometry"])


def _chain(store: Store, head: str | None) -> list[str]:
    """Return where the chain of digests breaks, and what is missing at its end."""
    _, rows = store.rows(f"SELECT {', '.join(MOVE_COLUMNS)} FROM moves ORDER BY seq")  # noqa: S608
    _, facts = store.rows("SELECT item, value FROM ledger")
    before = founded(dict(facts))
    faults, met = [], head in (None, before)
    for i, row in enumerate(rows, 1):
        *fields, digest = row
        if row[0] != i:
            faults.append(f"seq {i}")
            break
        if chained(before, fields) != digest:
            faults.append(f"seq {i}")
            break
        before = digest
        met = met or digest == head
    said, count = store.head()
    if not faults and (said, count) != (before, len(rows)):
        faults.append(f"end {len(rows)}/{count}")
    if not met:
        faults.append(f"head {head}")
    return faults


def _state(store: Store) -> list[str]:
    """Return the cases that are not what their moves add up to."""
    names, rows = store.rows("SELECT * FROM cases")
    at = {name: i for i, name in enumerate(names)}
    stored = {row[at["case_id"]]: row for row in rows}
    folded = {state["case_id"]: state for state in fold(store)}
    faults = sorted(set(stored) ^ set(folded))
    for case_id, state in folded.items():
        row = stored.get(case_id)
        if row is None:
            continue
        same = all(row[at[name]] == state.get(name) for name in COLUMNS)
        point = state.get("geometry")
        if not same or point_of(row[at["geom"]]) != (None if point is None else tuple(point)):
            faults.append(case_id)
    return faults


def _index(store: Store) -> list[str]:
    """Return cases whose point is not in the spatial index, and entries without a case."""
    _, rows = store.rows("SELECT fid, geom FROM cases WHERE geom IS NOT NULL")
    _, boxes = store.rows("SELECT id, minx, maxx, miny, maxy FROM rtree_cases_geom")
    points: dict[int, Any] = {fid: point_of(blob) for fid, blob in rows}
    found = {box[0]: box[1:] for box in boxes}
    faults = [str(fid) for fid in sorted(set(points) ^ set(found))]
    for fid in set(points) & set(found):
        x, y = points[fid]
        minx, maxx, miny, maxy = found[fid]
        # The index keeps single floats, rounded outwards.
        if not (minx <= x <= maxx and miny <= y <= maxy) or maxx - minx > 1 + 1e-6 * abs(x):
            faults.append(str(fid))
    return faults


def _quarantine(store: Store) -> list[str]:
    """Return moves whose refused rows are not those that they counted."""
    _, moves = store.rows("SELECT seq, changes FROM moves WHERE action='quarantine' ORDER BY seq")
    _, rows = store.rows(
        'SELECT seq, feed, "row", rule, value, original FROM quarantine ORDER BY fid'
    )
    kept: dict[int, list[tuple[Any, ...]]] = {}
    for seq, *row in rows:
        kept.setdefault(seq, []).append(tuple(row))
    told = {seq: json.loads(changes) for seq, changes in moves}
    faults = [str(seq) for seq in sorted(set(kept) ^ set(told))]
    return faults + [
        str(seq)
        for seq in sorted(set(kept) & set(told))
        if (len(kept[seq]), digest_of(kept[seq])) != (told[seq]["rows"], told[seq]["digest"])
    ]
