"""Many cameras analysed in one process: a thread each, one shared detector, one way out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

import structlog

from vedette.engine.live.camera import CameraAnalysis
from vedette.engine.live.detector_service import DetectorService
from vedette.engine.live.inbox import Inbox
from vedette.engine.live.ports import CameraSetup, Publish
from vedette.engine.live.reporting import Reporter
from vedette.engine.own import own_figures
from vedette.model.health import Health
from vedette.model.media import Packet
from vedette.model.news import GapChanged, HealthChanged, IncidentChanged, News, RunChanged
from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S

TICK_S: Final = 0.25
HEALTH_S: Final = 3.0
VALUES_S: Final = 2.0
_JOIN_S: Final = 10.0
_log = structlog.get_logger(__name__)


class Arrivals(Protocol):
    """Where packets and news come from."""

    def receive(self, timeout_s: float) -> Packet | News | None:
        """The next packet or news; None when nothing came within `timeout_s`."""
        ...


class LiveAnalysis:
    """Analyses cameras live. `take` is for one thread; everything else may be called by any.

    detectors  by the names that setups use; more may be added later
    publish    tells the other processes
    """

    def __init__(
        self, detectors: Mapping[str, DetectorService], reporter: Reporter, publish: Publish, clock: Clock
    ) -> None:
        self._detectors, self._reporter = detectors, reporter
        self._publish, self._clock = publish, clock
        self._loops: dict[str, _Loop] = {}
        self._lock = threading.Lock()
        self._told_ns = 0
        reporter.start()

    @property
    def streams(self) -> frozenset[tuple[str, str]]:
        """`(camera, stream)` of what is analysed, to subscribe to."""
        with self._lock:
            return frozenset((camera, loop.setup.stream) for camera, loop in self._loops.items())

    def change(self, setup: CameraSetup) -> None:
        """Analyse a camera like this from now on, be it known or new. No other camera notices.

        Rules that stay the same keep what they remember, and tracks go on while only rules change.
        """
        service = self._detectors[setup.detector]
        with self._lock:
            loop = self._loops.get(setup.camera)
            if loop is None:
                self._loops[setup.camera] = _Loop(setup, service, self._reporter, self._publish, self._clock)
            else:
                loop.change(setup, service)

    def remove(self, camera: str) -> None:
        """Analyse a camera no more; what it has found until now is reported."""
        with self._lock:
            loop = self._loops.pop(camera, None)
        if loop is not None:
            loop.close()

    def take(self, item: Packet | News) -> None:
        """A packet or news came. Never waits."""
        if isinstance(item, Packet):
            loop = self._loops.get(item.camera)
            if loop is not None and item.stream == loop.setup.stream:
                loop.inbox.put(item, self._clock.monotonic_ns())
        elif isinstance(item, IncidentChanged):
            loop = self._loops.get(item.incident.camera)
            if loop is not None:
                loop.order(lambda analysis: analysis.reviewed(item.incident))
        else:
            self._notice_loss(item)

    def run(self, arrivals: Arrivals, stopped: Callable[[], bool]) -> None:
        """Take what arrives until `stopped`, and tell the health every few seconds."""
        while not stopped():
            item = arrivals.receive(TICK_S)
            if item is not None:
                self.take(item)
            now_ns = self._clock.monotonic_ns()
            if now_ns - self._told_ns >= HEALTH_S * NS_PER_S:
                self._told_ns = now_ns
                for health in self.health():
                    self._publish(HealthChanged(health))

    def health(self) -> list[Health]:
        """How every camera's analysis is, and the detector, and the way to the database."""
        with self._lock:
            loops = list(self._loops.values())
        return [*(loop.health() for loop in loops), self._detector_health(), self._reporter_health()]

    def values(self, camera: str) -> Mapping[str, Mapping[str, object]]:
        """Present figures of a camera's rules, by rule id; none for a camera that is not analysed."""
        loop = self._loops.get(camera)
        return {} if loop is None else loop.values()

    def close(self) -> bool:
        """End all loops and report what they hold; whether the database took everything. Detectors stay open."""
        with self._lock:
            loops, self._loops = list(self._loops.values()), {}
        for loop in loops:
            loop.inbox.close()
        for loop in loops:
            loop.close()
        return self._reporter.close()

    def _notice_loss(self, news: News) -> None:
        """News that a camera's connection ended: no need to wait until the silence tells."""
        if isinstance(news, RunChanged) and news.run.end_utc_ns is not None and news.run.why != "codec_changed":
            camera, stream, why = news.run.camera, news.run.stream, "the connection ended"
        elif isinstance(news, GapChanged) and news.gap.end_utc_ns is None and news.gap.reason == "camera_lost":
            camera, stream, why = news.gap.camera, news.gap.stream, news.gap.text or "the connection is lost"
        else:
            return
        loop = self._loops.get(camera)
        if loop is not None and loop.setup.stream == stream:
            loop.order(lambda analysis: analysis.lose(f"{why}: check the camera and its connection"))

    def _detector_health(self) -> Health:
        figures: dict[str, float] = {}
        trouble = next((service.trouble for service in self._detectors.values() if service.trouble), "")
        for service in self._detectors.values():
            for name, value in service.figures().items():
                figures[name] = figures.get(name, 0.0) + value
        return Health("detector", "failed" if trouble else "ok", self._clock.utc_ns(), trouble, figures)

    def _reporter_health(self) -> Health:
        trouble, figures = self._reporter.trouble, {**self._reporter.figures(), **own_figures()}
        text = f"events wait in memory: {trouble}" if trouble else ""
        return Health("analyzer", "degraded" if trouble else "ok", self._clock.utc_ns(), text, figures)


class _Loop:
    """One camera's thread."""

    def __init__(
        self, setup: CameraSetup, service: DetectorService, reporter: Reporter, publish: Publish, clock: Clock
    ) -> None:
        self.setup, self._service = setup, service
        self._reporter, self._publish, self._clock = reporter, publish, clock
        self.inbox = Inbox()
        self._analysis = self._fresh()
        self._health = self._analysis.health()
        self._values: Mapping[str, Mapping[str, object]] = self._analysis.values()
        self._crashes = 0
        self._thread = threading.Thread(target=self._run, name=f"analyse {setup.camera}", daemon=True)
        self._thread.start()

    def change(self, setup: CameraSetup, service: DetectorService) -> None:
        """Go on like this."""
        other = None if service is self._service else service.for_camera(setup.camera)
        self.setup, self._service = setup, service
        self.order(lambda analysis: analysis.change(setup, other))

    def order(self, order: Callable[[CameraAnalysis], None]) -> None:
        """Have the thread do something with its analysis."""
        self.inbox.order(lambda: order(self._analysis))

    def health(self) -> Health:
        """As of the last turn of the thread."""
        dropped = self._health.figures.get("dropped_frames", 0.0) + self.inbox.dropped
        figures = {**self._health.figures, "dropped_frames": dropped, "crashes": float(self._crashes)}
        return replace(self._health, figures=figures)

    def values(self) -> Mapping[str, Mapping[str, object]]:
        """As of the last turn of the thread."""
        return self._values

    def close(self) -> None:
        """End the thread, once it has reported what is open."""
        self.inbox.close()
        self._thread.join(_JOIN_S)

    def _fresh(self) -> CameraAnalysis:
        detector = self._service.for_camera(self.setup.camera)
        return CameraAnalysis(self.setup, detector, self._reporter, self._publish, self._clock)

    def _run(self) -> None:
        ticked_ns = valued_ns = 0
        while not self.inbox.closed:
            item = self.inbox.take(TICK_S)
            try:
                self._turn(item)
                now_ns = self._clock.monotonic_ns()
                if now_ns - ticked_ns >= TICK_S * NS_PER_S:
                    ticked_ns = now_ns
                    self._analysis.tick()
                    self._health = self._analysis.health()
                if now_ns - valued_ns >= VALUES_S * NS_PER_S:
                    valued_ns = now_ns
                    self._values = self._analysis.values()
            except Exception:  # noqa: BLE001 - border of a thread
                # One camera's trouble must not become that of the others: it begins afresh with the next packet.
                self._crashes += 1
                _log.exception("analysis begins afresh", camera=self.setup.camera, crashes=self._crashes)
                self._analysis = self._fresh()
        self._end()

    def _turn(self, item: object) -> None:
        if isinstance(item, tuple):
            packet, heard_ns = item
            self._analysis.take(packet, heard_ns)
        elif callable(item):
            item()

    def _end(self) -> None:
        try:
            while (order := self.inbox.take(0.0)) is not None:
                self._turn(order)
            self._analysis.finish()
        except Exception:  # noqa: BLE001 - border of a thread
            _log.exception("analysis could not be ended", camera=self.setup.camera)


__all__: Sequence[str] = ["Arrivals", "LiveAnalysis"]
