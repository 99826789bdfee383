"""Rules of how cells lie to each other, to the district, its communities and what stands on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..messages import message
from .rules_case import SLIVER_M, TOLERANCE_M2, Result, absent, found, sound, wide

if TYPE_CHECKING:
    import geopandas as gpd

    from .rules_case import Case, Geometries, Ints

__all__ = [
    "contiguity",
    "crosses_community",
    "crosses_street",
    "cuts_building",
    "cuts_component",
    "gap",
    "outside",
    "overlap",
    "shared_borders",
]

COMPONENT_M = 0.5
"""A component this near to a border cannot be told to lie in one cell."""

LEAST_BORDER_M = 0.1
CROSSINGS = {
    "community_code": ("division.crossing", "division.crossing_remedy"),
    "street_code": ("division.crossing_street", "division.crossing_street_remedy"),
}
ALONG_A_LINE = "****1****"


def gap(case: Case) -> Result:
    """No land of the district is in no cell."""
    if case.district is None:
        rings = shapely.get_rings(shapely.get_parts(case.union))
        land = shapely.union_all(shapely.polygons(rings))
    else:
        land = case.district.boundary.geometry.iloc[0]
        if case.district.water is not None:
            water = shapely.union_all(case.district.water.geometry.to_numpy())
            land = shapely.difference(land, water)
    gaps = wide(shapely.get_parts(shapely.difference(land, case.union)))
    if not len(gaps):
        return sound()
    tree = shapely.STRtree(case.shapes)
    around = np.unique(tree.query(gaps, predicate="dwithin", distance=SLIVER_M)[1])
    area = round(float(shapely.area(gaps).sum()))
    detail = message("division.gaps", n=len(gaps), area=area)
    if case.district is None:
        remedy = message("division.gaps_unsure_remedy")
        return Result("warning", detail, remedy, around, gaps)
    return Result("error", detail, message("division.gaps_remedy"), around, gaps)


def overlap(case: Case) -> Result:
    """Nor in two. Only cells with an edge inside another are looked at."""
    suspect = np.flatnonzero(case.uneven)
    i, j = shapely.STRtree(case.shapes).query(case.shapes[suspect], predicate="intersects")
    i = suspect[i]
    once = (i != j) & ((i < j) | ~case.uneven[j])
    i, j = i[once], j[once]
    common = shapely.intersection(case.shapes[i], case.shapes[j])
    large = shapely.area(common) > TOLERANCE_M2
    i, j, common = i[large], j[large], common[large]
    broad = _any_wide(common)
    i, j, common = i[broad], j[broad], common[broad]
    if not len(i):
        return sound()
    area = round(float(shapely.area(common).sum()))
    detail = message("division.overlaps", n=len(i), area=area)
    rows = np.unique(np.concatenate([i, j]))
    return Result("error", detail, message("division.overlaps_remedy"), rows, common)


def _any_wide(geoms: Geometries) -> Any:
    return np.array([len(wide(shapely.get_parts(g))) > 0 for g in geoms], dtype=bool)


def shared_borders(case: Case) -> Result:
    """Neighbours agree vertex by vertex; hairlines too thin to count as gap or overlap do not."""
    edges = shapely.coverage_invalid_edges(case.shapes, gap_width=SLIVER_M)
    bad = np.flatnonzero(~(shapely.is_missing(edges) | shapely.is_empty(edges)))
    return found(
        case,
        "warning",
        "division.uneven_borders",
        "division.uneven_borders_remedy",
        bad,
        edges[bad],
    )


def outside(case: Case) -> Result:
    """No cell reaches out of the district."""
    if case.district is None:
        return absent(message("division.a_district"))
    areas: Geometries = case.district.boundary.geometry.to_numpy()
    bad, places = _beyond(case.shapes, areas, np.zeros(len(case.shapes), dtype=np.int64))
    area = round(float(shapely.area(places).sum()))
    return found(
        case,
        "error",
        "division.reaching_out",
        "division.reaching_out_remedy",
        bad,
        places,
        area=area,
    )


def crosses_community(case: Case) -> Result:
    """Each cell lies in its own community."""
    known = _communities(case)
    if known is None:
        return absent("communities")
    names = known["community_code"].astype("str").to_numpy(dtype=object)
    return _crosses(case, known.geometry.to_numpy(), names, "community_code")


def crosses_street(case: Case) -> Result:
    """And in its own street, the union of the communities with one ``street_code``."""
    known = _communities(case)
    if known is None or "street_code" not in known.columns or known["street_code"].isna().all():
        return absent("communities.street_code")
    names, which = np.unique(known["street_code"].astype("str").fillna(""), return_inverse=True)
    shapes = known.geometry.to_numpy()
    areas = np.array([shapely.union_all(shapes[which == k]) for k in range(len(names))])
    return _crosses(case, areas, names.astype(object), "street_code")


def _communities(case: Case) -> gpd.GeoDataFrame | None:
    return None if case.district is None else case.district.communities


def _crosses(case: Case, areas: Geometries, names: Geometries, column: str) -> Result:
    stated = case.column(column)
    unknown = np.zeros(len(case.shapes), dtype=bool)
    if stated is None:
        own = _main_area(case.shapes, areas)
    else:
        own = pd.Index(names).get_indexer(pd.Index(stated))
        unknown = own < 0
        own = np.where(unknown, _main_area(case.shapes, areas), own) if unknown.any() else own
    bad, places = _beyond(case.shapes, areas, own)
    rows = np.union1d(bad, np.flatnonzero(unknown))
    area = round(float(shapely.area(places).sum()))
    said = CROSSINGS[column]
    return found(case, "error", *said, rows, places, area=area)


def _beyond(shapes: Geometries, areas: Geometries, own: Ints) -> tuple[Ints, Geometries]:
    """Return which shapes reach out of their own area (-1: none), and where."""
    nothing: Geometries = np.full(1, shapely.Polygon(), dtype=object)
    inside = np.concatenate([areas, nothing])
    # What lies within half a sliver of the area is too thin to count: most cells end here.
    around = shapely.buffer(inside, SLIVER_M / 2, join_style="mitre")
    shapely.prepare(around)
    left = np.flatnonzero(~shapely.covers(around[own], shapes) & ~shapely.is_empty(shapes))
    beyond = shapely.difference(shapes[left], inside[own[left]])
    parts = [wide(shapely.get_parts(b)) for b in beyond]
    bad = left[np.array([len(p) > 0 for p in parts], dtype=bool)]
    return bad, np.concatenate([*parts, nothing[:0]])


def _main_area(shapes: Geometries, areas: Geometries) -> Ints:
    """Return the position of the area with most of each shape, -1 where it is in none."""
    cell, area = shapely.STRtree(areas).query(shapes, predicate="intersects")
    several = np.bincount(cell, minlength=len(shapes))[cell] > 1
    common = np.ones(len(cell))
    common[several] = shapely.area(
        shapely.intersection(shapes[cell[several]], areas[area[several]])
    )
    own: Ints = np.full(len(shapes), -1, dtype=np.int64)
    order = np.lexsort((-area, common))
    own[cell[order]] = area[order]
    return own


def contiguity(case: Case) -> Result:
    """Require that the cells of one duty cell hang together along borders."""
    duty = case.column("duty_code")
    if duty is None or not (duty != "").any():
        return absent("duty_code")
    names, member = np.unique(duty.to_numpy(dtype=object), return_inverse=True)
    i, j = shapely.STRtree(case.shapes).query(case.shapes, predicate="dwithin", distance=SLIVER_M)
    same = (i < j) & (member[i] == member[j])
    i, j = i[same], j[same]
    joined = shapely.relate_pattern(case.shapes[i], case.shapes[j], ALONG_A_LINE)
    piece = _pieces(i[joined], j[joined], len(duty))
    # Where vertices do not agree, a common border is what lies within a sliver of the other.
    open_ = ~joined & (piece[i] != piece[j])
    near = shapely.buffer(case.shapes[j[open_]], SLIVER_M)
    along = shapely.intersection(shapely.boundary(case.shapes[i[open_]]), near)
    joined[open_] = shapely.length(along) > 2 * SLIVER_M + LEAST_BORDER_M
    piece = _pieces(i[joined], j[joined], len(duty))
    return found(
        case, "error", "division.torn", "division.torn_remedy", _strays(case, names[member], piece)
    )


def _strays(case: Case, group: Geometries, piece: Ints) -> Ints:
    """Return the rows outside the largest piece of their group; equal ones by the first code."""
    rows = pd.DataFrame({"group": group, "piece": piece, "code": case.codes.to_numpy()})
    rows["area"] = np.round(shapely.area(case.shapes), 3)
    there = (rows["group"] != "") & (rows["area"] > 0)
    pieces = rows[there].groupby(["group", "piece"], as_index=False)
    ranked = pieces.agg(area=("area", "sum"), code=("code", "min"))
    ranked = ranked.sort_values(["group", "area", "code"], ascending=[True, False, True])
    stray = ranked.loc[ranked["group"].duplicated(), "piece"]
    return np.flatnonzero(rows["piece"].isin(stray) & there)


def _pieces(i: Ints, j: Ints, n: int) -> Ints:
    links = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    piece: Ints = connected_components(links, directed=False)[1]
    return piece


def cuts_building(case: Case) -> Result:
    """No building stands in two cells."""
    buildings = None if case.district is None else case.district.buildings
    if buildings is None or not len(buildings):
        return absent("buildings")
    stands: Geometries = buildings.geometry.to_numpy()
    lines = shapely.boundary(case.shapes)
    cell, building = shapely.STRtree(stands).query(lines, predicate="intersects")
    inside = shapely.intersection(stands[building], case.shapes[cell])
    large = shapely.area(inside) > TOLERANCE_M2
    cell, building, inside = cell[large], building[large], inside[large]
    shared = np.bincount(building, minlength=len(stands))[building] > 1
    cell, building, inside = cell[shared], building[shared], inside[shared]
    broad = _any_wide(inside)
    cell, building = cell[broad], building[broad]
    cut = np.bincount(building, minlength=len(stands)) > 1
    rows = np.unique(cell[cut[building]])
    return found(
        case,
        "warning",
        "division.cut_buildings",
        "division.cut_buildings_remedy",
        rows,
        stands[cut],
        buildings=int(cut.sum()),
    )


def cuts_component(case: Case) -> Result:
    """No component stands on a border."""
    if case.components is None:
        return absent("components")
    stands: Geometries = case.components.geometry.to_numpy()
    lines = shapely.boundary(case.shapes)
    cell, component = shapely.STRtree(stands).query(
        lines, predicate="dwithin", distance=COMPONENT_M
    )
    hit = np.unique(component)
    rows = np.unique(cell)
    return found(
        case,
        "warning",
        "division.cut_components",
        "division.cut_components_remedy",
        rows,
        stands[hit],
        components=len(hit),
    )
