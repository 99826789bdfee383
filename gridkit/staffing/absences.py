"""Who is away when, and who stands in: leave, sickness, time outside the contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ..division.lineage import days_of
from ..errors import OptionError, SchemaError, raise_all
from ..messages import Message, message
from ..slots import parse_leave
from ..tables import ABSENCES, first_few

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["EVER", "Away", "local_minutes", "read_away"]

EVER = np.int64(2**62)
"""A minute that never comes."""

_MINUTE = 60_000_000


class _Span(NamedTuple):
    """One absence: who, from which minute to which, who stands in, and whether in whole days."""

    person: str
    start: int
    end: int
    substitute: str | None
    daily: bool


def local_minutes(times: pd.Series[Any], tz: str) -> Ints:
    """Return times with zone as minutes of the local clock since 1970."""
    wall = times.dt.tz_convert(tz).dt.tz_localize(None).dt.as_unit("us")
    minutes: Ints = np.floor_divide(wall.to_numpy().view(np.int64), _MINUTE)
    return minutes


@dataclass(frozen=True, eq=False)
class Away:
    """Everybody's absences as spans of local minutes, and who stands in for whom.

    Attributes
    ----------
    people : Index
        Ids of all who hold posts, stand in or are away.
    first, last : arrays of int
        The spans of person ``p`` are those from ``first[p]`` to ``last[p]``. These and `backup`
        have one more entry at the end, so that -1, nobody, finds no span and no partner.
    start, end : arrays of int
        Minutes since 1970 of the local clock; `end` does not belong to the span.
    daily : array of bool
        The span is whole days of the roster: who works past midnight counts by the day before.
    substitute : array of int
        Who was named for the span; -1 nobody.
    backup : array of int
        The A/B partner of each person; -1 nobody.
    """

    people: pd.Index[Any]
    first: Ints
    last: Ints
    start: Ints
    end: Ints
    daily: Flags
    substitute: Ints
    backup: Ints

    def at(self, person: Ints, minute: Ints, began: Ints) -> tuple[Flags, Ints]:
        """Return who is away at a minute, and the substitute named for it (-1 nobody).

        Parameters
        ----------
        person, minute : array of int
        began : array of int
            A minute of the day on which their slot began: leave in days counts by it.
        """
        away = np.zeros(person.size, bool)
        named = np.full(person.size, -1, np.int64)
        rows = np.flatnonzero(self.last[person] > self.first[person])
        span = self.first[person[rows]]
        while rows.size:
            now = np.where(self.daily[span], began[rows], minute[rows])
            here = (self.start[span] <= now) & (now < self.end[span])
            away[rows[here]] = True
            better = here & (self.substitute[span] >= 0)
            named[rows[better]] = self.substitute[span[better]]
            more = span + 1 < self.last[person[rows]]
            rows, span = rows[more], span[more] + 1
        return away, named

    def stand_in(
        self, person: Ints, minute: Ints, began: Ints, backup: Ints
    ) -> tuple[Ints, Flags, Ints]:
        """Return who serves, whether the person had to be replaced, and how.

        The one named for the absence stands in, else the post's `backup`, else the person's own
        partner; for one who is away too, their substitute or partner is asked, and so on, before
        the next in this order. Where all chains end or go round, nobody serves (-1).

        Returns
        -------
        serving, absent, how
            `how` is 0 for the person, 1 for a backup, 2 for a named substitute.
        """
        serving, how = person.copy(), np.zeros(person.size, np.int64)
        away, named = self.at(person, minute, began)
        absent = away | (person < 0)
        serving[absent] = -1
        waiting = np.flatnonzero(absent)
        for start, kind in ((named, 2), (backup, 1), (self.backup[person], 1)):
            found = self._first_present(start[waiting], minute[waiting], began[waiting])
            serving[waiting] = found
            how[waiting[found >= 0]] = kind
            waiting = waiting[found < 0]
        return serving, absent, how

    def _first_present(self, start: Ints, minute: Ints, began: Ints) -> Ints:
        """Return the first on each chain of stand-ins who is there; -1 where there is none."""
        found = start.copy()
        waiting = np.arange(start.size)
        # A chain longer than there are people has come back to where it was.
        for _ in range(len(self.people)):
            waiting = waiting[found[waiting] >= 0]
            if not waiting.size:
                break
            away, named = self.at(found[waiting], minute[waiting], began[waiting])
            waiting, named = waiting[away], named[away]
            found[waiting] = np.where(named >= 0, named, self.backup[found[waiting]])
        else:
            found[waiting] = -1
        return found


def read_away(
    posts: pd.DataFrame,
    roster: pd.DataFrame | None,
    absences: pd.DataFrame | None,
    *,
    tz: str,
) -> Away:
    """Gather the absences of everybody who is named anywhere.

    Parameters
    ----------
    posts : DataFrame
        Table ``posts``.
    roster : DataFrame, optional
        Table ``roster``: ``leave``, ``backup_id`` and validity count.
    absences : DataFrame, optional
        Table ``absences``.
    tz : str

    Raises
    ------
    SchemaError
        Substitutes or partners whom the roster does not have, leave that cannot be read, an
        absence that ends before it begins; all at once.
    """
    spans: list[_Span] = []
    problems = []
    partner: dict[str, str] = {}
    if absences is not None:
        ABSENCES.check(absences, source="absences")
        spans += _given(absences, tz)
        turned = [i for i, span in enumerate(spans) if span.end <= span.start]
        if turned:
            problems.append(message("staffing.absence_upside", rows=first_few(turned)))
    if roster is not None:
        more, told = _of_roster(roster)
        spans += more
        problems += told
        if "backup_id" in roster.columns:
            partner = dict(zip(roster["person_id"], roster["backup_id"], strict=True))
            partner = {p: b for p, b in partner.items() if pd.notna(b)}
        named = {s.substitute for s in spans} | set(partner.values()) | _named(posts, "backup_id")
        strange = sorted({n for n in named if n is not None} - set(roster["person_id"]))
        if strange:
            problems.append(message("staffing.unknown_substitute", who=first_few(strange)))
    raise_all(SchemaError, problems)
    ids = {s.person for s in spans} | {s.substitute for s in spans if s.substitute is not None}
    ids |= {*partner, *partner.values()} | _named(posts, "person_id") | _named(posts, "backup_id")
    people = pd.Index(sorted(ids), dtype=object)
    return _packed(people, spans, partner)


def _packed(people: pd.Index[Any], spans: list[_Span], partner: dict[str, str]) -> Away:
    spans = sorted(spans, key=lambda s: (s.person, s.start, s.end, s.substitute or ""))
    owner = people.get_indexer(pd.Index([s.person for s in spans], dtype=object))
    everyone = np.arange(len(people))
    backup = np.full(len(people) + 1, -1, np.int64)
    backup[people.get_indexer(pd.Index([*partner], dtype=object))] = people.get_indexer(
        pd.Index([*partner.values()], dtype=object)
    )
    return Away(
        people=people,
        first=np.append(np.searchsorted(owner, everyone, "left"), 0),
        last=np.append(np.searchsorted(owner, everyone, "right"), 0),
        start=np.array([s.start for s in spans], np.int64),
        end=np.array([s.end for s in spans], np.int64),
        daily=np.array([s.daily for s in spans], bool),
        substitute=people.get_indexer(pd.Index([s.substitute for s in spans], dtype=object)),
        backup=backup,
    )


def _given(absences: pd.DataFrame, tz: str) -> list[_Span]:
    substitutes = (
        absences["substitute_id"] if "substitute_id" in absences.columns else [None] * len(absences)
    )
    start, end = (local_minutes(absences[c], tz) for c in ("from_at", "to_at"))
    end = np.where(absences["to_at"].isna().to_numpy(), EVER, end)
    return [
        _Span(person, int(a), int(b), None if pd.isna(s) else str(s), daily=False)
        for person, a, b, s in zip(absences["person_id"], start, end, substitutes, strict=True)
    ]


def _of_roster(roster: pd.DataFrame) -> tuple[list[_Span], list[Any]]:
    """Return leave, and the time outside each person's validity, as spans."""
    spans: list[_Span] = []
    problems = []
    if "leave" in roster.columns:
        told = roster[["person_id", "leave"]].dropna()
        for person, text in zip(told["person_id"].tolist(), told["leave"].tolist(), strict=True):
            try:
                leaves = parse_leave(text)
            except OptionError as error:
                said = Message(error.en, error.zh)
                problems.append(message("staffing.bad_leave", who=person, why=said))
                continue
            spans += [
                _Span(person, _minute(x.first), _minute(x.last) + 1440, None, daily=True)
                for x in leaves
            ]
    for column, before in (("valid_from", True), ("valid_to", False)):
        days = days_of(roster, column)
        for person, day in zip(roster["person_id"], days, strict=True):
            if pd.notna(day):
                at = _minute(day)
                start, end = (-int(EVER), at) if before else (at, int(EVER))
                spans.append(_Span(person, start, end, None, daily=True))
    return spans, problems


def _minute(day: Any) -> int:
    """Return the local minute at which a day begins."""
    return int(np.datetime64(pd.Timestamp(day).date(), "m").astype(np.int64))


def _named(frame: pd.DataFrame, column: str) -> set[str]:
    return set(frame[column].dropna()) if column in frame.columns else set()
