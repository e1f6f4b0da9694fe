"""Proving who we are: what is sent, and what never."""

from __future__ import annotations

import base64
import re

import pytest

from vedette.model.errors import SourceDenied
from vedette.video.sources.login import Login, login_of

PLAIN = Login("Mufasa", "Circle Of Life", encrypted=False, allow_basic=False)
BASIC = 'Basic realm="camera"'
DIGEST = 'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b", opaque="5ccc"'


def fields(text: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="?([^",]*)"?', text.removeprefix("Digest ")))


def test_digest_of_the_old_kind() -> None:
    """Computed by hand after RFC 2069: MD5(MD5(user:realm:password):nonce:MD5(method:uri))."""
    made = fields(PLAIN.answer(['Digest realm="r", nonce="n"'], "DESCRIBE", "rtsp://c/s"))
    assert made["response"] == "4bff7d1f01afc6421609ce9e5efb4cb9"
    assert "qop" not in made
    assert "cnonce" not in made


def test_digest_answers_all_that_was_asked() -> None:
    made = fields(PLAIN.answer([DIGEST], "DESCRIBE", "rtsp://c/s"))
    assert (made["username"], made["realm"], made["opaque"]) == ("Mufasa", "testrealm@host.com", "5ccc")
    assert (made["qop"], made["nc"], made["uri"]) == ("auth", "00000001", "rtsp://c/s")


def test_digest_goes_before_basic_in_any_order() -> None:
    for offers in ([BASIC, DIGEST], [DIGEST, BASIC]):
        assert PLAIN.answer(offers, "GET", "/").startswith("Digest ")


def test_password_never_stands_in_it() -> None:
    assert "Circle" not in PLAIN.answer([DIGEST], "GET", "/")
    assert "Circle" not in repr(PLAIN)
    assert "Mufasa" not in repr(PLAIN)


@pytest.mark.parametrize("offers", [[BASIC], ["basic realm=x"], [BASIC, "Negotiate"]])
def test_basic_is_refused_in_clear(offers: list[str]) -> None:
    with pytest.raises(SourceDenied, match="wants the password in clear"):
        PLAIN.answer(offers, "GET", "/")


@pytest.mark.parametrize(("encrypted", "allowed"), [(True, False), (False, True), (True, True)])
def test_basic_where_nobody_reads_it_or_somebody_allowed_it(encrypted: bool, allowed: bool) -> None:
    login = Login("a", "b:c", encrypted=encrypted, allow_basic=allowed)
    assert login.answer([BASIC], "GET", "/") == "Basic " + base64.b64encode(b"a:b:c").decode()


@pytest.mark.parametrize("offers", [[], ["Negotiate"], ["Bearer x"], [""]])
def test_logins_of_other_kinds(offers: list[str]) -> None:
    with pytest.raises(SourceDenied, match="not known"):
        PLAIN.answer(offers, "GET", "/")


def test_of_several_digests_the_one_that_ffmpeg_knows_too() -> None:
    made = fields(PLAIN.answer(['Digest realm="r", nonce="1", algorithm=SHA-256', DIGEST], "GET", "/"))
    assert made["nonce"] == "dcd98b"
    with pytest.raises(SourceDenied, match="another digest"):
        PLAIN.answer(['Digest realm="r", nonce="1", algorithm=SHA-256'], "GET", "/")


def test_of_an_address() -> None:
    login = login_of("rtsp://us%40er:p%3A%2F@c/s", allow_basic=False)
    assert login is not None
    assert (login.user, login.password, login.encrypted) == ("us@er", "p:/", False)
    assert login_of("rtsp://c/s", allow_basic=True) is None
