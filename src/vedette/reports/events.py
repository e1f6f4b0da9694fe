"""events.jsonl: one fact a line."""

from __future__ import annotations

import json
from pathlib import Path

from vedette.model.events import RuleEvent
from vedette.model.step import Step
from vedette.model.time import rfc3339
from vedette.reports.disk import TextLines

_PLACES = 5


def event_json(event: RuleEvent) -> dict[str, object]:
    """`event` under the keys of events.jsonl.

    Always there: rule, kind, direction, label, track, t_s, utc, frame, anchor, box, score, rule_hash and known_t_s;
    null where the event has no such thing (no direction, no single track). Only where there is one: direction_name,
    value, trace. Times are stream seconds rounded to the millisecond, positions 0..1 of the picture.
    """
    answer: dict[str, object] = {
        "rule": event.rule,
        "kind": event.kind,
        "direction": event.direction,
        "label": event.label or None,
        "track": event.track or None,
        "t_s": round(event.at.stream_s, 3),
        "utc": rfc3339(event.at.utc_ns),
        "frame": event.frame,
        "anchor": _rounded(event.anchor),
        "box": _rounded(event.box),
        "score": round(float(event.score), 4),
        "rule_hash": event.rule_hash,
        "known_t_s": round(event.known_at.stream_s, 3),
    }
    if event.direction_name is not None:
        answer["direction_name"] = event.direction_name
    if event.value is not None:
        answer["value"] = round(float(event.value), 4)
    if event.trace:
        answer["trace"] = [[round(float(t), 3), *(_rounded((x, y)) or ())] for t, x, y in event.trace]
    return answer


def _rounded(numbers: tuple[float, ...] | None) -> list[float] | None:
    return None if numbers is None else [round(float(number), _PLACES) for number in numbers]


class EventsFile:
    """Writes the events of every step, in the order they became known."""

    def __init__(self, path: Path) -> None:
        self._lines = TextLines(path)

    def take(self, step: Step) -> None:
        """Append the events of `step`. Raises OutputError."""
        for event in step.events:
            self._lines.add(json.dumps(event_json(event)) + "\n")

    def close(self) -> None:
        """Close the file; it is valid after every line, so this only frees it."""
        self._lines.close()
