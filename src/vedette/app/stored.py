"""What is asked of recordings and tracks that lie there: exports, checks, rules over the past."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from vedette.analytics.replay import replay as replayed
from vedette.analytics.ruleset import RuleSet
from vedette.app.looking import built, scene_options
from vedette.app.process import make_data_folder
from vedette.app.storages import KnownStorages
from vedette.clock import SystemClock
from vedette.config import CameraConfig, SystemConfig
from vedette.model.errors import DatabaseError, OutputError, StorageError, UsageError
from vedette.model.events import RuleEvent
from vedette.model.recording import Segment
from vedette.model.recording_ports import Recordings
from vedette.store.database import Database
from vedette.store.ledger import SqlLedger
from vedette.store.recordings import SqlRecordings
from vedette.store.tracks import SqlTracks
from vedette.video.mp4.reader import read_index
from vedette.video.playback.export import Shot, export_together
from vedette.video.playback.movie import Movie
from vedette.video.playback.output import save
from vedette.video.playback.span import plan, plan_all
from vedette.video.playback.timelapse import timelapse as made_faster
from vedette.video.recording.disk import DiskFiles
from vedette.video.recording.fsck import Finding, check, check_books
from vedette.video.recording.segment import segment_of

Progress = Callable[[float], None]
"""Told the share that is done, 0..1."""


@contextmanager
def _database(config: SystemConfig, *, make: bool = False) -> Iterator[Database]:
    """The database that is there; `make` it when there is none, or DatabaseError is raised."""
    database = Database.later(config.database, clock=SystemClock(), role="recorder")
    try:
        if not make and database.path is not None and not database.path.exists():
            raise DatabaseError(
                f"there is no database {database.path}; vedette run makes one, and vedette fsck --repair makes it anew "
                "from what was recorded"
            )
        yield database
    finally:
        database.close()


def export(
    config: SystemConfig, cameras: Sequence[str], span: tuple[int, int], out: Path, progress: Progress
) -> list[Path]:
    """Write the footage of `span`, start and end in UTC ns: of one camera to the file `out`, of several into a folder.

    Footage whose codec changes makes several files. Nothing is overwritten. Raises OutputError, StorageError,
    DatabaseError, ConfigError for an unknown camera.
    """
    chosen = [config.camera(name) for name in dict.fromkeys(cameras)]
    start_utc_ns, end_utc_ns = span
    storages = KnownStorages(config)
    with _database(config) as database:
        shots = []
        for camera in chosen:
            segments = footage(camera.id, span, SqlRecordings(database), storages)
            shots.append(Shot(camera.id, camera.name, tuple(plan_all(segments, start_utc_ns, end_utc_ns))))
        if len(shots) == 1:
            return _export_one(shots[0], storages, out, progress)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"the folder {out} cannot be made: {error.strerror}") from error
        return export_together(shots, storages, out, progress=progress)


def timelapse(  # noqa: PLR0917 - as `export`
    config: SystemConfig, cameras: Sequence[str], span: tuple[int, int], out: Path, speed: float, progress: Progress
) -> Path:
    """Write the footage of one camera in `span` `speed` times as fast to the file `out`. Raises as `export` does."""
    if len(cameras) != 1:
        raise UsageError("a time-lapse shows one camera: name one")
    camera, storages = config.camera(cameras[0]), KnownStorages(config)
    with _database(config) as database:
        segments = footage(camera.id, span, SqlRecordings(database), storages)
    return made_faster(plan(segments, *span), storages, out, speed, name=camera.name, progress=progress).path


def footage(camera: str, span: tuple[int, int], recordings: Recordings, storages: KnownStorages) -> list[Segment]:
    """What there is of the main stream of `camera` in `span`, the file that is being written among it.

    Raises DatabaseError.
    """
    # First what is open: a file that is closed between the two questions is then in both answers, not in none.
    newest = [(files, path) for files in storages.values() if (path := _newest(files, f"{camera}/main/")) is not None]
    found = list(recordings.between(camera, "main", *span))
    known = {(segment.storage, segment.path) for segment in found}
    for files, path in newest:
        if (files.storage.id, str(path)) not in known:
            found += _so_far(files, path)
    start_utc_ns, end_utc_ns = span
    return [
        each for each in found if each.start_utc_ns < end_utc_ns and each.start_utc_ns + each.wall_ns > start_utc_ns
    ]


def _newest(files: DiskFiles, folder: str) -> PurePosixPath | None:
    try:
        return max((path for path in files.files() if str(path).startswith(folder)), default=None)
    except StorageError:
        return None


def _so_far(files: DiskFiles, path: PurePosixPath) -> list[Segment]:
    """What is on the disk of a file that is being written."""
    try:
        index = read_index(partial(files.read, path), files.size(path) or 0)
    except StorageError:
        return []
    if index is None or not index.fragments:
        return []
    return [segment_of(index, files.storage.id, path, index.torn_at, b"")]


def _export_one(shot: Shot, storages: KnownStorages, out: Path, progress: Progress) -> list[Path]:
    if not shot.spans:
        raise OutputError(f"nothing of {shot.camera} was recorded in this time")
    made = []
    for number, part in enumerate(shot.spans, 1):
        path = out if number == 1 else out.with_name(f"{out.stem}-{number}{out.suffix}")
        save(Movie(part, storages).read(), path)
        made.append(path)
        progress(number / len(shot.spans))
    return made


def fsck(config: SystemConfig, *, hashes: bool, repair: bool) -> list[Finding]:
    """Check every storage folder against the database. Raises StorageError, DatabaseError.

    While a recorder runs what it is writing is left out, and nothing can be repaired.
    """
    storages = KnownStorages(config)
    if not storages:
        places = ", ".join(str(folder.path) for folder in config.storage)
        raise StorageError(f"nothing was ever recorded into {places}; vedette run does that")
    if repair:
        make_data_folder(config.data)
    findings: list[Finding] = []
    with _database(config, make=repair) as database:
        ledger, recordings = SqlLedger(database), SqlRecordings(database)
        idle = True
        for files in storages.values():
            try:
                files.claim()
                writing: tuple[str, ...] | None = ()
            except StorageError:
                writing, idle = None, False
            try:
                findings += check(files, ledger, recordings, hashes=hashes, repair=repair, writing=writing)
            finally:
                files.release()
        if idle:
            findings += check_books(ledger, SystemClock().utc_ns(), repair=repair)
    return findings


@dataclass(frozen=True, slots=True)
class Past:
    """What rules would have found: events in order, and how many by rule, kind and direction."""

    events: tuple[RuleEvent, ...]
    tracks: int
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)


def replay(system: SystemConfig, camera: str, rules: CameraConfig, span: tuple[int, int], progress: Progress) -> Past:
    """Run `rules` over the tracks of `camera` in `span`, start and end in UTC ns. Raises DatabaseError, ConfigError."""
    known = system.camera(camera)
    start_utc_ns, end_utc_ns = span
    with _database(system) as database:
        lines = SqlTracks(database).between(known.id, start_utc_ns, end_utc_ns)
    span_ns = max(end_utc_ns - start_utc_ns, 1)
    ruleset = RuleSet([built(rule, rules) for rule in rules.rules])
    found = replayed(
        lines,
        ruleset,
        scene_options(rules),
        progress=lambda utc_ns: progress(min(max((utc_ns - start_utc_ns) / span_ns, 0.0), 1.0)),
    )
    events = tuple(one.event for one in found if start_utc_ns <= one.event.at.utc_ns < end_utc_ns)
    counts = Counter((event.rule, event.kind, str(event.direction or "")) for event in events)
    return Past(events, len(lines), counts)
