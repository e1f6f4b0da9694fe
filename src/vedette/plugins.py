"""Which plug-ins are installed: sources, detectors, rules and notifiers by their entry points.

The built-ins are declared in `pyproject.toml` like anybody else's, in the groups `vedette.sources`,
`vedette.detectors`, `vedette.rules` and `vedette.notifiers`. Listing names imports nothing; a plug-in is imported when
its `Spec` is asked for. What each kind's `build` is given:

    sources     build(options, address)  -> Source    address as the user wrote it; live sources are
                build(options, address, clock)        given the Clock as well, by that name
    detectors   build(options)           -> Detector
    rules       build(options, context)  -> Rule      context is an analytics.rules.base.RuleContext
    notifiers   build(options)           -> Notifier
"""

from __future__ import annotations

import difflib
import functools
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from vedette.clock import SystemClock
from vedette.model.errors import ConfigError
from vedette.model.ports import Clock, Source
from vedette.model.spec import Kind, Spec

_CALLED: Final = {"sources": "source", "detectors": "detector", "rules": "rule type", "notifiers": "notifier"}
_SCHEME: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]+):(?P<slashes>//)?", re.IGNORECASE)
_SAME_AS: Final = {"rtsps": "rtsp", **dict.fromkeys(("http", "https", "rtmp", "rtmps", "srt"), "net")}
_IMPORT_FAILURES: Final = (
    ImportError,
    AttributeError,
    SyntaxError,
    NameError,
    TypeError,
    ValueError,
    OSError,
    RuntimeError,
)

_adapters: dict[type[Any], TypeAdapter[Any]] = {}


class Catalogue(Mapping[str, Spec]):
    """The plug-ins of one kind by name; each is imported when it is first asked for."""

    def __init__(self, kind: Kind, entries: Iterable[EntryPoint]) -> None:
        self._kind: Kind = kind
        self._entries: dict[str, list[EntryPoint]] = {}
        for entry in entries:
            known = self._entries.setdefault(entry.name, [])
            if all(other.value != entry.value for other in known):
                known.append(entry)
        self._loaded: dict[str, Spec] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __getitem__(self, name: str) -> Spec:
        """Raises KeyError when there is none of that name, ConfigError when it cannot be loaded."""
        if name not in self._loaded:
            self._loaded[name] = _load(self._kind, self._entries[name])
        return self._loaded[name]


def _load(kind: Kind, entries: list[EntryPoint]) -> Spec:
    entry, *others = entries
    called = f"{_CALLED[kind]} '{entry.name}'"
    if others:
        places = " and ".join(other.value for other in entries)
        raise ConfigError(f"{called} is provided twice, by {places}: uninstall one of the packages")
    try:
        spec = entry.load()
    except _IMPORT_FAILURES as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(f"{called} cannot be loaded from {entry.value}: {reason}") from error
    if not isinstance(spec, Spec):
        raise ConfigError(f"{called} cannot be loaded: {entry.value} is {type(spec).__name__}, not a vedette Spec")
    if spec.name != entry.name:
        raise ConfigError(f"{called} cannot be loaded: {entry.value} calls itself '{spec.name}'")
    return spec


@functools.cache
def specs(kind: Kind) -> Mapping[str, Spec]:
    """The installed plug-ins of `kind` by name. Iterating over the names imports none of them."""
    return Catalogue(kind, entry_points(group=f"vedette.{kind}"))


def get(kind: Kind, name: str) -> Spec:
    """The plug-in called `name`. Raises ConfigError with the known names, and the nearest one, when there is none."""
    known = specs(kind)
    if name in known:
        return known[name]
    raise ConfigError(f"unknown {_CALLED[kind]} '{name}': known are {', '.join(known)}{suggestion(name, known)}")


def suggestion(wrong: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)` with the name of `known` that looks most like `wrong`, or nothing."""
    near = difflib.get_close_matches(wrong.lower(), list(known), n=1, cutoff=0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""


def read_options(spec: Spec, values: Mapping[str, object]) -> Any:  # noqa: ANN401 - each plug-in has its own type
    """An instance of `spec.options` made of plain values (strings, numbers, lists), as a file or a URL gives them.

    Types are checked strictly: the text "1" is no number. Raises pydantic's ValidationError, for whoever knows where
    the values came from to word.
    """
    return adapter(spec.options).validate_json(to_json(values, inf_nan_mode="constants"), strict=True)


def adapter(options: type[Any]) -> TypeAdapter[Any]:
    """Pydantic's view of an options dataclass."""
    if options not in _adapters:
        _adapters[options] = TypeAdapter(options)
    return _adapters[options]


def source_for(address: str, options: Mapping[str, object] | None = None, clock: Clock | None = None) -> Source:
    """The source that reads `address`: by its scheme (`rtsp://`, `sim:`, `webcam:`), a file when it has none.

    clock  what live sources go by; the machine's when None

    Raises ConfigError when no source knows the scheme, or `options` do not suit it.
    """
    spec = get("sources", source_name(address))
    try:
        chosen = read_options(spec, options or {})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"source '{spec.name}': {key + ': ' if key else ''}{first['msg']}") from error
    source: Source = (
        spec.build(chosen, address, clock=clock or SystemClock())
        if "clock" in inspect.signature(spec.build).parameters
        else spec.build(chosen, address)
    )
    return source


def source_name(address: str) -> str:
    """Name of the kind of source `address` speaks of, known or not: `rtsp`, `sim`, `webcam`, `file`..."""
    match = _SCHEME.match(address)
    if match is None:
        return "file"
    scheme = match["scheme"].lower()
    scheme = _SAME_AS.get(scheme, scheme)
    if match["slashes"] or scheme in specs("sources"):
        return scheme
    return "file"
