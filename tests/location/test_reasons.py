"""Explained answers: every way to be located, in both languages, from every kind of row."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import Point, box

import gridkit as gk
from gridkit.location.reasons import explain

CRS = 4549
WAYS = {
    "deep": Point(50, 50),
    "inside": Point(90, 50),
    "close": Point(99.5, 50),
    "border": Point(100, 50),
    "edge": Point(200, 50),
    "near": Point(230, 50),
    "outside": Point(900, 50),
    "unlocated": Point(),
}


@pytest.fixture
def cells():
    return gpd.GeoDataFrame(
        {"cell_code": ["W1", "E1"], "duty_code": ["D7", "D7"]},
        geometry=[box(0, 0, 100, 100), box(100, 0, 200, 100)],
        crs=CRS,
    )


@pytest.fixture
def rows(cells):
    hostile = ["<script>alert(1)</script>\n=cmd"] * len(WAYS)
    reports = gpd.GeoDataFrame(
        {"report_id": list(WAYS), "text": hostile, "address": hostile, "tags": [["a", "b"]] * 8},
        geometry=list(WAYS.values()),
        crs=CRS,
    )
    return gk.locate(reports, cells)


def row(rows, way):
    return rows[rows["report_id"] == way].iloc[0]


@pytest.mark.parametrize(
    ("way", "wanted"),
    [
        ("deep", ["inside the cell W1", "more than 25 m", "duty cell is D7"]),
        ("inside", ["inside the cell W1", "10.00 m from", "duty cell is D7"]),
        ("close", ["inside the cell W1", "0.50 m from", "runner-up is the cell E1"]),
        ("border", ["border of the cell E1", "east", "north", "runner-up is the cell W1"]),
        ("edge", ["outer edge of the cell E1", "distance 0", "Check the coordinates"]),
        ("near", ["takes the cell E1", "30.00 m away", "Check the coordinates"]),
        ("outside", ["lies in no cell", "datum", "another district"]),
        ("unlocated", ["no coordinates", "address"]),
    ],
)
def test_every_way_is_explained(rows, way, wanted):
    answer = explain(row(rows, way), lang="en")
    for words in wanted:
        assert words in answer
    assert ("runner-up" in answer) == (way in ("close", "border"))
    assert ("duty cell" in answer) == (way not in ("outside", "unlocated"))


def test_the_answers_differ_and_are_told_in_chinese(rows):
    answers = [explain(row(rows, way)) for way in WAYS]
    assert len(set(answers)) == len(WAYS)
    assert all("网格" in answer or "落格" in answer for answer in answers)
    assert "备选网格为 E1" in explain(row(rows, "close"))
    assert "东侧" in explain(row(rows, "border"))


def test_nothing_a_reporter_wrote_is_in_the_answer(rows):
    for _, one in rows.iterrows():
        for lang in ("zh", "en"):
            answer = explain(one, lang=lang)
            assert "script" not in answer
            assert "cmd" not in answer


def test_every_kind_of_row_gives_the_same_answer(rows):
    for named, (_, series) in zip(rows.itertuples(), rows.iterrows(), strict=True):
        answer = explain(series)
        assert explain(named) == answer
        assert explain(series.to_dict()) == answer


def test_a_prefix_and_cells_without_duty(rows, cells):
    reports = rows[["report_id", "geometry"]]
    renamed = gk.locate(reports, cells.drop(columns="duty_code"), prefix="g_")
    answer = explain(row(renamed, "close"), lang="en", prefix="g_")
    assert "runner-up is the cell E1" in answer
    assert "duty" not in answer
    with pytest.raises(gk.SchemaError, match="cell_code"):
        explain(row(renamed, "close"))


def test_nulls_of_every_kind_are_none(rows):
    one = row(rows, "outside").to_dict()
    for null in (None, np.nan, pd.NA):
        one |= {"alt_cell_code": null, "duty_code": null, "cell_code": null, "border_m": null}
        assert explain(one) == explain(row(rows, "outside"))


def test_unusable_input_is_named(rows):
    for wrong in (rows, "W1", None, {"cell_code": "W1"}):
        with pytest.raises(gk.SchemaError, match="not one row of a located table"):
            explain(wrong)
    with pytest.raises(gk.SchemaError, match="by hand"):
        explain({**row(rows, "deep").to_dict(), "located_by": "by hand"})
    with pytest.raises(gk.SchemaError, match="located_by"):
        explain({**row(rows, "deep").to_dict(), "located_by": None})
    with pytest.raises(gk.OptionError, match="lang"):
        explain(row(rows, "deep"), lang="fr")
