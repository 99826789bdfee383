"""Letters on paper: which fonts to draw a text with, and lines cut and broken to a width."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from typing import Any

from ..errors import FileError, OptionError
from ..messages import message

__all__ = ["Letters", "require_matplotlib"]

# Sans first: they stay legible when small.
FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "Microsoft YaHei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti SC",
    "STHeiti",
    "SimHei",
    "DengXian",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "Noto Sans CJK JP",
    "Noto Serif CJK SC",
    "Noto Serif SC",
    "Source Han Serif SC",
    "Songti SC",
    "STSong",
    "SimSun",
    "NSimSun",
    "KaiTi",
    "FangSong",
    "Noto Serif CJK JP",
    "AR PL UMing CN",
    "AR PL UKai CN",
    "Arial Unicode MS",
)
LATIN = "DejaVu Sans"  # comes with matplotlib
BOX = "□"  # U+25A1, in place of a character that no font has
SAMPLE = "网"
MM_PER_POINT = 25.4 / 72
_WORDS = re.compile(r"[^\W\u2e80-\uffef]+|.", re.DOTALL)
_NEVER_FIRST = frozenset("，。、；：！？）】》”’,.;:!?)]}%…")


def require_matplotlib() -> None:
    """Raise unless matplotlib is installed.

    Raises
    ------
    OptionError
        It is not; the message says how to install it.
    """
    try:
        import matplotlib as mpl  # noqa: F401 - looked for only
    except ImportError as error:
        raise OptionError(*message("publishing.needs_matplotlib")) from error


def installed() -> list[str]:
    """Return the families to draw with: the first Chinese one of this system, then Latin letters.

    Fonts that were installed after matplotlib last looked are found, too.
    """
    from matplotlib import font_manager

    known = {entry.name for entry in font_manager.fontManager.ttflist}
    if not known & set(FAMILIES):
        listed = {str(entry.fname) for entry in font_manager.fontManager.ttflist}
        for path in sorted(set(font_manager.findSystemFonts()) - listed):
            with contextlib.suppress(OSError, RuntimeError, ValueError, KeyError):
                font_manager.fontManager.addfont(path)
        known = {entry.name for entry in font_manager.fontManager.ttflist}
    return [*[name for name in FAMILIES if name in known][:1], LATIN]


class Letters:
    """The fonts of one document, and what they lack.

    Attributes
    ----------
    families : list of str
        In the order in which a character is looked for.
    """

    def __init__(self) -> None:
        from matplotlib import font_manager

        self.families = installed()
        self._fonts: list[Any] = []
        for name in self.families:
            path = font_manager.findfont(font_manager.FontProperties(family=[name]))
            self._fonts.append(font_manager.get_font(path))
        self._chinese = self._known(SAMPLE)
        self._seen: dict[str, str] = {}
        self._wide: dict[str, float] = {}

    def _known(self, character: str) -> bool:
        return any(font.get_char_index(ord(character)) for font in self._fonts)

    def clean(self, text: object) -> str:
        """Return `text` as it can be drawn: in one line, without control characters.

        A character that no font has, such as an emoji, becomes a box.

        Raises
        ------
        FileError
            The text is Chinese and no font of this system is.
        """
        written = str(text)
        for character in set(written) - self._seen.keys():
            self._seen[character] = self._look_up(character)
        return " ".join("".join(self._seen[c] for c in written).split())

    def _look_up(self, character: str) -> str:
        kind = unicodedata.category(character)
        if kind[0] in "CZ":
            return " " if kind in ("Cc", "Zs", "Zl", "Zp") else ""
        if self._known(character):
            return character
        wide = unicodedata.east_asian_width(character) in "WF"
        if wide and kind != "So" and not self._chinese:
            raise FileError(*message("publishing.no_chinese_font", character=character))
        return "" if kind == "Mn" else BOX

    def ems(self, text: str) -> float:
        """Return how wide a text is, as a multiple of its size."""
        for character in set(text) - self._wide.keys():
            self._wide[character] = self._advance(character)
        return sum(self._wide[c] for c in text)

    def _advance(self, character: str) -> float:
        for font in self._fonts:
            if font.get_char_index(ord(character)):
                font.set_size(100, 72)
                return float(font.load_char(ord(character)).linearHoriAdvance) / 65536 / 100
        return 1.0

    def fit(self, text: object, points: float, width_mm: float) -> str:
        """Return `text` cut with … so that it is at most so wide."""
        return self.wrap(text, points, width_mm, 1)[0]

    def wrap(self, text: object, points: float, width_mm: float, most: int) -> list[str]:
        """Return `text` in lines of a width; what is beyond `most` lines is cut with ….

        Lines break between Chinese characters, and between the words of other scripts.
        """
        ems, room = self.ems, width_mm / (points * MM_PER_POINT)
        # What cannot be drawn any more need not be measured.
        words = _WORDS.findall(self.clean(text)[: int(room * most * 4) + 8])
        lines = [""]
        for word in words:
            hangs = word in _NEVER_FIRST and 0 < ems(lines[-1]) <= room
            if hangs or ems(lines[-1] + word) <= room:
                lines[-1] += word
                continue
            for piece in [word] if ems(word) <= room else word:
                if lines[-1] and ems(lines[-1] + piece) > room:
                    lines.append("")
                lines[-1] += piece.lstrip() if not lines[-1] else piece
        if len(lines) <= most:
            return [line.rstrip() for line in lines]
        last = lines[most - 1]
        while last and ems(last + "…") > room:
            last = last[:-1]
        return [line.rstrip() for line in lines[: most - 1]] + [last.rstrip() + "…"]
