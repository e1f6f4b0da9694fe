from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import av
import numpy as np
import pytest

from recorded_packets import UTC_NS, audio_packets, encoder_of, video_packets
from vedette.model.errors import StorageError
from vedette.model.media import Codec
from vedette.video.mp4.boxes import find, walk
from vedette.video.mp4.fragments import Sample, fragment, ticks
from vedette.video.mp4.init import FACTS, Facts, init_segment, movie, read_facts
from vedette.video.mp4.parameter_sets import sample_data
from video_clips import number_in

TAGS = [("h264", "avc1"), ("hevc", "hvc1"), ("mjpeg", "mp4v")]
FACTS_OF_ONE = Facts("gate", "main", 5, 6, UTC_NS, 17)


def film(name: str, sound: str = "", b_frames: int = 0) -> bytes:
    """One fragment of a second with its header."""
    pictures = video_packets(name, 25, b_frames=b_frames)
    tones = audio_packets(sound, 1.0) if sound else ()
    lead = pictures[0].at.stream_ns - pictures[0].dts_ns
    video = [
        Sample(
            sample_data(packet.data, packet.codec),
            ticks(packet.dts_ns + lead),
            3600,
            ticks(packet.at.stream_ns - packet.dts_ns - lead),
            packet.key,
        )
        for packet in pictures
    ]
    audio = [
        Sample(
            sample_data(packet.data, packet.codec),
            ticks(packet.at.stream_ns, packet.codec.rate),
            1024 if sound == "aac" else 160,
        )
        for packet in tones
    ]
    return init_segment(pictures[0].codec, tones[0].codec if tones else None, FACTS_OF_ONE) + fragment(
        1, video, audio, UTC_NS
    )


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize(("name", "tag"), [pair for pair in TAGS if encoder_of(pair[0])])
def test_every_codec_of_a_camera_plays(name: str, tag: str, b_frames: int) -> None:
    if name == "mjpeg" and b_frames:
        b_frames = 0
    with av.open(io.BytesIO(film(name, b_frames=b_frames)), "r") as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert stream.codec_context.codec_tag == tag
        assert (stream.codec_context.width, stream.codec_context.height) == (128, 96)
    assert [number_in(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)) for frame in frames] == list(range(25))


@pytest.mark.parametrize(("name", "samples"), [("aac", 1024), ("pcm_mulaw", 8000), ("pcm_alaw", 8000)])
def test_sound_plays_beside_the_pictures(name: str, samples: int) -> None:
    with av.open(io.BytesIO(film("h264", name)), "r") as container:
        sound = container.streams.audio[0]
        assert sound.codec_context.name == name
        frames = list(container.decode(sound))
    assert sum(frame.samples for frame in frames) >= samples
    loudest = max(float(abs(frame.to_ndarray().astype(float)).max()) for frame in frames)
    assert loudest > 0.2


@pytest.mark.parametrize(
    ("codec", "says"),
    [
        (Codec("adpcm_g726", rate=8000, channels=1), "choose one of them in the camera"),
        (Codec("aac", rate=8001, channels=1), "no such rate"),
        (Codec("pcm_mulaw", rate=96000, channels=1), "65535 is the most"),
        (Codec("h264", b"", 640, 480), "no parameter sets"),
        (Codec("h264", b"\x00\x00\x00\x01\x67", 640, 480), "make no sense"),
        (Codec("h264", b"nonsense", 640, 480), "make no sense"),
        (Codec("h264", b"\x00\x00\x00\x01\x67\x64"), "size of its pictures"),
        (Codec("wmv3", b"", 640, 480), "cannot hold it"),
        (Codec("no such codec", b"", 640, 480), "cannot hold it"),
    ],
)
def test_what_no_file_can_hold_is_refused_with_a_line(codec: Codec, says: str) -> None:
    pictures = video_packets("h264", 25)[0].codec
    with pytest.raises(StorageError, match=says) as caught:
        init_segment(codec) if codec.medium == "video" else init_segment(pictures, codec)
    assert "\n" not in str(caught.value)


def test_a_file_says_what_it_is() -> None:
    picture, sound = video_packets("h264", 25)[0].codec, audio_packets()[0].codec
    header = init_segment(picture, sound, FACTS_OF_ONE)
    last = list(walk(header))[-1]
    assert header[last.inside : last.inside + 16] == FACTS
    assert read_facts(header[last.inside + 16 : last.end]) == (FACTS_OF_ONE, picture, sound)


@pytest.mark.parametrize(
    "nonsense", [b"", b"{", b"[]", b"{}", b"null", b'{"version":2}', b'{"version":1,"camera":1}', b"[" * 100_000]
)
def test_nonsense_for_facts(nonsense: bytes) -> None:
    with pytest.raises(ValueError, match=r"facts|Expecting"):
        read_facts(nonsense)


def test_a_film_of_several_codecs_has_a_description_of_each() -> None:
    first = video_packets("h264", 25)[0].codec
    second = video_packets("h264", 25, size=(64, 48))[0].codec
    header = movie((first, second))
    described = find(header, (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"))
    assert [entry.kind for entry in walk(header, described.inside + 8, described.end)] == [b"avc1", b"avc1"]


def test_aac_that_describes_itself_in_every_packet() -> None:
    told = audio_packets()[0].codec
    silent = replace(told, extradata=b"")
    adts = b"\xff\xf1\x60\x40\x1f\xff\xfc" + b"sound"
    assert sample_data(adts, silent) == b"sound"
    assert sample_data(b"\xff\xf0\x60\x40\x1f\xff\xfccrsound", silent) == b"sound"
    assert sample_data(adts, told) == adts
    picture: Any = video_packets("h264", 25)[0].codec
    with av.open(io.BytesIO(init_segment(picture, silent))) as container:
        context = container.streams.audio[0].codec_context
        assert bytes(context.extradata or b"")[:2] == told.extradata[:2]
