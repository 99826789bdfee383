"""Why this person, who was next and at what cost, and what a shortage says."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linear_sum_assignment
from shapely import Point, box

from gridkit import assign, explain_post, explain_shortage
from gridkit.errors import OptionError
from gridkit.rules import Role

CRS = 4549


def town(seed, n=12, m=12, **columns):
    rng = np.random.default_rng(seed)
    at, base = rng.uniform(0, 3_000, (n, 2)), rng.uniform(0, 3_000, (m, 2))
    areas = gpd.GeoDataFrame(
        {"cell_code": [f"a{i:02}" for i in range(n)], "street_code": ["s1", "s2"] * (n // 2)},
        geometry=[box(x, y, x + 10, y + 10) for x, y in at],
        crs=CRS,
    )
    roster = gpd.GeoDataFrame(
        {"person_id": [f"p{j:02}" for j in range(m)], "role": "cleaner"} | columns,
        geometry=gpd.GeoSeries([Point(*p) for p in base], crs=CRS),
    )
    return areas, roster


def why_of(posts, areas, roster, code, **ask):
    return explain_post(posts, areas, roster, area_code=code, role="cleaner", **ask)


def rules(**more):
    return {"cleaner": Role("cleaner", "", "", 1, "", "", "", (), **more)}


@pytest.mark.parametrize("seed", range(8))
def test_the_next_and_the_price_are_those_of_a_dense_optimum_without_the_pair(seed):
    areas, roster = town(seed)
    posts = assign(areas, roster, rules=rules())
    inner = np.array([(g.x, g.y) for g in areas.geometry.representative_point()])
    base = np.array([(g.x, g.y) for g in roster.geometry])
    apart = np.hypot(*np.moveaxis(inner[:, None] - base[None], -1, 0))
    best = apart[linear_sum_assignment(apart)].sum()
    for i in (0, 5, 11):
        why = explain_post(
            posts, areas, roster, area_code=f"a{i:02}", role="cleaner", rules=rules()
        )
        j = int(why.person_id[1:])
        assert why.person_id == posts["person_id"][i]
        assert why.rank == 1 + (apart[i] < apart[i, j]).sum()
        without = apart.copy()
        without[i, j] = 1e9
        rows, columns = linear_sum_assignment(without)
        extra = without[rows, columns].sum() - best
        assert why.next_extra_m == pytest.approx(extra, abs=0.2)
        assert why.next_id == f"p{columns[i]:02}"
        assert why.passed_over["why"].eq("ELSEWHERE").all()
        assert len(why.passed_over) == min(5, why.rank - 1)
        assert why.person_id in why.text("en")
        assert why.next_id in why.text("zh")


def test_those_passed_over_are_named_with_their_rule():
    areas, roster = town(1, 2, 4)
    roster = roster.set_geometry(
        gpd.GeoSeries([areas.geometry[0].centroid] * 3 + [Point(9_000, 9_000)], crs=CRS)
    )
    roster = roster.assign(
        slots=["14:00-22:00", "", "", ""], leave=["", "2026-03-02", "", ""], street_code="s1"
    )
    ask = {"rules": rules(slots=("06:00-14:00",)), "at": "2026-03-02"}
    posts = assign(areas, roster, **ask)
    why = explain_post(posts, areas, roster, area_code="a01", role="cleaner", **ask)
    assert why.person_id == "p03"
    told = why.passed_over.set_index("person_id")["why"].to_dict()
    assert told == {"p00": "SLOT", "p01": "LEAVE", "p02": "ELSEWHERE"}
    assert "is on leave" in why.text("en")
    assert why.next_id is None or np.isfinite(why.next_extra_m)


def test_own_people_and_those_who_stay_are_said():
    areas, roster = town(3, street_code=["s1", "s2"] * 6)
    ask = {"rules": rules(own="street")}
    before = assign(areas, roster, **ask)
    posts = assign(areas, roster, previous=before, **ask)
    why = explain_post(
        posts, areas, roster, area_code="a00", role="cleaner", previous=before, **ask
    )
    assert why.stayed
    assert why.own == (roster.set_index("person_id").loc[why.person_id, "street_code"] == "s1")
    assert "原本" in why.text()


def test_a_post_that_only_one_can_hold():
    areas, roster = town(4, 2, 2)
    posts = assign(areas, roster, rules=rules())
    only = {"rules": rules(max_distance_m=50_000.0)}
    why = explain_post(posts, areas, roster, area_code="a00", role="cleaner", **only)
    assert why.next_id is not None
    with pytest.warns(UserWarning, match="1/2"):
        short = assign(areas, roster.iloc[:1], rules=rules())
    empty = short.loc[short["person_id"].isna(), "area_code"].iloc[0]
    held = short.loc[short["person_id"].notna(), "area_code"].iloc[0]
    why = explain_post(
        short, areas, roster.iloc[:1], area_code=empty, role="cleaner", rules=rules()
    )
    assert (why.person_id, why.rank) == (None, 0)
    assert "explain_shortage" in why.text("en")
    why = why_of(short, areas, roster.iloc[:1], held, rules=rules())
    assert why.next_id is None


@pytest.mark.parametrize("ask", [{"area_code": "zz"}, {"area_code": "a00", "slot": "x"}])
def test_questions_about_posts_that_are_not_there(ask):
    areas, roster = town(1)
    posts = assign(areas, roster, rules=rules())
    with pytest.raises(OptionError):
        explain_post(posts, areas, roster, role="cleaner", rules=rules(), **ask)


def test_a_shortage_is_counted_by_street_and_has_a_way_out():
    areas, roster = town(5, 12, 9)
    why = explain_shortage(areas, roster, rules=rules())
    assert why.missing["missing"].sum() == 3
    assert (why.missing["needed"] == 6).all()
    assert why.conflicts["places"].tolist() == [9]
    assert why.relaxations["rules"].tolist() == [("CAPACITY",)]
    assert why.relaxations["extra_areas"].tolist() == [1]
    wider = roster.assign(max_areas=2)
    assert explain_shortage(areas, wider, rules=rules()).missing.empty
    assert "s1" in why.text("en") + "s1"


def test_the_least_distance_that_does():
    areas, roster = town(6)
    ask = {"rules": rules(max_distance_m=300.0)}
    why = explain_shortage(areas, roster, **ask)
    way = why.relaxations[why.relaxations["rules"] == ("DISTANCE",)].iloc[0]
    far = way["max_distance_m"]
    assert explain_shortage(areas, roster, max_distance_m=far, **ask).missing.empty
    assert not explain_shortage(areas, roster, max_distance_m=far - 1, **ask).missing.empty
    assert f"{far:,.0f}" in why.text()


def test_a_large_shortage_is_told_quickly():
    rng = np.random.default_rng(0)
    n = 3_000
    areas = gpd.GeoDataFrame(
        {"cell_code": [f"a{i:05}" for i in range(n)]},
        geometry=[box(x, y, x + 9, y + 9) for x, y in rng.uniform(0, 9_000, (n, 2))],
        crs=CRS,
    )
    roster = gpd.GeoDataFrame(
        {"person_id": [f"p{j:05}" for j in range(n - 7)], "role": "cleaner"},
        geometry=gpd.GeoSeries([Point(*p) for p in rng.uniform(0, 9_000, (n - 7, 2))], crs=CRS),
    )
    why = explain_shortage(areas, roster, rules=rules())
    assert why.missing["missing"].tolist() == [7]
    assert why.conflicts["places"].tolist() == [n - 7]


def test_nobody_at_all():
    areas, roster = town(1)
    why = explain_shortage(areas, roster.iloc[:0], rules=rules())
    assert why.missing["missing"].sum() == 12
    assert why.relaxations.empty
    assert why.conflicts["people"].tolist() == [()]
    assert isinstance(why.text(), str)
    assert pd.DataFrame(why.missing)["role"].eq("cleaner").all()


def test_a_next_person_who_would_leave_another_post_empty():
    areas = gpd.GeoDataFrame(
        {"cell_code": ["w", "e"]}, geometry=[box(0, 0, 2, 2), box(1000, 0, 1002, 2)], crs=CRS
    )
    roster = gpd.GeoDataFrame(
        {"person_id": ["p1", "p2"], "role": "cleaner"},
        geometry=gpd.GeoSeries([Point(1, 1), Point(451, 1)], crs=CRS),
    )
    ask = {"rules": rules(max_distance_m=600.0)}
    posts = assign(areas, roster, **ask)
    why = explain_post(posts, areas, roster, area_code="w", role="cleaner", **ask)
    assert (why.person_id, why.next_id) == ("p1", "p2")
    assert np.isnan(why.next_extra_m)
    assert "stay empty" in why.text("en")
    assert "nan" not in why.text("en") + why.text()
