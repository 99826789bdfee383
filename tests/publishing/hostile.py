"""Text that citizens could send, put into every field; what must hold of all that is made of it.

The strings do no more than set ``window.hit`` where they run, or name a product that no template
may work out. `strings` are shared by the test (a covering part) and benchmarks/prove_hostile.py.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import sys
import warnings
import zipfile
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import python_calamine

import gridkit as gk
from gridkit.publishing.hotspot_maps import hotspot_map
from gridkit.sheets import write_csv, write_xlsx

HERE = Path(__file__).parent
HIT = "window.hit=1"
PRODUCT = "51317"  # of 7331 × 7
ZONE = "Asia/Shanghai"


def sibling(name):
    known = f"hostile_{name}"
    if known not in sys.modules:
        spec = importlib.util.spec_from_file_location(known, HERE / f"{name}.py")
        sys.modules[known] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[known])
    return sys.modules[known]


def strings() -> list[str]:
    """Return more than 200 different hostile strings."""
    short = json.loads((HERE / "hostile.json").read_text("utf-8"))
    return [*short, "名" * 3000, "a" * 5000]


class Words:
    """The string of each field, another for each number `k`; all that were asked for are kept.

    With `together`, each field holds a share of all strings, so that one world holds every one.
    """

    FIELDS = 26

    def __init__(self, k: int, known: list[str], *, together: bool = False) -> None:
        self.k, self.known, self.together = k, known, together
        self.given: dict[str, str] = {}

    def __call__(self, field: str) -> str:
        if field not in self.given:
            nth = len(self.given)
            if self.together:
                self.given[field] = " ¦ ".join(
                    self.known[(self.k + nth) % self.FIELDS :: self.FIELDS]
                )
            else:
                self.given[field] = self.known[(self.k + 13 * nth) % len(self.known)]
        return self.given[field]


def world(word: Words):
    """Return plan, cases and cells whose every text is hostile."""
    city = sibling("conftest").City(word("district"))
    n = len(city.cells)
    cells = city.cells.assign(
        name=word("cell name"),
        cell_code=[word("cell code") + f"·{i}" for i in range(n)],
        street_code=word("street code"),
    )
    whole = city.district
    communities = whole.communities.assign(
        name=word("community"), street_code=word("street code"), street_name=word("street name")
    )
    streets = whole.streets.assign(name=word("street"))
    homes = whole.buildings.assign(address=word("house"))
    district = gk.District(
        word("district"), whole.boundary, communities, streets, whole.water, homes
    )
    old = dict(zip(city.cells["cell_code"], cells["cell_code"], strict=True))
    posts = city.posts.assign(
        area_code=city.posts["area_code"].map(old),
        slot=word("slot"),
        role=[word("role") + f"·{i % 4}" for i in range(len(city.posts))],
    )
    roster = city.roster.assign(
        name=word("person"), responsible_unit=word("unit of a person"), phone=word("phone")
    )
    reported = city.located["reported_at"]
    late = pd.Series(pd.NaT, range(len(reported)), dtype=reported.dtype)
    cases = gpd.GeoDataFrame(
        {
            "case_id": [word("case") + f"·{i}" for i in range(len(reported))],
            "stage": word("stage") + "·",
            "category": word("category"),
            "source": word("source"),
            "cell_code": city.located["cell_code"].map(old),
            "responsible_unit": word("unit"),
            "address": word("address"),
            "text": word("text"),
            "reported_at": reported,
            "filed_at": reported,
            "dispose_due_at": reported + pd.Timedelta("2D"),
            "disposed_at": late,
            "close_due_at": reported + pd.Timedelta("3D"),
            "closed_at": late,
        },
        geometry=city.located.geometry.to_numpy(),
        crs=cells.crs,
    )
    return district, cells, posts, roster, cases


def pages(word: Words, folder: Path) -> dict[str, tuple[Path, dict[str, list[str]]]]:
    """Write one page of each kind; return where, and which fields must be read in which element."""
    district, cells, posts, roster, cases = world(word)
    title, review = word("title"), word("review")
    maps = {"district": district, "title": title}
    people = {"posts": posts, "roster": roster}
    plan = gk.Plan(district, cells, **people)
    at = pd.Timestamp("2025-04-01", tz=ZONE)
    made = {}

    def keep(name, m, told):
        made[name] = (gk.save_map(m, folder / f"{name}.html"), told)

    m = gk.dashboard_map(plan, cases, at=at, title=title, review_no=review, audience="internal")
    in_cell = ["cell name", "community", "slot", "role", "person", "unit of a person", "phone"]
    keep(
        "dashboard",
        m,
        {
            "#gk-title": ["title"], "#gk-foot": ["title", "review"], "#gk-cell": in_cell,
            "#gk-ranking": ["unit"], "#gk-glance": ["unit"],
            "#gk-late": ["unit", "address", "category"],
        },
    )  # fmt: skip
    values = pd.Series(range(12), cells["cell_code"], name=word("layer"))
    m = gk.cell_map(cells, value=values, review_no=review, audience="internal", **maps, **people)
    told = {"#gk-legend": ["layer"], "#gk-layers": ["layer"], "#gk-cell": [*in_cell, "layer"]}
    keep("cells", m, {"#gk-title": ["title"], **told})
    running = cases.assign(due_at=at, used=1.5, light="red")
    m = gk.case_map(running, cells, district=district, audience="internal", title=title)
    keep("cases", m, {"#gk-title": ["title"], "#gk-items": ["address", "text", "unit"]})
    before = cells.assign(cell_code=[f"old{i}" for i in range(12)])
    m = gk.compare_map(before, cells, district=district, title=title)
    keep("compared", m, {"#gk-title": ["title"], "#gk-items": ["cell code"]})
    found = hotspot_map(gk.hotspots(cells, pd.Series(np.arange(12.0))), title=title)
    keep("hot", found, {"#gk-title": ["title"]})
    shown = gk.cell_map(cells, district=district, title=title)._repr_html_()
    path = folder / "notebook.html"
    path.write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><link rel="icon" href="data:,">{shown}', "utf-8"
    )
    made["notebook"] = (path, {})
    bulletin = gk.bulletin(
        cases, period="2025-03", cells=cells, district=district, title=title, audience="internal"
    )
    path = folder / "bulletin.html"
    bulletin.save(path)
    made["bulletin"] = (path, {"body": ["title", "unit", "address", "source", "community"]})
    return made


def without_policy(path: Path) -> Path:
    """Return a copy of a page without what forbids scripts: nothing may run all the same."""
    text = path.read_text("utf-8")
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    bare = re.sub(r"&lt;meta http-equiv=&quot;Content-Security-Policy&quot;.*?&gt;", "", bare)
    copy = path.with_name(f"bare_{path.name}")
    copy.write_text(bare, "utf-8")
    return copy


ACT = """async (words) => {
    const wait = (ms) => new Promise((done) => setTimeout(done, ms));
    for (const view of document.querySelectorAll("[name=gk-view]")) view.click();
    const box = document.querySelector(".folium-map");
    if (box) {
        const map = window[box.id], centre = map.getCenter();
        const at = map.latLngToContainerPoint(centre);
        map.fire("mousemove", { latlng: centre, containerPoint: at });
        const query = document.getElementById("gk-query");
        for (const word of words) {
            query.value = word;
            query.dispatchEvent(new Event("input"));
            const hit = document.querySelector("#gk-hits button");
            if (hit) hit.click();
        }
        query.value = "";
        query.dispatchEvent(new Event("input"));
        map.fitBounds(map.getBounds());
        map.fire("click", { latlng: map.getCenter(), containerPoint: at });
    }
    for (const one of document.querySelectorAll("summary")) one.click();
    for (const one of [...document.querySelectorAll(".gk-item")].slice(0, 4)) one.click();
    const kinds = ["mouseover", "pointerenter", "focus"];
    for (const one of document.querySelectorAll("body *")) {
        for (const kind of kinds) one.dispatchEvent(new Event(kind));
    }
    await wait(30);
}"""


def plain(text: str) -> str:
    """Return a text without what no eye sees: blanks, control characters, what is no character."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f\ufffd-\uffff]+", "", text)


def faults_of_page(browser, path: Path, word: Words, told: dict[str, list[str]]) -> list[str]:
    """Open a page, look everywhere, and return what is wrong with it."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, offline=True)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"error {error}"))
    page.on("console", lambda line: faults.append(f"console {line.text}"))
    page.on("dialog", lambda dialog: (faults.append("dialog"), dialog.dismiss()))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    try:
        page.goto(path.as_uri())
        if told and "body" not in told:
            page.wait_for_selector("html[data-gridkit=ready]", state="attached", timeout=20_000)
        if path.name.endswith("notebook.html"):
            frame = page.frame_locator("iframe").locator("html[data-gridkit=ready]")
            frame.wait_for(state="attached", timeout=20_000)
        page.evaluate(ACT, [w[:40] for w in list(word.given.values())[:8]])
        for selector, fields in told.items():
            if selector == "#gk-cell":
                page.evaluate("document.querySelector('#gk-query').value = ''")
            seen = plain(page.locator(selector).first.text_content() or "")
            faults += [
                f"{selector} lacks {field}: {word(field)[:60]!r}"
                for field in fields
                if plain(shortened(word(field))) not in seen
            ]
        hits = [frame.evaluate("window.hit") for frame in page.frames]
        faults += ["ran"] * sum(hit is not None for hit in hits)
        faults += [
            f"asked for {url[:80]}" for url in asked if not url.startswith(("file:", "about:"))
        ]
        if page.locator("body img, body iframe:not([title]), body form, body object").count():
            faults.append("a tag came to life")
    except Exception as error:  # noqa: BLE001 - what a page does is told, not raised
        faults.append(f"broken: {str(error)[:300]}")
    finally:
        context.close()
    return [f"{path.name}: {fault}" for fault in faults]


def shortened(text: str) -> str:
    """Return the beginning of a text, as far as pages show it whatever its length."""
    return text.encode("utf-8", "replace").decode()[:200]


def faults_of_text(path: Path) -> list[str]:
    """Return whether Python worked out a template in a page or a drawing."""
    text = path.read_text("utf-8", errors="replace")
    outside = re.sub(r'(id="gk-(?:data|more)"[^>]*>)[^<]*', r"\1", text)
    if path.suffix == ".svg":  # letters are outlines there, whose figures may be any
        outside = "".join(re.findall(r"<!--(.*?)-->", text, re.DOTALL))
    return [f"{path.name}: evaluated"] if PRODUCT in outside else []


def faults_of_files(word: Words, folder: Path) -> list[str]:
    """Write sheets, drawings and documents; return what is wrong with them."""
    district, cells, _, _, cases = world(word)
    faults = []
    for field in ("title", "layer", "review"):
        word(field)
    table = pd.DataFrame({"n": [1]} | {f: [w] for f, w in word.given.items()})
    head = pd.DataFrame({w: [1] for w in dict.fromkeys(word.given.values()) if w.strip()})
    path = folder / "hostile.xlsx"
    write_xlsx(path, {word("title")[:20]: table, "head": head})
    faults += faults_of_xlsx(path, list(word.given.values()))
    path = folder / "hostile.csv"
    write_csv(path, table)
    faults += faults_of_csv(path, list(word.given.values()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gk.workbook(cases, folder / "book.xlsx", period="2025-03", cells=cells, district=district)
    faults += faults_of_xlsx(folder / "book.xlsx", [])
    path = folder / "hostile.svg"
    values = pd.Series(range(12), cells["cell_code"], name=word("layer"))
    gk.print_map(
        cells, path, value=values, district=district, title=word("title"),
        sources=[word("source")], review_no=word("review"),
    )  # fmt: skip
    faults += faults_of_svg(path) + faults_of_text(path)
    made = gk.bulletin(cases, period="2025-03", cells=cells, district=district, title=word("title"))
    made.save(folder / "hostile.docx")
    with zipfile.ZipFile(folder / "hostile.docx") as packed:
        body = "".join(ET.fromstring(packed.read("word/document.xml")).itertext())
    if PRODUCT in body:
        faults.append("docx: evaluated")
    faults += faults_of_name(word("title"), folder, cells)
    return faults


def faults_of_xlsx(path: Path, words: list[str]) -> list[str]:
    """Return formulas, links and lost texts of a workbook."""
    faults = []
    with zipfile.ZipFile(path) as packed:
        for name in packed.namelist():
            root = ET.fromstring(packed.read(name)) if name.endswith((".xml", ".rels")) else None
            if root is None:
                continue
            tags = {element.tag.rsplit("}", 1)[-1] for element in root.iter()}
            if name.startswith("xl/worksheets/sheet") and tags & {"f", "hyperlink"}:
                faults.append(f"{path.name}: a formula or link in {name}")
            if b'TargetMode="External"' in packed.read(name):
                faults.append(f"{path.name}: something outside in {name}")
    if words:
        rows = (
            python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
        )
        seen = {plain(str(cell)) for cell in rows[1]}
        for text in words:
            clean = plain(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", text))
            if (
                clean
                and not any(cell.startswith(clean[:200]) for cell in seen)
                and "�" not in str(seen)
            ):
                faults.append(f"{path.name}: lost {text[:60]!r}")
    return faults


def faults_of_csv(path: Path, words: list[str]) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    cells = rows[1]
    bad = [c for c in cells[1:] if re.match(r"\s*[=+@\-＝＋－＠]", c)]
    faults = [f"{path.name}: begins a formula {cell[:40]!r}" for cell in bad]
    return faults if len(cells) == len(words) + 1 else [*faults, f"{path.name}: {len(cells)} cells"]


def faults_of_svg(path: Path) -> list[str]:
    root = ET.fromstring(path.read_bytes())
    tags = {element.tag.rsplit("}", 1)[-1].lower() for element in root.iter()}
    hrefs = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    faults = [f"{path.name}: <{tag}>" for tag in tags & {"script", "foreignobject", "a", "iframe"}]
    handlers = [k for e in root.iter() for k in e.attrib if k.lower().startswith("on")]
    links = [h for h in hrefs if not h.startswith(("#", "data:image/png;base64,"))]
    return faults + [f"{path.name}: {one[:60]}" for one in [*handlers, *links]]


def faults_of_name(text: str, folder: Path, cells: gpd.GeoDataFrame) -> list[str]:
    """Save a page under a hostile name: it is there under that name, or our error says why not."""
    target = folder / "names" / text
    if "/" in text or not text.strip(".") or "\0" in text or len(text.encode("utf-8")) > 180:
        return []
    path = gk.save_map(gk.cell_map(cells.iloc[:1]), target)
    there = [p.name for p in target.parent.iterdir()]
    return [] if path.name == text and text in there else [f"file name {text!r}: {there}"]
