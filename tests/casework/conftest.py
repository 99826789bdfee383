import geopandas as gpd
import pandas as pd
import pytest
from shapely import Point

import gridkit as gk

CRS, TZ = 4549, "Asia/Shanghai"


def at(text):
    return pd.Timestamp(text, tz=TZ)


def reports(n, *, feed="热线.csv", first=0, **columns):
    """Make located reports, two metres apart, one a minute from 2025-09-15 08:00."""
    start = at("2025-09-15 08:00")
    table = {
        "report_id": [f"{first + i}" for i in range(n)],
        "feed": feed,
        "category": "E0405",
        "text": "店外经营，请处理",
        "cell_code": "A1",
        "received_by": "监督中心",
        "reported_at": [start + pd.Timedelta(minutes=i) for i in range(n)],
        **columns,
    }
    points = [Point(620_000 + 2 * i, 4_150_000 + i) for i in range(n)]
    return gpd.GeoDataFrame(table, geometry=points, crs=CRS)


@pytest.fixture
def ledger(tmp_path):
    with gk.Ledger(tmp_path / "cases.gpkg", crs=CRS) as opened:
        yield opened
