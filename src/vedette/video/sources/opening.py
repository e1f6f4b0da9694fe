"""Whether what FFmpeg opened is of use, and in whose words it failed where it did not open."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Mapping
from typing import Final, TypeAlias

import av
from av.container import InputContainer

from vedette.model.errors import SourceDenied, SourceError
from vedette.video.decoding import decodable

NO_VIDEO: Final = "has no video stream: check the path, this one may be for sound or events only"
WAIT_LIMIT_S: Final = 300.0
_NO_ROUTE: Final = "cannot be reached: there is no route to this address, check network and address"
_UNREACHABLE: Final = dict.fromkeys((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETDOWN), _NO_ROUTE)
_HUNG_UP: Final = "hung up: check the port, and that no other viewer takes its last place"
_REFUSALS: Final = {
    401: "refuses the login: check user name and password; : / ? # in them are written %3A %2F %3F %23, an at sign %40",
    403: "does not allow this: the user may log in but not watch, change it in the camera",
    404: "has no such stream: check the path after the host, the camera's manual names it",
}


NO_LOGIN: Final = "asks for a login: write user:password@ before the host"


def refused(status: int) -> SourceError:
    """The error for an answer with a status of 400 and more."""
    return (SourceDenied if status in _DENIED else SourceError)(_words(status))


def named(shown: str, error: SourceError) -> SourceError:
    """`error` with the address before it, fit to be shown."""
    return type(error)(f"{shown} {error}")


def _words(status: int) -> str:
    return _REFUSALS.get(status) or (
        "does not give this stream in this way: check the path and try the other transport"
        if status < 500
        else "answers with a fault of its own: too many viewers, or it needs a restart"
    )


_FAULTS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (av.error.HTTPNotFoundError, _words(404)),
    (av.error.HTTPClientError, _words(400)),
    (av.error.HTTPServerError, _words(500)),
    (ConnectionRefusedError, "refuses the connection: check the port and that streaming is switched on in the camera"),
    (av.error.InvalidDataError, "answers, but not with a stream that makes sense: check the port and the path"),
    (ConnectionError, _HUNG_UP),
    (av.error.EOFError, _HUNG_UP),
    (ssl.SSLError, "cannot be read (it does not speak TLS on this port): check the port, or write it without the s"),
)


_DENIED: Final = (401, 403)
Failure: TypeAlias = OSError | av.FFmpegError


def failed(error: Failure, host: str, known: Mapping[type[Exception], str]) -> SourceError:
    """The error for a connection that failed: why, and what to do.

    known  what to say of errors that mean something particular here
    """
    if isinstance(error, (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)):
        return refused(401 if isinstance(error, av.error.HTTPUnauthorizedError) else 403)
    for kind, words in (*known.items(), *_FAULTS):
        if isinstance(error, kind):
            return SourceError(words)
    if isinstance(error, socket.gaierror):
        return SourceError(f"cannot be found: the host name '{host}' is not known, check it or use the IP address")
    words = f"cannot be read ({error.strerror or error}): check address, port and transport"
    return SourceError(_UNREACHABLE.get(error.errno or 0, words))


def timed_out(error: Failure) -> bool:
    """Whether it failed because nothing came. An interrupted wait comes out of FFmpeg under several names."""
    return isinstance(error, (av.error.ExitError, TimeoutError))


def check_waits(**waits_s: float) -> None:
    """Raises ValueError where a wait cannot be meant."""
    for name, value in waits_s.items():
        if not 0.0 < value <= WAIT_LIMIT_S:
            raise ValueError(f"{name}: {value:g} is not between 0 and {WAIT_LIMIT_S:g} seconds")


def unusable(container: InputContainer) -> str:
    """What keeps an open stream from being watched; nothing when nothing does."""
    if not container.streams.video:
        return NO_VIDEO
    stream = container.streams.video[0]
    if not decodable(stream):
        return "has a video codec that is not supported: set the camera to H.264 or H.265"
    if not stream.width or not stream.height:
        return "sends no picture: check that the camera's stream is switched on"
    return ""
