"""RTP packets of a clip, cut once; what differs from client to client is patched into a copy of a whole frame."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vedette.model.media import Codec
from vedette.simulator.cameras.media import Clip, Unit
from vedette.simulator.cameras.payloads import payloads

VIDEO_CLOCK: Final = 90_000
_INTERLEAVED: Final = 4
_HEAD: Final = 16
"""Bytes before a payload: `$`, channel and length of RTSP's interleaving, then the RTP header."""
_SEQUENCE, _STAMP, _SOURCE = 6, 8, 12
_STATIC: Final = {"pcm_mulaw": 0, "pcm_alaw": 8, "mjpeg": 26}
_NTP_EPOCH_S: Final = 2_208_988_800
"""Seconds from 1900, where NTP begins, to 1970."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A unit as RTP packets in one piece of memory, each with room for the interleaving before it.

    starts  where each packet's interleaving begins; one more entry for the end
    """

    unit: Unit
    template: bytes = field(repr=False)
    starts: NDArray[np.intp] = field(repr=False)
    bounds: tuple[int, ...] = field(repr=False)

    @property
    def packets(self) -> int:
        """How many."""
        return len(self.bounds) - 1

    @property
    def octets(self) -> int:
        """Payload bytes."""
        return len(self.template) - _HEAD * self.packets


@dataclass(frozen=True, slots=True)
class CutClip:
    """A clip as RTP packets."""

    clip: Clip
    cuts: tuple[Cut, ...] = field(repr=False)
    kind: int
    clock: int


def payload_type(codec: Codec) -> int:
    """RFC 3551's number where it has one, else one of the free ones."""
    if codec.medium == "audio" and (codec.rate, codec.channels) != (8000, 1):
        return 97
    return _STATIC.get(codec.name, 97 if codec.medium == "audio" else 96)


def cut_clip(clip: Clip, *, aggregate: bool = False) -> CutClip:
    """Take a clip apart into packets. Raises SourceError where RTP cannot carry it."""
    number = payload_type(clip.codec)
    cuts = tuple(_cut(unit, payloads(clip.codec, unit.data, aggregate=aggregate), clip.codec) for unit in clip.units)
    return CutClip(clip, cuts, number, clip.codec.rate or VIDEO_CLOCK)


def _cut(unit: Unit, parts: list[bytes], codec: Codec) -> Cut:
    number, out, bounds = payload_type(codec), bytearray(), [0]
    for index, part in enumerate(parts):
        # The marker ends a picture or an AAC frame; in G.711 it would mean that somebody began to talk.
        marker = 0x80 if index == len(parts) - 1 and not codec.name.startswith("pcm") else 0
        out += struct.pack(">BBHBBHII", 0x24, 0, 12 + len(part), 0x80, marker | number, 0, 0, 0)
        out += part
        bounds.append(len(out))
    return Cut(unit, bytes(out), np.array(bounds[:-1], np.intp), tuple(bounds))


def patched(cut: Cut, channel: int, sequence: int, stamp: int, source: int) -> bytearray:
    """A frame for one client: the template with its channel, sequence numbers from `sequence` on, stamp and SSRC."""
    data = bytearray(cut.template)
    view = np.frombuffer(data, np.uint8)
    count = cut.packets
    head = np.empty((count, 11), np.uint8)
    head[:, 0] = channel
    numbers = np.arange(sequence, sequence + count, dtype=np.uint32)
    head[:, 1] = numbers >> 8 & 255
    head[:, 2] = numbers & 255
    head[:, 3:] = np.frombuffer(struct.pack(">II", stamp & 0xFFFFFFFF, source), np.uint8)
    view[cut.starts[:, None] + _PATCHED] = head
    return data


_PATCHED: Final = np.array([1, _SEQUENCE, _SEQUENCE + 1, *range(_STAMP, _SOURCE + 4)], np.intp)


def datagrams(data: bytearray | bytes, bounds: tuple[int, ...]) -> list[memoryview]:
    """The packets of a frame without their interleaving."""
    view = memoryview(data)
    return [view[start + _INTERLEAVED : end] for start, end in pairwise(bounds)]


def sender_report(source: int, utc_ns: int, stamp: int, packets: int, octets: int) -> bytes:
    """An RTCP sender report with the sender's name (RFC 3550, 6.4.1); `utc_ns` is what the camera's clock says."""
    seconds, rest = divmod(utc_ns, 1_000_000_000)
    ntp = ((seconds + _NTP_EPOCH_S) & 0xFFFFFFFF) << 32 | (rest << 32) // 1_000_000_000
    words = (source, ntp, stamp & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    report = struct.pack(">BBHIQIII", 0x80, 200, 6, *words)
    name = b"camera"
    item = struct.pack(">IBB", source, 1, len(name)) + name
    item += b"\0" * (4 - len(item) % 4)
    return report + struct.pack(">BBH", 0x81, 202, len(item) // 4) + item


def goodbye(source: int) -> bytes:
    """An RTCP BYE."""
    return struct.pack(">BBHI", 0x81, 203, 1, source)


def interleaved(channel: int, packet: bytes) -> bytes:
    """A packet as RTSP carries it in its own connection."""
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet
