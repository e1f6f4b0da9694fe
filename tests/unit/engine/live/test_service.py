from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from live_camera import BrightDetector, Film, Thing, packets
from live_setup import GATE, Kept, setup
from vedette.clock import SystemClock
from vedette.engine.live.detector_service import DetectorService
from vedette.engine.live.ports import LiveRule
from vedette.engine.live.reporting import Reporter
from vedette.engine.live.service import LiveAnalysis
from vedette.model.events import RuleEvent
from vedette.model.health import Health
from vedette.model.media import Packet
from vedette.model.news import GapChanged, HealthChanged, IncidentChanged, News, RunChanged
from vedette.model.observations import Observations
from vedette.model.recording import Gap, Run

made = functools.cache(packets)
WALK = Film(17.0, (Thing(8.2, 12.0),))


@dataclass
class Live:
    analysis: LiveAnalysis
    kept: Kept
    detector: BrightDetector

    def feed(self, *streams: Sequence[Packet]) -> None:
        """Packets of several cameras, in turn, as fast as they are taken."""
        for together in zip(*streams, strict=True):
            for packet in together:
                self.analysis.take(packet)
            until(lambda: all(loop.inbox._bytes == 0 for loop in self.analysis._loops.values()))

    def health(self, part: str) -> Health:
        return next(health for health in self.analysis.health() if health.part == part)


@contextmanager
def running(*setups: Any) -> Iterator[Live]:
    kept, detector, clock = Kept(), BrightDetector(), SystemClock()
    service = DetectorService([detector], clock)
    reporter = Reporter(kept, kept, kept.news.append)
    live = Live(LiveAnalysis({"": service}, reporter, kept.news.append, clock), kept, detector)
    for one in setups:
        live.analysis.change(one)
    try:
        yield live
    finally:
        live.analysis.close()
        service.close()


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.001)


@dataclass
class Fragile:
    """A rule that breaks once."""

    id: str = "fragile"
    at_s: float = 4.0
    broken: list[float] = field(default_factory=list)

    def update(self, now: Observations) -> list[RuleEvent]:
        if now.at.stream_s >= self.at_s and not self.broken:
            self.broken.append(now.at.stream_s)
            raise RuntimeError("a bug")
        return []

    def values(self) -> dict[str, object]:
        return {}


def test_cameras_are_analysed_side_by_side() -> None:
    cameras = ("a", "b", "c")
    with running(*(setup(GATE, camera=camera) for camera in cameras)) as live:
        live.feed(*(made(WALK, camera) for camera in cameras))
        assert live.analysis.streams == {(camera, "main") for camera in cameras}
        live.analysis.close()
        found = {event.camera: (event.event.rule, event.event.direction) for event in live.kept.events}
        assert found == dict.fromkeys(cameras, ("gate", "backward"))
        assert len(live.kept.events) == 3
        assert {line.camera for line in live.kept.tracks} == set(cameras)
        assert all(incident.closed_utc_ns for incident in live.kept.incidents.values())


def test_a_change_of_one_camera_is_not_noticed_by_another() -> None:
    with running(setup(GATE, camera="a"), setup(GATE, camera="b")) as live:
        first, second = made(WALK, "a"), made(WALK, "b")
        live.feed(first[:100], second[:100])
        live.analysis.change(setup(camera="a"))
        live.feed(first[100:], second[100:])
        live.analysis.close()
        assert [event.camera for event in live.kept.events] == ["b"]


def test_a_camera_may_come_and_go() -> None:
    with running(setup(GATE, camera="a")) as live:
        live.feed(made(WALK, "a"))
        live.analysis.remove("a")
        live.analysis.remove("never there")
        assert live.analysis.streams == frozenset()
        live.analysis.take(made(WALK, "a")[0])
        live.analysis.change(setup(GATE, camera="b"))
        live.feed(made(WALK, "b"))
        live.analysis.close()
        assert sorted(event.camera for event in live.kept.events) == ["a", "b"]


def test_one_cameras_bug_is_not_anothers() -> None:
    fragile = Fragile()
    rule = LiveRule(id="fragile", hash="f", build=lambda: fragile)
    with running(setup(GATE, rule, camera="a"), setup(GATE, camera="b")) as live:
        live.feed(made(WALK, "a"), made(WALK, "b"))
        until(lambda: live.health("analysis:a").figures["crashes"] == 1.0)
        assert live.health("analysis:b").figures["crashes"] == 0.0
        live.analysis.close()
        assert sorted(event.camera for event in live.kept.events) == ["a", "b"]


@pytest.mark.parametrize("told", ["run", "gap"])
def test_news_of_a_lost_connection_spare_the_waiting(told: str) -> None:
    run = Run(1, "a", "main", 0, end_utc_ns=5, why="camera_lost")
    gap = Gap(1, "a", "main", 0, None, "camera_lost", "the camera refused the connection")
    news: News = RunChanged(run) if told == "run" else GapChanged(gap)
    with running(setup(GATE, camera="a", silent_s=1000.0)) as live:
        live.feed(made(WALK, "a")[:50])
        live.analysis.take(news)
        until(lambda: live.health("analysis:a").state == "failed")
        live.feed([replace(p, run=2) for p in made(WALK, "a")])
        until(lambda: live.health("analysis:a").state == "ok")


@pytest.mark.parametrize(
    "news",
    [
        RunChanged(Run(1, "a", "main", 0)),
        RunChanged(Run(1, "a", "main", 0, end_utc_ns=5, why="codec_changed")),
        RunChanged(Run(1, "a", "sub", 0, end_utc_ns=5, why="camera_lost")),
        GapChanged(Gap(1, "a", "main", 0, None, "schedule")),
        GapChanged(Gap(1, "a", "main", 0, 9, "camera_lost")),
        GapChanged(Gap(1, "other", "main", 0, None, "camera_lost")),
    ],
)
def test_other_news_change_nothing(news: News) -> None:
    with running(setup(GATE, camera="a", silent_s=1000.0)) as live:
        live.feed(made(WALK, "a")[:50])
        live.analysis.take(news)
        live.feed(made(WALK, "a")[50:60])
        until(lambda: live.health("analysis:a").figures["analyzed_frames"] >= 59)
        assert live.health("analysis:a").state == "ok"


def test_a_review_reaches_the_camera() -> None:
    again = made(Film(24.0, (Thing(8.2, 12.0), Thing(14.0, 18.0))), "a")
    with running(setup(GATE, camera="a")) as live:
        live.feed(again[:140])
        until(lambda: len(live.kept.incidents) == 1)
        (incident,) = live.kept.incidents.values()
        live.analysis.take(IncidentChanged(replace(incident, review="confirmed")))
        live.feed(again[140:])
        live.analysis.close()
        assert [(one.review, one.events) for one in live.kept.incidents.values()] == [("confirmed", 2)]


def test_health_is_told_of_every_part_and_figures_of_rules_can_be_asked() -> None:
    @dataclass
    class Arriving:
        items: list[Packet]

        def receive(self, timeout_s: float) -> Packet | News | None:
            time.sleep(min(timeout_s, 0.001))
            return self.items.pop(0) if self.items else None

    count = {"id": "total", "type": "count", "of": ["gate"]}
    with running(setup(GATE, count, camera="a")) as live:
        arriving = Arriving(list(made(WALK, "a")))
        live.analysis.run(arriving, lambda: not arriving.items)
        told = {news.health.part for news in live.kept.news if isinstance(news, HealthChanged)}
        assert told == {"analysis:a", "detector", "analyzer"}
        until(lambda: live.analysis.values("a").get("total", {}).get("total") == {"backward": 1})
        assert live.analysis.values("nobody") == {}
