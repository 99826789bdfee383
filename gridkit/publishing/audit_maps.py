"""What was found in a file of reports, as a map: every rule beside it, every row in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from ..errors import SchemaError
from ..messages import message, require_lang, say
from .finding_maps import findings_map

if TYPE_CHECKING:
    from ..intake.district import District
    from ..intake.reports import Intake
    from .offline import GridMap

__all__ = ["audit_map"]

AROUND_M = 20_000.0
"""Places farther from the district are in the list, not on the map."""


def audit_map(
    intake: Intake, *, district: District | None = None, lang: str = "zh", title: str | None = None
) -> GridMap:
    """Return a map of what `read_reports` found, to be saved as one page.

    Parameters
    ----------
    intake : Intake
    district : District, optional
        As it was given to `read_reports`: outline, communities and base map. Without it the frame
        around the accepted reports is drawn.
    lang : {"zh", "en"}
        Of the page; the sentences in the findings are shown as they are.
    title : str, optional

    Returns
    -------
    GridMap
        Saved by :func:`save_map`. Rows more than 20 km from the district are listed and not drawn.

    Raises
    ------
    SchemaError
        Without a district there is no accepted report with a position to draw around.

    Examples
    --------
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> table = pd.DataFrame({"id": ["a", "b"], "lon": [2.35, 2.36], "lat": [48.86, 48.87]})
    >>> gk.audit_map(gk.read_reports(table), lang="en").title
    'Audit of the reports'
    """
    spoken = require_lang(lang)
    areas = _areas(intake, district)
    around = shapely.box(*areas.total_bounds).buffer(AROUND_M)
    places = intake.findings.geometry.to_numpy()
    near = [_points_in(place, around) for place in places]
    findings = intake.findings.assign(codes="").set_geometry(
        gpd.GeoSeries(near, index=intake.findings.index, crs=intake.findings.crs)
    )
    if title is None:
        name = "" if district is None else district.name
        title = say("publishing.audit_title", spoken, name=name).strip()
    return findings_map(areas, findings, district=district, lang=lang, title=title, counted="rows")


def _areas(intake: Intake, district: District | None) -> gpd.GeoDataFrame:
    """Return what lies beneath: the communities, the outline, or a frame."""
    if district is not None and district.communities is not None and len(district.communities):
        codes = district.communities["community_code"].astype("str")
        shapes = district.communities.geometry
    elif district is not None:
        shapes = district.boundary.geometry
        codes = [district.name or "–"] * len(shapes)
    else:
        placed = intake.reports[~intake.reports.geometry.is_empty]
        if placed.empty:
            raise SchemaError(*message("publishing.audit_nowhere"))
        frame = shapely.box(*placed.total_bounds).buffer(100.0, join_style="mitre")
        shapes, codes = gpd.GeoSeries([frame], crs=intake.reports.crs), ["–"]
    return gpd.GeoDataFrame({"cell_code": list(codes)}, geometry=list(shapes), crs=shapes.crs)


def _points_in(place: shapely.Geometry | None, around: shapely.Geometry) -> shapely.Geometry | None:
    """Return the points of a finding that lie near; None where there are none."""
    if place is None:
        return None
    points = shapely.get_parts(np.array([place], dtype=object))
    inside = points[shapely.intersects(around, points)]
    return shapely.MultiPoint(list(inside)) if len(inside) else None
