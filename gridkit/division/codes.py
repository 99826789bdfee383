"""Numbers for cells: the community's code and a sequence that runs as one reads a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import OptionError, SchemaError, raise_all
from ..messages import message
from ..rules import load_levels
from ..tables import first_few
from .ordering import reading_order, require_areas

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["number_cells"]


def number_cells(
    cells: gpd.GeoDataFrame,
    *,
    within: str = "community_code",
    digits: int = 3,
    prefix: str | None = None,
) -> gpd.GeoDataFrame:
    """Give each cell its code: the community's 12 digits and a 3-digit sequence.

    The sequence runs inside each community from west to east, then from north to south, as the
    unit-grid codes of GB/T 30428.1 and DB11 do. Cells are of unequal height, so they are read in
    bands: a band starts at the northernmost cell that is in no band yet and holds every cell whose
    inner point lies less than 0.6 × the median cell height of the community below that one; the
    codes run from west to east inside a band. The order of the rows does not matter.

    Parameters
    ----------
    cells : GeoDataFrame
        Polygons with the column `within`; any code they have is replaced.
    within : str, default "community_code"
        Column with the code on the level above, as text of digits.
    digits : int, default 3
        Length of the sequence.
    prefix : str, optional
        One code on the level above for all cells, in place of `within`: for a district without
        communities.

    Returns
    -------
    GeoDataFrame
        The same rows in the same order with ``cell_code``, ``level`` = "cell" and
        ``parent_code``.

    Raises
    ------
    SchemaError
        `within` is missing, or codes in it are empty or malformed; all are named.
    OptionError
        A community has more cells than the sequence has numbers, or `prefix` or `digits` cannot
        be used.
    GeometryError
        A cell has no shape.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.division.codes import number_cells
    >>> cells = gpd.GeoDataFrame(
    ...     {"community_code": "370602001001"},
    ...     index=range(3),
    ...     geometry=[box(0, 0, 200, 100), box(100, 100, 200, 200), box(0, 100, 100, 200)],
    ...     crs=4549,
    ... )
    >>> number_cells(cells)["cell_code"].str[-3:].tolist()
    ['003', '002', '001']
    """
    if digits < 1:
        raise OptionError(*message("division.bad_digits", value=digits))
    parent = _parents(cells, within, prefix)
    sizes = parent.value_counts().sort_index()
    problems = [
        message("division.too_many_codes", code=code, n=n, most=10**digits - 1, digits=digits)
        for code, n in sizes[sizes >= 10**digits].items()
    ]
    raise_all(OptionError, problems)
    geoms = require_areas(cells, what="cells")
    code = np.empty(len(cells), dtype=object)
    for above in sizes.index:
        rows = np.flatnonzero(parent == above)
        order = rows[reading_order(geoms[rows])]
        code[order] = [f"{above}{n:0{digits}d}" for n in range(1, len(order) + 1)]
    return cells.assign(
        cell_code=pd.Series(code, index=cells.index, dtype="str"),
        level="cell",
        parent_code=parent,
    )


def _parents(cells: gpd.GeoDataFrame, within: str, prefix: str | None) -> pd.Series[str]:
    if prefix is not None:
        if not prefix.strip():
            raise OptionError(*message("division.empty_prefix"))
        return pd.Series(prefix, index=cells.index, dtype="str")
    if within not in cells.columns:
        raise SchemaError(*message("division.no_codes_above", column=within))
    parent: pd.Series[str] = cells[within].astype("str")
    wanted = {f"{level.code}_code": level.digits for level in load_levels()}.get(within, 0)
    sound = parent.str.fullmatch(rf"[0-9]{{{wanted}}}" if wanted else r"[0-9]+").fillna(False)
    bad = (~sound).to_numpy()
    if bad.any():
        raise SchemaError(
            *message(
                "division.malformed_codes",
                column=within,
                digits=wanted or "1+",
                values=", ".join(repr(v) for v in cells.loc[bad, within].drop_duplicates().head(5)),
                rows=first_few(bad.nonzero()[0]),
            )
        )
    return parent
