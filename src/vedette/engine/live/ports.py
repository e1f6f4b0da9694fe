"""What live analysis asks of others, and how one camera is set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from vedette.analytics.incidents import GAP_S
from vedette.engine.analyzer import Analyzer, Rules
from vedette.model.detections import Detections
from vedette.model.incidents import Severity
from vedette.model.media import Frame, Image, Packet
from vedette.model.news import News
from vedette.model.ports import Detector, Rule
from vedette.model.recording import StreamName
from vedette.model.time import Instant
from vedette.model.track_line import TrackLine

Publish = Callable[[News], None]
"""Tells the other processes; never waits."""


class TrackStore(Protocol):
    """Where ended tracks are kept. Raises DatabaseError."""

    def put(self, line: TrackLine) -> None:
        """Keep a track; by `line.id`, twice is once."""
        ...


class Counts(Protocol):
    """What a decode policy has done so far."""

    decoded: int
    dropped: int
    lost: int
    damaged: int
    wakes: int


class Decoding(Protocol):
    """Chooses what of one stream is decoded."""

    @property
    def tally(self) -> Counts:
        """What was done so far."""
        ...

    @property
    def awake(self) -> bool:
        """Whether every picture is decoded and given."""
        ...

    def take(self, packet: Packet, *, wanted: bool = True) -> Iterator[Frame]:
        """Frames that `packet` brings; without `wanted`, none of what is new. Raises SourceError."""
        ...

    def heed(self, at: Instant, *, tracks: bool, motion: bool) -> None:
        """What the analysis of the last frame showed."""
        ...


class PatientDetector(Detector, Protocol):
    """A detector that is shared, and serves the most urgent first."""

    def hurry(self, urgent: bool) -> None:
        """Whether what is asked from now on is urgent."""
        ...


class Alone:
    """A detector that is not shared: everything is urgent."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    @property
    def names(self) -> tuple[str, ...]:
        """Class names that the answers index."""
        return self._detector.names

    @property
    def input_size(self) -> tuple[int, int]:
        """(width, height) in pixels that pictures are scaled into."""
        return self._detector.input_size

    @property
    def model(self) -> tuple[str, str]:
        """Name and SHA-256 of the weights."""
        return self._detector.model

    def hurry(self, urgent: bool) -> None:
        """Nothing changes."""

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """One answer per picture."""
        return self._detector.detect(images)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRule:
    """A rule as live analysis needs to know it.

    hash      of its definition: a rule whose hash stays keeps what it remembers when others change
    on_blind  whether an alarm is raised when the camera cannot be analysed
    """

    id: str
    hash: str
    build: Callable[[], Rule]
    severity: Severity = "alert"
    on_blind: Literal["silent", "alarm"] = "silent"


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSetup:
    """How one camera is analysed.

    stream    which of its streams: the sub-stream where there is one
    look      stands for every setting but the rules: while it stays the same, a change keeps the tracks
    detector  which of the shared detectors
    analyzer  makes the loop
    decoding  makes the decode policy
    gap_s     incidents end after so long without an event
    silent_s  without a picture for so long, the signal is lost
    """

    camera: str
    stream: StreamName = "main"
    look: str = ""
    detector: str = ""
    analyzer: Callable[[Detector, Rules], Analyzer]
    decoding: Callable[[], Decoding]
    rules: tuple[LiveRule, ...] = ()
    gap_s: float = GAP_S
    silent_s: float = 5.0
