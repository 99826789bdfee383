"""The schemas: what passes, and that each fault is named with its rows."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from gridkit.errors import SchemaError
from gridkit.tables import CASES, CELLS, POSTS, SCORES, TABLES, is_true


def cells(codes=("a", "b")):
    shapes = [box(i, 0, i + 1, 1) for i in range(len(codes))]
    return gpd.GeoDataFrame({"cell_code": list(codes)}, geometry=shapes, crs=4549)


def problem(table, frame):
    with pytest.raises(SchemaError) as caught:
        table.check(frame, source="here")
    return caught.value.en


def test_keys_are_text():
    assert "'cell_code' of table 'cells' must be text; it is int64" in problem(CELLS, cells((1, 2)))
    assert "must be text" in problem(CELLS, cells(("1", 2)))
    CELLS.check(cells().astype({"cell_code": "category"}))
    CELLS.check(cells().assign(name=None, community_code=np.nan))


def test_the_geometry_must_be_active():
    assert "needs a geometry column" in problem(CELLS, pd.DataFrame(cells()))
    assert "needs a geometry column" in problem(CELLS, cells().drop(columns="geometry"))
    CELLS.check(cells().rename_geometry("shape"))


def test_all_faults_at_once():
    posts = pd.DataFrame(
        {"level": "cell", "area_code": ["1", "1", None], "role": "x", "distance_m": ["a", "b", "c"]}
    )
    text = problem(POSTS, posts)
    assert "'area_code' of table 'posts' must not be empty; 1 row(s) are, first at row 2" in text
    assert "'distance_m' of table 'posts' must be a number" in text
    assert "cell/1/x (rows 0, 1)" in text
    assert "level, area_code, role" in problem(POSTS, pd.DataFrame())


@pytest.mark.parametrize(
    ("column", "values", "wanted"),
    [
        ("rework_n", [1.5, 2], "a whole number"),
        ("voided", ["no", "yes"], "true/false"),
        ("filed_at", pd.to_datetime(["2025-01-01", "2025-01-02"]), "a time with zone"),
    ],
)
def test_types(column, values, wanted):
    frame = pd.DataFrame({"case_id": ["1", "2"], "stage": "filed", column: values})
    assert f"'{column}' of table 'cases' must be {wanted}" in problem(CASES, frame)
    CASES.check(frame.assign(**{column: None}))


def test_kinds_are_named_in_each_language():
    with pytest.raises(SchemaError) as caught:
        CELLS.check(cells((1, 2)))
    assert "应为文本" in caught.value.zh


def test_headers_are_different_in_each_table():
    for table in TABLES.values():
        assert len(set(table.labels("zh").values())) == len(table.columns)
    assert SCORES.labels("en")["value"] == "value"


@pytest.mark.parametrize("dtype", [object, "boolean", "Int64", "float64"])
def test_is_true(dtype):
    assert is_true(pd.Series([True, False, None], dtype=dtype)).tolist() == [True, False, False]
