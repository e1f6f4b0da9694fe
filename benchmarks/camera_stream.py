"""Drawn scenes as the packets a camera would send: constant rate, sensor noise, groups of pictures of any length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from vedette.model.media import Codec, Image, Packet
from vedette.model.time import NS_PER_S, Instant
from vedette.simulator.paths import Path as Way
from vedette.simulator.paths import Stop
from vedette.simulator.people import Person
from vedette.simulator.projection import View
from vedette.simulator.renderer import Renderer
from vedette.simulator.scenes import SCENES

UTC_NS = 1_767_225_600 * NS_PER_S


@dataclass(frozen=True)
class Encoding:
    """How a camera encodes one of its streams."""

    width: int
    height: int
    fps: int
    gop_s: float
    bits_per_s: int
    stream: str = "main"


@dataclass(frozen=True)
class Shown:
    """One drawn picture, and whether somebody shows in it by half or more."""

    at_s: float
    image: Image
    anybody: bool


def pictures(
    size: tuple[int, int], fps: int, seconds: float, people: Sequence[Person] = (), seed: int = 1
) -> Iterator[Shown]:
    """A fenced yard by day, with the noise that scene has, and these people in it."""
    scene = SCENES["fence-line"]
    renderer = Renderer(scene, View(scene.camera, *size), list(people), "day", seed)
    for drawn in renderer.frames(fps, round(seconds * fps)):
        yield Shown(drawn.at_s, drawn.image, any(one.visible and one.visibility >= 0.5 for one in drawn.seen))


def walker(number: int, start_s: float, stops: Sequence[tuple[float, float]], speed: float = 1.3) -> Person:
    """Somebody who walks from stop to stop, metres on the ground."""
    rng = np.random.default_rng(number)
    return Person(number, Way(start_s, [Stop(x, y, speed) for x, y in stops]), rng)


class Encoder:
    """H.264 at a constant rate, in Annex B form, parameter sets with every keyframe."""

    def __init__(self, how: Encoding, camera: str = "bench", run: int = 1) -> None:
        self._how, self._camera, self._run = how, camera, run
        context: Any = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = how.width, how.height, "yuv420p"
        context.time_base, context.framerate = Fraction(1, 90000), Fraction(how.fps)
        context.gop_size, context.max_b_frames, context.thread_count = round(how.gop_s * how.fps), 0, 2
        context.bit_rate = how.bits_per_s
        kbit = how.bits_per_s // 1000
        context.options = {
            "preset": "superfast", "tune": "zerolatency",
            "x264-params": f"sliced-threads=0:scenecut=0:vbv-maxrate={kbit * 3 // 2}:vbv-bufsize={kbit}",
        }  # fmt: skip
        context.open()
        self._context = context
        self._codec = Codec("h264", b"", how.width, how.height)
        self._number = 0

    def take(self, image: Image | None, at_s: float = 0.0) -> list[Packet]:
        """Packets that `image` completes; None ends the stream."""
        frame = None
        if image is not None:
            if image.shape[:2] != (self._how.height, self._how.width):
                size = (self._how.width, self._how.height)
                image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            frame = av.VideoFrame.from_ndarray(
                np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8), "yuv420p"
            )
            frame.pts, frame.time_base = round(at_s * 90000), Fraction(1, 90000)
        return [self._packet(coded) for coded in self._context.encode(frame)]

    def _packet(self, coded: Any) -> Packet:  # noqa: ANN401 - PyAV's packet
        at_ns = round(coded.pts * NS_PER_S / 90000)
        self._number += 1
        return Packet(
            self._camera, self._how.stream, bytes(coded), Instant(at_ns, UTC_NS + at_ns), at_ns, coded.is_keyframe,
            self._codec, self._number - 1, self._run,
        )  # fmt: skip


def encoded(shown: Sequence[Shown] | Iterator[Shown], *hows: Encoding) -> list[list[Packet]]:
    """The same pictures in several encodings."""
    encoders = [Encoder(how) for how in hows]
    streams: list[list[Packet]] = [[] for _ in hows]
    for one in shown:
        for encoder, stream in zip(encoders, streams, strict=True):
            stream.extend(encoder.take(one.image, one.at_s))
    for encoder, stream in zip(encoders, streams, strict=True):
        stream.extend(encoder.take(None))
    return streams


def joined(parts: Sequence[Sequence[Packet]], fps: int) -> Iterator[Packet]:
    """Streams that each begin with a keyframe, one after the other, as one run."""
    number, start_ns = 0, 0
    codec = parts[0][0].codec
    for part in parts:
        for packet in part:
            shift = start_ns
            yield replace(packet, at=packet.at.shifted(shift), dts_ns=packet.dts_ns + shift, number=number, codec=codec)
            number += 1
        start_ns += len(part) * NS_PER_S // fps


def write(path: Path, packets: Sequence[Packet]) -> None:
    """The bare elementary stream, as files of cameras are read by other programs."""
    path.write_bytes(b"".join(packet.data for packet in packets))
