"""One person of each role in each area: laws, and an optimum found by trying everything."""

import itertools

import geopandas as gpd
import geopandas.testing
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from shapely import Point, box

import gridkit as gk
from gridkit.tables import POSTS

CRS = 4549


def areas_of(n, rng=None):
    rng = rng or np.random.default_rng(0)
    at = rng.uniform(0, 1000, (n, 2))
    shapes = [box(x, y, x + 10, y + 10) for x, y in at]
    return gpd.GeoDataFrame({"cell_code": [f"a{i}" for i in range(n)]}, geometry=shapes, crs=CRS)


def roster_of(roles, rng=None, **columns):
    rng = rng or np.random.default_rng(1)
    base = shapely.points(rng.uniform(0, 1000, (len(roles), 2)))
    ids = [f"p{i}" for i in range(len(roles))]
    return gpd.GeoDataFrame(
        {"person_id": ids, "role": roles, **columns, "base": base}, geometry="base", crs=CRS
    )


def least_total(cost, capacity):
    """Try every way to give each area a person within capacity."""
    n, m = cost.shape
    best = np.inf
    for choice in itertools.product(range(m), repeat=n):
        if all(choice.count(j) <= capacity[j] for j in range(m)):
            best = min(best, sum(cost[i, j] for i, j in enumerate(choice)))
    return best


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 10**6))
def test_total_distance_is_least(n, m, seed):
    rng = np.random.default_rng(seed)
    areas, capacity = areas_of(n, rng), rng.integers(1, 4, m)
    while capacity.sum() < n:
        capacity += 1
    roster = roster_of(["cadre"] * m, rng, max_areas=capacity)
    posts = gk.assign(areas, roster, roles=["cadre"])
    inner = areas.geometry.representative_point()
    cost = np.array([[a.distance(b) for b in roster.geometry] for a in inner])
    assert posts["distance_m"].sum() == pytest.approx(least_total(cost, capacity.tolist()))
    held = posts["person_id"].value_counts()
    limits = dict(zip(roster["person_id"], capacity, strict=True))
    assert all(held[p] <= limits[p] for p in held.index)
    for _, post in posts.iterrows():
        i = areas["cell_code"].tolist().index(post["area_code"])
        j = roster["person_id"].tolist().index(post["person_id"])
        assert post["distance_m"] == pytest.approx(cost[i, j])


def test_one_post_of_each_role_in_each_area():
    areas = areas_of(7)
    roster = roster_of(
        ["officer", "cadre", *["cleaner"] * 3, *["volunteer"] * 7],
        slots="08:00-18:00",
        responsible_unit="u",
    )
    posts = gk.assign(areas, roster)
    POSTS.check(posts)
    assert posts["area_code"].tolist() == [a for a in areas["cell_code"] for _ in range(4)]
    assert posts["role"].tolist() == ["officer", "cleaner", "cadre", "volunteer"] * 7
    assert posts["person_id"].notna().all()
    assert posts["slot"].eq("08:00-18:00").all()
    assert posts["duty"].str.len().min() > 0
    roles = dict(zip(roster["person_id"], roster["role"], strict=True))
    assert (posts["person_id"].map(roles) == posts["role"]).all()


def test_shortage_leaves_rows_and_says_so():
    areas = areas_of(5)
    roster = roster_of(["volunteer"] * 3 + ["officer"])
    with pytest.warns(gk.GridkitWarning, match="volunteer 2/5, cadre 5/5"):
        posts = gk.assign(areas, roster, roles=["volunteer", "cadre", "officer"])
    assert len(posts) == 15
    empty = posts[posts["person_id"].isna()]
    assert empty["role"].value_counts().to_dict() == {"cadre": 5, "volunteer": 2}
    assert empty["distance_m"].isna().all()
    assert empty["slot"].isna().all()


def test_order_of_rows_does_not_matter():
    # On a lattice with people at equal distances everything is a tie.
    shapes = [box(i, j, i + 1, j + 1) for i in range(4) for j in range(4)]
    areas = gpd.GeoDataFrame(
        {"cell_code": [f"a{i:02d}" for i in range(16)]}, geometry=shapes, crs=CRS
    )
    roster = roster_of(["cleaner"] * 8, max_areas=2)
    roster["base"] = gpd.GeoSeries([Point(2, 2)] * 8, crs=CRS)
    once = gk.assign(areas, roster, roles=["cleaner"]).set_index("area_code")["person_id"]
    rng = np.random.default_rng(3)
    twice = gk.assign(
        areas.iloc[rng.permutation(16)], roster.iloc[rng.permutation(8)], roles=["cleaner"]
    )
    twice = twice.set_index("area_code")["person_id"]
    assert once.to_dict() == twice.to_dict()


def test_max_areas_falls_back_to_the_role():
    areas = areas_of(20)
    posts = gk.assign(areas, roster_of(["officer"]), roles=["officer"])
    assert posts["person_id"].eq("p0").all()
    roster = roster_of(["officer", "officer"], max_areas=[np.nan, 1])
    held = gk.assign(areas, roster, roles=["officer"])["person_id"].value_counts()
    assert held.get("p1", 0) <= 1


def test_inputs_are_not_touched():
    areas, roster = areas_of(4), roster_of(["volunteer"] * 4)
    areas_before, roster_before = areas.copy(), roster.copy()
    gk.assign(areas, roster, roles=["volunteer"])
    gpd.testing.assert_geodataframe_equal(areas, areas_before)
    gpd.testing.assert_geodataframe_equal(roster, roster_before)


@pytest.mark.parametrize(
    ("change", "options", "error", "words"),
    [
        (lambda a, r: (a, r), {"roles": ["plumber"]}, gk.OptionError, "plumber.*officer, cleaner"),
        (lambda a, r: (a, r.assign(person_id="p0")), {}, gk.SchemaError, "repeated: p0"),
        (lambda a, r: (a, r.assign(max_areas=0)), {}, gk.SchemaError, "below 1"),
        (lambda a, r: (a.to_crs(4547), r), {}, gk.CRSError, "areas, roster"),
        (lambda a, r: (a.to_crs(4326), r.to_crs(4326)), {}, gk.CRSError, "metres"),
        (
            lambda a, r: (a, r.set_geometry(gpd.GeoSeries([Point()] * len(r), crs=CRS))),
            {},
            gk.SchemaError,
            "2 people have no base: p0, p1",
        ),
        (
            lambda a, r: (a.assign(level=["cell", "street"]), r),
            {},
            gk.SchemaError,
            "several levels: cell, street",
        ),
    ],
)
def test_bad_input_is_named(change, options, error, words):
    areas, roster = change(areas_of(2), roster_of(["volunteer"] * 2))
    with pytest.raises(error, match=words):
        gk.assign(areas, roster, **options)


@pytest.mark.parametrize("seed", range(5))
def test_people_with_many_places_get_all_that_pay(seed):
    # Two stand amid the areas, the others far off: the two fill up, and not at the first try.
    rng = np.random.default_rng(seed)
    areas = areas_of(30, rng)
    roster = roster_of(["officer"] * 8, rng, max_areas=[25, 20, 30, 30, 1, 2, 30, 9])
    far = gpd.GeoSeries([Point(g.x + 5000 * (i > 1), g.y) for i, g in enumerate(roster.geometry)])
    roster = roster.set_geometry(far.set_crs(CRS).rename("base"))
    posts = gk.assign(areas, roster, roles=["officer"])
    cost = np.array([roster.distance(p) for p in areas.geometry.representative_point()])
    every = np.repeat(cost, roster["max_areas"], axis=1)
    best = every[linear_sum_assignment(every)].sum()
    assert posts["distance_m"].sum() == pytest.approx(best)
    held = posts["person_id"].value_counts()
    assert (held <= roster.set_index("person_id")["max_areas"][held.index]).all()


def test_a_role_asked_for_twice_is_posted_once():
    posts = gk.assign(areas_of(2), roster_of(["cadre"]), roles=["cadre", "cadre"])
    assert posts["area_code"].tolist() == ["a0", "a1"]
    with pytest.raises(gk.OptionError, match="officer, cleaner, cadre, volunteer"):
        gk.assign(areas_of(2), roster_of(["cadre"]), roles=[])


def test_areas_without_a_level_are_cells():
    roster = roster_of(["cadre"])
    for level in (None, ["cell", None]):
        posts = gk.assign(areas_of(2).assign(level=level), roster, roles=["cadre"])
        assert posts["level"].tolist() == ["cell", "cell"]


def test_shapes_and_bases_that_cannot_be_measured():
    areas, roster = areas_of(2), roster_of(["cadre", "cadre"])
    with pytest.raises(gk.GeometryError, match="rows 1"):
        gk.assign(areas.set_geometry([areas.geometry[0], None], crs=CRS), roster, roles=["cadre"])
    wide = roster.set_geometry(roster.buffer(1).rename("base"))
    with pytest.raises(gk.SchemaError, match="2 people have a base that is not a point"):
        gk.assign(areas, wide, roles=["cadre"])
    with pytest.raises(gk.CRSError, match="roster: a DataFrame without"):
        gk.assign(areas, roster.drop(columns="base"), roles=["cadre"])
