"""Places for addresses: from door plate to community, each with how exact it is, or a reason."""

from __future__ import annotations

import bisect
import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..crs import same_crs
from ..errors import OptionError, SchemaError
from ..intake.address_text import is_chinese
from ..messages import message
from .address_reading import read_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from ..intake.address_text import DoorNumber
    from ..intake.gazetteer import Gazetteer, Host, Zone
    from .address_reading import Named, Reading

__all__ = ["ADDRESS_COLUMNS", "AddressMatches", "match_addresses", "place_addresses"]

ADDRESS_COLUMNS = ("address_rung", "address_match", "address_refused")

RUNGS = ("plate", "between", "crossing", "poi", "area", "street_part", "street", "community")
REASONS = ("empty", "elsewhere", "unknown", "no_such_number", "conflict", "ambiguous", "vague")
# How much each rung is worth, and what lessens it: judged by benchmarks/bench_addresses.py.
_WORTH = dict(zip(RUNGS, (1.0, 0.95, 0.92, 0.9, 0.85, 0.75, 0.7, 0.5), strict=True))
_UNSURE, _UNVOUCHED, _UNKNOWN_BESIDE, _CONFLICT, _OTHER_ANNEX = 0.8, 0.5, 0.5, 0.5, 0.95
_LONG_NAME = 4
_LEAST = 0.6
_RIVAL = 0.8
# Metres: a plate's own place; between two plates; where two lines meet; a place without extent.
_PLATE_M, _BETWEEN_M, _CROSSING_M, _POI_M = 30.0, 30.0, 40.0, 50.0
_MOST_BETWEEN_M, _ACROSS_M = 400.0, 20.0
_A_FEW, _PER_NUMBER_M = 10, 7.0
_MOST_NUMBERS = 60
# A range says less than a plate: Syracuse's trucks stand within 50 m of the place that it gives.
_RANGE_M, _WHOLE_HUNDRED = 50.0, 80
_MEET_M = 20.0
_BESIDE_ZONE_M = 150.0
# Nobody counts paces: a third of the distance more or less.
_PACES = 0.35
_STREET_WIDTH_M = 15.0


@dataclass(frozen=True)
class Candidate:
    """One place that an address may mean."""

    rung: str
    name: str
    score: float
    accuracy_m: float
    point: shapely.Point


@dataclass(frozen=True)
class AddressMatches:
    """What came of addresses.

    Attributes
    ----------
    found : GeoDataFrame
        A row for each address, in the order given: ``address``, ``rung``, ``match`` (what the
        gazetteer calls it), ``score`` (0-1), ``accuracy_m``, ``community_code`` (of the community
        that is named, or that holds all candidates), ``refused`` and the point. Where ``refused``
        holds a reason, the point is empty and the rest is that of the best candidate.
    candidates : GeoDataFrame
        All candidates: ``row`` (position in `found`), ``rank`` from 1, ``rung``, ``match``,
        ``score``, ``accuracy_m`` and the point. `locate` gives each its cell.

    Examples
    --------
    >>> import gridkit as gk
    >>> district = gk.make_city("small").district
    >>> matches = gk.match_addresses(["海港路与学府路路口"], gk.Gazetteer.from_district(district))
    >>> matches.candidates[["row", "rank", "rung", "match"]].values.tolist()
    [[0, 1, 'crossing', '海港路 × 学府路']]
    """

    found: gpd.GeoDataFrame
    candidates: gpd.GeoDataFrame


def match_addresses(
    addresses: pd.Series | Sequence[str], gazetteer: Gazetteer, *, most_m: float = 150.0
) -> AddressMatches:
    """Find the places that addresses mean, without a network.

    The ladder, from exact to vague: ``plate``, a known door plate; ``between``, along the street
    between known plates, at most ten numbers beyond the last, or by the address range of a
    stretch; ``crossing`` of two streets; ``poi``, a named place; ``area``, a compound;
    ``street_part``, the part of a street in the community named; ``street``; ``community``.
    Words such as 对面 or 路口以南100米 move the point or widen its accuracy.

    An address is refused, with its candidates, for one of these reasons:

    ============== ==========================================================================
    empty          nothing is written
    elsewhere      another district is named
    unknown        no name that the gazetteer knows, only a misspelt one that nothing vouches for,
                   or an unknown one beside it
    no_such_number the number lies beyond those of the street
    conflict       street and community that are far apart, streets that do not meet
    ambiguous      several places fit equally well
    vague          what is found is less exact than `most_m`
    ============== ==========================================================================

    Parameters
    ----------
    addresses : Series or sequence of str
        Missing ones are allowed.
    gazetteer : Gazetteer
    most_m : float
        Least exact place that is accepted, in metres.

    Returns
    -------
    AddressMatches
        ``accuracy_m`` is a radius meant to hold the place in at least 98 of 100 cases.

    Raises
    ------
    OptionError
        A `most_m` that is not positive.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import LineString, Point
    >>> import gridkit as gk
    >>> places = gpd.GeoDataFrame(
    ...     {
    ...         "name": ["解放路", "a", "b"],
    ...         "kind": ["street", "plate", "plate"],
    ...         "street": [None, "解放路", "解放路"],
    ...         "number": [None, "10", "16"],
    ...     },
    ...     geometry=[LineString([(0, 0), (900, 0)]), Point(60, 15), Point(120, 15)],
    ...     crs=4549,
    ... )
    >>> texts = ["解放路十号", "解放路14号对面", "解放路98号", "建设路1号"]
    >>> found = gk.match_addresses(texts, gk.Gazetteer(places)).found
    >>> found[["rung", "accuracy_m", "refused"]].values.tolist()
    [['plate', 30.0, nan], ['between', 110.0, nan], ['street', 465.0, 'no_such_number'], \
[nan, nan, 'unknown']]
    """
    if not most_m > 0:
        raise OptionError(*message("location.bad_address_m", value=most_m))
    texts = pd.Series(addresses, dtype="str").reset_index(drop=True)
    places, unique = pd.factorize(texts)
    finder = _Finder(gazetteer, most_m)
    answers = [finder.find(text) for text in unique]
    none = _Answer([], "empty", "")
    return _tables(texts, [none if i < 0 else answers[i] for i in places], gazetteer)


def place_addresses(
    reports: gpd.GeoDataFrame, gazetteer: Gazetteer, *, most_m: float
) -> tuple[gpd.GeoDataFrame, NDArray[np.bool_]]:
    """Return reports with points for those that have only an address, and which got one.

    Parameters
    ----------
    reports : GeoDataFrame
        With a column ``address``, in the CRS of the gazetteer.
    gazetteer, most_m
        As in `match_addresses`.

    Raises
    ------
    SchemaError
        No column ``address``.
    CRSError
        Another CRS than the gazetteer's.
    """
    if "address" not in reports.columns:
        raise SchemaError(*message("location.no_address"))
    same_crs(reports, gazetteer, what="reports, gazetteer")
    bare = (reports.geometry.isna() | reports.geometry.is_empty).to_numpy()
    rows = np.flatnonzero(bare)
    found = match_addresses(reports["address"].iloc[rows], gazetteer, most_m=most_m).found
    taken = found["refused"].isna().to_numpy()
    placed = bare.copy()
    placed[rows] = taken
    shapes = reports.geometry.to_numpy().copy()
    shapes[rows[taken]] = found.geometry.to_numpy()[taken]
    answer = reports.set_geometry(gpd.GeoSeries(shapes, reports.index, crs=reports.crs))
    known = answer.get("accuracy_m", pd.Series(np.nan, answer.index)).to_numpy(np.float64).copy()
    known[rows[taken]] = found["accuracy_m"].to_numpy()[taken]
    code = answer.get("community_code", pd.Series(None, answer.index, dtype="str")).copy()
    refused = rows[~taken]
    named = found["community_code"].to_numpy(object)[~taken]
    code.iloc[refused] = code.iloc[refused].fillna(pd.Series(named, code.index[refused]))
    for name, of in zip(ADDRESS_COLUMNS, ("rung", "match", "refused"), strict=True):
        column = np.full(len(answer), None, object)
        column[rows] = found[of].to_numpy(object)
        answer[name] = pd.array(column, dtype="str")
    return answer.assign(accuracy_m=known, community_code=code), placed


@dataclass(frozen=True)
class _Answer:
    candidates: list[Candidate]
    refused: str
    community_code: str


class _Finder:
    """Climbs down the ladder for one address after the other; keeps where streets meet."""

    def __init__(self, gazetteer: Gazetteer, most_m: float) -> None:
        self.gazetteer, self.most_m = gazetteer, most_m
        self._meetings: dict[tuple[int, int], list[shapely.Point]] = {}
        self._merged: dict[int, list[shapely.LineString]] = {}

    def find(self, text: str) -> _Answer:
        if not text.strip():
            return _Answer([], "empty", "")
        said = read_address(text, self.gazetteer)
        if said.elsewhere:
            return _Answer([], "elsewhere", "")
        found, missed = self._candidates(said)
        found = [self._judged(c, said) for c in found]
        found = sorted(found, key=lambda c: (-c.score, c.accuracy_m, c.name, c.point.wkb))
        return _Answer(found, self._refusal(found, said, missed), self._community(found, said))

    def _refusal(self, found: list[Candidate], said: Reading, missed: bool) -> str:
        """Return why the best candidate is not taken; empty where it is."""
        if not found:
            return "unknown"
        best = found[0]
        if missed and best.rung in ("street", "street_part"):
            return "no_such_number"
        streets = {n.name for n in said.named if n.hosts[0].kind == "street"}
        if said.crossing and len(streets) > 1 and best.rung in ("street", "street_part"):
            return "conflict"  # they do not meet
        if best.score < _LEAST:
            if said.unknown or not all(n.sure for n in said.named):
                return "unknown"
            return "vague" if best.rung == "community" else "conflict"
        rivals = [c for c in found[1:] if c.score >= _RIVAL * best.score and _apart(best, c)]
        if rivals:
            return "ambiguous"
        return "vague" if best.accuracy_m > self.most_m else ""

    def _community(self, found: list[Candidate], said: Reading) -> str:
        """Return the community named, or the one that holds every candidate."""
        named = {z.code for z in said.zones if z.kind == "community" and z.code}
        if named or not found:
            return named.pop() if len(named) == 1 else ""
        best = [c.point for c in found if c.score >= _RIVAL * found[0].score]
        communities = [z for z in self.gazetteer.zones if z.kind == "community"]
        holding = {z.code for z in communities for p in best if z.shape.intersects(p)}
        return holding.pop() if len(holding) == 1 else ""

    def _judged(self, candidate: Candidate, said: Reading) -> Candidate:
        """Lessen the score of what contradicts the zones named, or stands beside unknown names."""
        score = candidate.score
        if said.unknown:
            score *= _UNKNOWN_BESIDE
        zones = [z for z in said.zones if z.kind != "district"]
        for kind in {z.kind for z in zones}:
            shapes = [z.shape for z in zones if z.kind == kind]
            if all(s.distance(candidate.point) > _BESIDE_ZONE_M for s in shapes):
                score *= _CONFLICT
        return replace(candidate, score=round(score, 4))

    def _candidates(self, said: Reading) -> tuple[list[Candidate], bool]:
        """Return the places that the names may mean, and whether a number was looked for in vain.

        What is exact stands for all that is said; streets alone count only where nothing else is
        known, and zones where no street is.
        """
        exact, missed = [], False
        for named in said.named:
            for host in named.hosts:
                door = named.number or named.building
                hit = None if door is None else _on_host(host, door)
                if hit is not None:
                    exact.append(_lessened(hit, named, said))
                missed |= door is not None and hit is None and _contradicts(host, door.number)
        missed &= not exact
        found = exact or self._meeting(said)
        found += [c for n in said.named for h in n.hosts for c in self._place(h, n, said)]
        if not found:
            found = [c for n in said.named for h in n.hosts for c in self._street(h, n, said)]
        if not found:
            found = [_zone(z) for z in said.zones if z.kind == "community"]
        return [self._moved(c, said) for c in found], missed

    def _meeting(self, said: Reading) -> list[Candidate]:
        """Return where two streets meet that are said to, or are all that is said."""
        streets = [n for n in said.named if n.hosts[0].kind == "street" and n.number is None]
        if len(streets) < 2:
            return []
        found = []
        for one, other in itertools.pairwise(streets):
            for a in one.hosts:
                for b in other.hosts:
                    for point in self._where_meet(a, b):
                        name = f"{a.name} × {b.name}"
                        hit = Candidate("crossing", name, _WORTH["crossing"], _CROSSING_M, point)
                        found.append(_lessened(_lessened(hit, one, said), other, said))
        return found

    def _where_meet(self, a: Host, b: Host) -> list[shapely.Point]:
        key = (id(a), id(b)) if id(a) < id(b) else (id(b), id(a))
        if key not in self._meetings:
            self._meetings[key] = _meetings(a.shape, b.shape)
        return self._meetings[key]

    def _place(self, host: Host, named: Named, said: Reading) -> list[Candidate]:
        """Return a named place or compound, as exact as it is large."""
        door = named.building or named.number
        if host.kind == "street" or (door is not None and _on_host(host, door)):
            return []
        rung = "poi" if host.kind == "poi" else "area"
        point, reach = _inner(host.shape)
        accuracy = reach + (_POI_M if host.shape.area == 0 else 20.0)
        return [_lessened(Candidate(rung, host.name, _WORTH[rung], accuracy, point), named, said)]

    def _street(self, host: Host, named: Named, said: Reading) -> list[Candidate]:
        """Return the part of a street in the zones named, or all of it."""
        zones = [z for z in said.zones if z.kind != "district"]
        part, rung = host.shape, "street"
        for kind in ("office", "community"):
            shapes = [z.shape.buffer(_STREET_WIDTH_M) for z in zones if z.kind == kind]
            inside = part.intersection(shapely.union_all(shapes)) if shapes else part
            if shapes and not inside.is_empty:
                part, rung = inside, "street_part"
        point, reach = _inner(part)
        hit = Candidate(rung, host.name, _WORTH[rung], reach + _STREET_WIDTH_M, point)
        return [_lessened(hit, named, said)]

    def _moved(self, candidate: Candidate, said: Reading) -> Candidate:
        """Move a candidate as the relation says, along its street where one leads that way."""
        accuracy = candidate.accuracy_m + said.reach_m
        point = candidate.point
        if said.way is not None:
            accuracy += _PACES * said.offset_m
            streets = [h for n in said.named for h in n.hosts if h.kind == "street"]
            point = self._along(point, said.way, said.offset_m, streets)
        return replace(candidate, accuracy_m=round(accuracy, 1), point=point)

    def _along(
        self, point: shapely.Point, way: tuple[float, float], metres: float, streets: list[Host]
    ) -> shapely.Point:
        """Go so many metres from a point on the street that leads most nearly that way."""
        straight = shapely.Point(point.x + metres * way[0], point.y + metres * way[1])
        best, goal = 0.7, straight
        for host in streets:
            for line in self._lines(host):
                if line.distance(point) > _CROSSING_M:
                    continue
                here = line.project(point)
                for there in (here - metres, here + metres):
                    if not 0 <= there <= line.length:
                        continue
                    end = line.interpolate(there)
                    turn = ((end.x - point.x) * way[0] + (end.y - point.y) * way[1]) / metres
                    if turn > best:
                        best, goal = turn, end
        return goal

    def _lines(self, host: Host) -> list[shapely.LineString]:
        if id(host) not in self._merged:
            parts = shapely.get_parts(host.shape)
            lines = [p for p in parts if p.geom_type == "LineString"]
            merged = shapely.line_merge(shapely.MultiLineString(lines))
            self._merged[id(host)] = list(shapely.get_parts(merged))
        return self._merged[id(host)]


def _on_host(host: Host, door: DoorNumber) -> Candidate | None:
    """Return where a door number is: its plate, between its neighbours, or in its range."""
    name = f"{host.name}{door.number}" + (f"-{door.annex}" if door.annex else "")
    if (door.number, door.annex) in host.plates:
        point = shapely.Point(host.plates[door.number, door.annex])
        return Candidate("plate", name, _WORTH["plate"], _PLATE_M, point)
    same = [p for (n, _), p in host.plates.items() if n == door.number]
    if same:
        middle, spread = _middle(same)
        score = _WORTH["plate"] * _OTHER_ANNEX
        return Candidate("plate", name, score, _PLATE_M + 15 + spread, middle)
    if host.kind != "street":
        return None
    number = door.number
    all_numbers = sorted({n for n, _ in host.plates})
    own_side = [n for n in all_numbers if n % 2 == number % 2]
    return (
        _between(host, own_side, number, name)
        or _between(host, all_numbers, number, name, across_m=_ACROSS_M)
        or _in_range(host, number, name)
        or _next_to(host, all_numbers, number, name)
    )


def _contradicts(host: Host, number: int) -> bool:
    """Tell whether a street has other numbers only, or is too short for this one."""
    if host.kind != "street":
        return False
    return bool(host.plates or host.stretches) or number > host.shape.length


def _between(
    host: Host, numbers: list[int], number: int, name: str, across_m: float = 0.0
) -> Candidate | None:
    """Interpolate between the next known plates below and above."""
    k = bisect.bisect(numbers, number)
    if not 0 < k < len(numbers) or numbers[k] - numbers[k - 1] > _MOST_NUMBERS:
        return None
    low, high = numbers[k - 1], numbers[k]
    ends = [_middle([p for (n, _), p in host.plates.items() if n == m])[0] for m in (low, high)]
    gap = ends[0].distance(ends[1])
    if gap > _MOST_BETWEEN_M:
        return None
    way = shapely.LineString(ends)
    point = way.interpolate((number - low) / (high - low), normalized=True)
    return Candidate("between", name, _WORTH["between"], _BETWEEN_M + across_m + gap / 2, point)


def _next_to(host: Host, numbers: list[int], number: int, name: str) -> Candidate | None:
    """Take the last plate for a number a few beyond it: gazetteers are seldom complete."""
    end = min(numbers, key=lambda n: abs(n - number), default=None)
    if end is None or abs(number - end) > _A_FEW:
        return None
    place, _ = _middle([p for (n, _), p in host.plates.items() if n == end])
    accuracy = _BETWEEN_M + _ACROSS_M + _PER_NUMBER_M * abs(number - end)
    return Candidate("between", name, _WORTH["between"], accuracy, place)


def _lessened(candidate: Candidate, named: Named, said: Reading) -> Candidate:
    """Lessen what rests on a misspelt name; a short one needs a zone that vouches for it."""
    if named.sure:
        return candidate
    vouched = any(z.kind != "district" for z in said.zones)
    weak = is_chinese(named.name) and len(named.name) < _LONG_NAME and not vouched
    worth = _UNVOUCHED if weak else _UNSURE
    return replace(candidate, score=candidate.score * worth)


def _apart(one: Candidate, other: Candidate) -> bool:
    return bool(one.point.distance(other.point) > one.accuracy_m + other.accuracy_m)


def _middle(points: list[tuple[float, float]]) -> tuple[shapely.Point, float]:
    xy = np.array(points)
    middle = xy.mean(axis=0)
    return shapely.Point(middle), float(np.hypot(*(xy - middle).T).max())


def _inner(shape: BaseGeometry) -> tuple[shapely.Point, float]:
    """Return a point in the middle of a shape, and how far its farthest end is."""
    if shape.length and not shape.area:
        parts = [p for p in shapely.get_parts(shapely.line_merge(shape)) if p.length]
        longest = max(parts, key=lambda p: p.length)
        middle = longest.interpolate(0.5, normalized=True)
    else:
        middle = shape.centroid if shape.contains(shape.centroid) else shape.representative_point()
    return middle, float(shapely.hausdorff_distance(middle, shape))


def _in_range(host: Host, number: int, name: str) -> Candidate | None:
    """Return where a number lies in the address ranges of a street's stretches."""
    fits = [
        s
        for s in host.stretches
        if min(s.first, s.last) <= number <= max(s.first, s.last) and number % 2 == s.first % 2
    ]
    if not fits:
        return None
    stretch = min(fits, key=lambda s: abs(s.last - s.first))
    low, span = min(stretch.first, stretch.last), abs(stretch.last - stretch.first)
    t, length = ((number - low) / span if span else 0.5), stretch.line.length
    reach = length / 2
    if span >= _WHOLE_HUNDRED:
        # 101-199 is a claim on numbers: houses use up the first ones, so t is the least place.
        t, reach = (t + 1) / 2, length * max((1 - t) / 2, 0.25)
    at = t if stretch.first <= stretch.last else 1 - t
    point = stretch.line.interpolate(at, normalized=True)
    return Candidate("between", name, _WORTH["between"], _RANGE_M + reach, point)


def _meetings(a: BaseGeometry, b: BaseGeometry) -> list[shapely.Point]:
    """Return where two streets meet or come within a street's width, each place once."""
    shared = shapely.intersection(a, b)
    if shared.is_empty:
        if not shapely.dwithin(a, b, _MEET_M):
            return []
        shared = shapely.shortest_line(a, b).centroid
    points = [p.centroid for p in shapely.get_parts(shared)]
    places: list[shapely.Point] = []
    for point in points:
        if all(point.distance(p) > 2 * _CROSSING_M for p in places):
            places.append(point)
    return places


def _zone(zone: Zone) -> Candidate:
    point, reach = _inner(zone.shape)
    return Candidate("community", zone.name, _WORTH["community"], reach, point)


def _tables(texts: pd.Series, answers: list[_Answer], gazetteer: Gazetteer) -> AddressMatches:
    best = [a.candidates[0] if a.candidates else None for a in answers]
    empty = shapely.Point()
    found = gpd.GeoDataFrame(
        {
            "address": texts,
            **_columns(best),
            "community_code": pd.Series([a.community_code or None for a in answers], dtype="str"),
            "refused": pd.Series([a.refused or None for a in answers], dtype="str"),
        },
        geometry=[
            b.point if b is not None and not a.refused else empty
            for a, b in zip(answers, best, strict=True)
        ],
        crs=gazetteer.crs,
    )
    rows = [(i, k, c) for i, a in enumerate(answers) for k, c in enumerate(a.candidates, 1)]
    candidates = gpd.GeoDataFrame(
        {
            "row": np.array([i for i, _, _ in rows], np.int64),
            "rank": np.array([k for _, k, _ in rows], np.int64),
            **_columns([c for _, _, c in rows]),
        },
        geometry=[c.point for _, _, c in rows],
        crs=gazetteer.crs,
    )
    return AddressMatches(found, candidates)


def _columns(candidates: Iterable[Candidate | None]) -> dict[str, Any]:
    listed = list(candidates)
    return {
        "rung": pd.Series([c and c.rung for c in listed], dtype="str"),
        "match": pd.Series([c and c.name for c in listed], dtype="str"),
        "score": np.array([c.score if c else np.nan for c in listed], np.float64),
        "accuracy_m": np.array([c.accuracy_m if c else np.nan for c in listed], np.float64),
    }
