"""Headers as people write them → the names of the tables; codes and phone numbers as text."""

from __future__ import annotations

import functools
import tomllib
import unicodedata
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd

from ..errors import OptionError, SchemaError, raise_all
from ..messages import message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from ..tables import Table

__all__ = [
    "blank",
    "choose_profile",
    "code_text",
    "header_words",
    "match_columns",
    "numbers",
    "plain_text",
    "rename_columns",
    "with_closing",
]

FrameT = TypeVar("FrameT", bound=pd.DataFrame)


@functools.cache
def header_words(kind: str) -> dict[str, dict[str, list[str]]]:
    """Return ``standards/<kind>_columns.toml``: the headers, and the words where it lists some."""
    file = resources.files("gridkit").joinpath("standards", f"{kind}_columns.toml")
    return tomllib.loads(file.read_text("utf-8"))


@functools.cache
def _profiles() -> dict[str, dict[str, Any]]:
    """Return ``standards/report_profiles.toml``: what each kind of file needs, and its headers."""
    file = resources.files("gridkit").joinpath("standards", "report_profiles.toml")
    return tomllib.loads(file.read_text("utf-8"))


def choose_profile(headers: Iterable[str], asked: str) -> tuple[str, dict[str, str]]:
    """Return the name of a profile, and the headers of this file that it knows → column.

    Parameters
    ----------
    headers : iterable of str
    asked : str
        A profile, ``"generic"`` for none, or ``"auto"`` for the first whose headers are there.

    Raises
    ------
    OptionError
        There is no such profile.

    Examples
    --------
    >>> from gridkit.intake.columns import choose_profile
    >>> choose_profile(["unique_key", "created_date", "complaint_type"], "auto")[0]
    'nyc311'
    """
    known = _profiles()
    there = {_key(header): header for header in reversed(list(headers))}
    if asked not in ("auto", "generic", *known):
        choices = ", ".join(("auto", "generic", *known))
        raise OptionError(*message("options.unknown", name="profile", value=asked, choices=choices))
    fits = (name for name, p in known.items() if all(_key(h) in there for h in p["needs"]))
    name = next(fits, "generic") if asked == "auto" else asked
    mapping: dict[str, str] = {}
    for header, column in known.get(name, {"columns": {}})["columns"].items():
        if _key(header) in there and column not in mapping.values():
            mapping[there[_key(header)]] = column
    return name, mapping


def with_closing(frame: FrameT, profile: str) -> FrameT:
    """Return reports with the closing time where a profile tells it by a status.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit.intake.columns import with_closing
    >>> rows = pd.DataFrame({"status": ["Closed", "open"], "updated_datetime": ["3 May", "4 May"]})
    >>> with_closing(rows, "open311")["closed_at"].tolist()
    ['3 May', nan]
    """
    rule = _profiles().get(profile, {}).get("closed")
    if rule is None or "closed_at" in frame.columns:
        return frame
    time = next((c for c in frame.columns if _key(c) == _key(rule["time"])), None)
    if time is None or "status" not in frame.columns:
        return frame
    over = frame["status"].astype("str").str.strip().str.lower().isin(rule["status"])
    return frame.assign(closed_at=frame[time].where(over))


def match_columns(
    headers: Iterable[str],
    *,
    kind: str,
    table: Table,
    given: Mapping[str, str] | None = None,
    source: str,
) -> dict[str, str]:
    """Return header → column for every header that is understood.

    A column is known by its own name, its Chinese header and the list in
    ``standards/<kind>_columns.toml``, in this order; the first header that fits is taken and
    each header is taken once. Case, spaces, width and punctuation do not count.

    Parameters
    ----------
    headers : iterable of str
    kind : {"cell", "report", "roster"}
    table : Table
    given : mapping of header → column, optional
        What the caller knows better; it wins over the lists.
    source : str
        For messages.

    Raises
    ------
    SchemaError
        `given` names a header that is not in the file, or a column that does not exist.

    Examples
    --------
    >>> from gridkit.intake.columns import match_columns
    >>> from gridkit.tables import REPORTS
    >>> match_columns(["Created Date", "问题描述"], kind="report", table=REPORTS, source="a.csv")
    {'Created Date': 'reported_at', '问题描述': 'text'}
    """
    headers = list(headers)
    listed = header_words(kind)["columns"]
    columns = {c.name: [c.name, c.zh] for c in table.columns if c.kind != "geometry"}
    for name, others in listed.items():
        columns[name] = [*columns.get(name, [name]), *others]
    mapping = dict(given or {})
    _require_known(mapping, headers, list(columns), source)
    keys = {_key(header): header for header in reversed(headers) if header not in mapping}
    for name, spellings in columns.items():
        if name in mapping.values():
            continue
        hit = next((keys.pop(_key(s)) for s in spellings if _key(s) in keys), None)
        if hit is not None:
            mapping[hit] = name
    return {header: mapping[header] for header in headers if header in mapping}


def _require_known(
    given: dict[str, str], headers: list[str], columns: list[str], source: str
) -> None:
    found, known = ", ".join(headers) or "–", ", ".join(columns)
    problems = [
        message("intake.no_such_header", source=source, header=h, found=found)
        for h in given
        if h not in headers
    ]
    problems += [
        message("intake.no_such_column", source=source, column=c, known=known)
        for c in given.values()
        if c not in columns
    ]
    problems += [
        message("intake.column_twice", source=source, column=c)
        for c in dict.fromkeys(given.values())
        if list(given.values()).count(c) > 1
    ]
    raise_all(SchemaError, problems)


def _key(header: str) -> str:
    text = unicodedata.normalize("NFKC", str(header)).casefold()
    return "".join(c for c in text if c.isalnum())


def rename_columns(frame: FrameT, mapping: Mapping[str, str]) -> FrameT:
    """Return `frame` with the columns renamed; a stranger with a taken name gets ``_`` behind it.

    A column of a plain table that calls itself ``geometry`` is a stranger, too.
    """
    taken = {*mapping.values()} | (set() if isinstance(frame, gpd.GeoDataFrame) else {"geometry"})
    strangers = {
        name: f"{name}_" for name in frame.columns if name in taken and name not in mapping
    }
    return frame.rename(columns={**strangers, **mapping})


def blank(values: pd.Series, words: Iterable[str] = ()) -> pd.Series:
    """Tell which values say nothing: missing, spaces, or one of `words` (``无``, ``N/A`` …)."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return values.isna()
    text = values.astype("str").str.strip().str.lower()
    return text.isna() | text.isin(["", *words])


def numbers(values: pd.Series) -> NDArray[np.float64]:
    """Return numbers; NaN where there is none or the text is no number."""
    return pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)


def plain_text(values: pd.Series) -> pd.Series:
    """Return text as it stands; whole numbers without ``.0``, missing where nothing is written."""
    if pd.api.types.is_float_dtype(values) or values.dtype == object:
        values = values.map(_whole, na_action="ignore")
    text = values.astype("str")
    return text.mask(text == "", np.nan)


def code_text(values: pd.Series) -> pd.Series:
    """Return codes as text: ``111.0`` and ``111`` become ``"111"``, blanks become missing.

    Parameters
    ----------
    values : Series of text, numbers or both

    Returns
    -------
    Series of str

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit.intake.columns import code_text
    >>> code_text(pd.Series([111.0, None, 370602001.0])).tolist()
    ['111', nan, '370602001']
    """
    text = plain_text(values).str.strip()
    return text.mask(text == "", np.nan)


def _whole(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
