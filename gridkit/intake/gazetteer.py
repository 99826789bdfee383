"""A local gazetteer: streets, door plates, compounds and places of a district, by name."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..crs import require_metres, same_crs
from ..errors import GeometryError, SchemaError, raise_all
from ..messages import message
from ..tables import PLACES, first_few
from .address_text import address_words, door_number, english_key, is_chinese, plain_address
from .columns import code_text, header_words
from .places import district_places

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyproj
    from shapely.geometry.base import BaseGeometry

    from ..messages import Message
    from .district import District

__all__ = ["Gazetteer", "Host", "Stretch", "Zone"]

_ZONES = ("district", "office", "community")
_HOSTS = ("street", "area", "poi")
# Stretches and plates of one name belong to one street when they are no farther apart.
_ONE_STREET_M = 500.0
_RANGES = ("left_from", "left_to", "right_from", "right_to")
_LEAST_FOR_TYPOS = 3


@dataclass(frozen=True)
class Zone:
    """A district, street office or community: its name, code and shape."""

    name: str
    kind: str
    code: str
    shape: BaseGeometry


@dataclass(frozen=True)
class Stretch:
    """One side of a stretch of street: its first and last number, and the line between them."""

    first: int
    last: int
    line: shapely.LineString


@dataclass(frozen=True, eq=False)
class Host:
    """What a door number or a relation refers to: a street, a compound or a place.

    Attributes
    ----------
    name, kind : str
        ``kind`` is street, area or poi.
    shape : geometry
        In metres: of a street its lines, without any its plates.
    plates : dict of (number, annex) → (x, y)
    stretches : list of Stretch
    """

    name: str
    kind: str
    shape: BaseGeometry
    plates: dict[tuple[int, str], tuple[float, float]] = field(default_factory=dict)
    stretches: list[Stretch] = field(default_factory=list)


class Gazetteer:
    """The names of a district, ready for look-up; nothing outside this computer is asked.

    Parameters
    ----------
    places : GeoDataFrame
        Table ``places``, in metres: a row for each stretch of street, door plate, compound (area),
        place (poi), community, street office and district. Several rows of one street are one,
        unless they are more than 500 m apart: then they are two streets of one name.

    Raises
    ------
    CRSError
        Not in metres.
    GeometryError
        A row without shape.
    SchemaError
        An unknown kind, a plate without street or number, an empty name.

    See Also
    --------
    match_addresses : finds places for addresses.
    locate : gives reports that have only an address their cell.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import LineString, Point
    >>> import gridkit as gk
    >>> places = gpd.GeoDataFrame(
    ...     {
    ...         "name": ["解放路", "解放路12号"],
    ...         "kind": ["street", "plate"],
    ...         "street": [None, "解放路"],
    ...         "number": [None, "12"],
    ...     },
    ...     geometry=[LineString([(0, 0), (900, 0)]), Point(60, 15)],
    ...     crs=4549,
    ... )
    >>> gazetteer = gk.Gazetteer(places)
    >>> gazetteer.summary()
    {'street': 1, 'plate': 1}
    """

    def __init__(self, places: gpd.GeoDataFrame) -> None:
        require_metres(places, what="places")
        PLACES.check(places, source="places")
        places = places.assign(kind=_kinds(places["kind"]))
        raise_all(SchemaError, _problems(places))
        bare = (places.geometry.isna() | places.geometry.is_empty).to_numpy()
        if bare.any():
            rows = first_few(np.flatnonzero(bare) + 1)
            raise GeometryError(*message("intake.place_without_shape", rows=rows))
        self._crs: pyproj.CRS = places.crs
        self._counts = {k: int(n) for k, n in places["kind"].value_counts(sort=False).items()}
        self.zones = _zones(places)
        self.hosts = _hosts(places)
        self._index_names(places)

    @classmethod
    def from_district(cls, district: District, places: gpd.GeoDataFrame | None = None) -> Gazetteer:
        """Make a gazetteer of a district's layers and, where given, a table of more places.

        Parameters
        ----------
        district : District
        places : GeoDataFrame, optional
            Table ``places`` in the district's CRS.

        Examples
        --------
        >>> import gridkit as gk
        >>> gazetteer = gk.Gazetteer.from_district(gk.make_city("small").district)
        >>> sorted(gazetteer.summary())
        ['area', 'community', 'district', 'office', 'street']
        """
        tables = [district_places(district)]
        if places is not None:
            same_crs(tables[0], places, what="district, places")
            tables.append(places)
        return cls(gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=district.crs))

    @property
    def crs(self) -> pyproj.CRS:
        """The CRS of all shapes, in metres."""
        return self._crs

    def summary(self) -> dict[str, int]:
        """Return how many rows of each kind the gazetteer was made of."""
        return dict(self._counts)

    def longest(self, text: str, start: int) -> tuple[str, list[Host | Zone]] | None:
        """Return the longest Chinese name that stands at a position of a plain address."""
        for length in self._lengths.get(text[start : start + 1], ()):
            name = text[start : start + length]
            if name in self._named:
                return name, self._named[name]
        return None

    def named(self, name: str) -> list[Host | Zone]:
        """Return all that bear a name, spelt as `plain_address` does."""
        return self._named.get(name, [])

    def misspelt(self, name: str) -> list[str]:
        """Return known names with one character more, less or other than `name`.

        Characters that tell streets apart (东, 新, 二 …) are no slips: 新华二街 is not 新华街.
        """
        telling = frozenset(address_words()["chinese"]["telling"])
        near: set[str] = set()
        for i, char in enumerate(name):
            if char in telling:
                continue
            other, less = name[:i] + "?" + name[i + 1 :], name[:i] + name[i + 1 :]
            near |= {known for known in self._blurred.get(other, ()) if known[i] not in telling}
            near |= {less} & self._named.keys()
        near |= set(self._blurred.get(name, ()))
        return sorted(n for n in near if n != name and isinstance(self._named[n][0], Host))

    def english_streets(self, name: str) -> list[tuple[Host, bool]]:
        """Return streets of an English name; True where direction or type had to be supplied."""
        heading, base, kind = english_key(name)
        if not base:
            return []
        there = self._english.get(base, [])
        exact = [h for d, k, h in there if (d, k) == (heading, kind)]
        if exact:
            return [(h, False) for h in exact]
        fits = [h for d, k, h in there if kind in ("", k) and (not heading or d == heading)]
        return [(h, True) for h in fits]

    def english_prefix(self, name: str) -> list[Host]:
        """Return streets whose name begins so: fields of fixed width cut their ends off."""
        begins = tuple(name.split())
        if not begins or len(name) < 5:
            return []
        return [
            host
            for base, rows in self._english.items()
            for _, kind, host in rows
            if _begins((*base, kind), begins)
        ]

    def _index_names(self, places: gpd.GeoDataFrame) -> None:
        """Index all names and aliases: Chinese by their text, English streets by their words."""
        others: dict[str, set[str]] = defaultdict(set)
        if "aliases" in places.columns:
            listed = places.loc[places["aliases"].notna(), ["name", "aliases"]]
            for name, aliases in listed.itertuples(index=False):
                others[name] |= {a for a in str(aliases).replace("；", ";").split(";") if a.strip()}
        named: dict[str, list[Host | Zone]] = defaultdict(list)
        self._english: dict[tuple[str, ...], list[tuple[frozenset[str], str, Host]]] = {}
        everything: list[Host | Zone] = [*self.hosts, *self.zones]
        for item in everything:
            for name in {item.name, *others.get(item.name, ())}:
                named[plain_address(name)].append(item)
                if isinstance(item, Host) and item.kind == "street" and not is_chinese(name):
                    heading, base, kind = english_key(name)
                    self._english.setdefault(base, []).append((heading, kind, item))
        self._named = dict(named)
        lengths: dict[str, set[int]] = defaultdict(set)
        blurred: dict[str, set[str]] = defaultdict(set)
        for name in filter(is_chinese, named):
            lengths[name[0]].add(len(name))
            if len(name) >= _LEAST_FOR_TYPOS and isinstance(named[name][0], Host):
                for key in _blurred(name):
                    blurred[key].add(name)
        self._lengths = {c: sorted(n, reverse=True) for c, n in lengths.items()}
        self._blurred = dict(blurred)


def _blurred(name: str) -> set[str]:
    """Return a name with each character in turn unknown, or left out where it tells nothing."""
    telling = address_words()["chinese"]["telling"]
    left_out = {name[:i] + name[i + 1 :] for i, char in enumerate(name) if char not in telling}
    return left_out | {name[:i] + "?" + name[i + 1 :] for i in range(len(name))}


def _begins(words: tuple[str, ...], begin: tuple[str, ...]) -> bool:
    """Tell whether words begin like others, the last of which may be cut off."""
    if len(begin) > len(words) or words[: len(begin) - 1] != begin[:-1]:
        return False
    return words[len(begin) - 1].startswith(begin[-1])


def _kinds(written: pd.Series) -> pd.Series:
    words = header_words("place")["words"]
    spellings = {w: kind for kind, others in words.items() for w in (kind, *others)}
    return written.astype("str").str.strip().str.lower().map(lambda w: spellings.get(w, w))


def _problems(places: gpd.GeoDataFrame) -> list[Message]:
    problems = []
    strange = ~places["kind"].isin([*_ZONES, *_HOSTS, "plate"]).to_numpy()
    if strange.any():
        known = ", ".join([*_ZONES, *_HOSTS, "plate"])
        where = {"rows": first_few(np.flatnonzero(strange) + 1), "known": known}
        values = first_few(places.loc[strange, "kind"])
        problems.append(message("intake.unknown_place_kind", values=values, **where))
    plate = places["kind"].eq("plate").to_numpy()
    for column in ("street", "number"):
        there = (
            places[column].notna().to_numpy() if column in places else np.zeros(len(plate), bool)
        )
        lacking = plate & ~there
        if lacking.any():
            rows = first_few(np.flatnonzero(lacking) + 1)
            problems.append(message("intake.plate_lacks", column=column, rows=rows))
    if plate.any() and not problems:
        numbers = places.loc[plate, "number"].astype("str").map(_plate_number)
        unread = numbers.isna().to_numpy()
        if unread.any():
            rows = np.flatnonzero(plate)[unread] + 1
            values = first_few(places.loc[plate, "number"][unread])
            problems.append(message("intake.plate_unread", rows=first_few(rows), values=values))
    return problems


def _plate_number(text: str) -> tuple[int, str] | None:
    door = door_number(plain_address(text))
    return None if door is None else (door.number, door.annex)


def _zones(places: gpd.GeoDataFrame) -> list[Zone]:
    rows = places[places["kind"].isin(_ZONES)]
    codes = code_text(rows["community_code"]) if "community_code" in rows else [None] * len(rows)
    return [
        Zone(name, kind, code if isinstance(code, str) else "", shape)
        for name, kind, code, shape in zip(
            rows["name"], rows["kind"], codes, rows.geometry, strict=True
        )
    ]


def _hosts(places: gpd.GeoDataFrame) -> list[Host]:
    """Join rows of one name that lie together; plates belong to the street that they name."""
    rows = places[places["kind"].isin([*_HOSTS, "plate"])].reset_index(drop=True)
    plate = rows["kind"].eq("plate").to_numpy()
    name = rows["name"].where(~plate, rows["street"]) if "street" in rows else rows["name"]
    key = name.map(plain_address)
    kind_of = dict(zip(key[~plate], rows.loc[~plate, "kind"], strict=True))
    kinds = [
        kind_of.get(k, "street") if is_plate else kind
        for k, kind, is_plate in zip(key, rows["kind"], plate, strict=True)
    ]
    shapes = rows.geometry.to_numpy()
    labels = _together(key.to_numpy(object), kinds, shapes)
    hosts = []
    for mine in pd.Series(np.arange(len(rows))).groupby(labels, sort=False).indices.values():
        real = mine[~plate[mine]]
        shape = shapely.union_all(shapes[real] if len(real) else shapes[mine])
        host = Host(str(name.iloc[mine[0]]), str(kinds[mine[0]]), shape)
        for i in mine[plate[mine]]:
            number = _plate_number(str(rows["number"].iloc[i]))
            point = shapely.point_on_surface(shapes[i])
            if number is not None:
                host.plates.setdefault(number, (point.x, point.y))
        host.stretches.extend(_stretches(rows, real))
        hosts.append(host)
    return hosts


def _together(key: Any, kinds: Any, shapes: Any) -> Any:
    """Return one label for rows of one name and kind that lie near each other."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    group = pd.factorize(pd.Series(key) + "\n" + pd.Series(kinds).astype("str"))[0]
    links = []
    many = pd.Series(np.arange(len(group))).groupby(group).indices
    for rows in many.values():
        if len(rows) > 1:
            tree = shapely.STRtree(shapes[rows])
            links.append(rows[tree.query(shapes[rows], "dwithin", _ONE_STREET_M)])
    one, other = np.hstack(links) if links else np.zeros((2, 0), np.int64)
    size = len(group)
    graph = coo_array((np.ones(len(one), bool), (one, other)), shape=(size, size))
    return connected_components(graph, directed=False)[1]


def _stretches(rows: pd.DataFrame, mine: Sequence[int]) -> list[Stretch]:
    found = []
    for start, end in (_RANGES[:2], _RANGES[2:]):
        if start not in rows.columns or end not in rows.columns:
            continue
        for i in mine:
            first, last = rows[start].iloc[i], rows[end].iloc[i]
            lines = shapely.get_parts(shapely.line_merge(rows.geometry.iloc[i]))
            if pd.notna(first) and pd.notna(last) and max(first, last) > 0 and len(lines) == 1:
                found.append(Stretch(int(first), int(last), lines[0]))
    return found
