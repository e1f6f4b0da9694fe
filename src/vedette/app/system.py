"""The system as a whole: what `vedette run` runs."""

from __future__ import annotations

import random
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from vedette.app.process import Process, begin
from vedette.engine.bus import Publisher, Subscriber
from vedette.engine.health import AlarmBook
from vedette.engine.processes import Child, Spawn, Supervisor, WatchOptions
from vedette.engine.supervisor import Waits
from vedette.model.errors import DatabaseError, VedetteError
from vedette.model.health import Alarm, AlarmKind
from vedette.store.database import Database
from vedette.store.ledger import SqlLedger

_WATCH: Final = WatchOptions(waits=Waits(at_once=1, first_s=0.5, longest_s=10.0), well_s=10.0)
_DIED: Final[dict[str, AlarmKind]] = {
    "recorder": "recorder_died", "analyzer": "analyzer_died", "server": "server_died",
}  # fmt: skip
_log = structlog.get_logger(__name__)


def run(file: Path, log: str) -> int:
    """Start the recorder, the analyzer and the server, and keep them alive until a signal asks for the end.

    The exit status. Raises ConfigError, OutputError, BusError.
    """
    process = begin(file, "watch", log)
    addresses = process.addresses
    with ExitStack() as stack:
        bus = Publisher(addresses.supervisor)
        stack.callback(bus.close)
        hearing = Subscriber([addresses.recorder, addresses.analyzer, addresses.server])
        stack.callback(hearing.close)
        database = Database.later(process.config.database, clock=process.clock)
        stack.callback(database.close)
        spawn = Spawn()
        stack.callback(spawn.close)
        supervisor = Supervisor(
            [_child(file, log, "recorder"), _child(file, log, "analyzer"), _child(file, log, "server")],
            clock=process.clock,
            hearing=hearing,
            signals=process.signals,
            alarms=AlarmBook(process.clock, bus.news, _Book(database)),
            say=_say,
            chance=random.SystemRandom(),
            spawn=spawn,
            options=_WATCH,
            sound=partial(_sound, process),
        )
        return supervisor.run()


def _sound(process: Process) -> bool:
    try:
        process.reread()
    except VedetteError as error:
        _log.error("configuration not taken, the one before stays in force", why=str(error))
        return False
    return True


def _child(file: Path, log: str, part: str) -> Child:
    argv = [sys.executable, "-m", "vedette.cli.main", "run", "-c", str(file), "--only", part, "--log", log]
    return Child(name=part, argv=argv, alarm=_DIED[part])


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class _Book:
    """Writes alarms down where that is possible, and says so where it is not."""

    def __init__(self, database: Database) -> None:
        self._ledger = SqlLedger(database)

    def __call__(self, alarm: Alarm) -> None:
        """Keep an alarm."""
        try:
            self._ledger.raise_alarm(alarm)
        except DatabaseError as error:
            _log.warning("an alarm is not kept", alarm=alarm.kind, why=str(error))
