"""What a recording is made of: runs, segments, fragments and gaps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from vedette.model.media import Codec

StreamName = Literal["main", "sub"]
STREAMS: Final[tuple[StreamName, ...]] = ("main", "sub")

RunEnd = Literal["stopped", "camera_lost", "codec_changed", "time_broken", "crashed", "storage_lost"]
"""Why a run ended. `crashed`: nobody wrote it down, the next start found it open."""

GapReason = Literal[
    "off", "schedule", "no_event", "connecting", "camera_lost", "no_keyframe", "storage_full", "storage_lost",
    "overload", "stopped", "crashed",
]  # fmt: skip
"""Why nothing was recorded. `off`, `schedule` and `no_event` are as the owner wished, the others are not."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """One moof and mdat (with the prft before them) of a segment file: what is written and synced at once.

    offset, size  bytes in the file
    start_ns      decoding time of its first picture since the start of the segment
    duration_ns   to the start of the next fragment
    utc_ns        capture time of its first picture by the wall clock
    key           it starts on a keyframe
    sha256        of its plaintext bytes
    """

    offset: int
    size: int
    start_ns: int
    duration_ns: int
    utc_ns: int
    key: bool
    sha256: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Segment:
    """One finished file of a recording.

    id              unique over all machines, grows with time
    run             the run it belongs to
    storage         uuid of the storage folder
    path            inside that folder, with `/`
    start_utc_ns    capture time of its first picture by the wall clock
    start_stream_ns the same in stream time of the run
    duration_ns     media duration: what a player shows
    wall_ns         by the wall clock, from its first picture to the end of its last; a stepped clock makes them differ
    size, sha256    bytes of the whole file and their hash
    header          bytes before the first fragment (ftyp and moov)
    codec, audio    of the pictures, and of the sound if there is any
    fragments       in order, covering the file from `header` to its end
    """

    id: int
    run: int
    camera: str
    stream: str
    storage: str
    path: str
    start_utc_ns: int
    start_stream_ns: int
    duration_ns: int
    wall_ns: int
    size: int
    sha256: bytes = field(repr=False)
    header: int
    codec: Codec
    audio: Codec | None
    fragments: tuple[Fragment, ...] = field(repr=False)

    @property
    def end_utc_ns(self) -> int:
        """Start plus what a player shows."""
        return self.start_utc_ns + self.duration_ns


@dataclass(frozen=True, slots=True)
class Run:
    """One unbroken connection to a stream of a camera: stream time begins at 0 with it."""

    id: int
    camera: str
    stream: str
    start_utc_ns: int
    node: str = ""
    end_utc_ns: int | None = None
    why: RunEnd | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which a stream that could have been recorded was not. Open while `end_utc_ns` is None."""

    id: int
    camera: str
    stream: str
    start_utc_ns: int
    end_utc_ns: int | None
    reason: GapReason
    text: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """Evidence that nothing deletes: every segment that touches the time."""

    id: int
    camera: str
    start_utc_ns: int
    end_utc_ns: int
    name: str
    created_utc_ns: int
    by: str = ""


@dataclass(frozen=True, slots=True)
class Storage:
    """A folder with recordings. `id` is written into its identity file, so that another disk is not taken for it."""

    id: str
    path: str


@dataclass(frozen=True, slots=True)
class Keep:
    """How much of a stream's recording is kept: what is older than `seconds`, or beyond `size` bytes, goes.

    None asks for no limit of that kind; evidence locks go before both.
    """

    camera: str
    stream: str
    seconds: float | None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Doomed:
    """A segment that may go."""

    id: int
    storage: str
    path: str
    size: int
