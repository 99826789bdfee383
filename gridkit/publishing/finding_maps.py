"""The certificate as a map: each rule with its verdict, each finding drawn in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from ..crs import same_crs
from ..errors import GeometryError, OptionError, SchemaError
from ..messages import message, require_lang, say
from ..tables import FINDINGS, first_few
from .content import texts
from .marks import Item, Style, add_marks, add_plain, begin, finish

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from ..errors import Lang
    from ..intake.district import District
    from .offline import GridMap

__all__ = ["findings_map"]

DRAWN = ("error", "warning", "info")
_COUNTED = {"cells": "publishing.findings_n", "rows": "publishing.findings_n_rows"}
_HINTS = {"cells": "publishing.findings_click", "rows": "publishing.findings_click_rows"}
MOST_CODES = 60  # named in the list; the table of findings has them all


def findings_map(
    cells: gpd.GeoDataFrame,
    findings: gpd.GeoDataFrame,
    *,
    district: District | None = None,
    lang: str = "zh",
    title: str | None = None,
    counted: str = "cells",
    m: GridMap | None = None,
) -> GridMap:
    """Return a map of what a check found: every rule beside it, every finding in its place.

    Errors, warnings and remarks differ in colour, hatch and letter, so that a grey print still
    tells them apart; the number on a badge is the rule's number in the list. A rule in the
    list, opened by mouse or keyboard, zooms to its places and shows codes and remedy.

    Parameters
    ----------
    cells : GeoDataFrame
        The cells checked, in a CRS in metres; they may have every fault that a check can find.
    findings : GeoDataFrame
        Of :func:`check_cells`, one row a finding; `geometry` in the CRS of the cells.
    district : District, optional
        Gives the base map.
    lang : {"zh", "en"}
        Of the page; the sentences in `findings` are shown as they are.
    title : str, optional
    counted : {"cells", "rows"}
        What the numbers behind the rules count.
    m : GridMap, optional
        A map to lay this over; its language and title are kept. It may hold no list yet.

    Returns
    -------
    GridMap
        Saved by :func:`save_map`.

    Raises
    ------
    SchemaError
        A column is missing, or a severity is unknown.
    CRSError, GeometryError
        Cells in degrees or without any area, findings in another CRS.
    OptionError
        Unknown `lang` or `counted`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> import gridkit as gk
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["370602001001001", "370602001001002"]},
    ...     geometry=[box(500_000, 0, 500_100, 100), box(500_095, 0, 500_200, 100)],
    ...     crs=4549,
    ... )
    >>> m = gk.findings_map(cells, gk.check_cells(cells, lang="en"), lang="en")
    >>> m.title
    'Check of the grid'
    """
    spoken = require_lang(lang) if m is None else m.lang
    if counted not in _COUNTED:
        choices = ", ".join(_COUNTED)
        text = message("options.unknown", name="counted", value=counted, choices=choices)
        raise OptionError(*text)
    _require(cells, findings)
    if title is None:
        name = "" if district is None else district.name
        title = say("publishing.findings_title", spoken, name=name).strip()
    m, canvas = begin(cells, district, lang, title, m)
    rules, codes = texts(findings["rule"]), _codes(findings)
    label = say("publishing.findings_of_cell", spoken)
    figures = {label: _rules_of(texts(cells["cell_code"]), rules, codes, findings)}
    add_plain(canvas, say("publishing.word_outlines", spoken), figures)
    items = _items(findings, rules, codes, spoken, _COUNTED[counted])
    heading = say("publishing.findings_list", spoken)
    add_marks(canvas, _styles(spoken), items, _places(findings), heading=heading)
    hint = say(_HINTS[counted], spoken)
    finish(m, canvas, head=_counts(findings, spoken), hint=hint)
    return m


def _require(cells: gpd.GeoDataFrame, findings: gpd.GeoDataFrame) -> None:
    FINDINGS.check(findings, source="findings")
    known = findings["severity"].isin([*DRAWN, "ok", "not_checked"])
    if not known.all():
        raise SchemaError(
            *message(
                "publishing.findings_severity",
                values=", ".join(sorted(set(findings.loc[~known, "severity"]))),
                rows=first_few(np.flatnonzero(~known)),
            )
        )
    if (~shapely.is_missing(_places(findings))).any():
        same_crs(findings, cells, what="findings")


def _places(findings: gpd.GeoDataFrame) -> NDArray[Any]:
    """Return what is to be drawn; a row that is kept or not checked has no place."""
    if getattr(findings, "_geometry_column_name", None) not in findings.columns:
        raise GeometryError(*message("publishing.findings_plain"))
    drawn = findings["severity"].isin(DRAWN).to_numpy()
    places = np.full(len(findings), None, dtype=object)
    places[drawn] = findings.geometry.to_numpy()[drawn]
    return places


def _codes(findings: gpd.GeoDataFrame) -> list[list[str]]:
    joined = texts(findings.get("codes", pd.Series("", index=findings.index)))
    return [codes.split(", ") if codes else [] for codes in joined]


def _rules_of(
    cells: list[str], rules: list[str], codes: list[list[str]], findings: gpd.GeoDataFrame
) -> list[str]:
    """Return for each cell the rules that name it."""
    found: dict[str, list[str]] = {}
    for rule, severity, named in zip(rules, findings["severity"], codes, strict=True):
        if severity in DRAWN:
            for code in named:
                found.setdefault(code, []).append(rule)
    return [", ".join(found.get(code, [])) for code in cells]


def _styles(lang: Lang) -> list[Style]:
    """Return the styles in the order of `DRAWN`."""
    words = _verdicts(lang)
    signs = (
        say("publishing.sign_error", lang),
        say("publishing.sign_warning", lang),
        say("publishing.sign_info", lang),
    )
    looks = (("#a3172f", "cross"), ("#b45309", "slash"), ("#1d5fa6", "dots"))
    return [
        Style(words[severity], sign, colour, hatch)
        for severity, sign, (colour, hatch) in zip(DRAWN, signs, looks, strict=True)
    ]


def _verdicts(lang: Lang) -> dict[str, str]:
    return {
        "error": say("publishing.severity_error", lang),
        "warning": say("publishing.severity_warning", lang),
        "info": say("publishing.severity_info", lang),
        "ok": say("publishing.severity_ok", lang),
        "not_checked": say("publishing.severity_not_checked", lang),
    }


def _items(
    findings: gpd.GeoDataFrame, rules: list[str], codes: list[list[str]], lang: Lang, counted: str
) -> list[Item]:
    """Return one item a row, numbered as the certificate reads."""
    words = _verdicts(lang)
    blank = pd.Series("", index=findings.index)
    columns = (texts(findings.get(c, blank)) for c in ("principle", "detail", "remedy"))
    rows = pd.to_numeric(findings.get("rows", pd.Series(0, index=findings.index))).fillna(0)
    items = []
    signs = {severity: style.sign for severity, style in zip(DRAWN, _styles(lang), strict=True)}
    table = zip(rules, findings["severity"], rows, codes, *columns, strict=True)
    for k, (rule, severity, n, named, principle, detail, remedy) in enumerate(table):
        verdict = words[severity]
        if severity in DRAWN and n:
            verdict = say(counted, lang, verdict=verdict, n=f"{int(n):,}")
        pairs = [
            (say("publishing.findings_principle", lang), principle),
            (say("publishing.findings_detail", lang), detail),
            (say("publishing.findings_remedy", lang), remedy),
            (say("publishing.findings_codes", lang), _few(named, lang)),
        ]
        kind = DRAWN.index(severity) if severity in DRAWN else -1
        badge = f"{signs.get(severity, '')}{k + 1}"
        items.append(Item(rule, verdict, kind, badge, rows=[p for p in pairs if p[1]]))
    return items


def _few(codes: list[str], lang: Lang) -> str:
    shown = ", ".join(codes[:MOST_CODES])
    if len(codes) <= MOST_CODES:
        return shown
    rest = say("publishing.findings_more_codes", lang, n=f"{len(codes) - MOST_CODES:,}")
    return f"{shown} {rest}"


def _counts(findings: gpd.GeoDataFrame, lang: Lang) -> list[str]:
    """Return how many rows have each verdict, the gravest first; none of a kind is not said."""
    n = findings["severity"].value_counts()
    return [f"{word} {n[key]:,}" for key, word in _verdicts(lang).items() if key in n.index]
