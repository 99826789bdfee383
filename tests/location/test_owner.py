"""Each point has one owner: laws, and an oracle in rational numbers."""

import importlib.util
import re
from pathlib import Path

import geopandas as gpd
import geopandas.testing
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Point, Polygon, box

import gridkit as gk
from gridkit._kernels import native

_spec = importlib.util.spec_from_file_location("oracle", Path(__file__).with_name("oracle.py"))
oracle = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(oracle)

CRS = 4549
SHARED = [HealthCheck.function_scoped_fixture]  # the engine stays the same for all examples


@pytest.fixture(autouse=True, params=["compiled", "numpy"])
def engine(request, monkeypatch):
    """Every test runs through both engines."""
    if request.param == "numpy":
        monkeypatch.setattr("gridkit.location.locator.library", lambda: None)
    elif native.library() is None:
        pytest.skip("gridkit's kernels are not compiled here: the compiled engine is skipped")
    return request.param


def cells_of(shapes, codes=None, **columns):
    codes = codes or [f"c{i:04d}" for i in range(len(shapes))]
    return gpd.GeoDataFrame({"cell_code": codes, **columns}, geometry=list(shapes), crs=CRS)


def points_of(xy):
    xy = np.asarray(xy, float).reshape(-1, 2)
    ids = [f"r{i}" for i in range(len(xy))]
    return gpd.GeoDataFrame({"report_id": ids}, geometry=shapely.points(xy), crs=CRS)


def lattice(nx, ny, size, x0=0.0, y0=0.0):
    return [
        box(x0 + i * size, y0 + j * size, x0 + (i + 1) * size, y0 + (j + 1) * size)
        for j in range(ny)
        for i in range(nx)
    ]


def irregular(seed, n=40, extent=1000.0, offset=(0.0, 0.0)):
    """A coverage of triangles and their unions, with shared vertices."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, extent, (n, 2)) + offset
    triangles = shapely.get_parts(shapely.delaunay_triangles(shapely.multipoints(xy)))
    return list(triangles)


def nasty_points(shapes, rng):
    """Vertices, edge midpoints, their neighbours in the last place, inner points."""
    xy = np.unique(shapely.get_coordinates(list(shapes)), axis=0)
    rings = [np.asarray(r.coords) for s in shapes for r in shapely.get_rings(s)]
    mid = np.vstack([(r[1:] + r[:-1]) / 2 for r in rings])
    base = np.vstack([xy, mid])
    up = np.nextafter(base, np.inf)
    down = np.nextafter(base, -np.inf)
    low, high = xy.min(0) - 5, xy.max(0) + 5
    return np.vstack([base, up, down, rng.uniform(low, high, (200, 2))])


def assert_matches_oracle(shapes, xy):
    cells = cells_of(shapes)
    located = gk.locate(points_of(xy), cells, near_m=0)
    codes = list(cells["cell_code"])
    for (x, y), code, how in zip(xy, located["cell_code"], located["located_by"], strict=True):
        expected = oracle.owner_of(shapes, codes, x, y)
        assert len(expected) <= 1
        if expected:
            assert code == expected[0], (x, y)
        else:
            assert how in ("outside", "near"), (x, y)


@pytest.mark.parametrize("size", [1.0, 0.1, 100.0, 1 / 3])
@pytest.mark.parametrize("x0", [0.0, -2.0, 4_000_000.1])
def test_lattice_has_one_owner_everywhere(size, x0):
    shapes = lattice(4, 3, size, x0, -size)
    assert_matches_oracle(shapes, nasty_points(shapes, np.random.default_rng(0))[:400])


@pytest.mark.parametrize("seed", range(4))
def test_irregular_coverage_matches_oracle(seed):
    offset = [(0, 0), (-500, -500), (500_000.3, 4_150_000.7), (1e-9, 1e-9)][seed]
    shapes = irregular(seed, offset=offset)
    rng = np.random.default_rng(seed)
    xy = nasty_points(shapes, rng)
    assert_matches_oracle(shapes, xy[rng.permutation(len(xy))[:500]])


def test_holes_islands_and_parts():
    shell = box(0, 0, 100, 100)
    island = box(40, 40, 60, 60)
    ring = Polygon(shell.exterior, [island.exterior])
    two = MultiPolygon([box(200, 0, 250, 50), box(250, 50, 300, 100)])
    far = MultiPolygon([box(-50, 0, 0, 100), box(100, 0, 150, 100)])
    shapes = [ring, island, two, far]
    assert_matches_oracle(shapes, nasty_points(shapes, np.random.default_rng(1)))


def test_hole_without_cell_is_outside():
    ring = Polygon(box(0, 0, 100, 100).exterior, [box(40, 40, 60, 60).exterior])
    located = gk.locate(points_of([(50, 50), (50, 41)]), cells_of([ring]), near_m=5)
    assert located["located_by"].tolist() == ["outside", "near"]
    assert located["distance_m"].tolist()[1] == pytest.approx(1.0)


def test_t_junction_without_shared_vertex():
    west, north, south = box(0, 0, 10, 30), box(10, 13.3, 30, 30), box(10, 0, 30, 13.3)
    shapes = [west, north, south]
    assert_matches_oracle(shapes, nasty_points(shapes, np.random.default_rng(2)))


def test_rule_east_and_north():
    west, east = box(0, 0, 10, 10), box(10, 0, 20, 10)
    north = box(0, 10, 20, 20)
    cells = cells_of([west, east, north], ["w", "e", "n"])
    located = gk.locate(points_of([(10, 5), (5, 10), (10, 10), (0, 0)]), cells)
    assert located["cell_code"].tolist() == ["e", "n", "n", "w"]
    assert set(located["located_by"]) == {"border"}


def test_outer_east_and_north_edges_are_near_at_distance_zero():
    cells = cells_of([box(0, 0, 10, 10)])
    located = gk.locate(points_of([(10, 5), (5, 10), (0, 5), (5, 0)]), cells)
    assert located["located_by"].tolist() == ["near", "near", "border", "border"]
    assert located["distance_m"].tolist() == [0, 0, 0, 0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_order_of_cells_and_points_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    shapes = irregular(seed, n=12)
    xy = nasty_points(shapes, rng)[:150]
    cells, points = cells_of(shapes), points_of(xy)
    located = gk.locate(points, cells)
    p, c = rng.permutation(len(points)), rng.permutation(len(cells))
    other = gk.locate(points.iloc[p], cells.iloc[c])
    pd.testing.assert_frame_equal(
        pd.DataFrame(other.drop(columns="geometry").sort_values("report_id", ignore_index=True)),
        pd.DataFrame(located.drop(columns="geometry").sort_values("report_id", ignore_index=True)),
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_every_point_inside_has_one_owner(seed):
    """The number of owned points is that of points in the union, edges counted once."""
    shapes = irregular(seed, n=15)
    rng = np.random.default_rng(seed)
    inner = shapely.get_coordinates([s.representative_point() for s in shapes])
    shared = np.vstack([(np.asarray(s.exterior.coords)[:-1]) for s in shapes])
    hull = shapely.unary_union(shapes)
    xy = np.vstack([inner, shared, rng.uniform(0, 1000, (50, 2))])
    located = gk.locate(points_of(xy), cells_of(shapes), near_m=0)
    owned = located["located_by"].isin(["inside", "border"]).to_numpy()
    strictly = shapely.contains_properly(hull, shapely.points(xy))
    assert owned[strictly].all()
    assert not owned[~shapely.intersects(hull, shapely.points(xy))].any()


def test_rows_are_kept_in_order_with_their_index():
    cells = cells_of([box(0, 0, 10, 10)], duty_code=["D1"])
    reports = points_of([(5, 5), (500, 5), (12, 5)])
    reports.loc[3] = ["none", Point()]
    reports.loc[4] = ["null", None]
    reports = reports.set_axis([7, 7, 3, 1, 0])
    before = reports.copy()
    located = gk.locate(reports, cells)
    assert located.index.tolist() == [7, 7, 3, 1, 0]
    assert located["report_id"].tolist() == reports["report_id"].tolist()
    assert located["located_by"].tolist() == ["inside", "outside", "near", "unlocated", "unlocated"]
    assert located["duty_code"].tolist()[0] == "D1"
    assert located["duty_code"].isna().tolist() == [False, True, False, True, True]
    assert not located["ambiguous"].any()
    gpd.testing.assert_geodataframe_equal(reports, before)
    gk_tables_located(located)


def gk_tables_located(located):
    from gridkit.tables import LOCATED

    LOCATED.check(located)


def test_distances_against_plain_geometry():
    shapes = irregular(5)
    rng = np.random.default_rng(5)
    xy = rng.uniform(-100, 1100, (300, 2))
    located = gk.locate(points_of(xy), cells_of(shapes), near_m=60, ambiguous_m=3)
    lines = [s.exterior for s in shapes]
    for i, point in enumerate(shapely.points(xy)):
        border = min(point.distance(line) for line in lines)
        row = located.iloc[i]
        if border <= 25:
            assert row["border_m"] == pytest.approx(border, abs=1e-9)
        else:
            assert np.isnan(row["border_m"])
        gaps = sorted(
            (s.distance(point), c) for s, c in zip(shapes, located_codes(shapes), strict=True)
        )
        if row["located_by"] == "near":
            assert 0 < row["distance_m"] <= 60
            assert row["distance_m"] == pytest.approx(gaps[0][0])
        if row["located_by"] == "outside":
            assert gaps[0][0] > 60
        others = [(g, c) for g, c in gaps if c != row["cell_code"] and g <= 3]
        owned = row["located_by"] != "outside"
        assert bool(row["ambiguous"]) == bool(others and owned)
        if others and owned:
            assert row["alt_cell_code"] in {c for g, c in others if g <= others[0][0] + 1e-9}


def located_codes(shapes):
    return [f"c{i:04d}" for i in range(len(shapes))]


def test_overlap_is_refused_or_reported():
    cells = cells_of([box(0, 0, 10, 10), box(5, 0, 15, 10), box(5, 4, 6, 6)], ["b", "a", "c"])
    points = points_of([(7, 5), (2, 5), (12, 5), (5.5, 5)])
    with pytest.raises(gk.GeometryError, match="a/b, a/c, b/c"):
        gk.locate(points, cells)
    with pytest.warns(gk.GridkitWarning, match="a/b"):
        located = gk.locate(points, cells, on_overlap="report")
    assert located["cell_code"].tolist() == ["a", "b", "a", "a"]


def test_no_overlap_goes_unseen_whatever_edges_it_shares():
    """Boxes on a small lattice share most of their edges, from one side, from both, or twice."""
    for seed in range(150):
        rng = np.random.default_rng(seed)
        corner, size = rng.integers(0, 4, (4, 2)), rng.integers(1, 4, (4, 2))
        shapes = [box(*c, *(c + s)) for c, s in zip(corner, size, strict=True)]
        pairs = {
            f"c{a:04d}/c{b:04d}"
            for a in range(4)
            for b in range(a + 1, 4)
            if shapes[a].intersection(shapes[b]).area > 0
        }
        if not pairs:
            gk.Locator(cells_of(shapes))
            continue
        with pytest.raises(gk.GeometryError) as caught:
            gk.Locator(cells_of(shapes))
        named = set(re.findall("c0{3}./c0{3}.", caught.value.text("en")))
        assert named
        assert named <= pairs
        with pytest.warns(gk.GridkitWarning, match="overlap"):
            located = gk.locate(
                points_of(rng.uniform(0, 7, (40, 2))),
                cells_of(shapes),
                near_m=0,
                on_overlap="report",
            )
        holds = [shapely.intersects(s, located.geometry.to_numpy()) for s in shapes]
        first = np.where(np.any(holds, axis=0), np.argmax(holds, axis=0), -1)
        codes = np.array([*cells_of(shapes)["cell_code"], None], dtype=object)
        assert located["cell_code"].fillna("").tolist() == [c or "" for c in codes[first]]


def test_overlap_of_rounding_noise_is_settled():
    cells = cells_of([box(0, 0, 10, 10), box(10 - 1e-6, 0, 20, 10)], ["b", "a"])
    located = gk.locate(points_of([(10 - 5e-7, 5), (5, 5), (15, 5)]), cells)
    assert located["cell_code"].tolist() == ["a", "b", "a"]


def test_clash_names_prefix():
    cells = cells_of([box(0, 0, 10, 10)])
    reports = points_of([(5, 5)]).assign(cell_code="x")
    with pytest.raises(gk.SchemaError, match="prefix="):
        gk.locate(reports, cells)
    located = gk.locate(reports, cells, prefix="gk_")
    assert located["gk_cell_code"].tolist() == ["c0000"]
    assert located["cell_code"].tolist() == ["x"]


def test_no_reports():
    located = gk.locate(points_of([]), cells_of([box(0, 0, 1, 1)]))
    assert len(located) == 0
    assert "cell_code" in located.columns


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda r, c: (r.set_crs(None, allow_override=True), c), gk.CRSError, "reports"),
        (lambda r, c: (r, c.set_crs(None, allow_override=True)), gk.CRSError, "cells"),
        (lambda r, c: (r.to_crs(4326), c.to_crs(4326)), gk.CRSError, "metres"),
        (lambda r, c: (r.to_crs(4547), c), gk.CRSError, "reports, cells"),
        (lambda r, c: (r, c.iloc[:0]), gk.SchemaError, "no cells"),
        (lambda r, c: (r, pd.concat([c, c])), gk.SchemaError, "repeated: c0000"),
        (lambda r, c: (r, c.drop(columns="cell_code")), gk.SchemaError, "cell_code"),
        (lambda r, c: (r.set_geometry(r.buffer(1)), c), gk.GeometryError, "not points"),
        (lambda r, c: (points_of([(np.nan, 1)]), c), gk.GeometryError, "not a number"),
        (lambda r, c: (points_of([(np.inf, 1)]), c), gk.GeometryError, "row 0"),
        (
            lambda r, c: (r, cells_of([Polygon([(0, 0), (9, 9), (9, 0), (0, 9)])])),
            gk.GeometryError,
            "cross themselves: c0000",
        ),
        (lambda r, c: (r, cells_of([Polygon()])), gk.GeometryError, "empty shape: c0000"),
        (lambda r, c: (r, cells_of([Point(1, 1)])), gk.GeometryError, "not polygons: c0000"),
    ],
)
def test_bad_input_is_named(change, error, words):
    reports, cells = change(points_of([(5, 5)]), cells_of([box(0, 0, 10, 10)]))
    with pytest.raises(error, match=words):
        gk.locate(reports, cells)


@pytest.mark.parametrize("distance", [-1, float("nan"), float("inf")])
def test_bad_distance_is_refused(distance):
    with pytest.raises(gk.OptionError, match=f"near_m={distance}"):
        gk.locate(points_of([(5, 5)]), cells_of([box(0, 0, 10, 10)]), near_m=distance)
