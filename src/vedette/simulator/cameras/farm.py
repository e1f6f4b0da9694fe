"""Virtual RTSP cameras in a process of their own."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import IO, Any, Final, Self, cast
from urllib.parse import quote

import numpy as np

from vedette.model.errors import OperationError
from vedette.simulator.cameras.faults import Fault, to_plain
from vedette.simulator.cameras.spec import Authentication, CameraSpec, Sent, Viewing

_STOP_S: Final = 5.0
_COLUMNS: Final = ("number", "picture", "captured_utc_ns", "sent_utc_ns")


class CameraFarm:
    """RTSP cameras on this machine, for trying and testing without hardware.

    Every camera has a TCP port of its own, as if it were a device of its own. The streams are `/<name>/main` and, where
    there is one, `/<name>/sub`. The process ends with the farm, also when whoever started it is killed.

    cameras         by name
    port            of the first camera, the next ones follow; 0: whatever is free
    login           `user:password` that all of them ask for, or None
    authentication  how they ask
    session_s       a session that nothing is heard of for so long is ended

    Raises OperationError when the process does not start, for instance because a clip cannot be read.
    """

    def __init__(
        self,
        cameras: Mapping[str, CameraSpec],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        login: str | None = None,
        realm: str = "camera",
        authentication: Authentication = "digest",
        session_s: float = 60.0,
    ) -> None:
        self._host, self._login = host, login
        self._specs = dict(cameras)
        self._lock = threading.Lock()
        command = [sys.executable, "-m", "vedette.simulator.cameras.process"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        self._orders, self._answers = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)
        settings = {
            "cameras": {name: spec.to_plain() for name, spec in cameras.items()}, "host": host, "port": port,
            "login": login, "realm": realm, "authentication": authentication, "session_s": session_s,
        }  # fmt: skip
        try:
            self._ports: dict[str, int] = self._ask(settings)["ports"]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def names(self) -> tuple[str, ...]:
        """Every camera."""
        return tuple(self._specs)

    @property
    def pid(self) -> int:
        """Of the process that the cameras run in."""
        return self._process.pid

    def address(self, name: str, stream: str = "main", *, login: bool | str = True) -> str:
        """Where a stream is. `login`: with the farm's own, without one, or with another `user:password`."""
        chosen = self._login if login is True else login or None
        before = ""
        if chosen:
            user, _, password = chosen.partition(":")
            before = f"{quote(user, safe='')}:{quote(password, safe='')}@"
        return f"rtsp://{before}{self._host}:{self._ports[name]}/{quote(name)}/{stream}"

    def fault(self, name: str, fault: Fault) -> None:
        """From now on something is wrong with a camera; faults of different kinds add up."""
        self._ask({"do": "fault", "camera": name, "fault": to_plain(fault)})

    def clear(self, name: str) -> None:
        """Nothing is wrong with it any more."""
        self._ask({"do": "clear", "camera": name})

    def sent(self, name: str, stream: str = "main") -> Sent:
        """Which frames a stream has sent so far, to whom and when."""
        answer = self._ask({"do": "sent", "camera": name, "stream": stream})
        return Sent(tuple(_viewing(plain) for plain in answer["viewings"]))

    def cpu_s(self) -> float:
        """Seconds of processor time that the cameras have used."""
        return float(self._ask({"do": "cpu"})["cpu_ns"]) / 1e9

    def kill(self) -> None:
        """Pull the plug of all of them at once."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """Switch them off. May be called twice."""
        for pipe in (self._orders, self._answers):
            with suppress(BrokenPipeError):
                pipe.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, order: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            try:
                self._orders.write(json.dumps(order).encode() + b"\n")
                self._orders.flush()
                line = self._answers.readline()
            except (OSError, ValueError) as error:
                raise OperationError(f"the virtual cameras are switched off: {error}") from error
        if not line:
            raise OperationError("the process of the virtual cameras has ended; what it said last is on stderr")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise OperationError(f"virtual cameras: {answer['error']}")
        return answer


def _viewing(plain: Mapping[str, Any]) -> Viewing:
    columns = {name: np.array(plain[name], np.int64) for name in _COLUMNS}
    return Viewing(transport=plain["transport"], ended=plain["ended"], dropped=plain["dropped"], **columns)
