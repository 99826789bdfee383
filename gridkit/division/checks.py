"""The certificate of a grid: every rule, what it serves, and where the cells break it.

Nothing here is shared with the code that makes cells, so that a fault there cannot hide itself:
the rules, in the ``rules_*`` modules beside this one, have an arithmetic of their own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..errors import GeometryError, OptionError, SchemaError
from ..messages import message, require_lang
from ..tables import CELLS, FINDINGS, POSTS
from . import rules_codes, rules_datum, rules_land, rules_people, rules_shapes
from .rules_case import Case, Result, absent
from .schemes import CodeScheme

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from ..intake.district import District

    Rule = Callable[[Case], Result]

__all__ = ["check_cells"]


def check_cells(
    cells: gpd.GeoDataFrame,
    district: District | None = None,
    *,
    posts: pd.DataFrame | None = None,
    roles: Sequence[str] | None = None,
    components: gpd.GeoDataFrame | None = None,
    scheme: CodeScheme | None = None,
    at: date | str | None = None,
    lang: str = "zh",
) -> gpd.GeoDataFrame:
    """Check a grid, made or given, against the principles of dividing unit cells.

    One row for each rule, passed or not, so that the table reads as a certificate. The rules and
    principles are those of GB/T 30428.1 and DB11 as far as published; tolerances are gridkit's: a
    gap or an overlap counts above 1 m² where it is wider than 0.1 m.

    ============================== ====================================================
    ``CRS_MISSING``                the cells say which CRS they are in
    ``AREA_IN_DEGREES``            which is not in degrees, nor are the numbers
    ``CRS``                        but in metres, the same for cells and district
    ``CRS_SUSPECT_GCJ``, ``_BD``   they would not fit the district's outline, or its streets,
                                   better when read as GCJ-02 or BD-09 (warning)
    ``CODE_FORMAT``                codes fit the scheme
    ``CODE_UNIQUE``                no code twice
    ``CODE_PREFIX_MATCHES_PARENT`` each begins with the code of its community
    ``STREET_BAND``                street digits in 001–599 (warning)
    ``SEQ_GAP``, ``SEQ_ORDER``     the sequence has no holes and runs west to east, then north
                                   to south (warnings)
    ``DATES``                      validity begins before it ends; no code twice at one time
    ``NESTING``                    each duty cell in one community, each community in one
                                   street, one level a table
    ``EMPTY``, ``NOT_POLYGON``     each cell has a shape, which is an area
    ``INVALID_GEOMETRY``           that does not cross itself
    ``MULTIPART``                  in one piece (warning)
    ``HOLE``                       and does not surround others (info)
    ``GAP``                        no land of the district is in no cell
    ``OVERLAP``                    nor in two
    ``SHARED_BORDERS``             neighbours agree vertex by vertex (warning)
    ``OUTSIDE``                    no cell reaches out of the district
    ``CROSSES_COMMUNITY``          nor out of its community
    ``CROSSES_STREET``             nor out of its street
    ``CONTIGUITY``                 the cells of one duty cell hang together
    ``CUTS_BUILDING``              no building stands in two cells (warning)
    ``CUTS_COMPONENT``             no component within 0.5 m of a border (warning)
    ``AREA_RANGE``                 unit cells have 2,000–50,000 m² (warning)
    ``COMPACTNESS``                mean Polsby-Popper index (info)
    ``LOAD_BALANCE``               coefficient of variation of ``load`` (info)
    ``NO_RESPONSIBLE_BODY``        each cell names who answers for it
    ``NO_ROLE``                    and has a person for each role
    ============================== ====================================================

    Parameters
    ----------
    cells : GeoDataFrame
        With ``cell_code``; the other columns of the table ``cells`` are used when there.
        Retired rows (``valid_to`` in the past) count for dates and sequences only.
    district : District, optional
        Its boundary, water, communities, streets and buildings.
    posts : DataFrame, optional
        The table ``posts``, of any level.
    roles : sequence of str, optional
        Roles that each cell needs; by default those that `posts` has.
    components : GeoDataFrame, optional
        Points or outlines of lamps, manholes and the like.
    scheme : CodeScheme, optional
        By default the 15-digit codes, or those of duty cells, whichever more cells have; a grid
        with neither has codes of its own.
    at : date, optional
        Check the map of this day; by default the rows that have no ``valid_to``, or where all
        have one, those that end last.
    lang : {"zh", "en"}, default "zh"
        Language of ``principle``, ``detail`` and ``remedy``.

    Returns
    -------
    GeoDataFrame
        Findings: ``rule``, ``severity`` (``error``, ``warning``, ``info``, ``ok``,
        ``not_checked``), ``principle``, ``codes`` (joined by ", "), ``rows`` (how many cells the
        finding concerns), ``detail``, ``remedy`` and ``geometry`` to draw (or none). Rules whose
        layers or columns are absent are ``not_checked``, and so are those that measure where the
        CRS is at fault.

    Raises
    ------
    SchemaError
        `cells` has no ``cell_code``, or no geometry column; `posts` lacks a column.
    GeometryError
        `cells` has no rows, or none in force.
    OptionError
        `roles` are given without `posts`, or `at` is no date.

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
    case = _case(cells, district, scheme, at)
    case = _with_others(case, posts, roles, components)
    metres = all(rule(case).severity != "error" for rule in COORDINATES)
    rows = []
    for name, principle, rule, measures in RULES:
        result = rule(case) if metres or not measures else absent(message("division.needs_metres"))
        codes = result.codes
        if codes is None:
            codes = tuple(case.codes.iloc[[] if result.rows is None else result.rows])
        drawn = result.places is not None and len(result.places)
        rows.append(
            {
                "rule": name,
                "severity": result.severity,
                "principle": message(principle).text(spoken),
                "codes": ", ".join(dict.fromkeys(codes)),
                "rows": 0 if result.rows is None else len(result.rows),
                "detail": result.detail.text(spoken),
                "remedy": result.remedy.text(spoken),
                "geometry": shapely.union_all(result.places) if drawn else None,
            }
        )
    columns = [c.name for c in FINDINGS.columns]
    return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=cells.crs)


STATUTORY = "division.principle_statutory"
TERRITORIAL = "division.principle_territorial"
LAYOUT = "division.principle_layout"
CONVENIENCE = "division.principle_convenience"
OBJECTS = "division.principle_objects"
LOAD = "division.principle_load"
SEAMLESS = "division.principle_seamless"
STABILITY = "division.principle_stability"

COORDINATES: tuple[Rule, ...] = (
    rules_shapes.crs_missing,
    rules_shapes.area_in_degrees,
    rules_shapes.crs,
)

RULES: tuple[tuple[str, str, Rule, bool], ...] = (
    ("CRS_MISSING", STATUTORY, rules_shapes.crs_missing, False),
    ("AREA_IN_DEGREES", STATUTORY, rules_shapes.area_in_degrees, False),
    ("CRS", STATUTORY, rules_shapes.crs, False),
    ("CRS_SUSPECT_GCJ", STATUTORY, rules_datum.suspect_gcj, True),
    ("CRS_SUSPECT_BD", STATUTORY, rules_datum.suspect_bd, True),
    ("CODE_FORMAT", STATUTORY, rules_codes.code_format, False),
    ("CODE_UNIQUE", STATUTORY, rules_codes.code_unique, False),
    ("CODE_PREFIX_MATCHES_PARENT", TERRITORIAL, rules_codes.code_prefix, False),
    ("STREET_BAND", STATUTORY, rules_codes.street_band, False),
    ("SEQ_GAP", STATUTORY, rules_codes.seq_gap, False),
    ("SEQ_ORDER", STATUTORY, rules_codes.seq_order, True),
    ("DATES", STABILITY, rules_codes.dates, False),
    ("NESTING", TERRITORIAL, rules_codes.nesting, False),
    ("EMPTY", SEAMLESS, rules_shapes.empty, False),
    ("NOT_POLYGON", SEAMLESS, rules_shapes.not_polygon, False),
    ("INVALID_GEOMETRY", SEAMLESS, rules_shapes.invalid, False),
    ("MULTIPART", CONVENIENCE, rules_shapes.multipart, False),
    ("HOLE", CONVENIENCE, rules_shapes.hole, False),
    ("GAP", SEAMLESS, rules_land.gap, True),
    ("OVERLAP", SEAMLESS, rules_land.overlap, True),
    ("SHARED_BORDERS", SEAMLESS, rules_land.shared_borders, True),
    ("OUTSIDE", TERRITORIAL, rules_land.outside, True),
    ("CROSSES_COMMUNITY", TERRITORIAL, rules_land.crosses_community, True),
    ("CROSSES_STREET", TERRITORIAL, rules_land.crosses_street, True),
    ("CONTIGUITY", CONVENIENCE, rules_land.contiguity, True),
    ("CUTS_BUILDING", OBJECTS, rules_land.cuts_building, True),
    ("CUTS_COMPONENT", OBJECTS, rules_land.cuts_component, True),
    ("AREA_RANGE", LAYOUT, rules_shapes.area_range, True),
    ("COMPACTNESS", CONVENIENCE, rules_shapes.compactness, True),
    ("LOAD_BALANCE", LOAD, rules_shapes.load_balance, False),
    ("NO_RESPONSIBLE_BODY", TERRITORIAL, rules_people.no_responsible_body, False),
    ("NO_ROLE", TERRITORIAL, rules_people.no_role, False),
)
"""Name, principle, function, and whether the rule measures and so needs metres."""


def _case(
    cells: gpd.GeoDataFrame,
    district: District | None,
    scheme: CodeScheme | None,
    at: date | str | None,
) -> Case:
    CELLS.require_columns(cells, source="check_cells")
    if cells.empty:
        raise GeometryError(*message("division.no_areas", what="cells"))
    live = cells[_in_force(cells, at)]
    if live.empty:
        raise GeometryError(*message("division.none_in_force", at=at))
    given = live.geometry.to_numpy()
    polygons = np.isin(shapely.get_type_id(given), rules_shapes.POLYGONS)
    shapes = np.full(len(given), shapely.Polygon(), dtype=object)
    shapes[polygons] = shapely.force_2d(given[polygons])
    crossed = ~shapely.is_valid(shapes)
    shapes[crossed] = shapely.make_valid(shapes[crossed], method="structure", keep_collapsed=False)
    codes = live["cell_code"].astype("str").fillna("").str.strip()
    return Case(live, cells, codes, given, shapes, district, scheme or _likely(codes))


def _in_force(cells: gpd.GeoDataFrame, at: date | str | None) -> Any:
    start, end = (rules_codes.days_of(cells, c) for c in ("valid_from", "valid_to"))
    if at is None:
        open_ = end.isna()
        return (open_ if open_.any() else end == end.max()).to_numpy(dtype=bool)
    day = pd.to_datetime(pd.Series([at]), errors="coerce", utc=True).iloc[0]
    if pd.isna(day):
        raise OptionError(*message("division.no_day", value=at))
    begun = (start.isna() | (start <= day)).to_numpy(dtype=bool)
    return begun & (end.isna() | (end > day)).to_numpy(dtype=bool)


def _likely(codes: pd.Series[str]) -> CodeScheme | None:
    known = (CodeScheme(), CodeScheme.duty())
    fitting = [int(codes.str.fullmatch(scheme.regex).sum()) for scheme in known]
    return known[int(np.argmax(fitting))] if any(fitting) else None


def _with_others(
    case: Case,
    posts: pd.DataFrame | None,
    roles: Sequence[str] | None,
    components: gpd.GeoDataFrame | None,
) -> Case:
    """Add posts, roles and components, which must fit the cells."""
    if posts is None and roles is not None:
        raise OptionError(*message("division.roles_without_posts"))
    if posts is not None:
        POSTS.require_columns(posts, source="posts")
        if "person_id" not in posts.columns:
            found = ", ".join(map(str, posts.columns))
            lost = {"source": "posts", "table": "posts", "columns": "person_id", "found": found}
            raise SchemaError(*message("tables.missing_columns", **lost))
    needed = sorted(posts["role"].dropna().unique()) if posts is not None else []
    return replace(
        case,
        posts=posts,
        roles=tuple(needed if roles is None else roles),
        components=components,
    )
