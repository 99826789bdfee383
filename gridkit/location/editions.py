"""A publisher's own area column against our cells: the same edition of the boundaries or not."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from ..crs import require_metres, same_crs
from ..errors import OptionError, SchemaError
from ..messages import message, require_lang, say
from ..tables import CELLS

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from ..errors import Lang

    Positions = NDArray[np.intp]

__all__ = ["Edition", "check_edition"]

_FEWEST = 3  # odd rows: one or two slips of the pen are no edition
_UNKNOWN, _UNSTATED = -1, -2
_KINDS = ("unstated", "unplaced", "agree", "near", "unknown", "far")
_SAYS_NOTHING = re.compile(
    r".*\b(unspecified|unknown|unassigned)\b.*|none|null|nan|n/?a|[-–—?]+|.*(未知|不详|未分类).*|无",
    re.DOTALL,
)


@dataclass(frozen=True)
class Edition:
    """How a publisher's own area column fits the cells the reports were located in.

    Every row is counted once: ``rows`` is the sum of `unstated`, `unplaced`, `agree`, `near`,
    `unknown` and `far`.

    Attributes
    ----------
    column : str
        The publisher's column.
    rows : int
    unstated : int
        Rows whose column says nothing: empty, 0, "Unspecified", or no code at all.
    unplaced : int
        Rows that state an area but lie in no cell: outside, or without coordinates.
    agree : int
        Both name the same cell.
    near : int
        The area stated is another one, but the point is within the border distance of it.
    unknown : int
        The code stated is none of the cells'.
    far : int
        The area stated is known and farther from the point.
    differences : DataFrame
        The rows that do not agree, counted: ``stated`` (as published, without leading zeros),
        ``cell_code`` (ours), ``kind`` (``near``, ``unknown`` or ``far``) and ``rows``; the most
        frequent first.
    limit_share : float
        Share of `compared` above which unknown and far rows mean another edition.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import Edition
    >>> edition = Edition("ward", 200, 0, 0, 150, 0, 10, 40, pd.DataFrame(), 0.01)
    >>> edition.compared, edition.odd_share, edition.verdict
    (200, 0.25, 'different')
    """

    column: str
    rows: int
    unstated: int
    unplaced: int
    agree: int
    near: int
    unknown: int
    far: int
    differences: pd.DataFrame
    limit_share: float

    @property
    def compared(self) -> int:
        """Rows that state an area and lie in a cell."""
        return self.agree + self.near + self.unknown + self.far

    @property
    def odd_share(self) -> float:
        """Share of the compared rows that no border explains: unknown and far; NaN for none."""
        return (self.unknown + self.far) / self.compared if self.compared else np.nan

    @property
    def verdict(self) -> str:
        """``"same"``, ``"different"``, or ``"unclear"`` where there are too few rows to tell."""
        odd = self.unknown + self.far
        if odd > self.limit_share * self.compared:
            return "different" if odd >= _FEWEST else "unclear"
        return "same" if self.limit_share * self.compared >= 1 else "unclear"

    def text(self, lang: Lang = "zh") -> str:
        """Return the verdict, its figures and what to do, in ``"zh"`` or ``"en"``.

        Values of the publisher's column are not in it; `differences` lists them.
        """
        lang = require_lang(lang)
        counts = {name: getattr(self, name) for name in ("rows", "compared", *_KINDS)}
        figures = say("location.edition_figures", lang, **counts)
        return f"{self._verdict_text(lang)}\n{figures}"

    def _verdict_text(self, lang: Lang) -> str:
        shown = {"column": self.column, "share": f"{self.odd_share:.1%}"}
        if not self.compared:
            return say("location.edition_nothing", lang, column=self.column)
        if self.verdict == "same":
            return say("location.edition_same", lang, **shown)
        if self.verdict == "unclear":
            return say("location.edition_unclear", lang, **shown)
        if self.unknown > self.far:
            return say("location.edition_other_codes", lang, **shown)
        return say("location.edition_different", lang, **shown)


def check_edition(
    located: gpd.GeoDataFrame,
    column: str,
    *,
    cells: gpd.GeoDataFrame | None = None,
    within_m: float = 10.0,
    limit_share: float = 0.01,
    prefix: str | None = None,
) -> Edition:
    """Compare a publisher's own area column with the cells that `locate` found.

    Points near a border land on its other side for harmless reasons. An area that is not on the
    map, or far from the point, says that the column was filled from another edition of the
    boundaries than the cells; more than about one in a hundred of them is no accident.

    Codes are compared without leading zeros, ``.0``, case and width of letters (``111.0``,
    ``"0111"``), unless two cells then had the same code. Empty values, 0, words such as
    "Unspecified" and, where every cell code has a digit, text without one state nothing.

    Parameters
    ----------
    located : GeoDataFrame
        Table ``located``, from `locate`.
    column : str
        The publisher's column with the code of the area.
    cells : GeoDataFrame, optional
        The cells located in, to measure how far the stated area is. Without them a point is near
        a border when any border is within `within_m`, which spares some far rows, and codes that
        no report lies in or beside are unknown.
    within_m : float
        Border distance: how far the stated area may be from the point; without `cells` 25 m
        at most, as farther borders are not in `located`.
    limit_share : float
        Share of the compared rows, unknown and far together, above which the editions differ.
    prefix : str, optional
        As given to `locate`.

    Returns
    -------
    Edition
        With `verdict`, counts, `differences` and `text`.

    Raises
    ------
    SchemaError
        A column is missing, a cell code is empty or repeats, or `cells` are not those of `located`.
    CRSError
        `cells` or `located` without CRS, in degrees, or in two different CRS.
    OptionError
        A negative `within_m`, or a `limit_share` that is not between 0 and 1.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import gridkit as gk
    >>> from shapely import Point, box
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["01", "02"]}, geometry=[box(0, 0, 99, 99), box(99, 0, 198, 99)], crs=4549
    ... )
    >>> reports = gpd.GeoDataFrame(
    ...     {"report_id": [str(i) for i in range(150)], "ward": [1.0] * 150},
    ...     geometry=[Point(i, 50) for i in range(150)],
    ...     crs=4549,
    ... )
    >>> edition = gk.check_edition(gk.locate(reports, cells), "ward", cells=cells)
    >>> edition.verdict, edition.agree, edition.near, edition.far
    ('different', 99, 11, 40)
    """
    if not (within_m >= 0 and 0 <= limit_share <= 1):
        given = {"within_m": within_m, "limit_share": limit_share}
        raise OptionError(*message("location.edition_options", **given))
    names = {name: f"{prefix or ''}{name}" for name in ("cell_code", "alt_cell_code", "border_m")}
    _require_columns(located, [column, *names.values()])
    if cells is not None:
        CELLS.check(cells, source="cells")
        require_metres(located, what="located")
        same_crs(located, cells, what="located, cells")
    ours, other = located[names["cell_code"]], located[names["alt_cell_code"]]
    codes = _codes(ours, other, cells)
    keys, at = _stated(located[column], codes)
    kind = np.select(
        [at == _UNSTATED, ours.isna(), at == _UNKNOWN, at == codes.get_indexer(ours)],
        ["unstated", "unplaced", "unknown", "agree"],
        "far",
    )
    rest = np.flatnonzero(kind == "far")
    if cells is None:
        beside = codes.get_indexer(other.iloc[rest]) == at[rest]
        close = beside | (located[names["border_m"]].to_numpy()[rest] <= within_m)
    else:
        points = np.asarray(located.geometry.array)[rest]
        close = _within(np.asarray(cells.geometry.array), at[rest], points, within_m)
    kind[rest[close]] = "near"
    return Edition(
        column=column,
        rows=len(located),
        **{name: int((kind == name).sum()) for name in _KINDS},
        differences=_differences(keys, ours, kind),
        limit_share=limit_share,
    )


def _require_columns(located: pd.DataFrame, needed: list[str]) -> None:
    lost = [name for name in needed if name not in located.columns]
    if lost:
        names = {"columns": ", ".join(lost), "found": ", ".join(map(str, located.columns)) or "–"}
        raise SchemaError(
            *message("tables.missing_columns", source="located", table="located", **names)
        )


def _codes(ours: pd.Series, other: pd.Series, cells: gpd.GeoDataFrame | None) -> pd.Index:
    """Return the codes of the cells, each once; those that occur where no cells are given."""
    if cells is None:
        codes: pd.Index = pd.Index(pd.concat([ours, other]).dropna().unique())
        return codes
    codes = pd.Index(cells["cell_code"])
    strange = ours.dropna()[~ours.dropna().isin(codes)]
    if len(strange):
        shown = ", ".join(map(str, strange.unique()[:5]))
        raise SchemaError(*message("location.edition_other_cells", n=len(strange), codes=shown))
    return codes


def _stated(values: pd.Series, codes: pd.Index) -> tuple[NDArray[np.object_], Positions]:
    """Return what each row states, null for nothing, and where that is among `codes`."""
    loose = pd.Index([_key(code, loose=True) for code in codes]).is_unique
    known = pd.Index([_key(code, loose=loose) for code in codes], dtype=object)
    row, found = pd.factorize(values.astype(object))
    keys = np.array([*(_key(value, loose=loose) for value in found), None], dtype=object)
    at: Positions = known.get_indexer(pd.Index(keys))
    digits = all(map(_has_digit, known))
    for i in np.flatnonzero(at < 0):
        if keys[i] is None or _says_nothing(keys[i]) or (digits and not _has_digit(keys[i])):
            keys[i], at[i] = None, _UNSTATED
    return keys[row], at[row]


def _key(value: Any, *, loose: bool) -> str:
    """Return a code as text, whole numbers without ``.0``; `loose`: ``" 0111 "`` → ``111``."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    if not loose:
        return str(value)
    text = " ".join(unicodedata.normalize("NFKC", str(value)).casefold().split())
    text = re.sub(r"^([0-9]+)\.0+$", r"\1", text)
    return text.lstrip("0") or text[:1]


def _says_nothing(key: str) -> bool:
    return not key.strip("0. ") or _SAYS_NOTHING.fullmatch(key.casefold()) is not None


def _has_digit(text: str) -> bool:
    return any(letter.isdigit() for letter in text)


def _within(shapes: Any, at: Positions, points: Any, within_m: float) -> Any:
    """Tell which points are within `within_m` of the shape that each names."""
    used = shapes[np.unique(at)]
    shapely.prepare(used)
    return shapely.dwithin(shapes[at], points, within_m)


def _differences(keys: NDArray[np.object_], ours: pd.Series, kind: Any) -> pd.DataFrame:
    """Count the rows that do not agree by what is stated, where they are, and how far that is."""
    apart = np.isin(kind, ["near", "unknown", "far"])
    columns = {"stated": keys[apart], "cell_code": ours[apart], "kind": kind[apart]}
    table = pd.DataFrame(columns).astype("str")
    counted = table.groupby(["stated", "cell_code", "kind"], as_index=False).size()
    counted = counted.rename(columns={"size": "rows"})
    order = ["rows", "stated", "cell_code"]
    return counted.sort_values(order, ascending=[False, True, True], ignore_index=True)
