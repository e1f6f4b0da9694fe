"""Network abstraction layer units of H.264 and H.265 in Annex B form."""

from __future__ import annotations

import re
from typing import Final

_START: Final = re.compile(rb"\x00\x00\x01")
_H264_SETS: Final = (7, 8)
_HEVC_SETS: Final = (32, 33, 34)
_H264_DELIMITER: Final = 9
_HEVC_DELIMITER: Final = 35


def split(data: bytes) -> list[bytes]:
    """The units of an Annex B stream without their start codes."""
    starts = [match.end() for match in _START.finditer(data)]
    if not starts:
        return []
    ends = [start - 3 for start in starts[1:]] + [len(data)]
    # Zeros before a start code belong to it; a unit itself never ends in one.
    found = (data[start:end].rstrip(b"\0") for start, end in zip(starts, ends, strict=True))
    return [unit for unit in found if unit]


def kind(codec: str, unit: bytes) -> int:
    """nal_unit_type."""
    return unit[0] & 31 if codec == "h264" else unit[0] >> 1 & 63


def is_parameter_set(codec: str, unit: bytes) -> bool:
    """Whether decoders need `unit` before the pictures."""
    return kind(codec, unit) in (_H264_SETS if codec == "h264" else _HEVC_SETS)


def is_delimiter(codec: str, unit: bytes) -> bool:
    """Whether `unit` only marks where a picture begins, which RTP says anyway."""
    return kind(codec, unit) == (_H264_DELIMITER if codec == "h264" else _HEVC_DELIMITER)
