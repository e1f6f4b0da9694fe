"""A clip file taken apart into access units, ready to be sent round and round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import av
import av.error
import numpy as np

from vedette.model.errors import SourceError
from vedette.model.media import Codec
from vedette.video.mp4.parameter_sets import parameter_sets

_FILTERS: Final = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}
_VIDEO: Final = ("h264", "hevc", "mjpeg")
_SOUND: Final = ("aac", "pcm_mulaw", "pcm_alaw")
_G711_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Unit:
    """One access unit: decoding and presentation time in seconds from the clip's beginning, and its picture's number.

    picture  place in presentation order, from 0
    """

    dts_s: float
    pts_s: float
    data: bytes = field(repr=False)
    key: bool
    picture: int


@dataclass(frozen=True, slots=True)
class Clip:
    """Everything a camera sends of one medium, once round.

    length_s   from the first unit to where the next round begins
    reorder_s  the most by which a unit is presented after it is decoded
    """

    codec: Codec
    units: tuple[Unit, ...] = field(repr=False)
    length_s: float
    reorder_s: float

    @property
    def fps(self) -> float:
        """Units per second."""
        return len(self.units) / self.length_s


def read_video(path: Path) -> Clip:
    """The pictures of a file in H.264, H.265 or Motion JPEG. Raises SourceError."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise SourceError(f"{path} has no pictures: choose another clip")
            stream: Any = container.streams.video[0]
            name = stream.codec_context.name
            if name not in _VIDEO:
                raise SourceError(f"{path} is {name}: a virtual camera sends {', '.join(_VIDEO)}")
            rows = list(_rows(container, stream, _FILTERS.get(name)))
            width, height = stream.codec_context.width, stream.codec_context.height
            extra = bytes(stream.codec_context.extradata or b"")
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    while rows and not rows[0][3]:
        rows.pop(0)
    if not rows:
        raise SourceError(f"{path} has no keyframe: choose another clip")
    return _clip(Codec(name, _parameter_sets(name, rows[0][2], extra), width, height), rows)


def read_sound(path: Path) -> Clip:
    """The sound of a file in AAC or G.711, the latter cut to 20 ms a unit. Raises SourceError."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise SourceError(f"{path} has no sound: choose another file")
            stream: Any = container.streams.audio[0]
            context = stream.codec_context
            if context.name not in _SOUND:
                raise SourceError(f"{path} is {context.name}: a virtual camera sends {', '.join(_SOUND)}")
            extra = bytes(context.extradata or b"")
            codec = Codec(context.name, extra, rate=context.sample_rate, channels=context.channels)
            rows = list(_rows(container, stream, None))
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    if codec.name == "aac":
        if not codec.extradata:
            raise SourceError(f"{path} does not say how its AAC is to be read: use an .m4a or .mp4 file")
        rows = [row for row in rows if row[0] >= -1e-6]
        step_s = 1024 / codec.rate
        return _clip(codec, [(i * step_s, i * step_s, row[2], True) for i, row in enumerate(rows)], step_s)
    data = b"".join(row[2] for row in rows)
    size = round(codec.rate * _G711_S) * codec.channels
    parts = [data[first : first + size] for first in range(0, len(data) - size + 1, size)]
    return _clip(codec, [(i * _G711_S, i * _G711_S, part, True) for i, part in enumerate(parts)], _G711_S)


def _rows(container: Any, stream: Any, name: str | None) -> Iterator[tuple[float, float, bytes, bool]]:  # noqa: ANN401
    annex_b = av.BitStreamFilterContext(name, stream) if name else None
    for packet in container.demux(stream):
        if packet.dts is None or packet.pts is None or packet.is_corrupt:
            continue
        dts_s, pts_s = float(packet.dts * packet.time_base), float(packet.pts * packet.time_base)
        # The filter empties the packet it is given.
        key = bool(packet.is_keyframe)
        for part in [packet] if annex_b is None else annex_b.filter(packet):
            yield dts_s, pts_s, bytes(part), key


def _clip(codec: Codec, rows: list[tuple[float, float, bytes, bool]], step_s: float | None = None) -> Clip:
    if not rows:
        raise SourceError("the file holds nothing that can be sent: choose another one")
    begin = rows[0][0]
    dts = np.array([row[0] for row in rows]) - begin
    pts = np.array([row[1] for row in rows]) - begin
    if step_s is None:
        step_s = float(np.median(np.diff(dts))) if len(rows) > 1 else 0.04
    order = np.argsort(np.argsort(pts, kind="stable"), kind="stable")
    units = tuple(
        Unit(d, p, row[2], row[3], picture)
        for d, p, row, picture in zip(dts.tolist(), pts.tolist(), rows, order.tolist(), strict=True)
    )
    return Clip(codec, units, float(dts[-1]) + step_s, max(0.0, float((pts - dts).max())))


def _parameter_sets(name: str, first: bytes, extra: bytes) -> bytes:
    """The parameter sets of the first keyframe in Annex B form, or those of the file's header."""
    if name == "mjpeg":
        return b""
    for data in (first, extra):
        found = parameter_sets(data, name)
        if found:
            return found
    raise SourceError(f"a {name} clip needs its parameter sets in the first keyframe: encode it again")
