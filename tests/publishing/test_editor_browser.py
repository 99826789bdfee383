"""The editor in a real JupyterLab with no way out: clicks, a merge, a line; nothing is fetched."""

import functools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.browser

PATIENCE = 15_000
HOSTILE = "<img src=x onerror=window.hit=1>"
CODE = f"""
import geopandas as gpd
import gridkit as gk
from shapely.geometry import LineString, box
shapes = [box(x, y, x + 100, y + 100) for y in (0, 100) for x in (0, 100, 200)]
codes = ["A1", "A2", "A3", "A4", "A5", {HOSTILE!r}]
cells = gpd.GeoDataFrame({{"cell_code": codes, "load": 10.0}}, geometry=shapes, crs=4549)
cells = cells.translate(5e5, 4.15e6).to_frame("geometry").assign(cell_code=codes, load=10.0)
whole = gpd.GeoDataFrame(geometry=[cells.union_all()], crs=4549)
road = LineString([(500000, 4150033), (500300, 4150033)])
streets = gpd.GeoDataFrame({{"name": ["road"]}}, geometry=[road], crs=4549)
parts = [box(5e5, 4.15e6, 500250, 4150200), box(500250, 4.15e6, 500300, 4150200)]
communities = gpd.GeoDataFrame({{"community_code": ["W", "E"]}}, geometry=parts, crs=4549)
district = gk.District("x", whole, communities, streets)
editor = gk.edit_cells(cells, district, at="2026-07-01", lang="en")
editor
"""
PRINTED = """
areas = editor.map.set_index("cell_code").area.round(1)
print("NOW", len(areas), *areas[["A6", "A7", "A8"]], *editor.log.outcome)
print(*areas[["A9", "A10"]].sort_values().round(-2))
"""


def notebook(path, *codes):
    cells = [
        {"cell_type": "code", "id": f"c{k}", "metadata": {}, "outputs": [],
         "execution_count": None, "source": code.strip()}
        for k, code in enumerate(codes)
    ]  # fmt: skip
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    whole = {"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(whole), "utf-8")


@pytest.fixture
def lab(tmp_path):
    """Give the address of a JupyterLab of our own; it is ended by its process group."""
    for package in ("jupyterlab", "anywidget"):
        pytest.importorskip(package, reason=f"{package} is not installed (extra notebooks)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "work").mkdir()
    notebook(tmp_path / "work" / "edit.ipynb", CODE, PRINTED)
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME")
    own = {name: str(tmp_path / name) for name in places}
    for name in places:
        (tmp_path / name).mkdir()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
        "--LabApp.news_url=None", "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--ServerApp.root_dir={tmp_path / 'work'}",
    ]  # fmt: skip
    with (tmp_path / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            command, env={**os.environ, **own}, stdout=log, stderr=log, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 20
        while server.poll() is None and time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{address}/api", timeout=2):
                    break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail((tmp_path / "lab.log").read_text("utf-8")[-2000:])
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


class Desk:
    """The editor in the page: places are in metres from the south-west corner of the cells."""

    def __init__(self, page):
        self.page = page
        self.root = page.locator(".gk-editor")

    def point(self, x, y):
        canvas = self.root.locator("canvas")
        box = canvas.bounding_box()
        east, north, scale = map(float, canvas.get_attribute("data-view").split())
        across, up = (x - east) * scale, (y - north) * scale
        return box["x"] + box["width"] / 2 + across, box["y"] + box["height"] / 2 - up

    def click(self, x, y, **how):
        self.page.mouse.click(*self.point(x, y), **how)

    def choose(self, *places):
        for k, place in enumerate(places):
            if k:
                self.page.keyboard.down("Shift")
            self.answered(functools.partial(self.click, *place))
        self.page.keyboard.up("Shift")
        self.root.get_by_text(f"{len(places)} selected").wait_for(timeout=PATIENCE)

    def answered(self, act):
        """Do something and wait until Python has answered it."""
        before = self.root.get_attribute("data-answered")
        act()
        changed = f".gk-editor:not([data-answered='{before}'])"
        self.page.locator(changed).wait_for(timeout=PATIENCE)

    def drag(self, start, end):
        self.page.mouse.move(*self.point(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.point(*end), steps=4)
        self.page.mouse.up()

    def press(self, name):
        self.root.locator(f"[data-do={name}]").click()

    def said(self, text):
        self.root.locator(".gk-status", has_text=text).wait_for(timeout=PATIENCE)


def test_cells_are_edited_in_jupyterlab_without_the_network(chromium, lab):
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    asked, complaints = [], []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    away = re.compile(r"^(?!http://127\.0\.0\.1:|ws://127\.0\.0\.1:|blob:|data:)")
    context.route(away, lambda route: route.abort())
    try:
        page.goto(f"{lab}/lab/tree/edit.ipynb")
        page.locator(".jp-Notebook .jp-CodeCell").first.click(timeout=20_000)
        page.get_by_text("Python 3 (ipykernel) | Idle").or_(
            page.locator("[data-status=idle]")
        ).first.wait_for(timeout=15_000)
        page.keyboard.press("Shift+Enter")
        desk = Desk(page)
        desk.root.locator("canvas[data-view]").wait_for(timeout=20_000)
        desk.root.scroll_into_view_if_needed()

        finding = desk.root.locator(".gk-findings [data-severity=error]")
        assert "E Error · CROSSES_COMMUNITY" in finding.inner_text()
        seen = desk.root.locator("canvas").get_attribute("data-view")
        finding.click()
        desk.root.locator(f"canvas:not([data-view='{seen}'])").wait_for(timeout=PATIENCE)
        desk.press("fit")
        desk.root.locator(f"canvas[data-view='{seen}']").wait_for(timeout=PATIENCE)

        desk.choose((50, 50), (150, 50))
        desk.press("merge")
        desk.said("A1, A2 → A6")

        desk.choose((250, 150))
        assert HOSTILE in desk.root.locator(".gk-chosen").inner_text()

        desk.choose((250, 50))  # a line drawn 5 m beside the road snaps to it
        desk.root.locator("[name=snap]").check()
        desk.press("split")
        desk.click(201, 38)
        desk.page.mouse.dblclick(*desk.point(299, 38))
        desk.said("A3 → A7, A8")
        assert "2 selected" in desk.root.locator(".gk-chosen").inner_text()

        desk.choose((50, 150), (250, 150))
        desk.press("merge")
        desk.said("do not touch")
        desk.answered(lambda: desk.press("undo"))
        desk.answered(lambda: desk.press("redo"))

        desk.choose((50, 150), (150, 150))  # the border between them is bent by its middle
        desk.press("border")
        desk.root.locator("[data-do=finish]:enabled").wait_for(timeout=PATIENCE)
        page.wait_for_timeout(200)  # the map moves to the border
        desk.drag((100, 150), (120, 150))
        desk.press("finish")
        desk.said("A4, A5 → A9, A10")

        page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        page.get_by_text("NOW").last.wait_for(timeout=PATIENCE)
        printed = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").inner_text()
        outcomes = ["done", "done", "refused", "done", "done", "done"]
        assert printed.split() == [
            "NOW",
            "6",
            "20000.0",
            "6700.0",
            "3300.0",
            *outcomes,
            "9000.0",
            "11000.0",
        ]
        assert page.evaluate("window.hit") is None
    finally:
        page.close()
        context.close()
    assert complaints == []
    hosts = {urlsplit(url).hostname for url in asked if not url.startswith(("blob:", "data:"))}
    assert hosts == {"127.0.0.1"}
