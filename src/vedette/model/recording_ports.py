"""The seams round recordings: the file layer below them, the database that knows of them, whoever looks them up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Protocol

from vedette.model.health import Alarm
from vedette.model.incidents import Incident, StoredEvent
from vedette.model.recording import Doomed, Gap, Keep, Lock, Run, Segment, Storage


class WritableFile(Protocol):
    """A file that is being written, from its beginning to its end."""

    def write(self, data: bytes) -> None:
        """Append `data`. Raises StorageError; what is in the file then is not known."""
        ...

    def sync(self, *, whole: bool = False) -> None:
        """Return once everything written is on the disk (`whole`: with all that the file system knows of it)."""
        ...

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""
        ...

    def close(self) -> None:
        """Free it. Does not sync. May be called twice."""
        ...


class FileMaker(Protocol):
    """Making and removing files of one storage folder."""

    def create(self, path: PurePosixPath) -> WritableFile:
        """A new file; its folders are made as needed. Raises FileExists when there is one of that name."""
        ...

    def append(self, path: PurePosixPath) -> WritableFile:
        """An existing file, to be cut or written on at its end."""
        ...

    def unlink(self, path: PurePosixPath) -> None:
        """Remove a file; nothing happens when there is none."""
        ...

    def sync_folder(self, path: PurePosixPath) -> None:
        """Return once names that were added to or taken from the folder `path` are on the disk."""
        ...


class FileReader(Protocol):
    """Looking into one storage folder."""

    def read(self, path: PurePosixPath, offset: int = 0, size: int | None = None) -> bytes:
        """Bytes of a file: fewer than asked for at its end. Raises FileMissing."""
        ...

    def size(self, path: PurePosixPath) -> int | None:
        """Bytes of a file; None when there is none."""
        ...

    def files(self) -> Iterator[PurePosixPath]:
        """Every media file in the folder, in no order."""
        ...


class Disk(Protocol):
    """What a storage folder lies on."""

    @property
    def storage(self) -> Storage:
        """Which folder this is."""
        ...

    def free_bytes(self) -> int:
        """Bytes that can still be written."""
        ...

    def check(self) -> None:
        """Return when the folder is there, writable and the one it was. Raises StorageGone, StorageError."""
        ...


class Files(FileMaker, FileReader, Disk, Protocol):
    """The file layer of one storage folder: everything that recordings do to a disk goes through it.

    Paths are relative to the folder. Every method raises StorageError (StorageFull, StorageGone) for what goes wrong.
    A test's layer remembers what was synced and forgets the rest; one that encrypts can stand in its place.
    """


class RunBook(Protocol):
    """Which connections to cameras there were."""

    def begin_run(self, run: Run) -> None:
        """A camera was connected."""
        ...

    def end_run(self, run: Run) -> None:
        """`run` has its end and the reason."""
        ...

    def open_runs(self) -> Sequence[Run]:
        """Runs nobody has ended."""
        ...


class SegmentBook(Protocol):
    """Which segments are part of the recording."""

    def commit(self, segment: Segment) -> None:
        """Make `segment` part of the recording. Its file is on the disk already. Doing it twice changes nothing."""
        ...

    def known(self, storage: str) -> Iterator[tuple[int, str, int]]:
        """`(id, path, size)` of every committed segment in a storage folder."""
        ...

    def segment(self, number: int) -> Segment | None:
        """One committed segment with its fragments."""
        ...

    def last_end_utc_ns(self, camera: str, stream: str) -> int | None:
        """When the newest segment of a stream ends; None when there is none."""
        ...


class GarbageBook(Protocol):
    """Which files are no part of the recording any more."""

    def condemn(self, segments: Sequence[int]) -> None:
        """Rows to garbage, in one transaction: they are no part of the recording any more, their files may go."""
        ...

    def garbage(self, storage: str) -> Iterator[tuple[int, str]]:
        """`(id, path)` of what has been condemned and may still lie on the disk."""
        ...

    def forget(self, segments: Sequence[int]) -> None:
        """Drop garbage rows whose files are gone."""
        ...


class TroubleBook(Protocol):
    """What was not recorded, and what was wrong."""

    def put_gap(self, gap: Gap) -> None:
        """Write a gap down, or its end; by `gap.id`."""
        ...

    def open_gaps(self) -> Sequence[Gap]:
        """Gaps nobody has ended."""
        ...

    def raise_alarm(self, alarm: Alarm) -> None:
        """Write an alarm down, or that it was cleared; by kind, part and the time it was raised."""
        ...


class Ledger(RunBook, SegmentBook, GarbageBook, TroubleBook, Protocol):
    """What the recorder writes down and looks up. Every method raises DatabaseError; DatabaseBusy passes by itself."""


class Retention(Protocol):
    """Deciding what goes. Locked segments are never among the answers. Raises DatabaseError."""

    def expired(self, keep: Sequence[Keep], now_utc_ns: int, limit: int) -> Sequence[Doomed]:
        """Segments that are older or more than `keep` allows, oldest first, at most `limit`."""
        ...

    def oldest(self, storage: str, size: int, limit: int) -> Sequence[Doomed]:
        """The oldest segments of a storage folder, until together they hold `size` bytes."""
        ...

    def used(self, storage: str) -> tuple[int, int]:
        """Bytes of all segments of a storage folder, and of those among them that are locked."""
        ...


class Recordings(Protocol):
    """Finding what was recorded. Raises DatabaseError."""

    def between(self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> Sequence[Segment]:
        """Committed segments that touch [start, end), oldest first, with their fragments."""
        ...

    def gaps(self, camera: str, stream: str, start_utc_ns: int, end_utc_ns: int) -> Sequence[Gap]:
        """Gaps that touch [start, end), oldest first."""
        ...

    def locks(self, camera: str | None = None) -> Sequence[Lock]:
        """Evidence locks, of one camera or of all."""
        ...


class EventStore(Protocol):
    """Where events and incidents are kept. Raises DatabaseError."""

    def put_event(self, event: StoredEvent, incident: Incident | None) -> None:
        """Keep an event, and its incident as it stands with it, in one transaction."""
        ...

    def put_incident(self, incident: Incident) -> None:
        """Keep an incident as it stands now; by `incident.id`."""
        ...
