"""The keys of `vedette.yaml`, block by block."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

from vedette.analytics.schedule import Period
from vedette.config.sizes import Size, bytes_of
from vedette.model.geometry import Point
from vedette.model.spec import STRICT

Mode = Literal["continuous", "event", "schedule", "off"]
FREE_DAYS: Final = 3.0
"""Days that footage may be kept without saying why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageBlock:
    """A folder for recordings.

    path       where; it is made when there is none
    max_size   most that recordings may take there, such as `500 GB`; no limit when left out
    keep_free  room that is left for others
    """

    __pydantic_config__: ClassVar = STRICT

    path: str
    max_size: Size | None = None
    keep_free: Size = "2 GB"

    def __post_init__(self) -> None:
        bytes_of(self.keep_free)
        if self.max_size is not None:
            bytes_of(self.max_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionBlock:
    """How long footage is kept.

    days    then it is deleted, unless it is locked
    reason  why it has to be longer than 3 days; without one it may not
    """

    __pydantic_config__: ClassVar = STRICT

    days: float = FREE_DAYS
    reason: str = ""

    def __post_init__(self) -> None:
        if not 0.0 < self.days <= 36_500.0:
            raise ValueError(f"days must be above 0, not {self.days:g}")
        if self.days > FREE_DAYS and not self.reason.strip():
            raise ValueError(f"keeping footage for more than {FREE_DAYS:g} days needs a reason: add reason: ...")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerBlock:
    """Where the system is reached.

    host  an address of this machine only: 127.0.0.1, ::1 or localhost
    port  TCP port; 0 takes any that is free
    """

    __pydantic_config__: ClassVar = STRICT

    host: str = "127.0.0.1"
    port: int = 8420

    def __post_init__(self) -> None:
        if self.host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError(f"host must be 127.0.0.1, ::1 or localhost as long as there are no users, not {self.host}")
        if not 0 <= self.port <= 65_535:
            raise ValueError(f"port must be between 0 and 65535, not {self.port}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBlock:
    """What of a camera is recorded.

    main, sub   `continuous`, `event` (with pre- and post-roll), `schedule`, or `off`, for each stream
    pre_s       seconds kept from before an event
    post_s      seconds after its last one
    schedule    weekly periods for `schedule`
    audio       sound too; off unless somebody decided otherwise
    retention   for this camera instead of the system's
    max_size    most that each stream of this camera may take, such as `100 GB`
    masked      decode, cover the masks and encode again before anything is stored or shown
    """

    __pydantic_config__: ClassVar = STRICT

    main: Mode = "continuous"
    sub: Mode = "off"
    pre_s: float = 5.0
    post_s: float = 10.0
    schedule: tuple[Period, ...] = ()
    audio: bool = False
    retention: RetentionBlock | None = None
    max_size: Size | None = None
    masked: bool = False

    def __post_init__(self) -> None:
        for name, value in (("pre_s", self.pre_s), ("post_s", self.post_s)):
            if not 0.0 <= value <= 300.0:
                raise ValueError(f"{name} must be between 0 and 300 seconds, not {value:g}")
        if "schedule" in (self.main, self.sub) and not self.schedule:
            raise ValueError("recording by schedule needs one: schedule: [{start: 18:00, end: 06:00}]")
        if self.max_size is not None:
            bytes_of(self.max_size)

    @property
    def most(self) -> int | None:
        """`max_size` in bytes."""
        return None if self.max_size is None else bytes_of(self.max_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchBlock:
    """The keys of a camera in `vedette.yaml` beside those of a rules file.

    name     what people call it
    source   address of its main stream: `rtsp://user:{password}@host/path`, `webcam:0`, `sim:shop-entrance`
    sub      address of its small stream, which is then analysed
    options  of the source's kind, such as `transport: udp`
    password_file   file with the password that stands for `{password}` in the addresses
    password_env    environment variable with it
    record   what is recorded
    analyze  which stream is analysed: `auto` (the small one when there is one), `main`, `sub` or `off`
    decoder  `software`, or a hardware decoder of this machine: `vaapi`, `cuda`, `videotoolbox`
    masks    zones of the picture that nobody is to see; analysis never does
    """

    __pydantic_config__: ClassVar = STRICT

    source: str
    name: str = ""
    sub: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    password_file: str | None = None
    password_env: str | None = None
    record: RecordBlock = RecordBlock()
    analyze: Literal["auto", "main", "sub", "off"] = "auto"
    decoder: Literal["software", "vaapi", "cuda", "videotoolbox"] = "software"
    masks: tuple[tuple[Point, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.analyze == "sub" and self.sub is None:
            raise ValueError("analyze: sub needs the address of that stream: sub: rtsp://...")
        if self.sub is None and self.record.sub != "off":
            raise ValueError("record: sub needs the address of that stream: sub: rtsp://...")
        if self.password_file and self.password_env:
            raise ValueError("give password_file or password_env, not both")
        for mask in self.masks:
            if len(mask) < 3:
                raise ValueError("a mask needs at least three corners")
        if self.record.masked and not self.masks:
            raise ValueError("record: masked needs masks: [[[x, y], ...]]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemBlock:
    """The keys of `vedette.yaml`.

    site       name of the place
    data       folder for the database and what the processes share
    database   URL such as `postgresql://user@host/name`; a SQLite file in `data` when left out
    storage    folders for recordings; `video` in `data` when left out
    retention  how long footage is kept
    server     where the system is reached
    timezone   IANA name of the time zone of cameras that do not say their own
    cameras    by id: lower case letters, digits, - and _
    """

    __pydantic_config__: ClassVar = STRICT

    site: str = "Home"
    data: str = ""
    database: str = ""
    storage: tuple[StorageBlock, ...] = ()
    retention: RetentionBlock = RetentionBlock()
    server: ServerBlock = ServerBlock()
    timezone: str = "UTC"
    cameras: dict[str, Any] = field(default_factory=dict)
