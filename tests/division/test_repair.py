import importlib.util
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pandas.testing import assert_frame_equal
from shapely.geometry import MultiPolygon, Polygon, box

from gridkit.crs import area_m2
from gridkit.division.checks import check_cells
from gridkit.division.repair import repair_cells
from gridkit.errors import CRSError, GeometryError, GridkitError, OptionError, SchemaError
from gridkit.intake.district import District

SPEC = importlib.util.spec_from_file_location("breakage", Path(__file__).parent / "breakage.py")
breakage = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(breakage)


def broken_by(kind, seed):
    rng = np.random.default_rng([seed, 77])
    sound = breakage.sound_grid(rng)
    whole = shapely.union_all(sound.geometry.to_numpy())
    return breakage.KINDS[kind](sound, rng), whole


def town(whole, **layers):
    return District("Town", gpd.GeoDataFrame(geometry=[whole], crs=breakage.CRS), **layers)


@pytest.mark.parametrize("kind", sorted(set(breakage.KINDS) - breakage.REFUSED))
def test_broken_grids_are_mended(kind):
    for seed in range(6):
        broken, whole = broken_by(kind, seed)
        before = broken.copy()
        try:
            repair = repair_cells(broken, town(whole) if seed % 2 else None)
        except GeometryError:
            assert kind in ("jitter", "bow-tie"), f"{kind} {seed} was refused"
            continue
        boundary = whole if seed % 2 else None
        assert breakage.faults(broken, repair.cells, repair.changes, boundary) == []
        assert_frame_equal(broken, before)
        findings = check_cells(repair.cells, town(whole)).set_index("rule")["severity"]
        shape_rules = ["OVERLAP", "SHARED_BORDERS", "MULTIPART", "INVALID_GEOMETRY", "EMPTY"]
        assert set(findings[shape_rules]) == {"ok"}


@pytest.mark.parametrize("kind", sorted(breakage.REFUSED))
def test_what_cannot_be_mended_is_refused_with_a_reason(kind):
    for seed in range(6):
        broken, whole = broken_by(kind, seed)
        district = town(whole) if kind == "lost cell" else None
        with pytest.raises(GridkitError) as error:
            repair_cells(broken, district)
        assert "gap" in error.value.en if kind == "lost cell" else "cell" in error.value.en
        assert error.value.zh != error.value.en


@pytest.mark.parametrize("kind", ["shifted", "swollen", "island", "rounded", "nested"])
def test_the_order_of_the_rows_does_not_matter(kind):
    broken, whole = broken_by(kind, 3)
    there = repair_cells(broken, town(whole)).cells.sort_values("cell_code", ignore_index=True)
    mixed = broken.sample(frac=1, random_state=1)
    back = repair_cells(mixed, town(whole)).cells
    assert back.index.equals(mixed.index)
    back = back.sort_values("cell_code", ignore_index=True)
    assert there["cell_code"].equals(back["cell_code"])
    assert shapely.equals_exact(there.geometry.to_numpy(), back.geometry.to_numpy()).all()


def test_a_sound_grid_stays_as_it_is_to_the_last_bit():
    sound = breakage.sound_grid(np.random.default_rng(5))
    off_grid = sound.set_geometry(sound.translate(0.001234, 0.004321))
    for grid in (sound, off_grid):
        repair = repair_cells(grid)
        assert (repair.cells.geometry.to_wkb() == grid.geometry.to_wkb()).all()
        assert (repair.changes["done"] == "").all()
        assert (repair.changes["iou"] == 1).all()


def test_cells_far_from_the_fault_keep_their_vertices():
    grid = breakage.sound_grid(np.random.default_rng(6), nx=9)
    grid = grid.set_geometry(grid.translate(0.001234, 0.004321))
    broken = breakage.put(grid, 0, grid.geometry[0].buffer(3))
    mended = repair_cells(broken).cells
    far = grid.geometry.distance(grid.geometry[0]) > 150
    assert far.sum() > 20
    assert (mended.geometry[far].to_wkb() == grid.geometry[far].to_wkb()).all()
    assert shapely.coverage_is_valid(mended.geometry.to_numpy(), gap_width=0.1)


def test_mending_twice_changes_nothing():
    for kind in ("shifted", "jitter", "rounded"):
        once = repair_cells(broken_by(kind, 2)[0]).cells
        again = repair_cells(once)
        assert (again.changes["done"] == "").all()
        assert shapely.equals(once.geometry.to_numpy(), again.cells.geometry.to_numpy()).all()


def test_an_overlap_goes_to_the_smaller_cell(make):
    shapes = [make.place(box(0, 0, 100, 100)), make.place(box(90, 0, 150, 100))]
    repair = repair_cells(make.frame(shapes, cell_code=["1", "2"]))
    assert repair.cells.area.tolist() == [9000, 6000]
    changes = repair.changes.set_index("cell_code")
    assert changes.loc["1", ["lost_m2", "gained_m2", "iou", "done"]].tolist() == [
        1000, 0, 0.9, "overlap",
    ]  # fmt: skip
    assert changes.loc["2", ["lost_m2", "gained_m2", "iou"]].tolist() == [0, 0, 1]


def test_a_gap_goes_along_the_longest_border_inside_its_community(make):
    shapes = [box(0, 0, 100, 100), box(110, 0, 200, 100), box(0, 100, 200, 200)]
    cells = make.frame(
        [make.place(s) for s in shapes], cell_code=["1", "2", "3"], community_code=["a", "b", "c"]
    )
    communities = make.frame(
        [make.place(s) for s in (box(0, 0, 100, 100), box(100, 0, 200, 100), shapes[2])],
        community_code=["a", "b", "c"],
    )
    district = town(make.place(box(0, 0, 200, 200)), communities=communities)
    repair = repair_cells(cells, district)
    assert repair.cells.area.tolist() == [10000, 10000, 20000]
    assert repair.changes["done"].tolist()[1] == "gap"


def test_cells_are_cut_at_their_community_and_the_district(make):
    cells = make.frame(
        [make.place(box(-5, 0, 103, 100)), make.place(box(103, 0, 200, 100))],
        cell_code=["1", "2"], community_code=["a", "b"],
    )  # fmt: skip
    communities = make.frame(
        [make.place(box(0, 0, 100, 100)), make.place(box(100, 0, 200, 100))],
        community_code=["a", "b"],
    )
    repair = repair_cells(cells, town(make.place(box(0, 0, 200, 100)), communities=communities))
    assert repair.cells.area.tolist() == [10000, 10000]
    assert repair.changes["done"].tolist() == ["clipped", "gap"]
    with pytest.raises(GeometryError, match="community that the district does not have: 2"):
        repair_cells(
            cells.assign(community_code=["a", "z"]),
            town(make.place(box(0, 0, 200, 100)), communities=communities),
        )


def test_water_is_not_filled(make):
    cells = make.frame(
        [make.place(box(0, 0, 100, 100)), make.place(box(110, 0, 200, 100))], cell_code=["1", "2"]
    )
    water = make.frame([make.place(box(100, -10, 110, 110))])
    whole = make.place(box(0, 0, 200, 100))
    assert repair_cells(cells, town(whole, water=water)).cells.area.tolist() == [10000, 9000]
    assert repair_cells(cells, town(whole)).cells.area.sum() == 20000


def test_a_large_gap_is_refused_or_left(make):
    ring = make.place(box(0, 0, 300, 300).difference(box(100, 100, 200, 200)))
    cells = make.frame([ring], cell_code=["1"])
    assert repair_cells(cells).cells.area.tolist() == [80000]
    whole = make.place(box(0, 0, 300, 300))
    with pytest.raises(GeometryError, match="gap of 10,000 m² near x=500150, y=4150150"):
        repair_cells(cells, town(whole))
    assert repair_cells(cells, town(whole), max_gap_m2=10_000).cells.area.tolist() == [90000]


def test_other_columns_and_areas_go_along(make):
    cells = make.squares(2, 1, cell_code=["1", "2"], load=[3, 4], note=["x", None])
    cells = cells.assign(area_m2=area_m2(cells.geometry)).set_axis([7, 9])
    broken = breakage.put(cells, 0, make.place(box(0, 0, 108, 100)))
    repair = repair_cells(pd.concat([broken, broken.iloc[[0]]]), max_loss=0.2)
    assert_frame_equal(
        pd.DataFrame(repair.cells[["cell_code", "load", "note"]]),
        pd.DataFrame(cells[["cell_code", "load", "note"]]),
    )
    assert np.allclose(repair.cells["area_m2"], area_m2(repair.cells.geometry))
    assert "duplicate" in repair.changes["done"][0]


def test_all_problems_are_named_at_once(make):
    cells = make.frame(
        [None, Polygon(), make.place(box(0, 0, 9, 9)), make.place(shapely.Point(1, 1))],
        cell_code=["a", "b", "c", "d"],
    )
    with pytest.raises(GeometryError, match=r"3 cell.*: a, b, d"):
        repair_cells(cells)
    inner = [make.place(box(10 * k, 0, 10 * k + 9, 9)) for k in range(3)]
    cells = make.frame([make.place(box(0, 0, 30, 9)), *inner], cell_code=["w", "a", "b", "c"])
    with pytest.raises(GeometryError, match="cell w would lose 97 %"):
        repair_cells(cells)


def test_what_is_no_table_of_cells_is_refused(make):
    cells = make.squares(2, 1, cell_code=["1", "2"])
    with pytest.raises(SchemaError, match="cell_code"):
        repair_cells(cells.drop(columns="cell_code"))
    with pytest.raises(SchemaError, match="rows 1"):
        repair_cells(cells.assign(cell_code=["1", None]))
    with pytest.raises(SchemaError, match="different shapes: 1"):
        repair_cells(cells.assign(cell_code="1"))
    with pytest.raises(GeometryError, match="no rows"):
        repair_cells(cells.iloc[:0])
    with pytest.raises(CRSError):
        repair_cells(cells.to_crs(4326))
    with pytest.raises(CRSError):
        repair_cells(cells, District("x", cells.iloc[:1][["geometry"]].to_crs(4547)))
    for options in ({"max_loss": 1}, {"max_loss": -0.1}, {"max_gap_m2": -1}):
        with pytest.raises(OptionError, match=next(iter(options))):
            repair_cells(cells, **options)


def test_an_island_goes_to_the_neighbour_around_it(make):
    two = MultiPolygon([box(0, 0, 100, 100), box(140, 40, 160, 60)])
    around = box(100, 0, 200, 100).difference(box(140, 40, 160, 60))
    cells = make.frame([make.place(two), make.place(around)], cell_code=["1", "2"])
    repair = repair_cells(cells)
    assert repair.cells.area.tolist() == [10000, 10000]
    assert repair.changes["done"].tolist() == ["island", "island"]
