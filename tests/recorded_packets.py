"""Real packets of every codec a camera sends, as recorders get them. Small and made once per test process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

import av
import numpy as np

from vedette.model.media import Codec, Packet
from vedette.model.time import NS_PER_S, Instant
from vedette.video.mp4.parameter_sets import parameter_sets
from video_clips import picture

UTC_NS: Final = 1_764_000_000 * NS_PER_S
WIDTH: Final = 128
HEIGHT: Final = 96
FPS: Final = 25
_ENCODERS: Final = {"h264": ("libx264", "libopenh264"), "hevc": ("libx265",), "mjpeg": ("mjpeg",)}
_OPTIONS: Final = {
    "libx264": {"preset": "ultrafast", "x264-params": "log-level=none:repeat-headers=1"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:repeat-headers=1"},
}


def encoder_of(name: str) -> str:
    """The first encoder of this FFmpeg for a codec, nothing when there is none."""
    return next((encoder for encoder in _ENCODERS[name] if encoder in av.codecs_available), "")


@lru_cache(maxsize=32)
def video_packets(
    name: str = "h264",
    frames: int = 50,
    *,
    group: int = 25,
    b_frames: int = 0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    camera: str = "gate",
    first: int = 0,
) -> tuple[Packet, ...]:
    """Packets of pictures with their number drawn in (see `video_clips.number_in`), from the start of a run."""
    encoder = encoder_of(name)
    context: Any = av.CodecContext.create(encoder, "w")
    context.width, context.height = size
    context.pix_fmt = "yuvj420p" if name == "mjpeg" else "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    context.gop_size, context.max_b_frames, context.thread_count = group, b_frames, 1
    options = dict(_OPTIONS.get(encoder, {}))
    if encoder == "libx264" and b_frames:
        options["x264-params"] += ":scenecut=0:open-gop=0:b-adapt=0"
    elif encoder == "libx265":
        options["x265-params"] += f":bframes={b_frames}:open-gop=0:keyint={group}:min-keyint={group}:scenecut=0"
    context.options = options
    coded: list[Any] = []
    for number in range(frames):
        frame = av.VideoFrame.from_ndarray(picture((first + number) % 256, *size), format="bgr24")
        frame = frame.reformat(format=context.pix_fmt)
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        coded += context.encode(frame)
    coded += context.encode(None)
    codec = Codec(name, parameter_sets(bytes(coded[0]), name), *size)
    return tuple(_packet(packet, number, codec, camera) for number, packet in enumerate(coded))


def _packet(packet: av.Packet[Any], number: int, codec: Codec, camera: str) -> Packet:
    at, dts = (((stamp or 0) * NS_PER_S) // FPS for stamp in (packet.pts, packet.dts))
    return Packet(camera, "main", bytes(packet), Instant(at, UTC_NS + at), dts, packet.is_keyframe, codec, number)


@lru_cache(maxsize=8)
def audio_packets(name: str = "aac", seconds: float = 2.0, rate: int = 16000) -> tuple[Packet, ...]:
    """A tone; AAC in frames of 1024 samples, G.711 (8 kHz) in packets of 20 ms."""
    rate = rate if name == "aac" else 8000
    step = 1024 if name == "aac" else rate // 50
    context: Any = av.CodecContext.create(name, "w")
    context.sample_rate, context.layout, context.format = rate, "mono", "fltp" if name == "aac" else "s16"
    packets: list[Packet] = []
    coded: list[Any] = []
    for number in range(round(seconds * rate / step)):
        wave = np.sin((np.arange(step) + number * step) * 2 * np.pi * 440 / rate)
        samples = wave.astype(np.float32) if name == "aac" else (wave * 9000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format=context.format.name, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, number * step, Fraction(1, rate)
        coded += context.encode(frame)
    codec = Codec(name, bytes(context.extradata or b""), rate=rate, channels=1)
    for number, packet in enumerate(coded):
        at = number * step * NS_PER_S // rate
        packets.append(Packet("gate", "main", bytes(packet), Instant(at, UTC_NS + at), at, True, codec, number))
    return tuple(packets)


def together(*media: Sequence[Packet]) -> list[Packet]:
    """Packets of several media in the order in which they arrive, numbered anew."""
    merged = sorted((packet for packets in media for packet in packets), key=lambda packet: packet.dts_ns)
    return [replace(packet, number=number) for number, packet in enumerate(merged)]


def later(packets: Sequence[Packet], ns: int, run: int | None = None) -> list[Packet]:
    """The same packets `ns` later in their run."""
    return [
        replace(packet, at=packet.at.shifted(ns), dts_ns=packet.dts_ns + ns, run=packet.run if run is None else run)
        for packet in packets
    ]


def session(seconds: int, *, group: int = 25, b_frames: int = 0, name: str = "h264", run: int = 7) -> list[Packet]:
    """Packets of a run of any length, out of one encoded second or group after the other."""
    packets: list[Packet] = []
    one = video_packets(name, group, group=group, b_frames=b_frames)
    step = group * NS_PER_S // FPS
    for start in range(0, seconds * NS_PER_S, step):
        packets += later(one, start, run)
    return [replace(packet, number=number) for number, packet in enumerate(packets)]
