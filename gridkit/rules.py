"""What a city may replace: levels, roles, categories and time limits, as data.

The values come from files in ``gridkit/standards``, each with a name and a source in its head;
a city passes its own file to the same reader. Code holds no lists.
"""

from __future__ import annotations

import csv
import functools
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from .errors import FileError, Lang, SchemaError, raise_all
from .messages import Message, message

__all__ = [
    "Category",
    "Level",
    "Role",
    "load_categories",
    "load_levels",
    "load_roles",
    "load_stage_limits",
]

CaseKind = Literal["component", "event"]


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
        Disposal limit as written, such as ``2紧急工作时``.
    scheme, source : str
        Where code and limit come from.

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

    def name(self, lang: Lang = "zh") -> str:
        """Return the category's name in one language."""
        return self.zh if lang == "zh" else self.en


def _read(path: str | Path | None, default: str) -> tuple[str, str]:
    """Return text and display name of a standards file or of a city's own."""
    if path is None:
        return resources.files("gridkit").joinpath("standards", default).read_text("utf-8"), default
    try:
        return Path(path).read_text("utf-8-sig"), str(path)
    except OSError as error:
        raise FileError(*message("files.missing", path=path)) from error
    except UnicodeDecodeError as error:
        raise FileError(*message("rules.not_utf8", path=path)) from error


def _toml(path: str | Path | None, default: str, key: str, fields: tuple[str, ...]) -> list[dict]:  # type: ignore[type-arg]
    text, name = _read(path, default)
    try:
        rows: list[dict[str, object]] = tomllib.loads(text).get(key, [])
    except tomllib.TOMLDecodeError as error:
        raise FileError(*message("rules.not_toml", path=name, why=error)) from error
    problems = [
        message("rules.missing_field", path=name, item=f"{key}[{i}]", field=field)
        for i, row in enumerate(rows)
        for field in fields
        if field not in row
    ]
    if not rows:
        problems.append(message("rules.no_items", path=name, item=key))
    raise_all(SchemaError, problems)
    return rows


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
    return tuple(Level(r["code"], r["zh"], r["en"], int(r["digits"])) for r in rows)


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
    return {
        r["code"]: Role(
            r["code"],
            r["zh"],
            r["en"],
            int(r["max_areas"]),
            r.get("duty", ""),
            r.get("standard", ""),
            r.get("incentive", ""),
            tuple(r.get("aliases", ())),
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


@functools.cache
def load_categories(path: str | Path | None = None) -> dict[str, Category]:
    """Return the categories by code.

    The default table carries the numbering of GB/T 30428.2 as one city published it: partial,
    observed. Its limits are samples of values seen in city rules, not a standard.

    Parameters
    ----------
    path : path, optional
        A city's own CSV with the columns ``code, kind, zh, en, class_zh, class_en, limit``.

    Raises
    ------
    FileError, SchemaError
        Unreadable file, missing column, repeated code, or a kind that is neither component
        nor event.

    Examples
    --------
    >>> from gridkit.rules import load_categories
    >>> load_categories()["E0405"].zh
    '店外经营'
    """
    text, name = _read(path, "categories.csv")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    head = {
        key.strip(): value.strip()
        for line in text.splitlines()
        if line.startswith("# ") and ":" in line
        for key, value in [line[2:].split(":", 1)]
    }
    reader = csv.DictReader(lines)
    fields = ("code", "kind", "zh", "en", "class_zh", "class_en", "limit")
    lost = [f for f in fields if f not in (reader.fieldnames or ())]
    raise_all(
        SchemaError,
        [message("rules.missing_field", path=name, item="header", field=f) for f in lost],
    )
    rows = list(reader)
    raise_all(SchemaError, _category_problems(rows, name))
    scheme, source = head.get("scheme", name), head.get("source", name)
    return {r["code"]: _category(r, scheme, source) for r in rows}


def _category(row: dict[str, str], scheme: str, source: str) -> Category:
    kind: CaseKind = "component" if row["kind"] == "component" else "event"
    return Category(
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


def _category_problems(rows: list[dict[str, str]], name: str) -> list[Message]:
    problems = []
    seen: set[str] = set()
    for i, row in enumerate(rows, 1):
        if row["code"] in seen:
            problems.append(message("rules.repeated_code", path=name, row=i, code=row["code"]))
        if row["kind"] not in ("component", "event"):
            problems.append(message("rules.unknown_kind", path=name, row=i, kind=row["kind"]))
        seen.add(row["code"])
    return problems
