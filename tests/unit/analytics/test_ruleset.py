from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from scenes import SPECS, Thing, events, rule
from vedette.analytics.rules.count import CountOptions
from vedette.analytics.rules.line_crossing import LineCrossingOptions
from vedette.analytics.rules.occupancy import OccupancyOptions
from vedette.analytics.ruleset import RuleSet, check_references
from vedette.model.errors import ConfigError
from vedette.model.events import RuleEvent
from vedette.model.observations import Observations, Subjects
from vedette.model.time import Instant

LINE = ((0.5, 0.0), (0.5, 1.0))


def event(rule_id: str, at_ns: int) -> RuleEvent:
    return RuleEvent(rule_id, "", "happened", Instant(at_ns, at_ns), 0, Instant(at_ns, at_ns))


@dataclass
class Fake:
    """Says `says` (moments) at every update and one event, a nanosecond later, for each that it hears."""

    id: str
    follows: tuple[str, ...] = ()
    says: tuple[int, ...] = ()
    heard: list[tuple[str, int]] = field(default_factory=list)
    updates: int = 0

    def update(self, now: Observations) -> list[RuleEvent]:  # noqa: ARG002
        self.updates += 1
        return [event(self.id, at) for at in self.says]

    def hear(self, heard: RuleEvent) -> list[RuleEvent]:
        self.heard.append((heard.rule, heard.at.stream_ns))
        return [event(self.id, heard.at.stream_ns + 1)]

    def values(self) -> Mapping[str, object]:
        return {"updates": self.updates}


MOMENT = Observations(Instant(100, 100), 1, 1.0, Subjects.none())


def test_followers_hear_in_order_of_dependency_and_time() -> None:
    last, middle = Fake("last", ("middle", "first")), Fake("middle", ("first",))
    rules = RuleSet([last, middle, Fake("first", says=(50, 10))])
    found = rules.update(MOMENT)
    assert middle.heard == [("first", 10), ("first", 50)]
    assert last.heard == [("first", 10), ("middle", 11), ("first", 50), ("middle", 51)]
    assert [one.at.stream_ns for one in found] == sorted(one.at.stream_ns for one in found)
    assert len(found) == 2 + 2 + 4


def test_values_come_in_the_given_order() -> None:
    rules = RuleSet([Fake("b", ("a",)), Fake("a")])
    rules.update(MOMENT)
    assert list(rules.values().items()) == [("b", {"updates": 1}), ("a", {"updates": 1})]


def test_no_rules_at_all() -> None:
    assert RuleSet([]).update(MOMENT) == []


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([Fake("a"), Fake("a")], "two rules have the id 'a'"),
        ([Fake("gate"), Fake("c", ("gat",))], "'c' refers to 'gat', which does not exist: did you mean 'gate'"),
        ([Fake("gate"), Fake("c", ("xyz",))], "known are gate, c"),
        ([Fake("a", ("b",)), Fake("b", ("a",))], "circle: '[ab]' -> '[ab]' -> '[ab]'"),
        ([Fake("a", ("a",))], "circle: 'a' -> 'a'"),
    ],
)
def test_wrong_references_are_told_in_one_line(rules: list[Fake], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        RuleSet(rules)
    assert "\n" not in str(caught.value)


GATE = ("line_crossing", LineCrossingOptions(id="gate", line=LINE))
HEAT = ("heat_map", SPECS["heat_map"].options(id="heat"))


def test_references_between_options() -> None:
    check_references([("count", CountOptions(id="n", of=("gate",))), GATE, HEAT])
    check_references([("occupancy", OccupancyOptions(id="o", entrances={"gate": "forward"})), GATE])
    check_references([])


@pytest.mark.parametrize(
    ("definitions", "words"),
    [
        ([GATE, GATE], "two rules have the id 'gate'"),
        ([("count", CountOptions(id="n", of=("gate",)))], "'n' refers to 'gate', which does not exist"),
        (
            [HEAT, ("count", CountOptions(id="n", of=("heat",)))],
            "'heat', a heat_map rule: name a line_crossing or region",
        ),
        (
            [HEAT, ("occupancy", OccupancyOptions(id="o", entrances={"heat": "forward"}))],
            "'o' refers to 'heat', a heat_map rule: name a line_crossing rule",
        ),
        ([("count", CountOptions(id="n", of=("n",)))], "circle"),
    ],
)
def test_options_with_wrong_references_are_told(definitions: list[tuple[str, object]], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_references(definitions)


def test_counts_are_of_the_same_moment() -> None:
    """A total holds the events of the moment in which it is read."""
    total = rule("count")
    walk = Thing(path=lambda t: (0.2 + 0.15 * t, 0.5), end=4)
    found = events([total, rule("line_crossing"), rule("region")], walk, fps=10)
    assert total.values()["total"] == {"entered": 1, "backward": 1, "left": 1}
    assert [one.at for one in found] == sorted(one.at for one in found)
