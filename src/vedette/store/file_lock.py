"""A lock between programs, for the short time in which a database file is opened or put in place."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vedette.model.errors import DatabaseBusy
from vedette.model.ports import Clock

_STEP_S: Final = 0.02


@contextmanager
def file_lock(database: Path, clock: Clock, timeout_s: float) -> Iterator[None]:
    """Hold the lock beside the file `database`. It falls with its process. Raises DatabaseBusy, OSError."""
    handle = os.open(database.with_name(database.name + ".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        _take(handle, database, clock, timeout_s)
        yield
    finally:
        os.close(handle)


def _take(handle: int, database: Path, clock: Clock, timeout_s: float) -> None:
    for _ in range(max(1, round(timeout_s / _STEP_S))):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            clock.sleep(_STEP_S)
        else:
            return
    raise DatabaseBusy(f"the database {database} is being opened or restored by another program; try again")
