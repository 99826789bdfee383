"""Shapes and words packed small for a page: quantised, delta-coded, in two compressed blocks.

The first holds what the first picture is drawn from, the second all else: a page shows its map
before it reads the names of thirty thousand people. A block is base64, of gzip or of the plain
bytes. Inside: the length of a JSON text as four bytes (little endian), the JSON text, then the
binary parts one after another; the JSON's ``parts`` gives the length of each by its number.
A part of shapes is a row of varints: number of shapes, rings of each shape, vertices of each
ring, then x and y of every vertex as zigzag differences to the vertex before it.
"""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["Block", "Frame", "pack_shapes", "rings_of", "to_screen", "varints", "zigzag"]

WEB_MERCATOR = 3857
MOST_BYTES = 5  # a varint here holds at most 35 bits
# What the first picture does without.
LATER = {
    "areas": {
        *("codes", "labels", "names", "communities", "hectares", "load", "figures"),
        *("middles", "people"),
    },
    "base": {"buildings", "places"},
    "dash": {"belongs", "bounds", "categories", "events", "late", "prior"},
}


@dataclass(frozen=True)
class Frame:
    """Where the whole numbers of a part lie: Web-Mercator metres = corner + number × step.

    Attributes
    ----------
    x0, y0 : float
        South-west corner, Web-Mercator metres.
    step : float
        Size of one unit, Web-Mercator metres: 0.1 for a small district, 1 for a city of 20 km.
    """

    x0: float
    y0: float
    step: float

    @classmethod
    def around(cls, bounds: Iterable[float]) -> Frame:
        """Return the frame for `bounds` (west, south, east, north in Web-Mercator metres)."""
        west, south, east, north = bounds
        extent = max(east - west, north - south)
        step = float(np.clip(extent / 20_000, 0.1, 2.0))
        return cls(float(np.floor(west)), float(np.floor(south)), round(step, 3))


@dataclass
class Block:
    """The data of one page: words and numbers in `doc`, shapes and images in `parts`."""

    doc: dict[str, Any] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)

    def add(self, part: bytes) -> int:
        """Keep `part` and return its place; the same bytes are kept once."""
        if part not in self.parts:
            self.parts.append(part)
        return self.parts.index(part)

    def place(self, packed: bytes, frame: Frame) -> dict[str, Any]:
        """Keep packed shapes and return how the page finds them again."""
        part = self.add(packed)
        return {"part": part, "x0": frame.x0, "y0": frame.y0, "step": frame.step}

    def add_words(self, words: Sequence[str]) -> dict[str, Any]:
        """Keep a column of texts: the different ones in order, and which stands where.

        The part holds the positions as planes of bytes, the lowest first.
        """
        found, place = np.unique(np.asarray(words, dtype=object), return_inverse=True)
        planes = max(1, (max(len(found) - 1, 0).bit_length() + 7) // 8)
        digits = place[None, :] >> (8 * np.arange(planes)[:, None])
        return {
            "words": found.tolist(),
            "part": self.add((digits & 255).astype(np.uint8).tobytes()),
        }

    def to_texts(self, *, compressed: bool = True) -> tuple[str, str]:
        """Return both blocks as base64 text; the same content always gives the same text."""
        first, later = dict(self.doc), {}
        for key, names in LATER.items():
            if key in first:
                first[key], later[key] = _split(first[key], names)
        soon = set(_places(first))
        rest = set(range(len(self.parts))) - soon
        return self._text(first, soon, compressed), self._text(later, rest, compressed)

    def _text(self, doc: dict[str, Any], places: set[int], compressed: bool) -> str:
        parts = {place: self.parts[place] for place in sorted(places)}
        doc = {**doc, "parts": {place: len(part) for place, part in parts.items()}}
        words = json.dumps(doc, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        head = words.encode("utf-8", "replace")
        raw = len(head).to_bytes(4, "little") + head + b"".join(parts.values())
        packed = gzip.compress(raw, 9, mtime=0) if compressed else raw
        return base64.b64encode(packed).decode("ascii")


def _split(content: Any, later: set[str]) -> tuple[Any, Any]:
    """Return an object, or a list of them, without the members named and with them alone."""
    if isinstance(content, list):
        pairs = [_split(one, later) for one in content]
        return [first for first, _ in pairs], [rest for _, rest in pairs]
    first = {name: value for name, value in content.items() if name not in later}
    return first, {name: value for name, value in content.items() if name in later}


def _places(content: Any) -> Iterator[int]:
    """Yield the number of each part that some content points to."""
    if isinstance(content, dict):
        if isinstance(content.get("part"), int):
            yield content["part"]
        content = list(content.values())
    if isinstance(content, list):
        for one in content:
            yield from _places(one)


def to_screen(
    shapes: gpd.GeoSeries, *, tolerance_m: float = 0.0, coverage: bool = False
) -> gpd.GeoSeries:
    """Return shapes for display: simplified in their own metres, then in Web Mercator.

    Parameters
    ----------
    shapes : GeoSeries
        In a CRS in metres.
    tolerance_m : float
        How far the drawn line may be from the true one, metres.
    coverage : bool
        The shapes tile an area: borders are simplified once for both neighbours, so that no
        slit opens between them. Where they do not really tile, each shape is simplified alone.
    """
    drawn = shapes
    if tolerance_m > 0:
        geometry = shapes.to_numpy()
        if coverage and shapely.coverage_is_valid(geometry):
            simple = shapely.coverage_simplify(geometry, tolerance_m)
        else:
            simple = shapely.simplify(geometry, tolerance_m)
        drawn = gpd.GeoSeries(simple, index=shapes.index, crs=shapes.crs)
    return drawn.to_crs(WEB_MERCATOR)


def pack_shapes(shapes: gpd.GeoSeries, frame: Frame) -> bytes:
    """Pack points, lines or polygons of one kind; holes and parts become rings of their shape.

    Parameters
    ----------
    shapes : GeoSeries
        In Web Mercator. Empty and missing shapes keep their place, with no ring.
    frame : Frame

    Returns
    -------
    bytes
        As described at the head of this module.
    """
    numbers, ring, shape = rings_of(shapes.to_numpy(), frame)
    deltas = np.diff(numbers, axis=0, prepend=np.zeros((1, 2), np.int64))
    head = np.concatenate(
        [
            [len(shapes)],
            np.bincount(shape, minlength=len(shapes)),
            np.bincount(ring, minlength=len(shape)),
        ]
    )
    return varints(head) + varints(zigzag(deltas.ravel()))


def rings_of(
    geometry: NDArray[np.object_], frame: Frame
) -> tuple[NDArray[np.int64], NDArray[np.intp], NDArray[np.intp]]:
    """Return vertices in whole numbers, doubles left out; ring of each, and shape of each ring."""
    xy, ring, shape = _rings(geometry)
    numbers = np.rint((xy - (frame.x0, frame.y0)) / frame.step).astype(np.int64)
    new = np.ones(len(ring), dtype=bool)
    new[1:] = (ring[1:] != ring[:-1]) | np.any(numbers[1:] != numbers[:-1], axis=1)
    return numbers[new], ring[new], shape


def _rings(
    geometry: NDArray[np.object_],
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return vertices, the ring of each vertex and the shape of each ring."""
    pieces, shape = shapely.get_parts(geometry, return_index=True)
    filled = ~shapely.is_empty(pieces)
    pieces, shape = pieces[filled], shape[filled]
    if (shapely.get_dimensions(pieces) == 2).any():
        pieces, piece = shapely.get_rings(pieces, return_index=True)
        shape = shape[piece]
        xy, ring = shapely.get_coordinates(pieces, return_index=True)
        last = np.append(ring[1:] != ring[:-1], True)[: len(ring)]
        return xy[~last], ring[~last], shape
    xy, ring = shapely.get_coordinates(pieces, return_index=True)
    return xy, ring, shape


def zigzag(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return whole numbers as 0, 1, 2, … for 0, -1, 1, …: small ones stay small."""
    return (numbers << 1) ^ (numbers >> 63)


def varints(numbers: NDArray[np.int64]) -> bytes:
    """Return whole numbers ≥ 0 as varints: seven bits a byte, lowest first, high bit = more."""
    digits = 7 * np.arange(MOST_BYTES)
    septets = (np.asarray(numbers, np.int64)[:, None] >> digits) & 127
    used = np.asarray(numbers, np.int64)[:, None] >> digits > 0
    used[:, 0] = True
    more = np.zeros_like(used)
    more[:, :-1] = used[:, 1:]
    return (septets | (more * 128)).astype(np.uint8)[used].tobytes()
