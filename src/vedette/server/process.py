"""The server as a process of its own: the bus in, HTTP out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Generator
from typing import Final, Protocol

import structlog
import uvicorn

from vedette.engine.own import own_figures
from vedette.model.errors import OperationError, UsageError
from vedette.model.health import Health
from vedette.model.media import Packet
from vedette.model.news import HealthChanged, News
from vedette.server.app import create_app
from vedette.server.guard import loopback
from vedette.server.parts import ServerParts

DEFAULT_PORT: Final = 8420
_BACKLOG: Final = 128
_GRACE_S: Final = 3
_BEAT_S: Final = 5.0
_LOOK_S: Final = 0.1
_SEND_BUFFER: Final = 1 << 19  # what waits here for a slow viewer is old by the time it is seen
_MOST_CONNECTIONS: Final = 512
_LARGEST_MESSAGE: Final = 4096  # from a client; there is nothing that it has to say

_log = structlog.get_logger(__name__)


class Arrivals(Protocol):
    """What comes over the bus: `engine.bus.Subscriber` is one."""

    def arrivals(self) -> AsyncIterator[Packet | News]:
        """Packets and news as they come, until the task is cancelled."""
        ...


async def hear(arrivals: Arrivals, parts: ServerParts) -> None:
    """Pass everything on that comes over the bus: pictures to who watches, news to the board and the open files."""
    async for item in arrivals.arrivals():
        if isinstance(item, Packet):
            parts.live.feed(item)
        else:
            parts.footage.open_files.take(item)
            parts.board.take(item)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens on loopback. Raises UsageError for any other host, OperationError for a port in use."""
    address = loopback(host)
    if not 0 <= port <= 65535:
        raise UsageError(f"the server's port must lie between 0 and 65535, not {port}")
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    try:
        made.bind((address, port))
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise OperationError(
            f"the server cannot listen on {address} port {port}: {error.strerror}; stop what uses it, or choose another"
        ) from None
    return made


def serve(
    parts: ServerParts,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    stop: threading.Event | None = None,
    *,
    arrivals: Arrivals | None = None,
    tell: Callable[[News], None] | None = None,
    started: Callable[[int], None] | None = None,
) -> None:
    """Serve `parts` until `stop` is set; then views are ended, requests get three seconds to finish, and it returns.

    arrivals  the bus; None when somebody else feeds the parts
    tell      where the server's own news go, beside its board: how it is, every few seconds
    started   called with the port once connections are taken; port 0 takes a free one

    Raises UsageError for a host that is not loopback, OperationError when the port cannot be had.
    """
    with contextlib.closing(listening(host, port)) as made:
        running = _Running(parts, made, stop or threading.Event())
        asyncio.run(running.until_stopped(arrivals, tell, started))


class _Uvicorn(uvicorn.Server):
    """Signals are the business of whoever starts the process: it sets `stop`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take no signal."""
        yield


class _Running:
    """The server while it runs."""

    def __init__(self, parts: ServerParts, made: socket.socket, stop: threading.Event) -> None:
        self._parts, self._socket, self._stop = parts, made, stop
        self._server = _Uvicorn(_config(parts))

    async def until_stopped(
        self,
        arrivals: Arrivals | None,
        tell: Callable[[News], None] | None,
        started: Callable[[int], None] | None,
    ) -> None:
        """Serve; whatever ends first, the bus included, ends all."""
        serving = asyncio.create_task(self._server.serve([self._socket]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.01)
        if self._server.started:
            self._say_where(started)
        others = [asyncio.create_task(self._stopped()), asyncio.create_task(self._beat(tell))]
        others += [asyncio.create_task(hear(arrivals, self._parts))] if arrivals is not None else []
        done, _ = await asyncio.wait({serving, *others}, return_when=asyncio.FIRST_COMPLETED)
        self._server.should_exit = True
        self._parts.live.close()
        await serving
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for task in done:
            task.result()

    def _say_where(self, started: Callable[[int], None] | None) -> None:
        host, port = self._socket.getsockname()[:2]
        _log.info("server listens", host=host, port=port)
        if started is not None:
            started(port)

    async def _stopped(self) -> None:
        while not self._stop.is_set():
            await asyncio.sleep(_LOOK_S)

    async def _beat(self, tell: Callable[[News], None] | None) -> None:
        while True:
            live = self._parts.live
            figures = {
                "viewers": float(sum(live.viewers().values())),
                "transcoding": float(live.encoding()),
                "requests_total": float(self._server.server_state.total_requests),
                **own_figures(),
            }
            news = HealthChanged(Health("server", "ok", self._parts.clock.utc_ns(), figures=figures))
            self._parts.board.note(news)
            if tell is not None:
                tell(news)
            await asyncio.sleep(_BEAT_S)


def _config(parts: ServerParts) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(parts),
        http="h11",
        ws="websockets-sansio",
        ws_max_size=_LARGEST_MESSAGE,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        limit_concurrency=_MOST_CONNECTIONS,
    )
