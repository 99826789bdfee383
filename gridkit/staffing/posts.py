"""One person for each needed role in each area, at the least total distance."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from ..crs import require_metres, same_crs
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
        A role that the rules do not know.
    SchemaError
        Areas of several levels, people without a base, repeated ids, capacity below one.

    Warns
    -----
    GridkitWarning
        Some posts of a role stay empty: which role and how many.

    Notes
    -----
    Each person stands for ``max_areas`` places, and places are matched to areas by the
    Jonker-Volgenant algorithm as in scipy (D. F. Crouse, "On implementing 2D rectangular
    assignment algorithms", 2016). Equal distances go by code and id, so the order of the
    rows does not matter.

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
    known = dict(rules or load_roles())
    wanted = list(roles or known)
    _check(areas, roster, wanted, known)
    level = str(areas["level"].iloc[0]) if "level" in areas.columns and len(areas) else "cell"
    parts = [_posts_of(areas, roster, known[role], level) for role in wanted]
    _warn_unfilled(parts)
    posts = pd.concat(parts, ignore_index=True)
    order = np.argsort(np.tile(np.arange(len(areas)), len(wanted)), kind="stable")
    return posts.iloc[order].reset_index(drop=True)


def _check(
    areas: gpd.GeoDataFrame, roster: gpd.GeoDataFrame, wanted: list[str], known: dict[str, Role]
) -> None:
    CELLS.check(areas, source="areas")
    ROSTER.check(roster, source="roster")
    for role in wanted:
        if role not in known:
            choices = ", ".join(known)
            raise OptionError(*message("options.unknown", name="role", value=role, choices=choices))
    require_metres(areas, what="areas")
    require_metres(roster, what="roster")
    same_crs(areas, roster, what="areas, roster")
    problems = []
    if "level" in areas.columns and len(areas["level"].unique()) > 1:
        found = ", ".join(map(str, areas["level"].unique()))
        problems.append(message("staffing.levels_mixed", found=found))
    homeless = (roster.geometry.is_empty | roster.geometry.isna()).to_numpy()
    if homeless.any():
        who = ", ".join(roster["person_id"][homeless].head(5))
        problems.append(message("staffing.no_base", n=int(homeless.sum()), who=who))
    if "max_areas" in roster.columns:
        idle = (roster["max_areas"] < 1).to_numpy(dtype=bool, na_value=False)
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
    inner = areas.geometry.representative_point()
    base = people.geometry
    far: NDArray[np.float64] = np.hypot(
        inner.x.to_numpy()[:, None] - base.x.to_numpy()[None, :],
        inner.y.to_numpy()[:, None] - base.y.to_numpy()[None, :],
    )
    return far


def _capacity(people: pd.DataFrame, role: Role, most: int) -> NDArray[np.intp]:
    """Return how many areas each person may hold; never more than there are."""
    if "max_areas" not in people.columns:
        return np.full(len(people), min(role.max_areas, most), dtype=np.intp)
    own = pd.to_numeric(people["max_areas"]).fillna(role.max_areas)
    capacity: NDArray[np.intp] = np.minimum(own.to_numpy(dtype=np.intp), most)
    return capacity


def _match(cost: NDArray[np.float64], capacity: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the person of each area at least total cost; -1 where places run out."""
    place = np.repeat(np.arange(len(capacity)), capacity)
    chosen = np.full(len(cost), -1, dtype=np.intp)
    if len(place) and len(cost):
        area, column = linear_sum_assignment(cost[:, place])
        chosen[area] = place[column]
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
