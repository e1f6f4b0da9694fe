"""The canonical form of a rule's definition, and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time
from typing import Any


def canonical(value: object) -> object:
    """`value` as plain JSON values: sets sorted, tuples as lists, times as text, floats that are whole as integers.

    Raises TypeError for anything an options dataclass should not hold.
    """
    if is_dataclass(value) and not isinstance(value, type):
        value = {entry.name: getattr(value, entry.name) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, set | frozenset | list | tuple):
        items = [canonical(item) for item in value]
        return sorted(items, key=str) if isinstance(value, set | frozenset) else items
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"an option of type {type(value).__name__} has no canonical form")


def rule_hash(options: Any, rule_type: str = "") -> str:  # noqa: ANN401 - each plug-in has its own type
    """First 16 hexadecimal digits of the SHA-256 of a rule's definition.

    The definition is `options` after validation, defaults filled in and units converted, together with the rule's
    type; so how the file was written does not matter, and what it means does.
    """
    definition = {"type": rule_type, "options": canonical(options)}
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
