from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scenes import FPS, Thing, along, events, rule, still
from vedette.analytics.rules.heat_map import HeatMapOptions

GRID = (4, 3)


def rows(*things: Thing, fps: float, **options: Any) -> Any:  # noqa: ANN401 - an array
    made = rule("heat_map", **{"grid": GRID, **options})
    assert events(made, *things, fps=fps) == []
    return np.array(made.values()["rows"])


@pytest.mark.parametrize("fps", FPS)
def test_seconds_are_where_the_feet_were(fps: float) -> None:
    grid = rows(Thing(path=still(0.6, 0.9), end=6), fps=fps)
    assert grid.shape == (3, 4)
    assert grid[2, 2] == pytest.approx(6.0, abs=1 / fps + 1e-3)
    assert grid.sum() == pytest.approx(grid[2, 2])


@pytest.mark.parametrize("fps", FPS)
def test_walk_is_spread_along_its_path(fps: float) -> None:
    walk = Thing(path=along((0, 0.0, 0.5), (2, 1.0, 0.5)), end=2, clipped=False)
    grid = rows(walk, fps=fps)
    assert grid[1] == pytest.approx([0.5] * 4, abs=0.5 / fps + 0.05)


@pytest.mark.parametrize("fps", FPS)
def test_visits_count_different_ones(fps: float) -> None:
    pacing = Thing(path=lambda t: (0.5 + 0.3 * np.sin(2 * t), 0.5), end=10, id=1)
    other = Thing(path=still(0.55, 0.5), end=5, id=2)
    assert rows(pacing, other, fps=fps, by="visits")[1].tolist() == [1, 1, 2, 1]


def test_dwell_is_seconds_a_head() -> None:
    people = [Thing(path=still(0.6, 0.9), end=end, id=end) for end in (2, 6)]
    assert rows(*people, fps=10, by="dwell")[2, 2] == pytest.approx(4.0, abs=0.1)


def test_past_before_confirmation_counts_and_others_do_not() -> None:
    assert rows(Thing(path=still(0.6, 0.9), end=3), fps=10, labels=("car",)).sum() == 0.0
    assert rows(Thing(path=still(0.6, 0.9), end=3), fps=10, min_age_s=2.0).sum() == pytest.approx(3.0, abs=0.01)
    assert rows(Thing(path=still(0.6, 0.9), end=1), fps=10, min_age_s=60.0).sum() == 0.0


def test_hidden_time_counts_where_seen_last_and_found_again() -> None:
    hidden = Thing(path=still(0.6, 0.9), end=6, unseen=lambda t: 2 < t < 4)
    assert rows(hidden, fps=10)[2, 2] == pytest.approx(6.0, abs=0.01)


@pytest.mark.parametrize("by", ["presence", "visits", "dwell"])
def test_hours_sum_to_the_whole(by: str) -> None:
    made = rule("heat_map", grid=GRID, by=by)
    events(made, Thing(path=still(0.6, 0.9), end=20), fps=5, start_utc_s=3600.0 * 100 - 10)
    values = made.values()
    first, second = values["hours"]
    assert first["start"] < second["start"]
    keys = ("seconds", "visits") if by == "dwell" else ("rows",)
    sums = {key: np.array(first[key]) + np.array(second[key]) for key in keys}
    whole = sums["seconds"] / np.maximum(sums["visits"], 1) if by == "dwell" else sums["rows"]
    assert whole == pytest.approx(np.array(values["rows"]), abs=0.002)
    assert values["grid"] == list(GRID)


def test_only_so_many_hours_are_kept_but_all_are_in_the_sum() -> None:
    made = rule("heat_map", grid=GRID, keep_hours=2)
    things = [Thing(path=still(0.6, 0.9), start=3600.0 * i, end=3600.0 * i + 2, id=i + 1) for i in range(4)]
    for thing in things:
        events(made, Thing(path=thing.path, end=2, id=thing.id), fps=5, start_utc_s=thing.start)
    assert len(made.values()["hours"]) == 2
    assert made.values()["rows"][2][2] == pytest.approx(8.0, abs=0.1)


def test_feet_below_the_picture_fall_into_its_last_row() -> None:
    assert rows(Thing(path=still(0.6, 1.2), end=3, clipped=False), fps=5)[2, 2] > 2.0


@pytest.mark.parametrize("options", [{"grid": (0, 4)}, {"grid": (4, 1000)}, {"keep_hours": 0}])
def test_grids_of_no_use_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"grid|keep_hours"):
        HeatMapOptions(id="h", **options)
