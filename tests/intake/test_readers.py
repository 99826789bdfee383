import builtins
import datetime as dt
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xlsxwriter

from gridkit.errors import FileError, SchemaError
from gridkit.intake.readers import open_table, read_table
from gridkit.intake.reports import read_reports

# 𠮷 is outside the basic plane: four bytes in GB18030; GBK does not have it.
HOSTILE = '𠮷野家 <script>alert(1)</script> =SUM(A1) {{7*7}} "引号", 逗号\n第二行'
FORMATS = ["csv", "tsv", "xlsx", "parquet", "geoparquet", "gpkg", "geojson", "fgb", "shp"]
ENDINGS = {"geoparquet": "parquet"}


def write_sheet(path, rows, sheets=("上报",)):
    with xlsxwriter.Workbook(str(path)) as book:
        for name in sheets:
            sheet = book.add_worksheet(name)
            for i, row in enumerate(rows):
                for j, value in enumerate(row):
                    if isinstance(value, dt.datetime):
                        form = book.add_format({"num_format": "yyyy/m/d h:mm"})
                        sheet.write_datetime(i, j, value, form)
                    elif isinstance(value, str):
                        sheet.write_string(i, j, value)
                    else:
                        sheet.write(i, j, value)


def write(table, folder, kind):
    """Write reports in one of the formats; map formats carry the points instead of columns."""
    path = folder / f"reports.{ENDINGS.get(kind, kind)}"
    points = gpd.points_from_xy(table["经度"].astype(float), table["纬度"].astype(float), crs=4326)
    shapes = gpd.GeoDataFrame(table.drop(columns=["经度", "纬度"]), geometry=points)
    if kind in ("csv", "tsv"):
        table.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    elif kind == "xlsx":
        write_sheet(path, [list(table.columns), *table.to_numpy().tolist()])
    elif kind == "parquet":
        table.to_parquet(path)
    elif kind == "geoparquet":
        shapes.to_parquet(path)
    else:
        if kind == "shp":  # ten bytes a name are left of 上报编号
            shapes = shapes.rename(
                columns={"上报编号": "id", "上报时间": "date", "问题描述": "text"}
            )
            shapes = shapes[["id", "date", "text", "坐标系", "geometry"]]
        # Its spatial index would put the rows of a FlatGeobuf in another order.
        options = {"shp": {"encoding": "utf-8"}, "fgb": {"SPATIAL_INDEX": "NO"}}
        shapes.to_file(path, **options.get(kind, {}))
    return path


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_reports(kind, table, district, tmp_path):
    expected = read_reports(table, district=district).reports
    intake = read_reports(write(table, tmp_path, kind), district=district)
    assert len(intake.quarantined) == 0
    found = intake.reports
    for column in ("report_id", "reported_at", "text"):
        assert found[column].tolist() == expected[column].tolist()
    assert found.geometry.distance(expected.geometry).max() < 1e-6
    assert found["feed"].unique().tolist() == [f"reports.{ENDINGS.get(kind, kind)}"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_encodings_keep_text_verbatim(encoding, tmp_path):
    path = tmp_path / "a.csv"
    pd.DataFrame({"问题描述": [HOSTILE], "经度": ["0"]}).to_csv(
        path, index=False, encoding=encoding
    )
    frame = read_table(path)
    assert list(frame.columns) == ["问题描述", "经度"]
    assert frame["问题描述"].tolist() == [HOSTILE]


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf\xff\xfe\xfa",  # marked UTF-8, but is not
        "问题,地址\n".encode("gb18030") + b"\xff\xff\xff\n",
        b"a,b\n\x00\x01\x02\n",
    ],
)
def test_wrong_bytes(raw, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(raw)
    with pytest.raises(FileError, match="Save it as UTF-8"):
        read_table(path)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("a,b\n1,2,3\n", r"row 1 has more or fewer fields than the header \(2\)"),
        ("a,b\n1,2\n1,2,3\n", "row 2 has more or fewer fields"),
        ('a,b\n"1,2\n', "cannot be read"),
        ("", "the table is empty"),
    ],
)
def test_broken_lines_are_not_read_as_something_else(raw, words, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(raw)
    with pytest.raises(FileError, match=rf"a\.csv: .*{words}"):
        read_table(path)


def test_the_reason_is_without_advice_for_programmers(tmp_path):
    path = tmp_path / "a.gpkg"
    path.write_bytes(b"no map")
    with pytest.raises(FileError) as error:
        read_table(path)
    assert "driver" not in error.value.en
    assert ".." not in error.value.en
    assert error.value.en.count("a.gpkg") == 1


def test_text_stays_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,phone,note\n007,13800000000,NA\n1e5,=1+1,\n")
    assert read_table(path).to_numpy().tolist() == [
        ["007", "13800000000", "NA"],
        ["1e5", "=1+1", ""],
    ]


def test_semicolons_separate_too(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id;lon;lat\n1;2,0;3\n")
    assert read_table(path).to_numpy().tolist() == [["1", "2,0", "3"]]


@pytest.mark.parametrize(
    "ending", ["xlsx", "xls", "parquet", "gpkg", "geojson", "fgb", "shp", "json"]
)
@pytest.mark.parametrize("raw", [b"", b"garbage \xff\xfe\x00" * 40, b"{}", b"PK\x03\x04"])
def test_garbage_of_every_format(ending, raw, tmp_path):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(raw)
    with pytest.raises(FileError) as error:
        read_table(path)
    assert "a." in error.value.text("en")
    assert error.value.text("zh") != error.value.text("en")


def test_missing_folder_and_unknown(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        read_table(tmp_path / "a.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(FileError, match="folder"):
        read_table(tmp_path / "b.csv")
    (tmp_path / "a.pkl").write_bytes(b"x")
    with pytest.raises(FileError, match=r"Save it as one of: \.csv"):
        read_table(tmp_path / "a.pkl")
    for elsewhere in ("https://example.org/a.geojson", "/vsicurl/http://x/a.gpkg", "CSV:a.csv"):
        with pytest.raises(FileError, match="only files on this computer"):
            read_table(elsewhere)


def test_sheet_with_a_title_gaps_and_empty_rows_below(tmp_path):
    path = tmp_path / "a.xlsx"
    when = dt.datetime(2025, 3, 1, 8, 30)  # noqa: DTZ001
    rows = [
        ["三月问题台账"],
        ["编号", "上报时间", "备注", "备注"],
        [1, when, None, "x"],
        [None] * 4,
        [2, "2025/3/1 9:10", "y", ""],
        [None] * 4,
    ]
    write_sheet(path, rows)
    frame = read_table(path)
    assert list(frame.columns) == ["编号", "上报时间", "备注", "备注.1"]
    assert len(frame) == 3
    assert frame["上报时间"][0] == when
    assert frame["备注"].fillna("–").tolist() == ["–", "–", "y"]


def test_sheets_are_chosen_not_guessed(tmp_path):
    path = tmp_path / "a.xlsx"
    write_sheet(path, [["a", "b"], [1, 2]], sheets=("一月", "二月"))
    with pytest.raises(FileError, match="一月, 二月"):
        read_table(path)
    assert len(read_table(path, layer="二月")) == 1
    with pytest.raises(FileError, match="'三月'"):
        read_table(path, layer="三月")
    write_sheet(path, [])
    with pytest.raises(FileError, match="empty"):
        read_table(path)


def test_layers_are_chosen_not_guessed(tmp_path):
    path = tmp_path / "a.gpkg"
    points = gpd.GeoDataFrame({"id": ["1"]}, geometry=gpd.points_from_xy([1], [2]), crs=4326)
    points.to_file(path, layer="a")
    points.to_file(path, layer="b")
    with pytest.raises(FileError, match="a, b"):
        read_table(path)
    assert read_table(path, layer="b")["id"].tolist() == ["1"]
    with pytest.raises(FileError, match="'c'"):
        read_table(path, layer="c")


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(FileError, match=r"pip install gridkit-city\[parquet\]"):
        read_table(path)


def test_frames_are_not_touched():
    frame = pd.DataFrame([[1, 2, 3]], columns=["a", "a", 5], index=[9])
    before = frame.copy()
    table, name, shifted, lines = open_table(frame)
    assert lines.tolist() == [-1]
    assert shifted.tolist() == [False]
    assert list(table.columns) == ["a", "a.1", "5"]
    assert table.index.tolist() == [0]
    assert name == "DataFrame"
    pd.testing.assert_frame_equal(frame, before)


def test_other_things_are_refused():
    with pytest.raises(SchemaError, match="not list"):
        open_table([1, 2])


def test_heights_are_left_out(tmp_path):
    path = tmp_path / "a.geojson"
    shapes = gpd.GeoSeries.from_wkt(["POINT Z (1 2 3)"], crs=4326)
    gpd.GeoDataFrame(geometry=shapes).to_file(path)
    frame = read_table(path)
    assert not frame.has_z.any()
    assert np.allclose(frame.geometry.x, 1)


def test_no_warning_escapes(tmp_path, table):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in FORMATS:
            read_table(write(table, tmp_path, kind))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_lines_are_those_of_an_editor(tmp_path, end, encoding):
    rows = ["编号,描述", "1,甲", "", '2,"两\n行"'.replace("\n", end), "3,丙", "", "", "4,丁"]
    path = tmp_path / "a.csv"
    path.write_bytes((end.join(rows) + end).encode(encoding))
    opened = open_table(path)
    assert opened.frame["编号"].tolist() == ["1", "2", "3", "4"]
    assert opened.lines.tolist() == [2, 4, 6, 9]


def test_lines_of_ragged_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('a,b\n1,"x\ny"\n2,3,4\n5,6\n')
    opened = open_table(path)
    assert opened.lines.tolist() == [2, 4, 5]
    assert opened.shifted.tolist() == [False, True, False]


def test_lines_of_a_sheet_count_its_title_and_empty_rows(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "a.xlsx")
    sheet = book.add_worksheet()
    sheet.write(2, 1, "台账")
    for i, row in enumerate([["编号", "描述"], ["1", "甲"], ["2", "乙"]]):
        sheet.write_row(4 + i, 1, row)
    book.close()
    assert open_table(tmp_path / "a.xlsx").lines.tolist() == [6, 7]
