"""The fields of a report apart from its place: numbers, times, categories, texts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..messages import message
from ..tables import REPORTS
from .audit import CONTROL, Finding, unusable
from .columns import blank, code_text, header_words, numbers, plain_text
from .times import parse_times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..rules import Category

__all__ = ["LONGEST", "categorise", "number_reports", "text_findings", "type_fields"]

LONGEST = 10_000
"""Characters of a text that a person still writes."""
_VERBATIM = ("text", "address", "status")
_YEARS = (1900, 2199)  # beyond lie slips and stand-ins for "unknown" such as 9999-12-31


def type_fields(
    frame: pd.DataFrame, *, headers: Mapping[str, str], tz: str
) -> tuple[pd.DataFrame, list[Finding]]:
    """Give every known column its type; find what cannot be read.

    Parameters
    ----------
    frame : DataFrame
        Columns named as in the table ``reports``, values as in the file.
    headers : mapping of column → header in the file
    tz : str
    """
    words = header_words("report")["words"]
    typed: dict[str, pd.Series] = {}
    findings: list[Finding] = []
    for column in REPORTS.columns:
        if column.name not in frame.columns or column.kind == "geometry":
            continue
        values, header = frame[column.name], (headers[column.name],)
        if column.kind == "time":
            typed[column.name], found = _times(values, header, tz, words["blank"])
            findings += found
        elif column.kind in ("number", "integer"):
            typed[column.name], finding = _numbers(
                values, header, words["blank"], whole=column.kind == "integer"
            )
            findings.append(finding)
        elif column.kind == "flag":
            typed[column.name] = values.astype("str").str.strip().str.lower().isin(words["yes"])
        else:
            read = plain_text if column.name in _VERBATIM else code_text
            typed[column.name] = read(values)
    if "status" in typed and "voided" not in typed:
        typed["voided"] = typed["status"].str.strip().str.lower().isin(words["voided"])
    if {"reported_at", "closed_at"} <= typed.keys():
        findings.append(_order_of(typed["reported_at"], typed["closed_at"], headers))
    return frame.assign(**typed), findings


def _times(
    values: pd.Series, header: tuple[str, ...], tz: str, blank_words: list[str]
) -> tuple[pd.Series, list[Finding]]:
    times = parse_times(values, tz=tz, blank_words=blank_words)
    serves = message("intake.serves_time")
    bad, unsure = message("intake.fix_bad_time"), message("intake.fix_unsure_time")
    as_day, as_zone = message("intake.fix_serial_time"), message("intake.fix_mixed_zones", tz=tz)
    there = times.local.notna().to_numpy()
    mixed = times.naive if (there & ~times.naive).any() else np.zeros(len(there), bool)
    astray = (times.local.notna() & ~times.local.dt.year.between(*_YEARS)).to_numpy(bool)
    return times.local.mask(astray), [
        Finding("BAD_TIME", "error", times.bad | astray, header, serves, bad),
        Finding("UNSURE_TIME", "warning", times.unsure, header, serves, unsure),
        Finding("SERIAL_TIME", "warning", times.serial, header, serves, as_day),
        Finding("MIXED_ZONES", "warning", mixed, header, serves, as_zone),
    ]


def _numbers(
    values: pd.Series, header: tuple[str, ...], blank_words: list[str], *, whole: bool
) -> tuple[pd.Series, Finding]:
    read = numbers(values)
    sound = np.isfinite(read) & (read == np.round(read) if whole else True)
    bad = ~blank(values, blank_words).to_numpy(bool) & ~sound
    typed = pd.Series(np.where(bad, np.nan, read), index=values.index)
    serves, remedy = message("intake.serves_reading"), message("intake.fix_bad_number")
    return typed, Finding("BAD_NUMBER", "error", bad, header, serves, remedy)


def text_findings(table: pd.DataFrame, headers: Mapping[str, str]) -> list[Finding]:
    """Find text that no person writes: control characters, and more than a page or two.

    Parameters
    ----------
    table : DataFrame
        Columns named as in the table ``reports``.
    headers : mapping of column → header in the file
    """
    columns = [c for c in ("report_id", *_VERBATIM) if c in table.columns and c in headers]
    control, long = np.zeros(len(table), bool), np.zeros(len(table), bool)
    for column in columns:
        text = table[column].astype("str")
        control |= text.str.contains(CONTROL, regex=True).fillna(False).to_numpy(bool)
        long |= (text.str.len() > LONGEST).fillna(False).to_numpy(bool)
    names = tuple(headers[c] for c in columns)
    serves = message("intake.serves_reading")
    fixes = message("intake.fix_control"), message("intake.fix_long_text", most=f"{LONGEST:,}")
    return [
        Finding("CONTROL_CHARACTERS", "warning", control, names, serves, fixes[0]),
        Finding("LONG_TEXT", "warning", long, names, serves, fixes[1]),
    ]


def _order_of(reported: pd.Series, closed: pd.Series, headers: Mapping[str, str]) -> Finding:
    return Finding(
        "CLOSED_BEFORE_REPORTED",
        "error",
        (closed < reported).to_numpy(bool),
        (headers["reported_at"], headers["closed_at"]),
        message("intake.serves_time"),
        message("intake.fix_closed_before"),
    )


def number_reports(
    table: pd.DataFrame, *, headers: Mapping[str, str], earlier: Sequence[Finding]
) -> tuple[pd.DataFrame, list[Finding]]:
    """Give rows without a number one made from their row; find numbers used before.

    Parameters
    ----------
    table : DataFrame
    headers : mapping of column → header in the file
    earlier : sequence of Finding
        Rows that these send to quarantine don't use up a number.
    """
    n = len(table)
    made = pd.Series([f"R{row:06}" for row in range(1, n + 1)], index=table.index, dtype="str")
    ids = table["report_id"] if "report_id" in table.columns else made.mask(np.ones(n, bool))
    missing = ids.isna().to_numpy()
    ids = ids.fillna(made)
    sound = ~unusable(earlier, n)
    repeated = np.zeros(n, bool)
    repeated[sound] = ids[sound].duplicated()
    header = (headers["report_id"],) if "report_id" in headers else ()
    serves = message("intake.serves_identity")
    some, twice = message("intake.fix_no_id"), message("intake.fix_repeated_id")
    return table.assign(report_id=ids), [
        Finding("NO_ID", "warning" if header else "info", missing, header, serves, some),
        Finding("REPEATED_ID", "error", repeated, header, serves, twice),
    ]


def categorise(
    table: pd.DataFrame, categories: Mapping[str, Category], *, headers: Mapping[str, str]
) -> tuple[pd.DataFrame, list[Finding]]:
    """Turn names of categories into codes; keep and find those that are in no list.

    A name that several categories share stays as written, and is found too.
    """
    if "category" not in table.columns:
        return table, []
    written = table["category"]
    codes = written.str.casefold().map(_codes(categories))
    unknown = (written.notna() & codes.isna()).to_numpy()
    most = written[unknown].value_counts().index[:5]
    finding = Finding(
        "UNKNOWN_CATEGORY",
        "warning",
        unknown,
        (headers["category"],),
        message("intake.serves_reading"),
        message("intake.fix_unknown_category"),
        message("intake.unknown_categories", n=f"{unknown.sum():,}", values=", ".join(most)),
    )
    return table.assign(category=codes.fillna(written)), [finding]


def _codes(categories: Mapping[str, Category]) -> dict[str, str]:
    """Return what may be written → code: the code itself, and names that are not shared."""
    names = [(n.casefold(), c.code) for c in categories.values() for n in {c.zh, c.en}]
    times = Counter(name for name, _ in names)
    sure = {name: code for name, code in names if times[name] == 1}
    return sure | {code.casefold(): code for code in categories}
