"""Broken paths that are one, and those that are not."""

from __future__ import annotations

import numpy as np
import pytest

from fakes import instant, people
from vedette.analytics.stitching import Ends, stitch
from vedette.analytics.tracking import Tracker, TrackerOptions
from vedette.model.detections import Ints
from vedette.model.time import NS_PER_S


def end(t: float, x: float, speed: float, *, y: float = 0.5, height: float = 0.2, group: int = 1) -> Ends:
    return Ends(
        np.array([round(t * NS_PER_S)]),
        np.array([[x, y, 0.4 * height, height]]),
        np.array([[speed, 0.0]]),
        np.array([group]),
    )


def pairs(old: Ends, new: Ends, longest_s: float = 3.0) -> list[tuple[int, int]]:
    rows: tuple[Ints, Ints] = stitch(old, new, longest_s)
    return list(zip(rows[0].tolist(), rows[1].tolist(), strict=True))


def test_a_path_that_goes_on_where_it_should_is_one() -> None:
    assert pairs(end(1.0, 0.2, 0.1), end(3.0, 0.41, 0.1)) == [(0, 0)]


@pytest.mark.parametrize(
    "new",
    [
        end(4.1, 0.5, 0.1),  # after more than three seconds
        end(0.9, 0.2, 0.1),  # before the other ended
        end(3.0, 0.2, -0.1),  # coming the other way
        end(3.0, 0.8, 0.1),  # too far on
        end(3.0, 0.41, 0.1, height=0.35),  # another size
        end(3.0, 0.41, 0.1, group=2),  # another kind
        end(3.0, 0.41, 0.1, y=0.9),
    ],
)
def test_what_does_not_fit_stays_apart(new: Ends) -> None:
    assert pairs(end(1.0, 0.2, 0.1), new) == []


def test_each_end_has_one_partner_the_nearest() -> None:
    old = Ends(*(np.concatenate(c) for c in zip(*map(_columns, (end(1.0, 0.2, 0.1), end(1.0, 0.3, 0.1))), strict=True)))
    new = Ends(*(np.concatenate(c) for c in zip(*map(_columns, (end(2.0, 0.4, 0.1), end(2.0, 0.3, 0.1))), strict=True)))
    assert pairs(old, new) == [(0, 1), (1, 0)]


def _columns(ends: Ends) -> tuple[object, ...]:
    return ends.at_ns, ends.z, ends.speed, ends.group


def _broken_walk(options: TrackerOptions) -> list[tuple[int, int, list[int]]]:
    """A walker who is hidden for 1.6 s and goes on a little faster, beyond where a lost track is looked for."""
    tracker = Tracker(options)
    rows = []
    for k in range(60):
        t = k / 10
        x = 0.1 + 0.10 * t if t < 2.0 else 0.1 + 0.10 * 2.0 + 0.115 * (t - 2.0)
        hidden = 2.0 <= t < 3.6
        box = (x - 0.012, 0.45, x + 0.012, 0.55)
        tracks = tracker.update(people(*[] if hidden else [box]), instant(t))
        rows += [
            (i, c, tracks.ended.tolist())
            for i, c, s in zip(tracks.id.tolist(), tracks.continues.tolist(), tracks.seen.tolist(), strict=True)
            if s
        ]
    return rows


def test_a_newborn_takes_up_a_lost_track_which_then_ends() -> None:
    rows = _broken_walk(TrackerOptions(max_growth=0.0))
    assert {row[0] for row in rows} == {1, 2}
    handed = [row for row in rows if row[1]]
    assert handed[0][2] == [1]
    assert {row[:2] for row in handed} == {(2, 1)}
    assert handed == rows[-len(handed) :]


def test_stitching_can_be_switched_off() -> None:
    rows = _broken_walk(TrackerOptions(max_growth=0.0, stitch_s=0.0))
    assert {row[1] for row in rows} == {0}


def test_one_who_stands_does_not_become_one_who_comes_in_from_elsewhere() -> None:
    tracker = Tracker()
    for k in range(10):
        tracker.update(people((0.5, 0.4, 0.54, 0.6)), instant(k / 10))
    for k in range(10, 40):
        x = 0.05 + 0.1 * (k / 10 - 1.0)
        tracks = tracker.update(people((x, 0.4, x + 0.04, 0.6)), instant(k / 10))
    assert (tracks.continues == 0).all()
