"""Other ways that video comes over a network: SRT and RTMP (drones, body-worn cameras), and HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import av
from av.container import InputContainer

from vedette.model.errors import SourceError
from vedette.model.ports import Clock
from vedette.model.spec import STRICT, Spec
from vedette.model.time import NS_PER_S
from vedette.video.sources.address import network_address, redact
from vedette.video.sources.http_body import HttpBody
from vedette.video.sources.live import LiveStream, Unplug
from vedette.video.sources.opening import Failure, check_waits, failed, named, timed_out, unusable
from vedette.video.sources.plug import Plug

PROTOCOLS: Final = {
    "srt": "srt",
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,tls,tcp",
    "http": "none",
    "https": "none",
}
"""All that FFmpeg may use for an address of a scheme. HTTP is read by ourselves and leaves it nothing to open."""
PORTS: Final = {"srt": 9000, "rtmp": 1935, "rtmps": 443, "http": 80, "https": 443}
FORMATS: Final = {"srt": "mpegts", "rtmp": "flv", "rtmps": "flv"}
CONTAINERS: Final = "flv,h264,hevc,live_flv,m4v,matroska,mjpeg,mov,mpegts,mpjpeg"
"""Formats over HTTP that hold their pictures themselves; playlists (HLS, DASH) make FFmpeg open other addresses."""
PLAYLISTS: Final = ("mpegurl", "dash+xml", "scpls")
BUFFER: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class NetOptions:
    """Settings of a camera that is no RTSP camera.

    audio        take its sound as well
    allow_basic  send the password over http:// in clear where the camera wants it so; everybody can read it then
    connect_s    seconds to wait for an answer and the first pictures
    stall_s      seconds without a picture after which the camera counts as lost
    """

    audio: bool = False
    allow_basic: bool = False
    connect_s: float = 10.0
    stall_s: float = 10.0

    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check_waits(connect_s=self.connect_s, stall_s=self.stall_s)


class NetSource:
    """A camera at an address with `srt`, `rtmp`, `rtmps`, `http` or `https`. Raises UsageError for any other."""

    def __init__(self, address: str, options: NetOptions, clock: Clock) -> None:
        self._host, port = network_address(address, ("http", "https", "rtmp", "rtmps", "srt"))
        self._scheme = urlsplit(address).scheme
        self._port = port or PORTS[self._scheme]
        self._address = address
        self._options = options
        self._clock = clock

    def open(self) -> LiveStream:
        """Connect and wait for the first pictures. Raises SourceError."""
        shown = redact(self._address)
        began_ns = self._clock.monotonic_ns()
        # What went wrong is told without its cause, whose text has the address with the password in it.
        try:
            container, plug = self._over_http() if self._scheme.startswith("http") else self._by_ffmpeg()
        except SourceError as error:
            raise named(shown, error) from None
        except av.error.ProtocolNotFoundError:
            raise SourceError(f"{shown} {_lacks(self._scheme)}") from None
        except (av.FFmpegError, OSError) as error:
            raise named(shown, self._why(error, self._clock.monotonic_ns() - began_ns)) from None
        fault = unusable(container)
        if fault:
            container.close()
            plug.release()
            raise SourceError(f"{shown} {fault}")
        return LiveStream(
            container, shown, self._options.stall_s, self._clock, plug=plug, timed=True, sound=self._options.audio
        )

    def _by_ffmpeg(self) -> tuple[InputContainer, Unplug]:
        options = {"protocol_whitelist": PROTOCOLS[self._scheme], "format_whitelist": FORMATS[self._scheme]}
        with Plug(self._host, self._port) as plug:
            container = av.open(
                self._address,
                format=FORMATS[self._scheme],
                container_options=options,
                timeout=(self._options.connect_s, self._options.stall_s),
                metadata_errors="replace",
            )
        return container, plug

    def _over_http(self) -> tuple[InputContainer, Unplug]:
        waits = self._options.connect_s, self._options.stall_s
        body = HttpBody(self._address, self._clock, *waits, allow_basic=self._options.allow_basic)
        try:
            container = self._recognised(body)
        except BaseException:
            body.release()
            raise
        body.started()
        return container, body

    def _recognised(self, body: HttpBody) -> InputContainer:
        if any(word in body.media_type for word in PLAYLISTS):
            raise SourceError("is a playlist that points to other addresses: give RTSP or the stream itself")
        options = {"protocol_whitelist": PROTOCOLS[self._scheme], "format_whitelist": CONTAINERS}
        return av.open(body, "r", container_options=options, buffer_size=BUFFER, metadata_errors="replace")

    def _why(self, error: Failure, waited_ns: int) -> SourceError:
        if timed_out(error) or waited_ns >= self._options.connect_s * NS_PER_S:
            return SourceError(f"did not answer within {self._options.connect_s:g} s: check address, port and network")
        return failed(error, redact(self._host), {})


def _lacks(scheme: str) -> str:
    other = "let the camera send RTSP, RTMP or HTTP" if scheme == "srt" else "let the camera send RTSP"
    return f"needs {scheme.upper()}, which this FFmpeg was built without: {other}, or install PyAV on one that has it"


def build(options: NetOptions, address: str, clock: Clock) -> NetSource:
    """The camera at `address` (`srt://…`, `rtmp://…`, `rtmps://…`, `http://…`, `https://…`). Raises UsageError."""
    return NetSource(address, options, clock)


SPEC = Spec("net", NetOptions, build, "a camera by SRT, RTMP or HTTP (MPEG-TS, Motion JPEG)")
