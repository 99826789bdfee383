"""Addresses: precision of what is accepted, and what is refused, on a hard sample and on Syracuse.

The sample is a made city with door plates, compounds and places of its own; 40 % of the plates
are unknown to the gazetteer. Each address comes with its true point, or with the demand that it
be refused. Accepted is right when the true point lies within the accuracy that is stated.

    python benchmarks/bench_addresses.py [--n 6000] [--seed 0]

Syracuse is judged where GRIDKIT_DATA is set: addresses of filled potholes against streets with
address ranges; the truth is the coordinates (axes put right), which are a vehicle's position.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import Point

import gridkit as gk

ZH = "零一二三四五六七八九"
COMPOUNDS = ["碧海", "金桂", "银杏", "春晓", "枫林", "御景", "听涛", "锦绣", "阳光", "凤凰"]
KINDS = ["花园", "小区", "家园", "公寓", "新村"]
PLACES = ["第三小学", "人民医院", "新华书店", "农贸市场", "体育馆", "区政府", "图书馆", "汽车站"]
WORDS = "宏盛昌隆瑞祥福顺康泰鼎丰"


@dataclass
class World:
    """The made city with its plates: what is true, and what the gazetteer is told."""

    rng: np.random.Generator
    streets: dict[str, shapely.Geometry]
    twins: list[str]
    plates: pd.DataFrame
    crossings: list[tuple[str, str, Point]]
    compounds: pd.DataFrame
    pois: list[tuple[str, shapely.Geometry]]
    communities: gpd.GeoDataFrame
    gazetteer: gk.Gazetteer

    def pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def community(self, point):
        inside = self.communities[self.communities.intersects(point)]
        return None if inside.empty else inside.iloc[0]


def make_world(seed: int) -> World:
    rng = np.random.default_rng(seed)
    district = gk.make_city("demo").district
    lines = district.streets[district.streets["name"].ne("")][["name", "geometry"]].copy()
    lines, twins = _twins(lines, rng)
    plates = _plates(lines, district.buildings)
    compounds = _compounds(district.buildings, rng)
    pois = _pois(district.buildings, lines, rng)
    streets = {n: shapely.union_all(g.to_numpy()) for n, g in lines.groupby("name").geometry}
    known = pd.concat(
        [
            lines.assign(kind="street"),
            _known(plates, rng, 0.6).assign(kind="plate"),
            compounds.dissolve("street")
            .convex_hull.rename("geometry")
            .reset_index()
            .rename(columns={"street": "name"})
            .assign(kind="area"),
            _known(compounds, rng, 0.7).assign(kind="plate"),
            gpd.GeoDataFrame(
                {"name": [n for n, _ in pois]}, geometry=[g for _, g in pois], crs=district.crs
            ).assign(kind="poi"),
        ]
    )
    places = gpd.GeoDataFrame(known, geometry="geometry", crs=district.crs)
    bare = gk.District(
        "临海区", district.boundary, communities=district.communities, water=district.water
    )
    gazetteer = gk.Gazetteer.from_district(bare, places)
    crossings = _crossings({n: g for n, g in streets.items() if n not in twins})
    return World(
        rng, streets, twins, plates, crossings, compounds, pois, district.communities, gazetteer
    )


def _known(plates, rng, share):
    return plates[rng.random(len(plates)) < share]


def _twins(lines, rng):
    """Give twelve streets the name of another, more than 1.5 km away."""
    one = lines.dissolve("name").geometry
    names = [n for n in one.index if 150 < one[n].length < 900]
    twins = []
    for name in rng.permutation(names):
        far = [n for n in names if n not in twins and one[n].distance(one[name]) > 1500]
        if len(twins) < 24 and name not in twins and far:
            other = far[0]
            lines.loc[lines["name"].eq(other), "name"] = name
            twins += [name, other]
    return lines, [t for t in twins if t in set(lines["name"])]


def _plates(lines, buildings):
    """Number the buildings along the nearest street, odd on its left, even on its right."""
    points = buildings.geometry.centroid.to_numpy()
    tree = shapely.STRtree(lines.geometry.to_numpy())
    near, distance = tree.query_nearest(points, return_distance=True, all_matches=False)
    merged = {}
    for name, group in lines.groupby("name").geometry:
        merged[name] = list(shapely.get_parts(shapely.line_merge(shapely.union_all(group))))
    rows, taken = [], set()
    for b, k, d in zip(near[0], near[1], distance, strict=True):
        if d > 90:
            continue
        name = lines["name"].iloc[k]
        line = min(merged[name], key=lambda part: part.distance(points[b]))
        at = line.project(points[b])
        start, end = line.interpolate(at), line.interpolate(min(at + 1, line.length))
        left = (end.x - start.x) * (points[b].y - start.y) > (end.y - start.y) * (
            points[b].x - start.x
        )
        part = 1000 * merged[name].index(line)
        number = part + 2 * int(at // 9) + (1 if left else 2)
        if (name, number) not in taken:
            taken.add((name, number))
            # The plate hangs at the building's side to the street.
            door = shapely.shortest_line(buildings.geometry.iloc[b], start).coords[0]
            rows.append((f"{name}{number}号", name, str(number), Point(door)))
    return gpd.GeoDataFrame(rows, columns=["name", "street", "number", "geometry"], crs=lines.crs)


def _compounds(buildings, rng):
    homes = buildings[buildings["use"].eq("residential")].reset_index(drop=True)
    tree, free = shapely.STRtree(homes.geometry.to_numpy()), set(range(len(homes)))
    rows = []
    names = [f"{a}{b}" for a in COMPOUNDS for b in KINDS]
    for seed in rng.permutation(len(homes)):
        mine = sorted(free & set(tree.query(homes.geometry[seed].centroid, "dwithin", 90).tolist()))
        if len(mine) < 4 or not names:
            continue
        name = names.pop(int(rng.integers(len(names))))
        for number, i in enumerate(mine, 1):
            point = homes.geometry[i].centroid
            rows.append((f"{name}{number}号楼", name, f"{number}号楼", point))
        free -= set(mine)
    return gpd.GeoDataFrame(
        rows, columns=["name", "street", "number", "geometry"], crs=buildings.crs
    )


def _pois(buildings, lines, rng):
    names = [*PLACES, *(f"{lines['name'].iloc[i]}小学" for i in rng.integers(len(lines), size=8))]
    at = rng.choice(len(buildings), size=len(names), replace=False)
    return [(n, buildings.geometry.iloc[i]) for n, i in zip(names, at, strict=True)]


def _crossings(streets):
    names, shapes = list(streets), list(streets.values())
    tree = shapely.STRtree(shapes)
    found = []
    for i, j in tree.query(shapes, "intersects").T:
        if i < j:
            points = shapely.get_parts(shapely.intersection(shapes[i], shapes[j]))
            if len(points) == 1 and points[0].geom_type == "Point":
                found.append((names[i], names[j], points[0]))
    return found


def numeral(n: int) -> str:
    """Write a number under 1000 in words, as people do."""
    if n < 10:
        return ZH[n]
    if n < 100:
        return ("" if n < 20 else ZH[n // 10]) + "十" + (ZH[n % 10] if n % 10 else "")
    rest = n % 100
    tail = (
        ""
        if not rest
        else (
            "零" + ZH[rest]
            if rest < 10
            else ZH[rest // 10] + "十" + (ZH[rest % 10] if rest % 10 else "")
        )
    )
    return ZH[n // 100] + "百" + tail


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isdigit() else c for c in text)


def dress(w: World, text: str, point: Point, *, community: bool = True) -> str:
    """Put some of province, city, district, office and community in front."""
    here = w.community(point)
    parts = [p for p in ("山东省", "烟台市", "临海区") if w.rng.random() < 0.35]
    if here is not None and community and w.rng.random() < 0.5:
        if w.rng.random() < 0.5:
            parts.append(here["street_name"])
        parts.append(here["name"] + w.pick(["", "", "居委会"]))
    return "".join(parts) + w.pick(["", "", "", "，"] if parts else [""]) + text


def plate_text(w: World, street: str, number: int) -> str:
    forms = [
        f"{street}{number}号",
        f"{street}{number}号",
        f"{street}{number}",
        f"{street} {number} 号",
        f"{street}{wide(str(number))}号",
        f"{street}{number}#",
        f"{street}No.{number}",
    ]
    if number < 1000:
        forms.append(f"{street}{numeral(number)}号")
    return w.pick(forms)


def _plate(w):
    row = w.plates.iloc[int(w.rng.integers(len(w.plates)))]
    while row["street"] in w.twins:
        row = w.plates.iloc[int(w.rng.integers(len(w.plates)))]
    return row["street"], int(row["number"]), row.geometry


def plain(w):
    street, number, point = _plate(w)
    return dress(w, plate_text(w, street, number), point), point


def inside_house(w):
    street, number, point = _plate(w)
    tail = w.pick(
        [
            "3号楼2单元501室",
            "二楼",
            "附近",
            "院内",
            "1单元",
            "(后门)",
            "门口",
            "楼下",
            "旁",
            "负一层车库",
        ]
    )
    return dress(w, f"{street}{number}号{tail}", point), _wander(w, point, 15)


def sentence(w):
    street, number, point = _plate(w)
    form = w.pick(
        [
            "在{}门口有一大堆垃圾没人管",
            "位于{}的井盖破损",
            "{}对面占道经营",
            "{}，路灯不亮三天了",
            "{}门前积水严重，望尽快处理",
        ]
    )
    return form.format(f"{street}{number}号"), _wander(w, point, 30)


def crossing(w):
    a, b, point = w.pick(w.crossings)
    form = w.pick(
        [
            "{}与{}路口",
            "{}与{}交叉口",
            "{}{}路口",
            "{}和{}交汇处",
            "{}/{}路口",
            "{}与{}东北角",
            "{}同{}交界处红绿灯",
            "{}（近{}）",
            "{}与{}十字路口西侧",
            "{}{}交口",
        ]
    )
    return dress(w, form.format(a, b), point), _wander(w, point, 25)


def offset(w):
    """Go along one of the two streets; only where it leads clearly in the direction told."""
    while True:
        a, b, point = w.pick(w.crossings)
        metres = int(w.pick([30, 50, 80, 100, 150, 200]))
        shape = w.streets[w.pick([a, b])]
        ring = shapely.intersection(shape, point.buffer(metres * 1.02).boundary)
        ends = [p.centroid for p in shapely.get_parts(ring) if not p.is_empty]
        if not ends:
            continue
        end = w.pick(ends)
        angle = np.degrees(np.arctan2(end.y - point.y, end.x - point.x)) % 360
        name, apart = min(
            (
                (n, abs((angle - t + 180) % 360 - 180))
                for n, t in (("东", 0), ("北", 90), ("西", 180), ("南", 270))
            ),
            key=lambda p: p[1],
        )
        if apart < 30:
            break
    amount = w.pick(
        [f"{metres}米", f"约{metres}米", f"{numeral(metres)}米" if metres < 1000 else ""]
    )
    form = w.pick(["{}与{}路口以{}{}", "{}{}路口往{}{}", "{}与{}交叉口向{}{}", "{}和{}路口{}侧{}"])
    return form.format(a, b, name, amount), _wander(w, end, 0.15 * metres)


def place(w):
    name, shape = w.pick(w.pois)
    tail = w.pick(["", "东侧", "南门", "门口", "附近", "对面", "旁边", "周边", "北门外", "西边"])
    radius = {"附近": 80, "对面": 45, "旁边": 30, "周边": 100}.get(tail, 25)
    point = shape.boundary.interpolate(w.rng.random(), normalized=True)
    return dress(w, w.pick(["", "", "烟台市"]) + name + tail, point, community=False), _wander(
        w, point, radius
    )


def compound(w):
    row = w.compounds.iloc[int(w.rng.integers(len(w.compounds)))]
    number = int(row["number"].removesuffix("号楼"))
    form = w.pick(["{}{}号楼", "{}{}栋", "{}{}幢2单元301", "{}{}#楼", "{} {}号楼楼下"])
    number = w.pick([number, numeral(number)])
    return dress(w, form.format(row["street"], number), row.geometry), _wander(w, row.geometry, 20)


def in_compound(w):
    name = w.pick(sorted(set(w.compounds["street"])))
    mine = w.compounds[w.compounds["street"].eq(name)]
    point = mine.geometry.iloc[int(w.rng.integers(len(mine)))]
    return name + w.pick(["内", "院内", "里面", ""]), _wander(w, point, 20)


def slip(w):
    street, number, point = _plate(w)
    at = int(w.rng.integers(len(street) - 1))
    wrong = w.pick("大海平安明东新文建解")
    street = w.pick([street[:at] + wrong + street[at + 1 :], street[:at] + street[at + 1 :]])
    if street in w.streets:
        return sentence(w)
    return dress(w, f"{street}{number}号", point), point


def wrong_community(w):
    street, number, point = _plate(w)
    name = w.pick(w.communities["name"].tolist())
    return f"{name}{street}{number}号", point


def twin(w):
    street = w.pick(w.twins)
    mine = w.plates[w.plates["street"].eq(street)]
    if mine.empty:
        return plain(w)
    row = mine.iloc[int(w.rng.integers(len(mine)))]
    both = mine[mine["number"].eq(row["number"])]
    here = w.community(row.geometry)
    if w.rng.random() < 0.5 and here is not None:
        return f"{here['name']}{street}{row['number']}号", row.geometry
    if len(both) > 1 or mine.geometry.distance(row.geometry).max() > 1000:
        return f"{street}", None
    return plain(w)


def part_of_street(w):
    name = w.pick([n for n in w.streets if n not in w.twins])
    shape = w.streets[name]
    parts = shapely.get_parts(shape)
    point = w.pick(list(parts)).interpolate(w.rng.random(), normalized=True)
    here = w.community(point)
    if here is None:
        return plain(w)
    form = w.pick(["{}{}", "{}{}沿线", "{}{}路段", "{}，{}"])
    return form.format(here["name"], name), _wander(w, point, 8)


def beyond(w):
    street, _, _ = _plate(w)
    last = w.plates.loc[w.plates["street"].eq(street), "number"].astype(int).max()
    return f"{street}{last + int(w.rng.integers(100, 900))}号", None


def strange_street(w):
    street, number, _ = _plate(w)
    name = w.pick(
        [
            f"新{street}",
            f"{street}东巷",
            f"北{street[:-1]}支路",
            f"{street[:-1]}二街",
            "".join(w.rng.choice(list(WORDS), 2)) + w.pick(["路", "街", "巷"]),
        ]
    )
    if name in w.streets:
        return beyond(w)
    return name + w.pick([f"{number}号", f"{number}号", "路口", "中段"]), None


def strange_place(w):
    street, _, _ = _plate(w)
    word = "".join(w.rng.choice(list(WORDS), 2))
    names = [
        f"{street}幼儿园",
        f"{street}派出所",
        f"{word}超市旁",
        f"{word}大厦门口",
        f"{word}小区3号楼",
    ]
    names = [n for n in names if n not in {p for p, _ in w.pois}]
    return w.pick(names), None


def elsewhere(w):
    street, number, _ = _plate(w)
    return w.pick(
        ["莱山区", "烟台市福山区", "山东省威海市环翠区", "牟平区"]
    ) + f"{street}{number}号", None


def nonsense(w):
    return w.pick(
        [
            "不详",
            "见照片",
            "我家楼下",
            "老地方",
            "路边",
            "市区",
            "12号",
            "东侧",
            "三楼",
            "<script>alert(1)</script>",
            "=1+1",
            "????",
            "路口以南100米",
            "与路口",
            "号",
            "一二三四五",
            "13800001234",
            "楼下垃圾桶旁边的那个",
            "{{7*7}}",
            "街道社区小区",
        ]
    ), None


def _wander(w, point, most):
    angle, far = w.rng.random() * 2 * np.pi, most * np.sqrt(w.rng.random())
    return Point(point.x + far * np.cos(angle), point.y + far * np.sin(angle))


CASES = {
    plain: 20,
    inside_house: 8,
    sentence: 8,
    crossing: 12,
    offset: 8,
    place: 8,
    compound: 8,
    in_compound: 3,
    slip: 6,
    wrong_community: 4,
    twin: 4,
    part_of_street: 6,
    beyond: 4,
    strange_street: 5,
    strange_place: 4,
    elsewhere: 3,
    nonsense: 3,
}


def judge_sample(n: int, seed: int, show: int) -> float:
    w = make_world(seed)
    print(f"gazetteer: {w.gazetteer.summary()}")
    makers, share = list(CASES), np.array(list(CASES.values()), float)
    drawn = [makers[i] for i in w.rng.choice(len(makers), n, p=share / share.sum())]
    cases = [(m.__name__, *m(w)) for m in drawn]
    texts = [t for _, t, _ in cases]
    start = time.perf_counter()
    found = gk.match_addresses(texts, w.gazetteer).found
    seconds = time.perf_counter() - start
    accepted = found["refused"].isna().to_numpy()
    far = np.array(
        [
            np.inf if p is None else (p.distance(g) if not g.is_empty else np.nan)
            for (_, _, p), g in zip(cases, found.geometry, strict=True)
        ]
    )
    right = accepted & (far <= found["accuracy_m"].to_numpy())
    table = pd.DataFrame(
        {
            "kind": [k for k, _, _ in cases],
            "rung": found["rung"],
            "refused": found["refused"],
            "accepted": accepted,
            "right": right,
            "far": far,
            "acc": found["accuracy_m"],
            "text": texts,
            "match": found["match"],
            "must": [p is None for _, _, p in cases],
        }
    )
    by = table.groupby("kind").agg(
        n=("text", "size"), accepted=("accepted", "sum"), right=("right", "sum")
    )
    by["precision"] = by["right"] / by["accepted"]
    print(by.to_string(float_format="{:.3f}".format))
    rungs = (
        table[accepted]
        .groupby("rung")
        .agg(
            n=("right", "size"),
            right=("right", "mean"),
            far=("far", "median"),
            acc=("acc", "median"),
        )
    )
    print(rungs.to_string(float_format="{:.3f}".format))
    print("refusals:", table["refused"].value_counts().to_dict())
    findable = ~table["must"]
    precision = right.sum() / accepted.sum()
    print(
        f"{n:,} addresses in {seconds:.2f} s; accepted {accepted.sum():,}, "
        f"precision {precision:.4f}; of {findable.sum():,} with a true place "
        f"{right.sum() / findable.sum():.3f} found; of {(~findable).sum():,} to refuse "
        f"{(~accepted & ~findable).sum() / max((~findable).sum(), 1):.4f} refused"
    )
    if show:
        print(table[accepted & ~right].head(show).to_string())
        lost = table[~accepted & findable]
        print(lost.sample(min(show, len(lost)), random_state=0).to_string())
    return precision


def _near_their_street(found, gazetteer, truth):
    """Tell which vehicles stood on the street that the address names, by its name alone."""
    streets = defaultdict(list)
    for host in gazetteer.hosts:
        streets[host.name].append(host.shape)
    names = found["match"].fillna("").str.replace(r"[\d-]+$", "", regex=True)
    return np.array(
        [
            any(s.distance(p) <= 40 for s in streets.get(n, ()))
            for n, p in zip(names, truth, strict=True)
        ]
    )


def judge_syracuse(show: int) -> None:
    data = os.environ.get("GRIDKIT_DATA")
    if not data:
        print("Syracuse: skipped, GRIDKIT_DATA is not set")
        return
    folder = Path(data) / "syracuse"
    streets = gk.read_places(folder / "streets.fgb", kind="street", crs=32618)
    gazetteer = gk.Gazetteer(streets)
    holes = pd.read_parquet(folder / "potholes_2016_AXES_SWAPPED.parquet")
    truth = gpd.GeoSeries(
        gpd.points_from_xy(holes["Latitude"], holes["Longitude"]), crs=4326
    ).to_crs(32618)
    start = time.perf_counter()
    found = gk.match_addresses(holes["strLocation"], gazetteer).found
    seconds = time.perf_counter() - start
    accepted = found["refused"].isna().to_numpy()
    far = found.geometry.distance(truth).to_numpy()
    inside = far <= found["accuracy_m"].to_numpy()
    print(f"Syracuse: {len(holes):,} addresses in {seconds:.1f} s, accepted {accepted.sum():,}")
    print("  refused:", found["refused"].value_counts().to_dict())
    for rung, rows in defaultdict(list, found[accepted].groupby("rung").indices).items():
        mine = np.flatnonzero(accepted)[rows]
        quantiles = np.quantile(far[mine], [0.5, 0.9, 0.95, 0.98])
        print(
            f"  {rung}: {len(mine):,}, within accuracy {inside[mine].mean():.4f}, "
            f"metres at 50/90/95/98 %: {np.round(quantiles, 0).tolist()}"
        )
    on_street = _near_their_street(found, gazetteer, truth)
    print(
        f"  precision of accepted {inside[accepted].mean():.4f}; where the vehicle stood within "
        f"40 m of the street it wrote down {inside[accepted & on_street].mean():.4f}"
    )
    if show:
        table = pd.DataFrame(
            {
                "text": holes["strLocation"],
                "far": far,
                "acc": found["accuracy_m"],
                "match": found["match"],
                "refused": found["refused"],
            }
        )
        print(
            table[accepted & ~inside]
            .sample(min(show, int((accepted & ~inside).sum())), random_state=1)
            .to_string()
        )
        print(
            table[~accepted].sample(min(show, int((~accepted).sum())), random_state=1).to_string()
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=0, help="print so many faults and refusals")
    args = parser.parse_args()
    judge_sample(args.n, args.seed, args.show)
    judge_syracuse(args.show)
