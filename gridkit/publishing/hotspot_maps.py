"""The map of hot and cold spots: where reports gather more, or less, than chance explains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SchemaError
from ..messages import message, require_lang, say
from ..privacy import require_audience
from .content import short
from .maps import begin_map, finish_map, require_cells
from .palette import NO_DATA

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from ..errors import Lang
    from ..intake.district import District
    from ..privacy import Audience
    from .offline import GridMap

__all__ = ["COLOURS", "hotspot_map", "hotspot_view"]

STRONG = 0.01
# Cold to hot: blue to red through paper, apart in lightness too for colour-blind eyes.
COLOURS = ("#1d4f91", "#8db8dd", "#eeebe2", "#f2a765", "#9e1f3a")
_NEEDED = ("cell_code", "value", "z", "p", "q", "kind")


def hotspot_map(
    found: gpd.GeoDataFrame,
    *,
    posts: pd.DataFrame | None = None,
    roster: pd.DataFrame | None = None,
    district: District | None = None,
    lang: str = "zh",
    audience: str = "leaders",
    title: str | None = None,
    review_no: str | None = None,
    m: GridMap | None = None,
) -> GridMap:
    """Return a map of hot and cold spots; a click shows a cell's value and how sure it is.

    Parameters
    ----------
    found : GeoDataFrame
        From `hotspots`.
    posts, roster, district, lang, audience, title, review_no, m
        As in `cell_map`.

    Returns
    -------
    GridMap

    Raises
    ------
    SchemaError
        A column of `hotspots` is missing.
    GeometryError, CRSError, OptionError
        As in `cell_map`.

    Examples
    --------
    >>> import geopandas as gpd, pandas as pd
    >>> import shapely
    >>> import gridkit as gk
    >>> squares = [shapely.box(x, 4_150_000, x + 100, 4_150_100) for x in (500_000, 500_100)]
    >>> cells = gpd.GeoDataFrame({"cell_code": ["001", "002"]}, geometry=squares, crs=4549)
    >>> found = gk.hotspots(cells, pd.Series([3.0, 9.0]))
    >>> type(gk.hotspot_map(found, title="示例")).__name__
    'GridMap'
    """
    lost = [c for c in _NEEDED if c not in found.columns]
    if lost:
        listed = ", ".join(map(str, found.columns))
        where = {"source": "found", "table": "hotspots", "found": listed}
        raise SchemaError(*message("tables.missing_columns", columns=", ".join(lost), **where))
    require_cells(found, district, audience)
    if m is None and title is None:
        name = "" if district is None else district.name
        title = say("publishing.hotspots_title", require_lang(lang), name=name).strip()
    m, canvas = begin_map(found, district, lang, title, m)
    none = say("publishing.word_no_data", canvas.lang)
    # From a value and its neighbours' a count could be worked out: the public sees how sure only.
    seen_by = require_audience(audience)
    hidden = ("value", "z") if seen_by == "public" else ()
    figures = {
        label: [none if np.isnan(v) else form.format(v) for v in found[column]]
        for label, column, form in (
            (say("publishing.map_value", canvas.lang), "value", "{:,.1f}"),
            (say("publishing.hotspots_z", canvas.lang), "z", "{:.2f}"),
            (say("publishing.hotspots_p", canvas.lang), "p", "{:.4f}"),
            (say("publishing.hotspots_q", canvas.lang), "q", "{:.4f}"),
        )
        if column not in hidden
    }
    areas = canvas.add_areas(figures=figures, posts=posts, roster=roster, audience=audience)
    m.block.doc.setdefault("views", []).append(hotspot_view(found, areas, canvas.lang, seen_by))
    method = say("publishing.hotspots_method", canvas.lang)
    finish_map(m, canvas, audience, review_no, method=method)
    return m


def hotspot_view(
    found: gpd.GeoDataFrame, areas: int, lang: Lang, audience: Audience
) -> dict[str, Any]:
    """Return the view of hot and cold spots as a page draws it."""
    strong = (found["q"] <= STRONG).to_numpy()
    kinds = found["kind"].to_numpy()
    index = np.full(len(found), 2)
    index[kinds == "cold"] = 1
    index[(kinds == "cold") & strong] = 0
    index[kinds == "hot"] = 3
    index[(kinds == "hot") & strong] = 4
    index[found["z"].isna().to_numpy()] = -1
    words = (
        say("publishing.hotspots_cold_sure", lang),
        say("publishing.hotspots_cold", lang),
        say("publishing.hotspots_none", lang),
        say("publishing.hotspots_hot", lang),
        say("publishing.hotspots_hot_sure", lang),
    )
    known = found["z"].dropna() if audience != "public" else found["z"].iloc[:0]
    return {
        "kind": "cells",
        "label": say("publishing.hotspots_label", lang),
        "areas": areas,
        "values": [] if audience == "public" else [short(v) for v in found["z"].to_numpy(float)],
        "index": index.tolist(),
        "breaks": [],
        "range": [short(known.min()), short(known.max())] if len(known) else [None, None],
        "colours": list(COLOURS),
        "names": [f"{word} · {int((index == k).sum()):,}" for k, word in enumerate(words)],
        "none": NO_DATA,
    }
