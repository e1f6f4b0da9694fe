"""What is wrong with a configuration, worded for the person who wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Final, get_args, get_type_hints

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vedette.config.reading import Document, Place
from vedette.model.errors import ConfigError
from vedette.plugins import suggestion

_MISSING: Final = ("missing", "missing_argument", "missing_keyword_only_argument")
_UNKNOWN: Final = ("unexpected_keyword_argument", "extra_forbidden")
_WANTED: Final = {
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list, such as [a, b]",
    "list_type": "a list, such as [a, b]",
    "set_type": "a list, such as [a, b]",
    "frozen_set_type": "a list, such as [a, b]",
    "dict_type": "a mapping of keys to values",
    "dataclass_type": "a mapping of keys to values",
    "time_type": "a time of day, such as 18:30",
    "time_parsing": "a time of day, such as 18:30",
    "finite_number": "a finite number",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, the place that is shown for it, and the key below that place whose line is meant."""

    place: Place
    text: str
    key: str | None = None

    @property
    def at(self) -> Place:
        """The place whose line is told."""
        return self.place if self.key is None else (*self.place, self.key)


class InvalidConfig(ConfigError):
    """A configuration with one or more problems. Its text is the first of them and says how many follow.

    problems   all of them, one line each, in the order of the file
    """

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{name}: {problems[0]}{more}")
        self.problems = tuple(problems)


def worded(document: Document, problems: Iterable[Problem]) -> list[str]:
    """`problems` as lines such as `line 4: rules[0] 'gate': unknown key 'lables'; did you mean 'labels'?`."""
    placed = sorted(((document.line(problem.at) or 0, problem) for problem in problems), key=lambda pair: pair[0])
    return [
        ": ".join(
            part for part in (f"line {line}" if line else "", _path(document, problem.place), problem.text) if part
        )
        for line, problem in placed
    ]


def _path(document: Document, place: Place) -> str:
    at = place.index("rules") + 2 if "rules" in place[:-1] else 0
    if not at:
        return _joined(place)
    rule = _value_at(document.value, place[:at])
    name = rule.get("id") if isinstance(rule, Mapping) else None
    head = _joined(place[:at]) + (f" '{shortened(name)}'" if isinstance(name, str) else "")
    return f"{head}: {_joined(place[at:])}" if place[at:] else head


def _joined(place: Place) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def _value_at(value: object, place: Place) -> object:
    for part in place:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, Sequence) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def shortened(value: object, limit: int = 40) -> str:
    """`value` on one line and not longer than `limit`, for a message."""
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def unknown_key(place: Place, key: str, known: Iterable[str]) -> Problem:
    """A key that does not exist, with the nearest that does."""
    names = list(known)
    near = suggestion(key, names)
    hint = near.replace(" (", "; ").removesuffix(")") if near else f"; known are {', '.join(names)}"
    return Problem(place, f"unknown key '{shortened(key)}'{hint}", key)


def from_pydantic(error: ValidationError, given: object, place: Place, options: type[Any]) -> Iterator[Problem]:
    """Pydantic's findings about `given`, which stands at `place` and was read as an `options`."""
    wrong: dict[Place, list[str]] = {}
    for found in error.errors(include_url=False):
        inside = _real(found["loc"], given)
        if found["type"] in _UNKNOWN:
            yield unknown_key((*place, *inside[:-1]), str(inside[-1]), _keys(options, inside[:-1]))
        elif found["type"] in _MISSING:
            yield Problem((*place, *inside), _missing(found))
        else:
            texts = wrong.setdefault((*place, *inside), [])
            texts.append(_wrong(found))
    for at, texts in wrong.items():
        yield Problem(at, _either(texts))


def _real(loc: Sequence[str | int], given: object) -> Place:
    """`loc` as far as it leads into what was given: pydantic adds the members of unions, and keys that are missing."""
    inside: list[str | int] = []
    for part in loc:
        if isinstance(given, Mapping):
            there = part in given
        else:
            there = isinstance(given, list | tuple) and isinstance(part, int) and part < len(given)
        if not there:
            break
        given = given[part]  # type: ignore[index]
        inside.append(part)
    return tuple(inside)


def _missing(found: ErrorDetails) -> str:
    last = found["loc"][-1]
    if isinstance(last, int):
        return f"has too few values: {shortened(found['input'])}"
    return f"'{last}' is missing"


def _wrong(found: ErrorDetails) -> str:
    kind, given = found["type"], found["input"]
    if kind in ("value_error", "assertion_error"):
        return str(found.get("ctx", {}).get("error", found["msg"]))
    shown = repr(shortened(given)) if isinstance(given, str) else shortened(given)
    if kind == "too_long":
        return f"has too many values: {shown}"
    if kind == "literal_error":
        expected = found.get("ctx", {}).get("expected", "")
        near = suggestion(str(given), [word.strip("' ") for word in expected.replace(" or ", ",").split(",")])
        return f"must be {expected}, not {shown}{near}"
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {shown}"
    return f"{found['msg'][:1].lower()}{found['msg'][1:]}, not {shown}"


def _either(texts: list[str]) -> str:
    """Findings about one value as one: what a union's members each wanted is an alternative."""
    different = list(dict.fromkeys(texts))
    if len(different) == 1:
        return different[0]
    parts = [text.removeprefix("must be ").rpartition(", not ") for text in different]
    if all(text.startswith("must be ") for text in different) and all(wanted for wanted, _, _ in parts):
        return f"must be {' or '.join(wanted for wanted, _, _ in parts)}, not {parts[0][2]}"
    return "; ".join(different)


def _keys(options: type[Any], inside: Place) -> list[str]:
    """Keys that exist at `inside` of an `options`."""
    candidates = [options]
    for part in inside:
        if isinstance(part, str):
            hints = [get_type_hints(candidate).get(part) for candidate in candidates]
            candidates = [found for hint in hints for found in _dataclasses(hint)]
    return [entry.name for candidate in candidates for entry in fields(candidate) if entry.init]


def _dataclasses(hint: object) -> Iterator[type[Any]]:
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    for argument in get_args(hint):
        yield from _dataclasses(argument)
