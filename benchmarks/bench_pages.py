"""Pages in a real browser: size, requests, time to draw, pan, click, search, slider; peers beside.

python benchmarks/bench_pages.py [--cells 7840] [--runs 3]

7,840 cells of about 37 vertices, 31,360 posts, 20,000 buildings. folium and geopandas.explore get
the cells alone; their scripts are put into their pages, since offline they would draw nothing.
Needs Chromium.
"""

from __future__ import annotations

import argparse
import base64
import io
import re
import shutil
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import folium
import numpy as np
from made_district import Made, made_cases, made_district
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

import gridkit as gk
from gridkit.publishing import offline

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SCREENS = {"desktop": (1280, 800, 1), "phone, CPU / 4": (390, 844, 4)}
THERE = {"gridkit": "html[data-gridkit=ready]", "folium": ".leaflet-overlay-pane path"}
FRAMES = """() => {
    window.__frames = [];
    let last = performance.now();
    const step = (now) => {
        window.__frames.push(now - last);
        last = now;
        requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
}"""
ACTS = """() => {
    const time = (act) => {
        const start = performance.now();
        act();
        return performance.now() - start;
    };
    const slider = document.querySelector("[name=gk-end]");
    const slide = () => [...Array(11).keys()].map((k) => time(() => {
        slider.value = k + 2;
        slider.dispatchEvent(new Event("input"));
    }));
    const views = document.querySelectorAll("[name=gk-view]"), found = {};
    views[0].click();
    found["slider with heat"] = slide();
    views[1].click();
    found["slider with cells"] = slide();
    const query = document.getElementById("gk-query");
    found.search = ["3", "王伟", "00100", "家街道", "nothing", "路"].map((word) => time(() => {
        query.value = word;
        query.dispatchEvent(new Event("input"));
    }));
    const map = window[document.querySelector(".folium-map").id], size = map.getSize();
    found.click = [0.3, 0.4, 0.5, 0.6, 0.7].map((share) => {
        const at = L.point(size.x * share, size.y / 2), latlng = map.containerPointToLatLng(at);
        return time(() => map.fire("click", { latlng, containerPoint: at }));
    });
    return found;
}"""


def inlined(page: str) -> str:
    """Return a folium page with Leaflet inside and a stand-in for jQuery: what it needs to draw."""
    jquery = (
        'window.$ = window.jQuery = (x) => [typeof x === "string" && x[0] === "<"'
        ' ? new DOMParser().parseFromString(x, "text/html").body.firstChild : x];'
    )
    code = f"<script>{jquery}</script><script>{offline._leaflet('leaflet.js')}</script>"
    page = re.sub(r'<script src="[^"]*"></script>', "", page)
    page = re.sub(r'<link rel="stylesheet" href="[^"]*"\s*/?>', "", page)
    style = f"<style>{offline._leaflet_css()}</style>"
    return page.replace("<head>", f"<head>{code}{style}", 1)


def peers(made: Made, folder: Path) -> dict[str, Path]:
    """Write the cells as folium and explore draw them by default."""
    cells = made.cells[["cell_code", "load", "geometry"]].to_crs(4326)
    west, south, east, north = cells.total_bounds
    plain = folium.Map([(south + north) / 2, (west + east) / 2], zoom_start=12, tiles=None)
    tooltip = folium.GeoJsonTooltip(["cell_code", "load"])
    style = {"fillColor": "#a50f15", "weight": 1, "fillOpacity": 0.6}
    folium.GeoJson(cells, style_function=lambda _: style, tooltip=tooltip).add_to(plain)
    plain.fit_bounds([[south, west], [north, east]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        explored = cells.explore("load", tiles=None)
    written = {}
    for name, m in {"folium": plain, "explore": explored}.items():
        written[name] = folder / f"{name}.html"
        page = m.get_root().render()
        print(f"{name}, cells alone: {len(page.encode()) / 1e6:.1f} MB")
        written[name].write_text(inlined(page), "utf-8")
    return written


def drawn(browser: Browser, path: Path, screen: tuple[int, int, int]):
    """Return when cells are on the screen, in seconds, and what was asked for.

    The browser films itself; the first picture with more than one colour in the middle of the map
    is the one.
    """
    time.sleep(1.5)  # the page before may still be put away
    width, height, slower = screen
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    page, asked, film = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    camera = context.new_cdp_session(page)
    camera.send("Emulation.setCPUThrottlingRate", {"rate": slower})

    def keep(event):
        film.append((event["metadata"]["timestamp"], event["data"]))
        camera.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    camera.on("Page.screencastFrame", keep)
    camera.send("Page.startScreencast", {"format": "jpeg", "quality": 60})
    page.goto(path.as_uri(), wait_until="commit")
    start, shown = page.evaluate("performance.timeOrigin") / 1000, None
    while shown is None:
        page.wait_for_timeout(100)
        shown = next((when for when, data in film if when > start and has_cells(data)), None)
    context.close()
    return shown - start, [url for url in asked if not url.startswith("file:")]


def has_cells(picture: str) -> bool:
    grey = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("L"), dtype=float)
    height, width = grey.shape
    middle = grey[int(height * 0.4) : int(height * 0.6), int(width * 0.3) : int(width * 0.6)]
    return bool(middle.std() > 3)


def longest_frame(browser: Browser, path: Path, selector: str) -> float:
    """Return the longest frame, in milliseconds, while the map is dragged to and fro."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector(selector, state="attached", timeout=60_000)
    page.wait_for_timeout(1500)
    page.evaluate(FRAMES)
    for _ in range(3):
        page.mouse.move(500, 400)
        page.mouse.down()
        for k in range(40):
            page.mouse.move(500 + 5 * k, 400 + 2 * k)
            page.wait_for_timeout(8)
        page.mouse.up()
        page.wait_for_timeout(400)
    frames = page.evaluate("window.__frames.slice(2)")
    context.close()
    return max(frames)


def acts(browser: Browser, path: Path) -> dict[str, list[float]]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector(THERE["gridkit"], state="attached", timeout=60_000)
    found = page.evaluate(ACTS)
    context.close()
    return found


def build(made: Made, n: int, folder: Path) -> Path:
    cases = made_cases(made, n)
    plan = gk.Plan(made.district, made.cells, posts=made.posts, roster=made.roster)
    path = folder / f"dashboard_{n}.html"
    start = time.perf_counter()
    gk.publish_dashboard(plan, cases, path)
    took = time.perf_counter() - start
    print(f"dashboard, {n:,} cases: {path.stat().st_size / 1e6:.2f} MB, built in {took:.1f} s")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=7_840)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    made = made_district(asked.cells)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        pages = peers(made, folder)
        paths = {n: build(made, n, folder) for n in (100_000, 1_000_000)}
        pages = {"gridkit": paths[100_000], **pages}
        program = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for screen, size in SCREENS.items():
            times: dict[str, list[float]] = {one: [] for one in pages}
            for _ in range(asked.runs):  # one after another: a noisy machine treats all alike
                for one in pages:
                    took, requests = drawn(browser, pages[one], size)
                    times[one].append(took)
                    if one.startswith("gridkit"):
                        assert requests == []
            middle = {one: statistics.median(found) for one, found in times.items()}
            told = ", ".join(
                f"{one} {ms:.2f} s ({ms / middle['gridkit']:.1f} x)" for one, ms in middle.items()
            )
            print(f"cells on the screen, {screen}: {told}")
        for one in ("gridkit", "folium"):
            frame = longest_frame(browser, pages[one], THERE[one])
            print(f"longest frame while panning, {one}: {frame:.0f} ms")
        for act, found in acts(browser, paths[1_000_000]).items():
            print(
                f"{act} at 1,000,000 cases: median {statistics.median(found):.0f}, "
                f"longest {max(found):.0f} ms of script"
            )
        browser.close()


if __name__ == "__main__":
    main()
