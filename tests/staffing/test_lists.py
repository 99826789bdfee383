"""Posting lists: everything is on them, once, and masked for its audience."""

import pandas as pd
import pytest
import python_calamine

from gridkit import posting_lists, write_xlsx
from gridkit.errors import OptionError, SchemaError

AREAS = pd.DataFrame(
    {
        "cell_code": ["a2", "a1", "a3"],
        "name": ["二格", "一格", "=1+1"],
        "street_code": ["s1", "s1", "s2"],
    }
)
ROSTER = pd.DataFrame(
    {
        "person_id": ["p1", "p2", "p3"],
        "role": ["officer", "cleaner", "cleaner"],
        "name": ["王小明", "李丽", None],
        "phone": ["13812341234", "13900000000", None],
        "responsible_unit": ["派出所", "环卫所", "环卫所"],
        "supervisor_id": [None, "p1", "p1"],
    }
)
POSTS = pd.DataFrame(
    [
        ("cell", "a1", "officer", None, "p1", None),
        ("cell", "a2", "officer", None, "p1", None),
        ("cell", "a3", "officer", None, None, None),
        ("cell", "a1", "cleaner", "06:00-14:00", "p2", "p3"),
        ("cell", "a1", "cleaner", "14:00-22:00", "p3", None),
    ],
    columns=["level", "area_code", "role", "slot", "person_id", "backup_id"],
)


def test_by_area_every_area_stands_in_its_order_with_everybody():
    table = posting_lists(POSTS, AREAS, ROSTER)["按区域"].set_index("网格编码")
    assert table.index.tolist() == ["a2", "a1", "a3"]
    assert table["民警"].to_dict() == {"a1": "王小明", "a2": "王小明", "a3": "空缺"}
    assert table.loc["a1", "保洁员"] == "李丽\np3"
    assert table.loc["a1", "保洁员 时段"] == "06:00-14:00\n14:00-22:00"
    assert table.loc["a2", "保洁员"] == ""


def test_by_person_and_by_street_add_up():
    sheets = posting_lists(POSTS, AREAS, ROSTER, lang="en")
    people = sheets["By person"].set_index("person_id")
    assert people.loc["p1", "Area codes"] == "a1, a2"
    assert people.loc["p2", ["supervisor_id", "backup_id"]].tolist() == ["王小明", "p3"]
    assert people["Areas"].sum() == POSTS["person_id"].notna().sum()
    streets = sheets["By street"]
    assert streets["Posts"].sum() == len(POSTS)
    assert (streets["Posts"] == streets["Filled"] + streets["Vacant"]).all()
    assert streets["Vacant"].sum() == 1


@pytest.mark.parametrize(
    ("audience", "name", "phone"),
    [
        ("internal", "王小明", "13812341234"),
        ("leaders", "王小明", "138****1234"),
        ("public", "王**", "138****1234"),
    ],
)
def test_masked_for_the_audience(audience, name, phone):
    sheets = posting_lists(POSTS, AREAS, ROSTER, audience=audience)
    row = sheets["按人员"].set_index("人员编号").loc["p1"]
    assert (row["姓名"], row["联系电话"]) == (name, phone)
    assert sheets["按人员"].set_index("人员编号").loc["p2", "上级人员"] == name
    text = "".join(table.to_csv() for table in sheets.values())
    assert ("13812341234" in text) == (audience == "internal")


def test_the_workbook_opens_and_formulas_stay_text(tmp_path):
    write_xlsx(tmp_path / "l.xlsx", posting_lists(POSTS, AREAS, ROSTER))
    book = python_calamine.CalamineWorkbook.from_path(tmp_path / "l.xlsx")
    assert book.sheet_names == ["按区域", "按人员", "按街道"]
    rows = book.get_sheet_by_name("按区域").to_python()
    assert rows[0][:3] == ["网格编码", "网格名称", "街道编码"]
    assert rows[3][1] == "=1+1"


def test_nobody_and_nothing():
    empty = posting_lists(POSTS.iloc[:0], AREAS, ROSTER)
    assert len(empty["按区域"]) == 3
    assert len(empty["按人员"]) == len(empty["按街道"]) == 0
    with pytest.raises(OptionError):
        posting_lists(POSTS, AREAS, ROSTER, audience="everybody")
    with pytest.raises(SchemaError):
        posting_lists(POSTS.drop(columns="role"), AREAS, ROSTER)
    with pytest.raises(SchemaError, match="cell_code"):
        posting_lists(POSTS, AREAS.drop(columns="cell_code"), ROSTER)
    with pytest.raises(SchemaError, match="person_id"):
        posting_lists(POSTS, AREAS, ROSTER.drop(columns="person_id"))
