"""The one-call road of division: blocks, split, grouped, numbered, checked."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import GeometryError, GridkitWarning, OptionError, SchemaError, raise_all
from ..messages import message, require_lang, say
from .blocks import street_blocks
from .checks import check_cells
from .codes import number_cells
from .groups import group
from .splitting import split_blocks

if TYPE_CHECKING:
    from typing import TextIO

    import geopandas as gpd

    from ..errors import Lang
    from ..intake.district import District

__all__ = ["divide"]

FREE_PREFIX = "G"
"""Codes of a district without communities are G001, G002, …"""

TARGETS = ("households", "area")


def divide(
    district: District,
    *,
    target: str | None = None,
    per_cell: float | None = None,
    area_m2: float | None = None,
    into: int | None = None,
    split_above: float = 0.2,
    compactness: float = 0.3,
    min_area_m2: float = 500.0,
    seed: int = 0,
    progress: TextIO | None = None,
    lang: Lang = "zh",
) -> gpd.GeoDataFrame:
    """Divide a district into management cells: bounded by streets, even, numbered, certified.

    What the streets enclose is a block (`street_blocks`); blocks heavy for a cell are cut between
    their buildings (`split_blocks`); neighbouring blocks and parts of one community make a cell
    (`group`); cells get their codes (`number_cells`) and are checked by every rule (`check_cells`).

    Parameters
    ----------
    district : District
        With streets; communities, water and buildings are used when there.
    target : {"households", "area"}, optional
        What cells have alike. By default households where they are given as `per_cell`, area where
        `area_m2` is given, and with `into` households where the district knows them.
    per_cell : float, optional
        Households of a cell, such as 300; or m² with ``target="area"``.
    area_m2 : float, optional
        Area of a cell, such as 10,000: short for ``target="area"`` and `per_cell`.
    into : int, optional
        Number of cells. Give one of `per_cell`, `area_m2` and `into`.
    split_above : float, default 0.2
        Share of a cell's load above which a block is cut. With 1 nearly all borders run along
        streets; with less, cells are more even.
    compactness : float, default 0.3
        From 0 (even load, whatever the shape) to 1 (short outlines, whatever the load).
    min_area_m2 : float, default 500
        Smaller faces between streets join a neighbour; no part of a block is smaller.
    seed : int, default 0
        Chooses among equally good results; the same seed gives the same cells.
    progress : text stream, optional
        Gets a line for each stage.
    lang : {"zh", "en"}
        Language of these lines.

    Returns
    -------
    GeoDataFrame
        Table ``cells``: ``cell_code``, ``community_code``, ``parent_code``, ``level``, ``load``,
        ``area_m2`` and geometry, an exact coverage of the land. Without communities the codes are
        G001, G002, …

    Warns
    -----
    GridkitWarning
        Blocks that stay heavier than a cell should be: a compound or a large building.

    Raises
    ------
    OptionError
        None or several of `per_cell`, `area_m2` and `into`; a value that cannot be used; fewer
        cells than communities, or more than blocks: the message gives what is possible.
    SchemaError
        Households are asked for and the district knows none.
    GeometryError
        No streets, no land, communities that do not tile it; or the cells break a rule whose
        breach is an error: the message names the rules.

    Examples
    --------
    >>> import gridkit as gk
    >>> district = gk.read_district("data/sample_grids/small/district.gpkg")
    >>> cells = gk.divide(district, target="households", into=16)
    >>> len(cells), cells["load"].sum().item()
    (16, 4800.0)
    """
    require_lang(lang)
    wish = _wish(district, target, per_cell, area_m2, into)
    if not split_above > 0:
        raise OptionError(*message("division.not_positive", name="split_above", value=split_above))
    say_so = _Speaker(progress, lang)
    blocks = street_blocks(district, min_area_m2=min_area_m2).blocks
    say_so("division.stage_blocks", n=len(blocks))
    if wish.by_area:
        blocks["load"] = blocks["area_m2"]
    goal = wish.per_cell if wish.into is None else float(blocks["load"].sum()) / wish.into
    split = split_blocks(
        blocks,
        max_load=split_above * goal,
        buildings=district.buildings,
        by=None if wish.by_area else "households",
        min_area_m2=min_area_m2,
    )
    say_so(
        "division.stage_split", n=len(split.blocks), cut=int(split.blocks["part_of"].notna().sum())
    )
    cells = group(
        split.blocks.drop(columns="part_of"),
        into=wish.into,
        target=None if wish.into is not None else goal,
        within="community_code" if "community_code" in blocks.columns else None,
        compactness=compactness,
        seed=seed,
    )
    say_so("division.stage_cells", n=len(cells))
    heavy = int((split.uncut["load"] > goal).sum())
    if heavy:
        warnings.warn(GridkitWarning(*message("division.heavy_blocks", n=heavy)), stacklevel=2)
    cells = _numbered(cells)
    _require_sound(cells, district, lang)
    say_so("division.stage_checked", n=len(cells))
    return cells


@dataclass(frozen=True)
class _Wish:
    """What a cell should have, or how many cells there should be; of households or of area."""

    by_area: bool
    per_cell: float
    into: int | None


def _wish(
    district: District,
    target: str | None,
    per_cell: float | None,
    area_m2: float | None,
    into: int | None,
) -> _Wish:
    given = {"per_cell": per_cell, "area_m2": area_m2, "into": into}
    problems = []
    if sum(value is not None for value in given.values()) != 1:
        problems.append(message("division.one_of_three", **given))
    if target not in (None, *TARGETS):
        choices = ", ".join(TARGETS)
        problems.append(message("options.unknown", name="target", value=target, choices=choices))
    if area_m2 is not None and target == "households":
        problems.append(message("division.area_of_households", area_m2=area_m2))
    for name, value in given.items():
        if value is not None and not value > 0:
            problems.append(message("division.not_positive", name=name, value=value))
    raise_all(OptionError, problems)
    buildings = district.buildings
    known = buildings is not None and "households" in buildings.columns
    by_area = target == "area" or area_m2 is not None or (into is not None and not known)
    if target == "households" or (per_cell is not None and target is None):
        by_area = False
    if not by_area and not known:
        raise SchemaError(*message("division.no_households", name=district.name))
    return _Wish(by_area, float(per_cell or area_m2 or 0), into)


def _numbered(cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    if "community_code" in cells.columns:
        return number_cells(cells)
    return number_cells(cells, prefix=FREE_PREFIX, digits=max(3, len(str(len(cells)))))


def _require_sound(cells: gpd.GeoDataFrame, district: District, lang: Lang) -> None:
    findings = check_cells(cells, district, lang=lang)
    broken = findings[findings["severity"] == "error"]
    if len(broken):
        rules = "; ".join(f"{rule}: {detail}" for rule, detail in broken[["rule", "detail"]].values)
        raise GeometryError(*message("division.not_sound", rules=rules))


class _Speaker:
    """Writes a line for each finished stage with the seconds it took."""

    def __init__(self, out: TextIO | None, lang: Lang) -> None:
        self._out, self._lang, self._since = out, lang, time.perf_counter()

    def __call__(self, key: str, **values: int) -> None:
        now = time.perf_counter()
        if self._out is not None:
            text = say(key, self._lang, **values)
            self._out.write(f"{now - self._since:6.1f} s  {text}\n")
            self._out.flush()
        self._since = now
