"""How the parts of the system are, and what a person has to be told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["starting", "ok", "degraded", "failed", "off"]


@dataclass(frozen=True, slots=True)
class Health:
    """How one part is.

    part    what it is about: `recorder`, `analyzer`, `server`, `camera:<id>:<stream>`, `analysis:<id>`,
            `storage:<uuid>`, `database`, `detector`
    text    one line for a person: why it is so and what to do; empty while all is well
    figures numbers by name, units in the names (`fps`, `lag_s`, `bytes_free`, `dropped_frames`)
    """

    part: str
    state: State
    at_utc_ns: int
    text: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


AlarmKind = Literal[
    "camera_lost", "storage_full", "storage_soon_full", "storage_lost", "storage_slow", "storage_foreign",
    "database_broken", "recorder_died", "analyzer_died", "server_died", "analysis_blind", "recording_overload",
]  # fmt: skip
"""What can be wrong with the system itself. What happens before the cameras is an `Incident`."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something is wrong that a person should know of. One is open per kind and part at a time.

    text            one line that says what is wrong and what to do
    cleared_utc_ns  None while it lasts
    """

    kind: AlarmKind
    part: str
    text: str
    raised_utc_ns: int
    cleared_utc_ns: int | None = None
