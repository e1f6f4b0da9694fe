from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from scenes import FPS, rule
from vedette.model.events import RuleEvent
from vedette.model.observations import Fact, Observations, Subjects
from vedette.model.time import NS_PER_S, Instant

Facts = Callable[[float], Sequence[str]]


def said(facts: Facts, seconds: float = 30.0, fps: float = 10.0, **options: Any) -> list[tuple[str, float, float]]:
    """Kind, beginning and when it was known, of each event."""
    made = rule("tamper", **options)
    found: list[RuleEvent] = []
    for number in range(round(seconds * fps)):
        t = number / fps
        at = Instant(round(t * NS_PER_S), round((1000 + t) * NS_PER_S))
        found += made.update(Observations(at, number, 1.0, Subjects.none(), tuple(Fact(kind, at) for kind in facts(t))))
    return [(event.kind, event.at.stream_s, event.known_at.stream_s) for event in found]


def during(kind: str, start: float, end: float) -> Facts:
    return lambda t: [kind] if start <= t < end else []


@pytest.mark.parametrize("fps", [0.5, *FPS])
def test_what_lasts_is_said_with_its_beginning_and_its_end(fps: float) -> None:
    found = said(during("covered", 6.0, 16.0), fps=fps)
    assert [kind for kind, *_ in found] == ["covered", "restored"]
    (_, began, known), (_, over, _) = found
    assert began == pytest.approx(6.0, abs=1 / fps)
    assert known == pytest.approx(9.0, abs=2 / fps)
    assert over == pytest.approx(16.0, abs=1 / fps)


@pytest.mark.parametrize("kind", ["covered", "defocused", "moved", "dark", "frozen", "signal_lost"])
def test_every_kind_is_said(kind: str) -> None:
    assert [event[0] for event in said(during(kind, 5.0, 10.0))] == [kind, "restored"]


def test_what_does_not_last_is_not_said() -> None:
    assert said(lambda t: ["covered"] if t % 4.0 < 2.5 else []) == []
    assert [kind for kind, *_ in said(during("covered", 5.0, 7.0), for_s=1.5)] == ["covered", "restored"]


def test_a_moment_without_it_is_no_end() -> None:
    assert [k for k, *_ in said(lambda t: ["covered"] if t > 5.0 and t % 4.0 > 0.5 else [])] == ["covered"]


def test_only_what_was_asked_for() -> None:
    assert said(during("dark", 5.0, 15.0), kinds=("covered",)) == []


def test_other_facts_are_none_of_its_business() -> None:
    assert said(during("heard", 5.0, 15.0)) == []


def test_one_thing_after_the_other_is_restored_once() -> None:
    found = said(lambda t: ["covered"] if 5 <= t < 12 else ["moved"] if 12 <= t < 20 else [])
    assert [kind for kind, *_ in found] == ["covered", "moved", "restored"]
    assert found[-1][1] == pytest.approx(20.0, abs=0.11)


def test_it_is_said_again_when_it_happens_again_meanwhile() -> None:
    found = said(lambda t: (["moved"] if t >= 4 else []) + (["covered"] if 8 <= t < 13 or 20 <= t < 25 else []))
    assert [kind for kind, *_ in found] == ["moved", "covered", "covered"]


def test_what_begins_while_the_other_ends_is_not_restored_in_between() -> None:
    found = said(lambda t: ["covered"] if 5 <= t < 12 else ["dark"] if 14 <= t < 15.5 else [])
    assert [kind for kind, *_ in found] == ["covered", "restored"]
    assert found[-1][2] >= 15.4


def test_a_lost_signal_tells_nothing_of_the_picture() -> None:
    found = said(lambda t: ["covered"] if t < 8 or 20 <= t < 22 else ["signal_lost"] if t < 20 else [])
    assert [kind for kind, *_ in found] == ["covered", "signal_lost", "restored"]


def test_present_state_can_be_asked() -> None:
    made = rule("tamper", for_s=0.0)
    at = Instant(0, 0)
    made.update(Observations(at, 0, 1.0, Subjects.none(), (Fact("moved", at), Fact("dark", at))))
    assert made.values() == {"now": ["moved", "dark"]}


@pytest.mark.parametrize(("option", "value"), [("for_s", -1.0), ("kinds", ())])
def test_options_are_checked(option: str, value: Any) -> None:  # noqa: ANN401 - whatever is wrong
    with pytest.raises(ValueError, match=option):
        rule("tamper", **{option: value})
