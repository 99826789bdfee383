"""The proof of benchmarks/prove_locate.py, in short: over 200,000 points, both engines."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely import Polygon, box

ROOT = Path(__file__).resolve().parents[2]


def module(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = sys.modules.setdefault(path.stem, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(loaded)
    return loaded


oracle = module(ROOT / "tests" / "location" / "oracle.py")
proof = module(ROOT / "benchmarks" / "prove_locate.py")


def test_no_point_is_wrong():
    outcomes = proof.run(proof.cases(0.05, 800, 1), print)
    assert [o for o in outcomes if not o.sound] == []
    assert sum(o.points for o in outcomes) >= 200_000
    assert max(o.cells for o in outcomes) == 100_000


def test_translation_changes_no_owner():
    asked, changed = proof.moved_wrong(3, 100, 5_000)
    assert (asked, changed) == (20_000, 0)


def test_the_fast_oracle_agrees_with_the_slow_one():
    """Both follow from the definition; one is in rational numbers throughout."""
    ring = Polygon(box(0, 0, 9, 9).exterior, [box(2, 2, 5, 5).exterior])
    shapes = [ring, box(2, 2, 5, 5), *proof.triangles(8, 1, 7.3, (9.0, 0.0))]
    corners = np.unique(shapely.get_coordinates(shapes), axis=0)
    rng = np.random.default_rng(0)
    xy = np.concatenate([corners, proof.nudged(corners, rng), rng.uniform(-1, 17, (100, 2))])
    x, y = xy.T
    expected = [oracle.owner_of(shapes, range(len(shapes)), *p) for p in xy]
    expected = [min(e, default=-1) for e in expected]
    fast = proof.oracle_fast.Oracle(shapes)
    for exact in (None, np.ones(len(xy), dtype=bool)):
        assert fast.owners(x, y, exact=exact).tolist() == expected


@pytest.mark.parametrize("scale", [1.0, 2.0**-80, 2.0**80])
def test_whole_numbers_tell_an_ulp(scale):
    a, b = np.array([[0.1, 0.1]]) * scale, np.array([[0.7, 0.9]]) * scale
    x, y = (a + b).T / 2
    sides = [
        bool(proof.oracle_fast.west_in_whole_numbers(a, b, np.nextafter(x, to), y)[0])
        for to in (-np.inf, np.inf)
    ]
    assert sides == [False, True]
