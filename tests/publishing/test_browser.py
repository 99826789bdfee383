"""Saved maps in a real browser with the network off: nothing asked, nothing executed, all shown."""

import base64
import http.server
import re
import threading
from typing import ClassVar

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from gridkit.evaluation.clusters import hotspots
from gridkit.publishing.bulletins import bulletin
from gridkit.publishing.heat_maps import heat_map
from gridkit.publishing.hotspot_maps import COLOURS, hotspot_map
from gridkit.publishing.maps import cell_map
from gridkit.publishing.offline import GridMap, save_map

pytestmark = pytest.mark.browser

HOSTILE = '<img src=x onerror="window.hit=1">{{7*7}}</script><script>window.hit=1</script>'


@pytest.fixture
def heat_file(city, tmp_path):
    m = heat_map(
        city.located, city.cells, district=city.district, posts=city.posts, roster=city.roster,
        review_no="鲁S(2025)001号",
    )  # fmt: skip
    return save_map(m, tmp_path / "heat map 热力图.html")


def middle(city, i):
    point = city.cells.geometry.iloc[[i]].centroid.to_crs(4326).iloc[0]
    return point.y, point.x


def assert_quiet(seen, path):
    assert seen.requests == [path.as_uri()]
    assert seen.complaints == []


def pixel(seen, lat, lon):
    """Return red, green, blue of the drawn map at a place on the ground."""
    return seen.page.evaluate(
        """([lat, lon]) => {
            const map = window[document.querySelector(".folium-map").id];
            const canvas = document.querySelector(".leaflet-gridkit-pane canvas");
            const point = map.latLngToContainerPoint([lat, lon]);
            const box = document.querySelector(".folium-map").getBoundingClientRect();
            const frame = canvas.getBoundingClientRect();
            const ratio = canvas.width / frame.width;
            const x = (box.x + point.x - frame.x) * ratio, y = (box.y + point.y - frame.y) * ratio;
            const one = document.createElement("canvas");
            const sample = one.getContext("2d", { willReadFrequently: true });
            sample.drawImage(canvas, x, y, 1, 1, 0, 0, 1, 1);
            return [...sample.getImageData(0, 0, 1, 1).data.slice(0, 3)];
        }""",
        [lat, lon],
    )


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_a_click_in_a_cell_shows_that_cell_and_its_people(city, heat_file, visit, width, height):
    seen = visit(heat_file, width=width, height=height).ready()
    for i in (0, 5, 11):
        seen.click_at(*middle(city, i))
        seen.page.wait_for_selector("#gk-cell:not([hidden])")
        text = seen.page.inner_text("#gk-cell")
        assert city.cells["cell_code"].iloc[i] in text
        assert "公顷" in text
        assert "138****" in text
        assert "民警" in text
        seen.page.keyboard.press("Escape")
        seen.page.wait_for_selector("#gk-cell", state="hidden")
        seen.page.wait_for_timeout(300)  # the sheet of the phone closes
    assert_quiet(seen, heat_file)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (800, 560)])
def test_title_legend_foot_and_map_are_seen_and_cover_nothing(heat_file, visit, width, height):
    seen = visit(heat_file, width=width, height=height).ready()
    for selector in ("#gk-title", "#gk-query", ".gk-bar", ".gk-ticks", "#gk-foot", ".gk-north"):
        box = seen.page.locator(selector).first.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width + 1
        assert 0 <= box["y"] < box["y"] + box["height"] <= height + 1
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [seen.page.locator(s).bounding_box() for s in (".gk-head", ".gk-side", ".gk-foot")]
    for k, a in enumerate(boxes):
        for b in boxes[k + 1 :]:
            apart = a["y"] + a["height"] <= b["y"] + 1 or b["y"] + b["height"] <= a["y"] + 1
            assert apart or a["x"] + a["width"] <= b["x"] + 1 or b["x"] + b["width"] <= a["x"] + 1
    assert seen.page.locator(".folium-map").bounding_box()["height"] > 300
    foot = seen.page.inner_text("#gk-foot")
    assert "审图号：鲁S(2025)001号" in foot
    assert "电话已打码" in foot
    assert "150" in foot
    assert_quiet(seen, heat_file)


def test_the_heat_is_where_the_reports_are(heat_file, visit):
    seen = visit(heat_file).ready()
    for box in ("outlines", "streets", "communities"):
        seen.page.uncheck(f"[name=gk-on-{box}]")
    spots = gpd.GeoSeries.from_xy([531_400, 531_950], [4_155_330, 4_155_700], crs=4549)
    warm, cold = (pixel(seen, p.y, p.x) for p in spots.to_crs(4326))
    assert sum(warm) < 400 < 600 < sum(cold)


def test_layers_change_picture_and_legend(city, heat_file, visit):
    seen = visit(heat_file).ready()
    ticks = seen.page.inner_text(".gk-ticks")
    before = pixel(seen, *middle(city, 5))
    seen.page.locator("[name=gk-view]").nth(1).check()
    assert seen.page.locator(".gk-bar i").count() >= 2
    assert seen.page.inner_text(".gk-ticks") != ticks
    assert pixel(seen, *middle(city, 5)) != before
    for name in ("outlines", "communities", "streets", "buildings", "water"):
        seen.page.locator(f"[name=gk-on-{name}]").uncheck()
    assert_quiet(seen, heat_file)


def test_the_search_finds_codes_people_and_communities_by_keyboard(city, heat_file, visit):
    seen = visit(heat_file).ready()
    query = seen.page.locator("#gk-query")
    for words in (city.cells["cell_code"].iloc[7], "毓璜顶", "李秀英"):
        query.fill(words)
        assert seen.page.locator("#gk-hits button").count() >= 1
        query.press("ArrowDown")
        seen.page.keyboard.press("Enter")
        assert words in seen.page.inner_text("#gk-cell")
    query.fill("没有这样的网格")
    assert "没有找到" in seen.page.inner_text("#gk-hits")
    assert_quiet(seen, heat_file)


def test_the_keyboard_can_be_seen_and_moves_the_map(heat_file, visit):
    seen = visit(heat_file).ready()
    widths = []
    for _ in range(8):
        seen.page.keyboard.press("Tab")
        widths.append(
            seen.page.evaluate("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
        )
    assert min(widths) >= 2
    seen.page.focus(".folium-map")
    centre = "window[document.querySelector('.folium-map').id].getZoom()"
    zoom = seen.page.evaluate(centre)
    seen.page.keyboard.press("+")
    for _ in range(100):  # the zoom is animated; waiting in the page would need eval
        if seen.page.evaluate(centre) > zoom:
            break
        seen.page.wait_for_timeout(50)
    assert seen.page.evaluate(centre) > zoom
    assert_quiet(seen, heat_file)


def test_hostile_names_are_shown_as_written_and_nothing_runs(city, tmp_path, visit):
    cells = city.cells.assign(name=HOSTILE)
    roster = city.roster.assign(name=HOSTILE, responsible_unit=HOSTILE)
    whole = type(city)(HOSTILE).district
    communities = whole.communities.assign(name=HOSTILE)
    streets = whole.streets.assign(name=HOSTILE)
    district = type(whole)(
        HOSTILE, whole.boundary, communities, streets, whole.water, whole.buildings
    )
    m = heat_map(
        city.located, cells, district=district, posts=city.posts, roster=roster,
        title=HOSTILE, review_no=HOSTILE,
    )  # fmt: skip
    path = save_map(m, tmp_path / "hostile.html")
    seen = visit(path).ready()
    seen.click_at(*middle(city, 5))
    assert seen.page.inner_text("#gk-cell").count(HOSTILE) >= 3
    assert seen.page.text_content("#gk-title") == HOSTILE
    assert seen.page.title() == HOSTILE
    assert HOSTILE in seen.page.text_content("#gk-foot")
    seen.page.fill("#gk-query", "onerror")
    assert HOSTILE in seen.page.text_content("#gk-hits")
    assert seen.page.evaluate("window.hit") is None
    assert seen.page.locator(".gk-side img, .gk-head img, .gk-foot img").count() == 0
    assert_quiet(seen, path)


@pytest.mark.parametrize("empty", [True, False])
def test_empty_and_single_tables_are_never_a_blank_page(city, tmp_path, visit, empty):
    cells = city.cells.iloc[[5]].drop(columns=["load", "community_code"])
    m = heat_map(city.located.iloc[:0], cells) if empty else cell_map(cells)
    path = save_map(m, tmp_path / "one.html")
    seen = visit(path).ready()
    assert "无数据" in seen.page.inner_text("#gk-legend")
    seen.click_at(*middle(city, 5))
    assert cells["cell_code"].iloc[0] in seen.page.inner_text("#gk-cell")
    assert_quiet(seen, path)


def test_an_old_browser_gets_a_message_in_both_languages(heat_file, visit):
    seen = visit(heat_file, prepare="delete window.DecompressionStream")
    message = seen.page.locator("#gk-old")
    message.wait_for(state="visible", timeout=3_000)
    assert "浏览器" in message.inner_text()
    assert "browser" in message.inner_text()
    assert_quiet(seen, heat_file)


def test_own_folium_layers_work_without_the_network(city, tmp_path, visit):
    lat, lon = middle(city, 5)
    m = cell_map(city.cells)
    folium.Marker([lat, lon], tooltip="值班点").add_to(m)
    folium.Circle([lat, lon], radius=60).add_to(m)
    path = save_map(m, tmp_path / "own.html")
    seen = visit(path).ready()
    marker = seen.page.locator("img.leaflet-marker-icon")
    assert marker.evaluate("image => image.naturalWidth") > 0
    marker.hover()
    seen.page.wait_for_selector(".leaflet-tooltip")
    assert_quiet(seen, path)

    bare = GridMap([lat, lon], zoom_start=15)
    folium.CircleMarker([lat, lon]).add_to(bare)
    path = save_map(bare, tmp_path / "bare.html")
    seen = visit(path)
    seen.page.wait_for_selector(".leaflet-control-zoom")
    assert seen.page.locator(".folium-map").bounding_box()["height"] == 800
    assert_quiet(seen, path)


def test_a_notebook_shows_the_same_map_in_its_frame(city, tmp_path, visit):
    m = cell_map(city.cells)
    path = tmp_path / "notebook.html"
    path.write_text(
        '<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,">' + m._repr_html_(),
        "utf-8",
    )
    seen = visit(path)
    frame = seen.page.frame_locator("iframe")
    frame.locator("html[data-gridkit=ready]").wait_for(state="attached", timeout=20_000)
    assert frame.locator(".gk-bar").is_visible()
    assert seen.page.locator("iframe").bounding_box()["height"] > 500
    assert [r for r in seen.requests if not r.startswith("about:")] == [path.as_uri()]
    assert seen.complaints == []


def test_the_bulletins_tables_stay_readable_on_a_phone(chromium, tmp_path):
    due = pd.date_range("2025-03-01", periods=3, freq="D", tz="Asia/Shanghai")
    cases = pd.DataFrame(
        {
            "case_id": ["CLH2500450", "CLH2500451", "CLH2500452"],
            "stage": "dispatched",
            "category": "E0110",
            "responsible_unit": "港城街道办事处",
            "address": "通海路与万寿路路口",
            "reported_at": due - pd.Timedelta("2D"),
            "filed_at": due - pd.Timedelta("2D"),
            "dispose_due_at": due,
            "disposed_at": pd.Series(pd.NaT, range(3), dtype=due.dtype),
        }
    )
    made = bulletin(cases, period="2025-03", title="示例区")
    made.save(tmp_path / "bulletin.html")
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    try:
        page.goto((tmp_path / "bulletin.html").as_uri())
        heights = page.evaluate("[...document.querySelectorAll('td')].map(c => c.offsetHeight)")
        wide = page.evaluate("document.documentElement.scrollWidth")
    finally:
        page.close()
    assert "CLH2500450" in made.html
    assert max(heights) < 80
    assert wide <= 390


def test_hot_and_cold_spots_have_their_colours_names_and_figures(city, tmp_path, visit):
    kinds = ["hot", "hot", "cold", "cold"]
    found = hotspots(city.cells, pd.Series(range(len(city.cells)), dtype=float))
    found["kind"] = pd.array([*kinds, *[""] * (len(found) - 4)], dtype="str")
    found["q"] = [0.005, 0.03, 0.03, 0.005, *[1.0] * (len(found) - 4)]
    found.loc[len(found) - 1, ["value", "z", "p", "q"]] = None
    path = save_map(hotspot_map(found, lang="en"), tmp_path / "hot.html")
    seen = visit(path).ready()
    legend = seen.page.inner_text("#gk-legend")
    told = [f"Cold (q ≤ {q}) · 1" for q in (0.01, 0.05)]
    told += [f"Hot (q ≤ {q}) · 1" for q in (0.01, 0.05)]
    for words in (*told, f"Chance explains it · {len(found) - 5}", "no data"):
        assert words.lower() in legend.lower()
    seen.page.uncheck("[name=gk-on-outlines]")
    inks = np.array([[int(c[k : k + 2], 16) for k in (1, 3, 5)] for c in COLOURS])
    for i, wanted in {0: 4, 1: 3, 2: 1, 3: 0, 6: 2}.items():
        off = np.abs(inks - pixel(seen, *middle(city, i))).sum(axis=1)
        assert off.argmin() == wanted
    seen.click_at(*middle(city, 1))
    seen.page.wait_for_selector("#gk-cell:not([hidden])")
    text = seen.page.inner_text("#gk-cell")
    assert f"{found['z'].iloc[1]:.2f}" in text
    assert "0.0300" in text
    assert_quiet(seen, path)


class Tiles(http.server.BaseHTTPRequestHandler):
    """A server of one grey tile, whatever is asked for."""

    asked: ClassVar[list[str]] = []
    tile = base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNoaGgAAAMEAYFL09IQAAAAAElFTkSuQmCC"
    )

    def do_GET(self):
        self.asked.append(self.path)
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.end_headers()
        self.wfile.write(self.tile)

    def log_message(self, *_):
        pass


def test_tiles_are_asked_for_from_their_server_only(city, tmp_path, chromium):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tiles)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}"
    m = cell_map(city.cells)
    m.use_tiles(f"{home}/{{z}}/{{x}}/{{y}}.png", attribution="<i>source</i>", datum="wgs84")
    page = chromium.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda line: complaints.append(line.text))
    try:
        page.goto(save_map(m, tmp_path / "tiles.html").as_uri())
        page.wait_for_selector(".leaflet-tile-loaded", state="attached", timeout=10_000)
        assert page.inner_text(".leaflet-control-attribution") == "<i>source</i>"
    finally:
        page.close()
        server.shutdown()
        server.server_close()
    others = [url for url in asked if not url.startswith(("file:", f"{home}/"))]
    assert others == []
    assert complaints == []
    assert re.fullmatch(r"/\d+/\d+/\d+\.png", Tiles.asked[0])
