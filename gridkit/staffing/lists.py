"""Posting lists for people to read: by area, by person, by street."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..errors import SchemaError
from ..messages import message, require_lang
from ..privacy import mask_people
from ..rules import load_roles
from ..tables import CELLS, POSTS, ROSTER
from .shifts import slot_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..errors import Lang
    from ..rules import Role

__all__ = ["posting_lists"]

_PERSON = ("name", "phone", "responsible_unit", "supervisor_id")


def posting_lists(
    posts: pd.DataFrame,
    areas: pd.DataFrame,
    roster: pd.DataFrame,
    *,
    audience: str = "internal",
    rules: Mapping[str, Role] | None = None,
    lang: Lang = "zh",
) -> dict[str, pd.DataFrame]:
    """Return the posting lists of a day as sheets for `write_xlsx`.

    Parameters
    ----------
    posts : DataFrame
        Table ``posts`` of one day (`posts_at`) and one level.
    areas : DataFrame
        The areas of that level (table ``cells``), in the order of the list.
    roster : DataFrame
        Table ``roster``.
    audience : {"internal", "leaders", "public"}
        Names and phones as `mask_people` shows them.
    rules : mapping of code → Role, optional
        `load_roles` by default: names and order of the roles.
    lang : {"zh", "en"}
        Language of sheets and headers.

    Returns
    -------
    dict of sheet → DataFrame
        By area: a row for each, with name, phone and slot for each role, several below one
        another, and a word where nobody is posted. By person: their areas, hours, supervisor and
        partner. By street: posts, filled, vacant and people for each role.

    Raises
    ------
    SchemaError
        Tables without their required columns.
    OptionError
        Unknown audience or language.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import posting_lists
    >>> posts = pd.DataFrame(
    ...     {"level": ["cell"], "area_code": ["A1"], "role": ["officer"], "person_id": ["P1"]}
    ... )
    >>> roster = pd.DataFrame(
    ...     {"person_id": ["P1"], "role": "officer", "name": "王小明", "phone": "13812341234"}
    ... )
    >>> sheets = posting_lists(
    ...     posts, pd.DataFrame({"cell_code": ["A1"]}), roster, audience="leaders"
    ... )
    >>> sheets["按区域"].iloc[0].to_dict()
    {'网格编码': 'A1', '民警': '王小明', '民警 联系电话': '138****1234', '民警 时段': ''}
    """
    lang = require_lang(lang)
    POSTS.require_columns(posts, source="posts")
    ROSTER.require_columns(roster, source="roster")
    if "cell_code" not in areas.columns:
        where = {"source": "areas", "table": "cells", "columns": "cell_code"}
        found = ", ".join(map(str, areas.columns)) or "–"
        raise SchemaError(*message("tables.missing_columns", found=found, **where))
    known = load_roles() if rules is None else rules
    people = mask_people(pd.DataFrame(roster), audience=audience)
    held = _with_people(posts, people)
    order = {code: i for i, code in enumerate(known)}
    codes = sorted(held["role"].unique(), key=lambda c: (order.get(c, len(order)), c))
    names = {c: (known[c].zh if lang == "zh" else known[c].en) if c in known else c for c in codes}
    return {
        message("staffing.list_area").text(lang): _by_area(held, areas, names, lang),
        message("staffing.list_person").text(lang): _by_person(held, people, names, lang),
        message("staffing.list_street").text(lang): _by_street(held, areas, names, lang),
    }


def _with_people(posts: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    """Return the posts with what the roster says of the people, all as text."""
    held = pd.DataFrame({c: posts[c].astype("str") for c in ("area_code", "role")})
    held["slot"] = slot_texts(posts)
    for column in ("person_id", "backup_id"):
        there = posts[column] if column in posts.columns else pd.Series(None, index=posts.index)
        held[column] = there.astype("str")
    own = people.set_index("person_id")
    for column in _PERSON:
        named = own[column].astype("str") if column in own.columns else pd.Series(dtype="str")
        held[column] = held["person_id"].map(named.to_dict()).astype("str").fillna("")
    known = held["name"].where(held["name"] != "", held["person_id"])
    return held.assign(name=known)


def _by_area(
    held: pd.DataFrame, areas: pd.DataFrame, names: Mapping[str, str], lang: Lang
) -> pd.DataFrame:
    order = [
        c for c in ("cell_code", "name", "community_code", "street_code") if c in areas.columns
    ]
    table = pd.DataFrame(areas[order]).astype("str").fillna("")
    table.columns = pd.Index([CELLS.labels(lang)[c] for c in order])
    code = areas["cell_code"].astype("str")
    vacant = message("staffing.list_vacant").text(lang)
    phone, slot = ROSTER.labels(lang)["phone"], POSTS.labels(lang)["slot"]
    shown = held.assign(name=held["name"].fillna(vacant)).sort_values(["area_code", "slot", "name"])
    for role, name in names.items():
        mine = shown[shown["role"] == role].groupby("area_code")
        for header, column in (
            (name, "name"),
            (f"{name} {phone}", "phone"),
            (f"{name} {slot}", "slot"),
        ):
            joined = mine[column].agg("\n".join)
            table[header] = code.map(joined.to_dict()).astype("str").fillna("").to_numpy()
    return table.reset_index(drop=True)


def _by_person(
    held: pd.DataFrame, people: pd.DataFrame, names: Mapping[str, str], lang: Lang
) -> pd.DataFrame:
    filled = held[held["person_id"].notna()].sort_values(["person_id", "role", "area_code"])
    label = ROSTER.labels(lang)
    called = dict(zip(people["person_id"], people.get("name", people["person_id"]), strict=True))
    rows = []
    for (person, role), group in filled.groupby(["person_id", "role"], sort=True):
        first = group.iloc[0]
        partners = group["backup_id"].dropna().unique()
        rows.append(
            {
                label["person_id"]: person,
                label["name"]: first["name"],
                label["role"]: names[str(role)],
                label["responsible_unit"]: first["responsible_unit"],
                label["phone"]: first["phone"],
                label["slots"]: "\n".join(dict.fromkeys(s for s in group["slot"] if s)),
                message("staffing.list_count").text(lang): group["area_code"].nunique(),
                message("staffing.list_areas").text(lang): ", ".join(group["area_code"].unique()),
                label["supervisor_id"]: _called(first["supervisor_id"], called),
                label["backup_id"]: ", ".join(_called(p, called) for p in partners),
            }
        )
    return pd.DataFrame(rows)


def _called(person: Any, called: Mapping[Any, Any]) -> str:
    name = called.get(person)
    return str(person) if pd.isna(name) else str(name)


def _by_street(
    held: pd.DataFrame, areas: pd.DataFrame, names: Mapping[str, str], lang: Lang
) -> pd.DataFrame:
    column = next((c for c in ("street_code", "parent_code") if c in areas.columns), None)
    label = CELLS.labels(lang)
    street: dict[Any, Any] = {}
    if column is not None:
        street = dict(zip(areas["cell_code"].astype("str"), areas[column], strict=True))
    frame = held.assign(street=held["area_code"].map(street).astype("str").fillna("-"))
    rows = []
    for (code, role), group in frame.groupby(["street", "role"], sort=True):
        filled = group["person_id"].notna()
        rows.append(
            {
                label[column or "street_code"]: code,
                POSTS.labels(lang)["role"]: names[str(role)],
                message("staffing.list_posts").text(lang): len(group),
                message("staffing.list_filled").text(lang): int(filled.sum()),
                message("staffing.list_vacancies").text(lang): int((~filled).sum()),
                message("staffing.list_people").text(lang): group["person_id"].nunique(),
            }
        )
    return pd.DataFrame(rows)
