"""Small clips made on the spot, whose pictures have their number drawn in, so that order and loss can be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.container import OutputContainer

from vedette.model.media import Image

WIDTH: Final = 128
HEIGHT: Final = 96
BITS: Final = 8
H264: Final = next((name for name in ("libx264", "libopenh264") if name in av.codecs_available), "")


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> Image:
    """`number` as eight black and white columns, the highest bit on the left; the lower quarter stays grey."""
    image = np.full((height, width, 3), 128, np.uint8)
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        image[: height * 3 // 4, left:right] = 255 if number >> (BITS - 1 - bit) & 1 else 0
    return image


def number_in(image: Image) -> int:
    """The number drawn into a picture of any size."""
    height, width = image.shape[:2]
    row = image[height // 3, :, 1]
    return sum(int(row[(2 * bit + 1) * width // (2 * BITS)] > 127) << (BITS - 1 - bit) for bit in range(BITS))


def make_clip(
    path: Path,
    codec: str = "mpeg4",
    *,
    frames: int = 50,
    fps: int = 25,
    container: str | None = None,
    pixels: str = "yuv420p",
    stamps: Sequence[int] | None = None,
    shift: int = 0,
    rotation: int = 0,
    group: int = 10,
    codec_options: Mapping[str, str] | None = None,
    mux_options: Mapping[str, str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Write a clip.

    stamps   milliseconds of each picture, instead of an even rate
    shift    ticks of 1/90000 s to add to every stamp
    rotation degrees to the left that a player must turn the picture
    """
    with av.open(str(path), "w", format=container, options=dict(mux_options or {})) as output:
        output.metadata.update(metadata or {})
        stream: Any = output.add_stream(codec, rate=fps, options=dict(codec_options or {}))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        stream.codec_context.gop_size = group
        if rotation:
            stream.set_display_rotation(rotation)
        if stamps is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.open()
        output.start_encoding()  # so that a clip without frames is written too
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number), format="bgr24").reformat(format=pixels)
            frame.pts = number if stamps is None else stamps[number]
            frame.time_base = Fraction(1, fps) if stamps is None else Fraction(1, 1000)
            _mux(output, stream.encode(frame), shift)
        _mux(output, stream.encode(None), shift)
    return path


def _mux(output: OutputContainer, packets: Sequence[Any], shift: int) -> None:
    for packet in packets:
        if shift:
            ticks = round(shift / 90000 / packet.time_base)
            packet.pts += ticks
            packet.dts += ticks
        output.mux(packet)


def make_sound(path: Path) -> Path:
    """A quarter of a second of silence, without a picture."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("aac", rate=16000)
        for number in range(4):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, number * 1024
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def resize_midway(path: Path, first: int = 10, second: int = 10) -> Path:
    """Motion JPEG whose pictures are half as large from number `first` on."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        small: Any = av.CodecContext.create("mjpeg", "w")
        small.width, small.height, small.pix_fmt, small.time_base = WIDTH // 2, HEIGHT // 2, "yuvj420p", Fraction(1, 25)
        for number in range(first + second):
            size = (WIDTH, HEIGHT) if number < first else (WIDTH // 2, HEIGHT // 2)
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="bgr24").reformat(format="yuvj420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            for packet in (stream if number < first else small).encode(frame):
                packet.stream = stream
                output.mux(packet)
    return path
