from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenes import FPS, Thing, along, events, rule, still
from vedette.analytics.rules.dwell import Durations

ABOUT_5 = along((0, 0.1, 0.5), (1, 0.4, 0.5), (1.5, 0.55, 0.5), (5.5, 0.55, 0.5), (6, 0.7, 0.5), (7, 0.95, 0.5))


@pytest.mark.parametrize("fps", FPS)
def test_length_of_a_visit(fps: float) -> None:
    made = rule("dwell")
    assert events(made, Thing(path=ABOUT_5, end=7), fps=fps) == []
    values = made.values()
    assert (values["n"], values["cut"], values["now"]) == (1, 0, 0)
    assert values["mean_s"] == pytest.approx(5.0, abs=1 / fps)
    assert values["quantiles"]["0.5"] == pytest.approx(5.0, abs=1 / fps + 0.1)


@pytest.mark.parametrize("fps", FPS)
def test_visit_that_began_or_ended_out_of_sight_is_called_cut(fps: float) -> None:
    made = rule("dwell")
    events(made, Thing(path=still(0.5, 0.5), end=4), fps=fps)
    values = made.values()
    assert (values["n"], values["cut"]) == (1, 1)
    assert values["mean_s"] == pytest.approx(4.0, abs=1 / fps)


@pytest.mark.parametrize(("grace", "visits"), [(0.0, 2), (3.0, 1)])
def test_short_absence_is_bridged_but_not_counted(grace: float, visits: int) -> None:
    stops = [
        (0, 0.1, 0.5),
        (1, 0.4, 0.5),
        (2, 0.55, 0.5),
        (5, 0.55, 0.5),
        (6, 0.35, 0.5),
        (7, 0.55, 0.5),
        (9, 0.95, 0.5),
    ]
    made = rule("dwell", grace_s=grace)
    events(made, Thing(path=along(*stops), end=9), fps=10)
    values = made.values()
    assert values["n"] == visits
    total = values["mean_s"] * values["n"]
    assert total == pytest.approx((5.75 - 1.0) + (7.75 - 6.25), abs=0.25)


def test_those_inside_now() -> None:
    made = rule("dwell", labels=("car",))
    events(made, Thing(path=still(0.5, 0.5), end=4), fps=5)
    assert made.values()["n"] == 0


@given(st.lists(st.floats(0.0, 5000.0), min_size=1, max_size=200))
def test_quantiles_are_those_of_the_sample_within_a_bin(lengths: list[float]) -> None:
    durations = Durations()
    for length in lengths:
        durations.add(length)
    for share in (0.1, 0.5, 0.9):
        low = float(np.quantile(lengths, share, method="inverted_cdf"))
        answer = durations.quantile(share)
        assert min(lengths) <= answer <= max(lengths)
        assert answer == pytest.approx(low, rel=0.021, abs=0.051)


def test_histogram_ends_with_the_longest() -> None:
    durations = Durations()
    for length in (0.5, 3.0, 3.5, 90000.0):
        durations.add(length)
    histogram = durations.to_json()["histogram"]
    assert isinstance(histogram, list)
    assert sum(row["n"] for row in histogram) == 4
    assert histogram[0] == {"from_s": 0, "to_s": 1, "n": 1}
    assert histogram[2] == {"from_s": 2, "to_s": 5, "n": 2}
    assert histogram[-1] == {"from_s": 86400, "to_s": None, "n": 1}


def test_empty_distribution() -> None:
    empty = Durations().to_json()
    assert empty == {"n": 0, "mean_s": None, "min_s": None, "max_s": None, "quantiles": {}, "histogram": []}
