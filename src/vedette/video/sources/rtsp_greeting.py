"""What a camera answers before FFmpeg is let near it, asked over a socket of our own.

FFmpeg sends a password in clear when a camera asks for it that way, goes wherever a camera redirects it, and takes a
session description of any length. So the camera is asked first, with limits, and whatever it must not do is refused.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from vedette.model.errors import SourceError
from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S
from vedette.video.sources.address import redact
from vedette.video.sources.login import login_of, unchecked_encryption

HEADER_LIMIT: Final = 32 * 1024
BODY_LIMIT: Final = 256 * 1024
PORTS: Final = {"rtsp": 554, "rtsps": 322}


@dataclass(frozen=True, slots=True)
class Answer:
    """An RTSP response: status, (name in small letters, value) of its headers, and its body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]


class Greeter:
    """Asks the camera at `address` for the description of its stream.

    allow_basic  send the password in clear where the camera wants it so and nothing encrypts it
    wait_s       for everything together
    """

    def __init__(self, address: str, clock: Clock, wait_s: float, *, allow_basic: bool) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        self._encrypted = parts.scheme == "rtsps"
        self._login = login_of(address, allow_basic=allow_basic)
        # Requests name the camera without the login, and without what only a browser would keep to itself.
        self._target = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
        self._clock = clock
        self._wait_s = wait_s
        self._until_ns = 0
        self._sequence = 0

    def describe(self) -> Answer:
        """The camera's answer to DESCRIBE, with the login where it asks for one.

        Raises SourceError where it redirects, or wants the password in a way that is not allowed, or does not speak
        RTSP; OSError where it cannot be reached.
        """
        self._until_ns = self._clock.monotonic_ns() + round(self._wait_s * NS_PER_S)
        with self._connect() as connection:
            self._ask(connection, "OPTIONS")
            answer = self._ask(connection, "DESCRIBE")
            if answer.status == 401 and self._login is not None:
                offers = answer.all("www-authenticate")
                answer = self._ask(connection, "DESCRIBE", self._login.answer(offers, "DESCRIBE", self._target))
        if 300 <= answer.status < 400:
            elsewhere = redact((answer.all("location") or ["an address it does not name"])[0])[:200]
            raise SourceError(f"sends us on to {elsewhere}: if that is right, make it the address of the camera")
        return answer

    def _connect(self) -> socket.socket:
        plain = socket.create_connection((self._host, self._port), timeout=self._left_s())
        if not self._encrypted:
            return plain
        try:
            return unchecked_encryption().wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise

    def _ask(self, connection: socket.socket, method: str, authorization: str = "") -> Answer:
        self._sequence += 1
        lines = [f"{method} {self._target} RTSP/1.0", f"CSeq: {self._sequence}", "User-Agent: Vedette"]
        if method == "DESCRIBE":
            lines.append("Accept: application/sdp")
        if authorization:
            lines.append(f"Authorization: {authorization}")
        connection.settimeout(self._left_s())
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return self._answer(connection)

    def _answer(self, connection: socket.socket) -> Answer:
        data = b""
        while b"\r\n\r\n" not in data:
            if len(data) > HEADER_LIMIT:
                raise SourceError("answers without end: it is no camera, or a broken one")
            data += self._receive(connection)
            if not b"RTSP/1.".startswith(data[:7]):
                raise SourceError("answers, but not with RTSP that makes sense: check the port and that it is a camera")
        head, _, body = data.partition(b"\r\n\r\n")
        status, headers = _parse(head)
        length = next((value for key, value in headers if key == "content-length"), "0")
        if not length.isascii() or not length.isdigit() or int(length) > BODY_LIMIT:
            raise SourceError("describes its stream without end: it is no camera, or a broken one")
        while len(body) < int(length):
            body += self._receive(connection)
        return Answer(status, headers, body[: int(length)])

    def _receive(self, connection: socket.socket) -> bytes:
        connection.settimeout(self._left_s())
        data = connection.recv(16 * 1024)
        if not data:
            raise ConnectionResetError
        return data

    def _left_s(self) -> float:
        left_ns = self._until_ns - self._clock.monotonic_ns()
        if left_ns <= 0:
            raise TimeoutError
        return left_ns / NS_PER_S


def _parse(head: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    first, *rest = head.decode("utf-8", "replace").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not re.fullmatch(r"[1-9][0-9]{2}", words[1], re.ASCII):
        raise SourceError("answers, but not with RTSP that makes sense: check the port and that it is a camera")
    pairs = (line.partition(":") for line in rest)
    return int(words[1]), tuple((key.strip().lower(), value.strip()) for key, _, value in pairs)
