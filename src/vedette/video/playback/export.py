"""Recordings to files: each camera copied as it is, and several side by side in step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil, sqrt
from pathlib import Path
from typing import Final

import numpy as np

from vedette.model.errors import OutputError, UsageError
from vedette.model.media import Image
from vedette.model.recording_ports import FileReader
from vedette.model.time import NS_PER_S
from vedette.video.playback.caption import caption
from vedette.video.playback.movie import Movie
from vedette.video.playback.output import save, whole_file
from vedette.video.playback.pictures import Picture, pictures
from vedette.video.playback.span import Span
from vedette.video.writer import VideoWriter

MOST_CAMERAS: Final = 16
_STILL_NS: Final = NS_PER_S
"""How often a picture is written although nothing in it has changed but the time."""
_SEAM_NS: Final = 100_000_000
"""A break this short is no gap that anybody should see."""

Progress = Callable[[float], None]
"""Told the share that is done, 0..1; may raise to give up."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What is exported of one camera.

    camera  its id, which names its files
    name    for people; written into pictures where it is ASCII, else the id is
    spans   as `plan_all` has them
    """

    camera: str
    name: str
    spans: tuple[Span, ...]

    @property
    def label(self) -> str:
        """Name for pictures."""
        return self.name if self.name and self.name.isascii() else self.camera


def export(
    shot: Shot, files: Mapping[str, FileReader], folder: Path, progress: Progress = lambda _: None
) -> list[Path]:
    """Copy the footage of one camera to `<camera>.mp4` in `folder`, and answer the files.

    Footage in several codecs makes several files: `<camera>-2.mp4`... Nothing is overwritten.
    Raises OutputError, also where nothing was recorded, and StorageError where footage cannot be read.
    """
    if not shot.spans:
        raise OutputError(f"nothing of {shot.camera} was recorded in this time")
    movies = [Movie(span, files) for span in shot.spans]
    whole, done, made = sum(movie.size for movie in movies), 0, []
    for number, movie in enumerate(movies, 1):
        path = folder / f"{shot.camera}{f'-{number}' if number > 1 else ''}.mp4"
        begun = done
        save(_told(movie.read(), lambda size, begun=begun: progress((begun + size) / whole)), path)  # type: ignore[misc]
        done += movie.size
        made.append(path)
    return made


def export_together(
    shots: Sequence[Shot],
    files: Mapping[str, FileReader],
    folder: Path,
    *,
    tile: tuple[int, int] = (640, 360),
    fps: float = 12.5,
    progress: Progress = lambda _: None,
) -> list[Path]:
    """Copy each camera as `export` does, and compose all of them side by side in `together.mp4`, re-encoded.

    Pictures are in step by capture time, with the camera's name and the time drawn in; a tile is black while its
    camera has no footage. Where a clock was set back, a tile waits until it has caught up; its own file shows all.
    Cameras of which nothing was recorded have a black tile and no file.
    tile  pixels of each camera's place; fps as many pictures a second as are looked at
    Raises UsageError for no camera or more than `MOST_CAMERAS`, OutputError, StorageError.
    """
    if not 0 < len(shots) <= MOST_CAMERAS:
        raise UsageError(f"1 to {MOST_CAMERAS} cameras can be exported together, not {len(shots)}")
    recorded = [shot for shot in shots if shot.spans]
    if not recorded:
        raise OutputError("nothing was recorded of these cameras in this time")
    made = []
    for index, shot in enumerate(recorded):
        made += export(shot, files, folder, lambda share, index=index: progress(0.2 * (index + share) / len(recorded)))  # type: ignore[misc]
    path = folder / "together.mp4"
    with whole_file(path) as draft:
        _compose(shots, files, draft, tile=tile, fps=fps, progress=lambda share: progress(0.2 + 0.8 * share))
    progress(1.0)
    return [*made, path]


def _told(pieces: Iterable[bytes], tell: Callable[[int], None]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        yield piece
        tell(size)


def _compose(
    shots: Sequence[Shot],
    files: Mapping[str, FileReader],
    path: Path,
    *,
    tile: tuple[int, int],
    fps: float,
    progress: Progress,
) -> None:
    """Look at every camera `fps` times a second of capture time, and write what has changed."""
    spans = [span for shot in shots for span in shot.spans]
    start_ns = min(span.start_utc_ns for span in spans)
    end_ns = max(span.end_utc_ns for span in spans)
    columns = ceil(sqrt(len(shots)))
    canvas = np.zeros((ceil(len(shots) / columns) * tile[1], columns * tile[0], 3), np.uint8)
    tiles = []
    for index, shot in enumerate(shots):
        row, column = divmod(index, columns)
        place = canvas[row * tile[1] : (row + 1) * tile[1], column * tile[0] : (column + 1) * tile[0]]
        tiles.append(_Tile(shot, files, place))
    step_ns, written_ns = round(NS_PER_S / fps), None
    with VideoWriter(path, canvas.shape[1], canvas.shape[0], fps) as writer:
        for utc_ns in range(start_ns, end_ns, step_ns):
            # Every tile has to move on, whether or not another one has changed already.
            changed = sum(each.move_to(utc_ns) for each in tiles) > 0
            if changed or written_ns is None or utc_ns - written_ns >= _STILL_NS:
                for each in tiles:
                    each.draw(utc_ns)
                writer.write(canvas, (utc_ns - start_ns) / NS_PER_S)
                written_ns = utc_ns
                progress((utc_ns - start_ns) / (end_ns - start_ns))


def _covered(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """When there is footage by the wall clock, as intervals in order that do not touch."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(
        (each.utc_ns, each.utc_ns + each.duration_ns) for span in spans for each in span.stretches
    ):
        if found and first <= found[-1][1] + _SEAM_NS:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


class _Tile:
    """One camera's place in the composed picture."""

    def __init__(self, shot: Shot, files: Mapping[str, FileReader], place: Image) -> None:
        self._shot = shot
        self._place = place
        self._coming = chain.from_iterable(pictures(span, files) for span in shot.spans)
        self._next: Picture | None = next(self._coming, None)
        self._shown: Picture | None = None
        self._recorded = False
        self._covered = _covered(shot.spans)

    def move_to(self, utc_ns: int) -> bool:
        """Go on to what the camera showed at `utc_ns`; answers whether that is something else than before."""
        before, recorded = self._shown, self._recorded
        while self._next is not None and self._next.utc_ns <= utc_ns:
            self._shown, self._next = self._next, next(self._coming, None)
        index = bisect_right(self._covered, utc_ns, key=lambda each: each[0]) - 1
        self._recorded = self._shown is not None and index >= 0 and utc_ns < self._covered[index][1]
        return self._shown is not before or self._recorded != recorded

    def draw(self, utc_ns: int) -> None:
        """Draw it."""
        self._place[:] = 0
        if not self._recorded or self._shown is None:
            caption(self._place, self._shot.label, utc_ns, "no recording")
            return
        image = self._shown.image((self._place.shape[1], self._place.shape[0]))
        top, left = (self._place.shape[0] - image.shape[0]) // 2, (self._place.shape[1] - image.shape[1]) // 2
        self._place[top : top + image.shape[0], left : left + image.shape[1]] = image
        caption(self._place, self._shot.label, self._shown.utc_ns)
