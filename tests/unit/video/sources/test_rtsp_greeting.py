"""Asking a camera what it is, with answers of every kind."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vedette.clock import SystemClock
from vedette.model.errors import SourceError
from vedette.video.sources.rtsp_greeting import Answer, Greeter

OK = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"
SDP = b"v=0\r\nm=video 0 RTP/AVP 96\r\n"


@contextmanager
def camera(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that deals with one client."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client, suppress(OSError):
                answer(client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10.0)
        assert not thread.is_alive()


def ask(answer: Callable[[socket.socket], None], wait_s: float = 2.0, login: str = "") -> Answer:
    with camera(answer) as port:
        address = f"rtsp://{login}127.0.0.1:{port}/live"
        return Greeter(address, SystemClock(), wait_s, allow_basic=False).describe()


def saying(*answers: bytes) -> Callable[[socket.socket], None]:
    """Answers each request with the next of `answers`."""

    def talk(client: socket.socket) -> None:
        for answer in answers:
            if not client.recv(4096):
                return
            client.sendall(answer)

    return talk


def described(body: bytes = SDP, length: str | None = None) -> bytes:
    size = str(len(body)) if length is None else length
    return b"RTSP/1.0 200 OK\r\nContent-Length: " + size.encode() + b"\r\n\r\n" + body


def test_description() -> None:
    answer = ask(saying(OK, described()))
    assert (answer.status, answer.body) == (200, SDP)


def test_answer_in_pieces() -> None:
    def slowly(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(OK)
        client.recv(4096)
        for byte in described():
            client.sendall(bytes([byte]))

    assert ask(slowly).body == SDP


def test_login_does_not_stand_in_what_is_asked() -> None:
    asked: list[bytes] = []

    def listen(client: socket.socket) -> None:
        for answer in (OK, described()):
            asked.append(client.recv(4096))
            client.sendall(answer)

    ask(listen, login="guard:secret@")
    assert len(asked) == 2
    assert not any(b"guard" in request or b"secret" in request for request in asked)


@pytest.mark.parametrize("length", ["99999999999", "-1", "x", "1e3", "٣"])
def test_description_without_end(length: str) -> None:
    with pytest.raises(SourceError, match="without end"):
        ask(saying(OK, described(length=length)))


def test_header_without_end() -> None:
    def flood(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(b"RTSP/1.0 200 OK\r\n")
        while True:
            client.sendall(b"X-Header: " + b"x" * 1000 + b"\r\n")

    with pytest.raises(SourceError, match="answers without end"):
        ask(flood)


def test_trickle_ends_when_time_is_up() -> None:
    def trickle(client: socket.socket) -> None:
        client.sendall(b"RTSP/1.0 200 OK\r\nX: ")
        while True:
            client.sendall(b"x")
            time.sleep(0.02)

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        ask(trickle, wait_s=0.4)
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n\r\n", b"\x00" * 50, b"RTSP/1.0\r\n\r\n", b"RTSP/1.0 ten\r\n\r\n"]
)
def test_something_else(answer: bytes) -> None:
    with pytest.raises(SourceError, match="not with RTSP that makes sense"):
        ask(saying(answer))


@pytest.mark.parametrize("status", [301, 302, 305, 399])
def test_redirect(status: int) -> None:
    head = f"RTSP/1.0 {status} Moved\r\nLocation: rtsp://root:secret@192.0.2.1/\r\n\r\n".encode()
    with pytest.raises(SourceError, match=r"sends us on to rtsp://\*\*\*@192\.0\.2\.1/"):
        ask(saying(OK, head))


def test_hanging_up() -> None:
    with pytest.raises(ConnectionError):
        ask(saying(OK))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400), st.sampled_from([b"", b"RTSP/1.0 ", b"RTSP/1.0 200 OK\r\n", b"RTSP/1.0 401 No\r\n"]))
def test_whatever_it_answers(noise: bytes, start: bytes) -> None:
    with suppress(SourceError, OSError):
        ask(saying(OK, start + noise, start + noise), wait_s=0.05, login="guard:secret@")
