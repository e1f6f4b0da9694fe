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

from vedette.model.errors import OperationError, UsageError
from vedette.model.media import Packet
from vedette.model.news import News
from vedette.server.app import create_app
from vedette.server.guard import loopback
from vedette.server.parts import ServerParts

DEFAULT_PORT: Final = 8420
_BACKLOG: Final = 128
_GRACE_S: Final = 3
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
    started: Callable[[int], None] | None = None,
) -> None:
    """Serve `parts` until `stop` is set; then viewers are told, requests get three seconds to finish, and it returns.

    arrivals  the bus; None when somebody else feeds the parts
    started   called with the port once connections are taken; port 0 takes a free one

    Raises UsageError for a host that is not loopback, OperationError when the port cannot be had.
    """
    with contextlib.closing(listening(host, port)) as made:
        server = _Server(_config(parts))
        asyncio.run(_run(server, made, parts, stop or threading.Event(), arrivals, started))


class _Server(uvicorn.Server):
    """Signals are the business of whoever starts the process: it sets `stop`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take no signal."""
        yield


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
        date_header=True,
        timeout_graceful_shutdown=_GRACE_S,
    )


async def _run(
    server: uvicorn.Server,
    made: socket.socket,
    parts: ServerParts,
    stop: threading.Event,
    arrivals: Arrivals | None,
    started: Callable[[int], None],
) -> None:
    tasks = [asyncio.create_task(_stopped(server, stop))]
    tasks += [asyncio.create_task(hear(arrivals, parts))] if arrivals is not None else []
    serving = asyncio.create_task(server.serve([made]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        started(made.getsockname()[1])
        _log.info("server listens", host=made.getsockname()[0], port=made.getsockname()[1])
    done, _ = await asyncio.wait({serving, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    parts.live.close()
    await serving
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in done - {serving}:
        task.result()


async def _stopped(server: uvicorn.Server, stop: threading.Event) -> None:
    while not stop.is_set():
        await asyncio.sleep(0.1)
    server.should_exit = True
