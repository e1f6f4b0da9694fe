"""Events that belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vedette.model.events import RuleEvent

Severity = Literal["info", "alert", "alarm"]
Review = Literal["new", "confirmed", "false_alarm"]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A rule's event with what makes it findable.

    id        unique over all machines, grows with time
    run       the run whose stream time its instants count in
    incident  the incident it belongs to; None for one that asks for nobody's attention
    test      fired by hand
    """

    id: int
    camera: str
    run: int
    event: RuleEvent
    severity: Severity
    incident: int | None = None
    test: bool = False


@dataclass(frozen=True, slots=True)
class Incident:
    """What a person is asked to look at: events of one camera that follow each other closely.

    last_utc_ns   time of its newest event
    closed_utc_ns None while it may still grow
    rules         ids of the rules that took part, in order of appearance
    events        how many
    """

    id: int
    camera: str
    opened_utc_ns: int
    last_utc_ns: int
    closed_utc_ns: int | None
    severity: Severity
    rules: tuple[str, ...]
    labels: tuple[str, ...]
    events: int
    review: Review = "new"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events or incidents are asked for; None asks for all. Times touch [start, end)."""

    camera: str | None = None
    rule: str | None = None
    kind: str | None = None
    label: str | None = None
    severity: Severity | None = None
    review: str | None = None
    incident: int | None = None
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
