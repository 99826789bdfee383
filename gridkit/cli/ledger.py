"""``gridkit ledger``: import, move, show, take, verify and export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FileError, OptionError
from ..messages import message, say
from .shared import add_cell_columns, add_map_datum, print_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    import pandas as pd

    from ..casework.ledger import Ledger

__all__ = ["add_to"]

_FORMS = {".gpkg": "copy", ".xlsx": "sheet", "": "open311"}
_SHOWN = ("case_id", "stage", "category", "cell_code", "responsible_unit", "due_at", "used")
_FLAGS = {"true": True, "yes": True, "是": True, "false": False, "no": False, "否": False}
_HISTORY = ("version", "at", "action", "stage_to", "actor", "reason")


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the commands of the ledger."""
    commands = parser.add_subparsers(required=True, metavar="WHAT")
    _add_import(commands.add_parser("import", help="file reports as cases · 上报立卷入账"))
    _add_move(commands.add_parser("move", help="do something with a case · 办理案卷"))
    _add_show(commands.add_parser("show", help="counts, a case, what is late · 查看"))
    _add_take(commands.add_parser("take", help="a sheet that units filled in · 回收台账表"))
    _add_verify(commands.add_parser("verify", help="check the whole file · 校验台账"))
    _add_export(commands.add_parser("export", help="copy, sheet or Open311 · 导出"))


def _add_ledger(parser: argparse.ArgumentParser, command: Callable[..., int]) -> None:
    parser.set_defaults(command=command)
    parser.add_argument("ledger", help="cases.gpkg · 台账文件")
    parser.add_argument("--process", help="standard, ejina or a file · 流程")
    parser.add_argument("--categories", help="table of categories · 类别表")


def _add_import(parser: argparse.ArgumentParser) -> None:
    _add_ledger(parser, _import)
    parser.add_argument("reports", help="reported problems · 上报数据文件")
    parser.add_argument("--cells", required=True, help="cells as given · 网格文件")
    add_cell_columns(parser)
    add_map_datum(parser)
    parser.add_argument("--datum", help="of the reports · 坐标系: wgs84, cgcs2000, gcj02, bd09")
    parser.add_argument("--profile", default="auto", help="kind of file · 文件类型")
    parser.add_argument("--layer", help="layer or sheet · 图层或工作表")
    parser.add_argument("--tz", default="Asia/Shanghai", help="zone of the times · 时区")
    parser.add_argument("--near", type=float, default=50.0, metavar="M", help="metres · 邻近距离")


def _add_move(parser: argparse.ArgumentParser) -> None:
    _add_ledger(parser, _move)
    parser.add_argument("case", help="case · 案卷编号")
    parser.add_argument("action", help="accept, file, dispatch, dispose, close … · 操作")
    parser.add_argument("--actor", required=True, help="who did it · 操作人")
    _add_at(parser)
    parser.add_argument("--reason", default="", help="why · 理由")
    parser.add_argument("--version", type=int, help="that was decided on · 所依据的版本")
    parser.add_argument(
        "--set", action="append", default=[], metavar="COLUMN=VALUE", help="details · 其他内容"
    )


def _add_show(parser: argparse.ArgumentParser) -> None:
    _add_ledger(parser, _show)
    parser.add_argument("case", nargs="?", help="one case · 案卷编号")
    parser.add_argument("--late", action="store_true", help="what is overdue · 超期案卷")
    parser.add_argument("--unit", help="received by it, disposed by others · 首接他办")
    _add_at(parser)


def _add_take(parser: argparse.ArgumentParser) -> None:
    _add_ledger(parser, _take)
    parser.add_argument("sheet", help="filled in · 已填写的台账表")
    parser.add_argument("--actor", default="", help="by default each unit · 操作人，默认责任单位")
    _add_at(parser)


def _add_verify(parser: argparse.ArgumentParser) -> None:
    _add_ledger(parser, _verify)
    parser.add_argument("--head", help="kept elsewhere · 另存的链首校验码")


def _add_export(parser: argparse.ArgumentParser) -> None:
    _add_ledger(parser, _export)
    parser.add_argument("out", help=".gpkg, .xlsx, or a folder · 输出")
    parser.add_argument("--form", choices=("copy", "sheet", "open311"), help="by default by name")
    parser.add_argument("--open", action="store_true", help="open cases only · 仅未结案卷")
    parser.add_argument(
        "--audience", choices=("internal", "leaders", "public"), help="who reads it · 读者"
    )


def _add_at(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at", help="by default now · 时间，默认当前")
    parser.add_argument("--tz", default="Asia/Shanghai", help="zone of the times · 时区")


def _open(args: argparse.Namespace, crs: Any = None) -> Ledger:
    from ..casework.ledger import Ledger
    from ..intake.categories import read_categories

    if crs is None and not Path(args.ledger).exists():
        raise FileError(*message("files.missing", path=args.ledger))
    known = None if args.categories is None else read_categories(args.categories)
    zone = getattr(args, "tz", "Asia/Shanghai")
    return Ledger(args.ledger, crs=crs, process=args.process, categories=known, tz=zone)


def _time(text: str | None, tz: str) -> pd.Timestamp:
    """Return a time as written, in a zone where it names none; now where there is none."""
    import pandas as pd

    from ..calendar import require_zone

    require_zone(tz)
    if text is None:
        return pd.Timestamp.now(tz=tz)
    try:
        moment = pd.Timestamp(text)
    except ValueError as error:
        raise OptionError(*message("cli.bad_time", value=text)) from error
    return moment.tz_localize(tz) if moment.tzinfo is None else moment


def _import(args: argparse.Namespace) -> int:
    from ..intake.district import read_cells
    from ..intake.reports import read_reports
    from ..location.owner import locate
    from ..sheets import write_xlsx
    from ..tables import QUARANTINED

    def stage(key: str) -> None:
        print(say(key, args.lang), file=sys.stderr, flush=True)

    def progress(done: int, rows: int) -> None:
        text = say("cli.ledger_progress", args.lang, done=f"{done:,}", rows=f"{rows:,}")
        print(f"  {text}", file=sys.stderr, flush=True)

    cells = read_cells(
        args.cells, code=args.cell_code, merge_parts=args.merge_parts, datum=args.map_datum
    )
    with _open(args, cells.crs) as ledger:
        stage("cli.intake_reading")
        intake = read_reports(
            args.reports,
            profile=args.profile,
            datum=args.datum,
            tz=args.tz,
            crs=cells.crs,
            layer=args.layer,
            categories=ledger.categories,
            lang=args.lang,
        )
        stage("cli.stage_locate")
        located = locate(intake.reports, cells, near_m=args.near)
        stage("cli.ledger_filing")
        filed = ledger.file(located, cells=cells, progress=progress)
        print(filed.text(args.lang))
        print(say("cli.ledger_head", args.lang, head=ledger.head))
    lost = len(intake.quarantined)
    if lost:
        path = Path(args.ledger).with_name(f"{Path(args.ledger).stem}_quarantined.xlsx")
        tables = {"quarantined": QUARANTINED}
        write_xlsx(path, {"quarantined": intake.quarantined}, lang=args.lang, tables=tables)
        print(say("cli.ledger_lost", args.lang, n=f"{lost:,}", path=path))
    return 1 if lost or filed.quarantined else 0


def _move(args: argparse.Namespace) -> int:
    from ..casework.store import KINDS

    details: dict[str, Any] = {}
    for pair in args.set:
        name, found, value = pair.partition("=")
        if not found:
            raise OptionError(*message("cli.bad_pair", value=pair))
        details[name] = _detail(KINDS.get(name, "text"), value, args.tz)
    with _open(args) as ledger:
        version = ledger.move(
            args.case,
            args.action,
            at=_time(args.at, args.tz),
            actor=args.actor,
            reason=args.reason,
            version=args.version,
            **details,
        )
        last = ledger.history(args.case).iloc[-1]
        stage = ledger.process.stages[last["stage_to"]]
    shown = stage.zh if args.lang == "zh" else stage.en
    print(say("cli.ledger_moved", args.lang, case=args.case, stage=shown, version=version))
    return 0


def _detail(kind: str, value: str, tz: str) -> Any:
    """Return a detail of a move as its column wants it; what is no yes and no no stays text."""
    if kind == "time":
        return _time(value, tz)
    if kind == "flag":
        return _FLAGS.get(value.strip().lower(), value)
    return value


def _show(args: argparse.Namespace) -> int:
    with _open(args) as ledger:
        if args.case is not None:
            print_table(ledger.history(args.case), _HISTORY)
        elif args.late:
            print_table(ledger.overdue(_time(args.at, args.tz)), _SHOWN)
        elif args.unit is not None:
            print_table(ledger.received_by(args.unit), _SHOWN)
        else:
            counts = ledger.cases()["stage"].value_counts()
            for stage in ledger.process.stages.values():
                name = stage.zh if args.lang == "zh" else stage.en
                print(f"{counts.get(stage.code, 0):>12,}  {name}")
    return 0


def _take(args: argparse.Namespace) -> int:
    from ..casework.sheet import take_ledger_sheet

    with _open(args) as ledger:
        taken = take_ledger_sheet(
            ledger,
            args.sheet,
            at=_time(args.at, args.tz),
            actor=args.actor,
            tz=args.tz,
            lang=args.lang,
        )
    print(taken.text(args.lang))
    if len(taken.refused):
        print_table(taken.refused, ("row", "rule", "column", "value", "remedy"))
    return 1 if len(taken.refused) else 0


def _verify(args: argparse.Namespace) -> int:
    print(say("cli.ledger_verifying", args.lang), file=sys.stderr, flush=True)
    with _open(args) as ledger:
        findings = ledger.verify(args.head)
        head = ledger.head
    print_table(findings, ("severity", "rule", "detail", "remedy"))
    print(say("cli.ledger_head", args.lang, head=head))
    return 1 if findings["severity"].eq("error").any() else 0


def _export(args: argparse.Namespace) -> int:
    from ..casework.open311 import write_open311
    from ..casework.sheet import write_ledger_sheet

    form = args.form or _FORMS.get(Path(args.out).suffix.lower())
    if form is None:
        raise OptionError(*message("cli.no_form", path=args.out))
    with _open(args) as ledger:
        cases = ledger.open_cases() if args.open else ledger.cases()
        if form == "copy":
            ledger.export(args.out)
        elif form == "sheet":
            audience = args.audience or "internal"
            write_ledger_sheet(ledger, args.out, cases=cases, lang=args.lang, audience=audience)
        else:
            write_open311(
                args.out,
                cases,
                categories=ledger.categories,
                process=ledger.process,
                audience=args.audience or "public",
                lang=args.lang,
            )
    print(say("cli.ledger_exported", args.lang, n=f"{len(cases):,}", path=args.out))
    return 0
