"""The heat map: reports per km² or per 100 households, of all or by time and category."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..crs import same_crs
from ..errors import OptionError, SchemaError
from ..evaluation.heat import densities, values_of
from ..evaluation.heat import density as density_of
from ..evaluation.rates import cell_counts
from ..evaluation.smoothing import smooth_rates
from ..location.locator import Locator
from ..messages import message, require_lang, say
from ..privacy import FEWEST, mask_counts, mask_points, require_audience, with_second
from ..rules import load_categories
from .classes import Classes, classify, heat_stops
from .content import count_text, figures_of, short, texts
from .maps import RAMP_COLOURS, begin_map, cell_view, finish_map, require_cells
from .palette import DENSITY, ramp
from .raster import draw_density, shade

if TYPE_CHECKING:
    from ..errors import Lang
    from ..evaluation.heat import Density
    from ..intake.district import District
    from ..privacy import Audience
    from .content import Canvas
    from .offline import GridMap

__all__ = ["heat_map"]

PER = ("km2", "households")


def heat_map(
    located: gpd.GeoDataFrame,
    cells: gpd.GeoDataFrame,
    *,
    district: District | None = None,
    posts: pd.DataFrame | None = None,
    roster: pd.DataFrame | None = None,
    scores: pd.DataFrame | None = None,
    density: Density | None = None,
    bandwidth_m: float | None = None,
    by: str | None = None,
    per: str = "km2",
    lang: str = "zh",
    audience: str = "leaders",
    title: str | None = None,
    review_no: str | None = None,
    m: GridMap | None = None,
) -> GridMap:
    """Return a heat map of located reports: density, over the cells and their people.

    Cells are coloured by reports per km² or by rate, never by raw counts; heat and cells share
    one scale. The text of reports is not put into the page.

    Parameters
    ----------
    located : GeoDataFrame
        Of :func:`locate`, in the CRS of the cells. Reports with a cell and a place are shown.
    cells : GeoDataFrame
        Satisfies the cells schema, in a CRS in metres.
    district : District, optional
        Gives the base map and the border at which the density is corrected; without it the
        union of the cells is the border.
    posts, roster, scores : DataFrame, optional
        As in :func:`cell_map`.
    density : Density, optional
        A ready density to draw; by default it is computed from `located`.
    bandwidth_m : float, optional
        For the density that is computed; the default is that of :func:`density`.
    by : str, optional
        One heat for each value besides that of all, on one scale: a column, or ``month``,
        ``weekday``, ``hour``, ``slot`` or ``day_kind``, as in :func:`densities`.
    per : {"km2", "households"}
        Per km², or per 100 households of ``district.buildings``: where more people live, more is
        reported. Cells are then coloured by the rate of :func:`smooth_rates`.
    lang, audience, title, review_no, m
        As in :func:`cell_map`.

    Returns
    -------
    GridMap

    Raises
    ------
    SchemaError, CRSError, GeometryError, OptionError
        As in :func:`cell_map`; `located` in another CRS or without ``cell_code``; both
        `density` given with `bandwidth_m`, `by` or `per`, or for the public; no buildings with
        ``households``.

    Notes
    -----
    The density is taken from the working grid to a Web-Mercator grid pixel by pixel (bilinear),
    so that it lies true under the cells. The scale's breaks are quantiles of the density over
    the area, rounded. For the public, places are moved into the middle of squares of 50 m, and
    reports of cells with fewer than five are left out, by `by` also parts of a cell with fewer
    than five.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import shapely
    >>> import gridkit as gk
    >>> square = shapely.box(500_000, 4_150_000, 501_000, 4_151_000)
    >>> cells = gpd.GeoDataFrame({"cell_code": ["001"]}, geometry=[square], crs=4549)
    >>> located = gpd.GeoDataFrame(
    ...     {"report_id": ["1"], "cell_code": ["001"]},
    ...     geometry=gpd.points_from_xy([500_400], [4_150_500]),
    ...     crs=4549,
    ... )
    >>> heat = gk.heat_map(located, cells, lang="en", title="One report")
    >>> heat.title
    'One report'
    """
    require_cells(cells, district, audience)
    same_crs(located, cells, what="located")
    homes = _homes(district, per)
    if density is not None and (bandwidth_m is not None or by is not None or per != "km2"):
        raise OptionError(*message("publishing.map_two_densities"))
    seen_by = require_audience(audience)
    if density is not None and seen_by == "public":
        raise OptionError(*message("publishing.map_public_density"))
    counts = cell_counts(located, cells)
    counts["shown"] = _seen(counts["n"], seen_by)
    if m is None and title is None:
        name = "" if district is None else district.name
        title = say("publishing.map_heat_title", require_lang(lang), name=name).strip()
    m, canvas = begin_map(cells, district, lang, title, m)
    shown, withheld = _shown(located, counts, seen_by)
    options: dict[str, Any] = {"within": canvas.area, "households": homes}
    if bandwidth_m is not None:
        options["bandwidth_m"] = bandwidth_m
    heats = {"": density_of(shown, **options) if density is None else density}
    if by is not None:
        known, unsaid = _parted(shown, by, seen_by)
        heats |= densities(known, by, **options)
    codes = texts(cells["cell_code"])
    told = _told(counts["n"], counts["shown"])
    figures = {say("publishing.map_reports", canvas.lang): told}
    figures |= figures_of(scores, codes, canvas.lang, audience=seen_by)
    areas = canvas.add_areas(figures=figures, posts=posts, roster=roster, audience=audience)
    views = m.block.doc.setdefault("views", [])
    views += _views(m, canvas, heats, areas, _cell_figures(counts, cells, homes), by)
    m.block.doc["summary"] = _summary(located, canvas.lang, seen_by)
    masked = []
    if seen_by == "public":
        masked.append(say("publishing.dash_squares", canvas.lang))
        masked.append(say("publishing.heat_withheld", canvas.lang, n=f"{withheld:,}"))
        if by is not None:
            masked.append(say("publishing.heat_parts_withheld", canvas.lang, n=f"{unsaid:,}"))
    finish_map(
        m,
        canvas,
        audience,
        review_no,
        period=_days(shown),
        n=len(shown),
        method=heats[""].describe(canvas.lang),
        masked=masked,
    )
    return m


def _homes(district: District | None, per: str) -> gpd.GeoDataFrame | None:
    """Return the buildings whose households are the base, where they are asked for."""
    if per not in PER:
        choices = ", ".join(PER)
        raise OptionError(*message("options.unknown", name="per", value=per, choices=choices))
    if per == "km2":
        return None
    buildings = None if district is None else district.buildings
    if buildings is None or "households" not in buildings.columns:
        raise SchemaError(*message("publishing.heat_no_households"))
    return buildings


def _seen(n: pd.Series[Any], audience: Audience) -> pd.Series[Any]:
    """Return the counts of cells that an audience may see, two withheld at least, or none."""
    seen = mask_counts(n, audience=audience)
    return seen.mask(with_second(n, seen.isna()))


def _told(n: pd.Series[Any], seen: pd.Series[Any]) -> list[str]:
    """Return counts as printed; one withheld only for the sake of another is not called small."""
    pairs = zip(n, seen, strict=True)
    return ["–" if pd.isna(told) and k >= FEWEST else count_text(told) for k, told in pairs]


def _shown(
    located: gpd.GeoDataFrame, counts: pd.DataFrame, audience: Audience
) -> tuple[gpd.GeoDataFrame, int]:
    """Return the placed reports that an audience may see, and how many it may not."""
    geometry = located.geometry.to_numpy()
    placed = located["cell_code"].notna() & ~shapely.is_missing(geometry) & ~located.is_empty
    shown = located[placed.to_numpy()]
    if audience != "public":
        return shown, 0
    few = counts.loc[counts["shown"].isna(), "cell_code"]
    kept = shown[~shown["cell_code"].isin(few)]
    places = mask_points(kept.geometry.to_numpy(), audience=audience)
    moved = kept.set_geometry(gpd.GeoSeries(places, kept.index, crs=kept.crs))
    return moved, len(shown) - len(kept)


def _parted(shown: gpd.GeoDataFrame, by: str, audience: Audience) -> tuple[gpd.GeoDataFrame, int]:
    """Return the reports that an audience may see by parts, and how many it may not.

    Of a cell the public sees no part with fewer than five, nor a part that the sum would tell.
    """
    if audience != "public" or shown.empty:
        return shown, 0
    parts = values_of(shown, by)
    table = pd.crosstab(shown["cell_code"], parts)
    few = {
        (cell, part)
        for cell, row in table.iterrows()
        for part in row.index[with_second(row, (row > 0) & (row < FEWEST))]
    }
    hidden = [pair in few for pair in zip(shown["cell_code"], parts, strict=True)]
    return shown[~np.array(hidden)], sum(hidden)


def _cell_figures(
    counts: pd.DataFrame, cells: gpd.GeoDataFrame, homes: gpd.GeoDataFrame | None
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return reports per km² or per 100 households of each cell; NaN where withheld or unknown."""
    hidden = counts["shown"].isna().to_numpy()
    if homes is None:
        figures = counts["per_km2"].to_numpy(dtype=float)
    else:
        places = shapely.get_coordinates(shapely.point_on_surface(homes.geometry.to_numpy()))
        cell = Locator(cells).locate_xy(*np.ascontiguousarray(places.T))
        lived = pd.to_numeric(homes["households"]).to_numpy(dtype=float, na_value=0.0)
        base = np.bincount(cell[cell >= 0], lived[cell >= 0], minlength=len(cells))
        rates = smooth_rates(counts["n"], pd.Series(base, counts.index))
        figures = rates["smoothed"].to_numpy(dtype=float)
    return np.where(hidden, np.nan, figures)


def _views(
    m: GridMap,
    canvas: Canvas,
    heats: dict[str, Density],
    areas: int,
    figures: np.ndarray[Any, np.dtype[np.float64]],
    by: str | None,
) -> list[dict[str, Any]]:
    """Return the heats, those of parts on one scale, and the cells on that of the whole."""
    lang, per_km2 = canvas.lang, heats[""].unit == "per_km2"
    parts = list(heats.values())[1:] or [heats[""]]
    scale = heat_stops(np.concatenate([np.ravel(part.values) for part in parts]))
    whole = heat_stops(heats[""].values)
    label = (
        say("publishing.map_per_km2", lang) if per_km2 else say("publishing.map_per_homes", lang)
    )
    if whole:
        classes = classify(figures, breaks=whole[1:-1])
    else:
        classes = Classes((), np.full(len(figures), -1), np.nan, np.nan)
    cells = cell_view(label, areas, figures, classes, DENSITY)
    heat = say("publishing.map_heat", lang)
    views = []
    for value, part in heats.items():
        name = f"{heat} · {_value_name(by, value, lang)}" if value else heat
        view = {**cells, "kind": "heat", "label": name, "unit": label}
        views.append({**view, **_picture(m, canvas, part, scale if value else whole)})
    return [*views, cells]


def _picture(m: GridMap, canvas: Canvas, density: Density, stops: list[float]) -> dict[str, Any]:
    """Return the picture of one density; nothing where there is no heat at all."""
    if not stops:
        return {}
    picture = draw_density(density, canvas.bounds)
    height, width = picture.values.shape  # noqa: PD011 - an Image
    image = {
        "part": m.block.add(shade(picture.values, stops)),
        "width": width,
        "height": height,
        "bounds": [picture.west, picture.south, picture.east, picture.north],
    }
    shown = [short(s) for s in stops]
    return {"image": image, "stops": shown, "ramp": ramp(DENSITY, RAMP_COLOURS)}


def _value_name(by: str | None, value: str, lang: Lang) -> str:
    """Return what a part is called: a category's, weekday's or slot's name, else the value."""
    if by == "category":
        known = load_categories().get(value)
        return value if known is None else known.name(lang)
    if by == "weekday":
        return say("publishing.facet_weekdays", lang).split()[int(value) - 1]
    if by == "hour":
        return f"{int(value):02}:00"
    words = {
        "day": say("publishing.facet_day", lang),
        "night": say("publishing.facet_night", lang),
        "workday": say("publishing.facet_workday", lang),
        "weekend": say("publishing.facet_weekend", lang),
        "holiday": say("publishing.facet_holiday", lang),
    }
    return words.get(value, value) if by in ("slot", "day_kind") else value


def _summary(located: gpd.GeoDataFrame, lang: Lang, audience: Audience) -> list[list[str]]:
    """Return how many reports were located in which way, as printed."""
    labels = {
        "inside": say("publishing.located_inside", lang),
        "border": say("publishing.located_border", lang),
        "near": say("publishing.located_near", lang),
        "address": say("publishing.located_address", lang),
        "outside": say("publishing.located_outside", lang),
        "unlocated": say("publishing.located_unlocated", lang),
    }
    rows = [[say("publishing.located_all", lang), f"{len(located):,}"]]
    if "located_by" in located.columns:
        counts = located["located_by"].value_counts()
        told = _told(counts, _seen(counts, audience))
        found = dict(zip(map(str, counts.index), told, strict=True))
        rows += [[labels[k], found[k]] for k in labels if k in found]
    return rows


def _days(shown: gpd.GeoDataFrame) -> str | None:
    """Return the first and last day of the reports shown."""
    if "reported_at" not in shown.columns or shown["reported_at"].isna().all():
        return None
    first, last = shown["reported_at"].min(), shown["reported_at"].max()
    return f"{first:%Y-%m-%d} – {last:%Y-%m-%d}"
