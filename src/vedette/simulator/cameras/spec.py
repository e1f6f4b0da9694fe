"""What a virtual camera is, and what it says it has sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

STREAMS: Final = ("main", "sub")
Authentication = Literal["digest", "digest-sha256", "basic"]


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """A camera that plays clip files.

    clip            what its main stream shows; of its sound nothing is sent
    sub             what its sub stream shows; None: it has none
    audio           a file with AAC or G.711 that is heard with both; None: it is deaf
    loop            go on with the clip's beginning at its end, stamps going on; else hang up there
    start_frame     the frame of the clip it shows at first
    clock_offset_s  how much its own clock, as told in sender reports, is ahead of the machine's
    join            `now`: whoever begins to watch gets the next frame first; `keyframe`: the next keyframe
    aggregate       parameter sets in one packet together
    report_s        seconds between sender reports; the first comes before the first frame
    """

    clip: Path
    sub: Path | None = None
    audio: Path | None = None
    loop: bool = True
    start_frame: int = 0
    clock_offset_s: float = 0.0
    join: Literal["now", "keyframe"] = "now"
    aggregate: bool = False
    report_s: float = 5.0

    def to_plain(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}

    @staticmethod
    def from_plain(values: Mapping[str, Any]) -> CameraSpec:
        """What `to_plain` took apart."""
        paths = {name: Path(values[name]) for name in ("clip", "sub", "audio") if values[name] is not None}
        return CameraSpec(**{**values, **paths})


@dataclass(frozen=True, slots=True)
class Viewing:
    """What one client was sent of a stream's pictures, one entry per frame in the order of sending.

    transport        `tcp` or `udp`
    ended            it is over
    dropped          frames left out because the client or the line was too slow
    number           (n,) counts the frames that the camera captured since it was switched on, sent or not
    picture          (n,) number of the frame in the clip, in presentation order: what is burned into made clips
    captured_utc_ns  (n,) by the machine's clock, whatever the camera's own says
    sent_utc_ns      (n,) when it was handed to the line, where a fault may still hold it back
    """

    transport: str
    ended: bool
    dropped: int
    number: NDArray[np.int64] = field(repr=False)
    picture: NDArray[np.int64] = field(repr=False)
    captured_utc_ns: NDArray[np.int64] = field(repr=False)
    sent_utc_ns: NDArray[np.int64] = field(repr=False)

    @property
    def frames(self) -> int:
        """How many were sent."""
        return len(self.number)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a stream of a camera has sent since the farm was started, one viewing per client that said PLAY."""

    viewings: tuple[Viewing, ...]

    @property
    def frames(self) -> int:
        """Frames sent to all clients together."""
        return sum(viewing.frames for viewing in self.viewings)
