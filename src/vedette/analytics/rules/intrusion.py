"""Somebody or something is in a zone where it should not be."""

from __future__ import annotations

from dataclasses import dataclass

from vedette.analytics.rules.base import RuleContext
from vedette.analytics.rules.stay import StayRule
from vedette.analytics.rules.zone import ZoneOptions
from vedette.model.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrusionOptions(ZoneOptions):
    """Options of `intrusion`.

    zone     three or more corners in 0..1 of the picture
    dwell_s  inside for so long before it counts
    grace_s  leaving for longer than this starts the time anew
    overlap  share of the object's box (0..1) that must lie inside, instead of its anchor
    """

    dwell_s: float = 0.0
    grace_s: float = 1.0
    overlap: float | None = None

    def __post_init__(self) -> None:
        ZoneOptions.__post_init__(self)
        if self.dwell_s < 0.0 or self.grace_s < 0.0:
            raise ValueError("dwell_s and grace_s must not be negative")
        if self.overlap is not None and not 0.0 < self.overlap <= 1.0:
            raise ValueError("overlap must be greater than 0 and at most 1")


def build(options: IntrusionOptions, context: RuleContext) -> StayRule:
    """Make the rule. Its events are `intruded` and `cleared`."""
    return StayRule(
        options,
        context,
        zone=options.zone,
        kind="intruded",
        dwell_s=options.dwell_s,
        grace_s=options.grace_s,
        reset="grace",
        overlap=options.overlap,
    )


SPEC = Spec("intrusion", IntrusionOptions, build, "who is in a zone, at once or after a while")
