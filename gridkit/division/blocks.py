"""Street blocks: the land between street centre lines, water and community borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import shapely

from ..errors import GeometryError, OptionError
from ..messages import message
from .faces import Absorption, absorb, assemble, land_faces

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


def street_blocks(district: District, *, min_area_m2: float = 500.0) -> Blocks:
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
    if not min_area_m2 >= 0:
        raise OptionError(
            *message("division.negative_option", name="min_area_m2", value=min_area_m2)
        )
    faces = land_faces(district, _street_lines(district))
    absorption = absorb(faces, min_area_m2=min_area_m2)
    blocks = assemble(district, faces, absorption.host)
    codes = [c for c in ("community_code", "street_code") if c in blocks.columns]
    blocks.insert(0, "block_id", [f"B{n:05d}" for n in range(1, len(blocks) + 1)])
    blocks = blocks[["block_id", *codes, "area_m2", "load", "geometry"]]
    return Blocks(blocks, *_slivers(faces, absorption, blocks))


def _slivers(
    faces: gpd.GeoDataFrame, absorption: Absorption, blocks: gpd.GeoDataFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    columns = ["block_id", "area_m2", "geometry"]
    names = blocks["block_id"].to_numpy()[absorption.host]
    merged = absorption.small & ~absorption.kept
    healed = faces.assign(block_id=names)[columns][merged].reset_index(drop=True)
    left = blocks["block_id"].isin(names[absorption.kept])
    return healed, blocks.loc[left, columns].reset_index(drop=True)


def _street_lines(district: District) -> Geometries:
    if district.streets is None or district.streets.empty:
        raise GeometryError(*message("division.no_streets", name=district.name))
    lines = district.streets.geometry.to_numpy()
    near: Geometries = lines[shapely.intersects(district.boundary.geometry.iloc[0], lines)]
    if not len(near):
        there, here = (
            ", ".join(f"{v:.0f}" for v in frame.total_bounds)
            for frame in (district.streets, district.boundary)
        )
        raise GeometryError(
            *message("division.streets_outside", name=district.name, there=there, here=here)
        )
    return near
