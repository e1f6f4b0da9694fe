from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorded_packets import encoder_of, video_packets
from vedette.model.media import Codec
from vedette.video.mp4.parameter_sets import (
    annex_b,
    complete,
    length_prefixed,
    nal_units,
    parameter_sets,
    sample_data,
    video_codec_of,
)

NAMES = [name for name in ("h264", "hevc") if encoder_of(name)]
units = st.binary(min_size=1, max_size=60).map(lambda raw: raw.replace(b"\x00", b"\x01") or b"\x01")


@given(parts=st.lists(st.tuples(st.sampled_from([b"\x00\x00\x01", b"\x00\x00\x00\x01"]), units), max_size=6))
def test_the_two_forms_say_the_same(parts: list[tuple[bytes, bytes]]) -> None:
    data = b"".join(start + unit for start, unit in parts)
    assert list(nal_units(data)) == [unit for _, unit in parts]
    boxed = length_prefixed(data)
    assert len(boxed) == sum(4 + len(unit) for _, unit in parts)
    assert list(nal_units(annex_b(boxed))) == [unit for _, unit in parts]


@given(data=st.binary(max_size=200))
def test_garbage_is_never_an_error_on_the_way_in(data: bytes) -> None:
    length_prefixed(data)
    for name in ("h264", "hevc", "mjpeg", "aac"):
        parameter_sets(data, name)
        sample_data(data, Codec(name, width=2, height=2))


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x00\x00\x05abc", b"\x00\x00\x00\x00", b"\xff\xff\xff\xffx"])
def test_lengths_that_do_not_add_up(data: bytes) -> None:
    with pytest.raises(ValueError, match="NAL unit"):
        annex_b(data)


def test_zeros_behind_a_unit_are_no_part_of_it() -> None:
    assert list(nal_units(b"\x00\x00\x00\x01\x65ab\x00\x00\x00\x00\x01\x41c\x00\x00")) == [b"\x65ab", b"\x41c"]
    assert length_prefixed(b"\x00\x00\x00\x01\x65ab\x00\x00") == b"\x00\x00\x00\x03\x65ab"
    assert length_prefixed(b"no start code at all") == b""


@pytest.mark.parametrize("name", NAMES)
def test_a_keyframe_says_what_its_stream_is(name: str) -> None:
    packets = video_packets(name, 25)
    codec = video_codec_of(packets[0].data, name)
    assert codec == Codec(name, parameter_sets(packets[0].data, name), 128, 96)
    kinds = [unit[0] & 31 if name == "h264" else unit[0] >> 1 for unit in nal_units(codec.extradata)]
    assert kinds == ([7, 8] if name == "h264" else [32, 33, 34])
    assert parameter_sets(packets[1].data, name) == b""
    assert video_codec_of(packets[1].data, name) is None


def test_motion_jpeg_says_its_size_too() -> None:
    packet = video_packets("mjpeg", 25, size=(64, 48))[0]
    assert video_codec_of(packet.data, "mjpeg") == Codec("mjpeg", b"", 64, 48)
    assert parameter_sets(packet.data, "mjpeg") == b""
    assert complete(Codec("mjpeg"), packet.data).width == 64


@pytest.mark.parametrize("name", ["h264", "hevc", "mjpeg", "vp8", "no such codec"])
@pytest.mark.parametrize("data", [b"", b"garbage", b"\x00\x00\x00\x01\x67\x42\x00\x0a" * 40, b"\xff\xd8\xff"])
def test_garbage_says_nothing(name: str, data: bytes) -> None:
    assert video_codec_of(data, name) is None


def test_what_is_missing_is_taken_from_the_keyframe() -> None:
    packet = video_packets("h264", 25)[0]
    codec = packet.codec
    assert complete(codec, packet.data) is codec
    for bare in (
        replace(codec, extradata=b""),
        replace(codec, extradata=b"\x01\x64\x00\x0a"),
        Codec("h264"),
        Codec("h264", codec.extradata),
    ):
        assert complete(bare, packet.data) == codec
    assert complete(Codec("h264"), b"garbage") == Codec("h264")
    assert complete(Codec("mpeg4", b"", 64, 48), b"") == Codec("mpeg4", b"", 64, 48)
