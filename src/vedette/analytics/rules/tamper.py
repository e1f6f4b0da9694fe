"""Somebody or something keeps the camera from seeing its scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from vedette.analytics.rules.announce import Announcer
from vedette.analytics.rules.base import RuleContext, RuleOptions
from vedette.model.events import RuleEvent
from vedette.model.observations import Observations
from vedette.model.spec import Spec
from vedette.model.time import NS_PER_S, Instant

Kind = Literal["covered", "defocused", "moved", "dark", "frozen", "signal_lost"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class TamperOptions(RuleOptions):
    """Options of `tamper`.

    for_s  how long it has to last before it is said
    kinds  what is said: `covered`, `defocused`, `moved`, `dark`, `frozen`, `signal_lost`; all of them by default
    """

    for_s: float = 3.0
    kinds: tuple[Kind, ...] = KINDS

    def __post_init__(self) -> None:
        RuleOptions.__post_init__(self)
        if self.for_s < 0.0:
            raise ValueError("for_s must not be negative")
        if not self.kinds:
            raise ValueError("kinds must name at least one kind of tampering")


class TamperRule:
    """Says what is wrong with the camera once it has lasted, and `restored` once nothing has been wrong for as long.

    Events tell the moment at which it began. While the signal is lost nothing is known of the picture, so what was
    wrong with that stays wrong.
    """

    def __init__(self, options: TamperOptions, context: RuleContext) -> None:
        self._options = options
        self._for_ns = round(options.for_s * NS_PER_S)
        self._announcer = Announcer(options, context)
        self._since: dict[str, tuple[Instant, int]] = {}
        self._wrong: dict[str, None] = {}
        self._well_since: dict[str, tuple[Instant, int]] = {}

    @property
    def id(self) -> str:
        """Name of the rule."""
        return self._options.id

    def update(self, now: Observations) -> list[RuleEvent]:
        """Take in one moment; only its facts matter."""
        found = {fact.kind for fact in now.facts} & set(self._options.kinds)
        events: list[RuleEvent] = []
        for kind in KINDS:
            if kind in found:
                self._well_since.pop(kind, None)
                at, frame = self._since.setdefault(kind, (now.at, now.frame))
                if kind not in self._wrong and self._lasted(at, now):
                    self._wrong[kind] = None
                    events += self._announcer.say(kind, at, frame, now.at)
            else:
                self._since.pop(kind, None)
                if kind in self._wrong and "signal_lost" not in found:
                    self._well_since.setdefault(kind, (now.at, now.frame))
        return events + self._restored(now)

    def values(self) -> Mapping[str, object]:
        """`now`: what is wrong at present, in the order in which it began."""
        return {"now": list(self._wrong)}

    def _lasted(self, since: Instant, now: Observations) -> bool:
        return now.at.stream_ns - since.stream_ns >= self._for_ns

    def _restored(self, now: Observations) -> list[RuleEvent]:
        """`restored` once all has been well for long enough; of several things wrong, those that ended are dropped."""
        over = [kind for kind, (at, _) in self._well_since.items() if self._lasted(at, now)]
        if not over or (len(over) == len(self._wrong) and self._since):
            return []
        at, frame = max(self._well_since[kind] for kind in over)
        for kind in over:
            del self._wrong[kind], self._well_since[kind]
        return [] if self._wrong else self._announcer.say("restored", at, frame, now.at)


def build(options: TamperOptions, context: RuleContext) -> TamperRule:
    """Make the rule. Its events are the kinds of tampering and `restored`."""
    return TamperRule(options, context)


SPEC = Spec("tamper", TamperOptions, build, "when the camera is covered, turned, blinded or gone")
