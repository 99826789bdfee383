"""Numbers for cells: the community's code and a sequence that runs as one reads a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..errors import OptionError, SchemaError, raise_all
from ..messages import message
from ..rules import load_levels
from ..tables import first_few
from .ordering import ORDERS, require_areas
from .schemes import CodeScheme

if TYPE_CHECKING:
    from collections.abc import Iterable

    import geopandas as gpd

    from .ordering import Geometries, Ints

__all__ = ["number_cells"]


def number_cells(
    cells: gpd.GeoDataFrame,
    *,
    within: str = "community_code",
    digits: int | None = None,
    prefix: str | None = None,
    scheme: CodeScheme | None = None,
    order: str = "bands",
    start: int = 1,
    used: Iterable[str] = (),
) -> gpd.GeoDataFrame:
    """Give each cell its code: the community's 12 digits and a 3-digit sequence.

    The sequence runs inside each community from west to east, then from north to south, as the
    unit-grid codes of GB/T 30428.1 and DB11 do. Cells are of unequal height, so they are read in
    bands: a band starts at the northernmost cell that is in no band yet and holds every cell whose
    inner point lies less than 0.6 × the median cell height of the community below that one; the
    codes run from west to east inside a band. The order of the rows does not matter.

    Codes are never given twice: cells that have a ``cell_code`` keep it, and the others go on
    after the greatest sequence that their community has in the table or in `used`. Drop the
    column to number afresh.

    Parameters
    ----------
    cells : GeoDataFrame
        Polygons with the column `within`.
    within : str, default "community_code"
        Column with the code on the level above, as text of digits.
    digits : int, optional
        Length of the sequence, in place of the scheme's.
    prefix : str, optional
        One code on the level above for all cells, in place of `within`: for a district without
        communities.
    scheme : CodeScheme, optional
        How codes are built; by default the level above and 3 digits, which for communities is
        the 15-digit code.
    order : {"bands", "xy"}, default "bands"
        ``xy`` goes strictly by longitude of the inner point, then from north to south.
    start : int, default 1
        The first sequence of a community.
    used : iterable of str
        Codes that once stood for other cells, and are not given again.

    Returns
    -------
    GeoDataFrame
        The same rows in the same order with ``cell_code``, ``level`` and ``parent_code``.

    Raises
    ------
    SchemaError
        `within` is missing, or codes in it, in ``cell_code`` or in `used` are malformed; all are
        named.
    OptionError
        A community has more cells than the sequence has numbers, or an option cannot be used.
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
    >>> numbered = number_cells(cells)
    >>> numbered["cell_code"].str[-3:].tolist()
    ['003', '002', '001']
    >>> numbered.loc[0, "cell_code"] = None
    >>> number_cells(numbered, used=["370602001001003"])["cell_code"].str[-3:].tolist()
    ['004', '002', '001']
    """
    given = CodeScheme("", (("parent", _digits_of(within)), ("cell", 3)))
    if prefix is not None or not given.parent_digits:
        given = CodeScheme.free()
    rule = scheme or given
    if digits is not None:
        rule = rule.with_digits(digits)
    if order not in ORDERS:
        choices = ", ".join(ORDERS)
        raise OptionError(*message("options.unknown", name="order", value=order, choices=choices))
    if not 0 <= start <= rule.last:
        raise OptionError(*message("division.bad_start", value=start, last=rule.last))
    parent = _parents(cells, within, prefix, rule)
    geoms = require_areas(cells, what="cells")
    codes = _given_codes(cells, rule, parent)
    taken = _taken(codes, list(used), rule, start)
    code = _numbered(geoms, parent, codes, taken, rule, order, start)
    return cells.assign(
        cell_code=pd.Series(code, index=cells.index, dtype="str"),
        level=rule.level,
        parent_code=parent,
    )


def _numbered(
    geoms: Geometries,
    parent: pd.Series[str],
    codes: pd.Series[str],
    taken: dict[str, int],
    rule: CodeScheme,
    order: str,
    start: int,
) -> Geometries:
    code = codes.to_numpy(dtype=object).copy()
    free = codes.isna().to_numpy()
    above = parent.to_numpy(dtype=object)
    names, sizes = np.unique(above[free], return_counts=True)
    alone = parent.map(parent.value_counts()).eq(1).to_numpy()
    problems, number = [], {}
    for name, n in zip(names.tolist(), sizes.tolist(), strict=True):
        last = taken.get(name, start - 1)
        whole = name not in taken and alone[above == name].all()
        first = rule.undivided if whole else None
        number[name] = last + 1 if first is None else first
        if number[name] + n - 1 > rule.last:
            place = {"code": name, "n": n, "last": last, "most": rule.last}
            problems.append(message("division.too_many_codes", **place, digits=rule.digits))
    raise_all(OptionError, problems)
    for name, first in number.items():
        rows: Ints = np.flatnonzero((above == name) & free)
        arranged = rows[ORDERS[order](geoms[rows])]
        code[arranged] = [rule.format(name, first + k) for k in range(len(rows))]
    return code


def _digits_of(within: str) -> int:
    """Return how many digits the codes in a level's column have, 0 where nothing says."""
    return {f"{level.code}_code": level.digits for level in load_levels()}.get(within, 0)


def _given_codes(
    cells: gpd.GeoDataFrame, rule: CodeScheme, parent: pd.Series[str]
) -> pd.Series[str]:
    """Return the codes that cells have already, empty ones as missing."""
    if "cell_code" not in cells.columns:
        return pd.Series(None, index=cells.index, dtype="str")
    codes: pd.Series[str] = cells["cell_code"].astype("str").str.strip()
    codes = codes.where(codes != "")
    there = codes.notna()
    rule.check(codes[there])
    apart = (rule.parents(codes[there]) != parent[there]).to_numpy()
    if apart.any():
        rows = np.flatnonzero(there)[apart]
        values = ", ".join(f"{codes.iloc[r]} ({parent.iloc[r]})" for r in rows[:5])
        shown = {"n": len(rows), "values": values, "rows": first_few(rows)}
        raise SchemaError(*message("division.foreign_codes", **shown))
    twice = (codes.duplicated(keep=False) & there).to_numpy()
    if twice.any():
        values = ", ".join(codes[twice].drop_duplicates().head(5))
        rows = np.flatnonzero(twice)
        shown = {"values": values, "rows": first_few(rows)}
        raise SchemaError(*message("division.given_twice", **shown))
    return codes


def _taken(codes: pd.Series[str], used: list[str], rule: CodeScheme, start: int) -> dict[str, int]:
    """Return the greatest sequence in use of each code above; `start` - 1 at least."""
    old = pd.Series(used, dtype="str")
    rule.check(old)
    known = pd.concat([codes.dropna(), old], ignore_index=True)
    sequence = pd.Series(rule.sequences(known), index=known.index)
    most = sequence.groupby(rule.parents(known).to_numpy(dtype=object)).max()
    return {str(name): max(int(n), start - 1) for name, n in most.items()}


def _parents(
    cells: gpd.GeoDataFrame, within: str, prefix: str | None, rule: CodeScheme
) -> pd.Series[str]:
    if prefix is not None:
        if not prefix.strip():
            raise OptionError(*message("division.empty_prefix"))
        return pd.Series(prefix, index=cells.index, dtype="str")
    if within not in cells.columns:
        raise SchemaError(*message("division.no_codes_above", column=within))
    parent: pd.Series[str] = cells[within].astype("str")
    wanted = rule.parent_digits
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
