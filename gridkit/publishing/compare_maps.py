"""Two editions of the cells in one page: a slider between them, and who became whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from ..crs import area_m2, same_crs
from ..errors import SchemaError
from ..messages import message, require_lang, say
from ..tables import CELLS
from .changes import KINDS, Changes, compare_cells
from .content import Canvas, short, texts
from .marks import Item, Style, add_marks, add_plain, begin, drawable, finish, sound

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from ..errors import Lang
    from ..intake.district import District
    from .offline import GridMap

__all__ = ["compare_map"]

LOOKS = {  # kind → colour, hatch
    "split": ("#6b3fa0", "slash"),
    "merged": ("#0f6e6e", "cross"),
    "moved": ("#b45309", "dots"),
    "new": ("#2f6b1f", "bars"),
    "gone": ("#a3172f", "backslash"),
    "recoded": ("#4a5568", "none"),
}


def compare_map(
    before: gpd.GeoDataFrame,
    after: gpd.GeoDataFrame,
    *,
    lineage: pd.DataFrame | None = None,
    district: District | None = None,
    lang: str = "zh",
    title: str | None = None,
    m: GridMap | None = None,
) -> GridMap:
    """Return a map of two editions of the cells, with everything that changed marked and listed.

    A slider (arrow keys move it, two buttons go to its ends) shows one edition beside the
    other. Cells that changed are hatched by kind; unchanged ones are pale. Cells are matched
    by code and shape: the same land in another order of vertices is unchanged.

    Parameters
    ----------
    before, after : GeoDataFrame
        Satisfy the cells schema, in one CRS in metres; each code once (of a table of all
        editions, take the cells valid at a day).
    lineage : DataFrame, optional
        ``code_from``, ``code_to``, and where there: ``at``, ``reason``, ``kind``,
        ``area_share``, ``load_share``. Says who became whom; without it the common land does.
    district : District, optional
        Gives the base map.
    lang : {"zh", "en"}
    title : str, optional
    m : GridMap, optional
        A map to lay this over; its language and title are kept. It may hold no list yet. There is
        then no slider: what changed lies over it, the borders before dashed.

    Returns
    -------
    GridMap
        Saved by :func:`save_map`.

    Raises
    ------
    SchemaError
        Cells that break the schema, a lineage without its two codes.
    CRSError, GeometryError
        Degrees, two CRS, no cells.
    OptionError
        `m` holds a list already.

    Notes
    -----
    Kinds are told from the shapes: a cell with several new ones inside it was split, one that
    took in several old ones was merged, one that one other follows has a moved border.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> import gridkit as gk
    >>> before = gpd.GeoDataFrame(
    ...     {"cell_code": ["1"]}, geometry=[box(500_000, 0, 500_200, 100)], crs=4549
    ... )
    >>> halves = [box(500_000, 0, 500_100, 100), box(500_100, 0, 500_200, 100)]
    >>> after = gpd.GeoDataFrame({"cell_code": ["2", "3"]}, geometry=halves, crs=4549)
    >>> gk.compare_map(before, after, lang="en", title="Spring edition").title
    'Spring edition'
    """
    spoken = require_lang(lang) if m is None else m.lang
    for cells, what in ((before, "before"), (after, "after")):
        CELLS.check(cells, source=what)
    _require_lineage(lineage)
    if title is None:
        name = "" if district is None else district.name
        title = say("publishing.compare_title", spoken, name=name).strip()
    over = m is not None
    m, canvas = begin(after, district, lang, title, m)
    same_crs(before, after, what="before")
    changes = compare_cells(before, after)
    earlier = Canvas(m.block, drawable(before), district, spoken)
    canvas.widen(earlier)
    kinds = _kind_words(spoken)
    words = dict(zip(changes.table["code"], changes.table["kind"].map(kinds), strict=True))
    label = say("publishing.compare_kind", spoken)
    for edition, place in () if over else ((earlier, "before"), (canvas, "after")):
        said = [words.get(code, "") for code in texts(edition.cells["cell_code"])]
        add_plain(edition, _side(place, spoken), {label: said})
    if not over:
        m.block.doc["compare"] = say("publishing.compare_slider", spoken)
    items = _items(changes, before, after, _became(changes, lineage, spoken), spoken)
    heading = say("publishing.compare_list", spoken)
    places = _shapes(after, changes.table["after"]), _shapes(before, changes.table["before"])
    add_marks(canvas, _styles(spoken), items, places[0], old=places[1], heading=heading)
    hint = say("publishing.compare_click", spoken)
    finish(m, canvas, head=_counts(changes, before, after, spoken), hint=hint)
    return m


def _require_lineage(lineage: pd.DataFrame | None) -> None:
    lost = {"code_from", "code_to"} - set(() if lineage is None else lineage.columns)
    if lineage is not None and lost:
        found = ", ".join(str(c) for c in lineage.columns)
        columns = ", ".join(sorted(lost))
        raise SchemaError(*message("publishing.compare_lineage", columns=columns, found=found))


def _side(place: str, lang: Lang) -> str:
    if place == "before":
        return say("publishing.compare_before", lang)
    return say("publishing.compare_after", lang)


def _kind_words(lang: Lang) -> dict[str, str]:
    return {
        "split": say("publishing.change_split", lang),
        "merged": say("publishing.change_merged", lang),
        "moved": say("publishing.change_moved", lang),
        "new": say("publishing.change_new", lang),
        "gone": say("publishing.change_gone", lang),
        "recoded": say("publishing.change_recoded", lang),
    }


def _signs(lang: Lang) -> dict[str, str]:
    return {
        "split": say("publishing.sign_split", lang),
        "merged": say("publishing.sign_merged", lang),
        "moved": say("publishing.sign_moved", lang),
        "new": say("publishing.sign_new", lang),
        "gone": say("publishing.sign_gone", lang),
        "recoded": say("publishing.sign_recoded", lang),
    }


def _styles(lang: Lang) -> list[Style]:
    words, signs = _kind_words(lang), _signs(lang)
    return [Style(words[kind], signs[kind], *LOOKS[kind]) for kind in KINDS]


def _shapes(cells: gpd.GeoDataFrame, rows: pd.Series[Any]) -> NDArray[Any]:
    """Return the shape of each row, an empty one for -1."""
    shapes = np.append(sound(cells.geometry), np.array([shapely.Polygon()], dtype=object))
    return np.asarray(shapes[rows.to_numpy()])


def _items(
    changes: Changes,
    before: gpd.GeoDataFrame,
    after: gpd.GeoDataFrame,
    became: dict[str, list[tuple[str, str]]],
    lang: Lang,
) -> list[Item]:
    """Return one item a changed code with its area before and after, and who became whom."""
    table, words, signs = changes.table, _kind_words(lang), _signs(lang)
    was = _hectares(before, table["before"], lang)
    now = _hectares(after, table["after"], lang)
    items = []
    for code, kind, old, new in zip(table["code"], table["kind"], was, now, strict=True):
        note = say("publishing.compare_area", lang, before=old, after=new)
        rows = became.get(code, [])
        items.append(Item(code, words[kind], KINDS.index(kind), signs[kind], note, rows))
    return items


def _hectares(cells: gpd.GeoDataFrame, rows: pd.Series[Any], lang: Lang) -> list[str]:
    """Return the area of each row as printed; a dash where there is none."""
    area = np.append(area_m2(drawable(cells).geometry), np.nan)[rows.to_numpy()] / 1e4
    return [
        "–" if np.isnan(a) else say("publishing.word_hectares", lang, value=short(a)) for a in area
    ]


def _became(
    changes: Changes, lineage: pd.DataFrame | None, lang: Lang
) -> dict[str, list[tuple[str, str]]]:
    """Return for each code whom it became or came from; the common land tells what no one wrote."""
    links = changes.links[changes.links["code_from"] != changes.links["code_to"]]
    if lineage is None:
        return _history(links, lang)
    known = {*lineage["code_from"], *lineage["code_to"]}
    rest = links[~links["code_from"].isin(known) & ~links["code_to"].isin(known)]
    return {**_history(rest, lang), **_history(lineage, lang)}


def _history(told: pd.DataFrame, lang: Lang) -> dict[str, list[tuple[str, str]]]:
    """Return the lines of each code in a lineage, from both its sides."""
    lines: dict[str, list[tuple[str, str]]] = {}
    blank = pd.Series("", index=told.index)
    days = pd.to_datetime(told["at"]).dt.strftime("%Y-%m-%d") if "at" in told.columns else blank
    shares = zip(_percents(told, "area_share"), _percents(told, "load_share"), strict=True)
    columns = (texts(told[c]) for c in ("code_from", "code_to"))
    reasons = texts(told["reason"]) if "reason" in told.columns else texts(blank)
    rows = zip(*columns, shares, texts(days), reasons, strict=True)
    for code_from, code_to, (area, load), day, reason in rows:
        words = [
            area and say("publishing.compare_area_share", lang, share=area),
            load and say("publishing.compare_load_share", lang, share=load),
            day,
            reason,
        ]
        more = " · ".join(word for word in words if word)
        into, out_of = (say("publishing.compare_into", lang), say("publishing.compare_from", lang))
        lines.setdefault(code_from, []).append((into, f"{code_to or '–'}\n{more}".strip()))
        lines.setdefault(code_to, []).append((out_of, f"{code_from}\n{more}".strip()))
    return lines


def _percents(told: pd.DataFrame, column: str) -> list[str]:
    if column not in told.columns:
        return [""] * len(told)
    shares = pd.to_numeric(told[column]).to_numpy(dtype=float, na_value=np.nan)
    return ["" if np.isnan(share) else f"{share:.1%}" for share in shares]


def _counts(
    changes: Changes, before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, lang: Lang
) -> list[str]:
    """Return cells before and after, how many stayed, and how many codes changed in which way."""
    n = changes.table["kind"].value_counts()
    cells = say(
        "publishing.compare_cells", lang, before=f"{len(before):,}", after=f"{len(after):,}"
    )
    stayed = say("publishing.compare_unchanged", lang, n=f"{changes.unchanged:,}")
    kinds = [f"{word} {n[kind]:,}" for kind, word in _kind_words(lang).items() if kind in n.index]
    return [cells, *kinds, stayed]
