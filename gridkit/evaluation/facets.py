"""When things happen: kind of day, weekday, hour, slot; and one period beside another."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..calendar import WorkCalendar, require_zone
from ..errors import OptionError, SchemaError
from ..messages import message, require_lang, say
from ..slots import DAY_TYPES, day_types
from .definitions import did_you_mean
from .rates import half_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..errors import Lang

__all__ = ["compare_periods", "time_facets"]

SLOTS = {"day": "08:00-18:00", "night": "18:00-08:00"}
_SPAN = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-4]):([0-5]\d)")
_KEYS = ["subject_kind", "subject", "indicator"]


def time_facets(
    cases: pd.DataFrame,
    *,
    time: str = "reported_at",
    slots: Mapping[str, str] | None = None,
    calendar: WorkCalendar | None = None,
    tz: str = "Asia/Shanghai",
) -> pd.DataFrame:
    """Return cases with columns that say when they happened, for `indicators` to count by.

    Parameters
    ----------
    cases : DataFrame
    time : str
        The column that counts.
    slots : mapping of name → "HH:MM-HH:MM", optional
        Over midnight where the end lies before the start; the first that fits counts. By default
        ``day`` 08:00-18:00 and ``night``.
    calendar : WorkCalendar, optional
        Mainland China by default; in years that it does not know Monday to Friday are worked,
        with its `GridkitWarning`.
    tz : str
        Zone whose days and hours count.

    Returns
    -------
    DataFrame
        `cases` with ``day_kind`` (``workday``, ``weekend``, ``holiday``; swapped workdays are
        worked), ``weekday`` (1 Monday - 7 Sunday), ``hour`` and ``slot``; empty where there is no
        time.

    Raises
    ------
    OptionError
        No such column, a slot that cannot be read, an unknown zone.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> times = pd.to_datetime(["2025-09-28T09:00+08:00", "2025-10-01T20:00+08:00"])
    >>> seen = gk.time_facets(pd.DataFrame({"reported_at": times}))
    >>> seen[["day_kind", "weekday", "slot"]].to_numpy().tolist()
    [['workday', 7, 'day'], ['holiday', 3, 'night']]
    """
    require_zone(tz)
    if time not in cases.columns:
        raise OptionError(*did_you_mean("time", time, map(str, cases.columns)))
    spans = {name: _span(name, text) for name, text in (slots or SLOTS).items()}
    there = cases[time].notna()
    local = cases.loc[there, time].dt.tz_convert(tz).dt.tz_localize(None)
    days = local.to_numpy().astype("datetime64[D]")
    kinds = [DAY_TYPES[i] for i in day_types(days, calendar or WorkCalendar.load())]
    words = ["workday" if worked else "holiday" if off else "weekend" for _, worked, off in kinds]
    minutes = (local.dt.hour * 60 + local.dt.minute).to_numpy()
    names = np.full(len(local), None, object)
    for name, (start, end) in reversed(spans.items()):
        inside = (minutes >= start) & (minutes < end)
        if end <= start:
            inside = (minutes >= start) | (minutes < end)
        names[inside] = name
    facets = pd.DataFrame(
        {
            "day_kind": pd.array(words, dtype="str"),
            "weekday": [day + 1 for day, _, _ in kinds],
            "hour": local.dt.hour,
            "slot": pd.array(names, dtype="str"),
        },
        index=local.index,
    ).reindex(cases.index)
    return cases.assign(**facets.astype({"weekday": "Int64", "hour": "Int64"}))


def _span(name: str, text: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text.replace(" ", ""))
    if found is None:
        raise OptionError(*message("evaluation.bad_slot", name=name, value=text))
    a, b, c, d = map(int, found.groups())
    return a * 60 + b, c * 60 + d


def compare_periods(
    now: pd.DataFrame, before: pd.DataFrame, *, places: int = 2, lang: Lang = "zh"
) -> pd.DataFrame:
    """Set the figures of one period beside those of an earlier one (环比, 同比).

    Parameters
    ----------
    now, before : DataFrame
        From `indicators`, of one period each: `Period.previous` for 环比,
        `Period.year_earlier` for 同比.
    places : int
        Decimal places of ``printed``.
    lang : {"zh", "en"}

    Returns
    -------
    DataFrame
        `now` with ``before`` (value), ``change`` and ``printed``. Counts change by a share of the
        earlier one, rates by percentage points (个百分点): a rate that goes from 80 % to 84 % has
        risen by 4 points, not by 5 %. Empty where either has no data or the earlier count is 0.

    Raises
    ------
    SchemaError
        A table of several periods.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> def told(above, below):
    ...     return pd.DataFrame(
    ...         {
    ...             "subject_kind": "all", "subject": "all", "period": "x",
    ...             "indicator": ["accepted", "closing_rate"], "numerator": [above, 84],
    ...             "denominator": pd.array([None, 100], dtype="Int64"), "value": [above, 0.84],
    ...         }
    ...     )
    >>> gk.compare_periods(told(14_090, 0), told(13_729, 0))["printed"].tolist()
    ['上升 2.63%', '持平']
    """
    lang = require_lang(lang)
    for table in (now, before):
        periods = table["period"].unique()
        if len(periods) > 1:
            found = ", ".join(periods[:5])
            raise SchemaError(*message("evaluation.one_period", found=found))
    earlier = before[[*_KEYS, "numerator", "denominator", "value"]]
    both = now.merge(earlier, on=_KEYS, how="left", suffixes=("", "_before"))
    rows = zip(
        both["numerator"],
        both["denominator"],
        both["numerator_before"],
        both["denominator_before"],
        strict=True,
    )
    changes = [_change(*map(_whole, row)) for row in rows]
    ratios = both["denominator"].notna()
    return now.reset_index(drop=True).assign(
        before=both["value_before"].to_numpy(),
        change=[
            np.nan if c is None else float(100 * c if r else c)
            for c, r in zip(changes, ratios, strict=True)
        ],
        printed=[_printed(c, r, places, lang) for c, r in zip(changes, ratios, strict=True)],
    )


def _whole(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)


def _change(a: int | None, b: int | None, c: int | None, d: int | None) -> Fraction | None:
    """Return the growth of a count, or the difference of two rates."""
    if a is None or c is None:
        return None
    if b is None and d is None:
        return Fraction(a - c, c) if c else None
    return Fraction(a, b) - Fraction(c, d) if b and d else None


def _printed(change: Fraction | None, ratio: bool, places: int, lang: Lang) -> str:
    if change is None:
        return say("evaluation.no_data", lang)
    size = half_up(abs(change.numerator), change.denominator, places)
    if not size:
        return say("evaluation.level", lang)
    if ratio and change > 0:
        return say("evaluation.up_points", lang, size=size)
    if ratio:
        return say("evaluation.down_points", lang, size=size)
    if change > 0:
        return say("evaluation.up", lang, size=size)
    return say("evaluation.down", lang, size=size)
