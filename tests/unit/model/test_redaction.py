from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.model.redaction import Redactor, redact


def test_an_address_is_shown_without_its_login() -> None:
    assert redact("rtsp://user:p@ss@camera/live?token=abc&x=1") == "rtsp://***@camera/live?token=***&x=1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://user:secret@192.0.2.7/live broke off", "rtsp://***@192.0.2.7/live broke off"),
        ("cannot open 'rtsp://user:se cr@et@cam/x': refused", "cannot open 'rtsp://***@cam/x': refused"),
        ("first http://a:b@c/\nsecond srt://d:e@f/", "first http://***@c/\nsecond srt://***@f/"),
        ("postgresql+psycopg://vedette:secret@db/vedette", "postgresql+psycopg://***@db/vedette"),
        ("rtsp:user:secret@camera", "rtsp:***@camera"),
        ("GET /x?password=abc&y=2", "GET /x?password=***"),  # more is hidden, not less
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: ***"),
        ('Authorization: Digest username="u", response="r"', "Authorization: ***"),
        ('{"password": "my pass", "x": 1}', '{"password": ***, "x": 1}'),
        ("Set-Cookie: session=abc; HttpOnly", "Set-Cookie: ***; HttpOnly"),
        ("write to us at mail@example.org", "write to us at mail@example.org"),
        ("25 fps at 40 ms", "25 fps at 40 ms"),
    ],
)
def test_text(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


def test_known_secrets_are_hidden_in_every_form_and_place() -> None:
    hide = Redactor(["p@ss word", "abc"])
    assert hide.text("tried p@ss word, then p%40ss%20word, abc") == "tried ***, then ***, abc"
    assert Redactor(["p%40ssword"]).text("it was p@ssword") == "it was ***"


def test_fields_named_like_secrets_are_hidden_whole() -> None:
    shown = Redactor().value(
        {
            "password": "x",
            "api_key": 7,
            "key": True,
            "has_token": False,
            "deep": [{"url": "rtsp://a:b@c"}, ("x", b"123")],
        }
    )
    assert shown == {
        "password": "***",
        "api_key": "***",
        "key": True,
        "has_token": False,
        "deep": [{"url": "rtsp://***@c"}, ["x", "3 bytes"]],
    }


def test_what_contains_itself_ends() -> None:
    loop: list[object] = []
    loop.append(loop)
    assert "***" in str(Redactor().value(loop))


@given(st.text(st.characters(exclude_characters="*\r\n", exclude_categories=("C", "Z")), min_size=1))
def test_no_password_comes_through(password: str) -> None:
    marked = f"<{password}>"
    assert marked not in Redactor().text(f"camera gate: rtsp://user:{marked}@camera/live did not answer")
