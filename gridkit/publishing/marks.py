"""Marked places on a map and the list beside it: findings of a check, changes of an edition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from ..crs import require_metres, same_crs
from ..errors import GeometryError, OptionError
from ..messages import message, say
from ..tables import CELLS
from .content import Canvas
from .offline import GridMap
from .palette import PAPER
from .words import page_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..intake.district import District

__all__ = ["Item", "Style", "add_marks", "add_plain", "begin", "drawable", "finish", "sound"]

MOST_ITEMS = 500  # rows of the list in a page: more make a phone slow
SHOWN = ("cell_code", "name", "community_code")


@dataclass(frozen=True)
class Style:
    """How one kind of place is drawn: colour, hatch and sign, so that grey prints tell them apart.

    Attributes
    ----------
    label, sign : str
        The kind in words, and in one letter or character for the badge.
    colour : str
        ``#rrggbb``, dark enough for white letters on it.
    hatch : {"cross", "slash", "backslash", "bars", "dots", "none"}
    """

    label: str
    sign: str
    colour: str
    hatch: str


@dataclass(frozen=True)
class Item:
    """One line of the list beside the map, and the place that belongs to it.

    Attributes
    ----------
    title, verdict : str
    kind : int
        Position of its style; -1 for none, as of a rule that was kept.
    badge : str
    note : str
        A line that is always seen.
    rows : list of (label, text)
        Seen when the item is opened.
    """

    title: str
    verdict: str
    kind: int
    badge: str
    note: str = ""
    rows: list[tuple[str, str]] = field(default_factory=list)


def sound(shapes: gpd.GeoSeries) -> NDArray[Any]:
    """Return sound polygons to draw; an empty one for what is missing or no polygon at all."""
    given: NDArray[Any] = shapes.to_numpy()
    drawn = np.full(len(given), shapely.Polygon(), dtype=object)
    areal = np.isin(shapely.get_type_id(given), [3, 6])
    drawn[areal] = shapely.make_valid(given[areal], method="structure", keep_collapsed=False)
    return drawn


def drawable(cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return what a page shows of cells, with sound shapes; raise where there is nothing."""
    CELLS.require_columns(cells, source="cells")
    require_metres(cells, what="cells")
    kept = [c for c in SHOWN if c in cells.columns]
    drawn = gpd.GeoDataFrame(cells[kept], geometry=sound(cells.geometry), crs=cells.crs)
    if drawn.is_empty.all():
        raise GeometryError(*message("publishing.map_no_cells"))
    return drawn


def begin(
    cells: gpd.GeoDataFrame,
    district: District | None,
    lang: str,
    title: str,
    m: GridMap | None = None,
) -> tuple[GridMap, Canvas]:
    """Return the map, new or given, and the canvas for these cells, however faulty they are.

    Raises
    ------
    OptionError
        The map given holds a list already.
    """
    drawn = drawable(cells)
    if district is not None:
        same_crs(district.boundary, cells, what="cells")
    if m is None:
        m = GridMap(title=title, lang=lang, control_scale=False, zoom_control=False)
    elif "marks" in m.block.doc:
        raise OptionError(*message("publishing.map_two_lists"))
    canvas = Canvas(m.block, drawn, district, m.lang)
    canvas.add_base()
    return m, canvas


def add_plain(canvas: Canvas, label: str, figures: dict[str, list[str]]) -> None:
    """Add the canvas's cells as a view in pale outline; `figures` are said when one is clicked."""
    areas = canvas.add_areas(figures=figures, posts=None, roster=None, audience="internal")
    view = {"kind": "plain", "label": label, "areas": areas, "values": [], "index": []}
    canvas.block.doc.setdefault("views", []).append({**view, "colours": [], "none": PAPER})


def add_marks(
    canvas: Canvas,
    styles: list[Style],
    items: list[Item],
    places: NDArray[Any],
    *,
    old: NDArray[Any] | None = None,
    heading: str,
) -> None:
    """Put the items, their places and their styles into the page.

    Parameters
    ----------
    canvas : Canvas
    styles : list of Style
    items : list of Item
    places : array of geometries, one an item
        None or empty where there is nothing to draw.
    old : array of geometries, optional
        The places as they were before, for a map of two editions.
    heading : str
        Above the list.
    """
    doc = canvas.block.doc
    doc["marks"] = {
        "styles": [vars(style) for style in styles],
        "kind": [item.kind for item in items],
        "badges": [item.badge for item in items],
        "now": _packed(canvas, places),
        "old": None if old is None else _packed(canvas, old),
    }
    doc["items"] = [
        {k: v for k, v in vars(item).items() if k not in ("kind", "badge")}
        for item in items[:MOST_ITEMS]
    ]
    rest = len(items) - MOST_ITEMS
    doc["items_heading"] = heading
    doc["items_rest"] = say("publishing.items_rest", canvas.lang, n=f"{rest:,}") if rest > 0 else ""


def _packed(canvas: Canvas, places: NDArray[Any]) -> dict[str, Any]:
    """Pack areas, and one middle for each of their parts, where a badge may stand."""
    nowhere = shapely.is_missing(places) | shapely.is_empty(places)
    areal = places.copy()
    areal[nowhere] = shapely.Polygon()
    # Points and lines get a breadth that can be seen, and so do those among areas.
    areas = np.isin(shapely.get_type_id(areal), [3, 6])
    areal[~areas] = shapely.buffer(areal[~areas], canvas.tolerance_m / 2)
    parts, owner = shapely.get_parts(areal, return_index=True)
    filled = ~shapely.is_empty(parts)
    spots, owner = shapely.point_on_surface(parts[filled]), owner[filled]
    middles = np.full(len(areal), shapely.MultiPoint(), dtype=object)
    if len(spots):
        owners, place = np.unique(owner, return_inverse=True)
        middles[owners] = shapely.multipoints(spots, indices=place)
    crs = canvas.cells.crs
    return {
        "shapes": canvas.shapes(gpd.GeoSeries(areal, crs=crs), 0),
        "middles": canvas.shapes(gpd.GeoSeries(middles, crs=crs), 0),
    }


def finish(m: GridMap, canvas: Canvas, *, head: list[str], hint: str) -> None:
    """Write title, counts, words and bounds, keeping what an earlier layer wrote."""
    doc = m.block.doc
    doc["lang"], doc["title"] = canvas.lang, m.title or say("publishing.map_title", canvas.lang)
    doc["words"] = {**page_words(canvas.lang), "click": hint}
    doc["bounds"] = canvas.bounds_with(doc.get("bounds"))
    doc["head"] = [*doc.get("head", []), *head]
    doc["foot"] = [*doc.get("foot", [doc["title"]]), *head]
