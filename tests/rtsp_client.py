"""A small RTSP client that shows every byte: for testing virtual cameras, where FFmpeg would hide what was sent."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Rtp:
    sequence: int
    stamp: int
    marker: bool
    kind: int
    payload: bytes


@dataclass(frozen=True)
class Report:
    """An RTCP sender report; `utc_s` is its NTP time in seconds from 1970."""

    utc_s: float
    stamp: int
    packets: int


class RtspClient:
    """One connection. Packets of channel 0 are read by `rtp`; reports of channel 1 are collected on the way."""

    def __init__(self, address: str, timeout_s: float = 3.0) -> None:
        parts = urlsplit(address)
        assert parts.hostname is not None
        self.url = f"rtsp://{parts.hostname}:{parts.port}{parts.path}"
        self.reports: list[Report] = []
        self.session = ""
        self._number = 0
        self._buffer = b""
        self._socket = socket.create_connection((parts.hostname, parts.port or 554), timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def raw(self, size: int = 65_536) -> bytes:
        """Whatever comes next; nothing when the camera hung up."""
        return self._socket.recv(size)

    def ask(self, method: str, url: str | None = None, **headers: str) -> Answer:
        self._number += 1
        lines = [f"{method} {url or self.url} RTSP/1.0", f"CSeq: {self._number}"]
        if self.session and "Session" not in headers:
            lines.append(f"Session: {self.session}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.send("\r\n".join([*lines, "", ""]).encode())
        return self._answer()

    def play(self, tracks: int = 1) -> None:
        """SETUP over the connection itself, and PLAY."""
        assert self.ask("DESCRIBE").status == 200
        for track in range(tracks):
            transport = f"RTP/AVP/TCP;unicast;interleaved={2 * track}-{2 * track + 1}"
            agreed = self.ask("SETUP", f"{self.url}/track{track}", Transport=transport)
            assert agreed.status == 200, agreed
            self.session = agreed.headers["session"].partition(";")[0]
        assert self.ask("PLAY").status == 200

    def packets(self) -> Iterator[tuple[int, bytes]]:
        """Interleaved packets by channel, until the camera hangs up."""
        while True:
            while len(self._buffer) < 4 or len(self._buffer) < 4 + int.from_bytes(self._buffer[2:4], "big"):
                more = self._socket.recv(65_536)
                if not more:
                    return
                self._buffer += more
            assert self._buffer[0] == 0x24, self._buffer[:40]
            channel, end = self._buffer[1], 4 + int.from_bytes(self._buffer[2:4], "big")
            packet, self._buffer = self._buffer[4:end], self._buffer[end:]
            yield channel, packet

    def rtp(self) -> Iterator[Rtp]:
        for channel, packet in self.packets():
            if channel == 0:
                yield read_rtp(packet)
            elif channel == 1 and packet[1] == 200:
                self.reports.append(read_report(packet))

    def stamps(self, seconds: float, clock: int = 90_000) -> list[float]:
        """Stamps of the frames that end within so many seconds, in seconds."""
        until, found = time.monotonic() + seconds, []
        for packet in self.rtp():
            if packet.marker:
                found.append(packet.stamp / clock)
            if time.monotonic() > until:
                break
        return found

    def _answer(self) -> Answer:
        while True:
            while self._buffer[:1] == b"$" and len(self._buffer) >= 4:
                end = 4 + int.from_bytes(self._buffer[2:4], "big")
                if len(self._buffer) < end:
                    break
                self._buffer = self._buffer[end:]
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if found and self._buffer[:1] != b"$":
                lines = head.decode().split("\r\n")
                pairs = (line.split(": ", 1) for line in lines[1:])
                headers = {name.lower(): value for name, value in pairs}
                length = int(headers.get("content-length", "0"))
                if len(rest) >= length:
                    self._buffer = rest[length:]
                    return Answer(int(lines[0].split(" ")[1]), headers, rest[:length].decode())
            more = self._socket.recv(65_536)
            if not more:
                raise ConnectionResetError("the camera hung up")
            self._buffer += more


def read_rtp(packet: bytes) -> Rtp:
    version, kind, sequence, stamp, _ = struct.unpack(">BBHII", packet[:12])
    assert version == 0x80
    return Rtp(sequence, stamp, bool(kind & 0x80), kind & 0x7F, packet[12:])


def read_report(packet: bytes) -> Report:
    _, ntp, stamp, packets, _ = struct.unpack(">IQIII", packet[4:28])
    return Report(ntp / (1 << 32) - 2_208_988_800, stamp, packets)
