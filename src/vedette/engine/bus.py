"""Packets and news between the processes of one machine, over ZeroMQ.

Every process binds one `Publisher` and subscribes to those of others. Nothing ever waits for a receiver: what a
receiver does not take in time is dropped for that receiver alone, newest first, once `HIGH_WATER` messages wait for it
on either side. Packets and news wait apart, so packets never displace news. A receiver sees lost packets by gaps in
`Packet.number`; news are repeated where they matter (`HealthChanged` comes every few seconds).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import threading
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import structlog
import zmq

from vedette.engine.addresses import secure_folder, socket_path
from vedette.engine.logs import FallingRate
from vedette.engine.wire import NEWS, PACKETS, PacketReader, PacketWriter, Parts, news_parts, read_news, topic
from vedette.model.errors import BusError
from vedette.model.media import Packet
from vedette.model.news import News

HIGH_WATER: Final = 2000
"""Messages that wait on either side for one receiver: about 3 s of 24 cameras at 25 frames a second."""
LINGER_MS: Final = 300
"""How long the last news may take to leave when a publisher closes."""
TURN: Final = 64
"""Messages after which others in the same loop get their turn."""
LOOK_S: Final = 1.0
"""A reader of `arrivals` looks this often even when nothing woke it."""

_Socket: TypeAlias = "zmq.Socket[bytes]"
_log = structlog.get_logger(__name__)


class Publisher:
    """The one place from which a process speaks. Every method may be called from any thread, and none waits.

    address     where to speak from; an ipc socket's folder is made, and only its owner may enter it
    high_water  messages that wait for one slow receiver before it loses some

    Raises BusError when another process speaks from there already, or the address cannot be used.
    """

    def __init__(self, address: str, *, high_water: int = HIGH_WATER) -> None:
        self._claim = _claimed(address)
        self._lock = threading.Lock()
        self._writer = PacketWriter()
        self._context: zmq.Context[_Socket] = zmq.Context()
        self._socket: _Socket = self._context.socket(zmq.PUB)
        self._socket.set(zmq.SNDHWM, high_water)
        self._socket.set(zmq.LINGER, LINGER_MS)
        self._closed = False
        try:
            self._socket.bind(address)
        except zmq.ZMQError as error:
            self.close()
            raise BusError(f"{address} cannot be used: {error.strerror}") from None

    def packet(self, packet: Packet) -> None:
        """Send a packet to whoever subscribed to its stream."""
        with self._lock:
            self._send(self._writer.parts(packet))

    def news(self, news: News) -> None:
        """Send news to everybody who wants news."""
        try:
            parts = news_parts(news)
        except BusError as error:
            _log.error("news not sent", why=str(error))
            return
        with self._lock:
            self._send(parts)

    def close(self) -> None:
        """Free everything. What is sent afterwards goes nowhere. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._socket.close()
        self._context.term()
        if self._claim is not None:
            os.close(self._claim)

    def _send(self, parts: Parts) -> None:
        if self._closed:
            return
        with contextlib.suppress(zmq.Again):
            self._socket.send_multipart(parts, flags=zmq.NOBLOCK)


class Subscriber:
    """Hears publishers, also those that start later or start again. For one thread, or one asyncio task.

    addresses  publishers to hear
    packets    every packet (True), none, or those of the named `(camera, stream)`
    news       whether to hear news
    """

    def __init__(
        self,
        addresses: Sequence[str],
        *,
        packets: bool | Collection[tuple[str, str]] = False,
        news: bool = True,
        high_water: int = HIGH_WATER,
    ) -> None:
        self._reader = PacketReader()
        self._context: zmq.Context[_Socket] = zmq.Context()
        self._sockets: list[_Socket] = []
        self._poller = zmq.Poller()
        self._closed = False
        self._came: asyncio.Event | None = None
        self._rate = FallingRate()
        if news:
            self._open(addresses, [NEWS], high_water)
        if packets:
            topics = [PACKETS] if packets is True else [topic(*stream) for stream in packets]
            self._open(addresses, topics, high_water)

    def receive(self, timeout_s: float) -> Packet | News | None:
        """The next packet or news; news come first. None when nothing came within `timeout_s`.

        None too, and sooner, where only packets came that cannot be read before a keyframe, and after `close`.
        """
        if self._closed:
            return None
        found = next(self._waiting(), None)
        if found is None and self._poller.poll(max(0, round(timeout_s * 1000))):
            found = next(self._waiting(), None)
        return found

    async def arrivals(self) -> AsyncIterator[Packet | News]:
        """Packets and news as they come, until `close` or the task is cancelled."""
        while not self._closed:
            for number, item in enumerate(self._waiting(), 1):
                yield item
                if number % TURN == 0:
                    await asyncio.sleep(0)
            await self._readable()

    async def _readable(self) -> None:
        """Return when something may have come. A socket's descriptor tells of changes only: drain it before asking."""
        loop = asyncio.get_running_loop()
        came = self._came = asyncio.Event()
        descriptors = [] if self._closed else [int(socket.get(zmq.FD)) for socket in self._sockets]
        for descriptor in descriptors:
            loop.add_reader(descriptor, came.set)
        try:
            # Looked at again only now: what came between draining and watching would wake nobody.
            if not self._closed and not any(int(socket.get(zmq.EVENTS)) & zmq.POLLIN for socket in self._sockets):
                async with asyncio.timeout(LOOK_S):
                    await came.wait()
        except TimeoutError:
            pass
        finally:
            for descriptor in descriptors:
                loop.remove_reader(descriptor)

    def close(self) -> None:
        """Free everything. May be called twice."""
        if self._closed:
            return
        self._closed = True
        if self._came is not None:
            self._came.set()
        for socket in self._sockets:
            socket.close(linger=0)
        self._context.term()

    def _open(self, addresses: Sequence[str], topics: Sequence[bytes], high_water: int) -> None:
        socket: _Socket = self._context.socket(zmq.SUB)
        self._sockets.append(socket)
        socket.set(zmq.RCVHWM, high_water)
        socket.set(zmq.RECONNECT_IVL_MAX, 1000)
        for name in topics:
            socket.subscribe(name)
        for address in addresses:
            if (path := socket_path(address)) is not None:
                secure_folder(path.parent)
            socket.connect(address)
        self._poller.register(socket, zmq.POLLIN)

    def _waiting(self) -> Iterator[Packet | News]:
        """What has come, without waiting. What cannot be read is told and left out."""
        for socket in self._sockets:
            while not self._closed:
                try:
                    parts = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                try:
                    item = read_news(parts) if parts[0] == NEWS else self._reader.packet(parts)
                except BusError as error:
                    if times := self._rate.lets(str(error)):
                        _log.error("message left out", why=str(error), times=times)
                    continue
                if item is not None:
                    yield item


def _claimed(address: str) -> int | None:
    """A lock that this process holds while it speaks from `address`: ZeroMQ itself would let a second one take over."""
    path = socket_path(address)
    if path is None:
        return None
    secure_folder(path.parent)
    try:
        held = os.open(_lock_path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BusError(f"{_lock_path(path)} cannot be made: {error.strerror}") from None
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise BusError(f"another process already speaks at {path}: the system is running, stop it first") from None
    return held


def _lock_path(path: Path) -> Path:
    return path.with_suffix(".lock")
