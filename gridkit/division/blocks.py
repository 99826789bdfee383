"""Street blocks: the land between street centre lines, water and community borders."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..errors import OptionError, raise_all
from ..messages import message
from ..rules import LEAST_WEIGHT, load_barriers
from .alignment import warn_of_shift
from .faces import LAND, absorb, assemble, edges_of, land_faces
from .healing import Sides, sides_of, weak_faces
from .neighbours import GRID_M
from .streets import close_gaps, dividing_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..intake.district import District
    from ..rules import Barrier
    from .faces import Absorption
    from .ordering import Floats, Geometries, Ints
    from .streets import Dividers

__all__ = ["Blocks", "street_blocks"]

Water = Literal["leave_out", "own", "merge"]


@dataclass(frozen=True)
class Blocks:
    """What `street_blocks` returns.

    Attributes
    ----------
    blocks : GeoDataFrame
        ``block_id``, ``community_code`` and ``street_code`` (as far as the district has them),
        ``kind`` (with ``water="own"``), ``area_m2`` (ellipsoidal), ``load``, ``geometry`` (one
        polygon each), in the order of ``block_id``: west to east, then north to south.
    healed : GeoDataFrame
        What was mended, a row each: ``kind``, ``block_id`` of the block it is now part of,
        ``area_m2``, ``geometry`` of the piece. Kinds: ``dual_carriageway`` (a strip between
        roads), ``junction`` (roundabouts and land between slip roads), ``sliver`` (anything else
        too small or too narrow), ``water`` (with ``water="merge"``) and ``gap_closed`` (the line
        drawn from a dead end; it borders the block).
    unhealed : GeoDataFrame
        Blocks that are still too small or too narrow: the same columns, and ``reason``:
        ``only_block`` of its community, or ``cut_off`` from the rest of it.
    borders : GeoDataFrame
        Each pair of neighbouring blocks: ``block_id``, ``other_id``, ``length_m`` of their
        border, ``barrier`` (class along most of it) and its ``weight``, ``geometry``.

    Examples
    --------
    >>> import dataclasses
    >>> from gridkit.division.blocks import Blocks
    >>> [field.name for field in dataclasses.fields(Blocks)]
    ['blocks', 'healed', 'unhealed', 'borders']
    """

    blocks: gpd.GeoDataFrame
    healed: gpd.GeoDataFrame
    unhealed: gpd.GeoDataFrame
    borders: gpd.GeoDataFrame


def street_blocks(
    district: District,
    *,
    min_area_m2: float = 500.0,
    min_width_m: float = 10.0,
    gap_m: float = 5.0,
    least_weight: float = LEAST_WEIGHT,
    barriers: Mapping[str, Barrier] | None = None,
    water: Water = "leave_out",
) -> Blocks:
    """Cut a district into street blocks that tile its communities.

    Streets may come as a map has them. Those heavy enough to divide, community borders, the
    boundary and the water's edge are noded on a grid of 1 cm, regardless of bridges, and
    polygonized; dead ends that narrowly miss a line are led to it, other dead ends disappear. What
    is no land of its own joins a neighbour of its own community: the one with the longest common
    border, where each metre counts the less the heavier the line on it. The result does not
    depend on the order of any layer's rows.

    Parameters
    ----------
    district : District
        With streets; their ``road_class`` says how heavy they are (OpenStreetMap's values or the
        names of Chinese road classes), without one they are streets. Without communities the
        whole district counts as one, and the blocks have no ``community_code``.
    min_area_m2 : float, default 500.0
        Smallest area, in m², of a block; 0 judges by shape alone.
    min_width_m : float, default 10.0
        Land that is nowhere wider than this, beyond the surfaces of the roads around it, is a
        strip and no block: half as wide again where it is long, three times as wide between
        motorways. Islands of junctions are told by their form and by slip roads. 0 judges by
        area alone.
    gap_m : float, default 5.0
        Longest gap between a dead end and another line, in metres, that is closed.
    least_weight : float, default 20.0
        Lines of lighter classes do not divide. Footpaths weigh 5, service roads 10, streets 30.
    barriers : mapping of str to Barrier, optional
        The classes, by default those of `load_barriers`.
    water : {"leave_out", "own", "merge"}
        Land under the layer water is in no block, in blocks of its own with its ``kind``, or part
        of the blocks beside it. Unmanaged land in that layer goes the same way.

    Returns
    -------
    Blocks
        ``load`` is the number of households of the buildings whose inner point lies in the
        block, each building counted once; without households it is the area in hectares.

    Raises
    ------
    GeometryError
        The district has no streets, none of them touches it or is heavy enough, it has no land,
        or its communities overlap or leave land uncovered.
    OptionError
        A number is negative or none, or `water` is unknown.

    Warns
    -----
    GridkitWarning
        Values of ``road_class`` that no class knows, or borders that fit the streets much better
        after a shift between map datums.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import LineString, box
    >>> from gridkit.division.blocks import street_blocks
    >>> from gridkit.intake.district import District
    >>> boundary = gpd.GeoDataFrame(geometry=[box(500000, 4150000, 500300, 4150100)], crs=4549)
    >>> lines = [LineString([(x, 4149990), (x, 4150110)]) for x in (500100, 500112)]
    >>> streets = gpd.GeoDataFrame({"road_class": ["primary"] * 2}, geometry=lines, crs=4549)
    >>> made = street_blocks(District("Seaside", boundary, streets=streets))
    >>> made.blocks[["block_id", "load"]].round(2).to_numpy().tolist()
    [['B00001', 1.12], ['B00002', 1.88]]
    >>> made.healed[["kind", "block_id"]].to_numpy().tolist()
    [['dual_carriageway', 'B00001']]
    """
    _check_options(
        water,
        min_area_m2=min_area_m2,
        min_width_m=min_width_m,
        gap_m=gap_m,
        least_weight=least_weight,
    )
    classes = load_barriers() if barriers is None else barriers
    dividers = dividing_lines(district, classes, least_weight=least_weight)
    warn_of_shift(district)
    links, rank = close_gaps(district, dividers, edges_of(district), gap_m=gap_m)
    dividers = dataclasses.replace(
        dividers,
        lines=np.concatenate([dividers.lines, links]),
        rank=np.concatenate([dividers.rank, rank]),
    )
    faces = land_faces(district, dividers.lines, water=water != "leave_out")
    sides = sides_of(faces, dividers)
    kind, weak = weak_faces(faces, sides, dividers, min_width_m=min_width_m)
    if water == "merge":
        wet = (faces["kind"] != LAND).to_numpy()
        kind, weak = np.where(wet, "water", kind), weak | wet
        faces = faces.drop(columns="kind")
    absorption = absorb(
        faces, min_area_m2=min_area_m2, weak=weak, borders=_ease(sides, dividers, len(faces))
    )
    blocks = _numbered(assemble(district, faces, absorption.host), with_kind=water == "own")
    mended = pd.concat([_merged(faces, kind, absorption, blocks), _closed(links, blocks)])
    return Blocks(
        blocks,
        mended.reset_index(drop=True),
        _left(kind, absorption, blocks),
        _borders(sides, dividers, absorption.host, blocks),
    )


def _check_options(water: str, **numbers: float) -> None:
    problems = [
        message("division.negative_option", name=name, value=value)
        for name, value in numbers.items()
        if not value >= 0
    ]
    if water not in get_args(Water):
        known = ", ".join(get_args(Water))
        problems.append(message("options.unknown", name="water", value=water, choices=known))
    raise_all(OptionError, problems)


def _ease(sides: Sides, dividers: Dividers, n: int) -> tuple[Ints, Ints, Floats]:
    """Return pairs of neighbours and how easily they merge: metres divided by the line's weight."""
    weight = np.array([max(b.weight, 1) for b in dividers.classes] + [1])
    inner = sides.left >= 0
    pair, which = np.unique(sides.left[inner] * n + sides.right[inner], return_inverse=True)
    ease = np.bincount(which, (sides.length_m / weight[sides.rank])[inner], len(pair))
    # Rounded so that equal borders stay equal wherever the district lies.
    return pair // n, pair % n, np.round(ease, 4)


def _numbered(areas: gpd.GeoDataFrame, *, with_kind: bool) -> gpd.GeoDataFrame:
    first = ["community_code", "street_code", *(["kind"] if with_kind else [])]
    codes = [c for c in first if c in areas.columns]
    areas.insert(0, "block_id", [f"B{n:05d}" for n in range(1, len(areas) + 1)])
    return areas[["block_id", *codes, "area_m2", "load", "geometry"]]


def _merged(
    faces: gpd.GeoDataFrame, kind: Ints, absorption: Absorption, blocks: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    names = blocks["block_id"].to_numpy()[absorption.host]
    table = faces.assign(kind=kind, block_id=names)[["kind", "block_id", "area_m2", "geometry"]]
    return table[absorption.small & ~absorption.kept]


def _closed(links: Geometries, blocks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the closed gaps that came to lie between two blocks; others changed nothing."""
    links = links[shapely.length(links) > GRID_M]
    middle = shapely.line_interpolate_point(links, 0.5, normalized=True)
    tree = shapely.STRtree(blocks.geometry.to_numpy())
    link, block = tree.query(middle, predicate="dwithin", distance=GRID_M)
    order = np.lexsort((block, link))
    link, block = link[order], block[order]
    first = np.flatnonzero(np.diff(link, prepend=-1))
    between = first[np.diff(np.append(first, len(link))) > 1]
    between = between[np.lexsort((shapely.length(links[link[between]]), block[between]))]
    names = blocks["block_id"].to_numpy()[block[between]]
    columns = {"kind": "gap_closed", "block_id": names, "area_m2": 0.0}
    return gpd.GeoDataFrame(columns, geometry=links[link[between]], crs=blocks.crs)


def _left(kind: Ints, absorption: Absorption, blocks: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the blocks that are weak still, and why."""
    host, first = np.unique(absorption.host[absorption.kept], return_index=True)
    table = blocks.iloc[host][["block_id", "area_m2", "geometry"]].reset_index(drop=True)
    table.insert(0, "kind", kind[np.flatnonzero(absorption.kept)[first]])
    same = "community_code" if "community_code" in blocks.columns else lambda _: 0
    alone = blocks.groupby(same)["block_id"].transform("size").to_numpy()[host] == 1
    table.insert(3, "reason", np.where(alone, "only_block", "cut_off"))
    return table


def _borders(
    sides: Sides, dividers: Dividers, host: Ints, blocks: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    a, b = host[sides.left], host[sides.right]
    real = (sides.left >= 0) & (a != b)
    pieces = pd.DataFrame(
        {
            "a": np.minimum(a, b)[real],
            "b": np.maximum(a, b)[real],
            "rank": sides.rank[real],
            "length_m": sides.length_m[real],
        }
    )
    by_class = pieces.groupby(["a", "b", "rank"])["length_m"].sum().reset_index()
    main = by_class.iloc[np.lexsort([by_class[c] for c in ("rank", "length_m", "b", "a")])]
    main = main.drop_duplicates(["a", "b"], keep="last")
    order = np.lexsort((pieces["b"], pieces["a"]))
    pair = pieces.groupby(["a", "b"])
    lines = shapely.linestrings(sides.xy[real].reshape(-1, 2, 2)[order])
    shapes = shapely.multilinestrings(lines, indices=pair.ngroup().to_numpy()[order])
    names = blocks["block_id"].to_numpy()
    codes = np.array([c.code for c in dividers.classes] + [None], dtype=object)
    weights = np.array([c.weight for c in dividers.classes] + [0])
    return gpd.GeoDataFrame(
        {
            "block_id": names[main["a"]],
            "other_id": names[main["b"]],
            "length_m": pair["length_m"].sum().round(3).to_numpy(),
            "barrier": codes[main["rank"]],
            "weight": weights[main["rank"]],
        },
        geometry=shapely.line_merge(shapes),
        crs=blocks.crs,
    )
