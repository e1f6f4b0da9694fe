"""Events, incidents and alarms: paged lists, and all of them as they happen."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from vedette.model.incidents import Review, Severity, Wanted
from vedette.model.news import AlarmChanged, EventFound, GapChanged, HealthChanged, IncidentChanged, News
from vedette.server import answers
from vedette.server.access import needs
from vedette.server.parts import CameraFacts, Parts
from vedette.server.problems import Problem
from vedette.server.sockets import until_gone
from vedette.server.times import TimeText, moment

router = APIRouter(tags=["events"])

_KEPT: Final = 500
_CALL_S: Final = 20.0
Name = Annotated[str | None, Query(max_length=128)]
Cursor = Annotated[str | None, Query(max_length=24, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=500)]


@router.get("/events", dependencies=[needs("events")])
def list_events(
    parts: Parts,
    *,
    camera: Name = None,
    rule: Name = None,
    kind: Name = None,
    label: Name = None,
    severity: Severity | None = None,
    incident: Cursor = None,
    start: TimeText = None,
    end: TimeText = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> answers.EventsAnswer:
    """Events that the rules found, the newest first."""
    first, last = _stretch(start, end)
    wanted = Wanted(
        camera=_known(camera, parts.cameras),
        rule=rule,
        kind=kind,
        label=label,
        severity=severity,
        incident=_number(incident, "incident"),
        start_utc_ns=first,
        end_utc_ns=last,
    )
    found = parts.findings.events(wanted, _number(cursor, "cursor"), limit + 1)
    page = [answers.EventAnswer.of(event) for event in found[:limit]]
    return answers.EventsAnswer(events=page, next=page[-1].id if len(found) > limit else None)


@router.get("/incidents", dependencies=[needs("events")])
def list_incidents(
    parts: Parts,
    *,
    camera: Name = None,
    rule: Name = None,
    label: Name = None,
    severity: Severity | None = None,
    review: Review | None = None,
    start: TimeText = None,
    end: TimeText = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> answers.IncidentsAnswer:
    """Events that belong together, the newest first."""
    first, last = _stretch(start, end)
    wanted = Wanted(
        camera=_known(camera, parts.cameras),
        rule=rule,
        label=label,
        severity=severity,
        review=review,
        start_utc_ns=first,
        end_utc_ns=last,
    )
    found = parts.findings.incidents(wanted, _number(cursor, "cursor"), limit + 1)
    page = [answers.IncidentAnswer.of(incident) for incident in found[:limit]]
    return answers.IncidentsAnswer(incidents=page, next=page[-1].id if len(found) > limit else None)


@router.get("/alarms", dependencies=[needs("health")])
def list_alarms(parts: Parts) -> answers.AlarmsAnswer:
    """What is wrong with the system itself."""
    return answers.AlarmsAnswer(alarms=[answers.AlarmAnswer.of(alarm) for alarm in parts.board.alarms()])


@router.websocket("/events", dependencies=[needs("events")])
async def watch_events(socket: WebSocket, parts: Parts, camera: Name = None) -> None:
    """Messages as JSON: `{"type": "event" | "incident" | "alarm" | "health" | "gap", ...}` as the lists give them.

    Who reads too slowly loses the oldest messages and is told how many: `{"type": "missed", "count": n}`.
    """
    only = _known(camera, parts.cameras)
    await socket.accept()
    mailbox = _Mailbox(only)
    end = parts.board.listen(mailbox.put)
    reader = asyncio.create_task(until_gone(socket))
    try:
        while not reader.done():
            if (message := await mailbox.next(reader)) is not None:
                await socket.send_json(message)
    except WebSocketDisconnect:
        pass
    finally:
        end()
        reader.cancel()


class _Mailbox:
    """Messages for one client, bounded."""

    def __init__(self, camera: str | None) -> None:
        self._camera = camera
        self._loop = asyncio.get_running_loop()
        self._messages: deque[dict[str, Any]] = deque()
        self._missed = 0
        self._arrived = asyncio.Event()

    def put(self, news: News) -> None:
        """Take in news; from any thread."""
        message = told(news)
        if message is not None and self._camera in (None, message.get("camera")):
            self._loop.call_soon_threadsafe(self._keep, message)

    def _keep(self, message: dict[str, Any]) -> None:
        if len(self._messages) >= _KEPT:
            self._messages.popleft()
            self._missed += 1
        self._messages.append(message)
        self._arrived.set()

    async def next(self, gone: asyncio.Task[None]) -> dict[str, Any] | None:
        """The next message; None when the client is gone, or now and then when there is nothing to say."""
        if not self._messages and not self._missed:
            self._arrived.clear()
            arrived = asyncio.create_task(self._arrived.wait())
            await asyncio.wait({arrived, gone}, timeout=_CALL_S, return_when=asyncio.FIRST_COMPLETED)
            arrived.cancel()
        if self._missed:
            count, self._missed = self._missed, 0
            return {"type": "missed", "count": count}
        return self._messages.popleft() if self._messages else None


def told(news: News) -> dict[str, Any] | None:
    """News as clients get them; None for what concerns no person."""
    match news:
        case EventFound(event, incident):
            body = {"type": "event", **answers.EventAnswer.of(event).model_dump(mode="json")}
            grown = None if incident is None else answers.IncidentAnswer.of(incident).model_dump(mode="json")
            return {**body, "grown": grown}
        case IncidentChanged(incident):
            return {"type": "incident", **answers.IncidentAnswer.of(incident).model_dump(mode="json")}
        case AlarmChanged(alarm):
            return {"type": "alarm", **answers.AlarmAnswer.of(alarm).model_dump(mode="json")}
        case HealthChanged(health):
            return {"type": "health", **answers.HealthAnswer.of(health).model_dump(mode="json")}
        case GapChanged(gap):
            body = answers.GapAnswer.of(gap).model_dump(mode="json")
            return {"type": "gap", "camera": gap.camera, "stream": gap.stream, **body}
        case _:
            return None


def _known(camera: str | None, cameras: Sequence[CameraFacts]) -> str | None:
    if camera is None or any(facts.id == camera for facts in cameras):
        return camera
    raise Problem(422, "camera: there is no such camera; /api/v1/cameras lists them")


def _number(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text) >= 1 << 63:
        raise Problem(422, f"{name}: give it as it was received")
    return int(text)


def _stretch(start: str | None, end: str | None) -> tuple[int | None, int | None]:
    first = None if start is None else moment(start, "start")
    last = None if end is None else moment(end, "end")
    if first is not None and last is not None and first >= last:
        raise Problem(422, "start: must lie before end")
    return first, last
