"""Every exception and warning that gridkit raises.

::

    Exception
    └── GridkitError            anything gridkit refuses; catch this one
        ├── FileError           a file or layer that cannot be read or written
        ├── SchemaError         a table without a needed column, with bad values or repeated keys
        ├── CRSError            coordinates: no CRS, degrees where metres are needed, unknown datum
        ├── GeometryError       empty, invalid or overlapping shapes
        ├── OptionError         an argument whose value cannot be used
        └── MoveError           a move of a case that its process or its state forbids
            └── ConflictError   somebody else moved the case first
    UserWarning
    └── GridkitWarning          something a person should look at; the work went on

An error carries its sentence in English and in Chinese: ``str(error)`` shows both, one a line,
``error.text("zh")`` one of them. Sentences come from the catalogue in :mod:`gridkit.messages`:
``raise SchemaError(*message("tables.missing_columns", …))``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CRSError",
    "ConflictError",
    "FileError",
    "GeometryError",
    "GridkitError",
    "GridkitWarning",
    "MoveError",
    "OptionError",
    "SchemaError",
    "raise_all",
]

Lang = Literal["en", "zh"]


class _Bilingual(Exception):  # noqa: N818 - the warning is made of it too
    """Two sentences that say the same; mixed into errors and warnings."""

    def __init__(self, en: str, zh: str = "") -> None:
        super().__init__(en, zh)
        self.en = en
        self.zh = zh or en

    def text(self, lang: Lang = "en") -> str:
        """Return the sentence in one language, ``"en"`` or ``"zh"``."""
        return self.zh if lang == "zh" else self.en

    def __str__(self) -> str:
        return self.en if self.zh == self.en else f"{self.en}\n{self.zh}"


class GridkitError(_Bilingual):
    """Base of every error that gridkit raises.

    Examples
    --------
    >>> from gridkit import GridkitError
    >>> GridkitError("no such cell", "没有这个网格").text("zh")
    '没有这个网格'
    """


class FileError(GridkitError):
    """A file or a layer cannot be read or written.

    Examples
    --------
    >>> import gridkit as gk
    >>> try:
    ...     gk.read_district("nowhere.gpkg")
    ... except gk.FileError as error:
    ...     print(error.text("en").splitlines()[0])
    nowhere.gpkg: there is no such file. Check the path and its spelling.
    """


class SchemaError(GridkitError):
    """A table lacks a required column, holds values that cannot be used, or repeats a key.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> from gridkit.tables import POSTS
    >>> try:
    ...     POSTS.check(pd.DataFrame({"level": ["cell"]}))
    ... except gk.SchemaError as error:
    ...     print("area_code" in error.text("en"))
    True
    """


class CRSError(GridkitError):
    """Coordinates cannot be understood: no CRS, degrees instead of metres, an unknown datum.

    Examples
    --------
    >>> import gridkit as gk
    >>> try:
    ...     gk.to_datum([121.4], [37.5], source="mars")
    ... except gk.CRSError as error:
    ...     print("mars" in error.text("en"))
    True
    """


class GeometryError(GridkitError):
    """A shape is empty, invalid, of the wrong kind, or overlaps another.

    Examples
    --------
    >>> from gridkit import GeometryError, GridkitError
    >>> issubclass(GeometryError, GridkitError)
    True
    """


class OptionError(GridkitError):
    """An argument has a value that cannot be used; the message names those that can.

    Examples
    --------
    >>> import gridkit as gk
    >>> try:
    ...     gk.Period.parse("2025-13")
    ... except gk.OptionError as error:
    ...     print("2025-13" in error.text("en"))
    True
    """


class MoveError(GridkitError):
    """A case cannot be moved so: its stage, a missing reason, a limit that is used up.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> at = pd.Timestamp("2026-03-02 10:00", tz="Asia/Shanghai")
    >>> try:
    ...     gk.move_case(
    ...         {"stage": "reported"}, "close", process=gk.load_process(), at=at, actor="P1"
    ...     )
    ... except gk.MoveError as error:
    ...     print("reported" in error.text("en"))
    True
    """


class ConflictError(MoveError):
    """Somebody else moved the case since it was read; read it again and decide anew.

    Examples
    --------
    >>> from gridkit import ConflictError, MoveError
    >>> issubclass(ConflictError, MoveError)
    True
    """


class GridkitWarning(_Bilingual, UserWarning):
    """Something a person should look at; the work went on.

    Examples
    --------
    >>> from gridkit import GridkitWarning
    >>> issubclass(GridkitWarning, UserWarning)
    True
    """


def raise_all(kind: type[GridkitError], problems: Sequence[tuple[str, str]]) -> None:
    """Raise one error that lists every problem, or return when there is none.

    Parameters
    ----------
    kind : type of GridkitError
    problems : sequence of (English, Chinese) sentences

    Raises
    ------
    GridkitError
        Of the given kind, when `problems` is not empty.
    """
    if problems:
        en = "\n".join(p[0] for p in problems)
        zh = "\n".join(p[1] for p in problems)
        raise kind(en, zh)
