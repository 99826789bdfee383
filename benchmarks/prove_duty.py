"""Random histories against a naive replay, many more than the tests take.

python benchmarks/prove_duty.py [answers]
"""

import importlib.util
import sys
from pathlib import Path

import gridkit as gk

REPLAY = Path(__file__).parents[1] / "tests" / "staffing" / "replay.py"


def main():
    spec = importlib.util.spec_from_file_location("replay", REPLAY)
    replay = importlib.util.module_from_spec(spec)
    sys.modules["replay"] = replay
    spec.loader.exec_module(replay)
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    done = wrong = seed = 0
    while done < wanted:
        world = replay.made_world(10_000 + seed, places=150)
        people = {"roster": world.roster, "absences": world.absences, "rules": replay.RULES}
        who = gk.on_duty(world.posts, world.located, areas=world.areas, **people)
        told = who[["person_id", "level", "area_code", "via"]].astype(object)
        told = told.where(told.notna(), None)
        roles = who["role"].nunique()
        for i, role in enumerate(who["role"]):
            by_hand = replay.who_by_hand(world, world.located.iloc[i // roles], role)
            if tuple(told.iloc[i]) != by_hand:
                wrong += 1
                print("seed", 10_000 + seed, "row", i, tuple(told.iloc[i]), by_hand)
        done += len(who)
        seed += 1
    print(f"{done:,} answers in {seed:,} histories: {wrong} differ from the replay")
    raise SystemExit(wrong > 0)


if __name__ == "__main__":
    main()
