import asyncio

import pytest

from server_parts import FakeFindings, FakeSocket, ask, incident, server_parts, stored_event
from vedette.model.health import Health
from vedette.model.incidents import Wanted
from vedette.model.news import EventFound, FragmentWritten, HealthChanged, IncidentChanged
from vedette.model.recording import Fragment
from vedette.server.app import create_app
from vedette.server.parts import ServerParts

BIG = 7_130_316_800_000_000_000


@pytest.fixture
def findings() -> FakeFindings:
    return FakeFindings([stored_event(BIG + n) for n in range(7)], [incident(BIG + n) for n in range(3)])


@pytest.fixture
def parts(findings: FakeFindings) -> ServerParts:
    return server_parts(findings=findings)


def test_events_come_in_pages_the_newest_first_and_their_ids_survive_javascript(parts: ServerParts) -> None:
    app, seen, cursor = create_app(parts), [], None
    for _ in range(3):
        page = ask(app, "/api/v1/events", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [event["id"] for event in page["events"]]
        cursor = page["next"]
    assert cursor is None
    assert seen == [str(BIG + n) for n in reversed(range(7))]


def test_a_page_that_is_just_full_is_the_last(parts: ServerParts) -> None:
    assert ask(create_app(parts), "/api/v1/incidents", params={"limit": 3}).json()["next"] is None


def test_an_event_as_it_goes_out(parts: ServerParts) -> None:
    event = ask(create_app(parts), "/api/v1/events", params={"limit": 1}).json()["events"][0]
    assert event == {
        "id": str(BIG + 6), "camera": "gate", "rule": "line", "rule_hash": "hash", "kind": "crossed",
        "at": "2023-11-14T22:13:21.000Z", "known_at": "2023-11-14T22:13:21.300Z", "severity": "alert",
        "incident": str(BIG + 7), "test": False, "direction": "forward", "direction_name": None, "label": "person",
        "track": 7, "score": 0.9, "anchor": None, "box": None, "value": None,
    }  # fmt: skip


def test_filters_reach_the_store(parts: ServerParts, findings: FakeFindings) -> None:
    asked = {
        "camera": "gate", "rule": "line", "kind": "crossed", "label": "person", "severity": "alarm",
        "incident": str(BIG), "start": "2023-11-14T22:13:20Z", "end": "2023-11-15T00:13:21.5+02:00",
    }  # fmt: skip
    assert ask(create_app(parts), "/api/v1/events", params=asked).status_code == 200
    start = 1_700_000_000 * 10**9
    assert findings.asked == [
        Wanted("gate", "line", "crossed", "person", "alarm", None, BIG, start, start + 1_500_000_000)
    ]


def test_events_as_they_happen(parts: ServerParts) -> None:
    async def watched() -> list[object]:
        async with FakeSocket(create_app(parts), "/api/v1/events?camera=gate") as socket:
            await asyncio.sleep(0)
            parts.board.take(HealthChanged(Health("recorder", "ok", 0)))
            parts.board.take(IncidentChanged(incident(1, camera="yard")))
            parts.board.take(FragmentWritten(1, "gate", "main", Fragment(0, 1, 0, 1, 0, key=True, sha256=b"")))
            parts.board.take(EventFound(stored_event(5), incident(6)))
            parts.board.take(IncidentChanged(incident(6)))
            return [await socket.receive(), await socket.receive()]

    event, changed = asyncio.run(watched())
    assert isinstance(event, dict)
    assert isinstance(changed, dict)
    assert (event["type"], event["id"], event["grown"]["id"]) == ("event", "5", "6")
    assert (changed["type"], changed["id"]) == ("incident", "6")


def test_who_reads_too_slowly_loses_the_oldest_and_is_told(parts: ServerParts) -> None:
    async def watched() -> list[dict[str, object]]:
        async with FakeSocket(create_app(parts), "/api/v1/events") as socket:
            await asyncio.sleep(0)
            for number in range(700):
                parts.board.take(IncidentChanged(incident(number)))
            found = [await socket.receive() for _ in range(501)]
            return [one for one in found if isinstance(one, dict)]

    first, second, *_, last = asyncio.run(watched())
    assert first == {"type": "missed", "count": 200}
    assert (second["id"], last["id"]) == ("200", "699")


def test_a_watcher_that_leaves_is_forgotten(parts: ServerParts) -> None:
    async def watched() -> int:
        async with FakeSocket(create_app(parts), "/api/v1/events"):
            await asyncio.sleep(0)
        return len(parts.board._listeners)

    assert asyncio.run(watched()) == 0
