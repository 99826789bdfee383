"""Both processes as data, and one guarded machine: what may be done, what it changes, what not."""

import pandas as pd
import pytest

import gridkit as gk
from gridkit.casework import machine
from gridkit.casework.machine import EFFECTS
from gridkit.casework.process import EFFECTS as NAMED
from gridkit.errors import FileError, MoveError, SchemaError

TZ = "Asia/Shanghai"
STANDARD, EJINA = gk.load_process("standard"), gk.load_process("ejina")
# What the fields of a case may be given for each need.
GIVEN = {
    "reason": "理由",
    "responsible_unit": "环卫所",
    "duplicate_of": "C9",
    "cell_code": "B2",
    "handler_id": "P7",
}


def at(text):
    return pd.Timestamp(text, tz=TZ)


def walk(process, steps, case=None):
    """Do actions one after the other: (action, time, details); return the case."""
    case = dict(case or {"stage": process.start, "limit": "4工作时"})
    for action, when, *details in steps:
        given = details[0] if details else {}
        case |= gk.move_case(case, action, process=process, at=at(when), actor="P1", **given)
    return case


UNIT = {"responsible_unit": "环卫所"}
TO_DISPATCH = [
    ("accept", "2025-09-30 09:00"),
    ("file", "2025-09-30 10:00"),
    ("dispatch", "2025-09-30 10:10", UNIT),
]


def test_the_whole_road_of_the_standard():
    case = walk(
        STANDARD,
        [
            *TO_DISPATCH,
            ("dispose", "2025-09-30 15:00"),
            ("verify_fix", "2025-09-30 16:00"),
            ("close", "2025-09-30 16:30"),
        ],
    )
    assert case["stage"] == "closed"
    assert case["dispose_due_at"] == at("2025-09-30 16:00")
    times = ["accepted_at", "filed_at", "dispatched_at", "disposed_at", "closed_at"]
    assert [case[c].strftime("%H:%M") for c in times] == [
        "09:00",
        "10:00",
        "10:10",
        "15:00",
        "16:30",
    ]


def test_the_five_steps_of_ejina():
    case = walk(
        EJINA,
        [
            ("feed_back", "2025-09-30 10:00"),
            ("coordinate", "2025-09-30 10:10", UNIT),
            ("escalate", "2025-09-30 11:00"),
            ("escalate", "2025-09-30 11:30"),
            ("dispose", "2025-09-30 15:00"),
            ("supervise", "2025-09-30 16:30"),
        ],
    )
    assert (case["stage"], case["escalation"]) == ("supervision", "move")
    assert case["filed_at"] == at("2025-09-30 10:00")
    assert case["closed_at"] == at("2025-09-30 16:30")
    last = {"stage": "coordination", "escalation": "seize"}
    with pytest.raises(MoveError, match="last step"):
        gk.move_case(last, "escalate", process=EJINA, at=at("2025-09-30"), actor="P1")


@pytest.mark.parametrize("process", [STANDARD, EJINA], ids=lambda p: p.code)
def test_every_action_from_every_stage_is_allowed_or_refused(process):
    """The whole table: nothing else changes a case, and what changes it lands where it should."""
    base = {
        "limit": "4工作时",
        "dispose_due_at": at("2025-09-30 18:00"),
        "disposed_at": at("2025-10-10 09:00"),
        "closed_at": at("2025-10-10 10:00"),
    }
    now = at("2025-09-30 12:00")
    for stage in process.stages:
        for action in process.actions.values():
            details = {n: GIVEN[n] for n in action.needs if n in GIVEN}
            if "suspended_until" in action.needs:
                details["suspended_until"] = at("2025-10-20 09:00")
            case = {**base, "stage": stage}
            if action.code == "resume":
                case |= {
                    "suspended": True,
                    "suspended_at": at("2025-09-30 09:00"),
                    "suspended_until": at("2025-10-20 09:00"),
                }
            if "appeal" in action.code and action.code != "appeal":
                case["appeal"] = "reviewed" if action.code == "grant_appeal" else "lodged"
            if stage not in action.sources:
                with pytest.raises(MoveError, match="not allowed"):
                    gk.move_case(case, action.code, process=process, at=now, actor="P1", **details)
                continue
            changes = gk.move_case(
                case, action.code, process=process, at=now, actor="P1", **details
            )
            assert changes["stage"] == (action.target or stage)
            assert changes["moved_at"] == now
            assert "first_receiver" not in changes


def test_what_is_missing_is_said_at_once():
    case = {"stage": "dispatched", "moved_at": at("2025-09-30 12:00")}
    with pytest.raises(MoveError) as caught:
        gk.move_case(
            case,
            "transfer",
            process=STANDARD,
            at=at("2025-09-30 11:00"),
            actor=" ",
            first_receiver="别的单位",
        )
    said = caught.value.en
    for words in ("responsible_unit, reason", "first receiver", "no actor", "before the last move"):
        assert words in said
    with pytest.raises(MoveError, match="explode"):
        gk.move_case(case, "explode", process=STANDARD, at=at("2025-09-30 13:00"), actor="P1")


def test_a_return_gives_the_case_back_and_is_dispatched_anew():
    case = walk(STANDARD, [*TO_DISPATCH, ("return", "2025-09-30 11:00", {"reason": "非本单位"})])
    assert (case["stage"], case["dispatched_at"]) == ("filed", None)
    case = walk(STANDARD, [("dispatch", "2025-09-30 14:30", UNIT)], case)
    assert case["dispatched_at"] == at("2025-09-30 14:30")
    assert case["filed_at"] == at("2025-09-30 10:00")


def test_rework_counts_and_keeps_the_deadline():
    steps = [
        *TO_DISPATCH,
        ("dispose", "2025-09-30 11:00"),
        ("rework", "2025-09-30 14:00", {"reason": "未修好"}),
    ]
    case = walk(STANDARD, [*steps, ("dispose", "2025-09-30 15:00")])
    assert case["rework_n"] == 1
    assert case["disposed_at"] == at("2025-09-30 15:00")
    assert case["dispose_due_at"] == at("2025-09-30 16:00")


def test_two_delays_add_the_limit_each_and_a_third_is_refused():
    why = {"reason": "需采购配件"}
    case = walk(STANDARD, [*TO_DISPATCH, ("delay", "2025-09-30 11:00", why)])
    assert case["dispose_due_at"] == at("2025-10-09 10:00")
    case = walk(STANDARD, [("delay", "2025-09-30 11:05", why)], case)
    assert case["delay_n"] == 2
    assert case["dispose_due_at"] == at("2025-10-09 16:00")
    with pytest.raises(MoveError, match="2 time"):
        walk(STANDARD, [("delay", "2025-09-30 11:10", why)], case)


def test_overdue_cases_are_neither_delayed_nor_suspended():
    case = walk(STANDARD, TO_DISPATCH)
    why = {"reason": "x"}
    with pytest.raises(MoveError, match="before the case is overdue"):
        walk(STANDARD, [("delay", "2025-09-30 16:01", why)], case)
    why["suspended_until"] = at("2025-10-20 09:00")
    with pytest.raises(MoveError, match="before the case is overdue"):
        walk(STANDARD, [("suspend", "2025-09-30 16:01", why)], case)


def test_a_suspension_stops_the_clock_once_and_ends_by_itself():
    why = {"reason": "待拆迁", "suspended_until": at("2025-10-20 09:00")}
    case = walk(STANDARD, [*TO_DISPATCH, ("suspend", "2025-09-30 11:00", why)])
    assert (case["suspended"], case["suspend_n"]) == (True, 1)
    # 10:00 to 11:00 is used; three of four hours are left from 14:00 on the day of resuming.
    early = walk(STANDARD, [("resume", "2025-10-15 14:00")], case)
    assert (early["suspended"], early["dispose_due_at"]) == (False, at("2025-10-15 17:00"))
    late = walk(STANDARD, [("dispose", "2025-10-20 11:30")], case)
    assert (late["suspended"], late["dispose_due_at"]) == (False, at("2025-10-20 12:00"))
    with pytest.raises(MoveError, match="suspended until"):
        walk(STANDARD, [("delay", "2025-09-30 11:30", {"reason": "x"})], case)
    with pytest.raises(MoveError, match="1 time"):
        walk(
            STANDARD,
            [("suspend", "2025-10-15 14:30", why | {"suspended_until": at("2025-11-01")})],
            early,
        )
    with pytest.raises(MoveError, match="not suspended"):
        walk(STANDARD, [("resume", "2025-10-15 14:30")], early)


@pytest.mark.parametrize("until", ["2025-09-30 10:30", "2026-12-01 00:00"])
def test_a_suspension_has_a_date_within_a_year(until):
    why = {"reason": "x", "suspended_until": at(until)}
    with pytest.raises(MoveError, match="within a year"):
        walk(STANDARD, [*TO_DISPATCH, ("suspend", "2025-09-30 11:00", why)])


def test_an_appeal_exempts_an_overdue_case_once_after_two_reviews_and_hides_nothing():
    late = [*TO_DISPATCH, ("dispose", "2025-09-30 17:00"), ("close", "2025-09-30 17:30")]
    why = {"reason": "道路封闭"}
    case = walk(STANDARD, [*late, ("appeal", "2025-10-09 09:00", why)])
    assert case["appeal"] == "lodged"
    assert not case.get("exempt")
    with pytest.raises(MoveError, match="reviewed; the case's is lodged"):
        walk(STANDARD, [("grant_appeal", "2025-10-09 09:30")], case)
    refused = walk(STANDARD, [("refuse_appeal", "2025-10-09 09:30", why)], case)
    assert (refused["appeal"], bool(refused.get("exempt"))) == ("refused", False)
    with pytest.raises(MoveError, match="lodged; the case's is refused"):
        walk(STANDARD, [("review_appeal", "2025-10-09 09:40")], refused)
    reviews = [("review_appeal", "2025-10-09 09:30"), ("grant_appeal", "2025-10-09 09:40")]
    case = walk(STANDARD, reviews, case)
    assert (case["appeal"], case["exempt"]) == ("granted", True)
    assert case["disposed_at"] > case["dispose_due_at"]
    with pytest.raises(MoveError, match="1 time"):
        walk(STANDARD, [("appeal", "2025-10-09 10:00", why)], case)
    good = [*TO_DISPATCH, ("dispose", "2025-09-30 15:00"), ("close", "2025-09-30 17:30")]
    with pytest.raises(MoveError, match="not overdue"):
        walk(STANDARD, [*good, ("appeal", "2025-10-09 09:00", why)])


def test_void_merge_force_and_relocate():
    why = {"reason": "x"}
    assert walk(STANDARD, [*TO_DISPATCH, ("void", "2025-09-30 11:00", why)])["voided"] is True
    merged = walk(STANDARD, [("merge", "2025-09-30 09:00", {"duplicate_of": "C1"})])
    assert (merged["stage"], merged["duplicate_of"]) == ("merged", "C1")
    forced = walk(STANDARD, [*TO_DISPATCH, ("force_close", "2025-09-30 11:00", why)])
    assert (forced["stage"], forced["forced"]) == ("closed", True)
    moved = walk(
        STANDARD, [*TO_DISPATCH, ("relocate", "2025-09-30 11:00", why | {"cell_code": "B2"})]
    )
    assert (moved["stage"], moved["cell_code"]) == ("dispatched", "B2")


@pytest.mark.parametrize(
    ("limit", "note"),
    [("", "no_limit"), (None, "no_limit"), ("种植季节15天", "unreadable_limit"), ("4工作时", "")],
)
def test_filing_is_never_blocked_by_a_limit(limit, note):
    case = {"stage": "accepted", "limit": limit}
    case |= gk.move_case(case, "file", process=STANDARD, at=at("2025-09-30 10:00"), actor="P1")
    assert (case["stage"], case["due_note"]) == ("filed", note)
    assert (case["dispose_due_at"] is None) == bool(note)


def test_deadlines_in_unknown_years_are_noted():
    case = {"stage": "accepted", "limit": "15工作日"}
    options = {"process": STANDARD, "at": at("2026-12-28 10:00"), "actor": "P1"}
    plain = gk.move_case(case, "file", **options)
    assert (plain["dispose_due_at"], plain["due_note"]) == (None, "unknown_year")
    guess = gk.move_case(case, "file", clock=gk.WorkClock(unknown_years="estimate"), **options)
    assert guess["due_note"] == "estimated"
    assert guess["dispose_due_at"] > at("2027-01-10")


def test_stage_limits_run_from_entering_the_stage():
    case = walk(STANDARD, [("accept", "2025-09-30 09:00")])
    assert case["stage_due_at"] == at("2025-09-30 09:30")
    assert walk(STANDARD, TO_DISPATCH)["stage_due_at"] is None


def test_the_machine_knows_all_effects():
    assert set(EFFECTS) == set(NAMED)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('start = "reported"', 'start = "nowhere"', "nowhere"),
        ('to = "accepted"', 'to = "nowhere"', "nowhere"),
        ('effects = ["start_clock"]', 'effects = ["explode"]', "explode"),
        ('needs = ["duplicate_of"]', 'needs = ["first_receiver"]', "first_receiver"),
        ('sets = "filed_at"', 'sets = "any_at"', "any_at"),
        ('limit = "0.5紧急工作时"', 'limit = "soon"', "soon"),
        ('code = "accept"\nzh', 'code = "file"\nzh', "standard"),
        ('code = "reject"\nzh = "不予受理"', 'code = "reject"', "zh"),
        ('effects = ["escalate"]', 'effects = ["escalate"]\nmost = 3', "escalate"),
        ("[process]", "[process]\nx = [", "TOML"),
        ("open = false", "opened = false", "opened"),
    ],
)
def test_a_process_that_does_not_fit_together_is_refused(tmp_path, old, new, said):
    from importlib import resources

    text = (
        resources.files("gridkit").joinpath("standards", "process_standard.toml").read_text("utf-8")
    )
    assert old in text
    own = tmp_path / "own.toml"
    own.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises((SchemaError, FileError), match=said):
        gk.load_process(own)


def test_a_city_writes_its_own_process(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        '[process]\ncode="mini"\nzh="迷你"\nen="Mini"\nstart="open"\n'
        '[[stage]]\ncode="open"\nzh="在办"\nen="Open"\n'
        '[[stage]]\ncode="done"\nzh="办结"\nen="Done"\nsets="closed_at"\nopen=false\n'
        '[[action]]\ncode="finish"\nzh="办结"\nen="Finish"\nfrom=["open"]\nto="done"\n',
        "utf-8",
    )
    process = gk.load_process(own)
    assert process.allowed("open") == ["finish"]
    assert (process.name(), process.name("en")) == ("迷你", "Mini")
    with pytest.raises(FileError):
        gk.load_process(tmp_path / "none.toml")


FAULTS = {
    "no pause": (
        "resume",
        lambda work: {"suspended": False},
        test_a_suspension_stops_the_clock_once_and_ends_by_itself,
    ),
    "no pause when disposed": (
        "resume_if_suspended",
        lambda work: {"suspended": False},
        test_a_suspension_stops_the_clock_once_and_ends_by_itself,
    ),
    "delays for nothing": (
        "add_delay",
        lambda work: {},
        test_two_delays_add_the_limit_each_and_a_third_is_refused,
    ),
    "no clock": (
        "start_clock",
        lambda work: work.dues(None),
        test_the_whole_road_of_the_standard,
    ),
    "rework keeps the disposal": (
        "count_rework",
        lambda work: {"rework_n": 1},
        test_rework_counts_and_keeps_the_deadline,
    ),
    "appeals of all": (
        "lodge_appeal",
        lambda work: {"appeal": "lodged"},
        test_an_appeal_exempts_an_overdue_case_once_after_two_reviews_and_hides_nothing,
    ),
    "appeals without a second review": (
        "review_appeal",
        lambda work: {"appeal": "reviewed", "exempt": True},
        test_an_appeal_exempts_an_overdue_case_once_after_two_reviews_and_hides_nothing,
    ),
    "suspends the overdue": (
        "suspend",
        lambda work: {"suspended": True, "suspended_at": work.now},
        test_overdue_cases_are_neither_delayed_nor_suspended,
    ),
    "a ladder without end": (
        "escalate",
        lambda work: {"escalation": "persuade"},
        test_the_five_steps_of_ejina,
    ),
    "a return that keeps its dispatch": (
        "take_back_dispatch",
        lambda work: {},
        test_a_return_gives_the_case_back_and_is_dispatched_anew,
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_the_machine_are_caught(monkeypatch, name):
    effect, fault, test = FAULTS[name]
    test()
    monkeypatch.setitem(machine.EFFECTS, effect, fault)
    with pytest.raises((AssertionError, pytest.fail.Exception, KeyError)):
        test()


@pytest.mark.parametrize("value", ["yes", "是", 2])
def test_a_flag_is_true_or_false(value):
    case = walk(STANDARD, TO_DISPATCH)
    with pytest.raises(MoveError, match="missed: give true or false"):
        walk(STANDARD, [("note", "2025-10-09 09:00", {"missed": value})], case)
    assert walk(STANDARD, [("note", "2025-10-09 09:00", {"missed": True})], case)["missed"] is True
