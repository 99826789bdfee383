"""Time limits as city rules write them: how many of which unit."""

from __future__ import annotations

import contextlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args

import pandas as pd

from ..errors import OptionError
from ..messages import message

__all__ = ["Limit", "ParsedLimits", "Unit", "parse_limit", "parse_limits", "require_choice"]

Unit = Literal["urgent_hour", "work_hour", "work_day", "natural_day"]

_WORDS: dict[str, Unit] = {
    "紧急工作时": "urgent_hour",
    "紧急工作小时": "urgent_hour",
    "工作时": "work_hour",
    "工作小时": "work_hour",
    "小时": "work_hour",
    "工作日": "work_day",
    "天": "work_day",
    "日": "work_day",
    "自然日": "natural_day",
    "紧急工作日": "natural_day",
}
_DIGITS = {c: i for i, c in enumerate("一二三四五六七八九", 1)} | {"两": 2}
_ONES = "[一二两三四五六七八九]"
_COUNT = rf"(?P<count>\d+(?:\.\d+)?|半|{_ONES}?十{_ONES}?|{_ONES})"
_LIMIT = re.compile(
    _COUNT + "个?(?P<unit>" + "|".join(sorted(_WORDS, key=len, reverse=True)) + ")(?:以?内)?"
)
_LONGEST = 100_000


def require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise `OptionError` unless a value is one of the choices."""
    if value not in choices:
        known = ", ".join(choices)
        raise OptionError(*message("options.unknown", name=name, value=value, choices=known))


@dataclass(frozen=True)
class Limit:
    """A time limit: how many of which unit.

    Attributes
    ----------
    value : float
        Above 0, at most 100,000.
    unit : {"urgent_hour", "work_hour", "work_day", "natural_day"}
        紧急工作时 runs day and night, 工作时 in office hours only, 工作日 over working days,
        自然日 is 24 hours each.

    Raises
    ------
    OptionError
        Another unit or a value out of range.

    Examples
    --------
    >>> from gridkit.casework.limits import Limit
    >>> Limit(2, "work_hour")
    Limit(value=2, unit='work_hour')
    """

    value: float
    unit: Unit

    def __post_init__(self) -> None:
        require_choice("unit", self.unit, get_args(Unit))
        if not 0 < self.value <= _LONGEST:
            raise OptionError(*message("casework.limit_range", value=self.value, most=_LONGEST))


def parse_limit(text: str) -> Limit:
    """Read a time limit as Chinese rules write it.

    Understood: a number (digits, full-width digits, 一 to 九十九, 两, 半), 个 or nothing, and
    紧急工作时, 工作时 or 小时, 工作日 or 天, 自然日 or 紧急工作日; spaces and a closing 内 are
    allowed. 小时 means office hours and 天 working days, as in the rules that use them.

    Parameters
    ----------
    text : str

    Raises
    ------
    OptionError
        The text is none of these; the message names it.

    Examples
    --------
    >>> from gridkit.casework.limits import parse_limit
    >>> parse_limit("2个工作时")
    Limit(value=2.0, unit='work_hour')
    >>> parse_limit("１５ 天").unit, parse_limit("两紧急工作时").value
    ('work_day', 2.0)
    """
    plain = "".join(unicodedata.normalize("NFKC", str(text)).split())
    found = _LIMIT.fullmatch(plain)
    value = _number(found["count"]) if found else 0.0
    if not found or not value:
        raise OptionError(*message("casework.unknown_limit", text=text))
    return Limit(value, _WORDS[found["unit"]])


@dataclass(frozen=True)
class ParsedLimits:
    """Limits read from a column.

    Attributes
    ----------
    limits : Series of Limit
        With the index of the column; empty where nothing, or nothing readable, is written.
    unread : DataFrame
        ``text`` and ``rows`` (how many) of what cannot be read, the most frequent first: a rule
        with a season or in two steps, say, which a person turns into a limit.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> gk.parse_limits(pd.Series(["1工作日", "尽快"])).unread["text"].tolist()
    ['尽快']
    """

    limits: pd.Series
    unread: pd.DataFrame


def parse_limits(texts: pd.Series) -> ParsedLimits:
    """Read a column of time limits; what cannot be read is kept and listed, not refused.

    Parameters
    ----------
    texts : Series of str

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit.casework.limits import parse_limits
    >>> parsed = parse_limits(pd.Series(["4小时", "种植季节15天", None, "种植季节15天"]))
    >>> parsed.limits.notna().tolist(), parsed.unread.values.tolist()
    ([True, False, False, False], [['种植季节15天', 2]])
    """
    written = texts.astype("str").str.strip().mask(lambda t: t == "")
    known: dict[str, Limit] = {}
    for text in written.dropna().unique():
        with contextlib.suppress(OptionError):
            known[text] = parse_limit(text)
    unread = written[written.notna() & ~written.isin(list(known))].value_counts()
    table = pd.DataFrame({"text": unread.index.astype("str"), "rows": unread.to_numpy()})
    return ParsedLimits(written.map(known).astype(object), table)


def _number(text: str) -> float:
    if text == "半":
        return 0.5
    if "十" in text:
        tens, _, ones = text.partition("十")
        return 10.0 * _DIGITS.get(tens, 1) + _DIGITS.get(ones, 0)
    return float(_DIGITS.get(text, text))
