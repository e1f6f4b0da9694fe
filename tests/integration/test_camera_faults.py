"""What the recorder sees of cameras with something wrong with them: packets, their times, and why they end."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from vedette.clock import SystemClock
from vedette.model.errors import SourceDenied, SourceError, SourceLost
from vedette.model.media import Packet
from vedette.simulator.cameras import CameraFarm, CameraSpec, make_clip, make_sound
from vedette.simulator.cameras.faults import (
    BackwardStamps,
    EndlessHeader,
    Fault,
    GarbageAnswers,
    GarbagePackets,
    HalfOpen,
    HangUp,
    JumpStamps,
    NoKeyframes,
    Redirect,
    Refuse,
    Silent,
    StallStamps,
    Status,
    SwitchClip,
    WrapSoon,
    WrongNtp,
)
from vedette.simulator.cameras.spec import Viewing
from vedette.video.sources.live import LiveStream
from vedette.video.sources.rtsp import RtspOptions, RtspSource

PATIENCE = RtspOptions(connect_s=4.0, stall_s=1.0)
LOGIN = "guard:p@ss:w/rd"


@dataclass(frozen=True)
class Clips:
    plain: Path
    other_size: Path
    reordered: Path
    hevc: Path
    mjpeg: Path
    mjpeg_other_size: Path
    aac: Path
    ulaw: Path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    folder = tmp_path_factory.mktemp("faults")

    def clip(size: tuple[int, int] = (320, 240), codec: str = "h264", b_frames: int = 0) -> Path:
        return make_clip(
            folder, seconds=3, size=size, bitrate=300_000, gop_s=0.4, codec=codec, b_frames=b_frames  # type: ignore[arg-type]
        )  # fmt: skip

    return Clips(
        clip(), clip((640, 480)), clip(b_frames=2), clip(codec="hevc"), clip(codec="mjpeg"),
        clip((640, 480), "mjpeg"), make_sound(folder), make_sound(folder, codec="pcm_mulaw"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def farm(clips: Clips) -> Iterator[CameraFarm]:
    with CameraFarm(
        {
            "plain": CameraSpec(clips.plain),
            "reordered": CameraSpec(clips.reordered),
            "hevc": CameraSpec(clips.hevc),
            "mjpeg": CameraSpec(clips.mjpeg),
            "aac": CameraSpec(clips.plain, audio=clips.aac),
            "ulaw": CameraSpec(clips.plain, audio=clips.ulaw),
            "ahead": CameraSpec(clips.plain, clock_offset_s=3600.0),
        }
    ) as running:
        yield running


@pytest.fixture
def cameras(farm: CameraFarm) -> Iterator[CameraFarm]:
    yield farm
    for name in farm.names:
        farm.clear(name)


def opened(cameras: CameraFarm, name: str, options: RtspOptions = PATIENCE) -> LiveStream:
    return RtspSource(cameras.address(name), options, SystemClock()).open()


@dataclass
class Watched:
    """What came of a camera: all packets, those of pictures, why it ended, and what it says it sent."""

    packets: list[Packet]
    lost: str
    sent: Viewing

    @property
    def pictures(self) -> list[Packet]:
        return [packet for packet in self.packets if packet.codec.medium == "video"]

    @property
    def sound(self) -> list[Packet]:
        return [packet for packet in self.packets if packet.codec.medium == "audio"]

    def capture_errors_s(self) -> list[float]:
        """How much later than it was a picture is said to have been captured."""
        made = zip(self.pictures, self.sent.captured_utc_ns, strict=False)
        return [(packet.at.utc_ns - int(utc_ns)) / 1e9 for packet, utc_ns in made]

    def steps_s(self) -> list[float]:
        return [b.at.seconds_since(a.at) for a, b in itertools.pairwise(self.pictures)]


def watch(
    cameras: CameraFarm, name: str, fault: Fault | None = None, seconds: float = 1.5, options: RtspOptions = PATIENCE
) -> Watched:
    """Watch a camera for so many seconds after the first packet; the fault comes after half a second."""
    stream = opened(cameras, name, options)
    packets: list[Packet] = []
    lost = ""
    began = time.monotonic()
    pending = fault
    try:
        for packet in stream.packets():
            packets.append(packet)
            passed = time.monotonic() - began
            if pending is not None and passed > 0.5:
                cameras.fault(name, pending)
                pending = None
            if passed > seconds:
                break
    except SourceLost as error:
        lost = str(error)
    stream.close()
    check(packets)
    return Watched(packets, lost, cameras.sent(name).viewings[-1])


def check(packets: list[Packet]) -> None:
    """What holds for the packets of every run."""
    assert [packet.number for packet in packets] == list(range(len(packets)))
    assert packets[0].at.stream_ns == 0
    for medium in ("video", "audio"):
        own = [packet for packet in packets if packet.codec.medium == medium]
        assert all(a.dts_ns + 1_000_000 <= b.dts_ns for a, b in itertools.pairwise(own))
        assert all(packet.at.stream_ns >= max(0, packet.dts_ns) for packet in own)
    assert all(packet.data for packet in packets)


class TestHealthy:
    @pytest.mark.parametrize(
        ("name", "codec", "transport"),
        [
            ("plain", "h264", "tcp"),
            ("plain", "h264", "udp"),
            ("hevc", "hevc", "tcp"),
            ("mjpeg", "mjpeg", "udp"),
            ("reordered", "h264", "tcp"),
        ],
    )
    def test_packets_carry_what_a_decoder_needs_and_when_they_were_captured(
        self, cameras: CameraFarm, name: str, codec: str, transport: str
    ) -> None:
        options = RtspOptions(transport=transport)  # type: ignore[arg-type]
        seen = watch(cameras, name, seconds=1.0, options=options)
        made = seen.pictures[0].codec
        assert (made.name, made.width, made.height) == (codec, 320, 240)
        assert made.extradata.startswith(b"\x00\x00\x00\x01") == (codec != "mjpeg")
        assert {id(packet.codec) for packet in seen.pictures} == {id(made)}
        assert any(packet.key for packet in seen.pictures)
        errors = seen.capture_errors_s()
        assert -0.1 < min(errors) <= max(errors) < 0.1, "also those that came in the first burst"

    @pytest.mark.parametrize(("name", "codec", "rate"), [("aac", "aac", 16000), ("ulaw", "pcm_mulaw", 8000)])
    def test_sound_is_on_the_time_of_its_pictures(self, cameras: CameraFarm, name: str, codec: str, rate: int) -> None:
        seen = watch(cameras, name, seconds=1.5, options=RtspOptions(audio=True))
        made = seen.sound[0].codec
        assert (made.name, made.rate, made.channels, len(made.extradata) > 0) == (codec, rate, 1, codec == "aac")
        assert all(packet.key for packet in seen.sound)
        assert seen.sound[-1].at.stream_s == pytest.approx(seen.pictures[-1].at.stream_s, abs=0.15)
        assert abs(seen.sound[-1].at.utc_ns - seen.pictures[-1].at.utc_ns) < 150_000_000

    def test_sound_is_off_unless_asked_for(self, cameras: CameraFarm) -> None:
        assert watch(cameras, "aac", seconds=0.5).sound == []

    def test_camera_without_sound_is_just_silent(self, cameras: CameraFarm) -> None:
        assert watch(cameras, "plain", seconds=0.5, options=RtspOptions(audio=True)).sound == []

    def test_clock_that_is_an_hour_ahead_is_not_believed(self, cameras: CameraFarm) -> None:
        errors = watch(cameras, "ahead", seconds=1.0).capture_errors_s()
        assert -0.1 < min(errors) <= max(errors) < 0.1


class TestAtTheDoor:
    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            (Refuse(), "refuses the connection"),
            (GarbageAnswers(), "not with RTSP that makes sense"),
            (EndlessHeader(), "answers without end"),
            (Redirect("rtsp://guard:secret@192.0.2.9/x"), "sends us on to rtsp://***@192.0.2.9/x: if that is right"),
            (Status(404), "has no such stream"),
            (Status(503), "answers with a fault of its own"),
            (Status(461), "does not send by tcp: set the option transport to udp"),
        ],
    )
    def test_is_told_at_once(self, cameras: CameraFarm, fault: Fault, words: str) -> None:
        cameras.fault("plain", fault)
        began = time.monotonic()
        with pytest.raises(SourceError) as caught:
            opened(cameras, "plain")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
        assert time.monotonic() - began < 2.0

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            (Silent(), "did not answer within 1 s"),
            (HalfOpen(), "sends no picture"),
            (GarbagePackets(), "sends no picture"),
        ],
    )
    def test_is_told_when_time_is_up(self, cameras: CameraFarm, fault: Fault, words: str) -> None:
        cameras.fault("plain", fault)
        began = time.monotonic()
        with pytest.raises(SourceError, match=words):
            opened(cameras, "plain", RtspOptions(connect_s=1.0))
        assert time.monotonic() - began < 3.5

    def test_digest(self, clips: Clips) -> None:
        options = RtspOptions(transport="udp")
        with CameraFarm({"a": CameraSpec(clips.plain)}, login=LOGIN) as farm:
            opened(farm, "a", options).close()
            with pytest.raises(SourceDenied, match="refuses the login"):
                RtspSource(farm.address("a", login="guard:wrong"), options, SystemClock()).open()
            with pytest.raises(SourceDenied, match="asks for a login"):
                RtspSource(farm.address("a", login=False), options, SystemClock()).open()

    def test_password_in_clear_only_when_told(self, clips: Clips) -> None:
        with CameraFarm({"a": CameraSpec(clips.plain)}, login=LOGIN, authentication="basic") as farm:
            with pytest.raises(SourceDenied, match=r"wants the password in clear \(basic\).*allow_basic"):
                opened(farm, "a")
            opened(farm, "a", RtspOptions(allow_basic=True)).close()

    def test_digest_that_ffmpeg_does_not_know(self, clips: Clips) -> None:
        with (
            CameraFarm({"a": CameraSpec(clips.plain)}, login=LOGIN, authentication="digest-sha256") as farm,
            pytest.raises(SourceError, match="another digest than MD5"),
        ):
            opened(farm, "a")


class TestBreakingOff:
    @pytest.mark.parametrize(
        ("fault", "why"),
        [
            (HalfOpen(), "no picture came for 1 s"),
            (HangUp(), "the camera ended it"),
            (HangUp(reset=True), "the camera ended it|what it sends cannot be read"),
        ],
    )
    def test_is_a_loss(self, cameras: CameraFarm, fault: Fault, why: str) -> None:
        seen = watch(cameras, "plain", fault, seconds=6.0)
        assert len(seen.pictures) > 10
        assert seen.lost.startswith(cameras.address("plain"))
        assert any(words in seen.lost for words in why.split("|"))

    def test_garbage_is_a_loss(self, cameras: CameraFarm) -> None:
        options = RtspOptions(transport="udp", stall_s=0.5)
        seen = watch(cameras, "plain", GarbagePackets(), seconds=6.0, options=options)
        assert "broke off" in seen.lost

    def test_garbage_in_between_is_survived(self, cameras: CameraFarm) -> None:
        seen = watch(cameras, "plain", GarbagePackets(share=0.3, headers=True))
        assert seen.lost == ""
        assert seen.pictures[-1].at.utc_ns / 1e9 == pytest.approx(time.time(), abs=1.0)

    def test_another_codec_is_a_loss(self, cameras: CameraFarm, clips: Clips) -> None:
        seen = watch(cameras, "plain", SwitchClip(clips.hevc), seconds=6.0)
        assert "what it sends now is no h264 any more" in seen.lost

    def test_silent_camera_is_closed_at_once(self, cameras: CameraFarm) -> None:
        stream = opened(cameras, "plain", RtspOptions(stall_s=30.0))
        packets = stream.packets()
        next(packets)
        cameras.fault("plain", Silent())
        closer = threading.Timer(1.0, stream.close)
        closer.start()
        began = time.monotonic()
        list(packets)
        closer.join()
        assert time.monotonic() - began < 2.0


class TestStamps:
    @pytest.mark.parametrize(
        ("name", "seconds"),
        [("plain", -3600.0), ("reordered", -5.0), ("aac", 5.0), ("aac", -5.0), ("reordered", 3600.0)],
    )
    def test_jump_goes_on_as_time_does(self, cameras: CameraFarm, name: str, seconds: float) -> None:
        seen = watch(cameras, name, JumpStamps(seconds), seconds=1.2, options=RtspOptions(audio=True, stall_s=1.0))
        assert seen.lost == ""
        assert -0.2 <= min(seen.steps_s()) <= max(seen.steps_s()) < 0.4
        assert seen.pictures[-1].at.stream_s == pytest.approx(len(seen.pictures) / 25, abs=0.5)
        assert abs(seen.capture_errors_s()[-1]) < 0.2
        if seen.sound:
            assert abs(seen.sound[-1].at.seconds_since(seen.pictures[-1].at)) < 0.3

    @pytest.mark.parametrize("fault", [StallStamps(), BackwardStamps()], ids=["stall", "backward"])
    def test_stamps_that_mean_nothing_are_replaced_by_arrival(self, cameras: CameraFarm, fault: Fault) -> None:
        seen = watch(cameras, "plain", fault)
        assert seen.lost == ""
        assert seen.pictures[-1].at.stream_s == pytest.approx(len(seen.pictures) / 25, abs=0.3)
        assert abs(seen.capture_errors_s()[-1]) < 0.2

    @pytest.mark.parametrize("name", ["reordered", "aac"])
    def test_counter_that_wraps_once_a_day(self, cameras: CameraFarm, name: str) -> None:
        cameras.fault(name, WrapSoon(1.5))
        seen = watch(cameras, name, seconds=1.8, options=RtspOptions(audio=True))
        assert max(abs(step) for step in seen.steps_s()) < 0.2
        assert max(abs(error) for error in seen.capture_errors_s()) < 0.2
        own = [packet.dts_ns for packet in seen.sound]
        assert all(b - a < 100_000_000 for a, b in itertools.pairwise(own))

    def test_clock_that_becomes_wrong_is_believed_no_more(self, clips: Clips) -> None:
        with CameraFarm({"a": CameraSpec(clips.plain, report_s=0.3)}) as farm:
            seen = watch(farm, "a", WrongNtp(hours=-5.0))
        assert max(abs(error) for error in seen.capture_errors_s()) < 0.2


class TestKeyframes:
    def test_size_that_changes_is_a_new_codec_from_a_keyframe_on(self, cameras: CameraFarm, clips: Clips) -> None:
        seen = watch(cameras, "plain", SwitchClip(clips.other_size))
        sizes = [(packet.codec.width, packet.codec.height) for packet in seen.pictures]
        first = sizes.index((640, 480))
        assert seen.pictures[first].key
        assert set(sizes[:first]) == {(320, 240)}
        assert len({id(packet.codec) for packet in seen.pictures}) == 2
        assert seen.pictures[first].codec.extradata != seen.pictures[0].codec.extradata

    def test_size_of_motion_jpeg(self, cameras: CameraFarm, clips: Clips) -> None:
        seen = watch(cameras, "mjpeg", SwitchClip(clips.mjpeg_other_size))
        assert [size for size, _ in itertools.groupby((p.codec.width, p.codec.height) for p in seen.pictures)] == [
            (320, 240), (640, 480),
        ]  # fmt: skip

    @pytest.mark.slow
    def test_packets_before_the_first_keyframe_come_as_they_are(self, cameras: CameraFarm) -> None:
        cameras.fault("plain", NoKeyframes())
        stream = opened(cameras, "plain", RtspOptions(connect_s=8.0))
        cameras.clear("plain")
        packets = list(itertools.islice(stream.packets(), 200))
        stream.close()
        first = next(number for number, packet in enumerate(packets) if packet.key)
        assert first > 10
        assert packets[0].codec.width == 320
        check(packets)
