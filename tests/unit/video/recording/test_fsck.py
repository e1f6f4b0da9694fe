from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from fakes_recording import MemoryLedger
from recorded_packets import UTC_NS, session
from recording_session import assert_in_order, contents, cuts_of, record
from storage_faults import MemoryDisk
from vedette.model.errors import StorageError, StorageGone
from vedette.model.recording import Gap, Lock, Run, Segment
from vedette.model.time import NS_PER_S
from vedette.video.recording.fsck import Finding, check, check_books


@dataclass
class Recording:
    disk: MemoryDisk
    ledger: MemoryLedger

    @property
    def segments(self) -> list[Segment]:
        return sorted(self.ledger.segments.values(), key=lambda segment: segment.id)

    def check(self, *, hashes: bool = True, repair: bool = False) -> list[Finding]:
        return check(self.disk, self.ledger, self.ledger, hashes=hashes, repair=repair)

    def spoil(self, segment: Segment, change: Callable[[bytearray], None]) -> None:
        content = bytearray(contents(self.disk, segment.path))
        change(content)
        self.disk.put(segment.path, bytes(content))


@pytest.fixture
def recording() -> Recording:
    found = Recording(MemoryDisk(), MemoryLedger())
    record(found.disk, found.ledger, cuts_of(session(6), 1.0, 2.0))
    assert len(found.segments) >= 3
    return found


def told(findings: list[Finding]) -> list[tuple[str, int, bool]]:
    return [(each.kind, each.segment, each.repaired) for each in findings]


@pytest.mark.parametrize("hashes", [False, True])
def test_a_recording_in_order_has_no_findings(recording: Recording, hashes: bool) -> None:
    assert recording.check(hashes=hashes) == []


def test_a_flipped_bit_is_found_and_its_fragment_named(recording: Recording) -> None:
    segment = recording.segments[1]
    place = segment.fragments[1].offset + segment.fragments[1].size - 3

    def flip(content: bytearray) -> None:
        content[place] ^= 1

    recording.spoil(segment, flip)
    assert recording.check(hashes=False) == []
    findings = recording.check()
    assert {each.kind for each in findings} <= {"hash", "fragments"}
    assert any("fragment 2" in each.text for each in findings)


def test_every_byte_matters(recording: Recording) -> None:
    segment = recording.segments[0]
    for place in range(0, segment.size, max(1, segment.size // 60)):
        whole = contents(recording.disk, segment.path)
        recording.disk.put(segment.path, whole[:place] + bytes([whole[place] ^ 0x20]) + whole[place + 1 :])
        assert "hash" in {each.kind for each in recording.check()}
        recording.disk.put(segment.path, whole)


@pytest.mark.parametrize("size", [0, 100, -100, -1])
def test_a_file_of_another_size(recording: Recording, size: int) -> None:
    segment = recording.segments[0]
    whole = contents(recording.disk, segment.path)
    recording.disk.put(segment.path, whole + bytes(100) if size == 100 else whole[:size])
    for repair in (False, True):
        assert told(recording.check(repair=repair)) == [("size", segment.id, False)]
    assert segment.id in recording.ledger.segments


def test_fragments_that_are_elsewhere_are_seen_without_hashing(recording: Recording) -> None:
    segment = recording.segments[0]

    def shift(content: bytearray) -> None:
        content[:] = content[:20] + content

    recording.spoil(segment, shift)
    recording.ledger.segments[segment.id] = replace(segment, size=segment.size + 20)
    assert ("fragments", segment.id, False) in told(recording.check(hashes=False))


def test_a_missing_file_becomes_a_gap(recording: Recording) -> None:
    segment = recording.segments[1]
    recording.disk.take(segment.path)
    assert told(recording.check()) == [("missing", segment.id, False)]
    assert told(recording.check(repair=True)) == [("missing", segment.id, True)]
    assert recording.check() == []
    assert [gap.reason for gap in recording.ledger.gap_rows.values()] == ["storage_lost"]
    assert_in_order(recording.disk, recording.ledger)


def test_missing_evidence_is_told_and_its_row_kept(recording: Recording) -> None:
    segment = recording.segments[1]
    recording.ledger.lock_rows.append(Lock(3, "gate", segment.start_utc_ns, segment.start_utc_ns + 1, "burglary", 0))
    recording.ledger.lock_rows.append(Lock(4, "yard", 0, 1, "nothing", 0))
    recording.disk.take(segment.path)
    kinds = [each.kind for each in recording.check(repair=True)]
    assert kinds == ["missing", "lock", "lock"]
    assert segment.id in recording.ledger.segments


def test_a_file_without_row_is_taken_up(recording: Recording) -> None:
    segment = recording.segments[-1]
    del recording.ledger.segments[segment.id]
    assert told(recording.check()) == [("no_row", 0, False)]
    assert told(recording.check(repair=True)) == [("no_row", segment.id, True)]
    assert recording.ledger.segments[segment.id] == segment


def test_a_file_that_is_being_written_is_no_finding(recording: Recording) -> None:
    older, newest = recording.segments[-2:]
    del recording.ledger.segments[newest.id]
    assert check(recording.disk, recording.ledger, recording.ledger, writing=None) == []
    assert check(recording.disk, recording.ledger, recording.ledger, writing={newest.path}) == []
    del recording.ledger.segments[older.id]
    findings = check(recording.disk, recording.ledger, recording.ledger, writing=None)
    assert [each.subject for each in findings] == [older.path]
    with pytest.raises(StorageError, match="stop the recorder first"):
        check(recording.disk, recording.ledger, recording.ledger, writing=None, repair=True)


def test_foreign_files_are_told_and_never_touched(recording: Recording) -> None:
    recording.disk.put("holiday.mp4", b"x")
    assert told(recording.check(repair=True)) == [("foreign", 0, False)]
    assert contents(recording.disk, "holiday.mp4") == b"x"


def test_a_deletion_that_was_not_finished(recording: Recording) -> None:
    segment = recording.segments[0]
    recording.ledger.condemn([segment.id])
    assert told(recording.check()) == [("garbage", segment.id, False)]
    assert told(recording.check(repair=True)) == [("garbage", segment.id, True)]
    assert recording.check() == []
    assert_in_order(recording.disk, recording.ledger)


def test_rows_that_contradict_themselves(recording: Recording) -> None:
    first, second = recording.segments[1:3]
    rows = recording.ledger.segments
    for wrong in (
        replace(first, fragments=()),
        replace(first, fragments=first.fragments[1:]),
        replace(first, fragments=tuple(reversed(first.fragments))),
        replace(first, duration_ns=first.duration_ns + 1),
        replace(first, fragments=(replace(first.fragments[0], key=False), *first.fragments[1:])),
    ):
        rows[first.id] = wrong
        assert ("row", first.id, False) in told(recording.check(hashes=False))
    rows[first.id] = first
    rows[second.id] = replace(second, start_stream_ns=first.start_stream_ns)
    assert "row" in {each.kind for each in recording.check(hashes=False)}


def test_a_folder_that_is_not_there_is_one_finding(recording: Recording) -> None:
    class Gone(MemoryDisk):
        def check(self) -> None:
            raise StorageGone("the disk is not mounted")

    findings = check(Gone(), recording.ledger, recording.ledger, repair=True)
    assert [(each.kind, each.text) for each in findings] == [("storage", "the disk is not mounted")]
    assert len(recording.segments) >= 3


def test_runs_and_gaps_that_a_crash_left_open(recording: Recording) -> None:
    ledger, first = recording.ledger, recording.segments[0]
    now = first.start_utc_ns + 3600 * NS_PER_S
    before = [each.kind for each in check_books(ledger, now)]
    ledger.begin_run(Run(1, "gate", "main", UTC_NS, node="attic"))
    ledger.put_gap(Gap(2, "yard", "sub", now + 1, None, "connecting"))
    ledger.put_gap(Gap(3, first.camera, first.stream, first.start_utc_ns, None, "camera_lost"))
    assert sorted(each.kind for each in check_books(ledger, now)) == sorted([*before, "run", "gap", "gap"])
    check_books(ledger, now, repair=True)
    assert check_books(ledger, now) == []


def test_the_gap_of_an_orderly_stop_is_open_and_no_fault(recording: Recording) -> None:
    ledger, last = recording.ledger, recording.segments[-1]
    for run in ledger.open_runs():
        ledger.end_run(replace(run, end_utc_ns=last.end_utc_ns, why="stopped"))
    ledger.put_gap(Gap(2, last.camera, last.stream, last.end_utc_ns, None, "stopped"))
    assert check_books(ledger, last.end_utc_ns + NS_PER_S) == []
