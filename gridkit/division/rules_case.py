"""What the rules of the certificate look at, and how they answer.

Nothing here, nor in the other ``rules_*`` modules, is shared with the code that makes or mends
cells, so that a fault there cannot hide itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import shapely

from ..messages import Message, message

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from ..intake.district import District
    from .schemes import CodeScheme

__all__ = ["SLIVER_M", "TOLERANCE_M2", "Case", "Result", "absent", "found", "sound", "wide"]

TOLERANCE_M2 = 1.0
SLIVER_M = 0.1

NOTHING = Message("", "")

Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Geometries = npt.NDArray[Any]


@dataclass(frozen=True)
class Case:
    """The cells that are in force, and what they are held against.

    Attributes
    ----------
    cells : GeoDataFrame
        The rows in force; `every` has the retired ones too.
    codes : Series of str
        Stripped, empty where missing.
    given, shapes : ndarray
        Geometry as given, and sound copies, empty where a row has no polygon.
    district, posts, components : the other tables, None where there are none
    scheme : CodeScheme or None
        None: codes of the city's own.
    roles : tuple of str
        Roles that each cell needs.
    """

    cells: gpd.GeoDataFrame
    every: gpd.GeoDataFrame
    codes: pd.Series[str]
    given: Geometries
    shapes: Geometries
    district: District | None = None
    scheme: CodeScheme | None = None
    posts: pd.DataFrame | None = None
    roles: tuple[str, ...] = ()
    components: gpd.GeoDataFrame | None = None

    @cached_property
    def uneven(self) -> Bools:
        """Cells with an edge that lies inside another, or runs along it with other vertices."""
        edges = shapely.coverage_invalid_edges(self.shapes)
        uneven: Bools = ~(shapely.is_missing(edges) | shapely.is_empty(edges))
        return uneven

    @cached_property
    def union(self) -> Any:
        """The land of all cells; those that agree vertex by vertex are joined without noding."""
        rest = self.shapes[self.uneven]
        return shapely.union_all([shapely.coverage_union_all(self.shapes[~self.uneven]), *rest])

    def column(self, name: str) -> pd.Series[str] | None:
        """Return a text column, empty text where nothing is; None where there is no such column."""
        if name not in self.cells.columns:
            return None
        text: pd.Series[str] = self.cells[name].astype("str").fillna("").str.strip()
        return text


@dataclass(frozen=True)
class Result:
    """What one rule found: which rows, and where to draw it."""

    severity: str
    detail: Message
    remedy: Message = NOTHING
    rows: Ints | None = None
    places: Geometries | None = None
    codes: tuple[str, ...] | None = None


def absent(what: Message | str) -> Result:
    """Answer of a rule whose layer or column is not there."""
    return Result("not_checked", message("division.not_checked", what=what))


def sound() -> Result:
    """Answer of a rule that found nothing."""
    return Result("ok", message("division.found_none"))


def found(
    case: Case,
    severity: str,
    detail: str,
    remedy: str,
    rows: Ints,
    places: Geometries | None = None,
    **values: Any,
) -> Result:
    """Answer of a rule with its rows; `detail` and `remedy` are keys of the catalogue.

    Without `places` the cells themselves are drawn. No rows and no places: the rule is sound.
    """
    if not len(rows) and (places is None or not len(places)):
        return sound()
    drawn = case.shapes[rows] if places is None else places
    return Result(severity, message(detail, n=len(rows), **values), message(remedy), rows, drawn)


def wide(geoms: Geometries) -> Geometries:
    """Return the parts above 1 m², after strips narrower than 0.1 m are taken away."""
    core = shapely.buffer(geoms, -SLIVER_M / 2, join_style="mitre")
    parts = shapely.get_parts(shapely.buffer(core, SLIVER_M / 2, join_style="mitre"))
    return parts[shapely.area(parts) > TOLERANCE_M2]
