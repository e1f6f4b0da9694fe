"""Every fault of the virtual cameras, as the bytes that a client sees."""

from __future__ import annotations

import itertools
import select
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from rtsp_client import RtspClient, read_rtp
from vedette.model.errors import OperationError
from vedette.simulator.cameras import CameraFarm, CameraSpec, make_clip
from vedette.simulator.cameras.faults import (
    BackwardStamps,
    Burst,
    EndlessHeader,
    Fault,
    GarbageAnswers,
    GarbagePackets,
    HalfOpen,
    HangUp,
    JumpStamps,
    Loss,
    NoKeyframes,
    Redirect,
    Refuse,
    Silent,
    Slow,
    SlowClock,
    StallStamps,
    Status,
    SwitchClip,
    WrapSoon,
    WrongNtp,
)

FPS = 25
TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"
UDP = "RTP/AVP;unicast;client_port=40000-40001"


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def running(clips: Path) -> Iterator[CameraFarm]:
    clip = make_clip(clips, seconds=2, fps=FPS, size=(320, 192), gop_s=0.4, bitrate=300_000)
    cameras = {"front": CameraSpec(clip), "back": CameraSpec(clip, clock_offset_s=-90.0)}
    with CameraFarm(cameras) as farm:
        yield farm


@pytest.fixture
def farm(running: CameraFarm) -> Iterator[CameraFarm]:
    yield running
    running.clear("front")


def steps(stamps: list[float]) -> list[float]:
    return [b - a for a, b in pairwise(stamps)]


class TestConnections:
    def test_refused_and_back_at_the_same_port(self, farm: CameraFarm) -> None:
        with RtspClient(farm.address("front")) as watching:
            watching.play()
            farm.fault("front", Refuse())
            with pytest.raises(ConnectionResetError):
                list(watching.packets())
        with pytest.raises(ConnectionRefusedError):
            RtspClient(farm.address("front"))
        with RtspClient(farm.address("back")) as other:
            assert other.ask("OPTIONS").status == 200
        farm.clear("front")
        with RtspClient(farm.address("front")) as again:
            assert again.ask("OPTIONS").status == 200

    def test_silent_for_new_clients_and_for_those_who_watch(self, farm: CameraFarm) -> None:
        with RtspClient(farm.address("front"), 0.5) as watching:
            watching.play()
            farm.fault("front", Silent())
            with pytest.raises(TimeoutError):
                list(watching.packets())
            with RtspClient(farm.address("front"), 0.5) as new, pytest.raises(TimeoutError):
                new.ask("OPTIONS")
            farm.clear("front")
            assert next(watching.packets())[1]

    def test_half_open_plays_for_a_while_and_still_answers(self, farm: CameraFarm) -> None:
        farm.fault("front", HalfOpen(after_s=0.4))
        with RtspClient(farm.address("front"), 1.0) as client:
            client.play()
            began, frames = time.monotonic(), 0
            with suppress(TimeoutError):
                for packet in client.rtp():
                    frames += packet.marker
                    last = time.monotonic()
            assert 0.3 < last - began < 0.8
            assert 8 <= frames <= 12
            assert client.ask("GET_PARAMETER").status == 200

    @pytest.mark.parametrize("reset", [False, True])
    def test_hangs_up_after_a_while(self, farm: CameraFarm, *, reset: bool) -> None:
        farm.fault("front", HangUp(after_s=0.3, reset=reset))
        with RtspClient(farm.address("front")) as client:
            client.play()
            began = time.monotonic()
            if reset:
                with pytest.raises(ConnectionResetError):
                    list(client.packets())
            else:
                list(client.packets())
            assert 0.2 < time.monotonic() - began < 1.0

    def test_a_fault_reaches_who_watches_already(self, farm: CameraFarm) -> None:
        with RtspClient(farm.address("front")) as client:
            client.play()
            next(client.packets())
            farm.fault("front", HangUp())
            list(client.packets())


def test_a_client_that_is_not_heard_of_is_dropped(clips: Path) -> None:
    clip = make_clip(clips, seconds=2, fps=FPS, size=(320, 192), gop_s=0.4, bitrate=300_000)
    with (
        CameraFarm({"front": CameraSpec(clip)}, session_s=1.5) as farm,
        RtspClient(farm.address("front"), 10.0) as quiet,
        RtspClient(farm.address("front"), 10.0) as lively,
    ):
        quiet.play()
        lively.play()
        began = time.monotonic()
        for _ in quiet.packets():
            if time.monotonic() - began > 0.8:
                assert lively.ask("GET_PARAMETER").status == 200
                break
        list(quiet.packets())
        assert 1.2 < time.monotonic() - began < 4.0
        assert lively.ask("GET_PARAMETER").status == 200


class TestAnswers:
    def test_garbage(self, farm: CameraFarm) -> None:
        farm.fault("front", GarbageAnswers())
        with RtspClient(farm.address("front")) as client:
            client.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
            assert not client.raw().startswith(b"RTSP/")

    def test_header_without_end(self, farm: CameraFarm) -> None:
        farm.fault("front", EndlessHeader())
        with RtspClient(farm.address("front")) as client:
            client.send(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n")
            got = b""
            while len(got) < 200_000:
                got += client.raw()
            assert got.startswith(b"RTSP/1.0 200")
            assert b"\r\n\r\n" not in got

    @pytest.mark.parametrize(("code", "method"), [(404, "DESCRIBE"), (503, "DESCRIBE"), (461, "SETUP"), (453, "PLAY")])
    def test_status(self, farm: CameraFarm, code: int, method: str) -> None:
        farm.fault("front", Status(code, method="PLAY" if code == 453 else None))
        with RtspClient(farm.address("front")) as client:
            for step, headers in (("OPTIONS", {}), ("DESCRIBE", {}), ("SETUP", {"Transport": TCP}), ("PLAY", {})):
                url = client.url + "/track0" if step == "SETUP" else None
                answer = client.ask(step, url, **headers)
                if step == method:
                    assert answer.status == code
                    break
                assert answer.status == 200
                client.session = answer.headers.get("session", "").partition(";")[0]
            else:
                pytest.fail("the fault never showed")

    def test_one_transport_only(self, farm: CameraFarm) -> None:
        farm.fault("front", Status(461, transport="udp"))
        with RtspClient(farm.address("front")) as client:
            assert client.ask("SETUP", client.url + "/track0", Transport=UDP).status == 461
            assert client.ask("SETUP", client.url + "/track0", Transport=TCP).status == 200

    def test_every_login_is_wrong(self, farm: CameraFarm) -> None:
        farm.fault("front", Status(401))
        with RtspClient(farm.address("front")) as client:
            answer = client.ask("DESCRIBE")
            assert answer.status == 401
            assert answer.headers["www-authenticate"].startswith("Digest realm=")

    def test_redirect(self, farm: CameraFarm) -> None:
        farm.fault("front", Redirect("rtsp://192.0.2.7/front/main"))
        with RtspClient(farm.address("front")) as client:
            answer = client.ask("DESCRIBE")
            assert (answer.status, answer.headers["location"]) == (302, "rtsp://192.0.2.7/front/main")


class TestStamps:
    @pytest.mark.parametrize("seconds", [100.0, -5.0])
    def test_jump(self, farm: CameraFarm, seconds: float) -> None:
        with RtspClient(farm.address("front")) as client:
            client.play()
            before = client.stamps(0.3)
            farm.fault("front", JumpStamps(seconds))
            found = steps(before + client.stamps(0.5))
            odd = [step for step in found if abs(step - 1 / FPS) > 1e-3]
            assert odd == [pytest.approx(seconds + 1 / FPS, abs=1e-3)]

    def test_stall_then_catches_up(self, farm: CameraFarm) -> None:
        with RtspClient(farm.address("front")) as client:
            client.play()
            farm.fault("front", StallStamps())
            stalled = client.stamps(0.5)[2:]
            assert set(steps(stalled)) == {0.0}
            farm.clear("front")
            after = client.stamps(0.3)
            assert 0.3 < after[-1] - stalled[-1] < 1.5

    def test_backwards(self, farm: CameraFarm) -> None:
        with RtspClient(farm.address("front")) as client:
            client.play()
            farm.fault("front", BackwardStamps())
            assert statistics.median(steps(client.stamps(0.5))) == pytest.approx(-1 / FPS, abs=1e-3)

    def test_wraps(self, farm: CameraFarm) -> None:
        farm.fault("front", WrapSoon(0.4))
        with RtspClient(farm.address("front")) as client:
            client.play()
            packets = list(itertools.islice(client.rtp(), 110))
        assert [step for step in steps([p.stamp for p in packets]) if step < 0] == [3600 - 2**32]
        sequence = [p.sequence for p in packets]
        assert {(b - a) % 65_536 for a, b in pairwise(sequence)} == {1}
        assert sequence[0] > 65_400
        assert sequence[-1] < 1_000

    def test_slow_clock(self, farm: CameraFarm) -> None:
        farm.fault("front", SlowClock(ppm=100_000))
        with RtspClient(farm.address("front")) as client:
            client.play()
            assert statistics.median(steps(client.stamps(0.5))) == pytest.approx(0.9 / FPS, abs=1e-3)
            farm.clear("front")
            found = steps(client.stamps(0.5))
            assert statistics.median(found) == pytest.approx(1 / FPS, abs=1e-3)
            assert max(found) < 1.5 / FPS, "what was lost stays lost"

    @pytest.mark.parametrize(("name", "off_s"), [("front", 0.0), ("back", -90.0)])
    def test_reports_tell_the_capture_time_of_the_stamps(self, farm: CameraFarm, name: str, off_s: float) -> None:
        with RtspClient(farm.address(name)) as client:
            client.play()
            first = next(client.rtp())
            report = client.reports[0]
        told_s = report.utc_s + ((first.stamp - report.stamp + 2**31) % 2**32 - 2**31) / 90_000
        captured_s = farm.sent(name).viewings[-1].captured_utc_ns[0] / 1e9
        assert told_s - off_s == pytest.approx(captured_s, abs=0.002)

    def test_wrong_ntp(self, farm: CameraFarm) -> None:
        farm.fault("front", WrongNtp(hours=-3))
        with RtspClient(farm.address("front")) as client:
            client.play()
            next(client.rtp())
            assert client.reports[0].utc_s - time.time() == pytest.approx(-3 * 3600, abs=5)


class TestPackets:
    def test_loss(self, farm: CameraFarm) -> None:
        farm.fault("front", Loss(percent=30))
        with RtspClient(farm.address("front")) as client:
            client.play()
            sequence = [p.sequence for p in itertools.islice(client.rtp(), 60)]
        span = (sequence[-1] - sequence[0]) % 65_536 + 1
        assert 0.15 < 1 - 60 / span < 0.45

    def test_garbage_packets_with_and_without_their_headers(self, farm: CameraFarm) -> None:
        farm.fault("front", GarbagePackets(headers=True))
        with RtspClient(farm.address("front")) as client:
            client.play()
            spoilt = {p.payload[:4] for p in itertools.islice(client.rtp(), 20)}
            assert len(spoilt) == 20
            farm.fault("front", GarbagePackets())
            heads = {packet[:2] for channel, packet in itertools.islice(client.packets(), 40) if channel == 0}
            assert len(heads) > 10

    def test_no_keyframes(self, farm: CameraFarm) -> None:
        farm.fault("front", NoKeyframes())
        with RtspClient(farm.address("front")) as client:
            client.play()
            kinds = {p.payload[0] & 31 for p in itertools.islice(client.rtp(), 60)}
        assert not kinds & {5, 7}
        assert len(farm.sent("front").viewings[-1].number) > 20

    def test_another_clip_and_back(self, farm: CameraFarm, clips: Path) -> None:
        other = make_clip(clips, seconds=1, fps=10, size=(160, 96), gop_s=1, bitrate=100_000, codec="hevc")
        with RtspClient(farm.address("front")) as client:
            client.play()
            client.stamps(0.2)
            farm.fault("front", SwitchClip(other))
            found = client.stamps(1.0)
            assert statistics.median(steps(found[3:])) == pytest.approx(0.1, abs=1e-3)
            with RtspClient(farm.address("front")) as new:
                assert "H265/90000" in new.ask("DESCRIBE").body
            farm.clear("front")
            found += client.stamps(0.5)
            assert all(0 < step < 0.25 for step in steps(found))
        number = farm.sent("front").viewings[-1].number.tolist()
        assert {b - a for a, b in pairwise(number)} == {1}

    def test_a_clip_that_is_not_there_changes_nothing(self, farm: CameraFarm) -> None:
        with pytest.raises(OperationError, match="cannot be read"):
            farm.fault("front", SwitchClip(Path("no-such-clip.mp4")))
        with pytest.raises(OperationError, match="no such thing"):
            farm.fault("nobody", Silent())
        with RtspClient(farm.address("front")) as client:
            client.play()
            next(client.rtp())

    def test_burst(self, farm: CameraFarm) -> None:
        farm.fault("front", Burst(hold_s=0.5))
        with RtspClient(farm.address("front")) as client:
            client.play()
            arrived = []
            for packet in client.rtp():
                arrived.append((time.monotonic(), packet.marker))
                if len(arrived) > 1 and sum(marker for _, marker in arrived) > 30:
                    break
        gaps = [b - a for (a, _), (b, _) in pairwise(arrived)]
        assert sum(gap > 0.4 for gap in gaps) >= 1
        assert sum(gap > 0.02 for gap in gaps) <= 4

    def test_slow_line_drops_frames_up_to_a_keyframe(self, farm: CameraFarm) -> None:
        farm.fault("front", Slow(bytes_per_s=4_000))
        with RtspClient(farm.address("front")) as client:
            client.play()
            began, got, after = time.monotonic(), 0, list[int]()
            for _, packet in client.packets():
                got += len(packet) + 4
                viewing = farm.sent("front").viewings[-1]
                after = [i + 1 for i, (a, b) in enumerate(pairwise(viewing.number.tolist())) if b != a + 1]
                if after or time.monotonic() - began > 15.0:
                    break
            # A keyframe may be on the line as a whole before it is narrow.
            assert got < 4_000 * (time.monotonic() - began + 3.0)
        assert after
        assert viewing.dropped > 0
        assert (viewing.picture[after] % 10 == 0).all(), "a keyframe comes first after what was left out"


class TestUdp:
    def test_packets_go_to_the_ports_asked_for_and_reports_beside_them(self, farm: CameraFarm) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media, RtspClient(farm.address("front")) as client:
            media.bind(("127.0.0.1", 0))
            port = media.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
                control.bind(("127.0.0.1", 0))
                pair = f"{port}-{control.getsockname()[1]}"
                url = client.url + "/track0"
                agreed = client.ask("SETUP", url, Transport=f"RTP/AVP;unicast;client_port={pair}")
                assert "server_port=" in agreed.headers["transport"]
                client.session = agreed.headers["session"].partition(";")[0]
                assert client.ask("PLAY").status == 200
                for opened in (media, control):
                    opened.settimeout(3.0)
                sequence = [read_rtp(media.recv(2000)).sequence for _ in range(30)]
                assert {(b - a) % 65_536 for a, b in pairwise(sequence)} == {1}
                assert control.recv(2000)[1] == 200
                assert client.ask("PAUSE").status == 200
                while select.select([media], [], [], 0.2)[0]:
                    media.recv(2000)
                assert client.ask("PLAY").status == 200
                assert media.recv(2000)
                assert client.ask("TEARDOWN").status == 200
                assert client.ask("PLAY").status == 454


class TestWrongRequests:
    @pytest.mark.parametrize(
        "said",
        [
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x00\xff\r\n\r\n",
            b"DESCRIBE\r\n\r\n",
            b"x" * 200_000,
            b"\r\n\r\n",
            b"SETUP rtsp://[ RTSP/1.0\r\n\r\n",
        ],
    )
    def test_what_is_no_rtsp_ends_the_connection(self, farm: CameraFarm, said: bytes) -> None:
        with RtspClient(farm.address("front")) as client:
            client.send(said)
            got = b""
            # What was not read yet when it closed makes the system reset the connection, perhaps before the answer.
            with suppress(ConnectionResetError):
                while more := client.raw():
                    got += more
        assert got.startswith(b"RTSP/1.0 400") or (not got and len(said) > 100_000)

    def test_requests_out_of_turn(self, farm: CameraFarm) -> None:
        with RtspClient(farm.address("front")) as client:
            assert client.ask("PLAY").status == 454
            assert client.ask("RECORD").status == 501
            assert client.ask("SETUP", client.url + "/track0", Transport="RTP/AVP;multicast").status == 461
            assert client.ask("SETUP", client.url + "/track7", Transport=TCP).status == 459
            client.play()
            assert client.ask("PLAY", Session="wrong").status == 454
            assert client.ask("SETUP", client.url + "/track0", Transport=TCP).status == 455


ALL: tuple[Fault, ...] = (Refuse(), Silent(), HalfOpen(), GarbageAnswers(), JumpStamps(-3), Loss(50), Burst(0.2))


def test_after_everything_a_camera_is_as_good_as_new(farm: CameraFarm) -> None:
    for fault in ALL:
        farm.fault("front", fault)
    farm.clear("front")
    with RtspClient(farm.address("front")) as client:
        client.play()
        assert all(step == pytest.approx(1 / FPS, abs=1e-3) for step in steps(client.stamps(0.4)))
