"""Report files in; sound reports, quarantined rows and what was found out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..calendar import require_zone
from ..errors import CRSError, GridkitError, SchemaError
from ..messages import message, require_lang
from ..rules import load_categories
from ..tables import QUARANTINED, REPORTS
from .audit import Finding, findings_table, quarantined_table, unusable
from .columns import blank, choose_profile, match_columns, rename_columns, with_closing
from .coordinates import place
from .fields import categorise, number_reports, text_findings, type_fields
from .readers import MORE_FIELDS, open_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pyproj
    from numpy.typing import NDArray

    from ..errors import Lang
    from ..rules import Category
    from .coordinates import Places
    from .district import District

__all__ = ["Intake", "read_reports"]

_PLACE_COLUMNS = ("longitude", "latitude", "datum")


@dataclass(frozen=True)
class Intake:
    """What came of a report file: every row is in one of the first two tables.

    Attributes
    ----------
    reports : GeoDataFrame
        Rows that can be used, as the table ``reports``, in a CRS in metres; columns of the file
        that are not understood stay behind them as they are.
    quarantined : DataFrame
        The other rows with row, line of the file, rule, column, value and remedy, then the columns
        of the file with their own headers: written to a file, corrected there, it is read again
        as it is.
    findings : GeoDataFrame
        What was found, as the table ``findings``; ``codes`` are the first row numbers, 1 for
        the first row of data.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit.intake.reports import read_reports
    >>> table = pd.DataFrame({"id": ["a", "b"], "lon": [2.35, 0.0], "lat": [48.86, 0.0]})
    >>> intake = read_reports(table, lang="en")
    >>> len(intake.reports), intake.quarantined[["row", "rule"]].values.tolist()
    (1, [[2, 'ZERO_ISLAND']])
    >>> intake.findings["rule"].tolist()
    ['COLUMNS', 'ZERO_ISLAND']
    """

    reports: gpd.GeoDataFrame
    quarantined: pd.DataFrame
    findings: gpd.GeoDataFrame


def read_reports(
    source: str | Path | pd.DataFrame,
    *,
    profile: str = "auto",
    datum: str | None = None,
    swap_axes: bool = False,
    district: District | None = None,
    tz: str = "Asia/Shanghai",
    crs: Any = None,
    columns: Mapping[str, str] | None = None,
    layer: str | None = None,
    encoding: str | None = None,
    categories: Mapping[str, Category] | None = None,
    lang: Lang = "zh",
) -> Intake:
    """Read reports from a file or a table and audit every row.

    Nothing is dropped, swapped, shifted or filled silently. These rows go to quarantine:

    ==================== =======================================================================
    SHIFTED_FIELDS       a line of text with more or fewer fields than the header
    NO_PLACE             neither coordinates nor an address
    BAD_COORDINATE       one coordinate only, text that is no number, a shape that is no point
    ZERO_ISLAND          (0, 0), within 0.001°
    SWAPPED              longitude and latitude exchanged: the point is out of range, far from the
                         district, or where nobody lives, and the exchange brings it there
    METRES               metres or feet of a plane among degrees
    OUT_OF_RANGE         beyond ±180° or ±90°
    PLACEHOLDER          one far point on five rows or more, which stands for "unknown"
    FAR_OUTSIDE          more than 20 km from the district; nearer ones stay, for `locate` to judge
    UNKNOWN_DATUM        the row names a datum that nobody knows, or none where one is needed
    BAD_TIME             a time that cannot be read, before 1900 or after 2199
    BAD_NUMBER           a number that cannot be read
    CLOSED_BEFORE_REPORTED
    REPEATED_ID          the number of an earlier sound row
    ==================== =======================================================================

    Parameters
    ----------
    source : path, DataFrame or GeoDataFrame
        CSV or TSV (byte-order mark, else UTF-8, else GB18030), XLSX, XLS, Parquet, GeoParquet,
        GeoPackage, GeoJSON, Shapefile (also packed), FlatGeobuf, or JSON of an Open311 server.
    profile : {"auto", "generic", "open311", "nyc311", "chicago", "zh_ledger"}
        Kind of file (``standards/report_profiles.toml``); by default known by its headers.
    datum : {"wgs84", "cgcs2000", "gcj02", "bd09"}, optional
        Datum of rows that name none in a column 坐标系. By default WGS84 outside China; inside,
        where a wrong one moves points by hundreds of metres, there is no default. A table of
        shapes in a plane CRS or CGCS2000 is believed; one in plain EPSG:4326 is not, because
        files from Chinese web maps say that of GCJ-02, too.
    swap_axes : bool
        Exchange longitude and latitude of all rows: for a file found ``SWAPPED``.
    district : District, optional
        Finds far and swapped points; its CRS is that of the result.
    tz : str
        Zone of times that have none, and of all times of the result.
    crs : anything pyproj understands, optional
        CRS of the result; by default the district's, else the one that `suggest_crs` names.
    columns : mapping of header → column, optional
        Where the headers are not understood (``standards/report_columns.toml``) or wrongly.
        Besides the columns of ``reports``: ``longitude``, ``latitude``, ``datum``.
    layer : str, optional
        Layer or sheet; needed where the file has several.
    encoding : str, optional
        Of a text file; by default the byte-order mark, else UTF-8, else GB18030.
    categories : mapping of code → Category, optional
        By default `load_categories`. Names in Chinese or English become codes; an unknown
        category stays as written and is found.
    lang : {"zh", "en"}
        Language of the remedies.

    Returns
    -------
    Intake
        ``len(reports) + len(quarantined)`` is the number of rows of the file.

    Raises
    ------
    FileError
        Missing, unreadable, of unknown format or encoding, several layers or sheets.
    SchemaError
        No row, or none that can be used (the reasons are counted); a wrong `columns`.
    CRSError
        Points in China without a datum; an unknown datum; a table of shapes without CRS; an
        unusable `crs`, or no position to choose one by.
    OptionError
        Unknown `tz` or `lang`.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit.intake.reports import read_reports
    >>> table = pd.DataFrame(
    ...     {
    ...         "上报编号": ["1", "2"],
    ...         "上报时间": ["2025/3/1 8:30", "2025/3/1 9:10"],
    ...         "问题类别": ["店外经营", "店外经营"],
    ...         "经度": ["121.39", "37.54"],
    ...         "纬度": ["37.54", "121.39"],
    ...     }
    ... )
    >>> intake = read_reports(table, datum="gcj02")
    >>> intake.reports[["report_id", "category"]].values.tolist()
    [['1', 'E0405']]
    >>> intake.quarantined[["row", "rule"]].values.tolist()
    [[2, 'SWAPPED']]
    """
    lang = require_lang(lang)
    require_zone(tz)
    raw, name, shifted, lines = open_table(source, layer=layer, encoding=encoding)
    raw = _without_remarks(raw)
    if MORE_FIELDS in raw.columns:
        shifted = shifted | ~blank(raw[MORE_FIELDS]).to_numpy(bool)
    if raw.empty:
        raise SchemaError(*message("intake.no_rows", source=name))
    profile, mapping = _mapping(raw, profile, columns, name)
    headers = {column: header for header, column in mapping.items()}
    frame = with_closing(rename_columns(raw, mapping), profile)
    if "closed_at" in frame.columns:
        headers.setdefault("closed_at", headers.get("status", "status"))
    if swap_axes:
        frame = _swapped(frame)
    places = place(frame, headers=headers, source=name, datum=datum, district=district, crs=crs)
    table, fields = type_fields(_without_place(frame), headers=headers, tz=tz)
    known = load_categories() if categories is None else categories
    table, kinds = categorise(table, known, headers=headers)
    findings = [
        _columns_used(raw, mapping, profile),
        _shifted_fields(raw, shifted),
        *places.findings,
        *fields,
        *kinds,
        *text_findings(table, headers),
    ]
    # What stands in a slipped line under wrong headers is one fault, not seven.
    findings[2:] = [replace(f, rows=f.rows & ~shifted) for f in findings[2:]]
    table, numbering = number_reports(table, headers=headers, earlier=findings)
    findings += numbering
    lost = unusable(findings, len(raw))
    target = _require_usable(findings, lost, places, name)
    reports = gpd.GeoDataFrame(_ordered(table, name), geometry=places.points, crs=target)
    reports = reports[~lost].reset_index(drop=True)
    quarantined = quarantined_table(findings, raw, lines=lines, lang=lang)
    if len(reports) + len(quarantined) != len(raw):
        out = len(reports) + len(quarantined)
        raise GridkitError(*message("intake.rows_lost", source=name, n=len(raw), out=out))
    REPORTS.check(reports, source=name)
    found = findings_table(findings, raw, places=places.points, crs=target, lang=lang)
    return Intake(reports, quarantined, found)


def _mapping(
    raw: pd.DataFrame, profile: str, columns: Mapping[str, str] | None, source: str
) -> tuple[str, dict[str, str]]:
    """Return the profile and header → column; shapes leave columns with coordinates alone."""
    with_shapes = isinstance(raw, gpd.GeoDataFrame)
    headers = [c for c in raw.columns if not (with_shapes and c == raw.geometry.name)]
    name, known = choose_profile(headers, profile)
    own = dict(columns or {})
    given = {h: c for h, c in known.items() if h not in own and c not in own.values()} | own
    mapping = match_columns(headers, kind="report", table=REPORTS, given=given, source=source)
    if with_shapes:
        mapping = {h: c for h, c in mapping.items() if c not in ("longitude", "latitude")}
    return name, mapping


def _without_remarks(raw: pd.DataFrame) -> pd.DataFrame:
    """Leave out what an earlier reading wrote in front of the rows that it quarantined."""
    names = [c.name for c in QUARANTINED.columns]
    for lang in ("zh", "en"):
        labels = QUARANTINED.labels(require_lang(lang))
        if list(raw.columns[: len(names)]) in (names, [labels[c] for c in names]):
            return raw.iloc[:, len(names) :]
    return raw


def _swapped(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with longitude and latitude exchanged, as asked for."""
    if isinstance(frame, gpd.GeoDataFrame):
        name = frame.geometry.name
        turned = shapely.transform(frame.geometry.to_numpy(), lambda xy: xy[:, ::-1])
        shapes: pd.DataFrame = frame.copy()
        shapes[name] = gpd.GeoSeries(turned, index=frame.index, crs=frame.crs)
        return shapes
    return frame.rename(columns={"longitude": "latitude", "latitude": "longitude"})


def _shifted_fields(raw: pd.DataFrame, shifted: NDArray[np.bool_]) -> Finding:
    return Finding(
        "SHIFTED_FIELDS",
        "error",
        shifted,
        tuple(raw.columns[-2:]) if shifted.any() else (),
        message("intake.serves_reading"),
        message("intake.fix_shifted_fields"),
    )


def _columns_used(raw: pd.DataFrame, mapping: Mapping[str, str], profile: str) -> Finding:
    used = ", ".join(f"{header} → {column}" for header, column in mapping.items()) or "–"
    kept = ", ".join(c for c in raw.columns if c not in mapping) or "–"
    return Finding(
        "COLUMNS",
        "info",
        np.ones(len(raw), bool),
        (),
        message("intake.serves_reading"),
        message("intake.fix_columns"),
        message("intake.columns_used", profile=profile, used=used, kept=kept),
    )


def _require_usable(
    findings: list[Finding], lost: NDArray[np.bool_], places: Places, source: str
) -> pyproj.CRS:
    """Return the CRS of the reports; raise when there are none, or nothing tells their CRS."""
    if lost.all():
        met = [f for f in findings if f.severity == "error" and f.rows.any()]
        reasons = ", ".join(f"{f.rule} {f.rows.sum():,}" for f in met)
        en, zh = (
            message(
                "intake.no_usable_row",
                source=source,
                n=len(lost),
                reasons=reasons,
                remedies=" ".join(dict.fromkeys(f.remedy.text(lang) for f in met)),
            ).text(lang)
            for lang in ("en", "zh")
        )
        raise SchemaError(en, zh)
    if places.crs is None:
        raise CRSError(*message("intake.no_positions", source=source))
    return places.crs


def _without_place(frame: pd.DataFrame) -> pd.DataFrame:
    shapes = [frame.geometry.name] if isinstance(frame, gpd.GeoDataFrame) else []
    return pd.DataFrame(frame).drop(columns=[*_PLACE_COLUMNS, *shapes], errors="ignore")


def _ordered(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return the columns of ``reports`` first, the file's other columns behind them."""
    if "feed" not in table.columns:
        table = table.assign(feed=source)
    ours = [c.name for c in REPORTS.columns if c.name in table.columns and c.kind != "geometry"]
    others = [c for c in table.columns if c not in ours]
    return table[[*ours, *others]]
