import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

import cv2
import numpy as np
import pytest

from recorded_footage import packets
from server_parts import FakeSocket, server_parts
from vedette.model.media import Codec, Packet
from vedette.server.app import create_app
from vedette.server.parts import ServerParts
from vedette.server.problems import Problem
from vedette.server.routes import live as live_routes
from vedette.server.streams import LiveStreams, playable
from vedette.video.live.muxer import UNIT

CAMERA = packets(range(60), camera="gate")
SUB = packets(range(60), camera="gate", stream="sub", size=(64, 48))
LIVE = "/api/v1/cameras/gate/live"
FMP4, UNITS = "vedette.fmp4", "vedette.units"
JPEG = cv2.imencode(".jpg", np.full((48, 64, 3), 128, np.uint8))[1].tobytes()


def hevc(sent: Sequence[Packet]) -> list[Packet]:
    """The same packets, called H.265: nobody here decodes them."""
    return [replace(packet, codec=Codec("hevc", b"", packet.codec.width, packet.codec.height)) for packet in sent]


@pytest.fixture
def parts() -> ServerParts:
    return server_parts(live=LiveStreams(most_viewers=2))


@asynccontextmanager
async def watching(parts: ServerParts, query: str = "", protocol: str = FMP4) -> AsyncIterator[FakeSocket]:
    async with FakeSocket(create_app(parts), LIVE + query, {}, protocol) as socket:
        yield socket


def feed(parts: ServerParts, sent: Sequence[Packet]) -> None:
    for packet in sent:
        parts.live.feed(packet)


async def begun(socket: FakeSocket) -> dict[str, object]:
    """The next text message, and the header after it."""
    about = await socket.receive()
    while isinstance(about, bytes):
        about = await socket.receive()
    assert about is not None
    header = await socket.receive()
    assert isinstance(header, bytes)
    return {**about, "header": header}


def test_a_late_joiner_gets_everything_since_the_last_keyframe_at_once(parts: ServerParts) -> None:
    async def watched() -> None:
        feed(parts, CAMERA[:35])
        async with watching(parts) as socket:
            assert socket.subprotocol == FMP4
            about = await begun(socket)
            assert b"ftyp" in cast(bytes, about["header"])[:16]
            assert str(about["mime"]).startswith('video/mp4; codecs="avc1.')
            assert (about["stream"], about["transcoded"], about["why"]) == ("main", False, "")
            key = max(index for index in range(35) if CAMERA[index].key)
            fragments = [await socket.receive(1) for _ in range(35 - key)]
            assert all(isinstance(one, bytes) and b"moof" in one[:80] for one in fragments)
            with pytest.raises(asyncio.TimeoutError):
                await socket.receive(0.05)
            feed(parts, CAMERA[35:36])
            assert isinstance(await socket.receive(1), bytes)

    asyncio.run(watched())


def test_access_units_carry_their_capture_times(parts: ServerParts) -> None:
    async def watched() -> None:
        feed(parts, CAMERA[:21])
        async with watching(parts, protocol=UNITS) as socket:
            about, header, unit = [await socket.receive() for _ in range(3)]
            assert isinstance(about, dict)
            assert isinstance(header, bytes)
            assert isinstance(unit, bytes)
            assert json.loads(header[UNIT.size :])["codec"].startswith("avc1.")
            version, kind, _, lost, utc_ns, _ = UNIT.unpack_from(unit)
            assert (version, kind, lost, utc_ns) == (1, 1, 0, CAMERA[20].at.utc_ns)
            assert unit[UNIT.size :].endswith(CAMERA[20].data)

    asyncio.run(watched())


def test_who_cannot_play_h265_gets_the_sub_stream_and_is_told(parts: ServerParts) -> None:
    async def watched() -> None:
        feed(parts, hevc(CAMERA[:3]))
        feed(parts, SUB[:3])
        async with watching(parts, "?can=avc1") as socket:
            about = await begun(socket)
            assert (about["stream"], about["transcoded"]) == ("sub", False)
            assert "cannot play" in str(about["why"])

    asyncio.run(watched())


def test_without_a_sub_stream_it_is_transcoded_on_demand_and_told(parts: ServerParts) -> None:
    async def watched() -> None:
        codec = Codec("mjpeg", b"", 64, 48)
        jpeg = [replace(packet, codec=codec, key=True, data=JPEG) for packet in CAMERA]
        feed(parts, jpeg[:1])
        async with watching(parts) as socket:
            for packet in jpeg[1:]:
                parts.live.feed(packet)
                await asyncio.sleep(0.02)
            about = await begun(socket)
            assert (about["stream"], about["transcoded"]) == ("main", True)
            assert str(about["mime"]).startswith('video/mp4; codecs="avc1.')
            assert isinstance(await socket.receive(), bytes)
            assert parts.live.encoding() == 1
        assert parts.live.encoding() == 0

    asyncio.run(watched())


def test_a_stream_that_becomes_h265_is_chosen_anew(parts: ServerParts) -> None:
    async def watched() -> None:
        feed(parts, CAMERA[:3])
        feed(parts, SUB[:3])
        async with watching(parts) as socket:
            assert (await begun(socket))["stream"] == "main"
            await socket.receive()
            feed(parts, [replace(packet, run=2) for packet in hevc(CAMERA[20:23])])
            again = await begun(socket)
            assert again["stream"] == "sub"

    asyncio.run(watched())


def test_silence_is_told_and_so_is_its_end(parts: ServerParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_routes, "_SILENT_S", 0.1)

    async def watched() -> None:
        feed(parts, CAMERA[:1])
        async with watching(parts) as socket:
            await begun(socket)
            await socket.receive()
            quiet = await socket.receive(2)
            assert isinstance(quiet, dict)
            assert "stands still" in quiet["why"]
            feed(parts, CAMERA[1:2])
            assert isinstance(await socket.receive(2), bytes)
            assert await socket.receive(2) == {"why": ""}

    asyncio.run(watched())


def test_a_camera_that_never_sends_is_no_endless_wait(parts: ServerParts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vedette.server.streams.FIRST_S", 0.2)

    async def watched() -> None:
        async with watching(parts) as socket:
            assert await socket.receive() is None
            assert socket.closed == (1013, "no picture has come from this camera yet")

    asyncio.run(watched())


def test_a_slow_viewer_goes_on_with_the_newest_pictures_and_slows_nobody(parts: ServerParts) -> None:
    async def watched() -> None:
        feed(parts, CAMERA[:1])
        app = create_app(parts)
        async with FakeSocket(app, LIVE, {}, FMP4) as quick, FakeSocket(app, LIVE, {}, UNITS, slow=True) as slow:
            for _ in range(3):
                await quick.receive()
                await slow.receive()
            for packet in CAMERA[1:]:
                parts.live.feed(packet)
                assert isinstance(await quick.receive(1), bytes)
            units = [cast(bytes, await slow.receive()) for _ in range(10)]
            kind, lost, utc_ns = next((row[1], row[3], row[4]) for row in map(UNIT.unpack_from, units) if row[3])
            assert (kind, lost > 20) == (1, True)
            assert utc_ns in {packet.at.utc_ns for packet in CAMERA[30:] if packet.key}

    asyncio.run(watched())


def test_a_place_is_free_again_when_a_viewer_leaves(parts: ServerParts) -> None:
    async def watched() -> None:
        feed(parts, CAMERA[:3])
        async with watching(parts), watching(parts):
            assert parts.live.viewers() == {"gate": 2}
            async with watching(parts) as third:
                assert third.status == 503
        assert parts.live.viewers() == {}
        async with watching(parts) as again:
            assert again.status == 101

    asyncio.run(watched())


def test_views_end_when_the_server_stops(parts: ServerParts) -> None:
    async def watched() -> None:
        feed(parts, CAMERA[:1])
        async with watching(parts) as socket:
            for _ in range(3):
                await socket.receive()
            parts.live.close()
            assert await socket.receive(2) is None
            assert socket.closed == (1001, "the picture has ended")

    asyncio.run(watched())


@pytest.mark.parametrize(
    ("path", "protocols", "status"),
    [
        ("/api/v1/cameras/nobody/live", [FMP4], 404),
        (LIVE, [], 400),
        (LIVE, ["chat", "vedette.fmp4 "], 400),
        (LIVE + "?can=", [FMP4], 422),
        (LIVE + "?can=vp8,av2", [FMP4], 422),
        (LIVE + "?can=" + "x" * 10_000, [FMP4], 422),
        (LIVE + "?stream=third", [FMP4], 422),
        ("/api/v1/cameras/yard/live?stream=sub", [FMP4], 422),
        ("/api/v1/nothing", [FMP4], 404),
        ("/api/v1/events?camera=nobody", [], 422),
        ("/api/v1/events?camera=" + "x" * 10_000, [], 422),
    ],
)
def test_nonsense_is_refused_with_a_status_before_anything_is_opened(
    parts: ServerParts, path: str, protocols: list[str], status: int
) -> None:
    async def refused() -> int:
        async with FakeSocket(create_app(parts), path, {}, *protocols) as socket:
            return socket.status

    assert asyncio.run(refused()) in ({status, 403} if path == "/api/v1/nothing" else {status})
    assert parts.live.viewers() == {}


def test_what_browsers_say_they_can_play() -> None:
    assert playable("avc1, HEV1,hvc1,vp09") == {"h264", "hevc"}
    with pytest.raises(Problem, match="can: name what"):
        playable("h264")
