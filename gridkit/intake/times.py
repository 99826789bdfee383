"""Times as people write them → times with a zone; what cannot be read is marked, never guessed."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..calendar import require_zone
from .columns import blank

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["Times", "parse_times"]

# An offset or Z behind a time of day: 2025-03-01T08:30:00+08:00.
_ZONED = r"[ T]\d\d?(?::\d.*)?(?:[zZ]|[+-]\d\d(?::?\d\d)?)$"
_ISO = r"\d{4}-\d\d-\d\d"
_CLOCK = r"(\d{1,2})[:时点](?:(\d{1,2})(?:[:分](?:(\d{1,2})(?:\.\d+)?秒?)?)?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})[-/.年](\d{{1,2}})[-/.月](\d{{1,2}})日?(?:[ T]*{_CLOCK})?")
_MONTH_FIRST = re.compile(
    rf"(\d{{1,2}})/(\d{{1,2}})/(\d{{4}})(?:[ ,]+{_CLOCK}(?: ?([ap])m)?)?", re.IGNORECASE
)
_SERIAL = r"\d{5}(?:\.\d+)?"
# Days since 1899-12-30 that can be meant: 1954 to 2119.
_SERIALS = (20_000, 80_000)


@dataclass(frozen=True)
class Times:
    """Times read from one column.

    Attributes
    ----------
    local : Series of datetime64 with zone
        Empty where nothing, or nothing readable, is written.
    bad : ndarray of bool
        Something is written that is no time.
    unsure : ndarray of bool
        Local times that a clock change skips or repeats; the later clock, the earlier time.
    naive : ndarray of bool
        Times that name no zone.
    serial : ndarray of bool
        Day numbers of a spreadsheet, written as text.
    """

    local: pd.Series
    bad: NDArray[np.bool_]
    unsure: NDArray[np.bool_]
    naive: NDArray[np.bool_]
    serial: NDArray[np.bool_]


def parse_times(values: pd.Series, *, tz: str, blank_words: Iterable[str] = ()) -> Times:
    """Read times in any of the usual forms.

    ``2025-03-01 08:30:00``, ``2025/3/1 8:30``, ``2025年3月1日 8时30分``, ISO 8601 with and without
    zone, month first with slashes (``03/01/2025 08:30:00 AM``), dates alone, datetimes, and day
    numbers as spreadsheets store them: cells with numbers, or text such as ``45717.354`` where most
    of the column is written so; a single such text could be anything.

    Parameters
    ----------
    values : Series of text, datetimes, numbers, or a mixture
    tz : str
        Zone of times that have none, and of the result.
    blank_words : iterable of str
        Words, in lower case, that stand for nothing.

    Returns
    -------
    Times

    Raises
    ------
    OptionError
        `tz` is no time zone.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit.intake.times import parse_times
    >>> times = parse_times(pd.Series(["2025年3月1日 8时30分", "soon"]), tz="Asia/Shanghai")
    >>> times.local.iloc[0].isoformat(), times.bad.tolist()
    ('2025-03-01T08:30:00+08:00', [False, True])
    """
    require_zone(tz)
    empty = blank(values, blank_words).to_numpy(bool)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        whole = values.dt.tz_convert(tz).dt.as_unit("us")
        return Times(whole, *np.zeros((4, len(values)), bool))
    zoned = pd.Series(pd.NaT, index=values.index, dtype="datetime64[us, UTC]")
    if pd.api.types.is_datetime64_any_dtype(values):
        local = values.dt.as_unit("us")
    elif pd.api.types.is_numeric_dtype(values):
        local = _from_serials(values)
    else:
        local, zoned = _from_mixture(values.mask(empty), zoned)
    serial = np.zeros(len(values), bool)
    if pd.api.types.is_string_dtype(values):
        text = values.astype("str").str.strip()
        numbers = text.where(text.str.fullmatch(_SERIAL).fillna(False).astype(bool))
        days = _from_serials(numbers).where(local.isna())
        if 2 * days.notna().sum() > (~empty).sum():
            serial = days.notna().to_numpy()
            local = local.fillna(days)
    result, unsure = _localised(local, tz)
    naive = result.notna().to_numpy()
    result = result.fillna(zoned.dt.tz_convert(tz))
    return Times(result, ~empty & result.isna().to_numpy(), unsure, naive, serial)


def _localised(local: pd.Series, tz: str) -> tuple[pd.Series, NDArray[np.bool_]]:
    strict = local.dt.tz_localize(tz, ambiguous="NaT", nonexistent="NaT")
    unsure = (local.notna() & strict.isna()).to_numpy()
    if unsure.any():
        summer = np.ones(len(local), bool)
        lax = local.dt.tz_localize(tz, ambiguous=summer, nonexistent="shift_forward")
        strict = strict.fillna(lax)
    return strict, unsure


def _from_mixture(values: pd.Series, zoned: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return local times and times with a zone from text, datetimes and numbers."""
    local = pd.Series(pd.NaT, index=values.index, dtype="datetime64[us]")
    if values.dtype == object:
        stamps = values.map(lambda v: isinstance(v, dt.date))
        numbers = values.map(lambda v: isinstance(v, int | float) and not isinstance(v, bool))
        # Through text, so that one parser reads dates, datetimes and datetimes with a zone.
        values = values.mask(stamps, values[stamps].map(lambda v: v.isoformat()))
        local = local.fillna(_from_serials(values.where(numbers)))
        values = values.mask(numbers)
    text = values.astype("str").str.strip().dropna()
    has_zone = text.str.contains(_ZONED, regex=True)
    zoned = zoned.fillna(_to_datetime(text[has_zone], utc=True).reindex(zoned.index))
    text = text[~has_zone]
    iso = text.str.match(_ISO)
    local = local.fillna(_to_datetime(text[iso]).reindex(local.index))
    rest = text[local[text.index].isna()].str.normalize("NFKC")
    rest = pd.Series([_iso(t) for t in rest], index=rest.index, dtype="str")
    return local.fillna(_to_datetime(rest).reindex(local.index)), zoned


def _to_datetime(text: pd.Series, *, utc: bool = False) -> pd.Series:
    try:
        times = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=utc)
    except ValueError:  # zones in forms that `_ZONED` does not know, and several of them
        times = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    if not utc and isinstance(times.dtype, pd.DatetimeTZDtype):
        times = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    return times.dt.as_unit("us")


def _from_serials(values: pd.Series) -> pd.Series:
    days = pd.to_numeric(values, errors="coerce").astype("float64")
    days = days.where(days.between(*_SERIALS))
    seconds = pd.to_timedelta((days * 86_400).round(), unit="s")
    return (pd.Timestamp("1899-12-30") + seconds).dt.as_unit("us")


def _iso(text: str) -> str | None:
    """Return a time of another form as ISO 8601; whether there is such a day comes later."""
    half = None
    if found := _YEAR_FIRST.fullmatch(text):
        year, month, day, hour, minute, second = found.groups()
    elif found := _MONTH_FIRST.fullmatch(text):
        month, day, year, hour, minute, second, half = found.groups()
    else:
        return None
    clock = int(hour or 0)
    if half:
        if not 1 <= clock <= 12:
            return None
        clock = clock % 12 + 12 * (half in "pP")
    return f"{year}-{month:0>2}-{day:0>2}T{clock:02}:{minute or 0:0>2}:{second or 0:0>2}"
