"""What was true when a case was reported, beside what is true now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import shapely

from ..calendar import require_instant
from ..division.lineage import cells_at, follow
from ..errors import SchemaError
from ..location.owner import locate
from ..messages import message
from ..staffing.duty import on_duty

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import geopandas as gpd

__all__ = ["then_and_now"]


def then_and_now(
    cases: gpd.GeoDataFrame,
    cells: gpd.GeoDataFrame,
    *,
    at: datetime,
    lineage: pd.DataFrame | None = None,
    posts: pd.DataFrame | None = None,
    areas: pd.DataFrame | Sequence[pd.DataFrame] | None = None,
    roles: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Show the cell and people of each case as they were at its report, and as they are now.

    A case keeps its cell: when cells are split, merged or redrawn, its record is not rewritten.
    Which cell its place lies in today is asked of today's map; where a case has no point, of the
    lineage.

    Parameters
    ----------
    cases : GeoDataFrame
        Table ``cases``.
    cells : GeoDataFrame
        All editions of all cells, with ``valid_from`` and ``valid_to`` where they changed.
    at : datetime with zone
        Now.
    lineage : DataFrame, optional
        From `split_cell`, `merge_cells`, `redraw_cells` or `redivide`.
    posts : DataFrame, optional
        Table ``posts`` with its history: people then and now are added.
    areas : DataFrame or sequence of them, optional
        Of the levels above, as in `on_duty`; by default `cells`.
    roles : sequence of str, optional
        As in `on_duty`.

    Returns
    -------
    DataFrame
        A row for each case, or for each case and role: ``case_id``, ``cell_code`` (then),
        ``cell_now``, ``cell_change`` (``same``; ``replaced``: another cell today; ``unclear``: no
        point, and several cells stand for the old one, listed in ``cell_candidates``; ``found``:
        had none, has one today; ``none``: has none today), and with `posts` ``role``,
        ``person_then``, ``person_now`` and ``person_changed``.

    Raises
    ------
    SchemaError
        Cases without ``cell_code`` or ``case_id``; what `cells_at`, `follow` and `on_duty` say.
    OptionError
        A time without zone.

    Examples
    --------
    >>> import geopandas as gpd, pandas as pd
    >>> from shapely import Point, box
    >>> import gridkit as gk
    >>> cells = gpd.GeoDataFrame(
    ...     {
    ...         "cell_code": ["A1", "A2", "A3"],
    ...         "valid_from": ["2025-01-01", "2026-07-01", "2026-07-01"],
    ...         "valid_to": ["2026-07-01", None, None],
    ...     },
    ...     geometry=[box(0, 0, 200, 100), box(0, 0, 100, 100), box(100, 0, 200, 100)],
    ...     crs=4549,
    ... )
    >>> cases = gpd.GeoDataFrame(
    ...     {"case_id": ["C1"], "cell_code": ["A1"]}, geometry=[Point(150, 50)], crs=4549
    ... )
    >>> now = pd.Timestamp("2026-10-01 09:00", tz="Asia/Shanghai")
    >>> seen = gk.then_and_now(cases, cells, at=now)
    >>> seen[["cell_code", "cell_now", "cell_change"]].to_numpy().tolist()
    [['A1', 'A3', 'replaced']]
    """
    now = require_instant(at)
    lost = [c for c in ("case_id", "cell_code") if c not in cases.columns]
    if lost:
        found = ", ".join(map(str, cases.columns))
        where = {"source": "cases", "table": "cases", "columns": ", ".join(lost), "found": found}
        raise SchemaError(*message("tables.missing_columns", **where))
    plain = cases.reset_index(drop=True)
    table = _cells_now(plain, cells_at(cells, now), lineage, now)
    if posts is None:
        return table
    return _people(plain, table, posts, cells if areas is None else areas, roles, now)


def _cells_now(
    cases: gpd.GeoDataFrame,
    today: gpd.GeoDataFrame,
    lineage: pd.DataFrame | None,
    now: pd.Timestamp,
) -> pd.DataFrame:
    shapes = cases.geometry.to_numpy()
    pointed = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    then = cases["cell_code"].astype("str")
    answer = then.where(then.isin(today["cell_code"]))
    candidates = pd.Series("", cases.index, dtype="str")
    if pointed.any():
        asked = cases.loc[pointed, ["case_id", cases.geometry.name]]
        shown = today[["cell_code", today.geometry.name]]
        placed = locate(asked.rename(columns={"case_id": "report_id"}), shown)
        answer[pointed] = placed["cell_code"].astype("str").to_numpy()
    if lineage is not None:
        open_ = ~pointed & answer.isna().to_numpy() & then.notna().to_numpy()
        heirs = follow(lineage, then[open_], now).groupby("code_from")["code_to"].agg(list)
        heirs = heirs.map(lambda codes: [c for c in codes if c in set(today["cell_code"])])
        told = then[open_].map(heirs)
        single = told.str.len() == 1
        answer[told.index[single]] = told[single].str[0]
        candidates[told.index] = told.map(lambda codes: ", ".join(codes) if len(codes) > 1 else "")
    change = pd.Series("none", cases.index, dtype="str")
    change = change.mask(answer.notna() & then.isna(), "found")
    change = change.mask(answer.notna() & then.notna(), "replaced")
    change = change.mask((answer == then).fillna(False).astype(bool), "same")
    change = change.mask(candidates.ne(""), "unclear")
    return pd.DataFrame(
        {
            "case_id": cases["case_id"],
            "cell_code": then,
            "cell_now": answer,
            "cell_change": change,
            "cell_candidates": candidates,
        }
    )


def _people(
    cases: gpd.GeoDataFrame,
    table: pd.DataFrame,
    posts: pd.DataFrame,
    areas: pd.DataFrame | Sequence[pd.DataFrame],
    roles: Sequence[str] | None,
    now: pd.Timestamp,
) -> pd.DataFrame:
    """Return a row for each case and role, with who answered at the report and who answers now."""
    options: dict[str, Any] = {"areas": areas, "roles": roles}
    place = pd.DataFrame(cases.drop(columns=cases.geometry.name))
    then = on_duty(posts, place, **options)
    # What lies above the old cell does not count for the new one.
    above = [c for c in ("duty_code", "community_code", "street_code") if c in place.columns]
    moved = table["cell_change"].ne("same")
    today = place.assign(cell_code=table["cell_now"])
    today = today.assign(**{c: today[c].mask(moved) for c in above})
    since = on_duty(posts, today, at=now, **options)
    each = len(then) // max(len(cases), 1)
    rows = table.loc[table.index.repeat(each)].reset_index(drop=True)
    one, other = (t["person_id"].astype("str").reset_index(drop=True) for t in (then, since))
    return rows.assign(
        role=then["role"].to_numpy(),
        person_then=one,
        person_now=other,
        person_changed=(one.fillna("") != other.fillna("")).to_numpy(),
    )
