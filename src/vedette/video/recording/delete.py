"""Taking segments out of the recording: row to garbage, file away, folder synced, garbage row away. In this order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from vedette.model.errors import StorageError, StorageGone
from vedette.model.recording import Doomed
from vedette.model.recording_ports import Files, Ledger

BATCH: Final = 200
"""Segments a transaction, so that nobody who writes waits long for it."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What is gone for good.

    bytes   of the files that are gone
    stuck   a line for each file that could not be removed; it stays garbage, and the next sweep tries again
    """

    segments: int = 0
    bytes: int = 0
    stuck: tuple[str, ...] = ()


def delete(storages: Mapping[str, Files], ledger: Ledger, doomed: Sequence[Doomed], batch: int = BATCH) -> Deleted:
    """Delete segments, `storages` by uuid; those of a storage folder that is not there keep their rows.

    Raises StorageGone and DatabaseError. What was condemned before that stays garbage, and a sweep goes on with it.
    """
    segments, size, stuck = 0, 0, []
    for storage, files in storages.items():
        mine = [each for each in doomed if each.storage == storage]
        for start in range(0, len(mine), batch):
            some = mine[start : start + batch]
            ledger.condemn([each.id for each in some])
            gone, trouble = _remove(files, [(each.id, each.path) for each in some])
            ledger.forget(gone)
            segments += len(gone)
            size += sum(each.size for each in some if each.id in set(gone))
            stuck += trouble
    return Deleted(segments, size, tuple(stuck))


def sweep(files: Files, ledger: Ledger, batch: int = BATCH) -> Deleted:
    """Finish what was condemned in one storage folder and may still lie there. Raises StorageGone, DatabaseError."""
    waiting = list(ledger.garbage(files.storage.id))
    segments, stuck = 0, []
    for start in range(0, len(waiting), batch):
        gone, trouble = _remove(files, waiting[start : start + batch])
        ledger.forget(gone)
        segments += len(gone)
        stuck += trouble
    return Deleted(segments, 0, tuple(stuck))


def _remove(files: Files, some: Iterable[tuple[int, str]]) -> tuple[list[int], list[str]]:
    """Remove files for good. Returns the ids of those that are gone, and a line for each that is not."""
    gone, stuck, folders = [], [], set()
    for number, path in some:
        try:
            files.unlink(PurePosixPath(path))
        except StorageGone:
            raise
        except StorageError as error:
            stuck.append(str(error))
            continue
        gone.append(number)
        folders.add(PurePosixPath(path).parent)
    for folder in sorted(folders):
        files.sync_folder(folder)
    return gone, stuck
