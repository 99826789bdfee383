"""Is it fair? Units called in for being last twice running: raw rates beside noise-aware ones.

Made units with true closing rates and numbers of cases as unequal as in real districts. Each month
chance makes the printed rates. Deserving are the units whose true rate is among the worst tenth.
Both rules call in the same share of the deserving (equal detection); counted is who else is
called in.

python benchmarks/bench_ranking.py [--worlds 400] [--units 40]
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

import gridkit as gk


def world(units: int, typical: int, rng: np.random.Generator) -> tuple[np.ndarray, pd.DataFrame]:
    """Make units: who deserves to be called in, and two months of printed rates."""
    true = rng.beta(18, 2, units)
    size = np.clip(np.exp(rng.normal(np.log(typical), 1.2, units)), 3, 3_000).astype(int)
    months = []
    for month in ("2025-05", "2025-06"):
        below = np.maximum(rng.poisson(size), 3)
        above = rng.binomial(below, true)
        months.append(
            pd.DataFrame(
                {
                    "subject_kind": "unit",
                    "subject": [f"U{i:03}" for i in range(units)],
                    "period": month,
                    "indicator": "closing_rate",
                    "numerator": above,
                    "denominator": below,
                    "value": above / below,
                }
            )
        )
    deserving = true <= np.quantile(true, 0.1)
    return deserving, pd.concat(months, ignore_index=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=600)
    parser.add_argument("--units", type=int, default=16)
    args = parser.parse_args()
    for typical in (20, 55):
        compare(args.worlds, args.units, typical)


def compare(worlds: int, units: int, typical: int) -> None:
    """Print who is called in by either rule."""
    rng = np.random.default_rng(0)
    plain, sure, truth = [], [], []
    for _ in range(worlds):
        deserving, scores = world(units, typical, rng)
        fair = gk.rank(scores, "closing_rate", noise_aware=True)
        raw = gk.rank(scores, "closing_rate")
        called = gk.call_in(raw)["subject"]
        names = raw.loc[raw["period"] == "2025-05", "subject"]
        plain.append(names.isin(called).to_numpy())
        both = fair.groupby("subject")["p_last"].min().reindex(names)
        sure.append(both.to_numpy())
        truth.append(deserving)
    called, likely, bad = (np.concatenate(x) for x in (plain, sure, truth))
    hits, wrong = int((called & bad).sum()), int((called & ~bad).sum())
    print(f"{worlds} worlds of {units} units with some {typical} cases, {bad.sum():,} deserving")
    print(f"  last twice running by raw rates: {hits} deserving called in, {wrong} others")
    # The threshold at which as many of the deserving are called in.
    threshold = np.sort(likely[bad])[::-1][hits - 1]
    for least, name in ((threshold, "equal detection"), (0.2, ""), (0.5, ""), (0.8, "")):
        chosen = likely >= least
        right, others = int((chosen & bad).sum()), int((chosen & ~bad).sum())
        told = f"  noise-aware, sure={least:.2f}: {right} deserving called in, {others} others"
        print(told + (f" ({name}: {wrong / max(1, others):.1f} times fewer)" if name else ""))


if __name__ == "__main__":
    main()
