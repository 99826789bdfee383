"""Readings of points: which datum, which order of axes, and when nothing can be said."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import LineString, Point, box

import gridkit as gk
from gridkit.errors import CRSError, OptionError, SchemaError
from gridkit.intake.reports import read_reports

CITIES = [(121.39, 37.54), (114.27, 30.57), (101.06, 41.96), (113.23, 35.24), (109.84, 40.66)]
READINGS = [(d, s) for d in ("wgs84", "gcj02", "bd09") for s in (False, True)]


def town(middle, *, half=2_500.0, seed=0):
    """A square town with jittered streets on its CRS."""
    crs = gk.suggest_crs(middle)
    x, y = gpd.GeoSeries([Point(middle)], crs=4326).to_crs(crs).iloc[0].coords[0]
    rng = np.random.default_rng(seed)
    at = np.arange(-half, half, 190.0)
    at = at + rng.normal(0, 30, at.size)
    lines = [LineString([(x + a, y - half), (x + a + 200, y + half)]) for a in at]
    lines += [LineString([(x - half, y + a), (x + half, y + a - 150)]) for a in at]
    boundary = gpd.GeoDataFrame(geometry=[box(x - half, y - half, x + half, y + half)], crs=crs)
    inside = shapely.intersection(np.array(lines), boundary.geometry.iloc[0])
    streets = gpd.GeoDataFrame(geometry=inside, crs=crs)
    return gk.District(name="", boundary=boundary, streets=streets)


def reports(district, n, seed=0):
    """Degrees of reports along the streets."""
    rng = np.random.default_rng(seed)
    lines = district.streets.geometry.to_numpy()[rng.integers(0, len(district.streets), n)]
    at = shapely.line_interpolate_point(lines, rng.random(n), normalized=True)
    at = shapely.get_coordinates(at) + rng.normal(0, 6, (n, 2))
    points = gpd.GeoSeries(gpd.points_from_xy(*at.T), crs=district.crs).to_crs(4326)
    return shapely.get_coordinates(points.to_numpy())


def written(degrees, datum, *, swapped=False):
    lon, lat = gk.to_datum(*degrees.T, source="wgs84", target=datum)
    return np.column_stack([lat, lon] if swapped else [lon, lat])


@pytest.mark.parametrize("city", CITIES)
@pytest.mark.parametrize(("datum", "swapped"), READINGS)
def test_every_reading_is_known_again(city, datum, swapped):
    district = town(city)
    advice = gk.suggest_datum(written(reports(district, 250), datum, swapped=swapped), district)
    assert (advice.datum, advice.swapped, advice.certain) == (datum, swapped, True)
    assert advice.table["cost"].is_monotonic_increasing
    assert advice.table["behind"].tolist()[0] == 0
    assert advice.table.iloc[0]["outside"] < 0.1


def test_few_points_or_points_anywhere_say_nothing():
    district = town(CITIES[0])
    few = gk.suggest_datum(reports(district, 20), district)
    assert not few.certain
    assert "cannot be told" in few.text("en")
    elsewhere = gk.suggest_datum(np.full((100, 2), [116.4, 39.9]), district)
    assert not elsewhere.certain


def test_outside_china_one_reading_stands_for_both():
    district = town((-76.15, 43.05))
    points = reports(district, 300)
    straight = gk.suggest_datum(points, district)
    assert (straight.datum, straight.swapped, straight.certain) == ("wgs84", False, True)
    turned = gk.suggest_datum(points[:, ::-1], district)
    assert (turned.swapped, turned.certain) == (True, True)
    assert "exchanged" in turned.text("en")


def test_points_of_every_kind():
    district = town(CITIES[1])
    degrees = written(reports(district, 120), "gcj02")
    series = gpd.GeoSeries(gpd.points_from_xy(*degrees.T), crs=4326)
    plane = series.to_crs(district.crs)
    for points in (degrees, series, series.to_frame("at").set_geometry("at"), plane):
        assert gk.suggest_datum(points, district).datum == "gcj02"
    with pytest.raises(CRSError):
        gk.suggest_datum(gpd.GeoSeries([Point(1, 1)]), district)
    with pytest.raises(OptionError, match="not a single point"):
        gk.suggest_datum(np.full((9, 2), np.nan), district)
    with pytest.raises(OptionError, match=r"\(n, 2\)"):
        gk.suggest_datum(np.zeros(4), district)


def table(degrees):
    return pd.DataFrame(
        {
            "上报编号": [f"r{i}" for i in range(len(degrees))],
            "经度": degrees[:, 0],
            "纬度": degrees[:, 1],
        }
    )


@pytest.mark.parametrize("datum", ["wgs84", "gcj02", "bd09"])
def test_a_wrong_datum_is_found_but_nothing_is_moved(datum):
    district = town(CITIES[0])
    frame = table(written(reports(district, 300), datum))
    right = read_reports(frame, datum=datum, district=district)
    assert "WRONG_DATUM" not in set(right.findings["rule"])
    other = "gcj02" if datum != "gcj02" else "wgs84"
    wrong = read_reports(frame, datum=other, district=district, lang="en")
    found = wrong.findings.set_index("rule").loc["WRONG_DATUM"]
    assert found["severity"] == "warning"
    assert f"{other} → {datum}" in found["detail"]
    assert len(wrong.reports) == 300 - (wrong.quarantined.shape[0])
    assert wrong.reports.geometry.distance(right.reports.geometry).min() > 100


def test_cgcs2000_is_not_told_from_wgs84():
    district = town(CITIES[0])
    frame = table(reports(district, 300))
    found = read_reports(frame, datum="cgcs2000", district=district).findings
    assert "WRONG_DATUM" not in set(found["rule"])


def test_a_swapped_file_is_recognised_without_a_district_and_read_on_request():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "Latitude": rng.uniform(-76.2, -76.1, 40),
            "Longitude": rng.uniform(43.0, 43.1, 40),
        }
    )
    with pytest.raises(SchemaError, match="SWAPPED 40"):
        read_reports(frame, tz="America/New_York")
    intake = read_reports(frame, tz="America/New_York", swap_axes=True)
    at = intake.reports.to_crs(4326).geometry
    assert at.x.between(-76.2, -76.1).all()
    assert at.y.between(43.0, 43.1).all()
    shapes = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(frame["Longitude"], frame["Latitude"]), crs=4326
    )
    with pytest.raises(SchemaError, match="SWAPPED 40"):
        read_reports(shapes)
    assert read_reports(shapes, swap_axes=True).reports.to_crs(4326).geometry.x.max() < -76


def test_one_far_point_on_many_rows_stands_for_unknown():
    district = town(CITIES[0])
    near = reports(district, 60)
    stand_in = np.tile([116.4, 39.9], (7, 1))
    lone = np.array([[110.0, 30.0]])
    frame = table(np.vstack([near, stand_in, lone]))
    with_it = read_reports(frame, datum="wgs84", district=district)
    assert with_it.quarantined["rule"].tolist() == ["PLACEHOLDER"] * 7 + ["FAR_OUTSIDE"]
    without = read_reports(frame, datum="wgs84")
    assert without.quarantined["rule"].tolist() == ["PLACEHOLDER"] * 7
    # Five true reports of one place are no stand-in.
    busy = table(np.vstack([near, np.tile(near[:1], (9, 1))]))
    assert read_reports(busy, datum="wgs84").quarantined.empty
