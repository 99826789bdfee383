"""Two maps for leaders: cells coloured by a figure, and a heat map in reports per km²."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from ..crs import require_metres, same_crs
from ..errors import GeometryError, OptionError, SchemaError
from ..evaluation.heat import density as density_of
from ..evaluation.rates import WHOLE, cell_counts
from ..messages import message, require_lang, say
from ..privacy import require_audience
from ..tables import CELLS
from .classes import Classes, classify, heat_stops
from .content import Canvas, figures_of, short, texts
from .offline import GridMap
from .palette import DENSITY, FIGURES, NO_DATA, ramp
from .raster import draw_density, shade
from .words import audience_words, page_words

if TYPE_CHECKING:
    import geopandas as gpd

    from ..errors import Lang
    from ..evaluation.heat import Density
    from ..intake.district import District

__all__ = ["begin_map", "cell_map", "cell_values", "finish_map", "heat_map", "require_cells"]

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
    figures = figures_of(scores, texts(cells["cell_code"]), canvas.lang)
    areas = canvas.add_areas(figures=figures, posts=posts, roster=roster, audience=audience)
    _add_view(m, _cell_view(label, areas, values, classify(values), FIGURES))
    period = None if scores is None else scores["period"].max()
    named = isinstance(period, str) and period != WHOLE
    finish_map(m, canvas, audience, review_no, period=period if named else None)
    return m


def heat_map(
    located: gpd.GeoDataFrame,
    cells: gpd.GeoDataFrame,
    *,
    district: District | None = None,
    posts: pd.DataFrame | None = None,
    roster: pd.DataFrame | None = None,
    scores: pd.DataFrame | None = None,
    density: Density | None = None,
    bandwidth_m: float | None = None,
    lang: str = "zh",
    audience: str = "leaders",
    title: str | None = None,
    review_no: str | None = None,
    m: GridMap | None = None,
) -> GridMap:
    """Return a heat map of located reports: density per km², over the cells and their people.

    Cells are coloured by reports per km², never by raw counts; heat and cells share one scale.
    The text of reports is not put into the page.

    Parameters
    ----------
    located : GeoDataFrame
        Of :func:`locate`, in the CRS of the cells. Reports with a cell and a place are shown.
    cells : GeoDataFrame
        Satisfies the cells schema, in a CRS in metres.
    district : District, optional
        Gives the base map and the border at which the density is corrected; without it the
        union of the cells is the border.
    posts, roster, scores : DataFrame, optional
        As in :func:`cell_map`.
    density : Density, optional
        A ready density to draw; by default it is computed from `located`.
    bandwidth_m : float, optional
        For the density that is computed; the default is that of :func:`density`.
    lang, audience, title, review_no, m
        As in :func:`cell_map`.

    Returns
    -------
    GridMap

    Raises
    ------
    SchemaError, CRSError, GeometryError, OptionError
        As in :func:`cell_map`; `located` in another CRS or without ``cell_code``; both
        `density` and `bandwidth_m` given.

    Notes
    -----
    The density is taken from the working grid to a Web-Mercator grid pixel by pixel (bilinear),
    so that it lies true under the cells. The scale's breaks are quantiles of the density over
    the area, rounded.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import shapely
    >>> import gridkit as gk
    >>> square = shapely.box(500_000, 4_150_000, 501_000, 4_151_000)
    >>> cells = gpd.GeoDataFrame({"cell_code": ["001"]}, geometry=[square], crs=4549)
    >>> located = gpd.GeoDataFrame(
    ...     {"report_id": ["1"], "cell_code": ["001"]},
    ...     geometry=gpd.points_from_xy([500_400], [4_150_500]),
    ...     crs=4549,
    ... )
    >>> heat = gk.heat_map(located, cells, lang="en", title="One report")
    >>> heat.title
    'One report'
    """
    require_cells(cells, district, audience)
    same_crs(located, cells, what="located")
    if density is not None and bandwidth_m is not None:
        raise OptionError(*message("publishing.map_two_densities"))
    counts = cell_counts(located, cells)
    if m is None and title is None:
        name = "" if district is None else district.name
        title = say("publishing.map_heat_title", require_lang(lang), name=name).strip()
    m, canvas = begin_map(cells, district, lang, title, m)
    placed = ~shapely.is_missing(located.geometry.to_numpy()) & ~located.is_empty
    shown = located[located["cell_code"].notna() & placed]
    if density is None:
        options = {} if bandwidth_m is None else {"bandwidth_m": bandwidth_m}
        density = density_of(shown, within=canvas.area, **options)
    codes = texts(cells["cell_code"])
    figures = {say("publishing.map_reports", canvas.lang): [f"{n:,}" for n in counts["n"]]}
    figures |= figures_of(scores, codes, canvas.lang)
    areas = canvas.add_areas(figures=figures, posts=posts, roster=roster, audience=audience)
    _add_heat(m, canvas, density, areas, counts["per_km2"].to_numpy())
    m.block.doc["summary"] = _summary(located, canvas.lang)
    finish_map(
        m,
        canvas,
        audience,
        review_no,
        period=_days(shown),
        n=len(shown),
        method=density.describe(canvas.lang),
    )
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


def _cell_view(
    label: str,
    areas: int,
    values: np.ndarray[Any, np.dtype[np.float64]],
    classes: Classes,
    anchors: tuple[str, ...],
) -> dict[str, Any]:
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


def _add_heat(
    m: GridMap,
    canvas: Canvas,
    density: Density,
    areas: int,
    per_km2: np.ndarray[Any, np.dtype[np.float64]],
) -> None:
    """Add the heat picture and the cells by density; both on the scale of the picture."""
    stops = heat_stops(density.values)
    classes = classify(per_km2, breaks=stops[1:-1]) if stops else classify(per_km2)
    if not stops:
        classes = Classes((), np.full(len(per_km2), -1), np.nan, np.nan)
    label = say("publishing.map_per_km2", canvas.lang)
    view = _cell_view(label, areas, per_km2, classes, DENSITY)
    heat = {**view, "kind": "heat", "label": say("publishing.map_heat", canvas.lang), "unit": label}
    if stops:
        picture = draw_density(density, canvas.bounds)
        height, width = picture.values.shape  # noqa: PD011 - an Image
        heat["image"] = {
            "part": m.block.add(shade(picture.values, stops)),
            "width": width,
            "height": height,
            "bounds": [picture.west, picture.south, picture.east, picture.north],
        }
        heat["stops"] = [short(s) for s in stops]
        heat["ramp"] = ramp(DENSITY, RAMP_COLOURS)
    _add_view(m, heat)
    _add_view(m, view)


def _add_view(m: GridMap, view: dict[str, Any]) -> None:
    m.block.doc.setdefault("views", []).append(view)


def _summary(located: gpd.GeoDataFrame, lang: Lang) -> list[list[str]]:
    """Return how many reports were located in which way, as printed."""
    labels = {
        "inside": say("publishing.located_inside", lang),
        "border": say("publishing.located_border", lang),
        "near": say("publishing.located_near", lang),
        "address": say("publishing.located_address", lang),
        "outside": say("publishing.located_outside", lang),
        "unlocated": say("publishing.located_unlocated", lang),
    }
    rows = [[say("publishing.located_all", lang), f"{len(located):,}"]]
    if "located_by" in located.columns:
        found = located["located_by"].value_counts()
        rows += [[labels[k], f"{found[k]:,}"] for k in labels if k in found.index]
    return rows


def _days(shown: gpd.GeoDataFrame) -> str | None:
    """Return the first and last day of the reports shown."""
    if "reported_at" not in shown.columns or shown["reported_at"].isna().all():
        return None
    first, last = shown["reported_at"].min(), shown["reported_at"].max()
    return f"{first:%Y-%m-%d} – {last:%Y-%m-%d}"


def finish_map(
    m: GridMap,
    canvas: Canvas,
    audience: str,
    review_no: str | None,
    *,
    period: str | None = None,
    n: int | None = None,
    method: str | None = None,
) -> None:
    """Write title, words, bounds and footer, keeping what an earlier layer wrote."""
    doc, lang = m.block.doc, canvas.lang
    doc["lang"] = lang
    doc["title"] = m.title or say("publishing.map_title", lang)
    doc["words"] = page_words(lang)
    below = doc.get("bounds", canvas.bounds)
    doc["bounds"] = [
        *np.minimum(below[:2], canvas.bounds[:2]).tolist(),
        *np.maximum(below[2:], canvas.bounds[2:]).tolist(),
    ]
    lines = doc.setdefault("head", [])
    if period is not None:
        lines.append(say("publishing.map_period", lang, period=period))
    if n is not None:
        lines.append(say("publishing.map_shown", lang, n=f"{n:,}"))
    foot = [doc["title"], *lines, method, audience_words(require_audience(audience), lang)]
    if review_no is not None:
        foot.append(say("publishing.map_review_no", lang, number=review_no))
    known = doc.setdefault("foot", [])
    known += [line for line in foot if line and line not in known]
