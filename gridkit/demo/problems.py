"""A year of problems: what happens where, when, and who reports it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .places import Places
    from .sites import Sites, Spot

__all__ = ["DAY", "NEAR_H", "NEAR_M", "PROBLEMS", "Problem", "happen", "near_pairs"]

DAY = 24 * 60
_DAYS = 365
# What counts as the same problem twice; the dirty year plants such reports and has no others.
NEAR_M, NEAR_H = 50.0, 24.0


@dataclass(frozen=True)
class Problem:
    """One category: how often, where, in which months and hours, and how people describe it.

    Attributes
    ----------
    code : str
        Category in the rules.
    weight : float
        Relative frequency over the year.
    where : tuple of (kind of place, share)
    unit : str
        Who answers: a key of the units' short names.
    texts : tuple of str
    months : str
        Twelve digits: how strong each month is.
    hours : str
        ``day``, ``evening``, ``night`` or ``any``.
    days : tuple of int
        Days of the year (0 = 1 January) where it only happens in spells of weather.
    """

    code: str
    weight: float
    where: tuple[tuple[str, float], ...]
    unit: str
    texts: tuple[str, ...]
    months: str = "555555555555"
    hours: str = "day"
    days: tuple[int, ...] = ()


_STREET = (("line", 0.55), ("junction", 0.15), ("front", 0.3))
_SHOP = (("front", 0.45), ("hot", 0.25), ("line", 0.25), ("junction", 0.05))
_MARKET = (("hot", 0.55), ("line", 0.25), ("junction", 0.2))
_HOME = (("home", 0.8), ("line", 0.2))
_PIPE = (("line", 0.8), ("junction", 0.2))
_SITE = (("site", 0.6), ("works", 0.15), ("line", 0.25))
_SUMMER, _WARM, _COLD = "111368985311", "223578886422", "975211112479"
_SNOW_DAYS = (11, 12, 13, 37, 38, 342, 343, 351, 352)
_RAIN_DAYS = (198, 199, 200, 222, 223, 238)

PROBLEMS = (
    Problem("E0110", 15, (("home", 0.35), ("line", 0.35), ("hot", 0.3)), "环卫",
            ("暴露垃圾一处", "垃圾桶满溢未清运", "路边有暴露生活垃圾", "垃圾散落，有异味"), _WARM),
    Problem("E0111", 6, (("home", 0.5), ("line", 0.3), ("site", 0.2)), "环卫",
            ("积存建筑垃圾", "渣土堆放无人清理", "装修垃圾堆在楼下")),
    Problem("E0112", 9, _STREET, "环卫", ("道路不洁", "路面有污渍", "人行道脏乱，未清扫")),
    Problem("E0113", 4, _PIPE, "市政", ("路面破损有坑", "人行道板松动", "路面坑洼影响通行")),
    Problem("E0114", 2, _PIPE, "环卫", ("沙石遗撒路面", "渣土遗撒")),
    Problem("E0117", 3, (("green", 0.4), ("home", 0.6)), "园林", ("绿地内有垃圾", "绿地脏乱")),
    Problem("E0201", 11, (("front", 0.5), ("line", 0.3), ("junction", 0.2)), "城管",
            ("非法小广告", "墙面张贴小广告多处", "灯杆上小广告")),
    Problem("E0203", 2, _SHOP, "城管", ("违规户外广告", "橱窗广告超标")),
    Problem("E0206", 2, _SHOP, "城管", ("店招未审批", "牌匾破损")),
    Problem("E0405", 9, _SHOP, "城管",
            ("店外经营", "商户占用人行道摆放货物", "店外摆放桌椅"), _WARM, "evening"),
    Problem("E0401", 9, _MARKET, "城管",
            ("流动摊贩占道", "无照游商售卖水果", "夜间摊贩聚集"), _SUMMER, "evening"),
    Problem("E0406", 5, _MARKET, "城管", ("占道经营", "占道修车", "早市占道"), _WARM, "evening"),
    Problem("E0410", 9, (("front", 0.35), ("hot", 0.3), ("junction", 0.35)), "城管",
            ("非机动车乱停放", "共享单车乱停", "电动车占用盲道")),
    Problem("E0129", 3, (("hot", 0.4), ("front", 0.6)), "城管",
            ("露天烧烤油烟扰民", "烧烤占道"), _SUMMER, "night"),
    Problem("E0128", 2, _SHOP, "城管", ("商铺音响扰民", "喇叭叫卖噪音"), _WARM, "evening"),
    Problem("E0101", 2, _HOME, "城管", ("私搭乱建", "楼顶搭建彩钢房")),
    Problem("E0136", 6, _HOME, "街道", ("乱堆物堆料", "楼道堆放杂物", "楼前堆放旧家具")),
    Problem("E0107", 3, _HOME, "街道", ("沿街晾挂", "绿化带内晾晒被褥"), _WARM),
    Problem("E0138", 1, _HOME, "街道", ("楼下饲养鸡鸭", "擅自饲养家禽")),
    Problem("E0120", 2, (("home", 0.5), ("green", 0.5)), "街道",
            ("焚烧树叶", "焚烧垃圾冒烟"), _COLD),
    Problem("E0125", 2, (("water", 1.0),), "河道", ("水面漂浮物", "河道岸边垃圾"), _SUMMER),
    Problem("E0126", 1, (("water", 1.0),), "河道", ("河水发黑有异味", "污水直排入河"), _SUMMER),
    Problem("E0130", 2, _SHOP, "环卫", ("餐馆污水倒入雨水口", "乱倒污水")),
    Problem("E0301", 2, _SITE, "工地", ("夜间施工噪音扰民", "工地凌晨施工"), _WARM, "night"),
    Problem("E0302", 2, _SITE, "工地", ("施工占道", "施工材料占用人行道")),
    Problem("E0304", 2, _SITE, "工地", ("工地扬尘未覆盖", "裸土未苫盖"), "369974446875"),
    Problem("E0311", 1, _PIPE, "工地", ("渣土车未密闭", "渣土车沿途撒漏"), hours="night"),
    Problem("E0501", 1, _PIPE, "自来水", ("自来水管爆裂", "路面冒水"), _COLD, "any"),
    Problem("E0503", 3, _PIPE, "市政", ("下水道堵塞外溢", "污水井冒溢"), _SUMMER, "any"),
    Problem("E0506", 2, _PIPE, "市政",
            ("道路积水", "积水没过路沿石"), "000000111000", "any", _RAIN_DAYS),
    Problem("E0507", 3, _PIPE, "环卫",
            ("路面结冰", "积雪未清", "坡道结冰打滑"), "110000000001", "any", _SNOW_DAYS),
    Problem("C0102", 3, _PIPE, "市政", ("污水井盖缺失", "污水井盖破损响动", "井盖下沉")),
    Problem("C0103", 2, _PIPE, "市政", ("雨水井盖破损", "井盖移位")),
    Problem("C0104", 2, _PIPE, "市政", ("雨水箅子堵塞", "箅子丢失"), _SUMMER),
    Problem("C0127", 1, _STREET, "通信", ("交接箱门敞开", "通信线缆垂落")),
    Problem("C0137", 3, _PIPE, "供电", ("路灯不亮", "路灯杆倾斜"), _COLD, "evening"),
    Problem("C0204", 1, _PIPE, "市政", ("公交站牌破损", "候车亭玻璃碎裂")),
    Problem("C0217", 2, (("line", 1.0),), "市政", ("护栏倒伏", "护栏脏污", "护栏缺失")),
    Problem("C0305", 3, (("front", 0.6), ("line", 0.4)), "环卫", ("垃圾箱破损", "果皮箱满溢")),
    Problem("C0402", 2, (("line", 0.7), ("green", 0.3)), "园林",
            ("行道树倾倒", "树枝遮挡信号灯", "枯枝有坠落风险"), _WARM),
    Problem("C0207", 0.3, (("water", 1.0),), "市政", ("地下通道积水",)),
)  # fmt: skip

_HOURS = {
    "day": "000000268986478852110000",
    "evening": "000000123333223457998641",
    "night": "641000000001111112356899",
    "any": "221112366666556665544332",
}
# Share of each source by hour class; the patrol works by day.
_SOURCES = ("巡查上报", "12345热线", "微信公众号", "视频监控", "上级督办")
_SOURCE_SHARE = {
    "day": (0.66, 0.13, 0.11, 0.07, 0.03),
    "evening": (0.50, 0.20, 0.19, 0.10, 0.01),
    "night": (0.10, 0.52, 0.30, 0.07, 0.01),
    "any": (0.40, 0.30, 0.17, 0.12, 0.01),
}
# Handhelds and cameras give WGS84; phones the map they carry; hotline clerks click on another.
_DATUM = {
    "巡查上报": "WGS84",
    "12345热线": "BD-09",
    "微信公众号": "GCJ-02",
    "视频监控": "WGS84",
    "上级督办": "WGS84",
}


def happen(n: int, sites: Sites, places: Places, rng: np.random.Generator) -> pd.DataFrame:
    """Return `n` problems of the year in order of time; no two are near duplicates.

    Columns ``code``, ``minute`` (since New Year), ``source``, ``datum``, ``text``, ``x``, ``y``
    (metres, working CRS), ``address``, ``street`` (short name), ``unit`` (key).
    """
    streets = dict(zip(places.frame["community_code"], places.frame["street_name"], strict=True))
    more = n + n // 12 + 20
    total = sum(p.weight for p in PROBLEMS)
    rows = []
    for problem in PROBLEMS:
        for _ in range(round(more * problem.weight / total) + 1):
            spot = sites.spot(_draw(problem.where, rng))
            street = streets[places.of_block[spot.block]]
            rows.append(_row(problem, spot, street, rng))
    frame: pd.DataFrame = pd.DataFrame(rows)
    frame = frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
    later = np.unique(near_pairs(frame, NEAR_M + 8, NEAR_H + 2)[:, 1])
    frame = frame.drop(index=later.tolist()).head(n)
    return pd.DataFrame(frame.sort_values(["minute", "x", "y"], ignore_index=True))


def _row(problem: Problem, spot: Spot, street: str, rng: np.random.Generator) -> dict[str, object]:
    # inside a compound its property company answers, not the street office
    inside = problem.unit == "街道" and spot.address.endswith("号楼")
    source = _draw(tuple(zip(_SOURCES, _SOURCE_SHARE[problem.hours], strict=True)), rng)
    return {
        "code": problem.code,
        "minute": _moment(problem, rng),
        "source": source,
        "datum": _DATUM[source],
        "text": problem.texts[int(rng.random() * len(problem.texts))],
        "x": spot.x,
        "y": spot.y,
        "address": spot.address,
        "street": street[:2],
        "unit": "物业" if inside else problem.unit,
    }


def _draw(options: tuple[tuple[str, float], ...], rng: np.random.Generator) -> str:
    left = rng.random() * sum(share for _, share in options)
    for name, share in options:
        if left < share:
            return name
        left -= share
    return options[-1][0]


def _moment(problem: Problem, rng: np.random.Generator) -> int:
    """Draw a minute of 2025: a day by month and weekday, or of a spell of weather; then an hour."""
    if problem.days:
        day = problem.days[int(rng.random() * len(problem.days))]
    else:
        while True:
            day = int(rng.random() * _DAYS)
            # 1 January 2025 was a Wednesday
            weekend = (day + 2) % 7 >= 5
            strength = int(problem.months[min(day * 12 // _DAYS, 11)]) * (0.65 if weekend else 1.0)
            if rng.random() * 9 < strength:
                break
    hours = _HOURS[problem.hours]
    while True:
        hour = int(rng.random() * 24)
        if rng.random() * 9 < int(hours[hour]):
            return day * DAY + hour * 60 + int(rng.random() * 60)


def near_pairs(frame: pd.DataFrame, within_m: float, within_h: float) -> NDArray[np.intp]:
    """Return pairs of rows (lower, higher) of one code, within a distance and a time, sorted."""
    from scipy.spatial import cKDTree

    xy = frame[["x", "y"]].to_numpy(dtype=np.float64)
    pairs = cKDTree(xy).query_pairs(within_m, output_type="ndarray")
    code, minute = frame["code"].to_numpy(), frame["minute"].to_numpy()
    a, b = pairs[:, 0], pairs[:, 1]
    same = (code[a] == code[b]) & (np.abs(minute[a] - minute[b]) <= within_h * 60)
    found: NDArray[np.intp] = pairs[same]
    return found[np.lexsort((found[:, 1], found[:, 0]))]
