"""What a file must be before any reader sees it: local, of a known kind, and of a sane size."""

from __future__ import annotations

import contextlib
import re
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import FileError
from ..files import require_file
from ..messages import message

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["require_safe", "shapefile_of"]

MOST_BYTES = 4 * 2**30
MOST_RATIO = 250
"""A packed file this much smaller than what comes out of it is a trap."""
MOST_MEMBERS = 10_000

# What a file of each ending begins with.
_XLS = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x09\x08", b"\x09\x04", b"\x09\x02", b"\x09\x00")
_MAGIC: dict[str, tuple[bytes, ...]] = {
    ".xlsx": (b"PK\x03\x04",),
    ".xls": _XLS,
    ".zip": (b"PK\x03\x04",),
    ".parquet": (b"PAR1",),
    ".gpkg": (b"SQLite format 3\0",),
    ".fgb": (b"fgb\x03fgb",),
    ".shp": (b"\x00\x00\x27\x0a",),
}
_PACKED = (".xlsx", ".zip")
_JSON = (".json", ".geojson")
_OSM = (".osm", ".pbf")
_TEXT = (".csv", ".tsv", ".txt")
# Names that readers of map files take for addresses or for other drivers: /vsicurl/, CSV:a.txt.
_ELSEWHERE = re.compile(r"^(?:[A-Za-z][\w+.-]+:|/vsi|\\\\)|://|[\0\n]")
# What tells a reader of map files to run something or to open other files, instead of being data.
_COMMAND = re.compile(rb"gdal_streamed_alg|<OGRVRT|gdalVersion|\"stac_version\"|\"PLScenes")
_HEAD = 100_000
# What the unpacker raises for parts that are locked, or packed in ways that it does not know.
_ODD = (RuntimeError, NotImplementedError, ValueError)


def require_safe(path: str | Path, suffixes: tuple[str, ...]) -> Path:
    """Return `path` when it is a local file of one of these kinds, by its ending and its bytes.

    Parameters
    ----------
    path : path
    suffixes : tuple of str
        Endings in lower case.

    Raises
    ------
    FileError
        An address or a driver prefix, no such file, another ending, other bytes than the ending
        says, a file too large, a packed file that unpacks to far more than it is.
    """
    if _ELSEWHERE.search(str(path)):
        raise FileError(*message("intake.not_local", path=path))
    file = require_file(path)
    suffix = file.suffix.lower()
    if suffix not in suffixes:
        raise FileError(*message("intake.unknown_format", path=path, known=", ".join(suffixes)))
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise FileError(*message("intake.too_large", path=path, gb=f"{size / 2**30:.1f}", most=4))
    with file.open("rb") as opened:
        head = opened.read(_HEAD)
    _require_kind(path, suffix, head)
    if suffix in _PACKED:
        _require_sane(file)
    return file


def _require_kind(path: str | Path, suffix: str, head: bytes) -> None:
    """Raise unless the first bytes are those of the ending."""
    if suffix in _JSON:
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        sound = text[:1] in (b"{", b"[") and not _COMMAND.search(head)
    elif suffix in _OSM:
        sound = (b"<osm" in head or b"OSMHeader" in head[:64]) and not _COMMAND.search(head)
    elif suffix in _TEXT:
        others = (m for magics in _MAGIC.values() for m in magics if len(m) > 2)
        sound = not head.startswith((*others, b"%PDF", b"\x1f\x8b"))
    else:
        sound = head.startswith(_MAGIC[suffix]) and b"<OGRVRT" not in head
    if not sound:
        raise FileError(*message("intake.not_what_it_says", path=path, suffix=suffix))


def _require_sane(file: Path) -> None:
    """Raise where a packed file holds too much, or members with names that lead out of it."""
    try:
        with zipfile.ZipFile(file) as packed:
            members = packed.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise FileError(*message("intake.unreadable", path=file, why=error)) from error
    size = sum(m.file_size for m in members)
    swollen = size > MOST_RATIO * max(file.stat().st_size, 1) and size > 2**20
    if size > MOST_BYTES or len(members) > MOST_MEMBERS or swollen:
        ratio = size / max(file.stat().st_size, 1)
        gb = f"{size / 2**30:.2f}"
        raise FileError(*message("intake.swollen", path=file, gb=gb, ratio=f"{ratio:.0f}"))
    if any(m.flag_bits & 1 for m in members):
        raise FileError(*message("intake.locked", path=file))


@contextlib.contextmanager
def shapefile_of(path: Path) -> Iterator[Path]:
    """Yield the one Shapefile in a packed file, in any folder or packed once more, unpacked.

    Raises
    ------
    FileError
        None, or several.
    """
    with tempfile.TemporaryDirectory(prefix="gridkit-") as folder:
        try:
            found = _unpack(path, Path(folder), deeper=True)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, *_ODD) as error:
            raise FileError(*message("intake.unreadable", path=path, why=error)) from error
        if len(found) != 1:
            names = ", ".join(sorted(p.name for p in found)) or "–"
            raise FileError(*message("intake.one_shapefile", path=path, found=names))
        require_safe(found[0], (".shp",))
        yield found[0]


def _unpack(packed: Path, folder: Path, *, deeper: bool) -> list[Path]:
    """Write the parts of Shapefiles, named by number, so that no name leads anywhere."""
    found = []
    with zipfile.ZipFile(packed) as archive:
        stems: dict[str, str] = {}
        for k, member in enumerate(archive.infolist()):
            name = Path(member.filename.replace("\\", "/"))
            kind = name.suffix.lower()
            if member.is_dir() or "__MACOSX" in name.parts:
                continue
            if kind == ".zip" and deeper:
                inner = folder / f"inner{k}.zip"
                inner.write_bytes(archive.read(member))
                _require_sane(inner)
                (folder / str(k)).mkdir()
                found += _unpack(inner, folder / str(k), deeper=False)
            elif kind in (".shp", ".shx", ".dbf", ".prj", ".cpg"):
                stem = stems.setdefault(str(name.with_suffix("")).lower(), f"layer{len(stems)}")
                target = folder / f"{stem}{kind}"
                target.write_bytes(archive.read(member))
                if kind == ".shp":
                    found.append(target)
    return found
