"""Maps of findings and changes in a real browser, network off: mouse, keyboard, phone, paper."""

import geopandas as gpd
import pandas as pd
import pytest
import shapely

import gridkit as gk
from gridkit.division.checks import check_cells
from gridkit.publishing.compare_maps import compare_map
from gridkit.publishing.finding_maps import findings_map
from gridkit.publishing.offline import save_map

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.hit=1">{{7*7}}</script><script>window.hit=1</script>'
SIZES = [(1280, 800), (390, 844)]
SEEN = """() => {
    const map = window[document.querySelector(".folium-map").id], bounds = map.getBounds();
    return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
}"""


def assert_quiet(seen, path):
    assert seen.requests == [path.as_uri()]
    assert seen.complaints == []
    assert seen.page.evaluate("window.hit") is None


def shown(seen):
    return shapely.box(*seen.page.evaluate(SEEN))


def sample(seen, shape, crs):
    """Return the pixels of the drawn map over a shape, as a set of colours."""
    bounds = gpd.GeoSeries([shape], crs=crs).to_crs(4326).total_bounds.tolist()
    script = """([west, south, east, north]) => {
        const map = window[document.querySelector(".folium-map").id];
        const canvas = document.querySelector(".leaflet-gridkit-pane canvas");
        const a = map.latLngToContainerPoint([north, west]);
        const b = map.latLngToContainerPoint([south, east]);
        const box = document.querySelector(".folium-map").getBoundingClientRect();
        const frame = canvas.getBoundingClientRect(), ratio = canvas.width / frame.width;
        const w = Math.round(b.x - a.x), h = Math.round(b.y - a.y);
        const one = document.createElement("canvas");
        one.width = w; one.height = h;
        const pen = one.getContext("2d", { willReadFrequently: true });
        const x = (box.x + a.x - frame.x) * ratio, y = (box.y + a.y - frame.y) * ratio;
        pen.drawImage(canvas, x, y, w * ratio, h * ratio, 0, 0, w, h);
        const found = new Set(), data = pen.getImageData(0, 0, w, h).data;
        for (let k = 0; k < data.length; k += 4) found.add(data.slice(k, k + 3).join(","));
        return [...found];
    }"""
    return {tuple(map(int, c.split(","))) for c in seen.page.evaluate(script, bounds)}


def near(colours, wanted, by=6):
    return any(max(abs(a - b) for a, b in zip(c, wanted, strict=True)) <= by for c in colours)


RED, PURPLE = (163, 23, 47), (107, 63, 160)


@pytest.fixture
def overlap(city):
    shapes = city.cells.geometry.to_numpy().copy()
    x0, y0, x1, y1 = shapes[5].bounds
    shapes[5] = shapely.box(x0 - 30, y0, x1, y1)
    return city.cells.set_geometry(gpd.GeoSeries(shapes, crs=city.cells.crs))


@pytest.fixture
def findings_file(city, overlap, tmp_path):
    findings = check_cells(overlap, city.district)
    path = save_map(findings_map(overlap, findings, district=city.district), tmp_path / "检查.html")
    return path, findings


@pytest.fixture
def compare_file(city, tmp_path):
    x0, y0, x1, y1 = city.cells.geometry.iloc[0].bounds
    parts = [shapely.box(x0, y0, x0 + 90, y1), shapely.box(x0 + 90, y0, x1, y1)]
    codes = ["370602001001901", "370602001001902", *city.cells["cell_code"].iloc[1:]]
    shapes = [*parts, *city.cells.geometry.iloc[1:]]
    after = gpd.GeoDataFrame({"cell_code": codes}, geometry=shapes, crs=city.cells.crs)
    m = compare_map(city.cells, after, district=city.district)
    return save_map(m, tmp_path / "对照.html")


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_rule_opened_zooms_to_its_place_and_names_the_cells(
    city, findings_file, visit, width, height
):
    path, findings = findings_file
    seen = visit(path, width=width, height=height).ready()
    rule = findings.set_index("rule").loc["OVERLAP"]
    place = gpd.GeoSeries([rule.geometry], crs=city.cells.crs).to_crs(4326).iloc[0]
    before = shown(seen)
    button = seen.page.locator(".gk-item", has_text="OVERLAP")
    more = seen.page.locator(".gk-item[aria-expanded=true] + .gk-more")
    assert more.count() == 0
    button.focus()
    seen.page.keyboard.press("Enter")
    more.wait_for(state="visible")
    for code in rule["codes"].split(", "):
        assert code in more.inner_text()
    assert rule["remedy"] in more.inner_text()
    seen.page.wait_for_timeout(400)  # the sheet of the phone opens and the map follows it
    after = shown(seen)
    assert after.covers(place)
    assert after.area < before.area / 3
    assert near(sample(seen, rule.geometry, city.cells.crs), RED)
    seen.page.keyboard.press("Escape")
    assert more.count() == 0
    assert_quiet(seen, path)


def test_findings_are_red_where_they_are_and_nowhere_else(city, findings_file, visit):
    path, findings = findings_file
    seen = visit(path).ready()
    place = findings.set_index("rule").loc["OVERLAP", "geometry"]
    assert near(sample(seen, place, city.cells.crs), RED)
    quiet = city.cells.geometry.iloc[10].buffer(-20)
    assert not near(sample(seen, quiet, city.cells.crs), RED)
    assert_quiet(seen, path)


def test_two_findings_of_one_kind_in_one_place_do_not_cancel_each_other(city, tmp_path, visit):
    cell = city.cells.geometry.iloc[5]
    findings = gpd.GeoDataFrame(
        {"rule": ["A", "B"], "severity": ["error", "error"]},
        geometry=[cell, cell],
        crs=city.cells.crs,
    )
    path = save_map(findings_map(city.cells, findings), tmp_path / "twice.html")
    seen = visit(path).ready()
    x0, y0, *_ = cell.bounds
    corner = shapely.box(x0 + 10, y0 + 10, x0 + 60, y0 + 60)  # hatched, and without a badge
    assert near(sample(seen, corner, city.cells.crs), RED, by=25)
    assert_quiet(seen, path)


def test_a_cell_of_the_check_says_which_rules_it_breaks(city, findings_file, visit):
    path, _ = findings_file
    seen = visit(path).ready()
    point = city.cells.geometry.iloc[[5]].centroid.to_crs(4326).iloc[0]
    seen.click_at(point.y, point.x)
    assert "OVERLAP" in seen.page.inner_text("#gk-cell")
    assert_quiet(seen, path)


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_slider_shows_before_and_after_by_keyboard(city, compare_file, visit, width, height):
    seen = visit(compare_file, width=width, height=height).ready()
    x0, y0, *_ = city.cells.geometry.iloc[0].bounds
    border = shapely.box(x0 + 80, y0 + 15, x0 + 100, y0 + 60)  # that the split has made
    slider = seen.page.locator("#gk-swipe input")
    assert slider.bounding_box()["x"] >= 0
    seen.page.locator("#gk-swipe button").nth(1).click()
    assert slider.input_value() == "0"
    now = sample(seen, border, city.cells.crs)
    slider.focus()
    seen.page.keyboard.press("End")
    assert slider.input_value() == "100"
    old = sample(seen, border, city.cells.crs)
    assert near(now, PURPLE, by=3)
    assert not near(old, PURPLE, by=3)
    point = city.cells.geometry.iloc[[0]].centroid.to_crs(4326).iloc[0]
    seen.click_at(point.y, point.x)
    text = seen.page.inner_text("#gk-cell")
    assert city.cells["cell_code"].iloc[0] in text
    assert "拆分" in text
    seen.page.keyboard.press("Escape")
    seen.page.wait_for_timeout(300)
    seen.page.locator("#gk-swipe button").nth(1).click()
    seen.click_at(point.y, point.x)
    assert "370602001001902" in seen.page.inner_text("#gk-cell")
    assert_quiet(seen, compare_file)


def test_the_list_of_changes_says_who_became_whom(compare_file, visit):
    seen = visit(compare_file).ready()
    assert "拆分 3" in seen.page.inner_text("#gk-sub")
    items = seen.page.locator(".gk-item")
    assert items.count() == 3
    items.first.click()
    text = seen.page.inner_text(".gk-item[aria-expanded=true] + .gk-more")
    assert "370602001001901" in text
    assert "36.0%" in text
    assert_quiet(seen, compare_file)


def test_hostile_text_is_shown_as_written_and_nothing_runs(city, tmp_path, visit):
    cells = city.cells.assign(cell_code=[HOSTILE, *city.cells["cell_code"].iloc[1:]], name=HOSTILE)
    findings = gpd.GeoDataFrame(
        {
            "rule": [HOSTILE], "severity": ["error"], "principle": [HOSTILE], "codes": [HOSTILE],
            "rows": [1], "detail": [HOSTILE], "remedy": [HOSTILE],
        },
        geometry=[city.cells.geometry.iloc[0]], crs=city.cells.crs,
    )  # fmt: skip
    path = save_map(findings_map(cells, findings, title=HOSTILE), tmp_path / "findings.html")
    seen = visit(path).ready()
    seen.page.locator(".gk-item").click()
    assert seen.page.text_content("#gk-items").count(HOSTILE) == 5
    assert seen.page.title() == HOSTILE
    assert_quiet(seen, path)
    after = cells.assign(cell_code=[f"{HOSTILE}2", *cells["cell_code"].iloc[1:]])
    path = save_map(compare_map(cells, after, title=HOSTILE), tmp_path / "compare.html")
    seen = visit(path).ready()
    seen.page.locator(".gk-item").first.click()
    assert seen.page.text_content("#gk-items").count(HOSTILE) == 4
    assert seen.page.locator(".gk-side img, .gk-head img, .gk-foot img").count() == 0
    assert_quiet(seen, path)


@pytest.mark.parametrize("kind", ["findings", "compare"])
def test_on_paper_everything_is_open_and_fits_the_sheet(findings_file, compare_file, visit, kind):
    path = findings_file[0] if kind == "findings" else compare_file
    seen = visit(path, width=390, height=844).ready()
    seen.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    a4 = 186 * 96 / 25.4
    box = seen.page.locator(".folium-map").bounding_box()
    assert box["width"] == pytest.approx(a4, abs=3)
    canvas = seen.page.evaluate("document.querySelector('.leaflet-gridkit-pane canvas').width")
    assert canvas > 3 * a4
    more = seen.page.locator(".gk-more")
    assert all(more.nth(k).is_visible() for k in range(more.count()))
    assert not seen.page.locator("#gk-swipe").is_visible()
    assert not seen.page.locator(".gk-find").is_visible()
    seen.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert seen.page.locator(".folium-map").bounding_box()["width"] == 390
    assert seen.page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    assert_quiet(seen, path)


@pytest.mark.parametrize(("width", "height"), [*SIZES, (800, 560)])
def test_controls_cover_nothing_and_leave_nothing_out(compare_file, visit, width, height):
    seen = visit(compare_file, width=width, height=height).ready()
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    names = (".gk-swipe", ".leaflet-control-scale", ".leaflet-control-zoom", ".gk-north")
    boxes = [seen.page.locator(name).bounding_box() for name in names]
    low = seen.page.locator("#gk-map").bounding_box()
    for k, a in enumerate(boxes):
        assert a["x"] >= 0
        assert a["x"] + a["width"] <= width
        assert a["y"] + a["height"] <= low["y"] + low["height"] + 1
        for b in boxes[k + 1 :]:
            apart = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
            assert apart or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]


def test_lists_can_be_laid_over_other_maps(city, tmp_path, visit):
    due = pd.Timestamp("2025-05-01", tz="Asia/Shanghai")
    running = city.located.dropna(subset="cell_code").head(4).assign(
        case_id=list("abcd"), category="E0405", used=[2.0, 0.9, 0.3, 0.1],
        light=["red", "yellow", "green", "green"], due_at=due,
    )  # fmt: skip
    moved = city.cells.set_geometry(city.cells.geometry.translate(0, 0)).copy()
    moved.loc[[5, 6], "geometry"] = [moved.geometry[5].union(moved.geometry[6]), None]
    after = moved.dropna(subset="geometry")
    checked = gk.check_cells(city.cells, lang="en")
    plan = gk.Plan(city.district, city.cells)
    filed = city.located.dropna(subset="cell_code").assign(case_id=lambda t: t["report_id"])
    filed = filed.assign(stage="filed")
    under = {
        "cells": lambda: gk.cell_map(city.cells, district=city.district, lang="en"),
        "heat": lambda: gk.heat_map(city.located, city.cells, lang="en"),
        "dashboard": lambda: gk.dashboard_map(plan, filed, lang="en"),
    }
    over = {
        "cases": lambda m: gk.case_map(running, city.cells, m=m),
        "findings": lambda m: gk.findings_map(city.cells, checked, m=m),
        "changes": lambda m: gk.compare_map(city.cells, after, m=m),
    }
    for (a, make), (b, lay) in zip(under.items(), over.items(), strict=True):
        m = make()
        title = m.title
        assert lay(m) is m
        assert m.title == title
        seen = visit(gk.save_map(m, tmp_path / f"{a}{b}.html")).ready()
        assert seen.page.locator("#gk-items li").count() >= 2
        assert seen.page.locator(".gk-bar").is_visible()
        assert seen.page.locator(".gk-swatches, .gk-badge").count() > 0
        seen.page.locator(".gk-item").first.click()
        for view in range(seen.page.locator("[name=gk-view]").count()):
            seen.page.locator("[name=gk-view]").nth(view).check()
        assert seen.page.locator("#gk-swipe").is_hidden()
        assert seen.complaints == []
        with pytest.raises(gk.OptionError, match="list"):
            lay(m)
