"""Street blocks: the land between street centre lines, water and community borders."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import OptionError, raise_all
from ..messages import message
from ..rules import load_barriers
from .faces import absorb, assemble, edges_of, land_faces
from .healing import sides_of, weak_faces
from .streets import close_gaps, dividing_lines

if TYPE_CHECKING:
    import geopandas as gpd

    from ..intake.district import District
    from .ordering import Geometries

__all__ = ["Blocks", "street_blocks"]


@dataclass(frozen=True)
class Blocks:
    """What `street_blocks` returns.

    Attributes
    ----------
    blocks : GeoDataFrame
        ``block_id``, ``community_code`` and ``street_code`` (as far as the district has them),
        ``area_m2`` (ellipsoidal), ``load``, ``geometry`` (one polygon each), in the order of
        ``block_id``: west to east, then north to south.
    healed : GeoDataFrame
        Slivers that were merged: ``block_id`` of the block they are now part of, ``area_m2``,
        ``geometry``.
    unhealed : GeoDataFrame
        Blocks that are still too small, because their community has no neighbour for them to
        join; they stand in `blocks` too. Same columns.

    Examples
    --------
    >>> import dataclasses
    >>> from gridkit.division.blocks import Blocks
    >>> [field.name for field in dataclasses.fields(Blocks)]
    ['blocks', 'healed', 'unhealed']
    """

    blocks: gpd.GeoDataFrame
    healed: gpd.GeoDataFrame
    unhealed: gpd.GeoDataFrame


def street_blocks(
    district: District,
    *,
    min_area_m2: float = 500.0,
    min_width_m: float = 10.0,
    gap_m: float = 5.0,
    least_weight: float = 20.0,
    barriers: Mapping[str, Barrier] | None = None,
) -> Blocks:
    """Cut a district into street blocks that tile its communities without water.

    Street centre lines, community borders, the boundary and the water's edge are noded on a grid
    of 1 cm and polygonized; dangling ends disappear. A piece smaller than `min_area_m2` (traffic
    islands, the strip between two carriageways) joins the neighbour of its own community with
    the longest common border. The result does not depend on the order of any layer's rows.

    Parameters
    ----------
    district : District
        With streets. Without communities the whole district counts as one, and the blocks have
        no ``community_code``.
    min_area_m2 : float, default 500.0
        Smallest area, in m², of a block; 0 keeps every piece.

    Returns
    -------
    Blocks
        ``load`` is the number of households of the buildings whose inner point lies in the
        block, each building counted once; without households it is the area in hectares.

    Raises
    ------
    GeometryError
        The district has no streets, none of them touches it, it has no land, or its communities
        overlap or leave land uncovered.
    OptionError
        `min_area_m2` is negative or not a number.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import LineString, box
    >>> from gridkit.division.blocks import street_blocks
    >>> from gridkit.intake.district import District
    >>> boundary = gpd.GeoDataFrame(geometry=[box(500000, 4150000, 500300, 4150100)], crs=4549)
    >>> street = LineString([(500100, 4149990), (500100, 4150110)])
    >>> streets = gpd.GeoDataFrame(geometry=[street], crs=4549)
    >>> made = street_blocks(District("Seaside", boundary, streets=streets))
    >>> made.blocks[["block_id", "load"]].round(2).to_numpy().tolist()
    [['B00001', 1.0], ['B00002', 2.0]]
    """
    _check_options(min_area_m2=min_area_m2, min_width_m=min_width_m, gap_m=gap_m)
    dividers = dividing_lines(
        district, load_barriers() if barriers is None else barriers, least_weight=least_weight
    )
    links, rank = close_gaps(dividers, edges_of(district), gap_m=gap_m)
    dividers = dataclasses.replace(
        dividers,
        lines=np.concatenate([dividers.lines, links]),
        rank=np.concatenate([dividers.rank, rank]),
    )
    faces = land_faces(district, dividers.lines)
    geoms = faces.geometry.to_numpy()
    sides = sides_of(geoms, dividers)
    kind, weak = weak_faces(
        geoms, faces["area_m2"].to_numpy(), sides, dividers, min_width_m=min_width_m
    )
    absorption = absorb(faces, min_area_m2=min_area_m2, weak=weak, borders=_ease(sides, dividers))
    blocks = assemble(district, faces, absorption.host)
    codes = [c for c in ("community_code", "street_code") if c in blocks.columns]
    blocks.insert(0, "block_id", [f"B{n:05d}" for n in range(1, len(blocks) + 1)])
    blocks = blocks[["block_id", *codes, "kind", "area_m2", "load", "geometry"]]
    return Blocks(blocks, *_slivers(faces.assign(kind=kind), absorption, blocks))


def _ease(sides, dividers):
    """Return pairs of neighbours and how easily they merge: metres divided by the line's weight."""
    weight = np.array([max(b.weight, 1) for b in dividers.classes] + [1])
    inner = sides.left >= 0
    i, j = sides.left[inner], sides.right[inner]
    pair, which = np.unique(i * np.int64(i.max(initial=0) + j.max(initial=0) + 1) + j, return_inverse=True)
    n = np.int64(i.max(initial=0) + j.max(initial=0) + 1)
    ease = np.bincount(which, (sides.length_m / weight[sides.rank])[inner], len(pair))
    return pair // n, pair % n, np.round(ease, 3)


def _check_options(**options: float) -> None:
    raise_all(OptionError, [message("division.negative_option", name=name, value=value) for name, value in options.items() if not value >= 0])


def _slivers(
    faces: gpd.GeoDataFrame, absorption: Absorption, blocks: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    columns = ["kind", "block_id", "area_m2", "geometry"]
    names = blocks["block_id"].to_numpy()[absorption.host]
    merged = absorption.small & ~absorption.kept
    healed = faces.assign(block_id=names)[columns][merged].reset_index(drop=True)
    left = blocks["block_id"].isin(names[absorption.kept])
    return healed, blocks.loc[left, columns].reset_index(drop=True)
