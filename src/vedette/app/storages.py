"""The storage folders of a configuration, with the memory of which disk belongs where."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from vedette.config import SystemConfig
from vedette.engine.keeper import Limits
from vedette.model.errors import StorageGone
from vedette.model.recording import Storage
from vedette.video.recording.disk import DiskFiles

_KNOWN: Final = "storages.json"
_NOWHERE: Final = (-1, -1)
_log = structlog.get_logger(__name__)


def open_storages(config: SystemConfig) -> list[DiskFiles]:
    """Every configured folder, in order. One whose disk is away is among them, and usable once it is back.

    Raises StorageError for a folder that cannot be used for another reason than its disk's absence.
    """
    known = _known(config.data)
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
    _remember(config.data, known)
    return found


def known_storages(config: SystemConfig) -> dict[str, DiskFiles]:
    """The folders that the recorder has made, by uuid, for those who only read; nothing is made."""
    known = _known(config.data)
    present = {str(folder.path) for folder in config.storage}
    return {number: DiskFiles(Storage(number, place), _NOWHERE) for place, number in known.items() if place in present}


def limits_of(config: SystemConfig, storages: Sequence[DiskFiles]) -> dict[str, Limits]:
    """What may be taken in each folder, by uuid."""
    return {
        files.storage.id: Limits(most=folder.max_size, keep_free=folder.keep_free)
        for folder, files in zip(config.storage, storages, strict=True)
    }


def _known(data: Path) -> dict[str, str]:
    try:
        told = json.loads((data / _KNOWN).read_text(encoding="utf-8"))
        return {str(place): str(number) for place, number in told.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _remember(data: Path, known: dict[str, str]) -> None:
    part = data / f"{_KNOWN}.part"
    with part.open("w", encoding="utf-8") as file:
        json.dump(known, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(data / _KNOWN)
