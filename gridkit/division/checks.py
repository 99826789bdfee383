"""The certificate of a grid: every rule, what it serves, and where the cells break it.

Nothing here is shared with the code that makes cells, so that a fault there cannot hide itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ..crs import area_m2, require_metres, same_crs
from ..errors import CRSError, GeometryError
from ..messages import Message, message, require_lang
from ..tables import CELLS, FINDINGS

if TYPE_CHECKING:
    from ..intake.district import District

__all__ = ["check_cells"]

CODE_DIGITS = 15
PARENT_DIGITS = 12
LEAST_M2, MOST_M2 = 2_000, 50_000
TOLERANCE_M2 = 1.0
SLIVER_M = 0.1

Ints = npt.NDArray[np.integer[Any]]
Geometries = npt.NDArray[Any]
NOTHING = Message("", "")
NOBODY: Ints = np.zeros(0, dtype=np.int64)
NOWHERE: Geometries = np.zeros(0, dtype=object)


@dataclass(frozen=True)
class _Case:
    """What the rules look at; `shapes` are sound copies, empty where a row has no polygon."""

    cells: gpd.GeoDataFrame
    codes: pd.Series[str]
    given: Geometries
    shapes: Geometries
    district: District | None


@dataclass(frozen=True)
class _Result:
    """What one rule found."""

    severity: str
    detail: Message
    remedy: Message = NOTHING
    rows: Ints = field(default_factory=lambda: NOBODY)
    places: Geometries = field(default_factory=lambda: NOWHERE)


_Rule = Callable[[_Case], _Result]


def check_cells(
    cells: gpd.GeoDataFrame, district: District | None = None, *, lang: str = "zh"
) -> gpd.GeoDataFrame:
    """Check a grid, made or given, against the principles of dividing unit cells.

    One row for each rule, so that the table reads as a certificate. The rules and principles are
    those of GB/T 30428.1 and DB11 as far as published; tolerances are gridkit's: a gap or an
    overlap counts above 1 m² where it is wider than 0.1 m.

    ========================== ========================================================
    ``CRS``                    a CRS in metres, the same for cells and district
    ``CODE_FORMAT``            15 digits; codes of another kind are a scheme of their own
    ``CODE_UNIQUE``            no code twice
    ``CODE_PREFIX_MATCHES_PARENT`` begins with the code of its community
    ``EMPTY``                  each cell has a shape
    ``INVALID_GEOMETRY``       which is a sound polygon
    ``MULTIPART``              in one piece
    ``HOLE``                   and does not surround others
    ``GAP``                    no land of the district is in no cell
    ``OVERLAP``                nor in two
    ``CROSSES_COMMUNITY``      each cell lies in its own community
    ``AREA_RANGE``             2,000–50,000 m²
    ``COMPACTNESS``            mean Polsby-Popper index
    ``LOAD_BALANCE``           coefficient of variation of ``load``
    ========================== ========================================================

    Parameters
    ----------
    cells : GeoDataFrame
        With ``cell_code``; ``parent_code``, ``community_code``, ``level`` and ``load`` are used
        when there.
    district : District, optional
        Its boundary, water and communities; rules that need what is absent are listed as
        ``not_checked``.
    lang : {"zh", "en"}, default "zh"
        Language of ``principle``, ``detail`` and ``remedy``.

    Returns
    -------
    GeoDataFrame
        Findings: ``rule``, ``severity`` (``error``, ``warning``, ``info``, ``ok``,
        ``not_checked``), ``principle``, ``codes`` (joined by ", "), ``rows`` (how many cells the
        finding concerns), ``detail``, ``remedy`` and ``geometry`` to draw (or none).

    Raises
    ------
    SchemaError
        `cells` has no ``cell_code``, or no geometry column.
    GeometryError
        `cells` has no rows.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> from gridkit.division.checks import check_cells
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["370602001001001", "370602001001002"]},
    ...     geometry=[box(0, 0, 100, 100), box(95, 0, 200, 100)],
    ...     crs=4549,
    ... )
    >>> findings = check_cells(cells, lang="en").set_index("rule")
    >>> print(findings.loc["OVERLAP", "severity"], "-", findings.loc["OVERLAP", "detail"])
    error - 1 overlap(s), 500 m² in more than one cell
    """
    spoken = require_lang(lang)
    case = _case(cells, district)
    metres = _in_metres(case)
    rows = []
    for name, principle, rule, measures in _rules():
        result = rule(case) if metres or not measures else _absent(message("division.needs_metres"))
        rows.append(
            {
                "rule": name,
                "severity": result.severity,
                "principle": principle.text(spoken),
                "codes": ", ".join(dict.fromkeys(case.codes.iloc[result.rows])),
                "rows": len(result.rows),
                "detail": result.detail.text(spoken),
                "remedy": result.remedy.text(spoken),
                "geometry": shapely.union_all(result.places) if len(result.places) else None,
            }
        )
    columns = [c.name for c in FINDINGS.columns]
    return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=cells.crs)


def _rules() -> tuple[tuple[str, Message, _Rule, bool], ...]:
    """Return name, principle, function and whether it measures, of each rule."""
    statutory = message("division.principle_statutory")
    territorial = message("division.principle_territorial")
    convenience = message("division.principle_convenience")
    seamless = message("division.principle_seamless")
    layout = message("division.principle_layout")
    balance = message("division.principle_load")
    return (
        ("CRS", statutory, _crs, False),
        ("CODE_FORMAT", statutory, _code_format, False),
        ("CODE_UNIQUE", statutory, _code_unique, False),
        ("CODE_PREFIX_MATCHES_PARENT", territorial, _code_prefix, False),
        ("EMPTY", seamless, _empty, False),
        ("INVALID_GEOMETRY", seamless, _invalid, False),
        ("MULTIPART", convenience, _multipart, False),
        ("HOLE", convenience, _hole, False),
        ("GAP", seamless, _gap, True),
        ("OVERLAP", seamless, _overlap, True),
        ("CROSSES_COMMUNITY", territorial, _crosses_community, True),
        ("AREA_RANGE", layout, _area_range, True),
        ("COMPACTNESS", convenience, _compactness, True),
        ("LOAD_BALANCE", balance, _load_balance, False),
    )


def _case(cells: gpd.GeoDataFrame, district: District | None) -> _Case:
    CELLS.require_columns(cells, source="check_cells")
    if cells.empty:
        raise GeometryError(*message("division.no_areas", what="cells"))
    given: Geometries = cells.geometry.to_numpy()
    polygons = np.isin(shapely.get_type_id(given), [3, 6])
    shapes = np.full(len(given), shapely.Polygon(), dtype=object)
    shapes[polygons] = shapely.make_valid(given[polygons], method="structure", keep_collapsed=False)
    codes = cells["cell_code"].astype("str").fillna("").str.strip()
    return _Case(cells, codes, given, shapes, district)


def _absent(what: Message | str) -> _Result:
    return _Result("not_checked", message("division.not_checked", what=what))


def _sound() -> _Result:
    return _Result("ok", message("division.found_none"))


def _in_metres(case: _Case) -> bool:
    return _crs(case).severity == "ok"


def _crs(case: _Case) -> _Result:
    try:
        require_metres(case.cells, what="cells")
        if case.district is not None:
            same_crs(case.district.boundary, case.cells, what="cells")
    except CRSError as error:
        return _Result("error", Message(error.en, error.zh), message("division.crs_remedy"))
    return _Result("ok", message("division.crs_found", crs=case.cells.crs.name))


def _code_format(case: _Case) -> _Result:
    standard = case.codes.str.fullmatch(rf"[0-9]{{{CODE_DIGITS}}}").to_numpy(dtype=bool)
    if standard.any():
        bad = np.flatnonzero(~standard)
        detail = message("division.bad_codes", n=len(bad))
    else:
        bad = np.flatnonzero(case.codes == "")
        detail = message("division.empty_codes", n=len(bad))
    if len(bad):
        remedy = message("division.bad_codes_remedy")
        return _Result("error", detail, remedy, bad, case.shapes[bad])
    if standard.any():
        return _sound()
    free = message("division.free_codes")
    return _Result("info", free, message("division.free_codes_remedy"))


def _code_unique(case: _Case) -> _Result:
    twice = np.flatnonzero(case.codes.duplicated(keep=False) & (case.codes != ""))
    if not len(twice):
        return _sound()
    detail = message("division.repeated_codes", n=len(twice))
    remedy = message("division.repeated_codes_remedy")
    return _Result("error", detail, remedy, twice, case.shapes[twice])


def _code_prefix(case: _Case) -> _Result:
    above = [c for c in ("parent_code", "community_code") if c in case.cells.columns]
    standard = case.codes.str.fullmatch(rf"[0-9]{{{CODE_DIGITS}}}").to_numpy(dtype=bool)
    if not above or not standard.any():
        return _absent("parent_code" if not above else "cell_code (15)")
    prefix = case.codes.str[:PARENT_DIGITS]
    wrong = np.zeros(len(prefix), dtype=bool)
    for column in above:
        wrong |= (case.cells[column].astype("str").fillna("") != prefix).to_numpy()
    bad = np.flatnonzero(wrong & standard)
    if not len(bad):
        return _sound()
    detail = message("division.wrong_prefix", n=len(bad))
    remedy = message("division.wrong_prefix_remedy")
    return _Result("error", detail, remedy, bad, case.shapes[bad])


def _empty(case: _Case) -> _Result:
    bad = np.flatnonzero(shapely.is_missing(case.given) | shapely.is_empty(case.given))
    if not len(bad):
        return _sound()
    detail = message("division.empty_shapes", n=len(bad))
    return _Result("error", detail, message("division.empty_shapes_remedy"), bad)


def _invalid(case: _Case) -> _Result:
    there = ~(shapely.is_missing(case.given) | shapely.is_empty(case.given))
    polygon = np.isin(shapely.get_type_id(case.given), [3, 6])
    bad = np.flatnonzero(there & ~(polygon & shapely.is_valid(case.given)))
    if not len(bad):
        return _sound()
    detail = message("division.invalid_shapes", n=len(bad))
    remedy = message("division.invalid_shapes_remedy")
    return _Result("error", detail, remedy, bad, case.shapes[bad])


def _multipart(case: _Case) -> _Result:
    bad = np.flatnonzero(shapely.get_num_geometries(case.shapes) > 1)
    if not len(bad):
        return _sound()
    detail = message("division.multipart", n=len(bad))
    remedy = message("division.multipart_remedy")
    return _Result("warning", detail, remedy, bad, case.shapes[bad])


def _hole(case: _Case) -> _Result:
    parts, owner = shapely.get_parts(case.shapes, return_index=True)
    bad = np.unique(owner[shapely.get_num_interior_rings(parts) > 0])
    if not len(bad):
        return _sound()
    detail = message("division.holes", n=len(bad))
    return _Result("info", detail, message("division.holes_remedy"), bad, case.shapes[bad])


def _wide(geoms: Geometries) -> Geometries:
    """Return the parts above 1 m², after strips narrower than 0.1 m are taken away."""
    core = shapely.buffer(geoms, -SLIVER_M / 2, join_style="mitre")
    parts = shapely.get_parts(shapely.buffer(core, SLIVER_M / 2, join_style="mitre"))
    return parts[shapely.area(parts) > TOLERANCE_M2]


def _gap(case: _Case) -> _Result:
    union = shapely.union_all(case.shapes)
    if case.district is None:
        rings = shapely.get_rings(shapely.get_parts(union))
        land = shapely.union_all(shapely.polygons(rings))
    else:
        land = case.district.boundary.geometry.iloc[0]
        if case.district.water is not None:
            water = shapely.union_all(case.district.water.geometry.to_numpy())
            land = shapely.difference(land, water)
    gaps = _wide(shapely.get_parts(shapely.difference(land, union)))
    if not len(gaps):
        return _sound()
    tree = shapely.STRtree(case.shapes)
    around = np.unique(tree.query(gaps, predicate="dwithin", distance=SLIVER_M)[1])
    detail = message("division.gaps", n=len(gaps), area=round(float(shapely.area(gaps).sum())))
    if case.district is None:
        remedy = message("division.gaps_unsure_remedy")
        return _Result("warning", detail, remedy, around, gaps)
    return _Result("error", detail, message("division.gaps_remedy"), around, gaps)


def _overlap(case: _Case) -> _Result:
    i, j = shapely.STRtree(case.shapes).query(case.shapes, predicate="intersects")
    i, j = i[i < j], j[i < j]
    common = shapely.intersection(case.shapes[i], case.shapes[j])
    large = shapely.area(common) > TOLERANCE_M2
    i, j, common = i[large], j[large], common[large]
    wide = np.array([len(_wide(shapely.get_parts(c))) > 0 for c in common], dtype=bool)
    if not wide.any():
        return _sound()
    rows = np.unique(np.concatenate([i[wide], j[wide]]))
    area = round(float(shapely.area(common[wide]).sum()))
    detail = message("division.overlaps", n=int(wide.sum()), area=area)
    return _Result("error", detail, message("division.overlaps_remedy"), rows, common[wide])


def _crosses_community(case: _Case) -> _Result:
    if case.district is None or case.district.communities is None:
        return _absent("communities")
    communities = case.district.communities
    areas: Geometries = communities.geometry.to_numpy()
    own = _main_community(case.shapes, areas)
    unknown = np.zeros(len(own), dtype=bool)
    if "community_code" in case.cells.columns:
        stated = pd.Index(communities["community_code"]).get_indexer(case.cells["community_code"])
        unknown = stated < 0
        own = np.where(unknown, own, stated)
    nothing: Geometries = np.full(1, shapely.Polygon(), dtype=object)
    inside = np.concatenate([areas, nothing])[own]  # -1 is the last
    beyond = shapely.difference(case.shapes, inside)
    parts = [_wide(shapely.get_parts(b)) for b in beyond]
    bad = np.flatnonzero(unknown | np.array([len(p) > 0 for p in parts], dtype=bool))
    if not len(bad):
        return _sound()
    places = np.concatenate(parts)
    area = round(float(shapely.area(places).sum()))
    detail = message("division.crossing", n=len(bad), area=area)
    return _Result("error", detail, message("division.crossing_remedy"), bad, places)


def _main_community(shapes: Geometries, areas: Geometries) -> Ints:
    """Return the position of the community with most of each shape, -1 where it is in none."""
    cell, community = shapely.STRtree(areas).query(shapes, predicate="intersects")
    common = shapely.area(shapely.intersection(shapes[cell], areas[community]))
    own: Ints = np.full(len(shapes), -1, dtype=np.int64)
    order = np.argsort(common, kind="stable")
    own[cell[order]] = community[order]
    return own


def _area_range(case: _Case) -> _Result:
    unit = np.ones(len(case.cells), dtype=bool)
    if "level" in case.cells.columns:
        unit = case.cells["level"].fillna("cell").eq("cell").to_numpy()
    if not unit.any():
        return _absent("level = cell")
    area = area_m2(gpd.GeoSeries(case.shapes, crs=case.cells.crs))
    bad = np.flatnonzero(unit & ((area < LEAST_M2) | (area > MOST_M2)))
    detail = message(
        "division.area_range",
        n=len(bad),
        low=LEAST_M2,
        high=MOST_M2,
        least=area[unit].min(),
        most=area[unit].max(),
    )
    if not len(bad):
        return _Result("ok", detail)
    remedy = message("division.area_range_remedy")
    return _Result("warning", detail, remedy, bad, case.shapes[bad])


def _compactness(case: _Case) -> _Result:
    length = shapely.length(case.shapes)
    there = length > 0
    if not there.any():
        return _absent("geometry")
    index = 4 * np.pi * shapely.area(case.shapes[there]) / length[there] ** 2
    return _Result("info", message("division.compactness", mean=index.mean(), least=index.min()))


def _load_balance(case: _Case) -> _Result:
    if "load" not in case.cells.columns:
        return _absent("load")
    load = pd.to_numeric(case.cells["load"], errors="coerce").dropna().to_numpy(dtype=float)
    if not load.sum() > 0:
        return _absent("load > 0")
    figures = {"least": load.min(), "mean": load.mean(), "most": load.max()}
    return _Result("info", message("division.load_balance", cv=load.std() / load.mean(), **figures))
