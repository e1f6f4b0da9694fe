"""Coming and going: who enters and leaves a zone, and who appears and vanishes in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vedette.analytics.rules.base import Draft, RuleContext, SubjectRule
from vedette.analytics.rules.zone import Visits, ZoneOptions
from vedette.model.observations import Observations
from vedette.model.spec import Spec

KINDS: Final = {
    (True, "crossed"): "entered",
    (True, "born"): "appeared",
    (False, "crossed"): "left",
    (False, "ended"): "vanished",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionOptions(ZoneOptions):
    """Options of `region`.

    zone  three or more corners in 0..1 of the picture
    """


class Region(SubjectRule):
    """`entered` and `left` need the opposite before; a track born inside has `appeared`, one that ends `vanished`."""

    def __init__(self, options: RegionOptions, context: RuleContext) -> None:
        super().__init__(options, context)
        self._visits = Visits(options.zone)

    def judge(self, now: Observations) -> Iterator[Draft]:
        """Who came and went, as is certain now."""
        for change in self._visits.update(now, self.anchors(now), lambda slot: self.trace(now, slot)):
            yield change.moment.draft(change.slot, KINDS[change.inside, change.how])


def build(options: RegionOptions, context: RuleContext) -> Region:
    """Make the rule."""
    return Region(options, context)


SPEC = Spec("region", RegionOptions, build, "who enters, leaves, appears or vanishes in a zone")
