import dataclasses

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.affinity import translate
from shapely.geometry import LineString, MultiPolygon, Polygon, box

from gridkit.crs import to_datum
from gridkit.division.blocks import street_blocks
from gridkit.division.checks import check_cells
from gridkit.division.codes import number_cells
from gridkit.division.groups import group
from gridkit.division.schemes import CodeScheme
from gridkit.errors import GeometryError, OptionError, SchemaError
from gridkit.tables import FINDINGS

RULES = [
    "CRS_MISSING", "AREA_IN_DEGREES", "CRS", "CRS_SUSPECT_GCJ", "CRS_SUSPECT_BD", "CODE_FORMAT",
    "CODE_UNIQUE", "CODE_PREFIX_MATCHES_PARENT", "STREET_BAND", "SEQ_GAP", "SEQ_ORDER", "DATES",
    "NESTING", "EMPTY", "NOT_POLYGON", "INVALID_GEOMETRY", "MULTIPART", "HOLE", "GAP", "OVERLAP",
    "SHARED_BORDERS", "OUTSIDE", "CROSSES_COMMUNITY", "CROSSES_STREET", "CONTIGUITY",
    "CUTS_BUILDING", "CUTS_COMPONENT", "AREA_RANGE", "COMPACTNESS", "LOAD_BALANCE",
    "NO_RESPONSIBLE_BODY", "NO_ROLE",
]  # fmt: skip
A, B = "370602001001", "370602001002"


def found(cells, district=None, severity="error"):
    findings = check_cells(cells, district)
    FINDINGS.check(findings)
    assert findings["rule"].tolist() == RULES
    return findings.set_index("rule")[findings.set_index("rule")["severity"] == severity]


@pytest.fixture(scope="module")
def town(make):
    return make.town(6, 6, jitter=25, seed=11, river=True)


@pytest.fixture(scope="module")
def cells(town):
    return number_cells(group(street_blocks(town).blocks, into=20))


def changed(cells, row, **values):
    """Return a copy of `cells` with other values in one row."""
    mutant = cells.copy()
    for column, value in values.items():
        if column == "geometry":
            geoms = mutant.geometry.to_numpy().copy()
            geoms[row] = value
            mutant = mutant.set_geometry(gpd.GeoSeries(geoms, index=mutant.index, crs=mutant.crs))
        else:
            mutant[column] = mutant[column].astype(object)
            mutant.loc[mutant.index[row], column] = value
    return mutant


def test_a_made_grid_passes(cells, town):
    assert found(cells, town).empty
    ok = found(cells, town, "ok")
    assert {"CRS", "GAP", "OVERLAP", "CROSSES_COMMUNITY", "CODE_UNIQUE"} <= set(ok.index)
    assert (ok["rows"] == 0).all()
    assert ok.geometry.isna().all()
    assert set(found(cells, town, "info").index) == {"COMPACTNESS", "LOAD_BALANCE"}


@pytest.mark.parametrize(
    ("rule", "mutate"),
    [
        ("CODE_FORMAT", lambda c: changed(c, 3, cell_code="37060200100100")),
        ("CODE_FORMAT", lambda c: changed(c, 3, cell_code="37060200100100A")),
        ("CODE_FORMAT", lambda c: changed(c, 3, cell_code=None)),
        ("CODE_UNIQUE", lambda c: changed(c, 3, cell_code=c["cell_code"].iloc[4])),
        ("CODE_PREFIX_MATCHES_PARENT", lambda c: changed(c, 3, parent_code="370602001009")),
        ("CODE_PREFIX_MATCHES_PARENT", lambda c: changed(c, 3, parent_code=None)),
        ("CODE_PREFIX_MATCHES_PARENT", lambda c: changed(c, 3, community_code="370602001009")),
        ("EMPTY", lambda c: changed(c, 3, geometry=None)),
        ("EMPTY", lambda c: changed(c, 3, geometry=Polygon())),
        ("NOT_POLYGON", lambda c: changed(c, 3, geometry=LineString([(0, 0), (1, 1)]))),
        ("GAP", lambda c: c.drop(index=c.index[3])),
        ("GAP", lambda c: changed(c, 3, geometry=c.geometry.iloc[3].buffer(-0.5))),
        ("GAP", lambda c: changed(c, 3, geometry=translate(c.geometry.iloc[3], 5, 0))),
        ("OVERLAP", lambda c: changed(c, 3, geometry=translate(c.geometry.iloc[3], 5, 0))),
        ("OVERLAP", lambda c: changed(c, 3, geometry=c.geometry.iloc[3].buffer(0.5))),
        ("OVERLAP", lambda c: pd.concat([c, changed(c, 3, cell_code=A + "999").iloc[[3]]])),
        ("CROSSES_COMMUNITY", lambda c: changed(c, 3, community_code="370602001009")),
        ("CROSSES_COMMUNITY", lambda c: changed(c, 3, community_code=None)),
    ],
)  # fmt: skip
def test_mutants_are_caught(cells, town, rule, mutate):
    errors = found(mutate(cells), town)
    assert rule in errors.index
    assert errors.loc[rule, "rows"] >= 1
    assert errors.loc[rule, "remedy"]


def test_the_bow_tie(cells, town, make):
    bow = make.place(Polygon([(0, 0), (100, 100), (100, 0), (0, 100)]))
    errors = found(changed(cells, 0, geometry=bow), town)
    assert errors.loc["INVALID_GEOMETRY", "codes"] == cells["cell_code"].iloc[0]


def test_codes_and_places_of_an_overlap(make):
    cells = make.squares(3, 1, cell_code=[A + "001", A + "002", A + "003"])
    wide = make.place(box(100, 0, 210, 100))
    errors = found(changed(cells, 1, geometry=wide))
    assert errors.index.tolist() == ["OVERLAP"]
    assert errors.loc["OVERLAP", "codes"] == f"{A}002, {A}003"
    assert errors.loc["OVERLAP", "rows"] == 2
    assert shapely.equals(errors.geometry["OVERLAP"], make.place(box(200, 0, 210, 100)))
    assert "1,000" in errors.loc["OVERLAP", "detail"]


def test_the_gap_is_drawn_where_it_is(cells, town):
    lost = cells.geometry.iloc[5]
    errors = found(cells.drop(index=cells.index[5]), town)
    gap = errors.geometry["GAP"]
    assert gap.symmetric_difference(lost).area < 1
    touching = cells[cells.touches(lost)]["cell_code"]
    assert set(errors.loc["GAP", "codes"].split(", ")) >= set(touching)


def test_water_is_no_gap_but_land_is(cells, town):
    dry = dataclasses.replace(town, water=None)
    assert "GAP" in found(cells, dry).index


def test_without_a_district_only_enclosed_gaps_show(make):
    cells = number_cells(make.squares(3, 3, community_code=A))
    assert found(cells, severity="warning").empty
    hollow = found(cells.drop(index=4), severity="warning")
    assert hollow.index.tolist() == ["SEQ_GAP", "GAP"]
    assert shapely.equals(hollow.geometry["GAP"], cells.geometry[4])
    notched = found(cells.drop(index=5), severity="warning")
    assert notched.index.tolist() == ["SEQ_GAP"]


def test_hair_is_tolerated(make):
    cells = make.squares(2, 1, cell_code=[A + "001", A + "002"])
    town = make.district(box(0, 0, 200, 100))
    for x in (100.04, 99.96):
        assert found(changed(cells, 0, geometry=make.place(box(0, 0, x, 100))), town).empty
    for x in (100.3, 99.7):
        assert not found(changed(cells, 0, geometry=make.place(box(0, 0, x, 100))), town).empty


def test_multipart_and_hole(make):
    two = MultiPolygon([box(0, 0, 100, 50), box(0, 60, 100, 100)])
    ring = box(100, 0, 200, 100).difference(box(120, 20, 180, 80))
    cells = make.frame(
        [make.place(g) for g in (two, ring, box(120, 20, 180, 80))],
        cell_code=[A + "001", A + "002", A + "003"],
    )
    assert found(cells, severity="warning").loc["MULTIPART", "codes"] == A + "001"
    assert found(cells, severity="info").loc["HOLE", "codes"] == A + "002"


def test_a_cell_across_two_communities(town, make):
    town = dataclasses.replace(town, water=None)
    one = make.frame([town.boundary.geometry.iloc[0]], cell_code=[A + "001"])
    errors = found(one, town)
    assert errors.index.tolist() == ["CROSSES_COMMUNITY"]
    smaller = town.communities.geometry.iloc[town.communities.area.argmin()]
    assert errors.geometry["CROSSES_COMMUNITY"].symmetric_difference(smaller).area < 1


def test_a_cell_in_the_wrong_community(cells, town):
    row = int((cells["community_code"] == A).to_numpy().argmax())
    mutant = changed(cells, row, community_code=B, parent_code=B, cell_code=B + "990")
    assert found(mutant, town).index.tolist() == ["CROSSES_COMMUNITY"]


def test_a_cell_outside_every_community(cells, town, make):
    away = changed(cells, 2, geometry=make.place(box(9000, 0, 9100, 100)))
    assert {"GAP", "CROSSES_COMMUNITY"} <= set(found(away, town).index)
    far = away.drop(columns="community_code")
    assert cells["cell_code"].iloc[2] in found(far, town).loc["CROSSES_COMMUNITY", "codes"]


def test_free_codes_are_a_scheme_of_their_own(make):
    beats = make.squares(3, 1, cell_code=["0111", "0112", "2535"])
    assert found(beats).empty
    assert found(beats, severity="info").loc["CODE_FORMAT", "rows"] == 0
    absent = set(found(beats, severity="not_checked").index)
    assert {"CODE_PREFIX_MATCHES_PARENT", "STREET_BAND", "SEQ_GAP", "SEQ_ORDER"} <= absent
    assert found(changed(beats, 1, cell_code=" ")).index.tolist() == ["CODE_FORMAT"]
    assert found(changed(beats, 1, cell_code="0111")).index.tolist() == ["CODE_UNIQUE"]


def test_layers_that_are_absent_are_named(make):
    cells = make.squares(2, 1, cell_code=[A + "001", A + "002"]).drop(columns="load")
    absent = found(cells, severity="not_checked")
    assert set(absent.index) == {
        "CODE_PREFIX_MATCHES_PARENT", "CROSSES_COMMUNITY", "CROSSES_STREET", "LOAD_BALANCE",
        "CRS_SUSPECT_GCJ", "CRS_SUSPECT_BD", "DATES", "NESTING", "OUTSIDE", "CONTIGUITY",
        "CUTS_BUILDING", "CUTS_COMPONENT", "NO_RESPONSIBLE_BODY", "NO_ROLE",
    }  # fmt: skip
    assert "communities" in absent.loc["CROSSES_COMMUNITY", "detail"]
    zero = cells.assign(load=0.0)
    assert "LOAD_BALANCE" in found(zero, severity="not_checked").index


def test_area_range_concerns_unit_cells(make):
    shapes = [box(0, 0, 30, 30), box(0, 30, 300, 330), box(300, 0, 400, 100)]
    codes = [A + "001", A + "002", A + "003"]
    cells = make.frame([make.place(s) for s in shapes], cell_code=codes)
    warning = found(cells, severity="warning").loc["AREA_RANGE"]
    assert warning["codes"] == f"{A}001, {A}002"
    assert "AREA_RANGE" in found(cells.assign(level="duty_cell"), severity="not_checked").index


def test_figures_of_balance_and_compactness(make):
    cells = make.squares(2, 1, load=[10, 30], cell_code=[A + "001", A + "002"])
    details = check_cells(cells, lang="en").set_index("rule")["detail"]
    assert "0.500" in details["LOAD_BALANCE"]
    assert "mean 0.785, least 0.785" in details["COMPACTNESS"]


def test_crs(cells, town):
    for crs in (None, 4326):
        wrong = gpd.GeoDataFrame(cells.drop(columns="geometry"), geometry=cells.geometry.array)
        wrong = (
            wrong.set_crs(crs, allow_override=True)
            if crs
            else wrong.set_crs(None, allow_override=True)
        )
        errors = found(wrong)
        assert errors.index.tolist() == (["AREA_IN_DEGREES", "CRS"] if crs else ["CRS_MISSING"])
        assert "GAP" in found(wrong, severity="not_checked").index
    errors = found(cells.to_crs(4547), town)
    assert errors.index.tolist() == ["CRS"]


def test_both_languages(cells, town):
    zh, en = check_cells(cells, town), check_cells(cells, town, lang="en")
    gap = RULES.index("GAP")
    assert zh["principle"].iloc[gap] == "无缝拼接"
    assert en["principle"].iloc[gap] == "seamless joining"
    assert zh["severity"].equals(en["severity"])
    with pytest.raises(OptionError, match="lang"):
        check_cells(cells, lang="fr")


def test_a_table_without_codes_or_rows(cells):
    with pytest.raises(SchemaError, match="cell_code"):
        check_cells(cells.drop(columns="cell_code"))
    with pytest.raises(GeometryError, match="no rows"):
        check_cells(cells.iloc[:0])


def test_a_table_without_shapes_is_refused():
    with pytest.raises(SchemaError, match="needs a geometry column"):
        check_cells(pd.DataFrame({"cell_code": ["1"]}))


def test_a_certificate_survives_a_file(cells, town, tmp_path):
    findings = check_cells(cells.drop(index=cells.index[5]), town)
    findings.to_file(tmp_path / "plan.gpkg", layer="findings", driver="GPKG")
    back = gpd.read_file(tmp_path / "plan.gpkg", layer="findings")
    texts = ["rule", "severity", "principle", "codes", "detail", "remedy"]
    assert back[texts].fillna("").equals(findings[texts].fillna(""))
    assert back["rows"].tolist() == findings["rows"].tolist()
    there = findings.geometry.notna()
    assert back.geometry.notna().tolist() == there.tolist()
    assert shapely.equals(
        back.geometry[there].to_numpy(), findings.geometry[there].to_numpy()
    ).all()


def test_another_day_and_another_scheme(make):
    cells = number_cells(make.squares(2, 1, community_code=A))
    old = cells.iloc[[0]].assign(cell_code=A + "003", valid_to="2025-06-01")
    both = pd.concat([cells.assign(valid_from=["2025-06-01", None]), old], ignore_index=True)
    assert found(both).empty
    assert found(both.iloc[::-1]).empty
    for day in ("2025-05-31", pd.Timestamp("2025-06-01")):
        assert check_cells(both, at=day).set_index("rule").loc["OVERLAP", "severity"] == "ok"
    with pytest.raises(OptionError, match="at='soon'"):
        check_cells(both, at="soon")
    with pytest.raises(GeometryError, match="in force"):
        check_cells(old, at="2026-01-01")
    assert not found(old).index.tolist()
    duty = number_cells(make.squares(2, 1, community_code=A), scheme=CodeScheme.duty())
    assert found(duty).empty
    professional = CodeScheme.professional("010101")
    twenty = number_cells(make.squares(2, 1, community_code=A), scheme=professional)
    assert found(twenty).empty
    ok = check_cells(twenty, scheme=professional).set_index("rule")["severity"]
    assert ok["CODE_FORMAT"] == ok["CODE_PREFIX_MATCHES_PARENT"] == ok["STREET_BAND"] == "ok"
    wrong = check_cells(duty, scheme=professional).set_index("rule")["severity"]
    assert wrong["CODE_FORMAT"] == "error"


def test_posts_and_roles(make):
    cells = number_cells(make.squares(2, 1, community_code=A))
    posts = pd.DataFrame({"level": "cell", "area_code": cells["cell_code"], "role": "cleaner",
                          "person_id": ["p", "q"]})  # fmt: skip
    assert check_cells(cells, posts=posts).set_index("rule").loc["NO_ROLE", "severity"] == "ok"
    lacking = check_cells(cells, posts=posts, roles=["cleaner", "officer"], lang="en")
    row = lacking.set_index("rule").loc["NO_ROLE"]
    assert (row["severity"], row["rows"]) == ("error", 2)
    assert "officer (2)" in row["detail"]
    with pytest.raises(OptionError, match="posts="):
        check_cells(cells, roles=["cleaner"])
    with pytest.raises(SchemaError, match="person_id"):
        check_cells(cells, posts=posts.drop(columns="person_id"))


def test_streets_tell_a_datum_where_the_outline_cannot(make):
    """A few cells in the middle of a district, drawn in GCJ-02, over WGS84 streets."""
    pitch, n = 131.0, 18
    lines = [[(0, k * pitch), (n * pitch, k * pitch)] for k in range(n + 1)]
    lines += [[(k * pitch, 0), (k * pitch, n * pitch)] for k in range(n + 1)]
    town = make.district(box(0, 0, n * pitch, n * pitch), streets=lines)
    shapes = [make.place(box(pitch * i, pitch * j, pitch * (i + 1), pitch * (j + 1)))
              for i in range(7, 11) for j in range(7, 11)]  # fmt: skip
    cells = make.frame(shapes, cell_code=[f"x{k}" for k in range(16)])

    def to_gcj(xy):
        return np.column_stack(to_datum(xy[:, 0], xy[:, 1], source="wgs84", target="gcj02"))

    degrees = cells.to_crs(4326)
    moved = shapely.transform(degrees.geometry.to_numpy(), to_gcj)
    drawn = degrees.set_geometry(moved, crs=4326).to_crs(cells.crs)
    right, wrong = (check_cells(c, town, lang="en").set_index("rule") for c in (cells, drawn))
    assert right.loc["CRS_SUSPECT_GCJ", "severity"] == "ok"
    assert wrong.loc["CRS_SUSPECT_GCJ", "severity"] == "warning"
    assert wrong.loc["CRS_SUSPECT_BD", "severity"] == "ok"
    assert "read as gcj02 and the district as wgs84" in wrong.loc["CRS_SUSPECT_GCJ", "detail"]
