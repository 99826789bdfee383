"""What several commands share: options, and tables in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["add_cell_columns", "add_map_datum", "print_table"]


def add_cell_columns(parser: argparse.ArgumentParser) -> None:
    """Add how the column with the codes is called, and that parts are merged."""
    parser.add_argument("--cell-code", help="column with the cells' code · 网格编码列")
    parser.add_argument(
        "--merge-parts", action="store_true", help="rows with one code are one cell · 合并同码图形"
    )


def add_map_datum(parser: argparse.ArgumentParser) -> None:
    """Add the datum of map files."""
    parser.add_argument("--map-datum", help="of the map files, whatever they say · 地图文件坐标系")


def print_table(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Print a row a line, values apart by tabs: terminals escape nothing, so controls go."""
    listed = [c for c in columns if c in table.columns]
    print("\t".join(listed))
    for row in table[listed].to_numpy().tolist():
        print("\t".join("".join(c for c in _shown(v) if c.isprintable()) for v in row))


def _shown(value: Any) -> str:
    import pandas as pd

    if pd.isna(value):
        return "–"
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d %H:%M")
    return f"{value:.2f}" if isinstance(value, float) else str(value)
