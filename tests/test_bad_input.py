"""Bad input on the command line: one clear message in either language, code 2, nothing written."""

import subprocess
import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import box

import gridkit as gk
from gridkit.cli import main

JUNK = np.random.default_rng(0).integers(0, 256, 4096, dtype=np.uint8).tobytes()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with a sound city and one file for each way in which input goes wrong."""
    folder = tmp_path_factory.mktemp("bad")
    city = gk.make_city("small")
    gk.write_city(city, folder)
    for ending in ("gpkg", "csv", "xlsx", "parquet", "fgb"):
        (folder / f"junk.{ending}").write_bytes(JUNK)
    write_districts(city.district, folder)
    write_rosters(city.roster, folder)
    write_reports(city.reports, folder)
    write_cells(folder)
    (folder / "in_the_way").write_text("")
    return folder


def write_districts(district, folder):
    boundary = district.boundary
    district.communities.to_file(folder / "no_boundary.gpkg", layer="communities")
    district.streets.to_file(folder / "no_boundary.gpkg", layer="streets")
    boundary.iloc[:0].to_file(folder / "empty.gpkg", layer="boundary")
    boundary.assign(geometry=[shapely.Polygon()]).to_file(folder / "void.gpkg", layer="boundary")
    degrees = boundary.to_crs(4326).set_crs(4549, allow_override=True)
    degrees.to_file(folder / "degrees.gpkg", layer="boundary")
    with pytest.warns(UserWarning, match="crs"):
        boundary.set_crs(None, allow_override=True).to_file(
            folder / "no_crs.gpkg", layer="boundary"
        )
    for name in ("boundary", "communities", "streets", "buildings"):
        layer = getattr(district, name)
        twice = layer.assign(community_code="370699001001") if name == "communities" else layer
        twice.to_file(folder / "communities_twice.gpkg", layer=name)
        text = layer.assign(households="many") if name == "buildings" else layer
        text.to_file(folder / "text_households.gpkg", layer=name)


def write_rosters(roster, folder):
    faults = {
        "role": roster.assign(角色="超人"),
        "twice": roster.assign(人员编号="J0001"),
        "nowhere": roster.drop(columns=["社区编码", "经度", "纬度"]),
        "nobody": roster.iloc[:0],
    }
    for name, frame in faults.items():
        frame.to_csv(folder / f"roster_{name}.csv", index=False)


def write_reports(reports, folder):
    faults = {
        "empty": reports.iloc[:0],
        "zero": reports.assign(经度="0", 纬度="0"),
        "nowhere": reports.drop(columns=["经度", "纬度", "地址"]),
        "no_datum": reports.drop(columns="坐标系"),
    }
    for name, frame in faults.items():
        frame.to_csv(folder / f"reports_{name}.csv", index=False)
    (folder / "reports_ragged.csv").write_text("id,经度,纬度\n1,121.3,37.5,9\n", "utf-8")


def write_cells(folder):
    squares = [box(621_000 + 500 * i, 4_156_000, 621_500 + 500 * i, 4_157_000) for i in range(2)]
    cells = gpd.GeoDataFrame({"BEAT": ["1", "2"]}, geometry=squares, crs=4549)
    cells.assign(BEAT="1").to_file(folder / "cells_twice.gpkg")
    cells.assign(BEAT=[None, "2"]).to_file(folder / "cells_unnamed.gpkg")
    cells.iloc[:0].to_file(folder / "cells_none.gpkg")
    cells.to_crs(4326).to_file(folder / "cells_wgs84.geojson")


DISTRICT = ["run", "--district", "{f}/district.gpkg"]
CASES = [
    *(
        (["run", "--district", f"{{f}}/junk.{e}"], ["junk", w])
        for e, w in (("gpkg", "读取"), ("fgb", "读取"), ("parquet", "读取"), ("csv", ".gpkg"))
    ),
    *(
        ([*DISTRICT, "--reports", f"{{f}}/junk.{e}"], ["junk", w])
        for e, w in (("csv", "UTF-8"), ("xlsx", "读取"), ("parquet", "读取"), ("gpkg", "读取"))
    ),
    ([*DISTRICT, "--streets", "{f}/district.gpkg"], ["district.gpkg", "buildings", "另存"]),
    ([*DISTRICT, "--roster", "{f}/junk.xlsx"], ["junk.xlsx"]),
    (["run", "--district", "{f}/no_boundary.gpkg"], ["no_boundary.gpkg", "boundary", "streets"]),
    (["run", "--district", "{f}/no_crs.gpkg"], ["no_crs.gpkg", "set_crs"]),
    (["run", "--district", "{f}/degrees.gpkg"], ["degrees.gpkg", "121.", "set_crs"]),
    (["run", "--district", "{f}/empty.gpkg"], ["empty.gpkg", "boundary"]),
    (["run", "--district", "{f}/void.gpkg"], ["void.gpkg", "boundary", "1"]),
    (
        ["run", "--district", "{f}/communities_twice.gpkg"],
        ["communities_twice.gpkg", "community_code", "370699001001"],
    ),
    (["run", "--district", "{f}/text_households.gpkg"], ["buildings", "households", "many"]),
    ([*DISTRICT, "--into", "2"], ["into=2", "5"]),
    ([*DISTRICT, "--into", "0"], ["into=0", "5"]),
    ([*DISTRICT, "--into", "9999"], ["into=9999"]),
    *(([*DISTRICT, "--per-cell", n], [f"--per-cell {n}"]) for n in ("0", "-3", "nan", "inf")),
    ([*DISTRICT, "--datum", "mars"], ["mars", "gcj02"]),
    ([*DISTRICT, "--map-datum", "mars"], ["mars", "gcj02"]),
    ([*DISTRICT, "--roster", "{f}/roster_role.csv"], ["roster_role.csv", "超人", "officer"]),
    ([*DISTRICT, "--roster", "{f}/roster_twice.csv"], ["roster_twice.csv", "J0001"]),
    ([*DISTRICT, "--roster", "{f}/roster_nowhere.csv"], ["roster_nowhere.csv", "46"]),
    ([*DISTRICT, "--roster", "{f}/roster_nobody.csv"], ["roster_nobody.csv"]),
    ([*DISTRICT, "--reports", "{f}/reports_empty.csv"], ["reports_empty.csv"]),
    ([*DISTRICT, "--reports", "{f}/reports_zero.csv"], ["reports_zero.csv", "ZERO_ISLAND"]),
    ([*DISTRICT, "--reports", "{f}/reports_nowhere.csv"], ["reports_nowhere.csv", "NO_PLACE"]),
    ([*DISTRICT, "--reports", "{f}/reports_no_datum.csv"], ["--datum", "gcj02"]),
    ([*DISTRICT, "--reports", "{f}/reports_ragged.csv"], ["reports_ragged.csv", "1", "3"]),
    (["run", "--cells", "{f}/cells_twice.gpkg"], ["BEAT", "--cell-code"]),
    (["run", "--cells", "{f}/cells_twice.gpkg", "--cell-code", "BEAT"], ["--merge-parts"]),
    (["run", "--cells", "{f}/cells_unnamed.gpkg", "--cell-code", "BEAT"], ["cells_unnamed"]),
    (["run", "--cells", "{f}/cells_none.gpkg", "--cell-code", "BEAT"], ["cells_none.gpkg"]),
    (["check", "{f}/junk.gpkg"], ["junk.gpkg"]),
    (["check", "{f}/district.gpkg", "--layer", "roads"], ["roads", "buildings"]),
    (["check", "{f}/cells_twice.gpkg", "--cell-code", "BEAT"], ["cells_twice.gpkg"]),
    (["demo", "--size", "small", "--seed", "-1"], ["seed=-1"]),
]


@pytest.mark.parametrize(("arguments", "words"), CASES)
def test_one_clear_message_in_either_language(arguments, words, files, tmp_path, capsys):
    out = tmp_path / "out"
    line = [a.format(f=files) for a in arguments]
    target = [] if line[0] == "check" else ["--out", str(out)]
    assert main(["--lang", "zh", *line, *target]) == 2
    chinese = capsys.readouterr().err.split("已停止：")[1]
    assert main(["--lang", "en", *line, *target]) == 2
    english = capsys.readouterr().err.split("Stopped: ")[1]
    for word in words:
        assert word in chinese
        assert word in english or not word.isascii()
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.parametrize("place", ["in_the_way", "in_the_way/below"])
def test_an_out_folder_that_cannot_be(place, files, capsys):
    district = str(files / "district.gpkg")
    assert main(["--lang", "en", "run", "--district", district, "--out", str(files / place)]) == 2
    assert "in_the_way" in capsys.readouterr().err
    assert (files / "in_the_way").read_text() == ""


def test_a_folder_with_the_name_of_a_file(files, tmp_path, capsys):
    (tmp_path / "cells.gpkg").mkdir()
    district = str(files / "district.gpkg")
    assert main(["--lang", "en", "run", "--district", district, "--out", str(tmp_path)]) == 2
    assert "cells.gpkg: cannot be written" in capsys.readouterr().err
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".gridkit")]


def test_a_full_disk_is_no_traceback(files, tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "cells.gpkg")

    monkeypatch.setattr("gridkit.road.write_xlsx", full)
    district = str(files / "district.gpkg")
    assert main(["--lang", "en", "run", "--district", district, "--out", str(tmp_path)]) == 2
    assert "No space left" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_reports_of_which_none_lies_in_a_cell_are_told(files, tmp_path, capsys):
    reports = pd.read_csv(files / "reports.csv", dtype=str, keep_default_na=False)
    reports.drop(columns=["经度", "纬度"]).to_csv(tmp_path / "addresses.csv", index=False)
    line = ["run", "--district", f"{files}/district.gpkg", "--reports", f"{tmp_path}/addresses.csv"]
    assert main(["--lang", "en", *line, "--out", str(tmp_path / "out")]) == 0
    assert "reports: not one lies in a cell" in capsys.readouterr().out


def test_cells_that_say_wgs84_inside_china_are_told(files, tmp_path, capsys):
    line = ["run", "--cells", f"{files}/cells_wgs84.geojson", "--cell-code", "BEAT"]
    assert main(["--lang", "en", *line, "--out", str(tmp_path / "a")]) == 0
    assert "--map-datum" in capsys.readouterr().err
    assert main(["--lang", "en", *line, "--map-datum", "gcj02", "--out", str(tmp_path / "b")]) == 0
    assert "--map-datum" not in capsys.readouterr().err
    plain, moved = (gpd.read_file(tmp_path / n / "cells.gpkg").geometry[0] for n in "ab")
    assert plain.hausdorff_distance(moved) > 200


def test_faults_of_given_cells_are_named(files, tmp_path, capsys):
    line = ["run", "--cells", f"{files}/cells_wgs84.geojson", "--cell-code", "BEAT"]
    whole = [*line, "--district", f"{files}/district.gpkg", "--out", str(tmp_path)]
    assert main(["--lang", "en", *whole]) == 0
    told = capsys.readouterr().out
    assert "cells: faults found (GAP, OUTSIDE, CROSSES_COMMUNITY, " in told
    assert "4  errors found in the cells" in told


def test_buildings_without_households_are_told(files, tmp_path, capsys):
    for layer in ("boundary", "communities", "streets", "water", "buildings"):
        frame = gpd.read_file(files / "district.gpkg", layer=layer)
        frame.drop(columns="households", errors="ignore").to_file(
            tmp_path / "plain.gpkg", layer=layer
        )
    line = ["run", "--district", f"{tmp_path}/plain.gpkg", "--out", str(tmp_path / "out")]
    assert main(["--lang", "en", *line]) == 0
    assert "hectares are counted" in capsys.readouterr().out


def test_an_output_that_lacks_chinese_letters(files):
    line = [sys.executable, "-m", "gridkit", "--lang", "zh", "check", f"{files}/nothing.gpkg"]
    done = subprocess.run(line, capture_output=True, env={"PYTHONIOENCODING": "cp1252"})
    assert done.returncode == 2
    assert b"nothing.gpkg" in done.stderr
    assert b"Traceback" not in done.stderr
