"""What a pair of area and person costs, and which rule refuses it."""

import dataclasses

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import Point, box

from gridkit.rules import load_roles
from gridkit.staffing.needs import Refusal, make_need

CRS = 4549
CADRE = load_roles()["cadre"]


def need_of(role=CADRE, *, holders=None, barred=(0, 0, 0), order=(0, 1), **options):
    """Areas b, a with middles at x = 0 and 100; people r, q, p at x = 0, 30 and 100."""
    areas = gpd.GeoDataFrame(
        {"cell_code": ["b", "a"], "community_code": ["c1", None], "street_code": ["s", "s"]},
        geometry=[box(-5, -5, 5, 5), box(95, -5, 105, 5)],
        crs=CRS,
    )
    people = gpd.GeoDataFrame(
        {"person_id": ["r", "q", "p"], "community_code": ["c1", "c2", None], "max_areas": 1},
        geometry=[Point(0, 0), Point(30, 0), Point(100, 0)],
        crs=CRS,
    )
    options = {"max_distance_m": None, "own_bonus_m": 0.0, "stay_bonus_m": 0.0} | options
    return make_need(
        areas.iloc[list(order)],
        people,
        role=role,
        slot="",
        barred=np.array(barred, dtype=np.uint8),
        holders=holders,
        **options,
    )


def grid(need):
    return np.arange(len(need.codes))[:, None], np.arange(len(need.ids))[None]


def test_codes_and_ids_are_sorted_whatever_the_rows():
    for order in ((0, 1), (1, 0)):
        need = need_of(order=order, barred=(1, 2, 4))
        assert need.codes.tolist() == ["a", "b"]
        assert need.ids.tolist() == ["p", "q", "r"]
        assert need.barred.tolist() == [4, 2, 1]
        assert need.distance(*grid(need)).tolist() == [[0, 70, 100], [100, 30, 0]]


def test_own_people_are_as_if_nearer():
    own = dataclasses.replace(CADRE, own="community")
    need = need_of(own, own_bonus_m=40.0)
    assert need.cost(*grid(need)).tolist() == [[40, 110, 140], [140, 70, 0]]
    # Without a bonus of the role nobody is favoured; no one is of no community.
    assert (need_of(own_bonus_m=40.0).cost(*grid(need)) == need.distance(*grid(need))).all()


def test_only_own_people():
    need = need_of(dataclasses.replace(CADRE, own="community"), own_bonus_m=np.inf)
    refused = need.refused(*grid(need))
    assert refused.tolist() == [[Refusal.OWN] * 3, [Refusal.OWN, Refusal.OWN, 0]]
    assert (need.cost(*grid(need)) == need.distance(*grid(need))).all()


def test_who_stays_is_as_if_nearer():
    holders = pd.Series(["q", "gone"], index=["a", "b"])
    need = need_of(holders=holders, stay_bonus_m=25.0)
    assert need.holder.tolist() == [1, -1]
    assert need.cost(*grid(need)).tolist() == [[25, 70, 125], [125, 55, 25]]


@pytest.mark.parametrize(("farthest", "own"), [(50.0, None), (None, 50.0), (50.0, 1.0)])
def test_every_rule_that_refuses_is_told(farthest, own):
    role = dataclasses.replace(CADRE, max_distance_m=own)
    need = need_of(role, max_distance_m=farthest, barred=(0, Refusal.LEAVE, Refusal.SLOT))
    far = np.array([[0, 1, 1], [1, 0, 0]]) * Refusal.DISTANCE.value
    barred = np.array([Refusal.SLOT.value, Refusal.LEAVE.value, 0])
    assert (need.refused(*grid(need)) == (far | barred)).all()


def test_the_edge_of_the_distance_is_allowed():
    assert need_of(max_distance_m=70.0).refused(*grid(need_of()))[0].tolist() == [0, 0, 1]
