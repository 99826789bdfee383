"""``gridkit dashboard`` and ``gridkit cards``: what leaders open, and what hangs in the street."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..messages import say
from .evaluation import read_cases

if TYPE_CHECKING:
    import argparse

__all__ = ["add_cards", "add_dashboard"]

AUDIENCES = ("internal", "leaders", "public")


def add_dashboard(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``gridkit dashboard``."""
    parser.set_defaults(command=_dashboard)
    parser.add_argument("plan", help="plan.gpkg · 方案文件")
    parser.add_argument("ledger", help="cases.gpkg · 台账文件")
    parser.add_argument("--period", help="of glance and ranking, 2026-05 … · 统计期")
    parser.add_argument("--tz", default="Asia/Shanghai", help="zone · 时区")
    parser.add_argument("--bandwidth", type=float, default=150.0, metavar="M", help="· 带宽（米）")
    parser.add_argument("--audience", choices=AUDIENCES, default="leaders", help="· 读者")
    parser.add_argument("--title", help="above the map · 标题")
    parser.add_argument("--review-no", help="of the map · 审图号")
    parser.add_argument(
        "--plain", action="store_true", help="larger, for browsers before 2020 · 兼容旧浏览器"
    )
    parser.add_argument("--out", default="dashboard.html", help="HTML · 输出")


def add_cards(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``gridkit cards``."""
    parser.set_defaults(command=_cards)
    parser.add_argument("plan", help="plan.gpkg · 方案文件")
    parser.add_argument("--cells", nargs="*", metavar="CODE", help="these only · 只印这些网格")
    parser.add_argument("--size", choices=("A5", "A4", "A3"), default="A4")
    parser.add_argument("--audience", choices=AUDIENCES, default="public", help="· 读者")
    parser.add_argument("--hotline", help="number to call · 热线")
    parser.add_argument("--issued-by", help="issuing unit · 监制单位")
    parser.add_argument("--date", help="printed as given · 日期")
    parser.add_argument("--review-no", help="of the map · 审图号")
    parser.add_argument("--out", default="cards.pdf", help="PDF · 输出")


def _dashboard(args: argparse.Namespace) -> int:
    from ..plan.bundle import Plan
    from ..publishing.dashboards import publish_dashboard

    path = publish_dashboard(
        Plan.load(args.plan),
        read_cases(args),
        args.out,
        period=args.period,
        audience=args.audience,
        lang=args.lang,
        title=args.title,
        review_no=args.review_no,
        bandwidth_m=args.bandwidth,
        tz=args.tz,
        compressed=not args.plain,
    )
    print(say("cli.written", args.lang, path=path))
    return 0


def _cards(args: argparse.Namespace) -> int:
    import pandas as pd

    from ..division.lineage import cells_at
    from ..plan.bundle import Plan
    from ..publishing.notices import notice_cards

    plan = Plan.load(args.plan)
    posts: Any = plan.posts
    if posts is None:
        posts = pd.DataFrame({c: pd.Series(dtype="str") for c in ("level", "area_code", "role")})

    def show(done: int, pages: int) -> None:
        print(f"\r{done:,} / {pages:,}", end="", file=sys.stderr, flush=True)

    path = notice_cards(
        cells_at(plan.cells),
        args.out,
        posts=posts,
        roster=plan.roster,
        district=plan.district,
        codes=args.cells or None,
        size=args.size,
        hotline=args.hotline,
        issued_by=args.issued_by,
        date=args.date,
        review_no=args.review_no,
        audience=args.audience,
        lang=args.lang,
        progress=show,
    )
    print(file=sys.stderr)
    print(say("cli.written", args.lang, path=path))
    return 0
