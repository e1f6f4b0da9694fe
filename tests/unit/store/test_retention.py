"""What goes, against a plain reckoning of the same over lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from stored import CODEC, SECOND, UTC, segment
from vedette.model.recording import Doomed, Keep, Lock, Segment
from vedette.store.database import Database
from vedette.store.ledger import SqlLedger
from vedette.store.recordings import SqlRecordings
from vedette.store.retention import SqlRetention
from vedette.store.schema import garbage, locks, recorded, segment_index, segments
from vedette.store.segment_rows import put_segment

pytest_plugins = ["databases"]

Row = tuple[str, str, str, int, int, int]
LockRow = tuple[str, int, int]
AT = st.integers(0, 60)
CAMERAS, STREAMS, DISKS = ("gate", "yard"), ("main", "sub"), ("disk", "other")
SEGMENTS = st.lists(
    st.tuples(
        st.sampled_from(CAMERAS), st.sampled_from(STREAMS), st.sampled_from(DISKS), AT, st.integers(0, 20),
        st.integers(1, 9),
    ),
    max_size=14,
)  # fmt: skip
LOCKS = st.lists(st.tuples(st.sampled_from(CAMERAS), AT, st.integers(1, 15)), max_size=4)
KEEP = st.lists(
    st.builds(
        Keep, camera=st.sampled_from(CAMERAS), stream=st.sampled_from(STREAMS),
        seconds=st.none() | st.integers(0, 70).map(float), size=st.none() | st.integers(0, 40),
    ),
    max_size=4,
)  # fmt: skip
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def made(rows: Sequence[Row]) -> list[Segment]:
    return [
        replace(
            segment(n), id=n, camera=camera, stream=stream, storage=storage, path=f"{n}.mp4", header=0, size=size,
            start_utc_ns=UTC + start * SECOND, duration_ns=lasts * SECOND, fragments=(), codec=CODEC, audio=None,
        )
        for n, (camera, stream, storage, start, lasts, size) in enumerate(rows, 1)
    ]  # fmt: skip


def held(rows: Sequence[LockRow]) -> list[Lock]:
    return [
        Lock(n, camera, UTC + start * SECOND, UTC + (start + lasts) * SECOND, "case", UTC)
        for n, (camera, start, lasts) in enumerate(rows, 1)
    ]


def fill(database: Database, all_segments: Sequence[Segment], all_locks: Sequence[Lock]) -> None:
    with database.writing() as connection:
        for table in (segment_index, segments, recorded, garbage, locks):
            connection.execute(delete(table))
        for one in all_segments:
            put_segment(connection, one)
        for lock in all_locks:
            connection.execute(locks.insert().values(**{name: getattr(lock, name) for name in lock.__slots__}))


def touched(one: Segment, start: int, end: int) -> bool:
    return one.start_utc_ns < end and (one.end_utc_ns > start or one.start_utc_ns >= start)


def is_locked(one: Segment, all_locks: Sequence[Lock]) -> bool:
    return any(lock.camera == one.camera and touched(one, lock.start_utc_ns, lock.end_utc_ns) for lock in all_locks)


def until(some: Sequence[Segment], size: int) -> list[Segment]:
    found: list[Segment] = []
    while len(found) < len(some) and sum(one.size for one in found) < size:
        found.append(some[len(found)])
    return found


def doomed(some: Sequence[Segment], limit: int) -> list[Doomed]:
    ordered = sorted({one.id: one for one in some}.values(), key=lambda one: (one.start_utc_ns, one.id))
    return [Doomed(one.id, one.storage, one.path, one.size) for one in ordered[:limit]]


@SETTINGS
@given(SEGMENTS, LOCKS, KEEP, st.tuples(st.integers(0, 90), st.integers(1, 20)))
def test_what_is_expired(
    database: Database, rows: list[Row], lock_rows: list[LockRow], keep: list[Keep], asked: tuple[int, int]
) -> None:
    all_segments, all_locks = made(rows), held(lock_rows)
    now, limit = UTC + asked[0] * SECOND, asked[1]
    fill(database, all_segments, all_locks)
    expected: list[Segment] = []
    for entry in keep:
        free = [
            one
            for one in sorted(all_segments, key=lambda one: (one.start_utc_ns, one.id))
            if (one.camera, one.stream) == (entry.camera, entry.stream) and not is_locked(one, all_locks)
        ]
        if entry.seconds is not None:
            expected += [one for one in free if one.end_utc_ns <= now - round(entry.seconds * SECOND)]
        if entry.size is not None:
            expected += until(free, sum(one.size for one in free) - entry.size)
    found = SqlRetention(database).expired(keep, now, limit)
    assert found == doomed(expected, limit)
    SqlLedger(database).condemn([one.id for one in found])
    left = [one for one in all_segments if one.id not in {gone.id for gone in found}]
    assert_sums(database, left, all_locks)
    assert {number for disk in DISKS for number, _ in SqlLedger(database).garbage(disk)} == {gone.id for gone in found}


def assert_sums(database: Database, all_segments: Sequence[Segment], all_locks: Sequence[Lock]) -> None:
    for disk in DISKS:
        there = [one for one in all_segments if one.storage == disk]
        total, locked = (
            sum(one.size for one in some) for some in (there, [o for o in there if is_locked(o, all_locks)])
        )
        assert SqlRetention(database).used(disk) == (total, locked)


@SETTINGS
@given(SEGMENTS, LOCKS, st.integers(0, 60), st.integers(1, 20))
def test_the_oldest_of_a_disk(
    database: Database, rows: list[Row], lock_rows: list[LockRow], size: int, limit: int
) -> None:
    all_segments, all_locks = made(rows), held(lock_rows)
    fill(database, all_segments, all_locks)
    free = [
        one
        for one in sorted(all_segments, key=lambda one: (one.start_utc_ns, one.id))
        if one.storage == "disk" and not is_locked(one, all_locks)
    ]
    found = SqlRetention(database).oldest("disk", size, limit)
    assert found == doomed(until(free, size), limit)
    assert_sums(database, all_segments, all_locks)


@SETTINGS
@given(SEGMENTS, AT, st.integers(1, 30), st.integers(0, 12))
def test_times_that_are_covered(database: Database, rows: list[Row], start_s: int, lasts_s: int, step_s: int) -> None:
    all_segments = made(rows)
    fill(database, all_segments, [])
    start, end = UTC + start_s * SECOND, UTC + (start_s + lasts_s) * SECOND
    there = [one for one in all_segments if (one.camera, one.stream) == ("gate", "main") and touched(one, start, end)]
    there.sort(key=lambda one: (one.start_utc_ns, one.id))
    assert [one.id for one in SqlRecordings(database).between("gate", "main", start, end)] == [one.id for one in there]
    shown = SqlRecordings(database).coverage("gate", "main", start, end, step_s * SECOND)
    assert sum(span.size for span in shown.spans) == sum(one.size for one in there)
    for one in there:
        inside = max(one.start_utc_ns, start), min(one.end_utc_ns, end)
        assert any(span.start_utc_ns <= inside[0] and inside[1] <= span.end_utc_ns for span in shown.spans)
    for before, after in zip(shown.spans, shown.spans[1:], strict=False):
        assert after.start_utc_ns - before.end_utc_ns > shown.resolution_ns
    for span in shown.spans:
        assert start <= span.start_utc_ns <= span.end_utc_ns <= end
        assert longest_hole(span.start_utc_ns, span.end_utc_ns, there) <= shown.resolution_ns


def longest_hole(start: int, end: int, there: Sequence[Segment]) -> int:
    """The longest time in [start, end) that no segment covers."""
    longest, reached = 0, start
    for one in there:
        if one.start_utc_ns > end:
            break
        longest = max(longest, one.start_utc_ns - reached)
        reached = max(reached, one.end_utc_ns)
    return max(longest, end - reached)
