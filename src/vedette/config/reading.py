"""YAML as plain values, each with the line it stands on.

Files come from anybody, so what is read is limited: no tags, a size, a number of values (an alias counts as often as it
is used, which defuses bombs), a depth. Plain scalars are those of YAML's 1.2 core schema: `no` and `on` are text, and
`12:30` is no number of base 60.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

import yaml

from vedette.model.errors import ConfigError

MAX_BYTES: Final = 1_000_000
MAX_VALUES: Final = 20_000
MAX_ALIASES: Final = 50
MAX_DEPTH: Final = 32

Place = tuple[str | int, ...]
"""Keys and indices from the top of a document to a value."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds.

    value   mappings with text keys, lists, text, numbers, booleans and None
    lines   where in the file a place begins, counted from 1; empty when there is no file
    """

    name: str
    value: object
    lines: Mapping[Place, int] = field(default_factory=lambda: MappingProxyType({}))

    def line(self, place: Place) -> int | None:
        """Line of `place`, or of the nearest thing around it that has one."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)


class _Loader(yaml.SafeLoader):
    """The safe loader without YAML 1.1's surprises in plain scalars."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), _first)


def read(path: Path) -> Document:
    """The YAML file at `path`. Raises ConfigError with the line where it is not what is allowed."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path}: is larger than {MAX_BYTES // 1_000_000} MB, which no configuration needs")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not text in UTF-8; is it a YAML file?") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Document:
    """The YAML document in `text`; `name` stands in messages. Raises ConfigError."""
    try:
        _refuse_excess(text, name)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise ConfigError(f"{name}: {where}not valid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from error
    if node is None:
        raise ConfigError(f"{name}: is empty")
    builder = _Builder(name)
    value = builder.build(node, ())
    return Document(name, value, MappingProxyType(builder.lines))


def _refuse_excess(text: str, name: str) -> None:
    depth = aliases = values = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.NodeEvent):
            values += 1
            aliases += isinstance(event, yaml.AliasEvent)
        if isinstance(event, yaml.CollectionStartEvent | yaml.ScalarEvent) and event.tag is not None:
            raise ConfigError(f"{name}: line {line}: the tag {event.tag!r} is not allowed here: write the plain value")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ConfigError(f"{name}: line {line}: nested deeper than {MAX_DEPTH} levels")
        if aliases > MAX_ALIASES:
            raise ConfigError(f"{name}: line {line}: more than {MAX_ALIASES} aliases (*name)")
        if values > MAX_VALUES:
            raise ConfigError(f"{name}: line {line}: more than {MAX_VALUES} values")


class _Builder:
    """Nodes to plain values, remembering lines."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values = 0
        self.lines: dict[Place, int] = {}

    def build(self, node: yaml.Node, place: Place) -> object:
        self._values += 1
        if self._values > MAX_VALUES:
            raise self._refused(node, f"with its aliases it holds more than {MAX_VALUES} values")
        if len(place) > MAX_DEPTH:
            raise self._refused(node, f"nested deeper than {MAX_DEPTH} levels")
        self.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*place, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._refused(key_node, "a key must be plain text")
            key = str(key_node.value)
            if key in result:
                first = self.lines[(*place, key)]
                raise self._refused(key_node, f"the key '{key}' is there twice (first on line {first})")
            self.lines[(*place, key)] = key_node.start_mark.line + 1
            result[key] = self.build(value_node, (*place, key))
        return result

    def _scalar(self, node: yaml.Node) -> object:
        text = str(node.value)
        kind = node.tag.rpartition(":")[2]
        try:
            if kind == "int":
                return int(text)
            if kind == "float":
                return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError as error:
            raise self._refused(node, "a number that long means nothing here") from error
        if kind == "bool":
            return text.lower() == "true"
        return None if kind == "null" else text

    def _refused(self, node: yaml.Node, why: str) -> ConfigError:
        return ConfigError(f"{self._name}: line {node.start_mark.line + 1}: {why}")
