"""Which stream of a camera a browser gets, given what it can play."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vedette.model.media import Codec
from vedette.server.problems import Problem

FAMILY: Final[Mapping[str, str]] = {"h264": "avc1", "hevc": "hvc1", "av1": "av01"}
"""FFmpeg's name of a codec to the one that browsers know (RFC 6381); what is not here no browser can play live."""
_NAME: Final[Mapping[str, str]] = {"h264": "H.264", "hevc": "H.265", "av1": "AV1", "mjpeg": "MJPEG"}
_KNOWN: Final = frozenset(FAMILY.values())


@dataclass(frozen=True, slots=True)
class Choice:
    """What is sent. `why` says to a person why it is not simply the first stream; empty when it is."""

    stream: str
    transcoded: bool = False
    why: str = ""


def playable(can: str) -> frozenset[str]:
    """The families in `avc1,hvc1`. Raises Problem when there is none that is known."""
    known = frozenset(word.strip().lower().replace("hev1", "hvc1") for word in can.split(",")) & _KNOWN
    if not known:
        raise Problem(422, f"can: name what the browser can play, of {', '.join(sorted(_KNOWN))}")
    return known


def choose(streams: Sequence[str], codecs: Mapping[str, Codec], can: Collection[str]) -> Choice | None:
    """The first stream that can be played, else the last one transcoded.

    streams  in order of preference
    codecs   those known by now; None is the answer while those that are missing could decide otherwise
    """
    first: str | None = None
    for stream in streams:
        codec = codecs.get(stream)
        if codec is None:
            return None
        if FAMILY.get(codec.name) in can:
            why = f"this browser cannot play the {first} of the main stream, so this is the sub-stream" if first else ""
            return Choice(stream, why=why)
        first = first or _NAME.get(codec.name, codec.name)
    if "avc1" not in can:
        return None
    why = f"this browser cannot play {first}, so the picture is converted to H.264 here, which costs processor time"
    return Choice(streams[-1], transcoded=True, why=why)
