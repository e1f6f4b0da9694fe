"""The machine's errors in the house's words."""

from __future__ import annotations

import errno
from typing import Final

from vedette.model.errors import FileExists, FileMissing, StorageError, StorageFull, StorageGone

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_GONE: Final = frozenset(
    {errno.EIO, errno.EROFS, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN, errno.EREMOTEIO, errno.ENOMEDIUM}
)
_ADVICE: Final[dict[int, tuple[type[StorageError], str]]] = {
    errno.EEXIST: (FileExists, "a file of that name is there already"),
    errno.ENOENT: (FileMissing, "it is not there"),
    errno.ELOOP: (StorageError, "a link is where a file or folder should be; remove it"),
    errno.ENOTDIR: (StorageError, "a file is where a folder should be; remove it"),
    errno.EACCES: (StorageError, "permission denied; check its owner and permissions"),
    errno.EPERM: (StorageError, "not permitted; check its owner, permissions and attributes"),
}


class Translated:
    """While it lasts, OSError becomes the StorageError that fits; `what` is how its line begins."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, at: object) -> None:
        if isinstance(error, OSError):
            raise storage_error(error, self._what) from error


def storage_error(error: OSError, what: str) -> StorageError:
    """What `error` means for a storage folder."""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return StorageFull(f"{what}: no room is left; free some, or let older recordings be deleted sooner")
    if error.errno in _GONE:
        return StorageGone(f"{what}: {reason}; check the disk, its cables and the system's log")
    if error.errno in _ADVICE:
        kind, advice = _ADVICE[error.errno]
        return kind(f"{what}: {advice}")
    return StorageError(f"{what}: {reason}")
