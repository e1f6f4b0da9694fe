"""The server: what `vedette run --only server` runs. It reads, and never holds up the others."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import structlog

from vedette import __version__
from vedette.app.process import Process, begin
from vedette.app.storages import KnownStorages
from vedette.config import SystemConfig
from vedette.engine.bus import Publisher, Subscriber
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
        wanted = Wanted(process)
        while not process.signals.stopping:
            wanted.changed = False
            _serve(process, wanted, database, bus)
    return 0


class Wanted(threading.Event):
    """What is to be served. As an event it is set when serving has to begin anew, and when the end is asked for.

    cameras  changes while it is served
    port     where to listen: one that was found free is kept for as long as the configuration names none
    """

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process = process
        self.config = process.config
        self.cameras = facts_of(process.config)
        self.port = process.config.server.port
        self.changed = False

    def is_set(self) -> bool:
        """Whether serving has to end. A new camera or another rule disturbs no viewer."""
        if self.process.signals.reload():
            try:
                self._take(self.process.reread())
            except VedetteError as error:
                _log.error("configuration not taken, the one before stays in force", why=str(error))
        return self.changed or self.process.signals.stopping

    def _take(self, config: SystemConfig) -> None:
        if config.server != self.config.server:
            self.port = config.server.port
        cameras = facts_of(config)
        elsewhere = (config.server, config.storage) != (self.config.server, self.config.storage)
        # What was heard of a camera that is gone is forgotten only with everything else.
        self.changed = self.changed or elsewhere or not _shown(self.cameras) <= _shown(cameras)
        self.config, self.cameras[:] = config, cameras


def _shown(cameras: Sequence[CameraFacts]) -> set[tuple[str, tuple[str, ...], bool]]:
    return {(camera.id, camera.streams, camera.analyzed) for camera in cameras}


def _serve(process: Process, wanted: Wanted, database: Database, bus: Publisher) -> None:
    addresses = [process.addresses.recorder, process.addresses.analyzer, process.addresses.supervisor]
    config = wanted.config

    def started(port: int) -> None:
        wanted.port = port
        print(f"Vedette is at {address_of(config.server.host, port)}", flush=True)  # noqa: T201

    with closing(Subscriber(addresses, packets=True)) as hearing:
        parts = _parts(process, wanted, database)
        serve(parts, config.server.host, wanted.port, wanted, arrivals=hearing, tell=bus.news, started=started)


def address_of(host: str, port: int) -> str:
    """What to type into a browser."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def facts_of(config: SystemConfig) -> list[CameraFacts]:
    """What may be shown of cameras."""
    return [
        CameraFacts(camera.id, camera.name, tuple(camera.streams), camera.analyzed is not None)
        for camera in config.cameras
    ]


def _parts(process: Process, wanted: Wanted, database: Database) -> ServerParts:
    recordings = SqlRecordings(database)
    return ServerParts(
        clock=process.clock,
        cameras=wanted.cameras,
        footage=Footage(recordings, KnownStorages(wanted.config), OpenFiles()),
        timelines=recordings,
        findings=SqlEventStore(database),
        live=LiveStreams(),
        board=Board(process.clock),
        version=__version__,
    )
