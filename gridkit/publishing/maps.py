"""Cells coloured by a figure, and what all maps begin and end with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..crs import require_metres, same_crs
from ..errors import GeometryError, SchemaError
from ..evaluation.rates import WHOLE
from ..messages import message, require_lang, say
from ..privacy import require_audience
from ..tables import CELLS
from .classes import Classes, classify
from .content import Canvas, figures_of, short, texts
from .offline import GridMap
from .palette import FIGURES, NO_DATA, ramp
from .words import audience_words, page_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from ..errors import Lang
    from ..intake.district import District

__all__ = [
    "begin_map",
    "cell_map",
    "cell_values",
    "cell_view",
    "finish_map",
    "require_cells",
]

RAMP_COLOURS = 24  # of the heat picture; the page mixes between them


def cell_map(
    cells: gpd.GeoDataFrame,
    *,
    value: str | pd.Series[Any] = "load",
    scores: pd.DataFrame | None = None,
    posts: pd.DataFrame | None = None,
    roster: pd.DataFrame | None = None,
    district: District | None = None,
    lang: str = "zh",
    audience: str = "leaders",
    title: str | None = None,
    review_no: str | None = None,
    m: GridMap | None = None,
) -> GridMap:
    """Return a map of the cells coloured by a figure; a click shows a cell and its people.

    Parameters
    ----------
    cells : GeoDataFrame
        Satisfies the cells schema, in a CRS in metres.
    value : str or Series
        A column of `cells`, or figures by cell code. Where the cells have no ``load``, the
        default leaves them grey.
    scores : DataFrame, optional
        Of :func:`indicators`; those by ``cell_code`` are shown with each cell.
    posts, roster : DataFrame, optional
        Who is responsible; names and phones come from the roster, masked for the audience.
    district : District, optional
        Gives the base map: water, streets, buildings, communities with their names.
    lang : {"zh", "en"}
    audience : {"internal", "leaders", "public"}
        Decides what is masked before it gets into the page; the page says so.
    title : str, optional
    review_no : str, optional
        Review number of the map (审图号), printed in the footer.
    m : GridMap, optional
        A map to add this one to, as one more layer; its language and title are kept.

    Returns
    -------
    GridMap

    Raises
    ------
    SchemaError, CRSError, GeometryError, OptionError
        Cells that break the schema, no cells, degrees, a column that is missing or not numbers,
        an unknown audience or language.

    Notes
    -----
    Classes are quantiles of what is shown, rounded to two significant digits. Colours run from
    light to dark; cells without a figure are grey.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import shapely
    >>> import gridkit as gk
    >>> squares = [shapely.box(x, 4_150_000, x + 100, 4_150_100) for x in (500_000, 500_100)]
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["001", "002"], "load": [120, 340]}, geometry=squares, crs=4549
    ... )
    >>> type(gk.cell_map(cells, title="示例")).__name__
    'GridMap'
    """
    require_cells(cells, district, audience)
    label, values = cell_values(cells, value, require_lang(lang))
    m, canvas = begin_map(cells, district, lang, title, m)
    figures = figures_of(scores, texts(cells["cell_code"]), canvas.lang, audience=audience)
    areas = canvas.add_areas(figures=figures, posts=posts, roster=roster, audience=audience)
    view = cell_view(label, areas, values, classify(values), FIGURES)
    m.block.doc.setdefault("views", []).append(view)
    period = None if scores is None else scores["period"].max()
    named = isinstance(period, str) and period != WHOLE
    finish_map(m, canvas, audience, review_no, period=period if named else None)
    return m


def require_cells(cells: gpd.GeoDataFrame, district: District | None, audience: str) -> None:
    """Raise unless there are cells in metres, a district in the same CRS, and an audience."""
    CELLS.check(cells, source="cells")
    if not len(cells):
        raise GeometryError(*message("publishing.map_no_cells"))
    require_metres(cells, what="cells")
    if district is not None:
        same_crs(district.boundary, cells, what="cells")
    require_audience(audience)


def begin_map(
    cells: gpd.GeoDataFrame,
    district: District | None,
    lang: str,
    title: str | None,
    m: GridMap | None,
) -> tuple[GridMap, Canvas]:
    """Return the map to draw on, new or given, and the canvas for these cells."""
    if m is None:
        name = "" if district is None else district.name
        default = say("publishing.map_default_title", require_lang(lang), name=name).strip()
        m = GridMap(title=title or default, lang=lang, control_scale=False, zoom_control=False)
    canvas = Canvas(m.block, cells, district, m.lang)
    canvas.add_base()
    return m, canvas


def cell_values(
    cells: gpd.GeoDataFrame, value: str | pd.Series[Any], lang: Lang
) -> tuple[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Return label and one number a cell, NaN where there is none."""
    if isinstance(value, pd.Series):
        figures = value.reindex(cells["cell_code"])
        label = str(value.name) if value.name is not None else say("publishing.map_value", lang)
    elif value in cells.columns:
        figures, label = cells[value], _column_label(value, lang)
    elif value == "load":
        figures, label = pd.Series(np.nan, index=cells.index), _column_label(value, lang)
    else:
        found = ", ".join(str(c) for c in cells.columns)
        raise SchemaError(*message("publishing.map_no_column", column=value, found=found))
    if not pd.api.types.is_numeric_dtype(figures):
        raise SchemaError(
            *message("publishing.map_not_numbers", column=label, found=str(figures.dtype))
        )
    return label, figures.to_numpy(dtype=float, na_value=np.nan)


def _column_label(column: str, lang: Lang) -> str:
    if column == "load":
        return say("publishing.word_load", lang)
    return str(CELLS.labels(lang).get(column, column))


def cell_view(
    label: str,
    areas: int,
    values: np.ndarray[Any, np.dtype[np.float64]],
    classes: Classes,
    anchors: tuple[str, ...],
) -> dict[str, Any]:
    """Return the view of cells coloured by class."""
    return {
        "kind": "cells",
        "label": label,
        "areas": areas,
        "values": [short(v) for v in values],
        "index": classes.index.tolist(),
        "breaks": [short(b) for b in classes.breaks],
        "range": [short(classes.low), short(classes.high)],
        "colours": ramp(anchors, classes.n),
        "none": NO_DATA,
    }


def finish_map(
    m: GridMap,
    canvas: Canvas,
    audience: str,
    review_no: str | None,
    *,
    period: str | None = None,
    n: int | None = None,
    method: str | None = None,
    masked: Sequence[str] = (),
) -> None:
    """Write title, words, bounds and footer, keeping what an earlier layer wrote."""
    doc, lang = m.block.doc, canvas.lang
    doc["lang"] = lang
    doc["title"] = m.title or say("publishing.map_title", lang)
    doc["words"] = page_words(lang)
    doc["bounds"] = canvas.bounds_with(doc.get("bounds"))
    lines = doc.setdefault("head", [])
    if period is not None:
        lines.append(say("publishing.map_period", lang, period=period))
    if n is not None:
        lines.append(say("publishing.map_shown", lang, n=f"{n:,}"))
    foot = [doc["title"], *lines, method, audience_words(require_audience(audience), lang), *masked]
    if review_no is not None:
        foot.append(say("publishing.map_review_no", lang, number=review_no))
    known = doc.setdefault("foot", [])
    known += [line for line in foot if line and line not in known]
