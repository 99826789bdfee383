"""Who is on duty, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..messages import require_lang, say
from ..rules import load_levels, load_roles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..errors import Lang
    from ..rules import Level, Role

__all__ = ["duty_text"]

_WHY = {
    "off_slot": "staffing.why_off_slot",
    "away": "staffing.why_away",
    "unfilled": "staffing.why_unfilled",
    "no_post": "staffing.why_no_post",
    "no_area": "staffing.why_no_area",
    "strange": "staffing.why_strange",
    "no_time": "staffing.why_no_time",
}
_SERVES = {
    ("own", False): "staffing.duty_own",
    ("own", True): "staffing.duty_own_above",
    ("backup", False): "staffing.duty_backup",
    ("backup", True): "staffing.duty_backup_above",
    ("substitute", False): "staffing.duty_substitute",
    ("substitute", True): "staffing.duty_substitute_above",
}


def duty_text(
    who: pd.DataFrame, *, rules: Mapping[str, Role] | None = None, lang: Lang = "zh"
) -> pd.Series[Any]:
    """Say in a sentence who answers, and why that person.

    Parameters
    ----------
    who : DataFrame
        As `on_duty` returns it.
    rules : mapping of code → Role, optional
        Names of the roles; `load_roles` by default.
    lang : {"zh", "en"}

    Returns
    -------
    Series of str
        With the index of `who`.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import duty_text, on_duty
    >>> posts = pd.DataFrame(
    ...     {"level": ["cell"], "area_code": ["A1"], "role": ["officer"], "person_id": ["P1"]}
    ... )
    >>> at = pd.Timestamp("2026-03-02 23:00", tz="Asia/Shanghai")
    >>> duty_text(on_duty(posts, area_code="A1", at=at), lang="en").tolist()
    ['officer: P1 of A1.']
    """
    lang = require_lang(lang)
    levels = {level.code: level for level in load_levels()}
    known = dict(load_roles() if rules is None else rules)
    told: dict[tuple[Any, ...], str] = {}
    columns = ["role", "level", "area_code", "person_id", "via", "steps", "reason"]
    texts = []
    for answer in zip(*(who[c] for c in columns), strict=True):
        if answer not in told:
            told[answer] = _sentence(dict(zip(columns, answer, strict=True)), levels, known, lang)
        texts.append(told[answer])
    return pd.Series(texts, index=who.index, dtype="str")


def _sentence(
    answer: dict[str, Any], levels: dict[str, Level], known: dict[str, Role], lang: Lang
) -> str:
    role, level = answer["role"], answer["level"]
    if lang == "zh" and role in known:
        role = known[role].zh
    why = say(_WHY[answer["reason"]], lang) if answer["reason"] else ""
    if answer["via"] == "nobody":
        return say("staffing.duty_nobody", lang, role=role, why=why)
    if level in levels:
        level = levels[level].zh if lang == "zh" else levels[level].en.lower()
    key = _SERVES[answer["via"], answer["steps"] > 0]
    place = {"level": level, "area": answer["area_code"]}
    return say(key, lang, role=role, who=answer["person_id"], **place) + why
