"""A sheet of paper, drawn on in millimetres from its upper left corner; PNG, PDF or SVG."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import OptionError
from ..files import atomic_path
from ..messages import message, say
from .lettering import MM_PER_POINT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from ..errors import Lang
    from .lettering import Letters

__all__ = [
    "INK",
    "SOFT",
    "Sheet",
    "day_words",
    "paper_size",
    "require_suffix",
    "save_sheet",
    "save_sheets",
    "settings",
]

SIZES_MM = {"A5": (148, 210), "A4": (210, 297), "A3": (297, 420)}
INK, SOFT = "#24282e", "#626a75"
DPI = (50, 1200)
_SETTINGS: dict[Any, Any] = {
    "text.hinting": "no_hinting",
    "text.parse_math": False,
    "text.usetex": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "gridkit",
    "path.simplify": False,
    "pdf.compression": 6,
}


def paper_size(size: str, among: Sequence[str]) -> tuple[float, float]:
    """Return the shorter and the longer side of a size of paper, in millimetres."""
    if size not in among:
        choices = ", ".join(among)
        raise OptionError(*message("options.unknown", name="size", value=size, choices=choices))
    return SIZES_MM[size]


def require_suffix(path: str | Path, among: Sequence[str]) -> str:
    """Return the ending of a path when a sheet can be saved so."""
    suffix = Path(path).suffix.lower()
    if suffix not in among:
        choices = ", ".join(among)
        raise OptionError(*message("publishing.print_suffix", path=path, choices=choices))
    return suffix


def day_words(date: str | dt.date | None, lang: Lang) -> str:
    """Return a date as printed: a day in the words of the language, a text as it is."""
    if isinstance(date, dt.date):
        day = {"year": date.year, "month": date.month, "day": date.day}
        return say("publishing.bulletin_day", lang, **day)
    return date or ""


@contextlib.contextmanager
def settings() -> Iterator[None]:
    """Hold matplotlib's own defaults and ours: what a user has set shapes no sheet."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


class Sheet:
    """One page; to be made and drawn on inside `settings`.

    Attributes
    ----------
    width, height : float
        In millimetres, before enlarging: an A3 notice is drawn as an A4 one at 141 %.
    """

    def __init__(
        self, width: float, height: float, letters: Letters, *, enlarge: float = 1.0
    ) -> None:
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        self.letters = letters
        self.enlarge = enlarge
        inches = (width * enlarge / 25.4, height * enlarge / 25.4)
        self.figure = Figure(figsize=inches, facecolor="white")
        self.axes = self.figure.add_axes((0, 0, 1, 1), zorder=2)
        self.axes.set_axis_off()
        self.axes.patch.set_visible(False)
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)

    def add_map(self, x: float, y: float, width: float, height: float) -> Axes:
        """Return axes for a map in a rectangle given by its upper left corner."""
        place = (
            x / self.width,
            1 - (y + height) / self.height,
            width / self.width,
            height / self.height,
        )
        axes = self.figure.add_axes(place, zorder=1)
        axes.set_axis_off()
        return axes

    def text(
        self,
        x: float,
        y: float,
        text: object,
        points: float,
        *,
        colour: str = INK,
        bold: bool = False,
        across: str = "left",
        along: str = "baseline",
    ) -> Text:
        """Write a line of text; `across` and `along` say which of its points lies at (x, y)."""
        return self.letter(
            self.axes, x, y, text, points, colour=colour, bold=bold, across=across, along=along
        )

    def letter(
        self,
        axes: Axes,
        x: float,
        y: float,
        text: object,
        points: float,
        *,
        colour: str = INK,
        bold: bool = False,
        across: str = "center",
        along: str = "center_baseline",
        turn: float = 0.0,
        halo: str | None = None,
    ) -> Text:
        """Write a line of text on any axes of this sheet, turned, with a rim of another colour."""
        from matplotlib.patheffects import withStroke

        written = axes.text(
            x,
            y,
            self.letters.clean(text),
            fontsize=points * self.enlarge,
            color=colour,
            family=self.letters.families,
            weight="bold" if bold else "normal",
            ha=across,
            va=along,
            rotation=turn,
            rotation_mode="anchor",
            parse_math=False,
            clip_on=axes is not self.axes,
        )
        if halo is not None:
            rim = withStroke(linewidth=points * self.enlarge * 0.3, foreground=halo)
            written.set_path_effects([rim])
        return written

    def lines(
        self,
        x: float,
        y: float,
        text: object,
        points: float,
        width: float,
        *,
        most: int = 2,
        colour: str = INK,
        bold: bool = False,
        spacing: float = 1.4,
    ) -> float:
        """Write a text broken to a width, from its first base line down; return the next one."""
        for line in self.letters.wrap(text, points, width, most):
            self.text(x, y, line, points, colour=colour, bold=bold)
            y += points * MM_PER_POINT * spacing
        return y

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "none",
        edge: str = "none",
        thick: float = 0.6,
    ) -> None:
        """Draw a rectangle given by its upper left corner; `thick` in points."""
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        self.shape(corners, fill=fill, edge=edge, thick=thick)

    def shape(
        self,
        corners: Iterable[tuple[float, float]],
        *,
        fill: str = "none",
        edge: str = "none",
        thick: float = 0.6,
        name: str | None = None,
    ) -> None:
        """Draw a polygon; `name` is its id in an SVG."""
        from matplotlib.patches import Polygon

        drawn = Polygon(
            np.array(list(corners)),
            closed=True,
            facecolor=fill,
            edgecolor=edge,
            linewidth=thick * self.enlarge,
            joinstyle="miter",
            gid=name,
        )
        self.axes.add_patch(drawn)

    def line(
        self,
        x: Sequence[float],
        y: Sequence[float],
        *,
        colour: str = INK,
        thick: float = 0.6,
        dashes: tuple[float, ...] | None = None,
    ) -> None:
        """Draw a line; `dashes` in points, on and off."""
        from matplotlib.lines import Line2D

        style: Any = "-" if dashes is None else (0, tuple(d * self.enlarge for d in dashes))
        drawn = Line2D(x, y, color=colour, linewidth=thick * self.enlarge, linestyle=style)
        drawn.set_solid_capstyle("butt")
        drawn.set_dash_capstyle("butt")
        self.axes.add_line(drawn)


def save_sheet(sheet: Sheet, path: str | Path, *, title: str, dpi: int) -> Path:
    """Save one sheet in the format of its ending; equal sheets give equal bytes.

    Raises
    ------
    FileError
        It cannot be written; nothing is left behind.
    OptionError
        `dpi` cannot be used.
    """
    if not DPI[0] <= dpi <= DPI[1]:
        low, high = DPI
        raise OptionError(*message("publishing.print_dpi", value=dpi, low=low, high=high))
    kind = Path(path).suffix.lower()
    facts: dict[str, dict[str, Any]] = {
        ".png": {"Software": None},
        ".svg": {"Date": None, "Creator": "gridkit"},
        ".pdf": _pdf_facts(sheet.letters.clean(title)),
    }
    with atomic_path(path) as temporary, settings():
        sheet.figure.savefig(temporary, format=kind[1:], dpi=dpi, metadata=facts[kind])
    return Path(path)


def save_sheets(sheets: Iterable[Sheet], path: str | Path, *, title: str) -> Path:
    """Save sheets, made one after the other, as the pages of one PDF.

    Raises
    ------
    FileError
        It cannot be written; nothing is left behind.
    """
    from matplotlib.backends.backend_pdf import PdfPages

    with (
        atomic_path(path) as temporary,
        settings(),
        PdfPages(temporary, metadata=_pdf_facts(title)) as pages,
    ):
        for sheet in sheets:
            pages.savefig(sheet.figure)
    return Path(path)


def _pdf_facts(title: str) -> dict[str, Any]:
    return {"Title": title, "CreationDate": None, "Creator": "gridkit", "Producer": None}
