from __future__ import annotations

from dataclasses import replace

import numpy as np

from fakes import blank
from vedette.engine.live.run_time import RunTime
from vedette.model.events import RuleEvent
from vedette.model.media import Frame
from vedette.model.time import NS_PER_S, Instant
from vedette.model.track_line import TrackLine

S = NS_PER_S


def at(stream_s: float, utc_s: float = 0.0) -> Instant:
    return Instant(round(stream_s * S), round(utc_s * S))


def second_run() -> RunTime:
    """The first run ended at 10 s of its time; 5 s of the steady clock later the second began at 100 s of its own."""
    time = RunTime()
    time.begin(at(0), 50 * S)
    time.hear(at(10, 1000), 60 * S)
    time.begin(at(100), 65 * S)
    time.hear(at(100, 1005), 65 * S)
    return time


def test_the_first_run_is_as_it_is() -> None:
    time = RunTime()
    time.begin(at(7), 1 * S)
    time.hear(at(7, 500), 1 * S)
    frame = Frame(blank(), at(7), 0)
    assert time.frame(frame) is frame
    assert time.now(3 * S) == at(9, 502)


def test_before_the_first_packet_there_is_no_present() -> None:
    assert RunTime().now(5 * S) is None


def test_another_run_goes_on_where_the_first_ended() -> None:
    time = second_run()
    assert time.frame(Frame(blank(), at(101, 1006), 3)).at == at(16, 1006)
    assert time.in_run(16 * S) == 101 * S
    assert time.now(67 * S) == at(17, 1007)


def test_a_run_that_begins_at_once_still_lies_later() -> None:
    time = RunTime()
    time.begin(at(0), 0)
    time.hear(at(10), 10 * S)
    time.begin(at(0), 10 * S)
    assert time.frame(Frame(blank(), at(0), 0)).at.stream_ns > 10 * S


def test_events_and_lines_come_back_in_the_time_of_their_run() -> None:
    time = second_run()
    event = RuleEvent("gate", "h", "crossed", at(16, 1006), 0, at(17, 1007), trace=((15.5, 0.1, 0.2),))
    back = time.event(event)
    assert (back.at, back.known_at, back.trace) == (at(101, 1006), at(102, 1007), ((100.5, 0.1, 0.2),))
    line = TrackLine(
        1, "a", 2, 1, "person", 0, 0, 1.0, np.array([15 * S, 16 * S]), np.zeros((2, 4)), np.ones(2), 17 * S
    )
    moved = time.line(line)
    assert (moved.at_ns.tolist(), moved.ended_ns) == ([100 * S, 101 * S], 102 * S)
    assert RunTime().line(line) is line
    assert RunTime().event(replace(event)) == event
