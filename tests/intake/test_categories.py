"""A city's own categories from workbooks and text; suggestions that decide nothing."""

import pandas as pd
import pytest
import xlsxwriter

import gridkit as gk
from gridkit.errors import FileError, SchemaError

HEAD = [
    "类型",
    "大类名称",
    "小类代码",
    "小类名称",
    "立案条件",
    "处置时限",
    "结案条件",
    "处置部门",
    "主管部门",
]
ROWS = [
    ["部件", "公用设施", "0102", "污水井盖", "缺失", "2紧急工作时", "补齐", "市政所", "住建局"],
    [None, None, None, None, "破损", "1工作日", "修复", "市政所", "住建局"],
    ["事件", "街面秩序", "0405", "店外经营", None, "2工作时", "撤除", "城管中队", "城管局"],
    ["事件", "市容环境", "9901", "本地类", None, "种植季节15天", None, None, None],
]


def workbook(path, rows, title="临海区标准"):
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write(0, 0, title)
    for i, row in enumerate([HEAD, *rows], 2):
        sheet.write_row(i, 0, row)
    book.close()
    return path


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_a_table_as_cities_print_it(tmp_path, kind):
    path = tmp_path / f"标准.{kind}"
    if kind == "xlsx":
        workbook(path, ROWS)
    else:
        pd.DataFrame(ROWS, columns=HEAD).to_csv(path, index=False, encoding="gb18030")
    known = gk.read_categories(path, scheme="临海区 2026")
    assert list(known) == ["C0102", "E0405", "E9901"]
    cover = known["C0102"]
    assert (cover.kind, cover.class_zh, cover.scheme) == ("component", "公用设施", "临海区 2026")
    assert [(r.condition, r.limit, r.closing) for r in cover.rules] == [
        ("缺失", "2紧急工作时", "补齐"),
        ("破损", "1工作日", "修复"),
    ]
    assert cover.limit == "2紧急工作时"
    assert cover.rule("破损").limit == "1工作日"
    assert cover.rule("别的") == cover.rule() == cover.rules[0]
    assert known["E0405"].rule().supervising_unit == "城管局"
    assert gk.parse_limits(pd.Series([c.limit for c in known.values()])).unread[
        "text"
    ].tolist() == ["种植季节15天"]


def test_the_samples_have_one_rule_each():
    known = gk.load_categories()
    assert {c.rules for c in known.values()} == {()}
    assert known["C0102"].rule().limit == known["C0102"].limit
    assert "partial" in known["C0102"].scheme


def test_what_is_wrong_is_said_at_once(tmp_path):
    rows = [
        *ROWS,
        ["部件", "x", "0102", "污水井盖", "缺失", "1工作日"],
        ["物件", "x", "1", "y", "", "1天"],
    ]
    with pytest.raises(SchemaError) as caught:
        gk.read_categories(workbook(tmp_path / "a.xlsx", rows))
    assert "物件" in caught.value.en
    assert "C0102 缺失" in caught.value.en
    pd.DataFrame({"小类代码": ["1"], "名称": ["x"]}).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(SchemaError) as caught:
        gk.read_categories(tmp_path / "b.csv")
    assert {"kind", "limit"} <= set(caught.value.en.replace(":", " ").replace(";", " ").split())
    with pytest.raises(FileError):
        gk.read_categories(tmp_path / "none.csv")
    with pytest.raises(SchemaError, match="limit"):
        gk.read_categories(
            workbook(tmp_path / "c.xlsx", [["事件", "x", "0101", "y", "在建", None]])
        )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("路口有游商", "无照经营游商"),
        ("污水井盖不见了", "污水井盖"),
        ("工地扬尘太大", "工地扬尘"),
        ("overflowing shop goods outside", None),
        ("树上有很多病虫害", "病虫害"),
    ],
)
def test_suggestions(text, name):
    found = gk.suggest_category(text)
    if name:
        assert found["zh"].iloc[0] == name
        assert found["score"].is_monotonic_decreasing
        assert found["score"].between(0, 1).all()
    assert len(gk.suggest_category(text, most=1)) <= 1


def test_every_category_suggests_itself():
    known = gk.load_categories()
    for code, category in known.items():
        assert code in gk.suggest_category(f"这里有{category.zh}的问题")["code"].tolist()


@pytest.mark.parametrize("text", ["", "你好", "<script>", "12345", "🏠"])
def test_nothing_to_suggest(text):
    found = gk.suggest_category(text)
    assert found.empty
    assert list(found.columns) == ["code", "kind", "zh", "en", "score", "met"]
