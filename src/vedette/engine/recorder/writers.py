"""Fragments on their way to a disk: one thread per storage folder, bounded in bytes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from vedette.engine.recorder.ports import Cut, Format, SegmentFile
from vedette.model.errors import StorageError
from vedette.model.ports import Clock
from vedette.model.recording import Fragment, Run, Segment
from vedette.model.recording_ports import Files
from vedette.model.time import NS_PER_S

LATENCIES: Final = 512
_log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class OpenFile:
    """A file from the first fragment that was accepted for it to its end. Its fields belong to the disk's thread.

    lost     called once, from the disk's thread, when the file cannot be written on: why, and since when (UTC)
    broken   nothing more is written to it
    """

    run: Run
    lost: Callable[[StorageError, int], None]
    file: SegmentFile | None = field(default=None, repr=False)
    broken: bool = False


class Told(Protocol):
    """Who hears what has been written. Called from the disks' threads; must not wait nor raise."""

    def begun(self, segment: Segment) -> None:
        """A file was created."""
        ...

    def written(self, segment: Segment, fragment: Fragment) -> None:
        """A fragment is on the disk."""
        ...

    def over(self, segment: Segment) -> None:
        """A file is not being written any more, whether it was finished or not."""
        ...

    def finished(self, segment: Segment) -> None:
        """A file is on the disk and is to be committed."""
        ...

    def failed(self, storage: str, error: StorageError) -> None:
        """A storage folder did not take what was written."""
        ...


@dataclass(frozen=True, slots=True)
class _Job:
    file: OpenFile
    cut: Cut | None


class DiskWriter:
    """Writes to one storage folder.

    limit  bytes that wait at most; what would exceed it is refused
    """

    def __init__(self, files: Files, format_: Format, told: Told, clock: Clock, limit: int) -> None:
        self._files, self._format, self._told, self._clock, self._limit = files, format_, told, clock, limit
        self._storage = files.storage.id
        self._changed = threading.Condition()
        self._jobs: deque[_Job] = deque()
        self._bytes = 0
        self._busy_since: int | None = None
        self._stopping = False
        self._took_ns: deque[int] = deque(maxlen=LATENCIES)
        self._written = 0
        self._thread = threading.Thread(target=self._run, name=f"disk {self._storage}", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def offer(self, file: OpenFile, cut: Cut) -> bool:
        """Hand over a fragment; False when too much waits already, and it was not taken."""
        with self._changed:
            # A single fragment that is larger than the limit is taken when nothing else waits.
            if self._stopping or (self._jobs and self._bytes + cut.size > self._limit):
                return False
            self._jobs.append(_Job(file, cut))
            self._bytes += cut.size
            self._changed.notify_all()
        return True

    def end(self, file: OpenFile) -> None:
        """Nothing more comes for a file: close and commit it, after what waits."""
        with self._changed:
            self._jobs.append(_Job(file, None))
            self._changed.notify_all()

    def stop(self) -> None:
        """Take nothing more; the thread ends once everything that waits is written."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def stuck_s(self) -> float:
        """How long the write that is under way has lasted; 0 when there is none."""
        since = self._busy_since
        return 0.0 if since is None else (self._clock.monotonic_ns() - since) / NS_PER_S

    def figures(self) -> Mapping[str, float]:
        """Bytes that wait, 95th percentile of the time a write took, bytes written since the start."""
        with self._changed:
            took, waiting, written = sorted(self._took_ns), self._bytes, self._written
        p95 = took[min(len(took) - 1, len(took) * 95 // 100)] / NS_PER_S if took else 0.0
        return {"queue_bytes": waiting, "write_p95_s": p95, "written_bytes": written}

    def _run(self) -> None:
        while (job := self._next()) is not None:
            begun = self._clock.monotonic_ns()
            size = 0 if job.cut is None else job.cut.size
            try:
                self._do(job)
            except StorageError as error:
                self._give_up(job, error)
            except Exception as error:  # noqa: BLE001 - border of a thread
                # The border of this thread: a fault in one file must not end the recording of all others.
                _log.exception("file given up", run=job.file.run.id, camera=job.file.run.camera)
                self._give_up(job, StorageError(f"{type(error).__name__} while writing"), blame=False)
            took = self._clock.monotonic_ns() - begun
            with self._changed:
                self._busy_since = None
                self._bytes -= size
                if job.cut is not None:
                    self._took_ns.append(took)
                    self._written += size

    def _next(self) -> _Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._stopping)
            if not self._jobs:
                return None
            self._busy_since = self._clock.monotonic_ns()
            return self._jobs.popleft()

    def _do(self, job: _Job) -> None:
        file, cut = job.file, job.cut
        if file.broken:
            return
        if cut is None:
            self._finish(file)
            return
        if file.file is None:
            file.file = self._format.create(self._files, file.run, cut)
            self._told.begun(file.file.segment)
        fragment = file.file.write(cut)
        self._told.written(file.file.segment, fragment)

    def _finish(self, file: OpenFile) -> None:
        file.broken = True
        if file.file is None:
            return
        self._told.over(file.file.segment)
        segment = file.file.finish()
        if segment is not None:
            self._told.finished(segment)

    def _give_up(self, job: _Job, error: StorageError, *, blame: bool = True) -> None:
        """Save what can be saved of a file, and tell that it ended."""
        file, cut = job.file, job.cut
        begun, file.broken = not file.broken, True
        if blame:
            self._told.failed(self._storage, error)
        if file.file is not None:
            self._save(file, file.file, tried=not begun)
        if cut is not None:
            file.lost(error, cut.utc_ns)

    def _save(self, open_file: OpenFile, file: SegmentFile, *, tried: bool) -> None:
        try:
            if not tried:
                self._finish(open_file)
                return
        except StorageError:
            pass
        except Exception:  # noqa: BLE001 - border of a thread
            _log.exception("file cannot be closed", path=file.segment.path)
        _log.error("file left to recovery", path=file.segment.path)
        file.abandon()
