"""Trips along streets, against networks built by hand and a naive search."""

import heapq
import itertools

import geopandas as gpd
import numpy as np
import pytest
from shapely import LineString, MultiLineString, Point, Polygon, box

from gridkit import assign, explain_shortage, prove_posts
from gridkit.errors import CRSError, GeometryError, GridkitWarning, OptionError
from gridkit.rules import Role
from gridkit.staffing.travel import street_graph

CRS = 4549
RULES = {"officer": Role("officer", "民警", "officer", 1, "", "", "", ())}


def table(lines, **more):
    return gpd.GeoDataFrame(more, geometry=lines, crs=CRS)


def ways(streets, areas, people):
    trips = street_graph(streets, like=streets).trips(
        np.array(areas, float), np.array(people, float)
    )
    i, j = np.indices((len(areas), len(people)))
    return trips.metres(i, j)


def test_one_street_is_walked_directly_and_a_crossing_turned_at():
    streets = table([LineString([(0, 0), (100, 0)]), LineString([(50, -50), (50, 50)])])
    # Two points on one stretch; round the corner; from 7 m off the street.
    found = ways(streets, [(10, 0), (10, 7)], [(40, 0), (50, 30), (50, 0)])
    assert found == pytest.approx(np.array([[30, 70, 40], [37, 77, 47]]), abs=1e-3)


def test_a_bridge_passes_over_and_meets_at_its_ends_only():
    under, over = LineString([(0, 0), (100, 0)]), LineString([(50, -50), (50, 50)])
    round_about = LineString([(50, 50), (150, 50), (150, 0), (100, 0)])
    streets = table([under, over, round_about], bridge=[False, True, False])
    level = table([under, over, round_about])
    assert ways(level, [(50, 20)], [(40, 0)])[0, 0] == pytest.approx(30)
    assert ways(streets, [(50, 20)], [(40, 0)])[0, 0] == pytest.approx(30 + 100 + 50 + 50 + 60)


def test_a_bridge_that_ends_within_a_street_meets_it():
    streets = table(
        [LineString([(0, 0), (100, 0)]), LineString([(30, 0), (30, 80)])], bridge=[False, True]
    )
    assert ways(streets, [(30, 60)], [(90, 0)])[0, 0] == pytest.approx(120)


def test_the_shorter_of_two_streets_between_the_same_crossings_and_loops():
    streets = table(
        [
            LineString([(0, 0), (100, 0)]),
            LineString([(0, 0), (0, 300), (100, 300), (100, 0)]),
            MultiLineString([[(100, 0), (200, 0)], [(200, 0), (210, 5), (220, 0), (200, 0)]]),
        ]
    )
    found = ways(streets, [(50, 0), (0, 150)], [(200, 0), (100, 150)])
    assert found[0] == pytest.approx([150, 200])
    assert found[1] == pytest.approx([350, 400])


def test_without_a_way_there_is_none():
    streets = table([LineString([(0, 0), (10, 0)]), LineString([(0, 900), (10, 900)])])
    assert np.isinf(ways(streets, [(5, 0)], [(5, 900)])[0, 0])


def by_hand(edges, points, others):
    """Dijkstra on a graph of given edges; every point is a vertex."""
    near = {}
    for (a, b), length in edges.items():
        near.setdefault(a, []).append((b, length))
        near.setdefault(b, []).append((a, length))
    table = np.full((len(points), len(others)), np.inf)
    for i, start in enumerate(points):
        best, heap = {}, [(0.0, start)]
        while heap:
            d, at = heapq.heappop(heap)
            if at in best:
                continue
            best[at] = d
            for to, length in near.get(at, ()):
                heapq.heappush(heap, (d + length, to))
        table[i] = [best.get(other, np.inf) for other in others]
    return table


@pytest.mark.parametrize("seed", range(15))
def test_ways_on_random_lattices_are_those_of_a_naive_search(seed):
    rng = np.random.default_rng(seed)
    size, step = 6, 100
    edges = {}
    for x, y in itertools.product(range(size), repeat=2):
        for to in ((x + 1, y), (x, y + 1)):
            if max(to) < size and rng.random() < 0.7:
                edges[(x, y), to] = float(step)
    lines = [LineString(np.array(ends) * step) for ends in edges]
    used = sorted({p for ends in edges for p in ends})
    picked = [used[k] for k in rng.integers(0, len(used), 8)]
    others = [used[k] for k in rng.integers(0, len(used), 7)]
    found = ways(table(lines), np.array(picked) * step, np.array(others) * step)
    assert found == pytest.approx(by_hand(edges, picked, others), abs=1e-2)


def town():
    """Two banks of a river with one bridge far to the east; cells and people on both."""
    cells = [box(x * 100, y, x * 100 + 100, y + 100) for y in (0, 200) for x in range(10)]
    areas = gpd.GeoDataFrame(
        {"cell_code": [f"c{i:02}" for i in range(20)]}, geometry=cells, crs=CRS
    )
    streets = table(
        [
            LineString([(0, 50), (1000, 50)]),
            LineString([(0, 250), (1000, 250)]),
            LineString([(1000, 50), (1000, 250)]),
        ],
        bridge=[False, False, True],
    )
    return areas, streets


def staff(points):
    frame = {"person_id": [f"p{i}" for i in range(len(points))], "role": "officer"}
    return gpd.GeoDataFrame(frame, geometry=[Point(p) for p in points], crs=CRS)


def test_nobody_is_sent_over_a_river_that_has_no_bridge_near():
    areas, streets = town()
    north = areas.iloc[[0, 9]].assign(geometry=[box(0, 200, 100, 300), box(900, 0, 1000, 100)])
    # The first person lives a step from the north bank, on the south side's street.
    roster = staff([(50, 145), (950, 250)])
    straight = assign(north, roster, rules=RULES)
    walked = assign(north, roster, rules=RULES, streets=streets)
    assert straight["person_id"].tolist() == ["p0", "p1"]
    assert walked["person_id"].tolist() == ["p1", "p0"]
    assert walked["distance_m"].tolist() == pytest.approx([900, 995], abs=0.01)
    proof = prove_posts(walked, north, roster, rules=RULES, streets=streets)
    assert proof.gap == 0
    assert proof.total_m == pytest.approx(1895, abs=0.01)
    assert prove_posts(straight, north, roster, rules=RULES, streets=streets).gap > 0


@pytest.mark.parametrize("seed", range(25))
def test_posts_along_streets_are_the_best_of_all(seed):
    from scipy.optimize import linear_sum_assignment

    areas, streets = town()
    rng = np.random.default_rng(seed)
    areas = areas.iloc[np.sort(rng.choice(20, int(rng.integers(1, 12)), replace=False))]
    n = int(rng.integers(len(areas), 15))
    roster = staff(rng.uniform([0, 0], [1000, 300], (n, 2)))
    posts = assign(areas, roster, rules=RULES, streets=streets)
    points = [p.coords[0] for p in areas.geometry.representative_point()]
    metres = ways(streets, points, [p.coords[0] for p in roster.geometry])
    best = metres[linear_sum_assignment(metres)].sum()
    assert posts["distance_m"].sum() <= best * 1.001 + 0.01 * n
    proof = prove_posts(posts, areas, roster, rules=RULES, streets=streets)
    assert proof.bound == pytest.approx(best, abs=0.01 * n)


def test_a_bank_without_bridge_is_a_shortage_that_says_so():
    areas, streets = town()
    roster = staff([(50, 60), (150, 60)])
    cut_off = streets.iloc[:2]
    two = areas.iloc[[0, 10]]
    with pytest.warns(GridkitWarning, match="officer 1/2"):
        posts = assign(two, roster, rules=RULES, streets=cut_off)
    assert posts["person_id"].isna().tolist() == [False, True]
    why = explain_shortage(two, roster, rules=RULES, streets=cut_off)
    assert [tuple(r) for r in why.relaxations["rules"]] == [("NO_WAY",)]
    assert "street" in why.text("en")
    far = assign(areas.iloc[[10]], roster, rules=RULES, streets=streets, max_distance_m=5000)
    assert far["person_id"].notna().all()
    with pytest.warns(GridkitWarning, match="officer 1/1"):
        assign(areas.iloc[[10]], roster, rules=RULES, streets=streets, max_distance_m=500)


def test_streets_that_are_none():
    areas, streets = town()
    roster = staff([(50, 60)])
    with pytest.raises(OptionError, match="streets"):
        assign(areas, roster, rules=RULES, streets=streets.iloc[:0])
    with pytest.raises(CRSError):
        assign(areas, roster, rules=RULES, streets=streets.to_crs(4326))
    with pytest.raises(GeometryError, match="0"):
        assign(
            areas,
            roster,
            rules=RULES,
            streets=table([Polygon([(0, 0), (1, 0), (1, 1)]), LineString([(0, 0), (1, 1)])]),
        )


def test_streets_that_are_all_bridges():
    streets = table([LineString([(0, 0), (100, 0)])], bridge=[True])
    assert ways(streets, [(10, 0)], [(70, 0)])[0, 0] == pytest.approx(60)
