"""One spelling for addresses: numerals, widths, signs, door numbers, English street names."""

import pytest

from gridkit.intake.address_text import door_number, english_key, plain_address

ONES = "零一二三四五六七八九"


def spoken(n: int) -> str:
    """Write a number below 10,000 as it is spoken; by the grammar, not by the code under test."""
    words, pending_zero = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = n // unit % 10
        if digit:
            words += ("零" if pending_zero and words else "") + ONES[digit] + name
            pending_zero = False
        else:
            pending_zero = bool(words)
    return words.removeprefix("一") if words.startswith("一十") else words


def test_every_number_as_it_is_spoken():
    for n in range(1, 10_000):
        assert plain_address(f"解放路{spoken(n)}号") == f"解放路{n}号"


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("解放路廿五号", "解放路25号"),
        ("解放路一百二号", "解放路120号"),
        ("解放路一二三号", "解放路123号"),
        ("解放路二〇一号", "解放路201号"),
        ("解放路１２３号", "解放路123号"),
        ("解放 路 12 号", "解放路12号"),
        ("解放路12#", "解放路12号"),
        ("金桂花园七#楼", "金桂花园7号楼"),
        ("解放路12—1号", "解放路12-1号"),
        ("解放\u200b路12号\ufeff", "解放路12号"),
        ("五一路三号", "五一路3号"),
        ("三元桥", "三元桥"),
        ("十字街", "十字街"),
        ("第一小学", "第一小学"),
        ("建设三号路", "建设三号路"),
        ("往南一百米", "往南100米"),
        ("三楼", "3楼"),
    ],
)
def test_one_spelling(written, plain):
    assert plain_address(written) == plain


@pytest.mark.parametrize(
    ("text", "number", "annex", "building"),
    [
        ("12号", 12, "", False),
        ("12-1号", 12, "1", False),
        ("12号-1", 12, "1", False),
        ("12号附1号", 12, "1", False),
        ("12号之一".replace("一", "1"), 12, "1", False),
        ("甲12号", 12, "甲", False),
        ("12号甲", 12, "甲", False),
        ("12-14号", 12, "", False),
        ("12、14、16号", 12, "", False),
        ("7号楼", 7, "", True),
        ("7幢", 7, "", True),
        ("12", 12, "", False),
        ("27号2楼", 27, "", False),
        ("NO.9", 9, "", False),
    ],
)
def test_door_numbers(text, number, annex, building):
    door = door_number(text)
    assert (door.number, door.annex, door.building) == (number, annex, building)


@pytest.mark.parametrize("text", ["100米", "3号路", "2026年", "号", "", "东12号", "1234567号"])
def test_what_is_no_door_number(text):
    assert door_number(text) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("S SALINA ST", "Salina Street South"),
        ("ERIE BLVD E", "E Erie Boulevard"),
        ("GLASS TERR", "Glass Ter."),
        ("SAINT MARKS AVE", "ST MARKS AVENUE"),
    ],
)
def test_one_street_however_it_is_written(one, other):
    assert english_key(one) == english_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("EUCLID AVE", "EUCLID TER"), ("N MAIN ST", "S MAIN ST"), ("AVENUE A", "A")]
)
def test_streets_that_differ(one, other):
    assert english_key(one) != english_key(other)
