"""A session with rotation, deletion and rotation again, interrupted at every step in every way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes_recording import MemoryLedger
from recorded_packets import UTC_NS, session
from recording_session import assert_in_order, assert_whole, contents, cuts_of, record
from storage_faults import LOSSES, STORAGE, Loss, MemoryDisk
from vedette.model.recording import Doomed, Gap, Lock, Run, Segment
from vedette.model.time import NS_PER_S
from vedette.video.recording.delete import delete
from vedette.video.recording.recovery import Recovered, recover, recover_storage

NOW = UTC_NS + 3600 * NS_PER_S


@dataclass
class Moment:
    """All there is right before a step, and what had been promised by then."""

    step: str
    disk: MemoryDisk
    ledger: MemoryLedger
    written: frozenset[bytes]
    deleted: frozenset[int]


@dataclass
class Session:
    """Runs once and keeps every moment of it."""

    moments: list[Moment] = field(default_factory=list)
    written: set[bytes] = field(default_factory=set)
    deleted: set[int] = field(default_factory=set)
    segments: list[Segment] = field(default_factory=list)

    def run(self, *, b_frames: int = 0, sync_s: float = 0.0) -> None:
        self.disk = MemoryDisk(before=self.note)
        self.ledger = MemoryLedger(before=self.note)
        self.ledger.begin_run(Run(7, "gate", "main", UTC_NS))
        cuts = cuts_of(session(8, b_frames=b_frames), 0.5, 2.0)
        half = next(number for number, cut in enumerate(cuts) if cut.begins and number > len(cuts) // 2)
        self.record(cuts[:half], 100, sync_s)
        oldest = self.segments[:2]
        self.deleted = {segment.id for segment in oldest}
        for segment in oldest:
            self.written -= {fragment.sha256 for fragment in segment.fragments}
        doomed = [Doomed(each.id, each.storage, each.path, each.size) for each in oldest]
        delete({STORAGE: self.disk}, self.ledger, doomed)
        self.record(cuts[half:], 200, sync_s)
        self.ledger.end_run(Run(7, "gate", "main", UTC_NS, end_utc_ns=UTC_NS + 8 * NS_PER_S, why="stopped"))
        self.note("end")

    def record(self, cuts: list, first: int, sync_s: float) -> None:  # type: ignore[type-arg]
        record(
            self.disk,
            self.ledger,
            cuts,
            written=lambda fragment: None if sync_s else self.written.add(fragment.sha256),
            committed=self.commit,
            first_id=first,
            sync_s=sync_s,
        )

    def commit(self, segment: Segment) -> None:
        self.segments.append(segment)
        self.written |= {fragment.sha256 for fragment in segment.fragments}

    def note(self, step: str) -> None:
        self.moments.append(
            Moment(step, self.disk.copied(), self.ledger.copied(), frozenset(self.written), frozenset(self.deleted))
        )


@pytest.fixture(scope="module")
def plain() -> Session:
    found = Session()
    found.run()
    return found


def fragments_in(ledger: MemoryLedger) -> set[bytes]:
    return {fragment.sha256 for segment in ledger.segments.values() for fragment in segment.fragments}


def check(moment: Moment, loss: Loss, tear: int | None = None) -> Recovered:
    disk, ledger = moment.disk.after_power_cut(loss, tear), moment.ledger.copied()
    committed = set(ledger.segments)
    forgotten = moment.deleted - committed - set(ledger.condemned)
    found = recover([disk], ledger, NOW)
    assert_in_order(disk, ledger)
    assert committed <= set(ledger.segments), "a committed segment is gone"
    assert not forgotten & set(ledger.segments), "what was deleted for good is back"
    assert found.missing == ()
    assert found.left == ()
    assert moment.written <= fragments_in(ledger), "footage that was said to be on the disk is gone"
    assert ledger.open_runs() == []
    again = recover([disk], ledger, NOW)
    assert again == Recovered()
    return found


@pytest.mark.parametrize("loss", LOSSES)
def test_every_step_of_a_session_may_be_the_last(plain: Session, loss: Loss) -> None:
    assert len(plain.moments) > 60
    for moment in plain.moments:
        check(moment, loss)


@pytest.mark.parametrize(("b_frames", "sync_s"), [(2, 0.0), (0, 1.5)])
def test_with_b_frames_and_with_rarer_syncs(b_frames: int, sync_s: float) -> None:
    found = Session()
    found.run(b_frames=b_frames, sync_s=sync_s)
    for loss in LOSSES:
        for moment in found.moments:
            check(moment, loss)


def interrupted(moment: Moment, loss: Loss) -> Iterator[Moment]:
    """Every step of the recovery from a moment."""
    disk, ledger = moment.disk.after_power_cut(loss), moment.ledger.copied()
    steps: list[Moment] = []

    def note(step: str) -> None:
        steps.append(Moment(step, disk.copied(), ledger.copied(), moment.written, moment.deleted))

    disk.before = ledger.before = note
    recover([disk], ledger, NOW)
    note("end")
    yield from steps


@pytest.mark.parametrize("first", LOSSES)
def test_every_step_of_a_recovery_may_be_the_last(plain: Session, first: Loss) -> None:
    for moment in plain.moments:
        for step in interrupted(moment, first):
            for loss in ("everything", "half"):
                check(step, loss)


def writes(found: Session) -> Iterator[Moment]:
    """The moments right after something was written and before it was synced."""
    before = ""
    for moment in found.moments:
        if before.startswith("write"):
            yield moment
        before = moment.step


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_last_write_may_be_torn_at_any_byte(plain: Session, data: st.DataObject) -> None:
    moment = data.draw(st.sampled_from(list(writes(plain))))
    node = max(moment.disk._names.values(), key=lambda node: len(node.now) - len(node.kept))
    check(moment, "half", data.draw(st.integers(0, len(node.now) - len(node.kept))))


def test_the_last_write_torn_at_every_place_that_matters(plain: Session) -> None:
    moment = list(writes(plain))[2]
    node = max(moment.disk._names.values(), key=lambda node: len(node.now) - len(node.kept))
    for tear in [*range(140), *range(140, len(node.now) - len(node.kept), 97)]:
        check(moment, "half", tear)


def test_at_most_the_last_fragment_is_lost(plain: Session) -> None:
    for moment in writes(plain):
        disk, ledger = moment.disk.after_power_cut("everything"), moment.ledger.copied()
        recover([disk], ledger, NOW)
        whole = max(plain.segments, key=lambda segment: segment.id)
        assert moment.written == {sha for sha in fragments_in(ledger) if sha in moment.written}
        assert whole.fragments


def test_everything_is_made_again_from_the_files_alone(plain: Session) -> None:
    last = plain.moments[-1]
    ledger = MemoryLedger()
    recover([last.disk], ledger, NOW)
    assert ledger.segments == last.ledger.segments
    assert len(ledger.segments) >= 3


def test_a_file_without_a_whole_fragment_is_removed_and_told_of(plain: Session) -> None:
    segment = plain.segments[-1]
    whole = contents(plain.disk, segment.path)
    for length in (0, 1, 40, segment.header - 1, segment.header, segment.header + segment.fragments[0].size - 1):
        disk, ledger = MemoryDisk(), MemoryLedger()
        disk.put(segment.path, whole[:length])
        found = recover_storage(disk, ledger)
        assert found.removed == (segment.path,)
        assert list(disk.files()) == []


@pytest.mark.parametrize(
    "garbage", [b"\x00" * 5000, b"\xff" * 5000, b"\x00\x00\x00\x08prft" * 3, b"\x7f\xff\xff\xffprft"]
)
def test_garbage_behind_the_last_fragment_is_cut_off(plain: Session, garbage: bytes) -> None:
    segment = plain.segments[-1]
    disk, ledger = MemoryDisk(), MemoryLedger()
    disk.put(segment.path, contents(plain.disk, segment.path) + garbage)
    assert recover_storage(disk, ledger).torn == len(garbage)
    assert ledger.segments == {segment.id: segment}


def test_damage_in_the_middle_costs_nothing_behind_it(plain: Session) -> None:
    segment = max(plain.segments[2:], key=lambda each: len(each.fragments))
    content = bytearray(contents(plain.disk, segment.path))
    second = segment.fragments[1]
    content[second.offset + second.size - 50] ^= 0xFF
    disk, ledger = MemoryDisk(), MemoryLedger()
    disk.put(segment.path, bytes(content))
    found = recover_storage(disk, ledger)
    assert found.torn == 0
    assert found.left == (f"fragment 2 of {segment.path} is damaged; the disk may be failing",)
    assert len(ledger.segments[segment.id].fragments) == len(segment.fragments)


def test_files_of_others_and_large_unreadable_ones_are_left_to_a_person() -> None:
    disk, ledger = MemoryDisk(), MemoryLedger()
    large = "gate/main/2025-11-24/16-00-00Z-1.mp4"
    disk.put("holiday.mp4", b"not ours")
    disk.put(large, bytes(20 << 20))
    found = recover_storage(disk, ledger)
    assert len(found.left) == 2
    assert sorted(map(str, disk.files())) == sorted([large, "holiday.mp4"])


def test_a_copy_of_a_segment_is_no_second_one(plain: Session) -> None:
    last = plain.moments[-1]
    disk, ledger = last.disk.after_power_cut("nothing"), last.ledger.copied()
    segment = plain.segments[-1]
    copied = segment.path.replace("gate/", "yard/")
    disk.put(copied, contents(disk, segment.path))
    found = recover_storage(disk, ledger)
    assert found.left == (f"{copied} is a copy of {segment.path} in {STORAGE}; remove one of them",)


def test_a_row_without_its_file_becomes_a_gap_that_says_so(plain: Session) -> None:
    last = plain.moments[-1]
    disk, ledger = last.disk.after_power_cut("nothing"), last.ledger.copied()
    segment = plain.segments[-1]
    disk.take(segment.path)
    found = recover_storage(disk, ledger)
    assert found.missing == (segment.id,)
    (gap,) = ledger.gap_rows.values()
    assert (gap.start_utc_ns, gap.end_utc_ns) == (segment.start_utc_ns, segment.end_utc_ns)
    assert (gap.reason, segment.path in gap.text) == ("storage_lost", True)
    assert_in_order(disk, ledger)


def test_the_row_of_locked_evidence_stays_without_its_file(plain: Session) -> None:
    last = plain.moments[-1]
    disk, ledger = last.disk.after_power_cut("nothing"), last.ledger.copied()
    segment = plain.segments[-1]
    ledger.lock_rows.append(Lock(1, "gate", segment.start_utc_ns, segment.end_utc_ns, "burglary", 0))
    disk.take(segment.path)
    found = recover_storage(disk, ledger)
    assert segment.id in ledger.segments
    assert len(found.left) == 1
    assert len(ledger.gap_rows) == 1


def test_a_file_that_is_being_written_is_left_alone(plain: Session) -> None:
    segment = plain.segments[-1]
    disk, ledger = MemoryDisk(), MemoryLedger()
    disk.put(segment.path, contents(plain.disk, segment.path)[:-10])
    assert recover_storage(disk, ledger, writing={segment.path}) == Recovered()
    assert disk.size(PurePosixPath(segment.path)) == segment.size - 10


def test_what_a_crash_left_open_is_closed_and_the_time_down_is_a_gap() -> None:
    ledger = MemoryLedger()
    ledger.begin_run(Run(1, "gate", "main", UTC_NS - 9 * NS_PER_S))
    ledger.begin_run(Run(2, "gate", "main", UTC_NS))
    ledger.begin_run(Run(3, "yard", "main", UTC_NS))
    ledger.begin_run(Run(4, "shop", "main", UTC_NS, node="another machine"))
    ledger.put_gap(Gap(9, "yard", "main", UTC_NS + 5, None, "schedule"))
    disk = MemoryDisk()
    record(disk, ledger, cuts_of(session(3), 1.0, 60.0))
    found = recover([disk], ledger, NOW)
    end_ns = UTC_NS + 3 * NS_PER_S
    assert ledger.gap_rows[9] == Gap(9, "yard", "main", UTC_NS + 5, NOW, "schedule")
    assert [(gap.camera, gap.reason, gap.start_utc_ns, gap.end_utc_ns) for gap in found.gaps] == [
        ("yard", "schedule", UTC_NS + 5, NOW),
        ("gate", "crashed", end_ns, NOW),
    ]
    assert [run.id for run in ledger.open_runs()] == [4]
    assert {(run.id, run.end_utc_ns, run.why) for run in found.runs} == {
        (1, end_ns, "crashed"), (2, end_ns, "crashed"), (3, UTC_NS, "crashed")
    }  # fmt: skip
    assert recover([disk], ledger, NOW + 1) == Recovered()


def test_a_clock_that_was_set_back_makes_no_gap_that_ends_before_it_starts() -> None:
    ledger = MemoryLedger()
    ledger.begin_run(Run(1, "gate", "main", UTC_NS))
    ledger.put_gap(Gap(9, "yard", "main", UTC_NS, None, "camera_lost"))
    found = recover([], ledger, UTC_NS - 3600 * NS_PER_S)
    assert [(gap.start_utc_ns, gap.end_utc_ns) for gap in found.gaps] == [(UTC_NS, UTC_NS)]


def test_whole_segments_of_other_storage_folders_are_not_touched(plain: Session) -> None:
    last = plain.moments[-1]
    other = replace(plain.segments[-1], id=999, storage="another", path="gate/main/2025-11-24/00-00-00Z-3e7.mp4")
    ledger = last.ledger.copied()
    ledger.commit(other)
    assert recover_storage(last.disk, ledger) == Recovered()
    assert ledger.segment(999) == other
    assert_whole(last.disk, plain.segments[-1])
