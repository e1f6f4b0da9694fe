"""The virtual cameras against FFmpeg's own client, and against a client that says wrong things."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import psutil
import pytest
from av.container import InputContainer

from rtsp_client import RtspClient
from vedette.model.errors import OperationError
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


@pytest.fixture(scope="module")
def odd(clips: Path, main: Path) -> Iterator[CameraFarm]:
    reordered = make_clip(clips, seconds=1, size=(320, 192), gop_s=0.4, bitrate=300_000, b_frames=2)
    big = make_clip(clips, seconds=0.4, size=(1280, 720), gop_s=0.4, bitrate=40_000_000)
    cameras = {
        "reordered": CameraSpec(reordered),
        "once": CameraSpec(main, loop=False, start_frame=10),
        "patient": CameraSpec(main, join="keyframe", aggregate=True),
        "big": CameraSpec(big),
    }
    with CameraFarm(cameras) as running:
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


def test_basic_login(main: Path) -> None:
    with CameraFarm({"front": CameraSpec(main)}, login=LOGIN, authentication="basic") as running:
        with connect(running.address("front")) as container:
            assert container.streams.video[0].codec_context.name == "h264"
        with pytest.raises(av.error.HTTPUnauthorizedError):
            connect(running.address("front", login="guard:guess"))


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_pictures_that_are_sent_out_of_order_are_seen_in_order(odd: CameraFarm, transport: str) -> None:
    _, numbers, stamps, _ = watch(odd.address("reordered"), 40, transport)
    assert all((b - a) % FRAMES == 1 for a, b in pairwise(numbers) if a is not None and b is not None)
    assert {b - a for a, b in pairwise(stamps)} == {3600}


def test_a_clip_that_is_shown_once_ends_for_each_viewer(odd: CameraFarm) -> None:
    for _ in range(2):
        with RtspClient(odd.address("once")) as client:
            client.play()
            assert sum(packet.marker for packet in client.rtp()) == FRAMES - 10
            assert odd.sent("once").viewings[-1].picture.tolist() == list(range(10, FRAMES))
    assert [viewing.ended for viewing in odd.sent("once").viewings] == [True, True]


def test_a_patient_camera_begins_with_a_keyframe(odd: CameraFarm) -> None:
    with RtspClient(odd.address("patient")) as client:
        client.play()
        assert next(client.rtp()).payload[0] & 31 == 24, "parameter sets together"
    assert odd.sent("patient").viewings[-1].picture[0] % 10 == 0


def test_a_client_that_does_not_read_loses_frames_up_to_a_keyframe(odd: CameraFarm) -> None:
    with RtspClient(odd.address("big")) as client:
        client.play()
        deadline = time.monotonic() + 20.0
        while not odd.sent("big").viewings[-1].dropped and time.monotonic() < deadline:
            time.sleep(0.2)
        viewing = odd.sent("big").viewings[-1]
        assert viewing.dropped > 0
        assert psutil.Process(odd.pid).memory_info().rss < 400e6
        began = time.monotonic()
        for _ in client.packets():
            if time.monotonic() - began > 1.0:
                break
    after = odd.sent("big").viewings[-1]
    gaps = [i + 1 for i, (a, b) in enumerate(pairwise(after.number.tolist())) if b != a + 1]
    assert gaps
    assert (after.picture[gaps] == 0).all()


def test_viewers_come_and_go(odd: CameraFarm) -> None:
    for index in range(30):
        client = RtspClient(odd.address("patient"))
        client.play()
        if index % 2:
            assert client.ask("TEARDOWN").status == 200
        client.__exit__(None, None, None)
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline and not all(v.ended for v in odd.sent("patient").viewings):
        time.sleep(0.05)
    assert all(viewing.ended for viewing in odd.sent("patient").viewings)
    assert len(psutil.Process(odd.pid).net_connections("tcp")) < 20


def test_the_process_ends_with_whoever_started_it(main: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from vedette.simulator.cameras import CameraFarm, CameraSpec\n"
        f"farm = CameraFarm({{'a': CameraSpec(Path({str(main)!r}))}})\n"
        "print(farm.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        cameras = psutil.Process(int(owner.stdout.readline()))
        assert cameras.is_running()
        owner.kill()
    cameras.wait(5.0)


def test_a_clip_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(OperationError, match="cannot be read"):
        CameraFarm({"front": CameraSpec(tmp_path / "none.mp4")})


def test_a_farm_that_is_closed_says_so(main: Path) -> None:
    with CameraFarm({"front": CameraSpec(main)}) as running:
        pid = running.pid
    running.close()
    assert not psutil.pid_exists(pid)
    with pytest.raises(OperationError, match="switched off"):
        running.sent("front")


def test_for_hand_use_it_prints_the_addresses(main: Path) -> None:
    command = [sys.executable, "-m", "vedette.simulator.cameras", str(main), "--cameras", "2", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        addresses = [running.stdout.readline().strip() for _ in range(2)]
        for address in addresses:
            with RtspClient(address) as client:
                client.play()
        running.send_signal(signal.SIGINT)
        assert running.wait(10.0) == 0
