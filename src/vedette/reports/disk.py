"""The border to the file system: what the machine says becomes one line a person can act on."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vedette.model.errors import OutputError

_ADVICE = {
    errno.ENOSPC: "the disk is full: free space, or choose another folder with -o",
    errno.EDQUOT: "your share of the disk is used up: free space, or choose another folder with -o",
    errno.EACCES: "permission denied: choose a folder you may write to with -o",
    errno.EPERM: "permission denied: choose a folder you may write to with -o",
    errno.EROFS: "the disk is read-only: choose another folder with -o",
    errno.ENOTDIR: "a part of the path is a file, not a folder: choose another folder with -o",
    errno.EEXIST: "a file of that name is in the way: choose another folder with -o",
    errno.EISDIR: "a folder of that name is in the way: remove it, or choose another folder with -o",
    errno.ENAMETOOLONG: "the name is too long: choose a shorter one with -o",
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Map every OSError of the body to an OutputError that names `path` and says what to do."""
    try:
        yield
    except OSError as error:
        reason = _ADVICE.get(error.errno or 0) or (error.strerror or str(error)).lower()
        raise OutputError(f"cannot write {path}: {reason}") from error


def make_folder(folder: Path) -> None:
    """Make `folder` with its parents and make sure that files can be made in it. Raises OutputError."""
    probe = folder / ".vedette-probe"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` so that `path` holds the old file or the new one, never a part. Raises OutputError."""
    beside = path.with_name(f".{path.name}.part")
    with writing(path):
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError:
            with suppress(OSError):
                beside.unlink()
            raise


class TextLines:
    """A text file that grows by whole lines, each out of this process as soon as it is added.

    Where the disk fills up in the middle of a line, what was written of it is taken back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = 0
        with writing(path):
            self._file = path.open("wb", buffering=0)

    def add(self, text: str) -> None:
        """Append `text`, which ends with a newline. Raises OutputError."""
        rest = memoryview(text.encode("utf-8", "backslashreplace"))
        whole = self._size + len(rest)
        with writing(self.path):
            try:
                while rest:
                    rest = rest[self._file.write(rest) or 0 :]
            except OSError:
                with suppress(OSError):
                    self._file.truncate(self._size)
                raise
        self._size = whole

    def close(self) -> None:
        """Close the file; may be called twice."""
        with writing(self.path):
            self._file.close()
