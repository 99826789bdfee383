"""Writing files so that nothing half-written is ever left behind."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import FileError
from .messages import message

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["atomic_path", "require_file"]


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
        raise FileError(*message("files.cannot_write", path=path, why=error.strerror)) from error
    os.close(handle)
    temporary = Path(name)
    temporary.unlink()
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(target)
    except OSError as error:
        raise FileError(*message("files.cannot_write", path=path, why=error.strerror)) from error
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
