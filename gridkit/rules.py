"""What a city may replace: levels, roles, categories and time limits, as data.

The values come from files in ``gridkit/standards``, each with a name and a source in its head;
a city passes its own file to the same reader. Code holds no lists.
"""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from .errors import Lang, SchemaError, raise_all
from .files import read_standard, read_toml, split_head
from .messages import Message, message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "LEAST_WEIGHT",
    "Barrier",
    "Category",
    "Level",
    "LimitRule",
    "Responsibility",
    "Role",
    "categories_of",
    "load_barriers",
    "load_categories",
    "load_levels",
    "load_responsibility",
    "load_roles",
    "load_stage_limits",
]

_LEAST = {"max_areas": 1, "digits": 0, "weight": 0, "width_m": 0, "max_distance_m": 1}

LEAST_WEIGHT = 20.0
"""Lines of lighter classes divide no land unless asked to: paths, fences, service roads."""

CaseKind = Literal["component", "event"]
Own = Literal["", "community", "street", "unit"]


@dataclass(frozen=True)
class Level:
    """A level of the district's hierarchy, such as street, community or cell.

    Attributes
    ----------
    code, zh, en : str
    digits : int
        Length of a full code on this level; 0 where the level has no code of its own yet.
    """

    code: str
    zh: str
    en: str
    digits: int


@dataclass(frozen=True)
class Role:
    """A role that each area needs one person for.

    Attributes
    ----------
    code, zh, en : str
    max_areas : int
        How many areas one person may hold when the roster does not say.
    duty, standard, incentive : str
        Default wording of the post.
    aliases : tuple of str
        Other spellings accepted in rosters.
    slots : tuple of str
        Slots in each of which an area needs one person; empty: one post, whatever the hours.
    own : {"", "community", "street", "unit"}
        People of the area's own community, street or responsible unit come first.
    max_distance_m : float, optional
        No post farther than this from the person's base, in metres.
    qualification : str
        What a person must have to take a post; empty: nothing.
    beats : bool
        People are fewer than areas, and each holds areas that hang together.
    supervisor : str
        Code of the role above in the chain; empty: none.
    level : str
        Code of the level that the role is posted on; empty: any.

    Examples
    --------
    >>> from gridkit import load_roles
    >>> cleaner = load_roles()["cleaner"]
    >>> cleaner.zh, cleaner.max_areas
    ('保洁员', 3)
    """

    code: str
    zh: str
    en: str
    max_areas: int
    duty: str
    standard: str
    incentive: str
    aliases: tuple[str, ...]
    slots: tuple[str, ...] = ()
    own: Own = ""
    max_distance_m: float | None = None
    qualification: str = ""
    beats: bool = False
    supervisor: str = ""
    level: str = ""


@dataclass(frozen=True)
class Responsibility:
    """Who is responsible where ownership is unclear, and which department a category names.

    Attributes
    ----------
    grounds : dict of code → (zh, en)
        The grounds in the order in which they are asked: ``territory``, the columns ``supervises``,
        ``licenses``, ``benefits`` and whatever else a city adds, ``fallback``.
    lines : dict of category's beginning → {ground or ``line``: unit}
        Units by name or by kind.

    Examples
    --------
    >>> from gridkit import Responsibility
    >>> grounds = {"territory": ("属地", "territory"), "fallback": ("兜底", "fallback")}
    >>> Responsibility(grounds, {"E01": {"line": "环卫所"}}).named("E0110", "line")
    '环卫所'
    """

    grounds: dict[str, tuple[str, str]]
    lines: dict[str, dict[str, str]]

    def named(self, category: str, ground: str) -> str:
        """Return the unit that a category names for a ground; the longest beginning counts."""
        fitting = [
            code
            for code, units in self.lines.items()
            if category.startswith(code) and ground in units
        ]
        return self.lines[max(fitting, key=len)][ground] if fitting else ""


@dataclass(frozen=True)
class Barrier:
    """A class of lines that divide land, such as primary roads or railways.

    Attributes
    ----------
    code, zh, en : str
    weight : int
        How strongly such a line divides, 0–100; 0 never divides.
    width_m : float
        Usual width of the surface along one line, in metres.
    express : bool
        Motorways and slip roads: land that lies mostly between such belongs to the road.
    values : tuple of str
        What a line's ``road_class`` may say to be of this class.

    Examples
    --------
    >>> from gridkit import load_barriers
    >>> railway = load_barriers()["railway"]
    >>> railway.zh, railway.weight
    ('铁路', 85)
    """

    code: str
    zh: str
    en: str
    weight: int
    width_m: float
    express: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class LimitRule:
    """What holds for a category under one filing condition.

    Attributes
    ----------
    condition : str
        When the rule holds, as written (立案条件); empty: always.
    limit : str
        Disposal limit as written.
    closing : str
        When the case may be closed (结案条件).
    disposal_unit, supervising_unit : str
        Who disposes of it, and who answers for that.

    Examples
    --------
    >>> from gridkit import LimitRule
    >>> LimitRule("在建", "2工作日").limit
    '2工作日'
    """

    condition: str = ""
    limit: str = ""
    closing: str = ""
    disposal_unit: str = ""
    supervising_unit: str = ""


@dataclass(frozen=True)
class Category:
    """A kind of problem and the time it may take.

    Attributes
    ----------
    code : str
        Kind letter and four digits, ``E0110``: the digits alone name both a component and an event.
    kind : {"component", "event"}
    zh, en, class_zh, class_en : str
    limit : str
        Disposal limit as written, such as ``2紧急工作时``; of the first rule, where there are more.
    scheme, source : str
        Where code and limit come from.
    rules : tuple of LimitRule
        A rule for each filing condition, where the city has more to say than one limit.

    Examples
    --------
    >>> from gridkit import load_categories
    >>> cover = load_categories()["C0102"]
    >>> cover.name("en"), cover.limit
    ('Sewer manhole cover', '2紧急工作时')
    """

    code: str
    kind: CaseKind
    zh: str
    en: str
    class_zh: str
    class_en: str
    limit: str
    scheme: str
    source: str
    rules: tuple[LimitRule, ...] = ()

    def rule(self, condition: str | None = None) -> LimitRule:
        """Return the rule of a filing condition; the first one without, or where none fits."""
        known = self.rules or (LimitRule(limit=self.limit),)
        return next((r for r in known if r.condition == condition), known[0])

    def name(self, lang: Lang = "zh") -> str:
        """Return the category's name in one language."""
        return self.zh if lang == "zh" else self.en


def _toml(path: str | Path | None, default: str, key: str, fields: tuple[str, ...]) -> list[dict]:  # type: ignore[type-arg]
    data, name = read_toml(path, default)
    rows: list[dict[str, object]] = data.get(key, [])
    problems = [
        message("rules.missing_field", path=name, item=f"{key}[{i}]", field=field)
        for i, row in enumerate(rows)
        for field in fields
        if field not in row
    ]
    if not rows:
        problems.append(message("rules.no_items", path=name, item=key))
    raise_all(SchemaError, problems)
    raise_all(SchemaError, [*_repeated(rows, name), *_bad_numbers(rows, name, key)])
    return rows


def _repeated(rows: Sequence[Mapping[str, object]], name: str) -> list[Message]:
    first: dict[object, int] = {}
    return [
        message("rules.repeated_code", path=name, row=i, code=row["code"])
        for i, row in enumerate(rows, 1)
        if first.setdefault(row["code"], i) != i
    ]


def _bad_numbers(rows: Sequence[Mapping[str, object]], name: str, key: str) -> list[Message]:
    return [
        message(
            "rules.bad_number",
            path=name,
            item=f"{key}[{i}]",
            field=field,
            value=row[field],
            least=least,
        )
        for i, row in enumerate(rows)
        for field, least in _LEAST.items()
        if field in row and not _is_whole(row[field], least)
    ]


def _is_whole(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def load_levels(path: str | Path | None = None) -> tuple[Level, ...]:
    """Return the levels of the hierarchy, from the district down.

    Parameters
    ----------
    path : path, optional
        A city's own TOML file; the default is ``standards/levels.toml``.

    Raises
    ------
    FileError, SchemaError

    Examples
    --------
    >>> from gridkit.rules import load_levels
    >>> [level.code for level in load_levels()][:3]
    ['district', 'zone', 'street']
    """
    rows = _toml(path, "levels.toml", "level", ("code", "zh", "en", "digits"))
    return tuple(Level(r["code"], r["zh"], r["en"], r["digits"]) for r in rows)


def load_roles(path: str | Path | None = None) -> dict[str, Role]:
    """Return the roles by code: officer, cleaner, cadre, volunteer by default.

    Parameters
    ----------
    path : path, optional
        A city's own TOML file; the default is ``standards/roles.toml``.

    Raises
    ------
    FileError, SchemaError

    Examples
    --------
    >>> from gridkit.rules import load_roles
    >>> [role.zh for role in load_roles().values()]
    ['民警', '保洁员', '机关干部', '志愿者']
    """
    rows = _toml(path, "roles.toml", "role", ("code", "zh", "en", "max_areas"))
    raise_all(SchemaError, _bad_choices(rows, str(path or "roles.toml")))
    return {r["code"]: _role(r) for r in rows}


def _role(row: Mapping[str, Any]) -> Role:
    far = row.get("max_distance_m")
    return Role(
        row["code"],
        row["zh"],
        row["en"],
        row["max_areas"],
        row.get("duty", ""),
        row.get("standard", ""),
        row.get("incentive", ""),
        tuple(row.get("aliases", ())),
        slots=tuple(row.get("slots", ())),
        own=row.get("own", ""),
        max_distance_m=None if far is None else float(far),
        qualification=row.get("qualification", ""),
        beats=row.get("beats", False),
        supervisor=row.get("supervisor", ""),
        level=row.get("level", ""),
    )


def _bad_choices(rows: Sequence[Mapping[str, Any]], name: str) -> list[Message]:
    """Return what roles say that none of the choices is."""
    choices: dict[str, tuple[object, ...]] = {
        "own": get_args(Own),
        "beats": (False, True),
        "supervisor": ("", *(row["code"] for row in rows)),
    }
    return [
        message(
            "rules.bad_choice",
            path=name,
            item=f"role[{i}]",
            field=field,
            value=row[field],
            choices=", ".join(str(c).lower() for c in known if c != ""),
        )
        for i, row in enumerate(rows)
        for field, known in choices.items()
        if field in row and row[field] not in known
    ]


def load_responsibility(path: str | Path | None = None) -> Responsibility:
    """Return the grounds of responsibility and the departments of the categories.

    Parameters
    ----------
    path : path, optional
        A city's own TOML file; the default is ``standards/responsibility.toml``.

    Raises
    ------
    FileError, SchemaError

    Examples
    --------
    >>> from gridkit.rules import load_responsibility
    >>> rules = load_responsibility()
    >>> list(rules.grounds), rules.named("E0126", "line"), rules.named("E0110", "line")
    (['territory', 'supervises', 'licenses', 'benefits', 'fallback'], '水务部门', '环卫所')
    """
    grounds = _toml(path, "responsibility.toml", "ground", ("code", "zh", "en"))
    lines = _toml(path, "responsibility.toml", "line", ("code",))
    return Responsibility(
        {row["code"]: (row["zh"], row["en"]) for row in grounds},
        {row["code"]: {k: v for k, v in row.items() if k != "code"} for row in lines},
    )


def load_barriers(path: str | Path | None = None) -> dict[str, Barrier]:
    """Return the classes of lines that divide land, by code, as the file lists them.

    Parameters
    ----------
    path : path, optional
        A city's own TOML file; the default is ``standards/barriers.toml``.

    Raises
    ------
    FileError, SchemaError
        A field is missing, a number is no whole number from 0 on, a code or value is repeated.

    Examples
    --------
    >>> from gridkit import load_barriers
    >>> [b.code for b in load_barriers().values() if b.weight > 87]
    ['community', 'motorway', 'river']
    """
    rows = _toml(path, "barriers.toml", "barrier", ("code", "zh", "en", "weight", "values"))
    values = [{"code": value} for row in rows for value in row["values"]]
    raise_all(SchemaError, _repeated(values, str(path or "barriers.toml")))
    return {
        r["code"]: Barrier(
            r["code"],
            r["zh"],
            r["en"],
            r["weight"],
            r.get("width_m", 0),
            bool(r.get("express", False)),
            tuple(r["values"]),
        )
        for r in rows
    }


def load_stage_limits(path: str | Path | None = None) -> dict[str, str]:
    """Return the time limits of stages as written, by stage: the sample has ``close`` only.

    ``close`` runs from the time when disposal is due: verifying the fix and closing the case.

    Parameters
    ----------
    path : path, optional
        A city's own TOML file; the default is ``standards/stage_limits.toml``.

    Raises
    ------
    FileError, SchemaError

    Examples
    --------
    >>> from gridkit.rules import load_stage_limits
    >>> load_stage_limits()
    {'close': '24紧急工作时'}
    """
    rows = _toml(path, "stage_limits.toml", "stage", ("code", "limit"))
    return {r["code"]: r["limit"] for r in rows}


def load_categories(path: str | Path | None = None) -> dict[str, Category]:
    """Return the categories by code.

    The default table carries the numbering of GB/T 30428.2 as one city published it: partial,
    observed. Its limits are samples of values seen in city rules, not a standard.

    Parameters
    ----------
    path : path, optional
        A city's own CSV with the columns ``code, kind, zh, en, class_zh, class_en, limit`` and, as
        far as it likes, ``condition, closing, disposal_unit, supervising_unit``; a line for each
        condition of a category. `read_categories` reads workbooks and Chinese headers.

    Raises
    ------
    FileError, SchemaError
        Unreadable file, missing column, repeated code, or a kind that is neither component
        nor event; all bad lines at once.

    Examples
    --------
    >>> from gridkit.rules import load_categories
    >>> load_categories()["E0405"].zh
    '店外经营'
    """
    return dict(_default_categories() if path is None else _categories(path))


@functools.cache
def _default_categories() -> dict[str, Category]:
    return _categories(None)


def _categories(path: str | Path | None) -> dict[str, Category]:
    text, name = read_standard(path, "categories.csv")
    head, lines = split_head(text)
    reader = csv.DictReader(lines, restval="")
    fields = ("code", "kind", "zh", "en", "class_zh", "class_en", "limit")
    lost = [f for f in fields if f not in (reader.fieldnames or ())]
    raise_all(
        SchemaError,
        [message("rules.missing_field", path=name, item="header", field=f) for f in lost],
    )
    scheme, source = head.get("scheme", name), head.get("source", name)
    return categories_of(list(reader), name=name, scheme=scheme, source=source)


def categories_of(
    rows: Sequence[Mapping[str, str]], *, name: str, scheme: str, source: str
) -> dict[str, Category]:
    """Return categories made of rows, several of which may give the conditions of one.

    Parameters
    ----------
    rows : sequence of mapping
        With the columns of `load_categories`.
    name : str
        Of the file, for messages.
    scheme, source : str

    Raises
    ------
    SchemaError
        A code and condition twice, or a kind that is neither component nor event.
    """
    kinds = [
        message("rules.unknown_kind", path=name, row=i, kind=row["kind"])
        for i, row in enumerate(rows, 1)
        if row["kind"] not in get_args(CaseKind)
    ]
    keys = [{"code": f"{r['code']} {r.get('condition', '')}".strip()} for r in rows]
    raise_all(SchemaError, [*_repeated(keys, name), *kinds])
    grouped: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        grouped.setdefault(row["code"], []).append(row)
    return {code: _category(mine, scheme, source) for code, mine in grouped.items()}


def _category(rows: Sequence[Mapping[str, str]], scheme: str, source: str) -> Category:
    row = rows[0]
    kind: CaseKind = "component" if row["kind"] == "component" else "event"
    more = ("condition", "closing", "disposal_unit", "supervising_unit")
    told = len(rows) > 1 or any(row.get(column) for column in more)
    rules = [LimitRule(limit=r["limit"], **{c: r.get(c, "") for c in more}) for r in rows]
    return Category(
        rules=tuple(rules) if told else (),
        code=row["code"],
        kind=kind,
        zh=row["zh"],
        en=row["en"],
        class_zh=row["class_zh"],
        class_en=row["class_en"],
        limit=row["limit"],
        scheme=scheme,
        source=source,
    )
