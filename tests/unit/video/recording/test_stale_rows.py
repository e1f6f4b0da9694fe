"""An older database under a recorder that went on: what it takes for open is ended by the footage there is."""

from __future__ import annotations

from dataclasses import replace

from fakes_recording import MemoryLedger
from recorded_packets import UTC_NS
from stored import segment
from vedette.model.recording import Gap, Run
from vedette.model.time import NS_PER_S
from vedette.video.recording.recovery import end_stale

NOW = UTC_NS + 3600 * NS_PER_S


def later(seconds: float) -> int:
    return UTC_NS + round(seconds * NS_PER_S)


def test_runs_end_with_their_footage_and_gaps_with_the_next() -> None:
    ledger = MemoryLedger()
    for number, run, start in ((1, 7, 0), (2, 7, 60), (3, 8, 200)):
        ledger.commit(replace(segment(number, 60), run=run, start_utc_ns=later(start)))
    for number, node in ((7, "here"), (8, "here"), (9, "there"), (10, "here")):
        ledger.begin_run(Run(number, "gate", "main", later(0), node))
    ledger.put_gap(Gap(20, "gate", "main", later(120), None, "camera_lost"))
    ledger.put_gap(Gap(21, "gate", "main", later(300), None, "camera_lost"))
    ledger.put_gap(Gap(22, "yard", "main", later(300), None, "stopped"))
    done = end_stale(ledger, ledger, lambda: {8, 21}, NOW, "here")
    assert {run.id: run.end_utc_ns for run in done.runs} == {7: later(120), 10: later(0)}
    assert {gap.id: gap.end_utc_ns for gap in done.gaps} == {20: later(200), 22: NOW}
    assert {run.id for run in ledger.open_runs()} == {8, 9}
    assert {gap.id for gap in ledger.open_gaps()} == {21}
    again = end_stale(ledger, ledger, lambda: {8, 21}, NOW, "here")
    assert (again.runs, again.gaps) == ((), ())
