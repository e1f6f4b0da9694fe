"""The server: what `vedette run --only server` runs. It reads, and never holds up the others."""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from pathlib import Path

import structlog

from vedette import __version__
from vedette.app.process import Process, begin
from vedette.app.storages import KnownStorages
from vedette.config import SystemConfig
from vedette.engine.bus import Publisher, Subscriber
from vedette.engine.signals import Signals
from vedette.model.errors import VedetteError
from vedette.server.board import Board
from vedette.server.parts import CameraFacts, ServerParts
from vedette.server.process import serve
from vedette.server.streams import LiveStreams
from vedette.store.database import Database
from vedette.store.events import SqlEventStore
from vedette.store.recordings import SqlRecordings
from vedette.video.playback.growing import Footage, OpenFiles

_log = structlog.get_logger(__name__)


def run(file: Path, log: str) -> int:
    """Serve until a signal asks for the end; the exit status. Raises ConfigError, UsageError, OperationError."""
    process = begin(file, "server", log)
    with ExitStack() as stack:
        bus = Publisher(process.addresses.server)
        stack.callback(bus.close)
        database = Database.later(process.config.database, clock=process.clock)
        stack.callback(database.close)
        config = process.config
        while not process.signals.stopping:
            _serve(process, config, database, bus)
            if process.signals.reload():
                try:
                    config = process.reread()
                except VedetteError as error:
                    _log.error("configuration not taken, the one before stays in force", why=str(error))
    return 0


def _serve(process: Process, config: SystemConfig, database: Database, bus: Publisher) -> None:
    addresses = [process.addresses.recorder, process.addresses.analyzer, process.addresses.supervisor]
    with closing(Subscriber(addresses, packets=True)) as hearing:
        serve(
            _parts(process, config, database),
            config.server.host,
            config.server.port,
            _Asked(process.signals),
            arrivals=hearing,
            tell=bus.news,
            started=lambda port: print(f"Vedette is at http://{config.server.host}:{port}", flush=True),  # noqa: T201
        )


def _parts(process: Process, config: SystemConfig, database: Database) -> ServerParts:
    recordings = SqlRecordings(database)
    return ServerParts(
        clock=process.clock,
        cameras=[
            CameraFacts(camera.id, camera.name, tuple(camera.streams), camera.analyzed is not None)
            for camera in config.cameras
        ],
        footage=Footage(recordings, KnownStorages(config), OpenFiles()),
        timelines=recordings,
        findings=SqlEventStore(database),
        live=LiveStreams(),
        board=Board(process.clock),
        version=__version__,
    )


class _Asked(threading.Event):
    """Set when a signal asks for the end or for another configuration."""

    def __init__(self, signals: Signals) -> None:
        super().__init__()
        self._signals = signals

    def is_set(self) -> bool:
        """Whether one has."""
        return self._signals.stopping or self._signals.reloading
