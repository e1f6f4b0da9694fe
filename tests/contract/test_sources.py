"""What every source of video keeps to. A new source joins `CLIPS`, or `LIVE` when its frames come by themselves."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import pytest

from rtsp_camera import MISSING, RtspCamera, available
from vedette.clock import SystemClock
from vedette.model.errors import SourceError, SourceLost, VedetteError
from vedette.model.media import Frame
from vedette.model.ports import Source
from vedette.model.time import NS_PER_S
from vedette.video.sources import file, rtsp
from video_clips import H264, make_clip, make_sound, number_in, resize_midway

FRAMES = 50
RATE = [number / 25 for number in range(FRAMES)]
UNEVEN = list(itertools.accumulate([0, *itertools.islice(itertools.cycle([20, 40, 100, 333, 40]), FRAMES - 1)]))


@dataclass(frozen=True)
class Clip:
    """A kind of file: how to make it, and when its pictures are shown."""

    name: str
    codec: str
    make: dict[str, Any] = field(default_factory=dict)
    times_s: list[float] = field(default_factory=lambda: RATE)


CLIPS = [
    Clip("b-frames.mp4", H264, {"codec_options": {"bf": "2"}}),
    Clip("b-frames-mpeg4.mp4", "mpeg4", {"codec_options": {"bf": "2"}}),
    Clip("fragmented.mp4", H264, {"mux_options": {"movflags": "frag_keyframe+empty_moov"}}),
    Clip("edit-list-free.mov", "mpeg4", {"mux_options": {"use_editlist": "0"}}),
    Clip("pictures.avi", "mjpeg", {"pixels": "yuvj420p"}),
    Clip("no-stamps.avi", "mpeg4"),
    Clip("no-stamps.h264", H264, {"container": "h264"}),
    Clip("uneven.mkv", H264, {"stamps": UNEVEN}, [ms / 1000 for ms in UNEVEN]),
    Clip("late-start.ts", "mpeg2video", {"shift": 60_000 * 90_000}),
    Clip("wraps-around.ts", "mpeg2video", {"shift": 2**33 - 90_000 - 25 * 3600}),
    Clip("interlaced.ts", "mpeg2video", {"codec_options": {"flags": "+ildct+ilme"}}),
    Clip("web.webm", "libvpx-vp9", {"codec_options": {"deadline": "realtime", "cpu-used": "8"}}),
    Clip("h265.mp4", "libx265", {"codec_options": {"x265-params": "log-level=none"}}),
    Clip("grey.mkv", "ffv1", {"pixels": "gray"}),
    Clip("ten-bit.mkv", "ffv1", {"pixels": "yuv420p10le"}),
]
BUILDABLE = [clip for clip in CLIPS if clip.codec in av.codecs_available]


@pytest.fixture(scope="module", params=BUILDABLE, ids=lambda clip: clip.name)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, Path]:
    clip: Clip = request.param
    return clip, make_clip(tmp_path_factory.mktemp("clips") / clip.name, clip.codec, **clip.make)


def source(path: Path) -> Source:
    built: Source = file.SPEC.build(file.SPEC.options(), str(path))
    return built


def read(path: Path, start_s: float = 0.0, end_s: float | None = None) -> list[Frame]:
    stream = source(path).open()
    try:
        return list(stream.frames(start_s, end_s))
    finally:
        stream.close()


def until_lost(path: Path) -> tuple[list[Frame], str]:
    """Frames up to where the file breaks off, and the message, empty when it does not."""
    frames: list[Frame] = []
    stream = source(path).open()
    try:
        frames.extend(stream.frames())
    except SourceLost as error:
        return frames, str(error)
    finally:
        stream.close()
    return frames, ""


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        source(path).open()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_most_kinds_of_clips_can_be_made() -> None:
    """Builds of FFmpeg differ in their encoders. The wheel of PyAV has all of these."""
    assert H264
    assert len(BUILDABLE) >= len(CLIPS) - 2


class TestWholeFile:
    def test_every_picture_comes_once_and_in_order(self, made: tuple[Clip, Path]) -> None:
        frames = read(made[1])
        assert [number_in(frame.image) for frame in frames] == list(range(FRAMES))
        assert [frame.index for frame in frames] == list(range(FRAMES))

    def test_times_are_those_of_the_pictures(self, made: tuple[Clip, Path]) -> None:
        clip, path = made
        assert [frame.at.stream_s for frame in read(path)] == pytest.approx(clip.times_s, abs=0.0011)

    def test_both_clocks_run_alike(self, made: tuple[Clip, Path]) -> None:
        assert len({frame.at.utc_ns - frame.at.stream_ns for frame in read(made[1])}) == 1

    def test_pictures_are_as_stated(self, made: tuple[Clip, Path]) -> None:
        stream = source(made[1]).open()
        info = stream.info
        first = next(iter(stream.frames()))
        stream.close()
        assert (first.width, first.height) == (info.width, info.height) == (128, 96)
        assert first.image.flags["C_CONTIGUOUS"]
        assert not info.live
        assert info.frames in (None, FRAMES)

    def test_there_is_a_packet_for_every_picture(self, made: tuple[Clip, Path]) -> None:
        stream = source(made[1]).open()
        packets = list(stream.packets())
        stream.close()
        assert len(packets) == FRAMES
        assert packets[0].key
        assert all(packet.data for packet in packets)
        assert all(a.dts_ns < b.dts_ns for a, b in itertools.pairwise(packets))


class TestWindow:
    @pytest.mark.parametrize(("first", "last"), [(0, 1), (1, 12), (17, 44), (30, 31), (45, 50)])
    def test_is_that_part_of_the_whole(self, made: tuple[Clip, Path], first: int, last: int) -> None:
        whole = read(made[1])
        start_s = whole[first].at.stream_s
        end_s = whole[last].at.stream_s if last < FRAMES else None
        window = read(made[1], start_s, end_s)
        assert [(frame.index, frame.at) for frame in window] == [(f.index, f.at) for f in whole[first:last]]
        assert all((a.image == b.image).all() for a, b in zip(window, whole[first:last], strict=True))

    def test_start_between_two_frames_takes_the_later(self, made: tuple[Clip, Path]) -> None:
        whole = read(made[1])
        between = (whole[20].at.stream_ns + whole[21].at.stream_ns) / 2 / NS_PER_S
        assert read(made[1], between)[0].index == 21

    def test_past_the_end_is_nothing(self, made: tuple[Clip, Path]) -> None:
        assert read(made[1], 1000.0) == []


class TestClosing:
    def test_early(self, made: tuple[Clip, Path]) -> None:
        stream = source(made[1]).open()
        frames = stream.frames()
        first = next(frames)
        stream.close()
        assert list(frames) == []
        assert number_in(first.image) == 0, "a frame stays valid after the close"

    def test_twice_and_unread(self, made: tuple[Clip, Path]) -> None:
        stream = source(made[1]).open()
        stream.close()
        stream.close()
        assert list(stream.frames()) == []

    def test_is_read_once(self, made: tuple[Clip, Path]) -> None:
        stream = source(made[1]).open()
        assert sum(1 for _ in stream.frames()) == FRAMES
        with pytest.raises(RuntimeError, match="read once"):
            next(iter(stream.packets()))
        stream.close()


def cut(path: Path, part: float) -> Path:
    data = path.read_bytes()
    target = path.with_name(f"cut-{path.name}")
    target.write_bytes(data[: int(len(data) * part)])
    return target


def spoil(path: Path, at: float = 0.5) -> Path:
    """600 bytes of nonsense."""
    data = bytearray(path.read_bytes())
    middle = int(len(data) * at)
    data[middle : middle + 600] = bytes((37 * i + 11) % 256 for i in range(600))
    target = path.with_name(f"spoilt-{path.name}")
    target.write_bytes(data)
    return target


class TestDamage:
    LONG = 200

    @pytest.mark.parametrize(
        ("name", "codec", "mux"),
        [("a.mp4", H264, {"movflags": "faststart"}), ("a.avi", "mjpeg", {}), ("a.mkv", H264, {})],
    )
    def test_cut_off_file_gives_all_it_has_and_says_so(
        self, tmp_path: Path, name: str, codec: str, mux: dict[str, str]
    ) -> None:
        pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        whole = make_clip(tmp_path / name, codec, frames=self.LONG, mux_options=mux, pixels=pixels)
        frames, lost = until_lost(cut(whole, 0.6))
        assert 50 < len(frames) < 150
        assert [number_in(frame.image) for frame in frames] == list(range(len(frames)))
        assert "breaks off" in lost
        stream = source(cut(whole, 0.6)).open()
        with pytest.raises(SourceLost, match="breaks off"):
            list(stream.packets())

    @pytest.mark.parametrize(("name", "codec"), [("a.ts", "mpeg2video"), ("a.h264", H264)])
    def test_cut_off_file_that_promised_nothing_just_ends(self, tmp_path: Path, name: str, codec: str) -> None:
        frames, lost = until_lost(cut(make_clip(tmp_path / name, codec, frames=self.LONG), 0.6))
        assert 50 < len(frames) < 150
        assert lost == ""

    def test_a_window_that_ends_before_the_break_is_whole(self, tmp_path: Path) -> None:
        whole = make_clip(tmp_path / "a.mp4", H264, frames=self.LONG, mux_options={"movflags": "faststart"})
        assert [frame.index for frame in read(cut(whole, 0.6), 0.4, 0.8)] == list(range(10, 20))

    def test_mp4_without_its_index(self, tmp_path: Path) -> None:
        assert "incomplete" in refusal(cut(make_clip(tmp_path / "a.mp4", H264), 0.6))

    @pytest.mark.parametrize(("name", "codec"), [("a.mp4", H264), ("b.mp4", "mpeg4"), ("c.mp4", "libx265")])
    def test_nonsense_in_the_middle_is_left_out_and_counted(self, tmp_path: Path, name: str, codec: str) -> None:
        path = spoil(make_clip(tmp_path / name, codec, frames=self.LONG, mux_options={"movflags": "faststart"}), 0.7)
        stream = source(path).open()
        frames = list(stream.frames())
        stream.close()
        assert len(frames) > self.LONG * 3 // 4
        assert getattr(stream, "damaged") > 0  # noqa: B009 - files say so, the port does not ask for it
        assert frames[-1].index == self.LONG - 1, "lost pictures are counted"
        assert [frame.index for frame in frames] == [round(frame.at.stream_s * 25) for frame in frames]
        assert [number_in(frame.image) for frame in frames[-20:]] == [frame.index for frame in frames[-20:]]

    def test_broken_fragment_is_told(self, tmp_path: Path) -> None:
        mux = {"movflags": "frag_keyframe+empty_moov"}
        frames, lost = until_lost(spoil(make_clip(tmp_path / "a.mp4", H264, frames=self.LONG, mux_options=mux)))
        assert len(frames) > 50
        assert "breaks off" in lost

    @pytest.mark.parametrize("seed", range(20))
    def test_any_damage_ends_in_frames_or_one_line(self, tmp_path: Path, seed: int) -> None:
        clip = [("a.mp4", H264), ("a.avi", "mpeg4"), ("a.mkv", H264), ("a.ts", "mpeg2video")][seed % 4]
        data = bytearray(make_clip(tmp_path / clip[0], clip[1]).read_bytes())
        for step in range(40):
            data[(step * 7919 + seed * 104_729) % len(data)] = (step * 31 + seed) % 256
        (tmp_path / clip[0]).write_bytes(data)
        frames: list[Frame] = []
        with contextlib.suppress(VedetteError):
            frames, _ = until_lost(tmp_path / clip[0])
        assert all(a.at.stream_ns <= b.at.stream_ns and a.index < b.index for a, b in itertools.pairwise(frames))


class TestRefusals:
    def test_nothing_there(self, tmp_path: Path) -> None:
        assert "does not exist" in refusal(tmp_path / "none.mp4")

    def test_directory(self, tmp_path: Path) -> None:
        assert "is a directory" in refusal(tmp_path)

    def test_empty(self, tmp_path: Path) -> None:
        (tmp_path / "a.mp4").touch()
        assert "is empty" in refusal(tmp_path / "a.mp4")

    @pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv"])
    def test_no_frames(self, tmp_path: Path, name: str) -> None:
        message = refusal(make_clip(tmp_path / name, frames=0))
        assert "no picture" in message or "no video stream" in message

    @pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv", "a.h264", "a.mpg", "a.txt", "a"])
    def test_text(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("Dear all,\n\nplease find the recording attached.\n" * 50)
        assert "not a video" in refusal(tmp_path / name) or "no picture" in refusal(tmp_path / name)

    def test_photograph(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
        assert "not a video" in refusal(tmp_path / "a.png")

    def test_sound_only(self, tmp_path: Path) -> None:
        assert "sound but no picture" in refusal(make_sound(tmp_path / "a.m4a"))

    def test_no_permission(self, tmp_path: Path) -> None:
        path = make_clip(tmp_path / "a.mp4")
        path.chmod(0)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            assert "may not be read" in refusal(path)
        finally:
            if root:
                os.seteuid(0)

    def test_pipe_does_not_hang(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.mp4")
        assert "not a regular file" in refusal(tmp_path / "a.mp4")

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"),
            ("a.mp4", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{target}\n#EXT-X-ENDLIST\n"),
            ("a.mp4", "\n\n#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"),
            ("a.ffconcat", "ffconcat version 1.0\nfile '{target}'\n"),
            ("a.txt", "ffconcat version 1.0\nfile '{target}'\n"),
            ("a.mpd", '<?xml version="1.0"?>\n<MPD><BaseURL>{target}</BaseURL></MPD>'),
            ("a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"),
        ],
    )
    def test_playlist_reads_no_other_file(self, tmp_path: Path, name: str, text: str) -> None:
        target = make_clip(tmp_path / "target.ts", "mpeg2video")
        (tmp_path / name).write_text(text.format(target=target))
        message = refusal(tmp_path / name)
        assert "playlist" in message or "not a video" in message

    @pytest.mark.parametrize("hidden", ["#EXTM3U", "ffconcat version 1.0"])
    def test_playlist_behind_padding_reads_no_other_file(self, tmp_path: Path, hidden: str) -> None:
        target = make_clip(tmp_path / "target.ts", "mpeg2video")
        (tmp_path / "a.m3u8").write_text(" " * 300 + f"{hidden}\n#EXTINF:9,\nfile {target}\n")
        assert any(word in refusal(tmp_path / "a.m3u8") for word in ("playlist", "not a video"))


NAMES = [
    "Überwachung 门口 камера.mp4",
    "<img onerror=alert(1)>.mp4",
    "'; DROP TABLE events.mp4",
    "$(id).mp4",
    "-i.mp4",
    "%03d.mp4",
    "concat:a|b.mp4",
    "http:x.mp4",
    "a?b#c.mp4",
    "new\nline.mp4",
    "\u202egnp.mp4",
    "x" * 240 + ".mp4",
    os.fsdecode(b"not-utf8-\xff.mp4"),
]


class TestNames:
    @pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
    def test_is_only_a_name(self, tmp_path: Path, name: str) -> None:
        path = make_clip(tmp_path / "a.mp4").rename(tmp_path / name)
        assert len(read(path)) == FRAMES
        path.write_bytes(b"nonsense" * 100)
        message = refusal(path)
        assert message.isprintable()
        message.encode()

    def test_file_address(self, tmp_path: Path) -> None:
        path = make_clip(tmp_path / "a b.mp4")
        for address in (path.as_uri(), f"file:{path}", f"file://localhost{path.as_uri()[7:]}"):
            stream = file.SPEC.build(file.SPEC.options(), address).open()
            assert stream.info.frames == FRAMES
            stream.close()


class TestPictures:
    @pytest.mark.parametrize("degrees", [90, 180, -90])
    def test_phone_video_is_upright(self, tmp_path: Path, degrees: int) -> None:
        path = make_clip(tmp_path / "a.mp4", rotation=degrees)
        frame = read(path, end_s=0.2)[-1]
        info = source(path).open().info
        assert (info.width, info.height) == (frame.width, frame.height)
        assert (frame.width > frame.height) == (degrees == 180)
        grey = {90: (64, 86), 180: (10, 64), -90: (64, 10)}[degrees]
        assert abs(int(frame.image[grey][1]) - 128) < 20, "the grey quarter at the bottom was turned along"

    def test_size_that_changes_is_scaled_to_the_first(self, tmp_path: Path) -> None:
        frames = read(resize_midway(tmp_path / "a.avi"))
        assert {frame.image.shape for frame in frames} == {(96, 128, 3)}
        assert [number_in(frame.image) for frame in frames] == list(range(20))


@pytest.mark.parametrize("wrong", [1000, 90_000])
def test_frame_rate_of_the_header_that_cannot_be_is_measured(tmp_path: Path, wrong: int) -> None:
    path = make_clip(tmp_path / "a.mkv", fps=wrong, stamps=[40 * number for number in range(FRAMES)])
    assert source(path).open().info.fps == pytest.approx(25.0)


class TestUtc:
    def test_is_that_of_the_header(self, tmp_path: Path) -> None:
        path = make_clip(tmp_path / "a.mp4", metadata={"creation_time": "2024-05-06T07:08:09Z"})
        assert read(path)[25].at.utc.isoformat() == "2024-05-06T07:08:10+00:00"

    def test_without_one_the_file_ended_when_it_was_last_written(self, tmp_path: Path) -> None:
        path = make_clip(tmp_path / "a.avi")
        os.utime(path, (1_700_000_002, 1_700_000_002))
        assert read(path)[0].at.utc_ns == 1_700_000_000 * NS_PER_S

    def test_the_user_knows_better(self, tmp_path: Path) -> None:
        options = file.FileOptions(start="2024-05-06T07:08:09+02:00")
        stream = file.build(options, str(make_clip(tmp_path / "a.mp4"))).open()
        assert next(iter(stream.frames())).at.utc.isoformat() == "2024-05-06T05:08:09+00:00"
        stream.close()

    @pytest.mark.parametrize("start", ["yesterday", "2024-05-06T07:08:09", ""])
    def test_a_start_that_is_no_moment_is_refused(self, start: str) -> None:
        with pytest.raises(ValueError, match="start"):
            file.FileOptions(start=start)


class TestFootage:
    @pytest.mark.parametrize(
        ("name", "frames", "last_s"),
        [("vtest.avi", 795, 79.4), ("issue53_brightness_change.avi", 59, 58 / 12), ("TUD-Campus.mp4", 71, 2.8)],
    )
    def test_steady(self, footage: Callable[[str], Path], name: str, frames: int, last_s: float) -> None:
        seen = [(frame.index, frame.at.stream_s) for frame in read(footage(f"video/{name}"))]
        assert [index for index, _ in seen] == list(range(frames))
        assert seen[-1][1] == pytest.approx(last_s, abs=1e-6)

    def test_uneven(self, footage: Callable[[str], Path]) -> None:
        path = footage("video/traffic_camera_vfr.mp4")
        with av.open(str(path)) as container:
            stamps = sorted(float(p.pts * p.time_base) for p in container.demux(video=0) if p.pts is not None)
        whole = [(frame.index, frame.at) for frame in read(path)]
        times = [at.stream_s for _, at in whole]
        assert times == pytest.approx(stamps, abs=1e-6)
        assert len({round(b - a, 3) for a, b in itertools.pairwise(times)}) > 1
        window = [(frame.index, frame.at) for frame in read(path, 20.0, 22.0)]
        assert window == [(index, at) for index, at in whole if 20.0 <= at.stream_s < 22.0]


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspCamera]:
    if not available():
        pytest.skip(MISSING)
    clip = make_clip(
        tmp_path_factory.mktemp("camera") / "a.mp4", H264, frames=100, codec_options={"tune": "zerolatency"}
    )
    with RtspCamera(clip) as running:
        yield running


LIVE: dict[str, Callable[[RtspCamera], Source]] = {
    "rtsp-tcp": lambda camera: rtsp.build(rtsp.RtspOptions(), camera.url(), SystemClock()),
    "rtsp-udp": lambda camera: rtsp.build(rtsp.RtspOptions(transport="udp"), camera.url(), SystemClock()),
}


@pytest.mark.parametrize("kind", LIVE)
class TestLive:
    def test_frames_follow_each_other(self, camera: RtspCamera, kind: str) -> None:
        stream = LIVE[kind](camera).open()
        frames = list(itertools.islice(stream.frames(), 45))
        stream.close()
        assert stream.info.live
        assert [frame.index for frame in frames] == list(range(45))
        numbers = [number_in(frame.image) for frame in frames]
        assert all((b - a) % 100 == 1 for a, b in itertools.pairwise(numbers))
        assert frames[0].at.stream_ns == 0
        steps = [b.at.stream_s - a.at.stream_s for a, b in itertools.pairwise(frames)]
        assert all(0.0 <= step <= 0.1 for step in steps)
        assert frames[-1].at.stream_s == pytest.approx(44 / 25, abs=0.05)

    def test_packets_then_close(self, camera: RtspCamera, kind: str) -> None:
        stream = LIVE[kind](camera).open()
        packets = stream.packets()
        some = list(itertools.islice(packets, 30))
        stream.close()
        stream.close()
        assert list(packets) == []
        assert any(packet.key for packet in some)
        assert all(a.dts_ns < b.dts_ns for a, b in itertools.pairwise(some))
