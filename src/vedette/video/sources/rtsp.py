"""Network cameras by RTSP, over TCP (also encrypted) or UDP."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

import av
from av.container import InputContainer

from vedette.model.errors import SourceError
from vedette.model.ports import Clock
from vedette.model.spec import STRICT, Spec
from vedette.model.time import NS_PER_S
from vedette.video.decoding import decodable
from vedette.video.sources.address import network_address, redact
from vedette.video.sources.live import LiveStream, MachineClock

SCHEMES: Final = ("rtsp", "rtsps")
PROTOCOLS: Final = "rtsp,rtp,tcp,udp,tls"
"""All that FFmpeg may use on behalf of a camera: no files, no HTTP."""
UNREACHABLE: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)
WAIT_LIMIT_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RtspOptions:
    """Settings of an RTSP camera.

    transport  how pictures travel: `tcp` loses none, `udp` is for cameras and networks that cannot do it
    connect_s  seconds to wait for the camera to answer, and again for its first pictures
    stall_s    seconds without a picture after which the camera counts as lost
    """

    transport: Literal["tcp", "udp"] = "tcp"
    connect_s: float = 10.0
    stall_s: float = 10.0

    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        for name, value in (("connect_s", self.connect_s), ("stall_s", self.stall_s)):
            if not 0.0 < value <= WAIT_LIMIT_S:
                raise ValueError(f"{name}: {value:g} is not between 0 and {WAIT_LIMIT_S:g} seconds")


class RtspSource:
    """A camera that speaks RTSP. Raises UsageError when `address` cannot be one."""

    def __init__(self, address: str, options: RtspOptions | None = None, clock: Clock | None = None) -> None:
        self._host, self._port = network_address(address, SCHEMES)
        self._address = address
        self._options = options or RtspOptions()
        self._clock = clock or MachineClock()

    def open(self) -> LiveStream:
        """Connect and wait for the first pictures. Raises SourceError."""
        shown = redact(self._address)
        began_ns = self._clock.monotonic_ns()
        try:
            container = self._connect()
        except av.FFmpegError as error:
            # The cause is not kept: its text has the address with the password in it.
            raise SourceError(f"{shown} {self._why(error, self._clock.monotonic_ns() - began_ns)}") from None
        fault = _unusable(container)
        if fault:
            container.close()
            raise SourceError(f"{shown} {fault}")
        return LiveStream(container, shown, self._options.stall_s, self._clock)

    def _connect(self) -> InputContainer:
        options = {"rtsp_transport": self._options.transport, "protocol_whitelist": PROTOCOLS}
        waits = self._options.connect_s, self._options.stall_s
        return av.open(
            self._address, format="rtsp", container_options=options, timeout=waits, metadata_errors="replace"
        )

    def _why(self, error: av.FFmpegError, waited_ns: int) -> str:
        # An interrupted wait comes out of FFmpeg under several names.
        timed_out = waited_ns >= self._options.connect_s * NS_PER_S
        if timed_out or isinstance(error, (av.error.ExitError, av.error.TimeoutError)):
            return f"did not answer within {self._options.connect_s:g} s: check address, port and network"
        if isinstance(error, av.error.HTTPUnauthorizedError) and "@" not in self._address:
            return "asks for a login: write user:password@ before the host"
        for kind, why in _FAULTS:
            if isinstance(error, kind):
                return why
        if error.errno in UNREACHABLE:
            return "cannot be reached: there is no route to this address, check network and address"
        if not self._resolves():
            return f"cannot be found: the host name '{redact(self._host)}' is not known, check it or use the IP address"
        return f"cannot be read ({error.strerror}): check address, port and transport"

    def _resolves(self) -> bool:
        try:
            socket.getaddrinfo(self._host, self._port or 554)
        except OSError:
            return False
        return True


_FAULTS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (
        av.error.HTTPUnauthorizedError,
        "refuses the login: check user name and password, with @ : / ? # in them as %40 %3A %2F %3F %23",
    ),
    (av.error.HTTPForbiddenError, "does not allow this: the user may log in but not watch, change it in the camera"),
    (av.error.HTTPNotFoundError, "has no such stream: check the path after the host, the camera's manual names it"),
    (av.error.HTTPClientError, "does not give this stream in this way: check the path and try the other transport"),
    (av.error.HTTPServerError, "answers with a fault of its own: too many viewers, or it needs a restart"),
    (
        av.error.ConnectionRefusedError,
        "refuses the connection: check the port (usually 554) and that RTSP is switched on in the camera",
    ),
    (av.error.InvalidDataError, "answers, but not with RTSP that makes sense: check the port and that it is a camera"),
    (av.error.ConnectionResetError, "hung up: check the port, and that no other viewer takes its last place"),
    (av.error.EOFError, "hung up: check the port, and that no other viewer takes its last place"),
)


def _unusable(container: InputContainer) -> str:
    if not container.streams.video:
        return "has no video stream: check the path, this one may be for sound or events only"
    stream = container.streams.video[0]
    if not decodable(stream):
        return "has a video codec that is not supported: set the camera to H.264 or H.265"
    if not stream.width or not stream.height:
        return "sends no picture: check that the camera's stream is switched on"
    return ""


def build(options: RtspOptions, address: str, clock: Clock | None = None) -> RtspSource:
    """The camera at `address` (`rtsp://…` or `rtsps://…`). Raises UsageError."""
    return RtspSource(address, options, clock)


SPEC = Spec("rtsp", RtspOptions, build, "a network camera by RTSP over TCP, TLS or UDP")
