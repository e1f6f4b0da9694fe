"""Finding and pulling the plug of connections that somebody else made."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from vedette.video.sources.plug import Plug


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def connect(server: socket.socket) -> socket.socket:
    return socket.create_connection(server.getsockname())


def test_wakes_whoever_reads(server: socket.socket) -> None:
    plug = Plug("127.0.0.1", server.getsockname()[1])
    with plug:
        connection = connect(server)
    with connection:
        threading.Timer(0.2, plug.pull).start()
        began = time.monotonic()
        connection.settimeout(10.0)
        assert connection.recv(1) == b""
        assert time.monotonic() - began < 5.0
    plug.release()


def test_only_what_was_connected_meanwhile(server: socket.socket) -> None:
    with connect(server) as before, socket.create_server(("127.0.0.1", 0)) as other:
        plug = Plug("localhost", server.getsockname()[1])
        with plug:
            elsewhere = connect(other)
        with connect(server) as after, elsewhere:
            plug.pull()
            for connection in (before, after, elsewhere):
                connection.settimeout(0.05)
                with pytest.raises(TimeoutError):
                    connection.recv(1)
        plug.release()


def test_what_cannot_be_told_apart_is_left_alone(server: socket.socket) -> None:
    port = server.getsockname()[1]
    with Plug("127.0.0.1", port) as first, Plug("127.0.0.1", port) as second:
        connection = connect(server)
    with connection:
        for plug in (first, second):
            plug.pull()
            plug.release()
        connection.settimeout(0.05)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_others_do_not_matter(server: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        plug = Plug("127.0.0.1", server.getsockname()[1])
        with plug, Plug("127.0.0.1", other.getsockname()[1]), connect(other):
            connection = connect(server)
        with connection:
            plug.pull()
            connection.settimeout(5.0)
            assert connection.recv(1) == b""
        plug.release()


def test_pulled_after_the_end_and_twice(server: socket.socket) -> None:
    plug = Plug("127.0.0.1", server.getsockname()[1])
    with plug:
        connect(server).close()
    for _ in range(2):
        plug.pull()
        plug.release()


def test_host_that_is_not_known_has_no_plug() -> None:
    with Plug("no-such-camera.invalid", 554) as plug:
        pass
    plug.pull()
    plug.release()
