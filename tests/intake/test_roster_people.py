"""Rosters: partners, supervisors, hours, leave, bases, and the template to fill."""

import geopandas as gpd
import pandas as pd
import pytest
import python_calamine
import xlsxwriter
from shapely.geometry import box

from gridkit import read_roster, roster_template
from gridkit.errors import FileError, GridkitWarning, SchemaError
from gridkit.intake.district import District
from gridkit.tables import ROSTER

CRS = 4549


def people(**changes):
    table = {
        "人员编号": ["P1", "P2", "P3", "P4"],
        "角色": ["民警", "保洁员", "保洁员", "机关干部"],
        "姓名": ["王明", "李丽", "李丽", "赵刚"],
        "经度": ["121.39"] * 4,
        "纬度": ["37.54"] * 4,
    }
    return pd.DataFrame(table | changes)


def test_partners_and_supervisors_by_number_or_unique_name():
    roster = read_roster(people(AB岗=["P2", "赵刚", "", ""], 上级=["赵刚", "P1", "王明", None]))
    assert roster["backup_id"].fillna("").tolist() == ["P2", "P4", "", ""]
    assert roster["supervisor_id"].fillna("").tolist() == ["P4", "P1", "P1", ""]


def test_hours_and_leave_in_one_spelling():
    roster = read_roster(
        people(
            班次=["早班", "工作日8点-12点、14:00~18:00", "", "全天"],
            请假日期=["2026年3月1日至2026年3月5日", "", "2026-05-01;2026-04-01", None],
            资格证书=["警衔；驾照", "", "", ""],
            街道编码=["370602001"] * 4,
        )
    )
    assert roster["slots"].fillna("").tolist() == [
        "06:00-14:00",
        "工作日 08:00-12:00;工作日 14:00-18:00",
        "",
        "",
    ]
    assert roster["leave"].fillna("").tolist() == [
        "2026-03-01/2026-03-05",
        "",
        "2026-04-01;2026-05-01",
        "",
    ]
    assert roster["qualifications"][0] == "警衔；驾照"
    ROSTER.check(roster)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AB岗": ["P9", "", "", ""]}, ["backup_id", "P9", "rows 1"]),
        ({"AB岗": ["李丽", "", "", ""]}, ["backup_id", "李丽"]),
        ({"AB岗": ["P1", "", "", ""]}, ["backup_id", "itself", "P1"]),
        ({"上级": ["P1", "", "", ""]}, ["supervisor_id", "itself"]),
        ({"上级": ["P2", "P3", "P1", "P1"]}, ["circle", "P1", "P2", "P3", "rows 1, 2, 3"]),
        ({"班次": ["早上", "", "", "早上"]}, ["早上", "rows 1, 4"]),
        ({"班次": ["08:00-08:00", "", "", ""]}, ["covers nothing"]),
        ({"请假日期": ["", "2026-03-05/2026-03-01", "", ""]}, ["ends before", "rows 2"]),
    ],
)
def test_each_fault_names_its_rows(changes, words):
    with pytest.raises(SchemaError) as caught:
        read_roster(people(**changes))
    said = caught.value.text("en")
    assert all(word in said for word in words), said
    assert len(said.splitlines()) == 1


def test_all_faults_at_once():
    with pytest.raises(SchemaError) as caught:
        read_roster(people(AB岗=["P1", "P9", "", ""], 上级=["P2", "P1", "", ""], 班次=["x"] * 4))
    assert len(caught.value.text("en").splitlines()) == 4


def seaside(shift=0.0):
    """A district around the base of the people, or `shift` metres east of it."""
    base = read_roster(people(), crs=CRS).geometry.iloc[0]
    shape = box(base.x - 500 + shift, base.y - 500, base.x + 500 + shift, base.y + 500)
    return District("滨海", gpd.GeoDataFrame(geometry=[shape], crs=CRS))


def test_bases_are_held_against_the_district():
    assert read_roster(people(), district=seaside()).crs == CRS
    with pytest.warns(GridkitWarning, match="4 base"):
        roster = read_roster(people(), district=seaside(3_000))
    assert len(roster) == 4
    with pytest.raises(SchemaError, match="20 km"):
        read_roster(people(), district=seaside(30_000))


def fill(path, rows, template):
    """Write rows under the headers of the template, as an office would."""
    book = python_calamine.CalamineWorkbook.from_path(template)
    headers = book.get_sheet_by_index(0).to_python()[0]
    out = xlsxwriter.Workbook(path)
    sheet = out.add_worksheet()
    for c, header in enumerate(headers):
        sheet.write_string(0, c, header)
    for r, row in enumerate(rows, 1):
        for header, value in row.items():
            sheet.write(r, headers.index(header), value)
    out.close()
    return headers


def test_the_template_reads_back_when_filled(tmp_path):
    roster_template(tmp_path / "t.xlsx")
    row = {
        "人员编号": "P1",
        "角色": "民警",
        "联系电话": "13800000000",
        "经度": 121.39,
        "纬度": 37.54,
        "时段": "夜班",
        "初始时间": "2026-01-01",
    }
    headers = fill(tmp_path / "f.xlsx", [row], tmp_path / "t.xlsx")
    assert {c.zh for c in ROSTER.columns} <= set(headers)
    roster = read_roster(tmp_path / "f.xlsx")
    assert roster[["person_id", "role", "slots"]].to_numpy().tolist() == [
        ["P1", "officer", "22:00-06:00"]
    ]
    english = tmp_path / "e.xlsx"
    roster_template(english, lang="en")
    fill(
        tmp_path / "g.xlsx",
        [{"person_id": "P1", "role": "cadre", "Longitude": 121.39, "Latitude": 37.54}],
        english,
    )
    assert read_roster(tmp_path / "g.xlsx")["role"].tolist() == ["cadre"]


def test_an_empty_template_is_a_roster_without_rows(tmp_path):
    roster_template(tmp_path / "t.xlsx")
    with pytest.raises((SchemaError, FileError)):
        read_roster(tmp_path / "t.xlsx")


def test_the_template_offers_the_roles(tmp_path):
    import zipfile

    roster_template(tmp_path / "t.xlsx")
    with zipfile.ZipFile(tmp_path / "t.xlsx") as book:
        text = book.read("xl/worksheets/sheet1.xml").decode()
    assert "保洁员" in text
    assert "dataValidation" in text
    with pytest.raises(FileError, match="xlsx"):
        roster_template(tmp_path / "t.csv")
