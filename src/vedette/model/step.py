"""What the engine says after each frame it looked at."""

from __future__ import annotations

from dataclasses import dataclass

from vedette.model.detections import Tracks
from vedette.model.events import RuleEvent
from vedette.model.media import Frame
from vedette.model.observations import Observations
from vedette.model.ports import Sight


@dataclass(frozen=True, slots=True)
class Step:
    """One analysed frame and what came of it."""

    frame: Frame
    sight: Sight
    tracks: Tracks
    now: Observations
    events: tuple[RuleEvent, ...]
