"""The storage folders of a configuration, with the memory of which disk belongs where."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from vedette.config import SystemConfig
from vedette.engine.keeper import Limits
from vedette.model.errors import OutputError, StorageError, StorageGone
from vedette.model.recording import Storage
from vedette.video.recording.disk import DiskFiles
from vedette.video.recording.identity_file import IDENTITY

_KNOWN: Final = "storages.json"
_NOWHERE: Final = (-1, -1)
_log = structlog.get_logger(__name__)


def open_storages(config: SystemConfig) -> list[DiskFiles]:
    """Every configured folder, in order. One whose disk is away is among them, and usable once it is back.

    Raises StorageError for a folder that cannot be used for another reason than its disk's absence, OutputError.
    """
    known = _known(config.data)
    before = dict(known)
    found = []
    for folder in config.storage:
        place = str(folder.path)
        expected = known.get(place)
        try:
            files = DiskFiles.open(folder.path, expected)
        except StorageGone as error:
            if expected is None:
                raise
            _log.error("storage folder is away", why=str(error))
            files = DiskFiles(Storage(expected, str(folder.path)), _NOWHERE)
        known[place] = files.storage.id
        found.append(files)
    if known != before:
        _remember(config.data, known)
    return found


class KnownStorages(Mapping[str, DiskFiles]):
    """The folders that a recorder has made, by uuid, for those who only read; looked up anew when one is unknown."""

    def __init__(self, config: SystemConfig) -> None:
        self._config = config
        self._found: dict[str, DiskFiles] = {}

    def __getitem__(self, number: str) -> DiskFiles:
        if number not in self._found:
            self._look()
        return self._found[number]

    def __iter__(self) -> Iterator[str]:
        self._look()
        return iter(tuple(self._found))

    def __len__(self) -> int:
        self._look()
        return len(self._found)

    def _look(self) -> None:
        known = _known(self._config.data)
        for folder in self._config.storage:
            number = known.get(str(folder.path)) or _told_by(folder.path)
            if number and number not in self._found:
                self._found[number] = DiskFiles(Storage(number, str(folder.path)), _NOWHERE)


def limits_of(config: SystemConfig, storages: Sequence[DiskFiles]) -> dict[str, Limits]:
    """What may be taken in each folder, by uuid."""
    return {
        files.storage.id: Limits(most=folder.max_size, keep_free=folder.keep_free)
        for folder, files in zip(config.storage, storages, strict=True)
    }


def _told_by(folder: Path) -> str | None:
    """The uuid that a folder says it has."""
    if not (folder / IDENTITY).is_file():
        return None
    try:
        return DiskFiles.open(folder).storage.id
    except StorageError:
        return None


def _known(data: Path) -> dict[str, str]:
    try:
        told = json.loads((data / _KNOWN).read_text(encoding="utf-8"))
        return {str(place): str(number) for place, number in told.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _remember(data: Path, known: dict[str, str]) -> None:
    part = data / f"{_KNOWN}.part"
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(known, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(data / _KNOWN)
    except OSError as error:
        raise OutputError(
            f"the data folder {data} cannot be written into: {error.strerror}; check its rights"
        ) from error
