"""Beats: contiguous, even, within the rules, and steady when people come and go."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.geometry import Point, box

from gridkit.rules import Role
from gridkit.staffing.beats import match_beats
from gridkit.staffing.needs import make_need

CRS = 4549
X, Y, STEP = 500_000.0, 4_150_000.0, 100.0


def lattice(columns, rows, *, seed=0, gap_after=None):
    """Square areas with uneven loads; `gap_after` leaves a strip of water behind that column."""
    rng = np.random.default_rng(seed)
    shift = [STEP * 20 if gap_after is not None and c > gap_after else 0 for c in range(columns)]
    boxes = [
        box(
            X + STEP * c + shift[c], Y + STEP * r, X + STEP * (c + 1) + shift[c], Y + STEP * (r + 1)
        )
        for r in range(rows)
        for c in range(columns)
    ]
    codes = [f"{r:02}{c:02}" for r in range(rows) for c in range(columns)]
    street = ["w" if c < columns // 2 else "e" for _ in range(rows) for c in range(columns)]
    load = rng.uniform(30, 60, len(boxes))
    return gpd.GeoDataFrame(
        {"cell_code": codes, "load": load, "street_code": street}, geometry=boxes, crs=CRS
    )


def people(n, areas, *, seed=1, **columns):
    rng = np.random.default_rng(seed)
    low, high = np.array(areas.total_bounds).reshape(2, 2)
    base = [Point(p) for p in rng.uniform(low, high, (n, 2))]
    return gpd.GeoDataFrame(
        {"person_id": [f"p{i:03}" for i in range(n)], "role": "officer"} | columns,
        geometry=gpd.GeoSeries(base, crs=CRS),
    )


def beats(areas, roster, *, barred=None, holders=None, most=99, **more):
    role = Role("officer", "", "", most, "", "", "", (), beats=True, own=more.pop("own", ""))
    need = make_need(
        areas,
        roster,
        role=role,
        slot="",
        barred=np.zeros(len(roster), np.uint8) if barred is None else barred,
        holders=holders,
        max_distance_m=more.get("max_distance_m"),
        own_bonus_m=more.get("own_bonus_m", 500.0),
        stay_bonus_m=more.get("stay_bonus_m", 0.0),
    )
    chosen = match_beats(need, areas.sort_values("cell_code"))
    who = pd.Series(need.ids.astype(object)).reindex(chosen).to_numpy()
    return pd.Series(np.where(chosen >= 0, who, None), index=need.codes)


def pieces(areas, codes):
    shapes = areas.set_index("cell_code").loc[list(codes)].geometry
    return len(shapely.get_parts(shapely.coverage_union_all(shapes.to_numpy())))


def spread(areas, who):
    load = areas.set_index("cell_code")["load"].groupby(who).sum()
    return load.std(ddof=0) / load.mean()


def test_every_area_has_one_and_beats_hang_together_and_are_even():
    areas, roster = lattice(16, 14), people(20, lattice(16, 14))
    who = beats(areas, roster)
    assert who.notna().all()
    assert who.nunique() == 20
    assert all(pieces(areas, codes) == 1 for codes in who.groupby(who).groups.values())
    assert spread(areas, who) < 0.06


def test_the_order_of_rows_does_not_matter():
    areas, roster = lattice(10, 9), people(12, lattice(10, 9))
    one = beats(areas, roster)
    two = beats(areas.sample(frac=1, random_state=1), roster.sample(frac=1, random_state=2))
    pd.testing.assert_series_equal(one, two)


def test_beats_and_people_are_matched_at_the_least_cost():
    from scipy.optimize import linear_sum_assignment

    areas, roster = lattice(12, 12), people(15, lattice(12, 12))
    who = beats(areas, roster)
    inner = shapely.get_coordinates(shapely.point_on_surface(areas.geometry.to_numpy()))
    base = shapely.get_coordinates(roster.geometry.to_numpy())
    apart = pd.DataFrame(
        np.hypot(*np.moveaxis(inner[:, None] - base[None], -1, 0)), index=areas["cell_code"]
    )
    total = apart.groupby(who).sum()
    mine = sum(total.loc[p].iloc[roster.index[roster["person_id"] == p][0]] for p in total.index)
    best = total.to_numpy()[linear_sum_assignment(total.to_numpy())].sum()
    assert mine == pytest.approx(best)


def test_own_people_come_first_and_streets_without_people_are_served():
    areas = lattice(12, 8)
    roster = people(8, areas, street_code=["w"] * 2 + ["e"] * 6)
    who = beats(areas, roster, own="street")
    west = set(roster.loc[roster["street_code"] == "w", "person_id"])
    street = areas.set_index("cell_code")["street_code"]
    assert set(who[street == "w"]) == west
    assert not set(who[street == "e"]) & west
    alone = beats(areas, roster.assign(street_code="e"), own="street")
    assert alone.notna().all()
    strict = beats(areas, roster.assign(street_code="e"), own="street", own_bonus_m=np.inf)
    assert strict[street == "w"].isna().all()
    assert strict[street == "e"].notna().all()


def test_islands_join_the_nearest_when_people_are_few():
    areas = lattice(9, 4, gap_after=6)
    who = beats(areas, people(1, areas))
    assert who.notna().all()
    two = beats(areas, people(2, areas))
    assert all(pieces(areas, codes) == 1 for codes in two.groupby(two).groups.values())


def test_more_people_than_areas():
    areas = lattice(3, 2)
    who = beats(areas, people(9, areas))
    assert who.notna().all()
    assert who.nunique() == 6


def test_nobody_gets_more_than_allowed_and_no_rule_is_broken():
    areas, roster = lattice(8, 8), people(6, lattice(8, 8))
    few = beats(areas, roster, most=5)
    assert few.notna().sum() == 30
    assert few.value_counts().max() == 5
    barred = np.array([4, 0, 0, 0, 0, 0], np.uint8)
    assert "p000" not in set(beats(areas, roster, barred=barred))
    near = beats(areas, roster, max_distance_m=150.0)
    inner = areas.set_index("cell_code").geometry.representative_point()
    base = roster.set_index("person_id").geometry
    for code, person in near.dropna().items():
        assert inner[code].distance(base[person]) <= 150.0
    assert beats(areas, roster, barred=np.full(6, 8, np.uint8)).isna().all()


def test_who_can_stay_keeps_the_beat():
    areas, roster = lattice(14, 12), people(14, lattice(14, 12))
    before = beats(areas, roster)
    again = beats(areas, roster, holders=before)
    pd.testing.assert_series_equal(before, again)
    # One leaves and nobody comes: only that beat changes hands.
    left = beats(areas, roster.iloc[1:], holders=before)
    assert left.notna().all()
    assert set(before[before != left]) == {"p000"}
    # Another comes in place: the beat stays whole.
    new = people(1, areas, seed=9).assign(person_id="new")
    joined = gpd.GeoDataFrame(pd.concat([roster.iloc[1:], new]), geometry="geometry", crs=CRS)
    taken = beats(areas, joined, holders=before)
    assert set(taken[before == "p000"]) == {"new"}
    assert (before[before != "p000"] == taken[before != "p000"]).all()


@pytest.mark.parametrize("seed", range(4))
def test_random_districts_keep_the_laws(seed):
    rng = np.random.default_rng(seed)
    areas = lattice(int(rng.integers(5, 12)), int(rng.integers(5, 12)), seed=seed)
    areas = areas[rng.random(len(areas)) < 0.95]
    roster = people(int(rng.integers(2, 12)), areas, seed=seed, max_areas=int(rng.integers(8, 60)))
    who = beats(areas, roster, most=9)
    assert set(who.index) == set(areas["cell_code"])
    assert who.value_counts().max() <= roster["max_areas"].iloc[0]
    if roster["max_areas"].iloc[0] * len(roster) < len(areas):
        assert who.isna().any()
