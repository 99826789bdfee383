"""The whole process at random: a model by hand = the table = the replay; and faults are caught."""

import importlib.util
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import gridkit as gk
from gridkit.casework import ledger as ledgers
from gridkit.casework.store import Store
from gridkit.errors import ConflictError, MoveError

_spec = importlib.util.spec_from_file_location("made", Path(__file__).with_name("conftest.py"))
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)

START = pd.Timestamp("2025-09-16 09:00", tz="Asia/Shanghai")
OPEN = ("reported", "accepted", "filed", "dispatched", "disposed")
# Written from the rules of cities, not from the file that is tested: action → (from, to).
ROADS = {
    "accept": (("reported",), "accepted"),
    "reject": (("reported",), "rejected"),
    "verify_report": (("reported", "accepted"), None),
    "file": (("accepted",), "filed"),
    "void": (OPEN[:4], "void"),
    "merge": (OPEN[:3], "merged"),
    "dispatch": (("filed",), "dispatched"),
    "transfer": (("dispatched",), "dispatched"),
    "return": (("dispatched",), "filed"),
    "dispose": (("dispatched",), "disposed"),
    "verify_fix": (("disposed",), None),
    "close": (("disposed",), "closed"),
    "rework": (("disposed",), "dispatched"),
    "delay": (("dispatched",), None),
    "suspend": (("dispatched",), None),
    "resume": (("dispatched",), None),
    "force_close": (OPEN[1:], "closed"),
    "appeal": (("closed",), None),
    "review_appeal": (("closed",), None),
    "grant_appeal": (("closed",), None),
    "refuse_appeal": (("closed",), None),
    "relocate": (OPEN, None),
    "reassign": (OPEN[2:], None),
    "escalate": (("filed", "dispatched"), None),
    "note": (OPEN, None),
}
REVIEWS = {
    "review_appeal": (("lodged",), "reviewed"),
    "grant_appeal": (("reviewed",), "granted"),
    "refuse_appeal": (("lodged", "reviewed"), "refused"),
}
LIMIT = pd.Timedelta(hours=2)  # E0405: two urgent hours, day and night


class Model:
    """What a case should be, in a few lines."""

    def __init__(self):
        self.stage, self.version, self.unit, self.cell = "reported", 1, None, "A1"
        self.due = self.paused = self.until = self.disposed = self.closed = None
        self.delays = self.suspensions = self.appeals = self.reworks = 0
        self.exempt, self.appeal = False, ""

    def refuses(self, action, now, details):
        if self.stage not in ROADS[action][0]:
            return True
        if action == "suspend":
            until = details["suspended_until"]
            bad = self.due is None or now > self.due or self.suspensions or self.paused
            return bool(bad or not now < until <= now + pd.Timedelta(days=366))
        if action == "delay":
            return bool(self.due is None or now > self.due or self.delays >= 2 or self.paused)
        if action == "resume":
            return self.paused is None
        if action == "appeal":
            late = self.due is not None and (self.disposed or self.closed) > self.due
            return bool(self.appeals or not late)
        if action in REVIEWS:
            return self.appeal not in REVIEWS[action][0]
        return False

    def do(self, action, now, details):
        ends_pause = action in ("resume", "dispose", "force_close")
        if ends_pause and self.paused is not None:
            if self.due is not None:
                self.due += min(now, self.until) - self.paused
            self.paused = None
        if action == "file":
            self.due = now + LIMIT
        elif action == "delay":
            self.delays, self.due = self.delays + 1, self.due + LIMIT
        elif action == "suspend":
            self.suspensions, self.paused = 1, now
            self.until = details["suspended_until"]
        elif action == "rework":
            self.reworks, self.disposed = self.reworks + 1, None
        elif action == "dispose":
            self.disposed = now
        elif action == "appeal":
            self.appeals, self.appeal = 1, "lodged"
        elif action in REVIEWS:
            self.appeal = REVIEWS[action][1]
            self.exempt = self.appeal == "granted"
        self.unit = details.get("responsible_unit", self.unit)
        self.cell = details.get("cell_code", self.cell)
        self.stage = ROADS[action][1] or self.stage
        if self.stage == "closed" and self.closed is None:
            self.closed = now
        self.version += 1

    def seen(self):
        return (
            self.stage,
            self.version,
            self.unit,
            self.cell,
            self.due,
            self.reworks,
            self.delays,
            self.exempt,
            self.paused is not None,
        )


def shown(case):
    def or_none(value):
        return None if pd.isna(value) else value

    return (
        case["stage"],
        case["version"],
        or_none(case["responsible_unit"]),
        case["cell_code"],
        or_none(case["dispose_due_at"]),
        or_none(case["rework_n"]) or 0,
        or_none(case["delay_n"]) or 0,
        bool(case["exempt"]),
        bool(case["suspended"]),
    )


class Casework(RuleBasedStateMachine):
    cases = Bundle("cases")

    @initialize()
    def open(self):
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = gk.Ledger(Path(self.folder.name) / "c.gpkg", crs=made.CRS)
        self.models, self.now = {}, START

    def teardown(self):
        if not hasattr(self, "ledger"):
            return
        try:
            assert self.ledger.verify()["severity"].eq("ok").all()
            one, other = (pd.DataFrame(f) for f in (self.ledger.replay(), self.ledger.cases()))
            pd.testing.assert_frame_equal(one, other)
        finally:
            self.ledger.close()
            self.folder.cleanup()

    @rule(target=cases)
    def file(self):
        number = len(self.models)
        (case,) = self.ledger.file(made.reports(1, first=number)).case_ids
        self.models[case] = Model()
        return case

    @rule(
        case=cases,
        action=st.sampled_from([*ROADS, *["accept", "file", "dispatch", "dispose"] * 4]),
        minutes=st.sampled_from([1, 10, 45, 200]),
        pause=st.sampled_from([30, 600, 600_000]),
    )
    def move(self, case, action, minutes, pause):
        self.now += pd.Timedelta(minutes=minutes)
        everything = {
            "responsible_unit": f"单位{minutes}",
            "duplicate_of": "C999",
            "cell_code": f"B{minutes}",
            "handler_id": "P7",
            "suspended_until": self.now + pd.Timedelta(minutes=pause),
            "reason": "理由",
        }
        needs = self.ledger.process.actions[action].needs
        details = {need: everything[need] for need in needs}
        model = self.models[case]
        options = {"at": self.now, "actor": "P1", "version": model.version, **details}
        if model.refuses(action, self.now, details):
            with pytest.raises(MoveError):
                self.ledger.move(case, action, **options)
        else:
            self.ledger.move(case, action, **options)
            model.do(action, self.now, details)

    @rule(case=cases)
    def stale(self, case):
        version = self.models[case].version - 1
        with pytest.raises(ConflictError):
            self.ledger.move(case, "escalate", at=self.now, actor="P1", version=version)

    @rule(case=cases)
    def file_again(self, case):
        filed = self.ledger.file(made.reports(1, first=int(case.removeprefix("C"))))
        assert (filed.new, filed.known) == (0, 1)

    @invariant()
    def table_and_model_agree(self):
        if not hasattr(self, "ledger"):
            return
        cases = self.ledger.cases().set_index("case_id")
        assert set(cases.index) == set(self.models)
        for case, model in self.models.items():
            assert shown(cases.loc[case]) == model.seen()


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def run(examples):
    options = settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=QUIET,
    )
    run_state_machine_as_test(Casework, settings=options)


def test_the_model_the_table_and_the_replay_agree():
    run(10)


def without_version(self, case_id, action, **options):
    options.pop("version", None)
    return PLAIN_MOVE(self, case_id, action, **options)


PLAIN_MOVE = ledgers.Ledger.move
PLAIN_CHANGE = Store.change_case
PLAIN_ADD = Store.add_moves


def wrong_stage(self, db, case_id, version, values, point=None):
    PLAIN_CHANGE(self, db, case_id, version, {**values, "stage": "filed"}, point)


def forgets_moves(self, db, moves):
    PLAIN_ADD(self, db, [m for m in moves if m[3] != "accept"])


def forgets_the_head(self, db, moves):
    PLAIN_ADD(self, db, moves)
    db.execute("UPDATE ledger SET value=? WHERE item='head'", ("0" * 64,))


MUTANTS = {
    "no version check": (ledgers.Ledger, "move", without_version),
    "wrong stage": (Store, "change_case", wrong_stage),
    "forgets a move": (Store, "add_moves", forgets_moves),
    "forgets the head": (Store, "add_moves", forgets_the_head),
    "doubles reports": (
        importlib.import_module("gridkit.casework.filing"),
        "_known",
        lambda store, keys: {},
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_faults_of_the_store_are_caught(monkeypatch, name):
    monkeypatch.setattr(*MUTANTS[name])
    with pytest.raises(BaseException):  # noqa: B017, PT011 - whatever hypothesis makes of it
        run(15)
