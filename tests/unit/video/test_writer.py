import contextlib
import os
import subprocess
import sys
from pathlib import Path

import av
import av.error
import numpy as np
import pytest
from av.codec import codecs_available

from vedette.model.errors import OutputError
from vedette.model.media import Image
from vedette.video import writer as writer_module
from vedette.video.writer import VideoWriter


def picture(width: int, height: int, grey: int) -> Image:
    return np.full((height, width, 3), grey, np.uint8)


def decoded(path: Path) -> list[tuple[float, Image]]:
    with av.open(str(path)) as container:
        return [
            (float(f.time or 0.0), np.asarray(f.to_ndarray(format="bgr24"), np.uint8))
            for f in container.decode(video=0)
        ]


def playable(path: Path) -> int:
    """Pictures before the first one that is torn."""
    count = 0
    with av.open(str(path)) as container, contextlib.suppress(av.error.InvalidDataError):
        for _ in container.decode(video=0):
            count += 1
    return count


def test_pictures_come_back_in_order_with_their_colours(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with VideoWriter(path, 64, 48, 10) as video:
        for i in range(12):
            video.write(picture(64, 48, 20 * i))
    frames = decoded(path)
    assert [round(at, 3) for at, _ in frames] == [round(i / 10, 3) for i in range(12)]
    for i, (_, image) in enumerate(frames):
        assert image.shape == (48, 64, 3)
        assert abs(float(image.mean()) - 20 * i) < 4


def test_a_red_picture_stays_red(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    red = np.zeros((64, 64, 3), np.uint8)
    red[:, :] = (20, 30, 200)
    with VideoWriter(path, 64, 64, 5) as video:
        video.write(red)
    assert np.abs(decoded(path)[0][1].mean((0, 1)) - (20, 30, 200)).max() < 6


def test_times_given_are_kept_and_never_go_back(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with VideoWriter(path, 32, 32, 25) as video:
        for at in (0.0, 0.5, 0.5, 0.2, 2.0):
            video.write(picture(32, 32, 90), at)
    times = [at for at, _ in decoded(path)]
    assert times == sorted(set(times))
    assert times[1] == pytest.approx(0.5, abs=1e-4)
    assert times[4] == pytest.approx(2.0, abs=1e-4)


def test_odd_sizes_grow_to_even_ones_and_other_sizes_are_scaled(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with VideoWriter(path, 63, 47, 10) as video:
        video.write(picture(63, 47, 100))
        video.write(picture(126, 94, 100))
    frames = decoded(path)
    assert len(frames) == 2
    assert all(image.shape == (48, 64, 3) for _, image in frames)


def test_a_closed_file_knows_its_length_and_an_empty_one_closes(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with VideoWriter(path, 32, 32, 10) as video:
        for _ in range(25):
            video.write(picture(32, 32, 10))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.frames == 25
        assert float(stream.duration * stream.time_base) == pytest.approx(2.5, abs=0.01)  # type: ignore[operator]
    empty = VideoWriter(tmp_path / "empty.mp4", 32, 32, 10)
    empty.close()
    empty.close()
    assert not empty.path.exists()
    with pytest.raises(OutputError, match="closed"):
        empty.write(picture(32, 32, 1))


def test_a_killed_writer_leaves_a_file_that_plays(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    code = (
        "import os, pathlib, sys, numpy as np\n"
        "from vedette.video.writer import VideoWriter\n"
        "w = VideoWriter(pathlib.Path(sys.argv[1]), 320, 240, 10)\n"
        "rng = np.random.default_rng(1)\n"
        "for i in range(100): w.write(rng.integers(0, 255, (240, 320, 3), dtype=np.uint8))\n"
        "os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == 9
    assert playable(path) >= 50


@pytest.mark.parametrize("name", ["libopenh264", "mpeg4"])
def test_nothing_needs_x264(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(writer_module, "codecs_available", {name, "mpeg4"} & codecs_available)
    path = tmp_path / "v.mp4"
    with VideoWriter(path, 64, 48, 10) as video:
        assert video.codec in {name, "mpeg4"}
        video.write(picture(64, 48, 77))
    assert abs(float(decoded(path)[0][1].mean()) - 77) < 5


def test_no_encoder_at_all_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "codecs_available", set[str]())
    with pytest.raises(OutputError, match=r"no usable H\.264"):
        VideoWriter(tmp_path / "v.mp4", 64, 48, 10)


def test_a_folder_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot write .*nowhere"):
        VideoWriter(tmp_path / "nowhere" / "v.mp4", 64, 48, 10)
    with pytest.raises(OutputError, match="0x48"):
        VideoWriter(tmp_path / "v.mp4", 0, 48, 10)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_output_error() -> None:
    video = VideoWriter(Path(os.devnull).with_name("full"), 320, 240, 10)
    noise = np.random.default_rng(0)
    with pytest.raises(OutputError, match="cannot write"):  # noqa: PT012 - muxers buffer, so the writes or the closing fail
        for _ in range(60):
            video.write(noise.integers(0, 255, (240, 320, 3), dtype=np.uint8))
        video.close()


def test_the_same_pictures_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        noise = np.random.default_rng(5)
        with VideoWriter(tmp_path / name, 320, 240, 12) as video:
            for i in range(20):
                video.write(noise.integers(0, 255, (240, 320, 3), dtype=np.uint8), i / 12)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
