"""The one place that decides who may do what.

Nobody signs in yet: the server listens on loopback only, and whoever can reach it may read everything. Every route
names the right it needs, so that users and roles have one function to grow into.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Literal

from fastapi import params
from starlette.requests import HTTPConnection

Right = Literal["live", "playback", "events", "health"]


def needs(right: Right) -> params.Depends:
    """A dependency that lets a request pass when its sender has `right` (for the camera in its path)."""
    return params.Depends(_check(right))


def _check(right: Right) -> Callable[[HTTPConnection], Coroutine[Any, Any, None]]:
    async def check(connection: HTTPConnection) -> None:
        connection.state.right = right

    return check
