"""A prepared index of the cells: which cell owns a point, at the speed of memory."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import struct
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyproj
import shapely

from .._kernels.exact import right_or_on
from .._kernels.native import Native, library
from .._kernels.plain import Plain
from .._kernels.raster import Found, Raster, Rings, raster_for, rings_of
from ..crs import require_metres
from ..errors import FileError, GeometryError, GridkitWarning, OptionError, SchemaError, raise_all
from ..files import atomic_path, require_file
from ..messages import message
from ..tables import CELLS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Positions = NDArray[np.int32]
    Shapes = NDArray[np.object_]

__all__ = ["Locator"]

_MAGIC = b"gridkit locator\n"
_VERSION = 2
_DIGEST = 32
_BUCKETS = 64.0  # a cell: more make owners faster to find, borders slower, and the index larger
_ALONE = 50_000  # points below which a second thread costs more than it gives
REACH_M = 25.0  # how far from a border its distance is told
FAR_M = 1e6  # the greatest distance that can be asked for
ON_BORDER_M = 1e-6
_OVERLAP_M2 = 0.01  # area from which two cells are said to overlap; below it is drawing noise


class Locator:
    """A prepared, immutable index: exactly one owner for every point.

    A point on a shared border belongs to the cell on its east, on a horizontal border to the cell
    on its north, whatever the order of the cells and the resolution of the index, exactly in
    floating point. A point on the outer east or north edge of all cells is outside.

    Picklable, and safe to use from many threads at once.

    Parameters
    ----------
    cells : GeoDataFrame
        Table ``cells``: polygons and multipolygons, projected, metres.
    on_overlap : {"raise", "report"}
        Cells that overlap by more than 0.01 m² are an error that names them; ``"report"`` warns and
        goes on: the smallest code owns the overlap.

    Attributes
    ----------
    codes : ndarray of str
        Codes of the cells, in the order given.
    crs : pyproj.CRS
    engine : str
        ``"compiled"`` or ``"numpy"``; both give the same answers.

    Raises
    ------
    CRSError
        No CRS, or degrees.
    GeometryError
        Cells that are not sound polygons, or that overlap.
    SchemaError
        No cells, missing or repeated codes.

    Notes
    -----
    Half-open ownership by the symbolic shift (ε, ε²) of the point; orientation signs by Shewchuk
    (1997). The index is a raster of buckets on power-of-two lines; each bucket is one cell or a
    record of its edges, whose crossings add up to the owner. ``docs/location.md`` tells more.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import gridkit as gk
    >>> from shapely import box
    >>> cells = gpd.GeoDataFrame(
    ...     {"cell_code": ["west", "east"]}, geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)], crs=4549
    ... )
    >>> locator = gk.Locator(cells)
    >>> locator.locate_one(x=9.0, y=5.0)
    'east'
    >>> locator.locate_xy([4.0, 9.0, 18.0], [4.0, 5.0, 5.0]).tolist()
    [0, 1, -1]
    """

    def __init__(self, cells: gpd.GeoDataFrame, *, on_overlap: str = "raise") -> None:
        if on_overlap not in ("raise", "report"):
            choices = "raise, report"
            raise OptionError(
                *message("options.unknown", name="on_overlap", value=on_overlap, choices=choices)
            )
        _check_cells(cells)
        codes = cells["cell_code"].to_numpy(dtype=object, copy=True)
        # Inside, cells go by their codes, so that no tie depends on the order of the rows.
        order = np.argsort(codes, kind="stable").astype(np.int32)
        shapes = np.asarray(cells.geometry.array)[order]
        rings = rings_of(shapes)
        lib = library()
        edges = Plain.edges(rings) if lib is None else Native.edges(lib, rings)
        raster = raster_for(rings, edges, cells=len(shapes), buckets=_BUCKETS)
        pairs = _overlaps(shapes, edges, on_overlap, codes[order])
        built = Plain.build(edges, raster) if lib is None else Native.build(lib, edges, raster)
        duty = None
        if "duty_code" in cells.columns:
            duty = cells["duty_code"].to_numpy(dtype=object, copy=True)
        self.__setstate__(
            {
                "codes": codes,
                "duty": duty,
                "crs": cells.crs.to_wkt(),
                "order": order,
                "digest": _digest(rings, codes[order]),
                "raster": built.raster,
                "code": built.code,
                "record": built.record,
                "overlap": {int(c): upward_edges(shapes[c]) for c in np.unique(pairs)},
            }
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.codes: NDArray[np.object_] = state["codes"]
        self.duty_codes: NDArray[np.object_] | None = state["duty"]
        self.crs = pyproj.CRS.from_wkt(state["crs"])
        self._state = state
        self._order: Positions = state["order"]
        self._overlap: dict[int, Floats] = state["overlap"]
        # Positions of ranks, with -1 for rank -1; none where the cells came sorted.
        is_sorted = np.array_equal(self._order, np.arange(len(self._order)))
        self._ranked = None if is_sorted else np.append(self._order, np.int32(-1))
        raster: Raster = state["raster"]
        tables = (raster.column, raster.row, raster.x, raster.y)
        for array in (self.codes, self._order, state["code"], state["record"], *tables):
            array.flags.writeable = False
        lib = library()
        parts = state["raster"], state["code"], state["record"]
        self._engine = Plain(*parts) if lib is None else Native(lib, *parts)

    def __getstate__(self) -> dict[str, Any]:
        return self._state

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        size = self.nbytes / 1e6
        return f"Locator({len(self):,} cells, {size:.1f} MB, {self.engine}, {self.crs.name})"

    @property
    def engine(self) -> str:
        """Which engine answers: ``"compiled"`` or ``"numpy"``."""
        return self._engine.name

    @property
    def has_duty(self) -> bool:
        """Whether the cells name their duty cells."""
        return self.duty_codes is not None

    @property
    def digest(self) -> str:
        """What codes, shapes and CRS the index was made of, as one hexadecimal number."""
        digest = hashlib.blake2b(self._state["digest"], digest_size=_DIGEST)
        digest.update(self.crs.to_wkt().encode())
        return digest.hexdigest()

    @property
    def nbytes(self) -> int:
        """Bytes of the index."""
        engine = self._engine
        return int(engine.code.nbytes + engine.record.nbytes + engine.raster.nbytes)

    def locate_xy(self, x: ArrayLike, y: ArrayLike, *, threads: int | None = None) -> Positions:
        """Return for each point the position of its owner among the cells, -1 outside.

        Parameters
        ----------
        x, y : array-like of float, one dimension
            In the CRS of the cells. A coordinate that is not finite is outside.
        threads : int, optional
            All processors by default, one for small input.

        Returns
        -------
        int32 array
        """
        x, y = _same(x, y)
        if threads is not None and threads < 1:
            raise OptionError(*message("location.bad_threads", value=threads))
        rank = self.rank_xy(x, y, threads=threads)
        return rank if self._ranked is None else self._ranked[rank]

    def locate_one(self, *, x: float, y: float) -> str | None:
        """Return the code of the cell that owns one point, or None outside."""
        rank = self._engine.locate_one(float(x), float(y))
        if rank == -2:
            rank = int(self.rank_xy(np.array([float(x)]), np.array([float(y)]))[0])
        return None if rank < 0 else self.codes[self._order[rank]]

    def rank_xy(self, x: Floats, y: Floats, *, threads: int | None = None) -> Positions:
        """Return owners as ranks: positions among the cells sorted by code; -1 outside."""
        rank = np.empty(len(x), np.int32)
        in_parts(lambda part: self._engine.locate(x[part], y[part], rank[part]), len(x), threads)
        several = np.flatnonzero(rank == -2)
        if len(several):
            rank[several] = self._smallest(x[several], y[several])
        return rank

    def find_xy(self, x: Floats, y: Floats, *, near_m: float, ambiguous_m: float) -> Found:
        """Return everything that `locate` says of points, cells as ranks.

        Parameters
        ----------
        x, y : float arrays (n,)
            A point that is not finite is outside.
        near_m : float
            How far outside all cells a point may lie and still take the nearest.
        ambiguous_m : float
            How near another cell is named.

        Returns
        -------
        Found
            Five arrays (n,): owner, way, distance to the border and to the owner, other cell.
        """
        x, y = _same(x, y)
        found = Found.empty(len(x))
        limits = (REACH_M, near_m, ambiguous_m, ON_BORDER_M)

        def work(part: slice) -> None:
            self._engine.find(x[part], y[part], limits, found.at(part), given=False)

        in_parts(work, len(x), None)
        several = np.flatnonzero(found.owner == -2)
        if len(several):
            px, py, again = x[several], y[several], Found.empty(len(several))
            again.owner[:] = self._smallest(px, py)
            self._engine.find(px, py, limits, again, given=True)
            arrays: Iterator[tuple[NDArray[Any], NDArray[Any]]] = zip(found, again, strict=True)
            for whole, part in arrays:
                whole[several] = part
        return found

    def by_rank(self, column: str) -> NDArray[np.object_]:
        """Return ``cell_code`` or ``duty_code`` of the cells in the order of ranks."""
        values = self.codes if column == "cell_code" else self.duty_codes
        if values is None:
            raise OptionError(*message("location.no_duty"))
        ranked: NDArray[np.object_] = values[self._order]
        return ranked

    def _smallest(self, x: Floats, y: Floats) -> Positions:
        """Return the first of the overlapping cells that holds each point."""
        owner = np.full(len(x), -1, np.int32)
        for rank in sorted(self._overlap):
            free = np.flatnonzero(owner < 0)
            owner[free[covers_shifted(self._overlap[rank], x[free], y[free])]] = rank
        return owner

    def is_of(self, cells: gpd.GeoDataFrame) -> bool:
        """Tell whether the index was made from these codes and shapes, in any order."""
        codes = cells["cell_code"].to_numpy(dtype=object)
        order = np.argsort(codes, kind="stable")
        rings = rings_of(np.asarray(cells.geometry.array)[order])
        return bool(_digest(rings, codes[order]) == self._state["digest"])

    def save(self, path: str | Path) -> Path:
        """Write the index to a file with its version and checksum; return the path.

        Raises
        ------
        FileError
            The file cannot be written.
        """
        body = _packed(self._state)
        checksum = hashlib.blake2b(body, digest_size=_DIGEST).digest()
        with atomic_path(path) as temporary:
            temporary.write_bytes(_MAGIC + struct.pack("<I", _VERSION) + checksum + body)
        return require_file(path)

    @classmethod
    def load(cls, path: str | Path, *, cells: gpd.GeoDataFrame | None = None) -> Locator:
        """Read an index that `save` wrote.

        Parameters
        ----------
        path : path
        cells : GeoDataFrame, optional
            The cells as they are now: an index made from others is refused as stale.

        Raises
        ------
        FileError
            No such file, not an index, damaged, of another version, or stale.
        """
        data = require_file(path).read_bytes()
        head = len(_MAGIC) + 4 + _DIGEST
        if len(data) < head or not data.startswith(_MAGIC):
            raise FileError(*message("location.not_an_index", path=path))
        (version,) = struct.unpack("<I", data[len(_MAGIC) : len(_MAGIC) + 4])
        if version != _VERSION:
            found = {"path": path, "found": version, "wanted": _VERSION}
            raise FileError(*message("location.other_version", **found))
        body = data[head:]
        if hashlib.blake2b(body, digest_size=_DIGEST).digest() != data[head - _DIGEST : head]:
            raise FileError(*message("location.damaged", path=path))
        locator = cls.__new__(cls)
        locator.__setstate__(_unpacked(body))
        if cells is not None and not locator.is_of(cells):
            raise FileError(*message("location.stale", path=path))
        return locator


def upward_edges(area: shapely.Geometry) -> Floats:
    """Return the edges of all rings as rows ax, ay, bx, by with ay < by; no level ones."""
    rings = rings_of(np.array([area], dtype=object))
    ends: Floats = np.hstack([rings.xy[:-1], rings.xy[1:]])
    inner = np.ones(len(ends), dtype=bool)
    inner[rings.start[1:-1] - 1] = False
    ends = ends[inner & (ends[:, 1] != ends[:, 3])]
    down = ends[:, 1] > ends[:, 3]
    ends[down] = ends[down][:, [2, 3, 0, 1]]
    return ends


def covers_shifted(edges: Floats, x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Tell which points, shifted by (ε, ε²), lie inside the area with these upward edges."""
    inside = np.zeros(len(x), dtype=bool)
    step = max(1, 2_000_000 // max(1, len(edges)))
    for start in range(0, len(x), step):
        px, py = x[start : start + step], y[start : start + step]
        point, edge = np.nonzero((edges[:, 1] <= py[:, None]) & (py[:, None] < edges[:, 3]))
        ax, ay, bx, by = edges[edge].T
        crossed = right_or_on(ax, ay, bx, by, px[point], py[point])
        inside[start : start + step] = np.bincount(point[crossed], minlength=len(px)) % 2 == 1
    return inside


def _same(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    x = np.ascontiguousarray(x, dtype=np.float64)
    y = np.ascontiguousarray(y, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise OptionError(*message("location.shapes_differ", x=x.shape, y=y.shape))
    return x, y


def in_parts(work: Any, n: int, threads: int | None) -> None:
    """Do the work on slices of n points, in as many threads as help."""
    hands = threads or (os.cpu_count() or 1)
    if hands == 1 or n < _ALONE:
        work(slice(0, n))
        return
    cuts = np.linspace(0, n, 4 * hands + 1).astype(int)
    parts = [slice(a, b) for a, b in itertools.pairwise(cuts.tolist())]
    with ThreadPoolExecutor(hands) as pool:
        list(pool.map(work, parts))


def _check_cells(cells: gpd.GeoDataFrame) -> None:
    CELLS.check(cells, source="cells")
    require_metres(cells, what="cells")
    if cells.empty:
        raise SchemaError(*message("location.no_cells"))
    shapes = np.asarray(cells.geometry.array)
    codes = cells["cell_code"].to_numpy()
    polygons = np.isin(shapely.get_type_id(shapes), (3, 6))
    problems = []
    for key, bad in (
        ("location.cells_not_polygons", ~polygons),
        ("location.cells_empty", polygons & shapely.is_empty(shapes)),
        ("location.cells_invalid", polygons & ~shapely.is_valid(shapes)),
    ):
        if bad.any():
            problems.append(message(key, n=int(bad.sum()), codes=", ".join(codes[bad][:5])))
    raise_all(GeometryError, problems)


def _overlaps(
    shapes: Shapes, edges: NDArray[Any], on_overlap: str, codes: NDArray[np.object_]
) -> NDArray[np.intp]:
    """Return pairs of cells whose insides meet; raise or warn where it is more than noise.

    The number of cells over a place changes only across an edge with a cell on one side, so a cell
    with such an edge takes part in every patch of overlap: the others need no look unless all
    pairs are wanted.
    """
    single = edges[(edges["right"] == 0) | (edges["left"] == 0)]
    suspects = np.unique(np.maximum(single["right"], single["left"])) - 1
    if on_overlap == "report":
        suspects = np.arange(len(shapes))
    tree = shapely.STRtree(shapes)
    one, two = tree.query(shapes[suspects], predicate="intersects")
    one = suspects[one]
    other = one != two
    pairs = np.unique(np.sort(np.column_stack([one[other], two[other]]), axis=1), axis=0)
    meet = shapely.relate_pattern(shapes[pairs[:, 0]], shapes[pairs[:, 1]], "T********")
    pairs = np.asarray(pairs[meet], dtype=np.intp)
    area = shapely.area(shapely.intersection(shapes[pairs[:, 0]], shapes[pairs[:, 1]]))
    large = pairs[area > _OVERLAP_M2]
    if len(large):
        names = ", ".join(f"{codes[a]}/{codes[b]}" for a, b in large[:5])
        text = message("location.overlap", n=len(large), pairs=names)
        if on_overlap == "raise":
            raise GeometryError(*text)
        warnings.warn(GridkitWarning(*text), stacklevel=4)
    found: NDArray[np.intp] = pairs
    return found


def _digest(rings: Rings, codes: NDArray[np.object_]) -> bytes:
    digest = hashlib.blake2b(digest_size=_DIGEST)
    for part in (rings.xy, rings.start, rings.cell):
        digest.update(np.ascontiguousarray(part).data)
    digest.update("\n".join(map(str, codes)).encode("utf-8", "surrogatepass"))
    return digest.digest()


def _packed(state: dict[str, Any]) -> bytes:
    raster: Raster = state["raster"]
    arrays = {
        "codes": state["codes"].astype("U"),
        "order": state["order"],
        "digest": np.frombuffer(state["digest"], np.uint8),
        "crs": np.array(state["crs"]),
        "scale": np.array([raster.sx, raster.sy]),
        "first": np.array([raster.j0, raster.i0]),
        "column": raster.column,
        "row": raster.row,
        "code": state["code"],
        "record": state["record"],
        "overlap": np.array(list(state["overlap"]), np.int64),
        **{f"overlap_{rank}": edges for rank, edges in state["overlap"].items()},
    }
    if state["duty"] is not None:
        known = ~pd.isna(state["duty"])
        arrays["duty"] = np.where(known, state["duty"], "").astype("U")
        arrays["duty_known"] = known
    body = io.BytesIO()
    np.savez(body, **arrays)
    return body.getvalue()


def _unpacked(body: bytes) -> dict[str, Any]:
    arrays = np.load(io.BytesIO(body), allow_pickle=False)
    duty = None
    if "duty" in arrays:
        duty = arrays["duty"].astype(object)
        duty[~arrays["duty_known"]] = None
    sx, sy = arrays["scale"].tolist()
    j0, i0 = arrays["first"].tolist()
    return {
        "codes": arrays["codes"].astype(object),
        "duty": duty,
        "crs": str(arrays["crs"]),
        "order": arrays["order"],
        "digest": arrays["digest"].tobytes(),
        "raster": Raster(sx, sy, j0, i0, arrays["column"], arrays["row"]),
        "code": arrays["code"],
        "record": arrays["record"],
        "overlap": {int(rank): arrays[f"overlap_{rank}"] for rank in arrays["overlap"]},
    }
