"""Made histories of posts, and an answer by hand for one place at one minute.

Nothing here uses the code that it judges: days, slots, leave and the climb are read anew, one
question at a time.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridkit.rules import Role

TZ = "Asia/Shanghai"
RULES = {
    "officer": Role("officer", "民警", "officer", 9, "", "", "", (), supervisor="chief"),
    "cleaner": Role("cleaner", "保洁员", "cleaner", 9, "", "", "", ()),
    "chief": Role("chief", "长", "chief", 9, "", "", "", ()),
}
LEVELS = ["cell", "duty_cell", "community", "street"]
HOLIDAYS = {dt.date(2025, 10, d) for d in range(1, 9)}
SWAPPED = {dt.date(2025, 9, 28), dt.date(2025, 10, 11)}
SLOTS = {
    "": ("daily", 0, 1440),
    "08:00-18:00": ("daily", 480, 1080),
    "22:00-06:00": ("daily", 1320, 1800),
    "工作日 08:00-12:00;工作日 14:00-18:00": ("workdays", 480, 720, 840, 1080),
    "工作日 18:00-08:00": ("workdays", 1080, 1920),
    "休息日": ("days_off", 0, 1440),
    "周末 20:00-04:00": ("weekends", 1200, 1680),
    "节假日 06:00-06:30": ("holidays", 360, 390),
    "周一、三、五 00:00-24:00": ("odd", 0, 1440),
}


@dataclass(frozen=True)
class World:
    posts: pd.DataFrame
    located: pd.DataFrame
    areas: list
    roster: pd.DataFrame
    absences: pd.DataFrame


def _day(text_or_day, default):
    return default if pd.isna(text_or_day) else pd.Timestamp(text_or_day).date()


def made_world(seed, *, places):
    rng = np.random.default_rng(seed)
    people = [f"p{i:02}" for i in range(14)]
    cells = [f"c{i}" for i in range(4)]
    first = dt.date(2025, 9, 20)

    def person(share):
        return people[rng.integers(len(people))] if rng.random() < share else None

    posts = []
    targets = [("cell", c) for c in cells] + [("duty_cell", "d0"), ("community", "q0")]
    targets += [("community", "q1"), ("street", "s0")]
    for level, code in targets:
        for role in RULES:
            if rng.random() < 0.3:
                continue
            for slot in rng.choice(list(SLOTS), rng.integers(1, 3), replace=False):
                day = None if rng.random() < 0.5 else first + dt.timedelta(int(rng.integers(6)))
                while day is None or day < dt.date(2025, 10, 20):
                    end = (day or first) + dt.timedelta(int(rng.integers(2, 25)))
                    end = None if rng.random() < 0.3 else end
                    posts.append(
                        {
                            "level": level,
                            "area_code": code,
                            "role": role,
                            "slot": slot or None,
                            "person_id": person(0.9),
                            "backup_id": person(0.4),
                            "valid_from": day,
                            "valid_to": end,
                        }
                    )
                    if end is None:
                        break
                    day = end + dt.timedelta(int(rng.integers(0, 3)))
    roster = pd.DataFrame(
        {
            "person_id": people,
            "role": "officer",
            "backup_id": [person(0.6) for _ in people],
            "leave": [
                f"2025-09-{rng.integers(20, 31)}/2025-10-{rng.integers(1, 20):02}"
                if rng.random() < 0.3
                else None
                for _ in people
            ],
            "valid_from": [
                first + dt.timedelta(int(rng.integers(20))) if rng.random() < 0.15 else None
                for _ in people
            ],
            "valid_to": [
                dt.date(2025, 10, 5) + dt.timedelta(int(rng.integers(15)))
                if rng.random() < 0.15
                else None
                for _ in people
            ],
        }
    )
    begin = pd.Timestamp("2025-09-21", tz=TZ)
    start = [begin + pd.Timedelta(minutes=int(m)) for m in rng.integers(0, 26 * 1440, 12)]
    absences = pd.DataFrame(
        {
            "person_id": [people[i] for i in rng.integers(0, len(people), 12)],
            "from_at": start,
            "to_at": [
                s + pd.Timedelta(minutes=int(m))
                for s, m in zip(start, rng.integers(30, 9000, 12), strict=True)
            ],
            "substitute_id": [person(0.5) for _ in range(12)],
        }
    ).drop_duplicates("person_id")
    minutes = rng.integers(0, 27 * 1440, places)
    minutes[: places // 3] = minutes[: places // 3] // 30 * 30
    located = pd.DataFrame(
        {
            "report_id": [f"r{i}" for i in range(places)],
            "cell_code": [cells[i] if i >= 0 else None for i in rng.integers(-1, 4, places)],
            "reported_at": [begin + pd.Timedelta(minutes=int(m)) for m in minutes],
        }
    )
    table = pd.DataFrame(
        {
            "cell_code": cells,
            "duty_code": ["d0", "d0", None, None],
            "community_code": ["q0", "q0", "q1", "q1"],
        }
    )
    communities = pd.DataFrame({"community_code": ["q0", "q1"], "street_code": ["s0", "s0"]})
    return World(pd.DataFrame(posts), located, [table, communities], roster, absences)


def _text(value):
    return "" if pd.isna(value) else value


def _begins(kind, day):
    holiday, swapped = day in HOLIDAYS, day in SWAPPED
    worked = (day.weekday() < 5 and not holiday) or swapped
    return {
        "daily": True,
        "workdays": worked,
        "days_off": not worked,
        "weekends": day.weekday() >= 5 and not worked,
        "holidays": holiday,
        "odd": day.weekday() in (0, 2, 4),
    }[kind]


def _on(slot, begun, day, minute):
    """The day on which the slot began that covers a minute, if it may begin on it; else None."""
    kind, *edges = SLOTS[_text(slot)]
    for back in (0, 1):
        start_day = day - dt.timedelta(back)
        if not begun(start_day) or not _begins(kind, start_day):
            continue
        m = minute + 1440 * back
        if any(a <= m < b for a, b in zip(edges[::2], edges[1::2], strict=True)):
            return start_day
    return None


def _away(world, person, when, day):
    """Whether somebody is away from a slot of a day, and the substitute named for it."""
    row = world.roster.set_index("person_id").loc[person]
    away, named = False, None
    if not pd.isna(row["leave"]):
        a, b = (dt.date.fromisoformat(x) for x in row["leave"].split("/"))
        away |= a <= day <= b
    away |= day < _day(row["valid_from"], dt.date.min)
    away |= day >= _day(row["valid_to"], dt.date.max)
    for absence in world.absences[world.absences["person_id"] == person].itertuples():
        end = when + dt.timedelta(1) if pd.isna(absence.to_at) else absence.to_at.floor("min")
        if absence.from_at.floor("min") <= when < end:
            away = True
            named = None if pd.isna(absence.substitute_id) else absence.substitute_id
    return away, named


def _serving(world, post, when, day):
    """Who serves in a post, and how."""
    own = world.roster.set_index("person_id")["backup_id"]
    person = None if pd.isna(post.person_id) else post.person_id
    away, named = _away(world, person, when, day) if person else (True, None)
    if not away:
        return person, "own"
    starts = [(named, "substitute")]
    starts.append((None if pd.isna(post.backup_id) else post.backup_id, "backup"))
    if person is not None:
        starts.append((None if pd.isna(own[person]) else own[person], "backup"))
    for first, how in starts:
        asked, standing = set(), first
        while standing is not None and standing not in asked:
            away, named = _away(world, standing, when, day)
            if not away:
                return standing, how
            asked.add(standing)
            standing = named or (None if pd.isna(own[standing]) else own[standing])
    return None, "nobody"


def who_by_hand(world, place, role):
    """(person, level, area, via) for one located report and one role."""
    nobody = (None, None, None, "nobody")
    if pd.isna(place["cell_code"]):
        return nobody
    cell = world.areas[0].set_index("cell_code").loc[place["cell_code"]]
    ladder = [("cell", place["cell_code"])]
    if not pd.isna(cell["duty_code"]):
        ladder.append(("duty_cell", cell["duty_code"]))
    ladder += [("community", cell["community_code"]), ("street", "s0")]
    when = place["reported_at"]
    day, minute = when.date(), when.hour * 60 + when.minute
    command = ["officer", "chief"] if role == "officer" else [role]
    for level, code in ladder:
        for asked in command:
            here = world.posts[
                (world.posts["level"] == level)
                & (world.posts["area_code"] == code)
                & (world.posts["role"] == asked)
            ]
            rows = sorted(
                here.itertuples(),
                key=lambda p: (
                    pd.isna(p.slot),
                    "" if pd.isna(p.slot) else p.slot,
                    _day(p.valid_from, dt.date.min),
                ),
            )
            for row in rows:
                since = _day(row.valid_from, dt.date.min)
                until = _day(row.valid_to, dt.date.max)
                began = _on(row.slot, lambda d, a=since, b=until: a <= d < b, day, minute)
                if began is not None:
                    person, via = _serving(world, row, when, began)
                    if person is not None:
                        return person, level, code, via
    return nobody
