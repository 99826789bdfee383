import numpy as np
import pandas as pd
import pytest

from gridkit.errors import SchemaError
from gridkit.intake.columns import blank, code_text, header_words, match_columns, rename_columns
from gridkit.tables import CELLS, REPORTS, ROSTER

CITY = {
    "上报编号": "report_id",
    "上报时间": "reported_at",
    "上报渠道": "source",
    "问题类别": "category",
    "问题描述": "text",
    "地址": "address",
    "经度": "longitude",
    "纬度": "latitude",
    "坐标系": "datum",
    "首接单位": "received_by",
    "责任单位": "responsible_unit",
    "受理时间": "accepted_at",
    "立案时间": "filed_at",
    "派遣时间": "dispatched_at",
    "处置时间": "disposed_at",
    "结案时间": "closed_at",
    "状态": "status",
}


def match(headers, **options):
    return match_columns(headers, kind="report", table=REPORTS, source="a.csv", **options)


def test_headers_of_a_chinese_city():
    assert match(CITY) == CITY


def test_headers_of_open_data():
    chicago = match(["Date", "PrimaryType", "Block", "Beat", "Latitude", "Longitude"])
    assert chicago == {
        "Date": "reported_at",
        "PrimaryType": "category",
        "Block": "address",
        "Latitude": "latitude",
        "Longitude": "longitude",
    }
    open311 = match(
        ["service_request_id", "requested_datetime", "service_name", "description", "lat", "long"]
    )
    assert list(open311.values()) == [
        "report_id", "reported_at", "category", "text", "latitude", "longitude",
    ]  # fmt: skip
    nyc = match(["Unique Key", "Created Date", "Closed Date", "Complaint Type", "Descriptor"])
    assert list(nyc.values()) == ["report_id", "reported_at", "closed_at", "category", "text"]


def test_case_width_and_punctuation_do_not_count():
    assert match(["created_date", " ＬＡＴ ", "面积"]) == {
        "created_date": "reported_at",
        " ＬＡＴ ": "latitude",
    }


def test_a_column_is_taken_once_and_its_own_name_wins():
    mapping = match(["description", "text", "Date", "reported_at"])
    assert mapping == {"text": "text", "reported_at": "reported_at"}


def test_what_is_given_wins():
    mapping = match(
        ["Latitude", "Longitude"], given={"Latitude": "longitude", "Longitude": "latitude"}
    )
    assert mapping == {"Latitude": "longitude", "Longitude": "latitude"}


def test_wrong_given_names_are_all_told():
    with pytest.raises(SchemaError) as error:
        match(["a", "b"], given={"c": "text", "a": "colour", "b": "text"})
    text = error.value.text("en")
    assert "'c'" in text
    assert "'colour'" in text
    assert "'text' was given twice" in text


def test_every_listed_column_exists():
    for kind, table in (("cell", CELLS), ("report", REPORTS), ("roster", ROSTER)):
        known = {c.name for c in table.columns} | {"longitude", "latitude", "datum"}
        assert set(header_words(kind)["columns"]) <= known


def test_strangers_give_way():
    frame = pd.DataFrame({"text": [1], "description": [2], "geometry": [3]})
    renamed = rename_columns(frame, {"description": "text"})
    assert list(renamed.columns) == ["text_", "text", "geometry_"]


def test_code_text():
    values = pd.Series([111.0, "0111", None, 5, " 7 ", "", 1.5], dtype=object)
    assert code_text(values).fillna("–").tolist() == ["111", "0111", "–", "5", "7", "–", "1.5"]
    assert code_text(pd.Series([13800000000.0, np.nan])).fillna("–").tolist() == [
        "13800000000",
        "–",
    ]
    assert code_text(pd.Series([370602001])).tolist() == ["370602001"]


def test_blank():
    assert blank(pd.Series(["", " ", "无", "N/A", "x", None]), ["无", "n/a"]).tolist() == [
        True, True, True, True, False, True,
    ]  # fmt: skip
    assert blank(pd.Series([0.0, np.nan])).tolist() == [False, True]
