"""Cut areas of an exact coverage along lines so that the coverage stays exact.

A cut that ends on a border adds a vertex there. The areas on both sides of that border, and
every earlier edition of them, get the same vertex: borders go on agreeing vertex by vertex, and
no area moves by more than the rounding of one coordinate.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from .neighbours import GRID_M, shared_borders

if TYPE_CHECKING:
    from .ordering import Floats, Geometries, Ints

    Point = tuple[float, float]
    Segment = tuple[Point, Point]
    Splits = dict[Segment, list[Point]]

__all__ = [
    "ON_BORDER_M",
    "are_slivers",
    "cut_areas",
    "cut_evenly",
    "insert_vertices",
    "join_slivers",
    "new_vertices",
]

SLIVER_M2, SLIVER_M = 1.0, 0.1
"""Pieces below this area or width come from lines that should be one; they join a neighbour.

The checks of a grid overlook gaps and overlaps up to the same measures.
"""

ON_BORDER_M = 1e-6
ANGLES = 12
HALVINGS = 60


def cut_areas(areas: Geometries, lines: Geometries) -> tuple[Geometries, Ints]:
    """Cut areas along lines; all pieces share their borders vertex by vertex.

    What of a line lies within 1 cm of a border, or of another line's vertex, snaps to it; so a line
    that ends on a border reaches it, and one that runs along a border adds none beside it. Ends
    that hang loose inside an area cut nothing.

    Parameters
    ----------
    areas : ndarray of Polygon, shape (n,)
        Part of an exact coverage.
    lines : ndarray of LineString or MultiLineString

    Returns
    -------
    pieces : ndarray of Polygon, shape (m,)
    area : ndarray of int, shape (m,)
        Position of the area that each piece lies in, sorted.
    """
    drawn = shapely.get_parts(shapely.line_merge(shapely.force_2d(lines)))
    drawn = shapely.get_parts(drawn[shapely.length(drawn) > GRID_M])
    if not len(drawn):
        return areas, np.arange(len(areas))
    noded = insert_vertices(areas, _touching(areas, drawn))[0]
    borders = shapely.boundary(noded)
    corners = np.unique(shapely.get_coordinates(borders), axis=0)
    snapped = _snapped(drawn, corners)
    snapped = _snapped(snapped, np.concatenate([corners, _apart(snapped, corners)]))
    edges = shapely.get_parts(shapely.union_all(np.concatenate([borders, snapped])))
    faces = shapely.get_parts(shapely.polygonize(edges))
    points = np.asarray(shapely.point_on_surface(faces))
    area, face = shapely.STRtree(points).query(areas, predicate="contains")
    y = shapely.get_y(points[face])
    order = np.lexsort((y, area))
    return shapely.normalize(faces[face[order]]), area[order]


def _touching(areas: Geometries, lines: Geometries) -> Splits:
    """Return the vertices to put on borders where a vertex of a line is near none of theirs."""
    xy = _apart(lines, np.unique(shapely.get_coordinates(areas), axis=0))
    segments = _segments(areas)
    borders = np.asarray(shapely.linestrings(segments.reshape(-1, 2, 2)))
    point, segment = shapely.STRtree(borders).query_nearest(
        shapely.points(xy), max_distance=GRID_M, all_matches=False
    )
    along = shapely.line_locate_point(borders[segment], shapely.points(xy[point]))
    places = shapely.get_coordinates(shapely.line_interpolate_point(borders[segment], along))
    order = np.lexsort((along, segment))
    return _splits(segments[segment[order]], places[order])


def _splits(segments: Floats, places: Floats) -> Splits:
    splits: Splits = {}
    for (x1, y1, x2, y2), (x, y) in zip(segments.tolist(), places.tolist(), strict=True):
        splits.setdefault(((x1, y1), (x2, y2)), []).append((x, y))
    return splits


def _apart(lines: Geometries, corners: Floats) -> Floats:
    """Return vertices of lines, of several within 1 cm one, but those near a corner."""
    xy = np.unique(shapely.get_coordinates(lines), axis=0)
    points = np.asarray(shapely.points(xy))
    tree = shapely.STRtree(np.asarray(shapely.points(corners)))
    near = tree.query(points, predicate="dwithin", distance=GRID_M)[0]
    later, earlier = shapely.STRtree(points).query(points, predicate="dwithin", distance=GRID_M)
    return np.delete(xy, np.concatenate([near, later[earlier < later]]), axis=0)


def _snapped(lines: Geometries, corners: Floats) -> Geometries:
    """Return lines that pass exactly through each corner within 1 cm of them."""
    points = np.asarray(shapely.points(corners))
    tree = shapely.STRtree(points)
    xy, line = shapely.get_coordinates(lines, return_index=True)
    vertex, corner = tree.query_nearest(shapely.points(xy), max_distance=GRID_M, all_matches=False)
    xy[vertex] = corners[corner]
    inside = np.flatnonzero(line[1:] == line[:-1])
    segments = np.asarray(shapely.linestrings(np.stack([xy[inside], xy[inside + 1]], axis=1)))
    segment, corner = tree.query(segments, predicate="dwithin", distance=GRID_M)
    along = shapely.line_locate_point(segments[segment], points[corner])
    # A vertex of the line comes before the corners that follow it on its segment.
    all_xy = np.concatenate([xy, corners[corner]])
    rank = np.concatenate([np.arange(len(xy)), inside[segment]])
    order = np.lexsort((np.concatenate([np.full(len(xy), -1.0), along]), rank))
    all_xy, all_line = all_xy[order], np.concatenate([line, line[inside[segment]]])[order]
    kept = np.ones(len(all_xy), dtype=bool)
    kept[1:] = (all_line[1:] != all_line[:-1]) | (all_xy[1:] != all_xy[:-1]).any(axis=1)
    all_xy, all_line = all_xy[kept], all_line[kept]
    long = np.bincount(all_line, minlength=len(lines))[all_line] > 1
    number = np.unique(all_line[long], return_inverse=True)[1]
    return np.asarray(shapely.linestrings(all_xy[long], indices=number))


def are_slivers(areas: Geometries) -> Any:
    """Tell which areas are below 1 m² or nowhere wider than 0.1 m."""
    return (shapely.area(areas) < SLIVER_M2) | shapely.is_empty(
        shapely.buffer(areas, -SLIVER_M / 2, join_style="mitre")
    )


def join_slivers(pieces: Geometries, area: Ints) -> tuple[Geometries, Ints]:
    """Let each sliver join the piece of its area with the longest common border."""
    label = np.arange(len(pieces))
    i, j, length = shared_borders(pieces)
    for small in np.flatnonzero(are_slivers(pieces)):
        touching = ((i == small) | (j == small)) & (area[i] == area[j])
        if touching.any():
            best = np.flatnonzero(touching)[np.argmax(length[touching])]
            label[label == label[small]] = label[i[best] + j[best] - small]
    kept, first, number = np.unique(label, return_index=True, return_inverse=True)
    if len(kept) == len(pieces):
        return pieces, area
    joined = [shapely.coverage_union_all(pieces[number == k]) for k in range(len(kept))]
    return shapely.normalize(np.array(joined, dtype=object)), area[first]


def _segments(areas: Geometries) -> Floats:
    """Return the segments of all rings, each once, as rows of x, y, x, y with the ends sorted."""
    xy, ring = shapely.get_coordinates(shapely.get_rings(areas), return_index=True)
    inside = ring[1:] == ring[:-1]
    a, b = xy[:-1][inside], xy[1:][inside]
    turned = (a[:, 0] > b[:, 0]) | ((a[:, 0] == b[:, 0]) & (a[:, 1] > b[:, 1]))
    a[turned], b[turned] = b[turned], a[turned]
    return np.unique(np.hstack([a, b]), axis=0)


def new_vertices(areas: Geometries, pieces: Geometries) -> Splits:
    """Return the vertices that cutting has put on the borders of the areas.

    Returns
    -------
    dict
        Segment (ends sorted) → its new vertices, from the first end to the second.
    """
    whole = _segments(areas)
    kept = {tuple(row) for row in _segments(pieces).tolist()}
    whole = whole[[tuple(row) not in kept for row in whole.tolist()]]
    old = {tuple(xy) for xy in shapely.get_coordinates(areas).tolist()}
    vertices = np.unique(shapely.get_coordinates(pieces), axis=0)
    vertices = vertices[[tuple(xy) not in old for xy in vertices.tolist()]]
    if not len(whole) or not len(vertices):
        return {}
    lines = np.asarray(shapely.linestrings(whole.reshape(-1, 2, 2)))
    points = np.asarray(shapely.points(vertices))
    at, point = shapely.STRtree(points).query(lines, predicate="dwithin", distance=ON_BORDER_M)
    along = shapely.line_locate_point(lines[at], points[point])
    order = np.lexsort((along, at))
    return _splits(whole[at[order]], vertices[point[order]])


def insert_vertices(areas: Geometries, splits: Splits) -> tuple[Geometries, Ints]:
    """Put new vertices into every area that has one of the segments.

    Returns
    -------
    areas : ndarray of Polygon or MultiPolygon
        Those without such a segment are the very same objects.
    changed : ndarray of int
        Positions of the others.
    """
    result = areas.copy()
    if not splits:
        return result, np.zeros(0, dtype=np.int64)
    segments = shapely.linestrings(np.array(list(splits)))
    near = np.unique(shapely.STRtree(areas).query(segments)[1])
    changed = []
    for k in near:
        parts = shapely.get_parts(areas[k])
        rebuilt = [_with_vertices(part, splits) for part in parts]
        if any(new is not old for new, old in zip(rebuilt, parts, strict=True)):
            several = shapely.get_type_id(areas[k]) == shapely.GeometryType.MULTIPOLYGON
            result[k] = shapely.multipolygons(rebuilt) if several else rebuilt[0]
            changed.append(k)
    return result, np.array(changed, dtype=np.int64)


def _with_vertices(polygon: Any, splits: Splits) -> Any:
    rings, longer = [], False
    for ring in shapely.get_rings(polygon):
        corners = [(x, y) for x, y in shapely.get_coordinates(ring).tolist()]
        out = corners[:1]
        for a, b in itertools.pairwise(corners):
            new = splits.get((a, b)) or splits.get((b, a), [])[::-1]
            out += [*new, b]
        longer |= len(out) > len(corners)
        rings.append(out)
    return shapely.Polygon(rings[0], rings[1:]) if longer else polygon


def cut_evenly(shape: Any, n: int, points: Floats, weight: Floats) -> list[Any]:
    """Return straight lines that cut an area into `n` single pieces of like load, or none.

    Recursive bisection: each cut is the shortest of 12 directions that leaves both sides in one
    piece, at the place where the load, or without any the area, is shared as `n` asks.

    Parameters
    ----------
    shape : Polygon
    n : int
    points : ndarray of float, shape (m, 2)
        Where the load is.
    weight : ndarray of float, shape (m,)
    """
    if n == 1:
        return []
    inside = shapely.contains_xy(shape, points)
    points, weight = points[inside], weight[inside]
    found = [
        cut
        for k in range(ANGLES)
        if (cut := _halves(shape, np.pi * k / ANGLES, (n // 2) / n, points, weight)) is not None
    ]
    if not found:
        return []
    line, low, high = min(found, key=lambda cut: round(cut[0].length, 6))
    below, above = (
        cut_evenly(s, k, points, weight) for s, k in ((low, n // 2), (high, n - n // 2))
    )
    complete = (len(below) == n // 2 - 1) and (len(above) == n - n // 2 - 1)
    return [line, *below, *above] if complete else []


def _halves(
    shape: Any, angle: float, share: float, points: Floats, weight: Floats
) -> tuple[Any, Any, Any] | None:
    """Cut across one direction; return the cut and its two sides, or None if they fall apart."""
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    middle = shapely.get_coordinates(shapely.centroid(shape))[0]
    reach = float(np.hypot(*(np.array(shape.bounds[2:]) - np.array(shape.bounds[:2]))))

    def side(offset: float) -> Any:
        ends = middle + np.array([[-reach, -1], [offset, -1], [offset, 1], [-reach, 1]]) @ np.array(
            [along, reach * across]
        )
        return shapely.intersection(shape, shapely.Polygon(ends))

    def share_at(offset: float) -> float:
        if weight.sum() > 0:
            return float(weight[(points - middle) @ along <= offset].sum() / weight.sum())
        return float(side(offset).area / shape.area)

    low, high = -reach, reach
    for _ in range(HALVINGS):
        offset = (low + high) / 2
        low, high = (offset, high) if share_at(offset) < share else (low, offset)
    first = side(high)
    second = shapely.difference(shape, first)
    whole = all(s.geom_type == "Polygon" and s.area > SLIVER_M2 for s in (first, second))
    cut = shapely.LineString(middle + high * along + np.array([[-1], [1]]) * reach * across)
    inner = shapely.intersection(cut, shape)
    if not whole or inner.geom_type != "LineString":
        return None
    return inner, first, second
