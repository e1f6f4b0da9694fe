"""The file layer of a storage folder on a disk of this machine.

A disk that was unmounted leaves an empty folder behind, another may be mounted in its place, and both can happen while
files are written. So every single step goes from the folder's name on, makes sure that it is still the folder it was,
and follows no links.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final

from vedette.model.errors import FileMissing, StorageError, StorageGone
from vedette.model.recording import Storage
from vedette.video.recording.failures import Translated
from vedette.video.recording.identity_file import expect, identify, identity, make_folder, place_of

LOCK: Final = "vedette-storage.lock"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NO_LINK: Final = os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
_DEEPEST: Final = 8


class DiskFile:
    """A file that is being written on a disk."""

    def __init__(self, handle: int, path: str) -> None:
        self._handle = handle
        self._path = path

    def write(self, data: bytes) -> None:
        """Append `data`. Raises StorageError; what is in the file then is not known."""
        rest = memoryview(data)
        with Translated(f"{self._path} cannot be written"):
            while rest:
                rest = rest[os.write(self._handle, rest) :]

    def sync(self, *, whole: bool = False) -> None:
        """Return once everything written is on the disk. Raises StorageError; asking again then proves nothing."""
        with Translated(f"{self._path} cannot be written"):
            (os.fsync if whole else os.fdatasync)(self._handle)

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes and write on there."""
        with Translated(f"{self._path} cannot be cut"):
            os.ftruncate(self._handle, size)
            os.lseek(self._handle, 0, os.SEEK_END)

    def close(self) -> None:
        """Free it. Does not sync. May be called twice."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            with suppress(OSError):
                os.close(handle)


class DiskFiles:
    """A storage folder on a disk; implements `Files`. Any number of threads may use it.

    Build it with `open`. storage: which folder it is; place: `place_of` it.
    """

    def __init__(self, storage: Storage, place: tuple[int, ...]) -> None:
        self._storage = storage
        self._place = place
        self._lock = -1
        self._kept: set[PurePosixPath] = set()

    @classmethod
    def open(cls, folder: Path, expected: str | None = None) -> DiskFiles:
        """The storage folder `folder`, made and given an identity when it is new.

        expected  the uuid it had; None when this machine never used it: it may still have an identity of its own then

        Raises StorageGone when it is not the expected one (disk not mounted, or another one), StorageError otherwise.
        """
        folder = folder.absolute()
        with Translated(f"the storage folder {folder} cannot be used"):
            if expected is None:
                make_folder(folder)
            elif not folder.is_dir():
                raise StorageGone(f"the storage folder {folder} is not there; is its disk mounted?")
            handle = os.open(folder, _FOLDER)
            try:
                found = identity(handle, folder)
                if found is None and expected is None:
                    found = identify(handle)
                place = place_of(handle)
            finally:
                os.close(handle)
        storage = Storage(expect(found, expected, folder), str(folder))
        return cls(storage, place)

    @property
    def storage(self) -> Storage:
        """Which folder this is."""
        return self._storage

    def claim(self) -> None:
        """Keep every other process from recording here, until `release` or the end of this one.

        Raises StorageError when another one does.
        """
        if self._lock >= 0:
            return
        with self._root() as root, Translated(f"{self._storage.path} cannot be locked"):
            handle = os.open(LOCK, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o600, dir_fd=root)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                raise StorageError(
                    f"another recorder writes into {self._storage.path}; stop it, or give each its own folder"
                ) from None
            self._lock = handle

    def release(self) -> None:
        """Undo `claim`. May be called twice."""
        handle, self._lock = self._lock, -1
        if handle >= 0:
            os.close(handle)

    def create(self, path: PurePosixPath) -> DiskFile:
        """A new file; its folders are made as needed. Raises FileExists when there is one of that name."""
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | _NO_LINK
        return DiskFile(self._open(path, flags, make=True), str(path))

    def append(self, path: PurePosixPath) -> DiskFile:
        """An existing file, to be cut or written on at its end. Raises FileMissing."""
        handle = self._open(path, os.O_WRONLY | _NO_LINK)
        os.lseek(handle, 0, os.SEEK_END)
        return DiskFile(handle, str(path))

    def unlink(self, path: PurePosixPath) -> None:
        """Remove a file, and the folder of its day when that is empty then; nothing happens when there is none."""
        _confine(path)
        with suppress(FileMissing), self._folder(path.parent) as folder, self._speaking_of(path):
            os.unlink(path.name, dir_fd=folder)
        if len(path.parts) < 3:
            return
        with suppress(StorageError), self._folder(path.parent.parent) as above, suppress(OSError):
            self._kept.discard(path.parent)
            os.rmdir(path.parent.name, dir_fd=above)

    def sync_folder(self, path: PurePosixPath) -> None:
        """Return once names that were added to or taken from the folder `path`, or it itself, are on the disk."""
        while True:
            try:
                with self._folder(path) as folder, self._speaking_of(path):
                    os.fsync(folder)
            except FileMissing:
                if path == path.parent:
                    raise
                path = path.parent
            else:
                return

    def read(self, path: PurePosixPath, offset: int = 0, size: int | None = None) -> bytes:
        """Bytes of a file: fewer than asked for at its end. Raises FileMissing."""
        handle = self._open(path, os.O_RDONLY | _NO_LINK)
        try:
            with self._speaking_of(path):
                left = os.fstat(handle).st_size - offset if size is None else size
                parts = []
                while left > 0 and (part := os.pread(handle, left, offset)):
                    parts.append(part)
                    offset, left = offset + len(part), left - len(part)
        finally:
            os.close(handle)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def size(self, path: PurePosixPath) -> int | None:
        """Bytes of a file; None when there is none."""
        _confine(path)
        try:
            with self._folder(path.parent) as folder, self._speaking_of(path):
                return os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_size
        except FileMissing:
            return None

    def files(self) -> Iterator[PurePosixPath]:
        """Every MP4 file in the folder, in no order; links and folders of other names than ours are left out."""
        waiting = [PurePosixPath()]
        while waiting:
            here = waiting.pop()
            with self._folder(here) as folder, self._speaking_of(here), os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if _FOLDER_NAME.match(entry.name) and len(here.parts) < _DEEPEST:
                            waiting.append(here / entry.name)
                    elif entry.name.endswith(".mp4") and entry.is_file(follow_symlinks=False):
                        yield here / entry.name

    def free_bytes(self) -> int:
        """Bytes that can still be written by whoever runs this."""
        with self._root() as root, Translated(f"{self._storage.path} cannot be asked for its free space"):
            state = os.fstatvfs(root)
        return state.f_bavail * state.f_frsize

    def check(self) -> None:
        """Return when the folder is there, writable and the one it was. Raises StorageGone, StorageError."""
        with self._root() as root, Translated(f"{self._storage.path} cannot be used"):
            expect(identity(root, Path(self._storage.path)), self._storage.id, Path(self._storage.path))
            if os.fstatvfs(root).f_flag & os.ST_RDONLY:
                raise StorageGone(f"{self._storage.path} may only be read now; check the disk and mount it for writing")
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=root, effective_ids=True):
                raise StorageError(f"{self._storage.path} may not be written; check its owner and permissions")

    @contextmanager
    def _root(self) -> Iterator[int]:
        """The storage folder itself, made sure of; it may be a link, wherever that leads by now.

        It has another place when its disk was mounted again.
        """
        folder = Path(self._storage.path)
        with Translated(f"the storage folder {folder} cannot be used"):
            try:
                handle = os.open(folder, _FOLDER)
            except (FileNotFoundError, NotADirectoryError):
                raise StorageGone(f"the storage folder {folder} is not there any more; is its disk mounted?") from None
        try:
            with Translated(f"the storage folder {folder} cannot be used"):
                place = place_of(handle)
                if place != self._place:
                    expect(identity(handle, folder), self._storage.id, folder)
                    self._place = place
                    self._kept.clear()
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def _folder(self, path: PurePosixPath, *, make: bool = False) -> Iterator[int]:
        """A folder inside. Raises FileMissing when it is not there."""
        _confine(path)
        with self._root() as root:
            here = os.dup(root)
            try:
                for depth, name in enumerate(path.parts):
                    with self._speaking_of(path):
                        if make:
                            self._make(here, PurePosixPath(*path.parts[: depth + 1]))
                        deeper = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
                    os.close(here)
                    here = deeper
                yield here
            finally:
                os.close(here)

    def _make(self, above: int, path: PurePosixPath) -> None:
        """The folder `path` in the open folder `above`: there, and its name on the disk before anything is in it."""
        if path in self._kept:
            return
        with suppress(FileExistsError):
            os.mkdir(path.name, 0o750, dir_fd=above)
        # Also where it was there: whoever made it may have been killed before this.
        os.fsync(above)
        self._kept.add(path)

    def _open(self, path: PurePosixPath, flags: int, *, make: bool = False) -> int:
        _confine(path)
        for attempt in range(3):
            try:
                with self._folder(path.parent, make=make) as folder, self._speaking_of(path):
                    return os.open(path.name, flags, 0o640, dir_fd=folder)
            except FileMissing:
                # Between the folder's making and the file's, a deletion may have taken the empty folder away.
                if not make or attempt == 2:
                    raise
                self._kept.clear()
        raise AssertionError

    def _speaking_of(self, path: PurePosixPath) -> Translated:
        return Translated(f"{self._storage.path}/{path} cannot be used")


def _confine(path: PurePosixPath) -> None:
    if path.is_absolute() or any(part in {"..", "."} or "\x00" in part for part in path.parts):
        raise StorageError(f"{path} lies outside the storage folder")
