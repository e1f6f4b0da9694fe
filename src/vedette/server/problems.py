"""Errors as RFC 9457 problem documents, whatever went wrong and wherever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, WebSocket
from fastapi.exceptions import RequestValidationError, ValidationException, WebSocketRequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocketState

from vedette.model.errors import DatabaseError, FileMissing, StorageError, UsageError, VedetteError

PROBLEM: Final = "application/problem+json"
_SHOWN: Final = 300
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}

_STATUS: Final[Sequence[tuple[type[VedetteError], int]]] = (
    (UsageError, 422),
    (FileMissing, 410),
    (DatabaseError, 503),
    (StorageError, 503),
)


class Problem(Exception):
    """A request that gets an error for an answer.

    status  of HTTP
    detail  one line for a person: what is wrong, and what to do
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: object) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, dict(headers or {}), more


def document(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: object) -> JSONResponse:
    """The answer for a problem; `more` are further members of the document."""
    title = _PHRASES.get(status, "Error")
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": cut(detail), **more}
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=PROBLEM)


def of(error: VedetteError) -> Problem:
    """How an error of the house is told to a client."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return Problem(status, str(error), {"Retry-After": "2"} if status == 503 else None)


def cut(text: str) -> str:
    """`text`, shortened: what a client sent is not sent back to it at length."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "\u2026"


def answer_with_problems(app: FastAPI) -> None:
    """Let every error of `app` be answered with a problem document, also one before a WebSocket is accepted."""

    @app.exception_handler(Problem)
    async def _problem(connection: HTTPConnection, error: Problem) -> Response:
        return await _told(connection, document(error.status, error.detail, error.headers, **error.more))

    @app.exception_handler(VedetteError)
    async def _house(connection: HTTPConnection, error: VedetteError) -> Response:
        known = of(error)
        return await _told(connection, document(known.status, known.detail, known.headers))

    @app.exception_handler(HTTPException)
    async def _http(connection: HTTPConnection, error: HTTPException) -> Response:
        return await _told(connection, document(error.status_code, str(error.detail), error.headers))

    @app.exception_handler(WebSocketRequestValidationError)
    @app.exception_handler(RequestValidationError)
    async def _invalid(connection: HTTPConnection, error: ValidationException) -> Response:
        wrong = [{"where": ".".join(map(str, e["loc"]))[:80], "what": cut(e["msg"])} for e in error.errors()[:20]]
        detail = "; ".join(f"{e['where']}: {e['what']}" for e in wrong[:3])
        return await _told(connection, document(422, detail, errors=wrong))


async def _told(connection: HTTPConnection, response: Response) -> Response:
    """Starlette sends what this answers for a request; for a WebSocket it has to be sent here."""
    if not isinstance(connection, WebSocket):
        return response
    if connection.application_state is WebSocketState.CONNECTING:
        await connection.send_denial_response(response)
    elif connection.application_state is WebSocketState.CONNECTED:
        await connection.close(1011, "the server could not go on; connect again")
    return response
