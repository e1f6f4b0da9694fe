"""Packets of a run, cut into fragments and files."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from vedette.model.errors import StorageError
from vedette.model.media import Codec, Packet
from vedette.model.time import NS_PER_S, Instant
from vedette.video.mp4.fragments import Sample, nanoseconds, ticks
from vedette.video.mp4.parameter_sets import complete, nal_units, parameter_sets, sample_data
from vedette.video.mp4.sample_entries import VIDEO_TIMESCALE, sample_entry

MOST_BYTES: Final = 8 << 20
"""Of a fragment, and so of what a crash can lose beside `fragment_s`; the packet that exceeds it is still in it."""
MOST_PICTURES: Final = 256
"""Of a fragment: cameras whose clock stands still would never end one by time."""
USUAL_TICKS: Final = VIDEO_TIMESCALE // 25
"""How long the only picture of a run is shown."""
SOUND_LATE_NS: Final = NS_PER_S // 2
"""How long a finished file waits for sound that comes later than the pictures it belongs to."""
SOUND_GONE_NS: Final = 2 * NS_PER_S
"""Without sound for so long, the next file has no track for it."""
PAUSE_NS: Final = 600 * NS_PER_S
"""A longer pause between two pictures ends the file; the run has hardly lasted through it."""
BACK_NS: Final = -NS_PER_S
"""Decoding times that go back are moved up to the next tick; those that go back further begin a new file."""
_MOST_OFFSET: Final = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Beginning:
    """A new file: what its header has to say. `at` is the capture time of its first picture."""

    camera: str
    stream: str
    run: int
    codec: Codec
    audio: Codec | None
    at: Instant


@dataclass(frozen=True, slots=True)
class Cut:
    """A finished fragment. `begins` is set where a new file begins with it."""

    video: tuple[Sample, ...] = field(repr=False)
    audio: tuple[Sample, ...] = field(repr=False)
    utc_ns: int
    begins: Beginning | None = None

    @property
    def size(self) -> int:
        """Bytes of its samples."""
        return sum(len(sample.data) for samples in (self.video, self.audio) for sample in samples)

    @property
    def duration_ns(self) -> int:
        """From its first picture to the start of the next fragment."""
        return nanoseconds(sum(sample.duration for sample in self.video))

    @property
    def end_utc_ns(self) -> int:
        """Capture time of its end by the wall clock."""
        return self.utc_ns + self.duration_ns


@dataclass(slots=True)
class _File:
    """A file that has begun, and the fragment that is being gathered for it."""

    codec: Codec
    raw: Codec
    first: Packet
    due_ns: int
    audio: Codec | None = None
    told: bool = False
    key_ns: int = 0
    video: list[Packet] = field(default_factory=list)
    sound: list[Packet] = field(default_factory=list)
    size: int = 0
    time: int = 0
    sound_time: int = 0
    usual: int = USUAL_TICKS


class Fragmenter:
    """Cuts packets into fragments of about `fragment_s` and files of about `segment_s` seconds.

    A file begins with a keyframe; it ends at the first keyframe after `segment_s`, when the codec of pictures or sound
    changes, and with the run. The first file of a run is shorter, by a share that differs from camera to camera, so
    that files do not all end in the same second. A fragment is cut at every keyframe, but not twice in half of
    `fragment_s`, and where it has lasted `fragment_s`.

    Capture times are kept to a tick of 1/90000 s, counted from the start of the file, so that errors never add up.
    """

    def __init__(self, fragment_s: float = 1.0, segment_s: float = 60.0) -> None:
        self._fragment_ns = round(fragment_s * NS_PER_S)
        self._segment_ns = round(segment_s * NS_PER_S)
        self._file: _File | None = None
        self._closing: _File | None = None
        self._sound_changed = False
        self._sound_codec: Codec | None = None
        self._sound_ns = 0
        self._dts_ns: int | None = None
        self._run: int | None = None
        self.dropped = 0
        self.refused = ""

    def take(self, packet: Packet) -> list[Cut]:
        """The fragments that are finished now that `packet` has come.

        Pictures before the first usable keyframe are left out and counted in `dropped`. What an MP4 file cannot hold is
        left out, pictures or sound, and `refused` says why in a line for a person.
        """
        cuts = []
        if packet.run != self._run:
            cuts, self._run = self.flush(), packet.run
        if packet.codec.medium == "audio":
            return cuts + self._take_sound(packet)
        return cuts + self._take_picture(packet)

    def flush(self) -> list[Cut]:
        """What is left, as the last fragments; a keyframe has to follow."""
        cuts = self._close()
        file, self._file = self._file, None
        if file is not None and file.video:
            cuts.append(self._cut(file, None, ends=True))
        self._sound_codec, self._sound_changed, self._dts_ns = None, False, None
        return cuts

    def _take_picture(self, packet: Packet) -> list[Cut]:
        cuts = self._close() if self._sound_is_late(packet) else []
        if self._dts_ns is not None and not BACK_NS <= packet.dts_ns - self._dts_ns <= PAUSE_NS:
            cuts += self.flush()
        self._dts_ns = packet.dts_ns
        file = self._file
        if file is None:
            return cuts + self._begin(packet, None)
        changed = _changed(file, packet)
        if changed or (packet.key and (packet.dts_ns >= file.due_ns or self._sound_changed)):
            cuts += self._finish(packet)
            return cuts + self._begin(packet, None if changed else file.due_ns)
        if self._is_full(file, packet):
            cuts += [*self._close(), self._cut(file, packet.dts_ns)]
        self._add(file, packet)
        return cuts

    def _begin(self, packet: Packet, due_ns: int | None) -> list[Cut]:
        """Begin a file with `packet`; `due_ns` is when the one before had to end, None after a break."""
        codec = self._described(packet) if packet.key else None
        if codec is None:
            self.dropped += 1
            return []
        if packet.at.stream_ns - self._sound_ns > SOUND_GONE_NS:
            # A track without samples makes some players wait for ever.
            self._sound_codec = None
        self._file = _File(codec, packet.codec, packet, self._due_ns(packet, due_ns), self._sound_codec)
        self._file.key_ns = packet.dts_ns
        self._sound_changed = False
        self._add(self._file, packet)
        if self._closing is not None:
            early = [sound for sound in self._closing.sound if sound.at.stream_ns >= packet.at.stream_ns]
            if self._closing.audio == self._file.audio:
                self._file.sound = early
            self._closing.sound = self._closing.sound[: len(self._closing.sound) - len(early)]
        return []

    def _described(self, keyframe: Packet) -> Codec | None:
        codec = complete(keyframe.codec, keyframe.data)
        try:
            sample_entry(codec)
        except StorageError as error:
            self.refused = str(error)
            return None
        return codec

    def _due_ns(self, packet: Packet, before_ns: int | None) -> int:
        if before_ns is None:
            share = zlib.crc32(f"{packet.camera}/{packet.stream}".encode()) % 1024 / 1024
            return packet.dts_ns + round(self._segment_ns * (0.25 + 0.75 * share))
        return before_ns + self._segment_ns * (1 + (packet.dts_ns - before_ns) // max(1, self._segment_ns))

    def _add(self, file: _File, packet: Packet) -> None:
        if packet.key and packet.dts_ns - file.key_ns >= self._fragment_ns // 2:
            file.key_ns = packet.dts_ns
        file.video.append(packet)
        file.size += len(packet.data)

    def _is_full(self, file: _File, packet: Packet) -> bool:
        if not file.video:
            return False
        lasted = packet.dts_ns - file.video[0].dts_ns
        at_key = packet.key and packet.dts_ns - file.key_ns >= self._fragment_ns // 2
        return at_key or lasted >= self._fragment_ns or file.size >= MOST_BYTES or len(file.video) >= MOST_PICTURES

    def _take_sound(self, packet: Packet) -> list[Cut]:
        if packet.codec != self._sound_codec and not self._adopt(packet.codec):
            return []
        self._sound_ns = packet.at.stream_ns
        file, cuts = self._file, []
        if (closing := self._closing) is not None:
            end_ns = closing.due_ns if file is None else file.first.at.stream_ns
            if packet.at.stream_ns < end_ns and packet.codec == closing.audio:
                closing.sound.append(packet)
                return []
            cuts = self._close(packet)
        if file is not None and file.audio == packet.codec and packet.at.stream_ns >= file.first.at.stream_ns:
            file.sound.append(packet)
            file.size += len(packet.data)
        return cuts

    def _adopt(self, codec: Codec) -> bool:
        """Whether sound of this codec is recorded; where a header is written already, from the next keyframe on."""
        try:
            sample_entry(codec)
        except StorageError as error:
            self.refused = str(error)
            return False
        self._sound_codec = codec
        if self._file is not None:
            if self._file.told or self._file.audio is not None:
                self._sound_changed = True
            else:
                self._file.audio = codec
        return True

    def _finish(self, packet: Packet) -> list[Cut]:
        """The file ends with `packet`; its last fragment waits for its sound, if there is any."""
        file, self._file = self._file, None
        cuts = self._close()
        if file is None or not file.video:
            return cuts
        if file.audio is None:
            return [*cuts, self._cut(file, packet.dts_ns, ends=True)]
        file.due_ns = packet.dts_ns
        self._closing = file
        return cuts

    def _sound_is_late(self, packet: Packet) -> bool:
        return self._closing is not None and packet.dts_ns - self._closing.due_ns >= SOUND_LATE_NS

    def _close(self, sound: Packet | None = None) -> list[Cut]:
        """The last fragment of the file that waits for its sound; `sound` is the first that is no part of it."""
        closing, self._closing = self._closing, None
        return [] if closing is None else [self._cut(closing, closing.due_ns, ends=True, next_sound=sound)]

    def _cut(
        self, file: _File, next_dts_ns: int | None, *, ends: bool = False, next_sound: Packet | None = None
    ) -> Cut:
        pictures, file.video, file.size = file.video, [], 0
        begins = None
        if not file.told:
            first = file.first
            begins = Beginning(first.camera, first.stream, first.run, file.codec, file.audio, first.at)
            file.told = True
        video = self._pictures(file, pictures, next_dts_ns)
        return Cut(video, _sound(file, next_sound, ends=ends), pictures[0].at.utc_ns, begins)

    def _pictures(self, file: _File, pictures: Sequence[Packet], next_dts_ns: int | None) -> tuple[Sample, ...]:
        first = file.first
        times = _times([packet.dts_ns - first.dts_ns for packet in pictures], VIDEO_TIMESCALE, file.time)
        end = None if next_dts_ns is None else ticks(next_dts_ns - first.dts_ns)
        usual = times[-1] - times[-2] if len(times) > 1 else file.usual
        times.append(times[-1] + usual if end is None else max(end, times[-1] + 1))
        file.usual, file.time = times[-1] - times[-2], times[-1]
        return tuple(
            Sample(
                sample_data(packet.data, file.codec),
                time,
                later - time,
                _offset(ticks(packet.at.stream_ns - first.at.stream_ns) - time),
                packet.key,
            )
            for packet, (time, later) in zip(pictures, pairwise(times), strict=True)
        )


def _changed(file: _File, packet: Packet) -> bool:
    """Whether `packet` needs another header than the one of `file`."""
    if packet.codec is not file.raw and packet.codec != file.raw:
        return True
    if not packet.key or file.raw.extradata:
        return False
    # Such a source tells of a change in its keyframes only, and not every one has to repeat all sets.
    return any(unit not in file.codec.extradata for unit in nal_units(parameter_sets(packet.data, packet.codec.name)))


def _sound(file: _File, following: Packet | None, *, ends: bool) -> tuple[Sample, ...]:
    """The sound that has come; unless the file ends, its last packet waits for the next, which says how long it is."""
    codec = file.audio
    if codec is None or not file.sound:
        return ()
    packets, file.sound = file.sound, []
    start_ns = file.first.at.stream_ns
    times = _times([packet.at.stream_ns - start_ns for packet in packets], codec.rate, file.sound_time)
    if not ends:
        file.sound = packets[-1:]
        packets = packets[:-1]
    elif following is not None:
        times.append(max(times[-1] + 1, ticks(following.at.stream_ns - start_ns, codec.rate)))
    else:
        times.append(times[-1] + (times[-1] - times[-2] if len(times) > 1 else codec.rate // 50))
    file.sound_time = times[-1]
    return tuple(
        Sample(sample_data(packet.data, codec), time, later - time)
        for packet, (time, later) in zip(packets, pairwise(times), strict=True)
    )


def _times(offsets_ns: Sequence[int], timescale: int, least: int) -> list[int]:
    """Ticks since the start of the file, strictly growing from `least` on."""
    times = []
    for offset_ns in offsets_ns:
        times.append(max(ticks(offset_ns, timescale), least))
        least = times[-1] + 1
    return times


def _offset(count: int) -> int:
    return min(max(count, -_MOST_OFFSET), _MOST_OFFSET)
