"""Cameras over HTTP and RTMP, against servers on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from http_camera import HttpCamera
from vedette.clock import SystemClock
from vedette.model.errors import SourceError, SourceLost, UsageError
from vedette.model.media import Packet
from vedette.plugins import source_for
from vedette.video.sources.live import LiveStream
from vedette.video.sources.net import SPEC, NetOptions
from video_clips import H264, make_clip, number_in


@pytest.fixture(scope="module")
def transport_stream(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("net") / "a.ts"
    return make_clip(path, H264, frames=100, codec_options={"tune": "zerolatency"}).read_bytes()


@pytest.fixture(scope="module")
def motion_jpeg(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = make_clip(tmp_path_factory.mktemp("net") / "a.avi", "mjpeg", frames=60, pixels="yuvj420p")
    with av.open(str(path)) as container:
        pictures = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    parts = [
        b"--shot\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(one), one) for one in pictures
    ]
    return b"".join(parts)


MULTIPART = {"Content-Type": "multipart/x-mixed-replace; boundary=shot"}


def opened(address: str, options: NetOptions | None = None) -> LiveStream:
    stream = SPEC.build(options or NetOptions(), address, SystemClock()).open()
    assert isinstance(stream, LiveStream)
    return stream


def refusal(address: str, options: NetOptions | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        opened(address, options)
    message = str(caught.value)
    assert "\n" not in message
    assert "guard" not in message
    assert "secret" not in message
    return message


def until_lost(stream: LiveStream) -> tuple[list[Packet], str]:
    packets: list[Packet] = []
    with pytest.raises(SourceLost) as caught:
        packets.extend(stream.packets())
    stream.close()
    return packets, str(caught.value)


class TestReading:
    def test_transport_stream(self, transport_stream: bytes) -> None:
        with HttpCamera(transport_stream, ends=True, rate=200_000) as camera:
            packets, lost = until_lost(opened(camera.url()))
        assert len(packets) == 100
        assert packets[0].key
        assert packets[0].codec.extradata.startswith(b"\x00\x00\x00\x01\x67")
        assert packets[-1].at.stream_s == pytest.approx(99 / 25)
        assert "the camera ended it" in lost

    def test_motion_jpeg(self, motion_jpeg: bytes) -> None:
        with HttpCamera(motion_jpeg, headers=MULTIPART, ends=True, rate=100_000) as camera:
            stream = opened(camera.url())
            numbers: list[int] = []
            with pytest.raises(SourceLost):
                numbers.extend(number_in(frame.image) for frame in stream.frames())
            stream.close()
        assert numbers == list(range(60))

    def test_silence_is_a_loss(self, transport_stream: bytes) -> None:
        with HttpCamera(transport_stream) as camera:
            packets, lost = until_lost(opened(camera.url(), NetOptions(stall_s=0.5)))
        assert len(packets) >= 95
        assert "no picture came for 0.5 s" in lost

    def test_trickle_is_silence(self, transport_stream: bytes) -> None:
        half = len(transport_stream) // 2
        with HttpCamera(transport_stream[:half]) as camera:
            stream = opened(camera.url(), NetOptions(stall_s=0.5))
            camera._body = b"x" * 1000
            camera._rate = 500
            assert "no picture came" in until_lost(stream)[1]

    def test_close_wakes_a_reader_at_once(self, transport_stream: bytes) -> None:
        with HttpCamera(transport_stream, rate=100_000) as camera:
            stream = opened(camera.url())
            closer = threading.Timer(1.5, stream.close)
            closer.start()
            began = time.monotonic()
            assert list(stream.packets())
            assert time.monotonic() - began < 2.5
            closer.join()

    def test_digest_login(self, transport_stream: bytes) -> None:
        with HttpCamera(transport_stream, login="guard:secret") as camera:
            opened(camera.url(login="guard:secret")).close()
            assert "refuses the login" in refusal(camera.url(login="guard:wrong-secret"))
            assert "asks for a login" in refusal(camera.url())

    def test_is_found_by_its_scheme(self, transport_stream: bytes) -> None:
        with HttpCamera(transport_stream) as camera:
            stream = source_for(camera.url()).open()
            assert (stream.info.width, stream.info.live) == (128, True)
            stream.close()


class TestRefusals:
    def test_password_is_not_sent_in_clear(self, transport_stream: bytes) -> None:
        with HttpCamera(transport_stream, login="guard:secret", basic=True) as camera:
            assert "wants the password in clear" in refusal(camera.url(login="guard:secret"))
            assert not any("Basic" in request for request in camera.requests)
            opened(camera.url(login="guard:secret"), NetOptions(allow_basic=True)).close()
            assert any("Basic" in request for request in camera.requests)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_redirect_is_not_followed(self, status: int) -> None:
        with HttpCamera(b"") as other:
            location = {"Location": f"http://guard:secret@127.0.0.1:{other.port}/x"}
            with HttpCamera(b"", status=status, headers=location) as camera:
                assert f"sends us on to http://***@127.0.0.1:{other.port}/x" in refusal(camera.url())
            assert other.requests == []

    @pytest.mark.parametrize(
        ("status", "words"), [(403, "does not allow"), (404, "no such stream"), (500, "a fault of its own")]
    )
    def test_errors(self, status: int, words: str) -> None:
        with HttpCamera(b"", status=status) as camera:
            assert words in refusal(camera.url())

    @pytest.mark.parametrize("kind", ["application/vnd.apple.mpegurl", "application/x-mpegURL", "application/dash+xml"])
    def test_playlist(self, kind: str) -> None:
        with HttpCamera(b"#EXTM3U\n", headers={"Content-Type": kind}) as camera:
            assert "is a playlist" in refusal(camera.url())

    def test_playlist_in_disguise_reads_no_file(self, tmp_path: Path) -> None:
        target = make_clip(tmp_path / "a.ts", "mpeg2video")
        body = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{target}\n#EXT-X-ENDLIST\n".encode()
        with HttpCamera(body, ends=True) as camera:
            assert "not with a stream that makes sense" in refusal(camera.url())

    @pytest.mark.parametrize("body", [b"<html>" * 1000, bytes(range(256)) * 200, b""])
    def test_something_else(self, body: bytes) -> None:
        with HttpCamera(body, ends=True) as camera:
            refusal(camera.url())

    def test_header_without_end(self) -> None:
        with HttpCamera(b"", headers={f"X-{number}": "x" * 1000 for number in range(500)}) as camera:
            assert "not with HTTP that makes sense" in refusal(camera.url())

    @pytest.mark.parametrize("scheme", ["http", "https", "rtmp"])
    def test_server_that_never_answers(self, scheme: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = f"{scheme}://127.0.0.1:{server.getsockname()[1]}/live"
            began = time.monotonic()
            assert "did not answer within 0.5 s" in refusal(address, NetOptions(connect_s=0.5))
            assert time.monotonic() - began < 3.0

    def test_pictures_that_never_come(self, transport_stream: bytes) -> None:
        with HttpCamera(transport_stream[:300]) as camera:
            assert "did not answer within 0.5 s" in refusal(camera.url(), NetOptions(connect_s=0.5))

    @pytest.mark.parametrize("scheme", ["http", "https", "rtmp", "rtmps"])
    def test_nobody_listens(self, scheme: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        assert "refuses the connection" in refusal(f"{scheme}://guard:secret@127.0.0.1:{port}/live")

    @pytest.mark.parametrize("scheme", ["rtmp", "http", "https"])
    def test_server_of_another_kind(self, scheme: str, garbage: int) -> None:
        refusal(f"{scheme}://guard:secret@127.0.0.1:{garbage}/live", NetOptions(connect_s=2.0))

    def test_protocol_that_this_ffmpeg_lacks_is_named(self) -> None:
        message = refusal("srt://127.0.0.1:1?passphrase=secret", NetOptions(connect_s=0.3))
        assert "needs SRT, which this FFmpeg was built without" in message or "did not answer" in message

    @pytest.mark.parametrize("address", ["ftp://127.0.0.1/a", "http://", "rtsp://127.0.0.1/a", "http:///etc/passwd"])
    def test_other_addresses(self, address: str) -> None:
        with pytest.raises(UsageError):
            SPEC.build(NetOptions(), address, SystemClock())


@pytest.fixture
def garbage() -> Iterator[int]:
    """The port of a server that answers everybody with nonsense."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.recv(1000)
                client.sendall(bytes(range(256)) * 20)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5.0)
