"""The made city: a coastal district, its people and a year of its dirty reports."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj

from ..crs import to_datum
from ..errors import OptionError
from ..files import atomic_path
from ..intake.district import District
from ..messages import message
from .buildings import Stock, build
from .dirt import soil, tell_again
from .people import PROPERTY, roster_frame, unit_frame
from .places import DISTRICT_NAME, Places, merged, name_places
from .plans import PLANS
from .problems import happen
from .progress import STAGES, progress
from .roads import Blocks, draw_side_streets, street_frame
from .sites import Sites
from .terrain import CRS, Plan, draw_ground

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["City", "grow", "make_city", "write_city"]

Size = Literal["small", "demo", "zhifu"]

_HEADERS = {
    "id": "上报编号",
    "reported": "上报时间",
    "source": "上报渠道",
    "code": "问题类别",
    "text": "问题描述",
    "address": "地址",
    "lon": "经度",
    "lat": "纬度",
    "datum": "坐标系",
    "first": "首接单位",
    "unit": "责任单位",
    "accepted": "受理时间",
    "filed": "立案时间",
    "dispatched": "派遣时间",
    "disposed": "处置时间",
    "closed": "结案时间",
    "status": "状态",
    "rework": "返工次数",
}
_UNITS = {
    "市政": "市政养护所",
    "园林": "园林绿化所",
    "工地": "工地管理所",
    "河道": "河道管理所",
    "自来水": "自来水公司",
    "供电": "供电公司",
    "通信": "通信公司",
}
_ENCODING = {"small": "utf-8-sig"}


@dataclass(frozen=True)
class City:
    """A made city.

    Attributes
    ----------
    size : str
        ``small`` (one street office, 16 cells), ``demo`` (a district of about 300 cells) or
        ``zhifu`` (one of 7,840).
    district : District
        Boundary, communities, streets, water and buildings in CGCS2000 / Gauss-Krüger CM 120E.
        In size ``zhifu`` the buildings also have ``compound`` (name of the 小区 or village, empty
        elsewhere) and ``keep_whole`` (it stands on ground that its owner runs alone: works, port,
        exhibition ground, school).
    roster : DataFrame
        The roster as its file holds it: text, Chinese headers, bases in WGS84.
    units : DataFrame
        Responsible units: ``unit_code``, ``name``, ``kind``, ``group``, ``chief_id``,
        ``parent_code``.
    reports : DataFrame
        A year of raw reports as their file holds them: text, Chinese headers, faults and all.
    dirt : mapping of str to int
        How many rows have each fault.
    cells : int
        How many cells the city is made for.
    per_cell : int
        Households of one cell: 300; in size ``zhifu`` 45, on some 2.3 ha.

    Examples
    --------
    >>> import gridkit as gk
    >>> city = gk.make_city("small")
    >>> city.dirt["swapped"]
    9
    """

    size: str
    district: District
    roster: pd.DataFrame
    units: pd.DataFrame
    reports: pd.DataFrame
    dirt: Mapping[str, int]
    cells: int
    per_cell: int


def make_city(size: Size = "demo", *, seed: int = 0) -> City:
    """Make a city: the same one for the same size and seed, on every machine.

    Nothing in it is real: the district, its code 370699, its streets, people and phone numbers
    (1380000xxxx) are made; it lies near Yantai so that datums and calendars can be shown.

    Parameters
    ----------
    size : {"demo", "small", "zhifu"}
        ``small``: one street office with 5 communities, 4,800 households, about 700 reports.
        ``demo``: six street offices with 28 communities, 90,000 households, about 9,000 reports.
        ``zhifu``: after that district's figures, 12 street offices with 149 communities on some
        176 km², more than 30,000 street blocks, 7,840 cells, 352,800 households, about 61,000
        reports; takes half a minute.
    seed : int
        Another seed draws other side streets, people and problems on the same ground plan.

    Returns
    -------
    City

    Raises
    ------
    OptionError
        Unknown size, or a negative seed.

    Examples
    --------
    >>> import gridkit as gk
    >>> city = gk.make_city("small")
    >>> city.district.name, len(city.district.communities)
    ('临海区', 5)
    >>> int(city.district.buildings["households"].sum())
    4800
    """
    if size not in PLANS:
        known = ", ".join(PLANS)
        raise OptionError(*message("options.unknown", name="size", value=size, choices=known))
    if seed < 0:
        raise OptionError(*message("demo.bad_seed", value=seed))
    return grow(size, PLANS[size](), seed=seed)


def grow(size: str, plan: Plan, *, seed: int) -> City:
    """Let a city grow on a ground plan."""
    # One stream for each part: a change of one does not redraw the others.
    ground_rng, house_rng, people_rng, year_rng = _streams(seed, 4)
    ground = draw_ground(plan, ground_rng)
    blocks = draw_side_streets(ground, ground_rng)
    stock = build(plan, blocks, house_rng)
    places = name_places(plan, blocks, stock.households, house_rng)
    roster = roster_frame(plan, places, stock, people_rng)
    reports, dirt = _year(plan, blocks, stock, places, year_rng)
    return City(
        size,
        _district(plan, blocks, stock, places),
        roster,
        unit_frame(places, roster),
        reports,
        dirt,
        plan.cells,
        plan.per_cell,
    )


def _streams(seed: int, n: int) -> list[np.random.Generator]:
    parts = np.random.SeedSequence(seed).spawn(n)
    return [np.random.Generator(np.random.PCG64(part)) for part in parts]


def _district(plan: Plan, blocks: Blocks, stock: Stock, places: Places) -> District:
    tags = blocks.ground.tags
    river = [f for f, tag in tags.items() if tag == "river"]
    sea = [f for f, tag in tags.items() if tag == "sea"]
    boundary = gpd.GeoDataFrame(
        {"name": [DISTRICT_NAME]}, geometry=[merged(blocks, [*blocks.land, *river])], crs=CRS
    )
    water = gpd.GeoDataFrame(
        {"kind": ["river", "sea"], "name": [plan.river_name, "临海湾"]},
        geometry=[merged(blocks, river), merged(blocks, sea)],
        crs=CRS,
    )
    return District(
        DISTRICT_NAME,
        boundary=boundary,
        communities=places.frame,
        streets=street_frame(blocks.ground),
        water=water,
        buildings=stock.frame,
    )


def _year(
    plan: Plan, blocks: Blocks, stock: Stock, places: Places, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[str, int]]:
    sites = Sites(plan, blocks, stock, rng)
    told = tell_again(happen(plan.reports, sites, places, rng), rng)
    return soil(_as_file(progress(told, rng)), told, rng)


def _as_file(told: pd.DataFrame) -> pd.DataFrame:
    """Return the problems as an export of a city platform: text, Chinese headers."""
    lon, lat = _coordinates(told)
    columns = {
        "id": [f"LH25{i + 1:05d}" for i in range(len(told))],
        "reported": _clock(told["minute"]),
        "first": _first_receiver(told),
        "unit": [
            _UNITS.get(unit) or _local_unit(unit, street)
            for unit, street in zip(told["unit"], told["street"], strict=True)
        ],
        "lon": [f"{v:.6f}" for v in lon],
        "lat": [f"{v:.6f}" for v in lat],
        "rework": ["1" if n else "" for n in told["rework"]],
        **{stage: _clock(told[stage]) for stage in STAGES},
        **{c: told[c].tolist() for c in ("source", "code", "text", "address", "datum", "status")},
    }
    return pd.DataFrame({zh: pd.Series(columns[c], dtype="str") for c, zh in _HEADERS.items()})


def _coordinates(told: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's longitude and latitude in the datum its source writes."""
    transformer = pyproj.Transformer.from_crs(CRS, "EPSG:4490", always_xy=True)
    lon, lat = transformer.transform(told["x"].to_numpy(), told["y"].to_numpy())
    for datum, code in (("GCJ-02", "gcj02"), ("BD-09", "bd09")):
        rows = told["datum"].eq(datum).to_numpy()
        lon[rows], lat[rows] = to_datum(lon[rows], lat[rows], source="wgs84", target=code)
    return lon, lat


def _clock(minutes: pd.Series) -> list[str]:
    """Return minutes since New Year 2025 as text; empty below zero."""
    stamps = np.datetime64("2025-01-01T00:00", "m") + minutes.to_numpy().astype("timedelta64[m]")
    texts = np.datetime_as_string(stamps, unit="m")
    return [
        "" if m < 0 else t.replace("T", " ") for m, t in zip(minutes, texts.tolist(), strict=True)
    ]


def _local_unit(unit: str, street: str) -> str:
    local = {
        "环卫": f"{street}环卫所",
        "城管": f"{street}城管中队",
        "街道": f"{street}街道办事处",
        "物业": PROPERTY[ord(street[0]) % len(PROPERTY)],
    }
    return local[unit]


def _first_receiver(told: pd.DataFrame) -> list[str]:
    """Return who first took each report: the street's team for its own patrol, or a centre."""
    centres = {"12345热线": "区12345热线中心", "上级督办": "区监督指挥中心"}
    return [
        f"{street}城管中队" if source == "巡查上报" else centres.get(source, centres["上级督办"])
        for source, street in zip(told["source"], told["street"], strict=True)
    ]


def write_city(city: City, folder: str | Path) -> list[Path]:
    """Write a city as the files an office would send.

    ``district.gpkg`` (layers boundary, communities, streets, water, buildings), ``roster.xlsx``,
    ``units.csv`` and ``reports.csv``; the larger cities' reports are in GB18030, as many exports
    are, the smaller one's in UTF-8 with a byte order mark.

    Parameters
    ----------
    city : City
    folder : path
        Made when it is missing; files of these names are replaced.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    FileError
        The folder cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> import gridkit as gk
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in gk.write_city(gk.make_city("small"), folder)]
    ['district.gpkg', 'roster.xlsx', 'units.csv', 'reports.csv']
    """
    from ..sheets import write_xlsx

    target = Path(folder)
    names = ("district.gpkg", "roster.xlsx", "units.csv", "reports.csv")
    district, roster, units, reports = (target / name for name in names)
    _write_district(city.district, district)
    write_xlsx(roster, {"人员名册": city.roster})
    _write_raw(city.units, units, "utf-8-sig")
    _write_raw(city.reports, reports, _ENCODING.get(city.size, "gb18030"))
    return [district, roster, units, reports]


def _write_district(district: District, path: Path) -> None:
    import pyogrio

    with atomic_path(path) as temporary:
        for layer in ("boundary", "communities", "streets", "water", "buildings"):
            pyogrio.write_dataframe(
                getattr(district, layer), temporary, layer=layer, SPATIAL_INDEX="NO"
            )
        _settle_bytes(temporary)


def _settle_bytes(path: Path) -> None:
    """Take the clock and the free pages out of a GeoPackage: small, and it changes when it must."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        with database:
            database.execute("UPDATE gpkg_contents SET last_change = '2026-01-01T00:00:00.000Z'")
        database.execute("PRAGMA page_size = 1024")
        database.execute("VACUUM")


def _write_raw(frame: pd.DataFrame, path: Path, encoding: str) -> None:
    """Write a table as it is: this file is meant to be dirty, so nothing is neutralised."""
    with atomic_path(path) as temporary:
        frame.to_csv(temporary, index=False, encoding=encoding, lineterminator="\n")
