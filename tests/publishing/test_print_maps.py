"""Maps on paper: size, colours, true scale and north, hostile names, fonts, bad input."""

import dataclasses
import datetime as dt
import re
import xml.etree.ElementTree as ET

import geopandas as gpd
import matplotlib as mpl
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from matplotlib import font_manager
from PIL import Image

import gridkit as gk
from gridkit.errors import CRSError, FileError, GeometryError, OptionError, SchemaError
from gridkit.publishing import land, lettering, paper
from gridkit.publishing.lettering import Letters
from gridkit.publishing.palette import DENSITY, FIGURES, NO_DATA, ramp

HOSTILE = [
    r"$\frac{",
    "<script>window.hit=1</script>",
    "{{7*7}}{% set a=1 %}",
    "--><svg onload=hit()>",
    "\u202eمرحبا\u2066改名\U0001f600\U000e0041",
    "a\x00b\nc",
]
# Far from its central meridian and shrunk: north is not up, and metres are not metres.
SKEW = pyproj.CRS("+proj=tmerc +lat_0=0 +lon_0=117 +k=0.96 +x_0=500000 +ellps=GRS80 +units=m")


def chinese_font():
    return len(lettering.installed()) > 1


needs_font = pytest.mark.skipif(not chinese_font(), reason="no Chinese font on this computer")
pytestmark = needs_font


@pytest.fixture
def written(monkeypatch):
    """Return every text that is written on a sheet, in order."""
    texts = []
    letter = paper.Sheet.letter

    def spy(self, axes, x, y, text, points, **options):
        drawn = letter(self, axes, x, y, text, points, **options)
        texts.append(drawn.get_text())
        return drawn

    monkeypatch.setattr(paper.Sheet, "letter", spy)
    return texts


def words_of(path):
    """Return the texts of an SVG: each stands in a comment before its outline."""
    return re.findall(r"<!-- (.*?) -->", path.read_text("utf-8"))


def corners_of(path, name):
    """Return the corners of the shape of a name, in points from the upper left corner."""
    tree = ET.parse(path)
    group = next(node for node in tree.iter() if node.get("id") == name)
    line = group.find("{http://www.w3.org/2000/svg}path").get("d")
    return np.array(re.findall(r"[ML] (\S+) (\S+)", line), dtype=float)


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def near(pixels, colour, tolerance=6):
    rgb = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    return (np.abs(pixels - rgb) <= tolerance).all(axis=-1)


def land_on_paper(pixels, bounds):
    """Return a function from metres to pixels, from where the border is drawn."""
    rows, columns = np.nonzero(near(pixels, land.BORDER, 2))
    kept = columns < pixels.shape[1] * 0.78  # without the legend
    rows, columns = rows[kept], columns[kept]
    left, right, top, bottom = columns.min(), columns.max(), rows.min(), rows.max()
    west, south, east, north = bounds

    def place(x, y):
        column = left + (x - west) / (east - west) * (right - left)
        return round(top + (north - y) / (north - south) * (bottom - top)), round(column)

    return place, (right - left)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"landscape": True}, (2338, 1653)),
        ({"landscape": False}, (1653, 2338)),
        ({"size": "A3", "landscape": True, "dpi": 100}, (1653, 1169)),
        ({"dpi": 60}, (701, 496)),
    ],
)
def test_a_picture_has_the_size_of_the_paper(city, tmp_path, options, size):
    made = gk.print_map(city.cells, tmp_path / "map.png", **options)
    with Image.open(made) as image:
        assert image.size == size
        assert image.info["dpi"] == pytest.approx((options.get("dpi", 200),) * 2, abs=0.1)


@pytest.mark.parametrize(("size", "box"), [("A4", (595.28, 841.89)), ("A3", (841.89, 1190.55))])
def test_a_pdf_is_one_page_of_that_size(city, tmp_path, size, box):
    made = gk.print_map(city.cells, tmp_path / "map.pdf", size=size, landscape=False)
    data = made.read_bytes()
    assert data.count(b"/Type /Page ") == 1
    (media,) = re.findall(rb"/MediaBox \[ ([\d. ]+) \]", data)
    assert [float(n) for n in media.split()] == pytest.approx([0, 0, *box], abs=0.01)


def test_each_cell_has_the_colour_of_its_class(city, tmp_path):
    cells = city.cells
    cells["load"] = [1.0, 1, 1, 5, 5, 5, 9, 9, 9, np.nan, np.nan, np.nan]
    made = gk.print_map(cells, tmp_path / "map.png", landscape=True)
    pixels = pixels_of(made)
    place, _ = land_on_paper(pixels, cells.total_bounds)
    light, middle, dark = ramp(FIGURES, 3)
    wanted = [light] * 3 + [middle] * 3 + [dark] * 3 + [NO_DATA] * 3
    for shape, colour in zip(cells.geometry, wanted, strict=True):
        row, column = place(shape.centroid.x + 60, shape.centroid.y + 60)
        assert near(pixels[row, column], colour, 1), (colour, pixels[row, column])


def test_the_legend_says_what_the_colours_mean(city, tmp_path):
    cells = city.cells
    cells["load"] = [1.0, 1, 1, 5, 5, 5, 9, 9, 9, 9, np.nan, np.nan]
    words = words_of(gk.print_map(cells, tmp_path / "map.svg", district=city.district))
    at = words.index("工作量")
    assert words[at + 1 : at + 9] == ["1", "3", "1 – 5", "3", "5 – 9", "4", "无数据", "2"]
    assert {"网格界", "社区界", "区界", "道路", "水域", "建筑", "北"} <= set(words)


def test_names_and_numbers_stand_on_the_map(city, tmp_path, written):
    gk.print_map(city.cells, tmp_path / "map.png", district=city.district, dpi=60)
    assert {"建昌社区", "毓璜顶社区", "南大街", "海港路"} <= set(written)
    assert written.count("001") == written.count("006") == 2


def test_no_name_lies_over_another(city, tmp_path, monkeypatch):
    rooms = []
    take = land.Names.take
    monkeypatch.setattr(
        land.Names, "take", lambda self, room: take(self, room) and not rooms.append(room)
    )
    gk.print_map(city.cells, tmp_path / "map.png", district=city.district, dpi=60)
    assert len(rooms) > 12
    assert len(shapely.STRtree(rooms).query(rooms, predicate="intersects")[0]) == len(rooms)


def test_without_any_figure_all_is_grey(city, tmp_path):
    cells = city.cells.assign(load=np.nan)
    made = gk.print_map(cells, tmp_path / "map.png", landscape=True, lang="en", title="A", dpi=80)
    pixels = pixels_of(made)
    assert near(pixels, NO_DATA, 1).mean() > 0.1
    words = words_of(gk.print_map(cells, tmp_path / "map.svg", lang="en", title="A"))
    assert words[words.index("No data") + 1] == "12"


@pytest.mark.parametrize("crs", [4549, SKEW])
def test_the_scale_is_true_on_the_ground(city, tmp_path, crs):
    cells = city.cells.set_crs(crs, allow_override=True)
    if crs is SKEW:
        cells.geometry = cells.translate(350_000, 0)
    options = {"landscape": True, "lang": "en", "title": "A"}
    svg = gk.print_map(cells, tmp_path / "map.svg", **options)
    words = words_of(svg)
    label = next(w for w in words if re.fullmatch(r"[\d,.]+ k?m", w))
    number, unit = label.replace(",", "").split()
    metres = float(number) * (1000 if unit == "km" else 1)
    ends = [corners_of(svg, f"scale-{k}")[:, 0] for k in range(4)]
    bar_mm = (np.max(ends) - np.min(ends)) * 25.4 / 72
    ratio = float(next(w for w in words if w.startswith("1:"))[2:].replace(",", ""))
    assert bar_mm * ratio / 1000 == pytest.approx(metres, rel=1e-4)
    assert all(np.ptp(one) == pytest.approx(np.ptp(ends[0]), abs=1e-3) for one in ends)
    # The same by where the land is drawn, and a geodesic across it.
    dpi = 300
    pixels = pixels_of(gk.print_map(cells, tmp_path / "map.png", dpi=dpi, **options))
    west, south, east, north = cells.total_bounds
    _, wide = land_on_paper(pixels, cells.total_bounds)
    away = pyproj.Transformer.from_crs(cells.crs, cells.crs.geodetic_crs, always_xy=True)
    lon, lat = away.transform([west, east], [(south + north) / 2] * 2)
    _, _, ground = pyproj.Geod(ellps="GRS80").inv(lon[0], lat[0], lon[1], lat[1])
    thick = 1.7 * dpi / 72
    assert (wide - thick) / dpi * 25.4 * ratio / 1000 == pytest.approx(ground, rel=0.004)


@pytest.mark.parametrize(("crs", "shift"), [(4549, 0), (SKEW, 350_000), (SKEW, -350_000)])
def test_the_arrow_points_to_true_north(city, tmp_path, crs, shift):
    cells = city.cells.set_crs(crs, allow_override=True)
    cells.geometry = cells.translate(shift, 0)
    svg = gk.print_map(cells, tmp_path / "map.svg", lang="en", title="A")
    tip, _, notch = corners_of(svg, "north")[:3]
    turn = np.degrees(np.arctan2(tip[0] - notch[0], notch[1] - tip[1]))
    x, y = cells.union_all().centroid.coords[0]
    away = pyproj.Transformer.from_crs(cells.crs, cells.crs.geodetic_crs, always_xy=True)
    factors = pyproj.Proj(cells.crs).get_factors(*away.transform(x, y))
    assert turn == pytest.approx(-factors.meridian_convergence, abs=0.01)
    assert crs == 4549 or abs(turn) > 1


def test_what_must_stand_on_a_map_does(city, tmp_path):
    made = gk.print_map(
        city.cells,
        tmp_path / "map.svg",
        title="芝罘区",
        subtitle="十月",
        date=dt.date(2025, 10, 31),
        sources=["区网格办", "统计局"],
        review_no="鲁S（2025）001号",
        audience="public",
    )
    text = "\n".join(words_of(made))
    for part in (
        "芝罘区",
        "十月",
        "2025年10月31日",
        "资料来源：区网格办；统计局",
        "审图号：鲁S（2025）001号",
        "公开版：姓名、电话已打码",
        "EPSG:4549",
    ):
        assert part in text
    other = gk.print_map(city.cells, tmp_path / "map.svg", date="2025-10", sources="自有")
    text = "\n".join(words_of(other))
    assert "制图日期：2025-10" in text
    assert "资料来源：自有" in text
    assert "审图号" not in text
    assert "制图日期" not in "\n".join(words_of(gk.print_map(city.cells, tmp_path / "map.svg")))


def test_heat_lies_where_it_is_dense_and_ends_at_the_border(city, tmp_path):
    points = gpd.GeoSeries(
        gpd.points_from_xy([531_310.0] * 50, [4_155_560.0] * 50), crs=city.cells.crs
    )
    density = gk.density(points, within=city.district.boundary, bandwidth_m=80)
    made = gk.print_map(city.cells, tmp_path / "map.png", density=density, landscape=True)
    pixels = pixels_of(made)
    place, _ = land_on_paper(pixels, city.cells.total_bounds)
    assert near(pixels[place(531_310, 4_155_560)], DENSITY[-1], 12)
    assert near(pixels[place(531_900, 4_155_100)], DENSITY[0], 3)
    assert near(pixels[place(530_990, 4_155_560)], "#f4f1ea", 1)
    words = words_of(gk.print_map(city.cells, tmp_path / "map.svg", density=density))
    assert "每平方公里上报数" in words
    assert "0" in words
    assert any("80" in w and "核密度" in w for w in words)


def test_a_density_of_nothing_is_said_so(city, tmp_path):
    density = gk.density(gpd.GeoSeries([], crs=4549), within=city.district.boundary)
    words = words_of(gk.print_map(city.cells, tmp_path / "map.svg", density=density))
    assert "无数据" in words


def test_heat_by_households_says_so(city, tmp_path):
    density = gk.density(city.located, within=city.district.boundary)
    density = dataclasses.replace(density, unit="per_100_households")
    words = words_of(gk.print_map(city.cells, tmp_path / "map.svg", density=density))
    assert {"每百户上报数", "无数据"} <= set(words)
    assert "每平方公里上报数" not in words


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_the_same_input_gives_the_same_bytes(city, tmp_path, ending):
    def make(name):
        return gk.print_map(
            city.cells, tmp_path / f"{name}.{ending}", district=city.district, dpi=60
        ).read_bytes()

    first = make("a")
    before = dict(mpl.rcParams)
    user = {"figure.dpi": 55, "font.size": 30, "axes.linewidth": 9, "savefig.bbox": "tight"}
    with mpl.rc_context(user):
        assert make("b") == first
        assert mpl.rcParams["font.size"] == 30
    assert dict(mpl.rcParams) == before


def test_hostile_names_are_drawn_as_they_are(city, tmp_path, written):
    district = city.district
    communities = district.communities.assign(name=HOSTILE[:2])
    streets = district.streets.assign(name=HOSTILE[2:4])
    hostile = gk.District(
        HOSTILE[0], district.boundary, communities, streets, district.water, district.buildings
    )
    cells = city.cells.assign(cell_code=[f"{h}{i}" for i, h in enumerate(HOSTILE * 2)])
    values = pd.Series(range(12), index=cells["cell_code"], name=HOSTILE[0])
    for ending in ("png", "pdf", "svg"):
        gk.print_map(
            cells,
            tmp_path / f"map.{ending}",
            value=values,
            district=hostile,
            title="".join(HOSTILE),
            subtitle=HOSTILE[4],
            sources=HOSTILE,
            review_no=HOSTILE[1],
            date=HOSTILE[3],
            dpi=70,
        )
    tags = {node.tag.rpartition("}")[2] for node in ET.parse(tmp_path / "map.svg").iter()}
    assert "script" not in tags
    assert tags <= {
        "svg",
        "metadata",
        "RDF",
        "Work",
        "type",
        "format",
        "creator",
        "Agent",
        "title",
        "defs",
        "style",
        "g",
        "path",
        "use",
        "clipPath",
        "rect",
        "image",
    }
    assert r"$\frac{" in written
    assert HOSTILE[1] in written
    assert gk.print_map(city.cells, tmp_path / "map.pdf", title="a\ud800(b\\").exists()


def test_huge_names_do_not_break_the_page(city, tmp_path):
    letters = Letters()
    for text in ("网格" * 500, "word " * 200, "x" * 1000, "。" * 1000, "عربي" * 250, "W" * 999):
        for points, width, most in ((18, 180, 1), (7, 50, 3), (10, 30, 2)):
            lines = letters.wrap(text, points, width, most)
            assert len(lines) <= most
            assert lines[-1].endswith("…")
            for line in lines:
                # One mark may hang over the end.
                assert letters.ems(line) * points * lettering.MM_PER_POINT <= width + points * 0.36
    long = "长名" * 500
    made = gk.print_map(
        city.cells, tmp_path / "map.svg", title=long, subtitle=long, sources=[long], review_no=long
    )
    assert max(map(len, words_of(made))) < 200


def test_lines_break_between_words_and_chinese_characters():
    letters = Letters()
    assert letters.wrap("one two three", 10, 15, 9) == ["one two", "three"]
    assert "".join(letters.wrap("东至学府街，南至区界", 10, 15, 9)) == "东至学府街，南至区界"
    assert letters.wrap("", 10, 15, 9) == [""]
    assert letters.clean("a\tb\u202e\u200b  c") == "a b c"
    assert letters.clean("\U000f0000\U0001f9ff") == "□"


def test_a_map_in_latin_letters_needs_no_chinese_font(city, tmp_path, monkeypatch):
    monkeypatch.setattr(lettering, "FAMILIES", ())
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    made = gk.print_map(city.cells, tmp_path / "map.svg", lang="en", title="Grid")
    assert "Grid" in words_of(made)
    with pytest.raises(FileError) as caught:
        gk.print_map(city.cells, tmp_path / "zh.svg", title="Grid", lang="zh")
    assert "fonts-noto-cjk" in caught.value.text("en")
    assert "中文字体" in caught.value.text("zh")
    with pytest.raises(FileError, match="Noto Sans CJK"):
        gk.print_map(city.cells, tmp_path / "zh.svg", lang="en", district=city.district)
    assert [p.name for p in tmp_path.iterdir()] == ["map.svg"]


def test_fonts_installed_since_are_found(monkeypatch):
    manager = font_manager.fontManager
    before = lettering.installed()
    files = {entry.fname for entry in manager.ttflist if entry.name in lettering.FAMILIES}
    kept = [entry for entry in manager.ttflist if entry.fname not in files]
    monkeypatch.setattr(manager, "ttflist", kept)
    assert lettering.installed() == before


def test_without_matplotlib_it_says_what_to_install(city, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(OptionError, match=r"gridkit-city\[print\]"):
        gk.print_map(city.cells, tmp_path / "map.png")


def test_one_cell_and_cells_without_land(city, tmp_path, written):
    assert gk.print_map(city.cells.iloc[:1], tmp_path / "one.png", dpi=60).exists()
    some = city.cells.copy()
    some.loc[[0, 5], "geometry"] = shapely.Polygon()
    del written[:]
    gk.print_map(some, tmp_path / "some.png", dpi=60)
    assert written.count("001") == 1
    assert written.count("004") == 1
    some["geometry"] = shapely.Polygon()
    with pytest.raises(GeometryError, match="no cells"):
        gk.print_map(some, tmp_path / "none.svg")


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"size": "A0"}, OptionError, "A4, A3"),
        ({"dpi": 5}, OptionError, "50 to 1200"),
        ({"dpi": float("nan")}, OptionError, "50 to 1200"),
        ({"lang": "fr"}, OptionError, "zh, en"),
        ({"audience": "all"}, OptionError, "public"),
        ({"value": "nothing"}, SchemaError, "no such column"),
        ({"value": "cell_code"}, SchemaError, "numbers"),
    ],
)
def test_options_that_cannot_be_used(city, tmp_path, options, error, match):
    with pytest.raises(error, match=match):
        gk.print_map(city.cells, tmp_path / "map.png", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["map.jpg", "map", "map.pdf.exe"])
def test_other_endings_are_refused(city, tmp_path, name):
    with pytest.raises(OptionError, match=r"\.png, \.pdf, \.svg"):
        gk.print_map(city.cells, tmp_path / name)


def test_cells_that_cannot_be_drawn(city, tmp_path):
    target = tmp_path / "map.png"
    with pytest.raises(GeometryError, match="no cells"):
        gk.print_map(city.cells.iloc[:0], target)
    with pytest.raises(CRSError):
        gk.print_map(city.cells.to_crs(4326), target)
    with pytest.raises(CRSError):
        gk.print_map(city.cells.to_crs(4548), target, district=city.district)
    crossed = city.cells.copy()
    corners = np.array(crossed.geometry.iloc[3].exterior.coords)[[0, 2, 1, 3, 0]]
    crossed.loc[3, "geometry"] = shapely.Polygon(corners)
    with pytest.raises(GeometryError, match="invalid"):
        gk.print_map(crossed, target)
    density = gk.density(gpd.GeoSeries([], crs=4548))
    with pytest.raises(CRSError):
        gk.print_map(city.cells, target, density=density)
    with pytest.raises(SchemaError):
        gk.print_map(city.cells.drop(columns="cell_code"), target)


def test_where_nothing_can_be_written_nothing_is_left(city, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError):
        gk.print_map(city.cells, tmp_path / "file" / "map.png", dpi=60)
    (tmp_path / "map.png").mkdir()
    with pytest.raises(FileError):
        gk.print_map(city.cells, tmp_path / "map.png", dpi=60)
    assert {p.name for p in tmp_path.iterdir()} == {"file", "map.png"}
