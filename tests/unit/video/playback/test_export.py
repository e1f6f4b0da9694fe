from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from recorded_footage import START_NS, STORAGE, MemoryFiles, packets, record
from vedette.model.errors import OutputError, StorageError, UsageError
from vedette.model.media import Image
from vedette.model.time import NS_PER_S
from vedette.video.playback.export import Shot, export, export_together
from vedette.video.playback.output import save
from vedette.video.playback.span import plan, plan_all
from vedette.video.playback.timelapse import timelapse
from video_clips import number_in

S = NS_PER_S


def at(seconds: float) -> int:
    return START_NS + round(seconds * S)


def frames(path: Path) -> list[tuple[float, Image]]:
    with av.open(str(path), "r") as container:
        return [
            (float(frame.pts * frame.time_base), np.asarray(frame.to_ndarray(format="bgr24"), np.uint8))
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


def shot(files: MemoryFiles, camera: str, start: float, count: int, first: int = 0, **options: object) -> Shot:
    made = packets([*range(first, first + count)], camera=camera, start_ns=at(start), **options)  # type: ignore[arg-type]
    segments = record(files, made, first_id=1)
    return Shot(camera, camera.title(), tuple(plan_all(segments, at(0), at(8))))


def test_a_camera_is_copied_to_a_file_of_its_name(tmp_path: Path) -> None:
    files, shares = MemoryFiles(), list[float]()
    (path,) = export(shot(files, "door", 0, 50), {STORAGE: files}, tmp_path, shares.append)

    assert path == tmp_path / "door.mp4"
    assert [number_in(image) for _, image in frames(path)] == list(range(50))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert [each.name for each in tmp_path.iterdir()] == ["door.mp4"]


def test_nothing_is_overwritten_and_nothing_left_behind(tmp_path: Path) -> None:
    files = MemoryFiles()
    one = shot(files, "door", 0, 10)
    (tmp_path / "door.mp4").write_text("evidence")
    with pytest.raises(OutputError, match="exists already"):
        export(one, {STORAGE: files}, tmp_path)
    assert (tmp_path / "door.mp4").read_text() == "evidence"
    with pytest.raises(StorageError):
        export(one, {}, _empty(tmp_path))
    assert list(_empty(tmp_path).iterdir()) == []


def _empty(folder: Path) -> Path:
    made = folder / "empty"
    made.mkdir(exist_ok=True)
    return made


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"

    def pieces() -> Iterator[bytes]:
        yield b"mine"
        path.write_text("theirs")

    with pytest.raises(OutputError, match="exists already"):
        save(pieces(), path)
    assert path.read_text() == "theirs"
    assert [each.name for each in tmp_path.iterdir()] == ["a.mp4"]
    with pytest.raises(OutputError, match="check the folder"):
        save([b"x"], tmp_path / "none" / "a.mp4")


def test_footage_in_two_codecs_makes_two_files(tmp_path: Path) -> None:
    files = MemoryFiles()
    first = record(files, packets(range(20)), first_id=1)
    other = record(files, packets(range(20, 40), run=2, start_ns=at(2)), first_id=2)
    second = [replace(each, codec=replace(each.codec, name="mpeg4", extradata=b"")) for each in other]
    spans = plan_all([*first, *second], at(0), at(100))
    paths = export(Shot("door", "", tuple(spans)), {STORAGE: files}, tmp_path)
    assert [path.name for path in paths] == ["door.mp4", "door-2.mp4"]
    assert [number_in(image) for _, image in frames(paths[0])] == list(range(20))


def test_a_camera_without_footage_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nothing of door"):
        export(Shot("door", "", ()), {}, tmp_path)
    with pytest.raises(OutputError, match="nothing was recorded"):
        export_together([Shot("door", "", ())], {}, tmp_path)
    with pytest.raises(UsageError):
        export_together([], {}, tmp_path)


def test_cameras_together_are_in_step_and_black_where_there_is_nothing(tmp_path: Path) -> None:
    files = MemoryFiles()
    door = shot(files, "door", 0, 60)
    yard = shot(files, "yard", 2, 20, first=100)
    never = Shot("gate", "Ворота", ())
    paths = export_together([door, yard, never], {STORAGE: files}, tmp_path, tile=(256, 192), fps=10)

    assert [path.name for path in paths] == ["door.mp4", "yard.mp4", "together.mp4"]
    shown = {round(second, 1): image for second, image in frames(paths[-1])}
    # Inside the tile, below the caption.
    assert shown[0.0].shape == (384, 512, 3)
    for second, image in shown.items():
        left, right = tile_of(image, 0, 0), tile_of(image, 0, 256)
        if second > 5.95:
            assert left.max() < 40
            continue
        assert number_in(left) == round(second * 10)
        if 2.0 <= second < 3.95:
            assert number_in(right) == round(second * 10) + 80
        elif second < 1.95 or second > 4.05:
            assert right[40:].max() < 40
        assert tile_of(image, 192, 0)[40:].max() < 40
        assert image[384 - 10 :, 256:].max() < 40
    assert shown[2.0][:14, 256:].max() > 200
    # A time that nothing but the clock changes in has a picture a second.
    assert sum(second > 6.05 for second in shown) == 1


def tile_of(image: Image, top: int, left: int) -> Image:
    """A tile, its pictures 128 x 96 in the middle of 256 x 192."""
    tile = image[top : top + 192, left : left + 256]
    return np.ascontiguousarray(tile[48:144, 64:192])


def test_a_time_lapse_shows_keyframes_at_its_speed(tmp_path: Path) -> None:
    files = MemoryFiles()
    segments = record(files, packets(range(200), group=10, size=(256, 192)))
    span = plan(segments, at(0), at(100))
    shares: list[float] = []
    told = timelapse(
        span, {STORAGE: files}, tmp_path / "day.mp4", 40.0, name="Door", most=(128, 96), progress=shares.append
    )
    got = frames(told.path)

    assert told.pictures == len(got)
    assert told.duration_s == pytest.approx(0.5, abs=0.1)
    for second, image in got:
        assert image.shape == (96, 128, 3)
        assert abs(number_in(image) - second * 40 * 10) <= 16
    assert shares[-1] == 1.0


def test_a_time_lapse_of_nothing_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nothing was recorded"):
        timelapse(plan([], 0, 1), {}, tmp_path / "a.mp4", 10)
    files = MemoryFiles()
    segments = record(files, packets(range(20)))
    files.content[segments[0].path] = bytes(segments[0].size)
    with pytest.raises(OutputError, match="none of its pictures"):
        timelapse(plan(segments, at(0), at(10)), {STORAGE: files}, tmp_path / "a.mp4", 10)
    with pytest.raises(UsageError):
        timelapse(plan(segments, at(0), at(10)), {STORAGE: files}, tmp_path / "a.mp4", 0)
    assert list(tmp_path.iterdir()) == []
