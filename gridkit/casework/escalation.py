"""Overdue cases rise in the chain of command: who is to be told by now."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import OptionError, SchemaError, raise_all
from ..files import read_toml
from ..messages import message, require_lang
from ..staffing.command import chain_of
from ..tables import POSTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ..errors import Lang

__all__ = ["EscalationStep", "escalations", "load_escalation"]

_PLACES = ("cell_code", "duty_code", "community_code", "street_code")
_COLUMNS = ("case_id", "due_at", "used", "step", "level", "area_code", "role", "person_id", "gap")


@dataclass(frozen=True)
class EscalationStep:
    """How far a case rises once so much of its limit is used up.

    Attributes
    ----------
    over : float
        Share of the limit, 1 where the case falls overdue.
    rises : int
        Rungs above the lowest area that has posts; more than there are: the top.
    zh, en : str

    Examples
    --------
    >>> from gridkit import EscalationStep
    >>> EscalationStep(1.0, 0, "提醒责任人", "Remind those responsible").rises
    0
    """

    over: float
    rises: int
    zh: str
    en: str


def load_escalation(path: str | Path | None = None) -> tuple[EscalationStep, ...]:
    """Return the steps by which overdue cases rise, the lowest first.

    Parameters
    ----------
    path : path, optional
        A city's own TOML file; the default is ``standards/escalation.toml``.

    Raises
    ------
    FileError
        No such file, or no TOML.
    SchemaError
        No step, a field missing, steps whose shares or rungs do not rise; all at once.

    Examples
    --------
    >>> import gridkit as gk
    >>> [(step.over, step.rises) for step in gk.load_escalation()]
    [(1.0, 0), (1.5, 1), (2.0, 2), (3.0, 9)]
    """
    data, name = read_toml(path, "escalation.toml")
    rows = data.get("step", [])
    fields = ("over", "rises", "zh", "en")
    problems = [] if rows else [message("rules.no_items", path=name, item="step")]
    problems += [
        message("rules.missing_field", path=name, item=f"step[{i}]", field=field)
        for i, row in enumerate(rows)
        for field in fields
        if field not in row
    ]
    raise_all(SchemaError, problems)
    steps = tuple(EscalationStep(*(row[f] for f in fields)) for row in rows)
    for one, other in itertools.pairwise(steps):
        if not (one.over < other.over and one.rises <= other.rises):
            raise SchemaError(*message("casework.steps_fall", path=name, step=other.zh))
    return steps


def escalations(
    late: pd.DataFrame,
    posts: pd.DataFrame,
    *,
    areas: pd.DataFrame | Sequence[pd.DataFrame] = (),
    steps: Sequence[EscalationStep] | None = None,
    roles: Sequence[str] | None = None,
    lang: Lang = "zh",
) -> pd.DataFrame:
    """Say who is to be told of each overdue case, the further up the later it is.

    Parameters
    ----------
    late : DataFrame
        From `Ledger.overdue`: table ``cases`` with ``used``.
    posts : DataFrame
        Table ``posts`` of the day (`posts_at`), of any levels.
    areas : DataFrame or sequence of them
        Tables of the levels, for the way upward.
    steps : sequence of EscalationStep, optional
        `load_escalation` by default.
    roles : sequence of str, optional
        Of these roles only.
    lang : {"zh", "en"}
        Of ``step``.

    Returns
    -------
    DataFrame
        A row for each case and person, cases in the order given: ``case_id``, ``due_at``,
        ``used``, ``step`` in words, ``level``, ``area_code``, ``role``, ``person_id`` and
        ``gap``: ``unfilled``, where nobody held the rung that was due and the next one above is
        told, or the highest below where there is none above;
        ``nobody``, where no rung has anybody; ``no_area``, where the case has no area that
        posts or areas know. No gap is empty text.

    Raises
    ------
    SchemaError
        No column ``used``, or not a table of posts.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> posts = pd.DataFrame(
    ...     {
    ...         "level": ["cell", "street", "district"],
    ...         "area_code": ["A1", "S", "D"],
    ...         "role": ["cleaner", "street_chief", "chief_leader"],
    ...         "person_id": ["P3", "P2", "P1"],
    ...     }
    ... )
    >>> cells = pd.DataFrame({"cell_code": ["A1"], "street_code": ["S"], "district_code": ["D"]})
    >>> late = pd.DataFrame(
    ...     {"case_id": ["C1", "C2"], "cell_code": "A1", "due_at": pd.NaT, "used": [1.1, 1.7]}
    ... )
    >>> told = gk.escalations(late, posts, areas=cells)
    >>> told[["case_id", "step", "person_id"]].to_numpy().tolist()
    [['C1', '提醒责任人', 'P3'], ['C2', '上报上一级', 'P2']]
    """
    lang = require_lang(lang)
    POSTS.check(posts, source="posts")
    if "used" not in late.columns:
        found = ", ".join(map(str, late.columns))
        where = {"source": "late", "table": "overdue", "columns": "used", "found": found}
        raise SchemaError(*message("tables.missing_columns", **where))
    ladder = load_escalation() if steps is None else tuple(steps)
    held = posts if roles is None else posts[posts["role"].isin(list(roles))]
    tables = [areas] if isinstance(areas, pd.DataFrame) else list(areas)

    @functools.cache
    def chain(code: str) -> pd.DataFrame | None:
        try:
            return chain_of(held, area_code=code, areas=tables)
        except OptionError:
            return None

    rows = []
    for case in late.to_dict("records"):
        step = _step_of(case["used"], ladder)
        if step is None:
            continue
        codes = [case[c] for c in _PLACES if c in case and not pd.isna(case[c])]
        way = next((w for w in map(chain, codes) if w is not None), None)
        name = step.zh if lang == "zh" else step.en
        head = (case["case_id"], case.get("due_at"), case["used"], name)
        rows += [(*head, *told) for told in _told(way, step.rises)]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _step_of(used: Any, steps: Sequence[EscalationStep]) -> EscalationStep | None:
    """Return the last step that a case has reached."""
    share = math.nan if pd.isna(used) else float(used)
    return next((s for s in reversed(steps) if share > s.over), None)


def _told(way: pd.DataFrame | None, rises: int) -> list[tuple[Any, ...]]:
    """Return level, area, role, person and gap of those who are told."""
    if way is None:
        return [(None, None, None, None, "no_area")]
    rungs: Mapping[Any, pd.DataFrame] = dict(
        iter(way[way["gap"].isin(["", "unfilled"])].groupby("step", sort=True))
    )
    listed = list(rungs.values())
    filled = [i for i, rung in enumerate(listed) if rung["person_id"].notna().any()]
    if not filled:
        return [(None, None, None, None, "nobody")]
    due = min(rises, len(listed) - 1)
    at = next((i for i in filled if i >= due), filled[-1])
    rung = listed[at][listed[at]["person_id"].notna()]
    gap = "" if at == due else "unfilled"
    columns = rung[["level", "area_code", "role", "person_id"]].to_numpy().tolist()
    return [(*row, gap) for row in columns]
