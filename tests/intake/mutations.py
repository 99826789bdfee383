"""Sound report files of every format, and mutants of them."""

import io
import json
import tempfile
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from gridkit.errors import GridkitError
from gridkit.intake.reports import read_reports


def sound_files():
    """Return name → bytes of the same reports in each format."""
    n = 12
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "上报编号": [f"A{i:03}" for i in range(n)],
            "上报时间": [f"2026-03-{i + 1:02} 08:3{i % 10}" for i in range(n)],
            "问题类别": "店外经营",
            "问题描述": ["路面,破损", '他说"快修"', "多\n行", "=1+1", "<b>x</b>", "好"] * 2,
            "经度": rng.uniform(121.38, 121.40, n).round(6),
            "纬度": rng.uniform(37.53, 37.55, n).round(6),
        }
    )
    shapes = gpd.GeoDataFrame(
        table.drop(columns=["经度", "纬度"]).set_axis(["id", "date", "kind", "desc"], axis=1),
        geometry=gpd.points_from_xy(table["经度"], table["纬度"]),
        crs=4326,
    )
    columns = (table["上报时间"], table["经度"], table["纬度"])
    requests = [
        {"service_request_id": str(i), "requested_datetime": t, "lat": y, "long": x}
        for i, (t, x, y) in enumerate(zip(*columns, strict=True))
    ]
    files = {
        "a.csv": table.to_csv(index=False).encode(),
        "gb.csv": table.to_csv(index=False).encode("gb18030"),
        "a.tsv": table.to_csv(index=False, sep="\t").encode("utf-16"),
        "requests.json": json.dumps(requests).encode(),
    }
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        table.to_excel(at / "a.xlsx", index=False)
        table.to_parquet(at / "a.parquet")
        shapes.to_parquet(at / "geo.parquet")
        for ending in ("gpkg", "geojson", "fgb"):
            shapes.to_file(at / f"a.{ending}")
        shapes.to_file(at / "a.shp", encoding="utf-8")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for part in sorted(at.glob("a.*")):
                if part.suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg"):
                    archive.write(part, part.name)
        files["a.zip"] = packed.getvalue()
        for name in ("a.xlsx", "a.parquet", "geo.parquet", "a.gpkg", "a.geojson", "a.fgb"):
            files[name] = (at / name).read_bytes()
    return files


TRICKS = [b"\0", b"\xff\xfe", b'"', b",,,,", b"1e999", b"nan", b"\r\n", "经度".encode()]


def mutate(raw, rng):
    """Return the bytes with one to three of the accidents and tricks that happen to files."""
    data = bytearray(raw)
    for _ in range(int(rng.integers(1, 4))):
        if len(data) < 4:
            break
        a, b = sorted(rng.integers(0, len(data), 2).tolist())
        span = data[a : min(b, a + 400)]
        match int(rng.integers(0, 7)):
            case 0:
                for k in rng.integers(0, len(data), 5).tolist():
                    data[k] = int(rng.integers(*((32, 127) if a % 2 else (0, 256))))
            case 1:
                del data[a + 1 :]
            case 2:
                data[a:a] = rng.bytes(int(rng.integers(1, 60)))
            case 3:
                data[a:a] = span
            case 4:
                del data[a : a + len(span)]
            case 5:
                data[a : a + len(span)] = bytes(len(span))
            case 6:
                words = [
                    b"\0",
                    b"\xff\xfe",
                    b'"',
                    b",,,,",
                    b"1e999",
                    b"nan",
                    b"\r\n",
                    "经度".encode(),
                ]
                data[a:a] = words[int(rng.integers(0, len(words)))]
    return bytes(data)


def judge(path):
    """Return what became of a file: ``read``, or ``refused`` with one of our errors."""
    try:
        intake = read_reports(path, datum="wgs84")
    except GridkitError as error:
        return "refused" if error.text("zh") and error.text("en") else "speechless"
    return "read" if len(intake.reports) else "empty"
