"""Network cameras by RTSP, over TCP (also encrypted) or UDP."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

import av
from av.container import InputContainer

from vedette.model.errors import SourceDenied, SourceError
from vedette.model.ports import Clock
from vedette.model.spec import STRICT, Spec
from vedette.model.time import NS_PER_S
from vedette.video.sources.address import network_address, redact
from vedette.video.sources.live import LiveStream
from vedette.video.sources.opening import (
    NO_LOGIN,
    NO_VIDEO,
    Failure,
    check_waits,
    failed,
    named,
    refused,
    timed_out,
    unusable,
)
from vedette.video.sources.plug import Plug
from vedette.video.sources.rtsp_greeting import PORTS, Greeter

SCHEMES: Final = ("rtsp", "rtsps")
PROTOCOLS: Final = "rtsp,rtp,tcp,udp,tls"
"""All that FFmpeg may use on behalf of a camera: no files, no HTTP."""
UDP_BUFFER: Final = 2 * 2**20
"""Bytes that the system keeps for us of RTP over UDP; a keyframe comes in one burst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RtspOptions:
    """Settings of an RTSP camera.

    transport  how pictures travel: `tcp` loses none, `udp` is for cameras and networks that cannot do it
    audio      take its sound as well; without this the camera is not even asked for it
    allow_basic  send the password in clear where the camera wants it so; everybody on the network can read it then
    connect_s  seconds to wait for the camera to answer, and again for its first pictures
    stall_s    seconds without a picture after which the camera counts as lost
    """

    transport: Literal["tcp", "udp"] = "tcp"
    audio: bool = False
    allow_basic: bool = False
    connect_s: float = 10.0
    stall_s: float = 10.0

    __pydantic_config__: ClassVar[Any] = STRICT

    def __post_init__(self) -> None:
        check_waits(connect_s=self.connect_s, stall_s=self.stall_s)


class RtspSource:
    """A camera that speaks RTSP. Raises UsageError when `address` cannot be one."""

    def __init__(self, address: str, options: RtspOptions, clock: Clock) -> None:
        self._host, port = network_address(address, SCHEMES)
        self._port = port or PORTS[urlsplit(address).scheme]
        self._address = address
        self._options = options
        self._clock = clock

    def open(self) -> LiveStream:
        """Connect and wait for the first pictures. Raises SourceError."""
        shown = redact(self._address)
        plug = Plug(self._host, self._port)
        began_ns = self._clock.monotonic_ns()
        # What went wrong is told without its cause, whose text has the address with the password in it.
        try:
            self._greet()
            with plug:
                container = self._connect()
        except SourceError as error:
            raise named(shown, error) from None
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

    def _greet(self) -> None:
        options = self._options
        answer = Greeter(self._address, self._clock, options.connect_s, allow_basic=options.allow_basic).describe()
        if answer.status == 401 and "@" not in self._address:
            raise SourceDenied(NO_LOGIN)
        if answer.status >= 400:
            raise refused(answer.status)
        if answer.status == 200 and not re.search(rb"^m=video ", answer.body, re.MULTILINE):
            raise SourceError(NO_VIDEO)

    def _connect(self) -> InputContainer:
        options = {
            "rtsp_transport": self._options.transport,
            "protocol_whitelist": PROTOCOLS,
            "allowed_media_types": "video+audio" if self._options.audio else "video",
            "buffer_size": str(UDP_BUFFER),
        }
        waits = self._options.connect_s, self._options.stall_s
        return av.open(
            self._address, format="rtsp", container_options=options, timeout=waits, metadata_errors="replace"
        )

    def _why(self, error: Failure, waited_ns: int) -> SourceError:
        options = self._options
        if timed_out(error) or waited_ns >= options.connect_s * NS_PER_S:
            return SourceError(f"did not answer within {options.connect_s:g} s: check address, port and network")
        if error.errno == errno.EPROTONOSUPPORT:
            other = "udp" if options.transport == "tcp" else "tcp"
            return SourceError(f"does not send by {options.transport}: set the option transport to {other}")
        return failed(error, redact(self._host), _FAULTS)


_FAULTS: Final[dict[type[Exception], str]] = {
    ConnectionRefusedError: (
        "refuses the connection: check the port (usually 554) and that RTSP is switched on in the camera"
    ),
    av.error.InvalidDataError: ("answers, but not with RTSP that makes sense: check the port and that it is a camera"),
}


def build(options: RtspOptions, address: str, clock: Clock) -> RtspSource:
    """The camera at `address` (`rtsp://…` or `rtsps://…`). Raises UsageError."""
    return RtspSource(address, options, clock)


SPEC = Spec("rtsp", RtspOptions, build, "a network camera by RTSP over TCP, TLS or UDP")
