"""What the processes tell each other, beside packets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from vedette.model.health import Alarm, Health
from vedette.model.incidents import Incident, StoredEvent
from vedette.model.media import Codec
from vedette.model.recording import Fragment, Gap, Run, Segment


@dataclass(frozen=True, slots=True)
class SegmentBegun:
    """A file has been created; `segment` has no fragments yet and no final hash, size and durations."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class FragmentWritten:
    """A fragment of the file being written is on the disk."""

    segment: int
    camera: str
    stream: str
    fragment: Fragment


@dataclass(frozen=True, slots=True)
class SegmentClosed:
    """A file is finished and its row committed."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class RunChanged:
    """A camera was connected (`run.end_utc_ns` is None) or its run ended."""

    run: Run
    codec: Codec | None = None


@dataclass(frozen=True, slots=True)
class GapChanged:
    """A gap in a recording began, or ended."""

    gap: Gap


@dataclass(frozen=True, slots=True)
class EventFound:
    """A rule found something. `incident` is as it stands with this event."""

    event: StoredEvent
    incident: Incident | None = None


@dataclass(frozen=True, slots=True)
class IncidentChanged:
    """An incident was closed or reviewed."""

    incident: Incident


@dataclass(frozen=True, slots=True)
class TracksSeen:
    """Boxes of one analysed frame, to be drawn over the live picture: (id, label, left, top, right, bottom) each."""

    camera: str
    run: int
    stream_ns: int
    utc_ns: int
    boxes: tuple[tuple[int, str, float, float, float, float], ...]


@dataclass(frozen=True, slots=True)
class HealthChanged:
    """How a part is; sent on every change, and at least every few seconds as a sign of life."""

    health: Health


@dataclass(frozen=True, slots=True)
class AlarmChanged:
    """An alarm was raised or cleared."""

    alarm: Alarm


News: TypeAlias = (
    SegmentBegun | FragmentWritten | SegmentClosed | RunChanged | GapChanged | EventFound | IncidentChanged
    | TracksSeen | HealthChanged | AlarmChanged
)  # fmt: skip
