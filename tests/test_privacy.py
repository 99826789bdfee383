"""Masking: nobody's number or name gets through, however it was typed."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gridkit.errors import OptionError
from gridkit.privacy import (
    AUDIENCES,
    mask_counts,
    mask_name,
    mask_people,
    mask_phone,
    mask_points,
    mask_text,
    require_audience,
)


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13812341234", "138****1234"),
        ("１３８１２３４１２３４", "138****1234"),
        (13812341234, "138****1234"),
        (13812341234.0, "138****1234"),
        ("+86 138-1234-1234", "138****1234"),
        ("8613812341234", "138****1234"),
        ("008613812341234", "138****1234"),
        (" 138 1234 1234 ", " 138****1234 "),
        ("13812341234/19900001111", "138****1234/199****1111"),
        ("手机:13812341234（白天）", "**:138****1234(**)"),
        ("0535-6212345", "****-*****45"),
        ("05356212345", "*********45"),
        ("6212345", "*****45"),
        ("621234", "******"),
        ("12345", "*****"),
        ("110", "***"),
        ("12812341234", "*********34"),  # no mobile begins so
        ("138123412345", "**********45"),
        ("013812341234", "**********34"),
        ("370602199001011234", "****************34"),
        ("wx: zhang_san88", "**: *****_*****"),
        ("", ""),
        ("—", "—"),
    ],
)
def test_phones(phone, masked):
    assert mask_phone(phone) == masked
    assert mask_phone(masked) == masked


def test_masking_mobiles_twice_changes_nothing():
    once = mask_phone("13812341234; +86 19900001111")
    assert mask_phone(once) == once == "138****1234; 199****1111"


@given(st.text(alphabet="0123456789-+ /王a.()", max_size=30))
@settings(max_examples=200, deadline=None)
def test_at_most_seven_digits_of_any_number_remain(text):
    masked = mask_phone(text)
    for run in "".join(c if c in "0123456789* -" else "|" for c in masked).split("|"):
        assert not any(len(d) > 4 for d in run.replace("-", "*").replace(" ", "*").split("*"))
    assert "王" not in masked
    assert "a" not in masked
    assert sum(c.isdigit() for c in masked) <= max(sum(c.isdigit() for c in text) * 7 / 11, 2)


def test_missing_phones_stay_missing():
    assert mask_phone(None) is None
    assert mask_phone(np.nan) is None
    assert mask_phone(pd.NA) is None
    series = pd.Series(["13812341234", None, ""], index=[5, 5, 1], name="phone")
    out = mask_phone(series)
    assert out.index.tolist() == [5, 5, 1]
    assert out.isna().tolist() == [False, True, False]
    assert out.iloc[0] == "138****1234"
    numbers = mask_phone(pd.Series([13812341234, np.nan]))
    assert numbers.iloc[0] == "138****1234"
    assert numbers.isna().tolist() == [False, True]
    assert mask_phone(pd.Series([np.nan, np.nan])).isna().all()
    assert mask_phone(pd.Series([], dtype="str")).empty


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("王小明", "王**"),
        ("王明", "王*"),
        ("王", "王*"),
        ("欧阳娜娜", "欧阳**"),
        ("司马光", "司马*"),
        ("欧阳", "欧*"),  # two characters: 欧 is a surname too
        ("王 小 明", "王 * *"),
        (" 王小明", " 王**"),
        ("王小明、李红,欧阳修", "王**、李*,欧阳*"),
        ("王小明/李红", "王**/李*"),
        ("王小明（组长）", "王**（**）"),
        ("买买提·吐尔逊", "买**·***"),
        ("𠮷田一郎", "𠮷***"),
        ("John Smith", "J*** S****"),
        ("Anne-Marie O'Neil", "A***-M**** O'****"),
        ("José", "J***"),
        ("Jose\u0301", "J***"),
        ("王John", "王****"),
        ("", ""),
        ("—", "—"),
        ("王**", "王**"),
    ],
)
def test_names(name, masked):
    assert mask_name(name) == masked
    assert mask_name(masked) == masked


def test_missing_names_stay_missing():
    assert mask_name(None) is None
    out = mask_name(pd.Series(["王小明", None], index=["b", "a"]))
    assert out.index.tolist() == ["b", "a"]
    assert out.iloc[0] == "王**"
    assert out.isna().tolist() == [False, True]


ROSTER = gpd.GeoDataFrame(
    {
        "person_id": ["p1", "p2"],
        "name": ["王小明", None],
        "phone": ["13812341234", None],
        "backup_name": ["欧阳娜娜", "李红"],
        "backup_phone": ["0535-6212345", "13900001111"],
        "street_name": ["幸福街道", "世回尧街道"],
        "base": gpd.GeoSeries([shapely.Point(1, 2), shapely.Point(3, 4)], crs=4549),
    },
    geometry="base",
    crs=4549,
    index=[7, 7],
)


def test_three_audiences_of_one_roster():
    before = ROSTER.copy()
    internal, leaders, public = (mask_people(ROSTER, audience=a) for a in AUDIENCES)
    assert internal.equals(ROSTER)
    assert internal is not ROSTER
    assert leaders["name"].tolist()[0] == "王小明"
    assert leaders["phone"].tolist()[0] == public["phone"].tolist()[0] == "138****1234"
    assert leaders["backup_phone"].tolist() == ["****-*****45", "139****1111"]
    assert leaders["base"].equals(ROSTER["base"])
    assert public["name"].isna().tolist() == [False, True]
    assert public["backup_name"].tolist() == ["欧阳**", "李*"]
    assert public["street_name"].tolist() == ROSTER["street_name"].tolist()
    assert public["base"].isna().all()
    assert ROSTER.equals(before)
    for out in (internal, leaders, public):
        assert isinstance(out, gpd.GeoDataFrame)
        assert out.columns.tolist() == ROSTER.columns.tolist()
        assert out.index.tolist() == [7, 7]
        assert out.geometry.name == "base"
        assert out.crs == ROSTER.crs


def test_no_digit_of_a_whole_number_is_left_in_the_public_roster():
    text = mask_people(ROSTER, audience="public").to_csv()
    for secret in ("13812341234", "6212345", "小明", "娜娜", "POINT"):
        assert secret not in text


def test_tables_without_people():
    plain = pd.DataFrame({"level": ["cell"]})
    assert mask_people(plain, audience="public").equals(plain)
    assert mask_people(ROSTER.iloc[:0], audience="public").empty


def test_small_counts_are_withheld_from_the_public_only():
    counts = pd.Series([0, 1, 4, 5, None, 100], index=list("abcdef"))
    public = mask_counts(counts, audience="public")
    assert public.isna().tolist() == [False, True, True, False, True, False]
    assert public.dropna().tolist() == [0, 5, 100]
    assert public.index.tolist() == list("abcdef")
    for audience in ("internal", "leaders"):
        assert mask_counts(counts, audience=audience).isna().sum() == 1
    assert mask_counts(np.array([1, 2, 3]), audience="public", k=3).tolist() == [pd.NA, pd.NA, 3]
    assert mask_counts([], audience="public").empty
    assert counts.notna().sum() == 5


@pytest.mark.parametrize("values", [[1.5], [-1], ["many"]])
def test_what_is_not_a_count_is_refused(values):
    with pytest.raises(OptionError, match="whole numbers"):
        mask_counts(values, audience="public")


def test_unknown_audience():
    for call in (
        lambda: require_audience("Public"),
        lambda: mask_people(ROSTER, audience="everyone"),
        lambda: mask_counts([1], audience=""),
    ):
        with pytest.raises(OptionError, match="internal, leaders, public"):
            call()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("请回电13812341234", "请回电138****1234"),
        ("电话１３８１２３４１２３４，3号楼2单元", "电话138****1234，3号楼2单元"),
        ("0535-6212345", "****-*****45"),
        ("身份证370602199001011234", "身份证****************34"),
        ("110、12345、2025年5月", "110、12345、2025年5月"),
    ],
)
def test_numbers_within_texts_are_masked_and_words_stay(text, shown):
    assert mask_text(text) == shown
    assert mask_text(mask_text(text)) == shown
    assert mask_text(pd.Series([text, None])).tolist()[0] == shown


def test_the_public_sees_points_in_the_middle_of_squares():
    points = np.array([shapely.Point(7, 61), shapely.Point(), shapely.Point(49.9, 50)], object)
    for audience in ("internal", "leaders"):
        assert mask_points(points, audience=audience) is points
    seen = mask_points(points, audience="public")
    assert [p.wkt for p in seen] == ["POINT (25 75)", "POINT EMPTY", "POINT (25 75)"]
    with pytest.raises(OptionError):
        mask_points(points, audience="everybody")
