"""Why is the answer what it is? One row of a table in, the reasons in words out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import SchemaError
from ..messages import message, require_lang

if TYPE_CHECKING:
    from ..errors import Lang
    from ..messages import Message

__all__ = ["explain"]

_ON_BORDER_M = 1e-6  # as in `locate`
_NEEDED = ("cell_code", "located_by", "border_m", "alt_cell_code", "distance_m")


def explain(row: Any, *, lang: Lang = "zh", prefix: str | None = None) -> str:
    """Say why a located report has its cell, or none, and what to do.

    The answer names how the point was located, the distance to the border, the rule that decides
    on a border, the runner-up and the duty cell. Nothing that a reporter wrote is in it.

    Parameters
    ----------
    row : Series, named tuple or mapping
        One row of the table ``located``, from `locate`.
    lang : {"zh", "en"}
    prefix : str, optional
        As given to `locate`.

    Returns
    -------
    str
        One sentence a line.

    Raises
    ------
    SchemaError
        Not one row of a located table.
    OptionError
        Unknown `lang`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import gridkit as gk
    >>> from shapely import Point, box
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["west", "east"]}, geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)], crs=4549
    ... )
    >>> reports = gpd.GeoDataFrame({"report_id": ["a"]}, geometry=[Point(4, 6)], crs=4549)
    >>> print(gk.explain(gk.locate(reports, cells).iloc[0], lang="en"))
    The point lies inside the cell west, 3.00 m from the nearest border.
    """
    lang = require_lang(lang)
    facts = _located_facts(row, prefix or "")
    return "\n".join(part.text(lang) for part in _located(facts))


def _located_facts(row: Any, prefix: str) -> dict[str, Any]:
    """Return the columns that `locate` added, by their own names, null as None."""
    if isinstance(row, pd.Series):
        row = dict(row.items())
    elif hasattr(row, "_asdict"):
        row = row._asdict()
    needed = [f"{prefix}{name}" for name in _NEEDED]
    if not isinstance(row, Mapping) or not all(name in row for name in needed):
        raise SchemaError(*message("location.explain_no_row", columns=", ".join(needed)))
    facts: dict[str, Any] = {name: row.get(f"{prefix}{name}") for name in (*_NEEDED, "duty_code")}
    return {name: None if pd.isna(value) else value for name, value in facts.items()}


def _located(facts: dict[str, Any]) -> list[Message]:
    answer = _reasons(facts)
    if facts["alt_cell_code"] is not None:
        answer.append(message("location.explain_runner_up", other=facts["alt_cell_code"]))
    if facts["duty_code"] is not None:
        answer.append(message("location.explain_duty", duty=facts["duty_code"]))
    return answer


def _reasons(facts: dict[str, Any]) -> list[Message]:
    cell = facts["cell_code"]
    match facts["located_by"]:
        case "inside" if facts["border_m"] is None:
            return [message("location.explain_deep_inside", cell=cell)]
        case "inside":
            distance = f"{facts['border_m']:.2f}"
            return [message("location.explain_inside", cell=cell, border_m=distance)]
        case "border":
            return [message("location.explain_border", cell=cell), message("location.explain_rule")]
        case "near":
            return [_near(cell, facts["distance_m"]), message("location.explain_near_remedy")]
        case "outside":
            return [
                message("location.explain_outside"),
                message("location.explain_outside_remedy"),
            ]
        case "unlocated":
            return [message("location.explain_unlocated")]
        case other:
            raise SchemaError(*message("location.explain_unknown_way", value=other))


def _near(cell: str, distance_m: float) -> Message:
    if distance_m <= _ON_BORDER_M:
        return message("location.explain_outer_edge", cell=cell)
    return message("location.explain_near", cell=cell, distance_m=f"{distance_m:.2f}")
