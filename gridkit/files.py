"""Writing files so that nothing half-written is ever left behind."""

from __future__ import annotations

import contextlib
import os
import tempfile
import tomllib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import FileError
from .messages import message

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["atomic_path", "read_standard", "read_toml", "require_file", "split_head"]


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it takes the place of `path`.

    The temporary name keeps the suffix, so that writers which look at it work. When the body
    raises, the temporary file is removed and `path` is as it was.

    Parameters
    ----------
    path : path
        The file to write; its folder is made when it is missing.

    Raises
    ------
    FileError
        The folder cannot be made or written to.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=target.suffix, prefix=".gridkit-", dir=target.parent)
    except OSError as error:
        raise FileError(
            *message("files.cannot_write", path=path, why=error.strerror or error)
        ) from error
    os.close(handle)
    temporary = Path(name)
    temporary.unlink()
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as error:
        raise FileError(
            *message("files.cannot_write", path=path, why=error.strerror or error)
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def require_file(path: str | Path) -> Path:
    """Return `path` when there is such a file; raise `FileError` otherwise."""
    found = Path(path)
    if not found.exists():
        raise FileError(*message("files.missing", path=path))
    if found.is_dir():
        raise FileError(*message("files.is_folder", path=path))
    return found


def read_standard(path: str | Path | None, default: str) -> tuple[str, str]:
    """Return text and name of a city's own file, or of the one in ``gridkit/standards``.

    Parameters
    ----------
    path : path or None
        UTF-8, with or without a byte-order mark.
    default : str
        Name of the file to take where `path` is None.

    Raises
    ------
    FileError
        There is no such file, it cannot be read, or it is not UTF-8.
    """
    if path is None:
        return resources.files("gridkit").joinpath("standards", default).read_text("utf-8"), default
    try:
        return require_file(path).read_text("utf-8-sig"), str(path)
    except UnicodeDecodeError as error:
        raise FileError(*message("files.not_utf8", path=path)) from error
    except OSError as error:
        why = error.strerror or error
        raise FileError(*message("files.cannot_read", path=path, why=why)) from error


def read_toml(path: str | Path | None, default: str) -> tuple[dict[str, Any], str]:
    """Return the tables of a city's own TOML file, or of that in ``gridkit/standards``; its name.

    Parameters
    ----------
    path, default
        As in `read_standard`.

    Raises
    ------
    FileError
        As in `read_standard`, or no TOML.
    """
    text, name = read_standard(path, default)
    try:
        return tomllib.loads(text), name
    except tomllib.TOMLDecodeError as error:
        raise FileError(*message("rules.not_toml", path=name, why=error)) from error


def split_head(text: str) -> tuple[dict[str, str], list[str]]:
    """Return what the lines ``# key: value`` of a CSV say, and its other lines but blank ones."""
    lines = [line for line in text.splitlines() if line.strip()]
    pairs = (line[1:].partition(":") for line in lines if line.startswith("#"))
    head = {key.strip(): value.strip() for key, _, value in pairs}
    return head, [line for line in lines if not line.startswith("#")]
