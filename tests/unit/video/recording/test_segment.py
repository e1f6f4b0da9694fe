"""Whatever fails and whenever: what was said to be on the disk is there, is in a row, and plays."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes_recording import MemoryLedger
from recorded_packets import UTC_NS, audio_packets, session, together, video_packets
from recording_session import assert_in_order, assert_whole, contents, cuts_of, record
from storage_faults import FailingDisk, MemoryDisk, Trouble
from vedette.model.errors import StorageError, StorageFull, StorageGone
from vedette.model.recording import Doomed
from vedette.model.time import NS_PER_S
from vedette.video.recording.delete import delete, sweep
from vedette.video.recording.fragmenter import Cut
from vedette.video.recording.recovery import recover
from vedette.video.recording.segment import SegmentWriter, is_ours, segment_path

TROUBLES: list[Trouble] = ["full", "gone", "broken"]
ERRORS = {"full": StorageFull, "gone": StorageGone, "broken": StorageError}


def steps_of(cuts: list[Cut]) -> int:
    disk = MemoryDisk()
    record(disk, MemoryLedger(), cuts)
    return len(disk.steps)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_failure_at_any_step_loses_nothing_that_was_acknowledged(trouble: Trouble) -> None:
    cuts = cuts_of(session(5), 1.0, 2.0)
    # The last two steps bring nothing new to the disk, so a full one does not fail there.
    for at in range(steps_of(cuts) - (2 if trouble == "full" else 0)):
        disk, ledger = MemoryDisk(), MemoryLedger()
        failing = FailingDisk(disk, at, trouble)
        acknowledged: set[bytes] = set()
        with pytest.raises(ERRORS[trouble]) as caught:
            record(failing, ledger, cuts, written=lambda fragment: acknowledged.add(fragment.sha256))  # noqa: B023
        assert "\n" not in str(caught.value)
        for segment in ledger.segments.values():
            assert_whole(disk, segment)
        if trouble != "gone":
            # The disk goes on, so what was acknowledged has its row already, or is in the file that is in the way.
            assert_or_recover(disk, ledger, acknowledged)
        after = disk.after_power_cut("everything")
        recover([after], ledger, UTC_NS)
        assert_in_order(after, ledger)
        assert acknowledged <= fragments(ledger)


def fragments(ledger: MemoryLedger) -> set[bytes]:
    return {fragment.sha256 for segment in ledger.segments.values() for fragment in segment.fragments}


def assert_or_recover(disk: MemoryDisk, ledger: MemoryLedger, acknowledged: set[bytes]) -> None:
    twin, rows = disk.copied(), ledger.copied()
    recover([twin], rows, UTC_NS)
    assert_in_order(twin, rows)
    assert acknowledged <= fragments(rows)


def test_a_full_disk_keeps_what_fitted_and_its_row_is_written() -> None:
    cuts = cuts_of(session(8), 1.0, 60.0)
    disk, ledger = MemoryDisk(room=6000), MemoryLedger()
    acknowledged: list[bytes] = []
    with pytest.raises(StorageFull):
        record(disk, ledger, cuts, written=lambda fragment: acknowledged.append(fragment.sha256))
    (segment,) = ledger.segments.values()
    assert [fragment.sha256 for fragment in segment.fragments] == acknowledged
    assert len(acknowledged) >= 2
    assert_in_order(disk, ledger)


def test_after_an_error_nothing_more_is_written() -> None:
    cuts = cuts_of(session(4), 1.0, 60.0)
    disk = MemoryDisk()
    assert cuts[0].begins is not None
    writer = SegmentWriter(disk, cuts[0].begins)
    writer.write(cuts[0])
    disk.room = 10
    with pytest.raises(StorageFull):
        writer.write(cuts[1])
    disk.room = 1 << 30
    with pytest.raises(StorageError, match="begin a new file"):
        writer.write(cuts[2])
    segment = writer.close()
    assert segment is not None
    assert_whole(disk, segment)


def test_a_file_without_a_fragment_is_not_left_behind() -> None:
    cut = cuts_of(session(1))[0]
    assert cut.begins is not None
    disk = MemoryDisk()
    assert SegmentWriter(disk, cut.begins).close() is None
    assert list(disk.files()) == []
    disk.room = 100
    writer = SegmentWriter(disk, cut.begins)
    with pytest.raises(StorageFull):
        writer.write(cut)
    assert writer.close() is None
    assert list(disk.files()) == []


def test_the_order_of_steps() -> None:
    disk, ledger = MemoryDisk(), MemoryLedger()
    ledger.before = disk.steps.append
    record(disk, ledger, cuts_of(session(3), 1.0, 60.0))
    kinds = [" ".join(step.split()[:-1]) or step for step in disk.steps]
    assert kinds == [
        "create", "write", "sync", "sync folder", "write", "sync", "write", "sync",
        "sync whole", "sync folder", "commit",
    ]  # fmt: skip


def test_syncs_may_be_rarer_but_the_first_and_the_last_never_wait() -> None:
    disk, ledger = MemoryDisk(), MemoryLedger()
    record(disk, ledger, cuts_of(session(7), 1.0, 60.0), sync_s=3.0)
    kinds = [step.split()[0] + ("!" if "whole" in step else "") for step in disk.steps if "folder" not in step]
    assert "".join({"create": "c", "write": "w", "sync": "s", "sync!": "S"}[kind] for kind in kinds) == "cwswwwswwwsS"
    assert_in_order(disk, ledger)


def test_a_row_says_all_of_its_file() -> None:
    packets = together(session(4, run=9), [])
    sounds = audio_packets("pcm_alaw", 4.0)
    cuts = cuts_of(together(session(4, run=0), sounds), 1.0, 60.0)
    disk, ledger = MemoryDisk(), MemoryLedger()
    record(disk, ledger, cuts, first_id=0x1ABC)
    (segment,) = ledger.segments.values()
    assert segment.path == "gate/main/2025-11-24/16-00-00Z-1abc.mp4"
    assert (segment.start_utc_ns, segment.start_stream_ns) == (packets[0].at.utc_ns, 0)
    assert segment.duration_ns == segment.wall_ns == 4 * NS_PER_S
    assert segment.codec == video_packets("h264", 25)[0].codec
    assert segment.audio == sounds[0].codec
    assert [fragment.start_ns for fragment in segment.fragments] == [n * NS_PER_S for n in range(4)]
    assert [fragment.utc_ns for fragment in segment.fragments] == [UTC_NS + n * NS_PER_S for n in range(4)]
    assert_whole(disk, segment)


def test_a_stepped_clock_shows_in_the_wall_time_only() -> None:
    cuts = cuts_of(session(4), 1.0, 60.0)
    disk, ledger = MemoryDisk(), MemoryLedger()
    step = 3600 * NS_PER_S
    moved = [Cut(cut.video, cut.audio, cut.utc_ns + (step if n > 1 else 0), cut.begins) for n, cut in enumerate(cuts)]
    record(disk, ledger, moved)
    (segment,) = ledger.segments.values()
    assert (segment.duration_ns, segment.wall_ns) == (4 * NS_PER_S, 4 * NS_PER_S + step)
    again = MemoryLedger()
    recover([disk], again, UTC_NS)
    assert again.segments == ledger.segments


@settings(max_examples=25, deadline=None)
@given(fragment_s=st.floats(0.1, 3.0), segment_s=st.floats(0.5, 5.0), b_frames=st.integers(0, 2))
def test_any_sizes_of_fragments_and_files(fragment_s: float, segment_s: float, b_frames: int) -> None:
    disk, ledger = MemoryDisk(), MemoryLedger()
    record(disk, ledger, cuts_of(session(4, b_frames=b_frames), fragment_s, segment_s))
    assert_in_order(disk, ledger)
    again = MemoryLedger()
    recover([disk.after_power_cut("everything")], again, UTC_NS)
    assert again.segments == ledger.segments


def test_names_of_files() -> None:
    path = segment_path("gate", "sub", 1_764_000_000 * NS_PER_S - 1, 255)
    assert str(path) == "gate/sub/2025-11-24/15-59-59Z-ff.mp4"
    assert is_ours(path)
    for name in ("../x/2025-11-24/15-59-59Z-ff.mp4", "gate/sub/2025-11-24/15-59-59Z-ff.mp4.part", "a.mp4", "GATE/x"):
        assert not is_ours(PurePosixPath(name))


def doomed(ledger: MemoryLedger) -> list[Doomed]:
    return [Doomed(each.id, each.storage, each.path, each.size) for each in ledger.segments.values()]


def test_a_file_that_cannot_be_removed_stays_garbage_and_holds_up_nobody() -> None:
    class Stuck(MemoryDisk):
        def unlink(self, path: PurePosixPath) -> None:
            if path.name.endswith("-65.mp4"):
                raise StorageError(f"{path} cannot be removed")
            super().unlink(path)

    disk, ledger = Stuck(), MemoryLedger()
    record(disk, ledger, cuts_of(session(6), 1.0, 2.0))
    count = len(ledger.segments)
    done = delete({disk.storage.id: disk}, ledger, doomed(ledger), batch=2)
    assert done.segments == count - 1
    assert len(done.stuck) == 1
    assert list(ledger.condemned) == [0x65]
    assert len(sweep(disk, ledger).stuck) == 1
    assert contents(disk, str(next(disk.files())))


def test_segments_of_a_folder_that_is_not_there_keep_their_rows() -> None:
    disk, ledger = MemoryDisk(), MemoryLedger()
    record(disk, ledger, cuts_of(session(3), 1.0, 2.0))
    before = dict(ledger.segments)
    assert delete({}, ledger, doomed(ledger)).segments == 0
    assert ledger.segments == before


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_deletion_that_fails_at_any_step_is_finished_by_the_next_sweep(trouble: Trouble) -> None:
    for at in range(8):
        disk, ledger = MemoryDisk(), MemoryLedger()
        record(disk, ledger, cuts_of(session(6), 1.0, 2.0))
        with suppress(StorageError):
            delete({disk.storage.id: FailingDisk(disk, at, trouble)}, ledger, doomed(ledger), batch=2)
        assert not set(ledger.segments) & set(ledger.condemned)
        recover([disk], ledger, UTC_NS)
        assert_in_order(disk, ledger)
