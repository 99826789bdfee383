"""Cases under way on a map: green, yellow and red by what is used up of their time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ..crs import same_crs
from ..errors import SchemaError
from ..messages import message, require_lang, say
from ..privacy import mask_counts, mask_points, mask_text, require_audience
from ..rules import load_categories
from .content import count_text, texts
from .marks import Item, Style, add_marks, add_plain, begin, finish
from .words import audience_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

    from ..errors import Lang
    from ..intake.district import District
    from ..privacy import Audience
    from ..rules import Category
    from .offline import GridMap

__all__ = ["case_map"]

_NEEDED = ("case_id", "due_at", "used", "light")
_ORDER = ("red", "yellow", "green")


def case_map(
    running: gpd.GeoDataFrame,
    cells: gpd.GeoDataFrame,
    *,
    categories: Mapping[str, Category] | None = None,
    district: District | None = None,
    lang: str = "zh",
    audience: str = "leaders",
    title: str | None = None,
    m: GridMap | None = None,
) -> GridMap:
    """Return a map of the cases that await disposal, the most urgent first in the list.

    Red is overdue, yellow above 80 % of the limit, green below; each has a letter besides. A case
    in the list, opened by mouse or keyboard, zooms to its place and says unit, deadline and text.

    Parameters
    ----------
    running : GeoDataFrame
        From `Ledger.running` or `Ledger.overdue`.
    cells : GeoDataFrame
        Table ``cells``, in the CRS of the cases.
    categories : mapping of code → Category, optional
        `load_categories` by default.
    district : District, optional
        Gives the base map.
    lang : {"zh", "en"}
    audience : {"internal", "leaders", "public"}
        Leaders see no phone numbers within texts; the public neither texts nor addresses, and
        points in the middle of squares of 50 m.
    title : str, optional
    m : GridMap, optional
        A map to lay this over; its language and title are kept. It may hold no list yet.

    Returns
    -------
    GridMap
        Cases without a place are in the list only.

    Raises
    ------
    SchemaError
        A column of `Ledger.running` is missing.
    CRSError, GeometryError, OptionError
        Cells in degrees or none at all, cases in another CRS, an unknown audience or language.

    Examples
    --------
    >>> import geopandas as gpd, pandas as pd
    >>> import shapely
    >>> import gridkit as gk
    >>> square = shapely.box(500_000, 4_150_000, 501_000, 4_151_000)
    >>> cells = gpd.GeoDataFrame({"cell_code": ["001"]}, geometry=[square], crs=4549)
    >>> running = gpd.GeoDataFrame(
    ...     {
    ...         "case_id": ["C1"], "category": ["E0405"], "used": [1.5], "light": ["red"],
    ...         "due_at": pd.to_datetime(["2025-05-01T12:00+08:00"]),
    ...     },
    ...     geometry=[shapely.Point(500_400, 4_150_500)],
    ...     crs=4549,
    ... )
    >>> gk.case_map(running, cells, lang="en").title
    'Cases under way'
    """
    spoken = require_lang(lang) if m is None else m.lang
    seen_by = require_audience(audience)
    lost = [c for c in _NEEDED if c not in running.columns]
    if lost:
        found = ", ".join(map(str, running.columns))
        where = {"source": "running", "table": "running", "found": found}
        raise SchemaError(*message("tables.missing_columns", columns=", ".join(lost), **where))
    same_crs(running, cells, what="running")
    if title is None:
        name = "" if district is None else district.name
        title = say("publishing.cases_title", spoken, name=name).strip()
    m, canvas = begin(cells, district, lang, title, m)
    add_plain(canvas, say("publishing.word_cell", spoken), _counts(running, cells, spoken, seen_by))
    known = load_categories() if categories is None else categories
    rank = running["light"].map({light: k for k, light in enumerate(_ORDER)})
    cases = running.assign(_rank=rank).dropna(subset="_rank")
    cases = cases.sort_values(["_rank", "used", "case_id"], ascending=[True, False, True])
    items = [_item(row, known, spoken, seen_by) for row in cases.to_dict("records")]
    heading = say("publishing.cases_list", spoken)
    places = mask_points(cases.geometry.to_numpy(), audience=seen_by)
    add_marks(canvas, _styles(spoken), items, places, heading=heading)
    counts = cases["light"].value_counts()
    head = [
        say("publishing.cases_red", spoken) + f" {counts.get('red', 0):,}",
        say("publishing.cases_yellow", spoken) + f" {counts.get('yellow', 0):,}",
        say("publishing.cases_green", spoken) + f" {counts.get('green', 0):,}",
        audience_words(seen_by, spoken),
    ]
    finish(m, canvas, head=head, hint=say("publishing.cases_click", spoken))
    return m


def _styles(lang: Lang) -> list[Style]:
    labels = (
        say("publishing.cases_red", lang),
        say("publishing.cases_yellow", lang),
        say("publishing.cases_green", lang),
    )
    drawn = (("#a11d2f", "cross"), ("#8a5a00", "slash"), ("#1d6b3a", "dots"))
    return [Style(a, b, *c) for a, b, c in zip(labels, _signs(lang), drawn, strict=True)]


def _signs(lang: Lang) -> tuple[str, str, str]:
    return (
        say("publishing.cases_red_sign", lang),
        say("publishing.cases_yellow_sign", lang),
        say("publishing.cases_green_sign", lang),
    )


def _counts(
    running: gpd.GeoDataFrame, cells: gpd.GeoDataFrame, lang: Lang, audience: Audience
) -> dict[str, list[str]]:
    """Return how many cases each cell has under way and overdue, small counts withheld."""
    if "cell_code" not in running.columns:
        return {}
    late = running[running["light"] == "red"]
    counted = {
        say("publishing.cases_here", lang): running["cell_code"],
        say("publishing.cases_red", lang): late["cell_code"],
    }
    codes = texts(cells["cell_code"])
    figures = {}
    for label, found in counted.items():
        counts = mask_counts(found.value_counts().reindex(codes, fill_value=0), audience=audience)
        figures[label] = [count_text(n) for n in counts]
    return figures


def _item(
    case: Mapping[Any, Any], known: Mapping[str, Category], lang: Lang, audience: Audience
) -> Item:
    def told(column: str) -> str:
        value = case.get(column)
        return "" if value is None or pd.isna(value) else str(value)

    kind = _ORDER.index(case["light"])
    code = told("category")
    category = known[code].name(lang) if code in known else code
    due = "" if pd.isna(case["due_at"]) else f"{case['due_at']:%Y-%m-%d %H:%M}"
    rows = [
        (say("publishing.bulletin_unit", lang), told("responsible_unit")),
        (say("publishing.bulletin_due", lang), due),
        (say("publishing.word_cell", lang), told("cell_code")),
    ]
    if audience != "public":
        texts_ = {c: told(c) for c in ("address", "text")}
        if audience == "leaders":
            texts_ = {c: mask_text(t) for c, t in texts_.items()}
        rows += [
            (say("publishing.bulletin_place", lang), texts_["address"]),
            (say("publishing.cases_text", lang), texts_["text"]),
        ]
    share = case["used"]
    used = "–" if pd.isna(share) else f"{share:.0%}" if share < 2 else f"{share:,.1f} ×"
    return Item(
        f"{case['case_id']} {category}".strip(),
        say("publishing.cases_used", lang, used=used),
        kind,
        _signs(lang)[kind],
        rows=[(label, text) for label, text in rows if text],
    )
