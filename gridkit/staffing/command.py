"""The chain of command: the line of people from an area up to the top, and its gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..errors import OptionError
from ..messages import message
from ..tables import POSTS
from .ladders import climb, links_of, rungs
from .shifts import slot_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .ladders import Area, Links

__all__ = ["chain_of", "orphans"]

COLUMNS = ("step", "level", "area_code", "role", "slot", "person_id", "gap")


def chain_of(
    posts: pd.DataFrame, *, area_code: str, areas: pd.DataFrame | Sequence[pd.DataFrame] = ()
) -> pd.DataFrame:
    """Return the line of people who answer for an area, from itself up to the top.

    Parameters
    ----------
    posts : DataFrame
        Table ``posts`` of one day, of any levels: building, cell, zone, district …
    area_code : str
        An area of any level.
    areas : DataFrame or sequence of them
        Tables of the levels, for the way upward (``parent_code``, ``duty_code`` …).

    Returns
    -------
    DataFrame
        A row for each post on the way, the lowest first: ``step`` (0 for the area itself),
        ``level``, ``area_code``, ``role``, ``slot``, ``person_id`` and ``gap``: ``unfilled`` for
        a post without a person, ``no_post`` for an area on the way without a post, ``no_area``
        for a level on which others have posts and this way has no area. No gap is empty text.

    Raises
    ------
    OptionError
        Neither posts nor areas know the code.
    SchemaError
        Not a table of posts.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import chain_of
    >>> posts = pd.DataFrame(
    ...     {
    ...         "level": ["building", "cell", "district"],
    ...         "area_code": ["B1", "A1", "D"],
    ...         "role": ["staff", "department_head", "chief_leader"],
    ...         "person_id": ["P3", None, "P1"],
    ...     }
    ... )
    >>> buildings = pd.DataFrame({"cell_code": ["B1"], "level": "building", "parent_code": "A1"})
    >>> cells = pd.DataFrame({"cell_code": ["A1"], "level": "cell", "parent_code": "D"})
    >>> chain_of(posts, area_code="B1", areas=[buildings, cells])[["level", "gap"]].values.tolist()
    [['building', ''], ['cell', 'unfilled'], ['district', '']]
    """
    POSTS.check(posts, source="posts")
    level = dict(zip(posts["area_code"], posts["level"], strict=True))
    tables = [areas] if isinstance(areas, pd.DataFrame) else list(areas)
    links = links_of(tables, known=level)
    level |= {code: name for name, code in links}
    if area_code not in level:
        raise OptionError(*message("staffing.unknown_area", code=area_code))
    order = rungs()
    height = {name: order.get(name, len(order)) for name in level.values()}
    way = climb((level[area_code], area_code), links, order)
    frame = posts.assign(slot=slot_texts(posts))
    rows = [row for step, area in enumerate(way) for row in _rung(frame, area, step)]
    lacking = set(posts["level"]) - {name for name, _ in way}
    rows += [
        (None, name, None, None, "", None, "no_area")
        for name in lacking
        if height[name] > height[level[area_code]]
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["height"] = table["level"].map(height).where(table["step"] != 0, -1)
    table = table.sort_values(["height", "area_code", "role", "slot"], ignore_index=True)
    return table.drop(columns="height").astype({"step": "Int64"})


def _rung(posts: pd.DataFrame, area: Area, step: int) -> list[tuple[object, ...]]:
    here = posts[(posts["level"] == area[0]) & (posts["area_code"] == area[1])]
    if here.empty:
        return [(step, *area, None, "", None, "no_post")]
    held = here.sort_values(["role", "slot"])
    return [
        (step, *area, role, slot, None if pd.isna(who) else who, "unfilled" if pd.isna(who) else "")
        for role, slot, who in zip(held["role"], held["slot"], held["person_id"], strict=True)
    ]


def orphans(posts: pd.DataFrame, starts: Sequence[Area], links: Links) -> list[Area]:
    """Return the areas above which some level that has posts has nobody for them.

    Parameters
    ----------
    posts : DataFrame
        Table ``posts`` of one day.
    starts : sequence of (level, code)
    links : as `links_of` returns them
    """
    order = rungs()
    filled = posts[posts["person_id"].notna()]
    held = set(zip(filled["level"].tolist(), filled["area_code"].tolist(), strict=True))
    manned = {level for level, _ in held}
    lost = []
    for start in starts:
        above = climb(start, links, order)[1:]
        needed = {n for n in manned if order.get(n, -1) > order.get(start[0], len(order))}
        if needed - {area[0] for area in above if area in held}:
            lost.append(start)
    return lost
