from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from vedette.model.errors import SourceError
from vedette.simulator.cameras import frame_number, make_clip, make_sound
from vedette.simulator.cameras.clips import VideoCodec
from vedette.simulator.cameras.faults import Burst, Fault, Loss, Silent, Status, SwitchClip, from_plain, to_plain
from vedette.simulator.cameras.media import read_sound, read_video
from vedette.simulator.cameras.rtp import cut_clip
from vedette.simulator.cameras.sdp import describe
from vedette.simulator.cameras.spec import CameraSpec


def numbers_in(path: Path) -> list[int | None]:
    with av.open(str(path)) as container:
        return [frame_number(np.asarray(f.to_ndarray(format="gray8"), np.uint8)) for f in container.decode(video=0)]


@pytest.mark.parametrize("codec", ["h264", "hevc", "mjpeg"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_every_frame_carries_its_number(tmp_path: Path, codec: VideoCodec, b_frames: int) -> None:
    path = make_clip(tmp_path, seconds=1, size=(320, 192), gop_s=0.4, bitrate=200_000, codec=codec, b_frames=b_frames)
    assert numbers_in(path) == list(range(25))
    clip = read_video(path)
    assert sorted(unit.picture for unit in clip.units) == list(range(25))
    assert clip.length_s == pytest.approx(1.0, abs=1e-3)
    assert (clip.reorder_s > 0) == (b_frames > 0 and codec != "mjpeg")
    keys = [i for i, unit in enumerate(clip.units) if unit.key]
    assert keys == (list(range(25)) if codec == "mjpeg" else [0, 10, 20])
    assert all(0.039 < b.dts_s - a.dts_s < 0.041 for a, b in pairwise(clip.units))


def test_a_clip_is_made_once_and_others_beside_it(tmp_path: Path) -> None:
    first = make_clip(tmp_path, seconds=0.4, size=(160, 96))
    made = first.stat().st_mtime_ns
    assert make_clip(tmp_path, seconds=0.4, size=(160, 96)) == first
    assert first.stat().st_mtime_ns == made
    still = make_clip(tmp_path, seconds=0.4, size=(160, 96), moving=[(0.2, 0.3)])
    assert still != first
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([first.name, still.name])


def test_something_moves_only_when_it_shall(tmp_path: Path) -> None:
    path = make_clip(tmp_path, seconds=2, fps=10, size=(320, 192), bitrate=400_000, moving=[(0.5, 1.0)])
    with av.open(str(path)) as container:
        lower = [np.asarray(f.to_ndarray(format="gray8"), int)[16:] for f in container.decode(video=0)]
    bright = [int((picture > 190).sum()) for picture in lower]
    assert [i for i, count in enumerate(bright) if count > 300] == [5, 6, 7, 8, 9]


def test_bit_rate_is_about_what_was_asked(tmp_path: Path) -> None:
    path = make_clip(tmp_path, seconds=2, size=(640, 360), bitrate=1_500_000)
    assert path.stat().st_size * 8 / 2 == pytest.approx(1_500_000, rel=0.2)


@pytest.mark.parametrize(
    ("codec", "rate", "step_s", "line"),
    [
        ("aac", 16000, 0.064, "a=rtpmap:97 MPEG4-GENERIC/16000/1"),
        ("pcm_mulaw", 8000, 0.02, "m=audio 0 RTP/AVP 0"),
        ("pcm_alaw", 8000, 0.02, "m=audio 0 RTP/AVP 8"),
    ],
)
def test_sound(tmp_path: Path, codec: str, rate: int, step_s: float, line: str) -> None:
    clip = read_sound(make_sound(tmp_path, seconds=1, codec=codec))  # type: ignore[arg-type]
    assert (clip.codec.name, clip.codec.rate, clip.codec.channels) == (codec, rate, 1)
    assert {round(b.dts_s - a.dts_s, 6) for a, b in pairwise(clip.units)} == {step_s}
    assert clip.length_s == pytest.approx(1.0, abs=0.13)
    assert line in describe("x", [cut_clip(clip)])


def test_files_that_cannot_be_sent_are_one_clear_line(tmp_path: Path) -> None:
    silent, deaf = make_sound(tmp_path), make_clip(tmp_path, seconds=0.2, size=(160, 96))
    empty = tmp_path / "empty.mp4"
    empty.write_bytes(b"")
    for read, path, says in (
        (read_video, silent, "has no pictures"),
        (read_sound, deaf, "has no sound"),
        (read_video, empty, "cannot be read"),
        (read_sound, tmp_path / "none.wav", "cannot be read"),
    ):
        with pytest.raises(SourceError, match=says) as caught:
            read(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "fault", [Silent(), Status(461, transport="udp"), SwitchClip(Path("a.mp4"), "sub"), Loss(5.0), Burst()]
)
def test_faults_and_cameras_survive_the_way_to_the_other_process(fault: Fault) -> None:
    assert from_plain(to_plain(fault)) == fault
    spec = CameraSpec(Path("a.mp4"), audio=Path("b.wav"), start_frame=3, join="keyframe")
    assert CameraSpec.from_plain(spec.to_plain()) == spec
