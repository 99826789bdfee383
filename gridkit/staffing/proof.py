"""How good posts are: what they cost, and what no posts can go below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import SchemaError, raise_all
from ..messages import message
from ..tables import POSTS, first_few
from .demand import Wishes, demand_of
from .needs import NOBODY
from .optimum import merge_bases, optimum
from .shifts import slot_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

    from ..messages import Message
    from ..rules import Role
    from .needs import Ints, Need

__all__ = ["Proof", "given_posts", "prove_posts"]


@dataclass(frozen=True)
class Proof:
    """What posts cost and what nothing can go below.

    Attributes
    ----------
    total_m : float
        Cost of all posts: metres with the bonuses that strangers and newcomers count extra.
    bound : float
        No posts that fill as many cost less, in the same metres: the dual bound over all pairs.
    gap : float
        ``total_m / bound - 1``; 0 is the best possible.
    missing : int
        Posts that are empty although they could be filled.
    table : DataFrame
        A row for each role and slot: posts, filled, unfilled, ``fillable`` (how many more could
        be), ``total_m``, ``bound_m``, ``gap``, ``mean_m`` and ``worst_m`` (the longest trip).

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import Proof
    >>> Proof(1_030.0, 1_000.0, 0.03, 0, pd.DataFrame()).gap
    0.03
    """

    total_m: float
    bound: float
    gap: float
    missing: int
    table: pd.DataFrame


def prove_posts(
    posts: pd.DataFrame,
    areas: gpd.GeoDataFrame,
    roster: gpd.GeoDataFrame,
    *,
    rules: Mapping[str, Role] | None = None,
    previous: pd.DataFrame | None = None,
    stay_bonus_m: float = 300.0,
    own_bonus_m: float = 500.0,
    max_distance_m: float | None = None,
    at: Any = None,
    streets: gpd.GeoDataFrame | None = None,
) -> Proof:
    """Prove how far posts are from the best possible.

    Parameters
    ----------
    posts : DataFrame
        Table ``posts`` of one day, made by `assign` or by hand, on the level of `areas`.
    areas, roster : GeoDataFrame
        As in `assign`; so are `rules`, `previous`, `stay_bonus_m`, `own_bonus_m`,
        `max_distance_m`, `at` and `streets`.

    Returns
    -------
    Proof

    Raises
    ------
    SchemaError
        Posts that break a rule: people who are unknown, may not hold the post, or hold more
        areas than they may; areas that are not there; one post twice. All are named.
    OptionError, CRSError, GeometryError
        As in `assign`.

    Notes
    -----
    Prices of areas and people under which no pair costs less than its two prices together are a
    lower bound for every assignment (linear programming duality); they come of column generation
    over all pairs and are exact in the whole centimetres in which costs are counted. Beats, which
    must hang together, cannot reach the bound: it is that of free assignment.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import gridkit as gk
    >>> from shapely import Point, box
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["w", "e"]}, geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)], crs=4549
    ... )
    >>> roster = gpd.GeoDataFrame(
    ...     {"person_id": ["p1", "p2"], "role": "volunteer"},
    ...     geometry=gpd.GeoSeries([Point(17, 5), Point(3, 4)], crs=4549, name="base"),
    ... ).rename_geometry("base")
    >>> posts = gk.assign(cells, roster, roles=["volunteer"])
    >>> gk.prove_posts(posts, cells, roster).gap
    0.0
    """
    POSTS.check(posts, source="posts")
    wishes = Wishes(stay_bonus_m, own_bonus_m, max_distance_m, at, streets)
    roles = list(dict.fromkeys(posts["role"]))
    demand = demand_of(areas, roster, roles=roles, rules=rules, previous=previous, wishes=wishes)
    problems: list[Message] = []
    rows = []
    for need in demand.needs:
        chosen, told = _given(posts, demand.level, need)
        problems += told
        if not told:
            rows.append(_row(need, chosen))
    raise_all(SchemaError, problems)
    table = pd.DataFrame(rows)
    total, bound = float(table["total_m"].sum()), float(table["bound_m"].sum())
    gap = total / bound - 1 if bound > 0 and (table["gap"] != 0).any() else 0.0
    return Proof(total, bound, gap, int(table["fillable"].sum()), table)


def _given(posts: pd.DataFrame, level: str, need: Need) -> tuple[Ints, list[Message]]:
    """Return the person of each area as posted, and what is wrong with the posts."""
    mine = posts[(posts["level"] == level) & (posts["role"] == need.role.code)]
    if need.slot:
        mine = mine[slot_texts(mine) == need.slot]
    role = need.role.code
    problems = []
    place = pd.Index(need.codes, dtype=object).get_indexer(
        pd.Index(mine["area_code"], dtype=object)
    )
    if (place < 0).any():
        which = first_few(mine["area_code"][place < 0])
        problems.append(message("staffing.proof_area", role=role, which=which))
    twice = mine["area_code"].duplicated().to_numpy()
    if twice.any():
        which = first_few(mine["area_code"][twice])
        problems.append(message("staffing.proof_twice", role=role, which=which))
    named = mine["person_id"].astype(object).where(mine["person_id"].notna(), None)
    person = pd.Index(need.ids, dtype=object).get_indexer(pd.Index(named, dtype=object))
    strange = (person < 0) & mine["person_id"].notna().to_numpy()
    if strange.any():
        which = first_few(mine["person_id"][strange])
        problems.append(message("staffing.proof_person", role=role, which=which))
    chosen = np.full(len(need.codes), NOBODY, np.int64)
    chosen[place[place >= 0]] = person[place >= 0]
    filled = np.flatnonzero(chosen >= 0)
    refused = filled[need.refused(filled, chosen[filled]) != 0]
    if refused.size:
        which = first_few(f"{need.codes[i]} {need.ids[chosen[i]]}" for i in refused)
        problems.append(message("staffing.proof_refused", role=role, which=which))
    held = np.bincount(chosen[filled], minlength=len(need.ids))
    over = np.flatnonzero(held > need.capacity)
    if over.size:
        which = first_few(f"{need.ids[j]} {held[j]}/{need.capacity[j]}" for j in over)
        problems.append(message("staffing.proof_capacity", role=role, which=which))
    return chosen, problems


def given_posts(posts: pd.DataFrame, level: str, need: Need) -> Ints:
    """Return the person of each area as posted, -1 nobody.

    Raises
    ------
    SchemaError
        The posts break a rule.
    """
    POSTS.check(posts, source="posts")
    chosen, problems = _given(posts, level, need)
    raise_all(SchemaError, problems)
    return chosen


def _row(need: Need, chosen: Ints) -> dict[str, Any]:
    merged, group = merge_bases(need)
    hint = np.where(chosen >= 0, group[chosen], NOBODY) if len(group) else chosen
    best = optimum(merged, gap=0.0, hint=hint)
    filled = np.flatnonzero(chosen >= 0)
    total = float(need.cost(filled, chosen[filled]).sum())
    trips = need.distance(filled, chosen[filled])
    fillable = int((best.chosen >= 0).sum()) - filled.size
    gap = total / best.bound_m - 1 if best.bound_m > 0 else 0.0
    return {
        "role": need.role.code,
        "slot": need.slot,
        "posts": len(chosen),
        "filled": filled.size,
        "unfilled": len(chosen) - filled.size,
        "fillable": fillable,
        "total_m": total,
        "bound_m": best.bound_m,
        # Costs are counted in whole centimetres; half of one a post is no gap.
        "gap": 0.0 if abs(total - best.bound_m) <= 0.005 * (filled.size + 1) else gap,
        "mean_m": float(trips.mean()) if trips.size else np.nan,
        "worst_m": float(trips.max()) if trips.size else np.nan,
    }
