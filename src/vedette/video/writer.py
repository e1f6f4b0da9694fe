"""Pictures to an H.264 file that any player opens."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import av.error
import av.video.stream
import cv2
import numpy as np
from av.codec import codecs_available
from av.video.codeccontext import VideoCodecContext

from vedette.model.errors import OutputError
from vedette.model.media import Image

TICKS_PER_S: Final = 60_000
"""Fine enough for every frame rate in use; MPEG-4 part 2 allows no more than 65535."""
_KEYFRAME_S: Final = 2.0
_RATE_BITS_PER_PIXEL: Final = 0.12
_BT601: Final = 6

_ENCODERS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("libx264", {"preset": "superfast", "crf": "26", "tune": "zerolatency", "x264-params": "sliced-threads=0"}),
    ("libopenh264", {"rc_mode": "bitrate", "allow_skip_frames": "0"}),
    ("h264_nvenc", {"preset": "p2"}),
    ("h264_videotoolbox", {}),
    ("mpeg4", {}),
)
"""Encoders in order of preference, with the options that make them fast and the same from run to run."""

_CONTAINER: Final = {"movflags": "hybrid_fragmented+frag_keyframe", "fflags": "+bitexact"}
"""Fragmented while it is written, so that a killed run leaves a playable file; an ordinary MP4 once closed."""


def encoders() -> list[tuple[str, dict[str, str]]]:
    """Encoders of this machine's FFmpeg in order of preference: name and options."""
    return [(name, dict(options)) for name, options in _ENCODERS if name in codecs_available]


def configure(context: VideoCodecContext, width: int, height: int, rate: Fraction) -> None:
    """Set up and open an encoder for pictures of that size, at `rate` frames a second. Raises FFmpegError."""
    context.width, context.height = width + width % 2, height + height % 2
    context.pix_fmt = "yuv420p"
    context.time_base = Fraction(1, TICKS_PER_S)
    context.framerate = rate
    context.gop_size = max(1, round(float(rate) * _KEYFRAME_S))
    context.max_b_frames = 0
    # A fixed number, because the bytes of a multi-threaded encoder depend on it.
    context.thread_count = 2
    context.colorspace, context.color_range = _BT601, 1
    context.color_primaries, context.color_trc = _BT601, _BT601
    if context.name != "libx264":
        context.bit_rate = round(context.width * context.height * float(rate) * _RATE_BITS_PER_PIXEL)
    context.open(strict=False)


def planes(image: Image, width: int, height: int) -> Image:
    """`image` scaled to that size, made even, as I420 planes in the BT.601 range that streams are tagged with."""
    if image.shape[:2] != (height, width):
        image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if width % 2 or height % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)


class VideoWriter:
    """Writes pictures of one size to an MP4 file.

    Odd sizes grow by a repeated last row or column, since H.264 with 4:2:0 colour needs even ones; a picture of
    another size than announced is scaled. Raises OutputError when the file cannot be made or written.
    """

    def __init__(self, path: Path, width: int, height: int, fps: float) -> None:
        if width < 1 or height < 1:
            raise OutputError(f"cannot write {path}: a video needs a size, not {width}x{height}")
        self.path = path
        self.codec = ""
        self._size = (width, height)
        self._step = round(TICKS_PER_S / (fps if fps > 0 else 25.0))
        self._last_pts: int | None = None
        self._container, self._stream = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def write(self, image: Image, at_s: float | None = None) -> None:
        """Append a picture, shape (height, width, 3), shown from `at_s` seconds on (default: one frame later).

        Times that do not grow are moved up to one tick after the picture before. Raises OutputError.
        """
        if self._container is None:
            raise OutputError(f"cannot write to {self.path}: it is closed already")
        frame = av.VideoFrame.from_ndarray(planes(image, *self._size), format="yuv420p")
        frame.pts = self._pts(at_s)
        frame.time_base = Fraction(1, TICKS_PER_S)
        self._encode(frame)

    def close(self) -> None:
        """Finish the file; one that was given no picture is removed. May be called twice. Raises OutputError."""
        if self._container is None:
            return
        container, self._container = self._container, None
        try:
            try:
                if self._last_pts is not None:
                    container.mux(self._stream.encode(None))
            finally:
                container.close()
            if self._last_pts is None:
                self.path.unlink(missing_ok=True)
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def _open(self) -> tuple[av.container.OutputContainer | None, av.video.stream.VideoStream]:
        trouble: Exception | None = None
        try:
            # FFmpeg opens the file with the first picture only; a folder that cannot be written should be told now.
            self.path.open("wb").close()
        except OSError as error:
            raise self._failed(error) from error
        for name, options in encoders():
            try:
                container = av.open(str(self.path), "w", format="mp4", options=dict(_CONTAINER))
            except (av.error.FFmpegError, OSError) as error:
                raise self._failed(error) from error
            try:
                stream = self._add_stream(container, name, options)
            except (av.error.FFmpegError, TypeError, ValueError) as error:
                trouble = error
                container.close()
                continue
            self.codec = name
            return container, stream
        reason = f" ({trouble})" if trouble else ""
        raise OutputError(f"cannot write {self.path}: this FFmpeg has no usable H.264 or MPEG-4 encoder{reason}")

    def _add_stream(
        self, container: av.container.OutputContainer, name: str, options: dict[str, str]
    ) -> av.video.stream.VideoStream:
        rate = Fraction(TICKS_PER_S, self._step)
        stream = container.add_stream(name, rate=rate, options=options)
        if not isinstance(stream, av.video.stream.VideoStream):
            raise TypeError(f"{name} is no video encoder")
        configure(stream.codec_context, *self._size, rate)
        return stream

    def _pts(self, at_s: float | None) -> int:
        if at_s is not None:
            pts = round(at_s * TICKS_PER_S)
        else:
            pts = 0 if self._last_pts is None else self._last_pts + self._step
        if self._last_pts is not None:
            pts = max(pts, self._last_pts + 1)
        self._last_pts = pts
        return pts

    def _encode(self, frame: av.VideoFrame) -> None:
        if self._container is None:
            return
        try:
            self._container.mux(self._stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> OutputError:
        reason = getattr(error, "strerror", None) or str(error)
        return OutputError(f"cannot write {self.path}: {reason}; check the folder, its permissions and the free space")
