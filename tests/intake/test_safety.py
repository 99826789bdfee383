"""Hostile and broken files: only our errors, nothing read that is not what it says."""

import io
import json
import zipfile

import geopandas as gpd
import pandas as pd
import pytest
from shapely import Point

from gridkit.errors import FileError, OptionError
from gridkit.intake import safety
from gridkit.intake.readers import read_table
from gridkit.intake.reports import read_reports

SOUND = "上报编号,问题描述,经度,纬度\nA1,井盖缺失,121.39,37.54\nA2,路灯不亮,121.40,37.55\n"


def write(tmp_path, name, raw):
    path = tmp_path / name
    path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
    return path


@pytest.mark.parametrize(
    "path",
    [
        "https://example.org/a.csv",
        "/vsizip//a.zip/b.shp",
        "/vsicurl/http://x/a.gpkg",
        "CSV:a.csv",
        "GPKG:a.gpkg:t",
        "\\\\server\\share\\a.csv",
        "a\0.csv",
    ],
)
def test_only_plain_paths(path):
    with pytest.raises(FileError, match="only files on this computer"):
        read_table(path)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.csv", b"PK\x03\x04" + b"x" * 99),
        ("a.csv", b"SQLite format 3\0" + b"x" * 99),
        ("a.tsv", b"%PDF-1.7"),
        ("a.xlsx", SOUND),
        ("a.gpkg", b"PAR1" * 9),
        ("a.parquet", SOUND),
        ("a.fgb", b"<OGRVRTDataSource></OGRVRTDataSource>"),
        ("a.shp", b"<OGRVRTDataSource></OGRVRTDataSource>"),
        ("a.fgb", b"fgb\x03fgb\x01<OGRVRTDataSource></OGRVRTDataSource>"),
        ("a.geojson", b'{"a": "<OGRVRTDataSource></OGRVRTDataSource>"}'),
        ("a.geojson", b"<OGRVRTDataSource></OGRVRTDataSource>"),
        ("a.geojson", b'{"type": "gdal_streamed_alg", "command_line": "gdal vector info x"}'),
        ("a.json", b'{"stac_version": "1.0.0", "type": "FeatureCollection", "features": []}'),
    ],
)
def test_the_bytes_must_be_those_of_the_ending(name, raw, tmp_path):
    with pytest.raises(FileError, match="not what its ending"):
        read_table(write(tmp_path, name, raw))


def test_a_packed_trap_is_not_opened(tmp_path):
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * 60_000_000)
    with pytest.raises(FileError, match="unpacked"):
        read_table(path)


def test_too_large_and_too_many(tmp_path, monkeypatch):
    path = write(tmp_path, "a.csv", SOUND)
    monkeypatch.setattr(safety, "MOST_BYTES", 20)
    with pytest.raises(FileError, match="at most"):
        read_table(path)


def shapefile(tmp_path, name="points"):
    folder = tmp_path / "shp"
    folder.mkdir(exist_ok=True)
    frame = gpd.GeoDataFrame(
        {"编号": ["A1", "A2"]}, geometry=[Point(121.39, 37.54), Point(121.4, 37.55)], crs=4326
    )
    frame.to_file(folder / f"{name}.shp", encoding="utf-8")
    return sorted(folder.glob(f"{name}.*"))


def packed(parts, *, inside=""):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts:
            archive.write(part, f"{inside}{part.name}")
    return data.getvalue()


@pytest.mark.parametrize("inside", ["", "一月/上报/", "../../"])
def test_a_packed_shapefile_in_any_folder(inside, tmp_path):
    path = write(tmp_path, "a.zip", packed(shapefile(tmp_path), inside=inside))
    table = read_table(path)
    assert table["编号"].tolist() == ["A1", "A2"]
    assert table.geometry.x.tolist() == [121.39, 121.4]


def test_packed_twice_and_several(tmp_path):
    inner = write(tmp_path, "inner.zip", packed(shapefile(tmp_path)))
    path = write(tmp_path, "outer.zip", packed([inner]))
    assert len(read_table(path)) == 2
    both = packed([*shapefile(tmp_path), *shapefile(tmp_path, "other")])
    with pytest.raises(FileError, match="exactly one Shapefile"):
        read_table(write(tmp_path, "b.zip", both))
    none = packed([write(tmp_path, "a.txt", "x")])
    with pytest.raises(FileError, match="exactly one Shapefile"):
        read_table(write(tmp_path, "c.zip", none))


REQUESTS = [
    {
        "service_request_id": "638344",
        "status": "closed",
        "service_name": "Pothole",
        "description": "a hole, deep",
        "requested_datetime": "2026-04-14T06:37:38-04:00",
        "updated_datetime": "2026-04-15T06:37:38-04:00",
        "address": "8TH AVE",
        "lat": 43.0481,
        "long": -76.1474,
        "extended_attributes": {"x": [1, 2]},
    },
    {"service_request_id": 638349, "requested_datetime": None, "lat": 43.05, "long": -76.15},
]


@pytest.mark.parametrize("as_list", [True, False])
def test_what_an_open311_server_gives(as_list, tmp_path):
    data = REQUESTS if as_list else {"service_requests": REQUESTS}
    path = write(tmp_path, "requests.json", json.dumps(data))
    intake = read_reports(path, tz="America/New_York")
    assert "profile open311" in read_reports(path, lang="en").findings["detail"].iloc[0]
    assert intake.reports["report_id"].tolist() == ["638344", "638349"]
    assert intake.reports["reported_at"].iloc[0] == pd.Timestamp("2026-04-14T10:37:38Z")
    assert intake.reports.to_crs(4326).geometry.y.round(4).tolist() == [43.0481, 43.05]
    # GeoReport v2: of a closed request, the time of the last update is that of closing.
    assert intake.reports["closed_at"].iloc[0] == pd.Timestamp("2026-04-15T10:37:38Z")
    assert intake.reports["closed_at"].isna().tolist() == [False, True]


def test_a_shape_may_have_a_property_called_requests(tmp_path):
    frame = gpd.GeoDataFrame(
        {"requests": ["3", "4"]}, geometry=gpd.points_from_xy([1, 2], [3, 4]), crs=4326
    )
    frame.to_file(tmp_path / "a.geojson")
    assert read_table(tmp_path / "a.geojson").geometry.x.tolist() == [1, 2]


@pytest.mark.parametrize("raw", ["[1, 2]", '[{"a": 1', '{"requests": 5}', "[" * 100_000])
def test_json_that_is_no_list_of_records(raw, tmp_path):
    with pytest.raises(FileError):
        read_table(write(tmp_path, "a.json", raw))


def test_lines_that_slipped_are_kept_apart_with_all_they_hold(tmp_path):
    raw = SOUND + "A3,井盖,缺失,121.39,37.54\nA4,树倒\nA5,好,121.39,37.54\n"
    intake = read_reports(write(tmp_path, "a.csv", raw), datum="wgs84")
    assert intake.reports["report_id"].tolist() == ["A1", "A2", "A5"]
    lost = intake.quarantined
    assert lost["row"].tolist() == [3, 4]
    assert lost["rule"].tolist() == ["SHIFTED_FIELDS"] * 2
    assert lost.loc[0, ["上报编号", "问题描述", "经度", "纬度", "…"]].tolist() == [
        "A3",
        "井盖",
        "缺失",
        "121.39",
        "37.54",
    ]
    # Read back as it is it is still slipped; put right it is not.
    back = pd.concat([read_table(write(tmp_path, "c.csv", SOUND)), lost.iloc[:, 5:]])
    still = read_reports(back.fillna({"…": ""}), datum="wgs84")
    assert still.quarantined["rule"].tolist() == ["SHIFTED_FIELDS", "NO_PLACE"]
    short = read_reports(write(tmp_path, "b.csv", SOUND + "A4,树倒\n"), datum="wgs84")
    assert short.quarantined["row"].tolist() == [3]


def test_an_encoding_can_be_given(tmp_path):
    path = write(tmp_path, "a.csv", SOUND.replace("缺失", "損壞").encode("big5", "replace"))
    assert "損壞" in read_table(path, encoding="big5").iloc[0, 1]
    with pytest.raises(OptionError, match="encoding"):
        read_table(path, encoding="morse")
    with pytest.raises(FileError, match="Save it as UTF-8"):
        read_table(write(tmp_path, "b.csv", SOUND), encoding="ascii")


def test_text_that_no_person_writes_is_found_and_kept(tmp_path):
    raw = SOUND.replace("井盖缺失", "井盖\x07缺失").replace("路灯不亮", "亮" * 10_001)
    intake = read_reports(write(tmp_path, "a.csv", raw), datum="wgs84")
    rows = intake.findings.set_index("rule")["rows"]
    assert (rows["CONTROL_CHARACTERS"], rows["LONG_TEXT"]) == (1, 1)
    assert intake.reports["text"].tolist() == ["井盖\x07缺失", "亮" * 10_001]


def test_profiles_are_known_by_their_headers_or_asked_for():
    ledger = pd.DataFrame(
        {
            "序号": [1, 2],
            "发现时间": ["2026-01-03 08:00", "2026-01-04"],
            "责任单位": ["城管局", "环卫处"],
            "点位": ["胜利路1号", "解放路3号"],
            "完成时间": ["2026-01-05", ""],
            "经度": [113.2, 113.21],
            "纬度": [35.2, 35.21],
        }
    )
    intake = read_reports(ledger, datum="wgs84", lang="en")
    assert "profile zh_ledger" in intake.findings["detail"].iloc[0]
    assert intake.reports["disposed_at"].notna().tolist() == [True, False]
    assert intake.reports["address"].tolist() == ["胜利路1号", "解放路3号"]
    own = read_reports(ledger, datum="wgs84", profile="generic", columns={"点位": "text"})
    assert own.reports["text"].iloc[0] == "胜利路1号"
    with pytest.raises(OptionError, match="profile"):
        read_reports(ledger, datum="wgs84", profile="egova")


def test_closing_told_by_a_status_is_judged_under_the_headers_of_the_file(tmp_path):
    early = {**REQUESTS[0], "Status": "Closed", "updated_datetime": "2026-04-13T06:37:38-04:00"}
    del early["status"]
    path = write(tmp_path, "requests.json", json.dumps([early, REQUESTS[1]]))
    intake = read_reports(path, tz="America/New_York")
    assert intake.quarantined["rule"].tolist() == ["CLOSED_BEFORE_REPORTED"]
    assert "Status" in intake.quarantined["column"].iloc[0]
