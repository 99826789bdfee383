import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, box

from gridkit.crs import to_datum
from gridkit.errors import CRSError, FileError, GridkitError, OptionError, SchemaError
from gridkit.intake.coordinates import FAR_M
from gridkit.intake.district import District
from gridkit.intake.reports import read_reports
from gridkit.rules import Category
from gridkit.tables import FINDINGS, QUARANTINED, REPORTS

CRS = 4549  # of the made district

# Rule → how to spoil row 2 of the sound table.
SPOILED = {
    "NO_PLACE": {"经度": "", "纬度": "", "地址": " "},
    "BAD_COORDINATE": {"经度": "东经121度"},
    "ZERO_ISLAND": {"经度": "0", "纬度": "0.0"},
    "SWAPPED": {"经度": "37.54", "纬度": "121.39"},
    "OUT_OF_RANGE": {"经度": "221.39"},
    "METRES": {"经度": "624000", "纬度": "4155000"},
    "FAR_OUTSIDE": {"经度": "116.4", "纬度": "39.9"},
    "UNKNOWN_DATUM": {"坐标系": "西安80"},
    "BAD_TIME": {"上报时间": "昨天下午"},
    "BAD_NUMBER": {"返工次数": "两次"},
    "CLOSED_BEFORE_REPORTED": {"结案时间": "2025-02-01 08:00"},
    "REPEATED_ID": {"上报编号": "S0"},
}


def spoil(table, values, row=2):
    spoiled = table.assign(返工次数="")
    for column, value in values.items():
        spoiled.loc[row, column] = value
    return spoiled


def rules(intake):
    return intake.quarantined["rule"].tolist()


def severity(intake, rule):
    return intake.findings.set_index("rule")["severity"].get(rule)


def test_sound_rows_all_pass(table, district):
    intake = read_reports(table, district=district)
    assert len(intake.reports) == len(table)
    assert intake.findings["rule"].tolist() == ["COLUMNS"]
    REPORTS.check(intake.reports)
    FINDINGS.check(intake.findings)
    assert intake.reports["report_id"].tolist() == table["上报编号"].tolist()
    assert intake.reports["text"].tolist() == table["问题描述"].tolist()
    assert intake.reports["category"].unique().tolist() == ["E0405"]
    assert intake.reports["received_by"].unique().tolist() == ["城管局"]
    assert intake.reports.crs.to_epsg() == CRS
    back = intake.reports.to_crs(4326).geometry
    assert np.allclose(back.x, table["经度"].astype(float), atol=1e-9)
    assert np.allclose(back.y, table["纬度"].astype(float), atol=1e-9)


@pytest.mark.parametrize("rule", SPOILED)
def test_each_rule_takes_its_row_and_no_other(rule, table, district):
    spoiled = spoil(table, SPOILED[rule])
    intake = read_reports(spoiled, district=district, lang="en")
    assert rules(intake) == [rule]
    assert intake.quarantined["row"].tolist() == [3]
    assert intake.reports["report_id"].tolist() == [f"S{i}" for i in (0, 1, 3, 4, 5)]
    QUARANTINED.check(intake.quarantined)
    for column in spoiled.columns:  # everything as it stood in the file
        assert intake.quarantined[column].tolist() == [spoiled.loc[2, column]]
    assert intake.quarantined["column"].iloc[0].split(", ")[0] in spoiled.columns
    assert intake.quarantined["value"].iloc[0]
    assert intake.quarantined["remedy"].iloc[0]
    finding = intake.findings.set_index("rule").loc[rule]
    assert (finding["severity"], finding["rows"], finding["codes"]) == ("error", 1, "3")


@pytest.mark.parametrize(
    "values",
    [
        {"经度": "", "纬度": ""},  # the address is left
        {"经度": "无", "纬度": "N/A", "坐标系": ""},
        {"经度": "121.42"},  # a neighbour's, but not far
        {"上报时间": ""},
        {"结案时间": ""},
        {"问题类别": ""},
        {"返工次数": "2"},
        {"坐标系": "国家2000"},
        {"结案时间": "2025-03-03 08:30:00"},  # closed as it was reported
    ],
)
def test_what_can_be_used_stays(values, table, district):
    intake = read_reports(spoil(table, values), district=district)
    assert rules(intake) == []
    assert len(intake.reports) == len(table)


def test_a_row_with_several_faults_stands_there_once(table, district):
    both = SPOILED["BAD_TIME"] | SPOILED["ZERO_ISLAND"]
    intake = read_reports(spoil(table, both), district=district)
    assert rules(intake) == ["ZERO_ISLAND; BAD_TIME"]
    assert intake.quarantined["column"].tolist() == ["经度, 纬度; 上报时间"]
    assert intake.quarantined["value"].tolist() == ["0, 0.0; 昨天下午"]


def test_quarantine_corrected_can_be_read_again(table, district, tmp_path):
    spoiled = spoil(table, SPOILED["SWAPPED"])
    quarantined = read_reports(spoiled, district=district).quarantined
    corrected = quarantined.assign(经度=quarantined["纬度"], 纬度=quarantined["经度"])
    corrected.to_csv(tmp_path / "a.csv", index=False)
    again = read_reports(tmp_path / "a.csv", district=district)
    assert again.reports["report_id"].tolist() == ["S2"]


def test_only_the_address_is_left(table, district):
    intake = read_reports(spoil(table, {"经度": "", "纬度": ""}), district=district)
    assert intake.reports.geometry.is_empty.tolist() == [False, False, True, False, False, False]


def test_own_columns_stay(table, district):
    extra = table.assign(Beat="0111", value=7, row="r", 网格="左")
    intake = read_reports(spoil(extra, SPOILED["BAD_TIME"]), district=district)
    assert intake.reports["Beat"].unique().tolist() == ["0111"]
    assert intake.reports["value"].unique().tolist() == [7]
    # Columns of the file that are called like ours give way in the quarantine.
    assert intake.quarantined[["row", "row_", "value_"]].to_numpy().tolist() == [[3, "r", 7]]


def test_hostile_text_is_verbatim(table, district):
    texts = [
        "<script>alert(1)</script>",
        "{{7*7}}",
        "=HYPERLINK(1)",
        "a\u202eb\x07",
        " 前后 ",
        "井盖\n\t",
    ]
    intake = read_reports(table.assign(问题描述=texts), district=district)
    assert intake.reports["text"].tolist() == texts


def test_input_is_not_touched(table, district):
    before = table.copy()
    read_reports(table, district=district)
    pd.testing.assert_frame_equal(table, before)


# --- law of rows -----------------------------------------------------------------------------

words = st.sampled_from(["", " ", "无", "0", "nan", "inf", "1e400", "x", "=1+1", "-"])
coordinate = st.one_of(
    words, st.floats(-200, 200, width=32).map(str), st.sampled_from(["121.39", "37.54"])
)
moment = st.one_of(words, st.sampled_from(["2025-03-01 08:30", "2025/2/30", "2025年3月2日", "99"]))
row = st.fixed_dictionaries(
    {
        "上报编号": st.one_of(words, st.sampled_from(["1", "2", "3"])),
        "经度": coordinate,
        "纬度": coordinate,
        "地址": st.one_of(words, st.text(max_size=5)),
        "坐标系": st.sampled_from(["", "WGS84", "gcj02", "BD-09", "mars"]),
        "上报时间": moment,
        "结案时间": moment,
        "问题类别": st.one_of(words, st.sampled_from(["E0405", "店外经营"])),
        "状态": st.sampled_from(["", "作废", "结案"]),
    }
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(row, min_size=1, max_size=12), with_district=st.booleans())
def test_rows_in_are_reports_and_quarantined(rows, with_district, district):
    frame = pd.DataFrame(rows).astype("str")
    frame["原序"] = [f"n{i}" for i in range(len(frame))]
    try:
        intake = read_reports(frame, district=district if with_district else None, crs=CRS)
    except SchemaError as refused:
        told = refused.text("en")
        assume(f"none of the {len(frame)} rows" not in told)
        raise
    seen = [*intake.reports["原序"], *intake.quarantined["原序"]]
    assert sorted(seen) == sorted(frame["原序"])
    assert intake.reports["原序"].tolist() == [
        n for n in frame["原序"] if n in set(intake.reports["原序"])
    ]
    assert intake.quarantined["row"].tolist() == [
        int(n[1:]) + 1 for n in intake.quarantined["原序"]
    ]
    assert intake.reports["report_id"].is_unique
    errors = intake.findings[intake.findings["severity"] == "error"]
    met = intake.quarantined["rule"].str.split("; ").explode().value_counts()
    assert met.to_dict() == errors.set_index("rule")["rows"].groupby(level=0).sum().to_dict()


def test_lost_rows_are_an_error(table, district, monkeypatch):
    monkeypatch.setattr("gridkit.intake.reports.quarantined_table", lambda *_, **__: pd.DataFrame())
    with pytest.raises(GridkitError, match="6 rows went in, 5 came out"):
        read_reports(spoil(table, SPOILED["BAD_TIME"]), district=district)


# --- nothing usable --------------------------------------------------------------------------


def test_no_usable_row_counts_the_reasons(table, district):
    spoiled = table.assign(
        经度=["", "", "0", "0", "0", "116"], 纬度=["", "", "0", "0", "0", "39"], 地址=""
    )
    with pytest.raises(SchemaError) as error:
        read_reports(spoiled, district=district)
    assert "NO_PLACE 2, ZERO_ISLAND 3, FAR_OUTSIDE 1" in error.value.text("en")
    assert "(0, 0)" in error.value.text("zh")


def test_no_rows(district, tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("上报编号,经度,纬度\n")
    with pytest.raises(SchemaError, match=r"empty\.csv: the table has no rows"):
        read_reports(path, district=district)


def test_a_table_of_something_else(district):
    with pytest.raises(SchemaError, match="NO_PLACE 2"):
        read_reports(pd.DataFrame({"a": [1, 2]}), district=district)


def test_missing_file():
    with pytest.raises(FileError, match="no such file"):
        read_reports("nowhere.csv")


# --- numbers of reports ----------------------------------------------------------------------


def test_numbers_are_made_where_there_are_none(table, district):
    intake = read_reports(table.drop(columns="上报编号"), district=district)
    assert intake.reports["report_id"].tolist() == [f"R{i:06}" for i in range(1, 7)]
    assert severity(intake, "NO_ID") == "info"
    some = read_reports(spoil(table, {"上报编号": ""}), district=district)
    assert some.reports["report_id"].tolist() == ["S0", "S1", "R000003", "S3", "S4", "S5"]
    assert severity(some, "NO_ID") == "warning"


def test_the_first_sound_row_keeps_a_repeated_number(table, district):
    twice = table.assign(上报编号=["A", "A", "A", "B", "C", "D"])
    assert read_reports(twice, district=district).quarantined["row"].tolist() == [2, 3]
    twice.loc[0, "上报时间"] = "?"
    intake = read_reports(twice, district=district)
    assert dict(zip(intake.quarantined["row"], rules(intake), strict=True)) == {
        1: "BAD_TIME",
        3: "REPEATED_ID",
    }


def test_numbers_stay_text(table, district):
    intake = read_reports(table.assign(上报编号=np.arange(6) + 7.0), district=district)
    assert intake.reports["report_id"].tolist() == ["7", "8", "9", "10", "11", "12"]


# --- categories and states -------------------------------------------------------------------


def test_unknown_categories_stay_and_are_found(table, district):
    intake = read_reports(spoil(table, {"问题类别": "扰民犬吠"}), district=district, lang="en")
    assert intake.reports["category"][2] == "扰民犬吠"
    assert severity(intake, "UNKNOWN_CATEGORY") == "warning"
    assert "扰民犬吠" in intake.findings.set_index("rule").loc["UNKNOWN_CATEGORY", "detail"]


def test_names_that_categories_share_are_not_guessed(table, district):
    def category(code, zh, en):
        return Category(code, "event", zh, en, "", "", "1工作日", "", "")

    known = {
        c.code: c for c in (category("A", "店外经营", "Shop"), category("B", "店外经营", "Stall"))
    }
    intake = read_reports(table, district=district, categories=known)
    assert intake.reports["category"].unique().tolist() == ["店外经营"]
    intake = read_reports(table.assign(问题类别="stall"), district=district, categories=known)
    assert intake.reports["category"].unique().tolist() == ["B"]


def test_void_reports_are_marked(table, district):
    states = ["作废", " 已作废 ", "已结案", "", "VOID", "待派遣"]
    intake = read_reports(table.assign(状态=states), district=district)
    assert intake.reports["voided"].tolist() == [True, True, False, False, True, False]
    assert intake.reports["status"].dropna().tolist() == [s for s in states if s]
    flags = read_reports(table.assign(作废=["是", "否", "", "1", "0", "true"]), district=district)
    assert flags.reports["voided"].tolist() == [True, False, False, True, False, True]


# --- places ----------------------------------------------------------------------------------


@pytest.mark.parametrize("datum", ["gcj02", "bd09", "cgcs2000"])
def test_each_datum_lands_within_a_millimetre(datum, table, district):
    expected = read_reports(table, district=district).reports
    lon, lat = to_datum(table["经度"].astype(float), table["纬度"].astype(float), target=datum)
    shifted = table.assign(经度=lon.astype(str), 纬度=lat.astype(str))
    by_row = read_reports(shifted.assign(坐标系=datum.upper()), district=district).reports
    by_file = read_reports(shifted.assign(坐标系=""), datum=datum, district=district).reports
    without = read_reports(shifted.drop(columns="坐标系"), datum=datum, district=district).reports
    for found in (by_row, by_file, without):
        assert found.geometry.distance(expected.geometry).max() < 0.001


def test_the_row_says_its_datum_better_than_the_caller(table, district):
    intake = read_reports(table, datum="bd09", district=district)  # the rows say WGS84
    back = intake.reports.to_crs(4326).geometry
    assert np.allclose(back.x, table["经度"].astype(float), atol=1e-9)


def test_in_china_the_datum_must_be_told(table, district):
    with pytest.raises(CRSError) as error:
        read_reports(table.drop(columns="坐标系"), district=district)
    for choice in ("wgs84", "cgcs2000", "gcj02", "bd09"):
        assert choice in error.value.text("zh")
    intake = read_reports(table.assign(坐标系=["WGS84"] * 5 + [""]), district=district)
    assert rules(intake) == ["UNKNOWN_DATUM"]
    with pytest.raises(CRSError, match="mars"):
        read_reports(table, datum="mars")


def test_outside_china_it_is_wgs84(table):
    paris = table.drop(columns="坐标系").assign(经度="2.35", 纬度="48.86")
    intake = read_reports(paris)
    assert intake.reports.crs.to_epsg() == 32631
    assert len(intake.reports) == 6


def test_swapped_rows_need_the_district_where_both_readings_are_degrees(table):
    square = box(-76.2, 43.0, -76.1, 43.1)
    boundary = gpd.GeoDataFrame(geometry=[square], crs=4326).to_crs(32618)
    town = District("town", boundary)
    swapped = table.drop(columns="坐标系").assign(经度="43.05", 纬度="-76.15")
    with pytest.raises(SchemaError, match="SWAPPED 6"):
        read_reports(swapped, district=town)
    turned = {"经度": "latitude", "纬度": "longitude"}
    assert len(read_reports(swapped, district=town, columns=turned).reports) == 6
    some = swapped.assign(经度=["43.05"] * 2 + ["-76.15"] * 4, 纬度=["-76.15"] * 2 + ["43.05"] * 4)
    assert read_reports(some, district=town).quarantined["row"].tolist() == [1, 2]


def test_swapped_in_china_is_found_without_a_district(table):
    assert rules(read_reports(spoil(table, SPOILED["SWAPPED"]))) == ["SWAPPED"]


def test_swapped_and_elsewhere_is_out_of_range(table, district):
    elsewhere = spoil(table, {"经度": "30.5", "纬度": "114.3"})
    assert rules(read_reports(elsewhere, district=district)) == ["OUT_OF_RANGE"]


@pytest.mark.parametrize(("beyond", "rule"), [(-50.0, []), (50.0, ["FAR_OUTSIDE"])])
def test_far_is_measured_from_the_boundary(beyond, rule, table, district):
    _, south, east, north = district.boundary.total_bounds
    spot = Point(east + FAR_M + beyond, (south + north) / 2)
    lonlat = gpd.GeoSeries([spot], crs=CRS).to_crs(4326).iloc[0]
    values = {"经度": f"{lonlat.x:.9f}", "纬度": f"{lonlat.y:.9f}"}
    assert rules(read_reports(spoil(table, values), district=district)) == rule


def test_crs_of_the_result(table, district):
    assert read_reports(table).reports.crs.to_epsg() == 4549
    assert read_reports(table, crs=32651).reports.crs.to_epsg() == 32651
    assert read_reports(table, crs=32651, district=district).reports.crs.to_epsg() == 32651
    with pytest.raises(CRSError, match="not a plane in metres"):
        read_reports(table, crs=4326)
    with pytest.raises(CRSError, match="not a CRS"):
        read_reports(table, crs="metres")


def test_addresses_alone_need_a_crs(table, district):
    nowhere = table.assign(经度="", 纬度="")
    assert read_reports(nowhere, district=district).reports.geometry.is_empty.all()
    with pytest.raises(CRSError, match="no row has coordinates"):
        read_reports(nowhere)


def shapes_of(table):
    points = gpd.points_from_xy(table["经度"].astype(float), table["纬度"].astype(float))
    frame = table.drop(columns=["经度", "纬度", "坐标系"])
    return gpd.GeoDataFrame(frame, geometry=points, crs=4326)


def test_shapes_take_the_place_of_coordinates(table, district):
    expected = read_reports(table, district=district).reports
    shapes = shapes_of(table)
    with pytest.raises(CRSError, match="which datum"):  # EPSG:4326 says little in China
        read_reports(shapes, district=district)
    for believed in (shapes.to_crs(CRS), shapes.to_crs(4490), shapes.rename_geometry("place")):
        datum = "wgs84" if believed.crs.equals(4326) else None
        found = read_reports(believed.assign(lon="9"), datum=datum, district=district).reports
        assert found.geometry.name == "geometry"
        assert found["lon"].unique().tolist() == ["9"]
        assert found.geometry.distance(expected.geometry).max() < 1e-5


def test_shapes_that_are_no_points(table, district):
    shapes = shapes_of(table).to_crs(CRS)
    shapes.geometry = [LineString([(0, 0), (1, 1)]), None, Point(), *shapes.geometry[3:]]
    intake = read_reports(shapes.assign(地址=""), district=district)
    assert rules(intake) == ["BAD_COORDINATE", "NO_PLACE", "NO_PLACE"]
    assert intake.quarantined["value"][0].startswith("LINESTRING")
    with pytest.raises(CRSError, match="does not say which CRS"):
        read_reports(shapes.set_crs(None, allow_override=True), district=district)


def test_findings_can_be_drawn(table, district):
    intake = read_reports(spoil(table, SPOILED["FAR_OUTSIDE"]), district=district)
    shape = intake.findings.set_index("rule").loc["FAR_OUTSIDE", "geometry"]
    west = gpd.GeoSeries([shape], crs=intake.findings.crs).to_crs(4326).iloc[0]
    assert west.geoms[0].x == pytest.approx(116.4)


# --- times and languages ---------------------------------------------------------------------


def test_times_take_the_zone(table, district):
    intake = read_reports(table, district=district, tz="UTC")
    assert intake.reports["reported_at"][0] == pd.Timestamp("2025-03-01 08:30", tz="UTC")
    zoned = read_reports(spoil(table, {"上报时间": "2025-03-03T08:30:00Z"}), district=district)
    assert zoned.reports["reported_at"][2] == pd.Timestamp("2025-03-03 16:30", tz="Asia/Shanghai")
    with pytest.raises(OptionError, match=r"Moon.* is not known"):
        read_reports(table, district=district, tz="Moon")
    with pytest.raises(OptionError, match="lang"):
        read_reports(table, district=district, lang="fr")


def test_remedies_speak_two_languages(table, district):
    spoiled = spoil(table, SPOILED["SWAPPED"])
    zh, en = (read_reports(spoiled, district=district, lang=lang) for lang in ("zh", "en"))
    assert "颠倒" in zh.quarantined["remedy"][0]
    assert "swapped" in en.quarantined["remedy"][0]
    assert (zh.findings["detail"] != en.findings["detail"]).all()


def test_the_mapping_is_told(table, district):
    intake = read_reports(table.assign(Beat="1"), district=district, lang="en")
    told = intake.findings["detail"][0]
    assert "上报编号 → report_id" in told
    assert "Kept as they are: Beat" in told


def test_mixed_zones_and_day_numbers_are_warned_of(table):
    table["上报时间"] = ["2025-03-01T08:30:00+08:00", *["2025-03-01 08:30"] * 5]
    table["结案时间"] = "45731.5"
    findings = read_reports(table, lang="en").findings.set_index("rule")
    assert findings.loc["MIXED_ZONES", "rows"] == 5
    assert "Asia/Shanghai" in findings.loc["MIXED_ZONES", "remedy"]
    assert findings.loc["SERIAL_TIME", "rows"] == 6
