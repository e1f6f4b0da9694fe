"""Logins as cameras ask for them: basic (RFC 7617) and digest with MD5 or SHA-256 (RFC 7616)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from typing import Final

from vedette.simulator.cameras.spec import Authentication

_PAIR: Final = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')


class Gate:
    """Checks the logins of one connection."""

    def __init__(self, login: str, realm: str, authentication: Authentication) -> None:
        self._user, _, self._password = login.partition(":")
        self._realm, self._way = realm, authentication
        self._nonce = secrets.token_hex(16)

    def challenge(self) -> str:
        """The header WWW-Authenticate."""
        if self._way == "basic":
            return f'Basic realm="{self._realm}"'
        algorithm = 'algorithm=SHA-256, qop="auth"' if self._way == "digest-sha256" else "algorithm=MD5"
        return f'Digest realm="{self._realm}", nonce="{self._nonce}", {algorithm}'

    def admits(self, method: str, header: str) -> bool:
        """Whether the header Authorization of a request has the right password."""
        scheme, _, rest = header.strip().partition(" ")
        if self._way == "basic":
            return scheme.lower() == "basic" and self._basic(rest)
        return scheme.lower() == "digest" and self._digest(method, rest)

    def _basic(self, text: str) -> bool:
        try:
            given = base64.b64decode(text.strip(), validate=True)
        except binascii.Error:
            return False
        return hmac.compare_digest(given, f"{self._user}:{self._password}".encode())

    def _digest(self, method: str, text: str) -> bool:
        given = {name.lower(): quoted or plain for name, quoted, plain in _PAIR.findall(text)}
        if given.get("username") != self._user or given.get("nonce") != self._nonce:
            return False
        secret = self._hash(f"{self._user}:{self._realm}:{self._password}")
        asked = self._hash(f"{method}:{given.get('uri', '')}")
        middle = [self._nonce]
        if "qop" in given:
            middle += [given.get("nc", ""), given.get("cnonce", ""), given["qop"]]
        right = self._hash(":".join([secret, *middle, asked]))
        return hmac.compare_digest(right, given.get("response", "").lower())

    def _hash(self, text: str) -> str:
        if self._way == "digest-sha256":
            return hashlib.sha256(text.encode()).hexdigest()
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
