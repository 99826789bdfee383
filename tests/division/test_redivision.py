"""A new road re-divides its surroundings and leaves the rest as it was, byte for byte."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import LineString, box

import gridkit as gk
from gridkit.errors import CRSError, GeometryError, GridkitWarning, OptionError

A, B = "370602001001", "370602001002"
FACTS = {"at": "2026-07-01", "reason": "new road"}


def roads(make, *lines):
    return make.frame([make.place(LineString(points)) for points in lines])


@pytest.fixture(scope="module")
def town(make):
    blocks = gk.street_blocks(make.town(8, 6, jitter=20, seed=5)).blocks
    return gk.number_cells(gk.group(blocks, into=20, weight="area_m2"))


def assert_redivided(cells, edit, road):
    """The laws: exact tiling, nothing lost, only cells at the road change, none straddles it."""
    live = gk.cells_at(edit.cells)
    shapes = live.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes, gap_width=0.01)
    assert (shapely.get_type_id(shapes) == 3).all()
    assert shapely.union_all(shapes).symmetric_difference(cells.union_all()).area < 1e-6
    assert live["load"].sum() == pytest.approx(cells["load"].sum(), rel=1e-12)
    assert (live["cell_code"].str[:12] == live["community_code"]).all()
    kept = live["cell_code"].isin(cells["cell_code"])
    old = cells.set_index("cell_code").geometry
    near = road.union_all().buffer(0.02)
    for code, shape in live[kept].set_index("cell_code").geometry.items():
        if not old[code].intersects(near):
            assert shape.wkb == old[code].wkb or shape.normalize().equals_exact(old[code], 1e-9)
        assert shape.symmetric_difference(old[code]).area < 1e-6
    for shape in live.loc[~kept, "geometry"]:
        inside = road.union_all().intersection(shape.buffer(-0.05))
        parts = shapely.get_parts(shape.difference(inside.buffer(0.05)))
        assert (shapely.area(parts) > 1).sum() == 1
    return live


@pytest.mark.parametrize("seed", range(5))
def test_laws(town, make, look, seed):
    rng = np.random.default_rng(seed)
    y = np.sort(rng.uniform(0, 600, 2))
    middle = [tuple(p) for p in np.column_stack([[200, 400, 600], rng.uniform(100, 500, 3)])]
    road = roads(make, [(-20, y[0]), *middle, (820, y[1])])
    edit = gk.redivide(town, road, **FACTS, min_area_m2=3000)
    live = assert_redivided(town, edit, road)
    made = live[~live["cell_code"].isin(town["cell_code"])]
    assert len(made) > 6
    assert (made.area >= 3000).all()
    assert (edit.lineage["kind"] == "redivide").all()
    far = town.geometry.intersects(road.union_all().buffer(150))
    assert set(edit.lineage["code_from"]) <= set(town.loc[far, "cell_code"])
    mixed = gk.redivide(look.shuffled(town, seed), road.iloc[::-1], **FACTS, min_area_m2=3000)
    pd.testing.assert_frame_equal(
        edit.cells.sort_values("cell_code", ignore_index=True),
        mixed.cells.sort_values("cell_code", ignore_index=True),
    )
    pd.testing.assert_frame_equal(edit.lineage, mixed.lineage)


def test_cells_off_the_road_are_the_same_bytes(town, make):
    road = roads(make, [(250, -10), (250, 300), (330, 610)])
    edit = gk.redivide(town, road, **FACTS)
    changed = set(edit.lineage["code_from"])
    reach = town[town["cell_code"].isin(changed)].union_all()
    far = ~town.geometry.intersects(reach).to_numpy()
    assert far.sum() > 3
    wkb = edit.cells.geometry.iloc[: len(town)].to_wkb()
    assert (wkb[far] == town.geometry.to_wkb()[far]).all()


def test_a_small_piece_stays_on_its_side(make):
    """The sliver south of the road joins the piece to its east, not its own cell to the north."""
    cells = make.squares(3, 2).assign(cell_code=[f"{A}{k:03d}" for k in range(1, 7)])
    road = roads(make, [(-5, 10), (200, 30), (210, -5)])
    edit = gk.redivide(cells, road, **FACTS)
    live = gk.cells_at(edit.cells).set_index("cell_code").geometry
    assert len(live) == 7
    south = live[[c for c in live.index if live[c].contains(make.place(box(20, 2, 21, 3)))]]
    assert south.iloc[0].contains(make.place(box(150, 2, 151, 3)))
    assert not south.iloc[0].intersects(make.place(box(20, 50, 21, 51)))


def test_a_cell_beside_takes_what_no_crossed_one_can(make):
    """The road clips the corner of a cell; the corner can only join the cell beside it."""
    cells = make.squares(2, 2).assign(cell_code=[f"{A}{k:03d}" for k in range(1, 5)])
    road = roads(make, [(80, 0), (100, 20)])
    edit = gk.redivide(cells, road, **FACTS)
    assert sorted(set(edit.lineage["code_from"])) == [f"{A}001", f"{A}002"]
    assert len(gk.cells_at(edit.cells)) == 4
    assert edit.cells["load"].iloc[-2:].sum() == pytest.approx(2.0)


def test_what_cannot_join_is_named(make):
    """Community borders and the road hold a small piece: it stays, with a warning."""
    cells = make.squares(2, 1).assign(cell_code=[f"{A}001", f"{B}001"])
    road = roads(make, [(80, 0), (100, 20)])
    with pytest.warns(GridkitWarning, match=f"{A}003") as caught:
        edit = gk.redivide(cells, road, **FACTS)
    assert caught[0].filename == __file__
    assert len(gk.cells_at(edit.cells)) == 3


def test_small_by_load(make):
    cells = make.squares(2, 1, load=[10.0, 10.0]).assign(cell_code=["B1", "B2"])
    at = [(10, 70), (30, 70), (90, 70), (110, 70), (150, 20)]
    homes = make.frame([make.place(box(x, y, x + 1, y + 1)) for x, y in at], load=2)
    road = roads(make, [(-5, 50), (205, 50)])
    edit = gk.redivide(cells, road, **FACTS, units=homes, min_load=1, min_area_m2=0)
    live = gk.cells_at(edit.cells)
    assert sorted(live["load"]) == [5.0, 5.0, 10.0]


def test_a_road_that_ends_inside_adds_nothing(make):
    cells = make.squares(3, 1).assign(cell_code=["B1", "B2", "B3"])
    road = roads(make, [(-5, 50), (150, 60)])
    edit = gk.redivide(cells, road, **FACTS)
    live = gk.cells_at(edit.cells)
    assert sorted(live["cell_code"]) == ["B2", "B3", "B4", "B5"]
    assert shapely.coverage_is_valid(live.geometry.to_numpy(), gap_width=0.01)
    assert live.geometry.iloc[1].wkb == cells.geometry.iloc[2].wkb


def test_bad_input(make):
    cells = make.squares(2, 1).assign(cell_code=["B1", "B2"])
    across = roads(make, [(50, -5), (50, 105)])
    with pytest.raises(GeometryError, match="cross no cell"):
        gk.redivide(cells, roads(make, [(100, -5), (100, 105)]), **FACTS)
    with pytest.raises(GeometryError, match="cross no cell"):
        gk.redivide(cells, roads(make, [(900, -5), (900, 105)]), **FACTS)
    with pytest.raises(GeometryError, match="these rows are none: 0"):
        gk.redivide(cells, cells, **FACTS)
    with pytest.raises(GeometryError, match="none: –"):
        gk.redivide(cells, across.iloc[:0], **FACTS)
    with pytest.raises(CRSError, match="cells, roads"):
        gk.redivide(cells, across.set_crs(4547, allow_override=True), **FACTS)
    with pytest.raises(OptionError, match="min_area_m2=-1"):
        gk.redivide(cells, across, **FACTS, min_area_m2=-1)
    with pytest.raises(OptionError, match="reason=''"):
        gk.redivide(cells, across, at="2026-07-01", reason="")
    with pytest.raises(CRSError):
        gk.redivide(gpd.GeoDataFrame(cells).to_crs(4326), across, **FACTS)
