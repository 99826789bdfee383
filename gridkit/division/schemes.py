"""What a cell's code looks like: how many digits, what they mean, and how codes never collide."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import accumulate, zip_longest
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import OptionError, SchemaError, raise_all
from ..messages import message
from ..tables import first_few

if TYPE_CHECKING:
    from .ordering import Ints

__all__ = ["COMMUNITY_BANDS", "STREET_BANDS", "CodeScheme"]

STREET_BANDS = (
    (1, 99, "sub_district"),
    (100, 199, "town"),
    (200, 399, "township"),
    (400, 599, "enterprise"),
)
"""Meaning of the three street digits, GB/T 10114: first, last, kind."""

COMMUNITY_BANDS = ((1, 199, "residents_committee"), (200, 399, "village_committee"))
"""Meaning of the three community digits in the statistics codes; that the bands end at 199 and
399 is believed, not confirmed."""

MERGED_BAND = (601, 999, "merged_community")
"""CJ/T 349: communities that were merged count from 601."""


@dataclass(frozen=True)
class CodeScheme:
    """How the codes of one kind of area are built: a head, the codes above, a sequence.

    ``CodeScheme()`` is the unit cell of GB/T 30428.1 and DB11, 15 digits: county 6, street 3,
    community 3, sequence 3. ``CodeScheme.professional(object)`` is the 20-digit cell of
    CJ/T 349, ``CodeScheme.duty()`` a responsibility cell and ``CodeScheme.free()`` anything
    else. Codes of different schemes differ in length or in their head, so that they cannot
    collide; `disjoint` tells.

    Attributes
    ----------
    name : str
    parts : tuple of (str, int)
        Name and digits of each part after the head; the last is the sequence.
    head : str
        Fixed characters that each code begins with.
    level : str
        The level of the areas so coded.
    undivided : int or None
        The sequence of the only cell of a community, where it has one of its own.
    pattern : str or None
        A free scheme: the regular expression that a whole code matches; `parts` is the sequence.

    Raises
    ------
    OptionError
        There are no parts, a part has no digits, or `pattern` is no regular expression.

    Examples
    --------
    >>> from gridkit.division.schemes import CodeScheme
    >>> scheme = CodeScheme()
    >>> scheme.format("370602001001", 7)
    '370602001001007'
    >>> scheme.parse("370602001001007")["cell"], scheme.parse("370602001001007")["street_kind"]
    ('007', 'sub_district')
    >>> CodeScheme.duty().format("370602001001", 7)
    'D370602001001007'
    >>> CodeScheme.professional("010101").format("370602001001", 7)
    '01010137060200100107'
    """

    name: str = "GB/T 30428.1"
    parts: tuple[tuple[str, int], ...] = (
        ("county", 6),
        ("street", 3),
        ("community", 3),
        ("cell", 3),
    )
    head: str = ""
    level: str = "cell"
    undivided: int | None = None
    pattern: str | None = None

    def __post_init__(self) -> None:
        problems = [
            message("division.bad_digits", value=digits) for _, digits in self.parts if digits < 1
        ]
        if not self.parts:
            problems.append(message("division.bad_digits", value=0))
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            problems.append(message("division.bad_pattern", value=self.pattern, why=error))
        raise_all(OptionError, problems)

    @classmethod
    def professional(cls, object_code: str) -> CodeScheme:
        """Return the scheme of CJ/T 349: object 6, county 6, street 3, community 3, sequence 2.

        A community with one cell has sequence 00; merged communities count from 601.
        """
        if not re.fullmatch(r"[0-9]{6}", object_code):
            raise OptionError(*message("division.bad_object", value=object_code))
        parts = (("county", 6), ("street", 3), ("community", 3), ("cell", 2))
        return cls("CJ/T 349", parts, head=object_code, undivided=0)

    @classmethod
    def duty(cls) -> CodeScheme:
        """Return the scheme of duty cells: the letter D before 15 digits; no standard has it."""
        return cls("duty", head="D", level="duty_cell")

    @classmethod
    def free(cls, pattern: str = r".*\S.*", *, digits: int = 3) -> CodeScheme:
        """Return a scheme for codes that match `pattern`: any code above, then a sequence."""
        return cls("free", (("cell", digits),), pattern=pattern)

    @property
    def digits(self) -> int:
        """Length of the sequence."""
        return self.parts[-1][1]

    @property
    def parent_digits(self) -> int:
        """Length of the code on the level above, 0 where it is free."""
        return sum(n for _, n in self.parts[:-1])

    @property
    def last(self) -> int:
        """The greatest sequence."""
        return int(10**self.digits - 1)

    @property
    def regex(self) -> str:
        """What a whole code matches."""
        if self.pattern is not None:
            return self.pattern
        return re.escape(self.head) + rf"[0-9]{{{self.parent_digits + self.digits}}}"

    def with_digits(self, digits: int) -> CodeScheme:
        """Return the scheme with a sequence of another length."""
        return replace(self, parts=(*self.parts[:-1], (self.parts[-1][0], digits)))

    def format(self, parent: str, sequence: int) -> str:
        """Return one code.

        Raises
        ------
        OptionError
            The sequence has too many digits, or the code would not fit the scheme.
        """
        code = f"{self.head}{parent}{sequence:0{self.digits}d}"
        if not 0 <= sequence <= self.last or not re.fullmatch(self.regex, code):
            raise OptionError(
                *message(
                    "division.unfit_code",
                    code=code,
                    scheme=self.name,
                    regex=self.regex,
                    last=self.last,
                )
            )
        return code

    def parse(self, code: str) -> dict[str, str]:
        """Return the parts of a code by name, with ``street_kind`` and ``community_kind``.

        A kind is empty where the digits lie in no known band.

        Raises
        ------
        SchemaError
            The code does not fit the scheme.
        """
        self.check(pd.Series([code], dtype="str"))
        if self.pattern is not None:
            cut = len(code) - self.digits
            return {"parent": code[:cut], self.parts[-1][0]: code[cut:]}
        ends = list(accumulate((n for _, n in self.parts), initial=len(self.head)))
        found = {
            name: code[a:b] for (name, _), a, b in zip(self.parts, ends[:-1], ends[1:], strict=True)
        }
        if "street" in found:
            found["street_kind"] = _band(found["street"], STREET_BANDS)
        if "community" in found:
            merged = (MERGED_BAND,) if self.undivided is not None else ()
            found["community_kind"] = _band(found["community"], (*COMMUNITY_BANDS, *merged))
        return found

    def check(self, codes: pd.Series[str]) -> None:
        """Return when every code fits the scheme.

        Raises
        ------
        SchemaError
            Values and rows that do not fit.
        """
        bad = ~codes.astype("str").str.fullmatch(self.regex).fillna(False).to_numpy(dtype=bool)
        if bad.any():
            raise SchemaError(
                *message(
                    "division.unfit_codes",
                    scheme=self.name,
                    regex=self.regex,
                    n=int(bad.sum()),
                    values=", ".join(repr(v) for v in codes[bad].drop_duplicates().head(5)),
                    rows=first_few(bad.nonzero()[0]),
                )
            )

    def parents(self, codes: pd.Series[str]) -> pd.Series[str]:
        """Return the code on the level above of each code, without the head."""
        return codes.str[len(self.head) : -self.digits]

    def sequences(self, codes: pd.Series[str]) -> Ints:
        """Return the sequence of each code; -1 where it does not end in so many digits."""
        tail = pd.to_numeric(codes.str[-self.digits :], errors="coerce")
        return tail.fillna(-1).to_numpy(dtype=np.int64)

    def disjoint(self, other: CodeScheme) -> bool:
        """Tell whether no code can belong to both schemes: by length, or character by character.

        Examples
        --------
        >>> from gridkit.division.schemes import CodeScheme
        >>> CodeScheme().disjoint(CodeScheme.duty()), CodeScheme().disjoint(CodeScheme.free())
        (True, False)
        """
        if self.pattern is not None or other.pattern is not None:
            return False
        return any(_apart(a, b) for a, b in zip_longest(self._mask(), other._mask(), fillvalue=""))

    def _mask(self) -> str:
        """Return the code with # in place of each digit that may change."""
        return self.head + "#" * (self.parent_digits + self.digits)


def _apart(a: str, b: str) -> bool:
    if "#" in (a, b):
        other = b if a == "#" else a
        return not (other == "#" or other.isdigit())
    return a != b


def _band(digits: str, bands: tuple[tuple[int, int, str], ...]) -> str:
    return next((kind for low, high, kind in bands if low <= int(digits) <= high), "")
