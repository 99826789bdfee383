"""Who is responsible where ownership is unclear: examples, and a naive reading of the order."""

import numpy as np
import pandas as pd
import pytest

from gridkit import Responsibility, load_responsibility, responsible
from gridkit.errors import OptionError, SchemaError

CELLS = pd.DataFrame(
    {
        "cell_code": ["a", "b", "c"],
        "responsible_unit": ["甲所", "乙所", " "],
        "community_code": ["q1", "q1", "q2"],
        "street_code": "370602001",
    }
)
COMMUNITIES = pd.DataFrame(
    {"cell_code": ["q1", "q2"], "level": "community", "responsible_unit": ["一社区", None]}
)
STREETS = pd.DataFrame(
    {"cell_code": ["370602001"], "level": "street", "responsible_unit": ["东街办"]}
)
AREAS = [CELLS, COMMUNITIES, STREETS]
RULES = Responsibility(
    {
        name: (name, name)
        for name in ("territory", "supervises", "licenses", "benefits", "fallback")
    },
    {
        "E01": {"line": "环卫所", "supervises": "城管"},
        "E0125": {"line": "水务", "supervises": "水务"},
        "E03": {"licenses": "住建"},
    },
)


def ask(*, areas=AREAS, rules=RULES, units=None, **columns):
    n = max(len(v) for v in columns.values())
    located = pd.DataFrame(columns, index=range(5, 5 + n))
    who = responsible(located, areas, rules=rules, units=units, lang="en")
    assert who.index.equals(located.index)
    return who


def test_territory_decides_where_it_is_clear():
    who = ask(cell_code=["a"], category=["E0125"], supervises=["别所"])
    assert who.drop(columns="reason").to_numpy().tolist() == [["甲所", "水务", "territory"]]


def border(ambiguous, other):
    return {
        "cell_code": "a",
        "category": "",
        "ambiguous": ambiguous,
        "alt_cell_code": other,
    }


@pytest.mark.parametrize(
    ("report", "unit", "ground"),
    [
        ({"cell_code": "c", "category": "E0101"}, "城管", "supervises"),
        ({"cell_code": "c", "category": "E0125"}, "水务", "supervises"),
        ({"cell_code": "c", "category": "E0301"}, "住建", "licenses"),
        ({"cell_code": "c", "category": "E0301", "supervises": "市场办"}, "市场办", "supervises"),
        ({"cell_code": "c", "category": "E0401", "benefits": "商场"}, "商场", "benefits"),
        ({"cell_code": "c", "category": "E0401"}, "东街办", "fallback"),
        ({"cell_code": None, "category": "E0401"}, None, ""),
        ({"cell_code": None, "category": "E0401", "community_code": "q1"}, "一社区", "fallback"),
        ({"cell_code": None, "category": "E0101"}, "城管", "supervises"),
        (
            {"cell_code": "a", "category": "", "ambiguous": True, "alt_cell_code": "b"},
            "一社区",
            "fallback",
        ),
        (
            {"cell_code": "a", "category": "", "ambiguous": False, "alt_cell_code": "b"},
            "甲所",
            "territory",
        ),
        (
            {"cell_code": "a", "category": "", "ambiguous": True, "alt_cell_code": "c"},
            "甲所",
            "territory",
        ),
    ],
)
def test_the_order_of_grounds(report, unit, ground):
    who = ask(**{k: [v] for k, v in report.items()}).iloc[0]
    assert (None if pd.isna(who["responsible_unit"]) else who["responsible_unit"]) == unit
    assert who["ground"] == ground
    assert who["reason"]


def test_kinds_become_units():
    units = pd.DataFrame(
        {
            "unit_code": ["370602001U1", "370602002U1", "X"],
            "name": ["东街城管", "西街城管", "区水务局"],
            "kind": ["城管", "城管", "水务"],
        }
    )
    who = ask(cell_code=["c", "c", None], category=["E0101", "E0125", "E0101"], units=units)
    assert who["responsible_unit"].tolist() == ["东街城管", "区水务局", "城管"]


def test_the_sample_rules_name_a_department_for_every_category():
    from gridkit import load_categories

    rules = load_responsibility()
    ours = [code for code in load_categories() if not code.startswith(("C05", "E06"))]
    assert all(rules.named(code, "line") for code in ours)


def by_hand(row):
    unit = {"a": "甲所", "b": "乙所"}
    cell = row["cell_code"]
    if cell in unit:
        other = unit.get(row["alt_cell_code"])
        if not (row["ambiguous"] and other and other != unit[cell]):
            return unit[cell], "territory"
    for ground in ("supervises", "licenses", "benefits"):
        if isinstance(row[ground], str):
            return row[ground], ground
        code = row["category"]
        for start in ("E0125", "E01", "E03"):
            if code.startswith(start) and ground in RULES.lines[start]:
                return RULES.lines[start][ground], ground
    if cell in ("a", "b"):
        return "一社区", "fallback"
    return ("东街办", "fallback") if cell == "c" else (None, "")


@pytest.mark.parametrize("seed", range(5))
def test_random_reports_against_a_reading_by_hand(seed):
    rng = np.random.default_rng(seed)
    n = 200

    def draw(values, share=1.0):
        return [v if rng.random() < share else None for v in rng.choice(values, n)]

    located = pd.DataFrame(
        {
            "cell_code": draw(["a", "b", "c"], 0.9),
            "alt_cell_code": draw(["a", "b", "c"], 0.8),
            "ambiguous": rng.random(n) < 0.5,
            "category": draw(["E0101", "E0125", "E0301", "E0401", ""]),
            "supervises": draw(["s"], 0.1),
            "licenses": draw(["l"], 0.1),
            "benefits": draw(["b"], 0.1),
        }
    )
    who = responsible(located, AREAS, rules=RULES)
    for i, row in located.iterrows():
        unit = who.loc[i, "responsible_unit"]
        assert (None if pd.isna(unit) else unit, who.loc[i, "ground"]) == by_hand(row), row


def test_refusals():
    with pytest.raises(SchemaError, match="cell_code"):
        responsible(pd.DataFrame({"x": [1]}), AREAS)
    with pytest.raises(SchemaError, match="responsible_unit"):
        responsible(pd.DataFrame({"cell_code": ["a"]}), CELLS[["cell_code"]])
    turned = Responsibility({"fallback": ("", ""), "territory": ("", "")}, {})
    with pytest.raises(OptionError, match="territory"):
        responsible(pd.DataFrame({"cell_code": ["a"]}), AREAS, rules=turned)
