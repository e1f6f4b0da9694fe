"""What a camera answers before FFmpeg is let near it, asked over a socket of our own.

FFmpeg sends a password in clear when a camera asks for it that way, goes wherever a camera redirects it, and takes a
session description of any length. So the camera is asked first, with limits, and whatever it must not do is refused.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from vedette.model.errors import SourceError
from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S
from vedette.video.sources.address import redact

HEADER_LIMIT: Final = 32 * 1024
BODY_LIMIT: Final = 256 * 1024
PORTS: Final = {"rtsp": 554, "rtsps": 322}
_FIELD: Final = re.compile(r'([a-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', re.IGNORECASE)
_SCHEME: Final = re.compile(r"\s*(basic|digest)\b", re.IGNORECASE)


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
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._login = "@" in parts.netloc
        # Requests name the camera without the login, and without what only a browser would keep to itself.
        self._target = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))
        self._allow_basic = allow_basic
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
            if answer.status == 401 and self._login:
                answer = self._ask(connection, "DESCRIBE", self._authorization(answer))
        if 300 <= answer.status < 400:
            elsewhere = redact((answer.all("location") or ["an address it does not name"])[0])[:200]
            raise SourceError(f"sends us on to {elsewhere}: if that is right, make it the address of the camera")
        return answer

    def _connect(self) -> socket.socket:
        plain = socket.create_connection((self._host, self._port), timeout=self._left_s())
        if not self._encrypted:
            return plain
        try:
            return _without_certificates().wrap_socket(plain, server_hostname=self._host)
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

    def _authorization(self, refused: Answer) -> str:
        offers = refused.all("www-authenticate")
        digests = [_fields(offer) for offer in offers if _scheme(offer) == "digest"]
        usable = [fields for fields in digests if fields.get("algorithm", "MD5").upper() in ("MD5", "MD5-SESS")]
        if usable:
            return self._digest(usable[0])
        if digests:
            raise SourceError("asks for a login by another digest than MD5, which FFmpeg does not know: offer MD5 too")
        if not any(_scheme(offer) == "basic" for offer in offers):
            raise SourceError("asks for a login of a kind that is not known: set it to digest in the camera")
        if not self._encrypted and not self._allow_basic:
            raise SourceError(
                "wants the password in clear (basic), which everybody on the network can read: set the camera to digest"
                " or use rtsps://, or else allow it with the option allow_basic"
            )
        return "Basic " + base64.b64encode(f"{self._user}:{self._password}".encode()).decode()

    def _digest(self, fields: Mapping[str, str]) -> str:
        """RFC 2617 3.2.2, with which cameras still sign."""
        realm, nonce, quality = fields.get("realm", ""), fields.get("nonce", ""), _quality(fields)
        once = secrets.token_hex(8)
        secret = _md5(f"{self._user}:{realm}:{self._password}")
        if fields.get("algorithm", "").upper() == "MD5-SESS":
            secret = _md5(f"{secret}:{nonce}:{once}")
        middle = f"{nonce}:00000001:{once}:{quality}" if quality else nonce
        response = _md5(f"{secret}:{middle}:{_md5(f'DESCRIBE:{self._target}')}")
        given = {"username": self._user, "realm": realm, "nonce": nonce, "uri": self._target, "response": response}
        if "opaque" in fields:
            given["opaque"] = fields["opaque"]
        text = "Digest " + ", ".join(f'{key}="{value}"' for key, value in given.items())
        if "algorithm" in fields:
            text += f", algorithm={fields['algorithm']}"
        return text + (f', qop={quality}, nc=00000001, cnonce="{once}"' if quality else "")


def _parse(head: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    first, *rest = head.decode("utf-8", "replace").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not re.fullmatch(r"[1-9][0-9]{2}", words[1], re.ASCII):
        raise SourceError("answers, but not with RTSP that makes sense: check the port and that it is a camera")
    pairs = (line.partition(":") for line in rest)
    return int(words[1]), tuple((key.strip().lower(), value.strip()) for key, _, value in pairs)


def _scheme(offer: str) -> str:
    match = _SCHEME.match(offer)
    return match[1].lower() if match else ""


def _fields(offer: str) -> dict[str, str]:
    return {name.lower(): quoted or bare for name, quoted, bare in _FIELD.findall(offer)}


def _quality(fields: Mapping[str, str]) -> str:
    return "auth" if "auth" in [word.strip() for word in fields.get("qop", "").split(",")] else ""


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _without_certificates() -> ssl.SSLContext:
    """Encryption as cameras know it: with certificates that they signed themselves, and ciphers of their time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
