"""What a video file is, before anybody reads it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vedette.model.errors import SourceError
from vedette.model.media import StreamInfo
from vedette.model.time import NS_PER_S
from vedette.video.decoding import Decoder, decodable, quarter_turns
from vedette.video.timing import LEAP_S, fps_of, plausible

CONTAINERS: Final = (
    "3dostr,aac,aiff,amr,amv,apng,asf,asf_o,av1,avi,avs2,avs3,cavsvideo,dhav,dirac,dnxhd,dv,evc,film_cpk,flac,flic,flv,"
    "gif,gxf,h261,h263,h264,hevc,ifv,ingenient,ivf,live_flv,lmlm4,m4v,matroska,mjpeg,mjpeg_2000,mov,mp3,mpeg,mpegts,"
    "mpegvideo,mpjpeg,mtv,mxf,mxg,nsv,nut,nuv,obu,ogg,pva,rm,smjpeg,swf,vc1,vc1test,vvc,wav,wtv,yuv4mpegpipe"
)
"""Formats that hold their pictures themselves. Playlists, session descriptions, picture series and devices are not
here: they make FFmpeg open other files and addresses, and no one who hands in a video means that."""
SAFE: Final = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
PLAYLISTS: Final = (b"#EXTM3U", b"ffconcat", b"<MPD", b"<SmoothStreaming", b"v=0")
PROMISING: Final = ("mov", "matroska", "avi")
"""Containers whose header states a length of its own, and not one that FFmpeg estimates."""
MANY_PER_PICTURE: Final = (("vp8", ""), ("vc1", ""), ("wmv3", ""), ("mpeg4", "avi"))
"""Codecs that have packets without a picture, everywhere or in one container."""
PROBE_PACKETS: Final = 2000
PROBE_PICTURES: Final = 4
PROBE_STAMPS: Final = 48


@dataclass(frozen=True, slots=True)
class Probe:
    """A file that can be read.

    origin          pts of the first picture that decodes, None without stamps
    one_per_packet  every packet makes one picture, so that packets can be counted instead
    utc_ns          when the first picture was captured
    promised_s      length of the video stream by its header, None when it does not say
    promised        number of packets by the header, 0 when it does not say
    fragmented      an MP4 that states its content piece by piece and promises nothing
    """

    info: StreamInfo
    time_base: Fraction | None
    origin: int | None
    one_per_packet: bool
    utc_ns: int
    promised_s: float | None
    promised: int
    fragmented: bool


@dataclass(frozen=True, slots=True)
class Index:
    """Time stamps of the first part of a file in presentation order, and which of them are keyframes."""

    pts: list[int]
    keys: frozenset[int]


def shown(path: str | Path) -> str:
    """A file name fit for one line of text, in quotes, whatever is in it."""
    return "'" + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(path)) + "'"


def check(path: Path) -> None:
    """Raises SourceError when `path` is not a file with something in it that may be read."""
    name = shown(path)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise SourceError(f"{name} is a directory: name one video file in it")
        if not stat.S_ISREG(status.st_mode):
            device = re.fullmatch(r"/dev/video(\d+)", str(path))
            hint = f"for this camera write webcam:{device[1]}" if device else "name a video file"
            raise SourceError(f"{name} is not a regular file: {hint}")
        with path.open("rb") as file:
            start = file.read(256)
    except FileNotFoundError:
        raise SourceError(f"{name} does not exist: check the path") from None
    except PermissionError:
        raise SourceError(f"{name} may not be read: give this user read permission to it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the name has a character that no file name has"
        raise SourceError(f"{name} cannot be read: {reason}") from None
    if not start:
        raise SourceError(f"{name} is empty: the copy or the recording failed, get the file again")
    start = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(PLAYLISTS) or (start.startswith(b"<?xml") and b"<MPD" in start):
        raise SourceError(f"{name} is a playlist that points to other files: name the video file itself")


def open_container(path: Path) -> InputContainer:
    """The file in FFmpeg's hands, without any way to another file or the network. Raises SourceError."""
    name = shown(path)
    try:
        # The prefix keeps a file called `http:…` or `-` a file.
        return av.open(f"file:{path}", container_options=SAFE, metadata_errors="replace")
    except (av.FFmpegError, UnicodeError) as error:
        raise SourceError(f"{name} {_why(path, error)}") from None


def _why(path: Path, error: Exception) -> str:
    if isinstance(error, av.error.PermissionError):
        return "may not be read: give this user read permission to it"
    if isinstance(error, av.error.MemoryError):
        return "cannot be opened: not enough memory"
    if isinstance(error, av.error.EOFError):
        return "has no picture in it, it ends too early: the copy or the recording failed, get the file again"
    with path.open("rb") as file:
        start = file.read(12)
    if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        return "is an incomplete or damaged MP4 (its index is missing): copy it again or repair it"
    return "is not a video in a format known here: check that it plays, or convert it to MP4"


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The video of a container; cover pictures do not count. Raises SourceError."""
    usable = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not usable:
        if container.streams.audio:
            raise SourceError(f"{name} has sound but no picture: name a video")
        raise SourceError(f"{name} has no video stream: name a video")
    stream = max(usable, key=lambda s: (bool(s.disposition & Disposition.default), -s.index))
    if not decodable(stream):
        raise SourceError(f"{name} has a video codec that is not supported: convert it to H.264")
    return stream


def probe(path: Path, utc_ns: int | None = None) -> Probe:
    """Look at a file and decode its first pictures. Raises SourceError.

    utc_ns  when the first picture was captured, if the user says so
    """
    check(path)
    with open_container(path) as container:
        stream = video_stream(container, shown(path))
        pictures, stamps = _first(container, stream)
        if not pictures:
            codec = stream.codec_context.name
            raise SourceError(f"{shown(path)} has no picture that can be decoded ({codec}): check that it plays")
        info = _info(path, container, stream, pictures[0], stamps)
        first = [picture.pts for picture in pictures]
        origin = first[0]
        ordered = sorted(pts for pts in stamps if origin is not None and pts >= origin)
        return Probe(
            info=info,
            time_base=stream.time_base,
            origin=origin,
            one_per_packet=ordered[: len(first)] == first and not _many_per_picture(container, info.codec),
            utc_ns=_utc_ns(path, container, stream, info) if utc_ns is None else utc_ns,
            promised_s=_promised_s(container, stream),
            promised=stream.frames if _promises(container) else 0,
            fragmented=container.format.name.startswith("mov") and not stream.frames,
        )


def _first(container: InputContainer, stream: VideoStream) -> tuple[list[VideoFrame], list[int]]:
    decoder = Decoder(stream, delay=False)
    pictures: list[VideoFrame] = []
    stamps: list[int] = []
    try:
        for number, packet in enumerate(container.demux(stream)):
            if packet.pts is not None and not packet.is_discard:
                stamps.append(packet.pts)
            if len(pictures) < PROBE_PICTURES:
                pictures += decoder.pictures(packet)
            elif number >= PROBE_STAMPS:
                break
            if number >= PROBE_PACKETS:
                break
    except av.FFmpegError:
        pass  # what came before the damage is enough, or there is nothing and the caller says so
    return pictures, stamps


def _many_per_picture(container: InputContainer, codec: str) -> bool:
    return any((codec, kind) in MANY_PER_PICTURE for kind in ("", container.format.name.split(",")[0]))


def _info(
    path: Path, container: InputContainer, stream: VideoStream, picture: VideoFrame, stamps: list[int]
) -> StreamInfo:
    rates = [float(rate) for rate in (stream.average_rate, stream.base_rate) if rate]
    fps = next((rate for rate in rates[:1] if plausible(rate)), 0.0)
    fps = fps or (fps_of(stamps, stream.time_base) if stream.time_base else 0.0)
    fps = fps or next((rate for rate in rates if plausible(rate)), 0.0)
    width, height = picture.width, picture.height
    if quarter_turns(picture) % 2:
        width, height = height, width
    return StreamInfo(
        name=shown(path.name).strip("'"),
        width=width,
        height=height,
        fps=fps,
        frames=stream.frames or None,
        duration_s=_duration_s(container, stream),
        codec=stream.codec_context.name,
    )


def _duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    own = _promised_s(container, stream)
    if own:
        return own
    if stream.duration and stream.duration > 0 and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration and container.duration > 0 else None


def _promises(container: InputContainer) -> bool:
    return container.format.name.split(",")[0] in PROMISING


def _promised_s(container: InputContainer, stream: VideoStream) -> float | None:
    if not _promises(container):
        return None
    tag = stream.metadata.get("DURATION", "")
    try:
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        pass
    if container.format.name == "avi" and stream.frames and stream.average_rate:
        # FFmpeg shortens the duration of an AVI to what its bytes can hold; the number of frames is the header's own.
        return float(stream.frames / stream.average_rate)
    if stream.duration and stream.duration > 0 and stream.time_base:
        return float(stream.duration * stream.time_base)
    if len(container.streams) == 1 and container.duration and container.duration > 0:
        return float(container.duration / av.time_base)
    return None


def _utc_ns(path: Path, container: InputContainer, stream: VideoStream, info: StreamInfo) -> int:
    for metadata in (container.metadata, stream.metadata):
        try:
            created = datetime.fromisoformat(metadata.get("creation_time", ""))
        except ValueError:
            continue
        if created.tzinfo is not None and created.year >= 1990:
            return int(created.timestamp() * 1_000_000) * 1000
    return path.stat().st_mtime_ns - round((info.duration_s or 0.0) * NS_PER_S)


def index_until(path: Path, found: Probe, until_ns: int) -> Index | None:
    """Stamps of all pictures up to somewhat after `until_ns` of stream time, without decoding.

    None when packets do not tell which pictures will come out: stamps missing, repeated or broken.
    """
    if found.origin is None or found.time_base is None or not found.one_per_packet:
        return None
    last = found.origin + round((until_ns / NS_PER_S + 2.0) / found.time_base)
    pts: list[int] = []
    keys: set[int] = set()
    decoded_at: int | None = None
    for stamp, dts, key in _stamps(path):
        if stamp is None or (dts is not None and decoded_at is not None and dts < decoded_at):
            return None
        decoded_at = dts
        if stamp < found.origin:
            continue
        pts.append(stamp)
        if key:
            keys.add(stamp)
        if (stamp if dts is None else dts) > last:
            break
    pts.sort()
    leap = LEAP_S / found.time_base
    if any(not 0 < later - earlier <= leap for earlier, later in pairwise(pts)):
        return None
    return Index(pts, frozenset(keys))


def _stamps(path: Path) -> Iterator[tuple[int | None, int | None, bool]]:
    with open_container(path) as container:
        stream = video_stream(container, shown(path))
        try:
            for packet in container.demux(stream):
                if packet.size and not packet.is_discard:
                    yield packet.pts, packet.dts, packet.is_keyframe
        except av.FFmpegError:
            yield None, None, False


def absolute(address: str) -> Path:
    """The file that `address` names: a path, with `~` for the home folder, or a `file:` URL without a host."""
    if address.startswith("file://"):
        address = unquote(address.removeprefix("file://").removeprefix("localhost"))
    else:
        address = address.removeprefix("file:")
    return Path(os.path.abspath(os.path.expanduser(address)))
