"""Which areas lie above an area: the way a question climbs, from a building to the district."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..rules import load_levels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["LINKS", "Area", "Links", "climb", "links_of", "rungs"]

Area = tuple[str, str]
"""Level and code."""

Links = dict[Area, list[Area]]
"""The areas that an area names as above it."""

LINKS = {
    "duty_code": "duty_cell",
    "community_code": "community",
    "street_code": "street",
    "zone_code": "zone",
    "district_code": "district",
}
"""Columns that name an area above, and its level."""


def rungs() -> dict[str, int]:
    """Return how high each level stands: 0 for the finest."""
    return {level.code: i for i, level in enumerate(reversed(load_levels()))}


def links_of(tables: Iterable[pd.DataFrame], *, known: Mapping[str, str]) -> Links:
    """Return what each area of the tables names as above it.

    Parameters
    ----------
    tables : iterable of DataFrame
        Tables ``cells``, one for each level, with ``parent_code`` or the columns of `LINKS`; a
        table without ``cell_code`` is one of communities.
    known : mapping of code → level
        Levels of codes that no table has; a ``parent_code`` found nowhere is left out.
    """
    frames = [_with_level(table) for table in tables]
    levels = dict(known)
    for frame in frames:
        levels |= dict(zip(frame["area_code"].tolist(), frame["level"].tolist(), strict=True))
    links: Links = {}
    for frame in frames:
        own = frame["level"].iloc[0] if len(frame) else ""
        above = [c for c in LINKS if c in frame.columns and LINKS[c] != own]
        plain = frame.reindex(columns=["level", "area_code", "parent_code", *above])
        columns = [plain[c].tolist() for c in plain.columns]
        for level, code, parent, *codes in zip(*columns, strict=True):
            named = [(LINKS[c], v) for c, v in zip(above, codes, strict=True) if pd.notna(v)]
            if pd.notna(parent) and parent in levels:
                named.append((levels[parent], parent))
            links.setdefault((level, code), []).extend(named)
    return links


def _with_level(table: pd.DataFrame) -> pd.DataFrame:
    own = "cell_code" if "cell_code" in table.columns else "community_code"
    default = "cell" if own == "cell_code" else "community"
    level = table["level"].fillna(default) if "level" in table.columns else default
    plain = pd.DataFrame(table[[c for c in (*LINKS, "parent_code") if c in table.columns]])
    return plain.assign(area_code=table[own], level=level)


def climb(start: Area, links: Links, order: Mapping[str, int]) -> list[Area]:
    """Return an area and those above it, the lowest first; a ring of parents ends where it closes.

    Parameters
    ----------
    start : (level, code)
    links : as `links_of` returns them
    order : as `rungs` returns it

    Examples
    --------
    >>> from gridkit.staffing.ladders import climb, rungs
    >>> links = {("cell", "c1"): [("community", "q1")], ("community", "q1"): [("street", "s1")]}
    >>> climb(("cell", "c1"), links, rungs())
    [('cell', 'c1'), ('community', 'q1'), ('street', 's1')]
    """
    seen = {start}
    waiting = [start]
    while waiting:
        new = [area for area in links.get(waiting.pop(), ()) if area not in seen]
        seen.update(new)
        waiting += new
    highest = len(order)
    above: Sequence[Area] = sorted(
        seen - {start}, key=lambda area: (order.get(area[0], highest), area[1])
    )
    return [start, *above]
