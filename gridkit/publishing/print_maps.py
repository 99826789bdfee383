"""A map on paper: A4 or A3, with its legend, scale, north, date and sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from ..crs import same_crs
from ..division.ordering import require_areas
from ..errors import GeometryError
from ..messages import message, require_lang, say
from ..privacy import require_audience
from .classes import classify, heat_stops
from .content import cell_label, short, texts
from .furniture import Legend, Row, draw_north, draw_scale
from .land import BORDER, COMMUNITY, FINE, LAND, WATER, Base, Names, Picture
from .lettering import MM_PER_POINT, Letters, require_matplotlib
from .maps import cell_values, require_cells
from .palette import DENSITY, FIGURES, NO_DATA, PAPER, ramp
from .paper import (
    INK,
    SOFT,
    Sheet,
    day_words,
    paper_size,
    require_suffix,
    save_sheet,
    settings,
)
from .raster import look_up
from .windows import open_window
from .words import audience_words

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from ..errors import Lang
    from ..evaluation.heat import Density
    from ..intake.district import District
    from .windows import Window

__all__ = ["print_map"]

FORMATS = (".png", ".pdf", ".svg")
SIZES = ("A4", "A3")
HOUSES, CELL_LINE = "#24282e1f", "#4a4f57"
ROOMY_MM = 16  # communities with such sides have room for larger names
FOOT_POINTS, FOOT_MM = 7.0, 3.9  # size of letters, from line to line
PIXEL_MM = 0.25  # of a heat picture
LABEL_POINTS = (7.0, 6.0, 5.0, 4.5)
LEAST_LABELLED = 0.7  # share of cells whose number must fit for a size of letters
MOST_CENTRED = 2500  # numbers of more cells stand at any inner point, found faster


@dataclass(frozen=True)
class _Shown:
    """What is drawn into the cells, and how it stands in the legend."""

    colours: list[str]
    rows: list[Row]
    label: str
    note: str
    density: Density | None = None
    stops: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Words:
    """What stands above the map and below it."""

    title: str
    subtitle: str
    foot: list[str]


@dataclass(frozen=True)
class _Places:
    """Rectangles of a sheet: x, y, width, height in millimetres; what is written below."""

    sheet: tuple[float, float]
    map: tuple[float, float, float, float]
    panel: tuple[float, float, float, float]
    margin: float
    unit: float
    foot: list[str]

    @property
    def beside(self) -> bool:
        """Whether the panel stands beside the map, not below it."""
        return self.panel[0] > self.map[0]


def print_map(
    cells: gpd.GeoDataFrame,
    path: str | Path,
    *,
    value: str | pd.Series[Any] = "load",
    density: Density | None = None,
    district: District | None = None,
    size: str = "A4",
    landscape: bool | None = None,
    title: str | None = None,
    subtitle: str | None = None,
    date: str | dt.date | None = None,
    sources: Sequence[str] = (),
    review_no: str | None = None,
    audience: str = "leaders",
    lang: str = "zh",
    dpi: int = 200,
) -> Path:
    """Save a map of the cells for paper, with legend, scale, north arrow, date and sources.

    The map lies in the cells' own projection at a round scale that is true on the paper; the
    arrow points to true north. The same input gives the same bytes on one computer.

    Parameters
    ----------
    cells : GeoDataFrame
        Satisfies the cells schema, in a CRS in metres.
    path : path
        Its ending is the format: ``.png``, ``.pdf`` or ``.svg``.
    value : str or Series
        What the cells are coloured by, as in `cell_map`.
    density : Density, optional
        Drawn as heat in place of `value`; from `density`, in the CRS of the cells.
    district : District, optional
        Gives water, buildings, streets and communities with their names.
    size : {"A4", "A3"}
    landscape : bool, optional
        By default, however the land is shown larger.
    title, subtitle : str, optional
    date : str or date, optional
        Printed when given; the clock is never read.
    sources : sequence of str
        Where the data come from.
    review_no : str, optional
        Review number of the map (审图号).
    audience : {"internal", "leaders", "public"}
        Stated on the map. It shows no person.
    lang : {"zh", "en"}
    dpi : int
        Of a PNG: 50 to 1200.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    OptionError
        Another ending, size, audience, language or dpi; matplotlib is not installed.
    SchemaError, CRSError, GeometryError
        As in `cell_map`; invalid shapes; a density in another CRS.
    FileError
        The file cannot be written (nothing is left behind then), or Chinese is to be written and
        no font on this computer has it.

    Notes
    -----
    Needs matplotlib, the extra ``print``. Names are drawn as they are: nothing in them is read
    as a formula or as markup. A character that no font has is drawn as a box. Numbers of cells and
    names are left out where they do not fit.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import geopandas as gpd
    >>> import shapely
    >>> import gridkit as gk
    >>> squares = [shapely.box(x, 4_150_000, x + 100, 4_150_100) for x in (500_000, 500_100)]
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["001", "002"], "load": [120, 340]}, geometry=squares, crs=4549
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = gk.print_map(cells, Path(folder) / "map.pdf", lang="en", title="Two cells")
    ...     made.name, made.read_bytes()[:5]
    ('map.pdf', b'%PDF-')
    """
    require_matplotlib()
    require_suffix(path, FORMATS)
    sides = paper_size(size, SIZES)
    spoken = require_lang(lang)
    require_cells(cells, district, audience)
    if density is not None:
        same_crs(gpd.GeoSeries([], crs=density.crs), cells, what="density, cells")
    solid = cells[~(cells.geometry.isna() | cells.geometry.is_empty)]
    if not len(solid):
        raise GeometryError(*message("publishing.map_no_cells"))
    require_areas(solid, what="cells")
    shown = _figures(solid, value, spoken) if density is None else _heat(density, spoken)
    words = _Words(
        _title(district, density, spoken) if title is None else title,
        subtitle or "",
        [
            _listed(sources, spoken),
            _joined(
                say("publishing.print_crs", spoken, crs=_crs_words(solid)),
                audience_words(require_audience(audience), spoken),
                say("publishing.map_review_no", spoken, number=review_no) if review_no else "",
                say("publishing.print_date", spoken, date=day_words(date, spoken)) if date else "",
            ),
        ],
    )
    with settings():
        sheet = _draw(solid, district, shown, words, sides, landscape, spoken)
        return save_sheet(sheet, path, title=words.title, dpi=dpi)


def _title(district: District | None, density: Density | None, lang: Lang) -> str:
    name = "" if district is None else district.name
    if density is None:
        return say("publishing.map_default_title", lang, name=name).strip()
    return say("publishing.map_heat_title", lang, name=name).strip()


def _joined(*parts: str) -> str:
    return "  |  ".join(part for part in parts if part)


def _draw(
    cells: gpd.GeoDataFrame,
    district: District | None,
    shown: _Shown,
    words: _Words,
    sides: tuple[float, float],
    landscape: bool | None,
    lang: Lang,
) -> Sheet:
    letters, base = Letters(), Base(district)
    area = cells.union_all() if district is None else district.boundary.geometry.iloc[0]
    places, window = _fit(cells, area, sides, landscape, shown, words, letters)
    sheet = Sheet(*places.sheet, letters)
    picture = Picture(sheet, window, places.map)
    _draw_land(picture, base, cells, area, shown)
    _write_names(picture, base, cells, shown, district)
    picture.frame()
    _write_panel(sheet, places, window, shown, base, lang)
    _write_head(sheet, places, words)
    _write_foot(sheet, places)
    return sheet


def _listed(sources: Sequence[str], lang: Lang) -> str:
    given = [sources] if isinstance(sources, str) else list(sources)
    listed = ("；" if lang == "zh" else "; ").join(str(s) for s in given)
    return say("publishing.print_sources", lang, sources=listed) if listed else ""


def _crs_words(cells: gpd.GeoDataFrame) -> str:
    code = cells.crs.to_epsg()
    return cells.crs.name if code is None else f"{cells.crs.name} (EPSG:{code})"


def _figures(cells: gpd.GeoDataFrame, value: str | pd.Series[Any], lang: Lang) -> _Shown:
    """Return the colour of each cell by its figure, and the legend of these."""
    label, values = cell_values(cells, value, lang)
    classes = classify(values)
    colours = ramp(FIGURES, classes.n)
    bounds = [classes.low, *classes.breaks, classes.high]
    rows = []
    for k, colour in enumerate(colours):
        low, high = (f"{short(b):,}" for b in bounds[k : k + 2])
        n = int((classes.index == k).sum())
        rows.append(Row(colour, low if low == high else f"{low} – {high}", f"{n:,}"))
    none = int((classes.index < 0).sum())
    if none:
        rows.append(Row(NO_DATA, say("publishing.word_no_data", lang), f"{none:,}"))
    note = say("publishing.print_class_note", lang) if classes.n > 1 else ""
    return _Shown([colours[k] if k >= 0 else NO_DATA for k in classes.index], rows, label, note)


def _heat(density: Density, lang: Lang) -> _Shown:
    stops = tuple(heat_stops(density.values))
    by_land = density.unit == "per_km2"
    label = (
        say("publishing.map_per_km2", lang)
        if by_land
        else say("publishing.print_per_households", lang)
    )
    rows = [] if stops and by_land else [Row(LAND, say("publishing.word_no_data", lang))]
    return _Shown([], rows, label, density.describe(lang), density, stops)


def _fit(
    cells: gpd.GeoDataFrame,
    area: Any,
    sides: tuple[float, float],
    landscape: bool | None,
    shown: _Shown,
    words: _Words,
    letters: Letters,
) -> tuple[_Places, Window]:
    """Return where things stand on the sheet, upright or not, and the window of land."""
    low, high = np.array(area.bounds), cells.total_bounds
    bounds = [*np.minimum(low[:2], high[:2]), *np.maximum(low[2:], high[2:])]
    found = []
    for across in (True, False) if landscape is None else (landscape,):
        places = _places(sides[::-1] if across else sides, across, shown, words, letters)
        window = open_window(bounds, cells.crs, (places.map[2], places.map[3]))
        found.append((places, window))
    return min(found, key=lambda one: one[1].ratio)


def _places(
    sheet: tuple[float, float], beside: bool, shown: _Shown, words: _Words, letters: Letters
) -> _Places:
    unit = float(np.sqrt(min(sheet) / 210))
    margin = 11 * unit
    width = sheet[0] - 2 * margin
    foot = [
        line
        for text in words.foot
        if text
        for line in letters.wrap(text, FOOT_POINTS * unit, width, 3)
    ]
    top = margin + (17 if words.subtitle else 11) * unit
    height = sheet[1] - top - margin - (len(foot) * FOOT_MM + 1) * unit
    if beside:
        panel = 58 * unit
        land = (margin, top, width - panel, height)
        right = (margin + width - panel, top, panel, height)
        return _Places(sheet, land, right, margin, unit, foot)
    panel = max(16 + 5.4 * len(shown.stops) + 5 * len(shown.rows) + 6 * bool(shown.note), 44) * unit
    land = (margin, top, width, height - panel)
    below = (margin, top + height - panel, width, panel)
    return _Places(sheet, land, below, margin, unit, foot)


def _draw_land(
    picture: Picture,
    base: Base,
    cells: gpd.GeoDataFrame,
    area: Any,
    shown: _Shown,
) -> None:
    """Draw everything but names: land, water, figures or heat, streets, borders."""
    outline = np.array([area], dtype=object)
    shapes = cells.geometry.to_numpy()
    picture.fill(np.array([picture.window.frame], dtype=object), PAPER)
    picture.fill(outline, LAND)
    base.draw_ground(picture, building="none")
    if shown.density is None:
        colours = np.array(shown.colours)
        for colour in dict.fromkeys(shown.colours):
            picture.fill(shapes[colours == colour], colour, seam=0.2)
    elif shown.stops:
        picture.show(_pixels(picture, shown.density, shown.stops), outline)
    base.draw_ground(picture, building=HOUSES)
    base.draw_streets(picture)
    # Lines between cells that are small on paper would hide them.
    thin = float(np.clip(_sides_mm(shapes, picture.window) / 7, 0.15, 1))
    picture.stroke(shapes, "#ffffff", thin)
    picture.stroke(shapes, CELL_LINE, 0.4 * thin)
    base.draw_communities(picture)
    picture.stroke(outline, "#ffffff", 2.8)
    picture.stroke(outline, BORDER, 1.7)


def _sides_mm(shapes: Any, window: Window) -> float:
    """Return about how long the side of a shape is on paper: half are smaller."""
    return float(np.median(np.sqrt(shapely.area(shapes)))) / window.per_mm


def _pixels(picture: Picture, density: Density, stops: tuple[float, ...]) -> NDArray[np.uint8]:
    """Return the heat in the window as colours, north up, nothing where nothing is known."""
    window = picture.window
    width, height = (max(int(np.ceil(side / PIXEL_MM)), 1) for side in picture.place[2:])
    x = window.west + (np.arange(width) + 0.5) * (window.east - window.west) / width
    y = window.north - (np.arange(height) + 0.5) * (window.north - window.south) / height
    values = look_up(density, *np.meshgrid(x, y))
    known = np.isfinite(values)
    place = np.interp(np.where(known, values, 0), stops, np.linspace(0, 255, len(stops)))
    table = np.array([[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in ramp(DENSITY, 256)])
    colours = table[np.rint(place).astype(int)]
    return np.dstack([colours, known * 255]).astype(np.uint8)


def _write_names(
    picture: Picture,
    base: Base,
    cells: gpd.GeoDataFrame,
    shown: _Shown,
    district: District | None,
) -> None:
    names = Names(picture)
    communities = None if district is None else district.communities
    if communities is not None and "name" in communities.columns:
        middles = communities.representative_point()
        room = _sides_mm(communities.geometry.to_numpy(), picture.window)
        points = 8.0 if room > ROOMY_MM else 6.0
        for name, point in zip(texts(communities["name"]), middles, strict=True):
            names.at(name, point, points, colour="#43325f", halo="white", bold=True)
    _write_numbers(names, cells, shown)
    if picture.window.ratio <= FINE:
        names.streets(base)


def _write_numbers(names: Names, cells: gpd.GeoDataFrame, shown: _Shown) -> None:
    """Write the number of each cell inside it, in letters that fit into most."""
    letters, per_mm = names.picture.sheet.letters, names.picture.window.per_mm
    labels = [letters.clean(cell_label(code)) for code in texts(cells["cell_code"])]
    shapes = cells.geometry.to_numpy()
    if len(cells) <= MOST_CENTRED:
        circles = shapely.maximum_inscribed_circle(shapes, tolerance=per_mm)
        middles = shapely.get_point(circles, 0)
        room = 2 * shapely.length(circles) / per_mm
    else:
        middles = cells.representative_point().to_numpy()
        room = 0.8 * np.sqrt(shapely.area(shapes)) / per_mm
    wide = np.array([letters.ems(label) for label in labels]) * MM_PER_POINT
    fits = [p for p in LABEL_POINTS if (wide * p < room).mean() >= LEAST_LABELLED]
    points = fits[0] if fits else LABEL_POINTS[-1]
    colours = shown.colours or ["#ffffff"] * len(labels)
    for label, point, shape, colour in zip(labels, middles, shapes, colours, strict=True):
        ink = "#ffffff" if _dark(colour) else INK
        names.at(label, point, points, colour=ink, inside=shape, halo=colour)


def _dark(colour: str) -> bool:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue < 140


def _write_panel(
    sheet: Sheet,
    places: _Places,
    window: Window,
    shown: _Shown,
    base: Base,
    lang: Lang,
) -> None:
    """Write the legend, the arrow and the scale beside the map or below it."""
    x, y, width, height = places.panel
    unit, pad = places.unit, 4 * places.unit
    sheet.box(x, y, width, height, edge=INK, thick=0.9)
    legend = Legend(sheet, unit)
    signs = _signs(base, window, lang)
    if places.beside:
        inner = width - 2 * pad
        below = legend.figures(
            x + pad, y + pad, inner, shown.label, shown.rows, shown.note, shown.stops
        )
        legend.signs(x + pad, below + 3 * unit, inner, signs)
        draw_north(sheet, window, x + width / 2, y + height - 34 * unit, 15 * unit, lang)
        draw_scale(sheet, window, x + pad, y + height - 16 * unit, inner, unit, lang)
        return
    thirds = np.array([0.4, 0.27, 0.33]) * width
    legend.figures(
        x + pad, y + pad, thirds[0] - 2 * pad, shown.label, shown.rows, shown.note, shown.stops
    )
    legend.signs(x + thirds[0] + pad, y + pad, thirds[1] - pad, signs)
    left = x + thirds[0] + thirds[1] + pad
    inner = thirds[2] - 2 * pad
    draw_north(sheet, window, left + inner / 2, y + 14 * unit, 15 * unit, lang)
    draw_scale(sheet, window, left, y + height - 12 * unit, inner, unit, lang)


def _signs(base: Base, window: Window, lang: Lang) -> list[Row]:
    rows = [Row(CELL_LINE, say("publishing.word_outlines", lang), sign="line")]
    if base.has("borders"):
        rows.append(Row(COMMUNITY, say("publishing.word_communities", lang), sign="dashes"))
    rows.append(Row(BORDER, say("publishing.print_border", lang), sign="thick"))
    if base.has("streets"):
        rows.append(Row("#ffffff", say("publishing.word_streets", lang), sign="street"))
    if base.has("water"):
        rows.append(Row(WATER, say("publishing.word_water", lang)))
    if base.has("buildings") and window.ratio <= FINE:
        rows.append(Row(HOUSES, say("publishing.word_buildings", lang)))
    return rows


def _write_head(sheet: Sheet, places: _Places, words: _Words) -> None:
    unit, x = places.unit, places.margin
    wide = sheet.width - 2 * places.margin
    # Bold letters are a little wider than those that are measured.
    fitted = sheet.letters.fit(words.title, 18 * unit, wide * 0.93)
    sheet.text(x, places.margin + 6 * unit, fitted, 18 * unit, bold=True)
    if words.subtitle:
        fitted = sheet.letters.fit(words.subtitle, 10 * unit, wide)
        sheet.text(x, places.margin + 13 * unit, fitted, 10 * unit, colour=SOFT)


def _write_foot(sheet: Sheet, places: _Places) -> None:
    y = sheet.height - places.margin - (len(places.foot) - 1) * FOOT_MM * places.unit
    for line in places.foot:
        sheet.text(places.margin, y, line, FOOT_POINTS * places.unit, colour=SOFT)
        y += FOOT_MM * places.unit
