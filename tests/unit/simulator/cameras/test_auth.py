import base64
import hashlib
import re
from collections.abc import Callable

import pytest

from vedette.simulator.cameras.auth import Gate
from vedette.simulator.cameras.spec import Authentication

LOGIN = "guard:p@ss:w/rd"
URL = "rtsp://127.0.0.1:8554/front/main"
HASHES: dict[Authentication, Callable[[str], str]] = {
    "digest": lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
    "digest-sha256": lambda text: hashlib.sha256(text.encode()).hexdigest(),
}


def nonce_of(gate: Gate) -> str:
    found = re.search(r'nonce="(\w+)"', gate.challenge())
    assert found is not None
    return found[1]


def response(way: Authentication, gate: Gate, *, password: str = "p@ss:w/rd", qop: bool = False) -> str:  # noqa: S107
    made, nonce = HASHES[way], nonce_of(gate)
    secret, asked = made(f"guard:camera:{password}"), made(f"DESCRIBE:{URL}")
    middle = f"{nonce}:00000001:c0ffee:auth" if qop else nonce
    extra = ', qop=auth, nc=00000001, cnonce="c0ffee"' if qop else ""
    proof = made(f"{secret}:{middle}:{asked}")
    return f'Digest username="guard", realm="camera", nonce="{nonce}", uri="{URL}", response="{proof}"{extra}'


@pytest.mark.parametrize("way", ["digest", "digest-sha256"])
@pytest.mark.parametrize("qop", [False, True])
def test_digest(way: Authentication, *, qop: bool) -> None:
    gate = Gate(LOGIN, "camera", way)
    assert gate.admits("DESCRIBE", response(way, gate, qop=qop))
    assert not gate.admits("SETUP", response(way, gate, qop=qop)), "the method is part of it"
    assert not gate.admits("DESCRIBE", response(way, gate, qop=qop, password="guess"))  # noqa: S106
    assert not gate.admits("DESCRIBE", response(way, Gate(LOGIN, "camera", way), qop=qop)), "another nonce"


def test_basic() -> None:
    gate = Gate(LOGIN, "camera", "basic")
    assert gate.challenge() == 'Basic realm="camera"'
    assert gate.admits("DESCRIBE", "Basic " + base64.b64encode(LOGIN.encode()).decode())
    assert not gate.admits("DESCRIBE", "Basic " + base64.b64encode(b"guard:guess").decode())


@pytest.mark.parametrize("way", ["digest", "digest-sha256", "basic"])
@pytest.mark.parametrize("header", ["", "Digest", "Basic", "Basic !!", "Digest username=", "Bearer x", "Digest ,,,=="])
def test_nonsense_is_not_admitted(way: Authentication, header: str) -> None:
    assert not Gate(LOGIN, "camera", way).admits("DESCRIBE", header)
