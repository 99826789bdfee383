"""Parquet in, Parquet out: the answers of `locate`, in any portions, through any kill."""

import concurrent.futures
import io
import multiprocessing
import pickle
import shutil
import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from shapely import box

import gridkit as gk
from gridkit._kernels import native
from gridkit.cli import main
from gridkit.crs import to_datum
from gridkit.location import parts, stream
from gridkit.location.glue import footer_of, join_footers
from gridkit.location.stream import locate_stream

CRS = 4549
X0, Y0 = 500_000.0, 4_150_000.0


@pytest.fixture(autouse=True, params=["compiled", "numpy"])
def engine(request, monkeypatch):
    """Every test runs through both engines, in parts of 100 rows."""
    if request.param == "numpy":
        monkeypatch.setattr("gridkit.location.locator.library", lambda: None)
    elif native.library() is None:
        pytest.skip("gridkit's kernels are not compiled here: the compiled engine is skipped")
    monkeypatch.setattr(stream, "_PART_ROWS", 100)
    return request.param


def lattice(prefix="c", size=40.0):
    shapes = [
        box(X0 + i * size, Y0 + j * size, X0 + (i + 1) * size, Y0 + (j + 1) * size)
        for j in range(4)
        for i in range(5)
    ]
    codes = [f"{prefix}{i:02d}" for i in range(len(shapes))]
    return gpd.GeoDataFrame({"cell_code": codes}, geometry=shapes, crs=CRS)


def points(n=1234, seed=0):
    rng = np.random.default_rng(seed)
    x, y = X0 + rng.uniform(-80, 280, n), Y0 + rng.uniform(-80, 240, n)
    x[::7] = X0 + 40 * rng.integers(0, 6, len(x[::7]))  # on vertical borders
    frame = pd.DataFrame({"report_id": [f"r{i}" for i in range(n)], "x": x, "y": y, "more": 1})
    frame.loc[frame.index[3::50], "x"] = np.nan
    frame.loc[frame.index[5::90], "y"] = np.nan
    return frame


def written(folder, frame=None, name="points.parquet", **options):
    frame = points() if frame is None else frame
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), folder / name, **options)
    return folder / name


def expected(frame, cells, **options):
    shapes = np.full(len(frame), None, dtype=object)
    known = (np.isfinite(frame["x"]) & np.isfinite(frame["y"])).to_numpy()
    shapes[known] = shapely.points(frame["x"][known], frame["y"][known])
    reports = gpd.GeoDataFrame(frame[["report_id"]], geometry=shapes, crs=CRS)
    located = gk.locate(reports, cells, **options)
    return pd.DataFrame(located[["report_id", "cell_code", "located_by", "border_m"]])


def read(path):
    frame = pd.read_parquet(path)
    return frame.astype({"cell_code": "str", "located_by": "str"})


@pytest.mark.parametrize("row_group_size", [1, 37, 100, 101, 1000, 5000])
def test_answers_are_those_of_locate(tmp_path, row_group_size):
    frame = points(120 if row_group_size == 1 else 1234)
    source = written(tmp_path, frame, row_group_size=row_group_size)
    done = locate_stream(source, tmp_path / "out.parquet", lattice())
    wanted = expected(frame, lattice())
    pd.testing.assert_frame_equal(read(done.path), wanted)
    ways = wanted["located_by"].value_counts()
    assert done.counts == {way: ways.get(way, 0) for way in done.counts}
    assert min(done.counts[way] for way in ("inside", "border", "near", "unlocated")) > 0
    assert done.rows == len(frame)
    assert done.row_groups == -(-len(frame) // 100)
    assert done.resumed_rows == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.parquet", "points.parquet"]


def test_row_groups_do_not_show_in_the_answer(tmp_path):
    one = locate_stream(written(tmp_path, row_group_size=33), tmp_path / "a.parquet", lattice())
    two = locate_stream(written(tmp_path, row_group_size=999), tmp_path / "b.parquet", lattice())
    assert one.path.read_bytes() == two.path.read_bytes()


def test_near_m_and_a_ready_locator(tmp_path):
    locator = gk.Locator(lattice())
    done = locate_stream(written(tmp_path), tmp_path / "out.parquet", locator, near_m=5.0)
    pd.testing.assert_frame_equal(read(done.path), expected(points(), lattice(), near_m=5.0))
    assert done.counts["outside"] > 0


def test_the_file_is_lean_and_sound(tmp_path):
    path = locate_stream(written(tmp_path), tmp_path / "out.parquet", lattice()).path
    file = pq.ParquetFile(path)
    assert file.schema_arrow.names == ["report_id", "cell_code", "located_by", "border_m"]
    assert [pa.types.is_dictionary(f.type) for f in file.schema_arrow] == [False, True, True, False]
    assert file.metadata.num_rows == 1234
    assert sum(file.metadata.row_group(i).num_rows for i in range(13)) == 1234
    file.close()
    table = pq.read_table(path, filters=[("report_id", "==", "r777")])
    assert table["report_id"].to_pylist() == ["r777"]
    border = pq.read_table(path, columns=["border_m"])["border_m"]
    assert border.null_count == np.isnan(border.to_numpy()).sum() > 0


@pytest.mark.parametrize("rows", [0, 1, 100, 200])
def test_whole_parts_and_none(tmp_path, rows):
    frame = points(rows)
    done = locate_stream(written(tmp_path, frame), tmp_path / "out.parquet", lattice())
    pd.testing.assert_frame_equal(read(done.path), expected(frame, lattice()), check_dtype=rows > 0)
    assert done.rows == rows
    assert sum(done.counts.values()) == rows


def test_nulls_infinities_and_other_numbers(tmp_path):
    x = [500_010, None, 500_010, 500_010]
    y = pa.array([4_150_010.0, 4_150_010.0, float("inf"), float("nan")], pa.float32())
    table = pa.table({"number": pa.array([1, 2, 3, None], pa.int16()), "x": x, "y": y})
    pq.write_table(table, tmp_path / "points.parquet")
    done = locate_stream(
        tmp_path / "points.parquet", tmp_path / "out.parquet", lattice(), id_column="number"
    )
    out = pq.read_table(done.path)
    assert out["located_by"].to_pylist() == ["inside", *["unlocated"] * 3]
    assert out["cell_code"].to_pylist() == ["c00", None, None, None]
    assert out["border_m"].to_pylist() == [10.0, None, None, None]
    assert out["report_id"].type == pa.int16()
    assert out["report_id"].to_pylist() == [1, 2, 3, None]


@pytest.mark.parametrize("datum", ["wgs84", "gcj02", "bd09"])
def test_degrees_of_a_datum(tmp_path, datum):
    frame = points()
    known = frame.dropna()
    lonlat = gpd.GeoSeries.from_xy(known["x"], known["y"], crs=CRS).to_crs(4326)
    x, y = to_datum(lonlat.x, lonlat.y, source="wgs84", target=datum)
    frame["longitude"] = pd.Series(x, known.index)
    frame["latitude"] = pd.Series(y, known.index)
    path = written(tmp_path, frame.drop(columns=["x", "y"]))
    answer = read(locate_stream(path, tmp_path / "out.parquet", lattice(), datum=datum).path)
    wanted = expected(frame, lattice())
    off = answer["border_m"].sub(wanted["border_m"]).abs()
    assert off.max() < 1e-4
    clear = (wanted["border_m"] > 0.01) | wanted["border_m"].isna()
    clear &= ~wanted["located_by"].isin(["near", "outside"])  # 50 m may be 50.000 000 1
    pd.testing.assert_frame_equal(
        answer[clear].drop(columns="border_m"), wanted[clear].drop(columns="border_m")
    )


def test_another_crs(tmp_path):
    frame = points().dropna()
    moved = gpd.GeoSeries.from_xy(frame["x"], frame["y"], crs=CRS).to_crs(32651)
    path = written(tmp_path, frame.assign(e=moved.x, n=moved.y))
    done = locate_stream(path, tmp_path / "o.parquet", lattice(), x="e", y="n", crs="EPSG:32651")
    wanted = expected(frame, lattice())
    assert read(done.path)["border_m"].sub(wanted["border_m"].to_numpy()).abs().max() < 1e-4
    same = locate_stream(path, tmp_path / "o.parquet", lattice(), crs=CRS)
    assert read(same.path)["cell_code"].tolist() == wanted["cell_code"].tolist()


class Killed(BaseException):
    """Like a kill: nothing catches it."""


def kill_at(monkeypatch, place, nth):
    """Let one step of the pass die the nth time it is reached, before or in the middle."""
    calls = iter(range(10_000))

    def dying(real):
        def step(*args, **kwargs):
            if next(calls) == nth:
                raise Killed
            return real(*args, **kwargs)

        return step

    def torn(out, data):
        if next(calls) == nth:
            out.write(bytes(data)[: len(bytes(data)) // 2])
            out.flush()
            raise Killed
        out.write(data)
        out.flush()

    if place == "append":
        monkeypatch.setattr(parts, "_append", torn)
    elif place == "find":
        monkeypatch.setattr(stream, "_find", dying(stream._find))
    elif place == "footers":
        monkeypatch.setattr(parts, "join_footers", dying(parts.join_footers))
    elif place == "rename":
        monkeypatch.setattr("pathlib.Path.replace", dying(stream.Path.replace))
    else:
        monkeypatch.setattr("pathlib.Path.unlink", dying(stream.Path.unlink))


@pytest.mark.parametrize(
    ("place", "nth"),
    [
        ("find", 0),
        ("find", 7),
        ("find", 12),
        *[("append", n) for n in (0, 1, 2, 3, 14, 15, 24, 25, 26)],
        ("footers", 0),
        ("rename", 0),
        ("unlink", 0),
    ],
)
@pytest.mark.parametrize("row_group_size", [64, 5000])
def test_a_killed_pass_goes_on_to_the_same_bytes(tmp_path, monkeypatch, place, nth, row_group_size):
    source = written(tmp_path, row_group_size=row_group_size)
    whole = locate_stream(source, tmp_path / "whole.parquet", lattice()).path.read_bytes()
    target = tmp_path / "out.parquet"
    with monkeypatch.context() as patch:
        kill_at(patch, place, nth)
        with pytest.raises(Killed):
            locate_stream(source, target, lattice())
    assert not target.exists() or target.read_bytes() == whole
    done = locate_stream(source, target, lattice())
    assert target.read_bytes() == whole
    assert not (tmp_path / "out.parquet.parts").exists()
    if place == "append":
        assert done.resumed_rows == min(100 * (nth // 2), 1234)
    if place in ("footers", "rename"):
        assert done.resumed_rows == done.rows == 1234


def interrupted(tmp_path, monkeypatch, frame=None):
    source, target = written(tmp_path, frame), tmp_path / "out.parquet"
    with monkeypatch.context() as patch:
        kill_at(patch, "find", 5)
        with pytest.raises(Killed):
            locate_stream(source, target, lattice())
    assert (tmp_path / "out.parquet.parts").is_dir()
    return source, target


def test_an_old_target_stays_until_the_end(tmp_path, monkeypatch):
    (tmp_path / "out.parquet").write_bytes(b"old")
    source, target = interrupted(tmp_path, monkeypatch)
    assert target.read_bytes() == b"old"
    locate_stream(source, target, lattice())
    assert len(read(target)) == 1234


def test_a_changed_source_starts_over_and_says_so(tmp_path, monkeypatch):
    _, target = interrupted(tmp_path, monkeypatch)
    frame = points(seed=1)
    source = written(tmp_path, frame)
    with pytest.warns(gk.GridkitWarning, match=r"different: source\)"):
        done = locate_stream(source, target, lattice())
    assert done.resumed_rows == 0
    pd.testing.assert_frame_equal(read(target), expected(frame, lattice()))


def test_other_cells_and_options_start_over_and_say_so(tmp_path, monkeypatch):
    source, target = interrupted(tmp_path, monkeypatch)
    with pytest.warns(gk.GridkitWarning, match=r"different: cells, options\)"):
        done = locate_stream(source, target, lattice("d"), near_m=7.0)
    assert done.resumed_rows == 0
    pd.testing.assert_frame_equal(read(target), expected(points(), lattice("d"), near_m=7.0))


def test_the_same_shapes_in_another_crs_are_other_cells(tmp_path, monkeypatch):
    source, target = interrupted(tmp_path, monkeypatch)
    with pytest.warns(gk.GridkitWarning, match=r"different: cells\)"):
        locate_stream(source, target, lattice().set_crs(4548, allow_override=True))


def test_killed_again_and_again_in_the_middle_of_a_line(tmp_path, monkeypatch):
    source, target = written(tmp_path), tmp_path / "out.parquet"
    for done in (1, 2, 3):
        with monkeypatch.context() as patch:
            kill_at(patch, "append", 3)  # the line of the second part
            with pytest.raises(Killed):
                locate_stream(source, target, lattice())
        journal = (tmp_path / "out.parquet.parts" / "journal.jsonl").read_bytes()
        assert journal.count(b"\n") == 1 + done
        assert not journal.endswith(b"\n")
    assert locate_stream(source, target, lattice()).resumed_rows == 300
    pd.testing.assert_frame_equal(read(target), expected(points(), lattice()))


def test_cells_in_another_order_go_on(tmp_path, monkeypatch):
    source, target = interrupted(tmp_path, monkeypatch)
    done = locate_stream(source, target, lattice().iloc[::-1])
    assert done.resumed_rows > 0
    pd.testing.assert_frame_equal(read(target), expected(points(), lattice()))


def test_resume_false_starts_over(tmp_path, monkeypatch):
    source, target = interrupted(tmp_path, monkeypatch)
    assert locate_stream(source, target, lattice(), resume=False).resumed_rows == 0


@pytest.mark.parametrize("damage", ["rows", "journal", "first line"])
def test_damaged_parts_start_over(tmp_path, monkeypatch, damage):
    source, target = interrupted(tmp_path, monkeypatch)
    folder = tmp_path / "out.parquet.parts"
    if damage == "rows":
        (folder / "rows").write_bytes(b"PAR1")
    elif damage == "journal":
        (folder / "journal.jsonl").unlink()
    else:
        (folder / "journal.jsonl").write_bytes(b'{"version": 1, "sou')
    assert locate_stream(source, target, lattice()).resumed_rows == 0
    pd.testing.assert_frame_equal(read(target), expected(points(), lattice()))


def test_a_source_that_changes_meanwhile_is_refused(tmp_path):
    source, target = written(tmp_path), tmp_path / "out.parquet"
    shutil.copy(source, tmp_path / "copy.parquet")

    def meddle(*_):
        (tmp_path / "copy.parquet").replace(source)
        shutil.copy(source, tmp_path / "copy.parquet")

    with pytest.raises(gk.FileError, match="changed while"):
        locate_stream(source, target, lattice(), progress=meddle)
    assert not target.exists()


def test_two_passes_do_not_mix(tmp_path):
    source, target = written(tmp_path), tmp_path / "out.parquet"

    def meddle(*_):
        with (tmp_path / "out.parquet.parts" / "rows").open("ab") as rows:
            rows.write(b"another pass")

    with pytest.raises(gk.FileError, match="another pass"):
        locate_stream(source, target, lattice(), progress=meddle)
    assert not target.exists()


def test_progress(tmp_path):
    calls = []
    source = written(tmp_path)
    locate_stream(
        source, tmp_path / "o.parquet", lattice(), progress=lambda *done: calls.append(done)
    )
    assert calls == [(min(n, 1234), 1234) for n in range(100, 1301, 100)]
    lines = io.StringIO()
    locate_stream(source, tmp_path / "o.parquet", lattice(), progress=lines, lang="en")
    assert lines.getvalue().splitlines()[-1] == "  1,234 of 1,234 rows (100 %)"


@pytest.mark.parametrize(
    ("change", "options", "kind", "words"),
    [
        ({"x": "east"}, {}, gk.SchemaError, "no column x; the file has: report_id, east, y, more"),
        ({"x": "e", "y": "n"}, {"id_column": "k"}, gk.SchemaError, "no column k, x, y"),
        ({}, {"x": "report_id"}, gk.SchemaError, "'report_id' holds"),
        ({}, {"datum": "wgs84", "crs": 4326}, gk.OptionError, "one of them"),
        ({}, {"datum": "wgs84", "x": "x", "y": "y"}, gk.CRSError, "row 1 has"),
        ({}, {"datum": "mars", "x": "x", "y": "y"}, gk.CRSError, "mars"),
        ({}, {"crs": "no such"}, gk.CRSError, "no such"),
        ({}, {"near_m": -1.0}, gk.OptionError, "near_m=-1.0"),
        ({}, {"near_m": float("nan")}, gk.OptionError, "near_m=nan"),
        ({}, {"lang": "de"}, gk.OptionError, "lang"),
    ],
)
def test_wrong_columns_and_options(tmp_path, change, options, kind, words):
    source = written(tmp_path, points().rename(columns=change))
    with pytest.raises(kind, match=words):
        locate_stream(source, tmp_path / "out.parquet", lattice(), **options)
    assert not (tmp_path / "out.parquet").exists()


def test_the_row_that_is_not_degrees_is_counted_from_the_start(tmp_path):
    frame = points(500).assign(x=121.0, y=37.0)
    frame.loc[432, "x"] = 500.0
    source = written(tmp_path, frame)
    with pytest.raises(gk.CRSError, match=r"row 433 has the coordinates 500\.0, 37\.0"):
        locate_stream(source, tmp_path / "out.parquet", lattice(), x="x", y="y", datum="wgs84")


def test_wrong_files(tmp_path, monkeypatch):
    source, target = written(tmp_path), tmp_path / "out.parquet"
    before = source.read_bytes()
    with pytest.raises(gk.FileError, match="same file"):
        locate_stream(source, source, lattice())
    assert source.read_bytes() == before
    with pytest.raises(gk.FileError, match="no such file"):
        locate_stream(tmp_path / "none.parquet", target, lattice())
    (tmp_path / "text.parquet").write_text("report_id,x,y\n")
    with pytest.raises(gk.FileError, match="not a Parquet file"):
        locate_stream(tmp_path / "text.parquet", target, lattice())
    with pytest.raises(gk.FileError, match="folder"):
        locate_stream(source, tmp_path, lattice())
    with pytest.raises(gk.FileError, match="cannot be written"):
        locate_stream(source, source / "out.parquet", lattice())
    source.write_bytes(before[:200] + b"\0" * 4000 + before[4200:])
    with pytest.raises(gk.FileError, match="cannot be read"):
        locate_stream(source, target, lattice())
    assert not target.exists()
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(gk.FileError, match=r"gridkit-city\[parquet\]"):
        locate_stream(source, target, lattice())


def test_command(tmp_path, capsys):
    source, target = written(tmp_path), tmp_path / "out.parquet"
    cells = lattice().rename(columns={"cell_code": "BEAT"})
    pd.concat([cells.iloc[:1], cells]).to_file(tmp_path / "beats.gpkg")
    command = ["--lang", "en", "locate", str(source), str(target)]
    command += ["--cells", str(tmp_path / "beats.gpkg"), "--cell-code", "BEAT"]
    assert main(command) == 2
    assert "c00" in capsys.readouterr().err
    cells.to_file(tmp_path / "beats.gpkg")
    assert main(command) == 0
    shown = capsys.readouterr()
    assert "1,234 of 1,234 rows" in shown.err
    assert "1,234  rows in" in shown.out
    pd.testing.assert_frame_equal(read(target), expected(points(), lattice()))
    assert main([*command, "--x", "lon"]) == 2
    assert "there is no column lon; the file has: report_id, x, y, more" in capsys.readouterr().err


def test_command_interrupted(tmp_path, capsys, monkeypatch):
    source, target = written(tmp_path), tmp_path / "out.parquet"
    lattice().to_file(tmp_path / "cells.gpkg")
    command = ["--lang", "en", "locate", str(source), str(target)]
    command += ["--cells", str(tmp_path / "cells.gpkg")]

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(stream, "_find", stop)
        assert main(command) == 130
    assert "out.parquet.parts keeps what is done" in capsys.readouterr().err
    assert main(command) == 0


def test_joined_files_are_one_file(tmp_path):
    """Against pyarrow's own reading; with page indexes, booleans and more than 14 row groups."""
    files, bases, at = [], [], 0
    for k in range(20):
        table = pa.table(
            {"a": range(k * 5, k * 5 + 5), "b": [True, None] * 2 + [False], "c": [1e300] * 5}
        )
        sink = io.BytesIO()
        pq.write_table(table, sink, row_group_size=3, write_page_index=True)
        files.append(sink.getvalue())
        bases.append(at)
        at += len(files[-1])
    footers = [footer_of(f) for f in files]
    assert join_footers([(0, footers[0])])[:-8] == footers[0]
    (tmp_path / "one.parquet").write_bytes(
        b"".join(files) + join_footers(zip(bases, footers, strict=True))
    )
    one = pq.read_table(tmp_path / "one.parquet")
    assert one.equals(pa.concat_tables(pq.read_table(io.BytesIO(f)) for f in files))
    some = pq.read_table(tmp_path / "one.parquet", filters=[("a", ">=", 57), ("a", "<", 60)])
    assert some["a"].to_pylist() == [57, 58, 59]
    with pytest.raises(ValueError, match="not the end"):
        footer_of(files[0][:-1])


def test_locator_travels_to_other_processes(engine):
    if engine == "numpy":
        pytest.skip("spawned processes choose their engine themselves")
    frame, locator = points().dropna(), gk.Locator(lattice())
    x, y = frame["x"].to_numpy(), frame["y"].to_numpy()
    cut = len(x) // 2
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=spawn) as pool:
        # `locate_xy` of the locator itself: a module of tests cannot be imported over there.
        halves = [
            pool.submit(locator.locate_xy, x[:cut], y[:cut]),
            pool.submit(locator.locate_xy, x[cut:], y[cut:]),
        ]
        found = np.concatenate([half.result() for half in halves])
    np.testing.assert_array_equal(found, locator.locate_xy(x, y))
    assert len(pickle.dumps(locator)) < 2 * locator.nbytes + 100_000
