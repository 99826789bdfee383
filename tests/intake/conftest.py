import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point, box

from gridkit.intake.district import District

# A square of 3 km around a point in Yantai; the middle in WGS84.
MIDDLE = (121.39, 37.54)
CRS = 4549


@pytest.fixture(scope="session")
def district() -> District:
    centre = gpd.GeoSeries([Point(MIDDLE)], crs=4326).to_crs(CRS).iloc[0]
    square = box(centre.x - 1500, centre.y - 1500, centre.x + 1500, centre.y + 1500)
    return District("made", gpd.GeoDataFrame(geometry=[square], crs=CRS))


@pytest.fixture
def table() -> pd.DataFrame:
    """Six sound rows as a CSV file would hold them: text only, WGS84 named row by row."""
    rng = np.random.default_rng(0)
    lon = MIDDLE[0] + rng.uniform(-0.01, 0.01, 6)
    lat = MIDDLE[1] + rng.uniform(-0.01, 0.01, 6)
    return pd.DataFrame(
        {
            "上报编号": [f"S{i}" for i in range(6)],
            "上报时间": [f"2025-03-0{i + 1} 08:30:00" for i in range(6)],
            "上报渠道": "热线",
            "问题类别": "店外经营",
            "问题描述": [f"第 {i} 件" for i in range(6)],
            "地址": "海滨路",
            "经度": lon.round(7).astype(str),
            "纬度": lat.round(7).astype(str),
            "坐标系": "WGS84",
            "首接单位": "城管局",
            "责任单位": "环卫处",
            "结案时间": [f"2025-03-1{i} 09:00:00" for i in range(6)],
            "状态": "已结案",
        }
    ).astype("str")
