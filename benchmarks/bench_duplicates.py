"""Repeated reports among a million, against a spatial join; planted pairs; Chicago's potholes.

python benchmarks/bench_duplicates.py [reports]
"""

import os
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

import gridkit as gk

CRS, HOURS = 4549, 365 * 24


def made(n, seed=0):
    """Reports around hot places; a hundredth are planted repetitions, many at the edge."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 14_000, (4_000, 2))
    first = n - n // 100
    at = places[rng.integers(0, len(places), first)] + rng.normal(0, 120, (first, 2))
    hour = rng.uniform(0, HOURS, first)
    category = rng.choice([f"E{k:04}" for k in range(150)], first)
    lead = rng.choice(first, n - first, replace=False)
    angle = rng.uniform(0, 2 * np.pi, n - first)
    far = rng.choice([0.0, 25.0, 49.999], n - first)
    step = np.column_stack([np.cos(angle), np.sin(angle)]) * far[:, None]
    after = rng.choice([0.01, 12.0, 23.999], n - first)
    at, hour = np.concatenate([at, at[lead] + step]), np.concatenate([hour, hour[lead] + after])
    category = np.concatenate([category, category[lead]])
    start = pd.Timestamp("2026-01-01", tz="Asia/Shanghai")
    frame = {
        "report_id": [f"r{k:07}" for k in range(n)],
        "category": pd.array(category, dtype="str"),
        "reported_at": start + pd.to_timedelta(np.round(hour * 3600), unit="s"),
    }
    points = gpd.points_from_xy(*at.T)
    return gpd.GeoDataFrame(frame, geometry=points, crs=CRS), lead, np.arange(first, n)


def joined(reports):
    """All pairs within 50 m by a join of geopandas, then filtered."""
    pairs = reports.sindex.query(reports.geometry, predicate="dwithin", distance=50.0)
    one, other = pairs[:, pairs[0] < pairs[1]]
    same = reports["category"].to_numpy()[one] == reports["category"].to_numpy()[other]
    times = reports["reported_at"].to_numpy()
    soon = np.abs(times[one] - times[other]) <= np.timedelta64(24, "h")
    return int((same & soon).sum())


def timed(name, work):
    start = time.process_time()
    result = work()
    print(f"{name:44}{time.process_time() - start:8.2f} s CPU")
    return result


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    reports, lead, planted = made(n)
    found = timed(f"find_duplicates, {n:,} reports", lambda: gk.find_duplicates(reports))
    told = found["duplicate_of"].notna().to_numpy()
    # What repeats another itself leads nothing: its repetition is held against that one.
    leads = ~told[lead]
    missed = int((~told[planted][leads]).sum())
    print(f"  {told.sum():,} repetitions; planted behind a leader {leads.sum():,}, missed {missed}")
    few = reports.iloc[: n // 10]
    timed(f"peer: join within 50 m, {len(few):,} reports", lambda: joined(few))
    index = gk.DuplicateIndex()
    rows = few.sort_values("reported_at")
    xy = np.column_stack([rows.geometry.x, rows.geometry.y])
    columns = [rows[c].tolist() for c in ("report_id", "category", "reported_at")]

    def live():
        for name, category, at, (x, y) in zip(*columns, xy.tolist(), strict=True):
            index.file(name, category, x, y, at)

    timed(f"live index, {len(few):,} reports", live)
    data = os.environ.get("GRIDKIT_DATA")
    if data:
        chicago(Path(data) / "chicago" / "potholes_2018.parquet")


def chicago(path):
    raw = pd.read_parquet(path)
    raw = raw[raw["latitude"].notna() & raw["creation_date"].notna()].reset_index(drop=True)
    points = gpd.GeoSeries(gpd.points_from_xy(raw["longitude"], raw["latitude"]), crs=4326)
    times = pd.to_datetime(raw["creation_date"]).dt.tz_localize("America/Chicago")
    frame = {"report_id": [f"p{k}" for k in range(len(raw))], "category": "pothole"}
    reports = gpd.GeoDataFrame(frame, geometry=points).to_crs(26971).assign(reported_at=times)
    truth = raw["status"].str.contains("Dup").to_numpy()
    for reach in (
        gk.Reach(),
        gk.Reach(50, 24 * 14),
        gk.Reach(150, 24 * 14),
        gk.Reach(300, 24 * 14),
    ):
        told = gk.find_duplicates(reports, reach=reach)["duplicate_of"].notna().to_numpy()
        right = int((told & truth).sum())
        print(
            f"Chicago potholes, {reach.radius_m:.0f} m, {reach.hours:.0f} h: told {told.sum()}, "
            f"precision {right / max(told.sum(), 1):.0%}, recall {right / truth.sum():.0%} "
            f"of {truth.sum()} marked"
        )


if __name__ == "__main__":
    main()
