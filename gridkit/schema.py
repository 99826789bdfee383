"""What a schema is: columns with type, unit and meaning, and one check that names every problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from .errors import Lang, SchemaError, raise_all
from .messages import Message, message

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from numpy.typing import NDArray

__all__ = ["Column", "Table", "first_few", "is_true"]

Kind = Literal["text", "number", "integer", "flag", "time", "date", "geometry"]

_KIND_NAMES: dict[Kind, Message] = {
    "text": Message("text", "文本"),
    "number": Message("a number", "数值"),
    "integer": Message("a whole number", "整数"),
    "flag": Message("true/false", "真/假"),
    "time": Message("a time with zone", "带时区的时间"),
    "date": Message("a date", "日期"),
    "geometry": Message("geometry", "几何"),
}


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
    kind : str
        ``text``, ``number``, ``integer``, ``flag``, ``time``, ``date`` or ``geometry``.
    zh : str
        Chinese header, used in sheets and pages.
    meaning : str
        One line, with the unit where there is one.
    required : bool
        The column must be there and, in each row, filled.
    """

    name: str
    kind: Kind
    zh: str
    meaning: str = ""
    required: bool = False


@dataclass(frozen=True)
class Table:
    """The schema of one table.

    Attributes
    ----------
    name, zh : str
    key : tuple of str
        Columns whose values together name a row; empty where rows have no key.
    columns : tuple of Column
    """

    name: str
    zh: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    def __getitem__(self, name: str) -> Column:
        """Return the column called `name`."""
        return next(c for c in self.columns if c.name == name)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the required columns."""
        return tuple(c.name for c in self.columns if c.required)

    def labels(self, lang: Lang = "zh") -> dict[Hashable, str]:
        """Return column → header in one language."""
        return {c.name: c.zh if lang == "zh" else c.name for c in self.columns}

    def check(self, frame: pd.DataFrame, *, source: str = "table") -> None:
        """Raise one error that names every problem of `frame`; return when it is sound.

        Parameters
        ----------
        frame : DataFrame or GeoDataFrame
        source : str
            Where the table came from, for the message: a file, a layer, an argument.

        Raises
        ------
        SchemaError
            A required column is missing or has empty values, a key repeats, a type is wrong.

        Examples
        --------
        >>> import pandas as pd
        >>> from gridkit.tables import POSTS
        >>> POSTS.check(pd.DataFrame({"level": ["cell"], "area_code": ["1"], "role": ["cleaner"]}))
        """
        self.require_columns(frame, source=source)
        problems = [
            *self._empty(frame, source),
            *self._types(frame, source),
            *self._repeated(frame, source),
        ]
        raise_all(SchemaError, problems)

    def require_columns(self, frame: pd.DataFrame, *, source: str = "table") -> None:
        """Raise unless the required columns, and an active geometry where one is, are there.

        Raises
        ------
        SchemaError
            The message names the columns that are missing and those that are there.
        """
        problems = []
        needed = [c for c in self.columns if c.required]
        shaped = any(c.kind == "geometry" for c in needed)
        # Its own geometry column may have any name; a plain table with shapes in it has none.
        if shaped and getattr(frame, "_geometry_column_name", None) not in frame.columns:
            problems.append(message("tables.no_geometry", source=source, table=self.name))
        lost = [c for c in needed if c.kind != "geometry" and c.name not in frame.columns]
        if lost:
            problems.append(
                message(
                    "tables.missing_columns",
                    source=source,
                    table=self.name,
                    columns=", ".join(c.name for c in lost),
                    found=", ".join(map(str, frame.columns)) or "–",
                )
            )
        raise_all(SchemaError, problems)

    def _empty(self, frame: pd.DataFrame, source: str) -> list[Message]:
        problems = []
        for column in self.columns:
            if not column.required or column.kind == "geometry":
                continue
            values = frame[column.name]
            empty = values.isna()
            if column.kind == "text":
                empty |= values.astype("str").str.strip().eq("")
            if empty.any():
                problems.append(
                    message(
                        "tables.null_values",
                        source=source,
                        table=self.name,
                        column=column.name,
                        n=int(empty.sum()),
                        rows=first_few(empty.to_numpy().nonzero()[0]),
                    )
                )
        return problems

    def _types(self, frame: pd.DataFrame, source: str) -> list[Message]:
        problems = []
        for column in self.columns:
            if column.name not in frame.columns or column.kind == "geometry":
                continue
            values = frame[column.name]
            if not _fits(values, column.kind):
                problems.append(
                    message(
                        "tables.wrong_type",
                        source=source,
                        table=self.name,
                        column=column.name,
                        wanted=_KIND_NAMES[column.kind],
                        found=values.dtype,
                    )
                )
        return problems

    def _repeated(self, frame: pd.DataFrame, source: str) -> list[Message]:
        key = [name for name in self.key if name in frame.columns]
        twice = frame.duplicated(key, keep=False).to_numpy() if key else np.zeros(0, dtype=bool)
        if not twice.any():
            return []
        values = frame.loc[twice, key].drop_duplicates()
        shown = ["/".join(map(str, row)) for row in values.head(5).itertuples(index=False)]
        return [
            message(
                "tables.repeated_keys",
                source=source,
                table=self.name,
                key=" + ".join(key),
                values=", ".join(shown) + (" …" if len(values) > len(shown) else ""),
                rows=first_few(twice.nonzero()[0]),
            )
        ]


def first_few(values: Iterable[object], most: int = 5) -> str:
    """Return the first of some rows, codes or names as text, each once: ``"3, 8, 9 …"``."""
    listed = list(dict.fromkeys(values))
    return ", ".join(map(str, listed[:most])) + (" …" if len(listed) > most else "")


def is_true(flags: pd.Series) -> NDArray[np.bool_]:
    """Return where a flag is true or a number above zero; empty is neither."""
    return np.asarray(flags.astype("float64") > 0)


def _fits(values: pd.Series, kind: Kind) -> bool:
    if values.isna().all():
        return True
    if kind == "text":
        labels = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
        return pd.api.types.infer_dtype(labels, skipna=True) == "string"
    if kind == "number":
        return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if kind == "integer":
        numeric = pd.api.types.is_numeric_dtype(values)
        return numeric and bool((values.dropna() % 1 == 0).all())
    if kind == "flag":
        flags = values.dropna().isin([True, False])
        return pd.api.types.is_bool_dtype(values) or bool(flags.all())
    if kind == "time":
        return isinstance(values.dtype, pd.DatetimeTZDtype)
    if kind == "date":
        return pd.api.types.is_datetime64_any_dtype(values) or values.dtype == object
    return True
