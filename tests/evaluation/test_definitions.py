"""The page of definitions is true: each count and rate stands there, and each example is right."""

import re
from pathlib import Path

import pytest

import gridkit as gk

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text("utf-8").splitlines()
    if line.startswith("| ")
]


@pytest.mark.parametrize(
    "indicator", [i for i in gk.load_indicators().indicators if i.denominator], ids=lambda i: i.name
)
def test_every_rate_stands_on_the_page(indicator):
    row = next(row for row in ROWS if row[0] == indicator.zh)
    assert row[1:5] == [
        f"`{indicator.name}`", f"`{indicator.numerator}`", f"`{indicator.denominator}`",
        indicator.better,
    ]  # fmt: skip
    above, below, printed = re.fullmatch(r"([\d,]+) / ([\d,]+) = ([\d.]+%)", row[5]).groups()
    above, below = (int(n.replace(",", "")) for n in (above, below))
    assert gk.percent(above, below) == printed


@pytest.mark.parametrize("count", gk.load_indicators().counts, ids=lambda c: c.name)
def test_every_count_stands_on_the_page(count):
    row = next(row for row in ROWS if row[0] == f"`{count.name}`")
    for column in (count.when, count.done, count.flag):
        assert not column or f"`{column}`" in row[1]
    assert row[2] == (", ".join(count.leaves_out) or "–")
