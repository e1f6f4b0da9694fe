"""Small recordings in memory, written with the house's own boxes; every picture has its number drawn in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import av
from av.bitstream import BitStreamFilterContext

import video_clips
from vedette.model.errors import FileMissing
from vedette.model.media import Codec, Image, Packet
from vedette.model.recording import Fragment, Gap, Lock, Segment
from vedette.model.time import NS_PER_S, Instant
from vedette.video.encoding import PictureEncoder
from vedette.video.mp4.fragments import Sample, fragment, ticks
from vedette.video.mp4.init import Facts, init_segment
from vedette.video.mp4.parameter_sets import complete, sample_data
from vedette.video.mp4.reader import describe

START_NS = 1_790_000_000 * NS_PER_S
STORAGE = "disk-1"
AAC = Codec("aac", b"\x15\x88", rate=8000, channels=1)


@dataclass
class MemoryFiles:
    """A storage folder in memory."""

    content: dict[str, bytes] = field(default_factory=dict)
    reads: list[int] = field(default_factory=list)

    def read(self, path: PurePosixPath, offset: int = 0, size: int | None = None) -> bytes:
        data = self.content.get(str(path))
        if data is None:
            raise FileMissing(f"{path} is not there")
        found = data[offset : None if size is None else offset + size]
        self.reads.append(len(found))
        return found

    def size(self, path: PurePosixPath) -> int | None:
        data = self.content.get(str(path))
        return None if data is None else len(data)

    def files(self) -> Iterator[PurePosixPath]:
        return (PurePosixPath(path) for path in self.content)


@dataclass
class FakeRecordings:
    """Segments as a database would find them."""

    segments: list[Segment] = field(default_factory=list)

    def between(self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> Sequence[Segment]:
        return [
            each
            for each in sorted(self.segments, key=lambda each: each.start_utc_ns)
            if (each.camera, each.stream) == (camera, stream)
            and min(part.utc_ns for part in each.fragments) < end_utc_ns
            and max(part.utc_ns + part.duration_ns for part in each.fragments) > start_utc_ns
        ]

    def gaps(self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> Sequence[Gap]:  # noqa: ARG002
        return ()

    def locks(self, camera: str | None = None) -> Sequence[Lock]:  # noqa: ARG002
        return ()


def packets(
    numbers: Sequence[int],
    *,
    fps: int = 10,
    group: int = 20,
    size: tuple[int, int] = (128, 96),
    run: int = 1,
    start_ns: int = START_NS,
    camera: str = "door",
    stream: str = "main",
    clock_steps: dict[int, float] | None = None,
) -> list[Packet]:
    """Packets of pictures with those numbers drawn in.

    group        pictures from keyframe to keyframe
    clock_steps  seconds by which the wall clock is set before the picture of that index
    """
    # Encoders put a keyframe every two seconds of the rate they are told.
    encoder = PictureEncoder(camera, stream, *size, max(fps, group))
    made: list[Packet] = []
    offset_ns = 0
    for index, number in enumerate(numbers):
        offset_ns += round((clock_steps or {}).get(index, 0.0) * NS_PER_S)
        stream_ns = index * NS_PER_S // fps
        at = Instant(stream_ns, start_ns + stream_ns + offset_ns)
        made += encoder.encode(drawn(number, size), at, key=index % group == 0)
    made += encoder.flush()
    codec = complete(made[0].codec, made[0].data)
    return [replace(packet, codec=codec, run=run, number=index) for index, packet in enumerate(made)]


def from_clip(path: Path, run: int = 1) -> list[Packet]:
    """The packets of a clip as a camera would send them, capture times from START_NS on."""
    with av.open(str(path), "r") as container:
        stream = container.streams.video[0]
        context, base = stream.codec_context, float(stream.time_base or 1)
        codec = Codec(context.name, b"", context.width, context.height)
        forms = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
        form = BitStreamFilterContext(forms.get(context.name, "null"), stream)
        coded = [
            (round((part.pts or 0) * base * NS_PER_S), part.is_keyframe, bytes(part))
            for packet in container.demux(stream)
            if packet.size
            for part in form.filter(packet)
        ]
    ordered = sorted(shown for shown, *_ in coded)
    # Some containers tell no decoding times; pictures are decoded at an even pace and just in time.
    lead = max(due - shown for due, (shown, *_) in zip(ordered, coded, strict=True))
    first = Packet("door", "main", b"", Instant(0, START_NS), 0, True, codec, run=run)
    made = []
    for number, (due, (shown, key, data)) in enumerate(zip(ordered, coded, strict=True)):
        at = first.at.shifted(shown - ordered[0])
        made.append(replace(first, data=data, at=at, dts_ns=due - ordered[0] - lead, key=key, number=number))
    codec = complete(codec, made[0].data)
    return [replace(packet, codec=codec) for packet in made]


def drawn(number: int, size: tuple[int, int] = (128, 96)) -> Image:
    """The picture with that number."""
    return video_clips.picture(number, *size)


def sound(
    pictures: Sequence[Packet], codec: Codec = AAC, samples: int = 1024, data: bytes = b"\x01\x18\x20\x07"
) -> list[Packet]:
    """Silence as long as the pictures."""
    first, step = pictures[0], samples * NS_PER_S // codec.rate
    count = (pictures[-1].dts_ns - first.dts_ns) // step + 1
    return [
        replace(first, data=data, at=first.at.shifted(i * step), dts_ns=first.dts_ns + i * step, codec=codec, key=True)
        for i in range(count)
    ]


def record(
    files: MemoryFiles,
    pictures: Sequence[Packet],
    *,
    heard: Sequence[Packet] = (),
    first_id: int = 1,
    segment_s: float = 6.0,
    fragment_s: float = 1.0,
) -> list[Segment]:
    """Write packets as a recorder would: a file begins on a keyframe, a fragment on one or after `fragment_s`."""
    groups: list[list[Packet]] = []
    for packet in pictures:
        if packet.key and (not groups or packet.dts_ns - groups[-1][0].dts_ns >= segment_s * NS_PER_S):
            groups.append([])
        groups[-1].append(packet)
    ends = [group[0].dts_ns for group in groups[1:]] + [_end_ns(pictures)]
    return [
        _segment(
            files,
            group,
            end,
            [each for each in heard if group[0].dts_ns <= each.dts_ns < end],
            number=index,
            fragment_s=fragment_s,
        )
        for index, (group, end) in enumerate(zip(groups, ends, strict=True), first_id)
    ]


def _end_ns(pictures: Sequence[Packet]) -> int:
    return 2 * pictures[-1].dts_ns - pictures[-2].dts_ns if len(pictures) > 1 else pictures[-1].dts_ns + 100_000_000


def _segment(
    files: MemoryFiles, group: list[Packet], end_ns: int, heard: list[Packet], *, number: int, fragment_s: float
) -> Segment:
    first, audio = group[0], heard[0].codec if heard else None
    facts = Facts(first.camera, first.stream, first.run, number, first.at.utc_ns, first.at.stream_ns)
    header = init_segment(first.codec, audio, facts)
    data = bytearray(header)
    fragments: list[Fragment] = []
    for cut, until in _cuts(group, end_ns, fragment_s):
        sounds = [each for each in heard if cut[0].dts_ns <= each.dts_ns < until]
        written = _fragment(len(fragments) + 1, cut, until, sounds, first.dts_ns)
        time, duration = ticks(cut[0].dts_ns - first.dts_ns), ticks(until - first.dts_ns)
        fragments.append(describe(written, len(data), time, duration - time, cut[0].key))
        data += written
    path = f"{first.camera}/{first.stream}/{number}.mp4"
    files.content[path] = bytes(data)
    last = fragments[-1]
    return Segment(
        number, first.run, first.camera, first.stream, STORAGE, path, first.at.utc_ns, first.at.stream_ns,
        end_ns - first.dts_ns, last.utc_ns + last.duration_ns - first.at.utc_ns, len(data),
        hashlib.sha256(data).digest(), len(header), first.codec, audio, tuple(fragments),
    )  # fmt: skip


def _cuts(group: list[Packet], end_ns: int, fragment_s: float) -> Iterator[tuple[list[Packet], int]]:
    cut: list[Packet] = []
    for packet in group:
        if cut and (packet.key or packet.dts_ns - cut[0].dts_ns >= fragment_s * NS_PER_S):
            yield cut, packet.dts_ns
            cut = []
        cut.append(packet)
    yield cut, end_ns


def _fragment(sequence: int, cut: list[Packet], end_ns: int, heard: list[Packet], zero_ns: int) -> bytes:
    times = [ticks(packet.dts_ns - zero_ns) for packet in cut] + [ticks(end_ns - zero_ns)]
    video = [
        Sample(sample_data(packet.data, packet.codec), times[i], times[i + 1] - times[i],
               ticks(packet.at.stream_ns - packet.dts_ns), packet.key)
        for i, packet in enumerate(cut)
    ]  # fmt: skip
    audio = [
        Sample(each.data, ticks(each.dts_ns - zero_ns, each.codec.rate), 1024 if each.codec.name == "aac" else 160)
        for each in heard
    ]
    return fragment(sequence, video, audio, cut[0].at.utc_ns)


def bare_fragment(start_s: float, utc_s: float, duration_s: float = 1.0, *, key: bool = True, at: int = 0) -> Fragment:
    """A fragment that is only planned with, 100 bytes at `at`."""
    return Fragment(
        at, 100, round(start_s * NS_PER_S), round(duration_s * NS_PER_S), START_NS + round(utc_s * NS_PER_S), key, b""
    )


H264 = Codec("h264", b"\x00\x00\x00\x01\x67\x64\x00\x1f", 128, 96)


def bare_segment(
    utc_s: float,
    count: int = 10,
    *,
    number: int = 1,
    run: int = 1,
    stream_s: float | None = None,
    group: int = 2,
    codec: Codec = H264,
    steps: dict[int, float] | None = None,
) -> Segment:
    """A segment that is only planned with: `count` fragments of a second, every `group`th on a keyframe.

    utc_s     seconds after START_NS; stream_s the same by default
    steps     seconds by which the wall clock is set before the fragment of that index
    """
    moments, now = [], utc_s
    for index in range(count):
        now += (steps or {}).get(index, 0.0)
        moments.append(now)
        now += 1.0
    fragments = tuple(
        bare_fragment(index, moment, key=index % group == 0, at=1000 + 100 * index)
        for index, moment in enumerate(moments)
    )
    return Segment(
        number, run, "door", "main", STORAGE, f"door/main/{number}.mp4", fragments[0].utc_ns,
        round((utc_s if stream_s is None else stream_s) * NS_PER_S), count * NS_PER_S, count * NS_PER_S,
        1000 + 100 * count, b"", 1000, codec, None, fragments,
    )  # fmt: skip
