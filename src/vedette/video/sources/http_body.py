"""A stream over HTTP as a file that FFmpeg can read, over a connection of our own.

FFmpeg's own HTTP follows redirects to other hosts, sends a password in clear, and cannot be interrupted.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from vedette.model.errors import SourceDenied, SourceError
from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S
from vedette.video.sources.address import redact
from vedette.video.sources.login import login_of, unchecked_encryption
from vedette.video.sources.opening import NO_LOGIN, refused

LEAST_BYTES: Final = 1000
"""What has to come in every `stall_s`: whoever sends less sends no pictures."""


class HttpBody:
    """The body of what `address` answers. Reading raises TimeoutError when nothing comes.

    connect_s    for everything up to the first picture
    stall_s      without data after that
    allow_basic  send the password in clear where the camera wants it so and nothing encrypts it

    Raises SourceError for an answer that is no stream, OSError where the camera cannot be reached.
    """

    def __init__(self, address: str, clock: Clock, connect_s: float, stall_s: float, *, allow_basic: bool) -> None:
        self.name = redact(address)
        self._clock = clock
        self._stall_s = stall_s
        self._until_ns: int | None = clock.monotonic_ns() + round(connect_s * NS_PER_S)
        self._since_ns = 0
        self._bytes = 0
        self._socket: socket.socket | None = None
        self._connection = _connection(address, connect_s)
        self._answer: http.client.HTTPResponse | None = None
        try:
            self._get(address, allow_basic=allow_basic)
        except http.client.HTTPException:
            self.release()
            raise SourceError("answers, but not with HTTP that makes sense: check the port") from None
        except BaseException:
            self.release()
            raise

    @property
    def media_type(self) -> str:
        """What the camera calls it, in small letters."""
        return "" if self._answer is None else self._answer.headers.get("Content-Type", "").lower()

    def read(self, size: int) -> bytes:
        """At most `size` bytes, as soon as there are any; none at the end."""
        if self._socket is None or self._answer is None or self._answer.isclosed():
            return b""
        self._socket.settimeout(self._patience_s())
        try:
            data = self._answer.read1(size)
        except (http.client.HTTPException, ValueError):
            return b""
        self._bytes += len(data)
        return data

    def started(self) -> None:
        """The stream was recognised; from now on only silence counts."""
        self._until_ns = None
        self._since_ns, self._bytes = self._clock.monotonic_ns(), 0

    def pull(self) -> None:
        """Wake whoever reads; from any thread."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Hang up."""
        self._connection.close()
        if self._answer is not None:
            self._answer.close()

    def _get(self, address: str, *, allow_basic: bool) -> None:
        parts = urlsplit(address)
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        login = login_of(address, allow_basic=allow_basic)
        answer = self._ask(target, "")
        if answer.status == 401 and login is not None:
            offers = answer.headers.get_all("WWW-Authenticate") or []
            self.release()
            answer = self._ask(target, login.answer(offers, "GET", target))
        if answer.status == 401 and login is None:
            raise SourceDenied(NO_LOGIN)
        if 300 <= answer.status < 400:
            elsewhere = redact(answer.headers.get("Location") or "an address it does not name")[:200]
            raise SourceError(f"sends us on to {elsewhere}: if that is right, make it the address of the camera")
        if answer.status != 200:
            raise refused(answer.status)

    def _ask(self, target: str, authorization: str) -> http.client.HTTPResponse:
        headers = {"User-Agent": "Vedette", "Accept": "*/*"}
        if authorization:
            headers["Authorization"] = authorization
        self._connection.timeout = self._patience_s()
        self._connection.request("GET", target, headers=headers)
        # A response that ends with its connection takes the socket away from it.
        self._socket = self._connection.sock
        self._answer = self._connection.getresponse()
        return self._answer

    def _patience_s(self) -> float:
        """How long the next read may take. Raises TimeoutError when time is up."""
        now_ns = self._clock.monotonic_ns()
        if self._until_ns is not None:
            if now_ns >= self._until_ns:
                raise TimeoutError
            return (self._until_ns - now_ns) / NS_PER_S
        if now_ns - self._since_ns > self._stall_s * NS_PER_S:
            if self._bytes < LEAST_BYTES:
                raise TimeoutError
            self._since_ns, self._bytes = now_ns, 0
        return self._stall_s


def _connection(address: str, wait_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(address)
    if parts.scheme == "https":
        return http.client.HTTPSConnection(
            parts.hostname or "", parts.port, timeout=wait_s, context=unchecked_encryption()
        )
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=wait_s)
