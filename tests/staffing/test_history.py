"""The history of posts: replayed, compared, handed over."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from gridkit import compare_posts, hand_over, on_duty, posts_at, record_posts
from gridkit.errors import OptionError, SchemaError

KEY = ["level", "area_code", "role", "slot"]


def plan(rng, people=8):
    """A plan of some posts, some of them empty."""
    rows = [
        {"level": "cell", "area_code": f"c{i}", "role": role, "slot": slot}
        for i in range(4)
        for role in ("officer", "cleaner")
        for slot in (None, "22:00-06:00")
        if rng.random() < 0.8
    ]
    posts = pd.DataFrame(rows, columns=KEY).astype("str")
    who = [f"p{rng.integers(people)}" if rng.random() < 0.9 else None for _ in rows]
    return posts.assign(person_id=pd.array(who, dtype="str"))


def as_dict(posts):
    plain = posts[[*KEY, "person_id"]].astype(object)
    plain = plain.where(plain.notna(), None)
    return {tuple(row[:4]): row[4] for row in plain.itertuples(index=False)}


def a_life(seed, changes=12):
    """Days and the whole plan from each of them on; some days are recorded twice."""
    rng = np.random.default_rng(seed)
    day = dt.date(2026, 1, 1)
    life = []
    now = plan(rng)
    for _ in range(changes):
        life.append((day, now))
        day += dt.timedelta(int(rng.integers(0, 9)))
        if rng.random() < 0.3:
            now = plan(rng)
        else:
            who = now["person_id"].astype(object).to_numpy().copy()
            for i in rng.integers(0, max(len(who), 1), 2) if len(who) else ():
                who[i] = f"p{rng.integers(8)}" if rng.random() < 0.8 else None
            now = now.assign(person_id=pd.array(who, dtype="str"))
    return life


@pytest.mark.parametrize("seed", range(12))
def test_any_day_equals_a_replay_of_all_changes(seed):
    life = a_life(seed)
    history = None
    for day, posts in life:
        history = record_posts(history, posts, at=day)
    assert (history["valid_to"].isna() | (history["valid_to"] > history["valid_from"])).all()
    first, last = life[0][0], life[-1][0]
    for n in range(-1, (last - first).days + 3, 2):
        day = first + dt.timedelta(n)
        expected = {}
        for since, posts in life:
            if since <= day:
                expected = as_dict(posts)
        assert as_dict(posts_at(history, day)) == expected
    noon = pd.Timestamp(last, tz="Asia/Shanghai") + pd.Timedelta(hours=12)
    who = on_duty(history, area_code="c1", at=noon, roles=["officer"])
    today = as_dict(life[-1][1])
    # At noon only the post without a slot can answer.
    expected = today.get(("cell", "c1", "officer", None))
    assert who["person_id"].astype(object).where(who["person_id"].notna(), None).iloc[0] == expected


def test_what_stays_keeps_its_row_and_twice_is_once():
    posts = plan(np.random.default_rng(1))
    history = record_posts(None, posts, at="2026-01-01")
    assert record_posts(history, posts, at="2026-02-01").equals(history)
    changed = posts.assign(person_id="p9")
    once = record_posts(history, changed, at="2026-02-01")
    assert record_posts(once, changed, at="2026-02-01").equals(once)
    # Taken back on the same day: as if nothing had been.
    back = record_posts(once, posts, at="2026-02-01")
    assert as_dict(posts_at(back, "2026-03-01")) == as_dict(posts)
    assert len(back) == len(history)


def test_order_of_rows_does_not_matter_and_nothing_is_touched():
    life = a_life(3)
    history = record_posts(None, life[0][1], at=life[0][0])
    before = history.copy()
    new = life[5][1]
    record_posts(history, new, at="2027-01-01")
    assert history.equals(before)
    one = record_posts(history, new, at="2027-01-01")
    two = record_posts(history.sample(frac=1, random_state=1), new, at="2027-01-01")
    assert as_dict(posts_at(one, "2027-01-01")) == as_dict(posts_at(two, "2027-01-01"))


def test_a_history_is_written_forward():
    posts = plan(np.random.default_rng(1))
    history = record_posts(None, posts, at="2026-02-01")
    with pytest.raises(OptionError, match="2026-01-31"):
        record_posts(history, posts, at="2026-01-31")
    with pytest.raises(OptionError):
        record_posts(history, posts, at="someday")
    with pytest.raises(SchemaError):
        record_posts(history, pd.concat([posts, posts]), at="2026-03-01")


def one(area, person, distance=None):
    return {
        "level": "cell",
        "area_code": area,
        "role": "officer",
        "person_id": person,
        "distance_m": distance,
    }


def test_changes_are_told_with_their_reason():
    before = pd.DataFrame(
        [one("a", "p1", 10.0), one("b", "p2"), one("c", "p3"), one("d", None), one("e", "p5")]
        + [one("same", "p6"), one("gone", "p7")]
    )
    after = pd.DataFrame(
        [one("a", "p2", 20.0), one("b", "p1"), one("c", "p8"), one("d", "p4"), one("e", "p9")]
        + [one("same", "p6"), one("new", "p7")]
    )
    roster = pd.DataFrame({"person_id": [f"p{i}" for i in (1, 2, 4, 5, 6, 7, 8, 9)]})
    changes = compare_posts(before, after, roster=roster, lang="en").set_index("area_code")
    assert changes["kind"].to_dict() == {
        "a": "moved",
        "b": "moved",
        "c": "left",
        "d": "filled",
        "e": "freed",
        "gone": "abolished",
        "new": "created",
    }
    assert changes.loc["a", ["distance_before_m", "distance_after_m"]].tolist() == [10.0, 20.0]
    assert "roster" in changes.loc["c", "why"]
    zh = compare_posts(before, after, roster=roster).set_index("area_code")
    assert "名册" in zh.loc["c", "why"]


@pytest.mark.parametrize("seed", range(10))
def test_changes_applied_to_the_one_give_the_other(seed):
    rng = np.random.default_rng(seed)
    before, after = plan(rng), plan(rng)
    changes = compare_posts(before, after)
    state = as_dict(before)
    for row in changes.astype(object).itertuples():
        key = (row.level, row.area_code, row.role, row.slot or None)
        if row.kind == "abolished":
            del state[key]
        else:
            state[key] = None if pd.isna(row.to_id) else row.to_id
    assert state == as_dict(after)


def test_hand_over_counts_every_area_that_somebody_held():
    before = pd.DataFrame([one("a", "p1"), one("b", "p1"), one("c", "p1"), one("d", None)])
    after = pd.DataFrame([one("a", "p2"), one("b", "p2"), one("c", None), one("d", "p3")])
    table = hand_over(compare_posts(before, after)).astype(object)
    table = table.where(table.notna(), None)
    assert table[["from_id", "to_id", "areas", "codes"]].to_numpy().tolist() == [
        ["p1", "p2", 2, "a; b"],
        ["p1", None, 1, "c"],
    ]
    assert len(hand_over(compare_posts(before, before))) == 0


def test_two_plans_with_one_post_twice_are_refused():
    twice = pd.DataFrame([one("a", "p1"), one("a", "p2")])
    with pytest.raises(SchemaError, match="after"):
        compare_posts(twice.iloc[:1], twice)


def test_planning_one_role_anew_leaves_the_others_alone():
    both = pd.DataFrame(
        {"level": "cell", "area_code": "a", "role": ["officer", "cleaner"], "person_id": ["p", "q"]}
    )
    history = record_posts(None, both, at="2026-01-01")
    officers = both[both["role"] == "officer"].assign(person_id="r")
    later = record_posts(history, officers, at="2026-02-01", roles=["officer"])
    assert sorted(posts_at(later, "2026-02-01")["person_id"]) == ["q", "r"]
    again = record_posts(later, officers, at="2026-02-01", roles=["officer"])
    pd.testing.assert_frame_equal(again, later)
    whole = record_posts(history, officers, at="2026-02-01")
    assert posts_at(whole, "2026-02-01")["person_id"].tolist() == ["r"]
    with pytest.raises(OptionError, match="officer"):
        record_posts(history, officers, at="2026-02-01", roles=["cleaner"])
