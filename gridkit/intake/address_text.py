"""Addresses as people write them: one spelling, numbers as digits, street names as keys."""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from importlib import resources
from typing import Any

__all__ = [
    "DoorNumber",
    "address_words",
    "door_number",
    "english_key",
    "is_chinese",
    "plain_address",
]

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_TENS = {"十": 10, "百": 100, "千": 1000}
_NUMERAL = "零〇一二两三四五六七八九十百千廿卅"
# A number is meant only before one of these; 五一路 and 三元桥 are names, as is 建设三号路.
_COUNTED = re.compile(f"[{_NUMERAL}]+(?=号(?![路街巷线桥])|弄|栋|幢|座|单元|室|楼|层|#|米|公里)")
_CHINESE = re.compile(r"[㐀-鿿]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2028-\u202f\u2060\ufeff\x00-\x08\x0b-\x1f\x7f]")
_HASH = re.compile(r"#(楼|院)?")
_DASH = re.compile(r"[‐‑‒–—―−﹣－~～]")
_DOOR = re.compile(
    r"(?:NO\.?)?(?P<front>[甲乙丙丁])?(?P<n>\d{1,5})"
    r"(?:(?P<joint>-|之|、|\.)(?P<second>\d{1,5}))?"
    r"(?P<unit>号楼|号院|号|弄|栋|幢|座)?(?P<back>[甲乙丙丁])?"
    r"(?:之(?P<part>\d{1,3})|附(?P<annex>\d{1,3})号?|-(?P<tail>\d{1,3}))?",
)


@functools.cache
def address_words() -> dict[str, Any]:
    """Return ``standards/address_words.toml``."""
    file = resources.files("gridkit").joinpath("standards", "address_words.toml")
    return tomllib.loads(file.read_text("utf-8"))


def is_chinese(text: str) -> bool:
    """Tell whether a text has a Chinese character."""
    return _CHINESE.search(text) is not None


def plain_address(text: str) -> str:
    """Return a text in one spelling: NFKC, capitals, digits before 号, 栋, 米 …, no blanks.

    Blanks stay in a text without Chinese characters.

    Parameters
    ----------
    text : str

    Examples
    --------
    >>> from gridkit.intake.address_text import plain_address
    >>> plain_address("五一路 一百二十三号（三楼）"), plain_address("12  Main st. ＃4")
    ('五一路123号(3楼)', '12 MAIN ST # 4')
    """
    text = unicodedata.normalize("NFKC", str(text)).upper()
    text = _DASH.sub("-", _INVISIBLE.sub("", text))
    if not is_chinese(text):
        return " ".join(text.replace(".", " ").replace("#", " # ").split())
    text = _COUNTED.sub(lambda m: str(_value(m[0])), "".join(text.split()))
    return _HASH.sub(_number_sign, text)


def _number_sign(match: re.Match[str]) -> str:
    return "号" + (match[1] or "")


def _value(numeral: str) -> int:
    """Return the value of a Chinese numeral: 一百二十三, 一二三, 廿五, 十."""
    numeral = numeral.replace("廿", "二十").replace("卅", "三十")
    if not any(c in _TENS for c in numeral):
        return int("".join(str(_DIGITS[c]) for c in numeral))
    total, digit = 0, 0
    for c in numeral:
        if c in _TENS:
            total += (digit or (0 if total else 1)) * _TENS[c]
            digit = 0
        else:
            digit = _DIGITS[c]
    # 一百二 means 120, 一百零二 means 102.
    if digit and len(numeral) > 1 and numeral[-2] in "百千" and "零" not in numeral:
        digit *= _TENS[numeral[-2]] // 10
    return total + digit


@dataclass(frozen=True)
class DoorNumber:
    """The number on a door plate.

    Attributes
    ----------
    number : int
    annex : str
        What tells it from its neighbours of the same number: ``1`` in 12-1号, 甲 in 甲12号.
    building : bool
        The number of a building in a compound (号楼, 栋, 幢, 座), not on a street.
    end : int
        Where it ends in the text.
    """

    number: int
    annex: str
    building: bool
    end: int


def door_number(text: str, start: int = 0) -> DoorNumber | None:
    """Read a door number at a position of a plain address; None where there is none.

    Parameters
    ----------
    text : str
        As `plain_address` returns it.
    start : int

    Examples
    --------
    >>> from gridkit.intake.address_text import door_number
    >>> door_number("解放路12号附3号", 3)
    DoorNumber(number=12, annex='3', building=False, end=9)
    >>> door_number("12-14号").annex, door_number("12之1号").annex, door_number("甲12号").annex
    ('', '1', '甲')
    """
    match = _DOOR.match(text, start)
    if match is None:
        return None
    after, bare = text[match.end() : match.end() + 1], text[match.end() - 1].isdigit()
    if after in tuple("路街巷线") or (bare and after in tuple("米年月日0123456789")):
        return None
    number, second, joint = int(match["n"]), match["second"], match["joint"]
    if second and (joint == "、" or (joint == "-" and _is_range(number, int(second)))):
        second = None
    annexes = (match["front"], match["back"], second, match["part"], match["annex"], match["tail"])
    annex = "-".join(a for a in annexes if a)
    building = match["unit"] in ("号楼", "栋", "幢", "座")
    return DoorNumber(number, annex, building, match.end())


def _is_range(first: int, second: int) -> bool:
    """Tell whether 12-14号 means all plates between; 12-1号 is one beside the twelfth."""
    return first < second <= first + 40 and (second - first) % 2 == 0


@functools.cache
def _english() -> tuple[dict[str, str], dict[str, str]]:
    """Return every spelling → standard word, of types and of directions."""
    words = address_words()["english"]
    types, directions = (
        {w: standard for standard, others in words[kind].items() for w in (standard, *others)}
        for kind in ("types", "directions")
    )
    return types, directions


def english_key(name: str) -> tuple[frozenset[str], tuple[str, ...], str]:
    """Return a street's name as directions, words and type, whatever their order.

    Parameters
    ----------
    name : str

    Examples
    --------
    >>> from gridkit.intake.address_text import english_key
    >>> english_key("S Salina Street") == english_key("SALINA ST S")
    True
    >>> english_key("North St")
    (frozenset(), ('N',), 'ST')
    """
    types, directions = _english()
    respell = address_words()["english"]["words"]
    tokens = [t for t in re.split(r"[\s,]+", plain_address(name)) if t]
    heading = {directions[t] for t in tokens if t in directions}
    base = [t for t in tokens if t not in directions]
    if all(t in types for t in base):
        heading, base = set(), [directions.get(t, t) for t in tokens]
    kind = ""
    if len(base) > 1 and base[-1] in types:
        kind = types[base.pop()]
    return frozenset(heading), tuple(respell.get(t, t) for t in base), kind
