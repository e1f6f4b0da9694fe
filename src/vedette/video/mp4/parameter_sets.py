"""Access units of H.264 and H.265: the parameter sets in them, and their two forms.

Annex B, as cameras and decoders speak it, puts a start code before every NAL unit; MP4 puts its length there.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import av
from av.video.stream import VideoStream

from vedette.model.media import Codec

_START: Final = b"\x00\x00\x01"
_LONG_START: Final = b"\x00\x00\x00\x01"
_H264_SETS: Final = frozenset({7, 8, 13, 15})
_H264_SLICES: Final = frozenset({1, 2, 3, 4, 5})
_H265_SETS: Final = frozenset({32, 33, 34})
_H265_LAST_SLICE: Final = 31
_FORMATS: Final = {"h264": "h264", "hevc": "hevc", "mjpeg": "mjpeg"}
NAL_CODECS: Final = frozenset({"h264", "hevc"})
"""Codecs whose access units have the two forms."""


def nal_units(data: bytes) -> Iterator[bytes]:
    """The NAL units of an Annex B access unit, without start codes and without the zeros that may follow them."""
    start = data.find(_START)
    while start >= 0:
        start += 3
        end = data.find(_START, start)
        unit = (data[start:] if end < 0 else data[start:end]).rstrip(b"\x00")
        if unit:
            yield unit
        start = end


def parameter_sets(data: bytes, codec_name: str) -> bytes:
    """The parameter sets (VPS, SPS, PPS) before the first slice of an Annex B access unit, in Annex B form.

    Nothing for codecs that have none. Source: ITU-T H.264, table 7-1; H.265, table 7-1.
    """
    if codec_name not in NAL_CODECS:
        return b""
    found, start = [], data.find(_START) + 3
    while 3 <= start < len(data):
        is_set, is_slice = _kind(data[start], codec_name)
        if is_slice:
            break
        end = data.find(_START, start)
        if is_set:
            found.append(_LONG_START + data[start : end if end >= 0 else None].rstrip(b"\x00"))
        start = end + 3
    return b"".join(found)


def _kind(first: int, codec_name: str) -> tuple[bool, bool]:
    """Whether a NAL unit whose first byte is `first` is a parameter set, and whether it is a slice."""
    if codec_name == "h264":
        kind = first & 31
        return kind in _H264_SETS, kind in _H264_SLICES
    kind = first >> 1 & 63
    return kind in _H265_SETS, kind <= _H265_LAST_SLICE


def video_codec_of(data: bytes, codec_name: str) -> Codec | None:
    """What a keyframe (`h264` and `hevc` in Annex B form, or `mjpeg`) says of its stream; None when that is not enough.

    FFmpeg decodes the one picture for it, so ask only when the parameter sets have changed.
    """
    sets = parameter_sets(data, codec_name)
    form = _FORMATS.get(codec_name)
    if form is None or (codec_name in NAL_CODECS and not sets):
        return None
    try:
        with av.open(io.BytesIO(data), format=form) as container:
            stream = container.streams[0]
            if not isinstance(stream, VideoStream):
                return None
            width, height = stream.codec_context.width, stream.codec_context.height
    except (av.FFmpegError, IndexError):
        return None
    return Codec(codec_name, sets, width, height) if width and height else None


def complete(codec: Codec, keyframe: bytes) -> Codec:
    """`codec` itself when a file's header can be made of it, else with what `keyframe` says of the stream added.

    Sources that learn nothing before the first packet, and container files, hand over no parameter sets in Annex B.
    """
    if codec.name not in NAL_CODECS:
        return codec if codec.width else video_codec_of(keyframe, codec.name) or codec
    if codec.width and codec.extradata.startswith((_START, _LONG_START)):
        return codec
    sets = parameter_sets(keyframe, codec.name)
    if codec.width and sets:
        return replace(codec, extradata=sets)
    return video_codec_of(keyframe, codec.name) or codec


def length_prefixed(data: bytes) -> bytes:
    """An Annex B access unit in the form of MP4: four bytes of length before every NAL unit."""
    if data.startswith(_LONG_START) and data.find(_START, 4) < 0:
        unit = data[4:].rstrip(b"\x00")
        return struct.pack(">I", len(unit)) + unit
    parts = []
    for unit in nal_units(data):
        parts.append(struct.pack(">I", len(unit)))
        parts.append(unit)
    return b"".join(parts)


def annex_b(data: bytes | memoryview) -> bytes:
    """The reverse of `length_prefixed`. Raises ValueError when the lengths do not add up."""
    parts, at = [], 0
    while at < len(data):
        if len(data) - at < 4:
            raise ValueError("a NAL unit is cut off")
        (size,) = struct.unpack_from(">I", data, at)
        if size == 0 or at + 4 + size > len(data):
            raise ValueError("a NAL unit is longer than its access unit")
        parts.append(_LONG_START)
        parts.append(bytes(data[at + 4 : at + 4 + size]))
        at += 4 + size
    return b"".join(parts)


def sample_data(data: bytes, codec: Codec) -> bytes:
    """The data of a packet as a sample of an MP4 file holds it."""
    if codec.name in NAL_CODECS:
        return length_prefixed(data)
    if codec.name == "aac" and not codec.extradata and len(data) > 7 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        # An ADTS header; two more bytes of it are a checksum unless the last bit of the second says there is none.
        return data[7:] if data[1] & 1 else data[9:]
    return data
