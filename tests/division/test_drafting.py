"""One call from a district to certified cells."""

import io
from dataclasses import replace

import numpy as np
import pytest
import shapely

import gridkit as gk
from gridkit.tables import CELLS


@pytest.fixture(scope="module")
def small():
    return gk.make_city("small").district


def laws(cells, district):
    """What every grid keeps: it tiles the land, nests in communities, is numbered and sound."""
    CELLS.check(cells)
    shapes = cells.geometry.to_numpy()
    assert shapely.coverage_is_valid(shapes, gap_width=1.0)
    assert (shapely.get_type_id(shapes) == 3).all()
    land = district.boundary.geometry.iloc[0]
    if district.water is not None:
        land = land.difference(district.water.union_all())
    assert shapely.symmetric_difference(shapely.union_all(shapes), land).area < 1.0
    homes = district.communities.set_index("community_code").geometry
    for code, shape in zip(cells["community_code"], shapes, strict=True):
        assert shape.difference(homes[code]).area < 1.0
    assert (cells["cell_code"].str[:12] == cells["community_code"]).all()
    assert cells["cell_code"].is_unique
    assert not (gk.check_cells(cells, district)["severity"] == "error").any()


@pytest.mark.parametrize(
    "wish",
    [
        {"per_cell": 300},
        {"target": "households", "per_cell": 300},
        {"into": 16},
        {"area_m2": 40_000},
        {"target": "area", "per_cell": 40_000},
        {"target": "area", "into": 20},
    ],
)
def test_every_way_to_ask_gives_a_sound_grid(small, wish):
    cells = gk.divide(small, **wish)
    laws(cells, small)
    by_area = "area_m2" in wish or wish.get("target") == "area"
    total = cells["area_m2"].sum() if by_area else small.buildings["households"].sum()
    assert cells["load"].sum() == pytest.approx(total, rel=1e-6)
    if "into" in wish:
        assert len(cells) == wish["into"]
    else:
        mean = cells["load"].mean()
        assert mean == pytest.approx(wish.get("per_cell") or wish["area_m2"], rel=0.2)
    assert cells["load"].std() / cells["load"].mean() < 0.25


def test_borders_keep_to_streets_or_cells_are_even(small):
    """The knob trades one for the other."""
    streets = small.streets.union_all().buffer(1.0)
    spread, along = [], []
    for share in (1.0, 0.2):
        cells = gk.divide(small, into=16, split_above=share)
        laws(cells, small)
        mean = cells.groupby("community_code")["load"].transform("mean")
        spread.append((cells["load"] / mean - 1).std())
        borders = cells.boundary.union_all().intersection(small.boundary.buffer(-5).iloc[0])
        along.append(borders.intersection(streets).length / borders.length)
    assert spread[1] < spread[0]
    assert along[1] < along[0]


def test_blocks_are_split_where_cells_are_small_and_no_building_is_cut(small):
    with pytest.warns(gk.GridkitWarning, match="stay heavier"):
        cells = gk.divide(small, per_cell=60)
    laws(cells, small)
    shapes = cells.geometry.to_numpy()
    houses = small.buildings.geometry.to_numpy()
    cut = shapely.STRtree(shapes).query(houses, predicate="overlaps")[0]
    blocks = gk.street_blocks(small).blocks.geometry.to_numpy()
    before = shapely.STRtree(blocks).query(houses, predicate="overlaps")[0]
    assert set(cut) == set(before)
    assert len(cells) > len(blocks) / 2


def test_the_same_call_gives_the_same_cells(small):
    one, two = gk.divide(small, into=20), gk.divide(small, into=20)
    assert one["cell_code"].tolist() == two["cell_code"].tolist()
    assert shapely.equals_exact(one.geometry.to_numpy(), two.geometry.to_numpy()).all()
    assert not shapely.equals(
        one.geometry.to_numpy(), gk.divide(small, into=20, seed=3).geometry.to_numpy()
    ).all()


def test_progress_names_the_stages(small):
    for lang, word in (("en", "20 cells numbered"), ("zh", "编码并核验网格 20 个")):
        out = io.StringIO()
        gk.divide(small, into=20, progress=out, lang=lang)
        lines = out.getvalue().splitlines()
        assert len(lines) == 4
        assert word in lines[-1]


def test_heavy_blocks_are_told(small):
    tower = small.buildings.copy()
    tower.loc[tower.index[0], "households"] = 2000
    district = replace(small, buildings=tower)
    with pytest.warns(gk.GridkitWarning, match=r"1 block\(s\) stay heavier"):
        cells = gk.divide(district, per_cell=300)
    assert cells["load"].sum() == tower["households"].sum()


@pytest.mark.parametrize(
    ("wish", "error", "words"),
    [
        ({}, gk.OptionError, "exactly one of the three"),
        ({"per_cell": 300, "into": 5}, gk.OptionError, "exactly one of the three"),
        ({"per_cell": 0}, gk.OptionError, "per_cell=0"),
        ({"into": -3, "target": "shops"}, gk.OptionError, "(?s)'shops'.*into=-3"),
        ({"area_m2": 9, "target": "households"}, gk.OptionError, "contradict"),
        ({"into": 2}, gk.OptionError, "the least is 5"),
        ({"into": 100_000}, gk.OptionError, "100000"),
        ({"per_cell": 300, "lang": "fr"}, gk.OptionError, "fr"),
        ({"per_cell": 300, "split_above": 0}, gk.OptionError, "split_above=0"),
    ],
)
def test_bad_wishes_are_named(small, wish, error, words):
    with pytest.raises(error, match=words):
        gk.divide(small, **wish)


def test_a_district_without_communities_gets_free_codes(small):
    cells = gk.divide(replace(small, communities=None), into=12)
    assert sorted(cells["cell_code"]) == [f"G{k:03d}" for k in range(1, 13)]
    assert shapely.coverage_is_valid(cells.geometry.to_numpy(), gap_width=1.0)


def test_households_that_nobody_knows(small):
    bare = replace(small, buildings=None)
    with pytest.raises(gk.SchemaError, match="households"):
        gk.divide(bare, per_cell=300)
    cells = gk.divide(bare, into=10)
    assert np.allclose(cells["load"], cells["area_m2"])
