"""What people of a roster are to each other, and when they work: partners, supervisors, hours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import OptionError
from ..messages import Message, message
from ..slots import leave_text, parse_leave, parse_slots, slot_text
from ..tables import first_few

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["hours_of", "relations_of"]


def relations_of(
    people: pd.DataFrame, *, source: str
) -> tuple[dict[str, pd.Series], list[Message]]:
    """Return partners and supervisors as ids, and what is wrong with them.

    A person is named by id, or by a name that only one person has. Nobody is the own partner or
    supervisor, and no line of supervisors goes round in a circle.

    Parameters
    ----------
    people : DataFrame
        With ``person_id`` and, as far as they are there, ``name``, ``backup_id``,
        ``supervisor_id``.
    source : str
        For messages.
    """
    ids = set(people["person_id"].dropna())
    by_name: dict[str, str] = {}
    if "name" in people.columns:
        named = people[["name", "person_id"]].dropna()
        once = named[~named["name"].duplicated(keep=False)]
        by_name = dict(zip(once["name"].tolist(), once["person_id"].tolist(), strict=True))
    found: dict[str, pd.Series] = {}
    problems: list[Message] = []
    for column in ("backup_id", "supervisor_id"):
        if column not in people.columns:
            continue
        written = people[column]
        known = written.where(written.isin(ids), written.map(by_name)).astype("str")
        lost = (written.notna() & known.isna()).to_numpy()
        self_named = (known == people["person_id"]).to_numpy(bool, na_value=False)
        problems += _told("intake.person_stranger", source, lost, written, column)
        problems += _told("intake.person_self", source, self_named, written, column)
        found[column] = known
    if "supervisor_id" in found:
        circle = _in_circle(people["person_id"], found["supervisor_id"])
        problems += _told("intake.person_circle", source, circle, people["person_id"], "")
    return found, problems


def _in_circle(person: pd.Series, above: pd.Series) -> Any:
    """Return who comes back to themselves going up; people who name themselves are told apart."""
    pairs = pd.DataFrame({"person": person, "above": above}).dropna()
    pairs = pairs[pairs["person"] != pairs["above"]]
    up: Mapping[str, str] = dict(zip(pairs["person"], pairs["above"], strict=True))
    circle = set()
    for start in up:
        at, steps = up[start], 0
        while at in up and at != start and steps <= len(up):
            at, steps = up[at], steps + 1
        if at == start:
            circle.add(start)
    return person.isin(list(circle)).to_numpy()


def hours_of(people: pd.DataFrame, *, source: str) -> tuple[dict[str, pd.Series], list[Message]]:
    """Return slots and leave in one spelling, and what of them cannot be read."""
    found: dict[str, pd.Series] = {}
    problems: list[Message] = []
    readers: dict[str, Callable[[str], str]] = {
        "slots": lambda text: slot_text(parse_slots(text)),
        "leave": lambda text: leave_text(parse_leave(text)),
    }
    for column, read in readers.items():
        if column not in people.columns:
            continue
        values: dict[str, str | None] = {}
        for text in people[column].dropna().unique():
            try:
                values[text] = read(text) or None
            except OptionError as error:
                rows = (people[column] == text).to_numpy(bool, na_value=False)
                said = Message(error.en, error.zh)
                problems.append(
                    message("intake.person_hours", source=source, why=said, rows=_numbers(rows))
                )
        found[column] = people[column].map(values).astype("str")
    return found, problems


def _told(key: str, source: str, rows: Any, values: pd.Series, column: str) -> list[Message]:
    if not rows.any():
        return []
    met = ", ".join(dict.fromkeys(values[rows].astype("str").head(5)))
    where = {"source": source, "rows": _numbers(rows), "met": met}
    return [message(key, **where, **({"column": column} if column else {}))]


def _numbers(rows: Any) -> str:
    return first_few(np.flatnonzero(rows) + 1)
