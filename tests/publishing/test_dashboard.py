"""The dashboard as data: what it says is what the tables say, and what is masked is not in it."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import gridkit as gk
from gridkit.cli import main
from gridkit.errors import CRSError, FileError, GridkitError, OptionError, SchemaError
from gridkit.evaluation.rates import counted
from gridkit.evaluation.smoothing import gamma_prior
from gridkit.publishing.dashboards import dashboard_map, publish_dashboard

ZONE = "Asia/Shanghai"


def cases_of(city, n=400, seed=0):
    """Return a year of cases in the cells of the city, more in one corner, some late."""
    rng = np.random.default_rng(seed)
    place = rng.choice(12, n, p=np.array([8, 6, 4, 2, 4, 3, 2, 1, 1, 1, 1, 1]) / 34)
    west, south, east, north = city.cells.bounds.to_numpy()[place].T
    points = gpd.points_from_xy(rng.uniform(west, east), rng.uniform(south, north))
    start = pd.Timestamp("2025-01-01", tz=ZONE)
    reported = start + pd.to_timedelta(rng.integers(0, 364 * 1440, n), unit="min").as_unit("us")
    done = reported + pd.to_timedelta(rng.integers(60, 6000, n), unit="min").as_unit("us")
    closed = pd.Series(done).where(rng.random(n) < 0.85)
    return gpd.GeoDataFrame(
        {
            "case_id": [f"C{k:04}" for k in range(n)],
            "stage": np.where(closed.notna(), "closed", "dispatched"),
            "category": rng.choice(["E0405", "E0110"], n, p=[0.7, 0.3]),
            "cell_code": city.cells["cell_code"].to_numpy()[place],
            "responsible_unit": rng.choice(["环卫所", "城管队"], n, p=[0.6, 0.4]),
            "address": [f"南大街{k}号 电话13805351234" for k in range(n)],
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
def plan(city):
    return gk.Plan(city.district, city.cells, posts=city.posts, roster=city.roster)


@pytest.fixture
def block_of(read_page):
    return lambda m: read_page(m.get_root().render()).block()


def test_the_glance_and_the_ranking_are_the_indicators(city, plan, block_of):
    cases = cases_of(city)
    doc, _ = block_of(dashboard_map(plan, cases, period="2025-07", lang="en"))
    glance = doc["dash"]["glance"]
    scores = gk.indicators(cases, by=None, period="2025-07").set_index("indicator")
    values = {card["label"]: card["value"] for card in glance["cards"]}
    assert values["Filed"] == f"{scores.loc['filed', 'numerator']:,}"
    rate = scores.loc["closing_rate"]
    assert values["Closing rate"] == gk.percent(rate["numerator"], rate["denominator"], lang="en")
    assert values["Overdue and open"] == f"{scores.loc['overdue_open', 'numerator']:,}"
    before = gk.indicators(cases, by=None, period="2025-06").set_index("indicator")
    filed = [table.loc["filed", "numerator"] for table in (before, scores)]
    change = next(card["change"] for card in glance["cards"] if card["label"] == "Filed")
    assert f"{abs(filed[1] - filed[0]) / filed[0] * 100:.2f}" in change
    units = next(t for t in glance["ranking"] if t["kind"] == "responsible_unit")
    own = gk.indicators(cases, by="responsible_unit", period="2025-07")
    own = own[own["indicator"] == "on_time_closing_rate"].set_index("subject")
    assert [row["name"] for row in units["rows"]] == own["value"].sort_values()[::-1].index.tolist()
    communities = next(t for t in glance["ranking"] if t["kind"] == "community_code")
    assert {row["name"] for row in communities["rows"]} == {"建昌社区", "毓璜顶社区"}


def test_who_owes_and_what_got_worse(city, plan, block_of):
    cases = cases_of(city)
    at = pd.Timestamp("2025-12-31", tz=ZONE)
    extra = cases.iloc[:60].assign(
        case_id=[f"X{k}" for k in range(60)], category="E0110",
        reported_at=pd.Timestamp("2025-11-15 10:00", tz=ZONE),
        filed_at=pd.Timestamp("2025-11-15 10:00", tz=ZONE),
    )  # fmt: skip
    done = ["disposed_at", "closed_at"]
    extra[done] = cases[done].iloc[:0].reindex(extra.index)
    more = pd.concat([cases, extra], ignore_index=True)
    doc, _ = block_of(dashboard_map(plan, more, period="2025-11", at=at))
    glance = doc["dash"]["glance"]
    assert glance["worse"][0]["name"] == gk.load_categories()["E0110"].zh
    assert "上期" in glance["worse"][0]["text"]
    late = more[counted(more, "overdue_open", at=at)]
    first = late["responsible_unit"].value_counts()
    days = (at - late[late["responsible_unit"] == first.index[0]]["dispose_due_at"]).max()
    assert glance["owes"][0]["name"] == first.index[0]
    assert f"{first.iloc[0]} 件" in glance["owes"][0]["text"]
    assert f"{days.total_seconds() / 86_400:.1f} 天" in glance["owes"][0]["text"]
    listed = doc["dash"]["late"]
    assert listed["n"] == len(late) == len(listed["case"])
    assert listed["case"] == late.sort_values(["dispose_due_at", "case_id"])["case_id"].tolist()
    codes = city.cells["cell_code"].tolist()
    cell = dict(zip(more["case_id"], more["cell_code"], strict=True))
    assert [codes[i] for i in listed["cell"]] == [cell[c] for c in listed["case"]]


def test_what_is_masked_is_not_in_the_page(city, plan, block_of):
    cases = cases_of(city)
    pages = {}
    for audience in ("internal", "leaders", "public"):
        doc, parts = block_of(dashboard_map(plan, cases, audience=audience))
        pages[audience] = (str(doc), b"".join(parts))
    assert "13805351234" in pages["internal"][0]
    assert "13805351234" not in pages["leaders"][0]
    assert "138****1234" in pages["leaders"][0]
    assert "王建国" in pages["leaders"][0]
    for secret in ("王建国", "13805351234", "南大街1", "C00"):
        assert secret not in pages["public"][0]
    assert "不足 5 件的不列出" in pages["public"][0]
    doc, _ = block_of(dashboard_map(plan, cases, audience="public"))
    assert doc["dash"]["late"] is None
    assert doc["dash"]["categories"] == []
    for table in doc["dash"]["glance"]["ranking"]:
        for row in table["rows"]:
            counts = [c for c in row["cells"] if c.isdigit()]
            assert all(int(c) == 0 or int(c) >= 5 for c in counts)


def test_rates_in_the_page_have_the_prior_of_the_whole(city, plan, block_of):
    cases = cases_of(city)
    doc, _ = block_of(dashboard_map(plan, cases))
    counts = cases["cell_code"].value_counts().reindex(city.cells["cell_code"], fill_value=0)
    shape, _ = gamma_prior(counts.to_numpy(float), city.cells["load"].to_numpy(float))
    assert doc["dash"]["prior"] == pytest.approx(shape)
    assert [view["measure"] for view in doc["views"][:4]] == [
        "per_km2", "per_km2", "rate", "change",
    ]  # fmt: skip
    assert doc["views"][4]["label"] == "冷热点"


def test_four_bounds_streets_and_addresses_can_be_found(city, block_of):
    district = city.district
    homes = district.buildings.assign(address=[f"南大街{k}号" for k in range(18)])
    whole = gk.District(
        district.name, district.boundary, district.communities, district.streets,
        district.water, homes,
    )  # fmt: skip
    doc, parts = block_of(dashboard_map(gk.Plan(whole, city.cells), cases_of(city)))
    sides = doc["dash"]["bounds"]
    words = [[s["words"][k] for k in parts[s["part"]]] for s in sides]
    told = gk.four_bounds(
        city.cells, district.streets, water=district.water, communities=district.communities
    )
    for i in (0, 5, 11):
        east, south, west, north = (side[i] for side in words)
        assert told.iloc[i] == f"东至{east}，南至{south}，西至{west}，北至{north}"
    assert doc["base"]["places"]["names"]["words"] == sorted(homes["address"])


def test_a_ledger_gives_the_same_page_as_its_cases(city, plan, tmp_path):
    reports = city.located.dropna(subset="cell_code").assign(feed="t", category="E0405")
    with gk.Ledger(tmp_path / "c.gpkg", crs=city.cells.crs) as ledger:
        ledger.file(reports.head(40))
        one = dashboard_map(plan, ledger).get_root().render()
        other = dashboard_map(plan, ledger.cases()).get_root().render()
    assert one == other


def test_the_same_input_gives_the_same_bytes_and_nothing_given_is_changed(city, plan, tmp_path):
    cases = cases_of(city)
    copies = [t.copy() for t in (cases, city.cells, city.posts, city.roster)]
    paths = [publish_dashboard(plan, cases, tmp_path / f"{k}.html") for k in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    shuffled = cases.sample(frac=1, random_state=1)
    again = publish_dashboard(plan, shuffled, tmp_path / "2.html")
    assert again.read_bytes() == paths[0].read_bytes()
    for old, new in zip(copies, (cases, city.cells, city.posts, city.roster), strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(old), pd.DataFrame(new))


def test_empty_tables_one_cell_and_missing_people_give_a_page(city, block_of):
    cases = cases_of(city)
    plain = city.cells[["cell_code", "geometry"]]
    bare = gk.Plan(gk.district_of(plain, name="区"), plain)
    doc, _ = block_of(dashboard_map(bare, cases.iloc[:0]))
    assert doc["head"][0] == "无案件"
    assert doc["dash"]["events"]["n"] == 0
    assert doc["dash"]["glance"]["worse"] == []
    one = gk.Plan(gk.district_of(plain.iloc[[3]], name="区"), plain.iloc[[3]])
    doc, _ = block_of(dashboard_map(one, cases.iloc[:3]))
    assert doc["dash"]["events"]["n"] == 3
    without = cases[["case_id", "stage", "geometry"]]
    doc, _ = block_of(dashboard_map(bare, without))
    assert doc["dash"]["spans"]["labels"] == [""]
    assert doc["dash"]["events"]["n"] == len(cases)


def test_voided_later_and_earlier_cases(city, plan, block_of):
    cases = cases_of(city).assign(voided=False)
    cases.loc[:9, "voided"] = True
    at = pd.Timestamp("2025-07-01", tz=ZONE)
    doc, _ = block_of(dashboard_map(plan, cases, at=at))
    there = cases[~cases["voided"] & (cases["reported_at"] <= at)]
    assert doc["dash"]["events"]["n"] == len(there)
    assert doc["dash"]["spans"]["step"] == "W"
    assert doc["dash"]["glance"]["period"].endswith("2025-W26")


def test_what_cannot_be_used_is_refused(city, plan, tmp_path):
    cases = cases_of(city)
    with pytest.raises(CRSError):
        dashboard_map(plan, cases.to_crs(4326))
    with pytest.raises(OptionError, match="audience"):
        dashboard_map(plan, cases, audience="press")
    with pytest.raises(OptionError, match="50"):
        dashboard_map(plan, cases, bandwidth_m=20)
    with pytest.raises(OptionError):
        dashboard_map(plan, cases, period="nonsense")
    with pytest.raises(SchemaError):
        dashboard_map(plan, cases.drop(columns="case_id"))
    with pytest.raises(GridkitError):
        dashboard_map(plan, cases, tz="Mars")
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(FileError):
        publish_dashboard(plan, cases, tmp_path / "file" / "a.html")


def test_huge_names_hostile_words_and_no_place_at_all(city, block_of):
    words = ["{{7*7}}</script><img src=x onerror=1>", "名" * 4000, "\u202eאבג😀", ""]
    cases = cases_of(city, n=40)
    cases["category"] = [words[k % 4] for k in range(40)]
    cases["responsible_unit"] = cases["category"]
    cases["address"] = cases["category"]
    cases["geometry"] = shapely.Point()
    plan = gk.Plan(city.district, city.cells)
    doc, _ = block_of(dashboard_map(plan, cases, title=words[0]))
    assert doc["title"] == words[0]
    assert set(doc["dash"]["categories"]) >= {words[0], words[1], words[2]}


def test_the_commands_write_the_page_and_the_cards(city, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    plan = gk.Plan(city.district, city.cells, posts=city.posts, roster=city.roster)
    plan.save(tmp_path / "plan.gpkg")
    reports = city.located.dropna(subset="cell_code").assign(feed="t", category="E0405")
    with gk.Ledger(tmp_path / "cases.gpkg", crs=city.cells.crs) as ledger:
        ledger.file(reports.head(40))
    given = [str(tmp_path / name) for name in ("plan.gpkg", "cases.gpkg")]
    out = tmp_path / "page.html"
    assert main(["--lang", "en", "dashboard", *given, "--title", "One map", "--out", str(out)]) == 0
    assert "<title>One map</title>" in out.read_text("utf-8")
    assert str(out) in capsys.readouterr().out
    assert main(["dashboard", given[0], str(tmp_path / "none.gpkg"), "--out", str(out)]) == 2
    code = city.cells["cell_code"].iloc[4]
    cards = tmp_path / "cards.pdf"
    asked = ["--lang", "en", "cards", given[0], "--cells", code, "--hotline", "12345"]
    assert main([*asked, "--out", str(cards)]) == 0
    assert cards.read_bytes().startswith(b"%PDF")
    assert "1 / 1" in capsys.readouterr().err


def test_one_withheld_rank_takes_a_second_with_it(city, plan, block_of):
    cases = cases_of(city, n=60)
    moment = pd.Timestamp("2025-11-05 09:00", tz=ZONE)
    cases = cases.assign(
        responsible_unit=np.repeat(["甲", "乙", "丙"], [3, 17, 40]),
        **dict.fromkeys(("reported_at", "filed_at"), moment),
    )
    done = ["disposed_at", "closed_at"]
    cases[done] = cases[done].iloc[:0].reindex(cases.index)
    at = pd.Timestamp("2025-11-30", tz=ZONE)
    seen = {}
    for audience in ("leaders", "public"):
        m = dashboard_map(plan, cases, period="2025-11", at=at, audience=audience)
        units = block_of(m)[0]["dash"]["glance"]["ranking"][0]
        assert units["kind"] == "responsible_unit"
        seen[audience] = {row["name"]: row["cells"][0] for row in units["rows"]}
    assert seen["leaders"] == {"甲": "3", "乙": "17", "丙": "40"}
    assert seen["public"] == {"甲": "< 5", "乙": "–", "丙": "40"}
