"""The rules of one camera together: each sees the moment, and those that follow others hear their events."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from vedette.model.errors import ConfigError
from vedette.model.events import RuleEvent
from vedette.model.observations import Observations
from vedette.model.ports import Rule


class RuleSet:
    """Runs rules so that a follower has heard the moment's events of those it follows before it sees the moment."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Raises ConfigError for duplicate ids, references to unknown rules, and rules that follow each other."""
        ids = [rule.id for rule in rules]
        follows = {rule.id: _followed(rule) for rule in rules}
        _check_ids(ids)
        order = _order(follows)
        by_id = {rule.id: rule for rule in rules}
        self._rules = tuple(rules)
        self._ordered: tuple[Any, ...] = tuple(by_id[rule] for rule in order)
        self._followers: dict[str, list[Any]] = {rule: [] for rule in ids}
        for rule in order:
            for other in follows[rule]:
                self._followers[other].append(by_id[rule])

    def update(self, now: Observations) -> list[RuleEvent]:
        """Events of all rules for this moment, in the order in which things happened."""
        events: list[RuleEvent] = []
        heard: dict[str, list[RuleEvent]] = {}
        for rule in self._ordered:
            said: list[RuleEvent] = []
            for event in sorted(heard.pop(rule.id, ()), key=_when):
                said.extend(rule.hear(event))
            said.extend(rule.update(now))
            if said:
                events.extend(said)
                for follower in self._followers[rule.id]:
                    heard.setdefault(follower.id, []).extend(said)
        return sorted(events, key=_when) if len(events) > 1 else events

    def values(self) -> dict[str, Mapping[str, object]]:
        """Figures of each rule by its id, in the order in which the rules were given."""
        return {rule.id: rule.values() for rule in self._rules}


def check_references(definitions: Sequence[tuple[str, Any]]) -> None:
    """Check what rules say of each other, before any is built.

    `definitions` are (name of the rule's type, its options). Raises ConfigError, one line, for an id that is used
    twice, a reference to a rule that is not there or of a type that does not fit, and rules that follow each other in
    a circle. Options say whom they follow by `follows`, ids, and of which types by `follows_types`.
    """
    types = {options.id: kind for kind, options in definitions}
    _check_ids([options.id for _, options in definitions])
    _order({options.id: _followed(options) for _, options in definitions})
    for _, options in definitions:
        fitting = getattr(options, "follows_types", None)
        for other in _followed(options):
            if fitting is not None and types[other] not in fitting:
                allowed = " or ".join(sorted(fitting))
                raise ConfigError(
                    f"rule '{options.id}' refers to '{other}', a {types[other]} rule: name a {allowed} rule"
                )


def _followed(thing: Any) -> tuple[str, ...]:  # noqa: ANN401 - a rule or its options
    return tuple(getattr(thing, "follows", ()))


def _check_ids(ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for rule in ids:
        if rule in seen:
            raise ConfigError(f"two rules have the id '{rule}': give each its own")
        seen.add(rule)


def _order(follows: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Rule ids so that each comes after those it follows, otherwise as given."""
    for rule, others in follows.items():
        for other in others:
            if other not in follows:
                near = difflib.get_close_matches(other, follows, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(follows)}"
                raise ConfigError(f"rule '{rule}' refers to '{other}', which does not exist: {hint}")
    try:
        return list(TopologicalSorter(follows).static_order())
    except CycleError as error:
        circle = " -> ".join(f"'{rule}'" for rule in reversed(error.args[1]))
        raise ConfigError(f"rules follow each other in a circle: {circle}") from error


def _when(event: RuleEvent) -> int:
    return event.at.stream_ns
