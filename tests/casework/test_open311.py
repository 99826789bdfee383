"""Open311 GeoReport v2: the published fields, out and in."""

import json

import geopandas as gpd
import pandas as pd
import pytest

import gridkit as gk

from .conftest import CRS, at, reports

# The fields of the specification: a type each, all may be null but these.
REQUEST = {
    "service_request_id": str,
    "status": str,
    "status_notes": str,
    "service_name": str,
    "service_code": str,
    "description": str,
    "agency_responsible": str,
    "service_notice": str,
    "requested_datetime": str,
    "updated_datetime": str,
    "expected_datetime": str,
    "address": str,
    "address_id": str,
    "zipcode": str,
    "lat": float,
    "long": float,
    "media_url": str,
}
SERVICE = {
    "service_code": str,
    "service_name": str,
    "description": str,
    "metadata": bool,
    "type": str,
    "keywords": str,
    "group": str,
}
NEEDED = {"service_request_id", "status", "service_code", "service_name", "metadata", "type"}


def require_form(record, fields):
    assert list(record) == list(fields)
    for name, kind in fields.items():
        assert isinstance(record[name], kind) or (record[name] is None and name not in NEEDED)


@pytest.fixture
def cases(ledger):
    table = reports(4, address=["新华路3号 13812341234", None, "x", "y"])
    table["filed_at"] = at("2025-09-20 08:00")
    table["dispatched_at"] = at("2025-09-20 08:30")
    table["responsible_unit"] = "环卫所"
    table["disposed_at"] = pd.Series([pd.NaT, pd.NaT, at("2025-09-20 09:00")] * 1 + [pd.NaT])
    table["closed_at"] = pd.Series([pd.NaT, pd.NaT, at("2025-09-20 10:00"), pd.NaT])
    ledger.file(table)
    ledger.move("C3", "void", at=at("2025-09-20 09:30"), actor="班长", reason="重复")
    return ledger.cases()


@pytest.mark.parametrize("audience", ["public", "leaders", "internal"])
def test_the_published_fields(cases, audience):
    told = gk.open311_requests(cases, audience=audience, lang="en")
    for record in told:
        require_form(record, REQUEST)
    assert [r["status"] for r in told] == ["open", "open", "closed", "closed"]
    assert told[2]["status_notes"] == "Closed"
    assert told[0]["expected_datetime"] == "2025-09-20T10:00:00+08:00"
    assert told[2]["updated_datetime"] == "2025-09-20T10:00:00+08:00"
    assert {r["agency_responsible"] for r in told} == {"环卫所"}
    for service in gk.open311_services():
        require_form(service, SERVICE)
        assert service["type"] in ("realtime", "batch", "blackbox")


def test_what_the_public_sees(cases):
    public, leaders, inside = (
        gk.open311_requests(cases, audience=a) for a in ("public", "leaders", "internal")
    )
    assert public[0]["description"] is None
    assert public[0]["address"] is None
    assert leaders[0]["address"] == "新华路3号 138****1234"
    assert inside[0]["address"].endswith("13812341234")
    exact = cases.geometry.to_crs(4326)
    assert inside[0]["long"] == pytest.approx(exact.x[0], abs=1e-6)
    # Two metres apart, and in one square.
    assert public[0]["long"] == public[1]["long"]
    assert inside[0]["long"] != inside[1]["long"]


def test_out_and_in_again(cases, tmp_path):
    files = gk.write_open311(tmp_path, cases, audience="internal")
    assert [f.name for f in files] == ["requests.json", "services.json"]
    assert len(json.loads(files[0].read_text("utf-8"))) == 4
    intake = gk.read_reports(files[0], datum="wgs84", crs=CRS)
    got = intake.reports
    assert got["report_id"].tolist() == cases["case_id"].tolist()
    assert got["category"].tolist() == cases["category"].tolist()
    assert got["text"].tolist() == cases["text"].tolist()
    assert (got["reported_at"] == cases["reported_at"]).all()
    assert got["dispose_due_at"].equals(cases["dispose_due_at"])
    assert got["closed_at"].notna().tolist() == [False, False, True, True]
    assert got.distance(cases).max() < 0.2
    with gk.Ledger(tmp_path / "other.gpkg", crs=CRS) as other:
        other.file(got)
        assert other.cases()["stage"].tolist() == ["reported", "reported", "closed", "closed"]


def test_a_case_without_anything():
    table = {"case_id": ["C1"], "stage": ["filed"]}
    bare = gk.open311_requests(gpd.GeoDataFrame(table, geometry=[None], crs=CRS))
    require_form({**bare[0], "service_code": "", "service_name": ""}, REQUEST)
    assert bare[0]["lat"] is None
