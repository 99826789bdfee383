"""Real reports against real boundaries: does the publisher's own area column agree with `locate`?

Run ``GRIDKIT_DATA=<folder> python benchmarks/real_location.py``. The folder holds public records
of Chicago and New York that are not part of gridkit; without it the run says so and ends.

A line for each set: rows that state an area and have a point, the share whose area is our first
candidate, the first or the second (within 1 m of the border), a plain point-in-polygon join with
border ties counted by half, and what `check_edition` says. Bars that are missed are named below
with the rows behind them; the exit code is their number.
"""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import gridkit as gk

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

BOROUGHS = ("MANHATTAN", "BRONX", "BROOKLYN", "QUEENS", "STATEN ISLAND")


@dataclass(frozen=True)
class Case:
    """One set of reports, the publisher's column, and the cells to hold it against."""

    name: str
    reports: str
    column: str
    cells: str
    code: str
    verdict: str
    bar: float | None = None
    keep: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table


@dataclass(frozen=True)
class Outcome:
    rows: int
    first: float
    either: float
    strict: float
    edition: gk.Edition
    missed: pd.DataFrame


def board(table: pd.DataFrame) -> pd.DataFrame:
    """Write community boards as the map does: ``05 MANHATTAN`` is 105."""
    parts = table["community_board"].str.extract(r"^(\d\d) (.+)$")
    digits = {borough: str(i) for i, borough in enumerate(BOROUGHS, start=1)}
    codes = parts[1].map(digits).str.cat(parts[0])
    return table.assign(community_board=codes.fillna(table["community_board"]))


def years(first: int, last: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table[table["Year"].between(first, last)]


def cases() -> list[Case]:
    areas = ("chicago/community_areas.fgb", "area_numbe")
    wards = ("chicago/wards_2015.fgb", "ward")
    beats = ("chicago/police_beats_2014.fgb", "BEAT_NUM")
    districts = ("chicago/police_districts_2014.fgb", "DIST_NUM")
    incidents = "chicago/incidents_2018.parquet"
    long_run = "chicago/incidents_beats_2001_2018.parquet"
    holes = "chicago/potholes_2018.parquet"
    new, old = years(2013, 2018), years(2001, 2012)
    found = [
        Case("incidents 2018 / area", incidents, "CommunityArea", *areas, "same", 99.6),
        Case("incidents 2018 / ward", incidents, "Ward", *wards, "different"),
        Case("incidents 2013-18 / beat", long_run, "Beat", *beats, "same", 99.8, new),
        Case("incidents 2001-12 / beat", long_run, "Beat", *beats, "different", None, old),
        Case("incidents 2013-18 / district", long_run, "District", *districts, "same", None, new),
        Case("potholes / area", holes, "community_area", *areas, "same"),
        Case("potholes / ward", holes, "ward", *wards, "same"),
        Case("potholes / district", holes, "police_district", *districts, "same"),
    ]
    for part in ("2018", "2024_apr", "2024_may"):
        file, column = f"nyc/sr311_{part}.parquet", "community_board"
        for kind, bar in (("2013", 100.0), ("simplified", None)):
            cells = (f"nyc/community_districts_{kind}.fgb", "BoroCD")
            found.append(Case(f"311 {part} / {kind}", file, column, *cells, "same", bar, board))
    return found


def located_and_cells(case: Case, folder: Path) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    cells = gk.read_cells(folder / case.cells, code=case.code, merge_parts=True)
    table = case.keep(pd.read_parquet(folder / case.reports))
    place = [c for c in table.columns if c.lower() in ("latitude", "longitude")]
    reports = gk.read_reports(table[[*place, case.column]], crs=cells.crs).reports
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        located = gk.locate(reports, cells, ambiguous_m=1.0, on_overlap="report")
    for text in {str(w.message).splitlines()[0] for w in caught}:
        print(f"  {case.name}: {text}")
    return located, cells


def plain(codes: pd.Series) -> pd.Series:
    """Return codes without leading zeros and decimals, as this script's own reading of them."""
    return codes.astype("str").str.replace(r"\.0$", "", regex=True).str.lstrip("0")


def run(case: Case, folder: Path) -> Outcome:
    located, cells = located_and_cells(case, folder)
    edition = gk.check_edition(located, case.column, cells=cells)
    stated = plain(located[case.column])
    counts = stated.str.contains(r"\d", na=False) & (located["located_by"] != "unlocated")
    asked, stated = located[counts], stated[counts]
    first = (plain(asked["cell_code"]) == stated).to_numpy()
    second = (plain(asked["alt_cell_code"]) == stated).to_numpy()
    joined = asked[["geometry"]].sjoin(cells[["cell_code", "geometry"]], predicate="intersects")
    hit = plain(joined["cell_code"]) == stated.loc[joined.index]
    strict = hit.groupby(level=0).mean().sum() / len(asked)
    shares = [100 * float(share) for share in (first.mean(), (first | second).mean(), strict)]
    return Outcome(len(asked), *shares, edition, missed_rows(asked[~(first | second)], case, cells))


def missed_rows(missed: gpd.GeoDataFrame, case: Case, cells: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return where the publisher's area is neither candidate, and how far away it is."""
    shapes = dict(zip(plain(cells["cell_code"]), cells.geometry, strict=True))
    away = [
        shapes[code].distance(point) if code in shapes else np.nan
        for code, point in zip(plain(missed[case.column]), missed.geometry, strict=True)
    ]
    columns = [case.column, "cell_code", "located_by", "border_m"]
    return missed[columns].assign(away_m=np.round(away, 2))


def failures(case: Case, outcome: Outcome) -> list[str]:
    """Return the bars that were missed, in words."""
    found = []
    if case.bar is not None and outcome.either < case.bar:
        found.append(f"first or second {outcome.either:.3f} %, bar {case.bar} %")
    if outcome.first < outcome.strict - 1e-9:
        found.append(f"first {outcome.first:.3f} % below strict {outcome.strict:.3f} %")
    if outcome.edition.verdict != case.verdict:
        found.append(f"check_edition says {outcome.edition.verdict}, wanted {case.verdict}")
    return found


def why(outcome: Outcome) -> str:
    """Count the rows whose area is neither candidate by how far from the point it lies."""
    away = outcome.missed["away_m"]
    labels = ["within 1 m", "1–10 m", "10–50 m", "50 m–1 km", "farther"]
    bins = pd.cut(away, [-1, 1, 10, 50, 1000, np.inf], labels=labels)
    counts = bins.cat.add_categories("not on the map").fillna("not on the map").value_counts()
    return ", ".join(f"{n} {label}" for label, n in counts.items() if n)


def main() -> int:
    folder = os.environ.get("GRIDKIT_DATA")
    if not folder:
        print("GRIDKIT_DATA is not set: the run on real data is skipped.")
        return 0
    missed = 0
    details = []
    head = ("set", "rows", "first %", "1st/2nd %", "strict %", "odd %", "edition")
    print("{:30s} {:>8s} {:>9s} {:>10s} {:>9s} {:>7s}  {}".format(*head))
    for case in cases():
        outcome = run(case, Path(folder))
        edition = outcome.edition
        print(
            f"{case.name:30s} {outcome.rows:8,d} {outcome.first:9.3f} {outcome.either:10.3f} "
            f"{outcome.strict:9.3f} {100 * edition.odd_share:7.2f}  {edition.verdict}"
        )
        if len(outcome.missed):
            print(f"  neither candidate: {why(outcome)}")
        texts = failures(case, outcome)
        missed += len(texts)
        if texts:
            details.append((case.name, texts, outcome))
    for name, texts, outcome in details:
        print(f"\nMISSED {name}: {'; '.join(texts)}")
        print(outcome.missed.head(10).to_string(index=False))
        print(outcome.edition.text("en"))
    print(f"\n{missed} bar(s) missed.")
    return missed


if __name__ == "__main__":
    sys.exit(main())
