"""RTSP 1.0 on the wire (RFC 2326): taking requests out of a stream of bytes, and writing answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from vedette.simulator.cameras.faults import Transport

REASONS: Final[Mapping[int, str]] = {
    200: "OK", 302: "Moved Temporarily", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 453: "Not Enough Bandwidth", 454: "Session Not Found",
    455: "Method Not Valid in This State", 459: "Aggregate Operation Not Allowed", 461: "Unsupported Transport",
    500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable",
}  # fmt: skip
_MOST_BYTES: Final = 65_536
_DOLLAR: Final = 0x24
_PORTS: Final = re.compile(r"(\d+)(?:-(\d+))?")


class Malformed(ValueError):
    """What came is no RTSP."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; names of headers are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> tuple[str, ...]:
        """The parts of the address after the host."""
        if self.url == "*":
            return ()
        return tuple(unquote(part) for part in urlsplit(self.url).path.split("/") if part)


@dataclass(frozen=True, slots=True)
class Way:
    """How a client wants its packets: channels of the connection or UDP ports, for RTP and RTCP."""

    transport: Transport
    pair: tuple[int, int]


class Reader:
    """Takes requests and interleaved packets out of what a connection brings."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Request | bytes]:
        """What is complete now: requests, and RTCP of the client. Raises Malformed."""
        self._buffer += data
        while self._buffer:
            taken = self._packet() if self._buffer[0] == _DOLLAR else self._request()
            if taken is None:
                if len(self._buffer) > _MOST_BYTES * 2:
                    raise Malformed
                return
            yield taken

    def _packet(self) -> bytes | None:
        if len(self._buffer) < 4:
            return None
        end = 4 + int.from_bytes(self._buffer[2:4], "big")
        if len(self._buffer) < end:
            return None
        packet = bytes(self._buffer[4:end])
        del self._buffer[:end]
        return packet

    def _request(self) -> Request | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = bytes(self._buffer[:end]).decode("utf-8", "replace").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not words[2].startswith("RTSP/1."):
            raise Malformed
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            raise Malformed
        whole = end + 4 + int(length)
        if len(self._buffer) < whole:
            return None
        del self._buffer[:whole]
        return Request(words[0], words[1], headers)


def answer(status: int, request: Request, headers: Mapping[str, str] | None = None, body: str = "") -> bytes:
    """An answer to `request`."""
    lines = [f"RTSP/1.0 {status} {REASONS.get(status, 'Error')}"]
    if "cseq" in request.headers:
        lines.append(f"CSeq: {request.headers['cseq']}")
    lines.append("Server: vedette-simulator")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    coded = body.encode()
    if coded:
        lines += ["Content-Type: application/sdp", f"Content-Length: {len(coded)}"]
    return "\r\n".join([*lines, "", ""]).encode() + coded


def way(header: str) -> Way | None:
    """The first of the transports offered that can be served; None when there is none."""
    for offer in header.split(","):
        kind, *options = (part.strip() for part in offer.split(";"))
        values = dict(option.partition("=")[::2] for option in options)
        if "multicast" in values:
            continue
        tcp = kind.upper() == "RTP/AVP/TCP"
        if not tcp and kind.upper() not in ("RTP/AVP", "RTP/AVP/UDP"):
            continue
        match = _PORTS.fullmatch(values.get("interleaved" if tcp else "client_port", ""))
        if match is None:
            continue
        first = int(match[1])
        pair = first, int(match[2]) if match[2] else first + 1
        if max(pair) <= (255 if tcp else 65535):
            return Way("tcp" if tcp else "udp", pair)
    return None
