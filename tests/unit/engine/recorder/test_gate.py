from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes_engine import SOUND, UTC_NS, packet, video
from vedette.analytics.schedule import Period
from vedette.engine.recorder.gate import LATE_S, Gate, PreRoll
from vedette.engine.recorder.options import Mode, RecordSettings
from vedette.model.media import Packet
from vedette.model.time import NS_PER_S, Instant

BYTES = 10**6


def gate(mode: Mode = "event", pre_s: float = 2.0, post_s: float = 3.0, most: int = BYTES, **more: object) -> Gate:
    return Gate(RecordSettings(mode=mode, pre_s=pre_s, post_s=post_s, **more), most)  # type: ignore[arg-type]


def feed(of: Gate, packets: Sequence[Packet], events: dict[float, float] | None = None) -> list[Packet]:
    """What is recorded; `events` are known at (key) and happened at (value) seconds into the run."""
    events = dict(events or {})
    out: list[Packet] = []
    for one in packets:
        for known in [each for each in events if each <= one.at.stream_s + 1e-9]:
            of.trigger(UTC_NS + round(events.pop(known) * NS_PER_S))
        out.extend(of.take(one))
    return out


def seconds(packets: Sequence[Packet]) -> tuple[float, float]:
    return packets[0].at.stream_s, packets[-1].at.stream_s


def test_continuous_begins_at_the_first_keyframe() -> None:
    of = gate("continuous")
    assert of.why is None
    got = feed(of, [packet(0.0), packet(0.2), *video(0.4, 2.4)])
    assert got[0].key
    assert len(got) == 10


def test_off_records_nothing_and_says_so() -> None:
    of = gate("off")
    assert feed(of, video(0, 5)) == []
    assert of.why == "off"


def test_schedule_begins_and_ends_at_keyframes() -> None:
    midnight = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp()) * NS_PER_S
    of = gate("schedule", periods=(Period(start=time(0, 0, 2), end=time(0, 0, 4)),))
    packets = video(0.0, 8.0, gop_s=1.6, fps=5, utc_ns=midnight)
    got = feed(of, packets)
    assert seconds(got) == (3.2, 4.6)
    assert of.why == "schedule"


def test_event_records_from_the_keyframe_before_its_pre_roll_to_the_one_after_its_post_roll() -> None:
    of = gate()
    got = feed(of, video(0, 30), {10.5: 10.5})
    assert seconds(got) == (8.0, 13.8)
    assert got[0].key
    assert of.why == "no_event"


def test_events_that_become_known_late_keep_their_pre_roll() -> None:
    got = feed(gate(), video(0, 40), {10.0 + LATE_S - 1: 10.0})
    assert seconds(got)[0] == 8.0


def test_further_events_extend_the_recording_and_nothing_is_recorded_twice() -> None:
    got = feed(gate(), video(0, 40), {10.0: 10.0, 12.0: 12.0, 14.4: 14.4, 18.2: 18.2})
    times = [one.at.stream_s for one in got]
    assert times == sorted(set(times))
    assert seconds(got) == (8.0, 21.8)
    assert all(round(b - a, 3) == 0.2 for a, b in pairwise(times))


def test_an_event_just_after_the_post_roll_takes_up_where_recording_ended() -> None:
    got = feed(gate(), video(0, 40), {10.0: 10.0, 14.2: 14.2})
    times = [one.at.stream_s for one in got]
    assert times == sorted(set(times))
    assert all(round(b - a, 3) == 0.2 for a, b in pairwise(times))


def test_the_newest_event_counts_when_they_come_out_of_order() -> None:
    got = feed(gate(), video(0, 40), {10.0: 10.0, 10.4: 6.0})
    assert seconds(got)[1] == 13.8


def test_without_a_keyframe_in_the_buffer_recording_waits_for_none() -> None:
    of = gate()
    got = feed(of, [packet(n / 5) for n in range(10)], {1.0: 1.0})
    assert got == []


def test_a_clock_set_back_neither_cuts_nor_prolongs_the_recording() -> None:
    back = [
        replace(one, at=Instant(one.at.stream_ns, one.at.utc_ns - 3600 * NS_PER_S * (one.at.stream_s >= 11)))
        for one in video(0, 40)
    ]
    assert seconds(feed(gate(), back, {10.4: 10.4})) == (8.0, 13.8)
    ahead = [
        replace(one, at=Instant(one.at.stream_ns, one.at.utc_ns + 3600 * NS_PER_S * (one.at.stream_s >= 11)))
        for one in video(0, 40)
    ]
    assert seconds(feed(gate(), ahead, {10.4: 10.4})) == (8.0, 13.8)


def test_an_event_from_the_future_does_not_record_for_ever() -> None:
    got = feed(gate(), video(0, 40), {10.0: 5000.0})
    assert seconds(got) == (8.0, 13.8)


def test_a_new_run_forgets_the_old_one() -> None:
    of = gate()
    feed(of, video(0, 10), {9.0: 9.0})
    of.begin()
    got = feed(of, video(0, 5, utc_ns=UTC_NS + 20 * NS_PER_S))
    assert got == []


def test_switching_off_is_at_once_and_switching_on_at_the_next_keyframe() -> None:
    of = gate("continuous")
    assert feed(of, video(0, 1.0))
    of.change(RecordSettings(mode="off"))
    assert of.take(packet(1.0)) == ()
    of.change(RecordSettings(mode="continuous"))
    assert of.take(packet(1.2)) == ()
    assert len(of.take(packet(1.4, key=True))) == 1


def test_sound_belongs_to_the_pictures_it_follows() -> None:
    sound = [packet(0.0, codec=SOUND, key=True), packet(0.1, codec=SOUND, key=True)]
    mixed = [*sound, packet(0.2, key=True), packet(0.3, codec=SOUND, key=True)]
    assert [one.codec.medium for one in feed(gate("continuous"), mixed)] == ["video", "audio"]
    roll = PreRoll(10, BYTES)
    for one in mixed:
        roll.add(one)
    assert [one.codec.medium for one in roll.take(0)] == ["video", "audio"]


def test_buffer_is_bounded_in_bytes_by_whole_gops() -> None:
    roll = PreRoll(1000, 1600)
    for one in video(0, 10):
        roll.add(one)
    assert roll.size <= 1600
    kept = roll.take(0)
    assert kept[0].key
    assert len(kept) == 15
    assert roll.size == 0


def test_a_gop_larger_than_the_buffer_is_not_kept() -> None:
    roll = PreRoll(1000, 450)
    for one in video(0, 1):
        roll.add(one)
    assert roll.take(0) == []
    assert roll.size == 0
    for one in video(1, 1.6):
        roll.add(one)
    assert len(roll.take(0)) == 3


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 60), max_size=8, unique_by=lambda at: round(at, 3)),
    st.floats(0, 10),
    st.sampled_from([0.4, 1.0, 2.0, 8.0]),
    st.floats(0, 10),
    st.floats(0, 10),
)
def test_every_event_is_covered_whatever_comes(
    events: list[float], late: float, gop_s: float, pre_s: float, post_s: float
) -> None:
    packets = video(0, 90, gop_s=gop_s)
    got = feed(gate(pre_s=pre_s, post_s=post_s), packets, {at + late: at for at in events})
    times = [one.at.stream_s for one in got]
    assert times == sorted(set(times))
    assert not got or got[0].key
    recorded = set(times)
    for at in events:
        wanted = {one.at.stream_s for one in packets if at - pre_s <= one.at.stream_s <= at + post_s}
        assert wanted <= recorded
    for before, after in pairwise(got):
        assert after.key or round(after.at.stream_s - before.at.stream_s, 3) == 0.2
