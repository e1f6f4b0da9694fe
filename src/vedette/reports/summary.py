"""summary.json, and the figures of an analysis as the Python API hands them out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from vedette.model.events import RuleEvent
from vedette.model.step import Step
from vedette.reports.disk import write_whole
from vedette.reports.rule_view import RuleView
from vedette.reports.words import without_password

_FLAT_LIST: Final = re.compile(r"\[\n[^\[\]{}\"]*\]")
"""A list of numbers over several lines; JSON has no line break within texts, so it is always a list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSummary:
    """What was analysed. A password in `path` is never written out.

    fps                 as the header says, 0 where it says nothing
    frames, duration_s  as read
    """

    path: str
    width: int
    height: int
    frames: int
    duration_s: float
    fps: float

    def to_json(self) -> dict[str, object]:
        """Under the keys of summary.json."""
        return {
            "path": without_password(self.path),
            "width": self.width,
            "height": self.height,
            "frames": self.frames,
            "duration_s": round(self.duration_s, 3),
            "fps": round(self.fps, 4),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSummary:
    """What one rule found.

    counts    events by direction: `forward` and `backward`, both always there
    by_label  label to the number of events by direction, or by kind for events without a direction
    events    number of all events, of every kind
    values    the rule's own last figures
    """

    type: str
    counts: Mapping[str, int]
    by_label: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    events: int = 0
    values: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """Under the keys of summary.json."""
        return {
            "type": self.type,
            "counts": dict(self.counts),
            "by_label": {label: dict(sorts) for label, sorts in sorted(self.by_label.items())},
            "events": self.events,
            "values": plain(self.values),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """What the analysis cost: seconds of wall and processor time, frames, pictures given to the detector, memory."""

    wall_s: float
    cpu_s: float
    frames_decoded: int
    frames_analyzed: int
    inferences: int
    peak_rss_mb: float

    def to_json(self) -> dict[str, object]:
        """Under the keys of summary.json."""
        return {
            "wall_s": round(self.wall_s, 3),
            "cpu_s": round(self.cpu_s, 3),
            "frames_decoded": self.frames_decoded,
            "frames_analyzed": self.frames_analyzed,
            "inferences": self.inferences,
            "peak_rss_mb": round(self.peak_rss_mb, 1),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """Which weights looked at the pictures."""

    name: str
    sha256: str

    def to_json(self) -> dict[str, object]:
        """Under the keys of summary.json."""
        return {"name": self.name, "sha256": self.sha256}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One analysis in figures.

    complete  the source was read to its end (or to the end that was asked for)
    note      one line that says why it was not, or what else a reader must know; empty otherwise
    """

    source: SourceSummary
    rules: Mapping[str, RuleSummary]
    performance: Performance
    model: ModelSummary
    vedette: str
    complete: bool = True
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """The content of summary.json; `note` is there only where it says something."""
        answer: dict[str, object] = {
            "source": self.source.to_json(),
            "rules": {rule: found.to_json() for rule, found in self.rules.items()},
            "performance": self.performance.to_json(),
            "model": self.model.to_json(),
            "vedette": self.vedette,
            "complete": self.complete,
        }
        if self.note:
            answer["note"] = self.note
        return answer


class Tally:
    """Counts the events of every rule as they come."""

    def __init__(self, rules: Iterable[RuleView]) -> None:
        self._types = {rule.id: rule.type for rule in rules}
        self._events = dict.fromkeys(self._types, 0)
        self._counts = {rule: {"forward": 0, "backward": 0} for rule in self._types}
        self._by_label: dict[str, dict[str, dict[str, int]]] = {rule: {} for rule in self._types}

    def take(self, step: Step) -> None:
        """Count the events of `step`."""
        for event in step.events:
            self.add(event)

    def add(self, event: RuleEvent) -> None:
        """Count one event; those of rules it was not told of are left out."""
        if event.rule not in self._types:
            return
        self._events[event.rule] += 1
        if event.direction is not None:
            self._counts[event.rule][event.direction] += 1
        if event.label:
            sorts = self._by_label[event.rule].setdefault(event.label, {})
            sort = event.direction or event.kind
            sorts[sort] = sorts.get(sort, 0) + 1

    def rules(self, values: Mapping[str, Mapping[str, object]]) -> dict[str, RuleSummary]:
        """What each rule found so far, with its own figures from `values` (rule id to figures)."""
        return {
            rule: RuleSummary(
                type=kind,
                counts=dict(self._counts[rule]),
                by_label={label: dict(sorts) for label, sorts in self._by_label[rule].items()},
                events=self._events[rule],
                values=dict(values.get(rule, {})),
            )
            for rule, kind in self._types.items()
        }


def plain(value: object) -> object:
    """`value` as JSON can say it: NumPy to plain numbers and lists, keys to text, NaN and infinity to null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def write_summary(path: Path, summary: Summary) -> None:
    """Write summary.json whole or not at all. Raises OutputError."""
    text = _FLAT_LIST.sub(lambda found: " ".join(found[0].split()), json.dumps(summary.to_json(), indent=2))
    write_whole(path, text.encode() + b"\n")
