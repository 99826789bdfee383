"""Addresses: each rung, each refusal, laws that hold for any text, and reports placed by them."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString, Point, box

import gridkit as gk
from gridkit.errors import CRSError, OptionError, SchemaError

CRS = 4549
# 解放路 runs east along y = 0, 建设路 north along x = 500; 文化路 exists twice, 6 km apart.
PLATES = {10: 60, 12: 80, 20: 160, 11: 70, 13: 95, 15: 120}


def places():
    rows = [
        ("临海区", "district", box(-500, -900, 9000, 900), "", None, None),
        ("港城街道", "office", box(-500, -900, 4000, 900), "370699001", None, None),
        ("望海街道", "office", box(4000, -900, 9000, 900), "370699002", None, None),
        ("友谊社区", "community", box(-500, -900, 1000, 900), "370699001001", None, None),
        ("海峡社区", "community", box(4000, -900, 9000, 900), "370699002001", None, None),
        ("解放路", "street", LineString([(0, 0), (1000, 0)]), None, None, None),
        ("建设路", "street", LineString([(500, -800), (500, 800)]), None, None, None),
        ("文化路", "street", LineString([(100, 300), (250, 300)]), None, None, None),
        ("文化路", "street", LineString([(6100, 300), (6250, 300)]), None, None, None),
        ("泰山北街", "street", LineString([(0, 600), (90, 600)]), None, None, None),
        ("金桂花园", "area", box(600, 100, 700, 180), None, None, None),
        ("七", "plate", Point(620, 120), None, "金桂花园", "7号楼"),
        ("人民医院", "poi", box(300, 100, 340, 140), None, None, None),
        ("解放路小学", "poi", Point(6100, 200), None, None, None),
    ]
    rows += [
        (f"解放路{n}号", "plate", Point(x, 8 if n % 2 else -8), None, "解放路", str(n))
        for n, x in PLATES.items()
    ]
    columns = ["name", "kind", "geometry", "community_code", "street", "number"]
    data = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
    return gpd.GeoDataFrame(data, geometry="geometry", crs=CRS)


@pytest.fixture(scope="module")
def gazetteer():
    return gk.Gazetteer(places())


def one(text, gazetteer, **options):
    return gk.match_addresses([text], gazetteer, **options).found.iloc[0]


@pytest.mark.parametrize(
    ("text", "rung", "x", "y"),
    [
        ("解放路12号", "plate", 80, -8),
        ("山东省烟台市临海区港城街道友谊社区解放路十二号3号楼2单元501室", "plate", 80, -8),
        ("友谊社区居委会，解放路 １２ 号", "plate", 80, -8),
        ("位于解放路13号的井盖破损", "plate", 95, 8),
        ("解放路16号", "between", 120, -8),
        ("解放路与建设路路口", "crossing", 500, 0),
        ("建设路解放路交叉口东北角", "crossing", 500, 0),
        ("解放路（近建设路）", "crossing", 500, 0),
        ("建设路与解放路路口以南一百米", "crossing", 500, -100),
        ("解放路/建设路路口向西200米", "crossing", 300, 0),
        ("人民医院东侧", "poi", 320, 120),
        ("烟台市人民医院", "poi", 320, 120),
        ("金桂花园七号楼", "plate", 620, 120),
        ("金桂花园7栋1单元", "plate", 620, 120),
        ("金桂花园9号楼", "area", 650, 140),
        ("金桂花园内", "area", 650, 140),
        ("海峡社区文化路", "street_part", 6175, 300),
        ("友谊社区文化路", "street_part", 175, 300),
        ("解放路小学门口", "poi", 6100, 200),
        ("泰山北街", "street", 45, 600),
        ("友谊社区秦山北街", "street_part", 45, 600),
    ],
)
def test_each_rung(text, rung, x, y, gazetteer):
    found = one(text, gazetteer)
    assert pd.isna(found["refused"])
    assert found["rung"] == rung
    assert found.geometry.distance(Point(x, y)) < 1e-6
    assert 0 < found["accuracy_m"] <= 150


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (None, "empty"),
        ("  ", "empty"),
        ("莱山区解放路12号", "elsewhere"),
        ("不详", "unknown"),
        ("新解放路12号", "unknown"),
        ("解放路东巷12号", "unknown"),
        ("解放路幼儿园", "unknown"),
        ("和平路12号", "unknown"),
        ("解方路12号", "unknown"),
        ("牟平镇解放路12号", "unknown"),
        ("秦山北街", "unknown"),
        ("解放路998号", "no_such_number"),
        ("文化路997号", "no_such_number"),
        ("海峡社区解放路12号", "conflict"),
        ("解放路与文化路路口", "conflict"),
        ("文化路", "ambiguous"),
        ("解放路", "vague"),
        ("友谊社区垃圾桶旁", "vague"),
        ("人民医院附近200米", "vague"),
    ],
)
def test_each_refusal(text, refused, gazetteer):
    found = one(text, gazetteer)
    assert found["refused"] == refused
    assert found.geometry.is_empty


def test_every_reason_and_rung_is_met():
    """The lists above meet all that can be answered."""
    from gridkit.location.addresses import REASONS, RUNGS

    marks = [m for f in (test_each_rung, test_each_refusal) for m in f.pytestmark]
    values = {case[1] for mark in marks for case in mark.args[1]}
    assert values >= {*REASONS, *RUNGS} - {"community"}


def test_a_short_slip_counts_where_a_zone_vouches(gazetteer):
    assert pd.isna(one("友谊社区解方路12号", gazetteer)["refused"])


def test_the_community_answers_for_what_has_no_place(gazetteer):
    assert one("友谊社区垃圾桶旁", gazetteer)["community_code"] == "370699001001"
    assert one("文化路", gazetteer)["community_code"] is None or pd.isna(
        one("文化路", gazetteer)["community_code"]
    )
    assert one("泰山北街", gazetteer)["community_code"] == "370699001001"


def test_ambiguous_addresses_keep_all_their_places(gazetteer):
    candidates = gk.match_addresses(["文化路"], gazetteer).candidates
    assert sorted(candidates.geometry.x) == [175, 6175]
    cells = gpd.GeoDataFrame(
        {"cell_code": ["W", "E"]}, geometry=[box(-500, -900, 3000, 900), box(3000, -900, 9000, 900)]
    ).set_crs(CRS)
    assert sorted(gk.locate(candidates, cells)["cell_code"]) == ["E", "W"]


def test_vague_words_widen_and_never_move(gazetteer):
    plain, near, beside = (one(f"解放路12号{w}", gazetteer) for w in ("", "附近", "东侧"))
    assert plain["accuracy_m"] < beside["accuracy_m"] < near["accuracy_m"]
    assert plain.geometry.equals(near.geometry)


def test_the_limit_of_accuracy_is_the_callers(gazetteer):
    assert pd.isna(one("解放路", gazetteer, most_m=600)["refused"])
    assert one("人民医院东侧", gazetteer, most_m=50)["refused"] == "vague"
    with pytest.raises(OptionError, match="most_m"):
        one("解放路", gazetteer, most_m=0)


def test_between_stays_between_and_in_order(gazetteer):
    x = [one(f"解放路{n}号", gazetteer).geometry.x for n in (12, 14, 16, 18, 20)]
    assert x == sorted(x)
    assert (x[0], x[-1]) == (80, 160)


def test_a_few_beyond_the_last_plate(gazetteer):
    found = one("解放路26号", gazetteer)
    assert (found["rung"], found.geometry.x) == ("between", 160)
    assert found["accuracy_m"] > one("解放路22号", gazetteer)["accuracy_m"]


def test_us_ranges_streets_and_crossings():
    lines = [LineString([(0, 0), (100, 0)]), LineString([(100, 0), (300, 0)])]
    lines += [LineString([(100, -99), (100, 99)])]
    streets = gpd.GeoDataFrame(
        {
            "name": ["N MAIN ST", "N MAIN ST", "OAK AVE"],
            "kind": "street",
            "left_from": [101, 201, 0],
            "left_to": [125, 225, 0],
            "right_from": [100, 226, 0],
            "right_to": [198, 200, 0],
        },
        geometry=lines,
        crs=32618,
    )
    gazetteer = gk.Gazetteer(streets)
    assert one("113 Main Street North", gazetteer).geometry.equals(Point(50, 0))
    # Drawn against the numbers.
    assert one("213 N MAIN ST APT 3", gazetteer).geometry.equals(Point(200, 0))
    assert one("226 N Main St", gazetteer).geometry.equals(Point(100, 0))
    # A whole hundred on one block: somewhere between its linear place and the end.
    assert one("100 N MAIN ST", gazetteer).geometry.equals(Point(50, 0))
    assert one("100 BLK N MAIN ST", gazetteer)["rung"] == "between"
    assert one("MAIN ST & OAK AVE", gazetteer).geometry.equals(Point(100, 0))
    assert one("113 N MAIN ST & OAK A", gazetteer).geometry.equals(Point(50, 0))
    assert one("113 S MAIN ST", gazetteer)["refused"] == "unknown"
    assert one("999 N MAIN ST", gazetteer)["refused"] == "no_such_number"
    assert one("113 N MAIN ST REAR", gazetteer)["accuracy_m"] > 100


def test_any_text_gets_an_answer(gazetteer):
    """Fragments in any order: no crash, one row each, and an accepted point is near its name."""
    rng = np.random.default_rng(0)
    bits = [
        "解放路",
        "建设路",
        "文化路",
        "12",
        "号",
        "一百",
        "米",
        "与",
        "路口",
        "以南",
        "东",
        "侧",
        "社区",
    ]
    bits += [
        "友谊社区",
        "新",
        "巷",
        "金桂花园",
        "7号楼",
        "（",
        "）",
        "，",
        "#",
        "-",
        "附1号",
        "附近",
        "区",
    ]
    bits += [
        "<b>",
        "{{7*7}}",
        "=1+1",
        "\u202e",
        "\x00",
        "&",
        "N MAIN ST",
        "甲",
        "之",
        "NO.",
        "🏠",
        "ａ",
    ]
    texts = ["".join(rng.choice(bits, rng.integers(1, 9))) for _ in range(3000)]
    matches = gk.match_addresses(texts, gazetteer)
    found = matches.found
    assert len(found) == len(texts)
    accepted = found["refused"].isna()
    assert 100 < accepted.sum() < 2500
    assert (~found[accepted].geometry.is_empty).all()
    assert (found[~accepted].geometry.is_empty).all()
    assert (found.loc[accepted, "accuracy_m"] <= 150).all()
    extent = box(-2200, -2200, 9000, 2200)
    assert matches.candidates.geometry.intersects(extent.buffer(5000)).mean() > 0.9


def test_rows_do_not_influence_each_other(gazetteer):
    texts = ["解放路12号", "文化路", None, "人民医院东侧", "解放路与建设路路口", "解放路12号"]
    whole = gk.match_addresses(texts, gazetteer).found
    for i, text in enumerate(texts):
        alone = gk.match_addresses([text], gazetteer).found
        pd.testing.assert_frame_equal(
            pd.DataFrame(alone), pd.DataFrame(whole.iloc[[i]].reset_index(drop=True))
        )


@pytest.fixture
def cells():
    return gpd.GeoDataFrame(
        {"cell_code": ["W", "E"]},
        geometry=[box(-500, -900, 90, 900), box(90, -900, 3000, 900)],
        crs=CRS,
    )


@pytest.fixture
def reports():
    return gpd.GeoDataFrame(
        {
            "report_id": list("abcdef"),
            "address": ["解放路12号", "解放路11号", "文化路", "建设路", None, "友谊社区垃圾桶旁"],
            "accuracy_m": [np.nan, 7.0, np.nan, np.nan, np.nan, np.nan],
        },
        geometry=[Point(), Point(500, 5), Point(), Point(), Point(), None],
        index=[10, 11, 12, 13, 14, 15],
        crs=CRS,
    )


def test_reports_without_coordinates_get_their_cell(reports, cells, gazetteer):
    before = reports.copy()
    located = gk.locate(reports, cells, gazetteer=gazetteer)
    assert located.index.tolist() == reports.index.tolist()
    assert located["located_by"].tolist() == ["address", "inside", *["unlocated"] * 4]
    assert located["cell_code"].fillna("").tolist() == ["W", "E", "", "", "", ""]
    assert located["address_refused"].fillna("").tolist() == [
        "",
        "",
        "ambiguous",
        "vague",
        "empty",
        "vague",
    ]
    # 10 m from the border with an accuracy of 30 m; coordinates are left alone.
    assert located["ambiguous"].tolist() == [True, *[False] * 5]
    assert located["alt_cell_code"].iloc[0] == "E"
    assert located["accuracy_m"].fillna(0).tolist() == [30, 7, 0, 0, 0, 0]
    assert located["community_code"].iloc[5] == "370699001001"
    assert located.geometry.iloc[1].equals(Point(500, 5))
    pd.testing.assert_frame_equal(pd.DataFrame(reports), pd.DataFrame(before))


def test_without_a_gazetteer_nothing_changes(reports, cells):
    located = gk.locate(reports, cells)
    assert "address_rung" not in located
    assert located["located_by"].tolist() == ["unlocated", "inside", *["unlocated"] * 4]


def test_what_cannot_be_is_said(reports, cells, gazetteer):
    with pytest.raises(SchemaError, match="address"):
        gk.locate(reports.drop(columns="address"), cells, gazetteer=gazetteer)
    with pytest.raises(SchemaError, match="address_rung"):
        gk.locate(reports.assign(address_rung="x"), cells, gazetteer=gazetteer)
    other = gk.Gazetteer(places().set_crs(4548, allow_override=True))
    with pytest.raises(CRSError):
        gk.locate(reports, cells, gazetteer=other)


def test_answers_are_explained(reports, cells, gazetteer):
    located = gk.locate(reports, cells, gazetteer=gazetteer)
    said = [gk.explain(row, lang="en") for _, row in located.iterrows()]
    assert "found as 解放路12 (a door plate), exact to about 30 m, in the cell W" in said[0]
    assert "The cell E lies within that accuracy" in said[0]
    assert "several places" in said[2]
    assert "too vague" in said[3]
    assert "neither coordinates nor an address" in said[4]
    assert "community 370699001001 answers" in said[5]
    assert all(gk.explain(row) != gk.explain(row, lang="en") for _, row in located.iterrows())


def test_the_community_is_on_duty_for_what_has_no_place(reports, cells, gazetteer):
    located = gk.locate(reports, cells, gazetteer=gazetteer)
    posts = pd.DataFrame(
        {
            "level": ["community"],
            "area_code": ["370699001001"],
            "role": ["cadre"],
            "person_id": ["P1"],
        }
    )
    at = pd.Timestamp("2026-03-02 10:00", tz="Asia/Shanghai")
    who = gk.on_duty(posts, located, at=at).set_index("report_id")
    assert who.loc["f", ["person_id", "level", "via", "reason"]].tolist() == [
        "P1",
        "community",
        "own",
        "",
    ]
    assert who.loc["e", "reason"] == "no_area"
