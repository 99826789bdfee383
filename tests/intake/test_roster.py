import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import xlsxwriter
from shapely.geometry import Polygon, box

from gridkit.errors import CRSError, FileError, SchemaError
from gridkit.intake.roster import read_roster
from gridkit.rules import Role
from gridkit.tables import ROSTER

CRS = 4549


@pytest.fixture
def people():
    return pd.DataFrame(
        {
            "人员编号": ["P1", "P2", "P3", "P4"],
            "角色": ["民警", "环卫工", "cadre", "Community Volunteer"],
            "姓名": ["王小明", "李丽", "赵刚", "孙悦"],
            "单位": ["派出所", "环卫处", "街道办", "社区"],
            "职务": ["所长", "", "", ""],
            "联系电话": ["13800000001", "0535-6600000", "", "+86 138 0000 0004"],
            "最多负责网格数": ["12", "3", "", "1"],
            "时段": "08:00-18:00",
            "AB岗": ["P2", "", "", ""],
            "社区编码": ["", "", "", "370602001001"],
            "经度": ["121.39", "121.391", "121.392", ""],
            "纬度": ["37.54", "37.541", "37.542", ""],
            "起始日期": ["2025-01-01", "2025年1月1日", "", ""],
            "终止日期": ["2026/1/1", "", "", ""],
        }
    ).astype("str")


@pytest.fixture
def communities():
    # A horseshoe: its centroid lies outside.
    shape = Polygon([(0, 0), (90, 0), (90, 90), (60, 90), (60, 30), (30, 30), (30, 90), (0, 90)])
    return gpd.GeoDataFrame(
        {"community_code": ["370602001001", "370602001002"], "name": ["东山", "西山"]},
        geometry=[shape, box(100, 0, 190, 90)],
        crs=CRS,
    )


def test_a_sound_roster(people, communities):
    before = people.copy()
    roster = read_roster(people, communities=communities)
    ROSTER.check(roster)
    assert roster["role"].tolist() == ["officer", "cleaner", "cadre", "volunteer"]
    assert roster["phone"].fillna("").tolist() == people["联系电话"].tolist()
    assert roster["max_areas"].fillna(0).tolist() == [12, 3, 0, 1]
    assert (
        roster["valid_from"].dt.strftime("%F").fillna("").tolist() == ["2025-01-01"] * 2 + [""] * 2
    )
    assert roster["backup_id"][0] == "P2"
    assert roster["职务"][0] == "所长"
    assert roster.geometry.name == "base"
    assert roster.crs.to_epsg() == CRS
    assert "longitude" not in roster
    degrees = roster.geometry.to_crs(4326)
    assert degrees.x[:3].round(9).tolist() == [121.39, 121.391, 121.392]
    pd.testing.assert_frame_equal(people, before)


def test_an_inner_point_of_the_community(people, communities):
    base = read_roster(people, communities=communities).geometry[3]
    assert communities.geometry[0].contains(base)
    by_name = people.assign(社区编码=["", "", "", "西山"])
    roster = read_roster(by_name, communities=communities)
    assert communities.geometry[1].contains(roster.geometry[3])
    assert roster["community_code"][3] == "370602001002"


def test_names_that_communities_share_are_not_guessed(people, communities):
    same = communities.assign(name="东山")
    with pytest.raises(SchemaError, match="rows 4"):
        read_roster(people.assign(社区编码=["", "", "", "东山"]), communities=same)


@pytest.mark.parametrize("ending", ["csv", "gb.csv", "xlsx"])
def test_formats(ending, people, tmp_path):
    path = tmp_path / f"roster.{ending}"
    sound = people.iloc[:3]
    if ending == "xlsx":
        with xlsxwriter.Workbook(str(path)) as book:
            sheet = book.add_worksheet()
            for j, name in enumerate(sound.columns):
                sheet.write(0, j, name)
                for i, value in enumerate(sound[name]):
                    sheet.write(i + 1, j, value)
            sheet.write_number(1, list(sound.columns).index("联系电话"), 13800000001)
    else:
        sound.to_csv(path, index=False, encoding="gb18030" if "gb" in ending else "utf-8")
    roster = read_roster(path)
    assert roster["person_id"].tolist() == ["P1", "P2", "P3"]
    assert roster["phone"][0] == "13800000001"
    assert roster["name"].tolist() == ["王小明", "李丽", "赵刚"]


def test_shapes_are_bases():
    points = gpd.GeoDataFrame(
        {"id": ["a"], "role": ["officer"]}, geometry=gpd.points_from_xy([2.35], [48.86]), crs=4326
    )
    roster = read_roster(points)
    assert roster.crs.to_epsg() == 32631
    assert roster.geometry.to_crs(4326).x.round(9).tolist() == [2.35]
    with pytest.raises(CRSError, match="does not say which CRS"):
        read_roster(points.set_crs(None, allow_override=True))


def test_phones_read_as_numbers(people):
    roster = read_roster(people.iloc[:2].assign(联系电话=[13800000000.0, np.nan]))
    assert roster["phone"].fillna("").tolist() == ["13800000000", ""]


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("人员编号", "", "without a number, rows 2"),
        ("人员编号", "P1", "more than once: P1 (rows 1, 2)"),
        ("角色", "厨师", "unknown role(s): 厨师 (rows 2)"),
        ("角色", "", "unknown role(s)"),
        ("最多负责网格数", "0", "whole number from 1: 0 (rows 2)"),
        ("最多负责网格数", "2.5", "whole number from 1: 2.5"),
        ("最多负责网格数", "很多", "whole number from 1: 很多"),
        ("最多负责网格数", "inf", "whole number from 1: inf"),
        ("联系电话", "1.38E+10", "not a phone number: 1.38E+10"),
        ("联系电话", "保密", "not a phone number: 保密"),
        ("起始日期", "去年", "valid_from is not a date: 去年"),
        ("终止日期", "2024-12-31", "end before they begin, rows 2"),
        ("经度", "", "unusable coordinates, rows 2"),
        ("经度", "x", "unusable coordinates, rows 2"),
        ("纬度", "121.39", "unusable coordinates, rows 2"),
    ],
)
def test_each_fault_names_its_row(column, value, told, people):
    spoiled = people.iloc[:3].reset_index(drop=True)
    spoiled.loc[1, column] = value
    with pytest.raises(SchemaError) as error:
        read_roster(spoiled)
    assert told in error.value.text("en")
    assert len(error.value.text("en").splitlines()) == 1


def test_all_faults_at_once(people):
    spoiled = people.assign(
        人员编号=["P1", "P1", "", "P4"],
        角色="厨师",
        最多负责网格数=["-1", "", "", ""],
        联系电话=["?", "", "", ""],
    )
    with pytest.raises(SchemaError) as error:
        read_roster(spoiled)
    assert len(error.value.text("en").splitlines()) == 6
    assert "neither coordinates nor a known community, rows 4" in error.value.text("en")
    assert "officer 民警" in error.value.text("zh")


def test_no_roster(people, tmp_path):
    with pytest.raises(SchemaError, match="missing column"):
        read_roster(people.drop(columns=["角色"]))
    with pytest.raises(SchemaError, match="0 row"):
        read_roster(people.iloc[:0])
    with pytest.raises(FileError, match="no such file"):
        read_roster(tmp_path / "a.xlsx")
    (tmp_path / "a.xlsx").write_bytes(b"garbage")
    with pytest.raises(FileError, match="cannot be read"):
        read_roster(tmp_path / "a.xlsx")


def test_crs_of_the_bases(people):
    sound = people.iloc[:3]
    assert read_roster(sound, crs=32651).crs.to_epsg() == 32651
    with pytest.raises(CRSError, match="not a plane in metres"):
        read_roster(sound, crs=4326)


def test_other_roles(people):
    roles = {"cook": Role("cook", "厨师", "Cook", 1, "", "", "", ("大厨",))}
    roster = read_roster(people.iloc[:3].assign(角色=["厨师", "COOK", "大厨"]), roles=roles)
    assert roster["role"].unique().tolist() == ["cook"]
