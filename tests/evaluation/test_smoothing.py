"""Rates of small cells: the likeliest prior, the interval, and nearer the truth."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gridkit as gk
from gridkit.evaluation.smoothing import gamma_prior


def made(n=300, seed=0):
    rng = np.random.default_rng(seed)
    base = np.round(np.exp(rng.normal(3.5, 1.2, n))) + 1
    true = rng.gamma(4.0, 0.03, n)
    return pd.Series(rng.poisson(true * base)), pd.Series(base), true


def test_the_prior_is_the_likeliest_one():
    """Against scipy's negative binomial, looked for on a grid."""
    counts, base, _ = made()
    x, e = counts.to_numpy(float), base.to_numpy()
    shape, rate = gamma_prior(x, e)
    mean = (x.sum() + 0.5) / e.sum()
    assert shape / rate == pytest.approx(mean)
    shapes = np.exp(np.linspace(np.log(0.05), np.log(500), 3_000))
    likely = [
        stats.nbinom(s, (s / mean) / (s / mean + e)).logpmf(x.astype(int)).sum() for s in shapes
    ]
    assert shape == pytest.approx(shapes[int(np.argmax(likely))], rel=0.01)


def test_smoothed_rates_are_nearer_the_truth():
    errors = []
    for seed in range(5):
        counts, base, true = made(seed=seed)
        found = gk.smooth_rates(counts, base, per=1)
        small = (base < 30).to_numpy()
        raw, smooth = ((found[c] - true)[small] ** 2 for c in ("rate", "smoothed"))
        errors.append(smooth.mean() / raw.mean())
        inside = (found["low"] <= true) & (true <= found["high"])
        assert 0.85 < inside.mean() < 0.95
    assert max(errors) < 0.5


def test_laws():
    counts, base, _ = made(60)
    found = gk.smooth_rates(counts, base)
    pooled = 100 * (counts.sum() + 0.5) / base.sum()
    between = np.sign(found["smoothed"] - found["rate"]) * np.sign(pooled - found["smoothed"])
    assert (between >= 0).all()  # each is drawn towards the mean, and not beyond
    assert (found["low"] <= found["smoothed"]).all()
    assert (found["smoothed"] <= found["high"]).all()
    per_one = gk.smooth_rates(counts, base, per=1)
    assert (100 * per_one).to_numpy() == pytest.approx(found.to_numpy())


def test_no_base_no_rate_and_alike_cells():
    found = gk.smooth_rates(pd.Series([3, 0, 5]), pd.Series([10, 0, 20]))
    assert found.iloc[1].isna().all()
    alike = gk.smooth_rates(pd.Series([10] * 8), pd.Series([100] * 8))
    assert alike["smoothed"].to_numpy() == pytest.approx(10, abs=0.1)
    zero = gk.smooth_rates(pd.Series([0, 0]), pd.Series([5, 500]))
    assert (zero["smoothed"] > 0).all()
    one = gk.smooth_rates(pd.Series([4]), pd.Series([40]))
    assert one["rate"].iloc[0] == 10


def test_bad_input():
    counts, base, _ = made(5)
    with pytest.raises(gk.SchemaError, match="indexes"):
        gk.smooth_rates(counts, base.set_axis(list("abcde")))
    for wrong in (-1, np.nan, np.inf):
        with pytest.raises(gk.SchemaError, match="look at 2"):
            gk.smooth_rates(counts.astype(float).where(counts.index != 2, wrong), base)
    for options in ({"per": 0}, {"level": 1.5}):
        with pytest.raises(gk.OptionError):
            gk.smooth_rates(counts, base, **options)
    with pytest.raises(gk.OptionError, match="No cell has a base"):
        gk.smooth_rates(counts, base * 0)
