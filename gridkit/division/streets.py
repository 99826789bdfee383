"""From street lines as a map has them to lines that divide land: classes, weights, gaps."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from ..errors import GeometryError, GridkitWarning
from ..messages import message
from .neighbours import GRID_M

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd

    from ..intake.district import District
    from ..rules import Barrier
    from .ordering import Geometries, Ints

__all__ = ["Dividers", "close_gaps", "dividing_lines"]

UNKNOWN = "street"
"""Class of a line whose class nobody gave."""


@dataclass(frozen=True)
class Dividers:
    """Lines that divide land, and the class of each.

    Attributes
    ----------
    lines : ndarray of LineString, shape (n,)
    rank : ndarray of int, shape (n,)
        Position of each line's class in `classes`.
    classes : tuple of Barrier
        From the lightest to the heaviest.
    """

    lines: Geometries
    rank: Ints
    classes: tuple[Barrier, ...]


def dividing_lines(
    district: District, barriers: Mapping[str, Barrier], *, least_weight: float
) -> Dividers:
    """Return the lines of a district's streets that touch it and are heavy enough to divide.

    Parameters
    ----------
    district : District
    barriers : mapping of str to Barrier
    least_weight : float
        Lines of lighter classes are left out; a class of weight 0 always is.

    Raises
    ------
    GeometryError
        The district has no streets, none touches it, or none of those is heavy enough.

    Warns
    -----
    GridkitWarning
        Values of ``road_class`` that no class knows; such lines count as streets.
    """
    if district.streets is None or district.streets.empty:
        raise GeometryError(*message("division.no_streets", name=district.name))
    boundary = district.boundary.geometry.iloc[0]
    shapely.prepare(boundary)
    lines = district.streets.geometry.to_numpy()
    touching = shapely.intersects(boundary, lines)
    if not touching.any():
        there, here = (
            ", ".join(f"{v:.0f}" for v in frame.total_bounds)
            for frame in (district.streets, district.boundary)
        )
        raise GeometryError(
            *message("division.streets_outside", name=district.name, there=there, here=here)
        )
    classes = tuple(sorted(barriers.values(), key=lambda b: (b.weight, b.code)))
    rank = _ranks(district.streets[touching], classes, district.name)
    weight = np.array([b.weight for b in classes])
    heavy = (weight[rank] >= least_weight) & (weight[rank] > 0)
    if not heavy.any():
        met = ", ".join(sorted({classes[r].code for r in rank}))
        raise GeometryError(
            *message("division.streets_too_light", name=district.name, met=met, least=least_weight)
        )
    parts, row = shapely.get_parts(shapely.force_2d(lines[touching][heavy]), return_index=True)
    real = shapely.length(parts) > 0
    return Dividers(parts[real], rank[heavy][row[real]], classes)


def _ranks(streets: gpd.GeoDataFrame, classes: tuple[Barrier, ...], name: str) -> Ints:
    """Return the position in `classes` of each line's class; warn of values nobody knows."""
    known = {value: rank for rank, b in enumerate(classes) for value in (b.code, *b.values)}
    fallback = known.get(UNKNOWN, len(classes) - 1)
    if "road_class" not in streets.columns:
        return np.full(len(streets), fallback)
    values, which = np.unique(streets["road_class"].fillna("").astype(str), return_inverse=True)
    # Ways that a program joined list several values; the first is that of the longest way.
    first = [re.split("[,;]", value)[0].strip(" []'\"") for value in values]
    rank = np.array([known.get(value, -1 if value else fallback) for value in first])[which]
    strange = rank < 0
    if strange.any():
        counts = Counter(np.array(first)[which[strange]].tolist())
        most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5]
        met = ", ".join(f"{value} ({n})" for value, n in most)
        text = message("division.unknown_classes", name=name, n=int(strange.sum()), values=met)
        warnings.warn(GridkitWarning(*text), stacklevel=4)
    return np.where(strange, fallback, rank)


def close_gaps(
    district: District, dividers: Dividers, edges: Geometries, *, gap_m: float
) -> tuple[Geometries, Ints]:
    """Return short lines from dead ends to what they narrowly miss, and each one's class.

    A dead end is an end of a line that touches no other line. It is led to the nearest other line
    or edge, unless that is farther than `gap_m`, or the line is a stub of that very street.

    Parameters
    ----------
    district : District
        Ends outside its boundary stay as they are.
    dividers : Dividers
    edges : ndarray of LineString
        Other lines that divide: boundary, community borders, the water's edge.
    gap_m : float
        Longest gap to close; 0 closes none.
    """
    own, ends = _single_ends(dividers.lines)
    boundary = district.boundary.geometry.iloc[0]
    shapely.prepare(boundary)
    here = shapely.intersects(boundary, ends)
    own, ends = own[here], ends[here]
    lines = np.concatenate([dividers.lines, edges])
    end, other = shapely.STRtree(lines).query(ends, predicate="dwithin", distance=gap_m)
    keep = other != own[end]
    end, other = end[keep], other[keep]
    gap = shapely.distance(ends[end], lines[other])
    reached = np.zeros(len(ends), dtype=bool)
    # What is not exactly on a line may be rounded away from it: even a millimetre counts.
    reached[end[gap == 0]] = True
    open_ = ~reached[end]
    end, other, gap = end[open_], other[open_], gap[open_]
    stub = (shapely.length(lines[own[end]]) <= 2 * gap_m) & (gap > GRID_M)
    stub[stub] = shapely.intersects(lines[own[end[stub]]], lines[other[stub]])
    end, other, gap = end[~stub], other[~stub], gap[~stub]
    links = shapely.shortest_line(ends[end], lines[other])
    target = shapely.get_point(links, 1)
    order = np.lexsort((shapely.get_y(target), shapely.get_x(target), np.round(gap, 6), end))
    first = order[np.flatnonzero(np.diff(end[order], prepend=-1))]
    return links[first], dividers.rank[own[end[first]]]


def _single_ends(lines: Geometries) -> tuple[Ints, Geometries]:
    """Return line and point of each end that is no other line's end, too."""
    points = np.concatenate([shapely.get_point(lines, 0), shapely.get_point(lines, -1)])
    xy = np.round(shapely.get_coordinates(points) / GRID_M)
    _, which, times = np.unique(xy, axis=0, return_inverse=True, return_counts=True)
    single = times[which.reshape(-1)] == 1
    return np.tile(np.arange(len(lines)), 2)[single], points[single]
