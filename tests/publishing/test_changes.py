import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import affinity

from gridkit.publishing.changes import compare_cells

X0, Y0 = 531_000.0, 4_155_000.0


def box(x0, y0, x1, y1):
    return shapely.box(X0 + x0, Y0 + y0, X0 + x1, Y0 + y1)


def table(**shapes):
    return gpd.GeoDataFrame({"cell_code": list(shapes)}, geometry=list(shapes.values()), crs=4549)


def kinds(before, after):
    changed = compare_cells(before, after).table
    return dict(zip(changed["code"], changed["kind"], strict=True))


A, B, C = box(0, 0, 100, 100), box(100, 0, 200, 100), box(200, 0, 300, 100)


def test_the_same_land_in_other_vertices_is_unchanged():
    ring = np.array(A.exterior.coords)[:-1]
    turned = shapely.Polygon(np.roll(ring, 2, axis=0)[::-1])
    more = shapely.segmentize(B, 7)
    same = compare_cells(table(a=A, b=B, c=C), table(c=shapely.MultiPolygon([C]), b=more, a=turned))
    assert same.unchanged == 3
    assert same.table.empty
    assert same.links.empty


def test_noise_below_the_tolerance_is_unchanged_and_above_is_not():
    assert kinds(table(a=A), table(a=affinity.translate(A, 2e-5))) == {}
    assert kinds(table(a=A), table(a=affinity.translate(A, 1e-3))) == {"a": "moved"}


@pytest.mark.parametrize("keeps", [True, False])
def test_a_split_names_the_old_cell_and_its_parts_whoever_keeps_the_code(keeps):
    name = "a" if keeps else "x"
    after = table(**{name: box(0, 0, 40, 100)}, y=box(40, 0, 100, 100), b=B)
    assert kinds(table(a=A, b=B), after) == dict.fromkeys({"a", name, "y"}, "split")


@pytest.mark.parametrize("keeps", [True, False])
def test_a_merger_names_the_old_cells_and_the_new_one_whoever_keeps_the_code(keeps):
    name = "a" if keeps else "x"
    after = table(**{name: box(0, 0, 200, 100)}, c=C)
    assert kinds(table(a=A, b=B, c=C), after) == dict.fromkeys({"a", "b", name}, "merged")


def test_a_moved_border_marks_both_neighbours_and_nobody_else():
    after = table(a=box(0, 0, 130, 100), b=box(130, 0, 200, 100), c=C)
    changes = compare_cells(table(a=A, b=B, c=C), after)
    assert dict(zip(changes.table["code"], changes.table["kind"], strict=True)) == {
        "a": "moved",
        "b": "moved",
    }
    assert changes.unchanged == 1


def test_new_gone_and_recoded_cells():
    assert kinds(table(a=A, b=B), table(a=A, d=C)) == {"b": "gone", "d": "new"}
    assert kinds(table(a=A), table(z=A.reverse())) == {"a": "recoded", "z": "recoded"}
    redrawn = box(0, 0, 100, 90)
    assert kinds(table(a=A), table(z=redrawn)) == {"a": "moved", "z": "moved"}


def test_links_say_whose_land_it_became():
    after = table(x=box(0, 0, 25, 100), y=box(25, 0, 100, 100))
    links = compare_cells(table(a=A), after).links
    assert links["code_to"].tolist() == ["x", "y"]
    assert links["area_share"].tolist() == pytest.approx([0.25, 0.75])


def test_cells_without_a_shape_are_compared_by_code():
    empty = shapely.Polygon()
    assert kinds(table(a=empty, b=None), table(a=empty, b=shapely.Point(1, 1))) == {}
    assert kinds(table(a=empty), table(a=A)) == {"a": "moved"}
    assert kinds(table(a=A), table(a=empty)) == {"a": "moved"}
    assert kinds(table(a=A), table(b=empty)) == {"a": "gone", "b": "new"}


def random_editions(seed):
    """Return a grid of squares and its next edition: rows merged, squares cut, codes changed."""
    rng = np.random.default_rng(seed)
    before, after = {}, {}
    for k in range(30):
        x, y = 100 * (k % 6), 100 * (k // 6)
        shape = before[f"{k:02d}"] = box(x, y, x + 100, y + 100)
        act = rng.integers(5)
        if act == 0:
            cut = x + rng.integers(10, 90)
            after[f"{k:02d}"], after[f"{k:02d}b"] = (
                box(x, y, cut, y + 100),
                box(cut, y, x + 100, y + 100),
            )
        elif act == 1:
            after[f"n{k:02d}"] = shape
        elif act != 2:
            after[f"{k:02d}"] = shape
    return table(**before), table(**after)


@pytest.mark.parametrize("seed", range(4))
def test_every_code_is_counted_once_and_order_and_place_do_not_matter(seed):
    before, after = random_editions(seed)
    changes = compare_cells(before, after)
    codes = set(before["cell_code"]) | set(after["cell_code"])
    assert len(changes.table) == changes.table["code"].nunique()
    assert changes.unchanged + len(changes.table) == len(codes)
    for place, cells in (("before", before), ("after", after)):
        there = changes.table[changes.table[place] >= 0]
        assert (cells["cell_code"].to_numpy()[there[place]] == there["code"]).all()
    wanted = changes.table[["code", "kind"]]
    mixed = before.sample(frac=1, random_state=seed), after.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(compare_cells(*mixed).table[["code", "kind"]], wanted)
    moved = (cells.set_geometry(cells.translate(5000, -700)) for cells in (before, after))
    pd.testing.assert_frame_equal(compare_cells(*moved).table[["code", "kind"]], wanted)


@pytest.mark.parametrize("seed", range(4))
def test_looking_back_split_is_merger_and_new_is_gone(seed):
    before, after = random_editions(seed)
    mirror = {"split": "merged", "merged": "split", "new": "gone", "gone": "new"}
    there, back = kinds(before, after), kinds(after, before)
    assert {code: mirror.get(kind, kind) for code, kind in there.items()} == back
