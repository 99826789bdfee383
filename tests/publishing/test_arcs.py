"""Areas as lines between them: what is packed comes back, and shared borders are packed once."""

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Polygon, box

from gridkit.publishing.arcs import pack_areas
from gridkit.publishing.encode import Frame, pack_shapes


def read_varints(data):
    numbers, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
    return numbers


def unzigzag(z):
    return z // 2 if z % 2 == 0 else -(z + 1) // 2


def read_areas(data):
    """Return the rings of each area in whole numbers, and how many lines there are."""
    numbers = iter(read_varints(data))
    rings = [next(numbers) for _ in range(next(numbers))]
    pieces = [next(numbers) for _ in range(sum(rings))]
    walked, last = [], 0
    for _ in range(sum(pieces)):
        last += unzigzag(next(numbers))
        walked.append(last)
    sizes = [next(numbers) for _ in range(next(numbers))]
    lines, x, y = [], 0, 0
    for size in sizes:
        line = []
        for _ in range(size):
            x, y = x + unzigzag(next(numbers)), y + unzigzag(next(numbers))
            line.append((x, y))
        lines.append(line)
    assert next(numbers, None) is None
    assert {k // 2 for k in walked} == set(range(len(lines)))
    step, piece = iter(walked), iter(pieces)
    areas = []
    for count in rings:
        area = []
        for _ in range(count):
            parts = []
            for _ in range(next(piece)):
                k = next(step)
                parts.append(lines[k // 2][::-1] if k % 2 else lines[k // 2])
            for one, following in zip(parts, parts[1:] + parts[:1], strict=True):
                assert one[-1] == following[0]
            area.append([point for part in parts for point in part[:-1]])
        areas.append(area)
    return areas, len(lines)


def same_way(ring):
    """Return a ring from its lowest vertex, the smaller way round."""
    turns = [ring[k:] + ring[:k] for k in range(len(ring)) if ring[k] == min(ring)]
    return min(min(t, [t[0], *t[:0:-1]]) for t in turns)


def plain(areas, frame):
    """Return the rings of each area in whole numbers, one by one."""
    found = []
    for area in areas:
        rings = []
        for part in [] if area is None else shapely.get_parts(area):
            for ring in [] if part.is_empty else [part.exterior, *part.interiors]:
                xy = np.rint((np.array(ring.coords)[:-1] - (frame.x0, frame.y0)) / frame.step)
                points = [tuple(int(v) for v in p) for p in xy]
                kept = [p for k, p in enumerate(points) if k == 0 or p != points[k - 1]]
                rings.append(kept)
        found.append(rings)
    return found


def assert_same(areas, frame):
    got, lines = read_areas(pack_areas(gpd.GeoSeries(areas, crs=3857), frame))
    wanted = plain(areas, frame)
    assert [len(rings) for rings in got] == [len(rings) for rings in wanted]
    for one, other in zip(got, wanted, strict=True):
        assert [same_way(r) for r in one] == [same_way(r) for r in other]
    return lines


HOLED = Polygon(box(10, 10, 90, 90).exterior, [box(30, 30, 50, 50).exterior])


@pytest.mark.parametrize(
    ("areas", "lines"),
    [
        ([], 0),
        ([None, Polygon()], 0),
        ([box(0, 0, 9, 9)], 1),
        ([box(0, 0, 9, 9), box(9, 0, 18, 9)], 3),  # two outer ways round, one border between
        ([HOLED, box(30, 30, 50, 50)], 2),  # an island fills the hole: its ring is one line
        ([box(0, 0, 9, 9), box(9, 9, 18, 18)], 2),  # they touch at a corner only
        ([HOLED, None, MultiPolygon([box(90, 10, 120, 40), box(130, 0, 140, 9)])], 4),
    ],
)
def test_rings_come_back_and_shared_borders_are_one_line(areas, lines):
    assert assert_same(areas, Frame(0, 0, 1)) == lines


def test_a_lattice_has_each_of_its_borders_once_and_is_smaller():
    boxes = [box(x, y, x + 10, y + 10) for y in range(0, 200, 10) for x in range(0, 200, 10)]
    cells = shapely.segmentize(boxes, 1.0)
    series, frame = gpd.GeoSeries(cells, crs=3857), Frame(0, 0, 0.1)
    assert assert_same(list(cells), frame) == 2 * 20 * 21 - 4  # corners of the land are no ends
    assert len(pack_areas(series, frame)) < 0.75 * len(pack_shapes(series, frame))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 40))
def test_any_coverage_comes_back_even_where_the_step_swallows_areas(seed, step):
    rng = np.random.default_rng(seed)
    points = shapely.MultiPoint(rng.uniform(0, 100, (rng.integers(3, 25), 2)))
    cells = [c for c in shapely.voronoi_polygons(points).geoms if not c.is_empty]
    merged = shapely.union_all(cells[:3])
    assert_same([merged, *cells[3:], box(500, 500, 520, 520), None], Frame(-50, -50, step))
