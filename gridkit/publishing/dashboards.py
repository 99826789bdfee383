"""The dashboard: the answer at a glance, a map that filters and counts, ranking, the overdue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd

from ..calendar import require_instant, require_zone
from ..casework.cases import with_areas
from ..casework.ledger import Ledger
from ..crs import area_m2, same_crs
from ..division.compass import side_names
from ..division.lineage import cells_at
from ..errors import OptionError
from ..evaluation.clusters import hotspots
from ..evaluation.periods import Period
from ..evaluation.rates import counted, latest
from ..evaluation.smoothing import gamma_prior
from ..messages import message, require_lang, say
from ..privacy import mask_text, require_audience
from ..rules import load_categories
from ..tables import CASES
from .content import texts
from .events import (
    events_of,
    grid_of,
    land_of,
    mask_events,
    pack_events,
    timeline,
    without_voided,
)
from .glance import Glance, default_period
from .hotspot_maps import hotspot_view
from .maps import RAMP_COLOURS, begin_map, finish_map, require_cells
from .offline import GridMap, save_map
from .palette import CHANGE, DENSITY, FIGURES, NO_DATA, ramp
from .words import dashboard_words

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from ..errors import Lang
    from ..intake.district import District
    from ..privacy import Audience
    from .content import Canvas
    from .events import Events, Grid

__all__ = ["dashboard_map", "publish_dashboard"]

CLASSES = 5
_AREAS = ("street_code", "community_code")
MOST_LATE = 200


class _Plan(Protocol):
    """What a dashboard needs of a `Plan`."""

    @property
    def district(self) -> District: ...
    @property
    def cells(self) -> gpd.GeoDataFrame: ...
    @property
    def posts(self) -> pd.DataFrame | None: ...
    @property
    def roster(self) -> pd.DataFrame | None: ...


def publish_dashboard(
    plan: _Plan,
    ledger: Ledger | gpd.GeoDataFrame,
    path: str | Path,
    *,
    period: Period | str | None = None,
    at: datetime | None = None,
    audience: str = "leaders",
    lang: str = "zh",
    title: str | None = None,
    review_no: str | None = None,
    bandwidth_m: float = 150.0,
    tz: str = "Asia/Shanghai",
    compressed: bool = True,
) -> Path:
    """Write the dashboard of a district as one HTML file that opens without any network.

    Parameters
    ----------
    plan, ledger, period, at, audience, lang, title, review_no, bandwidth_m, tz
        As in `dashboard_map`.
    path : path
    compressed : bool
        As in `save_map`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    FileError
        The file cannot be written.
    SchemaError, CRSError, GeometryError, OptionError
        As in `dashboard_map`.

    Examples
    --------
    >>> import tempfile
    >>> import geopandas as gpd, pandas as pd
    >>> import shapely
    >>> import gridkit as gk
    >>> square = shapely.box(500_000, 4_150_000, 501_000, 4_151_000)
    >>> cells = gpd.GeoDataFrame({"cell_code": ["001"]}, geometry=[square], crs=4549)
    >>> plan = gk.Plan(gk.district_of(cells, name="示例区"), cells)
    >>> cases = gpd.GeoDataFrame(
    ...     {
    ...         "case_id": ["C1"], "stage": ["filed"], "cell_code": ["001"],
    ...         "reported_at": pd.to_datetime(["2025-05-01T12:00+08:00"]),
    ...     },
    ...     geometry=[shapely.Point(500_400, 4_150_500)],
    ...     crs=4549,
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gk.publish_dashboard(plan, cases, f"{folder}/dashboard.html").name
    'dashboard.html'
    """
    m = dashboard_map(
        plan,
        ledger,
        period=period,
        at=at,
        audience=audience,
        lang=lang,
        title=title,
        review_no=review_no,
        bandwidth_m=bandwidth_m,
        tz=tz,
    )
    return save_map(m, path, compressed=compressed)


def dashboard_map(
    plan: _Plan,
    ledger: Ledger | gpd.GeoDataFrame,
    *,
    period: Period | str | None = None,
    at: datetime | None = None,
    audience: str = "leaders",
    lang: str = "zh",
    title: str | None = None,
    review_no: str | None = None,
    bandwidth_m: float = 150.0,
    tz: str = "Asia/Shanghai",
) -> GridMap:
    """Return the dashboard of a district as a folium map, to which layers can be added.

    First how the period went, what got worse and who owes what; then the map: heat, cells by
    density, by rate per 100 households and by change, hot spots, over any span of time, for any
    categories, open or overdue. A cell shows its bounds, people and months. The page counts and
    smooths by itself; it asks nothing of any network.

    Parameters
    ----------
    plan : Plan
        District, cells (the newest edition is shown), posts and roster.
    ledger : Ledger or GeoDataFrame
        Cases, or a table of them. Voided ones and those reported after `at` are left out.
    period : Period or str, optional
        What the glance and the ranking tell of; by default the last month that has nearly run its
        course, or the last week where the cases cover less than 30 weeks.
    at : datetime, optional
        Time of counting; by default the last event.
    audience : {"internal", "leaders", "public"}
        Leaders see no phone numbers. The public sees no names, no list of cases, neither
        categories nor states on the map, and no cell with fewer than five cases in a span. Places
        are squares of 50 m for all. What is masked is not in the page, and the page says so.
    lang : {"zh", "en"}
    title : str, optional
    review_no : str, optional
        Review number of the map (审图号), printed in the footer.
    bandwidth_m : float
        Standard deviation of the kernel, metres: 50 and more.
    tz : str
        Zone whose days and hours count.

    Returns
    -------
    GridMap

    Raises
    ------
    SchemaError, CRSError, GeometryError, OptionError
        Tables that break their schema, layers in different CRS, no cells, an unknown audience,
        language, period or zone, a bandwidth below 50 m.

    Notes
    -----
    The density in the page is that of `density` with squares of 50 m, at whose middle their cases
    lie. Rates per 100 households are those of `smooth_rates`.

    Examples
    --------
    >>> import geopandas as gpd, pandas as pd
    >>> import shapely
    >>> import gridkit as gk
    >>> square = shapely.box(500_000, 4_150_000, 501_000, 4_151_000)
    >>> cells = gpd.GeoDataFrame({"cell_code": ["001"]}, geometry=[square], crs=4549)
    >>> cases = gpd.GeoDataFrame(
    ...     {
    ...         "case_id": ["C1"], "stage": ["filed"], "cell_code": ["001"],
    ...         "reported_at": pd.to_datetime(["2025-05-01T12:00+08:00"]),
    ...     },
    ...     geometry=[shapely.Point(500_400, 4_150_500)],
    ...     crs=4549,
    ... )
    >>> plan = gk.Plan(gk.district_of(cells, name="示例区"), cells)
    >>> gk.dashboard_map(plan, cases).title
    '示例区网格治理一张图'
    """
    spoken, seen_by = require_lang(lang), require_audience(audience)
    require_zone(tz)
    cells = cells_at(plan.cells).reset_index(drop=True)
    require_cells(cells, plan.district, audience)
    if "area_m2" not in cells.columns:
        cells["area_m2"] = area_m2(cells.geometry)
    cases = _cases(ledger, cells)
    now = latest(cases) if at is None else pd.Timestamp(require_instant(at))
    cases = _until(cases, now)
    if title is None:
        title = say("publishing.dash_title", spoken, name=plan.district.name).strip()
    m, canvas = begin_map(cells, plan.district, lang, title, None)
    grid = grid_of(canvas.area)
    if bandwidth_m < grid.lattice.bin_m:
        what = {"bandwidth": bandwidth_m, "bin": grid.lattice.bin_m}
        raise OptionError(*message("publishing.dash_bandwidth", **what))
    areas = canvas.add_areas(figures={}, posts=plan.posts, roster=plan.roster, audience=audience)
    spans = timeline(_times(cases), now, tz)
    events = events_of(
        cases, cells, grid, at=now, spans=spans, names=_category_names(spoken), lang=spoken, tz=tz
    )
    shown = mask_events(events, audience=seen_by)
    told = Period.parse(period, tz=tz) if isinstance(period, str) else period
    glance = Glance(
        cases,
        plan.district,
        period=told or default_period(now, spans.step, tz),
        at=now,
        lang=spoken,
        audience=seen_by,
    )
    doc = m.block.doc
    doc["views"] = _views(areas, cells, spoken)
    doc["views"] += _hot(cells, shown, areas, spoken, seen_by)
    doc["dash"] = {
        **_measured(canvas, grid, cells, shown, bandwidth_m),
        "events": pack_events(m.block, shown, len(cells)),
        "spans": {"labels": spans.labels, "step": spans.step, "older": spans.older},
        "categories": shown.categories,
        "bandwidth_m": bandwidth_m,
        "bounds": _bounds(canvas, cells, spoken),
        "belongs": {c: m.block.add_words(texts(cells[c])) for c in _AREAS if c in cells.columns},
        "glance": _glance(glance, spoken),
        "late": _late(canvas, cases, cells, now, seen_by, tz),
        "words": dashboard_words(spoken, spans.step),
        "open": seen_by != "public",
    }
    method = say("publishing.dash_method", spoken, bandwidth=bandwidth_m, bin=grid.lattice.bin_m)
    doc["head"] = [_as_of(now, tz, spoken)]
    doc["head"].append(say("publishing.dash_shown", spoken, n=f"{len(cases):,}"))
    masked = _masked(shown, seen_by, spoken)
    days = _days(cases, tz)
    finish_map(m, canvas, audience, review_no, period=days, method=method, masked=masked)
    return m


def _cases(ledger: Ledger | gpd.GeoDataFrame, cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    table = ledger.cases() if isinstance(ledger, Ledger) else ledger
    CASES.check(table, source="cases")
    same_crs(table, cells, what="cases, cells")
    return gpd.GeoDataFrame(with_areas(without_voided(table), cells))


def _until(cases: gpd.GeoDataFrame, now: pd.Timestamp | None) -> gpd.GeoDataFrame:
    """Return the cases that were there at a time."""
    if now is None or "reported_at" not in cases.columns:
        return cases.reset_index(drop=True)
    there = cases["reported_at"].isna() | (cases["reported_at"] <= now)
    return cases[there].reset_index(drop=True)


def _times(cases: pd.DataFrame) -> pd.Series[Any]:
    if "reported_at" in cases.columns:
        times: pd.Series[Any] = cases["reported_at"]
        return times
    return pd.Series(pd.NaT, cases.index, dtype="datetime64[us, UTC]")


def _category_names(lang: Lang) -> dict[str, str]:
    return {code: category.name(lang) for code, category in load_categories().items()}


def _views(areas: int, cells: gpd.GeoDataFrame, lang: Lang) -> list[dict[str, Any]]:
    """Return what can be shown; the page works out the figures of each."""
    per_km2 = say("publishing.dash_per_km2", lang)
    blank = {"areas": areas, "values": [], "index": [], "breaks": [], "range": [], "none": NO_DATA}
    heat = {**blank, "kind": "heat", "measure": "per_km2", "unit": per_km2}
    heat |= {"label": say("publishing.map_heat", lang), "ramp": ramp(DENSITY, RAMP_COLOURS)}
    heat["colours"] = ramp(DENSITY, CLASSES)
    plain = {**blank, "kind": "cells", "measure": "per_km2", "label": per_km2}
    views = [heat, {**plain, "colours": ramp(DENSITY, CLASSES)}]
    if "load" in cells.columns and (cells["load"].fillna(0) > 0).any():
        rate = {"measure": "rate", "label": say("publishing.dash_rate", lang)}
        views.append({**plain, **rate, "colours": ramp(FIGURES, CLASSES)})
    change = {"measure": "change", "label": say("publishing.dash_change", lang)}
    return [*views, {**plain, **change, "colours": list(CHANGE)}]


def _hot(
    cells: gpd.GeoDataFrame, events: Events, areas: int, lang: Lang, audience: Audience
) -> list[dict[str, Any]]:
    """Return the view of hot spots, where there are cells enough to speak of."""
    if len(cells) < 2 or not len(events.cell):
        return []
    counts = np.bincount(events.cell[events.cell >= 0], minlength=len(cells))
    found = hotspots(cells, pd.Series(counts / (cells["area_m2"] / 1e6), cells.index))
    return [hotspot_view(found, areas, lang, audience)]


def _measured(
    canvas: Canvas, grid: Grid, cells: gpd.GeoDataFrame, events: Events, bandwidth_m: float
) -> dict[str, Any]:
    """Return the squares, their land and the prior of the rates of cells."""
    found: dict[str, Any] = {
        "grid": {
            "nx": grid.lattice.nx,
            "ny": grid.lattice.ny,
            "bin_m": grid.lattice.bin_m,
            "to_screen": grid.to_screen.ravel().tolist(),
            "land": canvas.block.add(land_of(grid, bandwidth_m)),
        },
    }
    if "load" in cells.columns:
        base = pd.to_numeric(cells["load"]).to_numpy(dtype=float, na_value=0.0)
        there = base > 0
        if there.any():
            counts = np.bincount(events.cell[events.cell >= 0], minlength=len(cells))
            shape, _ = gamma_prior(counts[there].astype(float), base[there])
            found["prior"] = shape
    return found


def _bounds(canvas: Canvas, cells: gpd.GeoDataFrame, lang: Lang) -> list[dict[str, Any]] | None:
    """Return what bounds each cell in the east, south, west and north."""
    district = canvas.district
    streets = None if district is None else district.streets
    if district is None or streets is None or "name" not in streets.columns:
        return None
    sides = side_names(
        cells, streets, water=district.water, communities=district.communities, lang=lang
    )
    return [canvas.block.add_words(texts(sides[side])) for side in sides.columns]


def _glance(glance: Glance, lang: Lang) -> dict[str, Any]:
    period = glance.period
    named = "" if period is None else period.name
    return {
        "period": say("publishing.dash_period", lang, period=named) if named else "",
        "cards": glance.cards(),
        "worse": glance.worse(),
        "owes": glance.owes(),
        "columns": glance.columns(),
        "ranking": glance.ranking(),
    }


def _late(
    canvas: Canvas,
    cases: gpd.GeoDataFrame,
    cells: gpd.GeoDataFrame,
    now: pd.Timestamp | None,
    audience: Audience,
    tz: str,
) -> dict[str, Any] | None:
    """Return the cases longest overdue; not for the public."""
    rows = None if now is None else counted(cases, "overdue_open", at=now)
    if audience == "public" or rows is None:
        return None
    late = cases[rows].sort_values(["dispose_due_at", "case_id"]).head(MOST_LATE)
    names = _category_names(canvas.lang)
    days = (now - late["dispose_due_at"]).dt.total_seconds() / 86_400
    blank = pd.Series("", late.index)
    place = late.get("address", blank)
    codes = pd.Series(range(len(cells)), cells["cell_code"].astype("str"))
    cell = codes.reindex(late.get("cell_code", blank).astype("str")).fillna(-1)
    return {
        "n": int(rows.sum()),
        "case": texts(late["case_id"]),
        "category": [names.get(code, code) for code in texts(late.get("category", blank))],
        "unit": texts(late.get("responsible_unit", blank)),
        "place": texts(place if audience == "internal" else mask_text(place)),
        "due": texts(late["dispose_due_at"].dt.tz_convert(tz).dt.strftime("%Y-%m-%d %H:%M")),
        "days": [round(float(d), 1) for d in days],
        "cell": [int(c) for c in cell],
    }


def _as_of(now: pd.Timestamp | None, tz: str, lang: Lang) -> str:
    if now is None:
        return say("publishing.dash_no_cases", lang)
    return say("publishing.dash_as_of", lang, at=f"{now.tz_convert(tz):%Y-%m-%d %H:%M}")


def _days(cases: pd.DataFrame, tz: str) -> str | None:
    """Return the first and last day of the cases."""
    times = _times(cases).dropna()
    if times.empty:
        return None
    first, last = (t.tz_convert(tz) for t in (times.min(), times.max()))
    return f"{first:%Y-%m-%d} – {last:%Y-%m-%d}"


def _masked(events: Events, audience: Audience, lang: Lang) -> list[str]:
    lines = [say("publishing.dash_squares", lang)]
    if audience == "public":
        lines.append(say("publishing.dash_withheld", lang, n=f"{events.withheld:,}"))
    return lines
