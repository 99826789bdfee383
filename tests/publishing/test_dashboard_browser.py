"""The dashboard in a real browser, without a network: filters, counts, heat, search, print."""

# ruff: noqa: PD011 - a Density has values

import itertools
import re
from importlib import resources

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import gridkit as gk
from gridkit.evaluation.heat import density
from gridkit.evaluation.lattice import Lattice
from gridkit.publishing.classes import classify, heat_stops
from gridkit.publishing.dashboards import dashboard_map, publish_dashboard
from gridkit.publishing.events import Grid, land_of

pytestmark = pytest.mark.browser

ZONE = "Asia/Shanghai"
ASSETS = resources.files("gridkit").joinpath("publishing", "assets")


def cases_of(city, n=600, seed=0):
    rng = np.random.default_rng(seed)
    place = rng.choice(12, n, p=np.array([8, 6, 4, 2, 4, 3, 2, 1, 1, 1, 1, 1]) / 34)
    west, south, east, north = city.cells.bounds.to_numpy()[place].T
    points = gpd.points_from_xy(rng.uniform(west, east), rng.uniform(south, north))
    start = pd.Timestamp("2025-01-01", tz=ZONE)
    reported = start + pd.to_timedelta(rng.integers(0, 358 * 1440, n), unit="min").as_unit("us")
    done = reported + pd.to_timedelta(rng.integers(60, 6000, n), unit="min").as_unit("us")
    closed = pd.Series(done).where(rng.random(n) < 0.8)
    return gpd.GeoDataFrame(
        {
            "case_id": [f"C{k:04}" for k in range(n)],
            "stage": np.where(closed.notna(), "closed", "dispatched"),
            "category": rng.choice(["E0405", "E0110"], n, p=[0.7, 0.3]),
            "cell_code": city.cells["cell_code"].to_numpy()[place],
            "responsible_unit": rng.choice(["环卫所", "城管队"], n, p=[0.6, 0.4]),
            "address": [f"南大街{k}号" for k in range(n)],
            "reported_at": reported,
            "filed_at": reported,
            "dispose_due_at": reported + pd.Timedelta("2D"),
            "disposed_at": closed,
            "close_due_at": reported + pd.Timedelta("3D"),
            "closed_at": closed,
        },
        geometry=points,
        crs=city.cells.crs,
    )


@pytest.fixture
def cases(city):
    return cases_of(city)


@pytest.fixture
def plan(city):
    return gk.Plan(city.district, city.cells, posts=city.posts, roster=city.roster)


@pytest.fixture
def opened(plan, cases, tmp_path, visit):
    def open_page(*, width=1280, height=800, **options):
        path = publish_dashboard(plan, cases, tmp_path / "dashboard.html", **options)
        return visit(path, width=width, height=height).ready()

    return open_page


@pytest.fixture
def script(chromium):
    """Run a function of the page's own code, without a page."""
    page = chromium.new_page()
    code = [
        ASSETS.joinpath(f"{name}.js").read_text("utf-8")
        for name in ("events", "classes", "dashboard")
    ]
    code.append("const signed = (z) => (z >>> 1) ^ -(z & 1);")

    def run(expression, given=None):
        return page.evaluate(f"(given) => {{ {' '.join(code)} return {expression}; }}", given)

    yield run
    page.close()


def slide(seen, end):
    seen.page.locator("[name=gk-end]").evaluate(
        "(slider, end) => { slider.value = end; slider.dispatchEvent(new Event('input')); }", end
    )


def numbers(text):
    return [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", text)]


def quiet(seen):
    assert [r for r in seen.requests if not r.startswith("file:")] == []
    assert seen.complaints == []


# ---- the page's arithmetic is that of Python ----


def test_classes_are_those_of_python(script):
    rng = np.random.default_rng(0)
    for values in (rng.gamma(1, 40, 500), rng.integers(0, 4, 300).astype(float), np.zeros(9)):
        wanted = classify(values)
        found = script("classify(Float64Array.from(given), 5)", values.tolist())
        assert found["breaks"] == pytest.approx(list(wanted.breaks))
        assert found["index"] == wanted.index.tolist()
    none = script("classify(Float64Array.from([NaN, NaN]), 5)")
    assert none["index"] == [-1, -1]


def test_stops_of_the_heat_are_those_of_python(script):
    for n, within in ((7_000, 1e-9), (90_000, 0.06)):  # of many values, every so many is looked at
        values = np.random.default_rng(1).gamma(0.6, 300, n)
        found = script("heatStops(Float64Array.from(given))", values.tolist())
        assert found == pytest.approx(heat_stops(values), rel=within)
    assert script("heatStops(new Float64Array(9))") == []


def test_the_heat_of_the_page_is_the_density_of_python(script):
    rng = np.random.default_rng(2)
    land = shapely.Polygon([(0, 0), (3000, 200), (2600, 2400), (1200, 1500), (100, 2000)])
    middle = np.floor(rng.uniform(0, 2400, (700, 2)) / 50) * 50 + 25
    points = gpd.GeoSeries.from_xy(*middle.T, crs=4549)
    wanted = density(points, within=land, bandwidth_m=150, bin_m=50)
    ny, nx = wanted.values.shape
    inside = shapely.intersects_xy(land, *middle.T)
    place = (middle[inside] // 50).astype(int)
    squares = np.bincount(place[:, 1] * nx + place[:, 0], minlength=nx * ny)
    fine = (np.arange(5) + 0.5) * 10
    x = np.arange(nx)[None, :, None, None] * 50 + fine
    y = np.arange(ny)[:, None, None, None] * 50 + fine[:, None]
    share = shapely.contains_xy(land, *np.broadcast_arrays(x, y)).mean(axis=(2, 3))
    lattice = Lattice(0.0, 0.0, nx, ny, 50.0)
    land_part = land_of(Grid(lattice, share, np.zeros((2, 3))), 150.0)
    given = {"nx": nx, "ny": ny, "n": squares.tolist(), "land": list(land_part)}
    found = script(
        """(() => {
          const { nx, ny } = given, land = readLand(given.land, nx * ny);
          const top = smooth(Float32Array.from(given.n), nx, ny, gaussian(3));
          return Array.from(top, (v, p) => v / land[p] / 0.0025);
        })()""",
        given,
    )
    known = np.isfinite(wanted.values)
    off = np.array(found).reshape(ny, nx)[known] / wanted.values[known] - 1
    assert known.sum() > 1000
    assert np.abs(off[wanted.values[known] > 0.02 * np.nanmax(wanted.values)]).max() < 0.005


# ---- what a leader does ----


def test_the_glance_is_seen_first_and_nothing_is_asked(opened, cases):
    seen = opened(review_no="鲁S(2025)001号")
    glance = seen.page.inner_text("#gk-glance")
    for words in ("立案数", "结案率", "超期未处置数", "明显增多", "超期最多", "环卫所", "2025-11"):
        assert words in glance
    foot = seen.page.inner_text("#gk-foot")
    for words in ("审图号：鲁S(2025)001号", "带宽 150 米", "50 米方格", "电话已打码", "2025-01-01"):
        assert words in foot
    assert seen.page.get_attribute("html", "lang") == "zh-CN"
    total, pending, late = numbers(seen.page.inner_text("#gk-total"))
    assert total == len(cases)
    assert pending == cases["closed_at"].isna().sum()
    assert 0 < late <= pending
    quiet(seen)


def test_every_filter_counts_what_pandas_counts(opened, cases):
    seen = opened()
    local = cases["reported_at"].dt
    at = cases[["reported_at", "closed_at"]].max().max()
    still = cases["closed_at"].isna()
    late = still & (cases["dispose_due_at"] < at)

    def shown():
        return numbers(seen.page.inner_text("#gk-total"))[0]

    for month in (1, 6, 12):
        slide(seen, month)
        assert seen.page.inner_text("#gk-time output") == f"2025-{month:02}"
        assert shown() == (local.month == month).sum()
    seen.page.select_option("#gk-time select", index=1)
    assert seen.page.inner_text("#gk-time output") == "2025-10 – 2025-12"
    autumn = local.month >= 10
    assert shown() == autumn.sum()
    seen.page.select_option("#gk-filters select >> nth=0", index=1)
    assert shown() == (autumn & still).sum()
    seen.page.select_option("#gk-filters select >> nth=0", index=2)
    assert shown() == (autumn & late).sum()
    seen.page.select_option("#gk-filters select >> nth=0", index=0)
    seen.page.select_option("#gk-filters select >> nth=1", index=2)
    morning = autumn & local.hour.between(6, 11)
    assert shown() == morning.sum()
    seen.page.select_option("#gk-filters select >> nth=2", index=2)
    assert shown() == (morning & (local.day_of_week >= 5)).sum()
    seen.page.locator("#gk-filters summary").click()
    seen.page.locator("[name=gk-category]").first.uncheck()
    rest = morning & (local.day_of_week >= 5) & (cases["category"] != "E0405")
    assert shown() == rest.sum()
    quiet(seen)


def test_a_click_shows_the_cell_its_bounds_people_and_months(opened, cases, city):
    seen = opened()
    i = 5
    code = city.cells["cell_code"].iloc[i]
    own = cases[cases["cell_code"] == code]
    point = city.cells.geometry.iloc[[i]].centroid.to_crs(4326).iloc[0]
    seen.click_at(point.y, point.x)
    text = seen.page.inner_text("#gk-cell")
    told = gk.four_bounds(
        city.cells, city.district.streets, water=city.district.water,
        communities=city.district.communities,
    ).iloc[i]  # fmt: skip
    for side in told.split("，"):
        assert side[:2] in text
        assert side[2:] in text
    for words in (code, "138****", "民警", f"案件\n{len(own)}"):
        assert words in text
    counts = cases["cell_code"].value_counts().reindex(city.cells["cell_code"], fill_value=0)
    rates = gk.smooth_rates(counts, city.cells.set_index("cell_code")["load"])["smoothed"]
    shown = re.search(r"每百户案件数（小格平滑）\n([\d.,]+)", text)[1]
    assert float(shown.replace(",", "")) == pytest.approx(rates[code], rel=2e-3)
    per_km2 = re.search(r"每平方公里案件数\n([\d.,]+)", text)[1]
    assert float(per_km2.replace(",", "")) == pytest.approx(len(own) / 0.0625, rel=5e-3)
    label = seen.page.get_attribute("#gk-cell svg.gk-bars", "aria-label")
    months = own["reported_at"].dt.month.value_counts().reindex(range(1, 13), fill_value=0)
    assert label == ", ".join(f"2025-{m:02} {n}" for m, n in months.items())
    slide(seen, 4)
    april = (own["reported_at"].dt.month == 4).sum()
    march = (own["reported_at"].dt.month == 3).sum()
    text = seen.page.inner_text("#gk-cell")
    assert f"案件\n{april}" in text
    assert f"上一时段\n{march}" in text
    quiet(seen)


def test_the_search_finds_cells_people_streets_and_cases(opened, cases, city):
    seen = opened()
    query = seen.page.locator("#gk-query")
    late = seen.page.locator("#gk-late li .gk-rule").first.text_content().split()[0]
    for words, wanted in (
        (city.cells["cell_code"].iloc[7], city.cells["cell_code"].iloc[7]),
        ("李秀英", "李秀英"),
        (late, cases.set_index("case_id").loc[late, "cell_code"]),
    ):
        query.fill(words)
        query.press("ArrowDown")
        seen.page.keyboard.press("Enter")
        assert wanted in seen.page.inner_text("#gk-cell")
    zoom = "window[document.querySelector('.folium-map').id].getZoom()"
    query.fill("海港路")
    assert "道路" in seen.page.inner_text("#gk-hits")
    seen.page.locator("#gk-hits button").last.click()
    assert seen.page.evaluate(zoom) > 14
    quiet(seen)


def test_views_have_their_legends_and_change_needs_a_span_before(opened):
    seen = opened()
    legends = []
    for k in range(5):
        seen.page.locator("[name=gk-view]").nth(k).check()
        legends.append(seen.page.inner_text("#gk-legend"))
    assert len(set(legends)) == 5
    assert "每百户" in legends[2]
    assert "不显著" in legends[4]
    seen.page.locator("[name=gk-view]").nth(3).check()
    assert numbers(seen.page.inner_text("#gk-legend"))[:5] == [0] * 5
    slide(seen, 6)
    counts = [int(line.split(" · ")[1]) for line in
              seen.page.inner_text("#gk-legend").splitlines() if " · " in line]  # fmt: skip
    assert sum(counts) == 12
    quiet(seen)


def ink(seen, spot):
    """Return red, green, blue of the drawn map at a place on the ground."""
    return seen.page.evaluate(
        """([lat, lon]) => {
            const map = window[document.querySelector(".folium-map").id];
            const canvas = document.querySelector(".leaflet-gridkit-pane canvas");
            const point = map.latLngToContainerPoint([lat, lon]);
            const box = document.querySelector(".folium-map").getBoundingClientRect();
            const frame = canvas.getBoundingClientRect(), k = canvas.width / frame.width;
            const often = { willReadFrequently: true };
            const pen = document.createElement("canvas").getContext("2d", often);
            const x = (box.x + point.x - frame.x) * k, y = (box.y + point.y - frame.y) * k;
            pen.drawImage(canvas, x, y, 1, 1, 0, 0, 1, 1);
            return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
        }""",
        [spot.y, spot.x],
    )


def test_the_heat_and_the_cells_are_where_the_cases_are(opened, city):
    seen = opened()
    for name in ("outlines", "communities", "streets", "buildings"):
        seen.page.uncheck(f"[name=gk-on-{name}]")
    many, few = (city.cells.geometry.iloc[[i]].centroid.to_crs(4326).iloc[0] for i in (0, 10))

    for view in (0, 1):
        seen.page.locator("[name=gk-view]").nth(view).check()
        assert sum(ink(seen, many)) + 150 < sum(ink(seen, few))
    quiet(seen)


def test_outlines_of_narrow_cells_follow_the_map(opened):
    """From one zoom on they are a picture of their own, kept while the map stays where it is."""
    seen = opened()
    for name in ("communities", "streets", "buildings", "water"):
        seen.page.uncheck(f"[name=gk-on-{name}]")
    outlines = seen.page.locator("[name=gk-on-outlines]")
    inked = []
    for step in (-3, -1):
        seen.page.evaluate(
            """(step) => {
                const map = window[document.querySelector(".folium-map").id];
                map.setZoom(map.getZoom() + step, { animate: false });
            }""",
            step,
        )
        slide(seen, 3)
        changed(seen)
        outlines.uncheck()
        inked.append(changed(seen))
        outlines.check()
        assert changed(seen) == inked[-1]
    assert inked[0] > 100
    assert 0.2 * inked[0] < inked[1] < 0.9 * inked[0]  # a map half as wide has half the lines
    quiet(seen)


def changed(seen):
    """Return how many pixels of the drawn map have changed since it was asked before."""
    return seen.page.evaluate(
        """() => {
            const canvas = document.querySelector(".leaflet-gridkit-pane canvas");
            const copy = document.createElement("canvas"), before = window.before || [];
            [copy.width, copy.height] = [canvas.width, canvas.height];
            const pen = copy.getContext("2d", { willReadFrequently: true });
            pen.drawImage(canvas, 0, 0);
            const { buffer } = pen.getImageData(0, 0, copy.width, copy.height).data;
            window.before = new Uint32Array(buffer);
            return window.before.reduce((n, ink, p) => n + (ink !== before[p]), 0);
        }"""
    )


NOTHING_MORE = """
    let unpack;
    Object.defineProperty(window, "gridkitUnpack", {
        set(given) { unpack = given; },
        get: () => (id) => (id === "gk-more" ? new Promise(() => {}) : unpack(id)),
    });
"""


def test_the_first_picture_needs_no_word_of_cells_people_or_cases(plan, cases, tmp_path, visit):
    path = publish_dashboard(plan, cases, tmp_path / "dashboard.html")
    seen = visit(path, prepare=NOTHING_MORE)
    seen.page.wait_for_selector("html[data-gridkit=drawn]", state="attached")
    seen.page.wait_for_timeout(400)
    cell = plan.cells.geometry.iloc[[1]]  # at its western border are neither street nor label
    inside, rim = cell.centroid.to_crs(4326).iloc[0], cell.boundary.to_crs(4326).iloc[0]
    row = [shapely.Point(rim.bounds[0] + 1e-6 * k, inside.y) for k in range(-60, 60, 3)]
    assert len({tuple(ink(seen, spot)) for spot in row}) > 1, "no border is drawn"
    slide(seen, 1)
    seen.page.mouse.move(400, 500)
    seen.page.mouse.wheel(0, 200)
    seen.page.wait_for_timeout(400)
    assert seen.page.get_attribute("html", "data-gridkit") == "drawn"
    quiet(seen)


def test_the_slider_plays_and_the_keyboard_reaches_everything(opened):
    seen = opened()
    label, button = "#gk-time output", seen.page.locator("#gk-time button")
    button.click()
    for _ in range(100):
        if seen.page.inner_text(label) in ("2025-02", "2025-03", "2025-04"):
            break
        seen.page.wait_for_timeout(100)
    button.click()
    month = int(seen.page.inner_text(label).removeprefix("2025-"))
    assert 2 <= month <= 6
    seen.page.focus("[name=gk-end]")
    seen.page.keyboard.press("ArrowRight")
    assert seen.page.inner_text(label) == f"2025-{month + 1:02}"
    assert seen.page.get_attribute("[name=gk-end]", "aria-valuetext") == f"2025-{month + 1:02}"
    names = seen.page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, summary")]
            .filter((e) => e.offsetParent && !(e.textContent.trim() || e.labels && e.labels.length
                    || e.getAttribute("aria-label")))
            .map((e) => e.outerHTML)"""
    )
    assert names == []
    quiet(seen)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844), (800, 600)])
def test_everything_has_its_place_at_every_size(opened, width, height):
    seen = opened(width=width, height=height)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    order = [".gk-head", "#gk-glance", "#gk-map", ".gk-foot"]
    boxes = [seen.page.locator(s).bounding_box() for s in order]
    for above, below in itertools.pairwise(boxes):
        assert above["y"] + above["height"] <= below["y"] + 1
    assert boxes[2]["height"] > 220
    slider = seen.page.locator("#gk-time").bounding_box()
    assert slider["x"] >= 0
    assert slider["x"] + slider["width"] <= width
    if width == 390:
        seen.page.locator("#gk-grip").click()
        seen.page.wait_for_timeout(400)
        assert seen.page.locator("#gk-glance").is_hidden()
        assert seen.page.locator("#gk-map").bounding_box()["height"] > 120
    quiet(seen)


def test_the_print_sheet_has_glance_map_legend_and_ranking(opened, tmp_path):
    seen = opened()
    seen.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    for selector in ("#gk-glance", "#gk-map", "#gk-legend", "#gk-ranking table", "#gk-foot"):
        assert seen.page.locator(selector).is_visible()
    for selector in ("#gk-time", "#gk-filters", "#gk-layers", ".gk-find"):
        assert seen.page.locator(selector).is_hidden()
    seen.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert seen.page.locator("#gk-time").is_visible()
    seen.page.pdf(path=tmp_path / "sheet.pdf")
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF")
    quiet(seen)


def test_the_public_sees_no_filters_names_or_lists(opened):
    seen = opened(audience="public", lang="en")
    assert seen.page.locator("#gk-filters").is_hidden()
    assert seen.page.locator("#gk-late").is_hidden()
    assert "王建国" not in seen.page.content()
    assert "withheld" in seen.page.inner_text("#gk-foot")
    quiet(seen)


def test_python_users_can_add_their_layers(plan, cases, city, tmp_path, visit):
    point = city.cells.geometry.iloc[[5]].centroid.to_crs(4326).iloc[0]
    m = dashboard_map(plan, cases)
    folium.Marker([point.y, point.x], tooltip="值班点").add_to(m)
    seen = visit(gk.save_map(m, tmp_path / "own.html")).ready()
    seen.page.locator("img.leaflet-marker-icon").hover()
    seen.page.wait_for_selector(".leaflet-tooltip")
    quiet(seen)


def test_a_browser_of_2023_unpacks_by_itself(plan, cases, tmp_path, visit):
    path = publish_dashboard(plan, cases, tmp_path / "dashboard.html")
    old = "delete Uint8Array.fromBase64; delete Element.prototype.replaceChildren;"
    seen = visit(path, prepare=old).ready()
    assert numbers(seen.page.inner_text("#gk-total"))[0] == len(cases)
    quiet(seen)


def test_the_plain_variant_shows_the_same_without_decompression(opened, cases):
    seen = opened(compressed=False)
    old = numbers(seen.page.inner_text("#gk-total"))
    assert old[0] == len(cases)
    quiet(seen)


def test_one_cell_no_cases_and_cells_that_do_not_tile_are_no_blank_page(city, tmp_path, visit):
    plain = city.cells[["cell_code", "geometry"]].copy()
    plain.loc[5, "geometry"] = plain.geometry[5].buffer(60)
    some = cases_of(city, n=50)
    for k, (cells, cases) in enumerate(
        [(plain.iloc[[5]], some.iloc[:0]), (plain, some), (plain, some.assign(geometry=None))]
    ):
        plan = gk.Plan(gk.district_of(cells, name="区"), cells)
        path = publish_dashboard(
            plan, cases.set_crs(4549, allow_override=True), tmp_path / f"{k}.html"
        )
        seen = visit(path).ready()
        for view in range(seen.page.locator("[name=gk-view]").count()):
            seen.page.locator("[name=gk-view]").nth(view).check()
        point = cells.geometry.iloc[[0]].centroid.to_crs(4326).iloc[0]
        seen.click_at(point.y, point.x)
        assert cells["cell_code"].iloc[0] in seen.page.inner_text("#gk-cell")
        quiet(seen)
