"""A bulletin as a DOCX that Word and WPS open: its headings, sentences and tables, on A4."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from ..errors import OptionError
from ..files import atomic_path
from ..messages import message

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_docx"]

_MADE = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - fixed, so that equal pages give equal bytes
_PAGE_MM, _MARGIN_MM = (210, 297), 20
_SPOKEN = {"h1", "h2", "p", "li", "footer"}


@dataclass
class _Table:
    rows: list[list[str]] = field(default_factory=list)
    figures: list[list[bool]] = field(default_factory=list)
    heads: int = 0


class _Reader(HTMLParser):
    """Reads the pages that `gridkit.publishing.markup` writes; charts are left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[tuple[str, Any]] = []
        self.lang = "zh-CN"
        self._text: list[str] | None = None
        self._skipped = 0
        self._table: _Table | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.lang = given.get("lang") or self.lang
        if tag in ("svg", "head"):
            self._skipped += 1
        elif tag == "table":
            self._table = _Table()
        elif tag == "tr" and self._table is not None:
            self._table.rows.append([])
            self._table.figures.append([])
        elif tag in ("td", "th") and self._table is not None:
            self._text = []
            self._table.figures[-1].append(given.get("class") == "n")
            self._table.heads += tag == "th" and len(self._table.rows) > self._table.heads
        elif tag in _SPOKEN:
            self._text = []
        elif tag == "span" and self._text:
            self._text.append("  ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("svg", "head"):
            self._skipped -= 1
        elif tag == "table" and self._table is not None:
            self.blocks.append(("table", self._table))
            self._table = None
        elif tag in ("td", "th") and self._table is not None:
            self._table.rows[-1].append("".join(self._text or []).strip())
            self._text = None
        elif tag in _SPOKEN and self._text is not None:
            text = "".join(self._text).strip()
            if text:
                self.blocks.append((tag, text))
            self._text = None

    def handle_data(self, data: str) -> None:
        if self._text is not None and not self._skipped:
            self._text.append(data)


def write_docx(page: str, path: str | Path) -> None:
    """Write a page as DOCX; equal pages give equal bytes.

    Parameters
    ----------
    page : str
        HTML as `bulletin` writes it. Charts are left out, their figures stand in the tables.
    path : path

    Raises
    ------
    OptionError
        The package python-docx is not installed.
    FileError
        The file cannot be written.
    """
    try:
        import docx
    except ImportError as error:
        raise OptionError(*message("publishing.needs_docx")) from error
    reader = _Reader()
    reader.feed(page)
    document = docx.Document()
    _set_up(document, reader.lang)
    for kind, what in reader.blocks:
        if kind == "table":
            _add_table(document, what)
        else:
            _add_text(document, kind, what)
    plain = io.BytesIO()
    document.save(plain)
    with atomic_path(path) as temporary:
        temporary.write_bytes(_timeless(plain.getvalue()))


def _set_up(document: Any, lang: str) -> None:
    from docx.oxml.ns import qn
    from docx.shared import Mm, Pt

    section = document.sections[0]
    section.page_width, section.page_height = (Mm(n) for n in _PAGE_MM)
    for side in ("left", "right", "top", "bottom"):
        setattr(section, f"{side}_margin", Mm(_MARGIN_MM))
    for name, size in (("Normal", 10.5), ("Title", 20), ("Heading 1", 14)):
        style = document.styles[name]
        style.font.size = Pt(size)
        style.font.name = "Times New Roman"
        east = "宋体" if name == "Normal" else "黑体"
        style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), east)
    facts = document.core_properties
    facts.created = facts.modified = _MADE
    facts.author = facts.last_modified_by = "gridkit"
    facts.language, facts.comments = lang, ""


def _add_text(document: Any, kind: str, text: str) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH

    if kind == "h1":
        document.add_paragraph(text, style="Title").alignment = WD_ALIGN_PARAGRAPH.CENTER
    elif kind == "h2":
        document.add_heading(text, level=1)
    elif kind == "li":
        document.add_paragraph(text, style="List Bullet")
    else:
        document.add_paragraph(text)


def _add_table(document: Any, table: _Table) -> None:
    """Add a table; a column that only held drawings is left out, the head repeats on each page."""
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn
    from docx.shared import Pt

    wide = max(len(row) for row in table.rows)
    kept = [j for j in range(wide) if any(j < len(row) and row[j] for row in table.rows)]
    made = document.add_table(rows=len(table.rows), cols=len(kept))
    made.style = "Table Grid"
    for i, (row, figures) in enumerate(zip(table.rows, table.figures, strict=True)):
        cells = made.rows[i].cells
        for cell, j in zip(cells, kept, strict=True):
            paragraph = cell.paragraphs[0]
            run = paragraph.add_run(row[j] if j < len(row) else "")
            run.font.size, run.bold = Pt(9), i < table.heads
            if j < len(figures) and figures[j]:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
        if i < table.heads:
            repeat = OxmlElement("w:tblHeader")
            repeat.set(qn("w:val"), "true")
            made.rows[i]._tr.get_or_add_trPr().append(repeat)  # noqa: SLF001 - no other way
    document.add_paragraph("")


def _timeless(data: bytes) -> bytes:
    """Return the same package with one time on all its parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.infolist():
            info = zipfile.ZipInfo(part.filename, (2000, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, old.read(part.filename))
    return out.getvalue()
