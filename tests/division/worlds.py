"""A small sound grid with all its tables, and the ways to break it that the checker must see."""

from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from gridkit.crs import to_datum
from gridkit.intake.district import District

CRS = 4549
X0, Y0 = 620_000.0, 4_156_000.0
A, B = "370602001001", "370602002001"


def at(shape):
    return shapely.transform(shape, lambda xy: xy + np.array([X0, Y0]))


def frame(shapes, **columns):
    return gpd.GeoDataFrame(geometry=[at(s) for s in shapes], crs=CRS).assign(**columns)


@dataclass(frozen=True)
class World:
    cells: gpd.GeoDataFrame
    district: District | None
    posts: pd.DataFrame | None
    components: gpd.GeoDataFrame | None
    when: str | None = None

    def check(self, check_cells):
        return check_cells(
            self.cells,
            self.district,
            posts=self.posts,
            components=self.components,
            at=self.when,
            lang="en",
        )


def sound_world():
    """Four by three squares of a hectare; two columns each for two communities."""
    rows = [(i, j) for j in (2, 1, 0) for i in range(4)]
    above = [A if i < 2 else B for i, _ in rows]
    turn = {A: 0, B: 0}
    codes = []
    for code in above:
        turn[code] += 1
        codes.append(f"{code}{turn[code]:03d}")
    cells = frame(
        [box(100 * i, 100 * j, 100 * i + 100, 100 * j + 100) for i, j in rows],
        cell_code=codes,
        level="cell",
        parent_code=above,
        community_code=above,
        street_code=[c[:9] for c in above],
        duty_code=[f"D{c}{1 if j else 2:03d}" for c, (_, j) in zip(above, rows, strict=True)],
        load=[float(300 + i) for i in range(12)],
        responsible_unit="office",
        valid_from=pd.Timestamp("2025-01-01"),
        valid_to=pd.NaT,
    )
    communities = frame(
        [box(0, 0, 200, 300), box(200, 0, 400, 300)],
        community_code=[A, B],
        street_code=[A[:9], B[:9]],
    )
    streets = frame([LineString([(0, y), (400, y)]) for y in (100, 200)])
    buildings = frame([box(20, 20, 60, 60), box(90, 140, 99.9, 160)], households=[3, 4])
    district = District(
        "Town",
        frame([box(0, 0, 400, 300)]),
        communities=communities,
        streets=streets,
        buildings=buildings,
    )
    posts = pd.DataFrame(
        {
            "level": ["cell"] * 12 + ["community"] * 2,
            "area_code": [*codes, A, B],
            "role": ["cleaner"] * 12 + ["officer"] * 2,
            "person_id": [f"p{i}" for i in range(14)],
        }
    )
    return World(cells, district, posts, frame([Point(50, 70), Point(150, 150)]))


def with_row(world, row, **values):
    """Change one row; a shape is drawn around (0, 0)."""
    cells = world.cells.copy()
    for column, value in values.items():
        if column == "geometry":
            shapes = cells.geometry.to_numpy().copy()
            shapes[row] = None if value is None else at(value)
            cells = cells.set_geometry(gpd.GeoSeries(shapes, crs=CRS, index=cells.index))
        else:
            column_ = cells[column].astype(object)
            column_.iloc[row] = value
            cells[column] = column_
    return replace(world, cells=cells)


def with_columns(world, **columns):
    return replace(world, cells=world.cells.assign(**columns))


def without(world, row):
    return replace(world, cells=world.cells.drop(index=world.cells.index[row]))


def with_more(world, shapes, **columns):
    more = frame(shapes, **columns)
    kept = world.cells.dropna(axis=1, how="all")
    return replace(world, cells=pd.concat([kept, more], ignore_index=True))


def with_district(world, **layers):
    return replace(world, district=replace(world.district, **layers))


def with_components(world, *points):
    return replace(world, components=frame([Point(*p) for p in points]))


def with_post(world, row, **values):
    posts = world.posts.copy()
    for column, value in values.items():
        posts[column] = posts[column].astype(object)
        posts.loc[row, column] = value
    return replace(world, posts=posts)


def read_as(world, source, target):
    """Move the cells as if a file in one datum had been taken for another."""

    def move(xy):
        return np.column_stack(to_datum(xy[:, 0], xy[:, 1], source=source, target=target))

    degrees = world.cells.to_crs(4326)
    moved = degrees.set_geometry(shapely.transform(degrees.geometry.to_numpy(), move), crs=4326)
    return replace(world, cells=moved.to_crs(CRS))


def swapped(world, a, b):
    codes = world.cells["cell_code"].to_numpy(dtype=object).copy()
    codes[[a, b]] = codes[[b, a]]
    return with_columns(world, cell_code=codes)


def recode(world, digits):
    """Give the second community's street other digits."""
    above = "370602" + digits + "001"
    second = world.cells["community_code"] == B
    code = world.cells["cell_code"]
    communities = world.district.communities.assign(
        community_code=[A, above], street_code=[A[:9], above[:9]]
    )
    cells = world.cells.assign(
        cell_code=code.where(~second, above + code.str[-3:]),
        parent_code=world.cells["parent_code"].where(~second, above),
        community_code=world.cells["community_code"].where(~second, above),
        street_code=world.cells["street_code"].where(~second, above[:9]),
    )
    posts = world.posts.assign(
        area_code=world.posts["area_code"].str.replace(B, above, regex=False)
    )
    return replace(with_district(world, communities=communities), cells=cells, posts=posts)


def square(west, south, east, north):
    """Draw the cell in the south-west corner, whose own square is (0, 0, 100, 100)."""
    return box(west, south, east, north)


SW = 8
"""Row of the cell in the south-west corner."""

DEAD = {"cell_code": [A + "001"], "community_code": A, "parent_code": A, "street_code": A[:9]}

# Name: how to break the sound grid, and exactly the rules that must complain.
BROKEN = {
    "no CRS": (
        lambda w: replace(w, cells=w.cells.set_crs(None, allow_override=True)), "CRS_MISSING"
    ),
    "degrees": (lambda w: replace(w, cells=w.cells.to_crs(4326)), "AREA_IN_DEGREES CRS"),
    "degrees said to be metres": (
        lambda w: replace(w, cells=w.cells.to_crs(4326).set_crs(CRS, allow_override=True)),
        "AREA_IN_DEGREES",
    ),
    "another CRS": (lambda w: replace(w, cells=w.cells.to_crs(4548)), "CRS"),
    "web mercator": (lambda w: replace(w, cells=w.cells.to_crs(3857), district=None), "CRS"),
    "cells in GCJ-02": (
        lambda w: read_as(w, "wgs84", "gcj02"),
        "CRS_SUSPECT_GCJ GAP OUTSIDE CROSSES_COMMUNITY CROSSES_STREET",
    ),
    "district in GCJ-02": (
        lambda w: read_as(w, "gcj02", "wgs84"),
        "CRS_SUSPECT_GCJ GAP OUTSIDE CROSSES_COMMUNITY CROSSES_STREET",
    ),
    "cells in BD-09": (
        lambda w: read_as(w, "wgs84", "bd09"),
        "CRS_SUSPECT_BD GAP OUTSIDE CROSSES_COMMUNITY CROSSES_STREET",
    ),
    "short code": (lambda w: with_row(w, SW, cell_code=A + "05"), "CODE_FORMAT SEQ_GAP NO_ROLE"),
    "letter in code": (
        lambda w: with_row(w, SW, cell_code=A + "00X"), "CODE_FORMAT SEQ_GAP NO_ROLE"
    ),
    "no code": (lambda w: with_row(w, SW, cell_code=None), "CODE_FORMAT SEQ_GAP NO_ROLE"),
    "one code twice": (
        lambda w: with_row(w, SW, cell_code=A + "004"), "CODE_UNIQUE DATES SEQ_GAP"
    ),
    "foreign parent": (lambda w: with_row(w, SW, parent_code=B), "CODE_PREFIX_MATCHES_PARENT"),
    "no parent": (lambda w: with_row(w, SW, parent_code=None), "CODE_PREFIX_MATCHES_PARENT"),
    "street 600": (lambda w: recode(w, "600"), "STREET_BAND"),
    "street 000": (lambda w: recode(w, "000"), "STREET_BAND"),
    "a number left out": (lambda w: with_row(w, SW + 1, cell_code=A + "007"), "SEQ_GAP NO_ROLE"),
    "two numbers swapped": (lambda w: swapped(w, 0, 1), "SEQ_ORDER"),
    "south before north": (lambda w: swapped(w, 0, SW), "SEQ_ORDER"),
    "ends before it begins": (
        lambda w: replace(with_row(w, SW, valid_to=pd.Timestamp("2024-01-01")), when="2026-01-01"),
        "DATES GAP",
    ),
    "in force twice": (
        lambda w: with_more(
            w, [square(0, 0, 9, 9)], **DEAD,
            valid_from=pd.Timestamp("2024-01-01"), valid_to=pd.Timestamp("2025-01-02"),
        ),
        "DATES",
    ),
    "a day that is none": (lambda w: with_row(w, SW, valid_from="soon"), "DATES"),
    "duty cell in two communities": (
        lambda w: with_columns(w, duty_code=w.cells["duty_code"].where(
            w.cells["community_code"] == A, "D" + A + "001")),
        "NESTING",
    ),
    "another street": (lambda w: with_row(w, SW, street_code=B[:9]), "NESTING CROSSES_STREET"),
    "street unlike its community's": (
        lambda w: with_district(w, communities=w.district.communities.assign(
            street_code=[B[:9], A[:9]])),
        "NESTING CROSSES_STREET",
    ),
    "two levels": (lambda w: with_row(w, SW, level="street"), "NESTING"),
    "no shape": (lambda w: with_row(w, SW, geometry=None), "EMPTY GAP"),
    "empty shape": (lambda w: with_row(w, SW, geometry=Polygon()), "EMPTY GAP"),
    "a line": (lambda w: with_row(w, SW, geometry=LineString([(0, 0), (9, 9)])), "NOT_POLYGON GAP"),
    "bow-tie": (
        lambda w: with_row(w, SW, geometry=Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])),
        "INVALID_GEOMETRY MULTIPART GAP",
    ),
    "spike": (
        lambda w: with_row(w, SW, geometry=Polygon(
            [(0, 0), (50, 0), (50, -20), (50, 0), (100, 0), (100, 100), (0, 100)])),
        "INVALID_GEOMETRY",
    ),
    "two pieces": (
        lambda w: with_row(w, SW, geometry=MultiPolygon(
            [box(0, 0, 100, 45), box(0, 55, 100, 100)])),
        "MULTIPART GAP SHARED_BORDERS",
    ),
    "gap of 1.1 m²": (lambda w: with_row(w, SW, geometry=Polygon(
        [(0, 0), (10, 0), (10, 1), (11.1, 1), (11.1, 0), (100, 0), (100, 100), (0, 100)])), "GAP"),
    "gap of 11 cm": (
        lambda w: with_row(w, SW, geometry=square(0, 0.11, 100, 100)), "GAP SHARED_BORDERS"
    ),
    "a cell lost": (lambda w: without(w, SW), "GAP SEQ_GAP"),
    "overlap of 11 cm": (
        lambda w: with_row(w, SW, geometry=square(0, 0, 100.11, 100)), "OVERLAP SHARED_BORDERS"
    ),
    "overlap of 1.1 m²": (
        lambda w: with_row(w, SW, geometry=Polygon(
            [(0, 0), (100, 0), (100, 10), (101, 10), (101, 11.1), (100, 11.1), (100, 100),
             (0, 100)])),
        "OVERLAP SHARED_BORDERS",
    ),
    "one cell inside another": (
        lambda w: with_more(
            w, [box(40, 65, 60, 85)],
            cell_code=A + "007", community_code=A, parent_code=A, street_code=A[:9], level="cell",
            duty_code=f"D{A}009", responsible_unit="office",
        ),
        "OVERLAP SHARED_BORDERS AREA_RANGE SEQ_ORDER NO_ROLE",
    ),
    "crack along a whole border": (
        lambda w: with_row(with_row(with_row(
            w, 2, geometry=box(200.05, 200, 300, 300)), 6, geometry=box(200.05, 100, 300, 200)),
            SW + 2, geometry=box(200.05, 0, 300, 100)),
        "SHARED_BORDERS",
    ),
    "hairline gap": (
        lambda w: with_row(w, SW, geometry=square(0, 0, 99.97, 100)), "SHARED_BORDERS"
    ),
    "hairline overlap": (
        lambda w: with_row(w, SW, geometry=square(0, 0, 100.03, 100)), "SHARED_BORDERS"
    ),
    "out of the district by 9 cm": (
        lambda w: with_row(w, SW, geometry=square(0, -0.09, 100, 100)), "SHARED_BORDERS"
    ),
    "gap of 9 cm at the edge": (
        lambda w: with_row(w, SW, geometry=square(0, 0.09, 100, 100)), "SHARED_BORDERS"
    ),
    "vertex of its own": (
        lambda w: with_row(w, SW, geometry=Polygon(
            [(0, 0), (100, 0), (100, 50), (100, 100), (0, 100)])), "SHARED_BORDERS"
    ),
    "out of the district by 11 cm": (
        lambda w: with_row(w, SW, geometry=square(0, -0.11, 100, 100)),
        "OUTSIDE CROSSES_COMMUNITY CROSSES_STREET SHARED_BORDERS",
    ),
    "out of the district, no communities": (
        lambda w: with_district(with_row(w, SW, geometry=square(-0.11, 0, 100, 100)),
                                communities=None),
        "OUTSIDE SHARED_BORDERS",
    ),
    "unknown community": (
        lambda w: with_row(w, SW, community_code="370602001009"),
        "CROSSES_COMMUNITY CODE_PREFIX_MATCHES_PARENT NESTING NO_ROLE",
    ),
    "across two communities": (
        lambda w: with_row(with_row(w, SW + 1, geometry=square(100, 0, 200.2, 100)),
                           SW + 2, geometry=square(200.2, 0, 300, 100)),
        "CROSSES_COMMUNITY CROSSES_STREET SHARED_BORDERS",
    ),
    "across two communities of one street": (
        lambda w: with_district(
            with_columns(
                with_row(with_row(w, SW + 1, geometry=square(100, 0, 200.2, 100)),
                         SW + 2, geometry=square(200.2, 0, 300, 100)),
                street_code=A[:9],
            ),
            communities=w.district.communities.assign(street_code=A[:9]),
        ),
        "CROSSES_COMMUNITY SHARED_BORDERS",
    ),
    "duty cell torn": (
        lambda w: with_row(with_row(w, 0, duty_code=f"D{A}002"), 1, duty_code=f"D{A}001"),
        "CONTIGUITY",
    ),
    "duty cell hangs by a corner": (
        lambda w: with_row(with_row(w, SW, duty_code=f"D{A}001"), 4, duty_code=f"D{A}002"),
        "CONTIGUITY",
    ),
    "building across a border": (
        lambda w: with_district(w, buildings=frame([box(98.8, 40, 120, 60)], households=1)),
        "CUTS_BUILDING",
    ),
    "lamp 0.4 m from a border": (lambda w: with_components(w, (100.4, 50)), "CUTS_COMPONENT"),
    "too small": (
        lambda w: with_row(with_row(w, SW, geometry=square(0, 0, 19.9, 100)),
                           SW + 1, geometry=square(19.9, 0, 200, 100)),
        "AREA_RANGE SHARED_BORDERS",
    ),
    "too large": (
        lambda w: replace(
            with_row(w, SW, geometry=square(0, 0, 100, 100)),
            cells=w.cells.set_geometry(w.cells.geometry.scale(2.24, 2.24, origin=(X0, Y0))),
            district=None, components=None,
        ),
        "AREA_RANGE",
    ),
    "nobody answers": (lambda w: with_row(w, SW, responsible_unit=" "), "NO_RESPONSIBLE_BODY"),
    "post unfilled": (lambda w: with_post(w, SW, person_id=None), "NO_ROLE"),
    "no officer above": (lambda w: with_post(w, 13, person_id=" "), "NO_ROLE"),
}  # fmt: skip

# Just inside the tolerances: nobody may complain.
FINE = {
    "sound": lambda w: w,
    "gap of 0.9 m²": lambda w: with_row(w, SW, geometry=Polygon(
        [(0, 0), (10, 0), (10, 1), (10.9, 1), (10.9, 0), (100, 0), (100, 100), (0, 100)])),
    "lamp 0.6 m from a border": lambda w: with_components(w, (100.6, 50)),
    "building over a border by a hair": lambda w: with_district(
        w, buildings=frame([box(99.95, 40, 120, 60)], households=1)),
    "building across the outer border": lambda w: with_district(
        w, buildings=frame([box(-5, 40, 20, 60)], households=1)),
    "street 599": lambda w: recode(w, "599"),
    "street 400": lambda w: recode(w, "400"),
    "strictly by x": lambda w: with_columns(w, cell_code=[
        f"{A}001", f"{A}004", f"{B}001", f"{B}004", f"{A}002", f"{A}005", f"{B}002", f"{B}005",
        f"{A}003", f"{A}006", f"{B}003", f"{B}006"]),
    "a retired cell under it": lambda w: with_more(
        w, [square(0, 0, 200, 100)], **DEAD | {"cell_code": [A + "007"]},
        valid_from=pd.Timestamp("2024-01-01"), valid_to=pd.Timestamp("2025-01-01")),
    "a code's earlier life": lambda w: with_more(
        w, [square(0, 0, 200, 100)], **DEAD,
        valid_from=pd.Timestamp("2024-01-01"), valid_to=pd.Timestamp("2025-01-01")),
    "made and replaced on one day": lambda w: with_more(
        w, [square(0, 0, 9, 9)], **DEAD | {"cell_code": [A + "007"]},
        valid_from=pd.Timestamp("2025-01-01"), valid_to=pd.Timestamp("2025-01-01")),
    "an area of 2,100 m²": lambda w: replace(
        w, cells=w.cells.set_geometry(w.cells.geometry.scale(0.4583, 0.4583, origin=(X0, Y0))),
        district=None, components=None),
    "an area of 49,500 m²": lambda w: replace(
        w, cells=w.cells.set_geometry(w.cells.geometry.scale(2.225, 2.225, origin=(X0, Y0))),
        district=None, components=None),
    "duty cells of any size": lambda w: replace(
        w, cells=w.cells.set_geometry(w.cells.geometry.scale(9, 9, origin=(X0, Y0))).assign(
            level="duty_cell"), district=None, components=None),
    "all rows in the other order": lambda w: replace(w, cells=w.cells.iloc[::-1]),
}  # fmt: skip


def complaints(findings):
    bad = findings["severity"].isin(["error", "warning"])
    return set(findings.loc[bad, "rule"])


CASES = {name: (change, "") for name, change in FINE.items()} | BROKEN


def is_right(check_cells, name):
    """Tell whether a checker complains of a grid by exactly the right rules."""
    change, rules = CASES[name]
    try:
        return complaints(change(sound_world()).check(check_cells)) == set(rules.split())
    except Exception:  # noqa: BLE001 - a broken checker may do anything
        return False
