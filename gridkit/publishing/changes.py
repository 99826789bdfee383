"""What became of each cell between two editions, told from codes and shapes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from .marks import sound

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

__all__ = ["KINDS", "Changes", "compare_cells"]

KINDS = ("split", "merged", "moved", "new", "gone", "recoded")
SAME_M2 = 0.01  # shapes that differ by less are one shape, as an overlap of cells begins there
MOSTLY = 0.5  # a cell belongs to another's history when more than half of it lies in there


@dataclass(frozen=True, eq=False)
class Changes:
    """What changed between two editions.

    Attributes
    ----------
    table : DataFrame
        One row for each code that changed, by code: ``code``, ``kind`` (of :data:`KINDS`),
        ``before`` and ``after``: position in the two tables, -1 where the code is not there.
    links : DataFrame
        ``code_from``, ``code_to``, ``area_share`` (of the old cell): who has whose land, where
        it is more than half of either.
    unchanged : int
    """

    table: pd.DataFrame
    links: pd.DataFrame
    unchanged: int


def compare_cells(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> Changes:
    """Compare two editions of cells by their codes and shapes.

    Shapes are the same when they cover the same land to 0.01 m², whatever the order and number
    of their vertices. Of the cells that changed, one with several new ones inside it was
    ``split``; one that took in several old ones was ``merged``; a code in both editions whose
    border differs, and a cell that one other follows, is ``moved``, or ``recoded`` where
    the shape stayed; the rest is ``new`` or ``gone``.

    Parameters
    ----------
    before, after : GeoDataFrame
        With ``cell_code``, each once, in one CRS in metres.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.publishing.changes import compare_cells
    >>> one = gpd.GeoDataFrame({"cell_code": ["1"]}, geometry=[box(0, 0, 2, 1)], crs=4549)
    >>> two = gpd.GeoDataFrame(
    ...     {"cell_code": ["2", "3"]}, geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)], crs=4549
    ... )
    >>> compare_cells(one, two).table["kind"].tolist()
    ['split', 'split', 'split']
    """
    old, new = sound(before.geometry), sound(after.geometry)
    codes_old, codes_new = pd.Index(before["cell_code"]), pd.Index(after["cell_code"])
    later = codes_new.get_indexer(codes_old)
    kept = np.flatnonzero(later >= 0)
    kept = kept[_same(old[kept], new[later[kept]])]
    i = np.setdiff1d(np.arange(len(old)), kept)
    j = np.setdiff1d(np.arange(len(new)), later[kept])
    a, b = shapely.STRtree(new[j]).query(old[i], predicate="intersects")
    a, b = i[a], j[b]
    common = shapely.area(shapely.intersection(old[a], new[b]))
    of_old, of_new = common / shapely.area(old[a]), common / shapely.area(new[b])
    linked = (of_old > MOSTLY) | (of_new > MOSTLY)
    a, b, of_old, of_new = a[linked], b[linked], of_old[linked], of_new[linked]
    kinds_old, kinds_new = _kinds(a, b, of_old, of_new, old, new)
    kinds_old, kinds_new = kinds_old[i], kinds_new[j]
    rows_old = pd.DataFrame({"code": codes_old[i], "kind_old": kinds_old, "before": i})
    rows_new = pd.DataFrame({"code": codes_new[j], "kind_new": kinds_new, "after": j})
    links = pd.DataFrame({"code_from": codes_old[a], "code_to": codes_new[b], "area_share": of_old})
    return Changes(
        _table(rows_old, rows_new),
        links.sort_values(["code_from", "code_to"], ignore_index=True),
        len(kept),
    )


def _same(old: NDArray[Any], new: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where two shapes cover the same land."""
    same: NDArray[np.bool_] = shapely.equals_exact(shapely.normalize(old), shapely.normalize(new))
    rest = np.flatnonzero(~same)
    apart = shapely.area(shapely.symmetric_difference(old[rest], new[rest]))
    same[rest] = (apart <= SAME_M2) & (shapely.is_empty(old[rest]) == shapely.is_empty(new[rest]))
    return same


def _kinds(
    a: NDArray[np.intp],
    b: NDArray[np.intp],
    of_old: NDArray[np.float64],
    of_new: NDArray[np.float64],
    old: NDArray[Any],
    new: NDArray[Any],
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the kind of each old and each new cell, as its own side of the links tells it."""
    part, taken = of_new > MOSTLY, of_old > MOSTLY  # new inside old; old inside new
    parts = np.bincount(a[part], minlength=len(old))
    sources = np.bincount(b[taken], minlength=len(new))
    kinds_old = np.full(len(old), "gone", dtype=object)
    kinds_new = np.full(len(new), "new", dtype=object)
    follows = np.where(_same(old[a], new[b]), "recoded", "moved")
    kinds_old[a[taken]] = follows[taken]
    kinds_new[b[part | taken]] = follows[part | taken]
    kinds_old[a[taken & (sources[b] > 1)]] = "merged"
    kinds_new[sources > 1] = "merged"
    kinds_old[parts > 1] = "split"
    kinds_new[b[part & (parts[a] > 1)]] = "split"
    return kinds_old, kinds_new


def _table(rows_old: pd.DataFrame, rows_new: pd.DataFrame) -> pd.DataFrame:
    """Return one row a code; of a code on both sides the kind that says more."""
    table = rows_old.merge(rows_new, how="outer", on="code")
    both = table["kind_old"].notna() & table["kind_new"].notna()
    table[["before", "after"]] = table[["before", "after"]].fillna(-1).astype("int64")
    rank = {kind: k for k, kind in enumerate(KINDS)}
    told = table[["kind_old", "kind_new"]].apply(lambda side: side.map(rank)).min(axis=1)
    told = told.clip(upper=rank["moved"]).where(both, told)
    table["kind"] = [KINDS[int(k)] for k in told]
    columns = ["code", "kind", "before", "after"]
    return table[columns].sort_values("code", ignore_index=True)
