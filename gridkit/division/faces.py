"""Cut the land of a district along lines, and absorb what comes out too small.

Streets and lattices go the same way: all lines are noded on one fine grid and polygonized, so
that the faces share their borders vertex by vertex, tile the land and never cross a community.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from ..crs import area_m2
from ..errors import GeometryError, raise_all
from ..messages import message
from .neighbours import GRID_M, dissolve, shared_borders
from .ordering import Floats, Geometries, Ints, inner_points, reading_order, weights_of

if TYPE_CHECKING:
    from ..intake.district import District
    from ..messages import Message

__all__ = ["Absorption", "absorb", "assemble", "edges_of", "land_faces"]

LAND, WATER = "land", "water"
M2_PER_LOAD = 10_000.0
SLIVER_M = 0.1
SLIVER_M2 = 1.0


@dataclass(frozen=True)
class Absorption:
    """Where each face went.

    Attributes
    ----------
    host : ndarray of int, shape (n,)
        Number of the area that the face is now part of, 0 … k-1 in reading order.
    small : ndarray of bool, shape (n,)
        The face was too weak to stand by itself.
    kept : ndarray of bool, shape (n,)
        The face is part of an area that is weak still: it had no neighbour to join.
    """

    host: Ints
    small: npt.NDArray[np.bool_]
    kept: npt.NDArray[np.bool_]


def land_faces(district: District, lines: Geometries, *, water: bool = False) -> gpd.GeoDataFrame:
    """Cut the land of a district (boundary without water) along lines.

    Parameters
    ----------
    district : District
    lines : ndarray of LineString or MultiLineString
        In the CRS of the district; parts outside and dangling ends are dropped.
    water : bool
        Give faces for the water, too.

    Returns
    -------
    GeoDataFrame
        Faces with ``area_m2`` (ellipsoidal), ``kind`` (``land``, or what the layer water says)
        and, as far as the district knows them, ``community_code`` and ``street_code``; sorted by
        inner point, west to east.

    Raises
    ------
    GeometryError
        There is no land, or the communities overlap or leave land uncovered.
    """
    flat = shapely.force_2d(np.concatenate([edges_of(district), lines]))
    noded = shapely.union_all(flat, grid_size=GRID_M)
    geoms = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    x, y = inner_points(geoms)
    order = np.lexsort((y, x))
    boundary = district.boundary.geometry.iloc[0]
    shapely.prepare(boundary)
    order = order[shapely.contains_xy(boundary, x[order], y[order])]
    kind = _kinds(district, x[order], y[order])
    if not (kind == LAND).any():
        raise GeometryError(*message("division.no_land", name=district.name))
    kept = water | (kind == LAND)
    faces = gpd.GeoDataFrame({"kind": kind[kept]}, geometry=geoms[order[kept]], crs=district.crs)
    if district.communities is not None:
        codes = [c for c in ("community_code", "street_code") if c in district.communities.columns]
        which = _communities_of(faces, district.communities)
        for code in codes:
            faces[code] = district.communities[code].to_numpy()[which]
    return faces.assign(area_m2=area_m2(faces.geometry))


def edges_of(district: District) -> Geometries:
    """Return the lines that always divide: boundary, community borders, the water's edge."""
    rings = [district.boundary, district.communities, district.water]
    layers = [shapely.boundary(r.geometry.to_numpy()) for r in rings if r is not None]
    return shapely.get_parts(np.concatenate(layers))


def _kinds(district: District, x: Floats, y: Floats) -> npt.NDArray[Any]:
    """Return what lies at each point: land, or the kind of the water there."""
    kind = np.full(len(x), LAND, dtype=object)
    if district.water is None:
        return kind
    water = district.water
    says = water["kind"] if "kind" in water.columns else water.geometry.isna()
    names = says.where(says.notna() & says.astype(bool), WATER).astype(str).to_numpy()
    tree = shapely.STRtree(water.geometry.to_numpy())
    point, row = tree.query(np.asarray(shapely.points(x, y)), predicate="intersects")
    # Where waters overlap the first name in the alphabet stands, whatever the order of the rows.
    order = np.argsort(names[row], kind="stable")[::-1]
    kind[point[order]] = names[row[order]]
    return kind


def _communities_of(faces: gpd.GeoDataFrame, communities: gpd.GeoDataFrame) -> Ints:
    """Return the row of `communities` for each face; raise when they do not tile the land."""
    geoms: Geometries = faces.geometry.to_numpy()
    land = (faces["kind"] == LAND).to_numpy()
    rank: Ints = np.argsort(communities["community_code"].to_numpy(), kind="stable")
    tree = shapely.STRtree(communities.geometry.to_numpy()[rank])
    points = shapely.point_on_surface(geoms)
    (face, near), distance = tree.query_nearest(points, return_distance=True)
    order = np.lexsort((near, face))
    face, near, distance = face[order], near[order], distance[order]
    first = np.flatnonzero(np.diff(face, prepend=-1))
    uncovered = geoms[face[first][(distance[first] > 0) & land[face[first]]]]
    twice = np.unique(face[(np.diff(face, prepend=-1) == 0) & (distance == 0) & land[face]])
    problems: list[Message] = []
    for key, found in (("uncovered", uncovered), ("overlap", geoms[twice])):
        places = _wide_parts(found)
        if len(places):
            problems.append(_tiling_problem(key, places))
    raise_all(GeometryError, problems)
    return np.asarray(rank[near[first]])


def _tiling_problem(key: str, places: Geometries) -> Message:
    area = shapely.area(places)
    x, y = inner_points(places[[int(np.argmax(area))]])
    values = {
        "area": round(float(area.sum())),
        "n": len(places),
        "x": round(x[0]),
        "y": round(y[0]),
    }
    if key == "overlap":
        return message("division.communities_overlap", **values)
    return message("division.communities_uncovered", **values)


def _wide_parts(geoms: Geometries) -> Geometries:
    """Return the parts of the union that are more than slivers of jitter."""
    core = shapely.buffer(shapely.union_all(geoms), -SLIVER_M / 2, join_style="mitre")
    parts = shapely.get_parts(shapely.buffer(core, SLIVER_M / 2, join_style="mitre"))
    return parts[shapely.area(parts) > SLIVER_M2]


def absorb(
    faces: gpd.GeoDataFrame,
    *,
    min_area_m2: float,
    weak: npt.NDArray[np.bool_] | None = None,
    borders: tuple[Ints, Ints, Floats] | None = None,
) -> Absorption:
    """Let each weak face join the neighbour with the longest common border.

    The smallest goes first; a face joins only inside its own community and kind of land, and
    what it joined may be weak still and go on. Equal borders: the neighbour that comes first from
    the west.

    Parameters
    ----------
    faces : GeoDataFrame
        From `land_faces`.
    min_area_m2 : float
        Faces below this area are weak.
    weak : ndarray of bool, optional
        Faces that are weak whatever their area, until they are part of one that is not.
    borders : tuple of ndarray (i, j, length), optional
        Pairs of neighbours, ``i < j``, and how much they have in common; by default the metres of
        their border.
    """
    area = faces["area_m2"].to_numpy().copy()
    strong = np.ones(len(faces), dtype=bool) if weak is None else ~weak
    small = ~strong | (area < min_area_m2)
    near = _neighbours_inside(faces, borders)
    root = np.arange(len(faces))
    queue = [(area[i], int(i)) for i in np.flatnonzero(small)]
    heapq.heapify(queue)
    while queue:
        size, i = heapq.heappop(queue)
        if root[i] != i or size != area[i] or not near[i] or not (small[i] or size < min_area_m2):
            continue
        host = min(near[i], key=lambda j: (-near[i][j], j))
        _join(i, host, near)
        root[i] = host
        area[host] += area[i]
        strong[host] |= strong[i]
        if area[host] < min_area_m2 or not strong[host]:
            heapq.heappush(queue, (area[host], host))
    while (root[root] != root).any():
        root = root[root]
    number: Ints = np.unique(root, return_inverse=True)[1]
    order = reading_order(dissolve(faces.geometry.to_numpy(), number, exact=True))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return Absorption(rank[number], small, (area[root] < min_area_m2) | ~strong[root])


def _neighbours_inside(
    faces: gpd.GeoDataFrame, borders: tuple[Ints, Ints, Floats] | None
) -> list[dict[int, float]]:
    i, j, length = shared_borders(faces.geometry.to_numpy()) if borders is None else borders
    for column in faces.columns.intersection(["community_code", "kind"]):
        code = faces[column].to_numpy()
        same = code[i] == code[j]
        i, j, length = i[same], j[same], length[same]
    near: list[dict[int, float]] = [{} for _ in range(len(faces))]
    for a, b, metres in zip(i.tolist(), j.tolist(), length.tolist(), strict=True):
        near[a][b] = near[b][a] = metres
    return near


def _join(i: int, host: int, near: list[dict[int, float]]) -> None:
    for j, metres in near[i].items():
        del near[j][i]
        if j != host:
            near[host][j] = near[j][host] = round(near[host].get(j, 0.0) + metres, 3)
    near[i] = {}


def assemble(district: District, faces: gpd.GeoDataFrame, host: Ints) -> gpd.GeoDataFrame:
    """Return one row for each area: codes, ``area_m2``, ``load`` and geometry.

    Parameters
    ----------
    district : District
        Its buildings give the load: households of those whose inner point lies in the area. A
        point on a border counts for the first area in reading order, one on water for the
        nearest. Without households in the district the load is the area in hectares.
    faces : GeoDataFrame
        From `land_faces`.
    host : ndarray of int
        From `absorb`.
    """
    first = np.unique(host, return_index=True)[1]
    areas = faces.iloc[first].reset_index(drop=True)
    areas = areas.set_geometry(dissolve(faces.geometry.to_numpy(), host, exact=True), crs=faces.crs)
    areas["area_m2"] = np.bincount(host, faces["area_m2"])
    areas["load"] = _loads(district, areas)
    return areas


def _loads(district: District, areas: gpd.GeoDataFrame) -> Floats:
    hectares = np.asarray(areas["area_m2"] / M2_PER_LOAD, dtype=np.float64)
    buildings = district.buildings
    if buildings is None or "households" not in buildings.columns:
        return hectares
    households = weights_of(buildings, "households", empty=0.0)
    points = shapely.point_on_surface(buildings.geometry.to_numpy())
    boundary = district.boundary.geometry.iloc[0]
    shapely.prepare(boundary)
    here = np.asarray(shapely.intersects(boundary, points))
    if not households[here].any():
        return hectares
    tree = shapely.STRtree(areas.geometry.to_numpy())
    building, area = tree.query_nearest(points[here])
    order = np.lexsort((area, building))
    first = order[np.flatnonzero(np.diff(building[order], prepend=-1))]
    load: Floats = np.bincount(area[first], households[here], len(areas)).astype(np.float64)
    return load
