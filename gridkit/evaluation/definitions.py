"""What is counted and which ratios are printed: definitions as data."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from ..errors import OptionError, SchemaError, raise_all
from ..files import read_toml
from ..messages import message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ..errors import Lang
    from ..messages import Message

__all__ = ["Count", "Definitions", "Indicator", "did_you_mean", "load_indicators"]


@dataclass(frozen=True)
class Count:
    """Which cases an indicator counts.

    Attributes
    ----------
    name : str
    when : str
        Column whose time must lie in the period, and not after the time of counting.
    done : str
        Column whose time must be filled and not after the time of counting; empty: any.
    on_time : bool
        `done` must not be after `when`.
    flag : str
        Column that must be true or above zero; empty: any.
    leaves_out : tuple of str
        Flags whose cases do not count.
    stock : bool
        Counts what stands open at the time of counting, whenever it fell due: `done` and the
        closing must still be to come.
    """

    name: str
    when: str
    done: str = ""
    on_time: bool = False
    flag: str = ""
    leaves_out: tuple[str, ...] = ("voided",)
    stock: bool = False


@dataclass(frozen=True)
class Indicator:
    """A number that a bulletin prints: a count, or the ratio of two.

    Attributes
    ----------
    name, zh, en : str
    numerator : str
        Name of a count.
    denominator : str
        Name of a count; empty where the indicator is the count itself.
    better : {"high", "low", ""}
        Which way is better; empty where neither is.
    basic : bool
        Every bulletin prints it; the others where their columns are there.
    """

    name: str
    zh: str
    en: str
    numerator: str
    denominator: str = ""
    better: Literal["high", "low", ""] = ""
    basic: bool = True

    def label(self, lang: Lang = "zh") -> str:
        """Return the indicator's name in one language."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class Definitions:
    """Counts and indicators of one file.

    Attributes
    ----------
    counts : tuple of Count
    indicators : tuple of Indicator

    Examples
    --------
    >>> import gridkit as gk
    >>> gk.load_indicators()["rework_rate"].denominator
    'should_close'
    """

    counts: tuple[Count, ...]
    indicators: tuple[Indicator, ...]

    def __getitem__(self, name: str) -> Indicator:
        """Return the indicator called `name`.

        Raises
        ------
        OptionError
            There is none; the nearest name is offered.
        """
        for indicator in self.indicators:
            if indicator.name == name:
                return indicator
        raise OptionError(
            *did_you_mean("indicator", name, [indicator.name for indicator in self.indicators])
        )


def did_you_mean(what: str, value: str, known: Iterable[str]) -> Message:
    """Return the message for an unknown name, with the nearest known one."""
    import difflib

    choices = list(known)
    near = difflib.get_close_matches(value, choices, 1, 0.5)
    listed = ", ".join(choices)
    if near:
        return message(
            "evaluation.did_you_mean", name=what, value=value, near=near[0], choices=listed
        )
    return message("options.unknown", name=what, value=value, choices=listed)


def load_indicators(path: str | Path | None = None) -> Definitions:
    """Return the counts and indicators of a file.

    Parameters
    ----------
    path : path, optional
        A city's own TOML file; the default is ``standards/indicators.toml``.

    Raises
    ------
    FileError
        No such file, or no TOML.
    SchemaError
        Fields missing or unknown, names twice, a ratio of counts that are not there; all at once.

    Examples
    --------
    >>> import gridkit as gk
    >>> [i.zh for i in gk.load_indicators().indicators if i.better == "low"][:3]
    ['超期未处置数', '返工数', '作废数']
    """
    return _standard() if path is None else _read(path)


@functools.cache
def _standard() -> Definitions:
    return _read(None)


def _read(path: str | Path | None) -> Definitions:
    data, name = read_toml(path, "indicators.toml")
    raise_all(
        SchemaError,
        [*_misshapen(data, "count", Count, name), *_misshapen(data, "indicator", Indicator, name)],
    )
    counts = tuple(
        Count(**{**row, "leaves_out": tuple(row.get("leaves_out", ("voided",)))})
        for row in data["count"]
    )
    found = Definitions(counts, tuple(Indicator(**row) for row in data["indicator"]))
    raise_all(SchemaError, _misfits(found, name))
    return found


def _misshapen(data: Mapping[str, Any], table: str, kind: type, name: str) -> list[Message]:
    rows = data.get(table, [])
    if not rows:
        return [message("rules.no_items", path=name, item=table)]
    known = {f.name for f in fields(kind)}
    needed = ("name", "when") if table == "count" else ("name", "zh", "en", "numerator")
    found = []
    for i, row in enumerate(rows):
        where = {"path": name, "item": f"{table}[{i}]"}
        found += [message("rules.missing_field", field=f, **where) for f in needed if f not in row]
        strange = ", ".join(sorted(set(row) - known))
        if strange:
            choices = ", ".join(sorted(known))
            found.append(
                message("rules.bad_choice", field=strange, value="", choices=choices, **where)
            )
    return found


def _misfits(found: Definitions, name: str) -> list[Message]:
    counts = [c.name for c in found.counts]
    names = [i.name for i in found.indicators]
    problems = [
        message("rules.repeated_code", path=name, row=0, code=twice)
        for listed in (counts, names)
        for twice in dict.fromkeys(n for n in listed if listed.count(n) > 1)
    ]
    for indicator in found.indicators:
        for field, value in (
            ("numerator", indicator.numerator),
            ("denominator", indicator.denominator),
        ):
            if value and value not in counts:
                where = {"path": name, "item": indicator.name, "field": field, "value": value}
                problems.append(message("rules.bad_choice", choices=", ".join(counts), **where))
        if indicator.better not in ("high", "low", ""):
            where = {"path": name, "item": indicator.name, "field": "better"}
            problems.append(
                message("rules.bad_choice", value=indicator.better, choices="high, low", **where)
            )
    return problems
