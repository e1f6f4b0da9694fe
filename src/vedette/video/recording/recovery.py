"""Putting a recording in order after whatever happened: every file gets a row, every row has its file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from vedette.model.errors import DatabaseBusy, DatabaseError
from vedette.model.recording import Gap, Run, Segment
from vedette.model.recording_ports import Files, Ledger, Recordings
from vedette.video.mp4.reader import Index, read_index
from vedette.video.recording.delete import sweep
from vedette.video.recording.fragmenter import MOST_BYTES
from vedette.video.recording.segment import is_ours, segment_of

MOST_UNWRITTEN: Final = 2 * MOST_BYTES
"""Bytes. A file that was cut off before its first fragment was whole is smaller; a larger one is left to a person."""
_CHUNK: Final = 1 << 20
_EVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was put in order.

    segments  finished files that had no row, as they were committed
    torn      bytes cut off behind last whole fragments
    removed   files without a whole first fragment
    garbage   condemned files that were still there
    missing   segments whose file is not there any more; a gap tells of each
    runs      ended as `crashed`
    gaps      that were written or ended
    left      a line for each file that only a person can judge; it was not touched
    """

    segments: tuple[Segment, ...] = ()
    torn: int = 0
    removed: tuple[str, ...] = ()
    garbage: int = 0
    missing: tuple[int, ...] = ()
    runs: tuple[Run, ...] = ()
    gaps: tuple[Gap, ...] = ()
    left: tuple[str, ...] = ()

    def __add__(self, other: Recovered) -> Recovered:
        return Recovered(
            self.segments + other.segments,
            self.torn + other.torn,
            self.removed + other.removed,
            self.garbage + other.garbage,
            self.missing + other.missing,
            self.runs + other.runs,
            self.gaps + other.gaps,
            self.left + other.left,
        )


def recover(storages: Sequence[Files], ledger: Ledger, utc_ns: int, node: str = "") -> Recovered:
    """Put everything in order before recording begins: all storage folders, then runs and gaps.

    utc_ns  the present by the wall clock
    node    this machine, as its runs name it

    Only one process may do this at a time, with nobody recording (`DiskFiles.claim`). Doing it twice, also after it was
    interrupted, changes nothing. Raises StorageGone, StorageError and DatabaseError; a storage folder that is not there
    is not among `storages`, and its turn comes with `recover_storage` when it is back.
    """
    found = Recovered()
    for files in storages:
        found += recover_storage(files, ledger)
    return found + end_runs(ledger, utc_ns, node)


def recover_storage(files: Files, ledger: Ledger, writing: Collection[str] = ()) -> Recovered:
    """Put one storage folder in order; files in `writing` are being written and left alone."""
    files.check()
    swept = sweep(files, ledger)
    found = Recovered(garbage=swept.segments, left=swept.stuck)
    condemned = {path for _, path in ledger.garbage(files.storage.id)}
    without_file = {path: number for number, path, _ in ledger.known(files.storage.id)}
    for path in sorted(files.files()):
        name = str(path)
        if without_file.pop(name, None) is None and name not in condemned and name not in writing:
            found += finish_file(files, ledger, path)
    for name, number in without_file.items():
        if name not in writing:
            found += drop_row(files, ledger, number, name)
    return found


def finish_file(files: Files, ledger: Ledger, path: PurePosixPath) -> Recovered:
    """Give the file at `path`, which has no row, its row: cut at its last whole fragment, or removed without one."""
    size = files.size(path)
    if size is None:
        return Recovered()
    if not is_ours(path):
        return Recovered(left=(f"{path} is no file of a recording; move it out of the storage folder",))
    index = read_index(lambda offset, count: files.read(path, offset, count), size)
    if index is None or not index.fragments:
        if size > MOST_UNWRITTEN:
            return Recovered(left=(f"{path} cannot be read, and is too large to be the rest of a crash; look at it",))
        files.unlink(path)
        files.sync_folder(path.parent)
        return Recovered(removed=(str(path),))
    known = ledger.segment(index.facts.segment)
    if known is not None:
        return Recovered(left=(f"{path} is a copy of {known.path} in {known.storage}; remove one of them",))
    return _finish(files, ledger, path, index, size)


def _finish(files: Files, ledger: Ledger, path: PurePosixPath, index: Index, size: int) -> Recovered:
    file = files.append(path)
    try:
        if size > index.torn_at:
            file.truncate(index.torn_at)
        file.sync(whole=True)
    finally:
        file.close()
    files.sync_folder(path.parent)
    segment = segment_of(index, files.storage.id, path, index.torn_at, file_hash(files, path, index.torn_at))
    ledger.commit(segment)
    if ledger.segment(segment.id) is None:
        return Recovered(left=(f"{path} was deleted a short time ago and is there again; remove it, or wait a day",))
    left = tuple(f"fragment {number + 1} of {path} is damaged; the disk may be failing" for number in index.damaged)
    return Recovered(segments=(segment,), torn=size - index.torn_at, left=left)


def drop_row(files: Files, ledger: Ledger, number: int, path: str) -> Recovered:
    """Take the row of a file that is not there out of the recording, and write down the gap that it leaves.

    A row without its file promises footage that nobody can have; a gap says so, and keeps saying it.
    """
    segment = ledger.segment(number)
    if segment is None or files.size(PurePosixPath(path)) is not None:
        return Recovered()
    gap = Gap(
        segment.id, segment.camera, segment.stream, segment.start_utc_ns, segment.end_utc_ns, "storage_lost",
        f"the file {path} has vanished from the storage folder {files.storage.path}",
    )  # fmt: skip
    ledger.put_gap(gap)
    try:
        ledger.condemn([number])
    except DatabaseBusy:
        raise
    except DatabaseError as error:
        # Rows of locked evidence stay, also without a file; a database that is broken says so again at the next step.
        return Recovered(left=(f"{path} has vanished, but its row stays: {error}",), gaps=(gap,))
    ledger.forget([number])
    return Recovered(missing=(number,), gaps=(gap,))


def end_runs(ledger: Ledger, utc_ns: int, node: str = "") -> Recovered:
    """End what a crash left open: gaps as of now, runs with their last footage and a gap from there until now."""
    gaps = [replace(gap, end_utc_ns=max(utc_ns, gap.start_utc_ns)) for gap in ledger.open_gaps()]
    covered = {(gap.camera, gap.stream) for gap in gaps}
    for gap in gaps:
        ledger.put_gap(gap)
    runs = []
    for run in sorted(ledger.open_runs(), key=lambda run: -run.start_utc_ns):
        if run.node != node:
            continue
        last_ns = max(run.start_utc_ns, ledger.last_end_utc_ns(run.camera, run.stream) or run.start_utc_ns)
        if (run.camera, run.stream) not in covered and last_ns < utc_ns:
            # By the run's own number, so that doing it again after an interruption makes no second one.
            gap = Gap(run.id, run.camera, run.stream, last_ns, utc_ns, "crashed", "the recorder was not running")
            ledger.put_gap(gap)
            gaps.append(gap)
            covered.add((run.camera, run.stream))
        ended = replace(run, end_utc_ns=last_ns, why="crashed")
        ledger.end_run(ended)
        runs.append(ended)
    return Recovered(runs=tuple(runs), gaps=tuple(gaps))


def end_stale(
    ledger: Ledger, recordings: Recordings, standing: Callable[[], Collection[int]], utc_ns: int, node: str = ""
) -> Recovered:
    """End what an older database takes for open, while recording goes on.

    Runs end with their last footage, gaps with the first that came after.

    standing  ids of the runs and gaps that are open indeed; asked once the database has answered
    utc_ns    the present by the wall clock, where there is no footage to go by
    """
    runs, gaps = [run for run in ledger.open_runs() if run.node == node], ledger.open_gaps()
    lasting = standing()
    ended_runs, ended_gaps = [], []
    for run in runs:
        if run.id not in lasting:
            found = recordings.between(run.camera, run.stream, run.start_utc_ns, _EVER)
            last_ns = max((each.end_utc_ns for each in found if each.run == run.id), default=run.start_utc_ns)
            ended_runs.append(replace(run, end_utc_ns=last_ns, why="crashed"))
            ledger.end_run(ended_runs[-1])
    for gap in gaps:
        if gap.id not in lasting:
            found = recordings.between(gap.camera, gap.stream, gap.start_utc_ns, _EVER)
            starts = [each.start_utc_ns for each in found if each.start_utc_ns >= gap.start_utc_ns]
            end_ns = max(gap.start_utc_ns, min(starts, default=utc_ns))
            ended_gaps.append(replace(gap, end_utc_ns=end_ns))
            ledger.put_gap(ended_gaps[-1])
    return Recovered(runs=tuple(ended_runs), gaps=tuple(ended_gaps))


def file_hash(files: Files, path: PurePosixPath, size: int) -> bytes:
    """SHA-256 of the first `size` bytes of a file."""
    digest = hashlib.sha256()
    for offset in range(0, size, _CHUNK):
        digest.update(files.read(path, offset, min(_CHUNK, size - offset)))
    return digest.digest()
