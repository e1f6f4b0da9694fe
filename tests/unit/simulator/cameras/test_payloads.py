import struct
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.model.errors import SourceError
from vedette.model.media import Codec
from vedette.simulator.cameras.nal import split
from vedette.simulator.cameras.payloads import payloads

H264, HEVC = Codec("h264", width=64, height=64), Codec("hevc", width=64, height=64)
JPEG = Codec("mjpeg", width=64, height=64)
AAC = Codec("aac", rate=16000, channels=1)

# A unit neither holds a start code nor ends in a zero; emulation prevention sees to that in real streams.
bodies = st.binary(min_size=1, max_size=300).map(lambda data: data.replace(b"\0", b"\1"))


def joined(units: list[bytes]) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def put_together(codec: str, parts: list[bytes]) -> list[bytes]:
    """The receiver's side of RFC 6184 and RFC 7798."""
    units: list[bytes] = []
    size = 1 if codec == "h264" else 2
    for part in parts:
        number = part[0] & 31 if codec == "h264" else part[0] >> 1 & 63
        if number == (28 if codec == "h264" else 49):
            flags = part[size]
            if flags & 0x80:
                first = part[0] & 0xE0 | flags & 31 if codec == "h264" else part[0] & 0x81 | (flags & 63) << 1
                units.append(bytes([first]) + part[1:size])
            units[-1] += part[size + 1 :]
        elif number == (24 if codec == "h264" else 48):
            rest = part[size:]
            while rest:
                length = int.from_bytes(rest[:2], "big")
                units.append(rest[2 : 2 + length])
                rest = rest[2 + length :]
        else:
            units.append(part)
    return units


@given(
    codec=st.sampled_from([H264, HEVC]),
    contents=st.lists(bodies, min_size=1, max_size=5),
    limit=st.integers(20, 200),
    aggregate=st.booleans(),
)
def test_what_was_cut_can_be_put_together(codec: Codec, contents: list[bytes], limit: int, *, aggregate: bool) -> None:
    heads = [b"\x67", b"\x68", b"\x65", b"\x41"] if codec is H264 else [b"\x42\1", b"\x44\1", b"\x26\1", b"\x02\1"]
    units = [heads[i % 4] + content for i, content in enumerate(contents)]
    parts = payloads(codec, joined(units), limit=limit, aggregate=aggregate)
    found = put_together(codec.name, parts)
    assert sorted(found) == sorted(units)
    assert aggregate or found == units
    assert aggregate or max(map(len, parts)) <= limit


def test_parameter_sets_go_together_where_asked() -> None:
    units = [b"\x67sps", b"\x68pps", b"\x65picture"]
    assert [part[0] & 31 for part in payloads(H264, joined(units), aggregate=True)] == [24, 5]
    assert [part[0] & 31 for part in payloads(H264, joined(units))] == [7, 8, 5]


def test_start_codes_of_both_lengths_and_zeros_at_the_end() -> None:
    assert split(b"\0\0\1\x67a\0\0\0\1\x68b\0\0\0") == [b"\x67a", b"\x68b"]
    assert split(b"no start code") == []
    assert payloads(H264, b"\0\0\0\1\x09\xf0\0\0\1\x41p") == [b"\x41p"], "delimiters are left out"


def jpeg(width: int, height: int, sampling: int = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420) -> bytes:
    picture = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling, cv2.IMWRITE_JPEG_RST_INTERVAL, 0]
    return bytes(cv2.imencode(".jpg", picture, options)[1])


def test_jpeg_headers_say_size_kind_and_tables() -> None:
    parts = payloads(JPEG, jpeg(320, 240), limit=1000)
    offsets = [struct.unpack(">I", part[:4])[0] for part in parts]
    assert parts[0][4:8] == bytes((1, 255, 40, 30))
    assert parts[0][8:12] == struct.pack(">HH", 0, 128)
    assert offsets[0] == 0
    assert offsets[1] == len(parts[0]) - 8 - 4 - 128
    assert {b - a for a, b in pairwise(offsets[1:])} == {1000 - 8}
    assert payloads(JPEG, jpeg(320, 240, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422))[0][4] == 0


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no JPEG"),
        (b"\xff\xd8\xff\xd9", "no JPEG"),
        (jpeg(64, 64)[:200], "no JPEG"),
        (jpeg(2400, 16), "2040 pixels at most"),
        (jpeg(64, 64, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444), "4:2:2 nor 4:2:0"),
    ],
)
def test_jpegs_that_rtp_cannot_carry_are_refused(data: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        payloads(JPEG, data)


def test_sound() -> None:
    assert payloads(AAC, b"x" * 300) == [b"\x00\x10" + struct.pack(">H", 300 << 3) + b"x" * 300]
    assert payloads(Codec("pcm_alaw", rate=8000, channels=1), b"y" * 160) == [b"y" * 160]
