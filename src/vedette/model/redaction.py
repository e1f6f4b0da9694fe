"""Speaking of addresses without giving away passwords."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, unquote

HIDDEN: Final = "***"

_LOGIN: Final = re.compile(r"^((?:(?:[a-z][a-z0-9+.-]*:)?//|rtsps?:)?).*@", re.IGNORECASE | re.DOTALL)
_LOGIN_INSIDE: Final = re.compile(r"((?:\b[a-z][a-z0-9+.-]*:)?//|\brtsps?:).*@", re.IGNORECASE)
_SECRET: Final = re.compile(
    r"([a-z0-9]*(?:pass|pwd|psw|secret|token|auth|key|sign|user|usr|login)[a-z0-9]*=)[^&;\s]*", re.IGNORECASE
)
_SAID: Final = re.compile(
    r"""(["']?\b[\w-]*(?:passw|passphrase|pwd|secret|token|authorization|cookie|credential)[\w-]*["']?\s*[:=]\s*)
        (?:(?:basic|bearer|digest)\s+[^\r\n]*|"[^"\r\n]*"|'[^'\r\n]*'|[^\s,;}\]]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_SECRET_NAME: Final = re.compile(
    r"pass|pwd|psw|secret|token|authorization|credential|cookie|api_?key|private_?key|session_?id", re.IGNORECASE
)
_SHORTEST: Final = 4
"""Shorter secrets are left to the patterns: hiding every `a` of a text says more than it hides."""


def redact(address: str) -> str:
    """`address` fit for messages and logs: on one line, without user name, password and what else grants access.

    Where it is unclear how much belongs to a password (an `@` or `/` that was not percent-encoded), more is hidden and
    not less. Values of query fields whose name sounds like a secret are hidden too.
    """
    hidden = _SECRET.sub(rf"\1{HIDDEN}", _LOGIN.sub(rf"\1{HIDDEN}@", address))
    return "".join(c if c.isprintable() else "?" for c in hidden)


class Redactor:
    """Hides secrets in whatever is to be logged.

    secrets  words that must never be seen, beside everything that looks like a secret
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in (secret, unquote(secret), quote(secret, safe=""))}
        known = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)
        self._known = re.compile("|".join(re.escape(form) for form in known)) if known else None

    def text(self, text: str) -> str:
        """`text`, of one or several lines, without addresses' logins and without what is said after words of secrecy.

        Within a line, everything from an address's beginning to the last `@` is hidden.
        """
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        text = _LOGIN_INSIDE.sub(rf"\1{HIDDEN}@", text)
        return _SAID.sub(rf"\1{HIDDEN}", _SECRET.sub(rf"\1{HIDDEN}", text))

    def value(self, value: object, depth: int = 6) -> object:
        """The same for text inside of mappings, lists and tuples; what is named like a secret is hidden whole."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._inside(value, depth - 1) if depth else HIDDEN

    def _inside(self, value: object, depth: int) -> object:
        if isinstance(value, Mapping):
            return {self.text(str(name)): self._named(str(name), entry, depth) for name, entry in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(entry, depth) for entry in value]
        if isinstance(value, bytes | bytearray):
            return f"{len(value)} bytes"
        return self.text(str(value))

    def _named(self, name: str, value: object, depth: int) -> object:
        secret = _SECRET_NAME.search(name) and not isinstance(value, bool | None)
        return HIDDEN if secret else self.value(value, depth)
