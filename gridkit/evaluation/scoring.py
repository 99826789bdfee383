"""Composite scores (综合指标值): weighted items as data, exact arithmetic, grades and stars."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ..errors import OptionError, SchemaError, raise_all
from ..files import read_toml
from ..messages import message
from .definitions import did_you_mean, load_indicators
from .rates import half_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..messages import Message
    from .definitions import Definitions

__all__ = ["Item", "Profile", "Scoring", "load_scoring", "score", "score_parts"]

_KEYS = ["subject_kind", "subject", "period"]


@dataclass(frozen=True)
class Item:
    """One item of a score.

    Attributes
    ----------
    indicator : str
    weight : Fraction
    better : {"high", "low"}
        For shares.
    upto, since : tuple of (limit, points)
        For counts: points of the first step that the count does not exceed, or that it reaches.
    """

    indicator: str
    weight: Fraction
    better: str = "high"
    upto: tuple[tuple[Fraction, Fraction], ...] = ()
    since: tuple[tuple[Fraction, Fraction], ...] = ()

    def points(self, numerator: int, denominator: int | None) -> Fraction | None:
        """Return the points, 0 to 100; None where there is nothing to divide by."""
        if self.upto:
            return next((p for limit, p in self.upto if numerator <= limit), Fraction(0))
        if self.since:
            return next((p for limit, p in self.since if numerator >= limit), Fraction(0))
        if not denominator:
            return None
        share = Fraction(numerator, denominator)
        return 100 * (share if self.better == "high" else 1 - share)


@dataclass(frozen=True)
class Profile:
    """A score: its items, whose weights add up to 1.

    Attributes
    ----------
    code, zh, en : str
    items : tuple of Item
    """

    code: str
    zh: str
    en: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Scoring:
    """Profiles, grades and stars of one file.

    Attributes
    ----------
    profiles : dict of code → Profile
    grades : tuple of dict
        ``code``, ``from`` (Fraction), ``zh``, ``en``, ``color``, the best first.
    stars : tuple of (Fraction, int)
        From which score on, how many; the most first.

    Examples
    --------
    >>> import gridkit as gk
    >>> scoring = gk.load_scoring()
    >>> [scoring.grade(x) for x in (100, 90, 75, 60, 40, 0)]
    ['A', 'A', 'B', 'C', 'D', 'E']
    """

    profiles: dict[str, Profile]
    grades: tuple[dict[str, Any], ...]
    stars: tuple[tuple[Fraction, int], ...]

    def grade(self, value: Fraction | int) -> str:
        """Return the letter of a score."""
        return next(str(g["code"]) for g in self.grades if value >= g["from"])

    def star(self, value: Fraction | int) -> int:
        """Return how many stars a score has."""
        return next((n for start, n in self.stars if value >= start), 0)


def load_scoring(
    path: str | Path | None = None, *, definitions: Definitions | None = None
) -> Scoring:
    """Return the scores of a file.

    Parameters
    ----------
    path : path, optional
        A city's own TOML file; the default is ``standards/scores.toml``, whose profiles are
        samples and not "the standard". Numbers stand as text there, so that they are exact.
    definitions : Definitions, optional
        Where the indicators are defined; `load_indicators` by default.

    Raises
    ------
    FileError
        No such file, or no TOML.
    SchemaError
        Weights that do not add up to 1, unknown indicators, a rate of which neither way is
        better, a count without steps, steps out of order, no grade from 0 on; all at once.

    Examples
    --------
    >>> import gridkit as gk
    >>> [(i.indicator, float(i.weight)) for i in gk.load_scoring().profiles["department"].items]
    [('filed', 0.1), ('closing_rate', 0.3), ('on_time_disposal_rate', 0.3), ('rework_rate', 0.3)]
    """
    data, name = read_toml(path, "scores.toml")
    known = load_indicators() if definitions is None else definitions
    raise_all(SchemaError, [*_lacking(data, name)])
    profiles: dict[str, Profile] = {}
    problems: list[Message] = []
    for row in data["profile"]:
        items, found = _items(row, known, name)
        problems += found
        profiles[row["code"]] = Profile(row["code"], row["zh"], row["en"], items)
    grades = tuple({**g, "from": Fraction(str(g["from"]))} for g in data["grade"])
    stars = tuple((Fraction(str(s["from"])), int(s["stars"])) for s in data.get("star", ()))
    starts = [g["from"] for g in grades]
    if starts != sorted(starts, reverse=True) or starts[-1] > 0:
        problems.append(message("evaluation.bad_grades", path=name))
    raise_all(SchemaError, problems)
    return Scoring(profiles, grades, stars)


def _lacking(data: Mapping[str, Any], name: str) -> Iterator[Message]:
    needed = {"profile": ("code", "zh", "en", "items"), "grade": ("code", "from", "zh", "en")}
    for table, fields in needed.items():
        if not data.get(table):
            yield message("rules.no_items", path=name, item=table)
        for i, row in enumerate(data.get(table, [])):
            where = {"path": name, "item": f"{table}[{i}]"}
            lost = [f for f in fields if f not in row]
            yield from (message("rules.missing_field", field=f, **where) for f in lost)
            for j, item in enumerate(row.get("items", ())):
                where = {"path": name, "item": f"{table}[{i}].items[{j}]"}
                lost = [f for f in ("indicator", "weight") if f not in item]
                yield from (message("rules.missing_field", field=f, **where) for f in lost)


def _items(
    row: Mapping[str, Any], known: Definitions, name: str
) -> tuple[tuple[Item, ...], list[Message]]:
    items, problems = [], []
    names = {i.name: i for i in known.indicators}
    for told in row["items"]:
        where = {"path": name, "profile": row["code"], "indicator": told["indicator"]}
        indicator = names.get(told["indicator"])
        if indicator is None:
            problems.append(did_you_mean("indicator", told["indicator"], names))
            continue
        upto, since = (_steps(told.get(key, ())) for key in ("upto", "from"))
        if indicator.denominator and not indicator.better:
            problems.append(message("evaluation.no_direction", **where))
        if not indicator.denominator and not (upto or since):
            problems.append(message("evaluation.no_steps", **where))
        for steps, rises in ((upto, True), (since, False)):
            for (a, p), (b, q) in itertools.pairwise(steps):
                if (a < b) != rises or p <= q:
                    problems.append(message("evaluation.bad_steps", **where))
        weight = Fraction(str(told["weight"]))
        items.append(Item(indicator.name, weight, indicator.better or "high", upto, since))
    total = sum(Fraction(str(told["weight"])) for told in row["items"])
    if total != 1:
        what = {"path": name, "profile": row["code"], "total": f"{float(total):g}"}
        problems.append(message("evaluation.weights", **what))
    return tuple(items), problems


def _steps(rows: Any) -> tuple[tuple[Fraction, Fraction], ...]:
    return tuple((Fraction(str(limit)), Fraction(str(points))) for limit, points in rows)


def score(
    scores: pd.DataFrame,
    profile: str = "department",
    *,
    scoring: Scoring | None = None,
    missing: Literal["blank", "share_out"] = "blank",
) -> pd.DataFrame:
    """Return the composite score of each subject and period, with grade and stars.

    Parameters
    ----------
    scores : DataFrame
        From `indicators`.
    profile : str
        Code of a profile.
    scoring : Scoring, optional
        `load_scoring` by default.
    missing : {"blank", "share_out"}
        An item without data leaves the score empty, or its weight is shared out to the others.

    Returns
    -------
    DataFrame
        Table ``scores``: ``indicator`` is ``<profile>_score``, ``value`` 0-100, ``grade`` A-E;
        besides ``stars``, ``printed`` (two decimals, rounded half-up from the exact value) and
        ``missing``, the items without data.

    Raises
    ------
    OptionError
        An unknown profile; no indicator of it in the table.

    Notes
    -----
    Worked example: 40 cases filed (100 points), 90 of 100 closed, 80 of 100 disposed on time, 5 of
    100 reworked: 0.1 · 100 + 0.3 · 90 + 0.3 · 80 + 0.3 · 95 = 89.5, grade B.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> scores = pd.DataFrame(
    ...     {
    ...         "subject_kind": "responsible_unit",
    ...         "subject": "环卫所",
    ...         "period": "2025-05",
    ...         "indicator": ["filed", "closing_rate", "on_time_disposal_rate", "rework_rate"],
    ...         "numerator": [40, 90, 80, 5],
    ...         "denominator": pd.array([None, 100, 100, 100], dtype="Int64"),
    ...     }
    ... )
    >>> gk.score(scores)[["value", "grade", "stars", "printed"]].to_numpy().tolist()
    [[89.5, 'B', 3, '89.50']]
    """
    known = load_scoring() if scoring is None else scoring
    parts = score_parts(scores, profile, scoring=known)
    rows = []
    for key, own in parts.groupby(_KEYS, sort=False):
        there = own[own["points"].notna()]
        lost = ", ".join(own.loc[own["points"].isna(), "indicator"])
        weight = sum(there["weight"], Fraction(0))
        if (lost and missing == "blank") or not weight:
            rows.append((*key, None, None, None, None, lost))
            continue
        worth = (w * p for w, p in zip(there["weight"], there["points"], strict=True))
        value = sum(worth, Fraction(0)) / weight
        graded = (float(value), known.grade(value), known.star(value), _text(value))
        rows.append((*key, *graded, lost))
    columns = [*_KEYS, "value", "grade", "stars", "printed", "missing"]
    table = pd.DataFrame(rows, columns=columns).assign(indicator=f"{profile}_score")
    return table.astype(
        {"value": "float64", "stars": "Int64", "grade": "str", "printed": "str", "missing": "str"}
    )[[*_KEYS, "indicator", *columns[3:]]]


def _text(value: Fraction) -> str:
    return f"{half_up(value.numerator, 100 * value.denominator)}"


def score_parts(
    scores: pd.DataFrame, profile: str = "department", *, scoring: Scoring | None = None
) -> pd.DataFrame:
    """Return what each item adds to the score of each subject and period.

    Parameters
    ----------
    scores, profile, scoring
        As in `score`.

    Returns
    -------
    DataFrame
        ``subject_kind``, ``subject``, ``period``, ``indicator``, ``numerator``, ``denominator``,
        ``weight``, ``points`` (0-100; empty: no data). Weights and points are fractions.

    Raises
    ------
    OptionError
        As in `score`.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> scores = pd.DataFrame(
    ...     {
    ...         "subject_kind": "all", "subject": "all", "period": "2025-05",
    ...         "indicator": ["filed"], "numerator": [60], "denominator": [None],
    ...     }
    ... )
    >>> parts = gk.score_parts(scores)
    >>> parts[["indicator", "points"]].astype("str").to_numpy().tolist()[:2]
    [['filed', '90'], ['closing_rate', nan]]
    """
    known = load_scoring() if scoring is None else scoring
    if profile not in known.profiles:
        raise OptionError(*did_you_mean("profile", profile, known.profiles))
    items = known.profiles[profile].items
    wanted = [i.indicator for i in items]
    own = scores[scores["indicator"].isin(wanted)]
    if own.empty:
        found = ", ".join(scores["indicator"].drop_duplicates())
        raise OptionError(*message("evaluation.nothing_to_score", profile=profile, found=found))
    subjects = own[_KEYS].drop_duplicates()
    every = subjects.merge(pd.DataFrame({"indicator": wanted}), how="cross")
    table = every.merge(
        own[[*_KEYS, "indicator", "numerator", "denominator"]], on=[*_KEYS, "indicator"], how="left"
    )
    by_name = {i.indicator: i for i in items}
    points = [
        None if pd.isna(a) else by_name[name].points(int(a), None if pd.isna(b) else int(b))
        for name, a, b in zip(
            table["indicator"], table["numerator"], table["denominator"], strict=True
        )
    ]
    exact = np.empty((2, len(table)), object)
    exact[0], exact[1] = [by_name[name].weight for name in table["indicator"]], points
    return table.assign(weight=exact[0], points=exact[1])
