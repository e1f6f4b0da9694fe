"""What reports need to know of a rule, so that they know nothing of configurations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vedette.model.geometry import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """One rule as it is shown.

    id, type   as configured (`gate`, `line_crossing`)
    hash       hash of the definition
    line       two or more points in 0..1 of the picture, empty for rules without a line
    zone       three or more corners in 0..1 of the picture, empty for rules without a zone
    names      what the user calls the directions: keys `forward` and `backward`, either may be missing
    entrances  for an occupancy behind lines: id of each line's rule to the direction that leads in
    labels     classes or groups it looks for, empty where it takes all
    severity   `info`, `alert` or `alarm`
    anchor     the point of the box that is judged: `bottom`, `center` or `top`
    """

    id: str
    type: str
    hash: str = ""
    line: tuple[Point, ...] = ()
    zone: tuple[Point, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    entrances: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    severity: str = "info"
    anchor: str = "bottom"

    def direction_name(self, direction: str) -> str:
        """What the user calls `forward` or `backward`, or the word itself."""
        return self.names.get(direction) or direction
