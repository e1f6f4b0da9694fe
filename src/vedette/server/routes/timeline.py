"""What there is of a camera over a time: for drawing a time line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

from fastapi import APIRouter, Query

from vedette.model.time import NS_PER_S, rfc3339
from vedette.server import answers
from vedette.server.access import needs
from vedette.server.parts import Camera, Parts, stream_named
from vedette.server.problems import Problem
from vedette.server.times import TimeText, span

router = APIRouter(tags=["recorded"])

MOST_S: Final = 31 * 24 * 3600.0
_DEFAULT_S: Final = 24 * 3600.0
_STEPS: Final = 288
_MOST_STEPS: Final = 5000
_JOIN_NS: Final = NS_PER_S


@router.get("/cameras/{camera}/timeline", dependencies=[needs("playback")])
def timeline(
    facts: Camera,
    parts: Parts,
    *,
    start: TimeText = None,
    end: TimeText = None,
    resolution: Annotated[
        float | None, Query(ge=1, le=86400, allow_inf_nan=False, description="seconds of one step of the event counts")
    ] = None,
    stream: Annotated[str | None, Query(max_length=16)] = None,
) -> answers.TimelineAnswer:
    """Recorded spans, gaps with their reasons and numbers of events; the last 24 hours when nothing is said.

    Footage with a second or less between is one span.
    """
    name = stream_named(stream, facts)
    start_ns, end_ns = span(start, end, now_ns=parts.clock.utc_ns(), most_s=MOST_S, default_s=_DEFAULT_S)
    step_s = resolution or max(1.0, (end_ns - start_ns) / NS_PER_S / _STEPS)
    step_ns = round(step_s * NS_PER_S)
    if (end_ns - start_ns) // step_ns > _MOST_STEPS:
        raise Problem(422, f"resolution: the span has more than {_MOST_STEPS} steps of that length")
    growing = parts.footage.open_files.segment(facts.id, name)
    found = parts.timelines.coverage(facts.id, name, start_ns, end_ns, _JOIN_NS)
    spans = [(one.start_utc_ns, one.end_utc_ns) for one in found.spans]
    spans += [(growing.start_utc_ns, growing.end_utc_ns)] if growing is not None else []
    recorded = joined(spans, start_ns, end_ns, max(_JOIN_NS, found.resolution_ns))
    counts = parts.findings.counts(facts.id, start_ns, end_ns, step_ns)
    return answers.TimelineAnswer(
        camera=facts.id,
        stream=name,
        start=rfc3339(start_ns),
        end=rfc3339(end_ns),
        resolution=step_s,
        recorded=[answers.SpanAnswer(start=rfc3339(first), end=rfc3339(last)) for first, last in recorded],
        gaps=[answers.GapAnswer.of(gap) for gap in found.gaps],
        counts=[answers.CountAnswer(start=rfc3339(at), events=events, alarms=alarms) for at, events, alarms in counts],
    )


def joined(spans: Iterable[tuple[int, int]], start_ns: int, end_ns: int, hole_ns: int) -> list[tuple[int, int]]:
    """`spans` within [start_ns, end_ns), in order; those with no more than `hole_ns` between are one."""
    found: list[tuple[int, int]] = []
    for span_start, span_end in sorted(spans):
        first, last = max(span_start, start_ns), min(span_end, end_ns)
        if first >= last:
            continue
        if found and first - found[-1][1] <= hole_ns:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found
