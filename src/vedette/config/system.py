"""`vedette.yaml`: the whole system of one machine."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from vedette.config.blocks import RetentionBlock, ServerBlock, StorageBlock, SystemBlock, WatchBlock
from vedette.config.camera import CameraBlock, CameraConfig, configured, of_document, timezone_of
from vedette.config.problems import InvalidConfig, Problem, shortened, unknown_key, worded
from vedette.config.reading import Document, Place, read
from vedette.config.rules import options_or_problems
from vedette.config.sizes import bytes_of
from vedette.model.errors import ConfigError, SourceError, UsageError
from vedette.model.spec import Spec
from vedette.plugins import source_for, source_name

CAMERA_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
LIVE_FPS: Final = 5.0
"""Frames a second that a live camera is analysed at when nothing is said."""
MOST_CAMERAS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """One camera of the system. Addresses hold their passwords: they are never shown or logged.

    streams   address of each stream: `main`, and `sub` when there is one
    watch     its keys as they were written
    config    how its pictures are looked at
    password  what stands for `{password}` in the addresses; empty when there is none
    """

    id: str
    name: str
    streams: Mapping[str, str] = field(repr=False)
    watch: WatchBlock = field(repr=False)
    config: CameraConfig
    password: str = field(default="", repr=False)

    @property
    def analyzed(self) -> str | None:
        """Name of the stream that is analysed."""
        if self.watch.analyze == "off":
            return None
        return ("sub" if "sub" in self.streams else "main") if self.watch.analyze == "auto" else self.watch.analyze


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageFolder:
    """A folder for recordings. Sizes in bytes."""

    path: Path
    max_size: int | None
    keep_free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemConfig:
    """Everything that is configured on one machine."""

    site: str
    data: Path
    database: str = field(repr=False)
    storage: tuple[StorageFolder, ...]
    retention: RetentionBlock
    server: ServerBlock
    timezone: ZoneInfo
    cameras: tuple[Camera, ...]

    def camera(self, name: str) -> Camera:
        """The camera called `name`. Raises ConfigError with the known ones."""
        for camera in self.cameras:
            if camera.id == name:
                return camera
        known = ", ".join(camera.id for camera in self.cameras)
        raise ConfigError(f"there is no camera '{shortened(name)}': known are {known or 'none'}")


_SYSTEM: Final = Spec("system", SystemBlock, SystemBlock)
_WATCH: Final = Spec("camera", WatchBlock, WatchBlock)
_SYSTEM_KEYS: Final = frozenset(entry.name for entry in fields(SystemBlock)) - {"timezone"}
_WATCH_KEYS: Final = frozenset(entry.name for entry in fields(WatchBlock))
_LOOK_KEYS: Final = frozenset(entry.name for entry in fields(CameraBlock)) - {"camera"}


def load_either(path: str | Path) -> SystemConfig | CameraConfig:
    """The system or the rules of one camera, whichever the YAML file at `path` holds. Raises ConfigError."""
    path = Path(path)
    document = read(path)
    of_system = isinstance(document.value, Mapping) and not _SYSTEM_KEYS.isdisjoint(document.value)
    return _system(document, path.parent) if of_system else of_document(document)


def load_system(path: str | Path) -> SystemConfig:
    """The system in the YAML file at `path`. Raises ConfigError; InvalidConfig lists all that is wrong."""
    path = Path(path)
    document = read(path)
    if isinstance(document.value, Mapping) and "rules" in document.value and "cameras" not in document.value:
        raise ConfigError(f"{path}: holds the rules of one camera; here cameras: are needed, with a source: for each")
    return _system(document, path.parent)


def system_from_mapping(values: Mapping[str, object], folder: Path, name: str = "vedette.yaml") -> SystemConfig:
    """The same from plain values; relative paths are meant from `folder`. Raises ConfigError."""
    return _system(Document(name, values), folder)


def _system(document: Document, folder: Path) -> SystemConfig:
    if not isinstance(document.value, Mapping):
        raise InvalidConfig(document.name, ["must hold keys with values, such as 'cameras:'"])
    problems: list[Problem] = []
    block: SystemBlock | None = options_or_problems(_SYSTEM, document.value, (), problems)
    cameras = document.value.get("cameras")
    zone = timezone_of(block.timezone, (), problems) if block else ZoneInfo("UTC")
    reader = _Cameras(folder, zone.key if zone else "UTC", problems)
    found = reader.read(cameras) if isinstance(cameras, Mapping) else ()
    if problems or block is None or zone is None:
        raise InvalidConfig(document.name, worded(document, problems))
    data = _path(block.data, folder) if block.data else _default_data()
    storage = block.storage or (StorageBlock(path=str(data / "video")),)
    return SystemConfig(
        site=block.site,
        data=data,
        database=block.database or f"sqlite:///{data / 'vedette.db'}",
        storage=tuple(_folder(one, folder) for one in storage),
        retention=block.retention,
        server=block.server,
        timezone=zone,
        cameras=found,
    )


def _default_data() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "vedette"


def _path(text: str, folder: Path) -> Path:
    return (folder / Path(text).expanduser()).absolute()


def _folder(block: StorageBlock, folder: Path) -> StorageFolder:
    most = None if block.max_size is None else bytes_of(block.max_size)
    return StorageFolder(path=_path(block.path, folder), max_size=most, keep_free=bytes_of(block.keep_free))


class _Cameras:
    """Reads `cameras:` and collects what is wrong with it."""

    def __init__(self, folder: Path, timezone: str, problems: list[Problem]) -> None:
        self._folder, self._timezone, self._problems = folder, timezone, problems

    def read(self, given: Mapping[str, object]) -> tuple[Camera, ...]:
        if len(given) > MOST_CAMERAS:
            self._problems.append(Problem(("cameras",), f"are {len(given)}; one machine takes {MOST_CAMERAS} at most"))
            return ()
        found = (self._camera(name, values, ("cameras", name)) for name, values in given.items())
        return tuple(camera for camera in found if camera is not None)

    def _camera(self, name: str, values: object, place: Place) -> Camera | None:
        if not CAMERA_ID.fullmatch(name):
            text = f"the id '{shortened(name)}' may hold lower case letters, digits, - and _; names go under 'name:'"
            self._problems.append(Problem(place, text))
            return None
        if not isinstance(values, Mapping):
            self._problems.append(Problem(place, f"must be a mapping of keys to values, not {shortened(values)}"))
            return None
        before = len(self._problems)
        for key in values:
            if key not in _WATCH_KEYS | _LOOK_KEYS:
                self._problems.append(unknown_key(place, key, sorted(_WATCH_KEYS | _LOOK_KEYS)))
        own = {key: value for key, value in values.items() if key in _WATCH_KEYS}
        watch: WatchBlock | None = options_or_problems(_WATCH, own, place, self._problems)
        look = configured(self._look(values), place, self._problems)
        password = None if watch is None else self._password(watch, place)
        streams = {} if watch is None else self._streams(watch, password, place)
        if watch is None or look is None or len(self._problems) > before:
            return None
        return Camera(
            id=name, name=watch.name or name, streams=streams, watch=watch, config=look, password=password or ""
        )

    def _look(self, values: Mapping[str, object]) -> dict[str, object]:
        look = {key: value for key, value in values.items() if key in _LOOK_KEYS}
        analysis = look.get("analysis", {})
        if isinstance(analysis, Mapping):
            look["analysis"] = {"fps": LIVE_FPS, **analysis}
        return {"timezone": self._timezone, **look}

    def _streams(self, watch: WatchBlock, password: str | None, place: Place) -> dict[str, str]:
        written = {"main": watch.source} | ({} if watch.sub is None else {"sub": watch.sub})
        streams = {}
        for stream, address in written.items():
            at = (*place, "source" if stream == "main" else "sub")
            if "{password}" in address and not (watch.password_file or watch.password_env):
                text = "has {password} in it: say where it stands with password_file or password_env"
                self._problems.append(Problem(at, text))
            # An address holds it percent-encoded.
            streams[stream] = address.replace("{password}", quote(password or "x", safe=""))
            if source_name(address) == "file":
                text = "is no camera: write it like rtsp://192.0.2.7/main; vedette analyze looks at files"
                self._problems.append(Problem(at, text))
                continue
            try:
                source_for(streams[stream], watch.options)
            except (UsageError, SourceError) as error:
                self._problems.append(Problem(at, str(error)))
        return streams

    def _password(self, watch: WatchBlock, place: Place) -> str | None:
        """The password as it was told; None where there is none, or it cannot be read."""
        if watch.password_env:
            value = os.environ.get(watch.password_env)
            if value is None:
                text = f"the environment variable {shortened(watch.password_env)} is not set"
                self._problems.append(Problem((*place, "password_env"), text))
            return value
        if watch.password_file:
            try:
                text = _path(watch.password_file, self._folder).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
                self._problems.append(Problem((*place, "password_file"), f"cannot be read: {why}"))
                return None
            return text.strip("\r\n")
        return None
