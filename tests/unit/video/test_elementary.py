"""Packets in the form of the house, and what they tell about their codec."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.video.elementary import (
    PictureForm,
    SoundForm,
    aac_config,
    decoded_size,
    has_picture,
    jpeg_size,
    parameter_sets,
    unpack_sets,
)
from video_clips import H264, make_clip, make_sound

START = b"\x00\x00\x00\x01"
CODECS = [name for name in (H264, "libx265") if name in av.codecs_available]
QUIET = {"libx265": {"x265-params": "log-level=none"}}


def clip(path: Path, codec: str) -> Path:
    return make_clip(path, codec, frames=30, codec_options=QUIET.get(codec, {}))


@pytest.mark.parametrize("codec", CODECS)
class TestPictures:
    def test_an_mp4_becomes_annex_b(self, tmp_path: Path, codec: str) -> None:
        with av.open(str(clip(tmp_path / "a.mp4", codec))) as container:
            form = PictureForm(container.streams.video[0])
            announced = form.codec
            packets = [(packet.is_keyframe, packet) for packet in container.demux(video=0) if packet.size]
            data = [(key, form.data(packet, key=key)) for key, packet in packets]
        assert all(part.startswith((START, START[1:])) for _, part in data)
        assert announced.extradata.startswith(START)
        assert parameter_sets(announced.name, data[0][1])
        assert form.codec is announced, "the same parameter sets in the stream are nothing new"
        assert not form.foreign

    def test_what_is_not_announced_is_found_at_the_first_keyframe(self, tmp_path: Path, codec: str) -> None:
        suffix = "h264" if codec == H264 else "hevc"
        with av.open(str(clip(tmp_path / f"a.{suffix}", codec))) as container:
            stream = container.streams.video[0]
            form = PictureForm(stream)
            form._sets = ()
            packet = next(packet for packet in container.demux(video=0) if packet.is_keyframe)
            data = form.data(packet, key=True)
        assert (form.codec.width, form.codec.height) == (128, 96)
        assert form.codec.extradata == b"".join(START + unit for unit in parameter_sets(suffix, data))
        assert decoded_size(suffix, data) == (128, 96)

    def test_another_codec_in_its_place_is_told(self, tmp_path: Path, codec: str) -> None:
        other = "libx265" if codec == H264 else H264
        if other not in CODECS:
            pytest.skip(f"no encoder {other}")
        names = {H264: "h264", "libx265": "hevc"}
        with av.open(str(clip(tmp_path / "b.mp4", other))) as container:
            form = PictureForm(container.streams.video[0])
            units = [form.data(p, key=p.is_keyframe) for p in container.demux(video=0) if p.size]
        assert all(has_picture(names[other], unit) for unit in units)
        wrong = [has_picture(names[codec], unit) for unit in units]
        assert wrong.count(True) < len(units) // 2


class TestParameterSets:
    def test_each_once_and_none_after_the_first_picture(self) -> None:
        sps, pps, idr, late = b"\x67one", b"\x68two", b"\x65picture", b"\x67late"
        data = b"".join(START + unit for unit in (b"\x09\xf0", sps, pps, sps, idr, late))
        assert parameter_sets("h264", data) == (sps, pps)

    def test_zeros_that_fill_up_do_not_count(self) -> None:
        assert parameter_sets("h264", START + b"\x67one\x00\x00" + START + b"\x65") == (b"\x67one",)

    def test_other_codecs_have_none(self) -> None:
        assert parameter_sets("mjpeg", START + b"\x67one") == ()

    @pytest.mark.parametrize("name", ["h264", "hevc"])
    @given(st.binary(max_size=300))
    def test_nonsense(self, name: str, data: bytes) -> None:
        assert all(parameter_sets(name, START + data))
        unpack_sets(name, data)
        unpack_sets(name, bytes(22) + data)

    def test_no_more_than_a_handful_is_kept(self) -> None:
        data = b"".join(START + b"\x67" + number.to_bytes(3, "big") + b"\x80" for number in range(10_000))
        assert len(parameter_sets("h264", data)) <= 64


class TestSound:
    def test_aac_of_a_transport_stream_loses_its_headers(self, tmp_path: Path) -> None:
        whole = make_sound(tmp_path / "a.m4a")
        path = tmp_path / "a.aac"
        with av.open(str(whole)) as source, av.open(str(path), "w", format="adts") as output:
            into = output.add_stream_from_template(source.streams.audio[0])
            for packet in source.demux(audio=0):
                if packet.size:
                    packet.stream = into
                    output.mux(packet)
        with av.open(str(whole)) as container:
            bare = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
            context = container.streams.audio[0].codec_context
            config, channels = bytes(context.extradata or b""), context.layout.nb_channels
        with av.open(str(path)) as container:
            form = SoundForm(container.streams.audio[0])
            assert [form.data(packet) for packet in container.demux(audio=0) if packet.size] == bare
        assert form.codec.extradata == config[:2]
        assert (form.codec.rate, form.codec.channels) == (16000, channels)

    @given(st.binary(max_size=20))
    def test_nonsense_is_no_header(self, data: bytes) -> None:
        config = aac_config(data)
        assert config is None or len(config) == 2


class TestJpeg:
    def test_size(self, tmp_path: Path) -> None:
        with av.open(str(make_clip(tmp_path / "a.avi", "mjpeg", frames=2, pixels="yuvj420p"))) as container:
            data = bytes(next(container.demux(video=0)))
        assert jpeg_size(data) == (128, 96)
        assert all(jpeg_size(data[:length]) in (None, (128, 96)) for length in range(len(data)))

    @given(st.binary(max_size=200))
    def test_nonsense(self, data: bytes) -> None:
        jpeg_size(b"\xff\xd8" + data)


@given(st.binary(max_size=200))
def test_what_does_not_decode_has_no_size(data: bytes) -> None:
    assert decoded_size("h264", START + data) is None
