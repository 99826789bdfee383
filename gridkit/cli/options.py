"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

__all__ = ["add_cell_columns", "add_map_datum"]


def add_cell_columns(parser: argparse.ArgumentParser) -> None:
    """Add how the column with the codes is called, and that parts are merged."""
    parser.add_argument("--cell-code", help="column with the cells' code · 网格编码列")
    parser.add_argument(
        "--merge-parts", action="store_true", help="rows with one code are one cell · 合并同码图形"
    )


def add_map_datum(parser: argparse.ArgumentParser) -> None:
    """Add the datum of map files."""
    parser.add_argument("--map-datum", help="of the map files, whatever they say · 地图文件坐标系")
