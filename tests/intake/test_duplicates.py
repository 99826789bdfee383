"""Repeated reports: a naive reading of the rule, edges, the live index in step with the bulk."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import Point

from gridkit import DuplicateIndex, Reach, find_duplicates, text_similarity
from gridkit.errors import CRSError, OptionError, SchemaError

CRS = 4549
START = pd.Timestamp("2026-03-01", tz="Asia/Shanghai")


def table(rows):
    """Rows of (id, category, x, y, hours)."""
    return gpd.GeoDataFrame(
        {
            "report_id": [r[0] for r in rows],
            "category": pd.array([r[1] for r in rows], dtype="str"),
            "reported_at": pd.DatetimeIndex(
                [START + pd.Timedelta(hours=r[4]) if r[4] is not None else pd.NaT for r in rows]
            ).tz_convert("Asia/Shanghai")
            if rows
            else pd.DatetimeIndex([], tz="Asia/Shanghai"),
        },
        geometry=[Point(r[2], r[3]) if r[2] is not None else Point() for r in rows],
        crs=CRS,
    )


def made(seed, n=160):
    """Few places and hours, many of them exactly on the edge of the reach."""
    rng = np.random.default_rng(seed)
    steps = np.array([0.0, 30.0, 40.0, 50.0, 100.0])
    return [
        (
            f"r{rng.integers(10**9)}-{k}",
            rng.choice(["E0405", "E0110"]),
            float(rng.choice(steps) + 30 * rng.integers(4)),
            float(rng.choice(steps) + 40 * rng.integers(4)),
            float(rng.choice([0.0, 12.0, 24.0, 24.5]) * rng.integers(1, 5)),
        )
        for k in range(n)
    ]


def by_hand(rows, reach_of):
    leaders, answer = [], {}
    for row in sorted(rows, key=lambda r: (r[4], r[0])):
        reach = reach_of(row[1])
        fitting = [
            other
            for other in leaders
            if other[1] == row[1]
            and (other[2] - row[2]) ** 2 + (other[3] - row[3]) ** 2 <= reach.radius_m**2
            and row[4] - other[4] <= reach.hours
        ]
        if fitting:
            answer[row[0]] = fitting[0][0]
        else:
            leaders.append(row)
    return answer


@pytest.mark.parametrize("seed", range(12))
def test_against_the_rule_read_one_report_at_a_time(seed):
    rows = made(seed)
    own = {"E0110": Reach(30.0, 12.0)} if seed % 2 else {}
    found = find_duplicates(table(rows), by_category=own)
    told = dict(zip((r[0] for r in rows), found["duplicate_of"], strict=True))
    told = {k: v for k, v in told.items() if isinstance(v, str)}
    assert told == by_hand(rows, lambda c: own.get(c, Reach()))
    assert found["compared"].all()
    shuffled = table(rows).sample(frac=1, random_state=seed)
    again = find_duplicates(shuffled, by_category=own)
    assert again.index.equals(shuffled.index)
    pd.testing.assert_frame_equal(again.sort_index(), found)


@pytest.mark.parametrize("seed", range(6))
def test_the_live_index_names_the_same_leaders_and_shrinks_to_nothing(seed):
    rows = sorted(made(seed), key=lambda r: (r[4], r[0]))
    index = DuplicateIndex(by_category={"E0110": Reach(30.0, 12.0)})
    live = {}
    for name, category, x, y, hour in rows:
        leader = index.file(name, category, x, y, START + pd.Timedelta(hours=hour))
        if leader is not None:
            live[name] = leader
    assert live == by_hand(rows, lambda c: Reach(30.0, 12.0) if c == "E0110" else Reach())
    assert len(index) == len(rows) - len(live)
    for name in {r[0] for r in rows} - set(live):
        index.close(name)
    assert len(index) == 0
    assert index.candidates("E0405", 0.0, 0.0, START) == []


@pytest.mark.parametrize("seed", range(6))
def test_what_comes_after_a_closed_case_is_new(seed):
    rng = np.random.default_rng(seed)
    index, open_now = DuplicateIndex(), []
    for name, category, x, y, hour in sorted(made(seed), key=lambda r: (r[4], r[0])):
        if open_now and rng.random() < 0.3:
            index.close(open_now.pop(int(rng.integers(len(open_now))))[0])
        row = (name, category, x, y, hour)
        fitting = [
            o
            for o in open_now
            if o[1] == category and np.hypot(o[2] - x, o[3] - y) <= 50 and hour - o[4] <= 24
        ]
        leader = index.file(name, category, x, y, START + pd.Timedelta(hours=hour))
        assert leader == (fitting[0][0] if fitting else None)
        if not fitting:
            open_now.append(row)
    assert len(index) == len(open_now)


def test_both_edges_count_and_a_hair_beyond_does_not():
    found = find_duplicates(
        table(
            [
                ("a", "E1", 0, 0, 0),
                ("b", "E1", 30, 40, 24),
                ("c", "E1", 30, 40.001, 1),
                ("d", "E2", 0, 0, 0),
                ("e", "E2", 0, 0, 24.001),
            ]
        )
    )
    assert found["duplicate_of"].fillna("").tolist() == ["", "a", "", "", ""]
    assert found["group"].fillna("").tolist() == ["a", "a", "", "", ""]
    assert found.loc[1, ["distance_m", "hours"]].tolist() == [50.0, 24.0]


def test_no_chain_creeps_along_a_street():
    found = find_duplicates(table([(f"r{k}", "E1", 40.0 * k, 0, k) for k in range(6)]))
    assert found["duplicate_of"].fillna("").tolist() == ["", "r0", "", "r2", "", "r4"]


def test_what_cannot_be_compared_repeats_nothing_and_keeps_its_row():
    rows = [("a", "E1", 0, 0, 0), ("b", "E1", None, None, 0), ("c", None, 0, 0, 0)]
    found = find_duplicates(table([*rows, ("d", "E1", 0, 0, None), ("e", " ", 0, 0, 0)]))
    assert found["compared"].tolist() == [True, False, False, False, False]
    assert found["duplicate_of"].isna().all()
    assert len(find_duplicates(table([]))) == 0


def test_refusals():
    reports = table([("a", "E1", 0, 0, 0)])
    with pytest.raises(SchemaError, match="category"):
        find_duplicates(reports.drop(columns="category"))
    with pytest.raises(CRSError):
        find_duplicates(reports.to_crs(4326))
    with pytest.raises(SchemaError):
        find_duplicates(pd.concat([reports, reports]))
    for bad in ({"radius_m": 0}, {"hours": -1}, {"radius_m": np.nan}):
        with pytest.raises(OptionError):
            Reach(**bad)
    index = DuplicateIndex()
    index.file("a", "E1", 0, 0, START)
    with pytest.raises(OptionError, match="a"):
        index.file("a", "E1", 0, 0, START)
    with pytest.raises(OptionError):
        index.close("b")
    with pytest.raises(OptionError):
        index.candidates("E1", np.nan, 0, START)
    with pytest.raises(OptionError, match="zone"):
        index.candidates("E1", 0, 0, START.tz_localize(None))


def test_similarity_by_hand():
    # 路灯 灯不 不亮 | 路灯 灯不 不亮 亮了: 2 · 3 / (3 + 4)
    assert text_similarity("路灯不亮", "路灯　不亮了！") == pytest.approx(6 / 7)
    assert text_similarity("ABC", "ａｂｃ") == 1
    assert text_similarity("路灯不亮", "井盖破损") == 0
    assert text_similarity("", "井盖破损") == 1
    assert text_similarity("灯", "灯") == 1
    assert text_similarity("aaaa", "aa") == pytest.approx(2 / 4)


def test_texts_tell_two_problems_on_one_spot_apart():
    start = START
    texts = ["路灯不亮", "井盖破损", "路灯不亮了", "井盖破损严重", None]
    reports = gpd.GeoDataFrame(
        {
            "report_id": list("abcde"),
            "category": "E0405",
            "reported_at": [start + pd.Timedelta(hours=h) for h in range(5)],
            "text": pd.Series(texts, dtype="str"),
        },
        geometry=[Point(i, 0) for i in range(5)],
        crs=4549,
    )
    plain = find_duplicates(reports)["duplicate_of"].fillna("").tolist()
    assert plain == ["", "a", "a", "a", "a"]
    told = find_duplicates(reports, least_similarity=0.5)["duplicate_of"].fillna("").tolist()
    assert told == ["", "", "a", "b", "a"]
    index = DuplicateIndex(least_similarity=0.5)
    live = [
        index.file(r.report_id, r.category, r.geometry.x, 0.0, r.reported_at, r.text or "")
        for r in reports.assign(text=reports["text"].fillna("")).itertuples()
    ]
    assert [x or "" for x in live] == told
    with pytest.raises(OptionError, match="least_similarity"):
        find_duplicates(reports, least_similarity=1.5)
    with pytest.raises(OptionError, match="least_similarity"):
        DuplicateIndex(least_similarity=-1)
