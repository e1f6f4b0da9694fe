"""A camera that sends its clip over HTTP, for tests, with what can be wrong with one."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from contextlib import suppress
from types import TracebackType


class HttpCamera:
    """Answers every GET with `body`, at an even pace, and then with silence or the end.

    status, headers  of the answer
    login            `user:password` that it asks for, or None
    basic            ask for it in clear
    rate             bytes a second
    ends             hang up at the end of the body instead of falling silent
    """

    def __init__(
        self,
        body: bytes,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        login: str | None = None,
        basic: bool = False,
        rate: int = 2_000_000,
        ends: bool = False,
    ) -> None:
        self._body, self._status, self._headers = body, status, headers or {}
        self._login, self._basic, self._rate, self._ends = login, basic, rate, ends
        self._over = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.requests: list[str] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, path: str = "/live", login: str = "") -> str:
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}{path}"

    def __enter__(self) -> HttpCamera:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                data = client.recv(4096)
                if not data:
                    return
                request += data
            text = request.decode()
            self.requests.append(text)
            if self._login and not self._granted(text):
                offer = 'Basic realm="camera"' if self._basic else 'Digest realm="camera", nonce="n1", qop="auth"'
                client.sendall(f"HTTP/1.1 401 No\r\nWWW-Authenticate: {offer}\r\nContent-Length: 0\r\n\r\n".encode())
                return
            lines = [f"{name}: {value}" for name, value in self._headers.items()]
            client.sendall("\r\n".join([f"HTTP/1.1 {self._status} x", *lines, "", ""]).encode())
            self._send(client)

    def _send(self, client: socket.socket) -> None:
        step = self._rate // 50
        for start in range(0, len(self._body), step):
            if self._over.wait(0.02):
                return
            client.sendall(self._body[start : start + step])
        if not self._ends:
            self._over.wait()

    def _granted(self, request: str) -> bool:
        if self._basic:
            return "Authorization: Basic " in request
        user, _, password = (self._login or "").partition(":")
        given = dict(re.findall(r'(\w+)="?([^",\r]+)"?', request.partition("Authorization: ")[2]))
        secret = _md5(f"{user}:camera:{password}")
        asked = _md5(f"GET:{given.get('uri')}")
        middle = f"n1:{given.get('nc')}:{given.get('cnonce')}:auth"
        return given.get("response") == _md5(f"{secret}:{middle}:{asked}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
