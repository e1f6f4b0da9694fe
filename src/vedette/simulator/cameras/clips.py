"""Clips made on the spot for virtual cameras: noise, something that moves, and the number of every frame."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import av
import av.error
import cv2
import numpy as np
from numpy.typing import NDArray

from vedette.model.errors import OutputError
from vedette.simulator.cameras.marks import draw_number

VideoCodec = Literal["h264", "hevc", "mjpeg"]
SoundCodec = Literal["aac", "pcm_mulaw", "pcm_alaw"]

_ENCODERS: Final[dict[VideoCodec, tuple[str, ...]]] = {
    "h264": ("libx264", "libopenh264", "h264_nvenc", "h264_videotoolbox"),
    "hevc": ("libx265", "hevc_nvenc", "hevc_videotoolbox"),
    "mjpeg": ("mjpeg",),
}
_SOUND_RATES: Final[dict[SoundCodec, int]] = {"aac": 16000, "pcm_mulaw": 8000, "pcm_alaw": 8000}
_NOISE_FIELDS_PX: Final = 64
_NOISE: Final = 4.0
_MAKE: Final = 2
"""Goes up when the same arguments shall give another clip."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How pictures are compressed.

    bitrate   bits a second; Motion JPEG has the rate it has
    gop_s     seconds from keyframe to keyframe
    b_frames  pictures between two others that may be sent after the later one
    """

    codec: VideoCodec = "h264"
    bitrate: int = 2_000_000
    gop_s: float = 2.0
    b_frames: int = 0


@dataclass(frozen=True, slots=True)
class _Recipe:
    seconds: float
    fps: float
    size: tuple[int, int]
    moving: bool | tuple[tuple[float, float], ...]
    coding: Coding


def make_clip(
    folder: Path,
    *,
    seconds: float = 10.0,
    fps: float = 25.0,
    size: tuple[int, int] = (1280, 720),
    gop_s: float = 2.0,
    bitrate: int = 2_000_000,
    codec: VideoCodec = "h264",
    moving: bool | Sequence[tuple[float, float]] = True,
    b_frames: int = 0,
) -> Path:
    """A clip in `folder` whose frame i, counted in presentation order from 0, carries i (see `marks.frame_number`).

    Made once: the same arguments find the same file again. `moving` says whether a bright block goes to and fro, or in
    which spans of seconds it does; elsewhere there is only noise. `bitrate` is in bits a second (Motion JPEG has the
    rate it has). Raises OutputError where FFmpeg has no such encoder or the file cannot be written.
    """
    spans = moving if isinstance(moving, bool) else tuple((float(a), float(b)) for a, b in moving)
    recipe = _Recipe(float(seconds), float(fps), size, spans, Coding(codec, bitrate, float(gop_s), b_frames))
    name = hashlib.sha256(repr((_MAKE, astuple(recipe))).encode()).hexdigest()[:12]
    path = folder / f"clip-{codec}-{size[0]}x{size[1]}-{name}.{'mov' if codec == 'mjpeg' else 'mp4'}"
    if not path.exists():
        write_clip(path, _pictures(recipe), recipe.fps, size, recipe.coding)
    return path


def make_sound(folder: Path, *, seconds: float = 10.0, codec: SoundCodec = "aac") -> Path:
    """A tone that changes its pitch every second, mono. Made once. Raises OutputError."""
    path = folder / f"sound-{codec}-{seconds:g}.{'m4a' if codec == 'aac' else 'wav'}"
    if not path.exists():
        make_whole(path, lambda part: _encode_sound(part, seconds, codec))
    return path


def make_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write under another name first, so that nobody finds half a clip. Raises OutputError."""
    part = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        part.replace(path)
    except (av.error.FFmpegError, OSError) as error:
        raise OutputError(f"cannot make the clip {path}: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def write_clip(
    path: Path, pictures: Iterable[NDArray[np.uint8]], fps: float, size: tuple[int, int], coding: Coding
) -> None:
    """Write I420 pictures of an even size, shape (height * 3 / 2, width). Raises OutputError."""
    make_whole(path, lambda part: _encode(part, pictures, fps, size, coding))


def _encode(
    path: Path, pictures: Iterable[NDArray[np.uint8]], fps: float, size: tuple[int, int], coding: Coding
) -> None:
    name = next((name for name in _ENCODERS[coding.codec] if name in av.codecs_available), None)
    if name is None:
        raise OutputError(f"cannot make a {coding.codec} clip: this FFmpeg has none of {_ENCODERS[coding.codec]}")
    rate = Fraction(fps).limit_denominator(1001)
    gop = max(1, round(coding.gop_s * fps))
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(name, rate=rate, options=_options(name, coding, gop))
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if coding.codec == "mjpeg" else "yuv420p"
        if coding.codec != "mjpeg":
            context = stream.codec_context
            context.bit_rate, context.gop_size, context.max_b_frames = coding.bitrate, gop, coding.b_frames
        for number, planes in enumerate(pictures):
            frame: Any = av.VideoFrame.from_ndarray(planes, format=stream.pix_fmt)
            frame.pts, frame.time_base = number, 1 / rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _options(encoder: str, coding: Coding, gop: int) -> dict[str, str]:
    steady = {"maxrate": str(coding.bitrate), "bufsize": str(coding.bitrate)}
    if encoder == "libx264":
        low = {} if coding.b_frames else {"tune": "zerolatency"}
        return {"preset": "ultrafast", "sc_threshold": "0", "keyint_min": str(gop), **low, **steady}
    if encoder == "libx265":
        keys = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0"
        return {"preset": "ultrafast", "x265-params": f"log-level=none:{keys}:bframes={coding.b_frames}", **steady}
    if encoder == "mjpeg":
        return {"huffman": "default", "q:v": "8"}
    return {}


def _pictures(recipe: _Recipe) -> Iterator[NDArray[np.uint8]]:
    """I420 planes of every frame."""
    width, height = recipe.size
    rng = np.random.default_rng(7)
    across, down = np.arange(width)[None, :], np.arange(height)[:, None]
    ground = np.asarray(96 + 40 * np.sin(across / 61) * np.cos(down / 47) + 24 * down / height, np.uint8)
    margin = _NOISE_FIELDS_PX
    grain = np.round(rng.standard_normal((height + margin, width + margin), np.float32) * _NOISE).astype(np.int16)
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    for number in range(max(1, round(recipe.seconds * recipe.fps))):
        x, y = rng.integers(0, margin, 2).tolist()
        luma = planes[:height]
        cv2.add(ground, grain[y : y + height, x : x + width], dst=luma, dtype=cv2.CV_8U)
        at_s = number / recipe.fps
        if _moves(recipe.moving, at_s):
            _draw_block(luma, at_s)
        draw_number(luma, number)
        yield planes


def _moves(moving: bool | tuple[tuple[float, float], ...], at_s: float) -> bool:
    return moving if isinstance(moving, bool) else any(start <= at_s < end for start, end in moving)


def _draw_block(luma: NDArray[np.uint8], at_s: float) -> None:
    height, width = luma.shape
    side = height // 5
    left = round((width - side) * abs((at_s * 0.25) % 2 - 1))
    top = round((height - 2 * side) * abs((at_s * 0.17) % 2 - 1)) + side
    luma[top : top + side, left : left + side] = 210
    luma[top + side // 4 : top + side // 2, left : left + side] = 60


def _encode_sound(path: Path, seconds: float, codec: SoundCodec) -> None:
    rate = _SOUND_RATES[codec]
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=rate, layout="mono")
        size = stream.codec_context.frame_size or 160
        times = np.arange(round(seconds * rate / size) * size) / rate
        wave = np.sin(2 * np.pi * (300 + 50 * np.floor(times)) * times) * 0.3
        for first in range(0, len(wave), size):
            part = wave[None, first : first + size]
            if codec == "aac":
                frame = av.AudioFrame.from_ndarray(part.astype(np.float32), format="fltp", layout="mono")
            else:
                frame = av.AudioFrame.from_ndarray((part * 32767).astype(np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = rate, first
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
