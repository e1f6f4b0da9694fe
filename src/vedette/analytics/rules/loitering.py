"""Somebody stays in a zone for too long."""

from __future__ import annotations

from dataclasses import dataclass

from vedette.analytics.rules.base import RuleContext
from vedette.analytics.rules.stay import Reset, StayRule
from vedette.analytics.rules.zone import ZoneOptions
from vedette.model.spec import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class LoiteringOptions(ZoneOptions):
    """Options of `loitering`.

    zone     three or more corners in 0..1 of the picture
    dwell_s  inside for so long before it counts
    reset    what starts the time anew: `exit` every leaving, `grace` leaving for more than `grace_s`, `cumulative`
             none, visits of the same track add up until they have counted
    grace_s  see `reset`; with `cumulative`, the alarm is over after leaving for more than this
    """

    dwell_s: float = 10.0
    reset: Reset = "exit"
    grace_s: float = 1.0

    def __post_init__(self) -> None:
        ZoneOptions.__post_init__(self)
        if self.dwell_s < 0.0 or self.grace_s < 0.0:
            raise ValueError("dwell_s and grace_s must not be negative")


def build(options: LoiteringOptions, context: RuleContext) -> StayRule:
    """Make the rule. Its events are `loitered` and `cleared`."""
    return StayRule(
        options,
        context,
        zone=options.zone,
        kind="loitered",
        dwell_s=options.dwell_s,
        grace_s=options.grace_s,
        reset=options.reset,
    )


SPEC = Spec("loitering", LoiteringOptions, build, "who stays in a zone for too long")
