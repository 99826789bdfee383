"""One move of a case: what the process allows, and what it changes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..calendar import require_instant
from ..errors import GridkitWarning, MoveError, OptionError, raise_all
from ..messages import message
from ..tables import CASES
from .clock import WorkClock
from .limits import Limit, parse_limit
from .process import COUNTED, DETAILS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ..messages import Message
    from .process import Action, Process, Stage

__all__ = ["EFFECTS", "move_case", "there"]

_LONGEST_PAUSE = pd.Timedelta(days=366)


def move_case(
    case: Mapping[str, Any],
    action: str,
    *,
    process: Process,
    at: datetime,
    actor: str,
    reason: str = "",
    clock: WorkClock | None = None,
    close_limit: Limit | None = None,
    **details: Any,
) -> dict[str, Any]:
    """Return what an action changes in a case; nothing is written anywhere.

    Parameters
    ----------
    case : mapping
        The case's columns; missing ones count as empty.
    action : str
    process : Process
    at : datetime with zone
        When it was done; not before the last move.
    actor : str
        Who did it: a person or a unit.
    reason : str
    clock : WorkClock, optional
    close_limit : Limit, optional
        From the time when disposal is due to that when closing is.
    **details
        Columns that the action gives, of `DETAILS`.

    Returns
    -------
    dict of column → new value
        With ``stage`` and ``moved_at`` always.

    Raises
    ------
    MoveError
        One error with all of: an unknown action, one that the stage does not allow, a missing
        reason, actor or detail, a time before the last move, too often, overdue already,
        suspended already or not at all.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> process = gk.load_process("standard")
    >>> case = {"stage": "accepted", "limit": "2工作时"}
    >>> at = pd.Timestamp("2025-09-30 17:00", tz="Asia/Shanghai")
    >>> changes = gk.move_case(case, "file", process=process, at=at, actor="P1")
    >>> changes["stage"], str(changes["dispose_due_at"])
    ('filed', '2025-10-09 09:00:00+08:00')
    """
    now = require_instant(at)
    done = process.actions.get(action)
    if done is None:
        known = ", ".join(process.actions)
        raise MoveError(*message("options.unknown", name="action", value=action, choices=known))
    work = _Work(process, case, done, now, details, clock or WorkClock(), close_limit)
    raise_all(MoveError, [*_refusals(process, case, done, now, actor, reason, details)])
    changes: dict[str, Any] = {k: v for k, v in details.items() if k in DETAILS}
    for effect in done.effects:
        changes |= EFFECTS[effect](work)
    if done.code in COUNTED:
        changes[f"{done.code}_n"] = int(case.get(f"{done.code}_n") or 0) + 1
    stage = process.stages[done.target or str(case["stage"])]
    if done.target and stage.sets and not there({**case, **changes}.get(stage.sets)):
        changes[stage.sets] = now
    if done.target:
        changes["stage_due_at"] = _due_of(stage, now, work.clock)
    return {**changes, "stage": stage.code, "moved_at": now}


def _refusals(
    process: Process,
    case: Mapping[str, Any],
    action: Action,
    now: pd.Timestamp,
    actor: str,
    reason: str,
    details: Mapping[str, Any],
) -> list[Message]:
    stage = str(case.get("stage", ""))
    found = []
    if stage not in action.sources:
        allowed = ", ".join(process.allowed(stage)) or "–"
        found.append(
            message("casework.not_allowed", action=action.code, stage=stage, allowed=allowed)
        )
    given = {**details, "reason": reason.strip()}
    lost = [need for need in action.needs if not there(given.get(need))]
    if lost:
        found.append(message("casework.needs", action=action.code, needs=", ".join(lost)))
    strange = [name for name in details if name not in DETAILS]
    if strange:
        found.append(message("casework.no_detail", names=", ".join(strange), known=_KNOWN))
    unclear = [n for n in _FLAGS if there(details.get(n)) and details[n] not in (True, False)]
    if unclear:
        found.append(message("casework.no_flag", names=", ".join(unclear)))
    if not actor.strip():
        found.append(message("casework.no_actor", action=action.code))
    last: Any = case.get("moved_at")
    if there(last) and now < pd.Timestamp(last):
        found.append(message("casework.backwards", at=now, last=last))
    times = int(case.get(f"{action.code}_n") or 0)
    if action.most and times >= action.most:
        found.append(message("casework.too_often", action=action.code, most=action.most))
    return found


_KNOWN = ", ".join(DETAILS)
_FLAGS = tuple(name for name in DETAILS if CASES[name].kind == "flag")


@dataclass(frozen=True)
class _Work:
    """One move on its way through the effects."""

    process: Process
    case: Mapping[str, Any]
    action: Action
    now: pd.Timestamp
    details: Mapping[str, Any]
    clock: WorkClock
    close_limit: Limit | None

    def limit(self) -> Limit | None:
        try:
            return parse_limit(str(self.details.get("limit") or self.case.get("limit") or ""))
        except OptionError:
            return None

    def dues(self, due: Any, note: str = "") -> dict[str, Any]:
        """Return the deadlines that follow from that of disposal."""
        close = None
        if there(due) and self.close_limit is not None:
            close = _quietly(self.clock.add, due, self.close_limit)
        return {"dispose_due_at": due, "close_due_at": close, "due_note": note}


def _start_clock(work: _Work) -> dict[str, Any]:
    written = str(work.details.get("limit") or work.case.get("limit") or "").strip()
    limit = work.limit()
    if limit is None:
        return work.dues(None, "unreadable_limit" if written else "no_limit")
    due = _quietly(work.clock.add, work.now, limit)
    if due is None:
        return work.dues(None, "unknown_year")
    return work.dues(due, "estimated" if work.clock.estimated(due, work.now) else "")


def _add_delay(work: _Work) -> dict[str, Any]:
    due, limit = _running(work), work.limit()
    if limit is None:
        raise MoveError(*message("casework.no_due", action=work.action.code))
    return work.dues(_quietly(work.clock.add, due, limit), str(work.case.get("due_note") or ""))


def _suspend(work: _Work) -> dict[str, Any]:
    _running(work)
    until = require_instant(work.details["suspended_until"])
    if not work.now < until <= work.now + _LONGEST_PAUSE:
        raise MoveError(*message("casework.bad_pause", until=until))
    return {"suspended": True, "suspended_at": work.now, "suspended_until": until}


def _resume(work: _Work) -> dict[str, Any]:
    if not work.case.get("suspended"):
        raise MoveError(*message("casework.not_suspended"))
    return _resume_if_suspended(work)


def _resume_if_suspended(work: _Work) -> dict[str, Any]:
    """End a pause: at its date at the latest, since it ends by itself."""
    if not work.case.get("suspended"):
        return {}
    due: Any = work.case.get("dispose_due_at")
    since = pd.Timestamp(work.case["suspended_at"])
    until = min(work.now, pd.Timestamp(work.case["suspended_until"]))
    limit = work.limit()
    changes: dict[str, Any] = {"suspended": False, "suspended_until": until}
    if there(due) and limit is not None:
        moved = _quietly(work.clock.pause, pd.Timestamp(due), since, until, limit)
        changes |= work.dues(moved, str(work.case.get("due_note") or ""))
    return changes


def _running(work: _Work) -> pd.Timestamp:
    """Return the deadline of a case that is neither overdue nor suspended."""
    due: Any = work.case.get("dispose_due_at")
    if work.case.get("suspended"):
        raise MoveError(*message("casework.is_suspended", until=work.case.get("suspended_until")))
    if not there(due):
        raise MoveError(*message("casework.no_due", action=work.action.code))
    if work.now > pd.Timestamp(due):
        raise MoveError(*message("casework.overdue", action=work.action.code, due=due))
    return pd.Timestamp(due)


def _count_rework(work: _Work) -> dict[str, Any]:
    return {"rework_n": int(work.case.get("rework_n") or 0) + 1, "disposed_at": None}


def _take_back(_work: _Work) -> dict[str, Any]:
    return {"dispatched_at": None}


def _mark_void(_work: _Work) -> dict[str, Any]:
    return {"voided": True}


def _mark_forced(_work: _Work) -> dict[str, Any]:
    return {"forced": True}


def _lodge_appeal(work: _Work) -> dict[str, Any]:
    """Appeal against being overdue; two reviews decide."""
    due: Any = work.case.get("dispose_due_at")
    done: Any = work.case.get("disposed_at")
    end = done if there(done) else work.case["closed_at"]
    if not there(due) or pd.Timestamp(end) <= pd.Timestamp(due):
        raise MoveError(*message("casework.not_overdue"))
    return {"appeal": "lodged"}


def _appeal_from(*states: str, to: str) -> Callable[[_Work], dict[str, Any]]:
    """Return the step of an appeal from one of some states."""

    def step(work: _Work) -> dict[str, Any]:
        now = str(work.case.get("appeal") or "")
        if now not in states:
            what = {"action": work.action.code, "now": now or "–", "wanted": ", ".join(states)}
            raise MoveError(*message("casework.appeal_state", **what))
        return {"appeal": to}

    return step


def _grant_appeal(work: _Work) -> dict[str, Any]:
    """Leave an overdue case out of the indicators; that it was overdue stays visible."""
    return {**_appeal_from("reviewed", to="granted")(work), "exempt": True}


def _escalate(work: _Work) -> dict[str, Any]:
    steps, now = work.process.steps, str(work.case.get("escalation") or "")
    if not steps:
        return {"escalation": str(int(now or 0) + 1)}
    at = steps.index(now) + 1 if now in steps else 0
    if at >= len(steps):
        raise MoveError(*message("casework.top_step", step=now))
    return {"escalation": steps[at]}


EFFECTS: dict[str, Callable[[_Work], dict[str, Any]]] = {
    "start_clock": _start_clock,
    "add_delay": _add_delay,
    "suspend": _suspend,
    "resume": _resume,
    "resume_if_suspended": _resume_if_suspended,
    "count_rework": _count_rework,
    "take_back_dispatch": _take_back,
    "mark_void": _mark_void,
    "mark_forced": _mark_forced,
    "lodge_appeal": _lodge_appeal,
    "review_appeal": _appeal_from("lodged", to="reviewed"),
    "grant_appeal": _grant_appeal,
    "refuse_appeal": _appeal_from("lodged", "reviewed", to="refused"),
    "escalate": _escalate,
}


def there(value: Any) -> bool:
    """Tell whether a column says something."""
    if value is None or value is pd.NaT or value == "":
        return False
    return not (isinstance(value, float) and value != value)


def _quietly(add: Callable[..., Any], *args: Any) -> Any:
    """Return a deadline, or None in a year that is not known: the case says so itself."""
    with warnings.catch_warnings(action="ignore", category=GridkitWarning):
        due = add(*args)
    return None if due is pd.NaT else due


def _due_of(stage: Stage, now: pd.Timestamp, clock: WorkClock) -> Any:
    return _quietly(clock.add, now, parse_limit(stage.limit)) if stage.limit else None
