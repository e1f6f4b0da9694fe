"""The seams of the house: what each part asks of the others. Adapters implement these; nobody inherits from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vedette.model.detections import Detections, Tracks
from vedette.model.events import RuleEvent
from vedette.model.media import Frame, Image, Packet, StreamInfo
from vedette.model.observations import Fact, Observations
from vedette.model.time import Instant


class Clock(Protocol):
    """Where time comes from. Only `vedette.clock` asks the machine."""

    def utc_ns(self) -> int:
        """Nanoseconds since 1970 by the wall clock; may step."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds of a clock that never steps; only differences mean anything."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Stream(Protocol):
    """An open source. It is read once, as packets or as frames, and closed."""

    @property
    def info(self) -> StreamInfo:
        """What is known before the first frame."""
        ...

    def packets(self) -> Iterator[Packet]:
        """Compressed packets in decoding order. Raises SourceLost where the source breaks off."""
        ...

    def frames(self, start_s: float = 0.0, end_s: float | None = None) -> Iterator[Frame]:
        """Decoded frames in presentation order whose stream time lies in [start_s, end_s).

        Damaged frames are left out. Raises SourceLost where the source breaks off for good.
        """
        ...

    def close(self) -> None:
        """Free everything. May be called twice."""
        ...


class Source(Protocol):
    """Where video comes from."""

    def open(self) -> Stream:
        """Connect or open. Raises SourceError with a line that says what is wrong and what to do."""
        ...


class Detector(Protocol):
    """Pixels to objects."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names that the answers index."""
        ...

    @property
    def input_size(self) -> tuple[int, int]:
        """(width, height) in pixels that pictures are scaled into; crops of this size cost no detail."""
        ...

    @property
    def model(self) -> tuple[str, str]:
        """Name and SHA-256 of the weights, for reports."""
        ...

    def detect(self, images: Sequence[Image]) -> list[Detections]:
        """One answer per picture, boxes in 0..1 of that picture, best score first. Raises DetectorError."""
        ...


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen in one frame.

    detections  objects, in 0..1 of the whole frame
    inferences  pictures that the detector was given for it (crops count one each)
    facts       anything else found in the pixels
    moving      something moves in the picture, whether or not anything was found there
    """

    detections: Detections
    inferences: int = 0
    facts: tuple[Fact, ...] = ()
    moving: bool = False


class Perceiver(Protocol):
    """Decides where in a frame to look, and looks."""

    def perceive(self, frame: Frame, tracks: Tracks) -> Sight:
        """Objects in `frame`, given the tracks as of the frame before."""
        ...


class Tracker(Protocol):
    """Objects of single pictures to objects over time."""

    def update(self, detections: Detections, at: Instant) -> Tracks:
        """Take in what was detected at `at`, also when that is nothing. `at` may repeat, never go back."""
        ...

    def finish(self, at: Instant) -> Tracks:
        """End every track (the stream is over); the answer has only `ended`."""
        ...


class Rule(Protocol):
    """A pure function of tracks and time with memory: the same observations give the same events."""

    @property
    def id(self) -> str:
        """Name of the rule, unique within its camera."""
        ...

    def update(self, now: Observations) -> list[RuleEvent]:
        """Take in one moment, also when nothing is seen in it. Events may lie in the past, never in the future."""
        ...

    def values(self) -> Mapping[str, object]:
        """Present figures of the rule (occupancy, totals, distributions) as plain JSON values."""
        ...


class Follower(Rule, Protocol):
    """A rule that lives on the events of others."""

    @property
    def follows(self) -> tuple[str, ...]:
        """Ids of the rules it listens to."""
        ...

    def hear(self, event: RuleEvent) -> list[RuleEvent]:
        """Take in an event of one of them."""
        ...
