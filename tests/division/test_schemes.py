import itertools
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridkit.division.codes import number_cells
from gridkit.division.schemes import CodeScheme
from gridkit.errors import OptionError, SchemaError

A, B = "370602001001", "370602001002"
UNIT, DUTY, PRO = CodeScheme(), CodeScheme.duty(), CodeScheme.professional("010203")


@given(st.integers(0, 10**12 - 1), st.integers(0, 99))
def test_what_is_formatted_parses(above, sequence):
    parent = f"{above:012d}"
    for scheme in (UNIT, DUTY, PRO):
        code = scheme.format(parent, sequence)
        parts = scheme.parse(code)
        joined = "".join(parts[name] for name, _ in scheme.parts)
        assert scheme.head + joined == code
        assert int(parts["cell"]) == sequence
        assert scheme.parents(pd.Series([code])).tolist() == [parent]
        assert scheme.sequences(pd.Series([code])).tolist() == [sequence]
        assert re.fullmatch(scheme.regex, code)


def test_widths():
    assert [len(s.format(A, 1)) for s in (UNIT, DUTY, PRO)] == [15, 16, 20]
    assert [s.last for s in (UNIT, DUTY, PRO)] == [999, 999, 99]


@pytest.mark.parametrize(("a", "b"), list(itertools.combinations([UNIT, DUTY, PRO], 2)))
def test_schemes_are_apart(a, b):
    assert a.disjoint(b)
    assert b.disjoint(a)


def test_schemes_that_can_collide_are_told():
    assert not UNIT.disjoint(UNIT)
    assert not UNIT.disjoint(CodeScheme.free())
    sixteen = CodeScheme("vendor", (("parent", 12), ("cell", 4)))
    assert UNIT.disjoint(sixteen)
    assert DUTY.disjoint(sixteen)
    assert not sixteen.disjoint(CodeScheme("x", (("parent", 12), ("cell", 3)), head="7"))
    assert PRO.disjoint(CodeScheme.professional("010204"))


@given(st.text("0123456789D", min_size=13, max_size=17))
def test_no_code_fits_two_disjoint_schemes(code):
    fitting = [s for s in (UNIT, DUTY, PRO) if re.fullmatch(s.regex, code)]
    assert len(fitting) <= 1


@pytest.mark.parametrize(
    ("digits", "kind"),
    [
        ("000", ""), ("001", "sub_district"), ("099", "sub_district"), ("100", "town"),
        ("199", "town"), ("200", "township"), ("399", "township"), ("400", "enterprise"),
        ("599", "enterprise"), ("600", ""), ("999", ""),
    ],
)  # fmt: skip
def test_street_digits(digits, kind):
    assert UNIT.parse(f"370602{digits}001001")["street_kind"] == kind


def test_community_digits():
    kinds = {d: UNIT.parse(f"370602001{d}001")["community_kind"] for d in ("001", "200", "601")}
    assert kinds == {"001": "residents_committee", "200": "village_committee", "601": ""}
    assert PRO.parse("010203" + "370602001601" + "00")["community_kind"] == "merged_community"


def test_a_code_of_another_kind_is_refused():
    for bad in ("37060200100100", "3706020010010011", "37060200100100X", "", "D70602001001001"):
        with pytest.raises(SchemaError, match="do not fit"):
            UNIT.parse(bad)
    with pytest.raises(SchemaError) as error:
        UNIT.check(pd.Series([A + "001", "x", "y", None], index=[7, 7, 7, 7]))
    assert "'x', 'y', " in error.value.en
    assert "rows 1, 2, 3" in error.value.en


def test_sequences_that_do_not_fit():
    for sequence in (-1, 1000):
        with pytest.raises(OptionError, match="from 0 to 999"):
            UNIT.format(A, sequence)
    with pytest.raises(OptionError, match="does not fit"):
        UNIT.format(A[:-1], 1)


def test_schemes_that_make_no_sense():
    with pytest.raises(OptionError, match="digits"):
        CodeScheme(parts=())
    with pytest.raises(OptionError, match="digits=0"):
        CodeScheme.free(digits=0)
    with pytest.raises(OptionError, match="regular expression"):
        CodeScheme.free("[")
    with pytest.raises(OptionError, match="6 digits"):
        CodeScheme.professional("12345")


def test_free_codes():
    beats = CodeScheme.free(r"[NS]-[0-9]{2}", digits=2)
    assert beats.format("N-", 7) == "N-07"
    assert beats.parse("N-07") == {"parent": "N-", "cell": "07"}
    with pytest.raises(OptionError):
        beats.format("W-", 7)


def test_duty_cells_and_professional_cells_are_numbered(make):
    cells = make.squares(3, 1, community_code=[A, A, B])
    duty = number_cells(cells, scheme=DUTY)
    assert duty["cell_code"].tolist() == [f"D{A}001", f"D{A}002", f"D{B}001"]
    assert set(duty["level"]) == {"duty_cell"}
    assert duty["parent_code"].tolist() == [A, A, B]
    assert not set(duty["cell_code"]) & set(number_cells(cells)["cell_code"])
    pro = number_cells(cells, scheme=PRO)["cell_code"].tolist()
    assert pro == [f"010203{A}01", f"010203{A}02", f"010203{B}00"]


def test_a_community_divided_later_leaves_00(make):
    cells = make.squares(2, 1, community_code=A)
    done = number_cells(cells, scheme=PRO, used=[f"010203{A}00"])
    assert done["cell_code"].str[-2:].tolist() == ["01", "02"]
    one = number_cells(cells.iloc[:1], scheme=PRO, used=[f"010203{A}00"])
    assert one["cell_code"].str[-2:].tolist() == ["01"]


def test_strict_order(make):
    cells = make.squares(3, 2, community_code=A)
    done = number_cells(cells, order="xy")["cell_code"].str[-1]
    assert done.tolist() == ["2", "4", "6", "1", "3", "5"]
    with pytest.raises(OptionError, match="bands, xy"):
        number_cells(cells, order="yx")


def test_numbering_goes_on_after_the_codes_that_are(make):
    cells = make.squares(4, 1, community_code=[A, A, A, B], cell_code=[None, A + "005", " ", None])
    done = number_cells(cells)
    assert done["cell_code"].str[-3:].tolist() == ["006", "005", "007", "001"]
    again = number_cells(cells.iloc[::-1])["cell_code"].sort_index()
    assert again.equals(done["cell_code"])
    more = number_cells(cells, used=[A + "011", B + "002"])
    assert more["cell_code"].str[-3:].tolist() == ["012", "005", "013", "003"]
    assert number_cells(done)["cell_code"].equals(done["cell_code"])


def test_start(make):
    cells = make.squares(2, 1, community_code=A)
    assert number_cells(cells, start=901)["cell_code"].str[-3:].tolist() == ["901", "902"]
    used = [A + "003"]
    assert number_cells(cells, start=901, used=used)["cell_code"].str[-3:].max() == "902"
    with pytest.raises(OptionError, match="start=1000"):
        number_cells(cells, start=1000)


def test_used_up_sequences_are_named_with_what_is_left(make):
    cells = make.squares(3, 1, community_code=A)
    with pytest.raises(OptionError, match=f"{A} has 3 cells to number after 997.*end at 999"):
        number_cells(cells, used=[A + "997"])
    assert number_cells(cells, used=[A + "996"])["cell_code"].max() == A + "999"


def test_given_codes_that_cannot_stay(make):
    cells = make.squares(3, 1, community_code=A)
    with pytest.raises(SchemaError, match="drop the column 'cell_code'"):
        number_cells(cells.assign(cell_code=["1", "2", "3"]))
    with pytest.raises(SchemaError, match=rf"1 cell.*{B}001 \({A}\) \(rows 2\)"):
        number_cells(cells.assign(cell_code=[A + "001", None, B + "001"]))
    with pytest.raises(SchemaError, match="several rows"):
        number_cells(cells.assign(cell_code=[A + "001", None, A + "001"]))
    with pytest.raises(SchemaError, match="fit"):
        number_cells(cells, used=["none"])
