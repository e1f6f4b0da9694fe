"""When a rule is armed: weekly periods in local time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo
from typing import ClassVar, Literal

from vedette.model.spec import STRICT

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `start` to `end` o'clock on each of `days`. An end at or before the start lies on the next day."""

    __pydantic_config__: ClassVar = STRICT

    start: time
    end: time
    days: tuple[Day, ...] = _DAYS

    def covers(self, local: datetime) -> bool:
        """Whether the local moment lies in the period."""
        now, today = local.time(), _DAYS[local.weekday()]
        if self.start < self.end:
            return today in self.days and self.start <= now < self.end
        yesterday = _DAYS[(local.weekday() - 1) % 7]
        return (today in self.days and now >= self.start) or (yesterday in self.days and now < self.end)


def armed(periods: tuple[Period, ...], utc_ns: int, zone: tzinfo) -> bool:
    """Whether any of `periods` covers the moment; no periods at all means always."""
    if not periods:
        return True
    local = datetime.fromtimestamp(utc_ns // 1_000_000_000, UTC).astimezone(zone)
    return any(period.covers(local) for period in periods)
