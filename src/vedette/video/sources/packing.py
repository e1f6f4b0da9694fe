"""What FFmpeg hands over, packet by packet, as the house knows packets: mended times, one form, the right codec."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final, TypeAlias

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from vedette.model.media import Packet
from vedette.model.time import NS_PER_S
from vedette.video.decoding import REORDER, Stamper, Stamps, backfilled
from vedette.video.elementary import PictureForm, SoundForm
from vedette.video.packet_times import PacketTimes, SoundTimes
from vedette.video.timing import Arrival, nanoseconds

Compressed: TypeAlias = "av.Packet[Any]"
MAIN: Final = "main"


HOLD: Final = 1000
"""Packets that wait at most at the start of a stream."""
HOLD_NS: Final = 2 * NS_PER_S


class Packer:
    """Makes `Packet`s of the pictures of one stream, and of its sound where there is any.

    At the start of a stream packets are held for a moment. Decoding stamps may be missing until the codec's reordering
    is known; and what FFmpeg read to recognise the stream comes in one burst, whose arrival says nothing. The first
    packet that was waited for tells when all of them were captured.

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
        self._unstamped = 0
        self._number = 0
        self._claim_due_ns = 0

    @property
    def foreign(self) -> bool:
        """What comes is of another codec than was announced, and nobody can decode it as this one."""
        return self._pictures.foreign

    def take(self, packet: Compressed, arrival: Arrival | None = None, *, waited: bool = True) -> Iterator[Packet]:
        """What is ready once `packet` has come.

        waited  it was waited for, so that its arrival is known
        """
        if self._held is None:
            yield from self._packed(packet, arrival)
            return
        self._held.append((packet, arrival))
        if packet.stream is not self._sound_stream:
            self._unstamped = 0 if packet.pts is not None and packet.dts is not None else self._unstamped + 1
        stamped = not 0 < self._unstamped < REORDER
        if (stamped and waited) or len(self._held) >= HOLD or self._age_ns(arrival) > HOLD_NS:
            yield from self.flush()

    def flush(self) -> Iterator[Packet]:
        """What is still held."""
        held, self._held = self._held or [], None
        pictures = [packet for packet, _ in held if packet.stream is not self._sound_stream]
        stamps = iter(backfilled([(packet.pts, packet.dts) for packet in pictures], self._stamper.step))
        ready: list[Packet] = []
        for packet, arrival in held:
            stamp = None if packet.stream is self._sound_stream else next(stamps)
            ready.extend(self._packed(packet, arrival, stamp))
        for made in ready:
            yield replace(made, at=self._times.instant(made.at.stream_ns))

    def _age_ns(self, arrival: Arrival | None) -> int:
        first = self._held[0][1] if self._held else None
        return 0 if arrival is None or first is None else arrival.monotonic_ns - first.monotonic_ns

    def _packed(self, packet: Compressed, arrival: Arrival | None, stamp: Stamps | None = None) -> Iterator[Packet]:
        if self._sound is not None and packet.stream is self._sound_stream:
            return self._heard(self._sound, packet, arrival)
        pts, dts = self._stamper.given(*(stamp or (packet.pts, packet.dts)))
        return self._seen(packet, pts, dts, arrival)

    def _seen(self, packet: Compressed, pts: int, dts: int, arrival: Arrival | None) -> Iterator[Packet]:
        at, dts_ns = self._times.at(pts, dts, self._base, arrival, self._claim(packet, arrival))
        key = packet.is_keyframe
        data = self._pictures.data(packet, key=key)
        if data:
            yield Packet(self._name, MAIN, data, at, dts_ns, key, self._pictures.codec, self._number)
            self._number += 1

    def _claim(self, packet: Compressed, arrival: Arrival | None) -> int | None:
        """What the camera's clock says, asked for once a second: in between it runs like the stamps."""
        if arrival is None or arrival.monotonic_ns < self._claim_due_ns:
            return None
        claim = camera_utc_ns(packet)
        if claim is not None:
            self._claim_due_ns = arrival.monotonic_ns + NS_PER_S
        return claim

    def _heard(self, sound: SoundForm, packet: Compressed, arrival: Arrival | None) -> Iterator[Packet]:
        base = packet.time_base
        pts = packet.dts if packet.pts is None else packet.pts
        times = self._sound_times.at(pts, base, nanoseconds(packet.duration or 0, base), arrival)
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
