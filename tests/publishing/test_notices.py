"""Notice cards: a page a cell, what it says, who is masked, bad input."""

import datetime as dt
import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import gridkit as gk
from gridkit.errors import CRSError, FileError, GeometryError, OptionError, SchemaError
from gridkit.publishing import land, lettering, notices, paper

pytestmark = pytest.mark.skipif(
    len(lettering.installed()) < 2, reason="no Chinese font on this computer"
)
HOSTILE = [r"$\frac{", "<script>hit()</script>", "{{7*7}}", "\u202eمرحبا\U0001f600", "x\x00\ny"]


@pytest.fixture
def pages(monkeypatch):
    """Return the texts of each page that is made, in order."""
    found = []
    begin, letter = paper.Sheet.__init__, paper.Sheet.letter

    def new_page(self, *args, **options):
        found.append([])
        begin(self, *args, **options)

    def spy(self, axes, x, y, text, points, **options):
        drawn = letter(self, axes, x, y, text, points, **options)
        found[-1].append(drawn.get_text())
        return drawn

    monkeypatch.setattr(paper.Sheet, "__init__", new_page)
    monkeypatch.setattr(paper.Sheet, "letter", spy)
    return found


def boxes_of(path):
    found = re.findall(rb"/MediaBox \[ ([\d. ]+) \]", path.read_bytes())
    return [tuple(round(float(n)) for n in box.split()[2:]) for box in found]


@pytest.mark.parametrize(
    ("size", "points"), [("A5", (420, 595)), ("A4", (595, 842)), ("A3", (842, 1191))]
)
def test_a_page_for_each_cell_in_the_size_of_the_paper(city, tmp_path, size, points):
    codes = city.cells["cell_code"][:3].tolist()
    made = gk.notice_cards(
        city.cells, tmp_path / "cards.pdf", posts=city.posts, codes=codes, size=size
    )
    assert boxes_of(made) == [points] * 3
    assert made.read_bytes().count(b"/Type /Page ") == 3


def test_pages_come_in_the_order_of_the_cells_or_of_the_codes(city, tmp_path, pages):
    every = city.cells["cell_code"].tolist()
    done = []
    options = {"posts": city.posts, "district": city.district}
    gk.notice_cards(
        city.cells, tmp_path / "a.pdf", progress=lambda n, of: done.append((n, of)), **options
    )
    assert [next(t for t in page if t in every) for page in pages] == every
    assert done == [(i, 12) for i in range(1, 13)]
    del pages[:]
    shuffled = city.cells.sample(frac=1, random_state=1).set_index(np.zeros(12, dtype=int))
    chosen = [every[7], every[2]]
    gk.notice_cards(shuffled, tmp_path / "a.pdf", codes=chosen, **options)
    assert [next(t for t in page if t in every) for page in pages] == chosen


def test_a_card_says_what_a_notice_board_must(city, tmp_path, pages):
    cells, district = city.cells, city.district
    gk.notice_cards(
        cells,
        tmp_path / "cards.pdf",
        posts=city.posts,
        roster=city.roster,
        district=district,
        hotline="12345",
        issued_by="区指挥中心",
        date=dt.date(2025, 10, 31),
        review_no="鲁S（2025）001号",
    )
    bounds = gk.four_bounds(
        cells, district.streets, water=district.water, communities=district.communities
    )
    assert len(pages) == 12
    for page, code, sides in zip(pages, cells["cell_code"], bounds, strict=True):
        assert code in page
        assert sides in "".join(page)
        assert {"芝罘区网格公示牌", "四至", "角色", "姓名", "联系电话", "6.25 公顷"} <= set(page)
        assert {"监督热线 12345", "监制单位：区指挥中心", "2025年10月31日", "北"} <= set(page)
        assert {"民警", "保洁员", "机关干部", "志愿者", "建昌派出所"} <= set(page)
        assert any("鲁S（2025）001号" in text and "公开版" in text for text in page)
        assert any(re.fullmatch(r"1:[\d,]+", text) for text in page)
    assert "建昌社区" in pages[0]
    assert "毓璜顶社区 001" in pages[2]
    assert "南大街" in pages[0]


def test_people_are_masked_for_the_audience(city, tmp_path, pages):
    code = city.cells["cell_code"][:1].tolist()
    phone = city.roster["phone"].iloc[0]
    options = {"posts": city.posts, "roster": city.roster, "codes": code}
    seen = {}
    for audience in (None, "leaders", "internal"):
        del pages[:]
        chosen = {} if audience is None else {"audience": audience}
        gk.notice_cards(city.cells, tmp_path / "cards.pdf", **options, **chosen)
        seen[audience] = set(pages[0])
    assert "王**" in seen[None]
    assert not {"王建国", phone} & seen[None]
    assert {"王建国", f"{phone[:3]}****{phone[-4:]}"} <= seen["leaders"]
    assert phone not in seen["leaders"]
    assert {"王建国", phone, "内部版：未打码"} <= seen["internal"]


def test_posts_that_nobody_holds_are_vacant(city, tmp_path, pages):
    posts = city.posts.copy()
    first, second = city.cells["cell_code"][:2]
    own = (posts["area_code"] == first) & (posts["role"] == "officer")
    posts.loc[own, "person_id"] = None
    posts = posts[posts["area_code"] != second]
    gk.notice_cards(
        city.cells, tmp_path / "a.pdf", posts=posts, roster=city.roster, codes=[first, second]
    )
    assert pages[0].count("空缺") == 1
    at = pages[0].index("民警")
    assert pages[0][at + 2] == "空缺"
    assert pages[1].count("空缺") == 1
    assert "民警" not in pages[1]


def test_those_of_the_community_come_after_those_of_the_cell(city, tmp_path, pages):
    code, community = city.cells.loc[0, ["cell_code", "community_code"]]
    head = {"level": "community", "area_code": community, "role": "cadre", "person_id": "cadre-0"}
    posts = pd.concat([pd.DataFrame([head]), city.posts], ignore_index=True)
    gk.notice_cards(city.cells, tmp_path / "a.pdf", posts=posts, codes=[code])
    assert pages[0].index("机关干部（社区）") > pages[0].index("志愿者")


def test_more_people_than_the_page_holds_are_counted(city, tmp_path, pages):
    code = city.cells["cell_code"].iloc[0]
    posts = pd.DataFrame(
        {
            "level": "cell",
            "area_code": code,
            "role": "officer",
            "slot": [f"{h:02d}:00-{h + 1:02d}:00" for h in range(23)],
            "person_id": [f"P{i}" for i in range(23)],
        }
    )
    gk.notice_cards(city.cells, tmp_path / "a.pdf", posts=posts, codes=[code], audience="internal")
    shown = sum(f"P{i}" in pages[0] for i in range(23))
    assert 8 <= shown < 23
    assert f"另有 {23 - shown} 人" in pages[0]


def test_the_cell_stands_out_and_its_neighbours_have_their_numbers(city, tmp_path, pages):
    code = city.cells["cell_code"].iloc[5]
    gk.notice_cards(
        city.cells, tmp_path / "a.pdf", posts=city.posts, codes=[code], district=city.district
    )
    assert {"004", "003", "002", "006"} <= set(pages[0])


def test_no_name_lies_over_another_or_under_the_scale(city, tmp_path, monkeypatch):
    rooms = []
    keep, take = land.Names.keep, land.Names.take
    monkeypatch.setattr(
        land.Names, "take", lambda self, room: take(self, room) and not rooms.append(room)
    )
    monkeypatch.setattr(
        land.Names, "keep", lambda self, room: (keep(self, room), rooms.append(room))
    )
    code = city.cells["cell_code"].iloc[5]
    gk.notice_cards(
        city.cells, tmp_path / "a.pdf", posts=city.posts, codes=[code], district=city.district
    )
    assert len(rooms) > 5
    assert len(shapely.STRtree(rooms).query(rooms, predicate="intersects")[0]) == len(rooms)


def test_the_same_input_gives_the_same_bytes(city, tmp_path):
    options = {"posts": city.posts, "roster": city.roster, "district": city.district}
    options["codes"] = city.cells["cell_code"][:2].tolist()
    first = gk.notice_cards(city.cells, tmp_path / "a.pdf", **options).read_bytes()
    assert gk.notice_cards(city.cells, tmp_path / "b.pdf", **options).read_bytes() == first
    assert b"CreationDate" not in first


def test_hostile_and_huge_names_do_not_break_the_page(city, tmp_path, pages):
    long = "极长的名字" * 200
    cells = city.cells.assign(name=[*HOSTILE, long, "x" * 1000, "عربي" * 250, "", "a", "b", "c"])
    cells["cell_code"] = [f"{text[:40]}{i}" for i, text in enumerate(cells["name"])]
    posts = city.posts.assign(area_code=np.repeat(cells["cell_code"].to_numpy(), 4))
    posts["role"] = [*HOSTILE, long, *posts["role"][6:]]
    roster = city.roster.assign(name=long, phone=HOSTILE[0], responsible_unit=HOSTILE[3])
    streets = city.district.streets.assign(name=[long, HOSTILE[0]])
    district = gk.District(HOSTILE[1], city.district.boundary, None, streets)
    made = gk.notice_cards(
        cells,
        tmp_path / "a.pdf",
        posts=posts,
        roster=roster,
        district=district,
        hotline=long,
        issued_by=long,
        date=HOSTILE[3],
        review_no=HOSTILE[0] + long,
        title=HOSTILE[0] + long,
        audience="internal",
    )
    assert len(boxes_of(made)) == 12
    assert r"$\frac{" in pages[0]
    letters = lettering.Letters()
    for text in {text for page in pages for text in page}:
        assert letters.ems(text) * 7 * lettering.MM_PER_POINT < 185


def test_without_names_or_communities_the_code_is_the_name(tmp_path, pages):
    shapes = [shapely.box(x, 4_150_000, x + 100, 4_150_100) for x in (500_000, 500_100)]
    cells = gpd.GeoDataFrame({"cell_code": ["B1", "B2"]}, geometry=shapes, crs=4549)
    posts = pd.DataFrame({"level": [], "area_code": [], "role": []}, dtype="str")
    gk.notice_cards(cells, tmp_path / "a.pdf", posts=posts, lang="en")
    assert "Grid notice" in pages[0]
    assert "east to cell B2" in " ".join(pages[0])
    assert "vacant" in pages[0]
    gk.notice_cards(cells.iloc[:1], tmp_path / "a.pdf", posts=posts, lang="en")


def test_a_neighbour_far_larger_than_the_cell_is_kept():
    shapes = [
        shapely.box(500_000, 4_150_000, 500_004, 4_152_000),
        shapely.box(5e5 + 4, 4.15e6, 5e5 + 9, 4.1501e6),
    ]
    cells = gpd.GeoDataFrame({"cell_code": ["B1", "B2"]}, geometry=shapes, crs=4549)
    kept = notices._kept(cells.geometry.to_numpy(), np.array([1]))
    assert kept.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"size": "A0"}, OptionError, "A5, A4, A3"),
        ({"lang": "fr"}, OptionError, "zh, en"),
        ({"audience": "all"}, OptionError, "public"),
        ({"codes": ["nowhere"]}, OptionError, "nowhere"),
        ({"codes": []}, GeometryError, "no cells"),
        ({"posts": pd.DataFrame({"role": ["a"]})}, SchemaError, "area_code"),
    ],
)
def test_options_that_cannot_be_used(city, tmp_path, options, error, match):
    with pytest.raises(error, match=match):
        gk.notice_cards(city.cells, tmp_path / "a.pdf", **({"posts": city.posts} | options))
    assert not list(tmp_path.iterdir())


def test_files_and_layers_that_cannot_be_used(city, tmp_path, monkeypatch):
    options = {"posts": city.posts, "codes": city.cells["cell_code"][:1].tolist()}
    with pytest.raises(OptionError, match=r"\.pdf"):
        gk.notice_cards(city.cells, tmp_path / "a.png", **options)
    with pytest.raises(GeometryError, match="no cells"):
        gk.notice_cards(city.cells.iloc[:0], tmp_path / "a.pdf", posts=city.posts)
    empty = city.cells.copy()
    empty.loc[0, "geometry"] = shapely.Polygon()
    with pytest.raises(GeometryError, match="row"):
        gk.notice_cards(empty, tmp_path / "a.pdf", **options)
    with pytest.raises(CRSError):
        gk.notice_cards(
            city.cells.to_crs(4548), tmp_path / "a.pdf", district=city.district, **options
        )
    with pytest.raises(CRSError):
        gk.notice_cards(city.cells.to_crs(4326), tmp_path / "a.pdf", **options)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError):
        gk.notice_cards(city.cells, tmp_path / "file" / "a.pdf", **options)
    monkeypatch.setattr(lettering, "FAMILIES", ())
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", list)
    with pytest.raises(FileError, match="fonts-noto-cjk"):
        gk.notice_cards(city.cells, tmp_path / "a.pdf", **options)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_failure_while_drawing_leaves_the_old_file(city, tmp_path):
    target = tmp_path / "a.pdf"
    target.write_text("old")

    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gk.notice_cards(city.cells, target, posts=city.posts, progress=stop)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.pdf"]
