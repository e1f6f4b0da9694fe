"""What a camera says of its streams in answer to DESCRIBE (RFC 8866)."""

from __future__ import annotations

import base64
from typing import Final

from vedette.model.media import Codec
from vedette.simulator.cameras.nal import kind, split
from vedette.simulator.cameras.rtp import CutClip

_SOUND_NAMES: Final = {"pcm_mulaw": "PCMU", "pcm_alaw": "PCMA"}
_HEVC_NAMES: Final = {32: "sprop-vps", 33: "sprop-sps", 34: "sprop-pps"}


def describe(name: str, tracks: list[CutClip]) -> str:
    """A session description; track i is controlled at `track<i>` below the stream's address."""
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", f"s={name}", "c=IN IP4 0.0.0.0", "t=0 0"]
    lines += ["a=control:*", "a=range:npt=now-"]
    for index, track in enumerate(tracks):
        lines += [*_medium(track), f"a=control:track{index}"]
    return "\r\n".join(lines) + "\r\n"


def _medium(track: CutClip) -> list[str]:
    codec, number = track.clip.codec, track.kind
    if codec.medium == "audio":
        return [f"m=audio 0 RTP/AVP {number}", *_sound(codec, number)]
    lines = [f"m=video 0 RTP/AVP {number}", f"a=framerate:{track.clip.fps:g}"]
    if codec.name == "mjpeg":
        return [*lines, f"a=rtpmap:{number} JPEG/90000"]
    name = "H264" if codec.name == "h264" else "H265"
    return [*lines, f"a=rtpmap:{number} {name}/90000", f"a=fmtp:{number} {_parameters(codec)}"]


def _sound(codec: Codec, number: int) -> list[str]:
    if codec.name == "aac":
        fixed = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
        return [
            f"a=rtpmap:{number} MPEG4-GENERIC/{codec.rate}/{codec.channels}",
            f"a=fmtp:{number} {fixed};config={codec.extradata.hex()}",
        ]
    return [f"a=rtpmap:{number} {_SOUND_NAMES[codec.name]}/{codec.rate}/{codec.channels}"]


def _parameters(codec: Codec) -> str:
    sets = split(codec.extradata)
    if codec.name == "h264":
        first = next(unit for unit in sets if kind("h264", unit) == 7)
        coded = ",".join(base64.b64encode(unit).decode() for unit in sets)
        return f"packetization-mode=1;profile-level-id={first[1:4].hex()};sprop-parameter-sets={coded}"
    by_name: dict[str, list[str]] = {}
    for unit in sets:
        by_name.setdefault(_HEVC_NAMES[kind("hevc", unit)], []).append(base64.b64encode(unit).decode())
    return ";".join(f"{name}={','.join(coded)}" for name, coded in by_name.items())
