"""RTSP against a real server on loopback: logins, faults, silence and loss."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtsp_camera import MISSING, RtspCamera, available
from vedette.clock import SystemClock
from vedette.model.errors import SourceError, SourceLost
from vedette.model.media import Frame
from vedette.video.sources.live import LiveStream
from vedette.video.sources.rtsp import RtspOptions, RtspSource
from video_clips import H264, make_clip, number_in

LOGIN = "guard", "p@ss:w/rd"
ENCODED = "guard:p%40ss%3Aw%2Frd"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not available():
        pytest.skip(MISSING)
    path = tmp_path_factory.mktemp("camera") / "a.mp4"
    return make_clip(path, H264, frames=100, codec_options={"tune": "zerolatency"})


@pytest.fixture(scope="module")
def camera(clip: Path) -> Iterator[RtspCamera]:
    with RtspCamera(clip, login=":".join(LOGIN)) as running:
        yield running


def opened(address: str, options: RtspOptions | None = None) -> LiveStream:
    return RtspSource(address, options or RtspOptions(), SystemClock()).open()


def refusal(address: str, options: RtspOptions | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        opened(address, options)
    message = str(caught.value)
    assert "\n" not in message
    assert "guard" not in message
    assert "w/rd" not in message
    assert "w%2Frd" not in message
    assert caught.value.__cause__ is None
    return message


class TestRefusals:
    def test_no_login(self, camera: RtspCamera) -> None:
        assert "asks for a login" in refusal(camera.url())

    @pytest.mark.parametrize("transport", ["tcp", "udp"])
    def test_wrong_password(self, camera: RtspCamera, transport: str) -> None:
        options = RtspOptions(transport=transport)  # type: ignore[arg-type]
        message = refusal(camera.url(login="guard:w%2Frd"), options)
        assert message.startswith(f"rtsp://***@127.0.0.1:{camera.port}/live refuses the login")

    def test_wrong_path(self, camera: RtspCamera) -> None:
        assert "has no such stream" in refusal(camera.url("/none", ENCODED))

    def test_sound_only(self, camera: RtspCamera) -> None:
        assert "has no video stream" in refusal(camera.url("/sound", ENCODED))

    def test_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        assert "refuses the connection" in refusal(f"rtsp://{ENCODED}@127.0.0.1:{port}/live")

    def test_unknown_host(self) -> None:
        assert "cannot be found" in refusal(f"rtsp://{ENCODED}@no-such-camera.invalid/live")

    def test_encryption_that_is_not_offered(self, camera: RtspCamera) -> None:
        assert "cannot be read" in refusal(camera.url(login=ENCODED).replace("rtsp:", "rtsps:"))

    def test_server_that_never_answers(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"rtsp://{ENCODED}@127.0.0.1:{server.getsockname()[1]}/live"
            began = time.monotonic()
            assert "did not answer within 0.5 s" in refusal(address, RtspOptions(connect_s=0.5))
            assert time.monotonic() - began < 3.0

    @pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\n\r\n<html>", b"\x00\xff" * 500, b""])
    def test_server_of_another_kind(self, answer: bytes) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                client, _ = server.accept()
                with client:
                    client.recv(1000)
                    client.sendall(answer)

            thread = threading.Thread(target=serve)
            thread.start()
            refusal(f"rtsp://127.0.0.1:{server.getsockname()[1]}/live", RtspOptions(connect_s=1.0))
            thread.join()


class TestReading:
    @pytest.mark.parametrize("transport", ["tcp", "udp"])
    def test_times_follow_the_camera_and_the_wall_clock(self, camera: RtspCamera, transport: str) -> None:
        options = RtspOptions(transport=transport)  # type: ignore[arg-type]
        stream = opened(camera.url(login=ENCODED), options)
        frames = []
        for frame in itertools.islice(stream.frames(), 60):
            late_s = time.time() - frame.at.utc_ns / 1e9
            frames.append(frame)
        stream.close()
        assert stream.damaged == 0
        assert frames[-1].at.stream_s == pytest.approx(59 / 25, abs=0.05)
        assert [number_in(b.image) - number_in(a.image) for a, b in itertools.pairwise(frames)].count(1) >= 58
        assert -0.01 < late_s < 1.0

    def test_close_ends_a_reader_that_waits(self, clip: Path) -> None:
        with RtspCamera(clip, freeze=50) as frozen:
            stream = opened(frozen.url())
            began = time.monotonic()
            closer = threading.Timer(3.0, stream.close)
            closer.start()
            count = sum(1 for _ in stream.frames())
            assert time.monotonic() - began < 5.0, "long before the ten seconds of the stall"
            closer.join()
            assert 40 <= count <= 50

    def test_silent_camera_is_lost(self, clip: Path) -> None:
        with RtspCamera(clip, freeze=50) as frozen:
            stream = opened(frozen.url(), RtspOptions(stall_s=1.0))
            with pytest.raises(SourceLost, match="broke off: no picture came for 1 s"):
                list(stream.packets())
            stream.close()

    def test_unplugged_camera_is_lost_and_what_came_is_kept(self, clip: Path) -> None:
        seen: list[Frame] = []
        with RtspCamera(clip, login=":".join(LOGIN)) as unplugged:
            stream = opened(unplugged.url(login=ENCODED))
            frames = stream.frames()
            seen.extend(itertools.islice(frames, 40))
            unplugged.kill()
            with pytest.raises(SourceLost, match=r"rtsp://\*\*\*@127.0.0.1:\d+/live broke off"):
                seen.extend(frames)
            stream.close()
        assert len(seen) >= 40
        assert [frame.index for frame in seen] == list(range(len(seen)))

    def test_stream_that_ends(self, clip: Path) -> None:
        with RtspCamera(clip, loop=False) as short:
            stream = opened(short.url())
            seen: list[int] = []
            with pytest.raises(SourceLost):
                seen.extend(number_in(frame.image) for frame in stream.frames())
            stream.close()
            assert seen[-1] == 99


@pytest.mark.parametrize(("key", "value"), [("connect_s", 0.0), ("stall_s", -1.0), ("stall_s", 1e9)])
def test_waits_are_checked(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=key):
        RtspOptions(**{key: value})  # type: ignore[arg-type]
