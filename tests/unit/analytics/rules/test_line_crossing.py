from __future__ import annotations

import pytest

from scenes import FPS, Film, Thing, along, events, kinds, rule, told

BENT = ((0.3, 0.0), (0.3, 0.5), (0.8, 0.5))
WALK = Thing(path=lambda t: (0.2 + 0.15 * t, 0.5), end=4)


def test_forward_is_left_to_right_of_somebody_who_looks_along() -> None:
    downwards, upwards = ((0.5, 0.0), (0.5, 1.0)), ((0.5, 1.0), (0.5, 0.0))
    rightwards = ((0.0, 0.5), (1.0, 0.5))
    to_the_right = WALK
    down = Thing(path=lambda t: (0.5, 0.3 + 0.15 * t), end=4)
    assert kinds(events(rule("line_crossing", line=downwards), to_the_right, fps=10)) == ["backward"]
    assert kinds(events(rule("line_crossing", line=upwards), to_the_right, fps=10)) == ["forward"]
    assert kinds(events(rule("line_crossing", line=rightwards), down, fps=10)) == ["forward"]


def test_event_says_what_happened() -> None:
    (event,) = events(rule("line_crossing", names={"backward": "in"}), WALK, fps=10, aspect=16 / 9)
    assert (event.rule, event.rule_hash, event.kind) == ("line_crossing", "abc", "crossed")
    assert (event.direction, event.direction_name) == ("backward", "in")
    assert (event.track, event.label, event.frame) == (7, "person", 20)
    assert event.score == pytest.approx(0.8, abs=0.02)
    assert event.anchor == pytest.approx((0.5, 0.5), abs=0.01)
    assert event.known_at >= event.at
    times = [t for t, _, _ in event.trace]
    assert times == sorted(times)
    assert 0.5 <= times[-1] - times[0] <= 1.0
    assert times[-1] <= event.at.stream_s


@pytest.mark.parametrize("fps", FPS)
@pytest.mark.parametrize(
    ("path", "truth"),
    [
        (along((0, 0.5, 0.2), (2, 0.5, 0.8)), [("forward", 1.0)]),
        (along((0, 0.5, 0.3), (2, 0.1, 0.7)), [("forward", 1.0)]),
        (along((0, 0.1, 0.3), (1, 0.5, 0.3), (2, 0.5, 0.7)), [("backward", 0.5), ("forward", 1.5)]),
        (along((0, 0.1, 0.3), (1, 0.1, 0.7), (2, 0.5, 0.7), (3, 0.7, 0.7)), []),
    ],
    ids=["below", "corner", "through both", "outside"],
)
def test_bent_line(path: object, truth: list[tuple[str, float]], fps: float) -> None:
    found = told(events(rule("line_crossing", line=BENT), Thing(path=path, end=3), fps=fps))  # type: ignore[arg-type]
    assert [kind for kind, _ in found] == [kind for kind, _ in truth]
    assert [at for _, at in found] == pytest.approx([at for _, at in truth], abs=1 / fps)


@pytest.mark.parametrize("fps", FPS)
def test_born_on_the_line_is_on_no_side(fps: float) -> None:
    born_on = Thing(path=along((0, 0.5, 0.5), (2, 0.5, 0.5), (3, 0.8, 0.5)), end=3)
    assert events(rule("line_crossing"), born_on, fps=fps) == []


@pytest.mark.parametrize("fps", FPS)
def test_head_may_leave_the_picture_before_the_feet_cross(fps: float) -> None:
    up_and_out = Thing(path=along((0, 0.5, 0.5), (4, 0.5, 0.02)), end=4)
    found = told(events(rule("line_crossing", line=((0.0, 0.12), (1.0, 0.12))), up_and_out, fps=fps))
    assert [kind for kind, _ in found] == ["backward"]
    assert found[0][1] == pytest.approx(0.38 / 0.12, abs=1 / fps)


def test_crossing_between_frames_lies_between_them() -> None:
    (event,) = events(rule("line_crossing"), WALK, fps=3, phase=0.1)
    assert event.at.stream_s == pytest.approx(2.0, abs=0.02)


@pytest.mark.parametrize("step", [0.3, 0.6], ids=["half", "more"])
def test_last_step_over_the_line_counts_if_long_and_credible(step: float) -> None:
    def film(before: float) -> list[str]:
        path = along((0.0, 0.45 - before, 0.5), (0.2, 0.45, 0.5), (0.4, 0.45 + step, 0.5))
        return kinds(events(rule("line_crossing"), Thing(path=path, end=0.4), fps=5))

    assert film(before=step) == ["backward"]
    assert film(before=0.0) == []
    assert film(before=-step) == []


def test_one_count_per_direction_until_it_has_come_back() -> None:
    hesitating = along(
        (0, 0.3, 0.5), (1, 0.6, 0.5), (2, 0.505, 0.5), (3, 0.6, 0.5), (4, 0.495, 0.5), (5, 0.7, 0.5), (6, 0.7, 0.5)
    )
    assert kinds(events(rule("line_crossing"), Thing(path=hesitating, end=6), fps=10)) == ["backward"]


def test_square_of_a_wide_picture_is_used_for_the_band() -> None:
    """A band of 0.1 heights is 0.02 of the height, so 0.01125 of the width of a 16:9 picture."""
    to_the_edge = along((0, 0.3, 0.5), (2, 0.515, 0.5), (3, 0.515, 0.5))
    assert events(rule("line_crossing"), Thing(path=to_the_edge, end=3), fps=10, aspect=1.0) == []
    assert len(events(rule("line_crossing"), Thing(path=to_the_edge, end=3), fps=10, aspect=16 / 9)) == 1


@pytest.mark.parametrize("line", [((0.5, 0.5), (0.5, 0.5)), ((0.5, 0.5),), ()])
def test_line_without_length_is_refused(line: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="a line needs"):
        rule("line_crossing", line=line)


@pytest.mark.parametrize("offset", [0.0, 1e-12, -1e-12])
def test_anchor_exactly_on_the_line_has_an_answer(offset: float) -> None:
    """It stands on the line for a second, then goes on, or back."""
    on = along((0, 0.3, 0.5), (1, 0.5 + offset, 0.5), (2, 0.5 + offset, 0.5), (3, 0.7, 0.5))
    back = along((0, 0.3, 0.5), (1, 0.5 + offset, 0.5), (2, 0.5 + offset, 0.5), (3, 0.3, 0.5))
    assert kinds(events(rule("line_crossing"), Thing(path=on, end=3.5), fps=10)) == ["backward"]
    assert events(rule("line_crossing"), Thing(path=back, end=3.5), fps=10) == []


def test_well_known_library_counts_flicker_and_we_do_not() -> None:
    supervision = pytest.importorskip("supervision")
    flicker = Thing(path=lambda t: (0.3, 0.5), end=6, flickers=dict.fromkeys((1.0, 3.0, 5.0), (0.7, 0.5)))  # noqa: ARG005
    zone = supervision.LineZone(
        supervision.Point(500, 0), supervision.Point(500, 1000), triggering_anchors=[supervision.Position.BOTTOM_CENTER]
    )
    for tracks, _, _ in Film([flicker], 5).tracks():
        seen = tracks.seen
        if seen.any():
            zone.trigger(supervision.Detections(xyxy=tracks.box[seen] * 1000, tracker_id=tracks.id[seen]))
    assert zone.in_count + zone.out_count > 0
    assert events(rule("line_crossing"), flicker, fps=5) == []
