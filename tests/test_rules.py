"""What a city may replace: read whole or refused with every fault named."""

import pytest

from gridkit.errors import FileError, SchemaError
from gridkit.rules import load_categories, load_levels, load_roles, load_stage_limits

HEADER = "code,kind,zh,en,class_zh,class_en,limit\n"


def write(tmp_path, text):
    path = tmp_path / "own.txt"
    path.write_text(text, "utf-8")
    return path


def role(code="warden", most="2"):
    return f'[[role]]\ncode = "{code}"\nzh = "格长"\nen = "Warden"\nmax_areas = {most}\n'


def test_a_changed_answer_changes_nobody_elses():
    load_categories().clear()
    assert "E0405" in load_categories()


def test_a_file_is_read_anew_each_time(tmp_path):
    path = write(tmp_path, "# source: us\n" + HEADER + "X1,event,甲,a,乙,b,1天\n")
    assert load_categories(path)["X1"].source == "us"
    write(tmp_path, HEADER + "X2,event,甲,a,乙,b\n")
    assert load_categories(path)["X2"].limit == ""


def test_all_faults_of_a_table_at_once(tmp_path):
    lines = "X1,event,甲,a,乙,b,1天\nX1,other,甲,a,乙,b,1天\n"
    with pytest.raises(SchemaError) as caught:
        load_categories(write(tmp_path, HEADER + lines))
    assert "row 2 repeats the code 'X1'" in caught.value.en
    assert "kind 'other'" in caught.value.en
    with pytest.raises(SchemaError, match="header has no 'limit'"):
        load_categories(write(tmp_path, HEADER.replace(",limit", "")))


def test_own_roles(tmp_path):
    (only,) = load_roles(write(tmp_path, role())).values()
    assert (only.code, only.max_areas, only.duty, only.aliases) == ("warden", 2, "", ())


@pytest.mark.parametrize("most", ['"many"', "0", "-3", "1.5", "true"])
def test_a_capacity_that_cannot_be_used_is_named(tmp_path, most):
    with pytest.raises(SchemaError, match=r"role\[0\] has max_areas = .*1 or more"):
        load_roles(write(tmp_path, role(most=most)))


def test_no_row_is_lost_to_another_of_its_code(tmp_path):
    with pytest.raises(SchemaError, match="repeats the code 'warden'"):
        load_roles(write(tmp_path, role() + role()))
    stages = '[[stage]]\ncode = "close"\nlimit = "1天"\n' * 2
    with pytest.raises(SchemaError, match="repeats the code 'close'"):
        load_stage_limits(write(tmp_path, stages))
    level = '[[level]]\ncode = "cell"\nzh = "网格"\nen = "cell"\ndigits = "15"\n'
    with pytest.raises(SchemaError, match="digits = '15'"):
        load_levels(write(tmp_path, level))


def test_unreadable_toml(tmp_path):
    with pytest.raises(FileError, match="not a TOML file"):
        load_roles(write(tmp_path, "[[role"))
    with pytest.raises(FileError, match="a folder"):
        load_roles(tmp_path)


def test_what_a_role_may_ask_for(tmp_path):
    own = 'slots = ["08:00-12:00"]\nown = "street"\nmax_distance_m = 800\nbeats = true\n'
    (only,) = load_roles(write(tmp_path, role() + own + 'supervisor = "warden"\n')).values()
    assert (only.slots, only.own, only.max_distance_m) == (("08:00-12:00",), "street", 800.0)
    assert (only.beats, only.supervisor, only.level, only.qualification) == (True, "warden", "", "")


def test_all_choices_of_a_role_that_cannot_be_used_are_named(tmp_path):
    wrong = 'own = "city"\nbeats = "yes"\nsupervisor = "chief"\n'
    with pytest.raises(SchemaError) as caught:
        load_roles(write(tmp_path, role() + wrong))
    told = caught.value.text("en")
    assert "own = 'city'. Choose one of: community, street, unit." in told
    assert "beats = 'yes'. Choose one of: false, true." in told
    assert "supervisor = 'chief'. Choose one of: warden." in told
    with pytest.raises(SchemaError, match="max_distance_m = 0"):
        load_roles(write(tmp_path, role() + "max_distance_m = 0\n"))
