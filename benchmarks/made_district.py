"""A made district for the benches of pages: cells, streets, buildings, people and a year of cases.

As large as the largest of the programmes: 7,840 cells of about 36 vertices, four people each,
20,000 buildings. Cases lie along the streets, some busier than others.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from coverages import CRS, bent_lattice, street_points

import gridkit as gk

SIZE_M = 150.0
WIDE = 8  # cells between main roads, and of a community
ROLES = ("officer", "cleaner", "cadre", "volunteer")
CATEGORIES = ("E0405", "E0110", "E0204", "E0103", "C0101", "E0301", "E0501", "C0203", "E0602")
SURNAMES, GIVEN = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗",
    "伟芳娜敏静丽强磊军洋勇艳杰涛明超兰霞平刚",
)


@dataclass(frozen=True)
class Made:
    """What a plan and a ledger hold."""

    district: gk.District
    cells: gpd.GeoDataFrame
    posts: pd.DataFrame
    roster: pd.DataFrame
    coverage: object


def made_district(n: int = 7_840, *, buildings: int = 20_000, seed: int = 0) -> Made:
    """Return a district of so many cells."""
    coverage = bent_lattice(n, seed=seed, size_m=SIZE_M, bends=(6, 10))
    wide = -(-n // max(1, int(np.sqrt(n * 0.8))))
    row, column = np.arange(n) // wide, np.arange(n) % wide
    block = (row // WIDE) * (-(-wide // WIDE)) + column // WIDE
    community = np.array([f"370602{1 + b // 24:03d}{1 + b % 24:03d}" for b in block])
    nth = pd.Series(community).groupby(community).cumcount().to_numpy() + 1
    cells = coverage.cells().assign(
        cell_code=[f"{c}{k:03d}" for c, k in zip(community, nth, strict=True)],
        community_code=community,
        street_code=[c[:9] for c in community],
        load=np.random.default_rng(seed).integers(20, 420, n),
    )
    district = gk.District(
        "示例区",
        gpd.GeoDataFrame(geometry=[cells.union_all()], crs=CRS),
        _communities(cells),
        _streets(coverage, n, wide),
        None,
        _buildings(cells, buildings, seed),
    )
    return Made(district, cells, *_people(cells, seed), coverage)


def _communities(cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    land = cells.dissolve("community_code")[["geometry"]].reset_index()
    codes = land["community_code"]
    return land.assign(
        name=[f"{GIVEN[int(c[-3:]) % 20]}{SURNAMES[int(c[6:9]) % 20]}社区" for c in codes],
        street_code=codes.str[:9],
        street_name=[f"{SURNAMES[int(c[6:9]) % 20]}家街道" for c in codes],
    )


def _streets(coverage, n: int, wide: int) -> gpd.GeoDataFrame:
    """Return every lattice line of each second row and column; each eighth is a main road."""
    high = -(-n // wide)
    lines, names, classes = [], [], []
    level = (high + 1) * wide

    def line(k: int) -> np.ndarray:
        return coverage.xy[coverage.start[k] : coverage.start[k + 1]]

    for i in range(0, high + 1, 2):
        lines.append(shapely.LineString(np.vstack([line(i * wide + j) for j in range(wide)])))
        names.append(f"{GIVEN[i % 20]}{GIVEN[i // 20]}路")
        classes.append("primary" if i % WIDE == 0 else "residential")
    for j in range(0, wide + 1, 2):
        rows = [line(level + i * (wide + 1) + j) for i in range(high)]
        lines.append(shapely.LineString(np.vstack(rows)))
        names.append(f"{SURNAMES[j % 20]}{GIVEN[j // 20]}街")
        classes.append("primary" if j % WIDE == 0 else "residential")
    return gpd.GeoDataFrame({"name": names, "road_class": classes}, geometry=lines, crs=CRS)


def _buildings(cells: gpd.GeoDataFrame, n: int, seed: int) -> gpd.GeoDataFrame:
    rng = np.random.default_rng(seed + 1)
    middle = shapely.get_coordinates(shapely.centroid(cells.geometry.to_numpy()))
    where = middle[rng.integers(0, len(cells), n)] + rng.uniform(-50, 50, (n, 2))
    wide, deep = rng.uniform(8, 32, n), rng.uniform(5, 9, n)
    shapes = shapely.box(*(where - np.c_[wide, deep]).T, *(where + np.c_[wide, deep]).T)
    return gpd.GeoDataFrame({"households": rng.integers(0, 90, n)}, geometry=shapes, crs=CRS)


def _people(cells: gpd.GeoDataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed + 2)
    n = len(cells) * len(ROLES)
    role = np.tile(ROLES, len(cells))
    person = [f"P{k:06d}" for k in range(n)]
    posts = pd.DataFrame(
        {
            "level": "cell",
            "area_code": np.repeat(cells["cell_code"].to_numpy(), len(ROLES)),
            "role": role,
            "person_id": person,
        }
    )
    letters = rng.integers(0, 20, (n, 3))
    roster = pd.DataFrame(
        {
            "person_id": person,
            "role": role,
            "name": [SURNAMES[a] + GIVEN[b] + GIVEN[c] for a, b, c in letters],
            "phone": [f"138{k:08d}" for k in rng.integers(0, 10**8, n)],
        }
    )
    return posts, roster


def made_cases(made: Made, n: int, *, seed: int = 0) -> gpd.GeoDataFrame:
    """Return a year of located cases: most closed, some open, some overdue."""
    rng = np.random.default_rng(seed + 3)
    x, y = street_points(made.coverage, n, seed=seed)
    place = gk.Locator(made.cells).locate_xy(x, y)
    inside = place >= 0
    code = made.cells["cell_code"].to_numpy()[np.maximum(place, 0)]
    start = pd.Timestamp("2025-01-01", tz="Asia/Shanghai")
    reported = start + pd.to_timedelta(rng.integers(0, 365 * 1440, n), unit="min").as_unit("us")
    hours = rng.exponential(20, n)
    due = reported + pd.Timedelta(hours=48)
    done = reported + pd.to_timedelta(np.round(hours * 60), unit="min").as_unit("us")
    end = start + pd.Timedelta(days=365)
    finished = (done < end) & (rng.random(n) < 0.97)
    never = pd.Series(pd.NaT, range(n), dtype=reported.dtype)
    times = pd.Series(done).where(finished, never)
    share = np.array([0.25, 0.18, 0.14, 0.1, 0.1, 0.08, 0.07, 0.05, 0.03])
    units = np.array([f"{s}家街道办事处" for s in SURNAMES] + ["区环卫所", "区城管大队"])
    street = pd.Series(code).str[6:9].astype(int).to_numpy()
    return gpd.GeoDataFrame(
        {
            "case_id": [f"C{k:07d}" for k in range(n)],
            "stage": np.where(finished, "closed", "dispatched"),
            "category": rng.choice(CATEGORIES, n, p=share),
            "source": rng.choice(["巡查", "热线", "公众"], n, p=[0.7, 0.2, 0.1]),
            "cell_code": pd.Series(code, dtype="str").where(inside),
            "responsible_unit": np.where(rng.random(n) < 0.3, units[-2], units[street % 20]),
            "reported_at": reported,
            "accepted_at": reported,
            "filed_at": reported,
            "dispatched_at": reported,
            "dispose_due_at": due,
            "disposed_at": times,
            "close_due_at": due + pd.Timedelta(hours=24),
            "closed_at": times,
        },
        geometry=gpd.points_from_xy(x, y),
        crs=CRS,
    )
