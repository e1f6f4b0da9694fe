"""A whole system on virtual cameras, with everything in a folder of its own, to be hurt and looked into."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from vedette.config import SystemConfig, load_system

PARTS = ("recorder", "analyzer", "server")
START_S = 30.0
STOP_S = 30.0


class Rig:
    """`vedette run` in a process of its own.

    folder    holds vedette.yaml, the data, the recordings and what was printed
    cameras   the blocks of vedette.yaml by id, each at least with a `source`
    settings  other top-level keys of vedette.yaml
    only      run this part alone, as a service of its own would be
    """

    def __init__(
        self,
        folder: Path,
        cameras: Mapping[str, Mapping[str, Any]],
        settings: Mapping[str, Any] | None = None,
        only: str | None = None,
    ) -> None:
        self.folder = folder
        self.only = only
        self.file = folder / "vedette.yaml"
        self.log = folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None
        given = {"data": "data", "storage": [{"path": "video", "keep_free": "100 MB"}], "server": {"port": 0}}
        # JSON is YAML.
        self.file.write_text(json.dumps({**given, **(settings or {}), "cameras": cameras}, indent=1), encoding="utf-8")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def config(self) -> SystemConfig:
        """As the program reads it."""
        return load_system(self.file)

    def start(self) -> None:
        """Start it; returns at once."""
        command = [sys.executable, "-m", "vedette.cli.main", "run", "-c", str(self.file)]
        if self.only:
            command += ["--only", self.only]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def stop(self) -> int | None:
        """End it in good order; its exit status. What does not end in time is killed, and the answer is None."""
        process, self._process = self._process, None
        if process is None:
            return 0
        children = _children(process.pid)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            for one in (*children, psutil.Process(process.pid)):
                _end(one)
            process.wait()
            return None

    def reload(self) -> None:
        """Let it read its file again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def pid(self, part: str) -> int | None:
        """Process id of a part, None while it does not run."""
        if self._process is None:
            return None
        if self.only == part:
            return self._process.pid
        for child in _children(self._process.pid):
            try:
                if part in child.cmdline():
                    return child.pid
            except psutil.Error:
                continue
        return None

    def kill(self, part: str) -> int:
        """Kill -9 a part; the wall clock's nanoseconds at that moment."""
        pid = self.until(lambda: self.pid(part), f"{part} runs")
        at_ns = time.time_ns()
        os.kill(pid, signal.SIGKILL)
        if self._process is not None and pid == self._process.pid:
            self._process.wait()
            self._process = None
        return at_ns

    def cpu_s(self, part: str) -> float:
        """Processor seconds a part has used."""
        pid = self.pid(part)
        times = psutil.Process(pid).cpu_times() if pid else None
        return times.user + times.system if times else 0.0

    def rss_mb(self, part: str) -> float:
        """Memory a part holds."""
        pid = self.pid(part)
        return psutil.Process(pid).memory_info().rss / 2**20 if pid else 0.0

    def vedette(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command on the same configuration."""
        command = [sys.executable, "-m", "vedette.cli.main", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

    def until(self, found: Callable[[], Any], what: str, seconds: float = START_S) -> Any:  # noqa: ANN401
        """Wait until `found` answers something true; that answer. Raises TimeoutError with the end of the log."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            answer = found()
            if answer:
                return answer
            time.sleep(0.05)
        said = self.log.read_text(encoding="utf-8", errors="replace")[-3000:] if self.log.exists() else ""
        raise TimeoutError(f"waited {seconds:g} s and it is not so that {what}\n{said}")


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def _end(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return
