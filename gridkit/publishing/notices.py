"""Notice cards (公示牌): one page a cell with its map, code, four bounds and people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..crs import area_m2
from ..division.compass import four_bounds
from ..division.ordering import require_areas
from ..errors import GeometryError, OptionError
from ..messages import message, require_lang, say
from ..privacy import require_audience
from ..tables import POSTS
from .content import cell_label, community_names, people_of, short, texts
from .furniture import draw_north, draw_scale
from .land import Base, Names, Picture
from .lettering import MM_PER_POINT, Letters, require_matplotlib
from .maps import require_cells
from .palette import FIGURES
from .paper import INK, SOFT, Sheet, day_words, paper_size, require_suffix, save_sheets
from .windows import open_window
from .words import audience_words

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ..errors import Lang
    from ..intake.district import District

__all__ = ["notice_cards"]

SIZES = ("A5", "A4", "A3")
PAGE_MM, EDGE_MM, PAD_MM = (210.0, 297.0), 9.0, 16.0
MAP_MM = (PAD_MM, 62.0, PAGE_MM[0] - 2 * PAD_MM, 108.0)
BLUE, PALE, RULE, RED = FIGURES[-1], "#e8edf4", "#b9c2cf", "#b5121b"
OWN, OTHERS, EDGES, HOUSES = "#ffe9a8", "#f1efe8", "#8a8a86", "#24282e24"
AROUND = 0.26  # of the map on each side of the cell is left to its neighbours
SCALE_MM = 52.0
NEAR_M = 60.0  # cells within this distance can bound a cell
TABLE_MM, ROW_MM = (203.0, 263.0), (8.5, 5.2)
COLUMNS = (0.0, 0.2, 0.37, 0.53, 0.73, 1.0)  # shares of the width, from left to right
FACTS = ((0.0, 0.42), (0.43, 0.34), (0.78, 0.22))  # where a fact stands, and its room
LEAST_SHRUNK = 0.72  # letters of a table get that much smaller before a text is cut


@dataclass(frozen=True)
class _Card:
    """What one page says."""

    code: str
    name: str
    community: str
    hectares: float
    bounds: str
    people: list[list[str]]


@dataclass(frozen=True)
class _Board:
    """What all pages share."""

    cells: gpd.GeoDataFrame
    tree: shapely.STRtree
    labels: list[str]
    base: Base
    letters: Letters
    sides: tuple[float, float]
    title: str
    hotline: str
    foot: list[str]
    notes: str
    lang: Lang


def notice_cards(
    cells: gpd.GeoDataFrame,
    path: str | Path,
    *,
    posts: pd.DataFrame,
    roster: pd.DataFrame | None = None,
    district: District | None = None,
    codes: Sequence[str] | None = None,
    size: str = "A4",
    title: str | None = None,
    hotline: str | None = None,
    issued_by: str | None = None,
    date: str | dt.date | None = None,
    review_no: str | None = None,
    audience: str = "public",
    lang: str = "zh",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Save notice cards (公示牌), one page a cell: its map, code, four bounds and its people.

    Parameters
    ----------
    cells : GeoDataFrame
        Satisfies the cells schema, in a CRS in metres; all of them, for the neighbours.
    path : path
        Ends in ``.pdf``.
    posts : DataFrame
        Who is posted where. Posts of the cell come first, then those of its community.
    roster : DataFrame, optional
        Gives names, phones and units; without it people stand with their number.
    district : District, optional
        Gives streets with their names, water, buildings and communities.
    codes : sequence of str, optional
        The cells to print, in this order; all of them by default.
    size : {"A4", "A5", "A3"}
    title : str, optional
        At the head of each page.
    hotline : str, optional
        Number to call, such as ``"12345"``.
    issued_by : str, optional
        The issuing unit.
    date : str or date, optional
        Printed when given; the clock is never read.
    review_no : str, optional
        Review number of the map (审图号).
    audience : {"public", "leaders", "internal"}
        Names and phones are masked for the public, which is the default; ``"leaders"`` prints
        names, ``"internal"`` names and phones in full. A board that is to show whom to call needs
        the last one: print it so when the people have agreed to it.
    lang : {"zh", "en"}
    progress : callable, optional
        Called with the number of pages done and of all pages.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    OptionError
        Another ending, size, audience or language; a code that no cell has; matplotlib is not
        installed.
    SchemaError, CRSError, GeometryError
        As in `cell_map` and `four_bounds`.
    FileError
        The file cannot be written (nothing is left behind then), or Chinese is to be written and
        no font on this computer has it.

    Notes
    -----
    Needs matplotlib, the extra ``print``. The bounds are those of `four_bounds`. A post that
    nobody holds is printed as vacant. The same input gives the same bytes on one computer.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import geopandas as gpd, pandas as pd
    >>> import shapely
    >>> import gridkit as gk
    >>> squares = [shapely.box(x, 4_150_000, x + 100, 4_150_100) for x in (500_000, 500_100)]
    >>> cells = gpd.GeoDataFrame({"cell_code": ["001", "002"]}, geometry=squares, crs=4549)
    >>> posts = pd.DataFrame(
    ...     {"level": "cell", "area_code": ["001"], "role": "officer", "person_id": [None]}
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = gk.notice_cards(cells, Path(folder) / "cards.pdf", posts=posts, lang="en")
    ...     made.read_bytes().count(b"/Type /Page ")
    2
    """
    require_matplotlib()
    require_suffix(path, (".pdf",))
    sides = paper_size(size, SIZES)
    spoken = require_lang(lang)
    require_cells(cells, district, audience)
    shapes = require_areas(cells, what="cells")
    POSTS.check(posts, source="posts")
    rows = _rows(cells, codes)
    kept = _kept(shapes, rows)
    shown = cells.iloc[kept].reset_index(drop=True)
    place = np.searchsorted(kept, rows)
    letters = Letters()
    board = _Board(
        shown,
        shapely.STRtree(shown.geometry.to_numpy()),
        [letters.clean(cell_label(code)) for code in texts(shown["cell_code"])],
        Base(district),
        letters,
        sides,
        _title(district, spoken) if title is None else title,
        hotline or "",
        [
            say("publishing.notice_issued", spoken, unit=issued_by) if issued_by else "",
            day_words(date, spoken),
        ],
        _notes(audience, review_no, spoken),
        spoken,
    )
    ready = _cards(shown, place, district, posts, roster, audience, spoken)

    def pages() -> Iterator[Sheet]:
        for done, (row, card) in enumerate(zip(place, ready, strict=True), start=1):
            yield _page(board, int(row), card)
            if progress is not None:
                progress(done, len(ready))

    return save_sheets(pages(), path, title=letters.clean(board.title))


def _title(district: District | None, lang: Lang) -> str:
    name = "" if district is None else district.name
    return say("publishing.notice_title", lang, name=name).strip(" ·")


def _notes(audience: str, review_no: str | None, lang: Lang) -> str:
    parts = [audience_words(require_audience(audience), lang)]
    if review_no:
        parts.append(say("publishing.map_review_no", lang, number=review_no))
    return "  |  ".join(parts)


def _rows(cells: gpd.GeoDataFrame, codes: Sequence[str] | None) -> NDArray[np.intp]:
    """Return the places of the cells to print."""
    if codes is None:
        return np.arange(len(cells))
    rows = pd.Index(cells["cell_code"]).get_indexer(pd.Index(list(codes), dtype=object))
    lost = [str(code) for code, row in zip(codes, rows, strict=True) if row < 0]
    if lost:
        raise OptionError(*message("publishing.notice_no_cell", codes=", ".join(lost[:10])))
    if not len(rows):
        raise GeometryError(*message("publishing.map_no_cells"))
    return np.asarray(rows)


def _kept(shapes: NDArray[np.object_], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the places of the cells that the pages of `rows` show, or that bound one of them."""
    low_high = shapely.bounds(shapes[rows])
    reach = 2 * np.max(low_high[:, 2:] - low_high[:, :2], axis=1, keepdims=True) + NEAR_M
    around = shapely.box(*np.hstack([low_high[:, :2] - reach, low_high[:, 2:] + reach]).T)
    found = shapely.STRtree(shapes).query(around)[1]
    return np.unique(np.concatenate([found, rows]))


def _cards(
    cells: gpd.GeoDataFrame,
    place: NDArray[np.intp],
    district: District | None,
    posts: pd.DataFrame,
    roster: pd.DataFrame | None,
    audience: str,
    lang: Lang,
) -> list[_Card]:
    """Return what each page says."""
    own = cells.iloc[place]
    codes = texts(own["cell_code"])
    blank = [""] * len(own)
    communities = community_names(own, district) or blank
    belong = texts(own["community_code"]) if "community_code" in own.columns else blank
    names = texts(own["name"]) if "name" in own.columns else blank
    bounds = _bounds(cells, district, lang).iloc[place]
    areas = area_m2(own.geometry) / 1e4
    people = _people(codes, posts, roster, audience, lang)
    above = _people(belong, posts, roster, audience, lang)
    cards = []
    for i, code in enumerate(codes):
        label = f"{communities[i]} {cell_label(code)}".strip()
        others = [
            [say("publishing.notice_of_community", lang, role=role), *rest]
            for role, *rest in (above[i] if belong[i] != code else [])
        ]
        rows = people[i] + others
        nobody = [["—", "", say("publishing.word_vacant", lang), "—", ""]]
        name = names[i] or label
        cards.append(
            _Card(code, name, communities[i], float(areas[i]), bounds.iloc[i], rows or nobody)
        )
    return cards


def _bounds(cells: gpd.GeoDataFrame, district: District | None, lang: Lang) -> pd.Series[str]:
    streets = None if district is None else district.streets
    if streets is None or "name" not in streets.columns:
        streets = gpd.GeoDataFrame({"name": []}, geometry=[], crs=cells.crs)
    water = None if district is None else district.water
    communities = None if district is None else district.communities
    return four_bounds(cells, streets, water=water, communities=communities, lang=lang)


def _people(
    codes: list[str],
    posts: pd.DataFrame,
    roster: pd.DataFrame | None,
    audience: str,
    lang: Lang,
) -> list[list[list[str]]]:
    """Return role, hours, name, phone and unit of each post of each area, as one may see them."""
    distinct = list(dict.fromkeys(code for code in codes if code))
    if not distinct:
        return [[] for _ in codes]
    counts, shown = people_of(distinct, posts, roster, audience, lang)
    vacant = say("publishing.word_vacant", lang)
    words = (texts(shown[c]) for c in ("role", "slot", "name", "phone", "responsible_unit"))
    rows = [
        [role, slot, name or vacant, phone or "—", unit]
        for role, slot, name, phone, unit in zip(*words, strict=True)
    ]
    ends = np.cumsum(counts)
    held = {code: rows[end - n : end] for code, end, n in zip(distinct, ends, counts, strict=True)}
    return [held.get(code, []) for code in codes]


def _page(board: _Board, row: int, card: _Card) -> Sheet:
    large = min(side / drawn for side, drawn in zip(board.sides, PAGE_MM, strict=True))
    width, height = board.sides
    sheet = Sheet(width / large, height / large, board.letters, enlarge=large)
    wide, high = PAGE_MM
    sheet.box(EDGE_MM, EDGE_MM, wide - 2 * EDGE_MM, high - 2 * EDGE_MM, edge=BLUE, thick=2.2)
    sheet.box(EDGE_MM, EDGE_MM, wide - 2 * EDGE_MM, 26, fill=BLUE)
    title = sheet.letters.fit(board.title, 25, wide - 2 * PAD_MM - 12)
    sheet.text(wide / 2, EDGE_MM + 16.5, title, 25, colour="#ffffff", bold=True, across="center")
    _write_identity(sheet, board, card)
    _draw_map(sheet, board, row)
    _write_bounds(sheet, board, card)
    _write_people(sheet, board, card)
    _write_end(sheet, board)
    return sheet


def _write_identity(sheet: Sheet, board: _Board, card: _Card) -> None:
    """Write the name of the cell, and a line with its code, community and area."""
    inner = PAGE_MM[0] - 2 * PAD_MM
    sheet.text(
        PAD_MM, 47, sheet.letters.fit(card.name, 20, inner * 0.93), 20, bold=True, colour=BLUE
    )
    lang = board.lang
    hectares = say("publishing.word_hectares", lang, value=f"{short(card.hectares):,}")
    facts = [
        (say("publishing.notice_code", lang), card.code),
        (say("publishing.word_community", lang), card.community or "—"),
        (say("publishing.word_area", lang), hectares),
    ]
    for (share, room), (label, text) in zip(FACTS, facts, strict=True):
        x = PAD_MM + share * inner
        sheet.text(x, 56.5, label, 9, colour=SOFT)
        gap = sheet.letters.ems(label) * 9 * MM_PER_POINT + 2
        sheet.text(x + gap, 56.5, sheet.letters.fit(text, 11, room * inner - gap), 11)


def _draw_map(sheet: Sheet, board: _Board, row: int) -> None:
    """Draw the cell among its neighbours."""
    cells = board.cells
    shapes = cells.geometry.to_numpy()
    own = shapes[[row]]
    window = open_window(
        shapely.total_bounds(own).tolist(),
        cells.crs,
        MAP_MM[2:],
        margin=AROUND,
        enlarge=sheet.enlarge,
    )
    picture = Picture(sheet, window, MAP_MM)
    near = np.sort(board.tree.query(window.frame))
    others = near[near != row]
    picture.fill(np.array([window.frame], dtype=object), "#ffffff")
    picture.fill(window.clip(shapes[others]), OTHERS)
    picture.fill(own, OWN)
    board.base.draw_ground(picture, building=HOUSES)
    picture.stroke(window.clip(shapes[others]), EDGES, 0.5, dashes=(3, 2))
    board.base.draw_streets(picture)
    board.base.draw_communities(picture)
    picture.stroke(own, "#ffffff", 4.0)
    picture.stroke(own, RED, 2.4)
    _write_names(picture, board, row, others)
    x, y, wide, high = MAP_MM
    sheet.box(x + wide - 17, y + 3, 14, 20, fill="#ffffffd9")
    draw_north(sheet, window, x + wide - 10, y + 14, 13, board.lang)
    sheet.box(x + 3, y + high - 16, SCALE_MM, 13, fill="#ffffffd9")
    draw_scale(sheet, window, x + 3, y + high - 9.5, SCALE_MM, 0.9, board.lang)
    picture.frame()


def _write_names(picture: Picture, board: _Board, row: int, others: NDArray[np.intp]) -> None:
    """Write the numbers of the cell and its neighbours, and the names of streets."""
    x, y, wide, high = MAP_MM
    names = Names(picture)
    names.keep(picture.land(x + wide - 18, y + 2, 16, 22))
    names.keep(picture.land(x + 2, y + high - 17, SCALE_MM + 2, 15))
    shapes = board.cells.geometry.to_numpy()
    middle = shapely.get_point(shapely.maximum_inscribed_circle(shapes[row], tolerance=1), 0)
    names.at(board.labels[row], middle, 17, colour=RED, halo="#ffffff", bold=True)
    names.streets(board.base, 8, apart_mm=80, rims=shapes[row].boundary)
    for other, shape in zip(others, picture.window.clip(shapes[others]), strict=True):
        if not shape.is_empty:
            point = shape.representative_point()
            names.at(board.labels[other], point, 8.5, colour=SOFT, inside=shape)


def _write_bounds(sheet: Sheet, board: _Board, card: _Card) -> None:
    y, inner = MAP_MM[1] + MAP_MM[3] + 4, PAGE_MM[0] - 2 * PAD_MM
    sheet.box(PAD_MM, y, inner, 21, fill=PALE)
    sheet.box(PAD_MM, y, 24, 21, fill=BLUE)
    label = say("publishing.notice_bounds", board.lang)
    sheet.letter(sheet.axes, PAD_MM + 12, y + 10.5, label, 13, colour="#ffffff", bold=True)
    lines = sheet.letters.wrap(card.bounds, 11, inner - 34, 3)
    top = y + 10.5 - (len(lines) - 1) * 2.9
    for k, line in enumerate(lines):
        sheet.text(PAD_MM + 29, top + 5.8 * k, line, 11, along="center_baseline")


def _write_people(sheet: Sheet, board: _Board, card: _Card) -> None:
    """Write a table of the people; rows get lower where there are many, and the rest is counted."""
    lang, (top, bottom) = board.lang, TABLE_MM
    most = int((bottom - top) / ROW_MM[1]) - 1
    rows = card.people
    if len(rows) > most:
        rest = say("publishing.notice_more", lang, n=len(rows) - most + 1)
        rows = [*rows[: most - 1], [rest, "", "", "", ""]]
    high = min(ROW_MM[0], (bottom - top) / (len(rows) + 1))
    points = min(11.5, high * 1.45)
    heads = [
        say("publishing.notice_role", lang),
        say("publishing.notice_hours", lang),
        say("publishing.notice_name", lang),
        say("publishing.notice_phone", lang),
        say("publishing.notice_unit", lang),
    ]
    inner = PAGE_MM[0] - 2 * PAD_MM
    sheet.box(PAD_MM, top, inner, high, fill=PALE)
    for k, row in enumerate([heads, *rows]):
        level = top + (k + 0.5) * high
        for j, text in enumerate(row):
            left, right = (PAD_MM + share * inner for share in COLUMNS[j : j + 2])
            bold, colour = k == 0 or j == 2, BLUE if k == 0 else INK
            fitted, size = _shrunk(sheet, text, points, (right - left - 4) * (0.94 if bold else 1))
            sheet.text(
                left + 2.5, level, fitted, size, bold=bold, colour=colour, along="center_baseline"
            )
        sheet.line((PAD_MM, PAD_MM + inner), (level + high / 2,) * 2, colour=RULE, thick=0.5)


def _shrunk(sheet: Sheet, text: str, points: float, width: float) -> tuple[str, float]:
    """Return a text and the size of letters at which it is not wider, cut where it must be."""
    wide = sheet.letters.ems(sheet.letters.clean(text)) * points * MM_PER_POINT
    size = points * float(np.clip(width / max(wide, 1e-9), LEAST_SHRUNK, 1))
    return sheet.letters.fit(text, size, width + 0.01), size


def _write_end(sheet: Sheet, board: _Board) -> None:
    """Write whom to call, who issued the card and when, and what is masked."""
    right, half = PAGE_MM[0] - PAD_MM, (PAGE_MM[0] - 2 * PAD_MM) / 2
    if board.hotline:
        text = say("publishing.notice_hotline", board.lang, number=board.hotline)
        text = sheet.letters.fit(text, 18, half)
        sheet.text(PAD_MM, 276, text, 18, bold=True, colour=RED)
    lines = [line for line in board.foot if line]
    y = 276 - 5 * (len(lines) - 1)
    for line in lines:
        sheet.text(right, y, sheet.letters.fit(line, 10, half), 10, across="right")
        y += 5
    notes = sheet.letters.fit(board.notes, 7, 2 * half)
    sheet.text(PAD_MM, 284, notes, 7, colour=SOFT)
