"""What every request has to pass before anything reads it: the right host, no other site, and headers that stay strict.

The server listens on loopback only. Any page of any site that is open in a browser on the machine can nevertheless send
requests to it, or have a name of its own point to 127.0.0.1 (DNS rebinding). So the `Host` must be a name of loopback
with the right port, and what a browser says comes from elsewhere is refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vedette.model.errors import UsageError
from vedette.server.problems import document

POLICY: Final = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
        "media-src 'self' blob:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_READING: Final = frozenset({"GET", "HEAD"})


def loopback(host: str) -> str:
    """`host` as an address of loopback to listen on. Raises UsageError for any other.

    Names are not looked up: only `localhost` is known, so that no hosts file and no DNS decides who can connect.
    """
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise UsageError(
            f"the server listens on this machine only, so its host must be 127.0.0.1, ::1 or localhost, not {host!r}:"
            " there are no users and no rights yet; reach it from elsewhere through an SSH tunnel"
        )
    return str(address)


class Guard:
    """ASGI middleware: refuses what comes for another host or from another site, adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a problem document."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        fault = objection(scope)
        if fault is None:
            await self._app(scope, receive, dressed)
        else:
            await refuse(scope, receive, dressed, fault)


async def refuse(scope: Scope, receive: Receive, send: Send, fault: tuple[int, str]) -> None:
    """Answer a request or a WebSocket's handshake with a problem document."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": fault[1][:100]})
        return
    await document(*fault)(scope, receive, send)


def objection(scope: Scope) -> tuple[int, str] | None:
    """Status and reason when a request must not be served."""
    given: dict[str, list[str]] = {}
    for raw, value in scope["headers"]:
        given.setdefault(raw.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    hosts, origins, sites = (given.get(name, []) for name in ("host", "origin", "sec-fetch-site"))
    if len(hosts) != 1 or not _ours(hosts[0], scope):
        return 421, "this server answers only to http://127.0.0.1, localhost or [::1] with its own port"
    if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins):
        return 403, "requests from pages of other sites are refused"
    strange = any(site in {"cross-site", "same-site"} for site in sites)
    if strange and not (scope.get("path") == "/" and given.get("sec-fetch-mode") == ["navigate"]):
        return 403, "requests from pages of other sites are refused"
    if scope["type"] == "http" and scope["method"] not in _READING and not origins and sites not in ([], ["none"]):
        return 403, "the browser did not say which page sends this"
    return None


def _ours(host: str, scope: Scope) -> bool:
    server = scope.get("server") or ("", None)
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port or 80
    except ValueError:
        return False
    plain = parts.username is None and not parts.path and not parts.query and not parts.fragment
    return plain and (parts.hostname or "").lower() in _NAMES and port == (server[1] or 80)
