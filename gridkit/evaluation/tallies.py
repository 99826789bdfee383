"""The daily check and the weekly notice: problems issued, fixed and left, period by period."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from ..calendar import require_instant
from ..errors import OptionError
from ..messages import message
from ..tables import CASES, is_true

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

__all__ = ["tally"]

Every = Literal["day", "week", "month"]
_PANDAS: dict[str, str] = {"day": "D", "week": "W-SUN", "month": "M"}
_TIMES = ("issued", "fixed")


def tally(
    cases: pd.DataFrame,
    *,
    every: Every = "day",
    at: datetime | None = None,
    issued: str = "dispatched_at",
    fixed: str = "disposed_at",
    tz: str = "Asia/Shanghai",
) -> pd.DataFrame:
    """Count problems issued and fixed, day by day, week by week or month by month.

    Parameters
    ----------
    cases : DataFrame
        Table ``cases``. Voided ones are left out.
    every : {"day", "week", "month"}
        Weeks begin on Monday.
    at : datetime, optional
        What comes later has not happened; by default the last time in the table.
    issued, fixed : str
        The times that count: by default a problem is issued when it is dispatched to a unit, and
        fixed when that unit has disposed of it.
    tz : str
        Zone whose days count.

    Returns
    -------
    DataFrame
        A row for each period from the first one with a problem to that of `at`, also for those
        without any: ``period`` (2025-05-19, 2025-W21 or 2025-05), ``start`` (its first day),
        ``issued``, ``fixed``, ``fixed_late`` (after `dispose_due_at`), ``issued_total``,
        ``fixed_total`` and ``left``: issued so far and not fixed at the end of the period.

    Raises
    ------
    SchemaError
        `cases` does not satisfy its schema.
    OptionError
        `every` or a column is unknown, or `at` has no zone.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> times = pd.to_datetime(["2025-05-19T09:00+08:00", "2025-05-21T15:00+08:00"])
    >>> cases = pd.DataFrame(
    ...     {
    ...         "case_id": ["C1", "C2"],
    ...         "stage": ["disposed", "dispatched"],
    ...         "dispatched_at": times,
    ...         "disposed_at": [times[1], None],
    ...     }
    ... )
    >>> gk.tally(cases)[["period", "issued", "fixed", "left"]].to_numpy().tolist()
    [['2025-05-19', 1, 0, 1], ['2025-05-20', 0, 0, 1], ['2025-05-21', 1, 1, 1]]
    """
    CASES.check(cases, source="cases")
    if every not in _PANDAS:
        choices = ", ".join(get_args(Every))
        raise OptionError(*message("options.unknown", name="every", value=every, choices=choices))
    for name, column in zip(_TIMES, (issued, fixed), strict=True):
        if column not in cases.columns:
            what = {"name": name, "value": column, "choices": ", ".join(map(str, cases.columns))}
            raise OptionError(*message("options.unknown", **what))
    whole = cases
    if "voided" in cases.columns:
        whole = cases[~is_true(cases["voided"])]
    end = _end(whole, (issued, fixed)) if at is None else require_instant(at)
    given, done = (whole[c].where(whole[c] <= end) for c in (issued, fixed))
    done = done.where(given.notna())  # what was never issued cannot be fixed
    late = done.where(done > whole["dispose_due_at"]) if "dispose_due_at" in whole else done[:0]
    one, other, after = (_periods(times, every, tz) for times in (given, done, late))
    first = one.min() if len(one) else None
    last = pd.Period(pd.Timestamp(end).tz_convert(tz).tz_localize(None), _PANDAS[every])
    listed = pd.period_range(first, last, freq=_PANDAS[every]) if first is not None else one
    counts = {"issued": one, "fixed": other, "fixed_late": after}
    table = pd.DataFrame({name: _counts(p, listed) for name, p in counts.items()})
    forms = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}
    table.insert(0, "period", pd.Series(listed.start_time.strftime(forms[every]), dtype="str"))
    table.insert(1, "start", listed.start_time)
    for name in _TIMES:
        table[f"{name}_total"] = table[name].cumsum()
    return table.assign(left=table["issued_total"] - table["fixed_total"])


def _end(cases: pd.DataFrame, columns: tuple[str, str]) -> pd.Timestamp:
    times = pd.concat([cases[c].dropna() for c in columns])
    return pd.Timestamp("2200-01-01", tz="UTC") if times.empty else times.max()


def _periods(times: pd.Series, every: str, tz: str) -> pd.PeriodIndex:
    local = times.dropna()
    plain = local.dt.tz_convert(tz).dt.tz_localize(None) if len(local) else pd.to_datetime([])
    return pd.PeriodIndex(plain, freq=_PANDAS[every])


def _counts(periods: pd.PeriodIndex, listed: pd.PeriodIndex) -> NDArray[np.int64]:
    found = pd.Series(periods).value_counts()
    return np.asarray(found.reindex(listed, fill_value=0), np.int64)
