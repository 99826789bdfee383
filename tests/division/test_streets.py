"""Raw streets as maps have them: what divides, what is healed, what is told."""

import dataclasses
import warnings

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from shapely.geometry import LineString, Point, box

import gridkit as gk
from gridkit.crs import to_datum
from gridkit.division.blocks import street_blocks
from gridkit.errors import GeometryError, GridkitWarning, OptionError

WEST, EAST = "370602001001", "370602001002"
CROSS = [[(-5, 200), (605, 200)], [(300, -5), (300, 405)]]


def with_classes(town, *classes):
    return dataclasses.replace(town, streets=town.streets.assign(road_class=list(classes)))


def circle(x, y, r, n=24):
    angle = np.linspace(0, 2 * np.pi, n + 1)
    return np.column_stack([x + r * np.cos(angle), y + r * np.sin(angle)])


def kinds(made):
    return made.healed["kind"].tolist()


# --- what divides -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "divides"),
    [
        ("residential", True), ("motorway_link", True), ("rail", True), ("river", True),
        ("wall", True), ("主干路", True), ("footway", False), ("service", False), ("tram", False),
        ("proposed", False), ("fence", False), ("['primary', 'footway']", True), ("", True),
        (None, True), (" tertiary ", True),
    ],
)  # fmt: skip
def test_light_lines_divide_nothing(make, value, divides):
    town = make.district(box(0, 0, 600, 400), streets=CROSS)
    made = street_blocks(with_classes(town, "primary", value))
    assert len(made.blocks) == (4 if divides else 2)


def test_least_weight_lets_paths_divide(make):
    town = with_classes(make.district(box(0, 0, 600, 400), streets=CROSS), "primary", "footway")
    assert len(street_blocks(town, least_weight=5).blocks) == 4
    with pytest.raises(GeometryError, match=r"path, primary.*weight 71 or more"):
        street_blocks(town, least_weight=71)
    nothing = with_classes(town, "proposed", "construction")
    with pytest.raises(GeometryError, match="heavy enough"):
        street_blocks(nothing, least_weight=0)


def test_unknown_classes_are_told_and_count_as_streets(make):
    town = with_classes(make.district(box(0, 0, 600, 400), streets=CROSS), "primary", "Gasse")
    with pytest.warns(GridkitWarning, match=r"1 line.*Gasse \(1\)"):
        made = street_blocks(town)
    assert len(made.blocks) == 4


def test_a_city_brings_classes_of_its_own(make, tmp_path):
    path = tmp_path / "barriers.toml"
    path.write_text(
        'barrier = [{ code = "lane", zh = "巷", en = "Lane", weight = 50, values = ["alley"] },\n'
        ' { code = "big", zh = "路", en = "Road", weight = 9, values = ["primary"] }]',
        "utf-8",
    )
    town = with_classes(make.district(box(0, 0, 600, 400), streets=CROSS), "primary", "alley")
    made = street_blocks(town, barriers=gk.load_barriers(path))
    assert made.blocks.area.round().tolist() == [120_000, 120_000]
    assert made.borders[["barrier", "weight"]].to_numpy().tolist() == [["lane", 50]]


def test_borders_name_the_main_line_between_two_blocks(make):
    streets = [*CROSS, [(300, 200), (300, 405)]]
    town = with_classes(
        make.district(
            box(0, 0, 600, 400),
            streets=streets,
            communities={WEST: box(0, 0, 600, 200), EAST: box(0, 200, 600, 400)},
        ),
        "secondary",
        "residential",
        "rail",
    )
    made = street_blocks(town)
    blocks = made.blocks.set_index("block_id").geometry
    found = {}
    for row in made.borders.itertuples():
        common = blocks[row.block_id].intersection(blocks[row.other_id])
        assert row.length_m == pytest.approx(common.length)
        assert shapely.equals(row.geometry, common)
        found[row.barrier] = found.get(row.barrier, 0) + row.length_m
    # The railway along a street is the heavier; the border of communities outweighs the road.
    assert found == pytest.approx({"community": 600, "railway": 200, "street": 200})


def test_heights_and_measures_are_left_out(make):
    town = make.district(box(0, 0, 600, 400), streets=CROSS)
    flat = street_blocks(town)
    for wkt in ("Z", "M", "ZM"):
        values = " ".join("7" * len(wkt))
        across = f"499995 4150200 {values}, 500605 4150200 {values}"
        lines = [shapely.from_wkt(f"LINESTRING {wkt} ({across})"), town.streets.geometry.iloc[1]]
        raised = dataclasses.replace(town, streets=town.streets.set_geometry(lines, crs=town.crs))
        assert_frame_equal(street_blocks(raised).blocks.to_wkb(), flat.blocks.to_wkb())


def test_broken_lines_and_other_systems_are_refused_with_their_rows(make):
    town = make.district(box(0, 0, 600, 400), streets=CROSS)
    lines = list(town.streets.geometry)
    bad = [lines[0], Point(500100, 4150100), None, LineString(), LineString([(5e5, 4e6)] * 2)]
    with pytest.raises(GeometryError, match=r"(?s)rows 3, 4.*Point.*row.* 2.*row.* 5"):
        dataclasses.replace(town, streets=gpd.GeoDataFrame(geometry=bad, crs=town.crs))
    with pytest.raises(gk.CRSError, match="streets"):
        dataclasses.replace(town, streets=town.streets.to_crs(4326))


def test_classes_of_barriers_are_checked(tmp_path):
    path = tmp_path / "barriers.toml"
    row = '{{ code = "{}", zh = "路", en = "Road", weight = {}, values = ["{}"] }}'
    path.write_text(f"barrier = [{row.format('a', -1, 'x')}]", "utf-8")
    with pytest.raises(gk.SchemaError, match="weight = -1"):
        gk.load_barriers(path)
    path.write_text(f"barrier = [{row.format('a', 1, 'x')}, {row.format('b', 2, 'x')}]", "utf-8")
    with pytest.raises(gk.SchemaError, match="repeats the code 'x'"):
        gk.load_barriers(path)
    path.write_text('barrier = [{ code = "a" }]', "utf-8")
    with pytest.raises(gk.SchemaError, match="no 'weight'"):
        gk.load_barriers(path)


# --- what is healed -----------------------------------------------------------------------------


@pytest.mark.parametrize("y", [219.0, 224.0])
def test_dual_carriageways_become_one_border(make, look, y):
    streets = [CROSS[0], [(-5, y), (605, y)], CROSS[1]]
    town = with_classes(
        make.district(box(0, 0, 600, 400), streets=streets), "primary", "primary", "residential"
    )
    made = street_blocks(town)
    assert len(made.blocks) == 4
    assert kinds(made) == ["dual_carriageway"] * 2
    assert made.healed["area_m2"].sum() == pytest.approx(600 * (y - 200), rel=1e-3)
    look.assert_tiles(made.blocks, look.land(town))
    apart = dataclasses.replace(town, streets=town.streets.assign(road_class="footway"))
    assert len(street_blocks(apart, least_weight=1).blocks) == 6  # the same strip is land there


def test_roundabout_belongs_to_a_block(make, look):
    ring = circle(300, 200, 20)
    streets = [
        ring, [(-5, 200), (280, 200)], [(320, 200), (605, 200)],
        [(300, -5), (300, 180)], [(300, 220), (300, 405)],
    ]  # fmt: skip
    town = make.district(box(0, 0, 600, 400), streets=streets)
    made = street_blocks(town)
    assert len(made.blocks) == 4
    assert kinds(made) == ["junction"]
    assert made.healed["area_m2"].iloc[0] > 1000
    assert made.healed["block_id"].iloc[0] in set(made.blocks["block_id"])
    look.assert_tiles(made.blocks, look.land(town))


def test_a_square_with_rounded_corners_is_no_roundabout(make):
    plaza = box(280, 180, 320, 220).buffer(10).exterior
    streets = [plaza.coords, [(-5, 200), (270, 200)], [(330, 200), (605, 200)]]
    made = street_blocks(make.district(box(0, 0, 600, 400), streets=streets))
    assert made.healed.empty
    assert len(made.blocks) == 3


def test_land_between_slip_roads_belongs_to_the_junction(make, look):
    streets = [*CROSS, [(300, 260), (320, 230), (360, 200)], [(300, 270), (340, 250), (370, 200)]]
    town = with_classes(
        make.district(box(0, 0, 600, 400), streets=streets),
        "trunk", "primary", "trunk_link", "trunk_link",
    )  # fmt: skip
    made = street_blocks(town)
    assert len(made.blocks) == 4 + (made.blocks["area_m2"] < 5000).sum()
    assert "junction" in kinds(made)
    look.assert_tiles(made.blocks, look.land(town))


def test_a_sliver_leaves_the_heavier_line_standing(make):
    """Between a railway and a street of equal length the street gives way."""
    for order in (("rail", "residential"), ("residential", "rail")):
        streets = [[(200, -5), (200, 405)], [(204, -5), (204, 405)]]
        made = street_blocks(
            with_classes(make.district(box(0, 0, 600, 400), streets=streets), *order)
        )
        at = 200 if order[0] == "rail" else 204
        assert made.blocks.area.round().tolist() == [at * 400, (600 - at) * 400]
        assert made.borders["barrier"].tolist() == ["railway"]


@pytest.mark.parametrize("gap", [1e-9, 0.004, 0.005, 0.0051, 0.5, 4.0])
def test_a_street_that_narrowly_misses_another_is_led_to_it(make, look, gap):
    streets = [CROSS[0], [(300, 200 + gap), (300, 405)]]
    town = make.district(box(0, 0, 600, 400), streets=streets)
    made = street_blocks(town)
    assert len(made.blocks) == 3
    look.assert_tiles(made.blocks, look.land(town))
    closed = made.healed[made.healed["kind"] == "gap_closed"]
    assert len(closed) == (gap > 0.01)
    if len(closed):
        link = make.place(LineString([(300, 200), (300, 200 + gap)]))
        assert shapely.equals(closed.geometry.iloc[0], link)
        assert closed["block_id"].iloc[0] in set(made.blocks["block_id"])
        assert len(street_blocks(town, gap_m=gap / 2).blocks) == 2


def test_a_street_short_of_the_boundary_is_led_to_it(make):
    town = make.district(box(0, 0, 600, 400), streets=[[(300, 3), (300, 397)]])
    made = street_blocks(town)
    assert len(made.blocks) == 2
    assert kinds(made) == ["gap_closed"] * 2


def test_culs_de_sac_divide_nothing(make):
    deep = [(100, 200), (100, 350)]
    far = [(500, 200), (500, 380), (520, 390)]
    stub = [(200, 200), (200, 203)]  # back to its own street would be no gap
    town = make.district(box(0, 0, 600, 400), streets=[*CROSS, deep, far, stub])
    made = street_blocks(town)
    assert len(made.blocks) == 4
    assert made.healed.empty


def test_bridges_are_noded_like_junctions(make, look):
    over = [[(0, 100), (250, 100), (350, 300), (600, 300)], [(0, 300), (250, 300), (600, 60)]]
    town = make.district(box(0, 0, 600, 400), streets=over)
    made = street_blocks(town)
    assert len(made.blocks) == 4
    look.assert_tiles(made.blocks, look.land(town))


def test_repeated_and_self_crossing_lines(make, look):
    eight = [(100, 100), (500, 300), (500, 100), (100, 300), (100, 100)]
    streets = [eight, eight, eight[::-1], *CROSS, *CROSS]
    town = make.district(box(0, 0, 600, 400), streets=streets)
    once = make.district(box(0, 0, 600, 400), streets=[eight, *CROSS])
    made = street_blocks(town)
    look.assert_tiles(made.blocks, look.land(town))
    assert_frame_equal(made.blocks.to_wkb(), street_blocks(once).blocks.to_wkb())


def test_a_street_along_the_border_of_communities(make, look):
    """The strips between a border and the street that follows it join their own communities."""
    wave = [(300 + (3 if k % 2 else -3), y) for k, y in enumerate(range(0, 401, 100))]
    communities = {WEST: box(0, 0, 300, 400), EAST: box(300, 0, 600, 400)}
    town = make.district(
        box(0, 0, 600, 400), streets=[wave, [(-5, 150), (605, 150)]], communities=communities
    )
    made = street_blocks(town)
    assert len(made.blocks) == 4
    for code, own in made.blocks.groupby("community_code"):
        look.assert_tiles(own, make.place(communities[code]))
    assert (made.blocks["area_m2"] > 500).all()


def test_unhealed_says_why(make):
    communities = {WEST: box(0, 0, 4, 400), EAST: box(4, 0, 600, 400)}
    water = [box(400, 100, 500, 200).difference(box(440, 140, 450, 150))]
    town = make.district(
        box(0, 0, 600, 400), streets=[[(-5, 50), (605, 50)]], communities=communities, water=water
    )
    made = street_blocks(town)
    reasons = made.unhealed.set_index("block_id")["reason"].to_dict()
    code = made.blocks.set_index("block_id")["community_code"]
    assert {code[block]: reason for block, reason in reasons.items()} == {
        WEST: "only_block",
        EAST: "cut_off",
    }


# --- water --------------------------------------------------------------------------------------


def river(make, **options):
    shape = box(0, 0, 600, 400)
    water = [box(-10, 180, 610, 220).difference(box(300, 190, 420, 210))]
    town = make.district(shape, streets=[[(150, -5), (150, 405)]], water=water)
    town = dataclasses.replace(town, water=town.water.assign(kind=["river"]))
    return town, street_blocks(town, **options)


def test_water_is_left_out(make, look):
    town, made = river(make)
    look.assert_tiles(made.blocks, look.land(town))
    assert "kind" not in made.blocks


def test_water_as_blocks_of_its_own(make, look):
    town, made = river(make, water="own")
    look.assert_tiles(made.blocks, make.place(box(0, 0, 600, 400)))
    wet = made.blocks[made.blocks["kind"] == "river"]
    assert wet.area.sum() == pytest.approx(town.water.area.sum() - 20 * 40)
    assert sorted(set(made.blocks["kind"])) == ["land", "river"]
    look.assert_tiles(made.blocks[made.blocks["kind"] == "land"], look.land(town))
    assert "water" in set(made.borders["barrier"])


def test_water_merged_into_the_blocks_beside_it(make, look):
    town, made = river(make, water="merge")
    look.assert_tiles(made.blocks, make.place(box(0, 0, 600, 400)))
    assert (made.blocks.geom_type == "Polygon").all()
    assert kinds(made) == ["water"] * 2
    assert "kind" not in made.blocks
    dry = street_blocks(town).blocks
    assert len(made.blocks) == len(dry)  # the island is wide enough to stay a block


def test_only_known_ways_of_water(make):
    with pytest.raises(OptionError, match=r"(?s)min_width_m=-1.*gap_m.*leave_out, own, merge"):
        street_blocks(make.town(3, 3), water="drain", min_width_m=-1, gap_m=float("nan"))


# --- laws ---------------------------------------------------------------------------------------


def messy(make, seed, n):
    """Build a town of random streets: near misses, doubles, loops, stubs and crossings."""
    rng = np.random.default_rng(seed)
    town = make.town(5, 4, jitter=25, seed=seed, river=bool(seed % 2))
    lines = list(town.streets.geometry)
    for _ in range(n):
        a = rng.uniform([-20, -20], [520, 420])
        b = a + rng.normal(0, 120, 2)
        lines.append(make.place(LineString([a, (a + b) / 2 + rng.normal(0, 9, 2), b])))
    lines += [shapely.transform(line, lambda xy: xy + rng.normal(0, 6, 2)) for line in lines[:5]]
    lines.append(make.place(LineString(circle(*rng.uniform(100, 300, 2), 18))))
    classes = rng.choice(["primary", "residential", "trunk_link", "footway", "rail"], len(lines))
    streets = gpd.GeoDataFrame({"road_class": classes}, geometry=lines, crs=town.crs)
    return dataclasses.replace(town, streets=streets)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 25))
def test_laws_on_messy_streets(make, look, seed, n):
    town = messy(make, seed, n)
    made = street_blocks(town)
    look.assert_tiles(made.blocks, look.land(town))
    assert (made.blocks.geom_type == "Polygon").all()
    for code, community in town.communities.set_index("community_code").geometry.items():
        own = made.blocks[made.blocks["community_code"] == code]
        look.assert_tiles(own, community.intersection(look.land(town)))
    small = made.blocks.loc[made.blocks["area_m2"] < 500, "block_id"]
    assert set(small) <= set(made.unhealed["block_id"])
    assert made.blocks["load"].sum() == town.buildings["households"].sum()
    shapes = made.blocks.set_index("block_id").geometry
    pieces = made.healed[made.healed["kind"] != "gap_closed"]
    inner = pieces.geometry.representative_point()
    assert shapely.contains(shapes[pieces["block_id"]].to_numpy(), inner.to_numpy()).all()
    again = street_blocks(dataclasses.replace(town, streets=look.shuffled(town.streets, seed=1)))
    for a, b in zip(dataclasses.astuple(made), dataclasses.astuple(again), strict=True):
        assert_frame_equal(a.drop(columns="geometry"), b.drop(columns="geometry"))
    assert (made.blocks.geometry == again.blocks.geometry).all()


def test_healing_is_finished_in_one_go(make):
    """Blocks cut along their own borders come out the same: nothing is left to heal."""
    town = messy(make, 12, 12)
    made = street_blocks(town)
    lines = made.borders.geometry
    streets = gpd.GeoDataFrame({"road_class": made.borders["barrier"]}, geometry=lines)
    again = street_blocks(
        dataclasses.replace(town, streets=streets), min_width_m=0, min_area_m2=0, gap_m=0
    )
    assert len(again.blocks) == len(made.blocks)
    assert again.healed.empty
    assert np.allclose(again.blocks.area, made.blocks.area, atol=1)


# --- datum --------------------------------------------------------------------------------------


def moved(frame, source, target):
    degrees = frame.to_crs(4326)
    shapes = shapely.transform(
        degrees.geometry.to_numpy(),
        lambda xy: np.column_stack(to_datum(*xy.T, source=source, target=target)),
    )
    return degrees.set_geometry(shapes, crs=4326).to_crs(frame.crs)


@pytest.mark.parametrize("borders", ["gcj02", "bd09"])
@pytest.mark.parametrize("clipped", [True, False])
def test_borders_on_another_datum_are_told_with_the_shift(make, borders, clipped):
    town = make.town(30, 24, pitch=150.0, jitter=30, seed=5)
    if clipped:  # one boundary that follows no street, and streets cut along it
        lake = make.place(Point(2200, 1800).buffer(1700, quad_segs=6))
        whole = gpd.GeoDataFrame(geometry=[lake], crs=town.crs)
        town = gk.District("Town", whole, streets=town.streets.clip(lake))
    with warnings.catch_warnings():
        warnings.simplefilter("error", GridkitWarning)
        street_blocks(town)
    off = {
        # Both layers get a vertex every 150 m, so that they still tile when they are bent.
        layer: moved(frame.set_geometry(frame.segmentize(150)), "wgs84", borders)
        for layer in ("boundary", "communities")
        if (frame := getattr(town, layer)) is not None
    }
    shift = off["boundary"].centroid.distance(town.boundary.centroid).iloc[0]
    with pytest.warns(GridkitWarning, match=f"like {borders}.* wgs84 streets, a shift of") as said:
        street_blocks(dataclasses.replace(town, **off))
    metres = int(str(said[0].message).split("a shift of ")[1].split(" m")[0])
    assert metres == pytest.approx(shift, abs=5)


def test_no_datum_is_judged_outside_china_or_where_borders_follow_nothing(make):
    town = make.town(12, 10, jitter=30, seed=5, halves=False)
    odd = gpd.GeoDataFrame(geometry=[make.place(Point(600, 500).buffer(300))], crs=town.crs)
    abroad = {
        layer: getattr(town, layer).set_crs(32612, allow_override=True)
        for layer in ("boundary", "streets")
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error", GridkitWarning)
        street_blocks(dataclasses.replace(town, boundary=odd))
        street_blocks(gk.District("Abroad", **abroad))
