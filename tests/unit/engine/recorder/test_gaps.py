from __future__ import annotations

from vedette.engine.recorder.gaps import GapBook
from vedette.model.recording import Gap


def book() -> tuple[GapBook, dict[int, Gap]]:
    rows: dict[int, Gap] = {}

    def put(gap: Gap) -> None:
        rows[gap.id] = gap

    return GapBook("gate", "main", put), rows


def told(rows: dict[int, Gap]) -> list[tuple[str, int, int | None]]:
    return sorted((gap.reason, gap.start_utc_ns, gap.end_utc_ns) for gap in rows.values())


def test_a_gap_is_written_when_it_begins_and_when_it_ends() -> None:
    gaps, rows = book()
    gaps.missing("camera_lost", 100, "no answer")
    assert told(rows) == [("camera_lost", 100, None)]
    gaps.recording(150)
    assert told(rows) == [("camera_lost", 100, 150)]
    assert gaps.open is None
    gaps.recording(160)
    assert len(rows) == 1


def test_another_reason_ends_the_gap_and_begins_the_next_without_a_hole() -> None:
    gaps, rows = book()
    gaps.missing("connecting", 100)
    gaps.missing("connecting", 110)
    gaps.missing("storage_full", 120)
    gaps.recording(130)
    assert told(rows) == [("connecting", 100, 120), ("storage_full", 120, 130)]


def test_a_clock_set_back_gives_no_gap_that_ends_before_it_begins() -> None:
    gaps, rows = book()
    gaps.missing("camera_lost", 1000)
    gaps.missing("overload", 10)
    gaps.recording(20)
    assert told(rows) == [("camera_lost", 1000, 1000), ("overload", 1000, 1000)]
