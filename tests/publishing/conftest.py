"""A small city of squares for the maps, a reader of their data, and one Chromium for all tests."""

import base64
import gzip
import html.parser
import json
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridkit.intake.district import District

CRS = 4549
X0, Y0, SIDE = 531_000.0, 4_155_000.0, 250.0
COLUMNS, ROWS = 4, 3
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


class City:
    """Twelve square cells in two communities, four people each, and 300 reports."""

    def __init__(self, name="芝罘区"):
        codes, communities, shapes = [], [], []
        for row in range(ROWS):
            for column in range(COLUMNS):
                community = f"37060200100{1 + column // 2}"
                communities.append(community)
                codes.append(f"{community}{row * 2 + column % 2 + 1:03d}")
                x, y = X0 + column * SIDE, Y0 + row * SIDE
                shapes.append(shapely.box(x, y, x + SIDE, y + SIDE))
        self.cells = gpd.GeoDataFrame(
            {
                "cell_code": codes,
                "community_code": communities,
                "load": np.arange(12) * 35.0 + 20,
            },
            geometry=shapes,
            crs=CRS,
        )
        self.district = self._district(name)
        self.located = self._located()
        self.posts, self.roster = self._people()

    def _district(self, name):
        communities = self.cells.dissolve("community_code").reset_index()
        communities = communities[["community_code", "geometry"]]
        communities["name"] = ["建昌社区", "毓璜顶社区"]
        lines = [
            shapely.LineString([(X0, Y0 + SIDE), (X0 + 4 * SIDE, Y0 + SIDE)]),
            shapely.LineString([(X0 + 2 * SIDE, Y0), (X0 + 2 * SIDE, Y0 + 3 * SIDE)]),
        ]
        streets = gpd.GeoDataFrame(
            {"road_class": ["primary", "residential"], "name": ["南大街", "海港路"]},
            geometry=lines,
            crs=CRS,
        )
        water = gpd.GeoDataFrame(
            {"kind": ["river"], "name": ["夹河"]},
            geometry=[shapely.box(X0, Y0 + 600, X0 + 1000, Y0 + 640)],
            crs=CRS,
        )
        houses = [
            shapely.box(x - 10, Y0 + 50, x + 10, Y0 + 62) for x in X0 + np.arange(50, 950, 50)
        ]
        buildings = gpd.GeoDataFrame({"households": [20] * len(houses)}, geometry=houses, crs=CRS)
        boundary = gpd.GeoDataFrame(geometry=[self.cells.union_all()], crs=CRS)
        return District(name, boundary, communities, streets, water, buildings)

    def _located(self):
        rng = np.random.default_rng(5)
        xy = np.array([X0 + 400, Y0 + 300]) + rng.normal(0, 120, (300, 2))
        points = gpd.GeoSeries(gpd.points_from_xy(*xy.T), crs=CRS)
        column, row = ((xy - (X0, Y0)) // SIDE).astype(int).T
        inside = (column >= 0) & (column < COLUMNS) & (row >= 0) & (row < ROWS)
        place = np.where(inside, row * COLUMNS + column, 0)
        code = self.cells["cell_code"].to_numpy()[place]
        day = pd.Timestamp("2025-03-01", tz="Asia/Shanghai")
        return gpd.GeoDataFrame(
            {
                "report_id": [str(i) for i in range(300)],
                "reported_at": day + pd.to_timedelta(np.arange(300) % 30, unit="D"),
                "text": ["报告原文不上图"] * 300,
                "cell_code": pd.Series(code, dtype="str").where(inside),
                "located_by": np.where(inside, "inside", "outside"),
            },
            geometry=points,
        )

    def _people(self):
        roles = ("officer", "cleaner", "cadre", "volunteer")
        rows = [
            ("cell", code, role, f"{role}-{i // 3}")
            for i, code in enumerate(self.cells["cell_code"])
            for role in roles
        ]
        posts = pd.DataFrame(rows, columns=["level", "area_code", "role", "person_id"])
        people = posts[["person_id", "role"]].drop_duplicates().reset_index(drop=True)
        people["name"] = ["王建国", "李秀英", "张伟", "刘芳"] * (len(people) // 4)
        people["phone"] = [f"1380535{i:04d}" for i in range(len(people))]
        people["responsible_unit"] = "建昌派出所"
        return posts, people


@pytest.fixture
def city():
    return City()


class Page(html.parser.HTMLParser):
    """What a page is made of: its tags with their attributes, and the text in each script."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.scripts, self._inside = [], [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append([dict(attrs), ""])

    def handle_endtag(self, tag):
        self._inside = None if tag == self._inside else self._inside

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1][1] += data

    def block(self):
        """Return the data of the page, decoded without any code of gridkit."""
        texts = [body for attrs, body in self.scripts if attrs.get("id") in ("gk-data", "gk-more")]
        (doc, parts), (rest, others) = map(decoded, texts)
        for name, more in rest.items():
            pairs = zip(doc[name], more, strict=True) if name == "areas" else [(doc[name], more)]
            for own, other in pairs:
                assert not own.keys() & other.keys()
                own.update(other)
        assert not parts.keys() & others.keys()
        parts.update(others)
        return doc, [parts[k] for k in range(len(parts))]


def decoded(text):
    """Return the words of a block, and its parts by their number."""
    raw = gzip.decompress(base64.b64decode(text))
    size = int.from_bytes(raw[:4], "little")
    doc = json.loads(raw[4 : 4 + size])
    parts, start = {}, 4 + size
    for place, length in doc.pop("parts").items():
        parts[int(place)] = raw[start : start + length]
        start += length
    assert start == len(raw)
    return doc, parts


@pytest.fixture
def read_page():
    return Page


@pytest.fixture(scope="session")
def chromium():
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed: browser tests skipped")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """A page opened from disk with the network off; everything it asks or complains of is kept."""

    def __init__(self, browser, path, viewport, prepare):
        self.context = browser.new_context(viewport=viewport)
        self.context.set_offline(True)
        self.page = self.context.new_page()
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda line: self.complaints.append(line.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if prepare:
            self.page.add_init_script(prepare)
        self.page.goto(path.as_uri())

    def ready(self):
        self.page.wait_for_selector("html[data-gridkit=ready]", state="attached", timeout=20_000)
        return self

    def click_at(self, lat, lon):
        """Click the map at a place on the ground."""
        script = """([lat, lon]) => {
            const box = document.querySelector(".folium-map");
            const point = window[box.id].latLngToContainerPoint([lat, lon]);
            const at = box.getBoundingClientRect();
            return [at.x + point.x, at.y + point.y];
        }"""
        x, y = self.page.evaluate(script, [lat, lon])
        self.page.mouse.click(x, y)


@pytest.fixture
def visit(chromium):
    visits = []

    def open_page(path, *, width=1280, height=800, prepare=None):
        visits.append(Visit(chromium, path, {"width": width, "height": height}, prepare))
        return visits[-1]

    yield open_page
    for one in visits:
        one.context.close()
