"""The whole road: what comes out, what is skipped and said, and that nothing is half-written."""

import base64
import gzip
import re

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from shapely import box

import gridkit as gk
from gridkit.cli import main
from gridkit.road import Inputs, travel


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    folder = tmp_path_factory.mktemp("city")
    gk.write_city(gk.make_city("small"), folder)
    return folder


@pytest.fixture(scope="module")
def whole(city, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    inputs = Inputs(
        district=city / "district.gpkg",
        reports=city / "reports.csv",
        roster=city / "roster.xlsx",
        into=16,
    )
    with pytest.warns(gk.GridkitWarning, match="no category"):
        return out, travel(inputs, out, lang="zh")


def test_every_file_is_written_and_nothing_else(whole):
    out, journey = whole
    names = {
        "bulletin.html",
        "cases.csv",
        "cell_map.html",
        "cells.gpkg",
        "dashboard.html",
        "findings.xlsx",
        "heat_map.html",
        "intake.xlsx",
        "posts.xlsx",
        "scores.csv",
    }
    assert {p.name for p in out.iterdir()} == names
    assert {p.name for p in journey.files} == names


def test_rows_in_are_reports_and_quarantined(whole, city):
    counts = whole[1].counts
    raw = pd.read_csv(city / "reports.csv", dtype=str)
    assert counts["rows_in"] == len(raw) == counts["reports"] + counts["quarantined"]
    how = ("inside", "border", "near", "outside", "unlocated")
    assert sum(counts[h] for h in how) == counts["reports"]


def test_tables_agree_with_each_other(whole):
    out, journey = whole
    cells = gpd.read_file(out / "cells.gpkg", layer="cells")
    assert len(cells) == journey.counts["cells"] == 16
    assert journey.counts["findings"] == 0
    posts = pd.read_excel(out / "posts.xlsx", engine="calamine", dtype=str)
    assert len(posts) == journey.counts["posts"] == 64
    assert set(posts["区域编码"]) == set(cells["cell_code"])
    cases = pd.read_csv(out / "cases.csv", dtype=str)
    assert len(cases) == journey.counts["reports"]
    owned = cases["网格编码"].dropna()
    assert set(owned) <= set(cells["cell_code"])
    scores = pd.read_csv(out / "scores.csv", dtype=str)
    by_cell = scores[scores["对象类型"].eq("cell_code") & scores["指标"].eq("reported")]
    assert by_cell["分子"].astype(int).sum() == len(cases)


def test_summary_names_every_count_and_stage(whole):
    journey = whole[1]
    text = journey.summary()
    for number in journey.counts.values():
        assert f"{number:,}" in text
    for stage, _ in journey.stages:
        assert stage in text
    for path in journey.files:
        assert str(path) in text


def test_pages_are_named_after_what_they_show(whole, city, tmp_path):
    out, _ = whole
    assert "<title>临海区上报热力图</title>" in (out / "heat_map.html").read_text("utf-8")
    assert "<title>临海区网格图</title>" in (out / "cell_map.html").read_text("utf-8")
    assert "<title>临海区 城市网格化管理工作通报</title>" in (out / "bulletin.html").read_text(
        "utf-8"
    )
    travel(Inputs(district=city / "district.gpkg", title="试点区"), tmp_path)
    assert "<title>试点区</title>" in (tmp_path / "cell_map.html").read_text("utf-8")


def test_phones_are_masked_on_every_page(whole, city):
    roster = pd.read_excel(city / "roster.xlsx", engine="calamine", dtype=str)
    for page in whole[0].glob("*.html"):
        text = visible(page)
        assert not [phone for phone in roster["联系电话"] if phone in text]
        assert "138****" in text or page.name == "bulletin.html"
    posts = pd.read_excel(whole[0] / "posts.xlsx", engine="calamine", dtype=str)
    assert posts["联系电话"].dropna().isin(roster["联系电话"]).all()


def visible(page):
    """Return a page's text with its packed data unpacked."""
    text = page.read_text("utf-8")
    packed = re.findall(r'id="gk-(?:data|more)"[^>]*>([^<]+)<', text)
    return text + "".join(
        gzip.decompress(base64.b64decode(p)).decode("utf-8", "replace") for p in packed
    )


def test_missing_inputs_skip_their_stage_and_say_so(city, tmp_path):
    journey = travel(Inputs(district=city / "district.gpkg"), tmp_path, lang="en")
    assert {p.name for p in tmp_path.iterdir()} == {"cell_map.html", "cells.gpkg", "findings.xlsx"}
    assert len(journey.notes) == 2
    assert "no roster" in journey.notes[0]
    assert "none were given" in journey.notes[1]
    assert "posts" not in journey.counts


def test_district_without_streets_gets_squares(tmp_path):
    path = tmp_path / "plain.gpkg"
    gpd.GeoDataFrame(geometry=[box(0, 0, 400, 300)], crs=4549).translate(5e5, 4.15e6).to_frame(
        "geometry"
    ).to_file(path, layer="boundary")
    journey = travel(Inputs(district=path), tmp_path / "out", lang="en")
    assert journey.counts["cells"] >= 12
    assert "free codes" in journey.notes[0]
    assert "squares" in journey.notes[1]


def test_reports_that_were_located_before_keep_their_old_answer(city, tmp_path):
    raw = pd.read_csv(city / "reports.csv", dtype=str).assign(cell_code="old", located_by="guess")
    raw.to_csv(tmp_path / "again.csv", index=False, encoding="utf-8-sig")
    inputs = Inputs(district=city / "district.gpkg", reports=tmp_path / "again.csv", into=16)
    with pytest.warns(gk.GridkitWarning):
        travel(inputs, tmp_path / "out", lang="en")
    cases = pd.read_csv(tmp_path / "out" / "cases.csv", dtype=str)
    assert cases["cell_code_given"].eq("old").all()
    assert cases["located_by_given"].eq("guess").all()
    assert not cases["cell_code"].eq("old").any()


def test_given_cells_are_taken_as_they_are(city, tmp_path):
    squares = gpd.GeoDataFrame(
        {"BEAT": ["0111", "0112"]},
        geometry=[box(121.38, 37.53, 121.40, 37.55), box(121.40, 37.53, 121.42, 37.55)],
        crs=4326,
    )
    squares.to_file(tmp_path / "beats.geojson")
    inputs = Inputs(
        cells=tmp_path / "beats.geojson", cell_code="BEAT", reports=city / "reports.csv"
    )
    with pytest.warns(gk.GridkitWarning):
        journey = travel(inputs, tmp_path / "out", lang="en")
    cells = gpd.read_file(tmp_path / "out" / "cells.gpkg")
    assert sorted(cells["cell_code"]) == ["0111", "0112"]
    assert journey.counts["cells"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--out", "{out}"], "--district or --cells"),
        (["run", "--district", "nowhere.gpkg", "--out", "{out}"], "nowhere.gpkg"),
        (
            ["run", "--district", "nowhere.gpkg", "--reports", "gone.csv", "--out", "{out}"],
            "gone.csv",
        ),
        (["run", "--district", "{city}/reports.csv", "--out", "{out}"], "reports.csv"),
        (["run", "--district", "{city}/district.gpkg", "--into", "2", "--out", "{out}"], "least"),
        (
            [
                "run",
                "--district",
                "{city}/district.gpkg",
                "--reports",
                "{city}/units.csv",
                "--out",
                "{out}",
            ],
            "units.csv",
        ),
        (["check", "{city}/roster.xlsx"], "roster.xlsx"),
    ],
)
def test_bad_input_is_one_clear_message(arguments, words, city, tmp_path, capsys):
    out = tmp_path / "out"
    code = main(["--lang", "en", *(a.format(out=out, city=city) for a in arguments)])
    shown = capsys.readouterr()
    assert code == 2
    assert words in shown.err
    assert "Traceback" not in shown.err
    assert not out.exists() or not list(out.iterdir())


def test_check_tells_by_its_exit_code(whole, city, tmp_path, capsys):
    out, _ = whole
    district = str(city / "district.gpkg")
    file = str(out / "cells.gpkg")
    assert main(["--lang", "zh", "check", file, "--district", district]) == 0
    assert "检查网格 16 个，错误 0 项" in capsys.readouterr().out
    cells = gpd.read_file(file)
    cells.loc[0, "geometry"] = shapely.affinity.translate(cells.geometry[0], 30, 0)
    cells.to_file(tmp_path / "moved.gpkg")
    assert main(["check", str(tmp_path / "moved.gpkg"), "--district", district]) == 1
    assert "OVERLAP" in capsys.readouterr().out


def test_demo_command_goes_the_whole_road(tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["--lang", "en", "demo", "--size", "small", "--out", str(out)]) == 0
    shown = capsys.readouterr()
    assert "rows in" in shown.out
    assert "locate" in shown.err
    assert (out / "heat_map.html").stat().st_size < 2_000_000
    assert not [p for p in out.iterdir() if p.name.startswith(".gridkit")]


def test_a_failure_on_the_way_leaves_the_old_files(city, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "heat_map.html").write_text("old")

    def broken(*_, **__):
        raise gk.FileError("disk full", "磁盘已满")

    monkeypatch.setattr("gridkit.road.save_map", broken)
    with pytest.raises(gk.FileError, match="disk full"):
        travel(Inputs(district=city / "district.gpkg"), out)
    assert [p.name for p in out.iterdir()] == ["heat_map.html"]
    assert (out / "heat_map.html").read_text() == "old"


def test_a_slip_in_one_year_does_not_move_the_bulletin(city, tmp_path):
    reports = pd.read_csv(city / "reports.csv", dtype=str, keep_default_na=False)
    late = reports["上报时间"].str.startswith("2025-06").idxmax()
    reports.loc[[late, late + 1], ["受理时间", "立案时间", "派遣时间", "处置时间", "结案时间"]] = ""
    reports.loc[[late, late + 1], "上报时间"] = ["2052-06-01 08:00", "9999-12-31 23:59"]
    reports.to_csv(tmp_path / "reports.csv", index=False)
    inputs = Inputs(district=city / "district.gpkg", reports=tmp_path / "reports.csv")
    with pytest.warns(gk.GridkitWarning):
        journey = travel(inputs, tmp_path / "out")
    page = (tmp_path / "out" / "bulletin.html").read_text("utf-8")
    assert "2025年12月1日" in page
    assert journey.counts["quarantined"] == 24  # those of the city and the year 9999
