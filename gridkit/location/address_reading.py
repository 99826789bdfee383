"""What an address says: the streets, places and zones it names, a number, a relation, the rest."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..intake.address_text import address_words, door_number, is_chinese, plain_address
from ..intake.gazetteer import Host, Zone

if TYPE_CHECKING:
    from ..intake.address_text import DoorNumber
    from ..intake.gazetteer import Gazetteer

__all__ = ["Named", "Reading", "read_address"]

_SEPARATORS = frozenset(",，、;；。.:：!！?？/|\\()[]{}<>\"'【】「」《》“”‘’ \t")
_METRES = re.compile(r"(\d{1,5})(米|公里|KM|M)")
_INSIDE = re.compile(r"\d{1,5}(?:单元|室|层|户|楼)")
_CITY = re.compile(r"[㐀-鿿]{2,8}?(?:特别行政区|自治区|自治州|省|市)")
_COUNTY = re.compile(r"[㐀-鿿]{1,7}?(?:区|县|旗)")
# A name of no more characters before a known one makes it another: 新建设路.
_MOST_BEFORE = 3


@dataclass
class Named:
    """A street or place that an address names.

    Attributes
    ----------
    name : str
    hosts : list of Host
        All that bear the name.
    sure : bool
        False for a name with a slip, or without its direction or type.
    number, building : DoorNumber, optional
    """

    name: str
    hosts: list[Host]
    sure: bool = True
    number: DoorNumber | None = None
    building: DoorNumber | None = None


@dataclass
class Reading:
    """An address taken apart.

    Attributes
    ----------
    named : list of Named
    zones : list of Zone
    crossing : bool
        The two streets named are said to meet.
    offset_m, way : float and (float, float)
        So many metres in this direction (unit vector) from what is named.
    reach_m : float
        How far a vague word (附近, 对面) reaches.
    unknown : list of str
        Streets and offices that the gazetteer does not know.
    elsewhere : str
        A district or city that is not this one.
    rest : str
        What says nothing about the place.
    """

    named: list[Named] = field(default_factory=list)
    zones: list[Zone] = field(default_factory=list)
    crossing: bool = False
    offset_m: float = 0.0
    way: tuple[float, float] | None = None
    reach_m: float = 0.0
    unknown: list[str] = field(default_factory=list)
    elsewhere: str = ""
    rest: str = ""


def read_address(text: str, gazetteer: Gazetteer) -> Reading:
    """Take an address apart with the names of a gazetteer.

    Parameters
    ----------
    text : str
    gazetteer : Gazetteer

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import LineString
    >>> from gridkit import Gazetteer
    >>> from gridkit.location.address_reading import read_address
    >>> lines = [LineString([(0, 0), (900, 0)]), LineString([(300, -300), (300, 300)])]
    >>> streets = gpd.GeoDataFrame(
    ...     {"name": ["五一路", "解放路"], "kind": "street"}, geometry=lines, crs=4549
    ... )
    >>> said = read_address("五一路与解放路路口以南一百米", Gazetteer(streets))
    >>> [n.name for n in said.named], said.crossing, said.offset_m, said.way
    (['五一路', '解放路'], True, 100.0, (0, -1))
    """
    plain = plain_address(text)
    if is_chinese(plain):
        return _Chinese(plain, gazetteer).read()
    return _english(plain, gazetteer)


@functools.cache
def _patterns() -> dict[str, re.Pattern[str]]:
    words = address_words()["chinese"]

    def any_of(key: str) -> str:
        return "|".join(sorted(map(re.escape, words[key]), key=len, reverse=True))

    way = any_of("directions")
    street = any_of("street")
    return {
        "offset": re.compile(
            rf"(?:以|往|向|朝|偏)?({way})(?:侧|边|面|方向|走|行)?(?:约|大约|大概)?(\d{{1,5}})(米|公里|KM|M)"
        ),
        "side": re.compile(rf"(?:以|的)?({way})(?:{way})?({any_of('sides')})|以({way})"),
        "near": re.compile(rf"(?:的)?({any_of('near')})"),
        "joins": re.compile(any_of("joins")),
        "crossing": re.compile(any_of("crossing")),
        "filler": re.compile(any_of("filler")),
        "street": re.compile(rf"[㐀-鿿\d]{{1,7}}?(?:{street})$"),
        "street_within": re.compile(r"[㐀-鿿]{2,6}?(?:大道|大街|胡同|路|街|巷)"),
        "more_street": re.compile(rf"[㐀-鿿]{{0,2}}?(?:{street}|段?[东西南北]巷)"),
        "area": re.compile(rf"[㐀-鿿]{{2,8}}?(?:{any_of('area')})$"),
        "office": re.compile(rf"[㐀-鿿]{{2,8}}?(?:{any_of('office')})$"),
        "name_end": re.compile("居民委员会|村民委员会|居委会|村委会"),
    }


class _Chinese:
    """Reads one address from left to right; what it does not understand waits in `pending`."""

    def __init__(self, text: str, gazetteer: Gazetteer) -> None:
        self.text, self.gazetteer = text, gazetteer
        self.at, self.pending = 0, ""
        self.said = Reading()
        self.words: Any = address_words()["chinese"]
        self.patterns = _patterns()
        # The street that ended where we are, so that what follows may belong to its name.
        self.open: Named | None = None

    def read(self) -> Reading:
        steps = (self._separator, self._name, self._relation, self._number, self._admin, self._word)
        while self.at < len(self.text):
            if not any(step() for step in steps):
                self.pending += self.text[self.at]
                self.at += 1
        self._flush()
        return self.said

    def _take(self, length: int) -> bool:
        self._flush()
        self.at += length
        self.open = None
        return True

    def _separator(self) -> bool:
        return self.text[self.at] in _SEPARATORS and self._take(1)

    def _name(self) -> bool:
        hit = self.gazetteer.longest(self.text, self.at)
        if hit is None:
            return False
        name, items = hit
        hosts = [i for i in items if isinstance(i, Host)]
        before, after = self.pending, self.text[self.at + len(name) :]
        if hosts and self._belongs(before, hosts):
            self.pending += name
            self.at += len(name)
            return True
        if hosts and hosts[0].kind == "street" and self._goes_on(after):
            more = self.patterns["more_street"].match(after)
            self.pending += name + (more[0] if more else "")
            self.at += len(self.pending) - len(before)
            return True
        self._take(len(name))
        if hosts:
            self.open = Named(name, hosts)
            self.said.named.append(self.open)
            if hosts[0].kind == "area" and after.startswith("小区"):
                self.at += 2
        else:
            self.said.zones += [i for i in items if isinstance(i, Zone)]
            end = self.patterns["name_end"].match(after)
            self.at += len(end[0]) if end else 0
        return True

    def _belongs(self, before: str, hosts: list[Host]) -> bool:
        """Tell whether text before a name makes it another: 新建设路, but not 市人民医院."""
        if not 0 < len(before) <= _MOST_BEFORE or self.patterns["street"].search(before):
            return False
        return hosts[0].kind != "poi" or before not in ("市", "区", "县", "省", "市区")

    def _goes_on(self, after: str) -> bool:
        """Tell whether the name of a street goes on: 解放路 in 解放路东巷."""
        if not after or after[0] in _SEPARATORS or after[0].isdigit():
            return False
        if self.gazetteer.longest(after, 0):
            return False
        if any(self.patterns[p].match(after) for p in ("near", "joins", "crossing", "offset")):
            return False
        return self.patterns["more_street"].match(after) is not None

    def _relation(self) -> bool:
        if self.pending and not self.said.named:
            return False  # 东 in an unknown name
        said, here = self.said, self.at
        if match := self.patterns["offset"].match(self.text, here):
            said.way = tuple(self.words["directions"][match[1]])
            said.offset_m = _metres(match[2], match[3])
        elif match := _METRES.match(self.text, here):
            said.reach_m += _metres(match[1], match[2])
        elif match := _INSIDE.match(self.text, here):
            pass
        elif match := self.patterns["crossing"].match(self.text, here):
            said.crossing = True
        elif (match := self.patterns["near"].match(self.text, here)) and (
            len(match[1]) > 1 or self.open is not None
        ):
            said.reach_m = max(said.reach_m, self.words["near"][match[1]])
        elif match := self.patterns["side"].match(self.text, here):
            said.reach_m = max(said.reach_m, self.words["side_m"])
        else:
            return False
        return self._take(len(match[0]))

    def _number(self) -> bool:
        door = door_number(self.text, self.at)
        if door is None:
            return False
        named = self.said.named
        bare = self.text[door.end - 1].isdigit()
        if named and not self.pending:
            last = named[-1]
            if door.building and last.building is None and last.number is None:
                last.building = door
            elif last.number is None and last.building is None and (not bare or self.open is last):
                last.number = door
        elif self.pending and not bare:
            self._flush(numbered=True)
            if named and not named[-1].sure and named[-1].number is None:
                last = named[-1]
                last.building, last.number = (door, None) if door.building else (None, door)
        return self._take(door.end - self.at)

    def _admin(self) -> bool:
        """Read province, city and district at the head."""
        if self.said.named or self.pending:
            return False
        if match := _CITY.match(self.text, self.at):
            return self._take(len(match[0]))
        match = _COUNTY.match(self.text, self.at)
        if match is None or match[0].endswith(tuple(self.words["no_district"])):
            return False
        ours = [z.name for z in self.gazetteer.zones if z.kind == "district"]
        told = [name for name in ours if name.endswith(("区", "县", "旗", "市"))]
        if told and not any(match[0] in name or name in match[0] for name in told):
            self.said.elsewhere = match[0]
        return self._take(len(match[0]))

    def _word(self) -> bool:
        """Skip a word of no place, and what joins two streets; inside a name neither is one."""
        if self.pending and not self.patterns["street"].search(self.pending):
            return False
        match = self.patterns["joins"].match(self.text, self.at)
        if match is None and not self.pending:
            match = self.patterns["filler"].match(self.text, self.at)
        return match is not None and self._take(len(match[0]))

    def _flush(self, *, numbered: bool = False) -> None:
        """Decide what pending text is: a name with a slip, an unknown street, or nothing."""
        text, self.pending = self.pending, ""
        if not text:
            return
        area, street = self.patterns["area"].search(text), self.patterns["street"].search(text)
        if street or numbered or self.patterns["street_within"].search(text):
            near = self.gazetteer.misspelt(street[0] if street else text)
            hosts = [h for name in near for h in self.gazetteer.named(name) if isinstance(h, Host)]
            if hosts:
                self.said.named.append(Named(min(near, key=len), hosts, sure=False))
                return
            self.said.unknown.append(text)
        elif area or self.patterns["office"].search(text):
            self.said.unknown.append(text)
        elif self.open is not None and self.open.number is None and self.open.building is None:
            # A place that bears the name of the street may be anywhere: 解放路小学.
            self.said.unknown.append(self.open.name + text)
        else:
            self.said.rest += text


def _metres(number: str, unit: str) -> float:
    return float(number) * (1000.0 if unit in ("公里", "KM") else 1.0)


def _english(text: str, gazetteer: Gazetteer) -> Reading:
    """Read ``1514-16 GRANT BLVD & WOODRUFF AVE``; the second street may be cut off."""
    words = address_words()["english"]
    said = Reading()
    pieces = [""]
    for token in re.split(r"[\s,;]+", text.replace("&", " & ").replace("@", " @ ")):
        if token in words["joins"]:
            pieces.append("")
        elif token in words["near"]:
            said.reach_m = max(said.reach_m, words["near"][token])
        else:
            pieces[-1] += f" {token}"
    for i, piece in enumerate(p.strip() for p in pieces):
        named, unknown = _english_street(piece, gazetteer, begins=i > 0)
        if named is not None:
            said.named.append(named)
        elif unknown and not any(n.number for n in said.named):
            said.unknown.append(unknown)
    said.crossing = len(pieces) > 1 and not any(n.number for n in said.named)
    return said


def _english_street(piece: str, gazetteer: Gazetteer, *, begins: bool) -> tuple[Named | None, str]:
    """Return the street that a piece of an address names, or its name where nobody knows it."""
    words = address_words()["english"]
    hosts = [h for h in gazetteer.named(piece) if isinstance(h, Host)]
    if hosts:
        return Named(piece, hosts), ""
    tokens = piece.split()
    number = door_number(tokens[0]) if tokens and tokens[0][0].isdigit() else None
    if number is not None and number.end == len(tokens[0]):
        tokens = tokens[1:]
        if tokens and tokens[0] in words["block"]:
            tokens = tokens[2:] if tokens[1:2] == ["OF"] else tokens[1:]
    else:
        number = None
    ends = [k for k, word in enumerate(tokens) if word in (*words["units"], "#")]
    tokens = tokens[: ends[0]] if ends else tokens
    # City and postcode may follow: the longest beginning that is a street is the street.
    for end in range(len(tokens), 0, -1):
        found = gazetteer.english_streets(" ".join(tokens[:end]))
        exact = [h for h, supplied in found if not supplied]
        if exact or (found and end == len(tokens)):
            name = " ".join(tokens[:end])
            return Named(name, exact or [h for h, _ in found], bool(exact), number), ""
    if begins and (cut := gazetteer.english_prefix(" ".join(tokens))):
        return Named(" ".join(tokens), cut, sure=False), ""
    return None, " ".join(tokens)
