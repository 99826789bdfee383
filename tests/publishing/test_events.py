"""Cases as whole numbers: what is packed comes back, and the public gets no small counts."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from gridkit.publishing.encode import Block, to_screen
from gridkit.publishing.events import (
    CLOSED,
    OPEN,
    OVERDUE,
    Events,
    events_of,
    grid_of,
    mask_events,
    pack_events,
    timeline,
)

TZ = "Asia/Shanghai"


def read_varints(data):
    numbers, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
    return numbers


def unpacked(where, parts, cells):
    """Return (cell, square, span, category, state, hour) of each case, in the page's order."""
    numbers = iter(read_varints(parts[where["part"]]))
    groups = [next(numbers) for _ in range(cells + 1)]
    squares, at = [], 0
    for _ in range(sum(groups)):
        z = next(numbers)
        at += z // 2 if z % 2 == 0 else -(z + 1) // 2
        squares.append(at)
    sizes = [next(numbers) for _ in range(sum(groups))]
    assert next(numbers, None) is None
    span, what, hour = (list(parts[k]) for k in where["planes"])
    rows, group, case = [], 0, 0
    for cell, count in enumerate(groups):
        for _ in range(count):
            for _ in range(sizes[group]):
                kind = what[case]
                own = -1 if cell == cells else cell
                rows.append((own, squares[group], span[case], kind // 3, kind % 3, hour[case]))
                case += 1
            group += 1
    assert case == where["n"] == len(span)
    return rows


def made_events(n, seed=0, cells=7):
    rng = np.random.default_rng(seed)
    return Events(
        rng.integers(-1, cells, n), rng.integers(-1, 400, n), rng.integers(0, 5, n),
        rng.integers(0, 4, n), rng.integers(0, 3, n), rng.integers(0, 8, n),
        ["a", "b", "c", "d"],
    )  # fmt: skip


def rows_of(events):
    columns = ("cell", "square", "span", "category", "state", "hour")
    return list(zip(*(getattr(events, c).tolist() for c in columns), strict=True))


@pytest.mark.parametrize("n", [0, 1, 3_000])
def test_cases_come_back_and_none_is_lost(n):
    events, block = made_events(n), Block()
    where = pack_events(block, events, 7)
    assert sorted(unpacked(where, block.parts, 7)) == sorted(rows_of(events))


def test_squares_stay_where_they_are_and_lie_true_on_the_screen():
    land = gpd.GeoSeries([shapely.box(531_013, 4_155_027, 546_000, 4_167_000)], crs=4549)
    grid = grid_of(land)
    lattice = grid.lattice
    assert (lattice.x0, lattice.y0, lattice.bin_m) == (531_000, 4_155_000, 50)
    assert grid_of(land.translate(60, 60)).lattice.x0 == 531_050
    inside = shapely.box(531_000, 4_155_000, 531_050, 4_155_050).intersection(land[0]).area
    assert grid.share[0, 0] == pytest.approx(inside / 2500, abs=0.1)
    rng = np.random.default_rng(1)
    xy = rng.uniform((531_000, 4_155_000), (546_000, 4_167_000), (50, 2))
    truth = shapely.get_coordinates(to_screen(gpd.GeoSeries.from_xy(*xy.T, crs=4549)).to_numpy())
    place = np.c_[(xy - (lattice.x0, lattice.y0)) / 50, np.ones(50)]
    assert (
        np.abs(place @ grid.to_screen.T - truth).max() < 6
    )  # metres, on 15 km: a tenth of a square
    far = gpd.GeoSeries([shapely.box(400_000, 4_000_000, 500_000, 4_100_000)], crs=4549)
    assert grid_of(far).lattice.bin_m == 100


@pytest.mark.parametrize(
    ("days", "step", "labels"), [(20, "D", 21), (120, "W", 18), (361, "M", 12), (1200, "M", 24)]
)
def test_time_is_parted_as_its_length_asks(days, step, labels):
    start = pd.Timestamp("2022-01-03 00:30", tz=TZ)
    times = pd.Series(pd.date_range(start, periods=days + 1, freq="D").tz_convert("UTC"))
    made = timeline(times, times.max(), TZ)
    assert made.step == step
    assert len(made.labels) == labels
    assert made.older == (days == 1200)
    local = times.dt.tz_convert(TZ).dt.tz_localize(None).dt.to_period(step)
    if not made.older:
        assert (made.place == local.rank(method="dense").to_numpy() - 1).all()
    assert made.place.min() == 0
    assert made.place.max() == labels - 1


def test_time_without_any_case_or_with_empty_times():
    empty = pd.Series([], dtype="datetime64[us, UTC]")
    assert timeline(empty, None, TZ).labels == [""]
    times = pd.Series(pd.to_datetime(["2025-05-01T00:00Z", None, "2025-05-03T00:00Z"]))
    assert timeline(times, times.max(), TZ).place.tolist() == [0, 0, 2]


def square(x, y):
    return shapely.box(500_000 + x, 4_150_000 + y, 500_200 + x, 4_150_200 + y)


@pytest.fixture
def cells():
    codes = ["A", "B"]
    return gpd.GeoDataFrame({"cell_code": codes}, geometry=[square(0, 0), square(200, 0)], crs=4549)


def test_states_cells_and_hours(cells):
    at = pd.Timestamp("2025-05-10 12:00", tz=TZ)
    reported = pd.to_datetime(
        ["2025-05-02 05:59", "2025-05-03 06:00", "2025-05-04 23:00", "2025-05-05 12:00", None]
    ).tz_localize(TZ)  # a Friday, a Saturday, a Sunday, a Monday
    cases = gpd.GeoDataFrame(
        {
            "case_id": list("12345"),
            "stage": ["closed", "filed", "filed", "closed", "filed"],
            "category": ["E0405", None, "E0405", "XX", "E0405"],
            "cell_code": ["A", "old", None, "B", "gone"],
            "reported_at": reported,
            "dispose_due_at": [at - pd.Timedelta("1h"), at - pd.Timedelta("1h"), at, at, pd.NaT],
            "disposed_at": [at - pd.Timedelta("2h"), pd.NaT, pd.NaT, at, pd.NaT],
            "closed_at": [at, pd.NaT, pd.NaT, at + pd.Timedelta("1h"), pd.NaT],
        },
        geometry=[shapely.Point(500_010, 4_150_010), shapely.Point(500_390, 4_150_190),
                  shapely.Point(), None, shapely.Point(900_000, 1)],
        crs=4549,
    )  # fmt: skip
    grid = grid_of(gpd.GeoSeries([cells.union_all()], crs=4549))
    spans = timeline(cases["reported_at"], at, TZ)
    names = {"E0405": "店外经营"}
    made = events_of(
        cases, cells, grid, at=at, spans=spans, names=names, lang="zh", tz=TZ
    )  # fmt: skip
    assert made.cell.tolist() == [0, 1, -1, 1, -1]  # an older code belongs where it lies
    assert made.square.tolist() == [0, 3 * grid.lattice.nx + 7, -1, -1, -1]
    assert made.state.tolist() == [CLOSED, OVERDUE, OPEN, OPEN, OPEN]
    assert made.hour.tolist() == [0, 5, 7, 2, 0]
    assert made.categories == ["店外经营", "XX", "未注明"]
    assert made.category.tolist() == [0, 2, 0, 1, 0]


def test_rare_categories_are_put_together(cells):
    counts = np.repeat(np.arange(20), np.arange(20, 0, -1))
    cases = gpd.GeoDataFrame(
        {"case_id": [str(i) for i in range(len(counts))], "stage": "filed",
         "category": [f"K{k:02}" for k in counts]},
        geometry=[None] * len(counts), crs=4549,
    )  # fmt: skip
    grid = grid_of(gpd.GeoSeries([cells.union_all()], crs=4549))
    empty = pd.Series(pd.NaT, cases.index, dtype="datetime64[us, UTC]")
    made = events_of(
        cases, cells, grid, at=None, spans=timeline(empty, None, TZ), names={}, lang="en", tz=TZ
    )
    assert len(made.categories) == 15
    assert made.categories[-1] == "6 other kinds"
    assert np.bincount(made.category).tolist() == [*range(20, 6, -1), sum(range(1, 7))]


def test_the_public_sees_where_and_when_but_no_small_counts():
    events = made_events(600, seed=3, cells=40)
    seen = mask_events(events, audience="public")
    shown = pd.Series(list(zip(seen.cell, seen.span, strict=True))).value_counts()
    assert shown.min() >= 5
    assert 0 < len(seen.cell) < 600
    assert seen.withheld == 600 - len(seen.cell)
    assert not seen.category.any()
    assert not seen.state.any()
    assert not seen.hour.any()
    assert seen.categories == []
    for audience in ("internal", "leaders"):
        assert mask_events(events, audience=audience) is events


def test_one_withheld_count_takes_a_second_with_it():
    cell = np.repeat([0, 1, 2, 3], [9, 6, 3, 20])
    nothing = np.zeros(len(cell), np.int64)
    events = Events(cell, nothing, nothing, nothing, nothing, nothing, ["a"])
    seen = mask_events(events, audience="public")
    # Cell 2 has three; the sum of all would give it away, so the smallest other goes too.
    assert sorted(set(seen.cell.tolist())) == [0, 3]
    alone = events.take(cell == 2)
    assert len(mask_events(alone, audience="public").cell) == 0
