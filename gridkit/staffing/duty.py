"""Who answers for this place at this minute: the person, the stand-in, or whoever is above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..calendar import WorkCalendar, require_zone
from ..errors import OptionError, SchemaError
from ..messages import message
from ..rules import load_roles
from ..slots import DAY_TYPES, day_types
from ..tables import POSTS
from .absences import local_minutes, read_away
from .ladders import climb, links_of, rungs
from .shifts import shifts_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..rules import Role
    from .absences import Away
    from .ladders import Area

    Ints = NDArray[np.int64]

__all__ = ["on_duty"]

VIA = ("own", "backup", "substitute", "nobody")
REASONS = ("", "off_slot", "away", "unfilled", "no_post", "no_area", "no_time", "strange")
_OFF_SLOT, _AWAY, _UNFILLED, _NO_POST, _NO_AREA, _NO_TIME, _STRANGE = range(1, len(REASONS))
_UNTIMED = -2
_BY_WEEKDAY = np.array([min(i for i, d in enumerate(DAY_TYPES) if d[0] == w) for w in range(7)])
_WHOLE = 1440
_NUMBERS = ("post", "step", "start", "end", "begins", "since", "until")


def on_duty(
    posts: pd.DataFrame,
    located: pd.DataFrame | None = None,
    *,
    area_code: str | None = None,
    at: dt.datetime | None = None,
    areas: pd.DataFrame | Sequence[pd.DataFrame] = (),
    roster: pd.DataFrame | None = None,
    absences: pd.DataFrame | None = None,
    roles: Sequence[str] | None = None,
    rules: Mapping[str, Role] | None = None,
    calendar: WorkCalendar | None = None,
    tz: str = "Asia/Shanghai",
) -> pd.DataFrame:
    """Tell who answers for each place at its minute, role by role.

    Asked are, in this order, the posts on the place's own area, on its duty cell, community,
    street, zone and district; on each level the role itself, then the roles above it in the
    chain of command. The first post answers whose validity holds on the day, whose slot covers
    the minute, and which has somebody present: the person, else the substitute named for the
    absence, else the post's A/B partner, else the person's own.

    Parameters
    ----------
    posts : DataFrame
        Table ``posts``, of any levels, with its history where it has one.
    located : DataFrame, optional
        Places with ``cell_code`` and ``reported_at`` (table ``located``); ``duty_code`` and the
        like count as links upward. A place without a cell is asked from its ``community_code``
        upward, where it has one (属地兜底).
    area_code, at : str and datetime, optional
        One place instead: the code of an area of any level, and a time with its zone. With
        `located`, `at` asks for all of them at that time.
    areas : DataFrame or sequence of them
        Tables of the levels (``cells``), for the way upward.
    roster : DataFrame, optional
        Leave, partners and validity of the people.
    absences : DataFrame, optional
        Table ``absences``.
    roles : sequence of str, optional
        Roles asked for; by default all that the posts have.
    rules : mapping of code → Role, optional
        `load_roles` by default; ``supervisor`` names the role above.
    calendar : WorkCalendar, optional
        Mainland China 2023-2026 by default. In years that it does not know, Monday to Friday are
        taken as worked, with its `GridkitWarning`.
    tz : str
        Zone of the slots.

    Returns
    -------
    DataFrame
        A row for each place and role, places in the order given: ``report_id`` (where `located`
        has it), ``at``, ``role``, ``level`` and ``area_code`` of the post that answers, its
        ``slot``, ``person_id`` (empty: nobody), ``via`` (own, backup, substitute, nobody),
        ``steps`` climbed, and ``reason``, why the lowest post does not answer itself: off_slot,
        away, unfilled; no_post, where no level has one; no_area, no_time, where the place has
        none; strange, where neither `areas` nor the posts know its cell.

    Raises
    ------
    OptionError
        Neither places nor an area, an area that is not known, a time without zone, an unknown
        role or zone.
    SchemaError
        One error with all of: slots that cannot be read, validity that overlaps or ends before
        it begins, unknown substitutes, unreadable leave.

    Notes
    -----
    A slot past midnight belongs to the day it begins on: workdays 22:00-06:00 lasts into Saturday
    morning. A post with a slot goes before one of the same area and role without.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import on_duty
    >>> posts = pd.DataFrame(
    ...     {
    ...         "level": ["cell", "street"],
    ...         "area_code": ["370602001001001", "370602001"],
    ...         "role": ["officer", "officer"],
    ...         "slot": ["工作日 08:00-18:00", None],
    ...         "person_id": ["P1", "P2"],
    ...     }
    ... )
    >>> cells = pd.DataFrame({"cell_code": ["370602001001001"], "street_code": ["370602001"]})
    >>> night = pd.Timestamp("2026-03-02 23:00", tz="Asia/Shanghai")
    >>> who = on_duty(posts, area_code="370602001001001", at=night, areas=cells)
    >>> who[["role", "level", "person_id", "via", "steps", "reason"]].values.tolist()
    [['officer', 'street', 'P2', 'own', 1, 'off_slot']]
    """
    require_zone(tz)
    POSTS.check(posts, source="posts")
    known = load_roles() if rules is None else rules
    given = [areas] if isinstance(areas, pd.DataFrame) else list(areas)
    listed = {code for table in given if "cell_code" in table for code in table["cell_code"]}
    tables = given if located is None else [*given, _as_areas(located)]
    there = posts[["area_code", "level"]].drop_duplicates()
    levels = dict(zip(there["area_code"].tolist(), there["level"].tolist(), strict=True))
    links = links_of(tables, known=levels)
    starts, place, times = _places(located, area_code, at, levels, links)
    wanted = _wanted(posts, roles, known)
    shifts = shifts_of(posts)
    away = read_away(posts, roster, absences, tz=tz)
    ladders = _ladders(starts, links)
    timed = times.notna().to_numpy()
    place = np.where(timed, place, _UNTIMED)
    minute = local_minutes(times, tz)
    minute = np.where(timed, minute, minute[timed][0] if timed.any() else 0)
    needed = shifts["calendar"].any()
    days = (calendar or WorkCalendar.load()) if needed else None
    strange = np.array(
        [bool(listed) and e == "cell" and c not in listed and c not in levels for e, c in starts]
    )
    asked = _Asked(place, minute, *_kinds(minute, days), strange.astype(bool))
    answers = [
        _answer(asked, _candidates(posts, shifts, ladders, role, known), away) for role in wanted
    ]
    return _table(posts, located, times, wanted, answers, away)


def _as_areas(located: pd.DataFrame) -> pd.DataFrame:
    """Return the links upward that located reports carry, once for each cell."""
    columns = ["cell_code", "duty_code", "community_code", "street_code", "zone_code"]
    here = pd.DataFrame(located[[c for c in columns if c in located.columns]])
    if "cell_code" not in here.columns:
        raise SchemaError(*message("staffing.no_cell_code"))
    return here.dropna(subset="cell_code").drop_duplicates()


def _places(
    located: pd.DataFrame | None,
    area_code: str | None,
    at: dt.datetime | None,
    levels: Mapping[str, str],
    links: Mapping[Area, list[Area]],
) -> tuple[list[Area], Ints, pd.Series[Any]]:
    """Return the areas asked for, which of them each place is (-1 none), and the times."""
    if (located is None) == (area_code is None) or (located is None and at is None):
        raise OptionError(*message("staffing.which_place"))
    if located is None:
        level = {code: level for level, code in links} | dict(levels)
        if area_code not in level:
            raise OptionError(*message("staffing.unknown_area", code=area_code))
        times = pd.Series([_instant(at)])
        return [(level[area_code], str(area_code))], np.zeros(1, np.int64), times
    starts, place = _starts(located)
    if at is not None:
        times = pd.Series(_instant(at), index=located.index)
    elif "reported_at" not in located.columns:
        raise OptionError(*message("staffing.which_time"))
    else:
        times = located["reported_at"]
    _require_times(times)
    return starts, place, times


def _starts(located: pd.DataFrame) -> tuple[list[Area], Ints]:
    """Return the cells and, of places without one, the communities; and which each place is."""
    place, codes = pd.factorize(located["cell_code"])
    starts = [("cell", str(code)) for code in codes]
    if "community_code" in located.columns:
        bare = located["community_code"].where(located["cell_code"].isna())
        other, names = pd.factorize(bare)
        place = np.where(other >= 0, len(starts) + other, place)
        starts += [("community", str(name)) for name in names]
    return starts, place.astype(np.int64)


def _instant(at: Any) -> pd.Timestamp:
    moment = pd.Timestamp(at)
    if moment.tzinfo is None:
        raise OptionError(*message("staffing.naive_time", value=at))
    return moment


def _require_times(times: pd.Series[Any]) -> None:
    if not isinstance(times.dtype, pd.DatetimeTZDtype):
        shown = "–" if times.empty else times.iloc[0]
        raise OptionError(*message("staffing.naive_time", value=shown))


def _wanted(
    posts: pd.DataFrame, roles: Sequence[str] | None, known: Mapping[str, Role]
) -> list[str]:
    there = list(dict.fromkeys(posts["role"]))
    if roles is None:
        order = {code: i for i, code in enumerate(known)}
        return sorted(there, key=lambda role: (order.get(role, len(order)), role))
    choices = list(dict.fromkeys([*known, *there]))
    for role in roles:
        if role not in choices:
            text = ", ".join(choices)
            raise OptionError(*message("options.unknown", name="role", value=role, choices=text))
    return list(dict.fromkeys(roles))


def _ladders(starts: Sequence[Area], links: Any) -> pd.DataFrame:
    """Return, for each area asked for, the areas that answer for it, and how far up they are."""
    order = rungs()
    rows = [
        (i, step, level, code)
        for i, start in enumerate(starts)
        for step, (level, code) in enumerate(climb(start, links, order))
    ]
    return pd.DataFrame(rows, columns=["place", "step", "level", "area_code"])


@dataclass(frozen=True, eq=False)
class _Asked:
    """The places: which area each is, the minute, and the kinds of its day and the day before.

    `strange` are the areas, not the places, that no table knows.
    """

    place: Ints
    minute: Ints
    day: Ints
    today: Ints
    yesterday: Ints
    strange: NDArray[np.bool_]


def _kinds(minute: Ints, calendar: WorkCalendar | None) -> tuple[Ints, Ints, Ints]:
    """Return day, kind of day and of the day before, as bits; without a calendar by weekday."""
    day = minute // _WHOLE
    if not day.size:
        return day, day, day
    # Every day once: a calendar of some years for a million minutes.
    first = int(day.min()) - 1
    there = np.zeros(int(day.max()) - first + 1, bool)
    there[day - first] = there[day - first - 1] = True
    kinds = np.full(there.size, -1)
    days = (np.flatnonzero(there) + first).astype("datetime64[D]")
    weekday = (days.astype(np.int64) + 3) % 7
    kinds[there] = _BY_WEEKDAY[weekday] if calendar is None else day_types(days, calendar)
    bits = np.left_shift(np.int64(1), np.maximum(kinds, 0))
    return day, bits[day - first], bits[day - first - 1]


@dataclass(frozen=True, eq=False)
class _Candidates:
    """The posts that may answer for an area, in the order in which they are asked."""

    first: Ints
    last: Ints
    rows: pd.DataFrame
    posts: pd.DataFrame


def _candidates(
    posts: pd.DataFrame,
    shifts: pd.DataFrame,
    ladders: pd.DataFrame,
    role: str,
    known: Mapping[str, Role],
) -> _Candidates:
    command: list[str] = []
    above: str = role
    while above and above not in command:
        command.append(above)
        above = known[above].supervisor if above in known else ""
    depth = posts["role"].map({code: i for i, code in enumerate(command)})
    mine = posts[["level", "area_code"]].assign(post=np.arange(len(posts)), depth=depth)
    rows = ladders.merge(mine.dropna(subset="depth"), on=["level", "area_code"])
    rows = rows.merge(shifts, on="post")
    rows = rows.sort_values(
        ["place", "step", "depth", "always", "text", "since", "post", "piece"]
    ).reset_index(drop=True)
    places = np.arange(ladders["place"].max() + 1 if len(ladders) else 0)
    owner = rows["place"].to_numpy()
    return _Candidates(
        np.searchsorted(owner, places, "left"), np.searchsorted(owner, places, "right"), rows, posts
    )


@dataclass(frozen=True, eq=False)
class _Answer:
    """For each place: the post that answers (-1 none), who, how, how far up, and why not lower."""

    post: Ints
    person: Ints
    via: Ints
    steps: Ints
    reason: Ints


def _answer(asked: _Asked, candidates: _Candidates, away: Away) -> _Answer:
    """Ask the candidates of every place in turn, all places at once."""
    n = asked.place.size
    post, person, failed = (np.full(n, -1, np.int64) for _ in range(3))
    via, steps = np.full(n, VIA.index("nobody"), np.int64), np.zeros(n, np.int64)
    reason = np.zeros(n, np.int64)
    holder, partner = (_indexed(candidates.posts, c, away) for c in ("person_id", "backup_id"))
    column = {c: candidates.rows[c].to_numpy() for c in _NUMBERS}

    def note(rows: Ints, of: Ints, why: Any) -> None:
        """Keep why the first post failed; a later slot of the same post knows better."""
        fresh = (failed[rows] < 0) | (failed[rows] == of)
        reason[rows] = np.where(fresh, why, reason[rows])
        failed[rows] = np.where(fresh, of, failed[rows])

    waiting = np.flatnonzero(asked.place >= 0)
    at = candidates.first[asked.place[waiting]]
    while waiting.size:
        more = at < candidates.last[asked.place[waiting]]
        waiting, at = waiting[more], at[more]
        valid, covered, past = _in_force(asked, waiting, at, column)
        missed = valid & ~covered
        note(waiting[missed], column["post"][at[missed]], _OFF_SLOT)
        rows, here = waiting[covered], at[covered]
        of = column["post"][here]
        minute = asked.minute[rows]
        began = minute - _WHOLE * past[covered]
        serving, absent, how = away.stand_in(holder[of], minute, began, partner[of])
        note(rows[absent], of[absent], np.where(holder[of[absent]] < 0, _UNFILLED, _AWAY))
        served = serving >= 0
        done = rows[served]
        post[done], person[done] = of[served], serving[served]
        via[done], steps[done] = how[served], column["step"][here[served]]
        itself = done[(failed[done] == post[done]) & ~absent[served]]
        reason[itself] = 0
        left = post[waiting] < 0
        waiting, at = waiting[left], at[left] + 1
    reason[(reason == 0) & ((post < 0) | (steps > 0))] = _NO_POST
    unknown = np.append(asked.strange, False)[np.maximum(asked.place, -1)]
    reason[(reason == _NO_POST) & (post < 0) & unknown] = _STRANGE
    reason[asked.place < 0] = _NO_AREA
    reason[asked.place == _UNTIMED] = _NO_TIME
    return _Answer(post, person, via, steps, reason)


def _in_force(
    asked: _Asked, rows: Ints, at: Ints, column: Mapping[str, Any]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return whether a post holds on the day, its slot covers the minute, and began yesterday.

    What began yesterday belongs to yesterday: its kind of day and its validity count.
    """
    day, clock = asked.day[rows], asked.minute[rows] - asked.day[rows] * _WHOLE
    since, until = column["since"][at], column["until"][at]
    start, end, begins = (column[c][at] for c in ("start", "end", "begins"))
    now = (since <= day) & (day < until)
    before = (since <= day - 1) & (day - 1 < until) & (clock + _WHOLE < end)
    today = now & ((begins & asked.today[rows]) != 0) & (start <= clock) & (clock < end)
    past = before & ((begins & asked.yesterday[rows]) != 0) & ~today
    return now | before, today | past, past


def _indexed(posts: pd.DataFrame, column: str, away: Away) -> Ints:
    """Return the people in a column as positions in ``away.people``; -1 where nobody is."""
    if column not in posts.columns:
        return np.full(len(posts), -1, np.int64)
    names = pd.Index(posts[column].astype(object).where(posts[column].notna(), None), dtype=object)
    positions: Ints = away.people.get_indexer(names).astype(np.int64)
    return positions


def _table(
    posts: pd.DataFrame,
    located: pd.DataFrame | None,
    times: pd.Series[Any],
    wanted: Sequence[str],
    answers: Sequence[_Answer],
    away: Away,
) -> pd.DataFrame:
    """Return the answers place by place; words that repeat are kept as categories."""
    n = len(wanted)

    def woven(name: str) -> Ints:
        columns = [getattr(answer, name) for answer in answers]
        return np.stack(columns, axis=1).ravel() if columns else np.zeros(0, np.int64)

    post = woven("post")
    frame: dict[str, Any] = {}
    if located is not None and "report_id" in located.columns:
        frame["report_id"] = located["report_id"].repeat(n).array
    frame["at"] = times.repeat(n).array
    frame["role"] = pd.Categorical.from_codes(np.tile(np.arange(n), len(times)), pd.Index(wanted))
    for name in ("level", "area_code", "slot"):
        values = posts[name] if name in posts.columns else pd.Series(None, index=posts.index)
        codes, words = pd.factorize(values.astype("str"))
        codes = np.append(codes, -1)
        frame[name] = pd.Categorical.from_codes(codes[post], words)
    frame["person_id"] = pd.Categorical.from_codes(woven("person"), away.people.astype("str"))
    frame["via"] = pd.Categorical.from_codes(woven("via"), pd.Index(VIA))
    frame["steps"] = woven("steps")
    frame["reason"] = pd.Categorical.from_codes(woven("reason"), pd.Index(REASONS))
    return pd.DataFrame(frame)
