"""Which unit is responsible for a place, also where ownership is unclear: ordered, explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import OptionError, SchemaError
from ..messages import message, require_lang
from ..rules import load_responsibility
from ..tables import UNITS, is_true
from .ladders import LINKS, climb, links_of, rungs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..errors import Lang
    from ..rules import Responsibility
    from .ladders import Area

    Units = pd.Series[Any]

__all__ = ["responsible"]


def responsible(
    located: pd.DataFrame,
    areas: pd.DataFrame | Sequence[pd.DataFrame],
    *,
    rules: Responsibility | None = None,
    units: pd.DataFrame | None = None,
    lang: Lang = "zh",
) -> pd.DataFrame:
    """Say which unit is responsible for each report, on which ground, and which department joins.

    The grounds are asked in the order of the rules. Territory decides where it is clear: the
    report lies in one cell, not on the edge of another unit's, and the cell names its unit. Else
    the unit that supervises, licenses or benefits: a column of that name on the report, else what
    its category names. What is left falls to the territory (属地兜底): the community's unit, else
    the street's and so on up.

    Parameters
    ----------
    located : DataFrame
        Table ``located``; ``category``, ``ambiguous`` and ``alt_cell_code`` count, and columns
        called like a ground (``supervises``, ``licenses``, ``benefits``).
    areas : DataFrame or sequence of them
        Tables of the levels with ``responsible_unit`` (table ``cells``; ``communities``).
    rules : Responsibility, optional
        `load_responsibility` by default.
    units : DataFrame, optional
        Table ``units``: a kind that the rules name becomes the one unit of that kind; of several,
        the one whose code begins with that of the place's street.
    lang : {"zh", "en"}
        Language of ``reason``.

    Returns
    -------
    DataFrame
        With the rows and the index of `located`: ``responsible_unit`` (empty where no ground
        has one), ``line_unit`` (the department of the trade, beside the area's people: block and
        line), ``ground`` and ``reason`` in words.

    Raises
    ------
    SchemaError
        No ``cell_code``; areas without ``responsible_unit``.
    OptionError
        The rules do not begin with territory or do not end with the fallback.

    Notes
    -----
    The order is that of Zhifu district, Yantai: territory first, then who supervises, who
    licenses, who benefits. Block and line, block first, as in Jiefang district, Jiaozuo.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import responsible
    >>> cells = pd.DataFrame(
    ...     {"cell_code": ["A1", "A2"], "responsible_unit": ["东街办", None], "parent_code": "Q"}
    ... )
    >>> community = pd.DataFrame(
    ...     {"cell_code": ["Q"], "level": "community", "responsible_unit": "东街社区"}
    ... )
    >>> located = pd.DataFrame({"cell_code": ["A1", "A2", "A2"]})
    >>> who = responsible(located.assign(category=["E0110", "E0126", ""]), [cells, community])
    >>> who[["responsible_unit", "line_unit", "ground"]].fillna("").values.tolist()[:2]
    [['东街办', '环卫所', 'territory'], ['水务部门', '水务部门', 'supervises']]
    >>> who["reason"].iloc[2]
    '所在网格没有责任单位。依据：属地兜底。'
    """
    lang = require_lang(lang)
    known = load_responsibility() if rules is None else rules
    order = list(known.grounds)
    if order[:1] != ["territory"] or order[-1] != "fallback":
        raise OptionError(*message("staffing.grounds", found=", ".join(order)))
    if "cell_code" not in located.columns:
        raise SchemaError(*message("staffing.no_cell_code"))
    tables = [areas] if isinstance(areas, pd.DataFrame) else list(areas)
    own = _units_of(tables)
    streets, fallback = _upward(located, tables, own)
    why, owner = _territory(located, own)
    result = owner.copy()
    ground = pd.Series(np.where(owner.notna(), "territory", ""), index=located.index, dtype="str")
    for name in order[1:]:
        named = fallback if name == "fallback" else _named(located, name, known, units, streets)
        fresh = result.isna() & named.notna()
        result, ground = result.mask(fresh, named), ground.mask(fresh, name)
    table = pd.DataFrame({"responsible_unit": result})
    table["line_unit"] = _named(located, "line", known, units, streets)
    table["ground"] = ground
    table["reason"] = _reasons(why, ground, known, lang)
    return table


def _units_of(tables: Sequence[pd.DataFrame]) -> dict[str, str]:
    """Return the unit of each area that names one."""
    found: dict[str, str] = {}
    named = False
    for table in tables:
        if "responsible_unit" not in table.columns:
            continue
        named = True
        code = "cell_code" if "cell_code" in table.columns else "community_code"
        rows = table[[code, "responsible_unit"]].dropna()
        rows = rows[rows["responsible_unit"].str.strip() != ""]
        found |= dict(zip(rows[code].tolist(), rows["responsible_unit"].tolist(), strict=True))
    if not named:
        raise SchemaError(*message("staffing.no_units"))
    return found


def _territory(located: pd.DataFrame, own: dict[str, str]) -> tuple[pd.Series[Any], Units]:
    """Return why territory does not decide (a key of the catalogue, else empty), and the unit."""
    cell = located["cell_code"]
    unit = cell.map(own).astype("str")
    contested = pd.Series(data=False, index=located.index)
    if {"ambiguous", "alt_cell_code"} <= set(located.columns):
        other = located["alt_cell_code"].map(own).astype("str")
        near = pd.Series(is_true(located["ambiguous"]), index=located.index)
        contested = near & other.notna() & unit.notna() & (other != unit)
    choices = [cell.isna().to_numpy(), unit.isna().to_numpy(), contested.to_numpy()]
    keys = ["staffing.own_nowhere", "staffing.own_nobody", "staffing.own_contested"]
    why = pd.Series(np.select(choices, keys, ""), index=located.index, dtype="str")
    return why, unit.mask(why != "")


def _upward(
    located: pd.DataFrame, tables: Sequence[pd.DataFrame], own: dict[str, str]
) -> tuple[Units, Units]:
    """Return each place's street, and the unit of the lowest area above its cell that has one."""
    links = links_of(tables, known={})
    order = rungs()
    columns = ["cell_code", *(c for c in LINKS if c in located.columns)]
    places = pd.DataFrame(located[columns]).astype("str")
    answers: dict[tuple[Any, ...], tuple[str | None, str | None]] = {}
    for place in places.drop_duplicates().itertuples(index=False):
        codes = [None if pd.isna(code) else str(code) for code in place]
        named = [(LINKS[c], v) for c, v in zip(columns[1:], codes[1:], strict=True) if v]
        starts: list[Area] = [("cell", codes[0])] if codes[0] else []
        above = {area for start in [*starts, *named] for area in climb(start, links, order)}
        ladder = sorted(above - set(starts), key=lambda a: (order.get(a[0], len(order)), a[1]))
        street = next((code for level, code in ladder if level == "street"), None)
        unit = next((own[code] for _, code in ladder if code in own), None)
        answers[tuple(codes)] = (street, unit or (own.get(codes[0]) if codes[0] else None))
    keys = places.astype(object).where(places.notna(), None).itertuples(index=False, name=None)
    pairs = [answers[tuple(key)] for key in keys]
    streets = pd.Series([p[0] for p in pairs], index=located.index, dtype="str")
    return streets, pd.Series([p[1] for p in pairs], index=located.index, dtype="str")


def _named(
    located: pd.DataFrame,
    ground: str,
    known: Responsibility,
    units: pd.DataFrame | None,
    streets: Units,
) -> Units:
    """Return the unit that the report itself, or else its category, names for a ground."""
    named = pd.Series(None, index=located.index, dtype="str")
    if ground in located.columns:
        own = located[ground].astype("str")
        named = own.mask(own.str.strip() == "")
    if "category" in located.columns:
        category = located["category"].astype("str").fillna("")
        by_code = {code: known.named(code, ground) or None for code in category.unique()}
        named = named.fillna(category.map(by_code).astype("str"))
    return named if units is None else _resolved(named, units, streets)


def _resolved(named: Units, units: pd.DataFrame, streets: Units) -> Units:
    """Return names of units for kinds: the only one of that kind, else the street's own."""
    UNITS.require_columns(units, source="units")
    if "kind" not in units.columns:
        return named
    label = units["name"].fillna(units["unit_code"]) if "name" in units else units["unit_code"]
    frame = pd.DataFrame({"kind": units["kind"], "code": units["unit_code"], "name": label})
    kinds = {str(kind): rows for kind, rows in frame.dropna(subset="kind").groupby("kind")}
    pairs = pd.DataFrame({"named": named, "street": streets})
    told = {}
    for pair in pairs.drop_duplicates().itertuples(index=False, name=None):
        rows = kinds.get(pair[0]) if isinstance(pair[0], str) else None
        if rows is not None and len(rows) > 1 and isinstance(pair[1], str):
            rows = rows[rows["code"].str.startswith(pair[1])]
        one = rows is not None and len(rows) == 1
        told[_plain(pair)] = rows["name"].iloc[0] if one and rows is not None else pair[0]
    keys = pairs.itertuples(index=False, name=None)
    return pd.Series([told[_plain(key)] for key in keys], index=named.index, dtype="str")


def _plain(pair: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a pair in which missing values are equal to each other."""
    return tuple(None if pd.isna(value) else value for value in pair)


def _reasons(why: Units, ground: Units, known: Responsibility, lang: Lang) -> Units:
    told = {}
    for key, name in set(zip(why, ground, strict=True)):
        unclear = message(key).text(lang) if key else ""
        if not name:
            told[key, name] = unclear + message("staffing.own_none").text(lang)
            continue
        zh, en = known.grounds[name]
        words = zh if lang == "zh" else en
        told[key, name] = unclear + message("staffing.own_by", ground=words).text(lang)
    pairs = zip(why, ground, strict=True)
    return pd.Series([told[pair] for pair in pairs], index=why.index, dtype="str")
