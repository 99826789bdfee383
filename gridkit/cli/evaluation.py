"""``gridkit bulletin`` and ``gridkit rank``: what a ledger amounts to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FileError, OptionError
from ..messages import message, say
from .shared import print_table

if TYPE_CHECKING:
    import argparse

    import geopandas as gpd

    from ..evaluation.periods import Period

__all__ = ["add_bulletin", "add_rank", "read_cases"]

_PLACE = ("group", "rank", "of", "subject", "printed", "numerator", "denominator", "grade", "stars")
_NOISE = ("rank_low", "rank_high", "p_last")


def add_bulletin(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``gridkit bulletin``."""
    parser.set_defaults(command=_bulletin)
    parser.add_argument("ledger", help="cases.gpkg · 台账文件")
    _add_period(parser)
    parser.add_argument("--district", help="names of streets · 区域文件")
    parser.add_argument("--title", help="above the heading · 标题")
    parser.add_argument("--monthly", action="store_true", help="the long one of a month · 月度分析")
    parser.add_argument(
        "--audience", choices=("internal", "leaders", "public"), default="leaders", help="· 读者"
    )
    parser.add_argument("--out", default="bulletin.html", help=".html, .docx or .xlsx · 输出")


def add_rank(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``gridkit rank``."""
    parser.set_defaults(command=_rank)
    parser.add_argument("ledger", help="cases.gpkg · 台账文件")
    _add_period(parser)
    parser.add_argument("--by", default="responsible_unit", help="column of the cases · 按何列")
    parser.add_argument(
        "--indicator", default="on_time_closing_rate", help="or department_score … · 指标"
    )
    parser.add_argument("--min-cases", type=int, default=0, help="fewer are not ranked · 最少件数")
    parser.add_argument("--fair", action="store_true", help="say what chance may do · 区分偶然")
    parser.add_argument("--last", type=int, default=0, metavar="K", help="call in · 连续垫底约谈")
    parser.add_argument("--out", help="XLSX · 输出表格")


def _add_period(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--period", required=True, help="2026-05, 2026-W21, 2026-Q2 … · 统计期")
    parser.add_argument("--month-start", type=int, default=1, help="day · 统计月起始日")
    parser.add_argument("--tz", default="Asia/Shanghai", help="zone · 时区")


def _period(args: argparse.Namespace) -> Period:
    from ..evaluation.periods import Period

    return Period.parse(args.period, tz=args.tz, month_start=args.month_start)


def read_cases(args: argparse.Namespace) -> gpd.GeoDataFrame:
    """Return the cases of the ledger that a command names."""
    from ..casework.ledger import Ledger

    if not Path(args.ledger).exists():
        raise FileError(*message("files.missing", path=args.ledger))
    with Ledger(args.ledger, tz=args.tz) as ledger:
        return ledger.cases()


def _bulletin(args: argparse.Namespace) -> int:
    from ..intake.district import read_district
    from ..publishing.bulletins import bulletin
    from ..publishing.monthly import monthly_report
    from ..publishing.workbooks import workbook

    district = None if args.district is None else read_district(args.district)
    about: dict[str, Any] = {
        "period": _period(args),
        "district": district,
        "lang": args.lang,
        "audience": args.audience,
    }
    if Path(args.out).suffix.lower() == ".xlsx":
        workbook(read_cases(args), args.out, **about)
    else:
        write = monthly_report if args.monthly else bulletin
        write(read_cases(args), title=args.title, **about).save(args.out)
    print(say("cli.written", args.lang, path=args.out))
    return 0


def _rank(args: argparse.Namespace) -> int:
    import pandas as pd

    from ..evaluation.ranking import call_in, rank
    from ..evaluation.rates import indicators, percent
    from ..evaluation.scoring import score
    from ..sheets import write_xlsx
    from ..tables import SCORES

    span = _period(args)
    spans = [span]
    for _ in range(args.last - 1):
        spans.insert(0, spans[0].previous())
    scores = indicators(read_cases(args), by=args.by, period=spans)
    if args.indicator.endswith("_score"):
        if args.fair:
            raise OptionError(*message("evaluation.no_rate", indicator=args.indicator))
        scores = score(scores, args.indicator.removesuffix("_score"))
    ranked = rank(scores, args.indicator, min_cases=args.min_cases, noise_aware=args.fair)
    if "printed" not in ranked.columns:
        pairs = zip(ranked["numerator"], ranked["denominator"], strict=True)
        ranked["printed"] = [percent(a, b, lang=args.lang) for a, b in pairs]
    newest = ranked[ranked["period"] == span.name].sort_values(["group", "rank", "subject"])
    print_table(newest, (*_PLACE, *(_NOISE if args.fair else ())))
    sheets = {args.indicator: newest}
    if args.last:
        called = call_in(ranked, last_k=args.last)
        names = ", ".join(called["subject"]) or "–"
        print(say("cli.called_in", args.lang, k=args.last, names=names))
        sheets |= {"call_in": called}
    if args.out is not None:
        plain = {name: pd.DataFrame(table) for name, table in sheets.items()}
        write_xlsx(args.out, plain, lang=args.lang, tables={args.indicator: SCORES})
        print(say("cli.written", args.lang, path=args.out))
    return 0
