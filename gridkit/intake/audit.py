"""What the checks of a report file found, as the two tables that people read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..messages import message
from ..tables import FINDINGS, QUARANTINED, first_few

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyproj
    from numpy.typing import NDArray

    from ..errors import Lang
    from ..messages import Message

__all__ = ["CONTROL", "Finding", "findings_table", "quarantined_table", "unusable"]


# The last two ranges as characters: the fast search of text columns has no \\u.
CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f" + "\u202a-\u202e\u2066-\u2069]"
"""Characters that no person types; tabs and line ends are not among them."""


@dataclass(frozen=True)
class Finding:
    """One rule and the rows that it concerns.

    Attributes
    ----------
    rule : str
    severity : {"error", "warning", "info"}
        Rows under an error go to quarantine; the others stay among the reports.
    rows : ndarray of bool, one for each row of the file
    headers : tuple of str
        The columns of the file that were checked.
    principle, remedy : Message
    detail : Message, optional
        What was found; by default how many rows, and the first values.
    """

    rule: str
    severity: Literal["error", "warning", "info"]
    rows: NDArray[np.bool_]
    headers: tuple[str, ...]
    principle: Message
    remedy: Message
    detail: Message | None = None


def unusable(findings: Sequence[Finding], n: int) -> NDArray[np.bool_]:
    """Return which of `n` rows go to quarantine."""
    lost = np.zeros(n, bool)
    for finding in findings:
        if finding.severity == "error":
            lost |= finding.rows
    return lost


def findings_table(
    findings: Sequence[Finding],
    raw: pd.DataFrame,
    *,
    places: NDArray[np.object_],
    crs: pyproj.CRS,
    lang: Lang,
) -> gpd.GeoDataFrame:
    """Return the findings with at least one row as the table ``findings``.

    Parameters
    ----------
    findings : sequence of Finding
    raw : DataFrame
        The file as it was read.
    places : ndarray of Point, one for each row of the file; empty where there is none
    crs : CRS of `places`
    lang : {"zh", "en"}
    """
    rows = [
        {
            "rule": f.rule,
            "severity": f.severity,
            "principle": f.principle.text(lang),
            "codes": first_few(f.rows.nonzero()[0] + 1) if f.headers else "",
            "rows": int(f.rows.sum()),
            "detail": (f.detail or _met(f, raw)).text(lang),
            "remedy": f.remedy.text(lang),
            "geometry": _gathered(places[f.rows]) if f.severity != "info" else None,
        }
        for f in findings
        if f.rows.any()
    ]
    return gpd.GeoDataFrame(
        rows, columns=[c.name for c in FINDINGS.columns], geometry="geometry", crs=crs
    )


def _gathered(points: NDArray[np.object_]) -> shapely.Geometry | None:
    there = points[~shapely.is_empty(points)]
    return shapely.MultiPoint(shapely.get_coordinates(there)) if there.size else None


def _met(finding: Finding, raw: pd.DataFrame) -> Message:
    n = f"{finding.rows.sum():,}"
    if not finding.headers:
        return message("intake.rows_counted", n=n)
    values = _shown(raw[finding.rows].head(3), finding.headers)
    # Control characters could steer a terminal or turn the sentence around; the rows keep them.
    shown = re.sub(CONTROL, "\ufffd", " | ".join(dict.fromkeys(values)))
    return message("intake.rows_met", n=n, column=", ".join(finding.headers), values=shown)


def quarantined_table(
    findings: Sequence[Finding], raw: pd.DataFrame, *, lines: NDArray[np.int64], lang: Lang
) -> pd.DataFrame:
    """Return the table ``quarantined``: where, which rule, what to do, then the file's columns.

    A row that fails several rules stands there once, with all of them joined by ``"; "``. A
    column of the file that has the name of one of ours gets ``_`` behind it.
    """
    lost = unusable(findings, len(raw))
    kept = _as_plain(raw[lost].reset_index(drop=True))
    failed: list[list[tuple[str, str, str, str]]] = [[] for _ in range(len(kept))]
    for f in findings:
        if f.severity != "error":
            continue
        at = f.rows[lost].nonzero()[0]
        column, remedy = ", ".join(f.headers), f.remedy.text(lang)
        for i, value in zip(at, _shown(kept.iloc[at], f.headers), strict=True):
            failed[i].append((f.rule, column, value, remedy))
    texts = pd.DataFrame(
        [["; ".join(parts) for parts in zip(*each, strict=True)] for each in failed],
        columns=["rule", "column", "value", "remedy"],
        dtype="str",
    )
    texts.insert(0, "row", lost.nonzero()[0] + 1)
    line = pd.Series(lines[lost], dtype="Int64")
    texts.insert(1, "line", line.mask(line < 0))
    ours = {c.name for c in QUARANTINED.columns}
    return pd.concat([texts, kept.rename(columns={c: f"{c}_" for c in ours})], axis=1)


def _as_plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with its shapes, if it has any, as text."""
    if not isinstance(frame, gpd.GeoDataFrame):
        return frame
    name = frame.geometry.name
    return pd.DataFrame(frame).assign(**{name: frame.geometry.to_wkt()})


def _shown(frame: pd.DataFrame, headers: Sequence[str]) -> list[str]:
    """Return what stands under the headers as one text for each row."""
    columns = [frame[h].astype("str").fillna("").tolist() for h in headers]
    return [", ".join(values) for values in zip(*columns, strict=True)] or [""] * len(frame)
