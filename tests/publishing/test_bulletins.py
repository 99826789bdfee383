"""The bulletin: its figures against loops over rows, its safety, its sameness."""

import base64
import hashlib
import re
from collections import Counter
from html.parser import HTMLParser

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridkit.errors import FileError, OptionError, SchemaError
from gridkit.evaluation.periods import Period
from gridkit.evaluation.rates import INDICATORS
from gridkit.intake.district import District
from gridkit.publishing.bulletins import Bulletin, bulletin
from gridkit.publishing.markup import grid, tag

TZ = "Asia/Shanghai"
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></table><svg/onload=alert(1)>",
    "\"'><b onmouseover='alert(1)'>",
    "</title><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{7*7}}{% raw %}`${1}`",
    "&lt;b&gt; &amp;amp; &#60;i&#62;",
    "]]><!--<style>*{display:none}</style>",
    "\u202eevil\u202c 👮🏽‍♀️ ﷽",
]

# Cases whose times are in no order at all are told as such, and counted.
pytestmark = pytest.mark.filterwarnings("ignore:.*step before an earlier one")


class Page(HTMLParser):
    """Everything a browser would see: tags, attributes, tables as text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.tables, self.texts = Counter(), [], [], []
        self.stack = []
        self.feed(html)

    def handle_starttag(self, name, attributes):
        self.tags[name] += 1
        self.attributes += attributes
        if name not in ("meta", "rect", "line"):
            self.stack.append(name)
        if name == "table":
            self.tables.append([])
        elif name == "tr":
            self.tables[-1].append([])
        elif name in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, name, attributes):
        self.handle_starttag(name, attributes)

    def handle_endtag(self, name):
        assert self.stack.pop() == name  # well nested

    def handle_data(self, data):
        self.texts.append(data)
        if self.stack and self.stack[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data

    def table(self, head):
        """Rows by first cell of the table whose first header is `head`."""
        found = next(t for t in self.tables if t[0][0] == head)
        return found[0], {row[0]: row for row in found[1:]}


def times(rng, n, start="2025-09-01", days=60, share=0.85):
    moments = pd.Timestamp(start, tz=TZ) + pd.to_timedelta(rng.integers(0, days * 24, n), unit="h")
    return pd.Series(moments).where(rng.random(n) < share)


def make_cases(n=400, seed=0):
    rng = np.random.default_rng(seed)
    names = ("accepted_at", "filed_at", "dispatched_at", "dispose_due_at", "disposed_at")
    table = {
        "case_id": [f"CASE{i:04d}" for i in range(n)],
        "stage": "filed",
        "category": rng.choice(["E0405", "E0110", "C0101", "X9"], n, p=[0.5, 0.3, 0.1, 0.1]),
        "source": rng.choice(["采集员", "热线"], n),
        "responsible_unit": pd.Series(rng.choice(["甲", "乙", "丙"], n)).where(rng.random(n) < 0.9),
        "street_code": rng.choice(["370602001", "370602002"], n),
        "community_code": "370602001001",
        "cell_code": "370602001001001",
        "address": "解放路1号",
        "reported_at": times(rng, n, share=1.0),
        **{name: times(rng, n) for name in names},
        "close_due_at": times(rng, n),
        "closed_at": times(rng, n),
        "rework_n": rng.integers(0, 2, n),
    }
    return pd.DataFrame(table)


def within(series, period):
    return [bool(t is not pd.NaT and period.start <= t < period.end) for t in series]


def test_units_are_as_counted_by_hand():
    cases, october = make_cases(), Period.parse("2025-10")
    head, rows = Page(bulletin(cases, period="2025-10").html).table("责任单位")
    unit = cases["responsible_unit"].fillna("未注明")
    for name in ("甲", "乙", "丙", "未注明"):
        mine = cases[unit == name]
        due = mine[within(mine["close_due_at"], october)]
        closed = sum(1 for t in due["closed_at"] if t is not pd.NaT and t <= october.end)
        row = dict(zip(head, rows[name], strict=True))
        assert row["立案数"] == str(sum(within(mine["filed_at"], october)))
        assert row["应结案数"] == str(len(due))
        assert row["结案数"] == str(closed)
        assert row["结案率"] == f"{100 * closed / len(due):.2f}%"
        assert row["返工数"] == str(int(due["rework_n"].sum()))
    columns = [i for i, name in enumerate(head) if name.endswith("数")]
    for i in columns:
        parts = sum(int(row[i].replace(",", "")) for key, row in rows.items() if key != "合计")
        assert parts == int(rows["合计"][i].replace(",", ""))


def test_totals_show_numerator_denominator_and_change():
    cases = make_cases()
    _, rows = Page(bulletin(cases, period="2025-10").html).table("指标")
    months = [Period.parse(m) for m in ("2025-10", "2025-09")]
    shares = []
    for month in months:
        due = cases[within(cases["close_due_at"], month)]
        shares.append(
            (sum(1 for t in due["closed_at"] if t is not pd.NaT and t <= month.end), len(due))
        )
    (now, all_now), (old, all_old) = shares
    rates = [round(100 * now / all_now, 2), round(100 * old / all_old, 2)]
    row = rows["结案率"]
    assert row[1] == f"{rates[0]:.2f}%"
    assert row[2] == f"{now} / {all_now}"
    assert row[3] == f"{rates[1]:.2f}%"
    assert row[4].endswith("个百分点")
    assert float(re.search(r"[\d.]+", row[4])[0]) == pytest.approx(abs(rates[0] - rates[1]))
    assert row[4].startswith("上升" if rates[0] > rates[1] else "下降")
    first = sum(within(cases["reported_at"], months[0]))
    assert rows["上报数"][1] == str(first)
    assert rows["上报数"][4].endswith("%")


def test_sources_and_classes_are_shares_of_the_whole():
    cases, october = make_cases(), Period.parse("2025-10")
    mine = cases[within(cases["reported_at"], october)]
    page = Page(bulletin(cases, period=october).html)
    for head, column in (("来源", "source"), ("问题类别", "category")):
        _, rows = page.table(head)
        for value, n in Counter(mine[column]).items():
            row = next(r for key, r in rows.items() if key.startswith(value))
            assert row[1:3] == [str(n), f"{100 * n / len(mine):.2f}%"]
    assert "E0405 店外经营" in page.table("问题类别")[1]
    assert "X9" in page.table("问题类别")[1]  # not in the standard's table: as it is


def test_the_ten_most_frequent_and_the_rest():
    n = 78
    cases = make_cases(n).assign(
        category=np.repeat([f"K{i:02d}" for i in range(12)], range(1, 13)),
        reported_at=pd.Timestamp("2025-10-05", tz=TZ),
    )
    _, rows = Page(bulletin(cases, period="2025-10").html).table("问题类别")
    assert list(rows) == [f"K{i:02d}" for i in range(11, 1, -1)] + ["其他 2 类", "合计"]
    assert rows["其他 2 类"][1] == "3"


def test_the_overdue_list_is_the_longest_twenty_by_unit():
    cases = make_cases(1500)
    page = Page(bulletin(cases, period="2025-10").html)
    table = page.tables[-1]
    assert len(table) == 21
    end = pd.Timestamp("2025-11-01", tz=TZ)
    late = cases[
        (cases["dispose_due_at"] < end)
        & ~(cases["disposed_at"] <= end)
        & ~(cases["closed_at"] <= end)
    ]
    worst = late.sort_values(["dispose_due_at", "case_id"]).head(20)
    assert {row[1] for row in table[1:]} == set(worst["case_id"])
    assert len(late) > 20
    units = [row[0] for row in table[1:]]
    assert len(set(units)) == sum(a != b for a, b in zip([None, *units], units, strict=False))
    row = table[1]
    due = cases.set_index("case_id").loc[row[1], "dispose_due_at"]
    assert row[4] == f"{due:%Y-%m-%d %H:%M}"
    assert float(row[5]) == pytest.approx((end - due) / pd.Timedelta("1D"), abs=0.051)


def test_the_public_edition_names_no_case():
    cases = make_cases()
    page = bulletin(cases, period="2025-10", audience="public").html
    assert not re.search(r"CASE\d{4}", page)
    assert "解放路" not in page
    assert "不公开" in page
    assert re.search(r"CASE\d{4}", bulletin(cases, period="2025-10", audience="internal").html)


def test_phones_in_addresses_are_masked_but_for_internal_use():
    cases = make_cases().assign(address="解放路12号 电话１３８12341234，0535-6212345")
    shown = {a: bulletin(cases, period="2025-10", audience=a).html for a in ("leaders", "internal")}
    assert "解放路12号 电话138****1234" in shown["leaders"]
    assert "6212345" not in shown["leaders"]
    assert "0535-6212345" in shown["internal"]
    coded = make_cases().assign(address=None)
    assert "370602001001001" in bulletin(coded, period="2025-10").html  # a cell is no phone


def test_the_chart_shows_every_case_once():
    cases = make_cases()
    october = Period.parse("2025-10")
    for period, bars in (("2025-10", 31), ("2025-W41", 7), ("2025-Q4", 14), ("2025", 12)):
        html = bulletin(cases, period=period).html
        chart = html[html.index('<svg viewBox="0 0 720') :]
        chart = chart[: chart.index("</svg>")]
        tall = [float(t) for t in re.findall(r'height="([\d.]+)" class="bar"', chart)]
        assert len(tall) == bars
    html = bulletin(cases, period=october).html
    chart = html[html.index('<svg viewBox="0 0 720') :]
    texts = re.findall(r">(\d+)</text>", chart[: chart.index("</svg>")])
    per_day = Counter(t.day for t in cases["reported_at"][within(cases["reported_at"], october)])
    assert texts[1::2] == [f"{day:02d}" for day in range(1, 32)]
    assert [int(t) for t in texts[::2]] == [per_day[day] for day in range(1, 32)]


def hostile_cases():
    n = len(HOSTILE)
    text = pd.Series(HOSTILE)
    moment = pd.Series(pd.date_range("2025-10-02", periods=n, tz=TZ, freq="h"))
    columns = (
        "case_id", "report_id", "feed", "cell_code", "duty_code", "community_code", "street_code",
        "kind", "category", "source", "stage", "first_receiver", "responsible_unit", "handler_id",
        "address", "text",
    )  # fmt: skip
    return pd.DataFrame(
        {
            **dict.fromkeys(columns, text),
            "reported_at": moment,
            "filed_at": moment,
            "dispose_due_at": moment,
            "disposed_at": pd.Series(pd.NaT, range(n)).dt.tz_localize(TZ),
        }
    )


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_hostile_text_is_shown_and_nothing_else(lang):
    boundary = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 900, 400)], crs=4549)
    places = {"community_code": HOSTILE, "name": HOSTILE[::-1], "street_code": HOSTILE}
    shapes = [shapely.box(i, 0, i + 1, 1) for i in range(len(HOSTILE))]
    communities = gpd.GeoDataFrame(
        places | {"street_name": HOSTILE[1:] + HOSTILE[:1]}, geometry=shapes, crs=4549
    )
    district = District(HOSTILE[4], boundary, communities=communities)
    plain = Page(bulletin(make_cases(), period="2025-10", lang=lang, title="x").html)
    made = bulletin(hostile_cases(), period="2025-10", lang=lang, district=district)
    page = Page(made.html)
    assert set(page.tags) <= set(plain.tags)
    names = {name for name, _ in page.attributes}
    assert names <= {name for name, _ in plain.attributes}
    assert not [name for name in names if name.startswith("on") or name in ("href", "src", "style")]
    assert page.tags["script"] == 0
    assert page.tags["style"] == page.tags["title"] - 1 == 1  # the page's and the chart's title
    cells = {cell for table in page.tables for row in table for cell in row}
    for text in HOSTILE:
        assert text in cells
    titled = Page(bulletin(hostile_cases(), title=HOSTILE[1], lang=lang).html)
    assert HOSTILE[1] in titled.texts


def test_characters_that_no_page_may_hold():
    cases = hostile_cases().head(1).assign(source=["a\x00b\x1b[31m"])
    page = bulletin(cases, period="2025-10", title="\ud800lone").html
    assert page.encode("utf-8")
    assert "\x00" not in page
    assert "a\ufffdb\ufffd[31m" in page


def test_the_page_asks_for_nothing_and_runs_nothing():
    html = bulletin(make_cases(), period="2025-10").html
    assert not re.search(r"https?://|url\(|@import|<script|<link|<img|<iframe|style=", html)
    style = re.search(r"<style>(.*)</style>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(v for k, v in Page(html).attributes if k == "content" and "default-src" in v)
    assert policy.startswith("default-src 'none'; ")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "@page { size: A4" in style
    assert Page(html).tags["main"] == 1


def test_same_cases_same_bytes():
    cases = make_cases()
    before = cases.copy(deep=True)
    html = bulletin(cases, period="2025-10").html
    pd.testing.assert_frame_equal(cases, before)
    assert bulletin(cases.copy(), period="2025-10").html == html
    assert bulletin(cases.sample(frac=1, random_state=3), period="2025-10").html == html
    one = cases.index[within(cases["reported_at"], Period.parse("2025-10"))][0]
    changed = cases.assign(reported_at=cases["reported_at"].where(cases.index != one))
    assert bulletin(changed, period="2025-10").html != html


def test_saving_replaces_in_one_step(tmp_path):
    made = bulletin(make_cases(), period="2025-10")
    path = tmp_path / "周报" / "bulletin.html"
    assert made.save(path) == path
    assert path.read_bytes() == made.html.encode()
    Bulletin("new").save(str(path))
    assert path.read_text("utf-8") == "new"
    assert [p.name for p in path.parent.iterdir()] == ["bulletin.html"]
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(FileError):
        made.save(blocked / "bulletin.html")


def test_a_notebook_shows_it_in_a_closed_frame():
    shown = bulletin(make_cases(30), period="2025-10")._repr_html_()
    page = Page(shown)
    assert page.tags == {"iframe": 1}
    assert dict(page.attributes)["sandbox"] is None
    assert dict(page.attributes)["srcdoc"].startswith("<!DOCTYPE html>")


def test_what_the_cases_cannot_tell_is_named_not_zero():
    cases = make_cases()[["case_id", "stage", "reported_at", "cell_code"]]
    page = Page(bulletin(cases, period="2025-10").html)
    head, rows = page.table("网格")
    assert head == ["网格", "上报数"]
    assert list(page.table("指标")[1]) == ["上报数"]
    missing = next(t for t in page.texts if "未统计" in t)
    assert all(i.zh in missing for i in INDICATORS if i.name != "reported")
    assert rows["合计"][1] == page.table("指标")[1]["上报数"][1]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_happened(lang):
    words = {"zh": "无数据", "en": "no data"}
    for cases in (make_cases(), make_cases().head(0)):
        page = Page(bulletin(cases, period="1999-01", lang=lang).html)
        assert words[lang] in " ".join(page.texts)
    assert Page(bulletin(make_cases().head(0), lang=lang).html).tags["main"] == 1
    bare = pd.DataFrame({"case_id": ["1"], "stage": ["reported"]})
    assert Page(bulletin(bare, lang=lang).html).tags["main"] == 1


def test_english_has_no_chinese_of_ours():
    cases = make_cases().assign(source="patrol", responsible_unit="unit", address="1 Main St")
    html = bulletin(cases, period="2025-10", lang="en").html
    body = html[html.index("<main") :]
    assert not re.search("[\u4e00-\u9fff]", body)
    assert '<html lang="en">' in html
    assert '<html lang="zh-CN">' in bulletin(cases, period="2025-10").html


def test_cells_and_district_give_codes_names_and_land():
    cases = make_cases().drop(columns=["street_code", "community_code"])
    cases["cell_code"] = np.where(cases.index % 2, "A", "B")
    boxes = [
        shapely.box(500_000 + 1000 * i, 4_150_000, 501_000 + 1000 * i, 4_151_000) for i in (0, 1)
    ]
    cells = gpd.GeoDataFrame(
        {"cell_code": ["A", "B"], "street_code": ["370602001", "370602002"]},
        geometry=boxes,
        crs=4549,
    )
    communities = gpd.GeoDataFrame(
        {
            "community_code": ["370602001001"],
            "name": ["东社区"],
            "street_code": ["370602001"],
            "street_name": ["向阳街道"],
        },
        geometry=boxes[:1],
        crs=4549,
    )
    boundary = gpd.GeoDataFrame(geometry=[shapely.union_all(boxes)], crs=4549)
    district = District("芝罘区", boundary, communities=communities)
    page = Page(bulletin(cases, period="2025-10", cells=cells, district=district).html)
    head, rows = page.table("街道")
    assert set(rows) == {"向阳街道", "370602002", "合计"}
    row = dict(zip(head, rows["向阳街道"], strict=True))
    assert row["网格数"] == "1"
    odd = sum(within(cases["reported_at"][cases.index % 2 == 1], Period.parse("2025-10")))
    assert float(row["上报数/平方公里"]) == pytest.approx(odd, rel=0.01)
    assert "芝罘区" in page.texts


def test_options_are_checked():
    cases = make_cases(10)
    with pytest.raises(OptionError, match="audience"):
        bulletin(cases, audience="press")
    with pytest.raises(OptionError, match="lang"):
        bulletin(cases, lang="fr")
    with pytest.raises(OptionError, match="2025-13"):
        bulletin(cases, period="2025-13")
    with pytest.raises(SchemaError, match="stage"):
        bulletin(cases.drop(columns="stage"))


def test_markup_is_escaped_once_and_nested_whole():
    assert tag("p", "a<b", tag("i", "&")) == "<p>a&lt;b<i>&amp;</i></p>"
    assert tag("a", title='"x"') == '<a title="&quot;x&quot;"></a>'
    page = Page(grid(["h<"], [["<td>"]], total=["Σ"]))
    assert page.tables == [[["h<"], ["<td>"], ["Σ"]]]


def standing_cases(rates, month):
    """Cases of units that fell due in a month: unit → (closed on time, due)."""
    due = pd.Timestamp(f"{month}-10 12:00", tz="Asia/Shanghai")
    return pd.DataFrame(
        {
            "case_id": f"{month}{unit}{i}",
            "stage": "filed",
            "responsible_unit": unit,
            "reported_at": due - pd.Timedelta(days=2),
            "close_due_at": due,
            "closed_at": due if i < closed else pd.NaT,
        }
        for unit, (closed, n) in rates.items()
        for i in range(n)
    )


APRIL = {"甲": (18, 20), "乙": (5, 20), "丙": (20, 20), "丁": (4, 4)}
MAY = {"甲": (12, 20), "乙": (8, 20), "丙": (20, 20), "丁": (0, 4)}


def section(page, title):
    """Text of one section, cells apart by bars."""
    body = page.split(title, 1)[1].split("</section>")[0]
    return re.sub(r"(\s*<[^>]+>\s*)+", "|", body)


def test_best_worst_called_in_and_what_got_worse():
    cases = pd.concat([standing_cases(APRIL, "2025-04"), standing_cases(MAY, "2025-05")])
    page = bulletin(cases, period="2025-05").html
    places = section(page, "、单位排名")
    assert "|丙|1|100.00%|20 / 20|" in places
    assert "|甲|2|60.00%|12 / 20|" in places
    assert "|乙|3|40.00%|8 / 20|" in places
    assert "丁" not in places  # four due are too few
    assert "拟约谈：乙。" in section(page, "、连续垫底约谈")
    fallen = section(page, "、退步情况")
    assert "|甲|按期结案率|60.00%|90.00%|下降 30.00 个百分点|" in fallen
    assert "丁" not in fallen
    better = cases.assign(closed_at=cases["closed_at"].fillna(cases["close_due_at"]))
    fine = bulletin(better, period="2025-05", lang="en").html
    assert "rate fell by 5 points or more." in fine
    # Everybody at 100 % shares the first place, and nobody is the last.
    assert "Nobody was last in both periods." in fine


def test_the_year_before_stands_beside_where_there_is_one():
    cases = pd.concat([standing_cases(APRIL, "2024-05"), standing_cases(MAY, "2025-05")])
    page = bulletin(cases, period="2025-05").html
    assert "上年同期" in page
    assert "上期" not in section(page, "、总体情况")
    assert "上年同期" not in bulletin(cases[64:], period="2025-05").html


def test_filed_cases_without_a_deadline_are_named():
    table = standing_cases(MAY, "2025-05").assign(filed_at=lambda t: t["reported_at"])
    table["dispose_due_at"] = table["close_due_at"].where(table.index >= 7)
    page = bulletin(table, period="2025-05").html
    assert "立案 64 件中有 7 件没有处置期限" in page
    assert "没有处置期限" not in bulletin(table[7:], period="2025-05").html
