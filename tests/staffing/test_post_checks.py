"""The certificate of the posts: each rule sees its own fault, and sound posts pass."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from gridkit import chain_of, check_posts, findings_map, five_fixes
from gridkit.errors import OptionError, SchemaError
from gridkit.rules import Role
from gridkit.tables import FINDINGS

CRS = 4549
X, Y = 500_000, 4_150_000


def role(code, most, **more):
    return Role(code, code, code, most, "责任", "标准", "奖惩", (), **more)


RULES = {
    "cleaner": role("cleaner", 2, slots=("06:00-14:00", "14:00-22:00")),
    "officer": role("officer", 4, qualification="警衔", max_distance_m=900.0, supervisor="chief"),
    "chief": role("chief", 1),
}


def world(**changes):
    """Sound posts on four cells of two communities; `changes` are put over the tables."""
    cells = gpd.GeoDataFrame(
        {
            "cell_code": ["a", "b", "c", "d"],
            "level": "cell",
            "parent_code": ["q1", "q1", "q2", "q2"],
        },
        geometry=[box(X + 100 * i, Y, X + 100 * i + 100, Y + 100) for i in range(4)],
        crs=CRS,
    )
    communities = pd.DataFrame({"cell_code": ["q1", "q2"], "level": "community"})
    rows = []
    for i, code in enumerate(["a", "b", "c", "d"]):
        rows.append(("cell", code, "officer", None, "o1", None, 300.0))
        rows.append(("cell", code, "cleaner", "06:00-14:00", f"c{i // 2}", "c9", 100.0))
        rows.append(("cell", code, "cleaner", "14:00-22:00", f"c{i // 2}", None, 100.0))
    rows += [("community", q, "chief", None, f"h{q}", None, np.nan) for q in ("q1", "q2")]
    columns = ["level", "area_code", "role", "slot", "person_id", "backup_id", "distance_m"]
    posts = pd.DataFrame(rows, columns=columns)
    posts["slot"] = posts["slot"].fillna("00:00-24:00")
    posts = posts.assign(duty="责任", standard="标准", incentive="奖惩", valid_from=pd.NaT)
    posts["valid_to"] = pd.Series(pd.NaT, posts.index, dtype="datetime64[s]")
    posts["valid_from"] = posts["valid_to"]
    roster = pd.DataFrame(
        [
            ("o1", "officer", "", "警衔；驾照", None, "hq1"),
            ("c0", "cleaner", "06:00-22:00", None, "c9", "o1"),
            ("c1", "cleaner", "每天 05:00-23:00", None, None, "o1"),
            ("c9", "cleaner", "", None, None, "o1"),
            ("hq1", "chief", "", None, None, None),
            ("hq2", "chief", "", None, None, "hq1"),
        ],
        columns=["person_id", "role", "slots", "qualifications", "backup_id", "supervisor_id"],
    )
    nothing = pd.Series(pd.NaT, roster.index, dtype="datetime64[s]")
    roster = roster.assign(leave=None, valid_from=nothing, valid_to=nothing)
    units = pd.DataFrame({"unit_code": ["u1"], "name": ["街道办"], "chief_id": ["hq1"]})
    made = {
        "posts": posts,
        "areas": cells,
        "roster": roster,
        "levels": [communities],
        "units": units,
        "rules": RULES,
        "at": "2026-03-02",
    }
    return made | changes


def checked(**changes):
    made = world(**changes)
    posts, areas, roster = made.pop("posts"), made.pop("areas"), made.pop("roster")
    return check_posts(posts, areas, roster, lang="en", **made)


def fired(findings):
    return set(findings.loc[findings["severity"].isin(["error", "warning"]), "rule"])


def put(table, where, **values):
    """The table with values put in the rows that a query names."""
    out = world()[table].copy()
    rows = out.query(where).index
    for column, value in values.items():
        out.loc[rows, column] = value
    return {table: out}


def day(text):
    return pd.Timestamp(text)


def with_row(table, **values):
    frame = world()[table]
    return {table: pd.concat([frame, frame.iloc[[0]].assign(**values)], ignore_index=True)}


def test_sound_posts_pass_every_rule():
    findings = checked()
    assert fired(findings) == set()
    assert set(findings["severity"]) == {"ok"}
    FINDINGS.check(findings)


BROKEN = {
    "UNKNOWN_AREA": (
        with_row("posts", area_code="z", role="cleaner", slot="06:00-14:00", person_id="c9"),
        ["z"],
    ),
    "UNKNOWN_ROLE": (
        with_row("posts", role="wizard", level="community", area_code="q1"),
        ["wizard"],
    ),
    "BAD_SLOT": (put("posts", "area_code == 'a' and role == 'officer'", slot="早上"), ["早上"]),
    "OVERLAPPING_VALIDITY": (with_row("posts", valid_from=day("2026-01-01")), []),
    "MISSING_ROLE": ({"roles": ["officer", "cleaner", "chief"]}, ["chief 4"]),
    "UNFILLED": (put("posts", "area_code == 'a' and slot == '14:00-22:00'", person_id=None), ["1"]),
    "UNKNOWN_PERSON": (put("posts", "area_code == 'q2'", person_id="ghost"), ["ghost"]),
    "ROLE_MISMATCH": (put("roster", "person_id == 'hq2'", role="cadre"), ["hq2"]),
    "QUALIFICATION": (put("roster", "person_id == 'o1'", qualifications="驾照"), ["o1"]),
    "SLOT_MISMATCH": (put("roster", "person_id == 'c1'", slots="工作日 05:00-23:00"), ["c1"]),
    "OVER_CAPACITY": (
        put("posts", "area_code == 'c' and slot == '06:00-14:00'", person_id="c0"),
        ["c0 3/2"],
    ),
    "DOUBLE_BOOKING": (
        put("posts", "area_code == 'q2'", person_id="o1"),
        ["o1"],
    ),
    "OUT_OF_VALIDITY": (put("roster", "person_id == 'hq2'", valid_to=day("2026-03-02")), ["hq2"]),
    "AWAY_ALONE": (put("roster", "person_id == 'hq2'", leave="2026-03-01/2026-03-02"), ["hq2"]),
    "BACKUP": (put("posts", "area_code == 'a' and slot == '06:00-14:00'", backup_id="c0"), ["c0"]),
    "TOO_FAR": (
        put("posts", "area_code == 'a' and role == 'officer'", distance_m=1234.0),
        ["1,234"],
    ),
    "CHAIN": (put("roster", "person_id == 'hq1'", supervisor_id="o1"), ["hq1"]),
    "NO_CHIEF": (put("units", "unit_code == 'u1'", chief_id=None), ["街道办"]),
    "FIVE_FIXES": (put("posts", "area_code == 'a' and role == 'officer'", standard=" "), ["75.0%"]),
    "ORPHAN": (put("areas", "cell_code == 'd'", parent_code=None), ["1"]),
}
ALSO = {
    "UNKNOWN_ROLE": {"ROLE_MISMATCH", "DOUBLE_BOOKING"},
    "UNFILLED": {"FIVE_FIXES"},
    "DOUBLE_BOOKING": {"ROLE_MISMATCH"},
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_fault_is_seen_by_its_rule(name):
    changes, words = BROKEN[name]
    findings = checked(**changes)
    assert fired(findings) - ALSO.get(name, set()) == {name}
    row = findings.set_index("rule").loc[name]
    assert all(word in row["detail"] for word in words), row["detail"]
    assert row["remedy"]
    assert row["rows"] > 0


def test_every_rule_has_a_fault_that_it_sees():
    assert set(BROKEN) == set(checked()["rule"])


def test_findings_can_be_drawn():
    changes, _ = BROKEN["TOO_FAR"]
    findings = checked(**changes).set_index("rule", drop=False)
    assert findings.loc["TOO_FAR", "codes"] == "a"
    assert findings.loc["TOO_FAR", "geometry"].equals(world()["areas"].geometry[0])
    findings_map(world()["areas"], findings.reset_index(drop=True))


def test_without_a_layer_a_rule_says_that_it_was_not_checked():
    made = world()
    findings = check_posts(made["posts"], made["areas"], rules=RULES)
    skipped = set(findings.loc[findings["severity"] == "not_checked", "rule"])
    assert {"UNKNOWN_PERSON", "OVER_CAPACITY", "CHAIN", "NO_CHIEF", "AWAY_ALONE"} <= skipped
    assert not fired(findings) - {"ORPHAN"}


def test_one_person_may_hold_other_areas_in_another_slot():
    posts = world()["posts"]
    posts.loc[posts["slot"] == "14:00-22:00", "person_id"] = posts["area_code"].map(
        {"a": "c1", "b": "c1", "c": "c0", "d": "c0"}
    )
    assert fired(checked(posts=posts)) == set()


def test_a_history_is_checked_for_its_day():
    posts = world()["posts"]
    old = posts.iloc[[0]].assign(person_id="ghost", valid_to=day("2026-03-02"))
    posts.loc[0, "valid_from"] = day("2026-03-02")
    both = pd.concat([posts, old], ignore_index=True)
    assert fired(checked(posts=both)) == set()
    assert "UNKNOWN_PERSON" in fired(checked(posts=both, at="2026-03-01"))


def test_order_of_rows_does_not_matter():
    changes, _ = BROKEN["OVER_CAPACITY"]
    posts = changes["posts"]
    one = checked(posts=posts).drop(columns=["codes", "geometry"])
    two = checked(posts=posts.sample(frac=1, random_state=3)).drop(columns=["codes", "geometry"])
    pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(two))


def test_refusals():
    made = world()
    with pytest.raises(OptionError, match="wizard"):
        check_posts(made["posts"], made["areas"], rules=RULES, roles=["wizard"])
    with pytest.raises(OptionError):
        check_posts(made["posts"], made["areas"], at="someday")
    with pytest.raises(SchemaError):
        check_posts(made["posts"].drop(columns="role"), made["areas"])
    with pytest.raises(SchemaError):
        check_posts(made["posts"], made["areas"], pd.DataFrame({"name": ["x"]}))


def test_five_fixes_tell_what_is_missing():
    posts = world()["posts"]
    posts.loc[posts["role"] == "officer", "incentive"] = None
    areas = pd.DataFrame({"cell_code": ["d", "nowhere", "a"], "level": "cell"})
    table = five_fixes(posts, areas=areas, lang="en")
    assert table["area_code"].tolist() == ["d", "nowhere", "a"]
    assert table["posts"].tolist() == [3, 0, 3]
    assert table["share"].tolist() == [0.8, 0.0, 0.8]
    assert table["missing"][0] == "reward and penalty (1/3)"
    assert table["missing"][1] == "person, time slot, duty, standard, reward and penalty"
    assert len(five_fixes(posts.iloc[:0])) == 0


def test_the_chain_names_its_gaps():
    made = world()
    posts = pd.concat(
        [
            made["posts"],
            pd.DataFrame(
                {"level": ["zone"], "area_code": ["z"], "role": ["chief"], "person_id": ["x"]}
            ),
        ],
        ignore_index=True,
    )
    posts.loc[posts["area_code"] == "q1", "person_id"] = None
    chain = chain_of(posts, area_code="a", areas=[made["areas"], *made["levels"]])
    told = [(r.level, r.gap) for r in chain.drop_duplicates(["level", "area_code"]).itertuples()]
    assert told == [("cell", ""), ("community", "unfilled"), ("zone", "no_area")]
    assert chain["step"].tolist()[:4] == [0, 0, 0, 1]
    bare = chain_of(posts[posts["level"] != "community"], area_code="a", areas=made["areas"])
    assert ("zone", "no_area") in list(zip(bare["level"], bare["gap"], strict=True))
    with pytest.raises(OptionError, match="nowhere"):
        chain_of(posts, area_code="nowhere")
