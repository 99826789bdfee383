"""Regular cells: squares and hexagons, clipped to the land and cut at community borders."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import shapely

from ..errors import OptionError, raise_all
from ..messages import message
from .codes import number_cells
from .faces import absorb, assemble, land_faces

if TYPE_CHECKING:
    import geopandas as gpd

    from ..intake.district import District
    from .ordering import Floats, Geometries

__all__ = ["hex_cells", "square_cells"]

MOST_CELLS = 1_000_000
SURELY_FULL = 0.99
"""A full cell is at least so much of what it should be, whatever the map's scale takes of it."""


def square_cells(
    district: District,
    *,
    size_m: float = 100.0,
    min_share: float = 0.25,
    prefix: str | None = None,
    digits: int = 3,
) -> gpd.GeoDataFrame:
    """Cut a district into squares, clipped to its land and cut at community borders.

    The lattice lies on whole multiples of `size_m` in the district's CRS, so that neighbouring
    districts agree and a change of the boundary moves no cell. Pieces smaller than `min_share`
    of a full square join the neighbour of their own community with the longest common border.

    Parameters
    ----------
    district : District
    size_m : float, default 100.0
        Side of the square, in metres.
    min_share : float, default 0.25
        Smallest area of a piece, as a share (0–1) of the full square.
    prefix, digits
        As in `number_cells`; a district without communities needs a `prefix`.

    Returns
    -------
    GeoDataFrame
        Cells: ``cell_code``, ``level``, ``parent_code``, ``community_code``, ``street_code`` (as
        far as the district has them), ``area_m2``, ``load`` (as in `street_blocks`), geometry.

    Raises
    ------
    GeometryError
        There is no land, or the communities overlap or leave land uncovered.
    OptionError
        `size_m` or `min_share` cannot be used, or a community has more cells than numbers.
    SchemaError
        Codes are missing or malformed.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.division.lattice import square_cells
    >>> from gridkit.intake.district import District
    >>> boundary = gpd.GeoDataFrame(geometry=[box(500000, 4150000, 500210, 4150100)], crs=4549)
    >>> cells = square_cells(District("Seaside", boundary), prefix="370602001001")
    >>> cells["cell_code"].tolist()
    ['370602001001001', '370602001001002']
    """
    full_m2 = size_m * size_m
    _check_options(district, size_m, min_share, full_m2)
    x0, y0, x1, y1 = district.boundary.total_bounds
    across = [shapely.linestrings([[v, y0], [v, y1]]) for v in _multiples(x0, x1, size_m)]
    along = [shapely.linestrings([[x0, v], [x1, v]]) for v in _multiples(y0, y1, size_m)]
    lines = np.array([*across, *along], dtype=object)
    return _cells(district, lines, min_share * full_m2 * SURELY_FULL, prefix, digits)


def hex_cells(
    district: District,
    *,
    size_m: float = 100.0,
    min_share: float = 0.25,
    prefix: str | None = None,
    digits: int = 3,
) -> gpd.GeoDataFrame:
    """Cut a district into hexagons, clipped to its land and cut at community borders.

    Each hexagon stands on a corner, so that the cells form rows from west to east; one centre
    lies on the origin of the district's CRS. Pieces smaller than `min_share` of a full hexagon
    join the neighbour of their own community with the longest common border.

    Parameters
    ----------
    district : District
    size_m : float, default 100.0
        Distance between opposite sides, in metres; neighbouring centres are as far apart. The
        full hexagon has 0.866 × `size_m`² of area.
    min_share : float, default 0.25
        Smallest area of a piece, as a share (0–1) of the full hexagon.
    prefix, digits
        As in `number_cells`; a district without communities needs a `prefix`.

    Returns
    -------
    GeoDataFrame
        As `square_cells`.

    Raises
    ------
    GeometryError, OptionError, SchemaError
        As `square_cells`.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.division.lattice import hex_cells
    >>> from gridkit.intake.district import District
    >>> boundary = gpd.GeoDataFrame(geometry=[box(500000, 4150000, 500200, 4150200)], crs=4549)
    >>> len(hex_cells(District("Seaside", boundary), prefix="370602001001"))
    6
    """
    full_m2 = math.sqrt(3) / 2 * size_m * size_m
    _check_options(district, size_m, min_share, full_m2)
    lines = _hexagons(district.boundary.total_bounds, size_m)
    return _cells(district, lines, min_share * full_m2 * SURELY_FULL, prefix, digits)


def _check_options(district: District, size_m: float, min_share: float, full_m2: float) -> None:
    problems = []
    if not 0 < size_m < math.inf:
        problems.append(message("division.bad_size", value=size_m))
    if not 0 <= min_share <= 1:
        problems.append(message("division.bad_share", value=min_share))
    raise_all(OptionError, problems)
    expected = shapely.area(shapely.box(*district.boundary.total_bounds)) / full_m2
    if expected > MOST_CELLS:
        raise OptionError(
            *message("division.too_many_cells", size=size_m, n=f"{expected:,.0f}", most=MOST_CELLS)
        )


def _multiples(low: float, high: float, step: float) -> list[float]:
    return [k * step for k in range(math.floor(low / step), math.ceil(high / step) + 1)]


def _hexagons(bounds: Floats, size_m: float) -> Geometries:
    """Return the outlines of all hexagons that meet the rectangle `bounds`."""
    x0, y0, x1, y1 = bounds.tolist()
    radius = size_m / math.sqrt(3)
    rows = np.arange(math.floor(y0 / (1.5 * radius)) - 1, math.ceil(y1 / (1.5 * radius)) + 2)
    columns = np.arange(math.floor(x0 / size_m) - 1, math.ceil(x1 / size_m) + 2)
    column, row = (a.ravel() for a in np.meshgrid(columns, rows))
    centre = np.column_stack([(column + row % 2 / 2) * size_m, row * 1.5 * radius])
    angle = np.radians(np.arange(30, 391, 60))
    ring = radius * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.asarray(shapely.linestrings(centre[:, None, :] + ring))


def _cells(
    district: District, lines: Geometries, min_area_m2: float, prefix: str | None, digits: int
) -> gpd.GeoDataFrame:
    faces = land_faces(district, lines)
    host = absorb(faces, min_area_m2=min_area_m2).host
    cells = number_cells(assemble(district, faces, host), prefix=prefix, digits=digits)
    codes = [c for c in ("community_code", "street_code") if c in cells.columns]
    cells = cells[["cell_code", "level", "parent_code", *codes, "area_m2", "load", "geometry"]]
    return cells.sort_values("cell_code", ignore_index=True)
