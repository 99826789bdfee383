import pytest

from gridkit.demo.city import make_city
from gridkit.intake.reports import read_reports
from gridkit.intake.roster import read_roster

# Fault put in by the made city → rule that finds it.
RULES = {
    "swapped": "SWAPPED",
    "zero_coordinates": "ZERO_ISLAND",
    "far_outside": "FAR_OUTSIDE",
    "closed_before_reported": "CLOSED_BEFORE_REPORTED",
    "unknown_category": "UNKNOWN_CATEGORY",
    "unreadable_time": "BAD_TIME",
    "repeated_id": "REPEATED_ID",
    "no_coordinates": "ADDRESS_ONLY",
}


@pytest.fixture(scope="module")
def city():
    return make_city("small")


def test_every_planted_fault_is_found_and_no_other(city):
    intake = read_reports(city.reports, district=city.district)
    found = intake.findings.set_index("rule")["rows"].drop("COLUMNS").to_dict()
    turned = sum("\u202e" in str(text) for text in city.reports["问题描述"])
    assert found.pop("CONTROL_CHARACTERS") == turned > 0
    assert found == {rule: city.dirt[fault] for fault, rule in RULES.items()}
    assert intake.reports.geometry.is_empty.sum() == city.dirt["no_coordinates"]
    assert len(intake.reports) + len(intake.quarantined) == city.dirt["rows"]


def test_all_its_people_are_read(city):
    roster = read_roster(city.roster, communities=city.district.communities)
    assert len(roster) == len(city.roster)
    near = city.district.boundary.geometry.iloc[0].buffer(500)
    assert roster.geometry.within(near).all()
