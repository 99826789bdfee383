"""What stands beside a printed map: legend, north arrow and scale bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..messages import say
from .content import short
from .palette import DENSITY, ramp
from .paper import INK, SOFT
from .windows import round_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..errors import Lang
    from .paper import Sheet
    from .windows import Window

__all__ = ["Legend", "Row", "draw_north", "draw_scale"]

ROW_MM, SWATCH_MM = 5.0, (8.0, 3.6)
STEPS = 4  # pieces of the scale bar, dark and light


class Row(NamedTuple):
    """One line of a legend."""

    colour: str
    text: str
    figure: str = ""
    sign: str = "swatch"


class Legend:
    """Writes blocks of a legend, in `unit` millimetres for one at A4."""

    def __init__(self, sheet: Sheet, unit: float) -> None:
        self.sheet, self.unit = sheet, unit

    def figures(
        self,
        x: float,
        y: float,
        width: float,
        label: str,
        rows: Sequence[Row],
        note: str,
        stops: Sequence[float],
    ) -> float:
        """Write what the colours mean, from the upper left corner down; return where it ends."""
        unit, sheet = self.unit, self.sheet
        y = sheet.lines(x, y + 3.2 * unit, label, 10 * unit, width, bold=True)
        if stops:
            y = self._scale(x, y - 2 * unit, stops)
        y = self._rows(x, y - 2 * unit, width, rows)
        if note:
            y = sheet.lines(x, y + 3 * unit, note, 6.5 * unit, width, most=4, colour=SOFT)
        return y

    def signs(self, x: float, y: float, width: float, rows: Sequence[Row]) -> float:
        """Write what lines and areas mean."""
        return self._rows(x, y, width, rows)

    def _rows(self, x: float, y: float, width: float, rows: Sequence[Row]) -> float:
        unit, sheet = self.unit, self.sheet
        wide, high = (side * unit for side in SWATCH_MM)
        for row in rows:
            self._sign(row, x, y, wide, high)
            room = width - wide - (14 if row.figure else 3) * unit
            text = sheet.letters.fit(row.text, 8 * unit, room)
            base = y + high / 2
            left = x + wide + 3 * unit
            sheet.text(left, base, text, 8 * unit, along="center_baseline")
            if row.figure:
                sheet.text(
                    x + width,
                    base,
                    row.figure,
                    7.5 * unit,
                    colour=SOFT,
                    across="right",
                    along="center_baseline",
                )
            y += ROW_MM * unit
        return y

    def _sign(self, row: Row, x: float, y: float, wide: float, high: float) -> None:
        sheet, middle = self.sheet, y + high / 2
        if row.sign == "swatch":
            sheet.box(x, y, wide, high, fill=row.colour, edge="#8a8a86", thick=0.4)
            return
        ends, level = (x, x + wide), (middle, middle)
        if row.sign == "street":
            sheet.line(ends, level, colour="#b8b1a5", thick=3.2)
            sheet.line(ends, level, colour=row.colour, thick=2.4)
            return
        thick = {"line": 0.5, "dashes": 1.0, "thick": 1.8}[row.sign]
        dashes = (5.0, 2.5) if row.sign == "dashes" else None
        sheet.line(ends, level, colour=row.colour, thick=thick, dashes=dashes)

    def _scale(self, x: float, y: float, stops: Sequence[float]) -> float:
        """Draw the colours of a heat map, dense ones at the top, with the value of each stop."""
        unit, sheet = self.unit, self.sheet
        step, wide = 5.4 * unit, SWATCH_MM[0] * unit
        high = step * (len(stops) - 1)
        y += 1.2 * unit
        colours = ramp(DENSITY, 64)[::-1]
        for k, colour in enumerate(colours):
            piece = high / len(colours)
            sheet.box(x, y + k * piece, wide, piece, fill=colour, edge=colour, thick=0.3)
        for k, stop in enumerate(reversed(stops)):
            level = y + k * step
            sheet.line((x + wide, x + wide + unit), (level, level), thick=0.5)
            text = f"{short(stop):,}"
            sheet.text(x + wide + 2 * unit, level, text, 8 * unit, along="center_baseline")
        return y + high + 4 * unit


def draw_north(sheet: Sheet, window: Window, x: float, y: float, length: float, lang: Lang) -> None:
    """Draw an arrow to true north around (x, y), with its letter at the tip."""
    turn = np.radians(window.north_turn)
    # Paper is measured downwards: up is -y.
    ahead = np.array([np.sin(turn), -np.cos(turn)])
    aside = np.array([np.cos(turn), np.sin(turn)])
    middle = np.array([x, y])
    tip, tail = middle + ahead * length * 0.4, middle - ahead * length * 0.4
    notch = middle - ahead * length * 0.22
    for side, fill in ((-1, INK), (1, "#ffffff")):
        wing = tail + side * aside * length * 0.22
        corners = [tuple(tip), tuple(wing), tuple(notch)]
        name = "north" if side < 0 else None
        sheet.shape(corners, fill=fill, edge=INK, thick=0.6, name=name)
    letter_x, letter_y = tip + ahead * length * 0.2
    text = say("publishing.word_north", lang)
    points = length * 0.62
    sheet.text(
        float(letter_x),
        float(letter_y),
        text,
        points,
        bold=True,
        across="center",
        along="center_baseline",
    )


def draw_scale(
    sheet: Sheet, window: Window, x: float, y: float, width: float, unit: float, lang: Lang
) -> None:
    """Draw a bar of a round length on the ground, from (x, y) to the right, and the ratio."""
    mm_per_metre = 1000 / window.ratio / sheet.enlarge
    length = round_length((width - 6 * unit) / mm_per_metre)
    step, high = length * mm_per_metre / STEPS, 1.6 * unit
    left = x + (width - step * STEPS) / 2
    for k in range(STEPS):
        corners = [
            (left + k * step, y),
            (left + (k + 1) * step, y),
            (left + (k + 1) * step, y + high),
            (left + k * step, y + high),
        ]
        fill = INK if k % 2 == 0 else "#ffffff"
        sheet.shape(corners, fill=fill, edge=INK, thick=0.5, name=f"scale-{k}")
    far = length >= 1000
    metres = say("publishing.print_km", lang) if far else say("publishing.print_m", lang)
    for share in (0, 0.5, 1):
        number = f"{length * share / (1000 if far else 1):,.4g}"
        text = f"{number} {metres}" if share == 1 else number
        sheet.text(left + step * STEPS * share, y - 1.4 * unit, text, 7 * unit, across="center")
    ratio = say("publishing.print_scale", lang, ratio=f"{window.ratio:,.0f}")
    middle = left + step * STEPS / 2
    sheet.text(middle, y + high + 4.4 * unit, ratio, 8.5 * unit, across="center", bold=True)
