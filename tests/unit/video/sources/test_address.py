"""Camera addresses in messages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.model.errors import UsageError
from vedette.video.sources.address import network_address, redact


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://192.0.2.7/live", "rtsp://192.0.2.7/live"),
        ("rtsp://user:secret@192.0.2.7:554/live", "rtsp://***@192.0.2.7:554/live"),
        ("rtsp://user@camera/live", "rtsp://***@camera/live"),
        ("rtsp://:secret@camera/", "rtsp://***@camera/"),
        ("rtsp://user:p%40ss%3Aw@camera/", "rtsp://***@camera/"),
        ("rtsp://user:p@ss:w@camera/", "rtsp://***@camera/"),
        ("rtsp://user:se/cr?et#x@camera/", "rtsp://***@camera/"),
        ("RTSPS://user:secret@[2001:db8::1]:322/x", "RTSPS://***@[2001:db8::1]:322/x"),
        ("rtsp:user:secret@camera", "rtsp:***@camera"),
        ("user:secret@camera/live", "***@camera/live"),
        (
            "rtsp://camera/live?user=admin&password=secret&channel=1",
            "rtsp://camera/live?user=***&password=***&channel=1",
        ),
        ("rtsp://camera/user=admin_password=secret_channel=1", "rtsp://camera/user=***"),
        ("rtsp://camera/live?auth_token=secret", "rtsp://camera/live?auth_token=***"),
        ("rtsp://user:sec\nret@camera/\x1b[2J", "rtsp://***@camera/?[2J"),
    ],
)
def test_redact(address: str, shown: str) -> None:
    assert redact(address) == shown


@given(st.text(st.characters(exclude_characters="*"), min_size=1))
def test_no_password_comes_through(password: str) -> None:
    marked = f"<{password}>"
    assert marked not in redact(f"rtsp://user:{marked}@camera/live")
    assert redact(f"rtsp://user:{marked}@camera/live") == "rtsp://***@camera/live"


def test_host_and_port() -> None:
    assert network_address("rtsp://u:p%40@192.0.2.7:8554/x", ("rtsp",)) == ("192.0.2.7", 8554)
    assert network_address("rtsps://[2001:db8::1]/x", ("rtsp", "rtsps")) == ("2001:db8::1", None)


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://",
        "rtsp:///live",
        "http://192.0.2.7/live",
        "192.0.2.7",
        "rtsp://u:secret@192.0.2.7:port/live",
        "rtsp://u:secret@192.0.2.7:99999/live",
        "rtsp://u:secret@[2001:db8::1/live",
        "rtsp://u:secret@192.0.2.7/live\r\nX-Header: 1",
        "rtsp://u:se cret@192.0.2.7/live",
        "file:///etc/passwd",
        "",
    ],
)
def test_what_is_no_address_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        network_address(address, ("rtsp", "rtsps"))
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
