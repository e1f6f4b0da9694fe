"""The server in a thread of the test, on a free port of loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from vedette.model.errors import VedetteError
from vedette.server.parts import ServerParts
from vedette.server.process import serve


@contextmanager
def serving(parts: ServerParts, **options: Any) -> Iterator[tuple[int, Callable[[], None]]]:
    """A port that serves `parts`, and how to stop it and wait for its end."""
    stop, ready, ports = threading.Event(), threading.Event(), []
    faults: list[VedetteError] = []

    def started(port: int) -> None:
        ports.append(port)
        ready.set()

    def run() -> None:
        try:
            serve(parts, "127.0.0.1", 0, stop, started=started, **options)
        except VedetteError as error:
            faults.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()

    try:
        assert ready.wait(10)
        yield ports[0], end
    finally:
        end()
        if faults:
            raise faults[0]
