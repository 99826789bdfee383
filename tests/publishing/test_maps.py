import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridkit.errors import CRSError, GeometryError, OptionError, SchemaError
from gridkit.evaluation.clusters import hotspots
from gridkit.evaluation.heat import density
from gridkit.evaluation.rates import INDICATORS, indicators
from gridkit.publishing.heat_maps import heat_map
from gridkit.publishing.hotspot_maps import hotspot_map
from gridkit.publishing.maps import cell_map

HOSTILE = [
    "<img src=x onerror=window.hit=1>",
    "</script><script>window.hit=1</script>",
    "{{7*7}}{% set a=1 %}",
    "`${window.hit=1}`",
    "'\"-->]]>&lt;b&gt;",
    "\u202e\u2066改名\U0001f600",
]


@pytest.fixture
def block_of(read_page):
    def read(m):
        return read_page(m.get_root().render()).block()

    return read


def test_the_cells_of_the_page_are_the_cells_given(city, block_of):
    doc, _ = block_of(cell_map(city.cells, district=city.district))
    (areas,) = doc["areas"]
    assert areas["codes"] == city.cells["cell_code"].tolist()
    assert areas["communities"][:3] == ["建昌社区", "建昌社区", "毓璜顶社区"]
    assert areas["hectares"] == pytest.approx([6.25] * 12, rel=0.01)
    assert areas["load"] == [20 + 35 * i for i in range(12)]
    (view,) = doc["views"]
    assert view["values"] == areas["load"]
    assert view["label"] == "工作量"
    assert len(view["colours"]) == len(view["breaks"]) + 1 == len(set(view["index"]))


def words_of(column, parts):
    """Return a column of texts; written for a handful of different ones."""
    assert len(column["words"]) <= 256
    return [column["words"][k] for k in parts[column["part"]]]


def test_a_value_may_be_a_column_or_a_series_by_code(city, block_of):
    cells = city.cells.assign(area_m2=np.arange(12) + 0.5)
    view = block_of(cell_map(cells, value="area_m2"))[0]["views"][0]
    assert view["label"] == "面积（平方米）"
    assert view["values"] == [i + 0.5 for i in range(12)]
    code = cells["cell_code"].iloc[3]
    view = block_of(cell_map(cells, value=pd.Series({code: 8.0}, name="满意度")))[0]["views"][0]
    assert view["label"] == "满意度"
    assert view["values"] == [None, None, None, 8, *[None] * 8]
    assert view["index"].count(-1) == 11


def test_cells_without_load_are_grey(city, block_of):
    view = block_of(cell_map(city.cells.drop(columns="load")))[0]["views"][0]
    assert set(view["index"]) == {-1}
    assert view["colours"] == []


def test_people_are_masked_before_they_are_packed(city, block_of):
    people = {"posts": city.posts, "roster": city.roster}
    shown = {
        audience: str(block_of(cell_map(city.cells, audience=audience, **people)))
        for audience in ("internal", "leaders", "public")
    }
    phone = city.roster["phone"].iloc[0]
    assert phone in shown["internal"]
    assert phone not in shown["leaders"]
    assert f"{phone[:3]}****{phone[-4:]}" in shown["leaders"]
    assert "王建国" in shown["leaders"]
    assert "王建国" not in shown["public"]
    assert "王**" in shown["public"]
    assert phone not in shown["public"]
    assert "电话已打码" in shown["leaders"]
    assert "电话已打码" not in shown["internal"]


def test_each_cell_has_its_people_by_role_and_vacancies_are_seen(city, block_of):
    posts = city.posts.copy()
    posts.loc[5, "person_id"] = None
    doc, parts = block_of(cell_map(city.cells, posts=posts, roster=city.roster))
    people = doc["areas"][0]["people"]
    assert people["counts"] == [4] * 12
    role, name, phone, unit = (
        words_of(people[c], parts) for c in ("role", "name", "phone", "responsible_unit")
    )
    assert role[4:8] == ["民警", "保洁员", "机关干部", "志愿者"]
    assert name[4:8].count("") == 1
    assert [name[0], phone[0], unit[0]] == ["王建国", "138****0000", "建昌派出所"]


def test_people_of_other_areas_are_left_out_and_order_does_not_matter(city, block_of):
    codes = city.cells["cell_code"]
    rows = [(codes[3], "cleaner", "b"), ("elsewhere", "cleaner", "x"), (codes[0], "officer", "a")]
    posts = pd.DataFrame(rows, columns=["area_code", "role", "person_id"]).assign(level="cell")
    doc, parts = block_of(cell_map(city.cells, posts=posts, audience="internal"))
    people = doc["areas"][0]["people"]
    assert people["counts"] == [1, 0, 0, 1, *[0] * 8]
    assert words_of(people["name"], parts) == ["a", "b"]
    assert words_of(people["phone"], parts) == ["", ""]


def test_without_a_roster_the_ids_stand_in(city, block_of):
    doc, parts = block_of(cell_map(city.cells, posts=city.posts, audience="internal"))
    assert words_of(doc["areas"][0]["people"]["name"], parts)[0] == "officer-0"


def test_cells_are_coloured_by_density_never_by_counts(city, block_of):
    doc, _ = block_of(heat_map(city.located, city.cells, district=city.district))
    heat, cells = doc["views"]
    counts = city.located["cell_code"].value_counts()
    area = np.array(doc["areas"][0]["hectares"]) / 100
    wanted = [counts.get(code, 0) for code in city.cells["cell_code"]] / area
    assert cells["values"] == pytest.approx(wanted, rel=0.001)
    assert heat["values"] == cells["values"]
    assert cells["breaks"] == heat["stops"][1:-1]
    assert heat["unit"] == "每平方公里上报数"


def test_the_heat_picture_covers_the_area_and_peaks_with_the_density(city, block_of):
    doc, parts = block_of(heat_map(city.located, city.cells, district=city.district))
    image = doc["views"][0]["image"]
    pixels = np.frombuffer(parts[image["part"]], np.uint8)
    assert len(pixels) == image["width"] * image["height"]
    assert pixels.max() > 245
    west, south, east, north = city.cells.to_crs(3857).total_bounds
    assert image["bounds"][0] <= west + 1
    assert image["bounds"][1] <= south + 1
    assert image["bounds"][2] >= east - 1
    assert image["bounds"][3] >= north - 1


def test_a_ready_density_and_a_bandwidth_are_printed(city, block_of):
    shown = city.located[city.located["cell_code"].notna()]
    ready = density(shown, within=city.district.boundary, bandwidth_m=90)
    foot = " ".join(block_of(heat_map(city.located, city.cells, density=ready))[0]["foot"])
    assert "90" in foot
    assert str(len(shown)) in foot
    foot = " ".join(block_of(heat_map(city.located, city.cells, bandwidth_m=120))[0]["foot"])
    assert "120" in foot
    with pytest.raises(OptionError, match="bandwidth_m"):
        heat_map(city.located, city.cells, density=ready, bandwidth_m=90)


def test_head_and_foot_say_what_is_shown(city, block_of):
    m = heat_map(
        city.located, city.cells, district=city.district, title="三月", review_no="鲁S(2025)001号"
    )
    doc, _ = block_of(m)
    n = int(city.located["cell_code"].notna().sum())
    assert doc["title"] == "三月"
    assert any("2025-03-01 – 2025-03-30" in line for line in doc["head"])
    assert any(f"{n}" in line for line in doc["head"])
    assert "审图号：鲁S(2025)001号" in doc["foot"]
    assert doc["summary"] == [
        ["收到上报", "300"], ["格内", str(n)], ["区外", str(300 - n)],
    ]  # fmt: skip
    assert "审图号" not in " ".join(block_of(cell_map(city.cells))[0]["foot"])


def test_the_text_of_reports_is_not_in_the_page(city, block_of):
    assert "报告原文不上图" not in str(block_of(heat_map(city.located, city.cells)))


def test_figures_of_the_newest_period_go_with_each_cell(city, block_of):
    code = city.cells["cell_code"].iloc[0]
    rows = [("2025-02", "filed", 9, None, 9.0), ("2025-03", "filed", 4, None, 4.0),
            ("2025-03", "closing_rate", 1, 3, 1 / 3)]  # fmt: skip
    columns = ["period", "indicator", "numerator", "denominator", "value"]
    scores = pd.DataFrame(rows, columns=columns).assign(subject_kind="cell_code", subject=code)
    figures = block_of(cell_map(city.cells, scores=scores))[0]["areas"][0]["figures"]
    labels = {i.name: i.zh for i in INDICATORS}
    assert figures[labels["filed"]][:2] == ["4", "无数据"]
    assert figures[labels["closing_rate"]][:2] == ["33.3%", "无数据"]


def test_hostile_names_are_only_in_the_packed_data(city, block_of, read_page):
    cells = city.cells.assign(name=(HOSTILE * 2)[:12])
    roster = city.roster.assign(name=(HOSTILE * 3)[: len(city.roster)])
    m = cell_map(cells, district=type(city)(HOSTILE[1]).district, posts=city.posts, roster=roster)
    text = m.get_root().render()
    doc, _ = block_of(m)
    assert doc["areas"][0]["names"] == (HOSTILE * 2)[:12]
    assert HOSTILE[2] in str(doc["areas"][0]["people"])
    assert "window.hit" not in text.replace("&lt;script&gt;window.hit=1&lt;/script&gt;", "")
    assert "49" not in str(doc["areas"][0]["names"])
    assert not any("onerror" in attrs for _, attrs in read_page(text).tags)


def test_one_map_can_be_laid_on_another(city, block_of):
    m = heat_map(city.located, city.cells, district=city.district)
    alone = len(m.get_root().render())
    same = cell_map(city.cells, district=city.district, posts=city.posts, m=m)
    assert same is m
    doc, _ = block_of(m)
    assert [view["label"] for view in doc["views"]] == ["热力", "每平方公里上报数", "工作量"]
    assert len(doc["areas"]) == 1
    assert doc["areas"][0]["people"] is not None
    assert "上报数" in doc["areas"][0]["figures"]
    assert len(m.get_root().render()) < alone * 1.05
    other = city.cells.iloc[:2].assign(cell_code=["a", "b"])
    assert len(block_of(cell_map(other, m=m))[0]["areas"]) == 2


def test_nothing_given_is_changed(city):
    before = city.located.copy(), city.cells.copy(), city.posts.copy(), city.roster.copy()
    heat_map(city.located, city.cells, district=city.district, posts=city.posts, roster=city.roster)
    after = city.located, city.cells, city.posts, city.roster
    for old, new in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(old), pd.DataFrame(new))


def test_one_cell_no_reports_and_cells_without_reports_still_give_a_map(city, block_of):
    one = city.cells.iloc[[5]]
    assert block_of(heat_map(city.located.iloc[:0], one))[0]["views"][0]["colours"] == []
    doc, _ = block_of(heat_map(city.located.iloc[:0], city.cells, district=city.district))
    assert "image" not in doc["views"][0]
    assert set(doc["views"][1]["index"]) == {-1}
    few = city.located[city.located["cell_code"] == one["cell_code"].iloc[0]]
    doc, _ = block_of(heat_map(few, city.cells))
    assert doc["views"][1]["values"].count(0) == 11


def test_reports_without_a_place_are_counted_but_not_drawn(city, block_of):
    located = city.located.copy()
    located.loc[:9, "geometry"] = shapely.Point()
    located.loc[10:14, "geometry"] = None
    doc, _ = block_of(heat_map(located, city.cells))
    drawn = located["cell_code"].notna() & ~located.is_empty & (np.arange(300) > 14)
    assert any(f" {drawn.sum()} " in line for line in doc["head"])


def test_bad_input_is_named(city):
    with pytest.raises(GeometryError, match="at least one"):
        cell_map(city.cells.iloc[:0])
    with pytest.raises(CRSError):
        cell_map(city.cells.to_crs(4326))
    with pytest.raises(CRSError):
        heat_map(city.located.to_crs(4547), city.cells)
    with pytest.raises(CRSError):
        cell_map(city.cells.to_crs(4547), district=city.district)
    with pytest.raises(SchemaError, match="population"):
        cell_map(city.cells, value="population")
    with pytest.raises(SchemaError, match="社区编码"):
        cell_map(city.cells, value="community_code")
    with pytest.raises(SchemaError, match="cell_code"):
        cell_map(city.cells.drop(columns="cell_code"))
    with pytest.raises(OptionError, match="everyone"):
        cell_map(city.cells, audience="everyone")
    with pytest.raises(OptionError, match="fr"):
        cell_map(city.cells, lang="fr")


def test_a_district_with_only_a_border_is_enough(city, block_of):
    district = type(city.district)("界", city.district.boundary)
    doc, _ = block_of(heat_map(city.located, city.cells, district=district))
    assert set(doc["base"]) == {"border"}


def test_streets_without_class_or_name_are_drawn_as_residential(city, block_of):
    whole = city.district
    streets = gpd.GeoDataFrame(geometry=whole.streets.geometry)
    district = type(whole)("界", whole.boundary, streets=streets)
    (layer,) = block_of(cell_map(city.cells, district=district))[0]["base"]["streets"]
    assert layer["kind"] == "residential"
    assert layer["names"] == ["", ""]


def test_heat_by_time_and_category_has_one_scale(city, block_of):
    located = city.located.assign(category=["E0405", "E0110"] * 150)
    doc, parts = block_of(heat_map(located, city.cells, by="category", lang="en"))
    names = [view["label"] for view in doc["views"]]
    assert names[0] == "Heat"
    assert len(names) == 4
    assert names[1].startswith("Heat · ")
    assert doc["views"][1]["stops"] == doc["views"][2]["stops"]
    assert len({parts[view["image"]["part"]] for view in doc["views"][:3]}) == 3
    days = block_of(heat_map(located, city.cells, by="weekday"))[0]["views"]
    assert [view["label"] for view in days[1:8]] == [f"热力 · 周{d}" for d in "一二三四五六日"]
    slots = block_of(heat_map(located, city.cells, by="slot"))[0]["views"]
    assert [view["label"] for view in slots] == ["热力", "热力 · 夜间", "每平方公里上报数"]


def test_heat_per_household_divides_by_those_around(city, block_of):
    doc, _ = block_of(heat_map(city.located, city.cells, district=city.district, per="households"))
    assert "每百户" in doc["views"][0]["unit"]
    assert any("每百户核密度" in line for line in doc["foot"])
    heat, cells = doc["views"]
    assert cells["breaks"] == heat["stops"][1:-1]  # the rims on the heat are read by its legend
    figures = cells["values"]
    lived = [i for i in range(12) if i < 4]  # all houses stand in the southern row
    assert all(figures[i] is not None for i in lived)
    assert all(figures[i] is None for i in range(4, 12))
    with pytest.raises(SchemaError, match="households"):
        heat_map(city.located, city.cells, per="households")
    with pytest.raises(OptionError, match="per"):
        heat_map(city.located, city.cells, per="shops")
    ready = density(city.located.geometry)
    for more in ({"by": "slot"}, {"per": "households"}, {"bandwidth_m": 99}):
        with pytest.raises(OptionError):
            heat_map(city.located, city.cells, district=city.district, density=ready, **more)


def test_the_public_sees_no_small_counts_and_no_points(city, block_of):
    counts = city.located["cell_code"].value_counts().reindex(city.cells["cell_code"], fill_value=0)
    few = ((counts > 0) & (counts < 5)).to_numpy()
    assert few.any()
    doc, _ = block_of(heat_map(city.located, city.cells, audience="public"))
    shown = doc["areas"][0]["figures"]["上报数"]
    for hidden, n, told, value in zip(few, counts, shown, doc["views"][-1]["values"], strict=True):
        assert told == ("< 5" if hidden else f"{n}")
        assert (value is None) == hidden
    assert f"不足 5 件的网格不列出，共 {counts[few].sum()} 件" in doc["foot"]
    ways = city.located["located_by"].to_numpy()
    assert [0 < (ways == way).sum() < 5 for way in ("inside", "outside")] == [False, True]
    assert dict(doc["summary"]) == {"收到上报": "300", "格内": "–", "区外": "< 5"}
    filed = city.located.assign(
        case_id=city.located["report_id"], stage="filed", filed_at=city.located["reported_at"]
    )
    scores = indicators(filed, by="cell_code")
    doc, _ = block_of(cell_map(city.cells, scores=scores, audience="public"))
    for hidden, n, told in zip(few, counts, doc["areas"][0]["figures"]["立案数"], strict=True):
        assert told == ("< 5" if hidden else f"{n}" if n else "无数据")
    found = hotspots(city.cells, pd.Series(np.arange(12.0)))
    doc, _ = block_of(hotspot_map(found, audience="public", lang="en"))
    assert list(doc["areas"][0]["figures"]) == ["p, two-sided", "q"]
    assert doc["views"][0]["values"] == []


def test_the_public_sees_no_small_parts_of_cells(city, block_of):
    kinds = ["E0405"] * 12 + ["E0110"] * 6 + ["E0204"] * 3  # the smallest, and one that would tell
    many, few = ["E0405"] * 20 + ["E0110"] * 10, [*kinds, "E0301", "E0301"]
    codes = city.cells["cell_code"].tolist()
    cell = [codes[0]] * len(kinds) + [codes[5]] * len(many) + [codes[6]] * len(few)
    made = city.located.iloc[: len(cell)].assign(cell_code=cell, category=kinds + many + few)
    hidden = (made["category"].isin(["E0204", "E0301"])) | (
        (made["cell_code"] == codes[0]) & (made["category"] == "E0110")
    )
    doc, parts = block_of(heat_map(made, city.cells, by="category", audience="public"))
    known, others = block_of(heat_map(made[~hidden], city.cells, by="category", audience="public"))
    assert len(doc["views"]) == len(known["views"]) == 4
    for k in (1, 2):
        one, other = (
            page[1][page[0]["views"][k]["image"]["part"]]
            for page in ((doc, parts), (known, others))
        )
        assert doc["views"][k]["label"] == known["views"][k]["label"]
        assert one == other
    assert "分项热力中，网格内某项不足 5 件的不列入，共 14 件" in doc["foot"]
    doc, _ = block_of(heat_map(made, city.cells, by="category"))
    assert len(doc["views"]) == 6
    with pytest.raises(OptionError, match="density="):
        heat_map(made, city.cells, density=density(made.geometry), audience="public")


def test_one_withheld_cell_takes_a_second_with_it(city, block_of):
    codes = city.cells["cell_code"]
    rows = np.repeat(np.arange(4), [3, 6, 9, 30])
    made = city.located.iloc[: len(rows)].assign(cell_code=codes.to_numpy()[rows])
    doc, _ = block_of(heat_map(made, city.cells, audience="public"))
    assert doc["areas"][0]["figures"]["上报数"][:5] == ["< 5", "–", "9", "30", "0"]
    assert doc["views"][-1]["values"][:2] == [None, None]
    assert "不足 5 件的网格不列出，共 9 件" in doc["foot"]
    doc, _ = block_of(heat_map(made, city.cells))
    assert doc["areas"][0]["figures"]["上报数"][:2] == ["3", "6"]
