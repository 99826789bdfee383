"""One person for each needed role in each area: near, fair, steady, and provably so."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import GridkitWarning
from ..messages import message
from .beats import match_beats
from .demand import Wishes, demand_of
from .optimum import merge_bases, optimum, spread_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd

    from ..rules import Role
    from .demand import Demand
    from .needs import Ints, Need

__all__ = ["assign"]

GAP = 0.001
"""An assignment this share above the best possible is good enough to stop."""


def assign(
    areas: gpd.GeoDataFrame,
    roster: gpd.GeoDataFrame,
    *,
    roles: Sequence[str] | None = None,
    rules: Mapping[str, Role] | None = None,
    previous: pd.DataFrame | None = None,
    stay_bonus_m: float = 300.0,
    own_bonus_m: float = 500.0,
    max_distance_m: float | None = None,
    at: Any = None,
    streets: gpd.GeoDataFrame | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Post one person of each role, in each of its slots, to each area of one level.

    As many posts are filled as can be, at the least total distance from the people's bases to the
    areas' inner points, straight or along streets; nobody holds more areas at a time than
    ``max_areas``. Posts that nobody can take are rows with an empty ``person_id``:
    `explain_shortage` says why.

    Parameters
    ----------
    areas : GeoDataFrame
        Areas of one level (table ``cells``), projected, metres.
    roster : GeoDataFrame
        Table ``roster`` with the people's bases as active geometry, in the CRS of `areas`.
    roles : sequence of str, optional
        Codes of the roles needed; all roles of `rules` by default.
    rules : mapping of str to Role, optional
        The roles known; `gridkit.rules.load_roles` by default. A role says in which slots it is
        needed, whose people come first (``own``), how far they go, what they must have, and
        whether they hold beats.
    previous : DataFrame, optional
        Table ``posts`` of before; with a history, its rows of the day `at`.
    stay_bonus_m : float
        Metres that a newcomer must be nearer than the one who held the post before.
    own_bonus_m : float
        Metres that a stranger must be nearer than one of the area's own community, street or
        unit, for roles that have ``own``; infinite: own people only.
    max_distance_m : float, optional
        No trip longer than this; each role's own cap by default.
    at : date, optional
        First day of the posts. Who is on leave or not employed on that day takes none.
    streets : GeoDataFrame, optional
        Street lines, with ``bridge`` where some are (`read_district`): trips go along them, over
        water only by bridge. Straight lines by default.
    seed : int
        Chooses among equally good beats.

    Returns
    -------
    DataFrame
        Table ``posts``: for each area, in the order given, a row for each role and slot. A role
        without slots has one post, with the hours of its person.

    Raises
    ------
    CRSError
        No CRS, degrees, or two different CRS.
    OptionError
        A role that the rules do not know, or no role; metres below zero; people whose contracts
        share no day, and no `at`; a table of streets without a row.
    SchemaError
        Areas of several levels, people without a base or with one that is no point, repeated
        ids, capacity below one, slots or leave that cannot be read, slots of one role that
        overlap.
    GeometryError
        An area has no sound polygon, a street no line.

    Warns
    -----
    GridkitWarning
        Some posts of a role stay empty: which role and how many.

    Notes
    -----
    Each role and slot is a minimum-cost flow, solved by OR-Tools on pairs that are near or that
    the prices of the last solution name (column generation), until prices prove that no
    assignment is more than 0.1 % better; `prove_posts` goes to the end. A shortage is confirmed
    with all pairs. Roles with ``beats`` hold contiguous areas of equal load instead. Which of
    several equally short answers comes out depends on codes and ids, not on the order of the rows.

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
    >>> gk.assign(cells, roster, roles=["volunteer"])[["area_code", "role", "person_id"]]
      area_code       role person_id
    0         w  volunteer        p2
    1         e  volunteer        p1
    """
    wishes = Wishes(stay_bonus_m, own_bonus_m, max_distance_m, at, streets)
    demand = demand_of(areas, roster, roles=roles, rules=rules, previous=previous, wishes=wishes)
    parts = [
        _posts_of(areas, roster, demand, need, _chosen(need, demand, seed)) for need in demand.needs
    ]
    _warn_unfilled(parts)
    posts = pd.concat(parts, ignore_index=True)
    if at is not None:
        day = pd.Timestamp(at).normalize().tz_localize(None)
        posts["valid_from"] = pd.Series(day, posts.index, dtype="datetime64[s]")
    order = np.argsort(np.tile(np.arange(len(areas)), len(parts)), kind="stable")
    return posts.iloc[order].reset_index(drop=True)


def _chosen(need: Need, demand: Demand, seed: int) -> Ints:
    """Return the person of each area of a need."""
    if need.role.beats:
        return match_beats(need, demand.areas, seed=seed)
    merged, group = merge_bases(need)
    return spread_out(need, group, optimum(merged, gap=GAP).chosen)


def _posts_of(
    areas: gpd.GeoDataFrame,
    roster: gpd.GeoDataFrame,
    demand: Demand,
    need: Need,
    chosen: Ints,
) -> pd.DataFrame:
    """Return the posts of one need, a row for each area in the order given."""
    place = pd.Index(need.codes, dtype=object).get_indexer(areas["cell_code"].to_numpy(object))
    person = chosen[place]
    filled = np.flatnonzero(person >= 0)
    ids = np.full(len(person), None, dtype=object)
    ids[filled] = need.ids[person[filled]]
    distance = np.full(len(person), np.nan)
    distance[filled] = need.distance(place[filled], person[filled])
    role, n = need.role, len(person)
    hours = _of_person(roster, "slots", ids) if not need.slot else pd.array([need.slot] * n, "str")
    return pd.DataFrame(
        {
            "level": pd.array([demand.level] * n, dtype="str"),
            "area_code": areas["cell_code"].astype("str").to_numpy(),
            "role": pd.array([role.code] * n, dtype="str"),
            "slot": hours,
            "person_id": pd.array(ids, dtype="str"),
            "backup_id": _of_person(roster, "backup_id", ids),
            "duty": pd.array([role.duty] * n, dtype="str"),
            "standard": pd.array([role.standard] * n, dtype="str"),
            "incentive": pd.array([role.incentive] * n, dtype="str"),
            "distance_m": distance,
        }
    )


def _of_person(roster: pd.DataFrame, column: str, ids: Any) -> pd.Series[Any]:
    """Return a column of the people chosen; empty where nobody was."""
    if column not in roster.columns:
        return pd.Series(None, index=range(len(ids)), dtype="str")
    values = dict(zip(roster["person_id"].tolist(), roster[column].tolist(), strict=True))
    return pd.Series([values.get(i) for i in ids], dtype="str")


def _warn_unfilled(parts: list[pd.DataFrame]) -> None:
    short: dict[str, list[int]] = {}
    for part in parts:
        if len(part):
            counts = short.setdefault(part["role"].iloc[0], [0, 0])
            counts[0] += int(part["person_id"].isna().sum())
            counts[1] += len(part)
    lines = ", ".join(f"{role} {lost}/{total}" for role, (lost, total) in short.items() if lost)
    if lines:
        warnings.warn(GridkitWarning(*message("staffing.unfilled", roles=lines)), stacklevel=3)
