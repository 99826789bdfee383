"""Why is the answer what it is? One row of a table in, the reasons in words out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import SchemaError
from ..messages import message, require_lang
from .addresses import ADDRESS_COLUMNS

if TYPE_CHECKING:
    from ..errors import Lang
    from ..messages import Message

__all__ = ["explain"]

_RUNGS = {
    "plate": message("location.rung_plate"),
    "between": message("location.rung_between"),
    "crossing": message("location.rung_crossing"),
    "poi": message("location.rung_poi"),
    "area": message("location.rung_area"),
    "street_part": message("location.rung_street_part"),
    "street": message("location.rung_street"),
    "community": message("location.rung_community"),
}
_REFUSALS = {
    "empty": message("location.refused_empty"),
    "elsewhere": message("location.refused_elsewhere"),
    "unknown": message("location.refused_unknown"),
    "no_such_number": message("location.refused_no_such_number"),
    "conflict": message("location.refused_conflict"),
    "ambiguous": message("location.refused_ambiguous"),
    "vague": message("location.refused_vague"),
}

_ON_BORDER_M = 1e-6  # as in `locate`
_NEEDED = ("cell_code", "located_by", "border_m", "alt_cell_code", "distance_m")
_ADDRESS = (*ADDRESS_COLUMNS, "accuracy_m", "community_code")


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
    facts |= {name: row.get(name) for name in _ADDRESS}
    return {name: None if pd.isna(value) else value for name, value in facts.items()}


def _located(facts: dict[str, Any]) -> list[Message]:
    answer = _reasons(facts)
    if facts["alt_cell_code"] is not None:
        by_address = facts["located_by"] == "address"
        key = "location.explain_within_accuracy" if by_address else "location.explain_runner_up"
        answer.append(message(key, other=facts["alt_cell_code"]))
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
        case "address":
            return [_by_address(facts)]
        case "unlocated" if facts["address_refused"] in _REFUSALS:
            return _refused(facts)
        case "unlocated":
            return [message("location.explain_unlocated")]
        case other:
            raise SchemaError(*message("location.explain_unknown_way", value=other))


def _by_address(facts: dict[str, Any]) -> Message:
    rung = _RUNGS.get(facts["address_rung"])
    if rung is None or facts["accuracy_m"] is None:
        raise SchemaError(
            *message("location.explain_unknown_way", value=f"address: {facts['address_rung']}")
        )
    return message(
        "location.explain_address",
        cell=facts["cell_code"],
        match=facts["address_match"],
        rung=rung,
        accuracy_m=f"{facts['accuracy_m']:.0f}",
    )


def _refused(facts: dict[str, Any]) -> list[Message]:
    """Say why an address gave no place, and who answers until the place is known."""
    answer = [_REFUSALS[facts["address_refused"]]]
    if facts["community_code"] is not None:
        answer.append(message("location.explain_community", community=facts["community_code"]))
    return answer


def _near(cell: str, distance_m: float) -> Message:
    if distance_m <= _ON_BORDER_M:
        return message("location.explain_outer_edge", cell=cell)
    return message("location.explain_near", cell=cell, distance_m=f"{distance_m:.2f}")
