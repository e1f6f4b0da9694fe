"""One stream of one camera: its connection, and where its packets go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from vedette.engine.health import AlarmBook, HealthBook
from vedette.engine.logs import FallingRate
from vedette.engine.recorder.filing import Filing
from vedette.engine.recorder.gaps import GapBook
from vedette.engine.recorder.gate import Gate
from vedette.engine.recorder.meter import Meter
from vedette.engine.recorder.options import RecorderOptions, StreamSettings
from vedette.engine.recorder.ports import Bus
from vedette.engine.supervisor import Backoff, keep_trying
from vedette.model.errors import OperationError, SourceDenied, SourceError, VedetteError
from vedette.model.health import State
from vedette.model.identity import new_id
from vedette.model.media import Codec, Packet
from vedette.model.news import RunChanged
from vedette.model.ports import Clock, Stream
from vedette.model.recording import Run, RunEnd
from vedette.model.time import NS_PER_S

NO_KEY_S: Final = 10.0
"""A camera that sends pictures this long without a keyframe is told of."""
_log = structlog.get_logger(__name__)


class RunRows(Protocol):
    """Where runs are written down; never waits."""

    def begin_run(self, run: Run) -> None:
        """A camera was connected."""
        ...

    def end_run(self, run: Run) -> None:
        """A run has its end."""
        ...


@dataclass(frozen=True, slots=True)
class StreamParts:
    """What a stream works with."""

    clock: Clock
    bus: Bus
    rows: RunRows
    filing: Filing
    gaps: GapBook
    health: HealthBook
    alarms: AlarmBook
    backoff: Backoff


class StreamRecorder:
    """Keeps a connection to one stream, publishes what comes, and records what is to be recorded.

    wait  waits for some seconds and answers whether it is time to stop; an Event's `wait` when left out
    """

    def __init__(
        self,
        settings: StreamSettings,
        parts: StreamParts,
        options: RecorderOptions,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self.settings = settings
        self._parts, self._options = parts, options
        self._gate = Gate(settings.record, options.preroll_bytes)
        self.meter = Meter(parts.clock)
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._run: Run | None = None
        self._codec: Codec | None = None
        self._number = 0
        self._last: Packet | None = None
        self._begun_ns = parts.clock.monotonic_ns()
        self._lost_ns: int | None = self._begun_ns
        self._state: State = "starting"
        self._text = ""
        self._shown: tuple[State, str] | None = None
        self._rate = FallingRate()
        self._thread = threading.Thread(
            target=self.run, name=f"record {settings.camera} {settings.stream}", daemon=True
        )

    def start(self) -> None:
        """Connect, and go on until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Ask for the end; wakes the thread where it waits for the camera. Does not wait. May be called twice."""
        self._stopping.set()
        with self._lock:
            stream = self._stream
        if stream is not None:
            # Closing may take a second where a camera is silent, and there may be many of those.
            threading.Thread(target=stream.close, name=f"close {self.settings.part}", daemon=True).start()

    def join(self, seconds: float) -> bool:
        """Wait for the end; whether it came."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def connected(self) -> bool:
        """Whether a run is under way."""
        return self._run is not None

    @property
    def run_id(self) -> int | None:
        """Of the run that is under way."""
        run = self._run
        return None if run is None else run.id

    def change(self, settings: StreamSettings) -> None:
        """Record by other settings, over the same connection."""
        self.settings = settings
        self._gate.change(settings.record)

    def leave(self) -> None:
        """Write down that nothing is recorded from now on, also where nothing was before. For after the end."""
        self._parts.gaps.missing(self._gate.reason("stopped"), self._parts.clock.utc_ns())

    def trigger(self, utc_ns: int) -> None:
        """An event happened at the camera."""
        self._gate.trigger(utc_ns)

    def write_again(self) -> None:
        """Write the present run down once more."""
        run = self._run
        if run is not None:
            self._parts.rows.begin_run(run)

    def announce(self) -> None:
        """Tell of the present run again, for those who came later."""
        run, codec = self._run, self._codec
        if run is not None and codec is not None:
            self._parts.bus.news(RunChanged(run, codec))

    def watch(self) -> None:
        """Raise or clear the alarm, and write down how the stream is where that has changed. For every second or so."""
        lost_ns, part = self._lost_ns, self.settings.part
        now = self._parts.clock.monotonic_ns()
        if lost_ns is None:
            self._parts.alarms.clear("camera_lost", part)
        elif now - lost_ns >= self._options.lost_s * NS_PER_S:
            name, text = f"{self.settings.camera} ({self.settings.stream})", self._text or "it does not answer"
            self._parts.alarms.set("camera_lost", part, f"camera {name} is lost: {text}")
        if self._condition() != self._shown:
            self.show()

    def show(self) -> None:
        """Write down how the stream is, with its figures since the last time."""
        state, text = self._shown = self._condition()
        figures = {**self.meter.figures(), "dropped_fragments": self._parts.filing.dropped}
        self._parts.health.set(self.settings.part, state, text, figures)

    def _condition(self) -> tuple[State, str]:
        trouble = self._parts.filing.trouble
        return ("degraded", trouble) if trouble and self._lost_ns is None else (self._state, self._text)

    def run(self) -> None:
        """Connect again and again until told to stop."""
        now = self._parts.clock.utc_ns()
        mode = self.settings.record.mode
        self._parts.gaps.missing("off" if mode == "off" else "connecting", now)
        keep_trying(self._connection, self._parts.backoff, self._waits, self._failed)
        self._state, self._text = "off", ""

    def _waits(self, seconds: float) -> bool:
        return self._stopping.is_set() or self._wait(seconds)

    def _connection(self) -> bool:
        """One connection, from its beginning to its end; whether it ended because it was to. Raises SourceError."""
        try:
            return self._stopping.is_set() or self._connected()
        except OperationError:
            raise
        except VedetteError as error:
            raise SourceError(str(error)) from None
        except Exception as error:  # noqa: BLE001 - border of a thread
            # The border of this thread: whatever one camera sends must not end the recording of it for good.
            _log.exception("connection given up", camera=self.settings.camera, stream=self.settings.stream)
            raise SourceError(f"what the camera sent could not be processed ({type(error).__name__})") from None

    def _connected(self) -> bool:
        stream = self.settings.source().open()
        with self._lock:
            self._stream = stream
        try:
            # Asked again: `stop` may have come before there was a stream that it could close.
            if not self._stopping.is_set():
                for packet in stream.packets():
                    self._take(packet)
                    if self._stopping.is_set():
                        break
        finally:
            self._end("stopped" if self._stopping.is_set() else "camera_lost")
            with self._lock:
                self._stream = None
            stream.close()
        return self._stopping.is_set()

    def _take(self, packet: Packet) -> None:
        settings = self.settings
        run = self._run or self._begin(packet)
        number, self._number = self._number, self._number + 1
        packet = replace(packet, camera=settings.camera, stream=settings.stream, run=run.id, number=number)
        self._parts.bus.packet(packet)
        self.meter.count(packet)
        if packet.codec is not self._codec and packet.codec.medium == "video":
            self._codec = packet.codec
            self._parts.bus.news(RunChanged(run, packet.codec))
        recorded = self._gate.take(packet)
        for one in recorded:
            self._parts.filing.take(one)
        if not recorded:
            self._leave_out(packet)
        self._last = packet

    def _leave_out(self, packet: Packet) -> None:
        why = self._gate.why
        if why is not None:
            self._parts.filing.pause(why)
        elif not self._gate.seen_key and packet.at.stream_ns >= NO_KEY_S * NS_PER_S:
            self._parts.filing.pause("no_keyframe", "the camera sends no keyframe")
            self._text = "the camera sends no keyframe: set its keyframe interval to 1 or 2 s"
            self._state = "degraded"

    def _begin(self, packet: Packet) -> Run:
        settings, parts = self.settings, self._parts
        utc_ns = packet.at.utc_ns
        run = Run(new_id(parts.clock.utc_ns()), settings.camera, settings.stream, utc_ns, self._options.node)
        self._run, self._codec, self._number = run, None, 0
        self._lost_ns, self._state, self._text = None, "ok", ""
        self.meter.connections += 1
        parts.rows.begin_run(run)
        parts.filing.begin(run)
        self._gate.begin()
        if self._rate.well("lost"):
            _log.info("camera is back", camera=settings.camera, stream=settings.stream)
        self._begun_ns = parts.clock.monotonic_ns()
        return run

    def _end(self, why: RunEnd) -> None:
        """End the run, if there is one."""
        run, last, parts = self._run, self._last, self._parts
        self._run = self._codec = self._last = None
        self._lost_ns = parts.clock.monotonic_ns()
        if run is None:
            return
        if self._lost_ns - self._begun_ns >= self._options.well_s * NS_PER_S:
            parts.backoff.well()
        end_utc_ns = max(run.start_utc_ns, run.start_utc_ns if last is None else last.at.utc_ns)
        ended = replace(run, end_utc_ns=end_utc_ns, why=why)
        parts.filing.end(self._gate.reason("stopped" if why == "stopped" else "camera_lost"))
        parts.rows.end_run(ended)
        parts.bus.news(RunChanged(ended))

    def _failed(self, error: OperationError | None, wait_s: float) -> None:
        if self._stopping.is_set():
            return
        settings = self.settings
        self._text = str(error) if error is not None else "the camera ended the stream"
        self._state = "failed"
        if isinstance(error, SourceDenied):
            self._text += f"; asking again only in {wait_s / 60:.0f} min, so that the account is not locked"
        if times := self._rate.lets("lost"):
            about = {"camera": settings.camera, "stream": settings.stream, "again_in_s": round(wait_s, 1)}
            _log.warning("camera lost", why=self._text, times=times, **about)
