"""Assignments against independent optima, and what the proof says of them."""

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linear_sum_assignment
from shapely import Point, box

from gridkit import assign, prove_posts
from gridkit._kernels import native, plain_prices
from gridkit.errors import GridkitWarning, OptionError, SchemaError
from gridkit.rules import Role

CRS = 4549
BIG = 1e7


def world(seed, *, clustered=False):
    """A random town with capacities, streets, a cap, leave and slots, some of it each time."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 26)), int(rng.integers(1, 20))
    side = 2_000.0
    at = rng.uniform(0, side, (n, 2)) + [500_000, 4_150_000]
    areas = gpd.GeoDataFrame(
        {
            "cell_code": [f"a{i:02}" for i in range(n)],
            "street_code": rng.choice(["s1", "s2", "s3"], n),
        },
        geometry=[box(x, y, x + 20, y + 20) for x, y in at],
        crs=CRS,
    )
    base = rng.uniform(0, side, (m, 2))
    if clustered or rng.random() < 0.4:
        base = base[rng.integers(0, min(3, m), m)]
    roster = gpd.GeoDataFrame(
        {
            "person_id": [f"p{j:02}" for j in range(m)],
            "role": "cleaner",
            "street_code": rng.choice(["s1", "s2"], m),
            "max_areas": rng.integers(1, 4, m),
            "slots": rng.choice(["", "06:00-14:00", "14:00-22:00"], m),
            "leave": rng.choice(["", "2026-03-01/2026-03-05"], m, p=[0.8, 0.2]),
        },
        geometry=gpd.GeoSeries([Point(*p) for p in base + [500_000, 4_150_000]], crs=CRS),
    )
    role = Role(
        "cleaner",
        "",
        "",
        2,
        "",
        "",
        "",
        (),
        slots=("06:00-14:00",) if rng.random() < 0.4 else (),
        own="street" if rng.random() < 0.5 else "",
        max_distance_m=float(rng.uniform(400, 2_500)) if rng.random() < 0.5 else None,
    )
    ask = {"rules": {"cleaner": role}, "own_bonus_m": float(rng.choice([0.0, 300.0, np.inf]))}
    ask |= {"at": "2026-03-03"} if rng.random() < 0.5 else {}
    return areas, roster, ask


def table_of_costs(areas, roster, ask, holders=None):
    """Cost of every pair straight from the definitions; infinite where a rule refuses."""
    role = ask["rules"]["cleaner"]
    inner = np.array([(g.x, g.y) for g in areas.geometry.representative_point()])
    base = np.array([(g.x, g.y) for g in roster.geometry])
    apart = np.hypot(*np.moveaxis(inner[:, None] - base[None], -1, 0))
    cost = apart.copy()
    if role.own:
        own = areas["street_code"].to_numpy()[:, None] == roster["street_code"].to_numpy()[None]
        cost = cost + np.where(own, 0.0, ask["own_bonus_m"])
    if holders is not None:
        cost = cost + ask["stay_bonus_m"] * (holders[:, None] != roster["person_id"].to_numpy())
    if role.max_distance_m is not None:
        cost[apart > role.max_distance_m] = np.inf
    barred = np.zeros(len(roster), bool)
    if role.slots:
        barred |= ~roster["slots"].isin(["", "06:00-14:00"]).to_numpy()
    if "at" in ask:
        barred |= (roster["leave"] != "").to_numpy()
    cost[:, barred] = np.inf
    return cost


def best_of(cost, capacity):
    """(filled, cost) of the best assignment, by a dense solver on single places."""
    places = np.repeat(np.arange(cost.shape[1]), capacity)
    dense = np.where(np.isinf(cost[:, places]), BIG, cost[:, places])
    dense = np.column_stack([dense, np.full((len(cost), len(cost)), BIG)])
    rows, columns = linear_sum_assignment(dense)
    paid = dense[rows, columns]
    return int((paid < BIG).sum()), float(paid[paid < BIG].sum())


def paid(posts, cost, areas, roster):
    row = {code: i for i, code in enumerate(areas["cell_code"])}
    column = {person: j for j, person in enumerate(roster["person_id"])}
    held = posts[posts["person_id"].notna()]
    pairs = [(row[a], column[p]) for a, p in zip(held["area_code"], held["person_id"], strict=True)]
    return sum(cost[pair] for pair in pairs)


def quietly(work, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", GridkitWarning)
        return work(*args, **options)


@pytest.mark.parametrize("first", range(0, 220, 20))
def test_the_value_is_that_of_an_independent_optimum(first):
    for seed in range(first, first + 20):
        areas, roster, ask = world(seed)
        posts = quietly(assign, areas, roster, **ask)
        assert posts["area_code"].tolist() == areas["cell_code"].tolist()
        cost = table_of_costs(areas, roster, ask)
        filled, least = best_of(cost, roster["max_areas"].to_numpy())
        assert posts["person_id"].notna().sum() == filled, seed
        mine = paid(posts, cost, areas, roster)
        assert np.isfinite(mine)
        assert mine <= least * 1.0011 + 0.01 * filled, seed
        held = posts["person_id"].value_counts()
        most = roster.set_index("person_id")["max_areas"]
        assert (held <= most[held.index]).all()
        proof = prove_posts(posts, areas, roster, **ask)
        assert proof.missing == 0
        assert proof.total_m == pytest.approx(mine, abs=1e-6)
        assert proof.bound <= least + 0.005 * (filled + 1), seed
        assert proof.bound >= least - 0.005 * (filled + 1), seed
        assert proof.gap >= 0


@pytest.mark.parametrize("seed", range(500, 512))
def test_staying_is_weighed_against_distance_exactly(seed):
    areas, roster, ask = world(seed)
    before = quietly(assign, areas, roster, **ask)
    rng = np.random.default_rng(seed)
    moved = roster[rng.random(len(roster)) < 0.8]
    if moved.empty:
        return
    ask |= {"stay_bonus_m": 250.0, "previous": before}
    after = quietly(assign, areas, moved, **ask)
    cost = table_of_costs(areas, moved, ask, holders=before["person_id"].to_numpy(object))
    filled, least = best_of(cost, moved["max_areas"].to_numpy())
    assert after["person_id"].notna().sum() == filled
    assert paid(after, cost, areas, moved) <= least * 1.0011 + 0.01 * filled
    proof = prove_posts(after, areas, moved, **ask)
    assert proof.bound == pytest.approx(least, abs=0.005 * (filled + 1))


def test_the_order_of_rows_does_not_matter():
    for seed in range(40, 50):
        areas, roster, ask = world(seed)
        one = quietly(assign, areas, roster, **ask).set_index("area_code")["person_id"]
        shuffled = areas.sample(frac=1, random_state=1), roster.sample(frac=1, random_state=2)
        two = quietly(assign, *shuffled, **ask).set_index("area_code")["person_id"]
        assert one.fillna("-").to_dict() == two.fillna("-").to_dict()


def town(n=4, people=4, **columns):
    areas = gpd.GeoDataFrame(
        {"cell_code": [f"a{i}" for i in range(n)]},
        geometry=[box(100 * i, 0, 100 * i + 100, 100) for i in range(n)],
        crs=CRS,
    )
    roster = gpd.GeoDataFrame(
        {"person_id": [f"p{j}" for j in range(people)], "role": "cleaner"} | columns,
        geometry=gpd.GeoSeries([Point(100 * j + 40, 50) for j in range(people)], crs=CRS),
    )
    return areas, roster


def test_every_slot_is_staffed_by_people_whose_hours_cover_it():
    role = Role("cleaner", "", "", 1, "", "", "", (), slots=("06:00-14:00", "14:00-22:00"))
    areas, roster = town(2, 3, slots=["06:00-22:00", "06:00-14:00", "14:00-22:00"])
    posts = assign(areas, roster, rules={"cleaner": role})
    assert len(posts) == 4
    held = posts.groupby("slot")["person_id"].agg(set).to_dict()
    assert held == {"06:00-14:00": {"p0", "p1"}, "14:00-22:00": {"p0", "p2"}}


def test_slots_of_one_role_may_not_overlap():
    role = Role("cleaner", "", "", 1, "", "", "", (), slots=("06:00-14:00", "13:00-22:00"))
    with pytest.raises(SchemaError, match="overlap"):
        assign(*town(), rules={"cleaner": role})


def test_people_at_one_station_share_the_areas_evenly():
    areas, roster = town(9, 3, max_areas=9)
    roster = roster.set_geometry(gpd.GeoSeries([Point(10, 50)] * 3, crs=CRS))
    role = Role("cleaner", "", "", 9, "", "", "", ())
    posts = assign(areas, roster, rules={"cleaner": role})
    assert posts["person_id"].value_counts().to_dict() == {"p0": 3, "p1": 3, "p2": 3}


def test_contracts_without_a_common_day_need_one():
    days = {
        "valid_from": ["2026-05-01", None, None, None],
        "valid_to": [None, "2026-03-01", None, None],
    }
    columns = {k: pd.to_datetime(pd.Series(v)).astype("datetime64[s]") for k, v in days.items()}
    areas, roster = town(**columns)
    rules = {"cleaner": Role("cleaner", "", "", 1, "", "", "", ())}
    with pytest.raises(OptionError, match="2026-05-01"):
        assign(areas, roster, rules=rules)
    for day, gone in (("2026-02-01", "p0"), ("2026-06-01", "p1")):
        with pytest.warns(GridkitWarning, match="1/4"):
            posts = assign(areas, roster, rules=rules, at=day)
        assert gone not in set(posts["person_id"])
        assert posts["valid_from"].astype(str).unique().tolist() == [day]


def test_a_shortage_leaves_rows_and_a_proof_that_no_more_is_possible():
    areas, roster = town(4, 2)
    rules = {"cleaner": Role("cleaner", "", "", 1, "", "", "", ())}
    with pytest.warns(GridkitWarning, match="2/4"):
        posts = assign(areas, roster, rules=rules)
    proof = prove_posts(posts, areas, roster, rules=rules)
    assert (proof.missing, proof.gap) == (0, 0.0)
    assert proof.table["unfilled"].tolist() == [2]
    worse = posts.assign(person_id=[None, None, None, "p0"])
    assert prove_posts(worse, areas, roster, rules=rules).missing == 1


def test_posts_made_by_hand_are_measured():
    areas, roster = town()
    rules = {"cleaner": Role("cleaner", "", "", 1, "", "", "", ())}
    posts = assign(areas, roster, rules=rules)
    turned = posts.assign(person_id=posts["person_id"].to_numpy()[::-1])
    proof = prove_posts(turned, areas, roster, rules=rules)
    assert proof.gap > 1
    assert proof.table["worst_m"].iloc[0] == pytest.approx(310.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"person_id": ["p0", "p0", "p2", "p3"]}, ["p0 2/1"]),
        ({"person_id": ["p9", "p1", "p2", "p3"]}, ["p9"]),
        ({"area_code": ["z", "a1", "a2", "a3"]}, ["z"]),
    ],
)
def test_posts_that_break_a_rule_prove_nothing(change, words):
    areas, roster = town()
    rules = {"cleaner": Role("cleaner", "", "", 1, "", "", "", ())}
    posts = assign(areas, roster, rules=rules)
    with pytest.raises(SchemaError) as caught:
        prove_posts(posts.assign(**change), areas, roster, rules=rules)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    "ask", [{"stay_bonus_m": -1.0}, {"own_bonus_m": np.nan}, {"max_distance_m": 0.0}]
)
def test_metres_that_are_none(ask):
    with pytest.raises(OptionError, match="metres"):
        assign(*town(), roles=["cleaner"], **ask)


@pytest.mark.parametrize("seed", range(20))
def test_compiled_and_plain_prices_are_the_same_to_the_last_unit(seed):
    lib = native.library()
    if lib is None:
        pytest.skip("no compiled kernels")
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 60, 2)
    # Costs for which some prices make every arc in use a cheapest one: no gain without end.
    cost = rng.integers(0, 500, (n, m + 1)) * (rng.random((n, m + 1)) < 0.4)
    holder = rng.integers(0, m + 1, n)
    worth = rng.integers(-900, 1, m + 1)
    more = cost + worth[None] - worth[holder][:, None]
    used = rng.random((n, m + 1)) < 0.5
    first = np.append(0, used.sum(axis=1).cumsum())
    person = np.nonzero(used)[1].copy()
    one, other = np.zeros(m + 1, np.int64), np.zeros(m + 1, np.int64)
    given = (first, person, more[used].astype(np.int64), holder.astype(np.int64))
    native.settle(lib, *given, one)
    plain_prices.settle(*given, other)
    assert (one == other).all()
    now = np.repeat(holder, used.sum(axis=1))
    assert (one[person] <= one[now] + more[used]).all()
