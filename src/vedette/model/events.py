"""What rules answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vedette.model.time import Instant

Direction = Literal["forward", "backward"]


@dataclass(frozen=True, slots=True)
class RuleEvent:
    """A fact that a rule established.

    rule, rule_hash   which rule, and the hash of its definition at that time
    kind              what happened, a word of the rule's type (`crossed`, `intruded`, ...)
    at, frame         the happening itself (the crossing, the entry), not its confirmation
    known_at          when it became known; never before `at`
    direction         `forward` or `backward` where the kind has one, and the name the user gave it
    track             id of the track, 0 where no single track is meant
    label, score      majority class and median score over the track
    anchor, box       in 0..1 of the picture, at the happening as near as it was seen
    trace             `(t_s, x, y)` of the anchor over the second before
    value             the figure that goes with it (occupancy, seconds), if any
    """

    rule: str
    rule_hash: str
    kind: str
    at: Instant
    frame: int
    known_at: Instant
    track: int = 0
    label: str = ""
    score: float = 0.0
    direction: Direction | None = None
    direction_name: str | None = None
    anchor: tuple[float, float] | None = None
    box: tuple[float, float, float, float] | None = None
    trace: tuple[tuple[float, float, float], ...] = ()
    value: float | None = None
