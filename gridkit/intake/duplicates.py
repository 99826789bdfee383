"""The same problem reported several times: groups with a leader, in bulk and live."""

from __future__ import annotations

import itertools
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from ..crs import require_metres
from ..errors import OptionError, SchemaError, raise_all
from ..messages import message
from ..tables import REPORTS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    import geopandas as gpd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["DuplicateIndex", "Near", "Reach", "find_duplicates", "text_similarity"]

_HOUR = 3_600_000_000


@dataclass(frozen=True)
class Reach:
    """How near and how soon a report of one category repeats another.

    Attributes
    ----------
    radius_m, hours : float
        Both ends count: exactly 50 m and exactly 24 h are a repetition. The default is that of
        Yuncheng's rules.

    Raises
    ------
    OptionError
        Not above zero.

    Examples
    --------
    >>> from gridkit import Reach
    >>> Reach(radius_m=20.0).hours
    24.0
    """

    radius_m: float = 50.0
    hours: float = 24.0

    def __post_init__(self) -> None:
        if not (0 < self.radius_m < np.inf and 0 < self.hours < np.inf):
            values = {"radius_m": self.radius_m, "hours": self.hours}
            raise OptionError(*message("intake.bad_reach", **values))


def find_duplicates(
    reports: gpd.GeoDataFrame,
    *,
    reach: Reach | None = None,
    by_category: Mapping[str, Reach] | None = None,
    least_similarity: float = 0.0,
) -> pd.DataFrame:
    """Say which reports repeat an earlier one: same category, near, soon after.

    In the order of time (then of `report_id`) a report joins the earliest leader of its category
    that lies within the radius and began no longer ago than the hours; else it is a leader itself.
    All are held against the leader, so that no chain creeps along a street. Nothing is dropped:
    what to merge is the ledger's affair.

    Parameters
    ----------
    reports : GeoDataFrame of points
        Table ``reports`` in metres, with ``category`` and ``reported_at``.
    reach : Reach, optional
        50 m and 24 h.
    by_category : mapping of category → Reach, optional
        Where a category has its own.
    least_similarity : float
        How much the texts must have in common besides, 0 to 1 (`text_similarity`); one without
        text is told apart by nothing.

    Returns
    -------
    DataFrame
        With the rows and the index of `reports`: ``duplicate_of`` (the leader's ``report_id``;
        empty for leaders), ``group`` (the leader's id for everybody in a group of two or more),
        ``distance_m`` and ``hours`` to the leader, and ``compared``: false where a report has no
        place, time or category, so that it repeats nothing.

    Raises
    ------
    SchemaError
        Columns are missing, or ids are missing or repeated.
    CRSError
        No CRS, or not in metres.
    OptionError
        `least_similarity` is not from 0 to 1.

    Notes
    -----
    Pairs come from a k-d tree over place and time of each category, then exactly.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import pandas as pd
    >>> from gridkit import find_duplicates
    >>> from shapely import Point
    >>> reports = gpd.GeoDataFrame(
    ...     {
    ...         "report_id": ["a", "b", "c"],
    ...         "category": "E0405",
    ...         "reported_at": pd.to_datetime(
    ...             ["2026-03-01 08:00+08:00", "2026-03-01 09:00+08:00", "2026-03-03 08:00+08:00"]
    ...         ),
    ...     },
    ...     geometry=[Point(0, 0), Point(30, 40), Point(0, 0)],
    ...     crs=4549,
    ... )
    >>> find_duplicates(reports)["duplicate_of"].fillna("").tolist()
    ['', 'a', '']
    """
    _check(reports, least_similarity)
    usual, own = reach or Reach(), dict(by_category or {})
    points, micros, compared = _places(reports)
    ids = reports["report_id"].to_numpy(dtype=object)
    order = np.lexsort((ids.astype(str), micros))
    leader = np.full(len(reports), -1, np.int64)
    category = reports["category"].astype("str")
    texts = reports["text"] if "text" in reports else pd.Series("", index=reports.index)
    texts = texts.astype("str").fillna("").to_numpy(object)
    for name, rows in pd.Series(order[compared[order]]).groupby(
        category.to_numpy()[order[compared[order]]], sort=False
    ):
        at = rows.to_numpy(np.int64)
        alike = _Alike(texts[at], least_similarity) if least_similarity else None
        leader[at] = _led(points[at], micros[at], at, own.get(str(name), usual), alike)
    return _table(reports, points, micros, compared, leader)


def text_similarity(one: str, other: str) -> float:
    """Return how much two texts have in common: 0 nothing, 1 all their pairs of characters.

    Twice the pairs of neighbouring letters and digits in both, over those of one and the other
    (Sørensen and Dice); case, width, spaces and punctuation do not count. 1 where one is empty.

    Examples
    --------
    >>> from gridkit import text_similarity
    >>> text_similarity("路灯不亮", "路灯不亮了!"), text_similarity("路灯不亮", "井盖破损")
    (0.8571428571428571, 0.0)
    """
    return _common(_pairs_of(one), _pairs_of(other))


def _pairs_of(text: str) -> Counter[str]:
    plain = [c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum()]
    return Counter(map("".join, itertools.pairwise(plain)) if len(plain) > 1 else plain)


def _common(one: Counter[str], other: Counter[str]) -> float:
    if not one or not other:
        return 1.0
    return 2 * (one & other).total() / (one.total() + other.total())


class _Alike:
    """Compares the texts of one category, each taken apart once."""

    def __init__(self, texts: Any, least: float) -> None:
        self._texts, self._least = texts, least
        self._parts: dict[int, Counter[str]] = {}

    def __call__(self, one: int, other: int) -> bool:
        for i in (one, other):
            if i not in self._parts:
                self._parts[i] = _pairs_of(self._texts[i])
        return _common(self._parts[one], self._parts[other]) >= self._least


def _check(reports: gpd.GeoDataFrame, least_similarity: float) -> None:
    if not 0 <= least_similarity <= 1:
        raise OptionError(*message("intake.bad_similarity", value=least_similarity))
    REPORTS.check(reports, source="reports")
    require_metres(reports, what="reports")
    lost = [c for c in ("category", "reported_at") if c not in reports.columns]
    found = ", ".join(map(str, reports.columns))
    where = {"source": "reports", "table": "reports", "found": found}
    raise_all(SchemaError, [message("tables.missing_columns", columns=c, **where) for c in lost])


def _places(reports: gpd.GeoDataFrame) -> tuple[Floats, Ints, NDArray[np.bool_]]:
    """Return points (NaN where there is none), microseconds, and which rows can be compared."""
    shapes = reports.geometry.to_numpy()
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    there &= shapely.get_type_id(shapes) == shapely.GeometryType.POINT
    points = np.full((len(reports), 2), np.nan)
    points[there] = shapely.get_coordinates(shapes[there])
    times = reports["reported_at"]
    micros = times.dt.tz_convert("UTC").dt.tz_localize(None).dt.as_unit("us").to_numpy()
    named = reports["category"].astype("str").fillna("").str.strip() != ""
    compared = there & times.notna().to_numpy() & named.to_numpy() & np.isfinite(points).all(axis=1)
    return points, micros.view(np.int64), compared


def _led(points: Floats, micros: Ints, rows: Ints, reach: Reach, alike: _Alike | None) -> Ints:
    """Return the leader of each report of one category, in the order of time; -1 for leaders."""
    spread = np.column_stack(
        [points / reach.radius_m, (micros - micros[0]) / (reach.hours * _HOUR)]
    )
    # A hair more than 1, so that rounding loses no pair; the exact tests follow.
    pairs = cKDTree(spread).query_pairs(1 + 1e-9, p=np.inf, output_type="ndarray")
    first, second = pairs.min(axis=1, initial=len(rows)), pairs.max(axis=1, initial=0)
    near = np.hypot(*(points[first] - points[second]).T) <= reach.radius_m
    soon = micros[second] - micros[first] <= reach.hours * _HOUR
    first, second = first[near & soon], second[near & soon]
    order = np.lexsort((first, second))
    led = np.full(len(rows), -1, np.int64)
    for one, other in zip(first[order].tolist(), second[order].tolist(), strict=True):
        if led[other] < 0 and led[one] < 0 and (alike is None or alike(one, other)):
            led[other] = one
    return np.where(led >= 0, rows[led], -1)


def _table(
    reports: gpd.GeoDataFrame,
    points: Floats,
    micros: Ints,
    compared: NDArray[np.bool_],
    leader: Ints,
) -> pd.DataFrame:
    ids = reports["report_id"].to_numpy(dtype=object)
    led = leader >= 0
    of = np.full(len(ids), None, dtype=object)
    of[led] = ids[leader[led]]
    apart = np.full(len(ids), np.nan)
    apart[led] = np.hypot(*(points[led] - points[leader[led]]).T)
    hours = np.full(len(ids), np.nan)
    hours[led] = (micros[led] - micros[leader[led]]) / _HOUR
    group = of.copy()
    heads = np.unique(leader[led])
    group[heads] = ids[heads]
    return pd.DataFrame(
        {
            "duplicate_of": pd.Series(of, reports.index, dtype="str"),
            "group": pd.Series(group, reports.index, dtype="str"),
            "distance_m": apart,
            "hours": hours,
            "compared": compared,
        },
        index=reports.index,
    )


class Near(NamedTuple):
    """An open report that a new one may repeat."""

    report_id: str
    distance_m: float
    hours: float


class DuplicateIndex:
    """The open leaders, kept as reports come in and cases close: an R-tree that grows and shrinks.

    Fed with reports in the order of time and never told to close, it names the same leaders as
    `find_duplicates`.

    Parameters
    ----------
    reach : Reach, optional
    by_category : mapping of category → Reach, optional
    least_similarity : float
        As in `find_duplicates`.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import DuplicateIndex
    >>> index = DuplicateIndex()
    >>> morning = pd.Timestamp("2026-03-01 08:00", tz="Asia/Shanghai")
    >>> index.file("a", "E0405", 0.0, 0.0, morning)
    >>> index.file("b", "E0405", 30.0, 40.0, morning)
    'a'
    >>> index.close("a")
    >>> len(index)
    0
    """

    def __init__(
        self,
        *,
        reach: Reach | None = None,
        by_category: Mapping[str, Reach] | None = None,
        least_similarity: float = 0.0,
    ) -> None:
        import rtree

        if not 0 <= least_similarity <= 1:
            raise OptionError(*message("intake.bad_similarity", value=least_similarity))
        self._least = least_similarity
        self._usual, self._own = reach or Reach(), dict(by_category or {})
        self._tree = rtree.index.Index()
        self._open: dict[str, tuple[int, str, float, float, pd.Timestamp, str]] = {}
        self._names: dict[int, str] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._open)

    def candidates(
        self, category: str, x: float, y: float, at: dt.datetime, text: str = ""
    ) -> list[Near]:
        """Return the open leaders that a report may repeat, the earliest first.

        Parameters
        ----------
        category : str
        x, y : float
            Metres, in the one CRS of the index.
        at : datetime with zone
        text : str
            Compared where the index has a `least_similarity`.

        Raises
        ------
        OptionError
            No finite place, or a time without zone.
        """
        when = _moment(x, y, at)
        reach = self._own.get(category, self._usual)
        r = reach.radius_m
        found = []
        for number in self._tree.intersection((x - r, y - r, x + r, y + r)):
            name = self._names[number]
            _, kind, px, py, began, told = self._open[name]
            apart, hours = float(np.hypot(px - x, py - y)), (when - began) / pd.Timedelta(hours=1)
            near = kind == category and apart <= r and 0 <= hours <= reach.hours
            if near and (not self._least or text_similarity(told, text) >= self._least):
                found.append((began, Near(name, apart, hours)))
        return [near for _, near in sorted(found, key=lambda f: (f[0], f[1].report_id))]

    def file(
        self,
        report_id: str,
        category: str,
        x: float,
        y: float,
        at: dt.datetime,
        text: str = "",
    ) -> str | None:
        """Take in a report: return the leader that it repeats, or open it as a leader (None).

        Raises
        ------
        OptionError
            The id is open already; no finite place; a time without zone.
        """
        if report_id in self._open:
            raise OptionError(*message("intake.open_already", report=report_id))
        near = self.candidates(category, x, y, at, text)
        if near:
            return near[0].report_id
        self._next += 1
        self._open[report_id] = (self._next, category, x, y, _moment(x, y, at), text)
        self._names[self._next] = report_id
        self._tree.insert(self._next, (x, y, x, y))
        return None

    def close(self, report_id: str) -> None:
        """Take a leader out: what comes after its case is closed is a new problem.

        Raises
        ------
        OptionError
            No leader of that id is open.
        """
        if report_id not in self._open:
            raise OptionError(*message("intake.not_open", report=report_id))
        number, _, x, y, *_ = self._open.pop(report_id)
        del self._names[number]
        self._tree.delete(number, (x, y, x, y))


def _moment(x: float, y: float, at: Any) -> pd.Timestamp:
    when = pd.Timestamp(at)
    if not (np.isfinite(x) and np.isfinite(y)):
        raise OptionError(*message("intake.no_finite_place", x=x, y=y))
    if pd.isna(when) or when.tzinfo is None:
        raise OptionError(*message("intake.naive_report", value=at))
    return when
