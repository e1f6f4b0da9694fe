from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from recorded_footage import START_NS, bare_segment
from vedette.model.media import Codec
from vedette.model.recording import Segment
from vedette.model.time import NS_PER_S
from vedette.video.playback.span import DRIFT_NS, LEAD_NS, Span, plan

S = NS_PER_S
HOUR = 3600


def at(seconds: float) -> int:
    return START_NS + round(seconds * S)


def planned(segments: list[Segment], start: float, end: float, run: int | None = None) -> Span:
    return plan(segments, at(start), at(end), run=run)


def shown(span: Span) -> list[tuple[int, float]]:
    """Segment and second of the wall clock of every part of which something is shown."""
    return [(part.segment.id, (part.shown_utc_ns - START_NS) / S) for part in span.parts if part.to_ns > part.from_ns]


def test_nothing_recorded_is_an_empty_span() -> None:
    assert planned([], 0, 10) == Span(at(0), at(10))
    span = planned([bare_segment(100)], 0, 10)
    assert (span.parts, span.duration_ns, span.utc_ns(0)) == ((), 0, None)


def test_a_span_begins_at_the_keyframe_before_it_and_lasts_as_long_as_asked() -> None:
    span = planned([bare_segment(0)], 3.5, 7.25)

    assert [part.fragment.start_ns // S for part in span.parts] == [2, 3, 4, 5, 6, 7]
    assert [part.from_ns for part in span.parts][:3] == [S, S // 2, 0]
    assert span.parts[-1].to_ns == S // 4
    assert span.duration_ns == round(3.75 * S) + 2 * LEAD_NS
    assert span.utc_ns(2 * LEAD_NS) == at(3.5)
    assert span.media_ns(at(5)) == (2 * LEAD_NS + round(1.5 * S),)


def test_files_of_one_run_follow_each_other_without_a_break() -> None:
    span = planned([bare_segment(10, number=2), bare_segment(0, number=1)], 0, 20)

    assert [part.media_ns // S for part in span.parts] == list(range(20))
    assert len(span.stretches) == 1
    assert span.stretches[0].duration_ns == 20 * S


def test_a_gap_takes_no_time_and_the_map_knows_of_it() -> None:
    span = planned([bare_segment(0), bare_segment(100, number=2)], 0, 200)

    assert span.duration_ns == 20 * S
    assert [(each.why, each.skipped_ns) for each in span.stretches] == [("start", 0), ("gap", 90 * S)]
    assert span.utc_ns(9 * S) == at(9)
    assert span.utc_ns(10 * S) == at(100)
    assert span.media_ns(at(50)) == ()
    assert span.media_ns(at(105)) == (15 * S,)


def test_a_restart_is_a_new_run_from_stream_time_0() -> None:
    span = planned([bare_segment(0), bare_segment(10.2, number=2, run=2, stream_s=0)], 0, 30)

    assert [each.why for each in span.stretches] == ["start", "run"]
    assert [part.media_ns // S for part in span.parts] == list(range(20))
    assert not span.parts[10].follows


def test_packets_missing_for_less_than_a_blink_keep_their_time() -> None:
    late = bare_segment(10.3, number=2)
    assert planned([bare_segment(0), late], 0, 30).parts[10].media_ns == round(10.3 * S)


def test_overlapping_runs_are_shown_once() -> None:
    first, second = bare_segment(0), bare_segment(4.5, number=2, run=2, stream_s=0)
    span = planned([second, first], 0, 30)

    assert shown(span) == [(1, float(i)) for i in range(10)] + [(2, 10.0), *((2, 10.5 + i) for i in range(4))]
    assert span.duration_ns == round(14.5 * S) + LEAD_NS * 2
    assert [(each.run, each.end_utc_ns - each.start_utc_ns) for each in span.hidden] == [(2, round(5.5 * S))]
    other = planned([second, first], 0, 30, run=2)
    assert shown(other) == [(2, 4.5 + i) for i in range(10)]
    assert not other.hidden


def test_a_run_within_another_is_hidden_whole() -> None:
    inner = bare_segment(3, 4, number=2, run=2)
    span = planned([bare_segment(0), inner], 0, 30)
    assert {number for number, _ in shown(span)} == {1}
    assert [(each.start_utc_ns, each.end_utc_ns) for each in span.hidden] == [(at(3), at(7))]


def test_three_runs_hand_over_to_each_other() -> None:
    runs = [bare_segment(start, number=number, run=number) for number, start in ((1, 0), (2, 6), (3, 8))]
    span = planned(runs, 0, 30)
    moments = [second for _, second in shown(span)]
    assert moments == sorted(moments)
    assert sum(part.to_ns - part.from_ns for part in span.parts) == 18 * S


def test_both_footages_are_shown_when_the_clock_is_set_back_within_a_run() -> None:
    # 16:00:00..05, then 15:59:58 again.
    span = planned([bare_segment(0, steps={5: -7.0})], -2, 5)

    assert [second for _, second in shown(span)] == [0, 1, 2, 3, 4, -2, -1, 0, 1, 2]
    assert [(each.why, each.skipped_ns) for each in span.stretches] == [("start", 0), ("clock", -7 * S)]
    assert len(span.media_ns(at(1))) == 2
    assert span.duration_ns == 10 * S


def test_footage_after_a_step_is_led_in_by_what_was_captured_before_it() -> None:
    span = planned([bare_segment(HOUR, steps={5: -float(HOUR)})], 0, 10)

    assert [second for _, second in shown(span)] == [5, 6, 7, 8, 9]
    lead = span.parts[0]
    assert lead.fragment.key
    assert lead.from_ns == lead.to_ns == S
    assert span.utc_ns(lead.duration_ns) == at(5)


def test_a_clock_set_back_between_files_of_a_run_hides_nothing() -> None:
    span = planned([bare_segment(HOUR), bare_segment(0, number=2, stream_s=HOUR + 10)], 0, 2 * HOUR)
    assert [number for number, _ in shown(span)] == [1] * 10 + [2] * 10
    assert not span.hidden


def test_a_clock_set_forward_makes_no_gap() -> None:
    span = planned([bare_segment(0, steps={4: float(HOUR)})], 0, 2 * HOUR)
    assert span.duration_ns == 10 * S
    assert [(each.why, each.skipped_ns) for each in span.stretches] == [("start", 0), ("clock", HOUR * S)]


def test_a_slewed_clock_is_followed() -> None:
    span = planned([bare_segment(0, steps=dict.fromkeys(range(1, 10), 0.01))], 0, 30)
    for part in span.parts:
        utc_ns = span.utc_ns(part.media_ns)
        assert utc_ns is not None
        assert abs(utc_ns - part.fragment.utc_ns) <= DRIFT_NS


def test_another_size_is_a_break_and_another_codec_the_end() -> None:
    larger = replace(bare_segment(10, number=2), codec=Codec("h264", b"\x00\x00\x00\x01\x67\x64", 256, 192))
    other = bare_segment(20, number=3, codec=Codec("hevc", b"\x00\x00\x00\x01\x40", 256, 192))
    span = planned([bare_segment(0), larger, other], 0, 30)

    assert [each.why for each in span.stretches] == ["start", "codec"]
    assert span.duration_ns == 20 * S
    assert span.continues_utc_ns == at(20)
    assert planned([bare_segment(0), larger, other], 20, 30).continues_utc_ns is None


def test_a_hole_in_a_file_is_skipped_to_the_next_keyframe() -> None:
    whole = bare_segment(0)
    holed = replace(whole, fragments=whole.fragments[:4] + whole.fragments[5:])
    span = planned([holed], 0, 10)
    assert [second for _, second in shown(span)] == [0, 1, 2, 3, 6, 7, 8, 9]
    assert [second for _, second in shown(planned([holed], 5.5, 10))] == [6, 7, 8, 9]


def test_the_same_file_twice_is_shown_once() -> None:
    whole = bare_segment(0)
    growing = replace(whole, fragments=whole.fragments[:3])
    again = replace(whole, id=9)
    assert len(planned([growing, whole, again], 0, 10).parts) == 10


def test_the_night_the_clocks_go_back_has_25_hours() -> None:
    zone = ZoneInfo("Europe/Berlin")
    midnight = datetime(2026, 10, 25, tzinfo=zone)
    following = datetime(2026, 10, 26, tzinfo=zone)
    start, end = (round(moment.timestamp()) for moment in (midnight, following))
    offset = start - START_NS // S
    span = plan([bare_segment(offset, end - start + 100, group=60)], start * S, end * S)

    assert span.duration_ns == 25 * HOUR * S
    assert len(span.stretches) == 1
    twice = [midnight.replace(hour=2, minute=30, fold=fold) for fold in (0, 1)]
    first, second = (span.media_ns(round(moment.timestamp()) * S)[0] for moment in twice)
    assert second - first == HOUR * S
    spring = datetime(2026, 3, 29, tzinfo=zone)
    begun, over = spring.timestamp(), (spring + timedelta(days=1)).timestamp()
    assert over - begun == 23 * HOUR


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 60), st.integers(1, 8), st.integers(1, 3), st.dictionaries(st.integers(1, 7), st.floats(-9, 9))
        ),
        min_size=1,
        max_size=6,
    ),
    st.floats(0, 80),
    st.floats(0.05, 80),
)
def test_any_footage_gives_a_span_that_can_be_decoded(
    made: list[tuple[float, int, int, dict[int, float]]], start: float, length: float
) -> None:
    segments = [
        bare_segment(utc_s, count, number=number, run=run, group=3, steps=steps)
        for number, (utc_s, count, run, steps) in enumerate(made)
    ]
    span = planned(segments, start, start + length)

    cursor = 0
    for before, part in zip([None, *span.parts], span.parts, strict=False):
        assert part.media_ns >= cursor
        assert 0 <= part.from_ns <= part.to_ns <= part.fragment.duration_ns
        goes_on = before is not None and before.fragment.offset + before.fragment.size == part.fragment.offset
        whole = before is not None and before.to_ns == before.fragment.duration_ns
        assert part.fragment.key or (before is not None and goes_on and whole and before.segment is part.segment)
        cursor = part.media_ns + part.duration_ns
    for part in span.parts:
        if part.to_ns > part.from_ns:
            assert at(start) <= part.shown_utc_ns + LEAD_NS
            assert part.fragment.utc_ns + part.to_ns <= at(start + length) + LEAD_NS
