"""Headers of fragmented MP4 files, with what a recording's file says about itself."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from vedette.model.media import Codec
from vedette.video.mp4.boxes import box, full_box
from vedette.video.mp4.sample_entries import VIDEO_TIMESCALE, sample_entry

VIDEO_TRACK: Final = 1
AUDIO_TRACK: Final = 2
FACTS: Final = bytes.fromhex("7e2c1d5b9f4a4c3e8b6d0a51f3c7e942")
"""Type of the `uuid` box with the facts."""
_VERSION: Final = 1
_MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED: Final = 0x55C4
_EMPTY_TABLES: Final = (
    full_box(b"stts", 0, 0, bytes(4)),
    full_box(b"stsc", 0, 0, bytes(4)),
    full_box(b"stsz", 0, 0, bytes(8)),
    full_box(b"stco", 0, 0, bytes(4)),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file of a recording says about itself, so that its row can be made again from the file alone.

    start_utc_ns, start_stream_ns  capture time of its first picture
    """

    camera: str
    stream: str
    run: int
    segment: int
    start_utc_ns: int
    start_stream_ns: int


def init_segment(video: Codec, audio: Codec | None = None, facts: Facts | None = None) -> bytes:
    """What a file begins with: `ftyp`, `moov` with the pictures as track 1 and sound as track 2, and the facts.

    video  with parameter sets in Annex B and the size of its pictures (`parameter_sets.complete` sees to both)
    Raises StorageError, with a line for a person, for what an MP4 file cannot hold.
    """
    header = movie((video,), (audio,) if audio else ())
    return header if facts is None else header + _facts_box(video, audio, facts)


def movie(video: Sequence[Codec], audio: Sequence[Codec] = ()) -> bytes:
    """`ftyp` and `moov` of a film whose codec changes on the way: one sample description per codec, counted from 1."""
    tracks = []
    if video:
        width, height = max(codec.width for codec in video), max(codec.height for codec in video)
        tracks.append(_track(VIDEO_TRACK, video, VIDEO_TIMESCALE, (width, height)))
    if audio:
        tracks.append(_track(AUDIO_TRACK, audio, audio[0].rate, (0, 0)))
    ids = [VIDEO_TRACK] * bool(video) + [AUDIO_TRACK] * bool(audio)
    extends = [full_box(b"trex", 0, 0, struct.pack(">5I", track, 1, 0, 0, 0)) for track in ids]
    times = struct.pack(">IIIIIH10x", 0, 0, 1000, 0, 0x10000, 0x100)
    header = full_box(b"mvhd", 0, 0, times, _MATRIX, bytes(24), struct.pack(">I", AUDIO_TRACK + 1))
    brands = b"iso6" + struct.pack(">I", 512) + b"iso6" + b"mp41"
    return box(b"ftyp", brands) + box(b"moov", header, *tracks, box(b"mvex", *extends))


def _track(number: int, codecs: Sequence[Codec], timescale: int, size: tuple[int, int]) -> bytes:
    sound = codecs[0].medium == "audio"
    volume = 0x100 if sound else 0
    head = struct.pack(">IIIII8xHHHH", 0, 0, number, 0, 0, 0, int(sound), volume, 0)
    track = full_box(b"tkhd", 0, 3, head, _MATRIX, struct.pack(">II", size[0] << 16, size[1] << 16))
    media = full_box(b"mdhd", 0, 0, struct.pack(">IIIIHH", 0, 0, timescale, 0, _UNDETERMINED, 0))
    name = b"soun" if sound else b"vide"
    handler = full_box(b"hdlr", 0, 0, bytes(4), name, bytes(12), b"\x00")
    kind = full_box(b"smhd", 0, 0, bytes(4)) if sound else full_box(b"vmhd", 0, 1, bytes(8))
    place = box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1)))
    entries = [sample_entry(codec) for codec in codecs]
    described = full_box(b"stsd", 0, 0, struct.pack(">I", len(entries)), *entries)
    info = box(b"minf", kind, place, box(b"stbl", described, *_EMPTY_TABLES))
    return box(b"trak", track, box(b"mdia", media, handler, info))


def _facts_box(video: Codec, audio: Codec | None, facts: Facts) -> bytes:
    told: dict[str, Any] = {"version": _VERSION, **asdict(facts), "codec": _told(video)}
    told["audio"] = None if audio is None else _told(audio)
    return box(b"uuid", FACTS, json.dumps(told, separators=(",", ":")).encode())


def _told(codec: Codec) -> dict[str, Any]:
    return {**asdict(codec), "extradata": codec.extradata.hex()}


def read_facts(data: bytes) -> tuple[Facts, Codec, Codec | None]:
    """The facts in the content of a `uuid` box after its type, with the codecs. Raises ValueError for nonsense."""
    try:
        told = json.loads(data)
        if told["version"] != _VERSION:
            raise ValueError(f"facts of version {told['version']}")
        names = ("camera", "stream", "run", "segment", "start_utc_ns", "start_stream_ns")
        facts = Facts(**{name: told[name] for name in names})
        audio = None if told["audio"] is None else _codec(told["audio"])
        codec = _codec(told["codec"])
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("facts that are not complete") from error
    numbers = (facts.run, facts.segment, facts.start_utc_ns, facts.start_stream_ns, codec.width, codec.height)
    words = (facts.camera, facts.stream, codec.name)
    if not all(isinstance(number, int) for number in numbers) or not all(isinstance(word, str) for word in words):
        raise ValueError("facts of the wrong kind")
    return facts, codec, audio


def _codec(told: dict[str, Any]) -> Codec:
    return Codec(**{**told, "extradata": bytes.fromhex(told["extradata"])})
