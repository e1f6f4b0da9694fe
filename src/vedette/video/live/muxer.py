"""Packets as browsers take them: fragmented MP4 for Media Source Extensions, bare access units for WebCodecs."""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal

from vedette.model.errors import StorageError
from vedette.model.media import Codec, Packet
from vedette.model.time import NS_PER_S
from vedette.video.mp4.boxes import HEADER, find
from vedette.video.mp4.fragments import Sample, fragment, ticks
from vedette.video.mp4.init import init_segment
from vedette.video.mp4.parameter_sets import NAL_CODECS, complete, parameter_sets, sample_data
from vedette.video.mp4.sample_entries import sample_entry

Kind = Literal["init", "key", "delta", "audio"]

UNIT: Final = struct.Struct(">BBHIqq")
"""What stands before an access unit: version 1, kind (0 init, 1 key, 2 delta, 3 audio), 0, pictures left out before it,
capture time in ns of UTC, presentation time in ns of the viewer's time line. All big-endian; 24 bytes."""
_UNIT_VERSION: Final = 1
_UNIT_KINDS: Final[dict[Kind, int]] = {"init": 0, "key": 1, "delta": 2, "audio": 3}
_START_NS: Final = 10 * NS_PER_S
"""Where time lines begin, so that decoding times before 0 have a place."""
_STEP_NS: Final = 40_000_000
_MOST_STEP_NS: Final = NS_PER_S
_SILENT_NS: Final = 5 * NS_PER_S
"""Sound that has not come for so long has ended; a player would wait for it."""
_VISUAL: Final = HEADER + 78
"""Bytes of a sample entry before the boxes it holds."""


@dataclass(frozen=True)
class Init:
    """What a player must be given before the first picture, and again when it changes.

    codec, audio  of the pictures, and of the sound that goes with them
    """

    codec: Codec
    audio: Codec | None = None

    @cached_property
    def header(self) -> bytes:
        """`ftyp` and `moov`; nothing for a codec that MP4 cannot hold."""
        try:
            return init_segment(self.codec, self.audio)
        except StorageError:
            return b""

    @cached_property
    def mime(self) -> str:
        """For `MediaSource.isTypeSupported`, such as `video/mp4; codecs="avc1.64001f"`; nothing without a name."""
        video = codec_string(self.codec)
        if not video:
            return ""
        audio = codec_string(self.audio) if self.audio else ""
        return f'video/mp4; codecs="{video}{", " + audio if audio else ""}"'

    @cached_property
    def config(self) -> bytes:
        """The same for WebCodecs, as JSON with the names of `VideoDecoderConfig` and `AudioDecoderConfig`."""
        told: dict[str, Any] = {
            "codec": codec_string(self.codec) or self.codec.name,
            "codedWidth": self.codec.width,
            "codedHeight": self.codec.height,
        }
        if self.audio:
            told["audio"] = {
                "codec": codec_string(self.audio),
                "sampleRate": self.audio.rate,
                "numberOfChannels": self.audio.channels,
                "description": base64.b64encode(self.audio.extradata).decode(),
            }
        return json.dumps(told, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Unit:
    """A packet with its place on a time line; what it looks like to a viewer is made when first asked for.

    number  counts the packets of the time line from 1
    dts_ns  decoding time on the time line
    step_ns how long it probably lasts
    """

    packet: Packet
    init: Init
    number: int
    dts_ns: int
    step_ns: int

    @property
    def kind(self) -> Kind:
        """What it is to a player."""
        if self.packet.codec.medium == "audio":
            return "audio"
        return "key" if self.packet.key else "delta"

    @property
    def size(self) -> int:
        """Bytes of the packet."""
        return len(self.packet.data)

    @property
    def pts_ns(self) -> int:
        """Presentation time on the time line."""
        return self.dts_ns + self.packet.at.stream_ns - self.packet.dts_ns

    @cached_property
    def mp4(self) -> bytes:
        """A fragment of this one frame, with its wall clock time in `prft`."""
        codec = self.packet.codec
        scale = codec.rate or 90_000
        time, duration = ticks(self.dts_ns, scale), max(1, ticks(self.step_ns, scale))
        offset = ticks(self.pts_ns, scale) - time
        sample = Sample(sample_data(self.packet.data, codec), time, duration, offset, self.packet.key)
        if codec.medium == "audio":
            return fragment(self.number, (), (sample,), self.packet.at.utc_ns)
        return fragment(self.number, (sample,), (), self.packet.at.utc_ns)

    @cached_property
    def bare(self) -> bytes:
        """The access unit by itself, in Annex B with its parameter sets where it is a keyframe."""
        packet = self.packet
        if self.kind == "audio":
            return sample_data(packet.data, packet.codec)
        bare = self.kind == "key" and packet.codec.name in NAL_CODECS
        if bare and not parameter_sets(packet.data, packet.codec.name):
            return self.init.codec.extradata + packet.data
        return packet.data


def framed(kind: Kind, data: bytes, lost: int = 0, utc_ns: int = 0, pts_ns: int = 0) -> bytes:
    """`data` with the header of a bare access unit (`UNIT`) before it."""
    return UNIT.pack(_UNIT_VERSION, _UNIT_KINDS[kind], 0, min(lost, 0xFFFFFFFF), utc_ns, pts_ns) + data


def codec_string(codec: Codec) -> str:
    """The name of a codec in MIME types (RFC 6381; ISO/IEC 14496-15, annex E); nothing for one without."""
    if codec.name == "aac":
        kind = codec.extradata[0] >> 3 if codec.extradata else 2
        return f"mp4a.40.{kind}"
    if codec.name not in NAL_CODECS:
        return ""
    try:
        entry = sample_entry(codec)
        record = find(entry, (b"avcC" if codec.name == "h264" else b"hvcC",), _VISUAL)
    except (StorageError, ValueError):
        return ""
    told = entry[record.inside : record.end]
    return f"avc1.{told[1:4].hex()}" if codec.name == "h264" else f"hvc1.{_hevc_profile(told)}"


def _hevc_profile(told: bytes) -> str:
    profile, compatible, constraints, level = struct.unpack_from(">xBI6sB", told)
    space = ("", "A", "B", "C")[profile >> 6]
    tier = "H" if profile & 0x20 else "L"
    reverse = int(f"{compatible:032b}"[::-1], 2)
    parts = [f"{space}{profile & 31}", f"{reverse:X}", f"{tier}{level}"]
    parts += [f"{byte:X}" for byte in constraints.rstrip(b"\x00")]
    return ".".join(parts)


@dataclass
class Muxer:
    """Puts the packets of one stream on one time line that goes on over new runs, and says what players must know.

    Give it packets in their order. Pictures before the first keyframe, and those that lack packets before them, are
    left out: a decoder would show them broken.
    """

    lost: int = 0
    _init: Init | None = None
    _audio: Codec | None = None
    _audio_ns: int = 0
    _run: int | None = None
    _number: int = -1
    _waiting: bool = True
    _shift_ns: int = 0
    _count: int = 0
    _last_ns: dict[str, int] = field(default_factory=dict)
    _step_ns: dict[str, int] = field(default_factory=dict)

    @property
    def init(self) -> Init | None:
        """What holds now; None before the first keyframe."""
        return self._init

    @property
    def waiting(self) -> bool:
        """No picture can be shown before the next keyframe."""
        return self._waiting

    def unit(self, packet: Packet) -> Unit | None:
        """`packet` on the time line; None for one that cannot be shown."""
        self._connect(packet)
        if packet.codec.medium == "audio":
            return self._sound(packet)
        if packet.key:
            self._take_key(packet)
        elif self._init is None or not self._same_codec(packet.codec):
            self._waiting = True
        if self._waiting or self._init is None:
            self.lost += 1
            return None
        return self._placed(packet, self._init)

    def _connect(self, packet: Packet) -> None:
        """See whether packets are missing, and let a new run go on where the last one ended."""
        if packet.run != self._run:
            end_ns = max((at + self._step("video") for at in self._last_ns.values()), default=_START_NS)
            self._shift_ns = end_ns - packet.dts_ns
            self._run, self._audio, self._waiting = packet.run, None, True
        elif packet.number != self._number + 1 and (packet.number, self._number) != (0, 0):
            self._waiting = True
        self._number = packet.number

    def _same_codec(self, codec: Codec) -> bool:
        known = self._init.codec if self._init else None
        if known is None or (codec.name, codec.width or known.width) != (known.name, known.width):
            return False
        return (codec.height or known.height) == known.height

    def _take_key(self, packet: Packet) -> None:
        codec = packet.codec
        sets = parameter_sets(packet.data, codec.name)
        told = sets or (codec.extradata if codec.extradata.startswith(b"\x00\x00") else b"")
        known = self._init.codec if self._init else None
        if known is not None and self._same_codec(codec) and told in {known.extradata, b""}:
            codec = known
        else:
            codec = complete(replace(codec, extradata=told), packet.data)
        if self._audio and packet.at.stream_ns - self._audio_ns > _SILENT_NS:
            self._audio = None
        if self._init is None or (codec, self._audio) != (self._init.codec, self._init.audio):
            self._init = Init(codec, self._audio)
        self._waiting = False

    def _sound(self, packet: Packet) -> Unit | None:
        """Sound that browsers play in MP4; it joins the pictures at the next keyframe."""
        if packet.codec.name != "aac":
            return None
        self._audio, self._audio_ns = packet.codec, packet.at.stream_ns
        if self._waiting or self._init is None or self._init.audio != packet.codec:
            return None
        return self._placed(packet, self._init)

    def _step(self, medium: str) -> int:
        return self._step_ns.get(medium, _STEP_NS)

    def _placed(self, packet: Packet, init: Init) -> Unit:
        medium = packet.codec.medium
        dts_ns = packet.dts_ns + self._shift_ns
        before_ns = self._last_ns.get(medium)
        dts_ns = max(dts_ns, 0 if before_ns is None else before_ns + 1)
        if before_ns is not None and 0 < dts_ns - before_ns <= _MOST_STEP_NS:
            self._step_ns[medium] = dts_ns - before_ns
        self._last_ns[medium] = dts_ns
        self._count += 1
        return Unit(packet, init, self._count, dts_ns, self._step(medium))
