"""The command line: ``gridkit demo``, ``run``, ``ledger``, ``dashboard`` and others."""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import GridkitError, GridkitWarning, Lang
from ..files import atomic_path
from ..messages import say
from . import evaluation, ledger, pages
from .shared import add_cell_columns, add_map_datum

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        0 when all went well, 1 when a check found errors or rows went to quarantine, 2 when an
        input cannot be used.

    Examples
    --------
    >>> from gridkit.cli import main
    >>> main(["--lang", "en", "check", "nowhere.gpkg"])
    2
    """
    _speak_any_language()
    args = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.command
    with warnings.catch_warnings():
        warnings.simplefilter("always", GridkitWarning)
        warnings.showwarning = _show_warning(args.lang)
        try:
            return command(args)
        except GridkitError as error:
            print(f"\n{say('cli.error', args.lang)}{error.text(args.lang)}", file=sys.stderr)
            return 2
        except OSError as error:
            path, why = error.filename or "?", error.strerror or error
            text = say("files.cannot_use", args.lang, path=path, why=why)
            print(f"\n{say('cli.error', args.lang)}{text}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print(f"\n{say('cli.interrupted', args.lang)}", file=sys.stderr)
            return 130


def _speak_any_language() -> None:
    """Show letters that the terminal's encoding lacks as ``?`` instead of stopping at them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _default_lang() -> Lang:
    """Return Chinese where the system speaks Chinese, English elsewhere."""
    system = os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return "zh" if system.lower().startswith("zh") else "en"


def _show_warning(lang: Lang) -> Callable[..., None]:
    plain = warnings.showwarning

    def show(text: Warning | str, *rest: Any, **more: Any) -> None:
        if isinstance(text, GridkitWarning):
            print(f"\n  {say('cli.warning', lang)}{text.text(lang)}", file=sys.stderr)
        else:
            plain(text, *rest, **more)

    return show


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gridkit", description="网格化管理 · Run a district by grid"
    )
    parser.add_argument("--lang", choices=("zh", "en"), default=_default_lang())
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands.add_parser("demo", help="a made city, the whole road · 演示城市，全流程"))
    _add_run(commands.add_parser("run", help="your own files, the whole road · 用自己的数据"))
    _add_check(commands.add_parser("check", help="check a file of cells · 检查网格文件"))
    _add_intake(commands.add_parser("intake", help="audit a file of reports · 核查上报数据"))
    _add_locate(commands.add_parser("locate", help="points by the million · 海量点位落格"))
    evaluation.add_bulletin(commands.add_parser("bulletin", help="of a period · 通报"))
    evaluation.add_rank(commands.add_parser("rank", help="units or areas · 排名"))
    pages.add_dashboard(commands.add_parser("dashboard", help="one page for leaders · 一张图"))
    pages.add_cards(commands.add_parser("cards", help="a notice a cell · 公示牌"))
    ledger.add_to(commands.add_parser("ledger", help="the ledger of cases · 案卷台账"))
    return parser


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_demo)
    parser.add_argument("--out", default="out/demo", help="folder for the files")
    parser.add_argument("--size", choices=("small", "demo", "zhifu"), default="demo")
    parser.add_argument("--seed", type=int, default=0)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_run)
    parser.add_argument("--district", help="boundary and layers · 边界及各图层")
    parser.add_argument("--streets", help="street centre lines · 道路中心线")
    parser.add_argument("--cells", help="cells as given · 已有网格")
    add_cell_columns(parser)
    parser.add_argument("--reports", help="reported problems · 上报问题")
    parser.add_argument("--datum", help="of the reports · 上报坐标系: wgs84, cgcs2000, gcj02, bd09")
    add_map_datum(parser)
    parser.add_argument("--roster", help="people · 人员名册")
    parser.add_argument("--per-cell", type=float, default=300.0, help="households · 每格户数")
    parser.add_argument("--into", type=int, help="number of cells · 网格数")
    parser.add_argument("--title", default="", help="title of maps and pages · 标题")
    parser.add_argument("--out", required=True, help="folder for the files · 输出文件夹")


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_check)
    parser.add_argument("file", help="file of cells · 网格文件")
    parser.add_argument("--layer", help="layer of the file · 图层")
    parser.add_argument("--cell-code", help="column with the cells' code · 网格编码列")
    add_map_datum(parser)
    parser.add_argument("--district", help="district to check against · 所属区")


def _add_intake(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_intake)
    parser.add_argument("file", help="reported problems · 上报数据文件")
    parser.add_argument("--district", help="boundary and layers · 边界及各图层")
    parser.add_argument("--datum", help="of the reports · 坐标系: wgs84, cgcs2000, gcj02, bd09")
    add_map_datum(parser)
    parser.add_argument("--profile", default="auto", help="kind of file · 文件类型")
    parser.add_argument("--layer", help="layer or sheet · 图层或工作表")
    parser.add_argument("--encoding", help="of a text file · 文本编码")
    parser.add_argument("--tz", default="Asia/Shanghai", help="zone of the times · 时区")
    parser.add_argument(
        "--swap-axes", action="store_true", help="exchange longitude and latitude · 经纬度互换"
    )
    parser.add_argument("--out", default="out/intake", help="folder for the files · 输出文件夹")


def _add_locate(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_locate)
    parser.add_argument("source", metavar="SRC", help="points, Parquet · 点位文件")
    parser.add_argument("target", metavar="DST", help="answers, Parquet · 结果文件")
    parser.add_argument("--cells", required=True, help="cells as given · 已有网格")
    add_cell_columns(parser)
    add_map_datum(parser)
    parser.add_argument("--x", help="column with x or longitude · x 或经度列")
    parser.add_argument("--y", help="column with y or latitude · y 或纬度列")
    parser.add_argument("--id", default="report_id", help="column with the number · 编号列")
    parser.add_argument("--crs", help="of the points, by default the cells' · 点位坐标参考系")
    parser.add_argument("--datum", help="points in degrees · 点位为经纬度: wgs84, gcj02, bd09 …")
    parser.add_argument("--near", type=float, default=50.0, metavar="M", help="metres · 邻近距离")
    parser.add_argument("--restart", action="store_true", help="not resuming · 从头开始")


def _demo(args: argparse.Namespace) -> int:
    from ..demo.city import make_city, write_city
    from ..road import Inputs, travel

    city_folder = Path(args.out) / "city"
    print(say("cli.demo_city", args.lang, size=args.size), file=sys.stderr, flush=True)
    city = make_city(args.size, seed=args.seed)
    write_city(city, city_folder)
    inputs = Inputs(
        district=city_folder / "district.gpkg",
        reports=city_folder / "reports.csv",
        roster=city_folder / "roster.xlsx",
        per_cell=city.per_cell,
    )
    journey = travel(inputs, args.out, lang=args.lang, progress=sys.stderr)
    print(journey.summary())
    return 0


def _run(args: argparse.Namespace) -> int:
    from ..road import Inputs, travel

    inputs = Inputs(
        district=args.district,
        streets=args.streets,
        cells=args.cells,
        reports=args.reports,
        roster=args.roster,
        cell_code=args.cell_code,
        merge_parts=args.merge_parts,
        datum=args.datum,
        map_datum=args.map_datum,
        per_cell=args.per_cell,
        into=args.into,
        title=args.title,
    )
    print(travel(inputs, args.out, lang=args.lang, progress=sys.stderr).summary())
    return 0


def _check(args: argparse.Namespace) -> int:
    import pandas as pd

    from ..division.checks import check_cells
    from ..intake.district import read_cells, read_district

    datum = args.map_datum
    district = None if args.district is None else read_district(args.district, datum=datum)
    crs = None if district is None else district.crs
    cells = read_cells(args.file, code=args.cell_code, layer=args.layer, crs=crs, datum=datum)
    findings = check_cells(cells, district, lang=args.lang)
    for row in findings.itertuples():
        texts = (row.detail, row.codes, row.remedy)
        print(f"{row.severity:<12} {row.rule:<27}", *(t for t in texts if pd.notna(t) and t))
    errors = int((findings["severity"] == "error").sum())
    print(say("cli.checked", args.lang, cells=len(cells), errors=errors))
    return 1 if errors else 0


def _intake(args: argparse.Namespace) -> int:
    from ..intake.district import read_district
    from ..intake.reports import read_reports
    from ..publishing.audit_maps import audit_map
    from ..publishing.offline import save_map
    from ..sheets import write_xlsx
    from ..tables import FINDINGS, QUARANTINED, REPORTS

    def stage(key: str) -> None:
        print(say(key, args.lang), file=sys.stderr, flush=True)

    district = None
    if args.district is not None:
        stage("cli.intake_district")
        district = read_district(args.district, datum=args.map_datum)
    stage("cli.intake_reading")
    intake = read_reports(
        args.file,
        profile=args.profile,
        datum=args.datum,
        swap_axes=args.swap_axes,
        district=district,
        tz=args.tz,
        layer=args.layer,
        encoding=args.encoding,
        lang=args.lang,
    )
    for row in intake.findings.itertuples():
        print(f"{row.severity:<8} {row.rule:<23} {row.rows:>9,}  {row.detail} {row.remedy}")
    stage("cli.intake_writing")
    out = Path(args.out)
    with atomic_path(out / "reports.gpkg") as path:
        intake.reports.to_file(path, layer="reports", driver="GPKG")
    sheets = {"reports": intake.reports, "findings": intake.findings}
    tables = {"reports": REPORTS, "findings": FINDINGS}
    write_xlsx(out / "reports.xlsx", sheets, lang=args.lang, tables=tables)
    lost = {"quarantined": intake.quarantined}
    write_xlsx(out / "quarantined.xlsx", lost, lang=args.lang, tables={"quarantined": QUARANTINED})
    save_map(audit_map(intake, district=district, lang=args.lang), out / "audit.html")
    counts = {"reports": len(intake.reports), "quarantined": len(intake.quarantined)}
    shown = {key: f"{n:,}" for key, n in counts.items()}
    print(say("cli.intake_done", args.lang, out=out, **shown))
    return 1 if counts["quarantined"] else 0


def _locate(args: argparse.Namespace) -> int:
    from ..intake.district import read_cells
    from ..location.stream import locate_stream

    cells = read_cells(
        args.cells, code=args.cell_code, merge_parts=args.merge_parts, datum=args.map_datum
    )
    try:
        done = locate_stream(
            args.source,
            args.target,
            cells,
            x=args.x,
            y=args.y,
            id_column=args.id,
            crs=args.crs,
            datum=args.datum,
            near_m=args.near,
            resume=not args.restart,
            progress=sys.stderr,
            lang=args.lang,
        )
    except KeyboardInterrupt:
        text = say("location.stream_interrupted", args.lang, folder=f"{args.target}.parts")
        print(f"\n{text}", file=sys.stderr)
        return 130
    print(done.summary(args.lang))
    return 0
