"""What FFmpeg hands over, packet by packet, as the house knows packets: mended times, one form, the right codec."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final, TypeAlias

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from vedette.model.media import Packet
from vedette.model.time import NS_PER_S
from vedette.video.decoding import REORDER, Stamper, backfilled
from vedette.video.elementary import PictureForm, SoundForm
from vedette.video.timing import Arrival, PacketTimes, SoundTimes

Compressed: TypeAlias = "av.Packet[Any]"
MAIN: Final = "main"


class Packer:
    """Makes `Packet`s of the pictures of one stream, and of its sound where there is any.

    name    what `Packet.camera` says
    fps     nominal frame rate, 0 when unknown
    utc_ns  wall clock time of the first picture, for streams that do not arrive live
    """

    def __init__(
        self, name: str, video: VideoStream, audio: AudioStream | None = None, fps: float = 0.0, utc_ns: int = 0
    ) -> None:
        self._name = name
        self._base = video.time_base or Fraction(0)
        self._stamper = Stamper(float(self._base), fps)
        self._times = PacketTimes(fps, utc_ns)
        self._pictures = PictureForm(video)
        self._sound_stream = audio
        self._sound = None if audio is None else SoundForm(audio)
        self._sound_times = SoundTimes(self._times)
        self._held: list[tuple[Compressed, Arrival | None]] | None = []
        self._number = 0

    def take(self, packet: Compressed, arrival: Arrival | None = None) -> Iterator[Packet]:
        """What is ready once `packet` has come.

        At the start of a stream decoding stamps may be missing until the codec's reordering is known; packets are held
        until one has its stamps, at most `REORDER` of them.
        """
        if self._sound is not None and packet.stream is self._sound_stream:
            yield from self._heard(self._sound, packet)
            return
        if self._held is None:
            yield from self._seen(packet, *self._stamper.stamps(packet), arrival)
            return
        self._held.append((packet, arrival))
        if (packet.pts is not None and packet.dts is not None) or len(self._held) >= REORDER:
            yield from self.flush()

    def flush(self) -> Iterator[Packet]:
        """What is still held, because no more comes."""
        held, self._held = self._held or [], None
        stamps = backfilled([(packet.pts, packet.dts) for packet, _ in held], self._stamper.step)
        for (packet, arrival), stamp in zip(held, stamps, strict=True):
            yield from self._seen(packet, *self._stamper.given(*stamp), arrival)

    def _seen(self, packet: Compressed, pts: int, dts: int, arrival: Arrival | None) -> Iterator[Packet]:
        claim = None if arrival is None else camera_utc_ns(packet)
        at, dts_ns = self._times.at(pts, dts, self._base, arrival, claim)
        key = packet.is_keyframe
        data = self._pictures.data(packet, key=key)
        if data:
            yield Packet(self._name, MAIN, data, at, dts_ns, key, self._pictures.codec, self._number)
            self._number += 1

    def _heard(self, sound: SoundForm, packet: Compressed) -> Iterator[Packet]:
        base = packet.time_base
        pts = packet.dts if packet.pts is None else packet.pts
        times = self._sound_times.at(pts, base, round((packet.duration or 0) * base * NS_PER_S))
        if times is None:
            return
        data = sound.data(packet)
        if data:
            at, dts_ns = times
            yield Packet(self._name, MAIN, data, at, dts_ns, True, sound.codec, self._number)
            self._number += 1


def camera_utc_ns(packet: Compressed) -> int | None:
    """When a picture was captured by the camera's own clock: FFmpeg's producer reference time, µs since 1970.

    FFmpeg makes it of RTCP sender reports (RFC 3550 6.4.1), so it is there only after the first of them.
    """
    if not packet.has_sidedata("prft"):
        return None
    return int.from_bytes(bytes(packet.get_sidedata("prft"))[:8], "little", signed=True) * 1000
