from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.engine.supervisor import Backoff, Waits, keep_trying
from vedette.model.errors import OperationError, SourceDenied, SourceLost


class Chance(random.Random):
    """Chance that can be foretold."""


def steady(**more: float) -> Backoff:
    return Backoff(Waits(jitter=0.0, **more), Chance(1))  # type: ignore[arg-type]


def test_waits_grow_up_to_the_longest() -> None:
    backoff = steady(first_s=1.0, longest_s=30.0)
    assert [backoff.failed() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


def test_the_first_failures_may_cost_no_time() -> None:
    backoff = steady(at_once=1, first_s=1.0)
    assert [backoff.failed() for _ in range(3)] == [0, 1, 2]


def test_success_begins_anew() -> None:
    backoff = steady()
    backoff.failed()
    backoff.failed()
    backoff.well()
    assert backoff.failed() == 1.0


def test_a_refused_login_waits_long_from_the_first_time_on() -> None:
    assert steady().failed(denied=True) == 300.0


def test_years_of_failures_do_no_harm() -> None:
    backoff = steady()
    backoff.failures = 10**7
    assert backoff.failed() == 30.0


@given(st.integers(), st.integers(0, 100))
def test_chance_stays_within_its_share(seed: int, failures: int) -> None:
    backoff = Backoff(Waits(jitter=0.25), Chance(seed))
    backoff.failures = failures
    assert 0.75 <= backoff.failed() <= 30 * 1.25


def test_two_with_different_chance_do_not_wait_equally_long() -> None:
    assert Backoff(Waits(), Chance(1)).failed() != Backoff(Waits(), Chance(2)).failed()


@pytest.mark.parametrize("wrong", [{"first_s": 0.0}, {"first_s": 31.0}, {"factor": 0.5}, {"jitter": 1.0}])
def test_waits_that_shrink_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="waits"):
        Waits(**wrong)  # type: ignore[arg-type]


def test_keep_trying_tells_of_each_failure_until_it_is_done() -> None:
    outcomes: list[OperationError | bool] = [SourceLost("x"), False, SourceDenied("y"), True]
    told: list[tuple[str, float]] = []

    def attempt() -> bool:
        outcome = outcomes.pop(0)
        if isinstance(outcome, OperationError):
            raise outcome
        return outcome

    def failed(error: OperationError | None, wait_s: float) -> None:
        told.append((type(error).__name__, wait_s))

    assert keep_trying(attempt, steady(), lambda _: False, failed)
    assert told == [("SourceLost", 1.0), ("NoneType", 2.0), ("SourceDenied", 300.0)]


def test_keep_trying_ends_when_it_is_time_to_stop() -> None:
    waits: list[float] = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) == 3

    assert not keep_trying(lambda: False, steady(), wait, lambda _e, _s: None)
    assert waits == [1, 2, 4]


def test_faults_of_ours_are_not_tried_again() -> None:
    def attempt() -> bool:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        keep_trying(attempt, steady(), lambda _: False, lambda _e, _s: None)
