"""Nothing half-written, and every refusal says what to do."""

import pytest

from gridkit.errors import FileError
from gridkit.files import atomic_path, read_standard, split_head


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "map.html"
    path.write_text("old", "utf-8")
    with pytest.raises(UnicodeEncodeError), atomic_path(path) as temporary:
        temporary.write_text("half \ud800", "utf-8")
    assert path.read_text("utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["map.html"]


def test_success_takes_the_place_of_the_old_file_and_makes_the_folder(tmp_path):
    path = tmp_path / "new" / "map.html"
    with atomic_path(path) as temporary:
        assert temporary.suffix == ".html"
        temporary.write_text("new", "utf-8")
    assert path.read_text("utf-8") == "new"


def test_an_error_without_a_reason_of_the_system_still_says_why(tmp_path):
    with pytest.raises(FileError, match="disk is tired"), atomic_path(tmp_path / "a.csv"):
        raise OSError("disk is tired")


def test_a_file_of_the_city_that_cannot_be_read(tmp_path):
    with pytest.raises(FileError, match="no such file"):
        read_standard(tmp_path / "none.csv", "categories.csv")
    with pytest.raises(FileError, match="a folder"):
        read_standard(tmp_path, "categories.csv")
    (tmp_path / "gbk.csv").write_bytes("网格".encode("gbk"))
    with pytest.raises(FileError, match="UTF-8"):
        read_standard(tmp_path / "gbk.csv", "categories.csv")
    (tmp_path / "bom.csv").write_text("网格", "utf-8-sig")
    assert read_standard(tmp_path / "bom.csv", "x") == ("网格", str(tmp_path / "bom.csv"))


def test_head_and_lines_of_a_csv():
    head, lines = split_head("# name: 日历\n\n#source: a: b\ndate,kind\n2025-10-01,holiday\n")
    assert head == {"name": "日历", "source": "a: b"}
    assert lines == ["date,kind", "2025-10-01,holiday"]
