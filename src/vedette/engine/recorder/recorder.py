"""The recorder as a whole: streams, disks and rows, started, changed and stopped together."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from vedette.engine.health import AlarmBook, HealthBook
from vedette.engine.keeper import Keeper, KeeperOptions, Limits
from vedette.engine.own import own_figures
from vedette.engine.recorder.filing import Filing
from vedette.engine.recorder.gaps import GapBook
from vedette.engine.recorder.options import RecorderOptions, StreamSettings
from vedette.engine.recorder.ports import Bus, Format
from vedette.engine.recorder.rows import Rows
from vedette.engine.recorder.storages import Storages
from vedette.engine.recorder.stream import StreamParts, StreamRecorder
from vedette.engine.recorder.told import Tidings
from vedette.engine.recorder.writers import DiskWriter
from vedette.engine.supervisor import Backoff
from vedette.model.health import Alarm
from vedette.model.news import EventFound, GapChanged, News
from vedette.model.ports import Clock
from vedette.model.recording import Gap, Keep
from vedette.model.recording_ports import Files, Ledger, Retention
from vedette.model.time import NS_PER_S

PART: Final = "recorder"
_log = structlog.get_logger(__name__)


def _nothing(files: Files, writing: Collection[str]) -> None:
    del files, writing


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderParts:
    """What a recorder is built of.

    files     the storage folders, in the order of the configuration
    past      what recovery could not write down before the start because the database did not answer
    returned  repairs a folder that was lost and is back, before it is used again; it is told the paths of files there
              that are still being written
    lost      lets go of a folder that was lost
    alarms    those that an earlier process left open
    """

    clock: Clock
    bus: Bus
    ledger: Ledger
    retention: Retention
    files: Sequence[Files]
    format: Format
    chance: random.Random = field(default_factory=random.SystemRandom)
    past: Callable[[], None] | None = None
    returned: Callable[[Files, Collection[str]], None] = _nothing
    lost: Callable[[Files], None] = lambda _files: None
    alarms: Sequence[Alarm] = ()


class Recorder:
    """Records the streams it is given. `apply`, `hear`, `tick` and `stop` belong to one thread."""

    def __init__(
        self, parts: RecorderParts, options: RecorderOptions | None = None, keeper: KeeperOptions | None = None
    ) -> None:
        options = options or RecorderOptions()
        self._parts, self._options = parts, options
        clock, bus = parts.clock, parts.bus
        self.health = HealthBook(clock, bus.news)
        self._rows = Rows(parts.ledger, self.health, parts.chance, options.rows)
        self.alarms = AlarmBook(clock, bus.news, self._rows.alarm)
        self.alarms.adopt(parts.alarms)
        self._storages = Storages(clock, self.health, self.alarms, parts.chance, self._returned, lost=parts.lost)
        self._tidings = Tidings(bus, self._rows, self._storages)
        for files in parts.files:
            self._storages.add(files, DiskWriter(files, parts.format, self._tidings, clock, options.queue_bytes))
        self._keeper = Keeper(self._storages, parts.ledger, parts.retention, self.alarms, clock=clock, options=keeper)
        self._streams: dict[tuple[str, str], StreamRecorder] = {}
        self._gaps: dict[tuple[str, str], GapBook] = {}
        self._stopping = threading.Event()
        self._keeping = threading.Thread(target=self._keeper.run, args=(self._stopping,), name="keeper", daemon=True)

    @property
    def node(self) -> str:
        """Name of this machine in runs."""
        return self._options.node

    def start(
        self, streams: Iterable[StreamSettings], keep: Sequence[Keep] = (), limits: Mapping[str, Limits] | None = None
    ) -> None:
        """Begin to record. Does not wait for cameras, disks or the database."""
        wanted = list(streams)
        self.health.set(PART, "starting")
        if self._parts.past is not None:
            self._rows.first(self._parts.past)
        self._rows.start(self.alarms)
        for shelf in self._storages.shelves:
            shelf.writer.start()
        self.apply(wanted, keep, limits)
        self._keeping.start()
        self.health.set(PART, "ok")

    def apply(
        self, streams: Iterable[StreamSettings], keep: Sequence[Keep] = (), limits: Mapping[str, Limits] | None = None
    ) -> None:
        """Record these streams from now on. Those whose source is the same keep their connection."""
        self._keeper.apply(keep, limits or {})
        wanted = {one.key: one for one in streams}
        gone = {
            key: one for key, one in self._streams.items() if key not in wanted or _elsewhere(one.settings, wanted[key])
        }
        self._end(list(gone.values()))
        for key, stream in gone.items():
            del self._streams[key]
            if key not in wanted:
                self.health.drop(stream.settings.part)
        for key, settings in wanted.items():
            known = self._streams.get(key)
            if known is None:
                self._streams[key] = made = self._stream(settings)
                made.start()
            elif known.settings != settings:
                known.change(settings)
        self._forget_alarms()

    def hear(self, news: News) -> None:
        """Take in what other processes say: events start the recording of streams that wait for them."""
        if isinstance(news, EventFound):
            for stream in self._streams.values():
                if stream.settings.camera == news.event.camera:
                    stream.trigger(news.event.event.at.utc_ns)

    def tick(self) -> None:
        """Say how everything is, when it is time for it. For the main loop, about once a second."""
        for stream in self._streams.values():
            stream.watch()
        if not self.health.due():
            return
        for stream in self._streams.values():
            stream.show()
            stream.announce()
        self._tidings.announce()
        figures = {"streams": len(self._streams), "rows_waiting": self._rows.waiting, "deleted": self._keeper.deleted}
        self.health.set(PART, "ok", figures={**figures, **own_figures()})
        self.health.beat()

    def write_again(self) -> None:
        """Write down anew how everything stands, and give every file its row: for a database that was replaced.

        From any thread. Raises StorageError, DatabaseError.
        """
        for stream in list(self._streams.values()):
            stream.write_again()
        for gaps in list(self._gaps.values()):
            gaps.write_again()
        for alarm in self.alarms.now().values():
            self._rows.alarm(alarm)
        for shelf in self._storages.shelves:
            if shelf.state != "lost":
                self._returned(shelf.files)

    def standing(self) -> set[int]:
        """Ids of the runs and gaps that are open now. From any thread."""
        runs = {stream.run_id for stream in list(self._streams.values())}
        gaps = {None if gap is None else gap.id for gap in (gaps.open for gaps in list(self._gaps.values()))}
        return {number for number in runs | gaps if number is not None}

    def stop(self) -> bool:
        """End everything in order: connections, files, rows. Whether nothing was left undone."""
        self.health.set(PART, "off")
        self._stopping.set()
        well = self._end(list(self._streams.values()))
        writers = [shelf.writer for shelf in self._storages.shelves]
        for writer in writers:
            writer.stop()
        left_s = self._countdown()
        for writer in writers:
            well &= writer.join(left_s())
        if self._keeping.ident is not None:
            self._keeping.join(left_s())
        well &= self._rows.stop(self._options.stop_s)
        if not well:
            _log.warning("stopped before everything was written: the next start recovers it")
        return well

    def _stream(self, settings: StreamSettings) -> StreamRecorder:
        parts = self._parts
        # One for as long as this process lives: the gap that a former connection left open is ended by the next one.
        gaps = self._gaps.setdefault(settings.key, GapBook(settings.camera, settings.stream, self._put_gap))
        backoff = Backoff(self._options.reconnect, parts.chance)
        filing = Filing(parts.format, self._storages, gaps)
        own = StreamParts(parts.clock, parts.bus, self._rows, filing, gaps, self.health, self.alarms, backoff)
        return StreamRecorder(settings, own, self._options)

    def _countdown(self) -> Callable[[], float]:
        """What is left of the seconds that a step of the end may take; never nothing."""
        until_ns = self._parts.clock.monotonic_ns() + round(self._options.stop_s * NS_PER_S)
        return lambda: max(0.1, (until_ns - self._parts.clock.monotonic_ns()) / NS_PER_S)

    def _end(self, streams: Sequence[StreamRecorder]) -> bool:
        """Stop streams all at once, then wait for them."""
        for stream in streams:
            stream.stop()
        left_s, well = self._countdown(), True
        for stream in streams:
            # One that hangs while it connects has no file open: nothing of it is left undone.
            well &= stream.join(left_s()) or not stream.connected
            stream.leave()
        return well

    def _returned(self, files: Files) -> None:
        self._parts.returned(files, self._tidings.writing(files.storage.id))

    def _put_gap(self, gap: Gap) -> None:
        self._rows.gap(gap)
        self._parts.bus.news(GapChanged(gap))

    def _forget_alarms(self) -> None:
        """Clear alarms of cameras and disks that are there no more."""
        parts = {stream.settings.part for stream in self._streams.values()}
        parts |= {shelf.part for shelf in self._storages.shelves}
        for _, part in self.alarms.now():
            if part.startswith(("camera:", "storage:")) and part not in parts:
                self.alarms.clear_part(part)


def _elsewhere(now: StreamSettings, then: StreamSettings) -> bool:
    return now.fingerprint != then.fingerprint
