"""Broken grids that the checker must see, and broken checkers that those grids must unmask."""

import importlib
import sys
import types
from pathlib import Path
from unittest import mock

import pytest

import gridkit
from gridkit.division.checks import check_cells

HERE = Path(__file__).parent
DIVISION = Path(gridkit.__file__).parent / "division"
MODULES = ["rules_case", "rules_codes", "rules_shapes", "rules_land", "rules_people", "rules_datum"]


def load_worlds():
    spec = importlib.util.spec_from_file_location("worlds", HERE / "worlds.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("worlds", module)
    spec.loader.exec_module(module)
    return module


worlds = load_worlds()


@pytest.mark.parametrize("name", worlds.BROKEN)
def test_a_broken_grid_is_seen_by_exactly_the_right_rules(name):
    change, rules = worlds.BROKEN[name]
    world = change(worlds.sound_world())
    findings = world.check(check_cells)
    assert worlds.complaints(findings) == set(rules.split())
    bad = findings[findings["severity"].isin(["error", "warning"])]
    assert (bad["remedy"] != "").all()
    assert (bad["detail"] != "").all()


@pytest.mark.parametrize("name", worlds.FINE)
def test_a_grid_within_the_tolerances_passes(name):
    assert worlds.complaints(worlds.FINE[name](worlds.sound_world()).check(check_cells)) == set()


def test_every_rule_that_can_complain_has_a_grid_that_only_it_or_few_see():
    findings = worlds.sound_world().check(check_cells)
    never = {"HOLE", "COMPACTNESS", "LOAD_BALANCE"}  # information, no complaint
    seen = {rule: min((len(r.split()) for _, r in worlds.BROKEN.values() if rule in r.split()),
                      default=99) for rule in set(findings["rule"]) - never}  # fmt: skip
    assert max(seen.values()) <= 5, seen
    alone = {rule for rule, n in seen.items() if n == 1}
    assert len(alone) >= 17, sorted(alone)


# One fault each: module, what stands there, what a slip might have made of it, and the grid that
# unmasks it.
SLIPS = [
    ("rules_case", "TOLERANCE_M2 = 1.0", "TOLERANCE_M2 = 1000.0", "two pieces"),
    ("rules_case", "TOLERANCE_M2 = 1.0", "TOLERANCE_M2 = 0.1", "gap of 0.9 m²"),
    ("rules_case", "SLIVER_M = 0.1", "SLIVER_M = 100.0", "two pieces"),
    ("rules_case", "SLIVER_M = 0.1", "SLIVER_M = 0.001", "crack along a whole border"),
    (
        "rules_case",
        "parts[shapely.area(parts) > TOLERANCE_M2]",
        "parts[shapely.area(parts) < 1]",
        "crack along a whole border",
    ),
    ("rules_case", "if not len(rows) and", "if len(rows) and", "crack along a whole border"),
    ("rules_case", "self.shapes[self.uneven]", "self.shapes[:0]", "overlap of 11 cm"),
    ("rules_case", ".str.strip()", "", "nobody answers"),
    ("rules_codes", "(~case.codes.str.fullmatch", "(case.codes.str.match", "nobody answers"),
    (
        "rules_codes",
        "duplicated(keep=False) & (case",
        "duplicated(keep=False) & ~(case",
        "one code twice",
    ),
    ("rules_codes", '"parent_code", "community_code")]', '"community_code",)]', "foreign parent"),
    ("rules_codes", '"parent_code", "community_code")]', '"parent_code",)]', "unknown community"),
    ("rules_codes", "(column != parts.above)", "(column == parts.above)", "one code twice"),
    ("rules_codes", "LAST_STREET = 599", "LAST_STREET = 999", "street 600"),
    ("rules_codes", "LAST_STREET = 599", "LAST_STREET = 399", "street 599"),
    ("rules_codes", "(number < 1)", "(number < 0)", "street 000"),
    ("rules_codes", "lost = lost[lost > 0]", "lost = lost[lost > 1]", "one code twice"),
    (
        "rules_codes",
        'case.every["cell_code"].astype',
        'case.cells["cell_code"].astype',
        "ends before it begins",
    ),
    ("rules_codes", "BAND_SHARE = 0.6", "BAND_SHARE = 60", "ends before it begins"),
    (
        "rules_codes",
        "np.diff(rank, prepend=-1) < 0",
        "np.diff(rank, prepend=-1) > 0",
        "ends before it begins",
    ),
    ("rules_codes", "np.lexsort((-y[at], x[at]))", "np.lexsort((y[at], x[at]))", "strictly by x"),
    (
        "rules_codes",
        "np.lexsort((-y, x, band))",
        "np.lexsort((-y, -x, band))",
        "ends before it begins",
    ),
    ("rules_codes", 'transform("nunique") > 1', 'transform("nunique") > 2', "unknown community"),
    ("rules_codes", "& (should != columns", "& (should == columns", "ends before it begins"),
    ("rules_codes", "(level != level.mode().iloc[0])", "(level != level)", "two levels"),
    (
        "rules_codes",
        "np.array(start > end",
        "np.array(start >= end",
        "made and replaced on one day",
    ),
    ("rules_codes", "np.array(start > end", "np.array(start < end", "ends before it begins"),
    (
        "rules_codes",
        '(spans["start"] < before)',
        '(spans["start"] <= before)',
        "a code's earlier life",
    ),
    ("rules_codes", '(spans["start"] < before)', '(spans["start"] > before)', "one code twice"),
    (
        "rules_codes",
        "every[name].notna() & days.isna()",
        "every[name].isna() & days.isna()",
        "a code's earlier life",
    ),
    (
        "rules_shapes",
        "LEAST_M2, MOST_M2 = 2_000, 50_000",
        "LEAST_M2, MOST_M2 = 2_500, 50_000",
        "an area of 2,100 m²",
    ),
    (
        "rules_shapes",
        "LEAST_M2, MOST_M2 = 2_000, 50_000",
        "LEAST_M2, MOST_M2 = 2, 50_000",
        "one cell inside another",
    ),
    (
        "rules_shapes",
        "LEAST_M2, MOST_M2 = 2_000, 50_000",
        "LEAST_M2, MOST_M2 = 2_000, 50_000_000",
        "too large",
    ),
    (
        "rules_shapes",
        "LEAST_M2, MOST_M2 = 2_000, 50_000",
        "LEAST_M2, MOST_M2 = 2_000, 40_000",
        "an area of 49,500 m²",
    ),
    (
        "rules_shapes",
        'level.isin(["", "cell"])',
        'level.isin(["", "cell", "duty_cell"])',
        "duty cells of any size",
    ),
    (
        "rules_shapes",
        "shapely.is_missing(case.given) | shapely.is_empty(case.given))\n    return",
        "shapely.is_missing(case.given) & shapely.is_empty(case.given))\n    return",
        "no shape",
    ),
    ("rules_shapes", "there & ~np.isin", "there & np.isin", "no shape"),
    ("rules_shapes", "polygon & ~shapely.is_valid", "polygon & shapely.is_valid", "no shape"),
    (
        "rules_shapes",
        "get_num_geometries(case.shapes) > 1",
        "get_num_geometries(case.shapes) > 2",
        "two pieces",
    ),
    (
        "rules_shapes",
        "if declared or like_degrees",
        "if declared and like_degrees",
        "degrees said to be metres",
    ),
    ("rules_shapes", "if declared or like_degrees", "if declared", "degrees said to be metres"),
    ("rules_shapes", 'require_metres(case.cells, what="cells")', "pass", "web mercator"),
    (
        "rules_shapes",
        'same_crs(case.district.boundary, case.cells, what="cells")',
        "pass",
        "another CRS",
    ),
    (
        "rules_land",
        "shapely.difference(land, case.union)",
        "shapely.difference(case.union, land)",
        "two pieces",
    ),
    (
        "rules_land",
        "once = (i != j) & ((i < j) |",
        "once = (i != j) & ((i > j) &",
        "overlap of 11 cm",
    ),
    (
        "rules_land",
        "i, j, common = i[large], j[large], common[large]",
        "i, j, common = i[~large], j[~large], common[~large]",
        "overlap of 11 cm",
    ),
    ("rules_land", "gap_width=SLIVER_M", "gap_width=0.0", "crack along a whole border"),
    (
        "rules_land",
        "bad, places = _beyond(case.shapes, areas, np.zeros(",
        "bad, places = _beyond(case.shapes[:0], areas, np.zeros(",
        "crack along a whole border",
    ),
    ("rules_land", "np.union1d(bad, np.flatnonzero(unknown))", "bad", "unknown community"),
    (
        "rules_land",
        "shapely.difference(shapes[left], inside[own[left]])",
        "shapely.intersection(shapes[left], inside[own[left]])",
        "cells in GCJ-02",
    ),
    (
        "rules_land",
        'ALONG_A_LINE = "****1****"',
        'ALONG_A_LINE = "****0****"',
        "duty cell hangs by a corner",
    ),
    ("rules_land", "(member[i] == member[j])", "(member[i] != member[j])", "cells in GCJ-02"),
    (
        "rules_land",
        "minlength=len(stands)) > 1",
        "minlength=len(stands)) > 2",
        "building across a border",
    ),
    (
        "rules_land",
        "large = shapely.area(inside) > TOLERANCE_M2",
        "large = shapely.area(inside) > 100 * TOLERANCE_M2",
        "building across a border",
    ),
    ("rules_land", "COMPONENT_M = 0.5", "COMPONENT_M = 500.0", "building across a border"),
    ("rules_land", "COMPONENT_M = 0.5", "COMPONENT_M = 0.05", "lamp 0.4 m from a border"),
    ("rules_people", 'np.flatnonzero(unit == "")', 'np.flatnonzero(unit == " ")', "nobody answers"),
    ("rules_people", '(person != "")', '(person != "x")', "post unfilled"),
    ("rules_people", "lacking |= ~held", "lacking &= ~held", "post unfilled"),
    (
        "rules_people",
        'CLIMB = ("duty_code", "community_code", "street_code")',
        "CLIMB = ()",
        "nobody answers",
    ),
    ("rules_datum", "if readings[SAME] < enough", "if readings[SAME] > enough", "cells in GCJ-02"),
    (
        "rules_datum",
        "BETTER * readings[SAME] else None",
        "0.0 * readings[SAME] else None",
        "cells in GCJ-02",
    ),
    (
        "rules_datum",
        '(("gcj02", "wgs84"), ("wgs84", "gcj02"))',
        '(("wgs84", "gcj02"),)',
        "cells in GCJ-02",
    ),
    ("rules_datum", "if (cells, district) in READINGS[datum]", "if True", "cells in GCJ-02"),
    (
        "checks",
        '("SHARED_BORDERS", SEAMLESS, rules_land.shared_borders, True)',
        '("SHARED_BORDERS", SEAMLESS, rules_land.outside, True)',
        "cells in GCJ-02",
    ),
    (
        "checks",
        "return (open_ if open_.any() else end == end.max()).to_numpy(dtype=bool)",
        "return np.ones(len(cells), dtype=bool)",
        "a code's earlier life",
    ),
    ("checks", "(start <= day)", "(start > day)", "ends before it begins"),
    ("checks", 'rule(case).severity != "error" for rule', "True for rule", "another CRS"),
]


def broken_checker(module, old, new):
    """Load the checker anew with one line of one module changed, beside the real one."""
    fresh = {}
    with mock.patch.dict(sys.modules), mock.patch.dict(vars(gridkit.division)):
        for name in [*MODULES, "checks"]:
            full = f"gridkit.division.{name}"
            source = (DIVISION / f"{name}.py").read_text("utf-8")
            if name == module:
                assert old in source, f"{name}: {old!r} is no longer there"
                source = source.replace(old, new)
            made = types.ModuleType(full)
            made.__package__ = "gridkit.division"
            sys.modules[full] = fresh[name] = made
            setattr(gridkit.division, name, made)
            exec(compile(source, full, "exec"), vars(made))
    return fresh["checks"].check_cells


@pytest.mark.parametrize(("module", "old", "new", "grid"), SLIPS)
def test_a_slip_in_the_checker_is_unmasked(module, old, new, grid):
    assert worlds.is_right(broken_checker("checks", "RULES", "RULES"), grid)
    assert not worlds.is_right(broken_checker(module, old, new), grid)
