"""Node the borders of broken cells together and give each face between them to one cell."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .neighbours import GRID_M

if TYPE_CHECKING:
    from .ordering import Geometries, Ints

__all__ = ["cover", "gaps_between"]

THIN_M = 0.1
"""A face thinner than this in no cell is a crack; a piece that no other cell touches is dropped."""


def gaps_between(shapes: Geometries, land: Any, width_m: float) -> Geometries:
    """Return the polygons that no shape covers: enclosed ones, cracks, and uncovered land.

    Parameters
    ----------
    shapes : ndarray of Polygon or MultiPolygon
        Valid ones; they may overlap.
    land : Polygon, MultiPolygon or None
        What has to be covered; without it only enclosed gaps and cracks count.
    width_m : float
        Cracks up to this width count, and along the edge of `land` only what is wider.
    """
    edges = shapely.coverage_invalid_edges(shapes, gap_width=width_m)
    uneven = ~(shapely.is_missing(edges) | shapely.is_empty(edges))
    union = shapely.union_all([shapely.coverage_union_all(shapes[~uneven]), *shapes[uneven]])
    local = shapely.union_all(shapes[uneven])
    # Twice the width, so that a wedge is not left with a mouth just as wide as what counts.
    closed = shapely.buffer(local, width_m, join_style="mitre")
    closed = shapely.buffer(closed, -width_m, join_style="mitre")
    found = [shapely.difference(closed, union)]
    # An inlet whose mouth is a crack becomes a hole once the crack is filled.
    rings = shapely.get_rings(shapely.get_parts(shapely.union_all([union, closed])))
    whole = shapely.union_all(shapely.polygons(rings))
    if land is None:
        found.append(shapely.difference(whole, union))
    else:
        free = shapely.difference(land, union)
        core = shapely.buffer(free, -width_m / 2, join_style="mitre")
        reach = shapely.buffer(core, width_m, join_style="mitre")
        found.append(shapely.intersection(free, reach))
        found.append(shapely.intersection(shapely.difference(whole, union), land))
    parts = shapely.get_parts(shapely.union_all(found))
    polygons: Geometries = parts[shapely.get_type_id(parts) == 3]
    return polygons[shapely.area(polygons) > 0]


def cover(
    shapes: Geometries, gaps: Geometries, own: Ints, areas: Geometries
) -> tuple[Geometries, dict[str, Ints]]:
    """Return shapes that share their borders exactly, and which rows each mending touched.

    Parameters
    ----------
    shapes : ndarray of Polygon or MultiPolygon, shape (n,)
        Valid ones, in the order that settles ties.
    gaps : ndarray of Polygon
        To be given to a neighbour.
    own : ndarray of int, shape (n,)
        The area of each shape, -1 where there are none.
    areas : ndarray of Polygon
        A gap in one area goes only to shapes of it.
    """
    result = shapes.copy()
    active = _affected(shapes, gaps)
    notes: dict[str, Ints] = {}
    while active.any():
        rows = np.flatnonzero(active)
        made, found = _mended(shapes[rows], gaps, own[rows], areas, shapes[~active])
        result = shapes.copy()
        result[rows] = made
        notes = {what: rows[at] for what, at in found.items()}
        edges = shapely.coverage_invalid_edges(result)
        uneven = ~(shapely.is_missing(edges) | shapely.is_empty(edges))
        grown = active | uneven
        if (grown == active).all():
            break
        active = grown
    return result, notes


def _affected(shapes: Geometries, gaps: Geometries) -> Any:
    """Return which shapes need mending, or touch one that does."""
    edges = shapely.coverage_invalid_edges(shapes)
    bad = ~(shapely.is_missing(edges) | shapely.is_empty(edges))
    bad |= shapely.get_num_geometries(shapes) > 1
    tree = shapely.STRtree(shapes)
    bad[tree.query(gaps, predicate="dwithin", distance=2 * GRID_M)[1]] = True
    bad[tree.query(shapes[bad], predicate="dwithin", distance=2 * GRID_M)[1]] = True
    return bad


def _mended(
    shapes: Geometries, gaps: Geometries, own: Ints, areas: Geometries, others: Geometries
) -> tuple[Geometries, dict[str, Ints]]:
    lines = shapely.boundary(np.concatenate([shapes, gaps]))
    noded = shapely.union_all(lines, grid_size=GRID_M)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    points = shapely.point_on_surface(faces)
    face, shape = shapely.STRtree(shapes).query(points, predicate="intersects")
    label, several = _owners(faces, face, shape, shapes)
    inside = label >= 0
    inside[shapely.STRtree(gaps).query(points, predicate="intersects")[0]] = True
    # Cracks as thin as the grid may have lost their outline in `gaps`.
    inside[~inside] = _thin(faces[~inside])
    faces, points = faces[inside], points[inside]
    label, several = label[inside], several[inside]
    i, j, length = _common_edges(faces)
    stray = _strays(faces, label, i, j)
    moved = label.copy()
    moved[stray] = -1
    home = _home_of(points, areas)
    final = _given(moved, i, j, length, home, own)
    lonely = (final < 0) & stray
    final[lonely] = np.where(_thin(faces[lonely]), -1, label[lonely])
    notes = _notes(label, several, stray, final, face, shape, inside)
    return _joined(faces, final, len(shapes), others), notes


def _common_edges(faces: Geometries) -> tuple[Ints, Ints, Any]:
    """Return each pair of noded faces with an edge in common, and the length of such edges."""
    rings, owner = shapely.get_rings(faces, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    along = np.flatnonzero(ring[1:] == ring[:-1])
    ends = np.stack([xy[along], xy[along + 1]], axis=1)
    swap = (ends[:, 0, 0] > ends[:, 1, 0]) | (
        (ends[:, 0, 0] == ends[:, 1, 0]) & (ends[:, 0, 1] > ends[:, 1, 1])
    )
    ends[swap] = ends[swap][:, ::-1]
    face = owner[ring[along]]
    order = np.lexsort((face, *ends.reshape(-1, 4).T))
    ends, face = ends[order], face[order]
    twice = np.flatnonzero((ends[1:] == ends[:-1]).all(axis=(1, 2)))
    length = np.hypot(*(ends[twice, 1] - ends[twice, 0]).T)
    return face[twice], face[twice + 1], length


def _thin(faces: Geometries) -> Any:
    return shapely.is_empty(shapely.buffer(faces, -THIN_M / 2, join_style="mitre"))


def _owners(faces: Geometries, face: Ints, shape: Ints, shapes: Geometries) -> tuple[Ints, Any]:
    """Return the owner of each face: the shape of which it is the largest share; -1: none."""
    share = np.round(1.0 / shapely.area(shapes)[shape], 15)
    order = np.lexsort((shape, -share, face))
    label: Ints = np.full(len(faces), -1, dtype=np.int64)
    first = order[np.flatnonzero(np.diff(face[order], prepend=-1))]
    label[face[first]] = shape[first]
    several = np.bincount(face, minlength=len(faces)) > 1
    return label, several


def _strays(faces: Geometries, label: Ints, i: Ints, j: Ints) -> Any:
    """Return which faces lie apart from the largest piece of their shape."""
    same = (label[i] == label[j]) & (label[i] >= 0)
    n = len(faces)
    links = coo_array((np.ones(int(same.sum())), (i[same], j[same])), shape=(n, n))
    piece = connected_components(links, directed=False)[1]
    size = np.bincount(piece, shapely.area(faces))
    order = np.lexsort((piece, -np.round(size[piece], 3), label))
    first = order[np.flatnonzero(np.diff(label[order], prepend=-2))]
    main = np.full(int(label.max()) + 1, -1, dtype=np.int64)
    main[label[first][label[first] >= 0]] = piece[first][label[first] >= 0]
    return (label >= 0) & (piece != main[label])


def _home_of(points: Geometries, areas: Geometries) -> Ints:
    home: Ints = np.full(len(points), -1, dtype=np.int64)
    if len(areas):
        at, area = shapely.STRtree(areas).query_nearest(points)
        home[at[::-1]] = area[::-1]
    return home


def _given(label: Ints, i: Ints, j: Ints, length: Any, home: Ints, own: Ints) -> Ints:
    """Give faces without an owner to the neighbour with the longest common border."""
    near: dict[int, list[tuple[int, float]]] = {}
    for a, b, metres in zip(i.tolist(), j.tolist(), length.tolist(), strict=True):
        near.setdefault(a, []).append((b, metres))
        near.setdefault(b, []).append((a, metres))
    final = label.copy()
    queue = [_best(f, final, near, home, own) for f in np.flatnonzero(label < 0).tolist()]
    heapq.heapify(queue)
    while queue:
        metres, face, owner = heapq.heappop(queue)
        if final[face] >= 0 or owner < 0:
            continue
        now = _best(face, final, near, home, own)
        if now != (metres, face, owner):
            heapq.heappush(queue, now)
            continue
        final[face] = owner
        for other, _ in near.get(face, []):
            if final[other] < 0:
                heapq.heappush(queue, _best(other, final, near, home, own))
    return final


def _best(
    face: int, final: Ints, near: dict[int, list[tuple[int, float]]], home: Ints, own: Ints
) -> tuple[float, int, int]:
    """Return the longest border (negative), the face, and the owner along it (-1: none)."""
    total: dict[int, float] = {}
    for other, metres in near.get(face, []):
        owner = int(final[other])
        if owner >= 0 and (home[face] < 0 or own[owner] < 0 or own[owner] == home[face]):
            total[owner] = total.get(owner, 0.0) + metres
    if not total:
        return 0.0, face, -1
    owner = min(total, key=lambda k: (-round(total[k], 3), k))
    return -round(total[owner], 3), face, owner


def _notes(
    label: Ints, several: Any, stray: Any, final: Ints, face: Ints, shape: Ints, inside: Any
) -> dict[str, Ints]:
    number = np.cumsum(inside) - 1
    at = inside[face]
    where, owner = number[face[at]], shape[at]
    notes = {
        "overlap": np.unique(owner[several[where]]),
        "gap": np.unique(final[(label < 0) & (final >= 0)]),
        "island": np.unique(np.concatenate([label[stray], final[stray]])),
    }
    return {what: rows[rows >= 0] for what, rows in notes.items()}


def _joined(faces: Geometries, final: Ints, n: int, others: Geometries) -> Geometries:
    """Dissolve the faces of each shape; vertices shared with `others` get their old places."""
    kept = final >= 0
    faces, final = faces[kept], final[kept]
    old = np.unique(shapely.get_coordinates(others), axis=0)
    grid = np.round(old / GRID_M).astype(np.int64)
    cells, first, count = np.unique(grid, axis=0, return_index=True, return_counts=True)
    exact = {
        tuple(c): old[k] for c, k, n in zip(cells.tolist(), first, count, strict=True) if n == 1
    }

    def restore(xy: Any) -> Any:
        on = np.round(xy / GRID_M).astype(np.int64).tolist()
        return np.array([exact.get(tuple(c), p) for c, p in zip(on, xy, strict=True)])

    result = np.full(n, shapely.Polygon(), dtype=object)
    for owner in np.unique(final):
        result[owner] = shapely.coverage_union_all(faces[final == owner])
    restored = shapely.transform(result, restore)
    if not shapely.is_valid(restored).all():
        restored = result
    single = shapely.get_num_geometries(restored) == 1
    restored[single] = shapely.get_geometry(restored[single], 0)
    return np.asarray(shapely.normalize(restored))
