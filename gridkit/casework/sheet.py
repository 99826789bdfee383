"""The ledger sheet (问题台账): out to offices as a workbook, and back with what they filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..calendar import require_instant
from ..errors import ConflictError, GridkitError, MoveError, OptionError, SchemaError
from ..intake.columns import code_text, match_columns, plain_text, rename_columns
from ..intake.readers import read_table
from ..intake.times import parse_times
from ..messages import message, require_lang, say
from ..privacy import mask_text, require_audience
from ..schema import Column, Table
from ..sheets import write_xlsx
from ..tables import CASES, QUARANTINED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import geopandas as gpd

    from ..errors import Lang
    from .ledger import Ledger

__all__ = ["LEDGER_SHEET", "Taken", "take_ledger_sheet", "write_ledger_sheet"]


def _text(name: str, zh: str, *, required: bool = False) -> Column:
    return Column(name, "text", zh, required=required)


LEDGER_SHEET = Table(
    "ledger_sheet",
    "问题台账",
    ("case_id",),
    (
        Column("row", "integer", "序号"),
        _text("case_id", "案卷编号", required=True),
        _text("report_id", "上报编号"),
        Column("version", "integer", "版本", required=True),
        _text("stage", "阶段"),
        Column("reported_at", "time", "发现时间"),
        _text("source", "来源"),
        _text("address", "点位"),
        _text("cell_code", "网格编号"),
        _text("category", "问题类别"),
        _text("text", "问题描述"),
        _text("received_by", "首接单位"),
        _text("responsible_unit", "责任单位"),
        _text("handler_id", "责任人"),
        Column("filed_at", "time", "立案时间"),
        _text("limit", "整改时限"),
        Column("dispose_due_at", "time", "整改期限"),
        _text("measure", "整改措施"),
        _text("result", "整改结果"),
        Column("disposed_at", "time", "完成时间"),
        Column("closed_at", "time", "销号时间"),
        _text("remark", "备注"),
        Column("longitude", "number", "经度"),
        Column("latitude", "number", "纬度"),
        _text("datum", "坐标系"),
    ),
)
_FILLED = ("measure", "result", "disposed_at", "closed_at")
"""What a unit fills in."""
_CITIZENS = ("text", "address", "measure", "result", "remark")


def write_ledger_sheet(
    ledger: Ledger,
    path: str | Path,
    *,
    cases: gpd.GeoDataFrame | None = None,
    lang: Lang = "zh",
    audience: str = "internal",
) -> pd.DataFrame:
    """Write cases as the sheet that offices keep: one row a case, Chinese headers.

    Units fill in measures, results, time of completion and of striking off (销号);
    `take_ledger_sheet` takes that back. `read_reports` reads the sheet as reports, too, so that
    another ledger can begin with it.

    Parameters
    ----------
    ledger : Ledger
    path : path
        XLSX.
    cases : GeoDataFrame, optional
        Some of the ledger's cases, such as `Ledger.open_cases` or those of one unit; by default
        all.
    lang : {"zh", "en"}
    audience : {"internal", "leaders", "public"}
        Leaders see no phone numbers within texts; for the public texts, people and points are
        left out.

    Returns
    -------
    DataFrame
        What was written, columns of `LEDGER_SHEET`; longitude and latitude are WGS84.

    Raises
    ------
    FileError
        The file cannot be written.
    OptionError
        An unknown language or audience.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import geopandas as gpd, pandas as pd
    >>> import gridkit as gk
    >>> folder = Path(tempfile.mkdtemp())
    >>> at = pd.Timestamp("2025-09-30 16:00", tz="Asia/Shanghai")
    >>> located = pd.DataFrame({"report_id": ["1"], "category": ["E0405"], "reported_at": [at]})
    >>> with gk.Ledger(folder / "cases.gpkg", crs=4549) as ledger:
    ...     filed = ledger.file(located)
    ...     sheet = gk.write_ledger_sheet(ledger, folder / "台账.xlsx")
    >>> sheet[["row", "case_id", "category", "remark"]].values.tolist()
    [[1, 'C1', '店外经营', '']]
    """
    lang = require_lang(lang)
    seen_by = require_audience(audience)
    chosen = ledger.cases() if cases is None else cases
    table = _sheet_of(ledger, chosen.reset_index(drop=True), lang)
    if seen_by == "leaders":
        table = table.assign(**{c: mask_text(table[c]) for c in _CITIZENS})
    elif seen_by == "public":
        hidden = [*_CITIZENS, "handler_id", "longitude", "latitude"]
        table = table.assign(**dict.fromkeys(hidden))
    name = LEDGER_SHEET.zh if lang == "zh" else "ledger"
    write_xlsx(path, {name: table}, lang=lang, tables={name: LEDGER_SHEET})
    return table


def _sheet_of(ledger: Ledger, cases: gpd.GeoDataFrame, lang: Lang) -> pd.DataFrame:
    stages = {s.code: s.zh if lang == "zh" else s.en for s in ledger.process.stages.values()}
    names = {code: c.name(lang) for code, c in ledger.categories.items()}
    points = cases.geometry.to_crs(4326)
    table = pd.DataFrame(
        {
            **{c.name: cases[c.name] for c in LEDGER_SHEET.columns if c.name in cases.columns},
            "row": range(1, len(cases) + 1),
            "stage": cases["stage"].map(lambda s: stages.get(s, s)),
            "category": cases["category"].map(lambda c: names.get(c, c), na_action="ignore"),
            "received_by": cases["first_receiver"],
            "remark": [", ".join(_remarks(case, lang)) for case in cases.to_dict("records")],
            "longitude": points.x,
            "latitude": points.y,
            "datum": "WGS84",
        }
    )
    return table[[c.name for c in LEDGER_SHEET.columns]]


def _remarks(case: Mapping[Any, Any], lang: Lang) -> Iterator[str]:
    """Say what a reader of the sheet should know of a case besides its columns."""
    due, end = case["dispose_due_at"], case["disposed_at"]
    if not pd.isna(due) and not pd.isna(end) and end > due:
        yield say("casework.remark_late", lang)
    for flag in ("suspended", "forced", "voided", "exempt"):
        if case[flag]:
            yield CASES[flag].zh if lang == "zh" else flag
    for count in ("rework_n", "delay_n"):
        if not pd.isna(case[count]) and case[count]:
            yield f"{CASES[count].zh if lang == 'zh' else count} {case[count]}"


@dataclass(frozen=True)
class Taken:
    """What came of a sheet that was taken back.

    Attributes
    ----------
    rows, moved, unchanged : int
        ``rows == moved + unchanged + len(refused)``.
    refused : DataFrame
        Table ``quarantined``: row, rule (NO_CASE, CONFLICT, BAD_TIME, NOT_ALLOWED), column,
        value and remedy.

    Examples
    --------
    >>> import pandas as pd
    >>> from gridkit import Taken
    >>> print(Taken(3, 2, 1, pd.DataFrame()).text("en"))
    3 rows: 2 moved on, 1 unchanged, 0 refused.
    """

    rows: int
    moved: int
    unchanged: int
    refused: pd.DataFrame

    def text(self, lang: Lang = "zh") -> str:
        """Return the counts as one sentence."""
        refused = f"{len(self.refused):,}"
        counts = {"rows": f"{self.rows:,}", "moved": f"{self.moved:,}", "refused": refused}
        return say("casework.taken", lang, unchanged=f"{self.unchanged:,}", **counts)


def take_ledger_sheet(
    ledger: Ledger,
    source: str | Path | pd.DataFrame,
    *,
    at: datetime,
    actor: str = "",
    tz: str = "Asia/Shanghai",
    lang: Lang = "zh",
) -> Taken:
    """Take back a sheet of `write_ledger_sheet` that units have filled in.

    A time of completion that is new disposes the case, a time of striking off closes it, each at
    that time and with the measures and results of the row; measures and results alone are noted.
    All other columns are not looked at: they cannot be changed through a sheet.

    Parameters
    ----------
    ledger : Ledger
    source : path or DataFrame
        XLSX, XLS or CSV.
    at : datetime with zone
        When the sheet came in: the time of what is noted only.
    actor : str
        Who moves the cases; by default the responsible unit of each.
    tz : str
        Zone of the times in the sheet.
    lang : {"zh", "en"}
        Of the remedies.

    Returns
    -------
    Taken
        Rows whose case was moved since the sheet was written, whose times cannot be read or
        contradict the ledger, and those that the process does not allow are refused, each on its
        own. Where a row says two things, the first one may stand when the second is refused.

    Raises
    ------
    FileError
        The file cannot be read.
    SchemaError
        A column for case or version is missing, or one case stands in several rows.
    OptionError
        A time without zone.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import pandas as pd
    >>> import gridkit as gk
    >>> folder = Path(tempfile.mkdtemp())
    >>> at = pd.Timestamp("2025-09-30 16:00", tz="Asia/Shanghai")
    >>> located = pd.DataFrame({"report_id": ["1"], "category": ["E0405"], "reported_at": [at]})
    >>> with gk.Ledger(folder / "cases.gpkg", crs=4549) as ledger:
    ...     filed = ledger.file(located.assign(dispatched_at=at, responsible_unit="环卫所"))
    ...     sheet = gk.write_ledger_sheet(ledger, folder / "台账.xlsx")
    ...     sheet["result"], sheet["disposed_at"] = "已清理", "2025-09-30 17:05"
    ...     taken = gk.take_ledger_sheet(ledger, sheet, at=at + pd.Timedelta(days=1))
    ...     ledger.history("C1")[["action", "actor"]].values.tolist()
    [['import', 'import'], ['dispose', '环卫所']]
    """
    now = require_instant(at)
    table, name = _read(source), "DataFrame" if isinstance(source, pd.DataFrame) else str(source)
    for column in ("case_id", *_FILLED[:2]):
        read = code_text if column == "case_id" else plain_text
        table[column] = read(table[column]) if column in table.columns else None
    table["version"] = pd.to_numeric(table["version"], errors="coerce").astype("Int64")
    times, bad = {}, pd.DataFrame(index=table.index)
    for column in _FILLED[2:]:
        values = table[column] if column in table.columns else pd.Series(None, table.index)
        parsed = parse_times(values, tz=tz, blank_words=())
        times[column], bad[column] = parsed.local, parsed.bad
    LEDGER_SHEET.check(table.assign(**times)[["case_id", "version"]], source=name)
    known = ledger.cases().set_index("case_id")
    refused, moved = [], 0
    for number, row in enumerate(table.assign(**times).to_dict("records"), start=1):
        faults = [c for c in _FILLED[2:] if bad[c].iloc[number - 1]]
        column = faults[0] if faults else "case_id"
        written = str(table[column].iloc[number - 1])
        try:
            _require_no_fault(faults, written)
            moved += _take(ledger, known, row, now, actor)
        except tuple(_RULES) as error:
            shown = LEDGER_SHEET[column].zh if lang == "zh" else column
            rule = _RULES[type(error)]
            refused.append((number, None, rule, shown, written, error.text(lang)))
    columns = [c.name for c in QUARANTINED.columns]
    lost = pd.DataFrame(refused, columns=columns).astype({"row": "int64", "line": "Int64"})
    return Taken(len(table), moved, len(table) - moved - len(lost), lost)


def _read(source: str | Path | pd.DataFrame) -> pd.DataFrame:
    raw = source.copy() if isinstance(source, pd.DataFrame) else read_table(source)
    name = "DataFrame" if isinstance(source, pd.DataFrame) else str(source)
    headers = [str(c) for c in raw.columns]
    mapping = match_columns(headers, kind="report", table=LEDGER_SHEET, source=name)
    table = rename_columns(pd.DataFrame(raw), mapping).reset_index(drop=True)
    LEDGER_SHEET.require_columns(table, source=name)
    return table


_RULES: dict[type[GridkitError], str] = {
    OptionError: "NO_CASE",
    SchemaError: "BAD_TIME",
    ConflictError: "CONFLICT",
    MoveError: "NOT_ALLOWED",
}


def _require_no_fault(faults: Sequence[str], written: str) -> None:
    if faults:
        raise SchemaError(*message("casework.sheet_time", value=written))


def _take(
    ledger: Ledger, known: pd.DataFrame, row: Mapping[Any, Any], now: pd.Timestamp, actor: str
) -> bool:
    """Do what a row says; tell whether that is anything."""
    case_id = row["case_id"]
    if case_id not in known.index:
        raise OptionError(*message("casework.no_case", case=case_id))
    case = known.loc[case_id]
    said = {c: row[c] for c in _FILLED[:2] if not pd.isna(row[c]) and row[c] != case[c]}
    new = [c for c in _FILLED[2:] if not pd.isna(row[c]) and pd.isna(case[c])]
    for column in _FILLED[2:]:
        if not pd.isna(row[column]) and not pd.isna(case[column]):
            _require_same_time(case_id, column, row[column], case[column])
    if not said and not new:
        return False
    who = actor or ("" if pd.isna(case["responsible_unit"]) else str(case["responsible_unit"]))
    stage, version = str(case["stage"]), int(row["version"])
    for column in new or [""]:
        action = ledger.process.leading_to(stage, column) if column else "note"
        moment = row[column] if column else now
        version = ledger.move(case_id, action, at=moment, actor=who, version=version, **said)
        stage, said = ledger.process.actions[action].target or stage, {}
    return True


def _require_same_time(case_id: str, column: str, told: Any, kept: Any) -> None:
    """Raise where a sheet contradicts the ledger; seconds do not count, people leave them out."""
    if told.floor("min") != kept.floor("min"):
        what = {"case": case_id, "column": column, "told": told, "kept": kept}
        raise MoveError(*message("casework.sheet_other_time", **what))
