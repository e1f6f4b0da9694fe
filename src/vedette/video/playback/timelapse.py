"""Hours in a minute: the keyframes of a span as an H.264 file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vedette.model.errors import OutputError, UsageError
from vedette.model.recording_ports import FileReader
from vedette.model.time import NS_PER_S
from vedette.video.playback.caption import caption
from vedette.video.playback.output import whole_file
from vedette.video.playback.pictures import keyframe
from vedette.video.playback.span import Part, Span
from vedette.video.writer import VideoWriter


@dataclass(frozen=True, slots=True)
class Timelapse:
    """What was written.

    pictures    keyframes shown
    duration_s  of the file
    """

    path: Path
    pictures: int
    duration_s: float


def timelapse(
    span: Span,
    files: Mapping[str, FileReader],
    path: Path,
    speed: float,
    *,
    name: str = "",
    fps: float = 25.0,
    most: tuple[int, int] = (1920, 1080),
    progress: Callable[[float], None] = lambda _: None,
) -> Timelapse:
    """Write `span` `speed` times as fast. Gaps take no time; time and `name` are drawn in.

    Only keyframes are decoded: where they are further apart than `speed / fps` seconds, each is shown for longer.
    progress  is told the share that is done, 0..1
    Raises UsageError for a speed that is none, OutputError where nothing was recorded or the file cannot be written,
    StorageError where footage cannot be read.
    """
    if speed <= 0 or fps <= 0:
        raise UsageError("a time-lapse needs a speed over 0")
    parts = [part for part in span.parts if part.fragment.key and part.to_ns > part.from_ns]
    if not parts:
        raise OutputError(f"cannot write {path}: nothing was recorded in this time")
    with whole_file(path) as draft:
        film = _Film(draft, speed, fps, most, name)
        try:
            for part in parts:
                film.add(part, files)
                progress(part.media_ns / span.duration_ns)
        finally:
            film.close()
        if not film.pictures:
            raise OutputError(f"cannot write {path}: none of its pictures decodes")
    progress(1.0)
    return Timelapse(path, film.pictures, film.last_s + 1 / fps)


class _Film:
    def __init__(self, path: Path, speed: float, fps: float, most: tuple[int, int], name: str) -> None:
        self.pictures = 0
        self.last_s = -1.0
        self._path, self._speed, self._fps, self._most, self._name = path, speed, fps, most, name
        self._writer: VideoWriter | None = None

    def add(self, part: Part, files: Mapping[str, FileReader]) -> None:
        at_s = part.media_ns / NS_PER_S / self._speed
        if self.pictures and at_s - self.last_s < 0.999 / self._fps:
            return
        picture = keyframe(files, part.segment, part.fragment)
        if picture is None:
            return
        image = picture.image(self._most)
        caption(image, self._name, picture.utc_ns)
        if self._writer is None:
            self._writer = VideoWriter(self._path, image.shape[1], image.shape[0], self._fps)
        self._writer.write(image, at_s)
        self.pictures, self.last_s = self.pictures + 1, at_s

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
