"""The made city's people and units: who could hold its cells, and who answers for its problems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import pyproj

from . import words
from .places import DISTRICT_CODE, Places
from .terrain import CRS

if TYPE_CHECKING:
    import numpy as np

    from .buildings import Stock
    from .terrain import Plan

__all__ = ["HEADERS", "PROPERTY", "roster_frame", "unit_frame"]

# The roster's headers, as district offices write them.
HEADERS = (
    "人员编号", "角色", "姓名", "单位", "联系电话", "最多负责网格数", "时段", "AB岗", "上级人员",
    "社区编码", "经度", "纬度",
)  # fmt: skip
# Property companies; each street's compounds have one of them.
PROPERTY = ("安居物业", "海晏物业", "乐居物业")


@dataclass(frozen=True)
class _Team:
    """People of one role who stand in for one another."""

    role: str
    letter: str
    unit: str
    community: str
    most: tuple[int, int]
    slots: tuple[str, ...]
    bases: list[tuple[float, float]]
    size: int


def roster_frame(
    plan: Plan, places: Places, stock: Stock, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the roster as its file holds it: text, Chinese headers, bases in WGS84.

    How many cells one person of each role holds is the plan's; there are enough of each for all
    cells, street by street and community by community.
    """
    holds = plan.holds
    all_cells, all_points = _cells(plan, places, stock), _homes(places, stock)
    rows: list[dict[str, str]] = []
    for _, communities in places.frame.groupby("street_code", sort=False):
        street = communities["street_name"].iloc[0]
        cells = {c: all_cells[c] for c in communities["community_code"]}
        points = {c: all_points[c] for c in cells}
        first = points[next(iter(cells))]
        office, station = [first[0]], [first[-1]]
        total = sum(cells.values())
        heads: dict[str, str] = {}
        for team in (
            _Team("民警", "J", f"{street[:2]}派出所", "", holds["民警"],
                  ("08:00-18:00", "18:00-08:00"), station, _enough(total, holds["民警"])),
            _Team("机关干部", "G", f"{street}办事处", "", holds["机关干部"], ("08:00-18:00",),
                  office, _enough(total, holds["机关干部"])),
        ):  # fmt: skip
            people = _team_rows(team, len(rows), rng)
            for row in people[1:]:
                row["上级人员"] = people[0]["人员编号"]
            heads[team.role] = people[0]["人员编号"]
            cadres = [r["人员编号"] for r in people]
            rows += people
        for k, (code, name) in enumerate(zip(cells, communities["name"], strict=True)):
            chief = cadres[k % len(cadres)]
            for team in _community_teams(holds, code, name, street, cells[code], points[code]):
                people = _team_rows(team, len(rows), rng)
                for row in people:
                    row["上级人员"] = chief
                rows += people
    frame = pd.DataFrame(rows, columns=list(HEADERS))
    names = _names(len(frame), rng)
    phones = 10_000 * 1_380_000 + rng.permutation(10_000)[: len(frame)]
    return frame.assign(姓名=names, 联系电话=[str(p) for p in phones])


def _community_teams(
    holds: dict[str, tuple[int, int]],
    code: str,
    name: str,
    street: str,
    cells: int,
    homes: list[tuple[float, float]],
) -> list[_Team]:
    depot = [homes[len(homes) // 2]]
    return [
        _Team("保洁员", "B", f"{street[:2]}环卫所", code, holds["保洁员"],
              ("05:00-13:00", "13:00-21:00"), depot, _enough(cells, holds["保洁员"])),
        _Team("志愿者", "Z", f"{name}志愿服务队", code, holds["志愿者"],
              ("18:00-21:00", "09:00-11:00"), homes, _enough(cells, holds["志愿者"], 115)),
    ]  # fmt: skip


def _enough(cells: int, holds: tuple[int, int], percent: int = 130) -> int:
    """Return how many people of a team it takes when each holds the least."""
    return max(2, -(-cells * percent // (100 * holds[0])))


def _team_rows(team: _Team, start: int, rng: np.random.Generator) -> list[dict[str, str]]:
    """Return a team's rows; each one's stand-in (AB岗) is the next, the last one's the first."""
    ids = [f"{team.letter}{start + i + 1:04d}" for i in range(team.size)]
    low, high = team.most
    lon, lat = _wgs84(team.bases)
    rows = []
    for i, person in enumerate(ids):
        base = (i * 7) % len(lon)
        rows.append(
            {
                "人员编号": person,
                "角色": team.role,
                "单位": team.unit,
                "最多负责网格数": str(low + words.lot(rng, high - low + 1)),
                "时段": team.slots[i % len(team.slots)],
                "AB岗": ids[(i + 1) % len(ids)],
                "上级人员": "",
                "社区编码": team.community,
                "经度": lon[base],
                "纬度": lat[base],
            }
        )
    return rows


def _cells(plan: Plan, places: Places, stock: Stock) -> dict[str, int]:
    """Return how many cells of the plan's size each community will have, rounded up."""
    households = dict.fromkeys(places.frame["community_code"], 0)
    for face, n in stock.households.items():
        households[places.of_block[face]] += n
    return {code: n // plan.per_cell + 1 for code, n in households.items()}


def _homes(places: Places, stock: Stock) -> dict[str, list[tuple[float, float]]]:
    """Return the middles of each community's buildings, or its own where it has none."""
    middles = stock.frame.geometry.centroid
    homes: dict[str, list[tuple[float, float]]] = {c: [] for c in places.frame["community_code"]}
    for face, x, y in zip(stock.block, middles.x, middles.y, strict=True):
        homes[places.of_block[face]].append((x, y))
    own = places.frame.geometry.centroid
    for code, x, y in zip(homes, own.x, own.y, strict=True):
        homes[code] = homes[code] or [(x, y)]
    return homes


def _wgs84(points: list[tuple[float, float]]) -> tuple[list[str], list[str]]:
    """Return longitudes and latitudes as text with six decimals."""
    transformer = pyproj.Transformer.from_crs(CRS, "EPSG:4490", always_xy=True)
    lon, lat = transformer.transform([p[0] for p in points], [p[1] for p in points])
    return [f"{v:.6f}" for v in lon], [f"{v:.6f}" for v in lat]


def _names(n: int, rng: np.random.Generator) -> list[str]:
    """Return names drawn by lot: a surname and one or two characters."""
    names = []
    for _ in range(n):
        given = words.GIVEN[words.lot(rng, len(words.GIVEN))]
        if rng.random() < 0.7:
            given += words.GIVEN[words.lot(rng, len(words.GIVEN))]
        names.append(words.SURNAMES[words.lot(rng, len(words.SURNAMES))] + given)
    return names


def unit_frame(places: Places, roster: pd.DataFrame) -> pd.DataFrame:
    """Return the responsible units: ``unit_code``, ``name``, ``kind``, ``group``, chief, parent."""
    centre = f"{DISTRICT_CODE}U01"
    rows = [
        (centre, "区监督指挥中心", "监督指挥中心", "区直部门", "", ""),
        (f"{DISTRICT_CODE}U02", "区12345热线中心", "热线中心", "区直部门", "", centre),
        (f"{DISTRICT_CODE}U03", "市政养护所", "市政所", "区直部门", "", centre),
        (f"{DISTRICT_CODE}U04", "园林绿化所", "园林所", "区直部门", "", centre),
        (f"{DISTRICT_CODE}U05", "工地管理所", "住建部门", "区直部门", "", centre),
        (f"{DISTRICT_CODE}U06", "河道管理所", "水务部门", "区直部门", "", centre),
        (f"{DISTRICT_CODE}U07", "自来水公司", "公用企业", "公用企业", "", centre),
        (f"{DISTRICT_CODE}U08", "供电公司", "公用企业", "公用企业", "", centre),
        (f"{DISTRICT_CODE}U09", "通信公司", "公用企业", "公用企业", "", centre),
        *(
            (f"{DISTRICT_CODE}U{10 + i}", name, "物业公司", "物业公司", "", centre)
            for i, name in enumerate(PROPERTY)
        ),
    ]
    chiefs = roster.drop_duplicates("单位").set_index("单位")["人员编号"]
    streets = places.frame.drop_duplicates("street_code")
    for code, name in zip(streets["street_code"], streets["street_name"], strict=True):
        office, police = f"{name}办事处", f"{name[:2]}派出所"
        rows += [
            (f"{code}U01", office, "街道办事处", "街道", chiefs[office], centre),
            (f"{code}U02", f"{name[:2]}城管中队", "城管执法中队", "执法中队", "", centre),
            (f"{code}U03", f"{name[:2]}环卫所", "环卫所", "环卫所", "", centre),
            (f"{code}U04", police, "派出所", "派出所", chiefs[police], ""),
        ]
    columns = ["unit_code", "name", "kind", "group", "chief_id", "parent_code"]
    return pd.DataFrame(rows, columns=columns)
