"""The server itself, on a port of loopback."""

import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from live_feed import Feed
from recorded_footage import packets
from running_server import serving
from server_parts import server_parts
from vedette.clock import SystemClock
from vedette.model.errors import OperationError, UsageError
from vedette.model.health import Health
from vedette.model.news import HealthChanged, News
from vedette.server.parts import ServerParts
from vedette.server.process import listening, serve
from vedette.video.live.muxer import UNIT

FMP4, UNITS = Subprotocol("vedette.fmp4"), Subprotocol("vedette.units")


def closing_code(connection: ClientConnection) -> int | None:
    """With what the server closed, once everything before has been read."""
    try:
        while True:
            connection.recv(5)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


@pytest.fixture
def parts() -> ServerParts:
    return server_parts(clock=SystemClock())


def test_serves_what_the_bus_brings(parts: ServerParts) -> None:
    clip = packets(range(50), camera="gate", fps=25)
    told: list[News] = []
    feed = Feed(clip, news=[HealthChanged(Health("recorder", "ok", 1))])
    with serving(parts, arrivals=feed, tell=told.append) as (port, _):
        url = f"http://127.0.0.1:{port}"
        live = f"ws://127.0.0.1:{port}/api/v1/cameras/gate/live"
        with connect(live, subprotocols=[FMP4], compression=None) as watched:
            about = json.loads(watched.recv(5))
            assert about["mime"].startswith('video/mp4; codecs="avc1.')
            assert all(isinstance(watched.recv(2), bytes) for _ in range(40))
            assert httpx.get(f"{url}/api/v1/cameras/gate").json()["viewers"] == 1
        health = httpx.get(f"{url}/api/v1/health").json()
        assert [one["part"] for one in health["parts"]] == ["recorder", "server"]
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert "vedette_live_viewers" in httpx.get(f"{url}/metrics").text
    assert isinstance(told[0], HealthChanged)
    assert told[0].health.part == "server"


def test_an_orderly_stop_ends_views_and_frees_the_port(parts: ServerParts) -> None:
    clip = packets(range(50), camera="gate", fps=25)
    with serving(parts, arrivals=Feed(clip)) as (port, end):
        live = f"ws://127.0.0.1:{port}/api/v1/cameras/gate/live"
        with connect(live, subprotocols=[FMP4]) as watched, connect(f"ws://127.0.0.1:{port}/api/v1/events") as events:
            watched.recv(5)
            end()
            assert closing_code(watched) in {1001, 1012}
            assert closing_code(events) in {1001, 1012}
        listening("127.0.0.1", port).close()


def test_a_bus_that_breaks_ends_the_server_with_its_error(parts: ServerParts) -> None:
    class Broken:
        async def arrivals(self) -> AsyncIterator[News]:
            yield HealthChanged(Health("recorder", "ok", 1))
            raise OperationError("the bus is gone")

    with pytest.raises(OperationError, match="the bus is gone"), serving(parts, arrivals=Broken()):
        pass


def test_other_names_and_other_sites_are_refused_over_the_wire_too(parts: ServerParts) -> None:
    with serving(parts) as (port, _):
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(url, headers={"Host": f"evil.example:{port}"}).status_code == 421
        assert httpx.get(f"http://localhost:{port}/healthz").status_code == 200
        events = f"ws://127.0.0.1:{port}/api/v1/events"
        for origin in ("http://evil.example", f"http://localhost:{port}"):
            with pytest.raises(InvalidStatus) as caught, connect(events, origin=Origin(origin)):
                pass
            assert caught.value.response.status_code == 403
            assert caught.value.response.headers["content-type"] == "application/problem+json"
        with pytest.raises(InvalidStatus) as caught, connect(f"ws://127.0.0.1:{port}/api/v1/cameras/nobody/live"):
            pass
        assert caught.value.response.status_code == 404
        with connect(events, origin=Origin(url)):
            pass


@pytest.mark.slow
def test_a_viewer_that_does_not_read_gets_the_newest_later_and_others_get_everything(parts: ServerParts) -> None:
    heavy = [replace(packet, data=packet.data + bytes(100_000)) for packet in packets(range(50), fps=25, group=10)]
    feed = Feed([replace(packet, camera="gate") for packet in heavy])
    with serving(parts, arrivals=feed) as (port, _), socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 262_144)
        narrow.connect(("127.0.0.1", port))
        live = f"ws://127.0.0.1:{port}/api/v1/cameras/gate/live"
        asked: dict[str, Any] = {"subprotocols": [UNITS], "compression": None, "max_queue": 2, "close_timeout": 0.2}
        with connect(live, sock=narrow, **asked) as slow, connect(live, **asked) as quick:
            seen = [pictures_lost(quick) for _ in range(100)]
            assert sum(seen[2:]) == 0
            assert any(pictures_lost(slow) > 20 for _ in range(60))


def pictures_lost(connection: ClientConnection) -> int:
    """How many pictures were left out before the next message."""
    message = connection.recv(5)
    return int(UNIT.unpack_from(message)[3]) if isinstance(message, bytes) else 0


def test_a_client_that_talks_too_much_is_cut_off(parts: ServerParts) -> None:
    with serving(parts) as (port, _), connect(f"ws://127.0.0.1:{port}/api/v1/events") as events:
        events.send("x" * 100_000)
        with pytest.raises(ConnectionClosed):
            events.recv(5)


@pytest.mark.parametrize("host", ["0.0.0" + ".0", "::", "10.0.0.1", "example.org"])
def test_no_other_host_than_loopback(parts: ServerParts, host: str) -> None:
    with pytest.raises(UsageError, match="listens on this machine only"):
        serve(parts, host, 0)


@pytest.mark.parametrize("port", [-1, 65536])
def test_no_port_that_is_none(parts: ServerParts, port: int) -> None:
    with pytest.raises(UsageError, match="must lie between"):
        serve(parts, "127.0.0.1", port)


def test_a_port_in_use_is_told_in_one_line(parts: ServerParts) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OperationError, match=r"cannot listen on 127\.0\.0\.1 port"):
            serve(parts, "127.0.0.1", taken.getsockname()[1])
