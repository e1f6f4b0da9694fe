"""What is to be recorded, and how much the recorder may hold back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Literal

from vedette.analytics.schedule import Period
from vedette.engine.supervisor import Waits
from vedette.model.ports import Source

Mode = Literal["continuous", "event", "schedule", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSettings:
    """When a stream is recorded.

    pre_s, post_s  seconds kept from before an event and after the last one
    periods, zone  when `schedule` records, in the local time of `zone`
    """

    mode: Mode = "continuous"
    pre_s: float = 5.0
    post_s: float = 10.0
    periods: tuple[Period, ...] = ()
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """One stream of a camera.

    source       makes what is opened; a new one for every connection
    fingerprint  differs when the connection has to be made anew: a hash of address and options, never these themselves
    """

    camera: str
    stream: str
    source: Callable[[], Source] = field(compare=False, repr=False)
    fingerprint: str = ""
    record: RecordSettings = RecordSettings()

    @property
    def key(self) -> tuple[str, str]:
        """Camera and stream."""
        return self.camera, self.stream

    @property
    def part(self) -> str:
        """How health and alarms call it."""
        return f"camera:{self.camera}:{self.stream}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderOptions:
    """Limits of the recorder.

    node          name of this machine, written into runs
    reconnect     waits between connections to a camera
    queue_bytes   fragments that wait for one disk; beyond it whole GOPs are dropped
    preroll_bytes packets of one stream that wait for an event
    rows          rows that wait for the database
    well_s        a connection that held this long was a success
    lost_s        a camera that is away this long raises an alarm
    stop_s        how long an orderly stop may take for each of its three steps
    """

    node: str = ""
    reconnect: Waits = field(default_factory=Waits)
    queue_bytes: int = 128 * 2**20
    preroll_bytes: int = 48 * 2**20
    rows: int = 100_000
    well_s: float = 30.0
    lost_s: float = 15.0
    stop_s: float = 4.0
