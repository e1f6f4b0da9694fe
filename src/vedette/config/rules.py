"""The rules of one camera: from plain values to plug-ins with their options."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from vedette.analytics.ruleset import check_references
from vedette.config.definition import rule_hash
from vedette.config.problems import Problem, from_pydantic, shortened
from vedette.config.reading import Place
from vedette.config.units import Units, in_fractions, look_like_pixels, point_keys
from vedette.model.errors import ConfigError
from vedette.model.labels import GROUPS, MOVER
from vedette.model.spec import Spec
from vedette.plugins import get, read_options, specs, suggestion


@dataclass(frozen=True, slots=True)
class RuleDefinition:
    """A rule as configured: its plug-in, its options, and the hash that its events carry."""

    spec: Spec
    options: Any
    hash: str

    @property
    def id(self) -> str:
        """Name of the rule, unique within its camera."""
        return str(self.options.id)


def options_or_problems(spec: Spec, given: Mapping[str, object], place: Place, problems: list[Problem]) -> Any | None:  # noqa: ANN401
    """`given` as the plug-in's options; None, and what is wrong added to `problems`, when they are not."""
    try:
        return read_options(spec, given)
    except ValidationError as error:
        problems.extend(from_pydantic(error, given, place, spec.options))
    except PydanticSerializationError as error:
        problems.append(Problem(place, f"holds something that is no plain value: {shortened(error, 120)}"))
    return None


class RuleReader:
    """Reads the rules of the block at `place` one after the other and collects what is wrong with them."""

    def __init__(
        self, units: Units, labels: Collection[str] | None, problems: list[Problem], place: Place = ()
    ) -> None:
        self._place = place
        self._units = units
        self._labels = labels
        self._problems = problems

    def read(self, given: Sequence[object]) -> tuple[RuleDefinition, ...]:
        """The rules that are sound; each of the others has left a problem."""
        sound: list[RuleDefinition] = []
        first: dict[str, int] = {}
        before = len(self._problems)
        for index, values in enumerate(given):
            place: Place = (*self._place, "rules", index)
            if not isinstance(values, Mapping):
                self._problems.append(Problem(place, f"must be a mapping of keys to values, not {shortened(values)}"))
                continue
            name = values.get("id")
            if isinstance(name, str) and first.setdefault(name, index) != index:
                taken = f"the id '{shortened(name)}' is already taken by rules[{first[name]}]: every rule needs its own"
                self._problems.append(Problem(place, taken, "id"))
            rule = self._rule(dict(values), place)
            if rule is not None:
                sound.append(rule)
        if len(self._problems) == before:
            self._check_references(sound)
        return tuple(sound)

    def _check_references(self, rules: Sequence[RuleDefinition]) -> None:
        """Only where every rule is sound by itself: a reference to one that is not would be told as a second fault."""
        try:
            check_references([(rule.spec.name, rule.options) for rule in rules])
        except ConfigError as error:
            text = str(error)
            named = (index for index, rule in enumerate(rules) if text.startswith(f"rule '{rule.id}' "))
            index = next(named, None)
            there: Place = (*self._place, "rules")
            self._problems.append(Problem(there if index is None else (*there, index), text))

    def _rule(self, values: dict[str, object], place: Place) -> RuleDefinition | None:
        spec = self._spec(values, place)
        units = self._own_units(values, place)
        if spec is None or units is None:
            return None
        own = {key: value for key, value in values.items() if key not in ("type", "units", "frame")}
        keys = point_keys(spec.options)
        wrong_units = [key for key in keys if units.units == "fraction" and look_like_pixels(own.get(key))]
        for key in wrong_units:
            text = (
                "coordinates are fractions of the picture, 0 to 1; for pixels add units: px and frame: [width, height]"
            )
            self._problems.append(Problem((*place, key), text))
        options = options_or_problems(spec, in_fractions(own, keys, units), place, self._problems)
        if options is None or wrong_units:
            return None
        self._check_labels(options, place)
        return RuleDefinition(spec, options, rule_hash(options, spec.name))

    def _spec(self, values: Mapping[str, object], place: Place) -> Spec | None:
        name = values.get("type")
        if "type" not in values:
            text = f"'type' is missing: it is one of {', '.join(specs('rules'))}"
            self._problems.append(Problem(place, text))
        elif not isinstance(name, str):
            self._problems.append(Problem((*place, "type"), f"must be text, not {shortened(name)}"))
        else:
            try:
                return get("rules", name)
            except ConfigError as error:
                self._problems.append(Problem(place, str(error), "type"))
        return None

    def _own_units(self, values: Mapping[str, object], place: Place) -> Units | None:
        own = {key: values[key] for key in ("units", "frame") if key in values}
        if not own:
            return self._units
        around = {"units": self._units.units, "frame": self._units.frame}
        spec = Spec("units", Units, Units)
        units: Units | None = options_or_problems(spec, {**around, **own}, place, self._problems)
        return units

    def _check_labels(self, options: Any, place: Place) -> None:  # noqa: ANN401 - each plug-in has its own type
        if self._labels is None:
            return
        known = {*self._labels, *GROUPS, MOVER}
        for index, label in enumerate(getattr(options, "labels", ())):
            if label not in known:
                near = suggestion(label, known) or f": known are {_some([*GROUPS, *self._labels])}"
                text = f"unknown label '{shortened(label)}'{near}"
                self._problems.append(Problem((*place, "labels", index), text))


def _some(names: Sequence[str], most: int = 12) -> str:
    """The first of `names`, and how many there are when that is not all."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
