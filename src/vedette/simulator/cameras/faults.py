"""What can be wrong with a camera, on command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

Transport = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class Refuse:
    """Connections are refused, those that stand are reset: the camera is there, its RTSP is switched off."""


@dataclass(frozen=True, slots=True)
class Silent:
    """Connections are accepted and nothing is ever answered; whoever watches gets nothing more either."""


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """Everything is answered, but no picture comes any more, `after_s` seconds after PLAY (or after this command)."""

    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class HangUp:
    """The camera ends the connection `after_s` seconds after PLAY (or after this command).

    reset  by a TCP reset, not in good order
    """

    after_s: float = 0.0
    reset: bool = False


@dataclass(frozen=True, slots=True)
class GarbageAnswers:
    """Random bytes instead of RTSP."""


@dataclass(frozen=True, slots=True)
class EndlessHeader:
    """An answer whose header lines never end."""


@dataclass(frozen=True, slots=True)
class GarbagePackets:
    """Random bytes in place of RTP packets, in `share` of the frames.

    headers  leave the RTP headers as they are and spoil only what they carry
    """

    share: float = 1.0
    headers: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """An error status instead of what was asked for: 401 (every login is wrong), 404, 461, 503...

    method     the request that gets it; by default DESCRIBE, for 461 SETUP, for 401 every one that needs a login
    transport  only for a SETUP with this transport
    """

    code: int
    method: str | None = None
    transport: Transport | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """DESCRIBE is answered with the address of another host."""

    address: str


@dataclass(frozen=True, slots=True)
class JumpStamps:
    """RTP time stamps jump by so many seconds, once and for good; negative: back."""

    seconds: float


@dataclass(frozen=True, slots=True)
class StallStamps:
    """Every frame has the same time stamp, until cleared."""


@dataclass(frozen=True, slots=True)
class BackwardStamps:
    """Time stamps run backwards, until cleared."""


@dataclass(frozen=True, slots=True)
class WrapSoon:
    """Whoever begins to watch now sees the time stamps pass 2**32 after so many seconds, sequence numbers soon too."""

    seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class SlowClock:
    """The stamps' clock is slow by so many millionths (negative: fast), until cleared; what is lost stays lost."""

    ppm: float


@dataclass(frozen=True, slots=True)
class WrongNtp:
    """Sender reports tell a time that is wrong by so many hours."""

    hours: float


@dataclass(frozen=True, slots=True)
class Loss:
    """So many per cent of the RTP packets are lost, at random but the same ones every time."""

    percent: float


@dataclass(frozen=True, slots=True)
class NoKeyframes:
    """Keyframes are left out."""


@dataclass(frozen=True, slots=True)
class SwitchClip:
    """The stream goes on with another clip, of any size or codec, until cleared; sessions that stand are not told."""

    clip: Path
    stream: str = "main"


@dataclass(frozen=True, slots=True)
class Burst:
    """Frames are held back for so many seconds, then all sent at once; again and again."""

    hold_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Slow:
    """The line carries only so many bytes a second per viewer; what waits too long is dropped to the next keyframe."""

    bytes_per_s: float


Fault = (
    Refuse
    | Silent
    | HalfOpen
    | HangUp
    | GarbageAnswers
    | EndlessHeader
    | GarbagePackets
    | Status
    | Redirect
    | JumpStamps
    | StallStamps
    | BackwardStamps
    | WrapSoon
    | SlowClock
    | WrongNtp
    | Loss
    | NoKeyframes
    | SwitchClip
    | Burst
    | Slow
)

_KINDS: Final[Mapping[str, type[Any]]] = {kind.__name__: kind for kind in Fault.__args__}


def to_plain(fault: Fault) -> dict[str, Any]:
    """`fault` as plain JSON values."""
    values = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(fault).items()}
    return {"kind": type(fault).__name__, **values}


def from_plain(values: Mapping[str, Any]) -> Fault:
    """The fault that `to_plain` took apart. Raises KeyError, TypeError."""
    rest = {name: value for name, value in values.items() if name != "kind"}
    if "clip" in rest:
        rest["clip"] = Path(rest["clip"])
    fault: Fault = _KINDS[values["kind"]](**rest)
    return fault
