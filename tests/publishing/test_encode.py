import base64
import gzip
import json

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from gridkit.publishing.encode import Block, Frame, pack_shapes, to_screen, varints, zigzag


def read_varints(data):
    """Read varints one bit group at a time: shares nothing with the writer."""
    numbers, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
    assert shift == 0
    return numbers


def read_shapes(data, frame):
    """Return for each shape its rings as lists of Web-Mercator points."""
    numbers = iter(read_varints(data))
    n = next(numbers)
    rings = [next(numbers) for _ in range(n)]
    sizes = [next(numbers) for _ in range(sum(rings))]
    x = y = 0
    drawn = []
    for size in sizes:
        ring = []
        for _ in range(size):
            dx, dy = next(numbers), next(numbers)
            x += dx // 2 if dx % 2 == 0 else -(dx + 1) // 2
            y += dy // 2 if dy % 2 == 0 else -(dy + 1) // 2
            ring.append((frame.x0 + x * frame.step, frame.y0 + y * frame.step))
        drawn.append(ring)
    assert next(numbers, None) is None
    cut = iter(drawn)
    return [[next(cut) for _ in range(count)] for count in rings]


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2**34), max_size=40))
def test_varints_come_back(numbers):
    assert read_varints(varints(np.array(numbers, dtype=np.int64))) == numbers


@settings(max_examples=60)
@given(st.lists(st.integers(-(2**33), 2**33), max_size=40))
def test_zigzag_is_small_for_small_numbers_of_either_sign(numbers):
    packed = zigzag(np.array(numbers, dtype=np.int64))
    assert packed.tolist() == [2 * n if n >= 0 else -2 * n - 1 for n in numbers]


def mercator(shapes):
    return gpd.GeoSeries(shapes, crs=3857)


def test_holes_parts_empties_and_missing_shapes_keep_their_places():
    holed = Polygon(box(10, 10, 90, 90).exterior, [box(30, 30, 50, 50).exterior])
    two = MultiPolygon([box(100, 0, 140, 40), box(150, 0, 190, 40)])
    frame = Frame(0, 0, 0.5)
    rings = read_shapes(pack_shapes(mercator([holed, Polygon(), two, None]), frame), frame)
    assert [len(r) for r in rings] == [2, 0, 2, 0]
    outer, inner = rings[0]
    assert Polygon(outer, [inner]).equals(holed)
    assert MultiPolygon([Polygon(r) for r in rings[2]]).equals(two)


def test_lines_keep_their_last_point_and_points_are_one_vertex():
    frame = Frame(-50, -50, 0.1)
    line = LineString([(0, 0), (10, 0), (10, 20), (0, 0)])
    ring = read_shapes(pack_shapes(mercator([line]), frame), frame)[0][0]
    np.testing.assert_allclose(ring, line.coords, atol=1e-9)
    spot = read_shapes(pack_shapes(mercator([Point(3, 4)]), frame), frame)
    assert spot[0][0][0] == pytest.approx((3, 4))


def test_vertices_are_off_by_half_a_step_at_most_and_doubles_are_dropped():
    rng = np.random.default_rng(1)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 500))
    shape = Polygon(np.c_[1e7 + 900 * np.cos(angle), 4e6 + 900 * np.sin(angle)])
    frame = Frame.around(shape.bounds)
    ring = read_shapes(pack_shapes(mercator([shape]), frame), frame)[0][0]
    there = shapely.points(ring)
    assert shapely.distance(shape.exterior, there).max() <= frame.step
    assert len(set(ring)) == len(ring) <= 500
    assert len(set(np.rint((np.array(ring) - (frame.x0, frame.y0)) / frame.step).ravel())) > 100


def test_words_come_back_whatever_their_number():
    for n in (0, 1, 2, 256, 257, 70_000):
        words = [f"王{k % max(n, 1)}" for k in range(2 * n)]
        block = Block()
        column = block.add_words(words)
        raw = np.frombuffer(block.parts[column["part"]], np.uint8).astype(int)
        planes = raw.reshape(-1, len(words)) if words else np.zeros((1, 0), int)
        place = sum(plane << (8 * k) for k, plane in enumerate(planes))
        assert [column["words"][k] for k in place] == words
        assert len(set(column["words"])) == len(column["words"]) == n
        assert len(planes) == (1 if n <= 256 else 2 if n <= 65_536 else 3)


@pytest.mark.parametrize(("extent", "step"), [(1_000, 0.1), (10_000, 0.5), (400_000, 2.0)])
def test_the_step_follows_the_extent(extent, step):
    assert Frame.around((0, 0, extent, extent / 2)).step == step


def test_a_simplified_coverage_has_no_slits():
    wave = [(500 + 20 * np.sin(y / 3), y) for y in range(0, 1001, 2)]
    left = Polygon([(0, 0), *wave, (0, 1000)])
    right = Polygon([(1000, 0), (1000, 1000), *wave[::-1]])
    drawn = to_screen(gpd.GeoSeries([left, right], crs=4549), tolerance_m=30, coverage=True)
    assert shapely.coverage_is_valid(drawn.to_numpy())
    assert drawn.count_coordinates().sum() < 300
    assert len(drawn.union_all().interiors) == 0


def test_shapes_that_overlap_are_simplified_one_by_one():
    shapes = gpd.GeoSeries([box(0, 0, 100, 100), box(50, 0, 150, 100)], crs=4549)
    drawn = to_screen(shapes, tolerance_m=1, coverage=True)
    assert len(drawn) == 2
    assert drawn.is_valid.all()


def test_a_block_can_be_read_back_and_keeps_equal_parts_once():
    block = Block({"name": "毓璜顶 </script> {{7*7}}"})
    assert [block.add(b"abc"), block.add(b"de"), block.add(b"abc")] == [0, 1, 0]
    first, rest = (decoded(text) for text in block.to_texts())
    assert first == ({"name": "毓璜顶 </script> {{7*7}}", "parts": {}}, b"")
    assert rest == ({"parts": {"0": 3, "1": 2}}, b"abcde")
    assert block.to_texts() == block.to_texts()


def test_what_the_first_picture_does_without_is_in_the_second_block():
    block = Block()
    border, people, streets = (block.add(part) for part in (b"border", b"people", b"streets"))
    block.doc |= {
        "title": "a",
        "base": {"streets": [{"shapes": {"part": streets}}], "border": {"part": border}},
        "areas": [
            {"shapes": {"part": border}, "people": {"name": {"part": people}}, "codes": ["1"]}
        ],
    }
    first, rest = (decoded(text) for text in block.to_texts())
    assert first[0] == {
        "title": "a",
        "base": block.doc["base"],
        "areas": [{"shapes": {"part": border}}],
        "parts": {"0": 6, "2": 7},
    }
    assert first[1] == b"borderstreets"
    names = {"people": {"name": {"part": people}}, "codes": ["1"]}
    assert rest == ({"areas": [names], "base": {}, "parts": {"1": 6}}, b"people")


def decoded(text):
    raw = gzip.decompress(base64.b64decode(text))
    size = int.from_bytes(raw[:4], "little")
    return json.loads(raw[4 : 4 + size]), raw[4 + size :]


def test_half_a_character_does_not_stop_the_page():
    assert decoded(Block({"name": "a\ud800b"}).to_texts()[0])[0]["name"] == "a?b"


def test_not_a_number_never_reaches_the_page():
    with pytest.raises(ValueError, match="JSON"):
        Block({"value": float("nan")}).to_texts()
