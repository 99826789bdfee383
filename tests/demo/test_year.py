"""The year of reports: believable in time and place, and dirty exactly as promised."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridkit.crs import to_datum
from gridkit.demo.dirt import FAULTS, HOSTILE
from gridkit.demo.problems import PROBLEMS
from gridkit.intake.reports import read_reports
from gridkit.rules import load_categories

if TYPE_CHECKING:
    from gridkit.demo.city import City

TIMES = ["上报时间", "受理时间", "立案时间", "派遣时间", "处置时间", "结案时间"]
PATTERN = r"2025-\d\d-\d\d \d\d:\d\d"


def clean_times(city: City) -> pd.DataFrame:
    return city.reports[TIMES].apply(
        lambda c: pd.to_datetime(c.where(c.str.fullmatch(PATTERN)), errors="coerce")
    )


def in_metres(city: City) -> gpd.GeoSeries:
    """Points of the rows with usable coordinates, brought back from their own datums."""
    rows = city.reports[city.reports["坐标系"] != ""]
    lon, lat = rows["经度"].astype(float).to_numpy(), rows["纬度"].astype(float).to_numpy()
    fit = (np.abs(lon - 121.39) < 0.1) & (np.abs(lat - 37.54) < 0.1)
    rows, lon, lat = rows[fit], lon[fit].copy(), lat[fit].copy()
    for name, code in (("GCJ-02", "gcj02"), ("BD-09", "bd09")):
        here = rows["坐标系"].eq(name).to_numpy()
        lon[here], lat[here] = to_datum(lon[here], lat[here], source=code, target="wgs84")
    return gpd.GeoSeries.from_xy(lon, lat, index=rows.index, crs=4490).to_crs(4549)


def test_categories_are_in_the_rules() -> None:
    assert {p.code for p in PROBLEMS} <= set(load_categories())
    assert len({p.code for p in PROBLEMS}) == len(PROBLEMS)
    assert all(len(p.months) == 12 for p in PROBLEMS)
    assert all(sum(share for _, share in p.where) == pytest.approx(1) for p in PROBLEMS)


def test_size_of_the_year(city: City) -> None:
    low, high = (600, 800) if city.size == "small" else (9_000, 10_000)
    assert low <= len(city.reports) <= high


def test_everything_happens_in_2025(city: City) -> None:
    for column in TIMES:
        known = city.reports[column]
        known = known[known.str.match(r"2025-\d\d-\d\d ")]
        assert len(known) > 0
    times = clean_times(city)
    assert times.min().min() >= pd.Timestamp("2024-12-31 19:00")
    assert times.max().max() < pd.Timestamp("2026-01-01")
    assert times["上报时间"].min() >= pd.Timestamp("2025-01-01")


def test_stages_follow_one_another(city: City) -> None:
    times = clean_times(city)
    backwards = sum(int((times[b] < times[a]).sum()) for a, b in itertools.pairwise(TIMES))
    # only the rows that were closed before they were reported on purpose
    assert backwards == city.dirt["closed_before_reported"]
    filled = city.reports[TIMES[1:]].ne("").to_numpy()
    assert (filled[:, :-1] | ~filled[:, 1:]).all()


def test_fates(city: City) -> None:
    share = city.reports["状态"].value_counts(normalize=True)
    assert share["已结案"] > 0.85
    for status in ("不予受理", "作废", "处置中"):
        assert 0.005 < share[status] < 0.08
    closed = city.reports["状态"].eq("已结案")
    assert closed.equals(city.reports["结案时间"].ne(""))
    assert 0.003 < city.reports["返工次数"].eq("1").mean() < 0.05


def test_most_are_disposed_in_time_and_some_late(city: City) -> None:
    from gridkit.casework.clock import WorkClock
    from gridkit.casework.limits import parse_limit

    times, known = clean_times(city), load_categories()
    rows = times["立案时间"].notna() & times["处置时间"].notna()
    rows &= city.reports["问题类别"].isin(known)
    filed = times.loc[rows, "立案时间"].dt.tz_localize("Asia/Shanghai")
    codes = city.reports.loc[rows, "问题类别"]
    done = times.loc[rows, "处置时间"].dt.tz_localize("Asia/Shanghai")
    clock, on_time = WorkClock(), []
    for code, part in filed.groupby(codes):
        due = clock.add(part, parse_limit(known[code].limit))
        on_time += (done[part.index] <= due).tolist()
    assert 0.8 < np.mean(on_time) < 0.97


def test_day_and_season(city: City) -> None:
    at = clean_times(city)["上报时间"]
    hours = at.dt.hour.value_counts()
    assert hours.get(9, 0) + hours.get(10, 0) > 4 * (hours.get(3, 0) + hours.get(4, 0))
    weekday = at.dt.day_of_week.value_counts(normalize=True)
    assert weekday[[5, 6]].sum() < 2 / 7
    code = city.reports["问题类别"]
    peddlers = at[code == "E0401"]
    assert peddlers.dt.month.isin([6, 7, 8, 9]).mean() > 0.5
    assert peddlers.dt.hour.isin(range(16, 24)).mean() > 0.5
    assert at[code == "E0507"].dropna().dt.month.isin([1, 2, 12]).all()


def test_sources_write_their_own_datum(city: City) -> None:
    rows = city.reports[city.reports["坐标系"] != ""]
    pairs = rows.groupby("上报渠道")["坐标系"].unique().map(list).to_dict()
    assert pairs["巡查上报"] == ["WGS84"]
    assert pairs["微信公众号"] == ["GCJ-02"]
    assert pairs["12345热线"] == ["BD-09"]
    assert rows["上报渠道"].value_counts().idxmax() == "巡查上报"


def test_points_lie_in_the_district_and_many_on_streets(city: City) -> None:
    points = in_metres(city)
    boundary = city.district.boundary.geometry.iloc[0]
    # tellers of the same problem may stand a few metres off the quay
    assert points.distance(boundary).max() < 20
    lines = city.district.streets[city.district.streets["road_class"] != "rail"]
    tree = shapely.STRtree(lines.geometry.array)
    _, gap = tree.query_nearest(points.array, return_distance=True, all_matches=False)
    assert 0.25 < (gap < 0.2).mean() < 0.75
    junctions = shapely.MultiPoint(shapely.get_coordinates(lines.boundary.array))
    shapely.prepare(junctions)
    assert shapely.dwithin(points.array, junctions, 0.2).sum() > 0.02 * len(points)


def test_hot_spots(city: City) -> None:
    points = in_metres(city)
    xy = np.floor(np.column_stack([points.x, points.y]) / 250).astype(int)
    counts = pd.Series(map(tuple, xy)).value_counts()
    # the busiest tenth of the squares holds far more than a tenth of the reports
    assert counts.head(max(1, len(counts) // 10)).sum() > 0.2 * len(points)


def test_dirt_in_promised_shares(city: City) -> None:
    for fault, share in FAULTS.items():
        wanted = max(
            len(HOSTILE) if fault == "hostile_text" else 2, round(len(city.reports) * share)
        )
        assert city.dirt[fault] == wanted
    assert city.dirt["rows"] == len(city.reports)


def test_dirt_is_in_the_file(city: City) -> None:
    raw = city.reports
    lon, lat = (pd.to_numeric(raw[c]) for c in ("经度", "纬度"))
    assert ((lon < 50) & (lat > 100)).sum() == city.dirt["swapped"]
    assert (raw["经度"].eq("") & raw["纬度"].eq("")).sum() == city.dirt["no_coordinates"]
    assert raw.loc[raw["经度"].eq(""), "地址"].ne("").all()
    assert ((lon == 0) & (lat == 0)).sum() == city.dirt["zero_coordinates"]
    far = (lon > 100) & ((lon - 121.39).abs() + (lat - 37.54).abs() > 0.5)
    assert far.sum() == city.dirt["far_outside"]
    assert raw["上报编号"].duplicated().sum() == city.dirt["repeated_id"]
    assert raw["问题描述"].isin(HOSTILE).sum() == city.dirt["hostile_text"]
    assert set(HOSTILE) <= set(raw["问题描述"])
    assert (~raw["问题类别"].isin(load_categories())).sum() == city.dirt["unknown_category"]
    assert (~raw["上报时间"].str.fullmatch(PATTERN)).sum() == city.dirt["unreadable_time"] - (
        raw["上报时间"].eq("2025-13-45 25:61").sum()
    )
    times = clean_times(city)
    early = (times["结案时间"] < times["上报时间"]).sum()
    assert early == city.dirt["closed_before_reported"]


def test_intake_finds_every_fault(city: City) -> None:
    intake = read_reports(city.reports, district=city.district)
    found = intake.quarantined["rule"].value_counts()
    rules = {
        "swapped": "SWAPPED",
        "zero_coordinates": "ZERO_ISLAND",
        "far_outside": "FAR_OUTSIDE",
        "unreadable_time": "BAD_TIME",
        "closed_before_reported": "CLOSED_BEFORE_REPORTED",
        "repeated_id": "REPEATED_ID",
    }
    assert {rule: city.dirt[fault] for fault, rule in rules.items()} == found.to_dict()
    assert len(intake.reports) + len(intake.quarantined) == len(city.reports)


def test_near_duplicates_by_another_way(city: City) -> None:
    """Count rows with an earlier one of their category within 50 m and 24 h, by brute force."""
    points = in_metres(city)
    rows = pd.DataFrame(
        {
            "x": points.x,
            "y": points.y,
            "at": clean_times(city).loc[points.index, "上报时间"],
            "code": city.reports.loc[points.index, "问题类别"],
        }
    ).dropna()
    repeated = 0
    for _, part in rows.groupby("code"):
        x, y = part["x"].to_numpy(), part["y"].to_numpy()
        minutes = part["at"].to_numpy().astype("datetime64[m]").astype(int)
        near = np.hypot(x[:, None] - x, y[:, None] - y) <= 50
        near &= np.abs(minutes[:, None] - minutes) <= 24 * 60
        repeated += int(np.triu(near, 1).any(axis=0).sum())
    assert repeated == city.dirt["near_duplicate"]
    assert city.dirt["near_duplicate"] >= city.dirt["near_duplicate_groups"] >= 3


def test_canaries_do_no_harm() -> None:
    for text in HOSTILE:
        assert "http" not in text
        assert "src=x" in text or "src" not in text
