"""Elementary streams: packets of any container in the one form that the rest of the house knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import av
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from vedette.model.media import Codec

START: Final = b"\x00\x00\x00\x01"
_SHORT: Final = b"\x00\x00\x01"
_FILTERS: Final = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
_SETS: Final = {"h264": (7, 8), "hevc": (32, 33, 34)}
_SPS: Final = {"h264": 7, "hevc": 33}
_PICTURES: Final = {"h264": (1, 5), "hevc": range(32)}
"""Types of the units that hold a picture (ITU-T H.264 table 7-1, H.265 table 7-1). The partitioned pictures of H.264,
types 2 to 4, are for a profile that no camera has."""
STRANGE: Final = 25
_MOST_SETS: Final = 64
"""Parameter sets in front of one picture. Real encoders send two or three, and a hostile one may not hold us up."""
_JPEG_SIZES: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC3})


class PictureForm:
    """Packets of one video stream in Annex B form where its codec has one, and as they are where it has none.

    `codec` is what the packet needs that `data` answered last: parameter sets and the size are learned from the stream
    itself, because cameras announce others than they send, or none, and change them while they send.
    """

    def __init__(self, stream: VideoStream) -> None:
        context = stream.codec_context
        name, extradata = context.name, bytes(context.extradata or b"")
        packed = name in _FILTERS and bool(extradata) and not extradata.startswith((_SHORT, START))
        self._filter = BitStreamFilterContext(_FILTERS[name], stream) if packed else None
        self._sets = unpack_sets(name, extradata) if packed else parameter_sets(name, extradata)
        self.codec = Codec(name, _joined(self._sets) or (b"" if packed else extradata), context.width, context.height)
        self._strange = 0

    @property
    def foreign(self) -> bool:
        """So many packets in a row had no picture of this codec in them that they must be of another."""
        return self._strange >= STRANGE

    def data(self, packet: av.Packet[VideoStream], *, key: bool) -> bytes:
        """The data of `packet`, nothing when it is damaged. FFmpeg's filters take over what they are given."""
        data = bytes(packet) if self._filter is None else self._filtered(packet)
        if self.codec.name in _FILTERS:
            self._strange = 0 if has_picture(self.codec.name, data) else self._strange + 1
            if key and data:
                self._learn(data)
        elif self.codec.name == "mjpeg":
            self._measure(data)
        return data

    def _filtered(self, packet: av.Packet[VideoStream]) -> bytes:
        assert self._filter is not None  # noqa: S101
        try:
            return b"".join(bytes(part) for part in self._filter.filter(packet))
        except av.FFmpegError:
            self._filter.flush()
            return b""

    def _learn(self, data: bytes) -> None:
        name = self.codec.name
        found = parameter_sets(name, data)
        if all(unit in self._sets for unit in found):
            return
        size = decoded_size(name, data)
        if size is None:
            return
        whole = any(_unit_type(name, unit[0]) == _SPS[name] for unit in found)
        self._sets = found if whole else (*self._sets, *(unit for unit in found if unit not in self._sets))
        if len(self._sets) > _MOST_SETS:
            self._sets = found
        self.codec = Codec(name, _joined(self._sets), *size)

    def _measure(self, data: bytes) -> None:
        size = jpeg_size(data)
        if size is not None and size != (self.codec.width, self.codec.height):
            self.codec = Codec(self.codec.name, b"", *size)


class SoundForm:
    """Packets of one sound stream: AAC bare, without the headers it has in transport streams, and all else as it is."""

    def __init__(self, stream: AudioStream) -> None:
        context = stream.codec_context
        extradata = bytes(context.extradata or b"")
        self._headers = context.name == "aac" and not extradata
        self.codec = Codec(context.name, extradata, rate=context.sample_rate, channels=context.layout.nb_channels)

    def data(self, packet: av.Packet[AudioStream]) -> bytes:
        """The data of `packet`, nothing when it is damaged."""
        data = bytes(packet)
        if not self._headers:
            return data
        config = aac_config(data)
        if config is None:
            return b""
        if config != self.codec.extradata:
            rate = _AAC_RATES[((config[0] & 7) << 1) | config[1] >> 7]
            self.codec = Codec("aac", config, rate=rate, channels=(config[1] >> 3 & 15) or self.codec.channels)
        return data[7 if data[1] & 1 else 9 :]


_AAC_RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


def aac_config(data: bytes) -> bytes | None:
    """The AudioSpecificConfig that an ADTS header stands for (ISO/IEC 13818-7 6.2, 14496-3 1.6.2.1), None without one.

    Packets of several blocks, which no camera sends, cannot be taken apart without decoding and count as damaged.
    """
    if len(data) < 9 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0 or data[6] & 3:
        return None
    kind, rate, channels = (data[2] >> 6) + 1, data[2] >> 2 & 15, (data[2] & 1) << 2 | data[3] >> 6
    if rate >= len(_AAC_RATES):
        return None
    return (kind << 11 | rate << 7 | channels << 3).to_bytes(2, "big")


def parameter_sets(name: str, data: bytes) -> tuple[bytes, ...]:
    """The parameter sets in front of the first picture of Annex B `data`, each once, without start codes."""
    wanted = _SETS.get(name, ())
    found: dict[bytes, None] = {}
    for kind, start in _units(name, data):
        if kind in _PICTURES[name]:
            break
        if kind in wanted and len(found) < _MOST_SETS:
            end = data.find(_SHORT, start)
            found[data[start : len(data) if end < 0 else end].rstrip(b"\x00")] = None
    return tuple(found)


def has_picture(name: str, data: bytes) -> bool:
    """Whether there is a picture of the codec, `h264` or `hevc`, in Annex B `data`."""
    return any(kind in _PICTURES[name] for kind, _ in _units(name, data))


def _units(name: str, data: bytes) -> Iterator[tuple[int, int]]:
    """Type and place of each unit of Annex B `data`, start codes left out."""
    if name not in _PICTURES:
        return
    start = data.find(_SHORT)
    while 0 <= start < len(data) - 3:
        yield _unit_type(name, data[start + 3]), start + 3
        start = data.find(_SHORT, start + 3)


def unpack_sets(name: str, extradata: bytes) -> tuple[bytes, ...]:
    """The parameter sets of an `avcC` or `hvcC` record (ISO/IEC 14496-15), none of a damaged one."""
    try:
        return tuple(_avcc(extradata) if name == "h264" else _hvcc(extradata))
    except IndexError:
        return ()


def _avcc(record: bytes) -> Iterator[bytes]:
    position = 5
    for mask in (0x1F, 0xFF):
        count, position = record[position] & mask, position + 1
        for _ in range(count):
            unit, position = _unit(record, position)
            yield unit


def _hvcc(record: bytes) -> Iterator[bytes]:
    position = 23
    for _ in range(record[22]):
        kind = record[position] & 0x3F
        count, position = record[position + 1] << 8 | record[position + 2], position + 3
        for _ in range(count):
            unit, position = _unit(record, position)
            if kind in _SETS["hevc"]:
                yield unit


def _unit(record: bytes, position: int) -> tuple[bytes, int]:
    """The unit whose 16-bit length stands at `position`, and where it ends. Raises IndexError beyond the record."""
    end = position + 2 + (record[position] << 8 | record[position + 1])
    if not position + 2 < end <= len(record):
        raise IndexError
    return record[position + 2 : end], end


def decoded_size(name: str, data: bytes) -> tuple[int, int] | None:
    """Width and height of the picture that `data` decodes to without anything before it; None when it does not."""
    context = av.CodecContext.create(name, "r")
    assert isinstance(context, VideoCodecContext)  # noqa: S101
    context.thread_count = 1
    try:
        pictures = [*context.decode(av.Packet(data)), *context.decode(None)]
    except av.FFmpegError:
        return None
    return (pictures[0].width, pictures[0].height) if pictures else None


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height by the frame header of a JPEG picture (ITU-T T.81 B.2.2); None where it has none."""
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        if data[position + 1] in _JPEG_SIZES:
            height, width = data[position + 5] << 8 | data[position + 6], data[position + 7] << 8 | data[position + 8]
            return (width, height) if width and height else None
        length = data[position + 2] << 8 | data[position + 3]
        if length < 2:
            return None
        position += 2 + length
    return None


def _unit_type(name: str, header: int) -> int:
    return header & 0x1F if name == "h264" else header >> 1 & 0x3F


def _joined(units: tuple[bytes, ...]) -> bytes:
    return b"".join(START + unit for unit in units)
