"""What is quarantined is written, corrected and read again; the command does it all."""

import pandas as pd
import pytest

from gridkit import audit_map, read_reports, write_xlsx
from gridkit.cli import main
from gridkit.demo.city import make_city, write_city
from gridkit.errors import OptionError, SchemaError
from gridkit.publishing.finding_maps import findings_map
from gridkit.tables import QUARANTINED


@pytest.fixture(scope="module")
def city():
    return make_city("small")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_corrected_quarantine_is_read_to_the_last_row(city, lang, tmp_path):
    first = read_reports(city.reports, district=city.district, lang=lang)
    path = tmp_path / "quarantined.xlsx"
    sheets = {"quarantined": first.quarantined}
    write_xlsx(path, sheets, lang=lang, tables={"quarantined": QUARANTINED})
    again = read_reports(path, district=city.district)
    # As it stands only the repeated numbers are sound now: their first ones are elsewhere.
    assert len(again.reports) + len(again.quarantined) == len(first.quarantined)
    assert set(again.quarantined["rule"]) < set(first.quarantined["rule"])
    mended = pd.read_excel(path, dtype=str, engine="calamine")
    mended["经度"], mended["纬度"] = mended["经度"].iloc[0], mended["纬度"].iloc[0]
    sound = first.reports.to_crs(4326).geometry.iloc[0]
    mended["经度"], mended["纬度"], mended["坐标系"] = str(sound.x), str(sound.y), "WGS84"
    mended["上报时间"], mended["结案时间"] = "2025-03-01 08:00", "2025-03-02 08:00"
    mended["上报编号"] = [f"N{i}" for i in range(len(mended))]
    mended.to_excel(path, index=False)
    done = read_reports(path, district=city.district)
    assert done.quarantined.empty
    assert len(done.reports) == len(first.quarantined)
    assert not {"行号", "规则", "原值", "row", "rule", "value"} & set(done.reports.columns)


def test_the_command_writes_everything(city, tmp_path, capsys):
    write_city(city, tmp_path / "city")
    at, out = tmp_path / "city", tmp_path / "out"
    ask = ["--district", str(at / "district.gpkg"), "--out", str(out)]
    assert main(["--lang", "en", "intake", str(at / "reports.csv"), *ask]) == 1
    told = capsys.readouterr()
    assert "SWAPPED" in told.out
    assert "in quarantine" in told.out
    assert "\u202e" not in told.out
    assert "Reading" in told.err
    names = {p.name for p in out.iterdir()}
    assert names == {"reports.gpkg", "reports.xlsx", "quarantined.xlsx", "audit.html"}
    accepted = read_reports(out / "reports.gpkg")
    assert accepted.quarantined.empty
    assert len(accepted.reports) + len(
        pd.read_excel(out / "quarantined.xlsx", engine="calamine")
    ) == len(city.reports)
    assert main(["--lang", "en", "intake", "nowhere.csv", "--out", str(out)]) == 2


def test_pages_without_a_district_and_without_a_place(city):
    intake = read_reports(city.reports, district=city.district, lang="en")
    plain = read_reports(pd.DataFrame({"lon": [2.35, 2.36], "lat": [48.86, 48.87]}))
    assert audit_map(plain).title == "上报数据核查"
    empty = read_reports(pd.DataFrame({"地址": ["胜利路"], "编号": ["1"]}), crs=4549)
    with pytest.raises(SchemaError, match="district"):
        audit_map(empty)
    with pytest.raises(OptionError, match="counted"):
        findings_map(city.district.communities, intake.findings, counted="people")
