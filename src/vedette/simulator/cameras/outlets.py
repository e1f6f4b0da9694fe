"""The ways out of a camera: its RTSP connection or UDP, and a line that holds back or is narrow."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Final, Protocol

from vedette.simulator.cameras.rtp import datagrams, interleaved

Bounds = tuple[int, ...]
_MOST_WAITING: Final = 4_000_000
"""Bytes that may wait for a client that reads too slowly, before whole frames are left out."""
_VOLLEY: Final = 48
"""Datagrams that are sent in one go; more would overrun the receiver's buffer, which a real line cannot."""
_VOLLEY_WAIT_S: Final = 0.002
_SLOW_BACKLOG_S: Final = 2.0


class Outlet(Protocol):
    """Where frames and reports leave."""

    def frame(self, data: bytearray, bounds: Bounds) -> None:
        """Send a frame's packets: packet i is data[bounds[i]:bounds[i + 1]], interleaving first."""
        ...

    def report(self, packet: bytes) -> None:
        """Send RTCP."""
        ...

    def full(self) -> bool:
        """Whether the next frame had better be left out."""
        ...


class TcpOutlet:
    """Interleaved with RTSP."""

    def __init__(self, transport: asyncio.Transport, channel: int) -> None:
        self._transport, self._channel = transport, channel

    def frame(self, data: bytearray, bounds: Bounds) -> None:
        """One write for all packets of a frame."""
        del bounds
        self._transport.write(data)

    def report(self, packet: bytes) -> None:
        """On the channel after that of the frames."""
        self._transport.write(interleaved(self._channel + 1, packet))

    def full(self) -> bool:
        """The client does not read."""
        return self._transport.get_write_buffer_size() > _MOST_WAITING


class UdpOutlet:
    """Datagrams to a client's pair of ports."""

    def __init__(self, sockets: tuple[socket.socket, socket.socket], host: str, ports: tuple[int, int]) -> None:
        self._sockets = sockets
        self._rtp, self._rtcp = (host, ports[0]), (host, ports[1])
        self._waiting: deque[memoryview] = deque()

    def frame(self, data: bytearray, bounds: Bounds) -> None:
        """The first datagrams at once, the rest at the pace of a real line."""
        idle = not self._waiting
        self._waiting.extend(datagrams(data, bounds))
        if idle:
            self._volley()

    def report(self, packet: bytes) -> None:
        """To the port for RTCP."""
        self._send(1, packet, self._rtcp)

    def full(self) -> bool:
        """Never: what does not get through is lost."""
        return False

    def _volley(self) -> None:
        for _ in range(min(_VOLLEY, len(self._waiting))):
            self._send(0, self._waiting.popleft(), self._rtp)
        if self._waiting:
            asyncio.get_running_loop().call_later(_VOLLEY_WAIT_S, self._volley)

    def _send(self, which: int, packet: bytes | memoryview, to: tuple[str, int]) -> None:
        try:
            self._sockets[which].sendto(packet, to)
        except OSError:
            # Nobody listens there, or the buffer is full: with UDP nobody is told.
            return


class Valve:
    """A piece of line before an outlet: open, held back for a while, or narrow."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[bytearray, Bounds]] = deque()
        self._bytes = 0
        self._free_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def frame(self, data: bytearray, bounds: Bounds, hold_s: float | None, bytes_per_s: float | None) -> bool:
        """Take a frame; False when it had to be left out."""
        if not self._waiting and hold_s is None and bytes_per_s is None:
            self._outlet.frame(data, bounds)
            return True
        if bytes_per_s is not None and self._bytes > bytes_per_s * _SLOW_BACKLOG_S:
            return False
        self._waiting.append((data, bounds))
        self._bytes += len(data)
        if self._timer is None:
            wait_s = hold_s if hold_s is not None else max(0.0, self._free_s - self._loop.time())
            self._timer = self._loop.call_later(wait_s, self._release, bytes_per_s)
        return True

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _release(self, bytes_per_s: float | None) -> None:
        self._timer = None
        while self._waiting:
            data, bounds = self._waiting.popleft()
            self._bytes -= len(data)
            self._outlet.frame(data, bounds)
            if bytes_per_s is not None:
                self._free_s = self._loop.time() + len(data) / bytes_per_s
                if self._waiting:
                    self._timer = self._loop.call_at(self._free_s, self._release, bytes_per_s)
                return
