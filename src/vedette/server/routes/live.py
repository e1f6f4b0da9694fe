"""Live pictures over a WebSocket.

Subprotocol `vedette.fmp4`: fragmented MP4 for Media Source Extensions, one fragment per frame. `vedette.units`: access
units with their capture times for WebCodecs. Binary messages hold these. Text messages are JSON: one with `mime` begins
a stream, the first one and every further one; the binary message after it is its header. Others only tell `why` there
is no picture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from vedette.server.access import needs
from vedette.server.parts import Camera, Parts, stream_named
from vedette.server.problems import Problem
from vedette.server.sockets import until_gone
from vedette.server.streams import FAMILIES, LiveStreams, playable
from vedette.video.live.hub import Chunk, Shape, Viewer

router = APIRouter(tags=["live"])

SHAPES: Final[Mapping[str, Shape]] = {"vedette.fmp4": "mp4", "vedette.units": "units"}
_SILENT_S: Final = 4.0
_CHOOSE_S: Final = 0.5
_TRY_AGAIN: Final = 1013


@router.websocket("/cameras/{camera}/live", dependencies=[needs("live")])
async def watch(
    socket: WebSocket,
    facts: Camera,
    parts: Parts,
    *,
    can: Annotated[str, Query(max_length=100)] = "avc1",
    stream: Annotated[str | None, Query(max_length=16)] = None,
) -> None:
    """Live pictures; `can` says what the browser can play."""
    name, accepts = stream_named(stream, facts), playable(can)
    protocol = next((offered for offered in socket.scope.get("subprotocols", ()) if offered in SHAPES), None)
    if protocol is None:
        raise Problem(400, f"name a subprotocol: {' or '.join(SHAPES)}")
    with parts.live.watching(facts.id):
        await socket.accept(protocol)
        view = _View(socket, parts.live, _Asked(facts.id, name, SHAPES[protocol], accepts))
        tasks = {asyncio.create_task(part) for part in (view.show(), view.tell_of_silence(), until_gone(socket))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            with suppress(WebSocketDisconnect):
                task.result()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a client asks for; `can`: the codecs that it plays."""

    camera: str
    stream: str
    shape: Shape
    can: frozenset[str]


class _View:
    """What one client watches."""

    def __init__(self, socket: WebSocket, live: LiveStreams, asked: _Asked) -> None:
        self._socket, self._live, self._asked = socket, live, asked
        self._sent = 0
        self._why = ""

    async def show(self) -> None:
        """Send pictures until the server stops; a codec that the client cannot play begins another choice."""
        asked = self._asked
        while True:
            if not await self._live.known(asked.camera, asked.stream, asked.can):
                await self._socket.close(_TRY_AGAIN, "no picture has come from this camera yet")
                return
            with self._live.joined(asked.camera, asked.stream, asked.shape, asked.can) as viewer:
                if not await self._pass_on(viewer):
                    await self._socket.close(1001, "the picture has ended")
                    return
            await asyncio.sleep(_CHOOSE_S)

    async def _pass_on(self, viewer: Viewer) -> bool:
        """Send what comes; True when what begins now has to be chosen anew."""
        async for chunk in viewer:
            if chunk.kind == "init":
                if not self._playable(chunk):
                    return True
                await self._begin(viewer, chunk)
            await self._socket.send_bytes(chunk.data)
            self._sent += 1
        return False

    def _playable(self, chunk: Chunk) -> bool:
        return any(f'"{family}' in chunk.mime for family, name in FAMILIES.items() if name in self._asked.can)

    async def _begin(self, viewer: Viewer, chunk: Chunk) -> None:
        offer = viewer.offer
        self._why = offer.text
        await self._socket.send_json(
            {"mime": chunk.mime, "stream": offer.stream, "transcoded": offer.transcoded, "why": offer.text}
        )

    async def tell_of_silence(self) -> None:
        """Say when pictures stop, and when they come again."""
        sent, silent = 0, False
        while True:
            await asyncio.sleep(_SILENT_S)
            if (self._sent == sent) is not silent:
                silent = not silent
                await self._socket.send_json({"why": self._silence() if silent else self._why})
            sent = self._sent

    def _silence(self) -> str:
        if self._sent:
            return "no picture comes from this camera; the last one stands still"
        return "no picture has come from this camera yet"
