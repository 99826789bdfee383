"""Rules of who answers for a cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .rules_case import absent, found

if TYPE_CHECKING:
    from .rules_case import Case, Result

__all__ = ["no_responsible_body", "no_role"]

CLIMB = ("duty_code", "community_code", "street_code")
"""Columns whose areas may hold the post of a cell: posts attach to any level."""


def no_responsible_body(case: Case) -> Result:
    """Each cell names the unit that answers for it."""
    unit = case.column("responsible_unit")
    if unit is None:
        return absent("responsible_unit")
    return found(
        case, "error", "division.nobody", "division.nobody_remedy", np.flatnonzero(unit == "")
    )


def no_role(case: Case) -> Result:
    """Each role has a person, in the cell itself or in an area above it."""
    if case.posts is None:
        return absent("posts")
    person = case.posts["person_id"].astype("str").fillna("").str.strip()
    filled = case.posts[(person != "").to_numpy(dtype=bool)]
    columns = [case.codes, *(c for name in CLIMB if (c := case.column(name)) is not None)]
    lacking = np.zeros(len(case.codes), dtype=bool)
    short = []
    for role in case.roles:
        areas = filled.loc[filled["role"] == role, "area_code"].astype("str").str.strip()
        held = np.logical_or.reduce([c.isin(areas).to_numpy(dtype=bool) for c in columns])
        if not held.all():
            short.append(f"{role} ({int((~held).sum())})")
        lacking |= ~held
    return found(
        case,
        "error",
        "division.no_roles",
        "division.no_roles_remedy",
        np.flatnonzero(lacking),
        roles=", ".join(short),
    )
