"""Names with their shapes, as the table ``places``: from a district's layers or from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from ..tables import PLACES
from .columns import code_text, match_columns, rename_columns
from .vector import read_vector, to_metres, warn_of_wgs84

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .district import District

__all__ = ["district_places", "read_places"]


def district_places(district: District) -> gpd.GeoDataFrame:
    """Return the named things of a district's layers as the table ``places``.

    The district, its street offices (街道) and communities; streets by ``name``, with address
    ranges where they have any; waters and buildings by ``name``; compounds by ``compound``; door
    plates of buildings by ``street`` and ``number``. Headers as in ``place_columns.toml``.

    Parameters
    ----------
    district : District

    Examples
    --------
    >>> import gridkit as gk
    >>> places = gk.district_places(gk.make_city("small").district)
    >>> places["kind"].value_counts()["community"]
    np.int64(5)
    """
    parts = [_part(district.boundary.assign(name=district.name), "district")]
    if district.communities is not None:
        communities = district.communities
        if "name" in communities:
            parts.append(_part(communities, "community"))
        if "street_name" in communities:
            offices = communities.dissolve("street_name").reset_index()
            offices = offices.drop(columns=["name", "community_code"], errors="ignore")
            parts.append(_part(offices.rename(columns={"street_name": "name"}), "office"))
    for layer, kind in ((district.streets, "street"), (district.water, "area")):
        if layer is not None:
            parts.append(_part(layer, kind))
    if district.buildings is not None:
        parts += _of_buildings(district.buildings)
    parts = [p for p in parts if len(p)]
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=district.crs)


def _part(layer: gpd.GeoDataFrame, kind: str) -> gpd.GeoDataFrame:
    """Return the rows of a layer that have a name, with the columns of ``places``."""
    headers = [str(c) for c in layer.columns if c != layer.geometry.name]
    mapping = match_columns(headers, kind="place", table=PLACES, source=kind)
    mapping = {h: c for h, c in mapping.items() if c != "kind"}
    table = rename_columns(layer, mapping)
    if "name" not in table.columns:
        return table.iloc[:0]
    named = table["name"].astype("str").str.strip().fillna("").ne("")
    table = table.loc[named].assign(kind=kind)
    known = [c.name for c in PLACES.columns if c.name in table.columns and c.kind != "geometry"]
    return gpd.GeoDataFrame(
        table[known], geometry=table.geometry.to_numpy(), crs=layer.crs
    ).reset_index(drop=True)


def _of_buildings(buildings: gpd.GeoDataFrame) -> list[gpd.GeoDataFrame]:
    parts = []
    if "name" in buildings.columns:
        parts.append(_part(buildings[["name", buildings.geometry.name]], "poi"))
    if "compound" in buildings.columns:
        named = buildings[buildings["compound"].astype("str").fillna("").ne("")]
        whole = named[["compound", buildings.geometry.name]].dissolve("compound").convex_hull
        parts.append(
            gpd.GeoDataFrame(
                {"name": whole.index.astype("str"), "kind": "area"},
                geometry=whole.to_numpy(),
                crs=buildings.crs,
            )
        )
    headers = [str(c) for c in buildings.columns if c != buildings.geometry.name]
    mapping = match_columns(headers, kind="place", table=PLACES, source="buildings")
    if {"street", "number"} <= set(mapping.values()):
        plates = rename_columns(buildings, mapping).dropna(subset=["street", "number"])
        plates = plates.assign(name=plates["street"] + plates["number"].astype("str"))
        parts.append(_part(plates, "plate"))
    return parts


def read_places(
    path: str | Path,
    *,
    kind: str | None = None,
    columns: Mapping[str, str] | None = None,
    layer: str | None = None,
    crs: Any = None,
    datum: str | None = None,
) -> gpd.GeoDataFrame:
    """Read a gazetteer from a map file.

    Parameters
    ----------
    path : path
        GeoPackage, GeoJSON, Shapefile, FlatGeobuf or GeoParquet.
    kind : str, optional
        What all rows are, where the file has no column that says it: street, plate, …
    columns : mapping of header → column, optional
        Where the headers are not understood (``standards/place_columns.toml``).
    layer : str, optional
        Needed where the file has several.
    crs : anything pyproj understands, optional
        The projected CRS to work in: that of the cells.
    datum : {"wgs84", "cgcs2000", "gcj02", "bd09"}, optional
        What the coordinates really are, whatever the file says.

    Returns
    -------
    GeoDataFrame
        Table ``places``; rows without a name are left out where `kind` is given, since streets
        and buildings often have none.

    Raises
    ------
    FileError, CRSError
        As in `read_cells`.
    SchemaError
        No column with names, or none with kinds and no `kind`; a wrong `columns`.

    Warns
    -----
    GridkitWarning
        The file says WGS84, lies in China, and no `datum` confirms it.

    Examples
    --------
    >>> import geopandas as gpd, tempfile
    >>> from pathlib import Path
    >>> from shapely import LineString
    >>> import gridkit as gk
    >>> path = Path(tempfile.mkdtemp()) / "streets.fgb"
    >>> line = LineString([(624000, 4155600), (624900, 4155600)])
    >>> gpd.GeoDataFrame({"道路名称": ["解放路"]}, geometry=[line], crs=4549).to_file(path)
    >>> gk.read_places(path, kind="street")[["name", "kind"]].values.tolist()
    [['解放路', 'street']]
    """
    raw = read_vector(path, layer=layer)
    headers = [str(c) for c in raw.columns if c != raw.geometry.name]
    mapping = match_columns(headers, kind="place", table=PLACES, given=columns, source=str(path))
    table = rename_columns(raw, mapping)
    if "name" not in table and {"street", "number"} <= set(table.columns):
        table = table.assign(name=table["street"] + table["number"].astype("str"))
    if kind is not None:
        there = table["name"].notna() if "name" in table else slice(None)
        table = table.loc[there].assign(kind=kind)
    for column in ("name", "kind", "street", "number", "aliases", "community_code"):
        if column in table.columns:
            table[column] = code_text(table[column])
    PLACES.check(table, source=str(path))
    if datum is None:
        warn_of_wgs84(raw, what=str(path))
    return to_metres(table, what=str(path), crs=crs, datum=datum).reset_index(drop=True)
