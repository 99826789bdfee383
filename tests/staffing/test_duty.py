"""Who is on duty: worked examples, refusals, and random years against a naive replay."""

import datetime as dt
import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest

from gridkit import duty_text, on_duty
from gridkit.calendar import WorkCalendar
from gridkit.errors import GridkitWarning, OptionError, SchemaError
from gridkit.rules import Role

TZ = "Asia/Shanghai"


def load_replay():
    spec = importlib.util.spec_from_file_location("replay", Path(__file__).parent / "replay.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("replay", module)
    spec.loader.exec_module(module)
    return module


replay = load_replay()


def at(text):
    return pd.Timestamp(text, tz=TZ)


def post(
    area, person, *, role="officer", level="cell", slot=None, backup=None, since=None, to=None
):
    return {
        "level": level,
        "area_code": area,
        "role": role,
        "slot": slot,
        "person_id": person,
        "backup_id": backup,
        "valid_from": pd.Timestamp(since) if since else pd.NaT,
        "valid_to": pd.Timestamp(to) if to else pd.NaT,
    }


def answer(posts, when, *, area="c1", **more):
    who = on_duty(pd.DataFrame(posts), area_code=area, at=at(when), **more)
    columns = ["person_id", "via", "steps", "reason"]
    return [tuple(row) for row in who[columns].astype(object).to_numpy()]


CELLS = pd.DataFrame(
    {"cell_code": ["c1", "c2"], "duty_code": ["d1", "d1"], "community_code": ["q1", "q1"]}
)


@pytest.mark.parametrize(
    ("when", "person"),
    [
        ("2025-09-26 22:30", "night"),  # Friday
        ("2025-09-27 05:59", "night"),  # Saturday morning still belongs to Friday
        ("2025-09-27 06:00", "off"),
        ("2025-09-28 22:30", "night"),  # Sunday, worked in exchange
        ("2025-09-29 06:00", "off"),
        ("2025-10-01 22:30", "holiday"),
        ("2025-10-02 03:00", "holiday"),
    ],
)
def test_slots_follow_the_working_calendar(when, person):
    posts = [
        post("c1", "night", slot="工作日 22:00-06:00"),
        post("c1", "holiday", slot="节假日"),
        post("c1", "off"),
    ]
    assert answer(posts, when)[0][0] == person


def test_the_minute_at_which_a_slot_ends_belongs_to_the_next():
    posts = [post("c1", "a", slot="08:00-12:00"), post("c1", "b", slot="12:00-18:00")]
    assert answer(posts, "2026-03-02 11:59:59")[0][0] == "a"
    assert answer(posts, "2026-03-02 12:00")[0][0] == "b"


def test_it_climbs_level_by_level():
    posts = [
        post("c1", "cell", slot="08:00-12:00"),
        post("q1", "community", level="community"),
        post("d1", "duty", level="duty_cell", slot="08:00-18:00"),
    ]
    assert answer(posts, "2026-03-02 09:00", areas=CELLS) == [("cell", "own", 0, "")]
    assert answer(posts, "2026-03-02 13:00", areas=CELLS) == [("duty", "own", 1, "off_slot")]
    assert answer(posts, "2026-03-02 20:00", areas=CELLS) == [("community", "own", 2, "off_slot")]
    assert answer(posts, "2026-03-02 09:00", area="c2", areas=CELLS) == [
        ("duty", "own", 1, "no_post")
    ]


def test_the_chain_of_command_is_part_of_the_climb():
    rules = {
        code: Role(code, code, code, 9, "", "", "", (), supervisor=above)
        for code, above in (("staff", "head"), ("head", "chief"), ("chief", ""))
    }
    posts = [
        post("c1", "staff", role="staff", slot="08:00-12:00"),
        post("c1", "head", role="head", slot="08:00-18:00"),
        post("q1", "chief", role="chief", level="community"),
    ]
    ask = {"areas": CELLS, "rules": rules, "roles": ["staff"]}
    assert answer(posts, "2026-03-02 09:00", **ask) == [("staff", "own", 0, "")]
    assert answer(posts, "2026-03-02 15:00", **ask) == [("head", "own", 0, "off_slot")]
    assert answer(posts, "2026-03-02 20:00", **ask) == [("chief", "own", 2, "off_slot")]


def roster(**columns):
    ids = ["a", "b", "c"]
    return pd.DataFrame({"person_id": ids, "role": "officer", **columns})


def test_leave_takes_in_both_days_and_the_partner_stands_in():
    people = roster(leave=["2026-03-02/2026-03-03", None, None], backup_id=["b", "a", None])
    posts = [post("c1", "a")]
    for when, who in [
        ("2026-03-01 23:59", ("a", "own", 0, "")),
        ("2026-03-02 00:00", ("b", "backup", 0, "away")),
        ("2026-03-03 23:59", ("b", "backup", 0, "away")),
        ("2026-03-04 00:00", ("a", "own", 0, "")),
    ]:
        assert answer(posts, when, roster=people) == [who]


def test_the_substitute_named_goes_before_the_partner():
    posts = [post("c1", "a", backup="b")]
    away = pd.DataFrame(
        {
            "person_id": ["a"],
            "from_at": [at("2026-03-02 09:00")],
            "to_at": [at("2026-03-02 10:00")],
            "substitute_id": ["c"],
        }
    )
    ask = {"roster": roster(), "absences": away}
    assert answer(posts, "2026-03-02 08:59", **ask) == [("a", "own", 0, "")]
    assert answer(posts, "2026-03-02 09:00", **ask) == [("c", "substitute", 0, "away")]
    assert answer(posts, "2026-03-02 10:00", **ask) == [("a", "own", 0, "")]


def test_partners_who_are_both_away_do_not_go_round_for_ever():
    people = roster(leave=["2026-03-02", "2026-03-02", None], backup_id=["b", "a", None])
    posts = [post("c1", "a"), post("q1", "c", level="community")]
    assert answer(posts, "2026-03-02 12:00", roster=people, areas=CELLS) == [
        ("c", "own", 2, "away")
    ]
    alone = answer(posts[:1], "2026-03-02 12:00", roster=people)[0]
    assert pd.isna(alone[0])
    assert alone[1:] == ("nobody", 0, "away")


def test_an_empty_post_is_told_and_its_partner_serves():
    assert answer([post("c1", None, backup="b")], "2026-03-02 12:00")[0] == (
        "b",
        "backup",
        0,
        "unfilled",
    )
    nobody = answer([post("c1", None)], "2026-03-02 12:00")[0]
    assert pd.isna(nobody[0])
    assert nobody[1:] == ("nobody", 0, "unfilled")


def test_history_answers_for_its_day():
    posts = [
        post("c1", "old", to="2026-03-02"),
        post("c1", "new", since="2026-03-02"),
        post("c1", "night", slot="22:00-06:00", to="2026-03-02"),
    ]
    assert answer(posts, "2026-03-01 12:00")[0][0] == "old"
    assert answer(posts, "2026-03-02 12:00")[0][0] == "new"
    # The night that began on the last day is worked to its end.
    assert answer(posts, "2026-03-02 05:00")[0][0] == "night"
    assert answer(posts, "2026-03-02 23:00")[0][0] == "new"


def test_outside_a_contract_somebody_else_serves():
    people = roster(valid_to=["2026-03-02", None, None], backup_id=["b", None, None])
    assert answer([post("c1", "a")], "2026-03-01 12:00", roster=people)[0][0] == "a"
    assert answer([post("c1", "a")], "2026-03-02 12:00", roster=people)[0][0] == "b"


def located(codes, times, **more):
    frame = {"report_id": [f"r{i}" for i in range(len(codes))], "cell_code": codes, **more}
    return pd.DataFrame(frame | {"reported_at": pd.to_datetime(times).tz_localize(TZ)})


def test_every_place_has_a_row_for_each_role_in_order():
    posts = pd.DataFrame([post("c1", "a"), post("c2", "b", role="cleaner")])
    places = located(["c2", None, "c1"], ["2026-03-02 12:00"] * 3)
    who = on_duty(posts, places)
    assert who["report_id"].tolist() == ["r0", "r0", "r1", "r1", "r2", "r2"]
    assert who["role"].tolist() == ["officer", "cleaner"] * 3
    assert who["reason"].tolist() == ["no_post", "", "no_area", "no_area", "", "no_post"]
    assert who["person_id"].astype(object).fillna("-").tolist() == ["-", "b", "-", "-", "a", "-"]
    assert who["at"].dt.tz is not None


def test_a_place_without_a_time_keeps_its_row():
    posts = pd.DataFrame([post("c1", "a")])
    who = on_duty(posts, located(["c1", "c1"], [None, "2026-03-02 12:00"]))
    assert who["reason"].tolist() == ["no_time", ""]
    assert who["via"].tolist() == ["nobody", "own"]
    never = on_duty(posts, located(["c1"], [None]))
    assert never["reason"].tolist() == ["no_time"]
    assert "no time" in duty_text(never, lang="en").iloc[0]


def test_the_partner_serves_when_the_substitute_is_away_too():
    away = pd.DataFrame(
        {
            "person_id": ["a", "c"],
            "from_at": [at("2026-03-02 09:00")] * 2,
            "to_at": [pd.NaT, at("2026-03-02 10:00")],
            "substitute_id": ["c", None],
        }
    )
    ask = {"roster": roster(), "absences": away}
    posts = [post("c1", "a", backup="b")]
    assert answer(posts, "2026-03-02 09:30", **ask) == [("b", "backup", 0, "away")]
    assert answer(posts, "2026-03-02 10:30", **ask) == [("c", "substitute", 0, "away")]
    # Without an end the absence goes on.
    assert answer(posts, "2027-03-02 10:30", **ask) == [("c", "substitute", 0, "away")]


def test_a_slot_by_its_name_is_the_slot_by_its_hours():
    posts = [post("c1", "a", slot="夜班"), post("c1", "b", slot="22:00-06:00")]
    with pytest.raises(SchemaError, match="valid_to"):
        answer(posts, "2026-03-02 23:00")


def test_a_calendar_that_is_not_needed_is_not_asked():
    posts = [post("c1", "a", slot="周一至周五 08:00-18:00"), post("c1", "b")]
    assert answer(posts, "2030-03-04 12:00")[0][0] == "a"
    assert answer(posts, "2030-03-03 12:00")[0][0] == "b"


def test_nothing_asked_nothing_answered():
    posts = pd.DataFrame([post("c1", "a")])
    assert len(on_duty(posts, located([], []))) == 0
    assert len(on_duty(posts.iloc[:0], located(["c1"], ["2026-03-02"]))) == 0
    assert on_duty(posts.iloc[:0], located(["c1"], ["2026-03-02"]), roles=["officer"])[
        "via"
    ].tolist() == ["nobody"]


def test_sentences_say_who_and_why():
    posts = pd.DataFrame([post("c1", "a", slot="08:00-12:00"), post("d1", "b", level="duty_cell")])
    for when, zh, en in [
        ("2026-03-02 09:00", "民警：a（c1）。", "officer: a of c1."),
        (
            "2026-03-02 13:00",
            "民警：由上级责任网格 d1 的 b 负责。本区域岗位此时不在班。",
            "officer: b of the duty cell d1 above. The area's own post is off duty at this time.",
        ),
    ]:
        who = on_duty(posts, area_code="c1", at=at(when), areas=CELLS)
        assert duty_text(who).tolist() == [zh]
        assert duty_text(who, lang="en").tolist() == [en]


@pytest.mark.parametrize(
    ("posts", "ask", "words"),
    [
        ([post("c1", "a", slot="早上")], {}, ["早上", "0"]),
        ([post("c1", "a", slot="08:00-08:00")], {}, ["00:00-24:00"]),
        ([post("c1", "a", since="2026-03-02", to="2026-03-01")], {}, ["valid_from"]),
        (
            [post("c1", "a", to="2026-03-03"), post("c1", "b", since="2026-03-02")],
            {},
            ["c1/officer", "valid_to"],
        ),
        ([post("c1", "a", backup="z")], {"roster": roster()}, ["z"]),
        ([post("c1", "a")], {"roster": roster(backup_id=["y", None, None])}, ["y"]),
        ([post("c1", "a")], {"roster": roster(leave=["下周", None, None])}, ["下周", "a"]),
    ],
)
def test_posts_that_cannot_be_believed_are_named(posts, ask, words):
    with pytest.raises(SchemaError) as caught:
        answer(posts, "2026-03-02 12:00", **ask)
    assert all(word in str(caught.value) for word in words)


def test_all_that_is_wrong_is_said_at_once():
    posts = [post("c1", "a", slot="早上"), post("c2", "a", since="2026-03-02", to="2026-03-01")]
    with pytest.raises(SchemaError) as caught:
        answer(posts, "2026-03-02 12:00")
    assert "早上" in str(caught.value)
    assert "valid_from" in str(caught.value)


@pytest.mark.parametrize(
    "ask",
    [
        {},
        {"area_code": "c1"},
        {"area_code": "nowhere", "at": at("2026-03-02")},
        {"area_code": "c1", "at": dt.datetime(2026, 3, 2)},  # noqa: DTZ001
        {"area_code": "c1", "at": at("2026-03-02"), "roles": ["wizard"]},
        {"area_code": "c1", "at": at("2026-03-02"), "tz": "Mars/Base"},
        {"located": pd.DataFrame({"cell_code": ["c1"]})},
        {
            "located": pd.DataFrame(
                {"cell_code": ["c1"], "reported_at": [pd.Timestamp("2026-03-02")]}
            )
        },
    ],
)
def test_questions_that_cannot_be_answered(ask):
    with pytest.raises(OptionError):
        on_duty(pd.DataFrame([post("c1", "a")]), **ask)


def test_an_unknown_year_is_said():
    with pytest.warns(GridkitWarning, match="2030"):
        answer([post("c1", "a", slot="工作日")], "2030-03-04 12:00")


def test_a_years_calendar_may_be_given():
    calendar = WorkCalendar(frozenset({dt.date(2030, 3, 4)}), frozenset())
    posts = [post("c1", "a", slot="工作日"), post("c1", "b", slot="节假日")]
    assert answer(posts, "2030-03-04 12:00", calendar=calendar)[0][0] == "b"


@pytest.mark.parametrize("seed", range(8))
def test_random_years_against_a_naive_replay(seed):
    world = replay.made_world(seed, places=60)
    who = on_duty(
        world.posts,
        world.located,
        areas=world.areas,
        roster=world.roster,
        absences=world.absences,
        rules=replay.RULES,
    )
    told = who[["person_id", "level", "area_code", "via"]].astype(object)
    told = told.where(told.notna(), None)
    for i, row in enumerate(who.itertuples()):
        place = world.located.iloc[i // who["role"].nunique()]
        assert tuple(told.iloc[i]) == replay.who_by_hand(world, place, str(row.role)), (i, place)
    shuffled = on_duty(
        world.posts.sample(frac=1, random_state=seed),
        world.located,
        areas=[t.sample(frac=1, random_state=seed) for t in world.areas],
        roster=world.roster.sample(frac=1, random_state=seed),
        absences=world.absences.sample(frac=1, random_state=seed),
        rules=replay.RULES,
    )
    assert shuffled["person_id"].astype(str).tolist() == who["person_id"].astype(str).tolist()


def test_leave_in_days_counts_by_the_day_the_shift_began():
    posts = pd.DataFrame(
        {
            "level": "cell",
            "area_code": "a",
            "role": "officer",
            "slot": "22:00-06:00",
            "person_id": ["p"],
            "backup_id": ["q"],
        }
    )
    roster = pd.DataFrame(
        {"person_id": ["p", "q"], "role": "officer", "leave": ["2026-03-03/2026-03-04", None]}
    )
    hours = ["03-03 02:00", "03-03 23:00", "03-04 02:00", "03-05 02:00", "03-05 23:00"]
    places = pd.DataFrame(
        {"cell_code": "a", "reported_at": pd.to_datetime([f"2026-{h}" for h in hours])}
    )
    places["reported_at"] = places["reported_at"].dt.tz_localize("Asia/Shanghai")
    who = on_duty(posts, places, roster=roster)
    assert who["person_id"].tolist() == ["p", "q", "q", "q", "p"]
    sick = pd.DataFrame(
        {
            "person_id": ["p"],
            "from_at": [pd.Timestamp("2026-03-05 23:30", tz="Asia/Shanghai")],
            "to_at": [pd.Timestamp("2026-03-06 01:00", tz="Asia/Shanghai")],
        }
    )
    late = pd.DataFrame({"cell_code": "a", "reported_at": places["reported_at"][:1]})
    late["reported_at"] = pd.Timestamp("2026-03-06 00:30", tz="Asia/Shanghai")
    assert on_duty(posts, late, roster=roster, absences=sick)["person_id"].tolist() == ["q"]
    late["reported_at"] = pd.Timestamp("2026-03-06 01:00", tz="Asia/Shanghai")
    assert on_duty(posts, late, roster=roster, absences=sick)["person_id"].tolist() == ["p"]


def test_a_place_that_no_table_knows_is_strange():
    posts = pd.DataFrame(
        {"level": "cell", "area_code": ["a"], "role": ["officer"], "person_id": ["p"]}
    )
    noon = pd.Timestamp("2026-03-02 12:00", tz="Asia/Shanghai")
    places = pd.DataFrame({"cell_code": ["a", "b", "x"], "reported_at": noon})
    cells = pd.DataFrame({"cell_code": ["a", "b"], "community_code": "q"})
    assert on_duty(posts, places, areas=cells)["reason"].tolist() == ["", "no_post", "strange"]
    assert on_duty(posts, places)["reason"].tolist() == ["", "no_post", "no_post"]


def test_a_long_row_behind_a_short_one_overlaps_all_the_same():
    posts = pd.DataFrame(
        {
            "level": "cell",
            "area_code": "a",
            "role": "officer",
            "person_id": ["p", "q", "r"],
            "valid_from": pd.to_datetime(["2026-01-01", "2026-02-01", "2026-04-01"]),
            "valid_to": pd.to_datetime(["2026-06-01", "2026-03-01", None]),
        }
    )
    noon = pd.Timestamp("2026-03-02 12:00", tz="Asia/Shanghai")
    with pytest.raises(SchemaError, match="1, 2"):
        on_duty(posts, area_code="a", at=noon)
