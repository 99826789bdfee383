"""The index itself: immutable, picklable, saved and refused, the same from both engines."""

import os
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import geopandas as gpd
import geopandas.testing
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import Polygon, box

import gridkit as gk
from gridkit._kernels import native
from gridkit._kernels.native import Native
from gridkit._kernels.plain import Plain
from gridkit._kernels.raster import Found, raster_over, rings_of


def squares(n=6, size=10.0, **columns):
    shapes = [
        box(i * size, j * size, (i + 1) * size, (j + 1) * size) for i in range(n) for j in range(n)
    ]
    codes = [f"c{i:03d}" for i in range(n * n)]
    return gpd.GeoDataFrame({"cell_code": codes, **columns}, geometry=shapes, crs=4549)


def points(n=5000, seed=0):
    xy = np.random.default_rng(seed).uniform(-5, 65, (n, 2))
    xy[: n // 2] = np.rint(xy[: n // 2] / 5) * 5  # half of them on vertices and edges
    return xy[:, 0].copy(), xy[:, 1].copy()


@pytest.fixture
def locator():
    return gk.Locator(squares(duty_code=["D1"] * 18 + [None] * 18))


def same(a, b):
    x, y = points()
    assert np.array_equal(a.rank_xy(x, y), b.rank_xy(x, y))
    for one, two in zip(
        a.find_xy(x, y, near_m=4, ambiguous_m=3),
        b.find_xy(x, y, near_m=4, ambiguous_m=3),
        strict=True,
    ):
        assert np.array_equal(one, two, equal_nan=True)
    assert a.codes.tolist() == b.codes.tolist()
    assert a.crs == b.crs


def test_pickle_and_file_give_the_same_index(locator, tmp_path):
    same(pickle.loads(pickle.dumps(locator)), locator)
    path = locator.save(tmp_path / "cells.locator")
    loaded = gk.Locator.load(path, cells=squares())
    same(loaded, locator)
    assert loaded.duty_codes.tolist() == ["D1"] * 18 + [None] * 18
    again = gk.Locator.load(path).save(tmp_path / "again.locator")
    assert again.read_bytes() == path.read_bytes()


def test_index_with_overlap_survives_the_file(tmp_path):
    cells = gpd.GeoDataFrame(
        {"cell_code": ["b", "a"]}, geometry=[box(0, 0, 10, 10), box(5, 0, 15, 10)], crs=4549
    )
    with pytest.warns(gk.GridkitWarning, match="a/b"):
        locator = gk.Locator(cells, on_overlap="report")
    loaded = gk.Locator.load(locator.save(tmp_path / "two.locator"))
    assert loaded.locate_one(x=7, y=5) == "a"
    assert loaded.locate_xy([2.0, 7.0, 12.0, 20.0], [5.0] * 4).tolist() == [0, 1, 1, -1]


def test_stale_and_damaged_files_are_refused(locator, tmp_path):
    path = locator.save(tmp_path / "cells.locator")
    moved = squares()
    moved.loc[3, "geometry"] = box(0, 30, 10, 39.5)
    for other in (moved, squares(5), squares().assign(cell_code=lambda f: "x" + f["cell_code"])):
        with pytest.raises(gk.FileError, match="other cells"):
            gk.Locator.load(path, cells=other)
    assert gk.Locator.load(path, cells=squares().iloc[::-1])
    data = path.read_bytes()
    for at in (0, 17, 30, 60, len(data) // 2, len(data) - 1):
        broken = bytearray(data)
        broken[at] ^= 1
        path.write_bytes(broken)
        with pytest.raises(gk.FileError, match=r"not a saved|version|damaged"):
            gk.Locator.load(path)
    for cut in (0, 10, 40, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(gk.FileError, match=r"not a saved|damaged"):
            gk.Locator.load(path)
    with pytest.raises(gk.FileError, match="no such file"):
        gk.Locator.load(tmp_path / "none")


def test_many_threads_get_the_same_answers(locator):
    x, y = points(120_000)
    once = locator.locate_xy(x, y, threads=1)
    assert np.array_equal(once, locator.locate_xy(x, y, threads=3))
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda _: locator.locate_xy(x, y), range(16)):
            assert np.array_equal(answer, once)


def test_one_point_and_odd_input(locator):
    assert locator.locate_one(x=10.0, y=10.0) == "c007"
    assert locator.locate_one(x=60.0, y=10.0) is None
    assert locator.locate_one(x=float("nan"), y=1.0) is None
    assert locator.locate_xy([], []).tolist() == []
    wild = [np.nan, np.inf, -np.inf, 1e300, -1e300, -0.0]
    assert locator.locate_xy(wild, [1.0] * 6).tolist() == [-1, -1, -1, -1, -1, 0]
    strided = np.arange(0, 60, dtype=np.float32)[::7]
    assert np.array_equal(
        locator.locate_xy(strided, strided), locator.locate_xy(list(strided), list(strided))
    )
    with pytest.raises(gk.OptionError, match="one dimension"):
        locator.locate_xy([1.0, 2.0], [1.0])
    with pytest.raises(gk.OptionError, match="on_overlap='skip'"):
        gk.Locator(squares(), on_overlap="skip")


def test_nothing_in_an_index_can_be_written(locator):
    for array in (locator.codes, locator._engine.code, locator._engine.record):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_later_changes_of_the_cells_do_not_reach_the_index():
    cells = squares(2)
    for column in ("cell_code", "duty_code"):
        cells[column] = np.array(list("dcba"), dtype=object)
    cells = cells.astype({"cell_code": object, "duty_code": object})
    locator = gk.Locator(cells)
    before = locator.locate_one(x=5, y=5)
    cells.loc[:, ["cell_code", "duty_code"]] = "x"
    assert before == "d" == locator.locate_one(x=5, y=5)
    assert locator.codes.tolist() == locator.duty_codes.tolist() == list("dcba")


def test_an_unknown_overlap_is_outside_not_another_cell(monkeypatch):
    """Several owners where no overlap was found when the index was made: never a wrong cell."""
    locator = gk.Locator(squares(2).iloc[::-1])
    monkeypatch.setattr(locator._engine, "locate", lambda _x, _y, out: out.fill(-2))
    monkeypatch.setattr(locator._engine, "locate_one", lambda _x, _y: -2)
    assert locator.locate_xy([5.0], [5.0]).tolist() == [-1]
    assert locator.locate_one(x=5.0, y=5.0) is None


@pytest.mark.parametrize("threads", [0, -1])
def test_threads_are_counted_from_one(locator, threads):
    with pytest.raises(gk.OptionError, match=f"threads={threads}"):
        locator.locate_xy([1.0], [1.0], threads=threads)


@pytest.mark.parametrize(
    "shape",
    [
        box(0, 0, 1e6, 1e-3),
        box(0, 4e6, 1e-6, 5e6),
        Polygon([(0, 0), (2.0**100, 0), (1, 1)]),
        box(5e5, 4e6, 5e5 + 1e-3, 4e6 + 1e-3),
    ],
)
def test_thin_and_odd_coverages_get_a_small_raster(shape):
    raster = raster_over(shapely.get_coordinates(shape), 64)
    assert 1 <= raster.nx * raster.ny <= 1000
    x0, y0, x1, y1 = shape.bounds
    for lines, low, high in ((raster.x, x0, x1), (raster.y, y0, y1)):
        # The first and the last column and row are empty.
        assert lines[0] < lines[1] <= low
        assert high < lines[-2] < lines[-1]
        assert (np.diff(lines) > 0).all()


def test_a_town_in_a_desert_gets_most_of_the_buckets():
    """Cells by load: 300 small ones in 4 km², three that share 100,000 km²."""
    size = 100
    corners = [(i * size, j * size) for i in range(20) for j in range(15)]
    town = [box(x, y, x + size, y + size) for x, y in corners]
    land = shapely.difference(box(-2e5, -1e5, 2e5, 1.5e5), box(0, 0, 2000, 1500))
    cuts = [box(-2e5, -1e5, 0, 1.5e5), box(0, -1e5, 2e5, 7e4), box(0, 7e4, 2e5, 1.5e5)]
    shapes = [*town, *(shapely.intersection(land, cut) for cut in cuts)]
    raster = raster_over(rings_of(np.array(shapes)).xy, 64.0 * len(shapes))
    across = ((raster.x > 0) & (raster.x < 2000)).sum()
    along = ((raster.y > 0) & (raster.y < 1500)).sum()
    assert min(across, along) > 60
    assert raster.nx * raster.ny <= 64 * len(shapes) * 1.1


def test_strips_of_land_get_no_more_memory_than_cells():
    """Slanting borders of 20 km, 5 m apart: small buckets would make the index 20 times larger."""
    y = np.array([4e6, 4e6, 4.02e6, 4.02e6])
    left = 5e5 + np.arange(300) * 5.0
    x = np.stack([left, left + 5, left + 4005, left + 4000], axis=1)
    shapes = shapely.polygons(np.stack([x, np.broadcast_to(y, x.shape)], axis=-1))
    codes = [f"c{k:03d}" for k in range(300)]
    strips = gk.Locator(gpd.GeoDataFrame({"cell_code": codes}, geometry=shapes, crs=4549))
    assert strips.nbytes < 20_000 * 300
    inner = shapely.get_coordinates(shapely.centroid(shapes))
    assert strips.locate_xy(*inner.T).tolist() == list(range(300))


def test_the_town_is_located_like_the_rest():
    rng = np.random.default_rng(8)
    cells = squares(20, 100.0)
    far = gpd.GeoDataFrame({"cell_code": ["land"]}, geometry=[box(2e3, -2e5, 3e5, 2e5)], crs=4549)
    whole = gk.Locator(pd.concat([cells, far], ignore_index=True))
    town = gk.Locator(cells)
    xy = rng.uniform(0, 2000, (20_000, 2))
    xy[:5000] = np.rint(xy[:5000] / 50) * 50
    x, y = xy[xy[:, 0] < 1950].T
    assert np.array_equal(whole.locate_xy(x, y), town.locate_xy(x, y))
    one, two = (each.find_xy(x, y, near_m=9, ambiguous_m=2) for each in (whole, town))
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a, b, equal_nan=True)


def test_borders_among_tiny_cells_need_little_memory(monkeypatch):
    """A thousand points with hundreds of buckets around each, through the twin in small parts."""
    monkeypatch.setattr("gridkit.location.locator.library", lambda: None)
    cells = squares(30, 0.5)
    locator = gk.Locator(cells)
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-2, 17, 300), rng.uniform(-2, 17, 300)
    x[:3] = np.nan, np.inf, -np.inf
    largest = []
    near_edges = Plain._near_edges

    def watched(self, window):
        largest.append(int((window[2] * window[3]).sum()))
        return near_edges(self, window)

    monkeypatch.setattr(Plain, "_near_edges", watched)
    _, way, border, _, other = locator.find_xy(x, y, near_m=50, ambiguous_m=1)
    assert max(largest) <= 2**17 + locator._engine.raster.nx * locator._engine.raster.ny
    assert len(largest) > 1
    assert np.isnan(border[:3]).all()
    assert (way[:3] == 3).all()
    assert (other[:3] == -1).all()
    lines = shapely.union_all([s.exterior for s in cells.geometry])
    expected = shapely.distance(lines, shapely.points(x[3:], y[3:]))
    assert np.allclose(border[3:], expected)


def test_locate_takes_cells_or_their_locator(locator):
    x, y = points(500)
    reports = gpd.GeoDataFrame(
        {"report_id": [str(i) for i in range(500)]}, geometry=gpd.points_from_xy(x, y), crs=4549
    )
    cells = squares(duty_code=["D1"] * 18 + [None] * 18)
    gpd.testing.assert_geodataframe_equal(gk.locate(reports, locator), gk.locate(reports, cells))
    with pytest.raises(gk.CRSError, match="reports, cells"):
        gk.locate(reports.to_crs(4547), locator)


def shapes_of(kind):
    rng = np.random.default_rng(1)
    if kind == "lattice":
        return np.asarray(squares(8, 0.3).geometry.array)
    if kind == "triangles":
        cloud = shapely.multipoints(rng.uniform(-500, 500, (60, 2)) + np.array([5e5, 4.1e6]))
        return shapely.get_parts(shapely.delaunay_triangles(cloud))
    if kind == "holes":
        shell, inner = box(0, 0, 90, 90), box(30, 30, 60, 60)
        return np.array([Polygon(shell.exterior, [inner.exterior]), inner], dtype=object)
    if kind == "overlap":
        return np.array([box(0, 0, 9, 9), box(0, 0, 9, 9), box(0, 0, 9, 9), box(3, 3, 12, 12)])
    return np.array([box(0, 0, 1e6, 1)], dtype=object)


@pytest.mark.parametrize("kind", ["lattice", "triangles", "holes", "overlap", "strip"])
@pytest.mark.parametrize("buckets", [3, 60, 5000])
def test_both_engines_build_the_same_arrays(kind, buckets):
    lib = native.library()
    if lib is None:
        pytest.skip("gridkit's kernels are not compiled here: nothing to compare with")
    shapes = shapes_of(kind)
    rings = rings_of(shapes)
    raster = raster_over(rings.xy, buckets)
    edges = Plain.edges(rings)
    assert np.array_equal(edges, Native.edges(lib, rings))
    plain, compiled = Plain.build(edges, raster), Native.build(lib, edges, raster)
    assert np.array_equal(plain.code, compiled.code)
    assert np.array_equal(plain.record, compiled.record)
    x0, y0, x1, y1 = shapely.total_bounds(shapes)
    rng = np.random.default_rng(2)
    x, y = rng.uniform(x0 - 9, x1 + 9, 3000), rng.uniform(y0 - 9, y1 + 9, 3000)
    x[:3] = np.nan, np.inf, -np.inf
    one, two = np.empty(3000, np.int32), np.empty(3000, np.int32)
    plain.locate(x, y, one)
    compiled.locate(x, y, two)
    assert np.array_equal(one, two)
    for limits in ((25, 50, 4, 1e-6), (5, 2, 9, 0.5), (0, 0, 0, 0)):
        for given in (False, True):
            a, b = Found.empty(3000), Found.empty(3000)
            a.owner[:] = b.owner[:] = np.maximum(one, -1)
            plain.find(x, y, limits, a, given=given)
            compiled.find(x, y, limits, b, given=given)
            for name, left, right in zip(a._fields, a, b, strict=True):
                assert np.array_equal(left, right, equal_nan=True), name
    assert [compiled.locate_one(a, b) for a, b in zip(x[:200], y[:200], strict=True)] == list(
        two[:200]
    )


def test_coordinates_that_are_no_metres_are_refused():
    with pytest.raises(gk.GeometryError, match="no metres"):
        rings_of(np.array([box(0, 0, 1e-200, 1)], dtype=object))


def test_without_a_library_numpy_answers_after_one_warning(tmp_path):
    """A copy of the package without its library: one warning, the same owners."""
    package = tmp_path / "gridkit"
    shutil.copytree(
        Path(gk.__file__).parent, package, ignore=shutil.ignore_patterns("_native*", "__pycache__")
    )
    program = (
        "import warnings, geopandas as gpd\n"
        "from shapely import box\n"
        "import gridkit as gk\n"
        f"assert gk.__file__.startswith({str(tmp_path)!r})\n"
        "cells = gpd.GeoDataFrame({'cell_code': ['a', 'b']}, crs=4549,\n"
        "                         geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)])\n"
        "with warnings.catch_warnings(record=True) as seen:\n"
        "    warnings.simplefilter('always')\n"
        "    one, two = gk.Locator(cells), gk.Locator(cells)\n"
        "assert one.engine == 'numpy'\n"
        "assert [w.category for w in seen] == [gk.GridkitWarning], seen\n"
        "assert one.locate_xy([4.0, 9.0, 18.0], [4.0, 5.0, 5.0]).tolist() == [0, 1, -1]\n"
    )
    env = {k: v for k, v in os.environ.items() if k != "GRIDKIT_PLAIN"}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, env=env)
