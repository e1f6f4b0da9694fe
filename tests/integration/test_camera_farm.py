"""The virtual cameras against FFmpeg's own client, and against a client that says wrong things."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
from av.container import InputContainer

from vedette.simulator.cameras import CameraFarm, CameraSpec, frame_number, make_clip, make_sound

LOGIN = "guard:p@ss:w/rd"
FRAMES = 25


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def main(clips: Path) -> Path:
    return make_clip(clips, seconds=1, size=(640, 360), gop_s=0.4, bitrate=1_000_000)


@pytest.fixture(scope="module")
def sub(clips: Path) -> Path:
    return make_clip(clips, seconds=1, size=(320, 192), gop_s=0.4, bitrate=200_000, codec="hevc")


@pytest.fixture(scope="module")
def farm(clips: Path, main: Path, sub: Path) -> Iterator[CameraFarm]:
    jpeg = make_clip(clips, seconds=1, size=(320, 240), codec="mjpeg")
    cameras = {
        "front": CameraSpec(main, sub, make_sound(clips)),
        "old": CameraSpec(jpeg, audio=make_sound(clips, codec="pcm_mulaw")),
    }
    with CameraFarm(cameras, login=LOGIN) as running:
        yield running


def connect(address: str, transport: str = "tcp") -> InputContainer:
    return av.open(address, options={"rtsp_transport": transport}, timeout=5.0)


class Seen(NamedTuple):
    """Codecs, numbers of the pictures, their presentation times in 1/90000 s, and how many sound packets came."""

    codecs: tuple[str, ...]
    numbers: list[int | None]
    stamps: list[int]
    sounds: int


def watch(address: str, frames: int, transport: str = "tcp") -> Seen:
    """Look on until `frames` pictures were seen."""
    numbers: list[int | None] = []
    stamps: list[int] = []
    sounds = 0
    with connect(address, transport) as container:
        codecs = tuple(stream.codec_context.name for stream in container.streams)
        for packet in container.demux():
            sounds += packet.stream.type == "audio"
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame) and frame.pts is not None and frame.time_base is not None:
                    numbers.append(frame_number(np.asarray(frame.to_ndarray(format="gray8"), np.uint8)))
                    stamps.append(round(frame.pts * frame.time_base * 90_000))
            if len(numbers) >= frames:
                break
    return Seen(codecs, numbers, stamps, sounds)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize(
    ("name", "stream", "codecs"),
    [
        ("front", "main", ("h264", "aac")),
        ("front", "sub", ("hevc", "aac")),
        ("old", "main", ("mjpeg", "pcm_mulaw")),
    ],
)
def test_every_picture_comes_once_and_in_time_over_the_seam(
    farm: CameraFarm, name: str, stream: str, codecs: tuple[str, ...], transport: str
) -> None:
    found, numbers, stamps, sounds = watch(farm.address(name, stream), 30, transport)
    assert found == codecs
    assert None not in numbers
    assert all((b - a) % FRAMES == 1 for a, b in pairwise(numbers) if a is not None and b is not None)
    assert {b - a for a, b in pairwise(stamps)} == {3600}
    assert sounds > 8


def test_what_was_sent_is_what_was_seen(farm: CameraFarm) -> None:
    began_ns = time.time_ns()
    _, numbers, _, _ = watch(farm.address("front"), 30)
    viewing = farm.sent("front").viewings[-1]
    first = viewing.picture.tolist().index(numbers[0])
    assert viewing.picture[first : first + 30].tolist() == numbers
    assert {b - a for a, b in pairwise(viewing.number.tolist())} == {1}
    late_s = (viewing.sent_utc_ns - viewing.captured_utc_ns) / 1e9
    assert (late_s >= -1e-4).all()
    assert late_s.max() < 0.5
    assert began_ns < viewing.captured_utc_ns[0] < time.time_ns()


def test_a_wrong_or_missing_login_is_refused(farm: CameraFarm) -> None:
    for login in (False, "guard:guess", "thief:p@ss:w/rd"):
        with pytest.raises(av.error.HTTPUnauthorizedError):
            connect(farm.address("front", login=login))


def test_there_is_nothing_at_other_addresses(farm: CameraFarm) -> None:
    for address in (farm.address("front", "third"), farm.address("front").replace("/front/", "/back/")):
        with pytest.raises(av.error.HTTPNotFoundError):
            connect(address)
