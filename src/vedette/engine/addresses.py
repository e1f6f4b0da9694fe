"""Where the processes of one system meet: one socket each, in a folder that only its owner may enter."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from vedette.model.errors import BusError

SCHEME: Final = "ipc://"
LONGEST: Final = 103
"""Bytes of a socket's path that every system takes (Linux 107, others 103)."""
_LONGEST_NAME: Final = "recorder.sock"


class Addresses:
    """The addresses of a system whose sockets lie in `folder`; the same folder gives the same ones in every process.

    Where the path of `folder` is too long for a socket, a short folder among the temporary ones that is derived from it
    stands in its place. Then the processes need the same idea of where temporary folders are (`TMPDIR`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = _short_enough(folder.absolute())

    @property
    def recorder(self) -> str:
        """Packets, and news about recordings."""
        return self._address("recorder")

    @property
    def analyzer(self) -> str:
        """News about what the analysis finds."""
        return self._address("analyzer")

    @property
    def server(self) -> str:
        """News about what people did."""
        return self._address("server")

    @property
    def supervisor(self) -> str:
        """News about the processes themselves."""
        return self._address("watch")

    def _address(self, name: str) -> str:
        return f"{SCHEME}{self.folder / name}.sock"


def socket_path(address: str) -> Path | None:
    """The path of an ipc address; None for an address of another kind."""
    return Path(address.removeprefix(SCHEME)) if address.startswith(SCHEME) else None


def secure_folder(folder: Path) -> None:
    """Make `folder` if there is none, and see to it that nobody but its owner may enter. Raises BusError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise BusError(f"{folder} belongs to somebody else: remove it, or choose another data folder")
        if stat.S_IMODE(found.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise BusError(f"{folder} cannot be used for the processes' sockets: {error.strerror}") from None


def _short_enough(folder: Path) -> Path:
    if _fits(folder):
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()).absolute() / f"vedette-{os.geteuid()}-{name}"
    if not _fits(short):
        raise BusError(f"{folder} and {short} are too long for a socket: choose a data folder with a shorter path")
    return short


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / _LONGEST_NAME)) <= LONGEST
