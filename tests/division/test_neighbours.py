import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from gridkit.division.blocks import street_blocks
from gridkit.division.neighbours import dissolve, shared_borders
from gridkit.division.ordering import reading_order


def pairs(geoms):
    i, j, length = shared_borders(np.array(geoms, dtype=object))
    return {(int(a), int(b)): float(m) for a, b, m in zip(i, j, length, strict=True)}


def test_corners_are_no_border():
    quarters = [box(0, 0, 10, 10), box(10, 0, 20, 10), box(0, 10, 10, 20), box(10, 10, 20, 20)]
    assert pairs(quarters) == {(0, 1): 10, (0, 2): 10, (1, 3): 10, (2, 3): 10}


def test_borders_without_common_vertices():
    slanted = [
        Polygon([(0, 0), (10, 0), (13, 9), (0, 9)]),
        Polygon([(10, 0), (20, 0), (20, 3), (11, 3)]),
        Polygon([(11, 3), (20, 3), (20, 9), (13, 9)]),
    ]
    assert not shapely.coverage_is_valid(slanted)
    found = pairs(slanted)
    assert found.keys() == {(0, 1), (0, 2), (1, 2)}
    assert found[0, 1] + found[0, 2] == pytest.approx(np.hypot(3, 9), abs=0.05)


def test_corners_are_no_border_without_common_vertices_either():
    shapes = [box(0, 0, 10, 10), box(10, 0, 20, 5), box(10, 5, 20, 10), box(20, 10, 30, 20)]
    assert pairs(shapes).keys() == {(0, 1), (0, 2), (1, 2)}


def test_a_ring_around_a_block():
    ring = box(0, 0, 30, 30).difference(box(10, 10, 20, 20))
    assert pairs([ring, box(10, 10, 20, 20)]) == {(0, 1): 40}


def test_two_borders_between_the_same_pair_add_up():
    around = Polygon([(0, 0), (30, 0), (30, 30), (20, 30), (20, 10), (10, 10), (10, 30), (0, 30)])
    assert pairs([around, box(10, 10, 20, 30)]) == {(0, 1): 50}


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), jitter=st.floats(0, 30))
def test_shared_borders_agree_with_pairwise_intersection(make, look, seed, jitter):
    town = make.town(5, 4, jitter=jitter, seed=seed, river=True)
    geoms = street_blocks(town).blocks.geometry.to_numpy()
    near = look.rook(geoms)
    found = pairs(geoms)
    assert found.keys() == {(i, j) for i in near for j in near[i] if i < j}
    total = sum(found.values())
    outline = shapely.length(shapely.coverage_union_all(geoms))
    assert total == pytest.approx((shapely.length(geoms).sum() - outline) / 2, abs=0.1)


def test_dissolve_keeps_every_vertex():
    geoms = np.array(
        [box(0, 0, 10, 10), box(10, 0, 20, 10), box(0, 10, 10, 20), box(10, 10, 20, 20)]
    )
    low, high = dissolve(geoms, np.array([0, 0, 1, 1]))
    assert shapely.equals(low, box(0, 0, 20, 10))
    assert shapely.coverage_is_valid([low, *geoms[2:]])
    assert shapely.equals(high, box(0, 10, 20, 20))


def test_dissolve_of_inexact_neighbours():
    geoms = np.array([box(0, 0, 10, 10), box(10, 0, 20, 5), box(10, 5, 20, 10)])
    (whole,) = dissolve(geoms, np.zeros(3, dtype=int))
    assert shapely.equals(whole, box(0, 0, 20, 10))


def test_reading_order_in_bands():
    tall = [
        box(0, 0, 10, 10),  # lower row, west
        box(10, 1, 20, 13),  # lower row, a little taller
        box(0, 10, 10, 20),
        box(10, 13, 20, 21),
    ]
    assert reading_order(np.array(tall)).tolist() == [2, 3, 0, 1]


def test_reading_order_puts_a_column_of_flat_cells_north_to_south():
    flat = np.array([box(0, 10 * k, 100, 10 * k + 10) for k in (2, 0, 3, 1)])
    assert reading_order(flat).tolist() == [2, 0, 3, 1]


def test_a_hair_between_two_areas_or_on_both_is_a_border():
    for hair in (-0.009, -0.004, 0.004, 0.009):
        found = pairs([box(0, 0, 100, 100), box(100 + hair, 0, 200, 100), box(200, 0, 300, 100)])
        assert found.keys() == {(0, 1), (1, 2)}
        assert found[0, 1] == pytest.approx(100, abs=0.05)
    assert pairs([box(0, 0, 100, 100), box(100.02, 0, 200, 100)]) == {}
