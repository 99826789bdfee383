import dataclasses

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from gridkit.division.checks import check_cells
from gridkit.division.lattice import hex_cells, square_cells
from gridkit.errors import GeometryError, OptionError, SchemaError
from gridkit.intake.district import District
from gridkit.tables import CELLS

PREFIX = "370602001001"


def test_squares_on_whole_multiples(make):
    town = make.district(box(0, 0, 300, 200))
    cells = square_cells(town, prefix=PREFIX)
    CELLS.check(cells)
    assert len(cells) == 6
    assert np.allclose(cells.area, 10_000)
    assert cells["cell_code"].tolist() == [f"{PREFIX}{n:03d}" for n in range(1, 7)]
    assert shapely.equals(cells.geometry.iloc[0], make.place(box(0, 100, 100, 200)))
    assert cells["load"].tolist() == pytest.approx([1.0] * 6, rel=0.001)


def test_a_quarter_of_a_square_stands_and_less_joins(make):
    town = make.district(box(0, 0, 220, 100))
    assert sorted(square_cells(town, prefix=PREFIX).area.round()) == [10_000, 12_000]
    assert len(square_cells(town, prefix=PREFIX, min_share=0.1)) == 3


def test_a_square_larger_than_the_district(make, look):
    town = make.district(box(10, 10, 90, 80))
    cells = square_cells(town, size_m=5000, prefix=PREFIX)
    assert len(cells) == 1
    look.assert_tiles(cells, look.land(town))


def test_full_hexagons_have_the_stated_width_and_area(make):
    town = make.district(box(0, 0, 1000, 1000))
    cells = hex_cells(town, size_m=100, min_share=0.5, prefix=PREFIX)
    inner = cells[~cells.touches(town.boundary.geometry.iloc[0].boundary)]
    inner = inner[np.isclose(inner.area, np.sqrt(3) / 2 * 10_000, rtol=0.001)]
    assert len(inner) > 60
    bounds = inner.bounds
    assert np.allclose(bounds.maxx - bounds.minx, 100, atol=0.03)
    assert np.allclose(bounds.maxy - bounds.miny, 200 / np.sqrt(3), atol=0.03)


@settings(max_examples=12, deadline=None)
@given(
    size=st.floats(45, 160),
    seed=st.integers(0, 10**6),
    river=st.booleans(),
    hexagons=st.booleans(),
)
def test_laws_of_lattices(make, look, size, seed, river, hexagons):
    town = make.town(5, 4, jitter=25, seed=seed, river=river)
    cells = (hex_cells if hexagons else square_cells)(town, size_m=size)
    look.assert_tiles(cells, look.land(town))
    assert (cells.geom_type == "Polygon").all()
    assert cells["load"].sum() == town.buildings["households"].sum()
    assert cells["cell_code"].is_monotonic_increasing
    findings = check_cells(cells, town)
    assert not (findings["severity"] == "error").any(), findings


def test_lattice_does_not_depend_on_the_order_of_communities(make):
    town = make.town(5, 4, jitter=25, seed=1, river=True)
    mixed = dataclasses.replace(town, communities=town.communities.iloc[::-1])
    a, b = hex_cells(town), hex_cells(mixed)
    assert a["cell_code"].tolist() == b["cell_code"].tolist()
    assert shapely.equals_exact(a.geometry.array, b.geometry.array, 1e-6).all()


def test_moving_the_boundary_moves_no_inner_cell(make):
    small = square_cells(make.district(box(0, 0, 400, 400)), prefix=PREFIX)
    large = square_cells(make.district(box(-30, -30, 430, 430)), prefix=PREFIX)
    same = {g.normalize().wkt for g in small.geometry} & {g.normalize().wkt for g in large.geometry}
    assert len(same) >= 4


@pytest.mark.parametrize("size", [0, -5, float("nan"), float("inf")])
def test_bad_size(make, size):
    with pytest.raises(OptionError, match="size_m"):
        square_cells(make.district(box(0, 0, 300, 200)), size_m=size, prefix=PREFIX)


def test_options_are_reported_together(make):
    with pytest.raises(OptionError) as error:
        hex_cells(make.district(box(0, 0, 300, 200)), size_m=-1, min_share=2, prefix=PREFIX)
    assert "size_m=-1" in error.value.en
    assert "min_share=2" in error.value.en


def test_a_flood_of_cells_is_refused(make):
    with pytest.raises(OptionError, match="larger cells"):
        square_cells(make.district(box(0, 0, 30_000, 20_000)), size_m=1, prefix=PREFIX)


def test_no_communities_and_no_prefix(make):
    with pytest.raises(SchemaError, match="prefix="):
        square_cells(make.district(box(0, 0, 300, 200)))


def test_no_land(make):
    town = make.district(box(0, 0, 300, 200), water=[box(0, 0, 300, 200)])
    with pytest.raises(GeometryError, match="water"):
        square_cells(town, prefix=PREFIX)


@pytest.mark.parametrize("east", [500_000, 590_000, 370_000])
def test_full_cells_stand_by_themselves_wherever_the_map_lies(east):
    land = gpd.GeoDataFrame(geometry=[box(east, 4_150_000, east + 1000, 4_151_000)], crs=4549)
    made = District("Town", land)
    assert len(square_cells(made, prefix="370602001001", min_share=1)) == 100
    inside = hex_cells(made, prefix="370602001001", min_share=1)
    assert len(inside) == len(hex_cells(made, prefix="370602001001", min_share=0.9))
