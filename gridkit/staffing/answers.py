"""Why this person, who was next, what it would cost; and why a post stays empty."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import OptionError
from ..messages import Message, message
from ..tables import first_few
from .demand import Wishes, demand_of
from .needs import Refusal
from .optimum import optimum
from .proof import given_posts
from .shortages import conflict_of, relaxations_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd

    from ..errors import Lang
    from ..rules import Role
    from .needs import Ints, Need

__all__ = ["PostReason", "Shortage", "explain_post", "explain_shortage"]

ASKED = 5
"""How many of the people who were nearer, or next, are looked at."""

_WHY = {
    "DISTANCE": "staffing.passed_distance",
    "OWN": "staffing.passed_own",
    "QUALIFICATION": "staffing.passed_qualification",
    "SLOT": "staffing.passed_slot",
    "LEAVE": "staffing.passed_leave",
    "VALIDITY": "staffing.passed_validity",
    "ELSEWHERE": "staffing.passed_elsewhere",
}


@dataclass(frozen=True)
class PostReason:
    """Why a post has its person.

    Attributes
    ----------
    area_code, role, slot : str
    person_id : str or None
    distance_m : float
    rank : int
        Among all who may take the post, counted by cost; 1 is the nearest. 0 for an empty post.
    own, stayed : bool
        Of the area's own community, street or unit; held it before.
    next_id : str or None
        Who would hold it if this person might not.
    next_extra_m : float
        What all posts together would cost more then (re-solved); NaN where the post, or another,
        would stay empty.
    passed_over : DataFrame
        People who were nearer: ``person_id``, ``distance_m``, ``why`` (a rule, or ELSEWHERE) and
        ``areas`` that they hold instead.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import PostReason
    >>> PostReason("A1", "officer", "", "P1", 120.0, 1, True, False, None, 0.0, pd.DataFrame()).rank
    1
    """

    area_code: str
    role: str
    slot: str
    person_id: str | None
    distance_m: float
    rank: int
    own: bool
    stayed: bool
    next_id: str | None
    next_extra_m: float
    passed_over: pd.DataFrame

    def text(self, lang: Lang = "zh") -> str:
        """Return the reason in sentences."""
        where = {"area": self.area_code, "role": self.role}
        if self.person_id is None:
            return message("staffing.reason_empty", **where).text(lang)
        told = [
            message(
                "staffing.reason_person",
                who=self.person_id,
                far=f"{self.distance_m:,.0f}",
                rank=self.rank,
                **where,
            )
        ]
        if self.own:
            told.append(message("staffing.reason_own"))
        if self.stayed:
            told.append(message("staffing.reason_stayed"))
        for row in self.passed_over.to_dict("records"):
            what = {"who": row["person_id"], "far": f"{row['distance_m']:,.0f}"}
            told.append(message(_WHY[str(row["why"])], areas=row["areas"], **what))
        if self.next_id is None:
            told.append(message("staffing.reason_alone"))
        else:
            short, extra = np.isnan(self.next_extra_m), f"{self.next_extra_m:,.0f}"
            key = "staffing.reason_next_short" if short else "staffing.reason_next"
            told.append(message(key, who=self.next_id, extra=extra))
        return " ".join(m.text(lang) for m in told) if lang == "en" else "".join(m.zh for m in told)


def explain_post(
    posts: pd.DataFrame,
    areas: gpd.GeoDataFrame,
    roster: gpd.GeoDataFrame,
    *,
    area_code: str,
    role: str,
    slot: str | None = None,
    rules: Mapping[str, Role] | None = None,
    previous: pd.DataFrame | None = None,
    stay_bonus_m: float = 300.0,
    own_bonus_m: float = 500.0,
    max_distance_m: float | None = None,
    at: Any = None,
    streets: gpd.GeoDataFrame | None = None,
) -> PostReason:
    """Say why a post has its person, who would be next, and what that would cost.

    Parameters
    ----------
    posts : DataFrame
        Table ``posts`` of one day, on the level of `areas`.
    areas, roster : GeoDataFrame
        As in `assign`; so are `rules`, `previous`, `stay_bonus_m`, `own_bonus_m`,
        `max_distance_m`, `at` and `streets`.
    area_code, role : str
        The post.
    slot : str, optional
        Its slot, where the role is needed in several.

    Returns
    -------
    PostReason

    Raises
    ------
    OptionError
        No such area, role or slot.
    SchemaError
        Posts that break a rule, as in `prove_posts`.

    Notes
    -----
    What the next would cost is the difference of two optima: with all pairs, and without this
    one. For roles with beats it is what free assignment would cost.

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
    >>> why = gk.explain_post(posts, cells, roster, area_code="w", role="volunteer")
    >>> why.person_id, why.rank, why.next_id, round(why.next_extra_m, 1)
    ('p2', 1, 'p1', 17.9)
    """
    wishes = Wishes(stay_bonus_m, own_bonus_m, max_distance_m, at, streets)
    demand = demand_of(areas, roster, roles=[role], rules=rules, previous=previous, wishes=wishes)
    need = _need(demand.needs, slot)
    place = np.flatnonzero(need.codes == area_code)
    if not place.size:
        raise OptionError(*message("staffing.unknown_area", code=area_code))
    i = int(place[0])
    chosen = given_posts(posts, demand.level, need)
    person = int(chosen[i])
    passed = _passed_over(need, chosen, i)
    if person < 0:
        return PostReason(
            area_code, role, need.slot, None, np.nan, 0, False, False, None, np.nan, passed
        )
    everyone = np.arange(len(need.ids))
    here = np.int64(i)
    cost = need.cost(_one(here), everyone)
    allowed = need.refused(_one(here), everyone) == 0
    best, without = optimum(need, gap=0.0), optimum(replace(need, aside=(i, person)), gap=0.0)
    other = int(without.chosen[i])
    as_many = (without.chosen >= 0).sum() == (best.chosen >= 0).sum()
    return PostReason(
        area_code=area_code,
        role=role,
        slot=need.slot,
        person_id=str(need.ids[person]),
        distance_m=float(need.distance(_one(here), _one(np.int64(person)))[0]),
        rank=1 + int((cost[allowed] < cost[person]).sum()),
        own=bool(need.role.own) and bool(need.is_own(_one(here), _one(np.int64(person)))[0]),
        stayed=int(need.holder[i]) == person,
        next_id=None if other < 0 else str(need.ids[other]),
        next_extra_m=without.total_m - best.total_m if as_many else float("nan"),
        passed_over=passed,
    )


def _one(value: Any) -> Ints:
    return np.array([value], np.int64)


def _need(needs: Sequence[Need], slot: str | None) -> Need:
    """Return the need of a slot; the only one where none is named."""
    there = [need for need in needs if slot is None or need.slot == slot]
    if len(there) != 1:
        choices = ", ".join(need.slot or "–" for need in needs)
        raise OptionError(*message("options.unknown", name="slot", value=slot, choices=choices))
    return there[0]


def _passed_over(need: Need, chosen: Ints, i: int) -> pd.DataFrame:
    """Return the nearest people who do not hold the area though nearer than who does."""
    everyone = np.arange(len(need.ids))
    here = _one(i)
    apart = need.distance(here, everyone)
    own = np.inf if chosen[i] < 0 else apart[chosen[i]]
    nearer = everyone[(apart < own) & (everyone != chosen[i])]
    nearer = nearer[np.lexsort((nearer, apart[nearer]))][:ASKED]
    flags = need.refused(here, nearer)
    rows = []
    for person, flag in zip(nearer.tolist(), flags.tolist(), strict=True):
        rule = next((r.name for r in Refusal if flag & r.value), "ELSEWHERE")
        held = need.codes[chosen == person]
        rows.append((need.ids[person], apart[person], rule, ", ".join(held[:ASKED])))
    return pd.DataFrame(rows, columns=["person_id", "distance_m", "why", "areas"])


@dataclass(frozen=True)
class Shortage:
    """What cannot be staffed, why, and what would have to give.

    Attributes
    ----------
    missing : DataFrame
        ``role``, ``slot``, ``street_code``, ``needed``, ``filled``, ``missing``; empty when all
        can be staffed.
    conflicts : DataFrame
        A row for each role and slot that is short: ``areas`` that need more people than can serve
        them, ``people`` who may serve any of them, and their ``places``, one fewer than the
        areas: with any one area less, or one place more, it comes out.
    relaxations : DataFrame
        ``rules`` that would have to be given up together, with the least ``max_distance_m`` and
        ``extra_areas`` a person where these are among them, and ``zh``, ``en``. Each was
        re-solved: with it nothing stays empty, with fewer of its rules something does.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import Shortage
    >>> Shortage(pd.DataFrame(), pd.DataFrame(), pd.DataFrame()).text("en")
    'Every post can be filled.'
    """

    missing: pd.DataFrame
    conflicts: pd.DataFrame
    relaxations: pd.DataFrame

    def text(self, lang: Lang = "zh") -> str:
        """Return the shortage in sentences, a line for each."""
        if self.missing.empty:
            return message("staffing.no_shortage").text(lang)
        told = [
            message(
                "staffing.short",
                role=f"{row['role']} {row['slot']}".strip(),
                street=row["street_code"],
                n=row["missing"],
                needed=row["needed"],
            )
            for row in self.missing.to_dict("records")
        ]
        told += [
            message(
                "staffing.short_why",
                role=row["role"],
                n=len(row["areas"]),
                areas=first_few(row["areas"]),
                people=first_few(row["people"]) or "–",
                places=row["places"],
            )
            for row in self.conflicts.to_dict("records")
        ]
        told += [
            message(
                "staffing.short_remedy",
                role=row["role"],
                what=Message(str(row["en"]), str(row["zh"])),
            )
            for row in self.relaxations.to_dict("records")
        ]
        return "\n".join(m.text(lang) for m in told)


def explain_shortage(
    areas: gpd.GeoDataFrame,
    roster: gpd.GeoDataFrame,
    *,
    roles: Sequence[str] | None = None,
    rules: Mapping[str, Role] | None = None,
    own_bonus_m: float = 500.0,
    max_distance_m: float | None = None,
    at: Any = None,
    streets: gpd.GeoDataFrame | None = None,
) -> Shortage:
    """Say which posts cannot be filled, why not, and what would have to give.

    Parameters
    ----------
    areas, roster : GeoDataFrame
        As in `assign`; so are `roles`, `rules`, `own_bonus_m`, `max_distance_m`,
        `at` and `streets`.

    Returns
    -------
    Shortage

    Raises
    ------
    OptionError, SchemaError, CRSError, GeometryError
        As in `assign`.

    Notes
    -----
    The conflict is a set of areas with one more member than their people have places (P. Hall,
    1935), found on alternating paths from an empty post; the smallest of those tried is shown.
    Sets of rules are given up by ascending size, and each is re-solved as a maximum flow.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import gridkit as gk
    >>> from shapely import Point, box
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["w", "e"]}, geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)], crs=4549
    ... )
    >>> roster = gpd.GeoDataFrame(
    ...     {"person_id": ["p1"], "role": "volunteer"},
    ...     geometry=gpd.GeoSeries([Point(17, 5)], crs=4549, name="base"),
    ... ).rename_geometry("base")
    >>> why = gk.explain_shortage(cells, roster, roles=["volunteer"])
    >>> print(why.text("en"))
    volunteer: 1 of 2 posts in - cannot be filled.
    volunteer: the 2 areas e, w can only be served by p1, with 1 place(s).
    volunteer, a way out: let each person hold 1 area(s) more.
    """
    wishes = Wishes(0.0, own_bonus_m, max_distance_m, at, streets)
    demand = demand_of(areas, roster, roles=roles, rules=rules, previous=None, wishes=wishes)
    street = demand.areas.get("street_code", pd.Series("-", demand.areas.index)).fillna("-")
    missing: list[pd.DataFrame] = []
    conflicts: list[dict[str, Any]] = []
    relaxations: list[dict[str, Any]] = []
    for need in demand.needs:
        chosen = optimum(need, gap=np.inf).chosen
        if (chosen >= 0).all():
            continue
        who = {"role": need.role.code, "slot": need.slot}
        missing.append(_missing(who, street, chosen))
        conflict = conflict_of(need)
        if conflict is not None:
            sides = {"areas": conflict.areas, "people": conflict.people}
            conflicts.append({**who, **sides, "places": conflict.places})
        for way in relaxations_of(need):
            said = way.sentence()
            values = {"max_distance_m": way.max_distance_m, "extra_areas": way.extra_areas}
            relaxations.append({**who, "rules": way.rules, **values, "zh": said.zh, "en": said.en})
    return Shortage(
        pd.concat(missing, ignore_index=True) if missing else pd.DataFrame(),
        pd.DataFrame(conflicts),
        pd.DataFrame(relaxations),
    )


def _missing(who: dict[str, str], street: pd.Series[Any], chosen: Ints) -> pd.DataFrame:
    filled = pd.Series(chosen >= 0, index=street.index)
    counts = filled.groupby(street.astype("str")).agg(needed="size", filled="sum").reset_index()
    counts.columns = pd.Index(["street_code", "needed", "filled"])
    counts["missing"] = counts["needed"] - counts["filled"]
    short = counts[counts["missing"] > 0]
    return short.assign(**who)[["role", "slot", "street_code", "needed", "filled", "missing"]]
