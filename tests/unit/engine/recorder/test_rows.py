from __future__ import annotations

import random
from dataclasses import replace

from fakes_engine import CODEC, FakeBus, until
from fakes_recording import MemoryLedger
from vedette.clock import SimulatedClock
from vedette.engine.health import AlarmBook, HealthBook
from vedette.engine.recorder.rows import Rows
from vedette.model.errors import DatabaseBusy, DatabaseError
from vedette.model.recording import Gap, Run, Segment

RUN = Run(1, "gate", "main", 100)
GAP = Gap(5, "gate", "main", 100, None, "camera_lost")
SEGMENT = Segment(7, 1, "gate", "main", "d", "p", 1, 0, 1, 1, 1, b"", 0, CODEC, None, ())


class Quick(random.Random):
    """No long waits."""

    def uniform(self, a: float, b: float) -> float:
        return 0.01 * (a + b) / 2


class World:
    def __init__(self, limit: int = 1000) -> None:
        clock = SimulatedClock()
        self.bus, self.ledger = FakeBus(), MemoryLedger()
        self.health = HealthBook(clock, self.bus.news)
        self.rows = Rows(self.ledger, self.health, Quick(), limit)
        self.alarms = AlarmBook(clock, self.bus.news, self.rows.alarm)

    def fail(self, error: Exception | None, step: str = "") -> None:
        def before(name: str) -> None:
            if error is not None and step in {"", name}:
                raise error

        self.ledger.before = before

    def start(self) -> None:
        self.rows.start(self.alarms)


def test_rows_are_written_in_order_and_told_once_they_are() -> None:
    world, told = World(), []
    world.start()
    world.rows.begin_run(RUN)
    world.rows.commit(SEGMENT, lambda: told.append(world.ledger.segment(7)))
    world.rows.end_run(replace(RUN, end_utc_ns=200, why="stopped"))
    assert world.rows.stop(5.0)
    assert told == [SEGMENT]
    assert world.ledger.runs[1].end_utc_ns == 200


def test_an_outage_loses_nothing_and_raises_one_alarm_that_is_cleared() -> None:
    world = World()
    world.fail(DatabaseError("the database cannot be opened"))
    world.start()
    world.rows.begin_run(RUN)
    until(lambda: ("database_broken", "database") in world.alarms.now())
    for number in range(20):
        world.rows.commit(replace(SEGMENT, id=100 + number), lambda: None)
    assert world.health.now()["database"].state == "failed"
    world.fail(None)
    until(lambda: world.rows.waiting == 0)
    assert not world.alarms.now()
    assert world.health.now()["database"].state == "ok"
    assert world.rows.stop(5.0)
    assert set(world.ledger.segments) == set(range(100, 120))
    kinds = {(alarm.kind, alarm.cleared_utc_ns is None) for alarm in world.ledger.alarms}
    assert ("database_broken", False) in kinds


def test_a_busy_database_is_no_alarm_at_first() -> None:
    world, tries = World(), []

    def before(name: str) -> None:
        tries.append(name)
        if len(tries) < 3:
            raise DatabaseBusy("locked")

    world.ledger.before = before
    world.start()
    world.rows.begin_run(RUN)
    assert world.rows.stop(5.0)
    assert not world.ledger.alarms


def test_a_row_the_database_never_takes_does_not_hold_up_the_others() -> None:
    world = World()
    world.fail(DatabaseError("constraint"), "begin_run")
    world.start()
    world.rows.begin_run(RUN)
    world.rows.commit(SEGMENT, lambda: None)
    world.rows.gap(GAP)
    until(lambda: world.ledger.segments and world.ledger.gap_rows)
    assert not world.rows.stop(0.05)


def test_a_row_that_breaks_the_adapter_is_left_out() -> None:
    world = World()
    world.fail(KeyError("bug"), "begin_run")
    world.start()
    world.rows.begin_run(RUN)
    world.rows.gap(GAP)
    assert world.rows.stop(5.0)
    assert world.ledger.gap_rows == {5: GAP}


def test_what_was_first_stays_first() -> None:
    world, order = World(), []

    def first() -> None:
        order.append("first")
        if len(order) < 8:
            raise DatabaseError("not yet")

    world.rows.first(first)
    world.ledger.before = order.append
    world.rows.begin_run(RUN)
    world.start()
    until(lambda: "begin_run" in order)
    assert order.index("begin_run") == 8
    assert world.rows.stop(5.0)


def test_beyond_the_limit_rows_are_left_out_and_counted() -> None:
    world = World(limit=3)
    for number in range(5):
        world.rows.commit(replace(SEGMENT, id=number), lambda: None)
    assert world.rows.waiting == 3
    assert world.rows.dropped == 2


def test_a_newer_row_takes_the_place_of_the_one_that_waits() -> None:
    world = World(limit=1)
    world.rows.gap(GAP)
    world.rows.gap(replace(GAP, end_utc_ns=300))
    assert (world.rows.waiting, world.rows.dropped) == (1, 0)
    world.start()
    assert world.rows.stop(5.0)
    assert world.ledger.gap_rows[5].end_utc_ns == 300


def test_a_newer_row_that_comes_while_the_older_is_written_is_written_after_it() -> None:
    world = World()

    def before(_: str) -> None:
        world.ledger.before = lambda _: None
        world.rows.gap(replace(GAP, end_utc_ns=300))

    world.ledger.before = before
    world.rows.gap(GAP)
    world.start()
    until(lambda: world.rows.waiting == 0)
    assert world.rows.stop(5.0)
    assert world.ledger.gap_rows[5].end_utc_ns == 300


def test_stop_gives_up_in_time_when_the_database_is_away() -> None:
    world = World()
    world.fail(DatabaseError("away"))
    world.start()
    world.rows.begin_run(RUN)
    assert not world.rows.stop(0.05)


def test_stop_before_the_start_is_quiet() -> None:
    assert World().rows.stop(0.01)
