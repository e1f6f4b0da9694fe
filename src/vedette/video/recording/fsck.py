"""Checking that what the database says of recordings is so, and putting right what can be without losing anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import PurePosixPath
from typing import Final, Literal, NamedTuple

from vedette.model.errors import StorageError
from vedette.model.recording import STREAMS, Fragment, Segment
from vedette.model.recording_ports import Files, Ledger, Recordings
from vedette.model.time import NS_PER_S
from vedette.video.mp4.reader import read_index
from vedette.video.recording.delete import sweep
from vedette.video.recording.recovery import Recovered, drop_row, end_runs, file_hash, finish_file

FindingKind = Literal[
    "storage", "no_row", "foreign", "garbage", "missing", "size", "hash", "fragments", "row", "lock", "run", "gap"
]
"""What a finding is about.

    storage                         the folder itself
    no_row, foreign                 a file nobody knows; one that only a person can judge
    garbage                         a deletion that was not finished
    missing, size, hash, fragments  the file is not as its row says
    row                             it contradicts itself, or another one
    lock                            evidence is not all there
    run, gap                        left open by a crash, or makes no sense
"""
TOLERANCE_NS: Final = NS_PER_S
"""By which two files of a run may overlap: pictures of broken streams are moved up to keep their order."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it has to be.

    subject   path in the storage folder, or what else it is about
    segment   0 where it is not about one
    repaired  it is as it has to be now
    """

    kind: FindingKind
    subject: str
    text: str
    segment: int = 0
    repaired: bool = False


def check(
    files: Files,
    ledger: Ledger,
    recordings: Recordings,
    *,
    hashes: bool = False,
    repair: bool = False,
    writing: Collection[str] | None = (),
) -> list[Finding]:
    """Check one storage folder against the database.

    hashes   read every file, and compare the hashes of it and of its fragments
    repair   give files without row their row (or remove what a crash left without a whole fragment), finish deletions,
             turn rows without file into gaps. Damaged files and evidence are never touched. Nobody may record meanwhile
    writing  paths of files that are being written; None while a recorder runs and nobody knows them: then the newest
             file without a row of every stream is taken for one

    Raises StorageError where the folder cannot be read at all, and DatabaseError.
    """
    if repair and writing is None:
        raise StorageError("recordings cannot be repaired while they are being written; stop the recorder first")
    try:
        files.check()
    except StorageError as error:
        return [Finding("storage", files.storage.path, str(error))]
    findings = list(_garbage(files, ledger, repair=repair))
    condemned = {path for _, path in ledger.garbage(files.storage.id)}
    rows = {path: number for number, path, _ in ledger.known(files.storage.id)}
    lone = sorted(str(path) for path in files.files() if str(path) not in rows and str(path) not in condemned)
    busy = set(writing) if writing is not None else {max(some) for some in _by_stream(lone)}
    findings += [_without_row(files, ledger, path, repair=repair) for path in lone if path not in busy]
    spans = []
    for path, number in rows.items():
        segment = ledger.segment(number)
        if segment is not None:
            findings += _segment(files, ledger, segment, path, hashes=hashes, repair=repair)
            spans.append(_Span(segment.run, segment.start_stream_ns, segment.duration_ns, path, number))
    return findings + _locks(files, recordings) + list(_overlaps(spans))


def check_books(ledger: Ledger, utc_ns: int, *, repair: bool = False) -> list[Finding]:
    """Check runs and gaps, with nobody recording; `repair` ends what a crash left open as of now.

    The gap that an orderly stop begins is open until recording goes on, and no fault.
    """
    runs, gaps = ledger.open_runs(), ledger.open_gaps()
    findings = [
        Finding("run", f"{run.camera}/{run.stream}", f"run {run.id} was never ended", repaired=repair) for run in runs
    ]
    findings += [
        Finding("gap", f"{gap.camera}/{gap.stream}", f"gap {gap.id} ({gap.reason}) was never ended", repaired=repair)
        for gap in gaps
        # What a player shows of the last file may end a little later than the wall clock said.
        if (ledger.last_end_utc_ns(gap.camera, gap.stream) or 0) > gap.start_utc_ns + TOLERANCE_NS
    ]
    findings += [
        Finding("gap", f"{gap.camera}/{gap.stream}", f"gap {gap.id} begins in the future; is the clock right?")
        for gap in gaps
        if gap.start_utc_ns > utc_ns
    ]
    if repair:
        for node in {run.node for run in runs} or {""}:
            end_runs(ledger, utc_ns, node)
    return findings


def _garbage(files: Files, ledger: Ledger, *, repair: bool) -> Iterator[Finding]:
    waiting = list(ledger.garbage(files.storage.id))
    stuck = sweep(files, ledger).stuck if repair else ()
    left = {number for number, _ in ledger.garbage(files.storage.id)}
    for number, path in waiting:
        text = "its deletion was not finished"
        yield Finding("garbage", path, text, number, repaired=repair and number not in left)
    for line in stuck:
        yield Finding("garbage", files.storage.path, line)


def _by_stream(paths: Sequence[str]) -> list[list[str]]:
    found: dict[tuple[str, ...], list[str]] = {}
    for path in paths:
        found.setdefault(PurePosixPath(path).parts[:2], []).append(path)
    return list(found.values())


def _without_row(files: Files, ledger: Ledger, path: str, *, repair: bool) -> Finding:
    if not repair:
        return Finding("no_row", path, "the database does not know it; the next start of the recorder takes it up")
    done = finish_file(files, ledger, PurePosixPath(path))
    if done.segments:
        segment = done.segments[0]
        return Finding("no_row", path, f"taken up, {done.torn} bytes cut off at its end", segment.id, repaired=True)
    if done.removed:
        return Finding("no_row", path, "removed: it had no whole fragment", repaired=True)
    return Finding("foreign", path, "; ".join(done.left))


def _segment(
    files: Files, ledger: Ledger, segment: Segment, path: str, *, hashes: bool, repair: bool
) -> Iterator[Finding]:
    yield from (Finding("row", path, text, segment.id) for text in _contradictions(segment))
    place = PurePosixPath(path)
    size = files.size(place)
    if size is None:
        done = drop_row(files, ledger, segment.id, path) if repair else Recovered()
        text = "the file is not there" + ("; a gap says so now" if done.missing else "".join(done.left))
        yield Finding("missing", path, text, segment.id, repaired=bool(done.missing))
        return
    if size != segment.size:
        yield Finding("size", path, f"the file has {size} bytes, not {segment.size}", segment.id)
    elif hashes:
        yield from _content(files, segment, place)
    elif not all(files.read(place, each.offset + 4, 4) == b"prft" for each in _ends(segment.fragments)):
        yield Finding("fragments", path, "its fragments are not where its row says", segment.id)


def _ends(fragments: Sequence[Fragment]) -> Sequence[Fragment]:
    return [*fragments[:1], *fragments[-1:]]


def _content(files: Files, segment: Segment, place: PurePosixPath) -> Iterator[Finding]:
    """Every byte of the file, and the fragments in it."""
    if file_hash(files, place, segment.size) != segment.sha256:
        yield Finding("hash", segment.path, "the file is not as it was written", segment.id)
    index = read_index(lambda offset, count: files.read(place, offset, count), segment.size)
    if index is None:
        yield Finding("fragments", segment.path, "its header cannot be read", segment.id)
        return
    for number, (told, found) in enumerate(zip_longest(segment.fragments, index.fragments)):
        if found is None or told is None or _place(told) != _place(found):
            text = f"from fragment {number + 1} on it does not hold what its row says"
            yield Finding("fragments", segment.path, text, segment.id)
            return
        if told.sha256 != found.sha256:
            yield Finding("hash", segment.path, f"fragment {number + 1} is not as it was written", segment.id)


def _place(fragment: Fragment) -> tuple[int, int, int, int]:
    return fragment.offset, fragment.size, fragment.start_ns, fragment.duration_ns


def _contradictions(segment: Segment) -> Iterator[str]:
    """What cannot be true of a row, whatever its file holds."""
    at, start_ns = segment.header, 0
    if not segment.fragments:
        yield "it has no fragments"
        return
    for number, fragment in enumerate(segment.fragments):
        if fragment.offset != at:
            yield f"fragment {number + 1} does not follow the one before in the file"
        if fragment.start_ns < start_ns or fragment.duration_ns < 0:
            yield f"fragment {number + 1} does not follow the one before in time"
        at, start_ns = fragment.offset + fragment.size, fragment.start_ns + fragment.duration_ns
    if at != segment.size:
        yield "its fragments do not end with the file"
    if start_ns != segment.duration_ns:
        yield "its fragments do not end when it does"
    if not segment.fragments[0].key:
        yield "it does not begin with a keyframe"


def _locks(files: Files, recordings: Recordings) -> list[Finding]:
    findings = []
    for lock in recordings.locks():
        held = [
            segment
            for stream in STREAMS
            for segment in recordings.between(lock.camera, stream, lock.start_utc_ns, lock.end_utc_ns)
        ]
        if not held:
            findings.append(Finding("lock", lock.name, f"lock {lock.id} of {lock.camera} holds no footage at all"))
        for segment in held:
            if segment.storage == files.storage.id and files.size(PurePosixPath(segment.path)) != segment.size:
                text = f"locked as {lock.name!r}, and its file is not whole"
                findings.append(Finding("lock", segment.path, text, segment.id))
    return findings


class _Span(NamedTuple):
    run: int
    start_ns: int
    duration_ns: int
    path: str
    segment: int


def _overlaps(spans: Sequence[_Span]) -> Iterator[Finding]:
    """Segments of one run that claim the same time."""
    last: _Span | None = None
    for span in sorted(spans):
        if last and last.run == span.run and span.start_ns < last.start_ns + last.duration_ns - TOLERANCE_NS:
            yield Finding("row", span.path, f"it begins before {last.path} of its run has ended", span.segment)
        last = span
