"""Out to QGIS and back: a styled GeoPackage to edit by hand, and what the hand has changed."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ..crs import same_crs
from ..division.checks import check_cells
from ..division.lineage import cells_at
from ..errors import FileError, GeometryError, GridkitWarning, raise_all
from ..files import atomic_path, require_file
from ..intake.district import District, district_of
from ..messages import message
from .bundle import DISTRICT_LAYERS, Plan, describe_rules
from .storage import read_layer_as_is, write_layers

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["HandEdit", "from_qgis", "to_qgis"]

LAYER = "cells"
MOVED_M = 1e-6

OUTLINE = {
    "style": "no",
    "outline_color": "178,24,43,255",
    "outline_style": "solid",
    "outline_width": "0.5",
    "outline_width_unit": "MM",
    "joinstyle": "bevel",
}
QML = """<qgis version="3.16" styleCategories="Symbology|Labeling" labelsEnabled="1">
 <renderer-v2 type="singleSymbol" symbollevels="0" enableorderby="0" forceraster="0">
  <symbols>
   <symbol type="fill" name="0" alpha="1" clip_to_extent="1" force_rhr="0">
    <layer class="SimpleFill" pass="0" locked="0" enabled="1">
     <Option type="Map">
{options}
     </Option>
{properties}
    </layer>
   </symbol>
  </symbols>
 </renderer-v2>
 <labeling type="simple">
  <settings calloutType="simple">
   <text-style fieldName="cell_code" isExpression="0" fontSize="8" fontSizeUnit="Point"
    textColor="35,35,35,255" textOpacity="1">
    <text-buffer bufferDraw="1" bufferSize="0.8" bufferSizeUnits="MM" bufferOpacity="1"
     bufferColor="255,255,255,255"/>
   </text-style>
   <placement placement="4"/>
   <rendering drawLabels="1" obstacle="0"/>
  </settings>
 </labeling>
</qgis>
"""


@dataclass(frozen=True)
class HandEdit:
    """What `from_qgis` returns.

    Attributes
    ----------
    cells : GeoDataFrame
        The map as it is in the file, with the column types of before.
    diff : GeoDataFrame
        A row for each cell that differs: ``cell_code``, ``change`` (``geometry``, ``attributes``,
        both joined by ", ", ``new`` or ``missing``), ``columns`` (the attributes that changed),
        ``area_before_m2``, ``area_after_m2`` (planar), ``iou`` (intersection over union, 0–1) and
        ``geometry`` (the land gained or lost).
    findings : GeoDataFrame
        From `check_cells`.

    Examples
    --------
    >>> import dataclasses
    >>> from gridkit.plan.handwork import HandEdit
    >>> [field.name for field in dataclasses.fields(HandEdit)]
    ['cells', 'diff', 'findings']
    """

    cells: gpd.GeoDataFrame
    diff: gpd.GeoDataFrame
    findings: gpd.GeoDataFrame


def to_qgis(plan: Plan | gpd.GeoDataFrame, path: str | Path, *, lang: str = "zh") -> None:
    """Write the newest map to a GeoPackage that QGIS opens with outlines and codes drawn.

    Layers: ``cells`` (the newest edition), of a plan also those of the district, and ``findings``.
    The style stands in the table ``layer_styles``, where QGIS looks for it. For edits that keep
    the cells joined, switch on topological editing and the avoidance of overlaps there.

    Parameters
    ----------
    plan : Plan or GeoDataFrame
        A plan, or cells.
    path : path
        Replaced when it is there.
    lang : {"zh", "en"}, default "zh"
        Language of the findings.

    Raises
    ------
    SchemaError
        Columns that a GeoPackage cannot hold.
    FileError
        The file cannot be written.

    Examples
    --------
    >>> import geopandas as gpd, tempfile
    >>> from pathlib import Path
    >>> import gridkit as gk
    >>> from shapely.geometry import box
    >>> cells = gpd.GeoDataFrame({"cell_code": ["A1"]}, geometry=[box(0, 0, 90, 90)], crs=4549)
    >>> path = Path(tempfile.mkdtemp()) / "cells.gpkg"
    >>> gk.to_qgis(cells, path)
    >>> len(gk.from_qgis(path, cells).diff)
    0
    """
    cells, district = _parts(plan)
    tables: dict[str, pd.DataFrame] = {LAYER: cells}
    if isinstance(plan, Plan):
        layers = {name: getattr(plan.district, name) for name in DISTRICT_LAYERS}
        tables |= {name: table for name, table in layers.items() if table is not None}
    tables["findings"] = check_cells(cells, district, lang=lang)
    tables["layer_styles"] = _styles(str(cells.active_geometry_name))
    with atomic_path(path) as temporary:
        write_layers(temporary, tables, shown=str(path))


def _parts(plan: Plan | gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, District]:
    """Return the newest map and its district; cells alone are measured against their own land."""
    if isinstance(plan, Plan):
        return cells_at(plan.cells), plan.district
    cells = cells_at(plan)
    return cells, district_of(cells)


def _styles(geometry: str) -> pd.DataFrame:
    """Return the table in which QGIS keeps the default style of a layer."""
    pairs = OUTLINE.items()
    options = "\n".join(f'      <Option type="QString" name="{k}" value="{v}"/>' for k, v in pairs)
    properties = "\n".join(f'     <prop k="{k}" v="{v}"/>' for k, v in pairs)
    return pd.DataFrame(
        {
            "f_table_catalog": [""],
            "f_table_schema": [""],
            "f_table_name": [LAYER],
            "f_geometry_column": [geometry],
            "styleName": ["gridkit"],
            "styleQML": [QML.format(options=options, properties=properties)],
            "styleSLD": [""],
            "useAsDefault": [True],
            "description": ["gridkit"],
            "owner": [""],
            "ui": [None],
            "update_time": [pd.Timestamp.now("UTC").floor("s")],
        }
    )


def from_qgis(
    path: str | Path,
    before: Plan | gpd.GeoDataFrame,
    *,
    layer: str = LAYER,
    verify: bool = True,
) -> HandEdit:
    """Read cells that were edited by hand, tell what was changed, and check them.

    Cells are matched by code. To carry moved borders into the history of the cells, hand the
    polygons of each group of neighbours that changed to `redraw_cells`.

    Parameters
    ----------
    path : path
        A GeoPackage that `to_qgis` wrote.
    before : Plan or GeoDataFrame
        What was handed to `to_qgis`.
    layer : str, default "cells"
        The layer with the edited cells.
    verify : bool, default True
        False returns cells that break rules, with a warning, so that they can be mended.

    Returns
    -------
    HandEdit

    Raises
    ------
    GeometryError
        The cells break rules that they kept before; each is named with the codes concerned.
    FileError
        No such file or layer, damaged, or without codes or shapes.
    CRSError
        The layer is in another CRS than before.

    Warns
    -----
    GridkitWarning
        The cells break rules and `verify` is False.

    Examples
    --------
    >>> import geopandas as gpd, tempfile
    >>> from pathlib import Path
    >>> import gridkit as gk
    >>> from shapely.geometry import box
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["A1", "A2"], "name": ["east", "west"]},
    ...     geometry=[box(90, 0, 180, 90), box(0, 0, 90, 90)],
    ...     crs=4549,
    ... )
    >>> path = Path(tempfile.mkdtemp()) / "cells.gpkg"
    >>> gk.to_qgis(cells.replace("east", "harbour"), path)  # as if renamed by hand
    >>> gk.from_qgis(path, cells).diff[["cell_code", "change", "columns"]].to_numpy().tolist()
    [['A1', 'attributes', 'name']]
    """
    cells, district = _parts(before)
    after = _read(path, layer, cells)
    same_crs(cells, after, what=f"{path}, before")
    diff = _difference(cells, after)
    findings = check_cells(after, district)
    broken = _newly_broken(check_cells(cells, district), findings)
    if broken and verify:
        first = message("plan.edit_refused", path=path)
        raise_all(GeometryError, [first, *describe_rules(after, district, broken)])
    if broken:
        text = message("plan.edit_unverified", path=path, rules=", ".join(broken))
        warnings.warn(GridkitWarning(*text), stacklevel=2)
    return HandEdit(after, diff, findings)


def _read(path: str | Path, layer: str, cells: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    after = read_layer_as_is(require_file(path), layer, like=cells)
    if not isinstance(after, gpd.GeoDataFrame) or "cell_code" not in after.columns:
        raise FileError(*message("plan.no_cell_codes", path=path, layer=layer))
    name = cells.active_geometry_name
    return after if after.active_geometry_name == name else after.rename_geometry(name)


def _newly_broken(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    """Return the rules that are broken now and were kept, or broken otherwise, before."""
    was = before.set_index("rule")
    bad = after[after["severity"] == "error"]
    kept = [
        was.loc[rule, "severity"] != "error" or was.loc[rule, "detail"] != detail
        for rule, detail in zip(bad["rule"], bad["detail"], strict=True)
    ]
    return [str(rule) for rule in bad["rule"][kept]]


def _difference(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a row for each cell that is not as it was."""
    i, j = _matched(before, after)
    a, b = before.geometry.to_numpy()[i], after.geometry.to_numpy()[j]
    moved = ~shapely.equals_exact(shapely.normalize(a), shapely.normalize(b), MOVED_M)
    edited = _edited(before.iloc[i], after.iloc[j])
    gone = np.setdiff1d(np.arange(len(before)), i)
    added = np.setdiff1d(np.arange(len(after)), j)
    rows = pd.concat(
        [
            _rows(before["cell_code"].iloc[i], a, b, _kinds(moved, edited), edited),
            _rows(
                before["cell_code"].iloc[gone], before.geometry.to_numpy()[gone], None, "missing"
            ),
            _rows(after["cell_code"].iloc[added], None, after.geometry.to_numpy()[added], "new"),
        ],
        ignore_index=True,
    )
    rows = rows[rows["change"] != ""].sort_values(["cell_code", "change"], ignore_index=True)
    return gpd.GeoDataFrame(rows, geometry="geometry", crs=before.crs)


def _matched(
    before: gpd.GeoDataFrame, after: gpd.GeoDataFrame
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return positions of the same cell; of several rows with its code the one most like it."""
    pairs = pd.DataFrame({"code": before["cell_code"], "i": np.arange(len(before))}).merge(
        pd.DataFrame({"code": after["cell_code"], "j": np.arange(len(after))}), on="code"
    )
    a, b = before.geometry.to_numpy()[pairs["i"]], after.geometry.to_numpy()[pairs["j"]]
    order = np.lexsort((pairs["j"], -_iou(a, b), pairs["i"]))
    best = pairs.iloc[order].drop_duplicates("i")
    return best["i"].to_numpy(), best["j"].to_numpy()


def _iou(a: Any, b: Any) -> NDArray[np.float64]:
    """Return intersection over union; 0 where either is missing."""
    a, b = shapely.make_valid(a), shapely.make_valid(b)
    common = np.nan_to_num(shapely.area(shapely.intersection(a, b)))
    total = np.nan_to_num(shapely.area(a)) + np.nan_to_num(shapely.area(b)) - common
    share: NDArray[np.float64] = np.divide(
        common, total, out=np.zeros(len(common)), where=total > 0
    )
    return share


def _edited(before: gpd.GeoDataFrame, after: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Return the names of the columns that differ in each row, joined by ", "."""
    shapes = before.active_geometry_name
    names = [c for c in dict.fromkeys([*before.columns, *after.columns]) if c != shapes]
    found = np.full(len(before), "", dtype=object)
    for name in names:
        old = before[name].tolist() if name in before.columns else [None] * len(before)
        new = after[name].tolist() if name in after.columns else [None] * len(after)
        for k, (x, y) in enumerate(zip(old, new, strict=True)):
            if not ((pd.isna(x) and pd.isna(y)) or x == y):
                found[k] = f"{found[k]}, {name}" if found[k] else name
    return found


def _kinds(moved: Any, edited: NDArray[np.object_]) -> NDArray[np.object_]:
    parts = zip(moved, edited != "", strict=True)
    named = [["geometry"] * bool(m) + ["attributes"] * bool(e) for m, e in parts]
    return np.array([", ".join(names) for names in named], dtype=object)


def _rows(codes: pd.Series[Any], a: Any, b: Any, change: Any, columns: Any = "") -> pd.DataFrame:
    nothing: NDArray[np.object_] = np.full(len(codes), shapely.Polygon(), dtype=object)
    old, new = (nothing if shapes is None else shapely.make_valid(shapes) for shapes in (a, b))
    return pd.DataFrame(
        {
            "cell_code": codes.fillna("").to_numpy(),
            "change": change,
            "columns": columns,
            "area_before_m2": np.nan_to_num(shapely.area(old)),
            "area_after_m2": np.nan_to_num(shapely.area(new)),
            "iou": _iou(old, new),
            "geometry": shapely.symmetric_difference(old, new),
        }
    )
