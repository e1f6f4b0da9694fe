"""The processes of one system: started, watched, started again, and ended in order."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from vedette.engine.health import AlarmBook
from vedette.engine.recorder.process import Hearing
from vedette.engine.signals import Signals
from vedette.engine.supervisor import Backoff, Waits
from vedette.model.errors import OperationError
from vedette.model.health import AlarmKind
from vedette.model.news import HealthChanged, News
from vedette.model.ports import Clock
from vedette.model.time import NS_PER_S

LIFELINE: Final = "VEDETTE_LIFELINE"
"""Environment variable with the descriptor at which a child notices that its supervisor is gone."""
TURN_S: Final = 0.2
WRONG_USE: Final = 2
"""Exit status of a process that was asked for something wrong: starting it again cannot help."""
LAST_GRACE_S: Final = 20.0


class Running(Protocol):
    """A process that was started: `subprocess.Popen` is one."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it lives."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send it a signal; nothing happens when it has ended."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process to be kept alive.

    name      of its part in health news, which are its signs of life
    alarm     raised when it ends by itself
    silent_s  seconds without a sign of life after which it is ended and started again; None where it gives none
    """

    name: str
    argv: Sequence[str]
    alarm: AlarmKind
    silent_s: float | None = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """Seconds.

    waits    between starts of a process that keeps ending; the first start again loses no time
    well_s   a process that lived this long was a success
    start_s  until the first sign of life
    term_s   for an orderly end of a process that is silent
    stop_s   for an orderly end of each process at the end of all
    """

    waits: Waits = Waits(at_once=1, first_s=1.0, longest_s=30.0)  # noqa: RUF009 - frozen
    well_s: float = 60.0
    start_s: float = 60.0
    term_s: float = 10.0
    stop_s: float = 20.0


@dataclass(slots=True)
class _Watched:
    child: Child
    backoff: Backoff
    running: Running | None = None
    start_ns: int = 0
    heard_ns: int | None = None
    term_ns: int | None = None


class Supervisor:
    """Keeps children alive until a signal asks for the end. Everything in one thread, the main one.

    children  in the order of their start; they end in the opposite order
    hearing   news of all of them
    say       prints a line
    spawn     starts a process
    sound     asked whether a changed configuration may be passed on; it says itself why not
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        clock: Clock,
        hearing: Hearing,
        signals: Signals,
        alarms: AlarmBook,
        say: Callable[[str], None],
        chance: random.Random,
        spawn: Callable[[Child], Running] | None = None,
        options: WatchOptions | None = None,
        sound: Callable[[], bool] = lambda: True,
    ) -> None:
        self._clock, self._hearing, self._signals, self._alarms = clock, hearing, signals, alarms
        self._say, self._spawn, self._options = say, spawn or Spawn(), options or WatchOptions()
        self._sound = sound
        self._watched = [_Watched(child, Backoff(self._options.waits, chance)) for child in children]

    def run(self) -> int:
        """Start everything, watch it, end it in order. The exit status: 0, 1 when something had to be killed, or 2."""
        self._signals.leave = self._leave
        wrong = False
        for watched in self._watched:
            self._start(watched)
        while not self._signals.stopping and not wrong:
            news = self._hearing.receive(TURN_S)
            if isinstance(news, HealthChanged):
                self._hear(news)
            if self._signals.reload():
                self._reload()
            for watched in self._watched:
                wrong = not self._look(watched) or wrong
        well = self._end()
        return WRONG_USE if wrong else 0 if well else 1

    def _start(self, watched: _Watched) -> None:
        watched.heard_ns = watched.term_ns = None
        watched.start_ns = self._clock.monotonic_ns()
        try:
            watched.running = self._spawn(watched.child)
        except OSError as error:
            self._fallen(watched, f"cannot be started: {error.strerror}")
            return
        self._say(f"{watched.child.name}: started, process {watched.running.pid}")

    def _hear(self, news: News) -> None:
        part = news.health.part if isinstance(news, HealthChanged) else ""
        for watched in self._watched:
            if watched.child.name == part:
                watched.heard_ns = self._clock.monotonic_ns()

    def _reload(self) -> None:
        if not self._sound():
            return
        self._say("configuration is read again")
        for watched in self._watched:
            if watched.running is not None:
                watched.running.send_signal(signal.SIGHUP)

    def _look(self, watched: _Watched) -> bool:
        """Look after one child; False when starting it again cannot help."""
        now = self._clock.monotonic_ns()
        if watched.running is None:
            if now >= watched.start_ns:
                self._start(watched)
            return True
        status = watched.running.poll()
        if status is not None:
            watched.running = None
            if status == WRONG_USE and watched.heard_ns is None:
                self._say(f"{watched.child.name}: what it was asked for is wrong")
                return False
            self._fallen(watched, f"ended {_said(status)}")
        elif watched.term_ns is not None:
            if now - watched.term_ns >= self._options.term_s * NS_PER_S:
                watched.running.send_signal(signal.SIGKILL)
        elif (silent_s := self._silent_s(watched, now)) is not None:
            self._say(f"{watched.child.name}: no sign of life for {silent_s:.0f} s, ending it")
            watched.term_ns = now
            watched.running.send_signal(signal.SIGTERM)
        elif now - watched.start_ns >= self._options.well_s * NS_PER_S:
            watched.backoff.well()
            self._alarms.clear(watched.child.alarm, watched.child.name)
        return True

    def _silent_s(self, watched: _Watched, now: int) -> float | None:
        """How long a child has been silent; None while that is no reason to worry."""
        allowed_s = watched.child.silent_s
        if allowed_s is None:
            return None
        since = watched.start_ns if watched.heard_ns is None else watched.heard_ns
        silent_s = (now - since) / NS_PER_S
        return silent_s if silent_s >= (self._options.start_s if watched.heard_ns is None else allowed_s) else None

    def _fallen(self, watched: _Watched, what: str) -> None:
        wait_s = watched.backoff.failed()
        watched.start_ns = self._clock.monotonic_ns() + round(wait_s * NS_PER_S)
        again = f"again in {wait_s:.0f} s" if wait_s else "again at once"
        name, times = watched.child.name, watched.backoff.failures
        self._say(f"{name}: {what}; {again}")
        text = f"the {name} {what}; it is started {again}" + (f" ({times} times by now)" if times > 1 else "")
        self._alarms.set(watched.child.alarm, name, text)

    def _end(self) -> bool:
        """End every child, the last started first; whether none had to be killed."""
        well = True
        for watched in reversed(self._watched):
            running = watched.running
            if running is None or running.poll() is not None:
                continue
            self._say(f"{watched.child.name}: ending")
            running.send_signal(signal.SIGTERM)
            if not self._gone(running, self._options.stop_s):
                self._say(f"{watched.child.name}: does not end in {self._options.stop_s:.0f} s, killed")
                running.send_signal(signal.SIGKILL)
                self._gone(running, self._options.term_s)
                well = False
        return well

    def _gone(self, running: Running, seconds: float) -> bool:
        until_ns = self._clock.monotonic_ns() + round(seconds * NS_PER_S)
        while running.poll() is None:
            if self._clock.monotonic_ns() >= until_ns:
                return False
            self._clock.sleep(TURN_S / 4)
        return True

    def _leave(self) -> None:
        """A second signal: nobody gets more time."""
        for watched in self._watched:
            if watched.running is not None:
                watched.running.send_signal(signal.SIGKILL)
        os._exit(1)


class Spawn:
    """Starts processes that end in order when this one is gone, however it went.

    Each is in a group of its own: Ctrl-C reaches this process only, which then ends them one after the other.
    """

    def __init__(self) -> None:
        try:
            self._read, self._write = os.pipe()
        except OSError as error:
            raise OperationError(f"no pipe to the processes can be made: {error.strerror}") from None

    def __call__(self, child: Child) -> Running:
        """Start a process. Raises OSError."""
        environment = {**os.environ, LIFELINE: str(self._read)}
        return subprocess.Popen(  # noqa: S603 - our own program
            list(child.argv), stdin=subprocess.DEVNULL, env=environment, pass_fds=(self._read,), process_group=0
        )

    def close(self) -> None:
        """Let go of all: those that live end by themselves."""
        os.close(self._write)
        os.close(self._read)


def follow_supervisor(environment: Mapping[str, str] = os.environ) -> None:
    """See to it that this process ends in order when the supervisor that started it is gone.

    For the beginning of every process; does nothing where no supervisor started it.
    """
    told = environment.get(LIFELINE, "")
    if told.isdecimal():
        threading.Thread(target=_follow, args=(int(told),), name="lifeline", daemon=True).start()


def _follow(descriptor: int) -> None:
    try:
        while os.read(descriptor, 1):
            pass
    except OSError:
        return
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(LAST_GRACE_S)
    os._exit(1)


def _said(status: int) -> str:
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"
