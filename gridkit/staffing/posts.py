"""One person for each needed role in each area, at the least total distance."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from ..crs import require_metres, same_crs
from ..division.ordering import require_areas
from ..errors import GridkitWarning, OptionError, SchemaError, raise_all
from ..messages import message
from ..rules import load_roles
from ..tables import CELLS, ROSTER, first_few

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from ..rules import Role

__all__ = ["assign"]


def assign(
    areas: gpd.GeoDataFrame,
    roster: gpd.GeoDataFrame,
    *,
    roles: Sequence[str] | None = None,
    rules: Mapping[str, Role] | None = None,
) -> pd.DataFrame:
    """Post one person of each role to each area of one level.

    Total distance from the people's bases to the areas' inner points is least, and nobody holds
    more areas than ``max_areas`` allows. Where a role has too few places for the areas, as many
    areas as possible are filled and the rest are rows with an empty ``person_id``.

    Parameters
    ----------
    areas : GeoDataFrame
        Areas of one level (table ``cells``), projected, metres.
    roster : GeoDataFrame
        Table ``roster`` with the people's bases as active geometry, in the CRS of `areas`.
    roles : sequence of str, optional
        Codes of the roles needed; all roles of `rules` by default.
    rules : mapping of str to Role, optional
        The roles known; `gridkit.rules.load_roles` by default.

    Returns
    -------
    DataFrame
        Table ``posts``: for each area, in the order given, a row for each role.

    Raises
    ------
    CRSError
        No CRS, degrees, or two different CRS.
    OptionError
        A role that the rules do not know, or no role.
    SchemaError
        Areas of several levels, people without a base or with one that is no point, repeated
        ids, capacity below one.
    GeometryError
        An area has no sound polygon.

    Warns
    -----
    GridkitWarning
        Some posts of a role stay empty: which role and how many.

    Notes
    -----
    Each person stands for ``max_areas`` places, and places are matched to areas by the
    Jonker-Volgenant algorithm as in scipy (D. F. Crouse, "On implementing 2D rectangular
    assignment algorithms", 2016). Which of several equally short answers comes out depends on
    codes and ids, not on the order of the rows. It takes 8 bytes × areas × (people + places), the
    places being the people or some two to four times the areas: for 7,840 areas and as many
    people about 1 GB and half a minute.

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
    known = dict(load_roles() if rules is None else rules)
    wanted = list(known) if roles is None else list(dict.fromkeys(roles))
    _check(areas, roster, wanted, known)
    level = _levels(areas)[0]
    parts = [_posts_of(areas, roster, known[role], level) for role in wanted]
    _warn_unfilled(parts)
    posts = pd.concat(parts, ignore_index=True)
    order = np.argsort(np.tile(np.arange(len(areas)), len(wanted)), kind="stable")
    return posts.iloc[order].reset_index(drop=True)


def _levels(areas: gpd.GeoDataFrame) -> list[str]:
    """Return the levels that occur; areas that name none are cells."""
    if "level" not in areas.columns or areas.empty:
        return ["cell"]
    return [str(level) for level in areas["level"].fillna("cell").unique()]


def _check(
    areas: gpd.GeoDataFrame, roster: gpd.GeoDataFrame, wanted: list[str], known: dict[str, Role]
) -> None:
    CELLS.check(areas, source="areas")
    ROSTER.check(roster, source="roster")
    choices = ", ".join(known)
    if not wanted:
        raise OptionError(*message("options.unknown", name="roles", value=wanted, choices=choices))
    for role in wanted:
        if role not in known:
            raise OptionError(*message("options.unknown", name="role", value=role, choices=choices))
    if len(areas):
        require_areas(areas, what="areas")
    require_metres(roster, what="roster")
    same_crs(areas, roster, what="areas, roster")
    problems = []
    levels = _levels(areas)
    if len(levels) > 1:
        problems.append(message("staffing.levels_mixed", found=", ".join(levels)))
    homeless = (roster.geometry.is_empty | roster.geometry.isna()).to_numpy()
    if homeless.any():
        who = ", ".join(roster["person_id"][homeless].head(5))
        problems.append(message("staffing.no_base", n=int(homeless.sum()), who=who))
    spread = (~homeless & (roster.geometry.geom_type != "Point")).to_numpy()
    if spread.any():
        rows = first_few(np.flatnonzero(spread))
        problems.append(message("staffing.not_points", n=int(spread.sum()), rows=rows))
    if "max_areas" in roster.columns:
        idle = (pd.to_numeric(roster["max_areas"]) < 1).to_numpy(dtype=bool, na_value=False)
        if idle.any():
            rows = first_few(np.flatnonzero(idle))
            problems.append(message("staffing.no_capacity", n=int(idle.sum()), rows=rows))
    raise_all(SchemaError, problems)


def _posts_of(
    areas: gpd.GeoDataFrame, roster: gpd.GeoDataFrame, role: Role, level: str
) -> pd.DataFrame:
    """Return the posts of one role, a row for each area in the order given."""
    people = roster[roster["role"] == role.code].sort_values("person_id").reset_index(drop=True)
    order = np.argsort(areas["cell_code"].to_numpy(dtype=object), kind="stable")
    cost = _distances(areas.iloc[order], people)
    chosen = np.full(len(areas), -1)
    chosen[order] = _match(cost, _capacity(people, role, len(areas)))
    filled = chosen >= 0
    back = np.argsort(order)
    distance = np.full(len(areas), np.nan)
    distance[filled] = cost[back[filled], chosen[filled]]
    return pd.DataFrame(
        {
            "level": pd.array([level] * len(areas), dtype="str"),
            "area_code": areas["cell_code"].astype("str").to_numpy(),
            "role": pd.array([role.code] * len(areas), dtype="str"),
            "slot": _of_person(people, "slots", chosen),
            "person_id": _of_person(people, "person_id", chosen),
            "backup_id": _of_person(people, "backup_id", chosen),
            "duty": pd.array([role.duty] * len(areas), dtype="str"),
            "standard": pd.array([role.standard] * len(areas), dtype="str"),
            "incentive": pd.array([role.incentive] * len(areas), dtype="str"),
            "distance_m": distance,
        }
    )


def _distances(areas: gpd.GeoDataFrame, people: gpd.GeoDataFrame) -> NDArray[np.float64]:
    inner = shapely.get_coordinates(shapely.point_on_surface(areas.geometry.to_numpy()))
    base = shapely.get_coordinates(people.geometry.to_numpy())
    return np.asarray(cdist(inner, base), dtype=np.float64)


def _capacity(people: pd.DataFrame, role: Role, most: int) -> NDArray[np.intp]:
    """Return how many areas each person may hold; never more than there are."""
    if "max_areas" not in people.columns:
        return np.full(len(people), min(role.max_areas, most), dtype=np.intp)
    own = pd.to_numeric(people["max_areas"]).fillna(role.max_areas)
    capacity: NDArray[np.intp] = np.minimum(own.to_numpy(dtype=np.intp), most)
    return capacity


def _match(cost: NDArray[np.float64], capacity: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the person of each area at least total cost; -1 where places run out.

    With all their places, people who may hold many areas would fill the memory. Everyone starts
    with few, and gets more as long as all of them are used: a bound that does not bind can be
    lifted without loss, so the last answer is the best of all.
    """
    if not cost.size:
        return np.full(len(cost), -1, dtype=np.intp)
    few = np.minimum(capacity, math.ceil(2 * len(cost) / len(capacity)))
    while True:
        chosen = _match_places(cost, few)
        used = np.bincount(chosen[chosen >= 0], minlength=len(few))
        tight = (used == few) & (few < capacity)
        if not tight.any():
            return chosen
        few = np.where(tight, np.minimum(2 * few, capacity), few)


def _match_places(cost: NDArray[np.float64], places: NDArray[np.intp]) -> NDArray[np.intp]:
    person = np.repeat(np.arange(len(places)), places)
    # In the order of their codes, areas side by side compete; shuffled it is thrice as fast.
    order = np.random.default_rng(0).permutation(len(cost))
    area, column = linear_sum_assignment(cost[np.ix_(order, person)])
    chosen = np.full(len(cost), -1, dtype=np.intp)
    chosen[order[area]] = person[column]
    return chosen


def _of_person(people: pd.DataFrame, column: str, chosen: NDArray[np.intp]) -> pd.Series:
    """Return a column of the chosen people; empty where nobody was."""
    values = np.full(len(chosen), None, dtype=object)
    if column in people.columns:
        filled = chosen >= 0
        values[filled] = people[column].to_numpy(dtype=object)[chosen[filled]]
    return pd.Series(pd.array(values, dtype="str"))


def _warn_unfilled(parts: list[pd.DataFrame]) -> None:
    short = [(p["role"].iloc[0], int(p["person_id"].isna().sum()), len(p)) for p in parts if len(p)]
    lines = ", ".join(f"{role} {lost}/{total}" for role, lost, total in short if lost)
    if lines:
        warnings.warn(GridkitWarning(*message("staffing.unfilled", roles=lines)), stacklevel=3)
