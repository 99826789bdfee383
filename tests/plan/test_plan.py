"""A plan in one file: it comes back as it was, and a bad one does not come back unnoticed."""

import contextlib
import datetime as dt
import sqlite3
import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, box

import gridkit as gk
from gridkit.errors import CRSError, FileError, GeometryError, GridkitWarning, SchemaError
from gridkit.intake.district import District
from gridkit.plan.storage import read_tables, write_tables

A = "370602001001"
X0, Y0 = 500_000, 4_150_000
SHANGHAI = "Asia/Shanghai"


def square(k, n=100):
    return box(X0 + k * n, Y0, X0 + (k + 1) * n, Y0 + n)


@pytest.fixture
def plan():
    cells = gpd.GeoDataFrame(
        {"cell_code": [f"{A}{k:03d}" for k in (1, 2, 3)], "load": [3.0, np.nan, 1.5]},
        geometry=[square(k) for k in range(3)],
        crs=4549,
    )
    cells["name"] = ["一格", None, "x'\"{{7*7}}"]
    cells["community_code"] = A
    edit = gk.split_cell(cells, f"{A}002", 2, at="2026-03-01", reason="太大")
    streets = gpd.GeoDataFrame(
        {"name": ["滨海路"], "bridge": [False]},
        geometry=[LineString([(X0, Y0), (X0 + 300, Y0)])],
        crs=4549,
    )
    communities = gpd.GeoDataFrame(
        {"community_code": [A]}, geometry=[box(X0, Y0, X0 + 300, Y0 + 100)], crs=4549
    )
    boundary = communities[["geometry"]]
    district = District("临海区", boundary, communities=communities, streets=streets)
    roster = gpd.GeoDataFrame(
        {"person_id": ["p1", "p2"], "role": "cleaner", "max_areas": pd.array([3, None], "Int64")},
        geometry=gpd.GeoSeries([Point(X0, Y0), None], crs=4549, name="base"),
    ).rename_geometry("base")
    posts = pd.DataFrame(
        {"level": "cell", "area_code": [f"{A}001", f"{A}004"], "role": "cleaner",
         "person_id": ["p1", None], "distance_m": [5.25, np.nan]}
    )  # fmt: skip
    units = pd.DataFrame({"unit_code": ["U1"], "name": ["市政"]})
    rules = {"roles.toml": '[cleaner]\nzh = "保洁员"\n', "empty.csv": ""}
    return gk.Plan(district, edit.cells, posts, roster, units, rules, edit.lineage)


def assert_equal(a, b):
    """Same plan: every table, column, type, null, order and CRS."""
    for name in ("boundary", "communities", "streets", "water", "buildings"):
        assert_same_table(getattr(a.district, name), getattr(b.district, name))
    assert a.district.name == b.district.name
    for name in ("cells", "posts", "roster", "units", "lineage"):
        assert_same_table(getattr(a, name), getattr(b, name))
    assert a.rules == b.rules


def assert_same_table(a, b):
    if a is None or b is None:
        assert a is b
        return
    assert type(a) is type(b)
    plain = [c for c in a.columns if c != getattr(a, "active_geometry_name", None)]
    assert list(a.columns) == list(b.columns)
    pd.testing.assert_frame_equal(
        pd.DataFrame(a[plain]).reset_index(drop=True), pd.DataFrame(b[plain]), check_freq=False
    )
    if isinstance(a, gpd.GeoDataFrame):
        assert a.active_geometry_name == b.active_geometry_name
        assert a.crs == b.crs
        assert a.geometry.to_wkb().tolist() == b.geometry.to_wkb().tolist()


def test_round_trip(plan, tmp_path):
    path = tmp_path / "a #1?%20 方案.gpkg"
    plan.save(path)
    again = gk.Plan.load(path)
    assert_equal(plan, again)
    again.save(path)
    assert_equal(plan, gk.Plan.load(path))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_bare_plan(plan, tmp_path):
    bare = gk.Plan(gk.district_of(gk.cells_at(plan.cells)), gk.cells_at(plan.cells))
    bare.save(tmp_path / "p.gpkg")
    assert_equal(bare, gk.Plan.load(tmp_path / "p.gpkg"))


def test_any_program_reads_it(plan, tmp_path):
    plan.save(tmp_path / "p.gpkg")
    layers = pyogrio.list_layers(tmp_path / "p.gpkg")
    assert set(layers[:, 0]) == {
        "boundary", "communities", "streets", "cells", "posts", "roster", "units", "rules",
        "lineage", "findings", "meta",
    }  # fmt: skip
    for name in layers[:, 0]:
        assert len(pyogrio.read_dataframe(tmp_path / "p.gpkg", layer=name)) > 0
    assert gk.read_district(tmp_path / "p.gpkg").name == "p"
    assert len(gk.read_cells(tmp_path / "p.gpkg", layer="cells")) == 5
    meta = pyogrio.read_dataframe(tmp_path / "p.gpkg", layer="meta").set_index("item")["value"]
    assert meta["format"] == "gridkit plan"
    assert meta[["name", "crs", "format_version", "cells.rows"]].tolist() == [
        "临海区", "EPSG:4549", "1", "5",
    ]  # fmt: skip
    assert len(meta["cells.digest"]) == 64


def times(*values):
    return pd.Series(pd.to_datetime(list(values), format="ISO8601"))


HARD = {
    "text": pd.Series(["", None, " 中\n文\t😀"], dtype="str"),
    "string": pd.Series(["a", None, ""], dtype="string"),
    "object": pd.Series(["a", None, "b"], dtype="object"),
    "nothing": pd.Series([None, None, None], dtype="object"),
    "code": pd.Series(["007", "1e5", "NaN"], dtype="str"),
    "int8": pd.Series([-1, 0, 127], dtype="int8"),
    "int64": pd.Series([2**62 + 1, -(2**63), 0], dtype="int64"),
    "Int64": pd.Series([2**60 + 1, None, -3], dtype="Int64"),
    "UInt8": pd.Series([1, None, 255], dtype="UInt8"),
    "float": pd.Series([0.1, np.nan, np.inf]),
    "tiny": pd.Series([5e-324, -0.0, 1 / 3]),
    "float32": pd.Series([0.1, np.nan, 2], dtype="float32"),
    "Float64": pd.Series([0.1, None, 2], dtype="Float64"),
    "bool": pd.Series([True, False, True]),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "category": pd.Series(pd.Categorical(["b", None, "a"], ["b", "c", "a"], ordered=True)),
    "days": pd.Series([dt.date(2026, 1, 31), None, dt.date(1949, 10, 1)], dtype="object"),
    "naive": times("2026-01-01", None, "2026-01-01 12:30:15.125"),
    "seconds": times("2026-01-01", None, "1969-12-31").astype("datetime64[s]"),
    "zoned": times("2026-01-01 08:00", None, "2026-07-01").dt.tz_localize(SHANGHAI),
    "summer": times("2026-10-25T00:30Z", "2026-10-25T01:30Z").dt.tz_convert("Europe/Paris"),
    "micro": times("2026-01-01 08:00:00.000001", None).dt.tz_localize(SHANGHAI),
    "nano": pd.Series(pd.to_datetime([1, None, 2**60 + 1], unit="ns")),
}


def test_every_type_comes_back(tmp_path):
    tables = {
        name: pd.DataFrame({"FID": 1, "v": values, "select": "a"}) for name, values in HARD.items()
    }
    tables = {f"{k} {name}": tables[name] for k, name in enumerate(tables)}
    tables |= {f"no {name}": table.iloc[:0] for name, table in tables.items()}
    write_tables(tmp_path / "t.gpkg", tables, {}, shown="t")
    back = read_tables(tmp_path / "t.gpkg")
    assert back.changed == ()
    for name, table in tables.items():
        assert_same_table(table, back.tables[name])


def test_shapes_come_back(tmp_path):
    shapes = [MultiPolygon([square(0)]), square(1), None, shapely.Polygon(), square(2)]
    hole = square(3).difference(square(3).buffer(-20))
    water = gpd.GeoDataFrame({"kind": "x"}, index=range(6), geometry=[*shapes, hole], crs=4549)
    tables = {"water": water, "none": water.iloc[:0]}
    write_tables(tmp_path / "s.gpkg", tables, {}, shown="s")
    back = read_tables(tmp_path / "s.gpkg")
    assert back.changed == ()
    assert_same_table(water, back.tables["water"])
    assert_same_table(water.iloc[:0], back.tables["none"])


def test_what_cannot_be_kept_is_named(plan, tmp_path):
    path = tmp_path / "p.gpkg"
    plan.save(path)
    before = path.read_bytes()
    odd = {
        "lists": [[1], [2]],
        "mixed": ["a", 1],
        "spans": pd.to_timedelta([1, 2], unit="s"),
        "vast": np.array([1, 2**63], dtype="uint64"),
        "halves": np.array([1, 2], dtype="float16"),
        "waves": [1j, 2j],
    }
    units = pd.DataFrame({"unit_code": ["1", "2"], **odd})
    with pytest.raises(SchemaError) as caught:
        gk.Plan(plan.district, plan.cells, units=units).save(path)
    for name in odd:
        assert f"column '{name}'" in caught.value.en
    twins = pd.DataFrame({"unit_code": ["1"], "Name": "a", "name": "b", 7: 1})
    with pytest.raises(SchemaError, match="'Name', 'name', 7"):
        gk.Plan(plan.district, plan.cells, units=twins).save(path)
    zero = pd.DataFrame({"unit_code": ["1"], "name": ["a\x00b"]})
    with pytest.raises(FileError, match="changed in columns name"):
        gk.Plan(plan.district, plan.cells, units=zero).save(path)
    with pytest.raises(SchemaError, match="roster has no coordinate system"):
        gk.Plan(
            plan.district, plan.cells, roster=plan.roster.set_crs(None, allow_override=True)
        ).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["p.gpkg"]


def test_a_plan_is_checked_when_it_is_made(plan):
    with pytest.raises(SchemaError) as caught:
        gk.Plan(
            plan.district,
            plan.cells,
            posts=plan.posts.assign(area_code=[f"{A}001", f"{A}077"]),
            rules={"a": 1, "b": "x"},
        )
    assert f"{A}077 (rows 1)" in caught.value.en
    assert "'a'" in caught.value.en
    with pytest.raises(SchemaError, match="unit_code"):
        gk.Plan(plan.district, plan.cells, units=pd.DataFrame({"name": ["a"]}))
    with pytest.raises(SchemaError, match="code_to"):
        gk.Plan(plan.district, plan.cells, lineage=plan.lineage.drop(columns="code_to"))
    with pytest.raises(CRSError, match="district, cells"):
        gk.Plan(plan.district, plan.cells.set_crs(4547, allow_override=True))


def change(path, *statements):
    """Change a file behind gridkit's back; triggers need functions that only GDAL has."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA synchronous = OFF")
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in names:
            database.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            database.execute(statement)
        database.commit()


def test_a_bad_plan_is_refused(plan, tmp_path):
    path = tmp_path / "p.gpkg"
    plan.save(path)
    change(path, f"DELETE FROM cells WHERE cell_code = '{A}003'", "DELETE FROM units")
    with pytest.raises(GeometryError) as caught:
        gk.Plan.load(path)
    assert "p.gpkg" in caught.value.en
    assert "GAP: 1 gap(s), 10,000 m² in no cell" in caught.value.en
    assert "空隙" in caught.value.zh
    with pytest.warns(GridkitWarning) as noted:
        opened = gk.Plan.load(path, verify=False)
    assert len(opened.cells) == 4
    texts = [str(w.message) for w in noted]
    assert any("changed since it was saved: cells, units" in t for t in texts)
    assert any("otherwise than when" in t and "GAP" in t for t in texts)
    assert any("without being verified" in t and "GAP" in t for t in texts)
    assert {w.filename for w in noted} == {__file__}


def test_saving_a_bad_plan_says_so(plan, tmp_path):
    bad = gk.Plan(plan.district, gk.cells_at(plan.cells).iloc[1:])
    with pytest.warns(GridkitWarning, match="saved, but the plan breaks rules.*GAP"):
        bad.save(tmp_path / "p.gpkg")
    with pytest.raises(GeometryError, match="GAP"):
        gk.Plan.load(tmp_path / "p.gpkg")


def test_a_forged_certificate_does_not_help(plan, tmp_path):
    path = tmp_path / "p.gpkg"
    bad = gk.Plan(plan.district, gk.cells_at(plan.cells).iloc[1:])
    with pytest.warns(GridkitWarning):
        bad.save(path)
    change(path, "UPDATE findings SET severity = 'ok', codes = ''")
    with pytest.raises(GeometryError, match="GAP"):
        gk.Plan.load(path)


def test_a_harmless_edit_is_noted(plan, tmp_path):
    path = tmp_path / "p.gpkg"
    plan.save(path)
    change(path, "UPDATE cells SET name = '新名' WHERE fid = 1")
    with pytest.warns(GridkitWarning, match="changed since it was saved: cells") as noted:
        again = gk.Plan.load(path)
    assert len(noted) == 1
    assert again.cells["name"].iloc[0] == "新名"


def test_files_that_are_no_plan(plan, tmp_path):
    good = tmp_path / "good.gpkg"
    plan.save(good)
    whole = good.read_bytes()
    with pytest.raises(FileError, match="no such file"):
        gk.Plan.load(tmp_path / "nowhere.gpkg")
    with pytest.raises(FileError, match="folder"):
        gk.Plan.load(tmp_path)
    rng = np.random.default_rng(0)
    bad = tmp_path / "bad.gpkg"
    lengths = [0, 1, 99, 100, 4096, len(whole) // 2, len(whole) - 4096, len(whole) - 1]
    for content in [*(whole[:n] for n in lengths), rng.bytes(5000)]:
        bad.write_bytes(content)
        with pytest.raises(FileError, match=r"bad\.gpkg"):
            gk.Plan.load(bad)
    pyogrio.write_dataframe(plan.units, tmp_path / "other.gpkg", layer="units")
    with pytest.raises(FileError, match="not a plan"):
        gk.Plan.load(tmp_path / "other.gpkg")


def test_damage_inside_is_never_silent(plan, tmp_path):
    """Any page overwritten with noise: an error or a warning, never a quiet load."""
    good, bad = tmp_path / "good.gpkg", tmp_path / "bad.gpkg"
    plan.save(good)
    whole = bytearray(good.read_bytes())
    rng = np.random.default_rng(1)
    noticed = 0
    for page in rng.permutation(len(whole) // 4096)[:16]:
        hurt = whole.copy()
        hurt[page * 4096 : page * 4096 + 4096] = rng.bytes(4096)
        bad.write_bytes(hurt)
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always")
            try:
                again = gk.Plan.load(bad)
            except (FileError, GeometryError, SchemaError, CRSError):
                noticed += 1
                continue
        if noted:
            noticed += 1
        else:
            assert_equal(plan, again)  # a page that holds nothing of the plan
    assert noticed >= 6


def test_versions_and_missing_parts(plan, tmp_path):
    path = tmp_path / "p.gpkg"
    for statement, words in [
        ("UPDATE meta SET value = '2' WHERE item = 'format_version'", "written in format 2"),
        ("DELETE FROM meta WHERE item = 'format_version'", "written in format"),
        ("DELETE FROM meta WHERE item = 'cells.columns'", "damaged"),
        ("UPDATE meta SET value = '[{}]' WHERE item = 'cells.columns'", "damaged"),
        ("DROP TABLE cells", "lacks cells"),
        ("DROP TABLE meta", "not a plan"),
        ("UPDATE cells SET geometry = x'00112233'", "damaged"),
    ]:
        plan.save(path)
        change(path, statement)
        with pytest.raises(FileError, match=words):
            gk.Plan.load(path)


def test_a_failed_save_leaves_the_old_file(plan, tmp_path, monkeypatch):
    path = tmp_path / "p.gpkg"
    plan.save(path)
    before = path.read_bytes()

    def full(*_, **__):
        raise pyogrio.errors.DataSourceError("disk full")

    monkeypatch.setattr(pyogrio, "write_dataframe", full)
    with pytest.raises(FileError, match="disk full"):
        plan.save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(FileError, match="cannot be written"):
        plan.save(path / "inside.gpkg")
