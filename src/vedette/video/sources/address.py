"""Addresses of cameras, and how to speak of them without giving away passwords."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from vedette.model.errors import UsageError

_LOGIN: Final = re.compile(r"^((?:(?:[a-z][a-z0-9+.-]*:)?//|rtsps?:)?).*@", re.IGNORECASE | re.DOTALL)
_SECRET: Final = re.compile(
    r"([a-z0-9]*(?:pass|pwd|psw|secret|token|auth|key|sign|user|usr|login)[a-z0-9]*=)[^&;\s]*", re.IGNORECASE
)
HIDDEN: Final = "***"


def redact(address: str) -> str:
    """`address` fit for messages and logs: on one line, without user name, password and what else grants access.

    Where it is unclear how much belongs to a password (an `@` or `/` that was not percent-encoded), more is hidden and
    not less. Values of query fields whose name sounds like a secret are hidden too.
    """
    hidden = _SECRET.sub(rf"\1{HIDDEN}", _LOGIN.sub(rf"\1{HIDDEN}@", address))
    return "".join(c if c.isprintable() else "?" for c in hidden)


def network_address(address: str, schemes: tuple[str, ...]) -> tuple[str, int | None]:
    """Host and port of `address`. Raises UsageError when it is no address of one of `schemes`."""
    shown = redact(address)
    example = f"{schemes[0]}://user:password@192.0.2.7/stream"
    if any(not c.isprintable() or c.isspace() for c in address):
        raise UsageError(f"{shown} has spaces or control characters: percent-encode them, a space is %20")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(
            f"{shown} is not an address: write it like {example}, "
            "with : / ? # in the password as %3A %2F %3F %23, an at sign as %40"
        ) from None
    if parts.scheme not in schemes or not host:
        raise UsageError(f"{shown} is not an address of a camera: write it like {example}")
    return host, port
