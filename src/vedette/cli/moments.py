"""Moments as people write them on a command line."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from vedette.clock import SystemClock
from vedette.model.errors import UsageError

_AGO: Final = re.compile(r"-(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>s|m|h|d)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_LAST_NS: Final = 2**63 - 1
FORMS: Final = "2026-11-22T16:30:00Z, '2026-11-22 16:30', 16:30 (today), -10m (ago) or now"


def moment(text: str, zone: ZoneInfo, now_utc_ns: int) -> int:
    """Nanoseconds since 1970 of what `text` says; without an offset it is meant in `zone`.

    A time that a change of clocks skips is read with the offset from before it; one that comes twice is the first.
    Raises UsageError, also for times before 1970 and after 2262, which no database keeps.
    """
    found = _moment(text, zone, now_utc_ns)
    if not 0 <= found <= _LAST_NS:
        raise UsageError(f"'{text}' lies too far away: it must be between 1970 and 2262")
    return found


def _moment(text: str, zone: ZoneInfo, now_utc_ns: int) -> int:
    now = datetime.fromtimestamp(now_utc_ns // 1_000_000_000, UTC)
    word = text.strip()
    if word == "now":
        return now_utc_ns
    try:
        ago = _AGO.fullmatch(word)
        if ago:
            return now_utc_ns - _ns(timedelta(**{_UNITS[ago["unit"]]: float(ago["number"])}))
        found = _today(word, now.astimezone(zone)) or datetime.fromisoformat(word)
        found = found if found.tzinfo else found.replace(tzinfo=zone)
        return _ns(found.astimezone(UTC) - _EPOCH)
    except (ValueError, OverflowError):
        raise UsageError(f"'{text}' is no moment: write it like {FORMS}") from None


def _today(word: str, now: datetime) -> datetime | None:
    try:
        return datetime.combine(now.date(), time.fromisoformat(word))
    except ValueError:
        return None


def _ns(length: timedelta) -> int:
    return (length // timedelta(microseconds=1)) * 1000


def span(start: str, end: str, zone: ZoneInfo) -> tuple[int, int]:
    """The moments `start` and `end`, in nanoseconds since 1970. Raises UsageError, also where nothing lies between."""
    now_utc_ns = SystemClock().utc_ns()
    start_utc_ns, end_utc_ns = moment(start, zone, now_utc_ns), moment(end, zone, now_utc_ns)
    if end_utc_ns <= start_utc_ns:
        raise UsageError(f"the end ({end}) must lie after the start ({start})")
    return start_utc_ns, end_utc_ns
