import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridkit.publishing.classes import classify, heat_stops, round_to
from gridkit.publishing.palette import DENSITY, FIGURES, ramp

numbers = st.floats(-1e7, 1e7, allow_subnormal=False) | st.sampled_from([0.0, np.nan, np.inf])


@settings(max_examples=100)
@given(st.lists(numbers, max_size=60), st.integers(1, 7))
def test_every_class_holds_something_and_every_value_is_in_its_class(values, n):
    classes = classify(values, n=n)
    known = np.isfinite(np.array(values, dtype=float))
    assert ((classes.index >= 0) == known).all()
    assert classes.n <= n
    assert set(classes.index[known]) == set(range(classes.n))
    edges = [-np.inf, *classes.breaks, np.inf]
    assert edges == sorted(set(edges))
    for value, k in zip(np.array(values)[known], classes.index[known], strict=True):
        assert edges[k] < value <= edges[k + 1]


def test_classes_are_about_equal_in_size_whatever_the_scale():
    skewed = np.exp(np.random.default_rng(0).normal(0, 2, 1000))
    sizes = np.bincount(classify(skewed).index)
    assert len(sizes) == 5
    assert sizes.min() > 150


def test_equal_values_make_one_class():
    classes = classify([7.0] * 9)
    assert (classes.n, classes.breaks, classes.low, classes.high) == (1, (), 7.0, 7.0)


def test_no_value_makes_no_class():
    classes = classify([np.nan, np.inf])
    assert classes.n == 0
    assert classes.index.tolist() == [-1, -1]


def test_ready_breaks_are_used_as_they_are():
    assert classify([1, 5, 9], breaks=[5.0, 100.0]).index.tolist() == [0, 0, 1]


def test_whole_numbers_have_classes_of_their_own():
    made = classify(np.repeat([0, 1, 2, 3], 25))
    assert made.breaks == (0, 1, 2)
    assert np.bincount(made.index).tolist() == [25] * 4


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1e6, allow_subnormal=False), max_size=50))
def test_heat_stops_climb_from_zero_to_the_top(values):
    stops = heat_stops(np.array(values))
    if not any(v > 0 for v in values):
        assert stops == []
        return
    assert stops[0] == 0
    assert stops[-1] == pytest.approx(max(values), rel=0.01)
    assert (np.diff(stops) > 0).all()


def test_rounding_keeps_two_digits_and_zero():
    assert round_to([0.0, 1234.0, 0.0567, -98.7]).tolist() == [0.0, 1200.0, 0.057, -99.0]


def rgb(colours):
    return np.array([[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in colours])


# Machado, Oliveira, Fernandes 2009, severity 1.0.
EYES = {
    "full": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("anchors", [DENSITY, FIGURES])
@pytest.mark.parametrize("n", [2, 3, 5, 6])
def test_every_eye_sees_each_class_darker_than_the_one_before(anchors, n, eyes):
    screen = rgb(ramp(anchors, n))
    linear = np.where(screen > 0.04045, ((screen + 0.055) / 1.055) ** 2.4, screen / 12.92)
    seen = np.clip(linear @ np.array(EYES[eyes]).T, 0, 1)
    luminance = seen @ [0.2126, 0.7152, 0.0722]
    lightness = 116 * np.cbrt(np.maximum(luminance, 0.009)) - 16
    assert (np.diff(lightness) < -7).all()


def test_a_ramp_of_none_and_of_one():
    assert ramp(FIGURES, 0) == []
    assert len(ramp(FIGURES, 1)) == 1
