"""What has to be staffed: one need for each role and slot, from sound tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..crs import require_metres, same_crs
from ..division.lineage import day_of, days_of
from ..division.ordering import require_areas
from ..errors import OptionError, SchemaError, raise_all
from ..messages import Message, message
from ..rules import load_roles
from ..slots import covers, overlap, parse_leave, parse_slots
from ..tables import CELLS, POSTS, ROSTER, first_few
from .history import posts_at
from .needs import Refusal, make_need
from .shifts import slot_texts
from .travel import street_graph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from ..rules import Role
    from .needs import Masks, Need

__all__ = ["Demand", "Wishes", "demand_of"]


@dataclass(frozen=True)
class Wishes:
    """What is asked of an assignment beside short trips; as the parameters of `assign`."""

    stay_bonus_m: float
    own_bonus_m: float
    max_distance_m: float | None
    at: Any
    streets: gpd.GeoDataFrame | None


@dataclass(frozen=True, eq=False)
class Demand:
    """The needs of all roles and slots, on the same areas.

    Attributes
    ----------
    areas : GeoDataFrame
        In the order of their codes, as in the needs.
    level : str
    needs : tuple of Need
        One for each role and each of its slots, roles in the order asked for.
    """

    areas: gpd.GeoDataFrame
    level: str
    needs: tuple[Need, ...]


def demand_of(
    areas: gpd.GeoDataFrame,
    roster: gpd.GeoDataFrame,
    *,
    roles: Sequence[str] | None,
    rules: Mapping[str, Role] | None,
    previous: pd.DataFrame | None,
    wishes: Wishes,
) -> Demand:
    """Check the tables of `assign` and return what has to be staffed."""
    known = dict(load_roles() if rules is None else rules)
    wanted = list(known) if roles is None else list(dict.fromkeys(roles))
    _check_options(wanted, known, wishes)
    _check_tables(areas, roster)
    _check_slots(wanted, known, roster)
    day = _day(roster, wishes.at)
    held = None if previous is None else _held(previous, wishes.at)
    level = _levels(areas)[0]
    streets = None if wishes.streets is None else street_graph(wishes.streets, like=areas)
    order = np.argsort(areas["cell_code"].to_numpy(dtype=object), kind="stable")
    pairs = [(known[code], slot) for code in wanted for slot in known[code].slots or ("",)]
    needs = [
        make_need(
            areas,
            (people := roster[roster["role"] == role.code]),
            role=role,
            slot=slot,
            barred=_barred(people, role, slot, day),
            holders=None if held is None else _holders(held, level, role.code, slot),
            max_distance_m=wishes.max_distance_m,
            own_bonus_m=wishes.own_bonus_m,
            stay_bonus_m=wishes.stay_bonus_m if held is not None else 0.0,
            streets=streets,
        )
        for role, slot in pairs
    ]
    return Demand(areas.iloc[order], level, tuple(needs))


def _levels(areas: gpd.GeoDataFrame) -> list[str]:
    """Return the levels that occur; areas that name none are cells."""
    if "level" not in areas.columns or areas.empty:
        return ["cell"]
    return [str(level) for level in areas["level"].fillna("cell").unique()]


def _check_options(wanted: list[str], known: Mapping[str, Role], wishes: Wishes) -> None:
    choices = ", ".join(known)
    if not wanted:
        raise OptionError(*message("options.unknown", name="roles", value=wanted, choices=choices))
    for role in wanted:
        if role not in known:
            raise OptionError(*message("options.unknown", name="role", value=role, choices=choices))
    metres = {
        "stay_bonus_m": wishes.stay_bonus_m,
        "own_bonus_m": wishes.own_bonus_m,
        "max_distance_m": 1.0 if wishes.max_distance_m is None else wishes.max_distance_m,
    }
    for name, value in metres.items():
        least_met = value > 0 if name == "max_distance_m" else value >= 0
        finite = np.isfinite(value) or name != "stay_bonus_m"
        if not (least_met and finite):
            raise OptionError(*message("staffing.bad_metres", name=name, value=value))


def _check_tables(areas: gpd.GeoDataFrame, roster: gpd.GeoDataFrame) -> None:
    CELLS.check(areas, source="areas")
    ROSTER.check(roster, source="roster")
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


def _check_slots(wanted: list[str], known: Mapping[str, Role], roster: pd.DataFrame) -> None:
    """Raise where slots or leave cannot be read, or slots that one role needs overlap."""
    problems: list[Message] = []
    for code in wanted:
        slots = [(text, parse_slots(text)) for text in known[code].slots]
        for i, (text, slot) in enumerate(slots):
            for other, another in slots[:i]:
                if overlap(slot, another):
                    where = {"role": code, "one": other, "other": text}
                    problems.append(message("staffing.slots_overlap", **where))
    for column, read in (("slots", parse_slots), ("leave", parse_leave)):
        if column not in roster.columns:
            continue
        for text in roster[column].dropna().unique():
            try:
                read(text)
            except OptionError as error:
                who = roster.loc[(roster[column] == text).to_numpy(), "person_id"].iloc[0]
                said = Message(error.en, error.zh)
                problems.append(message("staffing.bad_hours", who=who, why=said))
    raise_all(SchemaError, problems)


def _day(roster: pd.DataFrame, at: Any) -> Any:
    """Return the day of the posts; without one everybody must be employed on some common day."""
    start, end = days_of(roster, "valid_from"), days_of(roster, "valid_to")
    if at is not None:
        return day_of(at, name="at")
    first, last = start.max(), end.min()
    if pd.notna(first) and pd.notna(last) and first >= last:
        raise OptionError(*message("staffing.no_common_day", first=first.date(), last=last.date()))
    return None


def _barred(people: pd.DataFrame, role: Role, slot: str, day: Any) -> Masks:
    """Return for each person the flags of the rules that keep them from every post of a need."""
    flags = np.zeros(len(people), np.uint8)

    def bar(rows: NDArray[np.bool_], why: Refusal) -> None:
        flags[rows] |= np.uint8(why.value)

    if role.qualification:
        has = _texts(people, "qualifications").str.split(r"[;；、,，]", regex=True)
        names = [role.qualification in [q.strip() for q in qualities] for qualities in has]
        bar(~np.array(names, bool), Refusal.QUALIFICATION)
    if slot:
        needed = parse_slots(slot)
        fits = {t: covers(parse_slots(t), needed) for t in _texts(people, "slots").unique()}
        bar(~_texts(people, "slots").map(fits).to_numpy(bool), Refusal.SLOT)
    if day is not None:
        start, end = days_of(people, "valid_from"), days_of(people, "valid_to")
        bar(((start > day) | (end <= day)).to_numpy(), Refusal.VALIDITY)
        today = day.date()
        away = {
            text: any(leave.first <= today <= leave.last for leave in parse_leave(text))
            for text in _texts(people, "leave").unique()
        }
        bar(_texts(people, "leave").map(away).to_numpy(bool), Refusal.LEAVE)
    return flags


def _texts(people: pd.DataFrame, column: str) -> pd.Series[Any]:
    if column not in people.columns:
        return pd.Series("", index=people.index, dtype="str")
    return people[column].astype("str").fillna("")


def _held(previous: pd.DataFrame, at: Any) -> pd.DataFrame:
    """Return the posts held before: those of the day where one is given."""
    POSTS.require_columns(previous, source="previous")
    held = previous if at is None or "valid_to" not in previous else posts_at(previous, at)
    if held.duplicated(["level", "area_code", "role", "slot"]).any() if "slot" in held else False:
        raise SchemaError(*message("staffing.previous_twice"))
    return held


def _holders(held: pd.DataFrame, level: str, role: str, slot: str) -> pd.Series[Any]:
    """Return who held each area in this role; of several slots, in the one needed."""
    mine = held[(held["level"] == level) & (held["role"] == role) & held["person_id"].notna()]
    if slot:
        mine = mine[slot_texts(mine) == slot]
    return mine.drop_duplicates("area_code").set_index("area_code")["person_id"]
