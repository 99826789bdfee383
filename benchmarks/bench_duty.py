"""Who is on duty at a million places and minutes, against a join with pandas.

python benchmarks/bench_duty.py [places]
"""

import sys
import time

import numpy as np
import pandas as pd

import gridkit as gk

CELLS, ROLES = 7_840, ["officer", "cleaner", "cadre", "volunteer"]
TZ = "Asia/Shanghai"


def made(places, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.array([f"3706020010{i // 100:03}{i % 100:02}" for i in range(CELLS)])
    cells = pd.DataFrame({"cell_code": codes, "community_code": [c[:12] for c in codes]})
    slots = {
        "officer": ["08:00-20:00", "20:00-08:00"],
        "cleaner": ["06:00-14:00", "14:00-22:00"],
        "cadre": ["工作日 08:00-12:00;工作日 14:00-18:00"],
        "volunteer": [None],
    }
    rows = []
    for role in ROLES:
        for slot in slots[role]:
            who = rng.integers(0, 3_000, CELLS)
            rows.append(
                pd.DataFrame(
                    {
                        "level": "cell",
                        "area_code": codes,
                        "role": role,
                        "slot": slot,
                        "person_id": [f"{role}{i:04}" for i in who],
                    }
                )
            )
    above = pd.DataFrame({"area_code": cells["community_code"].unique(), "level": "community"})
    rows.append(above.assign(role="cadre", slot="", person_id="chief"))
    posts = pd.concat(rows, ignore_index=True).astype({"slot": "str"})
    people = posts["person_id"].drop_duplicates().sort_values().reset_index(drop=True)
    roster = pd.DataFrame({"person_id": people, "role": "x"})
    roster["backup_id"] = people.shift(1).fillna(people.iloc[-1])
    leave = [f"2026-0{m}-01/2026-0{m}-07" for m in rng.integers(1, 10, len(people))]
    roster["leave"] = np.where(rng.random(len(people)) < 0.1, leave, None)
    minutes = rng.integers(0, 365 * 1440, places)
    times = pd.Timestamp("2026-01-01", tz=TZ) + pd.to_timedelta(minutes, unit="min")
    located = pd.DataFrame({"cell_code": codes[rng.integers(0, CELLS, places)]})
    return posts, cells, roster, located.assign(reported_at=times)


def naive(posts, located, role):
    """A join of the posts of one role and a filter by plain hours: no days, leave or levels."""
    own = posts[(posts["role"] == role) & (posts["level"] == "cell")]
    pairs = located.reset_index().merge(own, left_on="cell_code", right_on="area_code")
    minute = pairs["reported_at"].dt.hour * 60 + pairs["reported_at"].dt.minute
    hours = pairs["slot"].str.extract(r"(\d\d):(\d\d)-(\d\d):(\d\d)").fillna(0).astype(int)
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    end = end.where(end > start, end + 1440)
    on = ((start <= minute) & (minute < end)) | (minute + 1440 < end)
    return pairs[on].drop_duplicates("index").set_index("index")["person_id"]


def timed(work):
    work()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def main():
    places = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    posts, cells, roster, located = made(places)
    print(f"{places:,} places, {len(posts):,} posts, {len(roster):,} people")
    own = timed(lambda: gk.on_duty(posts, located, areas=cells, roster=roster, roles=["officer"]))
    every = timed(lambda: gk.on_duty(posts, located, areas=cells, roster=roster))
    plain = timed(lambda: naive(posts, located, "officer"))
    print(f"{'':34}{'CPU s':>8}{'wall s':>8}")
    for name, (cpu, wall) in (
        ("on_duty, officer", own),
        ("on_duty, four roles", every),
        ("pandas join, officer, hours only", plain),
    ):
        print(f"{name:34}{cpu:8.2f}{wall:8.2f}")
    print(f"ratio of the join to on_duty, one role: {plain[0] / own[0]:.1f} x CPU")


if __name__ == "__main__":
    main()
