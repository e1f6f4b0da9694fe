"""The identity of a storage folder: a file in it that says which one it is."""

from __future__ import annotations

import errno
import json
import os
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Final

from vedette.model.errors import StorageGone

IDENTITY: Final = "vedette-storage.json"
_VERSION: Final = 1
_MOST: Final = 4096
_ABOUT: Final = "a storage folder of Vedette; keep this file"
_NO_LINK: Final = os.O_NOFOLLOW | os.O_CLOEXEC


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each on the disk before anything is put into it."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o750)
    above = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(above)
    finally:
        os.close(above)


def place_of(folder: int) -> tuple[int, ...]:
    """What tells an open folder from every other one, without reading its identity.

    Another disk may have the same device number and the same inode for its root, but not an identity file of the same
    moment. Empty when there is no such file.
    """
    try:
        mine = os.stat(IDENTITY, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return ()
    state = os.fstat(folder)
    return state.st_dev, state.st_ino, mine.st_dev, mine.st_ino, mine.st_ctime_ns


def identity(folder: int, path: Path) -> str | None:
    """The uuid in the identity file; None when there is no such file. Raises StorageGone when it is damaged."""
    try:
        handle = os.open(IDENTITY, os.O_RDONLY | _NO_LINK, dir_fd=folder)
    except FileNotFoundError:
        return None
    try:
        told = json.loads(os.pread(handle, _MOST, 0))
        return str(uuid.UUID(told["storage"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise StorageGone(f"{path / IDENTITY} is damaged; restore it, or remove it to begin anew there") from None
    finally:
        os.close(handle)


def identify(folder: int) -> str:
    """Write a new identity, whole or not at all. Returns the one that holds: another process may have been first."""
    number = str(uuid.uuid4())
    name = f".{IDENTITY}.{number}"
    told = json.dumps({"version": _VERSION, "storage": number, "about": _ABOUT})
    handle = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _NO_LINK, 0o640, dir_fd=folder)
    try:
        os.write(handle, told.encode() + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(name, IDENTITY, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        number = identity(folder, Path()) or number
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise
        os.rename(name, IDENTITY, src_dir_fd=folder, dst_dir_fd=folder)
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    os.fsync(folder)
    return number


def expect(found: str | None, expected: str | None, folder: Path) -> str:
    """The identity that was found. Raises StorageGone when there is none, or another one than expected."""
    if found is None:
        raise StorageGone(f"{folder} is no storage folder: {IDENTITY} is missing; is its disk mounted?")
    if expected is not None and found != expected:
        raise StorageGone(
            f"{folder} is another storage folder than before ({found}, not {expected}); swap the disk back"
        )
    return found
