"""Editions: each verdict red and green, every row counted once, dirty columns."""

import geopandas as gpd
import geopandas.testing
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point, box

import gridkit as gk
from gridkit.location.editions import check_edition

CRS = 4549
SIZE = 300.0
COUNTS = ["unstated", "unplaced", "agree", "near", "unknown", "far"]


def lattice(n=4, shift=0.0, codes=None):
    """Return n × n square cells with codes 0101, 0102 …, moved east by `shift` metres."""
    corners = [(i * SIZE + shift, j * SIZE) for j in range(n) for i in range(n)]
    names = codes or [f"{j + 1:02d}{i + 1:02d}" for j in range(n) for i in range(n)]
    shapes = [box(x, y, x + SIZE, y + SIZE) for x, y in corners]
    return gpd.GeoDataFrame({"cell_code": names}, geometry=shapes, crs=CRS)


def points(n=2000, seed=0, side=4 * SIZE):
    """Return reports at random places well inside a lattice."""
    xy = np.random.default_rng(seed).uniform(100, side - 100, (n, 2))
    ids = [str(i) for i in range(n)]
    return gpd.GeoDataFrame({"report_id": ids}, geometry=shapely.points(xy), crs=CRS)


def by(reports, cells):
    """Return the area of each report by another set of cells: what a publisher would write."""
    return gk.locate(reports, cells, near_m=1000.0)["cell_code"].to_numpy()


def located(stated, cells=None, reports=None):
    cells = lattice() if cells is None else cells
    reports = points() if reports is None else reports
    return gk.locate(reports.assign(area=stated), cells), cells


def small(*values, codes=("01", "02")):
    """Return one report in the first of two cells for each value, and the cells."""
    cells = lattice(2).iloc[:2].assign(cell_code=list(codes))
    ids = [str(i) for i in range(len(values))]
    where = [Point(100, 100)] * len(values)
    reports = gpd.GeoDataFrame({"report_id": ids, "area": values}, geometry=where, crs=CRS)
    return gk.locate(reports, cells), cells


def counts(edition):
    return {name: getattr(edition, name) for name in COUNTS if getattr(edition, name)}


@pytest.mark.parametrize("measured", [True, False])
def test_the_same_edition_is_silent(measured):
    reports = points()
    rows, cells = located(by(reports, lattice()), reports=reports)
    edition = check_edition(rows, "area", cells=cells if measured else None)
    assert edition.verdict == "same"
    assert counts(edition) == {"agree": 2000}
    assert edition.odd_share == 0
    assert edition.differences.empty


@pytest.mark.parametrize("measured", [True, False])
def test_noise_at_borders_is_silent(measured):
    """The publisher's borders lie 8 m beside ours: many rows differ, none by an edition."""
    reports = points()
    rows, cells = located(by(reports, lattice(shift=8.0)), reports=reports)
    edition = check_edition(rows, "area", cells=cells if measured else None)
    assert edition.near > 20
    assert (edition.unknown, edition.far) == (0, 0)
    assert edition.verdict == "same"
    assert set(edition.differences["kind"]) == {"near"}
    assert check_edition(rows, "area", cells=cells, within_m=2.0).verdict == "different"


@pytest.mark.parametrize("measured", [True, False])
def test_a_shifted_edition_is_told(measured):
    reports = points()
    rows, cells = located(by(reports, lattice(shift=80.0)), reports=reports)
    edition = check_edition(rows, "area", cells=cells if measured else None)
    assert edition.verdict == "different"
    assert edition.far > 200
    assert edition.unknown == 0
    assert "different edition" in edition.text("en")
    assert "版本不同" in edition.text()


def test_far_and_near_are_as_measured_one_by_one():
    reports = points(400)
    rows, cells = located(by(reports, lattice(shift=40.0)), reports=reports)
    edition = check_edition(rows, "area", cells=cells, within_m=15.0)
    shape = dict(zip(cells["cell_code"], cells.geometry, strict=True))
    away = [shape[a].distance(p) for a, p in zip(rows["area"], rows.geometry, strict=True)]
    apart = (rows["area"] != rows["cell_code"]).to_numpy()
    assert edition.near == (apart & (np.array(away) <= 15)).sum() > 0
    assert edition.far == (apart & (np.array(away) > 15)).sum() > 0


def test_swapped_names_are_far_although_every_code_is_known():
    cells = lattice()
    renamed = cells.assign(cell_code=cells["cell_code"].to_numpy()[::-1])
    reports = points()
    rows, _ = located(by(reports, renamed), reports=reports)
    edition = check_edition(rows, "area", cells=cells)
    assert edition.verdict == "different"
    assert edition.far > 1900


@pytest.mark.parametrize("measured", [True, False])
def test_renumbered_codes_are_told(measured):
    reports = points()
    codes = [f"9{code}" for code in lattice()["cell_code"]]
    rows, cells = located(by(reports, lattice(codes=codes)), reports=reports)
    edition = check_edition(rows, "area", cells=cells if measured else None)
    assert edition.verdict == "different"
    assert counts(edition) == {"unknown": 2000}
    assert "code that no cell has" in edition.text("en")
    first = edition.differences.iloc[0]
    assert first["stated"] == f"9{first['cell_code']}"
    assert edition.differences["rows"].sum() == 2000


def test_one_area_that_was_split_is_told():
    """Fifteen areas in sixteen are as before, one has another number."""
    reports = points()
    stated = by(reports, lattice())
    stated[stated == "0202"] = "0299"
    rows, cells = located(stated, reports=reports)
    edition = check_edition(rows, "area", cells=cells)
    assert edition.verdict == "different"
    assert edition.differences[["stated", "cell_code", "kind"]].to_numpy().tolist() == [
        ["299", "0202", "unknown"]
    ]


def test_differences_come_most_frequent_first():
    rows, cells = small(*["2"] * 5 + ["9"] * 7 + ["8"] * 5 + ["1"] * 20)
    table = check_edition(rows, "area", cells=cells).differences
    assert table.to_numpy().tolist() == [
        ["9", "01", "unknown", 7],
        ["2", "01", "far", 5],
        ["8", "01", "unknown", 5],
    ]


def test_the_limit_is_the_share_given():
    values = ["01"] * 980 + ["03"] * 11 + ["02"] * 9
    rows, cells = small(*values)
    assert check_edition(rows, "area", cells=cells).odd_share == 0.02
    assert check_edition(rows, "area", cells=cells).verdict == "different"
    assert check_edition(rows, "area", cells=cells, limit_share=0.02).verdict == "same"


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (["01"] * 99, "unclear"),
        (["01"] * 100, "same"),
        (["01"] * 99 + ["02"], "same"),
        (["01"] * 20 + ["02"] * 2, "unclear"),
        (["01"] * 20 + ["02"] * 3, "different"),
        ([None] * 500, "unclear"),
    ],
)
def test_too_few_rows_decide_nothing(values, verdict):
    rows, cells = small(*values)
    edition = check_edition(rows, "area", cells=cells)
    assert edition.verdict == verdict
    word = {"unclear": "too few", "same": "same edition", "different": "different edition"}
    expected = word[verdict] if edition.compared else "no row can be compared"
    assert expected in edition.text("en")


@pytest.mark.parametrize("value", [1, 1.0, np.int64(1), "1", "01", " 0001 ", "1.0", "１"])
def test_ways_to_write_a_code(value):
    rows, cells = small(value)
    assert counts(check_edition(rows, "area", cells=cells)) == {"agree": 1}


@pytest.mark.parametrize(
    "value",
    [None, np.nan, pd.NA, "", "  ", 0, 0.0, "0", "000", "0.0", "-", "n/a", "未知", "不详", "无"],
)
def test_empty_values_say_nothing(value):
    rows, cells = small(value)
    assert counts(check_edition(rows, "area", cells=cells)) == {"unstated": 1}


@pytest.mark.parametrize("value", ["Unspecified QUEENS", "0 Unspecified", "UNKNOWN", "somewhere"])
def test_words_say_nothing_where_codes_have_digits(value):
    rows, cells = small(value)
    assert counts(check_edition(rows, "area", cells=cells)) == {"unstated": 1}


@pytest.mark.parametrize("value", ["99", 77.0, "1.5", "1A", -1])
def test_other_values_are_unknown_codes(value):
    rows, cells = small(value)
    assert counts(check_edition(rows, "area", cells=cells)) == {"unknown": 1}


def test_a_column_of_whole_numbers_with_gaps():
    rows, cells = small(*pd.array([1, None, 0, 2, 5], dtype="Float64"))
    found = counts(check_edition(rows, "area", cells=cells))
    assert found == {"unstated": 2, "agree": 1, "unknown": 1, "far": 1}


def test_codes_that_differ_only_in_zeros_are_taken_as_written():
    rows, cells = small("1", "01", "001", 1.0, codes=("1", "01"))
    found = counts(check_edition(rows, "area", cells=cells))
    assert found == {"agree": 2, "far": 1, "unknown": 1}


def test_names_are_codes_too_and_a_zero_may_be_one():
    rows, cells = small("West", "EAST", "north", "unspecified", codes=("west", "east"))
    found = counts(check_edition(rows, "area", cells=cells))
    assert found == {"agree": 1, "far": 1, "unknown": 1, "unstated": 1}
    rows, cells = small(0, "00", "", codes=("0", "1"))
    assert counts(check_edition(rows, "area", cells=cells)) == {"agree": 2, "unstated": 1}


def test_rows_in_no_cell_are_not_compared():
    cells = lattice(2)
    where = [Point(10, 10), Point(9e5, 9e5), Point(), Point()]
    table = {"report_id": list("abcd"), "area": ["0101", "0101", "0101", None]}
    rows = gk.locate(gpd.GeoDataFrame(table, geometry=where, crs=CRS), cells)
    found = counts(check_edition(rows, "area", cells=cells))
    assert found == {"agree": 1, "unplaced": 2, "unstated": 1}


def test_a_table_without_rows():
    rows, cells = small()
    edition = check_edition(rows, "area", cells=cells)
    assert (edition.rows, edition.compared, edition.verdict) == (0, 0, "unclear")
    assert np.isnan(edition.odd_share)
    assert check_edition(rows, "area").differences.empty


def test_without_cells_a_runner_up_is_near_and_with_them_it_is_measured():
    cells = lattice(2)
    table = {"report_id": ["a"], "area": ["0102"]}
    reports = gpd.GeoDataFrame(table, geometry=[Point(SIZE - 20, 100)], crs=CRS)
    rows = gk.locate(reports, cells, ambiguous_m=22.0)
    assert counts(check_edition(rows, "area")) == {"near": 1}
    assert counts(check_edition(rows, "area", cells=cells)) == {"far": 1}
    rows = gk.locate(reports, cells, ambiguous_m=1.0)
    assert counts(check_edition(rows, "area")) == {"unknown": 1}


def test_prefix_and_repeated_index():
    rows, cells = small("01", "02", "01")
    rows = gk.locate(rows[["report_id", "area", "geometry"]], cells, prefix="g_")
    rows.index = [7, 7, 7]
    for given_cells, apart in ((cells, "far"), (None, "unknown")):
        found = counts(check_edition(rows, "area", cells=given_cells, prefix="g_"))
        assert found == {"agree": 2, apart: 1}


def test_order_of_rows_and_cells_does_not_matter_and_nothing_is_touched():
    reports = points(600)
    rows, cells = located(by(reports, lattice(shift=60.0)), reports=reports)
    before = rows.copy(), cells.copy()
    edition = check_edition(rows, "area", cells=cells)
    mixed = check_edition(
        rows.sample(frac=1, random_state=1), "area", cells=cells.sample(frac=1, random_state=2)
    )
    assert counts(mixed) == counts(edition)
    pd.testing.assert_frame_equal(mixed.differences, edition.differences)
    geopandas.testing.assert_geodataframe_equal(rows, before[0])
    geopandas.testing.assert_geodataframe_equal(cells, before[1])


VALUES = st.sampled_from(["01", "2", 3, 2.0, 0, None, "x", "Unspecified", "9", "01.0"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(VALUES, st.floats(-400, 900), st.booleans()), max_size=30))
def test_every_row_is_counted_once(drawn):
    cells = lattice(2).iloc[:2].assign(cell_code=["01", "02"])
    where = [Point(x, 50) if there else Point() for _, x, there in drawn]
    table = {"report_id": [str(i) for i in range(len(drawn))], "area": [v for v, _, _ in drawn]}
    frame = pd.DataFrame(table).astype({"report_id": "str", "area": object})
    rows = gk.locate(gpd.GeoDataFrame(frame, geometry=where, crs=CRS), cells)
    for given_cells in (cells, None):
        edition = check_edition(rows, "area", cells=given_cells)
        assert sum(counts(edition).values()) == edition.rows == len(drawn)
        apart = edition.near + edition.unknown + edition.far
        assert edition.differences["rows"].sum() == apart
        assert edition.compared == edition.agree + apart


def test_hostile_values_stay_out_of_the_text():
    rows, cells = small(*["<script>1</script>"] * 9)
    edition = check_edition(rows, "area", cells=cells)
    assert edition.unknown == 9
    assert "script" not in edition.text("en") + edition.text("zh")


def test_unusable_input_is_named():
    rows, cells = small("01")
    with pytest.raises(gk.SchemaError, match="ward"):
        check_edition(rows, "ward", cells=cells)
    with pytest.raises(gk.SchemaError, match="border_m"):
        check_edition(rows.drop(columns="border_m"), "area")
    with pytest.raises(gk.SchemaError, match="not among cells: 01"):
        check_edition(rows, "area", cells=cells.assign(cell_code=["a", "b"]))
    with pytest.raises(gk.SchemaError, match="cell_code"):
        check_edition(rows, "area", cells=cells.assign(cell_code=["01", "01"]))
    with pytest.raises(gk.CRSError):
        check_edition(rows, "area", cells=cells.to_crs(4547))
    with pytest.raises(gk.CRSError):
        check_edition(rows.to_crs(4326), "area", cells=cells.to_crs(4326))
    for options in ({"within_m": -1.0}, {"limit_share": 1.5}, {"within_m": np.nan}):
        with pytest.raises(gk.OptionError, match=next(iter(options))):
            check_edition(rows, "area", cells=cells, **options)
    with pytest.raises(gk.OptionError, match="lang"):
        check_edition(rows, "area", cells=cells).text("fr")
