"""RTP payload formats: H.264 (RFC 6184), H.265 (RFC 7798), JPEG (RFC 2435), AAC (RFC 3640), G.711 (RFC 3551)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from vedette.model.errors import SourceError
from vedette.model.media import Codec
from vedette.simulator.cameras.nal import is_delimiter, is_parameter_set, kind, split

PAYLOAD_BYTES: Final = 1400
"""Fits into an Ethernet frame with all headers."""
_FU_A, _STAP_A = 28, 24
_HEVC_FU, _HEVC_AP = 49, 48
_JPEG_MOST_PX: Final = 2040
_QUANTISATION, _FRAME, _HUFFMAN, _RESTART, _SCAN = 0xDB, 0xC0, 0xC4, 0xDD, 0xDA
_ALONE: Final = (0x01, 0xD8, *range(0xD0, 0xD8))
"""JPEG markers without a length."""
_TABLES_IN_BAND: Final = 255


def payloads(codec: Codec, data: bytes, *, aggregate: bool = False, limit: int = PAYLOAD_BYTES) -> list[bytes]:
    """The RTP payloads of one access unit. Raises SourceError for a picture that RTP cannot carry.

    aggregate  put parameter sets together in one packet (STAP-A of H.264, AP of H.265)
    """
    if codec.name in ("h264", "hevc"):
        units = [unit for unit in split(data) if not is_delimiter(codec.name, unit)]
        if aggregate:
            units = _aggregated(codec.name, units, limit)
        cut = _h264_pieces if codec.name == "h264" else _hevc_pieces
        return [piece for unit in units for piece in ([unit] if len(unit) <= limit else cut(unit, limit))]
    if codec.name == "mjpeg":
        return _jpeg(data, limit)
    if codec.name == "aac":
        return [struct.pack(">HH", 16, len(data) << 3) + data]
    return [data]


def _h264_pieces(unit: bytes, limit: int) -> list[bytes]:
    indicator, number = unit[0] & 0xE0 | _FU_A, unit[0] & 31
    return [bytes((indicator, flags | number)) + part for flags, part in _cut(unit[1:], limit - 2)]


def _hevc_pieces(unit: bytes, limit: int) -> list[bytes]:
    head = bytes((unit[0] & 0x81 | _HEVC_FU << 1, unit[1]))
    number = kind("hevc", unit)
    return [head + bytes((flags | number,)) + part for flags, part in _cut(unit[2:], limit - 3)]


def _cut(data: bytes, limit: int) -> list[tuple[int, bytes]]:
    """Pieces with the start flag on the first one and the end flag on the last."""
    parts = [data[first : first + limit] for first in range(0, len(data), limit)]
    last = len(parts) - 1
    return [((0x80 if i == 0 else 0) | (0x40 if i == last else 0), part) for i, part in enumerate(parts)]


def _aggregated(codec: str, units: list[bytes], limit: int) -> list[bytes]:
    sets = [unit for unit in units if is_parameter_set(codec, unit)]
    if len(sets) < 2:
        return units
    head = bytes((sets[0][0] & 0xE0 | _STAP_A,)) if codec == "h264" else bytes((_HEVC_AP << 1, 1))
    together = head + b"".join(struct.pack(">H", len(unit)) + unit for unit in sets)
    if len(together) > limit:
        return units
    return [together, *(unit for unit in units if not is_parameter_set(codec, unit))]


@dataclass(slots=True)
class _Jpeg:
    """What RTP says in its own header instead of JPEG's."""

    width: int = 0
    height: int = 0
    kind: int = 0
    tables: bytes = b""
    restart: int = 0
    scan: bytes = b""


def _jpeg(data: bytes, limit: int) -> list[bytes]:
    picture = _read_jpeg(data)
    if not picture.width or max(picture.width, picture.height) > _JPEG_MOST_PX:
        raise SourceError(f"a JPEG of {picture.width}x{picture.height} does not go over RTP: 2040 pixels at most")
    kind_of = picture.kind + (64 if picture.restart else 0)
    size = bytes((kind_of, _TABLES_IN_BAND, (picture.width + 7) // 8, (picture.height + 7) // 8))
    restart = struct.pack(">HH", picture.restart, 0xFFFF) if picture.restart else b""
    tables = struct.pack(">HH", 0, len(picture.tables)) + picture.tables
    pieces, at = [], 0
    while at < len(picture.scan):
        head = struct.pack(">I", at) + size + restart + (tables if at == 0 else b"")
        part = picture.scan[at : at + limit - len(head)]
        pieces.append(head + part)
        at += len(part)
    return pieces


def _read_jpeg(data: bytes) -> _Jpeg:
    picture, at = _Jpeg(), 0
    while at + 4 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF:
            break
        if marker in _ALONE:
            at += 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == _SCAN:
            end = data.rfind(b"\xff\xd9")
            picture.scan = data[at : end if end > at else len(data)]
            return picture
        _segment(picture, marker, body)
    raise SourceError("a picture of the clip is no JPEG that RTP can carry: encode it again")


def _segment(picture: _Jpeg, marker: int, body: bytes) -> None:
    if marker == _QUANTISATION:
        while body:
            if body[0] >> 4:
                raise SourceError("a JPEG with 16-bit tables does not go over RTP: encode it with 8-bit ones")
            picture.tables, body = picture.tables + body[1:65], body[65:]
    elif marker == _FRAME:
        picture.height, picture.width = struct.unpack(">HH", body[1:5])
        # Types 0 and 1 of RFC 2435: brightness twice as wide, or twice as wide and as high, as colour.
        kinds = {0x21: 0, 0x22: 1}
        if len(body) < 9 or body[7] not in kinds:
            raise SourceError("a JPEG that is neither 4:2:2 nor 4:2:0 does not go over RTP: encode it as 4:2:0")
        picture.kind = kinds[body[7]]
    elif marker == _RESTART:
        picture.restart = int.from_bytes(body[:2], "big")
