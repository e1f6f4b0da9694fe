"""Count error and event F1 on cases small enough to score by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks import scoring
from benchmarks.scoring import Crossing, Score, TruthLine


def line(*crossings: tuple[str, float] | tuple[str, float, float]) -> TruthLine:
    happened = tuple(Crossing(str(way), float(times[0]), float(times[-1])) for way, *times in crossings)
    return TruthLine("clip", "gate", ((0.5, 0.0), (0.5, 1.0)), ("person",), "oblique", happened)


def test_a_perfect_answer() -> None:
    found = scoring.score(line(("forward", 1.0), ("backward", 2.0)), [("backward", 2.1), ("forward", 0.9)])
    assert found == Score(crossings=2, miscounted=0, matched=2, found=2)
    assert found.count_error == 0.0
    assert found.f1 == 1.0


def test_a_second_off_is_right_and_more_is_not() -> None:
    truth = line(("forward", 10.0))
    assert scoring.score(truth, [("forward", 11.0)]).matched == 1
    assert scoring.score(truth, [("forward", 9.0)]).matched == 1
    late = scoring.score(truth, [("forward", 11.05)])
    assert (late.matched, late.miscounted) == (0, 0)


def test_the_other_direction_is_two_errors_of_counting() -> None:
    found = scoring.score(line(("forward", 1.0)), [("backward", 1.0)])
    assert found == Score(crossings=1, miscounted=2, matched=0, found=1)
    assert found.f1 == 0.0


def test_errors_of_the_two_directions_do_not_cancel() -> None:
    truth = line(("forward", 1.0), ("forward", 5.0), ("backward", 9.0))
    assert scoring.score(truth, [("forward", 1.0), ("backward", 9.0), ("backward", 9.5)]).miscounted == 2


def test_of_a_double_only_one_is_right() -> None:
    found = scoring.score(line(("forward", 1.0)), [("forward", 0.9), ("forward", 1.1)])
    assert found == Score(crossings=1, miscounted=1, matched=1, found=2)
    assert found.f1 == pytest.approx(2 / 3)


def test_an_interval_is_held_against_its_nearest_end() -> None:
    truth = line(("forward", 5.0, 7.0))
    for t_s in (4.0, 5.5, 6.0, 8.0):
        assert scoring.score(truth, [("forward", t_s)]).matched == 1
    for t_s in (3.9, 8.1):
        assert scoring.score(truth, [("forward", t_s)]).matched == 0


def test_matching_is_as_complete_as_it_can_be() -> None:
    # The nearest partner of the first crossing is the only one that the second can have.
    truth = line(("forward", 10.0), ("forward", 11.0))
    assert scoring.score(truth, [("forward", 10.1), ("forward", 9.3)]).matched == 2
    assert scoring.score(truth, [("forward", 9.3), ("forward", 10.1)]).matched == 2


def test_pairs_make_room_for_each_other() -> None:
    assert scoring.pairs([[0, 1], [0], [1, 2]]) == {0: 1, 1: 0, 2: 2}
    assert len(scoring.pairs([[0], [0], []])) == 1


def test_differences_name_what_is_wrong() -> None:
    truth = line(("forward", 1.0), ("backward", 5.0))
    missed, surplus = scoring.differences(truth.crossings, [("forward", 1.2), ("forward", 5.0)])
    assert missed == [Crossing("backward", 5.0, 5.0)]
    assert surplus == [("forward", 5.0)]


def test_pooling_adds_up() -> None:
    one = scoring.score(line(("forward", 1.0)), [("forward", 1.0)])
    two = scoring.score(line(("forward", 1.0), ("forward", 2.0), ("forward", 3.0)), [])
    pooled = one + two
    assert pooled.count_error == pytest.approx(3 / 4)
    assert pooled.f1 == pytest.approx(2 * 1 / (4 + 1))


def test_nothing_expected_and_nothing_found_is_right() -> None:
    assert scoring.score(line(), []).f1 == 1.0
    assert scoring.score(line(), [("forward", 1.0)]).f1 == 0.0
    assert scoring.score(line(), [("forward", 1.0)]).miscounted == 1


@pytest.mark.parametrize(
    ("clip", "name", "forward", "backward"),
    [
        ("vtest.avi", "x=325", 18, 14),
        ("vtest.avi", "x=125", 6, 2),
        ("TUD-Campus.mp4", "x=300", 1, 4),
        ("TUD-Campus.mp4", "x=450", 0, 3),
        ("car-detection.mp4", "y=216", 2, 2),
        ("traffic_camera.mp4", "y=500", 25, 27),
    ],
)
def test_truth_is_read_in_our_directions(
    clip: str, name: str, forward: int, backward: int, footage: Callable[[str], Path]
) -> None:
    footage(f"video/{clip.rsplit('.', 1)[0]}.counts.json")
    # A top-to-bottom line's forward is right to left, a left-to-right line's is downwards.
    footage(f"video/{clip.rsplit('.', 1)[0]}.counts.json")
    (found,) = [line for line in scoring.lines_of(clip) if line.name == name]
    assert (found.count("forward"), found.count("backward")) == (forward, backward)
    assert all(c.first_s <= c.last_s for c in found.crossings)
