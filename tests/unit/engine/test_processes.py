from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes_engine import FakeBus, until
from vedette.clock import SimulatedClock, SystemClock
from vedette.engine.health import AlarmBook
from vedette.engine.processes import TURN_S, Child, Running, Spawn, Supervisor, WatchOptions
from vedette.engine.signals import Signals
from vedette.engine.supervisor import Waits
from vedette.model.health import Alarm, Health
from vedette.model.media import Packet
from vedette.model.news import HealthChanged, News

RECORDER = Child(name="recorder", argv=("recorder",), alarm="recorder_died", silent_s=30.0)
ANALYZER = Child(name="analyzer", argv=("analyzer",), alarm="analyzer_died", silent_s=30.0)
SERVER = Child(name="server", argv=("server",), alarm="server_died", silent_s=None)


@dataclass
class FakeProcess:
    name: str
    pid: int
    log: list[str]
    status: int | None = None
    ignores: frozenset[int] = frozenset()

    def poll(self) -> int | None:
        return self.status

    def send_signal(self, sig: int) -> None:
        self.log.append(f"{self.name} {signal.Signals(sig).name}")
        if sig != signal.SIGHUP and sig not in self.ignores:
            self.status = -sig


@dataclass
class World:
    """Children that the test ends, in simulated time: `at` says what happens after so many seconds."""

    at: dict[float, Callable[[], None]]
    children: tuple[Child, ...] = (RECORDER, ANALYZER, SERVER)
    alive: set[str] = field(default_factory=lambda: {"recorder", "analyzer"})
    log: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    bus: FakeBus = field(default_factory=FakeBus)
    kept: list[Alarm] = field(default_factory=list)
    started: dict[str, list[FakeProcess]] = field(default_factory=dict)
    starts: list[tuple[str, float]] = field(default_factory=list)
    refuse: OSError | None = None
    born_status: int | None = None

    def __post_init__(self) -> None:
        self.clock = SimulatedClock()
        self.signals = Signals()
        self.alarms = AlarmBook(self.clock, self.bus.news, self.kept.append)
        self._beat: list[str] = []
        self.supervisor = Supervisor(
            self.children, clock=self.clock, hearing=self, signals=self.signals, alarms=self.alarms,
            say=self.said.append, chance=random.Random(1), spawn=self.spawn,  # noqa: S311
            options=WatchOptions(waits=Waits(at_once=1, jitter=0.0)),
        )  # fmt: skip

    def now_s(self) -> float:
        return self.clock.monotonic_ns() / 1e9

    def spawn(self, child: Child) -> Running:
        if self.refuse is not None:
            raise self.refuse
        self.starts.append((child.name, round(self.now_s(), 1)))
        mine = self.started.setdefault(child.name, [])
        mine.append(FakeProcess(child.name, 100 + len(self.starts), self.log, self.born_status))
        return mine[-1]

    def receive(self, timeout_s: float) -> Packet | News | None:
        if self._beat:
            return HealthChanged(Health(self._beat.pop(), "ok", 0))
        self.clock.advance(timeout_s)
        for moment in sorted(self.at):
            if moment <= self.now_s():
                self.at.pop(moment)()
        assert self.now_s() < 2000, "it never ended"
        if round(self.now_s() / TURN_S) % 25 == 0:
            self._beat = sorted(self.alive)
        return None

    def stop(self) -> None:
        self.signals.take(signal.SIGTERM)

    def end(self, name: str, status: int = 1) -> Callable[[], None]:
        def do() -> None:
            self.started[name][-1].status = status

        return do


def test_all_are_started_in_order_and_ended_the_other_way_round() -> None:
    world = World({})
    world.at[5.0] = world.stop
    assert world.supervisor.run() == 0
    assert [name for name, _ in world.starts] == ["recorder", "analyzer", "server"]
    assert world.log == ["server SIGTERM", "analyzer SIGTERM", "recorder SIGTERM"]
    assert world.said[0] == "recorder: started, process 101"
    assert not world.kept


def test_one_that_dies_is_started_again_at_once_then_ever_later() -> None:
    world = World({})
    for moment in (10.0, 11.0, 15.0, 20.0):
        world.at[moment] = world.end("analyzer", -11)
    world.at[40.0] = world.stop
    world.supervisor.run()
    starts = [at for name, at in world.starts if name == "analyzer"]
    assert starts == pytest.approx([0.0, 10.2, 12.2, 17.2, 24.2], abs=0.31)
    assert len(world.started["recorder"]) == len(world.started["server"]) == 1
    assert "analyzer: ended by SIGSEGV; again at once" in world.said
    assert [(alarm.kind, alarm.cleared_utc_ns) for alarm in world.kept] == [("analyzer_died", None)]


def test_the_alarm_is_cleared_and_waits_begin_anew_once_it_has_lived_for_a_while() -> None:
    world = World({})
    for moment in (10.0, 11.0, 100.0):
        world.at[moment] = world.end("recorder")
    world.at[105.0] = world.stop
    world.supervisor.run()
    assert [alarm.cleared_utc_ns is None for alarm in world.kept] == [True, False, True]
    assert [at for name, at in world.starts if name == "recorder"][-1] == pytest.approx(100.2, abs=0.31)


def test_a_silent_one_is_ended_and_started_again() -> None:
    world = World({})
    world.at[20.0] = lambda: world.alive.discard("analyzer")
    world.at[60.0] = lambda: world.alive.add("analyzer")
    world.at[70.0] = world.stop
    world.supervisor.run()
    assert world.log[0] == "analyzer SIGTERM"
    assert len(world.started["analyzer"]) == 2
    assert any("no sign of life" in line for line in world.said)


def test_a_silent_one_that_does_not_listen_is_killed() -> None:
    world = World({})

    def hang() -> None:
        world.alive.discard("analyzer")
        world.started["analyzer"][0].ignores = frozenset({signal.SIGTERM})

    world.at[20.0] = hang
    world.at[65.0] = world.stop
    world.supervisor.run()
    assert world.log[:2] == ["analyzer SIGTERM", "analyzer SIGKILL"]
    assert len(world.started["analyzer"]) == 2


def test_one_that_never_speaks_up_has_more_time_at_first() -> None:
    world = World({}, alive={"recorder"})
    world.at[59.0] = world.stop
    world.supervisor.run()
    assert len(world.started["analyzer"]) == 1
    world = World({}, alive={"recorder"})
    world.at[62.0] = world.stop
    world.supervisor.run()
    assert len(world.started["analyzer"]) == 2


def test_one_that_gives_no_signs_is_not_expected_to() -> None:
    world = World({})
    world.at[500.0] = world.stop
    world.supervisor.run()
    assert len(world.started["server"]) == 1


def test_wrong_use_ends_everything_with_its_status() -> None:
    world = World({}, born_status=2)
    assert world.supervisor.run() == 2
    assert len(world.starts) == 3


def test_status_2_of_one_that_lived_is_a_death_as_any_other() -> None:
    world = World({})
    world.at[20.0] = world.end("recorder", 2)
    world.at[30.0] = world.stop
    assert world.supervisor.run() == 0
    assert len(world.started["recorder"]) == 2


def test_a_reload_reaches_all() -> None:
    world = World({})
    world.at[3.0] = lambda: world.signals.take(signal.SIGHUP)
    world.at[4.0] = world.stop
    world.supervisor.run()
    assert world.log[:3] == ["recorder SIGHUP", "analyzer SIGHUP", "server SIGHUP"]


def test_one_that_does_not_end_is_killed_and_told() -> None:
    world = World({})

    def stop() -> None:
        world.started["server"][0].ignores = frozenset({signal.SIGTERM})
        world.stop()

    world.at[3.0] = stop
    assert world.supervisor.run() == 1
    assert world.log[:3] == ["server SIGTERM", "server SIGKILL", "analyzer SIGTERM"]


def test_a_program_that_cannot_be_started_is_tried_again() -> None:
    world = World({}, refuse=OSError(2, "No such file or directory"))

    def mend() -> None:
        world.refuse = None

    world.at[10.0] = mend
    world.at[30.0] = world.stop
    assert world.supervisor.run() == 0
    assert [name for name, _ in world.starts] == ["recorder", "analyzer", "server"]
    assert "recorder: cannot be started: No such file or directory; again at once" in world.said


CHILD = """
    import os, signal, sys, threading
    from pathlib import Path
    from vedette.engine.processes import follow_supervisor
    from vedette.engine.signals import Signals
    signals = Signals()
    signals.install()
    follow_supervisor()
    Path(sys.argv[1]).write_text(str(os.getpid()))
    while not signals.stopping:
        signal.sigtimedwait([], 0.02)
    Path(sys.argv[1]).write_text("ended in order")
"""
PARENT = """
    import sys, time
    from vedette.engine.processes import Child, Spawn
    running = Spawn()(Child(name="x", argv=sys.argv[1:], alarm="recorder_died"))
    print(running.pid, flush=True)
    time.sleep(60)
"""


def program(text: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", textwrap.dedent(text), *arguments]


@pytest.fixture
def ended() -> Iterator[list[int]]:
    pids: list[int] = []
    yield pids
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def test_real_children_are_started_and_ended(tmp_path: Path, ended: list[int]) -> None:
    note = tmp_path / "note"
    signals, bus, clock = Signals(), FakeBus(), SystemClock()
    spawn = Spawn()

    class Quiet:
        def receive(self, timeout_s: float) -> None:
            clock.sleep(timeout_s / 10)
            if note.exists() and note.read_text():
                ended.append(int(note.read_text()))
                signals.take(signal.SIGTERM)

    supervisor = Supervisor(
        [Child(name="x", argv=program(CHILD, str(note)), alarm="recorder_died")],
        clock=clock, hearing=Quiet(), signals=signals, alarms=AlarmBook(clock, bus.news, lambda _: None),
        say=lambda _: None, chance=random.Random(1), spawn=spawn,  # noqa: S311
    )  # fmt: skip
    assert supervisor.run() == 0
    spawn.close()
    assert note.read_text() == "ended in order"


def test_children_end_in_order_when_their_supervisor_is_killed(tmp_path: Path, ended: list[int]) -> None:
    note = tmp_path / "note"
    with subprocess.Popen(program(PARENT, *program(CHILD, str(note))), stdout=subprocess.PIPE, text=True) as parent:
        ended.append(parent.pid)
        until(lambda: note.exists() and note.read_text())
        ended.append(int(note.read_text()))
        parent.kill()
        parent.wait()
        until(lambda: note.read_text() == "ended in order")
