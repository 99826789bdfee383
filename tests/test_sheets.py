"""What Excel would read: written files are opened again with another reader, and as raw XML."""

import csv
import datetime as dt
import decimal
import io
import re
import zipfile

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import python_calamine
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gridkit.errors import FileError, OptionError
from gridkit.sheets import write_csv, write_xlsx
from gridkit.tables import CELLS, REPORTS

HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    '=HYPERLINK("http://x","y")',
    "＝1+1",
    "＋1",
    "－1",
    "＠A1",
    "﹦1",
    "  =1",
    "\u3000=1",
    "\t=1",
    "\tx",
    "\rx",
    "\n=1",
    "\x00=1",
    "\x01\x02=1",
    "\u200b=1",
    "\ufeff=1",
    "\xa0=1",
    "=cmd|' /C calc'!A0",
]
HARMLESS = [
    "占道经营",
    "http://x.cn",
    "mailto:a@b.cn",
    "a=1",
    "1-2",
    "'=1",
    "0535-62",
    "00012",
    "_x0041_",
]


def sheets_of(path):
    book = python_calamine.CalamineWorkbook.from_path(path)
    return {
        name: book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        for name in book.sheet_names
    }


def xml_of(path):
    with zipfile.ZipFile(path) as z:
        return {name: z.read(name).decode() for name in z.namelist()}


def csv_rows(path):
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def legal(text):
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "\ufffd", text)


def test_hostile_text_is_a_string_cell_and_nothing_else(tmp_path):
    path = tmp_path / "a.xlsx"
    write_xlsx(path, {"s": pd.DataFrame({"=A1": HOSTILE + HARMLESS})})
    rows = sheets_of(path)["s"]
    assert rows[0] == ["=A1"]
    assert [r[0].replace("\r", "\n") for r in rows[1:]] == [
        legal(t).replace("\r", "\n") for t in HOSTILE + HARMLESS
    ]
    xml = xml_of(path)
    assert not any(re.search(r"<f[\s>/]", text) for text in xml.values())
    assert not any("hyperlink" in name or "<hyperlink" in text for name, text in xml.items())
    cells = re.findall(r"<c [^>]*>", xml["xl/worksheets/sheet1.xml"])
    assert len(cells) == len(HOSTILE + HARMLESS) + 1
    assert all('t="s"' in c for c in cells)


def test_hostile_text_gets_an_apostrophe_in_csv(tmp_path):
    path = tmp_path / "a.csv"
    frame = pd.DataFrame({"@head": HOSTILE + HARMLESS, "n": -1, "x": -0.5})
    write_csv(path, frame)
    rows = csv_rows(path)
    assert rows[0] == ["'@head", "n", "x"]
    assert [r[0] for r in rows[1:]] == ["'" + legal(t) for t in HOSTILE] + HARMLESS
    assert {tuple(r[1:]) for r in rows[1:]} == {("-1", "-0.5")}  # numbers stay numbers


@given(st.lists(st.text(max_size=8), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_no_csv_cell_can_start_a_formula(tmp_path_factory, texts):
    path = tmp_path_factory.getbasetemp() / "property.csv"
    write_csv(path, pd.DataFrame({"t": texts, "end": 1}))
    rows = csv_rows(path)
    assert len(rows) == len(texts) + 1
    for text, row in zip(texts, rows[1:], strict=True):
        assert row[0].removeprefix("'") == legal(text).removeprefix("'")
        assert row[0][:1] not in {"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"}
        assert row[0].strip()[:1] not in {"=", "+", "-", "@"}


def test_values_of_every_type(tmp_path):
    moment = pd.Timestamp("2025-09-30 17:00:05", tz="Asia/Shanghai")
    frame = pd.DataFrame(
        {
            "int": [1, 2],
            "big": [370602001001001001, 5],
            "float": [0.1, np.nan],
            "endless": [np.inf, 1.0],
            "flag": [True, False],
            "time": [moment, pd.NaT],
            "naive": pd.to_datetime(["2025-09-30 08:30", "2025-09-30 00:00"]),
            "day": pd.to_datetime(["2025-09-30", None]),
            "date": [dt.date(2025, 9, 30), dt.date(1899, 12, 31)],
            "null": pd.array([1, None], dtype="Int64"),
            "mixed": [np.int64(7), decimal.Decimal("2.5")],
            "list": [["a", "b"], None],
            "cat": pd.Categorical(["x", None]),
            "code": ["00012", ""],
        }
    )
    path = tmp_path / "a.xlsx"
    write_xlsx(path, {"s": frame})
    head, first, second = sheets_of(path)["s"]
    one, two = dict(zip(head, first, strict=True)), dict(zip(head, second, strict=True))
    assert one == {
        "int": 1,
        "big": "370602001001001001",
        "float": 0.1,
        "endless": "inf",
        "flag": True,
        "time": dt.datetime(2025, 9, 30, 17, 0, 5),  # noqa: DTZ001
        "naive": dt.datetime(2025, 9, 30, 8, 30),  # noqa: DTZ001
        "day": dt.date(2025, 9, 30),
        "date": dt.date(2025, 9, 30),
        "null": 1,
        "mixed": 7,
        "list": "['a', 'b']",
        "cat": "x",
        "code": "00012",
    }
    blank = {k for k, v in two.items() if v == ""}
    assert blank == {"float", "time", "day", "null", "list", "cat", "code"}
    assert two["date"] == "1899-12-31"
    assert (two["flag"], two["big"], two["mixed"]) == (False, 5, 2.5)
    styles = xml_of(path)["xl/styles.xml"]
    assert "yyyy-mm-dd hh:mm:ss" in styles
    write_csv(tmp_path / "a.csv", frame)
    head, first, second = csv_rows(tmp_path / "a.csv")
    one = dict(zip(head, first, strict=True))
    assert one["time"] == "2025-09-30T17:00:05+08:00"
    assert (one["naive"], one["day"], one["date"]) == (
        "2025-09-30T08:30:00",
        "2025-09-30",
        "2025-09-30",
    )
    assert (one["int"], one["big"], one["flag"], one["mixed"]) == (
        "1",
        "370602001001001001",
        "TRUE",
        "7",
    )
    assert second[2] == second[5] == ""


def test_headers_come_from_the_schema_and_geometry_goes(tmp_path):
    frame = gpd.GeoDataFrame(
        {"cell_code": ["1"], "other": [2], "inner": [shapely.Point(1, 2)]},
        geometry=[shapely.Point(0, 0)],
        crs=4549,
        index=["row"],
    )
    before = frame.copy()
    write_xlsx(tmp_path / "a.xlsx", {"网格": frame, "b": frame}, tables={"网格": CELLS})
    assert sheets_of(tmp_path / "a.xlsx") == {
        "网格": [["网格编码", "other"], ["1", 2.0]],
        "b": [["cell_code", "other"], ["1", 2.0]],
    }
    write_xlsx(tmp_path / "e.xlsx", {"网格": frame}, tables={"网格": CELLS}, lang="en")
    assert sheets_of(tmp_path / "e.xlsx")["网格"][0] == ["cell_code", "other"]
    write_csv(tmp_path / "a.csv", frame, table=CELLS)
    raw = (tmp_path / "a.csv").read_bytes()
    assert raw == b"\xef\xbb\xbf" + "网格编码,other\r\n1,2\r\n".encode()
    gone = gpd.GeoDataFrame({"a": [1]}, geometry=[None], crs=4549)
    write_csv(tmp_path / "g.csv", gone)
    assert csv_rows(tmp_path / "g.csv") == [["a"], ["1"]]
    assert frame.equals(before)


def test_equal_tables_give_equal_bytes(tmp_path):
    frame = pd.DataFrame({"report_id": ["1"], "text": ["井盖"], "n": [1.5]})
    for name in ("a.xlsx", "b.xlsx"):
        write_xlsx(tmp_path / name, {"上报": frame}, tables={"上报": REPORTS})
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.xlsx") as z:
        assert {i.date_time for i in z.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert "2000-01-01T00:00:00Z" in z.read("docProps/core.xml").decode()


def test_text_longer_than_a_cell_is_cut_where_one_sees_it(tmp_path):
    texts = ["x" * 32_767, "x" * 32_768, "😀" * 20_000, "x" + "😀" * 20_000, "😀" * 16_383]
    write_xlsx(tmp_path / "a.xlsx", {"s": pd.DataFrame({"t": texts})})
    got = [row[0] for row in sheets_of(tmp_path / "a.xlsx")["s"][1:]]
    assert got[0] == texts[0]
    assert got[4] == texts[4]
    for text, cut in zip(texts[1:4], got[1:4], strict=True):
        assert 32_760 < len(cut.encode("utf-16-le")) / 2 <= 32_767
        assert cut.endswith("已截断］")
        body = cut.partition("……")[0]
        assert text.startswith(body)
    write_xlsx(tmp_path / "e.xlsx", {"s": pd.DataFrame({"t": texts[1:2]})}, lang="en")
    assert sheets_of(tmp_path / "e.xlsx")["s"][1][0].endswith("[cut: longer than a cell holds]")
    write_csv(tmp_path / "a.csv", pd.DataFrame({"t": texts}))
    assert [r[0] for r in csv_rows(tmp_path / "a.csv")[1:]] == texts  # nothing lost in CSV


def test_lone_surrogates_and_quotes_survive(tmp_path):
    texts = ["a\ud800b", "two\nlines", 'say "hi", twice', "a\x0bb\x1f", "<b>&amp;</b>", "\ufffe"]
    frame = pd.DataFrame({"t": pd.Series(texts, dtype=object)})
    write_xlsx(tmp_path / "a.xlsx", {"s": frame})
    write_csv(tmp_path / "a.csv", frame)
    want = [legal(t) for t in texts]
    assert [r[0] for r in sheets_of(tmp_path / "a.xlsx")["s"][1:]] == want
    assert [r[0] for r in csv_rows(tmp_path / "a.csv")[1:]] == want


@pytest.mark.parametrize("rows", [1_048_576, 2_000_000])
def test_more_rows_than_a_sheet_holds(tmp_path, rows):
    big = pd.DataFrame({"n": np.zeros(rows, dtype=np.int8)})
    wide = pd.DataFrame(np.zeros((1, 16_385)))
    with pytest.raises(FileError) as caught:
        write_xlsx(tmp_path / "a.xlsx", {"small": big.head(2), "big": big, "wide": wide})
    text = caught.value.text("en")
    assert len(text.splitlines()) == 2
    assert "'big'" in text
    assert str(rows) in text
    assert "write_csv" in text
    assert list(tmp_path.iterdir()) == []


def test_sheet_names(tmp_path):
    names = [
        "a/b:c*d?e[f]g\\h",
        "网格" * 20,
        "网格" * 20 + "x",
        "Same",
        "same",
        "",
        "''",
        "History",
        "x" * 31,
        "X" * 32,
        "a\x00b",
        "😀" * 20,
    ]
    frames = {name: pd.DataFrame({"n": [i]}) for i, name in enumerate(names)}
    write_xlsx(tmp_path / "a.xlsx", frames)
    got = sheets_of(tmp_path / "a.xlsx")
    assert [rows[1][0] for rows in got.values()] == list(range(len(names)))
    titles = list(got)
    assert len({t.casefold() for t in titles}) == len(names)
    assert all(0 < len(t.encode("utf-16-le")) / 2 <= 31 for t in titles)
    long = "网格" * 20
    assert titles[:3] == ["a_b_c_d_e_f_g_h", long[:31], long[:27] + " (2)"]
    assert titles[3:8] == ["Same", "same (2)", "Sheet", "Sheet (2)", "History (2)"]


def test_layout_of_a_sheet(tmp_path):
    frame = pd.DataFrame({"a": ["占道经营占道经营"], "b": ["abcdefgh"], "c": ["x" * 500]})
    write_xlsx(tmp_path / "a.xlsx", {"s": frame})
    xml = xml_of(tmp_path / "a.xlsx")["xl/worksheets/sheet1.xml"]
    assert '<autoFilter ref="A1:C2"/>' in xml
    assert 'state="frozen"' in xml
    assert 'topLeftCell="A2"' in xml
    widths = [float(w) for w in re.findall(r'<col [^>]*width="([\d.]+)"', xml)]
    assert widths == pytest.approx([18, 10, 50], abs=1)
    assert "numberStoredAsText" in xml


def test_empty_tables(tmp_path):
    frames = {"none": pd.DataFrame(), "no rows": pd.DataFrame({"a": pd.Series([], dtype="str")})}
    write_xlsx(tmp_path / "a.xlsx", frames)
    assert sheets_of(tmp_path / "a.xlsx") == {"none": [], "no rows": [["a"]]}
    write_csv(tmp_path / "a.csv", frames["no rows"])
    assert csv_rows(tmp_path / "a.csv") == [["a"]]
    with pytest.raises(OptionError, match="no sheet"):
        write_xlsx(tmp_path / "b.xlsx", {})


def test_refusals_leave_the_old_file(tmp_path):
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"old")
    frame = pd.DataFrame({"a": [1]})
    with pytest.raises(OptionError, match="lang"):
        write_xlsx(path, {"s": frame}, lang="fr")
    with pytest.raises(OptionError, match="lang"):
        write_csv(path, frame, lang="fr")
    with pytest.raises(OptionError, match="tables='t'"):
        write_xlsx(path, {"s": frame}, tables={"t": CELLS})

    class Broken:
        def __str__(self):
            raise RuntimeError("broken")

    bad = pd.DataFrame({"a": [Broken()]})
    for write in (lambda: write_xlsx(path, {"s": bad}), lambda: write_csv(path, bad)):
        with pytest.raises(RuntimeError):
            write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileError):
        write_csv(path / "below.csv", frame)
