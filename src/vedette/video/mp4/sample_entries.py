"""Sample entries: what the header of an MP4 file says of a codec."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from functools import lru_cache
from typing import Final

import av

from vedette.model.errors import StorageError
from vedette.model.media import Codec
from vedette.video.mp4.boxes import HEADER, box, find, full_box

VIDEO_TIMESCALE: Final = 90_000
"""Ticks a second of video tracks. Those of sound tick at their sample rate."""
_AAC_RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_G711: Final = {"pcm_mulaw": b"ulaw", "pcm_alaw": b"alaw"}
_MOST_RATE: Final = 0xFFFF
_CONFIGS: Final = {"h264": b"avcC", "hevc": b"hvcC"}
_VISUAL: Final = 78
"""Bytes of a VisualSampleEntry before the boxes in it."""
_LEAST_CONFIG: Final = 7
"""Bytes of a description of H.264 without a parameter set; H.265 needs more."""
_FRAGMENTED: Final = {"movflags": "empty_moov+default_base_moof", "fflags": "+bitexact"}


@lru_cache(maxsize=256)
def sample_entry(codec: Codec) -> bytes:
    """The box that describes `codec` in a track's `stsd`. Raises StorageError for what no MP4 file can hold."""
    if codec.medium == "audio":
        return _audio(codec)
    return _video(codec)


def _video(codec: Codec) -> bytes:
    """FFmpeg knows how every codec is described, so it writes a header, of which this is a part."""
    if not codec.width or not codec.height:
        raise StorageError(f"a {codec.name} stream cannot be recorded before the size of its pictures is known")
    if codec.name in _CONFIGS and not codec.extradata:
        raise StorageError(f"a {codec.name} stream cannot be recorded: the camera sent no parameter sets")
    target = io.BytesIO()
    base = Fraction(1, VIDEO_TIMESCALE)
    try:
        with av.open(target, "w", format="mp4", options=dict(_FRAGMENTED)) as output:
            stream = output.add_mux_stream(codec.name, width=codec.width, height=codec.height, time_base=base)
            # Parameter sets reach FFmpeg's header only as the beginning of a first packet.
            packet = av.Packet(codec.extradata or b"\x00")
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, base
            packet.is_keyframe = True
            output.mux(packet)
            header = target.getvalue()
    except (av.FFmpegError, ValueError) as error:
        raise StorageError(f"a {codec.name} stream cannot be recorded: an MP4 file cannot hold it ({error})") from error
    described = find(header, (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"))
    entry = header[described.inside + 8 : described.end]
    if codec.name in _CONFIGS and not _has_sets(entry, _CONFIGS[codec.name]):
        raise StorageError(f"a {codec.name} stream cannot be recorded: its parameter sets make no sense")
    # Apple's players open H.265 under this name only.
    return entry[:4] + b"hvc1" + entry[8:] if entry[4:8] == b"hev1" else entry


def _has_sets(entry: bytes, kind: bytes) -> bool:
    try:
        config = find(entry, (kind,), HEADER + _VISUAL)
    except ValueError:
        return False
    return config.end - config.inside > _LEAST_CONFIG


def _audio(codec: Codec) -> bytes:
    if codec.rate > _MOST_RATE:
        raise StorageError(f"sound with {codec.rate} samples a second cannot be recorded; {_MOST_RATE} is the most")
    if codec.name == "aac":
        return _audio_entry(b"mp4a", codec, _esds(codec))
    if codec.name in _G711:
        return _audio_entry(_G711[codec.name], codec)
    raise StorageError(
        f"sound in {codec.name} cannot be recorded: an MP4 file holds AAC and G.711; choose one of them in the camera"
    )


def _audio_entry(kind: bytes, codec: Codec, *parts: bytes) -> bytes:
    fields = struct.pack(">6xH8xHHHHI", 1, codec.channels or 1, 16, 0, 0, codec.rate << 16)
    return box(kind, fields, *parts)


def _esds(codec: Codec) -> bytes:
    """Elementary stream descriptor of AAC (ISO/IEC 14496-1, section 7.2.6; object type 0x40, stream type 5)."""
    config = codec.extradata or _audio_specific_config(codec)
    decoder = struct.pack(">BB3xII", 0x40, 5 << 2 | 1, 0, 0) + _descriptor(5, config)
    stream = struct.pack(">HB", 0, 0) + _descriptor(4, decoder) + _descriptor(6, b"\x02")
    return full_box(b"esds", 0, 0, _descriptor(3, stream))


def _descriptor(tag: int, content: bytes) -> bytes:
    length = len(content)
    sizes = bytes([length >> shift & 127 | (128 if shift else 0) for shift in (21, 14, 7, 0)])
    return bytes([tag]) + sizes + content


def _audio_specific_config(codec: Codec) -> bytes:
    """AAC-LC (ISO/IEC 14496-3, section 1.6.2.1), for streams that say it in every packet's ADTS header instead."""
    if codec.rate not in _AAC_RATES:
        raise StorageError(f"sound in AAC with {codec.rate} samples a second cannot be recorded: no such rate exists")
    return struct.pack(">H", 2 << 11 | _AAC_RATES.index(codec.rate) << 7 | (codec.channels or 1) << 3)
