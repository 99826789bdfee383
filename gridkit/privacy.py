"""Who sees what: audiences, masked phones and names, small counts withheld."""

from __future__ import annotations

import functools
import re
import unicodedata
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np
import pandas as pd
import shapely

from .errors import OptionError
from .messages import message

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "AUDIENCES",
    "FEWEST",
    "Audience",
    "mask_counts",
    "mask_name",
    "mask_people",
    "mask_phone",
    "mask_points",
    "mask_text",
    "require_audience",
    "with_second",
]

Audience = Literal["internal", "leaders", "public"]
AUDIENCES: tuple[Audience, ...] = get_args(Audience)
FEWEST = 5
"""Smallest count above 0 that the public sees."""

Frame = TypeVar("Frame", bound=pd.DataFrame)

_WHOSE = ("", "person_", "backup_", "supervisor_", "handler_", "chief_")
_MOBILE = re.compile(
    r"(?<!\d)(?:(?:\+|00)?86[-\s]*)?(1[3-9]\d)[-\s]*(?:\d{4}|\*{4})[-\s]*(\d{4})(?!\d)"
)
_NUMBER = re.compile(r"(?<![\d*])\d(?:[-\s]?\d){6,}(?![\d*])")
_WIDE_DIGITS = {ord("０") + i: str(i) for i in range(10)}
_LONG_NUMBER = re.compile(r"(?<=[\d*]{5})\d\d(?!\d)")
_BETWEEN_PEOPLE = re.compile(r"([、，,;；/|\n]+)")


def require_audience(audience: str) -> Audience:
    """Return `audience` when it is one of `AUDIENCES`.

    Parameters
    ----------
    audience : str
        ``internal`` sees everything, ``leaders`` no phone numbers, ``public`` no person.

    Raises
    ------
    OptionError
        Anything else.

    Examples
    --------
    >>> from gridkit.privacy import require_audience
    >>> require_audience("leaders")
    'leaders'
    """
    if audience not in AUDIENCES:
        choices = ", ".join(AUDIENCES)
        raise OptionError(
            *message("options.unknown", name="audience", value=audience, choices=choices)
        )
    return audience


def mask_phone(values: Any) -> Any:
    """Mask phone numbers: 138****1234.

    Mobile numbers (11 digits, with or without +86, blanks and hyphens) keep the first three and
    the last four digits. Of any other number of seven digits and more the last two are kept; all
    other letters and digits of the field become stars, so that a landline, a short number or a
    name written into the field does not slip through. Masking twice changes nothing more.

    Parameters
    ----------
    values : str, number, None or Series of them

    Returns
    -------
    str, None or Series
        Missing values stay missing.

    Examples
    --------
    >>> from gridkit.privacy import mask_phone
    >>> mask_phone("13812341234"), mask_phone("0535-6212345"), mask_phone("110")
    ('138****1234', '****-*****45', '***')
    """
    if isinstance(values, pd.Series):
        return values.map(_phone, na_action="ignore")
    return None if pd.isna(values) else _phone(values)


def _phone(value: Any) -> str:
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    text = unicodedata.normalize("NFKC", str(number))
    masked, end = [], 0
    for found in _MOBILE.finditer(text):
        masked += [_hide(text[end : found.start()]), f"{found[1]}****{found[2]}"]
        end = found.end()
    return "".join([*masked, _hide(text[end:])])


def _hide(text: str) -> str:
    kept = {i for found in _LONG_NUMBER.finditer(text) for i in range(*found.span())}
    return "".join(c if i in kept or not _is_written(c) else "*" for i, c in enumerate(text))


def _is_written(character: str) -> bool:
    """Return whether a character says something: a letter, digit or symbol, not punctuation."""
    return unicodedata.category(character)[0] in "LMNS"


def mask_text(values: Any) -> Any:
    """Mask phone and other long numbers within a text, and leave its words.

    Mobile numbers as in `mask_phone`; of other runs of seven digits and more, with blanks or
    hyphens between them, the last two are kept.

    Parameters
    ----------
    values : str, None or Series of them

    Returns
    -------
    str, None or Series
        Missing values stay missing.

    Examples
    --------
    >>> from gridkit.privacy import mask_text
    >>> mask_text("请回电13812341234或0535-6212345，3号楼")
    '请回电138****1234或****-*****45，3号楼'
    """
    if isinstance(values, pd.Series):
        return values.map(_text, na_action="ignore")
    return None if pd.isna(values) else _text(values)


def _text(value: Any) -> str:
    masked = _MOBILE.sub(r"\1****\2", str(value).translate(_WIDE_DIGITS))
    return _NUMBER.sub(lambda found: _hide(found[0]), masked)


def mask_name(values: Any) -> Any:
    """Mask personal names: 王**.

    Chinese names keep the surname, two characters of it when it is a compound one of
    ``standards/compound_surnames.txt``. Names in letters keep the first of each word. Several
    people in one field, set apart by 、 , ; or /, are masked one by one.

    Parameters
    ----------
    values : str, None or Series of str

    Returns
    -------
    str, None or Series
        Missing values stay missing.

    Examples
    --------
    >>> from gridkit.privacy import mask_name
    >>> mask_name("王小明"), mask_name("欧阳娜娜"), mask_name("John Smith")
    ('王**', '欧阳**', 'J*** S****')
    """
    if isinstance(values, pd.Series):
        return values.map(_names, na_action="ignore")
    return None if pd.isna(values) else _names(values)


def _names(value: Any) -> str:
    parts = _BETWEEN_PEOPLE.split(unicodedata.normalize("NFC", str(value)))
    return "".join(part if i % 2 else _one_name(part) for i, part in enumerate(parts))


def _one_name(text: str) -> str:
    written = [i for i, c in enumerate(text) if _is_written(c)]
    if not written:
        return text
    if not unicodedata.name(text[written[0]], "").startswith("CJK"):
        kept = {i for i in written if i == 0 or text[i - 1].isspace() or text[i - 1] == "-"}
    else:
        begin = "".join(text[i] for i in written[:2])
        compound = begin in _compound_surnames() and (len(written) > 2 or "*" in text)
        kept = set(written[: 2 if compound else 1])
        if len(written) == 1 and "*" not in text:
            return text + "*"  # one character may be a whole name: say that something is hidden
    return "".join(c if i in kept or not _is_written(c) else "*" for i, c in enumerate(text))


@functools.cache
def _compound_surnames() -> frozenset[str]:
    file = resources.files("gridkit").joinpath("standards", "compound_surnames.txt")
    lines = file.read_text("utf-8").splitlines()
    return frozenset(name for line in lines if not line.startswith("#") for name in line.split())


def mask_people(frame: Frame, *, audience: str) -> Frame:
    """Return a table of people as one audience may see it.

    Parameters
    ----------
    frame : DataFrame or GeoDataFrame
        A roster, or posts joined with names. Looked at are ``name`` and ``phone``, also with
        ``person_``, ``backup_``, ``supervisor_``, ``handler_`` or ``chief_`` in front, and the
        point ``base``. In a table of areas ``name`` is the area's: do not pass it here.
    audience : {"internal", "leaders", "public"}
        ``internal``: untouched. ``leaders``: phones masked. ``public``: phones and names masked
        and ``base``, often a home, emptied.

    Returns
    -------
    DataFrame or GeoDataFrame
        The same rows and columns. Person ids stay: give people ids that say nothing.

    Raises
    ------
    OptionError
        Unknown audience.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit.privacy import mask_people
    >>> roster = pd.DataFrame({"name": ["王小明"], "phone": ["13812341234"]})
    >>> mask_people(roster, audience="leaders").iloc[0].tolist()
    ['王小明', '138****1234']
    >>> mask_people(roster, audience="public").iloc[0].tolist()
    ['王**', '138****1234']
    """
    seen_by = require_audience(audience)
    out = frame.copy()
    if seen_by == "internal":
        return out
    for whose in _WHOSE:
        if f"{whose}phone" in out.columns:
            out[f"{whose}phone"] = mask_phone(out[f"{whose}phone"])
        if seen_by == "public" and f"{whose}name" in out.columns:
            out[f"{whose}name"] = mask_name(out[f"{whose}name"])
    if seen_by == "public" and "base" in out.columns:
        out["base"] = out["base"].where(pd.Series(False, index=out.index))
    return out


def mask_points(points: NDArray[np.object_], *, audience: str, size_m: float = 50.0) -> Any:
    """Return points as one audience may see them: the public in the middle of squares.

    Parameters
    ----------
    points : ndarray of geometry
        In metres; empty ones stay empty.
    audience : {"internal", "leaders", "public"}
    size_m : float
        Side of the squares.

    Raises
    ------
    OptionError
        Unknown audience.

    Examples
    --------
    >>> import shapely
    >>> from gridkit.privacy import mask_points
    >>> shapely.get_coordinates(mask_points(shapely.points([[7, 61]]), audience="public")).tolist()
    [[25.0, 75.0]]
    """
    if require_audience(audience) != "public":
        return points
    return shapely.transform(points, lambda xy: np.floor(xy / size_m) * size_m + size_m / 2)


def mask_counts(values: ArrayLike | pd.Series, *, audience: str, k: int = FEWEST) -> pd.Series:
    """Return counts with the small ones withheld from the public.

    A count of one or two in a small area can point at a person. Zero says nothing about anyone
    and stays. Totals are not looked at: where one count of a total is withheld, the rest gives
    it away, so withhold the total or a second count too (`with_second`).

    Parameters
    ----------
    values : array-like or Series of whole numbers, 0 and more
    audience : {"internal", "leaders", "public"}
    k : int
        Smallest count above 0 that the public sees.

    Returns
    -------
    Series of Int64
        With the index of `values`; missing where missing, and for the public from 1 to k - 1.

    Raises
    ------
    OptionError
        Unknown audience, or values that are not counts.

    Examples
    --------
    >>> from gridkit.privacy import mask_counts
    >>> mask_counts([0, 1, 4, 5], audience="public").tolist()
    [0, <NA>, <NA>, 5]
    """
    seen_by = require_audience(audience)
    try:
        counts = pd.Series(values).astype("Int64")
    except (TypeError, ValueError) as error:
        raise OptionError(*message("privacy.not_counts", why=error)) from error
    if (counts < 0).any():
        raise OptionError(*message("privacy.not_counts", why=int(counts.min())))
    return counts.mask((counts > 0) & (counts < k)) if seen_by == "public" else counts


def with_second(counts: ArrayLike, hidden: ArrayLike) -> NDArray[np.bool_]:
    """Return which counts to withhold: where one alone is, the smallest other one too.

    The sum of all would else give it away.

    Parameters
    ----------
    counts : array-like of numbers
    hidden : array-like of bool, same length

    Examples
    --------
    >>> from gridkit.privacy import with_second
    >>> with_second([3, 0, 9, 6], [True, False, False, False]).tolist()
    [True, False, False, True]
    """
    numbers, out = np.asarray(counts, dtype=float), np.array(hidden, dtype=bool)
    others = np.flatnonzero(~out & (numbers > 0))
    if out.sum() == 1 and len(others):
        out[others[np.argmin(numbers[others])]] = True
    return out
