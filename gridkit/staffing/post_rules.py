"""The rules that posts are checked against, one function each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..division.lineage import day_of, days_of
from ..errors import OptionError
from ..messages import Message, message
from ..slots import covers, overlap, parse_leave, parse_slots
from ..tables import CELLS, ROSTER, UNITS, first_few
from .command import orphans
from .fixes import five_fixes
from .ladders import links_of
from .shifts import slot_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import geopandas as gpd

    from ..rules import Role
    from ..slots import Slot

__all__ = ["RULES", "Found", "PostCase"]

NOTHING = Message("", "")


@dataclass(frozen=True)
class Found:
    """What one rule found; an empty `severity` stands for the rule's own."""

    severity: str
    detail: Message
    codes: tuple[str, ...] = ()
    rows: int = 0
    remedy: Message = NOTHING


@dataclass(frozen=True)
class PostCase:
    """The posts of the day and what they are held against.

    `own` are the posts on the level of the areas; their index is that of `posts`.
    """

    posts: pd.DataFrame
    areas: gpd.GeoDataFrame
    roster: pd.DataFrame | None
    roles: tuple[str, ...]
    known: Mapping[str, Role]
    levels: Sequence[pd.DataFrame]
    units: pd.DataFrame | None
    day: Any

    @classmethod
    def of(
        cls,
        posts: pd.DataFrame,
        areas: gpd.GeoDataFrame,
        roster: pd.DataFrame | None,
        roles: Sequence[str] | None,
        known: Mapping[str, Role],
        levels: Sequence[pd.DataFrame],
        units: pd.DataFrame | None,
        at: Any,
    ) -> PostCase:
        """Check the tables and put them together."""
        CELLS.require_columns(areas, source="areas")
        if roster is not None:
            ROSTER.require_columns(roster, source="roster")
        if units is not None:
            UNITS.require_columns(units, source="units")
        frame = pd.DataFrame(
            {c: posts[c].astype("str") for c in ("level", "area_code", "role")}
        ).reset_index(drop=True)
        for name in ("person_id", "backup_id"):
            there = posts[name] if name in posts.columns else pd.Series(None, posts.index)
            frame[name] = there.astype("str").array
        frame["slot"] = slot_texts(posts).array
        for name in ("duty", "standard", "incentive", "distance_m", "valid_from", "valid_to"):
            if name in posts.columns:
                frame[name] = posts[name].array
        level = str(areas["level"].iloc[0]) if len(areas) and "level" in areas.columns else "cell"
        needed = frame.loc[frame["level"] == level, "role"].unique() if roles is None else roles
        day = None if at is None else day_of(at, name="at")
        return cls(frame, areas, roster, tuple(sorted(needed)), known, levels, units, day)

    @cached_property
    def level(self) -> str:
        """The level of the areas."""
        there = len(self.areas) and "level" in self.areas.columns
        return str(self.areas["level"].iloc[0]) if there else "cell"

    @cached_property
    def own(self) -> pd.DataFrame:
        """The posts on the level of the areas."""
        return self.posts[self.posts["level"] == self.level]

    @cached_property
    def slots(self) -> dict[str, tuple[Slot, ...] | None]:
        """The slots by their text; None for one that cannot be read."""
        return {text: _read(text) for text in self.posts["slot"].unique()}

    @cached_property
    def held(self) -> pd.DataFrame:
        """The posts that have a person, with what the roster says of them (``*_of``)."""
        frame = self.posts[self.posts["person_id"].notna()]
        if self.roster is None:
            return frame
        columns = [c for c in self.roster.columns if c in {c.name for c in ROSTER.columns}]
        people = pd.DataFrame(self.roster[columns]).drop_duplicates("person_id")
        people = people.rename(columns={c: f"{c}_of" for c in columns if c != "person_id"})
        merged = frame.reset_index().merge(people, on="person_id", how="left").set_index("index")
        return merged.assign(known=merged["person_id"].isin(people["person_id"]))


def _read(text: str) -> tuple[Slot, ...] | None:
    try:
        return parse_slots(text)
    except OptionError:
        return None


def _absent(what: str) -> Found:
    return Found("not_checked", message("staffing.not_checked", what=what))


def _told(rows: pd.DataFrame, detail: str, remedy: str, **values: Any) -> Found:
    """Return the finding of posts; sound when there are none."""
    if rows.empty:
        return Found("ok", message("staffing.found_none"))
    codes = tuple(rows["area_code"].dropna().unique())
    filled = message(detail, n=len(rows), **values)
    return Found("", filled, codes, len(rows), message(remedy))


def _unknown_area(case: PostCase) -> Found:
    lost = case.own[~case.own["area_code"].isin(case.areas["cell_code"])]
    shown = first_few(lost["area_code"])
    return _told(lost, "staffing.check_area", "staffing.mend_area", which=shown)


def _unknown_role(case: PostCase) -> Found:
    lost = case.posts[~case.posts["role"].isin(list(case.known))]
    return _told(lost, "staffing.check_role", "staffing.mend_role", which=first_few(lost["role"]))


def _overlapping_validity(case: PostCase) -> Found:
    start, end = days_of(case.posts, "valid_from"), days_of(case.posts, "valid_to")
    key = ["level", "area_code", "role", "slot"]
    frame = case.posts[key].assign(
        start=start.fillna(pd.Timestamp("0001-01-01")), end=end.fillna(pd.Timestamp("9999-12-31"))
    )
    frame = frame.sort_values([*key, "start", "end"])
    latest = frame.groupby(key)["end"].transform(lambda ends: ends.cummax().shift())
    both = frame[(frame["start"] < latest).to_numpy()]
    turned = frame[(frame["end"] < frame["start"]).to_numpy()]
    lost = case.posts.loc[both.index.union(turned.index)]
    return _told(lost, "staffing.check_overlap", "staffing.mend_overlap")


def _bad_slot(case: PostCase) -> Found:
    bad = [text for text, slots in case.slots.items() if slots is None]
    lost = case.posts[case.posts["slot"].isin(bad)]
    return _told(lost, "staffing.check_slot", "staffing.mend_slot", which=first_few(bad))


def _missing_role(case: PostCase) -> Found:
    codes = case.areas["cell_code"].astype("str")
    lost = [
        (code, role)
        for role in case.roles
        for code in codes[~codes.isin(case.own.loc[case.own["role"] == role, "area_code"])]
    ]
    rows = pd.DataFrame(lost, columns=["area_code", "role"])
    shown = ", ".join(f"{role} {n}" for role, n in rows["role"].value_counts().items())
    return _told(rows, "staffing.check_missing", "staffing.mend_missing", which=shown)


def _unfilled(case: PostCase) -> Found:
    lost = case.posts[case.posts["person_id"].isna()]
    shown = ", ".join(f"{role} {n}" for role, n in lost["role"].value_counts().items())
    return _told(lost, "staffing.check_unfilled", "staffing.mend_unfilled", which=shown)


def _unknown_person(case: PostCase) -> Found:
    if case.roster is None:
        return _absent("roster")
    lost = case.held[~case.held["known"]]
    shown = first_few(lost["person_id"])
    return _told(lost, "staffing.check_person", "staffing.mend_person", which=shown)


def _role_mismatch(case: PostCase) -> Found:
    if case.roster is None:
        return _absent("roster")
    held = case.held[case.held["known"]]
    lost = held[held["role"] != held["role_of"]]
    shown = first_few(lost["person_id"])
    return _told(lost, "staffing.check_mismatch", "staffing.mend_mismatch", which=shown)


def _qualification(case: PostCase) -> Found:
    asked = {code: role.qualification for code, role in case.known.items() if role.qualification}
    if case.roster is None or (asked and "qualifications" not in case.roster.columns):
        return _absent("roster: qualifications")
    held = case.held[case.held["known"] & case.held["role"].isin(list(asked))]
    if held.empty:
        return _told(held, "staffing.check_qualified", "staffing.mend_qualified")
    has = held["qualifications_of"].astype("str").fillna("").str.split(r"[;；、,，]", regex=True)
    short = [
        asked[role] not in [q.strip() for q in qualities]
        for role, qualities in zip(held["role"], has, strict=True)
    ]
    lost = held[short]
    shown = first_few(lost["person_id"])
    return _told(lost, "staffing.check_qualified", "staffing.mend_qualified", which=shown)


def _slot_mismatch(case: PostCase) -> Found:
    if case.roster is None or "slots" not in case.roster.columns:
        return _absent("roster: slots")
    held = case.held[case.held["known"]]
    offered = held["slots_of"].astype("str").fillna("")
    fits = {}
    for pair in set(zip(offered, held["slot"], strict=True)):
        own, needed = _read(pair[0]), case.slots[pair[1]]
        # A post without a slot asks for nobody's hours; an unreadable one is told elsewhere.
        fits[pair] = not pair[1] or own is None or needed is None or covers(own, needed)
    lost = held[[not fits[pair] for pair in zip(offered, held["slot"], strict=True)]]
    shown = first_few(lost["person_id"])
    return _told(lost, "staffing.check_hours", "staffing.mend_hours", which=shown)


def _over_capacity(case: PostCase) -> Found:
    if case.roster is None:
        return _absent("roster")
    lost = []
    held = case.held[case.held["role"].isin(list(case.known))]
    for (person, _), group in held.groupby(["person_id", "role"], sort=True):
        most = case.known[group["role"].iloc[0]].max_areas
        if "max_areas_of" in group.columns and pd.notna(group["max_areas_of"].iloc[0]):
            most = int(group["max_areas_of"].iloc[0])
        if len(group) > most:
            busiest = max(_at_once(case, group), key=len)
            if len(busiest) > most:
                lost.append((person, len(busiest), most, busiest))
    rows = case.posts.loc[[i for *_, busy in lost for i in busy]]
    shown = first_few(f"{person} {n}/{most}" for person, n, most, _ in lost)
    return _told(rows, "staffing.check_capacity", "staffing.mend_capacity", which=shown)


def _at_once(case: PostCase, group: pd.DataFrame) -> list[list[Any]]:
    """Return, for each slot that occurs, one post for each area held while it runs."""
    sets = []
    for text in group["slot"].unique():
        running = group[[_together(case, text, other) for other in group["slot"]]]
        sets.append(list(running.drop_duplicates(["level", "area_code"]).index))
    return sets


def _together(case: PostCase, one: str, other: str) -> bool:
    first, second = case.slots[one], case.slots[other]
    return one == other or first is None or second is None or overlap(first, second)


def _double_booking(case: PostCase) -> Found:
    held = case.posts[case.posts["person_id"].notna()]
    several = held.groupby("person_id")["role"].transform("nunique") > 1
    twice: set[Any] = set()
    for _, group in held[several].groupby("person_id"):
        for i, one in group.iterrows():
            others = group[group["role"] != one["role"]]
            if any(_together(case, one["slot"], slot) for slot in others["slot"]):
                twice.add(i)
    lost = held.loc[sorted(twice)]
    shown = first_few(lost["person_id"])
    return _told(lost, "staffing.check_booked", "staffing.mend_booked", which=shown)


def _out_of_validity(case: PostCase) -> Found:
    if case.roster is None or case.day is None:
        return _absent("roster, at=")
    held = case.held[case.held["known"]]
    start = days_of(held.rename(columns={"valid_from_of": "from_of"}), "from_of")
    end = days_of(held.rename(columns={"valid_to_of": "to_of"}), "to_of")
    lost = held[((start > case.day) | (end <= case.day)).to_numpy()]
    shown = first_few(lost["person_id"])
    return _told(lost, "staffing.check_contract", "staffing.mend_contract", which=shown)


def _away_alone(case: PostCase) -> Found:
    if case.roster is None or case.day is None or "leave" not in case.roster.columns:
        return _absent("roster: leave, at=")
    held = case.held[case.held["known"]]
    today = case.day.date()
    away = np.array([_on_leave(text, today) for text in held["leave_of"]], bool)
    alone = held["backup_id"].isna().to_numpy()
    if "backup_id_of" in held.columns:
        alone = alone & held["backup_id_of"].isna().to_numpy()
    lost = held[away & alone]
    shown = first_few(lost["person_id"])
    return _told(lost, "staffing.check_away", "staffing.mend_away", which=shown)


def _on_leave(text: Any, day: Any) -> bool:
    try:
        leaves = parse_leave(None if pd.isna(text) else text)
    except OptionError:
        return False
    return any(leave.first <= day <= leave.last for leave in leaves)


def _backup(case: PostCase) -> Found:
    named = case.posts[case.posts["backup_id"].notna()]
    wrong = named["backup_id"] == named["person_id"]
    if case.roster is not None:
        wrong |= ~named["backup_id"].isin(case.roster["person_id"])
    lost = named[wrong]
    shown = first_few(lost["backup_id"])
    return _told(lost, "staffing.check_backup", "staffing.mend_backup", which=shown)


def _too_far(case: PostCase) -> Found:
    if "distance_m" not in case.posts.columns:
        return _absent("posts: distance_m")
    most = case.posts["role"].map({c: r.max_distance_m for c, r in case.known.items()})
    lost = case.posts[(case.posts["distance_m"] > most.astype("float64")).to_numpy()]
    worst = f"{lost['distance_m'].max():,.0f}" if len(lost) else ""
    return _told(lost, "staffing.check_far", "staffing.mend_far", worst=worst)


def _chain(case: PostCase) -> Found:
    if case.roster is None or "supervisor_id" not in case.roster.columns:
        return _absent("roster: supervisor_id")
    plain = case.roster[["person_id", "supervisor_id"]].dropna()
    above = dict(zip(plain["person_id"], plain["supervisor_id"], strict=True))
    everyone = set(case.roster["person_id"])
    lost = {person for person in above if not _reaches_top(person, above, everyone)}
    held = case.held[case.held["person_id"].isin(lost)]
    if held.empty and lost:
        held = pd.DataFrame({"area_code": [None] * len(lost)})
    shown = first_few(sorted(lost))
    return _told(held, "staffing.check_chain", "staffing.mend_chain", which=shown)


def _reaches_top(person: str, above: Mapping[str, str], everyone: set[str]) -> bool:
    seen = {person}
    while person in above:
        person = above[person]
        if person in seen or person not in everyone:
            return False
        seen.add(person)
    return True


def _orphan(case: PostCase) -> Found:
    levels = dict(zip(case.posts["area_code"], case.posts["level"], strict=True))
    links = links_of([case.areas, *case.levels], known=levels)
    starts = [(case.level, str(code)) for code in case.areas["cell_code"]]
    lost = pd.DataFrame({"area_code": [code for _, code in orphans(case.posts, starts, links)]})
    return _told(lost, "staffing.check_orphan", "staffing.mend_orphan")


def _no_chief(case: PostCase) -> Found:
    if case.units is None:
        return _absent("units")
    chief = case.units.get("chief_id", pd.Series(None, case.units.index)).astype("str")
    without = chief.isna()
    if case.roster is not None:
        without |= ~chief.isin(case.roster["person_id"])
    lost = case.units[without.to_numpy()]
    name = "name" if "name" in lost.columns else "unit_code"
    rows = pd.DataFrame({"area_code": [None] * len(lost)})
    shown = first_few(lost[name].fillna(lost["unit_code"]))
    return _told(rows, "staffing.check_chief", "staffing.mend_chief", which=shown)


def _five_fixes(case: PostCase) -> Found:
    fixes = five_fixes(case.own, areas=case.areas)
    lost = fixes[fixes["share"] < 1]
    share = f"{1 - len(lost) / max(len(fixes), 1):.1%}"
    return _told(lost, "staffing.check_fixes", "staffing.mend_fixes", share=share)


Rule = tuple[str, str, str, "Callable[[PostCase], Found]"]

RULES: tuple[Rule, ...] = (
    ("UNKNOWN_AREA", "error", "staffing.serves_place", _unknown_area),
    ("UNKNOWN_ROLE", "error", "staffing.serves_place", _unknown_role),
    ("OVERLAPPING_VALIDITY", "error", "staffing.serves_time", _overlapping_validity),
    ("BAD_SLOT", "error", "staffing.serves_time", _bad_slot),
    ("MISSING_ROLE", "error", "staffing.serves_cover", _missing_role),
    ("UNFILLED", "error", "staffing.serves_cover", _unfilled),
    ("UNKNOWN_PERSON", "error", "staffing.serves_person", _unknown_person),
    ("ROLE_MISMATCH", "error", "staffing.serves_person", _role_mismatch),
    ("QUALIFICATION", "error", "staffing.serves_person", _qualification),
    ("SLOT_MISMATCH", "error", "staffing.serves_time", _slot_mismatch),
    ("OVER_CAPACITY", "error", "staffing.serves_load", _over_capacity),
    ("DOUBLE_BOOKING", "error", "staffing.serves_load", _double_booking),
    ("OUT_OF_VALIDITY", "error", "staffing.serves_time", _out_of_validity),
    ("AWAY_ALONE", "warning", "staffing.serves_cover", _away_alone),
    ("BACKUP", "error", "staffing.serves_cover", _backup),
    ("TOO_FAR", "warning", "staffing.serves_load", _too_far),
    ("CHAIN", "error", "staffing.serves_chain", _chain),
    ("ORPHAN", "error", "staffing.serves_chain", _orphan),
    ("NO_CHIEF", "warning", "staffing.serves_chain", _no_chief),
    ("FIVE_FIXES", "warning", "staffing.serves_fixes", _five_fixes),
)
"""Name, severity, the sentence of what it serves, and the function."""
