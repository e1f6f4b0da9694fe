"""What all WebSockets have in common."""

from __future__ import annotations

from fastapi import WebSocket


async def until_gone(socket: WebSocket) -> None:
    """Return when the client has closed. What it sends is read and dropped: nothing is asked of it."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
