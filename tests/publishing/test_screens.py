"""Screenshots: against coarse pictures kept here, and one way of drawing against another.

The kept pictures are mean colours of 40 × 25 fields, so that another font makes no difference.
After a wanted change, `GRIDKIT_SCREENS=write pytest tests/publishing/test_screens.py` writes them
anew: look at the screenshots before they are committed.
"""

import importlib.util
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import gridkit as gk

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
KEPT = HERE / "screens.json"
FIELDS = (25, 40)


def sibling(name):
    known = f"screens_{name}"
    if known not in sys.modules:
        spec = importlib.util.spec_from_file_location(known, HERE / f"{name}.py")
        sys.modules[known] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[known])
    return sys.modules[known]


def pixels(page):
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(page.screenshot())).convert("RGB"), dtype=float)


def coarse(picture):
    """Return mean colours of fields, shape (25, 40, 3)."""
    rows = np.array_split(picture, FIELDS[0], axis=0)
    columns = [np.array_split(row.mean(axis=0), FIELDS[1], axis=0) for row in rows]
    return np.array([[field.mean(axis=0) for field in row] for row in columns])


def compare(name, page):
    page.wait_for_timeout(400)
    seen = coarse(pixels(page))
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    if os.environ.get("GRIDKIT_SCREENS") == "write":
        kept[name] = np.rint(seen).astype(int).ravel().tolist()
        KEPT.write_text(
            json.dumps(dict(sorted(kept.items())), separators=(",", ":")) + "\n", "utf-8"
        )
        return
    off = np.abs(seen - np.array(kept[name], dtype=float).reshape(seen.shape))
    assert off.mean() < 3, f"{name}: {off.mean():.1f}"
    assert np.quantile(off, 0.99) < 40, f"{name}: {np.quantile(off, 0.99):.1f}"


@pytest.fixture
def dashboard(city, tmp_path):
    cases = sibling("test_dashboard").cases_of(city)
    plan = gk.Plan(city.district, city.cells, posts=city.posts, roster=city.roster)
    return gk.publish_dashboard(plan, cases, tmp_path / "dashboard.html", lang="en")


@pytest.mark.parametrize(("name", "width", "height"), [("wide", 1280, 800), ("phone", 390, 844)])
def test_the_dashboard_looks_as_it_did(dashboard, visit, name, width, height):
    seen = visit(dashboard, width=width, height=height).ready()
    compare(f"dashboard {name} heat", seen.page)
    seen.page.evaluate("document.querySelectorAll('[name=gk-view]')[1].click()")
    compare(f"dashboard {name} cells", seen.page)


def test_the_cell_map_looks_as_it_did(city, tmp_path, visit):
    m = gk.cell_map(city.cells, district=city.district, lang="en", title="Load")
    seen = visit(gk.save_map(m, tmp_path / "cells.html")).ready()
    compare("cell map", seen.page)


@pytest.mark.parametrize("zoom_out", [0, 3])
def test_cells_by_number_look_like_cells_by_path(city, tmp_path, visit, zoom_out):
    """The rows of pixels against the browser's own filling of the same polygons."""
    m = gk.cell_map(city.cells, title="a")
    shown = []
    for tiles in (True, False):
        m.block.doc["areas"][0]["tiles"] = tiles
        seen = visit(gk.save_map(m, tmp_path / f"{tiles}.html")).ready()
        if not zoom_out:
            seen.page.uncheck("[name=gk-on-outlines]")
        for _ in range(zoom_out):
            seen.page.evaluate(
                "window[document.querySelector('.folium-map').id].zoomOut(1, { animate: false })"
            )
        seen.page.wait_for_timeout(300)
        shown.append(pixels(seen.page))
    off = np.abs(shown[0] - shown[1]).max(axis=2)
    assert (off > 40).mean() < 0.004  # what differs lies along borders, which one of them smooths
    assert shown[0].std() > 10
