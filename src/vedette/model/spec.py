"""What a plug-in hands in: a name, its options and a way to build it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["sources", "detectors", "rules", "notifiers"]
"""The entry-point groups are `vedette.sources`, `vedette.detectors`, `vedette.rules` and `vedette.notifiers`."""

STRICT = {"extra": "forbid", "allow_inf_nan": False}
"""Put `__pydantic_config__ = STRICT` into an options dataclass: unknown keys, NaN and infinity are refused."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One plug-in.

    name     as written in a configuration (`line_crossing`, `yolox-nano`, `rtsp`)
    options  a frozen dataclass of its settings, `STRICT`; a ValueError of its `__post_init__` is told to the user
    build    makes the thing; what it is given beside its options is stated by the registry of each kind
    summary  one line for lists and generated reference pages
    """

    name: str
    options: type[Any]
    build: Callable[..., Any]
    summary: str = ""
