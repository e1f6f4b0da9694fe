import asyncio

import pytest
from fastapi import FastAPI

from server_parts import HOST, FakeSocket, ask, server_parts
from vedette.model.errors import UsageError
from vedette.server.app import create_app
from vedette.server.guard import HEADERS, POLICY, loopback


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(server_parts())


def handshake(app: FastAPI, headers: dict[str, str]) -> int:
    async def shaken() -> int:
        async with FakeSocket(app, "/api/v1/events", headers) as socket:
            return socket.status

    return asyncio.run(shaken())


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("127.0.0.5", "127.0.0.5"),
    ],
)
def test_listens_on_loopback(host: str, address: str) -> None:
    assert loopback(host) == address


@pytest.mark.parametrize(
    "host", ["", "0.0.0" + ".0", "::", "192.168.1.5", "example.org", "localhost.evil.org", "127.1", "*"]
)
def test_refuses_to_listen_anywhere_else_in_one_clear_line(host: str) -> None:
    with pytest.raises(UsageError, match="listens on this machine only") as caught:
        loopback(host)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8420", "localhost:8420", "LOCALHOST:8420", "[::1]:8420"])
def test_answers_to_names_of_loopback(app: FastAPI, host: str) -> None:
    assert ask(app, "/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8420", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8421", "localhost.evil.example:8420", "",
        "user@127.0.0.1:8420", "127.0.0.1:8420/x", "127.0.0.1:8420?x", "127.0.0.1:8420#x", "127.0.0.1:99999",
        "127.0.0.1:8420x", "[::1:8420", "192.168.1.5:8420", "x" * 10_000,
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/cameras"])
def test_a_name_that_was_made_to_point_here_gets_nothing(app: FastAPI, host: str, path: str) -> None:
    answer = ask(app, path, headers={"Host": host})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"
    assert "evil" not in answer.text


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://127.0.0.1:8420", "http://127.0.0.1:3000", "http://localhost:8420", "null", "",
     "http://127.0.0.1:8420.evil.example", "http://127.0.0.1:8420, http://evil.example"],
)  # fmt: skip
def test_pages_of_other_sites_get_nothing(app: FastAPI, origin: str) -> None:
    assert ask(app, "/api/v1/cameras", headers={"Origin": origin}).status_code == 403
    assert handshake(app, {"Origin": origin}) == 403


def test_its_own_page_gets_everything(app: FastAPI) -> None:
    own = {"Origin": HOST, "Sec-Fetch-Site": "same-origin", "Host": "127.0.0.1:8420"}
    assert ask(app, "/api/v1/cameras", headers=own).status_code == 200
    assert handshake(app, own) == 101


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_can_link_to_the_page_but_show_no_picture_of_it(app: FastAPI, site: str) -> None:
    picture = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert ask(app, "/api/v1/cameras", headers=picture).status_code == 403
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert ask(app, "/", headers=link).status_code == 200
    assert ask(app, "/api/v1/cameras", headers=link).status_code == 403


@pytest.mark.parametrize("path", ["/", "/pages/page.js", "/healthz", "/api/v1/cameras", "/api/v1/nothing", "/nothing"])
def test_every_answer_carries_the_strict_headers_and_no_cors(app: FastAPI, path: str) -> None:
    answer = ask(app, path)
    assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_no_other_site_is_asked_whether_it_may(app: FastAPI) -> None:
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"}
    answer = ask(app, "/api/v1/cameras", method="OPTIONS", headers=asked)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_the_policy_allows_no_inline_script_and_no_other_host() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert POLICY.startswith("default-src 'none'")
