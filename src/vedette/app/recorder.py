"""The recorder: what `vedette run --only recorder` runs. It loads neither detectors nor a web server."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import fields
from functools import partial
from pathlib import Path

import structlog

from vedette.app.database_care import cared_for
from vedette.app.formats import Mp4Format
from vedette.app.process import Process, begin, settled
from vedette.app.storages import limits_of, open_storages
from vedette.config import Camera, SystemConfig, load_system
from vedette.engine.bus import Publisher, Subscriber
from vedette.engine.recorder.options import RecorderOptions, RecordSettings, StreamSettings
from vedette.engine.recorder.process import Wanted, run_recorder
from vedette.engine.recorder.recorder import Recorder, RecorderParts
from vedette.model.errors import DatabaseError, StorageGone
from vedette.model.masks import Masks
from vedette.model.ports import Clock, Source
from vedette.model.recording import Keep
from vedette.model.recording_ports import Files
from vedette.plugins import get, source_for, source_name
from vedette.store.cameras import SqlCameras
from vedette.store.database import Database
from vedette.store.ledger import SqlLedger
from vedette.store.mending import mend
from vedette.store.retention import SqlRetention
from vedette.store.troubles import SqlAlarms
from vedette.video.recording.disk import DiskFiles
from vedette.video.recording.recovery import Recovered, recover, recover_storage

SECONDS_PER_DAY = 86_400.0
_log = structlog.get_logger(__name__)


def run(file: Path, log: str) -> int:
    """Record until a signal asks for the end; the exit status. Raises ConfigError, StorageError, BusError."""
    process = begin(file, "recorder", log)
    with ExitStack() as stack:
        storages = open_storages(process.config)
        for files in storages:
            _claim(files, stack)
        database = Database.later(process.config.database, clock=process.clock, role="recorder")
        stack.callback(database.close)
        told: list[str] = []
        recorder = _recorder(process, storages, database, stack, told)
        stack.enter_context(
            cared_for(database, process.clock, recorder, partial(_note, process, storages, database), told)
        )
        hearing = Subscriber([process.addresses.analyzer])
        stack.callback(hearing.close)
        well = run_recorder(recorder, partial(_wanted, process, storages, database), hearing, process.signals)
    return 0 if well else 1


def _claim(files: DiskFiles, stack: ExitStack) -> None:
    try:
        files.claim()
    except StorageGone as error:
        _log.error("storage folder is away", why=str(error))
    stack.callback(files.release)


def _note(process: Process, storages: Sequence[DiskFiles], database: Database) -> None:
    """Write down what the configuration says, in a database that was replaced."""
    for files in storages:
        SqlLedger(database).put_storage(files.storage)
    SqlCameras(database).put({camera.id: camera.name for camera in process.config.cameras})


def _recorder(
    process: Process, storages: Sequence[DiskFiles], database: Database, stack: ExitStack, told: list[str]
) -> Recorder:
    bus = Publisher(process.addresses.recorder)
    stack.callback(bus.close)
    ledger, clock, node = SqlLedger(database), process.clock, platform.node()
    past, alarms = None, []
    try:
        mend(database, told.append)
        for files in storages:
            ledger.put_storage(files.storage)
        alarms = list(SqlAlarms(database).open())
        _say(recover(_present(storages), ledger, clock.utc_ns(), node))
    except DatabaseError as error:
        _log.error("the database does not answer; recording begins without it", why=str(error))
        past = _later(storages, ledger, clock.utc_ns(), node)
    folders = {files.storage.id: files for files in storages}

    def returned(files: Files, writing: Collection[str]) -> None:
        # Claimed anew: it was let go of, or is mounted anew.
        folders[files.storage.id].release()
        folders[files.storage.id].claim()
        _say(recover_storage(files, ledger, writing))

    parts = RecorderParts(
        clock=clock,
        bus=bus,
        ledger=ledger,
        retention=SqlRetention(database),
        files=storages,
        format=Mp4Format(),
        past=past,
        returned=returned,
        lost=lambda files: folders[files.storage.id].release(),
        alarms=alarms,
    )
    return Recorder(parts, RecorderOptions(node=node))


def _present(storages: Sequence[DiskFiles]) -> list[Files]:
    present: list[Files] = []
    for folder in storages:
        try:
            folder.check()
            present.append(folder)
        except StorageGone:
            # Its turn comes when it is back.
            continue
    return present


def _later(storages: Sequence[DiskFiles], ledger: SqlLedger, utc_ns: int, node: str) -> Callable[[], None]:
    """What is done as soon as the database answers, while recording goes on: only what was there before is touched."""
    present = _present(storages)
    old = {files.storage.id: {str(path) for path in files.files()} for files in present}

    def catch_up() -> None:
        for folder in storages:
            ledger.put_storage(folder.storage)
        for files in present:
            new: Collection[str] = {str(path) for path in files.files()} - old[files.storage.id]
            _say(recover_storage(files, ledger, new))
        _say(recover([], ledger, utc_ns, node))

    return catch_up


def _say(found: Recovered) -> None:
    if found != Recovered():
        _log.info(
            "put in order", files=len(found.segments), torn_bytes=found.torn, removed=len(found.removed),
            garbage=found.garbage, missing=len(found.missing), runs=len(found.runs), gaps=len(found.gaps),
        )  # fmt: skip
    for line in found.left:
        _log.warning("left alone", what=line)


def _wanted(process: Process, storages: Sequence[DiskFiles], database: Database) -> Wanted:
    told = load_system(process.file)
    config = settled(told, process.config)
    try:
        SqlCameras(database).put({camera.id: camera.name for camera in config.cameras})
    except DatabaseError as error:
        _log.warning("names of cameras are not kept yet", why=str(error))
    if (config.data, config.database, config.storage) != (told.data, told.database, told.storage):
        _log.warning("another data folder, database or storage folder is used after the next start")
    return Wanted(
        streams=[one for camera in config.cameras for one in streams_of(camera, process.clock)],
        keep=[keep for camera in config.cameras for keep in keeps_of(config, camera)],
        limits=limits_of(config, storages),
    )


def streams_of(camera: Camera, clock: Clock) -> list[StreamSettings]:
    """The streams of a camera, as the recorder wants them."""
    record = camera.watch.record
    return [
        StreamSettings(
            camera=camera.id,
            stream=stream,
            source=partial(_source, camera, stream, clock),
            fingerprint=_fingerprint(camera, stream),
            record=RecordSettings(
                mode=record.main if stream == "main" else record.sub,
                pre_s=record.pre_s,
                post_s=record.post_s,
                periods=record.schedule,
                zone=camera.config.timezone,
            ),
        )
        for stream in camera.streams
    ]


def _source(camera: Camera, stream: str, clock: Clock) -> Source:
    address = camera.streams[stream]
    source = source_for(address, _options(camera, address), clock)
    if not camera.watch.record.masked:
        return source
    from vedette.video.masking import MaskedSource  # noqa: PLC0415 - loads what decodes and draws

    return MaskedSource(source, Masks(camera.watch.masks))


def _options(camera: Camera, address: str) -> dict[str, object]:
    """Options of the source: sound is asked for only where somebody decided so, and a drawn scene is a camera."""
    options = dict(camera.watch.options)
    known = {entry.name for entry in fields(get("sources", source_name(address)).options)}
    if "audio" in known and camera.watch.record.audio:
        options["audio"] = True
    if "live" in known:
        options.setdefault("live", True)
    return options


def _fingerprint(camera: Camera, stream: str) -> str:
    address = camera.streams[stream]
    masks = camera.watch.masks if camera.watch.record.masked else ()
    text = json.dumps([address, _options(camera, address), masks], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def keeps_of(config: SystemConfig, camera: Camera) -> list[Keep]:
    """How much of a camera's recording is kept."""
    record = camera.watch.record
    days = (record.retention or config.retention).days
    return [Keep(camera.id, stream, days * SECONDS_PER_DAY, record.most) for stream in camera.streams]
