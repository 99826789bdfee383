import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from shapely.geometry import box

from gridkit.division.codes import number_cells
from gridkit.errors import CRSError, GeometryError, OptionError, SchemaError

A, B = "370602001001", "370602001002"


def test_west_to_east_then_north_to_south(make):
    cells = make.squares(3, 2, community_code=A)
    assert number_cells(cells)["cell_code"].str[-3:].tolist() == [
        "004", "005", "006", "001", "002", "003",
    ]  # fmt: skip


def test_each_community_counts_by_itself(make):
    cells = make.squares(4, 1, community_code=[A, A, B, B])
    done = number_cells(cells)
    assert done["cell_code"].tolist() == [A + "001", A + "002", B + "001", B + "002"]
    assert done["parent_code"].tolist() == [A, A, B, B]
    assert set(done["level"]) == {"cell"}


def test_rows_and_index_stay(make):
    cells = make.squares(3, 2, community_code=A, note=list("abcdef")).set_axis(range(60, 66))
    before = cells.copy()
    done = number_cells(cells)
    assert_frame_equal(done[list(cells.columns)], before)
    assert_frame_equal(cells, before)


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(12)), move=st.integers(-(10**6), 10**6))
def test_order_and_place_do_not_matter(make, order, move):
    cells = make.squares(4, 3, community_code=[A, A, B, B] * 3)
    mixed = cells.set_geometry(cells.translate(move, -move)).iloc[list(order)]
    assert number_cells(mixed)["cell_code"].sort_index().equals(number_cells(cells)["cell_code"])


def test_staggered_cells_of_unequal_height_read_in_bands(make):
    shapes = [
        box(0, 0, 100, 90), box(100, 0, 200, 110), box(200, 0, 300, 100),
        box(0, 90, 100, 200), box(100, 110, 200, 200), box(200, 100, 300, 200),
    ]  # fmt: skip
    cells = make.frame([make.place(s) for s in shapes], community_code=A)
    assert number_cells(cells)["cell_code"].str[-1].tolist() == ["4", "5", "6", "1", "2", "3"]


def test_one_prefix_for_all(make):
    done = number_cells(make.squares(2, 1), prefix="370602999999")
    assert done["cell_code"].tolist() == ["370602999999001", "370602999999002"]
    assert set(done["parent_code"]) == {"370602999999"}
    with pytest.raises(OptionError, match="prefix"):
        number_cells(make.squares(2, 1), prefix=" ")


def test_other_levels(make):
    done = number_cells(make.squares(2, 1, street_code="370602001"), within="street_code", digits=6)
    assert done["cell_code"].tolist() == ["370602001000001", "370602001000002"]


def test_codes_as_whole_numbers_are_taken(make):
    assert number_cells(make.squares(1, 1, community_code=[int(A)]))["cell_code"][0] == A + "001"


def test_a_thousand_cells_do_not_fit(make):
    cells = make.squares(40, 25, community_code=A)
    with pytest.raises(OptionError, match=rf"{A} has 1000 cells.*999"):
        number_cells(cells)
    assert number_cells(cells.iloc[1:])["cell_code"].max() == A + "999"
    assert number_cells(cells, digits=4)["cell_code"].max() == A + "1000"


def test_all_full_communities_are_named(make):
    cells = make.squares(8, 3, community_code=[A, B] * 12)
    with pytest.raises(OptionError) as error:
        number_cells(cells, digits=1)
    assert A in error.value.en
    assert B in error.value.en


def test_malformed_codes_are_named_with_their_rows(make):
    codes = [A, "37060200100", "37060200100X", None, float(A)]
    cells = make.squares(5, 1, community_code=pd.Series(codes, dtype=object))
    with pytest.raises(SchemaError) as error:
        number_cells(cells)
    assert "'37060200100', '37060200100X', None" in error.value.en
    assert "rows 1, 2, 3, 4" in error.value.en


def test_missing_column_and_bad_digits(make):
    with pytest.raises(SchemaError, match="prefix="):
        number_cells(make.squares(2, 1))
    with pytest.raises(OptionError, match="digits=0"):
        number_cells(make.squares(2, 1, community_code=A), digits=0)


def test_shapes_must_be_sound_and_in_metres(make):
    cells = make.squares(2, 1, community_code=A)
    with pytest.raises(CRSError):
        number_cells(cells.set_crs(4326, allow_override=True))
    with pytest.raises(GeometryError, match="rows 1"):
        number_cells(cells.set_geometry([cells.geometry[0], None]))
    with pytest.raises(GeometryError, match="no rows"):
        number_cells(cells.iloc[:0])


def test_many_cells_number_without_gaps(make):
    cells = make.squares(20, 10, community_code=np.repeat([A, B], 100))
    done = number_cells(cells)
    for code, part in done.groupby("community_code"):
        assert sorted(part["cell_code"]) == [f"{code}{n:03d}" for n in range(1, 101)]
