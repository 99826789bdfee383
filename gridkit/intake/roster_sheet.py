"""An empty roster to fill: headers, what they mean, and lists to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import FileError
from ..files import atomic_path
from ..messages import message, require_lang
from ..rules import load_roles
from ..tables import ROSTER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..errors import Lang
    from ..rules import Role

__all__ = ["roster_template"]

ROWS = 2_000
_PLACE = {"longitude": ("经度", "Longitude"), "latitude": ("纬度", "Latitude")}


def roster_template(
    path: str | Path, *, roles: Mapping[str, Role] | None = None, lang: Lang = "zh"
) -> None:
    """Write an empty roster as XLSX, to be filled and read by `read_roster`.

    The first sheet has the headers alone, a list to choose roles from, and text columns for
    numbers that must not become figures (ids, phones). The second says what each column means.

    Parameters
    ----------
    path : path
        An ``.xlsx`` file; one that is there is replaced.
    roles : mapping of code → Role, optional
        `load_roles` by default.
    lang : {"zh", "en"}
        Language of headers and notes.

    Raises
    ------
    FileError
        Another suffix, or the file cannot be written.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from gridkit import roster_template
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "名册.xlsx")
    ...     roster_template(path)
    ...     path.stat().st_size > 5_000
    True
    """
    import xlsxwriter

    lang = require_lang(lang)
    if not str(path).lower().endswith(".xlsx"):
        raise FileError(*message("intake.template_suffix", path=path))
    known = load_roles() if roles is None else roles
    choices = [role.zh if lang == "zh" else role.code for role in known.values()]
    with atomic_path(path) as temporary:
        book = xlsxwriter.Workbook(str(temporary), {"strings_to_formulas": False})
        _fill(book, _columns(lang), choices, lang)
        book.close()


def _columns(lang: Lang) -> list[tuple[str, str, bool]]:
    """Return header, meaning and whether it is needed, for each column."""
    listed = [
        (
            column.zh if lang == "zh" else column.name,
            message(_MEANING[column.name]).text(lang),
            column.required,
        )
        for column in ROSTER.columns
    ]
    for name, (zh, en) in _PLACE.items():
        header = zh if lang == "zh" else en
        listed.append((header, message(_MEANING[name]).text(lang), False))
    return listed


_MEANING = {
    "person_id": "intake.means_person_id",
    "role": "intake.means_role",
    "name": "intake.means_name",
    "responsible_unit": "intake.means_unit",
    "phone": "intake.means_phone",
    "max_areas": "intake.means_max_areas",
    "community_code": "intake.means_community",
    "street_code": "intake.means_street",
    "slots": "intake.means_slots",
    "leave": "intake.means_leave",
    "qualifications": "intake.means_qualifications",
    "backup_id": "intake.means_backup",
    "supervisor_id": "intake.means_supervisor",
    "valid_from": "intake.means_valid_from",
    "valid_to": "intake.means_valid_to",
    "longitude": "intake.means_longitude",
    "latitude": "intake.means_latitude",
}


def _fill(book: Any, columns: list[tuple[str, str, bool]], choices: list[str], lang: Lang) -> None:
    head = book.add_format({"bold": True, "bg_color": "#DCE6F1", "border": 1, "num_format": "@"})
    needed = book.add_format({"bold": True, "bg_color": "#FCE4D6", "border": 1, "num_format": "@"})
    text = book.add_format({"num_format": "@"})
    sheet = book.add_worksheet(message("intake.template_sheet").text(lang))
    notes = book.add_worksheet(message("intake.template_notes").text(lang))
    sheet.freeze_panes(1, 0)
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    notes.set_column(0, 0, 18)
    notes.set_column(1, 1, 90, wrapped)
    for at, (header, meaning, required) in enumerate(columns):
        sheet.write_string(0, at, header, needed if required else head)
        sheet.set_column(at, at, max(12, 2 * len(header) + 4), text)
        notes.write_string(at, 0, header)
        notes.write_string(at, 1, meaning)
    sheet.data_validation(1, 1, ROWS, 1, {"validate": "list", "source": choices})
