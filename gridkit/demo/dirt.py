"""Dirt: what real report files have wrong with them, put in on purpose and counted.

Each dirty row has one fault only, so that the counts can be compared with what intake finds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .problems import DAY, NEAR_H, NEAR_M, near_pairs
from .sites import Spot

__all__ = ["FAULTS", "HOSTILE", "soil", "tell_again"]

# Share of rows with each fault.
FAULTS = {
    "swapped": 0.012,
    "no_coordinates": 0.03,
    "zero_coordinates": 0.004,
    "far_outside": 0.004,
    "hostile_text": 0.006,
    "closed_before_reported": 0.004,
    "unknown_category": 0.006,
    "unreadable_time": 0.004,
    "repeated_id": 0.002,
}
# Share of problems that are told again, by one to four more people.
_TOLD_AGAIN = 0.011

HOSTILE = (
    "<script>window.gridkit_canary=1</script>路面破损",
    '<img src=x onerror="window.gridkit_canary=1">垃圾桶满溢',
    "{{7*7}} 小广告 {% raw %}",
    "=1+1",
    '+86 垃圾未清 =HYPERLINK("#","点我")',
    "@SUM(1,1)占道经营",
    "-2+3 井盖缺失",
    "井盖\u202e失缺\u202c，请尽快处理",
    "楼下垃圾好臭🤢🤢，请快来处理🙏",
    "`${window.gridkit_canary=1}` 噪音扰民",
    '反映人称："路灯不亮",\n第二行：已报三次',
    "</table></div>\"'><b>店外经营</b>&amp;&lt;",
    "占道经营，" + "多次反映无人处理，" * 120,
    "'; DROP TABLE reports; --",
    "\u200b零宽\u200b字符\ufeff与　全角空格",
)
_UNKNOWN = ("E9999", "X0000", "其他问题", "E01", "9801", "市容")
_NO_TIME = ("2025-13-45 25:61", "昨天下午三点", "2025年2月30日 08:00", "##########", "待补录")
# Other towns and the open sea, far from any district of the area: lon, lat.
_FAR = ((117.02, 36.66), (121.52, 31.22), (116.40, 39.91), (122.90, 38.20), (103.83, 36.06))


@dataclass(frozen=True)
class _Draw:
    """Rows not yet soiled, drawn without return."""

    order: list[int]

    def take(self, n: int, fit: list[bool]) -> list[int]:
        """Take `n` rows for which `fit` holds."""
        taken = [i for i in self.order if fit[i]][:n]
        gone = set(taken)
        self.order[:] = [i for i in self.order if i not in gone]
        return sorted(taken)


def tell_again(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Add near duplicates: the same problem told again within 50 m and 24 h.

    The new column ``copy_of`` holds the row told again, -1 for first tellings. Every near pair of
    the result belongs to one planted group.
    """
    first = frame.assign(copy_of=-1)
    chosen = np.sort(rng.permutation(len(frame))[: max(3, round(len(frame) * _TOLD_AGAIN))])
    copies = []
    for i in chosen:
        row = first.iloc[int(i)]
        spot = Spot(row["x"], row["y"], row["address"], -1)
        for _ in range(1 + int(rng.random() * 4)):
            there = _beside(spot, rng)
            public = rng.random() < 0.6
            copies.append(
                {
                    **row.to_dict(),
                    "minute": int(row["minute"]) + 5 + int(rng.random() * (NEAR_H / 2 * 60)),
                    "source": "微信公众号" if public else "12345热线",
                    "datum": "GCJ-02" if public else "BD-09",
                    "x": there[0],
                    "y": there[1],
                    "copy_of": int(i),
                }
            )
    told = pd.concat([first, pd.DataFrame(copies)], ignore_index=True)
    told = told.drop(index=_strays(told)).reset_index(drop=True)
    group = told["copy_of"].to_numpy()
    keys = np.where(group < 0, np.arange(len(told)), group)
    told = told.assign(group=keys)
    late = told["minute"] >= 365 * DAY
    return told[~late].sort_values(["minute", "x", "y"], ignore_index=True)


def _beside(spot: Spot, rng: np.random.Generator) -> tuple[float, float]:
    """Draw a place at most 17 m away: two tellers of one problem are never 50 m apart."""
    dx, dy = (rng.random() * 24 - 12 for _ in range(2))
    return round(spot.x + dx, 2), round(spot.y + dy, 2)


def _strays(told: pd.DataFrame) -> list[int]:
    """Return the copies that also come near a problem that is not their own."""
    pairs = near_pairs(told, NEAR_M + 8, NEAR_H + 2)
    copy_of = told["copy_of"].to_numpy()
    own = np.where(copy_of < 0, np.arange(len(told)), copy_of)
    foreign = pairs[own[pairs[:, 0]] != own[pairs[:, 1]]]
    return sorted({int(i) for pair in foreign for i in pair if copy_of[i] >= 0})


def soil(
    raw: pd.DataFrame, told: pd.DataFrame, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the raw file with its faults, and how many rows have each.

    Parameters
    ----------
    raw : DataFrame
        The clean file: text, Chinese headers.
    told : DataFrame
        What it was written from, row by row, with ``copy_of`` and ``group``.
    """
    repeated = told["group"].duplicated(keep=False).to_numpy()
    alone = (~repeated).tolist()
    draw = _Draw(rng.permutation(len(raw)).tolist())
    rows: dict[str, list[int]] = {}
    closed = (raw["结案时间"] != "").tolist()
    for fault, share in FAULTS.items():
        fit = alone
        if fault == "closed_before_reported":
            fit = [a and c for a, c in zip(alone, closed, strict=True)]
        if fault == "repeated_id":
            # the row before keeps its own number and is sound
            sound = set(draw.order)
            fit = [a and i % 2 == 1 and i - 1 in sound for i, a in enumerate(alone)]
        least = len(HOSTILE) if fault == "hostile_text" else 2
        rows[fault] = draw.take(max(least, round(len(raw) * share)), fit)
    soiled = raw.copy()
    _soil_places(soiled, rows)
    _soil_words(soiled, rows)
    counts = {fault: len(found) for fault, found in rows.items()}
    counts["near_duplicate"] = int((told["copy_of"] >= 0).sum())
    counts["near_duplicate_groups"] = int(told.loc[told["copy_of"] >= 0, "group"].nunique())
    counts["rows"] = len(raw)
    return soiled, counts


def _soil_places(soiled: pd.DataFrame, rows: dict[str, list[int]]) -> None:
    swapped = rows["swapped"]
    lon, lat = soiled.loc[swapped, "经度"], soiled.loc[swapped, "纬度"]
    soiled.loc[swapped, "经度"], soiled.loc[swapped, "纬度"] = lat, lon
    soiled.loc[rows["no_coordinates"], ["经度", "纬度", "坐标系"]] = ""
    soiled.loc[rows["zero_coordinates"], ["经度", "纬度"]] = "0"
    far = rows["far_outside"]
    there = [_FAR[k % len(_FAR)] for k in range(len(far))]
    soiled.loc[far, "经度"] = [f"{x + k * 0.0007:.6f}" for k, (x, _) in enumerate(there)]
    soiled.loc[far, "纬度"] = [f"{y + k * 0.0003:.6f}" for k, (_, y) in enumerate(there)]


def _soil_words(soiled: pd.DataFrame, rows: dict[str, list[int]]) -> None:
    ids, reported = soiled["上报编号"].tolist(), soiled["上报时间"].tolist()
    soiled.loc[rows["repeated_id"], "上报编号"] = [ids[i - 1] for i in rows["repeated_id"]]
    before = [
        (pd.Timestamp(reported[i]) - pd.Timedelta(hours=5)).strftime("%Y-%m-%d %H:%M")
        for i in rows["closed_before_reported"]
    ]
    soiled.loc[rows["closed_before_reported"], "结案时间"] = before
    for fault, column, texts in (
        ("hostile_text", "问题描述", HOSTILE),
        ("unknown_category", "问题类别", _UNKNOWN),
        ("unreadable_time", "上报时间", _NO_TIME),
    ):
        soiled.loc[rows[fault], column] = [texts[k % len(texts)] for k in range(len(rows[fault]))]
