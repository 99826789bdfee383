"""A drawn line goes to the streets: on them, along them, and from border to border."""

import numpy as np
import pytest
import shapely
from shapely.geometry import LineString, Point, box

from gridkit.division.snapping import snap_line
from gridkit.errors import GeometryError, OptionError


def array(*shapes):
    return np.array(shapes, dtype=object)


STREETS = array(
    LineString([(0, 50), (40, 60), (100, 50)]), LineString([(50, -20), (50, 30), (55, 140)])
)
AREA = array(box(0, 0, 100, 100), box(100, 0, 200, 100))


def snapped(*points, streets=STREETS, tolerance_m=6.0):
    line = snap_line(LineString(points), streets, AREA, tolerance_m=tolerance_m)
    return [tuple(np.round(p, 6)) for p in shapely.get_coordinates(line)]


def test_it_follows_the_street_between_two_places_on_it_in_both_directions():
    there = snapped((2, 53), (97, 48))
    assert there == [(0, 50), (40, 60), (100, 50)]
    assert snapped((97, 48), (2, 53)) == there[::-1]


def test_a_side_street_does_not_take_a_vertex_of_the_line_along_the_main_one():
    streets = array(LineString([(0, 50), (40, 50), (100, 50)]), LineString([(40, 50), (50, 90)]))
    drawn = [(1, 53), (43, 55), (99, 53)]
    assert snapped(*drawn, streets=streets) == [(0, 50), (40, 50), (43, 50), (100, 50)]


def test_an_end_goes_where_a_street_meets_the_border():
    assert snapped((46, 3), (30, 30))[0] == (50, 0)
    assert snapped((97, 46), (60, 20))[0] == (100, 50)


def test_a_street_that_ends_a_hair_from_the_border_meets_it():
    for gap in (-0.007, 0.007):
        street = array(LineString([(30, gap), (30, 80)]))
        assert snapped((34, 3), (33, 60), streets=street) == [(30, 0), (30, 60)]
    loose = array(LineString([(30, 0.5), (30, 80)]))
    assert snapped((34, 3), (33, 60), streets=loose) == [(34, 0), (30, 60)]


def test_a_street_that_is_the_border_does_not_draw_an_end_from_the_crossing():
    weaving = LineString([(x, 0.007 * (-1) ** x) for x in range(101)])
    streets = array(weaving, LineString([(50, 0.004), (50, 120)]))
    assert snapped((46, -2), (52, 60), streets=streets) == [(50, 0), (50, 60)]


def test_an_end_without_a_street_goes_to_the_border():
    assert snapped((20, 4), (20, 30)) == [(20, 0), (20, 30)]
    assert snapped((96, 20), (80, 20))[0] == (100, 20)


def test_what_is_far_from_everything_stays():
    points = [(20, 30), (25, 35), (30, 20)]
    assert snapped(*points) == points
    assert snapped((2, 53), (97, 48), tolerance_m=1.0) == [(2, 53), (97, 48)]


@pytest.mark.parametrize("seed", range(5))
def test_each_vertex_near_a_street_lies_on_one_and_none_moves_too_far(seed):
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(0, 100, (6, 2))
    line = snap_line(LineString(drawn), STREETS, AREA, tolerance_m=9.0)
    vertices = shapely.points(shapely.get_coordinates(line))
    for place in drawn[1:-1]:
        if shapely.distance(STREETS, Point(place)).min() <= 9:
            near = vertices[shapely.distance(vertices, Point(place)) <= 9 + 1e-9]
            assert min(shapely.distance(s, near).min() for s in STREETS) < 1e-9
    for end in (0, -1):
        assert shapely.distance(vertices[end], Point(drawn[end])) <= 9 + 1e-9


def test_moving_everything_moves_the_result():
    by = np.array([531_000.0, 4_155_000.0])
    moved = [shapely.transform(s, lambda xy: xy + by) for s in (*STREETS, *AREA)]
    line = LineString(np.array([(2, 53), (97, 48)]) + by)
    far = snap_line(line, array(*moved[:2]), array(*moved[2:]), tolerance_m=6.0)
    assert shapely.get_coordinates(far) - by == pytest.approx(
        np.array([(0, 50), (40, 60), (100, 50)])
    )


def test_several_parts_and_no_streets():
    both = array(shapely.MultiLineString(list(STREETS)))
    assert snapped((2, 53), (97, 48), streets=both) == [(0, 50), (40, 60), (100, 50)]
    assert snapped((20, 4), (20, 30), streets=STREETS[:0]) == [(20, 0), (20, 30)]


@pytest.mark.parametrize(
    ("line", "tolerance_m", "kind", "words"),
    [
        (Point(1, 1), 5, GeometryError, "Point"),
        ("a line", 5, GeometryError, "str"),
        (LineString(), 5, GeometryError, "LineString"),
        (LineString([(0, 50), (1, 50)]), 9, GeometryError, "nothing is left"),
        (LineString([(0, 50), (100, 50)]), -1, OptionError, "tolerance_m=-1"),
        (LineString([(0, 50), (100, 50)]), 0, OptionError, "tolerance_m=0"),
        (LineString([(0, 50), (100, 50)]), float("inf"), OptionError, "tolerance_m=inf"),
        (LineString([(0, 50), (100, 50)]), float("nan"), OptionError, "tolerance_m=nan"),
    ],
)
def test_what_cannot_be_snapped_is_refused(line, tolerance_m, kind, words):
    with pytest.raises(kind, match=words):
        snap_line(line, STREETS, AREA, tolerance_m=tolerance_m)
