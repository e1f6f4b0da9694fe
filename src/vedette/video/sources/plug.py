"""Pulling the plug: ending a read that waits for the network, from another thread.

FFmpeg's reads end only by themselves. But they wait on a socket, and a socket that is shut down wakes whoever waits on
it. FFmpeg does not tell which sockets it opened, so they are found among those of this process by whom they talk to.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_OPEN_FILES: Final = Path("/proc/self/fd")
_lock: Final = threading.Lock()
_looking: Final[list[Plug]] = []


class Plug:
    """The connections to one peer that come into being while `with plug:` lasts.

    When others connect to the same peer meanwhile, it cannot be told whose connection is whose. Then there is nothing
    to pull, and a read ends when its own time is up. The same goes for systems without /proc.

    host, port  the peer
    """

    def __init__(self, host: str, port: int) -> None:
        self._port = port
        self._hosts = _addresses(host, port)
        self._before: set[tuple[str, int]] = set()
        self._sockets: list[socket.socket] = []
        self._contested = False

    def __enter__(self) -> Plug:
        with _lock:
            rivals = [plug for plug in _looking if plug._hosts & self._hosts and plug._port == self._port]
            for plug in rivals:
                plug._contested = True
            self._contested = bool(rivals)
            _looking.append(self)
        for own_end, found in self._connections():
            self._before.add(own_end)
            found.close()
        return self

    def __exit__(self, *_: object) -> None:
        with _lock:
            _looking.remove(self)
        for own_end, found in self._connections():
            if self._contested or own_end in self._before:
                found.close()
            else:
                self._before.add(own_end)
                self._sockets.append(found)

    def pull(self) -> None:
        """Shut the connections down: whoever reads from them is woken and finds the end. From any thread."""
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Let go of the connections; to be called once their owner has closed them."""
        while self._sockets:
            self._sockets.pop().close()

    def _connections(self) -> Iterator[tuple[tuple[str, int], socket.socket]]:
        """Connections to the peer at present: the address of the own end, and a handle that keeps the socket."""
        try:
            numbers = [int(name) for name in os.listdir(_OPEN_FILES)]
        except OSError:
            return
        for number in numbers:
            handle = _socket(number)
            if handle is None:
                continue
            try:
                peer, own = handle.getpeername(), handle.getsockname()
            except OSError:
                peer = own = None
            if isinstance(peer, tuple) and peer[0] in self._hosts and peer[1] == self._port:
                yield (own[0], own[1]), handle
            else:
                handle.close()


def _socket(number: int) -> socket.socket | None:
    """A second handle on the socket behind a file number; None where that is no socket, or no longer there."""
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return None
        copy = os.dup(number)
    except OSError:
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None


def _addresses(host: str, port: int) -> frozenset[str]:
    try:
        return frozenset(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return frozenset()
