"""The four bounds: the right street on each side, something on every side, plain text."""

import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import LineString, Polygon, box

import gridkit as gk
from gridkit.errors import CRSError, GeometryError, OptionError, SchemaError

A, B = "370602001001", "370602001002"
EDGE = "区界"


def sides(texts):
    """Take texts apart again: one row of four names for each cell."""
    rows = [t.removeprefix("东至").replace("，南至", "\n").replace("，西至", "\n") for t in texts]
    return [r.replace("，北至", "\n").split("\n") for r in rows]


def named(make, lines):
    return make.frame([make.place(LineString(xy)) for xy in lines.values()], name=list(lines))


@pytest.fixture
def four(make):
    """Two by two squares, numbered from the south-west: 001 002 / 003 004."""
    return make.squares(2, 2).assign(cell_code=[f"{A}{k:03d}" for k in range(1, 5)])


@pytest.fixture
def cross(make):
    return named(make, {"纵街": [(100, -20), (100, 220)], "横路": [(-20, 100), (220, 100)]})


def test_a_town_of_squares(make):
    """Streets on every line of a lattice: each side is the line it lies on."""
    nx, ny = 7, 5
    cells = make.squares(nx, ny).assign(cell_code=[f"c{k}" for k in range(nx * ny)])
    lines = {f"x{i}": [(i * 100, -9), (i * 100, 509)] for i in range(nx + 1)}
    lines |= {f"y{j}": [(-9, j * 100), (709, j * 100)] for j in range(ny + 1)}
    found = sides(gk.four_bounds(cells, named(make, lines)))
    expected = [[f"x{i + 1}", f"y{j}", f"x{i}", f"y{j + 1}"] for j in range(ny) for i in range(nx)]
    assert found == expected


def test_jittered_blocks_have_the_streets_they_were_cut_by(make):
    """Blocks between crooked streets, with a carriageway's offset: names from the lattice."""
    rng = np.random.default_rng(4)
    nx = ny = 5
    x, y = np.meshgrid(np.arange(nx + 1) * 100.0, np.arange(ny + 1) * 100.0)
    knots = np.stack([x, y], axis=-1) + rng.uniform(-12, 12, (ny + 1, nx + 1, 2))
    corner = [(0, 0), (0, 1), (1, 1), (1, 0)]
    blocks = [
        make.place(Polygon([knots[j + a, i + b] for a, b in corner]))
        for j in range(ny)
        for i in range(nx)
    ]
    cells = make.frame(blocks, cell_code=[f"c{k}" for k in range(nx * ny)])
    lines = {f"x{i}": knots[:, i] + [4, 0] for i in range(nx + 1)}
    lines |= {f"y{j}": knots[j, :] + [0, -4] for j in range(ny + 1)}
    found = sides(gk.four_bounds(cells, named(make, lines)))
    assert found == [
        [f"x{i + 1}", f"y{j}", f"x{i}", f"y{j + 1}"] for j in range(ny) for i in range(nx)
    ]


def test_what_stands_in_where_there_is_no_street(make, four, cross):
    assert sides(gk.four_bounds(four, cross)) == [
        ["纵街", EDGE, EDGE, "横路"],
        [EDGE, EDGE, "纵街", "横路"],
        ["纵街", "横路", EDGE, EDGE],
        [EDGE, "横路", "纵街", EDGE],
    ]
    only = cross.iloc[:1]
    assert sides(gk.four_bounds(four, only))[0] == ["纵街", EDGE, EDGE, f"网格{A}003"]
    split = four.assign(community_code=[A, A, B, B])
    assert sides(gk.four_bounds(split, only))[0][3] == f"社区{B}"
    communities = make.frame([], community_code=[], name=[]).set_crs(four.crs)
    assert sides(gk.four_bounds(split, only, communities=communities))[0][3] == f"社区{B}"
    communities = make.frame(
        [make.place(box(0, 100, 200, 200))], community_code=[B], name="东山社区"
    )
    assert sides(gk.four_bounds(split, only, communities=communities))[0][3] == "东山社区"
    water = make.frame([make.place(box(-50, -50, 250, 0)), make.place(box(-9, 0, -1, 200))])
    found = sides(gk.four_bounds(four, only, water=water.assign(name=["大海", None])))
    assert found[0] == ["纵街", "大海", "水域", f"网格{A}003"]
    english = gk.four_bounds(four, only, water=water, lang="en").iloc[0]
    assert english == f"east to 纵街; south to the water; west to the water; north to cell {A}003"


def test_a_street_needs_a_quarter_and_the_longest_wins(make, four):
    def north(metres):
        lines = {"短街": [(0, 100), (metres, 100)], "纵街": [(100, -20), (100, 220)]}
        return sides(gk.four_bounds(four, named(make, lines)))[0][3]

    assert north(10) == f"网格{A}003"
    assert north(30) == "短街"
    lines = {"甲": [(0, 100), (40, 100)], "乙": [(40, 100), (100, 100)]}
    assert sides(gk.four_bounds(four, named(make, lines)))[0][3] == "乙"


def test_far_and_crossing_streets_do_not_count(make, four):
    lines = {
        "远": [(0, 120), (100, 120)],
        "穿": [(50, -50), (50, 90)],
        "近": [(0, 113), (100, 113)],
    }
    found = sides(gk.four_bounds(four.iloc[:1], named(make, lines)))
    assert found == [[EDGE, EDGE, EDGE, "近"]]
    found = sides(gk.four_bounds(four.iloc[:1], named(make, lines), tolerance_m=5))
    assert found == [[EDGE] * 4]


def test_a_triangle_and_a_lozenge_have_four_sides(make):
    triangle = Polygon([(0, 0), (100, 0), (50, 30)])
    lozenge = Polygon([(0, -50), (50, 0), (0, 50), (-50, 0)])
    cells = make.frame([make.place(triangle), make.place(lozenge)], cell_code=["t", "l"])
    lines = {
        "底": [(0, 0), (100, 0)],
        "右": [(100, 0), (50, 30)],
        "左": [(50, 30), (0, 0)],
    }
    found = sides(gk.four_bounds(cells.iloc[:1], named(make, lines)))
    assert found == [["右", "底", "左", found[0][3]]]
    assert found[0][3] in ("右", "左")
    assert all(all(row) for row in sides(gk.four_bounds(cells, named(make, lines))))


def test_islands_holes_and_parts(make):
    ring = box(0, 0, 90, 90).difference(box(30, 30, 60, 60))
    parts = shapely.MultiPolygon([box(200, 0, 250, 50), box(260, 0, 300, 50)])
    cells = make.frame([make.place(ring), make.place(box(30, 30, 60, 60)), make.place(parts)])
    cells = cells.assign(cell_code=["ring", "core", "two"])
    streets = named(make, {"内": [(30, 30), (30, 60)]})
    found = sides(gk.four_bounds(cells, streets))
    assert found[0] == [EDGE] * 4
    assert found[1] == ["网格ring", "网格ring", "内", "网格ring"]
    assert found[2] == [EDGE] * 4


def test_hostile_names_stay_plain_text(make, four):
    evil = ["{{7*7}}", "<script>alert(1)</script>", "{east}", "=1+1"]
    lines = [(0, 100, 100, 100), (100, 0, 100, 100), (0, 0, 100, 0), (0, 0, 0, 100)]
    streets = make.frame(
        [make.place(LineString([(a, b), (c, d)])) for a, b, c, d in lines], name=evil
    )
    found = gk.four_bounds(four.iloc[:1], streets).iloc[0]
    assert found == "东至<script>alert(1)</script>，南至{east}，西至=1+1，北至{{7*7}}"
    streets["name"] = ["a\r\nb\tc\x00", " ", "\u202egpj.exe", None]
    found = sides(gk.four_bounds(four.iloc[:1], streets))
    assert found == [[EDGE, "gpj.exe", EDGE, "a b c"]]


def test_order_and_a_shift_change_nothing(make, look):
    blocks = gk.street_blocks(make.town(6, 5, jitter=20, seed=2, river=True)).blocks
    cells = blocks.assign(cell_code=blocks["block_id"])
    rng = np.random.default_rng(0)
    town = make.town(6, 5, jitter=20, seed=2, river=True)
    streets = town.streets.assign(
        name=rng.choice(["甲街", "乙街", "丙路", None], len(town.streets))
    )
    before = cells.copy(deep=True)
    plain = gk.four_bounds(cells, streets, water=town.water)
    pd.testing.assert_frame_equal(pd.DataFrame(cells), pd.DataFrame(before))
    assert plain.index.equals(cells.index)
    assert all(all(row) for row in sides(plain))
    mixed = gk.four_bounds(look.shuffled(cells), look.shuffled(streets), water=town.water)
    pd.testing.assert_series_equal(mixed.sort_index(), plain)
    layers = [f.set_geometry(f.translate(4096, -8192)) for f in (cells, streets, town.water)]
    moved = gk.four_bounds(layers[0], layers[1], water=layers[2])
    pd.testing.assert_series_equal(moved, plain)


def test_bad_input(four, cross):
    with pytest.raises(SchemaError, match="name"):
        gk.four_bounds(four, cross.drop(columns="name"))
    with pytest.raises(SchemaError, match="cell_code"):
        gk.four_bounds(four.drop(columns="cell_code"), cross)
    with pytest.raises(GeometryError, match="none: 0"):
        gk.four_bounds(four, four.assign(name="x"))
    with pytest.raises(CRSError, match="cells, streets"):
        gk.four_bounds(four, cross.to_crs(4547))
    with pytest.raises(CRSError, match="cells, water"):
        gk.four_bounds(four, cross, water=four.to_crs(4547))
    with pytest.raises(CRSError):
        gk.four_bounds(four.to_crs(4326), cross.to_crs(4326))
    with pytest.raises(OptionError, match="tolerance_m=0"):
        gk.four_bounds(four, cross, tolerance_m=0)
    with pytest.raises(OptionError, match="zh, en"):
        gk.four_bounds(four, cross, lang="fr")
    assert sides(gk.four_bounds(four, cross.iloc[:0]))[0][1] == EDGE
