"""The process that a farm of virtual cameras runs in: `python -m vedette.simulator.cameras.process`.

It reads its settings as one line of JSON, answers with one line, then obeys one command a line. It ends when its input
does, so it never outlives whoever started it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from vedette.clock import SystemClock
from vedette.model.errors import VedetteError
from vedette.simulator.cameras.camera import Camera, Door, Library
from vedette.simulator.cameras.connection import Connection, House
from vedette.simulator.cameras.faults import Refuse, from_plain
from vedette.simulator.cameras.player import Ticker
from vedette.simulator.cameras.spec import CameraSpec

_LONGEST_LINE: Final = 1 << 24
_UDP_BUFFER: Final = 1 << 22
_CHECK_S: Final = 0.5


class Farm:
    """All cameras and their doors."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = SystemClock()
        host: str = settings["host"]
        self._house = House(
            _udp_pair(host), settings["login"], settings["realm"], settings["authentication"], settings["session_s"]
        )
        ticker, library = Ticker(self._loop), Library()
        self.cameras: dict[str, Camera] = {}
        self.doors: dict[str, Door] = {}
        for index, (name, plain) in enumerate(settings["cameras"].items()):
            camera = Camera(name, CameraSpec.from_plain(plain), library, ticker, self._utc_ns)
            port = settings["port"] + index if settings["port"] else 0
            self.cameras[name] = camera
            self.doors[name] = Door(host, port, partial(Connection, camera, self._house))

    async def open(self) -> None:
        """Let clients in, and begin to watch over sessions."""
        for door in self.doors.values():
            await door.open()
        self._loop.add_reader(self._house.sockets[1], self._hear)
        self._check()

    async def obey(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out one command; the answer to it. Raises VedetteError, KeyError, TypeError."""
        match order["do"]:
            case "fault":
                fault = from_plain(order["fault"])
                if isinstance(fault, Refuse):
                    self.doors[order["camera"]].shut()
                self.cameras[order["camera"]].fault(fault)
            case "clear":
                self.cameras[order["camera"]].clear()
                await self.doors[order["camera"]].open()
            case "sent":
                return {"viewings": self.cameras[order["camera"]].sent(order["stream"])}
            case "cpu":
                return {"cpu_ns": self._clock.cpu_ns()}
        return {}

    def _utc_ns(self, at_s: float | None) -> int:
        now_ns = self._clock.utc_ns()
        return now_ns if at_s is None else now_ns - round((self._loop.time() - at_s) * 1e9)

    def _hear(self) -> None:
        """RTCP of UDP clients keeps their sessions alive."""
        try:
            _, (host, port) = self._house.sockets[1].recvfrom(2048)
        except OSError:
            return
        for connection in self._connections():
            if connection.owns(host, port):
                connection.heard_s = self._loop.time()

    def _check(self) -> None:
        for connection in self._connections():
            connection.check(self._loop.time())
        self._loop.call_later(min(_CHECK_S, self._house.session_s / 4), self._check)

    def _connections(self) -> list[Connection]:
        clients = [client for camera in self.cameras.values() for client in camera.clients]
        return [client for client in clients if isinstance(client, Connection)]


def _udp_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Two UDP sockets on neighbouring ports, the even one first, as RFC 3550 asks."""
    for _ in range(100):
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        first.bind((host, 0))
        port = first.getsockname()[1]
        second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if port % 2 == 0:
                second.bind((host, port + 1))
                for opened in (first, second):
                    opened.setblocking(False)
                    opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UDP_BUFFER)
                return first, second
        except OSError:
            pass
        first.close()
        second.close()
    raise VedetteError("no pair of UDP ports is free: close something and try again")


async def _serve(answer: Callable[[Mapping[str, Any]], None]) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        farm = Farm(json.loads(await reader.readline()))
        await farm.open()
    except (VedetteError, OSError) as error:
        answer({"error": str(error)})
        return
    answer({"ports": {name: door.port for name, door in farm.doors.items()}})
    while line := await reader.readline():
        try:
            answer(await farm.obey(json.loads(line)))
        except (VedetteError, OSError, KeyError, TypeError) as error:
            answer({"error": f"{error}" if isinstance(error, VedetteError) else f"no such thing: {error!r}"})


def main() -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever else prints must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(values: Mapping[str, Any]) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    asyncio.run(_serve(answer))


if __name__ == "__main__":
    main()
