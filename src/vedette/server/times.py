"""Times as clients write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import Query

from vedette.model.time import NS_PER_S
from vedette.server.problems import Problem

_FORM: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_SECOND: Final = timedelta(seconds=1)
_NOT_A_TIME: Final = ("", "", "", "Z")
_FIRST: Final = 0
_LAST: Final = 4_102_444_800 * NS_PER_S  # 2100: nanoseconds of it fit into 63 bits with room to spare

TimeText = Annotated[
    str | None,
    Query(
        max_length=40,
        description="RFC 3339, for example 2026-11-22T16:31:00.250Z",
        json_schema_extra={"format": "date-time"},
    ),
]


def moment(text: str, name: str) -> int:
    """Nanoseconds since 1970 of an RFC 3339 time. Raises Problem that names the parameter."""
    found = _FORM.fullmatch(text)
    try:
        day, clock, fraction, zone = found.groups() if found else _NOT_A_TIME
        whole = datetime.fromisoformat(f"{day}T{clock}{'+00:00' if zone in 'Zz' else zone}")
        utc = (whole.astimezone(UTC) - datetime.fromtimestamp(0, UTC)) // _SECOND
    except (ValueError, OverflowError):
        hint = " (a + in an address is written %2B)" if found is None and " " in text.strip() else ""
        raise Problem(422, f"{name}: not a time such as 2026-11-22T16:31:00Z{hint}") from None
    ns = utc * NS_PER_S + int((fraction or "").ljust(9, "0"))
    if not _FIRST <= ns <= _LAST:
        raise Problem(422, f"{name}: must lie between 1970 and 2100")
    return ns


def span(
    start: str | None, end: str | None, *, now_ns: int, most_s: float, default_s: float | None = None
) -> tuple[int, int]:
    """[start, end) in nanoseconds since 1970. Without an end it is now; without a start, `default_s` before the end.

    Raises Problem for a missing start, reversed or empty spans, and those longer than `most_s` seconds.
    """
    end_ns = now_ns if end is None else moment(end, "end")
    if start is not None:
        start_ns = moment(start, "start")
    elif default_s is not None:
        start_ns = max(0, end_ns - round(default_s * NS_PER_S))
    else:
        raise Problem(422, "start: is needed, a time such as 2026-11-22T16:31:00Z")
    if start_ns >= end_ns:
        raise Problem(422, "start: must lie before end" + ("" if end else ", which is now"))
    if end_ns - start_ns > most_s * NS_PER_S:
        raise Problem(422, f"end: at most {most_s / 3600:g} hours after start; ask for it in parts")
    return start_ns, end_ns
