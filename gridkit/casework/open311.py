"""Cases as Open311 GeoReport v2, the form in which cities publish service requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ..files import atomic_path
from ..messages import require_lang
from ..privacy import mask_points, mask_text, require_audience
from ..rules import load_categories
from .process import load_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..errors import Lang
    from ..privacy import Audience
    from ..rules import Category
    from .process import Process

__all__ = ["open311_requests", "open311_services", "write_open311"]


def open311_requests(
    cases: gpd.GeoDataFrame,
    *,
    categories: Mapping[str, Category] | None = None,
    process: Process | None = None,
    audience: str = "public",
    lang: Lang = "zh",
) -> list[dict[str, Any]]:
    """Return cases as service requests of Open311 GeoReport v2.

    Parameters
    ----------
    cases : GeoDataFrame
        Table ``cases``, in a CRS in metres.
    categories : mapping of code → Category, optional
        `load_categories` by default.
    process : Process, optional
        That of the ledger; the standard one by default.
    audience : {"internal", "leaders", "public"}
        Open311 is read by everybody: for the public, texts and addresses are left out and points
        stand in the middle of squares of 50 m; leaders see texts with phone numbers masked.
    lang : {"zh", "en"}
        Of names.

    Returns
    -------
    list of dict
        The fields of the specification, each one in each request, null where there is nothing:
        ``status`` is ``open`` or ``closed``, ``status_notes`` the name of the stage,
        ``expected_datetime`` when disposal is due, ``agency_responsible`` the responsible unit;
        ``lat`` and ``long`` are WGS84.

    Raises
    ------
    OptionError
        An unknown language or audience.

    See Also
    --------
    read_reports : reads the answer of an Open311 server.

    References
    ----------
    GeoReport API v2, wiki.open311.org.

    Examples
    --------
    >>> import geopandas as gpd, pandas as pd
    >>> from shapely import Point
    >>> import gridkit as gk
    >>> cases = gpd.GeoDataFrame(
    ...     {"case_id": ["C1"], "stage": ["closed"], "category": ["E0405"]},
    ...     geometry=[Point(620_010, 4_150_010)],
    ...     crs=4549,
    ... )
    >>> request = gk.open311_requests(cases)[0]
    >>> request["status"], request["service_name"], request["lat"]
    ('closed', '店外经营', 37.474394)
    """
    lang = require_lang(lang)
    seen_by = require_audience(audience)
    known = load_categories() if categories is None else categories
    way = load_process() if process is None else process
    lon, lat = _degrees(cases, seen_by)
    rows = cases.drop(columns=cases.geometry.name).to_dict("records")
    return [
        _request(row, x, y, known, way, seen_by, lang)
        for row, x, y in zip(rows, lon, lat, strict=True)
    ]


def _degrees(cases: gpd.GeoDataFrame, audience: Audience) -> tuple[list[Any], list[Any]]:
    shown = mask_points(cases.geometry.to_numpy(), audience=audience)
    points = gpd.GeoSeries(shown, crs=cases.crs)
    degrees = points.to_crs(4326)
    listed = (degrees.x.round(6), degrees.y.round(6))
    lon, lat = ([None if np.isnan(v) else float(v) for v in values] for values in listed)
    return lon, lat


def _request(
    case: Mapping[Any, Any],
    lon: float | None,
    lat: float | None,
    known: Mapping[str, Category],
    process: Process,
    audience: Audience,
    lang: Lang,
) -> dict[str, Any]:
    code = _said(case, "category")
    stage = process.stages.get(str(case["stage"]))
    category = known.get(code or "")
    name = (category.name(lang) if category else code) or None
    told = {c: None if audience == "public" else _said(case, c) for c in ("text", "address")}
    if audience == "leaders":
        told = {c: mask_text(value) for c, value in told.items()}
    return {
        "service_request_id": str(case["case_id"]),
        "status": "open" if stage is None or stage.open else "closed",
        "status_notes": None if stage is None else stage.zh if lang == "zh" else stage.en,
        "service_name": name,
        "service_code": code,
        "description": told["text"],
        "agency_responsible": _said(case, "responsible_unit"),
        "service_notice": None,
        "requested_datetime": _time(case, "reported_at"),
        "updated_datetime": _time(case, "closed_at") or _time(case, "moved_at"),
        "expected_datetime": _time(case, "dispose_due_at"),
        "address": told["address"],
        "address_id": None,
        "zipcode": None,
        "lat": lat,
        "long": lon,
        "media_url": None,
    }


def _said(case: Mapping[Any, Any], column: str) -> str | None:
    value = case.get(column)
    return None if value is None or pd.isna(value) or value == "" else str(value)


def _time(case: Mapping[Any, Any], column: str) -> str | None:
    value = case.get(column)
    if value is None or pd.isna(value):
        return None
    return pd.Timestamp(value).isoformat(timespec="seconds")


def open311_services(
    categories: Mapping[str, Category] | None = None, *, lang: Lang = "zh"
) -> list[dict[str, Any]]:
    """Return categories as the service list of Open311 GeoReport v2.

    Examples
    --------
    >>> import gridkit as gk
    >>> services = gk.open311_services(lang="en")
    >>> services[0]["service_code"], services[0]["type"], services[0]["metadata"]
    ('C0101', 'realtime', False)
    """
    lang = require_lang(lang)
    known = load_categories() if categories is None else categories
    return [
        {
            "service_code": code,
            "service_name": category.name(lang),
            "description": "; ".join(r.condition for r in category.rules if r.condition) or None,
            "metadata": False,
            "type": "realtime",
            "keywords": category.kind,
            "group": category.class_zh if lang == "zh" else category.class_en,
        }
        for code, category in known.items()
    ]


def write_open311(
    folder: str | Path,
    cases: gpd.GeoDataFrame,
    *,
    categories: Mapping[str, Category] | None = None,
    process: Process | None = None,
    audience: str = "public",
    lang: Lang = "zh",
) -> list[Path]:
    """Write ``requests.json`` and ``services.json`` of Open311 GeoReport v2.

    Parameters
    ----------
    folder : path
        Made when it is missing.
    cases, categories, process, audience, lang
        As in `open311_requests`.

    Returns
    -------
    list of path

    Raises
    ------
    FileError
        The files cannot be written.
    OptionError
        An unknown language or audience.

    Examples
    --------
    >>> import tempfile
    >>> import geopandas as gpd
    >>> import gridkit as gk
    >>> cases = gpd.GeoDataFrame({"case_id": ["C1"], "stage": ["filed"]}, geometry=[None], crs=4549)
    >>> [path.name for path in gk.write_open311(tempfile.mkdtemp(), cases)]
    ['requests.json', 'services.json']
    """
    told = {
        "requests": open311_requests(
            cases, categories=categories, process=process, audience=audience, lang=lang
        ),
        "services": open311_services(categories, lang=lang),
    }
    written = []
    for name, records in told.items():
        target = Path(folder) / f"{name}.json"
        with atomic_path(target) as temporary:
            temporary.write_text(json.dumps(records, ensure_ascii=False, indent=1), "utf-8")
        written.append(target)
    return written
