"""The planar map: cutting keeps every square metre and every shared vertex."""

from __future__ import annotations

import itertools
import math

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gridkit.demo.planar import Line, PlanarMap, distance, ring_area, ring_contains, smooth

BOX = [(0.0, 0.0), (400.0, 0.0), (400.0, 300.0), (0.0, 300.0)]


def new_map() -> PlanarMap:
    return PlanarMap(BOX, [Line("border")] * 4)


def whole(ground: PlanarMap) -> float:
    return sum(ring_area(ground.ring(f)) for f in ground.faces)


def test_smooth_passes_through_its_points() -> None:
    points = [(0.0, 0.0), (100.0, 40.0), (210.0, -10.0), (300.0, 0.0)]
    curve = smooth(points, step_m=20)
    assert all(min(distance(p, c) for c in curve) < 1e-9 for p in points)
    assert max(distance(a, b) for a, b in itertools.pairwise(curve)) < 40


def test_ring_measures() -> None:
    assert ring_area(BOX) == 120_000
    assert ring_area(BOX[::-1]) == -120_000
    assert ring_contains(BOX, (1, 1))
    assert not ring_contains(BOX, (401, 1))


def test_a_cut_shares_its_vertices() -> None:
    ground = new_map()
    ground.cut([(-10.0, 100.0), (200.0, 130.0), (410.0, 90.0)], Line("primary", "one"))
    ground.cut([(150.0, -10.0), (160.0, 310.0)], Line("secondary", "two"))
    assert len(ground.faces) == 4
    shapes = [shapely.Polygon(ground.ring(f)) for f in ground.faces]
    assert shapely.coverage_is_valid(shapes, gap_width=1.0)
    crossing = [v for v, n in enumerate(ground.degree) if n == 4]
    assert len(crossing) == 1
    assert whole(ground) == pytest.approx(120_000, abs=5)


def test_loose_ends_are_dropped_and_t_junctions_kept() -> None:
    ground = new_map()
    ground.cut([(-10.0, 100.0), (410.0, 100.0)], Line("primary"))
    ground.cut([(200.0, -10.0), (200.0, 140.0)], Line("secondary"))
    assert len(ground.faces) == 3
    assert ground.degree.count(3) == 4
    assert not any(y > 101 for (x, y) in ground.points if x == 200.0)


def test_skipped_faces_stay_whole() -> None:
    ground = new_map()
    ground.cut([(-10.0, 100.0), (410.0, 100.0)], Line("bank"))
    ground.tags[ground.face_at((10, 10))] = "river"
    ground.cut([(200.0, -10.0), (200.0, 310.0)], Line("road"), skip=frozenset({"river"}))
    assert sorted(ground.tags.values()) == ["", "", "river"]
    ground.cut([(100.0, -10.0), (100.0, 310.0)], Line("bridge"))
    assert sorted(ground.tags.values()) == ["", "", "", "river", "river"]


def test_crossing_near_a_vertex_takes_the_vertex() -> None:
    ground = new_map()
    ground.cut([(200.0, -10.0), (200.0, 310.0)], Line("a"))
    ground.cut([(-10.0, 100.0), (410.0, 100.0)], Line("b"))
    n = len(ground.points)
    ground.cut([(200.6, -60.0), (201.5, 360.0)], Line("c"))
    # both ends and the middle are vertices already: the line is there
    assert len(ground.points) == n


slots = st.lists(st.integers(1, 9), unique=True, max_size=5)
jitter = st.lists(st.floats(-9, 9), min_size=20, max_size=20)


@settings(max_examples=40, deadline=None)
@given(slots, slots, jitter)
def test_cutting_keeps_the_area(level: list[int], upright: list[int], bend: list[float]) -> None:
    ground = new_map()
    for k, slot in enumerate(level):
        y = slot * 30.0
        path = [(-10.0, y + bend[k]), (200.0, y + bend[k + 5]), (410.0, y)]
        ground.cut(path, Line("street"))
    for k, slot in enumerate(upright):
        x = slot * 40.0
        ground.cut([(x + bend[k + 10], -10.0), (x + bend[k + 15], 310.0)], Line("lane"))
    assert len(ground.faces) == (len(level) + 1) * (len(upright) + 1)
    assert whole(ground) == pytest.approx(120_000, abs=0.01 * 1400)
    used = {v for ring in ground.faces.values() for v in ring}
    for u, v, _ in ground.edges():
        sides = ground.sides(u, v)
        assert max(sides) >= 0
        assert {u, v} <= used
        assert not math.isclose(distance(ground.points[u], ground.points[v]), 0)
    for f, ring in ground.faces.items():
        for u, v in zip(ring, [*ring[1:], ring[0]], strict=True):
            assert ground.sides(u, v)[0] == f
