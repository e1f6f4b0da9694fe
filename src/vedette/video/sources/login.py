"""Proving who we are to a camera, without shouting the password across the network."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from vedette.model.errors import SourceDenied

_FIELD: Final = re.compile(r'([a-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', re.IGNORECASE)
_SCHEME: Final = re.compile(r"\s*(basic|digest)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Login:
    """User and password of an address.

    encrypted    the connection is, so that a password in clear is read by nobody else
    allow_basic  send the password in clear also where it is not
    """

    user: str = field(repr=False)
    password: str = field(repr=False)
    encrypted: bool
    allow_basic: bool

    def answer(self, offers: Sequence[str], method: str, target: str) -> str:
        """The Authorization header for the WWW-Authenticate headers `offers`. Raises SourceDenied where none does."""
        digests = [_fields(offer) for offer in offers if _scheme(offer) == "digest"]
        usable = [fields for fields in digests if fields.get("algorithm", "MD5").upper() in ("MD5", "MD5-SESS")]
        if usable:
            return self._digest(usable[0], method, target)
        if digests:
            raise SourceDenied("asks for a login by another digest than MD5, which FFmpeg does not know: offer MD5 too")
        if not any(_scheme(offer) == "basic" for offer in offers):
            raise SourceDenied("asks for a login of a kind that is not known: set it to digest in the camera")
        if not self.encrypted and not self.allow_basic:
            raise SourceDenied(
                "wants the password in clear (basic), which everybody on the network can read: set the camera to digest"
                " or to encryption, or else allow it with the option allow_basic"
            )
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def _digest(self, fields: Mapping[str, str], method: str, target: str) -> str:
        """RFC 2617 3.2.2, with which cameras still sign."""
        realm, nonce, quality = fields.get("realm", ""), fields.get("nonce", ""), _quality(fields)
        once = secrets.token_hex(8)
        secret = _md5(f"{self.user}:{realm}:{self.password}")
        if fields.get("algorithm", "").upper() == "MD5-SESS":
            secret = _md5(f"{secret}:{nonce}:{once}")
        middle = f"{nonce}:00000001:{once}:{quality}" if quality else nonce
        response = _md5(f"{secret}:{middle}:{_md5(f'{method}:{target}')}")
        given = {"username": self.user, "realm": realm, "nonce": nonce, "uri": target, "response": response}
        if "opaque" in fields:
            given["opaque"] = fields["opaque"]
        text = "Digest " + ", ".join(f'{key}="{value}"' for key, value in given.items())
        if "algorithm" in fields:
            text += f", algorithm={fields['algorithm']}"
        return text + (f', qop={quality}, nc=00000001, cnonce="{once}"' if quality else "")


def login_of(address: str, *, allow_basic: bool) -> Login | None:
    """The login that stands in `address`, None when there is none."""
    parts = urlsplit(address)
    if "@" not in parts.netloc:
        return None
    return Login(
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        encrypted=parts.scheme in ("rtsps", "https"),
        allow_basic=allow_basic,
    )


def unchecked_encryption() -> ssl.SSLContext:
    """Encryption as cameras know it: with certificates that they signed themselves, and ciphers of their time."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def _scheme(offer: str) -> str:
    match = _SCHEME.match(offer)
    return match[1].lower() if match else ""


def _fields(offer: str) -> dict[str, str]:
    return {name.lower(): quoted or bare for name, quoted, bare in _FIELD.findall(offer)}


def _quality(fields: Mapping[str, str]) -> str:
    return "auth" if "auth" in [word.strip() for word in fields.get("qop", "").split(",")] else ""


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
