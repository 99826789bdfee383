"""How a case may move: stages and actions as data, guarded by one small machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import MoveError, OptionError, SchemaError, raise_all
from ..files import read_toml
from ..messages import Message, message
from .limits import parse_limit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ..errors import Lang

__all__ = [
    "COUNTED",
    "DETAILS",
    "EFFECTS",
    "PROFILES",
    "Action",
    "Process",
    "Stage",
    "load_process",
]

DETAILS = (
    "responsible_unit",
    "handler_id",
    "cell_code",
    "duty_code",
    "community_code",
    "street_code",
    "geometry",
    "category",
    "limit",
    "suspended_until",
    "duplicate_of",
    "measure",
    "result",
    "missed",
    "self_handled",
    "public",
    "campaign",
)
"""What a move may say besides time, actor and reason. The first receiver is not among them."""

COUNTED = ("delay", "suspend", "appeal", "return")
"""Actions whose number a case keeps, so that a process may limit it."""

EFFECTS = (
    "start_clock",
    "add_delay",
    "suspend",
    "resume",
    "resume_if_suspended",
    "count_rework",
    "take_back_dispatch",
    "mark_void",
    "mark_forced",
    "lodge_appeal",
    "review_appeal",
    "grant_appeal",
    "refuse_appeal",
    "escalate",
)
"""What an action may do besides changing the stage (`gridkit.casework.machine`)."""

PROFILES = ("standard", "ejina")
_TIMES = ("reported_at", "accepted_at", "filed_at", "dispatched_at", "disposed_at", "closed_at")


@dataclass(frozen=True)
class Stage:
    """A stage of a process.

    Attributes
    ----------
    code, zh, en : str
    sets : str
        The column of the case that keeps when it was first reached; empty: none.
    limit : str
        How long a case may stay, as written; empty: no limit of the stage.
    open : bool
        False where the case is over.
    """

    code: str
    zh: str
    en: str
    sets: str = ""
    limit: str = ""
    open: bool = True


@dataclass(frozen=True)
class Action:
    """What may be done with a case.

    Attributes
    ----------
    code, zh, en : str
    sources : tuple of str
        Stages from which it may be done.
    target : str
        The stage that it leads to; empty: the case stays where it is.
    needs : tuple of str
        What must be said with it: ``reason`` and columns of the case.
    effects : tuple of str
        What it does besides.
    most : int
        How often with one case; 0: as often as one likes.
    """

    code: str
    zh: str
    en: str
    sources: tuple[str, ...]
    target: str = ""
    needs: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()
    most: int = 0


@dataclass(frozen=True)
class Process:
    """A process: its stages, its actions, and the steps of its ladder of escalation.

    Attributes
    ----------
    code, zh, en : str
    start : str
        The stage of a new case.
    stages : dict of code → Stage
    actions : dict of code → Action
    steps : tuple of str
        What ``escalate`` climbs; empty: counted only.

    Examples
    --------
    >>> import gridkit as gk
    >>> process = gk.load_process("standard")
    >>> process.allowed("disposed")
    ['verify_fix', 'close', 'rework', 'force_close', 'relocate', 'reassign', 'note']
    """

    code: str
    zh: str
    en: str
    start: str
    stages: dict[str, Stage]
    actions: dict[str, Action]
    steps: tuple[str, ...] = ()

    def name(self, lang: Lang = "zh") -> str:
        """Return the name in one language."""
        return self.zh if lang == "zh" else self.en

    def allowed(self, stage: str) -> list[str]:
        """Return the codes of the actions that a stage allows, as the file lists them."""
        return [a.code for a in self.actions.values() if stage in a.sources]

    def leading_to(self, stage: str, column: str) -> str:
        """Return the action that takes a case from a stage to the one that sets a time.

        Where the stage allows none, the first action that leads there from any other is
        returned: `move_case` says what is wrong with it.

        Raises
        ------
        MoveError
            No action leads there.
        """
        there = [
            a for a in self.actions.values() if a.target and self.stages[a.target].sets == column
        ]
        if not there:
            raise MoveError(*message("casework.leads_nowhere", process=self.code, column=column))
        return next((a.code for a in there if stage in a.sources), there[0].code)


def load_process(source: str | Path = "standard") -> Process:
    """Return a process: one of gridkit's, or a city's own.

    Parameters
    ----------
    source : {"standard", "ejina"} or path
        ``standards/process_<name>.toml``, or a TOML file of that form.

    Raises
    ------
    FileError
        No such file, or no TOML.
    SchemaError
        Stages or actions that do not fit together; all at once.

    Examples
    --------
    >>> import gridkit as gk
    >>> [stage.zh for stage in gk.load_process("ejina").stages.values() if stage.sets]
    ['巡查', '反馈', '协调', '处置', '督查办结']
    """
    known = isinstance(source, str) and source in PROFILES
    data, name = read_toml(None if known else source, f"process_{source}.toml")
    raise_all(SchemaError, _missing(data, name))
    head = data["process"]
    stages = [Stage(**row) for row in data["stage"]]
    actions = [
        Action(
            row["code"],
            row["zh"],
            row["en"],
            tuple(row["from"]),
            row.get("to", ""),
            tuple(row.get("needs", ())),
            tuple(row.get("effects", ())),
            row.get("most", 0),
        )
        for row in data["action"]
    ]
    process = Process(
        head["code"],
        head["zh"],
        head["en"],
        head["start"],
        {s.code: s for s in stages},
        {a.code: a for a in actions},
        tuple(row["code"] for row in data.get("step", ())),
    )
    raise_all(SchemaError, _misfits(process, len(stages), len(actions), name))
    return process


def _missing(data: Mapping[str, Any], name: str) -> list[Message]:
    """Return what the tables of a file lack."""
    needed = {
        "process": ("code", "zh", "en", "start"),
        "stage": ("code", "zh", "en"),
        "action": ("code", "zh", "en", "from"),
        "step": ("code",),
    }
    found = []
    for table, fields in needed.items():
        rows = data.get(table, [] if table == "step" else None)
        if not rows and table != "step":
            found.append(message("rules.no_items", path=name, item=table))
        for i, row in enumerate([rows] if isinstance(rows, dict) else rows or []):
            found += [
                message("rules.missing_field", path=name, item=f"{table}[{i}]", field=field)
                for field in fields
                if field not in row
            ]
    known = set(Stage.__dataclass_fields__)
    for i, row in enumerate(data.get("stage", [])):
        strange = ", ".join(sorted(set(row) - known))
        if strange:
            found.append(
                message(
                    "rules.bad_choice",
                    path=name,
                    item=f"stage[{i}]",
                    field=strange,
                    value="",
                    choices=", ".join(sorted(known)),
                )
            )
    return found


def _misfits(process: Process, stages: int, actions: int, name: str) -> list[Message]:
    """Return what does not fit together in a process."""
    found = []
    if len(process.stages) < stages or len(process.actions) < actions:
        found.append(message("rules.repeated_code", path=name, row=0, code=process.code))
    checks: list[tuple[str, str, Iterable[str], Iterable[str]]] = [
        ("process", "start", [process.start], process.stages)
    ]
    for stage in process.stages.values():
        checks.append((stage.code, "sets", [stage.sets] if stage.sets else [], _TIMES))
        if stage.limit:
            try:
                parse_limit(stage.limit)
            except OptionError as error:
                found.append(Message(error.en, error.zh))
    for action in process.actions.values():
        checks += [
            (action.code, "from", action.sources, process.stages),
            (action.code, "to", [action.target] if action.target else [], process.stages),
            (action.code, "effects", action.effects, EFFECTS),
            (action.code, "needs", action.needs, ("reason", *DETAILS)),
            (action.code, "most", [action.code] if action.most else [], COUNTED),
        ]
    for item, field, values, known in checks:
        choices = tuple(known)
        where = {"path": name, "item": item, "field": field, "choices": ", ".join(choices)}
        found += [
            message("rules.bad_choice", value=value, **where)
            for value in values
            if value not in choices
        ]
    return found
