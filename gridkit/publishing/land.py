"""Land on paper: water, buildings, streets and borders, and names where there is room for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import shapely

from .content import STREETS, texts
from .lettering import MM_PER_POINT

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from ..intake.district import District
    from .paper import Sheet
    from .windows import Window

    Geometries = NDArray[np.object_]
    _Layer = tuple[Geometries, shapely.STRtree]

__all__ = ["BORDER", "BUILDING", "COMMUNITY", "LAND", "STREET", "WATER", "Base", "Names", "Picture"]

LAND, WATER, BUILDING, STREET = "#faf8f3", "#bcd9ea", "#cdc5b8", "#ffffff"
CASING, NAME, BORDER, COMMUNITY = "#b8b1a5", "#5d5648", "#3d3550", "#5b4a78"
SOOT = "#77736b"
DASHES = (5.0, 2.5)
# Widths of streets on paper, and how straight a street must be under its name.
THINNEST_MM, THICKEST_MM = 0.25, 2.6
STRAIGHT = 0.985
CHUNK = 128  # rings drawn in one go; a picture may not hold too much in one path
# Scale (1 to this) beyond which these are too small to be seen.
FINE, FINEST = 30_000, 8_000
_LEAST_SCALE = {"residential": FINE, "service": FINEST, "footway": FINEST}


class Picture:
    """One map on a sheet.

    Attributes
    ----------
    sheet : Sheet
    window : Window
    axes : Axes
        Their data are metres of the window's CRS.
    """

    def __init__(
        self, sheet: Sheet, window: Window, place: tuple[float, float, float, float]
    ) -> None:
        self.sheet, self.window, self.place = sheet, window, place
        self.axes: Axes = sheet.add_map(*place)
        self.axes.set_xlim(window.west, window.east)
        self.axes.set_ylim(window.south, window.north)
        self._order = 0.0

    def fill(self, shapes: Geometries, colour: str, *, seam: float = 0.0) -> None:
        """Fill polygons; `seam`, in points, of the same colour closes hairlines between them."""
        self._add(
            [*_paths(shapes)],
            facecolors=colour,
            edgecolors=colour if seam else "none",
            linewidths=seam,
        )

    def stroke(
        self,
        shapes: Geometries,
        colour: str,
        thick: float,
        *,
        dashes: Sequence[float] | None = None,
    ) -> None:
        """Draw lines, or the borders of polygons; `thick` and `dashes` in points."""
        large = self.sheet.enlarge
        style: Any = "solid" if dashes is None else (0, tuple(d * large for d in dashes))
        self._add(
            [*_paths(shapes)],
            facecolors="none",
            edgecolors=colour,
            linewidths=thick * large,
            linestyles=[style],
            capstyle="butt" if dashes else "round",
            joinstyle="round",
        )

    def _add(self, paths: list[Any], **style: Any) -> None:
        from matplotlib.collections import PathCollection

        if paths:
            self._order += 0.001
            drawn = PathCollection(paths, zorder=1 + self._order, **style)
            self.axes.add_collection(drawn, autolim=False)

    def show(self, pixels: NDArray[np.uint8], within: Geometries) -> None:
        """Lay a picture (RGBA, north up) over the window, cut along the outline of shapes."""
        from matplotlib.path import Path

        w = self.window
        self._order += 0.001
        image = self.axes.imshow(
            pixels,
            extent=(w.west, w.east, w.south, w.north),
            interpolation="nearest",
            aspect="auto",
            zorder=1 + self._order,
        )
        outline = Path.make_compound_path(*_paths(within))
        image.set_clip_path(outline, self.axes.transData)

    def land(self, x: float, y: float, width: float, height: float) -> shapely.Polygon:
        """Return the land under a rectangle of the sheet."""
        left, top, per_mm = self.place[0], self.place[1], self.window.per_mm
        west = self.window.west + (x - left) * per_mm
        north = self.window.north - (y - top) * per_mm
        return shapely.box(west, north - height * per_mm, west + width * per_mm, north)

    def frame(self, *, thick: float = 0.9) -> None:
        """Draw the frame around the map."""
        self.sheet.box(*self.place, edge="#24282e", thick=thick)


def _paths(shapes: Geometries) -> list[Any]:
    """Return paths of a few rings or lines each, outer rings to the left, holes to the right."""
    from matplotlib.path import Path

    parts = shapely.get_parts(shapes)
    flat = shapely.get_dimensions(parts) == 2
    rings = shapely.get_rings(shapely.orient_polygons(parts[flat]))
    lines = parts[shapely.get_dimensions(parts) == 1]
    made = []
    for pieces, closed in ((rings, True), (lines, False)):
        xy, piece = shapely.get_coordinates(pieces, return_index=True)
        first = np.diff(piece, prepend=-1) != 0
        codes = np.where(first, Path.MOVETO, Path.LINETO).astype(np.uint8)
        if closed:
            codes[np.append(first[1:], True)[: len(first)]] = Path.CLOSEPOLY
        cuts = np.flatnonzero(first)[CHUNK::CHUNK]
        for points, drawn in zip(np.split(xy, cuts), np.split(codes, cuts), strict=True):
            if len(points):
                made.append(Path(points, drawn))
    return made


class _Streets(NamedTuple):
    kind: str
    width_m: float
    names: NDArray[np.object_]
    shapes: Geometries
    tree: shapely.STRtree


class Base:
    """The layers of a district, ready to be drawn in any window.

    Parameters
    ----------
    district : District or None
    """

    def __init__(self, district: District | None) -> None:
        self.water, self.buildings = _layer(district, "water"), _layer(district, "buildings")
        streets = None if district is None else district.streets
        self.streets = [] if streets is None or not len(streets) else list(_by_class(streets))
        self.borders = _borders(district)

    def has(self, what: str) -> bool:
        """Tell whether there is such a layer: water, buildings, streets or borders."""
        return bool(getattr(self, what))

    def draw_ground(
        self, picture: Picture, *, water: str = WATER, building: str = BUILDING
    ) -> None:
        """Draw water and buildings."""
        window = picture.window
        if self.water is not None:
            picture.fill(_within(self.water, window), water)
        if self.buildings is not None and window.ratio <= FINE:
            picture.fill(_within(self.buildings, window), building)

    def draw_communities(self, picture: Picture) -> None:
        """Draw the borders of communities, dashed, each once."""
        if self.borders is not None:
            lines = _within(self.borders, picture.window)
            picture.stroke(lines, "#ffffff", 2.2)
            picture.stroke(lines, COMMUNITY, 1.1, dashes=DASHES)

    def draw_streets(self, picture: Picture) -> None:
        """Draw the streets, small ones first, each with a thin rim."""
        window = picture.window
        shown = [
            (s, _within((s.shapes, s.tree), window))
            for s in self.streets
            if window.ratio <= _LEAST_SCALE.get(s.kind, np.inf)
        ]
        for street, lines in shown:
            if street.kind != "rail":
                picture.stroke(lines, CASING, self._points(street, window) + 0.5)
        for street, lines in shown:
            if street.kind == "rail":
                picture.stroke(lines, SOOT, 0.8)
                continue
            picture.stroke(lines, STREET, self._points(street, window))

    @staticmethod
    def _points(street: _Streets, window: Window) -> float:
        wide = np.clip(street.width_m / window.per_mm * 0.75, THINNEST_MM, THICKEST_MM)
        return float(wide) / MM_PER_POINT

    def street_names(self, window: Window) -> dict[str, Geometries]:
        """Return the lines of each named street in the window, the widest streets first."""
        found: dict[str, list[Geometries]] = {}
        for street in reversed(self.streets):
            if window.ratio > _LEAST_SCALE.get(street.kind, np.inf):
                continue
            rows = street.tree.query(window.frame)
            rows = np.sort(rows[street.names[rows] != ""])
            cut = window.clip(street.shapes[rows])
            for name, line in zip(street.names[rows], cut, strict=True):
                found.setdefault(name, []).append(line)
        merged = {}
        for name, lines in found.items():
            joined = shapely.line_merge(shapely.union_all(lines))
            merged[name] = shapely.get_parts(np.array([joined], dtype=object))
        return merged


def _borders(district: District | None) -> _Layer | None:
    if district is None or district.communities is None or not len(district.communities):
        return None
    edges = shapely.union_all(district.communities.boundary.to_numpy())
    lines = shapely.get_parts(np.array([shapely.line_merge(edges)], dtype=object))
    return lines, shapely.STRtree(lines)


def _layer(district: District | None, name: str) -> _Layer | None:
    layer = None if district is None else getattr(district, name)
    if layer is None or not len(layer):
        return None
    shapes = layer.geometry.to_numpy()
    return shapes, shapely.STRtree(shapes)


def _within(layer: _Layer, window: Window) -> Geometries:
    shapes, tree = layer
    return window.clip(shapes[np.sort(tree.query(window.frame))])


def _by_class(streets: gpd.GeoDataFrame) -> Any:
    blank = pd.Series("", index=streets.index)
    kinds = np.array(
        [c if c in STREETS else "residential" for c in texts(streets.get("road_class", blank))]
    )
    names = np.array(texts(streets.get("name", blank)), dtype=object)
    for kind, (width_m, _) in reversed(STREETS.items()):
        rows = np.flatnonzero(kinds == kind)
        if len(rows):
            shapes = streets.geometry.to_numpy()[rows]
            yield _Streets(kind, width_m, names[rows], shapes, shapely.STRtree(shapes))


class Names:
    """Names on one map: none lies over another, and none is written where it does not fit.

    Parameters
    ----------
    picture : Picture
    """

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self._ems = picture.sheet.letters.ems
        self._taken: list[shapely.Polygon] = []

    def _room(self, text: str, points: float, x: float, y: float, turn: float) -> shapely.Polygon:
        """Return the land that a text covers."""
        mm = points * MM_PER_POINT * self.picture.window.per_mm
        wide, high = self._ems(text) * mm / 2 + 0.1 * mm, 0.62 * mm
        box = np.array([(-wide, -high), (wide, -high), (wide, high), (-wide, high)])
        sine, cosine = np.sin(np.radians(turn)), np.cos(np.radians(turn))
        return shapely.Polygon(box @ np.array([[cosine, sine], [-sine, cosine]]) + (x, y))

    def keep(self, room: shapely.Polygon) -> None:
        """Leave a place on the map free of names."""
        self._taken.append(room)

    def take(self, room: shapely.Polygon) -> bool:
        """Keep a place on the map, if it is free and inside the frame."""
        if not self.picture.window.frame.contains(room):
            return False
        if self._taken and shapely.intersects(np.array(self._taken, dtype=object), room).any():
            return False
        self._taken.append(room)
        return True

    def at(
        self,
        text: str,
        point: shapely.Point,
        points: float,
        *,
        colour: str,
        halo: str | None = None,
        bold: bool = False,
        inside: shapely.Geometry | None = None,
    ) -> bool:
        """Write a name around a point, if there is room for it and, when given, `inside`."""
        text = self.picture.sheet.letters.clean(text)
        if not text:
            return False
        room = self._room(text, points, point.x, point.y, 0)
        if (inside is not None and not shapely.contains(inside, room)) or not self.take(room):
            return False
        picture = self.picture
        picture.sheet.letter(
            picture.axes, point.x, point.y, text, points, colour=colour, halo=halo, bold=bold
        )
        return True

    def streets(
        self,
        base: Base,
        points: float = 6.0,
        *,
        apart_mm: float = 90.0,
        rims: shapely.Geometry | None = None,
    ) -> None:
        """Write the names of streets along them, where they run straight enough.

        With `rims` only names that touch it get a white rim: rims make a PDF much larger.
        """
        picture = self.picture
        per_mm = picture.window.per_mm
        for name, lines in base.street_names(picture.window).items():
            text = picture.sheet.letters.clean(name)
            length = (self._ems(text) * points * MM_PER_POINT + 3) * per_mm
            written: list[tuple[float, float]] = []
            for x, y, turn in _straights(lines, length):
                near = [np.hypot(x - a, y - b) for a, b in written]
                if min(near, default=np.inf) < apart_mm * per_mm:
                    continue
                room = self._room(text, points, x, y, turn)
                if self.take(room):
                    halo = "#ffffff" if rims is None or shapely.intersects(rims, room) else None
                    written.append((x, y))
                    picture.sheet.letter(
                        picture.axes, x, y, text, points, colour=NAME, halo=halo, turn=turn
                    )


def _straights(lines: Geometries, length: float) -> list[tuple[float, float, float]]:
    """Return middles and turns of straight pieces of lines, those of the longest line first."""
    if length <= 0:
        return []
    long = shapely.length(lines)
    found = []
    for row in np.argsort(-long, kind="stable"):
        if long[row] < length:
            break
        n = int(min(np.ceil((long[row] - length) / (length / 2)) + 1, 40))
        starts = np.linspace(0, long[row] - length, n)
        starts = starts[np.argsort(np.abs(starts - starts.mean()), kind="stable")]
        a, b = (
            shapely.get_coordinates(shapely.line_interpolate_point(lines[row], s))
            for s in (starts, starts + length)
        )
        middle = shapely.get_coordinates(
            shapely.line_interpolate_point(lines[row], starts + length / 2)
        )
        step = b - a
        straight = np.hypot(*step.T) >= STRAIGHT * length
        turn = np.degrees(np.arctan2(step[:, 1], step[:, 0]))
        turn = (turn + 89) % 180 - 89
        found += [(*middle[i], turn[i]) for i in np.flatnonzero(straight)]
    return found
