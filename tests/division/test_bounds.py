import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridkit.division.bounds import least_spread, spread


def best_by_trying(weight, k):
    """Return the least spread over all ways to put units into k groups, contiguous or not."""
    mean = sum(weight) / k
    best = np.inf
    for labels in itertools.product(range(k), repeat=len(weight)):
        load = np.bincount(labels, weight, k)
        best = min(best, np.sqrt(np.mean((load / mean - 1) ** 2)))
    return best


@settings(max_examples=40, deadline=None)
@given(weight=st.lists(st.integers(0, 30), min_size=2, max_size=7).filter(any), data=st.data())
def test_no_division_is_below_the_bound(weight, data):
    k = data.draw(st.integers(1, min(3, len(weight))))
    bound = least_spread(np.array(weight, float), np.zeros(len(weight), int), np.array([k]))
    assert bound.indivisible <= best_by_trying(weight, k) + 1e-9
    assert bound.rounding == 0


@pytest.mark.parametrize(
    ("weight", "k"),
    [([6, 1, 1], 2), ([9, 9, 1, 1, 1, 1], 3), ([2, 2, 2], 3), ([20, 10, 1, 1, 1], 3)],
)
def test_the_bound_is_reached_where_light_units_fill_up(weight, k):
    bound = least_spread(np.array(weight, float), np.zeros(len(weight), int), np.array([k]))
    assert bound.indivisible == pytest.approx(best_by_trying(weight, k))


def test_rounding_is_the_spread_of_the_means():
    weight, zone = np.array([3.0, 3.0, 4.0, 4.0]), np.array([0, 0, 1, 1])
    bound = least_spread(weight, zone, np.array([2, 2]))
    assert bound.indivisible == 0
    assert bound.rounding == pytest.approx(np.std([3, 3, 4, 4]) / 3.5)


def test_spread_is_against_the_zone_and_leaves_out_what_weighs_nothing():
    weight, zone = np.array([1.0, 3.0, 8.0, 8.0, 0.0]), np.array([0, 0, 1, 1, 2])
    seats, labels = np.array([2, 2, 1]), np.array([0, 1, 2, 3, 4])
    assert spread(weight, zone, seats, labels) == pytest.approx(np.sqrt((0.25 + 0.25) / 4))
