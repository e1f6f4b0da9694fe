"""Webcams, as far as that goes without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from vedette.clock import SystemClock
from vedette.model.errors import SourceError, UsageError
from vedette.video.sources.webcam import SPEC, WebcamOptions, WebcamSource


def refusal(address: str, devices: Path, options: WebcamOptions | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        WebcamSource(address, options or WebcamOptions(), SystemClock(), devices).open()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("address", ["webcam:7", "webcam://7", "/dev/video7", "webcam:/dev/video7", "7"])
def test_camera_that_is_not_there(tmp_path: Path, address: str) -> None:
    assert "video7 does not exist: no camera is plugged in" in refusal(address, tmp_path)


def test_others_are_named(tmp_path: Path) -> None:
    for name in ("video2", "video0", "sda"):
        (tmp_path / name).touch()
    message = refusal("webcam:7", tmp_path)
    assert message.endswith(f"there is {tmp_path}/video0, {tmp_path}/video2")


def test_what_is_no_camera(tmp_path: Path) -> None:
    (tmp_path / "video0").write_text("text")
    assert "is no camera that can be read" in refusal("webcam:0", tmp_path)
    assert "leave out size" in refusal("webcam:0", tmp_path, WebcamOptions(width=640, height=480, fps=30))


@pytest.mark.parametrize("address", ["webcam:", "webcam:x", "webcam:../etc/passwd", "/dev/sda", "/dev/video0/x", "-1"])
def test_address_that_names_none(address: str) -> None:
    with pytest.raises(UsageError, match="webcam:0"):
        SPEC.build(SPEC.options(), address, SystemClock())


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"width": 640}, "width"),
        ({"width": 0, "height": 480}, "width"),
        ({"width": 640, "height": 10**6}, "height"),
        ({"fps": -1.0}, "fps"),
        ({"stall_s": 0.0}, "stall_s"),
        ({"encoding": "mjpeg,x=1"}, "encoding"),
    ],
)
def test_options_are_checked(options: dict[str, int], key: str) -> None:
    with pytest.raises(ValueError, match=key):
        WebcamOptions(**options)  # type: ignore[arg-type]


def test_options_in_the_words_of_the_driver() -> None:
    chosen = WebcamOptions(width=1280, height=720, fps=29.97, encoding="mjpeg")
    assert chosen.demuxer() == {"video_size": "1280x720", "framerate": "29.97", "input_format": "mjpeg"}
    assert WebcamOptions().demuxer() == {}
