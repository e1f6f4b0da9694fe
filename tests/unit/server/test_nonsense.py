"""Whatever is sent as a parameter, the answer is a problem document that says which one is wrong, at modest length."""

import pytest
from fastapi import FastAPI

from server_parts import FakeRecordings, ask, segment, server_parts
from vedette.server.app import create_app

LONG = "9" * 10_000
TEXTS = ["", " ", "NaN", "-1", "1e999", "Infinity", LONG, "../../etc/passwd", "'; DROP TABLE events",
         "\u202egnp", "\x00",
         "<img onerror=1>", "$(id)", "[]", "2023-11-14", "2023-11-14T22:13:20", "2023-02-30T00:00:00Z",
         "2023-11-14T25:00:00Z", "2023-11-14T23:59:60Z", "1969-12-31T23:59:59Z", "2100-01-02T00:00:00Z",
         "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2023-11-14T22:13:20+99:99",
         "\u0662\u0660\u0662\u0663-11-14T22:13:20Z"]  # fmt: skip
TIME = "2023-11-14T22:13:20Z"


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return create_app(server_parts(recordings=FakeRecordings([segment(1, 0, 60)])))


def refused(app: FastAPI, path: str, **params: str) -> dict[str, object]:
    answer = ask(app, path, params=params)
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 3000
    body: dict[str, object] = answer.json()
    assert body["status"] == answer.status_code
    assert {"type", "title", "detail"} <= set(body)
    return body


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", ["start", "end"])
@pytest.mark.parametrize("path", ["/api/v1/events", "/api/v1/incidents", "/api/v1/cameras/gate/timeline"])
def test_times(app: FastAPI, path: str, name: str, text: str) -> None:
    assert name in str(refused(app, path, **{name: text})["detail"])


@pytest.mark.parametrize("text", [*TEXTS, "0", "501", "1.5"])
def test_limit(app: FastAPI, text: str) -> None:
    if text != "1.0":
        assert "limit" in str(refused(app, "/api/v1/events", limit=text)["detail"])


@pytest.mark.parametrize("text", [text for text in TEXTS if text] + ["\u0663", "9223372036854775808"])
@pytest.mark.parametrize("name", ["cursor", "incident"])
def test_numbers(app: FastAPI, name: str, text: str) -> None:
    assert name in str(refused(app, "/api/v1/events", **{name: text})["detail"])


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("name", ["camera", "severity"])
def test_names(app: FastAPI, name: str, text: str) -> None:
    assert name in str(refused(app, "/api/v1/incidents", **{name: text})["detail"])


@pytest.mark.parametrize("text", [*TEXTS, "0", "0.5", "86401", "1"])
def test_resolution(app: FastAPI, text: str) -> None:
    assert "resolution" in str(refused(app, "/api/v1/cameras/gate/timeline", resolution=text)["detail"])


@pytest.mark.parametrize(
    "name", ["nobody", "GATE", "gate ", "..", "%2e%2e", "x" * 10_000, "<img>", "%00", "gate%2f..%2fyard"]
)
def test_unknown_cameras(app: FastAPI, name: str) -> None:
    assert refused(app, f"/api/v1/cameras/{name}")["status"] == 404
    assert refused(app, f"/api/v1/cameras/{name}/timeline")["status"] == 404


def test_reversed_empty_and_too_long_spans(app: FastAPI) -> None:
    path = "/api/v1/cameras/gate/timeline"
    later = "2023-11-14T22:13:21Z"
    assert "before end" in str(refused(app, path, start=later, end=TIME)["detail"])
    assert "before end" in str(refused(app, path, start=TIME, end=TIME)["detail"])
    assert "which is now" in str(refused(app, path, start=later)["detail"])
    assert "744 hours" in str(refused(app, path, start="2023-10-01T00:00:00Z", end=TIME)["detail"])
    assert "before end" in str(refused(app, "/api/v1/events", start=later, end=TIME)["detail"])


def test_a_plus_that_became_a_space_is_explained(app: FastAPI) -> None:
    assert "%2B" in str(refused(app, "/api/v1/events", start="2023-11-14T22:13:20 02:00")["detail"])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/api/v1/cameras", "/api/v1/events", "/", "/metrics"])
def test_nothing_can_be_changed(app: FastAPI, method: str, path: str) -> None:
    answer = ask(app, path, method=method)
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/v1", "/docs", "/redoc", "/pages/", "/pages/../app.py", "/pages/%2e%2e%2fapp.py"]
)
def test_what_is_not_there(app: FastAPI, path: str) -> None:
    assert refused(app, path)["status"] == 404


def test_the_interface_describes_itself(app: FastAPI) -> None:
    described = ask(app, "/api/v1/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert "/api/v1/cameras/{camera}/timeline" in described["paths"]
    operations = [one["operationId"] for path in described["paths"].values() for one in path.values()]
    assert len(set(operations)) == len(operations)
